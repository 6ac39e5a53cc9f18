//! Orders, ranks, and the utilities that evolution strategies make of losses. Smaller values are better.

/// Indices from smallest to largest value by `total_cmp`; ties keep their order.
pub fn order(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    order
}

/// Ranks from 0 for the smallest; equal values share the mean of their ranks.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    ranks_of(&order(values), |i, j| values[i] == values[j])
}

/// Ranks of an order whose neighbours may be equal; equals share the mean of their ranks.
pub fn ranks_of(order: &[usize], equal: impl Fn(usize, usize) -> bool) -> Vec<f64> {
    let mut ranks = vec![0.0; order.len()];
    let mut begin = 0;
    while begin < order.len() {
        let mut end = begin + 1;
        while end < order.len() && equal(order[begin], order[end]) {
            end += 1;
        }
        let mean = (begin + end - 1) as f64 / 2.0;
        order[begin..end].iter().for_each(|&i| ranks[i] = mean);
        begin = end;
    }
    ranks
}

/// Centred ranks in [−½, ½], the best at −½ (Salimans et al. 2017): a loss that every monotone change of fitness leaves as it is.
pub fn centered_ranks(values: &[f64]) -> Vec<f64> {
    if values.len() < 2 {
        return vec![0.0; values.len()];
    }
    let last = (values.len() - 1) as f64;
    ranks(values).into_iter().map(|r| r / last - 0.5).collect()
}

/// (x − mean) / standard deviation; all 0 if the values are equal.
pub fn z_scores(values: &[f64]) -> Vec<f64> {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    let factor = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
    values.iter().map(|x| (x - mean) * factor).collect()
}

/// The utilities of natural evolution strategies for ranks 0, 1, … n − 1, best first: max(0, ln(n/2 + 1) − ln(k)) for k = 1 … n,
/// scaled to sum 1, minus 1/n (Wierstra et al. 2014, section 3.1).
pub fn nes_utilities(n: usize) -> Vec<f64> {
    let top = libm::log(n as f64 / 2.0 + 1.0);
    let raw: Vec<f64> = (1..=n).map(|k| (top - libm::log(k as f64)).max(0.0)).collect();
    let sum: f64 = raw.iter().sum();
    raw.into_iter().map(|u| u / sum - 1.0 / n as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(order(&[3.0, 1.0, 2.0, 1.0]), [1, 3, 2, 0]);
        assert_eq!(ranks(&[3.0, 1.0, 2.0, 1.0]), [3.0, 0.5, 2.0, 0.5]);
        assert_eq!(centered_ranks(&[30.0, 10.0, 20.0]), [0.5, -0.5, 0.0]);
        assert_eq!(centered_ranks(&[7.0]), [0.0]);
        assert_eq!(z_scores(&[1.0, 3.0]), [-1.0, 1.0]);
        assert_eq!(z_scores(&[2.0; 3]), [0.0; 3]);
        let u = nes_utilities(4);
        assert!(u.iter().sum::<f64>().abs() < 1e-15 && u[0] > u[1] && u[2] == u[3] && u[3] == -0.25);
        // ln 3 / (ln 3 + ln 1.5) − 1/4
        assert!(
            (u[0] - (1.0986122886681098 / (1.0986122886681098 + 0.4054651081081644) - 0.25)).abs() < 1e-15
        );
    }
}
