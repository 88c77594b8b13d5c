//! Associations that we open: C-ECHO and C-STORE as service class user.
//!
//! Input: an address, the titles, the contexts to propose, and objects whose bytes are sent as they are.
//! Output: the status of each answer. Errors: [`RequestorError`].
//! Source: PS3.8 9.2 (requestor), PS3.7 9.1.1, 9.1.5. Limits: one operation at a time; no PDU is longer than the
//! peer announced, nor longer than 128 KiB.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::time::Duration;

use dicom_ul::pdu::{AssociationRQ, Pdu, PresentationContextProposed};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::timeout;

use super::command::{CommandField, CommandSet};
use super::connection::{Connection, Timeouts};
use super::items::{Items, unpadded};
use super::message::{Arrival, fragment_header};
use super::negotiation::{IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION};
use super::part10::Part10;
use super::pdu::{self, AbortReason};
use super::violation::{Phase, Violation, WireError};
use super::{APPLICATION_CONTEXT_NAME, P_DATA_LENGTH_ANNOUNCED};
use crate::identity::{AeTitle, Uid};

/// Most presentation contexts of one association: identifiers are odd and below 256.
pub(super) const CONTEXTS_MAX: usize = 128;
const FRAGMENT_HEADER: usize = 12;
/// How long the A-ABORT of a peer is looked for after the line broke.
const LAST_WORD_WAIT: Duration = Duration::from_millis(500);

/// Why a request of ours failed.
#[derive(Debug, thiserror::Error)]
pub enum RequestorError {
    /// No connection.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// No connection in time.
    #[error("no connection within {} s", limit.as_secs())]
    ConnectTimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The peer rejected the association.
    #[error("association rejected: {} (result {result}, source {origin}, reason {reason})", rejection_text(*origin, *reason))]
    Rejected {
        /// 1 permanent, 2 transient.
        result: u8,
        /// Source as on the wire.
        origin: u8,
        /// Reason as on the wire.
        reason: u8,
    },
    /// The peer accepted no context for this.
    #[error("peer accepted no presentation context for {sop_class_uid} in {transfer_syntax_uid}")]
    NoContext {
        /// SOP class.
        sop_class_uid: String,
        /// Transfer syntax.
        transfer_syntax_uid: String,
    },
    /// More contexts than an association can carry.
    #[error("{found} presentation contexts, at most {CONTEXTS_MAX} fit one association")]
    TooManyContexts {
        /// How many.
        found: usize,
    },
    /// The answer is not that to our request.
    #[error("answer {found:#06x} to message {message_id}, expected {expected:#06x}")]
    UnexpectedAnswer {
        /// Command Field found.
        found: u16,
        /// Command Field expected.
        expected: u16,
        /// Our message.
        message_id: u16,
    },
    /// The object could not be read to its end.
    #[error("object cannot be read")]
    Object(#[source] io::Error),
    /// The association broke.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl From<Violation> for RequestorError {
    fn from(violation: Violation) -> RequestorError {
        RequestorError::Wire(violation.into())
    }
}

/// Who calls whom, and with which limits.
#[derive(Debug, Clone)]
pub struct RequestorOptions {
    /// Our title.
    pub calling: AeTitle,
    /// Title of the peer.
    pub called: AeTitle,
    /// Time limits; `idle` is how long an answer may take.
    pub timeouts: Timeouts,
    /// Longest P-DATA PDU to announce.
    pub max_pdu_length: u32,
}

impl RequestorOptions {
    /// Usual limits.
    pub fn new(calling: AeTitle, called: AeTitle) -> RequestorOptions {
        RequestorOptions { calling, called, timeouts: Timeouts::default(), max_pdu_length: P_DATA_LENGTH_ANNOUNCED }
    }
}

/// What one C-STORE sends.
#[derive(Debug, Clone, Copy)]
pub struct StoreRequest<'uids> {
    /// SOP class of the object.
    pub sop_class_uid: &'uids Uid,
    /// SOP instance of the object.
    pub sop_instance_uid: &'uids Uid,
    /// Transfer syntax of its bytes.
    pub transfer_syntax_uid: &'uids Uid,
    /// Bytes of the data set.
    pub length: u64,
}

/// What a peer answered to a C-STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAnswer {
    /// Status (0000,0900).
    pub status: u16,
    /// Error Comment (0000,0902), may be empty.
    pub comment: String,
}

impl StoreAnswer {
    /// Whether the peer keeps the object: success, or one of the storage warnings (PS3.4 B.2.3).
    pub fn is_kept(&self) -> bool {
        self.status == 0 || matches!(self.status, 0xB000 | 0xB006 | 0xB007)
    }
}

