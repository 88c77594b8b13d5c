//! Small CT series for tests, written as files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

use crate::identity::Uid;
use crate::instance::{DataSetLocation, SeriesInstance};

pub(super) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub(super) const ROWS: u16 = 8;
pub(super) const COLUMNS: u16 = 6;

/// One slice to be written.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) uid: String,
    pub(super) position: [f64; 3],
    pub(super) orientation: [f64; 6],
    pub(super) pixels: Vec<i16>,
    /// Text attributes that are put last, and may replace others; an empty text removes.
    pub(super) texts: Vec<(Tag, VR, String)>,
}

/// Values of a slice that differ everywhere: HU `100 k + 10 j + i`.
pub(super) fn ramp(k: usize) -> Vec<i16> {
    (0..i16::try_from(ROWS).unwrap())
        .flat_map(|j| (0..i16::try_from(COLUMNS).unwrap()).map(move |i| 100 * k as i16 + 10 * j + i))
        .collect()
}

/// An axial slice `k` at `3 k` mm with the values of [`ramp`].
pub(super) fn slice(k: usize) -> Slice {
    Slice {
        uid: format!("1.2.3.{}", 100 + k),
        position: [-10.0, -20.0, 3.0 * k as f64],
        orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        pixels: ramp(k),
        texts: Vec::new(),
    }
}

impl Slice {
    pub(super) fn with(mut self, tag: Tag, vr: VR, text: &str) -> Slice {
        self.texts.push((tag, vr, text.to_owned()));
        self
    }

    fn object(&self) -> InMemDicomObject {
        let join = |numbers: &[f64]| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join("\\");
        let (position, orientation) = (join(&self.position), join(&self.orientation));
        let text = |tag, vr, text: &str| DataElement::new(tag, vr, PrimitiveValue::from(text));
        let number = |tag, number: u16| DataElement::new(tag, VR::US, PrimitiveValue::from(number));
        let words: Vec<u16> = self.pixels.iter().map(|value| value.cast_unsigned()).collect();
        let mut object = InMemDicomObject::from_element_iter([
            text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.2"),
            text(tags::SOP_INSTANCE_UID, VR::UI, &self.uid),
            text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
            text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.4"),
            text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.5"),
            text(tags::MODALITY, VR::CS, "CT"),
            text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL"),
            text(tags::KVP, VR::DS, "120"),
            text(tags::SLICE_THICKNESS, VR::DS, "3"),
            text(tags::IMAGE_POSITION_PATIENT, VR::DS, &position),
            text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, &orientation),
            text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.75"),
            text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
            text(tags::RESCALE_SLOPE, VR::DS, "1"),
            text(tags::RESCALE_INTERCEPT, VR::DS, "0"),
            number(tags::SAMPLES_PER_PIXEL, 1),
            number(tags::ROWS, ROWS),
            number(tags::COLUMNS, COLUMNS),
            number(tags::BITS_ALLOCATED, 16),
            number(tags::BITS_STORED, 16),
            number(tags::HIGH_BIT, 15),
            number(tags::PIXEL_REPRESENTATION, 1),
            DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(words.into())),
        ]);
        for (tag, vr, text) in &self.texts {
            if text.is_empty() {
                object.remove_element(*tag);
            } else {
                object.put(DataElement::new(*tag, *vr, PrimitiveValue::from(text.as_str())));
            }
        }
        object
    }

    /// Writes the data set and reads it back as an instance.
    pub(super) fn write(&self, folder: &Path, transfer_syntax: &str) -> SeriesInstance {
        store(&self.object(), folder, &self.uid, transfer_syntax)
    }
}

/// Writes a data set, without preamble and meta information, as the spool does.
pub(super) fn store(object: &InMemDicomObject, folder: &Path, name: &str, transfer_syntax: &str) -> SeriesInstance {
    let path: PathBuf = folder.join(format!("{name}.{transfer_syntax}"));
    let syntax = TransferSyntaxRegistry.get(transfer_syntax).unwrap();
    let mut bytes = Vec::new();
    object.write_dataset_with_ts(&mut bytes, syntax).unwrap();
    std::fs::write(&path, &bytes).unwrap();
    SeriesInstance::read(location(&path, transfer_syntax)).unwrap()
}

/// The whole file as one data set.
pub(super) fn location(path: &Path, transfer_syntax: &str) -> DataSetLocation {
    DataSetLocation {
        path: Arc::from(path),
        offset: 0,
        length: std::fs::metadata(path).unwrap().len(),
        transfer_syntax_uid: Uid::parse(transfer_syntax).unwrap(),
    }
}
