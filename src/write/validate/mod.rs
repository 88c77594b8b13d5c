//! Checking of RSIF documents, ours and others'.
//!
//! Input: bytes of a file. Output: [`Violation`]s, each with a JSON pointer, the rule and a message; none = valid.
//! Every document is held against the public rules R1 to R16. A document of the profile `resetray-node` also has its
//! invariants, check verdicts, derived values and digests recomputed. Unknown fields are allowed everywhere.
//! Limits: [`DOCUMENT_BYTES_MAX`], [`DEPTH_MAX`], [`VIOLATIONS_MAX`].
//! Source: public RSIF 3.0-safe schema and vocabulary, RFC 8785.

mod invariants;
mod public_rules;
mod strict;
mod verdicts;

use serde_json::Map;
use serde_json::Value;

/// Largest document that is read (bytes).
pub const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest nesting of containers.
pub const DEPTH_MAX: usize = 64;
/// Violations reported at most.
pub const VIOLATIONS_MAX: usize = 200;
/// UTF-8 byte order mark, which the format does not allow.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) of the place; empty for the whole document.
    pub path: String,
    /// The rule: `R1` .. `R16`, or a name such as `content_digest`.
    pub rule: &'static str,
    /// What was found and what was expected.
    pub message: String,
}

/// Violations found so far, up to [`VIOLATIONS_MAX`].
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, rule: &'static str, path: impl Into<String>, message: impl Into<String>) {
        if self.0.len() < VIOLATIONS_MAX {
            self.0.push(Violation { path: path.into(), rule, message: message.into() });
        }
    }

    /// Adds a violation unless `holds`.
    fn require(&mut self, holds: bool, rule: &'static str, path: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.add(rule, path, message());
        }
    }
}

/// All rules that a document breaks.
pub fn validate(bytes: &[u8]) -> Vec<Violation> {
    let mut findings = Findings::default();
    if let Some(document) = parse(bytes, &mut findings) {
        public_rules::check(&document, &mut findings);
        if document.pointer_text("/profile/name") == Some(super::rsif::PROFILE_NAME) {
            invariants::check(&document, &mut findings);
            verdicts::check(&document, &mut findings);
        }
    }
    findings.0
}

/// R1: UTF-8, one JSON object, of bounded size and depth.
fn parse(bytes: &[u8], findings: &mut Findings) -> Option<Value> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        findings.add("R1", "", format!("{} bytes; at most {DOCUMENT_BYTES_MAX} are read", bytes.len()));
        return None;
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        findings.add("R1", "", "starts with a byte order mark");
        return None;
    }
    let document = match serde_json::from_slice(bytes) {
        Ok(strict::Strict(document)) => document,
        Err(error) => {
            findings.add("R1", "", format!("not JSON in UTF-8 with finite numbers: {error}"));
            return None;
        }
    };
    if !within_depth(&document, DEPTH_MAX) {
        findings.add("R1", "", format!("nested deeper than {DEPTH_MAX} containers"));
        return None;
    }
    if !document.is_object() {
        findings.add("R1", "", "the document is not a JSON object");
        return None;
    }
    Some(document)
}

/// The JSON parser bounds the depth at 128, so this recursion is bounded too.
fn within_depth(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| within_depth(item, left - 1)),
        Value::Object(entries) => left > 0 && entries.values().all(|item| within_depth(item, left - 1)),
        _ => true,
    }
}

/// Calls `visit` with pointer, key and value of every entry, depth first.
fn walk<'a>(value: &'a Value, path: &str, visit: &mut impl FnMut(&str, Option<&'a str>, &'a Value)) {
    match value {
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                let path = format!("{path}/{position}");
                visit(&path, None, item);
                walk(item, &path, visit);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                visit(&path, Some(key), item);
                walk(item, &path, visit);
            }
        }
        _ => {}
    }
}

/// Short ways into a JSON tree.
trait Reading {
    /// The text at a pointer.
    fn pointer_text(&self, pointer: &str) -> Option<&str>;
    /// The number at a pointer.
    fn pointer_number(&self, pointer: &str) -> Option<f64>;
    /// The object under a key; an empty one where there is none.
    fn entries(&self, key: &str) -> &Map<String, Value>;
    /// The texts of the array at a pointer.
    fn texts(&self, pointer: &str) -> Vec<&str>;
}

impl Reading for Value {
    fn pointer_text(&self, pointer: &str) -> Option<&str> {
        self.pointer(pointer).and_then(Value::as_str)
    }

    fn pointer_number(&self, pointer: &str) -> Option<f64> {
        self.pointer(pointer).and_then(Value::as_f64)
    }

    fn entries(&self, key: &str) -> &Map<String, Value> {
        static NOTHING: std::sync::OnceLock<Map<String, Value>> = std::sync::OnceLock::new();
        self.get(key).and_then(Value::as_object).unwrap_or_else(|| NOTHING.get_or_init(Map::new))
    }

    fn texts(&self, pointer: &str) -> Vec<&str> {
        let items = self.pointer(pointer).and_then(Value::as_array);
        items.map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }
}

/// Word stems of conclusions that no output may carry.
const DIAGNOSTIC_STEMS: [&str; 27] = [
    "diagnos",
    "disease",
    "patholog",
    "osteopor",
    "osteopen",
    "steatosis",
    "steatotic",
    "cirrho",
    "fibrosis",
    "hepatitis",
    "fatty liver",
    "fracture",
    "malignan",
    "tumor",
    "tumour",
    "metasta",
    "treatment",
    "therap",
    "abnormal",
    "scolio",
    "t-score",
    "z-score",
    "диагно",
    "заболеван",
    "остеопор",
    "стеатоз",
    "лечени",
];

/// The first word of a medical conclusion in a text.
pub(crate) fn diagnostic_word(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    DIAGNOSTIC_STEMS.into_iter().find(|stem| lower.contains(stem))
}
