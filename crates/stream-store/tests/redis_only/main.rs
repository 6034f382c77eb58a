//! What only a server on the other side of a network can do wrong, and what its keys look like.
#![expect(clippy::disallowed_methods, reason = "made-up text")]

mod cluster;
mod common;
mod failover;
mod loss;
mod many;
mod one_server;
mod silence;
mod through;
