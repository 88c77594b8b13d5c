//! Readings, level positions and the naming of series by cases.
//!
//! Input: CSV files. Output: [`Reading`], [`LevelReading`] and a map from case to series key.
//! Needed columns of readings: `case`, `parameter`, `value`; taken where present: `action`, `low`, `high`, `tolerance`,
//! `phase`, `series_key`. Other columns are not looked at. Attenuation in HU, positions in mm (LPS).

use std::collections::BTreeMap;
use std::path::Path;

use super::AgreementError;
use super::csv::Row;
use super::csv::Table;
use super::csv::read;
use crate::codes::Term;

/// What a good program does with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It gives a value.
    Measure,
    /// It gives no value.
    Abstain,
    /// Both are right.
    Either,
}

/// One reading: one parameter of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Name of the case.
    pub case: String,
    /// The parameter.
    pub term: Term,
    /// What a good program does.
    pub action: Action,
    /// The reading, in the unit of the parameter.
    pub value: Option<f64>,
    /// What careful placement could also give.
    pub range: Option<(f64, f64)>,
    /// Largest difference that is accepted, where the table has its own.
    pub tolerance: Option<f64>,
    /// Whether the phase column names a phase other than native.
    pub enhanced: bool,
}

/// Where a reader saw the middle of a vertebral body.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelReading {
    /// Name of the case.
    pub case: String,
    /// `L5` .. `T1`.
    pub level: String,
    /// Patient coordinates (LPS, mm).
    pub centre_mm: [f64; 3],
}

/// Readings in file order and the series keys that the table names.
pub type Readings = (Vec<Reading>, BTreeMap<String, String>);

/// Reads a table of readings; the second part holds the `series_key` of each case that has one.
pub fn readings(path: &Path) -> Result<Readings, AgreementError> {
    readings_of(path, &read(path)?)
}

fn readings_of(path: &Path, text: &str) -> Result<Readings, AgreementError> {
    let table = Table::parse(path, text, &["case", "parameter", "value"])?;
    let mut readings: Vec<Reading> = Vec::new();
    let mut keys = BTreeMap::new();
    let mut lines = BTreeMap::new();
    for row in table.rows() {
        let reading = reading(&row)?;
        if let Some(first) = lines.insert((reading.case.clone(), reading.term), row.line) {
            let message = format!("{} of {} stands in line {first} already", reading.term.name(), reading.case);
            return Err(row.wrong(message));
        }
        name_series(&row, &mut keys, "series_key")?;
        readings.push(reading);
    }
    Ok((readings, keys))
}

fn reading(row: &Row) -> Result<Reading, AgreementError> {
    let name = row.needed("parameter")?;
    let term = Term::ALL.into_iter().find(|term| term.name() == name).ok_or_else(|| {
        let known = Term::ALL.map(Term::name).join(", ");
        row.wrong(format!("parameter is {name:?}, expected one of {known}"))
    })?;
    let value = row.number("value")?;
    let action = match row.text("action") {
        "" if value.is_some() => Action::Measure,
        "" | "abstain" => Action::Abstain,
        "measure" => Action::Measure,
        "either" => Action::Either,
        other => return Err(row.wrong(format!("action is {other:?}, expected measure, abstain or either"))),
    };
    if action == Action::Measure && value.is_none() {
        return Err(row.wrong("action is measure, but value is empty"));
    }
    let range = row.number("low")?.zip(row.number("high")?);
    if let Some((low, high)) = range.filter(|(low, high)| low > high) {
        return Err(row.wrong(format!("low {low} is above high {high}")));
    }
    let tolerance = row.number("tolerance")?;
    if tolerance.is_some_and(|tolerance| tolerance < 0.0) {
        return Err(row.wrong("tolerance is negative"));
    }
    let phase = row.text("phase");
    let enhanced = !phase.is_empty() && !phase.starts_with("native");
    Ok(Reading { case: row.needed("case")?.to_owned(), term, action, value, range, tolerance, enhanced })
}

/// Reads a table of level positions: `case`, `level`, `patient_x`, `patient_y`, `patient_z`.
pub fn levels(path: &Path) -> Result<Vec<LevelReading>, AgreementError> {
    levels_of(path, &read(path)?)
}

