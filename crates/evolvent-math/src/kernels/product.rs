//! The one micro-kernel under layers and matrices, for `f32` and `f64`: register tiles of fused multiply-adds. It is
//! compiled once per level and called, not inlined: there are many tile shapes.

use super::dispatch::Found;

/// `f32` and `f64`.
pub(super) trait Element: Copy {
    const ZERO: Self;
    /// self · b + c, rounded once.
    fn fused(self, b: Self, c: Self) -> Self;
    /// The tiles of one type; see [`product`].
    ///
    /// # Safety
    /// As [`product`], with `c.column` = 1.
    unsafe fn contiguous(
        level: Found,
        rows: usize,
        columns: usize,
        segments: &[Segment],
        a: Operand<Self>,
        b: Operand<Self>,
        c: Target<Self>,
    );
}

/// One factor of a product of matrices: entry (i, k) is at `at + i·across + k·along`, where k is the summed index.
#[derive(Clone, Copy)]
pub(super) struct Operand<T> {
    pub(super) at: *const T,
    pub(super) across: usize,
    pub(super) along: usize,
}

/// Where sums are held: sum (i, j) at `at + i·row + j·column`.
#[derive(Clone, Copy)]
pub(super) struct Target<T> {
    pub(super) at: *mut T,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// A run of the summed index: `len` terms, whose factors begin at offsets `a` and `b` of the operands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Segment {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) len: usize,
}

/// How many tiles of 6, 4, 3, 2 and 1 rows cover `rows`: tiles of fewer than three rows are too short to hide the
/// latency of an addition, so six rows are given back where that avoids them.
#[inline(always)]
fn tiling(rows: usize) -> [usize; 5] {
    let sixes = rows / 6;
    match (rows % 6, sixes) {
        (1, 0) => [0, 0, 0, 0, 1],
        (2, 0) => [0, 0, 0, 1, 0],
        (5, 0) => [0, 0, 1, 1, 0],
        (1, n) => [n - 1, 1, 1, 0, 0],
        (2, n) => [n - 1, 2, 0, 0, 0],
        (5, n) => [n - 1, 2, 1, 0, 0],
        (3, n) => [n, 0, 1, 0, 0],
        (4, n) => [n, 1, 0, 0, 0],
        (_, n) => [n, 0, 0, 0, 0],
    }
}

/// c(i, j) ← c(i, j) + Σ a(i, k)·b(j, k) over the segments in order, each term fused. The entries of `b` for
/// neighbouring columns must be neighbours (`across` 1).
///
/// # Safety
/// All entries that the extents, strides and segments name must be readable, those of `c` writable and apart from `a`
/// and `b`.
pub(super) unsafe fn product<T: Element>(
    level: Found,
    rows: usize,
    columns: usize,
    segments: &[Segment],
    a: Operand<T>,
    b: Operand<T>,
    c: Target<T>,
) {
    debug_assert!(b.across == 1);
    // SAFETY: the pieces lie inside the extents; the local tile is as large as its strides say.
    unsafe {
        if c.column == 1 {
            return T::contiguous(level, rows, columns, segments, a, b, c);
        }
        // Sums that are apart go through a small contiguous tile.
        const HEIGHT: usize = 12;
        const WIDTH: usize = 64;
        let mut tile = [T::ZERO; HEIGHT * WIDTH];
        for i in (0..rows).step_by(HEIGHT) {
            let height = HEIGHT.min(rows - i);
            let a = Operand { at: a.at.add(i * a.across), ..a };
            for j in (0..columns).step_by(WIDTH) {
                let width = WIDTH.min(columns - j);
                let b = Operand { at: b.at.add(j), ..b };
                let apart = c.at.add(i * c.row + j * c.column);
                for r in 0..height {
                    for v in 0..width {
                        tile[r * WIDTH + v] = *apart.add(r * c.row + v * c.column);
                    }
                }
                let local = Target { at: tile.as_mut_ptr(), row: WIDTH, column: 1 };
                T::contiguous(level, height, width, segments, a, b, local);
                for r in 0..height {
                    for v in 0..width {
                        *apart.add(r * c.row + v * c.column) = tile[r * WIDTH + v];
                    }
                }
            }
        }
    }
}

