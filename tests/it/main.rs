//! Integration tests, one module per capability.
