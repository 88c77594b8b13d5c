//! Fields of checks, flags, previews and the circumstances of a revision.

use schemars::JsonSchema;
use serde::Serialize;

use super::Number;
use super::Ordered;
use super::Scalar;

/// One evaluated check.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Check {
    /// Identifier inside the document.
    pub(crate) id: String,
    /// Name in the definition set.
    pub(crate) name: &'static str,
    /// `series` or parameter names.
    pub(crate) applies_to: Vec<&'static str>,
    /// What was observed; absent when not evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observed: Option<Scalar>,
    /// Unit of the observation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<&'static str>,
    /// Limits.
    pub(crate) limit: Limit,
    /// Conclusion from observation and limits.
    #[schemars(extend("enum" = ["pass", "flag", "refuse", "not_evaluated"]))]
    pub(crate) verdict: &'static str,
}

/// Limits of a check.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Limit {
    /// Inside: `pass`.
    pub(crate) pass: Bound,
    /// Else inside: `flag`; outside both: `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flag: Option<Bound>,
}

/// A comparison.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Bound {
    /// Operator.
    #[schemars(extend("enum" = ["<=", ">=", "==", "between", "in", "not_in"]))]
    pub(crate) op: &'static str,
    /// Operand.
    pub(crate) value: BoundValue,
}

/// Operand of a comparison.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum BoundValue {
    /// A number.
    Number(Number),
    /// Two ends, both included.
    Ends(Vec<Number>),
    /// Words.
    Words(Vec<&'static str>),
    /// A truth value.
    Bool(bool),
}

/// A flag and what it qualifies.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct QualityFlag {
    /// Name of a check or a flag of the definition set.
    pub(crate) code: &'static str,
    /// `series` or parameter names.
    pub(crate) applies_to: Vec<&'static str>,
    /// The check behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<String>,
}

/// A preview image.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Preview {
    /// Name relative to the revision folder.
    pub(crate) file: String,
    /// SHA-256 of the file.
    pub(crate) digest: String,
    /// File format.
    #[schemars(extend("const" = "PNG"))]
    pub(crate) format: &'static str,
    /// Width (px).
    pub(crate) width: u32,
    /// Height (px).
    pub(crate) height: u32,
    /// What kind of picture.
    pub(crate) role: String,
    /// Parameters shown.
    pub(crate) shows: Vec<&'static str>,
    /// Grey window.
    pub(crate) window: Window,
}

/// Grey window of a preview.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Window {
    /// Centre.
    pub(crate) center: Number,
    /// Width.
    pub(crate) width: Number,
    /// Unit of both.
    #[schemars(extend("const" = "HU"))]
    pub(crate) unit: &'static str,
}

/// Whether previews exist.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TechnicalPreview {
    /// Whether there is at least one.
    pub(crate) available: bool,
    /// File format.
    #[schemars(extend("const" = "PNG"))]
    pub(crate) format: &'static str,
}

/// The program.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SoftwareFields {
    /// Name.
    pub(crate) name: String,
    /// Version.
    pub(crate) version: String,
    /// Source revision.
    pub(crate) source_revision: String,
}

/// The effective configuration.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Configuration {
    /// SHA-256 of its RFC 8785 form.
    pub(crate) digest: String,
    /// Name of the policy.
    pub(crate) policy: String,
    /// Version of definitions and limits.
    pub(crate) definition_set: &'static str,
}

/// Circumstances of this revision.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ProcessingFields {
    /// RFC 3339 UTC with milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) generated_at: Option<String>,
    /// Revision of the series' results, from 1.
    #[schemars(range(min = 1))]
    pub(crate) revision: u32,
    /// `@id` of the previous revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supersedes: Option<String>,
    /// Why there is a new revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) supersede_reason: Option<&'static str>,
    /// What started the work.
    pub(crate) trigger: &'static str,
    /// Job, for support.
    pub(crate) job: String,
    /// Name of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    /// Time per step (ms).
    pub(crate) durations_ms: Ordered<u64>,
    /// Other outputs of the same record.
    pub(crate) outputs: Vec<OutputFields>,
}

/// Another output of the same record.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct OutputFields {
    /// `dicom_sr`, `dicom_seg`, `dicom_sc`.
    pub(crate) kind: String,
    /// File relative to the revision folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// Name of the destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<String>,
    /// SHA-256 of its bytes.
    pub(crate) digest: String,
}
