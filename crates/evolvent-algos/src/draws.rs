//! Draws that several algorithms make.

use evolvent_core::{Stream, StreamKey};

/// A key of its own for what is drawn next, another one in each call. ([`Stream::split`] gives the same key for the same
/// index whenever it is called.)
pub(crate) fn fork(rng: &mut Stream) -> StreamKey {
    let index = rng.next_u64();
    rng.split(index)
}

/// Calls `f` for each of `0..n`, in order, independently with probability `p`, at the cost of the chosen ones.
///
/// Instead of a draw per position it draws the gaps between the rarer kind, chosen or not: they are geometric. At
/// p = ½ it takes one random bit per position.
pub(crate) fn for_each_chosen(rng: &mut Stream, p: f64, n: usize, mut f: impl FnMut(usize)) {
    if p >= 1.0 {
        (0..n).for_each(f);
    } else if p == 0.5 {
        for start in (0..n).step_by(64) {
            let bits = rng.next_u64();
            (start..n.min(start + 64)).filter(|i| bits >> (i - start) & 1 == 1).for_each(&mut f);
        }
    } else if p < 0.5 {
        let mut next = gap(rng, p);
        while next < n {
            f(next);
            next = next.saturating_add(1).saturating_add(gap(rng, p));
        }
    } else {
        let mut from = 0;
        while from < n {
            let end = n.min(from.saturating_add(gap(rng, 1.0 - p)));
            (from..end).for_each(&mut f);
            from = end + 1;
        }
    }
}

/// How many trials fail before the first success of probability `p`.
fn gap(rng: &mut Stream, p: f64) -> usize {
    if p <= 0.0 {
        return usize::MAX;
    }
    // The conversion saturates.
    (libm::log(1.0 - rng.uniform()) / libm::log1p(-p)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    #[test]
    fn every_position_has_the_probability() {
        for p in [0.0, 0.03, 0.5, 0.9, 1.0] {
            let mut rng = stream(RunKey::from_seed(1), 0, 0, 0, Purpose::Ask);
            let (rounds, n) = (4000, 67);
            let mut counts = vec![0usize; n];
            for _ in 0..rounds {
                let mut last = None;
                for_each_chosen(&mut rng, p, n, |i| {
                    assert!(last.is_none_or(|last| last < i));
                    last = Some(i);
                    counts[i] += 1;
                });
            }
            // Five standard deviations: an error rate below 1e-4 over all positions.
            let allowed = 5.0 * (p * (1.0 - p) * f64::from(rounds)).sqrt();
            for (i, &count) in counts.iter().enumerate() {
                assert!(
                    (count as f64 - p * f64::from(rounds)).abs() <= allowed,
                    "p = {p}, position {i}: {count}"
                );
            }
        }
    }
}
