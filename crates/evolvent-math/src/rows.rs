//! Batches of vectors, written out row by row; and the weighted sums of their noise that evolution strategies need.
//!
//! A virtual member is base + sign · scale ⊙ noise. The noise of coordinate `i` of a full-rank member is element `i` of
//! its stream. A low-rank member draws, for each weight matrix of `rows × columns`, the factors A (`rows × r`) and
//! B (`columns × r`) and has the noise A·Bᵀ/√r there (Sarkar et al. 2025, EGGROLL); elsewhere it is as full-rank. The factors
//! of a block at offset `o` are elements `o ·(r + 1)…` of the stream's second half, so blocks never share numbers.
//!
//! `row_f32` and `row_f64` are the only conversions between the two precisions.

use crate::{kernels::noise, par};
use evolvent_core::{
    Batch, Block, Genome, Layout, Rank, Scale, StreamKey, Vector, Vectors, VirtualMember, VirtualVectors,
};

/// Where the factors of low-rank noise begin in a stream: far past any coordinate.
const FACTORS: usize = 1 << 44;

/// Coordinates that one thread works on at a time.
const BLOCK: usize = 1 << 14;

/// Writes members out.
pub trait Rows {
    /// Length of a row.
    fn dimension(&self) -> usize;
    /// Member `i` as `f32`, into `out` of length [`Rows::dimension`].
    fn row_f32(&self, i: usize, out: &mut [f32]);
    /// Member `i` as `f64`.
    fn row_f64(&self, i: usize, out: &mut [f64]);
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
}

impl Rows for Vectors {
    fn dimension(&self) -> usize {
        match self {
            Vectors::Dense { dimension, .. } => *dimension,
            Vectors::Virtual(v) => v.layout.dimension(),
        }
    }

    fn row_f32(&self, i: usize, out: &mut [f32]) {
        match self {
            Vectors::Dense { dimension, data } => {
                let row = &data[i * dimension..(i + 1) * dimension];
                out.iter_mut().zip(row).for_each(|(o, &x)| *o = x as f32);
            }
            Vectors::Virtual(v) => {
                let member = v.members[i];
                let base = &v.bases[member.base as usize];
                out.iter_mut().zip(base.iter()).for_each(|(o, &x)| *o = x as f32);
                for_each_noise(v, member, |start, scale, z| {
                    let out = &mut out[start..start + z.len()];
                    match scale {
                        Scaled::One(s) => {
                            let s = s as f32;
                            out.iter_mut().zip(z).for_each(|(o, &z)| *o = s.mul_add(z, *o));
                        }
                        Scaled::Each(sign, s) => {
                            for ((o, &z), &s) in out.iter_mut().zip(z).zip(s) {
                                *o = (sign * s as f32).mul_add(z, *o);
                            }
                        }
                    }
                });
            }
        }
    }

    fn row_f64(&self, i: usize, out: &mut [f64]) {
        match self {
            Vectors::Dense { dimension, data } => {
                out.copy_from_slice(&data[i * dimension..(i + 1) * dimension]);
            }
            Vectors::Virtual(v) => {
                let member = v.members[i];
                out.copy_from_slice(&v.bases[member.base as usize]);
                for_each_noise(v, member, |start, scale, z| {
                    let out = &mut out[start..start + z.len()];
                    match scale {
                        Scaled::One(s) => out.iter_mut().zip(z).for_each(|(o, &z)| *o += s * f64::from(z)),
                        Scaled::Each(sign, s) => {
                            for ((o, &z), &s) in out.iter_mut().zip(z).zip(s) {
                                *o += f64::from(sign) * s * f64::from(z);
                            }
                        }
                    }
                });
            }
        }
    }
}

/// The factor on a piece of noise, the member's sign included.
enum Scaled<'a> {
    One(f64),
    Each(f32, &'a [f64]),
}

