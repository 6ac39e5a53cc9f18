//! The deterministic parallel primitives: the only place in the project that names threads.
//!
//! Results never depend on how many threads there are: [`map`] puts each result at its index, [`blocks`] gives each
//! block of an array to one thread, [`sum`] adds fixed chunks by a fixed tree. They run on the pool that the caller
//! has [installed](Pool::install), else on rayon's global one.

use evolvent_core::{Batch, Evaluated, Evaluator, Genome, Offers, Round, Space};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A pool of threads. One per run, so that the number of threads is a setting of the run.
pub struct Pool(rayon::ThreadPool);

/// The operating system refused a thread.
#[derive(Debug)]
pub struct NoThreads(String);

impl std::error::Error for NoThreads {}

impl std::fmt::Display for NoThreads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "threads cannot be started: {} (try a smaller --threads)", self.0)
    }
}

impl Pool {
    /// A pool of `threads` threads; 0 for one per core.
    pub fn new(threads: usize) -> Result<Pool, NoThreads> {
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder.build().map(Pool).map_err(|e| NoThreads(e.to_string()))
    }

    /// Runs `work` with this pool as the current one.
    pub fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.0.install(work)
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        self.0.current_num_threads()
    }
}

/// Calls `work` with `0..n`, on as many threads as are free. It is not generic, and all else here is built on it, so that what rayon needs for a
/// closure is compiled once and not for every closure of every crate.
fn each(n: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..n).into_par_iter().for_each(work);
}

/// Pieces per thread: they even out work of unequal cost.
const PIECES: usize = 16;

/// `f(0), f(1), … f(n − 1)`, in order.
pub fn map<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    map_with(n, || (), |(), i| f(i))
}

/// As [`map`], with memory that calls on one thread may reuse. `f` must not let what it finds there change its result.
pub fn map_with<S, T: Send>(
    n: usize,
    scratch: impl Fn() -> S + Sync,
    f: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let threads = rayon::current_num_threads().min(n);
    if threads <= 1 {
        let mut scratch = scratch();
        return (0..n).map(|i| f(&mut scratch, i)).collect();
    }
    let size = n.div_ceil(PIECES * threads);
    let done: Vec<Mutex<Vec<T>>> = (0..n.div_ceil(size)).map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    each(threads, &|_| {
        let mut own = None;
        // Whoever is free takes the next piece; where its results lie does not depend on who that is.
        while let (piece, Some(place)) = turn(&next, &done) {
            let own = own.get_or_insert_with(&scratch);
            let results = (piece * size..((piece + 1) * size).min(n)).map(|i| f(own, i)).collect();
            *place.lock().unwrap_or_else(PoisonError::into_inner) = results;
        }
    });
    let mut all = Vec::with_capacity(n);
    done.into_iter()
        .for_each(|piece| all.append(&mut piece.into_inner().unwrap_or_else(PoisonError::into_inner)));
    all
}

/// The next of `places` that nobody has taken, with its index.
fn turn<'a, P>(next: &AtomicUsize, places: &'a [P]) -> (usize, Option<&'a P>) {
    let i = next.fetch_add(1, Ordering::Relaxed);
    (i, places.get(i))
}

/// Hands each block of `size` entries (the last may be shorter) to `f` with the index of its first entry.
pub fn blocks<T: Send>(data: &mut [T], size: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let size = size.max(1);
    let threads = rayon::current_num_threads().min(data.len().div_ceil(size));
    let rest = data.chunks_mut(size).enumerate();
    if threads <= 1 {
        return rest.for_each(|(i, block)| f(i * size, block));
    }
    let rest = Mutex::new(rest);
    each(threads, &|_| {
        let turn = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some((i, block)) = turn() {
            f(i * size, block);
        }
    });
}

/// The sum over `0..n` of what `f` gives for chunks of `size` indices, added by a fixed binary tree.
pub fn sum(n: usize, size: usize, f: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    let size = size.max(1);
    let mut parts = map(n.div_ceil(size), |i| f(i * size..((i + 1) * size).min(n)));
    while parts.len() > 1 {
        parts = parts.chunks(2).map(|pair| pair.iter().sum()).collect();
    }
    parts.pop().unwrap_or(0.0)
}

/// An evaluator that splits every batch over the pool.
#[derive(Clone, Debug)]
pub struct Parallel<E> {
    /// What evaluates.
    pub evaluator: E,
    /// Members that it likes to have together: sub-batches are multiples of it.
    pub grain: usize,
}

impl<G: Genome, E: Evaluator<G>> Evaluator<G> for Parallel<E> {
    type State = E::State;
    type Observed = E::Observed;

    fn space(&self) -> Space<G> {
        self.evaluator.space()
    }

    fn offers(&self) -> Offers {
        self.evaluator.offers()
    }

    fn initial_state(&self) -> E::State {
        self.evaluator.initial_state()
    }

    fn context(&self, round: &Round) -> u64 {
        self.evaluator.context(round)
    }

    fn evaluate(
        &self,
        state: &E::State,
        batch: &Batch<G>,
        members: Range<usize>,
        round: &Round,
    ) -> Vec<Evaluated<G, E::Observed>> {
        let grain = self.grain.max(1);
        // Four pieces per thread even out members of unequal cost.
        let pieces = 4 * rayon::current_num_threads();
        let size = members.len().div_ceil(pieces).div_ceil(grain).max(1) * grain;
        let count = members.len().div_ceil(size);
        if count <= 1 {
            return self.evaluator.evaluate(state, batch, members, round);
        }
        let piece = |i: usize| {
            let begin = members.start + i * size;
            self.evaluator.evaluate(state, batch, begin..(begin + size).min(members.end), round)
        };
        map(count, piece).into_iter().flatten().collect()
    }

    fn absorb(&self, state: &mut E::State, observed: Vec<E::Observed>) {
        self.evaluator.absorb(state, observed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let work = || {
            let mapped = map(1000, |i| (i as f64).sqrt());
            let with = map_with(1000, Vec::<u8>::new, |scratch, i| {
                scratch.push(1);
                i * 2
            });
            let mut filled = vec![0.0; 1003];
            blocks(&mut filled, 64, |begin, block| {
                block.iter_mut().enumerate().for_each(|(i, x)| *x = 1.0 / (1 + begin + i) as f64);
            });
            let total = sum(filled.len(), 10, |range| filled[range].iter().sum());
            (mapped, with, filled, total.to_bits())
        };
        let reference = Pool::new(1).unwrap().install(work);
        for threads in [2, 8] {
            assert_eq!(Pool::new(threads).unwrap().install(work), reference);
        }
    }

    #[test]
    fn nothing_is_fine() {
        assert!(map(0, |i| i).is_empty());
        assert_eq!(sum(0, 4, |_| 1.0), 0.0);
        blocks(&mut [0u8; 0], 4, |_, _| panic!("no block"));
    }
}
