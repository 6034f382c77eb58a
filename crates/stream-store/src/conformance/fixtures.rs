//! Jobs, lines and waiting, as the behaviours need them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use log_model::{
    JobId, LogEntry, LogEvent, Masked, Outcome, Owner, OwnerId, Phase, Recorded, RuleId, SafeText, Seq, Source, Span,
    StageState, Timestamp, WriterId,
};

use crate::{Batch, Change, Ending, Error, JobRecord, LogStore, Result, Silence, Writer};

pub(super) type Store = Arc<dyn LogStore>;
pub(super) type Following = BoxStream<'static, Result<Change>>;

/// What nothing here ever waits longer for, a fail-over included.
const LIMIT: Duration = Duration::from_secs(120);

/// Longer than any test takes.
pub(super) const LONG: Duration = Duration::from_secs(24 * 3600);

/// So short that it is over after [`MOMENT`].
pub(super) const SHORT: Duration = Duration::from_millis(5);

/// What a test lets pass so that something short is over.
pub(super) const MOMENT: Duration = Duration::from_millis(30);

/// Nothing lapses.
pub(super) const PATIENT: Silence = Silence {
    silent_after: LONG,
    lost_after: LONG,
    abandon_after: LONG,
};

/// Whoever said nothing for a moment is silent, and no more than that.
pub(super) const STRICT: Silence = Silence {
    silent_after: SHORT,
    lost_after: LONG,
    abandon_after: LONG,
};

pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what)
        .await
        .expect("an answer within two minutes")
}

pub(super) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// A job id no other test has, also on a server that outlives the tests.
pub(super) fn new_job() -> JobId {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    JobId::new(&format!("conformance-{:016x}", u64::from_le_bytes(bytes))).expect("letters, digits and hyphens")
}

pub(super) fn ana() -> Owner {
    Owner::user(OwnerId::new("user_ana").expect("a name"))
}

pub(super) fn ben() -> Owner {
    Owner::user(OwnerId::new("user_ben").expect("a name"))
}

pub(super) fn slot(name: &str) -> WriterId {
    WriterId::new(name).expect("a name")
}

pub(super) async fn opened(store: &Store) -> JobId {
    let job = new_job();
    store.open(&job, &ana(), now()).await.expect("a new job opens");
    job
}

/// A job that `name` has joined.
pub(super) async fn joined(store: &Store, name: &str) -> (JobId, Writer) {
    let job = opened(store).await;
    let writer = store.join(&job, &slot(name)).await.expect("an open job can be joined");
    (job, writer)
}

/// A job with as many lines, and its writer, whose next batch comes after them.
pub(super) async fn written(store: &Store, lines: u64) -> (JobId, Writer) {
    let (job, mut writer) = joined(store, "w").await;
    write(store, &job, &mut writer, lines).await;
    (job, writer)
}

/// Appends lines in batches of at most 500.
pub(super) async fn write(store: &Store, job: &JobId, writer: &mut Writer, lines: u64) {
    let mut left = lines;
    while left > 0 {
        let count = left.min(500);
        let events = (0..count)
            .map(|n| line(&format!("{} of batch {}", n, writer.next)))
            .collect();
        store
            .append(job, &batch(writer, events))
            .await
            .expect("the writer's next batch lands");
        writer.next += 1;
        left -= count;
    }
}

/// A job that has ended after as many lines.
pub(super) async fn finished(store: &Store, lines: u64) -> JobId {
    let (job, writer) = written(store, lines).await;
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    store
        .end(&job, succeeded(), now())
        .await
        .expect("a job without writers ends");
    job
}

/// What the writer says next.
pub(super) fn batch(writer: &Writer, events: Vec<Recorded>) -> Batch {
    Batch {
        writer: writer.id.clone(),
        fence: writer.fence,
        number: writer.next,
        events,
    }
}

pub(super) fn line(text: &str) -> Recorded {
    event(LogEvent::Line {
        source: Source::Stdout,
        text: safe(text),
        class: None,
        cut: None,
        masked: Vec::new(),
    })
}

