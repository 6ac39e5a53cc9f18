//! Samples laid out as networks take them: tiles of lanes, each a structure of arrays.

use super::table::{Table, Targets};

/// Samples gathered into tiles of `lanes` samples, the last one with the rest. Gathered once a round and shared by the
/// whole population; the memory is used again from round to round.
///
/// ```
/// use evolvent_problems::datasets::{Batch, TargetsView, generated};
/// let mut batch = Batch::default();
/// batch.gather(&generated::parity(2), &[1, 2, 3], 2);
/// let tile = batch.tiles().next().unwrap();
/// // Two lanes hold the patterns 01 and 10: first bits, then second bits.
/// assert_eq!((tile.lanes, tile.inputs), (2, &[0.0, 1.0, 1.0, 0.0][..]));
/// assert_eq!(tile.targets, TargetsView::Classes { labels: &[1, 1], classes: 2 });
/// assert_eq!(batch.tiles().nth(1).unwrap().lanes, 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    samples: usize,
    lanes: usize,
    /// Inputs per sample.
    width: usize,
    inputs: Vec<f32>,
    /// Empty when the targets are values.
    labels: Vec<u32>,
    /// Number of classes, or of values per sample.
    targets: usize,
    values: Vec<f32>,
}

/// Some samples of a [`Batch`], one per lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tile<'a> {
    /// Number of samples.
    pub lanes: usize,
    /// Input `i` of lane `l` is at `i * lanes + l`.
    pub inputs: &'a [f32],
    /// What should be answered.
    pub targets: TargetsView<'a>,
}

/// Targets of a tile, as losses and metrics take them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TargetsView<'a> {
    /// Class indices below `classes`, one per lane.
    Classes {
        /// One index per lane.
        labels: &'a [u32],
        /// Number of classes.
        classes: usize,
    },
    /// Numbers; value `j` of lane `l` is at `j * lanes + l`.
    Values {
        /// `dimension * lanes` values.
        values: &'a [f32],
        /// Numbers per sample.
        dimension: usize,
    },
}

impl TargetsView<'_> {
    /// Number of samples.
    pub fn lanes(&self) -> usize {
        match self {
            TargetsView::Classes { labels, .. } => labels.len(),
            TargetsView::Values { values, dimension } => values.len() / dimension,
        }
    }
}

impl Batch {
    /// Replaces the content by these samples of `table`, in tiles of `lanes` samples.
    ///
    /// # Panics
    /// When `lanes` is 0 or an index is not below the number of samples.
    pub fn gather(&mut self, table: &Table, indices: &[u32], lanes: usize) {
        assert!(lanes > 0, "a tile has at least one lane");
        (self.samples, self.lanes, self.width) = (indices.len(), lanes, table.width());
        self.targets = table.targets.width();
        transpose(&table.inputs, self.width, indices, lanes, &mut self.inputs);
        self.labels.clear();
        self.values.clear();
        match &table.targets {
            Targets::Classes { labels, .. } => {
                self.labels.extend(indices.iter().map(|&sample| labels[sample as usize]));
            }
            Targets::Values { values, dimension, .. } => {
                transpose(values, *dimension, indices, lanes, &mut self.values);
            }
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.samples
    }

    /// True when nothing was gathered.
    pub fn is_empty(&self) -> bool {
        self.samples == 0
    }

    /// The tiles, in the order of the indices.
    pub fn tiles(&self) -> impl Iterator<Item = Tile<'_>> {
        (0..self.samples).step_by(self.lanes.max(1)).map(|start| {
            let end = (start + self.lanes).min(self.samples);
            let targets = if self.labels.is_empty() {
                let values = &self.values[start * self.targets..end * self.targets];
                TargetsView::Values { values, dimension: self.targets }
            } else {
                TargetsView::Classes { labels: &self.labels[start..end], classes: self.targets }
            };
            let inputs = &self.inputs[start * self.width..end * self.width];
            Tile { lanes: end - start, inputs, targets }
        })
    }
}

/// Rows of `width` values to tiles in which value `i` of lane `l` is at `i * lanes + l`.
fn transpose(rows: &[f32], width: usize, indices: &[u32], lanes: usize, out: &mut Vec<f32>) {
    out.clear();
    out.resize(indices.len() * width, 0.0);
    for (tile, samples) in out.chunks_mut(lanes * width).zip(indices.chunks(lanes)) {
        let lanes = samples.len();
        for (lane, &sample) in samples.iter().enumerate() {
            let row = &rows[sample as usize * width..(sample as usize + 1) * width];
            for (i, &value) in row.iter().enumerate() {
                tile[i * lanes + lane] = value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_samples_and_the_memory_is_used_again() {
        let table = Table {
            inputs: (0..10).map(|i| i as f32).collect(),
            shape: vec![2],
            targets: Targets::Values {
                values: (10..20).map(|i| i as f32).collect(),
                dimension: 2,
                names: vec![],
            },
            features: vec![],
        };
        let mut batch = Batch::default();
        assert!(batch.is_empty() && batch.tiles().next().is_none());
        batch.gather(&table, &[0, 1, 2, 3, 4], 5);
        assert_eq!(batch.tiles().count(), 1);
        batch.gather(&table, &[4, 0, 2], 2);
        let tiles: Vec<Tile<'_>> = batch.tiles().collect();
        assert_eq!((tiles.len(), batch.len()), (2, 3));
        assert_eq!(tiles[0].inputs, [8.0, 0.0, 9.0, 1.0]);
        assert_eq!(tiles[0].targets, TargetsView::Values { values: &[18.0, 10.0, 19.0, 11.0], dimension: 2 });
        assert_eq!(tiles[1].inputs, [4.0, 5.0]);
        assert_eq!((tiles[1].lanes, tiles[1].targets.lanes()), (1, 1));
    }
}
