//! CR-FM-NES: cost-reduced fast-moving natural evolution strategy.
//!
//! Nomura & Ono 2022, *Fast moving natural evolution strategy for high-dimensional problems* (algorithm 1). The covariance matrix is
//! σ²·D(I + v·vᵀ)D with a diagonal D and one vector v (the model of VD-CMA, Akimoto, Auger & Hansen 2014), so time and memory are
//! linear; the mean moves fast where it travels, by weights that favour far members, and learning rates change with the length of
//! the path of the step size:
//!
//! ```text
//! y = z + (√(1 + ‖v‖²) − 1)·(v̄·z)·v̄      x = m + σ·D ⊙ y           antithetic z
//! moving      ‖p_σ‖ ≥ E‖N(0, I)‖            weights ∝ ŵᵢ·exp(α·‖zᵢ‖)      η_σ = 1
//! stagnating  ‖p_σ‖ ≥ E‖N(0, I)‖/10         rank weights                 η_σ by equation 28
//! converging  otherwise                     rank weights                 η_σ by equation 29
//! ```
//!
//! What v and D learn is linear in s and t of VD-CMA (section 3.2), so sums over members are taken first and only a few scalars per
//! member are kept.
//!
//! *Differs from the paper:* c₁, proportional to d − 5, is 0 below five dimensions. A generation shrinks no entry of D below a tenth.
//! The antithetic members are a pair of neighbours. Where genes are bounded, members are clamped.
//!
//! Cost per generation: λ evaluations and O(λ·d); the batch is written out.
//!
//! Needs: one objective; vectors of a fixed length.

use super::sampling::{SIGMAS, Sampling, check, default_even_population_size};
use crate::{draws::fork, start};
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Drawn, Outcome, Rank, Scores, Space, Start, StopReason,
    Stream, Vector, VectorGenes, Vectors, Violations,
};
use evolvent_math::{noise, par, reduce, special::expected_norm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// CR-FM-NES: a natural gradient with one learnt direction; hard functions of many arguments.
///
/// Compared with its authors' crfmnes 1.0.0 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CrFmNes {
    /// λ, number of members, an even number of at least 4. `"auto"` is 4 + ⌊3 ln d⌋, rounded up to an even number.
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// σ₀, initial standard deviation, above 0. `"auto"` is that with which genes are initialised.
    pub sigma: Auto<f64>,
    /// Stops when σ is below this, at least 0.
    pub tolerance: f64,
}

impl Default for CrFmNes {
    fn default() -> Self {
        CrFmNes { population_size: Auto::Auto, sigma: Auto::Auto, tolerance: 1e-11 }
    }
}

/// Constants derived from dimension and population size.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rates {
    /// max(0, ln(λ/2 + 1) − ln i), and the same scaled to sum 1, minus 1/λ.
    hat: Vec<f64>,
    rank: Vec<f64>,
    mueff: f64,
    cs: f64,
    cc: f64,
    c1: f64,
    chi: f64,
    /// h⁻¹(d)·min(1, √(λ/d)).
    alpha: f64,
}

impl Rates {
    fn new(dimension: usize, population_size: usize) -> Self {
        let (d, lambda) = (dimension as f64, population_size as f64);
        let top = libm::log(lambda / 2.0 + 1.0);
        let hat: Vec<f64> = (1..=population_size).map(|i| (top - libm::log(i as f64)).max(0.0)).collect();
        let sum: f64 = hat.iter().sum();
        let mueff = sum * sum / hat.iter().map(|w| w * w).sum::<f64>();
        Rates {
            rank: hat.iter().map(|w| w / sum - 1.0 / lambda).collect(),
            hat,
            mueff,
            cs: (mueff + 2.0) / (d + mueff + 5.0),
            cc: (4.0 + mueff / d) / (d + 4.0 + 2.0 * mueff / d),
            c1: (2.0 / ((d + 1.3).powi(2) + mueff) * (d - 5.0) / 6.0).max(0.0),
            chi: expected_norm(dimension),
            alpha: inverse_h(d) * (lambda / d).sqrt().min(1.0),
        }
    }
}

/// The a with (1 + a²)·exp(a²/2)/0.24 − 10 = d: equation 22, by Newton's method.
fn inverse_h(d: f64) -> f64 {
    let mut a = 6.0;
    for _ in 0..200 {
        let e = libm::exp(a * a / 2.0) / 0.24;
        let step = 0.5 * ((1.0 + a * a) * e - 10.0 - d) / (a * e * (3.0 + a * a));
        a -= step;
        if step.abs() < 1e-16 {
            break;
        }
    }
    a
}