pub(super) fn masked_line(text: &str, places: u32) -> Recorded {
    let masked = vec![Masked {
        rule: RuleId::from_static("known-secret"),
        count: places,
    }];
    event(LogEvent::Line {
        source: Source::Stderr,
        text: safe(text),
        class: None,
        cut: None,
        masked,
    })
}

pub(super) fn stage(phase: &str, state: StageState) -> Recorded {
    Recorded {
        phase: Some(Phase::new(phase).expect("a word")),
        ..event(LogEvent::Stage { state })
    }
}

pub(super) fn event(event: LogEvent) -> Recorded {
    Recorded {
        ts: Timestamp::from_millis(1_771_754_400_123),
        phase: None,
        event,
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own words hold no secret")]
pub(super) fn safe(text: &str) -> SafeText {
    SafeText::assume_redacted(text)
}

pub(super) fn succeeded() -> Ending {
    Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    }
}

pub(super) fn failed() -> Ending {
    Ending {
        outcome: Outcome::Failed,
        exit_code: Some(2),
    }
}

pub(super) fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a small number")
}

pub(super) fn span(first: u64, last: u64) -> Span {
    Span::new(seq(first), seq(last)).expect("first is not after last")
}

pub(super) async fn record(store: &Store, job: &JobId) -> JobRecord {
    store
        .job(job)
        .await
        .expect("the store answers")
        .expect("the job has a record")
}

/// Everything up to `last` that the store holds, by as many reads as it takes.
pub(super) async fn read_all(store: &Store, job: &JobId, last: u64) -> Vec<LogEntry> {
    let mut entries = Vec::new();
    let mut after = Seq::ZERO;
    while let Some(span) = Span::after(after, seq(last)) {
        let page = store.read(job, span).await.expect("a page is read");
        let Some(end) = page.last() else { break };
        after = end.seq;
        entries.extend(page);
    }
    entries
}

pub(super) fn numbers(entries: &[LogEntry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.seq.get()).collect()
}

/// The texts of what is a line.
pub(super) fn texts(entries: &[LogEntry]) -> Vec<&str> {
    let text = |entry| match entry {
        &LogEntry {
            recorded:
                Recorded {
                    event: LogEvent::Line { ref text, .. },
                    ..
                },
            ..
        } => Some(text.as_str()),
        _ => None,
    };
    entries.iter().filter_map(text).collect()
}

/// The next thing a follower hears; none when it is over.
pub(super) async fn hear(following: &mut Following) -> Option<Result<Change>> {
    soon(following.next()).await
}

/// Listens until the follower has told the entry `last`; what it says of the job's state meanwhile is passed over.
pub(super) async fn hear_through(following: &mut Following, last: u64) -> Vec<LogEntry> {
    let mut heard: Vec<LogEntry> = Vec::new();
    while heard.last().is_none_or(|entry| entry.seq.get() < last) {
        match hear(following).await {
            Some(Ok(Change::Entries(entries))) => {
                assert!(!entries.is_empty(), "a change of nothing");
                heard.extend(entries);
            }
            Some(Ok(Change::State(_))) => {}
            other => panic!(
                "expected entries up to {last}, heard {other:?} after {:?}",
                heard.last()
            ),
        }
    }
    heard
}

/// Listens until the follower says something that is not about the job's state.
pub(super) async fn hear_change(following: &mut Following) -> Option<Result<Change>> {
    loop {
        match hear(following).await {
            Some(Ok(Change::State(_))) => {}
            other => return other,
        }
    }
}

/// Whether an erased job's follower ends: with the error that says so, or without.
pub(super) async fn ends_erased(following: &mut Following) {
    match hear(following).await {
        None => {}
        Some(Err(Error::Erased)) => assert!(hear(following).await.is_none(), "nothing follows an erasure"),
        other => panic!("expected the end, heard {other:?}"),
    }
}

/// Asserts which error a call ends with.
macro_rules! refused {
    ($result:expr, $error:pat) => {
        match $result {
            Err($error) => {}
            other => panic!("expected {}, got {other:?}", stringify!($error)),
        }
    };
}
pub(super) use refused;
