//! The worker: settled series one after the other into the results folder.
//!
//! Input: the ledger. Output: published revisions, entered as done. A fault of one series is logged, remembered by its
//! lease, and never ends the worker.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::deliver;
use crate::deliver::Event;
use crate::deliver::EventKind;
use crate::deliver::Outcome;
use crate::deliver::ResultsFolder;
use crate::identity::AeTitle;
use crate::identity::SiteSecret;
use crate::identity::Uid;
use crate::instance::Instance;
use crate::instance::SeriesInstance;
use crate::node::ledger;
use crate::node::ledger::Ledger;
use crate::node::ledger::Taken;
use crate::node::ledger::digest_of;
use crate::node::pipeline::measure_series;
use crate::node::publish;
use crate::node::publish::Circumstances;
use crate::node::settings::EntitySettings;
use crate::node::storage::now_ms;
use crate::series;
use crate::series::AssociationEnding;
use crate::spool::StoredInstance;
use crate::write::rsif::Trigger;

/// Pause before a series is tried again after the results folder refused (ms).
const RETRY_MS: i64 = 30_000;

/// SOP classes whose series are measured; others are kept.
pub const MEASURED_SOP_CLASSES: [&str; 3] =
    ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"];

/// Everything that one worker needs.
pub(super) struct Worker {
    pub(super) ledger: Arc<Ledger>,
    pub(super) results: ResultsFolder,
    pub(super) secret: SiteSecret,
    pub(super) entities: Vec<(String, EntitySettings)>,
    pub(super) completeness: series::Options,
    pub(super) node: String,
}

impl Worker {
    /// Works until `stop`; a series under way is ended first.
    pub(super) fn run(&self, stop: &CancellationToken, pause: Duration) {
        let mut first_look = true;
        while !stop.is_cancelled() {
            let taken = self.ledger.take(now_ms(), &self.completeness, first_look);
            match taken {
                Ok(Some(taken)) => self.work(taken),
                Ok(None) => {
                    // Leases of an earlier process are over after one full look.
                    first_look = false;
                    std::thread::sleep(pause);
                }
                Err(error) => {
                    tracing::error!(%error, cause = std::error::Error::source(&error).map(tracing::field::display), "series cannot be taken");
                    std::thread::sleep(Duration::from_secs(1));
                }
            }
        }
        if let Err(error) = self.results.refresh_index() {
            tracing::warn!(%error, "index.json was not refreshed");
        }
    }

    fn work(&self, taken: Taken) {
        let started = std::time::Instant::now();
        let key = taken.key.clone();
        let digest = digest_of(&taken.instances);
        let outcome = self.measure_and_publish(&taken);
        let entered = match outcome {
            Ok(Some(Outcome::Published { revision, path })) => {
                let elapsed_ms = started.elapsed().as_millis();
                tracing::info!(
                    revision,
                    instances = taken.instances.len(),
                    evidence = taken.evidence,
                    elapsed_ms,
                    folder = %path.display(),
                    "series published"
                );
                let folder = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                self.ledger.finished(&key, Some((revision, folder)), &digest, now_ms())
            }
            Ok(Some(Outcome::Unchanged { revision })) => {
                tracing::info!(revision, "series unchanged");
                self.ledger.finished(&key, None, &digest, now_ms())
            }
            Ok(None) => self.ledger.finished(&key, None, &digest, now_ms()),
            Err(Trouble::Passing(message)) => {
                tracing::error!(message, retry_seconds = RETRY_MS / 1000, "series was not published");
                self.ledger.wait(&key, &message, now_ms() + RETRY_MS)
            }
            Err(Trouble::Lasting(message)) => {
                tracing::error!(message, "series quarantined");
                self.ledger.quarantine(&key, &message)
            }
        };
        if let Err(error) = entered {
            tracing::error!(%error, "the end of a series was not entered");
        }
    }

