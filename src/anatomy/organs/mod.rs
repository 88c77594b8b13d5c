//! Liver and spleen on a coarse grid, with what the contrast phase and the calibration checks need.
//!
//! Input: HU on an isotropic patient grid (3 mm box averages of the volume), the centre line of the spinal canal where
//! the spine was found. Output: [`OrganFindings`]. Errors are data: each organ is found or carries an [`Absence`].
//! Masks are pure but incomplete (55 to 90 % of the organ): they say where to measure, never how large an organ is.

pub(crate) mod hull;
pub mod liver;
pub(crate) mod masks;
pub mod midline;
mod parameters;
pub mod spleen;
mod surroundings;
pub mod torso;

pub use parameters::Parameters;
pub use surroundings::Surroundings;

use crate::anatomy::Absence;
use crate::anatomy::Organ;
use crate::anatomy::PhaseFinding;
use crate::anatomy::ReferenceTissues;
use crate::anatomy::phase;
use crate::anatomy::phase::Witnesses;
use crate::anatomy::reference;
use crate::anatomy::vessels::aorta;
use crate::anatomy::vessels::aorta::Aorta;
use crate::anatomy::vessels::kidneys;
use crate::anatomy::vessels::kidneys::Kidney;
use crate::codes::Phase;
use crate::codes::Reason;
use crate::grid::Grid;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::volume::Volume;

use liver::Liver;
use spleen::Candidates;
use spleen::Spleen;
use torso::Torso;

/// Organs, phase and reference tissues of one volume.
#[derive(Debug, Clone)]
pub struct OrganFindings {
    /// The liver, or why it is not found.
    pub liver: Result<Organ, Absence>,
    /// The spleen, or why it is not found.
    pub spleen: Result<Organ, Absence>,
    /// Contrast phase from the image.
    pub phase: PhaseFinding,
    /// Attenuation of air, fat and soft tissue.
    pub reference: ReferenceTissues,
    /// What lies around the trunk; `None` where it is not found.
    pub surroundings: Option<Surroundings>,
    /// What was seen on the way, for pictures.
    pub trace: Trace,
}

/// What was seen on the way.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Parts of the trunk; `None` where there is no spine to tell right from left.
    pub torso: Option<Torso>,
    /// The liver, plausible or not.
    pub liver: Option<Liver>,
    /// The spleen, plausible or not.
    pub spleen: Option<Spleen>,
    /// Candidates for the spleen, best first.
    pub spleen_candidates: Candidates,
    /// The aorta.
    pub aorta: Option<Aorta>,
    /// The kidneys.
    pub kidneys: Vec<Kidney>,
    /// The grid that all masks belong to: the body's part of the one given, in raw HU.
    pub grid: Option<PatientGrid<f32>>,
    /// Its smoothed HU, inside the trunk.
    pub smooth: Option<Grid<f32>>,
}

/// Finds liver, spleen, phase, reference tissues and noise of a volume; `canal_mm` is the tracked canal (LPS, mm).
pub fn find_organs_in(volume: &Volume, canal_mm: Option<&[[f64; 3]]>, parameters: &Parameters) -> OrganFindings {
    let grid = crate::volume::resample::boxed(volume, WORK_SPACING_MM);
    let mut findings = find_organs(&grid, canal_mm, parameters);
    findings.phase = findings.phase.compared_with(&volume.contrast);
    let tissue = noise_place(&findings);
    findings.reference.noise_sd_hu = tissue.and_then(|tissue| reference::noise_sd_hu(volume, &tissue));
    findings
}

