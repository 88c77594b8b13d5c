//! Throughput of the spool and time of a start with 100 000 instances: `cargo bench --bench spool`.
//!
//! Prints figures and asserts nothing about speed; folders are made below the working directory, so that its disk is measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark fails by panicking")]

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use resetray::catalogue::Catalogue;
use resetray::identity::AeTitle;
use resetray::identity::SeriesKey;
use resetray::identity::Uid;
use resetray::spool::InstanceHeader;
use resetray::spool::Mode;
use resetray::spool::Options;
use resetray::spool::Parsed;
use resetray::spool::Recovery;
use resetray::spool::Spool;

const SERIES: &str = "1.2.9";
const CALLED: &str = "RESETRAY";
const TASKS: u64 = 8;
/// Bytes of a usual CT instance.
const CT_BYTES: usize = 526_000;

fn main() {
    // Cargo passes options of its own; none of them changes what is measured.
    throughput();
    start_with_100_000_instances();
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

fn throughput() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let cases = [
        (Mode::Flush, "flush", 1),
        (Mode::Flush, "flush", 2),
        (Mode::Flush, "flush", 4),
        (Mode::Flush, "flush", 8),
        (Mode::Write, "write", 4),
    ];
    for (mode, name, writers) in cases {
        for tasks in [1, 8] {
            let dir = tempfile::tempdir_in(".").unwrap();
            let options = Options { mode, writers, free_space_min_bytes: 0, ..Options::default() };
            let (spool, _) = Spool::open(dir.path(), options).unwrap();
            let before = cpu_seconds();
            let began = Instant::now();
            let stored = runtime.block_on(push(&spool, tasks, 1_000 / tasks));
            spool.close();
            let wall = began.elapsed().as_secs_f64();
            let groups = spool.figures().groups;
            println!(
                "{name}, {writers} writers, {tasks} tasks: {:.0} instances/s, {:.0} MB/s, {groups} groups, {:.2} s CPU per 1000",
                stored as f64 / wall,
                stored as f64 * CT_BYTES as f64 / wall / 1e6,
                (cpu_seconds() - before) * 1000.0 / stored as f64,
            );
        }
    }
    file_per_instance();
}

async fn push(spool: &Spool, tasks: u64, each: u64) -> u64 {
    let pieces = vec![7; CT_BYTES];
    let running: Vec<_> = (0..tasks)
        .map(|task| {
            let (spool, pieces) = (spool.clone(), pieces.clone());
            tokio::spawn(async move {
                for number in 0..each {
                    let mut object = spool.begin(header(&format!("1.{task}.{number}"), task));
                    for piece in pieces.chunks(128 << 10) {
                        object.write(piece).await.unwrap();
                    }
                    let (_durable, _stored) = object.commit(parsed()).await.unwrap();
                }
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
    tasks * each
}

fn start_with_100_000_instances() {
    let dir = tempfile::tempdir_in(".").unwrap();
    let spool_dir = dir.path().join("spool");
    let options = Options { mode: Mode::Write, free_space_min_bytes: 0, ..Options::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (spool, _) = Spool::open(&spool_dir, options.clone()).unwrap();
    runtime.block_on(async {
        let tasks = (0..TASKS).map(|task| {
            let spool = spool.clone();
            tokio::spawn(async move {
                for number in 0..100_000 / TASKS {
                    let mut object = spool.begin(header(&format!("1.2.840.113619.2.1.{task}.{number}"), task));
                    object.write(&[7; 4_000]).await.unwrap();
                    let (_durable, _stored) = object.commit(parsed()).await.unwrap();
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    spool.close();
    drop(spool);
    let timed = |name: &str, began: Instant| {
        println!("{name}: {:.2} s, {:.2} s CPU so far, {}", began.elapsed().as_secs_f64(), cpu_seconds(), resident());
    };
    println!("before: {:.2} s CPU, {}", cpu_seconds(), resident());
    let began = Instant::now();
    let (_spool, recovery) = Spool::open(&spool_dir, options).unwrap();
    timed("spool opened", began);
    assert_eq!(recovery.instance_count(), 100_000);
    let began = Instant::now();
    let catalogue = open_catalogue(dir.path(), &recovery);
    timed("empty index filled", began);
    let began = Instant::now();
    catalogue.close().unwrap();
    timed("index closed", began);
    let began = Instant::now();
    let (catalogue, rebuild) = Catalogue::open(&dir.path().join("index"), &spool_dir).unwrap();
    timed("index opened", began);
    assert!(!rebuild.is_needed());
    assert_eq!(catalogue.count(&series()).unwrap(), 100_000);
}

/// Resident memory of this process.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")).collect::<Vec<_>>().join(" ")
}

/// What the spool is measured against: a file per instance, flushed, and its folder flushed.
fn file_per_instance() {
    for tasks in [1, 8] {
        let dir = tempfile::tempdir_in(".").unwrap();
        let content = vec![7; CT_BYTES];
        let began = Instant::now();
        std::thread::scope(|scope| {
            for task in 0..tasks {
                let (dir, content) = (dir.path(), &content);
                scope.spawn(move || {
                    for number in 0..1_000 / tasks {
                        let mut file = std::fs::File::create_new(dir.join(format!("{task}.{number}"))).unwrap();
                        file.write_all(content).and_then(|()| file.sync_all()).unwrap();
                        std::fs::File::open(dir).and_then(|dir| dir.sync_all()).unwrap();
                    }
                });
            }
        });
        println!("file per instance, {tasks} tasks: {:.0} instances/s", 1_000.0 / began.elapsed().as_secs_f64());
    }
}

/// User and system time of this process.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}
