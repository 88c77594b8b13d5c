//! What lies around the targets: arms beside the trunk, jumps of its outline, bright matter beside organs.
//!
//! Input: the coarse patient grid (HU) and the torso found in it. Output: [`Surroundings`], per slice of that grid, and
//! the volume of bright matter beside an organ (mL). Errors: none; without a torso there are no surroundings.

use crate::grid::Mask;
use crate::grid::PatientGrid;

use super::masks;
use super::torso::Torso;

/// Attenuation from which on something lateral of the trunk is bone (HU); arms hold cortex far above it.
const ARM_BONE_HU: f32 = 200.0;
/// Area of bone that makes an arm in one slice (mm2): a forearm's two bones have more.
const ARM_BONE_MM2: f64 = 100.0;
/// Attenuation of bright matter beside an organ (HU), or this much above the aorta where that is brighter.
const BRIGHT_HU: f64 = 150.0;
const BRIGHT_ABOVE_AORTA_HU: f64 = 60.0;
/// How far from the organ bright matter is looked for (mm).
const BRIGHT_REACH_MM: f64 = 20.0;

/// Facts of every slice of the coarse grid, caudal to cranial.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Surroundings {
    /// Patient z of the first slice (mm).
    pub first_z_mm: f64,
    /// Distance of slices (mm).
    pub spacing_mm: f64,
    /// Whether bone lies lateral of the trunk.
    pub arms: Vec<bool>,
    /// Mean distance of the trunk's outline from that of the next slice (mm).
    pub contour_step_mm: Vec<f64>,
}

impl Surroundings {
    /// Whether arms lie beside the trunk anywhere between two heights; `None` outside the grid.
    pub fn arms_between(&self, low_z_mm: f64, high_z_mm: f64) -> Option<bool> {
        Some(self.arms.get(self.range(low_z_mm, high_z_mm)?)?.contains(&true))
    }

    /// Largest step of the outline between two heights (mm); `None` outside the grid.
    pub fn contour_step_between_mm(&self, low_z_mm: f64, high_z_mm: f64) -> Option<f64> {
        self.contour_step_mm.get(self.range(low_z_mm, high_z_mm)?)?.iter().copied().reduce(f64::max)
    }

    fn range(&self, low_z_mm: f64, high_z_mm: f64) -> Option<std::ops::Range<usize>> {
        let slices = self.arms.len();
        let at = |z_mm: f64| ((z_mm - self.first_z_mm) / self.spacing_mm).round();
        let (low, high) = (at(low_z_mm).max(0.0), at(high_z_mm).min(slices as f64 - 1.0));
        (low <= high).then_some(low as usize..high as usize + 1)
    }
}

/// Extremes of a mask in one slice, as `[first row, last row, first column, last column]`.
fn extremes(mask: &Mask, k: usize) -> Option<[usize; 4]> {
    let columns = mask.shape[2];
    let slice = mask.slice(k);
    let inside = || (0..slice.len()).filter(|&at| slice[at]);
    Some([
        inside().map(|at| at / columns).min()?,
        inside().map(|at| at / columns).max()?,
        inside().map(|at| at % columns).min()?,
        inside().map(|at| at % columns).max()?,
    ])
}

/// Mean distance between the outlines of slice `k` and the next (mm): the area between them over the length of the first.
fn contour_step_mm(mask: &Mask, k: usize, spacing_mm: f64) -> f64 {
    let [_, rows, columns] = mask.shape;
    let (here, next) = (mask.slice(k), mask.slice(k + 1));
    let between = here.iter().zip(next).filter(|(a, b)| a != b).count() as f64 * spacing_mm.powi(2);
    let across = (0..rows).flat_map(|j| (1..columns).map(move |i| (j * columns + i, j * columns + i - 1)));
    let down = (1..rows).flat_map(|j| (0..columns).map(move |i| (j * columns + i, (j - 1) * columns + i)));
    let faces = across.chain(down).filter(|&(a, b)| here[a] != here[b]).count();
    // Voxel faces overstate the length of a slanted outline by 4 / pi on average.
    let length = faces as f64 * spacing_mm * std::f64::consts::FRAC_PI_4;
    if length > 0.0 { between / length } else { 0.0 }
}

