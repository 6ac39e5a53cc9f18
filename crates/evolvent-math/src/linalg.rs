//! Dense linear algebra over row-major `f64` slices, with the same bits on every machine.

use crate::kernels::matrix::{self, View};
use crate::{par, reduce};

/// Products of matrices with fewer terms are not worth waking threads for.
const PRODUCT: usize = 1 << 18;
/// Rows of a product that one thread takes at a time: a multiple of the kernel's six.
const HEIGHT: usize = 48;
/// The same for products with a vector.
const SHARED: usize = 1 << 16;

pub use crate::eigen::{SymmetricEigen, symmetric_axes, symmetric_eigen};

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

/// C ← A·B for row-major A (m × k), B (k × n), C (m × n). Large ones on all threads.
///
/// # Panics
/// If a slice does not hold that many numbers.
pub fn matmul(a: &[f64], b: &[f64], c: &mut [f64], m: usize, k: usize, n: usize) {
    assert_eq!(c.len(), m * n, "a result of {m} x {n}");
    c.fill(0.0);
    add_product(View::new(a, m, k), View::new(b, k, n), c, n);
}

/// C ← C + A·B; the rows of `c` begin `stride` apart. As [`matrix::add_product`], with rows of C shared out among threads where there is
/// much to do, which changes no bit.
pub fn add_product(a: View<'_>, b: View<'_>, c: &mut [f64], stride: usize) {
    let (rows, inner) = a.size();
    if rows * inner * b.size().1 < PRODUCT {
        return matrix::add_product(a, b, c, stride);
    }
    let end = (rows - 1) * stride + b.size().1;
    par::blocks(&mut c[..end], HEIGHT * stride, |from, c| {
        let first = from / stride;
        matrix::add_product(a.rows(first..rows.min(first + HEIGHT)), b, c, stride);
    });
}

/// y ← A·x for a row-major matrix of `y.len()` rows.
pub fn matvec(a: &[f64], x: &[f64], y: &mut [f64]) {
    matvec_strided(a, x.len(), x, y);
}

/// The same for rows that begin `stride` apart. Large ones on all threads.
pub fn matvec_strided(a: &[f64], stride: usize, x: &[f64], y: &mut [f64]) {
    if x.len() * y.len() < SHARED {
        return matrix::matvec(a, stride, x, y);
    }
    par::blocks(y, (y.len() / 4).next_multiple_of(8), |from, y| {
        matrix::matvec(&a[from * stride..], stride, x, y)
    });
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
