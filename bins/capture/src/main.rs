//! `tailwater-capture`: runs a command and records every line it writes.

use std::process::ExitCode;

fn main() -> ExitCode {
    match settings::read() {
        Ok(args) => tailwater_capture::main(args),
        Err(code) => code,
    }
}
