//! The gateway from outside: everything here goes over a socket.

#![allow(clippy::unwrap_used, reason = "in a test, what cannot be is a failure")]

mod access;
mod clock;
mod common;
mod drain;
mod edges;
mod lease;
mod openapi;
mod owners;
mod pages;
mod program;
mod redis;
mod seam;
mod stream;
mod tokens;
mod trouble;
