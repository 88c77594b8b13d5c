//! The phantom cases through the node's pipeline: values, refusals with their reasons, names and phase as the truth says.
//!
//! Half the matrix of the full cases, so that a dozen of them are measured in less than a minute.

use std::path::Path;

use resetray::anatomy::Certainty;
use resetray::codes::{Analysis, Term};
use resetray::instance::{SeriesInstance, part10};
use resetray::measure::Outcome;
use resetray::node::pipeline::{Measured, Settings, measure_series};
use resetray::phantom::{Expected, Options, ParameterTruth, Truth, case, series_in_memory, truth};

/// Largest error of a value in a series without noise (HU).
const TOLERANCE_HU: f64 = 2.0;
/// The same for ratios.
const TOLERANCE_RATIO: f64 = 0.06;
/// Largest distance of the centre of T12, L1, L2 from the true one (mm).
const CENTRE_TOLERANCE_MM: f64 = 5.0;
/// The same for other bodies, at the ends of the canal among them: still inside the body (mm).
const OTHER_TOLERANCE_MM: f64 = 10.0;

/// The case with pixels of twice the size.
fn reduced(name: &str) -> Options {
    let options = case(name).unwrap();
    Options {
        rows: options.rows / 2,
        columns: options.columns / 2,
        pixel_spacing_mm: options.pixel_spacing_mm * 2.0,
        ..options
    }
}

/// A shorter scan, from the dome of the liver to L3: for tests that measure the same body several times.
fn shortened(options: Options) -> Options {
    Options { top_mm: 124.0, bottom_mm: -76.0, ..options }
}

/// Instances in order of Instance Number; the files live as long as the folder.
fn instances(options: &Options, folder: &Path) -> Vec<SeriesInstance> {
    let file = |file: Result<(String, Vec<u8>), _>| {
        let (name, bytes) = file.unwrap();
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        SeriesInstance::read(part10::open(&path).unwrap()).unwrap()
    };
    series_in_memory(options).unwrap().map(file).collect()
}

fn measured(instances: &[SeriesInstance]) -> Measured {
    let settings = Settings {
        analyses: Analysis::ALL.to_vec(),
        previews: false,
        memory_bytes: 4 << 30,
        threads: 2,
        configuration_digest: String::new(),
    };
    measure_series(instances, &settings)
}

fn outcome(measured: &Measured, term: Term) -> &Outcome {
    &measured.record.targets.iter().find(|target| target.term == term).unwrap().outcome
}

/// Contradictions between a series and its truth.
fn faults(measured: &Measured, truth: &Truth) -> Vec<String> {
    let mut faults = Vec::new();
    for term in Term::ALL {
        faults.extend(fault(outcome(measured, term), truth.parameter(term.name()).unwrap()));
    }
    let seen = measured.seen.as_ref().unwrap();
    let phase = seen.findings.phase.phase.name();
    if phase != truth.phase {
        faults.push(format!("phase {phase} instead of {}", truth.phase));
    }
    if let Ok(spine) = &seen.findings.spine
        && spine.numbering.certainty != Certainty::Ambiguous
    {
        for vertebra in spine.vertebrae.iter().filter(|vertebra| vertebra.in_view) {
            let Some(name) = vertebra.level.and_then(|level| level.name()) else { continue };
            let Some(level) = truth.level(&name) else {
                faults.push(format!("{name} is named, and there is none"));
                continue;
            };
            let squares: f64 = (0..3).map(|axis| (level.centre_mm[axis] - vertebra.centre_mm[axis]).powi(2)).sum();
            let is_target = vertebra.level.is_some_and(|level| level.term().is_some());
            if squares.sqrt() > if is_target { CENTRE_TOLERANCE_MM } else { OTHER_TOLERANCE_MM } {
                faults.push(format!("{name} {:.1} mm from its place", squares.sqrt()));
            }
        }
    }
    faults
}

fn fault(outcome: &Outcome, truth: &ParameterTruth) -> Option<String> {
    let name = &truth.parameter;
    match (outcome, truth.expected) {
        (Outcome::Measured { value, .. }, Expected::Refuse) => Some(format!("{name} {value} instead of a refusal")),
        (Outcome::Measured { value, .. }, _) => {
            let off = value - truth.value.unwrap_or(f64::NAN);
            let tolerance = if truth.unit == "ratio" { TOLERANCE_RATIO } else { TOLERANCE_HU };
            (off.is_nan() || off.abs() > tolerance).then(|| format!("{name} off by {off:.2}"))
        }
        (Outcome::NotMeasured { reason, detail, .. }, Expected::Measure) => {
            Some(format!("{name} refused: {} ({detail})", reason.name()))
        }
        (Outcome::NotMeasured { reason, detail, .. }, _) => {
            let expected = truth.reason.as_deref();
            (expected != Some(reason.name()))
                .then(|| format!("{name} refused for {} ({detail}), expected {expected:?}", reason.name()))
        }
    }
}

