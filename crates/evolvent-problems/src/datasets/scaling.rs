//! Affine scaling of inputs and targets, with statistics of the training samples.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::Standardise;
use super::table::{Table, Targets};

/// z = (x − offset) / scale, kept so that it can be folded into a trained network and its exports.
///
/// `offset` and `scale` have one entry for all components, one for each channel, or one for each component; entry `i` of
/// `n` serves the components from `i·width/n` on. No entry: nothing is changed. Every scale is above 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// What is subtracted.
    pub offset: Vec<f32>,
    /// What is divided by.
    pub scale: Vec<f32>,
}

impl Scaling {
    /// Leaves everything as it is.
    pub fn none() -> Self {
        Self::default()
    }

    /// True when nothing is changed.
    pub fn is_none(&self) -> bool {
        self.offset.is_empty()
    }

    /// The statistics that `how` asks for, of the inputs of a table; `Auto` is per feature for tables, none for images.
    pub fn of_inputs(table: &Table, how: Standardise) -> Self {
        let width = table.width();
        let image = table.is_image();
        let channels = if image { table.shape[0] } else { width };
        match how {
            Standardise::None => Self::none(),
            Standardise::Auto if image => Self::none(),
            Standardise::Auto | Standardise::PerFeature => Self::moments(&table.inputs, width, width),
            Standardise::PerChannel => Self::moments(&table.inputs, width, channels),
            Standardise::Global => Self::moments(&table.inputs, width, 1),
            Standardise::MinMax => Self::range(&table.inputs, width, if image { 1 } else { width }),
        }
    }

    /// Mean and standard deviation of each number of the targets; none for classes.
    pub fn of_targets(targets: &Targets) -> Self {
        match targets {
            Targets::Classes { .. } => Self::none(),
            Targets::Values { values, dimension, .. } => Self::moments(values, *dimension, *dimension),
        }
    }

