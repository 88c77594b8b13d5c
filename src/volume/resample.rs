//! Resampling onto isotropic grids along the patient's axes, for localisation only: statistics use the native voxels.
//!
//! Input: a [`Volume`], the wanted spacing (mm). Output: a [`PatientGrid`] that covers it, in HU; padding and everything
//! outside the images read -1024.
//! Images along the patient's axes, whatever their flips, are resampled separably. Oblique images and stacks sheared by
//! gantry tilt are resampled separably along their own axes, and from there trilinearly.
//! The result does not depend on the count of threads.

use rayon::prelude::*;

use super::stack::dot;
use super::{Geometry, PADDING_HU, Volume, Voxels};
use crate::grid::{Grid, PatientGrid};

/// HU of padding and of everything outside the images.
const OUTSIDE_HU: f32 = -1024.0;
/// Largest deviation of a direction cosine of images that count as along the patient's axes.
const ALIGNED_COSINE: f64 = 1e-3;
/// Largest in-plane drift of slice origins of an unsheared stack (mm).
const ALIGNED_DRIFT_MM: f64 = 0.5;
/// Slices of the result that one thread makes at a time; their source slices are read once.
const SLICES_PER_TASK: usize = 8;
/// Slice distances that differ more from their median, relatively, make a stack irregular for [`boxed`].
const IRREGULAR: f64 = 0.3;

/// Tent-weighted resampling: half width is the larger of both spacings, wider at gaps; HU clipped to -1024..3071.
///
/// Averages where it shrinks and interpolates linearly where it grows.
pub fn tent(volume: &Volume, spacing_mm: f64) -> PatientGrid<f32> {
    resample(volume, spacing_mm, Weighting::Tent)
}

