//! Batches of vectors, written out row by row; and the weighted sums of their noise that evolution strategies need.
//!
//! A virtual member is base + sign · scale ⊙ noise. The noise of coordinate `i` of a full-rank member is element `i` of
//! its stream. A low-rank member draws, for each weight matrix of `rows × columns`, the factors A (`rows × r`) and
//! B (`columns × r`) and has the noise A·Bᵀ/√r there (Sarkar et al. 2025, EGGROLL); elsewhere it is as full-rank. The factors
//! of a block at offset `o` are elements `o ·(r + 1)…` of the stream's second half, so blocks never share numbers.
//!
//! `row_f32` and `row_f64` are the only conversions between the two precisions.
//!
//! Noise is what costs. So antithetic pairs are written together ([`Rows::twins_f64`]), and small populations keep their noise from the evaluation to the sum ([`draw`]).

use crate::kernels::matrix::{View, add_product};
use crate::kernels::{noise, vectorize};
use crate::par;
use evolvent_core::{
    Batch, Block, Drawn, Genome, Rank, Scale, StreamKey, Vector, Vectors, VirtualMember, VirtualVectors,
};
use std::sync::Arc;

/// Where the factors of low-rank noise begin in a stream: far past any coordinate.
const FACTORS: usize = 1 << 44;

/// Coordinates of a sum that one thread works on at a time; a multiple of the tile.
const BLOCK: usize = 1 << 10;

/// Coordinates whose sums are held at a time while rows of noise are added; a multiple of the tile.
const HELD: usize = 1 << 8;

/// Noise of at most so many numbers is kept (16 MiB).
const KEPT: usize = 1 << 22;

/// Numbers of low-rank factors that are held at a time.
const FACTOR_MEMORY: usize = 1 << 20;

/// Writes members out.
pub trait Rows {
    /// Length of a row.
    fn dimension(&self) -> usize;
    /// Member `i` as `f32`, into `out` of length [`Rows::dimension`].
    fn row_f32(&self, i: usize, out: &mut [f32]);
    /// Member `i` as `f64`.
    fn row_f64(&self, i: usize, out: &mut [f64]);
    /// Member `i` where it lies in memory as `f64` already.
    fn held(&self, i: usize) -> Option<&[f64]>;
    /// Whether members `i` and `i + 1` have the same noise, so that [`Rows::twins_f64`] writes both.
    fn twins(&self, i: usize) -> bool;
    /// Members `i` and `i + 1`, of which [`Rows::twins`] is true, at little more than the cost of one.
    fn twins_f64(&self, i: usize, out: [&mut [f64]; 2]);
}

impl Rows for Batch<Vector> {
    fn dimension(&self) -> usize {
        self.members.dimension()
    }
    fn row_f32(&self, i: usize, out: &mut [f32]) {
        self.members.row_f32(i, out);
    }
    fn row_f64(&self, i: usize, out: &mut [f64]) {
        self.members.row_f64(i, out);
    }
    fn held(&self, i: usize) -> Option<&[f64]> {
        self.members.held(i)
    }
    fn twins(&self, i: usize) -> bool {
        self.members.twins(i)
    }
    fn twins_f64(&self, i: usize, out: [&mut [f64]; 2]) {
        self.members.twins_f64(i, out);
    }
}

impl Rows for Vectors {
    fn dimension(&self) -> usize {
        match self {
            Vectors::Dense { dimension, .. } => *dimension,
            Vectors::Owned(rows) => rows.first().map_or(0, |row| row.0.len()),
            Vectors::Virtual(v) => v.layout.dimension(),
        }
    }

    fn row_f32(&self, i: usize, out: &mut [f32]) {
        match self {
            Vectors::Virtual(v) => write(v, i, [out]),
            _ => out.iter_mut().zip(self.held(i).unwrap_or(&[])).for_each(|(o, &x)| *o = x as f32),
        }
    }

    fn row_f64(&self, i: usize, out: &mut [f64]) {
        match self {
            Vectors::Virtual(v) => write(v, i, [out]),
            _ => out.copy_from_slice(self.held(i).unwrap_or(&[])),
        }
    }

