//! How the node's values agree with the readings of people.
//!
//! Input: tables of readings ([`tables`]) and RSIF documents ([`results`]). Output: a [`Comparison`] and its
//! [`Summary`], printed as a table, JSON or pictures ([`report`], [`plot`]). Attenuation in HU, positions in mm (LPS).
//! Errors: [`AgreementError`], which names file and line.
//! Source: Bland and Altman, Lancet 1986 (limits of agreement); quantities.md section 5 for what may be expected.

pub mod compare;
mod csv;
pub mod plot;
pub mod report;
pub mod results;
pub mod summary;
pub mod tables;

use std::path::Path;
use std::path::PathBuf;

pub use compare::{Comparison, Judged, Verdict, WrongLevel, compare};
pub use results::{CaseResult, Value, Where};
pub use summary::{Summary, summarise};
pub use tables::{Action, LevelReading, Reading};

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum AgreementError {
    /// A file or folder could not be read.
    #[error("cannot read {path}", path = path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A table does not say what it should.
    #[error("{path}, line {line}: {message}", path = path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What was found and what is expected.
        message: String,
    },
    /// A document is not an RSIF document, or too large.
    #[error("{path}: {message}", path = path.display())]
    Document {
        /// The document.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A case with several series, none of which is named.
    #[error("case {case}: {} series in its results ({}); name one in a column series_key or in --cases", keys.len(), keys.join(", "))]
    SeveralSeries {
        /// The case.
        case: String,
        /// Keys of its series.
        keys: Vec<String>,
    },
    /// More than is read.
    #[error("{path}: more than {limit} {what}", path = path.display())]
    TooMany {
        /// File or folder.
        path: PathBuf,
        /// The limit.
        limit: usize,
        /// What is counted.
        what: &'static str,
    },
}

impl AgreementError {
    fn table(path: &Path, line: usize, message: impl Into<String>) -> AgreementError {
        AgreementError::Table { path: path.to_owned(), line, message: message.into() }
    }

    fn document(path: &Path, message: impl Into<String>) -> AgreementError {
        AgreementError::Document { path: path.to_owned(), message: message.into() }
    }
}