/// Calls `f(start, scale, noise)` for pieces that cover the coordinates in order.
fn for_each_noise(v: &VirtualVectors, member: VirtualMember, mut f: impl FnMut(usize, Scaled<'_>, &[f32])) {
    if member.sign == 0.0 {
        return;
    }
    let sign = f64::from(member.sign);
    let scale = &v.scales[member.scale as usize];
    let mut piece = |start: usize, block: usize, z: &[f32]| {
        let scaled = match scale {
            Scale::Scalar(s) => Scaled::One(sign * s),
            Scale::PerBlock(s) => Scaled::One(sign * s[block]),
            Scale::PerCoordinate(s) => Scaled::Each(member.sign, &s[start..start + z.len()]),
        };
        f(start, scaled, z);
    };
    let mut z = [0.0; 1024];
    for (b, block) in v.layout.blocks.iter().enumerate() {
        let range = block.range();
        for start in range.clone().step_by(z.len()) {
            let z = &mut z[..(range.end - start).min(1024)];
            block_noise(block, member.rank, member.noise, start - range.start, z);
            piece(start, b, z);
        }
    }
}

/// Elements `start..start + z.len()` (counted inside the block) of a member's noise.
fn block_noise(block: &Block, rank: Rank, key: StreamKey, start: usize, z: &mut [f32]) {
    let (Rank::Low(r), Some((rows, columns))) = (rank, block.matrix()) else {
        return noise::fill_normal(key, block.offset + start, z);
    };
    let r = usize::from(r).max(1);
    let factors = LowRank::new(block.offset, rows, columns, r);
    let share = 1.0 / (r as f32).sqrt();
    let (mut a, mut b) = ([0.0f32; 64], [0.0f32; 64]);
    for (k, z) in z.iter_mut().enumerate() {
        let (i, j) = ((start + k) / columns, (start + k) % columns);
        let mut sum = 0.0f32;
        for begin in (0..r).step_by(64) {
            let n = (r - begin).min(64);
            noise::fill_normal(key, factors.a(i) + begin, &mut a[..n]);
            noise::fill_normal(key, factors.b(j) + begin, &mut b[..n]);
            for (&a, &b) in a[..n].iter().zip(&b[..n]) {
                sum = a.mul_add(b, sum);
            }
        }
        *z = share * sum;
    }
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

/// out ← Σₘ weightₘ · signₘ · noiseₘ over the members of a virtual batch, without their scales: what an evolution strategy's
/// gradient estimate needs. Members are added in order for each coordinate; blocks of coordinates run in parallel.
///
/// Antithetic pairs that share a stream are merged first when adjacent, which halves the work.
pub fn weighted_noise(v: &VirtualVectors, weights: &[f64], out: &mut [f64]) {
    let mut terms: Vec<(StreamKey, Rank, f64)> = Vec::with_capacity(weights.len());
    for (member, &weight) in v.members.iter().zip(weights) {
        let weight = weight * f64::from(member.sign);
        match terms.last_mut() {
            Some(last) if last.0 == member.noise && last.1 == member.rank => last.2 += weight,
            _ => terms.push((member.noise, member.rank, weight)),
        }
    }
    terms.retain(|t| t.2 != 0.0);
    out.fill(0.0);
    if terms.iter().all(|t| t.1 == Rank::Full) {
        let terms: Vec<(StreamKey, f64)> = terms.iter().map(|t| (t.0, t.2)).collect();
        par::blocks(out, BLOCK, |start, out| noise::weighted_sum_normal(&terms, start, out));
    } else {
        low_rank_sum(&v.layout, &terms, out);
    }
}

/// The same for members of which some are low-rank: Σ wₘ Aₘ·Bₘᵀ/√r, row by row.
fn low_rank_sum(layout: &Layout, terms: &[(StreamKey, Rank, f64)], out: &mut [f64]) {
    let mut rest = out;
    for block in &layout.blocks {
        let (part, after) = rest.split_at_mut(block.len());
        rest = after;
        let Some((rows, columns)) = block.matrix() else {
            par::blocks(part, BLOCK, |start, out| {
                for &(key, _, weight) in terms {
                    noise::accumulate_normal(key, block.offset + start, weight, out);
                }
            });
            continue;
        };
        // Bₘ of every member once; then each row of the result is Σₘ Σₖ wₘ Aₘ[i,k]/√r · Bₘ[·,k].
        let factors: Vec<Vec<f32>> = par::map(terms.len(), |m| match terms[m] {
            (key, Rank::Low(r), _) => {
                let r = usize::from(r).max(1);
                let mut b = vec![0.0; columns * r];
                noise::fill_normal(key, LowRank::new(block.offset, rows, columns, r).b(0), &mut b);
                b
            }
            _ => Vec::new(),
        });
        par::blocks(part, columns, |start, out| {
            let i = start / columns;
            for (&(key, rank, weight), b) in terms.iter().zip(&factors) {
                let Rank::Low(r) = rank else {
                    noise::accumulate_normal(key, block.offset + start, weight, out);
                    continue;
                };
                let r = usize::from(r).max(1);
                let at = LowRank::new(block.offset, rows, columns, r);
                let scale = weight / (r as f64).sqrt();
                let mut a = vec![0.0f32; r];
                noise::fill_normal(key, at.a(i), &mut a);
                for (j, o) in out.iter_mut().enumerate() {
                    let dot: f64 = a
                        .iter()
                        .zip(&b[j * r..(j + 1) * r])
                        .map(|(&a, &b)| f64::from(a) * f64::from(b))
                        .sum();
                    *o += scale * dot;
                }
            }
        });
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, Role, RunKey, stream_key};
    use std::sync::Arc;

    fn layout() -> Arc<Layout> {
        let mut layout = Layout { blocks: Vec::new() };
        layout.push("w", vec![7, 5], Role::Weight, Init::Zeros, vec![None, None]);
        layout.push("b", vec![5], Role::Bias, Init::Zeros, vec![None]);
        layout.push("v", vec![5, 3], Role::Weight, Init::Zeros, vec![None, None]);
        Arc::new(layout)
    }

    fn batch(rank: Rank, scale: Scale) -> VirtualVectors {
        let d = layout().dimension();
        let key = |i| stream_key(RunKey::from_seed(5), 2, i, 0, Purpose::Ask);
        let member =
            |i: u64, sign| VirtualMember { base: (i % 2) as u32, scale: 0, noise: key(i / 2), sign, rank };
        VirtualVectors {
            layout: layout(),
            bases: vec![Arc::new(vec![0.5; d]), Arc::new((0..d).map(|i| i as f64).collect())],
            scales: vec![scale],
            members: (0..6).map(|i| member(i, if i % 2 == 0 { 1.0 } else { -1.0 })).collect(),
        }
    }

    /// Row − base, unscaled, is the noise whose weighted sum is asked for.
    #[test]
    fn weighted_noise_is_the_sum_over_rows() {
        for rank in [Rank::Full, Rank::Low(1), Rank::Low(3)] {
            let v = batch(rank, Scale::Scalar(1.0));
            let d = v.layout.dimension();
            let weights = [0.3, -0.2, 1.5, 0.0, -0.7, 0.25];
            let rows = Vectors::Virtual(v.clone());
            let mut expected = vec![0.0; d];
            for (i, w) in weights.iter().enumerate() {
                let mut row = vec![0.0; d];
                rows.row_f64(i, &mut row);
                let base = &v.bases[v.members[i].base as usize];
                (0..d).for_each(|c| expected[c] += w * (row[c] - base[c]));
            }
            let mut sum = vec![0.0; d];
            weighted_noise(&v, &weights, &mut sum);
            for c in 0..d {
                assert!((sum[c] - expected[c]).abs() < 1e-5, "{rank:?} at {c}: {} {}", sum[c], expected[c]);
            }
        }
    }

    #[test]
    fn low_rank_noise_has_unit_variance_and_low_rank() {
        let v = batch(Rank::Low(1), Scale::Scalar(1.0));
        let rows = Vectors::Virtual(v);
        let mut row = vec![0.0; rows.dimension()];
        rows.row_f64(0, &mut row);
        let w: Vec<f64> = row[..35].iter().map(|x| x - 0.5).collect();
        // every 2 × 2 minor of a matrix of rank 1 vanishes
        for i in 0..6 {
            for j in 0..4 {
                let at = |i: usize, j: usize| w[i * 5 + j];
                assert!((at(i, j) * at(i + 1, j + 1) - at(i, j + 1) * at(i + 1, j)).abs() < 1e-4);
            }
        }
        let key = |i| stream_key(RunKey::from_seed(5), 2, i, 0, Purpose::Ask);
        let block = &layout().blocks[0];
        let (mut sum, n) = (0.0, 2000);
        for i in 0..n {
            let mut z = [0.0; 35];
            block_noise(block, Rank::Low(4), key(i), 0, &mut z);
            sum += z.iter().map(|z| f64::from(z * z)).sum::<f64>();
        }
        assert!((sum / (35.0 * n as f64) - 1.0).abs() < 0.05, "{}", sum / (35.0 * n as f64));
    }

    #[test]
    fn signs_mirror_scales_scale_and_precisions_agree() {
        let d = layout().dimension();
        for scale in [
            Scale::Scalar(0.5),
            Scale::PerBlock(vec![0.1, 1.0, 2.0]),
            Scale::PerCoordinate(Arc::new((0..d).map(|i| 0.1 * i as f64).collect())),
        ] {
            let mut v = batch(Rank::Full, scale);
            v.members.iter_mut().for_each(|m| m.base = 0);
            let rows = Vectors::Virtual(v);
            let (mut plus, mut minus, mut single) = (vec![0.0; d], vec![0.0; d], vec![0.0f32; d]);
            rows.row_f64(0, &mut plus);
            rows.row_f64(1, &mut minus);
            rows.row_f32(0, &mut single);
            for c in 0..d {
                assert!((plus[c] + minus[c] - 1.0).abs() < 1e-12);
                assert!((plus[c] - f64::from(single[c])).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_sum_does_not_depend_on_threads() {
        let v = batch(Rank::Low(2), Scale::Scalar(1.0));
        let sum = |threads| {
            let mut out = vec![0.0; v.layout.dimension()];
            let pool = par::Pool::new(threads).unwrap();
            pool.install(|| weighted_noise(&v, &[0.3, -0.2, 1.5, 0.0, -0.7, 0.25], &mut out));
            out
        };
        assert_eq!(sum(1), sum(8));
    }
}
