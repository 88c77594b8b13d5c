//! RSIF documents read by Python libraries: JSON Schema and RFC 8785 as others implement them.

use std::fs;
use std::path::Path;
use std::process::Command;

use resetray::codes::Reason;
use resetray::record::Inputs;
use resetray::record::Record;
use resetray::write::rsif;
use resetray::write::rsif::Documents;
use resetray::write::rsif::Identifiers;
use resetray::write::rsif::Labels;
use resetray::write::rsif::Language;
use resetray::write::rsif::Options;

use crate::rsif_samples as samples;

/// Exit status of the script when a library is missing.
const LIBRARY_MISSING: i32 = 77;

fn without_volume() -> Record {
    let full = samples::record();
    let inputs =
        Inputs { source: full.source, analyses: full.analyses, configuration_digest: full.configuration_digest };
    Record::without_volume(inputs, Reason::ObjectUnsuitable, "image_type_axial", Vec::new())
        .with_stack(full.acquisition, full.geometry)
}

#[test]
fn other_libraries_accept_schema_documents_and_digests() {
    let folder = tempfile::tempdir().unwrap();
    let russian = Options { language: Language::Russian, labels: Labels::Russian, ..Options::default() };
    let combined = Options { documents: Documents::Combined, omit_timestamps: true, ..Options::default() };
    let source = Options { identifiers: Identifiers::Source, labels: Labels::English, ..Options::default() };
    let none = Options { identifiers: Identifiers::None, ..Options::default() };
    let mut paths = Vec::new();
    for (number, options) in [Options::default(), russian, combined, source, none].iter().enumerate() {
        for (kind, record) in [("measured", samples::record()), ("no_volume", without_volume())] {
            let made = rsif::documents(
                &record,
                &samples::previews(),
                &samples::secret(),
                &samples::software(),
                &samples::processing(1),
                options,
            );
            for document in made.unwrap() {
                assert_eq!(resetray::write::validate::validate(&document.bytes), []);
                let path = folder.path().join(format!("{number}.{kind}.{}", document.file_name));
                fs::write(&path, &document.bytes).unwrap();
                paths.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var("RESETRAY_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let run = Command::new(python)
        .arg(root.join("tests/peers/check_rsif.py"))
        .arg(root.join("tests/peers/rsif-public-rules.schema.json"))
        .arg(root.join("config/rsif-resetray-node.schema.json"))
        .arg("--")
        .args(&paths)
        .output();
    match run {
        Ok(output) if output.status.success() => {}
        Ok(output) if output.status.code() == Some(LIBRARY_MISSING) => {
            println!("skipped: {}", String::from_utf8_lossy(&output.stdout).trim());
        }
        Ok(output) => panic!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        Err(error) => println!("skipped: no Python ({error})"),
    }
}
