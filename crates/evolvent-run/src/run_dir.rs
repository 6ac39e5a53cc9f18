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
//! lock                     empty; locked while a process runs or resumes the run
//! ```
//!
//! Files that are replaced are written beside their place first, as `.NAME.new-PID`; a killed process may leave one.

use crate::{
    error::{Error, Result},
    json,
    record::{Event, RECORD_VERSION},
};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// What a run directory may hold at its top; `--overwrite` removes nothing else.
const ENTRIES: [&str; 11] = [
    "config.toml",
    "resolved.toml",
    "events.jsonl",
    "checkpoints",
    "artifacts",
    "champion.safetensors",
    "champion.json",
    "tensorboard",
    "report.html",
    crate::lineage::FILE,
    LOCK,
];

/// The file whose lock says that a process works on the run.
const LOCK: &str = "lock";

/// Held while a process works on a run; the system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: Option<fs::File>,
}

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
        let page = dir.root.join("comparison.html");
        if page.is_file() {
            let hint = format!(
                "open {}; its runs lie below it, such as {}",
                page.display(),
                below(&dir.root).display()
            );
            return Err(
                Error::input(dir.root.display(), "a run directory", "a comparison of runs").with_hint(hint)
            );
        }
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
                let run = first.join("resolved.toml").is_file();
                let found = if run { "one that holds a run" } else { "one that is not empty" };
                let hint = if run {
                    "give another --out, or --overwrite to replace the run there"
                } else {
                    "give another --out"
                };
                return Err(Error::input(first.display(), "a new or empty directory", found).with_hint(hint));
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
                    Error::input(first.display(), "a new or empty directory", "one that is not empty")
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

    /// Takes the run for this process.
    ///
    /// # Errors
    /// If another process has it.
    pub fn lock(&self) -> Result<RunLock> {
        let path = self.root.join(LOCK);
        let file = fs::File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: Some(file) }),
            Err(fs::TryLockError::WouldBlock) => Err(Error::input(
                self.root.display(),
                "a run that no other process works on",
                "one that is being run or resumed",
            )
            .with_hint(
                "wait for that process to end, or interrupt it; `evolvent show` may look on meanwhile",
            )),
            // Some network file systems have no locks; a run there is as safe as it was without them.
            Err(fs::TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => {
                Ok(RunLock { _file: None })
            }
            Err(fs::TryLockError::Error(source)) => Err(Error::Io { action: "lock", path, source }),
        }
    }

    /// Removes drafts that a killed process left. Whoever calls it holds the lock.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn sweep(&self) -> Result<()> {
        let entries = fs::read_dir(&self.root).map_err(Error::io("read", &self.root))?;
        for entry in entries.flatten() {
            // Reports are written without the lock: one may be in the making now.
            let left = |name: &str| name != "report.html" && ENTRIES.contains(&name);
            if entry.file_name().to_str().and_then(draft_of).is_some_and(left) {
                fs::remove_file(entry.path()).map_err(Error::io("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// All records so far. A last line that is not complete is left out: the run may be writing it, or was killed.
    ///
    /// # Errors
    /// If a complete line is no record, or a later version wrote them.
    pub fn read_events(&self) -> Result<Vec<Event>> {
        let path = self.events();
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(Error::reading(&path, "records of a run"))?,
        };
        parse_events(&bytes, &path)
    }
}

/// The first run of a comparison: `ROOT/NAME/seed-1`.
fn below(root: &Path) -> PathBuf {
    let folders = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).min()
    };
    let contender = folders(root);
    contender.and_then(|path| folders(&path)).unwrap_or_else(|| root.join("NAME/seed-1"))
}

