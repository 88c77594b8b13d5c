//! Patient, study and equipment attributes of a source object, as raw bytes.
//!
//! Input: where a data set lies. Output: a [`SourceIdentity`]: attribute, VR and value bytes, unchanged, in the source's
//! Specific Character Set. Only DICOM results (SR, SEG) take it; no other output, and no log, shows a value of it.
//! Errors: [`InstanceError`].
//! Source: PS3.3 C.7.1.1 (Patient), C.7.2.1 (General Study), C.7.2.2 (Patient Study), C.7.5.1 (General Equipment).

use std::fmt;

use super::DataSetLocation;
use super::InstanceError;
use super::parse;
use super::scan;
use super::scan::Content;

/// Longest value that is kept (bytes); a longer one counts as absent.
const VALUE_BYTES_MAX: usize = 4096;

/// The attributes that are kept, with their VR (PS3.6). All are text at the top level, so byte order does not matter.
const ATTRIBUTES: [(u32, [u8; 2]); 33] = [
    (0x0008_0005, *b"CS"),
    (0x0008_0020, *b"DA"),
    (0x0008_0021, *b"DA"),
    (0x0008_0022, *b"DA"),
    (0x0008_0023, *b"DA"),
    (0x0008_0030, *b"TM"),
    (0x0008_0031, *b"TM"),
    (0x0008_0032, *b"TM"),
    (0x0008_0033, *b"TM"),
    (0x0008_0050, *b"SH"),
    (0x0008_0070, *b"LO"),
    (0x0008_0080, *b"LO"),
    (0x0008_0090, *b"PN"),
    (0x0008_0201, *b"SH"),
    (0x0008_1010, *b"SH"),
    (0x0008_1030, *b"LO"),
    (0x0008_1090, *b"LO"),
    (0x0010_0010, *b"PN"),
    (0x0010_0020, *b"LO"),
    (0x0010_0021, *b"LO"),
    (0x0010_0030, *b"DA"),
    (0x0010_0032, *b"TM"),
    (0x0010_0040, *b"CS"),
    (0x0010_1010, *b"AS"),
    (0x0010_1020, *b"DS"),
    (0x0010_1030, *b"DS"),
    (0x0012_0062, *b"CS"),
    (0x0012_0063, *b"LO"),
    (0x0018_0015, *b"CS"),
    (0x0018_1020, *b"LO"),
    (0x0020_0010, *b"SH"),
    (0x0020_0011, *b"IS"),
    (0x0020_1040, *b"LO"),
];

/// One attribute of the source.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceAttribute {
    /// Group and element.
    pub tag: u32,
    /// Value representation.
    pub vr: [u8; 2],
    /// Value bytes as written by the source, padding included.
    pub value: Vec<u8>,
}

/// Values never reach a log.
impl fmt::Debug for SourceAttribute {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "({:08x}, {} bytes)", self.tag, self.value.len())
    }
}

/// Who and which study the source shows, and what acquired it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceIdentity {
    /// Attributes that the source carries, in tag order; empty values included.
    pub attributes: Vec<SourceAttribute>,
}

impl SourceIdentity {
    /// Reads the attributes of the data set at `location`.
    pub fn read(location: &DataSetLocation) -> Result<SourceIdentity, InstanceError> {
        let is_kept = |tag: u32| ATTRIBUTES.iter().any(|(known, _)| *known == tag);
        let walk = |bytes: &[u8], total, declared| scan::scan_for(is_kept, bytes, total, declared);
        let (bytes, scanned) = parse::read_header(location, walk)?;
        let attributes = ATTRIBUTES.iter().filter_map(|&(tag, vr)| {
            let Content::Bytes(range) = &scanned.elements.find(tag)?.content else { return None };
            let value = bytes.get(range.clone()).filter(|value| value.len() <= VALUE_BYTES_MAX)?.to_vec();
            Some(SourceAttribute { tag, vr, value })
        });
        Ok(SourceIdentity { attributes: attributes.collect() })
    }

    /// The attribute `tag`, where the source carries it.
    pub fn find(&self, tag: u32) -> Option<&SourceAttribute> {
        self.attributes.iter().find(|attribute| attribute.tag == tag)
    }

    /// Value of an attribute of the default repertoire (dates, times, code strings, numbers) without padding; `None`
    /// where it is absent, empty or not ASCII.
    pub fn ascii(&self, tag: u32) -> Option<&str> {
        let value = std::str::from_utf8(&self.find(tag)?.value).ok().filter(|text| text.is_ascii())?;
        Some(value.trim_matches(['\0', ' '])).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Uid;

    fn element(tag: u32, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(((tag >> 16) as u16).to_le_bytes());
        bytes.extend((tag as u16).to_le_bytes());
        bytes.extend(vr);
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn names_of_any_character_set_are_kept_byte_for_byte_and_never_printed() {
        let name = b"\xc8\xe2\xe0\xed\xee\xe2^\xc8";
        let mut bytes = element(0x0008_0005, b"CS", b"ISO_IR 144");
        bytes.extend(element(0x0010_0010, b"PN", name));
        bytes.extend(element(0x0010_4000, b"LT", b"a comment "));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let location = DataSetLocation {
            path: file.path().into(),
            offset: 0,
            length: bytes.len() as u64,
            transfer_syntax_uid: Uid::parse("1.2.840.10008.1.2.1").unwrap(),
        };
        let identity = SourceIdentity::read(&location).unwrap();
        assert_eq!(identity.find(0x0010_0010).unwrap().value, name);
        assert_eq!(identity.ascii(0x0008_0005), Some("ISO_IR 144"));
        assert_eq!(identity.attributes.len(), 2);
        assert!(!format!("{identity:?}").contains("144"));
    }
}
