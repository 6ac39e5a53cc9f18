//! Two-dimensional convolution and pooling.
//!
//! Images are `height × width × channels` with channels contiguous, lanes inside: value (y, x, c) of lane `l` is at
//! `((y · width + x) · channels + c) · lanes + l`. Filters are `kernel height × kernel width × channels × filters`, filters
//! contiguous. So a convolution is a dense layer ([`dense`](super::dense)) at every output position, with the same order of
//! additions: bias, then the taps in ascending order (row, column, channel), fused. Taps that lie in the padding are left
//! out.

use super::dense::{Begin, start};
use super::dispatch::Found;
use super::product::{Operand, Segment, Target, product};
use super::vectorize;
use std::ops::Range;

/// A window that moves over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Height and width of the image.
    pub image: [usize; 2],
    /// Channels of the image.
    pub channels: usize,
    /// Height and width of the window, at least 1.
    pub kernel: [usize; 2],
    /// Steps down and right, at least 1.
    pub stride: [usize; 2],
    /// Rows above and below, columns left and right of the image that count as zero. Pooling ignores it.
    pub padding: [usize; 2],
}

impl Window {
    /// Height and width of the output of a convolution: ⌊(image + 2·padding - kernel)/stride⌋ + 1, or 0 where the window
    /// does not fit.
    pub fn output(&self) -> [usize; 2] {
        [0, 1].map(|d| positions(self.image[d] + 2 * self.padding[d], self.kernel[d], self.stride[d]))
    }

    /// Height and width of the output of a pooling: whole windows inside the image.
    pub fn pooled(&self) -> [usize; 2] {
        [0, 1].map(|d| positions(self.image[d], self.kernel[d], self.stride[d]))
    }

    /// Numbers in one image.
    pub fn len(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    /// Whether the image holds nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers in the filters of a convolution.
    pub fn weights(&self, filters: usize) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels * filters
    }

    /// Where the window at output position `o` lies along axis `d`: the first image coordinate, and the taps inside.
    fn taps(&self, d: usize, o: usize) -> (usize, Range<usize>) {
        let begin = o * self.stride[d];
        let first = self.padding[d].saturating_sub(begin).min(self.kernel[d]);
        let last = (self.image[d] + self.padding[d]).saturating_sub(begin).clamp(first, self.kernel[d]);
        ((begin + first).saturating_sub(self.padding[d]), first..last)
    }
}

fn positions(image: usize, kernel: usize, stride: usize) -> usize {
    (image + 1).checked_sub(kernel).map_or(0, |free| free.div_ceil(stride.max(1)))
}

/// Segments of one call of the product; taller kernels take several.
const SEGMENTS: usize = 16;

/// y = bias + the convolution of `x` with the filters `w`, for `lanes` lanes. `y` is
/// `output height × output width × filters × lanes`.
///
/// # Panics
/// If a slice is shorter than the window says.
pub fn conv2d(
    lanes: usize,
    window: &Window,
    filters: usize,
    w: &[f32],
    bias: &[f32],
    x: &[f32],
    y: &mut [f32],
) {
    conv2d_at(Found::best(), lanes, window, filters, w, bias, x, y);
}

fn conv2d_at(
    level: Found,
    lanes: usize,
    window: &Window,
    filters: usize,
    w: &[f32],
    bias: &[f32],
    x: &[f32],
    y: &mut [f32],
) {
    let [height, width] = window.output();
    let rows = y[..height * width * filters * lanes].chunks_exact_mut((width * filters * lanes).max(1));
    for (oy, y) in rows.enumerate() {
        row(level, lanes, window, filters, w, bias, x, oy, y);
    }
}

/// A function that is applied to a row of sums in place.
pub type RowFunction<'a> = &'a dyn Fn(&mut [f32]);

