//! What a peer asks for when it opens an association.
//!
//! Input: the body of an A-ASSOCIATE-RQ PDU. Output: one [`AssociationRequest`] with the quirks that were tolerated.
//! Errors: `None` when the body is too short for the fixed part or ends inside an item; what is wrong within an item is
//! read as far as it goes.
//! Source: PS3.8 9.3.2, annex D.1; PS3.7 D.3.3.

use dicom_ul::pdu::{PresentationContextProposed, RequestorRoles};

use super::items::{Items, unpadded};
use super::quirk::{Quirk, Quirks};

/// Bytes of the called title, the calling title and the reserved field, which an A-ASSOCIATE-AC repeats.
pub const TITLES_LENGTH: usize = 64;

/// An A-ASSOCIATE-RQ, understood as far as it goes.
#[derive(Debug, Clone)]
pub struct AssociationRequest {
    /// Protocol version bits; bit 0 is version 1.
    pub protocol_version: u16,
    /// Titles and reserved field as received.
    pub titles: [u8; TITLES_LENGTH],
    /// Called AE title without padding, may be empty.
    pub called: String,
    /// Calling AE title without padding, may be empty.
    pub calling: String,
    /// Application context name without padding.
    pub application_context: String,
    /// Proposed presentation contexts, in their order.
    pub contexts: Vec<PresentationContextProposed>,
    /// User information.
    pub user: UserInformation,
    /// What was tolerated.
    pub quirks: Quirks,
}

/// User information of an association request (PS3.7 D.3.3).
#[derive(Debug, Clone, Default)]
pub struct UserInformation {
    /// Longest P-DATA PDU the peer takes; `None` when not told, 0 for no limit.
    pub maximum_length: Option<u32>,
    /// Implementation Class UID.
    pub implementation_class_uid: String,
    /// Implementation Version Name.
    pub implementation_version_name: String,
    /// Role selections: SOP class and the roles the peer proposes to take.
    pub roles: Vec<(String, RequestorRoles)>,
    /// User identity: its type, and whether a response is asked for. The identity itself is not kept.
    pub identity: Option<(u8, bool)>,
}

impl AssociationRequest {
    /// Reads the body of the PDU, that is everything after the six bytes of its header.
    pub fn parse(body: &[u8]) -> Option<AssociationRequest> {
        let (fixed, variable) = body.split_first_chunk::<{ 4 + TITLES_LENGTH }>()?;
        let [version_high, version_low, _, _, titles @ ..] = fixed;
        let mut request = AssociationRequest {
            protocol_version: u16::from_be_bytes([*version_high, *version_low]),
            titles: *titles,
            called: String::new(),
            calling: String::new(),
            application_context: String::new(),
            contexts: Vec::new(),
            user: UserInformation::default(),
            quirks: Quirks::new(),
        };
        request.read_titles();
        request.read_items(variable).then_some(request)
    }

    /// Whether the peer speaks version 1 of the protocol: only bit 0 is tested.
    pub fn speaks_version_1(&self) -> bool {
        self.protocol_version & 1 == 1
    }

    fn read_titles(&mut self) {
        let (called, calling) = self.titles.split_at(16);
        let (called, calling) = (title(called, &mut self.quirks), title(&calling[..16], &mut self.quirks));
        if calling.is_empty() {
            self.quirks.insert(Quirk::BlankCallingTitle);
        }
        if self.protocol_version != 1 {
            self.quirks.insert(Quirk::ProtocolVersionBits);
        }
        (self.called, self.calling) = (called, calling);
    }

    /// Reads the variable items; `false` when the last one is cut, as of a request that lost its end.
    fn read_items(&mut self, variable: &[u8]) -> bool {
        let mut items = Items::new(variable);
        for (kind, item) in items.by_ref() {
            match kind {
                0x10 => self.application_context = self.uid(item),
                0x20 => self.read_context(item),
                0x50 => self.read_user_information(item),
                _ => drop(self.quirks.insert(Quirk::UnknownItem)),
            }
        }
        if items.stray_bytes() {
            self.quirks.insert(Quirk::StrayBytes);
        }
        if self.user.maximum_length.is_none() {
            self.quirks.insert(Quirk::MissingMaximumLength);
        }
        !items.is_cut()
    }

