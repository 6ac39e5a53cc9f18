//! One genome looked at closely: what the runner records and exports of a champion.

use evolvent_core::{DecodeError, Evaluation, Evaluator, Genome, Round};
use evolvent_nets::{Depiction, Program};

/// What one genome is worth on fresh episodes or held-out samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// As [`Evaluator::evaluate`] gives it.
    pub evaluation: Evaluation,
    /// The value of each episode, in the user's sense; a single one where there are no episodes. Empty if it failed.
    pub values: Vec<f64>,
    /// Further numbers, such as an accuracy, by `snake_case` name; means over episodes.
    pub metrics: Vec<(String, f64)>,
}

impl Assessment {
    /// Mean of the values; NaN if there are none.
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Standard deviation of the values (divided by n − 1); 0 for fewer than two.
    pub fn standard_deviation(&self) -> f64 {
        if self.values.len() < 2 {
            return 0.0;
        }
        let mean = self.mean();
        let squares: f64 = self.values.iter().map(|v| (v - mean) * (v - mean)).sum();
        (squares / (self.values.len() - 1) as f64).sqrt()
    }
}

/// An evaluator that can look at one genome closely.
pub trait Assess<G: Genome>: Evaluator<G> {
    /// Measures one genome. The evaluation is the one that [`Evaluator::evaluate`] would give in a batch of one.
    fn assess(&self, state: &Self::State, genome: &G, round: &Round) -> Assessment {
        let batch = evolvent_core::Batch::of(vec![genome.clone()]);
        let evaluation = self.evaluate(state, &batch, 0..1, round).remove(0).evaluation;
        let values = evaluation.result.as_ref().map(|m| m.objectives.to_vec()).unwrap_or_default();
        Assessment { evaluation, values, metrics: Vec::new() }
    }

    /// The genome's network as it is to be used outside: what evaluation has learned (normalisation) inside, and the
    /// head that turns outputs into actions, classes or values behind. `None` if genomes are no networks.
    ///
    /// # Errors
    /// A genome that has no phenotype.
    fn program(&self, _state: &Self::State, _genome: &G) -> Result<Option<Program>, DecodeError> {
        Ok(None)
    }

    /// A picture of the genome's network; `None` if it has no places in space.
    ///
    /// # Errors
    /// A genome that has no phenotype, or a picture that does not fit it.
    fn depict(
        &self,
        _state: &Self::State,
        _genome: &G,
        _what: &Depiction,
    ) -> Result<Option<String>, DecodeError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        let of = |values: Vec<f64>| Assessment { evaluation: Evaluation::of(0.0), values, metrics: vec![] };
        let a = of(vec![1.0, 2.0, 6.0]);
        assert_eq!((a.mean(), a.standard_deviation()), (3.0, 7f64.sqrt()));
        assert_eq!(of(vec![4.0]).standard_deviation(), 0.0);
        assert!(of(vec![]).mean().is_nan());
    }
}
