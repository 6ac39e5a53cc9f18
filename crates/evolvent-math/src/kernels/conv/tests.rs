use super::*;
use crate::NumericLevel;

fn numbers(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| libm::sinf((i * 7 + seed * 131) as f32 * 0.37)).collect()
}

/// The definition for one lane.
fn twin(window: &Window, filters: usize, w: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
    let [height, width] = window.output();
    let mut y = Vec::new();
    for oy in 0..height {
        for ox in 0..width {
            for f in 0..filters {
                let mut sum = bias[f];
                for ky in 0..window.kernel[0] {
                    for kx in 0..window.kernel[1] {
                        let iy = (oy * window.stride[0] + ky).wrapping_sub(window.padding[0]);
                        let ix = (ox * window.stride[1] + kx).wrapping_sub(window.padding[1]);
                        if iy >= window.image[0] || ix >= window.image[1] {
                            continue;
                        }
                        for c in 0..window.channels {
                            let tap = (ky * window.kernel[1] + kx) * window.channels + c;
                            let pixel = (iy * window.image[1] + ix) * window.channels + c;
                            sum = x[pixel].mul_add(w[tap * filters + f], sum);
                        }
                    }
                }
                y.push(sum);
            }
        }
    }
    y
}

fn windows() -> Vec<Window> {
    let window =
        |image, channels, kernel, stride, padding| Window { image, channels, kernel, stride, padding };
    vec![
        window([5, 7], 2, [3, 3], [1, 1], [1, 1]),
        window([8, 8], 1, [3, 3], [2, 2], [0, 0]),
        window([9, 6], 3, [5, 2], [2, 1], [2, 1]),
        window([4, 4], 2, [4, 4], [1, 1], [3, 3]),
        window([1, 12], 2, [1, 5], [1, 3], [0, 2]),
        window([40, 3], 1, [33, 3], [3, 1], [5, 1]),
        window([2, 2], 1, [3, 3], [1, 1], [0, 0]),
        window([2, 3], 1, [2, 2], [1, 1], [4, 3]),
    ]
}

#[test]
fn convolutions_equal_the_twin_for_any_lanes_and_level() {
    for window in windows() {
        for filters in [1, 3, 8, 17] {
            let w = numbers(window.weights(filters), 1);
            let bias = numbers(filters, 2);
            for lanes in [1, 2, 7, 8, 9, 16, 19, 48] {
                let x = numbers(window.len() * lanes, 3);
                let [height, width] = window.output();
                let count = height * width * filters;
                let mut expected = vec![0.0; count * lanes];
                for lane in 0..lanes {
                    let own: Vec<f32> = x.iter().copied().skip(lane).step_by(lanes).collect();
                    for (i, v) in twin(&window, filters, &w, &bias, &own).into_iter().enumerate() {
                        expected[i * lanes + lane] = v;
                    }
                }
                for level in NumericLevel::available().filter_map(Found::check) {
                    let mut y = vec![f32::NAN; count * lanes];
                    conv2d_at(level, lanes, &window, filters, &w, &bias, &x, &mut y);
                    assert_eq!(y, expected, "{window:?} {filters} {lanes} {level:?}");
                }
            }
        }
    }
}

#[test]
fn pooling_in_passing_changes_nothing() {
    for window in windows().into_iter().filter(|w| w.output().iter().all(|&n| n > 1)) {
        for (size, stride) in [([2, 2], [2, 2]), ([2, 1], [2, 1]), ([1, 2], [2, 3])] {
            for (filters, lanes) in [(3, 1), (5, 9), (4, 16), (11, 32)] {
                let image = window.output();
                let pool = Window { image, channels: filters, kernel: size, stride, padding: [0, 0] };
                let w = numbers(window.weights(filters), 1);
                let bias = numbers(filters, 2);
                let mut x = numbers(window.len() * lanes, 3);
                x[lanes / 2] = f32::NAN;
                let square = |x: &mut [f32]| x.iter_mut().for_each(|x| *x *= *x);
                let mut whole = vec![0.0; image[0] * image[1] * filters * lanes];
                conv2d(lanes, &window, filters, &w, &bias, &x, &mut whole);
                let count = pool.pooled()[0] * pool.pooled()[1] * filters * lanes;
                for activation in [None, Some(&square as RowFunction<'_>)] {
                    let mut expected = vec![0.0; count];
                    let mut activated = whole.clone();
                    activation.into_iter().for_each(|f| f(&mut activated));
                    max_pool2d(lanes, &pool, &activated, &mut expected);
                    let mut y = vec![-1.0; count];
                    let mut memory = vec![0.0; image[1] * filters * lanes];
                    conv2d_max_pool(
                        lanes,
                        &window,
                        filters,
                        &w,
                        &bias,
                        &pool,
                        activation,
                        &x,
                        &mut y,
                        &mut memory,
                    );
                    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    assert_eq!(bits(&y), bits(&expected), "{window:?} {pool:?} {lanes}");
                }
            }
        }
    }
}

#[test]
fn sizes_by_hand() {
    assert_eq!(
        windows().iter().map(Window::output).collect::<Vec<_>>(),
        [[5, 7], [3, 3], [5, 7], [7, 7], [1, 4], [6, 3], [0, 0], [9, 8]]
    );
}

#[test]
fn pools_by_hand() {
    let window = Window { image: [3, 4], channels: 1, kernel: [2, 2], stride: [1, 2], padding: [0, 0] };
    let x: Vec<f32> = (0..12).map(|i| i as f32).collect();
    let mut y = [0.0; 4];
    max_pool2d(1, &window, &x, &mut y);
    assert_eq!(y, [5.0, 7.0, 9.0, 11.0]);
    average_pool2d(1, &window, &x, &mut y);
    assert_eq!(y, [2.5, 4.5, 6.5, 8.5]);
    // Two channels and three lanes: each of the six runs on its own.
    let window = Window { channels: 2, ..window };
    let wide: Vec<f32> =
        x.iter().flat_map(|&v| (0..6).map(move |k| v * (1.0 - 2.0 * (k % 2) as f32))).collect();
    let mut y = [0.0; 24];
    max_pool2d(3, &window, &wide, &mut y);
    assert_eq!(y[..7], [5.0, 0.0, 5.0, 0.0, 5.0, 0.0, 7.0].map(|v| v));
    let mut x = x.clone();
    x[0] = f32::NAN;
    let mut y = [0.0; 4];
    max_pool2d(1, &Window { channels: 1, ..window }, &x, &mut y);
    assert!(y[0].is_nan() && y[1] == 7.0);
}
