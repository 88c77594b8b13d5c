//! Numbers of a comparison: per parameter and over all.
//!
//! Input: a [`Comparison`]. Output: [`Summary`] and the points of the risk-coverage curve. In the unit of the parameter
//! (HU; ratio for the ratio). Sample deviation (n - 1); limits of agreement = mean +- 1.96 deviations.

use super::compare::{Comparison, Judged, Verdict};
use super::tables::Action;
use crate::codes::Term;

/// Half width of an interval that holds 95 % of a normal distribution (deviations).
const LIMITS_DEVIATIONS: f64 = 1.96;

/// Agreement of one parameter, or of all that are in HU.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// Name of the parameter, or `all`.
    pub parameter: &'static str,
    /// Rows of the table.
    pub rows: usize,
    /// Values with a reading.
    pub n: usize,
    /// Rows that say measure.
    pub wanted: usize,
    /// Values among them.
    pub given: usize,
    /// Mean of value minus reading.
    pub mean: Option<f64>,
    /// Mean of its size.
    pub mean_absolute: Option<f64>,
    /// Its deviation; needs two values.
    pub deviation: Option<f64>,
    /// Lower and upper 95 % limit of agreement; need two values.
    pub limits: Option<(f64, f64)>,
    /// Largest size.
    pub largest: Option<f64>,
    /// Values outside the tolerance.
    pub outside: usize,
    /// Values where refusal was right.
    pub wrongly_given: usize,
    /// Refusals where a value was wanted.
    pub refused: usize,
}

impl Agreement {
    /// Share of the wanted values that was given; `None` where none was wanted.
    pub fn coverage(&self) -> Option<f64> {
        (self.wanted > 0).then(|| self.given as f64 / self.wanted as f64)
    }
}

/// A point of the risk-coverage curve: the values with at most so many flags.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskPoint {
    /// Most flags of a value that counts.
    pub flags: usize,
    /// Share of all readings that has such a value.
    pub coverage: f64,
    /// Mean size of the difference (HU).
    pub mean_absolute: f64,
    /// Share of these values outside the tolerance.
    pub outside: f64,
}

/// Everything that is printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Parameters that the table has, in output order.
    pub parameters: Vec<Agreement>,
    /// All parameters in HU together.
    pub all: Agreement,
    /// From the most confident values to all.
    pub risk: Vec<RiskPoint>,
}

/// Summarises a comparison.
pub fn summarise(comparison: &Comparison) -> Summary {
    let of = |term: Term| comparison.rows.iter().filter(move |row| row.reading.term == term);
    let present = Term::ALL.into_iter().filter(|&term| of(term).next().is_some());
    let in_hu: Vec<&Judged> = comparison.rows.iter().filter(|row| row.reading.term.unit() == "HU").collect();
    Summary {
        parameters: present.map(|term| agreement(term.name(), &of(term).collect::<Vec<_>>())).collect(),
        all: agreement("all", &in_hu),
        risk: risk(&in_hu),
    }
}

