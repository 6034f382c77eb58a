//! One server, and what its keys look like.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use log_model::{LogEvent, Outcome, Phase, Recorded, Seq, StageState};
use stream_store::{Appended, Batch, Change, Ended, Ending, Error, LogStore, RedisStore, StoreUrl, Writer};
use testkit::redis::{RedisServer, Sentinels, ValkeyServer};
use tokio::time::timeout;

use super::common::*;

#[tokio::test]
async fn a_batch_whose_answer_was_lost_lands_once() {
    let server = RedisServer::start();
    let road = Road::to(server.port()).await;
    let store = connect(&road.url()).await;
    let (job, writer) = joined(&store, "lost-answers").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    for number in 2..=6 {
        let batch = batch(&writer, number, &["again", "and again"]);
        let before = road.bytes.load(Ordering::SeqCst);
        road.lose_the_next_answer();
        let lost = store.append(&job, &batch).await;
        assert!(matches!(lost, Err(Error::Unavailable { .. })), "{lost:?}");
        assert!(road.bytes.load(Ordering::SeqCst) > before, "the batch was on its way");
        let (first, last) = (number * 2 - 2, number * 2 - 1);
        let landed = persist("an answer", async || store.append(&job, &batch).await).await;
        assert_eq!((landed.first.get(), landed.last.get()), (first, last));
    }
    let entries = store.read(&job, span(1, 100)).await.expect("readable");
    assert_eq!(entries.len(), 11);
    assert_eq!(server.command(&["XLEN", "{lost-answers}:log"]).text(), "11");
}

#[tokio::test]
async fn the_client_sends_nothing_twice_by_itself() {
    let server = RedisServer::start();
    let road = Road::to(server.port()).await;
    let store = connect(&road.url()).await;
    let (job, writer) = joined(&store, "once").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    server.command(&["CONFIG", "RESETSTAT"]);
    road.lose_the_next_answer();
    assert!(store.append(&job, &batch(&writer, 2, &["two"])).await.is_err());
    persist("a connection", async || store.ping().await).await;
    let stats = server.command(&["INFO", "commandstats"]).text();
    assert!(stats.contains("cmdstat_evalsha:calls=1,"), "{stats}");
}

#[tokio::test]
async fn a_server_that_stalls_is_not_waited_for_without_end() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "stalled").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    server.pause();
    let began = Instant::now();
    let stalled = store.append(&job, &batch(&writer, 2, &["two"])).await;
    assert!(matches!(stalled, Err(Error::Unavailable { .. })), "{stalled:?}");
    assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
    server.resume();
    let landed = persist("an answer", async || {
        store.append(&job, &batch(&writer, 2, &["two"])).await
    })
    .await;
    let two = Seq::new(2).expect("small");
    assert_eq!(landed, Appended { first: two, last: two });
    assert_eq!(
        texts(&store.read(&job, span(1, 9)).await.expect("readable")),
        ["one", "two"]
    );
}

#[tokio::test]
async fn a_server_that_is_away_at_first_is_found_later() {
    let mut server = RedisServer::start();
    server.stop();
    let began = Instant::now();
    let store = connect(&server.url()).await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "connecting does not wait for a server that is away"
    );
    server.restart();
    persist("a connection", async || store.ping().await).await;
    let (job, writer) = joined(&store, "late").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
}

#[tokio::test]
async fn a_restarted_server_never_gives_an_id_to_a_second_line() {
    let mut server = RedisServer::options().append_only().start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "restarted").await;
    store
        .append(&job, &batch(&writer, 1, &["one", "two"]))
        .await
        .expect("landed");
    let mut follower = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_lines(&mut follower, 2).await, ["one", "two"]);

    server.restart();
    let landed = persist("an answer", async || {
        store.append(&job, &batch(&writer, 2, &["three"])).await
    })
    .await;
    assert_eq!(landed.first.get(), 1_000_000);
    let record = store.job(&job).await.expect("answered").expect("still there");
    assert_eq!(record.unused, [span(3, 999_999)]);
    assert_eq!(
        texts(&store.read(&job, span(1, 2_000_000)).await.expect("no hole")),
        ["one", "two", "three"]
    );
    // Nothing that was seen is gone, so nothing is told but what is new.
    assert_eq!(
        hear(&mut follower).await,
        Change::Entries(store.read(&job, span(3, 1_000_000)).await.expect("readable"))
    );

    // The end, too, is an entry that must not take a place somebody may have seen.
    store.leave(&job, &writer, AT).await.expect("left");
    server.restart();
    let ending = Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    };
    persist("an end", async || store.end(&job, ending, AT).await).await;
    assert_eq!(
        store
            .job(&job)
            .await
            .expect("answered")
            .expect("still there")
            .head
            .get(),
        2_000_000
    );
    assert_eq!(hear_lines(&mut follower, 1).await, ["end"]);
    assert!(timeout(LONG, follower.next()).await.expect("the end").is_none());
}

