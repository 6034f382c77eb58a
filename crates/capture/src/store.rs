//! A store that may not be reachable yet, and the patience every call to it has.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use stream_store::{Error, LogStore, Result};

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
