//! Stages: one algorithm after the other, each beginning where the one before ended. Coarse to fine.
//!
//! A stage ends when its algorithm has nothing more to gain or when its budget of generations or evaluations is used up. The next
//! stage starts from its outcome: from the point, or, if the outcome is a front or an archive, from all of its candidates as a population.
//! The last stage goes on until its algorithm stops.
//!
//! Where losses of different rounds can be compared, the best outcome of all stages is recommended, else that of the current stage.
//!
//! Cost: that of the algorithms inside.
//!
//! Needs: what the algorithms inside need, all at once.

use crate::{
    draws::fork,
    merit::Merit,
    vector_algorithms::{VectorAlgorithm, VectorState},
};
use evolvent_core::{
    Algorithm, Batch, Candidate, Diagnostics, Needs, Outcome, Scores, Space, Start, StopReason, Stream,
    Vector, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Algorithms over vectors, one after the other: coarse to fine.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stages {
    /// The stages in their order, at least one: `[[algorithm.stages.sequence]]` with `generations = 50` and
    /// `algorithm = { de = {} }`.
    pub sequence: Vec<Stage>,
}

/// One stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Most generations, at least 1; left out: until it stops by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generations: Option<u64>,
    /// Most evaluations, at least 1, by whole generations; left out: until it stops by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluations: Option<u64>,
    /// What runs in it.
    pub algorithm: VectorAlgorithm,
}

impl Default for Stages {
    /// Differential evolution for a wide look, CMA-ES for the rest.
    fn default() -> Self {
        let stage = |generations, algorithm| Stage { generations, evaluations: None, algorithm };
        Stages {
            sequence: vec![
                stage(Some(50), VectorAlgorithm::De(crate::De::default())),
                stage(None, VectorAlgorithm::CmaEs(crate::CmaEs::default())),
            ],
        }
    }
}

/// State of [`Stages`].
#[derive(Serialize, Deserialize)]
pub struct StagesState {
    space: Space<Vector>,
    /// Which stage it is in.
    stage: usize,
    state: Box<VectorState>,
    generations: u64,
    evaluations: u64,
    /// The best outcome of earlier stages, where losses can be compared.
    best: Option<Candidate<Vector>>,
}

impl Algorithm for Stages {
    const NAME: &'static str = "stages";
    type Genome = Vector;
    type State = StagesState;

    fn needs(&self) -> Needs {
        let all = self.sequence.iter().map(|s| s.algorithm.needs());
        all.reduce(|a, b| Needs {
            objectives: (a.objectives.0.max(b.objectives.0), a.objectives.1.min(b.objectives.1)),
            // Taking constraints and foreign solutions are abilities: all must have them.
            constraints: a.constraints && b.constraints,
            foreign: a.foreign && b.foreign,
            descriptors: a.descriptors || b.descriptors,
            gradients: a.gradients || b.gradients,
            sensitivities: a.sensitivities || b.sensitivities,
            bounds: a.bounds || b.bounds,
        })
        .unwrap_or_default()
    }

