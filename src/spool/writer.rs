//! A thread that appends to its active segment.
//!
//! It takes all waiting records, writes them, flushes once, and only then tells every one of them that it is durable.
//! While it flushes, the next group gathers: the more associations push, the fewer flushes one object costs.

use std::collections::BTreeSet;
use std::fs::File;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use super::entry::Position;
use super::error::SpoolError;
use super::ground::Ground;
use super::ground::Segment;
use super::record::FILE_HEAD_LENGTH;
use super::record::Kind;
use super::record::PREFIX_LENGTH;
use super::record::Prefix;
use super::record::file_head;
use super::recovery::segment_path;
use super::scan::SEAL_LENGTH;
use super::scan::seal;

/// Records that wait for the writer at most; senders wait when it is full.
pub(super) const QUEUE_RECORDS_MAX: usize = 256;
/// Bytes of one group at most, so that the first of a group does not wait for ever.
const GROUP_BYTES_MAX: usize = 64 << 20;

/// One record to be appended.
pub(super) struct Append {
    pub(super) kind: Kind,
    /// Padded JSON.
    pub(super) header: Vec<u8>,
    pub(super) payload_length: u64,
    /// Payload, trailer and padding.
    pub(super) body: Vec<u8>,
    pub(super) reply: oneshot::Sender<Result<Placed, SpoolError>>,
    /// Counts among the bytes before the writer until it is answered.
    pub(super) waiting: Waiting,
}

/// The bytes of one record among those that wait for a writer.
pub(super) struct Waiting(Arc<AtomicUsize>, usize);

impl Waiting {
    pub(super) fn count(waiting: &Arc<AtomicUsize>, bytes: usize) -> Waiting {
        waiting.fetch_add(bytes, Ordering::Relaxed);
        Waiting(waiting.clone(), bytes)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// Where a record lies.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) position: Position,
    pub(super) path: Arc<Path>,
    pub(super) payload_offset: u64,
}

/// The active segment.
struct Active {
    file: File,
    number: u64,
    path: Arc<Path>,
    offset: u64,
    capacity: u64,
}

pub(super) struct GroupWriter {
    ground: Arc<Ground>,
    active: Option<Active>,
}

/// Takes records until every sender is gone, then seals the active segment.
pub(super) fn run(ground: Arc<Ground>, mut queue: mpsc::Receiver<Append>) {
    let mut writer = GroupWriter { ground, active: None };
    while let Some(first) = queue.blocking_recv() {
        let group = writer.gather(first, &mut queue);
        writer.append_group(group);
    }
    // Without its seal the segment is digested at the next start, which costs time and nothing else.
    let _ = writer.seal_active();
}

impl GroupWriter {
    fn gather(&self, first: Append, queue: &mut mpsc::Receiver<Append>) -> Vec<Append> {
        let delay = Duration::from_micros(self.ground.options.group_delay_us);
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let mut bytes = first.body.len();
        let mut group = vec![first];
        while bytes < GROUP_BYTES_MAX && group.len() < QUEUE_RECORDS_MAX {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.body.len();
            group.push(next);
        }
        group
    }

