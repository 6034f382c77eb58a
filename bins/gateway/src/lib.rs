//! Serves build logs to their owners: live by an event stream, earlier lines by pages.
//!
//! In reading order: [`app`](App) puts the parts together and is the way of every request; `route` reads what is asked
//! and `answer` says what is refused; `access` and `clerk` know who asks; `live` is the stream and `pages` what is not
//! live; `wire` makes their bytes; `limits` keeps the books; `server` and `io` are the connections; `admin` is for the
//! operator; `viewer` the page; `config` the program's settings.
#![forbid(unsafe_code)]

mod access;
mod admin;
mod answer;
mod app;
mod body;
mod chance;
mod clerk;
pub mod config;
mod io;
mod limits;
mod live;
mod pages;
pub mod route;
mod server;
mod viewer;
pub mod wire;

pub use crate::access::{Before, Denied, Gatekeeper, Identity, Key, KeyStatus};
pub use crate::answer::{BadOrigin, Origins, Refusal};
pub use crate::app::{App, Error, Parts, Result, Settings};
pub use crate::body::Body;
pub use crate::clerk::ClerkGatekeeper;
pub use crate::io::Deadlines;
pub use crate::limits::{Full, StreamLimits};
pub use crate::server::{listen, serve};
pub use crate::viewer::CONTENT_SECURITY_POLICY;
