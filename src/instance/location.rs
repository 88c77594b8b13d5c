//! Where the bytes of one data set lie.
//!
//! Input: a file, an offset and a length. Output: the bytes, or their digest, read under a limit.
//! Errors: [`std::io::Error`]; a data set that outgrows the caller's limit is `InvalidData`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::identity::Uid;

/// Bytes read at a time while digesting.
const DIGEST_BLOCK_BYTES: usize = 256 * 1024;

/// One encoded data set (PS3.5) inside a file: a Part 10 file or a segment of the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSetLocation {
    /// The file.
    pub path: Arc<Path>,
    /// First byte of the data set in the file.
    pub offset: u64,
    /// Bytes of the data set.
    pub length: u64,
    /// Transfer syntax of the data set.
    pub transfer_syntax_uid: Uid,
}

impl DataSetLocation {
    /// All bytes of the data set; an error if there are more than `limit`.
    pub fn read_bytes(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.length > limit {
            let message = format!("data set of {} bytes is larger than the limit of {limit}", self.length);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        self.read_range(0, self.length)
    }

    /// `length` bytes from `start` on, both within the data set; fewer bytes in the file are `UnexpectedEof`.
    pub fn read_range(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        if start.checked_add(length).is_none_or(|end| end > self.length) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "range lies outside the data set"));
        }
        let mut reader = self.open_at(start)?.take(length);
        // Grows with what the file really holds, so a wrong length cannot reserve memory.
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends inside the data set"));
        }
        Ok(bytes)
    }

    /// The file, positioned at byte `start` of the data set.
    pub(crate) fn open_at(&self, start: u64) -> io::Result<File> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset.saturating_add(start)))?;
        Ok(file)
    }

    /// A reader of exactly the bytes of the data set.
    pub fn open(&self) -> io::Result<impl Read + use<>> {
        Ok(self.open_at(0)?.take(self.length))
    }

    /// SHA-256 of the data set, read in blocks.
    pub fn sha256(&self) -> io::Result<[u8; 32]> {
        let mut reader = self.open_at(0)?.take(self.length);
        let mut digest = Sha256::new();
        let mut block = vec![0; DIGEST_BLOCK_BYTES];
        let mut total = 0u64;
        loop {
            let count = reader.read(&mut block)?;
            if count == 0 {
                break;
            }
            digest.update(&block[..count]);
            total += count as u64;
        }
        if total < self.length {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file ends inside the data set"));
        }
        Ok(digest.finalize().into())
    }
}
