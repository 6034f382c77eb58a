//! Where an archive is, as an operator writes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::Error;

/// Where an archive is: `s3://bucket/prefix`, or `file:///path` for a folder.
///
/// Credentials, region and endpoint of a bucket come from the usual `AWS_*` variables and never stand in the address,
/// so an address may be shown and logged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ArchiveUrl(Place);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Bucket { bucket: String, prefix: String },
    Folder(PathBuf),
}

impl ArchiveUrl {
    /// An archive in a folder, made when it is not there yet.
    ///
    /// # Errors
    /// [`Error::Setting`] when `path` is not absolute.
    pub fn folder(path: &Path) -> Result<Self, Error> {
        if path.is_absolute() {
            Ok(Self(Place::Folder(path.to_owned())))
        } else {
            Err(setting(
                "an archive's folder must be an absolute path, as in file:///var/lib/tailwater/archive",
            ))
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0
    }
}

impl FromStr for ArchiveUrl {
    type Err = Error;

    /// # Errors
    /// [`Error::Setting`] with what was expected; the text itself, which may hold a password, is not repeated.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            if !is_bucket(bucket) {
                return Err(setting(
                    "a bucket's name is 3 to 63 lower-case letters, digits, '.' or '-', as in s3://my-logs/prod; credentials come from the AWS_* variables",
                ));
            }
            let prefix = prefix.trim_end_matches('/');
            if !prefix.is_empty() && !prefix.split('/').all(is_part) {
                return Err(setting(
                    "a bucket's prefix is made of letters, digits, '_', '.' or '-', joined by single slashes, as in s3://my-logs/prod",
                ));
            }
            return Ok(Self(Place::Bucket {
                bucket: bucket.to_owned(),
                prefix: prefix.to_owned(),
            }));
        }
        if text.starts_with("file://") {
            let path = url::Url::parse(text)
                .ok()
                .filter(|url| url.query().is_none() && url.fragment().is_none());
            let path = path.and_then(|url| url.to_file_path().ok());
            let path = path.ok_or_else(|| setting("a folder is given as file:///path, with three slashes"))?;
            return Self::folder(&path);
        }
        Err(setting("an archive is s3://bucket/prefix or file:///path"))
    }
}

impl fmt::Display for ArchiveUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Place::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Place::Folder(path) => match url::Url::from_file_path(path) {
                Ok(url) => f.write_str(url.as_str()),
                Err(()) => write!(f, "file://{}", path.display()),
            },
        }
    }
}

fn setting(problem: &str) -> Error {
    Error::Setting {
        problem: problem.to_owned(),
    }
}

fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        && !name.starts_with(['.', '-'])
        && !name.ends_with(['.', '-'])
        && !name.contains("..")
}

fn is_part(part: &str) -> bool {
    !part.is_empty()
        && part != "."
        && part != ".."
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_is_shown() {
        for text in [
            "s3://my-logs",
            "s3://my-logs/prod",
            "s3://my-logs/a/b.c_d-e",
            "file:///var/lib/archive",
            "file:///a%20b",
        ] {
            let url: ArchiveUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), text);
        }
        assert_eq!(
            "s3://my-logs/prod/".parse::<ArchiveUrl>().expect("fine").to_string(),
            "s3://my-logs/prod"
        );
    }

    #[test]
    fn a_mistake_says_what_was_expected_and_repeats_nothing() {
        for bad in [
            "",
            "x",
            "s3://",
            "s3://My",
            "s3://key:hush@b/p",
            "s3://logs/a//b",
            "s3://logs/../x",
            "file://relative/hush",
            "file:rel",
            "http://hush",
        ] {
            let error = bad.parse::<ArchiveUrl>().expect_err(bad).to_string();
            assert!(
                !error.contains("hush") && error.contains("as in") | error.contains("file:///"),
                "{bad}: {error}"
            );
        }
    }
}
