//! The words on the pictures: names, values, reasons.
//!
//! Input: terms and outcomes. Output: short English text, values rounded as in every output.

use crate::codes::Level;
use crate::codes::Term;
use crate::measure::Outcome;
use crate::units;

/// The line that every picture carries.
pub(super) const TECHNICAL_ONLY: &str = "Technical measurement only";

/// What a parameter is the attenuation of.
pub(super) fn subject(term: Term) -> &'static str {
    match term {
        Term::Th12Hu => "T12 vertebral body",
        Term::L1Hu => "L1 vertebral body",
        Term::L2Hu => "L2 vertebral body",
        Term::LiverHu => "Liver parenchyma",
        Term::SpleenHu => "Spleen parenchyma",
        Term::LiverSpleenDiff => "Liver minus spleen",
        Term::LiverSpleenRatio => "Liver divided by spleen",
    }
}

/// Level at which a parameter is measured.
pub(super) fn level(term: Term) -> Option<Level> {
    match term {
        Term::Th12Hu => Some(Level::T12),
        Term::L1Hu => Some(Level::L1),
        Term::L2Hu => Some(Level::L2),
        _ => None,
    }
}

/// Value with unit, or `not measured`.
pub(super) fn result(term: Term, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Measured { value, .. } if term == Term::LiverSpleenRatio => {
            format!("{:.3}", units::round(*value, units::RATIO_DECIMALS))
        }
        Outcome::Measured { value, .. } => {
            format!("{:.2} {}", units::round(*value, units::MEAN_DECIMALS), term.unit())
        }
        Outcome::NotMeasured { .. } => "not measured".to_owned(),
    }
}

/// Flags of a value, or the reason why there is none.
pub(super) fn remark(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Measured { flags, .. } if flags.is_empty() => "no flags".to_owned(),
        Outcome::Measured { flags, .. } => format!("flags: {}", flags.join(", ")),
        Outcome::NotMeasured { reason, detail, blocked_by } => {
            let name = reason.name();
            let blocking: Vec<&str> = blocked_by.iter().map(|term| term.name()).collect();
            match (detail.is_empty() || *detail == name, blocking.is_empty()) {
                (_, false) => format!("{name}: {}", blocking.join(", ")),
                (false, true) => format!("{name}: {detail}"),
                (true, true) => name.to_owned(),
            }
        }
    }
}

/// Whether there is a value.
pub(super) fn is_measured(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Measured { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Reason;

    #[test]
    fn values_have_two_decimals_and_their_unit() {
        let measured = Outcome::Measured { value: 127.305, flags: vec![] };
        assert_eq!(result(Term::L1Hu, &measured), "127.31 HU");
        assert_eq!(result(Term::LiverSpleenRatio, &Outcome::Measured { value: 0.9, flags: vec![] }), "0.900");
    }

    #[test]
    fn a_refusal_tells_reason_and_detail() {
        let reason = Reason::LevelNotIdentified;
        let refused = Outcome::NotMeasured { reason, detail: "rib_cut", blocked_by: vec![] };
        assert_eq!(remark(&refused), "level_not_identified: rib_cut");
        let reason = Reason::DependencyNotMeasured;
        let refused = Outcome::NotMeasured { reason, detail: "x", blocked_by: vec![Term::SpleenHu] };
        assert_eq!(remark(&refused), "dependency_not_measured: SPLEEN_HU");
    }
}
