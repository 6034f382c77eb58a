//! A store that may not be reachable yet, and the patience every call to it has.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use log_model::WriterId;
use stream_store::{Error, LogStore, Result};
use tokio::time::Instant;

/// How long one call to the store may take. After that nobody knows whether it happened, and it is made again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

type Connecting = Pin<Box<dyn Future<Output = Result<Arc<dyn LogStore>>> + Send>>;

/// Where entries go: a store, or a way to get one that is tried until it works.
///
/// A build never waits for the store, so a run may begin while the store is away, and connects meanwhile.
#[derive(Clone)]
pub struct StoreSource(Arc<dyn Fn() -> Connecting + Send + Sync>);

impl StoreSource {
    /// Connects by `connect`, again and again with pauses between, until it answers with a store.
    pub fn connecting<F, C>(connect: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = Result<Arc<dyn LogStore>>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(connect())))
    }

    /// One attempt.
    pub(crate) async fn connect(&self) -> Result<Arc<dyn LogStore>> {
        patiently((self.0)()).await
    }
}

impl From<Arc<dyn LogStore>> for StoreSource {
    fn from(store: Arc<dyn LogStore>) -> Self {
        Self(Arc::new(move || {
            let store = Arc::clone(&store);
            Box::pin(async move { Ok(store) })
        }))
    }
}

impl<S: LogStore> From<Arc<S>> for StoreSource {
    fn from(store: Arc<S>) -> Self {
        Self::from(store as Arc<dyn LogStore>)
    }
}

impl fmt::Debug for StoreSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreSource")
    }
}

/// A call with an end: one that takes too long counts as not answered.
pub(crate) async fn patiently<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => answer,
        Err(late) => Err(Error::Unavailable { source: late.into() }),
    }
}

/// Whether the same call may succeed later.
pub(crate) fn is_passing(error: &Error) -> bool {
    !matches!(
        error,
        Error::Ended | Error::Erased | Error::OtherOwner | Error::Setting { .. }
    )
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The pauses between attempts while the store does not answer: longer each time, up to a limit.
#[derive(Debug)]
pub(crate) struct Pauses {
    until: Instant,
    next: Duration,
    /// Many writers that lost the same store should not come back in step.
    spread: f64,
}

impl Pauses {
    /// For a writer; no pause yet.
    pub(crate) fn new(writer: &WriterId) -> Self {
        let last = writer.as_str().bytes().next_back().unwrap_or(0);
        Self {
            until: Instant::now(),
            next: FIRST_PAUSE,
            spread: 1.0 + f64::from(last % 16) / 64.0,
        }
    }

    /// When the next attempt is due.
    pub(crate) fn until(&self) -> Instant {
        self.until
    }

    /// An attempt failed.
    pub(crate) fn pause(&mut self) {
        self.until = Instant::now() + self.next.mul_f64(self.spread);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
    }

    /// The store answered.
    pub(crate) fn over(&mut self) {
        self.until = Instant::now();
        self.next = FIRST_PAUSE;
    }
}
