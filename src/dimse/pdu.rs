//! PDU types, their length limits, and our own association PDUs as bytes.
//!
//! Input: decisions (accept, reject, abort). Output: encoded PDUs, made by `dicom_ul`.
//! Source: PS3.8 9.3.1 to 9.3.8.

use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationAC, AssociationRJ, AssociationRJResult,
    AssociationRJServiceProviderASCEReason, AssociationRJServiceProviderPresentationReason,
    AssociationRJServiceUserReason, AssociationRJSource, Pdu, PresentationContextResult, RequestorRoles,
    UserVariableItem,
};
use dicom_ul::write_pdu;

use super::negotiation::AcceptedContext;
use super::request::{AssociationRequest, TITLES_LENGTH};
use super::{APPLICATION_CONTEXT_NAME, IMPLEMENTATION_VERSION_NAME, implementation_class_uid};

/// Longest A-ASSOCIATE-RQ or -AC body: 128 contexts with all syntaxes known today take about 160 KiB.
pub const ASSOCIATE_LENGTH_MAX: u32 = 256 * 1024;
/// Longest P-DATA PDU body that is taken; peers that exceed what was announced are known.
pub const P_DATA_LENGTH_MAX: u32 = 1024 * 1024;
/// Longest P-DATA PDU body that is announced, and that is sent to a peer which sets no limit.
pub const P_DATA_LENGTH_ANNOUNCED: u32 = 128 * 1024;
/// Shortest P-DATA PDU body that may be announced: some peers refuse to send to less.
pub const P_DATA_LENGTH_ANNOUNCED_MIN: u32 = 4096;
/// Longest release, reject or abort body: four bytes by the standard, a little more is passed over.
pub(super) const SHORT_LENGTH_MAX: u32 = 64;
/// Smallest maximum length of a peer that leaves room for a fragment header and two bytes.
pub(super) const PEER_LENGTH_MIN: u32 = 8;

pub(super) const ASSOCIATE_RQ: u8 = 0x01;
pub(super) const ASSOCIATE_AC: u8 = 0x02;
pub(super) const ASSOCIATE_RJ: u8 = 0x03;
pub(super) const P_DATA: u8 = 0x04;
pub(super) const RELEASE_RQ: u8 = 0x05;
pub(super) const RELEASE_RP: u8 = 0x06;
pub(super) const ABORT: u8 = 0x07;

/// Longest body taken of a PDU type; `None` for a type that does not exist.
pub(super) fn length_limit(kind: u8) -> Option<u32> {
    match kind {
        ASSOCIATE_RQ | ASSOCIATE_AC => Some(ASSOCIATE_LENGTH_MAX),
        P_DATA => Some(P_DATA_LENGTH_MAX),
        ASSOCIATE_RJ | RELEASE_RQ | RELEASE_RP | ABORT => Some(SHORT_LENGTH_MAX),
        _ => None,
    }
}

/// Why an association is rejected (PS3.8 9.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// 1/1/1: no reason given; used for a maximum length too small to send anything, and where no context is proposed.
    Unspecified,
    /// 1/1/2: not the application context of DICOM.
    ApplicationContext,
    /// 1/1/3: calling AE title not recognised, or an address that may not call.
    CallingTitle,
    /// 1/1/7: called AE title not recognised.
    CalledTitle,
    /// 1/2/2: protocol version 1 is not among those offered.
    ProtocolVersion,
    /// 2/3/2: a limit on associations is reached, or there is no room to store.
    LocalLimit,
}

impl Rejection {
    /// Result, source and reason as on the wire.
    pub fn code(self) -> (u8, u8, u8) {
        match self {
            Rejection::Unspecified => (1, 1, 1),
            Rejection::ApplicationContext => (1, 1, 2),
            Rejection::CallingTitle => (1, 1, 3),
            Rejection::CalledTitle => (1, 1, 7),
            Rejection::ProtocolVersion => (1, 2, 2),
            Rejection::LocalLimit => (2, 3, 2),
        }
    }

    pub(super) fn pdu(self) -> Pdu {
        use AssociationRJServiceProviderPresentationReason as Presentation;
        use AssociationRJServiceUserReason as User;
        let source = match self {
            Rejection::Unspecified => AssociationRJSource::ServiceUser(User::NoReasonGiven),
            Rejection::ApplicationContext => AssociationRJSource::ServiceUser(User::ApplicationContextNameNotSupported),
            Rejection::CallingTitle => AssociationRJSource::ServiceUser(User::CallingAETitleNotRecognized),
            Rejection::CalledTitle => AssociationRJSource::ServiceUser(User::CalledAETitleNotRecognized),
            Rejection::ProtocolVersion => AssociationRJSource::ServiceProviderASCE(
                AssociationRJServiceProviderASCEReason::ProtocolVersionNotSupported,
            ),
            Rejection::LocalLimit => AssociationRJSource::ServiceProviderPresentation(Presentation::LocalLimitExceeded),
        };
        let result = if self.code().0 == 1 { AssociationRJResult::Permanent } else { AssociationRJResult::Transient };
        Pdu::AssociationRJ(AssociationRJ { result, source })
    }
}

/// Source and reason of an A-ABORT that we send (PS3.8 9.3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AbortReason {
    /// 0/0: the service user ends the association, as at shutdown.
    ServiceUser,
    /// 2/0: no reason given, as after a timeout.
    Unspecified,
    /// 2/1: unrecognised PDU.
    UnrecognisedPdu,
    /// 2/2: unexpected PDU.
    UnexpectedPdu,
    /// 2/5: unexpected PDU parameter value.
    UnexpectedParameter,
    /// 2/6: invalid PDU parameter value.
    InvalidParameter,
}