#[tokio::test]
async fn what_a_failover_lost_comes_again_under_new_ids() {
    let primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(&primary).start();
    primary.wait_for_replicas(1);
    let road = Road::to(primary.port()).await;
    let store = connect(&road.url()).await;
    let (job, writer) = joined(&store, "failed-over").await;
    store.append(&job, &batch(&writer, 1, &["kept"])).await.expect("landed");
    assert!(store.confirm(&job, &writer.id, 1).await.expect("asked"));

    // Cut off before these, the replica never hears of them, nor of the second writer.
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let other = store.join(&job, &slot("other")).await.expect("joined");
    store
        .append(&job, &batch(&writer, 2, &["lost 2", "lost 3"]))
        .await
        .expect("landed");
    store
        .append(&job, &batch(&other, 1, &["other 1"]))
        .await
        .expect("landed");
    store
        .append(&job, &batch(&writer, 3, &["lost 4"]))
        .await
        .expect("landed");
    let mut follower = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_lines(&mut follower, 5).await.len(), 5);

    road.lead_to(replica.port());
    let ahead = batch(&writer, 4, &["new"]);
    let behind = timeout(LONG, async {
        loop {
            match store.append(&job, &ahead).await {
                Err(Error::Unavailable { .. }) => tokio::task::yield_now().await,
                answer => return answer,
            }
        }
    });
    assert!(matches!(
        behind.await.expect("an answer"),
        Err(Error::Behind { expected: 2 })
    ));
    let refilled = store
        .append(&job, &batch(&writer, 2, &["lost 2", "lost 3"]))
        .await
        .expect("landed");
    assert_eq!((refilled.first.get(), refilled.last.get()), (1_000_000, 1_000_001));
    store
        .append(&job, &batch(&writer, 3, &["lost 4"]))
        .await
        .expect("landed");
    store.append(&job, &ahead).await.expect("landed");
    // The joining was lost as well; whoever holds the fence it gave is known by it.
    store
        .append(&job, &batch(&other, 1, &["other 1"]))
        .await
        .expect("landed");

    assert_eq!(hear(&mut follower).await, Change::Rewound(span(2, 999_999)));
    assert_eq!(
        hear_lines(&mut follower, 5).await,
        ["lost 2", "lost 3", "lost 4", "new", "other 1"]
    );
    let entries = store.read(&job, span(1, 2_000_000)).await.expect("no hole");
    assert_eq!(
        texts(&entries),
        ["kept", "lost 2", "lost 3", "lost 4", "new", "other 1"]
    );
}

#[tokio::test]
async fn a_primary_that_lost_the_last_batches_lets_no_writer_leave() {
    let primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(&primary).start();
    primary.wait_for_replicas(1);
    let road = Road::to(primary.port()).await;
    let store = connect(&road.url()).await;
    let (job, first) = joined(&store, "leaving").await;
    store.append(&job, &batch(&first, 1, &["kept"])).await.expect("landed");
    assert!(store.confirm(&job, &first.id, 1).await.expect("asked"));
    // Of what comes now the replica never hears, not even that there is a second writer.
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let second = store.join(&job, &slot("second")).await.expect("joined");
    store.append(&job, &batch(&first, 2, &["lost"])).await.expect("landed");
    store.append(&job, &batch(&second, 1, &["too"])).await.expect("landed");
    // Each has everything acknowledged, has just found that it is still there, and is about to leave.
    let (first, second) = (Writer { next: 3, ..first }, Writer { next: 2, ..second });
    road.lead_to(replica.port());
    let ending = Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    };
    let leaving = persist_answer(async || store.leave(&job, &first, AT).await).await;
    assert!(matches!(leaving, Err(Error::Behind { expected: 2 })), "{leaving:?}");
    let ended = store.finish(&job, &second, ending, AT).await;
    assert!(
        matches!(ended, Err(Error::Fenced)),
        "it has to come back first: {ended:?}"
    );
    store.append(&job, &batch(&first, 2, &["lost"])).await.expect("landed");
    store.append(&job, &batch(&second, 1, &["too"])).await.expect("landed");
    store.leave(&job, &first, AT).await.expect("everything is there");
    let ended = store.finish(&job, &second, ending, AT).await.expect("here too");
    let record = store.job(&job).await.expect("answered").expect("there");
    assert_eq!(ended, Ended::At(record.head));
    let held = store.read(&job, span(1, 2_000_000)).await.expect("no hole");
    assert_eq!(texts(&held), ["kept", "lost", "too", "end"]);
}

