//! The fetched keys: kept fresh in the background, served stale while the key server is away, fetched on demand for a
//! token that they cannot account for.
//!
//! One task makes every fetch, so there is never more than one in flight, and a caller that gives up does not stop a
//! fetch that others wait for. Callers ask the task and wait for its next result.

use crate::fetch::{FetchError, Source};
use crate::{Jwks, JwksOptions, Jws, KeySet, KeyStatus, Rejection, Signed};
use parking_lot::{Mutex, RwLock};
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// A key set that looks after itself. Its task ends when it is dropped.
pub(crate) struct Cache {
    shared: Arc<Shared>,
    task: AbortHandle,
}

struct Shared {
    options: JwksOptions,
    held: RwLock<Option<Held>>,
    fetching: Mutex<Fetching>,
    /// Wakes the task for a fetch on demand.
    wake: Notify,
    /// Counts finished fetches; a caller waits for the next.
    finished: watch::Sender<u64>,
    key_ids: watch::Sender<KeySet>,
}

#[derive(Clone)]
struct Held {
    keys: Arc<Jwks>,
    fetched_at: Instant,
}

#[derive(Default)]
struct Fetching {
    in_flight: bool,
    /// When a token last caused a fetch.
    asked_at: Option<Instant>,
    /// When the last fetch failed, and how many in a row have.
    failed_at: Option<Instant>,
    failures_in_a_row: u32,
    fetched: u64,
    failed: u64,
}

impl Cache {
    /// Starts the first fetch at once. Must be called within a Tokio runtime.
    pub(crate) fn start(options: JwksOptions, source: impl Source) -> Cache {
        let shared = Arc::new(Shared {
            options,
            held: RwLock::new(None),
            // The first fetch counts as in flight already, so that a request that comes before it waits for it.
            fetching: Mutex::new(Fetching {
                in_flight: true,
                ..Fetching::default()
            }),
            wake: Notify::new(),
            finished: watch::Sender::new(0),
            key_ids: watch::Sender::new(KeySet::default()),
        });
        let task = tokio::spawn(run(Arc::clone(&shared), source)).abort_handle();
        Cache { shared, task }
    }

    /// Checks a signature, waiting for a fetch where the keys at hand do not decide.
    ///
    /// Waits for at most two fetches: one that happens to be in flight, and one of its own. Cancel safe: a fetch goes
    /// on without the caller.
    pub(crate) async fn check(&self, jws: &Jws<'_>) -> Result<Signed, Rejection> {
        let mut verdict = self.shared.check(jws);
        for _ in 0..2 {
            match verdict {
                // A signature that no key could have made is not worth asking for.
                Err(Rejection::TokenInvalidSignature) if !jws.may_be_signed() => break,
                Err(Rejection::JwkUnavailable | Rejection::JwkKidMismatch | Rejection::TokenInvalidSignature) => {}
                _ => break,
            }
            let Some(finished) = self.shared.ask() else { break };
            self.shared.wait(finished).await;
            verdict = self.shared.check(jws);
        }
        verdict
    }

    pub(crate) fn key_ids(&self) -> watch::Receiver<KeySet> {
        self.shared.key_ids.subscribe()
    }

    pub(crate) fn ready(&self) -> bool {
        self.shared.keys().is_some_and(|keys| !keys.key_ids().is_empty())
    }

