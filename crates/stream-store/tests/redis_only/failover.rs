//! A fail-over that loses what was acknowledged and seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use log_model::{JobId, LogEntry, Outcome, Seq, Span};
use stream_store::{Change, Ending, Error, Hub, HubOptions, Item, LogStore, RedisStore, Writer};
use testkit::redis::{RedisServer, Sentinels};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::common::*;

/// How many batches each writer has acknowledged before the link is cut, how many more before the primary is lost,
/// and how many in all; each of four lines.
const SAFE: u64 = 10;
const SEEN: u64 = 20;
const ALL: u64 = 40;

/// A writer that keeps everything and sends again what the store asks for, as far as it is allowed to go.
fn write(
    store: Arc<RedisStore>,
    job: JobId,
    writer: Writer,
    mut allowed: watch::Receiver<u64>,
) -> (JoinHandle<Writer>, watch::Receiver<u64>) {
    let (acknowledged, progress) = watch::channel(0);
    let task = tokio::spawn(async move {
        let mut next = 1;
        while next <= ALL {
            allowed
                .wait_for(|allowed| next <= *allowed)
                .await
                .expect("the test goes on");
            let lines: Vec<_> = (0..4).map(|line| format!("{} {next}.{line}", writer.id)).collect();
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            match store.append(&job, &batch(&writer, next, &lines)).await {
                Ok(_) => {
                    next += 1;
                    acknowledged.send_modify(|most| *most = (*most).max(next - 1));
                }
                Err(Error::Behind { expected }) => next = expected,
                Err(Error::Unavailable { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
        writer
    });
    (task, progress)
}

/// What a page shows: everything it was told and not told to forget.
type Page = BTreeMap<Seq, String>;

fn show(page: &mut Page, entries: &[LogEntry]) {
    for (entry, text) in entries.iter().zip(texts(entries)) {
        assert_eq!(page.insert(entry.seq, text), None, "{} was told twice", entry.seq);
    }
}

/// A page that stays open until the job's end, and what it shows then.
fn view(
    store: Arc<RedisStore>,
    hub: Arc<Hub<Arc<Change>>>,
    job: JobId,
) -> (JoinHandle<(Page, Vec<Span>)>, watch::Receiver<usize>) {
    let (shown, progress) = watch::channel(0);
    let task = tokio::spawn(async move {
        let (mut page, mut gone) = (Page::new(), Vec::new());
        let mut subscription = hub.subscribe(&job).await.expect("the job is there");
        if let Some(before) = Span::after(Seq::ZERO, subscription.after) {
            show(&mut page, &store.read(&job, before).await.expect("readable"));
        }
        while let Some(item) = subscription.next().await {
            match item {
                Item::Frames { payload, .. } => match &*payload {
                    Change::Entries(entries) => show(&mut page, entries),
                    Change::Rewound(span) => {
                        gone.push(*span);
                        page.retain(|seq, _| !span.contains(*seq));
                    }
                    _ => {}
                },
                Item::Reread(span) => {
                    let entries = loop {
                        match store.read(&job, span).await {
                            Err(Error::Unavailable { .. }) => tokio::task::yield_now().await,
                            entries => break entries.expect("readable"),
                        }
                    };
                    for (entry, text) in entries.iter().zip(texts(&entries)) {
                        page.insert(entry.seq, text);
                    }
                }
                _ => {}
            }
            shown.send_replace(page.len());
            if page.values().next_back().is_some_and(|last| last == "end") {
                break;
            }
        }
        (page, gone)
    });
    (task, progress)
}

#[tokio::test]
async fn what_two_writers_had_acknowledged_and_viewers_had_seen_comes_again_once() {
    let mut primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(&primary).start();
    primary.wait_for_replicas(1);
    let sentinels = Sentinels::start(&primary);
    let store = Arc::new(connect(&sentinels.url()).await);
    let (job, one) = joined(&store, "failed-over").await;
    let two = store.join(&job, &slot("other")).await.expect("joined");

    let (allow, allowed) = watch::channel(SAFE);
    let mut writers = Vec::new();
    for writer in [one, two] {
        writers.push(write(Arc::clone(&store), job.clone(), writer, allowed.clone()));
    }
    let hub = Hub::new(
        Arc::clone(&store) as Arc<dyn LogStore>,
        |_, change| Arc::new(change.clone()),
        HubOptions::default(),
    );
    let mut viewers: Vec<_> = (0..2)
        .map(|_| view(Arc::clone(&store), Arc::clone(&hub), job.clone()))
        .collect();
    let reach = async |progress: &mut watch::Receiver<u64>, least| {
        timeout(LONG, progress.wait_for(|most| *most >= least))
            .await
            .expect("in time")
            .expect("it writes");
    };
    for (_, progress) in &mut writers {
        reach(progress, SAFE).await;
    }
    timeout(LONG, async {
        while !store.confirm(&job, &slot("w"), SAFE).await.expect("asked") {}
    })
    .await
    .expect("the replica has it");

    // The replica can no longer log in, so that what is written from here on never reaches it.
    replica.command(&["CONFIG", "SET", "masteruser", "nobody"]);
    replica.command(&["CONFIG", "SET", "masterauth", "nothing"]);
    primary.command(&["CLIENT", "KILL", "TYPE", "replica"]);
    allow.send_replace(SEEN);
    for (_, progress) in &mut writers {
        reach(progress, SEEN).await;
    }
    for (_, shown) in &mut viewers {
        let all = SEEN as usize * 8;
        timeout(LONG, shown.wait_for(|shown| *shown >= all))
            .await
            .expect("in time")
            .expect("it is open");
    }
    let length = |server: &RedisServer| -> u64 {
        server
            .command(&["XLEN", "{failed-over}:log"])
            .text()
            .parse()
            .expect("a number")
    };
    let missing = length(&primary) - length(&replica);
    assert!(missing >= 50, "only {missing} acknowledged lines are missing");
    primary.kill();
    allow.send_replace(ALL);
    for (task, _) in writers {
        let writer = timeout(LONG, task)
            .await
            .expect("in time")
            .expect("it wrote everything");
        persist("a leave", async || store.leave(&job, &writer, AT).await).await;
    }
    assert_eq!(sentinels.primary(), Some(replica.port()));
    let ending = Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    };
    persist("an end", async || store.end(&job, ending, AT).await).await;

    let record = store.job(&job).await.expect("answered").expect("there");
    let mut held = Page::new();
    let mut after = Seq::ZERO;
    while let Some(span) = Span::after(after, record.head) {
        let entries = store.read(&job, span).await.expect("no hole");
        let Some(last) = entries.last() else { break };
        after = last.seq;
        show(&mut held, &entries);
    }
    for writer in ["w", "other"] {
        let lines: Vec<_> = held
            .values()
            .filter_map(|text| text.strip_prefix(writer)?.strip_prefix(' '))
            .collect();
        let expected: Vec<_> = (1..=ALL)
            .flat_map(|number| (0..4).map(move |line| format!("{number}.{line}")))
            .collect();
        assert_eq!(lines, expected, "each of {writer}'s lines once and in order");
    }
    assert_eq!(held.len() as u64, ALL * 8 + 1);
    for (task, _) in viewers {
        let (page, gone) = timeout(LONG, task).await.expect("in time").expect("it showed the end");
        assert_eq!(gone, record.unused, "told what to forget");
        assert_eq!(page, held, "what is open shows what a new page would");
    }
}
