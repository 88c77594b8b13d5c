//! Reading a segment again: every record that is whole, and what is not.
//!
//! A sealed segment is trusted as far as prefixes, headers and trailers go; one without its seal (the process or the
//! machine stopped) has every payload digested, because an unflushed write may have left a hole in the middle of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest;
use sha2::Sha256;

use super::entry::InstanceRecordHeader;
use super::entry::SealRecordHeader;
use super::record::FILE_HEAD_LENGTH;
use super::record::Kind;
use super::record::PREFIX_LENGTH;
use super::record::Prefix;
use super::record::RECORD_MARK;
use super::record::TRAILER_LENGTH;
use super::record::append_trailer;
use super::record::checksum;
use super::record::decode_trailer;
use super::record::file_head;

/// Bytes of a seal's header, padded.
const SEAL_HEADER_LENGTH: usize = 48;
/// Bytes of a whole seal.
pub(super) const SEAL_LENGTH: u64 = PREFIX_LENGTH + SEAL_HEADER_LENGTH as u64 + TRAILER_LENGTH;
/// Bytes read at once while searching and digesting; a multiple of 8.
const CHUNK_LENGTH: u64 = 1 << 20;
/// Bytes read at once around a record's edge: its trailer, the next prefix and most headers fit.
const WINDOW_LENGTH: usize = 4096;

/// What is wrong with a stretch of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// The first bytes are not those of a segment.
    FileHead,
    /// No record begins where one should, or its description is damaged.
    Description,
    /// The end of a record is damaged.
    Trailer,
    /// The payload has another digest.
    Payload,
    /// The end of a segment that a stop cut short; what lay there was in general never acknowledged.
    TornTail,
}

/// A stretch of a segment that holds no valid record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment file.
    pub path: PathBuf,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// What is wrong.
    pub kind: DamageKind,
    /// SOP Instance UID of the record, where its description could still be read.
    pub sop_instance_uid: Option<String>,
}

/// One valid record.
pub(super) struct Found {
    pub(super) prefix: Prefix,
    pub(super) header: Vec<u8>,
    pub(super) sha256: [u8; 32],
}

/// Everything that one segment holds.
pub(super) struct Scan {
    pub(super) found: Vec<Found>,
    pub(super) damage: Vec<Damage>,
    /// Whether the segment ends in a seal.
    pub(super) sealed: bool,
    /// Where the valid records end.
    pub(super) records_end: u64,
    /// Where the last byte that is not zero ends.
    pub(super) used_end: u64,
}

/// Which payloads are digested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verify {
    /// All.
    Always,
    /// Those of segments without seal.
    Unsealed,
    /// None: the file has its name only because it was whole.
    Never,
}

/// Reads all records of segment file `number`.
pub(super) fn scan(path: &Path, number: u64, verify: Verify) -> io::Result<Scan> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let seal = find_seal(&file, number, length)?;
    let end = seal.unwrap_or(length);
    let verify = match verify {
        Verify::Always => true,
        Verify::Unsealed => seal.is_none(),
        Verify::Never => false,
    };
    let reader = Reader { file, number, end, verify, window_start: 0, window: Vec::new() };
    let scan = Scan { found: Vec::new(), damage: Vec::new(), sealed: seal.is_some(), records_end: 0, used_end: 0 };
    reader.run(path, scan)
}

/// The seal that ends a segment whose records end at `records_end`, to be written at `offset`.
pub(super) fn seal(number: u64, offset: u64, records_end: u64, ordinal: u64) -> Result<Vec<u8>, serde_json::Error> {
    let mut header = serde_json::to_vec(&SealRecordHeader { records_end })?;
    header.resize(SEAL_HEADER_LENGTH, b' ');
    let header_length = SEAL_HEADER_LENGTH as u32;
    let prefix = Prefix { kind: Kind::Seal, header_length, payload_length: 0, offset, segment: number, ordinal };
    let mut bytes = prefix.encode(&header);
    append_trailer(&mut bytes, 0, &Sha256::digest([]).into());
    Ok(bytes)
}