fn agreement(parameter: &'static str, rows: &[&Judged]) -> Agreement {
    // A value where refusal was right is counted as that, not as a difference.
    let compared = rows.iter().filter(|row| row.verdict != Verdict::WronglyGiven);
    let differences: Vec<f64> = compared.filter_map(|row| row.difference()).collect();
    let count = |verdict: Verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let wanted: Vec<_> = rows.iter().filter(|row| row.reading.action == Action::Measure).collect();
    let mean = mean(&differences);
    let deviation = mean.and_then(|mean| deviation(&differences, mean));
    let sizes: Vec<f64> = differences.iter().map(|difference| difference.abs()).collect();
    Agreement {
        parameter,
        rows: rows.len(),
        n: differences.len(),
        wanted: wanted.len(),
        given: wanted.iter().filter(|row| row.value.is_some()).count(),
        mean,
        mean_absolute: self::mean(&sizes),
        deviation,
        limits: mean.zip(deviation).map(|(mean, sd)| (mean - LIMITS_DEVIATIONS * sd, mean + LIMITS_DEVIATIONS * sd)),
        largest: sizes.into_iter().max_by(f64::total_cmp),
        outside: count(Verdict::Outside),
        wrongly_given: count(Verdict::WronglyGiven),
        refused: count(Verdict::Refused),
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn deviation(values: &[f64], mean: f64) -> Option<f64> {
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// The curve steps where the number of flags does, so that ties have no order.
fn risk(rows: &[&Judged]) -> Vec<RiskPoint> {
    let with_reading: Vec<_> =
        rows.iter().filter(|row| row.reading.value.is_some() && row.verdict != Verdict::WronglyGiven).collect();
    let mut steps: Vec<usize> = with_reading.iter().filter(|row| row.value.is_some()).map(|row| row.flags).collect();
    steps.sort_unstable();
    steps.dedup();
    let point = |flags: usize| {
        let kept: Vec<_> = with_reading.iter().filter(|row| row.value.is_some() && row.flags <= flags).collect();
        let sizes: Vec<f64> = kept.iter().filter_map(|row| row.difference()).map(f64::abs).collect();
        let outside = kept.iter().filter(|row| row.verdict == Verdict::Outside).count();
        RiskPoint {
            flags,
            coverage: kept.len() as f64 / with_reading.len() as f64,
            mean_absolute: mean(&sizes).unwrap_or(0.0),
            outside: outside as f64 / kept.len() as f64,
        }
    };
    steps.into_iter().map(point).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::super::compare::Tolerances;
    use super::super::compare::compare;
    use super::super::compare::tests::{reading, result};
    use super::*;

    /// L1 read as 100 in five cases: values 98, 102, 120 (flagged), none, and one where refusal was right.
    pub(in crate::agreement) fn five() -> Comparison {
        let read = |case: &str, action| reading(case, Term::L1Hu, action, Some(100.0));
        let mut readings: Vec<_> = ["a", "b", "c", "d"].map(|case| read(case, Action::Measure)).into();
        readings.push(reading("e", Term::L1Hu, Action::Abstain, None));
        let results = [("a", 98.0, 0), ("b", 102.0, 0), ("c", 120.0, 2), ("e", 77.0, 0)];
        let results: BTreeMap<_, _> =
            results.map(|(case, value, flags)| (case.to_owned(), result(Term::L1Hu, value, flags))).into();
        compare(&readings, &[], &results, &Tolerances::default())
    }

    #[test]
    fn the_figures_are_those_of_a_hand_calculation() {
        let all = summarise(&five()).all;
        assert_eq!((all.rows, all.n, all.wanted, all.given), (5, 3, 4, 3));
        assert_eq!((all.outside, all.wrongly_given, all.refused), (1, 1, 1));
        assert_eq!(all.coverage(), Some(0.75));
        assert!((all.mean.unwrap() - 20.0 / 3.0).abs() < 1e-12);
        assert_eq!(all.mean_absolute, Some(8.0));
        // Squares about 6.667: 75.11, 21.78, 177.78; sum 274.67, halved 137.33.
        assert!((all.deviation.unwrap() - 11.719).abs() < 1e-3);
        let (low, high) = all.limits.unwrap();
        assert!((low + 16.302).abs() < 1e-2 && (high - 29.636).abs() < 1e-2, "{low} {high}");
        assert_eq!(all.largest, Some(20.0));
    }

    #[test]
    fn confident_values_come_first_in_the_curve() {
        let risk = summarise(&five()).risk;
        assert_eq!(risk.len(), 2);
        assert_eq!((risk[0].flags, risk[0].coverage, risk[0].mean_absolute, risk[0].outside), (0, 0.5, 2.0, 0.0));
        assert_eq!((risk[1].flags, risk[1].coverage, risk[1].mean_absolute), (2, 0.75, 8.0));
    }

    #[test]
    fn nothing_compared_gives_nothing_to_divide() {
        let summary = summarise(&Comparison::default());
        assert!(summary.parameters.is_empty() && summary.risk.is_empty());
        assert_eq!((summary.all.coverage(), summary.all.mean, summary.all.limits), (None, None, None));
    }
}
