//! Deep GA: a genetic algorithm whose genomes are chains of seeds.
//!
//! Such, Madhavan, Conti, Lehman, Stanley & Clune 2017, *Deep neuroevolution: genetic algorithms are a competitive alternative for training
//! deep neural networks for reinforcement learning* (algorithm 1, equation 1). A genome is where it began and the seeds and powers of its
//! mutations since, θ_k = θ_(k−1) + σ·ε(seed_k), so that four million weights take a few bytes per generation of ancestry. Parents are
//! the T best (truncation selection); there is no crossover; the best survives unchanged.
//!
//! The batch is virtual: the parents' vectors are its bases, kept while they are parents; a member is a base and a seed. A checkpoint holds
//! the chains alone, and the bases are grown from them again, to the same bits.
//!
//! *Differs from the paper:* noise comes from counter-based streams, not from a shared table. The first generation is normal with the means
//! and standard deviations of the genes' initialisers. Where values of different rounds cannot be compared (noisy or changing fitness), the elites are
//! evaluated again beside the children, in place of the paper's 30 more episodes for the ten best. Where genes are bounded, the batch is written out
//! and members are clamped.
//!
//! Cost per generation: `population_size` evaluations and one noise vector per member; memory for T vectors.
//!
//! Needs: one objective, vectors of a fixed length; takes constraints (feasible first, Deb 2000).

use crate::{merit::Merit, schedule::Schedule, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Diagnostics, Drawn, Init, Lineage, Needs, Outcome, Rank, Scale, Scores, Space,
    Start, Stream, StreamKey, Vector, VectorGenes, Vectors, Violations, VirtualMember, VirtualVectors,
};
use evolvent_math::{par, rows::Rows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The `"auto"` σ as a share of the genes' initial spread.
const AUTO_SIGMA: f64 = 0.1;

/// Deep GA: genomes are chains of seeds, so that networks of millions of weights take a few bytes.
///
/// Compared with evosax 0.3.2 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeepGa {
    /// N, number of individuals, at least 2; the paper has 1000.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// T, how many of the best are parents, at least 1 and at most `population_size`. The default is the paper's.
    pub parents: usize,
    /// σ, power of a mutation, above 0. `"auto"` is a tenth of the genes' initial standard deviation; the paper has 0.002 to 0.005.
    pub sigma: Auto<f64>,
    /// The factor on `sigma` in each generation.
    pub sigma_schedule: Schedule,
    /// How many of the best survive unchanged, at most `parents`, less than `population_size`. The default is the paper's.
    pub elites: usize,
}

impl Default for DeepGa {
    fn default() -> Self {
        DeepGa {
            population_size: 200,
            parents: 20,
            sigma: Auto::Auto,
            sigma_schedule: Schedule::Constant,
            elites: 1,
        }
    }
}

/// A genome: a root and what was added to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Chain {
    root: Root,
    mutations: Vec<Mutation>,
}

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Root {
    /// The means of the initialisers; the first mutation has their standard deviations.
    Fresh,
    /// A vector that the user gave.
    Given(u32),
}

/// One mutation: 24 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Mutation {
    seed: StreamKey,
    power: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parent {
    chain: Chain,
    merit: Merit,
    id: u64,
}

/// What was asked: a child, or a parent as it is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Asked {
    /// Index of the parent, or of the root in the first generation.
    base: usize,
    mutation: Option<Mutation>,
    id: u64,
}

/// State of [`DeepGa`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeepGaState {
    genes: VectorGenes,
    comparable: bool,
    sigma: f64,
    /// Vectors that the user gave.
    given: Vec<Vec<f64>>,
    /// From best to worst; empty before the first generation is told.
    parents: Vec<Parent>,
    asked: Vec<Asked>,
    generation: u64,
    next_id: u64,
    /// The parents' vectors, or those of the roots before there are parents.
    #[serde(skip)]
    bases: Vec<Arc<Vec<f64>>>,
}

impl Algorithm for DeepGa {
    const NAME: &'static str = "deep_ga";
    type Genome = Vector;
    type State = DeepGaState;

    fn holds(&self, _: &Space<Vector>) -> f64 {
        self.parents as f64
    }

