//! Products of row-major `f64` matrices. Each has one order of additions, whatever the sizes and the instruction set.

use super::dispatch::Found;
use super::product::{Operand, Segment, Target, product};
use super::reduce::{dot_inline, last_f64, line_f64};
use super::vectorize;

/// A row-major view: entry (i, j) is at `i · stride + j`, or at `j · stride + i` if transposed.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    data: &'a [f64],
    rows: usize,
    columns: usize,
    stride: usize,
    transposed: bool,
}

impl<'a> View<'a> {
    /// A matrix that fills `data` row by row.
    ///
    /// # Panics
    /// If `data` does not hold `rows · columns` numbers.
    pub fn new(data: &'a [f64], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a matrix of {rows} x {columns}");
        View { data, rows, columns, stride: columns, transposed: false }
    }

    /// A matrix whose rows begin `stride` apart.
    ///
    /// # Panics
    /// If a row is longer than the stride or reaches beyond `data`.
    pub fn strided(data: &'a [f64], rows: usize, columns: usize, stride: usize) -> Self {
        assert!(columns <= stride || rows <= 1, "rows of {columns} at a stride of {stride}");
        assert!(rows == 0 || (rows - 1) * stride + columns <= data.len(), "a matrix of {rows} x {columns}");
        View { data, rows, columns, stride, transposed: false }
    }

    /// The transpose, without moving anything.
    pub fn transposed(self) -> Self {
        View { rows: self.columns, columns: self.rows, transposed: !self.transposed, ..self }
    }

    /// Rows and columns.
    pub fn size(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Some of the rows.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn rows(self, range: std::ops::Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows, "rows {range:?} of {}", self.rows);
        let from =
            if range.is_empty() { 0 } else { range.start * if self.transposed { 1 } else { self.stride } };
        View { data: &self.data[from..], rows: range.len(), ..self }
    }

    fn operand(&self, across_rows: bool) -> Operand<f64> {
        let (row, column) = if self.transposed { (1, self.stride) } else { (self.stride, 1) };
        let (across, along) = if across_rows { (row, column) } else { (column, row) };
        Operand { at: self.data.as_ptr(), across, along }
    }
}

/// C ← C + A·B: for each entry the terms are added in ascending order of the summed index, fused. The rows of `c` (A's rows × B's columns) begin `stride` apart. B may not be a transposed view with more than
/// one row and column: its rows must be contiguous.
///
/// # Panics
/// If the sizes do not fit.
pub fn add_product(a: View<'_>, b: View<'_>, c: &mut [f64], stride: usize) {
    add_product_at(Found::best(), a, b, c, stride);
}

fn add_product_at(level: Found, a: View<'_>, b: View<'_>, c: &mut [f64], stride: usize) {
    let (rows, columns, inner) = (a.rows, b.columns, a.columns);
    assert_eq!(inner, b.rows, "columns of A and rows of B");
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(columns <= stride || rows == 1, "rows of {columns} at a stride of {stride}");
    assert!((rows - 1) * stride + columns <= c.len(), "a result of {rows} x {columns}");
    let b_operand = b.operand(false);
    assert!(b_operand.across == 1 || columns == 1, "the rows of B are contiguous");
    // A panel of B of this many rows stays in the cache; sums are held in C in between, which changes no bit.
    const PANEL: usize = 256;
    for begin in (0..inner).step_by(PANEL) {
        let a_operand = a.operand(true);
        let len = PANEL.min(inner - begin);
        let segment = Segment { a: begin * a_operand.along, b: begin * b_operand.along, len };
        let target = Target { at: c.as_mut_ptr(), row: stride, column: 1 };
        // SAFETY: the sizes were checked here and when the views were made.
        unsafe {
            product(level, rows, columns, &[segment], a_operand, Operand { across: 1, ..b_operand }, target)
        }
    }
}

/// y ← A·x for a matrix whose rows begin `stride` apart; one entry of `y` per row. Rows of fewer than 64 entries are summed as
/// by [`dot`](super::reduce::dot), longer ones in 16 virtual lanes (entry `i` in lane `i % 16`, the incomplete last line at the right end, fused)
/// that are added by a fixed tree.
///
/// # Panics
/// If a row reaches beyond `a`.
pub fn matvec(a: &[f64], stride: usize, x: &[f64], y: &mut [f64]) {
    vectorize(
        #[inline(always)]
        || matvec_inline(a, stride, x, y),
    );
}

