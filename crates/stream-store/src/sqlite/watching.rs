//! Who wants to hear of which job, and the one thread that hears other processes write and cleans up.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use log_model::JobId;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::watch;

use super::{cleaning, file};
use crate::store::Result;

/// How often the thread asks whether another connection has written. Half of this is what a line waits on average
/// between two processes; the question costs some 2 µs and no disk access.
const POLL: Duration = Duration::from_millis(20);

/// How long the thread waits after trouble with its connection before it opens another.
const PAUSE: Duration = Duration::from_secs(1);

/// How long after a cleaning that failed it is tried again.
const CLEAN_AGAIN: Duration = Duration::from_secs(5);

/// How long after the last masked line the file is cleaned, so that one cleaning serves a whole run of them.
const CLEAN_AFTER: Duration = Duration::from_millis(250);

/// The followers of one store, and what else its thread has to do.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Wanted {
    followed: HashMap<JobId, watch::Sender<()>>,
    clean_at: Option<Instant>,
    closing: bool,
}

/// What the thread is to do next.
enum Next {
    Clean,
    Poll,
    End,
}

/// One follower's place; gone when dropped.
#[derive(Debug)]
pub(super) struct Listening {
    wakes: Arc<Wakes>,
    job: JobId,
    /// Always there until the drop.
    wake: Option<watch::Receiver<()>>,
}

impl Wakes {
    pub(super) fn listen(self: &Arc<Self>, job: &JobId) -> Listening {
        let mut wanted = self.wanted.lock();
        let wake = wanted
            .followed
            .entry(job.clone())
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        self.changed.notify_all();
        Listening {
            wakes: Arc::clone(self),
            job: job.clone(),
            wake: Some(wake),
        }
    }

    /// This process has changed a job.
    pub(super) fn wake(&self, job: &JobId) {
        if let Some(listening) = self.wanted.lock().followed.get(job) {
            listening.send_replace(());
        }
    }

    /// Text was taken away: the file wants cleaning once that has ceased.
    pub(super) fn clean_soon(&self) {
        self.clean_after(CLEAN_AFTER);
    }

    fn clean_after(&self, span: Duration) {
        self.wanted.lock().clean_at = Some(Instant::now() + span);
        self.changed.notify_all();
    }

    /// Another process has changed some job; which one, only a look can tell.
    fn wake_all(&self) {
        self.wanted.lock().followed.values().for_each(|listening| {
            listening.send_replace(());
        });
    }

    fn close(&self) {
        self.wanted.lock().closing = true;
        self.changed.notify_all();
    }

    /// Waits until there is something to do.
    fn next(&self) -> Next {
        let mut wanted = self.wanted.lock();
        loop {
            let due = wanted.clean_at.is_some_and(|at| wanted.closing || at <= Instant::now());
            if due {
                wanted.clean_at = None;
                return Next::Clean;
            }
            if wanted.closing {
                return Next::End;
            }
            if !wanted.followed.is_empty() {
                return Next::Poll;
            }
            match wanted.clean_at {
                Some(at) => drop(self.changed.wait_until(&mut wanted, at)),
                // Without a limit: every change that matters notifies.
                None => self.changed.wait(&mut wanted),
            }
        }
    }

    /// Waits for `span`, less when the store is closing.
    fn pause(&self, span: Duration) {
        self.changed
            .wait_while_for(&mut self.wanted.lock(), |wanted| !wanted.closing, span);
    }

    fn is_closing(&self) -> bool {
        self.wanted.lock().closing
    }
}

impl Listening {
    /// Waits until the job has changed since the last call, or for `limit`. Cancel safe.
    pub(super) async fn changed(&mut self, limit: Duration) {
        let wake = self.wake.as_mut().expect("only the drop takes it");
        // The sender lives in the map for as long as there is a receiver, so that neither outcome is an error.
        let _ = tokio::time::timeout(limit, wake.changed()).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut wanted = self.wakes.wanted.lock();
        self.wake = None;
        if wanted
            .followed
            .get(&self.job)
            .is_some_and(|listening| listening.receiver_count() == 0)
        {
            wanted.followed.remove(&self.job);
        }
    }
}

/// The thread that watches the file for all followers of a store, and cleans it. It sleeps while there is nothing to do
/// and ends with its owner, after a cleaning that is still due.
#[derive(Debug)]
pub(super) struct Watcher {
    wakes: Arc<Wakes>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(super) fn start(wakes: Arc<Wakes>, path: PathBuf) -> std::io::Result<Self> {
        let shared = Arc::clone(&wakes);
        let thread = std::thread::Builder::new()
            .name("sqlite-watch".to_owned())
            .spawn(move || watch(&shared, path))?;
        Ok(Self {
            wakes,
            thread: Some(thread),
        })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.wakes.close();
        if let Some(thread) = self.thread.take() {
            // It had nothing to say; a panic in it was printed where it happened.
            let _ = thread.join();
        }
    }
}

fn watch(wakes: &Wakes, path: PathBuf) {
    let mut db: Option<Connection> = None;
    let mut seen = None;
    loop {
        let next = wakes.next();
        let done = match next {
            Next::End => return,
            Next::Clean => connected(&mut db, &path).and_then(cleaning::clean),
            Next::Poll => connected(&mut db, &path).and_then(version).map(|version| {
                if seen.replace(version).is_some_and(|seen| seen != version) {
                    wakes.wake_all();
                }
                wakes.pause(POLL);
            }),
        };
        let Err(error) = done else { continue };
        (db, seen) = (None, None);
        if let Next::Clean = next {
            tracing::warn!(%error, "erased text may still lie in the log file");
            if !wakes.is_closing() {
                wakes.clean_after(CLEAN_AGAIN);
            }
        } else {
            tracing::warn!(%error, "the log file cannot be watched");
            // The followers look for themselves, and find out what is wrong.
            wakes.wake_all();
            wakes.pause(PAUSE);
        }
    }
}

fn connected<'a>(db: &'a mut Option<Connection>, path: &Path) -> Result<&'a Connection> {
    match db {
        Some(db) => Ok(db),
        None => Ok(db.insert(file::connect(path)?)),
    }
}

/// A number that differs from the last one when another connection, of this process or another, has committed.
fn version(db: &Connection) -> Result<i64> {
    Ok(db
        .prepare_cached("PRAGMA data_version")?
        .query_row([], |row| row.get(0))?)
}
