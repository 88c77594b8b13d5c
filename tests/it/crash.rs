//! kill -9 while eight associations push: everything answered with success is there once after the restart.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use resetray::dimse::Part10;
use resetray::dimse::Requestor;
use resetray::dimse::RequestorOptions;
use resetray::identity::AeTitle;
use resetray::identity::hex;
use resetray::node::files;
use sha2::Digest;
use sha2::Sha256;

use crate::node_support::NodeProcess;
use crate::node_support::program;
use crate::node_support::small_phantom;
use crate::node_support::succeed;
use crate::node_support::write_phantom;

/// Associations at once.
const ASSOCIATIONS: u64 = 8;
/// Kills.
const ROUNDS: u64 = 4;

/// Pushes a series until the line breaks; remembers what was answered with success.
async fn push(address: SocketAddr, objects: Vec<Part10>, acknowledged: Arc<Mutex<Vec<Part10>>>) {
    let options = RequestorOptions::new(AeTitle::parse("CRASH").unwrap(), AeTitle::parse("RESETRAY").unwrap());
    let pair = (objects[0].sop_class_uid.clone(), objects[0].transfer_syntax_uid.clone());
    let Ok(mut association) = Requestor::associate(address, &options, &[pair]).await else { return };
    for object in objects {
        match association.store_file(&object).await {
            Ok(answer) if answer.status == 0 => acknowledged.lock().unwrap().push(object),
            Ok(answer) => panic!("unexpected status {answer:?}"),
            Err(_) => return,
        }
    }
    let _ = association.release().await;
}

fn data_set_digest(object: &Part10) -> String {
    let bytes = std::fs::read(&object.path).unwrap();
    hex(&Sha256::digest(&bytes[usize::try_from(object.data_set_offset).unwrap()..]))
}

fn series(seed: u64, folder: &Path) -> Vec<Part10> {
    let mut options = small_phantom(seed);
    options.rows = 64;
    options.columns = 64;
    options.pixel_spacing_mm *= 4.0;
    options.couch = false;
    write_phantom(&options, folder);
    let paths = files::walk(&[folder.to_owned()]).unwrap();
    paths.iter().filter_map(|path| Part10::read(path).ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_by_kill_9() {
    let base = tempfile::tempdir().unwrap();
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    for round in 0..ROUNDS {
        let node = NodeProcess::start(base.path());
        let address = SocketAddr::from(([127, 0, 0, 1], node.port));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..ASSOCIATIONS {
            let seed = 1000 + round * ASSOCIATIONS + number;
            let objects = series(seed, &base.path().join(format!("phantom{seed}")));
            tasks.spawn(push(address, objects, Arc::clone(&acknowledged)));
        }
        // Different moments: some rounds in mid-push, some while series are being measured.
        tokio::time::sleep(Duration::from_millis(20 + 130 * round * round)).await;
        node.kill();
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    }
    let acknowledged = Arc::into_inner(acknowledged).unwrap().into_inner().unwrap();
    assert!(acknowledged.len() > 20, "only {} instances were acknowledged", acknowledged.len());

    let out = base.path().join("export");
    succeed(program(base.path()).args(["series", "export", "--out"]).arg(&out));
    let mut held: BTreeMap<String, String> = BTreeMap::new();
    for path in files::walk(&[out]).unwrap() {
        let object = Part10::read(&path).unwrap();
        let before = held.insert(object.sop_instance_uid.to_string(), data_set_digest(&object));
        assert!(before.is_none(), "{} is held twice", object.sop_instance_uid);
    }
    for object in &acknowledged {
        let digest = held.get(object.sop_instance_uid.as_str());
        assert_eq!(digest, Some(&data_set_digest(object)), "{} was acknowledged", object.sop_instance_uid);
    }
}
