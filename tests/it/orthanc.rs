//! Orthanc as a peer: takes a series and forwards it to the node.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Instant;

use crate::node_support::PATIENCE;
use crate::node_support::is_installed;
use crate::node_support::program;
use crate::node_support::succeed;

/// A running Orthanc; killed when dropped.
pub(crate) struct Orthanc {
    child: Child,
    dicom_port: u16,
    http_port: u16,
}

/// A port that was free a moment ago; Orthanc cannot be asked to choose one.
fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

impl Orthanc {
    /// Starts Orthanc with folders below `dir`; `None` where it is not installed.
    pub(crate) fn start(dir: &Path) -> Option<Orthanc> {
        if !is_installed("Orthanc") {
            return None;
        }
        let (dicom_port, http_port) = (free_port(), free_port());
        let storage = dir.join("orthanc");
        std::fs::create_dir_all(&storage).unwrap();
        let configuration = serde_json::json!({
            "Name": "test", "StorageDirectory": storage, "IndexDirectory": storage, "Plugins": [],
            "HttpPort": http_port, "RemoteAccessAllowed": false, "AuthenticationEnabled": false,
            "DicomPort": dicom_port, "DicomAet": "ORTHANC", "DicomModalitiesInDatabase": true,
        });
        let path = dir.join("orthanc.json");
        std::fs::write(&path, configuration.to_string()).unwrap();
        let child = Command::new("Orthanc").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let orthanc = Orthanc { child, dicom_port, http_port };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", http_port)).is_err()
            || TcpStream::connect(("127.0.0.1", dicom_port)).is_err()
        {
            assert!(Instant::now() < deadline, "Orthanc does not listen");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Some(orthanc)
    }

    /// Gives Orthanc a folder and has it forward everything to the node.
    pub(crate) fn forward(&self, dir: &Path, folder: &Path, port: u16) {
        succeed(program(dir).arg("send").arg(folder).args(["--to", &format!("ORTHANC@127.0.0.1:{}", self.dicom_port)]));
        self.http("PUT", "/modalities/resetray", &format!("[\"RESETRAY\", \"127.0.0.1\", {port}]"));
        let series = self.http("GET", "/series", "");
        self.http("POST", "/modalities/resetray/store", &series);
    }

    /// One HTTP request; returns the body of a success.
    fn http(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http_port)).unwrap();
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1) == Some("200"), "{method} {path}: {answer}");
        answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }
}

impl Drop for Orthanc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
