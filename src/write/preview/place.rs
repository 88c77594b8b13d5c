//! Where pictures look: levels, slices, extents, courses of curved planes.
//!
//! Input: [`Volume`], [`Spine`], regions. Output: patient points (LPS, mm), slice indices, scales (mm per pixel).

use super::canvas::Rect;
use super::contour::nearest_slice;
use super::vector;
use super::view::Curve;
use super::view::View;
use super::view::interpolate;
use crate::anatomy::Certainty;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::codes::Level;
use crate::grid::PatientGrid;
use crate::measure::NativeMask;
use crate::measure::Part;
use crate::measure::Region;
use crate::volume::Volume;

/// The vertebra of a level, where levels are named.
pub(super) fn vertebra(spine: &Spine, level: Level) -> Option<&Vertebra> {
    if spine.numbering.certainty == Certainty::Ambiguous {
        return None;
    }
    spine.vertebrae.iter().find(|vertebra| vertebra.level == Some(level))
}

/// The named vertebra nearest to a level that is not there itself.
pub(super) fn nearest_named(spine: &Spine, level: Level) -> Option<&Vertebra> {
    if spine.numbering.certainty == Certainty::Ambiguous {
        return None;
    }
    let named = spine.vertebrae.iter().filter_map(|vertebra| Some((vertebra.level?, vertebra)));
    named.min_by_key(|(other, _)| other.0.abs_diff(level.0)).map(|(_, vertebra)| vertebra)
}

/// Name of a vertebra as it may be shown: `S` for sacral segments, `?` where the numbering is ambiguous or gives none.
pub(super) fn shown_level(spine: &Spine, vertebra: &Vertebra) -> String {
    let place = spine.vertebrae.iter().position(|other| std::ptr::eq(other, vertebra));
    // Vertebrae stand caudal to cranial, so everything up to the first sacral segment is sacrum.
    if place.zip(spine.numbering.sacrum).is_some_and(|(place, sacrum)| place <= sacrum) {
        return "S".to_owned();
    }
    let named = (spine.numbering.certainty != Certainty::Ambiguous).then_some(vertebra.level).flatten();
    named.and_then(Level::name).unwrap_or_else(|| "?".to_owned())
}

/// Course of the vertebral bodies along one patient axis (0 = x for sagittal, 1 = y for coronal planes).
pub(super) fn body_course(spine: &Spine, axis: usize) -> Option<Curve> {
    let offset = |vertebra: &Vertebra| [vertebra.centre_mm[2], vertebra.centre_mm[axis] - vertebra.canal_mm[axis]];
    let mut offsets: Vec<[f64; 2]> = spine.vertebrae.iter().map(offset).collect();
    offsets.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let to_body = |z: f64| interpolate(&offsets, z).unwrap_or(if axis == 1 { -BODY_BEFORE_CANAL_MM } else { 0.0 });
    let mut knots: Vec<[f64; 2]> =
        spine.canal_mm.iter().map(|point| [point[2], point[axis] + to_body(point[2])]).collect();
    knots.sort_by(|a, b| a[0].total_cmp(&b[0]));
    knots.dedup_by(|next, kept| next[0] - kept[0] < KNOT_DISTANCE_MM);
    (!knots.is_empty()).then_some(Curve { axis, knots })
}

/// Middle of the volume (LPS, mm).
pub(super) fn middle_mm(volume: &Volume) -> [f64; 3] {
    let [slices, rows, columns] = volume.geometry.shape;
    volume.geometry.patient_mm(slices / 2, (rows as f64 - 1.0) / 2.0, (columns as f64 - 1.0) / 2.0)
}

/// The slice nearest to a point.
pub(super) fn slice_at(volume: &Volume, point_mm: [f64; 3]) -> usize {
    nearest_slice(&volume.geometry, point_mm).unwrap_or(0)
}

/// A point moved along the normal into a slice.
pub(super) fn in_slice(volume: &Volume, k: usize, point_mm: [f64; 3]) -> [f64; 3] {
    let geometry = &volume.geometry;
    vector::along(point_mm, geometry.normal, geometry.positions_mm[k] - geometry.position_mm(point_mm))
}

/// Slices in which a region has an ellipse, caudal to cranial.
pub(super) fn ellipse_slices(region: &Region) -> Vec<usize> {
    let mut slices: Vec<usize> = region
        .parts
        .iter()
        .filter_map(|part| match part {
            Part::Ellipse { slice, .. } => Some(*slice),
            Part::Mask { .. } => None,
        })
        .collect();
    slices.sort_unstable();
    slices
}

/// The masks of a region.
pub(super) fn masks(region: &Region) -> impl Iterator<Item = &NativeMask> {
    region.parts.iter().filter_map(|part| match part {
        Part::Mask { voxels, .. } => Some(voxels),
        Part::Ellipse { .. } => None,
    })
}

