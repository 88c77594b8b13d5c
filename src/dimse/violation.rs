//! How an association can break.
//!
//! Input: none. Output: one error that tells who did what, and which A-ABORT answers it.
//! Source: PS3.8 9.2 (state machine), 9.3.8 (reasons of an A-ABORT).

use std::fmt;
use std::io;

use super::command::CommandError;
use super::pdu::AbortReason;

/// What the node was waiting for or doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for an A-ASSOCIATE-RQ, or for its answer.
    Association,
    /// Waiting for the next message.
    Idle,
    /// Inside a message.
    Message,
    /// Writing to the peer.
    Writing,
    /// Waiting for the answer to a request of ours.
    Answer,
    /// Waiting for the answer to a release.
    Release,
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Phase::Association => "opening the association",
            Phase::Idle => "waiting for a message",
            Phase::Message => "receiving a message",
            Phase::Writing => "writing to the peer",
            Phase::Answer => "waiting for an answer",
            Phase::Release => "waiting for the release",
        })
    }
}

/// A departure from the protocol that cannot be tolerated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The line speaks another protocol.
    #[error("peer speaks {protocol}, not DICOM")]
    ForeignProtocol {
        /// Its name.
        protocol: &'static str,
    },
    /// A PDU type that does not exist.
    #[error("unknown PDU type {kind:#04x}")]
    UnknownPdu {
        /// The type.
        kind: u8,
    },
    /// A PDU that has no place here.
    #[error("PDU type {kind:#04x} while {phase}")]
    UnexpectedPdu {
        /// The type.
        kind: u8,
        /// What was waited for.
        phase: Phase,
    },
    /// A PDU longer than its limit.
    #[error("PDU type {kind:#04x} of {length} bytes, at most {limit} are taken")]
    PduLength {
        /// The type.
        kind: u8,
        /// Length as told.
        length: u32,
        /// The limit.
        limit: u32,
    },
    /// An association PDU that is too short or makes no sense.
    #[error("PDU type {kind:#04x} cannot be read")]
    UnreadablePdu {
        /// The type.
        kind: u8,
    },
    /// A fragment whose length does not fit its PDU.
    #[error("fragment of {length} bytes where {left} are left in the PDU")]
    FragmentLength {
        /// Length as told.
        length: u32,
        /// Bytes left in the PDU after the length field.
        left: u32,
    },
    /// A fragment on a presentation context that was not accepted.
    #[error("fragment on presentation context {id}, which is not accepted")]
    UnknownContext {
        /// The identifier.
        id: u8,
    },
    /// A fragment of another context inside a message.
    #[error("fragment on presentation context {found} inside a message on {expected}")]
    ContextChanged {
        /// Context of the message.
        expected: u8,
        /// Context of the fragment.
        found: u8,
    },
    /// Data where a command was due.
    #[error("data fragment without a command")]
    DataWithoutCommand,
    /// A command where data was due.
    #[error("command fragment inside a data set")]
    CommandInsideData,
    /// A command set beyond its limit.
    #[error("command set longer than {limit} bytes")]
    CommandLength {
        /// The limit.
        limit: usize,
    },
    /// A command set that cannot be read.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Fragments without data, again and again.
    #[error("more than {limit} empty fragments in one association")]
    EmptyFragments {
        /// The limit.
        limit: u32,
    },
}

impl Violation {
    /// The reason given to the peer.
    pub fn abort_reason(&self) -> AbortReason {
        match self {
            Violation::ForeignProtocol { .. } | Violation::UnknownPdu { .. } => AbortReason::UnrecognisedPdu,
            Violation::UnexpectedPdu { .. } => AbortReason::UnexpectedPdu,
            Violation::DataWithoutCommand | Violation::CommandInsideData => AbortReason::UnexpectedParameter,
            Violation::PduLength { .. }
            | Violation::UnreadablePdu { .. }
            | Violation::FragmentLength { .. }
            | Violation::UnknownContext { .. }
            | Violation::ContextChanged { .. }
            | Violation::CommandLength { .. }
            | Violation::Command(_)
            | Violation::EmptyFragments { .. } => AbortReason::InvalidParameter,
        }
    }
}

/// Why an association cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The peer closed the line.
    #[error("peer closed the line while {phase}")]
    Closed {
        /// What was going on.
        phase: Phase,
    },
    /// The line failed.
    #[error("line failed while {phase}")]
    Line {
        /// What was going on.
        phase: Phase,
        /// What the system says.
        source: io::Error,
    },
    /// A time limit ran out.
    #[error("time limit ran out while {phase}")]
    TimedOut {
        /// What was going on.
        phase: Phase,
    },
    /// The peer sent an A-ABORT.
    #[error("peer aborted (source {origin}, reason {reason})")]
    Aborted {
        /// Source as on the wire.
        origin: u8,
        /// Reason as on the wire.
        reason: u8,
    },
    /// The peer broke the protocol.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// A PDU of our own could not be encoded.
    #[error("own PDU cannot be encoded")]
    Encoding(#[source] Box<dicom_ul::pdu::WriteError>),
}

impl WireError {
    /// The A-ABORT that answers it; `None` where nobody listens any more.
    pub fn abort_reason(&self) -> Option<AbortReason> {
        match self {
            WireError::Closed { .. } | WireError::Line { .. } | WireError::Aborted { .. } => None,
            WireError::TimedOut { phase: Phase::Writing } => None,
            WireError::TimedOut { .. } | WireError::Encoding(_) => Some(AbortReason::Unspecified),
            WireError::Violation(violation) => Some(violation.abort_reason()),
        }
    }
}

impl From<dicom_ul::pdu::WriteError> for WireError {
    fn from(error: dicom_ul::pdu::WriteError) -> WireError {
        WireError::Encoding(Box::new(error))
    }
}
