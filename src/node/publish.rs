//! One measured series into the results folder.
//!
//! Input: what the pipeline made and the circumstances ([`Circumstances`]). Output: a visible revision, or "unchanged".
//! Errors: [`PublishError`]; nothing partial is ever visible.

use sha2::Digest;
use sha2::Sha256;

use crate::deliver;
use crate::deliver::DeliverError;
use crate::deliver::Outcome;
use crate::deliver::Publication;
use crate::deliver::Receipt;
use crate::deliver::ReceiptInputs;
use crate::deliver::ResultsFolder;
use crate::deliver::SeriesFolder;
use crate::identity::KeyKind;
use crate::identity::SiteSecret;
use crate::identity::Uid;
use crate::identity::hex;
use crate::instance::SeriesInstance;
use crate::node::dicom;
use crate::node::pipeline::Measured;
use crate::node::settings;
use crate::node::settings::EntitySettings;
use crate::write::rsif;
use crate::write::rsif::Identifiers;
use crate::write::rsif::RsifError;

/// Why a series could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The results folder refused.
    #[error(transparent)]
    Deliver(#[from] DeliverError),
    /// The documents could not be made.
    #[error("the documents could not be made")]
    Rsif(#[from] RsifError),
}

/// What a publication states about its making.
#[derive(Debug)]
pub struct Circumstances {
    /// Why the series was taken as complete, a word.
    pub evidence: String,
    /// Instances stated by the sender, where it did.
    pub expected: Option<usize>,
    /// Associations that brought the instances; empty for files.
    pub associations: Vec<deliver::Association>,
    /// Which association brought an instance.
    pub brought_by: Vec<(Uid, String)>,
    /// What started the work.
    pub trigger: rsif::Trigger,
    /// Name of the node.
    pub node: Option<String>,
}

/// The folder name of a series: its keyed pseudonym, or with `identifiers = none` a key of another kind, so that the
/// name cannot be joined with pseudonyms elsewhere.
pub fn series_folder(
    secret: &SiteSecret,
    series_instance_uid: &Uid,
    identifiers: Identifiers,
) -> Result<SeriesFolder, DeliverError> {
    let identifier = match identifiers {
        Identifiers::None => format!("unlinked {series_instance_uid}"),
        _ => series_instance_uid.to_string(),
    };
    SeriesFolder::parse(&secret.key_hex(KeyKind::Series, &identifier))
}

/// Publishes one measured series.
pub fn publish(
    results: &ResultsFolder,
    secret: &SiteSecret,
    entity: &EntitySettings,
    instances: &[SeriesInstance],
    measured: &Measured,
    circumstances: Circumstances,
) -> Result<Outcome, PublishError> {
    let identifiers = entity.rsif.identifiers;
    let series = series_folder(secret, &measured.record.source.series_instance_uid, identifiers)?;
    let latest = results.latest(&series)?;
    let revision = results.next_revision(&series)?;
    let previews: Vec<rsif::PreviewEntry> = measured.previews.iter().map(preview_entry).collect();
    let dicom = dicom::results(instances, measured, entity.dicom);
    let processing = rsif::Processing {
        generated_at: jiff::Timestamp::now(),
        revision,
        supersedes: latest.as_ref().map(deliver::Latest::ids).unwrap_or_default(),
        supersede_reason: match &latest {
            None => None,
            Some(latest) => Some(supersede_reason(&results.documents_of(&series, latest)?, measured)),
        },
        trigger: circumstances.trigger,
        job: uuid::Uuid::new_v4().simple().to_string(),
        node: circumstances.node.clone(),
        durations_ms: measured.durations_ms.clone(),
        outputs: dicom.iter().map(output).collect(),
    };
    let documents =
        rsif::documents(&measured.record, &previews, secret, &settings::software(), &processing, &entity.rsif)?;
    let receipt = receipt(instances, measured, circumstances, identifiers, secret);
    let previews = measured.previews.iter().map(|preview| (preview.file.clone(), preview.png.clone()));
    let files = previews.chain(dicom.into_iter().map(|made| (made.file.to_owned(), made.bytes))).collect();
    Ok(results.publish(&Publication { series, revision, documents, files, receipt })?)
}

/// Why a new revision follows: what differs first, from the input to the program.
fn supersede_reason(previous: &[Vec<u8>], measured: &Measured) -> rsif::SupersedeReason {
    let previous: Option<serde_json::Value> =
        previous.first().and_then(|document| serde_json::from_slice(document).ok());
    let stated = |pointer: &str| previous.as_ref().and_then(|document| document.pointer(pointer)?.as_str());
    let same =
        |pointer: &str, now: &str| stated(pointer).is_some_and(|before| before.trim_start_matches("sha256:") == now);
    let software = settings::software();
    // Without identifiers a document states no digest of its instances; then late instances are what is left.
    if !same("/source/instances_digest", &measured.record.source.instances_digest) {
        rsif::SupersedeReason::LateInstances
    } else if !same("/configuration/digest", &measured.record.configuration_digest) {
        rsif::SupersedeReason::ConfigurationChanged
    } else if !same("/software/version", &software.version) {
        rsif::SupersedeReason::SoftwareChanged
    } else {
        rsif::SupersedeReason::Operator
    }
}

fn output(made: &dicom::DicomFile) -> rsif::Output {
    rsif::Output {
        kind: made.kind.to_owned(),
        file: Some(made.file.to_owned()),
        destination: None,
        digest: hex(&Sha256::digest(&made.bytes)),
    }
}

fn preview_entry(preview: &crate::write::preview::Preview) -> rsif::PreviewEntry {
    rsif::PreviewEntry {
        file: preview.file.clone(),
        digest: hex(&Sha256::digest(&preview.png)),
        width: preview.width,
        height: preview.height,
        role: preview.role.to_owned(),
        shows: preview.shows.clone(),
        window_center_hu: preview.window_center_hu,
        window_width_hu: preview.window_width_hu,
    }
}

fn receipt(
    instances: &[SeriesInstance],
    measured: &Measured,
    circumstances: Circumstances,
    identifiers: Identifiers,
    secret: &SiteSecret,
) -> Receipt {
    let verdict = |uid: &Uid| match measured.verdicts.iter().find(|(of, _)| of == uid).map(|(_, word)| *word) {
        Some("measured") => deliver::InstanceVerdict::Measured,
        Some(word) => deliver::InstanceVerdict::NotUsed(word.to_owned()),
        None => deliver::InstanceVerdict::NotUsed("not_evaluated".to_owned()),
    };
    let brought: std::collections::BTreeMap<&Uid, &String> =
        circumstances.brought_by.iter().map(|(uid, association)| (uid, association)).collect();
    let entries = instances.iter().map(|one| {
        let uid = &one.instance.sop_instance_uid;
        deliver::Instance {
            sop_instance_uid: uid.clone(),
            sha256: hex(&one.sha256),
            association: brought.get(uid).map(|association| (*association).clone()),
            verdict: verdict(uid),
        }
    });
    let inputs = ReceiptInputs {
        instances: entries.collect(),
        associations: circumstances.associations.clone(),
        completeness: deliver::Completeness {
            evidence: circumstances.evidence.clone(),
            expected: circumstances.expected,
            received: instances.len(),
        },
    };
    Receipt::new(inputs, identifiers, secret)
}
