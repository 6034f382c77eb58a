//! Many jobs followed at once, by one store.

use std::collections::HashMap;

use futures::StreamExt as _;
use log_model::{LogEvent, Seq};
use stream_store::{Change, LogStore};
use testkit::redis::RedisServer;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::common::*;

const JOBS: usize = 400;
const LINES: usize = 4000;

#[tokio::test]
async fn of_many_followed_jobs_nothing_is_missed_and_nothing_doubled() {
    let server = RedisServer::start();
    let (writing, following) = (connect(&server.url()).await, connect(&server.url()).await);
    let (seen, mut heard) = mpsc::unbounded_channel();
    let mut writers = Vec::new();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..JOBS {
        let (job, writer) = joined(&writing, &format!("many-{number}")).await;
        let (mut changes, seen) = (following.follow(&job, Seq::ZERO), seen.clone());
        tasks.spawn(async move {
            while let Some(change) = changes.next().await {
                let Ok(Change::Entries(entries)) = change else { continue };
                for entry in entries {
                    let LogEvent::Line { text, .. } = entry.recorded.event else {
                        continue;
                    };
                    if seen.send((number, text.as_str().to_owned())).is_err() {
                        return;
                    }
                }
            }
        });
        writers.push((job, writer, 0));
    }
    let mut written: HashMap<usize, Vec<String>> = HashMap::new();
    for line in 0..LINES {
        // A stride that meets every job, in another order than they were opened in.
        let number = line * 7919 % JOBS;
        let (job, writer, batches) = &mut writers[number];
        *batches += 1;
        let text = format!("line {line}");
        writing
            .append(job, &batch(writer, *batches, &[&text]))
            .await
            .expect("landed");
        written.entry(number).or_default().push(text);
        if line % 1000 == 500 {
            server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        }
    }
    let mut told: HashMap<usize, Vec<String>> = HashMap::new();
    for _ in 0..LINES {
        let (number, text) = timeout(LONG, heard.recv())
            .await
            .expect("everything is told")
            .expect("they follow");
        told.entry(number).or_default().push(text);
    }
    assert_eq!(told, written);
    assert!(heard.try_recv().is_err(), "nothing is told twice");
}
