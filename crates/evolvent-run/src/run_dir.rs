//! The run directory: where everything about a run lies.
//!
//! ```text
//! config.toml              the experiment file as given
//! resolved.toml            everything filled in, with seed, versions and numeric level
//! events.jsonl             records, one JSON object per line
//! checkpoints/NNNNNN/      structure.json and arrays.safetensors; the last two are kept
//! artifacts/               what evaluations leave behind, named by content
//! champion.safetensors     the best genome, and the front if there is one
//! champion.json            what it is, its scores and where it came from
//! tensorboard/             event files, if asked for
//! report.html              curves and tables in one file
//! ```

use crate::{
    error::{Error, Result},
    record::{Event, RECORD_VERSION},
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// What a run directory may hold at its top; `--overwrite` removes nothing else.
const ENTRIES: [&str; 9] = [
    "config.toml",
    "resolved.toml",
    "events.jsonl",
    "checkpoints",
    "artifacts",
    "champion.safetensors",
    "champion.json",
    "tensorboard",
    "report.html",
];

/// The directory of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    root: PathBuf,
}

/// Where a new run shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// `runs/<stem>` below the current directory, else with `-2`, `-3` and so on.
    Named(String),
    /// This directory; it must not exist, or be empty.
    Given(PathBuf),
    /// This directory; a run that lies there is removed.
    Overwrite(PathBuf),
}

impl RunDir {
    /// An existing run.
    ///
    /// # Errors
    /// If there is no run at `root`.
    pub fn open(root: impl Into<PathBuf>) -> Result<RunDir> {
        let dir = RunDir { root: root.into() };
        if dir.resolved().is_file() {
            return Ok(dir);
        }
        let found = match fs::metadata(&dir.root) {
            Err(_) => "nothing there",
            Ok(m) if m.is_dir() => "a directory without resolved.toml",
            Ok(_) => "a file",
        };
        Err(Error::input(dir.root.display(), "a run directory", found)
            .with_hint("`evolvent run FILE` makes one below runs/"))
    }

    /// Makes the directory with its first files, whole or not at all: a directory that can be seen can be resumed.
    ///
    /// # Errors
    /// If a given directory is in use, or the system refuses.
    pub fn create(destination: &Destination, config: &str, resolved: &str) -> Result<RunDir> {
        let (first, stem) = match destination {
            Destination::Named(stem) => (Path::new("runs").join(stem), Some(stem)),
            Destination::Given(path) | Destination::Overwrite(path) => (path.clone(), None),
        };
        let occupied = || {
            fs::symlink_metadata(&first).is_ok()
                && fs::read_dir(&first).map_or(true, |mut d| d.next().is_some())
        };
        match destination {
            Destination::Given(_) if occupied() => {
                return Err(Error::input(first.display(), "a new or empty directory", "one that is in use")
                    .with_hint("give another --out, or --overwrite to replace the run there"));
            }
            Destination::Overwrite(_) if occupied() => clear(&first)?,
            _ => {}
        }
        let parent = match first.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(Error::io("create", &parent))?;
        let name = first.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let draft = parent.join(format!(".{name}.new-{}", std::process::id()));
        let made = fill(&draft, config, resolved).and_then(|()| match stem {
            None => place(&draft, &first).and_then(|placed| {
                let taken = || {
                    Error::input(first.display(), "a new or empty directory", "one that is in use")
                        .with_hint("another run may have taken it just now")
                };
                if placed { Ok(first.clone()) } else { Err(taken()) }
            }),
            Some(stem) => (1u64..)
                .map(|n| if n == 1 { first.clone() } else { parent.join(format!("{stem}-{n}")) })
                .find_map(|root| match fs::symlink_metadata(&root) {
                    Ok(_) => None,
                    Err(_) => match place(&draft, &root) {
                        Ok(true) => Some(Ok(root)),
                        Ok(false) => None,
                        Err(error) => Some(Err(error)),
                    },
                })
                .expect("some number is free"),
        });
        if made.is_err() {
            // The draft is ours and unfinished; the error that matters is the one that stopped it.
            let _ = fs::remove_dir_all(&draft);
        }
        made.map(|root| RunDir { root })
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// The experiment file as given.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }
    /// The experiment with everything filled in.
    pub fn resolved(&self) -> PathBuf {
        self.root.join("resolved.toml")
    }
    /// The records.
    pub fn events(&self) -> PathBuf {
        self.root.join("events.jsonl")
    }
    /// The directory of checkpoints.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }
    /// What evaluations left behind.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }
    /// The champion's numbers.
    pub fn champion_arrays(&self) -> PathBuf {
        self.root.join("champion.safetensors")
    }
    /// The champion's description.
    pub fn champion_json(&self) -> PathBuf {
        self.root.join("champion.json")
    }
    /// TensorBoard's event files.
    pub fn tensorboard(&self) -> PathBuf {
        self.root.join("tensorboard")
    }
    /// The report.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// All records so far. A last line that is not complete is left out: the run may be writing it, or was killed.
    ///
    /// # Errors
    /// If a complete line is no record, or a later version wrote them.
    pub fn read_events(&self) -> Result<Vec<Event>> {
        let path = self.events();
        let text = match fs::read_to_string(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(Error::reading(&path, "records of a run"))?,
        };
        parse_events(&text, &path)
    }
}

fn parse_events(text: &str, path: &Path) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    for (number, line) in complete.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let place = || format!("{}:{}", path.display(), number + 1);
        let event: Event = serde_json::from_str(line)
            .map_err(|e| Error::input(place(), "a record as one JSON object", e.to_string()))?;
        if let Event::Started(started) = &event
            && started.version > RECORD_VERSION
        {
            return Err(Error::input(
                place(),
                format!("records of version {RECORD_VERSION} or earlier"),
                format!("version {} (evolvent {})", started.version, started.evolvent),
            ));
        }
        events.push(event);
    }
    Ok(events)
}

