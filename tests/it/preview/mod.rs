//! Previews as their reader sees them.

#[cfg(test)]
mod orientation;
#[cfg(test)]
mod scene;

use std::path::PathBuf;

use resetray::codes::Reason;
use resetray::codes::Term;
use resetray::write::preview::Preview;
use resetray::write::preview::explain::explain;
use resetray::write::preview::previews;
use resetray::write::preview::without_volume;

use self::scene::Storage;

/// Keeps the pictures where a person can look at them, if `RESETRAY_PICTURES` names a folder.
fn keep(name: &str, pictures: &[Preview]) {
    let Some(folder) = std::env::var_os("RESETRAY_PICTURES") else { return };
    for picture in pictures {
        let path = PathBuf::from(&folder).join(format!("{name}_{}", picture.file));
        if let Err(error) = std::fs::write(&path, &picture.png) {
            println!("{} not kept: {error}", path.display());
        }
    }
}

#[test]
fn every_target_has_a_picture_of_the_stated_size() {
    let volume = scene::volume(small(), scene::hu_at);
    let pictures = previews(&volume, &scene::findings(250.0), &scene::targets(&volume));
    keep("whole", &pictures);
    let files: Vec<&str> = pictures.iter().map(|picture| picture.file.as_str()).collect();
    let expected =
        ["th12", "l1", "l2", "liver", "spleen", "levels", "overview"].map(|name| format!("preview_{name}.png"));
    assert_eq!(files, expected);
    for picture in &pictures {
        assert!(scene::pixels(picture).iter().any(|pixel| *pixel != [0; 3]));
    }
}

#[test]
fn findings_are_explained_in_pictures_and_numbers() {
    let volume = scene::volume(Storage { height_mm: 280.0, ..small() }, scene::hu_at);
    let files = explain(&volume, &scene::findings(280.0));
    if let Some(folder) = std::env::var_os("RESETRAY_PICTURES") {
        for file in &files {
            println!("{}: {:?}", file.file, std::fs::write(PathBuf::from(&folder).join(file.file), &file.bytes));
        }
    }
    let names: Vec<&str> = files.iter().map(|file| file.file).collect();
    assert_eq!(names[0], "explain_findings.json");
    assert_eq!(names.len(), 7, "{names:?}");
    let numbers: serde_json::Value = serde_json::from_slice(&files[0].bytes).unwrap();
    assert_eq!(numbers["spine"]["vertebrae"][4]["level"], "T12");
    assert_eq!(numbers["spine"]["vertebrae"][4]["rib_lengths_mm"]["left"], 115.5);
}

#[test]
fn a_series_without_volume_gets_one_card() {
    let targets = [Term::L1Hu, Term::LiverHu].map(|term| scene::refused(term, Reason::ObjectUnsuitable, "modality_ct"));
    let pictures = without_volume(&targets);
    keep("card", &pictures);
    assert_eq!(pictures.len(), 1);
    assert_eq!(pictures[0].shows, [Term::L1Hu, Term::LiverHu]);
}

#[test]
fn refused_targets_without_findings_are_pictures_too() {
    let volume = scene::volume(Storage { height_mm: 120.0, ..small() }, scene::hu_at);
    let targets =
        [Term::L1Hu, Term::LiverHu].map(|term| scene::refused(term, Reason::OutOfCoverage, "canal_shorter_than_60_mm"));
    let pictures = previews(&volume, &scene::absent("canal_shorter_than_60_mm"), &targets);
    keep("absent", &pictures);
    assert_eq!(pictures.len(), 3);
}

/// A small scene: coarse, but with all structures.
fn small() -> Storage {
    let height_mm = 250.0;
    Storage { row_spacing_mm: 2.0, column_spacing_mm: 2.0, slice_spacing_mm: 5.0, height_mm, ..Storage::default() }
}

#[test]
fn equal_input_gives_equal_bytes() {
    let volume = scene::volume(small(), scene::hu_at);
    let (findings, targets) = (scene::findings(250.0), scene::targets(&volume));
    let targets = &targets[2..4];
    assert_eq!(previews(&volume, &findings, targets), previews(&volume, &findings, targets));
}

#[test]
fn no_chunk_but_header_data_and_end_is_written() {
    let volume = scene::volume(small(), scene::hu_at);
    for picture in previews(&volume, &scene::findings(250.0), &scene::targets(&volume)) {
        let mut rest = &picture.png[8..];
        let mut kinds = Vec::new();
        while rest.len() >= 12 {
            let length = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            kinds.push(String::from_utf8_lossy(&rest[4..8]).into_owned());
            rest = &rest[12 + length..];
        }
        kinds.dedup();
        assert_eq!(kinds, ["IHDR", "IDAT", "IEND"], "{}", picture.file);
    }
}

#[test]
fn nothing_touches_the_edge_however_long_the_words_are() {
    let volume = scene::volume(small(), scene::hu_at);
    let mut targets = scene::targets(&volume);
    targets[0] = scene::refused(Term::Th12Hu, Reason::LevelNotIdentified, LONG_WORD);
    targets[1] = scene::vertebral(&volume, Term::L1Hu, resetray::codes::Level::L1, vec![LONG_WORD; 5]);
    let pictures = previews(&volume, &scene::findings(250.0), &targets);
    keep("long", &pictures);
    for picture in pictures.into_iter().chain(without_volume(&targets)) {
        let pixels = scene::pixels(&picture);
        let (width, height) = (picture.width as usize, picture.height as usize);
        let edge = |x: usize, y: usize| x < 8 || y < 8 || x >= width - 8 || y >= height - 8;
        let drawn = (0..width * height).find(|&at| edge(at % width, at / width) && pixels[at] != pixels[0]);
        assert_eq!(drawn, None, "{}", picture.file);
    }
}

const LONG_WORD: &str =
    "a_reason_that_is_much_longer_than_any_reason_that_the_definition_set_has_and_that_must_be_cut_somewhere";

#[test]
fn a_switched_off_target_has_no_picture() {
    let volume = scene::volume(small(), scene::hu_at);
    let targets = [scene::refused(Term::L1Hu, Reason::NotRequested, "")];
    let pictures = previews(&volume, &scene::findings(250.0), &targets);
    assert!(pictures.iter().all(|picture| picture.file != "preview_l1.png" && picture.shows.is_empty()));
}

#[test]
fn ambiguous_levels_are_drawn_without_names() {
    let volume = scene::volume(small(), scene::hu_at);
    let mut findings = scene::findings(250.0);
    let named = previews(&volume, &findings, &scene::targets(&volume));
    if let Ok(spine) = &mut findings.spine {
        spine.numbering.certainty = resetray::anatomy::Certainty::Ambiguous;
    }
    let terms = [Term::Th12Hu, Term::L1Hu, Term::L2Hu];
    let targets = terms.map(|term| scene::refused(term, Reason::LevelNotIdentified, "rib_cut"));
    let unnamed = previews(&volume, &findings, &targets);
    keep("ambiguous", &unnamed);
    assert_ne!(named[4].png, unnamed[3].png);
    // Without names no level is located, so all three look at the same place.
    assert_eq!(unnamed.len(), 5);
}
