//! Liver minus spleen and liver divided by spleen (definition set, section 2.6).
//!
//! Input: both measured organs as they will be published. Output: difference and ratio of the rounded values, so that
//! a reader of the output can repeat them; native phase only.

use crate::checks::Check;
use crate::checks::Observed;
use crate::checks::Scope;
use crate::checks::Verdict;
use crate::codes::Reason;
use crate::codes::Term;
use crate::measure::Outcome;
use crate::measure::TargetMeasurement;

use super::Series;
use super::add_flag;
use super::published;

/// Difference and ratio of `[liver, spleen]`.
pub(super) fn difference_and_ratio(organs: &[TargetMeasurement; 2], series: &Series) -> [TargetMeasurement; 2] {
    [
        derive(Term::LiverSpleenDiff, organs, series, |liver, spleen| liver - spleen),
        derive(Term::LiverSpleenRatio, organs, series, |liver, spleen| liver / spleen),
    ]
}

fn derive(
    term: Term,
    organs: &[TargetMeasurement; 2],
    series: &Series,
    formula: impl Fn(f64, f64) -> f64,
) -> TargetMeasurement {
    let scope = || Scope::Terms(vec![term]);
    let phase = series.phase.phase.name().to_owned();
    let mut checks = vec![Check::against("phase@difference", scope(), Some(Observed::Text(phase)))];
    let refused = |reason, detail, blocked_by| Outcome::NotMeasured { reason, detail, blocked_by };
    let refusal = series.refusal(term).or_else(|| first_refusal(&checks));
    let missing: Vec<Term> = organs
        .iter()
        .filter(|organ| !matches!(organ.outcome, Outcome::Measured { .. }))
        .map(|organ| organ.term)
        .collect();
    let outcome = match (refusal, organs) {
        (Some((reason, detail)), _) => refused(reason, detail, Vec::new()),
        (
            None,
            [
                TargetMeasurement { outcome: Outcome::Measured { value: liver, flags: liver_flags }, .. },
                TargetMeasurement { outcome: Outcome::Measured { value: spleen, flags: spleen_flags }, .. },
            ],
        ) => {
            let (liver, spleen) = (published(*liver), published(*spleen));
            if term == Term::LiverSpleenRatio {
                checks.push(Check::against("ratio_denominator", scope(), Some(Observed::Number(spleen))));
            }
            match first_refusal(&checks) {
                Some((reason, detail)) => refused(reason, detail, Vec::new()),
                None => {
                    let mut flags = Vec::new();
                    liver_flags.iter().chain(spleen_flags).for_each(|flag| add_flag(&mut flags, flag));
                    Outcome::Measured { value: formula(liver, spleen), flags }
                }
            }
        }
        (None, _) => refused(Reason::DependencyNotMeasured, "operand_not_measured", missing),
    };
    TargetMeasurement { term, outcome, regions: Vec::new(), checks }
}

fn first_refusal(checks: &[Check]) -> Option<(Reason, &'static str)> {
    checks.iter().find(|check| check.verdict == Verdict::Refuse).map(|check| (check.reason, check.name))
}
