//! A real store behind one that fails on demand, and what the tests ask of both.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use log_model::{JobId, LogEntry, LogEvent, Owner, Seq, Span, StageState, Timestamp, WriterId};
use parking_lot::Mutex;
use stream_store::{
    Appended, Batch, Change, Claim, Ended, Ending, Error, JobPage, JobRecord, Known, ListCursor, LogStore, Result,
    Silence, SqliteStore, State, Writer,
};

/// What goes wrong with an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It did not happen, and nobody says so.
    Before,
    /// It happened, and nobody says so.
    After,
    /// There is no room.
    Full,
    /// Somebody took the slot.
    Taken,
    /// It did not happen, and no answer comes while anybody waits.
    Silence,
}

/// The SQLite store, and faults before it.
#[derive(Debug)]
pub(crate) struct Shaky {
    inner: SqliteStore,
    faults: Mutex<VecDeque<Option<Fault>>>,
    pub(crate) hit: Mutex<Vec<Fault>>,
    away: AtomicBool,
    pub(crate) appends: AtomicUsize,
    pub(crate) confirms: AtomicUsize,
    /// The store forgets this many of the last batches once, as after a fail-over.
    forget: AtomicUsize,
}

impl Shaky {
    pub(crate) fn open(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            inner: SqliteStore::open(path).expect("the file can be made"),
            faults: Mutex::default(),
            hit: Mutex::default(),
            away: AtomicBool::new(false),
            appends: AtomicUsize::new(0),
            confirms: AtomicUsize::new(0),
            forget: AtomicUsize::new(0),
        })
    }

    /// The next appends go like this, one each; later ones well.
    pub(crate) fn plan(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.faults.lock().extend(faults);
    }

    /// What was planned is off.
    pub(crate) fn heal(&self) {
        self.faults.lock().clear();
    }

    /// Whether every call fails.
    pub(crate) fn go_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// The next append is told to send again what it sent so many batches ago.
    pub(crate) fn ask_again(&self, batches: usize) {
        self.forget.store(batches, Ordering::SeqCst);
    }

    fn here(&self) -> Result<()> {
        if self.away.load(Ordering::SeqCst) {
            Err(no_answer())
        } else {
            Ok(())
        }
    }

    pub(crate) async fn entries(&self, job: &JobId) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        let head = self
            .inner
            .job(job)
            .await
            .expect("it answers")
            .map_or(Seq::ZERO, |record| record.head);
        while let Some(span) = Span::after(entries.last().map_or(Seq::ZERO, |entry: &LogEntry| entry.seq), head) {
            let more = self.inner.read(job, span).await.expect("it answers");
            assert!(!more.is_empty(), "a hole in {span}");
            entries.extend(more);
        }
        entries
    }

    /// The log in a form a test can compare with.
    pub(crate) async fn texts(&self, job: &JobId) -> Vec<String> {
        self.entries(job).await.iter().map(said).collect()
    }

    /// Only its lines.
    pub(crate) async fn lines(&self, job: &JobId) -> Vec<String> {
        let entries = self.entries(job).await;
        entries
            .iter()
            .filter_map(|entry| match &entry.recorded.event {
                LogEvent::Line { text, .. } => Some(text.as_str().to_owned()),
                _ => None,
            })
            .collect()
    }

    pub(crate) async fn record(&self, job: &JobId) -> JobRecord {
        self.inner
            .job(job)
            .await
            .expect("it answers")
            .expect("the job is known")
    }

    /// Waits until the log holds this many entries.
    pub(crate) async fn wait_for(&self, job: &JobId, entries: u64) {
        let reached = async {
            loop {
                if self
                    .inner
                    .job(job)
                    .await
                    .ok()
                    .flatten()
                    .is_some_and(|record| record.head.get() >= entries)
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reached)
            .await
            .expect("the entries come");
    }
}

pub(crate) fn said(entry: &LogEntry) -> String {
    match &entry.recorded.event {
        LogEvent::Line { source, text, .. } => format!("{source}: {text}"),
        LogEvent::Stage {
            state: StageState::Started,
        } => "started".to_owned(),
        LogEvent::Stage {
            state: StageState::Finished { exit_code, .. },
        } => format!("finished {exit_code:?}"),
        LogEvent::Gap { lines, reason, .. } => format!("gap {lines:?} {reason}"),
        LogEvent::Ended { outcome, exit_code, .. } => format!("ended {outcome} {exit_code:?}"),
        _ => "?".to_owned(),
    }
}

