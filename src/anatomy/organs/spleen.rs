//! The spleen: of all compact masses of one attenuation, the one that lies where spleens lie.
//!
//! Input: smoothed HU on the coarse grid, [`Torso`], the liver where found. Output: [`Spleen`]; errors: [`Absence`].
//! Candidates of a window sweep are scored by volume, contact with the posterior-left chest wall, and place; stomach,
//! bowel, pancreas and left liver lobe lie too far in front or touch no wall.

use rayon::prelude::*;

use crate::anatomy::Absence;
use crate::codes::Reason;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::label;
use crate::grid::label::Neighbours;

use super::Parameters;
use super::liver;
use super::liver::Liver;
use super::masks;
use super::masks::Window;
use super::torso::Torso;

/// The spleen as found on the coarse grid.
#[derive(Debug, Clone)]
pub struct Spleen {
    /// Parenchyma, deliberately incomplete.
    pub mask: Mask,
    /// Median of the smoothed attenuation (HU).
    pub mode_hu: f64,
    /// Half width of the window (HU).
    pub window_hu: f64,
    /// Score of the chosen candidate.
    pub score: f64,
    /// Its contact with the chest wall.
    pub contact: f64,
    /// Score and attenuation of the best candidate elsewhere.
    pub second: Option<(f64, f64)>,
    /// Whether two places are about equally good and differ in attenuation.
    pub ambiguous: bool,
}

/// A compact mass of one attenuation.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its eroded voxels, inside the region of the search.
    pub eroded: Mask,
    /// Volume of the eroded mass (mL).
    pub volume_ml: f64,
    /// Share of the shell around it that is posterior-left chest wall or lung.
    pub contact: f64,
    /// Place between midline (0) and left wall (1).
    pub lateral: f64,
    /// Place between front (0) and back (1) of the hull.
    pub posterior: f64,
    /// Median attenuation (HU).
    pub median_hu: f64,
    /// Scaled median absolute deviation (HU).
    pub deviation_hu: f64,
    /// Volume times contact times place.
    pub score: f64,
}

/// What the search looked at, best candidate first.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    /// First voxel of the region in the grid; candidates' masks count from here.
    pub first: [usize; 3],
    /// The candidates.
    pub all: Vec<Candidate>,
}

struct Scene<'a> {
    values: Grid<f32>,
    region: Mask,
    hull: Mask,
    wall: Mask,
    /// Midline of every slice, in columns of the region.
    midline: Vec<f64>,
    spacing: f64,
    window_hu: f64,
    parameters: &'a Parameters,
}

/// Finds the spleen; the candidates come back in either case.
pub fn find_spleen(
    smooth: &Grid<f32>,
    spacing_mm: f64,
    torso: &Torso,
    found_liver: Option<&Liver>,
    parameters: &Parameters,
) -> (Result<Spleen, Absence>, Candidates) {
    let absent = |reason, detail| (Err(Absence { reason, detail }), Candidates::default());
    let no_lung = masks::volume_ml(&torso.left_lung, spacing_mm) < parameters.left_lung_ml || torso.left.dome.is_none();
    if found_liver.is_none() && no_lung {
        return absent(Reason::OutOfCoverage, "no_left_lung_base");
    }
    let top = smooth.shape[0] as f64 - 1.0;
    let dome = if no_lung { top } else { torso.left.dome.unwrap_or(top) };
    let region = search_region(smooth, spacing_mm, torso, found_liver, dome);
    if masks::volume_ml(&region, spacing_mm) < parameters.spleen_box_ml {
        return absent(Reason::OutOfCoverage, "spleen_box_small");
    }
    let Some(window) = Window::around(&region, REGION_MARGIN) else {
        return absent(Reason::OutOfCoverage, "spleen_box_small");
    };
    let scene = make_scene(smooth, spacing_mm, torso, &region, window, parameters);
    let candidates = Candidates { first: window.first, all: sweep(&scene) };
    let chosen = candidates
        .all
        .first()
        .filter(|best| best.score >= parameters.spleen_least_score && best.contact >= parameters.spleen_least_contact);
    let Some(chosen) = chosen else {
        return (Err(Absence { reason: Reason::StructureNotFound, detail: "spleen_absent" }), candidates);
    };
    let grown = grow(&scene, chosen);
    let second = candidates.all[1..].iter().find(|other| {
        other.median_hu != grown.mode_hu
            && !(0..other.eroded.data.len())
                .any(|at| other.eroded.data[at] && (grown.core.data[at] || chosen.eroded.data[at]))
    });
    let [share, apart_hu] = parameters.spleen_ambiguous;
    let ambiguous = second
        .is_some_and(|other| other.score > share * chosen.score && (other.median_hu - grown.mode_hu).abs() > apart_hu);
    let spleen = Spleen {
        mask: window.paste(&grown.mask, smooth.shape),
        mode_hu: grown.mode_hu,
        window_hu: grown.window_hu,
        score: chosen.score,
        contact: chosen.contact,
        second: second.map(|other| (other.score, other.median_hu)),
        ambiguous,
    };
    (Ok(spleen), candidates)
}

