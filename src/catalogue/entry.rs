//! Keys and values of the index.
//!
//! Keys are short and binary: 16 bytes of SHA-256 over called AE title and Series Instance UID, then 16 bytes of SHA-256
//! over the SOP Instance UID, or a revision number, big endian. Values are a CRC-32 (little endian) and JSON: the index
//! does not notice every damaged byte by itself.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::Digest;
use sha2::Sha256;

use super::CatalogueError;
use crate::identity::Uid;
use crate::identity::hex;
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

/// A stored instance without the folder of the spool, which may move. Written as an array, not as an object: there are
/// as many of these as there are instances.
pub(super) struct InstanceEntry {
    file: String,
    position: Position,
    offset: u64,
    length: u64,
    pub(super) sha256: [u8; 32],
    /// Whether the bytes were given up after a result was published.
    pub(super) released: bool,
    header: InstanceHeader,
    parsed: Parsed,
}

/// File, segment, record, data set, length, SHA-256, released.
type PlaceRow = (String, u64, u64, u64, u64, String, bool);
/// Association, sequence, called, calling, peer, arrival.
type OriginRow = (String, u64, String, String, String, i64);
/// SOP class, SOP instance, transfer syntax, study, series.
type UidRow = (String, String, String, Option<String>, Option<String>);

impl InstanceEntry {
    pub(super) fn of(stored: &StoredInstance) -> InstanceEntry {
        let file = stored.location.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        InstanceEntry {
            file,
            position: stored.position,
            offset: stored.location.offset,
            length: stored.location.length,
            sha256: stored.sha256,
            released: false,
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

    pub(super) fn encode(&self) -> Result<Vec<u8>, CatalogueError> {
        let Position { segment, offset } = self.position;
        let place = (&self.file, segment, offset, self.offset, self.length, hex(&self.sha256), self.released);
        let header = &self.header;
        let origin = (
            &header.association,
            header.sequence,
            &header.called,
            &header.calling,
            &header.peer,
            header.received_at_ms,
        );
        let uids = (
            header.sop_class_uid.as_str(),
            header.sop_instance_uid.as_str(),
            header.transfer_syntax_uid.as_str(),
            self.parsed.study_instance_uid.as_ref().map(Uid::as_str),
            self.parsed.series_instance_uid.as_ref().map(Uid::as_str),
        );
        encode(&(place, origin, uids))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<InstanceEntry, CatalogueError> {
        let (place, origin, uids): (PlaceRow, OriginRow, UidRow) = decode(bytes)?;
        let (file, segment, record, offset, length, sha256, released) = place;
        let (association, sequence, called, calling, peer, received_at_ms) = origin;
        let uid =
            |text: String| Uid::parse(&text).map_err(|error| CatalogueError::Corrupt { found: error.to_string() });
        let (sop_class, sop_instance, transfer_syntax, study, series) = uids;
        let header = InstanceHeader {
            association,
            sequence,
            called,
            calling,
            peer,
            sop_class_uid: uid(sop_class)?,
            sop_instance_uid: uid(sop_instance)?,
            transfer_syntax_uid: uid(transfer_syntax)?,
            received_at_ms,
        };
        let parsed = Parsed {
            study_instance_uid: study.map(uid).transpose()?,
            series_instance_uid: series.map(uid).transpose()?,
        };
        let position = Position { segment, offset: record };
        Ok(InstanceEntry { file, position, offset, length, sha256: unhex(&sha256)?, released, header, parsed })
    }
}

fn unhex(text: &str) -> Result<[u8; 32], CatalogueError> {
    let wrong = || CatalogueError::Corrupt { found: "a digest that is none".to_owned() };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return Err(wrong());
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        let pair = text.get(2 * index..2 * index + 2).ok_or_else(wrong)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}
