//! Giving space back: a segment goes when none of its instances is needed any more.

use std::fs::File;
use std::io;

use super::Spool;
use super::entry::Note;
use super::entry::Position;
use super::error::SpoolError;
use super::record::Kind;
use super::recovery::payload;
use super::scan::Verify;
use super::scan::scan;
use super::writer::Placed;

/// Kind of the notes that tell which records were released.
pub(super) const RELEASED: &str = "spool_released";
/// Positions in one note at most.
const POSITIONS_PER_NOTE_MAX: usize = 100_000;

impl Spool {
    /// Gives up the records at these positions: they are durably marked as released, and files in which nothing is
    /// needed any more are removed. Notes in a removed segment are kept by writing them again.
    ///
    /// Blocks; for worker threads.
    pub fn release(&self, positions: &[Position], now_ms: i64) -> Result<(), SpoolError> {
        for positions in positions.chunks(POSITIONS_PER_NOTE_MAX) {
            let content = serde_json::to_value(positions).map_err(SpoolError::Encode)?;
            self.note_blocking(&Note { kind: RELEASED.to_owned(), written_at_ms: now_ms, content })?;
        }
        positions.iter().for_each(|position| self.ground.let_go(*position));
        let segments = self.ground.segments();
        let idle = |segment: &super::ground::Segment| segment.sealed && segment.live.is_empty();
        let removable: Vec<u64> =
            segments.iter().filter(|(_, segment)| idle(segment)).map(|(number, _)| *number).collect();
        drop(segments);
        for number in removable {
            self.remove(number)?;
        }
        self.ground.sync_dir()
    }

    fn remove(&self, number: u64) -> Result<(), SpoolError> {
        let Some((path, large)) =
            self.ground.segments().get(&number).map(|segment| (segment.path.clone(), segment.large))
        else {
            return Ok(());
        };
        if !large {
            self.carry_notes(number, &path)?;
        }
        match std::fs::remove_file(&path) {
            // Two workers may release at once; one of them is first.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SpoolError::io("remove segment", &path, error));
            }
            _ => {}
        }
        self.ground.segments().remove(&number);
        Ok(())
    }

    /// Writes the notes of a segment again, except those about records of files that are gone.
    fn carry_notes(&self, number: u64, path: &std::path::Path) -> Result<(), SpoolError> {
        let scanned = scan(path, number, Verify::Unsealed).map_err(|error| SpoolError::io("read", path, error))?;
        let mut file: Option<File> = None;
        for found in scanned.found.iter().filter(|found| found.prefix.kind == Kind::Note) {
            let Some(payload) = payload(&mut file, path, found)? else { continue };
            let still_there = |position: &Position| {
                position.segment != number && self.ground.segments().contains_key(&position.segment)
            };
            let header = String::from_utf8_lossy(&found.header);
            let is_release = header.contains(RELEASED);
            let positions: Vec<Position> = serde_json::from_slice(&payload).unwrap_or_default();
            if is_release && !positions.iter().any(still_there) {
                continue;
            }
            let _: Placed = self.append_blocking(Kind::Note, found.header.clone(), payload)?;
        }
        Ok(())
    }
}

/// The positions that a note releases.
pub(super) fn released_positions(note: &Note) -> Vec<Position> {
    serde_json::from_value(note.content.clone()).unwrap_or_default()
}
