//! What can go wrong beside the build itself.

use std::io;

/// What a capture could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused or did not answer.
    #[error(transparent)]
    Store(#[from] stream_store::Error),
    /// The folder or a file of spools cannot be used.
    #[error("the spool cannot be used")]
    Spool(#[source] io::Error),
    /// The system gave no pipe, pseudo-terminal or signal.
    #[error("the system gave no {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
}

/// The result of a capture's work.
pub type Result<T, E = Error> = std::result::Result<T, E>;
