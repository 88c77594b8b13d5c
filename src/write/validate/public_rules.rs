//! R1 to R16: what satisfies all public schemas and both generations of examples at once.

use serde_json::Value;

use super::Findings;
use super::Reading;
use super::diagnostic_word;
use super::walk;
use crate::codes::Analysis;
use crate::codes::Term;
use crate::write::rsif;

/// Words of `technical_measurements.*.parameter`.
const PARAMETERS: [&str; 2] = ["ct_attenuation_hu", "vertebral_attenuation_hu"];
/// Vocabulary terms that only reference regions of public examples use.
const REFERENCE_TERMS: [&str; 2] = ["ROI_FAT_HU", "ROI_SOFT_TISSUE_HU"];

/// Keys that carry patient identity or an interpretation, lower case without separators.
const KEYS_FORBIDDEN: [&str; 21] = [
    "patientname",
    "patientid",
    "patientbirthdate",
    "birthdate",
    "patientaddress",
    "accessionnumber",
    "institutionname",
    "referringphysicianname",
    "operatorname",
    "operatorsname",
    "stationname",
    "deviceserialnumber",
    "studydate",
    "seriesdate",
    "studydescription",
    "seriesdescription",
    "protocolname",
    "referencerange",
    "normalrange",
    "grade",
    "interpretation",
];

/// Holds a document against all public rules.
pub(super) fn check(document: &Value, findings: &mut Findings) {
    constants(document, findings);
    scope(document, findings);
    measurements(document, findings);
    technical_measurements(document, findings);
    origin(document, findings);
    context_terms(document, findings);
    identity_and_wording(document, findings);
}

/// R2 to R5, R8, R12, R15.
fn constants(document: &Value, findings: &mut Findings) {
    let expected = [
        ("R2", "/@context", rsif::CONTEXT_IRI),
        ("R3", "/rsif_version", rsif::RSIF_VERSION),
        ("R4", "/study_type", "CT"),
        ("R8", "/format_name", rsif::FORMAT_NAME),
        ("R8", "/format_abbreviation", "RSIF"),
        ("R8", "/document_type", rsif::DOCUMENT_TYPE),
        ("R15", "/@type", "RSIF"),
    ];
    for (rule, path, text) in expected {
        findings.require(document.pointer_text(path) == Some(text), rule, path, || format!("must be {text:?}"));
    }
    let analysis = document.pointer_text("/analysis_type");
    let known = analysis.is_some_and(|name| Analysis::ALL.iter().any(|known| known.name() == name));
    findings.require(known, "R5", "/analysis_type", || "must be vertebral_attenuation or liver_attenuation".to_owned());
    if let Some(schema) = document.get("$schema") {
        findings.require(schema.as_str() == Some(rsif::SCHEMA_IRI), "R12", "/$schema", || {
            format!("must be {:?} where present", rsif::SCHEMA_IRI)
        });
    }
    if let Some(example) = document.get("example_type") {
        findings.require(example.is_string(), "R15", "/example_type", || "must be a string".to_owned());
    }
}

/// R6, R7.
fn scope(document: &Value, findings: &mut Findings) {
    let flags = [
        ("R6", "technical_analysis_only", true),
        ("R6", "medical_diagnosis", false),
        ("R6", "clinical_decision_support", false),
        ("R7", "technical_only", true),
        ("R7", "not_a_medical_report", true),
        ("R7", "not_a_diagnosis", true),
        ("R7", "not_clinical_decision_support", true),
    ];
    let scope = document.entries("scope");
    for (rule, key, expected) in flags {
        let found = scope.get(key).and_then(Value::as_bool);
        findings.require(found == Some(expected), rule, &format!("/scope/{key}"), || format!("must be {expected}"));
    }
    let service = document.pointer_text("/scope/service_type");
    findings.require(service == Some(rsif::SERVICE_TYPE), "R7", "/scope/service_type", || {
        format!("must be {:?}", rsif::SERVICE_TYPE)
    });
}