    fn holds(&self, space: &Space<Vector>) -> f64 {
        self.sequence.iter().map(|s| s.algorithm.holds(space)).fold(1.0, f64::max)
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<StagesState, Violations> {
        let mut v = Violations::new();
        v.at_least("sequence", self.sequence.len(), 1);
        let mut first = None;
        for (k, stage) in self.sequence.iter().enumerate() {
            let path = format!("sequence.{k}");
            for (field, budget) in [("generations", stage.generations), ("evaluations", stage.evaluations)] {
                v.require(budget != Some(0), &format!("{path}.{field}"), 0, "at least 1");
            }
            if stage.algorithm.key() == Self::NAME {
                v.add(&format!("{path}.algorithm"), Self::NAME, "an algorithm other than stages themselves");
                continue;
            }
            // Every stage is checked now, not when its turn comes.
            let begin = if k == 0 { start } else { &Start::Default };
            match stage.algorithm.init(space, begin, &mut fork(rng).stream()) {
                Ok(state) if k == 0 => first = Some(state),
                Ok(_) => {}
                Err(inner) => {
                    let at_start = |v: &evolvent_core::Violation| v.path.starts_with("start");
                    let (outer, own): (Vec<_>, Vec<_>) = inner.0.into_iter().partition(at_start);
                    v.0.extend(outer);
                    v.absorb(&format!("{path}.algorithm.{}", stage.algorithm.key()), Err(Violations(own)));
                }
            }
        }
        v.into_result()?;
        let Some(state) = first else {
            return Err(Violations::one("sequence", "none", "at least one stage"));
        };
        Ok(StagesState {
            space: space.clone(),
            stage: 0,
            state: Box::new(state),
            generations: 0,
            evaluations: 0,
            best: None,
        })
    }

    fn ask(&self, state: &mut StagesState, rng: &mut Stream) -> Batch<Vector> {
        self.current(state).algorithm.ask(&mut state.state, rng)
    }

    fn tell(&self, state: &mut StagesState, batch: &Batch<Vector>, scores: &Scores, rng: &mut Stream) {
        let stage = self.current(state);
        stage.algorithm.tell(&mut state.state, batch, scores, rng);
        state.generations += 1;
        state.evaluations += batch.len() as u64;
        let spent = stage.generations.is_some_and(|g| state.generations >= g)
            || stage.evaluations.is_some_and(|e| state.evaluations >= e);
        if spent || stage.algorithm.stopped(&state.state).is_some() {
            self.advance(state, rng);
        }
    }

    fn outcome(&self, state: &StagesState) -> Outcome<Vector> {
        let outcome = self.current(state).algorithm.outcome(&state.state);
        match (&state.best, outcome.recommended()) {
            (Some(best), Some(current)) if !merit(current).beats(&merit(best)) => {
                Outcome::Point(best.clone())
            }
            _ => outcome,
        }
    }

    /// Why the last stage ended.
    fn stopped(&self, state: &StagesState) -> Option<StopReason> {
        if state.stage + 1 < self.sequence.len() {
            return None;
        }
        let stage = self.current(state);
        stage.algorithm.stopped(&state.state).or_else(|| {
            let spent = stage.generations.is_some_and(|g| state.generations >= g)
                || stage.evaluations.is_some_and(|e| state.evaluations >= e);
            spent.then(|| StopReason::Finished("the budget of the last stage is used up".into()))
        })
    }

    fn diagnose(&self, state: &StagesState, out: &mut Diagnostics) {
        // Names stay the same for the whole run, so what the algorithms inside tell stays inside.
        out.add("stage", state.stage as f64);
        out.add("stage_generations", state.generations as f64);
    }
}

impl Stages {
    fn current(&self, state: &StagesState) -> &Stage {
        &self.sequence[state.stage]
    }

