//! One line to a peer: PDU headers, bodies and the time limits around them.
//!
//! Input: any byte stream. Output: headers checked for type and length, bodies, and bytes written whole.
//! Errors: [`WireError`].
//! Source: PS3.8 9.3.1; 9.1.5 (ARTIM).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout, timeout_at};

use dicom_ul::pdu::Pdu;

use super::message::Framing;
use super::negotiation::{self, AcceptedContext, Policy};
use super::pdu::{self, AbortReason, Rejection};
use super::quirk::{Quirk, Quirks};
use super::request::AssociationRequest;
use super::violation::{Phase, Violation, WireError};

/// Bytes read from the socket at once; P-DATA is lent to the caller out of this buffer.
const READ_BUFFER_LENGTH: usize = 256 * 1024;
/// A body is filled in steps of this size, so that a length alone takes no memory.
const BODY_STEP: usize = 16 * 1024;
/// Bytes that count as progress inside a message: a peer that drips single bytes must not hold a line for an hour.
const PROGRESS_LENGTH: usize = 4096;
/// How long an association may stay open on which nothing can be sent.
const NO_CONTEXT_IDLE: Duration = Duration::from_secs(10);
/// How long a peer may take to close the line after our last word.
const LINGER: Duration = Duration::from_secs(2);
/// How much is read and thrown away while waiting for that.
const LINGER_LENGTH_MAX: usize = 8 * 1024 * 1024;

/// Time limits of one association.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// ARTIM: from the connection to the whole A-ASSOCIATE-RQ, and for the answer to a request or release of ours.
    pub association: Duration,
    /// Between messages.
    pub idle: Duration,
    /// For each 4 KiB inside a message, counting only the wait for the peer.
    pub stall: Duration,
    /// For one whole message.
    pub object: Duration,
    /// For writing one PDU.
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            association: Duration::from_secs(30),
            idle: Duration::from_secs(300),
            stall: Duration::from_secs(60),
            object: Duration::from_secs(3600),
            write: Duration::from_secs(60),
        }
    }
}

/// Type and body length of a PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) length: u32,
}

/// A line to a peer with its state of framing. Dropping it closes the line.
pub struct Connection<S> {
    pub(super) line: BufReader<S>,
    pub(super) timeouts: Timeouts,
    pub(super) phase: Phase,
    deadline: Instant,
    waited: Duration,
    arrived: usize,
    pub(super) framing: Framing,
    pub(super) quirks: Quirks,
    pub(super) peer_length_max: u32,
    pub(super) announced: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Takes over a fresh line; the association time limit starts now.
    pub fn new(stream: S, timeouts: Timeouts) -> Connection<S> {
        Connection {
            line: BufReader::with_capacity(READ_BUFFER_LENGTH, stream),
            timeouts,
            phase: Phase::Association,
            deadline: Instant::now() + timeouts.association,
            waited: Duration::ZERO,
            arrived: 0,
            framing: Framing::default(),
            quirks: Quirks::new(),
            peer_length_max: pdu::P_DATA_LENGTH_ANNOUNCED,
            announced: pdu::P_DATA_LENGTH_ANNOUNCED,
        }
    }

    /// What was tolerated so far.
    pub fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    /// Notes a quirk that only the service can see.
    pub fn note(&mut self, quirk: Quirk) {
        self.quirks.insert(quirk);
    }

    /// Waits for the A-ASSOCIATE-RQ of the peer.
    pub async fn read_request(&mut self) -> Result<AssociationRequest, WireError> {
        let header = self.read_header().await?;
        match header.kind {
            pdu::ASSOCIATE_RQ => {}
            pdu::ABORT => return Err(self.read_abort(header).await),
            kind => return Err(Violation::UnexpectedPdu { kind, phase: self.phase }.into()),
        }
        let body = self.read_body(header.length).await?;
        let request = AssociationRequest::parse(&body).ok_or(Violation::UnreadablePdu { kind: pdu::ASSOCIATE_RQ })?;
        self.quirks.extend(&request.quirks);
        Ok(request)
    }

