//! Time under control although everything goes over sockets.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::Instant;

use crate::common::LIMIT;

/// Tokio's clock, which stands still unless it is moved. Let go of, it runs ahead by itself again.
pub(crate) struct HeldClock {
    started: Instant,
    _release: mpsc::Sender<()>,
}

impl HeldClock {
    pub(crate) fn hold() -> Self {
        tokio::time::pause();
        let (release, released) = mpsc::channel::<()>();
        // A paused clock leaps to the next timer whenever everything waits, and waiting for a socket counts as that. It
        // does not while a blocking task runs. The task's own limit is real time: then the clock leaps, and whatever
        // waits in vain runs into its limit.
        tokio::task::spawn_blocking(move || released.recv_timeout(LIMIT));
        Self {
            started: Instant::now(),
            _release: release,
        }
    }

    /// How far it was moved in all.
    pub(crate) fn moved(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) async fn advance(&self, by: Duration) {
        tokio::time::advance(by).await;
    }

    /// Looks until something is so, without the clock moving; each look goes over a socket and lets everybody work.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let start = std::time::Instant::now();
        while !is_so().await {
            assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        }
    }

    /// Moves on in small steps until something is so, and says how far it had to; at most `limit`.
    pub(crate) async fn advance_until(&self, limit: Duration, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
        let start = Instant::now();
        while !is_so().await {
            assert!(start.elapsed() < limit, "not within {limit:?}");
            self.advance(limit / 200).await;
        }
        start.elapsed()
    }
}
