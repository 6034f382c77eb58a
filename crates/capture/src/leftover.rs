//! Delivers what earlier runs left behind: spools whose process is gone, under the writer and numbers they carry.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use log_model::{GapReason, JobId, Recorded, Timestamp, WriterId};
use stream_store::{Batch, Error as StoreError, Known, LogStore, Writer};

use crate::error::{Error, Result};
use crate::gaps::gap;
use crate::spool::{self, Leftover, SpoolProgress, SpoolRecord};
use crate::store::{is_passing, patiently};

/// What became of the spools in a folder.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Flushed {
    /// Spools delivered and removed.
    pub delivered: usize,
    /// Entries delivered; what the store had already is not counted.
    pub entries: u64,
    /// Spools that stay, each with why.
    pub left: Vec<(PathBuf, Error)>,
}

/// Delivers every spool in `folder` that no living process owns: of one job, or of all.
///
/// A spool that cannot be delivered stays and is named. Dropping the future leaves every spool complete: what was
/// sent already is recognised when it is sent again.
///
/// # Errors
/// [`Error::Spool`] when the folder cannot be read, and [`Error::Store`] when the store does not answer.
pub async fn flush(store: &Arc<dyn LogStore>, folder: &Path, job: Option<&JobId>) -> Result<Flushed> {
    let mut flushed = Flushed::default();
    let folder = folder.to_owned();
    for path in blocking(move || spool::list(&folder)).await? {
        let taken = {
            let path = path.clone();
            blocking(move || Leftover::take(&path)).await
        };
        let leftover = match taken {
            Ok(Some(leftover)) => leftover,
            Ok(None) => continue,
            // One file that cannot be read is no reason to leave the others.
            Err(error) => {
                flushed.left.push((path, error));
                continue;
            }
        };
        if job.is_some_and(|job| *job != leftover.header.job) {
            continue;
        }
        match deliver(store.as_ref(), leftover).await {
            Ok(entries) => {
                flushed.delivered += 1;
                flushed.entries += entries;
            }
            Err(error @ Error::Store(StoreError::Unavailable { .. })) => return Err(error),
            Err(error) => flushed.left.push((path, error)),
        }
    }
    Ok(flushed)
}

