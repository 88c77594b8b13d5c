//! Tracing set-up.
//!
//! Input: format and level from the configuration; `RUST_LOG` overrides the level.
//! Output: one subscriber on standard error, so that standard output stays free for results.
//! Field names used across rooms: `association`, `peer`, `calling`, `called`, `series_key`, `status`, `reason`,
//! `elapsed_ms`. A message is a constant phrase in the past tense; data stand in fields; no patient attribute is ever
//! logged.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Installs the subscriber; a second call in one process changes nothing.
pub fn install(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(format!("{level},sled=warn")))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let outcome = match format {
        LogFormat::Text => {
            let colours = std::io::stderr().is_terminal();
            registry.with(fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(colours)).try_init()
        }
        LogFormat::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    };
    // The only failure is a subscriber that is already there, as in tests; its owner keeps it.
    drop(outcome);
}
