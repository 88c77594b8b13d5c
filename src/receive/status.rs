//! How a C-STORE is answered.
//!
//! Input: none. Output: the one table of status codes and the refusal that carries one with its comment.
//! Source: PS3.4 B.2.3 (storage), PS3.7 annex C (general). Nothing else writes Status (0000,0900) of a C-STORE.

use std::fmt;

/// Longest Error Comment (0000,0902): VR LO.
pub const COMMENT_LENGTH_MAX: usize = 64;

/// Status of a C-STORE response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreStatus {
    /// The object would survive power loss.
    Success,
    /// Disk or another limit.
    OutOfResources,
    /// SOP class or instance of the command is not that of the data set.
    DataSetMismatch,
    /// The data set cannot be read; it may be kept aside.
    CannotUnderstand,
    /// The node failed.
    ProcessingFailure,
    /// The SOP class is not taken on this association.
    SopClassNotSupported,
    /// The caller may not store.
    NotAuthorized,
    /// Another object has this SOP Instance UID.
    DuplicateSopInstance,
    /// The SOP Instance UID is missing or no UID.
    InvalidSopInstance,
}

impl StoreStatus {
    /// Every status.
    pub const ALL: &'static [StoreStatus] = &[
        StoreStatus::Success,
        StoreStatus::OutOfResources,
        StoreStatus::DataSetMismatch,
        StoreStatus::CannotUnderstand,
        StoreStatus::ProcessingFailure,
        StoreStatus::SopClassNotSupported,
        StoreStatus::NotAuthorized,
        StoreStatus::DuplicateSopInstance,
        StoreStatus::InvalidSopInstance,
    ];

    /// The code on the wire.
    pub fn code(self) -> u16 {
        match self {
            StoreStatus::Success => 0x0000,
            StoreStatus::OutOfResources => 0xA700,
            StoreStatus::DataSetMismatch => 0xA900,
            StoreStatus::CannotUnderstand => 0xC000,
            StoreStatus::ProcessingFailure => 0x0110,
            StoreStatus::SopClassNotSupported => 0x0122,
            StoreStatus::NotAuthorized => 0x0124,
            StoreStatus::DuplicateSopInstance => 0x0111,
            StoreStatus::InvalidSopInstance => 0x0117,
        }
    }

    /// What it means, as the conformance statement says it.
    pub fn meaning(self) -> &'static str {
        match self {
            StoreStatus::Success => "Success",
            StoreStatus::OutOfResources => "Refused: Out of Resources",
            StoreStatus::DataSetMismatch => "Error: Data Set does not match SOP Class",
            StoreStatus::CannotUnderstand => "Error: Cannot understand",
            StoreStatus::ProcessingFailure => "Processing failure",
            StoreStatus::SopClassNotSupported => "Refused: SOP Class not supported",
            StoreStatus::NotAuthorized => "Refused: Not authorized",
            StoreStatus::DuplicateSopInstance => "Duplicate SOP Instance",
            StoreStatus::InvalidSopInstance => "Invalid SOP Instance",
        }
    }
}

impl fmt::Display for StoreStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04X} {}", self.code(), self.meaning())
    }
}

/// Why an object is not kept, as the sender is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {comment}")]
pub struct Refusal {
    /// Status (0000,0900).
    pub status: StoreStatus,
    /// Error Comment (0000,0902): printable ASCII, at most 64 characters.
    pub comment: String,
}

impl Refusal {
    /// A refusal whose comment is made to fit: cut to 64 characters, what LO does not allow replaced.
    pub fn new(status: StoreStatus, comment: &str) -> Refusal {
        let fitting = |letter: char| if matches!(letter, ' '..='~') && letter != '\\' { letter } else { '?' };
        Refusal { status, comment: comment.chars().take(COMMENT_LENGTH_MAX).map(fitting).collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_only_success_is_zero() {
        let codes: BTreeSet<u16> = StoreStatus::ALL.iter().map(|status| status.code()).collect();
        assert_eq!(codes.len(), StoreStatus::ALL.len());
        assert!(StoreStatus::ALL.iter().all(|&status| (status.code() == 0) == (status == StoreStatus::Success)));
    }

    #[test]
    fn a_comment_is_made_to_fit_its_representation() {
        let refusal = Refusal::new(StoreStatus::OutOfResources, &format!("a\\b\u{e9}\n{}", "x".repeat(100)));
        assert_eq!(refusal.comment.len(), COMMENT_LENGTH_MAX);
        assert!(refusal.comment.starts_with("a?b??x"));
    }
}
