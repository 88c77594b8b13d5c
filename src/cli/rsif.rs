//! `resetray rsif validate | schema | show`

use std::path::Path;
use std::path::PathBuf;

use clap::Subcommand;

use super::Failure;
use crate::write::rsif;
use crate::write::validate;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check documents against the public rules and the profile of the node.
    Validate {
        /// RSIF documents.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of the documents.
    Schema,
    /// Print a document as a short table.
    Show {
        /// RSIF document.
        file: PathBuf,
        /// The document as it is.
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Validate { files, json } => validate_all(&files, json),
        Command::Schema => {
            println!("{}", rsif::schema().trim_end());
            Ok(())
        }
        Command::Show { file, json } => {
            let bytes = read(&file)?;
            if json {
                print!("{}", String::from_utf8_lossy(&bytes));
                return Ok(());
            }
            let text = rsif::show(&bytes).map_err(|error| Failure::in_context(file.display(), &error))?;
            print!("{text}");
            Ok(())
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::in_context(file.display(), &error);
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > validate::DOCUMENT_BYTES_MAX as u64 {
        let limit = validate::DOCUMENT_BYTES_MAX;
        return Err(Failure::Work(format!("{}: {size} bytes, at most {limit} are read", file.display())));
    }
    std::fs::read(file).map_err(failed)
}

fn validate_all(files: &[PathBuf], json: bool) -> Result<(), Failure> {
    let mut wrong = 0_usize;
    let mut report = Vec::new();
    for file in files {
        let violations = validate::validate(&read(file)?);
        wrong += usize::from(!violations.is_empty());
        if json {
            let listed: Vec<_> = violations
                .iter()
                .map(|one| serde_json::json!({"path": one.path, "rule": one.rule, "message": one.message}))
                .collect();
            report.push(serde_json::json!({"file": file.display().to_string(), "violations": listed}));
            continue;
        }
        let verdict =
            if violations.is_empty() { "valid".to_owned() } else { format!("{} violations", violations.len()) };
        println!("{}: {verdict}", file.display());
        for one in &violations {
            println!("  {} [{}] {}", one.path, one.rule, one.message);
        }
    }
    if json {
        println!("{}", serde_json::Value::from(report));
    }
    if wrong > 0 { Err(Failure::Work(format!("{wrong} of {} documents are not valid", files.len()))) } else { Ok(()) }
}
