//! Gets batches to the store: in order, each once, whatever the store does meanwhile; and keeps them until then.
//!
//! One task owns it all: the standing with the store, what it has acknowledged and may still lose, and the outbox with
//! what waits. It takes new batches at any time, so the build is never held up by the network, at most by a write to the local disk.

use std::collections::VecDeque;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use log_model::{GapReason, JobId, Owner, Phase, Recorded, WriterId};
use stream_store::{Batch, Ending, Error, LEASE_RENEWAL, LogStore, Writer};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::leftover;
use crate::outbox::{Item, Outbox, gap};
use crate::spool::SpoolHeader;
use crate::store::{StoreSource, is_passing, patiently};

/// With the store away for this long, what waits in memory is put on disk too: this process may be killed meanwhile.
const TROUBLE: Duration = Duration::from_secs(2);

/// What was acknowledged but not confirmed is kept up to this much, for a store that lost it in a fail-over.
const KEPT: usize = 2 * 1024 * 1024;

/// How often the store is asked to confirm.
const CONFIRM_EVERY: Duration = Duration::from_secs(2);

/// How often what was spooled is made to survive the machine.
const SYNC_EVERY: Duration = Duration::from_millis(500);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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

/// One call to the store, and what it came to.
enum Done {
    Joined(Result<(Arc<dyn LogStore>, Writer), Error>),
    Appended(Result<(), Error>),
    Renewed(Result<(), Error>),
    Confirmed(u64, Result<bool, Error>),
    Left(Result<(), Error>),
}

type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

