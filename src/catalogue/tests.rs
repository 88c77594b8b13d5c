use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;
use crate::spool::InstanceHeader;
use crate::spool::Options;
use crate::spool::Parsed;
use crate::spool::Spool;

struct Site {
    dir: tempfile::TempDir,
    spool: Spool,
}

impl Site {
    fn new() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 1 << 20, free_space_min_bytes: 0, ..Options::default() };
        let (spool, _) = Spool::open(&dir.path().join("spool"), options).unwrap();
        Site { dir, spool }
    }

    fn open(&self) -> (Catalogue, Rebuild) {
        Catalogue::open(&self.index(), &self.dir.path().join("spool")).unwrap()
    }

    fn index(&self) -> PathBuf {
        self.dir.path().join("index")
    }

    async fn store(&self, number: u64, content: &[u8]) -> (Durable, StoredInstance) {
        let header = InstanceHeader {
            association: "a1".to_owned(),
            sequence: number,
            called: "RESETRAY".to_owned(),
            calling: "CT01".to_owned(),
            peer: "127.0.0.1:1".to_owned(),
            sop_class_uid: Uid::parse("1.2.840.10008.5.1.4.1.1.2").unwrap(),
            sop_instance_uid: Uid::parse(&format!("1.2.3.{number}")).unwrap(),
            transfer_syntax_uid: Uid::parse("1.2.840.10008.1.2.1").unwrap(),
            received_at_ms: number as i64,
        };
        let mut object = self.spool.begin(header);
        object.write(content).await.unwrap();
        let series_instance_uid = Some(Uid::parse("1.2.9").unwrap());
        object.commit(Parsed { study_instance_uid: None, series_instance_uid }).await.unwrap()
    }
}

fn series() -> SeriesKey {
    SeriesKey { called: AeTitle::parse("resetray").unwrap(), series_instance_uid: Uid::parse("1.2.9").unwrap() }
}

#[tokio::test]
async fn an_instance_is_new_once_then_a_duplicate_or_a_conflict() {
    let site = Site::new();
    let (catalogue, rebuild) = site.open();
    assert!(rebuild.is_needed());
    let (durable, first) = site.store(1, b"one").await;
    let ask = |sha256: &[u8; 32]| {
        let series = Uid::parse("1.2.9").unwrap();
        catalogue.verdict(&series_called(), &first.header.sop_instance_uid, sha256, Some(&series)).unwrap()
    };
    assert_eq!(ask(&first.sha256), Verdict::New);
    assert_eq!(catalogue.enter(&first, durable).unwrap(), Verdict::New);
    assert_eq!((ask(&first.sha256), ask(&[0; 32])), (Verdict::Duplicate, Verdict::Conflict));
    let (durable, again) = site.store(1, b"one").await;
    assert_eq!(catalogue.enter(&again, durable).unwrap(), Verdict::Duplicate);
    let (durable, other) = site.store(1, b"two").await;
    assert_eq!(catalogue.enter(&other, durable).unwrap(), Verdict::Conflict);
    assert_eq!(catalogue.instances(&series()).unwrap(), std::slice::from_ref(&first));
    assert_eq!(catalogue.conflicts(&series()).unwrap(), std::slice::from_ref(&other));
    assert_eq!(catalogue.count(&series()).unwrap(), 1);
}

fn series_called() -> AeTitle {
    AeTitle::parse("Resetray ").unwrap()
}

#[tokio::test]
async fn a_replacement_takes_the_place_and_the_first_stays_listed() {
    let site = Site::new();
    let (catalogue, _) = site.open();
    let (durable, first) = site.store(1, b"one").await;
    assert_eq!(catalogue.replace(&first, durable).unwrap(), Verdict::New);
    let (durable, second) = site.store(1, b"two").await;
    assert_eq!(catalogue.replace(&second, durable).unwrap(), Verdict::Conflict);
    assert_eq!(catalogue.instances(&series()).unwrap(), [second]);
    assert_eq!(catalogue.conflicts(&series()).unwrap(), [first]);
}

