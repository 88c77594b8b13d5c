//! A slice as a CT Image Storage instance.
//!
//! Input: [`Scan`] and one [`Slice`]. Output: file name and Part 10 bytes, Explicit VR Little Endian.
//! Source: PS3.3 A.3 (CT Image IOD), C.8.2.1 (CT Image module), PS3.10 7 (file format).

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{InMemDicomObject, meta::FileMetaTableBuilder};

use super::scan::{Scan, Slice};
use super::shape::Point;
use super::{File, Kernel, Options, PhantomError, Position};
use crate::codes::Phase;
use crate::identity::Uid;

/// Implementation Version Name of what this crate writes (PS3.7 D.3.3.2).
const IMPLEMENTATION_VERSION_NAME: &str = concat!("RESETRAY_", env!("CARGO_PKG_VERSION"));
/// A made series has no date of its own.
const DATE: &str = "20200101";
const TIME: &str = "120000";

/// UIDs of everything above the instance.
pub(super) struct SeriesUids {
    pub(super) study: Uid,
    pub(super) series: Uid,
    pub(super) frame_of_reference: Uid,
}

/// The UIDs of a series; they follow from its options.
pub(super) fn series_uids(options: &Options) -> SeriesUids {
    let all = format!("{options:?}");
    let uid = |kind: &str| Uid::derive(&["phantom", kind, &all]);
    SeriesUids { study: uid("study"), series: uid("series"), frame_of_reference: uid("frame of reference") }
}

struct DataSet(InMemDicomObject);

impl DataSet {
    fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        self.0.put_str(tag, vr, value);
    }

    fn empty(&mut self, tag: Tag, vr: VR) {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
    }

    fn short(&mut self, tag: Tag, value: u16) {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }

    fn decimals(&mut self, tag: Tag, values: &[f64]) {
        let texts: Vec<String> = values.iter().map(|value| decimal(*value)).collect();
        self.0.put_str(tag, VR::DS, texts.join("\\"));
    }
}

