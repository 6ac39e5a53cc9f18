//! Novelty search (Lehman & Stanley 2011, "Abandoning objectives: evolution through the search for novelty alone"), around
//! any algorithm.
//!
//! The algorithm inside sees how different a behaviour is instead of how good: the mean distance of its descriptors to
//! those of the `neighbours` nearest behaviours, in the generation and in an archive of what was new before (equation 1). A
//! behaviour enters the archive if its novelty is above a threshold, which adapts so that the archive grows steadily.
//! With a `weight` below 1 the algorithm sees a mixture of novelty and fitness, each scaled to [0, 1] over the generation (Cuccu
//! & Gomez 2011, "When novelty is not enough").
//!
//! *Differs from the paper:* descriptors are scaled by the intervals that the problem states, so that those of different units weigh
//! alike. Generational, not steady state: the threshold is raised by 20 % after a generation that adds more than four behaviours, and lowered
//! by 5 % after ten that add none.
//!
//! What is recommended is the fittest individual seen; where fitness of different rounds cannot be compared, that of the last generation.
//!
//! Cost: that of the algorithm inside, and O(population · (population + archive)) distances per generation, in parallel.
//!
//! Needs: descriptors, one objective, and what the algorithm inside needs.

use crate::merit::Merit;
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Fitness, Genome, Needs, Outcome, Scores, Space, Start,
    StopReason, Stream, Tree, Violations,
};
use evolvent_math::{par, rows::Materialize};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Additions in one generation above which the threshold is raised.
const MANY: usize = 4;
/// Generations without an addition after which it is lowered.
const PATIENCE: u64 = 10;
const RAISE: f64 = 1.2;
const LOWER: f64 = 0.95;

/// Novelty search around any algorithm: new behaviour is rewarded, instead of fitness or beside it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct Novelty<A: Algorithm> {
    /// k, how many of the nearest behaviours count, at least 1. The default is the paper's.
    pub neighbours: usize,
    /// Share of novelty in what the algorithm inside sees, in (0, 1]: 1 is novelty alone.
    pub weight: f64,
    /// ρ_min at the start: the novelty above which a behaviour enters the archive, in units of the descriptors' intervals; above 0. Auto is
    /// 0.03, which is the paper's 6 units on its mazes of about 200.
    pub threshold: Auto<f64>,
    /// What is driven by it: `[algorithm.novelty.algorithm.neat]`.
    pub algorithm: Box<A>,
}

impl<A: Algorithm> Default for Novelty<A> {
    fn default() -> Self {
        Novelty { neighbours: 15, weight: 1.0, threshold: Auto::Auto, algorithm: Box::default() }
    }
}

/// State of [`Novelty`].
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: serde::de::DeserializeOwned"))]
pub struct NoveltyState<G: Genome, S> {
    inner: Box<S>,
    /// Width of each descriptor's interval.
    widths: Vec<f64>,
    /// Scaled descriptors, row after row.
    archive: Vec<f64>,
    threshold: f64,
    /// Generations since the last addition.
    quiet: u64,
    generation: u64,
    comparable: bool,
    best: Option<Candidate<G>>,
    /// Mean novelty of the last generation.
    mean: f64,
}

impl<A: Algorithm<Genome: Materialize>> Algorithm for Novelty<A> {
    const NAME: &'static str = "novelty";
    type Genome = A::Genome;
    type State = NoveltyState<A::Genome, A::State>;

    fn needs(&self) -> Needs {
        Needs { descriptors: true, objectives: (1, 1), ..self.algorithm.needs() }
    }

    fn holds(&self, space: &Space<A::Genome>) -> f64 {
        self.algorithm.holds(space)
    }

