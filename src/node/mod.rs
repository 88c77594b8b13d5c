//! Wiring: receiver, workers, shutdown.
//!
//! Input: a checked configuration. Output: a running node, or the same pipeline over files.
//! This is the one place that sees several rooms' errors; below it values pass, not handles.

// DICOM results of one series.
mod dicom;
// Files and folders to instances.
pub mod files;
// What the node knows of its series.
pub mod ledger;
// Received data sets as DICOM files.
pub mod part10;
// One series to a record with previews.
pub mod pipeline;
// One measured series into the results folder.
pub mod publish;
// The running node.
pub mod service;
// Configuration to the options of each stage.
pub mod settings;
// The receiver's storage.
pub mod storage;
// Settled series one after the other.
pub mod worker;