fn assert_as_truth_says(names: &[&str]) {
    let mut wrong = Vec::new();
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        let options = reduced(name);
        let found = faults(&measured(&instances(&options, folder.path())), &truth(&options).unwrap());
        wrong.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn phantoms_of_other_patients_end_as_their_truth_says() {
    assert_as_truth_says(&["default", "ribs_11", "ribs_13", "cement_l2", "wedge_l1_30", "splenectomy"]);
}

#[test]
fn phantoms_of_other_scans_end_as_their_truth_says() {
    assert_as_truth_says(&["thick_5mm", "portal", "feet_first", "gantry_tilt_15"]);
    assert_as_truth_says(&["cropped_t12", "fov_200", "missing_slices"]);
}

/// Values of all terms that were measured.
fn values(measured: &Measured) -> Vec<(Term, f64)> {
    let value = |term: Term| match outcome(measured, term) {
        Outcome::Measured { value, .. } => Some((term, *value)),
        Outcome::NotMeasured { .. } => None,
    };
    Term::ALL.into_iter().filter_map(value).collect()
}

/// Every value is there again and has moved by less than 6 HU (vertebrae) or 2 HU (organs).
fn assert_moved_little(what: &str, base: &[(Term, f64)], other: &Measured) {
    for (term, value) in base.iter().filter(|(term, _)| term.unit() == "HU") {
        let again = values(other).into_iter().find(|(other, _)| other == term);
        let (_, again) = again.unwrap_or_else(|| panic!("{what}: {}: {:?}", term.name(), outcome(other, *term)));
        let limit = if term.analysis() == Analysis::VertebralAttenuation { 6.0 } else { 2.0 };
        let moved = (again - value).abs();
        println!("{what:22} {:18} {value:7.2} -> {again:7.2}", term.name());
        assert!(moved < limit, "{what}: {} moved by {moved:.2}", term.name());
    }
}

#[test]
fn the_order_of_slices_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut series = instances(&shortened(reduced("portal")), folder.path());
    let told = |measured: &Measured| format!("{:?}", measured.record);
    let base = told(&measured(&series));
    assert!(base.contains("Measured"));
    series.reverse();
    assert!(told(&measured(&series)) == base, "reversed");
    // 61 is a prime that does not divide the number of slices, so this is another order in which all come once.
    let count = series.len();
    assert_ne!(count % 61, 0);
    let mixed: Vec<SeriesInstance> = (0..count).map(|n| series[n * 61 % count].clone()).collect();
    assert!(told(&measured(&mixed)) == base, "mixed");
}

#[test]
fn the_same_body_seen_otherwise_gives_nearly_the_same_values() {
    // Every second of these slices still makes a stack without gaps worth refusing.
    let options = Options {
        noise_sd_hu: 8.0,
        trabecular_texture_hu: 15.0,
        slice_thickness_mm: 3.0,
        slice_spacing_mm: 2.0,
        ..shortened(reduced("default"))
    };
    let folder = tempfile::tempdir().unwrap();
    let series = instances(&options, folder.path());
    let base = values(&measured(&series));
    assert_eq!(base.len(), Term::ALL.len(), "{base:?}");
    let every_second: Vec<SeriesInstance> = series.into_iter().step_by(2).collect();
    assert_moved_little("every second slice", &base, &measured(&every_second));

    let half_pixel = options.pixel_spacing_mm / 2.0;
    let shifted = Options {
        top_mm: options.top_mm + options.slice_spacing_mm / 2.0,
        bottom_mm: options.bottom_mm + options.slice_spacing_mm / 2.0,
        field_centre_mm: options.field_centre_mm.map(|axis| axis + half_pixel),
        ..options.clone()
    };
    let rotated = Options { torso_tilt_degrees: [3.0, 3.0], ..options };
    for (what, other) in [("half a voxel", shifted), ("rotated by 3 degrees", rotated)] {
        let folder = tempfile::tempdir().unwrap();
        assert_moved_little(what, &base, &measured(&instances(&other, folder.path())));
    }
}
