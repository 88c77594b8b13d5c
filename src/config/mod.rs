//! Configuration text to the checked options of every stage.
//!
//! Input: a TOML file (or none) and environment variables `RESETRAY__SECTION__KEY`.
//! Output: a [`Config`] that holds together, or all problems with file, line, key and what to do.
//! Errors: [`ConfigError`]. Unknown keys are errors with a suggestion: a misspelt key must never be a silent default.
//! `config/resetray.toml` is the commented default; a test compares it with [`Config::default`].

mod load;
mod sections;

pub use load::ConfigError;
pub use load::Problem;
pub use load::load;
pub use load::parse;
pub use sections::AccessMode;
pub use sections::ApplicationEntity;
pub use sections::Completeness;
pub use sections::Config;
pub use sections::Durability;
pub use sections::DurabilityMode;
pub use sections::Identifiers;
pub use sections::Log;
pub use sections::Node;
pub use sections::Processing;
pub use sections::ResultKind;
pub use sections::Retention;
pub use sections::Rsif;
pub use sections::Timeouts;
