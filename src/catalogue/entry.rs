//! Keys and values of the index.
//!
//! Keys are short and binary: 16 bytes of SHA-256 over called AE title and Series Instance UID, then 16 bytes of SHA-256
//! over the SOP Instance UID, or a revision number, big endian. Values are a CRC-32 (little endian) and JSON: the index
//! does not notice every damaged byte by itself.

use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Digest;
use sha2::Sha256;

use super::CatalogueError;
use crate::instance::DataSetLocation;
use crate::spool::InstanceHeader;
use crate::spool::Parsed;
use crate::spool::Position;
use crate::spool::StoredInstance;

/// Bytes of a series in a key.
pub(super) const SERIES_ID_LENGTH: usize = 16;
const CHECKSUM_LENGTH: usize = 4;

/// A series in a key.
pub(super) type SeriesId = [u8; SERIES_ID_LENGTH];

/// Id of the series that a called title and a Series Instance UID make; titles compare without case and padding.
pub(super) fn series_id(called: &str, series_instance_uid: &str) -> SeriesId {
    let called = called.trim_matches(['\0', ' ']).to_ascii_uppercase();
    prefix_of(&[called.as_bytes(), &[0], series_instance_uid.as_bytes()])
}

/// Key of an instance within a series.
pub(super) fn instance_key(series: SeriesId, sop_instance_uid: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&series);
    key[16..].copy_from_slice(&prefix_of(&[sop_instance_uid.as_bytes()]));
    key
}

/// Key of one copy of an instance: its key and its place.
pub(super) fn copy_key(instance: [u8; 32], position: Position) -> [u8; 48] {
    let mut key = [0; 48];
    key[..32].copy_from_slice(&instance);
    key[32..40].copy_from_slice(&position.segment.to_be_bytes());
    key[40..].copy_from_slice(&position.offset.to_be_bytes());
    key
}

/// Key of a revision of a series.
pub(super) fn revision_key(series: SeriesId, revision: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&series);
    key[16..].copy_from_slice(&revision.to_be_bytes());
    key
}

fn prefix_of(parts: &[&[u8]]) -> SeriesId {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    let whole: [u8; 32] = digest.finalize().into();
    let mut prefix = [0; SERIES_ID_LENGTH];
    prefix.copy_from_slice(&whole[..SERIES_ID_LENGTH]);
    prefix
}

/// A value as it is stored.
pub(super) fn encode(value: &impl Serialize) -> Result<Vec<u8>, CatalogueError> {
    let mut bytes = vec![0; CHECKSUM_LENGTH];
    serde_json::to_writer(&mut bytes, value).map_err(CatalogueError::Encode)?;
    let checksum = crc32fast::hash(&bytes[CHECKSUM_LENGTH..]);
    bytes[..CHECKSUM_LENGTH].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// Whether a stored value is whole.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    bytes.split_at_checked(CHECKSUM_LENGTH).is_some_and(|(sum, text)| sum == crc32fast::hash(text).to_le_bytes())
}

/// Reads a stored value.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CatalogueError> {
    if !is_whole(bytes) {
        return Err(CatalogueError::Corrupt { found: "a value with a wrong checksum".to_owned() });
    }
    serde_json::from_slice(&bytes[CHECKSUM_LENGTH..])
        .map_err(|error| CatalogueError::Corrupt { found: format!("a value of another form: {error}") })
}

/// A stored instance without the folder of the spool, which may move.
#[derive(Serialize, Deserialize)]
pub(super) struct InstanceEntry {
    file: String,
    position: Position,
    offset: u64,
    length: u64,
    pub(super) sha256: [u8; 32],
    header: InstanceHeader,
    parsed: Parsed,
}

impl InstanceEntry {
    pub(super) fn of(stored: &StoredInstance) -> InstanceEntry {
        let file = stored.location.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        InstanceEntry {
            file,
            position: stored.position,
            offset: stored.location.offset,
            length: stored.location.length,
            sha256: stored.sha256,
            header: stored.header.clone(),
            parsed: stored.parsed.clone(),
        }
    }

    pub(super) fn within(self, spool: &Path) -> StoredInstance {
        let transfer_syntax_uid = self.header.transfer_syntax_uid.clone();
        let path = spool.join(self.file).into();
        StoredInstance {
            position: self.position,
            location: DataSetLocation { path, offset: self.offset, length: self.length, transfer_syntax_uid },
            sha256: self.sha256,
            header: self.header,
            parsed: self.parsed,
        }
    }
}
