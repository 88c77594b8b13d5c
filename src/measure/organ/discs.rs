//! H1 and P1: three discs in different places (definition set, sections 2.4 and 2.5).
//!
//! Input: volume, organ on native voxels, its core. Output: [`Disc`]s at the deepest places of the cleaned organ.
//! A disc that does not fit with its margin is left out.

use rayon::prelude::*;

use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::Outside;
use crate::grid::distance;
use crate::measure::Part;
use crate::volume::Volume;

use super::core::Core;
use super::native;
use super::native::NativeOrgan;

/// One disc over a slab of slices.
pub(super) struct Disc {
    /// Raw HU of all its voxels.
    pub(super) values_hu: Vec<f32>,
    /// Sum of their volumes (mm3).
    pub(super) volume_mm3: f64,
    /// One circle per slice of the slab.
    pub(super) parts: Vec<Part>,
}

impl Disc {
    /// Mean of its voxels (HU).
    pub(super) fn mean_hu(&self) -> f64 {
        self.values_hu.iter().map(|&value| f64::from(value)).sum::<f64>() / self.values_hu.len().max(1) as f64
    }
}

/// Size and clearance of a disc.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct DiscRule {
    /// Radius (mm).
    pub(super) radius_mm: f64,
    /// Least distance of its rim from the organ's border (mm).
    pub(super) margin_mm: f64,
}

/// What the search of discs looks at.
pub(super) struct Places<'a> {
    /// The volume.
    pub(super) volume: &'a Volume,
    /// The organ in its box.
    pub(super) organ: &'a NativeOrgan,
    /// Its measured core.
    pub(super) core: &'a Core,
    /// Size and clearance.
    pub(super) rule: DiscRule,
}

