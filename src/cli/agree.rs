//! `resetray agree --reference FILE --results DIR`: the node's values beside the readings of people.

use std::path::Path;
use std::path::PathBuf;

use super::Failure;
use crate::agreement;
use crate::agreement::AgreementError;
use crate::agreement::Where;
use crate::agreement::compare::Tolerances;

/// Files of `--plot`.
const BLAND_ALTMAN_FILE: &str = "bland_altman.svg";
const RISK_COVERAGE_FILE: &str = "risk_coverage.svg";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub(super) struct Arguments {
    /// Readings: CSV with the columns case, parameter, value.
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,
    /// Results: one results folder per case, DIR/CASE; or any results folder together with series keys.
    #[arg(long, value_name = "DIR")]
    results: PathBuf,
    /// Middles of vertebral bodies: CSV with the columns case, level, patient_x, patient_y, patient_z.
    #[arg(long, value_name = "FILE")]
    levels: Option<PathBuf>,
    /// Which series is which case: CSV with the columns case, series_key.
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// As JSON, with every row.
    #[arg(long)]
    json: bool,
    /// Folder for a Bland-Altman and a risk-coverage picture (SVG).
    #[arg(long, value_name = "DIR")]
    plot: Option<PathBuf>,
    /// Accepted difference of a vertebra (HU).
    #[arg(long, value_name = "HU", default_value_t = Tolerances::default().vertebra_hu)]
    vertebra_tolerance: f64,
    /// Accepted difference of liver or spleen (HU).
    #[arg(long, value_name = "HU", default_value_t = Tolerances::default().organ_hu)]
    organ_tolerance: f64,
}

const HELP: &str = "\
Readings (CSV with a header line, columns in any order, others are not looked at):
  case, parameter, value   value may be empty where a program should refuse
  action                   measure, abstain or either; without it: measure where there is a value, else abstain
  low, high                what careful placement could also give; a value inside is within tolerance
  tolerance                accepted difference of this row, instead of the options
  phase                    anything but native: liver and spleen may lie in low..high widened by the tolerance
  series_key               which series of the results is meant

How results are found:
  A case without a series key is looked for in DIR/CASE, the folder that `process CASE --out DIR/CASE` writes.
  A case with one, from --cases or from the column series_key, is looked for in all of DIR.
  Of several revisions the newest counts. A case without documents counts as refused and is named.

A level is wrong where its centre is nearest to a body that the readers call otherwise, or more than 15 mm from the one
of its name. Risk-coverage begins with the values without flags and adds those with more.
Exit status 0 whatever the agreement is; 1 where nothing could be compared.";

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let failed = |error: AgreementError| Failure::work(&error);
    let tolerances = Tolerances {
        vertebra_hu: arguments.vertebra_tolerance,
        organ_hu: arguments.organ_tolerance,
        ..Tolerances::default()
    };
    let (readings, mut keys) = agreement::tables::readings(&arguments.reference).map_err(failed)?;
    if let Some(path) = &arguments.cases {
        keys.extend(agreement::tables::cases(path).map_err(failed)?);
    }
    let levels = match &arguments.levels {
        Some(path) => agreement::tables::levels(path).map_err(failed)?,
        None => Vec::new(),
    };
    let mut cases: Vec<&str> = readings.iter().map(|reading| reading.case.as_str()).collect();
    cases.sort_unstable();
    cases.dedup();
    let place = Where { folder: &arguments.results, keys: &keys };
    let results = agreement::results::results(&place, cases).map_err(failed)?;
    if results.is_empty() {
        let folder = arguments.results.display();
        return Err(Failure::Work(format!("{folder}: no documents of any case of the readings (see `agree --help`)")));
    }
    let comparison = agreement::compare(&readings, &levels, &results, &tolerances);
    let summary = agreement::summarise(&comparison);
    if let Some(folder) = &arguments.plot {
        let pictures = [
            (BLAND_ALTMAN_FILE, agreement::plot::bland_altman(&comparison, &summary)),
            (RISK_COVERAGE_FILE, agreement::plot::risk_coverage(&summary)),
        ];
        write(folder, &pictures)?;
    }
    if arguments.json {
        println!("{}", agreement::report::to_json(&comparison, &summary));
    } else {
        print!("{}", agreement::report::table(&comparison, &summary));
    }
    Ok(())
}

fn write(folder: &Path, pictures: &[(&str, String)]) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| Failure::in_context(path.display(), &error);
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, text) in pictures {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
