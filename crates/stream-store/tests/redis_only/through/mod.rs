//! The conformance suite through a fail-over: every behaviour is on its way when the primary is killed, and goes on with
//! whichever replica the sentinels promote.
//!
//! A first run counts the calls each behaviour makes. Then each is started three times at once and stops before the call
//! that stands a quarter, half and three quarters of the way, its followers open. When all have stopped and the replicas have
//! everything, the primary is killed, and all go on at once: they write, read and follow while there is no primary, until
//! there is one. What is asked is what is asked of any store; what a store may answer while it is away is asked again, and
//! places are shown without the span that was skipped.
//!
//! Which behaviours are left out, and why, is said in [`LEFT_OUT`].

mod gate;
mod view;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::{FutureExt as _, join_all};
use futures::stream::{self, BoxStream, StreamExt as _};
use log_model::{JobId, LogEntry, Owner, Seq, Span, Timestamp, WriterId};
use stream_store::conformance::{Behaviour, Subject, behaviours};
use stream_store::{
    Appended, Batch, Change, Claim, Due, Ended, Ending, Error, JobPage, JobRecord, Known, ListCursor, LogStore,
    RedisStore, Result, Silence, State, Writer,
};
use testkit::redis::{RedisServer, Sentinels};
use tokio::time::{Instant, sleep, timeout};

use self::gate::{Course, Gate};
use self::view::View;
use super::common::{LONG, connect};

/// Behaviours that say nothing through a fail-over, with the reason.
const LEFT_OUT: [(&str, &str); 8] = [
    (
        "a_job_with_one_living_writer_is_not_silent",
        "it measures a lease of two seconds, and a fail-over takes longer",
    ),
    (
        "a_job_the_store_forgot_is_rebuilt_above_what_its_writer_knew",
        FORGOTTEN,
    ),
    ("what_the_writer_kept_whole_comes_again_without_a_gap", FORGOTTEN),
    ("coming_back_again_adds_nothing", FORGOTTEN),
    ("whoever_knows_of_higher_places_raises_them_again", FORGOTTEN),
    ("a_job_opened_anew_is_the_one_its_writer_knew", FORGOTTEN),
    (
        "what_somebody_new_wrote_first_stays_and_later_places_are_above_all",
        FORGOTTEN,
    ),
    ("a_follower_hears_what_a_rebuilt_job_takes_back", FORGOTTEN),
];

const FORGOTTEN: &str = "it names the very places that are skipped after a loss, and a fail-over skips more";

/// Where a behaviour stops: so many quarters of its calls were made.
const QUARTERS: [usize; 3] = [1, 2, 3];

/// A behaviour whose calls are random stops no later than this, so that it surely comes so far.
const LATEST: usize = 200;

/// No behaviour takes longer, the fail-over included.
const LONGEST: Duration = Duration::from_secs(180);

/// How often a `confirm` that was answered with no is asked again: a replica on a busy machine may take longer than one
/// WAIT.
const AGAIN: usize = 5;

/// The store as behaviours see it.
#[derive(Debug, Clone)]
struct Seen {
    inner: Arc<RedisStore>,
    view: Arc<View>,
    course: Arc<Course>,
}

/// A behaviour's store and the same from elsewhere.
struct Through(Seen, Seen);

impl Through {
    fn new(stores: &[Arc<RedisStore>; 2], view: &Arc<View>, course: &Arc<Course>) -> Self {
        let seen = |inner: &Arc<RedisStore>| Seen {
            inner: Arc::clone(inner),
            view: Arc::clone(view),
            course: Arc::clone(course),
        };
        Self(seen(&stores[0]), seen(&stores[1]))
    }
}

#[async_trait]
impl Subject for Through {
    fn store(&self) -> Arc<dyn LogStore> {
        Arc::new(self.0.clone())
    }

    async fn elsewhere(&self) -> Arc<dyn LogStore> {
        Arc::new(self.1.clone())
    }
}

/// Makes a call, and makes it again for as long as the store does not answer.
macro_rules! patiently {
    ($call:expr) => {{
        let until = Instant::now() + LONG;
        loop {
            match $call.await {
                Err(Error::Unavailable { .. }) if Instant::now() < until => sleep(Duration::from_millis(10)).await,
                answer => break answer,
            }
        }
    }};
}

/// One call of the behaviour's.
macro_rules! call {
    ($seen:ident, $call:expr) => {{
        let _under_way = $seen.course.call().await;
        patiently!($call)
    }};
}

/// One call about a job whose places are given or answered: what is skipped of them is looked up first and afterwards.
macro_rules! placed {
    ($seen:ident, $job:ident, $call:expr) => {{
        let _under_way = $seen.course.call().await;
        $seen.look($job).await?;
        let answer = patiently!($call);
        $seen.look($job).await?;
        answer
    }};
}

impl Seen {
    async fn look(&self, job: &JobId) -> Result<()> {
        if let Some(record) = patiently!(self.inner.job(job))? {
            self.view.learn(job, &record);
        }
        Ok(())
    }

