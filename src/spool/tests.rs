use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::*;
use crate::identity::Uid;

fn header(number: u64) -> InstanceHeader {
    InstanceHeader {
        association: "a1".to_owned(),
        sequence: number,
        called: "RESETRAY".to_owned(),
        calling: "CT01".to_owned(),
        peer: "127.0.0.1:1".to_owned(),
        sop_class_uid: Uid::parse("1.2.840.10008.5.1.4.1.1.2").unwrap(),
        sop_instance_uid: Uid::parse(&format!("1.2.3.{number}")).unwrap(),
        transfer_syntax_uid: Uid::parse("1.2.840.10008.1.2.1").unwrap(),
        received_at_ms: 1_000 + number as i64,
    }
}

fn parsed() -> Parsed {
    Parsed { study_instance_uid: None, series_instance_uid: Some(Uid::parse("1.2.9").unwrap()) }
}

fn small_options() -> Options {
    Options { segment_bytes: 64 << 10, object_memory_bytes: 8 << 10, free_space_min_bytes: 0, ..Options::default() }
}

fn bytes(number: u64, length: usize) -> Vec<u8> {
    (0..length).map(|index| (index as u64 * 31 + number * 7 + 1) as u8).collect()
}

async fn store(spool: &Spool, number: u64, length: usize) -> StoredInstance {
    let mut object = spool.begin(header(number));
    for piece in bytes(number, length).chunks(1000) {
        object.write(piece).await.unwrap();
    }
    let (durable, stored) = object.commit(parsed()).await.unwrap();
    assert_eq!(durable.position(), stored.position);
    stored
}

fn open(dir: &Path) -> (Spool, Recovery) {
    Spool::open(dir, small_options()).unwrap()
}

fn instances(recovery: &Recovery) -> Vec<StoredInstance> {
    recovery.instances().map(|instance| instance.unwrap().0).collect()
}

/// Leaves the spool as a killed process would: no seal, the lock gone.
fn copy_of(dir: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_was_committed_is_found_again_in_the_same_order() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, recovery) = open(dir.path());
    assert_eq!(recovery.instance_count(), 0);
    let mut stored = Vec::new();
    for number in 0..40 {
        // Every seventh is too long for memory and gets a file of its own.
        stored.push(store(&spool, number, if number % 7 == 0 { 20_000 } else { 3_000 }).await);
    }
    for instance in &stored {
        assert_eq!(spool.read(instance).unwrap(), bytes(instance.header.sequence, instance.location.length as usize));
    }
    spool.close();
    drop(spool);
    let (_spool, recovery) = open(dir.path());
    assert_eq!(instances(&recovery), with_root(&stored, dir.path()));
    assert!(recovery.damage.is_empty());
}

fn with_root(stored: &[StoredInstance], dir: &Path) -> Vec<StoredInstance> {
    let mut stored = stored.to_vec();
    for instance in &mut stored {
        instance.location.path = dir.join(instance.location.path.file_name().unwrap()).into();
    }
    stored
}

#[tokio::test]
async fn the_head_of_an_object_can_be_read_before_it_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    for length in [100, 8 << 10, 30_000] {
        let mut object = spool.begin(header(1));
        for piece in bytes(1, length).chunks(999) {
            object.write(piece).await.unwrap();
        }
        assert_eq!(object.head(), &bytes(1, length.min(8 << 10)));
        assert_eq!(object.length(), length as u64);
    }
}

#[tokio::test]
async fn an_abandoned_object_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let mut object = spool.begin(header(1));
    object.write(&bytes(1, 600_000)).await.unwrap();
    assert!(std::fs::read_dir(dir.path()).unwrap().count() > 1);
    drop(object);
    let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["lock"]);
}

#[tokio::test]
async fn an_object_over_the_limit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { object_bytes_max: 10_000, ..small_options() };
    let (spool, _) = Spool::open(dir.path(), options).unwrap();
    let mut object = spool.begin(header(1));
    object.write(&bytes(1, 10_000)).await.unwrap();
    assert!(matches!(object.write(&[0]).await, Err(SpoolError::ObjectTooLarge { limit_bytes: 10_000 })));
}

#[tokio::test]
async fn a_second_process_is_kept_out() {
    let dir = tempfile::tempdir().unwrap();
    let (_spool, _) = open(dir.path());
    assert!(matches!(Spool::open(dir.path(), small_options()), Err(SpoolError::InUse { .. })));
}