/// Delivers one spool, and removes it. Returns how many entries it added.
async fn deliver(store: &dyn LogStore, leftover: Leftover) -> Result<u64> {
    let header = leftover.header.clone();
    let mut progress = leftover.progress();
    let (mut kept, mut ahead) = next(Some(leftover)).await?;
    let first = match &ahead {
        Some(SpoolRecord::Batch { number, .. }) => progress.in_store(*number),
        _ => 1,
    };
    let job = header.job;
    let joining = async {
        match header.owner {
            None => patiently(store.join(&job, &header.writer)).await,
            // A store that lost the job gets it back.
            Some(owner) => {
                let known = Known {
                    highest: progress.head,
                    resend_from: progress.head.next(),
                    next: first,
                    ..Known::nothing_written(owner, now())
                };
                patiently(store.rejoin(&job, &header.writer, &known, now())).await
            }
        }
    };
    let writer = match joining.await {
        Ok(writer) => writer,
        // Nothing more can be said in this job. A spool that says nothing is no loss; another stays, and is named.
        Err(error @ (StoreError::Ended | StoreError::Erased)) => {
            if matches!(ahead, None | Some(SpoolRecord::Closed { .. })) {
                remove(&mut kept).await?;
                return Ok(0);
            }
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    };
    let mut sender = Sender {
        store,
        job: &job,
        writer,
        sent: 0,
    };
    let mut closed = None;
    while let Some(record) = ahead {
        match record {
            SpoolRecord::Closed { ending } => closed = Some(ending),
            // The store has it.
            SpoolRecord::Batch { number, .. } if progress.in_store(number) < sender.writer.next => {}
            SpoolRecord::Batch { number, events, .. } => {
                let missing = progress.in_store(number) - sender.writer.next;
                if missing > 0 {
                    // The store lost what it had acknowledged before the spool began: one gap takes the place of it
                    // all. Said on disk first: whoever goes on from here must count as we do.
                    progress.shift -= i64::try_from(missing - 1).unwrap_or(i64::MAX);
                    kept = write_down(kept, progress).await?;
                    sender.send(vec![gap(None, GapReason::StoreLost)]).await?;
                }
                if !events.is_empty() {
                    sender.send(events).await?;
                }
            }
        }
        (kept, ahead) = next(kept).await?;
    }
    let said_before = progress.last_word > 0 && progress.last_word < sender.writer.next;
    if closed.is_none() && !said_before {
        progress.last_word = sender.writer.next;
        kept = write_down(kept, progress).await?;
        let damaged = kept.as_ref().is_some_and(|leftover| leftover.reader.is_damaged());
        // Killed, what it held in memory is gone, and nobody can know how much that was; nor what cannot be read.
        let reason = if damaged {
            GapReason::Damaged
        } else {
            GapReason::WriterKilled
        };
        sender.send(vec![gap(None, reason)]).await?;
    }
    if let Some(Some(ending)) = closed {
        match patiently(store.end(&job, ending, now())).await {
            Ok(_) | Err(StoreError::Ended) => {}
            Err(error) => return Err(error.into()),
        }
    }
    patiently(store.leave(&job, &sender.writer, now())).await?;
    let sent = sender.sent;
    remove(&mut kept).await?;
    Ok(sent)
}

/// Says in the log that writers of this job whose lease ran out said no more, and takes their place in silence: they
/// would hold back the job's end for ever. Their spools, if this machine has them, are delivered before.
pub(crate) async fn bury_lapsed(
    store: &dyn LogStore,
    job: &JobId,
    own: &WriterId,
    now: Timestamp,
) -> stream_store::Result<()> {
    /// The store's clock judges leases; ours may be off by this much.
    const DOUBT: std::time::Duration = std::time::Duration::from_secs(60);

    let Some(record) = patiently(store.job(job)).await? else {
        return Ok(());
    };
    for (slot, writer) in &record.writers {
        let lapsed = writer.lease_until.is_some_and(|until| now.since(until) > DOUBT);
        if !lapsed || slot == own {
            continue;
        }
        // Under a slot of its own: a number of theirs is never used up, so that one who was only cut off and comes
        // back goes on where it stopped.
        let witness = patiently(store.join(job, &crate::writer::fresh_writer())).await?;
        let mut sender = Sender {
            store,
            job,
            writer: witness,
            sent: 0,
        };
        sender.send(vec![gap(None, GapReason::WriterKilled)]).await?;
        patiently(store.leave(job, &sender.writer, now)).await?;
        let dead = patiently(store.join(job, slot)).await?;
        patiently(store.leave(job, &dead, now)).await?;
    }
    Ok(())
}

/// Sends batches one after the other under a slot.
struct Sender<'a> {
    store: &'a dyn LogStore,
    job: &'a JobId,
    writer: Writer,
    sent: u64,
}

impl Sender<'_> {
    /// Appends under the next number; a few failures are sat out.
    async fn send(&mut self, events: Vec<Recorded>) -> stream_store::Result<()> {
        let entries = events.len() as u64;
        let batch = Batch {
            writer: self.writer.id.clone(),
            fence: self.writer.fence,
            number: self.writer.next,
            events,
        };
        let mut pause = std::time::Duration::from_millis(100);
        let mut tries = 0;
        loop {
            match patiently(self.store.append(self.job, &batch)).await {
                Ok(_) => break,
                Err(error)
                    if tries < 5
                        && is_passing(&error)
                        && !matches!(
                            error,
                            StoreError::Fenced | StoreError::Behind { .. } | StoreError::NoSuchJob
                        ) =>
                {
                    tries += 1;
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Err(error) => return Err(error),
            }
        }
        self.writer.next += 1;
        self.sent += entries;
        Ok(())
    }
}

/// Reads on, off the runtime's threads.
async fn next(leftover: Option<Leftover>) -> Result<(Option<Leftover>, Option<SpoolRecord>)> {
    let Some(mut leftover) = leftover else {
        return Ok((None, None));
    };
    blocking(move || {
        let record = leftover.reader.next_record()?;
        Ok((Some(leftover), record))
    })
    .await
}

/// Says on disk how the numbers stand to the store's.
async fn write_down(leftover: Option<Leftover>, progress: SpoolProgress) -> Result<Option<Leftover>> {
    let Some(mut leftover) = leftover else { return Ok(None) };
    blocking(move || {
        leftover.set_progress(progress)?;
        Ok(Some(leftover))
    })
    .await
}

async fn remove(leftover: &mut Option<Leftover>) -> Result<()> {
    match leftover.take() {
        Some(leftover) => blocking(move || leftover.remove()).await,
        None => Ok(()),
    }
}

/// Work on the disk, off the runtime's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Error::Spool(error)),
        Err(stopped) => Err(Error::Spool(stopped.into())),
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
