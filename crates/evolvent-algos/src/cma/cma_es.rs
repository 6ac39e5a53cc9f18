//! CMA-ES: evolution with an adapted covariance matrix.
//!
//! Hansen & Ostermeier 2001; Hansen 2016, *The CMA evolution strategy: a tutorial* (arXiv 1604.00772), whose equation numbers are
//! given below; active update of Jastrebski & Arnold 2006 in the tutorial's form. Members are x = m + σ·s ⊙ y with
//! y ~ N(0, C), and after selection
//!
//! ```text
//! m   ← m + σ·s ⊙ y_w                                        y_w = Σ wᵢ·y_i:λ over the better half       (41), (42)
//! p_σ ← (1 − c_σ)·p_σ + √(c_σ(2 − c_σ)μ_eff)·C^(−1/2)·y_w                                                (43)
//! σ   ← σ·exp(min(1, c_σ/d_σ·(‖p_σ‖/E‖N(0, I)‖ − 1)))                                                    (44)
//! p_c ← (1 − c_c)·p_c + h_σ·√(c_c(2 − c_c)μ_eff)·y_w                                                     (45)
//! C   ← (1 − c₁ₐ − c_μ·Σwᵢ)·C + c₁·p_c·p_cᵀ + c_μ·Σ wᵢ°·yᵢ·yᵢᵀ   wᵢ° = wᵢ·n/‖C^(−1/2)yᵢ‖² where wᵢ < 0    (46), (47)
//! ```
//!
//! *Differs from the paper:* constants, stop conditions and the handling of bounds are those of pycma 4.5 (c_σ has n + μ_eff + 3 and
//! is at most ½, d_σ grows faster with large populations). As there, C is decomposed every 1/(10·n·(c₁ + c_μ)) generations, scales
//! that differ by 10⁴ between coordinates move from C into s, bounds are met by a smooth map with standard deviations of at most a
//! third of the box. *Differs from pycma:* step sizes are adapted by path length in every dimension (pycma changes to two-point
//! adaptation in some hundred), no mirrored samples for λ < 6, no linear transformation of the space above a condition of 10¹².
//! Failed members rank last.
//!
//! Cost per generation: λ evaluations, O(λ·n²), and O(n³) in every few generations; memory for two n × n matrices.
//!
//! Needs: one objective; vectors of a fixed length, up to some thousand coordinates.

use super::{
    box_transform::BoxTransform,
    integers::Integers,
    recombination::{Rates, default_population_size},
    stopping::{Distribution, History, Tolerances},
};
use crate::start;
use evolvent_core::{
    Algorithm, Auto, Batch, Candidate, Diagnostics, Outcome, Scores, Space, Start, StopReason, Stream,
    Vector, Vectors, Violations,
};
use evolvent_math::{kernels::vectorize, linalg, noise, par, rows::Rows};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Ratio of coordinate variances in C above which scales move into `scale`.
const SCALE_RATIO: f64 = 1e8;
/// Standard deviations are at most this share of a bounded interval.
const BOX_SHARE: f64 = 1.0 / 3.0;
/// σ stays below this, whatever happens.
const LARGEST_SIGMA: f64 = 1e150;
/// Numbers of a matrix that one thread takes at a time.
const GRAIN: usize = 1 << 14;
/// Dimensions from which on a matrix product is worth its preparation.
const PRODUCT: usize = 48;

