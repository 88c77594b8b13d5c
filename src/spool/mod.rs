//! Durable, append-only segments of received objects: what was acknowledged is here.
//!
//! Input: the bytes of data sets as they arrive, histories of associations, notes of the node.
//! Output: [`StoredInstance`] with its place, and [`Durable`], the proof that it survives a loss of power; at the start,
//! [`Recovery`], all that the folder holds.
//! Errors: [`SpoolError`]. A record counts only when its prefix, its trailer and (in a segment that was not closed in
//! good order) its SHA-256 agree; everything else in a file is reported as [`Damage`] and stops nothing.
//!
//! A few threads append the records of all associations, each to a preallocated segment of its own, and flush once per
//! group; an object longer than `object_memory_bytes` streams into a file of its own. The form of the files stands in
//! `record.rs`.
//! Limits: one process per folder; the fields of [`Options`].

mod entry;
mod error;
mod ground;
mod object;
mod record;
mod recovery;
mod retention;
mod scan;
mod writer;

use crate::lock;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use sha2::Digest;
use sha2::Sha256;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

pub use entry::AssociationEnd;
pub use entry::AssociationInstance;
pub use entry::AssociationRecord;
pub use entry::Durable;
pub use entry::InstanceHeader;
pub use entry::Note;
pub use entry::Parsed;
pub use entry::Position;
pub use entry::StoredInstance;
pub use error::SpoolError;
pub use object::ObjectWriter;
pub use recovery::Recovery;
pub use scan::Damage;
pub use scan::DamageKind;

use entry::NoteRecordHeader;
use ground::Ground;
use object::encode_header;
use record::Kind;
use record::append_trailer;
use writer::Append;
use writer::Placed;
use writer::Waiting;

/// Bytes that wait for one writer before the next one is used: four usual slices.
const LANE_BYTES: usize = 2200 << 10;

/// What must have happened before an object counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The disk has it: it survives a loss of power.
    Flush,
    /// The operating system has it: it survives the end of the process only.
    Write,
}

/// How the spool writes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Length of a shared segment.
    pub segment_bytes: u64,
    /// Threads that append, each to a segment of its own. The second begins only when a group of usual slices waits for the first:
    /// small records share flushes best in one place, while a disk serves two flushes of large groups better at once.
    pub writers: usize,
    /// Time a writer waits for further records before it begins a group, microseconds. Zero is right where several
    /// associations push at once: records gather while the disk is busy with the group before.
    pub group_delay_us: u64,
    /// What counts as stored.
    pub mode: Mode,
    /// Bytes of one object that are held in memory; a longer one gets a file of its own.
    pub object_memory_bytes: usize,
    /// Longest object.
    pub object_bytes_max: u64,
    /// Free space of the file system that receiving leaves alone.
    pub free_space_min_bytes: u64,
    /// Whether every payload is digested at the start, also in segments that were closed in good order.
    pub verify_all: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            segment_bytes: 256 << 20,
            writers: 4,
            group_delay_us: 0,
            mode: Mode::Flush,
            object_memory_bytes: 1 << 20,
            object_bytes_max: 4 << 30,
            free_space_min_bytes: 5 << 30,
            verify_all: false,
        }
    }
}

impl Options {
    fn flushes(&self) -> bool {
        self.mode == Mode::Flush
    }
}

/// What the spool has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Groups that the writer flushed.
    pub groups: u64,
    /// Records appended.
    pub records: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Files in the folder.
    pub segments: u64,
}

/// The spool; clones share it. The last clone closes it.
#[derive(Clone)]
pub struct Spool {
    ground: Arc<Ground>,
    queue: Arc<Queue>,
}

impl Spool {
    /// Opens the spool in `dir`, makes the folder where needed, and reads what it holds. Blocks.
    pub fn open(dir: &Path, options: Options) -> Result<(Spool, Recovery), SpoolError> {
        std::fs::create_dir_all(dir).map_err(|error| SpoolError::io("create folder", dir, error))?;
        let lock = own(dir)?;
        let recovered = recovery::recover(dir, &options)?;
        let ground = Arc::new(Ground::new(
            dir.to_owned(),
            options,
            recovered.segments,
            recovered.next_number,
            recovered.next_ordinal,
        ));
        ground.sync_dir()?;
        let queue = Arc::new(Queue::start(ground.clone(), lock)?);
        Ok((Spool { ground, queue }, recovered.recovery))
    }

