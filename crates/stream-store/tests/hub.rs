//! The hub over a real store: the exact seam, one follower for many, and what a slow listener is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use log_model::{JobId, Outcome, Seq, Span, WriterId};
use stream_store::{
    Batch, Change, Ending, Error, Hub, HubOptions, Item, LogStore, READ_LIMIT, SqliteStore, Subscription, Writer,
};
use testkit::builders::{T0, job, line, owner, text_of};
use tokio::time::timeout;

type Texts = Arc<Vec<(Seq, String)>>;

struct Stage {
    store: Arc<dyn LogStore>,
    hub: Arc<Hub<Texts>>,
    job: JobId,
    writer: Writer,
    number: u64,
    encoded: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new(options: HubOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&folder.path().join("log.db")).expect("a new file"));
        let job = job("job");
        store.open(&job, &owner("ana"), T0).await.expect("opened");
        let writer = store
            .join(&job, &WriterId::new("w").expect("a name"))
            .await
            .expect("joined");
        let encoded = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&encoded);
        let encode = move |_: &JobId, change: &Change| {
            count.fetch_add(1, Ordering::Relaxed);
            match change {
                Change::Entries(entries) => {
                    Arc::new(entries.iter().map(|e| (e.seq, text_of(&e.recorded.event))).collect())
                }
                _ => Texts::default(),
            }
        };
        let hub = Hub::new(Arc::clone(&store), encode, options);
        Self {
            store,
            hub,
            job,
            writer,
            number: 0,
            encoded,
            _folder: folder,
        }
    }

    /// Appends one line and returns its place.
    async fn append(&mut self) -> Seq {
        self.number += 1;
        let events = vec![line(&format!("line {}", self.number))];
        let batch = Batch {
            writer: self.writer.id.clone(),
            fence: self.writer.fence,
            number: self.number,
            events,
        };
        self.store.append(&self.job, &batch).await.expect("appended").last
    }

    async fn end(&self) {
        let ending = Ending {
            outcome: Outcome::Succeeded,
            exit_code: Some(0),
        };
        self.store.leave(&self.job, &self.writer, T0).await.expect("left");
        self.store.end(&self.job, ending, T0).await.expect("ended");
    }

    /// Everything a listener gets until the job's end, reading again what it is told to.
    async fn drain(&self, listener: &mut Subscription<Texts>) -> Vec<Seq> {
        let mut seen = Vec::new();
        while let Some(item) = within(listener.next()).await {
            match item {
                Item::Frames { last, payload, .. } => {
                    seen.extend(payload.iter().map(|(seq, _)| *seq));
                    if last {
                        break;
                    }
                }
                Item::Reread(span) => seen.extend(self.read(span).await),
                Item::Behind => {}
                other => panic!("unexpected {other:?}"),
            }
        }
        seen
    }

    async fn read(&self, span: Span) -> Vec<Seq> {
        let mut seen = Vec::new();
        let mut after = span.first().prev();
        while let Some(rest) = Span::after(after, span.last().min(after.plus(READ_LIMIT))) {
            seen.extend(
                self.store
                    .read(&self.job, rest)
                    .await
                    .expect("read")
                    .iter()
                    .map(|e| e.seq),
            );
            after = rest.last();
        }
        seen
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future)
        .await
        .expect("it happens within half a minute")
}

fn numbers(seqs: &[Seq]) -> Vec<u64> {
    seqs.iter().map(|seq| seq.get()).collect()
}

#[tokio::test]
async fn a_listener_hears_everything_after_the_head_it_was_told_and_nothing_before() {
    let mut stage = Stage::new(HubOptions::default()).await;
    for _ in 0..3 {
        stage.append().await;
    }
    let mut listener = stage.hub.subscribe(&stage.job).await.expect("subscribed");
    assert_eq!(listener.after.get(), 3);
    for _ in 0..3 {
        stage.append().await;
    }
    stage.end().await;
    assert_eq!(numbers(&stage.drain(&mut listener).await), [4, 5, 6, 7]);
    assert!(
        within(listener.next()).await.is_none(),
        "nothing follows the last entry"
    );
}