/// CMA-ES: a full Gaussian that learns scales and correlations; the first choice up to some hundred genes.
///
/// Compared with pycma 4.5.0 generation by generation: `results/trajectories.md`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CmaEs {
    /// λ, number of members, at least 2. `"auto"` is 4 + ⌊3 ln n⌋ (tutorial, table 1).
    #[serde(alias = "popsize", alias = "pop_size")]
    pub population_size: Auto<usize>,
    /// σ₀, initial standard deviation, above 0; the optimum should lie within some 3σ₀. `"auto"` is the standard deviation with which
    /// genes are initialised.
    pub sigma: Auto<f64>,
    /// Whether the worse half has negative weights in the update of C.
    pub active: bool,
    /// Generations between two decompositions of C, in units of 1/(n·(c₁ + c_μ)), at least 0. The default is that of the tutorial and of
    /// pycma; larger ones decompose less often and learn from an older C.
    pub decomposition_interval: f64,
    /// Indices, from 0, of the coordinates that are whole numbers: members are rounded there, and the spread keeps a floor, so that other numbers are
    /// tried until the end. Values often repeat then; a `tolerances.flat_generations` of 50 or so keeps a run from stopping early.
    pub integers: Vec<usize>,
    /// When to stop.
    pub tolerances: Tolerances,
}

impl Default for CmaEs {
    fn default() -> Self {
        CmaEs {
            population_size: Auto::Auto,
            sigma: Auto::Auto,
            active: true,
            decomposition_interval: 0.1,
            integers: Vec::new(),
            tolerances: Tolerances::default(),
        }
    }
}

/// State of [`CmaEs`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CmaEsState {
    population_size: usize,
    comparable: bool,
    transform: Option<BoxTransform>,
    integers: Integers,
    rates: Rates,
    decomposition_interval: f64,
    /// m, σ and s; where there are bounds, before the map into the box.
    mean: Vec<f64>,
    sigma: f64,
    initial_sigma: f64,
    scale: Vec<f64>,
    /// C, row-major; only the lower triangle is kept up to date.
    covariance: Vec<f64>,
    /// Square roots of C's eigenvalues, ascending, and its eigenvectors as rows.
    axes: Vec<f64>,
    basis: Vec<f64>,
    /// Updates of C since it was decomposed.
    stale: u64,
    path_sigma: Vec<f64>,
    path_covariance: Vec<f64>,
    generation: u64,
    /// The best solution ever and its loss, where losses can be compared.
    best: Option<(Vec<f64>, f64)>,
    history: History,
    stop: Option<StopReason>,
    /// ‖C^(−1/2)y‖² of each member that was asked last.
    norms: Vec<f64>,
    /// y of each member, where rounding or the map into the box hides it.
    steps: Vec<f64>,
}

impl Algorithm for CmaEs {
    const NAME: &'static str = "cma_es";
    type Genome = Vector;
    type State = CmaEsState;

    fn holds(&self, space: &Space<Vector>) -> f64 {
        let n = space.genes.dimension();
        3.0 * n as f64 + 2.0 * self.size(n) as f64
    }

    fn init(
        &self,
        space: &Space<Vector>,
        start: &Start<Vector>,
        rng: &mut Stream,
    ) -> Result<CmaEsState, Violations> {
        let n = space.genes.dimension();
        let population_size = self.size(n);
        let mut v = Violations::new();
        v.at_least("population_size", population_size, 2);
        self.sigma.given().into_iter().for_each(|&s| v.positive("sigma", s));
        v.non_negative("decomposition_interval", self.decomposition_interval);
        self.tolerances.check("tolerances", &mut v);
        v.require(n > 0, "genes.dimension", 0, "at least one gene");
        Integers::check(&self.integers, n, space.genes.bounds.as_ref(), &mut v);
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
        v.into_result()?;

        let rates = Rates::new(n, population_size, self.active);
        let integers = Integers::new(&self.integers, n, rates.mueff);
        let transform = space.genes.bounds.clone().map(|b| BoxTransform::new(integers.widened(b)));
        let mut mean = start::centre(&space.genes, start, rng);
        if let Some(transform) = &transform {
            transform.invert(&mut mean);
        }
        let sigma = self.sigma.or(|| start::spread(&space.genes));
        let mut state = CmaEsState {
            population_size,
            comparable: space.fitness.comparable_across_rounds(),
            decomposition_interval: self.decomposition_interval,
            rates,
            integers,
            history: History::new(&mean),
            mean,
            sigma,
            initial_sigma: sigma,
            scale: vec![1.0; n],
            covariance: identity(n),
            axes: vec![1.0; n],
            basis: identity(n),
            stale: 0,
            path_sigma: vec![0.0; n],
            path_covariance: vec![0.0; n],
            generation: 0,
            best: None,
            stop: None,
            norms: Vec::new(),
            steps: Vec::new(),
            transform,
        };
        state.limit_deviations();
        Ok(state)
    }

