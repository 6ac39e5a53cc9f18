//! NSGA-II, over any genome that can be varied.
//!
//! Deb, Pratap, Agarwal & Meyarivan 2002, *A fast and elitist multiobjective genetic algorithm: NSGA-II*. Parents and
//! children together are sorted into fronts of mutually non-dominated members; the next population takes whole fronts,
//! and of the last one that it has room for the least crowded members. Parents are chosen by binary tournaments with the
//! crowded-comparison operator (section III-B); constraints by constrained domination (definition 1, section VI).
//!
//! *Differs from the paper:* fronts are found by the efficient non-dominated sort of Zhang et al. 2015, with the same result.
//! Tournament members are drawn with replacement. What crossover and mutation do is the variation's affair; for the paper's
//! figures on vectors take SBX with η = 20 and polynomial mutation with η = 20 and rate 1/dimension. The authors' code also exchanges genes
//! of the two children at random. Where values of different rounds cannot be compared (noisy or changing fitness), parents are evaluated
//! again beside their children.
//!
//! Cost per generation: `population_size` evaluations (twice as many where parents are evaluated again), and O(N log N) for two
//! objectives, O(M·N²) at worst for M.
//!
//! Needs: at least two objectives; takes constraints and genomes that the evaluator changed.

use crate::start;
use evolvent_core::{
    Algorithm, Batch, Candidate, Diagnostics, Genome, Lineage, Members, Needs, Outcome, Scores, Space, Start,
    Stream, Variation, Violations,
};
use evolvent_math::{par, pareto};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// NSGA-II: several objectives at once; a front of members that none dominates.
///
/// Compared with pymoo 0.6.2 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, bound = "")]
pub struct Nsga2<V: Variation> {
    /// N, number of individuals, at least 2. The default is the paper's.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// p_c, probability that two parents are crossed rather than copied, in [0, 1]. The default is the paper's.
    pub crossover_rate: f64,
    /// Probability that a child is mutated at all, in [0, 1]; how much of it changes is set in `variation`.
    pub mutation_rate: f64,
    /// What sampling, crossover and mutation do.
    pub variation: V,
}

impl<V: Variation> Default for Nsga2<V> {
    fn default() -> Self {
        Nsga2 { population_size: 100, crossover_rate: 0.9, mutation_rate: 1.0, variation: V::default() }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "")]
struct Individual<G: Genome> {
    genome: G,
    id: u64,
    objectives: Vec<f64>,
    violation: f64,
    /// Number of its front, 0 for the best.
    rank: usize,
    crowding: f64,
}

impl<G: Genome> Individual<G> {
    /// The crowded-comparison operator ≺ₙ: a lower rank, or the same rank and more room.
    fn beats(&self, other: &Self) -> bool {
        self.rank < other.rank || self.rank == other.rank && self.crowding > other.crowding
    }
}

/// State of [`Nsga2`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "L: Serialize", deserialize = "L: serde::de::DeserializeOwned"))]
pub struct Nsga2State<G: Genome, L> {
    genes: G::Genes,
    objectives: usize,
    comparable: bool,
    /// Sorted by rank once it is evaluated.
    population: Vec<Individual<G>>,
    evaluated: bool,
    ledger: L,
    next_id: u64,
}

impl<V: Variation> Algorithm for Nsga2<V> {
    const NAME: &'static str = "nsga2";
    type Genome = V::Genome;
    type State = Nsga2State<V::Genome, V::Ledger>;

    fn holds(&self, _: &Space<V::Genome>) -> f64 {
        2.0 * self.population_size as f64
    }

    fn needs(&self) -> Needs {
        Needs { objectives: (2, usize::MAX), constraints: true, foreign: true, ..Needs::default() }
    }

