//! CoSyNE: cooperative synapse neuroevolution.
//!
//! Gomez, Schmidhuber & Miikkulainen 2008, *Accelerated neural evolution through cooperatively coevolved synapses* (algorithm 1). Each gene has
//! a subpopulation of its own: column j of the matrix whose rows are complete vectors. After a generation is evaluated, children of the best
//! quarter replace the worst rows, and every subpopulation is permuted, so that a value meets other partners in the next
//! generation. Value i of column j is marked for permutation with probability
//!
//! ```text
//! 1 − ((worst − fᵢ)/(worst − best))^(1/n)        section 3; n genes, f a loss; new values are always marked
//! ```
//!
//! and the marked values of a column change places among themselves. The best row therefore stays whole.
//!
//! *Differs from the paper:* the power 1/n belongs to the whole row here as there, but marks are drawn at the cost of the marked genes only.
//! Cauchy mutation is scaled by the genes' initial spread unless a scale is given. Bounds are repaired.
//!
//! Cost per generation: `population_size` evaluations and O(population_size · n).
//!
//! Needs: one objective, vectors of a fixed length; takes constraints (feasible first, Deb 2000). All rows are evaluated in each
//! generation, so noisy and changing fitness need nothing more.

use crate::{
    draws::{for_each_chosen, fork},
    merit::Merit,
    repair::Repair,
    start,
};
use evolvent_core::{
    Algorithm, Auto, Batch, Diagnostics, Needs, Outcome, Scores, Space, Start, Stream, Vector, VectorGenes,
    Vectors, Violations,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The `"auto"` scale of Cauchy mutation as a share of the genes' initial spread.
const AUTO_SCALE: f64 = 0.3;

/// CoSyNE: every weight is a population of its own; strong on small control tasks.
///
/// Compared with the operators of EvoTorch 0.6.1 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cosyne {
    /// m, number of rows, at least 4.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// Share of the rows that are parents, the best ones, in (0, 1]. The default is the paper's.
    pub parent_share: f64,
    /// Share of the rows that children replace, the worst ones, in (0, 1); less than the whole population, so that the best
    /// survives.
    pub offspring_share: f64,
    /// Probability that a gene of a child is mutated, in [0, 1].
    pub mutation_rate: f64,
    /// Scale of the Cauchy deviate that is added to a mutated gene, above 0. `"auto"` is 0.3 times the genes' initial standard deviation.
    pub mutation_scale: Auto<f64>,
    /// Whether all values are permuted rather than those that are marked by their rows' fitness.
    pub permute_all: bool,
    /// What becomes of genes that leave their bounds.
    pub repair: Repair,
}

impl Default for Cosyne {
    fn default() -> Self {
        Cosyne {
            population_size: 40,
            parent_share: 0.25,
            offspring_share: 0.5,
            mutation_rate: 0.3,
            mutation_scale: Auto::Auto,
            permute_all: false,
            repair: Repair::Reflect,
        }
    }
}

/// State of [`Cosyne`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CosyneState {
    genes: VectorGenes,
    comparable: bool,
    scale: f64,
    /// Row-major, one complete vector per row.
    rows: Vec<f64>,
    /// The best vector ever where values can be compared, else the best of the last generation.
    best: (Vec<f64>, Merit),
    /// Share of the values that the last permutation moved.
    permuted: f64,
}

impl Algorithm for Cosyne {
    const NAME: &'static str = "cosyne";
    type Genome = Vector;
    type State = CosyneState;

    fn holds(&self, _: &Space<Vector>) -> f64 {
        2.0 * self.population_size as f64
    }