#[tokio::test]
async fn a_flipped_byte_costs_its_own_record_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let mut stored = Vec::new();
    for number in 0..8 {
        stored.push(store(&spool, number, 3_000).await);
    }
    let victim = &stored[3];
    let record = victim.position.offset;
    let payload = victim.location.offset;
    let places = [
        (record + 3, DamageKind::Description),
        (record + 60, DamageKind::Description),
        (payload, DamageKind::Payload),
        (payload + 2_999, DamageKind::Payload),
        (payload + 3_000 + 10, DamageKind::Trailer),
    ];
    for (place, kind) in places {
        let copy = copy_of(dir.path());
        flip(copy.path(), victim, place);
        let (_spool, recovery) = open(copy.path());
        let mut expected = with_root(&stored, copy.path());
        expected.remove(3);
        assert_eq!(instances(&recovery), expected, "byte {place}");
        let seen: Vec<_> = recovery.damage.iter().map(|damage| (damage.offset, damage.kind)).collect();
        assert_eq!(seen, [(record, kind)], "byte {place}");
        if kind != DamageKind::Description {
            assert_eq!(recovery.damage[0].sop_instance_uid.as_deref(), Some("1.2.3.3"));
        }
    }
}

fn flip(dir: &Path, victim: &StoredInstance, place: u64) {
    let path = dir.join(victim.location.path.file_name().unwrap());
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], place).unwrap();
}

#[tokio::test]
async fn a_file_cut_anywhere_gives_every_record_before_the_cut() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let mut stored = Vec::new();
    for number in 0..6 {
        stored.push(store(&spool, number, 500).await);
    }
    let name = stored[0].location.path.file_name().unwrap().to_owned();
    let end_of = |instance: &StoredInstance| (instance.location.offset + 500 + 48).next_multiple_of(8);
    for cut in (0..end_of(&stored[5])).step_by(101) {
        for zeroed in [false, true] {
            let copy = copy_of(dir.path());
            let file = OpenOptions::new().write(true).open(copy.path().join(&name)).unwrap();
            let length = file.metadata().unwrap().len();
            file.set_len(cut).unwrap();
            if zeroed {
                file.set_len(length).unwrap();
            }
            let whole = stored.iter().filter(|instance| end_of(instance) <= cut).count();
            // Padding after the trailer may be cut; the record is whole without it only as zeros.
            let (first, recovery) = open(copy.path());
            let expected = with_root(&stored, copy.path());
            let found = instances(&recovery);
            assert!(found.len() >= whole && found[..] == expected[..found.len()], "cut {cut}");
            assert!(found.len() <= whole + 1);
            // The next start finds the same, and reports nothing for a second time but a missing file head.
            drop(first);
            let (again, recovery) = open(copy.path());
            assert_eq!(instances(&recovery), found, "cut {cut}");
            assert!(recovery.damage.iter().all(|damage| damage.kind == DamageKind::FileHead), "cut {cut}");
            let further = store(&again, 99, 500).await;
            assert_eq!(again.read(&further).unwrap(), bytes(99, 500));
        }
    }
}

#[tokio::test]
async fn a_record_inside_a_data_set_is_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let first = store(&spool, 1, 500).await;
    let image = std::fs::read(&first.location.path).unwrap()[..2_000].to_vec();
    let mut object = spool.begin(header(2));
    object.write(&image).await.unwrap();
    let (_durable, second) = object.commit(parsed()).await.unwrap();
    let copy = copy_of(dir.path());
    flip(copy.path(), &second, second.position.offset);
    let (_spool, recovery) = open(copy.path());
    assert_eq!(instances(&recovery), with_root(&[first], copy.path()));
}

#[tokio::test]
async fn notes_and_histories_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let note =
        Note { kind: "published".to_owned(), written_at_ms: 5, content: serde_json::json!({"revision": 1, "to": "x"}) };
    let history = AssociationRecord {
        id: "a1".to_owned(),
        peer: "127.0.0.1:1".to_owned(),
        called: "RESETRAY".to_owned(),
        calling: "CT01".to_owned(),
        contexts: vec![("1.2".to_owned(), "1.3".to_owned())],
        opened_at_ms: 1,
        ended_at_ms: 9,
        end: AssociationEnd::Aborted,
        instances: vec![AssociationInstance { sop_instance_uid: "1.2.3".to_owned(), status: 0xA700 }],
    };
    spool.note(&note).await.unwrap();
    spool.association(&history).await.unwrap();
    let copy = copy_of(dir.path());
    let (_spool, recovery) = open(copy.path());
    assert_eq!((recovery.notes, recovery.associations), (vec![note], vec![history]));
}

