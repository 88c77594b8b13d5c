//! Fields that say what the document is, where the images came from and how levels were named.

use schemars::JsonSchema;
use serde::Serialize;

use super::Number;
use super::PROFILE_NAME;
use super::SERVICE_TYPE;

/// Our extension and its version.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Profile {
    /// Name.
    #[schemars(extend("const" = PROFILE_NAME))]
    pub(crate) name: &'static str,
    /// Semantic version.
    pub(crate) version: &'static str,
}

/// Limits of use, in both public generations of flags.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Scope {
    /// Always true.
    #[schemars(extend("const" = true))]
    pub(crate) technical_analysis_only: bool,
    /// Always false.
    #[schemars(extend("const" = false))]
    pub(crate) medical_diagnosis: bool,
    /// Always false.
    #[schemars(extend("const" = false))]
    pub(crate) clinical_decision_support: bool,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub(crate) technical_only: bool,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub(crate) not_a_medical_report: bool,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub(crate) not_a_diagnosis: bool,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub(crate) not_clinical_decision_support: bool,
    /// Kind of service.
    #[schemars(extend("const" = SERVICE_TYPE))]
    pub(crate) service_type: &'static str,
}

/// How identifiers were treated.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Deidentification {
    /// `pseudonymized`, `anonymized` or `identified`.
    #[schemars(extend("enum" = ["pseudonymized", "anonymized", "identified"]))]
    pub(crate) metadata_status: &'static str,
    /// What became of UIDs.
    pub(crate) uid_strategy: &'static str,
    /// How keys are made; absent where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_scheme: Option<&'static str>,
    /// Whether dates of the study are included.
    pub(crate) dates_included: bool,
    /// Patient attributes included.
    pub(crate) patient_attributes_included: Vec<&'static str>,
}

/// Origin of the data in public words.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct DataOrigin {
    /// Modality.
    #[schemars(extend("const" = "CT"))]
    pub(crate) modality: &'static str,
    /// Format of the source.
    #[schemars(extend("const" = "DICOM"))]
    pub(crate) source_format: &'static str,
    /// `lumbar_spine` or `liver`.
    pub(crate) study_region: &'static str,
    /// `unenhanced`, `enhanced` or `unknown`.
    pub(crate) contrast_status: &'static str,
}

/// Source images: pseudonymous keys, counts, digests.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Source {
    /// Key of the study.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) study_key: Option<String>,
    /// Key of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) series_key: Option<String>,
    /// Key of the frame of reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frame_of_reference_key: Option<String>,
    /// Key of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject_key: Option<String>,
    /// Study Instance UID; only in identified documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) study_instance_uid: Option<String>,
    /// Series Instance UID; only in identified documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) series_instance_uid: Option<String>,
    /// Number of instances received.
    pub(crate) instance_count: usize,
    /// Name of the SOP class.
    pub(crate) sop_class: String,
    /// Digest over the received data sets; absent in anonymized documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instances_digest: Option<String>,
    /// Digest over geometry and HU; absent without a volume and in anonymized documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume_digest: Option<String>,
}

/// One attribute of the acquisition.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Acquisition {
    /// The same value in every slice.
    Single {
        /// The value.
        value: Scalar,
        /// Unit.
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<&'static str>,
        /// DICOM tag.
        tag: &'static str,
    },
    /// A range over the slices.
    Range {
        /// Smallest.
        minimum: Number,
        /// Largest.
        maximum: Number,
        /// Unit.
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<&'static str>,
        /// DICOM tag.
        tag: &'static str,
    },
    /// Contrast phase.
    Phase {
        /// The phase.
        value: &'static str,
        /// `image` or `tags`.
        basis: &'static str,
    },
    /// Modality LUT as rescale.
    Rescale {
        /// Rescale Slope.
        slope: Number,
        /// Rescale Intercept.
        intercept: Number,
        /// Rescale Type.
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// DICOM tag of the slope.
        tag: &'static str,
    },
}

/// A text, number or truth value.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Scalar {
    /// Text.
    Text(String),
    /// Number.
    Number(Number),
    /// Truth value.
    Bool(bool),
}

/// Geometry of the measured volume; extents are absent where there is no volume.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub(crate) struct Geometry {
    /// Coordinate system of every position.
    #[schemars(extend("const" = "DICOM_PATIENT_LPS"))]
    pub(crate) coordinate_system: &'static str,
    /// Unit of every length.
    #[schemars(extend("const" = "mm"))]
    pub(crate) unit: &'static str,
    /// Rows of a slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<usize>,
    /// Columns of a slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) columns: Option<usize>,
    /// Number of slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slices: Option<usize>,
    /// Distance of rows, then of columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pixel_spacing: Option<Vec<Number>>,
    /// Median distance of slices, from their positions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slice_spacing: Option<Number>,
    /// Direction cosines of rows, then of columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) orientation: Option<Vec<Number>>,
    /// Centre of the first pixel of the most caudal slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_position: Option<Vec<Number>>,
    /// Centre of the first pixel of the most cranial slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_position: Option<Vec<Number>>,
}

/// How vertebral levels were named.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LevelIdentification {
    /// `certain`, `probable` or `ambiguous`.
    pub(crate) verdict: &'static str,
    /// `ribs`, `sacrum_count` or `none`.
    pub(crate) basis: &'static str,
    /// Numbering convention.
    pub(crate) convention: &'static str,
    /// Evidence and doubts.
    pub(crate) evidence: Vec<&'static str>,
    /// Named levels, cranial to caudal.
    pub(crate) levels: Vec<LevelFields>,
}

/// One named level.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LevelFields {
    /// Anatomical name.
    pub(crate) level: String,
    /// Parameter measured there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) term: Option<&'static str>,
    /// Centre of the body.
    pub(crate) center: Vec<Number>,
}

/// Label in the languages of `label_languages`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Label {
    /// English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) en: Option<&'static str>,
    /// Russian.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ru: Option<&'static str>,
}
