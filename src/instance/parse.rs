//! From bytes to an [`Instance`].

use std::cell::RefCell;
use std::io::Read;

use flate2::read::DeflateDecoder;

use super::scan::{self, Elements, Encoding, ScanError, Scanned};
use super::value::{Attributes, Stored};
use super::{DataSetLocation, Frame, Instance, PixelDescription, Technique, tags};
use crate::identity::Uid;

/// Most bytes of a data set before Pixel Data that are read.
pub const HEADER_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Bytes read at first; most CT headers fit.
const HEADER_BYTES_FIRST: u64 = 32 * 1024;
/// Most frames of one object.
const FRAMES_MAX: usize = 65_536;

/// Why a data set gave no [`Instance`].
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// Could not be read from its file.
    #[error("data set cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// Its structure is damaged.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// More than [`HEADER_BYTES_MAX`] before Pixel Data.
    #[error("more than {HEADER_BYTES_MAX} bytes before Pixel Data")]
    HeaderTooLarge,
    /// An identifying attribute is absent or no UID.
    #[error("({tag}) is missing or not a UID")]
    Identity {
        /// The attribute.
        tag: &'static str,
    },
    /// Pixel Data reaches past the end of the data set.
    #[error("Pixel Data is cut: {announced} bytes announced, {found} are left")]
    PixelDataCut {
        /// Bytes left in the data set.
        found: u64,
        /// Bytes announced.
        announced: u64,
    },
    /// Native Pixel Data is shorter than the image.
    #[error("Pixel Data is too short: {found} bytes, the image needs {needed}")]
    PixelDataShort {
        /// Length of Pixel Data.
        found: u64,
        /// Bytes of all frames by the image attributes.
        needed: u64,
    },
    /// More frames than are handled.
    #[error("{frames} frames, at most {FRAMES_MAX} are handled")]
    Frames {
        /// How many are announced.
        frames: usize,
    },
}

/// The declared encoding of a transfer syntax; all but three are Explicit VR Little Endian (PS3.5 A).
pub(crate) fn declared_encoding(transfer_syntax_uid: &Uid) -> Encoding {
    match transfer_syntax_uid.as_str() {
        "1.2.840.10008.1.2" | "1.2.840.113619.5.2" => Encoding::IMPLICIT_LITTLE,
        "1.2.840.10008.1.2.2" => Encoding::EXPLICIT_BIG,
        _ => Encoding::EXPLICIT_LITTLE,
    }
}

/// Whether data sets of this transfer syntax are deflated (PS3.5 A.5; JPIP referenced deflate).
pub(crate) fn is_deflated(transfer_syntax_uid: &Uid) -> bool {
    matches!(transfer_syntax_uid.as_str(), "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.4.95")
}

/// The first bytes of the data set at `location`, as many as `walk` needs to come to its end, and what it found.
pub(super) fn read_header(
    location: &DataSetLocation,
    walk: impl Fn(&[u8], u64, Encoding) -> Result<Option<Scanned>, ScanError>,
) -> Result<(Vec<u8>, Scanned), InstanceError> {
    let declared = declared_encoding(&location.transfer_syntax_uid);
    let deflated = is_deflated(&location.transfer_syntax_uid);
    let mut limit = HEADER_BYTES_FIRST;
    loop {
        let mut bytes = Vec::new();
        let file = location.open_at(0)?.take(location.length);
        // The length of an inflated data set is unknown until its end is seen.
        let total = if deflated {
            DeflateDecoder::new(file).take(limit).read_to_end(&mut bytes)?;
            if (bytes.len() as u64) < limit { bytes.len() as u64 } else { u64::MAX }
        } else {
            file.take(limit).read_to_end(&mut bytes)?;
            location.length
        };
        if let Some(scanned) = walk(&bytes, total, declared)? {
            return Ok((bytes, scanned));
        }
        if bytes.len() as u64 == total || (bytes.len() as u64) < limit {
            return Err(ScanError::End { offset: bytes.len() }.into());
        }
        if limit >= HEADER_BYTES_MAX {
            return Err(InstanceError::HeaderTooLarge);
        }
        limit = (limit * 8).min(HEADER_BYTES_MAX);
    }
}

impl Instance {
    /// Reads the header of the data set at `location`; the pixels are not touched.
    pub fn read(location: &DataSetLocation) -> Result<Instance, InstanceError> {
        let (bytes, scanned) = read_header(location, scan::scan)?;
        build(&bytes, scanned)
    }

