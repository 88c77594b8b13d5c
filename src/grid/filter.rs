//! Smoothing and rank filters.
//!
//! Input: grids or lines of numbers; widths in voxels (samples). Output: the same extent.
//! What lies beyond the ends is said by [`Edge`]. A Gaussian reaches four standard deviations, rounded to whole samples.

use rayon::prelude::*;

use super::Edge;
use super::Grid;

/// Gaussian along one axis (0 slice, 1 row, 2 column) with standard deviation `sigma` in voxels.
pub fn gaussian_along(grid: &Grid<f32>, axis: usize, sigma: f64, edge: Edge) -> Grid<f32> {
    let weights = gaussian_weights(sigma);
    correlate_along(grid, axis, &weights, weights.len() / 2, edge)
}

/// Gaussian along all axes with standard deviations in voxels; an axis with 0 stays as it is.
pub fn gaussian(grid: &Grid<f32>, sigmas: [f64; 3], edge: Edge) -> Grid<f32> {
    let mut result = grid.clone();
    for (axis, &sigma) in sigmas.iter().enumerate().filter(|(_, sigma)| **sigma > 0.0) {
        result = gaussian_along(&result, axis, sigma, edge);
    }
    result
}

/// Mean over `size` neighbours along one axis; an even window reaches one further back than forward.
pub fn uniform_along(grid: &Grid<f32>, axis: usize, size: usize, edge: Edge) -> Grid<f32> {
    let size = size.max(1);
    correlate_along(grid, axis, &vec![1.0 / size as f64; size], size / 2, edge)
}

/// Mean over a box of `sizes` voxels.
pub fn uniform(grid: &Grid<f32>, sizes: [usize; 3], edge: Edge) -> Grid<f32> {
    let mut result = grid.clone();
    for (axis, &size) in sizes.iter().enumerate().filter(|(_, size)| **size > 1) {
        result = uniform_along(&result, axis, size, edge);
    }
    result
}

/// Median of the 3 x 3 x 3 neighbourhood, mirrored at the border.
pub fn median3(grid: &Grid<f32>) -> Grid<f32> {
    let [nk, nj, ni] = grid.shape;
    let mut result = grid.clone();
    result.data.par_chunks_mut((nj * ni).max(1)).enumerate().for_each(|(k, out)| {
        let around =
            |at: usize, length: usize| [-1, 0, 1].map(|step: isize| Edge::Reflect.resolve(at as isize + step, length));
        let slices = around(k, nk);
        for j in 0..nj {
            let rows = around(j, nj);
            for i in 0..ni {
                let columns = around(i, ni);
                let mut values: [f32; 27] =
                    std::array::from_fn(|n| grid.at(slices[n / 9], rows[n / 3 % 3], columns[n % 3]));
                out[j * ni + i] = *values.select_nth_unstable_by(13, f32::total_cmp).1;
            }
        }
    });
    result
}

/// Gaussian of a line.
pub fn gaussian_line(line: &[f64], sigma: f64, edge: Edge) -> Vec<f64> {
    let weights = gaussian_weights(sigma);
    correlate_line(line, &weights, weights.len() / 2, edge)
}

/// Running mean of a line; an even window reaches one further back than forward.
pub fn uniform_line(line: &[f64], size: usize, edge: Edge) -> Vec<f64> {
    let size = size.max(1);
    correlate_line(line, &vec![1.0 / size as f64; size], size / 2, edge)
}

/// Running median of a line over an odd number of samples.
pub fn median_line(line: &[f64], size: usize, edge: Edge) -> Vec<f64> {
    let half = (size / 2) as isize;
    let mut window = Vec::with_capacity(size);
    (0..line.len() as isize)
        .map(|at| {
            window.clear();
            window.extend((at - half..=at + half).map(|other| line[edge.resolve(other, line.len())]));
            median(&mut window).unwrap_or(f64::NAN)
        })
        .collect()
}

/// Median, the mean of the two middle values for an even number; reorders `values`; `None` of nothing.
pub fn median(values: &mut [f64]) -> Option<f64> {
    percentile(values, 50.0)
}

/// Percentile between 0 and 100, linear between closest ranks at `(n - 1) * percent / 100` (type 7); reorders `values`.
pub fn percentile(values: &mut [f64], percent: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let rank = (last as f64 * percent / 100.0).clamp(0.0, last as f64);
    let (_, &mut low, above) = values.select_nth_unstable_by(rank.floor() as usize, f64::total_cmp);
    let fraction = rank - rank.floor();
    if fraction == 0.0 {
        return Some(low);
    }
    let high = above.iter().copied().min_by(f64::total_cmp)?;
    Some(low + fraction * (high - low))
}

/// Normalised Gaussian weights out to four standard deviations.
fn gaussian_weights(sigma: f64) -> Vec<f64> {
    let radius = (4.0 * sigma + 0.5) as isize;
    let raw: Vec<f64> =
        (-radius..=radius).map(|x| (-0.5 * (x * x) as f64 / (sigma * sigma).max(1e-12)).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|weight| weight / sum).collect()
}

fn correlate_line(line: &[f64], weights: &[f64], back: usize, edge: Edge) -> Vec<f64> {
    (0..line.len())
        .map(|at| {
            let start = at as isize - back as isize;
            weights.iter().zip(start..).map(|(weight, other)| weight * line[edge.resolve(other, line.len())]).sum()
        })
        .collect()
}

