//! A comparison as a table for people and as JSON.
//!
//! Input: [`Comparison`] and [`Summary`]. Output: text. The same numbers, rounded by `units`, in both.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::compare::{Comparison, Judged, Verdict};
use super::summary::{Agreement, Summary};
use crate::units::round;

/// Decimals of differences and limits.
const DECIMALS: u32 = 2;
/// Decimals of shares.
const SHARE_DECIMALS: u32 = 4;

/// The table: figures per parameter, then each row that is not as it should be.
pub fn table(comparison: &Comparison, summary: &Summary) -> String {
    let mut text = format!(
        "{:19}{:>5}{:>10}{:>9}{:>9}{:>9}{:>19}{:>9}{:>9}{:>10}\n",
        "parameter", "n", "coverage", "mean", "absolute", "largest", "95 % limits", "outside", "refused", "not right"
    );
    for agreement in summary.parameters.iter().chain([&summary.all]) {
        text.push_str(&line(agreement));
    }
    let wrong = comparison.wrong_levels.len();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "levels: {} named and compared, {wrong} wrong", comparison.levels_compared);
    for level in &comparison.wrong_levels {
        let at = level.distance_mm.map(|mm| format!(", {mm:.0} mm from the readers' {}", level.level));
        let _ = writeln!(text, "  {} {} lies at {}{}", level.case, level.level, level.nearest, at.unwrap_or_default());
    }
    for row in comparison.rows.iter().filter(|row| is_told(row)) {
        let _ = writeln!(text, "  {}", told(row));
    }
    if !comparison.without_result.is_empty() {
        let _ = writeln!(text, "no documents for: {}", comparison.without_result.join(", "));
    }
    text
}

fn is_told(row: &Judged) -> bool {
    matches!(row.verdict, Verdict::Outside | Verdict::WronglyGiven | Verdict::Refused)
}

fn told(row: &Judged) -> String {
    let name = format!("{} {}", row.reading.case, row.reading.term.name());
    let read = row.reading.value.map(|value| value.to_string()).unwrap_or_default();
    let value = row.value.map(|value| value.to_string()).unwrap_or_default();
    match row.verdict {
        Verdict::Outside => format!("{name} outside tolerance: {value}, read as {read}"),
        Verdict::WronglyGiven => format!("{name} value where refusal was right: {value}"),
        _ => format!("{name} refused: {}", row.reason.as_deref().unwrap_or_default()),
    }
}

fn line(agreement: &Agreement) -> String {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{:.2}", round(value, DECIMALS)));
    let coverage = agreement.coverage().map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
    let (low, high) = agreement.limits.unzip();
    let limits = if low.is_some() { format!("{} .. {}", number(low), number(high)) } else { "-".to_owned() };
    format!(
        "{:19}{:>5}{coverage:>10}{:>9}{:>9}{:>9}{limits:>19}{:>9}{:>9}{:>10}\n",
        agreement.parameter,
        agreement.n,
        number(agreement.mean),
        number(agreement.mean_absolute),
        number(agreement.largest),
        agreement.outside,
        agreement.refused,
        agreement.wrongly_given,
    )
}

/// The same as JSON, with every row.
pub fn to_json(comparison: &Comparison, summary: &Summary) -> Json {
    let wrong: Vec<Json> = comparison
        .wrong_levels
        .iter()
        .map(|level| {
            let mm = rounded(level.distance_mm, DECIMALS);
            json!({"case": level.case, "level": level.level, "nearest": level.nearest, "distance_mm": mm})
        })
        .collect();
    let risk: Vec<Json> = summary
        .risk
        .iter()
        .map(|point| {
            json!({
                "flags_at_most": point.flags,
                "coverage": round(point.coverage, SHARE_DECIMALS),
                "mean_absolute_difference": round(point.mean_absolute, DECIMALS),
                "outside_tolerance": round(point.outside, SHARE_DECIMALS),
            })
        })
        .collect();
    json!({
        "parameters": summary.parameters.iter().map(figures).collect::<Vec<_>>(),
        "all": figures(&summary.all),
        "levels": {"compared": comparison.levels_compared, "wrong": wrong},
        "risk_coverage": risk,
        "cases_without_documents": comparison.without_result,
        "rows": comparison.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn rounded(value: Option<f64>, decimals: u32) -> Option<f64> {
    value.map(|value| round(value, decimals))
}

fn figures(agreement: &Agreement) -> Json {
    let limits = agreement.limits.map(|(low, high)| [round(low, DECIMALS), round(high, DECIMALS)]);
    json!({
        "parameter": agreement.parameter,
        "rows": agreement.rows,
        "n": agreement.n,
        "values_wanted": agreement.wanted,
        "values_given": agreement.given,
        "coverage": rounded(agreement.coverage(), SHARE_DECIMALS),
        "mean_difference": rounded(agreement.mean, DECIMALS),
        "mean_absolute_difference": rounded(agreement.mean_absolute, DECIMALS),
        "standard_deviation": rounded(agreement.deviation, DECIMALS),
        "limits_of_agreement_95": limits,
        "largest_absolute_difference": rounded(agreement.largest, DECIMALS),
        "outside_tolerance": agreement.outside,
        "refused_where_wanted": agreement.refused,
        "given_where_refusal_was_right": agreement.wrongly_given,
    })
}

fn row(row: &Judged) -> Json {
    json!({
        "case": row.reading.case,
        "parameter": row.reading.term.name(),
        "reading": row.reading.value,
        "value": row.value,
        "difference": rounded(row.difference(), DECIMALS),
        "flags": row.flags,
        "reason": row.reason,
        "verdict": row.verdict.name(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::summary::summarise;
    use super::super::summary::tests::five;
    use super::*;

    #[test]
    fn the_table_shows_the_figures_and_what_is_not_right() {
        let comparison = five();
        let text = table(&comparison, &summarise(&comparison));
        let all = text.lines().find(|line| line.starts_with("all")).unwrap();
        let words: Vec<&str> = all.split_whitespace().collect();
        assert_eq!(words[..7], ["all", "3", "75", "%", "6.67", "8.00", "20.00"]);
        assert_eq!(words[7..], ["-16.30", "..", "29.64", "1", "1", "1"]);
        assert!(text.contains("  c L1_HU outside tolerance: 120, read as 100\n"));
        assert!(text.contains("  d L1_HU refused: no_result\n"));
        assert!(text.contains("  e L1_HU value where refusal was right: 77\n"));
        assert!(text.ends_with("no documents for: d\n"));
    }

    #[test]
    fn json_holds_the_same_figures() {
        let comparison = five();
        let json = to_json(&comparison, &summarise(&comparison));
        assert_eq!(json["all"]["mean_difference"], 6.67);
        assert_eq!(json["parameters"][0]["parameter"], "L1_HU");
        assert_eq!(json["all"]["limits_of_agreement_95"], json!([-16.3, 29.64]));
        assert_eq!(json["risk_coverage"][0]["coverage"], 0.5);
        assert_eq!(json["rows"][3]["verdict"], "refused");
        assert_eq!(json["rows"].as_array().unwrap().len(), 5);
    }
}
