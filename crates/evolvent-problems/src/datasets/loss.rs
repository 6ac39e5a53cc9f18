//! Losses over the outputs of a network, a tile of samples at a time.
//!
//! Outputs are structures of arrays as networks give them: output `o` of lane `l` is at `o * lanes + l`. Sums are kept in
//! `f64` and added in a fixed order, so that a loss has the same bits at every numeric level.

use evolvent_core::{Output, Violations};
use evolvent_math::activation;
use evolvent_math::kernels::vectorize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch::TargetsView;
use super::table::Targets;

/// What evolution minimises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// For classes, one output (a logit) each: −ln softmax(outputs)\[class\], averaged over samples.
    CrossEntropy,
    /// For classes: −ln of the logistic sigmoid, averaged over outputs and samples. Two classes have one output, the logit
    /// of the second; more have one each, every class against the rest.
    BinaryCrossEntropy,
    /// Square of the difference, averaged over outputs and samples. Two classes have one output, to be 0 or 1; more have
    /// one each, to be 1 for the right class and 0 for the others.
    #[serde(alias = "mse")]
    MeanSquaredError,
    /// Absolute difference, averaged over outputs and samples; classes as for the squared error.
    #[serde(alias = "mae")]
    MeanAbsoluteError,
    /// For targets of −1 and 1: max(0, 1 − target · output)², averaged over outputs and samples. Below 1 / (outputs · samples)
    /// every output has the sign of its target. Classes have outputs as for the squared error, their targets −1 and 1.
    SquaredHinge,
    /// For classes that are the cells of a square grid, one output each: squared distance between the cell with the largest
    /// output and the right one, in sides of the grid, averaged over samples.
    SquaredDistance,
}

/// A choice as an experiment file writes it.
pub(super) fn written(choice: &impl Serialize) -> String {
    serde_json::to_value(choice).map_or_else(|_| String::new(), |name| name.to_string())
}

/// Samples that are worked on together. Sums run in the order of this width at every numeric level.
const LANES: usize = 16;

impl Loss {
    /// The loss that fits the targets: cross entropy for classes, mean squared error for numbers.
    pub fn fitting(targets: &Targets) -> Self {
        match targets {
            Targets::Classes { .. } => Loss::CrossEntropy,
            Targets::Values { .. } => Loss::MeanSquaredError,
        }
    }

    /// Checks that the loss can judge these targets.
    ///
    /// # Errors
    /// An entropy with numbers as targets.
    pub fn check(self, targets: &Targets) -> Result<(), Violations> {
        let of_classes =
            matches!(self, Loss::CrossEntropy | Loss::BinaryCrossEntropy | Loss::SquaredDistance);
        let expected = match targets {
            Targets::Values { .. } if of_classes => {
                "mean_squared_error, mean_absolute_error or squared_hinge, because the targets are numbers"
            }
            Targets::Values { values, .. }
                if self == Loss::SquaredHinge && values.iter().any(|v| v.abs() != 1.0) =>
            {
                "a loss for any numbers: squared_hinge is for targets of −1 and 1"
            }
            Targets::Classes { names, .. } if self == Loss::SquaredDistance => match grid_side(names.len()) {
                Some(_) => return Ok(()),
                None => "a loss for any classes: squared_distance needs those of a square grid",
            },
            _ => return Ok(()),
        };
        Err(Violations::one("loss", written(&self), expected))
    }

    /// The outputs that a network must have.
    pub fn output(self, targets: &Targets) -> Output {
        match (targets, self) {
            (Targets::Values { dimension, .. }, _) => Output::Values(*dimension),
            (Targets::Classes { names, .. }, Loss::CrossEntropy | Loss::SquaredDistance) => {
                Output::Classes(names.len())
            }
            (Targets::Classes { names, .. }, _) if names.len() <= 2 => Output::Values(1),
            (Targets::Classes { names, .. }, _) => Output::Classes(names.len()),
        }
    }

