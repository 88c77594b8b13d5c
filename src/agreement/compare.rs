//! Each reading held against the node's result.
//!
//! Input: readings, level positions, results, [`Tolerances`]. Output: [`Comparison`]: a [`Judged`] row per reading and
//! the [`WrongLevel`]s. Attenuation in HU, positions in mm. No errors.

use std::collections::BTreeMap;

use super::results::CaseResult;
use super::tables::{Action, LevelReading, Reading};
use crate::codes::{Analysis, Term};

/// Farther than this from the reader's middle of a body, a centre is not in that body (mm): half a lumbar body and a bit.
pub const BODY_RADIUS_MM: f64 = 15.0;

/// Largest accepted differences where neither the row nor its range says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerances {
    /// Vertebrae (HU): half of the limits of agreement of repeated manual readings.
    pub vertebra_hu: f64,
    /// Liver and spleen (HU): two readers' largest usual difference.
    pub organ_hu: f64,
    /// Liver minus spleen (HU): two organs' worth.
    pub difference_hu: f64,
    /// Liver divided by spleen.
    pub ratio: f64,
}

impl Default for Tolerances {
    fn default() -> Tolerances {
        Tolerances { vertebra_hu: 15.0, organ_hu: 5.0, difference_hu: 10.0, ratio: 0.15 }
    }
}

impl Tolerances {
    /// The tolerance of a parameter, in its unit.
    pub fn of(&self, term: Term) -> f64 {
        match term {
            Term::Th12Hu | Term::L1Hu | Term::L2Hu => self.vertebra_hu,
            Term::LiverHu | Term::SpleenHu => self.organ_hu,
            Term::LiverSpleenDiff => self.difference_hu,
            Term::LiverSpleenRatio => self.ratio,
        }
    }
}

/// What a reading and a result make together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A value within the tolerance.
    Within,
    /// A value outside the tolerance.
    Outside,
    /// A value, and no reading to hold it against.
    NoReading,
    /// No value where one was wanted.
    Refused,
    /// No value, and that is right.
    RightlyRefused,
    /// A value where refusal was right.
    WronglyGiven,
}

impl Verdict {
    /// The word of the outputs.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Within => "within",
            Verdict::Outside => "outside",
            Verdict::NoReading => "no_reading",
            Verdict::Refused => "refused",
            Verdict::RightlyRefused => "rightly_refused",
            Verdict::WronglyGiven => "wrongly_given",
        }
    }
}

/// One reading beside the node's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The reading.
    pub reading: Reading,
    /// The node's value.
    pub value: Option<f64>,
    /// Number of flags of the value; fewer flags, more confidence.
    pub flags: usize,
    /// Reason code where there is no value; `no_result` where there is no document.
    pub reason: Option<String>,
    /// What they make together.
    pub verdict: Verdict,
}

impl Judged {
    /// Value minus reading, where both are there.
    pub fn difference(&self) -> Option<f64> {
        self.value.zip(self.reading.value).map(|(value, reading)| value - reading)
    }
}

/// A centre that lies outside the body that the readers call so.
#[derive(Debug, Clone, PartialEq)]
pub struct WrongLevel {
    /// The case.
    pub case: String,
    /// The node's name of the body.
    pub level: String,
    /// Name of the reader's nearest body.
    pub nearest: String,
    /// Distance to the reader's body of the node's name (mm), where there is one.
    pub distance_mm: Option<f64>,
}

/// Everything that was compared.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// One row per reading, in the order of the table.
    pub rows: Vec<Judged>,
    /// Names that are wrong.
    pub wrong_levels: Vec<WrongLevel>,
    /// Named bodies of the node in cases with level positions.
    pub levels_compared: usize,
    /// Cases of the table without any document, sorted.
    pub without_result: Vec<String>,
}