    /// Parses the first bytes of a data set of `total` bytes as received, deflated or not; for who must know to which
    /// series an object belongs before all of it is at hand. Only what stands in `head` is there: of an object whose
    /// header is longer, later attributes and frames are missing.
    pub fn parse_head(head: &[u8], total: u64, transfer_syntax_uid: &Uid) -> Result<Instance, InstanceError> {
        let declared = declared_encoding(transfer_syntax_uid);
        if !is_deflated(transfer_syntax_uid) {
            return build(head, scan::scan_head(head, total, declared)?);
        }
        let mut bytes = Vec::new();
        // The end of a head that was cut stops the inflating with an error; what came out before it counts.
        let ended = DeflateDecoder::new(head).take(HEADER_BYTES_MAX).read_to_end(&mut bytes);
        if ended.is_err() && head.len() as u64 == total {
            return Err(ScanError::End { offset: head.len() }.into());
        }
        let whole = ended.is_ok() && (bytes.len() as u64) < HEADER_BYTES_MAX && head.len() as u64 == total;
        let total = if whole { bytes.len() as u64 } else { u64::MAX };
        build(&bytes, scan::scan_head(&bytes, total, declared)?)
    }

    /// Parses a whole data set, or its beginning up to and with the header of Pixel Data, as it came from the wire.
    pub fn parse(bytes: &[u8], transfer_syntax_uid: &Uid) -> Result<Instance, InstanceError> {
        let declared = declared_encoding(transfer_syntax_uid);
        if is_deflated(transfer_syntax_uid) {
            let mut inflated = Vec::new();
            let mut inflater = DeflateDecoder::new(bytes).take(HEADER_BYTES_MAX);
            // What was inflated before damage or the end of a beginning may hold the whole header.
            let whole = inflater.read_to_end(&mut inflated).is_ok() && (inflated.len() as u64) < HEADER_BYTES_MAX;
            let total = if whole { inflated.len() as u64 } else { u64::MAX };
            return finish(&inflated, scan::scan(&inflated, total, declared)?);
        }
        finish(bytes, scan::scan(bytes, bytes.len() as u64, declared)?)
    }
}

fn finish(bytes: &[u8], scanned: Option<Scanned>) -> Result<Instance, InstanceError> {
    match scanned {
        Some(scanned) => build(bytes, scanned),
        None => Err(ScanError::End { offset: bytes.len() }.into()),
    }
}

fn build(bytes: &[u8], scanned: Scanned) -> Result<Instance, InstanceError> {
    let Scanned { elements, pixel_data, encoding } = scanned;
    let faults = RefCell::new(Vec::new());
    let root = Attributes { bytes, encoding, scopes: vec![&elements], faults: &faults };
    let identity = |tag, name| root.uid(tag).ok_or(InstanceError::Identity { tag: name });
    let frames = frames(&root, &elements)?;
    let mut instance = Instance {
        sop_class_uid: identity(tags::SOP_CLASS_UID, "0008,0016")?,
        sop_instance_uid: identity(tags::SOP_INSTANCE_UID, "0008,0018")?,
        study_instance_uid: identity(tags::STUDY_INSTANCE_UID, "0020,000d")?,
        series_instance_uid: identity(tags::SERIES_INSTANCE_UID, "0020,000e")?,
        frame_of_reference_uid: root.uid(tags::FRAME_OF_REFERENCE_UID),
        number_of_series_related_instances: root
            .integer(tags::NUMBER_OF_SERIES_RELATED_INSTANCES, Stored::Text)
            .and_then(|number| u32::try_from(number).ok()),
        modality: root.text(tags::MODALITY),
        series_number: root.integer(tags::SERIES_NUMBER, Stored::Text),
        instance_number: root.integer(tags::INSTANCE_NUMBER, Stored::Text),
        acquisition_time: root.text(tags::ACQUISITION_TIME),
        series_description: root.text(tags::SERIES_DESCRIPTION),
        protocol_name: root.text(tags::PROTOCOL_NAME),
        manufacturer: root.text(tags::MANUFACTURER),
        manufacturer_model_name: root.text(tags::MANUFACTURER_MODEL_NAME),
        software_versions: root.text(tags::SOFTWARE_VERSIONS),
        body_part_examined: root.text(tags::BODY_PART_EXAMINED),
        patient_position: root.text(tags::PATIENT_POSITION),
        contrast_agent_present: either(
            root.carries_value(tags::CONTRAST_BOLUS_AGENT),
            root.carries_value(tags::CONTRAST_BOLUS_AGENT_SEQUENCE),
        ),
        contrast_volume_present: root.carries_value(tags::CONTRAST_BOLUS_VOLUME),
        pixels: pixel_description(&root),
        frames,
        pixel_data,
        encoding,
        faults: Vec::new(),
    };
    instance.faults = faults.into_inner();
    Ok(instance)
}

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (None, other) => other,
        (one, None) => one,
        (Some(one), Some(other)) => Some(one || other),
    }
}