#[test]
fn released_records_stay_released_and_their_files_go() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let stored = runtime.block_on(async {
        let note = Note { kind: "kept".to_owned(), written_at_ms: 5, content: serde_json::json!(7) };
        spool.note(&note).await.unwrap();
        let mut stored = Vec::new();
        for number in 0..60 {
            stored.push(store(&spool, number, if number == 50 { 20_000 } else { 5_000 }).await);
        }
        stored
    });
    let files = spool.figures().segments;
    let (gone, kept) = stored.split_at(55);
    let positions: Vec<_> = gone.iter().map(|instance| instance.position).collect();
    spool.release(&positions, 10).unwrap();
    assert!(spool.figures().segments <= files - 4, "{files} -> {}", spool.figures().segments);
    assert!(!stored[50].location.path.exists());
    drop(spool);
    let (_spool, recovery) = open(dir.path());
    assert_eq!(instances(&recovery), kept);
    assert_eq!(recovery.notes.len(), 1, "the note of a removed segment is kept");
}

#[tokio::test]
async fn room_is_what_the_reserve_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { free_space_min_bytes: u64::MAX / 2, ..small_options() };
    let (spool, _) = Spool::open(dir.path(), options).unwrap();
    assert!(!spool.has_room_for(1));
    let (spool, _) = open(&dir.path().join("other"));
    assert!(spool.has_room_for(1) && !spool.has_room_for(u64::MAX));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_many_tasks_share_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { writers: 1, group_delay_us: 2_000, ..small_options() };
    let (spool, _) = Spool::open(dir.path(), options).unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let spool = spool.clone();
            tokio::spawn(async move {
                for number in 0..20 {
                    let _ = store(&spool, task * 100 + number, 700).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let figures = spool.figures();
    assert_eq!((figures.records, figures.bytes), (160, 160 * 700));
    assert!(figures.groups < 100, "{figures:?}");
}

#[tokio::test]
async fn an_object_for_a_removed_segment_is_refused_and_the_next_one_kept_in_a_new_folder() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("spool");
    let (spool, _) = open(&dir);
    store(&spool, 1, 3_000).await;
    std::fs::remove_dir_all(&dir).unwrap();
    let mut object = spool.begin(header(2));
    object.write(&bytes(2, 3_000)).await.unwrap();
    assert!(object.commit(parsed()).await.is_err());
    assert!(spool.has_room_for(1));
    let kept = store(&spool, 3, 3_000).await;
    assert_eq!(spool.read(&kept).unwrap(), bytes(3, 3_000));
    assert!(matches!(Spool::open(&dir, small_options()), Err(SpoolError::InUse { .. })));
    spool.close();
    drop(spool);
    let (_spool, recovery) = open(&dir);
    assert_eq!(instances(&recovery).len(), 1);
}

#[tokio::test]
async fn a_segment_takes_no_more_of_a_small_disk_than_its_share() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    let free = spool.free_bytes().unwrap();
    drop(spool);
    // All but 40 KiB must stay free: a share is 5 KiB, so that a segment is as long as its record.
    let options = Options { free_space_min_bytes: free - (40 << 10), ..small_options() };
    let (spool, _) = Spool::open(dir.path(), options).unwrap();
    store(&spool, 1, 6_000).await;
    let longest = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).max();
    assert!(longest.unwrap() < 32 << 10, "{longest:?}");
}

#[test]
fn a_segment_that_was_stopped_before_its_first_bytes_is_no_damage_of_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _) = open(dir.path());
    drop(spool);
    std::fs::write(recovery::segment_path(dir.path(), 7, false), vec![0; 64 << 10]).unwrap();
    let (_spool, recovery) = open(dir.path());
    assert_eq!(recovery.instance_count(), 0);
    assert!(recovery.damage.iter().all(|damage| damage.kind == DamageKind::TornTail), "{:?}", recovery.damage);
}
