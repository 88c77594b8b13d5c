//! What all DICOM results share: data set building, copied and own modules, UIDs from content.
//!
//! Input: texts, numbers, codes, a [`SourceIdentity`](crate::instance::SourceIdentity). Output: Part 10 bytes, Explicit
//! VR Little Endian. Own text is ASCII, so that it reads the same in every character set of a source.
//! Errors: [`EncodeError`].
//! Source: PS3.5 6.2 (DS), 9.1 (UID), PS3.10 7, PS3.3 8.8 (codes).

mod modules;

use dicom_core::DataElement;
use dicom_core::PrimitiveValue;
use dicom_core::Tag;
use dicom_core::VR;
use dicom_core::value::DataSetSequence;
use dicom_core::value::Value;
use dicom_dictionary_std::tags;
use dicom_dictionary_std::uids;
use dicom_object::InMemDicomObject;
use dicom_object::meta::FileMetaTableBuilder;
use sha2::Digest;
use sha2::Sha256;

use super::concepts::Code;
use crate::codes::Term;
use crate::identity::Uid;
use crate::identity::hex;
use crate::record::Record;

pub(super) use modules::Series;
pub(super) use modules::copied;
pub(super) use modules::equipment;
pub(super) use modules::position_reference;
pub(super) use modules::series;
pub(super) use modules::source_series_number;

/// Implementation Version Name of what this crate writes (PS3.7 D.3.3.2).
const IMPLEMENTATION_VERSION_NAME: &str = concat!("RESETRAY_", env!("CARGO_PKG_VERSION"));
/// Longest Decimal String (PS3.5 6.2).
const DECIMAL_STRING_LENGTH_MAX: usize = 16;

/// Why an object could not be encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A number that a Decimal String cannot hold.
    #[error("{value} cannot be written as a Decimal String")]
    Decimal {
        /// The number.
        value: f64,
    },
    /// The library could not write the data set.
    #[error("the data set cannot be written: {message}")]
    Library {
        /// What it said.
        message: String,
    },
}

/// What the result of one run states about its making; no clock is read here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Making {
    /// Content Date (DA).
    pub content_date: String,
    /// Content Time (TM).
    pub content_time: String,
    /// Name of the program.
    pub software: String,
    /// Version of the program.
    pub version: String,
    /// Device Serial Number.
    pub device_serial_number: String,
}

/// A data set under construction.
#[derive(Debug, Clone)]
pub(super) struct DataSet(InMemDicomObject);

impl DataSet {
    pub(super) fn new() -> DataSet {
        DataSet(InMemDicomObject::new_empty())
    }

    /// A text value; of several values the separator is a backslash.
    pub(super) fn text(&mut self, tag: Tag, vr: VR, value: &str) {
        self.0.put_str(tag, vr, value);
    }

    pub(super) fn uid(&mut self, tag: Tag, uid: &Uid) {
        self.text(tag, VR::UI, uid.as_str());
    }

