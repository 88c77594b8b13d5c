//! An organ's mask on native voxels, and smoothed slices of its surroundings.
//!
//! Input: the volume and a mask on the coarse patient grid. Output: [`NativeOrgan`], the mask in its bounding box:
//! a native voxel belongs to it where the linearly interpolated mask exceeds one half at its patient position, so any
//! flip or obliquity of the images is met. Nothing here copies more of the volume than single slices.

use rayon::prelude::*;

use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::volume::Volume;

/// A mask on native voxels inside its box.
pub(super) struct NativeOrgan {
    /// First `[slice, row, column]` of the box.
    pub(super) first: [usize; 3],
    /// The organ inside the box.
    pub(super) mask: Mask,
    /// Where the core may lie, inside the box.
    pub(super) allowed: Mask,
}

impl NativeOrgan {
    /// Carries a coarse mask and the part of it that the core may use to native voxels; `None` where none is hit.
    pub(super) fn new(volume: &Volume, mask: &PatientGrid<bool>, allowed: Option<&Mask>) -> Option<NativeOrgan> {
        let (low, high) = box_mm(mask)?;
        let (first, end) = native_box(volume, low, high)?;
        let carried = carry(volume, mask, &mask.grid, first, end);
        let allowed = allowed.map_or_else(|| carried.clone(), |allowed| carry(volume, mask, allowed, first, end));
        Some(NativeOrgan { first, mask: carried, allowed })
    }

    /// Extent of the box.
    pub(super) fn shape(&self) -> [usize; 3] {
        self.mask.shape
    }
}

/// Patient coordinates of the box around a coarse mask, one voxel wider.
fn box_mm(mask: &PatientGrid<bool>) -> Option<([f64; 3], [f64; 3])> {
    let [_, rows, columns] = mask.grid.shape;
    let mut range: Option<([usize; 3], [usize; 3])> = None;
    for at in (0..mask.grid.data.len()).filter(|&at| mask.grid.data[at]) {
        let place = [at / (rows * columns), at / columns % rows, at % columns];
        let (low, high) = range.unwrap_or((place, place));
        range = Some((
            std::array::from_fn(|axis| low[axis].min(place[axis])),
            std::array::from_fn(|axis| high[axis].max(place[axis])),
        ));
    }
    let (low, high) = range?;
    let corner = |place: [usize; 3], margin: f64| {
        let [k, j, i] = place.map(|index| index as f64 + margin);
        mask.patient_mm(k, j, i)
    };
    Some((corner(low, -1.0), corner(high, 1.0)))
}

/// Native box around a patient box: one more slice at each end, so that the organ's own ends are seen.
fn native_box(volume: &Volume, low: [f64; 3], high: [f64; 3]) -> Option<([usize; 3], [usize; 3])> {
    let geometry = &volume.geometry;
    let corners: Vec<[f64; 3]> =
        (0..8).map(|n| std::array::from_fn(|axis| if n >> axis & 1 == 0 { low[axis] } else { high[axis] })).collect();
    let range = |values: Vec<f64>| {
        values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)))
    };
    let (bottom, top) = range(corners.iter().map(|&corner| geometry.position_mm(corner)).collect());
    let positions = &geometry.positions_mm;
    let from = positions.partition_point(|&position| position < bottom).saturating_sub(1);
    let to = (positions.partition_point(|&position| position <= top) + 1).min(positions.len());
    if from >= to {
        return None;
    }
    let pixels: Vec<[f64; 2]> =
        (from..to).flat_map(|k| corners.iter().map(move |&corner| geometry.pixel(k, corner))).collect();
    let clip = |axis: usize| {
        let (low, high) = range(pixels.iter().map(|pixel| pixel[axis]).collect());
        let end = geometry.shape[axis + 1];
        let from = (low.floor() - 1.0).max(0.0) as usize;
        (from.min(end), ((high.ceil() + 2.0).max(0.0) as usize).min(end))
    };
    let ((first_row, end_row), (first_column, end_column)) = (clip(0), clip(1));
    let filled = first_row < end_row && first_column < end_column;
    filled.then_some(([from, first_row, first_column], [to, end_row, end_column]))
}