    fn init(
        &self,
        space: &Space<A::Genome>,
        start: &Start<A::Genome>,
        rng: &mut Stream,
    ) -> Result<Self::State, Violations> {
        let mut v = Violations::new();
        v.at_least("neighbours", self.neighbours, 1);
        let share = self.weight > 0.0 && self.weight <= 1.0;
        v.require(share, "weight", self.weight, "a share in (0, 1]");
        let threshold = self.threshold.or(|| 0.03);
        v.positive("threshold", threshold);
        // What is new today is not new tomorrow.
        let inner = Space { fitness: Fitness::Changing, ..space.clone() };
        let state = self.algorithm.init(&inner, start, rng);
        let state = state.map_err(|inner| {
            let at_start = |v: &evolvent_core::Violation| v.path.starts_with("start");
            let (outer, own): (Vec<_>, Vec<_>) = inner.0.into_iter().partition(at_start);
            v.0.extend(outer);
            v.absorb(&self.inner_path(), Err(Violations(own)));
        });
        v.into_result()?;
        let Ok(state) = state else { return Err(Violations::one("algorithm", "none", "an algorithm")) };
        let width = |&(low, high): &(f64, f64)| {
            let width: f64 = high - low;
            if width.is_finite() && width > 0.0 { width } else { 1.0 }
        };
        Ok(NoveltyState {
            inner: Box::new(state),
            widths: space.descriptors.iter().map(width).collect(),
            archive: Vec::new(),
            threshold,
            quiet: 0,
            generation: 0,
            comparable: space.fitness.comparable_across_rounds(),
            best: None,
            mean: 0.0,
        })
    }

    fn ask(&self, state: &mut Self::State, rng: &mut Stream) -> Batch<A::Genome> {
        self.algorithm.ask(&mut state.inner, rng)
    }

    fn tell(&self, state: &mut Self::State, batch: &Batch<A::Genome>, scores: &Scores, rng: &mut Stream) {
        state.generation += 1;
        remember(state, batch, scores);
        let behaviours = scaled(&scores.descriptors, &state.widths, scores.len());
        let novelty = novelties(&behaviours, &state.archive, state.widths.len(), self.neighbours);
        let seen = self.seen(state, scores, &novelty);
        archive(state, &behaviours, &novelty);
        self.algorithm.tell(&mut state.inner, batch, &seen, rng);
    }

    fn outcome(&self, state: &Self::State) -> Outcome<A::Genome> {
        match &state.best {
            Some(best) => Outcome::Point(best.clone()),
            None => self.algorithm.outcome(&state.inner),
        }
    }

    fn stopped(&self, state: &Self::State) -> Option<StopReason> {
        self.algorithm.stopped(&state.inner)
    }

    fn rescaled(&self, space: &Space<A::Genome>, population: f64, sigma: f64) -> Option<Self> {
        let algorithm = self.algorithm.rescaled(space, population, sigma)?;
        Some(Novelty { algorithm: Box::new(algorithm), ..self.clone() })
    }

    fn groups(&self, state: &Self::State) -> Vec<(u64, u64)> {
        self.algorithm.groups(&state.inner)
    }

    fn operator(&self, code: u8) -> String {
        self.algorithm.operator(code)
    }

    fn diagnose(&self, state: &Self::State, out: &mut Diagnostics) {
        out.add("novelty", state.mean);
        out.add("novelty_threshold", state.threshold);
        out.add("archive", (state.archive.len() / state.widths.len().max(1)) as f64);
        self.algorithm.diagnose(&state.inner, out);
    }
}

impl<A: Algorithm> Novelty<A> {
    /// Where the settings of the algorithm inside stand: lists of algorithms are tagged with the algorithm's key.
    fn inner_path(&self) -> String {
        match Tree::of(&*self.algorithm) {
            Ok(Tree::Variant(key, _)) => format!("algorithm.{key}"),
            _ => "algorithm".into(),
        }
    }

    /// What the algorithm inside is told.
    fn seen<G: Genome, S>(
        &self,
        state: &NoveltyState<G, S>,
        scores: &Scores,
        novelty: &[Option<f64>],
    ) -> Scores {
        let fitness: Vec<Option<f64>> =
            (0..scores.len()).map(|i| (!scores.failed[i]).then(|| -scores.value(i))).collect();
        let mixed = |i: usize| match (novelty[i], self.weight) {
            (Some(new), 1.0) => -new,
            (Some(_), weight) => -(weight * unit(novelty, i) + (1.0 - weight) * unit(&fitness, i)),
            (None, _) => f64::INFINITY,
        };
        Scores {
            objectives: 1,
            values: (0..scores.len()).map(mixed).collect(),
            failed: novelty.iter().map(Option::is_none).collect(),
            violation: scores
                .violation
                .iter()
                .zip(novelty)
                .map(|(&v, new)| if new.is_some() { v } else { f64::INFINITY })
                .collect(),
            // Novelties of two generations are never comparable.
            context: state.generation,
            ..scores.clone()
        }
    }
}

