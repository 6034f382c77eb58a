//! What can go wrong between the two sides, by what the caller can do about it.

use log_model::JobId;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The recent store's own error. [`NoSuchJob`](Error::NoSuchJob) and [`Erased`](Error::Erased) never hide in here.
    #[error("the recent store failed")]
    Store(#[source] stream_store::Error),
    /// The archive could not be reached or did not answer in time; asking again is safe.
    #[error("the archive did not answer")]
    Unavailable {
        /// The client's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The archive refused the credentials or the permission they carry.
    #[error("the archive refused access")]
    Denied {
        /// The client's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the archive or the recent store holds contradicts itself. Asking again gives the same answer.
    #[error("the data is damaged: {what}")]
    Damaged {
        /// What was found, without any text of the log.
        what: String,
    },
    /// Another archiver wrote this job's next manifest; nothing of the job is lost, the next sweep goes on.
    #[error("another archiver was faster with job {job}")]
    Overtaken {
        /// The job.
        job: JobId,
    },
    /// Neither side knows the job.
    #[error("there is no such job")]
    NoSuchJob,
    /// The job's text was erased.
    #[error("the job's log was erased")]
    Erased,
    /// The archive cannot be used as it was set up, or was asked for something it does not do.
    #[error("{problem}")]
    Setting {
        /// What is wrong and what was expected, fit for the person who set it.
        problem: String,
    },
}

/// The result of asking either side.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    /// Whether trying the same again later may help: somebody did not answer, or somebody else was faster.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Unavailable { .. }
                | Self::Overtaken { .. }
                | Self::Store(
                    stream_store::Error::Unavailable { .. } | stream_store::Error::Claimed | stream_store::Error::Full
                )
        )
    }
}

impl From<stream_store::Error> for Error {
    fn from(error: stream_store::Error) -> Self {
        match error {
            stream_store::Error::NoSuchJob => Self::NoSuchJob,
            stream_store::Error::Erased => Self::Erased,
            error => Self::Store(error),
        }
    }
}
