//! What peers do that the standard does not allow and that does no harm.
//!
//! Input: none. Output: a closed list, so that a set of them is bounded; each has a stable code for logs and receipts.
//! Source: oddities seen in products, PS3.8 9.3 for what the standard says instead.

use std::collections::BTreeSet;
use std::fmt;

/// The quirks of one association, in the order of [`Quirk`].
pub type Quirks = BTreeSet<Quirk>;

macro_rules! quirks {
    ($($(#[$doc:meta])* $name:ident => $code:literal,)*) => {
        /// A departure from the standard that was understood and tolerated.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Quirk { $($(#[$doc])* $name,)* }

        impl Quirk {
            /// Every quirk.
            pub const ALL: &'static [Quirk] = &[$(Quirk::$name,)*];

            /// The stable code written to logs and receipts.
            pub fn code(self) -> &'static str {
                match self { $(Quirk::$name => $code,)* }
            }
        }
    };
}

quirks! {
    /// An AE title padded or cut with NUL instead of blanks.
    NulInTitle => "nul_in_title",
    /// An AE title with bytes outside printable ASCII.
    NonAsciiTitle => "non_ascii_title",
    /// No calling AE title at all.
    BlankCallingTitle => "blank_calling_title",
    /// A UID padded with NUL or blank in an association item.
    PaddedUid => "padded_uid",
    /// Protocol version bits besides bit 0.
    ProtocolVersionBits => "protocol_version_bits",
    /// A variable item of unknown type.
    UnknownItem => "unknown_item",
    /// A sub-item of unknown type in a presentation context.
    UnknownContextItem => "unknown_context_item",
    /// A user information item of unknown type, or one that is ignored.
    UnknownUserItem => "unknown_user_item",
    /// A user information item whose lengths do not fit.
    MalformedUserItem => "malformed_user_item",
    /// An item length that reaches beyond its parent, or stray bytes at the end.
    StrayBytes => "stray_bytes",
    /// A presentation context without abstract syntax, or with an identifier that is even or zero.
    MalformedContext => "malformed_context",
    /// A presentation context identifier used twice; the first one counts.
    RepeatedContext => "repeated_context",
    /// No user information, or no maximum length in it.
    MissingMaximumLength => "missing_maximum_length",
    /// A role selection item of wrong size.
    OddRoleSelection => "odd_role_selection",
    /// A user identity, which is noted and not checked.
    UserIdentity => "user_identity",
    /// A release or abort PDU that is not four bytes long.
    OddLengthPdu => "odd_length_pdu",
    /// A P-DATA PDU longer than announced.
    LongDataPdu => "long_data_pdu",
    /// A P-DATA PDU without any fragment.
    EmptyDataPdu => "empty_data_pdu",
    /// A fragment without data that is not the last one.
    EmptyFragment => "empty_fragment",
    /// Reserved bits set in a message control header.
    ControlHeaderBits => "control_header_bits",
    /// A command set without or with a wrong group length.
    CommandGroupLength => "command_group_length",
    /// A command set with elements that are not in ascending order.
    CommandOrder => "command_order",
    /// A UID in a command set padded with a blank.
    BlankPaddedCommandUid => "blank_padded_command_uid",
    /// A C-STORE request whose SOP class is not that of its presentation context.
    AffectedClassDiffers => "affected_class_differs",
    /// A response to a question that was never asked.
    UnaskedResponse => "unasked_response",
    /// The line was closed without a release after the last answer.
    ClosedWithoutRelease => "closed_without_release",
}

impl fmt::Display for Quirk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let codes: BTreeSet<&str> = Quirk::ALL.iter().map(|quirk| quirk.code()).collect();
        assert_eq!(codes.len(), Quirk::ALL.len());
    }
}