/// Member `i`'s value scaled to [0, 1] over those that have one; all equal: 0.
fn unit(values: &[Option<f64>], i: usize) -> f64 {
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    match values[i] {
        Some(value) if high > low => (value - low) / (high - low),
        _ => 0.0,
    }
}

/// The fittest is kept, whatever novelty thinks of it.
fn remember<G: Materialize, S>(state: &mut NoveltyState<G, S>, batch: &Batch<G>, scores: &Scores) {
    let Some(i) = scores.best() else { return };
    let merit = Merit::of(scores, i);
    let old = state.best.as_ref().filter(|_| state.comparable).and_then(|best| {
        let loss = best.losses.as_ref()?[0];
        Some(Merit { failed: false, violation: best.violation, loss })
    });
    if old.is_none_or(|old| merit.beats(&old))
        && let Some(genome) = G::owned(batch, i)
    {
        let width = state.widths.len();
        let descriptors = scores.descriptors.get(i * width..(i + 1) * width).unwrap_or_default().to_vec();
        state.best = Some(Candidate { descriptors, ..merit.candidate(genome) });
    }
}

/// Each member's descriptors in units of their intervals; `None` for members without.
fn scaled(descriptors: &[f64], widths: &[f64], members: usize) -> Vec<Option<Vec<f64>>> {
    let width = widths.len();
    let row = |i: usize| {
        let row = descriptors.get(i * width..(i + 1) * width)?;
        let row: Vec<f64> = row.iter().zip(widths).map(|(x, w)| x / w).collect();
        row.iter().all(|x| x.is_finite()).then_some(row)
    };
    (0..members).map(row).collect()
}

/// ρ(x), the mean distance to the nearest behaviours (equation 1): of each member, over all others and the archive.
fn novelties(
    behaviours: &[Option<Vec<f64>>],
    archive: &[f64],
    width: usize,
    neighbours: usize,
) -> Vec<Option<f64>> {
    par::map(behaviours.len(), |i| {
        let own = behaviours[i].as_ref()?;
        let distance =
            |other: &[f64]| own.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        let others = behaviours.iter().enumerate().filter(|&(j, _)| j != i);
        let others = others.filter_map(|(_, b)| b.as_ref()).map(|b| distance(b));
        let mut all: Vec<f64> = others.chain(archive.chunks_exact(width.max(1)).map(distance)).collect();
        let k = neighbours.min(all.len());
        if k == 0 {
            return Some(0.0);
        }
        all.select_nth_unstable_by(k - 1, f64::total_cmp);
        // In order of size, so that the sum does not depend on how the selection leaves them.
        all[..k].sort_unstable_by(f64::total_cmp);
        Some(all[..k].iter().sum::<f64>() / k as f64)
    })
}