    fn held(&self, i: usize) -> Option<&[f64]> {
        match self {
            Vectors::Dense { dimension, data } => data.get(i * dimension..(i + 1) * dimension),
            Vectors::Owned(rows) => rows.get(i).map(|row| row.0.as_slice()),
            Vectors::Virtual(_) => None,
        }
    }

    fn twins(&self, i: usize) -> bool {
        let Vectors::Virtual(v) = self else { return false };
        let Some([a, b]) = v.members.get(i..i + 2).and_then(|pair| <&[_; 2]>::try_from(pair).ok()) else {
            return false;
        };
        let alike = (a.base, a.scale, a.noise, a.rank) == (b.base, b.scale, b.noise, b.rank);
        alike && a.sign != 0.0 && b.sign != 0.0
    }

    fn twins_f64(&self, i: usize, out: [&mut [f64]; 2]) {
        match self {
            Vectors::Virtual(v) => write(v, i, out),
            _ => out.into_iter().zip(i..).for_each(|(out, i)| self.row_f64(i, out)),
        }
    }
}

/// The two precisions of a row.
trait Number: Copy {
    fn of(x: f64) -> Self;
    fn of_noise(z: f32) -> Self;
    fn times(self, other: Self) -> Self;
    /// self · z + base, fused.
    fn fused(self, z: Self, base: Self) -> Self;
}

macro_rules! number {
    ($t:ty) => {
        impl Number for $t {
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn of_noise(z: f32) -> Self {
                <$t>::from(z)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn fused(self, z: Self, base: Self) -> Self {
                self.mul_add(z, base)
            }
        }
    };
}
number!(f32);
number!(f64);

/// The factor on a piece of noise, without the member's sign.
#[derive(Clone, Copy)]
enum Factor<'a> {
    One(f64),
    Each(&'a [f64]),
}

impl Factor<'_> {
    #[inline(always)]
    fn part(&self, from: usize, len: usize) -> Factor<'_> {
        match self {
            Factor::One(s) => Factor::One(*s),
            Factor::Each(s) => Factor::Each(&s[from..from + len]),
        }
    }
}

/// Writes members `first..first + N` out, which have the same noise, base and scale.
fn write<T: Number, const N: usize>(v: &VirtualVectors, first: usize, mut out: [&mut [T]; N]) {
    let member = v.members[first];
    let base = v.bases[member.base as usize].as_slice();
    if member.sign == 0.0 {
        out.iter_mut().for_each(|out| out.iter_mut().zip(base).for_each(|(o, &x)| *o = T::of(x)));
        return;
    }
    let signs: [T; N] = std::array::from_fn(|m| T::of(f64::from(v.members[first + m].sign)));
    let scale = &v.scales[member.scale as usize];
    let held = v.drawn.row(first, member.noise).filter(|_| member.rank == Rank::Full);
    let row = Row { member, held, base, signs };
    let whole = match scale {
        Scale::Scalar(s) => Some(Factor::One(*s)),
        Scale::PerCoordinate(s) => Some(Factor::Each(s)),
        Scale::PerBlock(_) => None,
    };
    // Coordinates of full-rank noise are numbered through all blocks.
    if let (Rank::Full, Some(factor)) = (member.rank, whole) {
        return row.full(0, factor, out);
    }
    for (b, block) in v.layout.blocks.iter().enumerate() {
        let range = block.range();
        let factor = match scale {
            Scale::PerBlock(s) => Factor::One(s[b]),
            Scale::Scalar(s) => Factor::One(*s),
            Scale::PerCoordinate(s) => Factor::Each(&s[range.clone()]),
        };
        let part = out.each_mut().map(|out| &mut out[range.clone()]);
        match (member.rank, block.matrix()) {
            (Rank::Low(r), Some(shape)) => row.low_rank(block, shape, usize::from(r).max(1), factor, part),
            _ => row.full(block.offset, factor, part),
        }
    }
}