    /// Accepts the association that `request` asks for: answers its contexts by `policy` and admits messages on those
    /// that are accepted, which are returned. `announced` is the longest P-DATA PDU to announce.
    pub async fn accept(
        &mut self,
        request: &AssociationRequest,
        policy: &Policy,
        announced: u32,
    ) -> Result<Vec<AcceptedContext>, WireError> {
        let results = policy.answer(&request.contexts);
        let accepted = negotiation::accepted(&request.contexts, &results);
        if accepted.is_empty() {
            self.timeouts.idle = self.timeouts.idle.min(NO_CONTEXT_IDLE);
        }
        let announced = announced.clamp(pdu::P_DATA_LENGTH_ANNOUNCED_MIN, pdu::P_DATA_LENGTH_MAX);
        self.announced = announced;
        self.open(accepted.iter().map(|context| context.id), request.user.maximum_length);
        let acceptance = pdu::encode_acceptance(request, results, &accepted, announced)?;
        self.write(&acceptance).await?;
        Ok(accepted)
    }

    /// Whether a maximum length told by a peer leaves room to answer.
    pub fn is_usable_length(maximum_length: Option<u32>) -> bool {
        maximum_length.is_none_or(|length| length == 0 || length >= pdu::PEER_LENGTH_MIN)
    }

    pub(super) fn open(&mut self, contexts: impl IntoIterator<Item = u8>, peer_maximum_length: Option<u32>) {
        self.framing.admit(contexts);
        self.peer_length_max = match peer_maximum_length {
            None | Some(0) => pdu::P_DATA_LENGTH_ANNOUNCED,
            Some(length) => length.clamp(pdu::PEER_LENGTH_MIN, pdu::P_DATA_LENGTH_ANNOUNCED),
        };
        self.enter(Phase::Idle, self.timeouts.idle);
    }

    /// Sends an A-ASSOCIATE-RJ; the line is to be closed then.
    pub async fn reject(&mut self, rejection: Rejection) -> Result<(), WireError> {
        self.write_pdu(&rejection.pdu()).await
    }

    /// Sends an A-ABORT; the line is to be closed then.
    pub async fn abort(&mut self, reason: AbortReason) -> Result<(), WireError> {
        self.write_pdu(&reason.pdu()).await
    }

    /// Answers an A-RELEASE-RQ; the line is to be closed then.
    pub async fn confirm_release(&mut self) -> Result<(), WireError> {
        self.write_pdu(&Pdu::ReleaseRP).await
    }

    /// Closes our side and waits a moment for the peer: closing with unread bytes would reset the line and could take
    /// our last PDU with it.
    pub async fn close(mut self) {
        let drain = async {
            if self.line.shutdown().await.is_err() {
                return;
            }
            let mut drained = 0;
            while let Ok(bytes) = self.line.fill_buf().await {
                let length = bytes.len();
                drained += length;
                if length == 0 || drained > LINGER_LENGTH_MAX {
                    return;
                }
                self.line.consume(length);
            }
        };
        // The limit running out is the peer's matter: the line is closed either way.
        let _ = timeout(LINGER, drain).await;
    }

    /// Starts a phase and its time limit.
    pub(super) fn enter(&mut self, phase: Phase, limit: Duration) {
        self.phase = phase;
        self.deadline = Instant::now() + limit;
        (self.waited, self.arrived) = (Duration::ZERO, 0);
    }

    /// Makes sure that at least one byte is buffered, within the time limits. May be cancelled without loss.
    pub(super) async fn fill(&mut self) -> Result<(), WireError> {
        if !self.line.buffer().is_empty() {
            return Ok(());
        }
        let (phase, start) = (self.phase, Instant::now());
        let limit = match phase {
            Phase::Message => self.deadline.min(start + self.timeouts.stall.saturating_sub(self.waited)),
            _ => self.deadline,
        };
        let arrived = match timeout_at(limit, self.line.fill_buf()).await {
            Err(_) => return Err(WireError::TimedOut { phase }),
            Ok(Err(source)) => return Err(line_error(phase, source)),
            Ok(Ok([])) => return Err(WireError::Closed { phase }),
            Ok(Ok(bytes)) => bytes.len(),
        };
        self.waited += start.elapsed();
        self.arrived += arrived;
        if self.arrived >= PROGRESS_LENGTH {
            (self.waited, self.arrived) = (Duration::ZERO, 0);
        }
        Ok(())
    }

