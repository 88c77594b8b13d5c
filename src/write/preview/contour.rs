//! Outlines of masks in a picture plane.
//!
//! Input: a membership field over patient points, 0 outside to 1 inside. Output: line pieces on the canvas along the
//! level one half (marching squares over a lattice of [`LATTICE_STEP`] pixels).

use super::canvas::Point;
use super::view::View;
use crate::grid::Grid;
use crate::grid::PatientGrid;
use crate::measure::NativeMask;
use crate::volume::Geometry;

/// Lines along the border between inside and outside.
pub(super) fn contour(view: &View, membership: impl Fn([f64; 3]) -> f64) -> Vec<Vec<Point>> {
    let columns = view.rect.width / LATTICE_STEP + 1;
    let rows = view.rect.height / LATTICE_STEP + 1;
    let place = |column: usize, row: usize| -> Point {
        [(view.rect.left + column * LATTICE_STEP) as f64, (view.rect.top + row * LATTICE_STEP) as f64]
    };
    let row_of = |row: usize| -> Vec<f64> {
        (0..columns).map(|column| membership(view.point_mm(place(column, row))) - 0.5).collect()
    };
    let mut lines = Vec::new();
    let mut upper = row_of(0);
    for row in 1..rows {
        let lower = row_of(row);
        for column in 1..columns {
            let corners = [
                (place(column - 1, row - 1), upper[column - 1]),
                (place(column, row - 1), upper[column]),
                (place(column, row), lower[column]),
                (place(column - 1, row), lower[column - 1]),
            ];
            cell(corners, &mut lines);
        }
        upper = lower;
    }
    lines
}

/// Adds the pieces of one lattice cell; corners in turning order, negative values outside.
fn cell(corners: [(Point, f64); 4], lines: &mut Vec<Vec<Point>>) {
    let mut crossings = [[0.0; 2]; 4];
    let mut count = 0;
    for side in 0..4 {
        let ((from, first), (to, second)) = (corners[side], corners[(side + 1) % 4]);
        if (first >= 0.0) != (second >= 0.0) {
            let share = first / (first - second);
            crossings[count] = std::array::from_fn(|axis| from[axis] + (to[axis] - from[axis]) * share);
            count += 1;
        }
    }
    for pair in crossings[..count].chunks_exact(2) {
        lines.push(pair.to_vec());
    }
}

/// Membership in a mask on a patient grid, linear between voxel centres.
pub(super) fn patient_membership(mask: &PatientGrid<bool>, point_mm: [f64; 3]) -> f64 {
    let [slices, rows, columns] = mask.grid.shape;
    let place = |axis: usize| (point_mm[axis] - mask.origin_mm[axis]) / mask.spacing_mm;
    let inside = |k: f64, j: f64, i: f64| {
        let within = |value: f64, count: usize| value >= 0.0 && value < count as f64;
        let voxel = within(k, slices) && within(j, rows) && within(i, columns);
        voxel && mask.grid.at(k as usize, j as usize, i as usize)
    };
    let (k, j, i) = (place(2), place(1), place(0));
    let mut sum = 0.0;
    for corner in 0..8 {
        let weight = |value: f64, up: bool| if up { value - value.floor() } else { 1.0 - (value - value.floor()) };
        let step = |value: f64, up: bool| value.floor() + f64::from(u8::from(up));
        let up = [corner & 1 != 0, corner & 2 != 0, corner & 4 != 0];
        if inside(step(k, up[0]), step(j, up[1]), step(i, up[2])) {
            sum += weight(k, up[0]) * weight(j, up[1]) * weight(i, up[2]);
        }
    }
    sum
}

/// Membership in a mask on the native grid: linear in the slice, nearest across slices.
pub(super) fn native_membership(geometry: &Geometry, mask: &NativeMask, point_mm: [f64; 3]) -> f64 {
    let Some(k) = nearest_slice(geometry, point_mm) else { return 0.0 };
    if (geometry.positions_mm[k] - geometry.position_mm(point_mm)).abs() > geometry.slab_mm(k) / 2.0 + 1e-6 {
        return 0.0;
    }
    let [row, column] = geometry.pixel(k, point_mm);
    let inside =
        |row: f64, column: f64| row >= 0.0 && column >= 0.0 && native_holds(mask, k, row as usize, column as usize);
    let (row_share, column_share) = (row - row.floor(), column - column.floor());
    [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]
        .into_iter()
        .filter(|&(down, right)| inside(row.floor() + down, column.floor() + right))
        .map(|(down, right)| {
            let along = if down > 0.0 { row_share } else { 1.0 - row_share };
            let across = if right > 0.0 { column_share } else { 1.0 - column_share };
            along * across
        })
        .sum()
}