    fn ask(&self, state: &mut CmaEsState, rng: &mut Stream) -> Batch<Vector> {
        state.refresh();
        let (n, lambda) = (state.mean.len(), state.population_size);
        let mut z = vec![0.0f32; lambda * n];
        noise::fill_normal(rng.split(0), 0, &mut z);
        state.norms.clear();
        state.norms.extend(z.chunks_exact(n).map(|z| z.iter().map(|&z| f64::from(z).powi(2)).sum::<f64>()));
        let mut data = state.transformed(&z);
        if state.hides_steps() {
            state.steps.clone_from(&data);
        }
        let CmaEsState { mean, scale, sigma, transform, integers, .. } = &*state;
        par::blocks(&mut data, GRAIN.div_ceil(n) * n, |_, rows| {
            for row in rows.chunks_exact_mut(n) {
                for ((x, m), s) in row.iter_mut().zip(mean).zip(scale) {
                    *x = m + sigma * s * *x;
                }
                if let Some(transform) = transform {
                    transform.apply(row);
                }
                integers.round(row);
            }
        });
        Batch::new(Vectors::Dense { dimension: n, data })
    }

    fn tell(&self, state: &mut CmaEsState, batch: &Batch<Vector>, scores: &Scores, _: &mut Stream) {
        if scores.all_failed() {
            return;
        }
        state.generation += 1;
        let order = scores.order();
        state.remember(batch, scores, order[0]);
        let mut steps = state.take_steps(batch);
        let n = state.mean.len();
        state.centre_integers(&mut steps, &order);
        let sorted: Vec<&[f64]> = order.iter().map(|&i| &steps[i * n..(i + 1) * n]).collect();

        let mean_step = weighted_sum(&state.rates.weights[..state.rates.parents], &sorted); // (41)
        for ((m, s), y) in state.mean.iter_mut().zip(&state.scale).zip(&mean_step) {
            *m += state.sigma * s * y; // (42)
        }
        let calm = state.update_paths(&mean_step);
        state.update_covariance(&order, &sorted, calm);
        state.update_sigma();
        state.limit_deviations();
        state.stop = state.check_stop(&self.tolerances, scores, &order);
        state.norms.clear();
    }

    fn outcome(&self, state: &CmaEsState) -> Outcome<Vector> {
        Outcome::Point(match &state.best {
            Some((x, loss)) => Candidate::measured(Vector(x.clone()), *loss),
            None => {
                let mut mean = state.mean.clone();
                state.transform.iter().for_each(|t| t.apply(&mut mean));
                state.integers.round(&mut mean);
                Candidate::unmeasured(Vector(mean))
            }
        })
    }

    fn stopped(&self, state: &CmaEsState) -> Option<StopReason> {
        state.stop.clone()
    }

    fn rescaled(&self, space: &Space<Vector>, population: f64, sigma: f64) -> Option<Self> {
        let size = (self.size(space.genes.dimension()) as f64 * population).round().max(2.0) as usize;
        let sigma = sigma * self.sigma.or(|| start::spread(&space.genes));
        Some(CmaEs { population_size: Auto::Value(size), sigma: Auto::Value(sigma), ..self.clone() })
    }

    fn diagnose(&self, state: &CmaEsState, out: &mut Diagnostics) {
        let (shortest, longest) = (state.axes[0], state.axes[state.axes.len() - 1]);
        let deviations = state.deviations();
        out.add("sigma", state.sigma);
        out.add("axis_ratio", longest / shortest);
        out.add("condition_number", (longest / shortest).powi(2));
        out.add("smallest_deviation", deviations.iter().copied().fold(f64::INFINITY, f64::min));
        out.add("largest_deviation", deviations.iter().copied().fold(0.0, f64::max));
        out.add("path_length", norm(&state.path_sigma) / state.rates.chi);
        out.add("effective_rank", effective_rank(&state.axes));
        out.add("entropy", state.entropy());
    }
}

