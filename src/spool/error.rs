//! Why the spool could not do what it was asked.

use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Why the spool could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
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
    /// The file system has no room for what was to be written.
    #[error("{}: no space left while {step}", path.display())]
    Full {
        /// What was attempted.
        step: &'static str,
        /// On which file or folder.
        path: PathBuf,
    },
    /// Another process holds this spool.
    #[error("{}: the spool is in use by another process", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The object is longer than allowed.
    #[error("object of more than {limit_bytes} bytes")]
    ObjectTooLarge {
        /// The limit that it passed.
        limit_bytes: u64,
    },
    /// The description of a record is longer than a record can carry.
    #[error("description of {found_bytes} bytes, at most {limit_bytes} fit")]
    HeaderTooLarge {
        /// Its length.
        found_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// A description could not be put into JSON.
    #[error("the description of a record could not be encoded")]
    Encode(
        /// What the encoder said.
        #[source]
        serde_json::Error,
    ),
    /// The bytes on disk are not those that were stored.
    #[error("{}: the record at byte {offset} is damaged: {found}", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// First byte of the record or of its data set.
        offset: u64,
        /// What is wrong.
        found: &'static str,
    },
    /// An earlier write of this object failed or was cancelled; the object cannot be completed.
    #[error("the object is incomplete, an earlier write of it failed")]
    Abandoned,
    /// The spool is closed, or its writer has ended.
    #[error("the spool is closed")]
    Closed,
}

impl SpoolError {
    /// Whether the cause is a lack of space: the answer to a peer is then "out of resources".
    pub fn is_full(&self) -> bool {
        matches!(self, SpoolError::Full { .. })
    }

    pub(super) fn io(step: &'static str, path: &Path, source: io::Error) -> SpoolError {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
        if full.contains(&source.kind()) {
            return SpoolError::Full { step, path: path.to_owned() };
        }
        SpoolError::Io { step, path: path.to_owned(), source }
    }

    /// The same error for a further record of the same group.
    pub(super) fn repeat(&self) -> SpoolError {
        match self {
            SpoolError::Io { step, path, source } => {
                SpoolError::Io { step, path: path.clone(), source: io::Error::from(source.kind()) }
            }
            SpoolError::Full { step, path } => SpoolError::Full { step, path: path.clone() },
            _ => SpoolError::Closed,
        }
    }
}
