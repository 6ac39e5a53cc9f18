//! Divide and conquer for the symmetric tridiagonal eigenvalue problem.
//!
//! Cuppen 1981, with the deflation of Dongarra & Sorensen 1987 and the eigenvectors of Gu & Eisenstat 1995: the matrix is torn
//! into two halves and a correction of rank one,
//!
//! ```text
//! T = diag(T₁, T₂) + ρ·u·uᵀ = Q·(D + ρ·z·zᵀ)·Qᵀ       Q = diag(Q₁, Q₂), z = Qᵀ·u
//! ```
//!
//! whose eigenvalues are the roots of 1 + ρ·Σ zⱼ²/(dⱼ − λ), found by rational interpolation ("fixed weight", Li 1993). Eigenvectors of the
//! middle matrix come from the vector ẑ for which the computed roots are exact, so they are orthogonal however close roots are.
//! Nearly all work is two products of matrices per merge, and less than that where components deflate.

use super::{Strips, diagonalize};
use crate::kernels::matrix::View;
use crate::kernels::vectorize;
use crate::linalg::add_product;
use crate::par;

/// Sizes up to which a part is diagonalised by QL.
const LEAF: usize = 32;
/// Roots that one thread takes at a time.
const ROOTS: usize = 64;
/// Steps allowed for one root; four suffice on average.
const STEPS: usize = 100;

/// Eigenvalues (into `d`) and eigenvectors (the rows of the result) of the matrix with diagonal `d` and subdiagonal `e`. `None` if an
/// iteration does not converge.
pub(super) fn eigen(d: &mut [f64], e: &mut [f64]) -> Option<Vec<f64>> {
    let n = d.len();
    let mut v = vec![0.0; n * n];
    part(d, e, &mut v, n)?;
    Some(v)
}

/// The block of `v`, whose rows begin `stride` apart, becomes the eigenvectors of the part with diagonal `d`.
fn part(d: &mut [f64], e: &mut [f64], v: &mut [f64], stride: usize) -> Option<()> {
    let n = d.len();
    if n <= LEAF {
        return leaf(d, e, v, stride);
    }
    let half = n / 2;
    let coupling = e[half - 1];
    // What u·uᵀ adds to the diagonal is taken away first.
    d[half - 1] -= coupling.abs();
    d[half] -= coupling.abs();
    {
        let (d, e, v) = (&mut *d, &mut *e, &mut *v);
        part(&mut d[..half], &mut e[..half], v, stride)?;
        part(&mut d[half..], &mut e[half..], &mut v[half * stride + half..], stride)?;
    }
    Merge::new(d, v, stride, half, coupling).run(d, v, stride)
}

fn leaf(d: &mut [f64], e: &mut [f64], v: &mut [f64], stride: usize) -> Option<()> {
    let n = d.len();
    if n == 0 {
        return Some(());
    }
    let mut identity = vec![0.0; n * n];
    (0..n).for_each(|i| identity[i * n + i] = 1.0);
    let mut strips = Strips::of_transpose(&identity, n);
    // The entry behind the part belongs to the next one.
    let mut inner = e[..n - 1].to_vec();
    inner.push(0.0);
    diagonalize(d, &mut inner, &mut strips)?;
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| d[i].total_cmp(&d[j]));
    let values: Vec<f64> = order.iter().map(|&i| d[i]).collect();
    d.copy_from_slice(&values);
    for (k, &row) in order.iter().enumerate() {
        (0..n).for_each(|column| v[k * stride + column] = strips.at(row, column));
    }
    Some(())
}

/// Which half of the coordinates an eigenvector lives in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    First,
    Both,
    Second,
}

/// The correction of rank one, after deflation.
struct Merge {
    half: usize,
    rho: f64,
    z: Vec<f64>,
    /// Rows that stay as they are.
    deflated: Vec<usize>,
    /// The others, with ascending values, and where they live.
    kept: Vec<usize>,
    sides: Vec<Side>,
}

