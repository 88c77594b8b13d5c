//! Integration tests, one module per capability.

mod wire;
mod wire_faults;
mod wire_peers;
mod wire_support;
