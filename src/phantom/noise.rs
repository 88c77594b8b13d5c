//! Noise and blur.
//!
//! Input: seeds, indices, lengths in pixels. Output: deterministic values of mean 0 and SD 1, or blurred images.
//! Every value depends on its own counter only, so slices may be made in any order on any number of threads.

use super::shape::Point;

/// A well-mixed 64-bit value for a counter (the finaliser of SplitMix64).
pub(super) fn mixed(value: u64) -> u64 {
    let mut x = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// A nearly normal value of mean 0 and SD 1: the sum of four uniform 16-bit numbers.
#[inline]
fn normal(value: u64) -> f32 {
    let bits = mixed(value);
    let sum = (0..4).map(|n| (bits >> (16 * n)) & 0xFFFF).sum::<u64>();
    // Four uniforms on [0, 1) have mean 2 and variance 1/3.
    ((sum as f32 / 65_536.0) - 2.0) * 1.732_050_8
}

/// White noise smoothed by a Gaussian of `sigma` pixels and scaled back to SD 1.
pub(super) fn correlated(seed: u64, slice: usize, columns: usize, rows: usize, sigma: f64) -> Vec<f32> {
    let base = mixed(seed ^ mixed(slice as u64 + 1));
    let mut noise: Vec<f32> = (0..columns * rows).map(|n| normal(base.wrapping_add(n as u64))).collect();
    let kernel = gaussian(sigma);
    let energy: f32 = kernel.iter().map(|weight| weight * weight).sum();
    blur(&mut noise, columns, rows, &kernel);
    // The two passes each divide the variance by 1 / energy.
    noise.iter_mut().for_each(|value| *value /= energy);
    noise
}

/// A symmetric Gaussian kernel of sum 1, cut at three sigma; sigma in pixels.
pub(super) fn gaussian(sigma: f64) -> Vec<f32> {
    let radius = (3.0 * sigma).ceil() as i64;
    let weight = |n: i64| if sigma > 0.0 { (-0.5 * (n as f64 / sigma).powi(2)).exp() } else { 1.0 };
    let weights: Vec<f64> = (-radius..=radius).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

/// Convolves rows, then columns; edges are repeated.
pub(super) fn blur(image: &mut [f32], columns: usize, rows: usize, kernel: &[f32]) {
    let radius = kernel.len() / 2;
    if radius == 0 {
        return;
    }
    let mut padded = vec![0.0f32; columns + 2 * radius];
    for line in image.chunks_exact_mut(columns) {
        padded[..radius].fill(line[0]);
        padded[radius..radius + columns].copy_from_slice(line);
        padded[radius + columns..].fill(line[columns - 1]);
        for (column, pixel) in line.iter_mut().enumerate() {
            *pixel = kernel.iter().zip(&padded[column..]).map(|(weight, value)| weight * value).sum();
        }
    }
    let source = image.to_vec();
    for (row, line) in image.chunks_exact_mut(columns).enumerate() {
        line.fill(0.0);
        for (n, weight) in kernel.iter().enumerate() {
            let from = (row + n).saturating_sub(radius).min(rows - 1);
            let values = &source[from * columns..(from + 1) * columns];
            line.iter_mut().zip(values).for_each(|(pixel, value)| *pixel += weight * value);
        }
    }
}

/// Smooth noise of about SD 1 on a lattice of `cell_mm`, a function of the place alone.
pub(super) fn lattice_noise(seed: u64, point: Point, cell_mm: f64) -> f64 {
    let cell = point.map(|axis| (axis / cell_mm).floor());
    let part: Point = std::array::from_fn(|axis| point[axis] / cell_mm - cell[axis]);
    let mut sum = 0.0;
    let mut energy = 0.0;
    for corner in 0..8u8 {
        let mut weight = 1.0;
        let mut key = seed;
        for axis in 0..3 {
            let high = (corner >> axis) & 1 == 1;
            weight *= if high { part[axis] } else { 1.0 - part[axis] };
            key = mixed(key ^ (cell[axis] as i64 + i64::from(high)) as u64);
        }
        sum += weight * f64::from(normal(key));
        energy += weight * weight;
    }
    sum / energy.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        (mean, (values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
    }

    #[test]
    fn noise_has_the_deviation_it_promises() {
        for sigma in [0.0, 0.4, 1.0] {
            let (mean, sd) = deviation(&correlated(7, 3, 256, 256, sigma));
            assert!(mean.abs() < 0.03, "mean {mean} at {sigma}");
            assert!((sd - 1.0).abs() < 0.03, "deviation {sd} at {sigma}");
        }
    }

    #[test]
    fn noise_repeats_by_seed_and_differs_by_slice() {
        assert_eq!(correlated(7, 3, 32, 32, 1.0), correlated(7, 3, 32, 32, 1.0));
        assert_ne!(correlated(7, 3, 32, 32, 1.0), correlated(7, 4, 32, 32, 1.0));
        assert_ne!(correlated(8, 3, 32, 32, 1.0), correlated(7, 3, 32, 32, 1.0));
    }

    #[test]
    fn blur_keeps_a_constant_and_the_sum_of_a_point() {
        let kernel = gaussian(1.0);
        let mut flat = vec![5.0; 400];
        blur(&mut flat, 20, 20, &kernel);
        assert!(flat.iter().all(|value| (value - 5.0).abs() < 1e-4));
        let mut point = vec![0.0; 400];
        point[210] = 1.0;
        blur(&mut point, 20, 20, &kernel);
        assert!((point.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    }
}
