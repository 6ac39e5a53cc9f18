//! xNES: exponential natural evolution strategy.
//!
//! Glasmachers, Schaul, Yi, Wierstra & Schmidhuber 2010, *Exponential natural evolution strategies* (algorithm 1); Wierstra et al. 2014
//! (algorithm 5). The whole covariance matrix is adapted, in coordinates in which it is the identity: with s_k ~ N(0, I),
//! z_k = μ + σ·B·s_k and rank-based utilities u_k
//!
//! ```text
//! ∇δ = Σ u_k·s_k      ∇M = Σ u_k·(s_k·s_kᵀ − I)      ∇σ = tr(∇M)/d      ∇B = ∇M − ∇σ·I
//! μ ← μ + η_μ·σ·B·∇δ      σ ← σ·exp(η_σ/2·∇σ)      B ← B·exp(η_B/2·∇B)
//! ```
//!
//! *Differs from the paper:* equal losses share their utilities. Where genes are bounded, members are clamped.
//!
//! Cost per generation: λ evaluations, O(λ·d²) and O(d³); memory for three d × d matrices.
//!
//! Needs: one objective; vectors of a fixed length, up to some hundred coordinates.

use super::{
    sampling::{SIGMAS, check, default_population_size},
    shaping::ranked,
};
use crate::start;
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Outcome, Scores, Space, Start, StopReason, Stream,
    StreamKey, Vector, VectorGenes, Vectors, Violations,
};
use evolvent_math::{linalg, noise, ranking::nes_utilities};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// xNES: the natural gradient of a full Gaussian; up to some hundred genes.
///
/// Compared with cmaes 0.13.1 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Xnes {
    /// λ, number of members, at least 2. `"auto"` is 4 + ⌊3 ln d⌋ (table 1).
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// σ₀, initial standard deviation, above 0. `"auto"` is that with which genes are initialised.
    pub sigma: Auto<f64>,
    /// η_μ, above 0. The default is that of table 1.
    pub mean_learning_rate: f64,
    /// η_σ, above 0. `"auto"` is (9 + 3 ln d)/(5·d·√d) (table 1).
    pub sigma_learning_rate: Auto<f64>,
    /// η_B, above 0. `"auto"` is (9 + 3 ln d)/(5·d·√d) (table 1).
    pub shape_learning_rate: Auto<f64>,
    /// Stops when σ is below this, at least 0.
    pub tolerance: f64,
}

impl Default for Xnes {
    fn default() -> Self {
        Xnes {
            population_size: Auto::Auto,
            sigma: Auto::Auto,
            mean_learning_rate: 1.0,
            sigma_learning_rate: Auto::Auto,
            shape_learning_rate: Auto::Auto,
            tolerance: 1e-11,
        }
    }
}

/// State of [`Xnes`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct XnesState {
    genes: VectorGenes,
    population_size: usize,
    utilities: Vec<f64>,
    sigma_learning_rate: f64,
    shape_learning_rate: f64,
    mean: Vec<f64>,
    sigma: f64,
    /// B, row-major, of determinant 1.
    shape: Vec<f64>,
    noise: Option<StreamKey>,
}

impl Algorithm for Xnes {
    const NAME: &'static str = "xnes";
    type Genome = Vector;
    type State = XnesState;

