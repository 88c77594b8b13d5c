//! Real peers: our own requestor, DCMTK and pynetdicom, over sockets of the loopback.

use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use resetray::dimse::{Part10, Requestor, RequestorError, RequestorOptions};
use resetray::identity::AeTitle;

use crate::wire_support::*;

/// A CT object in Explicit VR Little Endian with `pixels` bytes of pixel data, as data set and as file.
fn ct(instance: &str, pixels: usize) -> (Vec<u8>, Vec<u8>) {
    let element = |group: u16, number: u16, vr: &[u8; 2], value: &[u8]| {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(if vr == b"UI" { 0 } else { b' ' });
        }
        let tag = [group.to_le_bytes(), number.to_le_bytes()].concat();
        let length = match vr {
            b"OB" | b"OW" => [&[0, 0][..], &(value.len() as u32).to_le_bytes()].concat(),
            _ => (value.len() as u16).to_le_bytes().to_vec(),
        };
        [tag, vr.to_vec(), length, value].concat()
    };
    let data_set = [
        element(8, 0x16, b"UI", CT.as_bytes()),
        element(8, 0x18, b"UI", instance.as_bytes()),
        element(8, 0x60, b"CS", b"CT"),
        element(0x10, 0x10, b"PN", b"PHANTOM"),
        element(0x10, 0x20, b"LO", b"P1"),
        element(0x20, 0x0d, b"UI", b"1.2.1"),
        element(0x20, 0x0e, b"UI", b"1.2.2"),
        element(0x28, 2, b"US", &1u16.to_le_bytes()),
        element(0x28, 0x10, b"US", &((pixels / 1024) as u16).to_le_bytes()),
        element(0x28, 0x11, b"US", &512u16.to_le_bytes()),
        element(0x28, 0x100, b"US", &16u16.to_le_bytes()),
        element(0x28, 0x101, b"US", &16u16.to_le_bytes()),
        element(0x28, 0x102, b"US", &15u16.to_le_bytes()),
        element(0x28, 0x103, b"US", &1u16.to_le_bytes()),
        element(0x7fe0, 0x10, b"OW", &noise(pixels)),
    ]
    .concat();
    let meta = [
        element(2, 1, b"OB", &[0, 1]),
        element(2, 2, b"UI", CT.as_bytes()),
        element(2, 3, b"UI", instance.as_bytes()),
        element(2, 0x10, b"UI", EXPLICIT.as_bytes()),
        element(2, 0x12, b"UI", b"1.2.3"),
    ]
    .concat();
    let group_length = element(2, 0, b"UL", &(meta.len() as u32).to_le_bytes());
    let file = [vec![0; 128], b"DICM".to_vec(), group_length, meta, data_set.clone()].concat();
    (data_set, file)
}

/// Writes `count` objects of 512 rows into `folder` and returns their data sets in the order of their names.
fn write_objects(folder: &Path, count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|index| {
            let (data_set, file) = ct(&format!("1.2.3.{}", index + 1), 512 * 1024);
            std::fs::write(folder.join(format!("{index:03}.dcm")), file).unwrap();
            data_set
        })
        .collect()
}

fn title(text: &str) -> AeTitle {
    AeTitle::parse(text).unwrap()
}

fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

/// Runs a command to its end and asserts that it succeeds.
async fn succeed(mut command: Command) {
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&told));
}

#[tokio::test]
async fn our_requestor_and_our_node_understand_each_other() {
    let node = Node::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data_sets = write_objects(folder.path(), 3);
    let files: Vec<Part10> =
        (0..3).map(|index| Part10::read(&folder.path().join(format!("{index:03}.dcm"))).unwrap()).collect();
    let pairs: Vec<_> =
        files.iter().map(|file| (file.sop_class_uid.clone(), file.transfer_syntax_uid.clone())).collect();
    let options = RequestorOptions::new(title("SENDER"), title("RESETRAY"));
    let address = node.address;
    // On a task of its own, as several associations in parallel would be.
    let opening = tokio::spawn(async move { Requestor::associate(address, &options, &pairs).await });
    let mut requestor = opening.await.unwrap().unwrap();
    assert_eq!(requestor.echo().await.unwrap(), 0);
    for file in &files {
        assert!(requestor.accepts(&file.sop_class_uid, &file.transfer_syntax_uid));
        assert!(requestor.store_file(file).await.unwrap().is_kept());
    }
    requestor.release().await.unwrap();
    let seen = node.stop().await;
    let kept: Vec<Vec<u8>> = seen.kept.into_iter().map(|(_, bytes)| bytes).collect();
    assert!(kept == data_sets);
    assert!(seen.summaries[0].released() && seen.summaries[0].quirks.is_empty(), "{:?}", seen.summaries[0]);
}

