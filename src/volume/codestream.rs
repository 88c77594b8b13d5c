//! What a compressed codestream says about itself, compared with the attributes before anything decodes it.
//!
//! Decoders return filler or panic where Rows or Columns disagree with the stream; so they are asked only when they agree.
//! Source: ISO/IEC 10918-1 B.2.2 (SOF), 14495-1 C.2.2 (SOF55), 15444-1 A.5.1 (SIZ), PS3.5 G.5 (RLE header).

/// Size, depth and components of a codestream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) rows: u32,
    pub(super) columns: u32,
    pub(super) precision: u32,
    pub(super) components: u32,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
}

fn double_word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}

/// Frame header of JPEG and JPEG-LS.
pub(super) fn jpeg(bytes: &[u8]) -> Option<Header> {
    if bytes.get(..2)? != [0xFF, 0xD8] {
        return None;
    }
    let mut at = 2;
    loop {
        let marker = *bytes.get(at + 1)?;
        if *bytes.get(at)? != 0xFF {
            return None;
        }
        match marker {
            0xFF => at += 1,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xF7 => {
                return Some(Header {
                    precision: u32::from(*bytes.get(at + 4)?),
                    rows: word(bytes, at + 5)?,
                    columns: word(bytes, at + 7)?,
                    components: u32::from(*bytes.get(at + 9)?),
                });
            }
            // Start of scan or end of image before any frame header.
            0xDA | 0xD9 => return None,
            _ => at += 2 + word(bytes, at + 2)? as usize,
        }
    }
}

/// SIZ of JPEG 2000 and HTJ2K, also inside a JP2 wrapper.
pub(super) fn jpeg_2000(bytes: &[u8]) -> Option<Header> {
    const SEARCHED: usize = 4096;
    let searched = bytes.get(..SEARCHED.min(bytes.len()))?;
    let start = searched.windows(4).position(|four| four == [0xFF, 0x4F, 0xFF, 0x51])?;
    let siz = bytes.get(start + 4..)?;
    Some(Header {
        columns: double_word(siz, 4)?.checked_sub(double_word(siz, 12)?)?,
        rows: double_word(siz, 8)?.checked_sub(double_word(siz, 16)?)?,
        components: word(siz, 36)?,
        precision: u32::from(*siz.get(38)? & 0x7F) + 1,
    })
}

/// JPEG-LS streams end in fill bytes when their length was odd (`FF FF D9`); the decoder wants `FF D9`.
pub(super) fn without_fill_bytes(mut stream: Vec<u8>) -> Vec<u8> {
    while stream.last() == Some(&0) {
        stream.pop();
    }
    if stream.last() == Some(&0xD9) {
        stream.pop();
        while stream.last() == Some(&0xFF) {
            stream.pop();
        }
        stream.extend([0xFF, 0xD9]);
    }
    stream
}

/// Expands one frame of RLE Lossless into little-endian samples of `width` bytes (PS3.5 G.3: segments are the
/// bytes of all samples, most significant first).
pub(super) fn rle(bytes: &[u8], samples: usize, width: usize) -> Option<Vec<u8>> {
    let entry =
        |at: usize| bytes.get(at..at + 4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize);
    if entry(0)? != width {
        return None;
    }
    let mut out = vec![0; samples * width];
    for segment in 0..width {
        let start = entry(4 + 4 * segment)?;
        let end = if segment + 1 < width { entry(8 + 4 * segment)? } else { bytes.len() };
        let place = width - 1 - segment;
        unpack_bits(bytes.get(start..end)?, samples, |index, byte| {
            if let Some(slot) = out.get_mut(index * width + place) {
                *slot = byte;
            }
        })?;
    }
    Some(out)
}

/// PackBits: a control byte, then a run or literal bytes; `None` when the segment ends early.
fn unpack_bits(segment: &[u8], samples: usize, mut put: impl FnMut(usize, u8)) -> Option<()> {
    let (mut at, mut index) = (0, 0);
    while index < samples {
        let control = segment.get(at)?.cast_signed();
        at += 1;
        if control >= 0 {
            let literal = segment.get(at..at + control as usize + 1)?;
            for (offset, &byte) in literal.iter().enumerate() {
                put(index + offset, byte);
            }
            at += literal.len();
            index += literal.len();
        } else if control != i8::MIN {
            let byte = *segment.get(at)?;
            let count = 1 - isize::from(control);
            for offset in 0..count as usize {
                put(index + offset, byte);
            }
            at += 1;
            index += count as usize;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_header_is_found_behind_other_segments() {
        let stream =
            [0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, 0xFF, 0xC3, 0, 11, 16, 2, 0, 1, 0x40, 1, 1, 0x11, 0, 0xFF, 0xDA];
        let header = Header { rows: 512, columns: 320, precision: 16, components: 1 };
        assert_eq!(jpeg(&stream), Some(header));
        assert_eq!(jpeg(&stream[..12]), None);
    }

    #[test]
    fn fill_bytes_before_the_end_marker_are_dropped() {
        assert_eq!(without_fill_bytes(vec![1, 0xFF, 0xFF, 0xD9, 0]), vec![1, 0xFF, 0xD9]);
        assert_eq!(without_fill_bytes(vec![1, 0xFF, 0xD9]), vec![1, 0xFF, 0xD9]);
    }

    #[test]
    fn rle_segments_become_little_endian_samples() {
        // Two samples 0x0102 and 0x0103: high bytes as a run, low bytes literal.
        let mut bytes = vec![0; 64];
        bytes[0] = 2;
        bytes[4] = 64;
        bytes[8] = 66;
        bytes.extend([0xFF, 0x01, 0x01, 0x02, 0x03]);
        assert_eq!(rle(&bytes, 2, 2), Some(vec![0x02, 0x01, 0x03, 0x01]));
        assert_eq!(rle(&bytes[..68], 2, 2), None, "a segment that ends early is no image");
        assert_eq!(rle(&bytes, 2, 1), None, "the count of segments must be that of the bytes");
    }
}
