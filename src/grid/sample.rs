//! Values between voxels.
//!
//! Input: a grid or an image and a place, in voxels or in patient coordinates (LPS, mm). Output: linear interpolation.

use super::Grid;
use super::PatientGrid;

/// Trilinear value at a patient point (LPS, mm); `outside` beyond the outermost voxel centres.
#[inline]
pub fn trilinear(grid: &PatientGrid<f32>, point_mm: [f64; 3], outside: f32) -> f32 {
    let at = grid.index_of(point_mm);
    let shape = grid.grid.shape;
    let within = (0..3).all(|axis| at[axis] >= 0.0 && at[axis] <= shape[axis] as f64 - 1.0);
    if within { trilinear_nearest(&grid.grid, at) } else { outside }
}

/// Trilinear value at a fractional index `[k, j, i]`; the outermost voxels go on beyond the border.
#[inline]
pub fn trilinear_nearest(grid: &Grid<f32>, at: [f64; 3]) -> f32 {
    let [k, j, i] = [0, 1, 2].map(|axis| cell(at[axis], grid.shape[axis]));
    let row = |k: usize, j: usize| {
        let from = grid.index(k, j, 0);
        mix(grid.data[from + i.0], grid.data[from + i.1], i.2)
    };
    let slice = |k: usize| mix(row(k, j.0), row(k, j.1), j.2);
    mix(slice(k.0), slice(k.1), k.2)
}

/// Bilinear value of an image (row by row) at a fractional row and column; the border values go on outside.
#[inline]
pub fn bilinear_nearest(image: &[f32], shape: [usize; 2], row: f64, column: f64) -> f32 {
    let (j, i) = (cell(row, shape[0]), cell(column, shape[1]));
    let value = |j: usize| mix(image[j * shape[1] + i.0], image[j * shape[1] + i.1], i.2);
    mix(value(j.0), value(j.1), j.2)
}

/// Linear value of a line at a fractional place; the end values go on outside. `None` of an empty line.
pub fn linear_nearest(line: &[f64], at: f64) -> Option<f64> {
    if line.is_empty() {
        return None;
    }
    let (low, high, fraction) = cell(at, line.len());
    Some(line[low] + (line[high] - line[low]) * f64::from(fraction))
}

/// Both neighbours of a place and its fraction between them.
#[inline]
fn cell(at: f64, length: usize) -> (usize, usize, f32) {
    let clamped = at.clamp(0.0, length.saturating_sub(1) as f64);
    let low = clamped as usize;
    (low, (low + 1).min(length - 1), (clamped - low as f64) as f32)
}

#[inline]
fn mix(low: f32, high: f32, fraction: f32) -> f32 {
    low + (high - low) * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp() -> PatientGrid<f32> {
        let data = (0..24).map(|n| (100 * (n / 12) + 10 * (n / 4 % 3) + n % 4) as f32).collect();
        PatientGrid { grid: Grid { shape: [2, 3, 4], data }, origin_mm: [-10.0, 20.0, 5.0], spacing_mm: 2.0 }
    }

    #[test]
    fn a_ramp_is_read_between_its_voxels() {
        let grid = ramp();
        let point = grid.patient_mm(0.25, 1.5, 2.75);
        assert_eq!(grid.index_of(point), [0.25, 1.5, 2.75]);
        assert!((trilinear(&grid, point, -1000.0) - 42.75).abs() < 1e-4);
    }

    #[test]
    fn beyond_the_last_centre_the_outside_value_stands() {
        let grid = ramp();
        assert_eq!(trilinear(&grid, grid.patient_mm(1.0, 2.0, 3.0), -1000.0), 123.0);
        assert_eq!(trilinear(&grid, grid.patient_mm(1.0, 2.0, 3.01), -1000.0), -1000.0);
        assert_eq!(trilinear_nearest(&grid.grid, [5.0, 2.0, 3.5]), 123.0);
    }

    #[test]
    fn an_image_goes_on_beyond_its_border() {
        let image = [0.0, 1.0, 10.0, 11.0];
        assert_eq!(bilinear_nearest(&image, [2, 2], 0.5, 0.5), 5.5);
        assert_eq!(bilinear_nearest(&image, [2, 2], -3.0, 9.0), 1.0);
        assert_eq!(linear_nearest(&[2.0, 4.0], 0.5), Some(3.0));
    }
}
