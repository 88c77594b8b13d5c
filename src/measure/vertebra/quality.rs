//! What the checks of a vertebra observe.
//!
//! Input: the native volume, the spine, the regions. Output: plain numbers and words, in the units of the rows in
//! `checks::vertebra`; `None` where what a check needs is not there.

use super::axial::Index;
use super::axial::Placement;
use super::core;
use super::core::Placed;
use crate::anatomy::NumberingBasis;
use crate::anatomy::Spine;
use crate::anatomy::Vertebra;
use crate::codes::Level;
use crate::codes::Term;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::filter;
use crate::grid::label;
use crate::grid::vector;
use crate::volume::Geometry;
use crate::volume::Volume;

/// Height changes are judged in slices at most this thick (mm).
const THICKEST_FOR_HEIGHTS_MM: f64 = 3.0;

/// Room (mm) between the body and the ends of the scan; not positive where the body is not wholly in view.
pub(super) fn room_to_scan_ends_mm(volume: &Volume, vertebra: &Vertebra) -> f64 {
    let geometry = &volume.geometry;
    let (Some(first), Some(last)) = (geometry.positions_mm.first(), geometry.positions_mm.last()) else { return 0.0 };
    let middle = vertebra.posterior_wall_mm + vertebra.depth_mm / 2.0;
    let mut room = f64::INFINITY;
    for plate in vertebra.endplates {
        for v in [vertebra.posterior_wall_mm, vertebra.posterior_wall_mm + vertebra.depth_mm] {
            let height = plate.height_mm + plate.anterior_slope * (v - middle);
            let point = vector::along(vector::along(vertebra.canal_mm, vertebra.axis, height), vertebra.anterior, v);
            let position = geometry.position_mm(point);
            room = room.min(position - first).min(last - position);
        }
    }
    let room = room + volume.slice_thickness_mm / 2.0;
    if vertebra.in_view { room.max(SMALLEST_ROOM_MM) } else { room.min(0.0) }
}

/// Whether a level lies outside the scan however the doubt about the names is solved.
///
/// Ribs that the lower edge cuts can only hide a last thoracic vertebra below the one found: T12 lies there or lower. So
/// L1 and L2 lie at the places found for them or lower, and are outside where no whole body is seen there or lower.
pub(super) fn surely_outside(spine: &Spine, term: Term) -> bool {
    let only_cut = spine.numbering.doubts.iter().all(|doubt| ["rib_cut", "rib_pattern"].contains(doubt));
    if spine.numbering.basis != NumberingBasis::Ribs || !only_cut || term == Term::Th12Hu {
        return false;
    }
    let Some(wanted) = [Level::L1, Level::L2].into_iter().find(|level| level.term() == Some(term)) else {
        return false;
    };
    // Levels count upwards from L5; bodies below L5 have no name.
    let at_or_below = |vertebra: &&Vertebra| vertebra.level.is_none_or(|level| level <= wanted);
    let named_above = spine.vertebrae.iter().any(|vertebra| vertebra.level.is_some_and(|level| level > wanted));
    named_above && !spine.vertebrae.iter().filter(at_or_below).any(|vertebra| vertebra.in_view)
}

/// Room that is stated of a body that is wholly in view by the rules of the spine chain.
const SMALLEST_ROOM_MM: f64 = 0.1;

/// Largest distance (mm) between neighbouring slices within 10 mm of the body, over the median distance.
pub(super) fn largest_gap_ratio(geometry: &Geometry, vertebra: &Vertebra) -> Option<f64> {
    let middle = geometry.position_mm(vertebra.centre_mm);
    // A tilted body reaches farther along the normal; 3 mm are what the height between endplates may fall short.
    let tilt = vector::length(vector::cross(vertebra.axis, geometry.normal));
    let reach = vertebra.height_mm / 2.0 + vertebra.depth_mm / 2.0 * tilt + 13.0;
    let gaps = geometry.positions_mm.windows(2).filter(|pair| pair[1] > middle - reach && pair[0] < middle + reach);
    let largest = gaps.map(|pair| pair[1] - pair[0]).reduce(f64::max)?;
    (geometry.slice_spacing_mm > 0.0).then(|| largest / geometry.slice_spacing_mm)
}

