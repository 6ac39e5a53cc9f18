//! Asserts about random outcomes, with a stated rate at which they fail though all is well.

/// log C(n, k).
fn log_choose(n: usize, k: usize) -> f64 {
    let log_factorial = |n: usize| libm::lgamma(n as f64 + 1.0);
    log_factorial(n) - log_factorial(k) - log_factorial(n - k)
}

/// The probability of at most `k` successes in `n` trials that succeed with probability `p`.
pub fn binomial_at_most(k: usize, n: usize, p: f64) -> f64 {
    assert!((0.0..=1.0).contains(&p), "a probability in [0, 1], not {p}");
    if k >= n || p == 0.0 {
        return 1.0;
    }
    if p == 1.0 {
        return 0.0;
    }
    let (log_p, log_q) = (libm::log(p), libm::log1p(-p));
    (0..=k)
        .map(|i| libm::exp(log_choose(n, i) + i as f64 * log_p + (n - i) as f64 * log_q))
        .sum::<f64>()
        .min(1.0)
}

/// Fails if so few successes are too unlikely for something that succeeds with probability `at_least`.
///
/// If the true rate is `at_least` or more, it fails with probability `error_rate` at most.
#[track_caller]
pub fn assert_success_rate(what: &str, successes: usize, trials: usize, at_least: f64, error_rate: f64) {
    let likelihood = binomial_at_most(successes, trials, at_least);
    assert!(
        likelihood >= error_rate,
        "{what}: {successes} of {trials} succeeded; with a success rate of {at_least} so few have probability \
         {likelihood:.2e}, below the error rate {error_rate:.0e}"
    );
}

/// Fails if so many values above `bound` are too unlikely for a distribution whose median is at most `bound` (sign test).
///
/// If the true median is at most `bound`, it fails with probability `error_rate` at most.
#[track_caller]
pub fn assert_median_at_most(what: &str, values: &[f64], bound: f64, error_rate: f64) {
    let below = values.iter().filter(|&&v| v <= bound).count();
    let likelihood = binomial_at_most(below, values.len(), 0.5);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    assert!(
        likelihood >= error_rate,
        "{what}: {below} of {} values are at most {bound} (median {:?}); with a median of at most {bound} so few have \
         probability {likelihood:.2e}, below the error rate {error_rate:.0e}",
        values.len(),
        sorted.get(sorted.len() / 2)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_by_hand() {
        // 3 tosses: at most one head in 4 of 8 cases.
        assert!((binomial_at_most(1, 3, 0.5) - 0.5).abs() < 1e-12);
        assert!((binomial_at_most(0, 4, 0.25) - 0.31640625).abs() < 1e-12);
        assert_eq!(binomial_at_most(5, 5, 0.3), 1.0);
        assert_eq!(binomial_at_most(2, 5, 1.0), 0.0);
    }

    #[test]
    fn asserts_hold_and_fail() {
        assert_success_rate("all", 20, 20, 0.99, 1e-6);
        assert_median_at_most("low", &[1.0, 2.0, 9.0], 3.0, 0.1);
        assert!(std::panic::catch_unwind(|| assert_success_rate("few", 3, 20, 0.9, 1e-6)).is_err());
        assert!(std::panic::catch_unwind(|| assert_median_at_most("high", &[5.0; 20], 1.0, 1e-5)).is_err());
    }
}