#[tokio::test]
async fn a_job_that_ended_without_the_last_batches_does_not_say_that_all_is_well() {
    let primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(&primary).start();
    primary.wait_for_replicas(1);
    let road = Road::to(primary.port()).await;
    let store = connect(&road.url()).await;
    let (job, first) = joined(&store, "ended").await;
    store.append(&job, &batch(&first, 1, &["kept"])).await.expect("landed");
    assert!(store.confirm(&job, &first.id, 1).await.expect("asked"));
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let second = store.join(&job, &slot("second")).await.expect("joined");
    store.append(&job, &batch(&second, 1, &["lost"])).await.expect("landed");
    store.leave(&job, &first, AT).await.expect("everything is there");
    road.lead_to(replica.port());
    // Whoever ends it there finds a writer that has left, and none else.
    persist("a leave", async || store.leave(&job, &first, AT).await).await;
    let ending = Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    };
    store.end(&job, ending, AT).await.expect("nobody is known to write");
    let second = Writer { next: 2, ..second };
    for _ in 0..2 {
        let leaving = store.leave(&job, &second, AT).await;
        assert!(matches!(leaving, Err(Error::Behind { expected: 1 })), "{leaving:?}");
        let ended = store.finish(&job, &second, ending, AT).await;
        assert!(matches!(ended, Err(Error::Behind { expected: 1 })), "{ended:?}");
    }
    let refused = store.append(&job, &batch(&second, 1, &["lost"])).await;
    assert!(matches!(refused, Err(Error::Ended)), "{refused:?}");
}

#[tokio::test]
async fn a_sentinel_leads_to_the_new_primary() {
    let mut primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(&primary).start();
    primary.wait_for_replicas(1);
    let sentinels = Sentinels::start(&primary);
    let store = connect(&sentinels.url()).await;
    let (job, writer) = joined(&store, "watched").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    assert!(store.confirm(&job, &writer.id, 1).await.expect("asked"));
    let mut follower = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_lines(&mut follower, 1).await, ["one"]);
    primary.kill();
    let landed = persist("the new primary", async || {
        store.append(&job, &batch(&writer, 2, &["two"])).await
    })
    .await;
    assert_eq!(landed.first.get(), 1_000_000);
    assert_eq!(sentinels.primary(), Some(replica.port()));
    assert_eq!(hear_lines(&mut follower, 1).await, ["two"]);
}

#[tokio::test]
async fn only_what_the_replica_has_is_confirmed() {
    let primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(&primary).start();
    primary.wait_for_replicas(1);
    let store = connect(&primary.url()).await;
    let (job, writer) = joined(&store, "confirmed").await;
    let head = async || store.job(&job).await.expect("answered").expect("there").confirmed.get();
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    assert!(
        !store.confirm(&job, &writer.id, 2).await.expect("asked"),
        "batch 2 was never sent"
    );
    assert_eq!(head().await, 0);
    assert!(store.confirm(&job, &writer.id, 1).await.expect("asked"));
    assert_eq!(head().await, 1);
    replica.pause();
    store.append(&job, &batch(&writer, 2, &["two"])).await.expect("landed");
    assert!(
        !store.confirm(&job, &writer.id, 2).await.expect("asked"),
        "a stopped replica confirms nothing"
    );
    assert_eq!(head().await, 1);
    replica.resume();
    let confirmed = timeout(LONG, async {
        while !store.confirm(&job, &writer.id, 2).await.expect("asked") {}
    });
    confirmed.await.expect("a replica that goes on catches up");
    assert_eq!(head().await, 2);
}