/// Distance (mm) between the body's outline and the border of the images.
pub(super) fn room_to_border_mm(geometry: &Geometry, placement: &Placement, vertebra: &Vertebra) -> f64 {
    let [_, rows, columns] = geometry.shape;
    let half = vertebra.width_mm.max(vertebra.depth_mm) / 2.0;
    let mut room = f64::INFINITY;
    for &k in &placement.slices {
        let [row, column] = geometry.pixel(k, vertebra.centre_mm);
        let to_end = |at: f64, count: usize| at.min(count as f64 - 1.0 - at);
        room = room.min(to_end(row, rows) * geometry.row_spacing_mm - half);
        room = room.min(to_end(column, columns) * geometry.column_spacing_mm - half);
    }
    room
}

/// Voxels that are padding, below -1024 HU or at the largest value of the stored representation.
pub(super) fn saturated(volume: &Volume, values_hu: &[f32]) -> usize {
    values_hu.iter().filter(|&&hu| hu < -1024.0 || f64::from(hu) >= volume.largest_hu).count()
}

/// The vertebrae directly below and above that are in view.
fn neighbours(spine: &Spine, at: usize) -> impl Iterator<Item = &Vertebra> {
    let near = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
    near.filter_map(|other| spine.vertebrae.get(other)).filter(|other| other.in_view)
}

/// Arithmetic mean; `None` of nothing.
fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Relative difference of the height to the mean of the neighbours that are in view.
pub(super) fn height_jump(spine: &Spine, at: usize) -> Option<f64> {
    let near = mean(neighbours(spine, at).map(|other| other.height_mm)).filter(|&mean| mean > 0.0)?;
    Some((spine.vertebrae[at].height_mm / near - 1.0).abs())
}

/// Front and back height of a vertebra, and the means of its neighbours' (mm); thin slices only.
fn edge_heights_with_neighbours_mm(volume: &Volume, spine: &Spine, at: usize) -> Option<([f64; 2], Option<[f64; 2]>)> {
    if volume.slice_thickness_mm > THICKEST_FOR_HEIGHTS_MM {
        return None;
    }
    let near = || neighbours(spine, at).filter_map(|other| edge_heights_mm(volume, other));
    let front_and_back = mean(near().map(|[front, _]| front)).zip(mean(near().map(|[_, back]| back)));
    Some((edge_heights_mm(volume, &spine.vertebrae[at])?, front_and_back.map(|(front, back)| [front, back])))
}

/// Smaller of anterior to posterior and posterior to neighbours' posterior height; thin slices only.
pub(super) fn lowest_height_ratio(volume: &Volume, spine: &Spine, at: usize) -> Option<f64> {
    let ([front, back], near) = edge_heights_with_neighbours_mm(volume, spine, at)?;
    let ratio = front / back;
    Some(near.map_or(ratio, |[_, neighbours]| ratio.min(back / neighbours)))
}

/// Larger of front to back and front to the neighbours' front: low only where the front alone has lost height, not
/// where the whole spine is built so or the back of the body is high.
pub(super) fn wedge_ratio(volume: &Volume, spine: &Spine, at: usize) -> Option<f64> {
    let ([front, back], near) = edge_heights_with_neighbours_mm(volume, spine, at)?;
    near.map(|[neighbours, _]| (front / back).max(front / neighbours))
}

