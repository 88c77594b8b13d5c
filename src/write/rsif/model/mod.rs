//! The RSIF document as types: field order is output order; the JSON Schema is generated from here.
//!
//! Every number is a [`Number`] or an integer, so that no value that is not finite can be written.

mod context;
mod outcome;
mod quality;

use std::borrow::Cow;

use schemars::JsonSchema;
use schemars::Schema;
use schemars::SchemaGenerator;
use schemars::json_schema;
use serde::Serialize;
use serde::Serializer;

use super::RsifError;
use crate::codes::Term;
use crate::units;

pub(crate) use context::*;
pub(crate) use outcome::*;
pub(crate) use quality::*;

/// IRI of the public schema.
pub(crate) const SCHEMA_IRI: &str = "https://docs.resetray.ru/rsif/schema.json";
/// IRI of the public JSON-LD context.
pub(crate) const CONTEXT_IRI: &str = "https://docs.resetray.ru/vocabulary/context.jsonld";
/// Version of the public format.
pub(crate) const RSIF_VERSION: &str = "3.0-safe";
/// Full name of the format.
pub(crate) const FORMAT_NAME: &str = "ResetRay Structured Imaging Format";
/// Document type of the public format.
pub(crate) const DOCUMENT_TYPE: &str = "technical_quantitative_ct_data";
/// Service type of the public scope.
pub(crate) const SERVICE_TYPE: &str = "technical_ct_dicom_processing";
/// Name of our extension.
pub(crate) const PROFILE_NAME: &str = "resetray-node";
/// Version of our extension.
pub(crate) const PROFILE_VERSION: &str = "1.0.0";

/// Magnitude of numbers that are not written: below it, 6 decimals survive every JSON parser exactly.
const NUMBER_MAX: f64 = 1e9;

/// A finite number, rounded for output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub(crate) struct Number(f64);

impl Number {
    /// Rounds `value` half away from zero to `decimals`; `field` names the place for the error.
    pub(crate) fn rounded(value: f64, decimals: u32, field: &'static str) -> Result<Number, RsifError> {
        let rounded = units::round(value, decimals);
        if rounded.is_finite() && rounded.abs() < NUMBER_MAX {
            Ok(Number(rounded))
        } else {
            Err(RsifError::NotFinite { field })
        }
    }

    /// A position or length vector in mm.
    pub(crate) fn lengths<const N: usize>(values_mm: [f64; N], field: &'static str) -> Result<Vec<Number>, RsifError> {
        Number::vector(values_mm, units::LENGTH_DECIMALS, field)
    }

    /// A vector of `N` numbers with the same number of decimals.
    pub(crate) fn vector<const N: usize>(
        values: [f64; N],
        decimals: u32,
        field: &'static str,
    ) -> Result<Vec<Number>, RsifError> {
        values.into_iter().map(|value| Number::rounded(value, decimals, field)).collect()
    }
}

/// A JSON object whose keys are data; keeps their order.
#[derive(Debug, Clone)]
pub(crate) struct Ordered<T>(pub(crate) Vec<(String, T)>);

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<T: JsonSchema> JsonSchema for Ordered<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}ByName", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<T>()})
    }
}

/// RSIF document of a CT series, profile `resetray-node`. Technical measurement only.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "RSIF, profile resetray-node 1.0.0")]
pub(crate) struct RsifDocument {
    /// IRI of the public schema.
    #[serde(rename = "$schema")]
    #[schemars(extend("const" = SCHEMA_IRI))]
    pub(crate) schema: &'static str,
    /// IRI of the public JSON-LD context.
    #[serde(rename = "@context")]
    #[schemars(extend("const" = CONTEXT_IRI))]
    pub(crate) context: &'static str,
    /// `urn:uuid:` of the content: first 16 bytes of `content_digest`, version 8.
    #[serde(rename = "@id")]
    #[schemars(regex(pattern = r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))]
    pub(crate) id: String,
    /// JSON-LD type.
    #[serde(rename = "@type")]
    #[schemars(extend("const" = "RSIF"))]
    pub(crate) kind: &'static str,
    /// Version of the public format.
    #[schemars(extend("const" = RSIF_VERSION))]
    pub(crate) rsif_version: &'static str,
    /// Full name of the format.
    #[schemars(extend("const" = FORMAT_NAME))]
    pub(crate) format_name: &'static str,
    /// Short name of the format.
    #[schemars(extend("const" = "RSIF"))]
    pub(crate) format_abbreviation: &'static str,
    /// What the document holds.
    #[schemars(extend("const" = DOCUMENT_TYPE))]
    pub(crate) document_type: &'static str,
    /// Our extension and its version.
    pub(crate) profile: Profile,
    /// Present only in synthetic documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) example_type: Option<String>,
    /// Language of notes and explanations.
    #[schemars(extend("enum" = ["en", "ru"]))]
    pub(crate) language: &'static str,
    /// Languages present in `label` objects.
    pub(crate) label_languages: Vec<&'static str>,
    /// Kind of study.
    #[schemars(extend("const" = "CT"))]
    pub(crate) study_type: &'static str,
    /// Modality.
    #[schemars(extend("const" = "CT"))]
    pub(crate) modality: &'static str,
    /// Analysis of this document; of a combined document the first.
    #[schemars(extend("enum" = ["vertebral_attenuation", "liver_attenuation"]))]
    pub(crate) analysis_type: &'static str,
    /// All analyses of this document.
    pub(crate) analysis_types: Vec<&'static str>,
    /// Limits of use.
    pub(crate) scope: Scope,
    /// Fixed sentences for readers.
    #[schemars(length(max = 5))]
    pub(crate) reading_notes: Vec<&'static str>,
    /// How identifiers were treated.
    pub(crate) deidentification: Deidentification,
    /// Origin of the data in public words.
    pub(crate) data_origin: DataOrigin,
    /// Source images.
    pub(crate) source: Source,
    /// Technical attributes of the acquisition.
    pub(crate) acquisition: Ordered<Acquisition>,
    /// Geometry of the measured volume.
    pub(crate) geometry: Geometry,
    /// How vertebral levels were named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) level_identification: Option<LevelIdentification>,
    /// Values by public parameter name.
    #[schemars(extend("propertyNames" = {"enum": (Term::ALL.map(Term::name))}))]
    pub(crate) measurements: Ordered<Measurement>,
    /// Reasons by public parameter name; absence is not zero.
    #[schemars(extend("propertyNames" = {"enum": (Term::ALL.map(Term::name))}))]
    pub(crate) not_measured: Ordered<NotMeasured>,
    /// Regions with geometry and statistics.
    pub(crate) technical_measurements: Ordered<TechnicalMeasurement>,
    /// Suitability checks with observation, limit and verdict.
    pub(crate) checks: Vec<Check>,
    /// Union of all flags with their scope.
    pub(crate) quality_flags: Vec<QualityFlag>,
    /// Preview images in the same folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previews: Option<Vec<Preview>>,
    /// Whether previews exist, in public words.
    pub(crate) technical_preview: TechnicalPreview,
    /// The program.
    pub(crate) software: SoftwareFields,
    /// The effective configuration.
    pub(crate) configuration: Configuration,
    /// SHA-256 of the RFC 8785 form without `@id`, `content_digest`, `processing`.
    #[schemars(regex(pattern = r"^sha256:[0-9a-f]{64}$"))]
    pub(crate) content_digest: String,
    /// Circumstances of this revision; may be stripped on export.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processing: Option<ProcessingFields>,
}
