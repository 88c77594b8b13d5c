//! Liver and spleen on real series against careful manual readings.
//!
//! Needs the read-only folder of real scans beside the clone (or where `RESETRAY_REAL_SCANS` points); skips with a
//! printed line where it is missing. Prints a table of case, parameter, value, reading and difference.

use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use resetray::anatomy::organs;
use resetray::anatomy::organs::OrganFindings;
use resetray::instance::SeriesInstance;
use resetray::instance::part10;
use resetray::measure::Outcome;
use resetray::measure::TargetMeasurement;
use resetray::measure::organ;
use resetray::volume;
use resetray::volume::Volume;

/// One row of the readings.
struct Reading {
    case: String,
    parameter: String,
    action: String,
    value_hu: Option<f64>,
    range_hu: Option<(f64, f64)>,
}

fn folder() -> PathBuf {
    std::env::var_os("RESETRAY_REAL_SCANS").map_or_else(|| PathBuf::from("../shared/ct"), PathBuf::from)
}

/// Liver and spleen rows of `readings.csv`; the columns used come before the first quoted one.
fn readings() -> Option<Vec<Reading>> {
    let text = std::fs::read_to_string("../shared/ct/readings.csv").ok()?;
    let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    let organ = rows.filter(|row| row.len() > 5 && matches!(row[1], "LIVER_HU" | "SPLEEN_HU"));
    Some(
        organ
            .map(|row| Reading {
                case: row[0].to_owned(),
                parameter: row[1].to_owned(),
                action: row[2].to_owned(),
                value_hu: row[3].parse().ok(),
                range_hu: row[4].parse().ok().zip(row[5].parse().ok()),
            })
            .collect(),
    )
}

fn load(folder: &Path) -> Option<volume::Built> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let instances: Vec<SeriesInstance> =
        files.iter().filter_map(|file| SeriesInstance::read(part10::open(file).ok()?).ok()).collect();
    Some(volume::build(&instances, &volume::Options::default()))
}

fn measured(volume: &Volume, findings: &OrganFindings) -> Vec<TargetMeasurement> {
    let OrganFindings { liver, spleen, phase, reference, .. } = findings;
    organ::measure_organs(volume, liver, spleen, phase, reference, &volume.checks).0
}

/// One line for one target, and what contradicts the reading.
fn compare(target: &TargetMeasurement, reading: &Reading) -> (String, Option<String>) {
    let name = format!("{:16} {:10}", reading.case, reading.parameter);
    match &target.outcome {
        Outcome::Measured { value, flags } => {
            let core = &target.regions[0].statistics;
            let discs = target.regions.get(1).map(|region| region.statistics.mean_hu);
            let off = reading.value_hu.map(|read| value - read);
            let line = format!(
                "{name} {value:7.2} reading {:?} difference {off:.1?} core {:.0} mL discs {discs:.1?} {flags:?}",
                reading.value_hu,
                core.volume_mm3 / 1000.0,
            );
            let wrong = match (reading.action.as_str(), reading.range_hu) {
                ("abstain", _) => Some("must be refused".to_owned()),
                (_, Some((low, high))) if !(low - SLACK_HU..=high + SLACK_HU).contains(value) => {
                    Some(format!("outside {low} to {high}"))
                }
                _ => None,
            };
            (line, wrong)
        }
        Outcome::NotMeasured { reason, detail, .. } => {
            let line = format!("{name} {} ({detail})", reason.name());
            (line, (reading.action == "measure").then(|| "must be measured".to_owned()))
        }
    }
}

#[test]
fn liver_and_spleen_agree_with_readers_and_abstain_where_they_do() {
    let Some(readings) = readings() else {
        println!("skipped: no readings in ../shared/ct");
        return;
    };
    let mut wrong = Vec::new();
    let mut cases: Vec<&str> = readings.iter().map(|reading| reading.case.as_str()).collect();
    cases.dedup();
    for case in cases {
        let start = Instant::now();
        let Some(built) = load(&folder().join(case)) else {
            println!("skipped: no folder of {case}");
            continue;
        };
        let Ok(volume) = built.volume else {
            println!("{case:16} no volume");
            continue;
        };
        let loaded = start.elapsed();
        let findings = organs::find_organs_in(&volume, None, &organs::Parameters::default());
        let found = start.elapsed();
        let targets = measured(&volume, &findings);
        let done = start.elapsed();
        println!(
            "{case:16} {:?} {} aorta {:.1?} load {loaded:.1?} find {:.1?} measure {:.1?} {:.1?}",
            findings.phase.phase,
            findings.phase.rule,
            findings.phase.aorta_hu,
            found - loaded,
            done - found,
            findings.reference
        );
        for reading in readings.iter().filter(|reading| reading.case == case) {
            let Some(target) = targets.iter().find(|target| target.term.name() == reading.parameter) else { continue };
            let (line, contradiction) = compare(target, reading);
            println!("  {line}");
            wrong.extend(contradiction.map(|what| format!("{line}: {what}")));
        }
        for target in &targets[2..] {
            println!("  {case:16} {} {:?}", target.term.name(), target.outcome);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What careful placement elsewhere could still give beyond the readers' own range (HU).
const SLACK_HU: f64 = 3.0;
