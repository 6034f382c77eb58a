//! One machine's store: a single file that capture and gateway, two processes, both open.
//!
//! SQLite's write-ahead log lets readers go on while one connection writes. This store has one connection that writes,
//! a few that read, and one on a thread of its own that notices what other processes wrote. All waiting for the disk is
//! done on tokio's blocking threads.
//!
//! `file` opens it and knows the tables; `writing` and `keeping` are the work of one transaction each; `records` takes
//! values in and out of rows; `watching` is the thread; `following`, `cleaning` and `trouble` are what their names say.

mod cleaning;
mod file;
mod following;
mod keeping;
mod records;
mod trouble;
mod watching;
mod writing;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::stream::BoxStream;
use log_model::{JobId, LogEntry, Owner, Seq, Span, Timestamp, WriterId};
use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

use crate::known::Known;
use crate::record::{Ending, JobRecord, State};
use crate::store::{
    Appended, Batch, Change, Claim, Ended, Error, JobPage, ListCursor, LogStore, Result, Silence, Writer,
};
use watching::{Wakes, Watcher};

/// How many reads run at once; more wait for their turn.
const READERS: usize = 4;

/// How long a call waits for its turn before it gives up as [`Error::Unavailable`]. A turn takes about a millisecond.
const TURN: Duration = Duration::from_secs(10);

/// The store in one SQLite file.
///
/// Open one per process and share it. Any number of processes on one machine may have the same file open; none may
/// open it over a network file system.
#[derive(Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

/// The time a store judges leases, claims and silence by.
type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

struct Inner {
    path: PathBuf,
    clock: Clock,
    writing: Arc<Semaphore>,
    writer: Mutex<Connection>,
    reading: Arc<Semaphore>,
    /// Connections that no read is using.
    idle: Mutex<Vec<Connection>>,
    wakes: Arc<Wakes>,
    _watcher: Watcher,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file, and creates it (for this user alone, mode 0600) when it does not exist. Its folder must exist
    /// and be writable: SQLite keeps two companion files beside it.
    ///
    /// Blocks for as long as the disk takes, at most some seconds when other processes are starting on the same file.
    ///
    /// # Errors
    /// [`Error::Setting`] when the path cannot be used, is something else, or was written by a newer Tailwater;
    /// [`Error::Full`] and [`Error::Unavailable`] when the disk says so.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with_clock(path, || Timestamp::from(SystemTime::now()))
    }

    /// Opens the file with another clock than the system's, so that a test decides when a lease lapses.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_with_clock(path: &Path, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Result<Self> {
        let writer = file::open(path)?;
        let wakes = Arc::new(Wakes::default());
        if cleaning::is_due(&writer)? {
            wakes.clean_soon();
        }
        let watcher = Watcher::start(Arc::clone(&wakes), path.to_owned()).map_err(|error| Error::Unavailable {
            source: Box::new(error),
        })?;
        let inner = Inner {
            path: path.to_owned(),
            clock: Box::new(clock),
            writing: Arc::new(Semaphore::new(1)),
            writer: Mutex::new(writer),
            reading: Arc::new(Semaphore::new(READERS)),
            idle: Mutex::new(Vec::new()),
            wakes,
            _watcher: watcher,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs one transaction that changes `job`, and wakes its followers.
    async fn write<T: Send + 'static>(
        &self,
        job: &JobId,
        work: impl FnOnce(&Connection, Timestamp) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (inner, job) = (Arc::clone(&self.inner), job.clone());
        in_turn(&self.inner.writing, move || {
            let answer = inner.transaction(&mut inner.writer.lock(), work);
            inner.wakes.wake(&job);
            answer
        })
        .await
    }
}

