//! Course of spine and canal through the coarse grid.
//!
//! Input: HU, trunk, and the tracked centre line of the canal where there is one (LPS, mm).
//! Output: [`Midline`], one column and row per slice. Errors: no bone where a spine must be.

use crate::anatomy::Absence;
use crate::codes::Reason;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::grid::filter;
use crate::grid::label;
use crate::grid::label::Neighbours;
use crate::grid::morphology;

use super::Parameters;
use super::masks;

/// Course of spine and canal, one entry per slice of the grid, in columns and rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Midline {
    /// Median column of the spine's bone.
    pub spine_column: Vec<f64>,
    /// Median row of the spine's bone.
    pub spine_row: Vec<f64>,
    /// Column of the canal.
    pub canal_column: Vec<f64>,
    /// Row of the canal.
    pub canal_row: Vec<f64>,
    /// Share of slices in which the canal was seen.
    pub canal_share: f64,
}

/// Finds the course of spine and canal.
pub(super) fn find(
    grid: &PatientGrid<f32>,
    trunk: &Mask,
    canal_mm: Option<&[[f64; 3]]>,
    parameters: &Parameters,
) -> Result<Midline, Absence> {
    let seen: Vec<Option<[f64; 2]>> =
        (0..trunk.shape[0]).map(|k| spine_in_slice(&grid.grid, trunk, k, parameters)).collect();
    if seen.iter().flatten().count() < LEAST_SLICES {
        return Err(Absence { reason: Reason::StructureNotFound, detail: "no_spine" });
    }
    let smooth =
        |axis: usize| filter::median_line(&bridged(&seen, axis), parameters.midline_median_slices, Edge::Nearest);
    let (spine_column, spine_row) = (smooth(0), smooth(1));
    let canal = match canal_mm {
        Some(line) => given_canal(grid, line),
        None => canal_holes(grid, trunk, &spine_column, &spine_row),
    };
    let found = canal.iter().flatten().count();
    let canal_share = found as f64 / canal.len() as f64;
    let (canal_column, canal_row) = if found < LEAST_SLICES {
        (spine_column.clone(), spine_row.iter().map(|row| row + CANAL_BEHIND_BODY_MM / grid.spacing_mm).collect())
    } else if canal_mm.is_some() {
        (bridged(&canal, 0), bridged(&canal, 1))
    } else {
        let line = |axis: usize| {
            let steady = filter::median_line(&bridged(&canal, axis), CANAL_MEDIAN_SLICES, Edge::Nearest);
            filter::gaussian_line(&steady, CANAL_GAUSSIAN_SLICES, Edge::Nearest)
        };
        (line(0), line(1))
    };
    Ok(Midline { spine_column, spine_row, canal_column, canal_row, canal_share })
}

/// Median column and row of bone in the posterior middle of one slice.
fn spine_in_slice(hu: &Grid<f32>, trunk: &Mask, k: usize, parameters: &Parameters) -> Option<[f64; 2]> {
    let columns = hu.shape[2];
    let inside: Vec<usize> = (0..trunk.slice(k).len()).filter(|&at| trunk.slice(k)[at]).collect();
    if inside.len() < LEAST_TRUNK_VOXELS {
        return None;
    }
    let range = |place: fn(usize, usize) -> usize| {
        let (low, high) = inside.iter().fold((usize::MAX, 0), |(low, high), &at| {
            let value = place(at, columns);
            (low.min(value), high.max(value))
        });
        (low as f64, (high - low) as f64)
    };
    let (left_edge, width) = range(|at, columns| at % columns);
    let (front_edge, depth) = range(|at, columns| at / columns);
    let first_row = (front_edge + SPINE_FRONT_SHARE * depth) as usize;
    let first_column = (left_edge + SPINE_SIDE_SHARE * width) as usize;
    let last_column = (left_edge + (1.0 - SPINE_SIDE_SHARE) * width) as usize;
    let bone: Vec<usize> = inside
        .into_iter()
        .filter(|at| at / columns >= first_row && (first_column..last_column).contains(&(at % columns)))
        .filter(|&at| hu.slice(k)[at] > parameters.spine_bone_hu)
        .collect();
    if bone.len() <= LEAST_BONE_VOXELS {
        return None;
    }
    let median = |place: fn(usize, usize) -> usize| {
        filter::median(&mut bone.iter().map(|&at| place(at, columns) as f64).collect::<Vec<_>>())
    };
    Some([median(|at, columns| at % columns)?, median(|at, columns| at / columns)?])
}

