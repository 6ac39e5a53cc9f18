//! A run in motion, erased over the genome kind: what the runner steps, judges, saves and restores.

use crate::{
    checkpoint::{Checkpoint, Tree, TreeError},
    error::Result,
    problem::{Judge, Judgement},
    record::{Estimate, PerObjective},
};
use evolvent_algos::Bits;
use evolvent_core::{
    Cost, Diagnostics, Engine, Fitness, Genome, Outcome, Phase, Round, RoundReport, Scores, Sense,
    StopReason, Vector,
};
use evolvent_tasks::Assessment;
use std::any::Any;

/// What does not change during a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// [`Genome::KIND`].
    pub kind: &'static str,
    /// Number of genes, where the kind has a fixed number.
    pub dimension: Option<u64>,
    /// One sense per objective.
    pub senses: Vec<Sense>,
    /// Number of constraints.
    pub constraints: u64,
    /// What validation measures.
    pub judgement: Judgement,
}

/// Totals so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Generations done.
    pub generations: u64,
    /// Training evaluations.
    pub evaluations: u64,
    /// Training episodes and steps.
    pub cost: Cost,
}

/// One look at one genome.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What came out, in the user's sense.
    pub score: Estimate,
    /// The first objective as a loss; infinite if it failed.
    pub loss: f64,
    /// What it cost.
    pub cost: Cost,
    /// Why there is no score.
    pub failure: Option<String>,
    /// Further numbers by name, such as an accuracy.
    pub metrics: Vec<(String, f64)>,
    /// Whether it is now the best of the run.
    pub champion: bool,
}

/// The best genome of a run, as data.
#[derive(Clone, Debug)]
pub struct Laurels {
    /// The genome.
    pub genome: Tree,
    /// Its id in the lineage, if the algorithm keeps one.
    pub id: Option<u64>,
    /// The evaluator's state when it was found: the observation normaliser is in there.
    pub evaluator: Tree,
    /// After which generation it was found.
    pub generation: u64,
    /// What it was chosen by.
    pub validation: Estimate,
    /// The algorithm's front or archive, if it has one: objectives in the user's sense, sum of violations, genome.
    pub front: Option<Vec<(Vec<f64>, f64, Tree)>>,
}

/// A run in motion.
pub trait Session: Send {
    /// What does not change.
    fn facts(&self) -> Facts;
    /// One round.
    fn step(&mut self) -> RoundReport;
    /// Totals so far.
    fn totals(&self) -> Totals;
    /// What the algorithm says about itself.
    fn diagnostics(&self) -> Diagnostics;
    /// The groups that the population is divided into.
    fn groups(&self) -> Vec<(u64, u64)>;
    /// Whether the algorithm has ended by itself.
    fn stopped(&self) -> Option<StopReason>;
    /// Measures what the algorithm recommends, and takes it among the `keep` best if it is one of them.
    ///
    /// # Errors
    /// If the evaluator's state cannot be written and read back.
    fn validate(&mut self, round: u64, repetitions: u32, keep: usize) -> Result<Judged, TreeError>;
    /// Measures the `keep` best once more, all on the same episodes, and puts the winner first.
    ///
    /// # Errors
    /// As for [`Session::validate`].
    fn decide(&mut self, round: u64, repetitions: u32, keep: usize) -> Result<(), TreeError>;
    /// Puts the latest validated genome first.
    fn crown_latest(&mut self);
    /// Measures the champion on test episodes or data; `None` if the run has none.
    ///
    /// # Errors
    /// As for [`Session::validate`].
    fn test(&self, round: u64, repetitions: u32) -> Result<Option<Judged>, TreeError>;
    /// The champion; `None` if nothing was ever measured successfully.
    ///
    /// # Errors
    /// If the genome cannot be written as data.
    fn laurels(&self) -> Result<Option<Laurels>, TreeError>;
    /// Everything that changes, for a checkpoint.
    ///
    /// # Errors
    /// If the state cannot be written as data.
    fn state(&self) -> Result<Tree, TreeError>;
    /// Puts back what [`Session::state`] gave, from the field `session` of a checkpoint.
    ///
    /// # Errors
    /// If it is the state of something else.
    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()>;
}

/// One of the best validated genomes, or the latest.
struct Finalist<G> {
    genome: G,
    id: Option<u64>,
    evaluator: Tree,
    /// The generation that it was found in, and the last one in which it was measured.
    generation: u64,
    measured: u64,
    score: Estimate,
    loss: f64,
}

