//! The results folder on a file system that fills up or turns read-only, at every point of publishing.
//!
//! A small file system of its own needs a mount namespace; where the system grants none, the test says so and skips.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use resetray::deliver::DeliverError;
use resetray::deliver::Outcome;
use resetray::write::validate::validate;

use crate::results_folder::events;
use crate::results_folder::json;
use crate::results_folder::open;
use crate::results_folder::publication;
use crate::results_folder::series;
use crate::results_folder::visible;

/// Names the mounted folder to the inner test.
const FOLDER: &str = "RESETRAY_TEST_SMALL_FILE_SYSTEM";
/// Exit status of the shell when there is no namespace or mount.
const NO_MOUNT: i32 = 77;
/// Size of a page of the file system (bytes): what it gives out at once.
const PAGE: usize = 4096;

#[test]
fn a_full_or_read_only_disk_shows_nothing_partial_and_loses_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=1m,mode=755 none \"$1\" || exit 77; \
                  exec \"$2\" --exact results_folder_full::inside_a_small_file_system --nocapture";
    let status = Command::new("unshare")
        .args(["-rm", "sh", "-c", script, "sh"])
        .arg(temporary.path())
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, temporary.path())
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(NO_MOUNT | 1)) | Err(_) => println!("skipped: no mount namespace for a small file system"),
        other => panic!("the inner test failed: {other:?}"),
    }
}

#[test]
fn inside_a_small_file_system() {
    let Some(root) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        println!("skipped: runs inside the small file system of the other test");
        return;
    };
    let mut refused = 0;
    for pages in 0..60 {
        refused += usize::from(one_round(&root, pages));
    }
    // The sweep has to meet both: publications that fail and publications that fit.
    assert!((5..60).contains(&refused), "{refused} rounds met a full disk");
    read_only(&root);
}

/// Publishes with so many pages left; whether that failed. Afterwards there is room again and the job is retried.
fn one_round(root: &Path, pages: usize) -> bool {
    let out = root.join("out");
    let folder = open(&out);
    let key = series('a');
    let mean_hu = 100.0 + pages as f64;
    let first = publication(&folder, &key, mean_hu);
    let filler = root.join("filler");
    fill_but(&filler, pages);
    let tried = folder.publish(&first);
    for path in visible(&out, &out) {
        let whole = match path.rsplit('.').next() {
            Some("json") if path.ends_with(".rsif.json") => validate(&fs::read(out.join(&path)).unwrap()).is_empty(),
            Some("json") => json(&out.join(&path)) != serde_json::Value::Null,
            _ => true,
        };
        assert!(whole, "{path} is partial with {pages} pages left");
    }
    fs::remove_file(&filler).unwrap();
    let failed = match tried {
        Ok(outcome) => {
            assert!(matches!(outcome, Outcome::Published { .. }));
            false
        }
        Err(DeliverError::NoSpace { .. }) => true,
        Err(other) => panic!("{pages} pages left: {other}"),
    };
    // The job is still queued: it makes its documents anew and publishes.
    folder.publish(&publication(&folder, &key, mean_hu)).unwrap();
    let digest = folder.latest(&key).unwrap().unwrap().documents[1].content_digest.clone();
    assert_eq!(digest, first.documents[1].content_digest);
    drop(folder);
    let published: Vec<_> = events(&out).into_iter().filter(|event| event["event"] == "result_published").collect();
    let last = published.last().unwrap();
    let flat = format!("{}.r{:04}.liver_attenuation.rsif.json", key.as_str(), last["revision"].as_u64().unwrap());
    assert!(out.join(flat).exists(), "{pages} pages left");
    assert_eq!(published.iter().filter(|event| event["revision"] == last["revision"]).count(), 1);
    fs::remove_dir_all(&out).unwrap();
    failed
}

/// Fills the file system except for some pages.
fn fill_but(path: &Path, pages: usize) {
    let mut file = fs::File::create(path).unwrap();
    let block = [1u8; PAGE];
    let mut written = 0;
    while file.write_all(&block).is_ok() {
        written += 1;
    }
    file.set_len((written * PAGE).saturating_sub(pages * PAGE) as u64).unwrap();
}

fn read_only(root: &Path) {
    let out = root.join("out");
    let folder = open(&out);
    let key = series('b');
    let publication = publication(&folder, &key, 120.0);
    // Open files keep the file system itself from turning read-only, so a read-only view lies over `series`.
    let revisions = out.join("series");
    let run = |command: &mut Command| assert!(command.status().unwrap().success());
    run(Command::new("mount").arg("--bind").args([&revisions, &revisions]));
    run(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(&revisions));
    assert!(matches!(folder.publish(&publication), Err(DeliverError::ReadOnly { .. })));
    run(Command::new("umount").arg(&revisions));
    assert!(matches!(folder.publish(&publication), Ok(Outcome::Published { revision: 1, .. })));
}
