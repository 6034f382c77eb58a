//! How many streams and how many pages one reader may have, so that nobody takes the gateway from the others.
//!
//! Pure bookkeeping: it never waits and never reads a clock.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::task::AtomicWaker;
use log_model::{JobId, OwnerId};
use parking_lot::Mutex;

use crate::access::Key;

/// How many streams may be open at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamLimits {
    /// On one job.
    pub per_job: usize,
    /// By one user.
    pub per_owner: usize,
    /// In this process.
    pub process: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            per_job: 10,
            per_owner: 20,
            process: 25_000,
        }
    }
}

/// Which limit was met, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// As many streams as one job may have.
    Job(usize),
    /// As many streams as one user may have.
    Owner(usize),
    /// As many streams as this process takes.
    Process(usize),
}

/// The streams open now.
#[derive(Debug)]
pub(crate) struct Streams {
    limits: StreamLimits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_job: HashMap<JobId, usize>,
    by_owner: HashMap<OwnerId, usize>,
    next: u64,
    switches: HashMap<u64, Arc<Switch>>,
}

impl Streams {
    /// Nobody reads yet.
    pub(crate) fn new(limits: StreamLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            open: Mutex::default(),
        })
    }

    /// Takes a place for one stream; dropping the slot gives it back at once.
    ///
    /// # Errors
    /// [`Full`] when there is none left; nothing is taken then.
    pub(crate) fn take(self: &Arc<Self>, job: &JobId, owner: &OwnerId, key: Option<Key>) -> Result<Slot, Full> {
        let mut open = self.open.lock();
        if open.switches.len() >= self.limits.process {
            return Err(Full::Process(self.limits.process));
        }
        if open.by_job.get(job).is_some_and(|&count| count >= self.limits.per_job) {
            return Err(Full::Job(self.limits.per_job));
        }
        if open
            .by_owner
            .get(owner)
            .is_some_and(|&count| count >= self.limits.per_owner)
        {
            return Err(Full::Owner(self.limits.per_owner));
        }
        *open.by_job.entry(job.clone()).or_default() += 1;
        *open.by_owner.entry(owner.clone()).or_default() += 1;
        let number = open.next;
        open.next += 1;
        let switch = Arc::new(Switch {
            key,
            ..Switch::default()
        });
        open.switches.insert(number, Arc::clone(&switch));
        Ok(Slot {
            streams: Arc::clone(self),
            number,
            job: job.clone(),
            owner: owner.clone(),
            switch,
        })
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open.lock().switches.len()
    }

    /// The jobs that somebody reads.
    pub(crate) fn jobs(&self) -> Vec<JobId> {
        self.open.lock().by_job.keys().cloned().collect()
    }

    /// Asks every stream to say that the process is about to stop, and to end.
    pub(crate) fn drain(&self) {
        for switch in self.open.lock().switches.values() {
            switch.turn(&switch.draining);
        }
    }

    /// Asks the streams whose key is no longer accepted to end. Returns how many there are.
    pub(crate) fn keep_keys(&self, accepted: impl Fn(&Key) -> bool) -> usize {
        let mut ended = 0;
        for switch in self.open.lock().switches.values() {
            if switch.key.as_ref().is_some_and(|key| !accepted(key)) {
                switch.turn(&switch.key_removed);
                ended += 1;
            }
        }
        ended
    }
}

/// One stream's place. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    streams: Arc<Streams>,
    number: u64,
    job: JobId,
    owner: OwnerId,
    switch: Arc<Switch>,
}

impl Slot {
    /// Why this stream was asked to end, if it was.
    pub(crate) fn asked_to_leave(&self) -> Option<Leave> {
        self.switch.leave()
    }

    /// Ready once somebody asked this stream to end; says so each time it is polled from then on.
    pub(crate) fn poll_asked_to_leave(&self, cx: &mut Context<'_>) -> Poll<Leave> {
        self.switch.waker.register(cx.waker());
        match self.switch.leave() {
            Some(leave) => Poll::Ready(leave),
            None => Poll::Pending,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.streams.open.lock();
        open.switches.remove(&self.number);
        let open = &mut *open;
        give_back(&mut open.by_job, &self.job);
        give_back(&mut open.by_owner, &self.owner);
    }
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// Why a stream is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// The process is about to stop.
    Draining,
    /// The key that signed this reader's token is no longer accepted.
    KeyRemoved,
}

/// The one thing a stream listens to besides its job: a wake-up of a few nanoseconds, where a channel's receiver
/// would have to be asked anew for each event sent.
#[derive(Debug, Default)]
struct Switch {
    key: Option<Key>,
    draining: AtomicBool,
    key_removed: AtomicBool,
    waker: AtomicWaker,
}

impl Switch {
    fn turn(&self, flag: &AtomicBool) {
        flag.store(true, Ordering::Release);
        self.waker.wake();
    }

