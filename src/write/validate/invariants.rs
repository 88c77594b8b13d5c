//! What the profile `resetray-node` promises beyond the public rules: completeness, links, digests.

use serde_json::Value;

use super::Findings;
use super::Reading;
use super::walk;
use crate::codes::Analysis;
use crate::codes::Term;
use crate::units;
use crate::write::rsif;

/// Smallest `SPLEEN_HU` for which the ratio is given.
const RATIO_DIVISOR_MIN_HU: f64 = 10.0;

/// Fields that every document of the profile has.
const MANDATORY: [&str; 32] = [
    "/$schema",
    "/@context",
    "/@id",
    "/@type",
    "/profile/version",
    "/language",
    "/label_languages",
    "/modality",
    "/analysis_types",
    "/reading_notes",
    "/deidentification/metadata_status",
    "/deidentification/uid_strategy",
    "/data_origin",
    "/source/instance_count",
    "/source/sop_class",
    "/acquisition",
    "/geometry/coordinate_system",
    "/geometry/unit",
    "/measurements",
    "/not_measured",
    "/technical_measurements",
    "/checks",
    "/quality_flags",
    "/technical_preview",
    "/software/name",
    "/software/version",
    "/software/source_revision",
    "/configuration/digest",
    "/configuration/policy",
    "/configuration/definition_set",
    "/content_digest",
    "/scope",
];

/// Holds a document against the invariants.
pub(super) fn check(document: &Value, findings: &mut Findings) {
    for path in MANDATORY {
        findings.require(document.pointer(path).is_some(), "mandatory", path, || "is missing".to_owned());
    }
    walk(document, "", &mut |path, _, value| {
        findings.require(!value.is_null(), "no_null", path, || "null is not used; leave the field out".to_owned());
    });
    analyses(document, findings);
    partition(document, findings);
    values(document, findings);
    regions(document, findings);
    derived(document, findings);
    reasons(document, findings);
    digests(document, findings);
}

fn analyses(document: &Value, findings: &mut Findings) {
    let listed = document.texts("/analysis_types");
    let first = document.pointer_text("/analysis_type");
    findings.require(
        !listed.is_empty() && listed.first().copied() == first,
        "analysis_types",
        "/analysis_types",
        || "must begin with analysis_type".to_owned(),
    );
    for name in listed {
        let known = Analysis::ALL.iter().any(|analysis| analysis.name() == name);
        findings.require(known, "analysis_types", "/analysis_types", || format!("{name:?} is not an analysis"));
    }
}

/// Every term of the analyses is measured or not measured, never both, never neither.
fn partition(document: &Value, findings: &mut Findings) {
    let listed = document.texts("/analysis_types");
    let (measured, refused) = (document.entries("measurements"), document.entries("not_measured"));
    for term in Term::ALL {
        let expected = usize::from(listed.contains(&term.analysis().name()));
        let found = usize::from(measured.contains_key(term.name())) + usize::from(refused.contains_key(term.name()));
        findings.require(found == expected, "partition", &format!("/measurements/{}", term.name()), || {
            format!("stands {found} times in measurements and not_measured, expected {expected}")
        });
    }
    for name in refused.keys() {
        let known = Term::ALL.iter().any(|term| term.name() == name);
        findings.require(known, "partition", &format!("/not_measured/{name}"), || "is not a term".to_owned());
    }
}

fn values(document: &Value, findings: &mut Findings) {
    for (name, entry) in document.entries("measurements") {
        let path = format!("/measurements/{name}");
        let flagged = !entry.texts("/flags").is_empty();
        let status = if flagged { "measured_with_flags" } else { "measured" };
        findings.require(entry.pointer_text("/status") == Some(status), "status", &format!("{path}/status"), || {
            format!("must be {status:?} by its flags")
        });
        if entry.get("derived_from").is_some() {
            continue;
        }
        let region = entry.pointer_text("/region").unwrap_or_default();
        let area = document.entries("technical_measurements").get(region);
        findings.require(area.is_some(), "region", &format!("{path}/region"), || {
            format!("{region:?} is not in technical_measurements")
        });
        let Some(area) = area else { continue };
        let same = area.pointer_number("/mean_hu") == entry.pointer_number("/value");
        findings.require(same, "region_mean", &format!("{path}/value"), || "differs from mean_hu of its region".into());
        let public = area.pointer_text("/role") == Some("public");
        findings.require(public, "region", &format!("/technical_measurements/{region}/role"), || {
            "must be public: a parameter's value rests on it".to_owned()
        });
        let same = area.pointer_text("/definition") == entry.pointer_text("/definition");
        findings.require(same, "definition", &format!("{path}/definition"), || "differs from its region's".to_owned());
    }
}

