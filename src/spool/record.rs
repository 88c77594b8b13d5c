//! The form of one record on disk.
//!
//! A segment file is [`FILE_MARK`] and its number (16 bytes), then records, each at a multiple of 8 bytes:
//! prefix (56 bytes), header (JSON, padded with blanks), payload, trailer (48 bytes), zero bytes up to the next
//! multiple of 8. All integers are little endian.
//!
//! | prefix byte | content |
//! | --- | --- |
//! | 0..8 | [`RECORD_MARK`] |
//! | 8..10, 10..12 | form version, kind |
//! | 12..16, 16..24 | header length, payload length |
//! | 24..32, 32..40 | offset of the record in its file, number of the file |
//! | 40..48 | ordinal: the order in which records of all files were committed |
//! | 48..52, 52..56 | CRC-32 of the 48 bytes before and the header, zero |
//!
//! | trailer byte | content |
//! | --- | --- |
//! | 0..8, 8..40 | payload length, SHA-256 of the payload |
//! | 40..44, 44..48 | CRC-32 of the 40 bytes before, [`END_MARK`] |
//!
//! Offset and file number in the prefix make a record that lies inside the payload of another (a data set may hold any
//! bytes) unmistakable for a record of the segment.

/// First bytes of a segment file.
pub(super) const FILE_MARK: [u8; 8] = *b"RSTSEG\r\n";
/// Bytes before the first record: mark and number.
pub(super) const FILE_HEAD_LENGTH: u64 = 16;
/// First bytes of a record.
pub(super) const RECORD_MARK: [u8; 8] = *b"RSTREC\r\n";
/// Last bytes of a trailer.
pub(super) const END_MARK: [u8; 4] = *b"RECE";
/// Version of this form.
pub(super) const FORM_VERSION: u16 = 1;
/// Bytes of a prefix.
pub(super) const PREFIX_LENGTH: u64 = 56;
/// Bytes of a trailer.
pub(super) const TRAILER_LENGTH: u64 = 48;
/// Where the payload of a file that holds one large object begins.
pub(super) const LARGE_PAYLOAD_OFFSET: u64 = 16 * 1024;
/// Longest header: it must fit before the payload of a large object.
pub(super) const HEADER_LENGTH_MAX: usize = (LARGE_PAYLOAD_OFFSET - FILE_HEAD_LENGTH - PREFIX_LENGTH) as usize;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A data set.
    Instance = 1,
    /// The history of an association.
    Association = 2,
    /// A note of the node.
    Note = 3,
    /// The orderly end of a segment.
    Seal = 4,
}

impl Kind {
    fn from_code(code: u16) -> Option<Kind> {
        [Kind::Instance, Kind::Association, Kind::Note, Kind::Seal].into_iter().find(|kind| *kind as u16 == code)
    }
}

/// The fixed part before a record's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prefix {
    pub(super) kind: Kind,
    pub(super) header_length: u32,
    pub(super) payload_length: u64,
    pub(super) offset: u64,
    pub(super) segment: u64,
    pub(super) ordinal: u64,
}

impl Prefix {
    /// Prefix and header as they are written.
    pub(super) fn encode(&self, header: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(PREFIX_LENGTH as usize + header.len());
        bytes.extend_from_slice(&RECORD_MARK);
        bytes.extend_from_slice(&FORM_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(self.kind as u16).to_le_bytes());
        bytes.extend_from_slice(&self.header_length.to_le_bytes());
        for number in [self.payload_length, self.offset, self.segment, self.ordinal] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let checksum = checksum(&bytes, header);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(header);
        bytes
    }

    /// Reads a prefix that claims to lie at `offset` of file `segment`; also its checksum, still to be compared.
    pub(super) fn decode(bytes: &[u8], segment: u64, offset: u64) -> Option<(Prefix, u32)> {
        if bytes.get(0..8)? != RECORD_MARK || le_u16(bytes, 8)? != FORM_VERSION {
            return None;
        }
        let prefix = Prefix {
            kind: Kind::from_code(le_u16(bytes, 10)?)?,
            header_length: le_u32(bytes, 12)?,
            payload_length: le_u64(bytes, 16)?,
            offset: le_u64(bytes, 24)?,
            segment: le_u64(bytes, 32)?,
            ordinal: le_u64(bytes, 40)?,
        };
        let placed = prefix.offset == offset && prefix.segment == segment;
        let plausible = prefix.header_length as usize <= HEADER_LENGTH_MAX && prefix.payload_length < 1 << 48;
        (placed && plausible).then_some((prefix, le_u32(bytes, 48)?))
    }

