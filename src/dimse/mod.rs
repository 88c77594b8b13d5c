//! The wire: PDU framing, negotiation, command sets, associations as SCP and SCU.
//!
//! Input: a byte stream (TCP, later TLS) and limits. Output: requests, command sets and data set bytes in the order in
//! which they arrived; nothing of a data set is held here, its fragments are lent to the caller one by one.
//! Errors: [`WireError`] tells what the line or the peer did and which A-ABORT answers it; [`RequestorError`] is the
//! sender's view.
//!
//! Source: PS3.8 9 (upper layer), PS3.7 6.3, 9.3 and annexes D, E (commands, negotiation). `dicom_ul` encodes our own
//! association PDUs; what peers send is read here, because much of it is odd and must still be understood.
//! Limits: every length is checked against a named limit before memory is taken for it.

mod command;
mod connection;
mod items;
mod message;
pub mod negotiation;
mod part10;
mod pdu;
mod quirk;
mod request;
mod requestor;
mod violation;

pub use command::{COMMAND_SET_LENGTH_MAX, CommandError, CommandField, CommandSet, STATUS_UNRECOGNISED_OPERATION};
pub use connection::{Connection, Timeouts};
pub use message::{Arrival, EMPTY_FRAGMENTS_MAX};
pub use part10::{Part10, Part10Error};
pub use pdu::{
    ASSOCIATE_LENGTH_MAX, AbortReason, P_DATA_LENGTH_ANNOUNCED, P_DATA_LENGTH_ANNOUNCED_MIN, P_DATA_LENGTH_MAX,
    Rejection,
};
pub use quirk::{Quirk, Quirks};
pub use request::{AssociationRequest, TITLES_LENGTH, UserInformation};
pub use requestor::{Requestor, RequestorError, RequestorOptions, StoreAnswer, StoreRequest};
pub use violation::{Phase, Violation, WireError};

/// Application context name of DICOM (PS3.7 A.2.1).
pub const APPLICATION_CONTEXT_NAME: &str = "1.2.840.10008.3.1.1.1";
/// Implementation Version Name (0002,0013), also sent as user item 55H.
pub const IMPLEMENTATION_VERSION_NAME: &str = concat!("RESETRAY_", env!("CARGO_PKG_VERSION"));

/// Implementation Class UID (0002,0012), also sent as user item 52H: one for every version.
pub fn implementation_class_uid() -> crate::identity::Uid {
    crate::identity::Uid::derive(&["resetray", "implementation class"])
}
