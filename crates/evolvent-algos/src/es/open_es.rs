//! OpenAI-ES: a gradient estimate from seeds.
//!
//! Salimans, Ho, Chen, Sidor & Sutskever 2017, *Evolution strategies as a scalable alternative to reinforcement learning*
//! (algorithms 1 and 2, section 2.1). Members are mean ± σ·ε with one noise vector per antithetic pair; the mean descends
//!
//! ```text
//! g = 1/(n·σ) · Σ wᵢ·εᵢ + λ·mean        weights from centred ranks of the losses        (algorithm 1, line 6; section 2.1)
//! ```
//!
//! by Adam. The batch is virtual: a member is a seed, a scale and a sign, and `tell` draws the noise again, so memory does not grow
//! with the population. Low-rank perturbations (Sarkar et al. 2025, EGGROLL) have A·Bᵀ/√r for each weight matrix, which lets a
//! task share one matrix product over the population.
//!
//! *Differs from the paper:* noise comes from counter-based streams, not from a shared table. Weight decay enters the gradient
//! before the optimiser as in the authors' code, but beside a gradient that is divided by σ as in algorithm 1 (their code leaves
//! that out, which Adam does not notice). Where genes are bounded, the batch is written out and members are clamped.
//!
//! Cost per generation: `population_size` evaluations; one noise vector per pair each in the evaluation and in `tell`; memory for
//! a few vectors.
//!
//! Needs: one objective; vectors of a fixed length.

use super::{
    Optimizer, OptimizerState, Shaping,
    optimizer::squared_length,
    sampling::{Sampling, check},
};
use crate::{schedule::Schedule, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scale, Scores, Space, Start,
    Stream, Vector, VectorGenes, Violations,
};
use evolvent_math::{par, reduce};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Coordinates that one thread takes at a time.
const BLOCK: usize = 1 << 14;

/// The `"auto"` σ as a share of the genes' initial spread.
const AUTO_SIGMA: f64 = 0.1;

/// OpenAI-ES: one Gaussian whose centre follows an estimated gradient; scales to millions of weights.
///
/// Compared with evosax 0.3.2 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenEs {
    /// n, number of members, at least 2; even if `mirrored`.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: usize,
    /// Whether members come in antithetic pairs, mean + σε and mean − σε.
    pub mirrored: bool,
    /// σ, standard deviation of the perturbations, above 0. `"auto"` is a tenth of the genes' initial standard deviation: 0.02
    /// for the networks of the paper, its value.
    pub sigma: Auto<f64>,
    /// p, from 0 to 1: how far layers differ in σ and in steps. A layer whose weights start with standard deviation s, of s̄
    /// (root mean square) in the whole vector, has perturbations and steps (s/s̄)ᵖ times as large; biases, which start
    /// constant, have the factor 1. 0 treats all weights alike; 1 makes σ the same share of every layer's initial weights.
    pub layer_scaling: f64,
    /// α, above 0. `"auto"` is σ/2 for Adam (the paper's ratio), σ²/2 for SGD and half the greatest speed for ClipUp.
    pub learning_rate: Auto<f64>,
    /// How losses become weights.
    pub shaping: Shaping,
    /// How the gradient moves the mean.
    pub optimizer: Optimizer,
    /// λ, factor on the mean in the gradient, at least 0. The authors' code has 0.005.
    pub weight_decay: f64,
    /// The factor on `sigma` in each generation.
    pub sigma_schedule: Schedule,
    /// The factor on `learning_rate` in each generation.
    pub learning_rate_schedule: Schedule,
    /// The kind of noise.
    pub perturbation: Perturbation,
}

impl Default for OpenEs {
    fn default() -> Self {
        OpenEs {
            population_size: 64,
            mirrored: true,
            sigma: Auto::Auto,
            layer_scaling: 0.0,
            learning_rate: Auto::Auto,
            shaping: Shaping::default(),
            optimizer: Optimizer::default(),
            weight_decay: 0.0,
            sigma_schedule: Schedule::Constant,
            learning_rate_schedule: Schedule::Constant,
            perturbation: Perturbation::Full,
        }
    }
}

/// The kind of noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Perturbation {
    /// Independent normal deviates.
    #[default]
    Full,
    /// A·Bᵀ/√r for each weight matrix, independent normal deviates for everything else.
    LowRank {
        /// r, columns of the factors, at least 1; 1 is the cheapest and often enough.
        rank: u16,
    },
}

