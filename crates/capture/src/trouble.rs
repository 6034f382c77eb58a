//! Why lines could not be kept on disk, in words for the person who can do something about it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::spool::Refused;

/// Why lines could not be kept on disk while they waited.
///
/// Displayed, it says what is full or broken and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolTrouble {
    /// The spool is as large as it may get, in bytes.
    Limit(u64),
    /// The disk with this folder is full, or its user's share of it.
    DiskFull(PathBuf),
    /// This folder takes no file, or its disk does not answer in time.
    Unusable(PathBuf, io::ErrorKind),
}

impl SpoolTrouble {
    pub(crate) fn of(refused: &Refused, folder: &Path, limit: u64) -> Self {
        match refused {
            Refused::Full => Self::Limit(limit),
            Refused::Disk(error) => Self::of_disk(error, folder),
        }
    }

    pub(crate) fn of_disk(error: &io::Error, folder: &Path) -> Self {
        match error.kind() {
            // Either a disk's end or that of a user's share; a limit on one file's size is for the same person to raise.
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(folder.to_owned()),
            kind => Self::Unusable(folder.to_owned(), kind),
        }
    }

    /// Whether it may pass while the store is still away.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, Self::Limit(_))
    }
}

impl fmt::Display for SpoolTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(bytes) => write!(
                f,
                "the file of waiting lines reached its limit of {bytes} bytes: allow more with --spool-limit"
            ),
            Self::DiskFull(folder) => write!(
                f,
                "the disk with {} is full: make room on it, or name another folder with --spool-dir",
                folder.display()
            ),
            Self::Unusable(folder, kind) => write!(
                f,
                "no lines can be kept in {} ({kind}): name another folder with --spool-dir",
                folder.display()
            ),
        }
    }
}
