//! Storage and verification services: who may call, what is accepted, with which status.
//!
//! Input: a bound listener, [`Options`] and a [`Storage`]. Output: objects handed to the storage while they arrive, and
//! an answer to each request; success only after [`ObjectWriter::commit`].
//! Errors: none end the service; what an association suffered is in its [`AssociationSummary`] and in one log line.
//!
//! Source: PS3.4 annexes A and B, PS3.8 9. Limits: sockets, associations in all and by address, times and lengths, all
//! in [`Options`]. Knows no disk.

mod access;
mod association;
mod options;
mod slots;
pub mod status;
mod storage;
mod summary;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use access::{AddressRange, AddressRangeError, CallingTitles};
pub use options::{ApplicationEntity, Limits, Options};
pub use status::{Refusal, StoreStatus};
pub use storage::{Admission, AssociationOpening, Incoming, ObjectWriter, Storage};
pub use summary::{AssociationSummary, Ending, INSTANCES_LISTED_MAX, InstanceOutcome};

use association::Service;
use slots::Slots;

/// Lines beyond the association limit that may be open to be told so, in all and from one address.
const LINES_BESIDE_ASSOCIATIONS: usize = 64;
const LINES_BESIDE_ASSOCIATIONS_PER_PEER: usize = 16;
/// Pause after the system could not give a socket, as when descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves associations until `shutdown`; then takes no new ones, lets messages under way end for
/// [`Options::shutdown`], aborts what waits, and returns when every line is closed. Dropping the future closes all
/// lines at once.
pub async fn serve<S: Storage>(listener: TcpListener, options: Options, shutdown: CancellationToken, storage: S) {
    let limits = options.limits;
    let lines = Slots::new(
        limits.associations.saturating_add(LINES_BESIDE_ASSOCIATIONS),
        limits.associations_per_peer.saturating_add(LINES_BESIDE_ASSOCIATIONS_PER_PEER),
    );
    let grace = options.shutdown;
    let associations = Slots::new(limits.associations, limits.associations_per_peer);
    let service = Arc::new(Service { options, storage, associations, shutdown: shutdown.clone() });
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = open.join_next() => log_crash(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => start(&mut open, &lines, &service, stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drained = timeout(grace, async {
        while let Some(ended) = open.join_next().await {
            log_crash(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!(associations = open.len(), "associations cut off at shutdown");
    }
    open.shutdown().await;
}

fn start<S: Storage>(
    open: &mut JoinSet<()>,
    lines: &Slots,
    service: &Arc<Service<S>>,
    stream: TcpStream,
    peer: SocketAddr,
) {
    let Some(slot) = lines.take(peer.ip()) else {
        tracing::warn!(%peer, "line closed at once: too many open");
        return;
    };
    let service = Arc::clone(service);
    open.spawn(async move {
        association::run(service, stream, peer).await;
        drop(slot);
    });
}

/// A storage that panics costs its association, never the service.
fn log_crash(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "association crashed");
    }
}