fn pixel_description(root: &Attributes<'_>) -> PixelDescription {
    let signed = root.unsigned(tags::PIXEL_REPRESENTATION) == Some(1);
    let bits_allocated = root.unsigned(tags::BITS_ALLOCATED);
    let ratios = root.numbers(tags::LOSSY_IMAGE_COMPRESSION_RATIO, Stored::Text).unwrap_or_default();
    PixelDescription {
        rows: root.unsigned(tags::ROWS),
        columns: root.unsigned(tags::COLUMNS),
        samples_per_pixel: root.unsigned(tags::SAMPLES_PER_PIXEL),
        photometric_interpretation: root.text(tags::PHOTOMETRIC_INTERPRETATION),
        bits_allocated,
        bits_stored: root.unsigned(tags::BITS_STORED),
        high_bit: root.unsigned(tags::HIGH_BIT),
        signed,
        number_of_frames: root
            .integer(tags::NUMBER_OF_FRAMES, Stored::Text)
            .and_then(|number| u32::try_from(number).ok())
            .unwrap_or(1),
        pixel_padding_value: padding(root, tags::PIXEL_PADDING_VALUE, signed),
        pixel_padding_range_limit: padding(root, tags::PIXEL_PADDING_RANGE_LIMIT, signed),
        modality_lut_present: root.has_items(tags::MODALITY_LUT_SEQUENCE),
        lossy_image_compression: root.text(tags::LOSSY_IMAGE_COMPRESSION).map(|text| text == "01"),
        lossy_image_compression_ratio: ratios.into_iter().reduce(f64::max),
    }
}

/// A padding value; archives write it as US although Pixel Representation is signed, and the reverse.
fn padding(root: &Attributes<'_>, tag: u32, signed: bool) -> Option<i64> {
    let number = root.integer(tag, Stored::Unsigned16)?;
    Some(match (signed, number) {
        (true, 32_768..=65_535) => number - 65_536,
        (false, -32_768..=-1) => number + 65_536,
        _ => number,
    })
}

fn frames(root: &Attributes<'_>, elements: &Elements) -> Result<Vec<Frame>, InstanceError> {
    let per_frame = elements.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if per_frame.len() > FRAMES_MAX {
        return Err(InstanceError::Frames { frames: per_frame.len() });
    }
    if per_frame.is_empty() {
        return Ok(vec![frame(root, None)]);
    }
    let shared: Vec<&Elements> =
        elements.items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE).iter().flat_map(Elements::nested).collect();
    let frames = per_frame.iter().zip(1..).map(|(group, number)| {
        let scopes = group.nested().chain(shared.iter().copied()).chain([elements]).collect();
        let here = Attributes { bytes: root.bytes, encoding: root.encoding, scopes, faults: root.faults };
        frame(&here, Some(number))
    });
    Ok(frames.collect())
}

fn frame(here: &Attributes<'_>, number: Option<u32>) -> Frame {
    let frame_type = here.texts(tags::FRAME_TYPE);
    Frame {
        number,
        image_type: if frame_type.is_empty() { here.texts(tags::IMAGE_TYPE) } else { frame_type },
        image_position_mm: here.array(tags::IMAGE_POSITION_PATIENT, Stored::Text),
        image_orientation: here.array(tags::IMAGE_ORIENTATION_PATIENT, Stored::Text),
        pixel_spacing_mm: here.array(tags::PIXEL_SPACING, Stored::Text),
        slice_thickness_mm: here.number(tags::SLICE_THICKNESS, Stored::Text).filter(|&thickness| thickness > 0.0),
        spacing_between_slices_mm: here.number(tags::SPACING_BETWEEN_SLICES, Stored::Text),
        rescale_slope: here.number(tags::RESCALE_SLOPE, Stored::Text),
        rescale_intercept: here.number(tags::RESCALE_INTERCEPT, Stored::Text),
        rescale_type: here.text(tags::RESCALE_TYPE),
        acquisition_number: here
            .integer(tags::FRAME_ACQUISITION_NUMBER, Stored::Unsigned16)
            .or_else(|| here.integer(tags::ACQUISITION_NUMBER, Stored::Text)),
        technique: technique(here),
    }
}

fn technique(here: &Attributes<'_>) -> Technique {
    let text = |tag| here.first_number(tag, Stored::Text);
    let double = |tag| here.first_number(tag, Stored::Double);
    Technique {
        kvp_kv: text(tags::KVP).filter(|&kilovolt| kilovolt > 0.0),
        tube_current_ma: double(tags::X_RAY_TUBE_CURRENT_IN_MA).or_else(|| text(tags::X_RAY_TUBE_CURRENT)),
        exposure_time_ms: double(tags::EXPOSURE_TIME_IN_MS).or_else(|| text(tags::EXPOSURE_TIME)),
        exposure_mas: double(tags::EXPOSURE_IN_MAS).or_else(|| text(tags::EXPOSURE)),
        ctdi_vol_mgy: double(tags::CTDI_VOL),
        convolution_kernel: here.text(tags::CONVOLUTION_KERNEL),
        filter_type: here.text(tags::FILTER_TYPE),
        filter_material: here.text(tags::FILTER_MATERIAL),
        reconstruction_diameter_mm: text(tags::RECONSTRUCTION_DIAMETER),
        data_collection_center_mm: here.array(tags::DATA_COLLECTION_CENTER_PATIENT, Stored::Double),
        gantry_tilt_degrees: text(tags::GANTRY_DETECTOR_TILT),
        multi_energy: here.text(tags::MULTI_ENERGY_CT_ACQUISITION).map(|text| text == "YES"),
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
