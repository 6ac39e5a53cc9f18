//! The command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    evolvent::cli::app().run()
}
