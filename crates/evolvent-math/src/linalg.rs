//! Dense linear algebra over row-major `f64` slices, with the same bits on every machine.

use crate::kernels::matrix::{self, View};
use crate::reduce;

pub use crate::eigen::{SymmetricEigen, symmetric_eigen};

/// The lower triangular L with A = L·Lᵀ, row-major; `None` if A is not positive definite (or not finite). The lower triangle
/// of A is read.
///
/// # Panics
/// If `a` does not hold n² numbers.
pub fn cholesky(a: &[f64], n: usize) -> Option<Vec<f64>> {
    assert_eq!(a.len(), n * n, "a square matrix");
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        let (above, row) = l.split_at_mut(i * n);
        for j in 0..i {
            let other = &above[j * n..j * n + j + 1];
            row[j] = (a[i * n + j] - reduce::dot(&row[..j], &other[..j])) / other[j];
        }
        let pivot = a[i * n + i] - reduce::dot(&row[..i], &row[..i]);
        if !(pivot > 0.0 && pivot.is_finite()) {
            return None;
        }
        row[i] = pivot.sqrt();
    }
    Some(l)
}

/// Solves L·x = b in place for a lower triangular row-major L.
pub fn solve_lower(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in 0..n {
        let (before, rest) = x.split_at_mut(i);
        rest[0] = (rest[0] - reduce::dot(&l[i * n..i * n + i], before)) / l[i * n + i];
    }
}

/// Solves Lᵀ·x = b in place for a lower triangular row-major L.
pub fn solve_lower_transposed(l: &[f64], x: &mut [f64]) {
    let n = x.len();
    for i in (0..n).rev() {
        let (before, rest) = x.split_at_mut(i);
        rest[0] /= l[i * n + i];
        reduce::axpy(-rest[0], &l[i * n..i * n + i], before);
    }
}

/// C ← A·B for row-major A (m × k), B (k × n), C (m × n).
///
/// # Panics
/// If a slice does not hold that many numbers.
pub fn matmul(a: &[f64], b: &[f64], c: &mut [f64], m: usize, k: usize, n: usize) {
    assert_eq!(c.len(), m * n, "a result of {m} x {n}");
    c.fill(0.0);
    matrix::add_product(View::new(a, m, k), View::new(b, k, n), c, n);
}

/// y ← A·x for a row-major matrix of `y.len()` rows.
pub fn matvec(a: &[f64], x: &[f64], y: &mut [f64]) {
    matrix::matvec(a, x.len(), x, y);
}

/// y ← Aᵀ·x for a row-major matrix of `x.len()` rows.
pub fn matvec_transposed(a: &[f64], x: &[f64], y: &mut [f64]) {
    y.fill(0.0);
    matrix::add_product(View::new(x, 1, x.len()), View::new(a, x.len(), y.len()), y, y.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_and_products() {
        let l = cholesky(&[4.0, 2.0, 2.0, 5.0], 2).unwrap();
        assert_eq!(l, [2.0, 0.0, 1.0, 2.0]);
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        assert!(cholesky(&[f64::NAN], 1).is_none());
        let mut x = [2.0, 9.0];
        solve_lower(&l, &mut x);
        assert_eq!(x, [1.0, 4.0]);
        solve_lower_transposed(&l, &mut x);
        assert_eq!(x, [-0.5, 2.0]);
        let mut c = [0.0; 2];
        matmul(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c, 2, 2, 1);
        assert_eq!(c, [17.0, 39.0]);
        matvec(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c);
        assert_eq!(c, [17.0, 39.0]);
        matvec_transposed(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c);
        assert_eq!(c, [23.0, 34.0]);
    }
}