impl Merge {
    /// Deflates: rows with no weight in z stay, and of rows with nearly the same value one gets all the weight by a rotation.
    fn new(d: &mut [f64], v: &mut [f64], stride: usize, half: usize, coupling: f64) -> Merge {
        let n = d.len();
        let sign = if coupling < 0.0 { -1.0 } else { 1.0 };
        let root = std::f64::consts::FRAC_1_SQRT_2;
        let component = |i: usize| {
            if i < half { root * v[i * stride + half - 1] } else { root * sign * v[i * stride + half] }
        };
        let mut z: Vec<f64> = (0..n).map(component).collect();
        let rho = 2.0 * coupling.abs();
        let largest = |x: &[f64]| x.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        let tolerance = 8.0 * f64::EPSILON * largest(d).max(largest(&z));
        let mut sides: Vec<Side> =
            (0..n).map(|i| if i < half { Side::First } else { Side::Second }).collect();
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| d[i].total_cmp(&d[j]).then(i.cmp(&j)));
        let (mut deflated, mut kept) = (Vec::new(), Vec::new());
        let mut open: Option<usize> = None;
        for j in order {
            if rho * z[j].abs() <= tolerance {
                deflated.push(j);
                continue;
            }
            let Some(p) = open.replace(j) else { continue };
            let length = (z[j] * z[j] + z[p] * z[p]).sqrt();
            let (c, s, gap) = (z[j] / length, -z[p] / length, d[j] - d[p]);
            if (gap * c * s).abs() > tolerance {
                kept.push(p);
                continue;
            }
            (z[j], z[p]) = (length, 0.0);
            if sides[j] != sides[p] {
                (sides[j], sides[p]) = (Side::Both, Side::Both);
            }
            rotate(v, stride, n, p, j, c, s);
            (d[p], d[j]) = (d[p] * c * c + d[j] * s * s, d[p] * s * s + d[j] * c * c);
            deflated.push(p);
        }
        kept.extend(open);
        Merge { half, rho, z, deflated, kept, sides }
    }

    fn run(self, d: &mut [f64], v: &mut [f64], stride: usize) -> Option<()> {
        let (n, k) = (d.len(), self.kept.len());
        let poles: Vec<f64> = self.kept.iter().map(|&i| d[i]).collect();
        let squares: Vec<f64> = self.kept.iter().map(|&i| self.z[i] * self.z[i]).collect();
        let secular = Secular { poles: &poles, squares: &squares, inverse: 1.0 / self.rho };
        let roots: Vec<Option<Vec<(usize, f64)>>> = par::map(k.div_ceil(ROOTS), |c| {
            let range = c * ROOTS..k.min((c + 1) * ROOTS);
            vectorize(
                #[inline(always)]
                || range.map(|i| secular.root(i)).collect(),
            )
        });
        let roots: Vec<(usize, f64)> = roots.into_iter().collect::<Option<Vec<_>>>()?.concat();
        let vectors = vectors(&poles, &self.kept.iter().map(|&i| self.z[i]).collect::<Vec<_>>(), &roots);

        // New rows are combinations of the old ones; each half of the coordinates needs those rows only that live there.
        let mut columns: Vec<usize> = (0..k).collect();
        columns.sort_by_key(|&c| (self.sides[self.kept[c]], c));
        let count = |side: Side| self.kept.iter().filter(|&&i| self.sides[i] == side).count();
        let (first, both) = (count(Side::First), count(Side::Both));
        let mut new = vec![0.0; k * n];
        for (columns, coordinates) in
            [(&columns[..first + both], 0..self.half), (&columns[first..], self.half..n)]
        {
            let width = columns.len();
            let mut factors = vec![0.0; k * width];
            par::blocks(&mut factors, ROOTS * width, |from, rows| {
                for (r, row) in rows.chunks_exact_mut(width).enumerate() {
                    let vector = &vectors[(from / width + r) * k..][..k];
                    row.iter_mut().zip(columns).for_each(|(x, &c)| *x = vector[c]);
                }
            });
            let mut old = Vec::with_capacity(width * coordinates.len());
            for &c in columns {
                old.extend_from_slice(&v[self.kept[c] * stride..][coordinates.clone()]);
            }
            if width > 0 {
                let old = View::new(&old, width, coordinates.len());
                add_product(View::new(&factors, k, width), old, &mut new[coordinates.start..], n);
            }
        }

        // All rows in the order of their values.
        let mut all: Vec<(f64, bool, usize)> = self.deflated.iter().map(|&i| (d[i], false, i)).collect();
        all.extend(roots.iter().enumerate().map(|(i, &(pole, offset))| (poles[pole] + offset, true, i)));
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        let stay: Vec<f64> =
            self.deflated.iter().flat_map(|&i| v[i * stride..i * stride + n].iter().copied()).collect();
        let place: Vec<usize> = {
            let mut place = vec![0; n];
            self.deflated.iter().enumerate().for_each(|(k, &i)| place[i] = k);
            place
        };
        for (row, &(value, is_new, i)) in all.iter().enumerate() {
            d[row] = value;
            let from = if is_new { &new[i * n..(i + 1) * n] } else { &stay[place[i] * n..][..n] };
            v[row * stride..row * stride + n].copy_from_slice(from);
        }
        Some(())
    }
}

