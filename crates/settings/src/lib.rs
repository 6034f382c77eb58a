//! What every Tailwater program asks in the same words: stores, durations, sizes, rates and the log's format.
//!
//! A flag and its environment variable are the same setting twice: `--stream-lease` is `TAILWATER_STREAM_LEASE`. A
//! library takes plain structs; only programs depend on this crate.
//!
//! ```
//! use std::time::Duration;
//! assert_eq!(settings::duration("15s"), Ok(Duration::from_secs(15)));
//! assert_eq!(settings::size("8KiB"), Ok(8192));
//! assert!(settings::duration("15").is_err(), "a duration needs its unit");
//! ```
#![forbid(unsafe_code)]

mod logs;
mod reading;
mod sentence;
mod stores;
mod values;

pub use crate::logs::{LogArgs, LogFormat, start_tracing};
pub use crate::reading::read;
pub use crate::sentence::sentence;
pub use crate::stores::{ArchiveArgs, SilenceArgs, StoreArgs};
pub use crate::values::{Rate, duration, rate, size};
