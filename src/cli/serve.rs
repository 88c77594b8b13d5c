//! `resetray serve`: the node.

use tokio::signal::unix::SignalKind;
use tokio::signal::unix::signal;
use tokio_util::sync::CancellationToken;

use super::Failure;
use crate::config::Config;
use crate::node::service::Node;

pub(super) fn run(config: Config) -> Result<(), Failure> {
    super::limit_voxel_threads(&config)?;
    super::runtime()?.block_on(async {
        let node = Node::start(config).await.map_err(|error| Failure::work(&error))?;
        let shutdown = CancellationToken::new();
        stop_on_signals(shutdown.clone())?;
        node.run(shutdown).await;
        Ok(())
    })
}

/// SIGTERM and SIGINT ask for an orderly stop.
fn stop_on_signals(shutdown: CancellationToken) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::in_context("signals cannot be taken", &error);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break tracing::info!("stop asked for by SIGTERM"),
                _ = interrupt.recv() => break tracing::info!("stop asked for by SIGINT"),
                // A closed terminal or a log rotation must not end a node in service.
                _ = hangup.recv() => tracing::warn!("SIGHUP ignored: the configuration is read at the start only"),
            }
        }
        shutdown.cancel();
    });
    Ok(())
}
