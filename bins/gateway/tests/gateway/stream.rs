//! The live stream, over real sockets.

use std::time::Duration;

use crate::clock::HeldClock;
use crate::common::{Events, Gateway, settings, until, within};
use log_model::{Outcome, Seq};
use stream_store::Ending;
use tailwater_gateway::{Settings, StreamLimits};
use testkit::builders::{T0, finished, gap, line, started};

#[tokio::test]
async fn a_fresh_viewer_hears_only_what_comes_next() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    let hello = events.expect("hello").await;
    assert_eq!(hello.id, None);
    assert_eq!(
        hello.data,
        serde_json::json!({"job": job.job, "status": "running", "head": 3, "resumed_from": null, "revision": 0, "heartbeat_s": 15, "retention_s": 86400})
    );
    assert_eq!(events.retry, Some(Duration::from_secs(2)));
    job.lines(4..=4).await;
    let line = events.expect("line").await;
    assert_eq!((line.id, line.data["text"].as_str()), (Some(4), Some("line 4")));
    assert_eq!(line.data["kind"], serde_json::Value::Null, "the event's name says it");
}

#[tokio::test]
async fn the_head_is_what_browsers_and_proxies_need() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let events = gateway
        .get_as("ana", &job.stream())
        .header("accept-encoding", "gzip")
        .events()
        .await;
    for (name, value) in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("vary", "Origin"),
    ] {
        assert_eq!(events.headers[name], value, "{name}");
    }
    assert!(events.headers.contains_key("x-request-id"));
    assert!(!events.headers.contains_key("content-length") && !events.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn every_block_is_event_data_id_and_a_blank_line() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=1).await;
    let mut events = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "0")
        .events()
        .await;
    events.expect("hello").await;
    events.expect("line").await;
    job.append(vec![
        started("install"),
        finished("install", 1, 12),
        gap(Some(16)),
        line("last\twords"),
    ])
    .await;
    job.end().await;
    for name in ["stage", "stage", "gap", "line", "end"] {
        events.expect(name).await;
    }
    events.closed().await;
    let raw = String::from_utf8(events.raw).unwrap();
    let ts = T0.as_millis();
    let (_hello, rest) = raw.split_once("\n\n").unwrap();
    let expected = format!(
        "event: line\ndata: {{\"seq\":1,\"ts\":{ts},\"source\":\"stdout\",\"text\":\"line 1\"}}\nid: 1\n\n\
         event: stage\ndata: {{\"seq\":2,\"ts\":{ts},\"phase\":\"install\",\"state\":\"started\"}}\nid: 2\n\n\
         event: stage\ndata: {{\"seq\":3,\"ts\":{ts},\"phase\":\"install\",\"state\":\"finished\",\"exit_code\":1,\"duration_ms\":12}}\nid: 3\n\n\
         event: gap\ndata: {{\"seq\":4,\"ts\":{ts},\"reason\":\"spool_full\",\"lines\":16}}\nid: 4\n\n\
         event: line\ndata: {{\"seq\":5,\"ts\":{ts},\"source\":\"stdout\",\"text\":\"last\\twords\"}}\nid: 5\n\n\
         event: end\ndata: {{\"seq\":6,\"ts\":{end},\"outcome\":\"succeeded\",\"exit_code\":0,\"lines\":2,\"redactions\":0,\"gaps\":1,\"revision\":0}}\nid: 6\n\n",
        end = ts + 1000
    );
    assert_eq!(rest, expected);
}

#[tokio::test]
async fn a_returning_viewer_gets_everything_after_their_cursor_in_order() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    for first in (1..=3000).step_by(500) {
        job.lines(first..=first + 499).await;
    }
    for ask in [
        gateway.get_as("ana", &job.stream()).header("last-event-id", "7"),
        gateway.get_as("ana", &format!("{}?last_event_id=7", job.stream())),
        gateway
            .get_as("ana", &format!("{}?last_event_id=99", job.stream()))
            .header("last-event-id", "7"),
    ] {
        let mut events = ask.events().await;
        let hello = events.expect("hello").await;
        assert_eq!(
            (hello.data["resumed_from"].as_u64(), hello.data["head"].as_u64()),
            (Some(7), Some(3000))
        );
        assert_eq!(events.ids_through(3000).await, (8..=3000).collect::<Vec<_>>());
    }
    let mut events = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "2990")
        .events()
        .await;
    job.lines(3001..=3005).await;
    events.expect("hello").await;
    assert_eq!(events.ids_through(3005).await, (2991..=3005).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_cursor_at_the_live_edge_just_goes_on() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=5).await;
    let mut events = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "5")
        .events()
        .await;
    events.expect("hello").await;
    job.lines(6..=6).await;
    assert_eq!(events.expect("line").await.id, Some(6));
}

