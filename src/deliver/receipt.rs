//! `receipt.json`: what came in for a series, over which associations, and what became of every instance.

use serde::Serialize;

use crate::identity::KeyKind;
use crate::identity::SiteSecret;
use crate::identity::Uid;
use crate::write::rsif::Identifiers;

/// What became of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceVerdict {
    /// Part of the measured volume.
    Measured,
    /// Kept, but not part of the volume; a word says why (`localizer`, `duplicate`, `other_geometry`).
    NotUsed(String),
    /// Its data set or pixel data could not be read; a word says why.
    Unreadable(String),
}

/// One instance, as the caller knows it.
#[derive(Debug, Clone)]
pub struct Instance {
    /// SOP Instance UID.
    pub sop_instance_uid: Uid,
    /// SHA-256 of the data set as received, hexadecimal.
    pub sha256: String,
    /// Identifier of the association that brought it; `None` for files.
    pub association: Option<String>,
    /// What became of it.
    pub verdict: InstanceVerdict,
}

/// One association that brought instances.
#[derive(Debug, Clone, Serialize)]
pub struct Association {
    /// Identifier.
    pub id: String,
    /// Calling AE title; left out unless identifiers of the source are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calling: Option<String>,
    /// Called AE title; left out unless identifiers of the source are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// How it ended: `released`, `aborted`, `open`.
    pub end: String,
    /// Instances of this series that it brought.
    pub instances: usize,
}

/// Why the series was taken as complete.
#[derive(Debug, Clone, Serialize)]
pub struct Completeness {
    /// The evidence, e.g. `stated_number`, `geometry_closed`, `quiet_after_release`, `quiet`, `deadline`, `files`.
    pub evidence: String,
    /// Instances stated by the sender, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<usize>,
    /// Instances received.
    pub received: usize,
}

/// Everything that a receipt is made from.
#[derive(Debug, Clone)]
pub struct ReceiptInputs {
    /// All instances of the series.
    pub instances: Vec<Instance>,
    /// The associations that brought them.
    pub associations: Vec<Association>,
    /// Why the series was taken as complete.
    pub completeness: Completeness,
}

/// The receipt of one revision.
#[derive(Debug, Clone, Serialize)]
pub struct Receipt {
    completeness: Completeness,
    associations: Vec<Association>,
    instances: Vec<InstanceEntry>,
}

#[derive(Debug, Clone, Serialize)]
struct InstanceEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sop_instance_uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    association: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Receipt {
    /// Makes the receipt; instances are sorted by UID, so that the order of arrival does not matter.
    pub fn new(inputs: ReceiptInputs, identifiers: Identifiers, secret: &SiteSecret) -> Receipt {
        let ReceiptInputs { mut instances, mut associations, completeness } = inputs;
        if identifiers != Identifiers::Source {
            for association in &mut associations {
                association.calling = None;
                association.called = None;
            }
        }
        instances.sort_by(|a, b| (&a.sop_instance_uid, &a.sha256).cmp(&(&b.sop_instance_uid, &b.sha256)));
        let instances = instances.into_iter().map(|instance| entry(instance, identifiers, secret)).collect();
        Receipt { completeness, associations, instances }
    }
}

fn entry(instance: Instance, identifiers: Identifiers, secret: &SiteSecret) -> InstanceEntry {
    let uid = instance.sop_instance_uid.as_str();
    let keyed = identifiers != Identifiers::None;
    let (verdict, reason) = match instance.verdict {
        InstanceVerdict::Measured => ("measured", None),
        InstanceVerdict::NotUsed(reason) => ("not_used", Some(reason)),
        InstanceVerdict::Unreadable(reason) => ("unreadable", Some(reason)),
    };
    InstanceEntry {
        instance_key: keyed.then(|| secret.key(KeyKind::Instance, uid)),
        sop_instance_uid: (identifiers == Identifiers::Source).then(|| uid.to_owned()),
        association: instance.association,
        sha256: keyed.then_some(instance.sha256),
        verdict,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(identifiers: Identifiers) -> String {
        let instance = |uid: &str, verdict| Instance {
            sop_instance_uid: Uid::parse(uid).unwrap(),
            sha256: "ab".repeat(32),
            association: Some("a1".to_owned()),
            verdict,
        };
        let inputs = ReceiptInputs {
            instances: vec![
                instance("1.2.9", InstanceVerdict::NotUsed("localizer".to_owned())),
                instance("1.2.3", InstanceVerdict::Measured),
            ],
            associations: vec![Association {
                id: "a1".to_owned(),
                calling: Some("CT_ROOM_7".to_owned()),
                called: Some("RESETRAY".to_owned()),
                end: "released".to_owned(),
                instances: 2,
            }],
            completeness: Completeness { evidence: "geometry_closed".to_owned(), expected: None, received: 2 },
        };
        serde_json::to_string(&Receipt::new(inputs, identifiers, &SiteSecret([1; 32]))).unwrap()
    }

    #[test]
    fn uids_and_titles_stand_in_the_receipt_only_where_asked_for() {
        let source = receipt(Identifiers::Source);
        assert!(source.contains("1.2.3") && source.contains("CT_ROOM_7") && source.contains("k1:"));
        assert!(source.find("1.2.3").unwrap() < source.find("1.2.9").unwrap());
        let pseudonym = receipt(Identifiers::Pseudonym);
        assert!(!pseudonym.contains("1.2.3") && !pseudonym.contains("CT_ROOM_7") && pseudonym.contains("k1:"));
        let none = receipt(Identifiers::None);
        assert!(!none.contains("k1:") && !none.contains("abab") && none.contains("localizer"));
    }
}
