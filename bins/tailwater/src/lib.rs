//! Build logs live on one machine: everything in one process, over SQLite and a folder, with nothing to install.
//!
//! A file a verb: [`run`] captures a command and serves its page, [`serve`] shows what was captured before, [`jobs`] and
//! [`show`] do so in the terminal, [`canary`] proves the whole road, [`redact`] tries the redaction alone.
#![forbid(unsafe_code)]

pub mod canary;
pub mod config;
pub mod data;
mod error;
pub mod jobs;
pub mod page;
pub mod redact;
pub mod run;
pub mod serve;
pub mod show;
pub mod sign_in;

use std::process::ExitCode;

pub use crate::config::Config;
pub use crate::error::Error;

use crate::config::Verb;

/// Does what the command line asks for, and says what went wrong in a sentence.
pub fn main(config: Config) -> ExitCode {
    // Everything but `redact` and the canary's lines waits for several things at once.
    let done = match config.verb {
        Verb::Redact(args) => redact::redact(&args),
        Verb::CanaryLines => canary::write_lines(),
        verb => match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(asynchronous(verb)),
            Err(source) => Err(Error::Output(source)),
        },
    };
    match done {
        Ok(code) => code,
        // Whoever reads our output has seen enough, as in `tailwater show j | head`.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tailwater: {}", settings::sentence(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

async fn asynchronous(verb: Verb) -> Result<ExitCode, Error> {
    match verb {
        Verb::Run(args) => run::run(args).await,
        Verb::Serve(args) => serve::serve(&args).await.map(|()| ExitCode::SUCCESS),
        Verb::Jobs(args) => jobs::jobs(&args).await.map(|()| ExitCode::SUCCESS),
        Verb::Show(args) => show::show(&args).await.map(|()| ExitCode::SUCCESS),
        Verb::Canary => canary::canary().await,
        Verb::Redact(args) => redact::redact(&args),
        Verb::CanaryLines => canary::write_lines(),
    }
}
