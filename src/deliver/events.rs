//! The event log: one JSON object per line, one append per line, numbered without gaps that a restart could cause.
//!
//! A line is flushed before [`Log::append`] returns. The last line of a file may be cut by a power loss; opening the log
//! cuts such a rest off, so that no later line is appended to it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs::File;
use std::fs::OpenOptions;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use super::DeliverError;
use super::disk;
use super::disk::failed;
use super::names::Revision;
use super::names::SeriesFolder;
use super::publish::DocumentEntry;

/// Longest event line with its line feed (bytes): one write of this size is appended whole.
pub(super) const EVENT_BYTES_MAX: usize = 4096;
/// Ending of event files.
const FILE_SUFFIX: &str = ".jsonl";
/// Where the last line of a file is looked for (bytes from its end).
const TAIL_BYTES: u64 = 4 * EVENT_BYTES_MAX as u64;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A series is complete and will be measured.
    SeriesReceived,
    /// A series will not be measured; `reason` says why.
    SeriesRejected,
    /// A revision is visible.
    ResultPublished,
    /// The documents were those of the newest revision.
    ResultUnchanged,
    /// A revision has a successor.
    ResultSuperseded,
    /// Leftovers of an earlier process were deleted.
    Swept,
}

/// One event; the log adds number and time.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    event: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    series_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    superseded_by: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    documents: Vec<DocumentEntry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_measured: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
}

impl Event {
    /// An event without particulars.
    pub fn new(event: EventKind) -> Event {
        Event {
            event,
            series_key: None,
            revision: None,
            path: None,
            superseded_by: None,
            documents: Vec::new(),
            measured: None,
            not_measured: None,
            reason: None,
            count: None,
        }
    }

    /// Names the series.
    pub fn with_series(mut self, series: &SeriesFolder) -> Event {
        self.series_key = Some(series.as_str().to_owned());
        self
    }

    /// Says why, as a code.
    pub fn with_reason(mut self, reason: &str) -> Event {
        self.reason = Some(reason.to_owned());
        self
    }

    /// Counts what the event is about (instances, leftovers).
    pub fn with_count(mut self, count: usize) -> Event {
        self.count = Some(count);
        self
    }

    /// Names the revision.
    pub(super) fn with_revision(mut self, revision: &Revision) -> Event {
        self.revision = Some(revision.number);
        self.path = Some(revision.relative_path());
        self.with_series(&revision.series)
    }

    /// Names the successor.
    pub(super) fn with_successor(mut self, revision: u32) -> Event {
        self.superseded_by = Some(revision);
        self
    }

    /// Lists documents and outcomes.
    pub(super) fn with_outcomes(
        mut self,
        documents: Vec<DocumentEntry>,
        measured: Vec<String>,
        not_measured: BTreeMap<String, String>,
    ) -> Event {
        self.documents = documents;
        self.measured = Some(measured);
        self.not_measured = Some(not_measured);
        self
    }
}

#[derive(Serialize)]
struct Line<'a> {
    seq: u64,
    time: String,
    #[serde(flatten)]
    event: &'a Event,
}

/// What is read back of a line.
#[derive(Deserialize)]
struct KnownLine {
    seq: u64,
    #[serde(default)]
    event: String,
    #[serde(default)]
    series_key: Option<String>,
    #[serde(default)]
    revision: Option<u32>,
}

/// The open event log.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    next: u64,
    /// Name and handle of the file of the current day.
    current: Option<(String, File)>,
}

impl Log {
    /// Cuts torn last lines and finds the next number.
    pub(super) fn open(folder: &Path) -> Result<Log, DeliverError> {
        let mut last = 0;
        for name in file_names(folder)? {
            last = last.max(mend(&folder.join(name))?);
        }
        Ok(Log { folder: folder.to_owned(), next: last + 1, current: None })
    }

    /// Appends and flushes one line; gives its number.
    pub(super) fn append(&mut self, event: &Event) -> Result<u64, DeliverError> {
        let now = jiff::Timestamp::now();
        let seq = self.next;
        let line = Line { seq, time: format!("{now:.3}"), event };
        let mut text = serde_json::to_string(&line)
            .map_err(|error| DeliverError::Damaged { path: self.folder.clone(), detail: error.to_string() })?;
        text.push('\n');
        if text.len() > EVENT_BYTES_MAX {
            return Err(DeliverError::EventTooLong { bytes: text.len() });
        }
        let name = format!("{}{FILE_SUFFIX}", now.strftime("%Y-%m-%d"));
        let path = self.folder.join(&name);
        let written = self.file(name, &path).and_then(|mut file| {
            let written = file.write(text.as_bytes()).map_err(failed("appending to", &path))?;
            if written < text.len() {
                return Err(DeliverError::NoSpace { path: path.clone() });
            }
            file.sync_data().map_err(failed("flushing", &path))
        });
        if let Err(error) = written {
            // The line may be on disk in part or whole: cut a torn rest and do not use the number twice.
            self.current = None;
            if path.exists() {
                self.next = self.next.max(mend(&path)? + 1);
            }
            return Err(error);
        }
        self.next = seq + 1;
        Ok(seq)
    }

