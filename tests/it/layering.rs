//! Data flow down the map of `src/lib.rs`; imports point up. Crates stay behind their fences.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// Which crate may be named in which place only.
const FENCES: &[(&str, &[&str])] = &[
    ("sled", &["src/catalogue/"]),
    ("dicom_ul", &["src/dimse/"]),
    ("dicom_pixeldata", &["src/volume/decode.rs"]),
    ("pure_jpegls", &["src/volume/decode.rs"]),
    ("jpegls", &["src/volume/decode.rs"]),
    ("indicatif", &["src/cli/"]),
    ("clap", &["src/cli/", "src/main.rs"]),
];

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every Rust file below a folder, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Code lines: without comments, and without anything below `mod tests`.
fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.trim_start().starts_with("mod tests"))
        .map(|line| line.split("//").next().unwrap_or_default())
}

/// Rooms in the order of the map.
fn rooms() -> Vec<String> {
    let text = fs::read_to_string(source_root().join("lib.rs")).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("pub mod "))
        .map(|rest| rest.trim_end_matches(';').to_owned())
        .collect()
}

fn mentions(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        let boundary = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
        boundary(before) && boundary(after)
    })
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let rooms = rooms();
    assert!(rooms.len() > 15, "the map was not read: {rooms:?}");
    let mut wrong = Vec::new();
    for file in rust_files(&source_root()) {
        let relative = file.strip_prefix(source_root()).unwrap().to_owned();
        let room = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        let Some(position) = rooms.iter().position(|name| *name == room) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in code_lines(&text).enumerate() {
            for later in &rooms[position + 1..] {
                if mentions(line, &format!("crate::{later}")) {
                    wrong.push(format!("{}:{} uses {later}", relative.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports that point down the map:\n{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is() {
    for file in rust_files(&source_root()) {
        if file.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{} has no module documentation", file.display());
    }
}

#[test]
fn crates_stay_behind_their_fences() {
    let mut wrong = Vec::new();
    for file in rust_files(&source_root()) {
        let relative = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).unwrap();
        for (name, places) in FENCES {
            let inside = places.iter().any(|place| relative.starts_with(place));
            if !inside && code_lines(&text).any(|line| mentions(line, name) && line.contains(&format!("{name}::"))) {
                wrong.push(format!("{relative} names {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_planted_import_is_found() {
    assert!(mentions("use crate::node::serve;", "crate::node"));
    assert!(!mentions("use crate::node_state;", "crate::node"));
}
