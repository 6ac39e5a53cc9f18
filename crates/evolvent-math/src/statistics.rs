//! Summaries, running moments, rank tests and intervals. Sums run in the order of the data.

use crate::{
    ranking::{order, ranks},
    special::normal_cdf,
};
use evolvent_core::Stream;
use serde::{Deserialize, Serialize};

/// The mean; NaN for no data.
pub fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// The unbiased standard deviation (divisor n − 1); 0 for fewer than two values.
pub fn standard_deviation(x: &[f64]) -> f64 {
    if x.len() < 2 {
        return 0.0;
    }
    let m = mean(x);
    (x.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / (x.len() - 1) as f64).sqrt()
}

/// The `q`-quantile of `x`, q in [0, 1], by linear interpolation between order statistics (type 7 of Hyndman & Fan 1996, the
/// default of NumPy and R); NaN for no data.
pub fn quantile(x: &[f64], q: f64) -> f64 {
    if x.is_empty() {
        return f64::NAN;
    }
    let sorted: Vec<f64> = order(x).into_iter().map(|i| x[i]).collect();
    let at = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    // An infinite neighbour must not turn an exact hit into NaN.
    if part == 0.0 { sorted[low] } else { sorted[low] * (1.0 - part) + sorted[low + 1] * part }
}

/// The median; see [`quantile`].
pub fn median(x: &[f64]) -> f64 {
    quantile(x, 0.5)
}

/// A percentile bootstrap interval of a statistic: `level` (0.95, say) of `resamples` resamples drawn from `rng` lie inside.
pub fn bootstrap(
    x: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    resamples: usize,
    level: f64,
    rng: &mut Stream,
) -> (f64, f64) {
    if x.is_empty() {
        return (f64::NAN, f64::NAN);
    }
    let mut sample = vec![0.0; x.len()];
    let values: Vec<f64> = (0..resamples.max(1))
        .map(|_| {
            sample.fill_with(|| x[rng.below(x.len())]);
            statistic(&sample)
        })
        .collect();
    let tail = (1.0 - level) / 2.0;
    (quantile(&values, tail), quantile(&values, 1.0 - tail))
}

/// What a rank-sum test found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankSum {
    /// U of the first sample: the number of pairs in which it is larger, ties half.
    pub u: f64,
    /// Two-sided p-value.
    pub p: f64,
    /// Probability that a value of the first sample is larger than one of the second, ties half (Vargha & Delaney's A).
    pub superiority: f64,
}

/// The two-sided Wilcoxon–Mann–Whitney test. Exact where there are no ties and both samples have at most 20 values,
/// else by the normal approximation with tie and continuity correction. p is 1 if a sample is empty.
pub fn rank_sum(a: &[f64], b: &[f64]) -> RankSum {
    let (n, m) = (a.len(), b.len());
    if n == 0 || m == 0 {
        return RankSum { u: 0.0, p: 1.0, superiority: 0.5 };
    }
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let ranks = ranks(&all);
    let u = ranks[..n].iter().map(|r| r + 1.0).sum::<f64>() - (n * (n + 1)) as f64 / 2.0;
    let mut sorted = ranks.clone();
    sorted.sort_by(f64::total_cmp);
    let ties = sorted.windows(2).any(|w| w[0] == w[1]);
    let p = if !ties && n <= 20 && m <= 20 { exact_p(n, m, u) } else { normal_p(n, m, u, &sorted) };
    RankSum { u, p, superiority: u / (n * m) as f64 }
}

/// Counts arrangements by their U with the recurrence f(n, m, u) = f(n − 1, m, u − m) + f(n, m − 1, u).
fn exact_p(n: usize, m: usize, u: f64) -> f64 {
    let most = n * m;
    // counts[j][u] for j values of the second sample, built up over values of the first
    let mut counts = vec![vec![0.0f64; most + 1]; m + 1];
    counts.iter_mut().for_each(|row| row[0] = 1.0);
    for _ in 1..=n {
        for j in 1..=m {
            // downwards: the row still holds the values of n − 1 below v
            for v in (0..=most).rev() {
                let shifted = if v >= j { counts[j][v - j] } else { 0.0 };
                counts[j][v] = shifted + counts[j - 1][v];
            }
        }
    }
    let total: f64 = counts[m].iter().sum();
    let low = u.min(most as f64 - u) as usize;
    (2.0 * counts[m][..=low].iter().sum::<f64>() / total).min(1.0)
}

fn normal_p(n: usize, m: usize, u: f64, sorted_ranks: &[f64]) -> f64 {
    let (n, m) = (n as f64, m as f64);
    let total = n + m;
    let ties: f64 = sorted_ranks
        .chunk_by(|a, b| a == b)
        .map(|group| {
            let t = group.len() as f64;
            t * t * t - t
        })
        .sum();
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return 1.0;
    }
    let distance = ((u - n * m / 2.0).abs() - 0.5).max(0.0);
    (2.0 * normal_cdf(-distance / variance.sqrt())).min(1.0)
}

