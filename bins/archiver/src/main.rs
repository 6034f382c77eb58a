//! Moves logs from the recent store to object storage. See the library of this package.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use tailwater_archiver::config::Args;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Args = match settings::read() {
        Ok(args) => args,
        Err(code) => return code,
    };
    settings::start_tracing(args.log, "info");
    tailwater_archiver::run(args, tailwater_archiver::asked_to_stop()).await
}
