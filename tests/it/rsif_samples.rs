//! Hand-made records for the tests of outputs.

use resetray::anatomy::Certainty;
use resetray::anatomy::NumberingBasis;
use resetray::checks::Bound;
use resetray::checks::Check;
use resetray::checks::Limit;
use resetray::checks::Observed;
use resetray::checks::Scope;
use resetray::checks::Verdict;
use resetray::codes::Analysis;
use resetray::codes::Level;
use resetray::codes::Phase;
use resetray::codes::Reason;
use resetray::codes::Term;
use resetray::grid::Mask;
use resetray::identity::SiteSecret;
use resetray::identity::Uid;
use resetray::measure::NativeMask;
use resetray::measure::Outcome;
use resetray::measure::Part;
use resetray::measure::Region;
use resetray::measure::RegionType;
use resetray::measure::Statistics;
use resetray::measure::TargetMeasurement;
use resetray::record::LevelIdentification;
use resetray::record::Record;
use resetray::record::Source;
use resetray::volume::AcquisitionEntry;
use resetray::volume::AcquisitionValue;
use resetray::volume::Geometry;
use resetray::volume::SliceProvenance;
use resetray::write::rsif::PreviewEntry;
use resetray::write::rsif::Processing;
use resetray::write::rsif::Software;
use resetray::write::rsif::Trigger;

/// Slices of the sample series.
const SLICES: usize = 4;

pub(crate) fn secret() -> SiteSecret {
    SiteSecret([7; 32])
}

pub(crate) fn software() -> Software {
    Software { name: "resetray".into(), version: "0.1.0".into(), source_revision: "0123abcd".into() }
}

pub(crate) fn processing(revision: u32) -> Processing {
    Processing {
        generated_at: "2026-11-22T10:55:03.4127Z".parse().unwrap(),
        revision,
        supersedes: Vec::new(),
        supersede_reason: None,
        trigger: Trigger::SeriesComplete,
        job: "job-1".into(),
        node: Some("RESETRAY".into()),
        durations_ms: vec![("decode".into(), 940), ("measure".into(), 85)],
        outputs: Vec::new(),
    }
}

pub(crate) fn previews() -> Vec<PreviewEntry> {
    vec![PreviewEntry {
        file: "preview_levels.png".into(),
        digest: "ab".repeat(32),
        width: 512,
        height: 640,
        role: "levels_sagittal".into(),
        shows: vec![Term::L1Hu, Term::L2Hu],
        window_center_hu: 40.0,
        window_width_hu: 400.0,
    }]
}

pub(crate) fn uid(text: &str) -> Uid {
    Uid::parse(text).unwrap()
}

pub(crate) fn statistics(mean_hu: f64) -> Statistics {
    Statistics {
        mean_hu,
        standard_deviation_hu: 28.649,
        median_hu: mean_hu.round(),
        minimum_hu: mean_hu.round() - 90.0,
        maximum_hu: mean_hu.round() + 101.0,
        voxel_count: 726,
        volume_mm3: 999.34,
    }
}

pub(crate) fn ellipse(slice: usize) -> Part {
    Part::Ellipse {
        slice,
        center_mm: [0.7131, 26.2384, -152.5],
        center_pixel: [257.2, 291.6],
        axis_row: [1.0, 0.0, -0.0],
        axis_column: [0.0, 1.0, 0.0],
        semi_axes_mm: [10.0, 6.3662],
    }
}

pub(crate) fn mask() -> Part {
    let mut inside = Mask::filled([2, 3, 4], true);
    inside.data[0] = false;
    Part::Mask {
        minimum_mm: [-13.4, 11.2, -162.5],
        maximum_mm: [14.1, 29.7, -140.0],
        voxels: NativeMask { first: [1, 2, 3], inside },
    }
}

pub(crate) fn region(term: Term, definition: &'static str, public: bool, mean_hu: f64) -> Region {
    let (region_type, parts) = match definition {
        "axial200" => (RegionType::EllipseStack, vec![ellipse(1), ellipse(2)]),
        "discs3" => (RegionType::DiscSet, vec![ellipse(0), ellipse(3)]),
        _ => (RegionType::Mask, vec![mask()]),
    };
    Region { term, definition, public, region_type, parts, statistics: statistics(mean_hu) }
}

/// A measured target with both definitions.
pub(crate) fn measured(term: Term, value: f64, flags: Vec<&'static str>) -> TargetMeasurement {
    let definitions = match term {
        Term::Th12Hu | Term::L1Hu | Term::L2Hu => Some(("axial200", "core3d")),
        Term::LiverHu | Term::SpleenHu => Some(("core", "discs3")),
        _ => None,
    };
    let regions = definitions.map_or_else(Vec::new, |(public, other)| {
        vec![region(term, public, true, value), region(term, other, false, value - 2.54)]
    });
    TargetMeasurement { term, outcome: Outcome::Measured { value, flags }, regions, checks: Vec::new() }
}

/// A refused target.
pub(crate) fn refused(term: Term, reason: Reason, detail: &'static str) -> TargetMeasurement {
    let outcome = Outcome::NotMeasured { reason, detail, blocked_by: Vec::new() };
    TargetMeasurement { term, outcome, regions: Vec::new(), checks: Vec::new() }
}

/// A check with a consistent verdict.
pub(crate) fn check(
    name: &'static str,
    scope: Scope,
    observed: Option<Observed>,
    limit: Limit,
    reason: Reason,
) -> Check {
    let verdict = match &observed {
        None => Verdict::NotEvaluated,
        Some(seen) if limit.pass.holds(seen) => Verdict::Pass,
        Some(seen) if limit.flag.is_some_and(|bound| bound.holds(seen)) => Verdict::Flag,
        Some(_) => Verdict::Refuse,
    };
    let unit = matches!(observed, Some(Observed::Number(_))).then_some("HU");
    Check { name, scope, observed, unit, limit, verdict, reason }
}

