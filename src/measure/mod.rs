//! Regions of interest, statistics, target checks, outcomes.
//!
//! Input: a `Volume` (native voxels), `Findings`. Output: [`Measurements`]: a value or a reason for every parameter.
//! Definitions: `axial200`, `core3d`, `core`, `discs3` of the definition set; statistics on native voxels only.

pub mod organ;
pub mod statistics;
mod surroundings;
pub mod vertebra;

use crate::anatomy::Findings;
use crate::anatomy::phase;
use crate::checks::Check;
use crate::codes::Phase;
use crate::codes::Reason;
use crate::codes::Term;
use crate::volume::Volume;

/// Statistics of the voxels of one region. HU in `f64`, not yet rounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Arithmetic mean (HU).
    pub mean_hu: f64,
    /// Sample standard deviation, n - 1 (HU).
    pub standard_deviation_hu: f64,
    /// Median; mean of the two middle values for even n (HU).
    pub median_hu: f64,
    /// Smallest voxel (HU).
    pub minimum_hu: f64,
    /// Largest voxel (HU).
    pub maximum_hu: f64,
    /// Number of voxels.
    pub voxel_count: usize,
    /// Sum of the voxel volumes (mm3).
    pub volume_mm3: f64,
}

/// A part of a region in one image.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Ellipse (or circle) in one slice.
    Ellipse {
        /// Slice index in the volume.
        slice: usize,
        /// Centre (LPS, mm).
        center_mm: [f64; 3],
        /// Centre as fractional `[column, row]`, zero at the centre of the first pixel.
        center_pixel: [f64; 2],
        /// Unit vector of the first semi-axis.
        axis_row: [f64; 3],
        /// Unit vector of the second semi-axis.
        axis_column: [f64; 3],
        /// Semi-axes along `axis_row` and `axis_column` (mm).
        semi_axes_mm: [f64; 2],
    },
    /// Voxel mask over several slices.
    Mask {
        /// Smallest patient coordinates of voxel centres (LPS, mm).
        minimum_mm: [f64; 3],
        /// Largest patient coordinates of voxel centres (LPS, mm).
        maximum_mm: [f64; 3],
        /// The voxels.
        voxels: NativeMask,
    },
}

/// A mask on the native grid, kept as its bounding box.
#[derive(Debug, Clone, PartialEq)]
pub struct NativeMask {
    /// First `[slice, row, column]` of the box.
    pub first: [usize; 3],
    /// Values inside the box.
    pub inside: crate::grid::Mask,
}

/// Shape family of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionType {
    /// One ellipse per slice of a slab.
    EllipseStack,
    /// Discs in several places.
    DiscSet,
    /// Voxel mask.
    Mask,
}

/// One measured region: public (its mean is a parameter's value) or supplementary.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// Parameter that the region belongs to.
    pub term: Term,
    /// `axial200`, `core3d`, `core`, `discs3`.
    pub definition: &'static str,
    /// Whether its mean is the parameter's public value.
    pub public: bool,
    /// Shape family.
    pub region_type: RegionType,
    /// The parts, caudal to cranial.
    pub parts: Vec<Part>,
    /// Statistics over all parts.
    pub statistics: Statistics,
}

/// What became of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A value; flags may qualify it.
    Measured {
        /// HU or ratio, not yet rounded (difference and ratio: of rounded operands).
        value: f64,
        /// Flags in the order of their checks.
        flags: Vec<&'static str>,
    },
    /// No value.
    NotMeasured {
        /// The first reason in the order of evaluation.
        reason: Reason,
        /// What failed, for the explanation sentence, e.g. a check name or `rib_cut`.
        detail: &'static str,
        /// Operands that block a derived value.
        blocked_by: Vec<Term>,
    },
}

/// Result for one target: its outcome, its regions (none when refused) and its checks.
#[derive(Debug, Clone)]
pub struct TargetMeasurement {
    /// The parameter.
    pub term: Term,
    /// Value or reason.
    pub outcome: Outcome,
    /// Public region first, then supplementary ones; empty when not measured.
    pub regions: Vec<Region>,
    /// Checks of this target.
    pub checks: Vec<Check>,
}

/// All results of one volume, in the order of [`Term::ALL`].
#[derive(Debug, Clone)]
pub struct Measurements {
    /// One entry per term.
    pub targets: Vec<TargetMeasurement>,
    /// Series-level checks that anatomy made possible (phase, reference tissues, noise).
    pub checks: Vec<Check>,
}

/// Measures all parameters of one volume.
pub fn measure(volume: &Volume, findings: &Findings) -> Measurements {
    let mut series_checks = volume.checks.clone();
    series_checks.extend(organ::series_checks(&findings.phase, &findings.reference));
    let mut targets = vertebra::measure_vertebrae(volume, &findings.spine, &findings.phase, &series_checks);
    let (organs, checks) = organ::measure_organs(
        volume,
        &findings.liver,
        &findings.spleen,
        &findings.phase,
        &findings.reference,
        &volume.checks,
    );
    targets.extend(organs);
    surroundings::qualify(&mut targets, volume, findings);
    Measurements { targets, checks }
}

/// The flag that a check puts on a value: its name, or the word that the definition set has for this case.
fn flag_name(check: &Check, phase: Phase) -> &'static str {
    match check.name {
        "phase" => phase::flag(phase).unwrap_or("phase"),
        "liver_core" => "liver_partial",
        "spleen_core" => "spleen_partial",
        "liver_range" => "liver_high",
        name => name,
    }
}