/// Left, inside the hull, around and below the left dome, never liver.
fn search_region(smooth: &Grid<f32>, spacing_mm: f64, torso: &Torso, liver: Option<&Liver>, dome: f64) -> Mask {
    let voxels = |mm: f64| mm / spacing_mm;
    let taken = liver.map(|liver| masks::dilate(&liver.seed, spacing_mm, LIVER_CLEARANCE_MM));
    let (lowest, highest) = (dome - voxels(REGION_BELOW_DOME_MM), dome + voxels(REGION_ABOVE_DOME_MM));
    masks::mask_where(smooth.shape, |k, _, i, at| {
        let (height, value) = (k as f64, smooth.data[at]);
        torso.hull.data[at]
            && !torso.lungs.data[at]
            && (i as f64) > torso.midline.spine_column[k] + voxels(REGION_LEFT_MM)
            && height < highest
            && height > lowest
            && value > REGION_HU[0]
            && value < REGION_HU[1]
            && taken.as_ref().is_none_or(|taken| !taken.data[at])
    })
}

fn make_scene<'a>(
    smooth: &Grid<f32>,
    spacing: f64,
    torso: &Torso,
    region: &Mask,
    window: Window,
    parameters: &'a Parameters,
) -> Scene<'a> {
    let (values, region, hull) = (window.crop(smooth), window.crop(region), window.crop(&torso.hull));
    let lungs = window.crop(&torso.lungs);
    let midline: Vec<f64> =
        (window.first[0]..window.end[0]).map(|k| torso.midline.spine_column[k] - window.first[2] as f64).collect();
    let middle_rows: Vec<f64> = (0..hull.shape[0])
        .map(|k| extent(&hull, k, Axis::Row).map_or(smooth.shape[1] as f64 / 2.0, |(first, last)| (first + last) / 2.0))
        .collect();
    let beside = WALL_LEFT_MM / spacing;
    let wall = masks::mask_where(hull.shape, |k, j, i, at| {
        (!hull.data[at] || lungs.data[at]) && j as f64 > middle_rows[k] && i as f64 > midline[k] + beside
    });
    let noise = liver::local_deviation(&values, &region, parameters.spleen_noise_percentile);
    let [least, most] = parameters.window_hu;
    Scene { values, region, hull, wall, midline, spacing, window_hu: (3.0 * noise).clamp(least, most), parameters }
}

/// All candidates of all windows, best score first.
fn sweep(scene: &Scene) -> Vec<Candidate> {
    let [first, last, step] = scene.parameters.spleen_sweep_hu;
    let centres: Vec<i32> = (first..=last).step_by(step.max(1) as usize).collect();
    let found: Vec<Vec<Candidate>> =
        centres.into_par_iter().map(|centre| candidates_at(scene, f64::from(centre))).collect();
    let mut all = found.concat();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    all
}

fn candidates_at(scene: &Scene, centre_hu: f64) -> Vec<Candidate> {
    let within = liver::in_window(&scene.values, &scene.region, centre_hu, scene.window_hu);
    if masks::volume_ml(&within, scene.spacing) < LEAST_WINDOW_ML {
        return Vec::new();
    }
    let eroded = masks::erode(&within, scene.spacing, scene.parameters.spleen_erosion_mm);
    let components = label::label(&eroded, Neighbours::Six);
    (1..)
        .zip(&components.sizes)
        .filter(|(_, size)| masks::voxels_ml(**size, scene.spacing) >= scene.parameters.spleen_candidate_ml)
        .filter_map(|(number, _)| assess(scene, components.mask(number)))
        .collect()
}

fn assess(scene: &Scene, eroded: Mask) -> Option<Candidate> {
    let window = Window::around(&eroded, SHELL_MARGIN)?;
    let distances = masks::distance_to(&window.crop(&eroded), scene.spacing);
    let wall = window.crop(&scene.wall);
    let [near, far] = scene.parameters.spleen_shell_mm.map(|limit| limit as f32);
    let shell = |at: &usize| distances.data[*at] > near && distances.data[*at] <= far;
    let (all, touching) = (0..distances.data.len())
        .filter(shell)
        .fold((0usize, 0usize), |(all, touching), at| (all + 1, touching + usize::from(wall.data[at])));
    let contact = touching as f64 / all.max(1) as f64;
    let [k, j, i] = centroid(&eroded);
    let (front, back) = extent(&scene.hull, k as usize, Axis::Row)?;
    let (_, left_wall) = extent(&scene.hull, k as usize, Axis::Column)?;
    let midline = scene.midline[k as usize];
    let posterior = (j - front) / (back - front).max(1.0);
    let lateral = (i - midline) / (left_wall - midline).max(1.0);
    let ramp = |value: f64| ((value - PLACE_RAMP[0]) / (PLACE_RAMP[1] - PLACE_RAMP[0])).clamp(0.0, 1.0);
    let median_hu = masks::median_in(&scene.values, &eroded)?;
    let volume_ml = masks::volume_ml(&eroded, scene.spacing);
    Some(Candidate {
        deviation_hu: masks::deviation_in(&scene.values, &eroded, median_hu),
        score: volume_ml * contact * ramp(posterior) * ramp(lateral),
        eroded,
        volume_ml,
        contact,
        lateral,
        posterior,
        median_hu,
    })
}