#[tokio::test]
async fn a_cursor_nobody_gave_out_is_told_so_and_then_hears_what_comes() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=5).await;
    let mut events = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "900")
        .events()
        .await;
    events.expect("hello").await;
    let gap = events.expect("gap").await;
    assert_eq!(gap.data["reason"], "unknown_cursor");
    assert_eq!(
        (gap.data["from"].as_u64(), gap.data["to"].as_u64(), gap.id),
        (Some(6), Some(900), Some(900))
    );
    assert_eq!(gap.data["lines"], serde_json::Value::Null);
    job.lines(6..=6).await;
    assert_eq!(events.expect("line").await.id, Some(6));
}

#[tokio::test]
async fn a_job_that_is_over_says_hello_and_end() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=5).await;
    job.end().await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    let hello = events.expect("hello").await;
    assert_eq!(
        (hello.data["status"].as_str(), hello.data["head"].as_u64()),
        (Some("ended"), Some(6))
    );
    let end = events.expect("end").await;
    assert_eq!(
        (end.id, end.data["outcome"].as_str(), end.data["lines"].as_u64()),
        (Some(6), Some("succeeded"), Some(5))
    );
    events.closed().await;
}

#[tokio::test]
async fn coming_back_to_a_job_that_is_over_gives_the_tail_and_then_nothing_more() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=5).await;
    job.end().await;
    let mut events = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "3")
        .events()
        .await;
    events.expect("hello").await;
    assert_eq!(events.expect("line").await.id, Some(4));
    assert_eq!(events.expect("line").await.id, Some(5));
    assert_eq!(events.expect("end").await.id, Some(6));
    events.closed().await;
    for cursor in ["6", "7", "9007199254740991"] {
        let answer = gateway
            .get_as("ana", &job.stream())
            .header("last-event-id", cursor)
            .whole()
            .await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (204, 0), "{cursor}");
    }
}

#[tokio::test]
async fn the_end_comes_once_and_last_while_one_watches() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    job.lines(1..=2).await;
    job.end().await;
    assert_eq!(events.ids_through(3).await, [1, 2, 3]);
    events.closed().await;
}

#[tokio::test]
async fn a_cursor_that_is_no_number_is_refused() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    for cursor in ["x", "-1", "1.5", "9007199254740992", "1e3", "0x10"] {
        gateway
            .get_as("ana", &job.stream())
            .header("last-event-id", cursor)
            .whole()
            .await
            .refused(400, "bad_cursor");
        let path = format!("{}?last_event_id={cursor}", job.stream());
        gateway.get_as("ana", &path).whole().await.refused(400, "bad_cursor");
    }
}

#[tokio::test]
async fn silence_is_broken_by_a_named_heartbeat() {
    let gateway = Gateway::with(Settings {
        heartbeat: Duration::from_millis(50),
        ..settings()
    })
    .await;
    let job = gateway.job("ana").await;
    job.lines(1..=2).await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    for _ in 0..3 {
        let beat = events.expect("heartbeat").await;
        assert_eq!((beat.id, beat.data["head"].as_u64()), (None, Some(2)));
        assert!(beat.data["ts"].as_u64() > Some(T0.as_millis()));
    }
    job.lines(3..=3).await;
    while events.next().await.expect("it goes on").event != "line" {}
    let beat = events.expect("heartbeat").await;
    assert_eq!(beat.data["head"].as_u64(), Some(3));
}

#[tokio::test]
async fn limits_are_per_job_and_per_user_and_a_place_is_free_once_its_viewer_has_left() {
    let clock = HeldClock::hold();
    let limits = StreamLimits {
        per_job: 2,
        per_owner: 3,
        process: 100,
    };
    let gateway = Gateway::with(Settings {
        streams: limits,
        ..settings()
    })
    .await;
    let (one, two, three) = (
        gateway.job("ana").await,
        gateway.job("ana").await,
        gateway.job("ana").await,
    );
    let open = async |job: &crate::common::Job| {
        let mut events = gateway.get_as("ana", &job.stream()).events().await;
        events.expect("hello").await;
        events
    };
    let first = open(&one).await;
    let _second = open(&one).await;
    let answer = gateway.get_as("ana", &one.stream()).whole().await;
    answer.refused(429, "too_many_streams");
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(answer.header("ratelimit-policy"), "\"streams-per-job\";q=2");
    assert_eq!(answer.header("ratelimit"), "\"streams-per-job\";r=0;t=5");
    let _third = open(&two).await;
    let answer = gateway.get_as("ana", &three.stream()).whole().await;
    answer.refused(429, "too_many_streams");
    assert_eq!(answer.header("ratelimit-policy"), "\"streams-per-user\";q=3");
    drop(first);
    clock
        .until("a place is free", async || {
            gateway.get_as("ana", &one.stream()).send().await.status() == 200
        })
        .await;
    assert_eq!(clock.moved(), Duration::ZERO, "nobody waited for a timer");
}

