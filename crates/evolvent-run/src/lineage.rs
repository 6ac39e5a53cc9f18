//! `lineage.bin`: who descends from whom, for algorithms that say so. One row of [`ROW`] bytes for every individual, in the
//! order in which they were asked for.
//!
//! | bytes | little-endian |
//! |---|---|
//! | 8 | id |
//! | 8 + 8 | ids of the parents, the first the one that it takes after; all bits set for none |
//! | 4 | `f32`: first objective in the user's sense; NaN if it failed |
//! | 4 | generation, from 1 |
//! | 1 | the algorithm's code of the operator that made it |
//!
//! In front of the rows stand the 16 bytes `evolvent.lineage`, the version and the length of a row, 4 bytes each.

use crate::error::{Error, Result};
use evolvent_core::{Lineage, Scores, Sense};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::Path,
};

/// Bytes of an individual.
pub const ROW: usize = 33;
/// The file, relative to the run directory.
pub(crate) const FILE: &str = "lineage.bin";
const MAGIC: &[u8; 16] = b"evolvent.lineage";
const VERSION: u32 = 1;
const HEADER: usize = 24;

/// An individual of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Individual {
    /// Its number in the run.
    pub id: u64,
    /// Its parents, the first the one that it takes after.
    pub parents: [Option<u64>; 2],
    /// First objective in the user's sense; NaN if it failed.
    pub value: f32,
    /// The generation that it was measured in, from 1.
    pub generation: u32,
    /// The algorithm's code of the operator that made it.
    pub operator: u8,
}

/// The file of a run that goes on.
pub(crate) struct LineageFile {
    file: File,
    bytes: u64,
}

impl LineageFile {
    /// Opens the file for more rows, and begins it if it is not there.
    pub(crate) fn open(root: &Path) -> Result<LineageFile> {
        let path = root.join(FILE);
        let mut file =
            File::options().create(true).append(true).open(&path).map_err(Error::io("open", &path))?;
        let mut bytes = file.metadata().map_err(Error::io("read", &path))?.len();
        if bytes == 0 {
            let mut header = MAGIC.to_vec();
            header.extend(VERSION.to_le_bytes());
            header.extend((ROW as u32).to_le_bytes());
            file.write_all(&header).map_err(Error::io("write", &path))?;
            bytes = HEADER as u64;
        }
        Ok(LineageFile { file, bytes })
    }

    /// How long it is.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the individuals of a generation.
    pub(crate) fn add(
        &mut self,
        root: &Path,
        lineage: &[Lineage],
        scores: &Scores,
        sense: Sense,
        generation: u64,
    ) -> Result<()> {
        let mut rows = Vec::with_capacity(lineage.len() * ROW);
        for (i, l) in lineage.iter().enumerate() {
            let value = if scores.failed[i] { f64::NAN } else { sense.flip(scores.value(i)) + 0.0 };
            rows.extend(l.id.to_le_bytes());
            l.parents.iter().for_each(|p| rows.extend(p.unwrap_or(u64::MAX).to_le_bytes()));
            rows.extend((value as f32).to_le_bytes());
            rows.extend((generation as u32).to_le_bytes());
            rows.push(l.operator);
        }
        self.file.write_all(&rows).map_err(Error::io("write", &root.join(FILE)))?;
        self.bytes += rows.len() as u64;
        Ok(())
    }
}

/// Everybody in a run, in order; nobody if the algorithm keeps no lineage. A row that is being written is left out.
///
/// # Errors
/// If the file is not what this program writes.
pub fn read(root: &Path) -> Result<Vec<Individual>> {
    let path = root.join(FILE);
    let bytes = match fs::read(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("read", &path))?,
    };
    parse(&bytes).map_err(|found| Error::input(path.display(), "the lineage of a run", found))
}

fn parse(bytes: &[u8]) -> std::result::Result<Vec<Individual>, String> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
    if bytes.len() < HEADER || &bytes[..16] != MAGIC {
        return Err("something else".into());
    }
    if (number(16), number(20)) != (VERSION, ROW as u32) {
        return Err(format!("version {} with rows of {} bytes", number(16), number(20)));
    }
    let (rows, _) = bytes[HEADER..].as_chunks::<ROW>();
    Ok(rows
        .iter()
        .map(|row| {
            let long = |at: usize| u64::from_le_bytes(row[at..at + 8].try_into().unwrap_or_default());
            let short = |at: usize| -> [u8; 4] { row[at..at + 4].try_into().unwrap_or_default() };
            let parent = |at: usize| Some(long(at)).filter(|&id| id != u64::MAX);
            Individual {
                id: long(0),
                parents: [parent(8), parent(16)],
                value: f32::from_le_bytes(short(24)),
                generation: u32::from_le_bytes(short(28)),
                operator: row[32],
            }
        })
        .collect())
}

/// What one operator did in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Yield {
    /// Individuals that it made.
    pub children: u64,
    /// How many of them were better than each of their parents.
    pub better: u64,
    /// How many stand on the champion's main line.
    pub on_line: u64,
    /// How many of those were better than the one before them on the line.
    pub paid: u64,
}

/// The descent of one individual.
#[derive(Clone, Debug, PartialEq)]
pub struct Ancestry {
    /// The main line: the individual itself, the parent that it takes after, and so on to a first genome.
    pub line: Vec<Individual>,
    /// All its ancestors, itself not counted.
    pub ancestors: u64,
    /// By operator code, over the whole run.
    pub operators: BTreeMap<u8, Yield>,
}