/// What is written out.
struct Row<'a, T, const N: usize> {
    member: VirtualMember,
    held: Option<&'a [f32]>,
    base: &'a [f64],
    signs: [T; N],
}

impl<T: Number, const N: usize> Row<'_, T, N> {
    /// Full-rank noise, from coordinate `start` on.
    fn full(&self, start: usize, factor: Factor<'_>, mut out: [&mut [T]; N]) {
        let len = out.first().map_or(0, |out| out.len());
        let base = &self.base[start..start + len];
        vectorize(
            #[inline(always)]
            || {
                if let Some(held) = self.held {
                    return combine(&held[start..start + len], base, factor, self.signs, out);
                }
                noise::for_each_piece(
                    self.member.noise,
                    start,
                    len,
                    #[inline(always)]
                    |at, z| {
                        let out = out.each_mut().map(
                            #[inline(always)]
                            |out| &mut out[at..at + z.len()],
                        );
                        combine(z, &base[at..at + z.len()], factor.part(at, z.len()), self.signs, out);
                    },
                );
            },
        );
    }

    /// A·Bᵀ/√r.
    fn low_rank(
        &self,
        block: &Block,
        (rows, columns): (usize, usize),
        r: usize,
        factor: Factor<'_>,
        mut out: [&mut [T]; N],
    ) {
        let factors = LowRank::new(block.offset, rows, columns, r);
        let mut a = vec![0.0f32; rows * r];
        let mut b = vec![0.0f32; columns * r];
        noise::fill_normal(self.member.noise, factors.a(0), &mut a);
        noise::fill_normal(self.member.noise, factors.b(0), &mut b);
        let b = transposed(&b, columns, r);
        let share = 1.0 / (r as f32).sqrt();
        let base = &self.base[block.range()];
        vectorize(
            #[inline(always)]
            || {
                for (i, a) in a.chunks_exact(r).enumerate() {
                    for from in (0..columns).step_by(noise::TILE) {
                        let len = (columns - from).min(noise::TILE);
                        let mut z = [0.0f32; noise::TILE];
                        for (&a, b) in a.iter().zip(b.chunks_exact(columns)) {
                            for (z, &b) in z.iter_mut().zip(&b[from..from + len]) {
                                *z = a.mul_add(b, *z);
                            }
                        }
                        z.iter_mut().for_each(|z| *z *= share);
                        let at = i * columns + from;
                        let out = out.each_mut().map(
                            #[inline(always)]
                            |out| &mut out[at..at + len],
                        );
                        combine(&z[..len], &base[at..at + len], factor.part(at, len), self.signs, out);
                    }
                }
            },
        );
    }
}

/// outₘ ← signₘ · factor ⊙ z + base. All slices have one length.
#[inline(always)]
fn combine<T: Number, const N: usize>(
    z: &[f32],
    base: &[f64],
    factor: Factor<'_>,
    signs: [T; N],
    mut out: [&mut [T]; N],
) {
    let n = z.len();
    for (out, sign) in out.iter_mut().zip(signs) {
        let (out, base) = (&mut out[..n], &base[..n]);
        match factor {
            Factor::One(s) => {
                let s = sign.times(T::of(s));
                for i in 0..n {
                    out[i] = s.fused(T::of_noise(z[i]), T::of(base[i]));
                }
            }
            Factor::Each(s) => {
                let s = &s[..n];
                for i in 0..n {
                    out[i] = sign.times(T::of(s[i])).fused(T::of_noise(z[i]), T::of(base[i]));
                }
            }
        }
    }
}

/// The transpose of a row-major `rows × columns` matrix.
fn transposed(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|j| (0..rows).map(move |i| x[i * columns + j])).collect()
}

/// Where the factors of one weight matrix are in a member's stream.
#[derive(Clone, Copy, Debug)]
pub struct LowRank {
    begin: usize,
    rows: usize,
    rank: usize,
}

