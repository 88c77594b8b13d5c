//! Publishing one revision, step by step.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use sha2::Digest;
use sha2::Sha256;

use super::DeliverError;
use super::Event;
use super::EventKind;
use super::Receipt;
use super::State;
use super::TEMPORARY;
use super::disk;
use super::names;
use super::names::Revision;
use super::names::SeriesFolder;
use crate::identity::hex;
use crate::write::rsif;
use crate::write::rsif::Document;

/// List of the files of a revision.
const MANIFEST: &str = "manifest.json";
/// Receipt of a revision.
const RECEIPT: &str = "receipt.json";
/// Pointer to the newest revision of a series.
const LATEST: &str = "latest.json";

/// One revision of the results of one series.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The series.
    pub series: SeriesFolder,
    /// Number that stands in the documents, from [`super::ResultsFolder::next_revision`].
    pub revision: u32,
    /// RSIF documents.
    pub documents: Vec<Document>,
    /// Further files by relative name: previews, `dicom/sr.dcm`.
    pub files: Vec<(String, Vec<u8>)>,
    /// What came in and what became of it.
    pub receipt: Receipt,
}

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A new revision is visible.
    Published {
        /// Its number.
        revision: u32,
        /// Its folder.
        path: PathBuf,
    },
    /// The documents are those of the newest revision; nothing was written.
    Unchanged {
        /// The newest revision.
        revision: u32,
    },
}

/// A document as `latest.json`, `index.json` and events name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentEntry {
    /// File in the revision folder.
    pub file: String,
    /// Its content digest.
    pub content_digest: String,
}

/// The newest revision of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// Its number.
    pub revision: u32,
    /// Its folder, relative to the series folder.
    pub path: String,
    /// Its documents.
    pub documents: Vec<DocumentEntry>,
}

impl Latest {
    /// Reads `latest.json`; `None` where nothing is published yet.
    pub(super) fn read(root: &Path, series: &SeriesFolder) -> Result<Option<Latest>, DeliverError> {
        let path = series.path(root).join(LATEST);
        let Some(bytes) = disk::read(&path)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| DeliverError::Damaged { path, detail: error.to_string() })
    }

    /// As [`Latest::read`], but a damaged pointer counts as none: publishing writes it anew.
    pub(super) fn read_if_whole(root: &Path, series: &SeriesFolder) -> Result<Option<Latest>, DeliverError> {
        match Latest::read(root, series) {
            Err(DeliverError::Damaged { path, detail }) => {
                tracing::warn!(path = %path.display(), detail, "latest.json is damaged and will be replaced");
                Ok(None)
            }
            other => other,
        }
    }

    /// Document name and `@id` of every document, for `rsif::Processing::supersedes`.
    pub fn ids(&self) -> Vec<(String, String)> {
        let pairs = self.documents.iter().filter_map(|entry| {
            let name = entry.file.strip_suffix(rsif::FILE_SUFFIX)?;
            Some((name.to_owned(), rsif::id_of_digest(&entry.content_digest)?))
        });
        pairs.collect()
    }
}

#[derive(Serialize, Deserialize)]
struct ManifestEntry {
    file: String,
    size: u64,
    sha256: String,
}

impl State {
    /// Steps 1 to 7.
    pub(super) fn publish(&mut self, root: &Path, publication: &Publication) -> Result<Outcome, DeliverError> {
        let series = &publication.series;
        if let Some(latest) =
            Latest::read_if_whole(root, series)?.filter(|latest| latest.documents == entries(publication))
        {
            let revision = Revision { series: series.clone(), number: latest.revision };
            self.log.append(&Event::new(EventKind::ResultUnchanged).with_revision(&revision))?;
            return Ok(Outcome::Unchanged { revision: latest.revision });
        }
        let revision = Revision { series: series.clone(), number: publication.revision };
        let next = names::next_revision(root, series)?;
        if next != revision.number {
            return Err(DeliverError::RevisionTaken { revision: revision.number, next });
        }
        let job = self.temporary(root, &revision.folder_name());
        let begun = write_aside(&job, publication).and_then(|()| begin(root, &job, &revision, next));
        if let Err(error) = begun {
            // Best effort: what stays is swept at the next start.
            let _ = fs::remove_dir_all(&job);
            let _ = fs::remove_file(revision.marker(root));
            return Err(error);
        }
        self.pending.push(revision.clone());
        self.complete(root, &revision)?;
        Ok(Outcome::Published { revision: revision.number, path: revision.path(root) })
    }

