//! The liver: where a window of attenuation holds the largest connected mass under the right lung.
//!
//! Input: raw and smoothed HU on the coarse grid, [`Torso`]. Output: [`Liver`], a pure but incomplete parenchyma mask,
//! the part of it that the core may use, and what speaks for and against it. Errors: [`Absence`].
//!
//! A sweep over attenuations replaces histogram modes: for each centre the window's voxels are eroded and the largest
//! component counts, so neither contrast phase nor fat content matters. A neck test then cuts off what hangs on the
//! liver by a thin bridge (stomach, heart, kidney).

use rayon::prelude::*;

use crate::anatomy::Absence;
use crate::codes::Reason;
use crate::grid::Edge;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::filter;
use crate::grid::morphology;

use super::Parameters;
use super::masks;
use super::masks::Window;
use super::torso::Torso;

/// The liver as found on the coarse grid.
#[derive(Debug, Clone)]
pub struct Liver {
    /// Parenchyma, deliberately incomplete.
    pub mask: Mask,
    /// The part that passed the neck test and does not reach far to the left.
    pub core_allowed: Mask,
    /// What the mask grew from; parenchyma beyond doubt.
    pub seed: Mask,
    /// Median of the smoothed attenuation (HU).
    pub mode_hu: f64,
    /// Half width of the window (HU).
    pub window_hu: f64,
    /// Volume of the eroded largest component of every window centre (HU, mL).
    pub sweep: Vec<(i32, f64)>,
    /// Share of the eroded mask that hangs on a neck.
    pub neck_rest: f64,
    /// Similar tissue beside the mask, relative to its main part.
    pub other_tissue: f64,
    /// Share of the mask right of the midline.
    pub right_share: f64,
    /// Gap between the right dome and the top of the mask (mm).
    pub dome_gap_mm: f64,
    /// Whether too little right lung is in the scan.
    pub no_lung: bool,
    /// Whether the dome lies above the scan.
    pub dome_cut: bool,
}

/// What one run needs to see.
struct Scene<'a> {
    smooth: &'a Grid<f32>,
    spacing: f64,
    torso: &'a Torso,
    parameters: &'a Parameters,
    /// Slice of the right dome, or of the cranial end of the scan in its place.
    dome: f64,
    /// Columns under the right lung.
    under: Vec<bool>,
}

/// Finds the liver.
pub fn find_liver(
    smooth: &Grid<f32>,
    spacing_mm: f64,
    torso: &Torso,
    parameters: &Parameters,
) -> Result<Liver, Absence> {
    let no_lung =
        masks::volume_ml(&torso.right_lung, spacing_mm) < parameters.right_lung_ml || torso.right.dome.is_none();
    let dome_cut = no_lung || lung_shadow_share(torso) < parameters.lung_shadow_share;
    let top = smooth.shape[0] as f64 - 1.0;
    let scene = Scene {
        smooth,
        spacing: spacing_mm,
        torso,
        parameters,
        dome: if dome_cut { top } else { torso.right.dome.unwrap_or(top) },
        under: torso.right.floor.iter().map(|floor| dome_cut || floor.is_some()).collect(),
    };
    let mode = find_mode(&scene)?;
    let grown = grow(&scene, &mode);
    let neck = neck_test(&scene, &grown.mask);
    let column = |k: usize| torso.midline.spine_column[k];
    let left_limit = parameters.liver_core_left_mm / spacing_mm;
    let near = masks::dilate(&neck.main, spacing_mm, neck.erosion_mm + NECK_REGROWTH_MM);
    let core_allowed = masks::mask_where(smooth.shape, |k, _, i, at| {
        near.data[at] && grown.mask.data[at] && (i as f64) < column(k) + left_limit
    });
    let right = masks::mask_where(smooth.shape, |k, _, i, at| grown.mask.data[at] && (i as f64) < column(k));
    let highest = Window::around(&grown.mask, 0).map(|window| window.end[0] - 1);
    Ok(Liver {
        other_tissue: other_tissue(&scene, &grown.mask, &neck.main, mode.centre_hu),
        core_allowed,
        seed: grown.seed,
        mode_hu: mode.centre_hu,
        window_hu: mode.window_hu,
        sweep: mode.sweep,
        neck_rest: neck.rest,
        right_share: masks::count(&right) as f64 / masks::count(&grown.mask).max(1) as f64,
        dome_gap_mm: highest.map_or(f64::MAX, |k| (scene.dome - k as f64) * spacing_mm),
        no_lung,
        dome_cut,
        mask: grown.mask,
    })
}