fn no_answer() -> Error {
    Error::Unavailable { source: "cut".into() }
}

#[async_trait]
impl LogStore for Shaky {
    async fn open(&self, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord> {
        self.here()?;
        self.inner.open(job, owner, at).await
    }
    async fn job(&self, job: &JobId) -> Result<Option<JobRecord>> {
        self.here()?;
        self.inner.job(job).await
    }
    async fn join(&self, job: &JobId, slot: &WriterId) -> Result<Writer> {
        self.here()?;
        self.inner.join(job, slot).await
    }
    async fn rejoin(&self, job: &JobId, slot: &WriterId, known: &Known, at: Timestamp) -> Result<Writer> {
        self.here()?;
        self.inner.rejoin(job, slot, known, at).await
    }
    async fn renew(&self, job: &JobId, writer: &Writer) -> Result<()> {
        self.here()?;
        self.inner.renew(job, writer).await
    }
    async fn leave(&self, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()> {
        self.here()?;
        self.inner.leave(job, writer, at).await
    }
    async fn finish(&self, job: &JobId, writer: &Writer, ending: Ending, at: Timestamp) -> Result<Ended> {
        self.here()?;
        self.inner.finish(job, writer, ending, at).await
    }
    async fn end(&self, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended> {
        self.here()?;
        self.inner.end(job, ending, at).await
    }
    async fn append(&self, job: &JobId, batch: &Batch) -> Result<Appended> {
        self.here()?;
        self.appends.fetch_add(1, Ordering::SeqCst);
        let back = self.forget.swap(0, Ordering::SeqCst) as u64;
        if back > 0 && batch.number > back {
            return Err(Error::Behind {
                expected: batch.number - back,
            });
        }
        let fault = self.faults.lock().pop_front().flatten();
        self.hit.lock().extend(fault);
        match fault {
            None => self.inner.append(job, batch).await,
            Some(Fault::Before) => Err(no_answer()),
            Some(Fault::After) => {
                self.inner.append(job, batch).await?;
                Err(no_answer())
            }
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Full) => Err(Error::Full),
            Some(Fault::Taken) => {
                self.inner.join(job, &batch.writer).await?;
                self.inner.append(job, batch).await
            }
        }
    }
    async fn confirm(&self, job: &JobId, writer: &WriterId, number: u64) -> Result<bool> {
        self.here()?;
        self.confirms.fetch_add(1, Ordering::SeqCst);
        self.inner.confirm(job, writer, number).await
    }
    async fn read(&self, job: &JobId, span: Span) -> Result<Vec<LogEntry>> {
        self.here()?;
        self.inner.read(job, span).await
    }
    fn follow(&self, job: &JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
        self.inner.follow(job, after)
    }
    async fn mark_silent(&self, job: &JobId, silence: &Silence, at: Timestamp) -> Result<State> {
        self.inner.mark_silent(job, silence, at).await
    }
    async fn due(&self, by: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        self.inner.due(by, cursor, limit).await
    }
    async fn look_again(&self, job: &JobId, at: Timestamp) -> Result<()> {
        self.inner.look_again(job, at).await
    }
    async fn list(&self, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        self.inner.list(cursor, limit).await
    }
    async fn claim(&self, job: &JobId, holder: &str, ttl: Duration) -> Result<Claim> {
        self.inner.claim(job, holder, ttl).await
    }
    async fn release(&self, claim: &Claim) -> Result<()> {
        self.inner.release(claim).await
    }
    async fn archived(&self, job: &JobId, through: Seq) -> Result<()> {
        self.inner.archived(job, through).await
    }
    async fn forget(&self, job: &JobId, through: Seq, keep_record: Duration) -> Result<()> {
        self.inner.forget(job, through, keep_record).await
    }
    async fn mask(&self, job: &JobId, entry: &LogEntry) -> Result<u32> {
        self.inner.mask(job, entry).await
    }
    async fn erase(&self, job: &JobId, by: &str, why: &str, at: Timestamp) -> Result<u32> {
        self.inner.erase(job, by, why, at).await
    }
    async fn ping(&self) -> Result<()> {
        self.here()
    }
    async fn warnings(&self) -> Result<Vec<String>> {
        self.inner.warnings().await
    }
}
