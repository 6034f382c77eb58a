//! The command line: every flag with its environment variable and its help, checked before anything starts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use log_model::JobId;
use settings::LogArgs;

/// Build logs live on one machine: captured, their secrets hidden, followed in a browser.
#[derive(Debug, Parser)]
#[command(name = "tailwater", version, about, max_term_width = 100)]
pub struct Config {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// This program's own log.
    #[command(flatten)]
    pub logs: LogArgs,
}

/// What `tailwater` can do.
#[derive(Debug, Subcommand)]
#[non_exhaustive]
pub enum Verb {
    /// Run a command, keep every line it writes, and show them on a page as they come
    Run(Run),
    /// Serve the page for what was captured before
    Serve(Serve),
    /// List the jobs that were captured
    Jobs(DataArgs),
    /// Print a job's log
    Show(Show),
    /// Send known lines with known fake secrets down the whole road, and count what arrives
    Canary,
    /// Hide secrets in what comes in on standard input, as a capture would
    Redact(Redact),
    /// Writes the canary's lines.
    #[command(hide = true)]
    CanaryLines,
}

/// Where things are kept on this machine.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// The folder everything is kept in
    #[arg(long, env = "TAILWATER_DATA", value_name = "FOLDER", default_value = ".tailwater")]
    pub data: PathBuf,
}

/// `tailwater run`
#[derive(Debug, Args)]
pub struct Run {
    /// Where things are kept.
    #[command(flatten)]
    pub data: DataArgs,
    /// The page's port on 127.0.0.1; 0 takes any free one
    #[arg(long, env = "TAILWATER_PORT", value_name = "PORT", default_value_t = 0)]
    pub port: u16,
    /// The job's name; made up when left out
    #[arg(long, env = "TAILWATER_JOB", value_name = "JOB")]
    pub job: Option<JobId>,
    /// What the command is run for, as in install or dev_server
    #[arg(long, env = "TAILWATER_PHASE", value_name = "PHASE", default_value = "build")]
    pub phase: log_model::Phase,
    /// Run the command on a pseudo-terminal, for tools that need one; its lines all count as standard output
    #[arg(long, env = "TAILWATER_PTY", value_parser = clap::builder::FalseyValueParser::new())]
    pub pty: bool,
    /// Further environment variables whose values are secret; those whose names say so are known without asking
    #[arg(long, env = "TAILWATER_SECRET_ENV", value_name = "NAME", value_delimiter = ',')]
    pub secret_env: Vec<String>,
    /// A file of secrets to hide: one to a line, or NAME=value lines
    #[arg(long, env = "TAILWATER_SECRET_FILE", value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Do not pass the command's output on to this terminal
    #[arg(long, env = "TAILWATER_QUIET", value_parser = clap::builder::FalseyValueParser::new())]
    pub quiet: bool,
    /// The command and its arguments, after --
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub command: Vec<std::ffi::OsString>,
}

/// `tailwater serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Where things are kept.
    #[command(flatten)]
    pub data: DataArgs,
    /// The page's port on 127.0.0.1; 0 takes any free one
    #[arg(long, env = "TAILWATER_PORT", value_name = "PORT", default_value_t = 0)]
    pub port: u16,
}

/// `tailwater show`
#[derive(Debug, Args)]
pub struct Show {
    /// Where things are kept.
    #[command(flatten)]
    pub data: DataArgs,
    /// The job
    pub job: JobId,
    /// Go on until the job has ended
    #[arg(long)]
    pub follow: bool,
}

/// `tailwater redact`
#[derive(Debug, Args)]
pub struct Redact {
    /// Environment variables whose values are secret
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub known_env: Vec<String>,
    /// Read records {"id","text","known":[…]}, write {"id","text","masked":[{"rule","name","count"}]}, a line each
    #[arg(long, conflicts_with = "list_rules")]
    pub jsonl: bool,
    /// Print the table of rules
    #[arg(long)]
    pub list_rules: bool,
}