/// Holm's step-down correction: adjusted p-values in the order given.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![0.0; p.len()];
    let mut largest: f64 = 0.0;
    for (k, i) in order(p).into_iter().enumerate() {
        largest = largest.max(((p.len() - k) as f64 * p[i]).min(1.0));
        adjusted[i] = largest;
    }
    adjusted
}

/// Running count, mean and sum of squared deviations per component (Welford 1962; merging by Chan et al. 1979).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Number of samples.
    pub count: f64,
    /// Mean of each component.
    pub mean: Vec<f64>,
    /// Sum of squared deviations of each component.
    pub squares: Vec<f64>,
}

impl Moments {
    /// No samples of `n` components.
    pub fn new(n: usize) -> Self {
        Moments { count: 0.0, mean: vec![0.0; n], squares: vec![0.0; n] }
    }

    /// Takes one sample in.
    pub fn push(&mut self, sample: impl IntoIterator<Item = f64>) {
        self.count += 1.0;
        for ((x, mean), squares) in sample.into_iter().zip(&mut self.mean).zip(&mut self.squares) {
            let before = x - *mean;
            *mean += before / self.count;
            *squares += before * (x - *mean);
        }
    }

    /// Takes another set of samples in. The order of merging decides the last bits: merge in member order.
    pub fn merge(&mut self, other: &Moments) {
        if other.count == 0.0 {
            return;
        }
        let total = self.count + other.count;
        for i in 0..self.mean.len() {
            let gap = other.mean[i] - self.mean[i];
            self.mean[i] += gap * (other.count / total);
            self.squares[i] += other.squares[i] + gap * gap * (self.count * other.count / total);
        }
        self.count = total;
    }

    /// The population variance of component `i`; 1 for no samples.
    pub fn variance(&self, i: usize) -> f64 {
        if self.count > 0.0 { self.squares[i] / self.count } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    #[test]
    fn summaries_by_hand() {
        let x = [4.0, 1.0, 3.0, 2.0];
        assert_eq!((mean(&x), median(&x), quantile(&x, 0.25)), (2.5, 2.5, 1.75));
        assert!((standard_deviation(&x) - (5.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(quantile(&[1.0, f64::INFINITY], 0.0), 1.0);
        assert!(median(&[]).is_nan());
    }

    /// scipy.stats.mannwhitneyu, exact and asymptotic.
    #[test]
    fn rank_sum_agrees_with_scipy() {
        let exact = rank_sum(&[1.1, 2.2, 3.3, 4.4], &[2.5, 3.5, 4.5, 5.5, 6.5]);
        assert_eq!(exact.u, 3.0);
        assert!((exact.p - 1.0 / 9.0).abs() < 1e-12, "{}", exact.p);
        let tied = rank_sum(&[1.0, 2.0, 2.0, 3.0], &[2.0, 3.0, 4.0, 4.0]);
        assert_eq!(tied.u, 2.5);
        assert!((tied.p - 0.13416918012812584).abs() < 1e-12, "{}", tied.p);
        assert_eq!(rank_sum(&[1.0], &[]).p, 1.0);
        assert_eq!(rank_sum(&[1.0; 3], &[1.0; 3]).p, 1.0);
        // every arrangement counted once
        assert!((rank_sum(&[1.0, 2.0], &[3.0, 4.0]).p - 2.0 / 6.0).abs() < 1e-15);
    }

    #[test]
    fn holm_by_hand() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[test]
    fn merged_moments_are_those_of_all_samples() {
        let data: Vec<f64> = (0..50).map(|i| f64::from(i * i % 17)).collect();
        let mut all = Moments::new(1);
        data.iter().for_each(|&x| all.push([x]));
        let mut merged = Moments::new(1);
        for part in data.chunks(7) {
            let mut moments = Moments::new(1);
            part.iter().for_each(|&x| moments.push([x]));
            merged.merge(&moments);
        }
        assert_eq!(merged.count, 50.0);
        assert!((merged.mean[0] - all.mean[0]).abs() < 1e-12);
        assert!((merged.variance(0) - all.variance(0)).abs() < 1e-10);
    }

    #[test]
    fn bootstrap_covers_the_mean() {
        let mut rng = stream(RunKey::from_seed(4), 0, 0, 0, Purpose::Bootstrap);
        let x: Vec<f64> = (0..100).map(|_| rng.normal()).collect();
        let (low, high) = bootstrap(&x, mean, 500, 0.95, &mut rng);
        assert!(low < mean(&x) && mean(&x) < high && high - low < 0.6);
    }
}
