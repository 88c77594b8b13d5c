//! (under construction)

pub mod preview;
