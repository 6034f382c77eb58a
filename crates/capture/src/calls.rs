//! The calls delivery makes to the store, and what each came to. They own what they need, so that a call can be given
//! up at any time.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use futures::stream::{FuturesOrdered, StreamExt as _};
use log_model::{JobId, Owner, Timestamp, WriterId};
use stream_store::{Appended, Batch, Ending, Error, Known, LogStore, Writer};

use crate::leftover;
use crate::store::{StoreSource, patiently};

/// What a call came to.
pub(crate) enum Done {
    Joined(Result<Joined, Error>),
    Renewed(Result<(), Error>),
    Confirmed(u64, Result<bool, Error>),
    Left(Result<(), Error>),
    /// A batch's number, and where it landed.
    Appended(u64, Result<Appended, Error>),
}

/// A place among the job's writers.
pub(crate) struct Joined {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) writer: Writer,
    /// Whose job it is, and when it was opened; none when the store did not say.
    pub(crate) job: Option<(Owner, Timestamp)>,
}

type Call = Pin<Box<dyn Future<Output = Done> + Send>>;

/// The calls under way: several appends, answered in order, and beside them the question whether what was acknowledged
/// is safe; or one other call alone.
#[derive(Default)]
pub(crate) struct Calls {
    appends: FuturesOrdered<Call>,
    confirm: Option<Call>,
    alone: Option<Call>,
}

impl Calls {
    pub(crate) fn is_idle(&self) -> bool {
        self.appends.is_empty() && self.confirm.is_none() && self.alone.is_none()
    }

    pub(crate) fn appends(&self) -> usize {
        self.appends.len()
    }

    pub(crate) fn is_confirming(&self) -> bool {
        self.confirm.is_some()
    }

    /// Nobody wants to know any more.
    pub(crate) fn stop_confirming(&mut self) {
        self.confirm = None;
    }

    /// Whether a call is under way beside which there are no others.
    pub(crate) fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Makes a call that has no others beside it.
    pub(crate) fn alone(&mut self, call: impl Future<Output = Done> + Send + 'static) {
        self.alone = Some(Box::pin(call));
    }

    pub(crate) fn append(&mut self, store: Arc<dyn LogStore>, job: JobId, batch: Arc<Batch>) {
        self.appends.push_back(Box::pin(async move {
            Done::Appended(batch.number, patiently(store.append(&job, &batch)).await)
        }));
    }

    pub(crate) fn confirm(&mut self, store: Arc<dyn LogStore>, job: JobId, writer: WriterId, last: u64) {
        self.confirm = Some(Box::pin(async move {
            Done::Confirmed(last, patiently(store.confirm(&job, &writer, last)).await)
        }));
    }

    /// What the next call that is answered came to. Never returns while none is under way. Dropping it loses nothing.
    pub(crate) async fn next(&mut self) -> Done {
        let Self {
            appends,
            confirm,
            alone,
        } = self;
        tokio::select! {
            biased;
            Some(done) = appends.next() => done,
            done = answer(alone) => done,
            done = answer(confirm) => done,
        }
    }
}

/// The answer to a call, which is over then.
async fn answer(call: &mut Option<Call>) -> Done {
    match call {
        Some(under_way) => {
            let done = under_way.await;
            *call = None;
            done
        }
        None => std::future::pending().await,
    }
}

/// What joining needs to know.
pub(crate) struct Join {
    pub(crate) source: StoreSource,
    pub(crate) job: JobId,
    pub(crate) owner: Option<Owner>,
    pub(crate) writer: WriterId,
    /// The folder of spools: those of this job are delivered first.
    pub(crate) leftovers: Option<PathBuf>,
    /// What is known of a job we have written to before.
    pub(crate) known: Option<Known>,
}

impl Join {
    /// Connects, opens the job where an owner is known, delivers what earlier runs of this job left, and joins. One who
    /// was there before brings back what the store has forgotten of the job.
    pub(crate) async fn call(self) -> Done {
        Done::Joined(self.join().await)
    }

    async fn join(self) -> Result<Joined, Error> {
        let Self { job, writer, .. } = &self;
        let store = self.source.connect().await?;
        let now = SystemTime::now().into();
        if let Some(known) = &self.known {
            let writer = patiently(store.rejoin(job, writer, known, now)).await?;
            let job = Some((known.owner.clone(), known.opened));
            return Ok(Joined { store, writer, job });
        }
        if let Some(owner) = &self.owner {
            patiently(store.open(job, owner, now)).await?;
        }
        if let Some(folder) = &self.leftovers {
            match leftover::flush(&store, folder, Some(job)).await {
                Err(crate::Error::Store(error @ Error::Unavailable { .. })) => return Err(error),
                // What cannot be delivered stays where it is; it is no reason not to write what is new.
                Err(error) => tracing::warn!(%job, %error, "a spool was not delivered"),
                Ok(flushed) => {
                    for (_, error) in &flushed.left {
                        tracing::warn!(%job, %error, "a spool was not delivered");
                    }
                }
            }
        }
        leftover::bury_lapsed(store.as_ref(), job, writer, now).await?;
        let record = patiently(store.job(job)).await?;
        let writer = patiently(store.join(job, writer)).await?;
        let job = record.map(|record| (record.owner, record.opened));
        Ok(Joined { store, writer, job })
    }
}

/// Confirms once more, and leaves, with the job's end in the same step if that is wished. A store that lost some of the
/// batches up to `last` since it acknowledged them refuses to let us go, and says from where to send again.
pub(crate) async fn leave(
    store: Arc<dyn LogStore>,
    job: JobId,
    writer: Writer,
    last: u64,
    ending: Option<Ending>,
) -> Done {
    let leaving = async {
        if last > 0 {
            // A primary without its replicas is no reason to stay: the operator decided against waiting.
            patiently(store.confirm(&job, &writer.id, last)).await?;
        }
        let writer = Writer {
            next: last + 1,
            ..writer
        };
        let now = SystemTime::now().into();
        let Some(ending) = ending else {
            return patiently(store.leave(&job, &writer, now)).await;
        };
        match patiently(store.finish(&job, &writer, ending, now)).await {
            Ok(_) => Ok(()),
            Err(Error::Ended) => {
                tracing::warn!(%job, "the job had ended otherwise");
                Ok(())
            }
            Err(error) => Err(error),
        }
    };
    Done::Left(leaving.await)
}