    /// Where a single output for two classes is cut: above it the answer is the second class.
    pub fn threshold(self) -> f32 {
        match self {
            Loss::MeanSquaredError | Loss::MeanAbsoluteError => 0.5,
            _ => 0.0,
        }
    }

    /// Adds the losses of one tile to `total`; NaN or infinite outputs make it NaN or infinite. Divide by
    /// [`terms`](Self::terms) for the mean.
    ///
    /// # Panics
    /// When the lengths do not fit together, or for an entropy of numbers (see [`check`](Self::check)).
    pub fn add(self, outputs: &[f32], targets: TargetsView<'_>, total: &mut f64) {
        let lanes = targets.lanes();
        if lanes == 0 {
            return;
        }
        let rows = outputs.len() / lanes;
        assert_eq!(rows * lanes, outputs.len(), "outputs of {lanes} lanes");
        let sum = match targets {
            TargetsView::Values { values, dimension } => {
                assert_eq!(rows, dimension, "one output for each target");
                match self {
                    Loss::MeanSquaredError => difference(
                        outputs,
                        values,
                        #[inline(always)]
                        |d| d * d,
                    ),
                    Loss::MeanAbsoluteError => difference(
                        outputs,
                        values,
                        #[inline(always)]
                        |d| d.abs(),
                    ),
                    Loss::SquaredHinge => combined(
                        outputs,
                        values,
                        #[inline(always)]
                        |x, t| hinge(t * x),
                    ),
                    Loss::CrossEntropy | Loss::BinaryCrossEntropy | Loss::SquaredDistance => {
                        panic!("an entropy or a distance needs classes as targets")
                    }
                }
            }
            TargetsView::Classes { labels, classes } => {
                let single =
                    rows == 1 && classes <= 2 && !matches!(self, Loss::CrossEntropy | Loss::SquaredDistance);
                assert!(single || rows == classes, "one output for each class");
                // With one output for two classes the answer to be 1 is that of class 1.
                let first = u32::from(single);
                match self {
                    Loss::CrossEntropy => cross_entropy(outputs, labels),
                    Loss::BinaryCrossEntropy => indicator(
                        outputs,
                        labels,
                        first,
                        #[inline(always)]
                        |x, hit| activation::softplus(if hit { -x } else { x }),
                    ),
                    Loss::MeanSquaredError => indicator(
                        outputs,
                        labels,
                        first,
                        #[inline(always)]
                        |x, hit| {
                            let d = if hit { x - 1.0 } else { x };
                            d * d
                        },
                    ),
                    Loss::SquaredHinge => indicator(
                        outputs,
                        labels,
                        first,
                        #[inline(always)]
                        |x, hit| hinge(if hit { x } else { -x }),
                    ),
                    Loss::SquaredDistance => squared_distance(outputs, labels, classes),
                    Loss::MeanAbsoluteError => indicator(
                        outputs,
                        labels,
                        first,
                        #[inline(always)]
                        |x, hit| (if hit { x - 1.0 } else { x }).abs(),
                    ),
                }
            }
        };
        *total += sum;
    }

    /// Writes the loss of each sample of a tile, averaged over its outputs where [`terms`](Self::terms) counts them.
    ///
    /// # Panics
    /// As [`add`](Self::add).
    pub fn each(self, outputs: &[f32], targets: TargetsView<'_>, losses: &mut [f64]) {
        let lanes = targets.lanes();
        assert_eq!(losses.len(), lanes, "one loss for each sample");
        let rows = outputs.len() / lanes.max(1);
        let mut own = vec![0.0f32; rows];
        for (lane, loss) in losses.iter_mut().enumerate() {
            own.iter_mut().enumerate().for_each(|(o, x)| *x = outputs[o * lanes + lane]);
            *loss = 0.0;
            match targets {
                TargetsView::Classes { labels, classes } => {
                    let labels = &labels[lane..=lane];
                    self.add(&own, TargetsView::Classes { labels, classes }, loss);
                }
                TargetsView::Values { values, dimension } => {
                    let values: Vec<f32> = (0..dimension).map(|j| values[j * lanes + lane]).collect();
                    self.add(&own, TargetsView::Values { values: &values, dimension }, loss);
                }
            }
            *loss /= self.terms(1, rows);
        }
    }

