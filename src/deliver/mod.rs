//! The results folder and its event log.
//!
//! Input: `Publication`s: finished documents, previews and the receipt of one series revision.
//! Output: one folder per series and revision, complete before it becomes visible, never changed after; flat copies of
//! the documents; `latest.json`, `index.json`, `events/DATE.jsonl`.
//! Order of publishing: write aside and flush, rename, flush, `latest.json`, flat copies, event, index. Every step can be
//! the last one before a power loss: opening the folder completes what was begun.
//! Errors: `DeliverError`; nothing partial is ever visible under a final name.
//! Source: rename(2), renameat2(2), fsync(2); the results folder contract of this project.

mod disk;
mod events;
mod index;
mod names;
mod publish;
mod receipt;
mod repair;

use std::fs::File;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

pub use disk::DeliverError;
pub use events::Event;
pub use events::EventKind;
pub use index::INDEX_ENTRIES_MAX;
pub use names::REVISION_MAX;
pub use names::SeriesFolder;
pub use publish::DocumentEntry;
pub use publish::Latest;
pub use publish::Outcome;
pub use publish::Publication;
pub use receipt::Association;
pub use receipt::Completeness;
pub use receipt::Instance;
pub use receipt::InstanceVerdict;
pub use receipt::Receipt;
pub use receipt::ReceiptInputs;

/// Folder of work in progress.
const TEMPORARY: &str = ".tmp";
/// Folder of all revisions.
const SERIES: &str = "series";
/// Folder of the event log.
const EVENTS: &str = "events";
/// File that one process holds while it owns the folder.
const LOCK: &str = ".lock";

/// Choices for the results folder.
#[derive(Debug, Clone)]
pub struct Options {
    /// Shortest time between two writes of `index.json`.
    pub index_interval: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { index_interval: Duration::from_secs(1) }
    }
}

/// What [`ResultsFolder::open`] found and did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Opening {
    /// Leftovers deleted from `.tmp`.
    pub swept: usize,
    /// Publications completed.
    pub completed: usize,
    /// Publications that cannot be completed because their files are damaged.
    pub damaged: usize,
}

/// An open results folder; owned by one process at a time.
#[derive(Debug)]
pub struct ResultsFolder {
    root: PathBuf,
    opening: Opening,
    state: Mutex<State>,
    /// Holds the lock of the folder as long as it lives.
    _lock: File,
}

/// What changes while publishing.
#[derive(Debug)]
struct State {
    log: events::Log,
    index: index::Index,
    /// Publications that are renamed into place but not yet announced.
    pending: Vec<names::Revision>,
    /// Distinguishes temporary names.
    counter: u64,
}

impl ResultsFolder {
    /// Opens or makes the folder: takes its lock, tests that its file system can flush and rename, completes what an
    /// earlier process began, and sweeps `.tmp`.
    pub fn open(root: &Path, options: Options) -> Result<ResultsFolder, DeliverError> {
        for (folder, mode) in [
            (root.to_owned(), disk::FOLDER_MODE),
            (root.join(TEMPORARY), disk::PRIVATE_MODE),
            (root.join(SERIES), disk::FOLDER_MODE),
            (root.join(EVENTS), disk::FOLDER_MODE),
        ] {
            disk::make_folder(&folder, mode)?;
        }
        let lock = disk::lock(&root.join(LOCK))?;
        let swept = repair::sweep(root)?;
        repair::self_test(root)?;
        let mut state = State {
            log: events::Log::open(&root.join(EVENTS))?,
            index: index::Index::open(root, options.index_interval)?,
            pending: swept.begun,
            counter: 0,
        };
        let (completed, damaged) = state.complete_pending(root)?;
        if swept.deleted > 0 {
            state.log.append(&Event::new(EventKind::Swept).with_count(swept.deleted))?;
        }
        disk::sync_folder(root)?;
        let opening = Opening { swept: swept.deleted, completed, damaged };
        Ok(ResultsFolder { root: root.to_owned(), opening, state: Mutex::new(state), _lock: lock })
    }

    /// What opening found and did.
    pub fn opening(&self) -> Opening {
        self.opening
    }

    /// The number that the next revision of a series will have; it goes into the documents.
    pub fn next_revision(&self, series: &SeriesFolder) -> Result<u32, DeliverError> {
        let _state = self.state();
        names::next_revision(&self.root, series)
    }

    /// The newest revision of a series.
    pub fn latest(&self, series: &SeriesFolder) -> Result<Option<Latest>, DeliverError> {
        let _state = self.state();
        Latest::read_if_whole(&self.root, series)
    }

    /// The documents of a revision as published, for a comparison with the next one; those that were pruned are left out.
    pub fn documents_of(&self, series: &SeriesFolder, latest: &Latest) -> Result<Vec<Vec<u8>>, DeliverError> {
        let folder = series.path(&self.root).join(&latest.path);
        let read = latest.documents.iter().map(|entry| disk::read(&folder.join(&entry.file)));
        Ok(read.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Publishes a revision, or says that its documents are those of the newest one.
    ///
    /// Until this returns `Ok`, the job has to stay queued. A publication that failed after its folder became visible is
    /// completed by the next call, or by the next [`ResultsFolder::open`].
    pub fn publish(&self, publication: &Publication) -> Result<Outcome, DeliverError> {
        let mut state = self.state();
        state.complete_pending(&self.root)?;
        let outcome = state.publish(&self.root, publication)?;
        if let Err(error) = state.index.refresh(false) {
            // The index is a convenience and stays behind; the publication stands.
            tracing::warn!(%error, "index.json could not be written");
        }
        Ok(outcome)
    }

    /// Appends an event that is not part of publishing.
    pub fn announce(&self, event: &Event) -> Result<u64, DeliverError> {
        self.state().log.append(event)
    }

    /// Writes `index.json` now if it is behind.
    pub fn refresh_index(&self) -> Result<(), DeliverError> {
        self.state().index.refresh(true)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves at worst a pending publication, which the next call completes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ResultsFolder {
    fn drop(&mut self) {
        // The index is a convenience: it is rebuilt at the next publication.
        let _ = self.refresh_index();
    }
}