/// The descent of `champion`, or of the best individual where it is not known; `None` where there is nobody.
pub fn ancestry(all: &[Individual], champion: Option<u64>, sense: Sense) -> Option<Ancestry> {
    let loss = |i: &Individual| if i.value.is_nan() { f64::INFINITY } else { sense.flip(f64::from(i.value)) };
    // An individual that was measured again keeps its first row.
    let mut by_id: BTreeMap<u64, &Individual> = BTreeMap::new();
    all.iter().for_each(|i| {
        by_id.entry(i.id).or_insert(i);
    });
    let known = champion.and_then(|id| by_id.get(&id).copied());
    let begin =
        known.or_else(|| all.iter().min_by(|a, b| loss(a).total_cmp(&loss(b)).then(a.id.cmp(&b.id))))?;
    let parents = |i: &Individual| i.parents.into_iter().flatten().filter_map(|id| by_id.get(&id).copied());
    let mut line = vec![*begin];
    // Ids ascend from parent to child, so this ends, whatever the file says.
    while let Some(parent) = line.last().and_then(|last| parents(last).next().filter(|p| p.id < last.id)) {
        line.push(*parent);
    }
    let (mut seen, mut stack) = (std::collections::BTreeSet::new(), vec![begin]);
    while let Some(individual) = stack.pop() {
        stack.extend(parents(individual).filter(|p| seen.insert(p.id)));
    }
    seen.remove(&begin.id);
    let mut operators: BTreeMap<u8, Yield> = BTreeMap::new();
    for individual in by_id.values() {
        let entry = operators.entry(individual.operator).or_default();
        entry.children += 1;
        let best = parents(individual).map(&loss).fold(f64::INFINITY, f64::min);
        entry.better += u64::from(best.is_finite() && loss(individual) < best);
    }
    for (i, individual) in line.iter().enumerate() {
        let entry = operators.entry(individual.operator).or_default();
        entry.on_line += 1;
        entry.paid += u64::from(line.get(i + 1).is_some_and(|before| loss(individual) < loss(before)));
    }
    Some(Ancestry { line, ancestors: seen.len() as u64, operators })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(id: u64, parents: [Option<u64>; 2], operator: u8) -> Lineage {
        Lineage { id, parents, operator }
    }

    #[test]
    fn rows_read_back_and_tell_who_paid() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = LineageFile::open(dir.path()).unwrap();
        let first = [lineage(0, [None, None], 0), lineage(1, [None, None], 0)];
        file.add(dir.path(), &first, &Scores::of_losses(&[-1.0, -2.0]), Sense::Maximize, 1).unwrap();
        drop(file);
        let mut file = LineageFile::open(dir.path()).unwrap();
        let second = [lineage(2, [Some(1), Some(0)], 3), lineage(3, [Some(1), None], 2)];
        file.add(dir.path(), &second, &Scores::of_losses(&[-1.5, -4.0]), Sense::Maximize, 2).unwrap();
        let third = [lineage(4, [Some(3), Some(2)], 3)];
        file.add(dir.path(), &third, &Scores::of_losses(&[-4.0]), Sense::Maximize, 3).unwrap();
        let bytes = fs::read(dir.path().join(FILE)).unwrap();
        assert_eq!((bytes.len() as u64, bytes.len()), (file.bytes(), HEADER + 5 * ROW));
        let all = read(dir.path()).unwrap();
        assert_eq!(all[2].parents, [Some(1), Some(0)]);
        assert_eq!((all[3].value, all[3].generation, all[3].operator), (4.0, 2, 2));
        let ancestry = ancestry(&all, Some(4), Sense::Maximize).unwrap();
        assert_eq!(ancestry.line.iter().map(|i| i.id).collect::<Vec<_>>(), [4, 3, 1]);
        assert_eq!(ancestry.ancestors, 4);
        assert_eq!(ancestry.operators[&2], Yield { children: 1, better: 1, on_line: 1, paid: 1 });
        assert_eq!(ancestry.operators[&3], Yield { children: 2, better: 0, on_line: 1, paid: 0 });
        // Without a known champion the best counts, the first of equals.
        assert_eq!(super::ancestry(&all, None, Sense::Maximize).unwrap().line[0].id, 3);
        assert!(super::ancestry(&[], None, Sense::Maximize).is_none());
    }

    #[test]
    fn other_files_are_refused_and_cut_rows_left_out() {
        assert!(parse(b"evolvent.line").is_err());
        assert!(parse(&[0; 100]).is_err());
        let mut bytes = MAGIC.to_vec();
        bytes.extend(1u32.to_le_bytes());
        bytes.extend((ROW as u32).to_le_bytes());
        bytes.extend([0; ROW + 5]);
        assert_eq!(parse(&bytes).unwrap().len(), 1);
        bytes[16] = 2;
        assert!(parse(&bytes).is_err());
    }

    #[test]
    fn a_circle_ends() {
        let one = |id, parent| Individual {
            id,
            parents: [Some(parent), None],
            value: 0.0,
            generation: 1,
            operator: 0,
        };
        let ancestry = ancestry(&[one(0, 1), one(1, 0)], Some(1), Sense::Minimize).unwrap();
        assert_eq!(ancestry.line.len(), 2);
    }
}