    fn needs(&self) -> Needs {
        Needs { constraints: true, ..Needs::default() }
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<CosyneState, Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 4);
        let parents = self.parent_share;
        v.require(parents > 0.0 && parents <= 1.0, "parent_share", parents, "a share in (0, 1]");
        let offspring = self.offspring_share;
        v.require(offspring > 0.0 && offspring < 1.0, "offspring_share", offspring, "a share in (0, 1)");
        v.probability("mutation_rate", self.mutation_rate);
        self.mutation_scale.given().into_iter().for_each(|&s| v.positive("mutation_scale", s));
        v.require(space.genes.dimension() > 0, "genes.dimension", 0, "at least one gene");
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()?;
        let rows = start::vectors(&space.genes, start, self.population_size, rng);
        Ok(CosyneState {
            comparable: space.fitness.comparable_across_rounds(),
            scale: self.mutation_scale.or(|| AUTO_SCALE * start::spread(&space.genes)),
            best: (rows[..space.genes.dimension()].to_vec(), Merit::NONE),
            rows,
            permuted: 0.0,
            genes: space.genes.clone(),
        })
    }

    fn ask(&self, state: &mut CosyneState, _: &mut Stream) -> Batch<Vector> {
        Batch::new(Vectors::Dense { dimension: state.genes.dimension(), data: state.rows.clone() })
    }

    fn tell(&self, state: &mut CosyneState, _: &Batch<Vector>, scores: &Scores, rng: &mut Stream) {
        if scores.all_failed() {
            if state.best.1.failed {
                state.rows = start::vectors(&state.genes, &Start::Default, self.population_size, rng);
            }
            return;
        }
        let order = scores.order();
        let n = state.genes.dimension();
        let leader = Merit::of(scores, order[0]);
        if !state.comparable || leader.beats(&state.best.1) {
            state.best = (state.rows[order[0] * n..][..n].to_vec(), leader);
        }
        let marks = marking(scores, &order, n);
        let mut sorted: Vec<f64> =
            order.iter().flat_map(|&i| state.rows[i * n..][..n].iter().copied()).collect();
        let survivors = self.population_size - self.offspring();
        self.recombine(state, &mut sorted, survivors, rng);
        let probability = |row: usize| match row {
            _ if self.permute_all || row >= survivors => 1.0,
            _ => marks[row],
        };
        state.permuted = permute(&mut sorted, n, probability, rng);
        state.rows = sorted;
    }

    fn outcome(&self, state: &CosyneState) -> Outcome<Vector> {
        Outcome::Point(state.best.1.candidate(Vector(state.best.0.clone())))
    }

    fn rescaled(&self, _: &Space<Vector>, population: f64, _: f64) -> Option<Self> {
        let size = (self.population_size as f64 * population).round() as usize;
        Some(Cosyne { population_size: size.max(4), ..self.clone() })
    }

    fn diagnose(&self, state: &CosyneState, out: &mut Diagnostics) {
        let (n, m) = (state.genes.dimension(), self.population_size as f64);
        let column = |j: usize| state.rows.iter().skip(j).step_by(n);
        let variance = |j: usize| {
            let mean = column(j).sum::<f64>() / m;
            column(j).map(|x| (x - mean).powi(2)).sum::<f64>() / m
        };
        out.add("spread", ((0..n).map(variance).sum::<f64>() / n as f64).sqrt());
        out.add("permuted_share", state.permuted);
    }
}

impl Cosyne {
    /// How many children there are: at least one, and never all.
    fn offspring(&self) -> usize {
        let m = self.population_size;
        ((self.offspring_share * m as f64).round() as usize).clamp(1, m - 1)
    }

    /// Children of the best rows replace those from `survivors` on; `rows` are sorted from best to worst.
    fn recombine(&self, state: &CosyneState, rows: &mut [f64], survivors: usize, rng: &mut Stream) {
        let n = state.genes.dimension();
        let parents = ((self.parent_share * self.population_size as f64).round() as usize)
            .clamp(1, self.population_size);
        let bred = parents.min(survivors);
        let (kept, children) = rows.split_at_mut(survivors * n);
        for pair in children.chunks_mut(2 * n) {
            let (a, b) = (rng.below(bred), rng.below(bred));
            let cut = rng.below(n) + 1;
            for (k, child) in pair.chunks_mut(n).enumerate() {
                let (head, tail) = if k == 0 { (a, b) } else { (b, a) };
                child[..cut].copy_from_slice(&kept[head * n..][..cut]);
                child[cut..].copy_from_slice(&kept[tail * n + cut..][..n - cut]);
                let parent = child.to_vec();
                let mut chosen = fork(rng).stream();
                for_each_chosen(&mut chosen, self.mutation_rate, n, |j| {
                    child[j] += state.scale * rng.cauchy()
                });
                self.repair.vector(child, &parent, state.genes.bounds.as_ref(), rng);
            }
        }
    }
}

/// The probability that a value of each row is marked, for rows from best to worst.
fn marking(scores: &Scores, order: &[usize], n: usize) -> Vec<f64> {
    // Halves, so that the difference of extreme losses is finite.
    let value = |i: usize| 0.5 * scores.value(i);
    let comparable = |&&i: &&usize| !scores.failed[i] && scores.violation[i] == scores.violation[order[0]];
    let best = value(order[0]);
    let worst = order.iter().filter(comparable).map(|&i| value(i)).fold(best, f64::max);
    let probability = |i: &usize| match comparable(&i) {
        true if worst > best => 1.0 - libm::pow((worst - value(*i)) / (worst - best), 1.0 / n as f64),
        _ => 1.0,
    };
    let mut marks: Vec<f64> = order.iter().map(probability).collect();
    // Also among equals one row stays whole.
    marks[0] = 0.0;
    marks
}