pub(crate) struct Delivery {
    source: StoreSource,
    options: DeliveryOptions,
    id: WriterId,
    standing: Standing,
    /// Acknowledged, not confirmed.
    kept: VecDeque<Item>,
    kept_weight: usize,
    /// Being sent.
    sending: Option<Item>,
    /// The highest number ever sent.
    sent: u64,
    /// What waits.
    out: Outbox,
    last_sync: Instant,
    acknowledged: u64,
    confirm_due: Instant,
    renew_due: Instant,
    retry_at: Instant,
    pause: Duration,
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
            id,
            standing: Standing::Outside,
            kept: VecDeque::new(),
            kept_weight: 0,
            sending: None,
            sent: 0,
            out,
            last_sync: now,
            acknowledged: 0,
            confirm_due: now + CONFIRM_EVERY,
            renew_due: now + LEASE_RENEWAL,
            retry_at: now,
            pause: FIRST_PAUSE,
            trouble: None,
            trouble_since: None,
            over: None,
        }
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
        let mut work: Option<Work> = None;
        let mut deadline: Option<Instant> = None;
        loop {
            if work.is_none() {
                work = self.next_work().await;
            }
            if work.is_none() && self.is_settled() {
                break;
            }
            let wake = self.wake_at(work.is_some());
            tokio::select! {
                done = async { work.as_mut().expect("the branch is enabled only with work").await }, if work.is_some() => {
                    work = None;
                    self.handle(done).await;
                }
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
        // A batch whose answer was not waited for is still in the call; it must be on disk like the rest.
        if let Some(work) = work {
            self.abandon(work).await;
        }
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
            Standing::Outside => self.retry_at,
            Standing::Joined(..) => self.renew_due.min(self.confirm_due).max(self.retry_at),
            _ => Instant::now() + LEASE_RENEWAL,
        };
        if let (Some(since), false) = (self.trouble_since, self.out.is_spilling()) {
            at = at.min(since + TROUBLE);
        }
        if self.out.is_spilling() {
            at = at.min(self.last_sync + SYNC_EVERY);
        }
        at.max(Instant::now() + Duration::from_millis(1))
    }

    /// The next call to make, if any is due.
    async fn next_work(&mut self) -> Option<Work> {
        let now = Instant::now();
        if now < self.retry_at {
            return None;
        }
        self.out.refill().await;
        match &self.standing {
            Standing::Outside => Some(self.join()),
            Standing::Refused | Standing::Gone => None,
            Standing::Joined(store, writer) => {
                let (store, writer, job) = (Arc::clone(store), writer.clone(), self.options.job.clone());
                // Also while more waits: a build that never pauses is not to be the one that is never confirmed.
                if now >= self.confirm_due {
                    self.confirm_due = now + CONFIRM_EVERY;
                    if let Some(last) = self.kept.back().map(Item::number) {
                        return Some(Box::pin(async move {
                            Done::Confirmed(last, patiently(store.confirm(&job, &writer.id, last)).await)
                        }));
                    }
                }
                if let Some(mut item) = self.out.pop() {
                    item.edit().fence = writer.fence;
                    let batch = Arc::clone(&item.batch);
                    self.sent = self.sent.max(item.number());
                    self.sending = Some(item);
                    return Some(Box::pin(async move {
                        Done::Appended(patiently(store.append(&job, &batch)).await.map(|_| ()))
                    }));
                }
                if !self.out.is_empty() {
                    // The disk still writes what is next to be sent; housekeeping looks after it.
                    return None;
                }
                if let Some(ending) = self.over {
                    return Some(self.leave(store, writer, ending));
                }
                if now >= self.renew_due {
                    self.renew_due = now + LEASE_RENEWAL;
                    return Some(Box::pin(async move {
                        Done::Renewed(patiently(store.renew(&job, &writer)).await)
                    }));
                }
                None
            }
        }
    }

    /// Connects, opens the job where an owner is known, delivers what earlier runs of this job left, and joins.
    fn join(&self) -> Work {
        let (source, job, owner, id) = (
            self.source.clone(),
            self.options.job.clone(),
            self.options.owner.clone(),
            self.id.clone(),
        );
        let folder = self.options.spool_dir.clone();
        let first_time = self.acknowledged == 0;
        Box::pin(async move {
            let joining = async {
                let store = source.connect().await?;
                let now = SystemTime::now().into();
                if let Some(owner) = &owner {
                    patiently(store.open(&job, owner, now)).await?;
                }
                if first_time {
                    if let Some(folder) = &folder {
                        match leftover::flush(&store, folder, Some(&job)).await {
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
                    leftover::bury_lapsed(store.as_ref(), &job, &id, now).await?;
                }
                let writer = patiently(store.join(&job, &id)).await?;
                Ok((store, writer))
            };
            Done::Joined(joining.await)
        })
    }

    /// Confirms once more, ends the job if that is wished, and leaves.
    fn leave(&self, store: Arc<dyn LogStore>, writer: Writer, ending: Option<Ending>) -> Work {
        let job = self.options.job.clone();
        let last = self.kept.back().map(Item::number);
        Box::pin(async move {
            let leaving = async {
                if let Some(last) = last {
                    match patiently(store.confirm(&job, &writer.id, last)).await {
                        // A primary without its replicas is no reason to stay: the operator decided against waiting.
                        Ok(_) | Err(Error::NoSuchJob) => {}
                        Err(error) => return Err(error),
                    }
                }
                let now = SystemTime::now().into();
                if let Some(ending) = ending {
                    match patiently(store.end(&job, ending, now)).await {
                        Ok(_) => {}
                        Err(Error::Ended) => tracing::warn!(%job, "the job had ended otherwise"),
                        Err(error) => return Err(error),
                    }
                }
                patiently(store.leave(&job, &writer, now)).await
            };
            Done::Left(leaving.await)
        })
    }

    async fn handle(&mut self, done: Done) {
        match done {
            Done::Joined(Ok((store, writer))) => {
                self.well();
                let next = writer.next;
                self.standing = Standing::Joined(store, writer);
                self.renew_due = Instant::now() + LEASE_RENEWAL;
                if self.acknowledged > 0 || next > 1 {
                    self.go_on_with(next).await;
                }
            }
            Done::Joined(Err(error)) => self.unwell(error),
            Done::Appended(Ok(())) => {
                self.well();
                self.renew_due = Instant::now() + LEASE_RENEWAL;
                if let Some(item) = self.sending.take() {
                    self.keep(item);
                }
            }
            Done::Appended(Err(error)) => {
                let number = self.sending.as_ref().map(Item::number);
                self.unsend();
                match error {
                    Error::Behind { expected } if Some(expected) != number => {
                        self.well();
                        self.go_on_with(expected).await;
                    }
                    error => self.unwell(error),
                }
            }
            Done::Renewed(Ok(())) => self.well(),
            Done::Renewed(Err(error)) => self.unwell(error),
            Done::Confirmed(number, Ok(true)) => {
                while self.kept.front().is_some_and(|item| item.number() <= number) {
                    if let Some(item) = self.kept.pop_front() {
                        self.kept_weight -= item.weight;
                    }
                }
            }
            Done::Confirmed(_, Ok(false)) => {}
            Done::Confirmed(_, Err(error)) => self.unwell(error),
            Done::Left(Ok(())) => {
                self.well();
                self.standing = Standing::Gone;
            }
            Done::Left(Err(error)) => self.unwell(error),
        }
    }

    /// What was being sent waits again.
    fn unsend(&mut self) {
        if let Some(item) = self.sending.take() {
            self.out.wait_first(item);
        }
    }

    /// The store answered.
    fn well(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!(job = %self.options.job, "the store takes lines again");
        }
        self.trouble_since = None;
        self.pause = FIRST_PAUSE;
        self.retry_at = Instant::now();
    }

    /// The store did not take something: what to do about it.
    fn unwell(&mut self, error: Error) {
        let now = Instant::now();
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
        self.trouble_since.get_or_insert(now);
        self.trouble = Some(error);
        // Many writers that lost the same store should not come back in step.
        let spread = f64::from(u32::from(self.id.as_str().bytes().next_back().unwrap_or(0)) % 16) / 64.0;
        self.retry_at = now + self.pause.mul_f64(1.0 + spread);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// A batch was acknowledged: kept a while longer, in case the store loses it.
    fn keep(&mut self, item: Item) {
        self.acknowledged = self.acknowledged.max(item.number());
        let half_was_free = self.kept_weight <= KEPT / 2;
        self.kept_weight += item.weight;
        self.kept.push_back(item);
        while self.kept_weight > KEPT && self.kept.len() > 1 {
            if let Some(item) = self.kept.pop_front() {
                self.kept_weight -= item.weight;
            }
        }
        // Asked for once: a store that cannot confirm yet is not asked again after every batch.
        if half_was_free && self.kept_weight > KEPT / 2 {
            self.confirm_due = self.confirm_due.min(Instant::now());
        }
    }

    /// The store expects this batch next: refill what it lost, or pass over what it has.
    async fn go_on_with(&mut self, expected: u64) {
        // It has more than we knew of: answers that never came.
        let known = expected.min(self.sent + 1);
        while self.out.front().is_some_and(|item| item.number() < known) {
            if let Some(item) = self.out.pop() {
                self.keep(item);
            }
        }
        // It has less: what was acknowledged goes out again.
        while self.kept.back().is_some_and(|item| item.number() >= expected) {
            if let Some(item) = self.kept.pop_back() {
                self.kept_weight -= item.weight;
                self.out.wait_first(item);
            }
        }
        let first = self.out.first_waiting();
        if expected > first {
            // It counts higher than we ever did, which only a slot used by two could bring about.
            self.renumber(first, expected);
        } else if expected < first {
            // What it expects is no longer kept: a gap takes that number, and what is kept goes out again behind it.
            while let Some(item) = self.kept.pop_back() {
                self.out.wait_first(item);
            }
            self.kept_weight = 0;
            self.renumber(self.out.first_waiting(), expected + 1);
            let gap = self.out.item(expected, vec![gap(None, GapReason::UnknownCursor)]);
            self.out.wait_first(gap);
            self.acknowledged = expected.saturating_sub(1);
        }
    }

    fn renumber(&mut self, was: u64, first: u64) {
        self.out.renumber(was, first);
        self.sent = self.sent.min(first.saturating_sub(1));
    }

    async fn accept(&mut self, events: Vec<Recorded>) {
        if self.out.wants_spool(&events) {
            self.out.spill(self.ahead()).await;
        }
        self.out.accept(events).await;
    }

    /// What was sent and may have to be sent again, in order.
    fn ahead(&self) -> Vec<Arc<Batch>> {
        let items = self.kept.iter().chain(&self.sending);
        items.map(|item| Arc::clone(&item.batch)).collect()
    }

    /// What is due without anybody asking.
    async fn housekeeping(&mut self) {
        let now = Instant::now();
        if !self.out.is_spilling() && self.trouble_since.is_some_and(|since| now >= since + TROUBLE) {
            self.out.spill(self.ahead()).await;
            // Without a spool there is nothing to do about it again and again.
            if !self.out.is_spilling() {
                self.trouble_since = Some(now + Duration::from_secs(3600));
            }
        }
        if self.out.is_spilling() && now >= self.last_sync + SYNC_EVERY {
            self.last_sync = now;
            self.out.sync().await;
        }
        self.out.settle(Duration::ZERO).await;
    }

    /// The time-out came while a call was under way: its batch goes back to where it was.
    async fn abandon(&mut self, work: Work) {
        // The call itself still has its patience; it ends with the store's answer or without one.
        if let Ok(done) = tokio::time::timeout(Duration::from_secs(1), work).await {
            self.handle(done).await;
        } else {
            self.unsend();
            self.trouble.get_or_insert_with(|| Error::Unavailable {
                source: "no answer in time".into(),
            });
        }
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
            let lines_lost = self.out.remove().await;
            return Delivered {
                complete,
                lines_lost,
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