/// `out[at] = sum of weights[n] * grid[at - back + n]` along `axis`.
fn correlate_along(grid: &Grid<f32>, axis: usize, weights: &[f64], back: usize, edge: Edge) -> Grid<f32> {
    let [nk, nj, ni] = grid.shape;
    let mut result = Grid::filled(grid.shape, 0f32);
    if grid.data.is_empty() {
        return result;
    }
    let weights: Vec<f32> = weights.iter().map(|&weight| weight as f32).collect();
    let source = |at: usize, n: usize, length: usize| edge.resolve(at as isize - back as isize + n as isize, length);
    result.data.par_chunks_mut(nj * ni).enumerate().for_each(|(k, out)| match axis {
        0 => {
            for (n, &weight) in weights.iter().enumerate() {
                add_scaled(out, grid.slice(source(k, n, nk)), weight);
            }
        }
        1 => {
            for (j, row) in out.chunks_mut(ni).enumerate() {
                for (n, &weight) in weights.iter().enumerate() {
                    let from = source(j, n, nj) * ni;
                    add_scaled(row, &grid.slice(k)[from..from + ni], weight);
                }
            }
        }
        _ => {
            let mut padded = vec![0f32; ni + weights.len()];
            for (row, line) in out.chunks_mut(ni).zip(grid.slice(k).chunks(ni)) {
                for (at, value) in padded.iter_mut().enumerate() {
                    *value = line[source(0, at, ni)];
                }
                for (n, &weight) in weights.iter().enumerate() {
                    add_scaled(row, &padded[n..n + ni], weight);
                }
            }
        }
    });
    result
}

#[inline]
fn add_scaled(sum: &mut [f32], values: &[f32], weight: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
        }
    }

    #[test]
    fn edges_resolve_as_drawn() {
        let at = |edge: Edge| (-4..7).map(|index| edge.resolve(index, 3)).collect::<Vec<_>>();
        assert_eq!(at(Edge::Nearest), [0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2]);
        assert_eq!(at(Edge::Reflect), [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
    }

    /// Expected values from scipy.ndimage 1.x: `gaussian_filter1d`, `uniform_filter1d`, `median_filter`.
    #[test]
    fn lines_smooth_as_the_reference_does() {
        let line = [1.0, 5.0, 2.0, 8.0, 3.0];
        close(&gaussian_line(&line, 1.0, Edge::Nearest), GAUSSIAN_NEAREST);
        close(&gaussian_line(&line, 1.0, Edge::Reflect), GAUSSIAN_REFLECT);
        close(&uniform_line(&line, 4, Edge::Nearest), &[2.0, 2.25, 4.0, 4.5, 4.0]);
        close(&median_line(&line, 3, Edge::Nearest), &[1.0, 2.0, 5.0, 3.0, 3.0]);
    }

    const GAUSSIAN_NEAREST: &[f64] = &[2.0531676, 3.2248146, 4.1777430, 4.8515968, 4.1644622];
    const GAUSSIAN_REFLECT: &[f64] = &[2.2745008, 3.2426759, 4.1789475, 4.8736222, 4.4302536];

    #[test]
    fn a_grid_smooths_along_each_axis_like_a_line() {
        let line: Vec<f64> = (0..9).map(|n| f64::from(n * n % 7)).collect();
        let expected = gaussian_line(&line, 1.3, Edge::Reflect);
        for axis in 0..3 {
            let mut shape = [2, 2, 2];
            shape[axis] = line.len();
            let mut grid = Grid::filled(shape, 0f32);
            for at in 0..grid.data.len() {
                let place = [at / (shape[1] * shape[2]), at / shape[2] % shape[1], at % shape[2]];
                grid.data[at] = line[place[axis]] as f32;
            }
            let smooth = gaussian_along(&grid, axis, 1.3, Edge::Reflect);
            for (at, &value) in smooth.data.iter().enumerate() {
                let place = [at / (shape[1] * shape[2]), at / shape[2] % shape[1], at % shape[2]];
                assert!((f64::from(value) - expected[place[axis]]).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn the_box_mean_keeps_a_constant_and_spreads_a_point() {
        let mut grid = Grid::filled([3, 3, 3], 0f32);
        grid.data[13] = 27.0;
        let mean = uniform(&grid, [3, 3, 3], Edge::Nearest);
        assert!(mean.data.iter().all(|value| (value - 1.0).abs() < 1e-5));
    }

    #[test]
    fn a_single_spike_does_not_survive_the_median() {
        let mut grid = Grid::filled([3, 3, 3], 4f32);
        grid.data[13] = 1000.0;
        assert!(median3(&grid).data.iter().all(|&value| value == 4.0));
    }

    #[test]
    fn percentiles_lie_between_ranks() {
        let mut values = [10.0, 0.0, 30.0, 20.0];
        assert_eq!(percentile(&mut values, 50.0), Some(15.0));
        assert_eq!(percentile(&mut values, 100.0), Some(30.0));
        assert_eq!(percentile(&mut values, 25.0), Some(7.5));
        assert_eq!(percentile(&mut [], 25.0), None);
    }
}
