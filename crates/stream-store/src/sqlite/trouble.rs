//! What SQLite says went wrong, as what the caller can do about it.

use std::path::Path;

use log_model::entry::DecodeError;
use rusqlite::ErrorCode;

use crate::store::Error;

/// Errors while the store is in use.
pub(super) fn in_use(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged {
            what: "SQLite found the file malformed".to_owned(),
        },
        _ => Error::Unavailable {
            source: Box::new(error),
        },
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        in_use(error)
    }
}

/// Errors while the file is being opened: what can be mended by naming another file, or mending this one, says so.
pub(super) fn on_opening(path: &Path, error: Error) -> Error {
    let Error::Unavailable { source } = &error else {
        return match error {
            Error::Damaged { .. } => not_a_log(path),
            other => other,
        };
    };
    match source
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code)
    {
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => cannot_write(path),
        _ => error,
    }
}

/// The file, or the folder that SQLite keeps its two companions in, does not let itself be written.
pub(super) fn cannot_write(path: &Path) -> Error {
    setting(format!(
        "the log file {} cannot be written: it and its folder must be writable by this user",
        path.display()
    ))
}

/// The file is something else.
pub(super) fn not_a_log(path: &Path) -> Error {
    setting(format!(
        "{} is not a log file of Tailwater: name another file, or one that does not exist yet",
        path.display()
    ))
}

/// A file system's own words.
pub(super) fn file_system(path: &Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Error::Full,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => cannot_write(path),
        ErrorKind::NotFound | ErrorKind::NotADirectory => setting(format!(
            "the folder of the log file {} does not exist: create it, or name another file",
            path.display()
        )),
        ErrorKind::IsADirectory => setting(format!("{} is a folder: the log needs a file", path.display())),
        _ => Error::Unavailable {
            source: Box::new(error),
        },
    }
}

pub(super) fn setting(problem: String) -> Error {
    Error::Setting { problem }
}

/// A stored record that is not one.
pub(super) fn bad_record(error: serde_json::Error) -> Error {
    Error::Damaged {
        what: format!("a job's record cannot be read (column {})", error.column()),
    }
}

/// A stored entry that is not one.
pub(super) fn bad_entry(error: DecodeError) -> Error {
    Error::Damaged {
        what: error.to_string(),
    }
}