/// R9, R11.
fn measurements(document: &Value, findings: &mut Findings) {
    let is_object = document.get("measurements").is_some_and(Value::is_object);
    findings.require(is_object, "R9", "/measurements", || "must be an object".to_owned());
    for (name, entry) in document.entries("measurements") {
        let path = format!("/measurements/{name}");
        let term = Term::ALL.into_iter().find(|term| term.name() == name);
        let known = term.is_some() || REFERENCE_TERMS.contains(&name.as_str());
        findings.require(known, "R9", &path, || "is not a term of the vocabulary".to_owned());
        let value = entry.get("value");
        findings.require(value.is_some_and(Value::is_number), "R9", &format!("{path}/value"), || {
            "must be a number; a parameter without value must be absent (R11)".to_owned()
        });
        let unit = term.map_or("HU", Term::unit);
        findings.require(entry.pointer_text("/unit") == Some(unit), "R9", &format!("{path}/unit"), || {
            format!("must be {unit:?}")
        });
        if let Some(method) = entry.get("method") {
            findings.require(method.is_string(), "R9", &format!("{path}/method"), || "must be a string".to_owned());
        }
    }
}

/// R10.
fn technical_measurements(document: &Value, findings: &mut Findings) {
    let is_object = document.get("technical_measurements").is_some_and(Value::is_object);
    findings.require(is_object, "R10", "/technical_measurements", || "must be an object".to_owned());
    for (name, entry) in document.entries("technical_measurements") {
        let path = format!("/technical_measurements/{name}");
        let parameter = entry.pointer_text("/parameter");
        let known = parameter.is_some_and(|word| PARAMETERS.contains(&word));
        findings.require(known, "R10", &format!("{path}/parameter"), || format!("must be one of {PARAMETERS:?}"));
        let mean = entry.get("mean_hu");
        findings.require(mean.is_some_and(Value::is_number), "R10", &format!("{path}/mean_hu"), || {
            "must be a number".to_owned()
        });
        findings.require(entry.pointer_text("/unit") == Some("HU"), "R10", &format!("{path}/unit"), || {
            "must be \"HU\"".to_owned()
        });
    }
}

/// R13.
fn origin(document: &Value, findings: &mut Findings) {
    if let Some(language) = document.get("language") {
        let known = matches!(language.as_str(), Some("en" | "ru"));
        findings.require(known, "R13", "/language", || "must be \"en\" or \"ru\"".to_owned());
    }
    if document.get("data_origin").is_some() {
        for key in ["modality", "source_format", "study_region", "contrast_status"] {
            let path = format!("/data_origin/{key}");
            findings.require(document.pointer_text(&path).is_some(), "R13", &path, || "must be a string".to_owned());
        }
    }
    if document.get("technical_preview").is_some() {
        let available = document.pointer("/technical_preview/available").is_some_and(Value::is_boolean);
        findings.require(available, "R13", "/technical_preview/available", || "must be true or false".to_owned());
        let format = document.pointer_text("/technical_preview/format");
        findings.require(format == Some("PNG"), "R13", "/technical_preview/format", || "must be \"PNG\"".to_owned());
    }
}

/// R14: names that the public context maps keep their meaning everywhere.
fn context_terms(document: &Value, findings: &mut Findings) {
    walk(document, "", &mut |path, key, value| {
        let holds = match key {
            Some("unit" | "method") => value.is_string(),
            Some("modality") => value.as_str() == Some("CT"),
            Some("value") => !value.is_object() && !value.is_null(),
            _ => true,
        };
        findings.require(holds, "R14", path, || "does not keep the meaning that the public context gives".to_owned());
    });
}

/// R16.
fn identity_and_wording(document: &Value, findings: &mut Findings) {
    walk(document, "", &mut |path, key, value| {
        if let Some(key) = key {
            let plain: String = key.chars().filter(|letter| letter.is_alphanumeric()).collect();
            let forbidden = KEYS_FORBIDDEN.contains(&plain.to_lowercase().as_str());
            findings.require(!forbidden, "R16", path, || format!("{key:?} must not appear in a document"));
        }
        if let Some(word) = value.as_str().and_then(diagnostic_word) {
            findings.add("R16", path, format!("text carries {word:?}, a word of a conclusion"));
        }
    });
}