/// State of [`CrFmNes`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CrFmNesState {
    genes: VectorGenes,
    rates: Rates,
    mean: Vec<f64>,
    sigma: f64,
    /// D and v of the covariance model.
    diagonal: Vec<f64>,
    direction: Vec<f64>,
    path_sigma: Vec<f64>,
    path_covariance: Vec<f64>,
    sampling: Option<Sampling>,
}

/// What must be known of one member's noise: v̄·z and ‖z‖².
type Projection = (f64, f64);

impl Algorithm for CrFmNes {
    const NAME: &'static str = "cr_fm_nes";
    type Genome = Vector;
    type State = CrFmNesState;

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<CrFmNesState, Violations> {
        let genes = space.genes.clone();
        let d = genes.dimension();
        let population_size = self.population_size.or(|| default_even_population_size(d));
        let mut v = Violations::new();
        v.at_least("population_size", population_size, 0);
        let fine = population_size >= 4 && population_size.is_multiple_of(2);
        v.require(
            fine,
            "population_size",
            population_size,
            "an even number of at least 4, because members are mirrored",
        );
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        v.non_negative("tolerance", self.tolerance);
        check(space, start, &mut v);
        v.into_result()?;
        let mut deviates = fork(rng).stream();
        let spread = 1.0 / (d as f64).sqrt();
        Ok(CrFmNesState {
            rates: Rates::new(d, population_size),
            mean: start::centre(&genes, start, rng),
            sigma: self.sigma.or(|| start::spread(&genes)),
            diagonal: vec![1.0; d],
            direction: (0..d).map(|_| spread * deviates.normal()).collect(),
            path_sigma: vec![0.0; d],
            path_covariance: vec![0.0; d],
            sampling: None,
            genes,
        })
    }

    fn ask(&self, state: &mut CrFmNesState, rng: &mut Stream) -> Batch<Vector> {
        let (d, lambda) = (state.mean.len(), state.rates.rank.len());
        let sampling = Sampling::new(rng, lambda, true, Rank::Full);
        state.sampling = Some(sampling);
        let (length, unit) = state.unit_direction();
        let stretch = (1.0 + length * length).sqrt() - 1.0;
        let mut data = vec![0.0; lambda * d];
        let state = &*state;
        par::blocks(&mut data, 2 * d, |from, pair| {
            let mut z = vec![0.0f32; d];
            noise::fill_normal(sampling.pair_key(from / (2 * d)), 0, &mut z);
            let along: f64 = z.iter().zip(&unit).map(|(&z, u)| f64::from(z) * u).sum();
            let (plus, minus) = pair.split_at_mut(d);
            for i in 0..d {
                let y = f64::from(z[i]) + stretch * along * unit[i];
                let step = state.sigma * state.diagonal[i] * y;
                (plus[i], minus[i]) = (state.mean[i] + step, state.mean[i] - step);
            }
            if let Some(bounds) = &state.genes.bounds {
                bounds.clamp(plus);
                bounds.clamp(minus);
            }
        });
        let mut batch = Batch::new(Vectors::Dense { dimension: d, data });
        batch.streams.iter_mut().for_each(|s| *s /= 2);
        batch
    }

    fn tell(&self, state: &mut CrFmNesState, _: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        let Some(sampling) = state.sampling.take().filter(|_| !scores.all_failed()) else { return };
        let d = state.mean.len();
        let unit = state.unit_direction().1;
        let pairs = par::map(state.rates.rank.len() / 2, |k| {
            let mut z = vec![0.0f32; d];
            noise::fill_normal(sampling.pair_key(k), 0, &mut z);
            let z: Vec<f64> = z.into_iter().map(f64::from).collect();
            (reduce::dot(&z, &unit), reduce::dot(&z, &z))
        });
        let projections: Vec<Projection> =
            pairs.iter().flat_map(|&(a, square)| [(a, square), (-a, square)]).collect();
        let layout = state.genes.layout.clone();
        state.learn(scores, &projections, |first, second| {
            let mut out = vec![[0.0; 2]; d];
            sampling.moments(&layout, (first, second), &Drawn::default(), &mut out);
            out
        });
    }

