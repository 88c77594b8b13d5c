//! Identifiers: UIDs, AE titles, series keys; pseudonymous keys and derived UIDs.
//!
//! Input: text as received. Output: types that cannot be wrong.
//! Errors: [`IdentityError`].
//! Source: PS3.5 9.1 (UID), PS3.5 6.2 (AE), PS3.8 9.3.2 (titles), RFC 9562 and PS3.5 B.2 (UUID-derived UIDs).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Longest UID (PS3.5 9.1).
pub const UID_LENGTH_MAX: usize = 64;
/// Longest AE title (PS3.5 6.2).
pub const AE_TITLE_LENGTH_MAX: usize = 16;

/// Why an identifier was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not digits and dots, empty, or too long.
    #[error("{text:?} is not a UID (digits and dots, 1 to 64 characters)")]
    Uid {
        /// What was found.
        text: String,
    },
    /// Empty, too long or with control characters.
    #[error("{text:?} is not an AE title (1 to 16 printable characters, no backslash)")]
    AeTitle {
        /// What was found.
        text: String,
    },
}

/// A DICOM unique identifier. Leading zeros in a component are tolerated: old archives write them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(String);

impl Uid {
    /// Parses a UID; trailing NUL and blanks are padding and are cut.
    pub fn parse(text: &str) -> Result<Uid, IdentityError> {
        let trimmed = text.trim_matches(['\0', ' ']);
        let valid = !trimmed.is_empty()
            && trimmed.len() <= UID_LENGTH_MAX
            && trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && !trimmed.starts_with('.')
            && !trimmed.ends_with('.')
            && !trimmed.contains("..");
        if valid { Ok(Uid(trimmed.to_owned())) } else { Err(IdentityError::Uid { text: clip(text) }) }
    }

    /// The UID without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A UID of our own, derived from `parts`: equal parts give the equal UID (PS3.5 B.2, UUID version 5 form).
    pub fn derive(parts: &[&str]) -> Uid {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let namespace = uuid::Uuid::NAMESPACE_OID;
        let derived = uuid::Uuid::new_v5(&namespace, &digest.finalize());
        Uid(format!("2.25.{}", derived.as_u128()))
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An application entity title, compared without regard to case.
#[derive(Debug, Clone)]
pub struct AeTitle(String);

impl AeTitle {
    /// Parses a title as received: cut at the first NUL, blanks trimmed.
    pub fn parse(text: &str) -> Result<AeTitle, IdentityError> {
        let trimmed = text.split('\0').next().unwrap_or_default().trim();
        let valid = !trimmed.is_empty()
            && trimmed.len() <= AE_TITLE_LENGTH_MAX
            && trimmed.chars().all(|letter| !letter.is_control() && letter != '\\');
        if valid { Ok(AeTitle(trimmed.to_owned())) } else { Err(IdentityError::AeTitle { text: clip(text) }) }
    }

    /// The title as written by its owner.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for AeTitle {
    fn eq(&self, other: &AeTitle) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for AeTitle {}

impl std::hash::Hash for AeTitle {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_ascii_uppercase().hash(state);
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What makes one series: the AE title it was sent to and its Series Instance UID.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesKey {
    /// Title of the application entity that received it.
    pub called: AeTitle,
    /// Series Instance UID.
    pub series_instance_uid: Uid,
}

/// The site secret: 32 random bytes that key every pseudonym.
#[derive(Clone)]
pub struct SiteSecret(
    /// The bytes; never written to any output.
    pub [u8; 32],
);

/// What a pseudonymous key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Study Instance UID.
    Study,
    /// Series Instance UID.
    Series,
    /// Frame of Reference UID.
    Frame,
    /// SOP Instance UID.
    Instance,
    /// Patient ID.
    Subject,
}

impl KeyKind {
    fn word(self) -> &'static str {
        match self {
            KeyKind::Study => "study",
            KeyKind::Series => "series",
            KeyKind::Frame => "frame",
            KeyKind::Instance => "instance",
            KeyKind::Subject => "subject",
        }
    }
}

impl SiteSecret {
    /// 32 hexadecimal digits: the first 16 bytes of HMAC-SHA256(secret, kind, NUL, identifier).
    pub fn key_hex(&self, kind: KeyKind, identifier: &str) -> String {
        // An HMAC takes keys of every length, so this never fails for 32 bytes.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(kind.word().as_bytes());
        mac.update(&[0]);
        mac.update(identifier.as_bytes());
        hex(&mac.finalize().into_bytes()[..16])
    }

    /// `k1:` and the 32 digits.
    pub fn key(&self, kind: KeyKind, identifier: &str) -> String {
        format!("k1:{}", self.key_hex(kind, identifier))
    }
}

/// Lower-case hexadecimal text of bytes.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_no_part_of_a_uid() {
        assert_eq!(Uid::parse("1.2.840\0").unwrap(), Uid::parse("1.2.840 ").unwrap());
        assert!(Uid::parse("../../etc/x").is_err());
        assert!(Uid::parse("1.2.05453119.038").is_ok());
    }

    #[test]
    fn titles_compare_without_case_and_padding() {
        assert_eq!(AeTitle::parse("ct01\0\0\0").unwrap(), AeTitle::parse("CT01    ").unwrap());
        assert!(AeTitle::parse("                ").is_err());
    }

    #[test]
    fn derived_uids_repeat_and_differ() {
        assert_eq!(Uid::derive(&["a", "b"]), Uid::derive(&["a", "b"]));
        assert_ne!(Uid::derive(&["a", "b"]), Uid::derive(&["ab", ""]));
        assert!(Uid::derive(&["a"]).as_str().len() <= UID_LENGTH_MAX);
    }
}
