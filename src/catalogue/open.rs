//! Opening the index with care: it may be damaged, and opening a damaged one may panic.

use std::fs::File;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::path::Path;
use std::path::PathBuf;

use super::CatalogueError;
use super::Rebuild;
use super::entry::is_whole;

/// Trees of the index.
pub(super) const TREES: [&str; 5] = ["instance", "copy", "series", "revision", "meta"];
/// Key in `meta` that stands there only between an orderly stop and the next start.
pub(super) const CLEAN: &str = "clean";
/// Memory of the index's cache, bytes.
const CACHE_BYTES: u64 = 32 << 20;
/// Interval of the index's own flushes, milliseconds. Never none: nothing else would reach the disk.
const FLUSH_INTERVAL_MS: u64 = 500;
/// Damaged indexes kept aside at most.
const CORRUPT_KEPT_MAX: u32 = 3;

/// Opens the index in `dir`; one that is damaged is put aside and a new one made.
pub(super) fn open(dir: &Path) -> Result<(sled::Db, Rebuild), CatalogueError> {
    let existed = dir.join("db").exists();
    let reason = match guarded(|| open_checked(dir)) {
        Ok((db, _)) if !existed => return Ok((db, Rebuild::Full { reason: "there was no index".to_owned() })),
        Ok((db, true)) => return Ok((db, Rebuild::No)),
        Ok((db, false)) => return Ok((db, Rebuild::Merge)),
        Err(error @ CatalogueError::Corrupt { .. }) => error.to_string(),
        Err(error) => return Err(error),
    };
    put_aside(dir)?;
    let (db, _) = guarded(|| open_checked(dir))?;
    Ok((db, Rebuild::Full { reason }))
}

/// Runs an operation of the index; a panic in it is damage.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, CatalogueError>) -> Result<T, CatalogueError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(CatalogueError::Corrupt { found: "the index panicked".to_owned() }))
}

/// Opens and reads everything; tells whether the last stop was orderly.
fn open_checked(dir: &Path) -> Result<(sled::Db, bool), CatalogueError> {
    let config = sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_INTERVAL_MS));
    let db = config.open()?;
    for name in TREES {
        for item in db.open_tree(name)?.iter() {
            let (_, value) = item?;
            if !is_whole(&value) {
                return Err(CatalogueError::Corrupt { found: format!("a damaged value in {name}") });
            }
        }
    }
    let clean = db.open_tree("meta")?.remove(CLEAN)?.is_some();
    db.flush()?;
    sync_log(dir)?;
    Ok((db, clean))
}

/// The store's own flush hands its log to the system; this hands it to the disk.
pub(super) fn sync_log(dir: &Path) -> Result<(), CatalogueError> {
    let path = dir.join("db");
    let synced = File::open(&path).and_then(|file| file.sync_data());
    synced.map_err(|source| CatalogueError::Io { step: "flush index", path, source })
}

/// Renames a damaged index, so that it can be looked at.
fn put_aside(dir: &Path) -> Result<(), CatalogueError> {
    let failed =
        |source: io::Error| CatalogueError::Io { step: "put damaged index aside", path: dir.to_owned(), source };
    let aside = |number: u32| -> PathBuf {
        let mut name = dir.as_os_str().to_owned();
        name.push(format!(".corrupt-{number}"));
        name.into()
    };
    let free = (1..=CORRUPT_KEPT_MAX).map(aside).find(|path| !path.exists());
    let target = match free {
        Some(path) => path,
        None => {
            std::fs::remove_dir_all(aside(CORRUPT_KEPT_MAX)).map_err(failed)?;
            aside(CORRUPT_KEPT_MAX)
        }
    };
    std::fs::rename(dir, target).map_err(failed)
}
