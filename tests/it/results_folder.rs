//! The results folder: what a consumer sees, and what a restart makes of every possible leftover.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use resetray::codes::Reason;
use resetray::codes::Term;
use resetray::deliver::Completeness;
use resetray::deliver::DeliverError;
use resetray::deliver::Event;
use resetray::deliver::EventKind;
use resetray::deliver::Instance;
use resetray::deliver::InstanceVerdict;
use resetray::deliver::Opening;
use resetray::deliver::Options;
use resetray::deliver::Outcome;
use resetray::deliver::Publication;
use resetray::deliver::Receipt;
use resetray::deliver::ReceiptInputs;
use resetray::deliver::ResultsFolder;
use resetray::deliver::SeriesFolder;
use resetray::write::rsif;
use resetray::write::rsif::Identifiers;
use resetray::write::rsif::SupersedeReason;
use resetray::write::validate::validate;

use crate::rsif_samples as samples;

pub(crate) fn series(digit: char) -> SeriesFolder {
    SeriesFolder::parse(&digit.to_string().repeat(32)).unwrap()
}

pub(crate) fn open(root: &Path) -> ResultsFolder {
    ResultsFolder::open(root, Options { index_interval: Duration::ZERO }).unwrap()
}

fn receipt() -> Receipt {
    let inputs = ReceiptInputs {
        instances: vec![Instance {
            sop_instance_uid: samples::uid("1.2.3"),
            sha256: "00".repeat(32),
            association: Some("a1".into()),
            verdict: InstanceVerdict::Measured,
        }],
        associations: Vec::new(),
        completeness: Completeness { evidence: "geometry_closed".into(), expected: None, received: 1 },
    };
    Receipt::new(inputs, Identifiers::Pseudonym, &samples::secret())
}

/// A publication whose documents depend on `mean_hu` of L1.
pub(crate) fn publication(folder: &ResultsFolder, series: &SeriesFolder, mean_hu: f64) -> Publication {
    let mut record = samples::record();
    record.targets[1] = samples::measured(Term::L1Hu, mean_hu, vec![]);
    let revision = folder.next_revision(series).unwrap();
    let mut processing = samples::processing(revision);
    if let Some(latest) = folder.latest(series).unwrap() {
        processing.supersedes = latest.ids();
        processing.supersede_reason = Some(SupersedeReason::LateInstances);
    }
    let documents = rsif::documents(
        &record,
        &samples::previews(),
        &samples::secret(),
        &samples::software(),
        &processing,
        &rsif::Options::default(),
    )
    .unwrap();
    let files = vec![("preview_levels.png".to_owned(), b"png".to_vec()), ("dicom/sr.dcm".to_owned(), b"sr".to_vec())];
    Publication { series: series.clone(), revision, documents, files, receipt: receipt() }
}

fn publish(folder: &ResultsFolder, series: &SeriesFolder, mean_hu: f64) -> Outcome {
    folder.publish(&publication(folder, series, mean_hu)).unwrap()
}

