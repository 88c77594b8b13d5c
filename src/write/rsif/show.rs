//! A document as a short table for people.

use std::fmt::Write as _;

use serde_json::Value;

use super::canonical::number_text;
use crate::write::validate::DOCUMENT_BYTES_MAX;

/// Why a document cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// Larger than is read.
    #[error("{bytes} bytes; at most {DOCUMENT_BYTES_MAX} are read")]
    TooLarge {
        /// Size of the file.
        bytes: usize,
    },
    /// Not JSON.
    #[error("not a JSON document: {0}")]
    Json(#[from] serde_json::Error),
}

/// Values, reasons and flags of a document, one line each.
pub fn show(bytes: &[u8]) -> Result<String, ShowError> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(ShowError::TooLarge { bytes: bytes.len() });
    }
    let document: Value = serde_json::from_slice(bytes)?;
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let mut table = String::new();
    let analyses = document.get("analysis_types").map_or_else(|| text("/analysis_type").to_owned(), words);
    let _ = writeln!(table, "{analyses}  series {}", text("/source/series_key"));
    let _ = writeln!(
        table,
        "phase {}  numbering {}",
        text("/acquisition/phase/value"),
        text("/level_identification/verdict")
    );
    for (name, entry) in entries(&document, "measurements") {
        let value = entry.get("value").and_then(Value::as_f64).map_or_else(|| "-".to_owned(), number_text);
        let unit = entry.get("unit").and_then(Value::as_str).unwrap_or("-");
        let flags = entry.get("flags").map(words).unwrap_or_default();
        let line = format!("{name:<19}{value:>9} {unit:<6}{flags}");
        let _ = writeln!(table, "{}", line.trim_end());
    }
    for (name, entry) in entries(&document, "not_measured") {
        let field = |key| entry.get(key).and_then(Value::as_str).unwrap_or("-");
        let _ = writeln!(table, "{name:<19}{:>9} {}: {}", "-", field("reason"), field("explanation"));
    }
    let _ = writeln!(table, "Technical measurement only.");
    // A foreign document may hold control characters; a terminal must not see them.
    Ok(table.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect())
}

fn entries<'a>(document: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    document.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn words(list: &Value) -> String {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
