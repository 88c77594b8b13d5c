//! P-DATA to messages: commands joined from their fragments, data sets lent fragment by fragment.
//!
//! Input: the PDUs of an open association. Output: one [`Arrival`] at a time; after a command that announces a data
//! set, its bytes through [`Connection::data`] and [`Connection::consume`], without a copy and without holding it.
//! Errors: [`WireError`].
//! Source: PS3.8 9.3.5 and annex E (fragments); PS3.7 6.3. A PDU may hold the end of one message and the start of the
//! next, so nothing here equates a PDU with a message.

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite};

use super::command::{COMMAND_SET_LENGTH_MAX, CommandSet};
use super::connection::{Connection, Header};
use super::pdu;
use super::quirk::Quirk;
use super::violation::{Phase, Violation, WireError};

/// Fragments and P-DATA PDUs without data that one association may send.
pub const EMPTY_FRAGMENTS_MAX: u32 = 4096;

/// How far a P-DATA PDU may exceed what was announced: peers that count headers differently, or ignore a small limit and
/// send their usual 64 KiB, are known; one that sends many times as much has not read it.
const LONG_PDU_FACTOR: u32 = 2;
const LONG_PDU_LENGTH_MIN: u32 = 64 * 1024 + 12;

/// Message control header bits (PS3.8 E.2).
const COMMAND: u8 = 0x01;
const LAST: u8 = 0x02;

/// Bytes before the data of a fragment: item length, context identifier, message control header.
pub(super) const FRAGMENT_HEADER_LENGTH: u32 = 6;

/// What came next on an open association.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A command on a presentation context. If it announces a data set, that must be read before the next arrival.
    Command {
        /// Presentation context identifier.
        context: u8,
        /// The command.
        command: CommandSet,
    },
    /// The peer asks to release the association.
    Release,
}

/// Where in the stream of fragments the line stands.
#[derive(Debug)]
pub(super) struct Framing {
    /// Accepted presentation contexts.
    contexts: [bool; 256],
    /// Bytes left in the current P-DATA PDU, after the current fragment.
    pdu_left: u32,
    /// Bytes left in the current fragment.
    fragment_left: u32,
    fragment: Fragment,
    /// Whether the data set of the last command has been read to its end.
    data_ended: bool,
    empty: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Fragment {
    context: u8,
    command: bool,
    last: bool,
}

impl Default for Framing {
    fn default() -> Framing {
        Framing {
            contexts: [false; 256],
            pdu_left: 0,
            fragment_left: 0,
            fragment: Fragment::default(),
            data_ended: true,
            empty: 0,
        }
    }
}

impl Framing {
    pub(super) fn admit(&mut self, contexts: impl IntoIterator<Item = u8>) {
        for id in contexts {
            if let Some(admitted) = self.contexts.get_mut(usize::from(id)) {
                *admitted = true;
            }
        }
    }

    fn is_admitted(&self, context: u8) -> bool {
        self.contexts.get(usize::from(context)).copied().unwrap_or(false)
    }
}

enum Step {
    Fragment,
    Release,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Waits until the next message begins or the line ends. May be cancelled without loss.
    pub async fn wait(&mut self) -> Result<(), WireError> {
        self.fill().await
    }

    /// Starts the wait for the next message.
    pub fn start_waiting(&mut self) {
        self.enter(Phase::Idle, self.timeouts.idle);
    }

    /// Passes over what is left of a data set.
    pub async fn skip_data(&mut self) -> Result<(), WireError> {
        loop {
            match self.data().await? {
                0 => return Ok(()),
                length => self.consume(length),
            }
        }
    }

    /// Reads the next command, or the wish to release. A data set that was not read to its end is passed over first.
    pub async fn next(&mut self) -> Result<Arrival, WireError> {
        self.skip_data().await?;
        self.fill().await?;
        if self.phase == Phase::Idle {
            self.enter(Phase::Message, self.timeouts.object);
        }
        let mut joined = Vec::new();
        let mut context = None;
        loop {
            match self.next_fragment(context.is_none()).await? {
                Step::Release => return Ok(Arrival::Release),
                Step::Fragment => {}
            }
            let fragment = self.framing.fragment;
            if !fragment.command {
                return Err(Violation::DataWithoutCommand.into());
            }
            self.check_context(*context.get_or_insert(fragment.context))?;
            self.join_fragment(&mut joined).await?;
            if fragment.last {
                let command = CommandSet::parse(&joined, &mut self.quirks).map_err(Violation::from)?;
                self.framing.data_ended = !command.data_set_follows;
                return Ok(Arrival::Command { context: fragment.context, command });
            }
        }
    }

