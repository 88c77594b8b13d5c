//! Kidneys: beans of one attenuation in fat, beside the spine.
//!
//! Input: smoothed HU on the coarse grid, the torso, masks of liver and spleen. Output: at most one kidney per side.
//! They are a second witness of the contrast phase; a kidney that is not found proves nothing.

use crate::anatomy::organs::masks;
use crate::anatomy::organs::masks::Window;
use crate::anatomy::organs::torso::Torso;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::filter;
use crate::grid::label;
use crate::grid::label::Neighbours;

/// One kidney.
#[derive(Debug, Clone, PartialEq)]
pub struct Kidney {
    /// Median attenuation inside its rim (HU).
    pub attenuation_hu: f64,
    /// Volume of the mask (mL).
    pub volume_ml: f64,
    /// Share of fat in the shell around it.
    pub fat_share: f64,
    /// Volume relative to the ellipsoid of its extent.
    pub fill: f64,
    /// Whether it lies right of the spine.
    pub right: bool,
    threshold_hu: f32,
    score: f64,
}

/// Finds kidneys right and left of the canal.
pub fn find_kidneys(smooth: &Grid<f32>, spacing_mm: f64, torso: &Torso, organs: &[&Mask]) -> Vec<Kidney> {
    let taken: Vec<Mask> = organs
        .iter()
        .map(|mask| masks::dilate(&masks::erode(mask, spacing_mm, TAKEN_MM), spacing_mm, TAKEN_MM))
        .collect();
    [true, false].into_iter().filter_map(|right| find_on_side(smooth, spacing_mm, torso, &taken, right)).collect()
}

/// Distance from the canal to the side in question and behind it (mm).
fn from_canal(torso: &Torso, right: bool, spacing: f64, place: [f64; 3]) -> [f64; 2] {
    let k = place[0] as usize;
    let side = if right { -1.0 } else { 1.0 };
    let midline = &torso.midline;
    [side * (place[2] - midline.canal_column[k]) * spacing, (place[1] - midline.canal_row[k]) * spacing]
}

fn find_on_side(smooth: &Grid<f32>, spacing: f64, torso: &Torso, taken: &[Mask], right: bool) -> Option<Kidney> {
    let top = torso.right.dome.unwrap_or(smooth.shape[0] as f64);
    let region = masks::mask_where(smooth.shape, |k, j, i, at| {
        let below = (top - k as f64) * spacing;
        if !torso.hull.data[at] || below <= REGION_BELOW_DOME_MM[0] || below >= REGION_BELOW_DOME_MM[1] {
            return false;
        }
        let [aside, behind] = from_canal(torso, right, spacing, [k as f64, j as f64, i as f64]);
        aside > REGION_ASIDE_MM[0]
            && aside < REGION_ASIDE_MM[1]
            && behind > REGION_BEHIND_MM[0]
            && behind < REGION_BEHIND_MM[1]
            && taken.iter().all(|mask| !mask.data[at])
    });
    if masks::volume_ml(&region, spacing) < LEAST_REGION_ML {
        return None;
    }
    let window = Window::around(&region, REGION_MARGIN)?;
    let (values, inside) = (window.crop(smooth), window.crop(&region));
    let mut best: Option<Kidney> = None;
    for threshold_hu in THRESHOLDS_HU {
        let above = masks::mask_where(values.shape, |_, _, _, at| {
            inside.data[at] && values.data[at] > threshold_hu && values.data[at] < BRIGHTEST_HU
        });
        let components = label::label(&masks::erode(&above, spacing, EROSION_MM), Neighbours::Six);
        for (number, &size) in (1..).zip(&components.sizes) {
            if !SEED_ML.contains(&masks::voxels_ml(size, spacing)) {
                continue;
            }
            let grown = masks::dilate(&components.mask(number), spacing, GROWTH_MM);
            let bean = masks::mask_where(values.shape, |_, _, _, at| {
                grown.data[at] && inside.data[at] && values.data[at] > threshold_hu
            });
            let found = assess(&values, &bean, window.first, spacing, torso, right, threshold_hu);
            best = match (best, found) {
                (Some(best), Some(found)) if found.score <= best.score => Some(best),
                (best, found) => found.or(best),
            };
        }
    }
    best.filter(|kidney| {
        kidney.fat_share > if kidney.threshold_hu >= ENHANCED_HU { FAT_SHARE[1] } else { FAT_SHARE[0] }
    })
}