#[tokio::test]
async fn listeners_who_come_at_any_moment_miss_nothing_and_hear_nothing_twice() {
    let mut stage = Stage::new(HubOptions {
        tick: Duration::from_millis(1),
        backlog: 4,
    })
    .await;
    let mut listeners = Vec::new();
    for _ in 0..40 {
        stage.append().await;
        listeners.push(stage.hub.subscribe(&stage.job).await.expect("subscribed"));
        stage.append().await;
    }
    stage.end().await;
    for listener in &mut listeners {
        let expected: Vec<u64> = (listener.after.get() + 1..=81).collect();
        assert_eq!(
            numbers(&stage.drain(listener).await),
            expected,
            "a listener after {}",
            listener.after
        );
    }
}

#[tokio::test]
async fn a_listener_that_lags_is_told_what_to_read_again() {
    let mut stage = Stage::new(HubOptions {
        tick: Duration::ZERO,
        backlog: 2,
    })
    .await;
    let mut slow = stage.hub.subscribe(&stage.job).await.expect("subscribed");
    let mut quick = stage.hub.subscribe(&stage.job).await.expect("subscribed");
    for _ in 0..50 {
        let seq = stage.append().await;
        // The quick one's progress is the event that says the payload was published.
        while let Some(item) = within(quick.next()).await {
            if matches!(item, Item::Frames { span: Some(span), .. } if span.contains(seq)) {
                break;
            }
        }
    }
    stage.end().await;
    let (mut reread, mut behind) = (0, false);
    let mut seen = Vec::new();
    while let Some(item) = within(slow.next()).await {
        match item {
            Item::Reread(span) => {
                reread += span.len();
                seen.extend(stage.read(span).await);
            }
            Item::Behind => behind = true,
            Item::Frames { payload, .. } => seen.extend(payload.iter().map(|(seq, _)| *seq)),
            other => panic!("unexpected {other:?}"),
        }
    }
    assert_eq!(numbers(&seen), (1..=51).collect::<Vec<_>>());
    assert!(behind, "it is told that it missed something");
    assert!(
        reread >= 40,
        "only two payloads are kept for it, so most was read again: {reread}"
    );
}

#[tokio::test]
async fn a_change_is_encoded_once_however_many_listen() {
    let mut stage = Stage::new(HubOptions::default()).await;
    let mut listeners = Vec::new();
    for _ in 0..50 {
        listeners.push(stage.hub.subscribe(&stage.job).await.expect("subscribed"));
    }
    assert_eq!(stage.hub.jobs(), 1);
    stage.append().await;
    stage.end().await;
    for listener in &mut listeners {
        assert_eq!(numbers(&stage.drain(listener).await), [1, 2]);
    }
    assert!(
        stage.encoded.load(Ordering::Relaxed) <= 2,
        "two entries are at most two payloads"
    );
}

#[tokio::test]
async fn the_follower_goes_with_its_last_listener() {
    let stage = Stage::new(HubOptions::default()).await;
    let first = stage.hub.subscribe(&stage.job).await.expect("subscribed");
    let second = stage.hub.subscribe(&stage.job).await.expect("subscribed");
    drop(first);
    assert_eq!(stage.hub.jobs(), 1);
    drop(second);
    assert_eq!(stage.hub.jobs(), 0);
}

#[tokio::test]
async fn a_job_that_nobody_opened_cannot_be_listened_to() {
    let stage = Stage::new(HubOptions::default()).await;
    assert!(matches!(
        stage.hub.subscribe(&job("other")).await,
        Err(Error::NoSuchJob)
    ));
    assert_eq!(stage.hub.jobs(), 0);
}

#[tokio::test]
async fn a_burst_leaves_in_few_payloads_and_its_first_line_at_once() {
    let mut stage = Stage::new(HubOptions {
        tick: Duration::from_secs(3600),
        backlog: 64,
    })
    .await;
    let mut listener = stage.hub.subscribe(&stage.job).await.expect("subscribed");
    stage.append().await;
    let first = within(listener.next()).await;
    assert!(matches!(first, Some(Item::Frames { span: Some(span), .. }) if span.first() == Seq::FIRST));
    for _ in 0..20 {
        stage.append().await;
    }
    // The tick is an hour; the end does not wait for it.
    stage.end().await;
    assert_eq!(numbers(&stage.drain(&mut listener).await), (2..=22).collect::<Vec<_>>());
    assert_eq!(stage.encoded.load(Ordering::Relaxed), 2);
}