impl Places<'_> {
    /// Two discs in the right part (front and back) and one in the left part; `left_of_mm` parts them for a slice.
    pub(super) fn liver(&self, parting_x_mm: &(dyn Fn(usize) -> f64 + Sync)) -> Vec<Disc> {
        let [slices, rows, columns] = self.organ.shape();
        let is_left = |k: usize| -> Vec<bool> {
            let parting = parting_x_mm(k);
            let [k0, j0, i0] = self.organ.first;
            let x = |at: usize| {
                let (j, i) = ((j0 + at / columns) as f64, (i0 + at % columns) as f64);
                self.volume.geometry.patient_mm(k0 + k, j, i)[0]
            };
            (0..rows * columns).map(|at| x(at) >= parting).collect()
        };
        let core = &self.core.voxels;
        let right_area: Vec<usize> = (0..slices)
            .into_par_iter()
            .map(|k| core.slice(k).iter().zip(is_left(k)).filter(|(inside, left)| **inside && !left).count())
            .collect();
        let mut discs = Vec::new();
        if let Some(k) = first_largest(&right_area).filter(|&k| right_area[k] > 0) {
            let left = is_left(k);
            let right_rows = (0..rows * columns).filter(|&at| core.slice(k)[at] && !left[at]).map(|at| at / columns);
            let middle = right_rows.sum::<usize>() as f64 / right_area[k] as f64;
            for front in [true, false] {
                let in_front = |at: usize| ((at / columns) as f64) < middle;
                let part: Vec<bool> = (0..rows * columns).map(|at| !left[at] && in_front(at) == front).collect();
                discs.extend(self.best(k, &part));
            }
        }
        let left_depth: Vec<usize> = (0..slices)
            .into_par_iter()
            .map(|k| {
                let depth = self.depth(&self.cleaned(k));
                let deepest = depth.iter().zip(is_left(k)).filter(|(_, left)| *left).map(|(&depth, _)| depth);
                // Whole micrometres, so that slices compare exactly.
                (deepest.fold(0f32, f32::max) * 1000.0) as usize
            })
            .collect();
        if let Some(k) = first_largest(&left_depth) {
            discs.extend(self.best(k, &is_left(k)));
        }
        discs
    }

    /// One disc at each quarter of the core's volume along the slices.
    pub(super) fn spleen(&self) -> Vec<Disc> {
        let [slices, rows, columns] = self.organ.shape();
        let counts = (0..slices).map(|k| self.core.voxels.slice(k).iter().filter(|inside| **inside).count());
        let sums: Vec<usize> = counts
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect();
        let total = sums.last().copied().unwrap_or(0) as f64;
        let everywhere = vec![true; rows * columns];
        [0.25, 0.5, 0.75]
            .into_iter()
            .map(|share| sums.partition_point(|&sum| (sum as f64) < share * total))
            .filter(|&k| k < slices)
            .filter_map(|k| self.best(k, &everywhere))
            .collect()
    }

    /// The organ in slice `k` without voxels outside the core's window.
    fn cleaned(&self, k: usize) -> Vec<bool> {
        let [_, rows, columns] = self.organ.shape();
        let [k0, j0, i0] = self.organ.first;
        let inside = self.organ.mask.slice(k);
        if !inside.contains(&true) {
            return inside.to_vec();
        }
        let smoothed = native::smoothed_slice(self.volume, k0 + k, [j0, i0], [rows, columns]);
        let allowed = self.organ.allowed.slice(k);
        (0..rows * columns)
            .map(|at| {
                let off = (f64::from(smoothed[at]) - self.core.median_smoothed_hu).abs();
                inside[at] && allowed[at] && off <= self.core.window_hu
            })
            .collect()
    }

    /// In-plane distance to the outside of a part of a slice (mm).
    fn depth(&self, part: &[bool]) -> Vec<f32> {
        let [_, rows, columns] = self.organ.shape();
        let geometry = &self.volume.geometry;
        let mask: Mask = Grid { shape: [1, rows, columns], data: part.to_vec() };
        distance::euclidean_per_slice(&mask, [geometry.row_spacing_mm, geometry.column_spacing_mm], Outside::False).data
    }

    /// The disc at the deepest place of a part of slice `k`, if it fits: it stays inside the part, and its margin
    /// inside the organ.
    fn best(&self, k: usize, part: &[bool]) -> Option<Disc> {
        let columns = self.organ.shape()[2];
        let cleaned = self.cleaned(k);
        let inside: Vec<bool> = cleaned.iter().zip(part).map(|(&cleaned, &part)| cleaned && part).collect();
        let margin = self.rule.margin_mm as f32;
        let depth: Vec<f32> = self
            .depth(&cleaned)
            .into_iter()
            .zip(self.depth(&inside))
            .map(|(whole, part)| whole.min(part + margin))
            .collect();
        let deepest = (0..depth.len()).reduce(|best, at| if depth[at] > depth[best] { at } else { best })?;
        let least = self.rule.radius_mm + self.rule.margin_mm;
        (f64::from(depth[deepest]) >= least).then(|| self.disc(k, [deepest / columns, deepest % columns]))
    }

    /// The voxels of the disc around a pixel of the box, over the slab of 5 mm around slice `k`.
    fn disc(&self, k: usize, centre: [usize; 2]) -> Disc {
        let geometry = &self.volume.geometry;
        let [k0, j0, i0] = self.organ.first;
        let [row, column] = [j0 + centre[0], i0 + centre[1]];
        let radius = self.rule.radius_mm;
        let reach = [radius / geometry.row_spacing_mm, radius / geometry.column_spacing_mm].map(|reach| reach as usize);
        let position = geometry.positions_mm[k0 + k];
        let off = |slice: usize| (geometry.positions_mm[slice] - position).abs();
        let area = geometry.row_spacing_mm * geometry.column_spacing_mm;
        let mut disc = Disc { values_hu: Vec::new(), volume_mm3: 0.0, parts: Vec::new() };
        for slice in (0..geometry.shape[0]).filter(|&slice| off(slice) < SLAB_HALF_MM - SLAB_ROUNDING_MM) {
            let before = disc.values_hu.len();
            for j in row.saturating_sub(reach[0])..(row + reach[0] + 1).min(geometry.shape[1]) {
                for i in column.saturating_sub(reach[1])..(column + reach[1] + 1).min(geometry.shape[2]) {
                    let down = j.abs_diff(row) as f64 * geometry.row_spacing_mm;
                    let across = i.abs_diff(column) as f64 * geometry.column_spacing_mm;
                    if down * down + across * across <= radius * radius {
                        disc.values_hu.push(self.volume.hu(slice, j, i));
                    }
                }
            }
            disc.volume_mm3 += (disc.values_hu.len() - before) as f64 * area * geometry.slab_mm(slice);
            disc.parts.push(Part::Ellipse {
                slice,
                center_mm: geometry.patient_mm(slice, row as f64, column as f64),
                center_pixel: [column as f64, row as f64],
                axis_row: geometry.row_direction,
                axis_column: geometry.column_direction,
                semi_axes_mm: [radius; 2],
            });
        }
        disc
    }
}

/// Index of the largest value, the first of equals.
fn first_largest(values: &[usize]) -> Option<usize> {
    (0..values.len()).reduce(|best, at| if values[at] > values[best] { at } else { best })
}

/// Half height of the slab that a disc covers.
const SLAB_HALF_MM: f64 = 2.5;
/// Keeps slices at exactly the half height out.
const SLAB_ROUNDING_MM: f64 = 1e-6;
