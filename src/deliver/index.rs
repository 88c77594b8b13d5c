//! `index.json`: the newest revision of every series. A convenience that can be rebuilt, not the truth.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use serde::Deserialize;
use serde::Serialize;

use super::DeliverError;
use super::SERIES;
use super::TEMPORARY;
use super::disk;
use super::names::Revision;
use super::names::SeriesFolder;
use super::publish::DocumentEntry;
use super::publish::Latest;
use super::publish::json;

/// Most series in the index; the ones published longest ago leave first.
pub const INDEX_ENTRIES_MAX: usize = 10_000;
/// The file.
const INDEX: &str = "index.json";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    series_key: String,
    revision: u32,
    path: String,
    documents: Vec<DocumentEntry>,
    seq: u64,
}

/// The index in memory.
#[derive(Debug)]
pub(super) struct Index {
    root: PathBuf,
    interval: Duration,
    /// By number of the event, so that the oldest one is first.
    entries: BTreeMap<(u64, String), Entry>,
    written: Option<Instant>,
    behind: bool,
}

impl Index {
    /// Reads the index; where it is missing or damaged it is made from the series folders.
    pub(super) fn open(root: &Path, interval: Duration) -> Result<Index, DeliverError> {
        let known = disk::read(&root.join(INDEX))?.and_then(|bytes| serde_json::from_slice::<Vec<Entry>>(&bytes).ok());
        let behind = known.is_none();
        let entries = match known {
            Some(known) => known.into_iter().map(keyed).collect(),
            None => from_folders(root)?,
        };
        Ok(Index { root: root.to_owned(), interval, entries, written: None, behind })
    }

    /// Puts a revision in the place of its predecessor.
    pub(super) fn insert(&mut self, seq: u64, revision: &Revision, documents: Vec<DocumentEntry>) {
        let series_key = revision.series.as_str().to_owned();
        self.entries.retain(|_, entry| entry.series_key != series_key);
        let path = revision.relative_path();
        let entry = Entry { series_key, revision: revision.number, path, documents, seq };
        self.entries.extend([keyed(entry)]);
        while self.entries.len() > INDEX_ENTRIES_MAX {
            self.entries.pop_first();
        }
        self.behind = true;
    }

    /// Writes the file if it is behind, and, unless `now`, only when the interval has passed.
    pub(super) fn refresh(&mut self, now: bool) -> Result<(), DeliverError> {
        let due = now || self.written.is_none_or(|written| written.elapsed() >= self.interval);
        if !self.behind || !due {
            return Ok(());
        }
        let newest_first: Vec<&Entry> = self.entries.values().rev().collect();
        let target = self.root.join(INDEX);
        let bytes = json(&target, &newest_first)?;
        disk::replace(&self.root.join(TEMPORARY).join("index"), &target, &bytes)?;
        self.written = Some(Instant::now());
        self.behind = false;
        Ok(())
    }
}

fn keyed(entry: Entry) -> ((u64, String), Entry) {
    ((entry.seq, entry.series_key.clone()), entry)
}

/// The newest revisions as the folders tell them. Their order of publication is lost: names decide.
fn from_folders(root: &Path) -> Result<BTreeMap<(u64, String), Entry>, DeliverError> {
    let names = disk::entries(&root.join(SERIES))?.unwrap_or_default();
    let series = names.iter().filter_map(|name| SeriesFolder::parse(name).ok());
    let mut entries = BTreeMap::new();
    for series in series.take(INDEX_ENTRIES_MAX) {
        // A damaged pointer is left to the one who asks for this series.
        let Ok(Some(latest)) = Latest::read(root, &series) else { continue };
        let number = latest.revision;
        let revision = Revision { series, number };
        let entry = Entry {
            series_key: revision.series.as_str().to_owned(),
            revision: number,
            path: revision.relative_path(),
            documents: latest.documents,
            seq: 0,
        };
        entries.extend([keyed(entry)]);
    }
    Ok(entries)
}
