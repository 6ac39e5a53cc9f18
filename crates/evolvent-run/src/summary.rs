//! A generation in numbers.

use crate::record::PerObjective;
use evolvent_core::{Scores, Sense};

/// Best, mean, spread and median per objective over the members that have values, in the user's sense.
pub(crate) struct GenerationSummary {
    pub(crate) best: PerObjective,
    pub(crate) mean: PerObjective,
    pub(crate) std: PerObjective,
    pub(crate) median: PerObjective,
    /// Members with values that break a constraint.
    pub(crate) infeasible: u64,
}

pub(crate) fn summarize(scores: &Scores, senses: &[Sense]) -> GenerationSummary {
    let measured: Vec<usize> = (0..scores.len()).filter(|&i| !scores.failed[i]).collect();
    let mut summary = GenerationSummary {
        best: PerObjective::default(),
        mean: PerObjective::default(),
        std: PerObjective::default(),
        median: PerObjective::default(),
        infeasible: measured.iter().filter(|&&i| scores.violation[i] > 0.0).count() as u64,
    };
    if measured.is_empty() {
        return summary;
    }
    let n = measured.len() as f64;
    for (objective, sense) in senses.iter().enumerate() {
        // + 0.0 turns the −0 of a flipped zero into 0.
        let value = |i: usize| sense.flip(scores.row(i)[objective]) + 0.0;
        let mut values: Vec<f64> = measured.iter().map(|&i| value(i)).collect();
        values.sort_by(f64::total_cmp);
        let best = match sense {
            Sense::Minimize => values[0],
            Sense::Maximize => values[values.len() - 1],
        };
        // Dividing first keeps huge values finite; rounding may still leave their range.
        let mean = values.iter().map(|v| v / n).sum::<f64>().clamp(values[0], values[values.len() - 1]);
        let variance = values.iter().map(|v| (v - mean) * (v - mean) / n).sum::<f64>();
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        summary.best.0.push(best);
        summary.mean.0.push(mean);
        summary.std.0.push(variance.sqrt());
        summary.median.0.push(if low == high { low } else { low / 2.0 + high / 2.0 });
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Evaluation, Failure, Measured};

    #[test]
    fn by_hand() {
        let of = |a: f64, b: f64| {
            Evaluation::measured(Measured { objectives: [a, b].into_iter().collect(), ..Measured::default() })
        };
        let failed = Evaluation::failed(Failure::TimedOut(1.0));
        let mut evaluations = vec![of(1.0, 0.0), failed.clone(), of(3.0, 10.0), of(8.0, 2.0)];
        let senses = [Sense::Minimize, Sense::Maximize];
        let summary = summarize(&Scores::settle(&mut evaluations, &senses, 0), &senses);
        assert_eq!(summary.best.0, [1.0, 10.0]);
        assert!((summary.mean.0[0] - 4.0).abs() < 1e-12 && (summary.mean.0[1] - 4.0).abs() < 1e-12);
        assert!((summary.std.0[0] - (26.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(summary.median.0, [3.0, 2.0]);
        let none = summarize(&Scores::settle(&mut [failed], &senses, 0), &senses);
        assert!(none.best.0.is_empty() && none.mean.0.is_empty());
    }

    #[test]
    fn huge_values_do_not_overflow() {
        let scores = Scores::of_losses(&[f64::MAX, f64::MAX, f64::MAX]);
        let summary = summarize(&scores, &[Sense::Minimize]);
        assert!(summary.mean.0[0].is_finite() && summary.median.0[0] == f64::MAX);
    }
}
