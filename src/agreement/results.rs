//! RSIF documents as results of cases.
//!
//! Input: a folder of results and the names of cases. Output: [`CaseResult`] per case: values, reasons, level centres.
//! A case without documents is absent. Attenuation in HU, positions in mm (LPS).
//! Source: the node's RSIF documents (`measurements`, `not_measured`, `level_identification`, `source.series_key`).

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value as Json;

use super::AgreementError;
use crate::codes::Term;
use crate::write::validate::DOCUMENT_BYTES_MAX;

/// How the name of a document ends.
const SUFFIX: &str = ".rsif.json";
/// Depth of folders below the results of a case: `series/KEY/rNNNN`.
const DEPTH_MAX: usize = 4;
/// Most entries of a results folder that are looked at.
const ENTRIES_MAX: usize = 1_000_000;

/// A published value.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// In the unit of the parameter.
    pub value: f64,
    /// Names of its flags.
    pub flags: Vec<String>,
}

/// What the node says about one case.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseResult {
    /// Values by parameter.
    pub values: BTreeMap<Term, Value>,
    /// Reason codes of parameters without a value.
    pub reasons: BTreeMap<Term, String>,
    /// Centres of named bodies (LPS, mm).
    pub levels: Vec<(String, [f64; 3])>,
}

/// How cases are found in a results folder.
#[derive(Debug, Clone, Copy)]
pub struct Where<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Series keys of cases; a case with a key is looked for in the whole folder.
    pub keys: &'a BTreeMap<String, String>,
}

/// One document.
struct Document {
    series_key: String,
    analysis: String,
    revision: u64,
    json: Json,
}

/// Results of the cases: by key where a case has one, else from the folder `DIR/CASE`.
pub fn results<'a>(
    place: &Where,
    cases: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, CaseResult>, AgreementError> {
    let mut found = BTreeMap::new();
    let wanted: Vec<&str> = place.keys.values().map(|key| bare(key)).collect();
    let named = if wanted.is_empty() {
        Vec::new()
    } else {
        documents(place.folder, |document| wanted.contains(&bare(&document.series_key)))?
    };
    for case in cases {
        let documents = match place.keys.get(case) {
            Some(key) => of_series(&named, key),
            None => of_folder(place.folder, case)?,
        };
        if !documents.is_empty() {
            found.insert(case.to_owned(), merge(&documents));
        }
    }
    Ok(found)
}

/// The documents of `DIR/CASE`, of one series.
fn of_folder(folder: &Path, case: &str) -> Result<Vec<Json>, AgreementError> {
    let Some(folder) = folder_of(folder, case) else { return Ok(Vec::new()) };
    let documents = documents(&folder, |_| true)?;
    let mut keys: Vec<String> = documents.iter().map(|document| document.series_key.clone()).collect();
    keys.sort();
    keys.dedup();
    match keys.as_slice() {
        [] => Ok(Vec::new()),
        [key] => Ok(of_series(&documents, key)),
        _ => Err(AgreementError::SeveralSeries { case: case.to_owned(), keys }),
    }
}

/// The folder of a case; a case name is one folder name, never a path.
fn folder_of(folder: &Path, case: &str) -> Option<PathBuf> {
    let plain = !case.contains(['/', '\\']) && case != "." && case != "..";
    plain.then(|| folder.join(case)).filter(|folder| folder.is_dir())
}

/// A series key without its scheme.
fn bare(key: &str) -> &str {
    key.rsplit(':').next().unwrap_or_default()
}

/// The newest document of each analysis of one series.
fn of_series(documents: &[Document], key: &str) -> Vec<Json> {
    let mut newest: BTreeMap<&str, &Document> = BTreeMap::new();
    for document in documents.iter().filter(|document| bare(&document.series_key) == bare(key)) {
        let known = newest.entry(&document.analysis).or_insert(document);
        if document.revision > known.revision {
            *known = document;
        }
    }
    newest.into_values().map(|document| document.json.clone()).collect()
}

/// The documents below a folder that are wanted.
fn documents(folder: &Path, wanted: impl Fn(&Document) -> bool) -> Result<Vec<Document>, AgreementError> {
    let mut paths = Vec::new();
    let mut entries = 0;
    collect(folder, DEPTH_MAX, &mut entries, &mut paths)?;
    paths.sort();
    let mut documents = Vec::new();
    for path in &paths {
        documents.extend(Some(document(path)?).filter(&wanted));
    }
    Ok(documents)
}

fn collect(folder: &Path, depth: usize, entries: &mut usize, paths: &mut Vec<PathBuf>) -> Result<(), AgreementError> {
    let failed = |source| AgreementError::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        *entries += 1;
        if *entries > ENTRIES_MAX {
            let path = folder.to_owned();
            return Err(AgreementError::TooMany { path, limit: ENTRIES_MAX, what: "entries" });
        }
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && depth > 0 {
            collect(&entry.path(), depth - 1, entries, paths)?;
        } else if kind.is_file() && entry.file_name().to_string_lossy().ends_with(SUFFIX) {
            paths.push(entry.path());
        }
    }
    Ok(())
}