#[tokio::test]
async fn a_released_instance_is_still_known_but_no_longer_listed() {
    let site = Site::new();
    let (catalogue, _) = site.open();
    let (durable, first) = site.store(1, b"one").await;
    assert_eq!(catalogue.enter(&first, durable).unwrap(), Verdict::New);
    let (durable, other) = site.store(1, b"two").await;
    assert_eq!(catalogue.enter(&other, durable).unwrap(), Verdict::Conflict);
    assert_eq!(catalogue.release(&series()).unwrap(), [first.position, other.position]);
    assert!(catalogue.instances(&series()).unwrap().is_empty() && catalogue.conflicts(&series()).unwrap().is_empty());
    assert!(catalogue.release(&series()).unwrap().is_empty());
    let (durable, again) = site.store(1, b"one").await;
    assert_eq!(catalogue.enter(&again, durable).unwrap(), Verdict::Duplicate);
    assert_eq!(catalogue.count(&series()).unwrap(), 1);
}

#[tokio::test]
async fn the_proof_of_another_record_is_refused() {
    let site = Site::new();
    let (catalogue, _) = site.open();
    let (_durable, first) = site.store(1, b"one").await;
    let (durable, _second) = site.store(2, b"two").await;
    assert!(matches!(catalogue.enter(&first, durable), Err(CatalogueError::WrongProof)));
}

#[tokio::test]
async fn an_orderly_stop_needs_no_rebuild_and_any_other_does() {
    let site = Site::new();
    let (catalogue, rebuild) = site.open();
    assert!(matches!(rebuild, Rebuild::Full { .. }));
    let (durable, first) = site.store(1, b"one").await;
    catalogue.enter(&first, durable).unwrap();
    catalogue.put_series(&series(), &"state").unwrap();
    let revision = |number| PublishedRevision {
        revision: number,
        folder: format!("s.{number}"),
        instances_digest: "d".to_owned(),
        published_at_ms: 7,
    };
    for number in [2, 1, 300] {
        catalogue.put_revision(&series(), &revision(number)).unwrap();
    }
    catalogue.close().unwrap();
    let (catalogue, rebuild) = site.open();
    assert_eq!(rebuild, Rebuild::No);
    assert_eq!(catalogue.instances(&series()).unwrap(), [first]);
    assert_eq!(catalogue.series::<String>(&series()).unwrap().as_deref(), Some("state"));
    assert_eq!(catalogue.all_series::<String>().unwrap(), [(series(), "state".to_owned())]);
    assert_eq!(catalogue.revisions(&series()).unwrap(), [1, 2, 300].map(revision));
    catalogue.flush().unwrap();
    drop(catalogue);
    assert_eq!(site.open().1, Rebuild::Merge);
}

#[tokio::test]
async fn a_damaged_index_is_put_aside_and_filled_again_from_the_spool() {
    for (round, damage) in [cut as fn(&Path), zero, flip_values].into_iter().enumerate() {
        let site = Site::new();
        let (catalogue, _) = site.open();
        let mut stored = Vec::new();
        for number in 0..50 {
            let (durable, instance) = site.store(number, &number.to_le_bytes()).await;
            catalogue.enter(&instance, durable).unwrap();
            stored.push(instance);
        }
        catalogue.close().unwrap();
        damage(&site.index().join("db"));
        let (catalogue, rebuild) = site.open();
        assert!(rebuild.is_needed(), "damage {round}: {rebuild:?}");
        drop(site.spool);
        let (_spool, recovery) = Spool::open(&site.dir.path().join("spool"), Options::default()).unwrap();
        for recovered in recovery.instances() {
            let (instance, durable) = recovered.unwrap();
            catalogue.enter(&instance, durable).unwrap();
        }
        assert_eq!(catalogue.count(&series()).unwrap(), 50);
        stored.sort_by(|one, other| one.header.sop_instance_uid.cmp(&other.header.sop_instance_uid));
        assert_eq!(catalogue.instances(&series()).unwrap(), stored);
    }
}

fn cut(db: &Path) {
    let file = File::options().write(true).open(db).unwrap();
    file.set_len(file.metadata().unwrap().len() / 3).unwrap();
}

fn zero(db: &Path) {
    let file = File::options().write(true).open(db).unwrap();
    file.set_len(0).unwrap();
}

/// Changes one byte inside every stored value.
fn flip_values(db: &Path) {
    let bytes = std::fs::read(db).unwrap();
    let file = File::options().write(true).open(db).unwrap();
    let mark = b"127.0.0.1";
    for place in 0..bytes.len() - mark.len() {
        if bytes[place..].starts_with(mark) {
            file.write_all_at(b"2", place as u64).unwrap();
        }
    }
}
