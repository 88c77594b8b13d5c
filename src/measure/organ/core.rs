//! H2 and P2: the organ's inner part without vessels and lesions (definition set, sections 2.4 and 2.5).
//!
//! Input: the volume and the organ on native voxels. Output: [`Core`]. `None` where fewer than 200 voxels are deep
//! enough. The end of the scan is no border of the organ; the edge of the image is.

use rayon::prelude::*;

use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::Outside;
use crate::grid::distance;
use crate::grid::filter;
use crate::measure::Statistics;
use crate::measure::statistics;
use crate::volume::Volume;

use super::native;
use super::native::NativeOrgan;

/// How the core of an organ is cut out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CoreRule {
    /// Depth below the surface (mm).
    pub(super) depth_mm: f64,
    /// Depth where too little lies that deep (mm).
    pub(super) shallow_depth_mm: f64,
    /// What is too little (mL).
    pub(super) shallow_below_ml: f64,
    /// Least half width of the window around the median (HU).
    pub(super) least_window_hu: f64,
}

/// The measured core.
pub(super) struct Core {
    /// The voxels, in the organ's box.
    pub(super) voxels: Mask,
    /// Statistics of the raw HU.
    pub(super) statistics: Statistics,
    /// Median of the smoothed HU before cleaning.
    pub(super) median_smoothed_hu: f64,
    /// Half width of the window (HU).
    pub(super) window_hu: f64,
    /// Share of the deep voxels outside the window.
    pub(super) excluded_fraction: f64,
    /// Standard deviation of the smoothed HU in the core.
    pub(super) smoothed_deviation_hu: f64,
    /// Largest difference between the means of the lateral thirds (HU).
    pub(super) lateral_range_hu: f64,
    /// Smallest distance from the core to the edge of the image (mm).
    pub(super) edge_distance_mm: f64,
    /// Whether a voxel cannot be told from padding or saturation.
    pub(super) saturated: bool,
}

/// Cuts out the core; one pass of cleaning.
pub(super) fn cut(volume: &Volume, organ: &NativeOrgan, rule: &CoreRule) -> Option<Core> {
    let deep = eroded(volume, organ, rule.depth_mm);
    let deep = if volume_mm3(volume, organ, &deep) < rule.shallow_below_ml * 1000.0 {
        eroded(volume, organ, rule.shallow_depth_mm)
    } else {
        deep
    };
    let smoothed = smoothed_values(volume, organ, &deep);
    let mut all: Vec<f64> = smoothed.iter().flatten().map(|&value| f64::from(value)).collect();
    let deep_count = all.len();
    if deep_count < LEAST_VOXELS {
        return None;
    }
    let median_smoothed_hu = filter::median(&mut all)?;
    all.iter_mut().for_each(|value| *value = (*value - median_smoothed_hu).abs());
    let deviation = NORMAL_DEVIATIONS * filter::median(&mut all)?;
    let window_hu = rule.least_window_hu.max(WINDOW_DEVIATIONS * deviation).min(LARGEST_WINDOW_HU);
    let mut voxels = deep;
    let mut kept_smoothed = Vec::new();
    let slice_size = voxels.shape[1] * voxels.shape[2];
    for (k, values) in smoothed.iter().enumerate() {
        let mut values = values.iter();
        for inside in voxels.data[k * slice_size..(k + 1) * slice_size].iter_mut().filter(|inside| **inside) {
            let Some(&value) = values.next() else { break };
            *inside = (f64::from(value) - median_smoothed_hu).abs() <= window_hu;
            if *inside {
                kept_smoothed.push(value);
            }
        }
    }
    let values = raw_values(volume, organ, &voxels);
    let statistics = statistics::of(&values, volume_mm3(volume, organ, &voxels))?;
    let smoothed_deviation_hu = statistics::of(&kept_smoothed, 0.0)?.standard_deviation_hu;
    let (lowest, highest) = (f64::from(LOWEST_HU), volume.largest_hu);
    Some(Core {
        saturated: statistics.minimum_hu < lowest || statistics.maximum_hu >= highest,
        excluded_fraction: 1.0 - values.len() as f64 / deep_count as f64,
        lateral_range_hu: lateral_range(volume, organ, &voxels),
        edge_distance_mm: edge_distance(volume, organ, &voxels),
        voxels,
        statistics,
        median_smoothed_hu,
        window_hu,
        smoothed_deviation_hu,
    })
}

/// What is allowed and at least `depth_mm` away from every voxel outside the organ.
///
/// A ball is a stack of discs: a voxel stays if in every slice near it the outside is farther in-plane than the
/// ball's section there. So distances are needed for a few slices at a time only.
fn eroded(volume: &Volume, organ: &NativeOrgan, depth_mm: f64) -> Mask {
    let geometry = &volume.geometry;
    let shape = organ.shape();
    let size = shape[1] * shape[2];
    let mut kept = Grid {
        shape,
        data: organ.mask.data.iter().zip(&organ.allowed.data).map(|(&inside, &allowed)| inside && allowed).collect(),
    };
    let position = |k: usize| geometry.positions_mm[organ.first[0] + k];
    for from in (0..shape[0]).step_by(SLICES_AT_ONCE) {
        let to = (from + SLICES_AT_ONCE).min(shape[0]);
        let part =
            Grid { shape: [to - from, shape[1], shape[2]], data: organ.mask.data[from * size..to * size].to_vec() };
        let spacing = [geometry.row_spacing_mm, geometry.column_spacing_mm];
        let depths = distance::euclidean_per_slice(&part, spacing, Outside::False);
        kept.data.par_chunks_mut(size).enumerate().for_each(|(k, slice)| {
            for other in from..to {
                let rise = position(other) - position(k);
                if rise.abs() >= depth_mm {
                    continue;
                }
                let least = (depth_mm * depth_mm - rise * rise).sqrt() as f32 - ROUNDING_MM;
                for (inside, &depth) in slice.iter_mut().zip(depths.slice(other - from)) {
                    *inside &= depth >= least;
                }
            }
        });
    }
    kept
}

