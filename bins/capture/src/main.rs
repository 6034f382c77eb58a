//! `tailwater-capture`: runs a command and records every line it writes.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tailwater_capture::main(tailwater_capture::config::Args::parse())
}
