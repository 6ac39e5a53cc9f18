//! Pareto dominance: sorting, crowding, hypervolume. Objectives are losses, `members × m`, row-major.

use crate::ranking::order;
use std::cmp::Ordering;

/// Whether `a` dominates `b`: nowhere worse, somewhere better.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut better = false;
    for (a, b) in a.iter().zip(b) {
        if a > b {
            return false;
        }
        better |= a < b;
    }
    better
}

/// Fronts of mutually non-dominated members, best first; within a front in index order.
///
/// Efficient non-dominated sort with binary search over fronts (Zhang, Tian, Cheng & Jin 2015, ENS-BS): members in
/// lexicographic order can only be dominated by those before them. O(n log n) for two objectives, where comparing with
/// the last member of a front is enough; O(m n²) at worst otherwise.
pub fn fronts(values: &[f64], m: usize) -> Vec<Vec<usize>> {
    constrained_fronts(values, m, &[])
}

/// The same with constraints (Deb et al. 2002, definition 1): feasible before infeasible, less violation before more, and
/// dominance among the feasible. `violation` is empty or has one entry per member, 0 if feasible.
pub fn constrained_fronts(values: &[f64], m: usize, violation: &[f64]) -> Vec<Vec<usize>> {
    let n = values.len().checked_div(m).unwrap_or(0);
    let row = |i: usize| &values[i * m..(i + 1) * m];
    let feasible = |i: &usize| violation.get(*i).is_none_or(|&v| v <= 0.0);
    let mut sorted: Vec<usize> = (0..n).filter(feasible).collect();
    let lexicographic = |&a: &usize, &b: &usize| {
        let differ = row(a).iter().zip(row(b)).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne());
        differ.unwrap_or(Ordering::Equal).then(a.cmp(&b))
    };
    sorted.sort_by(lexicographic);
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    let mut previous: Option<(usize, usize)> = None;
    for i in sorted {
        // Equal points share a front.
        if let Some((other, front)) = previous.filter(|&(other, _)| row(other) == row(i)) {
            fronts[front].push(i);
            previous = Some((other, front));
            continue;
        }
        let dominated = |front: &Vec<usize>| {
            if m == 2 {
                front.last().is_some_and(|&j| dominates(row(j), row(i)))
            } else {
                front.iter().rev().any(|&j| dominates(row(j), row(i)))
            }
        };
        let k = fronts.partition_point(dominated);
        if k == fronts.len() {
            fronts.push(Vec::new());
        }
        fronts[k].push(i);
        previous = Some((i, k));
    }
    // The infeasible by violation, equals together.
    let infeasible: Vec<usize> = (0..n).filter(|i| !feasible(i)).collect();
    let amounts: Vec<f64> = infeasible.iter().map(|&i| violation[i]).collect();
    let mut last = None;
    for k in order(&amounts) {
        if last != Some(amounts[k]) {
            fronts.push(Vec::new());
            last = Some(amounts[k]);
        }
        fronts.last_mut().expect("just pushed").push(infeasible[k]);
    }
    fronts.iter_mut().for_each(|front| front.sort_unstable());
    fronts
}

/// Crowding distances of the members of one front (Deb et al. 2002, section III-B), in the front's order. Extremes are infinite.
pub fn crowding(values: &[f64], m: usize, front: &[usize]) -> Vec<f64> {
    let n = front.len();
    let mut distance = vec![0.0; n];
    for k in 0..m {
        let column: Vec<f64> = front.iter().map(|&i| values[i * m + k]).collect();
        let sorted = order(&column);
        let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else { break };
        let range = column[last] - column[first];
        distance[first] = f64::INFINITY;
        distance[last] = f64::INFINITY;
        if range > 0.0 && range.is_finite() {
            for w in sorted.windows(3) {
                distance[w[1]] += (column[w[2]] - column[w[0]]) / range;
            }
        }
    }
    distance
}

/// The volume that is dominated by `points` and dominates `reference`, exactly: a sweep in two dimensions, the WFG recursion
/// (While, Bradstreet & Barone 2012) above. Points that do not dominate the reference add nothing.
pub fn hypervolume(points: &[f64], m: usize, reference: &[f64]) -> f64 {
    assert_eq!(reference.len(), m, "one reference value per objective");
    let mut rows: Vec<Vec<f64>> = points
        .chunks_exact(m.max(1))
        .filter(|p| p.iter().zip(reference).all(|(p, r)| p < r))
        .map(<[f64]>::to_vec)
        .collect();
    retain_non_dominated(&mut rows);
    wfg(rows, reference)
}

fn retain_non_dominated(rows: &mut Vec<Vec<f64>>) {
    let Some(m) = rows.first().map(Vec::len) else { return };
    let flat: Vec<f64> = rows.iter().flatten().copied().collect();
    let first = fronts(&flat, m).swap_remove(0);
    let mut kept: Vec<Vec<f64>> = first.into_iter().map(|i| rows[i].clone()).collect();
    kept.sort_by(|a, b| {
        a.iter().zip(b).map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    });
    kept.dedup();
    *rows = kept;
}