    fn outcome(&self, state: &CrFmNesState) -> Outcome<Vector> {
        Outcome::Point(Candidate::unmeasured(Vector(state.mean.clone())))
    }

    fn stopped(&self, state: &CrFmNesState) -> Option<StopReason> {
        let below = state.sigma < self.tolerance;
        below.then(|| StopReason::Converged(format!("sigma is below {:e}", self.tolerance)))
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let size = self.population_size.or(|| default_even_population_size(space.genes.dimension())) as f64;
        let pairs = (size * population / 2.0).round().max(2.0) as usize;
        let sigma = sigma * self.sigma.or(|| start::spread(&space.genes));
        Some(CrFmNes { population_size: Auto::Value(2 * pairs), sigma: Auto::Value(sigma), ..self.clone() })
    }

    fn diagnose(&self, state: &CrFmNesState, out: &mut Diagnostics) {
        out.add("sigma", state.sigma);
        out.add("path_length", reduce::dot(&state.path_sigma, &state.path_sigma).sqrt() / state.rates.chi);
        out.add("direction_length", state.unit_direction().0);
        let least = state.diagonal.iter().copied().fold(f64::INFINITY, f64::min);
        out.add("scale_ratio", state.diagonal.iter().copied().fold(0.0, f64::max) / least);
    }
}

impl CrFmNesState {
    /// ‖v‖ and v̄.
    fn unit_direction(&self) -> (f64, Vec<f64>) {
        let length = reduce::dot(&self.direction, &self.direction).sqrt().max(f64::MIN_POSITIVE);
        (length, self.direction.iter().map(|v| v / length).collect())
    }

    /// Algorithm 1 from line 7 on. `moments` gives Σ w₁·z and Σ w₂·z² for weights of the members.
    fn learn(
        &mut self,
        scores: &Scores,
        projections: &[Projection],
        moments: impl Fn(&[f64], &[f64]) -> Vec<[f64; 2]>,
    ) {
        let order = by_distance_where_failed(scores, projections);
        let (n, lambda) = (self.mean.len(), order.len());
        let d = n as f64;
        let feasible = scores.failed.iter().filter(|&&f| !f).count() as f64;
        let place = |by_rank: &[f64]| {
            let mut weights = vec![0.0; lambda];
            order.iter().zip(by_rank).for_each(|(&i, &w)| weights[i] = w);
            weights
        };
        let (length, unit) = self.unit_direction();
        let gamma = 1.0 + length * length;
        let stretch = gamma.sqrt() - 1.0;

        let zeros = vec![0.0; lambda];
        let Rates { mueff, cs, cc, c1, chi, alpha, .. } = self.rates;
        let rank_weights = place(&self.rates.rank);
        let keep = (cs * (2.0 - cs) * mueff).sqrt();
        let sums = moments(&rank_weights, &zeros);
        self.path_sigma.iter_mut().zip(&sums).for_each(|(p, [z, _])| *p = (1.0 - cs) * *p + keep * z);
        let travelled = reduce::dot(&self.path_sigma, &self.path_sigma).sqrt();

        let moving = travelled >= chi;
        let weights = if moving {
            distance_weights(&self.rates.hat, &order, projections, alpha, feasible)
        } else {
            rank_weights
        };
        let eta_sigma = if moving {
            1.0
        } else if travelled >= 0.1 * chi {
            libm::tanh((0.024 * feasible + 0.7 * d + 20.0) / (d + 12.0)) // (28)
        } else {
            2.0 * libm::tanh((0.025 * feasible + 0.75 * d + 10.0) / (d + 4.0)) // (29)
        };
        let eta_b = libm::tanh(((0.02 * feasible).min(3.0 * libm::log(d)) + 5.0) / (0.23 * d + 25.0)); // (30)
        let c1 = c1 * feasible / lambda as f64;

        // Σ w·y, from which the mean and the path of the rank-one update move.
        let sums = if moving { moments(&weights, &zeros) } else { sums };
        let along: f64 = weights.iter().zip(projections).map(|(w, (a, _))| w * a).sum();
        let keep = (cc * (2.0 - cc) * mueff).sqrt();
        for i in 0..n {
            let step = self.diagonal[i] * (sums[i][0] + stretch * along * unit[i]);
            self.path_covariance[i] = (1.0 - cc) * self.path_covariance[i] + keep * step;
            self.mean[i] += self.sigma * step;
        }
        if let Some(bounds) = &self.genes.bounds {
            bounds.clamp(&mut self.mean);
        }

        // Σ e·z·(v̄·z) and Σ e·z², e the weights of the covariance update.
        let e: Vec<f64> = weights.iter().map(|w| eta_b * w).collect();
        let ea: Vec<f64> = e.iter().zip(projections).map(|(e, (a, _))| e * a).collect();
        let eaa: f64 = ea.iter().zip(projections).map(|(ea, (a, _))| ea * a).sum();
        let sums = moments(&ea, &e);
        let p: Vec<f64> = self.path_covariance.iter().zip(&self.diagonal).map(|(p, d)| p / d).collect();
        let pa = reduce::dot(&p, &unit);
        let model = Model { length, unit, gamma };
        // y = z + κ·a·v̄ and v̄·y = √γ·a for the members, and the path as one more vector of weight c₁.
        let squares: Vec<f64> = (0..n)
            .map(|i| {
                let u = model.unit[i];
                sums[i][1] + 2.0 * stretch * u * sums[i][0] + (stretch * u).powi(2) * eaa + c1 * p[i] * p[i]
            })
            .collect();
        let products: Vec<f64> = (0..n)
            .map(|i| gamma.sqrt() * (sums[i][0] + stretch * model.unit[i] * eaa) + c1 * pa * p[i])
            .collect();
        let total = e.iter().sum::<f64>() + c1;
        let (s, t) = model.natural_gradient(&squares, &products, gamma * eaa + c1 * pa * pa, total);
        self.update_model(&s, &t, length);

        let growth: f64 =
            weights.iter().zip(projections).map(|(w, (_, square))| w * (square - d)).sum::<f64>() / d;
        let change = (0.5 * eta_sigma * growth).clamp(-1.0, 1.0);
        self.sigma = (self.sigma * libm::exp(change)).clamp(SIGMAS.0, SIGMAS.1);
    }