    fn append_group(&mut self, group: Vec<Append>) {
        let mut unsynced = BTreeSet::new();
        let mut placed = Vec::with_capacity(group.len());
        for append in group {
            let result = self.place(&append, &mut unsynced);
            self.ground.give_buffer(append.body);
            placed.push((append.reply, append.waiting, result));
        }
        let synced = self.sync_active().and_then(|()| self.check_named());
        if let (Err(_), Some(active)) = (&synced, &self.active) {
            unsynced.insert(active.number);
            // After a failed flush the system may have dropped the pages: nothing more goes into this segment.
            self.leave_active();
        }
        for (reply, waiting, result) in placed {
            let answer = result.and_then(|placed| {
                if !unsynced.contains(&placed.position.segment) {
                    return Ok(placed);
                }
                self.ground.let_go(placed.position);
                Err(synced.as_ref().err().map_or(SpoolError::Closed, SpoolError::repeat))
            });
            // A sender that has gone away keeps its record: it was whole when it was handed over.
            drop(waiting);
            let _ = reply.send(answer);
        }
        self.ground.groups.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes one record behind the last; segments that could not be flushed on the way are named in `unsynced`.
    fn place(&mut self, append: &Append, unsynced: &mut BTreeSet<u64>) -> Result<Placed, SpoolError> {
        let length = PREFIX_LENGTH + append.header.len() as u64 + append.body.len() as u64;
        let fits = |active: &Active| active.offset + length + SEAL_LENGTH <= active.capacity;
        if !self.active.as_ref().is_some_and(fits) {
            let number = self.active.as_ref().map(|active| active.number);
            if self.seal_active().is_err() {
                unsynced.extend(number);
            }
            self.active = Some(self.create(length)?);
        }
        let Some(active) = self.active.as_mut() else { return Err(SpoolError::Closed) };
        let prefix = Prefix {
            kind: append.kind,
            header_length: append.header.len() as u32,
            payload_length: append.payload_length,
            offset: active.offset,
            segment: active.number,
            ordinal: self.ground.take_ordinal(),
        };
        let body_offset = prefix.payload_offset();
        let written = active
            .file
            .write_all_at(&prefix.encode(&append.header), active.offset)
            .and_then(|()| active.file.write_all_at(&append.body, body_offset));
        if let Err(error) = written {
            let error = SpoolError::io("append", &active.path, error);
            let number = active.number;
            // What was written of the record is cut off; a file that cannot be cut is scanned at the next start.
            if self.seal_active().is_err() {
                unsynced.insert(number);
            }
            return Err(error);
        }
        let position = Position { segment: active.number, offset: active.offset };
        active.offset += length;
        // Before the segment can be sealed: a sealed segment without needed records may be removed.
        if append.kind == Kind::Instance {
            self.ground.keep(position);
        }
        self.ground.records.fetch_add(1, Ordering::Relaxed);
        self.ground.bytes.fetch_add(append.payload_length, Ordering::Relaxed);
        Ok(Placed { position, path: active.path.clone(), payload_offset: body_offset })
    }

    /// A new, preallocated segment with room for a record of `length` bytes; durable as a name on return.
    fn create(&self, length: u64) -> Result<Active, SpoolError> {
        let number = self.ground.take_number();
        let path: Arc<Path> = segment_path(&self.ground.dir, number, false).into();
        let capacity = self.ground.segment_capacity(FILE_HEAD_LENGTH + length + SEAL_LENGTH);
        let made = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = made.map_err(|error| SpoolError::io("create segment", &path, error))?;
        let prepared = preallocate(&file, capacity).and_then(|()| file.write_all_at(&file_head(number), 0));
        if let Err(error) = prepared {
            let _ = std::fs::remove_file(&path);
            return Err(SpoolError::io("prepare segment", &path, error));
        }
        self.ground.sync_dir()?;
        let segment = Segment { path: path.clone(), large: false, sealed: false, live: BTreeSet::new() };
        self.ground.segments().insert(number, segment);
        Ok(Active { file, number, path, offset: FILE_HEAD_LENGTH, capacity })
    }

    fn sync_active(&self) -> Result<(), SpoolError> {
        let Some(active) = self.active.as_ref().filter(|_| self.ground.options.flushes()) else { return Ok(()) };
        active.file.sync_data().map_err(|error| SpoolError::io("flush segment", &active.path, error))
    }

    /// A file that somebody removed takes bytes and flushes as before, and loses them.
    fn check_named(&self) -> Result<(), SpoolError> {
        let Some(active) = self.active.as_ref() else { return Ok(()) };
        let removed = || std::io::Error::new(std::io::ErrorKind::NotFound, "the file was removed");
        let named = active.file.metadata().and_then(|file| if file.nlink() > 0 { Ok(()) } else { Err(removed()) });
        named.map_err(|error| SpoolError::io("find segment", &active.path, error))
    }

    /// Cuts the active segment behind its last record, seals and flushes it.
    fn seal_active(&mut self) -> Result<(), SpoolError> {
        let Some(active) = self.leave_active() else { return Ok(()) };
        let seal = seal(active.number, active.offset, active.offset, self.ground.take_ordinal())
            .map_err(SpoolError::Encode)?;
        let sealed = active
            .file
            .set_len(active.offset)
            .and_then(|()| active.file.write_all_at(&seal, active.offset))
            .and_then(|()| if self.ground.options.flushes() { active.file.sync_data() } else { Ok(()) });
        sealed.map_err(|error| SpoolError::io("seal segment", &active.path, error))
    }

    fn leave_active(&mut self) -> Option<Active> {
        let active = self.active.take()?;
        if let Some(segment) = self.ground.segments().get_mut(&active.number) {
            segment.sealed = true;
        }
        Some(active)
    }
}

/// Reserves the blocks of a segment; a file system that cannot reserve goes without.
fn preallocate(file: &File, length: u64) -> std::io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, length) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