/// A Decimal String of at most 16 characters (PS3.5 6.2).
fn decimal(value: f64) -> String {
    let text = format!("{:.6}", if value == 0.0 { 0.0 } else { value });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Name and bytes of one instance.
pub(super) fn file(scan: &Scan, slice: &Slice) -> Result<File, PhantomError> {
    let failed = |message: String| PhantomError::Encode { number: slice.number, message };
    let mut set = DataSet(InMemDicomObject::new_empty());
    identification(&mut set, scan, slice);
    acquisition(&mut set, &scan.options);
    geometry(&mut set, scan, slice);
    pixels(&mut set, &scan.options, slice);
    let class_uid = Uid::derive(&["resetray", "implementation class"]);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .implementation_class_uid(class_uid.as_str())
        .implementation_version_name(IMPLEMENTATION_VERSION_NAME);
    let object = set.0.with_meta(meta).map_err(|error| failed(error.to_string()))?;
    let mut bytes = Vec::with_capacity(slice.stored.len() * 2 + 4096);
    object.write_all(&mut bytes).map_err(|error| failed(error.to_string()))?;
    Ok((format!("CT{:05}.dcm", slice.number), bytes))
}

fn identification(set: &mut DataSet, scan: &Scan, slice: &Slice) {
    let options = &scan.options;
    let SeriesUids { study, series, frame_of_reference } = series_uids(options);
    let instance = Uid::derive(&["phantom instance", series.as_str(), &slice.number.to_string()]);
    set.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100");
    set.text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL");
    set.text(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
    set.text(tags::SOP_INSTANCE_UID, VR::UI, instance.as_str());
    for tag in [tags::STUDY_DATE, tags::SERIES_DATE, tags::ACQUISITION_DATE, tags::CONTENT_DATE] {
        set.text(tag, VR::DA, DATE);
    }
    for tag in [tags::STUDY_TIME, tags::SERIES_TIME, tags::ACQUISITION_TIME, tags::CONTENT_TIME] {
        set.text(tag, VR::TM, TIME);
    }
    set.text(tags::ACCESSION_NUMBER, VR::SH, &format!("PH{:08}", options.seed % 100_000_000));
    set.text(tags::MODALITY, VR::CS, "CT");
    set.text(tags::MANUFACTURER, VR::LO, "SynthCT");
    set.text(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Torso phantom");
    set.text(tags::STATION_NAME, VR::SH, "SYNTHCT");
    set.text(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION"));
    set.empty(tags::REFERRING_PHYSICIAN_NAME, VR::PN);
    set.text(tags::STUDY_DESCRIPTION, VR::LO, "Synthetic torso");
    set.text(tags::SERIES_DESCRIPTION, VR::LO, &description(options));
    set.text(tags::PATIENT_NAME, VR::PN, &patient_name(&options.name));
    set.text(tags::PATIENT_ID, VR::LO, &patient_id(options));
    set.empty(tags::PATIENT_BIRTH_DATE, VR::DA);
    set.text(tags::PATIENT_SEX, VR::CS, if options.scale[0] < 0.95 { "F" } else { "M" });
    set.text(tags::STUDY_INSTANCE_UID, VR::UI, study.as_str());
    set.text(tags::SERIES_INSTANCE_UID, VR::UI, series.as_str());
    set.text(tags::STUDY_ID, VR::SH, "1");
    set.text(tags::SERIES_NUMBER, VR::IS, "2");
    set.text(tags::ACQUISITION_NUMBER, VR::IS, "1");
    set.text(tags::INSTANCE_NUMBER, VR::IS, &slice.number.to_string());
    set.text(tags::FRAME_OF_REFERENCE_UID, VR::UI, frame_of_reference.as_str());
    set.empty(tags::POSITION_REFERENCE_INDICATOR, VR::LO);
}

fn description(options: &Options) -> String {
    format!("Torso {} {} mm", options.phase.name(), decimal(options.slice_thickness_mm))
}

/// `Phantom^Feet First` for the case `feet_first`.
fn patient_name(case: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let clean: String = case.chars().filter(|letter| plain(*letter)).take(40).collect();
    let words: Vec<String> = clean.split('_').map(capital).collect();
    format!("Phantom^{}", words.join(" "))
}

fn patient_id(options: &Options) -> String {
    let clean: String = options.name.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("PHANTOM-{}-{}", clean.to_ascii_uppercase(), options.seed)
}

fn acquisition(set: &mut DataSet, options: &Options) {
    if options.phase != Phase::Native {
        set.text(tags::CONTRAST_BOLUS_AGENT, VR::LO, "Iodine contrast agent");
        set.text(tags::CONTRAST_BOLUS_ROUTE, VR::LO, "IV");
    }
    set.text(tags::BODY_PART_EXAMINED, VR::CS, "ABDOMEN");
    set.text(tags::SCAN_OPTIONS, VR::CS, "HELIX");
    set.decimals(tags::SLICE_THICKNESS, &[options.slice_thickness_mm]);
    set.decimals(tags::KVP, &[options.tube_kv]);
    set.decimals(tags::SPACING_BETWEEN_SLICES, &[options.slice_spacing_mm]);
    set.text(tags::PROTOCOL_NAME, VR::LO, "Torso phantom");
    let size = options.columns.min(options.rows) as f64 * options.pixel_spacing_mm;
    set.decimals(tags::RECONSTRUCTION_DIAMETER, &[size]);
    set.decimals(tags::GANTRY_DETECTOR_TILT, &[options.gantry_tilt_degrees]);
    set.text(tags::ROTATION_DIRECTION, VR::CS, "CW");
    set.text(tags::EXPOSURE_TIME, VR::IS, "500");
    set.text(tags::X_RAY_TUBE_CURRENT, VR::IS, "200");
    set.text(tags::EXPOSURE, VR::IS, "100");
    let kernel = match options.kernel {
        Kernel::Soft => "SOFT",
        Kernel::Standard => "STANDARD",
        Kernel::Bone => "BONE",
    };
    set.text(tags::CONVOLUTION_KERNEL, VR::SH, kernel);
    let position = match options.position {
        Position::HeadFirstSupine => "HFS",
        Position::FeetFirstSupine => "FFS",
        Position::HeadFirstProne => "HFP",
        Position::FeetFirstProne => "FFP",
        Position::HeadFirstDecubitusRight => "HFDR",
        Position::HeadFirstDecubitusLeft => "HFDL",
    };
    set.text(tags::PATIENT_POSITION, VR::CS, position);
}

fn geometry(set: &mut DataSet, scan: &Scan, slice: &Slice) {
    let cosines: Vec<f64> = [scan.row, scan.column].concat();
    set.decimals(tags::IMAGE_POSITION_PATIENT, &slice.position_mm);
    set.decimals(tags::IMAGE_ORIENTATION_PATIENT, &cosines);
    let middle: Point = std::array::from_fn(|axis| {
        let half = |count: usize| (count as f64 - 1.0) / 2.0 * scan.options.pixel_spacing_mm;
        slice.position_mm[axis]
            + half(scan.options.columns) * scan.row[axis]
            + half(scan.options.rows) * scan.column[axis]
    });
    set.decimals(tags::SLICE_LOCATION, &[middle[2]]);
    set.decimals(tags::PIXEL_SPACING, &[scan.options.pixel_spacing_mm; 2]);
}

fn pixels(set: &mut DataSet, options: &Options, slice: &Slice) {
    // Twelve unsigned bits where they suffice, as most scanners write.
    let signed = options.padding.is_some() || options.intercept_hu > -1024;
    let bits = if signed || options.intercept_hu != -1024 { 16 } else { 12 };
    set.short(tags::SAMPLES_PER_PIXEL, 1);
    set.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    set.short(tags::ROWS, options.rows as u16);
    set.short(tags::COLUMNS, options.columns as u16);
    set.short(tags::BITS_ALLOCATED, 16);
    set.short(tags::BITS_STORED, bits);
    set.short(tags::HIGH_BIT, bits - 1);
    set.short(tags::PIXEL_REPRESENTATION, u16::from(signed));
    if let Some(padding) = options.padding {
        set.0.put(DataElement::new(tags::PIXEL_PADDING_VALUE, VR::SS, PrimitiveValue::from(padding)));
    }
    set.decimals(tags::WINDOW_CENTER, &[40.0]);
    set.decimals(tags::WINDOW_WIDTH, &[400.0]);
    set.decimals(tags::RESCALE_INTERCEPT, &[f64::from(options.intercept_hu)]);
    set.decimals(tags::RESCALE_SLOPE, &[1.0]);
    set.text(tags::RESCALE_TYPE, VR::LO, "HU");
    set.text(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00");
    let words: Vec<u16> = slice.stored.iter().map(|value| *value as u16).collect();
    set.0.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(words.into())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_fit_and_have_no_negative_zero() {
        assert_eq!(decimal(-0.000_000_01), "0");
        assert_eq!(decimal(0.78), "0.78");
        assert_eq!(decimal(-199.29), "-199.29");
        assert!(decimal(-1_234.567_891).len() <= 16);
    }

    #[test]
    fn names_are_made_of_the_case() {
        assert_eq!(patient_name("feet_first"), "Phantom^Feet First");
        assert_eq!(patient_name("a\\b^c"), "Phantom^Abc");
    }

    #[test]
    fn other_options_make_another_series() {
        let base = series_uids(&Options::default()).series;
        assert_eq!(base, series_uids(&Options::default()).series);
        assert_ne!(base, series_uids(&Options { seed: 2, ..Options::default() }).series);
    }
}
