//! The recent log of a job: one trait, a Redis store, a SQLite store, and the hub that lets many listeners share one
//! follower.
#![forbid(unsafe_code)]

#[cfg(feature = "conformance")]
pub mod conformance;
mod connect;
mod hub;
mod known;
mod record;
mod redis;
mod sqlite;
mod store;
mod url;

pub use crate::connect::connect;
pub use crate::hub::{Hub, HubOptions, Item, Subscription};
pub use crate::known::Known;
pub use crate::record::{Ending, Erasure, JobRecord, PhaseRecord, State, WriterRecord};
pub use crate::redis::RedisStore;
pub use crate::sqlite::SqliteStore;
pub use crate::store::{
    Appended, Batch, Change, Claim, Due, Ended, Error, JobPage, ListCursor, LogStore, Result, Silence, Writer,
};
pub use crate::url::StoreUrl;

use std::time::Duration;

/// How often a writer renews its lease.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(10);

/// How many entries one [`LogStore::read`] returns at most.
pub const READ_LIMIT: u64 = 1000;
