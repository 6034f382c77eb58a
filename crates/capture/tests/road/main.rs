//! From a command or a service's callbacks to a real store, through faults.

mod common;
mod delivery;
mod run;
