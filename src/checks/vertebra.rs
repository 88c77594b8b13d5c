//! Limits of the checks of vertebral targets (definition set section 3.3 and 3.4).

use super::Bound;
use super::Limit;
use super::Row;
use crate::codes::Reason;

/// A flag bound that no observation exceeds: the check never refuses.
const NEVER_REFUSES: Option<Bound> = Some(Bound::AtMost(1e6));

/// The rows, in the order of evaluation.
pub(super) const ROWS: &[Row] = &[
    row(
        "numbering",
        None,
        Bound::In(&["certain"]),
        Some(Bound::In(&["probable"])),
        Reason::LevelNotIdentified,
        "no wrong level was ever named under certain or probable; a level named wrongly is worse than none",
    ),
    row(
        "z_coverage",
        Some("mm"),
        Bound::AtLeast(10.0),
        Some(Bound::AtLeast(0.1)),
        Reason::OutOfCoverage,
        "a body that the scan cuts cannot be measured at its mid-height; 10 mm show its neighbours too",
    ),
    row(
        "slice_missing@vertebra",
        Some("ratio"),
        Bound::AtMost(1.5),
        None,
        Reason::InstancesMissing,
        "largest slice distance within 10 mm of the body over the median distance: above 1.5 a slice is missing",
    ),
    row(
        "fov_truncation@vertebra",
        Some("mm"),
        Bound::AtLeast(20.0),
        Some(Bound::AtLeast(5.0)),
        Reason::OutOfCoverage,
        "near the border of the images reconstruction is incomplete",
    ),
    row(
        "roi_does_not_fit",
        Some("ratio"),
        Bound::AtLeast(0.7),
        None,
        Reason::RegionNotPossible,
        "scale of the ellipse that keeps its distances to wall, endplates and veins; at 0.7 it holds 98 mm2, the usual least",
    ),
    row(
        "too_few_voxels",
        Some("count"),
        Bound::AtLeast(60.0),
        Some(Bound::AtLeast(30.0)),
        Reason::RegionNotPossible,
        "pixels of 3 mm give 44 voxels in the whole ellipse, and readers still agree there; fewer than 30 do not average noise",
    ),
    row(
        "roi_saturated",
        Some("count"),
        Bound::AtMost(0.0),
        None,
        Reason::PixelDataUnreadable,
        "padding, values below -1024 HU and values at the end of the stored range are no measurement",
    ),
    row(
        "partition_weak",
        Some("ratio"),
        Bound::AtLeast(0.35),
        Some(Bound::AtLeast(-10.0)),
        Reason::StructureNotFound,
        "agreement with the template of pedicles and waist: 0.8 to 1.3 from T8 to L3, below 0.1 at the coccyx",
    ),
    row(
        "outline_weak",
        Some("HU"),
        Bound::AtLeast(70.0),
        Some(Bound::AtLeast(-1000.0)),
        Reason::StructureNotFound,
        "fall of attenuation across the outline: 110 to 155 HU on bodies, less on anything else",
    ),
    row(
        "height_jump",
        Some("ratio"),
        Bound::AtMost(0.25),
        NEVER_REFUSES,
        Reason::TargetAltered,
        "relative difference of the height to its neighbours; 5 mm slices alone give 0.15",
    ),
    row(
        "deformity",
        Some("ratio"),
        Bound::AtLeast(0.85),
        Some(Bound::AtLeast(0.7)),
        Reason::TargetAltered,
        "height at 80 over 25 percent of the depth, or the latter over the neighbours'; unaltered bodies gave 0.77 to 1.02",
    ),
    row(
        "deformity@wedge",
        Some("ratio"),
        Bound::AtLeast(0.90),
        Some(Bound::AtLeast(0.85)),
        Reason::TargetAltered,
        "larger of front to back and front to the neighbours' front: a front 30 percent lower than the back gives 0.84",
    ),
    row(
        "unstable",
        Some("ratio"),
        Bound::AtMost(1.0),
        NEVER_REFUSES,
        Reason::RegionNotPossible,
        "range of the mean when the region moves by 2 mm, over 15 HU or 12 percent of the mean, whichever is more",
    ),
    row(
        "v1_v2_disagree",
        Some("ratio"),
        Bound::AtMost(1.0),
        NEVER_REFUSES,
        Reason::TargetAltered,
        "difference of ellipse and core over 20 HU or 15 percent of the ellipse's mean, whichever is more",
    ),
    row(
        "focal",
        Some("ratio"),
        Bound::AtMost(0.10),
        Some(Bound::AtMost(0.25)),
        Reason::TargetAltered,
        "share of the core more than 100 HU from its median after smoothing by 2 mm",
    ),
    row(
        "focal@octants",
        Some("ratio"),
        Bound::AtMost(1.0),
        NEVER_REFUSES,
        Reason::TargetAltered,
        "range of the means of the core's octants over 60 HU or 40 percent of its mean, whichever is more",
    ),
    row(
        "metal",
        None,
        Bound::In(&["none"]),
        Some(Bound::In(&["same_slice"])),
        Reason::NoiseOrArtifact,
        "20 mm3 above 2500 HU within 30 mm in plane and 10 mm along z change the values around",
    ),
    row(
        "cement_hardware",
        None,
        Bound::In(&["none"]),
        Some(Bound::In(&["neighbour"])),
        Reason::TargetAltered,
        "0.2 mL above 500 HU inside the body 3 mm from its surface are no trabecular bone",
    ),
    row(
        "streaks",
        Some("ratio"),
        Bound::AtMost(1.5),
        Some(Bound::AtMost(2.5)),
        Reason::NoiseOrArtifact,
        "vertical over horizontal differences of neighbouring pixels about the region: photon starvation runs sideways",
    ),
    row(
        "level_outlier",
        Some("ratio"),
        Bound::AtMost(1.0),
        NEVER_REFUSES,
        Reason::TargetAltered,
        "largest difference to the other levels over 50 HU or 30 percent of their mean, whichever is more",
    ),
];

const fn row(
    key: &'static str,
    unit: Option<&'static str>,
    pass: Bound,
    flag: Option<Bound>,
    reason: Reason,
    why: &'static str,
) -> Row {
    Row { key, unit, limit: Limit { pass, flag }, reason, why }
}