    /// Mean and standard deviation (divided by n) of `groups` equal runs of components, in two passes of `f64`.
    fn moments(rows: &[f32], width: usize, groups: usize) -> Self {
        let run = width / groups;
        let count = (rows.len() / groups).max(1) as f64;
        let mut mean = vec![0.0; groups];
        for row in rows.chunks_exact(width) {
            for (mean, run) in mean.iter_mut().zip(row.chunks_exact(run)) {
                run.iter().for_each(|&x| *mean += f64::from(x));
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= count);
        let mut variance = vec![0.0; groups];
        for row in rows.chunks_exact(width) {
            for ((variance, mean), run) in variance.iter_mut().zip(&mean).zip(row.chunks_exact(run)) {
                run.iter().for_each(|&x| *variance += (f64::from(x) - mean).powi(2));
            }
        }
        let deviation = variance.iter().map(|v| (v / count).sqrt());
        Self::new(mean.iter().copied(), deviation)
    }

    /// Minimum, and maximum minus minimum, of `groups` equal runs of components.
    fn range(rows: &[f32], width: usize, groups: usize) -> Self {
        let run = width / groups;
        let mut ends = vec![(f64::INFINITY, f64::NEG_INFINITY); groups];
        for row in rows.chunks_exact(width) {
            for ((low, high), run) in ends.iter_mut().zip(row.chunks_exact(run)) {
                for &x in run {
                    (*low, *high) = (low.min(f64::from(x)), high.max(f64::from(x)));
                }
            }
        }
        Self::new(ends.iter().map(|end| end.0), ends.iter().map(|(low, high)| high - low))
    }

    /// A spread that rounding alone can make (relative 1e-7 of the offset, the step of `f32`) counts as none: the
    /// component is constant and only moved, not blown up.
    fn new(offset: impl Iterator<Item = f64>, scale: impl Iterator<Item = f64>) -> Self {
        let pairs = offset.zip(scale).map(|(offset, scale)| {
            let constant = scale <= 1e-7 * offset.abs()
                || (scale as f32) < f32::MIN_POSITIVE
                || !(scale as f32).is_finite();
            (offset as f32, if constant { 1.0 } else { scale as f32 })
        });
        let (offset, scale) = pairs.unzip();
        Scaling { offset, scale }
    }

    /// Offset and scale of each of `width` components.
    pub fn expanded(&self, width: usize) -> (Vec<f32>, Vec<f32>) {
        if self.is_none() {
            return (vec![0.0; width], vec![1.0; width]);
        }
        let run = width / self.offset.len();
        let repeat =
            |entries: &[f32]| entries.iter().flat_map(|&entry| std::iter::repeat_n(entry, run)).collect();
        (repeat(&self.offset), repeat(&self.scale))
    }

    /// Scales rows of `width` components in place.
    pub fn apply(&self, rows: &mut [f32], width: usize) {
        if self.is_none() {
            return;
        }
        let run = width / self.offset.len();
        for row in rows.chunks_exact_mut(width) {
            for ((run, offset), scale) in row.chunks_exact_mut(run).zip(&self.offset).zip(&self.scale) {
                run.iter_mut().for_each(|x| *x = (*x - offset) / scale);
            }
        }
    }

    /// The reverse of [`apply`](Self::apply): x = z · scale + offset.
    pub fn undo(&self, rows: &mut [f32], width: usize) {
        if self.is_none() {
            return;
        }
        let run = width / self.offset.len();
        for row in rows.chunks_exact_mut(width) {
            for ((run, offset), scale) in row.chunks_exact_mut(run).zip(&self.offset).zip(&self.scale) {
                run.iter_mut().for_each(|z| *z = *z * scale + offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(inputs: Vec<f32>, shape: Vec<usize>) -> Table {
        let samples = inputs.len() / shape.iter().product::<usize>();
        let targets = Targets::Values { values: vec![0.0; samples], dimension: 1, names: vec![] };
        Table { inputs, shape, targets, features: vec![] }
    }

    #[test]
    fn per_feature_with_a_constant_one() {
        let table = table(vec![1.0, 5.0, 10.0, 3.0, 5.0, 20.0], vec![3]);
        let scaling = Scaling::of_inputs(&table, Standardise::Auto);
        assert_eq!(scaling, Scaling { offset: vec![2.0, 5.0, 15.0], scale: vec![1.0, 1.0, 5.0] });
        let mut rows = table.inputs.clone();
        scaling.apply(&mut rows, 3);
        assert_eq!(rows, [-1.0, 0.0, -1.0, 1.0, 0.0, 1.0]);
        scaling.undo(&mut rows, 3);
        assert_eq!(rows, table.inputs);
    }

    #[test]
    fn images_by_channel_all_together_or_by_range() {
        let table = table(vec![0.0, 2.0, 10.0, 30.0], vec![2, 1, 2]);
        assert!(Scaling::of_inputs(&table, Standardise::Auto).is_none());
        let channel = Scaling::of_inputs(&table, Standardise::PerChannel);
        assert_eq!(channel, Scaling { offset: vec![1.0, 20.0], scale: vec![1.0, 10.0] });
        assert_eq!(channel.expanded(4), (vec![1.0, 1.0, 20.0, 20.0], vec![1.0, 1.0, 10.0, 10.0]));
        let mut rows = table.inputs.clone();
        channel.apply(&mut rows, 4);
        assert_eq!(rows, [-1.0, 1.0, -1.0, 1.0]);
        assert_eq!(Scaling::of_inputs(&table, Standardise::Global).offset, [10.5]);
        let range = Scaling::of_inputs(&table, Standardise::MinMax);
        assert_eq!(range, Scaling { offset: vec![0.0], scale: vec![30.0] });
        assert_eq!(Scaling::none().expanded(2), (vec![0.0; 2], vec![1.0; 2]));
    }

    #[test]
    fn rounding_is_not_blown_up() {
        let nearly = table(vec![1e6, 1e6 + 0.0625], vec![1]);
        assert_eq!(Scaling::of_inputs(&nearly, Standardise::PerFeature).scale, [1.0]);
        let wide = table(vec![-3e38, 3e38], vec![1]);
        assert!(Scaling::of_inputs(&wide, Standardise::MinMax).scale[0].is_finite());
    }
}