/// Heights (mm) in the front and in the back, between the steepest falls of attenuation beyond both endplates.
fn edge_heights_mm(volume: &Volume, vertebra: &Vertebra) -> Option<[f64; 2]> {
    let front = vertebra.waist.posterior_wall_mm + FRONT_SHARE * vertebra.waist.depth_mm;
    let back = vertebra.waist.posterior_wall_mm + BACK_SHARE * vertebra.waist.depth_mm;
    let height = |v: f64| {
        let profile = profile_hu(volume, vertebra, v)?;
        let middle = profile.len() / 2;
        let upper = steepest_fall(profile.get(middle..)?)?;
        let lower_half: Vec<f64> = profile[..=middle].iter().rev().copied().collect();
        let lower = steepest_fall(&lower_half)?;
        Some((upper + lower) * PROFILE_STEP_MM)
    };
    Some([height(front)?, height(back)?])
}

/// Places of the two heights in parts of the depth, from the posterior wall.
const FRONT_SHARE: f64 = 0.80;
const BACK_SHARE: f64 = 0.25;

/// Step along the profiles.
const PROFILE_STEP_MM: f64 = 0.5;

/// Half length of the profiles: no endplate lies farther from mid-height.
const PROFILE_REACH_MM: f64 = 20.0;

/// Endplates lie at least this far from mid-height.
const NEAREST_ENDPLATE_MM: f64 = 5.0;

/// Mean HU along the axis over a patch of 14 x 5 mm at one depth; `None` where it leaves the scan.
fn profile_hu(volume: &Volume, vertebra: &Vertebra, v: f64) -> Option<Vec<f64>> {
    let steps = (PROFILE_REACH_MM / PROFILE_STEP_MM) as i32;
    let height = |n: i32| f64::from(n) * PROFILE_STEP_MM;
    let mut profile = Vec::new();
    for n in -steps..=steps {
        let (mut sum, mut count) = (0.0, 0.0);
        for aside in -7..=7 {
            for along in -1..=1 {
                let u = vertebra.waist.lateral_offset_mm + f64::from(aside);
                let point = vector::along(vertebra.canal_mm, vertebra.left, u);
                let point = vector::along(point, vertebra.anterior, v + 2.5 * f64::from(along));
                if let Some(hu) = hu_at(volume, vector::along(point, vertebra.axis, height(n))) {
                    sum += hu;
                    count += 1.0;
                }
            }
        }
        profile.push(if count > 0.0 { sum / count } else { f64::NAN });
    }
    let smooth = filter::gaussian_line(&profile, 1.0 / PROFILE_STEP_MM, Edge::Nearest);
    smooth.iter().all(|hu| hu.is_finite()).then_some(smooth)
}

/// HU at a patient point: nearest pixel, linear between slices; `None` outside.
fn hu_at(volume: &Volume, point_mm: [f64; 3]) -> Option<f64> {
    let geometry = &volume.geometry;
    let position = geometry.position_mm(point_mm);
    let above = geometry.positions_mm.partition_point(|&other| other < position);
    let below = above.checked_sub(1)?;
    let (low, high) = (geometry.positions_mm[below], *geometry.positions_mm.get(above)?);
    let hu = |k: usize| {
        let [row, column] = geometry.pixel(k, point_mm).map(f64::round);
        let within = row >= 0.0 && column >= 0.0;
        let (j, i) = (row as usize, column as usize);
        let within = within && j < geometry.shape[1] && i < geometry.shape[2];
        within.then(|| f64::from(volume.hu(k, j, i)))
    };
    let fraction = (position - low) / (high - low);
    Some(hu(below)? * (1.0 - fraction) + hu(above)? * fraction)
}

/// Steps from the start of a profile to its steepest fall.
fn steepest_fall(profile: &[f64]) -> Option<f64> {
    let first = (NEAREST_ENDPLATE_MM / PROFILE_STEP_MM) as usize;
    let falls = (first..profile.len().saturating_sub(2)).map(|n| (n, profile[n] - profile[n + 2]));
    let steepest = falls.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(steepest.0 as f64 + 1.0)
}