    fn init(
        &self,
        space: &Space<V::Genome>,
        start: &Start<V::Genome>,
        rng: &mut Stream,
    ) -> Result<Self::State, Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        v.probability("crossover_rate", self.crossover_rate);
        v.probability("mutation_rate", self.mutation_rate);
        v.absorb("variation", self.variation.check(&space.genes));
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()?;
        let mut ledger = V::Ledger::default();
        let founders =
            start::population(&self.variation, &space.genes, start, self.population_size, &mut ledger, rng);
        let unknown = |(genome, id)| Individual {
            genome,
            id,
            objectives: Vec::new(),
            violation: f64::INFINITY,
            rank: 0,
            crowding: 0.0,
        };
        Ok(Nsga2State {
            genes: space.genes.clone(),
            objectives: space.senses.len(),
            comparable: space.fitness.comparable_across_rounds(),
            population: founders.into_iter().zip(0..).map(unknown).collect(),
            evaluated: false,
            ledger,
            next_id: self.population_size as u64,
        })
    }

    fn ask(&self, state: &mut Self::State, rng: &mut Stream) -> Batch<V::Genome> {
        let again = if state.evaluated && state.comparable { 0 } else { state.population.len() };
        let old = &state.population[..again];
        let mut genomes: Vec<_> = old.iter().map(|x| x.genome.clone()).collect();
        let mut lineage: Vec<_> = old.iter().map(|x| Lineage { id: x.id, ..Lineage::default() }).collect();
        if state.evaluated {
            for (genome, parents, crossed) in self.breed(state, rng) {
                lineage.push(Lineage { id: state.next_id, parents, operator: u8::from(crossed) + 1 });
                genomes.push(genome);
                state.next_id += 1;
            }
        }
        let mut batch = Batch::of(genomes);
        batch.lineage = lineage;
        batch
    }

    fn tell(&self, state: &mut Self::State, batch: &Batch<V::Genome>, scores: &Scores, rng: &mut Stream) {
        self.variation.next_generation(&mut state.ledger);
        if scores.all_failed() {
            if !state.evaluated {
                for individual in &mut state.population {
                    individual.genome = self.variation.sample(&state.genes, &mut state.ledger, rng);
                }
            }
            return;
        }
        let told = (0..batch.len()).filter_map(|i| {
            Some(Individual {
                genome: batch.members.owned(i)?,
                id: batch.lineage.get(i).map_or(0, |l| l.id),
                objectives: scores.row(i).to_vec(),
                violation: scores.violation[i],
                rank: 0,
                crowding: 0.0,
            })
        });
        // Parents that cannot be compared with their children were evaluated again and are among those told.
        if !(state.comparable && state.evaluated) {
            state.population.clear();
        }
        state.population.extend(told);
        state.evaluated = true;
        survive(&mut state.population, state.objectives, self.population_size);
    }

    fn outcome(&self, state: &Self::State) -> Outcome<V::Genome> {
        if !state.evaluated {
            return Outcome::Front(vec![Candidate::unmeasured(state.population[0].genome.clone())]);
        }
        let first = state.population.iter().filter(|x| x.rank == 0);
        let candidate = |x: &Individual<V::Genome>| Candidate {
            genome: x.genome.clone(),
            losses: Some(x.objectives.clone()),
            violation: x.violation,
            descriptors: Vec::new(),
            id: Some(x.id),
        };
        Outcome::Front(first.map(candidate).collect())
    }

    fn rescaled(&self, _: &Space<V::Genome>, population: f64, _: f64) -> Option<Self> {
        let size = (self.population_size as f64 * population).round() as usize;
        Some(Nsga2 { population_size: size.max(2), ..self.clone() })
    }

    fn diagnose(&self, state: &Self::State, out: &mut Diagnostics) {
        let n = state.population.len() as f64;
        let share = |count: usize| count as f64 / n;
        out.add("front_share", share(state.population.iter().filter(|x| x.rank == 0).count()));
        out.add("feasible_share", share(state.population.iter().filter(|x| x.violation == 0.0).count()));
    }
}

impl<V: Variation> Nsga2<V> {
    /// As many children as there are parents; each pair of children has a stream of its own.
    #[allow(clippy::type_complexity)] // genome, parents' ids, whether crossed
    fn breed(
        &self,
        state: &mut Nsga2State<V::Genome, V::Ledger>,
        rng: &mut Stream,
    ) -> Vec<(V::Genome, [Option<u64>; 2], bool)> {
        let (population, genes) = (&state.population, &state.genes);
        let pairs = self.population_size.div_ceil(2);
        let rng: &Stream = rng;
        let pair = |k: usize, ledger: &mut V::Ledger| {
            let mut rng = rng.split(k as u64).stream();
            let (a, b) = (tournament(population, &mut rng), tournament(population, &mut rng));
            let (a, b) = if b.beats(a) { (b, a) } else { (a, b) };
            let crossed = rng.chance(self.crossover_rate);
            let mut children = if crossed {
                self.variation.cross(genes, &a.genome, &b.genome, ledger, &mut rng)
            } else {
                [a.genome.clone(), b.genome.clone()]
            };
            for child in &mut children {
                if rng.chance(self.mutation_rate) {
                    self.variation.mutate(genes, child, 1.0, ledger, &mut rng);
                }
            }
            let [c, d] = children;
            let both = [Some(a.id), Some(b.id)];
            [
                (c, if crossed { both } else { [both[0], None] }, crossed),
                (d, if crossed { both } else { [both[1], None] }, crossed),
            ]
        };
        let mut children: Vec<_> = if size_of::<V::Ledger>() == 0 {
            par::map(pairs, |k| pair(k, &mut V::Ledger::default())).into_iter().flatten().collect()
        } else {
            let ledger = &mut state.ledger;
            (0..pairs).flat_map(|k| pair(k, ledger)).collect()
        };
        children.truncate(self.population_size);
        children
    }
}

