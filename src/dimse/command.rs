//! DIMSE command sets.
//!
//! Input: the joined command fragments of one message. Output: one [`CommandSet`] holding the elements of group 0000
//! that storage and verification need; others are passed over.
//! Errors: [`CommandError`], which ends the association: without a command nothing can be answered.
//! Source: PS3.7 6.3.1 (Implicit VR Little Endian), 9.3 (C-STORE, C-ECHO), annex C.5.13 (0211H), annex E.1 (elements).

use super::items::unpadded;
use super::quirk::{Quirk, Quirks};

/// Longest command set taken; those of the standard stay below 1 KiB.
pub const COMMAND_SET_LENGTH_MAX: usize = 64 * 1024;
/// Status of a command that the node does not know (PS3.7 C.5.13).
pub const STATUS_UNRECOGNISED_OPERATION: u16 = 0x0211;

/// Command Data Set Type (0000,0800) that says that no data set follows.
const NO_DATA_SET: u16 = 0x0101;
/// Bit of Command Field that marks a response.
const RESPONSE: u16 = 0x8000;

/// Why bytes are no command set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The length of an element reaches beyond the command set.
    #[error("command element (0000,{element:04x}) says {length} bytes where {left} are left")]
    Length {
        /// Element number.
        element: u16,
        /// Length as told.
        length: u32,
        /// Bytes left.
        left: usize,
    },
    /// An element of another group.
    #[error("command set holds an element of group {group:04x}")]
    Group {
        /// The group.
        group: u16,
    },
    /// No Command Field (0000,0100).
    #[error("command set without command field (0000,0100)")]
    NoCommandField,
    /// A request without Message ID (0000,0110), which no response could name.
    #[error("request without message ID (0000,0110)")]
    NoMessageId,
}

/// Command Field (0000,0100).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandField {
    /// C-STORE-RQ.
    StoreRequest,
    /// C-STORE-RSP.
    StoreResponse,
    /// C-ECHO-RQ.
    EchoRequest,
    /// C-ECHO-RSP.
    EchoResponse,
    /// C-CANCEL-RQ, which is never answered.
    CancelRequest,
    /// Any other.
    Other(u16),
}

impl CommandField {
    /// The value on the wire.
    pub fn code(self) -> u16 {
        match self {
            CommandField::StoreRequest => 0x0001,
            CommandField::StoreResponse => 0x8001,
            CommandField::EchoRequest => 0x0030,
            CommandField::EchoResponse => 0x8030,
            CommandField::CancelRequest => 0x0FFF,
            CommandField::Other(code) => code,
        }
    }

    fn of(code: u16) -> CommandField {
        match code {
            0x0001 => CommandField::StoreRequest,
            0x8001 => CommandField::StoreResponse,
            0x0030 => CommandField::EchoRequest,
            0x8030 => CommandField::EchoResponse,
            0x0FFF => CommandField::CancelRequest,
            other => CommandField::Other(other),
        }
    }

    /// Whether this is a response.
    pub fn is_response(self) -> bool {
        self.code() & RESPONSE != 0
    }
}

/// The elements of a command set, as far as they are used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSet {
    /// Command Field (0000,0100).
    pub field: CommandField,
    /// Affected SOP Class UID (0000,0002), or the requested one (0000,0003) of N-services, without padding.
    pub sop_class_uid: String,
    /// Affected SOP Instance UID (0000,1000), or the requested one (0000,1001), without padding.
    pub sop_instance_uid: String,
    /// Message ID (0000,0110), or that of the request (0000,0120) in a response.
    pub message_id: u16,
    /// Priority (0000,0700).
    pub priority: Option<u16>,
    /// Whether a data set follows: Command Data Set Type (0000,0800) is not 0101H.
    pub data_set_follows: bool,
    /// Status (0000,0900), in responses.
    pub status: Option<u16>,
    /// Error Comment (0000,0902).
    pub error_comment: Option<String>,
}

impl CommandSet {
    /// A request or response without data set, to be completed by the caller.
    pub fn new(field: CommandField, message_id: u16) -> CommandSet {
        CommandSet {
            field,
            sop_class_uid: String::new(),
            sop_instance_uid: String::new(),
            message_id,
            priority: None,
            data_set_follows: false,
            status: None,
            error_comment: None,
        }
    }

