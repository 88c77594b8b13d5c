//! Real files with something odd about each: every one ends with a clear status or refusal, and nothing else is disturbed.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::node_support::NodeProcess;
use crate::node_support::is_installed;
use crate::node_support::program;
use crate::node_support::small_phantom;
use crate::node_support::succeed;
use crate::node_support::wait_for_documents;
use crate::node_support::write_phantom;

/// Where the odd files lie; without them the tests are skipped.
const FOLDER: &str = "../shared/odd";

fn odd_files() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_none_or(|extension| extension != "tsv"));
    files.sort();
    files
}

/// How our own sender says that an object ended.
fn is_clear(told: &str) -> bool {
    ["1 of 1 stored", "status 0x", "does not accept SOP class", "no DICOM file", "no presentation context", "rejected"]
        .iter()
        .any(|word| told.contains(word))
}

#[test]
fn every_odd_file_ends_clearly_and_a_series_pushed_afterwards_is_measured() {
    let files = odd_files();
    if files.is_empty() {
        println!("skipped: {FOLDER} is missing");
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let node = NodeProcess::start(base.path());
    let mut stored = 0;
    for file in &files {
        let peer = format!("RESETRAY@127.0.0.1:{}", node.port);
        let sent = program(base.path()).arg("send").arg(file).args(["--to", &peer]).output().unwrap();
        let told = String::from_utf8_lossy(&sent.stderr).into_owned() + &String::from_utf8_lossy(&sent.stdout);
        assert!(is_clear(&told), "{}: {told}", file.display());
        assert_eq!(sent.status.success(), told.contains("1 of 1 stored"), "{}: {told}", file.display());
        stored += usize::from(sent.status.success());
    }
    if is_installed("storescu") {
        for file in &files {
            // Whatever it answers, the association must end by itself; a hanging one would be cut by the time limit.
            let mut storescu = Command::new("timeout");
            storescu.args(["20", "storescu", "-aec", "RESETRAY", "127.0.0.1", &node.port.to_string()]).arg(file);
            let code = storescu.output().unwrap().status.code();
            assert!(code.is_some_and(|code| code < 124), "{}: {code:?}", file.display());
        }
    } else {
        println!("skipped: storescu is not installed");
    }
    assert!(stored > 0, "none of {} files was stored", files.len());
    let phantom = base.path().join("phantom");
    write_phantom(&small_phantom(14), &phantom);
    let peer = format!("RESETRAY@127.0.0.1:{}", node.port);
    succeed(program(base.path()).arg("send").arg(&phantom).args(["--to", &peer]));
    let measured = wait_for_documents(&base.path().join("results"), 2);
    assert!(!measured.is_empty());
    assert!(node.stop().success());
    let log = std::fs::read_to_string(base.path().join("node.log")).unwrap();
    assert!(!log.contains("panicked") && !log.contains("association crashed"), "{log}");
    let listed = program(base.path()).args(["series", "list", "--json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert!(listed.as_array().unwrap().len() > 1);
}
