//! The last lines of an output for which there was no room: they are kept, and those before them are counted.

use std::collections::VecDeque;

use log_model::{GapReason, Recorded};

use crate::gaps::{gap, lines_of};
use crate::outbox::memory_of;

/// No tail takes more of memory.
const TAIL: usize = 1024 * 1024;

/// What came after memory and spool were full.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// In order.
    batches: VecDeque<Vec<Recorded>>,
    weight: usize,
    /// Lines that stand before `batches` and are nowhere.
    lost: u64,
}

impl Tail {
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.lost == 0
    }

    /// Lines that were lost and stand in no gap yet.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// These lines, which come before all that is held, are lost.
    pub(crate) fn lose(&mut self, lines: u64) {
        self.lost += lines;
    }

    /// Holds events; the first ones are let go of beyond the limit.
    pub(crate) fn hold(&mut self, events: Vec<Recorded>) {
        self.weight += memory_of(&events);
        self.batches.push_back(events);
        while self.weight > TAIL && self.batches.len() > 1 {
            let Some(events) = self.batches.pop_front() else { break };
            self.weight -= memory_of(&events);
            self.lost += lines_of(&events);
        }
    }

    /// What takes the place of the lines that were lost: the gap, then the last lines.
    pub(crate) fn into_all(self) -> impl Iterator<Item = Vec<Recorded>> {
        self.gap().into_iter().chain(self.batches)
    }

    /// The same, while it is held on to.
    pub(crate) fn all(&self) -> impl Iterator<Item = Vec<Recorded>> {
        self.gap().into_iter().chain(self.batches.iter().cloned())
    }

    fn gap(&self) -> Option<Vec<Recorded>> {
        (self.lost > 0).then(|| vec![gap(Some(self.lost), GapReason::SpoolFull)])
    }
}
