//! `resetray config check | print | schema`

use std::path::Path;

use clap::Subcommand;

use super::Failure;
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the file and what it names: folders and the port.
    Check,
    /// Print the effective configuration.
    Print {
        /// As JSON instead of TOML.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
}

pub(super) fn run(arguments: Arguments, path: Option<&Path>) -> Result<(), Failure> {
    let load = || crate::config::load(path).map_err(|error| Failure::Usage(error.to_string()));
    match arguments.command {
        Command::Check => check(&load()?),
        Command::Print { json } => print(&load()?, json),
        Command::Schema => {
            let schema = schemars::schema_for!(Config);
            println!("{}", pretty(&schema)?);
            Ok(())
        }
    }
}

fn check(config: &Config) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for (key, folder) in [("node.data_dir", &config.node.data_dir), ("node.results_dir", &config.node.results_dir)] {
        if let Err(error) = writable(folder) {
            problems.push(format!("{key}: folder {} is not writable: {error}", folder.display()));
        }
    }
    if let Err(error) = std::net::TcpListener::bind(config.node.bind) {
        problems.push(format!("node.bind: {} cannot be bound: {error}", config.node.bind));
    }
    if problems.is_empty() {
        println!("configuration is good");
        Ok(())
    } else {
        Err(Failure::Usage(problems.join("\n")))
    }
}

/// Writes and removes a file in a folder, which is made if it is missing.
fn writable(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".probe-{}", std::process::id()));
    std::fs::File::create(&probe)?.sync_all()?;
    std::fs::remove_file(&probe)
}

fn print(config: &Config, json: bool) -> Result<(), Failure> {
    if json {
        println!("{}", pretty(config)?);
    } else {
        let text = toml::to_string(config)
            .map_err(|error| Failure::in_context("the configuration cannot be written as TOML", &error))?;
        print!("{text}");
    }
    Ok(())
}

fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::work(&error))
}