    fn read_context(&mut self, item: &[u8]) {
        let [id, _, _, _, sub_items @ ..] = item else {
            self.quirks.insert(Quirk::MalformedContext);
            return;
        };
        let mut context =
            PresentationContextProposed { id: *id, abstract_syntax: String::new(), transfer_syntaxes: Vec::new() };
        let mut items = Items::new(sub_items);
        for (kind, sub_item) in items.by_ref() {
            match kind {
                0x30 => context.abstract_syntax = self.uid(sub_item),
                0x40 => context.transfer_syntaxes.push(self.uid(sub_item)),
                _ => drop(self.quirks.insert(Quirk::UnknownContextItem)),
            }
        }
        if items.stray_bytes() {
            self.quirks.insert(Quirk::StrayBytes);
        }
        if context.abstract_syntax.is_empty() || id.is_multiple_of(2) {
            self.quirks.insert(Quirk::MalformedContext);
        }
        if self.contexts.iter().any(|known| known.id == *id) {
            self.quirks.insert(Quirk::RepeatedContext);
        } else {
            self.contexts.push(context);
        }
    }

    fn read_user_information(&mut self, item: &[u8]) {
        let mut items = Items::new(item);
        for (kind, sub_item) in items.by_ref() {
            match kind {
                0x51 => match sub_item {
                    [a, b, c, d, ..] => self.user.maximum_length = Some(u32::from_be_bytes([*a, *b, *c, *d])),
                    _ => drop(self.quirks.insert(Quirk::MalformedUserItem)),
                },
                0x52 => self.user.implementation_class_uid = self.uid(sub_item),
                0x55 => self.user.implementation_version_name = unpadded(sub_item).0,
                0x54 => self.read_role_selection(sub_item),
                0x58 => self.read_identity(sub_item),
                // Asynchronous operations window and extended negotiation: legal, and not answered.
                0x53 | 0x56 | 0x57 => {}
                _ => drop(self.quirks.insert(Quirk::UnknownUserItem)),
            }
        }
        if items.stray_bytes() {
            self.quirks.insert(Quirk::StrayBytes);
        }
    }

    fn read_role_selection(&mut self, item: &[u8]) {
        let parsed = item.split_first_chunk::<2>().and_then(|(length, rest)| {
            let (uid, roles) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            match roles {
                [scu, scp, rest @ ..] => Some((uid, *scu != 0, *scp != 0, rest.is_empty())),
                _ => None,
            }
        });
        let Some((uid, scu, scp, exact)) = parsed else {
            self.quirks.insert(Quirk::OddRoleSelection);
            return;
        };
        if !exact {
            self.quirks.insert(Quirk::OddRoleSelection);
        }
        let uid = self.uid(uid);
        self.user.roles.push((uid, RequestorRoles { scu, scp }));
    }

    fn read_identity(&mut self, item: &[u8]) {
        self.quirks.insert(Quirk::UserIdentity);
        match item {
            [kind, response, ..] => self.user.identity = Some((*kind, *response == 1)),
            _ => drop(self.quirks.insert(Quirk::MalformedUserItem)),
        }
    }

    fn uid(&mut self, bytes: &[u8]) -> String {
        let (text, padded) = unpadded(bytes);
        if padded {
            self.quirks.insert(Quirk::PaddedUid);
        }
        text
    }
}