/// A convolution, `activation` and a maximum over windows of the result in one pass, which never holds more of the
/// convolution than a row: the same bits as [`conv2d`], `activation` on the whole and [`max_pool2d`]. `pool` is a window over
/// the convolution's output, whose steps are at least its height and width; `y` is
/// `pooled height × pooled width × filters × lanes`; `memory` holds `output width × filters × lanes` numbers.
///
/// An `activation` that commutes with the maximum is cheaper to apply to `y` afterwards.
///
/// # Panics
/// If a slice is shorter than the windows say, `pool` is not over the convolution's output, or its windows overlap.
pub fn conv2d_max_pool(
    lanes: usize,
    window: &Window,
    filters: usize,
    w: &[f32],
    bias: &[f32],
    pool: &Window,
    activation: Option<RowFunction<'_>>,
    x: &[f32],
    y: &mut [f32],
    memory: &mut [f32],
) {
    let [height, width] = pool.pooled();
    let [size, stride] = [pool.kernel, pool.stride];
    assert_eq!((pool.image, pool.channels), (window.output(), filters), "a pooling of the convolution");
    assert!(stride[0] >= size[0] && stride[1] >= size[1], "pooling windows that do not overlap");
    let inner = filters * lanes;
    let memory = &mut memory[..pool.image[1] * inner];
    for (oy, y) in y[..height * width * inner].chunks_exact_mut((width * inner).max(1)).enumerate() {
        for ky in 0..size[0] {
            row(Found::best(), lanes, window, filters, w, bias, x, oy * stride[0] + ky, memory);
            if let Some(activation) = activation {
                activation(memory);
            }
            vectorize(
                #[inline(always)]
                || {
                    for (ox, y) in y.chunks_exact_mut(inner.max(1)).enumerate() {
                        for kx in 0..size[1] {
                            let x = &memory[(ox * stride[1] + kx) * inner..][..inner];
                            if ky + kx == 0 {
                                y.copy_from_slice(x);
                            } else {
                                y.iter_mut().zip(x).for_each(
                                    #[inline(always)]
                                    |(y, &x)| *y = larger(*y, x),
                                );
                            }
                        }
                    }
                },
            );
        }
    }
}

/// One row of a convolution's output.
fn row(
    level: Found,
    lanes: usize,
    window: &Window,
    filters: usize,
    w: &[f32],
    bias: &[f32],
    x: &[f32],
    oy: usize,
    y: &mut [f32],
) {
    let width = window.output()[1];
    let (w, x) = (&w[..window.weights(filters)], &x[..window.len() * lanes]);
    let (bias, y) = (&bias[..filters], &mut y[..width * filters * lanes]);
    if lanes > 0 && lanes.is_multiple_of(LANES) {
        // SAFETY: the slices were just cut to their sizes.
        unsafe {
            let slices = Slices { w: w.as_ptr(), bias: bias.as_ptr(), x: x.as_ptr(), y: y.as_mut_ptr() };
            wide_row(level, lanes, window, filters, slices, oy, width);
        }
    } else {
        narrow_row(level, lanes, window, filters, w, bias, x, oy, y);
    }
}

/// Lanes of one vector of [`wide_row`].
const LANES: usize = 16;

/// What a row is computed of and where it goes.
#[derive(Clone, Copy)]
struct Slices {
    w: *const f32,
    bias: *const f32,
    x: *const f32,
    y: *mut f32,
}

/// The taps of one output position that lie in the image, and how far things are apart.
#[derive(Clone, Copy)]
struct Taps {
    lanes: usize,
    filters: usize,
    /// Rows of taps, and taps in each: columns times channels.
    rows: usize,
    len: usize,
    /// From row to row of taps, in the image and in the filters.
    x_row: usize,
    w_row: usize,
    /// From position to position, in the image and in the output.
    x_step: usize,
    y_step: usize,
}

