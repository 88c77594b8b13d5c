//! Arguments to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    resetray::cli::run(std::env::args_os())
}