pub(crate) fn events(root: &Path) -> Vec<Value> {
    let mut names: Vec<_> = fs::read_dir(root.join("events")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let text: String = names.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn event_names(root: &Path) -> Vec<String> {
    events(root).iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Visible names below a folder, relative, sorted; names with a leading dot are not for consumers.
pub(crate) fn visible(root: &Path, below: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            found.extend(visible(root, &path));
        } else {
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    found
}

#[test]
fn a_publication_is_laid_out_as_consumers_expect_it() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let folder = open(root);
    let key = series('a');
    let outcome = publish(&folder, &key, 135.42);
    let revision = root.join("series").join(key.as_str()).join("r0001");
    assert_eq!(outcome, Outcome::Published { revision: 1, path: revision.clone() });
    let day = fs::read_dir(root.join("events")).unwrap().next().unwrap().unwrap().file_name();
    let k = key.as_str();
    let mut expected = vec![
        format!("{k}.r0001.liver_attenuation.rsif.json"),
        format!("{k}.r0001.vertebral_attenuation.rsif.json"),
        format!("events/{}", day.to_str().unwrap()),
        "index.json".to_owned(),
        format!("series/{k}/latest.json"),
    ];
    for name in [
        "dicom/sr.dcm",
        "liver_attenuation.rsif.json",
        "manifest.json",
        "preview_levels.png",
        "receipt.json",
        "vertebral_attenuation.rsif.json",
    ] {
        expected.push(format!("series/{k}/r0001/{name}"));
    }
    expected.sort();
    assert_eq!(visible(root, root), expected);
    for entry in json(&revision.join("manifest.json")).as_array().unwrap() {
        let bytes = fs::read(revision.join(entry["file"].as_str().unwrap())).unwrap();
        assert_eq!(entry["size"].as_u64(), Some(bytes.len() as u64));
    }
    let flat = fs::read(root.join(&expected[0])).unwrap();
    assert_eq!(flat, fs::read(revision.join("liver_attenuation.rsif.json")).unwrap());
    assert_eq!(validate(&flat), []);
    assert_eq!(json(&revision.join("../latest.json"))["path"], "r0001");
    assert_eq!(json(&root.join("index.json"))[0]["series_key"], k);
    let event = &events(root)[0];
    assert_eq!((event["seq"].as_u64(), event["event"].as_str()), (Some(1), Some("result_published")));
    assert_eq!(event["path"], format!("series/{k}/r0001"));
    assert_eq!(event["not_measured"]["TH12_HU"], Reason::NoiseOrArtifact.name());
    assert_eq!(event["measured"].as_array().unwrap().len(), 6);
    // The masks are upper bounds: a stricter umask of the process may take more away.
    assert_eq!(mode(&revision) & !0o750, 0);
    assert_eq!(mode(&revision.join("receipt.json")) & !0o640, 0);
    assert_eq!(mode(&root.join(".tmp")), 0o700);
    assert_eq!(fs::read_dir(root.join(".tmp")).unwrap().count(), 0);
}

#[test]
fn equal_results_are_published_once_and_new_ones_supersede() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let folder = open(root);
    let key = series('b');
    publish(&folder, &key, 135.42);
    assert_eq!(publish(&folder, &key, 135.42), Outcome::Unchanged { revision: 1 });
    let first = folder.latest(&key).unwrap().unwrap();
    assert!(matches!(publish(&folder, &key, 140.0), Outcome::Published { revision: 2, .. }));
    assert_eq!(event_names(root), ["result_published", "result_unchanged", "result_superseded", "result_published"]);
    let superseded = &events(root)[2];
    assert_eq!((superseded["revision"].as_u64(), superseded["superseded_by"].as_u64()), (Some(1), Some(2)));
    let document = json(&root.join(format!("{}.r0002.vertebral_attenuation.rsif.json", key.as_str())));
    let previous = json(&root.join(format!("{}.r0001.vertebral_attenuation.rsif.json", key.as_str())));
    assert_eq!(document["processing"]["supersedes"], previous["@id"]);
    assert_eq!(first.ids()[0].1, previous["@id"].as_str().unwrap());
    assert_eq!(json(&root.join("index.json")).as_array().unwrap().len(), 1);
}

#[test]
fn a_stale_revision_number_is_refused_and_leaves_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let folder = open(root);
    let key = series('c');
    let stale = publication(&folder, &key, 100.0);
    publish(&folder, &key, 135.42);
    let before = visible(root, root);
    assert!(matches!(folder.publish(&stale), Err(DeliverError::RevisionTaken { revision: 1, next: 2 })));
    assert_eq!(visible(root, root), before);
    let mut bad = publication(&folder, &key, 100.0);
    bad.files.push(("../escape".to_owned(), Vec::new()));
    assert!(matches!(folder.publish(&bad), Err(DeliverError::Name { .. })));
    assert_eq!(visible(root, root), before);
    assert_eq!(fs::read_dir(root.join(".tmp")).unwrap().count(), 0);
}

#[test]
fn numbers_of_events_go_on_across_restarts() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    for round in 0..3 {
        let folder = open(root);
        folder.announce(&Event::new(EventKind::SeriesReceived).with_series(&series('d')).with_count(4)).unwrap();
        publish(&folder, &series('d'), 100.0 + f64::from(round));
    }
    let numbers: Vec<u64> = events(root).iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

/// Undoes what follows a step of publishing revision `r0002`, as a power loss right after that step leaves the disk.
fn cut_after(step: u32, root: &Path, key: &str, first_latest: &[u8], first_events: &[u8]) {
    let series = root.join("series").join(key);
    let events = fs::read_dir(root.join("events")).unwrap().next().unwrap().unwrap().path();
    let marker = root.join(".tmp").join(format!("{key}.r0002.pending"));
    fs::write(&marker, b"").unwrap();
    fs::remove_file(root.join("index.json")).unwrap();
    if step < 7 {
        fs::write(&events, first_events).unwrap();
    }
    if step < 6 {
        fs::remove_file(root.join(format!("{key}.r0002.liver_attenuation.rsif.json"))).unwrap();
        fs::remove_file(root.join(format!("{key}.r0002.vertebral_attenuation.rsif.json"))).unwrap();
    }
    if step < 5 {
        fs::write(series.join("latest.json"), first_latest).unwrap();
    }
    if step < 3 {
        fs::rename(series.join("r0002"), root.join(".tmp").join("1234-1-r0002")).unwrap();
    }
    if step < 2 {
        fs::remove_file(&marker).unwrap();
        fs::write(root.join(".tmp").join("1234-1-r0002").join("manifest.json"), b"[{\"fi").unwrap();
    }
}

