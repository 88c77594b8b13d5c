//! Integration tests, one module per capability.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod results_folder;
mod results_folder_full;
mod results_folder_killed;
mod rsif;
mod rsif_peers;
mod rsif_samples;