/// The slice in which a native mask has most voxels (the most caudal of equals).
pub(super) fn largest_native_slice(mask: &NativeMask) -> Option<usize> {
    largest(mask.inside.shape[0], |k| mask.inside.slice(k)).map(|(k, _)| mask.first[0] + k)
}

/// Centre of the slice in which a patient mask has most voxels (LPS, mm).
pub(super) fn largest_patient_section(mask: &PatientGrid<bool>) -> Option<[f64; 3]> {
    let (k, voxels) = largest(mask.grid.shape[0], |k| mask.grid.slice(k))?;
    let columns = mask.grid.shape[2];
    let set: Vec<usize> = (0..voxels.len()).filter(|&place| voxels[place]).collect();
    let mean = |coordinate: &dyn Fn(usize) -> usize| {
        set.iter().map(|&place| coordinate(place) as f64).sum::<f64>() / set.len() as f64
    };
    let (row, column) = (mean(&|place| place / columns), mean(&|place| place % columns));
    let at = [column, row, k as f64];
    Some(std::array::from_fn(|axis| mask.origin_mm[axis] + at[axis] * mask.spacing_mm))
}

fn largest<'a>(slices: usize, slice: impl Fn(usize) -> &'a [bool]) -> Option<(usize, &'a [bool])> {
    let count = |k: usize| slice(k).iter().filter(|&&set| set).count();
    let mut best: Option<(usize, usize)> = None;
    for k in 0..slices {
        let found = count(k);
        if found > best.map_or(0, |(_, most)| most) {
            best = Some((k, found));
        }
    }
    best.map(|(k, _)| (k, slice(k)))
}

/// A view of a whole slice, fitted to the body in it.
pub(super) fn body_view(volume: &Volume, rect: Rect, k: usize) -> View {
    let view = View::in_slices(volume, rect, in_slice(volume, k, middle_mm(volume)), 1.0);
    let [_, rows, columns] = volume.geometry.shape;
    let (mut across, mut along) = (Vec::new(), Vec::new());
    for j in (0..rows).step_by(EXTENT_STEP) {
        for i in (0..columns).step_by(EXTENT_STEP) {
            if volume.hu(k, j, i) > TISSUE_HU {
                let point = vector::minus(volume.geometry.patient_mm(k, j as f64, i as f64), view.centre_mm);
                across.push(vector::dot(point, view.right));
                along.push(vector::dot(point, view.down));
            }
        }
    }
    let whole = [columns as f64 * volume.geometry.column_spacing_mm, rows as f64 * volume.geometry.row_spacing_mm];
    let [left, right] = spread(&mut across).unwrap_or([-whole[0] / 2.0, whole[0] / 2.0]);
    let [top, bottom] = spread(&mut along).unwrap_or([-whole[1] / 2.0, whole[1] / 2.0]);
    let centre = vector::along(view.centre_mm, view.right, (left + right) / 2.0);
    let centre_mm = vector::along(centre, view.down, (top + bottom) / 2.0);
    let mm_per_pixel = scale_for(rect, right - left + 2.0 * BODY_RIM_MM, bottom - top + 2.0 * BODY_RIM_MM);
    View { centre_mm, mm_per_pixel, ..view }
}

/// The scale at which an extent in mm fits a rectangle.
pub(super) fn scale_for(rect: Rect, width_mm: f64, height_mm: f64) -> f64 {
    (width_mm / rect.width as f64).max(height_mm / rect.height as f64).max(FINEST_MM_PER_PIXEL)
}

/// Lowest and highest z of the scan (LPS, mm), slice centres.
pub(super) fn z_range_mm(volume: &Volume) -> [f64; 2] {
    let geometry = &volume.geometry;
    let [slices, rows, columns] = geometry.shape;
    let corners = [(0.0, 0.0), (0.0, columns as f64), (rows as f64, 0.0), (rows as f64, columns as f64)];
    let heights = || [0, slices - 1].into_iter().flat_map(|k| corners.map(|(j, i)| geometry.patient_mm(k, j, i)[2]));
    [heights().fold(f64::INFINITY, f64::min), heights().fold(f64::NEG_INFINITY, f64::max)]
}

/// The range of values without the outermost ones: a table or a line is no part of the body.
fn spread(values: &mut [f64]) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let cut = (last as f64 * OUTERMOST_SHARE) as usize;
    Some([values[cut], values[last - cut]])
}

/// Usual distance from canal centre to body centre, where no vertebra tells it.
const BODY_BEFORE_CANAL_MM: f64 = 25.0;
/// Knots of a course closer than this are one.
const KNOT_DISTANCE_MM: f64 = 0.2;
/// The body is looked for in every so many-th row and column.
const EXTENT_STEP: usize = 4;
/// Tissue is denser than this.
const TISSUE_HU: f32 = -200.0;
/// Room around the body in a picture.
const BODY_RIM_MM: f64 = 14.0;
/// Share of tissue pixels cut at each end when the body is looked for.
const OUTERMOST_SHARE: f64 = 0.01;
/// No picture is magnified more than this.
const FINEST_MM_PER_PIXEL: f64 = 0.05;
