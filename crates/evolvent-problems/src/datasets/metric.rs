//! Metrics: what a person is told about a network, as opposed to what evolution minimises.

use evolvent_core::{Output, Violations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch::TargetsView;
use super::loss::{Loss, grid_side, lane_distance, written};
use super::scaling::Scaling;
use super::table::Targets;

/// What is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Part of the samples whose class is answered, 0 to 1; more is better.
    Accuracy,
    /// Accuracy of each class that occurs, averaged over these classes, 0 to 1; more is better.
    BalancedAccuracy,
    /// Mean of −ln of the probability given to the right class; less is better. Needs one output for each class.
    CrossEntropy,
    /// Mean of the squared differences, in squared units of the targets; less is better.
    #[serde(alias = "mse")]
    MeanSquaredError,
    /// Root of the mean squared difference, in units of the targets; less is better.
    #[serde(alias = "rmse")]
    RootMeanSquaredError,
    /// Mean absolute difference, in units of the targets; less is better.
    #[serde(alias = "mae")]
    MeanAbsoluteError,
    /// 1 − Σ(y − ŷ)² / Σ(y − ȳ)², averaged over the numbers of a target; at most 1, more is better. A number that never
    /// changes counts 1 when it is answered exactly, else 0.
    R2,
    /// Part of the samples all of whose outputs are on the side of 0 that their targets are on, 0 to 1; more is better. For
    /// targets of −1 and 1.
    SignAccuracy,
    /// Mean distance between the cell of a square grid that is answered and the right one, in sides of the grid; less is better.
    Distance,
}

impl Metric {
    /// The metric that fits the targets: accuracy for classes, R² for numbers.
    pub fn fitting(targets: &Targets) -> Self {
        match targets {
            Targets::Classes { .. } => Metric::Accuracy,
            Targets::Values { .. } => Metric::R2,
        }
    }

    /// True when more is better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Metric::Accuracy | Metric::BalancedAccuracy | Metric::R2 | Metric::SignAccuracy)
    }

    /// Checks that the metric can judge these targets answered under this loss.
    ///
    /// # Errors
    /// A metric of classes for numbers or the reverse; cross entropy of a network with one output for two classes.
    pub fn check(self, targets: &Targets, loss: Loss) -> Result<(), Violations> {
        let of_classes = matches!(
            self,
            Metric::Accuracy | Metric::BalancedAccuracy | Metric::CrossEntropy | Metric::Distance
        );
        let expected = match targets {
            Targets::Values { .. } if of_classes => {
                "r2, mean_squared_error, root_mean_squared_error, mean_absolute_error or sign_accuracy, because the targets \
                 are numbers"
            }
            Targets::Classes { .. } if !of_classes => {
                "accuracy, balanced_accuracy or cross_entropy, because the targets are classes"
            }
            Targets::Classes { .. } if self == Metric::CrossEntropy && loss != Loss::CrossEntropy => {
                "accuracy or balanced_accuracy: cross_entropy can be told only of a network evolved for it"
            }
            Targets::Classes { names, .. }
                if self == Metric::Distance
                    && (grid_side(names.len()).is_none()
                        || matches!(loss.output(targets), Output::Values(_))) =>
            {
                "accuracy or balanced_accuracy: distance needs one output for each cell of a square grid"
            }
            _ => return Ok(()),
        };
        Err(Violations::one("metric", written(&self), expected))
    }
}

/// Collects a metric over tiles of samples; outputs are laid out as for [`Loss::add`].
#[derive(Clone, Debug)]
pub struct Scorer {
    metric: Metric,
    threshold: f32,
    /// One entry for each number of a target.
    scale: Vec<f64>,
    samples: usize,
    loss: f64,
    /// Samples all of whose signs are right; or summed distances.
    total: f64,
    /// Per class: samples, and samples answered rightly.
    classes: Vec<(u64, u64)>,
    /// Per number of a target, in the units that the network sees.
    sums: Vec<Sums>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    target: f64,
    target_square: f64,
    error_square: f64,
    error_absolute: f64,
}