/// Box-average where the input is finer than `spacing_mm`, linear interpolation where it is coarser; HU clipped to
/// -1100..3100. Slices at irregular distances are first put on a regular grid by nearest neighbour.
pub fn boxed(volume: &Volume, spacing_mm: f64) -> PatientGrid<f32> {
    resample(volume, spacing_mm, Weighting::Boxed)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Weighting {
    Tent,
    Boxed,
}

impl Weighting {
    fn clip(self) -> (f32, f32) {
        match self {
            Weighting::Tent => (-1024.0, 3071.0),
            Weighting::Boxed => (-1100.0, 3100.0),
        }
    }
}

/// Weights of the source indices of every destination index; each row sums to one.
type Weights = Vec<Vec<(usize, f32)>>;

fn resample(volume: &Volume, spacing_mm: f64, weighting: Weighting) -> PatientGrid<f32> {
    let geometry = &volume.geometry;
    let [_, rows, columns] = geometry.shape;
    let along = |step: f64, count: usize| -> Vec<f64> { (0..count).map(|index| index as f64 * step).collect() };
    let first = geometry.positions_mm.first().copied().unwrap_or_default();
    let depths: Vec<f64> = geometry.positions_mm.iter().map(|position| position - first).collect();
    let mut weights = [
        weights(&depths, spacing_mm, weighting),
        weights(&along(geometry.row_spacing_mm, rows), spacing_mm, weighting),
        weights(&along(geometry.column_spacing_mm, columns), spacing_mm, weighting),
    ];
    if !is_aligned(geometry) {
        let native = separable(volume, &weights, weighting);
        return to_patient(geometry, &native, spacing_mm);
    }
    let mut origin_mm = geometry.origins_mm.first().copied().unwrap_or_default();
    let flips = [
        (1, rows, geometry.column_direction[1], geometry.row_spacing_mm),
        (2, columns, geometry.row_direction[0], geometry.column_spacing_mm),
    ];
    for (axis, count, cosine, step) in flips {
        if cosine < 0.0 {
            // Index order runs against the patient's axis: the last index comes first.
            origin_mm[2 - axis] += cosine * step * (count - 1) as f64;
            weights[axis].iter_mut().flatten().for_each(|(index, _)| *index = count - 1 - *index);
            weights[axis].iter_mut().for_each(|row| row.reverse());
        }
    }
    PatientGrid { grid: separable(volume, &weights, weighting), origin_mm, spacing_mm }
}

/// Whether rows, columns and slices run along x, y and z.
fn is_aligned(geometry: &Geometry) -> bool {
    let straight = |direction: [f64; 3], axis: usize| {
        (direction[axis].abs() - 1.0).abs() < ALIGNED_COSINE.powi(2)
            && (0..3).all(|other| other == axis || direction[other].abs() < ALIGNED_COSINE)
    };
    let first = geometry.origins_mm.first().copied().unwrap_or_default();
    let drift = geometry.origins_mm.iter().map(|origin| (origin[0] - first[0]).abs().max((origin[1] - first[1]).abs()));
    straight(geometry.row_direction, 0)
        && straight(geometry.column_direction, 1)
        && drift.fold(0.0, f64::max) <= ALIGNED_DRIFT_MM
}

/// Weights along one axis from sorted source coordinates that begin at 0.
fn weights(source_mm: &[f64], spacing_mm: f64, weighting: Weighting) -> Weights {
    match weighting {
        Weighting::Tent => tent_weights(source_mm, spacing_mm),
        Weighting::Boxed => boxed_weights(source_mm, spacing_mm),
    }
}

fn median_step(source_mm: &[f64]) -> Option<f64> {
    super::build::median(source_mm.windows(2).map(|pair| pair[1] - pair[0]).collect())
}

fn tent_weights(source_mm: &[f64], spacing_mm: f64) -> Weights {
    let Some(step) = median_step(source_mm) else { return vec![vec![(0, 1.0)]] };
    let last = source_mm.len() - 1;
    let reach: Vec<f64> = (0..=last)
        .map(|index| {
            let before = if index > 0 { source_mm[index] - source_mm[index - 1] } else { step };
            let after = if index < last { source_mm[index + 1] - source_mm[index] } else { step };
            spacing_mm.max(step).max(before).max(after)
        })
        .collect();
    let widest = reach.iter().copied().fold(0.0, f64::max);
    // The destination reaches the last source sample, up to a hundredth of a millimetre.
    let count = ((source_mm[last] + 0.01) / spacing_mm).ceil().max(1.0) as usize;
    let row = |index: usize| {
        let centre = index as f64 * spacing_mm;
        let start = source_mm.partition_point(|&source| source < centre - widest);
        let near = (start..=last).take_while(|&source| source_mm[source] <= centre + widest);
        let taps: Vec<(usize, f64)> =
            near.map(|source| (source, 1.0 - (centre - source_mm[source]).abs() / reach[source])).collect();
        normalised(taps.into_iter().filter(|&(_, weight)| weight > 0.0).collect(), || nearest(source_mm, centre))
    };
    (0..count).map(row).collect()
}

fn boxed_weights(source_mm: &[f64], spacing_mm: f64) -> Weights {
    let Some(step) = median_step(source_mm) else { return vec![vec![(0, 1.0)]] };
    let last = source_mm[source_mm.len() - 1];
    let worst = source_mm.windows(2).map(|pair| (pair[1] - pair[0] - step).abs()).fold(0.0, f64::max);
    // Where distances are irregular, `regular[i]` is the slice nearest to the i-th place of a regular stack.
    let regular: Vec<usize> = if worst > IRREGULAR * step {
        let places = ((last + step / 2.0) / step).ceil() as usize;
        (0..places).map(|index| nearest(source_mm, index as f64 * step)).collect()
    } else {
        (0..source_mm.len()).collect()
    };
    let end = regular.len() - 1;
    let count = (end as f64 * step / spacing_mm).round_ties_even() as usize + 1;
    let row = |index: usize| {
        let centre = index as f64 * spacing_mm;
        let taps = if step < spacing_mm {
            let (low, high) = (centre - spacing_mm / 2.0, centre + spacing_mm / 2.0);
            let from = (low / step + 0.5).floor().max(0.0) as usize;
            let to = ((high / step + 0.5).floor() as usize).min(end);
            let overlap =
                |source: usize| high.min((source as f64 + 0.5) * step) - low.max((source as f64 - 0.5) * step);
            (from..=to).map(|source| (source, overlap(source).max(0.0))).collect()
        } else {
            let place = (centre / step).min(end as f64);
            let below = (place as usize).min(end.saturating_sub(1));
            vec![(below, 1.0 - (place - below as f64)), ((below + 1).min(end), place - below as f64)]
        };
        let taps = taps.into_iter().filter(|&(_, weight)| weight > 0.0);
        normalised(taps.map(|(place, weight)| (regular[place], weight)).collect(), || regular[end])
    };
    (0..count).map(row).collect()
}

fn normalised(taps: Vec<(usize, f64)>, fallback: impl Fn() -> usize) -> Vec<(usize, f32)> {
    let sum: f64 = taps.iter().map(|(_, weight)| weight).sum();
    if sum < 1e-6 {
        return vec![(fallback(), 1.0)];
    }
    taps.into_iter().map(|(index, weight)| (index, (weight / sum) as f32)).collect()
}

/// Index of the nearest of sorted coordinates; the smaller one of equals.
fn nearest(sorted: &[f64], wanted: f64) -> usize {
    let above = sorted.partition_point(|&value| value < wanted).min(sorted.len() - 1);
    let below = above.saturating_sub(1);
    if (wanted - sorted[below]).abs() <= (sorted[above] - wanted).abs() { below } else { above }
}

/// Applies the weights along slices, rows and columns.
fn separable(volume: &Volume, weights: &[Weights; 3], weighting: Weighting) -> Grid<f32> {
    let shape = [weights[0].len(), weights[1].len(), weights[2].len()];
    let mut grid = Grid::filled(shape, 0f32);
    let size = shape[1] * shape[2];
    let tasks = grid.data.par_chunks_mut(size * SLICES_PER_TASK).zip(weights[0].par_chunks(SLICES_PER_TASK));
    tasks.for_each(|(out, rows)| {
        let mut scratch = Scratch::default();
        let mut needed: Vec<usize> = rows.iter().flatten().map(|&(k, _)| k).collect();
        needed.sort_unstable();
        needed.dedup();
        for k in needed {
            scratch.plane(volume, k, weights, weighting);
            for (slice, row) in out.chunks_mut(size).zip(rows) {
                for &(_, weight) in row.iter().filter(|&&(source, _)| source == k) {
                    add_scaled(slice, &scratch.plane, weight);
                }
            }
        }
    });
    grid
}

fn add_scaled(sum: &mut [f32], values: &[f32], weight: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

/// Buffers of one thread.
#[derive(Default)]
struct Scratch {
    hu: Vec<f32>,
    row: Vec<f32>,
    plane: Vec<f32>,
}

impl Scratch {
    /// Slice `k`, resampled within its plane.
    fn plane(&mut self, volume: &Volume, k: usize, weights: &[Weights; 3], weighting: Weighting) {
        let columns = volume.geometry.shape[2];
        self.clipped(volume, k, weighting);
        self.plane.clear();
        for row_weights in &weights[1] {
            self.row.clear();
            self.row.resize(columns, 0.0);
            for &(j, weight) in row_weights {
                add_scaled(&mut self.row, &self.hu[j * columns..(j + 1) * columns], weight);
            }
            let row = &self.row;
            self.plane
                .extend(weights[2].iter().map(|taps| taps.iter().map(|&(i, weight)| weight * row[i]).sum::<f32>()));
        }
    }

    fn clipped(&mut self, volume: &Volume, k: usize, weighting: Weighting) {
        let (low, high) = weighting.clip();
        let padding = f32::from(PADDING_HU);
        let clip = |hu: f32| if hu == padding { OUTSIDE_HU } else { hu.clamp(low, high) };
        self.hu.clear();
        match &volume.voxels {
            Voxels::Int16(grid) => self.hu.extend(grid.slice(k).iter().map(|&hu| clip(f32::from(hu)))),
            Voxels::Float32(grid) => self.hu.extend(grid.slice(k).iter().map(|&hu| clip(hu))),
        }
    }
}

/// From a grid along the images' own axes to one along the patient's, trilinearly.
fn to_patient(geometry: &Geometry, native: &Grid<f32>, spacing_mm: f64) -> PatientGrid<f32> {
    let (origin_mm, shape) = bounding_box(geometry, spacing_mm);
    let mut grid = Grid::filled(shape, OUTSIDE_HU);
    let size = shape[1] * shape[2];
    grid.data.par_chunks_mut(size).enumerate().for_each(|(k, slice)| {
        for (index, value) in slice.iter_mut().enumerate() {
            let (j, i) = (index / shape[2], index % shape[2]);
            let steps = [i as f64, j as f64, k as f64];
            let point: [f64; 3] = std::array::from_fn(|axis| origin_mm[axis] + steps[axis] * spacing_mm);
            if let Some(place) = native_place(geometry, point) {
                *value = trilinear(native, place.map(|mm| mm / spacing_mm)).unwrap_or(OUTSIDE_HU);
            }
        }
    });
    PatientGrid { grid, origin_mm, spacing_mm }
}

/// Corner and extent of the smallest grid that holds all voxel centres.
fn bounding_box(geometry: &Geometry, spacing_mm: f64) -> ([f64; 3], [usize; 3]) {
    let [slices, rows, columns] = geometry.shape;
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for k in 0..slices {
        for (j, i) in [(0, 0), (0, columns - 1), (rows - 1, 0), (rows - 1, columns - 1)] {
            let corner = geometry.patient_mm(k, j as f64, i as f64);
            for axis in 0..3 {
                low[axis] = low[axis].min(corner[axis]);
                high[axis] = high[axis].max(corner[axis]);
            }
        }
    }
    let extent = |axis: usize| ((high[axis] - low[axis] + 0.01) / spacing_mm).floor() as usize + 1;
    (low, [extent(2), extent(1), extent(0)])
}

/// Distances (mm) of a point from the first slice along the normal, and within the slice along columns and rows.
///
/// The origin between two slices lies on the line between theirs, which follows a sheared stack.
fn native_place(geometry: &Geometry, point_mm: [f64; 3]) -> Option<[f64; 3]> {
    let positions = &geometry.positions_mm;
    let position = geometry.position_mm(point_mm);
    let (first, last) = (*positions.first()?, *positions.last()?);
    // Half a hundredth of a millimetre forgives rounding at the outermost slices.
    if position < first - 0.005 || position > last + 0.005 {
        return None;
    }
    let above = positions.partition_point(|&value| value < position).clamp(1, positions.len().max(2) - 1);
    let (below, above) = if positions.len() == 1 { (0, 0) } else { (above - 1, above) };
    let gap = positions[above] - positions[below];
    let part = if gap > 0.0 { ((position - positions[below]) / gap).clamp(0.0, 1.0) } else { 0.0 };
    let (one, two) = (geometry.origins_mm[below], geometry.origins_mm[above]);
    let offset: [f64; 3] = std::array::from_fn(|axis| point_mm[axis] - (one[axis] + part * (two[axis] - one[axis])));
    Some([position - first, dot(offset, geometry.column_direction), dot(offset, geometry.row_direction)])
}

/// Trilinear value at a fractional index; `None` outside.
fn trilinear(grid: &Grid<f32>, place: [f64; 3]) -> Option<f32> {
    let mut below = [0usize; 3];
    let mut part = [0f32; 3];
    for axis in 0..3 {
        let end = grid.shape[axis] - 1;
        if place[axis] < -0.01 || place[axis] > end as f64 + 0.01 {
            return None;
        }
        let inside = place[axis].clamp(0.0, end as f64);
        below[axis] = (inside as usize).min(end.saturating_sub(1));
        part[axis] = (inside - below[axis] as f64) as f32;
    }
    let above: [usize; 3] = std::array::from_fn(|axis| (below[axis] + 1).min(grid.shape[axis] - 1));
    let along_row = |k: usize, j: usize| {
        let (left, right) = (grid.at(k, j, below[2]), grid.at(k, j, above[2]));
        left + part[2] * (right - left)
    };
    let along_column = |k: usize| {
        let (near, far) = (along_row(k, below[1]), along_row(k, above[1]));
        near + part[1] * (far - near)
    };
    let (low, high) = (along_column(below[0]), along_column(above[0]));
    Some(low + part[0] * (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Weights as a full matrix.
    fn matrix(weights: &Weights, sources: usize) -> Vec<Vec<f32>> {
        let row = |taps: &Vec<(usize, f32)>| {
            let mut row = vec![0.0; sources];
            taps.iter().for_each(|&(index, weight)| row[index] += weight);
            row
        };
        weights.iter().map(row).collect()
    }

    #[test]
    fn tents_interpolate_where_the_grid_is_finer() {
        let weights = tent_weights(&[0.0, 4.0, 8.0], 2.0);
        let expected =
            [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]].map(Vec::from);
        assert_eq!(matrix(&weights, 3), expected);
    }

    #[test]
    fn tents_average_where_the_grid_is_coarser() {
        let weights = tent_weights(&[0.0, 1.0, 2.0, 3.0, 4.0], 2.0);
        let expected =
            [[2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0, 0.0], [0.0, 0.25, 0.5, 0.25, 0.0], [0.0, 0.0, 0.0, 1.0 / 3.0, 2.0 / 3.0]];
        assert_eq!(matrix(&weights, 5), expected.map(Vec::from));
    }

    #[test]
    fn a_gap_is_bridged_by_both_its_sides() {
        let weights = matrix(&tent_weights(&[0.0, 1.0, 5.0, 6.0], 1.0), 4);
        assert_eq!(weights[3], [0.0, 0.5, 0.5, 0.0]);
        assert!(weights.iter().all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-6));
    }

    #[test]
    fn boxes_average_finer_input_and_interpolate_coarser() {
        let finer = matrix(&boxed_weights(&[0.0, 1.0, 2.0, 3.0, 4.0], 2.0), 5);
        assert_eq!(finer[1], [0.0, 0.25, 0.5, 0.25, 0.0]);
        let coarser = matrix(&boxed_weights(&[0.0, 4.0, 8.0], 3.0), 3);
        assert_eq!(coarser, [[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]].map(Vec::from));
    }

    #[test]
    fn boxes_take_the_nearest_slice_in_a_gap() {
        let weights = matrix(&boxed_weights(&[0.0, 2.0, 8.0, 10.0, 12.0], 2.0), 5);
        assert_eq!(weights.len(), 7);
        // The places 4 and 6 mm hold no slice of their own.
        assert_eq!(weights[2], [0.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(weights[3], [0.0, 0.0, 1.0, 0.0, 0.0]);
    }
}
