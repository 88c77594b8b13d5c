//! RSIF documents: golden files, canonical bytes, schema, validation, de-identification.

use std::path::Path;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use serde_json::json;

use resetray::checks::Bound;
use resetray::checks::Limit;
use resetray::checks::Observed;
use resetray::checks::Scope;
use resetray::codes::Reason;
use resetray::codes::Term;
use resetray::measure::Outcome;
use resetray::record::Record;
use resetray::volume::AcquisitionValue;
use resetray::write::rsif;
use resetray::write::rsif::Document;
use resetray::write::rsif::Documents;
use resetray::write::rsif::Identifiers;
use resetray::write::rsif::Language;
use resetray::write::rsif::Options;
use resetray::write::validate::validate;

use crate::rsif_samples as samples;

fn make(record: &Record, options: &Options) -> Vec<Document> {
    rsif::documents(
        record,
        &samples::previews(),
        &samples::secret(),
        &samples::software(),
        &samples::processing(1),
        options,
    )
    .unwrap()
}

fn combined() -> Options {
    Options {
        documents: Documents::Combined,
        example_type: Some("synthetic_public_example".into()),
        ..Options::default()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Compares with a checked-in file; `UPDATE_GOLDEN=1` writes it.
fn assert_golden(path: &str, bytes: &[u8]) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
    }
    let expected = std::fs::read(&path).unwrap();
    let same = expected == bytes;
    assert!(same, "{} differs; UPDATE_GOLDEN=1 writes it anew:\n{}", path.display(), String::from_utf8_lossy(bytes));
}

fn parsed(document: &Document) -> Value {
    serde_json::from_slice(&document.bytes).unwrap()
}

#[test]
fn the_documents_of_a_known_record_are_the_golden_ones() {
    for document in make(&samples::record(), &Options::default()) {
        assert_golden(&format!("tests/golden/{}", document.file_name), &document.bytes);
    }
    let made = make(&samples::record(), &combined());
    assert_golden("tests/golden/combined.rsif.json", &made[0].bytes);
}

#[test]
fn the_checked_in_schema_is_the_one_of_the_types() {
    assert_golden("config/rsif-resetray-node.schema.json", rsif::schema().as_bytes());
}

#[test]
fn documents_are_valid_and_re_emit_byte_for_byte() {
    let russian = Options { language: Language::Russian, ..Options::default() };
    for options in [Options::default(), combined(), russian] {
        for document in make(&samples::record(), &options) {
            assert_eq!(validate(&document.bytes), []);
            let again = rsif::re_emit(&document.bytes).unwrap();
            assert_eq!(again.as_bytes(), document.bytes);
        }
    }
}

#[test]
fn only_processing_depends_on_the_run() {
    let record = samples::record();
    let first = make(&record, &Options::default());
    let mut later = samples::processing(2);
    later.generated_at = "2027-01-01T00:00:00Z".parse().unwrap();
    later.supersedes = vec![("liver_attenuation".into(), first[1].id.clone())];
    let second = rsif::documents(
        &record,
        &samples::previews(),
        &samples::secret(),
        &samples::software(),
        &later,
        &Options::default(),
    )
    .unwrap();
    for (a, b) in first.iter().zip(&second) {
        assert_eq!((&a.content_digest, &a.id), (&b.content_digest, &b.id));
        assert_ne!(a.bytes, b.bytes);
        let strip = |document: &Document| {
            let mut tree = parsed(document);
            tree.as_object_mut().unwrap().shift_remove("processing");
            tree
        };
        assert_eq!(strip(a), strip(b));
    }
    assert_eq!(parsed(&second[1])["processing"]["supersedes"], json!(first[1].id));
    assert!(parsed(&second[0])["processing"].get("supersedes").is_none());
}

#[test]
fn identifiers_none_leaves_no_key_and_pseudonym_no_uid() {
    let with = |identifiers| {
        let options = Options { identifiers, subject_identifier: Some("PAT-77".into()), ..combined() };
        let document = make(&samples::record(), &options).remove(0);
        assert_eq!(validate(&document.bytes), []);
        String::from_utf8(document.bytes).unwrap()
    };
    let none = with(Identifiers::None);
    assert!(!none.contains("k1:") && !none.contains("1.2.826") && !none.contains("instances_digest"));
    let pseudonym = with(Identifiers::Pseudonym);
    assert!(pseudonym.contains("subject_key") && !pseudonym.contains("1.2.826") && !pseudonym.contains("PAT-77"));
    let source = with(Identifiers::Source);
    assert!(source.contains("\"series_instance_uid\": \"1.2.826.0.1.3680043.8.498.2\""));
    for text in [none, pseudonym, source] {
        assert!(!text.contains("CT-ROOM-1"), "StationName is never copied");
    }
}

