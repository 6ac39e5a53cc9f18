//! Current-to-pbest/1 with an archive: the mutation of JADE and its descendants, and the parts that they share.

use crate::{draws::for_each_chosen, merit::Merit, repair::Repair, start};
use evolvent_core::{
    Batch, Diagnostics, Outcome, Scores, Space, Start, StopReason, Stream, Vector, VectorGenes, Vectors,
    Violations,
};
use evolvent_math::par;
use serde::{Deserialize, Serialize};

/// Genes that one thread takes at a time.
const GRAIN: usize = 4096;
/// The fewest members: a target, a best one and two others.
pub(crate) const FEWEST: usize = 4;

/// A population with the archive of those that it gave up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) genes: VectorGenes,
    pub(crate) comparable: bool,
    /// Row-major.
    rows: Vec<f64>,
    pub(crate) merits: Vec<Merit>,
    pub(crate) evaluated: bool,
    archive: Vec<Vec<f64>>,
    /// Members from best to worst.
    order: Vec<usize>,
    /// F and CR of each trial that was asked last.
    settings: Vec<(f64, f64)>,
}

/// A trial that replaced its target and is better.
pub(crate) struct Success {
    pub(crate) f: f64,
    pub(crate) cr: f64,
    /// How much better, in (0, 1], relative to the largest improvement of the generation.
    pub(crate) gain: f64,
}

impl Pool {
    pub(crate) fn new(space: &Space<Vector>, start: &Start<Vector>, size: usize, rng: &mut Stream) -> Self {
        Pool {
            rows: start::vectors(&space.genes, start, size, rng),
            merits: vec![Merit::NONE; size],
            evaluated: false,
            archive: Vec::new(),
            order: (0..size).collect(),
            settings: Vec::new(),
            comparable: space.fitness.comparable_across_rounds(),
            genes: space.genes.clone(),
        }
    }

    pub(crate) fn check(space: &Space<Vector>, start: &Start<Vector>, v: &mut Violations) {
        v.require(space.genes.dimension() > 0, "genes.dimension", 0, "at least one gene");
        v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
    }

    pub(crate) fn len(&self) -> usize {
        self.merits.len()
    }

    pub(crate) fn archived(&self) -> usize {
        self.archive.len()
    }

    fn row(&self, i: usize) -> &[f64] {
        let n = self.genes.dimension();
        &self.rows[i * n..(i + 1) * n]
    }

    /// The first population; later one trial per member with its F and CR, and the targets again where they must be.
    pub(crate) fn ask(
        &mut self,
        p: f64,
        repair: Repair,
        rng: &mut Stream,
        mut settings: impl FnMut(&mut Stream) -> (f64, f64),
    ) -> Batch<Vector> {
        let n = self.genes.dimension();
        if !self.evaluated {
            return Batch::new(Vectors::Dense { dimension: n, data: self.rows.clone() });
        }
        self.settings = (0..self.len()).map(|_| settings(rng)).collect();
        let best = ((p * self.len() as f64).round() as usize).clamp(2.min(self.len()), self.len());
        let targets = if self.comparable { &[] } else { self.rows.as_slice() };
        let mut data = vec![0.0; self.rows.len() + targets.len()];
        let (trials, again) = data.split_at_mut(self.rows.len());
        again.copy_from_slice(targets);
        let (pool, rng): (&Pool, &Stream) = (self, rng);
        par::blocks(trials, GRAIN.div_ceil(n) * n, |from, block| {
            for (k, trial) in block.chunks_mut(n).enumerate() {
                let i = from / n + k;
                pool.trial(i, best, repair, trial, &mut rng.split(i as u64).stream());
            }
        });
        Batch::new(Vectors::Dense { dimension: n, data })
    }

    /// v = x_i + F·(x_pbest − x_i) + F·(x_r1 − x̃_r2), r₁ from the population, r₂ also from the archive; then binomial crossover
    /// (Zhang & Sanderson 2009, equations 7 and 8).
    fn trial(&self, i: usize, best: usize, repair: Repair, trial: &mut [f64], rng: &mut Stream) {
        let (f, cr) = self.settings[i];
        let (n, size) = (trial.len(), self.len());
        let target = self.row(i);
        let leader = self.row(self.order[rng.below(best)]);
        let r1 = distinct(size, &[i], rng);
        let r2 = distinct(size + self.archive.len(), &[i, r1], rng);
        let (plus, minus) = (self.row(r1), if r2 < size { self.row(r2) } else { &self.archive[r2 - size] });
        trial.copy_from_slice(target);
        let mutant = |j: usize| target[j] + f * (leader[j] - target[j]) + f * (plus[j] - minus[j]);
        let first = rng.below(n);
        trial[first] = mutant(first);
        for_each_chosen(rng, cr, n, |j| trial[j] = mutant(j));
        repair.vector(trial, target, self.genes.bounds.as_ref(), rng);
    }