impl LowRank {
    /// The factors of the block at `offset`.
    pub fn new(offset: usize, rows: usize, _columns: usize, rank: usize) -> Self {
        // A block of rows × columns holds at least max(rows, columns) coordinates, so 2·rank of them suffice.
        LowRank { begin: FACTORS + 2 * rank * offset, rows, rank }
    }
    /// Element at which row `i` of A begins.
    pub fn a(&self, i: usize) -> usize {
        self.begin + i * self.rank
    }
    /// Element at which row `j` of B begins.
    pub fn b(&self, j: usize) -> usize {
        self.begin + (self.rows + j) * self.rank
    }
}

/// Draws the noise of a batch's members into `drawn`, each `share` of which have one stream, if they are all full-rank and it is at
/// most 16 MiB; else empties it. Memory that nobody else holds any more is used again.
pub fn draw(members: &[VirtualMember], share: usize, dimension: usize, drawn: &mut Drawn) {
    let count = members.len().div_ceil(share.max(1));
    if count * dimension > KEPT
        || dimension == 0
        || members.iter().any(|m| m.rank != Rank::Full || m.sign == 0.0)
    {
        *drawn = Drawn::default();
        return;
    }
    let mut rows = std::mem::take(&mut drawn.rows);
    if Arc::get_mut(&mut rows).is_none() {
        rows = Arc::default();
    }
    if let Some(rows) = Arc::get_mut(&mut rows) {
        rows.resize(count * dimension, 0.0);
        par::blocks(rows, dimension, |from, row| {
            noise::fill_normal(members[from / dimension * share].noise, 0, row);
        });
    }
    *drawn = Drawn { rows, keys: members.iter().step_by(share).map(|m| m.noise).collect(), share };
}

/// Adjacent members of one stream, with their weights added.
struct Term<'a> {
    key: StreamKey,
    rank: Rank,
    weights: [f64; 2],
    held: Option<&'a [f32]>,
}

/// The members of a batch; `first` are weights of ±noise, `second` of noise².
fn terms<'a>(v: &'a VirtualVectors, first: &[f64], second: &[f64]) -> Vec<Term<'a>> {
    let mut terms: Vec<Term<'a>> = Vec::with_capacity(v.members.len());
    for (i, member) in v.members.iter().enumerate() {
        let weights = [
            first.get(i).map_or(0.0, |w| w * f64::from(member.sign)),
            second.get(i).map_or(0.0, |w| w * f64::from(member.sign).powi(2)),
        ];
        match terms.last_mut() {
            Some(last) if last.key == member.noise && last.rank == member.rank => {
                last.weights[0] += weights[0];
                last.weights[1] += weights[1];
            }
            _ => {
                let held = v.drawn.row(i, member.noise).filter(|_| member.rank == Rank::Full);
                terms.push(Term { key: member.noise, rank: member.rank, weights, held });
            }
        }
    }
    terms.retain(|t| t.weights != [0.0; 2]);
    terms
}

/// out ← Σₘ weightₘ · signₘ · noiseₘ over the members of a virtual batch, without their scales: what an evolution strategy's
/// gradient estimate needs. Members are added in order for each coordinate; blocks of coordinates run in parallel.
///
/// Antithetic pairs that share a stream are merged first when adjacent, which halves the work.
pub fn weighted_noise(v: &VirtualVectors, weights: &[f64], out: &mut [f64]) {
    let terms = terms(v, weights, &[]);
    out.fill(0.0);
    if terms.iter().all(|t| t.rank == Rank::Full) {
        return full_rank_sum(&terms, 0, out);
    }
    let mut rest = out;
    for block in &v.layout.blocks {
        let (part, after) = rest.split_at_mut(block.len());
        rest = after;
        match block.matrix() {
            Some(shape) => low_rank_sum(&terms, block.offset, shape, part),
            None => full_rank_sum(&terms, block.offset, part),
        }
    }
}

