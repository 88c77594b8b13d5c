//! `resetray`: a DICOM node that turns CT series into numbers.
//!
//! The rooms stand in the order in which data flow; a room uses only rooms above it (a test holds that).
//! What passes between them are values:
//! `Incoming -> Instance + Durable -> Settled -> Volume -> Findings -> Measurements -> Record -> Publication`.
//!
//! Network rooms are async; everything from [`instance`] to [`write`](mod@write) is plain functions without clock,
//! network or global state.
//!
//! Technical measurement only: no output of any room carries a medical conclusion.

// Rounding for output, units of measure.
pub mod units;

// UIDs, AE titles, series keys; derivation of pseudonymous keys and of our own UIDs.
pub mod identity;

// The closed vocabularies: parameters, levels, reasons, coded concepts.
pub mod codes;

// Named suitability checks and the one table of their limits.
pub mod checks;

// Tracing set-up and field names.
pub mod telemetry;

// Who owns a folder.
pub mod lock;

// The wire: PDU framing, negotiation, command sets, associations as SCP and SCU.
pub mod dimse;

// Every attribute that is read of one object, parsed once.
pub mod instance;

// Durable, append-only segments of received objects.
pub mod spool;

// The rebuildable index (sled) of series, instances and revisions.
pub mod catalogue;

// Storage and verification services: who may call, what is accepted, with which status.
pub mod receive;

// Which instances make one series, and when it is settled.
pub mod series;

// Arrays without DICOM or anatomy: grids, masks, components, morphology, distance, smoothing.
pub mod grid;

// Decoding, geometry, rescale to HU: the volume of one settled series and its suitability.
pub mod volume;

// Spinal canal, vertebrae and their names; liver, spleen, vessels and contrast phase.
pub mod anatomy;

// Regions of interest, statistics, target checks, outcomes.
pub mod measure;

// The record: the one input of all writers.
pub mod record;

// RSIF and previews: views of the record.
pub mod write;

// The results folder and its event log.
pub mod deliver;

// A self-made torso series with known truth.
pub mod phantom;

// Results held against readings of people: agreement, coverage, wrong names.
pub mod agreement;

// Configuration text to checked options of every stage.
pub mod config;

// Wiring: receiver, workers, shutdown.
pub mod node;

// The command line, one file per command.
pub mod cli;
