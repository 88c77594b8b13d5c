//! RSIF documents of the profile `resetray-node`.
//!
//! Input: a [`Record`], the previews made from it, the site secret for pseudonymous keys, and the circumstances of
//! the run ([`Processing`]). Output: [`Document`]s: file name, bytes, digest and identity; HU, mm, mm3.
//! Everything outside `processing` is a function of the other inputs.
//! Errors: [`RsifError`], when the record contradicts itself.
//! Source: public RSIF 3.0-safe schema and vocabulary; RFC 8785; RFC 9562 (UUID version 8).

mod build;
mod canonical;
mod checks;
mod explanations;
mod model;
mod regions;
mod show;
mod words;

use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;

use crate::codes::Analysis;
use crate::codes::Term;
use crate::identity::SiteSecret;
use crate::identity::hex;
use crate::record::Record;

pub use show::ShowError;
pub use show::show;

pub(crate) use canonical::jcs;
pub(crate) use explanations::explanation;
pub(crate) use model::CONTEXT_IRI;
pub(crate) use model::DOCUMENT_TYPE;
pub(crate) use model::FORMAT_NAME;
pub(crate) use model::PROFILE_NAME;
pub(crate) use model::RSIF_VERSION;
pub(crate) use model::SCHEMA_IRI;
pub(crate) use model::SERVICE_TYPE;

/// Extension of every RSIF file name.
pub const FILE_SUFFIX: &str = ".rsif.json";
/// Keys that the content digest leaves out.
pub(crate) const UNDIGESTED: [&str; 3] = ["@id", "content_digest", "processing"];

/// How many documents a series gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Documents {
    /// One per analysis.
    #[default]
    PerAnalysis,
    /// One for all analyses.
    Combined,
}

/// Language of notes and explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Russian.
    Russian,
}

impl Language {
    /// `en` or `ru`.
    pub fn code(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Russian => "ru",
        }
    }
}

/// Languages of `label` objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Labels {
    /// English only.
    English,
    /// Russian only.
    Russian,
    /// Both.
    #[default]
    Both,
}

/// Which identifiers of the source appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Identifiers {
    /// No keys, no digests.
    None,
    /// Pseudonymous keys.
    #[default]
    Pseudonym,
    /// Keys and UIDs.
    Source,
}

/// Choices of the configuration that shape documents.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// One document per analysis, or one for all.
    pub documents: Documents,
    /// Languages of labels.
    pub labels: Labels,
    /// Language of notes and explanations.
    pub language: Language,
    /// Which identifiers appear.
    pub identifiers: Identifiers,
    /// What `source.subject_key` is derived from (Patient ID); `None` leaves the key out.
    pub subject_identifier: Option<String>,
    /// Leaves `processing.generated_at` out.
    pub omit_timestamps: bool,
    /// Marks synthetic documents, e.g. `synthetic_public_example`.
    pub example_type: Option<String>,
    /// Name of the policy in `configuration`; `None` reads `default`.
    pub policy: Option<String>,
}

/// Name and version of the program.
#[derive(Debug, Clone)]
pub struct Software {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Source revision.
    pub source_revision: String,
}

/// Why there is a new revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupersedeReason {
    /// Instances came after publication.
    LateInstances,
    /// The effective configuration changed.
    ConfigurationChanged,
    /// The program changed.
    SoftwareChanged,
    /// Somebody asked for it.
    Operator,
}

impl SupersedeReason {
    /// The word of the outputs.
    pub fn name(self) -> &'static str {
        match self {
            SupersedeReason::LateInstances => "late_instances",
            SupersedeReason::ConfigurationChanged => "configuration_changed",
            SupersedeReason::SoftwareChanged => "software_changed",
            SupersedeReason::Operator => "operator",
        }
    }
}

/// What started the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trigger {
    /// The series was complete.
    #[default]
    SeriesComplete,
    /// The deadline of completeness passed.
    Timeout,
    /// Somebody asked to process it again.
    Reprocess,
}

impl Trigger {
    /// The word of the outputs.
    pub fn name(self) -> &'static str {
        match self {
            Trigger::SeriesComplete => "series_complete",
            Trigger::Timeout => "timeout",
            Trigger::Reprocess => "reprocess",
        }
    }
}

/// Another output of the same record, whose bytes contain times.
#[derive(Debug, Clone)]
pub struct Output {
    /// `dicom_sr`, `dicom_seg`, `dicom_sc`.
    pub kind: String,
    /// File relative to the revision folder.
    pub file: Option<String>,
    /// Name of the destination.
    pub destination: Option<String>,
    /// SHA-256 of its bytes, hexadecimal.
    pub digest: String,
}

/// Circumstances of one revision: all that is not a function of instances, configuration and program.
#[derive(Debug, Clone)]
pub struct Processing {
    /// When the documents were made.
    pub generated_at: jiff::Timestamp,
    /// Revision of the series' results, from 1.
    pub revision: u32,
    /// `@id` of the previous revision of each document, by document name ([`Document::name`]).
    pub supersedes: Vec<(String, String)>,
    /// Why there is a new revision.
    pub supersede_reason: Option<SupersedeReason>,
    /// What started the work.
    pub trigger: Trigger,
    /// Job, for support.
    pub job: String,
    /// Name of the node.
    pub node: Option<String>,
    /// Time per step (ms), in step order.
    pub durations_ms: Vec<(String, u64)>,
    /// Other outputs of the same record.
    pub outputs: Vec<Output>,
}

