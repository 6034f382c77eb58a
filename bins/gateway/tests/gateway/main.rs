//! The gateway from outside: everything here goes over a socket.

mod access;
mod common;
mod drain;
mod edges;
mod openapi;
mod pages;
mod program;
mod seam;
mod stream;
mod trouble;