    /// Begins an object. Nothing is on disk before it is long or committed.
    pub fn begin(&self, header: InstanceHeader) -> ObjectWriter {
        ObjectWriter::new(self.clone(), header)
    }

    /// Keeps the history of an association; durable on return.
    pub async fn association(&self, record: &AssociationRecord) -> Result<(), SpoolError> {
        let payload = serde_json::to_vec(record).map_err(SpoolError::Encode)?;
        self.append(Kind::Association, b"{}      ".to_vec(), payload).await.map(drop)
    }

    /// Keeps a note of the node; durable on return.
    pub async fn note(&self, note: &Note) -> Result<(), SpoolError> {
        let (header, payload) = encode_note(note)?;
        self.append(Kind::Note, header, payload).await.map(drop)
    }

    /// Keeps a note of the node; durable on return. Blocks; not for async tasks.
    pub fn note_blocking(&self, note: &Note) -> Result<(), SpoolError> {
        let (header, payload) = encode_note(note)?;
        self.append_blocking(Kind::Note, header, payload).map(drop)
    }

    /// Whether an object of `bytes` bytes leaves the free space that receiving must leave alone.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        let needed = bytes.saturating_add(self.ground.options.free_space_min_bytes);
        self.free_bytes().is_some_and(|free| free >= needed)
    }

    /// Free space of the file system, bytes; `None` where it does not tell.
    pub fn free_bytes(&self) -> Option<u64> {
        self.ground.free_bytes()
    }

    /// Reads a data set back and compares it with its digest. Blocks.
    pub fn read(&self, stored: &StoredInstance) -> Result<Vec<u8>, SpoolError> {
        let place = &stored.location;
        let failed = |error| SpoolError::io("read", &place.path, error);
        let file = File::open(&place.path).map_err(failed)?;
        let bytes = scan::read_up_to(&file, place.offset, place.length as usize).map_err(failed)?;
        let digest: [u8; 32] = Sha256::digest(&bytes).into();
        if digest == stored.sha256 { Ok(bytes) } else { Err(damaged(stored)) }
    }

    /// Compares a data set on disk with its digest, whatever its length, in bounded memory. Blocks.
    pub fn verify(&self, stored: &StoredInstance) -> Result<(), SpoolError> {
        let place = &stored.location;
        let failed = |error| SpoolError::io("read", &place.path, error);
        let file = File::open(&place.path).map_err(failed)?;
        let digest = scan::digest(&file, place.offset, place.length).map_err(failed)?;
        if digest == stored.sha256 { Ok(()) } else { Err(damaged(stored)) }
    }

    /// What the spool has done since it was opened.
    pub fn figures(&self) -> Figures {
        Figures {
            groups: self.ground.groups.load(Ordering::Relaxed),
            records: self.ground.records.load(Ordering::Relaxed),
            bytes: self.ground.bytes.load(Ordering::Relaxed),
            segments: self.ground.segments().len() as u64,
        }
    }

    /// Waits for the records that were handed over, seals the active segments and takes no more. Blocks.
    pub fn close(&self) {
        self.queue.close();
    }

    async fn append(&self, kind: Kind, header: Vec<u8>, payload: Vec<u8>) -> Result<Placed, SpoolError> {
        let (body, payload_length) = small_body(payload)?;
        self.append_body(kind, header, body, payload_length).await
    }

    async fn append_body(
        &self,
        kind: Kind,
        header: Vec<u8>,
        body: Vec<u8>,
        payload_length: u64,
    ) -> Result<Placed, SpoolError> {
        let (queue, waiting) = self.queue.lane_for(body.len()).ok_or(SpoolError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let append = Append { kind, header, payload_length, body, reply, waiting };
        queue.send(append).await.map_err(|_| SpoolError::Closed)?;
        answer.await.map_err(|_| SpoolError::Closed)?
    }

    fn append_blocking(&self, kind: Kind, header: Vec<u8>, payload: Vec<u8>) -> Result<Placed, SpoolError> {
        let (body, payload_length) = small_body(payload)?;
        let (queue, waiting) = self.queue.lane_for(body.len()).ok_or(SpoolError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let append = Append { kind, header, payload_length, body, reply, waiting };
        queue.blocking_send(append).map_err(|_| SpoolError::Closed)?;
        answer.blocking_recv().map_err(|_| SpoolError::Closed)?
    }
}

/// Payload with its trailer, and the payload's length.
fn small_body(mut body: Vec<u8>) -> Result<(Vec<u8>, u64), SpoolError> {
    let payload_length = body.len() as u64;
    if payload_length > recovery::NOTE_LENGTH_MAX {
        return Err(SpoolError::ObjectTooLarge { limit_bytes: recovery::NOTE_LENGTH_MAX });
    }
    let sha256 = Sha256::digest(&body).into();
    append_trailer(&mut body, payload_length, &sha256);
    Ok((body, payload_length))
}

fn encode_note(note: &Note) -> Result<(Vec<u8>, Vec<u8>), SpoolError> {
    let header = encode_header(&NoteRecordHeader { note: note.kind.clone(), written_at_ms: note.written_at_ms })?;
    Ok((header, serde_json::to_vec(&note.content).map_err(SpoolError::Encode)?))
}

fn damaged(stored: &StoredInstance) -> SpoolError {
    SpoolError::Damaged {
        path: stored.location.path.to_path_buf(),
        offset: stored.location.offset,
        found: "the data set has another SHA-256",
    }
}

/// Takes the folder for this process.
fn own(dir: &Path) -> Result<File, SpoolError> {
    let path = dir.join("lock");
    let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(|error| SpoolError::io("open lock", &path, error))?;
    let taken = lock::take(file).map_err(|error| SpoolError::io("lock", &path, error))?;
    taken.ok_or(SpoolError::InUse { path })
}

/// The ways to the writer threads; closing them ends the threads.
struct Queue {
    lanes: Mutex<Vec<Lane>>,
}

struct Lane {
    sender: mpsc::Sender<Append>,
    waiting: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Queue {
    fn start(ground: Arc<Ground>, lock: File) -> Result<Queue, SpoolError> {
        let lock = Arc::new(lock);
        let queue = Queue { lanes: Mutex::new(Vec::new()) };
        for number in 0..ground.options.writers.max(1) {
            let (sender, receiver) = mpsc::channel(writer::QUEUE_RECORDS_MAX);
            let (lane_ground, lane_lock) = (ground.clone(), lock.clone());
            let run = move || {
                writer::run(lane_ground, receiver);
                drop(lane_lock);
            };
            let spawned = std::thread::Builder::new().name(format!("spool-writer-{number}")).spawn(run);
            let thread = spawned.map_err(|error| SpoolError::io("start writer", &ground.dir, error))?;
            queue.lanes().push(Lane { sender, waiting: Arc::default(), thread });
        }
        Ok(queue)
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first writer with room in its group, else the one with the fewest bytes before it; `None` when the spool is
    /// closed.
    fn lane_for(&self, bytes: usize) -> Option<(mpsc::Sender<Append>, Waiting)> {
        let lanes = self.lanes();
        let load = |lane: &Lane| lane.waiting.load(Ordering::Relaxed);
        let with_room = lanes.iter().find(|lane| load(lane).saturating_add(bytes) <= LANE_BYTES);
        let lane = with_room.or_else(|| lanes.iter().min_by_key(|lane| load(lane)))?;
        Some((lane.sender.clone(), Waiting::count(&lane.waiting, bytes)))
    }

    fn close(&self) {
        let lanes = std::mem::take(&mut *self.lanes());
        let threads: Vec<_> = lanes.into_iter().map(|lane| lane.thread).collect();
        for thread in threads {
            // A writer that ended by itself has already answered everyone.
            let _ = thread.join();
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests;
