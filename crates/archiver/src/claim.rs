//! The lock on a job's archive work: a lease in the recent store, renewed as the work goes on.

use std::time::Duration;

use log_model::JobId;
use stream_store::{Claim, LogStore};
use tokio::time::Instant;

use crate::error::Result;

/// How often a claim that somebody else holds is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// A claim being held. Give it back with [`release`](Held::release); dropped, it lapses by itself.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    store: &'a dyn LogStore,
    claim: Claim,
    ttl: Duration,
    renewed: Instant,
}

impl<'a> Held<'a> {
    pub(crate) async fn take(store: &'a dyn LogStore, job: &JobId, holder: &str, ttl: Duration) -> Result<Self> {
        // Counted from before the answer: the store's lease began no earlier than this.
        let renewed = Instant::now();
        let claim = store.claim(job, holder, ttl).await?;
        Ok(Self {
            store,
            claim,
            ttl,
            renewed,
        })
    }

    /// As [`take`](Held::take), waiting while somebody else holds it: longer than any lease runs unless it is renewed.
    pub(crate) async fn wait(store: &'a dyn LogStore, job: &JobId, holder: &str, ttl: Duration) -> Result<Self> {
        let until = Instant::now() + ttl * 2;
        loop {
            match Self::take(store, job, holder, ttl).await {
                Err(crate::Error::Store(stream_store::Error::Claimed)) if Instant::now() < until => {
                    tokio::time::sleep(AGAIN).await;
                }
                taken => return taken,
            }
        }
    }

    /// Renews the lease when a third of it is over. To be called before every step.
    pub(crate) async fn keep(&mut self) -> Result<()> {
        if self.renewed.elapsed() < self.ttl / 3 {
            return Ok(());
        }
        let renewed = Instant::now();
        self.store.claim(&self.claim.job, &self.claim.holder, self.ttl).await?;
        self.renewed = renewed;
        Ok(())
    }

    /// Gives it back. That it cannot be given back is no harm: it lapses.
    pub(crate) async fn release(self) {
        if let Err(error) = self.store.release(&self.claim).await {
            tracing::debug!(job = %self.claim.job, error = &error as &dyn std::error::Error, "the claim will lapse");
        }
    }
}
