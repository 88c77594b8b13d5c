//! Spinal canal, vertebrae and their names; liver, spleen, vessels and contrast phase.
//!
//! Input: a [`crate::volume::Volume`]. Output: [`Findings`], each with its evidence, in patient coordinates (LPS, mm).
//! Absence is data: a structure that is not found carries a reason, never a guess.
//! Method: classical image processing on coarse patient grids; statistics are taken elsewhere, on native voxels.

pub mod organs;
pub mod phase;
pub mod reference;
pub mod spine;
pub mod vessels;

pub use organs::Surroundings;

use crate::codes::Level;
use crate::codes::Phase;
use crate::codes::Reason;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::volume::Volume;
use crate::volume::resample;

/// Everything found in one volume.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The spine, or why there is none.
    pub spine: Result<Spine, Absence>,
    /// Liver, or why it is not measured.
    pub liver: Result<Organ, Absence>,
    /// Spleen, or why it is not measured.
    pub spleen: Result<Organ, Absence>,
    /// Contrast phase from the image.
    pub phase: PhaseFinding,
    /// HU of reference tissues, for the calibration checks.
    pub reference: ReferenceTissues,
    /// What lies around the trunk; `None` where it was not found.
    pub surroundings: Option<Surroundings>,
}

/// Why a structure was not found: the reason for the record and a word for the evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Absence {
    /// Reason code of the outputs.
    pub reason: Reason,
    /// What failed, e.g. `canal_shorter_than_60_mm`, `no_liver_mode`.
    pub detail: &'static str,
}

/// The spine as found.
#[derive(Debug, Clone)]
pub struct Spine {
    /// Centre of the spinal canal, caudal to cranial, 1 mm of arc length apart (LPS, mm).
    pub canal_mm: Vec<[f64; 3]>,
    /// Median canal score over the tracked run, 0 to 1.
    pub canal_score: f64,
    /// Vertebrae, caudal to cranial.
    pub vertebrae: Vec<Vertebra>,
    /// How the levels were named.
    pub numbering: Numbering,
}

/// Certainty of the level names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Two independent bases, or ribs beyond doubt.
    Certain,
    /// One basis, borderline.
    Probable,
    /// No names are given.
    Ambiguous,
}

/// On what the names rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberingBasis {
    /// The last rib-bearing vertebra is T12.
    Ribs,
    /// L5 is the first free body above the sacrum.
    SacrumCount,
    /// Nothing to count from.
    None,
}

/// How the levels were named, with evidence.
#[derive(Debug, Clone)]
pub struct Numbering {
    /// Certainty of the names.
    pub certainty: Certainty,
    /// On what they rest.
    pub basis: NumberingBasis,
    /// Flags such as `lumbar_count_ok`, `rib_borderline`, `numbering_from_sacrum`.
    pub evidence: Vec<&'static str>,
    /// Why the names are not given, such as `rib_cut`, `rib_threshold`, `one_sided_rib`.
    pub doubts: Vec<&'static str>,
    /// Index (into `vertebrae`) of the first sacral segment, where seen.
    pub sacrum: Option<usize>,
}

/// One vertebra.
#[derive(Debug, Clone)]
pub struct Vertebra {
    /// Name as far as the numbering gives one, whatever its certainty.
    pub level: Option<Level>,
    /// Centre of the body at mid-height (LPS, mm).
    pub centre_mm: [f64; 3],
    /// Canal centre at the same height (LPS, mm).
    pub canal_mm: [f64; 3],
    /// Unit vector along the canal, towards the head.
    pub axis: [f64; 3],
    /// Unit vector to the left.
    pub left: [f64; 3],
    /// Unit vector to the front.
    pub anterior: [f64; 3],
    /// Offset of the body centre from the canal along `left` (mm).
    pub lateral_offset_mm: f64,
    /// Distance of the posterior wall from the canal centre along `anterior` (mm), of the tube ellipse.
    pub posterior_wall_mm: f64,
    /// Depth of the tube ellipse (mm).
    pub depth_mm: f64,
    /// Width of the tube ellipse (mm).
    pub width_mm: f64,
    /// Outline at mid-height (the waist).
    pub waist: Outline,
    /// Lower and upper endplate planes.
    pub endplates: [Endplate; 2],
    /// Height between the endplates on the body axis (mm).
    pub height_mm: f64,
    /// Whether the whole body lies inside the scan.
    pub in_view: bool,
    /// Agreement of the segment with the pedicle and waist template; about 1 when clean, below 0.35 doubtful.
    pub partition_agreement: f64,
    /// Longest rib or transverse process, right and left (mm); 0 where none.
    pub rib_lengths_mm: [f64; 2],
}

