//! Limits of the checks of liver and spleen (definition set section 3.4), of reference tissues, noise and phase.

use crate::codes::Reason;

use super::Bound;
use super::Limit;
use super::Row;

/// The rows, in the order of the definition set.
pub(super) const ROWS: &[Row] = &[
    row(
        "hu_air",
        Some("HU"),
        Limit { pass: Bound::Between(-1020.0, -980.0), flag: Some(Bound::Between(-1050.0, -950.0)) },
        Reason::NotHounsfield,
        "scanners are held to about -970 to -1005; clipping at -1024 is legal",
    ),
    row(
        "hu_fat",
        Some("HU"),
        Limit { pass: Bound::Between(-125.0, -85.0), flag: Some(Bound::Between(-140.0, -70.0)) },
        Reason::NotHounsfield,
        "subcutaneous fat of 95 % of patients lies between -123 and -89 HU at 120 kV",
    ),
    row(
        "hu_soft",
        Some("HU"),
        Limit { pass: Bound::Between(35.0, 70.0), flag: Some(Bound::Between(0.0, 100.0)) },
        Reason::NotHounsfield,
        "muscle beside the spine may be fatty (24 to 28 HU in correct scans), so it never refuses",
    ),
    row(
        "hu_reference_missing",
        None,
        Limit { pass: Bound::Is(false), flag: Some(Bound::Is(true)) },
        Reason::NotHounsfield,
        "a small field of view holds no air around the patient to check the calibration with",
    ),
    row(
        "phase",
        None,
        Limit { pass: Bound::In(&["native"]), flag: Some(Bound::In(&["arterial", "portal", "delayed", "unknown"])) },
        Reason::PhaseUnsuitable,
        "contrast agent raises attenuation of parenchyma and of trabecular bone",
    ),
    row(
        "phase@difference",
        None,
        Limit { pass: Bound::In(&["native"]), flag: None },
        Reason::PhaseUnsuitable,
        "enhanced liver and spleen follow different time courses, so their difference depends on timing",
    ),
    row(
        "noise_sd",
        Some("HU"),
        Limit { pass: Bound::AtMost(25.0), flag: Some(Bound::AtMost(80.0)) },
        Reason::NoiseOrArtifact,
        "typical liver deviations are 5 to 12 HU; means stay unbiased far beyond",
    ),
    row(
        "noise_sd@organ",
        Some("HU"),
        Limit { pass: Bound::AtMost(50.0), flag: None },
        Reason::NoiseOrArtifact,
        "above this the window that cleans the core no longer parts vessels from parenchyma",
    ),
    row(
        "fov_truncation",
        Some("mm"),
        Limit { pass: Bound::AtLeast(20.0), flag: Some(Bound::AtLeast(5.0)) },
        Reason::OutOfCoverage,
        "reconstruction is unreliable at the edge of the image",
    ),
    row(
        "roi_saturated@organ",
        None,
        Limit { pass: Bound::Is(false), flag: None },
        Reason::RegionNotPossible,
        "padding and the largest representable value are no attenuation",
    ),
    row(
        "liver_core",
        Some("mL"),
        Limit { pass: Bound::AtLeast(100.0), flag: Some(Bound::AtLeast(30.0)) },
        Reason::RegionNotPossible,
        "a partial liver agrees with a whole one (ICC 0.961); less than 30 mL may be another tissue",
    ),
    row(
        "liver_core@cut",
        Some("mL"),
        Limit { pass: Bound::AtLeast(100.0), flag: None },
        Reason::OutOfCoverage,
        "with the liver cut at its top, small cores turned out to be muscle or kidney",
    ),
    row(
        "liver_heterogeneous",
        None,
        Limit { pass: Bound::AtMost(0.3), flag: Some(Bound::AtMost(0.5)) },
        Reason::RegionNotPossible,
        "share of deep voxels outside the window: 0.004 to 0.07 in livers of one attenuation",
    ),
    row(
        "liver_heterogeneous@other",
        None,
        Limit { pass: Bound::AtMost(0.4), flag: Some(Bound::AtLeast(0.0)) },
        Reason::TargetAltered,
        "similar tissue beside the mask: 1.4 with geographic fat, at most 0.18 elsewhere",
    ),
    row(
        "liver_heterogeneous@neck",
        None,
        Limit { pass: Bound::AtMost(0.15), flag: Some(Bound::AtLeast(0.0)) },
        Reason::TargetAltered,
        "share of the mask that hangs on a neck: 0.30 where it leaked, 0.00 elsewhere",
    ),
    row(
        "liver_heterogeneous@lateral",
        Some("HU"),
        Limit { pass: Bound::AtMost(10.0), flag: Some(Bound::AtLeast(0.0)) },
        Reason::TargetAltered,
        "means of the lateral thirds of the core differ by at most 8 HU in even livers",
    ),
    row(
        "liver_heterogeneous@deviation",
        Some("HU"),
        Limit { pass: Bound::AtMost(12.0), flag: Some(Bound::AtLeast(0.0)) },
        Reason::TargetAltered,
        "deviation of the smoothed core: 4 to 11 HU, noise included",
    ),
    row(
        "liver_discs",
        Some("HU"),
        Limit { pass: Bound::AtMost(8.0), flag: Some(Bound::AtLeast(0.0)) },
        Reason::TargetAltered,
        "discs that disagree with the core tell of stripes or a gradient; both agree within 3 HU elsewhere",
    ),
    row(
        "liver_range",
        Some("HU"),
        Limit { pass: Bound::Between(-20.0, 75.0), flag: Some(Bound::Between(-20.0, 140.0)) },
        Reason::ValueImplausible,
        "native livers read 61 +- 9 HU; up to 140 has been published",
    ),
    row(
        "liver_range@enhanced",
        Some("HU"),
        Limit { pass: Bound::Between(-20.0, 200.0), flag: None },
        Reason::ValueImplausible,
        "enhanced livers stay below 150 HU",
    ),
    row(
        "spleen_absent",
        None,
        Limit { pass: Bound::Is(false), flag: None },
        Reason::StructureNotFound,
        "no mass of one attenuation lies where spleens lie",
    ),
    row(
        "spleen_core",
        Some("mL"),
        Limit { pass: Bound::AtLeast(20.0), flag: Some(Bound::AtLeast(10.0)) },
        Reason::RegionNotPossible,
        "cores of whole spleens hold 34 to 560 mL",
    ),
    row(
        "spleen_without_landmarks",
        None,
        Limit { pass: Bound::Is(false), flag: None },
        Reason::OutOfCoverage,
        "without liver and left lung base a kidney was taken for the spleen",
    ),
    row(
        "spleen_without_liver",
        None,
        Limit { pass: Bound::Is(false), flag: Some(Bound::Is(true)) },
        Reason::StructureNotFound,
        "in mirrored images a piece of liver can pose as spleen",
    ),
    row(
        "laterality_doubt",
        None,
        Limit { pass: Bound::Is(false), flag: None },
        Reason::StructureNotFound,
        "a spleen larger than the liver means mirrored images or wrong organs",
    ),
    row(
        "spleen_mottled",
        Some("HU"),
        Limit { pass: Bound::AtMost(10.0), flag: Some(Bound::AtLeast(0.0)) },
        Reason::TargetAltered,
        "arterial spleens are mottled; the core then keeps the brighter pulp",
    ),
    row(
        "spleen_range",
        Some("HU"),
        Limit { pass: Bound::Between(30.0, 65.0), flag: Some(Bound::Between(-1024.0, 3071.0)) },
        Reason::ValueImplausible,
        "native spleens read 45 to 55 HU; a value outside speaks for another phase",
    ),
    row(
        "oral_contrast",
        Some("mL"),
        Limit { pass: Bound::AtMost(2.0), flag: Some(Bound::AtLeast(0.0)) },
        Reason::NoiseOrArtifact,
        "dense bowel contents beside an organ cast streaks into it",
    ),
    row(
        "arms_down",
        None,
        Limit { pass: Bound::Is(false), flag: Some(Bound::Is(true)) },
        Reason::NoiseOrArtifact,
        "arms beside the trunk cast streaks and harden the beam",
    ),
    row(
        "motion",
        Some("mm"),
        Limit { pass: Bound::AtMost(5.0), flag: Some(Bound::AtLeast(0.0)) },
        Reason::NoiseOrArtifact,
        "an outline that jumps between neighbouring slices moved while they were taken",
    ),
    row(
        "ratio_denominator",
        Some("HU"),
        Limit { pass: Bound::AtLeast(10.0), flag: None },
        Reason::CalculationFailure,
        "a ratio to a value near zero means nothing",
    ),
];

const fn row(key: &'static str, unit: Option<&'static str>, limit: Limit, reason: Reason, why: &'static str) -> Row {
    Row { key, unit, limit, reason, why }
}