    /// About how steep a sample's loss is in the network's outputs, up to a factor that all samples share: what importance
    /// sampling draws samples by.
    pub fn steepness(self, loss: f64) -> f64 {
        let steepness = match self {
            // One minus the probability of what is right.
            Loss::CrossEntropy | Loss::BinaryCrossEntropy => 1.0 - libm::exp(-loss),
            Loss::MeanSquaredError | Loss::SquaredHinge | Loss::SquaredDistance => loss.sqrt(),
            Loss::MeanAbsoluteError => 1.0,
        };
        // Infinite and undefined losses are as steep as it gets.
        if steepness.is_finite() { steepness.max(0.0) } else { 1.0 }
    }

    /// The number of terms that the sum of so many samples with so many outputs has.
    pub fn terms(self, samples: usize, outputs: usize) -> f64 {
        match self {
            Loss::CrossEntropy | Loss::SquaredDistance => samples as f64,
            _ => samples as f64 * outputs as f64,
        }
    }
}

/// max(0, 1 − margin)²; NaN stays.
#[inline(always)]
fn hinge(margin: f32) -> f32 {
    let short = 1.0 - margin;
    if short < 0.0 { 0.0 } else { short * short }
}

/// The side of a square grid with so many cells.
pub(super) fn grid_side(cells: usize) -> Option<usize> {
    let side = cells.isqrt();
    (side * side == cells && side > 0).then_some(side)
}

/// The squared distance between the cell that a lane's outputs name (the first of the largest) and the right one, in sides of
/// the grid; NaN where an output is not a number.
pub(super) fn lane_distance(outputs: &[f32], lanes: usize, lane: usize, label: u32, side: usize) -> f64 {
    let (mut best, mut at) = (f32::NEG_INFINITY, 0);
    for (cell, &x) in outputs.iter().skip(lane).step_by(lanes).enumerate() {
        if x.is_nan() {
            return f64::NAN;
        }
        if x > best {
            (best, at) = (x, cell);
        }
    }
    let apart = |a: usize, b: usize| (a.abs_diff(b) as f64 / side as f64).powi(2);
    let label = label as usize;
    apart(at / side, label / side) + apart(at % side, label % side)
}

/// Σ of the lanes' squared distances.
fn squared_distance(outputs: &[f32], labels: &[u32], classes: usize) -> f64 {
    let side = grid_side(classes).unwrap_or(1);
    let lanes = labels.len();
    labels.iter().enumerate().map(|(lane, &label)| lane_distance(outputs, lanes, lane, label, side)).sum()
}

/// Σ f(outputs − targets).
#[inline(always)]
fn difference(outputs: &[f32], targets: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    combined(
        outputs,
        targets,
        #[inline(always)]
        |x, t| f(x - t),
    )
}

/// Σ f(output, target).
#[inline(always)]
fn combined(outputs: &[f32], targets: &[f32], f: impl Fn(f32, f32) -> f32) -> f64 {
    vectorize(
        #[inline(always)]
        || {
            let mut sums = [0.0f64; LANES];
            let (x, x_rest) = outputs.as_chunks::<LANES>();
            let (t, t_rest) = targets.as_chunks::<LANES>();
            for (x, t) in x.iter().zip(t) {
                for l in 0..LANES {
                    sums[l] += f64::from(f(x[l], t[l]));
                }
            }
            for (l, (x, t)) in x_rest.iter().zip(t_rest).enumerate() {
                sums[l] += f64::from(f(*x, *t));
            }
            sums.iter().sum()
        },
    )
}

