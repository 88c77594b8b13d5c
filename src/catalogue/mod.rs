//! The index of series, instances and revisions: what a look-up needs, never the only copy of anything.
//!
//! Input: [`StoredInstance`] with its proof [`Durable`]; states of series and published revisions as their rooms
//! serialise them.
//! Output: a [`Verdict`] per instance, lists per series.
//! Errors: [`CatalogueError`]; on [`CatalogueError::Corrupt`] the index is to be opened anew and filled from the spool.
//!
//! The index may lag behind the spool after a stop that was not orderly, and may be lost: [`Rebuild`] says what is to be
//! done with the instances that the spool recovered. Entering an instance twice counts it once.
//! Limits: one process per folder. Nothing here is durable before [`Catalogue::flush`]. Calls may wait for the disk.

mod entry;
mod open;
mod secret;

use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use secret::SecretError;
pub use secret::load_or_create_secret;

use crate::identity::AeTitle;
use crate::identity::SeriesKey;
use crate::identity::Uid;
use crate::spool::Durable;
use crate::spool::Position;
use crate::spool::StoredInstance;
use entry::InstanceEntry;
use entry::copy_key;
use entry::decode;
use entry::encode;
use entry::instance_key;
use entry::revision_key;
use entry::series_id;
use open::CLEAN;
use open::guarded;

/// Why the index could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The index is damaged: open it anew, which puts it aside, and enter what the spool recovered.
    #[error("the index is damaged: {found}")]
    Corrupt {
        /// What was found.
        found: String,
    },
    /// The operating system refused a step.
    #[error("{}: {step}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The store under the index refused.
    #[error("the index refused")]
    Store(
        /// What it said.
        #[source]
        sled::Error,
    ),
    /// A value could not be put into JSON.
    #[error("a value could not be encoded")]
    Encode(
        /// What the encoder said.
        #[source]
        serde_json::Error,
    ),
    /// The proof is that of another record.
    #[error("the proof of durability belongs to another record")]
    WrongProof,
}

impl From<sled::Error> for CatalogueError {
    fn from(error: sled::Error) -> CatalogueError {
        match error {
            sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) | sled::Error::CollectionNotFound(_) => {
                CatalogueError::Corrupt { found: error.to_string() }
            }
            other => CatalogueError::Store(other),
        }
    }
}

/// What an instance is to the series it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The series does not have it.
    New,
    /// The series has it, byte for byte.
    Duplicate,
    /// The series has other bytes under its SOP Instance UID.
    Conflict,
}

/// What is to be done with the instances that the spool recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rebuild {
    /// Nothing: the last stop was orderly.
    No,
    /// Enter them all: the index may lack the last ones. States of series are there, some perhaps a little old.
    Merge,
    /// Enter them all: the index is empty.
    Full {
        /// Why.
        reason: String,
    },
}

impl Rebuild {
    /// Whether the recovered instances are to be entered.
    pub fn is_needed(&self) -> bool {
        *self != Rebuild::No
    }
}

/// One published revision of a series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedRevision {
    /// Its number, from 1.
    pub revision: u32,
    /// Name of its folder in the results folder.
    pub folder: String,
    /// Digest over the instances that went into it.
    pub instances_digest: String,
    /// When, milliseconds since 1970-01-01 UTC.
    pub published_at_ms: i64,
}

/// The index.
#[derive(Clone)]
pub struct Catalogue {
    dir: PathBuf,
    spool: PathBuf,
    db: sled::Db,
    instances: sled::Tree,
    copies: sled::Tree,
    series: sled::Tree,
    revisions: sled::Tree,
    meta: sled::Tree,
}

#[derive(Serialize, Deserialize)]
struct SeriesEntry<T> {
    called: String,
    series_instance_uid: String,
    state: T,
}

impl Catalogue {
    /// Opens the index in `dir`, of the spool in `spool`. A damaged index is renamed to `dir.corrupt-N` and a new one
    /// made. Blocks while it reads everything once.
    pub fn open(dir: &Path, spool: &Path) -> Result<(Catalogue, Rebuild), CatalogueError> {
        std::fs::create_dir_all(dir).map_err(|source| CatalogueError::Io {
            step: "create folder",
            path: dir.to_owned(),
            source,
        })?;
        let (db, rebuild) = open::open(dir)?;
        let catalogue = Catalogue {
            dir: dir.to_owned(),
            spool: spool.to_owned(),
            instances: db.open_tree("instance")?,
            copies: db.open_tree("copy")?,
            series: db.open_tree("series")?,
            revisions: db.open_tree("revision")?,
            meta: db.open_tree("meta")?,
            db,
        };
        Ok((catalogue, rebuild))
    }

