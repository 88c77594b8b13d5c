//! Body, trunk, lungs with their floors, hull: where organs can lie.
//!
//! Input: the coarse patient grid (HU). Output: [`Torso`], in voxels of that grid (columns to the left, rows to the
//! back, slices to the head). Errors: [`Absence`] when no spine is seen to tell right from left.

use rayon::prelude::*;

use crate::anatomy::Absence;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::grid::filter;
use crate::grid::label;
use crate::grid::label::Neighbours;
use crate::grid::morphology;

use super::Parameters;
use super::hull;
use super::masks;
use super::masks::Window;
use super::midline;
use super::midline::Midline;

/// The parts of the trunk that organs are found by.
#[derive(Debug, Clone)]
pub struct Torso {
    /// Patient without couch.
    pub body: Mask,
    /// Body without arms.
    pub trunk: Mask,
    /// Both lungs.
    pub lungs: Mask,
    /// Lung right of the midline.
    pub right_lung: Mask,
    /// Lung left of the midline.
    pub left_lung: Mask,
    /// Space inside the wall of the trunk.
    pub hull: Mask,
    /// Course of spine and canal.
    pub midline: Midline,
    /// Floor and dome of the right lung.
    pub right: Diaphragm,
    /// Floor and dome of the left lung.
    pub left: Diaphragm,
}

/// Lower surface of one lung.
#[derive(Debug, Clone, PartialEq)]
pub struct Diaphragm {
    /// Lowest lung slice of every column, row by row; `None` where no lung lies above.
    pub floor: Vec<Option<usize>>,
    /// Height of the dome (slice index), where enough lung is in the scan.
    pub dome: Option<f64>,
}

/// Finds the parts of the trunk in a grid with the body in it; `canal_mm` is the centre line of the spinal canal, where
/// known.
pub fn find_torso(
    grid: &PatientGrid<f32>,
    body: Mask,
    canal_mm: Option<&[[f64; 3]]>,
    parameters: &Parameters,
) -> Result<Torso, Absence> {
    let (hu, spacing) = (&grid.grid, grid.spacing_mm);
    let trunk = without_arms(&body, spacing, parameters);
    let lungs = find_lungs(hu, &trunk, spacing, parameters);
    let midline = midline::find(grid, &trunk, canal_mm, parameters)?;
    let hull = hull::find(hu, &trunk, spacing, parameters);
    let side = |right: bool| {
        let half = masks::mask_where(lungs.shape, |k, _, i, at| {
            lungs.data[at] && ((i as f64) < midline.spine_column[k]) == right
        });
        masks::large_parts(&half, parameters.lung_part_share)
    };
    let (right_lung, left_lung) = (side(true), side(false));
    let right = diaphragm(&right_lung, spacing, parameters.dome_percentile_right, parameters);
    let left = diaphragm(&left_lung, spacing, parameters.dome_percentile_left, parameters);
    Ok(Torso { body, trunk, lungs, right_lung, left_lung, hull, midline, right, left })
}

/// The grid and its body without the empty columns and rows around the body; all slices stay.
pub(super) fn trimmed(grid: &PatientGrid<f32>, body: &Mask) -> (PatientGrid<f32>, Mask) {
    let Some(mut window) = Window::around(body, TRIM_MARGIN) else { return (grid.clone(), body.clone()) };
    (window.first[0], window.end[0]) = (0, body.shape[0]);
    let [k, j, i] = window.first.map(|index| index as f64);
    let origin_mm = grid.patient_mm(k, j, i);
    let part = PatientGrid { grid: window.crop(&grid.grid), origin_mm, spacing_mm: grid.spacing_mm };
    (part, window.crop(body))
}

