//! Members of a batch as owned genomes.

use evolvent_core::{Genome, Vector, Vectors};
use evolvent_math::rows::Rows;

/// Gives a member as an owned genome.
pub(crate) type Owned<G> = fn(&<G as Genome>::Members, usize) -> G;

/// A vector, written out if it is virtual.
pub(crate) fn owned_vector(members: &Vectors, i: usize) -> Vector {
    let mut row = vec![0.0; members.dimension()];
    members.row_f64(i, &mut row);
    Vector(row)
}

/// A genome that the batch holds as it is.
pub(crate) fn owned_genome<G: Genome<Members = Vec<G>>>(members: &G::Members, i: usize) -> G {
    members[i].clone()
}