    pub(super) async fn read_array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], WireError> {
        let mut bytes = [0; LENGTH];
        let mut rest = &mut bytes[..];
        while !rest.is_empty() {
            self.fill().await?;
            let taken = self.take_buffered(rest);
            rest = rest.split_at_mut(taken).1;
        }
        Ok(bytes)
    }

    fn take_buffered(&mut self, target: &mut [u8]) -> usize {
        let taken = target.len().min(self.line.buffer().len());
        for (to, from) in target.iter_mut().zip(self.line.buffer()) {
            *to = *from;
        }
        self.line.consume(taken);
        taken
    }

    /// Reads a PDU header and checks type and length; recognises protocols that are often sent to the wrong port.
    pub(super) async fn read_header(&mut self) -> Result<Header, WireError> {
        let bytes: [u8; 6] = self.read_array().await?;
        let [kind, _reserved, a, b, c, d] = bytes;
        let length = u32::from_be_bytes([a, b, c, d]);
        let Some(limit) = pdu::length_limit(kind) else {
            let opening = matches!(self.phase, Phase::Association);
            return Err(match foreign_protocol(&bytes).filter(|_| opening) {
                Some(protocol) => Violation::ForeignProtocol { protocol },
                None => Violation::UnknownPdu { kind },
            }
            .into());
        };
        if length > limit {
            return Err(Violation::PduLength { kind, length, limit }.into());
        }
        Ok(Header { kind, length })
    }

    /// Reads a body whose length was checked by [`Connection::read_header`].
    pub(super) async fn read_body(&mut self, length: u32) -> Result<Vec<u8>, WireError> {
        let length = length as usize;
        let mut body = Vec::with_capacity(length.min(BODY_STEP));
        while body.len() < length {
            self.fill().await?;
            let buffered = self.line.buffer();
            let taken = buffered.len().min(length - body.len());
            body.extend_from_slice(buffered.get(..taken).unwrap_or(buffered));
            self.line.consume(taken);
        }
        Ok(body)
    }

    /// Reads the short body of a release or abort PDU.
    pub(super) async fn read_short_body(&mut self, header: Header) -> Result<Vec<u8>, WireError> {
        if header.length != 4 {
            self.quirks.insert(Quirk::OddLengthPdu);
        }
        self.read_body(header.length).await
    }

    /// Reads an A-ABORT to the error it is.
    pub(super) async fn read_abort(&mut self, header: Header) -> WireError {
        match self.read_short_body(header).await.as_deref() {
            Ok([_, _, origin, reason, ..]) => WireError::Aborted { origin: *origin, reason: *reason },
            // Cut short, but an abort all the same.
            _ => WireError::Aborted { origin: 0, reason: 0 },
        }
    }

    pub(super) async fn write_pdu(&mut self, pdu: &Pdu) -> Result<(), WireError> {
        let bytes = pdu::encode(pdu)?;
        self.write(&bytes).await
    }

    /// Writes and flushes within the time limit.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        let phase = Phase::Writing;
        let write = async {
            self.line.write_all(bytes).await?;
            self.line.flush().await
        };
        match timeout(self.timeouts.write, write).await {
            Err(_) => Err(WireError::TimedOut { phase }),
            Ok(Err(source)) => Err(line_error(phase, source)),
            Ok(Ok(())) => Ok(()),
        }
    }
}

fn line_error(phase: Phase, source: io::Error) -> WireError {
    match source.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
            WireError::Closed { phase }
        }
        _ => WireError::Line { phase, source },
    }
}

fn foreign_protocol(first: &[u8; 6]) -> Option<&'static str> {
    match first {
        [0x16, 0x03, ..] => Some("TLS"),
        [b'G', b'E', b'T', b' ', ..] | [b'H', b'E', b'A', b'D', ..] | [b'P', b'O', b'S', b'T', ..] => Some("HTTP"),
        [b'O', b'P', b'T', b'I', ..] | [b'P', b'U', b'T', b' ', ..] | [b'P', b'R', b'I', b' ', ..] => Some("HTTP"),
        [b'S', b'S', b'H', b'-', ..] => Some("SSH"),
        [0x0B, b'M', b'S', b'H', ..] => Some("HL7 (MLLP)"),
        _ => None,
    }
}
