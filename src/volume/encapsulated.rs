//! Which bytes of encapsulated Pixel Data belong to which frame.
//!
//! Input: where Pixel Data lies. Output: byte ranges of the data set, per frame.
//! Source: PS3.5 A.4 (items, Basic Offset Table; a frame may span fragments).

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use super::decode::DecodeError;
use crate::instance::DataSetLocation;

/// Most fragments of one object.
const FRAGMENTS_MAX: usize = 1 << 20;
/// Most bytes of a Basic Offset Table: one entry for each fragment.
const OFFSET_TABLE_BYTES_MAX: u64 = 4 * FRAGMENTS_MAX as u64;

/// Fragments of each frame, as ranges of the data set.
pub(super) fn frames(
    location: &DataSetLocation,
    start: u64,
    frames: usize,
) -> Result<Vec<Vec<Range<u64>>>, DecodeError> {
    let (offset_table, fragments) = items(location, start)?;
    if frames == 1 {
        return Ok(vec![fragments]);
    }
    if fragments.len() == frames {
        return Ok(fragments.into_iter().map(|fragment| vec![fragment]).collect());
    }
    if offset_table.len() != frames {
        return Err(DecodeError::Damaged("fragments cannot be told apart by frame"));
    }
    by_offset(&offset_table, fragments)
}

/// Distributes fragments by the offsets of their frames' first items, counted from the first item after the table.
fn by_offset(offset_table: &[u32], fragments: Vec<Range<u64>>) -> Result<Vec<Vec<Range<u64>>>, DecodeError> {
    let Some(first) = fragments.first().map(|fragment| fragment.start) else {
        return Err(DecodeError::Damaged("no fragments"));
    };
    let mut result = vec![Vec::new(); offset_table.len()];
    for fragment in fragments {
        let offset = fragment.start - first;
        let frame = offset_table.partition_point(|&entry| u64::from(entry) <= offset);
        let slot = frame.checked_sub(1).and_then(|frame| result.get_mut(frame));
        slot.ok_or(DecodeError::Damaged("offset table does not start at the first fragment"))?.push(fragment);
    }
    Ok(result)
}

fn items(location: &DataSetLocation, start: u64) -> Result<(Vec<u32>, Vec<Range<u64>>), DecodeError> {
    let mut reader = BufReader::new(location.open_at(start)?);
    let mut position = start;
    let mut offset_table = None;
    let mut fragments = Vec::new();
    loop {
        let mut header = [0; 8];
        if position + 8 > location.length {
            // The delimiter is missing in some archives; the last fragment then ends with the data set.
            break;
        }
        reader.read_exact(&mut header)?;
        position += 8;
        let length = u64::from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
        match header[..4] {
            [0xFE, 0xFF, 0x00, 0xE0] => {}
            [0xFE, 0xFF, 0xDD, 0xE0] => break,
            _ => return Err(DecodeError::Damaged("something else than an item among the fragments")),
        }
        let end = position + length;
        if end > location.length {
            return Err(DecodeError::Damaged("a fragment reaches past the data set"));
        }
        if offset_table.is_none() {
            offset_table = Some(read_offset_table(&mut reader, length)?);
        } else {
            reader.seek(SeekFrom::Current(length as i64))?;
            fragments.push(position..end);
        }
        if fragments.len() > FRAGMENTS_MAX {
            return Err(DecodeError::Damaged("too many fragments"));
        }
        position = end;
    }
    Ok((offset_table.unwrap_or_default(), fragments))
}

fn read_offset_table(reader: &mut impl Read, length: u64) -> Result<Vec<u32>, DecodeError> {
    if length > OFFSET_TABLE_BYTES_MAX {
        return Err(DecodeError::Damaged("offset table is too long"));
    }
    let mut bytes = vec![0; length as usize];
    reader.read_exact(&mut bytes)?;
    Ok(bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_two_fragments_is_joined_by_the_offset_table() {
        let frames = by_offset(&[0, 30], vec![100..110, 118..122, 130..140]).unwrap();
        assert_eq!(frames, vec![vec![100..110, 118..122], vec![130..140]]);
    }

    #[test]
    fn a_table_that_starts_late_is_damaged() {
        assert!(by_offset(&[8, 30], vec![100..110, 130..140]).is_err());
    }
}