/// A preview image that lies beside the documents.
#[derive(Debug, Clone)]
pub struct PreviewEntry {
    /// Name relative to the revision folder.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    /// Width (px).
    pub width: u32,
    /// Height (px).
    pub height: u32,
    /// What kind of picture, e.g. `levels_sagittal`.
    pub role: String,
    /// Parameters shown; empty stands for the whole series.
    pub shows: Vec<Term>,
    /// Centre of the grey window (HU).
    pub window_center_hu: f64,
    /// Width of the grey window (HU).
    pub window_width_hu: f64,
}

/// One RSIF document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Analysis name, or `combined`.
    pub name: &'static str,
    /// File name, e.g. `vertebral_attenuation.rsif.json`.
    pub file_name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// `sha256:` and 64 hexadecimal digits.
    pub content_digest: String,
    /// `urn:uuid:` of the content.
    pub id: String,
}

/// Why no document can be made of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RsifError {
    /// A number is NaN, infinite or beyond 1e9.
    #[error("{field} is not a finite number below 1e9")]
    NotFinite {
        /// The place in the document.
        field: &'static str,
    },
    /// The record contradicts itself.
    #[error("{term}: {problem}")]
    Inconsistent {
        /// The parameter.
        term: &'static str,
        /// What does not fit.
        problem: &'static str,
    },
    /// The types could not be turned into a JSON tree.
    #[error("the document could not be serialised: {detail}")]
    Serialisation {
        /// What the serialiser says.
        detail: String,
    },
}

/// The documents of a record, in the order of its analyses; none where no analysis is requested.
pub fn documents(
    record: &Record,
    previews: &[PreviewEntry],
    secret: &SiteSecret,
    software: &Software,
    processing: &Processing,
    options: &Options,
) -> Result<Vec<Document>, RsifError> {
    let groups: Vec<(&'static str, Vec<Analysis>)> = match options.documents {
        _ if record.analyses.is_empty() => Vec::new(),
        Documents::PerAnalysis => record.analyses.iter().map(|&one| (one.name(), vec![one])).collect(),
        Documents::Combined => vec![("combined", record.analyses.clone())],
    };
    let mut made = Vec::with_capacity(groups.len());
    for (name, analyses) in groups {
        let context = build::Context { record, previews, secret, software, processing, options, analyses, name };
        made.push(seal(name, build::document(&context)?)?);
    }
    Ok(made)
}

/// Fills digest and identity and lays the document out.
fn seal(name: &'static str, document: model::RsifDocument) -> Result<Document, RsifError> {
    let mut tree =
        serde_json::to_value(document).map_err(|error| RsifError::Serialisation { detail: error.to_string() })?;
    let (content_digest, id) = content_identity(&tree);
    if let Value::Object(entries) = &mut tree {
        entries.insert("@id".to_owned(), Value::String(id.clone()));
        entries.insert("content_digest".to_owned(), Value::String(content_digest.clone()));
    }
    let bytes = canonical::layout(&tree).into_bytes();
    Ok(Document { name, file_name: format!("{name}{FILE_SUFFIX}"), bytes, content_digest, id })
}

/// `content_digest` and `@id` that belong to a document.
pub(crate) fn content_identity(tree: &Value) -> (String, String) {
    let mut digested = tree.clone();
    if let Value::Object(entries) = &mut digested {
        for key in UNDIGESTED {
            entries.shift_remove(key);
        }
    }
    let digest: [u8; 32] = Sha256::digest(jcs(&digested).as_bytes()).into();
    let mut first = [0u8; 16];
    first.copy_from_slice(&digest[..16]);
    (format!("sha256:{}", hex(&digest)), id_of_bytes(first))
}

/// `@id` of the document with this `content_digest`; `None` where that is no such digest.
pub fn id_of_digest(content_digest: &str) -> Option<String> {
    let digits = content_digest.strip_prefix("sha256:").filter(|digits| digits.len() == 64)?;
    let first = u128::from_str_radix(digits.get(..32)?, 16).ok()?;
    Some(id_of_bytes(first.to_be_bytes()))
}

fn id_of_bytes(first: [u8; 16]) -> String {
    format!("urn:uuid:{}", uuid::Uuid::from_bytes(version_8(first)))
}

/// Sets version and variant bits of RFC 9562.
fn version_8(mut bytes: [u8; 16]) -> [u8; 16] {
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// The canonical layout of any JSON text.
pub fn re_emit(text: &[u8]) -> Result<String, serde_json::Error> {
    serde_json::from_slice::<Value>(text).map(|tree| canonical::layout(&tree))
}

/// The JSON Schema of the documents, generated from their types.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(model::RsifDocument).to_value();
    forbid_null(&mut schema);
    canonical::layout(&schema)
}

/// An optional field is absent, never `null`: takes that alternative out of a schema.
fn forbid_null(schema: &mut Value) {
    let null = json!({"type": "null"});
    if let Value::Object(entries) = schema {
        if let Some(Value::Array(types)) = entries.get_mut("type") {
            types.retain(|one| one != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                entries.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(alternatives)) = entries.get_mut("anyOf") {
            alternatives.retain(|one| *one != null);
        }
        entries.values_mut().for_each(forbid_null);
    } else if let Value::Array(items) = schema {
        items.iter_mut().for_each(forbid_null);
    }
}
