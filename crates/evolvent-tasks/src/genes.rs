//! Genes of problems that have coordinates.

use evolvent_core::{Bounds, Init, Layout, Role, VectorGenes};
use std::sync::Arc;

/// Genes that start uniform in their intervals, one block for each run of equal intervals, and stay in them if `bounded`.
pub(crate) fn uniform_within(region: Bounds, bounded: bool) -> VectorGenes {
    let intervals: Vec<(f64, f64)> = region.low.iter().copied().zip(region.high.iter().copied()).collect();
    let mut layout = Layout { blocks: Vec::new() };
    for run in intervals.chunk_by(|a, b| a == b) {
        let (low, high) = run[0];
        let name = format!("x{}", layout.dimension());
        layout.push(name, vec![run.len()], Role::Coordinate, Init::Uniform { low, high }, vec![None]);
    }
    VectorGenes { layout: Arc::new(layout), bounds: bounded.then_some(region) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_neighbours_share_a_block() {
        let region = Bounds { low: vec![0.0, -5.0, -5.0], high: vec![1.0, 5.0, 5.0] };
        let genes = uniform_within(region.clone(), true);
        let blocks: Vec<_> =
            genes.layout.blocks.iter().map(|b| (b.name.as_str(), b.offset, b.len())).collect();
        assert_eq!(blocks, [("x0", 0, 1), ("x1", 1, 2)]);
        assert_eq!(genes.layout.blocks[1].init, Init::Uniform { low: -5.0, high: 5.0 });
        assert_eq!((genes.dimension(), genes.bounds), (3, Some(region.clone())));
        assert!(uniform_within(region, false).bounds.is_none());
    }
}
