//! A child process in, batches of redacted entries out.
#![forbid(unsafe_code)]

mod ansi;
mod batcher;
mod classify;
mod editor;
mod recorder;
mod row;
mod screen;
mod window;

pub use crate::batcher::{BatchLimits, Batcher};
pub use crate::classify::classify;
pub use crate::recorder::{DISPLAY_LIMIT, QUIET, Recorder, RecorderOptions};
pub use crate::screen::{Line, SCAN_LIMIT, Screen};
