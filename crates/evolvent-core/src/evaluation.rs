//! Evaluations are data; scores are evaluations past the one border where NaN, infinities and max/min are settled.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::cmp::Ordering;

/// Few numbers, kept inline: objectives, descriptors, constraints.
pub type Values = SmallVec<[f64; 2]>;

/// Which way an objective is better, in the user's own sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sense {
    /// Smaller is better: losses, errors.
    #[default]
    Minimize,
    /// Larger is better: rewards, accuracies.
    Maximize,
}

impl Sense {
    /// The user's value as a loss, or a loss as the user's value: the two maps are the same.
    pub fn flip(self, value: f64) -> f64 {
        match self {
            Sense::Minimize => value,
            Sense::Maximize => -value,
        }
    }
}

/// How far two evaluations of one genome agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fitness {
    /// The same genome always gets the same value.
    #[default]
    Exact,
    /// Values vary around an expectation that stays.
    Noisy,
    /// The expectation itself moves from round to round (minibatches, changing environments).
    Changing,
}

impl Fitness {
    /// Whether values of different rounds may be compared. If not, elitist and pairwise algorithms ask for their
    /// survivors again.
    pub fn comparable_across_rounds(self) -> bool {
        self == Fitness::Exact
    }
}

/// What one evaluation used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Episodes run to their end or cut off.
    pub episodes: u64,
    /// Environment steps, or samples passed through the network.
    pub steps: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        self.episodes += other.episodes;
        self.steps += other.steps;
    }
}

/// The outcome of measuring one member, in the user's sense.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The numbers, or why there are none.
    pub result: Result<Measured, Failure>,
    /// What it used up, also when it failed.
    pub cost: Cost,
    /// What the evaluation left behind (a trained network, say), by the hash of its content.
    pub artifact: Option<String>,
}

/// The numbers of one evaluation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// One value per objective.
    pub objectives: Values,
    /// Where the behaviour lies (quality-diversity).
    pub descriptors: Values,
    /// Constraint values; satisfied where g ≤ 0.
    pub constraints: Values,
    /// How much the outputs change with each gene, at least 0; empty unless the [`Request`](crate::Request) asked for it.
    #[serde(default)]
    pub sensitivities: Vec<f32>,
}

/// Why an evaluation has no numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum Failure {
    /// A value that is no finite number.
    #[error("objective {index} is {value}, not a finite number")]
    NotFinite {
        /// Which objective.
        index: usize,
        /// What it was.
        value: String,
    },
    /// The genome has no phenotype.
    #[error("cannot be decoded: {0}")]
    Undecodable(String),
    /// An external program took too long.
    #[error("no answer within {0} s")]
    TimedOut(f64),
    /// An external program ended.
    #[error("the program ended: {0}")]
    Crashed(String),
    /// An external program answered something else than asked.
    #[error("not an evaluation: {0}")]
    Garbled(String),
    /// The problem said so itself.
    #[error("{0}")]
    Reported(String),
}

impl Evaluation {
    /// One objective and nothing else.
    pub fn of(value: f64) -> Self {
        Self::measured(Measured { objectives: [value].into_iter().collect(), ..Measured::default() })
    }

    /// Numbers without a cost.
    pub fn measured(measured: Measured) -> Self {
        Evaluation { result: Ok(measured), cost: Cost::default(), artifact: None }
    }

    /// No numbers.
    pub fn failed(failure: Failure) -> Self {
        Evaluation { result: Err(failure), cost: Cost::default(), artifact: None }
    }

    /// The same with its cost.
    pub fn costing(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }
}

/// How the gradients of outputs yₖ by a gene w, over several experiences xᵢ, become one number (Lehman, Chen, Clune & Stanley 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sensitivity {
    /// SM-G-SUM: √Σₖ (meanᵢ ∂yₖ(xᵢ)/∂w)². Gradients of opposite signs cancel.
    Sum,
    /// SM-G-ABS: √Σₖ (meanᵢ |∂yₖ(xᵢ)/∂w|)². Nothing cancels.
    Absolute,
}

/// Where a score comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// An evaluation.
    #[default]
    Measured,
    /// A surrogate.
    Predicted,
    /// Nowhere: not evaluated.
    Missing,
}

/// The scores of a batch: finite, totally ordered, **smaller is better** for every objective.
///
/// Failed members keep their place and rank last. Their objective entries hold `f64::INFINITY`; use
/// [`Scores::finite`] where the values themselves are weighed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Number of objectives.
    pub objectives: usize,
    /// `members × objectives`, row-major.
    pub values: Vec<f64>,
    /// Sum of max(g, 0) over each member's constraints; infinite if it failed.
    pub violation: Vec<f64>,
    /// Which members have no numbers.
    pub failed: Vec<bool>,
    /// Where each score comes from.
    pub origin: Vec<Origin>,
    /// Descriptors, `members × n`, row-major; empty if the problem has none.
    pub descriptors: Vec<f64>,
    /// Sensitivities of outputs to genes, one list per member, empty for members without; empty if nobody has any.
    #[serde(default)]
    pub sensitivities: Vec<Vec<f32>>,
    /// Scores are comparable with those of another round only if the contexts are equal.
    pub context: u64,
}