/// Volume (mL) above 500 HU in the body eroded by 3 mm, of smoothed values: sharp kernels scatter widely.
pub(super) fn dense_volume_ml(volume: &Volume, vertebra: &Vertebra) -> f64 {
    let geometry = &volume.geometry;
    let margin = (volume.slice_thickness_mm / 2.0).max(3.0);
    core::eroded_body(geometry, vertebra, 3.0, margin)
        .iter()
        .filter(|(index, _)| smoothed_hu(volume, *index) > 500.0)
        .map(|([k, _, _], _)| voxel_mm3(geometry, *k) / 1000.0)
        .sum()
}

/// `near`: metal within 30 mm in plane and 10 mm along z; `same_slice`; `none`.
pub(super) fn metal(volume: &Volume, placement: &Placement) -> &'static str {
    const METAL_HU: f32 = 2500.0;
    const LEAST_MM3: f64 = 20.0;
    let geometry = &volume.geometry;
    let [_, rows, columns] = geometry.shape;
    let (Some(&low), Some(&high)) = (placement.slices.first(), placement.slices.last()) else { return "none" };
    let within = |k: &usize| {
        geometry.positions_mm[*k] >= geometry.positions_mm[low] - 10.0
            && geometry.positions_mm[*k] <= geometry.positions_mm[high] + 10.0
    };
    let slices: Vec<usize> = (0..geometry.shape[0]).filter(within).collect();
    let mut mask = Grid::filled([slices.len(), rows, columns], false);
    let mut any = false;
    for (at, &k) in slices.iter().enumerate() {
        for (n, inside) in mask.slice_mut(at).iter_mut().enumerate() {
            *inside = volume.hu(k, n / columns, n % columns) >= METAL_HU;
            any |= *inside;
        }
    }
    if !any {
        return "none";
    }
    let components = label::label(&mask, label::Neighbours::TwentySix);
    let voxel = geometry.row_spacing_mm * geometry.column_spacing_mm * geometry.slice_spacing_mm;
    let mut word = "none";
    for (n, &label) in components.labels.data.iter().enumerate().filter(|(_, label)| **label > 0) {
        if components.sizes[label as usize - 1] as f64 * voxel < LEAST_MM3 {
            continue;
        }
        let (k, j, i) = (slices[n / (rows * columns)], n / columns % rows, n % columns);
        let [row, column] = geometry.pixel(k, placement.centre_mm);
        let down = (j as f64 - row) * geometry.row_spacing_mm;
        let aside = (i as f64 - column) * geometry.column_spacing_mm;
        if down.hypot(aside) <= 30.0 {
            return "near";
        }
        if placement.slices.contains(&k) {
            word = "same_slice";
        }
    }
    word
}

/// Ratio of the deviations of vertical and horizontal differences of neighbouring pixels in a band of 40 mm.
///
/// Streaks of photon starvation run from side to side, so they raise the vertical differences.
pub(super) fn streak_ratio(volume: &Volume, placement: &Placement) -> Option<f64> {
    let geometry = &volume.geometry;
    let (mut vertical, mut horizontal) = (0.0f64, 0.0f64);
    for &k in &placement.slices {
        let [row, column] = geometry.pixel(k, placement.centre_mm);
        let span = |centre: f64, spacing: f64, count: usize| {
            let (low, high) = (centre - 20.0 / spacing, centre + 20.0 / spacing);
            (low.ceil().max(0.0) as usize, (high.floor().max(0.0) as usize).min(count.saturating_sub(2)))
        };
        let (first_row, last_row) = span(row, geometry.row_spacing_mm, geometry.shape[1]);
        let (first_column, last_column) = span(column, geometry.column_spacing_mm, geometry.shape[2]);
        for j in first_row..=last_row {
            for i in first_column..=last_column {
                let here = volume.hu(k, j, i).clamp(-200.0, 600.0);
                let below = f64::from(volume.hu(k, j + 1, i).clamp(-200.0, 600.0) - here);
                let beside = f64::from(volume.hu(k, j, i + 1).clamp(-200.0, 600.0) - here);
                vertical += below * below;
                horizontal += beside * beside;
            }
        }
    }
    (horizontal > 0.0).then(|| (vertical / horizontal).sqrt())
}

