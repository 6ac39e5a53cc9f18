//! Test functions as tasks.

use crate::assessment::Assess;
use crate::genes::uniform_within;
use evolvent_core::{
    Batch, Cost, Evaluated, Evaluation, Evaluator, Fitness, Measured, Phase, Purpose, Round, Sense, Space,
    Values, Vector, VectorGenes, Violations,
};
use evolvent_math::{par, rows::Rows};
use evolvent_problems::functions::Function;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Batches with fewer coordinates than this are not worth waking threads for.
const SMALL: usize = 1 << 14;

/// How a test function is observed, beside the function's own parameters in its table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FunctionSettings {
    /// Standard deviation of Gaussian noise added to each objective in training, at least 0. Champions are judged by the
    /// function itself.
    pub noise: f64,
}

impl FunctionSettings {
    /// What is wrong with the settings.
    ///
    /// # Errors
    /// All violations at once.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.non_negative("noise", self.noise);
        v.into_result()
    }
}

/// A function of real numbers as an evaluator of vectors; all objectives are minimised. Splits large batches over the
/// threads of the current pool itself.
#[derive(Debug)]
pub struct FunctionTask {
    function: Box<dyn Function>,
    noise: f64,
    genes: VectorGenes,
}

impl FunctionTask {
    /// The task of minimising a function. Genes start in its region, and stay there if it is bounded.
    ///
    /// # Errors
    /// Settings out of range.
    pub fn new(function: Box<dyn Function>, settings: &FunctionSettings) -> Result<Self, Violations> {
        settings.check()?;
        let genes = uniform_within(function.region(), function.bounded());
        Ok(FunctionTask { noise: settings.noise, genes, function })
    }

    /// The function.
    pub fn function(&self) -> &dyn Function {
        &*self.function
    }

    fn one(&self, batch: &Batch<Vector>, i: usize, round: &Round, memory: &mut Memory) -> Evaluation {
        memory.x.resize(batch.dimension(), 0.0);
        batch.row_f64(i, &mut memory.x);
        let zeros = |n: usize| -> Values { std::iter::repeat_n(0.0, n).collect() };
        let mut objectives = zeros(self.function.objectives());
        let mut constraints = zeros(self.function.constraints());
        self.function.evaluate(&memory.x, &mut objectives, &mut constraints, &mut memory.scratch);
        if self.noise > 0.0 && round.phase == Phase::Train {
            let replicate = u64::from(batch.requests.get(i).map_or(0, |request| request.replicate));
            let mut draws = round.stream(batch.streams[i], replicate, Purpose::Problem);
            objectives.iter_mut().for_each(|value| *value += self.noise * draws.normal());
        }
        Evaluation::measured(Measured { objectives, constraints, ..Measured::default() })
            .costing(Cost { episodes: 0, steps: 1 })
    }
}

#[derive(Default)]
struct Memory {
    x: Vec<f64>,
    scratch: Vec<f64>,
}

impl Evaluator<Vector> for FunctionTask {
    type State = ();
    type Observed = ();

    fn space(&self) -> Space<Vector> {
        Space {
            senses: vec![Sense::Minimize; self.function.objectives()],
            constraints: self.function.constraints(),
            fitness: if self.noise > 0.0 { Fitness::Noisy } else { Fitness::Exact },
            ..Space::new(self.genes.clone())
        }
    }

    fn initial_state(&self) {}

    fn evaluate(
        &self,
        _state: &(),
        batch: &Batch<Vector>,
        members: Range<usize>,
        round: &Round,
    ) -> Vec<Evaluated<Vector, ()>> {
        let work = |memory: &mut Memory, i: usize| self.one(batch, members.start + i, round, memory).into();
        if members.len() * batch.dimension() < SMALL {
            let mut memory = Memory::default();
            return (0..members.len()).map(|i| work(&mut memory, i)).collect();
        }
        par::map_with(members.len(), Memory::default, work)
    }
}

impl Assess<Vector> for FunctionTask {}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::RunKey;
    use evolvent_problems::functions::{AnyFunction, Placement};

    fn task(name: &str, noise: f64) -> FunctionTask {
        let function = AnyFunction::find(name).unwrap().build().unwrap();
        FunctionTask::new(function, &FunctionSettings { noise }).unwrap()
    }

    fn round() -> Round {
        Round::train(RunKey::from_seed(2), 5)
    }

    fn values(task: &FunctionTask, batch: &Batch<Vector>, round: &Round) -> Vec<f64> {
        let results = task.evaluate(&(), batch, 0..batch.len(), round);
        results.into_iter().map(|r| r.evaluation.result.unwrap().objectives[0]).collect()
    }

    #[test]
    fn values_are_those_of_the_function() {
        let task = task("rastrigin", 0.0);
        let n = task.function().dimension();
        let batch = Batch::of(vec![Vector(vec![0.0; n]), Vector(vec![1.0; n])]);
        assert_eq!(values(&task, &batch, &round()), [0.0, n as f64]);
        let space = task.space();
        assert_eq!((space.genes.dimension(), space.fitness, space.constraints), (n, Fitness::Exact, 0));
        assert!(space.genes.spread() > 0.0);
    }

    #[test]
    fn several_objectives_and_constraints() {
        let task = task("bnh", 0.0);
        let batch = Batch::of(vec![Vector(vec![1.0, 2.0])]);
        let measured = task.evaluate(&(), &batch, 0..1, &round()).remove(0).evaluation.result.unwrap();
        assert_eq!((&measured.objectives[..], measured.constraints[0]), (&[20.0, 25.0][..], -5.0));
        assert_eq!((task.space().senses.len(), task.space().constraints), (2, 2));
        assert!(task.space().genes.bounds.is_some());
    }

    #[test]
    fn noise_has_its_stream_and_spares_champions() {
        let task = task("sphere", 0.5);
        let n = task.function().dimension();
        assert_eq!(task.space().fitness, Fitness::Noisy);
        let mut batch = Batch::of(vec![Vector(vec![0.0; n]); 2000]);
        let noisy = values(&task, &batch, &round());
        let mean = noisy.iter().sum::<f64>() / 2000.0;
        let deviation = (noisy.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 2000.0).sqrt();
        assert!(mean.abs() < 0.06 && (deviation - 0.5).abs() < 0.04);
        assert_eq!(noisy, values(&task, &batch, &round()));
        assert_eq!(values(&task, &batch, &Round { phase: Phase::Validate, ..round() })[..3], [0.0; 3]);
        batch.share_random_numbers();
        assert!(values(&task, &batch, &round()).iter().all(|&v| v == noisy[0]));
        let wrong = FunctionSettings { noise: -1.0 };
        assert!(wrong.check().unwrap_err().to_string().starts_with("noise: "));
    }

    #[test]
    fn threads_and_splits_do_not_show() {
        let placement = Placement { dimension: 40, shift: Some(1), rotate: Some(2) };
        let function = AnyFunction::Ackley(placement).build().unwrap();
        let task = FunctionTask::new(function, &FunctionSettings::default()).unwrap();
        let members =
            (0..600).map(|i| Vector((0..40).map(|d| (i * 7 + d) as f64 * 0.01).collect())).collect();
        let batch = Batch::of(members);
        let run = |threads| par::Pool::new(threads).unwrap().install(|| values(&task, &batch, &round()));
        let one = run(1);
        assert_eq!(one, run(8));
        let part = task.evaluate(&(), &batch, 100..110, &round());
        assert_eq!(part[3].evaluation.result.as_ref().unwrap().objectives[0], one[103]);
    }
}
