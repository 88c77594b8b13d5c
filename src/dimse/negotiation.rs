//! Which SOP classes and transfer syntaxes are accepted, and the answer to a proposal.
//!
//! Input: proposed presentation contexts and the [`Policy`] of the application entity that is called.
//! Output: one result per context, in the order of the proposal; a context of an accepted SOP class gets the transfer
//! syntax that stands first in the policy among those proposed.
//! Source: PS3.8 7.1.1.13, 9.3.3.2; PS3.6 annex A (UIDs and names); PS3.4 annex B.5 (storage SOP classes).

use std::collections::BTreeSet;

use dicom_ul::pdu::{PresentationContextProposed, PresentationContextResult, PresentationContextResultReason};

/// A UID and its name as in PS3.6, without the additions in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The UID.
    pub uid: &'static str,
    /// Its name.
    pub name: &'static str,
}

const fn named(uid: &'static str, name: &'static str) -> Named {
    Named { uid, name }
}

/// SOP class of C-ECHO.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Implicit VR Little Endian: the default transfer syntax, which every proposal may contain.
pub const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
/// Explicit VR Little Endian.
pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";

/// Every SOP class the node can accept.
pub const SOP_CLASSES: &[Named] = &[
    named(VERIFICATION, "Verification SOP Class"),
    named("1.2.840.10008.5.1.4.1.1.2", "CT Image Storage"),
    named("1.2.840.10008.5.1.4.1.1.2.1", "Enhanced CT Image Storage"),
    named("1.2.840.10008.5.1.4.1.1.2.2", "Legacy Converted Enhanced CT Image Storage"),
    named("1.2.840.10008.5.1.4.1.1.66.4", "Segmentation Storage"),
    named("1.2.840.10008.5.1.4.1.1.481.3", "RT Structure Set Storage"),
    named("1.2.840.10008.5.1.4.1.1.88.22", "Enhanced SR Storage"),
    named("1.2.840.10008.5.1.4.1.1.88.33", "Comprehensive SR Storage"),
    named("1.2.840.10008.5.1.4.1.1.88.34", "Comprehensive 3D SR Storage"),
    named("1.2.840.10008.5.1.4.1.1.7", "Secondary Capture Image Storage"),
];

/// Every transfer syntax the node can accept, in the default order of preference: uncompressed, then lossless, then
/// lossy, so that a sender able to convert is not asked for a lossy copy. Bytes are kept as received in each of them;
/// whether pixels can be decoded is decided when they are read.
pub const TRANSFER_SYNTAXES: &[Named] = &[
    named(EXPLICIT_VR_LITTLE_ENDIAN, "Explicit VR Little Endian"),
    named(IMPLICIT_VR_LITTLE_ENDIAN, "Implicit VR Little Endian"),
    named("1.2.840.10008.1.2.1.99", "Deflated Explicit VR Little Endian"),
    named("1.2.840.10008.1.2.2", "Explicit VR Big Endian"),
    named("1.2.840.10008.1.2.5", "RLE Lossless"),
    named("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction"),
    named("1.2.840.10008.1.2.4.57", "JPEG Lossless, Non-Hierarchical (Process 14)"),
    named("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless"),
    named("1.2.840.10008.1.2.4.90", "JPEG 2000 (Lossless Only)"),
    named("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 (Lossless Only)"),
    named("1.2.840.10008.1.2.4.202", "High-Throughput JPEG 2000 with RPCL Options (Lossless Only)"),
    named("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"),
    named("1.2.840.10008.1.2.4.111", "JPEG XL JPEG Recompression"),
    named("1.2.840.10008.1.2.4.81", "JPEG-LS Lossy (Near-Lossless)"),
    named("1.2.840.10008.1.2.4.91", "JPEG 2000"),
    named("1.2.840.10008.1.2.4.203", "High-Throughput JPEG 2000"),
    named("1.2.840.10008.1.2.4.112", "JPEG XL"),
    named("1.2.840.10008.1.2.4.51", "JPEG Extended (Process 2 and 4)"),
    named("1.2.840.10008.1.2.4.50", "JPEG Baseline (Process 1)"),
];

/// Transfer syntaxes accepted for Verification, whose messages carry no data set.
pub const VERIFICATION_SYNTAXES: &[&str] =
    &[EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.2"];

/// The name of a UID of the two tables.
pub fn name_of(uid: &str) -> Option<&'static str> {
    SOP_CLASSES.iter().chain(TRANSFER_SYNTAXES).find(|entry| entry.uid == uid).map(|entry| entry.name)
}

/// What one application entity accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Accepted storage SOP classes (Verification is always accepted).
    pub sop_classes: Vec<String>,
    /// Accepted transfer syntaxes, the preferred one first.
    pub transfer_syntaxes: Vec<String>,
}

impl Default for Policy {
    fn default() -> Policy {
        let uids = |table: &[Named]| table.iter().map(|entry| entry.uid.to_owned()).collect();
        Policy { sop_classes: uids(SOP_CLASSES), transfer_syntaxes: uids(TRANSFER_SYNTAXES) }
    }
}

