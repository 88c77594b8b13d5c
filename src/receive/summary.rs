//! What an association brought and how it ended.
//!
//! Input: what happened. Output: one [`AssociationSummary`] of bounded size, and its one log line.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use uuid::Uuid;

use super::storage::AssociationOpening;
use crate::dimse::{AssociationRequest, Phase, Quirks, WireError};
use crate::identity::AeTitle;

/// Instances that a summary lists one by one; the counts hold beyond that.
pub const INSTANCES_LISTED_MAX: usize = 4096;

/// How an association ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The peer released it.
    Released,
    /// The peer aborted it.
    AbortedByPeer {
        /// Source as on the wire.
        origin: u8,
        /// Reason as on the wire.
        reason: u8,
    },
    /// The peer closed the line, or it failed.
    LineClosed {
        /// What was going on.
        phase: Phase,
    },
    /// A time limit ran out.
    TimedOut {
        /// What was going on.
        phase: Phase,
    },
    /// The peer broke the protocol.
    Violation {
        /// What it did.
        what: String,
    },
    /// The node was asked to stop.
    Shutdown,
}

impl Ending {
    pub(super) fn of(error: &WireError) -> Ending {
        match error {
            WireError::Closed { phase } | WireError::Line { phase, .. } => Ending::LineClosed { phase: *phase },
            WireError::TimedOut { phase } => Ending::TimedOut { phase: *phase },
            WireError::Aborted { origin, reason } => Ending::AbortedByPeer { origin: *origin, reason: *reason },
            WireError::Violation(violation) => Ending::Violation { what: violation.to_string() },
            WireError::Encoding(error) => Ending::Violation { what: error.to_string() },
        }
    }

    /// The stable code written to logs and receipts.
    pub fn code(&self) -> &'static str {
        match self {
            Ending::Released => "released",
            Ending::AbortedByPeer { .. } => "aborted_by_peer",
            Ending::LineClosed { .. } => "line_closed",
            Ending::TimedOut { .. } => "timed_out",
            Ending::Violation { .. } => "violation",
            Ending::Shutdown => "shutdown",
        }
    }
}

/// An instance and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceOutcome {
    /// Affected SOP Instance UID of the request, as received.
    pub sop_instance_uid: String,
    /// Status code that was answered.
    pub status: u16,
}

/// What one association brought and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationSummary {
    /// Its identifier, which is in every [`Incoming`](super::Incoming) it brought.
    pub association: Uuid,
    /// Application entity that was called, as configured.
    pub called: AeTitle,
    /// Calling AE title; `UNKNOWN@address` where the peer gave none.
    pub calling: String,
    /// Address of the peer.
    pub peer: SocketAddr,
    /// Implementation Class UID of the peer, may be empty.
    pub implementation_class_uid: String,
    /// Implementation Version Name of the peer, may be empty.
    pub implementation_version_name: String,
    /// When its request had been read.
    pub opened: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub ending: Ending,
    /// Presentation contexts accepted.
    pub contexts_accepted: usize,
    /// C-ECHO requests.
    pub echoes: u64,
    /// C-STORE answers by status code.
    pub statuses: BTreeMap<u16, u64>,
    /// The first instances, in their order, at most [`INSTANCES_LISTED_MAX`].
    pub instances: Vec<InstanceOutcome>,
    /// Bytes of data sets received.
    pub data_set_bytes: u64,
    /// What was tolerated.
    pub quirks: Quirks,
}

impl AssociationSummary {
    pub(super) fn begin(opening: &AssociationOpening, request: &AssociationRequest) -> AssociationSummary {
        let now = Timestamp::now();
        AssociationSummary {
            association: opening.association,
            called: opening.called.clone(),
            calling: opening.calling.clone(),
            peer: opening.peer,
            implementation_class_uid: request.user.implementation_class_uid.clone(),
            implementation_version_name: request.user.implementation_version_name.clone(),
            opened: now,
            ended: now,
            ending: Ending::Released,
            contexts_accepted: 0,
            echoes: 0,
            statuses: BTreeMap::new(),
            instances: Vec::new(),
            data_set_bytes: 0,
            quirks: Quirks::new(),
        }
    }

    /// Whether the peer released it, which is evidence that it sent what it wanted to send.
    pub fn released(&self) -> bool {
        self.ending == Ending::Released
    }

    /// Instances answered with success.
    pub fn stored(&self) -> u64 {
        self.statuses.get(&0).copied().unwrap_or(0)
    }

    /// Instances answered with anything else.
    pub fn refused(&self) -> u64 {
        self.statuses.values().sum::<u64>() - self.stored()
    }

    pub(super) fn note(&mut self, sop_instance_uid: &str, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
        if self.instances.len() < INSTANCES_LISTED_MAX {
            // A peer may write anything there; what is kept of it is bounded.
            let sop_instance_uid = sop_instance_uid.chars().take(crate::identity::UID_LENGTH_MAX).collect();
            self.instances.push(InstanceOutcome { sop_instance_uid, status });
        }
    }

    pub(super) fn log(&self) {
        let quirks: Vec<&str> = self.quirks.iter().map(|quirk| quirk.code()).collect();
        tracing::info!(
            association = %self.association,
            called = %self.called,
            calling = self.calling,
            peer = %self.peer,
            implementation = self.implementation_version_name,
            ending = ?self.ending,
            contexts = self.contexts_accepted,
            echoes = self.echoes,
            stored = self.stored(),
            refused = self.refused(),
            bytes = self.data_set_bytes,
            seconds = self.ended.duration_since(self.opened).as_secs_f64(),
            quirks = quirks.join(","),
            "association ended"
        );
    }
}
