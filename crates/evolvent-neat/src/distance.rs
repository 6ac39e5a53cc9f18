//! The compatibility distance of graphs (Stanley & Miikkulainen 2002, section 3.3).

use crate::{graph::Graph, settings::settings};
use evolvent_core::Violations;
use std::sync::Arc;

settings! {
    /// Weights of the compatibility distance δ = c₁ E/N + c₂ D/N + c₃ W̄ (equation 1). All at least 0.
    pub struct Distance / DistanceSettings {
        /// c₁: excess genes.
        excess: f64,
        /// c₂: disjoint genes.
        disjoint: f64,
        /// c₃: mean absolute weight difference of matching genes, biases included where nodes carry them.
        weights: f64,
        /// Genomes with fewer connection genes than this count as N = 1; 0 divides always.
        small: usize,
    }
}

impl Default for Distance {
    /// Stanley & Miikkulainen 2002: 1, 1, 0.4; N = 1 below 20 genes.
    fn default() -> Self {
        Distance { excess: 1.0, disjoint: 1.0, weights: 0.4, small: 20 }
    }
}

impl Distance {
    /// N of equation 1.
    fn normaliser(&self, a: usize, b: usize) -> f64 {
        let larger = a.max(b);
        if larger < self.small { 1.0 } else { larger.max(1) as f64 }
    }

    /// What is out of range.
    pub fn check(&self) -> Result<(), Violations> {
        let mut v = Violations::new();
        v.non_negative("excess", self.excess);
        v.non_negative("disjoint", self.disjoint);
        v.non_negative("weights", self.weights);
        v.into_result()
    }
}

/// Whether δ lies below the threshold.
pub(crate) fn near(c: &Distance, threshold: f64, a: &Graph, b: &Graph) -> bool {
    // Genes that one has and the other cannot have are not worth aligning the rest for.
    let (na, nb) = (a.structure.connections(), b.structure.connections());
    let surplus = c.excess.min(c.disjoint) * na.abs_diff(nb) as f64 / c.normaliser(na, nb);
    surplus < threshold && distance(c, a, b) < threshold
}

/// δ of two genomes (equation 1).
pub(crate) fn distance(c: &Distance, a: &Graph, b: &Graph) -> f64 {
    let (sa, sb) = (&*a.structure, &*b.structure);
    let (na, nb) = (sa.connections(), sb.connections());
    let (mut matching, mut disjoint, mut difference) = (0usize, 0usize, 0.0f64);
    let (mut i, mut j) = (0, 0);
    if Arc::ptr_eq(&a.structure, &b.structure) || sa.innovations == sb.innovations {
        difference = (0..na).map(|k| f64::from((a.values[k] - b.values[k]).abs())).sum();
        (matching, i, j) = (na, na, na);
    }
    while i < na && j < nb {
        let (x, y) = (sa.innovations[i], sb.innovations[j]);
        if x == y {
            difference += f64::from((a.values[i] - b.values[j]).abs());
            matching += 1;
        } else {
            disjoint += 1;
        }
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    let excess = (na - i) + (nb - j);
    // Bias genes count as matching genes do.
    let (ba, bb) = (a.biases(), b.biases());
    if ba.iter().chain(bb).any(|&x| x != 0.0) {
        for (i, node) in sa.nodes[sa.sources as usize..].iter().enumerate() {
            if let Some(j) = sb.node(node.id) {
                difference += f64::from((ba[i] - bb[j - sb.sources as usize]).abs());
                matching += 1;
            }
        }
    }
    let n = c.normaliser(na, nb);
    let mean = if matching > 0 { difference / matching as f64 } else { 0.0 };
    c.excess * excess as f64 / n + c.disjoint * disjoint as f64 / n + c.weights * mean
}