/// One coordinate of every slice: linear between the slices that have it, constant beyond them.
fn bridged(seen: &[Option<[f64; 2]>], axis: usize) -> Vec<f64> {
    let known: Vec<(f64, f64)> =
        seen.iter().enumerate().filter_map(|(k, place)| place.map(|place| (k as f64, place[axis]))).collect();
    (0..seen.len())
        .map(|k| {
            let at = k as f64;
            let above = known.partition_point(|(slice, _)| *slice < at);
            match (above.checked_sub(1).map(|below| known[below]), known.get(above)) {
                (Some((from, low)), Some(&(to, high))) => low + (high - low) * (at - from) / (to - from),
                (Some((_, value)), None) | (None, Some(&(_, value))) => value,
                (None, None) => f64::NAN,
            }
        })
        .collect()
}

/// The tracked canal: mean place of its points in every slice.
fn given_canal(grid: &PatientGrid<f32>, line: &[[f64; 3]]) -> Vec<Option<[f64; 2]>> {
    let mut sums = vec![([0.0; 2], 0.0); grid.grid.shape[0]];
    for point in line {
        let [k, j, i] = grid.index_of(*point);
        if let Some((sum, number)) = sums.get_mut(k.round().max(0.0) as usize).filter(|_| k.round() >= 0.0) {
            *sum = [sum[0] + i, sum[1] + j];
            *number += 1.0;
        }
    }
    sums.into_iter().map(|(sum, number)| (number > 0.0).then(|| sum.map(|value| value / number))).collect()
}

/// The canal as the hole of the bone projected over a few slices, where no tracked line is given.
fn canal_holes(grid: &PatientGrid<f32>, trunk: &Mask, column: &[f64], row: &[f64]) -> Vec<Option<[f64; 2]>> {
    let hu = &grid.grid;
    let [slices, rows, columns] = hu.shape;
    let bone = masks::mask_where(hu.shape, |_, _, _, at| trunk.data[at] && hu.data[at] > CANAL_BONE_HU);
    let reach = (CANAL_PROJECTION_MM / grid.spacing_mm) as usize;
    (0..slices)
        .map(|k| {
            let around = k.saturating_sub(reach)..(k + reach + 1).min(slices);
            let projected: Vec<bool> =
                (0..rows * columns).map(|at| around.clone().any(|other| bone.slice(other)[at])).collect();
            let wall = Grid { shape: [1, rows, columns], data: projected };
            let filled = morphology::fill_holes_per_slice(&gaps_closed(&wall));
            let holes = masks::mask_where(wall.shape, |_, _, _, at| {
                filled.data[at] && !wall.data[at] && hu.slice(k)[at] < CANAL_LUMEN_HU
            });
            best_hole(&holes, [column[k], row[k]], grid.spacing_mm)
        })
        .collect()
}

/// Closes gaps of one voxel (closing by a square of two by two).
fn gaps_closed(wall: &Mask) -> Mask {
    let [_, rows, columns] = wall.shape;
    let inside = |j: isize, i: isize| {
        j >= 0 && i >= 0 && (j as usize) < rows && (i as usize) < columns && wall.at(0, j as usize, i as usize)
    };
    let grown = |j: isize, i: isize| (0..2).any(|dj| (0..2).any(|di| inside(j + dj, i + di)));
    masks::mask_where(wall.shape, |_, j, i, _| {
        (0..2).all(|dj| (0..2).all(|di| grown(j as isize - dj, i as isize - di)))
    })
}