impl Perturbation {
    /// The rank of members in a batch.
    pub fn rank(self) -> Rank {
        match self {
            Perturbation::Full => Rank::Full,
            Perturbation::LowRank { rank } => Rank::Low(rank),
        }
    }

    /// Records what is wrong with it; `path` is where it stands.
    pub fn check(self, path: &str, v: &mut Violations) {
        if let Perturbation::LowRank { rank } = self {
            v.at_least(&format!("{path}.low_rank.rank"), rank.into(), 1);
        }
    }
}

/// State of [`OpenEs`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenEsState {
    genes: VectorGenes,
    mean: Vec<f64>,
    optimizer: OptimizerState,
    /// σ and α of the first generation.
    sigma: f64,
    learning_rate: f64,
    generation: u64,
    /// The noise of the batch that was asked last.
    sampling: Option<Sampling>,
    #[serde(skip)]
    drawn: Drawn,
    /// Length of the last gradient and of the last change of the mean.
    lengths: (f64, f64),
    #[serde(skip)]
    gradient: Vec<f64>,
    #[serde(skip)]
    before: Vec<f64>,
}

impl Algorithm for OpenEs {
    const NAME: &'static str = "open_es";
    type Genome = Vector;
    type State = OpenEsState;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<OpenEsState, Violations> {
        self.check(space, start)?;
        let genes = space.genes.clone();
        let sigma = self.initial_sigma(&genes);
        Ok(OpenEsState {
            mean: start::centre(&genes, start, rng),
            optimizer: self.optimizer.state(genes.dimension()),
            sigma,
            learning_rate: self.learning_rate.or(|| match self.optimizer {
                Optimizer::Adam { .. } => sigma / 2.0,
                Optimizer::Sgd { .. } => sigma * sigma / 2.0,
                Optimizer::ClipUp { max_speed, .. } => max_speed / 2.0,
            }),
            generation: 0,
            sampling: None,
            drawn: Drawn::default(),
            lengths: (0.0, 0.0),
            gradient: Vec::new(),
            before: Vec::new(),
            genes,
        })
    }

    fn ask(&self, state: &mut OpenEsState, rng: &mut Stream) -> Batch<Vector> {
        let sampling = Sampling::new(rng, self.population_size, self.mirrored, self.perturbation.rank());
        state.sampling = Some(sampling);
        let sigma = state.sigma * self.sigma_schedule.factor(state.generation);
        let scale = match self.units(&state.genes) {
            None => Scale::Scalar(sigma),
            Some(units) => Scale::PerBlock(units.iter().map(|unit| sigma * unit).collect()),
        };
        sampling.batch(&state.genes, state.mean.clone(), scale, &mut state.drawn)
    }

    fn tell(&self, state: &mut OpenEsState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let generation = state.generation;
        state.generation += 1;
        let (Some(weights), Some(sampling)) = (self.shaping.weights(scores), state.sampling.take()) else {
            return;
        };
        let sigma = state.sigma * self.sigma_schedule.factor(generation);
        let rate = state.learning_rate * self.learning_rate_schedule.factor(generation);

        let mut gradient = std::mem::take(&mut state.gradient);
        gradient.resize(state.mean.len(), 0.0);
        sampling.sum(&state.genes.layout, &shares(&weights, sigma), &state.drawn, &mut gradient);
        state.gradient = gradient;
        self.learn(state, rate);
    }

    fn outcome(&self, state: &OpenEsState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let pairs = (self.population_size as f64 * population / 2.0).round().max(1.0) as usize;
        let sigma = Auto::Value(sigma * self.initial_sigma(&space.genes));
        Some(OpenEs { population_size: 2 * pairs, sigma, ..self.clone() })
    }

    fn diagnose(&self, state: &OpenEsState, out: &mut Diagnostics) {
        out.add("sigma", state.sigma * self.sigma_schedule.factor(state.generation));
        out.add("learning_rate", state.learning_rate * self.learning_rate_schedule.factor(state.generation));
        out.add("gradient_norm", state.lengths.0);
        out.add("step_norm", state.lengths.1);
        out.add("mean_norm", squared_length(&state.mean).sqrt());
    }
}