    /// `None`: the series is kept and not measured.
    fn measure_and_publish(&self, taken: &Taken) -> Result<Option<Outcome>, Trouble> {
        let entity = self.entity(&taken.key.called)?;
        let identifiers = entity.rsif.identifiers;
        let folder = publish::series_folder(&self.secret, &taken.key.series_instance_uid, identifiers)
            .map_err(|error| Trouble::Lasting(error.to_string()))?;
        let measured_class =
            |stored: &StoredInstance| MEASURED_SOP_CLASSES.contains(&stored.header.sop_class_uid.as_str());
        if !taken.instances.iter().any(measured_class) {
            let event = Event::new(EventKind::SeriesRejected).with_series(&folder).with_reason("sop_class_kept");
            self.announce(&event);
            tracing::info!(instances = taken.instances.len(), "series kept, not measured");
            return Ok(None);
        }
        self.announce(&Event::new(EventKind::SeriesReceived).with_series(&folder).with_count(taken.instances.len()));
        let instances = read(&taken.instances)?;
        let measured = measure_series(&instances, &entity.pipeline);
        let circumstances = self.circumstances(taken);
        publish::publish(&self.results, &self.secret, entity, &instances, &measured, circumstances).map(Some).map_err(
            |error| match error {
                publish::PublishError::Deliver(_) => Trouble::Passing(error.to_string()),
                publish::PublishError::Rsif(_) => Trouble::Lasting(error.to_string()),
            },
        )
    }

    fn entity(&self, called: &AeTitle) -> Result<&EntitySettings, Trouble> {
        let found = self.entities.iter().find(|(title, _)| AeTitle::parse(title).is_ok_and(|title| title == *called));
        // A title that was configured when the series came and is not any more: what came is still measured.
        let entity = found.or_else(|| self.entities.first());
        entity.map(|(_, settings)| settings).ok_or_else(|| Trouble::Lasting("no application entity".to_owned()))
    }

    fn announce(&self, event: &Event) {
        if let Err(error) = self.results.announce(event) {
            tracing::warn!(%error, "event was not written");
        }
    }

    fn circumstances(&self, taken: &Taken) -> Circumstances {
        let associations = taken.state.associations.iter().map(|(id, trace)| deliver::Association {
            id: id.clone(),
            calling: Some(trace.calling.clone()),
            called: Some(taken.key.called.as_str().to_owned()),
            end: match trace.ended {
                Some((AssociationEnding::Released, _)) => "released",
                Some((AssociationEnding::Aborted, _)) => "aborted",
                None => "open",
            }
            .to_owned(),
            instances: taken.instances.iter().filter(|stored| stored.header.association == *id).count(),
        });
        let brought_by = taken
            .instances
            .iter()
            .map(|stored| (stored.header.sop_instance_uid.clone(), stored.header.association.clone()))
            .collect::<Vec<(Uid, String)>>();
        Circumstances {
            evidence: taken.evidence.clone(),
            expected: taken.state.expected_count.and_then(|count| usize::try_from(count).ok()),
            associations: associations.collect(),
            brought_by,
            trigger: match taken.evidence.as_str() {
                series::DEADLINE => Trigger::Timeout,
                ledger::OPERATOR => Trigger::Reprocess,
                _ => Trigger::SeriesComplete,
            },
            node: Some(self.node.clone()),
        }
    }
}

/// Why a series has no result now.
enum Trouble {
    /// Worth another try.
    Passing(String),
    /// Not worth one.
    Lasting(String),
}

/// Headers of stored instances; what cannot be read any more is a fault of the disk.
fn read(stored: &[StoredInstance]) -> Result<Vec<SeriesInstance>, Trouble> {
    let mut instances = Vec::with_capacity(stored.len());
    for one in stored {
        let instance =
            Instance::read(&one.location).map_err(|error| Trouble::Lasting(format!("spool unreadable: {error}")))?;
        instances.push(SeriesInstance { instance, location: one.location.clone(), sha256: one.sha256 });
    }
    Ok(instances)
}
