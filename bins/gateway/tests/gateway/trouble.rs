//! When the store is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt;

use crate::common::{Gateway, Hooked, away, settings, until};

async fn gateway_with_a_switch(settings: tailwater_gateway::Settings) -> (Gateway, Arc<AtomicBool>) {
    let off = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&off);
    let wrap = move |inner| {
        let hook = move |_: &'static str| {
            let answer = if switch.load(Ordering::SeqCst) {
                Err(away())
            } else {
                Ok(())
            };
            async move { answer }.boxed()
        };
        Arc::new(Hooked {
            inner,
            hook: Arc::new(hook),
        }) as Arc<dyn stream_store::LogStore>
    };
    (Gateway::over(settings, wrap).await, off)
}

#[tokio::test]
async fn a_store_that_is_away_is_said_calmly_and_its_return_needs_nobody() {
    let (gateway, off) = gateway_with_a_switch(settings()).await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    off.store(true, Ordering::SeqCst);
    let answer = gateway.get_as("ana", &job.path("/logs")).whole().await;
    answer.refused(503, "store_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    let farewell = events.expect("unavailable").await;
    assert_eq!(
        (farewell.id, farewell.data["reason"].as_str()),
        (None, Some("store_unavailable"))
    );
    assert_eq!(events.headers["content-type"], "text/event-stream; charset=utf-8");
    events.closed().await;
    until("readiness says so", async || {
        gateway.get("/readyz").whole().await.status == 503
    })
    .await;
    assert_eq!(gateway.get("/readyz").whole().await.json()["missing"][0], "store");
    assert_eq!(gateway.get("/healthz").whole().await.status, 200);
    off.store(false, Ordering::SeqCst);
    until("readiness is back", async || {
        gateway.get("/readyz").whole().await.status == 200
    })
    .await;
    let mut events = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "1")
        .events()
        .await;
    events.expect("hello").await;
    assert_eq!(events.ids_through(3).await, [2, 3]);
}

#[tokio::test]
async fn an_open_stream_bears_with_a_store_that_is_away_for_a_while_and_then_says_so() {
    let settings = tailwater_gateway::Settings {
        heartbeat: Duration::from_millis(50),
        patience: Duration::from_millis(500),
        ..settings()
    };
    let (gateway, off) = gateway_with_a_switch(settings).await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    off.store(true, Ordering::SeqCst);
    // The change itself comes as trouble, since the switch is off.
    job.lines(1..=1).await;
    let mut beats = 0;
    let farewell = loop {
        let event = events.next().await.unwrap();
        if event.event == "unavailable" {
            break event;
        }
        assert_eq!(event.event, "heartbeat");
        beats += 1;
    };
    assert_eq!(farewell.data["reason"], "store_unavailable");
    assert!(beats >= 5, "{beats}");
    events.closed().await;
}