    /// The file of the day, made and made durable where it is new.
    fn file(&mut self, name: String, path: &Path) -> Result<&File, DeliverError> {
        if self.current.as_ref().is_none_or(|(open, _)| *open != name) {
            let file = OpenOptions::new()
                .append(true)
                .create(true)
                .mode(disk::FILE_MODE)
                .open(path)
                .map_err(failed("opening", path))?;
            disk::sync_folder(&self.folder)?;
            self.current = Some((name, file));
        }
        match &self.current {
            Some((_, file)) => Ok(file),
            None => Err(DeliverError::Damaged { path: path.to_owned(), detail: "no file is open".to_owned() }),
        }
    }

    /// All revisions that were announced as published; reads the whole log.
    pub(super) fn published(&self) -> Result<BTreeSet<Revision>, DeliverError> {
        let mut published = BTreeSet::new();
        for name in file_names(&self.folder)? {
            let path = self.folder.join(name);
            let mut lines = BufReader::new(File::open(&path).map_err(failed("opening", &path))?);
            let mut line = Vec::new();
            loop {
                line.clear();
                let mut bounded = (&mut lines).take(TAIL_BYTES);
                if bounded.read_until(b'\n', &mut line).map_err(failed("reading", &path))? == 0 {
                    break;
                }
                published.extend(announced(&line));
            }
        }
        Ok(published)
    }
}

/// The revision that a line announces as published.
fn announced(line: &[u8]) -> Option<Revision> {
    let known: KnownLine = serde_json::from_slice(line).ok()?;
    let number = known.revision.filter(|_| known.event == "result_published")?;
    Some(Revision { series: SeriesFolder::parse(&known.series_key?).ok()?, number })
}

fn file_names(folder: &Path) -> Result<Vec<String>, DeliverError> {
    let names = disk::entries(folder)?.unwrap_or_default();
    Ok(names.into_iter().filter(|name| name.ends_with(FILE_SUFFIX) && !name.starts_with('.')).collect())
}

/// Cuts a line without line feed off the end of a file; gives the number of its last whole line, 0 where none.
fn mend(path: &Path) -> Result<u64, DeliverError> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(failed("opening", path))?;
    let length = file.seek(SeekFrom::End(0)).map_err(failed("reading", path))?;
    let start = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start)).map_err(failed("reading", path))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail).map_err(failed("reading", path))?;
    let whole = tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |position| position + 1);
    if whole < tail.len() {
        let file = OpenOptions::new().write(true).open(path).map_err(failed("opening", path))?;
        file.set_len(start + whole as u64).and_then(|()| file.sync_all()).map_err(failed("cutting", path))?;
    }
    let numbers = tail[..whole]
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<KnownLine>(line).ok().map(|known| known.seq));
    Ok(numbers.max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn numbers_go_on_after_a_restart_and_a_torn_line_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        // A clock that stood in the future: its file sorts last but holds the smaller numbers later on.
        fs::write(folder.path().join("2999-01-01.jsonl"), "{\"seq\":41,\"event\":\"swept\"}\n{\"seq\":42,\"ev")
            .unwrap();
        let mut log = Log::open(folder.path()).unwrap();
        assert_eq!(log.append(&Event::new(EventKind::Swept)).unwrap(), 42);
        drop(log);
        let mut again = Log::open(folder.path()).unwrap();
        assert_eq!(again.append(&Event::new(EventKind::Swept)).unwrap(), 43);
        let text = fs::read_to_string(folder.path().join("2999-01-01.jsonl")).unwrap();
        assert_eq!(text, "{\"seq\":41,\"event\":\"swept\"}\n");
    }

    #[test]
    fn a_line_longer_than_one_atomic_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path()).unwrap();
        let event = Event::new(EventKind::SeriesRejected).with_reason(&"x".repeat(EVENT_BYTES_MAX));
        assert!(matches!(log.append(&event), Err(DeliverError::EventTooLong { .. })));
        assert_eq!(log.append(&Event::new(EventKind::Swept)).unwrap(), 1);
    }
}