/// Share of the right half of the trunk (in projection) that lies under lung.
fn lung_shadow_share(torso: &Torso) -> f64 {
    let [_, rows, columns] = torso.trunk.shape;
    let size = rows * columns;
    let mut half = vec![false; size];
    for (at, _) in torso.trunk.data.iter().enumerate().filter(|(_, inside)| **inside) {
        half[at % size] |= ((at % columns) as f64) < torso.midline.spine_column[at / size];
    }
    let middle = filter::median(&mut torso.midline.spine_column.clone()).unwrap_or(0.0);
    let shadow = torso.right.floor.iter().enumerate();
    let shadow = shadow.filter(|(at, floor)| floor.is_some() && ((at % columns) as f64) < middle).count();
    shadow as f64 / half.iter().filter(|inside| **inside).count().max(1) as f64
}

/// The attenuation of the liver.
struct Mode {
    centre_hu: f64,
    window_hu: f64,
    core: Mask,
    sweep: Vec<(i32, f64)>,
}

fn find_mode(scene: &Scene) -> Result<Mode, Absence> {
    let parameters = scene.parameters;
    let region = search_box(scene);
    if masks::volume_ml(&region, scene.spacing) < parameters.liver_box_ml {
        return Err(Absence { reason: Reason::OutOfCoverage, detail: "liver_box_small" });
    }
    let noise = local_deviation(scene.smooth, &region, parameters.liver_noise_percentile);
    let [least, most] = parameters.window_hu;
    let window_hu = (3.0 * noise).clamp(least, most);
    let none = Absence { reason: Reason::StructureNotFound, detail: "no_liver_mode" };
    let Some(window) = Window::around(&region, 1) else { return Err(none) };
    let (values, inside) = (window.crop(scene.smooth), window.crop(&region));
    let eroded = |centre: f64| {
        let within = in_window(&values, &inside, centre, window_hu);
        let enough = masks::volume_ml(&within, scene.spacing) >= LEAST_WINDOW_ML;
        enough.then(|| masks::largest(&masks::erode(&within, scene.spacing, parameters.liver_erosion_mm), None))
    };
    let [first, last, step] = parameters.liver_sweep_hu;
    let centres: Vec<i32> = (first..=last).step_by(step.max(1) as usize).collect();
    let cores: Vec<(i32, f64, Mask)> = centres
        .into_par_iter()
        .filter_map(|centre| eroded(f64::from(centre)).map(|core| (centre, core)))
        .map(|(centre, core)| (centre, masks::volume_ml(&core, scene.spacing), core))
        .collect();
    let sweep = cores.iter().map(|(centre, volume, _)| (*centre, *volume)).collect();
    // The first of equal peaks, whatever order the threads finish in.
    let best = cores.into_iter().reduce(|best, other| if other.1 > best.1 { other } else { best });
    let Some((_, _, core)) = best.filter(|(_, volume, _)| *volume >= parameters.liver_mode_ml) else {
        return Err(none);
    };
    let (core, centre_hu) = refine(core, &values, |centre| {
        let within = in_window(&values, &inside, centre, window_hu);
        masks::largest(&masks::erode(&within, scene.spacing, parameters.liver_erosion_mm), None)
    });
    let spread = masks::deviation_in(&values, &core, centre_hu);
    let window_hu = grown_window(spread, window_hu, parameters);
    Ok(Mode { centre_hu, window_hu, core: window.paste(&core, scene.smooth.shape), sweep })
}

/// Moves the window to the median of its own core until it rests.
fn refine(mut core: Mask, values: &Grid<f32>, core_at: impl Fn(f64) -> Mask) -> (Mask, f64) {
    let mut centre = masks::median_in(values, &core).unwrap_or(0.0);
    for _ in 0..MODE_REFINEMENTS {
        let next = core_at(centre);
        let Some(median) = masks::median_in(values, &next) else { break };
        core = next;
        let step = (median - centre).abs();
        centre = median;
        if step < MODE_AT_REST_HU {
            break;
        }
    }
    (core, centre)
}

/// Window for growing: three deviations, not much below the window of the sweep.
pub(super) fn grown_window(deviation_hu: f64, window_hu: f64, parameters: &Parameters) -> f64 {
    let least = parameters.window_hu[0].max(0.8 * window_hu);
    (3.0 * deviation_hu).clamp(least, parameters.grown_window_hu.max(least))
}