    fn needs(&self) -> Needs {
        Needs { constraints: true, ..Needs::default() }
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        _: &mut Stream,
    ) -> Result<DeepGaState, Violations> {
        let mut v = Violations::new();
        let size = self.population_size;
        v.at_least("population_size", size, 2);
        let fits = (1..=size.max(1)).contains(&self.parents);
        v.require(fits, "parents", self.parents, &format!("from 1 to the population of {size}"));
        let fewer = self.elites <= self.parents && self.elites < size.max(2);
        v.require(
            fewer,
            "elites",
            self.elites,
            "at most the number of parents, and fewer than the population",
        );
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        self.sigma_schedule.check("sigma_schedule", &mut v);
        v.require(space.genes.dimension() > 0, "genes.dimension", 0, "at least one gene");
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()?;
        Ok(DeepGaState {
            comparable: space.fitness.comparable_across_rounds(),
            sigma: self.initial_sigma(&space.genes),
            given: match start {
                Start::Default => Vec::new(),
                Start::Point(point) => vec![point.0.clone()],
                Start::Population(all) => all.iter().take(size).map(|x| x.0.clone()).collect(),
            },
            parents: Vec::new(),
            asked: Vec::new(),
            generation: 0,
            next_id: 0,
            bases: Vec::new(),
            genes: space.genes.clone(),
        })
    }

    fn ask(&self, state: &mut DeepGaState, rng: &mut Stream) -> Batch<Vector> {
        state.grow_bases();
        let power = state.sigma * self.sigma_schedule.factor(state.generation);
        let roots = state.given.len();
        state.asked = match state.parents.len() {
            // The given vectors as they are, then mutants of them; or fresh ones.
            0 => (0..self.population_size)
                .map(|i| {
                    let mutation = Mutation { seed: rng.split(i as u64), power };
                    let base = if roots > 0 { i % roots } else { 0 };
                    Asked { base, mutation: (i >= roots).then_some(mutation), id: i as u64 }
                })
                .collect(),
            count => {
                let again = if state.comparable { 0 } else { self.elites.min(count) };
                let elites =
                    (0..again).map(|base| Asked { base, mutation: None, id: state.parents[base].id });
                let mut asked: Vec<_> = elites.collect();
                for i in 0..self.population_size - self.elites {
                    let mutation = Mutation { seed: rng.split(i as u64), power };
                    let id = state.next_id + i as u64;
                    asked.push(Asked { base: rng.below(count), mutation: Some(mutation), id });
                }
                asked
            }
        };
        state.next_id = state.asked.iter().map(|a| a.id + 1).fold(state.next_id, u64::max);
        let lineage = state.asked.iter().map(|a| Lineage {
            id: a.id,
            parents: [state.parents.get(a.base).map(|p| p.id).filter(|&id| id != a.id), None],
            operator: u8::from(a.mutation.is_some()),
        });
        let lineage = lineage.collect();
        let mut batch = Batch::new(state.within_bounds(state.members()));
        batch.lineage = lineage;
        batch
    }

    fn tell(&self, state: &mut DeepGaState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        state.generation += 1;
        let asked = std::mem::take(&mut state.asked);
        if scores.all_failed() {
            return;
        }
        // Survivors that were not asked again, then everyone who was.
        let kept = if state.comparable { self.elites.min(state.parents.len()) } else { 0 };
        let old = |k: usize| (state.parents[k].merit, Err(k));
        let mut ranked: Vec<_> = (0..kept).map(old).collect();
        ranked.extend((0..asked.len()).map(|i| (Merit::of(scores, i), Ok(i))));
        ranked.sort_by(|a, b| a.0.compare(&b.0));
        ranked.truncate(self.parents);
        let members = Vectors::Virtual(state.virtual_members(&asked));
        let (parents, bases, members) = (&state.parents, &state.bases, &members);
        let dimension = state.genes.dimension();
        let next = par::map(ranked.len(), |k| match ranked[k] {
            (_, Err(old)) => (parents[old].clone(), bases[old].clone()),
            (merit, Ok(i)) => {
                let Asked { base, mutation, id } = asked[i];
                let mut x = vec![0.0; dimension];
                members.row_f64(i, &mut x);
                (Parent { chain: state.chain(base, mutation), merit, id }, Arc::new(x))
            }
        });
        (state.parents, state.bases) = next.into_iter().unzip();
    }

    fn outcome(&self, state: &DeepGaState) -> Outcome<Vector> {
        let Some(best) = state.parents.first() else {
            let mut x = state.given.first().cloned().unwrap_or_else(|| means(&state.genes));
            state.genes.bounds.iter().for_each(|b| b.clamp(&mut x));
            return Outcome::Point(Merit::NONE.candidate(Vector(x)));
        };
        // After a checkpoint was loaded the bases are not there yet.
        let mut x = state.bases.first().map_or_else(|| state.grow(&best.chain), |base| base.to_vec());
        state.genes.bounds.iter().for_each(|b| b.clamp(&mut x));
        Outcome::Point(best.merit.candidate(Vector(x)))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let scale = |n: usize| ((n as f64 * population).round() as usize).max(1);
        let size = scale(self.population_size).max(self.elites + 1).max(2);
        let sigma = Auto::Value(sigma * self.initial_sigma(&space.genes));
        let parents = scale(self.parents).clamp(self.elites.max(1), size);
        Some(DeepGa { population_size: size, parents, sigma, ..self.clone() })
    }

