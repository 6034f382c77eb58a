//! When the rows of a pseudo-terminal are looked at: soon after a newline, each second while some wait, and after long
//! silence. Pure: time is given.

use std::time::Duration;

use log_model::Timestamp;

use crate::settle::Settled;

/// How long a complete row waits at least: enough for the rest of one write to be read, short beside 80 ms.
const LEFT: Duration = Duration::from_millis(10);

/// A row is still when two looks this far apart saw the same.
const STILL: Duration = Duration::from_secs(1);

/// So many quiet times without a byte, and even a progress display is shown as it stands.
const STUCK: u32 = 5;

/// The next look of each kind; none on a pipe.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    left: Option<Timestamp>,
    still: Option<Timestamp>,
    stuck: Option<Timestamp>,
}

impl Moments {
    /// Bytes came; `waits` when complete rows wait now.
    pub(crate) fn pushed(&mut self, now: Timestamp, quiet: Duration, waits: bool) {
        if waits {
            self.left.get_or_insert(now.plus(LEFT));
            self.still.get_or_insert(now.plus(STILL));
        }
        self.stuck = Some(now.plus(quiet * STUCK));
    }

    /// When to look next.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        [self.left, self.still, self.stuck].into_iter().flatten().min()
    }

    /// What to look for now, one after the other.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Settled> {
        let is_due = |at: &mut Option<Timestamp>| at.take_if(|at| *at <= now).is_some();
        if is_due(&mut self.left) {
            return Some(Settled::Left);
        }
        if is_due(&mut self.still) {
            return Some(Settled::Still);
        }
        is_due(&mut self.stuck).then_some(Settled::All)
    }

    /// A look is over; `waits` when rows still wait.
    pub(crate) fn looked(&mut self, now: Timestamp, waits: bool) {
        if waits {
            self.still.get_or_insert(now.plus(STILL));
        }
    }
}