struct Context {
    id: u8,
    sop_class_uid: String,
    transfer_syntax_uid: String,
}

/// An open association of ours. Dropping it closes the line; [`Requestor::release`] is the polite way.
pub struct Requestor {
    connection: Connection<TcpStream>,
    contexts: Vec<Context>,
    message_id: u16,
    buffer: Vec<u8>,
}

impl Requestor {
    /// Opens an association that proposes one context for each pair of SOP class and transfer syntax, and Verification.
    pub async fn associate(
        address: impl ToSocketAddrs,
        options: &RequestorOptions,
        pairs: &[(Uid, Uid)],
    ) -> Result<Requestor, RequestorError> {
        let limit = options.timeouts.association;
        let stream = match timeout(limit, TcpStream::connect(address)).await {
            Err(_) => return Err(RequestorError::ConnectTimedOut { limit }),
            Ok(stream) => stream.map_err(RequestorError::Connect)?,
        };
        stream.set_nodelay(true).map_err(RequestorError::Connect)?;
        let mut connection = Connection::new(stream, options.timeouts);
        let proposed = proposal(pairs)?;
        connection.write_pdu(&request(options, &proposed)).await?;
        let accepted = read_answer(&mut connection).await?;
        let contexts: Vec<Context> = proposed
            .into_iter()
            .filter_map(|context| {
                let (id, transfer_syntax_uid) = accepted.contexts.iter().find(|(id, _)| *id == context.id)?.clone();
                Some(Context { id, sop_class_uid: context.abstract_syntax, transfer_syntax_uid })
            })
            .collect();
        connection.open(contexts.iter().map(|context| context.id), accepted.maximum_length);
        Ok(Requestor { connection, contexts, message_id: 0, buffer: Vec::new() })
    }

    /// Whether the peer takes objects of this class in this syntax.
    pub fn accepts(&self, sop_class_uid: &Uid, transfer_syntax_uid: &Uid) -> bool {
        self.context(sop_class_uid.as_str(), Some(transfer_syntax_uid.as_str())).is_ok()
    }

    /// C-ECHO: the status of the answer.
    pub async fn echo(&mut self) -> Result<u16, RequestorError> {
        let context = self.context(VERIFICATION, None)?;
        let mut command = CommandSet::new(CommandField::EchoRequest, self.next_message_id());
        command.sop_class_uid = VERIFICATION.to_owned();
        self.connection.send_command(context, &command).await?;
        let answer = self.read_response(&command).await?;
        Ok(answer.status.unwrap_or_default())
    }

    /// C-STORE of a DICOM file in its own transfer syntax.
    pub async fn store_file(&mut self, file: &Part10) -> Result<StoreAnswer, RequestorError> {
        let mut source = File::open(&file.path).map_err(RequestorError::Object)?;
        source.seek(SeekFrom::Start(file.data_set_offset)).map_err(RequestorError::Object)?;
        let request = StoreRequest {
            sop_class_uid: &file.sop_class_uid,
            sop_instance_uid: &file.sop_instance_uid,
            transfer_syntax_uid: &file.transfer_syntax_uid,
            length: file.data_set_length,
        };
        self.store(request, &mut tokio::fs::File::from_std(source)).await
    }

    /// C-STORE of `request.length` bytes of `source`. When `source` fails halfway the association cannot go on and
    /// should be aborted.
    pub async fn store(
        &mut self,
        request: StoreRequest<'_>,
        source: &mut (impl AsyncRead + Unpin),
    ) -> Result<StoreAnswer, RequestorError> {
        let syntax = request.transfer_syntax_uid.as_str();
        let context = self.context(request.sop_class_uid.as_str(), Some(syntax))?;
        let mut command = CommandSet::new(CommandField::StoreRequest, self.next_message_id());
        command.sop_class_uid = request.sop_class_uid.as_str().to_owned();
        command.sop_instance_uid = request.sop_instance_uid.as_str().to_owned();
        command.priority = Some(0);
        command.data_set_follows = true;
        self.connection.send_command(context, &command).await?;
        self.send_data(context, request.length, source).await?;
        let answer = self.read_response(&command).await?;
        Ok(StoreAnswer { status: answer.status.unwrap_or_default(), comment: answer.error_comment.unwrap_or_default() })
    }

