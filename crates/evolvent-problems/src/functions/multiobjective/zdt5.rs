//! ZDT5 (Zitzler, Deb & Thiele 2000, T5).

use super::Biobjective;
use evolvent_core::Bounds;

const FIRST: usize = 30;
const OTHERS: usize = 5;

/// A binary problem: the first 30 bits are one string u₁, each following 5 bits another (the last may be shorter); ten of
/// these in the publication, so 80 bits. A bit is a coordinate in [0, 1] that counts as one from 0.5 on. With |u| the
/// number of ones, f₁ = 1 + |u₁|, f₂ = Σ v(uᵢ)/f₁, v(u) = 2 + |u|, or 1 if all bits are ones. Front: f₂ = 10/f₁ for
/// f₁ = 1 … 31, all other strings full of ones; deceptive, since v rewards zeros everywhere else.
#[derive(Clone, Debug)]
pub struct Zdt5 {
    dimension: usize,
}

fn ones(bits: &[f64]) -> usize {
    bits.iter().filter(|&&bit| bit >= 0.5).count()
}

impl Biobjective for Zdt5 {
    const DIMENSION: usize = FIRST + 10 * OTHERS;
    const LEAST_DIMENSION: usize = FIRST + 1;

    fn new(dimension: usize) -> Self {
        Zdt5 { dimension }
    }

    fn region(&self) -> Bounds {
        Bounds::uniform(self.dimension, 0.0, 1.0)
    }

    fn objectives(&self, x: &[f64], _: &mut [f64]) -> [f64; 2] {
        let (first, rest) = x.split_at(FIRST);
        let f1 = 1 + ones(first);
        let value = |bits: &[f64]| if ones(bits) == bits.len() { 1 } else { 2 + ones(bits) };
        let g: usize = rest.chunks(OTHERS).map(value).sum();
        [f1 as f64, g as f64 / f1 as f64]
    }

    fn front(&self, _: usize) -> Option<Vec<[f64; 2]>> {
        let others = (self.dimension - FIRST).div_ceil(OTHERS) as f64;
        Some((1..=1 + FIRST).map(|f1| [f1 as f64, others / f1 as f64]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check_front, close, value};
    use super::Zdt5;

    #[test]
    fn values_and_front() {
        let mut x = vec![0.0; 80];
        close(value::<Zdt5>(&x).0, [1.0, 20.0]);
        x[3] = 0.5;
        x[30..34].fill(1.0);
        x[35..40].fill(1.0);
        close(value::<Zdt5>(&x).0, [2.0, (6.0 + 1.0 + 8.0 * 2.0) / 2.0]);
        check_front::<Zdt5>(80, |t| {
            let first = (t * 30.0) as usize;
            [vec![1.0; first], vec![0.0; 30 - first], vec![1.0; 50]].concat()
        });
    }
}