    /// How many bytes of the data set lie ready in [`Connection::chunk`]; 0 at its end.
    pub async fn data(&mut self) -> Result<usize, WireError> {
        if self.framing.data_ended {
            return Ok(0);
        }
        let context = self.framing.fragment.context;
        while self.framing.fragment_left == 0 {
            if !self.framing.fragment.command && self.framing.fragment.last {
                self.framing.data_ended = true;
                return Ok(0);
            }
            self.next_fragment(false).await?;
            if self.framing.fragment.command {
                return Err(Violation::CommandInsideData.into());
            }
            self.check_context(context)?;
        }
        self.fill().await?;
        Ok(self.line.buffer().len().min(self.framing.fragment_left as usize))
    }

    /// The `length` bytes that [`Connection::data`] found ready.
    pub fn chunk(&self, length: usize) -> &[u8] {
        let buffered = self.line.buffer();
        buffered.get(..length).unwrap_or(buffered)
    }

    /// Marks `length` bytes of the data set as dealt with.
    pub fn consume(&mut self, length: usize) {
        let length = length.min(self.framing.fragment_left as usize);
        self.line.consume(length);
        self.framing.fragment_left -= length as u32;
    }

    /// Sends a command without data set.
    pub async fn send_command(&mut self, context: u8, command: &CommandSet) -> Result<(), WireError> {
        let bytes = command.encode();
        let step = self.fragment_length_max();
        let count = bytes.len().div_ceil(step);
        let mut pdus = Vec::with_capacity(bytes.len() + count * 12);
        for (index, part) in bytes.chunks(step).enumerate() {
            pdus.extend(fragment_header(context, true, index + 1 == count, part.len()));
            pdus.extend(part);
        }
        self.write(&pdus).await
    }

    /// Longest even fragment that the peer takes, with its header in one PDU.
    pub(super) fn fragment_length_max(&self) -> usize {
        (self.peer_length_max.saturating_sub(FRAGMENT_HEADER_LENGTH) & !1).max(2) as usize
    }

    fn check_context(&self, expected: u8) -> Result<(), WireError> {
        let found = self.framing.fragment.context;
        if found == expected { Ok(()) } else { Err(Violation::ContextChanged { expected, found }.into()) }
    }

    async fn join_fragment(&mut self, joined: &mut Vec<u8>) -> Result<(), WireError> {
        if joined.len() + self.framing.fragment_left as usize > COMMAND_SET_LENGTH_MAX {
            return Err(Violation::CommandLength { limit: COMMAND_SET_LENGTH_MAX }.into());
        }
        let part = self.read_body(self.framing.fragment_left).await?;
        self.framing.fragment_left = 0;
        joined.extend(part);
        Ok(())
    }

    /// Moves to the next fragment. A release is told where `release_allowed`.
    async fn next_fragment(&mut self, release_allowed: bool) -> Result<Step, WireError> {
        while self.framing.pdu_left == 0 {
            let header = self.read_header().await?;
            match header.kind {
                pdu::P_DATA => self.begin_pdu(header)?,
                pdu::RELEASE_RQ if release_allowed => {
                    self.read_short_body(header).await?;
                    return Ok(Step::Release);
                }
                pdu::ABORT => return Err(self.read_abort(header).await),
                kind => return Err(Violation::UnexpectedPdu { kind, phase: self.phase }.into()),
            }
        }
        self.begin_fragment().await?;
        Ok(Step::Fragment)
    }

    fn begin_pdu(&mut self, header: Header) -> Result<(), WireError> {
        let limit = self.announced.saturating_mul(LONG_PDU_FACTOR).max(LONG_PDU_LENGTH_MIN);
        if header.length > limit {
            return Err(Violation::PduLength { kind: header.kind, length: header.length, limit }.into());
        }
        if header.length > self.announced {
            self.quirks.insert(Quirk::LongDataPdu);
        }
        if header.length == 0 {
            self.count_empty(Quirk::EmptyDataPdu)?;
        }
        self.framing.pdu_left = header.length;
        Ok(())
    }

    async fn begin_fragment(&mut self) -> Result<(), WireError> {
        let left = self.framing.pdu_left;
        if left < FRAGMENT_HEADER_LENGTH {
            return Err(Violation::FragmentLength { length: 0, left }.into());
        }
        let [a, b, c, d, context, control]: [u8; 6] = self.read_array().await?;
        let length = u32::from_be_bytes([a, b, c, d]);
        let left = left - 4;
        if length < 2 || length > left {
            return Err(Violation::FragmentLength { length, left }.into());
        }
        if !self.framing.is_admitted(context) {
            return Err(Violation::UnknownContext { id: context }.into());
        }
        if control & !(COMMAND | LAST) != 0 {
            self.quirks.insert(Quirk::ControlHeaderBits);
        }
        let fragment = Fragment { context, command: control & COMMAND != 0, last: control & LAST != 0 };
        if length == 2 && !fragment.last {
            self.count_empty(Quirk::EmptyFragment)?;
        }
        self.framing.pdu_left = left - length;
        self.framing.fragment_left = length - 2;
        self.framing.fragment = fragment;
        Ok(())
    }

