//! The noise of one population as a recipe: what evolution strategies ask with, and the sums over it that they learn from.

use crate::start;
use evolvent_core::{
    Batch, Drawn, Layout, Members, Rank, Scale, Space, Start, Stream, StreamKey, Vector, VectorGenes,
    Vectors, Violations, VirtualMember, VirtualVectors,
};
use evolvent_math::{
    par,
    rows::{Rows, draw, weighted_moments, weighted_noise},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Standard deviations stay in this range, whatever happens.
pub(crate) const SIGMAS: (f64, f64) = (1e-150, 1e150);

/// Who draws which noise: member `i` has that of its own key, or, mirrored, plus and minus that of its pair.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sampling {
    key: StreamKey,
    size: usize,
    mirrored: bool,
    rank: Rank,
}

impl Sampling {
    /// Fresh noise of this round for `size` members; `rng` is that of `ask`.
    pub(crate) fn new(rng: &Stream, size: usize, mirrored: bool, rank: Rank) -> Self {
        Sampling { key: rng.key(), size, mirrored, rank }
    }

    /// The key of antithetic pair `k`.
    pub(crate) fn pair_key(&self, k: usize) -> StreamKey {
        self.key.stream().split(k as u64)
    }

    fn members(&self) -> Vec<VirtualMember> {
        let root = self.key.stream();
        let member = |i: usize| VirtualMember {
            base: 0,
            scale: 0,
            noise: root.split(if self.mirrored { i as u64 / 2 } else { i as u64 }),
            sign: if self.mirrored && i % 2 == 1 { -1.0 } else { 1.0 },
            rank: self.rank,
        };
        (0..self.size).map(member).collect()
    }

    /// The batch of `base` + scale ⊙ noise: virtual, or written out and clamped where genes are bounded. Antithetic pairs meet the
    /// same episodes. Noise that is small is drawn once and left in `drawn` for the sums.
    pub(crate) fn batch(
        &self,
        genes: &VectorGenes,
        base: Vec<f64>,
        scale: Scale,
        drawn: &mut Drawn,
    ) -> Batch<Vector> {
        let members = self.members();
        draw(&members, if self.mirrored { 2 } else { 1 }, genes.dimension(), drawn);
        let members = Vectors::Virtual(VirtualVectors {
            layout: genes.layout.clone(),
            bases: vec![Arc::new(base)],
            scales: vec![scale],
            members,
            drawn: drawn.clone(),
        });
        let mut batch = Batch::new(if genes.bounds.is_some() { clamped(&members, genes) } else { members });
        if self.mirrored {
            batch.streams.iter_mut().for_each(|s| *s /= 2);
        }
        batch
    }

    fn noise(&self, layout: &Arc<Layout>, drawn: &Drawn) -> VirtualVectors {
        VirtualVectors {
            layout: layout.clone(),
            bases: Vec::new(),
            scales: Vec::new(),
            members: self.members(),
            drawn: drawn.clone(),
        }
    }

    /// Σ weightᵢ·noiseᵢ into `out`. `drawn` is what [`Sampling::batch`] left, if it is still there.
    pub(crate) fn sum(&self, layout: &Arc<Layout>, weights: &[f64], drawn: &Drawn, out: &mut [f64]) {
        weighted_noise(&self.noise(layout, drawn), weights, out);
    }

    /// Σ firstᵢ·noiseᵢ and Σ secondᵢ·noiseᵢ² for each coordinate. For full-rank noise.
    pub(crate) fn moments(
        &self,
        layout: &Arc<Layout>,
        (first, second): (&[f64], &[f64]),
        drawn: &Drawn,
        out: &mut [[f64; 2]],
    ) {
        debug_assert_eq!(self.rank, Rank::Full);
        weighted_moments(&self.noise(layout, drawn), first, second, out);
    }
}

/// Members written out and moved into the bounds.
fn clamped(members: &Vectors, genes: &VectorGenes) -> Vectors {
    let dimension = genes.dimension();
    let mut data = vec![0.0; members.len() * dimension];
    par::blocks(&mut data, dimension, |from, row| {
        members.row_f64(from / dimension, row);
        if let Some(bounds) = &genes.bounds {
            bounds.clamp(row);
        }
    });
    Vectors::Dense { dimension, data }
}

/// What all strategies here check of the space and the start.
pub(crate) fn check(space: &Space<Vector>, start: &Start<Vector>, v: &mut Violations) {
    v.require(space.genes.dimension() > 0, "genes.dimension", 0, "at least one gene");
    v.0.extend(start::check(start, &space.genes).err().into_iter().flat_map(|v| v.0));
}

/// λ = 4 + ⌊3 ln d⌋, the usual population size of strategies that adapt their distribution.
pub(crate) fn default_population_size(dimension: usize) -> usize {
    4 + (3.0 * libm::log(dimension as f64)) as usize
}

/// The same, rounded up to an even number.
pub(crate) fn default_even_population_size(dimension: usize) -> usize {
    default_population_size(dimension).next_multiple_of(2)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use evolvent_core::{Init, Purpose, RunKey, stream};

    /// The moments of written-out noise, one row per member.
    pub(crate) fn moments_of_rows(rows: &[f64], n: usize, first: &[f64], second: &[f64]) -> Vec<[f64; 2]> {
        let mut out = vec![[0.0; 2]; n];
        for (i, row) in rows.chunks_exact(n).enumerate() {
            for (out, z) in out.iter_mut().zip(row) {
                out[0] += first[i] * z;
                out[1] += second[i] * z * z;
            }
        }
        out
    }

    /// What a strategy learns from noise that it kept and from noise that it draws again after a checkpoint.
    #[test]
    fn kept_noise_changes_no_bit() {
        for mirrored in [true, false] {
            for n in [1, 65, 3000] {
                let rng = stream(RunKey::from_seed(3), 1, 0, 0, Purpose::Ask);
                let sampling = Sampling::new(&rng, 6, mirrored, Rank::Full);
                let genes = VectorGenes::flat(n, Init::Zeros, None);
                let mut drawn = Drawn::default();
                let batch = sampling.batch(&genes, vec![0.0; n], Scale::Scalar(1.0), &mut drawn);
                assert_eq!(drawn.rows.len(), if mirrored { 3 * n } else { 6 * n });
                let mut rows = vec![0.0; 6 * n];
                rows.chunks_mut(n).enumerate().for_each(|(i, row)| batch.row_f64(i, row));
                let (first, second) = ([0.5, -1.0, 2.0, 0.0, 0.25, 3.0], [1.0, 2.0, -0.5, 0.0, 0.0, -2.0]);
                let expected = moments_of_rows(&rows, n, &first, &second);
                let moments = |drawn: &Drawn| {
                    let (mut out, mut sum) = (vec![[0.0; 2]; n], vec![0.0; n]);
                    sampling.moments(&genes.layout, (&first, &second), drawn, &mut out);
                    sampling.sum(&genes.layout, &first, drawn, &mut sum);
                    (out, sum)
                };
                let (out, sum) = moments(&drawn);
                assert_eq!((&out, &sum), (&moments(&Drawn::default()).0, &moments(&Drawn::default()).1));
                let (found, expected) = (out.as_flattened(), expected.as_flattened());
                evolvent_test::assert_close("moments", found, expected, 1e-12, 1e-12);
                assert!(sum.iter().zip(&out).all(|(sum, out)| (sum - out[0]).abs() < 1e-12));
            }
        }
    }
}