#[test]
fn a_value_that_contradicts_its_region_makes_no_document() {
    let mut record = samples::record();
    record.targets[1].regions[0].statistics.mean_hu = 120.0;
    let made = rsif::documents(
        &record,
        &[],
        &samples::secret(),
        &samples::software(),
        &samples::processing(1),
        &Options::default(),
    );
    assert!(matches!(made, Err(rsif::RsifError::Inconsistent { term: "L1_HU", .. })));
    record.targets[1].regions[0].statistics.mean_hu = f64::NAN;
    assert!(
        rsif::documents(
            &record,
            &[],
            &samples::secret(),
            &samples::software(),
            &samples::processing(1),
            &Options::default()
        )
        .is_err()
    );
}

/// Each edit breaks one rule of the combined golden document; the validator must name it.
#[test]
fn every_tampering_is_found_and_named() {
    let edits: Vec<(&str, &str, Value)> = vec![
        ("R2", "/@context", json!(["https://docs.resetray.ru/vocabulary/context.jsonld"])),
        ("R3", "/rsif_version", json!("3.0")),
        ("R4", "/study_type", json!("MR")),
        ("R5", "/analysis_type", json!("combined_quantitative_analysis")),
        ("R6", "/scope/medical_diagnosis", json!(true)),
        ("R7", "/scope/service_type", json!("other")),
        ("R8", "/document_type", json!("report")),
        ("R9", "/measurements/L1_HU/value", Value::Null),
        ("R9", "/measurements/LIVER_SPLEEN_RATIO/unit", json!("HU")),
        ("R10", "/technical_measurements/liver/parameter", json!("fat")),
        ("R12", "/$schema", json!("https://example.org/schema.json")),
        ("R13", "/language", json!("de")),
        ("R14", "/measurements/L1_HU/method", json!(3)),
        ("R15", "/@type", json!("Report")),
        ("R16", "/source/PatientName", json!("A^B")),
        ("R16", "/measurements/L1_HU/label/en", json!("osteoporotic")),
        ("no_null", "/measurements/L1_HU/phase", Value::Null),
        ("partition", "/not_measured/L1_HU", json!({"reason": "internal_error", "explanation": "x"})),
        ("status", "/measurements/L1_HU/status", json!("measured_with_flags")),
        ("region_mean", "/measurements/L1_HU/value", json!(135.43)),
        ("region", "/measurements/L1_HU/region", json!("vertebral_body_l3")),
        ("refused_mean", "/technical_measurements/vertebral_body_th12", json!({"mean_hu": 1})),
        ("derived", "/measurements/LIVER_SPLEEN_DIFF/value", json!(9.81)),
        ("derived", "/measurements/LIVER_SPLEEN_RATIO/value", json!(0.832)),
        ("check_verdict", "/checks/2/observed", json!(20)),
        ("check_limit", "/checks/2/limit/pass/op", json!("<")),
        ("failed_checks", "/not_measured/TH12_HU/failed_checks", json!(["c01"])),
        ("quality_flags", "/quality_flags", json!([])),
        ("content_digest", "/software/version", json!("9.9.9")),
        ("id", "/@id", json!("urn:uuid:00000000-0000-8000-8000-000000000000")),
        ("mandatory", "/configuration", json!({})),
    ];
    let document = make(&samples::record(), &combined()).remove(0);
    for (rule, path, value) in edits {
        let mut tree = parsed(&document);
        let (parent, key) = path.rsplit_once('/').unwrap();
        tree.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value);
        let found = validate(tree.to_string().as_bytes());
        assert!(found.iter().any(|violation| violation.rule == rule), "{rule} {path}: {found:?}");
    }
}

#[test]
fn hostile_files_are_refused_without_harm() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let too_large = vec![b' '; resetray::write::validate::DOCUMENT_BYTES_MAX + 1];
    let cases: [&[u8]; 8] = [
        b"{\"unit\": \"HU\", \"unit\": \"mm\"}",
        b"",
        b"\xff{}",
        b"[]",
        b"\xef\xbb\xbf{}",
        b"{\"value\": 1e999}",
        deep.as_bytes(),
        &too_large,
    ];
    for bytes in cases {
        assert_eq!(validate(bytes).first().map(|violation| violation.rule), Some("R1"));
    }
}

