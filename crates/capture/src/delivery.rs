//! Gets batches to the store: in order, each once, whatever the store does meanwhile; and keeps them until then.
//!
//! One task owns it all: the standing with the store, what it has acknowledged and may still lose, and the outbox with
//! what waits. It takes new batches at any time, so the build is never held up by the network, at most by a write to
//! the local disk.
//!
//! A few batches are on their way at once. The store takes them in order or not at all, so that an answer to one speaks
//! for all before it; when one fails, the others are waited for, and everything that is not acknowledged goes out again.

mod acknowledged;
mod due;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log_model::{Fence, JobId, Owner, Phase, Recorded, Timestamp, WriterId};
use stream_store::{Ending, Error, Known, LEASE_RENEWAL, LogStore, Writer};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::calls::{Calls, Done, Join, Joined, leave};
use crate::kept::Kept;
use crate::outbox::{Item, Outbox};
use crate::spool::SpoolHeader;
use crate::store::{Pauses, StoreSource, patiently};
use crate::trouble::SpoolTrouble;
use crate::writer::fresh_writer;

/// With the store away for this long, what waits in memory is put on disk too: this process may be killed meanwhile.
const TROUBLE: Duration = Duration::from_secs(2);

/// Batches on their way at once. Stores remember at least 16 answers of a writer, for it to ask again.
const WINDOW: usize = 8;

/// How often the store is asked to confirm.
const CONFIRM_EVERY: Duration = Duration::from_secs(2);

/// How often what was spooled is made to survive the machine.
const SYNC_EVERY: Duration = Duration::from_millis(500);

/// How often a disk that took nothing is tried again.
const DISK_AGAIN: Duration = Duration::from_secs(2);

/// What delivery needs to know.
#[derive(Debug)]
pub(crate) struct DeliveryOptions {
    pub(crate) job: JobId,
    pub(crate) owner: Option<Owner>,
    pub(crate) phase: Option<Phase>,
    pub(crate) spool_dir: Option<PathBuf>,
    pub(crate) spool_limit: u64,
    pub(crate) flush_timeout: Duration,
}

/// What delivery came to.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// Everything is in the store.
    pub(crate) complete: bool,
    /// The file that holds what is not.
    pub(crate) spool_left: Option<PathBuf>,
    /// Lines in it.
    pub(crate) lines_left: u64,
    /// Lines that are nowhere.
    pub(crate) lines_lost: u64,
    /// Why the disk did not keep them.
    pub(crate) spool_trouble: Option<SpoolTrouble>,
    /// Why the store did not take everything.
    pub(crate) trouble: Option<Error>,
}

/// What arrives from the recorders.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// A batch's events.
    Events(Vec<Recorded>),
    /// No more will come; the job is to end like this, or goes on.
    Over(Option<Ending>),
}

/// Where we stand with the store.
#[derive(Debug)]
enum Standing {
    /// Not joined, or the slot has to be taken again.
    Outside,
    Joined(Arc<dyn LogStore>, Writer),
    /// The store will never take what is left.
    Refused,
    /// Everything is said.
    Gone,
}

pub(crate) struct Delivery {
    source: StoreSource,
    options: DeliveryOptions,
    id: WriterId,
    standing: Standing,
    /// The job we joined, and the fence we were given last.
    job: Option<(Owner, Timestamp)>,
    fence: Fence,
    /// Acknowledged, not confirmed.
    kept: Kept,
    /// On its way, in order.
    sending: VecDeque<Item>,
    /// What the last append that failed said, with its number. Nothing more is sent until the others are answered.
    failed: Option<(u64, Error)>,
    /// The highest number ever sent.
    sent: u64,
    /// What waits.
    out: Outbox,
    backlog: Arc<AtomicBool>,
    last_sync: Instant,
    disk_again: Instant,
    acknowledged: u64,
    confirm_due: Instant,
    renew_due: Instant,
    pauses: Pauses,
    trouble: Option<Error>,
    trouble_since: Option<Instant>,
    /// Set once no more will come.
    over: Option<Option<Ending>>,
}

impl Delivery {
    pub(crate) fn new(source: StoreSource, options: DeliveryOptions) -> Self {
        let now = Instant::now();
        let id = fresh_writer();
        let out = Outbox::new(options.job.clone(), id.clone());
        Self {
            source,
            options,
            standing: Standing::Outside,
            job: None,
            fence: Fence(0),
            kept: Kept::default(),
            sending: VecDeque::new(),
            failed: None,
            sent: 0,
            out,
            backlog: Arc::default(),
            last_sync: now,
            disk_again: now,
            acknowledged: 0,
            confirm_due: now + CONFIRM_EVERY,
            renew_due: now + LEASE_RENEWAL,
            pauses: Pauses::new(&id),
            id,
            trouble: None,
            trouble_since: None,
            over: None,
        }
    }