pub(crate) fn source() -> Source {
    Source {
        study_instance_uid: Some(uid("1.2.826.0.1.3680043.8.498.1")),
        series_instance_uid: uid("1.2.826.0.1.3680043.8.498.2"),
        frame_of_reference_uid: Some(uid("1.2.826.0.1.3680043.8.498.3")),
        sop_class_uid: uid("1.2.840.10008.5.1.4.1.1.2"),
        instance_count: SLICES,
        instances_digest: "cd".repeat(32),
    }
}

fn geometry() -> Geometry {
    let positions_mm: Vec<f64> = (0..SLICES).map(|k| -160.0 + 2.5 * k as f64).collect();
    Geometry {
        shape: [SLICES, 512, 512],
        origins_mm: positions_mm.iter().map(|&z| [-190.129, -190.129, z]).collect(),
        row_direction: [1.0, 0.0, 0.0],
        column_direction: [0.0, 1.0, 0.0],
        normal: [0.0, 0.0, 1.0],
        row_spacing_mm: 0.7421875,
        column_spacing_mm: 0.7421875,
        positions_mm,
        slice_spacing_mm: 2.5,
    }
}

fn acquisition() -> Vec<AcquisitionEntry> {
    let text = |text: &str| AcquisitionValue::Text(text.to_owned());
    let entry = |name, value, unit, tag| AcquisitionEntry { name, value, unit, tag };
    vec![
        entry("manufacturer", text("SynthCT"), None, "0008,0070"),
        entry("image_type", text("ORIGINAL\\PRIMARY\\AXIAL"), None, "0008,0008"),
        entry("tube_voltage", AcquisitionValue::Number(120.0), Some("kV"), "0018,0060"),
        entry("tube_current", AcquisitionValue::Range(142.0, 236.5), Some("mA"), "0018,1151"),
        entry("contrast_agent_present", AcquisitionValue::Bool(false), None, "0018,0010"),
        entry("station_name", text("CT-ROOM-1"), None, "0008,1010"),
        entry("rescale_slope", AcquisitionValue::Number(1.0), None, "0028,1053"),
        entry("rescale_intercept", AcquisitionValue::Number(-1024.0), None, "0028,1052"),
        entry("rescale_type", text("HU"), None, "0028,1054"),
    ]
}

fn levels() -> LevelIdentification {
    LevelIdentification {
        certainty: Certainty::Certain,
        basis: NumberingBasis::Ribs,
        evidence: vec!["lumbar_count_ok"],
        levels: vec![
            (Level::T12, [1.2, 24.8, -121.25]),
            (Level::L1, [0.9, 26.1, -151.25]),
            (Level::L2, [0.4, 25.3, -183.75]),
        ],
    }
}

/// T12 refused, liver and spleen flagged.
pub(crate) fn record() -> Record {
    let at_most = |pass, flag| Limit { pass: Bound::AtMost(pass), flag: Some(Bound::AtMost(flag)) };
    let streaks = |term, observed| {
        let limit = at_most(1.5, 2.5);
        check("streaks", Scope::Terms(vec![term]), Some(Observed::Number(observed)), limit, Reason::NoiseOrArtifact)
    };
    let phase_limit = Limit { pass: Bound::In(&["native"]), flag: Some(Bound::In(&["arterial", "portal"])) };
    let noise = check(
        "noise_sd",
        Scope::Terms(vec![Term::LiverHu, Term::SpleenHu]),
        Some(Observed::Number(27.6)),
        at_most(25.0, 50.0),
        Reason::NoiseOrArtifact,
    );
    let mut t12 = refused(Term::Th12Hu, Reason::NoiseOrArtifact, "streaks");
    t12.checks = vec![streaks(Term::Th12Hu, 2.9)];
    let mut l1 = measured(Term::L1Hu, 135.42, vec![]);
    l1.checks = vec![streaks(Term::L1Hu, 1.1)];
    let noisy = || vec!["noise_sd"];
    Record {
        source: source(),
        analyses: Analysis::ALL.to_vec(),
        acquisition: acquisition(),
        geometry: Some(geometry()),
        slices: (0..SLICES as i64)
            .map(|k| SliceProvenance {
                sop_instance_uid: uid(&format!("1.2.826.0.1.3680043.8.498.10.{k}")),
                frame: None,
                instance_number: Some(105 - k),
            })
            .collect(),
        phase: Phase::Native,
        phase_basis: "image",
        levels: Some(levels()),
        targets: vec![
            t12,
            l1,
            measured(Term::L2Hu, 141.071, vec!["v1_v2_disagree"]),
            measured(Term::LiverHu, 48.3125, noisy()),
            measured(Term::SpleenHu, 58.12, noisy()),
            measured(Term::LiverSpleenDiff, 48.31 - 58.12, noisy()),
            measured(Term::LiverSpleenRatio, 48.31 / 58.12, noisy()),
        ],
        checks: vec![
            check("phase", Scope::Series, Some(Observed::Text("native".into())), phase_limit, Reason::PhaseUnsuitable),
            check(
                "hu_air",
                Scope::Series,
                None,
                Limit { pass: Bound::Between(-1020.0, -980.0), flag: None },
                Reason::NotHounsfield,
            ),
            noise,
        ],
        volume_digest: Some("ef".repeat(32)),
        configuration_digest: "12".repeat(32),
    }
}