/// Σ f(output, is the row's class the right one) over rows `first..`.
#[inline(always)]
fn indicator(outputs: &[f32], labels: &[u32], first: u32, f: impl Fn(f32, bool) -> f32) -> f64 {
    vectorize(
        #[inline(always)]
        || {
            let mut sums = [0.0f64; LANES];
            let (label_chunks, label_rest) = labels.as_chunks::<LANES>();
            for (class, row) in (first..).zip(outputs.chunks_exact(labels.len())) {
                let (x, x_rest) = row.as_chunks::<LANES>();
                for (x, label) in x.iter().zip(label_chunks) {
                    for l in 0..LANES {
                        sums[l] += f64::from(f(x[l], label[l] == class));
                    }
                }
                for (l, (&x, &label)) in x_rest.iter().zip(label_rest).enumerate() {
                    sums[l] += f64::from(f(x, label == class));
                }
            }
            sums.iter().sum()
        },
    )
}

/// Σ over lanes of ln Σₒ exp(xₒ) − x_label, with the maximum taken out of the exponentials.
///
/// The sums of exponentials of 16 lanes, each in [1, classes], are multiplied before the one logarithm: at most
/// 65,536¹⁶ = 2²⁵⁶, far inside `f64`.
fn cross_entropy(outputs: &[f32], labels: &[u32]) -> f64 {
    let lanes = labels.len();
    vectorize(
        #[inline(always)]
        || {
            let mut total = 0.0;
            for start in (0..lanes).step_by(LANES) {
                let width = LANES.min(lanes - start);
                let mut high = [f32::NEG_INFINITY; LANES];
                let mut sums = [0.0f64; LANES];
                if width == LANES {
                    for row in outputs.chunks_exact(lanes) {
                        let x = chunk(row, start);
                        for l in 0..LANES {
                            high[l] = if x[l] > high[l] { x[l] } else { high[l] };
                        }
                    }
                    for row in outputs.chunks_exact(lanes) {
                        let x = chunk(row, start);
                        for l in 0..LANES {
                            sums[l] += f64::from(activation::exp(x[l] - high[l]));
                        }
                    }
                } else {
                    // Missing lanes get a sum of 1 and add nothing.
                    sums[width..].fill(1.0);
                    for row in outputs.chunks_exact(lanes) {
                        for (high, &x) in high.iter_mut().zip(&row[start..]) {
                            *high = if x > *high { x } else { *high };
                        }
                    }
                    for row in outputs.chunks_exact(lanes) {
                        for l in 0..width {
                            sums[l] += f64::from(activation::exp(row[start + l] - high[l]));
                        }
                    }
                }
                let product: f64 = sums.iter().product();
                let mut below = 0.0;
                for l in 0..width {
                    let right = outputs[labels[start + l] as usize * lanes + start + l];
                    below += f64::from(high[l]) - f64::from(right);
                }
                total += libm::log(product) + below;
            }
            total
        },
    )
}

#[inline(always)]
fn chunk(row: &[f32], start: usize) -> &[f32; LANES] {
    row[start..].first_chunk().expect("the caller has checked the width")
}

#[cfg(test)]
mod tests {
    use evolvent_core::{Purpose, RunKey, stream};

    use super::*;