    /// Nothing but a limit stops a peer that sends fragments without data for ever.
    fn count_empty(&mut self, quirk: Quirk) -> Result<(), WireError> {
        self.quirks.insert(quirk);
        self.framing.empty += 1;
        if self.framing.empty > EMPTY_FRAGMENTS_MAX {
            return Err(Violation::EmptyFragments { limit: EMPTY_FRAGMENTS_MAX }.into());
        }
        Ok(())
    }
}

/// The twelve bytes before a fragment that has a PDU of its own.
pub(super) fn fragment_header(context: u8, command: bool, last: bool, length: usize) -> [u8; 12] {
    let fragment = length as u32 + 2;
    let [a, b, c, d] = (fragment + 4).to_be_bytes();
    let [e, f, g, h] = fragment.to_be_bytes();
    let control = if command { COMMAND } else { 0 } | if last { LAST } else { 0 };
    [pdu::P_DATA, 0, a, b, c, d, e, f, g, h, context, control]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::dimse::{CommandField, Quirks, Timeouts};

    fn store_command() -> CommandSet {
        let mut command = CommandSet::new(CommandField::StoreRequest, 5);
        command.sop_instance_uid = "1.2.3".to_owned();
        command.data_set_follows = true;
        command
    }

    /// Cuts `bytes` at `sizes` in turn; the last piece takes what is left.
    fn pieces<'bytes>(mut bytes: &'bytes [u8], sizes: &[usize]) -> Vec<&'bytes [u8]> {
        let mut pieces = Vec::new();
        for &size in sizes {
            let (piece, rest) = bytes.split_at(size.min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces.push(bytes);
        pieces
    }

    fn fragments(bytes: &[u8], command: bool, sizes: &[usize]) -> Vec<Vec<u8>> {
        let pieces = pieces(bytes, sizes);
        let count = pieces.len();
        let numbered = pieces.into_iter().enumerate();
        // The PDU header is left out: fragments are put into PDUs afterwards.
        let fragment = |(index, piece): (usize, &[u8])| {
            [&fragment_header(1, command, index + 1 == count, piece.len())[6..], piece].concat()
        };
        numbered.map(fragment).collect()
    }

    fn pdu_of(fragments: &[Vec<u8>]) -> Vec<u8> {
        let body = fragments.concat();
        [&[pdu::P_DATA, 0][..], &(body.len() as u32).to_be_bytes(), &body].concat()
    }

    async fn read_message(connection: &mut Connection<DuplexStream>) -> (Arrival, Vec<u8>) {
        let arrival = connection.next().await.unwrap();
        let mut data = Vec::new();
        loop {
            let length = connection.data().await.unwrap();
            if length == 0 {
                return (arrival, data);
            }
            data.extend(connection.chunk(length));
            connection.consume(length);
        }
    }

    proptest! {
        #[test]
        fn a_message_is_the_same_however_it_is_cut(
            data in prop::collection::vec(any::<u8>(), 0..600),
            command_sizes in prop::collection::vec(0usize..40, 0..8),
            data_sizes in prop::collection::vec(0usize..90, 0..12),
            pdu_sizes in prop::collection::vec(1usize..5, 24),
            line_capacity in 1usize..300,
        ) {
            let command = store_command();
            let mut all = fragments(&command.encode(), true, &command_sizes);
            all.extend(fragments(&data, false, &data_sizes));
            // The same message twice: the second shows that the first left nothing behind.
            all.extend(all.clone());
            let mut stream = Vec::new();
            let mut rest = &all[..];
            for size in pdu_sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (some, after) = rest.split_at((*size).min(rest.len()));
                stream.extend(pdu_of(some));
                rest = after;
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let (mut peer, ours) = tokio::io::duplex(line_capacity);
                let mut connection = Connection::new(ours, Timeouts::default());
                connection.open([1], None);
                let writer = tokio::spawn(async move {
                    peer.write_all(&stream).await.unwrap();
                    peer
                });
                for _ in 0..2 {
                    let (arrival, read) = read_message(&mut connection).await;
                    assert_eq!(arrival, Arrival::Command { context: 1, command: command.clone() });
                    assert_eq!(read, data);
                }
                drop(writer.await.unwrap());
            });
        }

        #[test]
        fn bytes_of_any_kind_end_in_a_message_or_an_error(bytes: Vec<u8>) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let (mut peer, ours) = tokio::io::duplex(4096);
                let mut connection = Connection::new(ours, Timeouts::default());
                connection.open(0..=255, None);
                peer.write_all(&pdu_of(&[bytes])).await.unwrap();
                drop(peer);
                while connection.next().await.is_ok() {}
            });
        }

        #[test]
        fn a_command_set_of_any_bytes_is_read_or_refused(bytes: Vec<u8>) {
            let _ = CommandSet::parse(&bytes, &mut Quirks::new());
        }
    }
}
