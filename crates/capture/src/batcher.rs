//! Entries into batches by count, bytes or age: a quiet log is live, a burst is cheap.

use std::time::{Duration, Instant};

use log_model::{LogEvent, Recorded};

/// When a batch is full.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Entries in it; at least 1.
    pub entries: usize,
    /// Entries in it while batches before it wait; see [`Batcher::backlog`].
    pub backlog_entries: usize,
    /// Bytes of text in it. One entry may exceed this alone.
    pub bytes: usize,
    /// How long the first of a batch waits for more at most.
    pub age: Duration,
}

impl Default for BatchLimits {
    /// 64 entries, 64 KiB, 20 ms: one script call carries some 64 lines at the cost of one, no one sees 20 ms, and a job
    /// that always writes a little makes 50 calls a second, which cost the store some 2 ms. 256 entries where others wait:
    /// they arrive no later for it, and each costs the store a fifth less.
    fn default() -> Self {
        Self {
            entries: 64,
            backlog_entries: 256,
            bytes: 64 * 1024,
            age: Duration::from_millis(20),
        }
    }
}

/// Collects entries until a batch is full or due. Pure: time is given.
///
/// The first entry after a pause is due at once; only what follows within [`BatchLimits::age`] of a batch waits.
#[derive(Debug)]
pub struct Batcher {
    limits: BatchLimits,
    entries: Vec<Recorded>,
    bytes: usize,
    /// When the batch in `entries` must go.
    due: Option<Instant>,
    last: Option<Instant>,
    backlog: bool,
}

impl Batcher {
    /// An empty batch.
    pub fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            entries: Vec::new(),
            bytes: 0,
            due: None,
            last: None,
            backlog: false,
        }
    }

    /// Whether batches handed out before still wait to be sent. What is collected would wait behind them in any case,
    /// so that a batch may hold [`BatchLimits::backlog_entries`] then. Its bytes and its age stay limited.
    pub fn backlog(&mut self, waits: bool) {
        self.backlog = waits;
    }

    /// Adds an entry; returns a batch when that filled one.
    pub fn push(&mut self, entry: Recorded, now: Instant) -> Option<Vec<Recorded>> {
        let size = weight(&entry);
        let full = if !self.entries.is_empty() && self.bytes + size > self.limits.bytes {
            Some(self.take(now))
        } else {
            None
        };
        if self.entries.is_empty() {
            self.due = Some(self.last.map_or(now, |last| (last + self.limits.age).max(now)));
        }
        self.bytes += size;
        self.entries.push(entry);
        let most = if self.backlog {
            self.limits.backlog_entries
        } else {
            self.limits.entries
        };
        if full.is_none() && (self.entries.len() >= most.max(1) || self.bytes >= self.limits.bytes) {
            return Some(self.take(now));
        }
        full
    }

    /// When the waiting entries must go; none when nothing waits.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Hands out what waits, which may be nothing.
    pub fn take(&mut self, now: Instant) -> Vec<Recorded> {
        self.due = None;
        self.bytes = 0;
        if !self.entries.is_empty() {
            self.last = Some(now);
        }
        std::mem::take(&mut self.entries)
    }
}

/// What an entry weighs in a batch: its text, and a little for the rest.
pub(crate) fn weight(entry: &Recorded) -> usize {
    const REST: usize = 64;
    match &entry.event {
        LogEvent::Line { text, .. } => text.len() + REST,
        _ => REST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log_model::{StageState, Timestamp};

    fn entry() -> Recorded {
        Recorded {
            ts: Timestamp::from_millis(0),
            phase: None,
            event: LogEvent::Stage {
                state: StageState::Started,
            },
        }
    }

    #[test]
    fn the_first_entry_after_a_pause_is_not_held() {
        let start = Instant::now();
        let mut batcher = Batcher::new(BatchLimits::default());
        assert!(batcher.push(entry(), start).is_none());
        assert_eq!(batcher.due(), Some(start));
        assert_eq!(batcher.take(start).len(), 1);

        let soon = start + Duration::from_millis(10);
        assert!(batcher.push(entry(), soon).is_none());
        assert_eq!(
            batcher.due(),
            Some(start + Duration::from_millis(20)),
            "what follows closely waits for more"
        );
        assert_eq!(batcher.take(soon).len(), 1);

        let later = start + Duration::from_secs(1);
        assert!(batcher.push(entry(), later).is_none());
        assert_eq!(batcher.due(), Some(later));
    }

    #[test]
    fn a_batch_is_full_by_count_or_by_bytes() {
        let now = Instant::now();
        let mut batcher = Batcher::new(BatchLimits {
            entries: 3,
            ..BatchLimits::default()
        });
        assert!(batcher.push(entry(), now).is_none());
        assert!(batcher.push(entry(), now).is_none());
        assert_eq!(batcher.push(entry(), now).map(|batch| batch.len()), Some(3));
        assert!(batcher.is_empty() && batcher.due().is_none());

        let mut batcher = Batcher::new(BatchLimits {
            bytes: 100,
            ..BatchLimits::default()
        });
        assert!(batcher.push(entry(), now).is_none());
        assert_eq!(
            batcher.push(entry(), now).map(|batch| batch.len()),
            Some(1),
            "the second would not fit"
        );
        assert_eq!(batcher.take(now).len(), 1);
    }

    #[test]
    fn behind_batches_that_wait_a_batch_is_longer() {
        let now = Instant::now();
        let mut batcher = Batcher::new(BatchLimits {
            entries: 2,
            backlog_entries: 3,
            ..BatchLimits::default()
        });
        let mut filled = |backlog| {
            batcher.backlog(backlog);
            (1..).find_map(|_| batcher.push(entry(), now)).map(|batch| batch.len())
        };
        assert_eq!(filled(true), Some(3));
        assert_eq!(filled(false), Some(2), "they were sent");
        assert!(batcher.push(entry(), now).is_none());
        batcher.backlog(true);
        assert!(batcher.push(entry(), now).is_none());
        batcher.backlog(false);
        assert_eq!(batcher.push(entry(), now).map(|batch| batch.len()), Some(3));
    }

    #[test]
    fn an_entry_larger_than_a_batch_goes_alone() {
        let now = Instant::now();
        let mut batcher = Batcher::new(BatchLimits {
            bytes: 1,
            ..BatchLimits::default()
        });
        assert_eq!(batcher.push(entry(), now).map(|batch| batch.len()), Some(1));
    }
}