impl Policy {
    /// The answer to one proposal. A context that cannot be used is refused alone, never the association.
    pub fn answer(&self, proposed: &[PresentationContextProposed]) -> Vec<PresentationContextResult> {
        let mut answered = BTreeSet::new();
        proposed.iter().filter(|context| answered.insert(context.id)).map(|context| self.answer_one(context)).collect()
    }

    fn answer_one(&self, context: &PresentationContextProposed) -> PresentationContextResult {
        let (reason, syntax) = if context.id.is_multiple_of(2) || context.abstract_syntax.is_empty() {
            (PresentationContextResultReason::UserRejection, None)
        } else if !self.accepts_class(&context.abstract_syntax) {
            (PresentationContextResultReason::AbstractSyntaxNotSupported, None)
        } else {
            match self.preferred(context) {
                Some(syntax) => (PresentationContextResultReason::Acceptance, Some(syntax)),
                None => (PresentationContextResultReason::TransferSyntaxesNotSupported, None),
            }
        };
        // The syntax of a refused context is not significant, but some requestors fail when it is missing or empty.
        let transfer_syntax = syntax.unwrap_or(IMPLICIT_VR_LITTLE_ENDIAN).to_owned();
        PresentationContextResult { id: context.id, reason, transfer_syntax }
    }

    fn accepts_class(&self, sop_class: &str) -> bool {
        sop_class == VERIFICATION || self.sop_classes.iter().any(|accepted| accepted == sop_class)
    }

    fn preferred(&self, context: &PresentationContextProposed) -> Option<&str> {
        let proposes = |syntax: &str| context.transfer_syntaxes.iter().any(|proposed| proposed == syntax);
        if context.abstract_syntax == VERIFICATION {
            return VERIFICATION_SYNTAXES.iter().copied().find(|syntax| proposes(syntax));
        }
        self.transfer_syntaxes.iter().map(String::as_str).find(|syntax| proposes(syntax))
    }
}

/// A context on which messages may be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedContext {
    /// Presentation context identifier.
    pub id: u8,
    /// Abstract syntax.
    pub sop_class_uid: String,
    /// Accepted transfer syntax.
    pub transfer_syntax_uid: String,
}

/// The accepted ones of `results`, with the abstract syntax that was `proposed` for them.
pub(super) fn accepted(
    proposed: &[PresentationContextProposed],
    results: &[PresentationContextResult],
) -> Vec<AcceptedContext> {
    let accepted = results.iter().filter(|result| result.reason == PresentationContextResultReason::Acceptance);
    accepted
        .filter_map(|result| {
            let context = proposed.iter().find(|context| context.id == result.id)?;
            Some(AcceptedContext {
                id: result.id,
                sop_class_uid: context.abstract_syntax.clone(),
                transfer_syntax_uid: result.transfer_syntax.clone(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

    fn context(id: u8, class: &str, syntaxes: &[&str]) -> PresentationContextProposed {
        PresentationContextProposed {
            id,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: syntaxes.iter().map(|&syntax| syntax.to_owned()).collect(),
        }
    }

    #[test]
    fn uids_of_the_tables_are_unique_and_valid() {
        for table in [SOP_CLASSES, TRANSFER_SYNTAXES] {
            let uids: BTreeSet<&str> = table.iter().map(|entry| entry.uid).collect();
            assert_eq!(uids.len(), table.len());
            assert!(uids.iter().all(|uid| crate::identity::Uid::parse(uid).is_ok()));
        }
    }

    #[test]
    fn our_preference_wins_over_the_order_of_the_proposal() {
        let proposal =
            [context(1, CT, &["1.2.840.10008.1.2.4.91", IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN])];
        let answer = Policy::default().answer(&proposal);
        assert_eq!(answer[0].transfer_syntax, EXPLICIT_VR_LITTLE_ENDIAN);
    }

    #[test]
    fn each_unusable_context_is_refused_alone_with_its_reason() {
        use PresentationContextResultReason::*;
        let proposal = [
            context(1, CT, &[IMPLICIT_VR_LITTLE_ENDIAN]),
            context(2, CT, &[IMPLICIT_VR_LITTLE_ENDIAN]),
            context(3, "1.2.3", &[IMPLICIT_VR_LITTLE_ENDIAN]),
            context(5, CT, &["1.2.3"]),
            context(7, CT, &[]),
            context(9, "", &[IMPLICIT_VR_LITTLE_ENDIAN]),
            context(1, "1.2.3", &[]),
        ];
        let reasons: Vec<_> = Policy::default().answer(&proposal).into_iter().map(|result| result.reason).collect();
        let expected = [
            Acceptance,
            UserRejection,
            AbstractSyntaxNotSupported,
            TransferSyntaxesNotSupported,
            TransferSyntaxesNotSupported,
            UserRejection,
        ];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn verification_is_accepted_whatever_is_configured() {
        let policy = Policy { sop_classes: vec![], transfer_syntaxes: vec![] };
        let answer = policy.answer(&[context(1, VERIFICATION, &[IMPLICIT_VR_LITTLE_ENDIAN])]);
        assert_eq!(answer[0].reason, PresentationContextResultReason::Acceptance);
    }
}