impl<G> Finalist<G> {
    fn rank(&self) -> (f64, f64) {
        (self.score.violation, self.loss)
    }
}

fn better(a: (f64, f64), b: (f64, f64)) -> bool {
    a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)).is_lt()
}

/// A [`Session`] over genomes of kind `G`.
pub(crate) struct SessionOf<G: Genome> {
    engine: Engine<G>,
    judge: Box<dyn Judge<G>>,
    judgement: Judgement,
    /// Best first.
    finalists: Vec<Finalist<G>>,
}

impl<G: Genome> SessionOf<G> {
    pub(crate) fn new(engine: Engine<G>, judge: Box<dyn Judge<G>>, judgement: Judgement) -> Self {
        SessionOf { engine, judge, judgement, finalists: Vec::new() }
    }

    fn judged(&self, assessment: Assessment) -> Judged {
        let Assessment { mut evaluation, values, metrics } = assessment;
        let cost = evaluation.cost;
        let scores = Scores::settle(std::slice::from_mut(&mut evaluation), &self.engine.space.senses, 0);
        match &evaluation.result {
            Err(failure) => Judged {
                score: Estimate { violation: f64::INFINITY, ..Estimate::default() },
                loss: f64::INFINITY,
                cost,
                failure: Some(failure.to_string()),
                metrics,
                champion: false,
            },
            Ok(measured) => {
                let several = values.len() > 1 && measured.objectives.len() == 1;
                let std = if several { vec![deviation(&values)] } else { Vec::new() };
                let score = Estimate {
                    mean: PerObjective(measured.objectives.to_vec()),
                    std: PerObjective(std),
                    repetitions: values.len().max(1) as u64,
                    // An empty sum is −0, which would not survive a record.
                    violation: scores.violation[0] + 0.0,
                };
                Judged { score, loss: scores.value(0), cost, failure: None, metrics, champion: false }
            }
        }
    }

    fn round(&self, number: u64, phase: Phase, repetitions: u32) -> Round {
        Round { key: self.engine.key, number, phase, repetitions: Some(repetitions) }
    }

    /// A value that was measured exactly need not be measured again.
    fn known(&self, losses: Option<&[f64]>, violation: f64) -> Option<Judged> {
        let same = self.judgement == Judgement::Same && self.engine.space.fitness == Fitness::Exact;
        let losses = losses.filter(|_| same)?;
        let mean = losses.iter().zip(&self.engine.space.senses).map(|(&l, s)| s.flip(l) + 0.0).collect();
        let score =
            Estimate { mean: PerObjective(mean), std: PerObjective::default(), repetitions: 1, violation };
        let (loss, metrics) = (losses[0], Vec::new());
        Some(Judged { score, loss, cost: Cost::default(), failure: None, metrics, champion: false })
    }
}

/// Sample standard deviation.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0)).sqrt()
}

/// Two estimates of one thing from separate repetitions, as one.
fn pooled(a: &Estimate, b: &Estimate) -> Estimate {
    let (n, m) = (a.repetitions as f64, b.repetitions as f64);
    let weighted = |x: f64, y: f64| (n * x + m * y) / (n + m);
    let mean = a.mean.0.iter().zip(&b.mean.0).map(|(&x, &y)| weighted(x, y)).collect();
    let std = match (a.std.0.as_slice(), b.std.0.as_slice()) {
        ([s], [t]) => {
            let apart = a.mean.0[0] - b.mean.0[0];
            let squares = (n - 1.0) * s * s + (m - 1.0) * t * t + n * m / (n + m) * apart * apart;
            vec![(squares / (n + m - 1.0)).sqrt()]
        }
        _ => Vec::new(),
    };
    Estimate {
        mean: PerObjective(mean),
        std: PerObjective(std),
        repetitions: a.repetitions + b.repetitions,
        violation: weighted(a.violation, b.violation),
    }
}

impl<G: Genome> Session for SessionOf<G> {
    fn facts(&self) -> Facts {
        let engine: &dyn Any = &self.engine;
        let vector = engine.downcast_ref::<Engine<Vector>>().map(|e| e.space.genes.dimension());
        let bits = engine.downcast_ref::<Engine<Bits>>().map(|e| e.space.genes.length);
        Facts {
            kind: G::KIND,
            dimension: vector.or(bits).map(|n| n as u64),
            senses: self.engine.space.senses.clone(),
            constraints: self.engine.space.constraints as u64,
            judgement: self.judgement,
        }
    }

