//! Integration tests, one module per capability.

mod organs_real;

mod spine_real;