/// Elliptic outline of a body in the plane at mid-height, in the canal frame (`left`, `anterior`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outline {
    /// Centre along `left` from the canal (mm).
    pub lateral_offset_mm: f64,
    /// Posterior wall along `anterior` from the canal (mm).
    pub posterior_wall_mm: f64,
    /// Depth (mm).
    pub depth_mm: f64,
    /// Width (mm).
    pub width_mm: f64,
    /// Mean HU drop across the outline.
    pub support_hu: f64,
}

/// An endplate plane in the canal frame of its vertebra.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Endplate {
    /// Height along `axis` at the body centre, relative to mid-height (mm).
    pub height_mm: f64,
    /// Rise along `axis` per mm towards `anterior`.
    pub anterior_slope: f64,
    /// Rise along `axis` per mm towards `left`.
    pub left_slope: f64,
}

/// An organ as found on the coarse grid; its mask is deliberately incomplete and never a volume to report.
#[derive(Debug, Clone)]
pub struct Organ {
    /// Parenchyma mask on a patient grid.
    pub mask: PatientGrid<bool>,
    /// Where the core may lie (neck-tested part); same shape as `mask`. `None`: everywhere in the mask.
    pub core_allowed: Option<Mask>,
    /// Attenuation mode of the smoothed image (HU).
    pub mode_hu: f64,
    /// Whether the scan's caudal or cranial end cuts the mask.
    pub cut_caudal: bool,
    /// Whether the scan's cranial end cuts the mask.
    pub cut_cranial: bool,
    /// Flags such as `liver_heterogeneous`, `spleen_without_liver`.
    pub flags: Vec<&'static str>,
    /// Named numbers behind the finding, for `--explain` and the record.
    pub evidence: Vec<(&'static str, f64)>,
    /// Patient x of the spine's midline in every slice of `mask` (mm); parts left and right lobe.
    pub midline_x_mm: Vec<f64>,
}

/// Contrast phase and what it rests on.
#[derive(Debug, Clone)]
pub struct PhaseFinding {
    /// The phase.
    pub phase: Phase,
    /// The rule that decided.
    pub rule: &'static str,
    /// Median attenuation of the aorta (HU), where found.
    pub aorta_hu: Option<f64>,
    /// Median attenuation of the kidneys (HU), where found.
    pub kidney_hu: Option<f64>,
    /// Centre line of the aorta (LPS, mm), where found.
    pub aorta_mm: Vec<[f64; 3]>,
    /// Flags such as `phase_tag_conflict`.
    pub flags: Vec<&'static str>,
}

/// Attenuation of tissues that every scan holds, as calibration witnesses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReferenceTissues {
    /// Mode of air outside the body (HU).
    pub air_hu: Option<f64>,
    /// Mode of subcutaneous fat (HU).
    pub fat_hu: Option<f64>,
    /// Mode of soft tissue in 0..100 HU inside the body.
    pub soft_hu: Option<f64>,
    /// Median SD of ten 10 mm discs in liver or muscle (HU).
    pub noise_sd_hu: Option<f64>,
}

/// Spacing of the grid on which the spine is looked for (mm): the prototype's, enough for ribs and pedicles.
const SPINE_GRID_MM: f64 = 1.5;

/// Looks for what the requested analyses need: the spine, the organs, or both.
///
/// What is not looked for is absent with the reason `not_requested`.
pub fn find(volume: &Volume, spine_wanted: bool, organs_wanted: bool) -> Findings {
    let absent = |detail| Absence { reason: Reason::NotRequested, detail };
    // The canal is also the landmark of the vessels, so the spine is looked for whenever anything is.
    let spine = if spine_wanted || organs_wanted {
        let grid = resample::tent(volume, SPINE_GRID_MM);
        spine::find_spine(&grid, spine::ScanExtent::of(volume), &spine::Parameters::default())
    } else {
        Err(absent("spine"))
    };
    let canal_mm = spine.as_ref().ok().map(|spine| spine.canal_mm.as_slice());
    let organs = organs::find_organs_in(volume, canal_mm, &organs::Parameters::default());
    Findings {
        spine,
        liver: if organs_wanted { organs.liver } else { Err(absent("liver")) },
        spleen: if organs_wanted { organs.spleen } else { Err(absent("spleen")) },
        phase: organs.phase,
        reference: organs.reference,
        surroundings: organs.surroundings,
    }
}
