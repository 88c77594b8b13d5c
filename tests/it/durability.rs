//! What was acknowledged is there after any stop: kill at random moments, full disk; and how fast that is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;

use resetray::catalogue::Catalogue;
use resetray::catalogue::Verdict;
use resetray::identity::AeTitle;
use resetray::identity::SeriesKey;
use resetray::identity::Uid;
use resetray::spool::InstanceHeader;
use resetray::spool::Options;
use resetray::spool::Parsed;
use resetray::spool::Recovery;
use resetray::spool::Spool;
use resetray::spool::StoredInstance;

const SERIES: &str = "1.2.9";
const CALLED: &str = "RESETRAY";
const TASKS: u64 = 8;
const KILLS: u64 = 12;
/// A CT instance of 512 x 512 voxels, uncompressed.
const CT_BYTES: usize = 526_000;

fn options() -> Options {
    Options { segment_bytes: 8 << 20, free_space_min_bytes: 0, ..Options::default() }
}

fn header(uid: &str, task: u64) -> InstanceHeader {
    InstanceHeader {
        association: format!("a{task}"),
        sequence: 0,
        called: CALLED.to_owned(),
        calling: "CT01".to_owned(),
        peer: "127.0.0.1:1".to_owned(),
        sop_class_uid: Uid::parse("1.2.840.10008.5.1.4.1.1.2").unwrap(),
        sop_instance_uid: Uid::parse(uid).unwrap(),
        transfer_syntax_uid: Uid::parse("1.2.840.10008.1.2.1").unwrap(),
        received_at_ms: 1,
    }
}

fn parsed() -> Parsed {
    Parsed { study_instance_uid: None, series_instance_uid: Some(Uid::parse(SERIES).unwrap()) }
}

fn series() -> SeriesKey {
    SeriesKey { called: AeTitle::parse(CALLED).unwrap(), series_instance_uid: Uid::parse(SERIES).unwrap() }
}

/// Bytes that only this UID has; lengths from some hundred bytes to more than fits in memory.
fn content(uid: &str) -> Vec<u8> {
    let mut state = uid
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let length = match next() % 20 {
        0 => 1_500_000,
        1..=9 => 200 + next() % 20_000,
        _ => 100_000 + next() % 500_000,
    };
    (0..length / 8 + 1).flat_map(|_| next().to_le_bytes()).take(length as usize).collect()
}

async fn store(spool: &Spool, uid: &str, task: u64) -> (resetray::spool::Durable, StoredInstance) {
    let mut object = spool.begin(header(uid, task));
    for piece in content(uid).chunks(64 << 10) {
        object.write(piece).await.unwrap();
    }
    object.commit(parsed()).await.unwrap()
}

/// Runs one test of this binary in a process of its own.
fn child(test: &str, dir: &Path, round: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env("RESETRAY_TEST_DIR", dir).env("RESETRAY_TEST_ROUND", round.to_string());
    command
}

/// Folder and round, where this process was started by [`child`].
fn task_of_child() -> Option<(std::path::PathBuf, u64)> {
    let dir = std::env::var_os("RESETRAY_TEST_DIR")?;
    let round = std::env::var("RESETRAY_TEST_ROUND").ok()?.parse().ok()?;
    Some((dir.into(), round))
}

/// Pushes until it is killed; prints every instance that it would have acknowledged. Alone it does nothing.
#[test]
fn pushing_child() {
    let Some((dir, round)) = task_of_child() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (spool, recovery) = Spool::open(&dir.join("spool"), options()).unwrap();
        let catalogue = open_catalogue(&dir, &recovery);
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                let (spool, catalogue) = (spool.clone(), catalogue.clone());
                tokio::spawn(async move {
                    for number in 0..u64::MAX {
                        let uid = format!("1.{round}.{task}.{number}");
                        let (durable, stored) = store(&spool, &uid, task).await;
                        catalogue.enter(&stored, durable).unwrap();
                        let mut out = std::io::stdout().lock();
                        writeln!(out, "\nacknowledged {uid}").and_then(|()| out.flush()).unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn open_catalogue(dir: &Path, recovery: &Recovery) -> Catalogue {
    let (catalogue, rebuild) = Catalogue::open(&dir.join("index"), &dir.join("spool")).unwrap();
    if rebuild.is_needed() {
        for recovered in recovery.instances() {
            let (stored, durable) = recovered.unwrap();
            catalogue.enter(&stored, durable).unwrap();
        }
    }
    catalogue
}

#[test]
fn every_acknowledged_instance_is_there_once_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        let before = acknowledged.len();
        acknowledged.extend(push_and_kill(dir.path(), round));
        assert!(acknowledged.len() > before, "round {round} acknowledged nothing");
        check(dir.path(), &acknowledged);
    }
    println!("{} instances acknowledged over {KILLS} kills, each there once", acknowledged.len());
}

/// What one child acknowledged before it was killed.
fn push_and_kill(dir: &Path, round: u64) -> Vec<String> {
    let mut pushing =
        child("durability::pushing_child", dir, round).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(pushing.stdout.take().unwrap());
    let (first, started) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for line in out.lines() {
            let Ok(line) = line else { break };
            if let Some(uid) = line.strip_prefix("acknowledged ") {
                let _ = first.send(());
                acknowledged.push(uid.to_owned());
            }
        }
        acknowledged
    });
    let began = started.recv_timeout(Duration::from_secs(60));
    let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    std::thread::sleep(Duration::from_millis(u64::from(moment / 7 % 400)));
    pushing.kill().unwrap();
    pushing.wait().unwrap();
    began.unwrap();
    reader.join().unwrap()
}

