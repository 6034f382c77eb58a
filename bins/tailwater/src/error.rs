//! What can go wrong, each in a sentence that names the thing and the next step.

use std::path::PathBuf;

use log_model::JobId;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data folder cannot be made or entered.
    #[error("the folder {} cannot be used; name another one with --data", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's own words.
        #[source]
        source: std::io::Error,
    },
    /// Nothing was captured in this folder.
    #[error("nothing was captured in {} yet; capture something with: tailwater run -- COMMAND", folder.display())]
    NothingHere {
        /// The folder.
        folder: PathBuf,
    },
    /// No job of that name.
    #[error("there is no job {job} here; tailwater jobs lists them")]
    NoSuchJob {
        /// The name.
        job: JobId,
    },
    /// A job of that name is over; it cannot be written to again.
    #[error("the job {job} has ended already; choose another name, or leave --job out")]
    JobEnded {
        /// The name.
        job: JobId,
    },
    /// The page's port is taken, or not allowed.
    #[error("the page cannot be served on port {port}; choose another with --port, or 0 for any")]
    Port {
        /// The port asked for.
        port: u16,
        /// The system's own words.
        #[source]
        source: std::io::Error,
    },
    /// A setting's value cannot be used.
    #[error("{problem}")]
    Setting {
        /// What is wrong and what was expected; no value that may be secret.
        problem: String,
    },
    /// The recent store's own error.
    #[error("the log cannot be kept or read")]
    Store(#[from] stream_store::Error),
    /// The archive's own error.
    #[error("the archive cannot be used")]
    Archive(#[from] archiver::Error),
    /// The gateway's own error.
    #[error("the page cannot be served")]
    Gateway(#[from] tailwater_gateway::Error),
    /// The capture's own error.
    #[error("the command cannot be captured")]
    Capture(#[from] capture::Error),
    /// The secrets to hide cannot be read.
    #[error(transparent)]
    Secrets(#[from] tailwater_capture::Error),
    /// The redactor's own error.
    #[error("the secrets to hide cannot be used")]
    Redact(#[from] ::redact::Error),
    /// Standard input or output failed.
    #[error("reading or writing failed")]
    Output(#[from] std::io::Error),
}

impl Error {
    /// 2 for what the caller set wrong, 1 for what failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Setting { .. } | Self::NoSuchJob { .. } | Self::NothingHere { .. } | Self::JobEnded { .. } => 2,
            Self::Folder { .. } | Self::Port { .. } | Self::Secrets(tailwater_capture::Error::Setting(_)) => 2,
            _ => 1,
        }
    }
}