macro_rules! element {
    ($t:ty, one row: $($one:literal)*, two rows: $two:literal, more: $($width:literal)*) => {
        impl Element for $t {
            const ZERO: Self = 0.0;

            #[inline(always)]
            fn fused(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }

            #[inline(never)]
            unsafe fn contiguous(
                level: Found,
                rows: usize,
                columns: usize,
                segments: &[Segment],
                a: Operand<Self>,
                b: Operand<Self>,
                c: Target<Self>,
            ) {
                level.run(
                    #[inline(always)]
                    // SAFETY: the caller's promise.
                    || unsafe {
                        let mut j = 0;
                        // Few rows need wide tiles to have enough independent sums.
                        if rows == 1 {
                            $(few::<$t, $one>(&mut j, rows, columns, segments, a, b, c);)*
                        }
                        if rows <= 2 {
                            few::<$t, $two>(&mut j, rows, columns, segments, a, b, c);
                        }
                        $(many::<$t, $width>(&mut j, rows, columns, segments, a, b, c);)*
                    },
                );
            }
        }
    };
}

element!(f32, one row: 64, two rows: 32, more: 16 8 4 2 1);
element!(f64, one row: 32, two rows: 16, more: 8 4 1);

/// Tiles of all rows and `V` columns from column `j` on, as long as they fit; `j` is moved past them.
#[inline(always)]
unsafe fn many<T: Element, const V: usize>(
    j: &mut usize,
    rows: usize,
    columns: usize,
    segments: &[Segment],
    a: Operand<T>,
    b: Operand<T>,
    c: Target<T>,
) {
    let count = tiling(rows);
    while columns - *j >= V {
        let mut i = 0;
        // SAFETY: as in `product`; tiles stay inside the extents.
        unsafe {
            let b = Operand { at: b.at.add(*j), ..b };
            macro_rules! rows {
                ($($height:literal of $index:literal),*) => {
                    $(for _ in 0..count[$index] {
                        let a = Operand { at: a.at.add(i * a.across), ..a };
                        tile::<T, $height, V>(segments, a, b, c.at.add(i * c.row + *j), c.row);
                        i += $height;
                    })*
                };
            }
            rows!(6 of 0, 4 of 1, 3 of 2, 2 of 3, 1 of 4);
        }
        debug_assert_eq!(i, rows);
        *j += V;
    }
}

/// [`many`] for one or two rows.
#[inline(always)]
unsafe fn few<T: Element, const V: usize>(
    j: &mut usize,
    rows: usize,
    columns: usize,
    segments: &[Segment],
    a: Operand<T>,
    b: Operand<T>,
    c: Target<T>,
) {
    while columns - *j >= V {
        // SAFETY: as in `product`; tiles stay inside the extents.
        unsafe {
            let b = Operand { at: b.at.add(*j), ..b };
            if rows == 1 {
                tile::<T, 1, V>(segments, a, b, c.at.add(*j), c.row);
            } else {
                tile::<T, 2, V>(segments, a, b, c.at.add(*j), c.row);
            }
        }
        *j += V;
    }
}

/// The sums of `R` rows and `V` columns, held in registers.
#[inline(always)]
unsafe fn tile<T: Element, const R: usize, const V: usize>(
    segments: &[Segment],
    a: Operand<T>,
    b: Operand<T>,
    c: *mut T,
    c_row: usize,
) {
    // SAFETY: as in `product`.
    unsafe {
        let mut acc = [[T::ZERO; V]; R];
        for r in 0..R {
            acc[r] = c.add(r * c_row).cast::<[T; V]>().read_unaligned();
        }
        for segment in segments {
            let (a_at, b_at) = (a.at.add(segment.a), b.at.add(segment.b));
            for k in 0..segment.len {
                let line = b_at.add(k * b.along).cast::<[T; V]>().read_unaligned();
                for r in 0..R {
                    let factor = *a_at.add(r * a.across + k * a.along);
                    for v in 0..V {
                        acc[r][v] = factor.fused(line[v], acc[r][v]);
                    }
                }
            }
        }
        for r in 0..R {
            c.add(r * c_row).cast::<[T; V]>().write_unaligned(acc[r]);
        }
    }
}

