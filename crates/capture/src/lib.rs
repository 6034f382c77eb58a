//! A child process in, batches of redacted entries out.
//!
//! Bytes become clean lines ([`Screen`]), lines become entries without secrets ([`Recorder`]), entries become batches
//! ([`Batcher`]), and batches reach the store once and in order, or wait on disk until they can. [`run`] does all of it
//! for a command; [`Capture`] for whoever gets output in some other way, as from a remote sandbox; [`flush`] delivers
//! what earlier runs left behind.
//!
//! The build waits only for our own work and the local disk, never for the network, and never fails because of the log.
//!
//! ```
//! use capture::{Recorder, RecorderOptions};
//! use log_model::{LogEvent, Source, Timestamp};
//!
//! let redactor = redact::Redactor::builder().build()?;
//! let mut recorder = Recorder::new(redactor.scrubber(), Source::Stdout, RecorderOptions::default());
//! let mut entries = Vec::new();
//! recorder.push(b"building 10%\rbuilding 100%\n", Timestamp::from_millis(1), &mut entries);
//! let LogEvent::Line { text, .. } = &entries[0].event else { panic!("a line makes a line") };
//! assert_eq!(text.as_str(), "building 100%");
//! # Ok::<(), redact::Error>(())
//! ```
#![forbid(unsafe_code)]

mod ansi;
mod block;
mod row;
mod width;

mod editor;
mod settle;
mod under;
mod window;

mod screen;

mod classify;
mod moments;
mod recorder;

mod batcher;
mod spool;
mod store;

mod disk;
mod gaps;
mod outbox;
mod tail;
mod trouble;

mod calls;
mod delivery;
mod kept;
mod leftover;
mod writer;

mod handle;

mod child;
mod run;
mod through;

mod error;

pub use crate::batcher::{BatchLimits, Batcher};
pub use crate::child::{Command, Exit};
pub use crate::classify::classify;
pub use crate::error::{Error, Result};
pub use crate::handle::{Capture, CaptureOptions, Report};
pub use crate::leftover::{Flushed, flush};
pub use crate::recorder::{DISPLAY_LIMIT, QUIET, Recorder, RecorderOptions};
pub use crate::run::{RunOptions, RunReport, run};
pub use crate::screen::{Line, SCAN_LIMIT, Screen};
pub use crate::spool::{SpoolHeader, SpoolProgress, SpoolReader, SpoolRecord};
pub use crate::store::StoreSource;
pub use crate::trouble::SpoolTrouble;
pub use crate::writer::default_spool_dir;