/// Centre of the hole that is large and near the midline of the spine.
fn best_hole(holes: &Mask, spine: [f64; 2], spacing_mm: f64) -> Option<[f64; 2]> {
    let components = label::label(holes, Neighbours::Six);
    let mut sums = vec![[0.0f64; 2]; components.sizes.len()];
    for (at, &number) in components.labels.data.iter().enumerate().filter(|(_, number)| **number > 0) {
        let sum = &mut sums[number as usize - 1];
        *sum = [sum[0] + (at % holes.shape[2]) as f64, sum[1] + (at / holes.shape[2]) as f64];
    }
    let mut best: Option<(f64, [f64; 2])> = None;
    for (sum, &size) in sums.iter().zip(&components.sizes) {
        let area = size as f64 * spacing_mm * spacing_mm;
        let centre = sum.map(|value| value / size as f64);
        let aside = (centre[0] - spine[0]).abs() * spacing_mm;
        let behind = (centre[1] - spine[1]) * spacing_mm;
        let fits = CANAL_AREA_MM2.contains(&area) && aside < CANAL_ASIDE_MM && CANAL_BEHIND_MM.contains(&behind);
        let merit = area - CANAL_ASIDE_WEIGHT * aside;
        if fits && best.is_none_or(|(other, _)| merit > other) {
            best = Some((merit, centre));
        }
    }
    best.map(|(_, centre)| centre)
}

/// Slices with bone (or with a canal) without which there is no course to speak of.
const LEAST_SLICES: usize = 5;
/// Trunk voxels that a slice needs to be looked at (45 cm2).
const LEAST_TRUNK_VOXELS: usize = 500;
/// Bone voxels that a slice needs (4 cm2).
const LEAST_BONE_VOXELS: usize = 40;
/// Front share of the trunk in which no spine lies.
const SPINE_FRONT_SHARE: f64 = 0.40;
/// Share of the width on each side in which no spine lies.
const SPINE_SIDE_SHARE: f64 = 0.32;
/// From the middle of the bone to the canal, where the canal itself is not seen.
const CANAL_BEHIND_BODY_MM: f64 = 12.0;
/// Bone around the canal.
const CANAL_BONE_HU: f32 = 150.0;
/// Largest HU inside the canal.
const CANAL_LUMEN_HU: f32 = 140.0;
/// Half height of the projection: a vertebral arch without its gaps.
const CANAL_PROJECTION_MM: f64 = 12.0;
/// Slices of the median over the canal's course.
const CANAL_MEDIAN_SLICES: usize = 15;
/// Standard deviation of the smoothing of the canal's course, in slices.
const CANAL_GAUSSIAN_SLICES: f64 = 2.0;
/// Area of the canal.
const CANAL_AREA_MM2: std::ops::RangeInclusive<f64> = 60.0..=900.0;
/// Largest distance from the midline.
const CANAL_ASIDE_MM: f64 = 22.0;
/// Area that one millimetre off the midline costs.
const CANAL_ASIDE_WEIGHT: f64 = 15.0;
/// Place behind the middle of the bone.
const CANAL_BEHIND_MM: std::ops::Range<f64> = -35.0..40.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_between_slices_are_bridged_in_a_straight_line() {
        let seen = [None, Some([10.0, 1.0]), None, None, Some([16.0, 4.0]), None];
        assert_eq!(bridged(&seen, 0), vec![10.0, 10.0, 12.0, 14.0, 16.0, 16.0]);
        assert_eq!(bridged(&seen, 1), vec![1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
    }

    #[test]
    fn the_hole_of_a_bone_ring_is_the_canal() {
        let ring = masks::mask_where([1, 40, 40], |_, j, i, _| {
            let r = ((j as f64 - 20.0).powi(2) + (i as f64 - 21.0).powi(2)).sqrt();
            (3.0..5.0).contains(&r)
        });
        let filled = morphology::fill_holes_per_slice(&gaps_closed(&ring));
        let holes = masks::mask_where(ring.shape, |_, _, _, at| filled.data[at] && !ring.data[at]);
        assert_eq!(best_hole(&holes, [20.0, 18.0], 3.0), Some([21.0, 20.0]));
        assert_eq!(best_hole(&holes, [32.0, 18.0], 3.0), None);
    }
}
