//! The spine: canal, vertebrae, names.
//!
//! Input: HU on a patient grid of about 1.5 mm. Output: a [`Spine`], or why there is none; on request the
//! [`SpineTrace`] of all stages, for explanatory pictures.
//! Chain: canal by dense score and best path; axial rotation by mirror symmetry; curved reformat; elliptic tube; signals
//! of pedicles, waist and endplates; partition from disc to disc; ribs; names; discs; waist.
//! Names follow the VerSe'20 convention: T12 is the last vertebra with a rib of at least 40 mm that runs downward.

mod canal;
mod discs;
mod frame;
mod naming;
mod parameters;
mod partition;
mod reformat;
mod ribs;
mod signals;
mod trace;
mod tube;
mod vertebrae;

pub use parameters::Parameters;
pub use ribs::Rib;
pub use ribs::Side;
pub use signals::Signals;
pub use trace::Image;
pub use trace::SpineTrace;

use crate::anatomy::Absence;
use crate::anatomy::Certainty;
use crate::anatomy::Numbering;
use crate::anatomy::NumberingBasis;
use crate::anatomy::Spine;
use crate::anatomy::spine::frame::CanalFrame;
use crate::anatomy::spine::naming::Naming;
use crate::anatomy::spine::reformat::Reformat;
use crate::anatomy::spine::tube::Tube;
use crate::codes::Reason;
use crate::grid::Mask;
use crate::grid::PatientGrid;
use crate::grid::filter;
use crate::volume::Volume;

/// Where the scan begins and ends along the patient (mm).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScanExtent {
    /// Lowest slice position.
    pub lowest_z: f64,
    /// Highest slice position.
    pub highest_z: f64,
    /// Nominal slice thickness.
    pub slice_thickness: f64,
}

impl ScanExtent {
    /// Extent of a volume: what every point of the section sees (in oblique stacks the poorer corner).
    pub fn of(volume: &Volume) -> ScanExtent {
        let geometry = &volume.geometry;
        let [slices, rows, columns] = geometry.shape;
        let middle = |k: usize| geometry.patient_mm(k, rows as f64 / 2.0, columns as f64 / 2.0)[2];
        ScanExtent {
            lowest_z: if slices == 0 { 0.0 } else { middle(0) },
            highest_z: if slices == 0 { 0.0 } else { middle(slices - 1) },
            slice_thickness: volume.slice_thickness_mm,
        }
    }
}

/// Finds canal, vertebrae and names.
///
/// # Errors
///
/// `structure_not_found` where no canal of sufficient length and score is seen. Names that cannot be given are no error:
/// the numbering then is [`Certainty::Ambiguous`].
pub fn find_spine(grid: &PatientGrid<f32>, scan: ScanExtent, parameters: &Parameters) -> Result<Spine, Absence> {
    find_spine_traced(grid, scan, parameters).0
}

/// The same with what every stage saw.
pub fn find_spine_traced(
    grid: &PatientGrid<f32>,
    scan: ScanExtent,
    parameters: &Parameters,
) -> (Result<Spine, Absence>, SpineTrace) {
    let mut trace = SpineTrace::default();
    let body = canal::body_mask(grid, parameters);
    trace.body_centre_mm = trace::centre_of(grid, &body);
    let spine = find_in_body(grid, &body, scan, parameters, &mut trace);
    (spine, trace)
}

fn find_in_body(
    grid: &PatientGrid<f32>,
    body: &Mask,
    scan: ScanExtent,
    parameters: &Parameters,
    trace: &mut SpineTrace,
) -> Result<Spine, Absence> {
    let absent = |detail| Absence { reason: Reason::StructureNotFound, detail };
    let canal = canal::track(grid, body, parameters).ok_or_else(|| absent("no_canal"))?;
    trace.canal_scores.clone_from(&canal.scores);
    if (canal.scores.len() as f64) * grid.spacing_mm < parameters.shortest_run_mm {
        return Err(absent("canal_shorter_than_60_mm"));
    }
    let canal_score = filter::median(&mut canal.scores.clone()).unwrap_or(0.0);
    if canal_score < parameters.lowest_median_score {
        return Err(absent("canal_score_low"));
    }
    let mut frame = CanalFrame::along(&canal.line_mm, parameters).ok_or_else(|| absent("no_canal"))?;
    frame.turn_to_symmetry(grid, parameters);
    let reformat = Reformat::new(grid, &frame);
    let tube = Tube::fit(&reformat, parameters);
    let signals = Signals::read(&reformat, &tube);
    let boundaries = partition::boundaries(&signals, parameters);
    let ribs = ribs::find(grid, body, &frame, &boundaries, parameters.rib_threshold_hu, parameters);
    let agreements = partition::agreements(&signals, &boundaries, parameters);
    let segments = naming::segments(&boundaries, &ribs, &signals, &tube, &agreements);
    let mut naming = naming::name(&segments, parameters);
    // Thin or osteoporotic ribs may miss the threshold and push T12 up by one with no rib seen below.
    let more = ribs::find(grid, body, &frame, &boundaries, parameters.rib_low_threshold_hu, parameters);
    let again = naming::name(&naming::segments(&boundaries, &more, &signals, &tube, &agreements), parameters);
    if again.t12_by_ribs != naming.t12_by_ribs {
        naming.doubt("rib_threshold");
    }
    trace.coronal_tilt_degrees = doubt_steep_curve(&mut naming, &frame, &boundaries, parameters);
    let column = vertebrae::Column { frame: &frame, reformat: &reformat, tube: &tube, boundaries: &boundaries };
    let (vertebrae, indices) = vertebrae::assemble(&column, &segments, &agreements, naming.t12, scan);
    trace.record(&reformat, &tube, &frame, signals, boundaries.clone(), ribs);
    let numbering = numbering(naming, &indices);
    Ok(Spine { canal_mm: frame.centre_mm, canal_score, vertebrae, numbering })
}

/// Doubts the names where the canal is so tilted in the coronal plane that rib roots are assigned to wrong levels.
fn doubt_steep_curve(
    naming: &mut Naming,
    frame: &CanalFrame,
    boundaries: &[f64],
    parameters: &Parameters,
) -> Option<f64> {
    let t12 = naming.t12?;
    let frame_at = |boundary: usize| {
        let boundary = boundary.min(boundaries.len() - 1);
        (boundaries[boundary].max(0.0) as usize).min(frame.len() - 1)
    };
    let part = &frame.head[frame_at(t12.saturating_sub(2))..=frame_at(t12 + 2)];
    let steepest = part.iter().map(|head| head[0].abs()).fold(0.0, f64::max);
    let tilt = steepest.min(1.0).asin().to_degrees();
    if tilt > parameters.coronal_tilt_limit_degrees {
        naming.doubt("lateral_curvature");
    }
    Some(tilt)
}

fn numbering(naming: Naming, indices: &[Option<usize>]) -> Numbering {
    let basis = match (naming.t12_by_ribs, naming.t12) {
        (Some(_), _) => NumberingBasis::Ribs,
        (None, Some(_)) => NumberingBasis::SacrumCount,
        (None, None) => NumberingBasis::None,
    };
    Numbering {
        certainty: if naming.t12.is_none() { Certainty::Ambiguous } else { naming.certainty },
        basis,
        evidence: naming.evidence,
        doubts: naming.doubts,
        sacrum: naming.sacrum.and_then(|sacrum| indices.get(sacrum).copied().flatten()),
    }
}