/// No region without a measured parameter: a refused parameter leaves no mean.
fn regions(document: &Value, findings: &mut Findings) {
    let used: Vec<&str> =
        document.entries("measurements").values().filter_map(|entry| entry.pointer_text("/region")).collect();
    for (name, entry) in document.entries("technical_measurements") {
        let path = format!("/technical_measurements/{name}");
        let belongs = used
            .iter()
            .any(|region| name == region || name.strip_prefix(region).is_some_and(|suffix| suffix.starts_with('_')));
        findings.require(belongs, "refused_mean", &path, || "belongs to no measured parameter".to_owned());
        let same = entry.pointer_number("/mean_hu") == entry.pointer_number("/statistics/mean");
        findings.require(same, "region_mean", &format!("{path}/statistics/mean"), || "differs from mean_hu".to_owned());
        let parts = entry.pointer("/measurement_area/parts").and_then(Value::as_array);
        findings.require(
            parts.is_some_and(|parts| !parts.is_empty()),
            "region",
            &format!("{path}/measurement_area"),
            || "has no parts".to_owned(),
        );
    }
}

/// Difference and ratio follow from the published operands.
fn derived(document: &Value, findings: &mut Findings) {
    let value = |term: Term| document.pointer_number(&format!("/measurements/{}/value", term.name()));
    let operands = value(Term::LiverHu).zip(value(Term::SpleenHu));
    for term in [Term::LiverSpleenDiff, Term::LiverSpleenRatio] {
        let Some(found) = value(term) else { continue };
        let path = format!("/measurements/{}/value", term.name());
        let Some((liver, spleen)) = operands else {
            findings.add("derived", path, "its operands are not measured");
            continue;
        };
        let expected = if term == Term::LiverSpleenDiff {
            units::round(liver - spleen, units::MEAN_DECIMALS)
        } else {
            findings.require(spleen >= RATIO_DIVISOR_MIN_HU, "derived", &path, || {
                format!("is not given for SPLEEN_HU below {RATIO_DIVISOR_MIN_HU}")
            });
            units::round(liver / spleen, units::RATIO_DECIMALS)
        };
        findings.require(found == expected, "derived", &path, || {
            format!("is {found}, but its operands {liver} and {spleen} give {expected}")
        });
    }
}

/// Every refusal explains itself in one sentence and names only known operands.
fn reasons(document: &Value, findings: &mut Findings) {
    for (name, entry) in document.entries("not_measured") {
        let path = format!("/not_measured/{name}");
        for key in ["reason", "explanation"] {
            let text = entry.get(key).and_then(Value::as_str).unwrap_or_default();
            findings.require(!text.is_empty(), "reason", &format!("{path}/{key}"), || "is missing or empty".to_owned());
        }
        for operand in entry.texts("/blocked_by") {
            let blocked = document.entries("not_measured").contains_key(operand);
            findings.require(blocked, "reason", &format!("{path}/blocked_by"), || format!("{operand:?} is measured"));
        }
    }
}

fn digests(document: &Value, findings: &mut Findings) {
    let (content_digest, id) = rsif::content_identity(document);
    let found = document.pointer_text("/content_digest");
    findings.require(found == Some(content_digest.as_str()), "content_digest", "/content_digest", || {
        format!("the content gives {content_digest}")
    });
    findings.require(document.pointer_text("/@id") == Some(id.as_str()), "id", "/@id", || {
        format!("the content gives {id}")
    });
}
