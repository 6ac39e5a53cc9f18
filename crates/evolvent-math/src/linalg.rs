//! Dense linear algebra over row-major slices. Decompositions are faer's, one-threaded so that their order of
//! operations is fixed.
//!
//! faer picks instructions for the machine: unlike our own kernels, a decomposition has the same bits only on machines
//! of one instruction set.

use faer::{Mat, MatRef, Side};

/// The eigendecomposition A = B · diag(λ) · Bᵀ of a symmetric matrix.
#[derive(Clone, Debug)]
pub struct SymmetricEigen {
    /// Eigenvalues, ascending.
    pub values: Vec<f64>,
    /// Row-major n × n; column `k` is the eigenvector of value `k`, of length 1, its entry of largest magnitude positive.
    pub vectors: Vec<f64>,
}

/// Decomposes a symmetric row-major n × n matrix, of which the lower triangle is read. `None` if an entry is not finite or
/// the iteration does not converge.
pub fn symmetric_eigen(a: &[f64], n: usize) -> Option<SymmetricEigen> {
    assert_eq!(a.len(), n * n, "a square matrix");
    if a.iter().any(|x| !x.is_finite()) {
        return None;
    }
    if n == 1 {
        return Some(SymmetricEigen { values: vec![a[0]], vectors: vec![1.0] });
    }
    let eigen = MatRef::from_row_major_slice(a, n, n).self_adjoint_eigen(Side::Lower).ok()?;
    let (s, u) = (eigen.S().column_vector(), eigen.U());
    let values: Vec<f64> = (0..n).map(|k| s[k]).collect();
    let mut vectors = vec![0.0; n * n];
    for k in 0..n {
        let column = |i: usize| u[(i, k)];
        let largest = (0..n).fold(0, |best, i| if column(i).abs() > column(best).abs() { i } else { best });
        let sign = if column(largest) < 0.0 { -1.0 } else { 1.0 };
        (0..n).for_each(|i| vectors[i * n + k] = sign * column(i));
    }
    values.iter().all(|v| v.is_finite()).then_some(SymmetricEigen { values, vectors })
}

/// The lower triangular L with A = L·Lᵀ, row-major; `None` if A is not positive definite.
pub fn cholesky(a: &[f64], n: usize) -> Option<Vec<f64>> {
    assert_eq!(a.len(), n * n, "a square matrix");
    let llt = MatRef::from_row_major_slice(a, n, n).llt(Side::Lower).ok()?;
    let l: MatRef<'_, f64> = llt.L();
    Some((0..n * n).map(|k| if k % n <= k / n { l[(k / n, k % n)] } else { 0.0 }).collect())
}

/// C ← A·B for row-major A (m × k), B (k × n), C (m × n).
pub fn matmul(a: &[f64], b: &[f64], c: &mut [f64], m: usize, k: usize, n: usize) {
    let a = MatRef::from_row_major_slice(a, m, k);
    let b = MatRef::from_row_major_slice(b, k, n);
    let mut product = Mat::<f64>::zeros(m, n);
    faer::linalg::matmul::matmul(product.as_mut(), faer::Accum::Replace, a, b, 1.0, faer::Par::Seq);
    for (i, row) in c.chunks_exact_mut(n).enumerate() {
        row.iter_mut().enumerate().for_each(|(j, x)| *x = product[(i, j)]);
    }
}

/// y ← A·x for a row-major m × n matrix.
pub fn matvec(a: &[f64], x: &[f64], y: &mut [f64]) {
    for (row, y) in a.chunks_exact(x.len().max(1)).zip(y) {
        *y = crate::kernels::reduce::dot(row, x);
    }
}

/// y ← Aᵀ·x for a row-major m × n matrix.
pub fn matvec_transposed(a: &[f64], x: &[f64], y: &mut [f64]) {
    y.fill(0.0);
    for (row, &x) in a.chunks_exact(y.len().max(1)).zip(x) {
        crate::kernels::reduce::axpy(x, row, y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evolvent_core::{Purpose, RunKey, stream};

    fn symmetric(n: usize) -> Vec<f64> {
        let mut rng = stream(RunKey::from_seed(2), 0, 0, 0, Purpose::Problem);
        let mut a = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let x = rng.normal();
                (a[i * n + j], a[j * n + i]) = (x, x);
            }
        }
        a
    }

    #[test]
    fn eigen_by_hand() {
        let e = symmetric_eigen(&[2.0, 1.0, 1.0, 2.0], 2).unwrap();
        assert!((e.values[0] - 1.0).abs() < 1e-14 && (e.values[1] - 3.0).abs() < 1e-14);
        let h = 0.5f64.sqrt();
        assert!((e.vectors[1] - h).abs() < 1e-14 && (e.vectors[3] - h).abs() < 1e-14);
    }

    #[test]
    fn eigen_rebuilds_the_matrix() {
        for n in [1, 3, 10, 41] {
            let a = symmetric(n);
            let e = symmetric_eigen(&a, n).unwrap();
            for i in 0..n {
                for j in 0..n {
                    let x: f64 =
                        (0..n).map(|k| e.vectors[i * n + k] * e.values[k] * e.vectors[j * n + k]).sum();
                    assert!((x - a[i * n + j]).abs() < 1e-10);
                    let dot: f64 = (0..n).map(|k| e.vectors[i * n + k] * e.vectors[j * n + k]).sum();
                    assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-12);
                }
            }
        }
        assert!(symmetric_eigen(&[f64::NAN], 1).is_none());
    }

    #[test]
    fn cholesky_and_products() {
        let l = cholesky(&[4.0, 2.0, 2.0, 5.0], 2).unwrap();
        assert_eq!(l, [2.0, 0.0, 1.0, 2.0]);
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
        let mut c = [0.0; 2];
        matmul(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c, 2, 2, 1);
        assert_eq!(c, [17.0, 39.0]);
        matvec(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c);
        assert_eq!(c, [17.0, 39.0]);
        matvec_transposed(&[1.0, 2.0, 3.0, 4.0], &[5.0, 6.0], &mut c);
        assert_eq!(c, [23.0, 34.0]);
    }
}