fn fill(draft: &Path, config: &str, resolved: &str) -> Result<()> {
    let _ = fs::remove_dir_all(draft);
    fs::create_dir(draft).map_err(Error::io("create", draft))?;
    for (name, text) in [("config.toml", config), ("resolved.toml", resolved), ("events.jsonl", "")] {
        let path = draft.join(name);
        fs::write(&path, text).map_err(Error::io("write", &path))?;
    }
    Ok(())
}

/// Renames a directory; false if something lies there already. An empty directory is replaced.
fn place(draft: &Path, root: &Path) -> Result<bool> {
    use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
    match fs::rename(draft, root) {
        Ok(()) => Ok(true),
        Err(e) if matches!(e.kind(), AlreadyExists | DirectoryNotEmpty | NotADirectory) => Ok(false),
        Err(e) => Err(Error::Io { action: "create", path: root.into(), source: e }),
    }
}

/// Removes the run in a directory, and nothing that is no part of a run.
fn clear(root: &Path) -> Result<()> {
    let dir = RunDir::open(root)?;
    let foreign = fs::read_dir(root)
        .map_err(Error::io("read", root))?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .find(|name| !ENTRIES.contains(&name.as_str()));
    if let Some(name) = foreign {
        return Err(Error::input(
            root.display(),
            "a directory that holds a run and nothing else",
            format!("`{name}` in it"),
        )
        .with_hint("move it away, or give another --out"));
    }
    // resolved.toml last: what is left of an interrupted removal is still known for a run.
    for name in ENTRIES.iter().filter(|&&n| n != "resolved.toml") {
        let path = root.join(name);
        let removed = match fs::symlink_metadata(&path) {
            Err(_) => Ok(()),
            Ok(m) if m.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
        };
        removed.map_err(Error::io("remove", &path))?;
    }
    let resolved = dir.resolved();
    fs::remove_file(&resolved).map_err(Error::io("remove", &resolved))
}

/// Writes a file whole or not at all: beside its place first, then renamed over it.
///
/// # Errors
/// If the system refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let draft = path.with_file_name(format!(".{name}.new-{}", std::process::id()));
    let written = fs::File::create(&draft)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&draft, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&draft);
        Error::Io { action: "write", path: path.into(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_directory_must_be_free() {
        let base = tempfile::tempdir().unwrap();
        let given = base.path().join("a").join("b");
        let dir = RunDir::create(&Destination::Given(given.clone()), "config", "resolved").unwrap();
        assert_eq!(fs::read_to_string(dir.config()).unwrap(), "config");
        let again = RunDir::create(&Destination::Given(given.clone()), "", "").unwrap_err();
        assert_eq!(again.exit_code(), 2);
        assert!(again.to_string().contains("--overwrite"), "{again}");
        fs::create_dir(dir.artifacts()).unwrap();
        RunDir::create(&Destination::Overwrite(given.clone()), "new", "resolved").unwrap();
        assert_eq!(fs::read_to_string(dir.config()).unwrap(), "new");
        assert!(!dir.artifacts().exists());
        assert_eq!(fs::read_dir(base.path().join("a")).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn overwrite_touches_nothing_that_is_no_run() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("thesis.tex"), "years").unwrap();
        let to = Destination::Overwrite(base.path().into());
        assert_eq!(RunDir::create(&to, "", "").unwrap_err().exit_code(), 2);
        fs::write(base.path().join("resolved.toml"), "").unwrap();
        let error = RunDir::create(&to, "", "").unwrap_err();
        assert!(error.to_string().contains("thesis.tex"), "{error}");
        assert!(base.path().join("thesis.tex").exists());
    }

    #[test]
    fn an_empty_directory_may_be_given() {
        let base = tempfile::tempdir().unwrap();
        let dir = RunDir::create(&Destination::Given(base.path().into()), "c", "r").unwrap();
        assert!(RunDir::open(dir.root()).is_ok());
        assert_eq!(RunDir::open(base.path().join("artifacts")).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_a_wrong_line_is_named() {
        let stopped = r#"{"event":"stopped","generation":1,"evaluations":2,"stopped_by":"target","timing":{"seconds":0.0,"unix":0.0}}"#;
        let path = Path::new("events.jsonl");
        let read = |text: &str| parse_events(text, path);
        assert_eq!(read("").unwrap(), []);
        assert_eq!(read(&format!("{stopped}\n{}", &stopped[..40])).unwrap().len(), 1);
        let error = read(&format!("{stopped}\n{}\n", &stopped[..40])).unwrap_err();
        assert!(error.to_string().starts_with("events.jsonl:2"), "{error}");
    }
}
