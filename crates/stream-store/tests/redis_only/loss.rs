//! A server that lost everything.

use futures::StreamExt as _;
use log_model::{Counts, Seq};
use stream_store::{Change, Error, Known, LogStore};
use testkit::redis::RedisServer;
use tokio::time::timeout;

use super::common::*;

#[tokio::test]
async fn a_job_whose_server_lost_everything_comes_back_above_what_was_seen() {
    let ways: [fn(&mut RedisServer); 2] = [
        |server| drop(server.command(&["FLUSHALL"])),
        |server| {
            server.kill();
            server.restart();
        },
    ];
    for lose in ways {
        let mut server = RedisServer::start();
        let store = connect(&server.url()).await;
        let (job, writer) = joined(&store, "gone").await;
        let opened = store.job(&job).await.expect("answered").expect("there").opened;
        for (number, text) in (1..).zip(["one", "two", "three"]) {
            store
                .append(&job, &batch(&writer, number, &[text]))
                .await
                .expect("landed");
        }
        let mut follower = store.follow(&job, Seq::ZERO);
        assert_eq!(hear_lines(&mut follower, 3).await.len(), 3);

        lose(&mut server);
        let refused = persist_answer(async || store.append(&job, &batch(&writer, 4, &["four"])).await).await;
        assert!(matches!(refused, Err(Error::NoSuchJob)), "{refused:?}");
        // It still has its second batch and its third.
        let known = Known {
            fence: writer.fence,
            highest: Seq::new(3).expect("small"),
            resend_from: Seq::new(2).expect("small"),
            next: 2,
            counts: Counts {
                lines: 1,
                ..Counts::default()
            },
            ..Known::nothing_written(owner(), opened)
        };
        let back = store.rejoin(&job, &writer.id, &known, AT).await.expect("rebuilt");
        assert_eq!(back.next, 2);
        for (number, text) in (2..).zip(["two", "three", "four"]) {
            store
                .append(&job, &batch(&back, number, &[text]))
                .await
                .expect("landed");
        }
        // Whoever follows has not been sent away.
        assert_eq!(hear(&mut follower).await, Change::Rewound(span(2, 999_999)));
        assert_eq!(hear_lines(&mut follower, 4).await, ["gap", "two", "three", "four"]);
        let held = store.read(&job, span(1, 2_000_000)).await.expect("no hole");
        assert_eq!(texts(&held), ["gap", "two", "three", "four"]);
        assert_eq!(held[0].seq.get(), 1_000_000);
    }
}

#[tokio::test]
async fn a_follower_of_a_job_that_does_not_come_back_is_told_what_is_wrong() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "gone").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    let mut follower = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_lines(&mut follower, 1).await, ["one"]);
    server.command(&["FLUSHALL"]);
    let told = timeout(LONG, follower.next()).await.expect("soon").expect("it goes on");
    assert!(matches!(told, Err(Error::Unavailable { .. })), "{told:?}");
}