    fn diagnose(&self, state: &DeepGaState, out: &mut Diagnostics) {
        let links = |p: &Parent| p.chain.mutations.len() as f64;
        let count = state.parents.len().max(1) as f64;
        out.add("sigma", state.sigma * self.sigma_schedule.factor(state.generation));
        out.add("mean_chain_length", state.parents.iter().map(links).sum::<f64>() / count);
    }
}

impl DeepGa {
    fn initial_sigma(&self, genes: &VectorGenes) -> f64 {
        self.sigma.or(|| AUTO_SIGMA * start::spread(genes))
    }
}

impl DeepGaState {
    /// Scale 0 is that of mutations, scale 1 that of fresh vectors; the power of a mutation is its own.
    fn virtual_members(&self, asked: &[Asked]) -> VirtualVectors {
        let fresh = self.parents.is_empty() && self.given.is_empty();
        let power = asked.iter().find_map(|a| a.mutation).map_or(1.0, |m| m.power);
        let scale =
            if fresh { Scale::PerBlock(start::block_deviations(&self.genes)) } else { Scale::Scalar(power) };
        let member = |a: &Asked| VirtualMember {
            base: a.base as u32,
            scale: 0,
            noise: a.mutation.map_or(StreamKey { key: [0; 2], index: 0, round: 0 }, |m| m.seed),
            sign: if a.mutation.is_some() { 1.0 } else { 0.0 },
            rank: Rank::Full,
        };
        VirtualVectors {
            layout: self.genes.layout.clone(),
            bases: self.bases.clone(),
            scales: vec![scale],
            members: asked.iter().map(member).collect(),
            drawn: Drawn::default(),
        }
    }

    fn members(&self) -> Vectors {
        Vectors::Virtual(self.virtual_members(&self.asked))
    }

    fn within_bounds(&self, members: Vectors) -> Vectors {
        let Some(bounds) = &self.genes.bounds else { return members };
        let dimension = self.genes.dimension();
        let mut data = vec![0.0; self.asked.len() * dimension];
        par::blocks(&mut data, dimension, |from, row| {
            members.row_f64(from / dimension, row);
            bounds.clamp(row);
        });
        Vectors::Dense { dimension, data }
    }

    /// The genome of a member.
    fn chain(&self, base: usize, mutation: Option<Mutation>) -> Chain {
        let mut chain = match self.parents.get(base) {
            Some(parent) => parent.chain.clone(),
            None if self.given.is_empty() => Chain { root: Root::Fresh, mutations: Vec::new() },
            None => Chain { root: Root::Given(base as u32), mutations: Vec::new() },
        };
        chain.mutations.extend(mutation);
        chain
    }

    /// Makes the bases that are not there: at the beginning and after a checkpoint was loaded.
    fn grow_bases(&mut self) {
        let state = &*self;
        let bases: Vec<Arc<Vec<f64>>> = if state.parents.is_empty() {
            match state.given.len() {
                0 => vec![Arc::new(means(&state.genes))],
                _ => state.given.iter().cloned().map(Arc::new).collect(),
            }
        } else if state.bases.len() == state.parents.len() {
            return;
        } else {
            par::map(state.parents.len(), |k| Arc::new(state.grow(&state.parents[k].chain)))
        };
        self.bases = bases;
    }

    /// The vector of a chain: mutation after mutation, in the arithmetic of the batch.
    fn grow(&self, chain: &Chain) -> Vec<f64> {
        let mut x = match chain.root {
            Root::Fresh => means(&self.genes),
            Root::Given(k) => self.given[k as usize].clone(),
        };
        for (k, mutation) in chain.mutations.iter().enumerate() {
            let first = k == 0 && chain.root == Root::Fresh;
            let scale = if first {
                Scale::PerBlock(start::block_deviations(&self.genes))
            } else {
                Scale::Scalar(mutation.power)
            };
            let member =
                VirtualMember { base: 0, scale: 0, noise: mutation.seed, sign: 1.0, rank: Rank::Full };
            let one = Vectors::Virtual(VirtualVectors {
                layout: self.genes.layout.clone(),
                bases: vec![Arc::new(x.clone())],
                scales: vec![scale],
                members: vec![member],
                drawn: Drawn::default(),
            });
            one.row_f64(0, &mut x);
        }
        x
    }
}