/// Compares; `results` holds the cases that have documents.
pub fn compare(
    readings: &[Reading],
    levels: &[LevelReading],
    results: &BTreeMap<String, CaseResult>,
    tolerances: &Tolerances,
) -> Comparison {
    let rows = readings.iter().map(|reading| judged(reading, results.get(&reading.case), tolerances)).collect();
    let mut comparison = Comparison { rows, ..Comparison::default() };
    for (case, result) in results {
        let read: Vec<&LevelReading> = levels.iter().filter(|level| level.case == *case).collect();
        for (level, centre) in result.levels.iter().filter(|_| !read.is_empty()) {
            comparison.levels_compared += 1;
            comparison.wrong_levels.extend(wrong_level(case, level, *centre, &read));
        }
    }
    let missing = readings.iter().map(|reading| &reading.case).filter(|case| !results.contains_key(*case));
    comparison.without_result = missing.cloned().collect();
    comparison.without_result.sort();
    comparison.without_result.dedup();
    comparison
}

fn judged(reading: &Reading, result: Option<&CaseResult>, tolerances: &Tolerances) -> Judged {
    let value = result.and_then(|result| result.values.get(&reading.term));
    let reason = match (value, result) {
        (Some(_), _) => None,
        (None, None) => Some("no_result".to_owned()),
        (None, Some(result)) => Some(result.reasons.get(&reading.term).cloned().unwrap_or("not_listed".to_owned())),
    };
    let verdict = match (value, reading.action) {
        (None, Action::Measure) => Verdict::Refused,
        (None, _) => Verdict::RightlyRefused,
        (Some(_), Action::Abstain) => Verdict::WronglyGiven,
        (Some(value), _) => match reading.value {
            None => Verdict::NoReading,
            Some(_) if is_within(value.value, reading, tolerances) => Verdict::Within,
            Some(_) => Verdict::Outside,
        },
    };
    let flags = value.map_or(0, |value| value.flags.len());
    Judged { reading: reading.clone(), value: value.map(|value| value.value), flags, reason, verdict }
}

/// Whether a value lies within the tolerance, or inside the range that careful placement could give.
///
/// An enhanced organ is uneven, so there the range, widened by the tolerance, replaces the distance from the reading.
pub fn is_within(value: f64, reading: &Reading, tolerances: &Tolerances) -> bool {
    let allowed = reading.tolerance.unwrap_or(tolerances.of(reading.term));
    let near = reading.value.is_some_and(|read| (value - read).abs() <= allowed);
    let Some((low, high)) = reading.range else { return near };
    if reading.enhanced && reading.term.analysis() == Analysis::LiverAttenuation && reading.tolerance.is_none() {
        return (low - allowed..=high + allowed).contains(&value);
    }
    near || (low..=high).contains(&value)
}