    /// Whether something waits to be sent, kept up to date. A hint for whoever makes batches: see [`Batcher::backlog`].
    ///
    /// [`Batcher::backlog`]: crate::Batcher::backlog
    pub(crate) fn backlog(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.backlog)
    }

    /// Works until everything is delivered and said, or until the flush time-out after the end of the input.
    pub(crate) async fn run(mut self, mut input: mpsc::Receiver<Parcel>) -> Delivered {
        if let Some(folder) = self.options.spool_dir.clone() {
            let DeliveryOptions {
                job,
                owner,
                phase,
                spool_limit,
                ..
            } = &self.options;
            let header = SpoolHeader::new(job.clone(), owner.clone(), phase.clone(), self.id.clone());
            self.out.create_spool(&folder, header, *spool_limit).await;
        }
        let mut calls = Calls::default();
        let mut deadline: Option<Instant> = None;
        loop {
            self.make_calls(&mut calls).await;
            self.backlog.store(!self.out.is_empty(), Ordering::Relaxed);
            if calls.is_idle() && self.is_settled() {
                break;
            }
            let wake = self.wake_at(!calls.is_idle());
            // Under a burst there is always something else to do.
            if self.disk_due().is_some_and(|due| due <= Instant::now()) {
                self.housekeeping().await;
            }
            tokio::select! {
                done = calls.next() => self.handle(done, &mut calls).await,
                parcel = input.recv(), if self.over.is_none() => match parcel {
                    Some(Parcel::Events(events)) => self.accept(events).await,
                    over => {
                        self.over = Some(if let Some(Parcel::Over(ending)) = over { ending } else { None });
                        deadline = Some(Instant::now() + self.options.flush_timeout);
                    }
                },
                () = sleep_until(deadline), if deadline.is_some() => break,
                () = tokio::time::sleep_until(wake) => self.housekeeping().await,
            }
        }
        self.give_up(calls).await;
        self.conclude().await
    }

    /// Makes the calls that are due.
    async fn make_calls(&mut self, calls: &mut Calls) {
        let now = Instant::now();
        if now < self.pauses.until() || calls.is_alone() || self.failed.is_some() {
            return;
        }
        match &self.standing {
            Standing::Refused | Standing::Gone => {}
            Standing::Outside => {
                if calls.appends() == 0 {
                    calls.stop_confirming();
                    calls.alone(self.join().call());
                }
            }
            Standing::Joined(store, writer) => {
                let (store, writer, job) = (Arc::clone(store), writer.clone(), self.options.job.clone());
                // Also while more waits: a build that never pauses is not to be the one that is never confirmed.
                if now >= self.confirm_due && !calls.is_confirming() {
                    self.confirm_due = now + CONFIRM_EVERY;
                    if let Some(last) = self.kept.last() {
                        calls.confirm(Arc::clone(&store), job.clone(), writer.id.clone(), last);
                    }
                }
                self.send(calls, &store, &writer).await;
                if !self.out.is_empty() || calls.appends() > 0 {
                    return;
                }
                if let Some(ending) = self.over {
                    calls.stop_confirming();
                    calls.alone(leave(store, job, writer, self.acknowledged, ending));
                } else if now >= self.renew_due {
                    self.renew_due = now + LEASE_RENEWAL;
                    calls.alone(async move { Done::Renewed(patiently(store.renew(&job, &writer)).await) });
                }
            }
        }
    }

    /// Sends what waits, up to the window.
    async fn send(&mut self, calls: &mut Calls, store: &Arc<dyn LogStore>, writer: &Writer) {
        while calls.appends() < WINDOW {
            self.out.refill(calls.appends() > 0).await;
            // Without one, nothing waits, or the disk still writes what is next; housekeeping looks after it.
            let Some(mut item) = self.out.pop() else { return };
            item.edit().fence = writer.fence;
            self.sent = self.sent.max(item.number());
            calls.append(Arc::clone(store), self.options.job.clone(), Arc::clone(&item.batch));
            self.sending.push_back(item);
        }
    }

    fn join(&self) -> Join {
        let known = self.job.clone().map(|(owner, opened)| {
            let (next, resend_from) = match self.kept.first() {
                Some(first) => first,
                None => (self.out.first_waiting(), self.out.head().next()),
            };
            Known {
                owner,
                opened,
                phases: Vec::new(),
                fence: self.fence,
                highest: self.out.head(),
                resend_from,
                next,
                counts: *self.kept.counts(),
            }
        });
        Join {
            source: self.source.clone(),
            job: self.options.job.clone(),
            owner: self.options.owner.clone(),
            writer: self.id.clone(),
            leftovers: self.options.spool_dir.clone(),
            known,
        }
    }

    async fn handle(&mut self, done: Done, calls: &mut Calls) {
        match done {
            Done::Joined(Ok(Joined { store, writer, job })) => {
                self.well();
                let next = writer.next;
                self.fence = writer.fence;
                self.job = job;
                self.standing = Standing::Joined(store, writer);
                self.renew_due = Instant::now() + LEASE_RENEWAL;
                self.go_on_with(next).await;
            }
            Done::Joined(Err(error)) => self.unwell(error),
            Done::Appended(number, Ok(landed)) => {
                self.renew_due = Instant::now() + LEASE_RENEWAL;
                self.landed(number, landed);
            }
            Done::Appended(number, Err(error)) => self.failed = Some((number, error)),
            Done::Renewed(Ok(())) => self.well(),
            Done::Renewed(Err(error)) => self.unwell(error),
            Done::Confirmed(number, Ok(true)) => self.kept.confirmed(number),
            Done::Confirmed(_, Ok(false)) => {}
            // Appends meet the same trouble, or there is none any more.
            Done::Confirmed(_, Err(error)) => {
                tracing::debug!(job = %self.options.job, %error, "not confirmed");
            }
            Done::Left(Ok(())) => {
                self.well();
                self.standing = Standing::Gone;
            }
            Done::Left(Err(Error::Behind { expected })) => self.go_on_with(expected).await,
            Done::Left(Err(error)) => self.unwell(error),
        }
        if calls.appends() == 0
            && let Some((number, error)) = self.failed.take()
        {
            self.take_back_sending();
            // Numbers may mean something else from here on.
            calls.stop_confirming();
            match error {
                Error::Behind { expected } if expected != number => {
                    self.well();
                    self.go_on_with(expected).await;
                }
                error => self.unwell(error),
            }
        }
    }

    async fn accept(&mut self, events: Vec<Recorded>) {
        if self.out.wants_spool(&events) {
            self.disk_again = Instant::now() + DISK_AGAIN;
            self.out.spill(self.ahead()).await;
        }
        self.out.accept(events).await;
    }

    /// The time-out came while calls were under way: their batches go back to where they were.
    async fn give_up(&mut self, mut calls: Calls) {
        // The calls themselves still have their patience; they end with the store's answer or without one.
        let end = Instant::now() + Duration::from_secs(1);
        while !calls.is_idle() {
            match tokio::time::timeout_at(end, calls.next()).await {
                Ok(done) => self.handle(done, &mut calls).await,
                Err(_) => {
                    self.trouble.get_or_insert_with(|| Error::Unavailable {
                        source: "no answer in time".into(),
                    });
                    break;
                }
            }
        }
        self.take_back_sending();
    }

    /// Says what became of everything, and leaves what was not delivered where the next run finds it.
    async fn conclude(self) -> Delivered {
        let trouble = self.trouble;
        let ending = self.over.flatten();
        let complete = match self.standing {
            Standing::Gone => true,
            // An ended job refuses our leave as well; with nothing left to deliver there is nothing left to say.
            Standing::Refused => self.out.has_nothing() && ending.is_none(),
            _ => false,
        };
        if complete {
            let (lines_lost, spool_trouble) = self.out.remove().await;
            return Delivered {
                complete,
                lines_lost,
                spool_trouble,
                trouble,
                ..Delivered::default()
            };
        }
        let left = self.out.leave_behind(ending).await;
        Delivered {
            complete,
            spool_left: left.path,
            lines_left: left.lines,
            lines_lost: left.lost,
            spool_trouble: left.trouble,
            trouble,
        }
    }
}

/// Until then, or for ever.
async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_that_has_to_wait_for_an_answer_wakes_us_before_it_comes() {
        let source = StoreSource::connecting(std::future::pending);
        let options = DeliveryOptions {
            job: JobId::new("build-42").expect("it is an id"),
            owner: None,
            phase: None,
            spool_dir: None,
            spool_limit: 0,
            flush_timeout: Duration::ZERO,
        };
        let delivery = Delivery::new(source, options);
        let soon = Instant::now() + Duration::from_secs(1);
        assert!(delivery.wake_at(false) < soon, "it is due to join");
        assert!(delivery.wake_at(true) > soon, "it is joining");
    }
}