/// Where the records end, told by a valid seal.
fn find_seal(file: &File, number: u64, length: u64) -> io::Result<Option<u64>> {
    let Some(offset) = length.checked_sub(SEAL_LENGTH) else { return Ok(None) };
    let bytes = read_up_to(file, offset, SEAL_LENGTH as usize)?;
    Ok(read_seal(&bytes, number, offset))
}

fn read_seal(bytes: &[u8], number: u64, offset: u64) -> Option<u64> {
    let (prefix, sum) = Prefix::decode(bytes, number, offset)?;
    let header = bytes.get(PREFIX_LENGTH as usize..PREFIX_LENGTH as usize + SEAL_HEADER_LENGTH)?;
    if prefix.kind != Kind::Seal || checksum(bytes, header) != sum {
        return None;
    }
    let seal: SealRecordHeader = serde_json::from_slice(header).ok()?;
    (seal.records_end <= offset).then_some(seal.records_end)
}

/// A segment that is read record by record.
pub(super) struct Reader {
    file: File,
    number: u64,
    end: u64,
    verify: bool,
    window_start: u64,
    window: Vec<u8>,
}

/// What lies between a place without a record and the next record.
struct Gap {
    next: Option<u64>,
    used_end: u64,
}

impl Reader {
    /// Opens segment file `number` for reading single records.
    pub(super) fn open(path: &Path, number: u64) -> io::Result<Reader> {
        let file = File::open(path)?;
        let end = file.metadata()?.len();
        Ok(Reader { file, number, end, verify: false, window_start: 0, window: Vec::new() })
    }

    /// The record at `offset`, its payload not digested.
    pub(super) fn record(&mut self, offset: u64) -> io::Result<Option<Found>> {
        let Some((prefix, header)) = self.description(offset)? else { return Ok(None) };
        Ok(self.content(&prefix)?.ok().map(|sha256| Found { prefix, header, sha256 }))
    }

    fn run(mut self, path: &Path, mut scan: Scan) -> io::Result<Scan> {
        let damage = |offset: u64, end: u64, kind, sop_instance_uid| Damage {
            path: path.to_owned(),
            offset,
            length: end.saturating_sub(offset),
            kind,
            sop_instance_uid,
        };
        let head = file_head(self.number);
        let begin = self.bytes(0, FILE_HEAD_LENGTH as usize)?.to_vec();
        let unwritten = begin.len() == head.len() && begin.iter().all(|&byte| byte == 0);
        if self.end > 0 && begin != head {
            scan.damage.push(damage(0, FILE_HEAD_LENGTH, DamageKind::FileHead, None));
        }
        let mut offset = FILE_HEAD_LENGTH;
        scan.records_end = offset;
        scan.used_end = offset;
        while offset < self.end {
            let Some((prefix, header)) = self.description(offset)? else {
                let gap = self.gap_after(offset)?;
                scan.used_end = scan.used_end.max(gap.used_end);
                let Some(next) = gap.next else {
                    if gap.used_end > offset {
                        scan.damage.push(damage(offset, gap.used_end, DamageKind::TornTail, None));
                    }
                    break;
                };
                scan.damage.push(damage(offset, next, DamageKind::Description, None));
                offset = next;
                continue;
            };
            if prefix.end() > self.end {
                scan.damage.push(damage(offset, self.end, DamageKind::TornTail, instance_of(&header)));
                scan.used_end = self.end;
                break;
            }
            match self.content(&prefix)? {
                Ok(sha256) => {
                    scan.found.push(Found { prefix, header, sha256 });
                    scan.records_end = prefix.end();
                }
                Err(kind) => scan.damage.push(damage(offset, prefix.end(), kind, instance_of(&header))),
            }
            offset = prefix.end();
            scan.used_end = offset;
        }
        if !scan.sealed {
            // Nothing valid follows: that is what a stop leaves, not what a disk does to a record.
            // A segment that was stopped between its preallocation and its first bytes is nothing but zeros.
            let begun = if unwritten && scan.found.is_empty() { 0 } else { scan.records_end };
            let torn = scan.damage.iter_mut().filter(|damage| damage.offset >= begun);
            torn.for_each(|damage| damage.kind = DamageKind::TornTail);
        }
        Ok(scan)
    }

