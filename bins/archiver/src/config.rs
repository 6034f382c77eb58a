//! What the archiver is told: flags, environment and help in one place.

use std::time::Duration;

use archiver::{ArchiveUrl, Order, Policy};
use clap::{Args as ClapArgs, Parser, Subcommand};
use log_model::{JobId, Seq};
use settings::{LogArgs, SilenceArgs, StoreArgs, duration};

/// Moves build logs from the recent store to the archive: copies, reads back, compares, and only then forgets
///
/// Without a command it sweeps once, or again and again with --every. The exit code is 0 only if nothing was left undone.
#[derive(Debug, Clone, Parser)]
#[command(name = "tailwater-archiver", version, args_conflicts_with_subcommands = false)]
pub struct Args {
    /// Where both sides are.
    #[command(flatten)]
    pub sides: Sides,
    /// How a sweep decides.
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// How long a job may be without a word.
    #[command(flatten)]
    pub silence: SilenceArgs,
    /// This program's own log.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do instead of sweeping.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Where both sides are.
#[derive(Debug, Clone, ClapArgs)]
pub struct Sides {
    /// The recent store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// Old lines: s3://BUCKET/PREFIX (credentials, region and endpoint by the usual AWS_* variables) or file:///PATH
    #[arg(long, env = "TAILWATER_ARCHIVE", value_name = "URL", hide_env_values = true)]
    pub archive: ArchiveUrl,
}

/// How a sweep decides.
#[derive(Debug, Clone, Copy, ClapArgs)]
pub struct SweepArgs {
    /// A job is copied once it has ended for this long
    #[arg(long, env = "TAILWATER_ARCHIVE_AFTER", value_name = "DURATION", value_parser = duration, default_value = "0s")]
    pub archive_after: Duration,
    /// Lines stay in the recent store for this long, archived or not
    #[arg(long, env = "TAILWATER_RETENTION", value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub retention: Duration,
    /// What a running job has had uncopied for this long is copied, however little it is
    #[arg(long, env = "TAILWATER_SEGMENT_AGE", value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub segment_age: Duration,
    /// The small record of a job whose lines are all archived and forgotten is kept for this long
    #[arg(long, env = "TAILWATER_RECORD_RETENTION", value_name = "DURATION", value_parser = duration, default_value = "30d")]
    pub record_retention: Duration,
    /// Sweep again this long after the last sweep, until told to stop [default: sweep once]
    #[arg(long, env = "TAILWATER_EVERY", value_name = "DURATION", value_parser = interval)]
    pub every: Option<Duration>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval.is_zero() {
        Err("sweeping needs some time in between, as in 1m".to_owned())
    } else {
        Ok(interval)
    }
}

/// What to do instead of sweeping.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Masks one line, or erases a whole job, in the recent store and in the archive
    Purge {
        /// The job
        #[arg(long)]
        job: JobId,
        /// The line to mask; without it, the whole job's text is erased
        #[arg(long, value_parser = line_number)]
        seq: Option<Seq>,
        /// Who asks for it; kept with the log
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why; kept with the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Reads back what is archived and compares it with its checksums and with the recent store
    Verify {
        /// Only this job
        #[arg(long)]
        job: Option<JobId>,
        /// Also mask what the redaction rules of today find in archived lines
        #[arg(long)]
        rescan: bool,
    },
}

fn line_number(text: &str) -> Result<Seq, String> {
    let seq: Seq = text.parse().map_err(|error: log_model::Invalid| error.to_string())?;
    if seq == Seq::ZERO {
        Err("lines are numbered from 1 on".to_owned())
    } else {
        Ok(seq)
    }
}

impl Args {
    /// What the sweep goes by.
    pub fn policy(&self) -> Policy {
        Policy {
            archive_after: self.sweep.archive_after,
            retention: self.sweep.retention,
            segment_age: self.sweep.segment_age,
            record_retention: self.sweep.record_retention,
            silence: self.silence.into(),
            ..Policy::default()
        }
    }
}

impl Command {
    /// The order a purge carries out; none for another command.
    pub fn order(&self) -> Option<Order> {
        match self {
            Self::Purge { job, seq, by, reason } => Some(Order {
                job: job.clone(),
                seq: *seq,
                by: by.clone(),
                why: reason.clone(),
            }),
            Self::Verify { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let common = [
            "tailwater-archiver",
            "--store",
            "sqlite:/tmp/x.db",
            "--archive",
            "file:///tmp/archive",
        ];
        Args::try_parse_from(common.into_iter().chain(line.split_whitespace()))
    }

    #[test]
    fn the_settings_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_as_documented() {
        const DAY: u64 = 86_400;
        let policy = parse("").expect("the defaults").policy();
        let all = [
            policy.archive_after,
            policy.retention,
            policy.segment_age,
            policy.record_retention,
        ];
        assert_eq!(all.map(|setting| setting.as_secs()), [0, DAY, 3600, 30 * DAY]);
        assert_eq!(policy.silence, stream_store::Silence::default());
        assert_eq!(parse("").expect("the defaults").sweep.every, None);
    }

    #[test]
    fn commands_are_as_documented() {
        for good in [
            "--every 1m",
            "purge --job j1 --by op --reason leak",
            "purge --job j1 --seq 7 --by op --reason leak",
            "verify",
            "verify --job j1 --rescan",
            "--log-format json verify",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "--every 0s",
            "--every 15",
            "purge --job j1",
            "purge --job j1 --by op",
            "purge --job j1 --seq 0 --by op --reason leak",
            "purge --job a/b --by op --reason leak",
            "verify --job ..",
            "sweep",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