    /// The response to this request: the same UIDs, its message ID, `status` and, unless empty, an error comment.
    pub fn response(&self, status: u16, comment: &str) -> CommandSet {
        CommandSet {
            field: CommandField::of(self.field.code() | RESPONSE),
            priority: None,
            data_set_follows: false,
            status: Some(status),
            error_comment: (!comment.is_empty()).then(|| comment.to_owned()),
            ..self.clone()
        }
    }

    /// Reads a whole command set.
    pub fn parse(bytes: &[u8], quirks: &mut Quirks) -> Result<CommandSet, CommandError> {
        let mut command = CommandSet::new(CommandField::Other(0), 0);
        let (mut field, mut group_length, mut previous, mut message_id) = (None, None, None, None);
        let mut rest = bytes;
        while let Some((element, value, after)) = next_element(rest)? {
            match element {
                0x0000 => group_length = unsigned_long(value).map(|length| (length as usize, after.len())),
                0x0100 => field = unsigned_short(value),
                0x0110 | 0x0120 => message_id = unsigned_short(value),
                _ => command.take(element, value, quirks),
            }
            if previous.is_some_and(|previous| previous >= element) {
                quirks.insert(Quirk::CommandOrder);
            }
            (previous, rest) = (Some(element), after);
        }
        if group_length.is_none_or(|(told, found)| told != found) {
            quirks.insert(Quirk::CommandGroupLength);
        }
        command.field = CommandField::of(field.ok_or(CommandError::NoCommandField)?);
        // A cancel request is not answered, and a response that names nothing answers nothing of ours.
        let answered = !command.field.is_response() && command.field != CommandField::CancelRequest;
        if answered && message_id.is_none() {
            return Err(CommandError::NoMessageId);
        }
        command.message_id = message_id.unwrap_or(0);
        Ok(command)
    }

    fn take(&mut self, element: u16, value: &[u8], quirks: &mut Quirks) {
        match element {
            0x0002 | 0x0003 => self.sop_class_uid = uid(value, quirks),
            0x1000 | 0x1001 => self.sop_instance_uid = uid(value, quirks),
            0x0700 => self.priority = unsigned_short(value),
            0x0800 => self.data_set_follows = unsigned_short(value) != Some(NO_DATA_SET),
            0x0900 => self.status = unsigned_short(value),
            0x0902 => self.error_comment = Some(unpadded(value).0),
            _ => {}
        }
    }

    /// The command set in Implicit VR Little Endian, elements ascending, group length first.
    pub fn encode(&self) -> Vec<u8> {
        let mut elements = Vec::with_capacity(256);
        put_uid(&mut elements, 0x0002, &self.sop_class_uid);
        put_short(&mut elements, 0x0100, Some(self.field.code()));
        let message_id = if self.field.is_response() { 0x0120 } else { 0x0110 };
        put_short(&mut elements, message_id, Some(self.message_id));
        put_short(&mut elements, 0x0700, self.priority);
        // Any value but 0101H says that a data set follows; 0001H is what most peers send.
        put_short(&mut elements, 0x0800, Some(if self.data_set_follows { 0x0001 } else { NO_DATA_SET }));
        put_short(&mut elements, 0x0900, self.status);
        if let Some(comment) = &self.error_comment {
            put(&mut elements, 0x0902, comment.as_bytes(), b' ');
        }
        put_uid(&mut elements, 0x1000, &self.sop_instance_uid);
        let mut bytes = Vec::with_capacity(12 + elements.len());
        put(&mut bytes, 0x0000, &(elements.len() as u32).to_le_bytes(), 0);
        bytes.extend(elements);
        bytes
    }
}

type Element<'bytes> = (u16, &'bytes [u8], &'bytes [u8]);

fn next_element(bytes: &[u8]) -> Result<Option<Element<'_>>, CommandError> {
    let Some((header, rest)) = bytes.split_first_chunk::<8>() else {
        // Fewer than eight bytes after the last element carry nothing.
        return Ok(None);
    };
    let [group_low, group_high, low, high, a, b, c, d] = *header;
    let group = u16::from_le_bytes([group_low, group_high]);
    if group != 0 {
        return Err(CommandError::Group { group });
    }
    let element = u16::from_le_bytes([low, high]);
    let length = u32::from_le_bytes([a, b, c, d]);
    match rest.split_at_checked(length as usize) {
        Some((value, after)) => Ok(Some((element, value, after))),
        None => Err(CommandError::Length { element, length, left: rest.len() }),
    }
}

