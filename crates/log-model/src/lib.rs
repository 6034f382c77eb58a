//! The words every part of Tailwater shares: ids, instants, safe text and entries, with their one JSON form.
//!
//! Values only: no I/O, no clock, no knowledge of who stores or shows them.
//!
//! ```
//! use log_model::{JobId, Seq, Span};
//!
//! let job: JobId = "build-42".parse()?;
//! let page = Span::new(Seq::new(613)?, Seq::new(812)?)?;
//! assert_eq!((job.as_str(), page.len()), ("build-42", 200));
//! # Ok::<(), log_model::Invalid>(())
//! ```
#![forbid(unsafe_code)]

pub mod entry;
mod id;
mod rule;
mod seq;
mod text;
mod time;

pub use crate::entry::{
    Class, Counts, Cut, GapReason, Kind, LogEntry, LogEvent, Masked, Outcome, Recorded, Source, StageState,
};
pub use crate::id::{Fence, Invalid, JobId, Owner, OwnerId, OwnerKind, Phase, WriterId};
pub use crate::rule::RuleId;
pub use crate::seq::{Seq, Span};
pub use crate::text::{SafeStr, SafeText};
pub use crate::time::Timestamp;