fn document(path: &Path) -> Result<Document, AgreementError> {
    let failed = |source| AgreementError::Read { path: path.to_owned(), source };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > DOCUMENT_BYTES_MAX as u64 {
        return Err(AgreementError::document(path, format!("{bytes} bytes, at most {DOCUMENT_BYTES_MAX} are read")));
    }
    let text = std::fs::read(path).map_err(failed)?;
    let json: Json =
        serde_json::from_slice(&text).map_err(|error| AgreementError::document(path, error.to_string()))?;
    let text = |at: &str| json.pointer(at).and_then(Json::as_str).map(str::to_owned);
    let needed = |at: &str| text(at).ok_or_else(|| AgreementError::document(path, format!("no text at {at}")));
    Ok(Document {
        series_key: needed("/source/series_key")?,
        analysis: needed("/analysis_type")?,
        revision: json.pointer("/processing/revision").and_then(Json::as_u64).unwrap_or(0),
        json,
    })
}

/// What the documents of one series say together.
fn merge(documents: &[Json]) -> CaseResult {
    let mut result = CaseResult::default();
    for document in documents {
        for term in Term::ALL {
            if let Some(value) = value(&document["measurements"][term.name()]) {
                result.values.insert(term, value);
            } else if let Some(reason) = document["not_measured"][term.name()]["reason"].as_str() {
                result.reasons.insert(term, reason.to_owned());
            }
        }
        let levels = document["level_identification"]["levels"].as_array();
        result.levels.extend(levels.into_iter().flatten().filter_map(level));
    }
    result
}

fn value(measurement: &Json) -> Option<Value> {
    let flags = measurement["flags"].as_array().into_iter().flatten();
    let flags = flags.filter_map(|flag| flag.as_str().map(str::to_owned)).collect();
    Some(Value { value: measurement["value"].as_f64()?, flags })
}

fn level(entry: &Json) -> Option<(String, [f64; 3])> {
    let axis = |n: usize| entry["center"][n].as_f64();
    Some((entry["level"].as_str()?.to_owned(), [axis(0)?, axis(1)?, axis(2)?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, key: &str, revision: u64, l1: f64) {
        std::fs::create_dir_all(folder).unwrap();
        let json = serde_json::json!({
            "analysis_type": "vertebral_attenuation",
            "source": {"series_key": key},
            "processing": {"revision": revision},
            "level_identification": {"levels": [{"level": "L1", "center": [1, 2, 3.5]}]},
            "measurements": {"L1_HU": {"value": l1, "flags": ["kvp"]}},
            "not_measured": {"L2_HU": {"reason": "out_of_coverage"}},
        });
        std::fs::write(folder.join(name), json.to_string()).unwrap();
    }

    #[test]
    fn the_newest_revision_of_a_case_folder_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let case = root.path().join("a");
        write(&case, "x.r0001.rsif.json", "k1:aa", 1, 100.0);
        write(&case.join("series/aa/r0002"), "v.rsif.json", "k1:aa", 2, 110.0);
        let keys = BTreeMap::new();
        let found = results(&Where { folder: root.path(), keys: &keys }, ["a", "b", "../a"]).unwrap();
        assert_eq!(found.len(), 1);
        let a = &found["a"];
        assert_eq!(a.values[&Term::L1Hu], Value { value: 110.0, flags: vec!["kvp".to_owned()] });
        assert_eq!(a.reasons[&Term::L2Hu], "out_of_coverage");
        assert_eq!(a.levels, [("L1".to_owned(), [1.0, 2.0, 3.5])]);
    }

    #[test]
    fn several_series_need_a_name_and_a_key_gives_it() {
        let root = tempfile::tempdir().unwrap();
        write(&root.path().join("a"), "x.rsif.json", "k1:aa", 1, 100.0);
        write(&root.path().join("a"), "y.rsif.json", "k1:bb", 1, 120.0);
        let none = BTreeMap::new();
        let error = results(&Where { folder: root.path(), keys: &none }, ["a"]).unwrap_err();
        assert!(error.to_string().starts_with("case a: 2 series in its results (k1:aa, k1:bb)"), "{error}");
        let keys = BTreeMap::from([("a".to_owned(), "bb".to_owned())]);
        let found = results(&Where { folder: root.path(), keys: &keys }, ["a"]).unwrap();
        assert_eq!(found["a"].values[&Term::L1Hu].value, 120.0);
    }

    #[test]
    fn a_document_that_is_none_is_named() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("a")).unwrap();
        std::fs::write(root.path().join("a/x.rsif.json"), "{}").unwrap();
        let keys = BTreeMap::new();
        let error = results(&Where { folder: root.path(), keys: &keys }, ["a"]).unwrap_err().to_string();
        assert!(error.ends_with("x.rsif.json: no text at /source/series_key"), "{error}");
    }
}