    fn classes(labels: &[u32], classes: usize) -> TargetsView<'_> {
        TargetsView::Classes { labels, classes }
    }

    fn sum(loss: Loss, outputs: &[f32], targets: TargetsView<'_>) -> f64 {
        let mut total = 0.0;
        loss.add(outputs, targets, &mut total);
        total
    }

    /// Outputs, row-major by output, of many sizes, with labels.
    fn draws(lanes: usize, rows: usize) -> (Vec<f32>, Vec<u32>) {
        let mut s = stream(RunKey::from_seed(5), lanes as u64, rows as u64, 0, Purpose::Problem);
        let outputs = (0..lanes * rows).map(|_| (4.0 * s.normal()) as f32).collect();
        (outputs, (0..lanes).map(|_| s.below(rows.max(2)) as u32).collect())
    }

    #[test]
    fn hand_numbers() {
        // Two lanes, two classes: logits (0, 0) and (1, 3).
        let x = [0.0, 1.0, 0.0, 3.0];
        let expected = 2f64.ln_twin() + (1.0 + (-2f64).exp_twin()).ln_twin();
        assert!((sum(Loss::CrossEntropy, &x, classes(&[0, 1], 2)) - expected).abs() < 1e-7);
        let values = TargetsView::Values { values: &[1.0, 1.0, 1.0, 1.0], dimension: 2 };
        assert_eq!(sum(Loss::MeanSquaredError, &x, values), 1.0 + 0.0 + 1.0 + 4.0);
        assert_eq!(sum(Loss::MeanAbsoluteError, &x, values), 4.0);
        // One output for two classes.
        assert_eq!(sum(Loss::MeanSquaredError, &[0.25, 0.5], classes(&[0, 1], 2)), 0.0625 + 0.25);
        assert_eq!(sum(Loss::MeanAbsoluteError, &[0.25, 0.5], classes(&[0, 1], 2)), 0.75);
        let bce = sum(Loss::BinaryCrossEntropy, &[0.0, 2.0], classes(&[0, 1], 2));
        assert!((bce - 2f64.ln_twin() - (1.0 + (-2f64).exp_twin()).ln_twin()).abs() < 1e-6);
        // Three classes, one lane, one-hot.
        assert_eq!(sum(Loss::MeanSquaredError, &[0.5, 1.0, 0.0], classes(&[1], 3)), 0.25);
    }

    #[test]
    fn hinges_and_distances_by_hand() {
        let values = TargetsView::Values { values: &[1.0, -1.0, 1.0, -1.0], dimension: 2 };
        // Margins 2, 0.5, −1 and 1.
        assert_eq!(sum(Loss::SquaredHinge, &[2.0, -0.5, -1.0, -1.0], values), 0.25 + 4.0);
        assert_eq!(sum(Loss::SquaredHinge, &[0.5, -1.0], classes(&[1, 1], 2)), 0.25 + 4.0);
        assert_eq!(sum(Loss::SquaredHinge, &[0.5, -1.0], classes(&[0], 2)), 0.25);
        assert!(sum(Loss::SquaredHinge, &[f32::NAN], classes(&[0], 2)).is_nan());
        // A grid of 3 × 3, two lanes: the first names cell 5 = (1, 2) for cell 6 = (2, 0), the second is right.
        let mut outputs = [0.0; 18];
        (outputs[2 * 5], outputs[2 * 6], outputs[2 * 8 + 1]) = (1.0, 1.0, 0.5);
        let distance = sum(Loss::SquaredDistance, &outputs, classes(&[6, 8], 9));
        assert!((distance - (1.0 + 4.0) / 9.0).abs() < 1e-12);
        outputs[1] = f32::NAN;
        assert!(sum(Loss::SquaredDistance, &outputs, classes(&[6, 8], 9)).is_nan());
        let of = |n: usize| Targets::Classes { labels: vec![], names: vec![String::new(); n] };
        assert!(Loss::SquaredDistance.check(&of(9)).is_ok() && Loss::SquaredDistance.check(&of(8)).is_err());
        let numbers = |values: Vec<f32>| Targets::Values { values, dimension: 1, names: vec![] };
        assert!(Loss::SquaredHinge.check(&numbers(vec![1.0, -1.0])).is_ok());
        assert!(Loss::SquaredHinge.check(&numbers(vec![1.0, 0.0])).is_err());
    }

    trait Twin {
        fn ln_twin(self) -> f64;
        fn exp_twin(self) -> f64;
    }

    impl Twin for f64 {
        fn ln_twin(self) -> f64 {
            libm::log(self)
        }
        fn exp_twin(self) -> f64 {
            libm::exp(self)
        }
    }

    #[test]
    fn kernels_equal_their_scalar_twins() {
        for lanes in [1, 2, 15, 16, 17, 40, 64] {
            for rows in [2, 3, 10, 70] {
                let (x, labels) = draws(lanes, rows);
                let (mut ce, mut bce, mut mse, mut mae) = (0.0, 0.0, 0.0, 0.0);
                for l in 0..lanes {
                    let sum: f64 = (0..rows).map(|o| f64::from(x[o * lanes + l]).exp_twin()).sum();
                    ce += sum.ln_twin() - f64::from(x[labels[l] as usize * lanes + l]);
                    for o in 0..rows {
                        let (x, hit) = (f64::from(x[o * lanes + l]), o == labels[l] as usize);
                        let t = f64::from(u8::from(hit));
                        bce += (1.0 + (if hit { -x } else { x }).exp_twin()).ln_twin();
                        mse += (x - t) * (x - t);
                        mae += (x - t).abs();
                    }
                }
                for (loss, expected) in [
                    (Loss::CrossEntropy, ce),
                    (Loss::BinaryCrossEntropy, bce),
                    (Loss::MeanSquaredError, mse),
                    (Loss::MeanAbsoluteError, mae),
                ] {
                    let found = sum(loss, &x, classes(&labels, rows));
                    assert!(
                        (found - expected).abs() < 1e-6 * expected,
                        "{loss:?} {lanes} {rows}: {found} {expected}"
                    );
                }
            }
        }
    }

    #[test]
    fn tiny_losses_keep_their_size() {
        // One lane with a lead of 30 over nine others: the loss is 9·e^-30.
        let mut x = [0.0; 10];
        x[3] = 30.0;
        let found = sum(Loss::CrossEntropy, &x, classes(&[3], 10));
        assert!((found / (9.0 * libm::exp(-30.0)) - 1.0).abs() < 0.01, "{found}");
    }

    #[test]
    fn what_is_not_finite_shows() {
        let labels = [0u32; 17];
        for bad in [f32::NAN, f32::INFINITY] {
            for at in [0, 16, 17, 33] {
                let mut x = [0.5f32; 34];
                x[at] = bad;
                for loss in [Loss::CrossEntropy, Loss::MeanSquaredError, Loss::MeanAbsoluteError] {
                    assert!(!sum(loss, &x, classes(&labels, 2)).is_finite(), "{loss:?} {bad} {at}");
                }
            }
        }
        assert!(!sum(Loss::CrossEntropy, &[f32::NEG_INFINITY; 2], classes(&[0], 2)).is_finite());
        assert_eq!(sum(Loss::CrossEntropy, &[0.0, f32::NEG_INFINITY], classes(&[0], 2)), 0.0);
        assert_eq!(sum(Loss::CrossEntropy, &[], classes(&[], 2)), 0.0);
    }

    #[test]
    fn outputs_that_a_network_must_have() {
        let of = |n: usize| Targets::Classes { labels: vec![], names: vec![String::new(); n] };
        assert_eq!(Loss::CrossEntropy.output(&of(2)), Output::Classes(2));
        assert_eq!(Loss::MeanSquaredError.output(&of(2)), Output::Values(1));
        assert_eq!(Loss::BinaryCrossEntropy.output(&of(3)), Output::Classes(3));
        let values = Targets::Values { values: vec![], dimension: 4, names: vec![] };
        assert_eq!(Loss::fitting(&values).output(&values), Output::Values(4));
        assert!(Loss::CrossEntropy.check(&values).is_err() && Loss::MeanAbsoluteError.check(&values).is_ok());
        assert_eq!(Loss::MeanSquaredError.terms(3, 4), 12.0);
    }
}