/// Finds liver, spleen, phase and reference tissues on a coarse grid.
pub fn find_organs(grid: &PatientGrid<f32>, canal_mm: Option<&[[f64; 3]]>, parameters: &Parameters) -> OrganFindings {
    let body = torso::find_body(&grid.grid, grid.spacing_mm, parameters);
    let air_hu = reference::find_air(grid, &body);
    let whole = grid;
    let (grid, body) = torso::trimmed(grid, &body);
    let mut findings = match torso::find_torso(&grid, body, canal_mm, parameters) {
        Ok(torso) => {
            let around = surroundings::around(whole, &grid, &torso);
            OrganFindings { surroundings: Some(around), ..find_in_torso(grid, torso, parameters) }
        }
        Err(absence) => nothing_found(absence),
    };
    findings.reference.air_hu = air_hu;
    findings
}

fn find_in_torso(grid: PatientGrid<f32>, torso: Torso, parameters: &Parameters) -> OrganFindings {
    let spacing = grid.spacing_mm;
    let smooth = torso::median_within(&grid.grid, &torso.trunk);
    let found_liver = liver::find_liver(&smooth, spacing, &torso, parameters);
    let (found_spleen, spleen_candidates) =
        spleen::find_spleen(&smooth, spacing, &torso, found_liver.as_ref().ok(), parameters);
    let aorta = aorta::find_aorta(&grid, &torso, parameters);
    let liver_mask = found_liver.as_ref().ok().map(|liver| &liver.mask);
    let spleen_mask = found_spleen.as_ref().ok().map(|spleen| &spleen.mask);
    let organ_masks: Vec<&Mask> = liver_mask.into_iter().chain(spleen_mask).collect();
    let kidneys = kidneys::find_kidneys(&smooth, spacing, &torso, &organ_masks);
    let accepted_liver = found_liver.as_ref().map_err(Absence::clone);
    let mut accepted_liver = accepted_liver.and_then(|liver| accept_liver(&grid, &torso, liver, parameters));
    let accepted_spleen = found_spleen.as_ref().map_err(Absence::clone);
    let mut accepted_spleen = accepted_spleen.and_then(|spleen| accept_spleen(&grid, &torso, spleen, parameters));
    let core = |organ: &Result<Organ, Absence>, rule| organ.as_ref().ok().and_then(|o| core_median(&smooth, o, rule));
    let witnesses = Witnesses {
        aorta_hu: aorta.as_ref().map(|aorta| aorta.attenuation_hu),
        kidney_hu: kidneys.iter().map(|kidney| kidney.attenuation_hu).reduce(f64::max),
        liver_hu: core(&accepted_liver, &LIVER_CORE),
        spleen_hu: core(&accepted_spleen, &SPLEEN_CORE),
    };
    let bright = |organ: &mut Organ, depth_mm: f64| {
        let ml = surroundings::bright_beside_ml(&grid, &torso, &organ.mask.grid, depth_mm, witnesses.aorta_hu);
        organ.evidence.push(("bright_beside_ml", ml));
    };
    for (organ, rule) in [(&mut accepted_liver, &LIVER_CORE), (&mut accepted_spleen, &SPLEEN_CORE)] {
        if let Ok(organ) = organ {
            bright(organ, rule.depths_mm[0]);
        }
    }
    OrganFindings {
        liver: accepted_liver,
        spleen: accepted_spleen,
        phase: phase_finding(witnesses, aorta.as_ref()),
        reference: reference::find_tissues(&grid, &smooth, &torso),
        surroundings: None,
        trace: Trace {
            torso: Some(torso),
            liver: found_liver.ok(),
            spleen: found_spleen.ok(),
            spleen_candidates,
            aorta,
            kidneys,
            grid: Some(grid),
            smooth: Some(smooth),
        },
    }
}

fn phase_finding(witnesses: Witnesses, aorta: Option<&Aorta>) -> PhaseFinding {
    let (phase, rule) = phase::decide(witnesses);
    PhaseFinding {
        phase,
        rule,
        aorta_hu: witnesses.aorta_hu,
        kidney_hu: witnesses.kidney_hu,
        aorta_mm: aorta.map_or_else(Vec::new, |aorta| aorta.path_mm.clone()),
        flags: weak_aorta(aorta),
    }
}