    /// Releases the association and closes the line.
    pub async fn release(mut self) -> Result<(), RequestorError> {
        self.connection.write_pdu(&Pdu::ReleaseRQ).await?;
        let limit = self.connection.timeouts.association;
        self.connection.enter(Phase::Release, limit);
        loop {
            let header = self.connection.read_header().await?;
            match header.kind {
                pdu::RELEASE_RP => break,
                pdu::ABORT => return Err(self.connection.read_abort(header).await.into()),
                // Both sides ask at once (PS3.8 9.2.2, release collision): the requestor of the association answers first.
                pdu::RELEASE_RQ => {
                    self.connection.read_short_body(header).await?;
                    self.connection.write_pdu(&Pdu::ReleaseRP).await?;
                }
                kind => return Err(Violation::UnexpectedPdu { kind, phase: Phase::Release }.into()),
            }
        }
        self.connection.close().await;
        Ok(())
    }

    /// Aborts the association and closes the line.
    pub async fn abort(mut self) {
        // Nobody is left to tell when even this cannot be sent.
        let _ = self.connection.abort(AbortReason::ServiceUser).await;
        self.connection.close().await;
    }

    async fn send_data(
        &mut self,
        context: u8,
        length: u64,
        source: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), RequestorError> {
        let step = self.connection.fragment_length_max();
        self.buffer.resize(FRAGMENT_HEADER + step, 0);
        let mut left = length;
        loop {
            let part = left.min(step as u64) as usize;
            left -= part as u64;
            let (header, data) = self.buffer.split_at_mut(FRAGMENT_HEADER);
            header.copy_from_slice(&fragment_header(context, false, left == 0, part));
            let (data, _) = data.split_at_mut(part);
            source.read_exact(data).await.map_err(RequestorError::Object)?;
            let (fragment, _) = self.buffer.split_at(FRAGMENT_HEADER + part);
            if let Err(error) = self.connection.write(fragment).await {
                return Err(self.last_word(error).await.into());
            }
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// A peer that aborts closes the line, so our next write fails first; its A-ABORT may still lie there to be read.
    async fn last_word(&mut self, error: WireError) -> WireError {
        self.connection.enter(Phase::Answer, LAST_WORD_WAIT);
        match self.connection.read_header().await {
            Ok(header) if header.kind == pdu::ABORT => self.connection.read_abort(header).await,
            _ => error,
        }
    }

    async fn read_response(&mut self, request: &CommandSet) -> Result<CommandSet, RequestorError> {
        let limit = self.connection.timeouts.idle;
        self.connection.enter(Phase::Answer, limit);
        let Arrival::Command { command, .. } = self.connection.next().await? else {
            return Err(Violation::UnexpectedPdu { kind: pdu::RELEASE_RQ, phase: Phase::Answer }.into());
        };
        let expected = request.response(0, "").field;
        if command.field != expected || command.message_id != request.message_id {
            return Err(RequestorError::UnexpectedAnswer {
                found: command.field.code(),
                expected: expected.code(),
                message_id: request.message_id,
            });
        }
        Ok(command)
    }

    fn context(&self, sop_class_uid: &str, syntax: Option<&str>) -> Result<u8, RequestorError> {
        let suits = |context: &&Context| {
            context.sop_class_uid == sop_class_uid && syntax.is_none_or(|syntax| context.transfer_syntax_uid == syntax)
        };
        self.contexts.iter().find(suits).map(|context| context.id).ok_or_else(|| RequestorError::NoContext {
            sop_class_uid: sop_class_uid.to_owned(),
            transfer_syntax_uid: syntax.unwrap_or(IMPLICIT_VR_LITTLE_ENDIAN).to_owned(),
        })
    }

    fn next_message_id(&mut self) -> u16 {
        self.message_id = self.message_id.wrapping_add(1).max(1);
        self.message_id
    }
}

/// Verification and one context per distinct pair, with odd identifiers.
fn proposal(pairs: &[(Uid, Uid)]) -> Result<Vec<PresentationContextProposed>, RequestorError> {
    let mut contexts: Vec<(&str, &str)> = vec![(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN)];
    for (sop_class, syntax) in pairs {
        let pair = (sop_class.as_str(), syntax.as_str());
        if !contexts.contains(&pair) {
            contexts.push(pair);
        }
    }
    let found = contexts.len();
    if found > CONTEXTS_MAX {
        return Err(RequestorError::TooManyContexts { found });
    }
    let numbered = (1..=u8::MAX).step_by(2).zip(contexts);
    let proposed = numbered.map(|(id, (sop_class, syntax))| PresentationContextProposed {
        id,
        abstract_syntax: sop_class.to_owned(),
        transfer_syntaxes: vec![syntax.to_owned()],
    });
    Ok(proposed.collect())
}

fn request(options: &RequestorOptions, contexts: &[PresentationContextProposed]) -> Pdu {
    Pdu::AssociationRQ(AssociationRQ {
        protocol_version: 1,
        calling_ae_title: options.calling.as_str().to_owned(),
        called_ae_title: options.called.as_str().to_owned(),
        application_context_name: APPLICATION_CONTEXT_NAME.to_owned(),
        presentation_contexts: contexts.to_vec(),
        user_variables: pdu::own_user_information(options.max_pdu_length),
    })
}

struct Acceptance {
    contexts: Vec<(u8, String)>,
    maximum_length: Option<u32>,
}

async fn read_answer(connection: &mut Connection<TcpStream>) -> Result<Acceptance, RequestorError> {
    let limit = connection.timeouts.association;
    connection.enter(Phase::Association, limit);
    let header = connection.read_header().await?;
    match header.kind {
        pdu::ASSOCIATE_AC => {
            let body = connection.read_body(header.length).await?;
            parse_acceptance(&body).ok_or(Violation::UnreadablePdu { kind: pdu::ASSOCIATE_AC }.into())
        }
        pdu::ASSOCIATE_RJ => match connection.read_short_body(header).await?.as_slice() {
            [_, result, origin, reason, ..] => {
                Err(RequestorError::Rejected { result: *result, origin: *origin, reason: *reason })
            }
            _ => Err(Violation::UnreadablePdu { kind: pdu::ASSOCIATE_RJ }.into()),
        },
        pdu::ABORT => Err(connection.read_abort(header).await.into()),
        kind => Err(Violation::UnexpectedPdu { kind, phase: Phase::Association }.into()),
    }
}

/// Reads an A-ASSOCIATE-AC as far as it is needed; some peers leave out the syntax of contexts they refuse.
fn parse_acceptance(body: &[u8]) -> Option<Acceptance> {
    let variable = body.get(68..)?;
    let mut acceptance = Acceptance { contexts: Vec::new(), maximum_length: None };
    for (kind, item) in Items::new(variable) {
        match (kind, item) {
            (0x21, [id, _, 0, _, sub_items @ ..]) => {
                let syntax = Items::new(sub_items).find(|(kind, _)| *kind == 0x40).map(|(_, uid)| unpadded(uid).0);
                acceptance.contexts.extend(syntax.map(|syntax| (*id, syntax)));
            }
            (0x50, user) => {
                let told = Items::new(user).find(|(kind, _)| *kind == 0x51);
                acceptance.maximum_length =
                    told.and_then(|(_, length)| length.first_chunk()).map(|bytes| u32::from_be_bytes(*bytes));
            }
            _ => {}
        }
    }
    Some(acceptance)
}

fn rejection_text(origin: u8, reason: u8) -> &'static str {
    match (origin, reason) {
        (1, 2) => "application context not supported",
        (1, 3) => "calling AE title not recognised",
        (1, 7) => "called AE title not recognised",
        (2, 2) => "protocol version not supported",
        (3, 1) => "temporary congestion",
        (3, 2) => "local limit exceeded",
        _ => "no reason given",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(text: &str) -> Uid {
        Uid::parse(text).unwrap()
    }

    #[test]
    fn each_pair_is_proposed_once_with_an_odd_identifier() {
        let pairs = [(uid("1.2"), uid("1.3")), (uid("1.2"), uid("1.4")), (uid("1.2"), uid("1.3"))];
        let ids: Vec<u8> = proposal(&pairs).unwrap().iter().map(|context| context.id).collect();
        assert_eq!(ids, [1, 3, 5]);
    }

    #[test]
    fn more_contexts_than_identifiers_are_refused() {
        let pairs: Vec<_> = (0..128).map(|number| (uid(&format!("1.{number}")), uid("1.2"))).collect();
        assert!(matches!(proposal(&pairs), Err(RequestorError::TooManyContexts { found: 129 })));
    }

    #[test]
    fn an_acceptance_whose_refused_context_lacks_a_syntax_is_read() {
        let mut body = vec![0; 68];
        body.extend([0x21, 0, 0, 4, 1, 0, 3, 0]);
        body.extend([0x21, 0, 0, 11, 3, 0, 0, 0, 0x40, 0, 0, 3, b'1', b'.', b'2']);
        body.extend([0x50, 0, 0, 8, 0x51, 0, 0, 4, 0, 0, 0x40, 0]);
        let acceptance = parse_acceptance(&body).unwrap();
        assert_eq!(acceptance.contexts, [(3, "1.2".to_owned())]);
        assert_eq!(acceptance.maximum_length, Some(0x4000));
    }
}
