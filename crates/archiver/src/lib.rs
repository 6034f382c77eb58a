//! The old log: segments and manifests in object storage, the sweep that fills them, and the seam between recent and
//! old.
//!
//! An [`Archive`] is a bucket or a folder. [`sweep`] copies what a recent store holds into it, reads it back, compares,
//! and only then lets the store forget. [`History`] answers for both sides, so that nobody who reads a log needs to know
//! where the sweep has got to. [`purge`] masks a line or erases a job on both.
//!
//! ```
//! let url: archiver::ArchiveUrl = "s3://my-logs/prod".parse()?;
//! assert_eq!(url.to_string(), "s3://my-logs/prod");
//! # Ok::<(), archiver::Error>(())
//! ```
#![forbid(unsafe_code)]

mod archive;
mod claim;
mod digest;
mod error;
mod history;
mod layout;
pub mod manifest;
mod old;
mod places;
mod purge;
mod search;
pub mod segment;
mod sweep;
#[cfg(test)]
mod tests;
mod url;
mod verify;

pub use crate::archive::{Archive, Probe, S3Options};
pub use crate::digest::Digest;
pub use crate::error::{Error, Result};
pub use crate::history::{Cursor, Found, History, Page, PageSize, Storage, Walk};
pub use crate::manifest::Manifest;
pub use crate::purge::{Order, Purged, purge};
pub use crate::search::{QUERY_BYTES, Query, SCANNED};
pub use crate::sweep::{Policy, Stop, Swept, sweep, sweep_until};
pub use crate::url::ArchiveUrl;
pub use crate::verify::{Verified, verify};

/// A name nobody else has: 16 hexadecimal digits.
pub(crate) fn random_name() -> String {
    let number = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
    format!("{number:016x}")
}
