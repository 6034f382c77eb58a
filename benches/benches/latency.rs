//! How long after a command wrote a line does somebody who follows the job have it, on a pipe and on a terminal?
//!
//! A driver, not a criterion bench: the command writes the time into each line, and whoever follows compares. With
//! SQLite the follower looks every 20 ms, which is part of what is measured; Redis wakes it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capture::{Command, RunOptions, run};
use futures::StreamExt;
use log_model::{LogEvent, Seq};
use redact::Redactor;
use stream_store::{Change, LogStore, StoreUrl};
use testkit::builders::{T0, job, owner};
use testkit::redis::RedisServer;

const LINES: usize = 300;

fn now() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros())
}

async fn measure(store: Arc<dyn LogStore>, name: &str, pty: bool, spool: &std::path::Path) -> Vec<u128> {
    let job = job(name);
    store.open(&job, &owner("ana"), T0).await.expect("opened");
    let mut changes = store.follow(&job, Seq::ZERO);
    let mut options = RunOptions::new(job);
    options.pty = pty;
    options.quiet = true;
    options.end = true;
    options.spool_dir = spool.to_owned();
    let script = format!("for i in $(seq {LINES}); do date +%s%6N; sleep 0.03; done");
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let running = run(
        Arc::clone(&store),
        redactor,
        options,
        Command::new("bash", ["-c", &script]),
    );
    let following = async {
        let mut late = Vec::new();
        while let Some(change) = changes.next().await {
            let Ok(Change::Entries(entries)) = change else { continue };
            let seen = now();
            for entry in entries {
                match &entry.recorded.event {
                    LogEvent::Line { text, .. } => {
                        late.extend(
                            text.as_str()
                                .parse::<u128>()
                                .map(|written| seen.saturating_sub(written)),
                        );
                    }
                    LogEvent::Ended { .. } => return late,
                    _ => {}
                }
            }
        }
        late
    };
    let (report, mut late) = tokio::join!(running, following);
    report.expect("it runs");
    late.sort_unstable();
    late
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let redis = RedisServer::start();
    let file = format!("sqlite:{}", folder.path().join("log.sqlite").display());
    for (store, url) in [("SQLite", file), ("Redis", redis.url())] {
        let url: StoreUrl = url.parse().expect("it is a store");
        let store_of = stream_store::connect(&url).await.expect("it is there");
        for (how, pty) in [("pipe", false), ("terminal", true)] {
            let late = measure(Arc::clone(&store_of), how, pty, &folder.path().join("spool")).await;
            let at = |share: usize| Duration::from_micros(late[(late.len() - 1) * share / 100] as u64);
            println!(
                "{store}, {how}: {} lines, p50 {:?}, p99 {:?}",
                late.len(),
                at(50),
                at(99)
            );
        }
    }
}