fn nothing_found(absence: Absence) -> OrganFindings {
    OrganFindings {
        liver: Err(absence.clone()),
        spleen: Err(absence),
        phase: PhaseFinding {
            phase: Phase::Unknown,
            rule: "no_spine",
            aorta_hu: None,
            kidney_hu: None,
            aorta_mm: Vec::new(),
            flags: Vec::new(),
        },
        reference: ReferenceTissues::default(),
        surroundings: None,
        trace: Trace::default(),
    }
}

/// The flag of an aorta whose outline is hardly sharper than what is accepted at all.
fn weak_aorta(aorta: Option<&Aorta>) -> Vec<&'static str> {
    aorta.filter(|aorta| aorta.edge < WEAK_AORTA_EDGE).map(|_| "aorta_outline_weak").into_iter().collect()
}

/// The liver as a finding, if it lies where livers lie.
fn accept_liver(
    grid: &PatientGrid<f32>,
    torso: &Torso,
    liver: &Liver,
    parameters: &Parameters,
) -> Result<Organ, Absence> {
    let volume_ml = masks::volume_ml(&liver.mask, grid.spacing_mm);
    let misplaced = liver.right_share < parameters.liver_right_share
        || liver.dome_gap_mm > parameters.liver_dome_gap_mm
        || volume_ml > parameters.liver_largest_ml;
    if misplaced {
        return Err(Absence { reason: Reason::StructureNotFound, detail: "liver_implausible_place" });
    }
    let (cut_caudal, cut_cranial) = cut_ends(&liver.mask);
    if liver.no_lung && !cut_cranial {
        return Err(Absence { reason: Reason::OutOfCoverage, detail: "no_right_lung_base" });
    }
    Ok(Organ {
        mask: on_grid(grid, &liver.mask),
        core_allowed: Some(liver.core_allowed.clone()),
        mode_hu: liver.mode_hu,
        cut_caudal,
        cut_cranial,
        flags: Vec::new(),
        evidence: vec![
            ("mask_ml", volume_ml),
            ("window_hu", liver.window_hu),
            ("neck_rest", liver.neck_rest),
            ("other_tissue", liver.other_tissue),
            ("right_share", liver.right_share),
            ("dome_gap_mm", liver.dome_gap_mm),
            ("right_lung_missing", f64::from(u8::from(liver.no_lung))),
            ("dome_cut", f64::from(u8::from(liver.dome_cut))),
        ],
        midline_x_mm: midline_x(grid, torso),
    })
}

/// The spleen as a finding, unless two places are about equally good.
fn accept_spleen(
    grid: &PatientGrid<f32>,
    torso: &Torso,
    spleen: &Spleen,
    parameters: &Parameters,
) -> Result<Organ, Absence> {
    if spleen.ambiguous {
        return Err(Absence { reason: Reason::StructureNotFound, detail: "spleen_ambiguous" });
    }
    let spacing = grid.spacing_mm;
    let lung_base = masks::volume_ml(&torso.left_lung, spacing) >= parameters.left_lung_ml && torso.left.dome.is_some();
    let (cut_caudal, cut_cranial) = cut_ends(&spleen.mask);
    let mut evidence = vec![
        ("mask_ml", masks::volume_ml(&spleen.mask, spacing)),
        ("window_hu", spleen.window_hu),
        ("score", spleen.score),
        ("contact", spleen.contact),
        ("left_lung_base", f64::from(u8::from(lung_base))),
    ];
    if let Some((score, median_hu)) = spleen.second {
        evidence.extend([("second_score", score), ("second_hu", median_hu)]);
    }
    Ok(Organ {
        mask: on_grid(grid, &spleen.mask),
        core_allowed: None,
        mode_hu: spleen.mode_hu,
        cut_caudal,
        cut_cranial,
        flags: Vec::new(),
        evidence,
        midline_x_mm: midline_x(grid, torso),
    })
}

