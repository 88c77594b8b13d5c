//! Fields of values, reasons and regions.

use schemars::JsonSchema;
use serde::Serialize;

use super::Label;
use super::Number;

/// One measured parameter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Measurement {
    /// The value.
    pub(crate) value: Number,
    /// `HU` or `ratio`.
    #[schemars(extend("enum" = ["HU", "ratio"]))]
    pub(crate) unit: &'static str,
    /// How, in a public word.
    pub(crate) method: &'static str,
    /// `measured` or `measured_with_flags`.
    #[schemars(extend("enum" = ["measured", "measured_with_flags"]))]
    pub(crate) status: &'static str,
    /// Flags that qualify the value.
    pub(crate) flags: Vec<&'static str>,
    /// Name in words.
    pub(crate) label: Label,
    /// Operands of a derived value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) derived_from: Option<Vec<&'static str>>,
    /// Formula of a derived value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) formula: Option<&'static str>,
    /// Key in `technical_measurements`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) region: Option<String>,
    /// Definition of the region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) definition: Option<&'static str>,
    /// Version of the definitions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) definition_set: Option<&'static str>,
    /// Contrast phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phase: Option<&'static str>,
}

/// Why a parameter has no value.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct NotMeasured {
    /// Reason code.
    pub(crate) reason: &'static str,
    /// Name in words.
    pub(crate) label: Label,
    /// One sentence in `language`.
    pub(crate) explanation: &'static str,
    /// Checks that refused.
    pub(crate) failed_checks: Vec<String>,
    /// Operands without a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blocked_by: Option<Vec<&'static str>>,
}

/// One region.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct TechnicalMeasurement {
    /// Public parameter word.
    #[schemars(extend("enum" = ["ct_attenuation_hu", "vertebral_attenuation_hu"]))]
    pub(crate) parameter: &'static str,
    /// Mean attenuation.
    pub(crate) mean_hu: Number,
    /// Unit of the mean.
    #[schemars(extend("const" = "HU"))]
    pub(crate) unit: &'static str,
    /// Short name in `language`.
    pub(crate) label: &'static str,
    /// Part of the body.
    pub(crate) body_region: &'static str,
    /// Definition of the region.
    pub(crate) definition: &'static str,
    /// `public` (its mean is a parameter) or `supplementary`.
    pub(crate) role: &'static str,
    /// Where it lies.
    pub(crate) measurement_area: MeasurementArea,
    /// Statistics of its voxels.
    pub(crate) statistics: Statistics,
}

/// Where a region lies.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct MeasurementArea {
    /// Always `ROI`.
    #[serde(rename = "type")]
    #[schemars(extend("const" = "ROI"))]
    pub(crate) kind: &'static str,
    /// `ellipse_stack`, `disc_set` or `mask`.
    pub(crate) roi_type: &'static str,
    /// What is inside.
    pub(crate) purpose: &'static str,
    /// Parts, caudal to cranial.
    pub(crate) parts: Vec<AreaPart>,
}

/// Part of a region.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum AreaPart {
    /// Ellipse in one image.
    Ellipse {
        /// `ellipse`.
        shape: &'static str,
        /// The image.
        image: ImageReference,
        /// Column and row, zero at the centre of the first pixel.
        center_pixel: Vec<Number>,
        /// Centre (mm).
        center: Vec<Number>,
        /// Unit vector of the first semi-axis.
        axis_row: Vec<Number>,
        /// Unit vector of the second semi-axis.
        axis_column: Vec<Number>,
        /// Semi-axes (mm).
        semi_axes: Vec<Number>,
    },
    /// Disc in one image.
    Disc {
        /// `disc`.
        shape: &'static str,
        /// The image.
        image: ImageReference,
        /// Column and row, zero at the centre of the first pixel.
        center_pixel: Vec<Number>,
        /// Centre (mm).
        center: Vec<Number>,
        /// Radius (mm).
        radius: Number,
    },
    /// Voxel mask.
    Mask {
        /// `mask`.
        shape: &'static str,
        /// Box of the voxel centres.
        bounding_box: BoundingBox,
        /// SHA-256 of the mask inside the box, one byte 0 or 1 per voxel in volume order; absent when anonymized.
        #[serde(skip_serializing_if = "Option::is_none")]
        mask_digest: Option<String>,
    },
}

/// An image of the source series.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ImageReference {
    /// Key of the instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_key: Option<String>,
    /// SOP Instance UID; only in identified documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sop_instance_uid: Option<String>,
    /// Instance Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_number: Option<i64>,
    /// Frame number, from 1, in a multi-frame object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frame: Option<u32>,
}

/// Box of voxel centres (mm).
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct BoundingBox {
    /// Smallest coordinates.
    pub(crate) minimum: Vec<Number>,
    /// Largest coordinates.
    pub(crate) maximum: Vec<Number>,
}

/// Statistics of the voxels of a region.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Statistics {
    /// Arithmetic mean.
    pub(crate) mean: Number,
    /// Sample standard deviation.
    pub(crate) standard_deviation: Number,
    /// Median.
    pub(crate) median: Number,
    /// Smallest voxel.
    pub(crate) minimum: Number,
    /// Largest voxel.
    pub(crate) maximum: Number,
    /// Unit of these numbers.
    #[schemars(extend("const" = "HU"))]
    pub(crate) unit: &'static str,
    /// Number of voxels.
    pub(crate) voxel_count: usize,
    /// Volume of the voxels.
    pub(crate) volume: Quantity,
}

/// A number with its unit.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Quantity {
    /// The number.
    pub(crate) value: Number,
    /// Its unit.
    pub(crate) unit: &'static str,
}
