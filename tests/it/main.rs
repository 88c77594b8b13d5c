//! Integration tests, one module per capability.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod configuration;
mod conformance;
mod layering;
mod preview;
mod rsif;
mod rsif_samples;

// The allowances of `clippy.toml` reach functions marked as tests only, not what they share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod wire;
mod wire_faults;
mod wire_peers;
mod wire_support;