/// Median of the 3 x 3 x 3 neighbourhood inside a mask; raw values elsewhere. `grid::filter::median3` takes most of the
/// time of a run where it also smooths the air around the body.
pub(super) fn median_within(hu: &Grid<f32>, mask: &Mask) -> Grid<f32> {
    let [slices, rows, columns] = hu.shape;
    let mut smooth = hu.clone();
    let near = |at: usize, length: usize| [-1, 0, 1].map(|step| Edge::Reflect.resolve(at as isize + step, length));
    smooth.data.par_chunks_mut((rows * columns).max(1)).enumerate().for_each(|(k, out)| {
        let around = near(k, slices);
        for (at, value) in out.iter_mut().enumerate().filter(|(at, _)| mask.slice(k)[*at]) {
            let (down, across) = (near(at / columns, rows), near(at % columns, columns));
            let mut values: [f32; 27] = std::array::from_fn(|n| hu.at(around[n / 9], down[n / 3 % 3], across[n % 3]));
            *value = *values.select_nth_unstable_by(13, f32::total_cmp).1;
        }
    });
    smooth
}

/// The patient: largest piece above air after an opening that cuts the couch, with its cavities.
pub(super) fn find_body(hu: &Grid<f32>, spacing_mm: f64, parameters: &Parameters) -> Mask {
    let solid = masks::mask_where(hu.shape, |_, _, _, at| hu.data[at] > parameters.body_threshold_hu);
    let core = masks::erode(&solid, spacing_mm, parameters.body_opening_mm);
    let opened = masks::dilate(&core, spacing_mm, parameters.body_opening_mm);
    morphology::fill_holes_per_slice(&masks::largest(&opened, None))
}

/// The body without arms: per slice, what hangs together after an erosion and is not small.
fn without_arms(body: &Mask, spacing_mm: f64, parameters: &Parameters) -> Mask {
    masks::by_slices(body.shape, |k| {
        let slice = masks::slice_of(body, k);
        let depth = masks::slice_depth(&slice, spacing_mm);
        let inner = masks::mask_where(slice.shape, |_, _, _, at| f64::from(depth.data[at]) > parameters.arm_erosion_mm);
        let parts = masks::large_parts(&inner, parameters.trunk_part_share);
        let grown = masks::dilate(&parts, spacing_mm, parameters.arm_growth_mm);
        masks::both(&grown, &slice).data
    })
}

/// Air of the trunk that is lung: large or at the cranial end, and not as empty as bowel gas.
fn find_lungs(hu: &Grid<f32>, trunk: &Mask, spacing_mm: f64, parameters: &Parameters) -> Mask {
    let air = masks::mask_where(hu.shape, |_, _, _, at| trunk.data[at] && hu.data[at] < parameters.lung_threshold_hu);
    let parts = label::label(&air, Neighbours::Six);
    let inner = morphology::erode(&air, 1, crate::grid::Outside::False);
    // A tilted stack ends in a slanting plane, above which the grid holds no patient: that is a cranial end as well.
    let (slices, size) = (hu.shape[0], hu.shape[1] * hu.shape[2]);
    let mut at_top = vec![false; parts.sizes.len() + 1];
    for (at, &number) in parts.labels.data.iter().enumerate().filter(|(_, number)| **number > 0) {
        at_top[number as usize] |= at / size + 1 == slices || !trunk.data[at + size];
    }
    let mut inside: Vec<Vec<f64>> = vec![Vec::new(); parts.sizes.len() + 1];
    for (at, &number) in parts.labels.data.iter().enumerate().filter(|(at, _)| inner.data[*at]) {
        if masks::voxels_ml(parts.sizes[number as usize - 1], spacing_mm) > parameters.lung_base_volume_ml {
            inside[number as usize].push(f64::from(hu.data[at]));
        }
    }
    let [lowest, highest] = parameters.lung_median_hu.map(f64::from);
    parts.select(|number, size| {
        let volume = masks::voxels_ml(size, spacing_mm);
        let place =
            volume > parameters.lung_volume_ml || (volume > parameters.lung_base_volume_ml && at_top[number as usize]);
        let median = filter::median(&mut inside[number as usize]);
        place && median.is_some_and(|median| lowest < median && median < highest)
    })
}