    pub(crate) fn status(&self) -> KeyStatus {
        let age = self.shared.held.read().as_ref().map(|held| held.fetched_at.elapsed());
        let fetching = self.shared.fetching.lock();
        KeyStatus {
            keys: self.shared.key_ids.borrow().len(),
            age,
            stale: fetching.failures_in_a_row > 0 && age.is_some_and(|age| age > self.shared.options.fresh),
            fetched: fetching.fetched,
            failed: fetching.failed,
        }
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// The keys at hand, unless they are too old to be believed.
    fn keys(&self) -> Option<Arc<Jwks>> {
        let held = self.held.read().clone()?;
        (held.fetched_at.elapsed() <= self.options.keep).then_some(held.keys)
    }

    fn check(&self, jws: &Jws<'_>) -> Result<Signed, Rejection> {
        self.keys().ok_or(Rejection::JwkUnavailable)?.check(jws)
    }

    /// Joins the fetch in flight or asks for one; `None` if it is too soon for another.
    ///
    /// One allowance for all callers, not one per key id: whoever forges tokens chooses the ids.
    fn ask(&self) -> Option<watch::Receiver<u64>> {
        let mut fetching = self.fetching.lock();
        let finished = self.finished.subscribe();
        if fetching.in_flight {
            return Some(finished);
        }
        let now = Instant::now();
        let within = |since: Option<Instant>, span: Duration| since.is_some_and(|since| now - since < span);
        if within(fetching.failed_at, self.options.back_off) || within(fetching.asked_at, self.options.cool_down) {
            return None;
        }
        fetching.asked_at = Some(now);
        fetching.in_flight = true;
        self.wake.notify_one();
        Some(finished)
    }

    /// Waits for the next fetch to end, or somewhat longer than a fetch can take.
    async fn wait(&self, mut finished: watch::Receiver<u64>) {
        // The second deadline is for the case that the task is gone with its runtime: then the keys at hand decide.
        let _ = timeout(self.options.timeout + Duration::from_secs(1), finished.changed()).await;
    }

    /// Takes in a fetch's outcome and says when the next one is due.
    fn finish(&self, outcome: Result<Jwks, FetchError>) -> Instant {
        let now = Instant::now();
        let wait = match outcome {
            Ok(keys) => {
                self.replace(keys, now);
                let mut fetching = self.fetching.lock();
                fetching.fetched += 1;
                fetching.failed_at = None;
                fetching.failures_in_a_row = 0;
                self.options.fresh.mul_f64(0.75 + 0.1 * random())
            }
            Err(error) => {
                let age = self.held.read().as_ref().map(|held| held.fetched_at.elapsed());
                let mut fetching = self.fetching.lock();
                fetching.failed += 1;
                fetching.failed_at = Some(now);
                let doubled = self
                    .options
                    .back_off
                    .saturating_mul(1 << fetching.failures_in_a_row.min(20));
                fetching.failures_in_a_row = fetching.failures_in_a_row.saturating_add(1);
                // A quarter of jitter on top, also at the limit, which is therefore approached from below.
                let wait = doubled
                    .min(self.options.back_off_limit.mul_f64(0.8))
                    .mul_f64(1.0 + 0.25 * random());
                tracing::warn!(
                    error = %Chain(&error),
                    age_s = age.map(|age| age.as_secs()),
                    retry_ms = wait.as_millis() as u64,
                    "the signing keys could not be fetched"
                );
                wait
            }
        };
        let mut fetching = self.fetching.lock();
        fetching.in_flight = false;
        self.finished.send_modify(|count| *count += 1);
        now + wait
    }

    /// Replaces the set whole: a key that is gone from it is refused from here on.
    fn replace(&self, keys: Jwks, fetched_at: Instant) {
        let ids = keys.key_ids();
        *self.held.write() = Some(Held {
            keys: Arc::new(keys),
            fetched_at,
        });
        // Told only when it differs, after it is in force: who hears of a removal finds it done.
        let changed = self.key_ids.send_if_modified(|known| {
            let changed = *known != ids;
            known.clone_from(&ids);
            changed
        });
        if ids.is_empty() {
            tracing::warn!("the key set holds no key that is fit to check tokens with");
        } else if changed {
            tracing::info!(keys = ids.len(), "the signing keys changed");
        }
    }
}

async fn run(shared: Arc<Shared>, source: impl Source) {
    loop {
        let due = shared.finish(fetch(&shared, &source).await);
        loop {
            tokio::select! {
                () = sleep_until(due) => {
                    shared.fetching.lock().in_flight = true;
                    break;
                }
                // A wake-up may be left over from a caller that asked just as the time came.
                () = shared.wake.notified() => if shared.fetching.lock().in_flight { break },
            }
        }
    }
}

async fn fetch(shared: &Shared, source: &impl Source) -> Result<Jwks, FetchError> {
    let body = timeout(shared.options.timeout, source.fetch())
        .await
        .map_err(|_| FetchError::TimedOut)??;
    let previous = shared.held.read().clone();
    match previous {
        Some(held) => Jwks::parse_after(&body, &held.keys),
        None => Jwks::parse(&body),
    }
    .map_err(FetchError::NotKeys)
}

/// A number from 0 to 1, to keep many gateways from fetching in step.
fn random() -> f64 {
    // Without randomness the jitter is lost, nothing more.
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}

/// An error and its causes on one line.
struct Chain<'a>(&'a dyn StdError);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use testkit::clerk::{Clerk, Mint};
    use tokio::time::{advance, sleep};

    /// A source that answers at once from what it is told, under a clock that only the test moves.
    #[derive(Clone)]
    struct Told(Arc<(Mutex<Option<String>>, AtomicUsize)>);

    impl Told {
        fn new(clerk: &Clerk) -> Told {
            Told(Arc::new((Mutex::new(Some(clerk.jwks())), AtomicUsize::new(0))))
        }

        fn serve(&self, clerk: &Clerk) {
            *self.0.0.lock() = Some(clerk.jwks());
        }

        fn fail(&self) {
            *self.0.0.lock() = None;
        }

        fn fetches(&self) -> usize {
            self.0.1.load(Ordering::Relaxed)
        }
    }

    impl Source for Told {
        async fn fetch(&self) -> Result<Bytes, FetchError> {
            self.0.1.fetch_add(1, Ordering::Relaxed);
            self.0
                .0
                .lock()
                .clone()
                .map(Bytes::from)
                .ok_or(FetchError::Status(http::StatusCode::BAD_GATEWAY))
        }
    }

    fn start(source: &Told) -> Cache {
        Cache::start(JwksOptions::new("unused"), source.clone())
    }

    async fn check(cache: &Cache, mint: Mint) -> Result<(), Rejection> {
        let token = mint.token();
        cache.check(&Jws::parse(&token)?).await.map(|_| ())
    }

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    /// Lets time pass so that every timer on the way fires at its own moment; `advance` would fire them all at the end.
    async fn pass(time: Duration) {
        sleep(time).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_set_is_fetched_anew_at_about_four_fifths_of_its_freshness() {
        let clerk = Clerk::new();
        let source = Told::new(&clerk);
        let cache = start(&source);
        pass(224 * SECOND).await;
        assert_eq!(source.fetches(), 1);
        pass(32 * SECOND).await;
        assert_eq!(source.fetches(), 2);
        pass(24 * HOUR).await;
        // 86,400 s at one fetch every 225 to 255 s.
        assert!((339..=386).contains(&source.fetches()), "{}", source.fetches());
        assert!(!cache.status().stale);
    }

    #[tokio::test(start_paused = true)]
    async fn stale_keys_serve_for_24_hours_and_no_longer() {
        let clerk = Clerk::new();
        let source = Told::new(&clerk);
        let cache = start(&source);
        check(&cache, clerk.session("user_ana")).await.unwrap();
        source.fail();
        let ids = cache.key_ids();
        pass(HOUR).await;
        assert!(cache.status().stale && cache.ready());
        check(&cache, clerk.session("user_ana")).await.unwrap();
        pass(23 * HOUR - 10 * SECOND).await;
        check(&cache, clerk.session("user_ana")).await.unwrap();
        pass(20 * SECOND).await;
        assert_eq!(
            check(&cache, clerk.session("user_ana")).await,
            Err(Rejection::JwkUnavailable)
        );
        assert!(!cache.ready());
        // A failed fetch removes nothing, however many there were.
        assert!(!ids.has_changed().unwrap() || ids.borrow().len() == 1);
        source.serve(&clerk);
        pass(61 * SECOND).await;
        check(&cache, clerk.session("user_ana")).await.unwrap();
        assert!(!cache.status().stale);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_from_a_second_to_a_minute() {
        let source = Told::new(&Clerk::new());
        source.fail();
        let _cache = start(&source);
        // 1 + 2 + 4 + 8 + 16 + 32 s and then 48 s each, every one with up to a quarter on top.
        pass(Duration::from_millis(900)).await;
        assert_eq!(source.fetches(), 1);
        pass(Duration::from_millis(400)).await;
        assert_eq!(source.fetches(), 2);
        pass(62 * SECOND).await;
        assert!((6..=7).contains(&source.fetches()), "{}", source.fetches());
        let before = source.fetches();
        pass(HOUR).await;
        let hourly = source.fetches() - before;
        assert!((59..=76).contains(&hourly), "{hourly}");
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_cause_a_fetch_at_most_every_30_seconds() {
        let clerk = Clerk::new();
        let source = Told::new(&clerk);
        let cache = start(&source);
        check(&cache, clerk.session("user_ana")).await.unwrap();
        for second in 0..90 {
            for n in 0..5 {
                let stranger = clerk.with_kid(format!("ins_{second}_{n}"));
                assert_eq!(
                    check(&cache, stranger.session("user_ana")).await,
                    Err(Rejection::JwkKidMismatch)
                );
            }
            pass(SECOND).await;
        }
        assert_eq!(source.fetches(), 1 + 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_changed_during_the_cool_down_is_picked_up_after_it() {
        let clerk = Clerk::new();
        let source = Told::new(&clerk);
        let cache = start(&source);
        let next = clerk.rotated();
        assert_eq!(
            check(&cache, next.session("user_ana")).await,
            Err(Rejection::TokenInvalidSignature)
        );
        source.serve(&next);
        pass(29 * SECOND).await;
        assert_eq!(
            check(&cache, next.session("user_ana")).await,
            Err(Rejection::TokenInvalidSignature)
        );
        pass(SECOND).await;
        check(&cache, next.session("user_ana")).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_key_is_gone_within_one_refresh_and_the_watch_tells() {
        let clerk = Clerk::new();
        let source = Told::new(&clerk);
        let cache = start(&source);
        let mut ids = cache.key_ids();
        ids.changed().await.unwrap();
        let old = *ids.borrow_and_update().iter().next().unwrap();
        source.serve(&clerk.rotated().with_kid("ins_next"));
        let asked = Instant::now();
        ids.changed().await.unwrap();
        assert!(asked.elapsed() <= 300 * SECOND);
        assert!(!ids.borrow().contains(&old));
        assert_eq!(
            check(&cache, clerk.session("user_ana")).await,
            Err(Rejection::JwkKidMismatch)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_unchanged_set_tells_nobody() {
        let clerk = Clerk::new();
        let source = Told::new(&clerk);
        let cache = start(&source);
        let mut ids = cache.key_ids();
        ids.changed().await.unwrap();
        ids.mark_unchanged();
        pass(HOUR).await;
        assert!(source.fetches() > 10 && !ids.has_changed().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_ends_at_its_deadline() {
        struct Never;
        impl Source for Never {
            async fn fetch(&self) -> Result<Bytes, FetchError> {
                std::future::pending().await
            }
        }
        let cache = Cache::start(JwksOptions::new("unused"), Never);
        let started = Instant::now();
        let verdict = check(&cache, Clerk::new().session("user_ana")).await;
        assert_eq!(
            (verdict, started.elapsed()),
            (Err(Rejection::JwkUnavailable), 3 * SECOND)
        );
        // The next one is due after the back-off; within it nobody waits.
        let verdict = check(&cache, Clerk::new().session("user_ana")).await;
        assert_eq!(
            (verdict, started.elapsed()),
            (Err(Rejection::JwkUnavailable), 3 * SECOND)
        );
        assert_eq!(cache.status().failed, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_leaps_costs_one_fetch() {
        let clerk = Clerk::new();
        let source = Told::new(&clerk);
        let cache = start(&source);
        check(&cache, clerk.session("user_ana")).await.unwrap();
        advance(48 * HOUR).await;
        // Whichever comes first, the due fetch or this one, the other joins it.
        check(&cache, clerk.session("user_ana")).await.unwrap();
        assert_eq!(source.fetches(), 2);
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = FetchError::NotKeys(crate::JwksError::NotAKeySet);
        assert_eq!(
            Chain(&error).to_string(),
            "the key server's answer is of no use: the answer is not a key set"
        );
    }
}
