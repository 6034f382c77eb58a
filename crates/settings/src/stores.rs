//! Where the lines live, and how long a job may be without a word.

use std::time::Duration;

use archiver::ArchiveUrl;
use clap::Args;
use stream_store::{Silence, StoreUrl};

use crate::values::duration;

/// Where live and recent lines live.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Live and recent lines: redis://, rediss://, redis-cluster://, redis-sentinel://HOST/?service=NAME, or sqlite:PATH
    #[arg(long, env = "TAILWATER_STORE", value_name = "URL", hide_env_values = true)]
    pub store: StoreUrl,
}

/// Where old lines live.
#[derive(Debug, Clone, Args)]
pub struct ArchiveArgs {
    /// Old lines: s3://BUCKET/PREFIX (credentials, region and endpoint by the usual AWS_* variables) or file:///PATH
    #[arg(long, env = "TAILWATER_ARCHIVE", value_name = "URL", hide_env_values = true)]
    pub archive: Option<ArchiveUrl>,
}

/// How long a job may be without a word.
#[derive(Debug, Clone, Copy, Args)]
pub struct SilenceArgs {
    /// A writer unheard of for this long makes its job silent
    #[arg(long, env = "TAILWATER_SILENT_AFTER", value_name = "DURATION", value_parser = duration, default_value = "60s")]
    pub silent_after: Duration,
    /// A job silent for this long has ended as lost
    #[arg(long, env = "TAILWATER_LOST_AFTER", value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub lost_after: Duration,
    /// A job that nobody writes to for this long has ended as abandoned
    #[arg(long, env = "TAILWATER_ABANDON_AFTER", value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub abandon_after: Duration,
}

impl From<SilenceArgs> for Silence {
    fn from(args: SilenceArgs) -> Self {
        Self {
            silent_after: args.silent_after,
            lost_after: args.lost_after,
            abandon_after: args.abandon_after,
        }
    }
}
