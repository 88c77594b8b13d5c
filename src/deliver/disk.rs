//! Durable file operations: a file is flushed before it gets its name, a folder after it got a new entry.

use crate::lock;
use std::fs;
use std::fs::DirBuilder;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use rustix::fs::CWD;
use rustix::fs::RenameFlags;
use rustix::io::Errno;

/// Mode of folders.
pub(super) const FOLDER_MODE: u32 = 0o750;
/// Mode of `.tmp`.
pub(super) const PRIVATE_MODE: u32 = 0o700;
/// Mode of files.
pub(super) const FILE_MODE: u32 = 0o640;
/// Largest small file (`latest.json`, `index.json`, a document) that is read back (bytes).
pub(super) const READ_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Why the results folder could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// No space or no quota left.
    #[error("no space left for {path}")]
    NoSpace {
        /// Where.
        path: PathBuf,
    },
    /// The file system is mounted read-only.
    #[error("{path} lies on a read-only file system")]
    ReadOnly {
        /// Where.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process publishes here.
    #[error("{path} is in use by another process")]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// A revision of that number exists; the documents have to be made anew with the next one.
    #[error("revision {revision} exists already; the next one is {next}")]
    RevisionTaken {
        /// The number in the documents.
        revision: u32,
        /// The number that is free.
        next: u32,
    },
    /// All revision numbers of a series are used.
    #[error("series {series} has {} revisions, the most there can be", super::REVISION_MAX)]
    RevisionsExhausted {
        /// The series folder.
        series: String,
    },
    /// Not a name for a file or folder of a publication.
    #[error("{name:?} is not a name for a published file: {expected}")]
    Name {
        /// What was given.
        name: String,
        /// What is expected.
        expected: &'static str,
    },
    /// An event line is too long for one atomic append.
    #[error("an event line has {bytes} bytes; at most {} are written", super::events::EVENT_BYTES_MAX)]
    EventTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A file of our own does not read as it should.
    #[error("{path} is damaged: {detail}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
}

/// Turns a system error into a [`DeliverError`] that says where.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DeliverError {
    let path = path.to_owned();
    move |source| match source.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => DeliverError::NoSpace { path },
        Some(Errno::ROFS) => DeliverError::ReadOnly { path },
        _ => DeliverError::Io { action, path, source },
    }
}

/// Makes a folder with its parents; an existing one is left as it is.
pub(super) fn make_folder(path: &Path, mode: u32) -> Result<(), DeliverError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed("making folder", path))
}

/// Writes a new file and flushes it.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DeliverError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)
        .map_err(failed("making file", path))?;
    file.write_all(bytes).map_err(failed("writing", path))?;
    file.sync_all().map_err(failed("flushing", path))
}

/// Flushes the entries of a folder.
pub(super) fn sync_folder(path: &Path) -> Result<(), DeliverError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(failed("flushing folder", path))
}

/// Renames to a name that must not exist yet.
pub(super) fn rename_new(from: &Path, to: &Path) -> Result<(), DeliverError> {
    let renamed = match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know the flag: this process holds the lock, so nobody makes `to` in between.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if fs::symlink_metadata(to).is_ok() => Err(Errno::EXIST),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => return rename(from, to),
        other => other,
    };
    renamed.map_err(|errno| failed("renaming to", to)(errno.into()))
}

/// Renames, replacing what is there.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), DeliverError> {
    fs::rename(from, to).map_err(failed("renaming to", to))
}

/// Whether an error says that the target of [`rename_new`] exists.
pub(super) fn exists_already(error: &DeliverError) -> bool {
    let DeliverError::Io { source, .. } = error else { return false };
    matches!(source.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::EXIST | Errno::NOTEMPTY))
}

/// Writes `bytes` beside (as `temporary`), flushes, and renames over `target`; the caller flushes the folder.
pub(super) fn replace(temporary: &Path, target: &Path, bytes: &[u8]) -> Result<(), DeliverError> {
    let written = write_new(temporary, bytes).and_then(|()| rename(temporary, target));
    if written.is_err() {
        // What is left over here is swept at the next start at the latest.
        let _ = fs::remove_file(temporary);
    }
    written
}

/// Reads a small file of our own; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, DeliverError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening", path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed("reading", path))?;
    if bytes.len() as u64 > READ_BYTES_MAX {
        return Err(DeliverError::Damaged {
            path: path.to_owned(),
            detail: format!("longer than {READ_BYTES_MAX} bytes"),
        });
    }
    Ok(Some(bytes))
}

/// Names of the entries of a folder, sorted; `None` where there is no such folder.
pub(super) fn entries(path: &Path) -> Result<Option<Vec<String>>, DeliverError> {
    let listing = match fs::read_dir(path) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("listing", path)(error)),
    };
    let mut names = Vec::new();
    for entry in listing {
        let entry = entry.map_err(failed("listing", path))?;
        // A name that is not UTF-8 is not ours.
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(Some(names))
}

/// Takes the lock of the folder for the life of the returned file.
pub(super) fn lock(path: &Path) -> Result<File, DeliverError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
        .map_err(failed("opening", path))?;
    let taken = lock::take(file).map_err(failed("locking", path))?;
    taken.ok_or_else(|| DeliverError::InUse { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_read_only_file_systems_have_their_own_errors() {
        let with =
            |errno: Errno| failed("writing", Path::new("/out"))(io::Error::from_raw_os_error(errno.raw_os_error()));
        assert!(matches!(with(Errno::NOSPC), DeliverError::NoSpace { .. }));
        assert!(matches!(with(Errno::DQUOT), DeliverError::NoSpace { .. }));
        assert!(matches!(with(Errno::ROFS), DeliverError::ReadOnly { .. }));
        assert!(matches!(with(Errno::IO), DeliverError::Io { .. }));
    }

    #[test]
    fn a_new_name_never_replaces_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        make_folder(&from, FOLDER_MODE).unwrap();
        make_folder(&to, FOLDER_MODE).unwrap();
        assert!(exists_already(&rename_new(&from, &to).unwrap_err()));
    }

    #[test]
    fn a_folder_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path).unwrap();
        assert!(matches!(lock(&path), Err(DeliverError::InUse { .. })));
        drop(held);
        assert!(lock(&path).is_ok());
    }
}