impl CmaEs {
    fn size(&self, dimension: usize) -> usize {
        self.population_size.or(|| default_population_size(dimension))
    }
}

impl CmaEsState {
    /// Brings axes and basis up to date with C, unless they are fresh enough.
    fn refresh(&mut self) {
        let n = self.mean.len() as f64;
        let gap = self.decomposition_interval / (self.rates.c1 + self.rates.cmu + 1e-23) / n;
        if self.stale == 0 || (self.stale as f64) < gap {
            return;
        }
        self.move_scales();
        self.decompose();
        self.stale = 0;
    }

    /// C becomes a correlation matrix, its scales move into `scale`, where they differ so much that C would look ill-conditioned.
    fn move_scales(&mut self) {
        let n = self.mean.len();
        let variances: Vec<f64> = (0..n).map(|i| self.covariance[i * n + i]).collect();
        let least = variances.iter().copied().fold(f64::INFINITY, f64::min);
        let most = variances.iter().copied().fold(0.0, f64::max);
        if most < SCALE_RATIO * least || least <= 0.0 {
            return;
        }
        for i in 0..n {
            let root = variances[i].sqrt();
            self.scale[i] *= root;
            self.path_covariance[i] /= root;
            for j in 0..=i {
                self.covariance[i * n + j] /= root * variances[j].sqrt();
            }
        }
    }

    /// C = B·diag(d²)·Bᵀ. A matrix that lost its definiteness to rounding gets the missing variance in all directions.
    fn decompose(&mut self) {
        let n = self.mean.len();
        let Some((values, basis)) = linalg::symmetric_axes(&self.covariance, n) else {
            self.covariance = identity(n);
            self.axes = vec![1.0; n];
            self.basis = identity(n);
            return;
        };
        let (least, most) = (values[0], values[n - 1]);
        let missing = (1e-15 * most - least).max(0.0);
        if missing > 0.0 {
            (0..n).for_each(|i| self.covariance[i * n + i] += missing);
        }
        self.axes = values.iter().map(|value| (value + missing).sqrt()).collect();
        self.basis = basis;
    }

    /// y = B·(d ⊙ z) for each row of z.
    fn transformed(&self, z: &[f32]) -> Vec<f64> {
        let n = self.mean.len();
        let mut y = vec![0.0; z.len()];
        if n < PRODUCT {
            for (y, z) in y.chunks_exact_mut(n).zip(z.chunks_exact(n)) {
                for ((&z, d), axis) in z.iter().zip(&self.axes).zip(self.basis.chunks_exact(n)) {
                    let along = d * f64::from(z);
                    y.iter_mut().zip(axis).for_each(|(y, b)| *y += along * b);
                }
            }
        } else {
            let scaled: Vec<f64> =
                z.iter().zip(self.axes.iter().cycle()).map(|(&z, d)| d * f64::from(z)).collect();
            linalg::matmul(&scaled, &self.basis, &mut y, z.len() / n, n, n);
        }
        y
    }

    /// Bᵀ·y ⊘ d: the step in the coordinates of the axes, of length ‖C^(−1/2)·y‖.
    fn whitened(&self, y: &[f64]) -> Vec<f64> {
        let mut u = vec![0.0; y.len()];
        linalg::matvec(&self.basis, y, &mut u);
        u.iter_mut().zip(&self.axes).for_each(|(u, d)| *u /= d);
        u
    }

    fn remember(&mut self, batch: &Batch<Vector>, scores: &Scores, leader: usize) {
        let loss = scores.value(leader);
        if self.comparable && self.best.as_ref().is_none_or(|best| loss < best.1) {
            let mut x = vec![0.0; self.mean.len()];
            batch.row_f64(leader, &mut x);
            self.best = Some((x, loss));
        }
    }