#[tokio::test]
async fn a_job_that_falls_silent_is_told_and_so_is_its_return() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    let silence = stream_store::Silence {
        silent_after: Duration::ZERO,
        ..stream_store::Silence::default()
    };
    until("the lease has lapsed", async || {
        let state = gateway.store.mark_silent(&job.job, &silence, T0).await.unwrap();
        state.as_str() == "silent"
    })
    .await;
    let status = events.expect("status").await;
    assert_eq!((status.id, status.data["status"].as_str()), (None, Some("silent")));
    assert!(status.data["since"].is_u64());
    gateway.store.renew(&job.job, &job.writer).await.unwrap();
    assert_eq!(
        events.expect("status").await.data,
        serde_json::json!({"status": "running"})
    );
}

#[tokio::test]
async fn what_was_hidden_is_counted_by_rule_once_for_all_viewers() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut first = gateway.get_as("ana", &job.stream()).events().await;
    let mut second = gateway.get_as("ana", &job.stream()).events().await;
    first.expect("hello").await;
    second.expect("hello").await;
    let mut hidden = line("key [REDACTED] and [REDACTED]");
    if let log_model::LogEvent::Line { masked, .. } = &mut hidden.event {
        masked.push(log_model::Masked {
            rule: log_model::RuleId::new("stripe-live-key").unwrap(),
            count: 2,
        });
    }
    job.append(vec![hidden]).await;
    first.expect("line").await;
    second.expect("line").await;
    let metrics = gateway.get_admin("/metrics").whole().await;
    let expected = "tailwater_gateway_redactions_total{rule=\"stripe-live-key\"} 2\n";
    assert!(metrics.text().contains(expected), "{}", metrics.text());
}

#[tokio::test]
async fn masking_and_erasing_are_told_at_once() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    assert_eq!(events.expect("hello").await.data["revision"], 0);
    let masked = log_model::LogEntry {
        seq: Seq::new(2).unwrap(),
        recorded: line("[masked]"),
    };
    gateway.store.mask(&job.job, &masked).await.unwrap();
    let purge = events.expect("purge").await;
    assert_eq!(
        (purge.id, purge.data),
        (None, serde_json::json!({"seq": 2, "revision": 1}))
    );
    let mut later = gateway.get_as("ana", &job.stream()).events().await;
    assert_eq!(later.expect("hello").await.data["revision"], 1);
    gateway.store.erase(&job.job, "ops", "on request", T0).await.unwrap();
    assert_eq!(
        events.expect("purge").await.data,
        serde_json::json!({"seq": null, "revision": 2})
    );
    events.closed().await;
    gateway
        .get_as("ana", &job.stream())
        .whole()
        .await
        .refused(410, "log_erased");
    gateway
        .get_as("bob", &job.stream())
        .whole()
        .await
        .refused(404, "job_not_found");
}

#[tokio::test]
async fn the_end_carries_the_revision_its_reader_should_know() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    let masked = log_model::LogEntry {
        seq: Seq::new(2).unwrap(),
        recorded: line("[masked]"),
    };
    gateway.store.mask(&job.job, &masked).await.unwrap();
    events.expect("purge").await;
    job.end().await;
    assert_eq!(events.expect("end").await.data["revision"], 1);
}

#[tokio::test]
async fn a_job_ended_by_two_hands_ends_once() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    job.end().await;
    let again = Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    };
    gateway.store.end(&job.job, again, T0).await.unwrap();
    events.expect("end").await;
    events.closed().await;
}

#[tokio::test]
async fn http_2_carries_the_same_stream() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut events: Events = gateway.get_as("ana", &job.stream()).events_over_http2().await;
    events.expect("hello").await;
    job.lines(1..=3).await;
    job.end().await;
    assert_eq!(events.ids_through(4).await, [1, 2, 3, 4]);
    events.closed().await;
}

#[tokio::test]
async fn a_viewer_who_does_not_read_for_a_while_loses_nothing() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    // Far more than the connection's buffers and the hub's backlog hold.
    let long = "x".repeat(2000);
    let mut last = 0;
    for _ in 0..300 {
        last = job.append((0..50).map(|_| line(&long)).collect()).await.last.get();
    }
    job.end().await;
    let ids = within(events.ids_through(last + 1)).await;
    assert_eq!(ids, (1..=last + 1).collect::<Vec<_>>());
    events.closed().await;
}