/// What is new enough is kept, and the threshold moves.
fn archive<G: Genome, S>(
    state: &mut NoveltyState<G, S>,
    behaviours: &[Option<Vec<f64>>],
    novelty: &[Option<f64>],
) {
    let mut added = 0;
    for (behaviour, new) in behaviours.iter().zip(novelty) {
        if let (Some(behaviour), Some(new)) = (behaviour, new)
            && *new > state.threshold
        {
            state.archive.extend(behaviour);
            added += 1;
        }
    }
    state.quiet = if added > 0 { 0 } else { state.quiet + 1 };
    if added > MANY {
        state.threshold *= RAISE;
    } else if state.quiet >= PATIENCE {
        state.threshold *= LOWER;
        state.quiet = 0;
    }
    let known = novelty.iter().flatten();
    state.mean = known.clone().sum::<f64>() / known.count().max(1) as f64;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ga, RealVariation, ga::Mutation};
    use evolvent_core::{Evaluation, Init, Measured, Purpose, RunKey, Sense, Vector, VectorGenes, stream};

    fn rows(points: &[[f64; 2]]) -> Vec<Option<Vec<f64>>> {
        points.iter().map(|p| Some(p.to_vec())).collect()
    }

    #[test]
    fn novelty_by_hand() {
        let mut members = rows(&[[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]);
        members.push(None);
        let novelty = novelties(&members, &[6.0, 8.0], 2, 2);
        // (0, 0): 1 and 5; (3, 4): √(9 + 9) and 5, both of (0, 0) and of the archive; (0, 1): 1 and √18.
        let root = 18f64.sqrt();
        for (got, want) in
            novelty.iter().zip([Some(3.0), Some((root + 5.0) / 2.0), Some((1.0 + root) / 2.0), None])
        {
            match (got, want) {
                (Some(got), Some(want)) => assert!((got - want).abs() < 1e-12, "{got} {want}"),
                (got, want) => assert_eq!(got.is_none(), want.is_none()),
            }
        }
        assert_eq!(novelties(&rows(&[[1.0, 1.0]]), &[], 2, 15), [Some(0.0)]);
    }

    type Search = Novelty<Ga<RealVariation>>;

    fn search(weight: f64) -> Search {
        let mutation = Mutation::Gaussian { sigma: Auto::Value(0.5), rate: 1.0 };
        let variation = RealVariation { mutation, ..RealVariation::default() };
        let ga = Ga { population_size: 40, variation, ..Ga::default() };
        Novelty { weight, algorithm: Box::new(ga), ..Novelty::default() }
    }

    /// Genes are the behaviour; fitness is a deceptive slope: it rises to the left, and the goal is far to the right.
    fn run(
        search: &Search,
        rounds: u64,
    ) -> (NoveltyState<Vector, <Ga<RealVariation> as Algorithm>::State>, f64) {
        let space = Space {
            descriptors: vec![(0.0, 10.0); 2],
            senses: vec![Sense::Maximize],
            ..Space::new(VectorGenes::flat(2, Init::Uniform { low: 0.0, high: 0.5 }, None))
        };
        let key = RunKey::from_seed(3);
        let mut state =
            search.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        let mut farthest = f64::NEG_INFINITY;
        for round in 0..rounds {
            let batch = search.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            let measure = |i: usize| {
                let x = Vector::owned(&batch, i).unwrap().0;
                let x = [x[0].clamp(0.0, 10.0), x[1].clamp(0.0, 10.0)];
                let worth = if x[0] > 9.0 { 100.0 } else { -x[0] };
                Evaluation::measured(Measured {
                    objectives: [worth].into_iter().collect(),
                    descriptors: x.into_iter().collect(),
                    ..Measured::default()
                })
            };
            let mut evaluations: Vec<_> = (0..batch.len()).map(measure).collect();
            let scores = Scores::settle(&mut evaluations, &space.senses, 0);
            let reached = scores.descriptors.chunks_exact(2).map(|d| d[0]);
            farthest = reached.fold(farthest, f64::max);
            search.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
        }
        (state, farthest)
    }

    #[test]
    fn it_finds_what_fitness_leads_away_from() {
        let (state, farthest) = run(&search(1.0), 60);
        assert!(farthest > 9.0, "{farthest}");
        // Novelty does not care for the goal; the outcome does.
        assert_eq!(state.best.as_ref().unwrap().losses, Some(vec![-100.0]));
        assert!(!state.archive.is_empty());
        let (_, farthest) = run(&search(0.01), 60);
        assert!(farthest < 5.0, "nearly fitness alone went as far as {farthest}");
    }

    #[test]
    fn the_threshold_follows_the_additions() {
        let (mut state, _) = run(&search(1.0), 1);
        state.threshold = 1.0;
        archive(&mut state, &rows(&[[0.0; 2]; 6]), &[Some(2.0); 6]);
        assert_eq!(state.threshold, 1.2);
        for _ in 0..PATIENCE {
            archive(&mut state, &rows(&[[0.0; 2]; 6]), &[Some(0.5); 6]);
        }
        assert_eq!(state.threshold, 1.2 * 0.95);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let space = Space::new(VectorGenes::flat(2, Init::Uniform { low: 0.0, high: 0.1 }, None));
        let ga = Ga::<RealVariation> { population_size: 0, ..Ga::default() };
        let bad = Novelty { neighbours: 0, weight: 2.0, algorithm: Box::new(ga), ..Novelty::default() };
        let refused = bad.init(&space, &Start::Default, &mut stream(RunKey(1), 0, 0, 0, Purpose::Init));
        let paths: Vec<_> = refused.err().unwrap().0.into_iter().map(|v| v.path).collect();
        assert!(
            ["neighbours", "weight", "algorithm.population_size"]
                .iter()
                .all(|p| paths.iter().any(|q| q == p)),
            "{paths:?}"
        );
    }
}