/// A name is wrong where its centre is nearer to another body of the readers, or not in the body of that name.
fn wrong_level(case: &str, level: &str, centre: [f64; 3], read: &[&LevelReading]) -> Option<WrongLevel> {
    let distance = |one: &LevelReading| -> f64 {
        (0..3).map(|axis| (one.centre_mm[axis] - centre[axis]).powi(2)).sum::<f64>().sqrt()
    };
    let nearest = read.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let own = read.iter().find(|one| one.level == level).map(|one| distance(one));
    let wrong = match own {
        Some(own) => nearest.level != level || own > BODY_RADIUS_MM,
        // The readers named no body so; it is wrong only where they call this body otherwise.
        None => distance(nearest) <= BODY_RADIUS_MM,
    };
    wrong.then(|| WrongLevel {
        case: case.to_owned(),
        level: level.to_owned(),
        nearest: nearest.level.clone(),
        distance_mm: own,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::results::Value;
    use super::*;

    /// A reading of `action`.
    pub(in crate::agreement) fn reading(case: &str, term: Term, action: Action, value: Option<f64>) -> Reading {
        Reading { case: case.to_owned(), term, action, value, range: None, tolerance: None, enhanced: false }
    }

    /// A result with one value.
    pub(in crate::agreement) fn result(term: Term, value: f64, flags: usize) -> CaseResult {
        let flags = vec!["kvp".to_owned(); flags];
        CaseResult { values: BTreeMap::from([(term, Value { value, flags })]), ..CaseResult::default() }
    }

    fn verdict(reading: Reading, result: Option<CaseResult>) -> Verdict {
        let results = result.map(|result| ("a".to_owned(), result)).into_iter().collect();
        compare(&[reading], &[], &results, &Tolerances::default()).rows[0].verdict
    }

    #[test]
    fn every_pair_of_action_and_result_has_its_verdict() {
        let l1 = |action, value| reading("a", Term::L1Hu, action, value);
        let given = |value| Some(result(Term::L1Hu, value, 0));
        assert_eq!(verdict(l1(Action::Measure, Some(100.0)), given(115.0)), Verdict::Within);
        assert_eq!(verdict(l1(Action::Measure, Some(100.0)), given(115.1)), Verdict::Outside);
        assert_eq!(verdict(l1(Action::Measure, Some(100.0)), Some(CaseResult::default())), Verdict::Refused);
        assert_eq!(verdict(l1(Action::Measure, Some(100.0)), None), Verdict::Refused);
        assert_eq!(verdict(l1(Action::Abstain, None), given(115.0)), Verdict::WronglyGiven);
        assert_eq!(verdict(l1(Action::Abstain, None), None), Verdict::RightlyRefused);
        assert_eq!(verdict(l1(Action::Either, None), given(115.0)), Verdict::NoReading);
        assert_eq!(verdict(l1(Action::Either, Some(100.0)), None), Verdict::RightlyRefused);
    }

    #[test]
    fn the_range_excuses_what_the_distance_does_not() {
        let native = Reading { range: Some((60.0, 90.0)), ..reading("a", Term::LiverHu, Action::Measure, Some(70.0)) };
        let enhanced = Reading { enhanced: true, range: Some((69.0, 71.0)), ..native.clone() };
        let wide = Reading { tolerance: Some(40.0), ..native.clone() };
        let within = |value, reading: &Reading| is_within(value, reading, &Tolerances::default());
        assert!(within(90.0, &native) && !within(90.5, &native));
        assert!(within(76.0, &enhanced) && !within(76.5, &enhanced));
        assert!(within(110.0, &wide));
    }

    #[test]
    fn a_centre_in_another_body_is_a_wrong_level() {
        let read =
            |level: &str, z| LevelReading { case: "a".to_owned(), level: level.to_owned(), centre_mm: [0.0, 0.0, z] };
        let levels = [read("T12", 30.0), read("L1", 0.0)];
        let named = |level: &str, z| {
            let result = CaseResult { levels: vec![(level.to_owned(), [0.0, 0.0, z])], ..CaseResult::default() };
            let found = compare(&[], &levels, &BTreeMap::from([("a".to_owned(), result)]), &Tolerances::default());
            assert_eq!(found.levels_compared, 1);
            found.wrong_levels.into_iter().next().map(|wrong| wrong.nearest)
        };
        assert_eq!(named("L1", 4.0), None);
        assert_eq!(named("L1", 29.0).as_deref(), Some("T12"));
        assert_eq!(named("L1", -16.0).as_deref(), Some("L1"));
        assert_eq!(named("L2", -32.0), None);
        assert_eq!(named("L2", 1.0).as_deref(), Some("L1"));
    }

    #[test]
    fn cases_without_documents_are_listed_once() {
        let readings = [Term::L1Hu, Term::L2Hu].map(|term| reading("a", term, Action::Measure, Some(1.0)));
        let found = compare(&readings, &[], &BTreeMap::new(), &Tolerances::default());
        assert_eq!(found.without_result, ["a"]);
        assert_eq!(found.rows[1].reason.as_deref(), Some("no_result"));
    }
}