/// A row for lanes in multiples of 16: vectors run over lanes, weights are broadcast. Tiles of neighbouring positions and
/// several filters are held in registers, as many as the level has room for.
///
/// # Safety
/// The pointers must reach whole windows: filters, biases, image and `width` output positions.
#[inline(never)]
unsafe fn wide_row(
    level: Found,
    lanes: usize,
    window: &Window,
    filters: usize,
    at: Slices,
    oy: usize,
    width: usize,
) {
    let many_registers = level.has_many_registers();
    level.run(
        #[inline(always)]
        // SAFETY: `taps` keeps windows inside the image and the filters; tiles end with the row and the filters.
        || unsafe {
            let channels = window.channels;
            let (iy, rows) = window.taps(0, oy);
            let mut ox = 0;
            while ox < width {
                let (ix, columns) = window.taps(1, ox);
                // Positions whose windows lie inside from left to right are done side by side.
                let inside = columns.len() == window.kernel[1];
                let last = || (window.image[1] + window.padding[1] - window.kernel[1]) / window.stride[1];
                let run = if inside { last() + 1 - ox } else { 1 };
                let taps = Taps {
                    lanes,
                    filters,
                    rows: rows.len(),
                    len: columns.len() * channels,
                    x_row: window.image[1] * channels * lanes,
                    w_row: window.kernel[1] * channels * filters,
                    x_step: window.stride[1] * channels * lanes,
                    y_step: filters * lanes,
                };
                let first = (rows.start * window.kernel[1] + columns.start) * channels * filters;
                for lane in (0..lanes).step_by(LANES) {
                    let at = Slices {
                        w: at.w.add(first),
                        x: at.x.add((iy * window.image[1] + ix) * channels * lanes + lane),
                        y: at.y.add(ox * filters * lanes + lane),
                        ..at
                    };
                    if many_registers {
                        positions_wide(&taps, at, run);
                    } else {
                        positions_narrow(&taps, at, run);
                    }
                }
                ox += run;
            }
        },
    );
}

/// `$F of $P …`: tiles of so many filters and so many positions, widest first.
macro_rules! positions {
    ($name:ident: $($filters:literal of $($positions:literal)*;)*) => {
        #[inline(always)]
        unsafe fn $name(taps: &Taps, at: Slices, run: usize) {
            let mut filter = 0;
            // SAFETY: tiles stay inside the run and the filters.
            unsafe {
                $(while taps.filters - filter >= $filters {
                    let mut p = 0;
                    $(while run - p >= $positions {
                        let at = Slices {
                            w: at.w.add(filter),
                            bias: at.bias.add(filter),
                            x: at.x.add(p * taps.x_step),
                            y: at.y.add(p * taps.y_step + filter * taps.lanes),
                        };
                        tile::<$filters, $positions>(taps, at);
                        p += $positions;
                    })*
                    filter += $filters;
                })*
            }
        }
    };
}

positions!(positions_wide: 8 of 2 1; 4 of 4 1; 2 of 4 1; 1 of 4 1;);
positions!(positions_narrow: 4 of 1; 2 of 2 1; 1 of 4 1;);

/// The sums of `F` filters at `P` positions for one vector of lanes.
#[inline(always)]
unsafe fn tile<const F: usize, const P: usize>(taps: &Taps, at: Slices) {
    // SAFETY: as in `wide_row`.
    unsafe {
        let mut sums = [[[0.0f32; LANES]; P]; F];
        for f in 0..F {
            for p in 0..P {
                sums[f][p] = [*at.bias.add(f); LANES];
            }
        }
        for row in 0..taps.rows {
            let (mut w, mut x) = (at.w.add(row * taps.w_row), at.x.add(row * taps.x_row));
            for _ in 0..taps.len {
                let mut values = [[0.0f32; LANES]; P];
                for p in 0..P {
                    values[p] = x.add(p * taps.x_step).cast::<[f32; LANES]>().read_unaligned();
                }
                for f in 0..F {
                    let weight = *w.add(f);
                    for p in 0..P {
                        for l in 0..LANES {
                            sums[f][p][l] = weight.mul_add(values[p][l], sums[f][p][l]);
                        }
                    }
                }
                (w, x) = (w.add(taps.filters), x.add(taps.lanes));
            }
        }
        for f in 0..F {
            for p in 0..P {
                let y = at.y.add(p * taps.y_step + f * taps.lanes);
                y.cast::<[f32; LANES]>().write_unaligned(sums[f][p]);
            }
        }
    }
}