fn levels_of(path: &Path, text: &str) -> Result<Vec<LevelReading>, AgreementError> {
    let axes = ["patient_x", "patient_y", "patient_z"];
    let table = Table::parse(path, text, &["case", "level", axes[0], axes[1], axes[2]])?;
    let level = |row: Row| {
        let mut centre_mm = [0.0; 3];
        for (place, axis) in centre_mm.iter_mut().zip(axes) {
            *place = row.number(axis)?.ok_or_else(|| row.wrong(format!("{axis} is empty")))?;
        }
        let level = row.needed("level")?.replace("TH", "T").replace("Th", "T");
        Ok(LevelReading { case: row.needed("case")?.to_owned(), level, centre_mm })
    };
    table.rows().map(level).collect()
}

/// Reads which series belongs to which case: `case`, `series_key`.
pub fn cases(path: &Path) -> Result<BTreeMap<String, String>, AgreementError> {
    cases_of(path, &read(path)?)
}

fn cases_of(path: &Path, text: &str) -> Result<BTreeMap<String, String>, AgreementError> {
    let table = Table::parse(path, text, &["case", "series_key"])?;
    let mut keys = BTreeMap::new();
    for row in table.rows() {
        row.needed("series_key")?;
        name_series(&row, &mut keys, "series_key")?;
    }
    Ok(keys)
}

fn name_series(row: &Row, keys: &mut BTreeMap<String, String>, column: &str) -> Result<(), AgreementError> {
    let key = row.text(column);
    if key.is_empty() {
        return Ok(());
    }
    let case = row.needed("case")?.to_owned();
    let known = keys.entry(case).or_insert_with(|| key.to_owned());
    if known == key { Ok(()) } else { Err(row.wrong(format!("series_key is {key}, an earlier line says {known}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rows: &str) -> Result<Vec<Reading>, String> {
        let text = format!("case,parameter,action,value,low,high,phase\n{rows}");
        readings_of(Path::new("r.csv"), &text).map(|found| found.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_row_becomes_a_reading() {
        let found = parse("a,L1_HU,measure,120.5,110,130,late arterial\na,LIVER_HU,abstain,,,,").unwrap();
        assert_eq!(found[0].term, Term::L1Hu);
        assert_eq!((found[0].value, found[0].range), (Some(120.5), Some((110.0, 130.0))));
        assert!(found[0].enhanced && !found[1].enhanced);
        assert_eq!(found[1].action, Action::Abstain);
    }

    #[test]
    fn three_columns_are_enough() {
        let (found, keys) = readings_of(Path::new("r"), "case,parameter,value\na,L2_HU,99\na,L1_HU,\n").unwrap();
        assert_eq!([found[0].action, found[1].action], [Action::Measure, Action::Abstain]);
        assert!(keys.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_line() {
        assert!(parse("a,L9_HU,measure,1,,,").unwrap_err().contains("line 2: parameter is \"L9_HU\""));
        assert!(parse("a,L1_HU,perhaps,1,,,").unwrap_err().contains("line 2: action is \"perhaps\""));
        assert!(parse("a,L1_HU,measure,,,,").unwrap_err().contains("value is empty"));
        assert!(parse("a,L1_HU,measure,1,3,2,").unwrap_err().contains("low 3 is above high 2"));
        let twice = parse("a,L1_HU,measure,1,,,\na,L1_HU,measure,2,,,").unwrap_err();
        assert_eq!(twice, "r.csv, line 3: L1_HU of a stands in line 2 already");
    }

    #[test]
    fn levels_need_a_whole_position() {
        let path = Path::new("l.csv");
        let head = "case,level,patient_x,patient_y,patient_z\n";
        let found = levels_of(path, &format!("{head}a,Th12,1,2,-3.5\n")).unwrap();
        assert_eq!((found[0].level.as_str(), found[0].centre_mm), ("T12", [1.0, 2.0, -3.5]));
        let error = levels_of(path, &format!("{head}a,L1,1,,3\n")).unwrap_err();
        assert_eq!(error.to_string(), "l.csv, line 2: patient_y is empty");
    }

    #[test]
    fn a_case_has_one_series() {
        let path = Path::new("c.csv");
        assert_eq!(cases_of(path, "case,series_key\na,k1:01\na,k1:01\n").unwrap()["a"], "k1:01");
        let error = cases_of(path, "case,series_key\na,01\na,02\n").unwrap_err();
        assert_eq!(error.to_string(), "c.csv, line 3: series_key is 02, an earlier line says 01");
    }
}
