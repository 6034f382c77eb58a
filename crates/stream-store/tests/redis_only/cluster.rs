//! A cluster whose slots move, and whose nodes go away, while a job is written and followed.

use log_model::Seq;
use stream_store::{Error, LogStore};
use testkit::redis::{RedisCluster, RedisServer};
use tokio::time::timeout;

use super::common::*;

#[tokio::test]
async fn a_job_goes_on_while_its_slot_moves_to_another_node() {
    let cluster = RedisCluster::start();
    let store = connect(&cluster.url()).await;
    let (job, writer) = joined(&store, "moving").await;
    let mut follower = store.follow(&job, Seq::ZERO);
    let (mut number, mut expected) = (0, Vec::new());
    for round in 0..2 {
        for step in 0..5 {
            cluster.move_slot_step("{moving}:log", round, step);
            for _ in 0..3 {
                let text = format!("line {}", number + 1);
                let batch = batch(&writer, number + 1, &[&text]);
                if matches!(step, 2 | 3) {
                    // Some of the job's keys are here and some there, or all are there already and the slot is not: then a
                    // batch may be refused, and is sent again.
                    match store.append(&job, &batch).await {
                        Err(Error::Unavailable { .. }) => break,
                        landed => drop(landed.expect("landed")),
                    }
                } else {
                    persist("a place", async || store.append(&job, &batch).await).await;
                }
                number += 1;
                expected.push(text);
            }
        }
    }
    assert!(expected.len() >= 18, "before and after the move nothing is refused");
    assert_eq!(hear_lines(&mut follower, expected.len()).await, expected);
    let held = persist("a page", async || store.read(&job, span(1, 9_000_000)).await).await;
    assert_eq!(texts(&held), expected);
}

#[tokio::test]
async fn a_job_goes_on_after_its_node_was_away() {
    let mut cluster = RedisCluster::start_with(RedisServer::options().append_only().set("appendfsync", "always"));
    let store = connect(&cluster.url()).await;
    let (job, writer) = joined(&store, "restarted").await;
    let mut follower = store.follow(&job, Seq::ZERO);
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    assert_eq!(hear_lines(&mut follower, 1).await, ["one"]);
    let owner = cluster.owner("{restarted}:log");
    cluster.nodes()[owner].kill();
    let away = store.append(&job, &batch(&writer, 2, &["two"])).await;
    assert!(matches!(away, Err(Error::Unavailable { .. })), "{away:?}");
    cluster.nodes()[owner].restart();
    let landed = persist("an answer", async || {
        store.append(&job, &batch(&writer, 2, &["two"])).await
    })
    .await;
    assert_eq!(landed.first.get(), 1_000_000);
    assert_eq!(hear_lines(&mut follower, 1).await, ["two"]);
    let held = timeout(LONG, store.read(&job, span(1, 2_000_000)))
        .await
        .expect("in time")
        .expect("readable");
    assert_eq!(texts(&held), ["one", "two"]);
}

#[tokio::test]
async fn each_node_that_may_lose_lines_is_named() {
    let mut cluster = RedisCluster::start_with(RedisServer::options().append_only());
    let store = connect(&cluster.url()).await;
    assert_eq!(store.warnings().await.expect("answered"), [""; 0]);
    let evicting = &cluster.nodes()[1];
    evicting.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let forgetful = &cluster.nodes()[2];
    forgetful.command(&["CONFIG", "SET", "appendonly", "no"]);
    let ports = [1, 2].map(|node| cluster.nodes()[node].port().to_string());
    let warnings = store.warnings().await.expect("answered");
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (port, part) in ports.iter().zip(["evicts keys", "keeps nothing on disk"]) {
        let named = warnings
            .iter()
            .filter(|warning| warning.contains(port) && warning.contains(part));
        assert_eq!(named.count(), 1, "{warnings:?}");
    }
}
