use std::path::{Path, PathBuf};
use std::time::Instant;

use super::*;
use crate::instance::{SeriesInstance, part10};

/// The instances of a folder, in no particular order.
fn folder(path: &Path) -> Vec<SeriesInstance> {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| SeriesInstance::read(part10::open(&path).unwrap()).unwrap()).collect()
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
    if !path.exists() {
        println!("skipped: {name} is not here");
        return None;
    }
    Some(path)
}

#[test]
fn real_series_become_volumes_or_reasons() {
    let Some(root) = shared("ct") else { return };
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let started = Instant::now();
        let instances = folder(&case);
        let read = started.elapsed();
        let built = build(&instances, &Options::default());
        let took = started.elapsed() - read;
        match &built.volume {
            Ok(volume) => {
                let started = Instant::now();
                let tent = super::super::resample::tent(volume, 1.5);
                let tent_took = started.elapsed();
                let boxed = super::super::resample::boxed(volume, 2.5);
                println!(
                    "{name}: {:?} read {read:?} build {took:?} tent {:?} {tent_took:?} boxed {:?} {:?} {}",
                    volume.geometry.shape,
                    tent.grid.shape,
                    boxed.grid.shape,
                    started.elapsed() - tent_took,
                    super::super::digest(volume)
                );
            }
            Err(unsuitable) => println!("{name}: {unsuitable:?}"),
        }
        for check in built.checks.iter().filter(|check| check.verdict != Verdict::Pass) {
            println!("    {} {:?} {:?} {:?}", check.name, check.scope, check.observed, check.verdict);
        }
    }
}