impl Inner {
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection, Timestamp) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = Arc::clone(self);
        in_turn(&self.reading, move || {
            let idle = inner.idle.lock().pop();
            let mut db = idle.map_or_else(|| file::connect(&inner.path), Ok)?;
            // One transaction, so that a record and its entries are of the same instant.
            let tx = db.transaction()?;
            let answer = work(&tx, (inner.clock)());
            drop(tx);
            if !matches!(answer, Err(Error::Unavailable { .. } | Error::Damaged { .. })) {
                inner.idle.lock().push(db);
            }
            answer
        })
        .await
    }

    /// An error leaves everything as it was.
    fn transaction<T>(&self, db: &mut Connection, work: impl FnOnce(&Connection, Timestamp) -> Result<T>) -> Result<T> {
        // Taking the lock first means waiting for another process here, not failing half-way.
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = work(&tx, (self.clock)())?;
        tx.commit()?;
        Ok(answer)
    }

    /// Brings everything written so far onto the disk itself.
    fn sync(&self) -> std::io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push("-wal");
        match File::open(PathBuf::from(name)) {
            Ok(log) => log.sync_data(),
            // Already copied into the file, which SQLite syncs when it does that.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Does blocking work once it is this call's turn. Dropping the future does not stop work that has begun.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let turn = tokio::time::timeout(TURN, Arc::clone(turns).acquire_owned())
        .await
        .map_err(|late| Error::Unavailable { source: Box::new(late) })?
        .expect("nobody closes the semaphore");
    let done = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    done.await.map_err(|stopped| Error::Unavailable {
        source: Box::new(stopped),
    })?
}