#[test]
fn a_power_loss_after_any_step_is_repaired_at_the_next_start() {
    for step in 1..=7 {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path();
        let key = series('e');
        let folder = open(root);
        publish(&folder, &key, 135.42);
        let events_path = fs::read_dir(root.join("events")).unwrap().next().unwrap().unwrap().path();
        let first_latest = fs::read(root.join("series").join(key.as_str()).join("latest.json")).unwrap();
        let first_events = fs::read(&events_path).unwrap();
        publish(&folder, &key, 140.0);
        drop(folder);
        let whole = visible(root, root);
        cut_after(step, root, key.as_str(), &first_latest, &first_events);

        let folder = open(root);
        let completed = usize::from((3..7).contains(&step));
        assert_eq!(folder.opening().completed, completed, "step {step}");
        assert_eq!(folder.opening().damaged, 0, "step {step}");
        assert_eq!(fs::read_dir(root.join(".tmp")).unwrap().count(), 0, "step {step}");
        // A publication that never became visible is made again by its job.
        if step < 3 {
            assert_eq!(folder.latest(&key).unwrap().unwrap().revision, 1);
            assert!(!root.join("series").join(key.as_str()).join("r0002").exists());
            assert!(matches!(publish(&folder, &key, 140.0), Outcome::Published { revision: 2, .. }));
        }
        assert_eq!(publish(&folder, &key, 140.0), Outcome::Unchanged { revision: 2 }, "step {step}");
        drop(folder);
        assert_eq!(visible(root, root), whole, "step {step}");
        let published =
            events(root).iter().filter(|event| event["event"] == "result_published" && event["revision"] == 2).count();
        assert_eq!(published, 1, "step {step}");
    }
}

#[test]
fn a_flat_file_that_its_consumer_took_does_not_come_back() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let key = series('f');
    publish(&open(root), &key, 135.42);
    let flat = root.join(format!("{}.r0001.liver_attenuation.rsif.json", key.as_str()));
    fs::remove_file(&flat).unwrap();
    fs::write(root.join(".tmp").join(format!("{}.r0001.pending", key.as_str())), b"").unwrap();
    let folder = open(root);
    assert_eq!(folder.opening(), Opening { swept: 0, completed: 0, damaged: 0 });
    assert!(!flat.exists());
    assert_eq!(publish(&folder, &key, 135.42), Outcome::Unchanged { revision: 1 });
    assert!(!flat.exists());
}

#[test]
fn a_damaged_revision_does_not_keep_the_folder_from_opening() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let key = series('1');
    open(root);
    let revision = root.join("series").join(key.as_str()).join("r0001");
    fs::create_dir_all(&revision).unwrap();
    fs::write(root.join(".tmp").join(format!("{}.r0001.pending", key.as_str())), b"").unwrap();
    let folder = open(root);
    assert_eq!(folder.opening().damaged, 1);
    assert!(matches!(publish(&folder, &key, 135.42), Outcome::Published { revision: 2, .. }));
}

#[test]
fn leftovers_are_swept_and_the_sweep_is_told() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    drop(open(root));
    fs::create_dir_all(root.join(".tmp/77-1-r0001/dicom")).unwrap();
    fs::write(root.join(".tmp/77-2-latest"), b"{").unwrap();
    let folder = open(root);
    assert_eq!(folder.opening().swept, 2);
    assert_eq!(events(root).last().unwrap()["count"], 2);
}

#[test]
fn two_processes_cannot_own_one_folder() {
    let temporary = tempfile::tempdir().unwrap();
    let first = open(temporary.path());
    let second = ResultsFolder::open(temporary.path(), Options::default());
    assert!(matches!(second, Err(DeliverError::InUse { .. })));
    drop(first);
    open(temporary.path());
}

#[test]
fn many_workers_publish_side_by_side() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    let folder = Arc::new(ResultsFolder::open(root, Options::default()).unwrap());
    std::thread::scope(|scope| {
        for digit in ['2', '3', '4', '5'] {
            let folder = Arc::clone(&folder);
            scope.spawn(move || {
                for round in 0..5 {
                    let mean_hu = 100.0 + f64::from(round);
                    publish(&folder, &series(digit), mean_hu);
                }
            });
        }
    });
    drop(folder);
    let numbers: Vec<u64> = events(root).iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=36).collect::<Vec<_>>());
    let index = json(&root.join("index.json"));
    let revisions: Vec<_> = index.as_array().unwrap().iter().map(|entry| entry["revision"].as_u64()).collect();
    assert_eq!(revisions, [Some(5); 4]);
}

#[test]
fn a_path_that_is_no_folder_is_an_error_that_says_where() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("file");
    fs::write(&path, b"x").unwrap();
    let error = ResultsFolder::open(&path, Options::default()).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
