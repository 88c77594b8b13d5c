//! Views of the record: RSIF documents, their checking, previews.
//!
//! Input: a [`crate::record::Record`]. Output: bytes of files; equal records give equal bytes.

pub mod rsif;
pub mod validate;
