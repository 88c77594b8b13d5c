//! Where the bytes of one data set lie.

use std::path::Path;
use std::sync::Arc;

use crate::identity::Uid;

/// Place of one data set: a file, and the bytes in it from the first element to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSetLocation {
    /// File that holds the bytes.
    pub path: Arc<Path>,
    /// First byte of the data set.
    pub offset: u64,
    /// Bytes of the data set.
    pub length: u64,
    /// Transfer syntax in which the bytes are encoded.
    pub transfer_syntax_uid: Uid,
}
