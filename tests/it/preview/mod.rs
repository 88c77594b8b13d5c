//! Previews as their reader sees them.

mod scene;

use std::path::PathBuf;

use resetray::codes::Reason;
use resetray::codes::Term;
use resetray::write::preview::Preview;
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