fn native_holds(mask: &NativeMask, k: usize, j: usize, i: usize) -> bool {
    let voxel = [k, j, i];
    let inside: Option<Vec<usize>> = (0..3)
        .map(|axis| voxel[axis].checked_sub(mask.first[axis]).filter(|&at| at < mask.inside.shape[axis]))
        .collect();
    inside.is_some_and(|at| mask.inside.at(at[0], at[1], at[2]))
}

/// The slice whose position is nearest to a point; `None` without slices.
pub(super) fn nearest_slice(geometry: &Geometry, point_mm: [f64; 3]) -> Option<usize> {
    let position = geometry.position_mm(point_mm);
    let distance = |k: usize| (geometry.positions_mm[k] - position).abs();
    (0..geometry.positions_mm.len()).min_by(|&a, &b| distance(a).total_cmp(&distance(b)))
}

/// A mask seen through from front to back, as a grid of one row: set where any voxel of the line is set.
pub(super) fn shadow(mask: &PatientGrid<bool>) -> PatientGrid<bool> {
    let [slices, rows, columns] = mask.grid.shape;
    let any = |k: usize, i: usize| (0..rows).any(|j| mask.grid.at(k, j, i));
    let data = (0..slices).flat_map(|k| (0..columns).map(move |i| any(k, i))).collect();
    let grid = Grid { shape: [slices, 1, columns], data };
    PatientGrid { grid, origin_mm: mask.origin_mm, spacing_mm: mask.spacing_mm }
}

/// Membership in a shadow, whatever the depth of the point.
pub(super) fn shadow_membership(shadow: &PatientGrid<bool>, point_mm: [f64; 3]) -> f64 {
    patient_membership(shadow, [point_mm[0], shadow.origin_mm[1], point_mm[2]])
}

/// Distance of the lattice in pixels: finer than the eye sees, coarse enough to be quick.
const LATTICE_STEP: usize = 2;

#[cfg(test)]
mod tests {
    use super::super::canvas::Rect;
    use super::*;

    #[test]
    fn the_outline_of_a_ball_is_a_circle() {
        let rect = Rect { left: 0, top: 0, width: 101, height: 101 };
        let view = View::sagittal(rect, [0.0; 3], 1.0, None);
        let lines = contour(&view, |point| 0.5 + 0.05 * (30.0 - point[1].hypot(point[2])));
        assert!(lines.len() > 40);
        for point in lines.iter().flatten() {
            assert!(((point[0] - 50.0).hypot(point[1] - 50.0) - 30.0).abs() < 0.1, "{point:?}");
        }
    }

    #[test]
    fn membership_is_linear_between_voxel_centres() {
        let mut grid = Grid::filled([1, 1, 3], false);
        grid.data[1] = true;
        let mask = PatientGrid { grid, origin_mm: [10.0, 0.0, 0.0], spacing_mm: 2.0 };
        assert_eq!(patient_membership(&mask, [12.0, 0.0, 0.0]), 1.0);
        assert_eq!(patient_membership(&mask, [12.5, 0.0, 0.0]), 0.75);
        assert_eq!(patient_membership(&mask, [14.0, 0.0, 0.0]), 0.0);
        assert_eq!(patient_membership(&mask, [-40.0, 0.0, 0.0]), 0.0);
    }

    #[test]
    fn a_shadow_holds_what_lies_at_any_depth() {
        let mut grid = Grid::filled([1, 3, 2], false);
        grid.data[4] = true;
        let mask = PatientGrid { grid, origin_mm: [0.0; 3], spacing_mm: 1.0 };
        assert_eq!(shadow(&mask).grid.data, vec![true, false]);
        assert_eq!(shadow_membership(&shadow(&mask), [0.0, 77.0, 0.0]), 1.0);
    }
}