impl Scorer {
    /// A scorer for targets like these, which were scaled by `scaling` and are answered under `loss`.
    pub fn new(metric: Metric, loss: Loss, targets: &Targets, scaling: &Scaling) -> Self {
        let width = targets.width();
        let classes = match targets {
            Targets::Classes { .. } => vec![(0, 0); width],
            Targets::Values { .. } => Vec::new(),
        };
        let sums = vec![Sums::default(); if classes.is_empty() { width } else { 0 }];
        let (_, scale) = scaling.expanded(sums.len());
        let scale = scale.into_iter().map(f64::from).collect();
        Scorer {
            metric,
            threshold: loss.threshold(),
            scale,
            samples: 0,
            loss: 0.0,
            total: 0.0,
            classes,
            sums,
        }
    }

    /// Forgets what was collected.
    pub fn clear(&mut self) {
        (self.samples, self.loss, self.total) = (0, 0.0, 0.0);
        self.classes.fill((0, 0));
        self.sums.fill(Sums::default());
    }

    /// Takes the outputs of one tile into account.
    ///
    /// # Panics
    /// When the lengths do not fit together or the targets are of another kind.
    pub fn add(&mut self, outputs: &[f32], targets: TargetsView<'_>) {
        let lanes = targets.lanes();
        self.samples += lanes;
        match targets {
            TargetsView::Classes { labels, classes } => {
                assert_eq!(classes, self.classes.len(), "as many classes as in the targets of the scorer");
                if self.metric == Metric::CrossEntropy {
                    Loss::CrossEntropy.add(outputs, targets, &mut self.loss);
                    return;
                }
                if let (Metric::Distance, Some(side)) = (self.metric, grid_side(classes)) {
                    for (lane, &label) in labels.iter().enumerate() {
                        self.total += lane_distance(outputs, lanes, lane, label, side).sqrt();
                    }
                    return;
                }
                for (lane, &label) in labels.iter().enumerate() {
                    let (samples, right) = &mut self.classes[label as usize];
                    *samples += 1;
                    *right += u64::from(answer(outputs, lanes, lane, self.threshold) == Some(label));
                }
            }
            TargetsView::Values { values, dimension } => {
                assert_eq!(dimension, self.sums.len(), "as many numbers as in the targets of the scorer");
                assert_eq!(outputs.len(), values.len(), "one output for each target");
                if self.metric == Metric::SignAccuracy {
                    let right = |i: usize| outputs[i] * values[i] > 0.0;
                    let all = |lane: &usize| (0..dimension).all(|j| right(j * lanes + lane));
                    self.total += (0..lanes).filter(all).count() as f64;
                    return;
                }
                let rows = outputs.chunks_exact(lanes.max(1)).zip(values.chunks_exact(lanes.max(1)));
                for (sums, (outputs, values)) in self.sums.iter_mut().zip(rows) {
                    for (&output, &value) in outputs.iter().zip(values) {
                        let error = f64::from(output) - f64::from(value);
                        sums.target += f64::from(value);
                        sums.target_square += f64::from(value) * f64::from(value);
                        sums.error_square += error * error;
                        sums.error_absolute += error.abs();
                    }
                }
            }
        }
    }

