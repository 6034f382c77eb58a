//! Masks secrets in build output before anything is stored.
//!
//! A [`Redactor`] holds the rules and the job's own known values and is shared; a [`Scrubber`] holds the state of one
//! output stream, because a private key spans lines. Names stay and values go: `password=[REDACTED]`.
//!
//! ```
//! let redactor = redact::Redactor::builder().known_secret("hunter2hunter2").build()?;
//! let line = redactor.scrubber().scrub("logged in with hunter2hunter2");
//! assert_eq!(line.text.as_str(), "logged in with [REDACTED]");
//! assert_eq!(line.masked[0].rule.human_name(), "Known value");
//! # Ok::<(), redact::Error>(())
//! ```
//!
//! Whoever has many lines at once gives them to [`Scrubber::scrub_lines`], which is several times as fast: one pass finds
//! the few of them that deserve a look.
//!
//! The road of one line: `view` undoes escapes that could hide a secret; `gate` finds, in one cheap pass, the few places
//! where a matcher must look; `shape`, `names`, `address`, `header`, `command`, `login`, `hashed`, `keyblock` and `known` look there and
//! report spans (`chance` says what was drawn by chance, `argv` writes lists of arguments down as commands), and `carry` what a name on the line before says; `span` merges them and cuts once. Each of these is linear in the length of the line.
#![forbid(unsafe_code)]

mod address;
mod argv;
mod carry;
mod chance;
mod checksum;
mod command;
mod custom;
mod engine;
mod error;
mod gate;
mod hashed;
mod header;
mod joint;
mod keyblock;
mod known;
mod login;
mod name;
mod names;
mod pairs;
mod prefix;
mod redactor;
mod repeats;
mod rules;
mod scrubber;
mod shape;
mod span;
mod typical;
mod value;
mod view;

pub use crate::custom::CustomRule;
pub use crate::error::Error;
pub use crate::known::Registered;
pub use crate::name::names_a_secret;
pub use crate::redactor::{Redactor, RedactorBuilder, RuleInfo, system_text};
pub use crate::rules::Group;
pub use crate::scrubber::{Scrubbed, ScrubbedLine, Scrubber};

/// What stands where a secret stood.
pub const MASK: &str = "[REDACTED]";
