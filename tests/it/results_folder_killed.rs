//! The results folder after its process was killed at many moments.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;
use std::time::Instant;

use resetray::deliver::SeriesFolder;
use resetray::write::validate::validate;

use crate::results_folder::events;
use crate::results_folder::open;
use crate::results_folder::publication;
use crate::results_folder::series;
use crate::results_folder::visible;

/// Names the results folder to the process that is going to be killed.
const FOLDER: &str = "RESETRAY_TEST_KILLED_FOLDER";
/// How often it is killed.
const ROUNDS: u64 = 20;
/// How long its first publication may take.
const START: Duration = Duration::from_secs(20);

fn keys() -> [SeriesFolder; 3] {
    ['a', 'b', 'c'].map(series)
}

#[test]
fn publishing_until_it_is_killed() {
    let Some(root) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        println!("skipped: runs as the process that the other test kills");
        return;
    };
    let folder = open(&root);
    for round in 0..u32::MAX {
        for key in keys() {
            folder.publish(&publication(&folder, &key, 100.0 + f64::from(round % 700))).unwrap();
        }
    }
}

#[test]
fn a_kill_at_any_moment_leaves_whole_results_each_announced_once() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let mut completed = 0;
    for round in 0..ROUNDS {
        let seen = series_revisions(root);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "results_folder_killed::publishing_until_it_is_killed"])
            .env(FOLDER, root)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        while series_revisions(root) == seen && started.elapsed() < START {
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_millis(7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        completed += open(root).opening().completed;
    }
    println!("{completed} of {ROUNDS} restarts had a publication to complete");
    let revisions = series_revisions(root);
    assert!(revisions >= ROUNDS as usize, "{revisions} revisions");
    check(root, revisions);
}

/// Number of visible revision folders.
fn series_revisions(root: &Path) -> usize {
    let count = |key: &SeriesFolder| {
        let listing = fs::read_dir(root.join("series").join(key.as_str()));
        listing.into_iter().flatten().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    };
    keys().iter().map(count).sum()
}

fn check(root: &Path, revisions: usize) {
    let mut announced: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for (position, event) in events(root).iter().enumerate() {
        assert_eq!(event["seq"].as_u64(), Some(position as u64 + 1));
        if event["event"] == "result_published" {
            let key = (event["series_key"].as_str().unwrap().to_owned(), event["revision"].as_u64().unwrap());
            *announced.entry(key).or_default() += 1;
        }
    }
    assert_eq!(announced.len(), revisions);
    assert!(announced.values().all(|&times| times == 1), "{announced:?}");
    let documents: Vec<String> = visible(root, root).into_iter().filter(|path| path.ends_with(".rsif.json")).collect();
    // Two documents per revision, each with its flat copy.
    assert_eq!(documents.len(), 4 * revisions);
    for path in documents {
        assert_eq!(validate(&fs::read(root.join(&path)).unwrap()), [], "{path}");
    }
}