impl AbortReason {
    /// Source and reason as on the wire.
    pub fn code(self) -> (u8, u8) {
        match self {
            AbortReason::ServiceUser => (0, 0),
            AbortReason::Unspecified => (2, 0),
            AbortReason::UnrecognisedPdu => (2, 1),
            AbortReason::UnexpectedPdu => (2, 2),
            AbortReason::UnexpectedParameter => (2, 5),
            AbortReason::InvalidParameter => (2, 6),
        }
    }

    pub(super) fn pdu(self) -> Pdu {
        use AbortRQServiceProviderReason as Reason;
        let source = match self {
            AbortReason::ServiceUser => AbortRQSource::ServiceUser,
            AbortReason::Unspecified => AbortRQSource::ServiceProvider(Reason::ReasonNotSpecified),
            AbortReason::UnrecognisedPdu => AbortRQSource::ServiceProvider(Reason::UnrecognizedPdu),
            AbortReason::UnexpectedPdu => AbortRQSource::ServiceProvider(Reason::UnexpectedPdu),
            AbortReason::UnexpectedParameter => AbortRQSource::ServiceProvider(Reason::UnexpectedPduParameter),
            AbortReason::InvalidParameter => AbortRQSource::ServiceProvider(Reason::InvalidPduParameter),
        };
        Pdu::AbortRQ { source }
    }
}

/// The A-ASSOCIATE-AC that answers `request`: titles repeated byte by byte, roles and identity answered.
pub(super) fn encode_acceptance(
    request: &AssociationRequest,
    contexts: Vec<PresentationContextResult>,
    accepted: &[AcceptedContext],
    maximum_length: u32,
) -> Result<Vec<u8>, dicom_ul::pdu::WriteError> {
    let mut user_variables = own_user_information(maximum_length);
    // We are only ever the provider of storage: the peer may be user, never provider (PS3.7 D.3.3.4).
    let is_accepted = |sop_class: &String| accepted.iter().any(|context| context.sop_class_uid == *sop_class);
    let roles = request.user.roles.iter().filter(|(sop_class, _)| is_accepted(sop_class));
    user_variables.extend(roles.map(|(sop_class, roles)| {
        let answer = RequestorRoles { scu: roles.scu, scp: false };
        UserVariableItem::ScuScpRoleSelectionSubItem(sop_class.clone(), answer)
    }));
    if matches!(request.user.identity, Some((_, true))) {
        // User identity negotiation response with an empty server response (PS3.7 D.3.3.7.2).
        user_variables.push(UserVariableItem::Unknown(0x59, vec![0, 0]));
    }
    let mut bytes = encode(&Pdu::AssociationAC(AssociationAC {
        protocol_version: 1,
        calling_ae_title: String::new(),
        called_ae_title: String::new(),
        application_context_name: APPLICATION_CONTEXT_NAME.to_owned(),
        presentation_contexts: contexts,
        user_variables,
    }))?;
    if let Some(titles) = bytes.get_mut(10..10 + TITLES_LENGTH) {
        titles.copy_from_slice(&request.titles);
    }
    Ok(bytes)
}

/// Maximum length, implementation class and version name as we send them.
pub(super) fn own_user_information(maximum_length: u32) -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(maximum_length),
        UserVariableItem::ImplementationClassUID(implementation_class_uid().as_str().to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.to_owned()),
    ]
}

/// One PDU of our own as bytes.
pub(super) fn encode(pdu: &Pdu) -> Result<Vec<u8>, dicom_ul::pdu::WriteError> {
    let mut bytes = Vec::with_capacity(512);
    write_pdu(&mut bytes, pdu)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REJECTIONS: [Rejection; 6] = [
        Rejection::Unspecified,
        Rejection::ApplicationContext,
        Rejection::CallingTitle,
        Rejection::CalledTitle,
        Rejection::ProtocolVersion,
        Rejection::LocalLimit,
    ];
    const ABORTS: [AbortReason; 6] = [
        AbortReason::ServiceUser,
        AbortReason::Unspecified,
        AbortReason::UnrecognisedPdu,
        AbortReason::UnexpectedPdu,
        AbortReason::UnexpectedParameter,
        AbortReason::InvalidParameter,
    ];

    #[test]
    fn every_rejection_is_encoded_with_its_code() {
        for rejection in REJECTIONS {
            let (result, source, reason) = rejection.code();
            assert_eq!(encode(&rejection.pdu()).unwrap(), [3, 0, 0, 0, 0, 4, 0, result, source, reason]);
        }
    }

    #[test]
    fn every_abort_is_encoded_with_its_code() {
        for abort in ABORTS {
            let (source, reason) = abort.code();
            assert_eq!(encode(&abort.pdu()).unwrap(), [7, 0, 0, 0, 0, 4, 0, 0, source, reason]);
        }
    }

    #[test]
    fn an_acceptance_repeats_the_titles_as_received() {
        let mut body = vec![0, 1, 0, 0];
        body.extend((0..64).map(|byte| byte as u8));
        let request = AssociationRequest::parse(&body).unwrap();
        let bytes = encode_acceptance(&request, vec![], &[], 4096).unwrap();
        assert_eq!(bytes[10..74], body[4..68]);
    }
}
