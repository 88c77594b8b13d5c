//! Previews as their reader sees them.

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
    let volume = scene::volume(Storage::default(), scene::hu_at);
    let pictures = previews(&volume, &scene::findings(330.0), &scene::targets(&volume));
    keep("whole", &pictures);
    let files: Vec<&str> = pictures.iter().map(|picture| picture.file.as_str()).collect();
    let expected =
        ["th12", "l1", "l2", "liver", "spleen", "levels", "overview"].map(|name| format!("preview_{name}.png"));
    assert_eq!(files, expected);
    for picture in &pictures {
        let reader = png::Decoder::new(std::io::Cursor::new(&picture.png)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (picture.width, picture.height));
    }
}

#[test]
fn findings_are_explained_in_pictures_and_numbers() {
    let volume = scene::volume(Storage { height_mm: 280.0, ..Storage::default() }, scene::hu_at);
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
    let volume = scene::volume(Storage { height_mm: 120.0, ..Storage::default() }, scene::hu_at);
    let targets =
        [Term::L1Hu, Term::LiverHu].map(|term| scene::refused(term, Reason::OutOfCoverage, "canal_shorter_than_60_mm"));
    let pictures = previews(&volume, &scene::absent("canal_shorter_than_60_mm"), &targets);
    keep("absent", &pictures);
    assert_eq!(pictures.len(), 3);
}
