//! What all parts of one spool share: the folder, its segments, numbers, used buffers, figures.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use super::Options;
use super::entry::Position;
use super::error::SpoolError;

/// Buffers kept for the next object; more are given back to the allocator.
const SPARE_BUFFERS_MAX: usize = 8;
/// First capacity of a buffer.
const BUFFER_LENGTH_FIRST: usize = 64 * 1024;

/// One segment file.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) path: Arc<Path>,
    /// Whether the file holds one large object and nothing else.
    pub(super) large: bool,
    /// Whether nothing is appended any more.
    pub(super) sealed: bool,
    /// Offsets of instance records that are still needed.
    pub(super) live: BTreeSet<u64>,
}

/// Shared state of a spool.
pub(super) struct Ground {
    pub(super) dir: PathBuf,
    pub(super) options: Options,
    segments: Mutex<BTreeMap<u64, Segment>>,
    spare: Mutex<Vec<Vec<u8>>>,
    /// Locks of folders that were made again in place of one that was removed.
    later_locks: Mutex<Vec<File>>,
    next_number: AtomicU64,
    next_ordinal: AtomicU64,
    pub(super) groups: AtomicU64,
    pub(super) records: AtomicU64,
    pub(super) bytes: AtomicU64,
}

impl Ground {
    pub(super) fn new(
        dir: PathBuf,
        options: Options,
        segments: BTreeMap<u64, Segment>,
        next_number: u64,
        next_ordinal: u64,
    ) -> Ground {
        Ground {
            dir,
            options,
            segments: Mutex::new(segments),
            spare: Mutex::new(Vec::new()),
            later_locks: Mutex::new(Vec::new()),
            next_number: AtomicU64::new(next_number),
            next_ordinal: AtomicU64::new(next_ordinal),
            groups: AtomicU64::new(0),
            records: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn segments(&self) -> MutexGuard<'_, BTreeMap<u64, Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an instance record as needed.
    pub(super) fn keep(&self, position: Position) {
        if let Some(segment) = self.segments().get_mut(&position.segment) {
            segment.live.insert(position.offset);
        }
    }

    /// Counts an instance record as needed no more.
    pub(super) fn let_go(&self, position: Position) {
        if let Some(segment) = self.segments().get_mut(&position.segment) {
            segment.live.remove(&position.offset);
        }
    }

    pub(super) fn take_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn take_ordinal(&self) -> u64 {
        self.next_ordinal.fetch_add(1, Ordering::Relaxed)
    }

    /// An empty buffer, used before where one is left.
    pub(super) fn take_buffer(&self) -> Vec<u8> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| Vec::with_capacity(BUFFER_LENGTH_FIRST))
    }

    pub(super) fn give_buffer(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > self.options.object_memory_bytes.saturating_mul(2) {
            return;
        }
        buffer.clear();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_BUFFERS_MAX {
            spare.push(buffer);
        }
    }

    /// Free space of the file system, bytes; `None` where it does not tell. A folder that somebody removed is made again
    /// as soon as its parent is there: what it held is lost, but the node can go on.
    pub(super) fn free_bytes(&self) -> Option<u64> {
        let asked = rustix::fs::statvfs(&self.dir);
        let status = match asked {
            Err(rustix::io::Errno::NOENT) => {
                self.restore_dir().ok()?;
                rustix::fs::statvfs(&self.dir).ok()?
            }
            other => other.ok()?,
        };
        Some(status.f_bavail.saturating_mul(status.f_frsize))
    }

    fn restore_dir(&self) -> Result<(), SpoolError> {
        let mut locks = self.later_locks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.dir.exists() {
            return Ok(());
        }
        std::fs::create_dir(&self.dir).map_err(|error| SpoolError::io("create folder", &self.dir, error))?;
        locks.push(super::own(&self.dir)?);
        tracing::error!(folder = %self.dir.display(), "the spool's folder was removed; a new one was made");
        let parent = self.dir.parent().unwrap_or(&self.dir);
        let synced = File::open(parent).and_then(|parent| parent.sync_all());
        synced.map_err(|error| SpoolError::io("flush folder", parent, error))
    }

    /// Length of a new segment: the configured one where there is room, at least `least`. All writers together take no
    /// more than half of the room, so that what is preallocated keeps nothing else out.
    pub(super) fn segment_capacity(&self, least: u64) -> u64 {
        let room = self.free_bytes().unwrap_or(0).saturating_sub(self.options.free_space_min_bytes);
        let share = room / (2 * self.options.writers.max(1) as u64);
        self.options.segment_bytes.min(share).max(least)
    }

    /// Makes names in the folder durable.
    pub(super) fn sync_dir(&self) -> Result<(), SpoolError> {
        if !self.options.flushes() {
            return Ok(());
        }
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(|error| SpoolError::io("flush folder", &self.dir, error))
    }
}