/// Where the mode is looked for: right, inside the hull, below the lung's floor.
fn search_box(scene: &Scene) -> Mask {
    let Scene { smooth, torso, dome, .. } = *scene;
    let voxels = |mm: f64| mm / scene.spacing;
    let (lowest, highest) = (dome - voxels(BOX_BELOW_DOME_MM), dome + voxels(BOX_ABOVE_DOME_MM));
    let columns = smooth.shape[2];
    masks::mask_where(smooth.shape, |k, j, i, at| {
        if !torso.hull.data[at] || torso.lungs.data[at] {
            return false;
        }
        let (midline, height, column) = (&torso.midline, k as f64, j * columns + i);
        let top = if scene.under[column] {
            floor(scene, column).min(highest)
        } else {
            dome - voxels(BOX_BELOW_DOME_BESIDE_LUNG_MM)
        };
        let value = smooth.data[at];
        (i as f64) < midline.spine_column[k] + voxels(BOX_LEFT_MM)
            && (j as f64) < midline.spine_row[k] + voxels(BOX_BEHIND_SPINE_MM)
            && height >= lowest
            && height < top
            && value > BOX_HU[0]
            && value < BOX_HU[1]
    })
}

/// Height below which a column is clear of the lung's floor; unbounded where no lung lies above.
fn floor(scene: &Scene, column: usize) -> f64 {
    scene.torso.right.floor[column].map_or(f64::INFINITY, |k| k as f64 - BELOW_FLOOR_MM / scene.spacing)
}

pub(super) fn in_window(values: &Grid<f32>, inside: &Mask, centre: f64, window: f64) -> Mask {
    masks::mask_where(values.shape, |_, _, _, at| {
        inside.data[at] && (f64::from(values.data[at]) - centre).abs() <= window
    })
}

/// Percentile over a region of the standard deviation in boxes of three voxels.
pub(super) fn local_deviation(values: &Grid<f32>, region: &Mask, percent: f64) -> f64 {
    let Some(window) = Window::around(region, 2) else { return 0.0 };
    let (part, inside) = (window.crop(values), window.crop(region));
    // Centred first: differences of squares of large numbers lose the small deviations that matter here.
    let centre = masks::median_in(&part, &inside).unwrap_or(0.0) as f32;
    let centred = Grid { shape: part.shape, data: part.data.iter().map(|value| value - centre).collect() };
    let squares = Grid { shape: part.shape, data: centred.data.iter().map(|value| value * value).collect() };
    let mean = filter::uniform(&centred, [3; 3], Edge::Reflect);
    let mean_square = filter::uniform(&squares, [3; 3], Edge::Reflect);
    let mut deviations: Vec<f64> = (0..inside.data.len())
        .filter(|&at| inside.data[at])
        .map(|at| f64::from(mean_square.data[at]) - f64::from(mean.data[at]).powi(2))
        .map(|variance| variance.max(0.0).sqrt())
        .collect();
    filter::percentile(&mut deviations, percent).unwrap_or(0.0)
}

/// The mask and the seed that it grew from.
struct Grown {
    mask: Mask,
    seed: Mask,
}

fn grow(scene: &Scene, mode: &Mode) -> Grown {
    let Scene { smooth, torso, dome, spacing, parameters, .. } = *scene;
    let voxels = |mm: f64| mm / spacing;
    let columns = smooth.shape[2];
    let region = masks::mask_where(smooth.shape, |k, j, i, at| {
        let (midline, height, column) = (&torso.midline, k as f64, i as f64);
        let spine = midline.spine_column[k];
        let heart = !scene.under[j * columns + i]
            && column > spine - voxels(HEART_RIGHT_MM)
            && height > dome - voxels(HEART_BELOW_DOME_MM);
        torso.hull.data[at]
            && !torso.lungs.data[at]
            && (j as f64) < midline.spine_row[k] + voxels(REGION_BEHIND_SPINE_MM)
            && column < spine + voxels(REGION_LEFT_MM)
            && height < dome + voxels(REGION_ABOVE_DOME_MM)
            && height > dome - voxels(REGION_BELOW_DOME_MM)
            && !heart
    });
    let within = in_window(smooth, &region, mode.centre_hu, mode.window_hu);
    let eroded = masks::erode(&within, spacing, parameters.liver_erosion_mm);
    let seed = masks::largest(&eroded, Some(&mode.core));
    let grown = masks::both(&masks::dilate(&seed, spacing, parameters.liver_growth_mm), &within);
    let closed = masks::close(&grown, spacing, parameters.liver_closing_mm);
    let clipped = masks::mask_where(smooth.shape, |_, _, _, at| {
        let value = smooth.data[at];
        closed.data[at] && region.data[at] && value > FILLED_HU[0] && value < FILLED_HU[1]
    });
    Grown { mask: morphology::fill_holes_per_slice(&clipped), seed }
}

/// The main part of the mask and what falls off at its necks.
struct Neck {
    main: Mask,
    rest: f64,
    erosion_mm: f64,
}