    pub(super) fn empty(&mut self, tag: Tag, vr: VR) {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::Empty));
    }

    /// Value bytes as they are.
    pub(super) fn raw(&mut self, tag: Tag, vr: VR, bytes: &[u8]) {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::U8(bytes.into())));
    }

    pub(super) fn short(&mut self, tag: Tag, value: u16) {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
    }

    pub(super) fn shorts(&mut self, tag: Tag, values: &[u16]) {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::U16(values.into())));
    }

    pub(super) fn longs(&mut self, tag: Tag, values: &[u32]) {
        self.0.put(DataElement::new(tag, VR::UL, PrimitiveValue::U32(values.into())));
    }

    pub(super) fn floats(&mut self, tag: Tag, values: &[f32]) {
        self.0.put(DataElement::new(tag, VR::FL, PrimitiveValue::F32(values.into())));
    }

    pub(super) fn tag_value(&mut self, tag: Tag, value: Tag) {
        self.0.put(DataElement::new(tag, VR::AT, PrimitiveValue::Tags([value].as_slice().into())));
    }

    pub(super) fn decimals(&mut self, tag: Tag, values: &[f64]) -> Result<(), EncodeError> {
        let texts: Result<Vec<String>, EncodeError> = values.iter().map(|&value| decimal_string(value)).collect();
        self.text(tag, VR::DS, &texts?.join("\\"));
        Ok(())
    }

    pub(super) fn sequence(&mut self, tag: Tag, items: Vec<DataSet>) {
        let items: Vec<InMemDicomObject> = items.into_iter().map(|item| item.0).collect();
        self.0.put(DataElement::new(tag, VR::SQ, Value::Sequence(DataSetSequence::from(items))));
    }

    /// A code sequence of one item.
    pub(super) fn code(&mut self, tag: Tag, code: Code) {
        let mut item = DataSet::new();
        item.text(tags::CODE_VALUE, VR::SH, code.value);
        item.text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, code.scheme);
        item.text(tags::CODE_MEANING, VR::LO, code.meaning);
        self.sequence(tag, vec![item]);
    }

    /// SOP class and instance of a reference (PS3.3 table 10-11).
    pub(super) fn reference(class: &str, instance: &Uid) -> DataSet {
        let mut item = DataSet::new();
        item.text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, class);
        item.uid(tags::REFERENCED_SOP_INSTANCE_UID, instance);
        item
    }

    /// The Part 10 file. The SOP Instance UID follows from all other content: equal content is the same object, and
    /// other content never has the same UID.
    pub(super) fn finish(mut self, kind: &str) -> Result<(Uid, Vec<u8>), EncodeError> {
        let failed = |message: String| EncodeError::Library { message };
        let transfer_syntax = dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN.erased();
        let mut content = Vec::new();
        self.0.write_dataset_with_ts(&mut content, &transfer_syntax).map_err(|error| failed(error.to_string()))?;
        let uid = Uid::derive(&["result", kind, &hex(&Sha256::digest(&content))]);
        self.uid(tags::SOP_INSTANCE_UID, &uid);
        let class_uid = Uid::derive(&["resetray", "implementation class"]);
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .implementation_class_uid(class_uid.as_str())
            .implementation_version_name(IMPLEMENTATION_VERSION_NAME);
        let object = self.0.with_meta(meta).map_err(|error| failed(error.to_string()))?;
        let mut file = Vec::with_capacity(content.len() + 1024);
        object.write_all(&mut file).map_err(|error| failed(error.to_string()))?;
        Ok((uid, file))
    }
}

/// Tracking Unique Identifier of a region: the same on every run.
pub(super) fn tracking_uid(record: &Record, term: Term, definition: &str) -> Uid {
    Uid::derive(&["tracking", record.source.series_instance_uid.as_str(), term.name(), definition])
}

/// Tracking Identifier of a region.
pub(super) fn tracking_identifier(term: Term, definition: &str) -> String {
    format!("{}/{definition}", term.name())
}

/// The shortest text that reads back as `value`, with fewer decimals where that is longer than 16 characters.
pub(super) fn decimal_string(value: f64) -> Result<String, EncodeError> {
    if !value.is_finite() {
        return Err(EncodeError::Decimal { value });
    }
    let value = if value == 0.0 { 0.0 } else { value };
    let exact = value.to_string();
    let shorter = (0..DECIMAL_STRING_LENGTH_MAX).rev().map(|decimals| {
        let text = format!("{value:.decimals$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        if text == "-0" { "0".to_owned() } else { text.to_owned() }
    });
    std::iter::once(exact)
        .chain(shorter)
        .find(|text| text.len() <= DECIMAL_STRING_LENGTH_MAX)
        .ok_or(EncodeError::Decimal { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_keep_what_sixteen_characters_can_hold() {
        assert_eq!(decimal_string(-0.0).unwrap(), "0");
        assert_eq!(decimal_string(0.9993).unwrap(), "0.9993");
        assert_eq!(decimal_string(-0.984_807_753_012_208_1).unwrap(), "-0.9848077530122");
        assert_eq!(decimal_string(-1e-20).unwrap(), "0");
        assert!(decimal_string(f64::NAN).is_err());
        assert!(decimal_string(1e300).is_err());
    }

    #[test]
    fn other_content_is_another_object() {
        let made = |text: &str| {
            let mut set = DataSet::new();
            set.text(tags::SOP_CLASS_UID, VR::UI, uids::COMPREHENSIVE_SR_STORAGE);
            set.text(tags::SERIES_DESCRIPTION, VR::LO, text);
            set.finish("test").unwrap()
        };
        assert_eq!(made("a"), made("a"));
        assert_ne!(made("a").0, made("b").0);
    }
}
