//! What SIGTERM does.

use std::time::Duration;

use tailwater_gateway::Settings;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::common::{Events, Gateway, settings, until, within};

fn quick() -> Settings {
    Settings {
        drain_notice: Duration::from_millis(400),
        drain_deadline: Duration::from_secs(5),
        spread: Duration::from_millis(200),
        ..settings()
    }
}

#[tokio::test]
async fn readiness_goes_first_then_the_streams_then_the_listener() {
    let mut gateway = Gateway::with(quick()).await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    let start = Instant::now();
    gateway.terminate();
    until("it says so", async || {
        gateway.get("/readyz").whole().await.status == 503
    })
    .await;
    assert_eq!(gateway.get("/readyz").whole().await.json()["missing"][0], "draining");
    assert_eq!(gateway.get_admin("/readyz").whole().await.status, 503);
    assert_eq!(gateway.get("/healthz").whole().await.status, 200);
    assert_eq!(
        gateway.get_as("ana", &job.path("/logs")).whole().await.status,
        200,
        "pages are still served"
    );
    let mut late: Events = gateway.get_as("ana", &job.stream()).events().await;
    assert_eq!(late.expect("unavailable").await.data["reason"], "draining");
    late.closed().await;
    // Open streams go on until the notice is over, and then say goodbye.
    job.lines(4..=4).await;
    assert_eq!(events.expect("line").await.id, Some(4));
    let farewell = events.expect("unavailable").await;
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(farewell.data["reason"], "draining");
    let retry = farewell.data["retry_ms"].as_u64().unwrap();
    assert!((1800..=2200).contains(&retry), "{retry}");
    assert_eq!(events.retry, Some(Duration::from_millis(retry)));
    events.closed().await;
    within(&mut gateway.serving).await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "nothing was left to wait for");
    assert!(TcpStream::connect(gateway.address).await.is_err());
}

#[tokio::test]
async fn an_open_connection_never_blocks_the_exit() {
    let settings = Settings {
        drain_deadline: Duration::from_secs(1),
        ..quick()
    };
    let mut gateway = Gateway::with(settings).await;
    let job = gateway.job("ana").await;
    // One that reads nothing of what it asked for, and one that never asks.
    let _unread = gateway.get_as("ana", &job.path("/logs/raw")).send().await;
    let _silent = TcpStream::connect(gateway.address).await.unwrap();
    let start = Instant::now();
    gateway.terminate();
    within(&mut gateway.serving).await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_millis(2500), "{:?}", start.elapsed());
}