    fn dues(&self, jobs: Vec<Due>) -> Vec<Due> {
        let seen = |due: Due| {
            let record = due.record.map(|record| self.view.record(&due.job, record));
            Due { record, ..due }
        };
        jobs.into_iter().map(seen).collect()
    }

    async fn change(self, job: JobId, change: Result<Change>) -> Option<Result<Change>> {
        Some(match change {
            Err(Error::Unavailable { .. }) => return None,
            Ok(Change::Entries(entries)) => {
                // Without a record there is nothing more to learn.
                drop(self.look(&job).await);
                Ok(Change::Entries(
                    entries.into_iter().map(|entry| self.view.entry(&job, entry)).collect(),
                ))
            }
            Ok(Change::Purged { seq, revision }) => {
                let seq = seq.map(|seq| self.view.place(&job, seq));
                Ok(Change::Purged { seq, revision })
            }
            Ok(Change::Rewound(span)) => panic!("nothing was lost, and {span} is taken back"),
            other => other,
        })
    }
}

#[async_trait]
impl LogStore for Seen {
    async fn open(&self, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord> {
        let record = call!(self, self.inner.open(job, owner, at))?;
        Ok(self.view.record(job, record))
    }

    async fn job(&self, job: &JobId) -> Result<Option<JobRecord>> {
        let record = call!(self, self.inner.job(job))?;
        Ok(record.map(|record| self.view.record(job, record)))
    }

    async fn join(&self, job: &JobId, slot: &WriterId) -> Result<Writer> {
        call!(self, self.inner.join(job, slot))
    }

    async fn rejoin(&self, job: &JobId, slot: &WriterId, given: &Known, at: Timestamp) -> Result<Writer> {
        let known = |known: &Known| Known {
            highest: self.view.store_place(job, known.highest),
            resend_from: self.view.store_place(job, known.resend_from),
            ..known.clone()
        };
        placed!(self, job, self.inner.rejoin(job, slot, &known(given), at))
    }

    async fn renew(&self, job: &JobId, writer: &Writer) -> Result<()> {
        call!(self, self.inner.renew(job, writer))
    }

    async fn leave(&self, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()> {
        call!(self, self.inner.leave(job, writer, at))
    }

    async fn finish(&self, job: &JobId, writer: &Writer, ending: Ending, at: Timestamp) -> Result<Ended> {
        Ok(match placed!(self, job, self.inner.finish(job, writer, ending, at))? {
            Ended::At(place) => Ended::At(self.view.place(job, place)),
            waits => waits,
        })
    }

    async fn end(&self, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended> {
        Ok(match placed!(self, job, self.inner.end(job, ending, at))? {
            Ended::At(place) => Ended::At(self.view.place(job, place)),
            waits => waits,
        })
    }

    async fn append(&self, job: &JobId, batch: &Batch) -> Result<Appended> {
        let landed = placed!(self, job, self.inner.append(job, batch))?;
        Ok(Appended {
            first: self.view.place(job, landed.first),
            last: self.view.place(job, landed.last),
        })
    }

    async fn confirm(&self, job: &JobId, writer: &WriterId, number: u64) -> Result<bool> {
        let _under_way = self.course.call().await;
        for _ in 0..AGAIN {
            // A primary without the replica that it is to have confirms nothing, and is right.
            self.course.settled().await;
            if patiently!(self.inner.confirm(job, writer, number))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn read(&self, job: &JobId, span: Span) -> Result<Vec<LogEntry>> {
        let entries = placed!(self, job, self.inner.read(job, self.view.store_span(job, span)))?;
        Ok(entries.into_iter().map(|entry| self.view.entry(job, entry)).collect())
    }

    fn follow(&self, job: &JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
        let (seen, job) = (self.clone(), job.clone());
        stream::once(async move {
            drop(seen.look(&job).await);
            let following = seen.inner.follow(&job, seen.view.store_place(&job, after));
            following.filter_map(move |change| seen.clone().change(job.clone(), change))
        })
        .flatten()
        .boxed()
    }

    async fn mark_silent(&self, job: &JobId, silence: &Silence, at: Timestamp) -> Result<State> {
        call!(self, self.inner.mark_silent(job, silence, at))
    }

    async fn due(&self, by: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        let page = call!(self, self.inner.due(by, cursor.clone(), limit))?;
        Ok(JobPage {
            jobs: self.dues(page.jobs),
            ..page
        })
    }

    async fn look_again(&self, job: &JobId, at: Timestamp) -> Result<()> {
        call!(self, self.inner.look_again(job, at))
    }

    async fn list(&self, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        let page = call!(self, self.inner.list(cursor.clone(), limit))?;
        Ok(JobPage {
            jobs: self.dues(page.jobs),
            ..page
        })
    }

    async fn claim(&self, job: &JobId, holder: &str, ttl: Duration) -> Result<Claim> {
        call!(self, self.inner.claim(job, holder, ttl))
    }

    async fn release(&self, claim: &Claim) -> Result<()> {
        call!(self, self.inner.release(claim))
    }

    async fn archived(&self, job: &JobId, through: Seq) -> Result<()> {
        placed!(self, job, self.inner.archived(job, self.view.store_place(job, through)))
    }

    async fn forget(&self, job: &JobId, through: Seq, keep_record: Duration) -> Result<()> {
        placed!(
            self,
            job,
            self.inner.forget(job, self.view.store_place(job, through), keep_record)
        )
    }

    async fn mask(&self, job: &JobId, entry: &LogEntry) -> Result<u32> {
        let placed = |entry: &LogEntry| LogEntry {
            seq: self.view.store_place(job, entry.seq),
            ..entry.clone()
        };
        placed!(self, job, self.inner.mask(job, &placed(entry)))
    }

    async fn erase(&self, job: &JobId, by: &str, why: &str, at: Timestamp) -> Result<u32> {
        call!(self, self.inner.erase(job, by, why, at))
    }

    async fn ping(&self) -> Result<()> {
        call!(self, self.inner.ping())
    }

    async fn warnings(&self) -> Result<Vec<String>> {
        call!(self, self.inner.warnings())
    }
}

/// A behaviour that was run: how many calls it made, and whether it stood at the gate.
struct Ran {
    name: &'static str,
    calls: usize,
    stood: bool,
    failed: bool,
}

/// Those that failed; what they said of it stands above.
fn failed(ran: &[Ran]) -> Vec<&str> {
    ran.iter().filter(|ran| ran.failed).map(|ran| ran.name).collect()
}

async fn run(name: &'static str, behaviour: Behaviour, subject: Through) -> Ran {
    let course = Arc::clone(&subject.0.course);
    // One that fails must not keep the others waiting at the gate, nor one that never ends.
    let ran = timeout(LONGEST, AssertUnwindSafe(behaviour(&subject)).catch_unwind()).await;
    let failed = !matches!(ran, Ok(Ok(())));
    let (calls, stood) = course.over();
    Ran {
        name,
        calls,
        stood,
        failed,
    }
}

/// How much a server has of what its primary wrote.
fn offset(server: &RedisServer) -> u64 {
    let info = server.command(&["INFO", "replication"]).text();
    let offset = info.lines().find_map(|line| line.strip_prefix("master_repl_offset:"));
    offset
        .and_then(|offset| offset.trim().parse().ok())
        .expect("a server says how far it is")
}

/// Waits until something is so, without holding up whoever else runs on this thread.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn every_behaviour_goes_on_through_a_fail_over() {
    let mut primary = RedisServer::start();
    let replicas = [0; 2].map(|_| RedisServer::options().replica_of(&primary).start());
    primary.wait_for_replicas(2);
    let sentinels = Sentinels::start(&primary);
    // The one that is left after the fail-over is what is asked for before it, too.
    let url = format!("{}&replicas=1", sentinels.url());
    let stores = [Arc::new(connect(&url).await), Arc::new(connect(&url).await)];
    let view = Arc::default();

    let all = behaviours();
    for (left_out, _) in LEFT_OUT {
        assert!(all.iter().any(|(name, _)| *name == left_out), "{left_out} is none");
    }
    let all = all
        .into_iter()
        .filter(|(name, _)| LEFT_OUT.iter().all(|(left_out, _)| left_out != name));
    let all: Vec<_> = all.collect();
    let gate = Gate::new();
    let counting = all.iter().map(|(name, behaviour)| {
        let course = Course::new(&gate, None);
        run(name, *behaviour, Through::new(&stores, &view, &course))
    });
    let counted = join_all(counting).await;
    assert_eq!(failed(&counted), [""; 0], "before any fail-over");
    assert_eq!(view.skipped(), 0, "nothing is skipped before");

    let mut courses = Vec::new();
    for ((name, behaviour), counted) in all.iter().zip(&counted) {
        for quarter in QUARTERS {
            let course = Course::new(&gate, Some((counted.calls * quarter / 4).min(LATEST)));
            courses.push(run(name, *behaviour, Through::new(&stores, &view, &course)));
        }
    }
    let count = courses.len();
    let fail_over = async {
        gate.all_arrived(all.len() + count).await;
        let written = offset(&primary);
        until("the replicas have everything", || {
            replicas.iter().all(|replica| offset(replica) >= written)
        })
        .await;
        primary.kill();
        gate.open();
        until("a replica of the new primary", || {
            let next = replicas
                .iter()
                .find(|replica| Some(replica.port()) == sentinels.primary());
            next.is_some_and(|next| next.command(&["INFO", "replication"]).text().contains("state=online"))
        })
        .await;
        gate.settle();
    };
    let (ran, ()) = tokio::join!(join_all(courses), fail_over);
    assert_eq!(failed(&ran), [""; 0], "through a fail-over");
    let passed_by: Vec<_> = ran.iter().filter(|ran| !ran.stood).map(|ran| ran.name).collect();
    assert!(passed_by.is_empty(), "never stood at the gate: {passed_by:?}");
    assert!(
        view.skipped() * 2 > all.len(),
        "most jobs were written to afterwards: {}",
        view.skipped()
    );
}
