//! Checks recomputed: verdict from observation and limits, links between checks, flags and refusals.

use serde_json::Value;

use super::Findings;
use super::Reading;

/// Holds `checks`, `quality_flags` and their uses against each other.
pub(super) fn check(document: &Value, findings: &mut Findings) {
    let nothing = Vec::new();
    let checks = document.get("checks").and_then(Value::as_array).unwrap_or(&nothing);
    let mut seen: Vec<&str> = Vec::new();
    for (position, check) in checks.iter().enumerate() {
        let path = format!("/checks/{position}");
        let id = check.pointer_text("/id").unwrap_or_default();
        findings.require(!id.is_empty() && !seen.contains(&id), "check_id", &format!("{path}/id"), || {
            format!("{id:?} is missing or stands twice")
        });
        seen.push(id);
        verdict(check, &path, findings);
    }
    let find = |id: &str| checks.iter().find(|check| check.pointer_text("/id") == Some(id));
    for (name, entry) in document.entries("not_measured") {
        for id in entry.texts("/failed_checks") {
            let refuses = find(id).is_some_and(|check| {
                let scope = check.texts("/applies_to");
                check.pointer_text("/verdict") == Some("refuse")
                    && (scope.contains(&name.as_str()) || scope.contains(&"series"))
            });
            findings.require(refuses, "failed_checks", &format!("/not_measured/{name}/failed_checks"), || {
                format!("{id:?} is not a check that refuses {name}")
            });
        }
    }
    flags(document, &find, findings);
}

/// The verdict that observation and limits give.
fn verdict(check: &Value, path: &str, findings: &mut Findings) {
    let expected = match check.get("observed") {
        None => Some("not_evaluated"),
        Some(observed) => match holds(check.pointer("/limit/pass"), observed) {
            Some(true) => Some("pass"),
            Some(false) => match check.pointer("/limit/flag") {
                None => Some("refuse"),
                flag => holds(flag, observed).map(|inside| if inside { "flag" } else { "refuse" }),
            },
            None => None,
        },
    };
    let found = check.pointer_text("/verdict").unwrap_or_default();
    match expected {
        None => findings.add("check_limit", format!("{path}/limit"), "is not a comparison that can be repeated"),
        Some(expected) => findings.require(found == expected, "check_verdict", &format!("{path}/verdict"), || {
            format!("is {found:?}, but observation and limits give {expected:?}")
        }),
    }
}

/// Whether an observation lies within a bound; `None` where the bound is malformed.
fn holds(bound: Option<&Value>, observed: &Value) -> Option<bool> {
    let bound = bound?;
    let value = bound.get("value")?;
    let number = observed.as_f64();
    match bound.pointer_text("/op")? {
        "<=" => value.as_f64().map(|limit| number.is_some_and(|seen| seen <= limit)),
        ">=" => value.as_f64().map(|limit| number.is_some_and(|seen| seen >= limit)),
        "==" => Some(value == observed),
        "between" => match value.as_array()?.as_slice() {
            [low, high] => {
                let (low, high) = (low.as_f64()?, high.as_f64()?);
                Some(number.is_some_and(|seen| low <= seen && seen <= high))
            }
            _ => None,
        },
        "in" => value.as_array().map(|words| words.contains(observed)),
        "not_in" => value.as_array().map(|words| observed.is_string() && !words.contains(observed)),
        _ => None,
    }
}

/// Every flag of a value has its place in `quality_flags`; a check named there exists and flags.
fn flags<'a>(document: &'a Value, find: &impl Fn(&str) -> Option<&'a Value>, findings: &mut Findings) {
    let nothing = Vec::new();
    let flags = document.get("quality_flags").and_then(Value::as_array).unwrap_or(&nothing);
    for (position, flag) in flags.iter().enumerate() {
        let Some(id) = flag.pointer_text("/check") else { continue };
        let same = find(id).is_some_and(|check| {
            check.pointer_text("/verdict") == Some("flag") && check.get("name") == flag.get("code")
        });
        findings.require(same, "quality_flags", &format!("/quality_flags/{position}/check"), || {
            format!("{id:?} is not a flagging check of that name")
        });
    }
    for (name, entry) in document.entries("measurements") {
        for code in entry.texts("/flags") {
            let listed = flags.iter().any(|flag| flag.pointer_text("/code") == Some(code));
            findings.require(listed, "quality_flags", &format!("/measurements/{name}/flags"), || {
                format!("{code:?} is not listed in quality_flags")
            });
        }
    }
}