    /// Steps 4 to 7 of a revision whose folder is visible; every step may have been done before.
    pub(super) fn complete(&mut self, root: &Path, revision: &Revision) -> Result<(), DeliverError> {
        let previous =
            Latest::read_if_whole(root, &revision.series)?.filter(|latest| latest.revision < revision.number);
        let contents = Contents::read(root, revision)?;
        disk::sync_folder(&revision.series.path(root))?;
        self.point_latest(root, revision, &contents)?;
        self.copy_flat(root, revision, &contents)?;
        self.announce_published(revision, previous.as_ref(), contents)?;
        self.finish(root, revision)
    }

    /// Step 5.
    fn point_latest(&mut self, root: &Path, revision: &Revision, contents: &Contents) -> Result<(), DeliverError> {
        let newer =
            Latest::read_if_whole(root, &revision.series)?.is_some_and(|latest| latest.revision >= revision.number);
        if newer {
            return Ok(());
        }
        let latest =
            Latest { revision: revision.number, path: revision.folder_name(), documents: contents.documents.clone() };
        let target = revision.series.path(root).join(LATEST);
        disk::replace(&self.temporary(root, "latest"), &target, &json(&target, &latest)?)?;
        disk::sync_folder(&revision.series.path(root))
    }

    /// Step 6: copies, not links, since an edit in place by a consumer would change the archived revision.
    fn copy_flat(&mut self, root: &Path, revision: &Revision, contents: &Contents) -> Result<(), DeliverError> {
        for entry in &contents.documents {
            let flat = revision.flat_path(root, &entry.file);
            if fs::symlink_metadata(&flat).is_ok() {
                continue;
            }
            let source = revision.path(root).join(&entry.file);
            let bytes = disk::read(&source)?
                .ok_or_else(|| DeliverError::Damaged { path: source, detail: "listed but missing".to_owned() })?;
            disk::replace(&self.temporary(root, "flat"), &flat, &bytes)?;
        }
        disk::sync_folder(root)
    }

    /// Step 7: the predecessor first, so that a repetition after a crash is the whole pair.
    fn announce_published(
        &mut self,
        revision: &Revision,
        previous: Option<&Latest>,
        contents: Contents,
    ) -> Result<(), DeliverError> {
        let number = previous.map(|latest| latest.revision).or(revision.number.checked_sub(1)).filter(|&n| n > 0);
        if let Some(number) = number {
            let previous = Revision { series: revision.series.clone(), number };
            let event = Event::new(EventKind::ResultSuperseded).with_revision(&previous);
            self.log.append(&event.with_successor(revision.number))?;
        }
        let Contents { documents, measured, not_measured } = contents;
        let event = Event::new(EventKind::ResultPublished).with_revision(revision);
        let seq = self.log.append(&event.with_outcomes(documents.clone(), measured, not_measured))?;
        self.index.insert(seq, revision, documents);
        Ok(())
    }

    /// The revision is announced: its marker goes.
    pub(super) fn finish(&mut self, root: &Path, revision: &Revision) -> Result<(), DeliverError> {
        self.pending.retain(|other| other != revision);
        let marker = revision.marker(root);
        match fs::remove_file(&marker) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk::failed("removing", &marker)(error)),
            _ => Ok(()),
        }
    }

    /// A name in `.tmp` that nothing else uses; this process holds the lock of the folder.
    fn temporary(&mut self, root: &Path, purpose: &str) -> PathBuf {
        self.counter += 1;
        root.join(TEMPORARY).join(format!("{}-{}-{purpose}", std::process::id(), self.counter))
    }
}

/// What events and pointers say about a revision, read from its folder.
#[derive(Debug)]
struct Contents {
    documents: Vec<DocumentEntry>,
    measured: Vec<String>,
    not_measured: BTreeMap<String, String>,
}

