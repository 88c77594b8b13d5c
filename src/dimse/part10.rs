//! The file meta information of a DICOM file, as far as sending it needs.
//!
//! Input: a file. Output: its SOP class, SOP instance and transfer syntax, and where its data set lies.
//! Errors: [`Part10Error`].
//! Source: PS3.10 7.1. The meta information is walked to the first element of another group: its group length is often
//! wrong and is not believed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::identity::{IdentityError, Uid};

/// Longest preamble and meta information that is read.
const META_LENGTH_MAX: u64 = 256 * 1024;
const PREAMBLE_LENGTH: usize = 128;
const PREFIX: &[u8] = b"DICM";

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum Part10Error {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No preamble and prefix.
    #[error("{} is not a DICOM file (no DICM after 128 bytes)", path.display())]
    NoPrefix {
        /// The file.
        path: PathBuf,
    },
    /// The meta information ends early or is not Explicit VR Little Endian.
    #[error("{}: file meta information cannot be read at byte {offset}", path.display())]
    Meta {
        /// The file.
        path: PathBuf,
        /// Where reading stopped.
        offset: usize,
    },
    /// A UID that sending needs is missing or no UID.
    #[error("{}: file meta information element (0002,{element:04x}) is not a UID", path.display())]
    NoUid {
        /// The file.
        path: PathBuf,
        /// Element number.
        element: u16,
        /// What is wrong.
        source: IdentityError,
    },
}

/// A DICOM file ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part10 {
    /// Where it lies.
    pub path: PathBuf,
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class_uid: Uid,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance_uid: Uid,
    /// Transfer Syntax UID (0002,0010).
    pub transfer_syntax_uid: Uid,
    /// First byte of the data set.
    pub data_set_offset: u64,
    /// Bytes from there to the end of the file.
    pub data_set_length: u64,
}

impl Part10 {
    /// Reads the meta information of the file at `path`.
    pub fn read(path: &Path) -> Result<Part10, Part10Error> {
        let unreadable = |source| Part10Error::Unreadable { path: path.to_owned(), source };
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut head = Vec::new();
        file.take(META_LENGTH_MAX).read_to_end(&mut head).map_err(unreadable)?;
        let after_preamble = head.get(PREAMBLE_LENGTH..).and_then(|rest| rest.strip_prefix(PREFIX));
        let Some(meta) = after_preamble else { return Err(Part10Error::NoPrefix { path: path.to_owned() }) };
        let found = walk(meta).map_err(|offset| Part10Error::Meta {
            path: path.to_owned(),
            offset: offset + PREAMBLE_LENGTH + PREFIX.len(),
        })?;
        let uid = |element, text: &str| {
            Uid::parse(text).map_err(|source| Part10Error::NoUid { path: path.to_owned(), element, source })
        };
        let data_set_offset = (PREAMBLE_LENGTH + PREFIX.len() + found.length) as u64;
        Ok(Part10 {
            path: path.to_owned(),
            sop_class_uid: uid(0x0002, &found.sop_class)?,
            sop_instance_uid: uid(0x0003, &found.sop_instance)?,
            transfer_syntax_uid: uid(0x0010, &found.transfer_syntax)?,
            data_set_offset,
            data_set_length: length.saturating_sub(data_set_offset),
        })
    }
}

#[derive(Default)]
struct Meta {
    sop_class: String,
    sop_instance: String,
    transfer_syntax: String,
    length: usize,
}

/// Walks the elements of group 0002; an error is the offset of the element that cannot be read.
fn walk(bytes: &[u8]) -> Result<Meta, usize> {
    let mut meta = Meta::default();
    while let Some([0x02, 0x00, low, high]) = bytes.get(meta.length..).and_then(|rest| rest.first_chunk()) {
        let element = u16::from_le_bytes([*low, *high]);
        let value = value_at(bytes, meta.length + 4).ok_or(meta.length)?;
        let text = || String::from_utf8_lossy(value.bytes).into_owned();
        match element {
            0x0002 => meta.sop_class = text(),
            0x0003 => meta.sop_instance = text(),
            0x0010 => meta.transfer_syntax = text(),
            _ => {}
        }
        meta.length = value.end;
    }
    Ok(meta)
}

struct Value<'bytes> {
    bytes: &'bytes [u8],
    end: usize,
}

/// The value of an Explicit VR Little Endian element whose VR begins at `at`.
fn value_at(bytes: &[u8], at: usize) -> Option<Value<'_>> {
    let [first, second, a, b] = *bytes.get(at..)?.first_chunk()?;
    let long = matches!(&[first, second], b"OB" | b"OW" | b"UN" | b"SQ" | b"UT" | b"UC" | b"UR" | b"OD" | b"OF");
    let (start, length) = if long {
        (at + 8, u32::from_le_bytes(*bytes.get(at + 4..)?.first_chunk()?) as usize)
    } else {
        (at + 4, usize::from(u16::from_le_bytes([a, b])))
    };
    let end = start.checked_add(length)?;
    Some(Value { bytes: bytes.get(start..end)?, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![2, 0];
        bytes.extend(number.to_le_bytes());
        bytes.extend(vr);
        if vr == b"OB" {
            bytes.extend([0, 0]);
            bytes.extend((value.len() as u32).to_le_bytes());
        } else {
            bytes.extend((value.len() as u16).to_le_bytes());
        }
        bytes.extend(value);
        bytes
    }

    fn file(elements: &[Vec<u8>], data: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes = [vec![0; 128], b"DICM".to_vec(), elements.concat(), data.to_vec()].concat();
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn the_data_set_begins_where_group_two_ends_whatever_the_group_length_says() {
        let elements = [
            element(0, b"UL", &[1, 0, 0, 0]),
            element(1, b"OB", &[0, 1]),
            element(2, b"UI", b"1.2\0"),
            element(3, b"UI", b"1.2.3\0"),
            element(0x10, b"UI", b"1.2.840.10008.1.2\0"),
        ];
        let data = [8, 0, 0x18, 0, b'U', b'I', 0, 0];
        let file = file(&elements, &data);
        let part10 = Part10::read(file.path()).unwrap();
        assert_eq!(part10.data_set_length, 8);
        assert_eq!(part10.data_set_offset as usize, 132 + elements.concat().len());
        assert_eq!(part10.transfer_syntax_uid.as_str(), "1.2.840.10008.1.2");
    }

    #[test]
    fn a_value_beyond_the_file_and_a_missing_uid_are_told_apart() {
        let cut = file(&[element(2, b"UI", b"1.2\0")[..9].to_vec()], &[]);
        assert!(matches!(Part10::read(cut.path()), Err(Part10Error::Meta { offset: 132, .. })));
        let missing = file(&[element(2, b"UI", b"1.2\0")], &[8, 0, 5, 0]);
        assert!(matches!(Part10::read(missing.path()), Err(Part10Error::NoUid { element: 3, .. })));
    }
}
