//! The closed vocabularies of the node: parameters, vertebral levels, analyses, reasons.
//!
//! Input and output: enums with their public names. A name is written in this file only.
//! Source: the public RSIF vocabulary (parameter names), PS3.16 (coded concepts).

/// Version of the definitions and limits; changes whenever a published value may change.
pub const DEFINITION_SET: &str = "2026.1";

/// A public parameter of the RSIF vocabulary, in output order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Term {
    /// Mean trabecular attenuation of T12 (HU).
    Th12Hu,
    /// Mean trabecular attenuation of L1 (HU).
    L1Hu,
    /// Mean trabecular attenuation of L2 (HU).
    L2Hu,
    /// Mean attenuation of the liver parenchyma (HU).
    LiverHu,
    /// Mean attenuation of the spleen parenchyma (HU).
    SpleenHu,
    /// Liver minus spleen (HU).
    LiverSpleenDiff,
    /// Liver divided by spleen (ratio).
    LiverSpleenRatio,
}

impl Term {
    /// All terms in output order.
    pub const ALL: [Term; 7] = [
        Term::Th12Hu,
        Term::L1Hu,
        Term::L2Hu,
        Term::LiverHu,
        Term::SpleenHu,
        Term::LiverSpleenDiff,
        Term::LiverSpleenRatio,
    ];

    /// The vocabulary name.
    pub fn name(self) -> &'static str {
        match self {
            Term::Th12Hu => "TH12_HU",
            Term::L1Hu => "L1_HU",
            Term::L2Hu => "L2_HU",
            Term::LiverHu => "LIVER_HU",
            Term::SpleenHu => "SPLEEN_HU",
            Term::LiverSpleenDiff => "LIVER_SPLEEN_DIFF",
            Term::LiverSpleenRatio => "LIVER_SPLEEN_RATIO",
        }
    }

    /// The analysis that the term belongs to.
    pub fn analysis(self) -> Analysis {
        match self {
            Term::Th12Hu | Term::L1Hu | Term::L2Hu => Analysis::VertebralAttenuation,
            _ => Analysis::LiverAttenuation,
        }
    }

    /// `HU` or `ratio`.
    pub fn unit(self) -> &'static str {
        if self == Term::LiverSpleenRatio { "ratio" } else { "HU" }
    }
}

/// A requested analysis; one RSIF document each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Analysis {
    /// T12, L1, L2.
    VertebralAttenuation,
    /// Liver, spleen, difference, ratio.
    LiverAttenuation,
}

impl Analysis {
    /// Both analyses in output order.
    pub const ALL: [Analysis; 2] = [Analysis::VertebralAttenuation, Analysis::LiverAttenuation];

    /// The public name, also the configuration's word.
    pub fn name(self) -> &'static str {
        match self {
            Analysis::VertebralAttenuation => "vertebral_attenuation",
            Analysis::LiverAttenuation => "liver_attenuation",
        }
    }

    /// The terms of this analysis in output order.
    pub fn terms(self) -> impl Iterator<Item = Term> {
        Term::ALL.into_iter().filter(move |term| term.analysis() == self)
    }
}

/// Why a parameter has no value. Closed list; the name goes unchanged into every output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The analysis is switched off.
    NotRequested,
    /// SOP class, modality or image type does not carry attenuation of one energy.
    ObjectUnsuitable,
    /// Not an axial stack, or too much gantry tilt.
    OrientationUnsuitable,
    /// Stored values cannot be taken as Hounsfield units.
    NotHounsfield,
    /// Tube voltage or spectral filter outside the limits.
    EnergyUnsuitable,
    /// Contrast phase unknown, or not native where native is required.
    PhaseUnsuitable,
    /// Slice thickness, spacing or pixel size outside the limits.
    SamplingUnsuitable,
    /// Slices are missing where the target lies.
    InstancesMissing,
    /// Pixel data could not be decoded.
    PixelDataUnreadable,
    /// The target lies outside the scan or is cut by its edge.
    OutOfCoverage,
    /// The vertebral level cannot be named with certainty.
    LevelNotIdentified,
    /// No candidate for the structure.
    StructureNotFound,
    /// Noise, streaks, metal, motion or lossy compression beyond the limits.
    NoiseOrArtifact,
    /// Shape or attenuation pattern of the target is altered.
    TargetAltered,
    /// The region of interest cannot be placed by its definition.
    RegionNotPossible,
    /// The value lies outside the range that the definition admits.
    ValueImplausible,
    /// An operand of a derived value was not measured.
    DependencyNotMeasured,
    /// The derived value cannot be calculated.
    CalculationFailure,
    /// A limit of time or memory was reached.
    ResourceLimit,
    /// A fault of the program.
    InternalError,
}

