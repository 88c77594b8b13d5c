//! Whether the bytes of a data set hold the pixels that it announces.
//!
//! Input: a parsed [`Instance`], the beginning of its data set and the length of all of it. Output: nothing.
//! Errors: [`InstanceError::PixelDataCut`], [`InstanceError::PixelDataShort`].
//! Source: PS3.5 8.1.1 and A.4 (native and encapsulated Pixel Data), PS3.3 C.7.6.3. What stands behind Pixel Data is not
//! looked at; of encapsulated Pixel Data only the items that stand in the beginning are.

use super::parse::{InstanceError, is_deflated};
use super::scan::{ITEM, PixelDataElement, SEQUENCE_DELIMITER};
use super::{Instance, PixelDescription};
use crate::identity::Uid;

/// Tag and length of an item.
const ITEM_HEADER_LENGTH: usize = 8;

impl Instance {
    /// Checks Pixel Data against the length of the data set, and native Pixel Data against what the image attributes need.
    /// `head` is the beginning of the data set of `total` bytes, both as received.
    pub fn check_pixel_data(&self, head: &[u8], total: u64, transfer_syntax_uid: &Uid) -> Result<(), InstanceError> {
        let Some(pixel_data) = self.pixel_data else { return Ok(()) };
        if !is_deflated(transfer_syntax_uid) {
            match pixel_data.length {
                Some(length) => check_native_end(pixel_data.offset, length, total)?,
                None => check_items(head, total, pixel_data)?,
            }
        }
        match (pixel_data.length, self.pixels.native_bytes()) {
            (Some(found), Some(needed)) if found < needed => Err(InstanceError::PixelDataShort { found, needed }),
            _ => Ok(()),
        }
    }
}

impl PixelDescription {
    /// Bytes of native Pixel Data; `None` where they are not told, or samples are left out (4:2:2, 4:2:0).
    fn native_bytes(&self) -> Option<u64> {
        let photometric = self.photometric_interpretation.as_deref()?;
        if photometric.ends_with("422") || photometric.ends_with("420") {
            return None;
        }
        let factors = [self.rows?, self.columns?, self.samples_per_pixel?, self.bits_allocated?].map(u64::from);
        let bits = factors.into_iter().try_fold(u64::from(self.number_of_frames), u64::checked_mul)?;
        Some(bits.div_ceil(8))
    }
}

fn check_native_end(offset: u64, length: u64, total: u64) -> Result<(), InstanceError> {
    let found = total.saturating_sub(offset);
    if length <= found { Ok(()) } else { Err(InstanceError::PixelDataCut { found, announced: length }) }
}

/// Walks the items of encapsulated Pixel Data as far as they stand in `head`: none may reach past the data set. A missing
/// delimiter at its very end is tolerated, as archives write it.
fn check_items(head: &[u8], total: u64, pixel_data: PixelDataElement) -> Result<(), InstanceError> {
    let mut offset = pixel_data.offset;
    while offset < total {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(header) = start.checked_add(ITEM_HEADER_LENGTH).and_then(|end| head.get(start..end)) else {
            let cut = head.len() as u64 == total;
            return if cut { Err(InstanceError::PixelDataCut { found: total - offset, announced: 8 }) } else { Ok(()) };
        };
        let [group_low, group_high, low, high, a, b, c, d] = *header else { return Ok(()) };
        let group = u16::from_le_bytes([group_low, group_high]);
        let tag = u32::from(group) << 16 | u32::from(u16::from_le_bytes([low, high]));
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        offset += ITEM_HEADER_LENGTH as u64;
        match tag {
            SEQUENCE_DELIMITER => return Ok(()),
            ITEM => check_native_end(offset, length, total)?,
            // No item: decoding tells what it is worth.
            _ => return Ok(()),
        }
        offset += length;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RLE: &str = "1.2.840.10008.1.2.5";
    const EXPLICIT: &str = "1.2.840.10008.1.2.1";

    fn short(tag: [u8; 4], vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
        [&tag[..], vr, &(value.len() as u16).to_le_bytes(), value].concat()
    }

    fn header() -> Vec<u8> {
        [
            short([8, 0, 0x16, 0], b"UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
            short([8, 0, 0x18, 0], b"UI", b"1.2.3\0"),
            short([0x20, 0, 0x0D, 0], b"UI", b"1.2\0"),
            short([0x20, 0, 0x0E, 0], b"UI", b"1.2.4\0"),
            short([0x28, 0, 2, 0], b"US", &[1, 0]),
            short([0x28, 0, 4, 0], b"CS", b"MONOCHROME2 "),
            short([0x28, 0, 0x10, 0], b"US", &[4, 0]),
            short([0x28, 0, 0x11, 0], b"US", &[4, 0]),
            short([0x28, 0, 0, 1], b"US", &[16, 0]),
        ]
        .concat()
    }

    fn native(announced: u32, present: usize) -> Vec<u8> {
        let element = [&[0xE0, 0x7F, 0x10, 0, b'O', b'W', 0, 0][..], &announced.to_le_bytes()].concat();
        [header(), element, vec![7; present]].concat()
    }

    fn item(tag: u8, announced: u32, present: usize) -> Vec<u8> {
        [&[0xFE, 0xFF, tag, 0xE0][..], &announced.to_le_bytes(), &vec![7; present]].concat()
    }

    fn encapsulated(items: &[Vec<u8>]) -> Vec<u8> {
        [header(), [0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF].to_vec(), items.concat()].concat()
    }

    fn check(bytes: &[u8], head: usize, syntax: &str) -> Result<(), InstanceError> {
        let syntax = Uid::parse(syntax).unwrap();
        let head = &bytes[..head.min(bytes.len())];
        let instance = Instance::parse_head(head, bytes.len() as u64, &syntax).unwrap();
        instance.check_pixel_data(head, bytes.len() as u64, &syntax)
    }

    #[test]
    fn whole_pixel_data_is_whole_also_with_only_its_header_at_hand() {
        let bytes = native(32, 32);
        check(&bytes, usize::MAX, EXPLICIT).unwrap();
        check(&bytes, bytes.len() - 32, EXPLICIT).unwrap();
        check(&native(40, 40), usize::MAX, EXPLICIT).unwrap();
    }

    #[test]
    fn native_pixel_data_that_is_cut_is_told() {
        let error = check(&native(32, 30), usize::MAX, EXPLICIT).unwrap_err();
        assert!(matches!(error, InstanceError::PixelDataCut { found: 30, announced: 32 }), "{error}");
    }

    #[test]
    fn fewer_pixels_than_rows_and_columns_need_are_told() {
        let error = check(&native(30, 30), usize::MAX, EXPLICIT).unwrap_err();
        assert!(matches!(error, InstanceError::PixelDataShort { found: 30, needed: 32 }), "{error}");
    }

    #[test]
    fn a_fragment_that_is_cut_is_told_and_a_missing_delimiter_is_not() {
        let table = item(0, 0, 0);
        check(&encapsulated(&[table.clone(), item(0, 10, 10), item(0xDD, 0, 0)]), usize::MAX, RLE).unwrap();
        check(&encapsulated(&[table.clone(), item(0, 10, 10)]), usize::MAX, RLE).unwrap();
        let cut = check(&encapsulated(&[table.clone(), item(0, 10, 8)]), usize::MAX, RLE);
        assert!(matches!(cut, Err(InstanceError::PixelDataCut { found: 8, announced: 10 })), "{cut:?}");
        let cut = check(&encapsulated(&[table, item(0, 10, 10), vec![0xFE, 0xFF, 0]]), usize::MAX, RLE);
        assert!(cut.is_err());
    }
}
