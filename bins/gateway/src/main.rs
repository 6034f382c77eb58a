//! The gateway: see the library for its parts.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    tailwater_gateway::config::main()
}
