//! Gets batches to the store: in order, each once, whatever the store does meanwhile; and keeps them until then.
//!
//! One task owns it all: what the store has acknowledged and may still lose, what waits in memory, and the spool. It
//! takes new batches at any time, so the build is never held up by the network, at most by a write to the local disk.

use std::collections::VecDeque;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use log_model::{Fence, GapReason, JobId, LogEvent, Owner, Phase, Recorded, Timestamp, WriterId};
use stream_store::{Batch, Ending, Error, LEASE_RENEWAL, LogStore, Writer};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::batcher::weight;
use crate::leftover;
use crate::spool::{Refused, SpoolFile, SpoolHeader};
use crate::store::{StoreSource, is_passing, patiently};

/// What waits in memory before the spool is used.
const MEMORY: usize = 8 * 1024 * 1024;

/// With the store away for this long, what waits in memory is put on disk too: this process may be killed meanwhile.
const TROUBLE: Duration = Duration::from_secs(2);

/// What was acknowledged but not confirmed is kept up to this much, for a store that lost it in a fail-over.
const KEPT: usize = 2 * 1024 * 1024;

/// How often the store is asked to confirm.
const CONFIRM_EVERY: Duration = Duration::from_secs(2);

/// The last lines of an output whose spool is full.
const TAIL: usize = 1024 * 1024;

/// A write to the local disk that takes longer makes the spool count as unusable until it is done.
const SLOW_DISK: Duration = Duration::from_secs(1);

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

/// A batch under way. Shared with the call that sends it, so that a call given up loses nothing.
#[derive(Debug)]
struct Item {
    batch: Arc<Batch>,
    /// What it takes of memory, roughly.
    weight: usize,
}

impl Item {
    fn number(&self) -> u64 {
        self.batch.number
    }

    /// No call shares the batch when this is used; if one did, it keeps what it was given.
    fn edit(&mut self) -> &mut Batch {
        Arc::make_mut(&mut self.batch)
    }
}

