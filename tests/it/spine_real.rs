//! Vertebrae of real scans against readers' levels and readings.
//!
//! The scans are not part of the product; without them the test says so and passes. A wrong level name is the one
//! failure that nothing excuses; a value is held against the range that careful placement of the region can give.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use resetray::anatomy;
use resetray::anatomy::Absence;
use resetray::anatomy::Certainty;
use resetray::anatomy::Spine;
use resetray::codes::Level;
use resetray::codes::Term;
use resetray::instance::SeriesInstance;
use resetray::instance::part10;
use resetray::measure;
use resetray::measure::Outcome;
use resetray::measure::TargetMeasurement;
use resetray::volume;

/// Farther than this (mm) from the reader's mid-body point a centre lies in another body.
const HALF_BODY_MM: f64 = 12.0;

/// What implementations with regions of their own may differ beyond the readers' range (HU).
const BEYOND_RANGE_HU: f64 = 10.0;

/// A row of the table of readings.
struct Reading {
    case: String,
    term: Term,
    action: String,
    value: Option<f64>,
    range: Option<(f64, f64)>,
}

/// One scan as measured.
struct Measured {
    spine: Result<Spine, Absence>,
    targets: Vec<TargetMeasurement>,
}

#[test]
fn vertebrae_of_real_scans_carry_the_readers_names_and_values() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/ct");
    let (Ok(readings), Ok(levels)) =
        (std::fs::read_to_string(root.join("readings.csv")), std::fs::read_to_string(root.join("levels.csv")))
    else {
        println!("skipped: no real scans at {}", root.display());
        return;
    };
    let readings: Vec<Reading> = readings.lines().skip(1).filter_map(reading).collect();
    let mut scans: BTreeMap<String, Option<Measured>> = BTreeMap::new();
    println!("case             term    value  reading  difference");
    let mut faults = Vec::new();
    for reading in &readings {
        let folder = root.join(&reading.case);
        if !folder.is_dir() {
            println!("skipped: {} is not here", reading.case);
            continue;
        }
        let scan = scans.entry(reading.case.clone()).or_insert_with(|| measured(&folder));
        let target = scan.as_ref().and_then(|scan| scan.targets.iter().find(|target| target.term == reading.term));
        faults.extend(judge(reading, target));
    }
    for (case, scan) in scans.iter().filter_map(|(case, scan)| scan.as_ref().map(|scan| (case, scan))) {
        faults.extend(wrong_names(case, scan, &levels));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Builds, finds and measures; `None` where the series gives no volume.
fn measured(folder: &Path) -> Option<Measured> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let open = |path: &PathBuf| SeriesInstance::read(part10::open(path).ok()?).ok();
    let instances: Vec<SeriesInstance> = paths.iter().filter_map(open).collect();
    let built = volume::build(&instances, &volume::Options::default());
    let volume = built.volume.ok()?;
    let findings = anatomy::find(&volume, true, true);
    let targets = measure::measure(&volume, &findings).targets;
    Some(Measured { spine: findings.spine, targets })
}

/// Prints a line of the table; tells what is wrong with the target.
fn judge(reading: &Reading, target: Option<&TargetMeasurement>) -> Option<String> {
    let (case, name) = (&reading.case, reading.term.name());
    let value = match target.map(|target| &target.outcome) {
        Some(Outcome::Measured { value, .. }) => Some(*value),
        _ => None,
    };
    match (value, reading.value) {
        (Some(value), Some(read)) => println!("{case:16} {name:7} {value:6.1} {read:8.1} {:+11.1}", value - read),
        (Some(value), None) => println!("{case:16} {name:7} {value:6.1}        -"),
        (None, _) => println!("{case:16} {name:7} not measured ({})", reading.action),
    }
    match (reading.action.as_str(), value) {
        ("abstain", Some(value)) => Some(format!("{case} {name}: {value} instead of no value")),
        ("measure", None) => Some(format!("{case} {name}: no value: {:?}", target.map(|target| &target.outcome))),
        (_, Some(value)) => {
            let (low, high) = reading.range?;
            let within = (low - BEYOND_RANGE_HU..=high + BEYOND_RANGE_HU).contains(&value);
            (!within).then(|| format!("{case} {name}: {value} outside {low} to {high}"))
        }
        _ => None,
    }
}

/// Named vertebrae whose centre lies in another body than the reader's of that name.
fn wrong_names(case: &str, scan: &Measured, levels: &str) -> Vec<String> {
    let Ok(spine) = &scan.spine else { return Vec::new() };
    if spine.numbering.certainty == Certainty::Ambiguous {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for line in levels.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let &[other, level, x, y, z] = fields.as_slice() else { continue };
        let is_level = |candidate: Level| candidate.name().as_deref() == Some(level);
        let named = spine.vertebrae.iter().find(|v| v.in_view && v.level.is_some_and(is_level));
        let (Some(vertebra), true) = (named, other == case) else { continue };
        let read = [x, y, z].map(|text| text.parse::<f64>().unwrap());
        let squares: f64 = (0..3).map(|axis| (vertebra.centre_mm[axis] - read[axis]).powi(2)).sum();
        let distance = squares.sqrt();
        println!("{case:16} {level:7} centre {distance:4.1} mm from the reader's");
        if distance > HALF_BODY_MM {
            faults.push(format!("{case} {level}: {distance:.1} mm from the reader's"));
        }
    }
    faults
}

/// A vertebral row of the table; notes may hold quoted commas, but only in later columns.
fn reading(line: &str) -> Option<Reading> {
    let fields: Vec<&str> = line.split(',').collect();
    let number = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    let term = Term::ALL.into_iter().find(|term| Some(&term.name()) == fields.get(1))?;
    let is_vertebral = [Term::Th12Hu, Term::L1Hu, Term::L2Hu].contains(&term);
    is_vertebral.then(|| Reading {
        case: fields[0].to_owned(),
        term,
        action: fields[2].to_owned(),
        value: number(3),
        range: number(4).zip(number(5)),
    })
}