    /// Whether a member does not tell the step that it was made by.
    fn hides_steps(&self) -> bool {
        self.transform.is_some() || !self.integers.is_empty()
    }

    fn centre_integers(&self, steps: &mut [f64], order: &[usize]) {
        let spread = |i: usize| self.sigma * self.scale[i];
        let better = &order[..self.rates.parents];
        self.integers.centre(steps, better, &self.mean, spread, self.transform.as_ref());
    }

    /// y of every member, one row each.
    fn take_steps(&mut self, batch: &Batch<Vector>) -> Vec<f64> {
        if self.hides_steps() {
            return std::mem::take(&mut self.steps);
        }
        let n = self.mean.len();
        let mut steps = vec![0.0; batch.len() * n];
        for (i, step) in steps.chunks_exact_mut(n).enumerate() {
            batch.row_f64(i, step);
            for ((y, m), s) in step.iter_mut().zip(&self.mean).zip(&self.scale) {
                *y = (*y - m) / (self.sigma * s);
            }
        }
        steps
    }

    /// Both paths; says whether the step size is calm enough for the rank-one update (h_σ).
    fn update_paths(&mut self, mean_step: &[f64]) -> bool {
        let (n, cs, cc, mueff) = (self.mean.len(), self.rates.cs, self.rates.cc, self.rates.mueff);
        let mut whitened = vec![0.0; n];
        linalg::matvec_transposed(&self.basis, &self.whitened(mean_step), &mut whitened);
        let keep = (cs * (2.0 - cs) * mueff).sqrt();
        for (p, u) in self.path_sigma.iter_mut().zip(&whitened) {
            *p = (1.0 - cs) * *p + keep * u; // (43)
        }
        let warm_up = 1.0 - libm::pow(1.0 - cs, 2.0 * self.generation as f64);
        let square = self.path_sigma.iter().map(|p| p * p).sum::<f64>() / warm_up;
        let calm = square / n as f64 - 1.0 < 1.0 + 4.0 / (n as f64 + 1.0);
        let keep = if calm { (cc * (2.0 - cc) * mueff).sqrt() } else { 0.0 };
        for (p, y) in self.path_covariance.iter_mut().zip(mean_step) {
            *p = (1.0 - cc) * *p + keep * y; // (45)
        }
        calm
    }

    /// (46), (47); `sorted` holds the steps from best to worst.
    fn update_covariance(&mut self, order: &[usize], sorted: &[&[f64]], calm: bool) {
        let Rates { c1, cmu, cc, weights, .. } = &self.rates;
        let n = self.mean.len();
        // What a stalled rank-one update does not add must not be taken away either.
        let decaying = if calm { *c1 } else { c1 * (1.0 - cc * (2.0 - cc)) };
        let decay = 1.0 - decaying - cmu * weights.iter().sum::<f64>();
        let mut terms: Vec<(f64, &[f64])> = vec![(*c1, &self.path_covariance)];
        for ((&w, &i), &y) in weights.iter().zip(order).zip(sorted) {
            let w = if w < 0.0 { w * n as f64 / (self.norms[i].sqrt() + 1e-9).powi(2) } else { w };
            terms.push((cmu * w, y));
        }
        rank_update(&mut self.covariance, n, decay, &terms);
        self.stale += 1;
    }

    fn update_sigma(&mut self) {
        let Rates { cs, damping, chi, .. } = self.rates;
        let change = cs / damping * (norm(&self.path_sigma) / chi - 1.0);
        let next = self.sigma * libm::exp(change.clamp(-1.0, 1.0)); // (44)
        self.sigma = next.clamp(f64::MIN_POSITIVE, LARGEST_SIGMA);
    }

    /// Standard deviation of each coordinate.
    fn deviations(&self) -> Vec<f64> {
        let n = self.mean.len();
        (0..n).map(|i| self.sigma * self.scale[i] * self.covariance[i * n + i].max(0.0).sqrt()).collect()
    }

