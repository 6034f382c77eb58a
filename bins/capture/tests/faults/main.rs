//! Exactly once, through faults: real servers, a proxy that does harm while batches are on their way, and an oracle that
//! reads the number in every line back through the stream, the pages and the archive.
//!
//! `TAILWATER_FAULT_SEED=N` repeats one schedule, `TAILWATER_FAULT_SCHEDULES=N` sets how many there are.

mod bytes;
mod killed;
mod oracle;
mod schedule;
mod world;