    /// What an instance would be if it were entered now; for the answer before anything is stored.
    pub fn verdict(
        &self,
        called: &AeTitle,
        sop_instance_uid: &Uid,
        sha256: &[u8; 32],
        series_instance_uid: Option<&Uid>,
    ) -> Result<Verdict, CatalogueError> {
        let series = series_id(called.as_str(), series_instance_uid.map_or("", Uid::as_str));
        let known = guarded(|| Ok(self.instances.get(instance_key(series, sop_instance_uid.as_str()))?))?;
        known.map_or(Ok(Verdict::New), |value| compare(&value, sha256))
    }

    /// Enters an instance. Of two with other bytes under one SOP Instance UID the first stays and the second is listed by
    /// [`Catalogue::conflicts`]. Not durable on return, and need not be: the spool has it.
    pub fn enter(&self, stored: &StoredInstance, durable: Durable) -> Result<Verdict, CatalogueError> {
        if durable.position() != stored.position {
            return Err(CatalogueError::WrongProof);
        }
        let key = key_of(stored);
        let value = InstanceEntry::of(stored).encode()?;
        let known = guarded(|| {
            let swapped = self.instances.compare_and_swap(key, None::<&[u8]>, Some(value.as_slice()))?;
            Ok(swapped.err().and_then(|refused| refused.current))
        })?;
        let Some(known) = known else { return Ok(Verdict::New) };
        let verdict = compare(&known, &stored.sha256)?;
        if verdict == Verdict::Conflict {
            guarded(|| Ok(self.copies.insert(copy_key(key, stored.position), value.as_slice())?))?;
        }
        Ok(verdict)
    }

    /// Enters an instance in place of whatever is known under its SOP Instance UID; what it replaces is listed by
    /// [`Catalogue::conflicts`].
    pub fn replace(&self, stored: &StoredInstance, durable: Durable) -> Result<Verdict, CatalogueError> {
        if durable.position() != stored.position {
            return Err(CatalogueError::WrongProof);
        }
        let key = key_of(stored);
        let value = InstanceEntry::of(stored).encode()?;
        let Some(known) = guarded(|| Ok(self.instances.get(key)?))? else {
            guarded(|| Ok(self.instances.insert(key, value.as_slice())?))?;
            return Ok(Verdict::New);
        };
        let verdict = compare(&known, &stored.sha256)?;
        if verdict == Verdict::Conflict {
            let first = InstanceEntry::decode(&known)?.within(&self.spool);
            guarded(|| {
                self.copies.insert(copy_key(key, first.position), known)?;
                self.instances.insert(key, value.as_slice())?;
                Ok(())
            })?;
        }
        Ok(verdict)
    }

    /// Marks the instances and copies of a series as released and gives their records, to be released in the spool.
    /// They are still known, so that an identical late copy changes nothing, but no longer listed. An index that is
    /// filled anew does not know them.
    pub fn release(&self, key: &SeriesKey) -> Result<Vec<Position>, CatalogueError> {
        let mut positions = self.release_in(&self.instances, key, key_of)?;
        positions.extend(self.release_in(&self.copies, key, |stored| copy_key(key_of(stored), stored.position))?);
        Ok(positions)
    }

    fn release_in<K: AsRef<[u8]>>(
        &self,
        tree: &sled::Tree,
        key: &SeriesKey,
        place: impl Fn(&StoredInstance) -> K,
    ) -> Result<Vec<Position>, CatalogueError> {
        let mut positions = Vec::new();
        for stored in self.stored(tree, key)? {
            let mut entry = InstanceEntry::of(&stored);
            entry.released = true;
            let value = entry.encode()?;
            guarded(|| Ok(tree.insert(place(&stored), value.as_slice())?))?;
            positions.push(stored.position);
        }
        Ok(positions)
    }

    /// The instances of a series, each once, ordered by SOP Instance UID.
    pub fn instances(&self, key: &SeriesKey) -> Result<Vec<StoredInstance>, CatalogueError> {
        self.stored(&self.instances, key)
    }

    /// Copies of instances of a series that were not taken because other bytes are known under their UID.
    pub fn conflicts(&self, key: &SeriesKey) -> Result<Vec<StoredInstance>, CatalogueError> {
        self.stored(&self.copies, key)
    }

    /// How many different instances a series has, released ones included.
    pub fn count(&self, key: &SeriesKey) -> Result<u64, CatalogueError> {
        let prefix = id_of(key);
        guarded(|| Ok(self.instances.scan_prefix(prefix).keys().collect::<Result<Vec<_>, _>>()?.len() as u64))
    }