    /// Takes the scores of the batch. Trials that are not worse replace their targets; targets that were beaten go into the archive, from which
    /// random ones leave beyond `capacity`. Returns the successes, or `None` if nothing was compared.
    pub(crate) fn tell(
        &mut self,
        batch: &Batch<Vector>,
        scores: &Scores,
        capacity: usize,
        rng: &mut Stream,
    ) -> Option<Vec<Success>> {
        let (size, n) = (self.len(), self.genes.dimension());
        let Vectors::Dense { data, .. } = &batch.members else { return None };
        if scores.all_failed() {
            if !self.evaluated {
                self.rows = start::vectors(&self.genes, &Start::Default, size, rng);
            }
            return None;
        }
        if !self.evaluated {
            (0..size).for_each(|i| self.merits[i] = Merit::of(scores, i));
            self.evaluated = true;
            self.sort();
            return None;
        }
        let mut successes = Vec::new();
        for i in 0..size {
            if !self.comparable {
                self.merits[i] = Merit::of(scores, size + i);
            }
            let (old, new) = (self.merits[i], Merit::of(scores, i));
            if old.beats(&new) {
                continue;
            }
            let row = i * n..(i + 1) * n;
            if new.beats(&old) {
                self.archive.push(self.rows[row.clone()].to_vec());
                let (f, cr) = self.settings[i];
                successes.push(Success { f, cr, gain: gain(&old, &new) });
            }
            self.merits[i] = new;
            self.rows[row.clone()].copy_from_slice(&data[row]);
        }
        self.trim_archive(capacity, rng);
        self.sort();
        normalise(&mut successes);
        Some(successes)
    }

    /// Random entries leave the archive until it holds `capacity`.
    pub(crate) fn trim_archive(&mut self, capacity: usize, rng: &mut Stream) {
        while self.archive.len() > capacity {
            let leaving = rng.below(self.archive.len());
            self.archive.swap_remove(leaving);
        }
    }

    /// The worst members leave until there are `size`.
    pub(crate) fn shrink(&mut self, size: usize) {
        if size >= self.len() {
            return;
        }
        let mut kept = self.order[..size].to_vec();
        kept.sort_unstable();
        self.rows = kept.iter().flat_map(|&i| self.row(i).iter().copied()).collect();
        self.merits = kept.iter().map(|&i| self.merits[i]).collect();
        self.sort();
    }

    fn sort(&mut self) {
        self.order = (0..self.len()).collect();
        self.order.sort_by(|&i, &j| self.merits[i].compare(&self.merits[j]));
    }

    pub(crate) fn outcome(&self) -> Outcome<Vector> {
        let best = self.order[0];
        Outcome::Point(self.merits[best].candidate(Vector(self.row(best).to_vec())))
    }

    /// All vectors are the same, also in the archive: differences are 0 and nothing can change any more.
    pub(crate) fn stopped(&self) -> Option<StopReason> {
        let first = self.row(0);
        let same = (1..self.len()).all(|i| self.row(i) == first) && self.archive.iter().all(|x| x == first);
        (self.evaluated && same)
            .then(|| StopReason::Converged("all vectors of the population are equal".into()))
    }

    pub(crate) fn diagnose(&self, out: &mut Diagnostics) {
        let (size, n) = (self.len() as f64, self.genes.dimension());
        let variance = |j: usize| {
            let column = || self.rows.iter().skip(j).step_by(n);
            let mean = column().sum::<f64>() / size;
            column().map(|x| (x - mean).powi(2)).sum::<f64>() / size
        };
        out.add("spread", ((0..n).map(variance).sum::<f64>() / n as f64).sqrt());
    }
}

/// A member of `n` that is none of `taken`, which are distinct.
fn distinct(n: usize, taken: &[usize], rng: &mut Stream) -> usize {
    let mut sorted = taken.to_vec();
    sorted.sort_unstable();
    let mut r = rng.below(n - taken.len());
    sorted.iter().for_each(|&t| r += usize::from(r >= t));
    r
}

/// By how much `new` is better: in loss, or in violation where that differs; halved, so that it is finite. Infinite beside a failed one.
fn gain(old: &Merit, new: &Merit) -> f64 {
    if old.violation == new.violation {
        0.5 * old.loss - 0.5 * new.loss
    } else {
        0.5 * old.violation - 0.5 * new.violation
    }
}