#[tokio::test]
async fn our_requestor_tells_a_rejection_a_refusal_and_a_missing_context_apart() {
    let node = Node::with(Refuse::Commit, options()).await;
    let wrong = RequestorOptions::new(title("SENDER"), title("OTHER"));
    let rejected = Requestor::associate(node.address, &wrong, &[]).await;
    assert!(matches!(rejected, Err(RequestorError::Rejected { result: 1, origin: 1, reason: 7 })));
    let folder = tempfile::tempdir().unwrap();
    write_objects(folder.path(), 1);
    let file = Part10::read(&folder.path().join("000.dcm")).unwrap();
    let options = RequestorOptions::new(title("SENDER"), title("RESETRAY"));
    let mut bare = Requestor::associate(node.address, &options, &[]).await.unwrap();
    assert!(matches!(bare.store_file(&file).await, Err(RequestorError::NoContext { .. })));
    bare.abort().await;
    let pairs = [(file.sop_class_uid.clone(), file.transfer_syntax_uid.clone())];
    let mut requestor = Requestor::associate(node.address, &options, &pairs).await.unwrap();
    let answer = requestor.store_file(&file).await.unwrap();
    assert_eq!((answer.status, answer.comment.as_str(), answer.is_kept()), (0xA700, "no room for this", false));
    requestor.release().await.unwrap();
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dcmtk_echoes_and_stores() {
    if !(installed("echoscu") && installed("storescu")) {
        return;
    }
    let node = Node::start().await;
    let port = node.address.port().to_string();
    let mut echo = Command::new("echoscu");
    echo.args(["-aet", "DCMTK", "-aec", "RESETRAY", "127.0.0.1", &port]);
    succeed(echo).await;
    let folder = tempfile::tempdir().unwrap();
    let data_sets = write_objects(folder.path(), 3);
    let mut send = Command::new("storescu");
    send.args(["-aet", "DCMTK", "-aec", "RESETRAY", "+sd", "127.0.0.1", &port]).arg(folder.path());
    succeed(send).await;
    let mut small = Command::new("storescu");
    small.args(["-pdu", "4096", "--max-send-pdu", "4096", "-xi", "-aec", "RESETRAY", "127.0.0.1", &port]);
    small.arg(folder.path().join("000.dcm"));
    succeed(small).await;
    let seen = node.stop().await;
    let mut kept: Vec<&(_, Vec<u8>)> = seen.kept.iter().take(3).collect();
    kept.sort_by(|first, second| first.0.sop_instance_uid.cmp(&second.0.sop_instance_uid));
    assert!(kept.iter().map(|(_, bytes)| bytes).eq(&data_sets));
    assert_eq!(seen.kept[3].0.transfer_syntax_uid.as_str(), IMPLICIT);
    assert_eq!(seen.summaries[0].echoes, 1);
    assert!(seen.summaries.iter().all(|summary| summary.released() && summary.quirks.is_empty()));
}

/// A child that is ended with its owner.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts DCMTK's receiver on a free port, storing data sets bit by bit as received.
async fn start_storescp(folder: &Path, more: &[&str]) -> (Guarded, u16) {
    let port = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new("storescp");
    command.args(["-aet", "DCMTK", "+xa", "-B", "-od"]).arg(folder).args(more).arg(port.to_string());
    let child = Guarded(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            return (child, port);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("storescp does not listen");
}

#[tokio::test]
async fn dcmtk_receives_what_our_requestor_sends() {
    if !installed("storescp") {
        return;
    }
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data_sets = write_objects(source.path(), 2);
    // A receiver that announces the smallest PDU it can.
    let (_storescp, port) = start_storescp(target.path(), &["-pdu", "4096"]).await;
    let files: Vec<Part10> =
        (0..2).map(|index| Part10::read(&source.path().join(format!("{index:03}.dcm"))).unwrap()).collect();
    let pairs = [(files[0].sop_class_uid.clone(), files[0].transfer_syntax_uid.clone())];
    let options = RequestorOptions::new(title("SENDER"), title("DCMTK"));
    let mut requestor = Requestor::associate(("127.0.0.1", port), &options, &pairs).await.unwrap();
    assert_eq!(requestor.echo().await.unwrap(), 0);
    for file in &files {
        assert_eq!(requestor.store_file(file).await.unwrap().status, 0);
    }
    requestor.release().await.unwrap();
    let mut stored: Vec<PathBuf> =
        std::fs::read_dir(target.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    stored.sort();
    assert_eq!(stored.len(), 2);
    for (path, data_set) in stored.iter().zip(&data_sets) {
        assert!(std::fs::read(path).unwrap().ends_with(data_set), "{}", path.display());
    }
}

const PYNETDICOM: &str = "
import sys
from pydicom import dcmread
from pynetdicom import AE
ae = AE('PYNET')
ae.maximum_pdu_size = 0
ae.add_requested_context('1.2.840.10008.1.1')
ae.add_requested_context('1.2.840.10008.5.1.4.1.1.2')
association = ae.associate('127.0.0.1', int(sys.argv[1]), ae_title='RESETRAY')
assert association.is_established
assert association.send_c_echo().Status == 0
for path in sys.argv[2:]:
    assert association.send_c_store(dcmread(path)).Status == 0
association.release()
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pynetdicom_echoes_and_stores() {
    let python = std::env::var("RESETRAY_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let importable = Command::new(&python).args(["-c", "import pynetdicom"]).stderr(Stdio::null()).status();
    if !importable.is_ok_and(|status| status.success()) {
        println!("skipped: {python} cannot import pynetdicom");
        return;
    }
    let node = Node::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data_sets = write_objects(folder.path(), 2);
    let mut script = Command::new(python);
    script.args(["-c", PYNETDICOM, &node.address.port().to_string()]);
    script.args((0..2).map(|index| folder.path().join(format!("{index:03}.dcm"))));
    succeed(script).await;
    let seen = node.stop().await;
    assert!(seen.kept.iter().map(|(_, bytes)| bytes).eq(&data_sets));
    assert!(seen.summaries[0].released());
    assert_eq!(seen.summaries[0].echoes, 1);
}

#[tokio::test]
async fn real_files_of_many_syntaxes_arrive_as_they_lie_on_disk() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/odd");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is missing", folder.display());
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let readable: Vec<Part10> = paths.iter().filter_map(|path| Part10::read(path).ok()).collect();
    let pairs: Vec<_> =
        readable.iter().map(|file| (file.sop_class_uid.clone(), file.transfer_syntax_uid.clone())).collect();
    let node = Node::start().await;
    let options = RequestorOptions::new(title("SENDER"), title("RESETRAY"));
    let mut requestor = Requestor::associate(node.address, &options, &pairs).await.unwrap();
    let mut sent = Vec::new();
    for file in &readable {
        if requestor.accepts(&file.sop_class_uid, &file.transfer_syntax_uid) {
            assert_eq!(requestor.store_file(file).await.unwrap().status, 0, "{}", file.path.display());
            let bytes = std::fs::read(&file.path).unwrap();
            sent.push((file.transfer_syntax_uid.clone(), bytes[file.data_set_offset as usize..].to_vec()));
        }
    }
    requestor.release().await.unwrap();
    let kept = node.stop().await.kept;
    println!("{} of {} files are of accepted classes and syntaxes", sent.len(), readable.len());
    assert!(!sent.is_empty());
    let arrived = kept.into_iter().map(|(incoming, bytes)| (incoming.transfer_syntax_uid, bytes));
    assert!(arrived.eq(sent));
}