/// A row for any number of lanes.
fn narrow_row(
    level: Found,
    lanes: usize,
    window: &Window,
    filters: usize,
    w: &[f32],
    bias: &[f32],
    x: &[f32],
    oy: usize,
    y: &mut [f32],
) {
    let width = window.output()[1];
    let channels = window.channels;
    for y in y.chunks_exact_mut((filters * lanes).max(1)) {
        start(Begin::Bias(bias), filters, lanes, y);
    }
    let (iy, rows) = window.taps(0, oy);
    for rows in pieces(rows.clone(), SEGMENTS).map(|piece| (iy + piece.start - rows.start, piece)) {
        // Neighbouring positions whose windows hold the same taps are done together.
        let mut ox = 0;
        while ox < width {
            let (ix, columns) = window.taps(1, ox);
            let run = if lanes >= 8 {
                1
            } else {
                (ox..width).take_while(|&o| window.taps(1, o).1 == columns).count()
            };
            let mut segments = [Segment::default(); SEGMENTS];
            let (iy, rows) = (rows.0, rows.1.clone());
            for (segment, (dy, ky)) in segments.iter_mut().zip(rows.clone().enumerate()) {
                *segment = Segment {
                    a: ((iy + dy) * window.image[1] + ix) * channels * lanes,
                    b: (ky * window.kernel[1] + columns.start) * channels * filters,
                    len: columns.len() * channels,
                };
            }
            // A window wholly in the padding has no taps.
            let segments = &mut segments[..if columns.is_empty() { 0 } else { rows.len() }];
            let at = ox * filters * lanes;
            // SAFETY: `taps` keeps windows inside the image and the filters; `row` has cut the slices to their sizes, and a
            // run ends with the row.
            unsafe {
                let y = y.as_mut_ptr().add(at);
                let filter = Operand { at: w.as_ptr(), across: 1, along: filters };
                if lanes >= 8 {
                    // Rows are filters, vectors run over lanes.
                    segments.iter_mut().for_each(|s| std::mem::swap(&mut s.a, &mut s.b));
                    let image = Operand { at: x.as_ptr(), across: 1, along: lanes };
                    let sums = Target { at: y, row: lanes, column: 1 };
                    product(level, filters, lanes, segments, filter, image, sums);
                } else {
                    // Rows are positions, vectors run over filters.
                    let across = window.stride[1] * channels * lanes;
                    for lane in 0..lanes {
                        let image = Operand { at: x.as_ptr().add(lane), across, along: lanes };
                        let c = Target { at: y.add(lane), row: filters * lanes, column: lanes };
                        product(level, run, filters, segments, image, filter, c);
                    }
                }
            }
            ox += run;
        }
    }
}

/// `range` cut into pieces of at most `size`.
fn pieces(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(size).map(move |begin| begin..(begin + size).min(end))
}

/// The larger of two numbers; NaN if either is.
#[inline(always)]
fn larger(best: f32, v: f32) -> f32 {
    if v > best || v.is_nan() { v } else { best }
}

/// The largest value of every window and channel; NaN if there is one among them. `y` is
/// `pooled height × pooled width × channels × lanes`.
///
/// # Panics
/// If a slice is shorter than the window says.
pub fn max_pool2d(lanes: usize, window: &Window, x: &[f32], y: &mut [f32]) {
    pool(lanes, window, x, y, larger);
}

/// The mean of every window and channel: the sum in ascending order of taps, times 1/taps.
///
/// # Panics
/// If a slice is shorter than the window says.
pub fn average_pool2d(lanes: usize, window: &Window, x: &[f32], y: &mut [f32]) {
    pool(
        lanes,
        window,
        x,
        y,
        #[inline(always)]
        |sum, v| sum + v,
    );
    let scale = 1.0 / (window.kernel[0] * window.kernel[1]) as f32;
    let [height, width] = window.pooled();
    super::reduce::scale_f32(scale, &mut y[..height * width * window.channels * lanes]);
}

#[inline(always)]
fn pool(lanes: usize, window: &Window, x: &[f32], y: &mut [f32], fold: impl Fn(f32, f32) -> f32) {
    let [height, width] = window.pooled();
    let inner = window.channels * lanes;
    let (x, y) = (&x[..window.len() * lanes], &mut y[..height * width * inner]);
    if inner == 0 {
        return;
    }
    vectorize(
        #[inline(always)]
        || {
            for (o, y) in y.chunks_exact_mut(inner).enumerate() {
                let (oy, ox) = (o / width, o % width);
                for ky in 0..window.kernel[0] {
                    for kx in 0..window.kernel[1] {
                        let iy = oy * window.stride[0] + ky;
                        let ix = ox * window.stride[1] + kx;
                        let x = &x[(iy * window.image[1] + ix) * inner..][..inner];
                        if ky + kx == 0 {
                            y.copy_from_slice(x);
                        } else {
                            y.iter_mut().zip(x).for_each(
                                #[inline(always)]
                                |(y, &x)| *y = fold(*y, x),
                            );
                        }
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests;