/// Share of core voxels whose smoothed HU is more than 100 from the median.
pub(super) fn focal_share(volume: &Volume, voxels: &[Placed], median_hu: f64) -> Option<f64> {
    let far = voxels.iter().filter(|(index, _)| (smoothed_hu(volume, *index) - median_hu).abs() > 100.0).count();
    (!voxels.is_empty()).then(|| far as f64 / voxels.len() as f64)
}

/// Mean of what lies within 2 mm in the same slice.
fn smoothed_hu(volume: &Volume, [k, j, i]: Index) -> f64 {
    const RADIUS_MM: f64 = 2.0;
    let geometry = &volume.geometry;
    let [_, rows, columns] = geometry.shape;
    let reach = |spacing: f64| (RADIUS_MM / spacing) as usize;
    let (down, aside) = (reach(geometry.row_spacing_mm), reach(geometry.column_spacing_mm));
    let (mut sum, mut count) = (0.0, 0.0);
    for row in j.saturating_sub(down)..=(j + down).min(rows - 1) {
        for column in i.saturating_sub(aside)..=(i + aside).min(columns - 1) {
            sum += f64::from(volume.hu(k, row, column));
            count += 1.0;
        }
    }
    sum / count
}

/// Range of the means of the octants of the core over its limit, 60 HU or 40 percent of the mean.
pub(super) fn octant_range_ratio(volume: &Volume, voxels: &[Placed], mean_hu: f64) -> Option<f64> {
    const LEAST_VOXELS: usize = 10;
    let middle: Vec<f64> = (0..3)
        .map(|axis| filter::median(&mut voxels.iter().map(|(_, place)| place[axis]).collect::<Vec<f64>>()))
        .collect::<Option<_>>()?;
    let mut octants = [(0.0, 0usize); 8];
    for ([k, j, i], place) in voxels {
        let octant: usize = (0..3).map(|axis| usize::from(place[axis] > middle[axis]) << axis).sum();
        octants[octant].0 += f64::from(volume.hu(*k, *j, *i));
        octants[octant].1 += 1;
    }
    let means: Vec<f64> =
        octants.iter().filter(|(_, count)| *count >= LEAST_VOXELS).map(|(sum, count)| sum / *count as f64).collect();
    let high = means.iter().copied().reduce(f64::max)?;
    let low = means.iter().copied().reduce(f64::min)?;
    Some((high - low) / relative_limit(mean_hu, 60.0, 0.40))
}

/// The larger of an absolute limit (HU) and a share of a value.
pub(super) fn relative_limit(value_hu: f64, absolute_hu: f64, share: f64) -> f64 {
    absolute_hu.max(share * value_hu.abs())
}

/// Range of the mean when the region is moved by 2 mm to each side (HU).
pub(super) fn spread_hu(volume: &Volume, placement: &Placement, scale: f64) -> Option<f64> {
    let mut means = Vec::new();
    for (left, front) in [(2.0, 0.0), (-2.0, 0.0), (0.0, 2.0), (0.0, -2.0)] {
        let voxels = placement.moved(left, front).voxels(&volume.geometry, scale);
        let sum: f64 = voxels.iter().map(|[k, j, i]| f64::from(volume.hu(*k, *j, *i))).sum();
        means.push(sum / voxels.len() as f64);
    }
    let high = means.iter().copied().reduce(f64::max)?;
    let low = means.iter().copied().reduce(f64::min)?;
    (high - low).is_finite().then_some(high - low)
}

/// Volume of a voxel of slice `k` (mm3).
pub(super) fn voxel_mm3(geometry: &Geometry, k: usize) -> f64 {
    geometry.row_spacing_mm * geometry.column_spacing_mm * geometry.slab_mm(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_limit_never_falls_below_the_absolute_one() {
        assert_eq!(relative_limit(50.0, 20.0, 0.15), 20.0);
        assert_eq!(relative_limit(-200.0, 20.0, 0.15), 30.0);
    }
}
