//! A node as a child process, and what tests do with it.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use resetray::phantom;

/// How long a node may take to listen, or a result to appear; generous, since it only bounds a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// A node as a child process; killed when dropped.
pub(crate) struct NodeProcess {
    child: Child,
    /// Port on 127.0.0.1.
    pub(crate) port: u16,
}

/// The program with folders below `dir` and short waits.
pub(crate) fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resetray"));
    command
        .env_remove("RUST_LOG")
        .env_remove("RESETRAY_CONFIG")
        .env("RESETRAY__NODE__DATA_DIR", dir.join("data"))
        .env("RESETRAY__NODE__RESULTS_DIR", dir.join("results"))
        .env("RESETRAY__NODE__BIND", "127.0.0.1:0")
        .env("RESETRAY__COMPLETENESS__QUIET_AFTER_RELEASE_SECONDS", "1")
        .env("RESETRAY__RETENTION__FREE_SPACE_MIN_BYTES", "1048576")
        .env("RESETRAY__LOG__FORMAT", "json");
    command
}

impl NodeProcess {
    /// Starts a node and waits until it listens.
    pub(crate) fn start(dir: &Path) -> NodeProcess {
        NodeProcess::start_with(dir, &[])
    }

    /// The same with further environment variables.
    pub(crate) fn start_with(dir: &Path, variables: &[(&str, &str)]) -> NodeProcess {
        let mut command = program(dir);
        command.envs(variables.iter().copied()).arg("serve").stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (tell, told) = mpsc::channel();
        let stderr = child.stderr.take().unwrap();
        let log = dir.join("node.log");
        // The pipe is read to its end, so that the node never waits for its log.
        std::thread::spawn(move || {
            let mut kept = std::fs::File::options().create(true).append(true).open(log).unwrap();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                use std::io::Write;
                let _ = writeln!(kept, "{line}");
                if let Some(address) = line.split("\"address\":\"").nth(1).and_then(|rest| rest.split('"').next()) {
                    let _ = tell.send(address.rsplit(':').next().unwrap().parse::<u16>().unwrap());
                }
            }
        });
        let port = told.recv_timeout(PATIENCE).expect("the node does not listen");
        NodeProcess { child, port }
    }

    /// SIGKILL, as a crash.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the node does not stop");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A small phantom: 5 mm slices, coarse pixels, without noise.
pub(crate) fn small_phantom(seed: u64) -> phantom::Options {
    let mut options = phantom::case("thick_5mm").unwrap();
    options.seed = seed;
    options.noise_sd_hu = 0.0;
    options.rows = 256;
    options.columns = 256;
    options.pixel_spacing_mm *= 2.0;
    options
}

/// Writes a phantom into a folder.
pub(crate) fn write_phantom(options: &phantom::Options, folder: &Path) -> phantom::Truth {
    phantom::write_series(options, folder).unwrap()
}

/// Waits for `count` flat documents and returns them by file name.
pub(crate) fn wait_for_documents(results: &Path, count: usize) -> BTreeMap<String, serde_json::Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = documents(results);
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{} of {count} documents in {}", found.len(), results.display());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The flat documents of a results folder by file name.
pub(crate) fn documents(results: &Path) -> BTreeMap<String, serde_json::Value> {
    let entries = std::fs::read_dir(results).map(|entries| entries.map(|entry| entry.unwrap().path()));
    let paths: Vec<PathBuf> = entries.map(Iterator::collect).unwrap_or_default();
    paths
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".rsif.json"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap())
        })
        .collect()
}

/// A document without its `processing` object.
pub(crate) fn without_processing(
    documents: &BTreeMap<String, serde_json::Value>,
) -> BTreeMap<String, serde_json::Value> {
    let mut stripped = documents.clone();
    for document in stripped.values_mut() {
        document.as_object_mut().unwrap().remove("processing");
    }
    stripped
}

/// Whether a program can be run.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status().unwrap().success()
}

/// The Python that has pynetdicom, if there is one.
pub(crate) fn python_with(module: &str) -> Option<String> {
    let python = std::env::var("RESETRAY_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let status = Command::new(&python).args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success()).then_some(python)
}

/// Runs a command and expects success.
pub(crate) fn succeed(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