/// Rows p and j of the block become c·p + s·j and c·j − s·p.
fn rotate(v: &mut [f64], stride: usize, n: usize, p: usize, j: usize, c: f64, s: f64) {
    for column in 0..n {
        let (x, y) = (v[p * stride + column], v[j * stride + column]);
        v[p * stride + column] = c * x + s * y;
        v[j * stride + column] = c * y - s * x;
    }
}

/// The function 1/ρ + Σ zⱼ²/(dⱼ − λ), which grows from pole to pole.
struct Secular<'a> {
    poles: &'a [f64],
    squares: &'a [f64],
    inverse: f64,
}

/// Its value at a point in parts: the sums over poles below and above with their derivatives.
struct Parts {
    below: [f64; 2],
    above: [f64; 2],
}

impl Secular<'_> {
    /// Σ zⱼ²/(dⱼ − λ) and its derivative, for λ = origin + offset, over poles `range`.
    #[inline(always)]
    fn sums(&self, range: std::ops::Range<usize>, origin: f64, offset: f64) -> [f64; 2] {
        let (mut values, mut slopes) = ([0.0; 8], [0.0; 8]);
        let (poles, pole_rest) = self.poles[range.clone()].as_chunks::<8>();
        let (squares, square_rest) = self.squares[range].as_chunks::<8>();
        for (poles, squares) in poles.iter().zip(squares) {
            for l in 0..8 {
                let inverse = 1.0 / ((poles[l] - origin) - offset);
                let term = squares[l] * inverse;
                values[l] += term;
                slopes[l] = term.mul_add(inverse, slopes[l]);
            }
        }
        for (l, (pole, square)) in pole_rest.iter().zip(square_rest).enumerate() {
            let inverse = 1.0 / ((pole - origin) - offset);
            let term = square * inverse;
            values[l] += term;
            slopes[l] = term.mul_add(inverse, slopes[l]);
        }
        let tree = |x: [f64; 8]| ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
        [tree(values), tree(slopes)]
    }

    #[inline(always)]
    fn parts(&self, split: usize, origin: f64, offset: f64) -> Parts {
        Parts {
            below: self.sums(0..split, origin, offset),
            above: self.sums(split..self.poles.len(), origin, offset),
        }
    }

    /// Root `i`, which lies between pole `i` and the next, as the nearest pole and the distance from it; `None` if it takes too long.
    #[inline(always)]
    fn root(&self, i: usize) -> Option<(usize, f64)> {
        let (d, k) = (self.poles, self.poles.len());
        if k == 1 {
            return Some((0, self.squares[0] / self.inverse));
        }
        let last = i + 1 == k;
        // The two poles between which the function is interpolated; the last root lies beyond both.
        let (left, right) = if last { (k - 2, k - 1) } else { (i, i + 1) };
        let split = right;
        let total: f64 = if last { self.squares.iter().sum() } else { 0.0 };
        let gap = if last { total / self.inverse * (1.0 + 4.0 * f64::EPSILON) } else { d[right] - d[left] };
        let middle = 0.5 * gap;
        let near = if last { right } else { left };
        let parts = self.parts(split, d[near], middle);
        let value = self.inverse + parts.below[0] + parts.above[0];
        let (pole, mut low, mut high) = match (value > 0.0, last) {
            (true, _) => (near, 0.0, middle),
            (false, true) => (near, middle, gap),
            (false, false) => (right, -middle, 0.0),
        };
        let origin = d[pole];
        let (z1, z2) = (self.squares[left], self.squares[right]);
        let mut x = if last { middle } else { start(value, middle, gap, pole == left, z1, z2) };
        if !(x > low && x < high) {
            x = 0.5 * (low + high);
        }
        for step in 0..STEPS {
            let Parts { below, above } = self.parts(split, origin, x);
            let (value, slope) = (self.inverse + below[0] + above[0], below[1] + above[1]);
            let error = 8.0 * (below[0].abs() + above[0].abs()) + 2.0 * self.inverse + x.abs() * slope;
            if value.abs() <= f64::EPSILON * error {
                return Some((pole, x));
            }
            if value < 0.0 {
                low = x;
            } else {
                high = x;
            }
            let (d1, d2) = ((d[left] - origin) - x, (d[right] - origin) - x);
            let c = if last {
                (value - d1 * below[1] - d2 * above[1]).abs()
            } else if pole == left {
                value - d2 * slope - (d[left] - d[right]) * (z1 / d1 / d1)
            } else {
                value - d1 * slope - (d[right] - d[left]) * (z2 / d2 / d2)
            };
            let (a, b) = ((d1 + d2) * value - d1 * d2 * slope, d1 * d2 * value);
            let root = (a * a - 4.0 * b * c).abs().sqrt();
            let mut change = match (last, a > 0.0) {
                (true, true) => (a + root) / (2.0 * c),
                (true, false) => 2.0 * b / (a - root),
                (false, true) => 2.0 * b / (a + root),
                (false, false) => (a - root) / (2.0 * c),
            };
            // It must go the way that the sign says; Newton's step does.
            let right_way = value * change < 0.0;
            if !right_way {
                change = -value / slope;
            }
            let mut next = x + change;
            if !(next > low && next < high) || step % 8 == 7 {
                next = 0.5 * (low + high);
            }
            if next == x || next <= low || next >= high {
                return Some((pole, x));
            }
            x = next;
        }
        None
    }
}

