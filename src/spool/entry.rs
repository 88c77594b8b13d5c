//! What the spool keeps: instances with their description, histories of associations, notes of the node.

use serde::Deserialize;
use serde::Serialize;

use crate::identity::Uid;
use crate::instance::DataSetLocation;

/// What is known of an object before its first byte, from the association and the C-STORE command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceHeader {
    /// Identifier of the association that brought it.
    pub association: String,
    /// Number of the object within its association.
    pub sequence: u64,
    /// Called AE title.
    pub called: String,
    /// Calling AE title.
    pub calling: String,
    /// Network address of the sender.
    pub peer: String,
    /// Affected SOP Class UID.
    #[serde(with = "uid_text")]
    pub sop_class_uid: Uid,
    /// Affected SOP Instance UID.
    #[serde(with = "uid_text")]
    pub sop_instance_uid: Uid,
    /// Transfer syntax of the accepted presentation context.
    #[serde(with = "uid_text")]
    pub transfer_syntax_uid: Uid,
    /// Time of arrival, milliseconds since 1970-01-01 UTC.
    pub received_at_ms: i64,
}

/// What reading the data set added before it was committed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parsed {
    /// Study Instance UID, where it could be read.
    #[serde(with = "optional_uid_text", default)]
    pub study_instance_uid: Option<Uid>,
    /// Series Instance UID, where it could be read.
    #[serde(with = "optional_uid_text", default)]
    pub series_instance_uid: Option<Uid>,
}

/// Place of one record in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Number of the segment file.
    pub segment: u64,
    /// First byte of the record in it.
    pub offset: u64,
}

/// One object in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredInstance {
    /// Record that holds it.
    pub position: Position,
    /// Where its data set lies.
    pub location: DataSetLocation,
    /// SHA-256 of the data set as received.
    pub sha256: [u8; 32],
    /// What came with it.
    pub header: InstanceHeader,
    /// What reading it added.
    pub parsed: Parsed,
}

/// Proof that one object is on disk, file and directory entry. Only the spool makes one: on commit, or by finding the
/// record again at the next start.
#[derive(Debug)]
#[must_use = "the proof is what the catalogue takes"]
pub struct Durable {
    position: Position,
}

impl Durable {
    pub(super) fn new(position: Position) -> Durable {
        Durable { position }
    }

    /// Which record is proven.
    pub fn position(&self) -> Position {
        self.position
    }
}

/// How an association ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssociationEnd {
    /// A-RELEASE was asked for and answered.
    Released,
    /// A-ABORT, a broken line or a timeout.
    Aborted,
}

/// One answer of an association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssociationInstance {
    /// Affected SOP Instance UID as sent.
    pub sop_instance_uid: String,
    /// Status answered (0000,0900).
    pub status: u16,
}

/// The history of one association, written when it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssociationRecord {
    /// Identifier.
    pub id: String,
    /// Network address of the peer.
    pub peer: String,
    /// Called AE title.
    pub called: String,
    /// Calling AE title.
    pub calling: String,
    /// Accepted presentation contexts: abstract and transfer syntax.
    pub contexts: Vec<(String, String)>,
    /// Begin, milliseconds since 1970-01-01 UTC.
    pub opened_at_ms: i64,
    /// End, milliseconds since 1970-01-01 UTC.
    pub ended_at_ms: i64,
    /// How it ended.
    pub end: AssociationEnd,
    /// What it brought and what was answered.
    pub instances: Vec<AssociationInstance>,
}

/// A note of the node: a published revision, a quarantine, a removal.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// What it tells, a word that its writer chooses.
    pub kind: String,
    /// When, milliseconds since 1970-01-01 UTC.
    pub written_at_ms: i64,
    /// The content.
    pub content: serde_json::Value,
}

/// Description of an instance record.
#[derive(Serialize, Deserialize)]
pub(super) struct InstanceRecordHeader {
    pub(super) instance: InstanceHeader,
    pub(super) parsed: Parsed,
}

/// Description of a note record.
#[derive(Serialize, Deserialize)]
pub(super) struct NoteRecordHeader {
    pub(super) note: String,
    pub(super) written_at_ms: i64,
}

/// Description of the orderly end of a segment.
#[derive(Serialize, Deserialize)]
pub(super) struct SealRecordHeader {
    /// Where the records end; between there and the seal lies what a crash left.
    pub(super) records_end: u64,
}

/// A UID as its text.
mod uid_text {
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serializer;
    use serde::de::Error;

    use crate::identity::Uid;

    pub(super) fn serialize<S: Serializer>(uid: &Uid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(uid.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uid, D::Error> {
        Uid::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A UID that may be missing.
mod optional_uid_text {
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serialize;
    use serde::Serializer;
    use serde::de::Error;

    use crate::identity::Uid;

    pub(super) fn serialize<S: Serializer>(uid: &Option<Uid>, serializer: S) -> Result<S::Ok, S::Error> {
        uid.as_ref().map(Uid::as_str).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uid>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Uid::parse(&text)).transpose().map_err(D::Error::custom)
    }
}