#[inline(always)]
fn matvec_inline(a: &[f64], stride: usize, x: &[f64], y: &mut [f64]) {
    let n = x.len();
    macro_rules! row {
        ($r:expr) => {
            &a[$r * stride..$r * stride + n]
        };
    }
    let mut r = 0;
    while y.len() - r >= 4 {
        let sums = dots([row!(r), row!(r + 1), row!(r + 2), row!(r + 3)], x);
        y[r..r + 4].copy_from_slice(&sums);
        r += 4;
    }
    while r < y.len() {
        y[r] = dots([row!(r)], x)[0];
        r += 1;
    }
}

/// The products of `R` rows, each as long as `x`, with `x`.
#[inline(always)]
fn dots<const R: usize>(rows: [&[f64]; R], x: &[f64]) -> [f64; R] {
    assert!(rows.iter().all(|row| row.len() == x.len()));
    let n = x.len();
    let mut sums = [0.0; R];
    if n < 64 {
        for k in 0..R {
            sums[k] = dot_inline(rows[k], x);
        }
        return sums;
    }
    let (x_lines, x_end) = x.as_chunks::<16>();
    let mut acc = [[0.0; 16]; R];
    for i in 0..x_lines.len() {
        let x = x_lines[i];
        for k in 0..R {
            // SAFETY: every row is as long as `x`, so that line `i` lies inside.
            let line = unsafe { rows[k].as_ptr().add(16 * i).cast::<[f64; 16]>().read_unaligned() };
            for lane in 0..16 {
                acc[k][lane] = line[lane].mul_add(x[lane], acc[k][lane]);
            }
        }
    }
    if !x_end.is_empty() {
        // The last 16 elements, of which the first have been added already.
        let x = last_f64(&x[n - 16..], x_end.len());
        for k in 0..R {
            let line = last_f64(&rows[k][n - 16..], x_end.len());
            for lane in 0..16 {
                acc[k][lane] = line[lane].mul_add(x[lane], acc[k][lane]);
            }
        }
    }
    for k in 0..R {
        sums[k] = line_f64(&acc[k]);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumericLevel;

    fn numbers(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| libm::sin((i * 7 + seed * 131) as f64 * 0.37)).collect()
    }

    #[test]
    fn equal_to_the_definition_at_every_level() {
        for (m, k, n) in [(1, 1, 1), (1, 5, 40), (2, 7, 33), (3, 300, 9), (13, 20, 17), (6, 0, 4), (8, 9, 1)]
        {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let at: Vec<f64> = (0..m * k).map(|i| a[i % m * k + i / m]).collect();
            let stride = n + 2;
            let c = numbers(m * stride, 3);
            let mut expected = c.clone();
            for i in 0..m {
                for j in 0..n {
                    for l in 0..k {
                        let x = &mut expected[i * stride + j];
                        *x = a[i * k + l].mul_add(b[l * n + j], *x);
                    }
                }
            }
            for level in NumericLevel::available().filter_map(Found::check) {
                let b = View::new(&b, k, n);
                for a in [View::new(&a, m, k), View::new(&at, k, m).transposed()] {
                    let mut found = c.clone();
                    add_product_at(level, a, b, &mut found, stride);
                    assert_eq!(found, expected, "{m} {k} {n} {level:?}");
                }
            }
        }
    }

    #[test]
    fn vectors_too() {
        for (rows, n) in [(1, 1), (5, 16), (9, 64), (4, 79), (5, 83), (3, 0)] {
            let (a, x) = (numbers(rows * (n + 3), 1), numbers(n, 2));
            let expected: Vec<f64> = (0..rows)
                .map(|r| {
                    let row = &a[r * (n + 3)..];
                    if n < 64 {
                        return crate::reduce::dot(&row[..n], &x);
                    }
                    let mut acc = [0.0f64; 16];
                    for i in 0..n {
                        let lane = if i < n / 16 * 16 { i % 16 } else { 16 - (n - i) };
                        acc[lane] = row[i].mul_add(x[i], acc[lane]);
                    }
                    for width in [8, 4, 2, 1] {
                        (0..width).for_each(|lane| acc[lane] += acc[lane + width]);
                    }
                    acc[0]
                })
                .collect();
            for level in NumericLevel::available() {
                let mut y = vec![0.0; rows];
                level.run(
                    #[inline(always)]
                    || matvec_inline(&a, n + 3, &x, &mut y),
                );
                assert_eq!(y, expected);
            }
        }
    }
}
