//! The whole job over real sockets: push, measure, publish; late images, wrong objects, restarts.

use std::path::Path;
use std::process::Command;

use crate::node_support::NodeProcess;
use crate::node_support::documents;
use crate::node_support::is_installed;
use crate::node_support::program;
use crate::node_support::python_with;
use crate::node_support::small_phantom;
use crate::node_support::succeed;
use crate::node_support::wait_for_documents;
use crate::node_support::without_processing;
use crate::node_support::write_phantom;
use crate::orthanc::Orthanc;

fn send(dir: &Path, port: u16, what: &Path) {
    succeed(program(dir).arg("send").arg(what).args(["--to", &format!("RESETRAY@127.0.0.1:{port}")]));
}

/// A pynetdicom sender of a folder: `python - HOST PORT FOLDER`.
const PYNETDICOM_SENDER: &str = r"
import sys, os, pydicom, pynetdicom
ae = pynetdicom.AE(ae_title='PYNETDICOM')
ae.add_requested_context('1.2.840.10008.5.1.4.1.1.2', '1.2.840.10008.1.2.1')
assoc = ae.associate('127.0.0.1', int(sys.argv[1]), ae_title='RESETRAY')
assert assoc.is_established
for name in sorted(os.listdir(sys.argv[2]), reverse=True):
    if name.endswith('.dcm'):
        status = assoc.send_c_store(pydicom.dcmread(os.path.join(sys.argv[2], name)))
        assert status.Status == 0, status
assoc.release()
";

/// Every way of sending the same series gives the same bytes outside `processing`.
#[test]
fn files_and_every_peer_give_the_same_documents() {
    let base = tempfile::tempdir().unwrap();
    let phantom = base.path().join("phantom");
    write_phantom(&small_phantom(11), &phantom);
    let phantom = phantom.as_path();

    // The site secret keys the pseudonyms, so all runs share one.
    let offline = base.path().join("offline");
    std::fs::create_dir_all(&offline).unwrap();
    let results = offline.join("results");
    succeed(program(&offline).arg("process").arg(phantom).arg("--out").arg(&results));
    let expected = without_processing(&documents(&results));
    assert_eq!(expected.len(), 2);
    let secret = std::fs::read(offline.join("data/site-secret")).unwrap();

    let python = python_with("pynetdicom");
    let orthanc = Orthanc::start(base.path());
    type Push<'a> = (&'a str, Box<dyn Fn(&Path, u16) + 'a>);
    let mut ways: Vec<Push> = vec![("resetray send", Box::new(|dir, port| send(dir, port, phantom)))];
    if is_installed("storescu") {
        ways.push((
            "storescu",
            Box::new(|_, port| {
                succeed(
                    Command::new("storescu")
                        .args(["-aec", "RESETRAY", "+sd", "+sp", "*.dcm", "127.0.0.1", &port.to_string()])
                        .arg(phantom),
                );
            }),
        ));
    } else {
        println!("skipped: storescu is not installed");
    }
    match &python {
        Some(python) => ways.push((
            "pynetdicom",
            Box::new(move |_, port| {
                succeed(Command::new(python).args(["-c", PYNETDICOM_SENDER, &port.to_string()]).arg(phantom));
            }),
        )),
        None => println!("skipped: no Python with pynetdicom"),
    }
    match &orthanc {
        Some(orthanc) => ways.push(("Orthanc", Box::new(move |dir, port| orthanc.forward(dir, phantom, port)))),
        None => println!("skipped: Orthanc is not installed"),
    }
    for (name, push) in ways {
        let dir = base.path().join(name.replace(' ', "_"));
        std::fs::create_dir_all(dir.join("data")).unwrap();
        write_secret(&dir.join("data/site-secret"), &secret);
        let node = NodeProcess::start(&dir);
        push(&dir, node.port);
        let found = without_processing(&wait_for_documents(&dir.join("results"), 2));
        assert!(node.stop().success());
        assert_eq!(found, expected, "{name}");
    }
}

