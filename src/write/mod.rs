//! Views of the record: RSIF documents, their checking, previews.
//!
//! Input: a [`crate::record::Record`]. Output: bytes of files; equal records give equal bytes.

// Pictures of what was measured, and where.
pub mod preview;
// RSIF documents of the node's profile.
pub mod rsif;
// Checking of RSIF documents, ours and others'.
pub mod validate;