/// Marks the values of each row with its probability; the marked values of each column change places at random. Returns the
/// share of values that were marked.
fn permute(rows: &mut [f64], n: usize, probability: impl Fn(usize) -> f64, rng: &mut Stream) -> f64 {
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); n];
    for row in 0..rows.len() / n {
        for_each_chosen(rng, probability(row), n, |j| columns[j].push(row));
    }
    let mut marked = 0;
    for (j, places) in columns.iter().enumerate() {
        marked += places.len();
        let mut values: Vec<f64> = places.iter().map(|&row| rows[row * n + j]).collect();
        rng.shuffle(&mut values);
        places.iter().zip(values).for_each(|(&row, value)| rows[row * n + j] = value);
    }
    marked as f64 / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    /// EvoTorch's crossover, mutation and permutation were given the numbers that are drawn here.
    #[test]
    fn rows_and_marks_are_those_of_evotorch() {
        let file = Reference::parse(include_str!("../../tests/reference/evotorch_cosyne.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let cosyne = Cosyne {
                population_size: steps[0].numbers("values").len(),
                parent_share: run.number("parent_share"),
                offspring_share: run.number("offspring_share"),
                mutation_rate: run.number("mutation_rate"),
                mutation_scale: Auto::Value(run.number("mutation_scale")),
                ..Cosyne::default()
            };
            let first = steps[0].numbers("rows").chunks(n).map(|x| Vector(x.to_vec())).collect();
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let key = RunKey::from_seed(run.number("seed") as u64);
            let at = |round: u64, purpose: Purpose| stream(key, round, 0, 0, purpose);
            let mut state =
                cosyne.init(&space, &Start::Population(first), &mut at(0, Purpose::Init)).unwrap();
            for (round, step) in (0..).zip(&steps) {
                let batch = cosyne.ask(&mut state, &mut at(round, Purpose::Ask));
                let scores = Scores::of_losses(&step.numbers("values"));
                let marks = step.numbers("marks");
                let ours = marking(&scores, &scores.order(), n);
                assert_close("marks", &ours[..marks.len()], &marks, 1e-12, 1e-15);
                cosyne.tell(&mut state, &batch, &scores, &mut at(round, Purpose::Tell));
                assert_close("rows", &state.rows, &step.numbers("next"), 0.0, 1e-11);
            }
        }
    }

    #[test]
    fn marks_by_hand() {
        let scores = Scores::of_losses(&[4.0, 0.0, f64::NAN, 3.0, 2.0]);
        let marks = marking(&scores, &scores.order(), 2);
        let expected = [0.0, 1.0 - 0.5f64.sqrt(), 0.5, 1.0, 1.0];
        evolvent_test::assert_close("marks", &marks, &expected, 1e-15, 0.0);
        let equal = Scores::of_losses(&[1.0; 3]);
        assert_eq!(marking(&equal, &equal.order(), 2), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn permutation_keeps_columns_and_unmarked_rows() {
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Tell);
        let original: Vec<f64> = (0..60).map(f64::from).collect();
        let mut rows = original.clone();
        permute(&mut rows, 6, |row| if row == 0 { 0.0 } else { 0.8 }, &mut rng);
        assert_eq!(rows[..6], original[..6]);
        assert_ne!(rows, original);
        for j in 0..6 {
            let mut column: Vec<_> = rows.iter().skip(j).step_by(6).copied().collect();
            column.sort_by(f64::total_cmp);
            assert!(column.iter().zip(original.iter().skip(j).step_by(6)).all(|(a, b)| a == b));
        }
    }

    #[test]
    fn the_best_row_survives_whole() {
        let cosyne = Cosyne::default();
        let space = Space::new(VectorGenes::flat(5, Init::Normal { std: 1.0 }, None));
        let mut rng = stream(RunKey::from_seed(2), 0, 0, 0, Purpose::Init);
        let mut state = cosyne.init(&space, &Start::Default, &mut rng).unwrap();
        for round in 0..20 {
            let batch = cosyne.ask(&mut state, &mut rng);
            let losses: Vec<f64> = state.rows.chunks(5).map(|x| x.iter().map(|x| x * x).sum()).collect();
            cosyne.tell(&mut state, &batch, &Scores::of_losses(&losses), &mut rng.split(round).stream());
            assert_eq!(state.rows[..5], state.best.0[..]);
        }
    }
}