#[async_trait]
impl LogStore for SqliteStore {
    async fn open(&self, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord> {
        let (job_id, owner) = (job.clone(), owner.clone());
        self.write(job, move |db, now| writing::open(db, now, &job_id, &owner, at))
            .await
    }

    async fn job(&self, job: &JobId) -> Result<Option<JobRecord>> {
        let job = job.clone();
        self.inner
            .read(move |db, now| {
                records::find(db, &job, now)?
                    .map(|job| records::with_writers(db, job))
                    .transpose()
            })
            .await
    }

    async fn join(&self, job: &JobId, slot: &WriterId) -> Result<Writer> {
        let (job_id, slot) = (job.clone(), slot.clone());
        self.write(job, move |db, now| writing::join(db, now, &job_id, &slot))
            .await
    }

    async fn rejoin(&self, job: &JobId, slot: &WriterId, known: &Known, at: Timestamp) -> Result<Writer> {
        let (job_id, slot, known) = (job.clone(), slot.clone(), known.clone());
        self.write(job, move |db, now| writing::rejoin(db, now, &job_id, &slot, &known, at))
            .await
    }

    async fn renew(&self, job: &JobId, writer: &Writer) -> Result<()> {
        let (job_id, writer) = (job.clone(), writer.clone());
        self.write(job, move |db, now| writing::renew(db, now, &job_id, &writer))
            .await
    }

    async fn leave(&self, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()> {
        let (job_id, writer) = (job.clone(), writer.clone());
        self.write(job, move |db, now| writing::leave(db, now, &job_id, &writer, at))
            .await
    }

    async fn finish(&self, job: &JobId, writer: &Writer, ending: Ending, at: Timestamp) -> Result<Ended> {
        let (job_id, writer) = (job.clone(), writer.clone());
        self.write(job, move |db, now| {
            writing::finish(db, now, &job_id, &writer, ending, at)
        })
        .await
    }

    async fn end(&self, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended> {
        let job_id = job.clone();
        self.write(job, move |db, now| writing::end(db, now, &job_id, ending, at))
            .await
    }

    async fn append(&self, job: &JobId, batch: &Batch) -> Result<Appended> {
        let (job_id, batch) = (job.clone(), batch.clone());
        self.write(job, move |db, now| writing::append(db, now, &job_id, batch))
            .await
    }

    /// True once the operating system says that the disk itself has it.
    async fn confirm(&self, job: &JobId, writer: &WriterId, number: u64) -> Result<bool> {
        let (job_id, writer) = (job.clone(), writer.clone());
        let head = self
            .inner
            .read(move |db, now| writing::acknowledged(db, now, &job_id, &writer, number))
            .await?;
        let Some(head) = head else {
            return Ok(false);
        };
        let (inner, job_id) = (Arc::clone(&self.inner), job.clone());
        in_turn(&self.inner.reading, move || {
            inner.sync().map_err(|error| Error::Unavailable {
                source: Box::new(error),
            })
        })
        .await?;
        self.write(job, move |db, now| writing::confirmed(db, now, &job_id, head))
            .await?;
        Ok(true)
    }

    async fn read(&self, job: &JobId, span: Span) -> Result<Vec<LogEntry>> {
        let job = job.clone();
        self.inner
            .read(move |db, now| {
                let job = records::require(db, &job, now)?;
                records::not_erased(&job)?;
                records::read(db, &job, span)
            })
            .await
    }

    fn follow(&self, job: &JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
        following::follow(Arc::clone(&self.inner), job.clone(), after)
    }

    async fn mark_silent(&self, job: &JobId, silence: &Silence, at: Timestamp) -> Result<State> {
        let (job_id, silence) = (job.clone(), *silence);
        self.write(job, move |db, now| writing::mark_silent(db, now, &job_id, &silence, at))
            .await
    }

    async fn due(&self, by: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        let inner = Arc::clone(&self.inner);
        in_turn(&self.inner.writing, move || {
            inner.transaction(&mut inner.writer.lock(), keeping::drop_expired)
        })
        .await?;
        self.inner
            .read(move |db, now| keeping::due(db, now, by, cursor, limit))
            .await
    }

    async fn look_again(&self, job: &JobId, at: Timestamp) -> Result<()> {
        let job_id = job.clone();
        self.write(job, move |db, _| keeping::look_again(db, &job_id, at)).await
    }

    async fn list(&self, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        self.inner
            .read(move |db, now| keeping::list(db, now, cursor, limit))
            .await
    }

    async fn claim(&self, job: &JobId, holder: &str, ttl: Duration) -> Result<Claim> {
        let claim = Claim {
            job: job.clone(),
            holder: holder.to_owned(),
        };
        self.write(job, move |db, now| {
            keeping::claim(db, now, &claim.job, &claim.holder, ttl)?;
            Ok(claim)
        })
        .await
    }

    async fn release(&self, claim: &Claim) -> Result<()> {
        let given_back = claim.clone();
        self.write(&claim.job, move |db, _| {
            keeping::release(db, &given_back.job, &given_back.holder)
        })
        .await
    }

    async fn archived(&self, job: &JobId, through: Seq) -> Result<()> {
        let job_id = job.clone();
        self.write(job, move |db, now| keeping::archived(db, now, &job_id, through))
            .await
    }

    async fn forget(&self, job: &JobId, through: Seq, keep_record: Duration) -> Result<()> {
        // A step at a time, each whole in itself, so that writers get their turn in between.
        loop {
            let job_id = job.clone();
            let more = self
                .write(job, move |db, now| {
                    keeping::forget(db, now, &job_id, through, keep_record)
                })
                .await?;
            if !more {
                return Ok(());
            }
        }
    }

    /// The old text is out of the file itself within moments of the last of a run of calls, or when the store is
    /// dropped.
    async fn mask(&self, job: &JobId, entry: &LogEntry) -> Result<u32> {
        let (job_id, entry) = (job.clone(), entry.clone());
        let revision = self
            .write(job, move |db, now| keeping::mask(db, now, &job_id, &entry))
            .await?;
        self.inner.wakes.clean_soon();
        Ok(revision)
    }

    /// When this returns, the text is out of the file itself, unless another process was reading for longer than five
    /// seconds or the disk has no room to write the file anew: then it is tried again until it succeeds.
    async fn erase(&self, job: &JobId, by: &str, why: &str, at: Timestamp) -> Result<u32> {
        let (job_id, by, why) = (job.clone(), by.to_owned(), why.to_owned());
        // From here on nobody reads it any more; then the text goes, a step at a time.
        let erased = self
            .write(job, move |db, now| keeping::erase(db, now, &job_id, &by, &why, at))
            .await;
        if let Ok((number, _)) = erased {
            while self.write(job, move |db, _| keeping::erase_entries(db, number)).await? {}
        }
        // A job whose record is gone may have left traces as well.
        if let Ok(_) | Err(Error::NoSuchJob) = erased {
            let inner = Arc::clone(&self.inner);
            in_turn(&self.inner.writing, move || {
                let db = inner.writer.lock();
                cleaning::note(&db)?;
                if let Err(error) = cleaning::clean(&db) {
                    tracing::warn!(%error, "erased text may still lie in the log file");
                    inner.wakes.clean_soon();
                }
                Ok(())
            })
            .await?;
        }
        erased.map(|(_, revision)| revision)
    }

    async fn ping(&self) -> Result<()> {
        self.inner
            .read(|db, _| Ok(db.query_row("SELECT count(*) FROM jobs WHERE number = 0", [], |_| Ok(()))?))
            .await
    }

    async fn warnings(&self) -> Result<Vec<String>> {
        let path = self.inner.path.clone();
        self.inner
            .read(move |db, _| {
                let mut warnings = Vec::new();
                if file::others_may_read(&path) {
                    let path = path.display();
                    warnings.push(format!("others on this machine may read the log file {path}: its mode should be 600"));
                }
                if cleaning::is_due(db)? {
                    warnings.push(format!(
                        "erased text may still lie in the log file {}: it goes once the file can be written anew, which \
                         needs as much free room as it takes up",
                        path.display()
                    ));
                }
                Ok(warnings)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use log_model::{LogEvent, OwnerId, Recorded, SafeText, Source};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "a test's own words hold no secret")]
    fn line(text: &str) -> Recorded {
        let text = SafeText::assume_redacted(text);
        let event = LogEvent::Line {
            source: Source::Stdout,
            text,
            class: None,
            cut: None,
            masked: Vec::new(),
        };
        Recorded {
            ts: Timestamp::from_millis(0),
            phase: None,
            event,
        }
    }

    #[tokio::test]
    async fn a_batch_that_found_no_room_lands_once_there_is_some() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("log.db")).unwrap();
        let job = JobId::new("a").unwrap();
        store
            .open(
                &job,
                &Owner::user(OwnerId::new("user_ana").unwrap()),
                Timestamp::default(),
            )
            .await
            .unwrap();
        let writer = store.join(&job, &WriterId::new("w").unwrap()).await.unwrap();
        let limit = |pages: u32| {
            store
                .inner
                .writer
                .lock()
                .pragma_update(None, "max_page_count", pages)
                .unwrap()
        };
        limit(40);
        let text = "x".repeat(8 * 1024);
        let mut batch = Batch {
            writer: writer.id,
            fence: writer.fence,
            number: 1,
            events: vec![line(&text)],
        };
        loop {
            match store.append(&job, &batch).await {
                Ok(_) => batch.number += 1,
                Err(Error::Full) => break,
                Err(other) => panic!("expected no room, got {other:?}"),
            }
        }
        assert!(batch.number > 1, "the first one had room");
        assert_eq!(
            store.job(&job).await.unwrap().unwrap().head.get(),
            batch.number - 1,
            "a batch lands whole or not at all"
        );
        limit(1_000_000);
        assert_eq!(store.append(&job, &batch).await.unwrap().last.get(), batch.number);
    }

    #[test]
    fn what_the_file_system_says_becomes_what_one_can_do_about_it() {
        let path = Path::new("/var/lib/tailwater/log.db");
        let said = |kind: ErrorKind| trouble::file_system(path, kind.into()).to_string();
        for (kind, words) in [
            (ErrorKind::PermissionDenied, "must be writable by this user"),
            (ErrorKind::ReadOnlyFilesystem, "must be writable by this user"),
            (ErrorKind::NotFound, "create it, or name another file"),
            (ErrorKind::IsADirectory, "is a folder"),
            (ErrorKind::StorageFull, "no room left"),
            (ErrorKind::TimedOut, "did not answer"),
        ] {
            assert!(said(kind).contains(words), "{kind:?}: {}", said(kind));
        }
    }
}