impl Contents {
    /// Reads the documents that the manifest lists.
    fn read(root: &Path, revision: &Revision) -> Result<Contents, DeliverError> {
        let folder = revision.path(root);
        let damaged = |path: &Path, detail: String| DeliverError::Damaged { path: path.to_owned(), detail };
        let manifest_path = folder.join(MANIFEST);
        let manifest = disk::read(&manifest_path)?.ok_or_else(|| damaged(&manifest_path, "is missing".to_owned()))?;
        let manifest: Vec<ManifestEntry> =
            serde_json::from_slice(&manifest).map_err(|error| damaged(&manifest_path, error.to_string()))?;
        let mut contents = Contents { documents: Vec::new(), measured: Vec::new(), not_measured: BTreeMap::new() };
        for entry in manifest.into_iter().filter(|entry| entry.file.ends_with(rsif::FILE_SUFFIX)) {
            names::check_file_name(&entry.file)?;
            let path = folder.join(&entry.file);
            let bytes = disk::read(&path)?.ok_or_else(|| damaged(&path, "is missing".to_owned()))?;
            let document: serde_json::Value =
                serde_json::from_slice(&bytes).map_err(|error| damaged(&path, error.to_string()))?;
            let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(str::to_owned);
            let content_digest = text(document.get("content_digest"))
                .ok_or_else(|| damaged(&path, "has no content_digest".to_owned()))?;
            let terms = |key: &str| document.get(key).and_then(|terms| terms.as_object()).into_iter().flatten();
            contents.measured.extend(terms("measurements").map(|(term, _)| term.clone()));
            let reasons = terms("not_measured")
                .map(|(term, entry)| (term.clone(), text(entry.get("reason")).unwrap_or_else(|| "unknown".to_owned())));
            contents.not_measured.extend(reasons);
            contents.documents.push(DocumentEntry { file: entry.file, content_digest });
        }
        Ok(contents)
    }
}

fn entries(publication: &Publication) -> Vec<DocumentEntry> {
    let entry = |document: &Document| DocumentEntry {
        file: document.file_name.clone(),
        content_digest: document.content_digest.clone(),
    };
    publication.documents.iter().map(entry).collect()
}

/// Steps 1 and 2: all files in a folder of their own, flushed.
fn write_aside(job: &Path, publication: &Publication) -> Result<(), DeliverError> {
    disk::make_folder(job, disk::FOLDER_MODE)?;
    let receipt_path = job.join(RECEIPT);
    let receipt = json(&receipt_path, &publication.receipt)?;
    let documents = publication.documents.iter().map(|one| (one.file_name.as_str(), one.bytes.as_slice()));
    let files = publication.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
    let mut manifest = Vec::new();
    let mut folders: Vec<PathBuf> = Vec::new();
    for (name, bytes) in documents.chain(files) {
        names::check_file_name(name)?;
        let path = job.join(name);
        if let Some(folder) =
            path.parent().filter(|folder| *folder != job && !folders.iter().any(|made| made == folder))
        {
            disk::make_folder(folder, disk::FOLDER_MODE)?;
            folders.push(folder.to_owned());
        }
        disk::write_new(&path, bytes)?;
        manifest.push(manifest_entry(name, bytes));
    }
    disk::write_new(&receipt_path, &receipt)?;
    manifest.push(manifest_entry(RECEIPT, &receipt));
    let manifest_path = job.join(MANIFEST);
    disk::write_new(&manifest_path, &json(&manifest_path, &manifest)?)?;
    folders.iter().try_for_each(|folder| disk::sync_folder(folder))?;
    disk::sync_folder(job)
}

fn manifest_entry(name: &str, bytes: &[u8]) -> ManifestEntry {
    ManifestEntry { file: name.to_owned(), size: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
}

/// Step 3: the marker, then the rename that makes the revision visible.
fn begin(root: &Path, job: &Path, revision: &Revision, next: u32) -> Result<(), DeliverError> {
    let series = revision.series.path(root);
    disk::make_folder(&series, disk::FOLDER_MODE)?;
    if let Some(parent) = series.parent() {
        disk::sync_folder(parent)?;
    }
    disk::write_new(&revision.marker(root), b"")?;
    disk::sync_folder(&root.join(TEMPORARY))?;
    disk::rename_new(job, &revision.path(root)).map_err(|error| {
        if disk::exists_already(&error) {
            DeliverError::RevisionTaken { revision: revision.number, next: next + 1 }
        } else {
            error
        }
    })
}

/// JSON text with a final line feed.
pub(super) fn json(path: &Path, value: &impl Serialize) -> Result<Vec<u8>, DeliverError> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| DeliverError::Damaged { path: path.to_owned(), detail: error.to_string() })?;
    bytes.push(b'\n');
    Ok(bytes)
}
