//! The linear assignment problem: n workers, n jobs, one each, at the least total cost.

/// The job of each worker in an assignment of least total cost; `cost` is `n × n`, row-major, workers as rows, all finite.
///
/// Shortest augmenting paths with dual variables (Kuhn 1955's Hungarian method in the O(n³) form of Jonker & Volgenant 1987).
/// Of several best assignments the one that this order of search finds is returned, always the same.
///
/// # Panics
/// If `cost` has not n² entries.
pub fn assignment(cost: &[f64], n: usize) -> Vec<usize> {
    assert_eq!(cost.len(), n * n, "a square matrix of costs");
    // Index 0 stands for no worker and for the job from which each search begins; reduced costs
    // cost − row − column are never negative, and 0 for assigned pairs.
    let (mut row, mut column) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    let mut worker = vec![0; n + 1];
    let mut before = vec![0; n + 1];
    for new in 1..=n {
        worker[0] = new;
        let mut job = 0;
        let mut least = vec![f64::INFINITY; n + 1];
        let mut reached = vec![false; n + 1];
        loop {
            reached[job] = true;
            let from = worker[job];
            let (mut delta, mut next) = (f64::INFINITY, 0);
            for j in (1..=n).filter(|&j| !reached[j]) {
                let reduced = cost[(from - 1) * n + j - 1] - row[from] - column[j];
                if reduced < least[j] {
                    (least[j], before[j]) = (reduced, job);
                }
                if least[j] < delta {
                    (delta, next) = (least[j], j);
                }
            }
            for j in 0..=n {
                if reached[j] {
                    row[worker[j]] += delta;
                    column[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            job = next;
            if worker[job] == 0 {
                break;
            }
        }
        // Along the path each job goes to the worker in front of it.
        while job != 0 {
            worker[job] = worker[before[job]];
            job = before[job];
        }
    }
    let mut jobs = vec![0; n];
    (1..=n).for_each(|j| jobs[worker[j] - 1] = j - 1);
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    fn total(cost: &[f64], n: usize, jobs: &[usize]) -> f64 {
        jobs.iter().enumerate().map(|(i, &j)| cost[i * n + j]).sum()
    }

    /// Least cost over all permutations, by Heap's algorithm.
    fn exhaustive(cost: &[f64], n: usize) -> f64 {
        fn search(cost: &[f64], n: usize, jobs: &mut Vec<usize>, k: usize) -> f64 {
            if k <= 1 {
                return total(cost, n, jobs);
            }
            (0..k)
                .map(|i| {
                    let best = search(cost, n, jobs, k - 1);
                    jobs.swap(if k.is_multiple_of(2) { i } else { 0 }, k - 1);
                    best
                })
                .fold(f64::INFINITY, f64::min)
        }
        search(cost, n, &mut (0..n).collect(), n)
    }

    #[test]
    fn by_hand() {
        let cost = [4.0, 1.0, 3.0, 2.0, 0.0, 5.0, 3.0, 2.0, 2.0];
        assert_eq!(assignment(&cost, 3), [1, 0, 2]);
        assert_eq!(assignment(&[], 0), [0usize; 0]);
        assert_eq!(assignment(&[-7.0], 1), [0]);
        assert_eq!(assignment(&[1.0; 16], 4).iter().sum::<usize>(), 6);
    }

    #[test]
    fn is_as_good_as_trying_all() {
        let mut rng = stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Problem);
        for case in 0..60 {
            let n = 1 + case % 6;
            let cost: Vec<f64> =
                (0..n * n).map(|_| if case % 2 == 0 { rng.normal() } else { rng.below(4) as f64 }).collect();
            let jobs = assignment(&cost, n);
            let mut seen = jobs.clone();
            seen.sort_unstable();
            assert_eq!(seen, (0..n).collect::<Vec<_>>());
            assert!((total(&cost, n, &jobs) - exhaustive(&cost, n)).abs() < 1e-12);
        }
    }
}
