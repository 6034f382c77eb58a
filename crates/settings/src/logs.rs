//! How a program speaks of itself: tracing to standard error, as text or as JSON.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// The form of a program's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// A line a person reads.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Settings of a program's own log.
#[derive(Debug, Clone, Copy, Args)]
pub struct LogArgs {
    /// The form of this program's own log, on standard error; RUST_LOG says how much of it
    #[arg(long, env = "TAILWATER_LOG_FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
}

/// Starts the program's own log on standard error. `quiet_level` holds where `RUST_LOG` says nothing.
///
/// A second call in one process changes nothing.
pub fn start_tracing(args: LogArgs, quiet_level: &str) {
    let filter = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(wanted) if !wanted.is_empty() => EnvFilter::try_new(&wanted).unwrap_or_else(|error| {
            eprintln!("warning: RUST_LOG is not understood, so it is taken as {quiet_level}: {error}");
            EnvFilter::new(quiet_level)
        }),
        _ => EnvFilter::new(quiet_level),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _already_started = match args.log_format {
        LogFormat::Text => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