/// A first guess between two poles: the root of the function with all other poles' terms as they are in the middle.
#[inline(always)]
fn start(value: f64, middle: f64, gap: f64, left: bool, z1: f64, z2: f64) -> f64 {
    let c = value + z1 / middle - z2 / middle;
    if left {
        let (a, b) = (c * gap + z1 + z2, z1 * gap);
        let root = (a * a - 4.0 * b * c).abs().sqrt();
        if a > 0.0 { 2.0 * b / (a + root) } else { (a - root) / (2.0 * c) }
    } else {
        let (a, b) = (-c * gap + z1 + z2, z2 * gap);
        let root = (a * a + 4.0 * b * c).abs().sqrt();
        if a < 0.0 { 2.0 * b / (a - root) } else { -(a + root) / (2.0 * c) }
    }
}

/// The eigenvectors of D + ρ·z·zᵀ, one per row, from its roots.
fn vectors(poles: &[f64], z: &[f64], roots: &[(usize, f64)]) -> Vec<f64> {
    let k = poles.len();
    // Entry (i, j) is dⱼ − λᵢ, exact to some units in the last place.
    let mut rows = vec![0.0; k * k];
    par::blocks(&mut rows, ROOTS * k, |from, rows| {
        vectorize(
            #[inline(always)]
            || {
                for (row, &(pole, offset)) in rows.chunks_exact_mut(k).zip(&roots[from / k..]) {
                    let origin = poles[pole];
                    row.iter_mut().zip(poles).for_each(|(x, d)| *x = (d - origin) - offset);
                }
            },
        );
    });
    // ẑⱼ² = Πᵢ (λᵢ − dⱼ)/Π_{i≠j} (dᵢ − dⱼ): Gu & Eisenstat 1995, equation 3.3, up to a factor that is the same for all.
    let mut weights = vec![1.0; k];
    par::blocks(&mut weights, ROOTS, |from, weights| {
        vectorize(
            #[inline(always)]
            || {
                let here = &poles[from..from + weights.len()];
                for (i, &pole) in poles.iter().enumerate() {
                    let row = &rows[i * k + from..][..weights.len()];
                    let own = i.wrapping_sub(from);
                    let held = weights.get(own).map(|w| -w * row[own]);
                    for ((w, x), d) in weights.iter_mut().zip(row).zip(here) {
                        *w *= x / (d - pole);
                    }
                    if let Some(held) = held {
                        weights[own] = held;
                    }
                }
                for (w, z) in weights.iter_mut().zip(&z[from..]) {
                    *w = w.abs().sqrt().copysign(*z);
                }
            },
        );
    });
    par::blocks(&mut rows, ROOTS * k, |_, rows| {
        vectorize(
            #[inline(always)]
            || {
                for row in rows.chunks_exact_mut(k) {
                    row.iter_mut().zip(&weights).for_each(|(x, w)| *x = w / *x);
                    let length = crate::reduce::dot(row, row).sqrt();
                    row.iter_mut().for_each(|x| *x /= length);
                }
            },
        );
    });
    rows
}
