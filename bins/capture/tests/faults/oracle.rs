//! What has to be true of a log whose lines are numbered 1, 2, 3 …, and of every way to read it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use archiver::{Archive, Cursor, History, PageSize, Policy, sweep};
use futures::StreamExt as _;
use log_model::{JobId, LogEntry, LogEvent, Seq};
use redact::Redactor;
use stream_store::{Change, LogStore};

use crate::world::{MARK, World, soon};

/// The number in a line's text.
pub(crate) fn number(entry: &LogEntry) -> Option<u64> {
    match &entry.recorded.event {
        LogEvent::Line { text, .. } => text.as_str().strip_prefix(MARK)?.split(' ').next()?.parse().ok(),
        _ => None,
    }
}

/// Checks that lines 1 to `lines` are there once and in order, or that a gap stands where they are not: with their
/// number, unless nobody can know it. Returns how many are missing.
#[track_caller]
pub(crate) fn check(entries: &[LogEntry], lines: u64) -> u64 {
    let (mut last, mut missing) = (0, 0);
    // Of the gaps since the last line: the lines they count, and whether one counts none.
    let (mut told, mut untold) = (0, false);
    let mut settle = |last: u64, next: u64, told: u64, untold: bool| {
        let lost = next - last - 1;
        missing += lost;
        assert!(
            lost == told || untold,
            "{lost} lines are missing before {next}, a gap tells of {told}"
        );
    };
    for entry in entries {
        if let LogEvent::Gap { lines, .. } = entry.recorded.event {
            told += lines.unwrap_or(0);
            untold |= lines.is_none();
        }
        if let Some(next) = number(entry) {
            assert!(next > last, "line {next} comes after line {last}");
            settle(last, next, told, untold);
            (last, told, untold) = (next, 0, false);
        }
    }
    settle(last, lines + 1, told, untold);
    missing
}

/// Follows a job to its end, through everything that happens to the store; returns what a viewer holds then.
pub(crate) async fn watch(store: Arc<dyn LogStore>, job: JobId) -> BTreeMap<Seq, LogEntry> {
    let mut held: BTreeMap<Seq, LogEntry> = BTreeMap::new();
    loop {
        let after = held.keys().next_back().copied().unwrap_or(Seq::ZERO);
        let mut changes = store.follow(&job, after);
        while let Some(change) = changes.next().await {
            match change {
                Ok(Change::Entries(entries)) => {
                    for entry in entries {
                        let ended = matches!(entry.recorded.event, LogEvent::Ended { .. });
                        assert!(held.insert(entry.seq, entry).is_none(), "a place is given twice");
                        if ended {
                            return held;
                        }
                    }
                }
                Ok(Change::Rewound(span)) => held.retain(|seq, _| !span.contains(*seq)),
                Ok(_) | Err(_) => {}
            }
        }
        // There was no such job yet.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn pages(history: &History, job: &JobId) -> Vec<LogEntry> {
    let size = PageSize {
        entries: 100,
        bytes: 1 << 20,
    };
    let found = history.lookup(job).await.expect("the job is known");
    let mut before = found.record.head.next();
    let mut pages = Vec::new();
    loop {
        let page = history
            .page(job, Cursor::Before(before), size)
            .await
            .expect("it answers");
        let more = page.has_more;
        let next = page.next_before;
        pages.push(page.entries);
        match next {
            Some(next) if more => before = next,
            _ => break,
        }
    }
    // What the reading side makes up for places that are nowhere is no entry: the writer's own gap speaks of them too.
    let made_up = |entry: &LogEntry| matches!(entry.recorded.event, LogEvent::Gap { span: Some(_), .. });
    pages
        .into_iter()
        .rev()
        .flatten()
        .filter(|entry| !made_up(entry))
        .collect()
}

/// Reads a job that has ended through pages, then through the archive once the store has forgotten it, and compares
/// with what a viewer saw. Returns its entries.
pub(crate) async fn read_back(world: &World, job: &JobId, viewer: BTreeMap<Seq, LogEntry>) -> Vec<LogEntry> {
    let store = world.store().await;
    let url = format!("file://{}", world.place("archive").display());
    let archive = Arc::new(Archive::open(&url.parse().expect("it is a folder")).expect("the folder can be made"));
    let history = History::new(Arc::clone(&store), Some(Arc::clone(&archive)));
    let stored = soon("the pages", pages(&history, job)).await;
    for entry in &stored {
        assert_eq!(
            viewer.get(&entry.seq),
            Some(entry),
            "a viewer did not see what is stored"
        );
    }
    let policy = Policy {
        retention: Duration::ZERO,
        ..Policy::default()
    };
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let now = SystemTime::now() + Duration::from_secs(3600);
    let swept = soon(
        "the sweep",
        sweep(store.as_ref(), &archive, &redactor, now.into(), &policy),
    )
    .await;
    let swept = swept.expect("it answers");
    assert!(swept.is_complete(), "{swept:?}");
    let record = store.job(job).await.expect("it answers");
    assert!(
        record.is_none_or(|record| record.held().is_none()),
        "the store forgot it"
    );
    let archived = soon("the archive", pages(&History::new(store, Some(archive)), job)).await;
    assert_eq!(archived, stored);
    stored
}