/// Smoothed HU of the true voxels, slice by slice in index order.
fn smoothed_values(volume: &Volume, organ: &NativeOrgan, mask: &Mask) -> Vec<Vec<f32>> {
    let [_, rows, columns] = mask.shape;
    let [first_slice, first_row, first_column] = organ.first;
    (0..mask.shape[0])
        .into_par_iter()
        .map(|k| {
            let inside = mask.slice(k);
            if !inside.contains(&true) {
                return Vec::new();
            }
            let smoothed = native::smoothed_slice(volume, first_slice + k, [first_row, first_column], [rows, columns]);
            smoothed.into_iter().zip(inside).filter(|(_, inside)| **inside).map(|(value, _)| value).collect()
        })
        .collect()
}

/// Raw HU of the true voxels in index order.
fn raw_values(volume: &Volume, organ: &NativeOrgan, mask: &Mask) -> Vec<f32> {
    let [_, rows, columns] = mask.shape;
    let [k0, j0, i0] = organ.first;
    (0..mask.data.len())
        .filter(|&at| mask.data[at])
        .map(|at| volume.hu(k0 + at / (rows * columns), j0 + at / columns % rows, i0 + at % columns))
        .collect()
}

/// Sum of the voxel volumes of a mask in the organ's box (mm3).
pub(super) fn volume_mm3(volume: &Volume, organ: &NativeOrgan, mask: &Mask) -> f64 {
    let geometry = &volume.geometry;
    (0..mask.shape[0])
        .map(|k| {
            let count = mask.slice(k).iter().filter(|inside| **inside).count();
            let area = geometry.row_spacing_mm * geometry.column_spacing_mm;
            count as f64 * area * geometry.slab_mm(organ.first[0] + k)
        })
        .sum()
}

/// Largest difference between the means of the three lateral thirds of a mask (HU).
fn lateral_range(volume: &Volume, organ: &NativeOrgan, mask: &Mask) -> f64 {
    let [_, rows, columns] = mask.shape;
    let [k0, j0, i0] = organ.first;
    let mut sums = vec![(0.0f64, 0usize); columns];
    for at in (0..mask.data.len()).filter(|&at| mask.data[at]) {
        let (sum, count) = &mut sums[at % columns];
        *sum += f64::from(volume.hu(k0 + at / (rows * columns), j0 + at / columns % rows, i0 + at % columns));
        *count += 1;
    }
    let total: usize = sums.iter().map(|(_, count)| count).sum();
    let mut thirds = [(0.0f64, 0usize); 3];
    let mut before = 0;
    for (sum, count) in sums.into_iter().filter(|(_, count)| *count > 0) {
        let third = ((2 * before + count) * 3 / (2 * total).max(1)).min(2);
        thirds[third] = (thirds[third].0 + sum, thirds[third].1 + count);
        before += count;
    }
    let means = thirds.iter().filter(|(_, count)| *count > 0).map(|(sum, count)| sum / *count as f64);
    let (low, high) =
        means.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| (low.min(mean), high.max(mean)));
    if low <= high { high - low } else { 0.0 }
}

/// Smallest distance from a mask to the edge of the image (mm).
fn edge_distance(volume: &Volume, organ: &NativeOrgan, mask: &Mask) -> f64 {
    let [_, rows, columns] = mask.shape;
    let geometry = &volume.geometry;
    let mut nearest = f64::INFINITY;
    for at in (0..mask.data.len()).filter(|&at| mask.data[at]) {
        let (j, i) = (organ.first[1] + at / columns % rows, organ.first[2] + at % columns);
        let down = j.min(geometry.shape[1] - 1 - j) as f64 * geometry.row_spacing_mm;
        let across = i.min(geometry.shape[2] - 1 - i) as f64 * geometry.column_spacing_mm;
        nearest = nearest.min(down).min(across);
    }
    nearest
}

/// Voxels that a core needs.
const LEAST_VOXELS: usize = 200;
/// Window in scaled median absolute deviations.
const WINDOW_DEVIATIONS: f64 = 2.5;
/// Largest half width of the window (HU).
const LARGEST_WINDOW_HU: f64 = 40.0;
/// Standard deviations per median absolute deviation of a normal distribution.
const NORMAL_DEVIATIONS: f64 = 1.4826;
/// Lower values are padding.
const LOWEST_HU: f32 = -1024.0;
/// Slices whose distances are held at a time.
const SLICES_AT_ONCE: usize = 16;
/// Keeps depths that are multiples of the spacing on the side of their own lattice points.
const ROUNDING_MM: f32 = 1e-4;
