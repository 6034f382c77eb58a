//! A job as it would look without the places that a fail-over skips.
//!
//! Ids are promised to be dense except for the spans that the record lists as unused. Behaviours speak of dense ones, so
//! they are shown a store in which those spans are closed up; an entry that stands in one of them is a broken promise.

use std::collections::HashMap;

use log_model::{JobId, LogEntry, Seq, Span};
use parking_lot::Mutex;
use stream_store::JobRecord;

/// The unused spans of each job that was seen. A record that has shrunk no longer lists its own.
#[derive(Debug, Default)]
pub(super) struct View(Mutex<HashMap<JobId, Vec<Span>>>);

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap_or(Seq::MAX)
}

impl View {
    /// Whether any job has places that were skipped.
    pub(super) fn skipped(&self) -> usize {
        self.0.lock().values().filter(|unused| !unused.is_empty()).count()
    }

    /// What a record says of its job's places.
    pub(super) fn learn(&self, job: &JobId, record: &JobRecord) {
        let mut known = self.0.lock();
        if record.head == Seq::ZERO {
            // A name that is free again begins anew.
            known.remove(job);
        } else if !record.unused.is_empty() {
            known.insert(job.clone(), record.unused.clone());
        }
    }

    fn spans(&self, job: &JobId) -> Vec<Span> {
        self.0.lock().get(job).cloned().unwrap_or_default()
    }

    /// A place of the store's as behaviours count.
    pub(super) fn place(&self, job: &JobId, place: Seq) -> Seq {
        let skipped = |span: &Span| match Span::new(span.first(), span.last().min(place)) {
            Ok(below) => below.len(),
            Err(_) => 0,
        };
        seq(place.get() - self.spans(job).iter().map(skipped).sum::<u64>())
    }

    /// The store's place for one as behaviours count.
    pub(super) fn store_place(&self, job: &JobId, place: Seq) -> Seq {
        self.spans(job).iter().fold(place, |place, span| {
            if place >= span.first() {
                place.plus(span.len())
            } else {
                place
            }
        })
    }

    pub(super) fn store_span(&self, job: &JobId, span: Span) -> Span {
        let (first, last) = (self.store_place(job, span.first()), self.store_place(job, span.last()));
        Span::new(first, last).expect("the order stays")
    }

    pub(super) fn entry(&self, job: &JobId, entry: LogEntry) -> LogEntry {
        let unused = self.spans(job);
        assert!(
            unused.iter().all(|span| !span.contains(entry.seq)),
            "{} stands where nothing does: {unused:?}",
            entry.seq
        );
        LogEntry {
            seq: self.place(job, entry.seq),
            ..entry
        }
    }

    pub(super) fn record(&self, job: &JobId, record: JobRecord) -> JobRecord {
        self.learn(job, &record);
        let of = |place| self.place(job, place);
        JobRecord {
            head: of(record.head),
            // The place after a head may already be one that is skipped.
            held_from: if record.held().is_none() {
                of(record.head).next()
            } else {
                of(record.held_from)
            },
            confirmed: of(record.confirmed),
            archived: of(record.archived),
            lost_through: of(record.lost_through),
            unused: Vec::new(),
            ..record
        }
    }
}