#[tokio::test]
async fn replicas_that_are_asked_for_and_missing_confirm_nothing() {
    let server = RedisServer::start();
    let store = connect(&format!("{}?replicas=1", server.url())).await;
    let (job, writer) = joined(&store, "alone").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    assert!(!store.confirm(&job, &writer.id, 1).await.expect("asked"));
    let store = connect(&server.url()).await;
    assert!(
        store.confirm(&job, &writer.id, 1).await.expect("asked"),
        "without replicas its own disk is all there is"
    );
}

#[tokio::test]
async fn a_full_server_takes_no_batch_and_all_that_frees_memory() {
    let server = RedisServer::options().max_memory("4mb").start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "full").await;
    let text = "x".repeat(1000);
    let lines = vec![text.as_str(); 64];
    let mut number = 0;
    let refused = loop {
        number += 1;
        match store.append(&job, &batch(&writer, number, &lines)).await {
            Ok(_) => assert!(number < 1000, "4 MB hold no 64 MB"),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, Error::Full), "{refused}");
    let record = store.job(&job).await.expect("answered").expect("there");
    assert_eq!(
        (record.head.get(), record.counts.lines),
        ((number - 1) * 64, (number - 1) * 64),
        "nothing landed in part"
    );
    // What keeps a job alive and what makes room again works all the same.
    store.renew(&job, &writer).await.expect("renewed");
    store.claim(&job, "sweep", LONG).await.expect("claimed");
    store.archived(&job, record.head).await.expect("noted");
    store.forget(&job, record.head, LONG).await.expect("forgotten");
    let landed = store
        .append(&job, &batch(&writer, number, &lines))
        .await
        .expect("there is room again");
    assert_eq!(landed.first, record.head.next());
}

#[tokio::test]
async fn a_user_logs_in_and_a_wrong_password_is_told_at_once() {
    let (password, wrong) = (["let", "me", "in"].concat(), ["let", "me", "out"].concat());
    let server = RedisServer::options().user("ana", &password).start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "private").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    let mut follower = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_lines(&mut follower, 1).await, ["one"]);
    assert!(!format!("{store:?}").contains(&password), "{store:?}");
    for url in [
        server.url().replace(&password, &wrong),
        format!("redis://127.0.0.1:{}", server.port()),
    ] {
        let url: StoreUrl = url.parse().expect("a store's URL");
        let refused = timeout(LONG, RedisStore::connect(&url))
            .await
            .expect("an answer")
            .expect_err("it is refused");
        assert!(matches!(refused, Error::Setting { .. }), "{refused:?}");
        let told = format!("{refused} {refused:?} {url} {url:?}");
        assert!(!told.contains(&wrong) && !told.contains("ana"), "{told}");
    }
}

#[tokio::test]
async fn a_certificate_is_checked() {
    let server = RedisServer::options().tls().start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "sealed").await;
    store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
    let mut follower = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_lines(&mut follower, 1).await, ["one"]);
    let stranger = RedisServer::options().tls().start();
    let url = format!(
        "rediss://127.0.0.1:{}?ca={}",
        server.port(),
        stranger.dir().join("ca.pem").display()
    );
    match RedisStore::connect(&url.parse().expect("a store's URL")).await {
        Err(Error::Setting { .. }) => {}
        Ok(store) => assert!(store.ping().await.is_err(), "nobody vouches for this server"),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_may_lose_lines_is_warned_of() {
    let cases = [
        (RedisServer::options().append_only(), vec![]),
        (RedisServer::options().set("save", "900 1"), vec![]),
        (RedisServer::options(), vec!["keeps nothing on disk"]),
        (
            RedisServer::options()
                .append_only()
                .set("maxmemory-policy", "allkeys-lru"),
            vec!["evicts keys"],
        ),
        (
            ValkeyServer::options().set("maxmemory-policy", "volatile-ttl"),
            vec!["evicts keys", "keeps nothing on disk"],
        ),
    ];
    for (options, expected) in cases {
        let server = options.start();
        let warnings = connect(&server.url()).await.warnings().await.expect("answered");
        assert_eq!(warnings.len(), expected.len(), "{warnings:?}");
        assert!(
            warnings
                .iter()
                .zip(expected)
                .all(|(warning, part)| warning.contains(part)),
            "{warnings:?}"
        );
    }
}

#[tokio::test]
async fn a_wake_up_is_quicker_than_the_next_poll() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "awake").await;
    let mut follower = store.follow(&job, Seq::ZERO);
    store
        .append(&job, &batch(&writer, 1, &["first"]))
        .await
        .expect("landed");
    assert_eq!(hear_lines(&mut follower, 1).await, ["first"]);
    let began = Instant::now();
    for number in 2..=41 {
        store
            .append(&job, &batch(&writer, number, &["line"]))
            .await
            .expect("landed");
        hear_lines(&mut follower, 1).await;
    }
    // By polling alone this takes 28 s at least.
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_follower_misses_nothing_while_its_connection_is_cut() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "cut").await;
    let mut follower = store.follow(&job, Seq::ZERO);
    let mut expected = Vec::new();
    for number in 1..=20 {
        server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        let text = format!("line {number}");
        store
            .append(&job, &batch(&writer, number, &[&text]))
            .await
            .expect("landed");
        expected.push(text);
    }
    assert_eq!(hear_lines(&mut follower, 20).await, expected);
}

