//! Views of the record: RSIF documents, their checking, previews, structured reports, segmentations.
//!
//! Input: a [`crate::record::Record`]. Output: bytes of files; equal records give equal bytes.

// Coded concepts of DICOM results.
pub mod concepts;
// What all DICOM results share.
pub mod objects;
// Pictures of what was measured, and where.
pub mod preview;
// RSIF documents of the node's profile.
pub mod rsif;
// Mask regions as a DICOM Segmentation.
pub mod seg;
// Structured reports.
pub mod sr;
// Checking of RSIF documents, ours and others'.
pub mod validate;
