//! What the storage service asks of whoever keeps the objects.
//!
//! Input: nothing of the network but values. Output: refusals with the status to answer.

use std::net::SocketAddr;

use uuid::Uuid;

use super::status::Refusal;
use super::summary::AssociationSummary;
use crate::identity::{AeTitle, Uid};

/// One object announced by a C-STORE request; the UIDs are those of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Association that brings it.
    pub association: Uuid,
    /// Number within the association, from 1.
    pub sequence: u64,
    /// Application entity that is called, as configured.
    pub called: AeTitle,
    /// Calling AE title; `UNKNOWN@address` where the peer gives none.
    pub calling: String,
    /// Address of the peer.
    pub peer: SocketAddr,
    /// Affected SOP Class UID (0000,0002).
    pub sop_class_uid: Uid,
    /// Affected SOP Instance UID (0000,1000).
    pub sop_instance_uid: Uid,
    /// Transfer syntax of the presentation context, in which the bytes arrive.
    pub transfer_syntax_uid: Uid,
}

/// An association that is about to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssociationOpening {
    /// Its identifier.
    pub association: Uuid,
    /// Application entity that is called, as configured.
    pub called: AeTitle,
    /// Calling AE title; `UNKNOWN@address` where the peer gives none.
    pub calling: String,
    /// Address of the peer.
    pub peer: SocketAddr,
}

/// Whether an association may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admit,
    /// Not now: no room. The peer is told a transient rejection.
    OutOfResources,
}

/// Keeps objects. One clone serves every association.
pub trait Storage: Clone + Send + Sync + 'static {
    /// What takes the bytes of one object.
    type Object: ObjectWriter;

    /// Starts an object. A refusal is answered after its bytes have been read and thrown away.
    fn begin(&self, incoming: &Incoming) -> impl Future<Output = Result<Self::Object, Refusal>> + Send;

    /// Told before an association is accepted, once called and calling titles are checked.
    fn association_opened(&self, opening: &AssociationOpening) -> impl Future<Output = Admission> + Send {
        let _ = opening;
        async { Admission::Admit }
    }

    /// Told when an association that was admitted has ended, whichever way.
    fn association_ended(&self, summary: &AssociationSummary) -> impl Future<Output = ()> + Send;
}

/// Takes the bytes of one object. Dropping it without [`ObjectWriter::commit`] abandons the object.
pub trait ObjectWriter: Send {
    /// Takes the next bytes of the data set, exactly as received.
    fn write(&mut self, chunk: &[u8]) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Ends the object; `Ok` means that it would survive power loss, and is answered with success.
    fn commit(self) -> impl Future<Output = Result<(), Refusal>> + Send;
}