/// Gains relative to the largest finite one; infinite ones count as that.
fn normalise(successes: &mut [Success]) {
    let finite = successes.iter().map(|s| s.gain).filter(|g| g.is_finite());
    let largest = finite.fold(0.0, f64::max);
    for success in successes {
        let share = success.gain / largest;
        success.gain = if largest > 0.0 && share.is_finite() { share.max(f64::MIN_POSITIVE) } else { 1.0 };
    }
}

/// CR from N(μ, 0.1), cut to [0, 1]; F from Cauchy(μ, 0.1), drawn again below 0 and cut at 1 (Zhang & Sanderson 2009, equations 9 and 11).
pub(crate) fn draw_settings(mean_f: f64, mean_cr: f64, rng: &mut Stream) -> (f64, f64) {
    let cr = (mean_cr + 0.1 * rng.normal()).clamp(0.0, 1.0);
    // A location of at least 0 makes each draw positive with probability ½ at least.
    let f = (0..64).map(|_| mean_f + 0.1 * rng.cauchy()).find(|&f| f > 0.0).unwrap_or(mean_f.max(1e-3));
    (f.min(1.0), cr)
}

/// Σ w·x² / Σ w·x.
pub(crate) fn lehmer_mean(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (squares, sum) = pairs.fold((0.0, 0.0), |(q, s), (w, x)| (q + w * x * x, s + w * x));
    if sum > 0.0 { squares / sum } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, RunKey, stream};

    fn rng() -> Stream {
        stream(RunKey::from_seed(3), 0, 0, 0, Purpose::Ask)
    }

    #[test]
    fn distinct_draws_cover_the_rest() {
        let mut rng = rng();
        let mut counts = [0; 5];
        (0..3000).for_each(|_| counts[distinct(5, &[3, 0], &mut rng)] += 1);
        assert_eq!((counts[0], counts[3]), (0, 0));
        assert!([1, 2, 4].iter().all(|&i| (900..1100).contains(&counts[i])), "{counts:?}");
    }

    #[test]
    fn means_by_hand() {
        assert_eq!(lehmer_mean([(1.0, 0.5), (1.0, 1.0)].into_iter()), 1.25 / 1.5);
        assert_eq!(lehmer_mean([(1.0, 0.0)].into_iter()), 0.0);
        let mut all = [2.0, f64::INFINITY, 1.0].map(|gain| Success { f: 0.5, cr: 0.5, gain });
        normalise(&mut all);
        assert_eq!(all.map(|s| s.gain), [1.0, 1.0, 0.5]);
    }

    #[test]
    fn settings_have_their_distribution() {
        let mut rng = rng();
        let draws: Vec<_> = (0..20_000).map(|_| draw_settings(0.5, 0.9, &mut rng)).collect();
        assert!(draws.iter().all(|&(f, cr)| f > 0.0 && f <= 1.0 && (0.0..=1.0).contains(&cr)));
        let mut f: Vec<_> = draws.iter().map(|d| d.0).collect();
        f.sort_by(f64::total_cmp);
        // The median of a Cauchy law at 0.5 that is cut below 0, where it has 6 % of its mass.
        assert!((f[10_000] - 0.51).abs() < 0.01, "{}", f[10_000]);
    }

    #[test]
    fn beaten_targets_go_to_the_archive_and_the_worst_leave() {
        let space = Space::new(VectorGenes::flat(1, Init::Normal { std: 1.0 }, None));
        let mut rng = rng();
        let mut pool = Pool::new(&space, &Start::Default, 4, &mut rng);
        let batch = pool.ask(0.5, Repair::Midpoint, &mut rng, |_| (0.5, 1.0));
        assert!(pool.tell(&batch, &Scores::of_losses(&[4.0, 3.0, 2.0, 1.0]), 9, &mut rng).is_none());
        let before = pool.rows.clone();
        let batch = pool.ask(0.5, Repair::Midpoint, &mut rng, |_| (0.5, 1.0));
        let successes =
            pool.tell(&batch, &Scores::of_losses(&[0.0, 3.0, 9.0, f64::NAN]), 9, &mut rng).unwrap();
        assert_eq!((successes.len(), pool.archive.clone()), (1, vec![vec![before[0]]]));
        let losses: Vec<_> = pool.merits.iter().map(|m| m.loss).collect();
        assert_eq!(losses, [0.0, 3.0, 2.0, 1.0]);
        pool.shrink(2);
        let losses: Vec<_> = pool.merits.iter().map(|m| m.loss).collect();
        assert_eq!(losses, [0.0, 1.0]);
    }
}