/// The coarse mask at every native voxel of the box.
fn carry(volume: &Volume, place: &PatientGrid<bool>, mask: &Mask, first: [usize; 3], end: [usize; 3]) -> Mask {
    let shape: [usize; 3] = std::array::from_fn(|axis| end[axis] - first[axis]);
    let mut native = Grid::filled(shape, false);
    native.data.par_chunks_mut((shape[1] * shape[2]).max(1)).enumerate().for_each(|(k, slice)| {
        let at = |j: usize, i: usize| {
            place.index_of(volume.geometry.patient_mm(first[0] + k, (first[1] + j) as f64, (first[2] + i) as f64))
        };
        // Within a slice the coarse index is affine in row and column.
        let (origin, down, across) = (at(0, 0), at(1, 0), at(0, 1));
        for (j, row) in slice.chunks_mut(shape[2]).enumerate() {
            for (i, value) in row.iter_mut().enumerate() {
                let index: [f64; 3] = std::array::from_fn(|axis| {
                    let start = origin[axis];
                    start + j as f64 * (down[axis] - start) + i as f64 * (across[axis] - start)
                });
                *value = share(mask, index) > 0.5;
            }
        }
    });
    native
}

/// Linearly interpolated mask; the outermost voxels go on beyond the border.
fn share(mask: &Mask, index: [f64; 3]) -> f64 {
    let cell = |axis: usize| {
        let last = mask.shape[axis] - 1;
        let at = index[axis].clamp(0.0, last as f64);
        let low = at as usize;
        (low, (low + 1).min(last), at - low as f64)
    };
    let [(k0, k1, fk), (j0, j1, fj), (i0, i1, fi)] = [cell(0), cell(1), cell(2)];
    let value = |k: usize, j: usize, i: usize| f64::from(u8::from(mask.at(k, j, i)));
    let mix = |low: f64, high: f64, fraction: f64| low + (high - low) * fraction;
    let row = |k: usize, j: usize| mix(value(k, j, i0), value(k, j, i1), fi);
    mix(mix(row(k0, j0), row(k0, j1), fj), mix(row(k1, j0), row(k1, j1), fj), fk)
}

/// Box means of slice `k` over the rows and columns of a box: `HU_s` of the definition set.
///
/// In-plane `2 * floor(2.5 / pixel) + 1` pixels per axis, and the slices within 1.25 mm; at the border what there is.
pub(super) fn smoothed_slice(volume: &Volume, k: usize, first: [usize; 2], shape: [usize; 2]) -> Vec<f32> {
    let geometry = &volume.geometry;
    let half = [geometry.row_spacing_mm, geometry.column_spacing_mm].map(|step| (SMOOTH_IN_PLANE_MM / step) as usize);
    let low: [usize; 2] = std::array::from_fn(|axis| first[axis].saturating_sub(half[axis]));
    let high: [usize; 2] =
        std::array::from_fn(|axis| (first[axis] + shape[axis] + half[axis]).min(geometry.shape[axis + 1]));
    let (rows, columns) = (high[0] - low[0], high[1] - low[1]);
    let position = geometry.positions_mm[k];
    let near = |other: &usize| (geometry.positions_mm[*other] - position).abs() <= SMOOTH_ALONG_MM;
    let slices: Vec<usize> = (0..geometry.shape[0]).filter(near).collect();
    // Sums over all pixels above and to the left, so that any box costs four look-ups.
    let mut sums = vec![0f64; (rows + 1) * (columns + 1)];
    for j in 0..rows {
        let mut line = 0.0;
        for i in 0..columns {
            line += slices.iter().map(|&k| f64::from(volume.hu(k, low[0] + j, low[1] + i))).sum::<f64>();
            sums[(j + 1) * (columns + 1) + i + 1] = sums[j * (columns + 1) + i + 1] + line;
        }
    }
    let span = |at: usize, axis: usize| {
        let centre = first[axis] + at;
        let from = centre.saturating_sub(half[axis]).max(low[axis]) - low[axis];
        (from, (centre + half[axis] + 1).min(high[axis]) - low[axis])
    };
    let across: Vec<(usize, usize)> = (0..shape[1]).map(|i| span(i, 1)).collect();
    let mut smoothed = Vec::with_capacity(shape[0] * shape[1]);
    for j in 0..shape[0] {
        let (top, bottom) = span(j, 0);
        let (above, below) = (&sums[top * (columns + 1)..], &sums[bottom * (columns + 1)..]);
        smoothed.extend(across.iter().map(|&(left, right)| {
            let sum = below[right] - below[left] - above[right] + above[left];
            (sum / ((bottom - top) * (right - left) * slices.len()) as f64) as f32
        }));
    }
    smoothed
}

/// Half width of the smoothing in the plane.
const SMOOTH_IN_PLANE_MM: f64 = 2.5;
/// Half width of the smoothing across slices.
const SMOOTH_ALONG_MM: f64 = 1.25;