    /// No standard deviation is more than a third of its bounded interval, none of a whole number below its floor.
    fn limit_deviations(&mut self) {
        if !self.integers.is_empty() {
            let (deviations, least) = (self.deviations(), self.integers.floor);
            for i in self.integers.iter().filter(|&i| deviations[i] < least && deviations[i] > 0.0) {
                self.scale[i] *= least / deviations[i];
            }
        }
        let Some(transform) = &self.transform else { return };
        for (i, deviation) in self.deviations().into_iter().enumerate() {
            let most = BOX_SHARE * transform.width(i);
            if deviation > most && most > 0.0 {
                self.scale[i] *= most / deviation;
            }
        }
    }

    fn check_stop(
        &mut self,
        tolerances: &Tolerances,
        scores: &Scores,
        order: &[usize],
    ) -> Option<StopReason> {
        let n = self.mean.len();
        let deviations = self.deviations();
        let path: Vec<f64> =
            self.path_covariance.iter().zip(&self.scale).map(|(p, s)| self.sigma * s * p).collect();
        let turn = self.generation as usize % n;
        let axis = self.basis[turn * n..(turn + 1) * n].iter().zip(&self.scale);
        let axis_step: Vec<f64> = axis.map(|(b, s)| 0.1 * self.sigma * self.axes[turn] * s * b).collect();
        let values: Vec<f64> =
            order.iter().filter(|&&i| !scores.failed[i]).map(|&i| scores.value(i)).collect();
        let distribution = Distribution {
            mean: &self.mean,
            growth: deviations.iter().copied().fold(0.0, f64::max) / self.initial_sigma,
            deviations: &deviations,
            path: &path,
            axes: &self.axes,
            axis_step: &axis_step,
        };
        let values = self.comparable.then_some(values.as_slice());
        self.history.update(tolerances, self.population_size, values, &distribution)
    }

    /// Differential entropy of the search distribution: n/2·ln(2πe) + Σ ln(σ·sᵢ) + Σ ln dᵢ.
    fn entropy(&self) -> f64 {
        let n = self.mean.len() as f64;
        let constant = 0.5 * n * libm::log(2.0 * std::f64::consts::PI * std::f64::consts::E);
        let logs: f64 = self.scale.iter().zip(&self.axes).map(|(s, d)| libm::log(s * d)).sum();
        constant + n * libm::log(self.sigma) + logs
    }
}

/// Exponential of the entropy of the eigenvalues' shares: how many directions the distribution has.
fn effective_rank(axes: &[f64]) -> f64 {
    let total: f64 = axes.iter().map(|d| d * d).sum();
    let shares = axes.iter().map(|d| d * d / total).filter(|&p| p > 0.0);
    libm::exp(-shares.map(|p| p * libm::log(p)).sum::<f64>())
}

/// Σ wᵢ·yᵢ.
fn weighted_sum(weights: &[f64], rows: &[&[f64]]) -> Vec<f64> {
    let mut sum = vec![0.0; rows[0].len()];
    for (w, row) in weights.iter().zip(rows) {
        sum.iter_mut().zip(*row).for_each(|(s, y)| *s += w * y);
    }
    sum
}

/// C ← decay·C + Σ w·y·yᵀ, lower triangle.
fn rank_update(c: &mut [f64], n: usize, decay: f64, terms: &[(f64, &[f64])]) {
    par::blocks(c, GRAIN.div_ceil(n) * n, |from, rows| {
        vectorize(
            #[inline(always)]
            || {
                for (r, row) in rows.chunks_exact_mut(n).enumerate() {
                    let i = from / n + r;
                    let row = &mut row[..=i];
                    row.iter_mut().for_each(|c| *c *= decay);
                    for (w, y) in terms {
                        let a = w * y[i];
                        row.iter_mut().zip(*y).for_each(|(c, y)| *c = a.mul_add(*y, *c));
                    }
                }
            },
        );
    });
}

fn identity(n: usize) -> Vec<f64> {
    (0..n * n).map(|k| f64::from(u8::from(k / n == k % n))).collect()
}

fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
