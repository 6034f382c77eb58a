//! Both sides together: what a reader sees while a sweep runs, is killed, or the archive is away.

mod crash;
mod double;
mod kept;
mod loss;
mod purging;
mod schedule;
mod seam;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use log_model::{JobId, LogEntry, Outcome, Recorded, Seq, Timestamp, WriterId};
use object_store::memory::InMemory;
use redact::Redactor;
use stream_store::{Batch, Ending, LogStore, SqliteStore, Writer};
use tempfile::TempDir;
use testkit::builders::{T0, job, line_at, owner};

use crate::{Archive, Cursor, History, Page, PageSize, Policy, Swept, sweep};

/// A store and an archive of a test's own.
struct Sides {
    store: Arc<dyn LogStore>,
    objects: Arc<InMemory>,
    archive: Arc<Archive>,
    _dir: TempDir,
}

impl Sides {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open(&dir.path().join("log.db")).expect("a store");
        let objects = Arc::new(InMemory::new());
        let archive = Arc::new(Archive::over(objects.clone()));
        Self {
            store: Arc::new(store),
            objects,
            archive,
            _dir: dir,
        }
    }

    fn history(&self) -> History {
        History::new(self.store.clone(), Some(self.archive.clone()))
    }

    async fn sweep(&self, now: Timestamp) -> Swept {
        sweep(&*self.store, &self.archive, &plain(), now, &policy())
            .await
            .expect("both sides are there")
    }
}

/// A redactor without known secrets.
fn plain() -> Redactor {
    Redactor::builder().build().expect("the built-in rules")
}

fn policy() -> Policy {
    Policy {
        claim_for: Duration::from_millis(300),
        // Every sweep looks at every job: the times in here stand still.
        look_again: Duration::ZERO,
        ..Policy::default()
    }
}

fn seq(number: u64) -> Seq {
    Seq::new(number).expect("small")
}

fn after(hours: u64) -> Timestamp {
    T0.plus(Duration::from_secs(hours * 3600))
}

const ENDING: Ending = Ending {
    outcome: Outcome::Succeeded,
    exit_code: Some(0),
};

/// Somebody who writes a job's lines, and has each batch confirmed.
struct Author {
    store: Arc<dyn LogStore>,
    job: JobId,
    writer: Writer,
}

impl Author {
    async fn opens(store: &Arc<dyn LogStore>, name: &str) -> Self {
        let job = job(name);
        store.open(&job, &owner("ana"), T0).await.expect("opened");
        let slot = WriterId::new("w").expect("a slot");
        let writer = store.join(&job, &slot).await.expect("joined");
        Self {
            store: store.clone(),
            job,
            writer,
        }
    }

    async fn writes(&mut self, events: Vec<Recorded>) {
        for events in events.chunks(500) {
            let batch = Batch {
                writer: self.writer.id.clone(),
                fence: self.writer.fence,
                number: self.writer.next,
                events: events.to_vec(),
            };
            self.store.append(&self.job, &batch).await.expect("appended");
            self.store
                .confirm(&self.job, &self.writer.id, self.writer.next)
                .await
                .expect("confirmed");
            self.writer.next += 1;
        }
    }

    async fn writes_lines(&mut self, count: u64, ts: Timestamp) {
        self.writes((1..=count).map(|n| line_at(ts, &format!("line {n} at {ts}"))).collect())
            .await;
    }

    async fn ends(self) -> JobId {
        self.store.leave(&self.job, &self.writer, T0).await.expect("left");
        self.store.end(&self.job, ENDING, T0).await.expect("ended");
        self.job
    }
}

fn size(entries: u64) -> PageSize {
    PageSize {
        entries,
        bytes: 4 << 20,
    }
}

/// The whole log, by walking back in pages.
async fn walked_back(history: &History, job: &JobId, entries: u64) -> Vec<LogEntry> {
    let (mut all, mut cursor) = (Vec::new(), Cursor::Newest);
    loop {
        let Page {
            entries,
            next_before,
            has_more,
            ..
        } = history.page(job, cursor, size(entries)).await.expect("a page");
        assert_eq!(next_before.is_some(), has_more);
        all.splice(0..0, entries);
        match next_before {
            Some(before) => cursor = Cursor::Before(before),
            None => return all,
        }
    }
}

#[track_caller]
fn assert_whole(entries: &[LogEntry], last: u64) {
    let places: Vec<u64> = entries.iter().map(|entry| entry.seq.get()).collect();
    assert!(
        places.iter().copied().eq(1..=last),
        "each place once, 1 to {last}: {places:?}"
    );
    assert!(
        entries
            .iter()
            .all(|entry| !matches!(entry.recorded.event, log_model::LogEvent::Gap { .. })),
        "no gap"
    );
}
