//! The transformations of BBOB (Hansen, Finck, Ros & Auger 2009, section 0.2).

use evolvent_math::kernels::vectorize;
use evolvent_math::reduce::dot_inline;

/// The share of coordinate `i` of `n`: 0 for the first, 1 for the last.
pub(super) fn share(i: usize, n: usize) -> f64 {
    i as f64 / (n as f64 - 1.0)
}

/// The diagonal of Λ^α: √α to the power of each coordinate's share.
pub(super) fn conditioning(n: usize, alpha: f64) -> Vec<f64> {
    (0..n).map(|i| libm::pow(alpha.sqrt(), share(i, n))).collect()
}

/// T_osz of one number: smooth, slightly irregular, keeps sign and 0.
pub(super) fn oscillate(x: f64) -> f64 {
    if x == 0.0 {
        return 0.0;
    }
    let (c1, c2) = if x > 0.0 { (1.0, 0.79) } else { (0.55, 0.31) };
    // Published as exp(x̂ + 0.049 (sin c₁x̂ + sin c₂x̂)) with c = 10 and 7.9, or 5.5 and 3.1; x̂ is ten times as large here.
    let log = libm::log(x.abs()) / 0.1;
    libm::exp(0.1 * (log + 0.49 * (libm::sin(c1 * log) + libm::sin(c2 * log)))).copysign(x)
}

/// T_osz of every coordinate.
pub(super) fn oscillate_all(x: &mut [f64]) {
    x.iter_mut().for_each(|x| *x = oscillate(*x));
}

/// T_asy^β: positive coordinates are raised to a power that grows with their share and their root.
pub(super) fn asymmetric(x: &mut [f64], beta: f64) {
    let n = x.len();
    for i in 0..n {
        if x[i] > 0.0 {
            x[i] = libm::pow(x[i], 1.0 + beta * share(i, n) * x[i].sqrt());
        }
    }
}

/// f_pen: the squared distance from [−5, 5]ⁿ.
pub(super) fn penalty(x: &[f64]) -> f64 {
    let beyond = |x: &f64| (x.abs() - 5.0).max(0.0);
    x.iter().map(|x| beyond(x) * beyond(x)).sum()
}

/// `out` = x − y.
pub(super) fn subtract(x: &[f64], y: &[f64], out: &mut [f64]) {
    for i in 0..out.len() {
        out[i] = x[i] - y[i];
    }
}

/// `out` = M x, M row-major.
pub(super) fn multiply(matrix: &[f64], x: &[f64], out: &mut [f64]) {
    vectorize(
        #[inline(always)]
        || {
            for (out, row) in out.iter_mut().zip(matrix.chunks_exact(x.len())) {
                *out = dot_inline(row, x);
            }
        },
    );
}

/// diag(d) M.
pub(super) fn scale_rows(diagonal: &[f64], matrix: &[f64]) -> Vec<f64> {
    let n = diagonal.len();
    (0..n * n).map(|at| diagonal[at / n] * matrix[at]).collect()
}

/// A diag(d) B.
pub(super) fn product(a: &[f64], diagonal: &[f64], b: &[f64]) -> Vec<f64> {
    let n = diagonal.len();
    let entry = |i: usize, j: usize| (0..n).map(|k| a[i * n + k] * diagonal[k] * b[k * n + j]).sum();
    (0..n * n).map(|at| entry(at / n, at % n)).collect()
}

/// Rounds half up, as BBOB does.
pub(super) fn round(x: f64) -> f64 {
    (x + 0.5).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oscillation_keeps_sign_and_fixed_points() {
        assert_eq!(oscillate(0.0), 0.0);
        assert_eq!((oscillate(1.0), oscillate(-1.0)), (1.0, -1.0));
        let log = libm::log(2.0);
        let published = libm::exp(log + 0.049 * (libm::sin(10.0 * log) + libm::sin(7.9 * log)));
        assert!((oscillate(2.0) - published).abs() < 1e-14);
        let published = -libm::exp(log + 0.049 * (libm::sin(5.5 * log) + libm::sin(3.1 * log)));
        assert!((oscillate(-2.0) - published).abs() < 1e-14);
    }

    #[test]
    fn asymmetry_touches_positive_coordinates_only() {
        let mut x = [4.0, -4.0, 4.0];
        asymmetric(&mut x, 0.5);
        assert_eq!((x[0], x[1]), (4.0, -4.0));
        assert!((x[2] - libm::pow(4.0, 2.0)).abs() < 1e-12);
    }

    #[test]
    fn products() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(product(&a, &[1.0, 10.0], &b), [20.0, 1.0, 40.0, 3.0]);
        assert_eq!(scale_rows(&[2.0, 3.0], &a), [2.0, 4.0, 9.0, 12.0]);
        let mut out = [0.0; 2];
        multiply(&a, &[1.0, -1.0], &mut out);
        assert_eq!(out, [-1.0, -1.0]);
        assert_eq!(penalty(&[6.0, -7.0, 5.0]), 5.0);
        assert_eq!((round(0.5), round(-0.5), round(-1.2)), (1.0, 0.0, -1.0));
    }
}