fn write_secret(path: &Path, secret: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, secret).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_late_image_opens_a_revision_that_names_what_it_supersedes() {
    let base = tempfile::tempdir().unwrap();
    let phantom = base.path().join("phantom");
    write_phantom(&small_phantom(12), &phantom);
    // The late image is the last slice of the stack.
    let mut files: Vec<_> = std::fs::read_dir(&phantom).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "dcm"));
    files.sort();
    let late = base.path().join("late.dcm");
    std::fs::rename(files.last().unwrap(), &late).unwrap();

    let node = NodeProcess::start(base.path());
    let results = base.path().join("results");
    send(base.path(), node.port, &phantom);
    let first = wait_for_documents(&results, 2);
    // The same images again change nothing.
    send(base.path(), node.port, &phantom);
    send(base.path(), node.port, &late);
    let all = wait_for_documents(&results, 4);
    assert!(node.stop().success());
    for (name, document) in &first {
        let successor = &all[&name.replace("r0001", "r0002")];
        assert_eq!(successor["processing"]["supersedes"], document["@id"]);
        assert_eq!(successor["processing"]["supersede_reason"], "late_instances");
        let count = |document: &serde_json::Value| document["source"]["instance_count"].as_u64().unwrap();
        assert_eq!(count(successor), count(document) + 1);
    }
    let listed = program(base.path()).args(["series", "list", "--json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["instances"].as_u64().unwrap() as usize, files.len());

    // An operator may have it measured again; the same input gives the same documents, so nothing new is published.
    let key = listed[0]["series_key"].as_str().unwrap();
    succeed(program(base.path()).args(["series", "reprocess", key]));
    let node = NodeProcess::start(base.path());
    let unchanged = || {
        let events = std::fs::read_dir(results.join("events")).unwrap().map(|entry| entry.unwrap().path());
        events.map(|path| std::fs::read_to_string(path).unwrap()).any(|text| text.contains("result_unchanged"))
    };
    let deadline = std::time::Instant::now() + crate::node_support::PATIENCE;
    while !unchanged() {
        assert!(std::time::Instant::now() < deadline, "the series was not measured again");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert!(node.stop().success());
    assert_eq!(documents(&results).len(), 4);
}

#[test]
fn wrong_objects_are_refused_and_disturb_nothing() {
    use resetray::dimse::Part10;
    use resetray::receive::StoreStatus;

    let base = tempfile::tempdir().unwrap();
    let phantom = base.path().join("phantom");
    write_phantom(&small_phantom(14), &phantom);
    let path = std::fs::read_dir(&phantom).unwrap().map(|entry| entry.unwrap().path());
    let path = path.filter(|path| path.extension().is_some_and(|extension| extension == "dcm")).min().unwrap();
    let good = Part10::read(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let data_set = &bytes[usize::try_from(good.data_set_offset).unwrap()..];
    let mut other_pixels = data_set.to_vec();
    *other_pixels.last_mut().unwrap() ^= 1;

    let node = NodeProcess::start(base.path());
    let statuses = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut association = association(node.port, &good).await;
        let other_uid = resetray::identity::Uid::parse("1.2.3.4").unwrap();
        let mut statuses = Vec::new();
        for (uid, data) in [
            (&good.sop_instance_uid, data_set),
            (&good.sop_instance_uid, data_set),
            (&good.sop_instance_uid, other_pixels.as_slice()),
            (&other_uid, data_set),
            (&good.sop_instance_uid, &data_set[..data_set.len() / 2]),
            (&good.sop_instance_uid, &[0xAB; 500]),
            (&good.sop_instance_uid, data_set),
        ] {
            let request = resetray::dimse::StoreRequest {
                sop_class_uid: &good.sop_class_uid,
                sop_instance_uid: uid,
                transfer_syntax_uid: &good.transfer_syntax_uid,
                length: data.len() as u64,
            };
            let answer = association.store(request, &mut &data[..]).await.unwrap();
            assert_eq!(answer.comment.is_empty(), answer.status == 0, "a refusal says why: {answer:?}");
            statuses.push(answer.status);
        }
        association.release().await.unwrap();
        statuses
    });
    let expected = [
        StoreStatus::Success,
        StoreStatus::Success,
        StoreStatus::DuplicateSopInstance,
        StoreStatus::DataSetMismatch,
        // Cut in half: not whole, whatever its UID.
        StoreStatus::CannotUnderstand,
        StoreStatus::CannotUnderstand,
        StoreStatus::Success,
    ];
    assert_eq!(statuses, expected.map(StoreStatus::code));
    // One slice is no volume: the series still ends in documents with a reason for every parameter.
    let documents = wait_for_documents(&base.path().join("results"), 2);
    assert!(documents.values().all(|document| document["measurements"].as_object().unwrap().is_empty()));
    assert!(node.stop().success());
}

async fn association(port: u16, object: &resetray::dimse::Part10) -> resetray::dimse::Requestor {
    use resetray::identity::AeTitle;
    let (calling, called) = (AeTitle::parse("TEST").unwrap(), AeTitle::parse("RESETRAY").unwrap());
    let options = resetray::dimse::RequestorOptions::new(calling, called);
    let pair = (object.sop_class_uid.clone(), object.transfer_syntax_uid.clone());
    resetray::dimse::Requestor::associate(("127.0.0.1", port), &options, &[pair]).await.unwrap()
}

#[test]
fn the_log_and_the_results_hold_no_identity_of_the_patient() {
    let base = tempfile::tempdir().unwrap();
    let phantom = base.path().join("phantom");
    let truth = write_phantom(&small_phantom(13), &phantom);
    let node = NodeProcess::start_with(base.path(), &[("RESETRAY__LOG__LEVEL", "trace")]);
    send(base.path(), node.port, &phantom);
    wait_for_documents(&base.path().join("results"), 2);
    assert!(node.stop().success());
    let mut texts = vec![base.path().join("node.log")];
    let mut folders = vec![base.path().join("results")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { texts.push(path) }
        }
    }
    for path in texts {
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for identity in ["Phantom^", "PHANTOM-"] {
            assert!(!text.contains(identity), "{} holds {identity}", path.display());
        }
        if path.extension().is_some_and(|extension| extension == "json") {
            assert!(!text.contains(&truth.series_instance_uid), "{} holds a UID", path.display());
        }
    }
}