impl Reason {
    /// All reasons, in the order of the type.
    pub const ALL: [Reason; 20] = [
        Reason::NotRequested,
        Reason::ObjectUnsuitable,
        Reason::OrientationUnsuitable,
        Reason::NotHounsfield,
        Reason::EnergyUnsuitable,
        Reason::PhaseUnsuitable,
        Reason::SamplingUnsuitable,
        Reason::InstancesMissing,
        Reason::PixelDataUnreadable,
        Reason::OutOfCoverage,
        Reason::LevelNotIdentified,
        Reason::StructureNotFound,
        Reason::NoiseOrArtifact,
        Reason::TargetAltered,
        Reason::RegionNotPossible,
        Reason::ValueImplausible,
        Reason::DependencyNotMeasured,
        Reason::CalculationFailure,
        Reason::ResourceLimit,
        Reason::InternalError,
    ];

    /// The code as written in every output.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NotRequested => "not_requested",
            Reason::ObjectUnsuitable => "object_unsuitable",
            Reason::OrientationUnsuitable => "orientation_unsuitable",
            Reason::NotHounsfield => "not_hounsfield",
            Reason::EnergyUnsuitable => "energy_unsuitable",
            Reason::PhaseUnsuitable => "phase_unsuitable",
            Reason::SamplingUnsuitable => "sampling_unsuitable",
            Reason::InstancesMissing => "instances_missing",
            Reason::PixelDataUnreadable => "pixel_data_unreadable",
            Reason::OutOfCoverage => "out_of_coverage",
            Reason::LevelNotIdentified => "level_not_identified",
            Reason::StructureNotFound => "structure_not_found",
            Reason::NoiseOrArtifact => "noise_or_artifact",
            Reason::TargetAltered => "target_altered",
            Reason::RegionNotPossible => "region_not_possible",
            Reason::ValueImplausible => "value_implausible",
            Reason::DependencyNotMeasured => "dependency_not_measured",
            Reason::CalculationFailure => "calculation_failure",
            Reason::ResourceLimit => "resource_limit",
            Reason::InternalError => "internal_error",
        }
    }
}

/// A vertebral level, caudal to cranial order of the type is L5 .. T1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Level(
    /// 0 = L5, 1 = L4, ... 4 = L1, 5 = T12, ... 16 = T1.
    pub u8,
);

impl Level {
    /// Twelfth thoracic vertebra.
    pub const T12: Level = Level(5);
    /// First lumbar vertebra.
    pub const L1: Level = Level(4);
    /// Second lumbar vertebra.
    pub const L2: Level = Level(3);

    /// `L5` .. `L1`, `T12` .. `T1`; `None` past T1.
    pub fn name(self) -> Option<String> {
        match self.0 {
            0..=4 => Some(format!("L{}", 5 - self.0)),
            5..=16 => Some(format!("T{}", 17 - self.0)),
            _ => None,
        }
    }

    /// The parameter measured at this level.
    pub fn term(self) -> Option<Term> {
        match self {
            Level::T12 => Some(Term::Th12Hu),
            Level::L1 => Some(Term::L1Hu),
            Level::L2 => Some(Term::L2Hu),
            _ => None,
        }
    }
}

/// Contrast phase of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No contrast agent in vessels.
    Native,
    /// Arterial.
    Arterial,
    /// Portal venous.
    Portal,
    /// Delayed or equilibrium.
    Delayed,
    /// Enhanced, but no rule tells which phase.
    EnhancedUnknown,
    /// Nothing to decide by.
    Unknown,
}

impl Phase {
    /// The word of the outputs; both unknown kinds read `unknown`.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Native => "native",
            Phase::Arterial => "arterial",
            Phase::Portal => "portal",
            Phase::Delayed => "delayed",
            Phase::EnhancedUnknown | Phase::Unknown => "unknown",
        }
    }
}