    /// v ← v + t/‖v‖, D ← D ⊙ (1 + s), scaled so that the model keeps determinant 1.
    fn update_model(&mut self, s: &[f64], t: &[f64], length: f64) {
        let direction: Vec<f64> = self.direction.iter().zip(t).map(|(v, t)| v + t / length).collect();
        let diagonal: Vec<f64> = self.diagonal.iter().zip(s).map(|(d, s)| d * (1.0 + s).max(0.1)).collect();
        let d = diagonal.len() as f64;
        let logs: f64 = diagonal.iter().map(|&d| libm::log(d)).sum();
        let root = libm::exp(logs / d + libm::log1p(reduce::dot(&direction, &direction)) / (2.0 * d));
        let finite = |x: &[f64]| x.iter().all(|x| x.is_finite());
        if root.is_finite() && root > 0.0 && finite(&direction) && finite(&diagonal) {
            self.direction = direction;
            self.diagonal = diagonal.into_iter().map(|d| d / root).collect();
        }
    }
}

/// The covariance model I + v·vᵀ.
struct Model {
    length: f64,
    unit: Vec<f64>,
    /// 1 + ‖v‖².
    gamma: f64,
}

impl Model {
    /// Σ e·s and Σ e·t of VD-CMA (Akimoto et al. 2014, theorem 3.6) from Σ e·y², Σ e·(v̄·y)·y, Σ e·(v̄·y)² and Σ e.
    fn natural_gradient(
        &self,
        squares: &[f64],
        products: &[f64],
        inner: f64,
        total: f64,
    ) -> (Vec<f64>, Vec<f64>) {
        let Model { unit, gamma, .. } = self;
        let n = unit.len();
        let (v2, v4) = (self.length.powi(2), self.length.powi(4));
        let largest = unit.iter().map(|u| u * u).fold(0.0, f64::max);
        let alpha = ((v4 + (2.0 * gamma - gamma.sqrt()) / largest).sqrt() / (2.0 + v2)).min(1.0);
        let mut t: Vec<f64> = (0..n).map(|i| products[i] - 0.5 * unit[i] * (inner + gamma * total)).collect();
        let b = -(1.0 - alpha * alpha) * v4 / gamma + 2.0 * alpha * alpha;
        let vt: f64 = t.iter().zip(unit).map(|(t, u)| t * u).sum();
        let s2: Vec<f64> = (0..n)
            .map(|i| {
                let u = unit[i];
                let s1 = squares[i] - v2 / gamma * u * products[i] - total;
                s1 - alpha / gamma * ((2.0 + v2) * t[i] * u - v2 * u * u * vt)
            })
            .collect();
        let inverse: Vec<f64> =
            unit.iter().map(|u| 1.0 / (2.0 - (b + 2.0 * alpha * alpha) * u * u)).collect();
        let hv: Vec<f64> = inverse.iter().zip(unit).map(|(h, u)| h * u * u).collect();
        let vhv: f64 = hv.iter().zip(unit).map(|(h, u)| h * u * u).sum();
        let shv: f64 = hv.iter().zip(&s2).map(|(h, s)| h * s).sum();
        let s: Vec<f64> = (0..n).map(|i| s2[i] * inverse[i] - b / (1.0 + b * vhv) * shv * hv[i]).collect();
        let vs: f64 = s.iter().zip(unit).map(|(s, u)| s * u * u).sum();
        for i in 0..n {
            t[i] -= alpha * ((2.0 + v2) * s[i] * unit[i] - unit[i] * vs);
        }
        (s, t)
    }
}