fn on_grid(grid: &PatientGrid<f32>, mask: &Mask) -> PatientGrid<bool> {
    PatientGrid { grid: mask.clone(), origin_mm: grid.origin_mm, spacing_mm: grid.spacing_mm }
}

fn midline_x(grid: &PatientGrid<f32>, torso: &Torso) -> Vec<f64> {
    torso.midline.spine_column.iter().map(|&column| grid.patient_mm(0.0, 0.0, column)[0]).collect()
}

/// Whether the mask reaches the two outermost slices at the caudal and at the cranial end.
fn cut_ends(mask: &Mask) -> (bool, bool) {
    let slices = mask.shape[0];
    let any = |mut range: std::ops::Range<usize>| range.any(|k| mask.slice(k).contains(&true));
    (any(0..slices.min(2)), any(slices.saturating_sub(2)..slices))
}

/// How a core is cut out on the coarse grid, for the phase only.
struct CoarseCore {
    /// Depths tried, in this order (mm).
    depths_mm: [f64; 2],
    /// Volume from which on the first depth serves (mL).
    deep_from_ml: f64,
    /// Volume without which there is no median (mL).
    least_ml: f64,
    /// Volume required where the scan cuts the cranial end or the dome is missing (mL).
    least_cut_ml: f64,
}

/// Median of the smoothed attenuation in an organ's core; `None` where the core is too small to be measured.
fn core_median(smooth: &Grid<f32>, organ: &Organ, rule: &CoarseCore) -> Option<f64> {
    let mask = &organ.mask;
    let core_at = |depth: f64| {
        let core = masks::erode(&mask.grid, mask.spacing_mm, depth);
        organ.core_allowed.as_ref().map_or(core.clone(), |allowed| masks::both(&core, allowed))
    };
    let volume = |core: &Mask| masks::volume_ml(core, mask.spacing_mm);
    let [deep, shallow] = rule.depths_mm;
    let core = Some(core_at(deep)).filter(|core| volume(core) >= rule.deep_from_ml).unwrap_or_else(|| core_at(shallow));
    let dome_cut = organ.evidence.iter().any(|(name, value)| *name == "dome_cut" && *value > 0.0);
    let least = if organ.cut_cranial || dome_cut { rule.least_cut_ml } else { rule.least_ml };
    if volume(&core) < least { None } else { masks::median_in(smooth, &core) }
}

/// Where the noise is taken: liver, else muscle and other soft tissue of the trunk.
fn noise_place(findings: &OrganFindings) -> Option<PatientGrid<bool>> {
    if let Ok(organ) = &findings.liver {
        let mut place = organ.mask.clone();
        if let Some(allowed) = &organ.core_allowed {
            place.grid = allowed.clone();
        }
        return Some(place);
    }
    let Trace { torso: Some(torso), grid: Some(grid), smooth: Some(smooth), .. } = &findings.trace else {
        return None;
    };
    let soft = masks::mask_where(smooth.shape, |_, _, _, at| {
        torso.trunk.data[at] && SOFT_TISSUE_HU.contains(&smooth.data[at])
    });
    Some(on_grid(grid, &soft))
}

/// Spacing of the grid that organs are found on: coarse enough to be quiet, fine enough for fat planes (mm).
pub const WORK_SPACING_MM: f64 = 3.0;
/// Edge score below which the aorta's outline is weak.
const WEAK_AORTA_EDGE: f64 = 0.5;
/// Soft tissue in which noise may be taken where there is no liver (HU).
const SOFT_TISSUE_HU: std::ops::Range<f32> = 20.0..90.0;
/// As the liver's core of the definition set.
const LIVER_CORE: CoarseCore =
    CoarseCore { depths_mm: [10.0, 6.0], deep_from_ml: 100.0, least_ml: 30.0, least_cut_ml: 100.0 };
/// As the spleen's core of the definition set.
const SPLEEN_CORE: CoarseCore =
    CoarseCore { depths_mm: [6.0, 4.0], deep_from_ml: 30.0, least_ml: 10.0, least_cut_ml: 10.0 };