/// Σ first·sign·noise and Σ second·noise² of each coordinate over the members of a virtual batch of full-rank noise, without their
/// scales.
pub fn weighted_moments(v: &VirtualVectors, first: &[f64], second: &[f64], out: &mut [[f64; 2]]) {
    let terms = terms(v, first, second);
    par::blocks(out, BLOCK, |start, out| {
        vectorize(
            #[inline(always)]
            || moments_of(&terms, start, out),
        );
    });
}

/// out ← out + Σ w·z for the coordinates from `offset` on.
fn full_rank_sum(terms: &[Term<'_>], offset: usize, out: &mut [f64]) {
    let held: Option<Vec<&[f32]>> = terms.iter().map(|t| t.held).collect();
    if let Some(held) = held {
        return par::blocks(out, BLOCK, |start, out| {
            vectorize(
                #[inline(always)]
                || sum_of_rows(terms, &held, offset + start, out),
            );
        });
    }
    let terms: Vec<(StreamKey, f64)> = terms.iter().map(|t| (t.key, t.weights[0])).collect();
    par::blocks(out, BLOCK, |start, out| noise::weighted_sum_normal(&terms, offset + start, out));
}

#[inline(always)]
fn sum_of_rows(terms: &[Term<'_>], held: &[&[f32]], start: usize, out: &mut [f64]) {
    for (k, out) in out.chunks_mut(HELD).enumerate() {
        let (from, n) = (start + k * HELD, out.len());
        let (rows, weights) = (held.chunks(4), terms.chunks(4));
        for (rows, terms) in rows.zip(weights) {
            if let ([a, b, c, d], [ta, tb, tc, td]) = (rows, terms) {
                let (a, b) = (&a[from..from + n], &b[from..from + n]);
                let (c, d) = (&c[from..from + n], &d[from..from + n]);
                let w = [ta.weights[0], tb.weights[0], tc.weights[0], td.weights[0]];
                for i in 0..n {
                    let sum = w[1].mul_add(f64::from(b[i]), w[0].mul_add(f64::from(a[i]), out[i]));
                    out[i] = w[3].mul_add(f64::from(d[i]), w[2].mul_add(f64::from(c[i]), sum));
                }
            } else {
                for (row, term) in rows.iter().zip(terms) {
                    let row = &row[from..from + n];
                    for i in 0..n {
                        out[i] = term.weights[0].mul_add(f64::from(row[i]), out[i]);
                    }
                }
            }
        }
    }
}

/// One block of [`weighted_moments`].
#[inline(always)]
fn moments_of(terms: &[Term<'_>], start: usize, out: &mut [[f64; 2]]) {
    let mut z = [0.0f32; noise::TILE];
    for (t, out) in out.chunks_mut(noise::TILE).enumerate() {
        let (mut ones, mut twos) = ([0.0f64; noise::TILE], [0.0f64; noise::TILE]);
        let from = start + t * noise::TILE;
        for &Term { key, weights: [w1, w2], held, .. } in terms {
            match held.and_then(|held| held[from..].as_chunks::<{ noise::TILE }>().0.first()) {
                Some(held) => z = *held,
                None => noise::tile_inline(key, (from / noise::TILE) as u64, &mut z),
            }
            for l in 0..noise::TILE {
                let z = f64::from(z[l]);
                ones[l] = w1.mul_add(z, ones[l]);
                twos[l] = (w2 * z).mul_add(z, twos[l]);
            }
        }
        for (l, out) in out.iter_mut().enumerate() {
            *out = [ones[l], twos[l]];
        }
    }
}

/// out ← out + Σ w·A·Bᵀ/√r for one weight matrix: a product of the matrices of all factors side by side. Members of full rank
/// are added after those of low rank.
fn low_rank_sum(terms: &[Term<'_>], offset: usize, (rows, columns): (usize, usize), out: &mut [f64]) {
    let full: Vec<(StreamKey, f64)> =
        terms.iter().filter(|t| t.rank == Rank::Full).map(|t| (t.key, t.weights[0])).collect();
    // The key and rank of each low-rank member, and its weight divided by √r.
    let low: Vec<(StreamKey, usize, f64)> = terms
        .iter()
        .filter_map(|t| match t.rank {
            Rank::Low(r) => {
                let r = usize::from(r).max(1);
                Some((t.key, r, t.weights[0] / (r as f64).sqrt()))
            }
            Rank::Full => None,
        })
        .collect();
    let most = low.iter().map(|t| t.1).max().unwrap_or(1);
    for low in low.chunks((FACTOR_MEMORY / (columns * most).max(1)).max(1)) {
        // Row (m, k) is column k of Bₘ.
        let b: Vec<Vec<f64>> = par::map(low.len(), |m| {
            let (key, r, _) = low[m];
            let mut b = vec![0.0; columns * r];
            noise::fill_normal(key, LowRank::new(offset, rows, columns, r).b(0), &mut b);
            transposed(&b, columns, r).into_iter().map(f64::from).collect()
        });
        let b = b.concat();
        let inner = b.len() / columns.max(1);
        let strip = rows.div_ceil(8).clamp(1, 64);
        par::blocks(out, strip * columns, |start, out| {
            let (first, count) = (start / columns, out.len() / columns);
            let mut a = vec![0.0f64; count * inner];
            let mut drawn = vec![0.0f32; count * most];
            let mut at = 0;
            for &(key, r, weight) in low {
                let drawn = &mut drawn[..count * r];
                noise::fill_normal(key, LowRank::new(offset, rows, columns, r).a(first), drawn);
                for (i, row) in drawn.chunks_exact(r).enumerate() {
                    for (a, &x) in a[i * inner + at..].iter_mut().zip(row) {
                        *a = weight * f64::from(x);
                    }
                }
                at += r;
            }
            add_product(View::new(&a, count, inner), View::new(&b, inner, columns), out, columns);
        });
    }
    if !full.is_empty() {
        par::blocks(out, BLOCK, |start, out| noise::weighted_sum_normal(&full, offset + start, out));
    }
}

/// How a decoder's view of a member is had: vectors are written into scratch memory, other kinds are lent as they are.
pub trait Materialize: Genome {
    /// Memory that a thread reuses from member to member.
    type Scratch: Default + Send;
    /// Member `i` of a batch.
    fn view<'a>(batch: &'a Batch<Self>, i: usize, scratch: &'a mut Self::Scratch) -> &'a Self::View;
    /// Member `i` of a batch as a genome of its own, also where the batch holds only how it is made.
    fn owned(batch: &Batch<Self>, i: usize) -> Option<Self> {
        evolvent_core::Members::owned(&batch.members, i)
    }
    /// An owned genome as a decoder reads it.
    fn view_owned<'a>(genome: &'a Self, scratch: &'a mut Self::Scratch) -> &'a Self::View;
    /// The one base that all members of a batch perturb, if there is one.
    fn centre<'a>(_batch: &'a Batch<Self>, _scratch: &'a mut Self::Scratch) -> Option<&'a Self::View> {
        None
    }
}

impl Materialize for Vector {
    type Scratch = Vec<f32>;

    fn view<'a>(batch: &'a Batch<Vector>, i: usize, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        scratch.resize(batch.dimension(), 0.0);
        batch.row_f32(i, scratch);
        scratch
    }

    fn owned(batch: &Batch<Vector>, i: usize) -> Option<Vector> {
        let mut row = vec![0.0; batch.dimension()];
        batch.row_f64(i, &mut row);
        Some(Vector(row))
    }

    fn view_owned<'a>(genome: &'a Vector, scratch: &'a mut Vec<f32>) -> &'a [f32] {
        scratch.clear();
        scratch.extend(genome.0.iter().map(|&x| x as f32));
        scratch
    }

    fn centre<'a>(batch: &'a Batch<Vector>, scratch: &'a mut Vec<f32>) -> Option<&'a [f32]> {
        let Vectors::Virtual(VirtualVectors { bases, .. }) = &batch.members else { return None };
        let [base] = &bases[..] else { return None };
        scratch.clear();
        scratch.extend(base.iter().map(|&x| x as f32));
        Some(scratch)
    }
}

#[cfg(test)]
mod tests;