/// A bean, if its extent, place and shape are those of a kidney.
fn assess(
    values: &Grid<f32>,
    bean: &Mask,
    first: [usize; 3],
    spacing: f64,
    torso: &Torso,
    right: bool,
    threshold_hu: f32,
) -> Option<Kidney> {
    let extent = Window::around(bean, 0)?;
    let size: [f64; 3] = extent.shape().map(|voxels| (voxels as f64 - 1.0) * spacing);
    let cut = extent.first[0] + first[0] <= 1;
    let least_height = if cut { HEIGHT_CUT_MM } else { HEIGHT_MM[0] };
    let centre = centre_of(bean, first);
    let [aside, behind] = from_canal(torso, right, spacing, centre);
    let volume_ml = masks::volume_ml(bean, spacing);
    let ellipsoid: f64 = std::f64::consts::PI / 6.0 * size.iter().map(|length| length.max(1.0)).product::<f64>();
    let fill = volume_ml * 1000.0 / ellipsoid;
    let fits = (least_height..=HEIGHT_MM[1]).contains(&size[0])
        && size[1..].iter().all(|length| WIDTH_MM.contains(length))
        && aside > CENTRE_ASIDE_MM[0]
        && aside < CENTRE_ASIDE_MM[1]
        && behind > CENTRE_BEHIND_MM[0]
        && behind < CENTRE_BEHIND_MM[1]
        && fill > FILL[0]
        && fill < FILL[1];
    if !fits {
        return None;
    }
    let fat_share = fat_around(values, bean, spacing);
    let inner = masks::erode(bean, spacing, RIM_MM);
    let attenuation_hu = filter::median(&mut masks::values_in(values, &inner))?;
    let score = fat_share * fill.min(1.0 / fill);
    Some(Kidney { attenuation_hu, volume_ml, fat_share, fill, right, threshold_hu, score })
}

/// Centre of a bean in indices of the whole grid.
fn centre_of(bean: &Mask, first: [usize; 3]) -> [f64; 3] {
    let [_, rows, columns] = bean.shape;
    let mut sums = [0.0; 3];
    for at in (0..bean.data.len()).filter(|&at| bean.data[at]) {
        let place = [at / (rows * columns), at / columns % rows, at % columns];
        sums = std::array::from_fn(|axis| sums[axis] + (place[axis] + first[axis]) as f64);
    }
    sums.map(|sum| sum / masks::count(bean).max(1) as f64)
}

/// Share of fat in the shell around a bean.
fn fat_around(values: &Grid<f32>, bean: &Mask, spacing: f64) -> f64 {
    let (near, far) = (masks::dilate(bean, spacing, SHELL_MM[0]), masks::dilate(bean, spacing, SHELL_MM[1]));
    let shell = (0..values.data.len()).filter(|&at| far.data[at] && !near.data[at]);
    let (all, fat) =
        shell.fold((0usize, 0usize), |(all, fat), at| (all + 1, fat + usize::from(values.data[at] < FAT_HU)));
    fat as f64 / all.max(1) as f64
}

/// Opening of liver and spleen before they are taken out.
const TAKEN_MM: f64 = 6.0;
/// Region below the right dome: nearest and farthest.
const REGION_BELOW_DOME_MM: [f64; 2] = [24.0, 270.0];
/// Region beside the canal.
const REGION_ASIDE_MM: [f64; 2] = [22.0, 125.0];
/// Region behind the canal; negative is in front.
const REGION_BEHIND_MM: [f64; 2] = [-80.0, 25.0];
/// Least volume of the region.
const LEAST_REGION_ML: f64 = 50.0;
/// Room around the region (voxels).
const REGION_MARGIN: usize = 4;
/// Lower thresholds tried: native to arterial.
const THRESHOLDS_HU: [f32; 5] = [15.0, 70.0, 100.0, 130.0, 160.0];
/// Brighter is excreted contrast agent or bone.
const BRIGHTEST_HU: f32 = 450.0;
/// Erosion that parts a kidney from bowel and psoas.
const EROSION_MM: f64 = 6.5;
/// Volume of the eroded kidney.
const SEED_ML: std::ops::RangeInclusive<f64> = 12.0..=160.0;
/// Growth back after the erosion.
const GROWTH_MM: f64 = 7.0;
/// Height; the first is less where the scan cuts.
const HEIGHT_MM: [f64; 2] = [60.0, 150.0];
/// Least height where the caudal end of the scan cuts.
const HEIGHT_CUT_MM: f64 = 30.0;
/// Extent in rows and columns.
const WIDTH_MM: std::ops::Range<f64> = 36.0..95.0;
/// Centre beside the canal.
const CENTRE_ASIDE_MM: [f64; 2] = [38.0, 100.0];
/// Centre behind the canal; negative is in front.
const CENTRE_BEHIND_MM: [f64; 2] = [-52.0, 5.0];
/// Volume relative to the ellipsoid of the extent.
const FILL: [f64; 2] = [0.55, 1.35];
/// Shell in which fat is counted.
const SHELL_MM: [f64; 2] = [2.0, 6.0];
/// Fat against lean tissue.
const FAT_HU: f32 = -20.0;
/// Least share of fat around a native and an enhanced kidney.
const FAT_SHARE: [f64; 2] = [0.33, 0.24];
/// Threshold from which on a kidney is enhanced.
const ENHANCED_HU: f32 = 70.0;
/// Rim left out of the attenuation.
const RIM_MM: f64 = 3.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bean_in_fat_is_surrounded_by_fat() {
        let bean = masks::mask_where([30, 30, 30], |k, j, i, _| {
            [k, j, i].iter().map(|&at| (at as f64 - 15.0).powi(2)).sum::<f64>() < 49.0
        });
        let values =
            Grid { shape: bean.shape, data: bean.data.iter().map(|&x| if x { 30.0 } else { -100.0 }).collect() };
        assert_eq!(fat_around(&values, &bean, 3.0), 1.0);
        assert_eq!(centre_of(&bean, [1, 2, 3]), [16.0, 17.0, 18.0]);
    }
}