/// Looks around the trunk. `whole` is the grid before it was cut to the body: arms may lie outside that part.
pub(super) fn around(whole: &PatientGrid<f32>, grid: &PatientGrid<f32>, torso: &Torso) -> Surroundings {
    let slices = torso.trunk.shape[0];
    let edges: Vec<Option<[usize; 4]>> = (0..slices).map(|k| extremes(&torso.trunk, k)).collect();
    // Both grids share slices; rows and columns differ by whole voxels.
    let shift = |axis: usize| ((grid.origin_mm[axis] - whole.origin_mm[axis]) / grid.spacing_mm).round();
    let (row_shift, column_shift) = (shift(1).max(0.0) as usize, shift(0).max(0.0) as usize);
    let arm_in = |k: usize| {
        let Some([top, bottom, right, left]) = edges[k] else { return false };
        let [_, rows, columns] = whole.grid.shape;
        let rows = (top + row_shift).min(rows)..(bottom + row_shift + 1).min(rows);
        let beside = (0..(right + column_shift).min(columns)).chain((left + column_shift + 1).min(columns)..columns);
        let bone = rows.map(|j| beside.clone().filter(|&i| whole.grid.at(k, j, i) > ARM_BONE_HU).count());
        bone.sum::<usize>() as f64 * grid.spacing_mm.powi(2) >= ARM_BONE_MM2
    };
    let step = |k: usize| if k + 1 < slices { contour_step_mm(&torso.trunk, k, grid.spacing_mm) } else { 0.0 };
    Surroundings {
        first_z_mm: grid.origin_mm[2],
        spacing_mm: grid.spacing_mm,
        arms: (0..slices).map(arm_in).collect(),
        contour_step_mm: (0..slices).map(step).collect(),
    }
}

/// Bright matter that is no bone within reach of an organ's core, the part `depth_mm` below its surface (mL): oral
/// contrast, as a rule.
pub(super) fn bright_beside_ml(
    grid: &PatientGrid<f32>,
    torso: &Torso,
    organ: &Mask,
    depth_mm: f64,
    aorta_hu: Option<f64>,
) -> f64 {
    let limit_hu = aorta_hu.map_or(BRIGHT_HU, |aorta| BRIGHT_HU.max(aorta + BRIGHT_ABOVE_AORTA_HU)) as f32;
    let core = masks::erode(organ, grid.spacing_mm, depth_mm);
    let reach = masks::dilate(&core, grid.spacing_mm, BRIGHT_REACH_MM);
    // Ribs and their cartilage reach into the rim of the hull, and the spine lies in it: both are left out.
    let inside = masks::erode(&torso.hull, grid.spacing_mm, RIM_MM);
    let bright = masks::mask_where(grid.grid.shape, |k, j, i, at| {
        let spine = (i as f64 - torso.midline.spine_column[k]).abs() * grid.spacing_mm < SPINE_HALF_WIDTH_MM
            && j as f64 > torso.midline.spine_row[k] - SPINE_DEPTH_MM / grid.spacing_mm;
        reach.data[at] && inside.data[at] && !spine && grid.grid.data[at] > limit_hu
    });
    masks::volume_ml(&bright, grid.spacing_mm)
}

/// Rim of the hull in which bone is expected (mm).
const RIM_MM: f64 = 9.0;
/// Half the width of a vertebra with its processes (mm).
const SPINE_HALF_WIDTH_MM: f64 = 45.0;
/// From the middle of the vertebral bone to in front of the body (mm).
const SPINE_DEPTH_MM: f64 = 45.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings {
            first_z_mm: 100.0,
            spacing_mm: 3.0,
            arms: vec![false, false, true, false],
            contour_step_mm: vec![3.0, 9.0, 0.0, 0.0],
        }
    }

    #[test]
    fn a_square_that_moves_by_two_voxels_steps_by_about_that() {
        let mut mask = Mask::filled([2, 40, 40], false);
        for (k, shift) in [(0, 0), (1, 2)] {
            for at in 0..400 {
                let place = mask.index(k, 10 + at / 20, 10 + at % 20 + shift);
                mask.data[place] = true;
            }
        }
        // Two of the four sides move by 6 mm, so the mean over the outline is about 3 mm (and 4 / pi for a straight one).
        let step = contour_step_mm(&mask, 0, 3.0);
        assert!((3.0..4.5).contains(&step), "{step}");
    }

    #[test]
    fn only_the_heights_asked_for_count() {
        let around = surroundings();
        assert_eq!(around.arms_between(100.0, 103.0), Some(false));
        assert_eq!(around.arms_between(103.0, 120.0), Some(true));
        assert_eq!(around.contour_step_between_mm(106.0, 109.0), Some(0.0));
        assert_eq!(around.contour_step_between_mm(100.0, 103.0), Some(9.0));
        assert_eq!(around.arms_between(200.0, 210.0), None);
    }
}