#[test]
fn a_second_node_on_the_same_data_folder_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let node = NodeProcess::start(base.path());
    let output = program(base.path()).arg("serve").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use"));
    assert!(node.stop().success());
}

#[test]
fn an_object_whose_pixels_are_cut_is_refused_and_the_whole_one_kept_once() {
    let base = tempfile::tempdir().unwrap();
    let phantom = base.path().join("phantom");
    write_phantom(&small_phantom(15), &phantom);
    let entries = std::fs::read_dir(&phantom).unwrap().map(|entry| entry.unwrap().path());
    let whole = entries.filter(|path| path.extension().is_some_and(|extension| extension == "dcm")).min().unwrap();
    let cut = base.path().join("cut.dcm");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 100]).unwrap();
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    let changed = base.path().join("changed.dcm");
    std::fs::write(&changed, other).unwrap();

    let node = NodeProcess::start(base.path());
    let refused = |path: &Path, status: &str| {
        let peer = format!("RESETRAY@127.0.0.1:{}", node.port);
        let output = program(base.path()).arg("send").arg(path).args(["--to", &peer]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(status), "{told}");
    };
    refused(&cut, "status 0xC000");
    send(base.path(), node.port, &whole);
    send(base.path(), node.port, &whole);
    refused(&changed, "status 0x0111");
    assert!(node.stop().success());
    let listed = program(base.path()).args(["series", "list", "--json"]).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((listed[0]["instances"].as_u64(), listed[0]["conflicts"].as_u64()), (Some(1), Some(1)));
}