/// A title as text: cut at the first NUL, blanks trimmed, other bytes outside ASCII shown as replacement characters.
fn title(bytes: &[u8], quirks: &mut Quirks) -> String {
    if bytes.contains(&0) {
        quirks.insert(Quirk::NulInTitle);
    }
    let cut = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    if cut.iter().any(|byte| !(0x20..0x7f).contains(byte)) {
        quirks.insert(Quirk::NonAsciiTitle);
    }
    String::from_utf8_lossy(cut).trim().chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0];
        bytes.extend((body.len() as u16).to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn body(called: &[u8; 16], calling: &[u8; 16], variable: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0];
        bytes.extend(called);
        bytes.extend(calling);
        bytes.extend([0; 32]);
        bytes.extend(variable.concat());
        bytes
    }

    #[test]
    fn padding_of_titles_and_uids_is_cut_and_told() {
        let context = [vec![1, 0, 0, 0], item(0x30, b"1.2.3\0"), item(0x40, b"1.2.840.10008.1.2 ")].concat();
        let variable = [item(0x10, b"1.2.840.10008.3.1.1.1\0"), item(0x20, &context)];
        let request =
            AssociationRequest::parse(&body(b"CT01\0\0\0\0\0\0\0\0\0\0\0\0", b"                ", &variable)).unwrap();
        assert_eq!((request.called.as_str(), request.calling.as_str()), ("CT01", ""));
        assert_eq!(request.application_context, "1.2.840.10008.3.1.1.1");
        assert_eq!(request.contexts[0].abstract_syntax, "1.2.3");
        assert_eq!(request.contexts[0].transfer_syntaxes, ["1.2.840.10008.1.2"]);
        for quirk in [Quirk::NulInTitle, Quirk::BlankCallingTitle, Quirk::PaddedUid] {
            assert!(request.quirks.contains(&quirk), "{quirk}");
        }
    }

    #[test]
    fn a_role_selection_of_wrong_size_does_not_hide_what_follows() {
        let beyond = item(0x54, &[0, 99, b'1']);
        let padded = item(0x54, b"\0\x051.2.3\x01\x01\0");
        let user = item(0x50, &[beyond, padded, item(0x51, &[0, 0, 0x40, 0])].concat());
        let request = AssociationRequest::parse(&body(b"A               ", b"B               ", &[user])).unwrap();
        assert_eq!(request.user.maximum_length, Some(0x4000));
        assert_eq!(request.user.roles, [("1.2.3".to_owned(), RequestorRoles { scu: true, scp: true })]);
        assert!(request.quirks.contains(&Quirk::OddRoleSelection));
    }

    #[test]
    fn unknown_items_and_stray_bytes_are_passed_over() {
        let variable = [item(0x70, b"x"), item(0x10, b"1.2"), vec![1, 2]];
        let request = AssociationRequest::parse(&body(b"A               ", b"B               ", &variable)).unwrap();
        assert_eq!(request.application_context, "1.2");
        assert!(request.quirks.contains(&Quirk::UnknownItem) && request.quirks.contains(&Quirk::StrayBytes));
    }

    #[test]
    fn the_first_of_two_equal_context_identifiers_counts() {
        let context = |class: &[u8]| item(0x20, &[vec![1, 0, 0, 0], item(0x30, class)].concat());
        let variable = [context(b"1.2"), context(b"1.3")];
        let request = AssociationRequest::parse(&body(b"A               ", b"B               ", &variable)).unwrap();
        assert_eq!(request.contexts.len(), 1);
        assert_eq!(request.contexts[0].abstract_syntax, "1.2");
    }

    proptest::proptest! {
        #[test]
        fn whatever_follows_the_fixed_part_is_read_without_harm(variable: Vec<u8>) {
            let request = AssociationRequest::parse(&body(b"A               ", b"B               ", &[variable]));
            proptest::prop_assert!(request.is_none_or(|request| request.contexts.len() <= 256));
        }
    }

    #[test]
    fn a_body_that_ends_inside_an_item_is_no_request() {
        let mut cut = item(0x50, &item(0x51, &[0, 0, 0x40, 0]));
        cut.pop();
        assert!(AssociationRequest::parse(&body(b"A               ", b"B               ", &[cut])).is_none());
    }

    #[test]
    fn a_body_without_the_fixed_part_is_no_request() {
        assert!(AssociationRequest::parse(&[0; 67]).is_none());
    }
}