#[tokio::test]
async fn all_followers_share_one_connection() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let mut followers = Vec::new();
    for number in 0..600 {
        let (job, writer) = joined(&store, &format!("many-{number}")).await;
        store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
        followers.push((store.follow(&job, Seq::ZERO), job, writer));
    }
    for (follower, ..) in &mut followers {
        assert_eq!(hear_lines(follower, 1).await, ["one"]);
    }
    let clients = server.command(&["CLIENT", "LIST"]).text();
    // One for commands, one for wake-ups, and the one that asks.
    assert_eq!(clients.lines().count(), 3, "{clients}");
    for (follower, job, writer) in &mut followers {
        store.append(job, &batch(writer, 2, &["two"])).await.expect("landed");
        assert_eq!(hear_lines(follower, 1).await, ["two"]);
    }
    drop(followers);
    timeout(LONG, async {
        while server.command(&["PUBSUB", "CHANNELS"]).words() != Vec::<String>::new() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("nobody follows, nothing is subscribed to");
}

#[tokio::test]
async fn a_dropped_store_leaves_no_connection() {
    for options in [RedisServer::options(), RedisServer::options().tls()] {
        let server = options.start();
        let store = connect(&server.url()).await;
        let (job, writer) = joined(&store, "left").await;
        let mut follower = store.follow(&job, Seq::ZERO);
        store.append(&job, &batch(&writer, 1, &["one"])).await.expect("landed");
        assert_eq!(hear_lines(&mut follower, 1).await, ["one"]);
        store.confirm(&job, &writer.id, 1).await.expect("asked");
        let connections = || server.command(&["CLIENT", "LIST"]).text().lines().count();
        // One each for commands, wake-ups and confirming, and the one that asks; the line may come before a wake-up could.
        timeout(LONG, async {
            while connections() < 4 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("every connection is made");
        drop((store, follower));
        timeout(LONG, async {
            while connections() > 1 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("every connection is closed");
    }
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_taught_again() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "taught").await;
    for number in 1..=3 {
        server.command(&["SCRIPT", "FLUSH"]);
        store
            .append(&job, &batch(&writer, number, &["line"]))
            .await
            .expect("landed");
    }
    assert_eq!(server.command(&["XLEN", "{taught}:log"]).text(), "3");
}

/// The jobs that are due now, each with whether it has a record.
async fn due(store: &RedisStore) -> Vec<(String, bool)> {
    let now = std::time::SystemTime::now().into();
    let due = store.due(now, None, 100).await.expect("answered").jobs;
    let mut due: Vec<_> = due
        .into_iter()
        .map(|due| (due.job.to_string(), due.record.is_some()))
        .collect();
    due.sort_unstable();
    due
}

/// The names of all jobs.
async fn listed(store: &RedisStore) -> Vec<String> {
    let listed = store.list(None, 100).await.expect("answered").jobs;
    let mut names: Vec<_> = listed.iter().map(|due| due.job.to_string()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn an_opening_that_was_interrupted_loses_no_job() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    index_key(&server, &store, "known").await;
    // The first step of `open`, a day and more ago and now; also as versions did it that had no schedule.
    let now = format!("{}000", server.command(&["TIME"]).words()[0]);
    for (name, since, scheduled) in [
        ("long-ago", "1000", true),
        ("longer-ago", "1000", false),
        ("just-now", &now, true),
        ("right-now", &now, false),
    ] {
        let key = index_key(&server, &store, name).await;
        server.command(&["DEL", &format!("{{{name}}}:job")]);
        server.command(&["ZADD", &key, since, name]);
        server.command(&["ZREM", &format!("{key}:due"), name]);
        if scheduled {
            server.command(&["ZADD", &format!("{key}:due"), since, name]);
        }
    }
    let lost = |name: &str| (name.to_owned(), false);
    let found = [("known".to_owned(), true), lost("long-ago"), lost("longer-ago")];
    assert_eq!(due(&store).await, found);
    let all = ["just-now", "known", "long-ago", "longer-ago", "right-now"];
    assert_eq!(listed(&store).await, all);
    // Opened again after all, it is a job like any other, with an entry that is young.
    for name in ["long-ago", "just-now"] {
        store.open(&job(name), &owner(), AT).await.expect("opened");
    }
    assert_eq!(due(&store).await.len(), 4);
    // Nobody came to these.
    for name in ["longer-ago", "right-now"] {
        let forgotten = store.forget(&job(name), Seq::FIRST, LONG).await;
        assert!(matches!(forgotten, Err(Error::NoSuchJob)), "{forgotten:?}");
    }
    let listed = store.list(None, 100).await.expect("answered").jobs;
    let mut names: Vec<_> = listed.iter().map(|due| due.job.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["just-now", "known", "long-ago", "right-now"],
        "one may still be on its way"
    );
}

#[tokio::test]
async fn an_open_that_was_killed_between_its_two_steps_loses_no_job() {
    let server = RedisServer::start();
    let road = Road::to(server.port()).await;
    let store = connect(&road.url()).await;
    store.open(&job("before"), &owner(), AT).await.expect("opened");
    // The index answers, and nobody is there any more to make the record.
    road.lose_the_next_answer();
    let opening = store.open(&job("killed"), &owner(), AT).await;
    assert!(matches!(opening, Err(Error::Unavailable { .. })), "{opening:?}");
    assert_eq!(server.command(&["EXISTS", "{killed}:job"]).text(), "0");
    let other = connect(&server.url()).await;
    let listed = other.list(None, 100).await.expect("answered").jobs;
    assert!(
        listed
            .iter()
            .any(|due| due.job.as_str() == "killed" && due.record.is_none()),
        "{listed:?}"
    );
    // Whoever repeats it has it.
    let record = other.open(&job("killed"), &owner(), AT).await.expect("opened");
    assert_eq!(record.head, Seq::ZERO);
    assert!(due(&other).await.contains(&("killed".to_owned(), true)));
}

#[tokio::test]
async fn jobs_from_before_the_schedule_are_due() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let key = index_key(&server, &store, "known").await;
    let schedule = format!("{key}:due");
    server.command(&["DEL", &schedule]);
    assert_eq!(due(&store).await, [("known".to_owned(), true)]);
    let later = std::time::SystemTime::now() + LONG;
    store.look_again(&job("known"), later.into()).await.expect("noted");
    assert_eq!(due(&store).await, []);
    // One that an older version forgot meanwhile is looked at once more, and gone.
    server.command(&["ZREM", &key, "known"]);
    server.command(&["DEL", "{known}:job"]);
    server.command(&["ZADD", &schedule, "1000", "known"]);
    assert_eq!(due(&store).await, [("known".to_owned(), false)]);
    assert!(store.forget(&job("known"), Seq::FIRST, LONG).await.is_err());
    assert_eq!(server.command(&["EXISTS", &schedule]).text(), "0");
}

#[tokio::test]
async fn an_old_index_entry_without_a_record_can_be_forgotten() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let key = index_key(&server, &store, "known").await;
    server.command(&["ZADD", &key, "1000", "known"]);
    server.command(&["DEL", "{known}:job"]);
    let forgotten = store.forget(&job("known"), Seq::FIRST, LONG).await;
    assert!(matches!(forgotten, Err(Error::NoSuchJob)), "{forgotten:?}");
    assert_eq!(server.command(&["EXISTS", &key, &format!("{key}:due")]).text(), "0");
}

/// Opens a job, and answers which set holds it.
async fn index_key(server: &RedisServer, store: &RedisStore, name: &str) -> String {
    store.open(&job(name), &owner(), AT).await.expect("opened");
    let mut keys = server.command(&["KEYS", "{tailwater:jobs:*}"]).words().into_iter();
    keys.find(|key| !server.command(&["ZSCORE", key, name]).words().is_empty())
        .expect("one of them has it")
}

#[tokio::test]
async fn the_keys_look_as_they_are_described() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "layout").await;
    let mut events = vec![line("added 3 packages"), line("second")];
    let phase = Some(Phase::new("install").expect("a word"));
    events.insert(
        0,
        Recorded {
            ts: AT,
            phase: phase.clone(),
            event: LogEvent::Stage {
                state: StageState::Started,
            },
        },
    );
    events[2].phase = phase;
    let batch = Batch {
        writer: writer.id.clone(),
        fence: writer.fence,
        number: 1,
        events,
    };
    store.append(&job, &batch).await.expect("landed");
    let mut masked = store.read(&job, span(2, 2)).await.expect("readable").remove(0);
    masked.recorded = line("[REDACTED]");
    store.mask(&job, &masked).await.expect("masked");
    store.leave(&job, &writer, AT).await.expect("left");
    let ending = Ending {
        outcome: Outcome::Failed,
        exit_code: Some(2),
    };
    store.end(&job, ending, AT).await.expect("ended");

    let keys: BTreeSet<_> = server.command(&["KEYS", "*"]).words().into_iter().collect();
    let names = ["{layout}:job", "{layout}:log", "{layout}:patch"].map(str::to_owned);
    let index = keys
        .iter()
        .find(|key| key.starts_with("{tailwater:jobs:"))
        .cloned()
        .expect("an index");
    let schedule = format!("{index}:due");
    assert_eq!(keys, names.into_iter().chain([index, schedule]).collect());

    let entries = server.command(&["XRANGE", "{layout}:log", "-", "+"]).words().join("|");
    assert_eq!(
        entries,
        "1-0|ts|1771754400123|stage|started|phase|install\
         |3-0|ts|1771754400123|stdout|second|phase|install\
         |4-0|ts|1771754400123|end|failed|exit_code|2|lines|2|redactions|0|gaps|0"
    );
    let patch = server.command(&["HGETALL", "{layout}:patch"]).words().join("|");
    assert_eq!(
        patch,
        r#"2|1 {"kind":"line","seq":2,"ts":1771754400123,"source":"stdout","text":"[REDACTED]"}"#
    );
    let flat = server.command(&["HGETALL", "{layout}:job"]).words();
    let mut record: Vec<_> = flat.chunks(2).map(|pair| format!("{} {}", pair[0], pair[1])).collect();
    record.retain(|field| !field.starts_with("touched ") && !field.starts_with("replid "));
    record.sort_unstable();
    assert_eq!(
        record,
        [
            "a:1:w 1 1 3",
            "ended 1771754400123",
            "ending failed",
            "exit_code 2",
            "gaps 0",
            "head 4",
            "held_from 1",
            "lines 2",
            "opened 1771754400123",
            "owner user:user_ana",
            "phases install 1771754400123 - -;",
            "redactions 0",
            "revision 1",
            "state ended",
            "w:w 1 2 0",
        ]
    );
    // Forgotten, it is small, and goes by itself when its time is over.
    store.archived(&job, Seq::new(4).expect("small")).await.expect("noted");
    store
        .forget(&job, Seq::new(4).expect("small"), LONG)
        .await
        .expect("forgotten");
    let keys = server.command(&["KEYS", "*"]).words();
    assert_eq!(keys, ["{layout}:job"]);
    let bytes: usize = server
        .command(&["MEMORY", "USAGE", "{layout}:job"])
        .text()
        .parse()
        .expect("a number");
    assert!(bytes <= 200, "{bytes}");
    let left: i64 = server
        .command(&["PTTL", "{layout}:job"])
        .text()
        .parse()
        .expect("a number");
    assert!((1..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_line_of_87_bytes_costs_the_server_at_most_115() {
    let server = RedisServer::start();
    let store = connect(&server.url()).await;
    let (job, writer) = joined(&store, "dear").await;
    let used = || -> i64 {
        let info = server.command(&["INFO", "memory"]).text();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("used_memory_dataset:"))
            .map(str::to_owned);
        line.and_then(|bytes| bytes.trim().parse().ok())
            .expect("the server says")
    };
    let before = used();
    for number in 1..=200 {
        let lines: Vec<_> = (0..64)
            .map(|line| format!("{number:>10} {line:>10} {}", "x".repeat(65)))
            .collect();
        assert_eq!(lines[0].len(), 87);
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        store
            .append(&job, &batch(&writer, number, &lines))
            .await
            .expect("landed");
    }
    let bytes = (used() - before) / (200 * 64);
    assert!(bytes <= 115, "{bytes}");
}