impl Scores {
    /// The border: failures, NaN, infinities and the user's senses are settled here and nowhere else.
    pub fn settle(evaluations: &mut [Evaluation], senses: &[Sense], context: u64) -> Scores {
        let m = senses.len();
        let mut scores = Scores { objectives: m, context, ..Scores::default() };
        for evaluation in evaluations.iter_mut() {
            if let Ok(measured) = &evaluation.result {
                if measured.objectives.len() != m {
                    evaluation.result = Err(Failure::Garbled(format!(
                        "{} objectives where the problem has {m}",
                        measured.objectives.len()
                    )));
                } else if let Some((index, value)) =
                    measured.objectives.iter().enumerate().find(|(_, v)| !v.is_finite())
                {
                    evaluation.result = Err(Failure::NotFinite { index, value: value.to_string() });
                }
            }
            scores.origin.push(Origin::Measured);
            match &evaluation.result {
                Ok(measured) => {
                    scores.failed.push(false);
                    let values = measured.objectives.iter().zip(senses).map(|(&v, s)| s.flip(v) + 0.0);
                    scores.values.extend(values);
                    // A constraint that is no number is not satisfied.
                    let g =
                        measured.constraints.iter().map(|&g| if g.is_nan() { f64::MAX } else { g.max(0.0) });
                    scores.violation.push(g.sum::<f64>().min(f64::MAX));
                    scores.descriptors.extend_from_slice(&measured.descriptors);
                }
                Err(_) => {
                    scores.failed.push(true);
                    scores.values.extend(std::iter::repeat_n(f64::INFINITY, m));
                    scores.violation.push(f64::INFINITY);
                }
            }
        }
        if evaluations.iter().any(|e| e.result.as_ref().is_ok_and(|m| !m.sensitivities.is_empty())) {
            // Taken, not copied: they are as long as the genomes, and nobody else reads them.
            let take = |e: &mut Evaluation| match &mut e.result {
                Ok(measured) => std::mem::take(&mut measured.sensitivities),
                Err(_) => Vec::new(),
            };
            scores.sensitivities = evaluations.iter_mut().map(take).collect();
        }
        // Failed members have descriptors too, so that rows stay aligned.
        let width = evaluations.iter().find_map(|e| e.result.as_ref().ok().map(|m| m.descriptors.len()));
        if let Some(width) = width.filter(|&w| w > 0) {
            scores.descriptors.clear();
            for evaluation in evaluations.iter() {
                match &evaluation.result {
                    Ok(m) if m.descriptors.len() == width => {
                        scores.descriptors.extend_from_slice(&m.descriptors)
                    }
                    _ => scores.descriptors.extend(std::iter::repeat_n(f64::NAN, width)),
                }
            }
        }
        scores
    }

    /// Scores of a single objective that is already a loss; for tests and surrogates.
    pub fn of_losses(values: &[f64]) -> Scores {
        let mut evaluations: Vec<_> = values.iter().map(|&v| Evaluation::of(v)).collect();
        Scores::settle(&mut evaluations, &[Sense::Minimize], 0)
    }

    /// Number of members.
    pub fn len(&self) -> usize {
        self.failed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.failed.is_empty()
    }

    /// The objectives of member `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.objectives..(i + 1) * self.objectives]
    }

    /// The first objective of member `i`.
    pub fn value(&self, i: usize) -> f64 {
        self.values[i * self.objectives]
    }

    /// Whether no member has numbers: the update is skipped.
    pub fn all_failed(&self) -> bool {
        self.failed.iter().all(|&f| f)
    }

    /// Better first: measured before failed, feasible before infeasible (Deb 2000), then the first objective.
    pub fn compare(&self, i: usize, j: usize) -> Ordering {
        self.failed[i]
            .cmp(&self.failed[j])
            .then(self.violation[i].total_cmp(&self.violation[j]))
            .then(self.value(i).total_cmp(&self.value(j)))
    }

    /// Members from best to worst; ties keep their order.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&i, &j| self.compare(i, j));
        order
    }

    /// The best member, if any has numbers.
    pub fn best(&self) -> Option<usize> {
        (0..self.len()).filter(|&i| !self.failed[i]).min_by(|&i, &j| self.compare(i, j).then(i.cmp(&j)))
    }

    /// The first objective of all members with failed ones at the worst finite value; `None` if all failed.
    pub fn finite(&self) -> Option<Vec<f64>> {
        let ok = (0..self.len()).filter(|&i| !self.failed[i]);
        let worst = ok.map(|i| self.value(i)).max_by(f64::total_cmp)?;
        Some((0..self.len()).map(|i| if self.failed[i] { worst } else { self.value(i) }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_never_wins() {
        for sense in [Sense::Minimize, Sense::Maximize] {
            let mut evaluations: Vec<_> =
                [1.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0].map(Evaluation::of).into();
            let scores = Scores::settle(&mut evaluations, &[sense], 0);
            let best = if sense == Sense::Minimize { 0 } else { 5 };
            assert_eq!(scores.best(), Some(best));
            assert_eq!(scores.failed, [false, true, true, true, true, false]);
            assert_eq!(scores.order()[2..], [1, 2, 3, 4]);
            assert!(matches!(&evaluations[1].result, Err(Failure::NotFinite { .. })));
        }
    }

    #[test]
    fn feasible_before_infeasible_before_failed() {
        let of = |value: f64, g: f64| {
            Evaluation::measured(Measured {
                objectives: [value].into_iter().collect(),
                constraints: [g].into_iter().collect(),
                ..Measured::default()
            })
        };
        let mut e =
            vec![of(0.0, 2.0), of(9.0, -1.0), Evaluation::failed(Failure::TimedOut(1.0)), of(1.0, f64::NAN)];
        let scores = Scores::settle(&mut e, &[Sense::Minimize], 0);
        assert_eq!(scores.order(), [1, 0, 3, 2]);
        assert_eq!(scores.finite().unwrap(), [0.0, 9.0, 9.0, 1.0]);
    }

    #[test]
    fn all_failed_is_no_best() {
        let scores = Scores::of_losses(&[f64::NAN; 3]);
        assert!(scores.all_failed() && scores.best().is_none() && scores.finite().is_none());
    }
}
