//! The receiver's storage: spool and ledger behind the door that `receive` knows.
//!
//! Input: announced objects and their bytes. Output: 0x0000 only after the bytes are durable and entered.
//! Refusals carry the status of the table and a comment that says what to do.

use std::sync::Arc;

use crate::catalogue::Verdict;
use crate::identity::SeriesKey;
use crate::instance::Instance;
use crate::node::ledger::Ledger;
use crate::receive;
use crate::receive::Admission;
use crate::receive::AssociationOpening;
use crate::receive::AssociationSummary;
use crate::receive::Incoming;
use crate::receive::Refusal;
use crate::receive::StoreStatus;
use crate::series::AssociationEnding;
use crate::spool;
use crate::spool::AssociationEnd;
use crate::spool::AssociationInstance;
use crate::spool::AssociationRecord;
use crate::spool::InstanceHeader;
use crate::spool::Parsed;
use crate::spool::Spool;
use crate::spool::SpoolError;

/// Bytes that must be free before an object is begun, beside the configured reserve: one usual object.
const ROOM_FOR_ONE_BYTES: u64 = 1 << 20;

/// Spool and ledger as the receiver sees them.
#[derive(Clone)]
pub struct NodeStorage {
    spool: Spool,
    ledger: Arc<Ledger>,
}

impl NodeStorage {
    /// Stores into `spool`, enters into `ledger`.
    pub fn new(spool: Spool, ledger: Arc<Ledger>) -> NodeStorage {
        NodeStorage { spool, ledger }
    }
}

/// One object on its way into the spool.
pub struct NodeObject {
    ledger: Arc<Ledger>,
    writer: spool::ObjectWriter,
    incoming: Incoming,
}

impl receive::Storage for NodeStorage {
    type Object = NodeObject;

    async fn begin(&self, incoming: &Incoming) -> Result<NodeObject, Refusal> {
        if !self.spool.has_room_for(ROOM_FOR_ONE_BYTES) {
            let comment = match self.spool.free_bytes() {
                Some(_) => "no space left, free the data folder",
                None => "the data folder cannot be reached",
            };
            return Err(Refusal::new(StoreStatus::OutOfResources, comment));
        }
        let header = InstanceHeader {
            association: incoming.association.to_string(),
            sequence: incoming.sequence,
            called: incoming.called.as_str().to_owned(),
            calling: incoming.calling.clone(),
            peer: incoming.peer.to_string(),
            sop_class_uid: incoming.sop_class_uid.clone(),
            sop_instance_uid: incoming.sop_instance_uid.clone(),
            transfer_syntax_uid: incoming.transfer_syntax_uid.clone(),
            received_at_ms: now_ms(),
        };
        let writer = self.spool.begin(header);
        Ok(NodeObject { ledger: Arc::clone(&self.ledger), writer, incoming: incoming.clone() })
    }

    async fn association_opened(&self, _opening: &AssociationOpening) -> Admission {
        // Where the file system tells nothing, each object is answered with its status and comment.
        let short = self.spool.free_bytes().is_some() && !self.spool.has_room_for(ROOM_FOR_ONE_BYTES);
        if short { Admission::OutOfResources } else { Admission::Admit }
    }

    async fn association_ended(&self, summary: &AssociationSummary) {
        let (end, ending) = if summary.released() {
            (AssociationEnd::Released, AssociationEnding::Released)
        } else {
            (AssociationEnd::Aborted, AssociationEnding::Aborted)
        };
        let id = summary.association.to_string();
        let ended_at_ms = summary.ended.as_millisecond();
        if !summary.statuses.is_empty() {
            let record = AssociationRecord {
                id: id.clone(),
                peer: summary.peer.to_string(),
                called: summary.called.as_str().to_owned(),
                calling: summary.calling.clone(),
                contexts: Vec::new(),
                opened_at_ms: summary.opened.as_millisecond(),
                ended_at_ms,
                end,
                instances: summary
                    .instances
                    .iter()
                    .map(|one| AssociationInstance {
                        sop_instance_uid: one.sop_instance_uid.clone(),
                        status: one.status,
                    })
                    .collect(),
            };
            if let Err(error) = self.spool.association(&record).await {
                tracing::error!(%error, association = id, "history of an association was not kept");
            }
        }
        let told = tokio::task::block_in_place(|| self.ledger.association_ended(&id, ending, ended_at_ms));
        if let Err(error) = told {
            tracing::error!(%error, association = id, "end of an association was not entered");
        }
    }
}

impl receive::ObjectWriter for NodeObject {
    async fn write(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.writer.write(chunk).await.map_err(|error| refusal(&error))
    }

    async fn commit(self) -> Result<(), Refusal> {
        let NodeObject { ledger, writer, incoming } = self;
        let instance = Instance::parse_head(writer.head(), writer.length(), &incoming.transfer_syntax_uid)
            .and_then(|instance| {
                instance.check_pixel_data(writer.head(), writer.length(), &incoming.transfer_syntax_uid)?;
                Ok(instance)
            })
            .map_err(|error| Refusal::new(StoreStatus::CannotUnderstand, &error.to_string()))?;
        if instance.sop_class_uid != incoming.sop_class_uid {
            return Err(Refusal::new(StoreStatus::DataSetMismatch, "SOP class of data set and command differ"));
        }
        if instance.sop_instance_uid != incoming.sop_instance_uid {
            return Err(Refusal::new(StoreStatus::DataSetMismatch, "SOP instance of data set and command differ"));
        }
        let key =
            SeriesKey { called: incoming.called.clone(), series_instance_uid: instance.series_instance_uid.clone() };
        let expected = instance.number_of_series_related_instances;
        let association = incoming.association.to_string();
        let verdict = tokio::task::block_in_place(|| {
            let verdict = ledger.verdict(&key, &incoming.sop_instance_uid, &writer.sha256())?;
            if verdict != Verdict::New {
                ledger.arrived(&key, &association, &incoming.calling, verdict, expected, now_ms())?;
            }
            Ok::<Verdict, crate::node::ledger::LedgerError>(verdict)
        });
        match verdict.map_err(|error| internal(&error))? {
            // The first copy is durable and entered; a second one would only have to be removed again.
            Verdict::Duplicate => return Ok(()),
            Verdict::Conflict => return Err(conflict()),
            Verdict::New => {}
        }
        let parsed = Parsed {
            study_instance_uid: Some(instance.study_instance_uid),
            series_instance_uid: Some(instance.series_instance_uid),
        };
        let (durable, stored) = writer.commit(parsed).await.map_err(|error| refusal(&error))?;
        let entered = tokio::task::block_in_place(|| ledger.enter(&stored, durable, expected, now_ms()));
        match entered.map_err(|error| internal(&error))? {
            // Two associations brought the UID at once, with different bytes.
            Verdict::Conflict => Err(conflict()),
            Verdict::New | Verdict::Duplicate => Ok(()),
        }
    }
}

fn conflict() -> Refusal {
    Refusal::new(StoreStatus::DuplicateSopInstance, "stored before with other bytes; the first stays")
}

fn internal(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, cause = error.source().map(tracing::field::display), "an object was not entered");
    Refusal::new(StoreStatus::ProcessingFailure, "internal fault, see the log of the node")
}

fn refusal(error: &SpoolError) -> Refusal {
    if error.is_full() {
        return Refusal::new(StoreStatus::OutOfResources, "no space left, free the data folder");
    }
    tracing::error!(%error, cause = std::error::Error::source(error).map(tracing::field::display), "spool refused");
    Refusal::new(StoreStatus::ProcessingFailure, "the spool could not be written")
}

/// Milliseconds since 1970-01-01 UTC.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
