//! `tailwater`: build logs live on one machine.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let config = tailwater::Config::parse();
    settings::start_tracing(config.logs, "warn");
    tailwater::main(config)
}