    fn step(&mut self) -> RoundReport {
        self.engine.step()
    }

    fn totals(&self) -> Totals {
        Totals {
            generations: self.engine.round,
            evaluations: self.engine.evaluations,
            cost: self.engine.cost,
        }
    }

    fn diagnostics(&self) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        self.engine.algorithm.diagnose(&mut diagnostics);
        diagnostics
    }

    fn groups(&self) -> Vec<(u64, u64)> {
        self.engine.algorithm.groups()
    }

    fn stopped(&self) -> Option<StopReason> {
        self.engine.algorithm.stopped()
    }

    fn validate(&mut self, round: u64, repetitions: u32, keep: usize) -> Result<Judged, TreeError> {
        let outcome = self.engine.algorithm.outcome();
        let Some(candidate) = outcome.recommended() else {
            return Err(TreeError::new("the algorithm recommends nothing"));
        };
        let evaluator = self.engine.evaluator.state()?;
        let mut judged = match self.known(candidate.losses.as_deref(), candidate.violation) {
            Some(known) => known,
            None => {
                let round = self.round(round, Phase::Validate, repetitions);
                self.judged(self.judge.assess(&evaluator, &candidate.genome, &round)?)
            }
        };
        if judged.failure.is_none() {
            let now = self.engine.round;
            let known = self
                .finalists
                .iter()
                .position(|f| f.genome == candidate.genome && f.evaluator == evaluator)
                .map(|i| self.finalists.remove(i));
            let finalist = match known {
                Some(mut known) => {
                    known.measured = now;
                    if self.judgement == Judgement::Fresh {
                        known.score = pooled(&known.score, &judged.score);
                        known.loss = self.engine.space.senses[0].flip(known.score.mean.0[0]);
                    }
                    known
                }
                None => Finalist {
                    genome: candidate.genome.clone(),
                    id: candidate.id,
                    evaluator,
                    generation: now,
                    measured: now,
                    score: judged.score.clone(),
                    loss: judged.loss,
                },
            };
            let at = self.finalists.iter().position(|f| better(finalist.rank(), f.rank()));
            let at = at.unwrap_or(self.finalists.len());
            judged.champion = at == 0;
            self.finalists.insert(at, finalist);
            // The one that was just measured stays even where others did better: it may pass the target, and is the
            // champion then.
            let mut place = 0..;
            self.finalists.retain(|f| place.next().is_some_and(|at| at < keep.max(1)) || f.measured == now);
        }
        Ok(judged)
    }

    fn decide(&mut self, round: u64, repetitions: u32, keep: usize) -> Result<(), TreeError> {
        self.finalists.truncate(keep.max(1));
        let round = self.round(round, Phase::Validate, repetitions);
        for i in 0..self.finalists.len() {
            let f = &self.finalists[i];
            let judged = self.judged(self.judge.assess(&f.evaluator, &f.genome, &round)?);
            let f = &mut self.finalists[i];
            (f.score, f.loss) = (judged.score, judged.loss);
        }
        self.finalists.sort_by(|a, b| a.rank().0.total_cmp(&b.rank().0).then(a.loss.total_cmp(&b.loss)));
        Ok(())
    }

    fn crown_latest(&mut self) {
        self.finalists.sort_by_key(|f| std::cmp::Reverse(f.measured));
    }

    fn test(&self, round: u64, repetitions: u32) -> Result<Option<Judged>, TreeError> {
        let Some(champion) = self.finalists.first() else { return Ok(None) };
        let round = self.round(round, Phase::Test, repetitions);
        self.judge.assess(&champion.evaluator, &champion.genome, &round).map(|a| Some(self.judged(a)))
    }

    fn laurels(&self) -> Result<Option<Laurels>, TreeError> {
        let Some(champion) = self.finalists.first() else { return Ok(None) };
        let senses = &self.engine.space.senses;
        let front = match self.engine.algorithm.outcome() {
            Outcome::Point(_) => None,
            Outcome::Front(all) | Outcome::Archive(all) => {
                let member = |c: &evolvent_core::Candidate<G>| {
                    let losses = c.losses.as_deref().unwrap_or_default();
                    let values = losses.iter().zip(senses).map(|(&l, s)| s.flip(l) + 0.0).collect();
                    Ok((values, c.violation, Tree::of(&c.genome)?))
                };
                Some(all.iter().map(member).collect::<Result<_, TreeError>>()?)
            }
        };
        Ok(Some(Laurels {
            genome: Tree::of(&champion.genome)?,
            id: champion.id,
            evaluator: champion.evaluator.clone(),
            generation: champion.generation,
            validation: champion.score.clone(),
            front,
        }))
    }

    fn state(&self) -> Result<Tree, TreeError> {
        let finalist = |f: &Finalist<G>| {
            Ok(Tree::Struct(vec![
                ("genome".into(), Tree::of(&f.genome)?),
                ("id".into(), Tree::of(&f.id)?),
                ("evaluator".into(), f.evaluator.clone()),
                ("generation".into(), Tree::Unsigned(f.generation)),
                ("measured".into(), Tree::Unsigned(f.measured)),
                ("score".into(), Tree::of(&f.score)?),
                ("loss".into(), Tree::F64(f.loss)),
            ]))
        };
        let finalists = self.finalists.iter().map(finalist).collect::<Result<_, TreeError>>()?;
        Ok(Tree::Struct(vec![
            ("algorithm".into(), self.engine.algorithm.state()?),
            ("evaluator".into(), self.engine.evaluator.state()?),
            ("round".into(), Tree::Unsigned(self.engine.round)),
            ("evaluations".into(), Tree::Unsigned(self.engine.evaluations)),
            ("cost".into(), Tree::of(&self.engine.cost)?),
            ("finalists".into(), Tree::Sequence(finalists)),
        ]))
    }

    fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let own = checkpoint.field("session")?;
        let unfit = |name: &str, error: &dyn std::fmt::Display| {
            checkpoint.unfit(&format!("session.{name}"), error.to_string())
        };
        let field = |tree: &'_ Tree, name: &str| -> Result<Tree> {
            tree.field(name).cloned().ok_or_else(|| unfit(name, &"nothing there"))
        };
        let algorithm = field(own, "algorithm")?;
        let evaluator = field(own, "evaluator")?;
        let engine = &mut self.engine;
        engine.algorithm.restore(&algorithm).map_err(|e| unfit("algorithm", &e))?;
        engine.evaluator.restore(&evaluator).map_err(|e| unfit("evaluator", &e))?;
        engine.round = field(own, "round")?.read().map_err(|e| unfit("round", &e))?;
        engine.evaluations = field(own, "evaluations")?.read().map_err(|e| unfit("evaluations", &e))?;
        engine.cost = field(own, "cost")?.read().map_err(|e| unfit("cost", &e))?;
        self.finalists.clear();
        let finalists = match field(own, "finalists")? {
            Tree::Sequence(finalists) => finalists,
            _ => return Err(unfit("finalists", &"something else than a list")),
        };
        for tree in &finalists {
            let read = |name: &str| field(tree, name);
            self.finalists.push(Finalist {
                genome: read("genome")?.read().map_err(|e| unfit("finalists.genome", &e))?,
                id: read("id")?.read().map_err(|e| unfit("finalists.id", &e))?,
                evaluator: read("evaluator")?,
                generation: read("generation")?.read().map_err(|e| unfit("finalists.generation", &e))?,
                measured: read("measured")?.read().map_err(|e| unfit("finalists.measured", &e))?,
                score: read("score")?.read().map_err(|e| unfit("finalists.score", &e))?,
                loss: read("loss")?.read().map_err(|e| unfit("finalists.loss", &e))?,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(values: &[f64]) -> Estimate {
        Estimate {
            mean: PerObjective(vec![values.iter().sum::<f64>() / values.len() as f64]),
            std: PerObjective(vec![deviation(values)]),
            repetitions: values.len() as u64,
            violation: 0.0,
        }
    }

    #[test]
    fn pooling_is_as_if_measured_at_once() {
        let (a, b) = ([1.0, 4.0, 2.5], [10.0, 8.0, 9.5, 7.0]);
        let (both, whole) = (pooled(&estimate(&a), &estimate(&b)), estimate(&[&a[..], &b].concat()));
        assert_eq!(both.repetitions, 7);
        assert!((both.mean.0[0] - whole.mean.0[0]).abs() < 1e-12);
        assert!((both.std.0[0] - whole.std.0[0]).abs() < 1e-12);
    }
}