    /// Hands the outcome to the next stage, if there is one.
    fn advance(&self, state: &mut StagesState, rng: &mut Stream) {
        let outcome = self.current(state).algorithm.outcome(&state.state);
        let Some(next) = self.sequence.get(state.stage + 1) else { return };
        let start = match &outcome {
            Outcome::Point(candidate) => Start::Point(candidate.genome.clone()),
            Outcome::Front(all) | Outcome::Archive(all) => {
                Start::Population(all.iter().map(|c| c.genome.clone()).collect())
            }
        };
        // Every stage was accepted in `init`; a start that one of them refuses leaves the stage before at work.
        let Ok(begun) = next.algorithm.init(&state.space, &start, &mut fork(rng).stream()) else { return };
        let comparable = state.space.fitness.comparable_across_rounds() && state.space.senses.len() == 1;
        if let Some(new) = outcome.recommended().filter(|c| comparable && c.losses.is_some())
            && state.best.as_ref().is_none_or(|best| merit(new).beats(&merit(best)))
        {
            state.best = Some(new.clone());
        }
        *state.state = begun;
        state.stage += 1;
        (state.generations, state.evaluations) = (0, 0);
    }
}

fn merit(candidate: &Candidate<Vector>) -> Merit {
    match &candidate.losses {
        Some(losses) => Merit { failed: false, violation: candidate.violation, loss: losses[0] },
        None => Merit::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CmaEs, OpenEs};
    use evolvent_core::{Auto, Init, Purpose, RunKey, VectorGenes, stream};
    use evolvent_test::Specimen;

    fn space() -> Space<Vector> {
        Space::new(VectorGenes::flat(3, Init::Uniform { low: 2.0, high: 6.0 }, None))
    }

    fn run(stages: &Stages, rounds: u64) -> (StagesState, Vec<usize>) {
        let key = RunKey::from_seed(1);
        let mut state =
            stages.init(&space(), &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        let mut sizes = Vec::new();
        for round in 0..rounds {
            if stages.stopped(&state).is_some() {
                break;
            }
            let batch = stages.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            sizes.push(batch.len());
            let losses: Vec<f64> =
                Vector::written_out(&batch).iter().map(|x| x.0.iter().map(|x| x * x).sum()).collect();
            stages.tell(
                &mut state,
                &batch,
                &Scores::of_losses(&losses),
                &mut stream(key, round, 0, 0, Purpose::Tell),
            );
        }
        (state, sizes)
    }

    #[test]
    fn each_stage_begins_where_the_one_before_ended() {
        let (state, sizes) = run(&Stages::default(), 51);
        assert_eq!((state.stage, &sizes[..50], sizes[50]), (1, &[30; 50][..], 7));
        // Fifty generations from [2, 6]³ come close to 0; CMA-ES does not begin anew from there.
        let reached = merit(state.best.as_ref().unwrap()).loss;
        assert!(reached < 1e-4, "{reached}");
        let outcome = Stages::default().outcome(&state);
        assert!(outcome.candidates()[0].losses.as_ref().unwrap()[0] <= reached);
    }

    #[test]
    fn budgets_of_evaluations_and_the_end() {
        let stages = Stages {
            sequence: vec![
                Stage {
                    generations: None,
                    evaluations: Some(20),
                    algorithm: VectorAlgorithm::OpenEs(OpenEs { population_size: 8, ..OpenEs::default() }),
                },
                Stage {
                    generations: Some(4),
                    evaluations: None,
                    algorithm: VectorAlgorithm::CmaEs(CmaEs::default()),
                },
            ],
        };
        let (state, sizes) = run(&stages, 100);
        assert_eq!(sizes, [8, 8, 8, 7, 7, 7, 7]);
        assert!(matches!(stages.stopped(&state), Some(StopReason::Finished(_))));
    }

    #[test]
    fn mistakes_in_later_stages_are_found_at_once() {
        let mut stages = Stages::default();
        stages.sequence[1].algorithm =
            VectorAlgorithm::CmaEs(CmaEs { sigma: Auto::Value(f64::NAN), ..CmaEs::default() });
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
        let violations = stages.init(&space(), &Start::Default, &mut rng).err().unwrap();
        assert_eq!(violations.0[0].path, "sequence.1.algorithm.cma_es.sigma");
        assert!(Stages { sequence: Vec::new() }.init(&space(), &Start::Default, &mut rng).is_err());
    }

    mod short_stages {
        use super::*;
        evolvent_test::conformance!(
            Stages,
            Stages {
                sequence: vec![
                    Stage {
                        generations: Some(3),
                        evaluations: None,
                        algorithm: VectorAlgorithm::Snes(crate::Snes::default())
                    },
                    Stage {
                        generations: None,
                        evaluations: Some(50),
                        algorithm: VectorAlgorithm::Ga(crate::Ga {
                            population_size: 10,
                            ..crate::Ga::default()
                        }),
                    },
                    Stage {
                        generations: None,
                        evaluations: None,
                        algorithm: VectorAlgorithm::OpenEs(OpenEs::default())
                    },
                ],
            }
        );
    }
}
