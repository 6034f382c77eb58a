//! Names that come from outside, each a newtype with one fallible constructor: nobody re-checks.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A value that does not have the form its type promises.
///
/// The offending value is not repeated: it may be long, hostile or secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {expected}")]
pub struct Invalid {
    what: &'static str,
    expected: &'static str,
}

impl Invalid {
    pub(crate) const fn new(what: &'static str, expected: &'static str) -> Self {
        Self { what, expected }
    }
}

/// Writes a newtype over `Arc<str>` whose text satisfies one predicate: cheap to clone, checked once.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the form described on the type.
            ///
            /// # Errors
            /// [`Invalid`] when `text` does not have that form.
            pub fn new(text: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err(Invalid::new($what, $expected)) }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Invalid;
            fn try_from(text: String) -> Result<Self, Invalid> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }
    };
}

fn all(text: &str, longest: usize, allowed: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(allowed)
}

name_type!(
    /// A job: `[A-Za-z0-9_.-]{1,128}`, and neither `.` nor `..`, which would be folders in an archive.
    JobId, "a job id", "1 to 128 letters, digits, '_', '.' or '-'",
    |t| all(t, 128, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) && t != "." && t != ".."
);

name_type!(
    /// Who a job belongs to, as the identity provider names them: `[A-Za-z0-9_]{1,128}`, as in `user_2abc`.
    OwnerId, "an owner", "1 to 128 letters, digits or '_', as in user_2abc",
    |t| all(t, 128, |b| b.is_ascii_alphanumeric() || b == b'_')
);

name_type!(
    /// What a command was run for, as in `install` or `dev_server`: `[a-z0-9_]{1,32}`.
    Phase, "a phase", "1 to 32 lower-case letters, digits or '_', as in dev_server",
    |t| all(t, 32, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
);

name_type!(
    /// One writer of one job, for as long as its unsent lines live: `[A-Za-z0-9_-]{1,64}`.
    ///
    /// A run makes one up and keeps it in its spool's header, so that whoever delivers the spool later writes under
    /// the same name and batch numbers, and nothing lands twice.
    WriterId, "a writer id", "1 to 64 letters, digits, '_' or '-'",
    |t| all(t, 64, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
);

/// Counts how often a writer's slot was taken; a batch with an older fence is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence(pub u64);

/// Whether a person or an organisation owns a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnerKind {
    /// A person: the token's `sub`.
    #[default]
    User,
    /// An organisation: the token's active organisation.
    Org,
}

impl OwnerKind {
    /// `user` or `org`, the form of settings, Redis and manifests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Org => "org",
        }
    }
}

impl FromStr for OwnerKind {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "user" => Ok(Self::User),
            "org" => Ok(Self::Org),
            _ => Err(Invalid::new("an owner kind", "user or org")),
        }
    }
}

/// The one who may read a job: set when the job is opened, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Person or organisation.
    pub kind: OwnerKind,
    /// The provider's id for them.
    pub id: OwnerId,
}

impl Owner {
    /// A job owned by a person.
    pub fn user(id: OwnerId) -> Self {
        Self {
            kind: OwnerKind::User,
            id,
        }
    }

    /// A job owned by an organisation.
    pub fn org(id: OwnerId) -> Self {
        Self {
            kind: OwnerKind::Org,
            id,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_are_1_to_128_of_letters_digits_and_three_marks() {
        for good in ["a", "build-42", "A.b_C-9", &"x".repeat(128)] {
            assert!(JobId::new(good).is_ok(), "{good}");
        }
        for bad in ["", " ", ".", "..", "a/b", "a{b}", "ä", "a b", "a\n", &"x".repeat(129)] {
            assert!(JobId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn phases_are_lower_case_words() {
        for good in ["install", "dev_server", "e2e"] {
            assert!(Phase::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Install", "dev server", "dev-server", &"x".repeat(33)] {
            assert!(Phase::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_invalid_name_is_not_repeated_in_its_error() {
        let error = JobId::new("p@ssw0rd!").expect_err("it has marks that are not allowed");
        assert_eq!(
            error.to_string(),
            "a job id must be 1 to 128 letters, digits, '_', '.' or '-'"
        );
    }
}