    /// First byte of the payload.
    pub(super) fn payload_offset(&self) -> u64 {
        self.offset + PREFIX_LENGTH + u64::from(self.header_length)
    }

    /// First byte of the trailer.
    pub(super) fn trailer_offset(&self) -> u64 {
        self.payload_offset() + self.payload_length
    }

    /// First byte after the record.
    pub(super) fn end(&self) -> u64 {
        (self.trailer_offset() + TRAILER_LENGTH).next_multiple_of(8)
    }
}

/// CRC-32 of a prefix up to its checksum, and its header.
pub(super) fn checksum(prefix: &[u8], header: &[u8]) -> u32 {
    let mut state = crc32fast::Hasher::new();
    state.update(prefix.get(..48).unwrap_or(prefix));
    state.update(header);
    state.finalize()
}

/// Pads a JSON header with blanks, so that the payload begins at a multiple of 8.
pub(super) fn pad_header(mut header: Vec<u8>) -> Vec<u8> {
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

/// Appends the trailer of a payload of `length` bytes, and the zero bytes up to the next record.
pub(super) fn append_trailer(body: &mut Vec<u8>, length: u64, sha256: &[u8; 32]) {
    let start = body.len();
    body.extend_from_slice(&length.to_le_bytes());
    body.extend_from_slice(sha256);
    let checksum = crc32fast::hash(&body[start..]);
    body.extend_from_slice(&checksum.to_le_bytes());
    body.extend_from_slice(&END_MARK);
    let padding = (length + TRAILER_LENGTH).next_multiple_of(8) - (length + TRAILER_LENGTH);
    body.resize(body.len() + padding as usize, 0);
}

/// Length and SHA-256 of a trailer; `None` when it is not whole.
pub(super) fn decode_trailer(bytes: &[u8]) -> Option<(u64, [u8; 32])> {
    let whole = bytes.get(44..48)? == END_MARK && crc32fast::hash(bytes.get(..40)?) == le_u32(bytes, 40)?;
    let sha256 = <[u8; 32]>::try_from(bytes.get(8..40)?).ok()?;
    whole.then_some((le_u64(bytes, 0)?, sha256))
}

/// The first bytes of segment file `number`.
pub(super) fn file_head(number: u64) -> [u8; FILE_HEAD_LENGTH as usize] {
    let mut head = [0; FILE_HEAD_LENGTH as usize];
    head[..8].copy_from_slice(&FILE_MARK);
    head[8..].copy_from_slice(&number.to_le_bytes());
    head
}

fn le_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn le_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix() -> Prefix {
        Prefix { kind: Kind::Note, header_length: 8, payload_length: 5, offset: 16, segment: 3, ordinal: 9 }
    }

    #[test]
    fn a_prefix_is_read_only_where_it_was_written() {
        let bytes = prefix().encode(b"{}      ");
        let (read, sum) = Prefix::decode(&bytes, 3, 16).unwrap();
        assert_eq!(read, prefix());
        assert_eq!(sum, checksum(&bytes, b"{}      "));
        assert!(Prefix::decode(&bytes, 4, 16).is_none());
        assert!(Prefix::decode(&bytes, 3, 24).is_none());
    }

    #[test]
    fn a_record_fills_exactly_the_bytes_that_its_prefix_announces() {
        let mut bytes = prefix().encode(b"{}      ");
        bytes.extend_from_slice(b"hello");
        append_trailer(&mut bytes, 5, &[7; 32]);
        assert_eq!(16 + bytes.len() as u64, prefix().end());
    }

    #[test]
    fn every_flipped_bit_of_a_trailer_is_seen() {
        let mut bytes = Vec::new();
        append_trailer(&mut bytes, 8, &[7; 32]);
        assert_eq!(decode_trailer(&bytes), Some((8, [7; 32])));
        for bit in 0..TRAILER_LENGTH as usize * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_trailer(&flipped), None, "bit {bit}");
        }
    }
}
