//! Long streams: how long one lasts on the strength of one token, how it ends, and how the next goes on.

use std::time::{Duration, SystemTime};

use crate::clock::HeldClock;
use crate::common::{Events, Gateway, settings};
use tailwater_gateway::Settings;

const MINUTE: Duration = Duration::from_secs(60);

async fn farewells(gateway: &Gateway) -> usize {
    let metrics = gateway.get_admin("/metrics").whole().await;
    let name = "tailwater_gateway_farewells_total{event=\"reauth\",reason=\"lease\"} ";
    let line = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::to_owned);
    line.map_or(0, |count| count.parse().unwrap())
}

/// Everything up to the farewell, which must be this.
async fn until_reauth(events: &mut Events, reason: &str) -> serde_json::Value {
    loop {
        let event = events.next().await.expect("a farewell before the end");
        if event.event == "reauth" {
            assert_eq!((event.id, event.data["reason"].as_str()), (None, Some(reason)));
            events.closed().await;
            return event.data;
        }
        assert_eq!(event.event, "heartbeat");
    }
}

#[tokio::test]
async fn leases_last_fifteen_minutes_a_tenth_more_or_less_and_do_not_end_together() {
    let clock = HeldClock::hold();
    let gateway = Gateway::start().await;
    let mut streams = Vec::new();
    for _ in 0..2 {
        let job = gateway.job("ana").await;
        for _ in 0..10 {
            let mut events = gateway.get_as("ana", &job.stream()).events().await;
            events.expect("hello").await;
            streams.push(events);
        }
    }
    clock.advance(MINUTE * 27 / 2 - Duration::from_secs(1)).await;
    assert_eq!(farewells(&gateway).await, 0);
    clock.advance(MINUTE * 3 / 2 + Duration::from_secs(1)).await;
    // Twenty coins of which all fall alike once in half a million times.
    clock
        .until("some are over", async || farewells(&gateway).await > 0)
        .await;
    assert!(farewells(&gateway).await < 20);
    clock.advance(MINUTE * 3 / 2 + Duration::from_secs(1)).await;
    clock
        .until("all are over", async || farewells(&gateway).await == 20)
        .await;
    for events in &mut streams {
        let farewell = until_reauth(events, "lease").await;
        let retry = farewell["retry_ms"].as_u64().unwrap();
        assert!((100..=600).contains(&retry), "{retry}");
        assert_eq!(events.retry, Some(Duration::from_millis(retry)));
    }
}

#[tokio::test]
async fn after_the_lease_a_fresh_token_goes_on_exactly_where_the_stream_was() {
    let clock = HeldClock::hold();
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let old = gateway
        .clerk
        .session("user_ana")
        .issued(SystemTime::now() - Duration::from_secs(600))
        .token();
    let mut met = Vec::new();
    let mut last_event_id = String::new();
    for round in 0..4 {
        let mut ask = gateway.get_as("ana", &job.stream());
        if !last_event_id.is_empty() {
            // The token that opened the last stream is over by now.
            gateway
                .get(&job.stream())
                .header("authorization", &format!("Bearer {old}"))
                .header("last-event-id", &last_event_id)
                .whole()
                .await
                .refused(401, "token_expired");
            ask = ask.header("last-event-id", &last_event_id);
        }
        let mut events = ask.events().await;
        assert_eq!(
            events.expect("hello").await.data["resumed_from"].as_u64(),
            met.last().copied()
        );
        let first = round * 10 + 1;
        job.lines(first..=first + 4).await;
        met.extend(events.ids_through(first + 4).await);
        clock.advance(MINUTE * 33 / 2 + Duration::from_secs(1)).await;
        until_reauth(&mut events, "lease").await;
        last_event_id = met.last().map(u64::to_string).unwrap_or_default();
        // What is written while nobody watches.
        job.lines(first + 5..=first + 9).await;
    }
    job.end().await;
    let mut events = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", &last_event_id)
        .events()
        .await;
    events.expect("hello").await;
    met.extend(events.ids_through(41).await);
    events.closed().await;
    assert_eq!(met, (1..=41).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_tokens_own_end_does_not_cut_a_stream() {
    let clock = HeldClock::hold();
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    clock.advance(Duration::from_secs(600)).await;
    job.lines(1..=1).await;
    loop {
        let event = events.next().await.expect("it goes on");
        if event.event == "line" {
            break;
        }
        assert_eq!(event.event, "heartbeat");
    }
}

#[tokio::test]
async fn a_lease_can_be_set() {
    let clock = HeldClock::hold();
    let gateway = Gateway::with(Settings {
        stream_lease: MINUTE,
        ..settings()
    })
    .await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    clock.advance(Duration::from_secs(53)).await;
    assert_eq!(farewells(&gateway).await, 0);
    clock.advance(Duration::from_secs(14)).await;
    until_reauth(&mut events, "lease").await;
}