/// The means of the initialisers.
fn means(genes: &VectorGenes) -> Vec<f64> {
    let mean = |init: &Init| match *init {
        Init::Constant(value) => value,
        Init::Uniform { low, high } => 0.5 * (low + high),
        _ => 0.0,
    };
    genes.layout.blocks.iter().flat_map(|b| std::iter::repeat_n(mean(&b.init), b.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Fitness, Layout, Purpose, Role, RunKey, stream};
    use evolvent_test::{Reference, Specimen, assert_close};

    /// evosax was given the parents and, within 2e-6, the noise that are drawn here.
    #[test]
    fn members_are_those_of_evosax() {
        let file = Reference::parse(include_str!("../../tests/reference/evosax_deep_ga.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let ga = DeepGa {
                population_size: steps[0].numbers("values").len(),
                parents: run.number("parents") as usize,
                sigma: Auto::Value(run.number("sigma")),
                elites: 0,
                ..DeepGa::default()
            };
            let first = steps[0].numbers("batch").chunks(n).map(|x| Vector(x.to_vec())).collect();
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let key = RunKey::from_seed(run.number("seed") as u64);
            let at = |round: u64, purpose: Purpose| stream(key, round, 0, 0, purpose);
            let mut state = ga.init(&space, &Start::Population(first), &mut at(0, Purpose::Init)).unwrap();
            for (round, step) in (0..).zip(&steps) {
                let batch = ga.ask(&mut state, &mut at(round, Purpose::Ask));
                let members: Vec<f64> =
                    Vector::written_out(&batch).iter().flat_map(|x| x.0.clone()).collect();
                assert_close("members", &members, &step.numbers("batch"), 0.0, 1e-5);
                let scores = Scores::of_losses(&step.numbers("values"));
                ga.tell(&mut state, &batch, &scores, &mut at(round, Purpose::Tell));
            }
        }
    }

    fn genes() -> VectorGenes {
        let mut layout = Layout { blocks: Vec::new() };
        layout.push("w", vec![10, 20], Role::Weight, Init::HeNormal, vec![None; 2]);
        layout.push("b", vec![20], Role::Bias, Init::Constant(1.0), vec![None]);
        VectorGenes { layout: Arc::new(layout), bounds: None }
    }

    fn sphere(batch: &Batch<Vector>) -> Vec<f64> {
        Vector::written_out(batch).iter().map(|x| x.0.iter().map(|x| (x - 0.5).powi(2)).sum()).collect()
    }

    fn run(ga: &DeepGa, fitness: Fitness, start: &Start<Vector>, rounds: u64) -> DeepGaState {
        let key = RunKey::from_seed(2);
        let space = Space { fitness, ..Space::new(genes()) };
        let mut state = ga.init(&space, start, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        for round in 0..rounds {
            let batch = ga.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            let scores = Scores::of_losses(&sphere(&batch));
            ga.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
        }
        state
    }

    #[test]
    fn bases_grow_again_to_the_same_bits() {
        for start in [Start::Default, Start::Point(Vector(vec![0.3; 220]))] {
            let ga = DeepGa { population_size: 30, parents: 5, ..DeepGa::default() };
            let state = run(&ga, Fitness::Exact, &start, 12);
            let mut loaded = state.clone();
            loaded.bases.clear();
            loaded.grow_bases();
            assert_eq!(loaded.bases, state.bases);
            assert!(state.parents.iter().any(|p| p.chain.mutations.len() > 5));
        }
    }

    #[test]
    fn the_first_generation_has_the_spread_of_the_initialisers() {
        let ga = DeepGa { population_size: 400, ..DeepGa::default() };
        let mut state = run(&ga, Fitness::Exact, &Start::Default, 0);
        let batch = ga.ask(&mut state, &mut stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Ask));
        let rows = Vector::written_out(&batch);
        let weights: Vec<f64> = rows.iter().flat_map(|x| x.0[..200].iter().copied()).collect();
        let square = weights.iter().map(|w| w * w).sum::<f64>() / weights.len() as f64;
        assert!((square - 0.2).abs() < 0.01, "{square}");
        assert!(rows.iter().all(|x| x.0[200..].iter().all(|&b| b == 1.0)));
    }

    #[test]
    fn improves_and_keeps_its_elites() {
        for fitness in [Fitness::Exact, Fitness::Changing] {
            let ga = DeepGa { population_size: 50, parents: 10, elites: 2, ..DeepGa::default() };
            let (early, late) =
                (run(&ga, fitness, &Start::Default, 2), run(&ga, fitness, &Start::Default, 60));
            let loss = |s: &DeepGaState| s.parents[0].merit.loss;
            assert!(loss(&late) < 0.8 * loss(&early), "{} {}", loss(&late), loss(&early));
            assert!(late.parents.is_sorted_by(|a, b| !b.merit.beats(&a.merit)));
        }
    }

    mod few_parents {
        use super::*;
        evolvent_test::conformance!(
            DeepGa,
            DeepGa {
                population_size: 9,
                parents: 2,
                elites: 0,
                sigma: Auto::Value(0.3),
                ..DeepGa::default()
            }
        );
    }
}