fn centroid(mask: &Mask) -> [f64; 3] {
    let [_, rows, columns] = mask.shape;
    let mut sums = [0.0f64; 3];
    for at in (0..mask.data.len()).filter(|&at| mask.data[at]) {
        let place = [at / (rows * columns), at / columns % rows, at % columns];
        sums = std::array::from_fn(|axis| sums[axis] + place[axis] as f64);
    }
    sums.map(|sum| sum / masks::count(mask).max(1) as f64)
}

#[derive(Clone, Copy, PartialEq)]
enum Axis {
    Row,
    Column,
}

/// First and last row or column of a slice that holds anything.
fn extent(mask: &Mask, k: usize, axis: Axis) -> Option<(f64, f64)> {
    let columns = mask.shape[2];
    let places = mask.slice(k).iter().enumerate().filter(|(_, inside)| **inside);
    let indices = places.map(|(at, _)| if axis == Axis::Row { at / columns } else { at % columns });
    let range = indices.fold(None, |range: Option<(usize, usize)>, at| {
        Some(range.map_or((at, at), |(low, high)| (low.min(at), high.max(at))))
    });
    range.map(|(low, high)| (low as f64, high as f64))
}

struct Grown {
    mask: Mask,
    core: Mask,
    mode_hu: f64,
    window_hu: f64,
}

/// Grows the chosen candidate back to the spleen's outline.
fn grow(scene: &Scene, chosen: &Candidate) -> Grown {
    let parameters = scene.parameters;
    let [mottled_from, mottled_share] = parameters.spleen_mottled;
    let mut window_hu = liver::grown_window(chosen.deviation_hu, scene.window_hu, parameters);
    if chosen.median_hu > mottled_from {
        window_hu = window_hu.max(mottled_share * chosen.median_hu);
    }
    let (mut core, mut mode_hu) = (chosen.eroded.clone(), chosen.median_hu);
    let mut within = liver::in_window(&scene.values, &scene.region, mode_hu, window_hu);
    for step in 0..GROWTH_STEPS {
        if step > 0 {
            within = liver::in_window(&scene.values, &scene.region, mode_hu, window_hu);
        }
        let eroded = masks::erode(&within, scene.spacing, parameters.spleen_erosion_mm);
        let next = masks::largest(&eroded, Some(&core));
        let Some(median) = masks::median_in(&scene.values, &next) else { break };
        (core, mode_hu) = (next, median);
    }
    let grown = masks::both(&masks::dilate(&core, scene.spacing, parameters.spleen_growth_mm), &within);
    let closed = masks::close(&grown, scene.spacing, parameters.spleen_closing_mm);
    Grown { mask: masks::both(&closed, &scene.region), core, mode_hu, window_hu }
}

/// Region: least distance left of the midline.
const REGION_LEFT_MM: f64 = 15.0;
/// Region: above the left dome.
const REGION_ABOVE_DOME_MM: f64 = 24.0;
/// Region: below the left dome.
const REGION_BELOW_DOME_MM: f64 = 156.0;
/// Soft tissue up to an arterial spleen, without positive oral contrast.
const REGION_HU: [f32; 2] = [-20.0, 260.0];
/// Growth of the liver's seed that no spleen may enter.
const LIVER_CLEARANCE_MM: f64 = 8.0;
/// Room around the region, so that chest wall is seen (voxels).
const REGION_MARGIN: usize = 4;
/// Room around a candidate for its shell (voxels).
const SHELL_MARGIN: usize = 8;
/// Chest wall counts from this distance left of the midline.
const WALL_LEFT_MM: f64 = 30.0;
/// Least volume of a window's voxels before the erosion is worth its time.
const LEAST_WINDOW_ML: f64 = 15.0;
/// Relative places between which the chance of a spleen rises from none to certain.
const PLACE_RAMP: [f64; 2] = [0.35, 0.55];
/// Passes of growth.
const GROWTH_STEPS: usize = 2;
