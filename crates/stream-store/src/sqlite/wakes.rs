//! Who wants to hear of which job, and the one thread that hears other processes write.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use log_model::JobId;
use parking_lot::{Condvar, Mutex};
use rusqlite::Connection;
use tokio::sync::watch;

use super::file;

/// How often the thread asks whether another connection has written. Half of this is what a line waits on average
/// between two processes; the question costs some 2 µs and no disk access.
const POLL: Duration = Duration::from_millis(20);

/// How long the thread waits after trouble with its connection before it opens another.
const PAUSE: Duration = Duration::from_secs(1);

/// The followers of one store.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    followed: Mutex<Followed>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Followed {
    jobs: HashMap<JobId, watch::Sender<()>>,
    closing: bool,
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
        let mut followed = self.followed.lock();
        let wake = followed.jobs.entry(job.clone()).or_insert_with(|| watch::Sender::new(())).subscribe();
        self.changed.notify_all();
        Listening { wakes: Arc::clone(self), job: job.clone(), wake: Some(wake) }
    }

    /// This process has changed a job.
    pub(super) fn wake(&self, job: &JobId) {
        if let Some(listening) = self.followed.lock().jobs.get(job) {
            listening.send_replace(());
        }
    }

    /// Another process has changed some job; which one, only a look can tell.
    fn wake_all(&self) {
        self.followed.lock().jobs.values().for_each(|listening| {
            listening.send_replace(());
        });
    }

    fn close(&self) {
        self.followed.lock().closing = true;
        self.changed.notify_all();
    }

    /// Waits until somebody follows; false when the store is closing.
    fn wait_for_followers(&self) -> bool {
        let mut followed = self.followed.lock();
        // Without a limit: every change that matters notifies.
        self.changed.wait_while(&mut followed, |followed| followed.jobs.is_empty() && !followed.closing);
        !followed.closing
    }

    /// Waits for `span`; false when the store is closing.
    fn pause(&self, span: Duration) -> bool {
        let mut followed = self.followed.lock();
        self.changed.wait_while_for(&mut followed, |followed| !followed.closing, span);
        !followed.closing
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
        let mut followed = self.wakes.followed.lock();
        self.wake = None;
        if followed.jobs.get(&self.job).is_some_and(|listening| listening.receiver_count() == 0) {
            followed.jobs.remove(&self.job);
        }
    }
}

/// The thread that watches the file for all followers of a store. It sleeps while nobody follows and ends with its
/// owner.
#[derive(Debug)]
pub(super) struct Watcher {
    wakes: Arc<Wakes>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(super) fn start(wakes: Arc<Wakes>, path: PathBuf) -> std::io::Result<Self> {
        let shared = Arc::clone(&wakes);
        let thread = std::thread::Builder::new().name("sqlite-watch".to_owned()).spawn(move || watch(&shared, path))?;
        Ok(Self { wakes, thread: Some(thread) })
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
    while wakes.wait_for_followers() {
        let pause = match version(&mut db, &path) {
            Ok(version) => {
                if seen.replace(version).is_some_and(|seen| seen != version) {
                    wakes.wake_all();
                }
                POLL
            }
            Err(error) => {
                tracing::warn!(%error, "the log file cannot be watched");
                // The followers look for themselves, and find out what is wrong.
                wakes.wake_all();
                (db, seen) = (None, None);
                PAUSE
            }
        };
        if !wakes.pause(pause) {
            return;
        }
    }
}

/// A number that differs from the last one when another connection, of this process or another, has committed.
fn version(db: &mut Option<Connection>, path: &std::path::Path) -> crate::Result<i64> {
    let db = match db {
        Some(db) => db,
        None => db.insert(file::connect(path)?),
    };
    Ok(db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?)
}