    /// The metric over all that was added; NaN when nothing was.
    pub fn value(&self) -> f64 {
        let samples = self.samples as f64;
        let mean = |f: fn(&Sums, f64) -> f64| {
            let sum: f64 = self.sums.iter().zip(&self.scale).map(|(sums, &scale)| f(sums, scale)).sum();
            sum / (samples * self.sums.len() as f64)
        };
        match self.metric {
            Metric::Accuracy => self.classes.iter().map(|class| class.1).sum::<u64>() as f64 / samples,
            Metric::BalancedAccuracy => {
                let occurring = self.classes.iter().filter(|class| class.0 > 0);
                let shares: Vec<f64> = occurring.map(|&(all, right)| right as f64 / all as f64).collect();
                shares.iter().sum::<f64>() / shares.len() as f64
            }
            Metric::CrossEntropy => self.loss / samples,
            Metric::MeanSquaredError => mean(|sums, scale| sums.error_square * scale * scale),
            Metric::RootMeanSquaredError => mean(|sums, scale| sums.error_square * scale * scale).sqrt(),
            Metric::MeanAbsoluteError => mean(|sums, scale| sums.error_absolute * scale),
            Metric::SignAccuracy | Metric::Distance => self.total / samples,
            Metric::R2 if self.samples == 0 => f64::NAN,
            Metric::R2 => {
                let each = self.sums.iter().map(|sums| {
                    let spread = sums.target_square - sums.target * sums.target / samples;
                    // What rounding leaves of the spread of a constant.
                    if spread > 1e-12 * sums.target_square {
                        1.0 - sums.error_square / spread
                    } else if sums.error_square == 0.0 {
                        1.0
                    } else {
                        // Not a number stays not a number.
                        0.0 * sums.error_square
                    }
                });
                each.sum::<f64>() / self.sums.len() as f64
            }
        }
    }
}

