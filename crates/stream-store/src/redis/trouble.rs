//! What the client library says went wrong, as what the caller can do about it.

use fred::error::ErrorKind;

use crate::store::Error;

/// The client's own words, without anything that could be a log's text or a password.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Words(String);

pub(super) fn in_use(error: fred::error::Error) -> Error {
    let details = error.details();
    // MISCONF: snapshots cannot be written, so the server takes no more; almost always a full disk.
    if details.starts_with("OOM") || details.starts_with("MISCONF") {
        return Error::Full;
    }
    if details.starts_with("ERR") && details.contains("user_script") {
        return Error::Damaged {
            what: format!("a script stopped: {}", words(details)),
        };
    }
    Error::Unavailable {
        source: Box::new(Words(format!("{}: {}", error.kind().to_str(), words(details)))),
    }
}

/// Errors while the first connection is made: what mending the setting would cure says so.
pub(super) fn on_connecting(error: &fred::error::Error, place: &impl std::fmt::Display) -> Option<Error> {
    let refused = matches!(error.kind(), ErrorKind::Auth) || error.details().starts_with("NOPERM");
    if refused {
        return Some(setting(format!(
            "the store at {place} refuses the user or the password"
        )));
    }
    matches!(error.kind(), ErrorKind::Config | ErrorKind::Tls).then(|| {
        setting(format!(
            "the store at {place} cannot be used as it is set up: {}",
            words(error.details())
        ))
    })
}

pub(super) fn setting(problem: String) -> Error {
    Error::Setting { problem }
}

/// A job's record is gone that was there a moment ago.
pub(super) fn forgotten() -> Error {
    Error::Unavailable {
        source: Box::new(Words("the server no longer knows the job".to_owned())),
    }
}

/// Servers quote the arguments of a command they do not know, which may be lines.
fn words(details: &str) -> &str {
    let end = details
        .find(", with args")
        .or_else(|| details.find('`'))
        .unwrap_or(details.len());
    &details[..details.floor_char_boundary(end.min(200))]
}

#[cfg(test)]
mod tests {
    use fred::error::Error as Fred;

    use super::*;

    #[test]
    fn no_room_is_told_apart_from_no_answer() {
        for (details, full) in [
            ("OOM command not allowed when used memory > 'maxmemory'.", true),
            ("MISCONF Redis is configured to save RDB snapshots", true),
            (
                "READONLY You can't write against a read only replica. script: x, on @user_script:1.",
                false,
            ),
            ("Request timed out.", false),
        ] {
            let error = in_use(Fred::new(ErrorKind::Unknown, details));
            assert_eq!(matches!(error, Error::Full), full, "{details}");
            assert_eq!(matches!(error, Error::Unavailable { .. }), !full, "{details}");
        }
    }

    #[test]
    fn a_line_never_comes_back_in_an_error() {
        let details = "ERR unknown command 'XADD', with args beginning with: 'the line'";
        let Error::Unavailable { source } = in_use(Fred::new(ErrorKind::Unknown, details)) else {
            panic!("unavailable")
        };
        assert!(!source.to_string().contains("the line"), "{source}");
    }
}
