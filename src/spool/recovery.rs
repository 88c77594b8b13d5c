//! What is found in the folder at the start, and the names of its files.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use super::Options;
use super::entry::AssociationRecord;
use super::entry::Durable;
use super::entry::InstanceRecordHeader;
use super::entry::Note;
use super::entry::NoteRecordHeader;
use super::entry::Position;
use super::entry::StoredInstance;
use super::error::SpoolError;
use super::ground::Segment;
use super::record::Kind;
use super::record::Prefix;
use super::retention::RELEASED;
use super::retention::released_positions;
use super::scan::Damage;
use super::scan::DamageKind;
use super::scan::Found;
use super::scan::Reader;
use super::scan::Scan;
use super::scan::Verify;
use super::scan::digest;
use super::scan::read_up_to;
use super::scan::scan;
use super::scan::seal;
use crate::instance::DataSetLocation;

/// Longest payload of a note or an association's history that is read back.
pub(super) const NOTE_LENGTH_MAX: u64 = 16 << 20;

/// Segments that are open at once while instances are read.
const OPEN_SEGMENTS_MAX: usize = 16;

const SEGMENT_ENDING: &str = ".segment";
const OBJECT_ENDING: &str = ".object";
const PARTIAL_ENDING: &str = ".part";

/// All that the spool holds, in the order in which it was committed.
#[derive(Debug, Default)]
pub struct Recovery {
    instances: Vec<Kept>,
    /// Histories of associations.
    pub associations: Vec<AssociationRecord>,
    /// Notes of the node.
    pub notes: Vec<Note>,
    /// What could not be read.
    pub damage: Vec<Damage>,
}

/// One instance record that was not released.
#[derive(Debug)]
struct Kept {
    ordinal: u64,
    position: Position,
    path: Arc<Path>,
}

impl Recovery {
    /// How many instances are there that were not released.
    pub fn instance_count(&self) -> usize {
        self.instances.len()
    }

    /// The instances that were not released, each with its proof, in the order in which they were committed. Read from
    /// disk one by one: a start that does not need them does not hold them.
    pub fn instances(&self) -> impl Iterator<Item = Result<(StoredInstance, Durable), SpoolError>> {
        let mut readers = BTreeMap::new();
        self.instances.iter().map(move |kept| {
            let stored = kept.read(&mut readers)?;
            let durable = Durable::new(stored.position);
            Ok((stored, durable))
        })
    }
}

impl Kept {
    fn read(&self, readers: &mut BTreeMap<u64, Reader>) -> Result<StoredInstance, SpoolError> {
        let failed = |error| SpoolError::io("read", &self.path, error);
        let Position { segment, offset } = self.position;
        if !readers.contains_key(&segment) {
            if readers.len() >= OPEN_SEGMENTS_MAX {
                readers.pop_first();
            }
            readers.insert(segment, Reader::open(&self.path, segment).map_err(failed)?);
        }
        let found = match readers.get_mut(&segment) {
            Some(reader) => reader.record(offset).map_err(failed)?,
            None => None,
        };
        found.and_then(|found| stored_instance(&found, &self.path)).ok_or_else(|| SpoolError::Damaged {
            path: self.path.to_path_buf(),
            offset,
            found: "its description cannot be read",
        })
    }
}

/// What the rest of the spool goes on with.
pub(super) struct Recovered {
    pub(super) recovery: Recovery,
    pub(super) segments: BTreeMap<u64, Segment>,
    pub(super) next_number: u64,
    pub(super) next_ordinal: u64,
}

/// Path of segment file `number`, or of the file of one large object.
pub(super) fn segment_path(dir: &Path, number: u64, large: bool) -> PathBuf {
    dir.join(format!("{number:016}{}", if large { OBJECT_ENDING } else { SEGMENT_ENDING }))
}

/// Path of the file of a large object that is not yet whole.
pub(super) fn partial_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}{PARTIAL_ENDING}"))
}

/// Reads the whole folder; removes objects that never became whole and seals segments that a stop left open.
pub(super) fn recover(dir: &Path, options: &Options) -> Result<Recovered, SpoolError> {
    let mut gathered = Gathered::default();
    let mut segments = BTreeMap::new();
    let mut next_number = 1;
    let mut next_ordinal = 1;
    for (number, path, large) in list(dir)? {
        next_number = next_number.max(number + 1);
        let path: Arc<Path> = path.into();
        // A large object got its name only after its flush.
        let verify = match (options.verify_all, large) {
            (true, _) => Verify::Always,
            (false, true) => Verify::Never,
            (false, false) => Verify::Unsealed,
        };
        let scanned = scan(&path, number, verify).map_err(|error| SpoolError::io("read", &path, error))?;
        if !large && !scanned.sealed {
            close_segment(&path, number, &scanned).map_err(|error| SpoolError::io("seal", &path, error))?;
        }
        let ordinal = scanned.found.last().map_or(0, |found| found.prefix.ordinal);
        next_ordinal = next_ordinal.max(ordinal + 1);
        let mut live = BTreeSet::new();
        if scanned.damage.iter().any(|damage| damage.kind != DamageKind::TornTail) {
            // What is damaged may still be of use to somebody: its file is not removed.
            live.insert(u64::MAX);
        }
        gathered.take(scanned, &path)?;
        segments.insert(number, Segment { path, large, sealed: true, live });
    }
    let recovery = gathered.into_recovery();
    for Kept { position, .. } in &recovery.instances {
        if let Some(segment) = segments.get_mut(&position.segment) {
            segment.live.insert(position.offset);
        }
    }
    Ok(Recovered { recovery, segments, next_number, next_ordinal })
}

