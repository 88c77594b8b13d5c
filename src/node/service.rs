//! The running node: listener, worker, orderly stop.
//!
//! Input: a checked configuration. Output: a node that receives until it is told to stop; every settled series ends in the
//! results folder. Errors: [`NodeError`] at the start, one clear line each; later faults are logged and retried.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::catalogue;
use crate::catalogue::Catalogue;
use crate::catalogue::CatalogueError;
use crate::catalogue::SecretError;
use crate::config::Config;
use crate::deliver;
use crate::deliver::DeliverError;
use crate::deliver::ResultsFolder;
use crate::identity::SiteSecret;
use crate::node::ledger::Ledger;
use crate::node::ledger::LedgerError;
use crate::node::settings;
use crate::node::settings::EntitySettings;
use crate::node::storage::NodeStorage;
use crate::node::storage::now_ms;
use crate::node::worker::Worker;
use crate::receive;
use crate::spool::Spool;
use crate::spool::SpoolError;

/// How often settled series are looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A folder cannot be made.
    #[error("folder {} cannot be made", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The listener cannot be bound.
    #[error("{address} cannot be bound")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The site secret cannot be read or made.
    #[error("site secret")]
    Secret(#[from] SecretError),
    /// The spool cannot be opened.
    #[error("spool")]
    Spool(#[from] SpoolError),
    /// The index cannot be opened.
    #[error("catalogue")]
    Catalogue(#[from] CatalogueError),
    /// What is held cannot be taken over.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The results folder cannot be used.
    #[error("results folder")]
    Results(#[from] DeliverError),
}

/// Data folder, opened; the spool's lock keeps other processes out.
pub struct Opened {
    /// Spool of objects.
    pub spool: Spool,
    /// Series.
    pub ledger: Arc<Ledger>,
    /// Secret that keys pseudonyms.
    pub secret: SiteSecret,
}

impl Opened {
    /// Opens the data folder and takes over what it holds.
    pub fn open(config: &Config) -> Result<Opened, NodeError> {
        let dir = &config.node.data_dir;
        make_folder(dir)?;
        let secret = catalogue::load_or_create_secret(dir)?;
        let spool_dir = dir.join("spool");
        make_folder(&spool_dir)?;
        let (spool, recovery) = Spool::open(&spool_dir, settings::spool_options(config))?;
        for damage in &recovery.damage {
            tracing::error!(?damage, "damage in the spool");
        }
        let (catalogue, rebuild) = Catalogue::open(&dir.join("catalogue"), &spool_dir)?;
        let held = recovery.instance_count();
        let ledger = Ledger::open(catalogue, rebuild, spool.clone(), recovery, now_ms())?;
        tracing::debug!(instances = held, "data folder opened");
        Ok(Opened { spool, ledger: Arc::new(ledger), secret })
    }

    /// Marks an orderly stop.
    pub fn close(self) {
        if let Err(error) = self.ledger.close() {
            tracing::warn!(%error, "the index was not closed in good order and will be checked at the next start");
        }
        self.spool.close();
    }
}

/// The site secret of a data folder, for work on files.
pub fn site_secret(config: &Config) -> Result<SiteSecret, NodeError> {
    make_folder(&config.node.data_dir)?;
    Ok(catalogue::load_or_create_secret(&config.node.data_dir)?)
}

fn make_folder(path: &Path) -> Result<(), NodeError> {
    std::fs::create_dir_all(path).map_err(|source| NodeError::Folder { path: path.to_owned(), source })
}

/// A node that is bound and ready to run.
pub struct Node {
    config: Config,
    opened: Opened,
    results: ResultsFolder,
    listener: TcpListener,
    address: SocketAddr,
}

impl Node {
    /// Opens folders and binds the listener; nothing is received before [`Node::run`].
    pub async fn start(config: Config) -> Result<Node, NodeError> {
        let opened = Opened::open(&config)?;
        make_folder(&config.node.results_dir)?;
        let results = ResultsFolder::open(&config.node.results_dir, deliver::Options::default())?;
        let wanted = config.node.bind;
        let bound = |source| NodeError::Bind { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        tracing::info!(%address, "listening");
        Ok(Node { config, opened, results, listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Receives and measures until `shutdown`; then takes no new work, ends what is under way and closes.
    pub async fn run(self, shutdown: CancellationToken) {
        let Node { config, opened, results, listener, .. } = self;
        let worker = Worker {
            ledger: Arc::clone(&opened.ledger),
            results,
            secret: opened.secret.clone(),
            entities: config
                .application_entity
                .iter()
                .map(|entity| (entity.title.clone(), EntitySettings::of(&config, entity)))
                .collect(),
            completeness: settings::series_options(&config),
            node: config.node.ae_title.clone(),
        };
        let stop = shutdown.clone();
        let working = std::thread::Builder::new().name("worker".into()).spawn(move || worker.run(&stop, LOOK_INTERVAL));
        let storage = NodeStorage::new(opened.spool.clone(), Arc::clone(&opened.ledger));
        receive::serve(listener, settings::receive_options(&config), shutdown, storage).await;
        match working {
            Ok(worker) => {
                let ended = tokio::task::spawn_blocking(move || worker.join()).await;
                if !matches!(ended, Ok(Ok(()))) {
                    tracing::error!("the worker ended by a fault");
                }
            }
            Err(error) => tracing::error!(%error, "the worker did not start"),
        }
        tokio::task::block_in_place(|| opened.close());
        tracing::info!("stopped");
    }
}