    fn leave(&self) -> Option<Leave> {
        if self.key_removed.load(Ordering::Acquire) {
            Some(Leave::KeyRemoved)
        } else if self.draining.load(Ordering::Acquire) {
            Some(Leave::Draining)
        } else {
            None
        }
    }
}

/// How many pages a user may ask for in a second; as many may come at once after a pause.
#[derive(Debug)]
pub(crate) struct PageRate {
    per_second: f64,
    buckets: Mutex<HashMap<OwnerId, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// From how many users on the full buckets are thrown out. A user who has not asked for a second has a full bucket,
/// so what stays is those of the last second.
const MANY_USERS: usize = 4096;

impl PageRate {
    /// At most `per_second` a second, at least one.
    pub(crate) fn new(per_second: f64) -> Self {
        Self {
            per_second: per_second.max(1.0 / 3600.0),
            buckets: Mutex::default(),
        }
    }

    /// What may come at once.
    pub(crate) fn burst(&self) -> u64 {
        self.per_second.ceil().max(1.0) as u64
    }

    /// Takes one page from what a user has left.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub(crate) fn take(&self, user: &OwnerId, now: Instant) -> Result<(), Duration> {
        let burst = self.burst() as f64;
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MANY_USERS && !buckets.contains_key(user) {
            buckets.retain(|_, bucket| self.refilled(*bucket, now, burst) < burst);
        }
        let bucket = buckets.entry(user.clone()).or_insert(Bucket { tokens: burst, at: now });
        bucket.tokens = self.refilled(*bucket, now, burst);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.tokens) / self.per_second))
    }

    fn refilled(&self, bucket: Bucket, now: Instant, burst: f64) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.tokens + passed * self.per_second).min(burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> JobId {
        JobId::new(name).expect("a job id")
    }

    fn user(name: &str) -> OwnerId {
        OwnerId::new(name).expect("an owner")
    }

    #[test]
    fn each_limit_is_met_on_its_own_and_a_dropped_slot_is_free_at_once() {
        let streams = Streams::new(StreamLimits {
            per_job: 2,
            per_owner: 3,
            process: 4,
        });
        let first = streams.take(&job("a"), &user("u"), None).expect("room");
        let _second = streams.take(&job("a"), &user("v"), None).expect("room");
        assert_eq!(streams.take(&job("a"), &user("w"), None).err(), Some(Full::Job(2)));
        drop(first);
        let _third = streams.take(&job("a"), &user("v"), None).expect("room again");
        let _fourth = streams.take(&job("b"), &user("v"), None).expect("room");
        assert_eq!(streams.take(&job("c"), &user("v"), None).err(), Some(Full::Owner(3)));
        let _fifth = streams.take(&job("c"), &user("w"), None).expect("room");
        assert_eq!(streams.take(&job("d"), &user("x"), None).err(), Some(Full::Process(4)));
        assert_eq!(streams.len(), 4);
    }

    #[test]
    fn the_books_are_empty_once_everybody_left() {
        let streams = Streams::new(StreamLimits::default());
        let slots: Vec<_> = (0..10)
            .map(|_| streams.take(&job("a"), &user("u"), None).expect("room"))
            .collect();
        drop(slots);
        let open = streams.open.lock();
        assert!(open.by_job.is_empty() && open.by_owner.is_empty() && open.switches.is_empty());
    }

    #[test]
    fn a_user_has_a_burst_and_then_a_rate_of_their_own() {
        let rate = PageRate::new(20.0);
        let start = Instant::now();
        for _ in 0..20 {
            rate.take(&user("u"), start).expect("within the burst");
        }
        let wait = rate.take(&user("u"), start).expect_err("too fast");
        assert_eq!(wait.as_millis(), 50);
        rate.take(&user("v"), start).expect("somebody else");
        rate.take(&user("u"), start + Duration::from_millis(51))
            .expect("one more has come");
        rate.take(&user("u"), start + Duration::from_millis(52))
            .expect_err("and only one");
    }

    #[test]
    fn users_of_long_ago_are_forgotten() {
        let rate = PageRate::new(20.0);
        let start = Instant::now();
        for number in 0..MANY_USERS {
            rate.take(&user(&format!("u{number}")), start).expect("the first");
        }
        rate.take(&user("late"), start + Duration::from_secs(2))
            .expect("the first");
        assert_eq!(rate.buckets.lock().len(), 1);
    }
}
