//! The command line, one file per command.
//!
//! Input: arguments. Output: text on standard output (with `--json` one JSON value), errors on standard error.
//! Exit status: 0 done, 1 the work failed, 2 wrong usage or configuration.

mod agree;
mod config;
mod demo;
mod echo;
mod phantom;
mod process;
mod progress;
mod rsif;
mod send;
mod series;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::config::Config;
use crate::telemetry;

/// Stack of a thread for voxel work (bytes): codecs recurse.
const VOXEL_STACK_BYTES: usize = 16 << 20;
/// Exit status of failed work.
const FAILED: u8 = 1;
/// Exit status of wrong usage or configuration.
const WRONG_USAGE: u8 = 2;

/// A DICOM node that turns CT series into numbers. Technical measurement only.
#[derive(Debug, Parser)]
#[command(name = "resetray", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Configuration file; without it the defaults hold.
    #[arg(long, global = true, env = "RESETRAY_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the node: receive, measure, publish.
    Serve,
    /// Measure files, folders and DICOMDIRs with the same pipeline.
    Process(process::Arguments),
    /// Send files over C-STORE.
    Send(send::Arguments),
    /// Verify a peer over C-ECHO.
    Echo(echo::Arguments),
    /// Phantom -> own node on a free port -> RSIF, printed beside the known truth.
    Demo(demo::Arguments),
    /// Write a self-made CT series with known truth.
    Phantom(phantom::Arguments),
    /// What arrived and what became of it.
    Series(series::Arguments),
    /// Hold results against the readings of people.
    Agree(agree::Arguments),
    /// Validate, describe or show RSIF documents.
    Rsif(rsif::Arguments),
    /// Check, print or describe the configuration.
    Config(config::Arguments),
}

/// Why a command ended without success.
#[derive(Debug)]
enum Failure {
    /// The arguments or the configuration are wrong.
    Usage(String),
    /// The work failed.
    Work(String),
}

impl Failure {
    /// Failed work with its whole chain of causes.
    fn work(error: &dyn std::error::Error) -> Failure {
        Failure::Work(chain(error))
    }

    fn in_context(context: impl std::fmt::Display, error: &dyn std::error::Error) -> Failure {
        Failure::Work(format!("{context}: {}", chain(error)))
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        let next = source.to_string();
        // Many errors repeat their source in their own text.
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = source.source();
    }
    text
}

/// Runs one command line; never panics on bad input.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let wrong = error.use_stderr();
            // A closed standard output is the reader's choice, not a failure.
            drop(error.print());
            return if wrong { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(message)) => {
            eprintln!("resetray: {message}");
            ExitCode::from(WRONG_USAGE)
        }
        Err(Failure::Work(message)) => {
            eprintln!("resetray: {message}");
            ExitCode::from(FAILED)
        }
    }
}

fn dispatch(arguments: Arguments) -> Result<(), Failure> {
    let path = arguments.config;
    let load = || -> Result<Config, Failure> {
        let config = crate::config::load(path.as_deref()).map_err(|error| Failure::Usage(error.to_string()))?;
        telemetry::install(config.log.format, &config.log.level);
        Ok(config)
    };
    match arguments.command {
        Command::Serve => serve::run(load()?),
        Command::Process(command) => process::run(command, load()?),
        Command::Send(command) => send::run(command, load()?),
        Command::Echo(command) => echo::run(command, load()?),
        Command::Demo(command) => demo::run(command, load()?),
        Command::Phantom(command) => phantom::run(command),
        Command::Series(command) => series::run(command, load()?),
        Command::Agree(command) => agree::run(command),
        Command::Rsif(command) => rsif::run(command),
        Command::Config(command) => config::run(command, path.as_deref()),
    }
}

/// Bounds the threads of voxel work to what the configuration allows.
fn limit_voxel_threads(config: &Config) -> Result<(), Failure> {
    let threads = crate::node::settings::threads(config);
    // A pool that is there already, as in tests of several commands in one process, stays.
    drop(rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(VOXEL_STACK_BYTES).build_global());
    Ok(())
}

/// A multi-threaded runtime for the network commands.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::in_context("the runtime did not start", &error))
}
