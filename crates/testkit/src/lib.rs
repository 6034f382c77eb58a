//! Real servers, builders and strategies for tests; never shipped.
//!
//! A server has a directory and a free port of its own and is gone when its handle is dropped. A program that is
//! missing is a clear failure that names it and the script that installs it, never a silent skip.
#![forbid(unsafe_code)]

pub mod browser;
pub mod builders;
pub mod clerk;
pub mod program;
pub mod proxy;
pub mod recordings;
pub mod redis;
pub mod s3;
pub mod strategies;
pub mod tokens;
pub mod workspace;
