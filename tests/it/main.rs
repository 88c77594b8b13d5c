//! Integration tests, one module per capability.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod configuration;
mod conformance;
mod crash;
mod dicom_results;
mod durability;
mod layering;
mod node;
mod node_support;
mod odd;
mod organs_real;
mod orthanc;
mod phantom;
mod phantoms_measured;
mod preview;
mod results_folder;
mod results_folder_full;
mod results_folder_killed;
mod rsif;
mod rsif_peers;
mod rsif_samples;
mod spine_real;
mod wire;
mod wire_faults;
mod wire_peers;
mod wire_support;