/// All segment files by number; partial files are removed.
fn list(dir: &Path) -> Result<Vec<(u64, PathBuf, bool)>, SpoolError> {
    let failed = |error| SpoolError::io("list", dir, error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let numbered = |ending: &str| name.strip_suffix(ending).and_then(|number| number.parse::<u64>().ok());
        if numbered(PARTIAL_ENDING).is_some() {
            std::fs::remove_file(&path).map_err(|error| SpoolError::io("remove partial object", &path, error))?;
        } else if let Some(number) = numbered(SEGMENT_ENDING) {
            files.push((number, path, false));
        } else if let Some(number) = numbered(OBJECT_ENDING) {
            files.push((number, path, true));
        }
    }
    files.sort();
    Ok(files)
}

/// Ends a segment that has no seal. What a stop left behind the last record stays in the file, for whoever wants to
/// look at it; an empty rest is cut off.
fn close_segment(path: &Path, number: u64, scanned: &Scan) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let end = scanned.used_end.max(scanned.records_end).next_multiple_of(8);
    let seal = seal(number, end, scanned.records_end, 0)?;
    file.set_len(end)?;
    file.write_all_at(&seal, end)?;
    file.sync_all()
}

/// Records of all files, still with their ordinals.
#[derive(Default)]
struct Gathered {
    instances: Vec<Kept>,
    associations: Vec<(u64, AssociationRecord)>,
    notes: Vec<(u64, Note)>,
    released: BTreeSet<Position>,
    damage: Vec<Damage>,
}

impl Gathered {
    fn take(&mut self, scanned: Scan, path: &Arc<Path>) -> Result<(), SpoolError> {
        self.damage.extend(scanned.damage);
        let mut file = None;
        for found in scanned.found {
            let ordinal = found.prefix.ordinal;
            let taken = match found.prefix.kind {
                Kind::Seal => continue,
                Kind::Instance => {
                    let Prefix { segment, offset, .. } = found.prefix;
                    let position = Position { segment, offset };
                    self.instances.push(Kept { ordinal, position, path: path.clone() });
                    Some(())
                }
                Kind::Association => {
                    let payload = payload(&mut file, path, &found)?;
                    payload
                        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                        .map(|record| self.associations.push((ordinal, record)))
                }
                Kind::Note => note(&found, payload(&mut file, path, &found)?).map(|note| self.take_note(ordinal, note)),
            };
            if taken.is_none() {
                self.damage.push(unreadable(&found, path));
            }
        }
        Ok(())
    }

    fn take_note(&mut self, ordinal: u64, note: Note) {
        if note.kind == RELEASED {
            self.released.extend(released_positions(&note));
        } else {
            self.notes.push((ordinal, note));
        }
    }

    fn into_recovery(mut self) -> Recovery {
        self.instances.retain(|kept| !self.released.contains(&kept.position));
        self.instances.sort_by_key(|kept| (kept.ordinal, kept.position));
        self.associations.sort_by_key(|(ordinal, _)| *ordinal);
        self.notes.sort_by_key(|(ordinal, _)| *ordinal);
        Recovery {
            instances: self.instances,
            associations: self.associations.into_iter().map(|(_, record)| record).collect(),
            notes: self.notes.into_iter().map(|(_, note)| note).collect(),
            damage: self.damage,
        }
    }
}

fn stored_instance(found: &Found, path: &Arc<Path>) -> Option<StoredInstance> {
    let Prefix { segment, offset, payload_length, .. } = found.prefix;
    let InstanceRecordHeader { instance: header, parsed } = serde_json::from_slice(&found.header).ok()?;
    let location = DataSetLocation {
        path: path.clone(),
        offset: found.prefix.payload_offset(),
        length: payload_length,
        transfer_syntax_uid: header.transfer_syntax_uid.clone(),
    };
    let position = Position { segment, offset };
    Some(StoredInstance { position, location, sha256: found.sha256, header, parsed })
}

fn note(found: &Found, payload: Option<Vec<u8>>) -> Option<Note> {
    let header: NoteRecordHeader = serde_json::from_slice(&found.header).ok()?;
    let content = serde_json::from_slice(&payload?).ok()?;
    Some(Note { kind: header.note, written_at_ms: header.written_at_ms, content })
}

/// Payload of a note or a history; `None` when its digest does not agree.
pub(super) fn payload(file: &mut Option<File>, path: &Path, found: &Found) -> Result<Option<Vec<u8>>, SpoolError> {
    let read = |error| SpoolError::io("read", path, error);
    let file = match file {
        Some(file) => file,
        None => file.insert(File::open(path).map_err(read)?),
    };
    let (offset, length) = (found.prefix.payload_offset(), found.prefix.payload_length);
    if length > NOTE_LENGTH_MAX || digest(file, offset, length).map_err(read)? != found.sha256 {
        return Ok(None);
    }
    read_up_to(file, offset, length as usize).map(Some).map_err(read)
}

fn unreadable(found: &Found, path: &Path) -> Damage {
    Damage {
        path: path.to_owned(),
        offset: found.prefix.offset,
        length: found.prefix.end() - found.prefix.offset,
        kind: DamageKind::Payload,
        sop_instance_uid: None,
    }
}