#[test]
fn a_damaged_or_wordy_header_costs_the_attribute_and_not_the_document() {
    let mut record = samples::record();
    for entry in &mut record.acquisition {
        match entry.name {
            "tube_voltage" => entry.value = AcquisitionValue::Number(f64::INFINITY),
            "tube_current" => entry.value = AcquisitionValue::Range(0.0, 1e30),
            "manufacturer" => entry.value = AcquisitionValue::Text("Fracture Imaging".into()),
            _ => {}
        }
    }
    let document = make(&record, &combined()).remove(0);
    assert_eq!(validate(&document.bytes), []);
    let acquisition = &parsed(&document)["acquisition"];
    for name in ["tube_voltage", "tube_current", "manufacturer"] {
        assert!(acquisition.get(name).is_none(), "{name}");
    }
    assert!(acquisition.get("image_type").is_some());
}

#[test]
fn observations_and_supplements_that_are_no_numbers_do_not_cost_the_document() {
    let mut record = samples::record();
    let limit = Limit { pass: Bound::AtMost(1.5), flag: None };
    for observed in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let observed = Some(Observed::Number(observed));
        record.checks.push(samples::check("unstable", Scope::Series, observed, limit, Reason::RegionNotPossible));
    }
    record.targets[1].regions[1].statistics.standard_deviation_hu = f64::NAN;
    let document = make(&record, &combined()).remove(0);
    assert_eq!(validate(&document.bytes), []);
    let tree = parsed(&document);
    assert!(tree["technical_measurements"].get("vertebral_body_l1_core3d").is_none());
    assert!(tree["measurements"].get("L1_HU").is_some());
}

#[test]
fn unknown_fields_are_allowed() {
    let document = make(&samples::record(), &Options::default()).remove(0);
    let mut tree = parsed(&document);
    tree["processing"]["host"] = json!({"anything": [1, 2, 3]});
    assert_eq!(validate(tree.to_string().as_bytes()), []);
}

#[test]
fn a_person_sees_values_reasons_and_flags() {
    let document = make(&samples::record(), &combined()).remove(0);
    let shown = rsif::show(&document.bytes).unwrap();
    assert!(shown.contains("L1_HU                 135.42 HU"), "{shown}");
    assert!(shown.contains("noise_or_artifact: Streak index around the region exceeds the limit."), "{shown}");
    assert!(shown.contains("-9.81 HU    noise_sd"), "{shown}");
}

fn outcome(term: Term) -> impl Strategy<Value = resetray::measure::TargetMeasurement> {
    let value = if term == Term::SpleenHu { 10.0..300.0 } else { -400.0..900.0f64 };
    let flags = prop::sample::subsequence(vec!["kvp", "noise_sd", "phase_not_native"], 0..=3);
    let reason = prop::sample::select(Reason::ALL.to_vec());
    (any::<bool>(), value, flags, reason).prop_map(move |(given, value, flags, reason)| {
        if given { samples::measured(term, value, flags) } else { samples::refused(term, reason, "") }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_the_outcomes_the_documents_are_valid(
        th12 in outcome(Term::Th12Hu),
        l1 in outcome(Term::L1Hu),
        l2 in outcome(Term::L2Hu),
        liver in outcome(Term::LiverHu),
        spleen in outcome(Term::SpleenHu),
        together in any::<bool>(),
    ) {
        let printed = |outcome: &Outcome| match outcome {
            Outcome::Measured { value, .. } => Some(resetray::units::round(*value, 2)),
            Outcome::NotMeasured { .. } => None,
        };
        let operands = printed(&liver.outcome).zip(printed(&spleen.outcome));
        let derive = |term, value: fn(f64, f64) -> f64| match operands {
            Some((a, b)) => samples::measured(term, value(a, b), vec![]),
            None => samples::refused(term, Reason::DependencyNotMeasured, ""),
        };
        let difference = derive(Term::LiverSpleenDiff, |a, b| a - b);
        let ratio = derive(Term::LiverSpleenRatio, |a, b| a / b);
        let mut record = samples::record();
        record.targets = vec![th12, l1, l2, liver, spleen, difference, ratio];
        let documents = if together { Documents::Combined } else { Documents::PerAnalysis };
        for document in make(&record, &Options { documents, ..Options::default() }) {
            prop_assert_eq!(validate(&document.bytes), []);
            let again = rsif::re_emit(&document.bytes).unwrap();
            prop_assert_eq!(again.as_bytes(), &document.bytes);
        }
    }
}