/// The better of two random members.
fn tournament<'a, G: Genome>(population: &'a [Individual<G>], rng: &mut Stream) -> &'a Individual<G> {
    let (a, b) = (&population[rng.below(population.len())], &population[rng.below(population.len())]);
    if b.beats(a) { b } else { a }
}

/// Keeps the `size` best by rank and crowding: the main loop of section III-C.
fn survive<G: Genome>(population: &mut Vec<Individual<G>>, objectives: usize, size: usize) {
    let values: Vec<f64> = population.iter().flat_map(|x| x.objectives.iter().copied()).collect();
    let violation: Vec<f64> = population.iter().map(|x| x.violation).collect();
    let mut kept = Vec::with_capacity(size);
    for (rank, front) in pareto::constrained_fronts(&values, objectives, &violation).into_iter().enumerate() {
        let crowding = pareto::crowding(&values, objectives, &front);
        for (&i, crowding) in front.iter().zip(&crowding) {
            (population[i].rank, population[i].crowding) = (rank, *crowding);
        }
        let mut roomy: Vec<_> = front.iter().copied().zip(crowding).collect();
        if kept.len() + front.len() > size {
            roomy.sort_by(|a, b| b.1.total_cmp(&a.1));
        }
        kept.extend(roomy.into_iter().map(|(i, _)| i).take(size - kept.len()));
        if kept.len() == size {
            break;
        }
    }
    let mut all: Vec<_> = population.drain(..).map(Some).collect();
    population.extend(kept.into_iter().filter_map(|i| all[i].take()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ga::{Crossover, Mutation, RealVariation};
    use evolvent_core::{
        Auto, Bounds, Evaluation, Init, Measured, Purpose, RunKey, Sense, Vector, VectorGenes, stream,
    };
    use evolvent_math::rows::Rows;
    use evolvent_test::{Reference, Specimen, assert_close};

    type VectorNsga2 = Nsga2<RealVariation>;

    fn individual(objectives: [f64; 2]) -> Individual<Vector> {
        let genome = Vector(objectives.to_vec());
        Individual { genome, id: 0, objectives: objectives.to_vec(), violation: 0.0, rank: 0, crowding: 0.0 }
    }

    #[test]
    fn survival_by_hand() {
        // Front 0: (0, 4), (1, 3), (1.5, 2.5), (4, 0); front 1: (2, 4), (5, 1).
        let points = [[2.0, 4.0], [0.0, 4.0], [1.0, 3.0], [1.5, 2.5], [4.0, 0.0], [5.0, 1.0]];
        let mut population: Vec<_> = points.map(individual).into();
        survive(&mut population, 2, 5);
        assert_eq!(population.iter().map(|x| x.rank).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
        let mut population: Vec<_> = points.map(individual).into();
        survive(&mut population, 2, 3);
        // (1, 3) has room 1.5/4 + 1.5/4, (1.5, 2.5) has 3/4 + 3/4: the latter stays with the two ends.
        let kept: Vec<_> = population.iter().map(|x| x.objectives.clone()).collect();
        assert_eq!(kept, [[0.0, 4.0], [4.0, 0.0], [1.5, 2.5]]);
        assert_eq!(population[2].crowding, 1.5);
    }

    /// pymoo was given the numbers that are drawn here.
    #[test]
    fn children_and_survivors_are_those_of_pymoo() {
        let file = Reference::parse(include_str!("../../tests/reference/pymoo_nsga2.json"));
        for run in file.get("runs").entries() {
            let (n, m) = (run.number("dimension") as usize, run.number("objectives") as usize);
            let (steps, eta) = (run.get("steps").entries(), run.numbers("eta"));
            let nsga2 = VectorNsga2 {
                population_size: steps[0].numbers("excess").len(),
                crossover_rate: run.number("crossover_rate"),
                variation: RealVariation {
                    crossover: Crossover::Sbx { eta: eta[0], rate: 0.5 },
                    mutation: Mutation::Polynomial { eta: eta[1], rate: Auto::Auto },
                    ..RealVariation::default()
                },
                ..VectorNsga2::default()
            };
            let first = steps[0].numbers("batch").chunks(n).map(|x| Vector(x.to_vec())).collect();
            let genes = VectorGenes::flat(n, Init::Zeros, Some(Bounds::uniform(n, 0.0, 1.0)));
            let space = Space { senses: vec![Sense::Minimize; m], constraints: 1, ..Space::new(genes) };
            let key = RunKey::from_seed(run.number("seed") as u64);
            let at = |round: u64, purpose: Purpose| stream(key, round, 0, 0, purpose);
            let mut state = nsga2.init(&space, &Start::Population(first), &mut at(0, Purpose::Init)).unwrap();
            for (round, step) in (0..).zip(&steps) {
                let batch = nsga2.ask(&mut state, &mut at(round, Purpose::Ask));
                let members = Vector::written_out(&batch);
                let flat: Vec<f64> = members.iter().flat_map(|x| x.0.clone()).collect();
                assert_close("children", &flat, &step.numbers("batch"), 0.0, 1e-12);
                let (values, excess) = (step.numbers("values"), step.numbers("excess"));
                let mut evaluations: Vec<_> = (values.chunks(m).zip(&excess))
                    .map(|(objectives, &excess)| {
                        let objectives = objectives.iter().copied().collect();
                        let constraints = [excess].into_iter().collect();
                        Evaluation::measured(Measured { objectives, constraints, ..Measured::default() })
                    })
                    .collect();
                let scores = Scores::settle(&mut evaluations, &space.senses, 0);
                let old = state.population.iter().map(|x| x.genome.clone()).filter(|_| round > 0);
                let all: Vec<_> = old.chain(members).collect();
                nsga2.tell(&mut state, &batch, &scores, &mut at(round, Purpose::Tell));
                let survivors = step.numbers("survivors");
                assert_eq!(state.population.len(), survivors.len());
                let theirs = survivors.iter().zip(step.numbers("rank")).zip(step.numbers("crowding"));
                for (ours, ((&place, rank), crowding)) in state.population.iter().zip(theirs) {
                    assert_eq!(ours.genome, all[place as usize]);
                    // pymoo sorts feasible members only.
                    if rank >= 0.0 {
                        let finite = if ours.crowding.is_finite() { ours.crowding } else { -1.0 };
                        assert_eq!((ours.rank as f64, ours.violation), (rank, 0.0));
                        assert_close("crowding", &[finite], &[crowding], 1e-9, 1e-12);
                    } else {
                        assert!(ours.violation > 0.0);
                    }
                }
            }
        }
    }

    /// ZDT1 in five dimensions: g = 1 + 9·mean(x₁…), f₂ = g·(1 − √(x₀/g)).
    fn zdt1(x: &[f64]) -> [f64; 2] {
        let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / (x.len() - 1) as f64;
        [x[0], g * (1.0 - (x[0] / g).sqrt())]
    }

    fn run(
        nsga2: &VectorNsga2,
        evaluate: impl Fn(&[f64]) -> Measured,
        constraints: usize,
        rounds: u64,
    ) -> Vec<Candidate<Vector>> {
        let genes =
            VectorGenes::flat(5, Init::Uniform { low: 0.0, high: 1.0 }, Some(Bounds::uniform(5, 0.0, 1.0)));
        let space = Space { senses: vec![Sense::Minimize; 2], constraints, ..Space::new(genes) };
        let key = RunKey::from_seed(1);
        let mut state =
            nsga2.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        for round in 0..rounds {
            let batch = nsga2.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            let mut x = vec![0.0; 5];
            let mut evaluations: Vec<_> = (0..batch.len())
                .map(|i| {
                    batch.row_f64(i, &mut x);
                    Evaluation::measured(evaluate(&x))
                })
                .collect();
            let scores = Scores::settle(&mut evaluations, &space.senses, 0);
            nsga2.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
        }
        nsga2.outcome(&state).candidates().to_vec()
    }

    fn paper() -> VectorNsga2 {
        VectorNsga2 {
            variation: RealVariation {
                crossover: Crossover::Sbx { eta: 20.0, rate: 0.5 },
                mutation: Mutation::Polynomial { eta: 20.0, rate: Auto::Auto },
                ..RealVariation::default()
            },
            ..VectorNsga2::default()
        }
    }

    #[test]
    fn reaches_the_front_of_zdt1() {
        let measure =
            |x: &[f64]| Measured { objectives: zdt1(x).into_iter().collect(), ..Measured::default() };
        let front = run(&paper(), measure, 0, 150);
        let values: Vec<f64> = front.iter().flat_map(|c| c.losses.clone().unwrap()).collect();
        // The true front dominates 2/3 + 0.21 of the box up to (1.1, 1.1).
        let volume = pareto::hypervolume(&values, 2, &[1.1, 1.1]);
        assert!(front.len() > 80 && volume > 0.86, "{} members, hypervolume {volume}", front.len());
    }

    #[test]
    fn constraints_come_first() {
        // Only x₀ ≥ 0.6 is feasible.
        let measure = |x: &[f64]| Measured {
            objectives: zdt1(x).into_iter().collect(),
            constraints: [0.6 - x[0]].into_iter().collect(),
            ..Measured::default()
        };
        let front = run(&paper(), measure, 1, 80);
        assert!(front.iter().all(|c| c.violation == 0.0 && c.genome.0[0] >= 0.6));
        assert!(front.iter().any(|c| c.genome.0[0] < 0.62));
    }
}
