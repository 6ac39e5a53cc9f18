//! Importance sampling: a minibatch out of candidates, by how much there is to learn from each.

use evolvent_core::Stream;

/// The share of the probability that is spread evenly, so that no weight exceeds its inverse.
const EVEN: f64 = 0.2;

/// Draws `size` of the candidates with probabilities that are proportional to `steepness` but for an even share of a
/// fifth, by systematic sampling (one random offset, equal steps; Madow 1949). Writes their places, in ascending order and
/// perhaps repeated, and their weights, inverse probabilities to the power of `correction`. With 1 the weighted mean over the
/// drawn has the plain mean over the candidates as its expectation, and its variance is least where steepness is proportional
/// to what is averaged (Katharopoulos & Fleuret 2018, equation 6).
pub fn importance_sample(
    steepness: &[f64],
    size: usize,
    correction: f64,
    rng: &mut Stream,
    places: &mut Vec<u32>,
    weights: &mut Vec<f64>,
) {
    places.clear();
    weights.clear();
    let count = steepness.len() as f64;
    let total: f64 = steepness.iter().sum();
    let share = |s: f64| if total > 0.0 { (1.0 - EVEN) * s / total + EVEN / count } else { 1.0 / count };
    let (offset, mut sum) = (rng.uniform(), 0.0);
    for (place, &s) in steepness.iter().enumerate() {
        let probability = share(s);
        sum += probability * size as f64;
        // The last candidate takes what rounding has left over.
        let last = place + 1 == steepness.len();
        while places.len() < size && (places.len() as f64 + offset < sum || last) {
            places.push(place as u32);
            weights.push(libm::pow(probability * count, -correction));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    #[test]
    fn the_weighted_mean_is_unbiased_and_varies_less() {
        // Most candidates are easy; what is averaged is proportional to their steepness.
        let steepness: Vec<f64> =
            (0..50).map(|i| if i % 7 == 0 { 1.0 + 0.1 * i as f64 } else { 0.01 }).collect();
        let mean = steepness.iter().sum::<f64>() / 50.0;
        let (mut places, mut weights) = (Vec::new(), Vec::new());
        let (mut drawn, mut uniform) = ([0.0; 2], 0.0);
        let rounds = 4000;
        for round in 0..rounds {
            let mut rng = stream(RunKey::from_seed(1), round, 0, 0, Purpose::Minibatch);
            importance_sample(&steepness, 5, 1.0, &mut rng, &mut places, &mut weights);
            assert_eq!((places.len(), weights.len()), (5, 5));
            assert!(weights.iter().all(|&w| w > 0.0 && w <= 1.0 / EVEN + 1e-9));
            let of = |k: usize| steepness[places[k] as usize] * weights[k];
            let estimate = (0..5).map(of).sum::<f64>() / 5.0;
            drawn[0] += estimate / rounds as f64;
            drawn[1] += (estimate - mean).powi(2) / rounds as f64;
            let plain = (0..5).map(|_| steepness[rng.below(50) as usize]).sum::<f64>() / 5.0;
            uniform += (plain - mean).powi(2) / rounds as f64;
        }
        assert!((drawn[0] / mean - 1.0).abs() < 0.02, "{} {mean}", drawn[0]);
        assert!(drawn[1] < 0.2 * uniform, "{} {uniform}", drawn[1]);
    }

    #[test]
    fn candidates_that_teach_nothing_are_drawn_evenly() {
        let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Minibatch);
        let (mut places, mut weights) = (Vec::new(), Vec::new());
        importance_sample(&[0.0; 8], 8, 1.0, &mut rng, &mut places, &mut weights);
        assert_eq!((places, weights), ((0..8).collect(), vec![1.0; 8]));
    }
}
