//! DICOM files: preamble, meta information, and files that lack them.
//!
//! Input: a path. Output: the [`DataSetLocation`] of its data set. Only the first kilobytes are read.
//! Errors: [`Part10Error`].
//! Source: PS3.10 7.1. Seen and accepted: no preamble, no meta information, no group length, no transfer syntax.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::DataSetLocation;
use crate::identity::Uid;

/// Most bytes of preamble and meta information.
const META_BYTES_MAX: u64 = 256 * 1024;
const PREAMBLE_LENGTH: usize = 128;
const TRANSFER_SYNTAX_UID: u32 = 0x0002_0010;
const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
const EXPLICIT_BIG: &str = "1.2.840.10008.1.2.2";

/// Why a file gave no data set.
#[derive(Debug, thiserror::Error)]
pub enum Part10Error {
    /// Could not be read.
    #[error("file cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// Neither a DICOM prefix nor a data set at the start.
    #[error("not a DICOM file: no prefix DICM at byte 128 and no data set at the start")]
    NotDicom,
    /// Meta information is cut or larger than its limit.
    #[error("meta information is damaged at byte {offset}")]
    Meta {
        /// Where.
        offset: usize,
    },
    /// The transfer syntax is no UID.
    #[error("(0002,0010) is not a UID")]
    TransferSyntax,
}

/// Finds the data set in a file.
pub fn open(path: &Path) -> Result<DataSetLocation, Part10Error> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    (&mut file).take(META_BYTES_MAX).read_to_end(&mut head)?;
    let (offset, transfer_syntax_uid) = data_set_start(&head)?;
    Ok(DataSetLocation {
        path: path.into(),
        offset: offset as u64,
        length: length.saturating_sub(offset as u64),
        transfer_syntax_uid,
    })
}

/// Start of the data set and its transfer syntax.
fn data_set_start(head: &[u8]) -> Result<(usize, Uid), Part10Error> {
    let prefixed = head.get(PREAMBLE_LENGTH..PREAMBLE_LENGTH + 4) == Some(b"DICM");
    let meta_start = if prefixed { PREAMBLE_LENGTH + 4 } else { 0 };
    let (offset, stated) = read_meta(head, meta_start)?;
    let uid = match stated {
        Some(text) => Uid::parse(&text).map_err(|_| Part10Error::TransferSyntax)?,
        None => {
            let start = head.get(offset..).unwrap_or_default();
            let vr_written = start.get(4..6).is_none_or(|vr| vr.iter().all(u8::is_ascii_uppercase));
            let default = if vr_written { EXPLICIT_LITTLE } else { IMPLICIT_LITTLE };
            let text = probe(start).or(prefixed.then_some(default)).ok_or(Part10Error::NotDicom)?;
            Uid::parse(text).map_err(|_| Part10Error::TransferSyntax)?
        }
    };
    Ok((offset, uid))
}

/// Walks the elements of group 0002 (Explicit VR Little Endian; implicit ones are seen), whatever group length says.
fn read_meta(head: &[u8], start: usize) -> Result<(usize, Option<String>), Part10Error> {
    let mut position = start;
    let mut transfer_syntax = None;
    while let Some(bytes) = head.get(position..position + 8) {
        if u16::from_le_bytes([bytes[0], bytes[1]]) != 0x0002 {
            break;
        }
        let tag = 0x0002_0000 | u32::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        let (value, length) = meta_value(head, position).ok_or(Part10Error::Meta { offset: position })?;
        let end = value.checked_add(length).ok_or(Part10Error::Meta { offset: position })?;
        let content = head.get(value..end).ok_or(Part10Error::Meta { offset: position })?;
        if tag == TRANSFER_SYNTAX_UID {
            let text = String::from_utf8_lossy(content).trim_matches(['\0', ' ']).to_owned();
            transfer_syntax = (!text.is_empty()).then_some(text);
        }
        position = end;
    }
    Ok((position, transfer_syntax))
}

fn meta_value(head: &[u8], position: usize) -> Option<(usize, usize)> {
    let bytes = head.get(position..position + 8)?;
    let four =
        |at: usize| head.get(at..at + 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize);
    match [bytes[4], bytes[5]] {
        [b'O', _] | [b'U', b'N' | b'T'] | [b'S', b'Q'] => Some((position + 12, four(position + 8)?)),
        [b'A'..=b'Z', b'A'..=b'Z'] => Some((position + 8, usize::from(u16::from_le_bytes([bytes[6], bytes[7]])))),
        _ => Some((position + 8, four(position + 4)?)),
    }
}

/// The uncompressed transfer syntax that the first element of a data set without meta information shows.
fn probe(bytes: &[u8]) -> Option<&'static str> {
    let head = bytes.get(..8)?;
    let little_group = u16::from_le_bytes([head[0], head[1]]);
    let big_group = u16::from_be_bytes([head[0], head[1]]);
    let explicit = head[4].is_ascii_uppercase() && head[5].is_ascii_uppercase();
    // Data sets begin with group 0008, seldom with an even private-free group just above.
    let plausible = |group: u16| (0x0004..=0x0020).contains(&group);
    let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
    match explicit {
        true if plausible(little_group) => Some(EXPLICIT_LITTLE),
        true if plausible(big_group) => Some(EXPLICIT_BIG),
        false if plausible(little_group) && length <= bytes.len() => Some(IMPLICIT_LITTLE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(group.to_le_bytes());
        bytes.extend(number.to_le_bytes());
        bytes.extend(vr);
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.extend(value);
        bytes
    }

    #[test]
    fn text_is_not_dicom() {
        assert!(matches!(data_set_start(b"# a text file, longer than eight bytes"), Err(Part10Error::NotDicom)));
        assert!(matches!(data_set_start(b""), Err(Part10Error::NotDicom)));
    }

    #[test]
    fn meta_information_is_walked_without_its_group_length() {
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        file.extend(element(2, 0x10, b"UI", b"1.2.840.10008.1.2.4.80"));
        let start = file.len();
        file.extend(element(8, 0x16, b"UI", b"1.2\0"));
        let (offset, uid) = data_set_start(&file).unwrap();
        assert_eq!((offset, uid.as_str()), (start, "1.2.840.10008.1.2.4.80"));
    }

    #[test]
    fn a_bare_data_set_is_probed() {
        let (offset, uid) = data_set_start(&element(8, 0x16, b"UI", b"1.2\0")).unwrap();
        assert_eq!((offset, uid.as_str()), (0, EXPLICIT_LITTLE));
        let implicit = [8, 0, 0x16, 0, 4, 0, 0, 0, b'1', b'.', b'2', 0];
        assert_eq!(data_set_start(&implicit).unwrap().1.as_str(), IMPLICIT_LITTLE);
    }

    #[test]
    fn a_meta_length_beyond_the_file_is_an_error() {
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        file.extend([2, 0, 1, 0, b'O', b'B', 0, 0, 0xF0, 0xFF, 0xFF, 0xFF]);
        assert!(matches!(data_set_start(&file), Err(Part10Error::Meta { offset: 132 })));
    }
}