fn neck_test(scene: &Scene, mask: &Mask) -> Neck {
    let right = masks::mask_where(mask.shape, |k, _, i, _| (i as f64) < scene.torso.midline.spine_column[k]);
    let [first, second, last] = scene.parameters.neck_erosions_mm;
    let attempt = |erosion_mm: f64| {
        let eroded = masks::erode(mask, scene.spacing, erosion_mm);
        let main = masks::largest(&eroded, Some(&right));
        let (all, kept) = (masks::count(&eroded), masks::count(&main));
        Neck { main, rest: (all - kept) as f64 / all.max(1) as f64, erosion_mm }
    };
    let enough = |neck: &Neck| masks::volume_ml(&neck.main, scene.spacing) >= scene.parameters.neck_main_ml;
    [first, second].into_iter().map(attempt).find(enough).unwrap_or_else(|| attempt(last))
}

/// Volume of similar tissue under the right lung that the mask left out, relative to the main part.
fn other_tissue(scene: &Scene, mask: &Mask, main: &Mask, centre_hu: f64) -> f64 {
    let Scene { smooth, torso, dome, spacing, .. } = *scene;
    let voxels = |mm: f64| mm / spacing;
    let lowest = Window::around(main, 0).map_or(0.0, |window| {
        let (first, last) = (window.first[0] as f64, window.end[0] as f64 - 1.0);
        first + OTHER_LOWER_SHARE * (last - first)
    });
    let columns = smooth.shape[2];
    let highest = dome + voxels(BOX_ABOVE_DOME_MM);
    let beside = masks::mask_where(smooth.shape, |k, j, i, at| {
        let (midline, height, column) = (&torso.midline, k as f64, j * columns + i);
        torso.hull.data[at]
            && !torso.lungs.data[at]
            && !mask.data[at]
            && scene.under[column]
            && (i as f64) < midline.spine_column[k] - voxels(OTHER_RIGHT_MM)
            && (j as f64) < midline.spine_row[k] - voxels(OTHER_BEFORE_SPINE_MM)
            && height > lowest
            && height < floor(scene, column).min(highest)
            && (f64::from(smooth.data[at]) - centre_hu).abs() < OTHER_HU
    });
    let volume = masks::volume_ml(&masks::erode(&beside, spacing, OTHER_EROSION_MM), spacing);
    volume / masks::volume_ml(main, spacing).max(1.0)
}

/// How far left of the midline the search box reaches.
const BOX_LEFT_MM: f64 = 9.0;
/// How far behind the middle of the spine's bone it reaches.
const BOX_BEHIND_SPINE_MM: f64 = 18.0;
/// Depth of the box below the dome.
const BOX_BELOW_DOME_MM: f64 = 150.0;
/// How far above the dome the box may follow the floor of the lung.
const BOX_ABOVE_DOME_MM: f64 = 3.0;
/// Top of the box in columns without lung.
const BOX_BELOW_DOME_BESIDE_LUNG_MM: f64 = 18.0;
/// Clearance below the floor of the lung.
const BELOW_FLOOR_MM: f64 = 6.0;
/// Soft tissue, fatty or enhanced.
const BOX_HU: [f32; 2] = [-40.0, 220.0];
/// Least volume of a window's voxels before the erosion is worth its time.
const LEAST_WINDOW_ML: f64 = 30.0;
/// Steps from the best window to the median of its core.
const MODE_REFINEMENTS: usize = 3;
/// Step below which the mode is at rest.
const MODE_AT_REST_HU: f64 = 0.5;
/// Heart: right border from the midline, in columns without right lung above.
const HEART_RIGHT_MM: f64 = 54.0;
/// Heart: down to this depth below the dome.
const HEART_BELOW_DOME_MM: f64 = 36.0;
/// Region of growth: behind the spine's middle.
const REGION_BEHIND_SPINE_MM: f64 = 24.0;
/// Region of growth: left of the midline.
const REGION_LEFT_MM: f64 = 99.0;
/// Region of growth: above the dome.
const REGION_ABOVE_DOME_MM: f64 = 9.0;
/// Region of growth: below the dome.
const REGION_BELOW_DOME_MM: f64 = 225.0;
/// What closing may fill: vessels, not gas or contrast agent in the bowel.
const FILLED_HU: [f32; 2] = [-20.0, 250.0];
/// Growth beyond the erosion of the neck test.
const NECK_REGROWTH_MM: f64 = 1.5;
/// Lower share of the main part beside which other tissue is bowel or kidney.
const OTHER_LOWER_SHARE: f64 = 0.3;
/// Other tissue: least distance right of the midline.
const OTHER_RIGHT_MM: f64 = 24.0;
/// Other tissue: least distance before the middle of the spine.
const OTHER_BEFORE_SPINE_MM: f64 = 15.0;
/// Other tissue: range around the mode.
const OTHER_HU: f64 = 60.0;
/// Other tissue: erosion against rims.
const OTHER_EROSION_MM: f64 = 4.0;