impl OpenEs {
    fn check(&self, space: &Space<Vector>, start: &Start<Vector>) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.at_least("population_size", self.population_size, 2);
        let even = !self.mirrored || self.population_size.is_multiple_of(2);
        v.require(
            even,
            "population_size",
            self.population_size,
            "an even number, because members are mirrored",
        );
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        let scaling = self.layer_scaling;
        v.require((0.0..=1.0).contains(&scaling), "layer_scaling", scaling, "from 0 to 1");
        self.learning_rate.given().into_iter().for_each(|&a| v.positive("learning_rate", a));
        self.optimizer.check("optimizer", &mut v);
        v.non_negative("weight_decay", self.weight_decay);
        self.sigma_schedule.check("sigma_schedule", &mut v);
        self.learning_rate_schedule.check("learning_rate_schedule", &mut v);
        self.perturbation.check("perturbation", &mut v);
        check(space, start, &mut v);
        v.into_result()
    }

    /// The gradient of the losses, which the state holds, moves the mean.
    fn learn(&self, state: &mut OpenEsState, rate: f64) {
        let mut gradient = std::mem::take(&mut state.gradient);
        let mut before = std::mem::take(&mut state.before);
        before.clone_from(&state.mean);
        let units = self.units(&state.genes);
        in_units(&state.genes, units.as_deref(), &mut state.mean, |x, unit| *x /= unit);
        if self.weight_decay > 0.0 {
            reduce::axpy(self.weight_decay, &state.mean, &mut gradient);
        }
        self.optimizer.descend(&mut state.optimizer, rate, &gradient, &mut state.mean);
        in_units(&state.genes, units.as_deref(), &mut state.mean, |x, unit| *x *= unit);
        if let Some(bounds) = &state.genes.bounds {
            bounds.clamp(&mut state.mean);
        }
        if !reduce::all_finite(&state.mean) {
            state.mean.copy_from_slice(&before);
        }
        let distance = par::sum(before.len(), BLOCK, |part| {
            reduce::square_distance(&before[part.clone()], &state.mean[part])
        });
        state.lengths = (squared_length(&gradient).sqrt(), distance.sqrt());
        (state.gradient, state.before) = (gradient, before);
    }

    fn initial_sigma(&self, genes: &VectorGenes) -> f64 {
        self.sigma.or(|| AUTO_SIGMA * start::spread(genes))
    }

    /// The factor (s/s̄)ᵖ of each block, unless all are 1.
    fn units(&self, genes: &VectorGenes) -> Option<Vec<f64>> {
        let whole = start::spread(genes);
        let unit = |s: f64| libm::pow(s / whole, self.layer_scaling);
        (self.layer_scaling > 0.0).then(|| start::block_spreads(genes).into_iter().map(unit).collect())
    }
}

/// w/(n·σ): what each member's noise counts in the gradient (algorithm 1, line 6).
fn shares(weights: &[f64], sigma: f64) -> Vec<f64> {
    let factor = 1.0 / (weights.len() as f64 * sigma);
    weights.iter().map(|w| w * factor).collect()
}

