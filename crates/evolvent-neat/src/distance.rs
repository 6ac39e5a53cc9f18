//! The compatibility distance of graphs (Stanley & Miikkulainen 2002, section 3.3).

use crate::{graph::Graph, settings::settings};
use evolvent_core::Violations;

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

/// A genome made ready to be compared with many.
#[derive(Clone, Copy)]
pub(crate) struct Comparable<'a> {
    graph: &'a Graph,
    /// Which innovation numbers modulo 128 it has: every bit that two genomes do not share is a gene that they do not share.
    marks: u128,
    /// Whether any bias is not 0.
    biased: bool,
}

impl<'a> Comparable<'a> {
    pub(crate) fn new(graph: &'a Graph) -> Self {
        let marks = graph.structure.innovations.iter().fold(0, |marks, &i| marks | 1 << (i % 128));
        Comparable { graph, marks, biased: graph.biases().iter().any(|&b| b != 0.0) }
    }
}

/// Whether δ lies below the threshold.
pub(crate) fn near(c: &Distance, threshold: f64, a: &Comparable<'_>, b: &Comparable<'_>) -> bool {
    // Most pairs differ in more genes than the threshold allows, whatever their weights.
    let (na, nb) = (a.graph.structure.connections(), b.graph.structure.connections());
    let each = c.excess.min(c.disjoint) / c.normaliser(na, nb) * (1.0 - 1e-9); // less than rounding could make it
    let surplus = na.abs_diff(nb).max((a.marks ^ b.marks).count_ones() as usize);
    if each * surplus as f64 >= threshold {
        return false;
    }
    let most = if each > 0.0 { (threshold / each) as usize } else { usize::MAX };
    bounded(c, most, a, b).is_some_and(|d| d < threshold)
}

/// δ of two genomes (equation 1).
pub(crate) fn distance(c: &Distance, a: &Graph, b: &Graph) -> f64 {
    bounded(c, usize::MAX, &Comparable::new(a), &Comparable::new(b)).unwrap_or(f64::INFINITY)
}

/// δ, unless more than `most` genes are disjoint or excess.
fn bounded(c: &Distance, most: usize, a: &Comparable<'_>, b: &Comparable<'_>) -> Option<f64> {
    let biased = a.biased || b.biased;
    let (a, b) = (a.graph, b.graph);
    let (sa, sb) = (&*a.structure, &*b.structure);
    let (na, nb) = (sa.connections(), sb.connections());
    let (ia, ib) = (&sa.innovations[..na], &sb.innovations[..nb]);
    let (va, vb) = (&a.values[..na], &b.values[..nb]);
    let gap = |i: usize, j: usize| f64::from((va[i] - vb[j]).abs());
    // Relatives share their oldest genes.
    let mut difference = 0.0f64;
    let mut i = 0;
    while i < na.min(nb) && ia[i] == ib[i] {
        difference += gap(i, i);
        i += 1;
    }
    let (mut j, mut matching) = (i, i);
    while i < na && j < nb {
        let (x, y) = (ia[i], ib[j]);
        // No branch here: which genome has the next gene cannot be foreseen.
        difference += if x == y { gap(i, j) } else { 0.0 };
        matching += usize::from(x == y);
        i += usize::from(x <= y);
        j += usize::from(y <= x);
        if i + j - 2 * matching > most {
            return None;
        }
    }
    let disjoint = i + j - 2 * matching;
    let excess = (na - i) + (nb - j);
    // Bias genes count as matching genes do.
    if biased {
        let (ba, bb) = (a.biases(), b.biases());
        for (i, node) in sa.nodes[sa.sources as usize..].iter().enumerate() {
            if let Some(j) = sb.node(node.id) {
                difference += f64::from((ba[i] - bb[j - sb.sources as usize]).abs());
                matching += 1;
            }
        }
    }
    let n = c.normaliser(na, nb);
    let mean = if matching > 0 { difference / matching as f64 } else { 0.0 };
    Some(c.excess * excess as f64 / n + c.disjoint * disjoint as f64 / n + c.weights * mean)
}
