//! Recombination weights and learning rates of CMA-ES as functions of dimension and population size: Hansen 2016, *The CMA
//! evolution strategy: a tutorial* (arXiv 1604.00772), with the values of pycma 4.5.

use evolvent_math::special::expected_norm;
use serde::{Deserialize, Serialize};

/// Constants derived from dimension and population size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rates {
    /// wᵢ, best first: the first μ are positive and sum to 1, the others are negative or 0.
    pub(crate) weights: Vec<f64>,
    /// μ, number of positive weights.
    pub(crate) parents: usize,
    /// μ_eff = 1 / Σ wᵢ² over the positive ones.
    pub(crate) mueff: f64,
    /// c_c, of the path of the rank-one update.
    pub(crate) cc: f64,
    /// c₁, of the rank-one update.
    pub(crate) c1: f64,
    /// c_μ, of the rank-μ update.
    pub(crate) cmu: f64,
    /// c_σ, of the path of the step size.
    pub(crate) cs: f64,
    /// d_σ, damping of the step size.
    pub(crate) damping: f64,
    /// E‖N(0, I)‖.
    pub(crate) chi: f64,
}

/// λ = 4 + ⌊3 ln n⌋.
pub(crate) fn default_population_size(dimension: usize) -> usize {
    4 + (3.0 * libm::log(dimension as f64)) as usize
}

impl Rates {
    pub(crate) fn new(dimension: usize, population_size: usize, active: bool) -> Self {
        let n = dimension as f64;
        let (mut weights, parents) = raw_weights(population_size);
        let mueff = variance_effective(&weights[..parents]);
        let c1 = (population_size as f64 / 6.0).min(1.0) * 2.0 / ((n + 1.3).powi(2) + mueff); // tutorial (57)
        let rank_mu = 2.0 * (0.25 + mueff + 1.0 / mueff - 2.0) / ((n + 2.0).powi(2) + mueff); // (58)
        let cmu = rank_mu.min(1.0 - c1);
        if active {
            finalize_negative(&mut weights[parents..], n, mueff, c1, cmu);
        } else {
            weights[parents..].fill(0.0);
        }
        let cs = ((mueff + 2.0) / (n + mueff + 3.0)).min(0.5);
        Rates {
            parents,
            mueff,
            cc: (4.0 + mueff / n) / (n + 4.0 + 2.0 * mueff / n), // (56)
            c1,
            cmu,
            cs,
            damping: 1.0 + cs + 2.0 * surplus(mueff, n),
            chi: expected_norm(dimension),
            weights,
        }
    }
}

/// ln((λ + 1)/2) − ln i, the positive ones scaled to sum 1, and how many those are: tutorial (49).
fn raw_weights(population_size: usize) -> (Vec<f64>, usize) {
    let middle = libm::log((population_size as f64 + 1.0) / 2.0);
    let mut weights: Vec<f64> = (1..=population_size).map(|i| middle - libm::log(i as f64)).collect();
    let parents = weights.iter().take_while(|&&w| w > 0.0).count();
    let sum: f64 = weights[..parents].iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    (weights, parents)
}

/// (Σ wᵢ)² / Σ wᵢ².
fn variance_effective(weights: &[f64]) -> f64 {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(s, q), w| (s + w, q + w * w));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// Scales the negative weights so that the covariance matrix does not decay, learning respects their own μ_eff, and it stays
/// positive definite: tutorial (50) to (53).
fn finalize_negative(negative: &mut [f64], n: f64, mueff: f64, c1: f64, cmu: f64) {
    let sum: f64 = -negative.iter().sum::<f64>();
    if sum <= 0.0 || cmu <= 0.0 {
        return negative.fill(0.0);
    }
    let no_decay = 1.0 + c1 / cmu;
    let effective = 1.0 + 2.0 * variance_effective(negative) / (mueff + 2.0);
    let positive_definite = (1.0 - c1 - cmu) / (n * cmu);
    let target = no_decay.min(effective).min(positive_definite);
    negative.iter_mut().for_each(|w| *w *= target / sum);
}

/// How far the population is too large for the dimension: max(0, a·√((μ_eff − 1)/(n + 1)) − 1) with a = 1 below some ten
/// dimensions and a = 3 far above. The tutorial has a = 1; pycma 4.5 the factor.
fn surplus(mueff: f64, n: f64) -> f64 {
    let inner = (3.0 * (1.0 - libm::exp2(-n / 9.0))).max(1.0);
    (inner * ((mueff - 1.0) / (n + 1.0)).sqrt() - 1.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_test::{Reference, assert_close};

    #[test]
    fn constants_are_those_of_pycma() {
        let file = Reference::parse(include_str!("../../tests/reference/cma_rates.json"));
        for case in file.get("cases").entries() {
            let (n, lambda) = (case.number("dimension") as usize, case.number("population_size") as usize);
            let rates = Rates::new(n, lambda, true);
            let what = format!("n = {n}, λ = {lambda}");
            assert_eq!(rates.parents as f64, case.number("mu"), "{what}");
            let ours = [rates.mueff, rates.cc, rates.c1, rates.cmu, rates.cs, rates.damping, rates.chi];
            let theirs = ["mueff", "cc", "c1", "cmu", "cs", "damps", "chiN"].map(|key| case.number(key));
            assert_close(&what, &ours, &theirs, 1e-12, 0.0);
            assert_close(&what, &rates.weights, &case.numbers("weights"), 1e-12, 0.0);
        }
        assert_eq!([2, 5, 20, 100, 1000].map(default_population_size), [6, 8, 12, 17, 24]);
    }

    #[test]
    fn tiny_populations_have_weights() {
        for lambda in 2..6 {
            let rates = Rates::new(1, lambda, true);
            assert!(rates.parents >= 1 && rates.weights.iter().all(|w| w.is_finite()), "{rates:?}");
            assert!((rates.weights[..rates.parents].iter().sum::<f64>() - 1.0).abs() < 1e-15);
        }
    }
}
