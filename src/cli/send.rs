//! `resetray send PATH... --to AET@HOST:PORT`: C-STORE with progress, over several associations where asked for.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;

use super::Failure;
use super::echo::Peer;
use super::echo::requestor_options;
use super::progress::Progress;
use crate::config::Config;
use crate::dimse::Part10;
use crate::dimse::Requestor;
use crate::dimse::RequestorOptions;
use crate::identity::Uid;
use crate::node::files;

/// Associations at once that one command may open.
const PARALLEL_MAX: usize = 64;
/// Failures that are printed one by one.
const FAILURES_SHOWN: usize = 20;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// The peer, as AET@HOST:PORT.
    #[arg(long)]
    to: Peer,
    /// Associations at once.
    #[arg(long, default_value_t = 1)]
    parallel: usize,
}

/// What is shared by the associations of one command.
struct Work {
    queue: Mutex<std::vec::IntoIter<Part10>>,
    sent: Mutex<(u64, Vec<String>)>,
}

pub(super) fn run(arguments: Arguments, config: Config) -> Result<(), Failure> {
    if !(1..=PARALLEL_MAX).contains(&arguments.parallel) {
        return Err(Failure::Usage(format!("--parallel must lie in 1..={PARALLEL_MAX}")));
    }
    let options = requestor_options(&config, &arguments.to)?;
    let found = files::walk(&arguments.paths).map_err(|error| Failure::work(&error))?;
    let mut skipped = 0_usize;
    let mut objects = Vec::new();
    for path in &found {
        match Part10::read(path) {
            Ok(object) => objects.push(object),
            Err(_) => skipped += 1,
        }
    }
    if objects.is_empty() {
        return Err(Failure::Work(format!("no DICOM file among {} files", found.len())));
    }
    let total = objects.len() as u64;
    let pairs: BTreeSet<(Uid, Uid)> =
        objects.iter().map(|object| (object.sop_class_uid.clone(), object.transfer_syntax_uid.clone())).collect();
    let pairs: Vec<(Uid, Uid)> = pairs.into_iter().collect();
    let progress = Arc::new(Progress::begin(&arguments.to.to_string(), total));
    let work = Arc::new(Work { queue: Mutex::new(objects.into_iter()), sent: Mutex::new((0, Vec::new())) });
    let ended = super::runtime()?.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..arguments.parallel {
            let (address, options, pairs) = (arguments.to.address.clone(), options.clone(), pairs.clone());
            let (work, progress) = (Arc::clone(&work), Arc::clone(&progress));
            tasks.spawn(async move { send_queue(&address, &options, &pairs, &work, &progress).await });
        }
        let mut failed = None;
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => failed = Some(failure),
                Err(error) => failed = Some(Failure::work(&error)),
            }
        }
        failed
    });
    let (kept, refused) = match work.sent.lock() {
        Ok(sent) => (sent.0, sent.1.clone()),
        Err(poisoned) => poisoned.into_inner().clone(),
    };
    if let Some(progress) = Arc::into_inner(progress) {
        progress
            .end(&format!("{kept} of {total} stored, {} refused, {skipped} files are no DICOM files", refused.len()));
    }
    for line in refused.iter().take(FAILURES_SHOWN) {
        eprintln!("{line}");
    }
    match ended {
        Some(failure) => Err(failure),
        None if kept < total => Err(Failure::Work(format!("{} objects were not stored", total - kept))),
        None => Ok(()),
    }
}

/// Sends from the queue over one association until it is empty.
async fn send_queue(
    address: &str,
    options: &RequestorOptions,
    pairs: &[(Uid, Uid)],
    work: &Work,
    progress: &Progress,
) -> Result<(), Failure> {
    let failed = |error| Failure::in_context(address, &error);
    let mut association = Requestor::associate(address, options, pairs).await.map_err(failed)?;
    loop {
        let next = work.queue.lock().ok().and_then(|mut queue| queue.next());
        let Some(object) = next else { break };
        let name = object.path.display();
        let complaint = if !association.accepts(&object.sop_class_uid, &object.transfer_syntax_uid) {
            let (class, syntax) = (&object.sop_class_uid, &object.transfer_syntax_uid);
            Some(format!("{name}: the peer does not accept SOP class {class} in transfer syntax {syntax}"))
        } else {
            let answer = association.store_file(&object).await.map_err(failed)?;
            let told = format!("{name}: status 0x{:04X} {}", answer.status, answer.comment);
            (!answer.is_kept()).then_some(told)
        };
        if let Ok(mut sent) = work.sent.lock() {
            match complaint {
                Some(line) => sent.1.push(line),
                None => sent.0 += 1,
            }
            progress.at(sent.0 + sent.1.len() as u64);
        }
    }
    association.release().await.map_err(failed)
}