fn check(dir: &Path, acknowledged: &[String]) {
    let (spool, recovery) = Spool::open(&dir.join("spool"), options()).unwrap();
    let mut found: BTreeMap<String, StoredInstance> = BTreeMap::new();
    for recovered in recovery.instances() {
        let (stored, _durable) = recovered.unwrap();
        let uid = stored.header.sop_instance_uid.as_str().to_owned();
        assert!(found.insert(uid.clone(), stored).is_none(), "{uid} is there twice");
    }
    for uid in acknowledged {
        let stored = found.get(uid).unwrap_or_else(|| panic!("{uid} was acknowledged and is gone"));
        assert!(spool.read(stored).unwrap() == content(uid), "{uid} has other bytes");
    }
    // A kill leaves at most what was under way: nothing in the middle of a segment.
    assert!(recovery.damage.iter().all(|damage| damage.kind == resetray::spool::DamageKind::TornTail));
    let catalogue = open_catalogue(dir, &recovery);
    assert_eq!(catalogue.count(&series()).unwrap(), found.len() as u64);
    for uid in acknowledged {
        let stored = &found[uid];
        let series = stored.parsed.series_instance_uid.as_ref();
        let uid = &stored.header.sop_instance_uid;
        let called = AeTitle::parse(CALLED).unwrap();
        assert_eq!(catalogue.verdict(&called, uid, &stored.sha256, series).unwrap(), Verdict::Duplicate);
    }
}

/// Fills a small file system. Alone it does nothing.
#[test]
fn filling_child() {
    let Some((dir, _)) = task_of_child() else { return };
    let filler = dir.join("filler");
    std::fs::write(&filler, vec![1; 5 << 20]).unwrap();
    let small = Options { segment_bytes: 4 << 20, ..options() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut kept = Vec::new();
    runtime.block_on(async {
        let (spool, _) = Spool::open(&dir.join("spool"), small.clone()).unwrap();
        for number in 0..100 {
            let uid = format!("1.7.{number}");
            match try_store(&spool, &uid).await {
                Ok(stored) => kept.push(stored),
                Err(error) => {
                    assert!(error.is_full(), "{error}");
                    break;
                }
            }
        }
        assert!(kept.len() > 3 && kept.len() < 100, "{} kept", kept.len());
        // Large objects are refused too and leave nothing.
        let mut large = spool.begin(header("1.8", 0));
        let refused = large.write(&vec![2; 12 << 20]).await;
        assert!(refused.is_err_and(|error| error.is_full()));
        drop(large);
        // Once there is room again the node goes on by itself.
        std::fs::remove_file(&filler).unwrap();
        kept.push(try_store(&spool, "1.7.1000").await.unwrap());
    });
    let (spool, recovery) = Spool::open(&dir.join("spool"), small).unwrap();
    let found: Vec<_> = recovery.instances().map(|recovered| recovered.unwrap().0).collect();
    assert_eq!(found, kept);
    assert!(kept.iter().all(|stored| spool.verify(stored).is_ok()));
    assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
    println!("\nfull disk survived with {} instances", kept.len());
}

async fn try_store(spool: &Spool, uid: &str) -> Result<StoredInstance, resetray::spool::SpoolError> {
    let mut object = spool.begin(header(uid, 0));
    object.write(&vec![7; CT_BYTES]).await?;
    object.commit(parsed()).await.map(|(_, stored)| stored)
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let program = child("durability::filling_child", dir.path(), 0);
    let mut command = Command::new("unshare");
    command.args(["-rm", "sh", "-c", "mount -t tmpfs -o size=16m none \"$0\" && exec \"$@\""]).arg(dir.path());
    command.arg(program.get_program()).args(program.get_args());
    command.env("RESETRAY_TEST_DIR", dir.path()).env("RESETRAY_TEST_ROUND", "0");
    let mounted = Command::new("unshare")
        .args(["-rm", "sh", "-c", "mount -t tmpfs -o size=1m none \"$0\""])
        .arg(dir.path())
        .stderr(Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: no small file system can be mounted here");
        return;
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("full disk survived"), "{text}");
}

/// Receives one long object and tells how far its memory grew. Alone it does nothing.
#[test]
fn streaming_child() {
    let Some((dir, _)) = task_of_child() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (spool, _) = Spool::open(&dir.join("spool"), options()).unwrap();
    let piece = vec![7; 128 << 10];
    let before = peak_kib();
    let stored = runtime.block_on(async {
        let mut object = spool.begin(header("1.2.3", 0));
        for _ in 0..LONG_OBJECT_PIECES {
            object.write(&piece).await.unwrap();
        }
        assert_eq!(object.head().len(), 1 << 20);
        object.commit(parsed()).await.unwrap().1
    });
    assert_eq!(stored.location.length, LONG_OBJECT_PIECES * piece.len() as u64);
    spool.verify(&stored).unwrap();
    println!("\ngrew by {} KiB", peak_kib() - before);
}

/// Pieces of 128 KiB of the long object: 160 MiB.
const LONG_OBJECT_PIECES: u64 = 1280;

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_long_object_is_received_in_bounded_memory() {
    let dir = tempfile::tempdir().unwrap();
    let output = child("durability::streaming_child", dir.path(), 0).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let grew = text.lines().find_map(|line| line.strip_prefix("grew by ")?.strip_suffix(" KiB")?.parse::<u64>().ok());
    let grew = grew.unwrap_or_else(|| panic!("{text}"));
    println!("memory for an object of 160 MiB: {grew} KiB");
    // 1 MiB head, 256 KiB for writing, 1 MiB for verifying, a thread, and what the allocator keeps.
    assert!(grew <= 4096, "{grew} KiB");
}