/// Bytes, not text: a torn last line need not be UTF-8.
fn parse_events(bytes: &[u8], path: &Path) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    let complete = bytes.iter().rposition(|&b| b == b'\n').map_or(&[][..], |end| &bytes[..end]);
    for (number, line) in complete.split(|&b| b == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let place = || format!("{}:{}", path.display(), number + 1);
        let event: Event =
            json::read(line).map_err(|e| Error::input(place(), "a record as one JSON object", e))?;
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

/// The name of the file that a draft of [`write_whole`] would have become.
pub(crate) fn draft_of(name: &str) -> Option<&str> {
    let (file, process) = name.strip_prefix('.')?.rsplit_once(".new-")?;
    (!process.is_empty() && process.bytes().all(|b| b.is_ascii_digit())).then_some(file)
}

/// Removes the run in a directory, and nothing that is no part of a run.
fn clear(root: &Path) -> Result<()> {
    let dir = RunDir::open(root)?;
    let names: Vec<String> = fs::read_dir(root)
        .map_err(Error::io("read", root))?
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    let own = |name: &str| ENTRIES.contains(&draft_of(name).unwrap_or(name));
    if let Some(name) = names.iter().find(|name| !own(name)) {
        return Err(Error::input(
            root.display(),
            "a directory that holds a run and nothing else",
            format!("`{name}` in it"),
        )
        .with_hint("move it away, or give another --out"));
    }
    let lock = dir.lock()?;
    // resolved.toml last: what is left of an interrupted removal is still known for a run.
    for name in names.iter().filter(|&n| n != "resolved.toml" && n != LOCK) {
        let path = root.join(name);
        let removed = match fs::symlink_metadata(&path) {
            Err(_) => Ok(()),
            Ok(m) if m.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
        };
        removed.map_err(Error::io("remove", &path))?;
    }
    // Some systems remove no file that is open.
    drop(lock);
    for path in [root.join(LOCK), dir.resolved()] {
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}

/// Writes a file whole or not at all, even if the power fails: beside its place first and down to the disk, then renamed
/// over it.
///
/// # Errors
/// If the system refuses.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    write_together(&[(path, Some(bytes))])
}

/// Where a file is written before it takes its place.
pub(crate) fn draft_path(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.new-{}", std::process::id()))
}

/// Writes files that belong together: all of them beside their places first, then one renaming right after the other. A file without bytes has
/// its [draft](draft_path) already.
pub(crate) fn write_together(files: &[(&Path, Option<&[u8]>)]) -> Result<()> {
    let failed = |path: &Path, source| {
        files.iter().for_each(|(path, _)| drop(fs::remove_file(draft_path(path))));
        Error::Io { action: "write", path: path.into(), source }
    };
    for (path, bytes) in files {
        let Some(bytes) = bytes else { continue };
        fs::File::create(draft_path(path))
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .map_err(|e| failed(path, e))?;
    }
    for (path, _) in files {
        fs::rename(draft_path(path), path).map_err(|e| failed(path, e))?;
    }
    // The names must reach the disk, too; not every file system lets a directory be opened for that.
    if let Some(directory) = files.first().and_then(|(path, _)| path.parent()) {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let _ = fs::File::open(directory).and_then(|directory| directory.sync_all());
    }
    Ok(())
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
    fn drafts_of_a_killed_process_are_swept_and_do_not_stop_overwrite() {
        let base = tempfile::tempdir().unwrap();
        let given = base.path().join("run");
        let dir = RunDir::create(&Destination::Given(given.clone()), "config", "resolved").unwrap();
        let draft = |name: &str| dir.root().join(name);
        let left = [".champion.json.new-17", ".resolved.toml.new-17"];
        left.iter().for_each(|name| fs::write(draft(name), "half").unwrap());
        for foreign in [".notes.new-17", ".champion.json.new-x"] {
            fs::write(draft(foreign), "mine").unwrap();
            let error = RunDir::create(&Destination::Overwrite(given.clone()), "", "").unwrap_err();
            assert!(error.to_string().contains(foreign), "{error}");
            dir.sweep().unwrap();
            assert!(draft(foreign).exists() && left.iter().all(|name| !draft(name).exists()));
            fs::remove_file(draft(foreign)).unwrap();
        }
        fs::write(draft(left[0]), "half").unwrap();
        RunDir::create(&Destination::Overwrite(given), "new", "resolved").unwrap();
        assert!(!draft(left[0]).exists());
    }

    #[test]
    fn one_process_at_a_time_works_on_a_run() {
        let base = tempfile::tempdir().unwrap();
        let given = base.path().join("run");
        let dir = RunDir::create(&Destination::Given(given.clone()), "config", "resolved").unwrap();
        let held = dir.lock().unwrap();
        let again = dir.lock().unwrap_err();
        assert_eq!(again.exit_code(), 2);
        assert!(again.to_string().contains("being run or resumed"), "{again}");
        let over = RunDir::create(&Destination::Overwrite(given.clone()), "", "").unwrap_err();
        assert!(over.to_string().contains("being run or resumed"), "{over}");
        assert_eq!(fs::read_to_string(dir.config()).unwrap(), "config", "nothing was removed");
        drop(held);
        dir.lock().unwrap();
        RunDir::create(&Destination::Overwrite(given), "", "").unwrap();
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
        let read = |text: &str| parse_events(text.as_bytes(), path);
        assert_eq!(read("").unwrap(), []);
        let torn = [stopped.as_bytes(), b"\n{\"event\":\"\xe2\x82"].concat();
        assert_eq!(parse_events(&torn, path).unwrap().len(), 1, "a character may be torn, too");
        assert_eq!(read(&format!("{stopped}\n{}", &stopped[..40])).unwrap().len(), 1);
        let error = read(&format!("{stopped}\n{}\n", &stopped[..40])).unwrap_err();
        assert!(error.to_string().starts_with("events.jsonl:2"), "{error}");
    }
}