/// Calls `change(x, unit)` for every coordinate if there are units.
fn in_units(genes: &VectorGenes, units: Option<&[f64]>, x: &mut [f64], change: impl Fn(&mut f64, f64)) {
    for (block, &unit) in genes.layout.blocks.iter().zip(units.into_iter().flatten()) {
        x[block.range()].iter_mut().for_each(|x| change(x, unit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_core::{Init, Layout, Purpose, Role, RunKey, stream};
    use evolvent_math::rows::Rows;
    use evolvent_test::{Reference, assert_close};
    use std::sync::Arc;

    fn losses(batch: &Batch<Vector>, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut x = vec![0.0; batch.dimension()];
        (0..batch.len())
            .map(|i| {
                batch.row_f64(i, &mut x);
                f(&x)
            })
            .collect()
    }

    fn sphere(x: &[f64]) -> f64 {
        x.iter().map(|x| x * x).sum()
    }

    fn run(es: &OpenEs, genes: VectorGenes, rounds: u64) -> OpenEsState {
        let key = RunKey::from_seed(7);
        let space = Space::new(genes);
        let mut state = es.init(&space, &Start::Default, &mut stream(key, 0, 0, 0, Purpose::Init)).unwrap();
        for round in 0..rounds {
            let batch = es.ask(&mut state, &mut stream(key, round, 0, 0, Purpose::Ask));
            let scores = Scores::of_losses(&losses(&batch, sphere));
            es.tell(&mut state, &batch, &scores, &mut stream(key, round, 0, 0, Purpose::Tell));
        }
        state
    }

    #[test]
    fn one_step_by_hand() {
        // Raw shaping, plain descent: the mean moves by −α/(nσ) Σ (fᵢ − f̄)·εᵢ − αλ·mean.
        let es = OpenEs {
            population_size: 4,
            sigma: Auto::Value(0.5),
            learning_rate: Auto::Value(0.1),
            shaping: Shaping::Raw,
            optimizer: Optimizer::Sgd { momentum: 0.0 },
            weight_decay: 0.3,
            ..OpenEs::default()
        };
        let genes = VectorGenes::flat(3, Init::Constant(2.0), None);
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
        let mut state = es.init(&Space::new(genes), &Start::Default, &mut rng).unwrap();
        let batch = es.ask(&mut state, &mut rng);
        assert_eq!(batch.streams, [0, 0, 1, 1]);
        let mut rows = [[0.0; 3]; 4];
        rows.iter_mut().enumerate().for_each(|(i, row)| batch.row_f64(i, row));
        let f = [3.0, -1.0, 0.5, 1.5];
        es.tell(&mut state, &batch, &Scores::of_losses(&f), &mut rng);
        for j in 0..3 {
            assert!((rows[0][j] + rows[1][j] - 4.0).abs() < 1e-12, "pairs are antithetic");
            let sum: f64 = (0..4).map(|i| (f[i] - 1.0) * (rows[i][j] - 2.0) / 0.5).sum();
            let expected = 2.0 - 0.1 * (sum / (4.0 * 0.5) + 0.3 * 2.0);
            assert!((state.mean[j] - expected).abs() < 1e-6, "{} {expected}", state.mean[j]);
        }
    }

    #[test]
    fn means_are_those_of_evosax() {
        let file = Reference::parse(include_str!("../../tests/reference/evosax_open_es.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let kind = run.text("optimizer");
            let es = OpenEs {
                population_size: steps[0].numbers("values").len(),
                sigma: Auto::Value(run.number("sigma")),
                optimizer: match kind.as_str() {
                    "sgd" => Optimizer::Sgd { momentum: 0.0 },
                    "momentum_on_z_scores" => Optimizer::Sgd { momentum: 0.9 },
                    _ => Optimizer::default(),
                },
                weight_decay: if kind == "adam_with_decay" { 0.3 } else { 0.0 },
                shaping: match kind.as_str() {
                    "momentum_on_z_scores" => Shaping::ZScore,
                    _ => Shaping::CenteredRanks,
                },
                ..OpenEs::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = es.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for step in &steps {
                let weights = es.shaping.weights(&Scores::of_losses(&step.numbers("values"))).unwrap();
                let shares = shares(&weights, state.sigma);
                let sums = moments_of_rows(&step.numbers("noise"), n, &shares, &shares);
                state.gradient = sums.iter().map(|[sum, _]| *sum).collect();
                es.learn(&mut state, run.number("learning_rate"));
                // Its variances have 1e-8 added to them.
                let allowed = if es.shaping == Shaping::ZScore { 1e-9 } else { 1e-12 };
                assert_close(&kind, &state.mean, &step.numbers("mean"), allowed, allowed);
            }
        }
    }

    #[test]
    fn every_kind_of_noise_and_shaping_descends() {
        let mut layout = Layout { blocks: Vec::new() };
        layout.push("w", vec![6, 5], Role::Weight, Init::Normal { std: 1.0 }, vec![None; 2]);
        layout.push("b", vec![5], Role::Bias, Init::Normal { std: 1.0 }, vec![None]);
        let genes = VectorGenes { layout: Arc::new(layout), bounds: None };
        for perturbation in
            [Perturbation::Full, Perturbation::LowRank { rank: 1 }, Perturbation::LowRank { rank: 3 }]
        {
            for shaping in [Shaping::CenteredRanks, Shaping::ZScore, Shaping::Raw] {
                for mirrored in [true, false] {
                    let es = OpenEs { perturbation, shaping, mirrored, ..OpenEs::default() };
                    let state = run(&es, genes.clone(), 150);
                    assert!(sphere(&state.mean) < 5.0, "{es:?}: {}", sphere(&state.mean));
                }
            }
        }
    }

    #[test]
    fn scaled_layers_are_those_of_a_network_whose_weights_are_in_units() {
        // Descending f(w) with units s is descending f(s ⊙ v) over v.
        let mut layout = Layout { blocks: Vec::new() };
        layout.push("w", vec![3, 2], Role::Weight, Init::Normal { std: 4.0 }, vec![None; 2]);
        layout.push("v", vec![2, 2], Role::Weight, Init::Normal { std: 0.25 }, vec![None; 2]);
        let genes = VectorGenes { layout: Arc::new(layout), bounds: None };
        let scaled = OpenEs {
            layer_scaling: 0.5,
            sigma: Auto::Value(0.1),
            weight_decay: 0.01,
            shaping: Shaping::ZScore,
            ..OpenEs::default()
        };
        let plain = OpenEs { layer_scaling: 0.0, ..scaled.clone() };
        let whole = ((6.0 * 16.0 + 4.0 / 16.0) / 10.0f64).sqrt();
        let unit = |s: f64| (s / whole).sqrt();
        let units: Vec<f64> = [unit(4.0); 6].into_iter().chain([unit(0.25); 4]).collect();
        let flat = VectorGenes::flat(10, Init::Normal { std: 1.0 }, None);
        let start = |x: &[f64]| Start::Point(Vector(x.to_vec()));
        let v: Vec<f64> = (0..10).map(|i| 1.0 - 0.2 * i as f64).collect();
        let w: Vec<f64> = v.iter().zip(&units).map(|(v, s)| v * s).collect();
        let key = RunKey::from_seed(7);
        let mut rng = stream(key, 0, 0, 0, Purpose::Init);
        let mut a = scaled.init(&Space::new(genes), &start(&w), &mut rng).unwrap();
        let mut b = plain.init(&Space::new(flat), &start(&v), &mut rng).unwrap();
        for round in 0..20 {
            let ask = || stream(key, round, 0, 0, Purpose::Ask);
            let (of_a, of_b) = (scaled.ask(&mut a, &mut ask()), plain.ask(&mut b, &mut ask()));
            let f = |x: &[f64]| x.iter().zip(&units).map(|(x, s)| (x / s - 0.5).powi(2)).sum();
            let g = |x: &[f64]| x.iter().map(|x| (x - 0.5).powi(2)).sum();
            scaled.tell(&mut a, &of_a, &Scores::of_losses(&losses(&of_a, f)), &mut ask());
            plain.tell(&mut b, &of_b, &Scores::of_losses(&losses(&of_b, g)), &mut ask());
        }
        for i in 0..10 {
            assert!((a.mean[i] / units[i] - b.mean[i]).abs() < 1e-6, "{i}: {} {}", a.mean[i], b.mean[i]);
        }
        assert!(a.mean != w);
    }

    #[test]
    fn schedules_shrink_what_they_should() {
        let es = OpenEs {
            sigma: Auto::Value(0.2),
            sigma_schedule: Schedule::Exponential { decay: 0.5, floor: 0.1 },
            learning_rate_schedule: Schedule::Linear { generations: 4, last: 0.0 },
            ..OpenEs::default()
        };
        let mut out = Diagnostics::default();
        es.diagnose(&run(&es, VectorGenes::flat(3, Init::Zeros, None), 2), &mut out);
        assert_eq!(out.0[..2], [("sigma".into(), 0.05), ("learning_rate".into(), 0.05)]);
    }

    mod alternatives {
        use super::*;
        evolvent_test::conformance!(
            OpenEs,
            OpenEs {
                population_size: 16,
                mirrored: false,
                shaping: Shaping::ZScore,
                optimizer: Optimizer::ClipUp { momentum: 0.9, max_speed: 0.4 },
                weight_decay: 0.01,
                sigma_schedule: Schedule::Cosine { generations: 100, last: 0.1 },
                layer_scaling: 0.5,
                perturbation: Perturbation::LowRank { rank: 2 },
                ..OpenEs::default()
            }
        );
    }
}
