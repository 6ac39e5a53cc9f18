//! Small problems for each genome kind.

use evolvent_core::{Batch, Bounds, Genome, Init, Vector, VectorGenes};
use evolvent_math::rows::Rows;

/// Losses are multiples of this, so that offsets, differences and mirrors of them are exact.
pub const GRAIN: f64 = 1.0 / 1024.0;

/// A genome kind with a family of small problems: what the conformance suite runs on. A kind that is not of
/// `evolvent-core` implements it in the tests of the crate that owns it.
pub trait Specimen: Genome {
    /// Genes for genomes of about `size` parts; `size` is at least 1.
    fn genes(size: usize) -> Self::Genes;

    /// The same inside a box, if the kind has bounds. The optimum of objective 1 lies outside of it.
    fn bounded_genes(_size: usize) -> Option<Self::Genes> {
        None
    }

    /// Whether a genome lies in the box of its genes.
    fn is_inside(&self, _genes: &Self::Genes) -> bool {
        true
    }

    /// A genome that `genes` does not fit, if the kind has such.
    fn misfit(size: usize) -> Option<Self>;

    /// Some genome that fits `genes`.
    fn example(genes: &Self::Genes) -> Self;

    /// Objective number `objective` of a genome: a loss that can be improved step by step, at least 0, below 2²⁰. Use
    /// [`quantise`]. Objectives of different numbers pull in different directions.
    fn loss(&self, objective: usize) -> f64;

    /// Whether every number in it is finite.
    fn is_sound(&self) -> bool;

    /// All members of a batch, written out.
    fn written_out(batch: &Batch<Self>) -> Vec<Self>;
}

/// The nearest multiple of [`GRAIN`] in [0, 2²⁰).
pub fn quantise(loss: f64) -> f64 {
    ((loss / GRAIN).round() * GRAIN).clamp(0.0, 1_048_575.0)
}

/// Spheres around ½, −½, 1, −1, ….
impl Specimen for Vector {
    fn genes(size: usize) -> VectorGenes {
        VectorGenes::flat(size, Init::Uniform { low: -3.0, high: 3.0 }, None)
    }

    fn bounded_genes(size: usize) -> Option<VectorGenes> {
        let bounds = Bounds { low: vec![0.25; size], high: vec![4.0; size] };
        Some(VectorGenes::flat(size, Init::Uniform { low: 0.5, high: 4.0 }, Some(bounds)))
    }

    fn is_inside(&self, genes: &VectorGenes) -> bool {
        genes.bounds.as_ref().is_none_or(|b| {
            self.0.iter().zip(&b.low).zip(&b.high).all(|((x, low), high)| (low..=high).contains(&x))
        })
    }

    fn misfit(size: usize) -> Option<Self> {
        Some(Vector(vec![0.0; size + 1]))
    }

    fn example(genes: &VectorGenes) -> Self {
        Vector((0..genes.dimension()).map(|i| 1.0 - 0.25 * (i % 7) as f64).collect())
    }

    fn loss(&self, objective: usize) -> f64 {
        let size = (1 + objective / 2) as f64 / 2.0;
        let centre = if objective.is_multiple_of(2) { size } else { -size };
        quantise(self.0.iter().map(|x| (x - centre).powi(2)).sum())
    }

    fn is_sound(&self) -> bool {
        self.0.iter().all(|x| x.is_finite())
    }

    fn written_out(batch: &Batch<Self>) -> Vec<Self> {
        let row = |i| {
            let mut row = vec![0.0; batch.dimension()];
            batch.row_f64(i, &mut row);
            Vector(row)
        };
        (0..batch.len()).map(row).collect()
    }
}
