//! What the questions about speed share: build output to ask about, and a fair race.
//!
//! A file of `benches/` is one question, stated in its first line. A figure of one machine on one day says little, so the
//! answer is a ratio against a limit or a peer that runs in turns with it; see [`race`].
#![forbid(unsafe_code)]

pub mod output;
pub mod race;
pub mod redis;
