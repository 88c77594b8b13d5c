//! One object on its way into the spool.
//!
//! Up to `object_memory_bytes` it is gathered in memory and goes to a group writer in one piece. What is longer
//! streams into a file of its own, which gets its name only when it is whole and flushed.

use std::collections::BTreeSet;
use std::fs::File;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::Digest;
use sha2::Sha256;

use super::Spool;
use super::entry::Durable;
use super::entry::InstanceHeader;
use super::entry::InstanceRecordHeader;
use super::entry::Parsed;
use super::entry::Position;
use super::entry::StoredInstance;
use super::error::SpoolError;
use super::ground::Ground;
use super::ground::Segment;
use super::record::FILE_HEAD_LENGTH;
use super::record::HEADER_LENGTH_MAX;
use super::record::Kind;
use super::record::LARGE_PAYLOAD_OFFSET;
use super::record::Prefix;
use super::record::append_trailer;
use super::record::file_head;
use super::record::pad_header;
use super::recovery::partial_path;
use super::recovery::segment_path;
use super::writer::Placed;
use crate::instance::DataSetLocation;

/// Bytes gathered before they are written to the file of a large object.
const LARGE_WRITE_LENGTH: usize = 256 * 1024;
/// Bytes of a large object between two flushes: spreads the cost of the last one, and notices a full disk early.
const LARGE_FLUSH_LENGTH: u64 = 32 << 20;
/// Bytes that trailer and padding add to a body.
const TRAILER_ROOM: usize = 64;
/// Up to this capacity buffers double; beyond, they take their full length at once.
const DOUBLING_LENGTH_MAX: usize = 256 * 1024;

/// One object that is being received. Dropping it before [`ObjectWriter::commit`] leaves nothing behind.
pub struct ObjectWriter {
    spool: Spool,
    header: InstanceHeader,
    digest: Sha256,
    length: u64,
    head: Vec<u8>,
    large: Option<LargeObject>,
}

impl ObjectWriter {
    pub(super) fn new(spool: Spool, header: InstanceHeader) -> ObjectWriter {
        let head = spool.ground.take_buffer();
        ObjectWriter { spool, header, digest: Sha256::new(), length: 0, head, large: None }
    }

    /// Takes the next bytes of the data set. Nothing is durable on return.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        self.check_whole()?;
        let limit_bytes = self.spool.ground.options.object_bytes_max;
        if self.length + bytes.len() as u64 > limit_bytes {
            return Err(SpoolError::ObjectTooLarge { limit_bytes });
        }
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        let memory = self.spool.ground.options.object_memory_bytes;
        let (near, far) = bytes.split_at(bytes.len().min(memory.saturating_sub(self.head.len())));
        self.gather(near, memory);
        if far.is_empty() {
            return Ok(());
        }
        let mut large = match self.large.take() {
            Some(large) => large,
            None => self.open_large().await?,
        };
        for piece in far.chunks(LARGE_WRITE_LENGTH) {
            large = large.write(piece).await?;
        }
        self.large = Some(large);
        Ok(())
    }

    /// The first bytes of the data set, up to `object_memory_bytes`, to be parsed before [`ObjectWriter::commit`].
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Bytes taken so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256 of the bytes taken so far.
    pub fn sha256(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// Ends the object. On return its bytes, its description and its directory entry survive a loss of power
    /// (with `Mode::Write`: the end of the process).
    pub async fn commit(mut self, parsed: Parsed) -> Result<(Durable, StoredInstance), SpoolError> {
        self.check_whole()?;
        let sha256: [u8; 32] = self.digest.clone().finalize().into();
        let described = InstanceRecordHeader { instance: self.header.clone(), parsed };
        let header = encode_header(&described)?;
        let placed = match self.large.take() {
            Some(large) => large.finish(header, self.length, sha256).await?,
            None => self.append(header, sha256).await?,
        };
        let location = DataSetLocation {
            path: placed.path,
            offset: placed.payload_offset,
            length: self.length,
            transfer_syntax_uid: self.header.transfer_syntax_uid.clone(),
        };
        let InstanceRecordHeader { instance: header, parsed } = described;
        let stored = StoredInstance { position: placed.position, location, sha256, header, parsed };
        Ok((Durable::new(placed.position), stored))
    }

    async fn append(&mut self, header: Vec<u8>, sha256: [u8; 32]) -> Result<Placed, SpoolError> {
        let mut body = std::mem::take(&mut self.head);
        let payload_length = body.len() as u64;
        append_trailer(&mut body, payload_length, &sha256);
        self.spool.append_body(Kind::Instance, header, body, payload_length).await
    }

    fn gather(&mut self, bytes: &[u8], memory: usize) {
        let needed = self.head.len() + bytes.len();
        if needed > self.head.capacity() && needed > DOUBLING_LENGTH_MAX {
            self.head.reserve_exact(memory + TRAILER_ROOM - self.head.len());
        }
        self.head.extend_from_slice(bytes);
    }

    /// Begins the file of a large object with what was gathered so far.
    async fn open_large(&mut self) -> Result<LargeObject, SpoolError> {
        let ground = self.spool.ground.clone();
        let head = std::mem::take(&mut self.head);
        let (large, head) = blocking(move || {
            let mut large = LargeObject::create(ground)?;
            large.put(&head)?;
            Ok((large, head))
        })
        .await?;
        self.head = head;
        Ok(large)
    }

    /// A write that was cancelled or failed half-way leaves an object that cannot be completed.
    fn check_whole(&self) -> Result<(), SpoolError> {
        let written = self.large.as_ref().map_or(self.head.len() as u64, LargeObject::length);
        if written == self.length { Ok(()) } else { Err(SpoolError::Abandoned) }
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        let head = std::mem::take(&mut self.head);
        if head.capacity() > 0 {
            self.spool.ground.give_buffer(head);
        }
    }
}