/// What events take of memory, roughly.
fn memory_of(events: &[Recorded]) -> usize {
    events.iter().map(|event| weight(event) + 96).sum()
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

/// What a write to the spool comes back with.
type Written = (Box<SpoolFile>, Result<(), Refused>);

/// The spool as this task sees it.
#[derive(Debug)]
enum Disk {
    /// There is none, or it broke.
    Unusable,
    Ready(Box<SpoolFile>),
    /// A write takes too long; the file comes back when it is done.
    Busy(tokio::task::JoinHandle<Written>, u64),
}

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
    /// Next to be sent, in order.
    waiting: VecDeque<Item>,
    waiting_weight: usize,
    /// Everything in `waiting` is on disk as well, and so is what comes now.
    spilling: bool,
    /// Batches behind `waiting` that are only on disk.
    on_disk: u64,
    on_disk_lines: u64,
    disk: Disk,
    last_sync: Instant,
    /// The last events after the spool was full, in order, and how many lines before them are gone.
    tail: VecDeque<Vec<Recorded>>,
    tail_weight: usize,
    overflowing: bool,
    lost: u64,
    lost_for_good: u64,
    next_number: u64,
    /// How far numbers lie above what stands in the spool, after a store that lost its memory counted anew.
    shift: i64,
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
        Self {
            source,
            options,
            id: fresh_writer(),
            standing: Standing::Outside,
            kept: VecDeque::new(),
            kept_weight: 0,
            sending: None,
            sent: 0,
            waiting: VecDeque::new(),
            waiting_weight: 0,
            spilling: false,
            on_disk: 0,
            on_disk_lines: 0,
            disk: Disk::Unusable,
            last_sync: now,
            tail: VecDeque::new(),
            tail_weight: 0,
            overflowing: false,
            lost: 0,
            lost_for_good: 0,
            next_number: 1,
            shift: 0,
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
        self.create_spool().await;
        let mut work: Option<Work> = None;
        let mut deadline: Option<Instant> = None;
        loop {
            if work.is_none() {
                work = self.next_work().await;
            }
            if work.is_none() && self.is_settled() {
                break;
            }
            let wake = self.wake_at();
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

    /// When something is to be done without anybody asking.
    fn wake_at(&self) -> Instant {
        let mut at = match self.standing {
            Standing::Outside => self.retry_at,
            Standing::Joined(..) => self.renew_due.min(self.confirm_due).max(self.retry_at),
            _ => Instant::now() + LEASE_RENEWAL,
        };
        if let (Some(since), false) = (self.trouble_since, self.spilling) {
            at = at.min(since + TROUBLE);
        }
        if self.spilling {
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
        if self.waiting.is_empty() && self.on_disk > 0 {
            self.read_back().await;
        }
        if self.waiting.is_empty() && self.on_disk == 0 {
            self.drained().await;
        }
        match &self.standing {
            Standing::Outside => Some(self.join()),
            Standing::Refused | Standing::Gone => None,
            Standing::Joined(store, writer) => {
                let (store, writer, job) = (Arc::clone(store), writer.clone(), self.options.job.clone());
                if let Some(mut item) = self.waiting.pop_front() {
                    self.waiting_weight -= item.weight;
                    item.edit().fence = writer.fence;
                    let batch = Arc::clone(&item.batch);
                    self.sent = self.sent.max(item.number());
                    self.sending = Some(item);
                    return Some(Box::pin(async move {
                        Done::Appended(patiently(store.append(&job, &batch)).await.map(|_| ()))
                    }));
                }
                if self.on_disk > 0 {
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
                if now >= self.confirm_due {
                    self.confirm_due = now + CONFIRM_EVERY;
                    if let Some(last) = self.kept.back().map(Item::number) {
                        return Some(Box::pin(async move {
                            Done::Confirmed(last, patiently(store.confirm(&job, &writer.id, last)).await)
                        }));
                    }
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
            self.wait_first(item);
        }
    }

    fn wait_first(&mut self, item: Item) {
        self.waiting_weight += item.weight;
        self.waiting.push_front(item);
    }

    fn wait_last(&mut self, item: Item) {
        self.waiting_weight += item.weight;
        self.waiting.push_back(item);
    }

    /// The next batch under its number.
    fn item(&self, number: u64, events: Vec<Recorded>) -> Item {
        let weight = memory_of(&events);
        Item {
            batch: Arc::new(Batch {
                writer: self.id.clone(),
                fence: Fence(0),
                number,
                events,
            }),
            weight,
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
        self.kept_weight += item.weight;
        self.kept.push_back(item);
        while self.kept_weight > KEPT && self.kept.len() > 1 {
            if let Some(item) = self.kept.pop_front() {
                self.kept_weight -= item.weight;
            }
        }
        if self.kept_weight > KEPT / 2 {
            self.confirm_due = self.confirm_due.min(Instant::now());
        }
    }

    /// The store expects this batch next: refill what it lost, or pass over what it has.
    async fn go_on_with(&mut self, expected: u64) {
        // It has more than we knew of: answers that never came.
        let known = expected.min(self.sent + 1);
        while self.waiting.front().is_some_and(|item| item.number() < known) {
            if let Some(item) = self.waiting.pop_front() {
                self.waiting_weight -= item.weight;
                self.keep(item);
            }
        }
        // It has less: what was acknowledged goes out again.
        while self.kept.back().is_some_and(|item| item.number() >= expected) {
            if let Some(item) = self.kept.pop_back() {
                self.kept_weight -= item.weight;
                self.wait_first(item);
            }
        }
        let first = self.first_waiting();
        if expected > first {
            // It counts higher than we ever did, which only a slot used by two could bring about.
            self.renumber(first, expected);
        } else if expected < first {
            // What it expects is no longer kept: a gap takes that number, and what is kept goes out again behind it.
            while let Some(item) = self.kept.pop_back() {
                self.wait_first(item);
            }
            self.kept_weight = 0;
            self.renumber(self.first_waiting(), expected + 1);
            let gap = self.item(expected, vec![gap(None, GapReason::UnknownCursor)]);
            self.wait_first(gap);
            self.acknowledged = expected.saturating_sub(1);
        }
    }

    /// The number of the first batch that waits, in memory or on disk; of the next one when none does.
    fn first_waiting(&self) -> u64 {
        self.waiting
            .front()
            .map_or(self.next_number - self.on_disk, Item::number)
    }

    /// Moves the numbers of everything that waits, so that the first becomes `first`.
    fn renumber(&mut self, was: u64, first: u64) {
        let by = first.wrapping_sub(was).cast_signed();
        for item in &mut self.waiting {
            let batch = item.edit();
            batch.number = batch.number.saturating_add_signed(by);
        }
        self.shift += by;
        self.next_number = self.next_number.saturating_add_signed(by);
        self.sent = self.sent.min(first.saturating_sub(1));
    }

    /// Takes new events in: into memory, onto the disk, or, when both are full, into the tail.
    async fn accept(&mut self, events: Vec<Recorded>) {
        if events.is_empty() {
            return;
        }
        if self.overflowing {
            self.hold_in_tail(events);
            return;
        }
        let weight = memory_of(&events);
        if !self.spilling && self.waiting_weight + weight > MEMORY {
            self.spill().await;
            // Without a spool to use, memory is all there is.
            self.overflowing |= !self.spilling;
        }
        if self.overflowing {
            self.hold_in_tail(events);
            return;
        }
        let item = self.item(self.next_number, events);
        if self.spilling {
            self.accept_on_disk(item).await;
        } else {
            self.next_number += 1;
            self.wait_last(item);
        }
    }

    async fn accept_on_disk(&mut self, item: Item) {
        let in_memory = self.on_disk == 0 && self.waiting_weight + item.weight <= MEMORY / 2;
        if !self.write(&item.batch).await {
            self.overflowing = true;
            self.hold_in_tail(Arc::unwrap_or_clone(item.batch).events);
            return;
        }
        self.next_number += 1;
        match &mut self.disk {
            // It is read back from the disk only if this process does not live to send it.
            Disk::Ready(file) if in_memory => {
                file.skip_to_end();
                self.wait_last(item);
            }
            _ => {
                self.on_disk += 1;
                self.on_disk_lines += lines_of(&item.batch.events);
            }
        }
    }

    /// Writes one batch to the spool. False when the disk did not take it.
    async fn write(&mut self, batch: &Arc<Batch>) -> bool {
        let Disk::Ready(mut file) = std::mem::replace(&mut self.disk, Disk::Unusable) else {
            return false;
        };
        let (batch, lines, shift) = (Arc::clone(batch), lines_of(&batch.events), self.shift);
        let mut task = tokio::task::spawn_blocking(move || {
            let written = file.append(batch.number.saturating_add_signed(-shift), &batch.events, false);
            (file, written)
        });
        match tokio::time::timeout(SLOW_DISK, &mut task).await {
            Ok(Ok((file, written))) => {
                self.disk = Disk::Ready(file);
                match written {
                    Ok(()) => true,
                    Err(Refused::Full) => {
                        tracing::warn!(job = %self.options.job, "the spool is full");
                        false
                    }
                    Err(Refused::Disk(error)) => {
                        tracing::warn!(job = %self.options.job, %error, "the spool cannot be written");
                        false
                    }
                }
            }
            // The task stopped with the file: there is no spool any more.
            Ok(Err(_)) => false,
            Err(_) => {
                tracing::warn!(job = %self.options.job, "the spool's disk is too slow");
                self.disk = Disk::Busy(task, lines);
                self.overflowing = true;
                true
            }
        }
    }

    /// From now on the spool holds all that waits.
    async fn spill(&mut self) {
        let Disk::Ready(mut file) = std::mem::replace(&mut self.disk, Disk::Unusable) else {
            return;
        };
        let shift = self.shift;
        let waiting = std::mem::take(&mut self.waiting);
        let task = tokio::task::spawn_blocking(move || {
            let mut written = Ok(());
            for item in &waiting {
                written = file.append(item.number().saturating_add_signed(-shift), &item.batch.events, false);
                if written.is_err() {
                    break;
                }
            }
            let written = written.and_then(|()| file.sync().map_err(Refused::Disk));
            match &written {
                Ok(()) => file.skip_to_end(),
                // All or nothing: half of what waits would be taken for all of it.
                Err(_) => drop(file.reset()),
            }
            (file, waiting, written)
        });
        if let Ok((file, waiting, written)) = task.await {
            self.waiting = waiting;
            self.disk = Disk::Ready(file);
            // What could not be written stays in memory and goes out from there.
            self.overflowing |= written.is_err();
            self.spilling = written.is_ok();
        }
    }

    /// Brings the next batches from the disk into memory.
    async fn read_back(&mut self) {
        let mut file = match std::mem::replace(&mut self.disk, Disk::Unusable) {
            Disk::Ready(file) => file,
            Disk::Unusable => return self.lose_disk(),
            busy @ Disk::Busy(..) => {
                self.disk = busy;
                return;
            }
        };
        let most = self.on_disk.min(16);
        let task = tokio::task::spawn_blocking(move || {
            let mut batches = Vec::new();
            while (batches.len() as u64) < most {
                match file.read() {
                    Ok(Some(batch)) => batches.push(batch),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "the spool cannot be read back");
                        break;
                    }
                }
            }
            (file, batches)
        });
        let Ok((file, batches)) = task.await else {
            return self.lose_disk();
        };
        self.disk = Disk::Ready(file);
        if batches.is_empty() {
            return self.lose_disk();
        }
        for (number, events) in batches {
            let item = self.item(number.saturating_add_signed(self.shift), events);
            self.on_disk -= 1;
            self.on_disk_lines -= lines_of(&item.batch.events).min(self.on_disk_lines);
            self.wait_last(item);
        }
    }

    /// What the disk does not give back is lost, and said to be.
    fn lose_disk(&mut self) {
        let number = self.next_number - self.on_disk;
        let lines = std::mem::take(&mut self.on_disk_lines);
        self.lost_for_good += lines;
        self.on_disk = 0;
        self.next_number = number + 1;
        let item = self.item(number, vec![gap(Some(lines), GapReason::SpoolFull)]);
        self.wait_last(item);
    }

    /// Nothing waits: the spool starts again from its beginning, and what overflowed it takes its place in the log.
    async fn drained(&mut self) {
        if self.spilling
            && let Disk::Ready(mut file) = std::mem::replace(&mut self.disk, Disk::Unusable)
        {
            let task = tokio::task::spawn_blocking(move || {
                let reset = file.reset();
                (file, reset)
            });
            if let Ok((file, reset)) = task.await {
                if reset.is_ok() {
                    self.disk = Disk::Ready(file);
                }
                self.spilling = false;
            }
        }
        if self.overflowing && !matches!(self.disk, Disk::Busy(..)) {
            self.overflowing = false;
            for events in self.take_tail() {
                let item = self.item(self.next_number, events);
                self.next_number += 1;
                self.wait_last(item);
            }
        }
    }

    /// What takes the place of the lines that were lost: the gap, then the last lines.
    fn take_tail(&mut self) -> Vec<Vec<Recorded>> {
        let mut batches = Vec::new();
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            self.lost_for_good += lost;
            batches.push(vec![gap(Some(lost), GapReason::SpoolFull)]);
        }
        self.tail_weight = 0;
        batches.extend(std::mem::take(&mut self.tail));
        batches
    }

    fn hold_in_tail(&mut self, events: Vec<Recorded>) {
        self.tail_weight += memory_of(&events);
        self.tail.push_back(events);
        while self.tail_weight > TAIL && self.tail.len() > 1 {
            let Some(events) = self.tail.pop_front() else { break };
            self.tail_weight -= memory_of(&events);
            self.lost += lines_of(&events);
        }
    }

    /// What is due without anybody asking.
    async fn housekeeping(&mut self) {
        let now = Instant::now();
        if !self.spilling && self.trouble_since.is_some_and(|since| now >= since + TROUBLE) {
            self.spill().await;
            // Without a spool there is nothing to do about it again and again.
            self.trouble_since = self
                .trouble_since
                .map(|_| now + Duration::from_secs(3600))
                .filter(|_| !self.spilling);
        }
        if self.spilling && now >= self.last_sync + SYNC_EVERY {
            self.last_sync = now;
            self.with_file(|file| file.sync()).await;
        }
        if let Disk::Busy(task, lines) = &mut self.disk
            && task.is_finished()
        {
            let lines = *lines;
            if let Ok((file, written)) = task.await {
                self.disk = Disk::Ready(file);
                if written.is_err() {
                    self.on_disk -= 1;
                    self.on_disk_lines -= lines;
                    self.next_number -= 1;
                    self.lost += lines;
                }
            } else {
                self.disk = Disk::Unusable;
            }
        }
    }

    async fn with_file(&mut self, work: impl FnOnce(&mut SpoolFile) -> std::io::Result<()> + Send + 'static) -> bool {
        let Disk::Ready(mut file) = std::mem::replace(&mut self.disk, Disk::Unusable) else {
            return false;
        };
        let task = tokio::task::spawn_blocking(move || {
            let done = work(&mut file);
            (file, done)
        });
        let Ok((file, done)) = task.await else { return false };
        self.disk = Disk::Ready(file);
        done.is_ok()
    }

    async fn create_spool(&mut self) {
        let Some(folder) = self.options.spool_dir.clone() else {
            return;
        };
        let header = SpoolHeader::new(
            self.options.job.clone(),
            self.options.owner.clone(),
            self.options.phase.clone(),
            self.id.clone(),
        );
        let limit = self.options.spool_limit;
        let made = tokio::task::spawn_blocking(move || SpoolFile::create(&folder, &header, limit)).await;
        match made.map_err(std::io::Error::from).flatten() {
            Ok(file) => self.disk = Disk::Ready(Box::new(file)),
            Err(error) => tracing::warn!(job = %self.options.job, %error, "no spool can be made"),
        }
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

    /// Puts what was not delivered where the next run finds it, and says what became of everything.
    async fn conclude(mut self) -> Delivered {
        let mut delivered = Delivered {
            trouble: self.trouble.take(),
            ..Delivered::default()
        };
        if let Disk::Busy(task, lines) = &mut self.disk {
            let lines = *lines;
            if let Ok(Ok((file, written))) = tokio::time::timeout(Duration::from_secs(5), task).await {
                if written.is_err() {
                    self.on_disk -= 1;
                    self.on_disk_lines -= lines;
                    self.lost += lines;
                }
                self.disk = Disk::Ready(file);
            } else {
                self.disk = Disk::Unusable;
            }
        }
        let gone = matches!(self.standing, Standing::Gone);
        let ending = self.over.flatten();
        let waiting_lines = self
            .waiting
            .iter()
            .map(|item| lines_of(&item.batch.events))
            .sum::<u64>();
        let tail = self.take_tail();
        let tail_lines = tail.iter().map(|events| lines_of(events)).sum::<u64>();
        let nothing_left = self.waiting.is_empty() && self.on_disk == 0 && tail.is_empty();
        // An ended job refuses our leave as well; with nothing left to deliver there is nothing left to say.
        let said_all = gone || nothing_left && matches!(self.standing, Standing::Refused) && ending.is_none();
        delivered.lines_lost = self.lost_for_good;
        let Disk::Ready(mut file) = self.disk else {
            delivered.complete = gone;
            delivered.lines_lost += waiting_lines + tail_lines;
            return delivered;
        };
        if said_all {
            delivered.complete = true;
            if let Err(error) = tokio::task::spawn_blocking(move || file.remove())
                .await
                .map_err(Into::into)
                .flatten()
            {
                tracing::warn!(%error, "the empty spool stays");
            }
            return delivered;
        }
        let path = file.path().to_owned();
        let (waiting, spilling, shift, mut number) = (self.waiting, self.spilling, self.shift, self.next_number);
        let on_disk_lines = self.on_disk_lines;
        let written = tokio::task::spawn_blocking(move || {
            let mut written = Ok(());
            let mut append = |number: u64, events: &[Recorded]| {
                if written.is_ok() {
                    written = file.append(number.saturating_add_signed(-shift), events, true);
                }
            };
            if !spilling {
                for item in &waiting {
                    append(item.number(), &item.batch.events);
                }
            }
            for events in &tail {
                append(number, events);
                number += 1;
            }
            let all = written.is_ok();
            let closed = file.close(ending);
            all && closed.is_ok()
        })
        .await
        .unwrap_or(false);
        if written {
            delivered.lines_left = waiting_lines + tail_lines + on_disk_lines;
        } else {
            // What was spilled before is on disk all the same.
            let (kept, lost) = if spilling {
                (waiting_lines + on_disk_lines, 0)
            } else {
                (0, waiting_lines)
            };
            delivered.lines_left = kept;
            delivered.lines_lost += lost + tail_lines;
        }
        delivered.spool_left = Some(path);
        delivered
    }
}

fn gap(lines: Option<u64>, reason: GapReason) -> Recorded {
    let ts: Timestamp = SystemTime::now().into();
    Recorded {
        ts,
        phase: None,
        event: LogEvent::Gap {
            lines,
            span: None,
            reason,
        },
    }
}

fn lines_of(events: &[Recorded]) -> u64 {
    events
        .iter()
        .filter(|event| matches!(event.event, LogEvent::Line { .. }))
        .count() as u64
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
