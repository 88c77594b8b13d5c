//! The tables of the conformance statement are the tables of the program.

use resetray::config::ApplicationEntity;
use resetray::config::Config;
use resetray::dimse::negotiation;
use resetray::receive::status::StoreStatus;
use resetray::write::seg;
use resetray::write::sr::Storage;

const STATEMENT: &str = include_str!("../../conformance-statement.md");

/// Cells of the table rows below a heading, up to the next heading; without the header row and its rule.
fn table(heading: &str) -> Vec<Vec<String>> {
    let section = STATEMENT
        .split_once(heading)
        .unwrap_or_else(|| panic!("the statement has no {heading:?}"))
        .1
        .split("\n#")
        .next()
        .unwrap();
    section
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
        .collect()
}

#[test]
fn sop_classes_are_those_of_the_code() {
    let written: Vec<String> = table("#### 4.2.1 SOP classes accepted").into_iter().map(|row| row[1].clone()).collect();
    let coded: Vec<String> = negotiation::SOP_CLASSES.iter().map(|row| row.uid.to_owned()).collect();
    assert_eq!(written, coded);
}

#[test]
fn sop_classes_of_results_are_those_of_the_code() {
    let written: Vec<String> =
        table("### 6.1 SOP classes written as results").into_iter().map(|row| row[1].clone()).collect();
    let reports = [Storage::Comprehensive, Storage::Comprehensive3d, Storage::Enhanced].map(Storage::sop_class_uid);
    let coded: Vec<&str> = reports.into_iter().chain([seg::SOP_CLASS_UID]).collect();
    assert_eq!(written, coded);
    assert_eq!(Storage::default().sop_class_uid(), coded[0]);
}

#[test]
fn transfer_syntaxes_are_those_of_the_code_in_its_order() {
    let written: Vec<String> = table("### 4.3 Transfer syntaxes").into_iter().map(|row| row[1].clone()).collect();
    let coded: Vec<String> = negotiation::TRANSFER_SYNTAXES.iter().map(|row| row.uid.to_owned()).collect();
    assert_eq!(written, coded);
}

#[test]
fn status_codes_are_those_of_the_code() {
    let mut written: Vec<(String, String)> =
        table("#### 4.2.4 Status codes of C-STORE").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let mut coded: Vec<(String, String)> =
        StoreStatus::ALL.iter().map(|status| (format!("0x{:04X}", status.code()), format!("{status:?}"))).collect();
    written.sort();
    coded.sort();
    assert_eq!(written, coded);
}

#[test]
fn timeouts_are_the_defaults() {
    let timeouts = Config::default().timeouts;
    let coded = [
        ("timeouts.association_seconds", timeouts.association_seconds),
        ("timeouts.idle_seconds", timeouts.idle_seconds),
        ("timeouts.object_seconds", timeouts.object_seconds),
        ("timeouts.shutdown_seconds", timeouts.shutdown_seconds),
    ];
    let written: Vec<(String, u64)> =
        table("#### 4.2.3 Timeouts").into_iter().map(|row| (row[2].clone(), row[1].parse().unwrap())).collect();
    assert_eq!(written, coded.map(|(key, seconds)| (key.to_owned(), seconds)));
}

#[test]
fn application_entity_keys_and_defaults_are_those_of_the_code() {
    let coded = toml::Table::try_from(ApplicationEntity::default()).unwrap();
    let written = table("### 4.4 Configuration of application entities");
    assert_eq!(written.len(), coded.len());
    for row in written {
        let value = coded.get(&row[0]).unwrap_or_else(|| panic!("{} is no key", row[0]));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(row[1], text, "{}", row[0]);
    }
}