/// JSON of a record's description, padded.
pub(super) fn encode_header(header: &impl serde::Serialize) -> Result<Vec<u8>, SpoolError> {
    let bytes = pad_header(serde_json::to_vec(header).map_err(SpoolError::Encode)?);
    if bytes.len() > HEADER_LENGTH_MAX {
        return Err(SpoolError::HeaderTooLarge { found_bytes: bytes.len(), limit_bytes: HEADER_LENGTH_MAX });
    }
    Ok(bytes)
}

/// Runs blocking work on the threads kept for it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| SpoolError::Abandoned)?
}

/// The file of an object that is too long for memory.
struct LargeObject {
    ground: Arc<Ground>,
    file: File,
    number: u64,
    partial: PathBuf,
    finished: bool,
    /// Payload bytes written.
    written: u64,
    /// Payload bytes gathered for the next write.
    pending: Vec<u8>,
    unflushed: u64,
}

impl LargeObject {
    fn create(ground: Arc<Ground>) -> Result<LargeObject, SpoolError> {
        let number = ground.take_number();
        let partial = partial_path(&ground.dir, number);
        let made = OpenOptions::new().read(true).write(true).create_new(true).open(&partial);
        let file = made.map_err(|error| SpoolError::io("create object file", &partial, error))?;
        let pending = Vec::with_capacity(LARGE_WRITE_LENGTH);
        Ok(LargeObject { ground, file, number, partial, finished: false, written: 0, pending, unflushed: 0 })
    }

    fn length(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    async fn write(mut self, bytes: &[u8]) -> Result<LargeObject, SpoolError> {
        let (near, far) = bytes.split_at(bytes.len().min(LARGE_WRITE_LENGTH - self.pending.len()));
        self.pending.extend_from_slice(near);
        if self.pending.len() == LARGE_WRITE_LENGTH {
            self = blocking(move || {
                self.put_pending()?;
                Ok(self)
            })
            .await?;
        }
        self.pending.extend_from_slice(far);
        Ok(self)
    }

    fn put_pending(&mut self) -> Result<(), SpoolError> {
        let mut pending = std::mem::take(&mut self.pending);
        self.put(&pending)?;
        pending.clear();
        self.pending = pending;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), SpoolError> {
        let written = self.file.write_all_at(bytes, LARGE_PAYLOAD_OFFSET + self.written);
        written.map_err(|error| SpoolError::io("write object", &self.partial, error))?;
        self.written += bytes.len() as u64;
        self.unflushed += bytes.len() as u64;
        if self.unflushed < LARGE_FLUSH_LENGTH {
            return Ok(());
        }
        self.unflushed = 0;
        self.flush()
    }

    fn flush(&self) -> Result<(), SpoolError> {
        if !self.ground.options.flushes() {
            return Ok(());
        }
        self.file.sync_data().map_err(|error| SpoolError::io("flush object", &self.partial, error))
    }

    async fn finish(mut self, header: Vec<u8>, length: u64, sha256: [u8; 32]) -> Result<Placed, SpoolError> {
        blocking(move || {
            self.put_pending()?;
            self.describe(header, length, &sha256)?;
            self.flush()?;
            self.publish()
        })
        .await
    }

    /// Writes what stands around the payload: its description before it, its trailer behind it.
    fn describe(&self, mut header: Vec<u8>, length: u64, sha256: &[u8; 32]) -> Result<(), SpoolError> {
        header.resize(HEADER_LENGTH_MAX, b' ');
        let prefix = Prefix {
            kind: Kind::Instance,
            header_length: HEADER_LENGTH_MAX as u32,
            payload_length: length,
            offset: FILE_HEAD_LENGTH,
            segment: self.number,
            ordinal: self.ground.take_ordinal(),
        };
        let mut trailer = Vec::with_capacity(TRAILER_ROOM);
        append_trailer(&mut trailer, length, sha256);
        let described = self
            .file
            .write_all_at(&file_head(self.number), 0)
            .and_then(|()| self.file.write_all_at(&prefix.encode(&header), FILE_HEAD_LENGTH))
            .and_then(|()| self.file.write_all_at(&trailer, LARGE_PAYLOAD_OFFSET + length));
        described.map_err(|error| SpoolError::io("describe object", &self.partial, error))
    }

    /// Gives the file its name: from here on it counts.
    fn publish(&mut self) -> Result<Placed, SpoolError> {
        let path: Arc<Path> = segment_path(&self.ground.dir, self.number, true).into();
        let renamed = std::fs::rename(&self.partial, &path);
        renamed.map_err(|error| SpoolError::io("name object file", &self.partial, error))?;
        self.finished = true;
        let live = BTreeSet::from([FILE_HEAD_LENGTH]);
        let segment = Segment { path: path.clone(), large: true, sealed: true, live };
        self.ground.segments().insert(self.number, segment);
        self.ground.sync_dir()?;
        self.ground.records.fetch_add(1, Ordering::Relaxed);
        self.ground.bytes.fetch_add(self.written, Ordering::Relaxed);
        let position = Position { segment: self.number, offset: FILE_HEAD_LENGTH };
        Ok(Placed { position, path, payload_offset: LARGE_PAYLOAD_OFFSET })
    }
}

impl Drop for LargeObject {
    fn drop(&mut self) {
        if !self.finished {
            // A file that cannot be removed now has no name that counts and is removed at the next start.
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}