/// Floor of every column and the dome: a percentile of the floors, away from the rim of the shadow.
fn diaphragm(lung: &Mask, spacing_mm: f64, percentile: f64, parameters: &Parameters) -> Diaphragm {
    let [slices, rows, columns] = lung.shape;
    let size = rows * columns;
    let floor: Vec<Option<usize>> = (0..size).map(|at| (0..slices).find(|k| lung.data[k * size + at])).collect();
    let shadow = Grid { shape: [1, rows, columns], data: floor.iter().map(Option::is_some).collect() };
    let depth = masks::slice_depth(&shadow, spacing_mm);
    let mut heights: Vec<f64> = floor
        .iter()
        .zip(&depth.data)
        .filter(|(_, depth)| f64::from(**depth) > parameters.dome_rim_mm)
        .filter_map(|(floor, _)| floor.map(|k| k as f64))
        .collect();
    let dome = if heights.len() > LEAST_DOME_COLUMNS { filter::percentile(&mut heights, percentile) } else { None };
    Diaphragm { floor, dome }
}

/// Empty columns and rows left around the body (voxels).
const TRIM_MARGIN: usize = 4;
/// Columns of lung that a dome needs: about 3 cm2 on the coarse grid.
const LEAST_DOME_COLUMNS: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dome_leaves_the_rim_of_the_shadow_out() {
        let lung = masks::mask_where([20, 30, 30], |k, j, i, _| {
            let rim = (2..28).contains(&j) && (2..28).contains(&i);
            let middle = (7..23).contains(&j) && (7..23).contains(&i);
            rim && (k >= 12 || (k >= 8 && !middle))
        });
        let found = diaphragm(&lung, 3.0, 75.0, &Parameters::default());
        assert_eq!(found.dome, Some(12.0));
        assert_eq!(found.floor[3 * 30 + 3], Some(8));
        assert_eq!(found.floor[0], None);
    }

    #[test]
    fn a_trimmed_grid_keeps_its_place_in_the_patient() {
        let body = masks::mask_where([4, 40, 60], |_, j, i, _| (10..20).contains(&j) && (30..45).contains(&i));
        let data = body.data.iter().enumerate().map(|(at, _)| at as f32).collect();
        let grid =
            PatientGrid { grid: Grid { shape: body.shape, data }, origin_mm: [-90.0, -60.0, 5.0], spacing_mm: 3.0 };
        let (part, inside) = trimmed(&grid, &body);
        assert_eq!(part.grid.shape, [4, 18, 23]);
        assert_eq!(masks::count(&inside), masks::count(&body));
        let [k, j, i] = grid.index_of(part.patient_mm(2.0, 5.0, 7.0)).map(|index| index.round() as usize);
        assert_eq!(part.grid.at(2, 5, 7), grid.grid.at(k, j, i));
    }

    #[test]
    fn smoothing_inside_the_mask_is_the_median_filter() {
        let data = (0..6 * 7 * 8).map(|n| ((n * 7919) % 211) as f32).collect();
        let hu = Grid { shape: [6, 7, 8], data };
        let mask = masks::mask_where(hu.shape, |k, _, i, _| (k + i) % 2 == 0);
        let (part, whole) = (median_within(&hu, &mask), filter::median3(&hu));
        for at in 0..hu.data.len() {
            assert_eq!(part.data[at], if mask.data[at] { whole.data[at] } else { hu.data[at] });
        }
    }

    #[test]
    fn arms_are_not_trunk() {
        let body = masks::mask_where([1, 80, 160], |_, j, i, _| {
            let ellipse = |centre: f64, half: f64, depth: f64| {
                ((i as f64 - centre) / half).powi(2) + ((j as f64 - 40.0) / depth).powi(2) <= 1.0
            };
            ellipse(80.0, 55.0, 35.0) || ellipse(12.0, 11.0, 11.0) || ((38..43).contains(&j) && (20..30).contains(&i))
        });
        let trunk = without_arms(&body, 3.0, &Parameters::default());
        assert!(trunk.at(0, 40, 80));
        assert!(!trunk.at(0, 40, 14));
    }
}
