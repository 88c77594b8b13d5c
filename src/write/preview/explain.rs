//! Pictures and numbers of intermediate findings, for `--explain`.
//!
//! Input: a [`Volume`] and its [`Findings`]. Output: files: PNG pictures and one JSON text.
//! Units: mm (LPS) and HU, rounded as in every output. Errors: none; what was not found is told by its reason.
