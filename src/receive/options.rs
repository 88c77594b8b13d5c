//! What the storage service is told at its start.
//!
//! Input: none. Output: checked options; their defaults are those of the documented configuration.

use std::time::Duration;

use super::access::{AddressRange, CallingTitles};
use crate::dimse::negotiation::Policy;
use crate::dimse::{P_DATA_LENGTH_ANNOUNCED, Timeouts};
use crate::identity::AeTitle;

/// One title under which the node can be called, and what is accepted there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationEntity {
    /// Called AE title.
    pub title: AeTitle,
    /// Calling AE titles that are taken.
    pub accept_calling: CallingTitles,
    /// Addresses that may call; empty for all.
    pub accept_addresses: Vec<AddressRange>,
    /// SOP classes and transfer syntaxes, the preferred syntax first.
    pub policy: Policy,
}

impl ApplicationEntity {
    /// An entity that takes everything the node can from everybody.
    pub fn open(title: AeTitle) -> ApplicationEntity {
        ApplicationEntity {
            title,
            accept_calling: CallingTitles::Any,
            accept_addresses: Vec::new(),
            policy: Policy::default(),
        }
    }
}

/// How much is taken at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open associations.
    pub associations: usize,
    /// Open associations of one address.
    pub associations_per_peer: usize,
    /// Bytes of one data set.
    pub object_length: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { associations: 64, associations_per_peer: 16, object_length: 4 << 30 }
    }
}

/// Options of [`serve`](super::serve).
#[derive(Debug, Clone)]
pub struct Options {
    /// Application entities; a called title that is none of theirs is rejected.
    pub application_entities: Vec<ApplicationEntity>,
    /// Limits.
    pub limits: Limits,
    /// Time limits of every association.
    pub timeouts: Timeouts,
    /// How long messages under way may take to end after a shutdown is asked for.
    pub shutdown: Duration,
    /// Longest P-DATA PDU that is announced, in bytes: 4 KiB to 1 MiB.
    pub max_pdu_length: u32,
}

impl Options {
    /// The documented defaults for `application_entities`.
    pub fn new(application_entities: Vec<ApplicationEntity>) -> Options {
        Options {
            application_entities,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            shutdown: Duration::from_secs(30),
            max_pdu_length: P_DATA_LENGTH_ANNOUNCED,
        }
    }
}