/// Rows are mutually non-dominated, distinct and sorted by their first objective.
fn wfg(rows: Vec<Vec<f64>>, reference: &[f64]) -> f64 {
    let m = reference.len();
    if m == 1 {
        return rows.first().map_or(0.0, |p| reference[0] - p[0]);
    }
    if m == 2 {
        let mut volume = 0.0;
        let mut height = reference[1];
        for p in &rows {
            volume += (reference[0] - p[0]) * (height - p[1]);
            height = p[1];
        }
        return volume;
    }
    // Exclusive contribution of each point against those after it, all limited to its own box. Sorting by the last
    // objective, worst first, lets that objective be constant in each slice, so the recursion loses a dimension.
    let mut rows = rows;
    rows.sort_by(|a, b| b[m - 1].total_cmp(&a[m - 1]));
    let mut total = 0.0;
    for i in 0..rows.len() {
        let p = &rows[i];
        let mut limited: Vec<Vec<f64>> = rows[i + 1..]
            .iter()
            .map(|q| q[..m - 1].iter().zip(p).map(|(q, p)| q.max(*p)).collect())
            .collect();
        retain_non_dominated(&mut limited);
        let own: f64 = p[..m - 1].iter().zip(reference).map(|(p, r)| r - p).product();
        total += (reference[m - 1] - p[m - 1]) * (own - wfg(limited, &reference[..m - 1]));
    }
    total
}

/// Inverted generational distance: the mean distance from each point of `front` to the nearest of `points`.
pub fn inverted_generational_distance(points: &[f64], front: &[f64], m: usize) -> f64 {
    let nearest = |f: &[f64]| {
        let square = |p: &[f64]| p.iter().zip(f).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        points.chunks_exact(m).map(square).fold(f64::INFINITY, f64::min).sqrt()
    };
    let count = front.len() / m.max(1);
    front.chunks_exact(m.max(1)).map(nearest).sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    /// The definition, peeled off front by front.
    fn slow_fronts(values: &[f64], m: usize) -> Vec<Vec<usize>> {
        let row = |i: usize| &values[i * m..(i + 1) * m];
        let mut left: Vec<usize> = (0..values.len() / m).collect();
        let mut fronts = Vec::new();
        while !left.is_empty() {
            let free = |&i: &usize| !left.iter().any(|&j| dominates(row(j), row(i)));
            let front: Vec<usize> = left.iter().copied().filter(|i| free(i)).collect();
            left.retain(|i| !front.contains(i));
            fronts.push(front);
        }
        fronts
    }

    #[test]
    fn fronts_agree_with_the_definition() {
        let mut rng = stream(RunKey::from_seed(8), 0, 0, 0, Purpose::Problem);
        for m in [1, 2, 3, 4] {
            for coarse in [3, 1000] {
                // coarse values make ties and duplicates
                let values: Vec<f64> = (0..60 * m).map(|_| rng.below(coarse) as f64).collect();
                assert_eq!(fronts(&values, m), slow_fronts(&values, m), "m = {m}");
            }
        }
    }

    #[test]
    fn infeasible_points_come_after_feasible_ones() {
        let values = [0.0, 0.0, 5.0, 5.0, 1.0, 1.0, 2.0, 2.0];
        assert_eq!(constrained_fronts(&values, 2, &[1.0, 0.0, 0.5, 0.5]), [vec![1], vec![2, 3], vec![0]]);
    }

    #[test]
    fn crowding_by_hand() {
        let values = [0.0, 4.0, 1.0, 2.0, 4.0, 0.0];
        assert_eq!(crowding(&values, 2, &[0, 1, 2]), [f64::INFINITY, 2.0, f64::INFINITY]);
        assert_eq!(crowding(&[1.0, 1.0], 2, &[0]), [f64::INFINITY]);
    }

    #[test]
    fn hypervolume_by_hand_and_by_sampling() {
        assert_eq!(hypervolume(&[1.0, 2.0, 2.0, 1.0, 5.0, 5.0], 2, &[3.0, 3.0]), 3.0);
        assert_eq!(hypervolume(&[0.0, 0.0, 0.0], 3, &[1.0, 2.0, 3.0]), 6.0);
        assert_eq!(hypervolume(&[0.0, 1.0, 1.0, 1.0, 0.0, 0.5], 3, &[2.0; 3]), 2.0 + 3.0 - 1.0);
        let mut rng = stream(RunKey::from_seed(9), 0, 0, 0, Purpose::Problem);
        for m in [3, 4, 5] {
            let points: Vec<f64> = (0..12 * m).map(|_| rng.uniform()).collect();
            let n = 40_000;
            let hits = (0..n)
                .filter(|_| {
                    let z: Vec<f64> = (0..m).map(|_| rng.uniform()).collect();
                    points.chunks_exact(m).any(|p| p.iter().zip(&z).all(|(p, z)| p <= z))
                })
                .count();
            let sampled = hits as f64 / f64::from(n);
            let exact = hypervolume(&points, m, &vec![1.0; m]);
            assert!((exact - sampled).abs() < 0.012, "m = {m}: {exact} {sampled}");
        }
    }

    #[test]
    fn distance_to_a_front() {
        assert_eq!(inverted_generational_distance(&[0.0, 0.0], &[3.0, 4.0, 0.0, 0.0], 2), 2.5);
    }
}
