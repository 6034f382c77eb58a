//! `tailwater`: build logs live on one machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    let config: tailwater::Config = match settings::read() {
        Ok(config) => config,
        Err(code) => return code,
    };
    settings::start_tracing(config.logs, "warn");
    tailwater::main(config)
}