/// The class that a lane's outputs name: the first of the largest, or whether the only one lies above the threshold.
/// None when an output is not a number.
fn answer(outputs: &[f32], lanes: usize, lane: usize, threshold: f32) -> Option<u32> {
    let column = outputs.iter().skip(lane).step_by(lanes);
    if outputs.len() == lanes {
        return column.copied().find(|x| !x.is_nan()).map(|x| u32::from(x > threshold));
    }
    let mut best = (0, f32::NEG_INFINITY);
    for (class, &x) in (0..).zip(column) {
        if x.is_nan() {
            return None;
        }
        if x > best.1 {
            best = (class, x);
        }
    }
    Some(best.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_classes(metric: Metric, loss: Loss, outputs: &[f32], labels: &[u32], classes: usize) -> f64 {
        let targets = Targets::Classes { labels: vec![], names: vec![String::new(); classes] };
        let mut scorer = Scorer::new(metric, loss, &targets, &Scaling::none());
        scorer.add(outputs, TargetsView::Classes { labels, classes });
        scorer.value()
    }

    fn of_values(metric: Metric, outputs: &[f32], values: &[f32], scaling: &Scaling) -> f64 {
        let targets = Targets::Values { values: vec![], dimension: 1, names: vec![] };
        let mut scorer = Scorer::new(metric, Loss::MeanSquaredError, &targets, scaling);
        scorer.add(outputs, TargetsView::Values { values, dimension: 1 });
        scorer.value()
    }

    #[test]
    fn accuracies() {
        // Four lanes, three classes; answers 0, 1, 2, and 0 by a tie.
        let outputs = [1.0, 0.0, 0.0, 5.0, 0.0, 1.0, 0.0, 5.0, 0.0, 0.0, 1.0, 5.0];
        let ce = Loss::CrossEntropy;
        assert_eq!(of_classes(Metric::Accuracy, ce, &outputs, &[0, 1, 0, 0], 3), 0.75);
        assert!(
            (of_classes(Metric::BalancedAccuracy, ce, &outputs, &[0, 1, 0, 0], 3) - (2.0 / 3.0 + 1.0) / 2.0)
                .abs()
                < 1e-12
        );
        assert_eq!(of_classes(Metric::Accuracy, ce, &[f32::NAN, 0.0], &[1], 2), 0.0);
        let single = [0.4, 0.6];
        assert_eq!(of_classes(Metric::Accuracy, Loss::MeanSquaredError, &single, &[0, 1], 2), 1.0);
        assert_eq!(of_classes(Metric::Accuracy, Loss::BinaryCrossEntropy, &single, &[0, 1], 2), 0.5);
        assert_eq!(of_classes(Metric::Accuracy, Loss::MeanSquaredError, &[f32::NAN], &[0], 2), 0.0);
        let even = of_classes(Metric::CrossEntropy, ce, &[0.0; 4], &[0, 1], 2);
        assert!((even - std::f64::consts::LN_2).abs() < 1e-7);
    }

    #[test]
    fn signs_and_distances() {
        // Two lanes, two numbers each: the second lane's second sign is wrong.
        let targets = Targets::Values { values: vec![], dimension: 2, names: vec![] };
        let mut scorer = Scorer::new(Metric::SignAccuracy, Loss::SquaredHinge, &targets, &Scaling::none());
        scorer.add(
            &[0.1, -3.0, -0.2, 0.0],
            TargetsView::Values { values: &[1.0, -1.0, -1.0, 1.0], dimension: 2 },
        );
        assert_eq!(scorer.value(), 0.5);
        // A grid of 2 × 2; one lane answers cell 3 for cell 0, the other is right.
        let outputs = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        let distance = of_classes(Metric::Distance, Loss::SquaredDistance, &outputs, &[0, 1], 4);
        assert!((distance - 0.5 * 0.5f64.sqrt()).abs() < 1e-12);
        let classes = |n: usize| Targets::Classes { labels: vec![], names: vec![String::new(); n] };
        assert!(Metric::Distance.check(&classes(5), Loss::CrossEntropy).is_err());
        assert!(Metric::Distance.check(&classes(4), Loss::CrossEntropy).is_ok());
    }

    #[test]
    fn regression_in_units_of_the_data() {
        // Targets 10 and 30, standardised to -1 and 1; answers 20 and 40.
        let scaling = Scaling { offset: vec![20.0], scale: vec![10.0] };
        let of = |metric| of_values(metric, &[0.0, 2.0], &[-1.0, 1.0], &scaling);
        assert_eq!(of(Metric::MeanSquaredError), 100.0);
        assert_eq!(of(Metric::RootMeanSquaredError), 10.0);
        assert_eq!(of(Metric::MeanAbsoluteError), 10.0);
        assert_eq!(of(Metric::R2), 0.0);
        let none = Scaling::none();
        assert_eq!(of_values(Metric::R2, &[1.0, 3.0], &[1.0, 3.0], &none), 1.0);
        assert_eq!(of_values(Metric::R2, &[3.0, 3.0], &[3.0, 3.0], &none), 1.0);
        assert_eq!(of_values(Metric::R2, &[3.0, 4.0], &[3.0, 3.0], &none), 0.0);
        assert!(of_values(Metric::R2, &[f32::NAN, 4.0], &[3.0, 3.0], &none).is_nan());
        assert!(of_values(Metric::R2, &[], &[], &none).is_nan());
    }

    #[test]
    fn clearing_forgets() {
        let targets = Targets::Classes { labels: vec![], names: vec![String::new(); 2] };
        let mut scorer = Scorer::new(Metric::Accuracy, Loss::CrossEntropy, &targets, &Scaling::none());
        scorer.add(&[1.0, 0.0], TargetsView::Classes { labels: &[0], classes: 2 });
        assert_eq!(scorer.value(), 1.0);
        scorer.clear();
        assert!(scorer.value().is_nan());
    }

    #[test]
    fn metrics_must_fit() {
        let classes = Targets::Classes { labels: vec![], names: vec![String::new(); 2] };
        let values = Targets::Values { values: vec![], dimension: 1, names: vec![] };
        assert!(Metric::Accuracy.check(&values, Loss::MeanSquaredError).is_err());
        assert!(Metric::R2.check(&classes, Loss::CrossEntropy).is_err());
        assert!(Metric::CrossEntropy.check(&classes, Loss::MeanSquaredError).is_err());
        assert!(Metric::CrossEntropy.check(&classes, Loss::CrossEntropy).is_ok());
        assert!(Metric::fitting(&values).check(&values, Loss::MeanSquaredError).is_ok());
        assert!(Metric::Accuracy.higher_is_better() && !Metric::MeanAbsoluteError.higher_is_better());
    }
}
