//! `checks` and `quality_flags` of one document.

use super::RsifError;
use super::build::Context;
use super::model;
use super::model::Number;
use crate::checks::Bound;
use crate::checks::Check;
use crate::checks::Observed;
use crate::checks::Scope;
use crate::checks::Verdict;
use crate::codes::Term;
use crate::measure::Outcome;
use crate::measure::TargetMeasurement;
use crate::units;

/// Largest observation that is written.
const OBSERVED_MAX: f64 = 999_999_999.0;

/// The checks of one document with their identifiers.
pub(super) struct Listed<'a>(Vec<(String, &'a Check)>);

impl<'a> Listed<'a> {
    /// Series checks, then those of the targets, each once; checks of other analyses are left out.
    pub(super) fn of(context: &Context<'a>) -> Listed<'a> {
        let targets = context.targets().flat_map(|target| &target.checks);
        let mut kept: Vec<&Check> = Vec::new();
        for check in context.record.checks.iter().chain(targets) {
            let concerns = context.terms().any(|term| check.applies_to(term));
            if concerns && !kept.contains(&check) {
                kept.push(check);
            }
        }
        let numbered = kept.into_iter().enumerate().map(|(position, check)| (format!("c{:02}", position + 1), check));
        Listed(numbered.collect())
    }

    /// Identifiers and names of the checks that refuse a term.
    pub(super) fn refusing(&self, term: Term) -> Vec<(String, &'static str)> {
        self.0
            .iter()
            .filter(|(_, check)| check.verdict == Verdict::Refuse && check.applies_to(term))
            .map(|(id, check)| (id.clone(), check.name))
            .collect()
    }

    /// The `checks` array.
    pub(super) fn fields(&self, context: &Context<'_>) -> Result<Vec<model::Check>, RsifError> {
        self.0.iter().map(|(id, check)| fields(id, check, context)).collect()
    }

    /// The `quality_flags` array: flagging checks, then the flags of targets that no check carries.
    pub(super) fn flags(&self, context: &Context<'_>) -> Vec<model::QualityFlag> {
        let flagging = self.0.iter().filter(|(_, check)| check.verdict == Verdict::Flag);
        let mut flags: Vec<model::QualityFlag> = flagging
            .map(|(id, check)| model::QualityFlag {
                code: check.name,
                applies_to: applies_to(&check.scope, context),
                check: Some(id.clone()),
            })
            .collect();
        let by_checks = flags.len();
        for target in context.targets() {
            for &code in own_flags(target, context) {
                let name = target.term.name();
                let carried = flags[..by_checks].iter().any(|flag| {
                    flag.code == code && (flag.applies_to.contains(&name) || flag.applies_to == ["series"])
                });
                if carried {
                    continue;
                }
                match flags[by_checks..].iter_mut().find(|flag| flag.code == code) {
                    Some(flag) if flag.applies_to.contains(&name) => {}
                    Some(flag) => flag.applies_to.push(name),
                    None => flags.push(model::QualityFlag { code, applies_to: vec![name], check: None }),
                }
            }
        }
        flags
    }
}

/// Flags of a measured target that it has not merely inherited from its operands.
fn own_flags<'a>(target: &'a TargetMeasurement, context: &'a Context<'_>) -> impl Iterator<Item = &'a &'static str> {
    let inherited = move |code: &&&'static str| {
        super::words::formula(target.term).is_some()
            && context
                .targets()
                .filter(|other| super::words::formula(other.term).is_none())
                .any(|other| matches!(&other.outcome, Outcome::Measured { flags, .. } if flags.contains(code)))
    };
    let flags: &[&'static str] = match &target.outcome {
        Outcome::Measured { flags, .. } => flags,
        Outcome::NotMeasured { .. } => &[],
    };
    flags.iter().filter(move |code| !inherited(code))
}

fn fields(id: &str, check: &Check, context: &Context<'_>) -> Result<model::Check, RsifError> {
    let observed = match &check.observed {
        None => None,
        Some(Observed::Number(value)) => Some(observed_number(*value)?),
        Some(Observed::Text(word)) => Some(model::Scalar::Text(word.clone())),
        Some(Observed::Bool(value)) => Some(model::Scalar::Bool(*value)),
    };
    Ok(model::Check {
        id: id.to_owned(),
        name: check.name,
        applies_to: applies_to(&check.scope, context),
        observed,
        unit: check.unit,
        limit: model::Limit {
            pass: bound(&check.limit.pass)?,
            flag: check.limit.flag.as_ref().map(bound).transpose()?,
        },
        verdict: check.verdict.name(),
    })
}

/// `["series"]`, or the terms of this document to which a check applies.
fn applies_to(scope: &Scope, context: &Context<'_>) -> Vec<&'static str> {
    match scope {
        Scope::Series => vec!["series"],
        Scope::Terms(terms) => context.terms().filter(|term| terms.contains(term)).map(Term::name).collect(),
    }
}

fn bound(bound: &Bound) -> Result<model::Bound, RsifError> {
    use model::BoundValue;
    let (op, value) = match bound {
        Bound::AtMost(limit) => ("<=", BoundValue::Number(number(*limit)?)),
        Bound::AtLeast(limit) => (">=", BoundValue::Number(number(*limit)?)),
        Bound::Between(low, high) => ("between", BoundValue::Ends(vec![number(*low)?, number(*high)?])),
        Bound::In(words) => ("in", BoundValue::Words(words.to_vec())),
        Bound::NotIn(words) => ("not_in", BoundValue::Words(words.to_vec())),
        Bound::Is(expected) => ("==", BoundValue::Bool(*expected)),
    };
    Ok(model::Bound { op, value })
}

/// An observation that cannot be written as it is keeps its verdict: beyond the largest number it is cut there, and what
/// is no number is said to be none.
fn observed_number(value: f64) -> Result<model::Scalar, RsifError> {
    if value.is_nan() {
        return Ok(model::Scalar::Text("not_a_number".to_owned()));
    }
    number(value.clamp(-OBSERVED_MAX, OBSERVED_MAX)).map(model::Scalar::Number)
}

/// Checks are rounded to 3 decimals where they are evaluated.
fn number(value: f64) -> Result<Number, RsifError> {
    Number::rounded(value, units::LENGTH_DECIMALS, "checks")
}