    /// Prefix and header of the record at `offset`, if both are whole.
    fn description(&mut self, offset: u64) -> io::Result<Option<(Prefix, Vec<u8>)>> {
        let number = self.number;
        let start = self.bytes(offset, PREFIX_LENGTH as usize)?.to_vec();
        let Some((prefix, sum)) = Prefix::decode(&start, number, offset) else { return Ok(None) };
        let header = self.bytes(offset + PREFIX_LENGTH, prefix.header_length as usize)?.to_vec();
        let whole = header.len() == prefix.header_length as usize && checksum(&start, &header) == sum;
        Ok(whole.then_some((prefix, header)))
    }

    /// The digest of a record's payload, or what is wrong with it.
    fn content(&mut self, prefix: &Prefix) -> io::Result<Result<[u8; 32], DamageKind>> {
        let trailer = decode_trailer(self.bytes(prefix.trailer_offset(), TRAILER_LENGTH as usize)?);
        let Some((length, sha256)) = trailer else { return Ok(Err(DamageKind::Trailer)) };
        if length != prefix.payload_length {
            return Ok(Err(DamageKind::Trailer));
        }
        if self.verify && digest(&self.file, prefix.payload_offset(), length)? != sha256 {
            return Ok(Err(DamageKind::Payload));
        }
        Ok(Ok(sha256))
    }

    /// Searches the next record behind a place where none is.
    fn gap_after(&mut self, from: u64) -> io::Result<Gap> {
        let mut used_end = from;
        let mut chunk_start = from;
        while chunk_start < self.end {
            let wanted = CHUNK_LENGTH.min(self.end - chunk_start) as usize;
            let chunk = read_up_to(&self.file, chunk_start, wanted)?;
            if chunk.is_empty() {
                break;
            }
            for (index, word) in chunk.chunks(8).enumerate() {
                let place = chunk_start + index as u64 * 8;
                if place > from && word == RECORD_MARK && self.description(place)?.is_some() {
                    return Ok(Gap { next: Some(place), used_end });
                }
                if word.iter().any(|byte| *byte != 0) {
                    used_end = place + word.len() as u64;
                }
            }
            chunk_start += CHUNK_LENGTH;
        }
        Ok(Gap { next: None, used_end })
    }

    /// Bytes of the segment, read through a window; fewer at its end.
    fn bytes(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let inside =
            offset >= self.window_start && offset + length as u64 <= self.window_start + self.window.len() as u64;
        if !inside {
            self.window = read_up_to(&self.file, offset, length.max(WINDOW_LENGTH))?;
            self.window_start = offset;
        }
        let start = (offset - self.window_start) as usize;
        let end = (start + length).min(self.window.len());
        Ok(&self.window[start.min(end)..end])
    }
}

fn instance_of(header: &[u8]) -> Option<String> {
    let header: InstanceRecordHeader = serde_json::from_slice(header).ok()?;
    Some(header.instance.sop_instance_uid.as_str().to_owned())
}

/// SHA-256 of a stretch of a file; of fewer bytes when the file ends before.
pub(super) fn digest(file: &File, offset: u64, length: u64) -> io::Result<[u8; 32]> {
    let mut state = Sha256::new();
    let mut buffer = vec![0; CHUNK_LENGTH.min(length) as usize];
    let mut done = 0;
    while done < length {
        let wanted = (length - done).min(CHUNK_LENGTH) as usize;
        let read = file.read_at(&mut buffer[..wanted], offset + done)?;
        if read == 0 {
            break;
        }
        state.update(&buffer[..read]);
        done += read as u64;
    }
    Ok(state.finalize().into())
}

/// Reads `length` bytes at `offset`, or as many as the file has.
pub(super) fn read_up_to(file: &File, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut done = 0;
    while done < length {
        match file.read_at(&mut bytes[done..], offset + done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    bytes.truncate(done);
    Ok(bytes)
}