    /// Stores the state of a series.
    pub fn put_series<T: Serialize>(&self, key: &SeriesKey, state: &T) -> Result<(), CatalogueError> {
        let called = key.called.as_str().to_owned();
        let series_instance_uid = key.series_instance_uid.as_str().to_owned();
        let value = encode(&SeriesEntry { called, series_instance_uid, state })?;
        guarded(|| Ok(self.series.insert(id_of(key), value)?)).map(drop)
    }

    /// The state of a series.
    pub fn series<T: DeserializeOwned>(&self, key: &SeriesKey) -> Result<Option<T>, CatalogueError> {
        let value = guarded(|| Ok(self.series.get(id_of(key))?))?;
        value.map(|value| decode::<SeriesEntry<T>>(&value).map(|entry| entry.state)).transpose()
    }

    /// The states of all series, in no telling order.
    pub fn all_series<T: DeserializeOwned>(&self) -> Result<Vec<(SeriesKey, T)>, CatalogueError> {
        let values = guarded(|| Ok(self.series.iter().values().collect::<Result<Vec<_>, _>>()?))?;
        values.iter().map(|value| series_of(decode(value)?)).collect()
    }

    /// Takes note of a published revision.
    pub fn put_revision(&self, key: &SeriesKey, revision: &PublishedRevision) -> Result<(), CatalogueError> {
        let value = encode(revision)?;
        guarded(|| Ok(self.revisions.insert(revision_key(id_of(key), revision.revision), value)?)).map(drop)
    }

    /// The published revisions of a series, first to last.
    pub fn revisions(&self, key: &SeriesKey) -> Result<Vec<PublishedRevision>, CatalogueError> {
        let values = guarded(|| Ok(self.revisions.scan_prefix(id_of(key)).values().collect::<Result<Vec<_>, _>>()?))?;
        values.iter().map(|value| decode(value)).collect()
    }

    /// Makes everything entered so far durable. Blocks.
    pub fn flush(&self) -> Result<(), CatalogueError> {
        guarded(|| Ok(self.db.flush()?))?;
        open::sync_log(&self.dir)
    }

    /// Marks an orderly stop: without later changes the next start need not enter anything. Blocks.
    pub fn close(self) -> Result<(), CatalogueError> {
        self.flush()?;
        let value = encode(&true)?;
        guarded(|| Ok(self.meta.insert(CLEAN, value)?))?;
        self.flush()
    }

    fn stored(&self, tree: &sled::Tree, key: &SeriesKey) -> Result<Vec<StoredInstance>, CatalogueError> {
        let values = guarded(|| Ok(tree.scan_prefix(id_of(key)).values().collect::<Result<Vec<_>, _>>()?))?;
        let entries = values.iter().map(|value| InstanceEntry::decode(value));
        let entries = entries.collect::<Result<Vec<_>, CatalogueError>>()?;
        let kept = entries.into_iter().filter(|entry| !entry.released);
        let mut stored: Vec<_> = kept.map(|entry| entry.within(&self.spool)).collect();
        stored.sort_by(|one, other| {
            let by_uid = one.header.sop_instance_uid.cmp(&other.header.sop_instance_uid);
            by_uid.then(one.position.cmp(&other.position))
        });
        Ok(stored)
    }
}

fn id_of(key: &SeriesKey) -> entry::SeriesId {
    series_id(key.called.as_str(), key.series_instance_uid.as_str())
}

fn key_of(stored: &StoredInstance) -> [u8; 32] {
    let series = stored.parsed.series_instance_uid.as_ref().map_or("", Uid::as_str);
    instance_key(series_id(&stored.header.called, series), stored.header.sop_instance_uid.as_str())
}

fn compare(known: &[u8], sha256: &[u8; 32]) -> Result<Verdict, CatalogueError> {
    let known = InstanceEntry::decode(known)?;
    Ok(if known.sha256 == *sha256 { Verdict::Duplicate } else { Verdict::Conflict })
}

fn series_of<T>(entry: SeriesEntry<T>) -> Result<(SeriesKey, T), CatalogueError> {
    let wrong = |error: crate::identity::IdentityError| CatalogueError::Corrupt { found: error.to_string() };
    let called = AeTitle::parse(&entry.called).map_err(wrong)?;
    let series_instance_uid = Uid::parse(&entry.series_instance_uid).map_err(wrong)?;
    Ok((SeriesKey { called, series_instance_uid }, entry.state))
}

#[cfg(test)]
mod tests;