/// y(g, o) ← y(g, o) + Σᵢ x(g, i)·w\[g\](i, o), i ascending, for `x` of `w.len() × inputs` and `y` of
/// `w.len() × outputs`.
///
/// # Safety
/// `x` and `y` must be valid for that many entries and every `w[g]` have `inputs × outputs` of them.
#[inline(never)]
pub(super) unsafe fn group_product(
    level: Found,
    inputs: usize,
    outputs: usize,
    w: &[&[f32]],
    x: *const f32,
    y: *mut f32,
) {
    level.run(
        #[inline(always)]
        // SAFETY: the caller's promise.
        || unsafe { group_tiles(inputs, outputs, w, x, y) },
    );
}

#[inline(always)]
unsafe fn group_tiles(inputs: usize, outputs: usize, w: &[&[f32]], x: *const f32, y: *mut f32) {
    let tiles = tiling(w.len());
    // SAFETY: tiles stay inside the extents.
    unsafe {
        let mut g = 0;
        macro_rules! members {
            ($($count:literal of $index:literal),*) => {
                $(for _ in 0..tiles[$index] {
                    let weights: [*const f32; $count] = std::array::from_fn(#[inline(always)] |m| w[g + m].as_ptr());
                    group::<$count>(inputs, outputs, weights, x.add(g * inputs), y.add(g * outputs));
                    g += $count;
                })*
            };
        }
        members!(6 of 0, 4 of 1, 3 of 2, 2 of 3, 1 of 4);
        debug_assert_eq!(g, w.len());
    }
}

#[inline(always)]
unsafe fn group<const G: usize>(
    inputs: usize,
    outputs: usize,
    w: [*const f32; G],
    x: *const f32,
    y: *mut f32,
) {
    let mut j = 0;
    // SAFETY: as in `group_product`.
    unsafe {
        macro_rules! columns {
            ($($width:literal)*) => {$(
                while outputs - j >= $width {
                    let w: [*const f32; G] = std::array::from_fn(#[inline(always)] |m| w[m].add(j));
                    group_tile::<G, $width>(inputs, outputs, w, x, y.add(j));
                    j += $width;
                }
            )*};
        }
        if G == 1 {
            columns!(64 32);
        }
        if G == 2 {
            columns!(32);
        }
        columns!(16 8 4 2 1);
    }
}

#[inline(always)]
unsafe fn group_tile<const G: usize, const V: usize>(
    inputs: usize,
    outputs: usize,
    w: [*const f32; G],
    x: *const f32,
    y: *mut f32,
) {
    // SAFETY: as in `group_product`.
    unsafe {
        let mut acc = [[0.0f32; V]; G];
        for g in 0..G {
            acc[g] = y.add(g * outputs).cast::<[f32; V]>().read_unaligned();
        }
        for k in 0..inputs {
            for g in 0..G {
                let line = w[g].add(k * outputs).cast::<[f32; V]>().read_unaligned();
                let factor = *x.add(g * inputs + k);
                for v in 0..V {
                    acc[g][v] = factor.mul_add(line[v], acc[g][v]);
                }
            }
        }
        for g in 0..G {
            y.add(g * outputs).cast::<[f32; V]>().write_unaligned(acc[g]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tilings_cover_every_row_once() {
        for rows in 0..100 {
            let [a, b, c, d, e] = tiling(rows);
            assert_eq!(6 * a + 4 * b + 3 * c + 2 * d + e, rows);
            assert!(rows < 6 || d + e == 0);
        }
    }
}