fn unsigned_short(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn unsigned_long(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn uid(value: &[u8], quirks: &mut Quirks) -> String {
    if value.ends_with(b" ") {
        quirks.insert(Quirk::BlankPaddedCommandUid);
    }
    unpadded(value).0
}

fn put_short(bytes: &mut Vec<u8>, element: u16, value: Option<u16>) {
    if let Some(value) = value {
        put(bytes, element, &value.to_le_bytes(), 0);
    }
}

fn put_uid(bytes: &mut Vec<u8>, element: u16, value: &str) {
    if !value.is_empty() {
        put(bytes, element, value.as_bytes(), 0);
    }
}

fn put(bytes: &mut Vec<u8>, element: u16, value: &[u8], padding: u8) {
    let padded = value.len() + value.len() % 2;
    bytes.extend([0, 0]);
    bytes.extend(element.to_le_bytes());
    bytes.extend((padded as u32).to_le_bytes());
    bytes.extend(value);
    if padded > value.len() {
        bytes.push(padding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store_request() -> CommandSet {
        let mut command = CommandSet::new(CommandField::StoreRequest, 7);
        command.sop_class_uid = "1.2.840.10008.5.1.4.1.1.2".to_owned();
        command.sop_instance_uid = "1.2.3".to_owned();
        command.priority = Some(0);
        command.data_set_follows = true;
        command
    }

    #[test]
    fn what_is_encoded_is_read_back_without_quirks() {
        let mut quirks = Quirks::new();
        for command in [store_request(), store_request().response(0xA700, "no room")] {
            assert_eq!(CommandSet::parse(&command.encode(), &mut quirks).unwrap(), command);
        }
        assert!(quirks.is_empty(), "{quirks:?}");
    }

    #[test]
    fn a_response_carries_the_message_id_and_class_of_its_request() {
        let response = store_request().response(0, "");
        assert_eq!(response.field, CommandField::StoreResponse);
        assert_eq!((response.message_id, response.sop_instance_uid.as_str()), (7, "1.2.3"));
        assert!(!response.data_set_follows && response.error_comment.is_none());
    }

    #[test]
    fn blank_padding_wrong_group_length_and_order_are_tolerated() {
        let mut bytes = Vec::new();
        put(&mut bytes, 0x0000, &9999u32.to_le_bytes(), 0);
        put(&mut bytes, 0x1000, b"1.2.3", b' ');
        put(&mut bytes, 0x0100, &1u16.to_le_bytes(), 0);
        put(&mut bytes, 0x0110, &0u16.to_le_bytes(), 0);
        put(&mut bytes, 0x0800, &0u16.to_le_bytes(), 0);
        let mut quirks = Quirks::new();
        let command = CommandSet::parse(&bytes, &mut quirks).unwrap();
        assert_eq!(command.sop_instance_uid, "1.2.3");
        assert!(command.data_set_follows);
        let expected = [Quirk::CommandGroupLength, Quirk::CommandOrder, Quirk::BlankPaddedCommandUid];
        assert!(expected.iter().all(|quirk| quirks.contains(quirk)), "{quirks:?}");
    }

    #[test]
    fn a_request_without_message_id_cannot_be_answered() {
        let mut bytes = Vec::new();
        put(&mut bytes, 0x0100, &1u16.to_le_bytes(), 0);
        put(&mut bytes, 0x0800, &0u16.to_le_bytes(), 0);
        assert_eq!(CommandSet::parse(&bytes, &mut Quirks::new()), Err(CommandError::NoMessageId));
    }

    #[test]
    fn a_length_beyond_the_command_is_an_error_not_an_allocation() {
        let mut bytes = store_request().encode();
        bytes.extend([0, 0, 0, 0x20, 0xF0, 0xFF, 0xFF, 0xFF]);
        let error = CommandSet::parse(&bytes, &mut Quirks::new()).unwrap_err();
        assert_eq!(error, CommandError::Length { element: 0x2000, length: 0xFFFF_FFF0, left: 0 });
    }

    #[test]
    fn a_data_set_in_place_of_a_command_is_told() {
        let bytes = [8, 0, 5, 0, 0, 0, 0, 0];
        assert_eq!(CommandSet::parse(&bytes, &mut Quirks::new()), Err(CommandError::Group { group: 8 }));
    }
}
