//! Gets batches to the store: in order, each once, whatever the store does meanwhile; and keeps them until then.
//!
//! One task owns it all: the standing with the store, what it has acknowledged and may still lose, and the outbox with
//! what waits. It takes new batches at any time, so the build is never held up by the network, at most by a write to
//! the local disk.
//!
//! A few batches are on their way at once. The store takes them in order or not at all, so that an answer to one speaks
//! for all before it; when one fails, the others are waited for, and everything that is not acknowledged goes out again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use log_model::{Fence, GapReason, JobId, Owner, Phase, Recorded, Seq, Timestamp, WriterId};
use stream_store::{Appended, Batch, Ending, Error, Known, LEASE_RENEWAL, LogStore, Writer};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::calls::{Calls, Done, Join, Joined, leave};
use crate::gaps::gap;
use crate::kept::Kept;
use crate::outbox::{Item, Outbox};
use crate::spool::SpoolHeader;
use crate::store::{Pauses, StoreSource, is_passing, patiently};
use crate::trouble::SpoolTrouble;

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

/// A writer id nobody else has.
pub(crate) fn fresh_writer() -> WriterId {
    let mut bytes = [0; 8];
    // Without randomness from the system, time and process still tell writers apart.
    if getrandom::fill(&mut bytes).is_err() {
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        bytes = ((nanos as u64) ^ (u64::from(std::process::id()) << 40)).to_be_bytes();
    }
    WriterId::new(&format!("w{:016x}", u64::from_be_bytes(bytes))).expect("a letter and 16 digits are a writer id")
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

    /// Whether there is nothing left to do.
    fn is_settled(&self) -> bool {
        match self.standing {
            Standing::Gone => true,
            Standing::Refused => self.over.is_some(),
            _ => false,
        }
    }

    /// When something is to be done without anybody asking. While a call is under way, the next one has to wait for it.
    fn wake_at(&self, under_way: bool) -> Instant {
        let mut at = match self.standing {
            _ if under_way => Instant::now() + LEASE_RENEWAL,
            Standing::Outside => self.pauses.until(),
            Standing::Joined(..) => self.renew_due.min(self.confirm_due).max(self.pauses.until()),
            _ => Instant::now() + LEASE_RENEWAL,
        };
        if let Some(due) = self.disk_due() {
            at = at.min(due);
        }
        at.max(Instant::now() + Duration::from_millis(1))
    }

    /// When something is to be done about the disk.
    fn disk_due(&self) -> Option<Instant> {
        let sync = self.out.is_spilling().then(|| self.last_sync + SYNC_EVERY);
        [sync, self.spill_due()].into_iter().flatten().min()
    }

    /// When what waits is to be put on disk, or the disk is to be tried again.
    fn spill_due(&self) -> Option<Instant> {
        if self.out.may_resume() {
            return Some(self.disk_again);
        }
        let since = self.trouble_since.filter(|_| !self.out.is_spilling())?;
        Some((since + TROUBLE).max(self.disk_again))
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

    /// The store has this batch, and so every one before it.
    fn landed(&mut self, number: u64, landed: Appended) {
        self.well();
        while self.sending.front().is_some_and(|item| item.number() <= number) {
            if let Some(item) = self.sending.pop_front() {
                // Of one whose own answer never came it is only known that it stands behind all that was known of.
                let place = if item.number() == number {
                    landed.first
                } else {
                    self.out.head().next()
                };
                self.keep(item, place);
            }
        }
        self.out.reached(landed.last);
        self.failed.take_if(|(failed, _)| *failed <= number);
    }

    /// What was being sent waits again.
    fn take_back_sending(&mut self) {
        while let Some(item) = self.sending.pop_back() {
            self.out.wait_first(item);
        }
    }

    /// The store answered.
    fn well(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!(job = %self.options.job, "the store takes lines again");
        }
        self.trouble_since = None;
        self.pauses.over();
    }

    /// The store did not take something: what to do about it.
    fn unwell(&mut self, error: Error) {
        match &error {
            error if !is_passing(error) => {
                self.standing = Standing::Refused;
            }
            // The slot has to be taken again, or the job opened again.
            Error::Fenced | Error::NoSuchJob => self.standing = Standing::Outside,
            // A connection that was never made is tried from the start.
            _ => {}
        }
        if self.trouble.is_none() {
            tracing::warn!(job = %self.options.job, %error, "the store takes no lines; they wait here");
        }
        self.trouble_since.get_or_insert_with(Instant::now);
        self.trouble = Some(error);
        self.pauses.pause();
    }

    /// A batch was acknowledged: kept a while longer, in case the store loses it.
    fn keep(&mut self, item: Item, place: Seq) {
        self.acknowledged = self.acknowledged.max(item.number());
        // Asked for once: a store that cannot confirm yet is not asked again after every batch.
        if self.kept.keep(item, place) {
            self.confirm_due = self.confirm_due.min(Instant::now());
        }
    }

    /// The store expects this batch next: refill what it lost, or pass over what it has.
    async fn go_on_with(&mut self, expected: u64) {
        // It has more than we knew of: answers that never came.
        let known = expected.min(self.sent + 1);
        while self.out.front().is_some_and(|item| item.number() < known) {
            if let Some(item) = self.out.pop() {
                self.keep(item, self.out.head().next());
            }
        }
        // It has less: what was acknowledged goes out again.
        while let Some(item) = self.kept.take_back(expected) {
            self.out.wait_first(item);
        }
        self.acknowledged = self.acknowledged.min(expected.saturating_sub(1));
        let first = self.out.first_waiting();
        if expected > first {
            // It counts higher than we ever did, which only a slot used by two could bring about.
            self.renumber(first, expected).await;
        } else if expected < first {
            // What it expects is no longer kept: a gap takes that number, and what is kept goes out behind it.
            let lost = self.kept.lost(expected);
            self.renumber(first, expected + 1).await;
            let gap = self.out.item(expected, vec![gap(lost, GapReason::StoreLost)]);
            self.out.wait_first(gap);
            self.sent = self.sent.min(expected.saturating_sub(1));
        }
    }

    async fn renumber(&mut self, was: u64, first: u64) {
        self.out.renumber(was, first).await;
        self.sent = self.sent.min(first.saturating_sub(1));
    }

    async fn accept(&mut self, events: Vec<Recorded>) {
        if self.out.wants_spool(&events) {
            self.disk_again = Instant::now() + DISK_AGAIN;
            self.out.spill(self.ahead()).await;
        }
        self.out.accept(events).await;
    }

    /// What was sent and may have to be sent again, in order.
    fn ahead(&self) -> Vec<Arc<Batch>> {
        let sending = self.sending.iter().map(|item| Arc::clone(&item.batch));
        self.kept.batches().chain(sending).collect()
    }

    /// What is due without anybody asking.
    async fn housekeeping(&mut self) {
        let now = Instant::now();
        if self.spill_due().is_some_and(|due| now >= due) {
            self.disk_again = now + DISK_AGAIN;
            self.out.spill(self.ahead()).await;
            self.out.resume().await;
        }
        if self.out.is_spilling() && now >= self.last_sync + SYNC_EVERY {
            self.last_sync = now;
            self.out.sync().await;
        }
        self.out.settle(Duration::ZERO).await;
        self.out.write_down_head().await;
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

/// The folder spools go to when none is named: the user's own state, or a temporary folder.
pub fn default_spool_dir() -> PathBuf {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let state = state.or_else(|| {
        std::env::var_os("HOME")
            .map(|home| PathBuf::from(home).join(".local/state"))
            .filter(|path| path.is_absolute())
    });
    match state {
        Some(state) => state.join("tailwater/spool"),
        None => std::env::temp_dir().join(format!("tailwater-{}", rustix::process::getuid().as_raw())),
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
