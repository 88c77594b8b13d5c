//! `resetray demo`: phantom -> own node on a free port -> RSIF, printed beside the known truth.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Failure;
use super::progress::Progress;
use crate::config::Config;
use crate::dimse::Part10;
use crate::dimse::Requestor;
use crate::dimse::RequestorOptions;
use crate::identity::AeTitle;
use crate::node::files;
use crate::node::service::Node;
use crate::phantom;
use crate::phantom::Truth;

/// How long the demonstration waits for its result.
const RESULT_WAIT: Duration = Duration::from_secs(300);
/// How often it looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Folder for the phantom, the node's data and the results.
    #[arg(long, default_value = "demo")]
    out: PathBuf,
    /// Case of the phantom.
    #[arg(long, default_value = "default")]
    case: String,
}

pub(super) fn run(arguments: Arguments, mut config: Config) -> Result<(), Failure> {
    super::limit_voxel_threads(&config)?;
    let out = arguments.out;
    let options = phantom::case(&arguments.case).map_err(|error| Failure::Usage(error.to_string()))?;
    let series = out.join("phantom");
    let progress = Progress::begin("phantom", 1);
    let truth = phantom::write_series(&options, &series).map_err(|error| Failure::work(&error))?;
    progress.end(&format!("case {}, written to {}", arguments.case, series.display()));

    config.node.bind = SocketAddr::from(([127, 0, 0, 1], 0));
    config.node.data_dir = out.join("data");
    config.node.results_dir = out.join("results");
    config.completeness.quiet_after_release_seconds = 1;
    // A result of an earlier demonstration would be found at once and prove nothing.
    for folder in [&config.node.data_dir, &config.node.results_dir] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(|error| Failure::in_context(folder.display(), &error))?;
        }
    }
    let results = config.node.results_dir.clone();
    let called = config.application_entity.first().map(|entity| entity.title.clone()).unwrap_or_default();
    let documents = super::runtime()?.block_on(async {
        let node = Node::start(config).await.map_err(|error| Failure::work(&error))?;
        let address = node.address();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(node.run(shutdown.clone()));
        let outcome = async {
            push(address, &called, &series).await?;
            wait_for_documents(&results).await
        }
        .await;
        shutdown.cancel();
        running.await.map_err(|error| Failure::work(&error))?;
        outcome
    })?;
    print_beside_truth(&documents, &truth)
}

async fn push(address: SocketAddr, called: &str, series: &Path) -> Result<(), Failure> {
    let title = |text: &str| AeTitle::parse(text).map_err(|error| Failure::work(&error));
    let options = RequestorOptions::new(title("DEMO")?, title(called)?);
    let failed = |error| Failure::in_context(address, &error);
    let mut objects = Vec::new();
    for path in files::walk(&[series.to_owned()]).map_err(|error| Failure::work(&error))? {
        objects.extend(Part10::read(&path).ok());
    }
    let first = objects.first().ok_or_else(|| Failure::Work("the phantom has no files".into()))?;
    let pair = (first.sop_class_uid.clone(), first.transfer_syntax_uid.clone());
    let mut association = Requestor::associate(address, &options, &[pair]).await.map_err(failed)?;
    let progress = Progress::begin(&format!("push to {called}@{address}"), objects.len() as u64);
    for (number, object) in objects.iter().enumerate() {
        let answer = association.store_file(object).await.map_err(failed)?;
        if !answer.is_kept() {
            return Err(Failure::Work(format!("the node answered 0x{:04X} {}", answer.status, answer.comment)));
        }
        progress.at(number as u64 + 1);
    }
    association.release().await.map_err(failed)?;
    progress.end(&format!("{} instances stored", objects.len()));
    Ok(())
}

/// The flat documents, once there is one per analysis.
async fn wait_for_documents(results: &Path) -> Result<Vec<PathBuf>, Failure> {
    let deadline = tokio::time::Instant::now() + RESULT_WAIT;
    loop {
        let mut found: Vec<PathBuf> = std::fs::read_dir(results)
            .map(|entries| entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect())
            .unwrap_or_default();
        found.retain(|path| path.to_string_lossy().ends_with(crate::write::rsif::FILE_SUFFIX));
        // Vertebrae first, as in every output.
        found.sort_by(|a, b| b.cmp(a));
        if found.len() >= 2 {
            return Ok(found);
        }
        if tokio::time::Instant::now() >= deadline {
            let seconds = RESULT_WAIT.as_secs();
            return Err(Failure::Work(format!("no result in {} after {seconds} s", results.display())));
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

fn print_beside_truth(documents: &[PathBuf], truth: &Truth) -> Result<(), Failure> {
    for path in documents {
        let bytes = std::fs::read(path).map_err(|error| Failure::in_context(path.display(), &error))?;
        let text = crate::write::rsif::show(&bytes).map_err(|error| Failure::in_context(path.display(), &error))?;
        println!("{text}");
    }
    println!("{:<20} {:>9} {:>9} {:>7}  flags or reason", "parameter", "truth", "measured", "off by");
    for path in documents {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::in_context(path.display(), &error))?;
        let document: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| Failure::in_context(path.display(), &error))?;
        for (name, measurement) in document["measurements"].as_object().into_iter().flatten() {
            let value = measurement["value"].as_f64().unwrap_or(f64::NAN);
            let flags: Vec<&str> =
                measurement["flags"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
            let decimals = if measurement["unit"] == "ratio" { 3 } else { 2 };
            let (known, off) = match truth.parameter(name).and_then(|parameter| parameter.value) {
                Some(known) => (format!("{known:.decimals$}"), format!("{:+.decimals$}", value - known)),
                None => ("-".to_owned(), "-".to_owned()),
            };
            println!("{name:<20} {known:>9} {value:>9.decimals$} {off:>7}  {}", flags.join(" "));
        }
        for (name, refusal) in document["not_measured"].as_object().into_iter().flatten() {
            let known = truth.parameter(name).and_then(|parameter| parameter.value);
            let known = known.map_or("-".to_owned(), |known| format!("{known:.2}"));
            println!("{name:<20} {known:>9} {:>9} {:>7}  {}", "-", "-", refusal["reason"].as_str().unwrap_or_default());
        }
    }
    println!();
    for path in documents {
        println!("{}", path.display());
    }
    if let Some(folder) = documents.first().and_then(|path| path.parent()) {
        println!("previews beside the documents in {}", folder.join("series").display());
    }
    println!("Technical measurement only.");
    Ok(())
}
