//! Named suitability checks: what was observed, against which limit, with which verdict.
//!
//! Input: observed values from `volume`, `anatomy` and `measure`.
//! Output: [`Check`] values, which go unchanged into every record.
//! Limits stand in one table, [`rows`], versioned by `codes::DEFINITION_SET`: series, vertebrae and organs, a file each.

mod organ;
mod series;
mod vertebra;

use crate::codes::Reason;
use crate::codes::Term;

/// What one check concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Within the pass limit.
    Pass,
    /// Outside the pass limit, inside the flag limit: the value stays and carries the check's name as flag.
    Flag,
    /// Outside both limits: the value is not given.
    Refuse,
    /// What the check needs was not available.
    NotEvaluated,
}

impl Verdict {
    /// The word of the outputs.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Flag => "flag",
            Verdict::Refuse => "refuse",
            Verdict::NotEvaluated => "not_evaluated",
        }
    }
}

/// What a check observed.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// A number in the check's unit; already rounded as it will be written.
    Number(f64),
    /// A word (phase, kernel class, SOP class ...).
    Text(String),
    /// A truth value.
    Bool(bool),
}

/// One side of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// `<=`
    AtMost(f64),
    /// `>=`
    AtLeast(f64),
    /// `between`, both ends included.
    Between(f64, f64),
    /// `in`
    In(&'static [&'static str]),
    /// `not_in`
    NotIn(&'static [&'static str]),
    /// `==` on a truth value.
    Is(bool),
}

impl Bound {
    /// Whether an observation lies within this bound; an observation of another kind never does.
    pub fn holds(&self, observed: &Observed) -> bool {
        match (self, observed) {
            (Bound::AtMost(limit), Observed::Number(value)) => value <= limit,
            (Bound::AtLeast(limit), Observed::Number(value)) => value >= limit,
            (Bound::Between(low, high), Observed::Number(value)) => low <= value && value <= high,
            (Bound::In(words), Observed::Text(word)) => words.contains(&word.as_str()),
            (Bound::NotIn(words), Observed::Text(word)) => !words.contains(&word.as_str()),
            (Bound::Is(expected), Observed::Bool(value)) => expected == value,
            _ => false,
        }
    }
}

/// Limit of a check: within `pass` it passes, else within `flag` it flags, else it refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Bound of the verdict `pass`.
    pub pass: Bound,
    /// Bound of the verdict `flag`; without it everything outside `pass` is refused.
    pub flag: Option<Bound>,
}

/// One row of the limits table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Key in the table: the check's name, or `name@context` where limits differ by context.
    pub key: &'static str,
    /// Unit of a numeric observation.
    pub unit: Option<&'static str>,
    /// The limit.
    pub limit: Limit,
    /// Reason code of a refusal.
    pub reason: Reason,
    /// Why these values.
    pub why: &'static str,
}

/// A row of the table: what is outside `pass` is flagged within `flag`, and refused otherwise.
const fn row(
    key: &'static str,
    unit: Option<&'static str>,
    pass: Bound,
    flag: Option<Bound>,
    reason: Reason,
    why: &'static str,
) -> Row {
    Row { key, unit, limit: Limit { pass, flag }, reason, why }
}

/// All rows of the limits table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    series::ROWS.iter().chain(vertebra::ROWS).chain(organ::ROWS)
}

/// To what a check applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The whole series.
    Series,
    /// Certain parameters.
    Terms(Vec<Term>),
}

/// One evaluated check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Name as in the definition set, e.g. `slice_thickness`.
    pub name: &'static str,
    /// To what it applies.
    pub scope: Scope,
    /// What was observed; `None` exactly when the verdict is `NotEvaluated`.
    pub observed: Option<Observed>,
    /// Unit of a numeric observation.
    pub unit: Option<&'static str>,
    /// The limit it was held against.
    pub limit: Limit,
    /// The conclusion.
    pub verdict: Verdict,
    /// The reason code that a refusal by this check gives.
    pub reason: Reason,
}

impl Check {
    /// Holds an observation against the row `key`; numbers are rounded to 3 decimals first, so that a reader of the
    /// output can repeat the verdict. The check's name is the key up to `@`.
    ///
    /// A key that is not in the table is a fault of the program; it gives a check that refuses with `internal_error`.
    pub fn against(key: &'static str, scope: Scope, observed: Option<Observed>) -> Check {
        let name = key.split('@').next().unwrap_or(key);
        let Some(row) = rows().find(|row| row.key == key) else {
            let limit = Limit { pass: Bound::Is(true), flag: None };
            let observed = Some(Observed::Bool(false));
            let verdict = Verdict::Refuse;
            return Check { name, scope, observed, unit: None, limit, verdict, reason: Reason::InternalError };
        };
        let observed = observed.map(|seen| match seen {
            Observed::Number(value) => Observed::Number(crate::units::round(value, 3)),
            other => other,
        });
        let verdict = match &observed {
            None => Verdict::NotEvaluated,
            Some(seen) if row.limit.pass.holds(seen) => Verdict::Pass,
            Some(seen) if row.limit.flag.is_some_and(|bound| bound.holds(seen)) => Verdict::Flag,
            Some(_) => Verdict::Refuse,
        };
        Check { name, scope, observed, unit: row.unit, limit: row.limit, verdict, reason: row.reason }
    }

    /// Whether the check applies to a parameter.
    pub fn applies_to(&self, term: Term) -> bool {
        match &self.scope {
            Scope::Series => true,
            Scope::Terms(terms) => terms.contains(&term),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_stands_once_and_says_why() {
        let mut seen = HashSet::new();
        for row in rows() {
            assert!(seen.insert(row.key), "{} stands twice", row.key);
            assert!(row.why.len() > 10, "{} does not say why", row.key);
        }
    }
}