    fn holds(&self, space: &Space<Vector>) -> f64 {
        2.0 * space.genes.dimension() as f64
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<XnesState, Violations> {
        let genes = space.genes.clone();
        let n = genes.dimension();
        let population_size = self.population_size.or(|| default_population_size(n));
        let mut v = Violations::new();
        v.at_least("population_size", population_size, 2);
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        v.positive("mean_learning_rate", self.mean_learning_rate);
        self.sigma_learning_rate.given().into_iter().for_each(|&r| v.positive("sigma_learning_rate", r));
        self.shape_learning_rate.given().into_iter().for_each(|&r| v.positive("shape_learning_rate", r));
        v.non_negative("tolerance", self.tolerance);
        check(space, start, &mut v);
        v.into_result()?;
        let d = n as f64;
        let rate = (9.0 + 3.0 * libm::log(d)) / (5.0 * d * d.sqrt());
        Ok(XnesState {
            utilities: nes_utilities(population_size),
            population_size,
            sigma_learning_rate: self.sigma_learning_rate.or(|| rate),
            shape_learning_rate: self.shape_learning_rate.or(|| rate),
            mean: start::centre(&genes, start, rng),
            sigma: self.sigma.or(|| start::spread(&genes)),
            shape: (0..n * n).map(|k| f64::from(u8::from(k / n == k % n))).collect(),
            noise: None,
            genes,
        })
    }

    fn ask(&self, state: &mut XnesState, rng: &mut Stream) -> Batch<Vector> {
        let key = rng.split(0);
        state.noise = Some(key);
        let n = state.mean.len();
        let s = noise_rows(key, state.population_size * n);
        let mut data = vec![0.0; s.len()];
        for (x, s) in data.chunks_exact_mut(n).zip(s.chunks_exact(n)) {
            linalg::matvec(&state.shape, s, x);
            x.iter_mut().zip(&state.mean).for_each(|(x, m)| *x = m + state.sigma * *x);
            if let Some(bounds) = &state.genes.bounds {
                bounds.clamp(x);
            }
        }
        Batch::new(Vectors::Dense { dimension: n, data })
    }

    fn tell(&self, state: &mut XnesState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let (Some(u), Some(key)) = (ranked(scores, &state.utilities), state.noise.take()) else { return };
        let s = noise_rows(key, state.population_size * state.mean.len());
        self.learn(state, &u, &s);
    }

    fn outcome(&self, state: &XnesState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn stopped(&self, state: &XnesState) -> Option<StopReason> {
        let below = state.sigma < self.tolerance;
        below.then(|| StopReason::Converged(format!("sigma is below {:e}", self.tolerance)))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let size = self.population_size.or(|| default_population_size(space.genes.dimension())) as f64;
        Some(Xnes {
            population_size: Auto::Value((size * population).round().max(2.0) as usize),
            sigma: Auto::Value(sigma * self.sigma.or(|| start::spread(&space.genes))),
            ..self.clone()
        })
    }

    fn diagnose(&self, state: &XnesState, out: &mut Diagnostics) {
        let n = state.mean.len();
        let mut covariance = vec![0.0; n * n];
        let transposed: Vec<f64> = (0..n * n).map(|k| state.shape[k % n * n + k / n]).collect();
        linalg::matmul(&state.shape, &transposed, &mut covariance, n, n, n);
        let ratio =
            linalg::symmetric_eigen(&covariance, n).map_or(f64::INFINITY, |e| e.values[n - 1] / e.values[0]);
        out.add("sigma", state.sigma);
        out.add("condition_number", ratio);
    }
}

/// Normal deviates of a whole population.
fn noise_rows(key: StreamKey, len: usize) -> Vec<f64> {
    let mut z = vec![0.0f32; len];
    noise::fill_normal(key, 0, &mut z);
    z.into_iter().map(f64::from).collect()
}

impl Xnes {
    /// The update of algorithm 1; `s` holds the noise of one member per row.
    fn learn(&self, state: &mut XnesState, u: &[f64], s: &[f64]) {
        let n = state.mean.len();
        let (mut delta, mut m) = (vec![0.0; n], vec![0.0; n * n]);
        for (u, s) in u.iter().zip(s.chunks_exact(n)) {
            for (i, si) in s.iter().enumerate() {
                delta[i] += u * si;
                m[i * n..][..n].iter_mut().zip(s).for_each(|(m, sj)| *m += u * si * sj);
            }
        }
        // The utilities sum to 0, so subtracting the identity from each term changes nothing.
        let trace = (0..n).map(|i| m[i * n + i]).sum::<f64>() / n as f64;
        (0..n).for_each(|i| m[i * n + i] -= trace);

        let mut step = vec![0.0; n];
        linalg::matvec(&state.shape, &delta, &mut step);
        state
            .mean
            .iter_mut()
            .zip(&step)
            .for_each(|(x, step)| *x += self.mean_learning_rate * state.sigma * step);
        if let Some(bounds) = &state.genes.bounds {
            bounds.clamp(&mut state.mean);
        }
        let grown = state.sigma * libm::exp(0.5 * state.sigma_learning_rate * trace);
        state.sigma = grown.clamp(SIGMAS.0, SIGMAS.1);
        m.iter_mut().for_each(|m| *m *= 0.5 * state.shape_learning_rate);
        if let Some(factor) = exponential(&m, n) {
            let shape = state.shape.clone();
            linalg::matmul(&shape, &factor, &mut state.shape, n, n, n);
            if state.shape.iter().any(|b| !b.is_finite()) {
                state.shape = shape;
            }
        }
    }
}

/// exp of a symmetric matrix: V·exp(λ)·Vᵀ.
fn exponential(m: &[f64], n: usize) -> Option<Vec<f64>> {
    let eigen = linalg::symmetric_eigen(m, n)?;
    let (mut scaled, mut transposed) = (vec![0.0; n * n], vec![0.0; n * n]);
    for (k, value) in eigen.values.iter().enumerate() {
        let factor = libm::exp(*value);
        for i in 0..n {
            scaled[i * n + k] = eigen.vectors[i * n + k] * factor;
            transposed[k * n + i] = eigen.vectors[i * n + k];
        }
    }
    let mut out = vec![0.0; n * n];
    linalg::matmul(&scaled, &transposed, &mut out, n, n, n);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn exponential_by_hand() {
        // exp of [[0, a], [a, 0]] is [[cosh a, sinh a], [sinh a, cosh a]].
        let e = exponential(&[0.0, 0.7, 0.7, 0.0], 2).unwrap();
        assert_close(
            "exp",
            &e,
            &[libm::cosh(0.7), libm::sinh(0.7), libm::sinh(0.7), libm::cosh(0.7)],
            1e-14,
            0.0,
        );
    }

    #[test]
    fn states_are_those_of_cmaes() {
        let file = Reference::parse(include_str!("../../tests/reference/cmaes_xnes.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let xnes = Xnes {
                population_size: Auto::Value(steps[0].numbers("values").len()),
                sigma: Auto::Value(run.number("sigma")),
                ..Xnes::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = xnes.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            for step in &steps {
                let u = ranked(&Scores::of_losses(&step.numbers("values")), &state.utilities).unwrap();
                xnes.learn(&mut state, &u, &step.numbers("noise"));
                assert_close("mean", &state.mean, &step.numbers("mean"), 1e-8, 1e-9);
                assert_close("sigma", &[state.sigma], &[step.number("sigma")], 1e-9, 0.0);
                assert_close("B", &state.shape, &step.numbers("shape"), 1e-8, 1e-9);
            }
        }
    }
}
