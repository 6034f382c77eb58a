//! The settings of `tailwater-capture`: every flag is an environment variable too.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use capture::RunOptions;
use clap::builder::FalseyValueParser;
use clap::{Parser, Subcommand};
use log_model::{JobId, Outcome, Owner, OwnerId, OwnerKind, Phase};
use settings::{LogArgs, StoreArgs, duration, size};

/// Runs a build's commands and records every line they write, without their secrets
#[derive(Debug, Parser)]
#[command(name = "tailwater-capture", version, about)]
pub struct Args {
    /// The program's own log.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Opens a job for its owner, before or without a command
    Open(OpenArgs),
    /// Runs a command, passes its output through, and records it; ends with the command's exit code
    Run(Box<RunArgs>),
    /// Ends a job; where a command is still being recorded, once it is
    End(EndArgs),
    /// Delivers what earlier runs could not, because the store was away
    Flush(FlushArgs),
}

/// Who owns a job.
#[derive(Debug, clap::Args)]
pub struct OwnerArgs {
    /// Who may read the job, as the identity provider names them, as in user_2abc or org_2abc
    #[arg(long, env = "TAILWATER_OWNER", value_name = "ID")]
    pub owner: Option<OwnerId>,
    /// Whether that is a person or an organisation: user or org
    #[arg(long, env = "TAILWATER_OWNER_KIND", value_name = "KIND", default_value = "user")]
    pub owner_kind: OwnerKind,
}

impl OwnerArgs {
    /// The owner, if one is named.
    pub fn owner(&self) -> Option<Owner> {
        self.owner.clone().map(|id| Owner {
            kind: self.owner_kind,
            id,
        })
    }
}

/// Which job.
#[derive(Debug, clap::Args)]
pub struct JobArgs {
    /// The job: 1 to 128 letters, digits, '_', '.' or '-'
    #[arg(long, env = "TAILWATER_JOB", value_name = "ID")]
    pub job: JobId,
}

/// Where lines wait while the store is away.
#[derive(Debug, clap::Args)]
pub struct SpoolArgs {
    /// The folder for lines that wait while the store is away [default: tailwater/spool in the user's state folder]
    #[arg(long, env = "TAILWATER_SPOOL_DIR", value_name = "FOLDER")]
    pub spool_dir: Option<PathBuf>,
}

impl SpoolArgs {
    /// The folder.
    pub fn folder(&self) -> PathBuf {
        self.spool_dir.clone().unwrap_or_else(capture::default_spool_dir)
    }
}

/// Settings of `open`.
#[derive(Debug, clap::Args)]
pub struct OpenArgs {
    /// Where lines live.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Whose.
    #[command(flatten)]
    pub owner: OwnerArgs,
}

/// Settings of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Where lines live.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// Whose: opens the job if nobody has.
    #[command(flatten)]
    pub owner: OwnerArgs,
    /// What the command is run for, as in install or dev_server
    #[arg(long, env = "TAILWATER_PHASE", value_name = "PHASE")]
    pub phase: Option<Phase>,
    /// Gives the command a terminal of its own; its output is one stream then
    #[arg(long, env = "TAILWATER_PTY", value_parser = FalseyValueParser::new())]
    pub pty: bool,
    /// More environment variables whose values are secret; those whose names say so are hidden anyway
    #[arg(long, env = "TAILWATER_SECRET_ENV", value_name = "NAME", value_delimiter = ',')]
    pub secret_env: Vec<String>,
    /// A file of secrets to hide: one to a line, or NAME=value lines
    #[arg(long, env = "TAILWATER_SECRET_FILE", value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// Ends the job when the command ends
    #[arg(long, env = "TAILWATER_END", value_parser = FalseyValueParser::new())]
    pub end: bool,
    /// Keeps the command's output from this program's own
    #[arg(long, env = "TAILWATER_QUIET", value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Where lines wait.
    #[command(flatten)]
    pub spool: SpoolArgs,
    /// How large the file of waiting lines may get; beyond that a gap says how many lines are missing
    #[arg(long, env = "TAILWATER_SPOOL_LIMIT", value_name = "SIZE", value_parser = size, default_value = "1GiB")]
    pub spool_limit: u64,
    /// How long the end waits for the store at most
    #[arg(long, env = "TAILWATER_FLUSH_TIMEOUT", value_name = "DURATION", value_parser = duration, default_value = "30s")]
    pub flush_timeout: Duration,
    /// The command and what it is given
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl RunArgs {
    /// What the capture is told.
    pub fn options(&self) -> RunOptions {
        let mut options = RunOptions::new(self.job.job.clone());
        options.owner = self.owner.owner();
        options.phase = self.phase.clone();
        options.pty = self.pty;
        options.end = self.end;
        options.quiet = self.quiet;
        options.spool_dir = self.spool.folder();
        options.spool_limit = self.spool_limit;
        options.flush_timeout = self.flush_timeout;
        options
    }
}

/// Settings of `end`.
#[derive(Debug, clap::Args)]
pub struct EndArgs {
    /// Where lines live.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Which job.
    #[command(flatten)]
    pub job: JobArgs,
    /// How it ended: succeeded, failed, cancelled, timed_out, lost or abandoned
    #[arg(long, env = "TAILWATER_OUTCOME", value_name = "OUTCOME")]
    pub outcome: Outcome,
    /// The deciding command's exit code, where there was one
    #[arg(long, env = "TAILWATER_EXIT_CODE", value_name = "CODE")]
    pub exit_code: Option<i32>,
}

/// Settings of `flush`.
#[derive(Debug, clap::Args)]
pub struct FlushArgs {
    /// Where lines live.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Only this job's lines
    #[arg(long, env = "TAILWATER_JOB", value_name = "ID")]
    pub job: Option<JobId>,
    /// Where lines wait.
    #[command(flatten)]
    pub spool: SpoolArgs,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_settings_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_run_takes_everything_behind_two_hyphens_as_its_command() {
        let args = Args::try_parse_from([
            "tailwater-capture",
            "run",
            "--store",
            "sqlite:x.sqlite",
            "--job",
            "build-42",
            "--owner",
            "user_ana",
            "--phase",
            "install",
            "--flush-timeout",
            "5s",
            "--spool-limit",
            "8KiB",
            "--end",
            "--",
            "npm",
            "install",
            "--pty",
        ])
        .expect("the flags are right");
        let Verb::Run(run) = args.verb else {
            panic!("the verb is run")
        };
        let options = run.options();
        assert_eq!(run.command, ["npm", "install", "--pty"]);
        assert_eq!(
            (options.spool_limit, options.flush_timeout),
            (8192, Duration::from_secs(5))
        );
        assert!(options.end && !options.pty && !options.quiet);
        assert_eq!(
            options.owner,
            Some(Owner::user(OwnerId::new("user_ana").expect("it is an id")))
        );
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected() {
        let wrong = |flag: &str, value: &str| {
            Args::try_parse_from([
                "tailwater-capture",
                "run",
                "--store",
                "sqlite:x",
                "--job",
                "j",
                flag,
                value,
                "--",
                "true",
            ])
            .expect_err("the value is wrong")
            .to_string()
        };
        assert!(wrong("--phase", "Dev Server").contains("--phase"));
        assert!(wrong("--flush-timeout", "15").contains("unit"));
        assert!(wrong("--owner-kind", "team").contains("user or org"));
    }
}