/// Members from best to worst; failed ones by the length of their noise, as the authors' code has infeasible ones.
fn by_distance_where_failed(scores: &Scores, projections: &[Projection]) -> Vec<usize> {
    let mut order = scores.order();
    order.sort_by(|&i, &j| {
        let distance = |i: usize| if scores.failed[i] { projections[i].1 } else { 0.0 };
        scores.failed[i].cmp(&scores.failed[j]).then(distance(i).total_cmp(&distance(j)))
    });
    order
}

/// ŵᵢ·exp(α·‖zᵢ‖), scaled to sum 1, minus 1/λ: equations 20 and 21.
fn distance_weights(
    hat: &[f64],
    order: &[usize],
    projections: &[Projection],
    alpha: f64,
    feasible: f64,
) -> Vec<f64> {
    let lambda = hat.len() as f64;
    let alpha = alpha * (feasible / lambda).sqrt();
    let length = |i: usize| projections[i].1.sqrt();
    let longest = order.iter().map(|&i| length(i)).fold(0.0, f64::max);
    let mut weights = vec![0.0; order.len()];
    for (&i, w) in order.iter().zip(hat) {
        weights[i] = w * libm::exp(alpha * (length(i) - longest));
    }
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w = *w / sum - 1.0 / lambda);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::es::sampling::tests::moments_of_rows;
    use evolvent_core::{Init, Purpose, RunKey, stream};
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn inverse_h_solves_its_equation() {
        for d in [1.0, 10.0, 100.0, 2000.0, 1e6] {
            let a = inverse_h(d);
            let h = (1.0 + a * a) * libm::exp(a * a / 2.0) / 0.24 - 10.0;
            assert!((h / d - 1.0).abs() < 1e-9, "{d}: {a}");
        }
    }

    #[test]
    fn states_are_those_of_crfmnes() {
        let file = Reference::parse(include_str!("../../tests/reference/crfmnes.json"));
        for run in file.get("runs").entries() {
            let (n, steps) = (run.number("dimension") as usize, run.get("steps").entries());
            let nes = CrFmNes {
                population_size: Auto::Value(steps[0].numbers("values").len()),
                sigma: Auto::Value(run.number("sigma")),
                ..CrFmNes::default()
            };
            let space = Space::new(VectorGenes::flat(n, Init::Zeros, None));
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Init);
            let mut state = nes.init(&space, &Start::Point(Vector(run.numbers("mean"))), &mut rng).unwrap();
            state.direction = run.numbers("direction");
            for step in &steps {
                let z = step.numbers("noise");
                let unit = state.unit_direction().1;
                let project = |z: &[f64]| (reduce::dot(z, &unit), reduce::dot(z, z));
                let projections: Vec<Projection> = z.chunks(n).map(project).collect();
                let scores = Scores::of_losses(&step.numbers("values"));
                state.learn(&scores, &projections, |first, second| moments_of_rows(&z, n, first, second));
                assert_close("mean", &state.mean, &step.numbers("mean"), 1e-8, 1e-9);
                assert_close("sigma", &[state.sigma], &[step.number("sigma")], 1e-8, 0.0);
                assert_close("p_c", &state.path_covariance, &step.numbers("path"), 1e-7, 1e-9);
                assert_close("D", &state.diagonal, &step.numbers("diagonal"), 1e-8, 0.0);
                assert_close("v", &state.direction, &step.numbers("direction"), 1e-7, 1e-9);
            }
        }
    }
}
