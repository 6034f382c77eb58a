//! The gateway over Redis: the same stream, and what only a store with replicas can do to it.

use std::net::SocketAddr;
use std::sync::Arc;

use log_model::Recorded;
use stream_store::{Appended, Batch, LogStore, RedisStore};
use testkit::builders::line;
use testkit::clerk::Clerk;
use testkit::proxy::Proxy;
use testkit::redis::RedisServer;

use crate::common::{Gateway, Job, clerk_gatekeeper, settings, within};

fn at(server: &RedisServer) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], server.port()))
}

async fn over(url: &str) -> Gateway {
    let store: Arc<dyn LogStore> = Arc::new(RedisStore::connect(&url.parse().unwrap()).await.unwrap());
    let (settings, clerk) = (settings(), Clerk::new());
    let keeper = clerk_gatekeeper(&clerk, &settings.origins);
    let its = Arc::clone(&store);
    let mut gateway = Gateway::of(settings, move |_| its, keeper, clerk).await;
    gateway.store = store;
    gateway
}

async fn append(gateway: &Gateway, job: &Job, number: u64, texts: &[&str]) -> stream_store::Result<Appended> {
    let events: Vec<Recorded> = texts.iter().map(|text| line(text)).collect();
    let batch = Batch {
        writer: job.writer.id.clone(),
        fence: job.writer.fence,
        number,
        events,
    };
    gateway.store.append(&job.job, &batch).await
}

#[tokio::test]
async fn a_stream_over_redis_is_live_resumes_and_ends() {
    let server = RedisServer::start();
    let gateway = over(&server.url()).await;
    let job = gateway.job("ana").await;
    job.lines(1..=50).await;
    let mut fresh = gateway.get_as("ana", &job.stream()).events().await;
    assert_eq!(fresh.expect("hello").await.data["head"], 50);
    let mut returning = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "7")
        .events()
        .await;
    returning.expect("hello").await;
    job.lines(51..=60).await;
    job.end().await;
    assert_eq!(fresh.ids_through(61).await, (51..=61).collect::<Vec<_>>());
    assert_eq!(returning.ids_through(61).await, (8..=61).collect::<Vec<_>>());
    fresh.closed().await;
    returning.closed().await;
    let answer = gateway.get_as("bob", &job.stream()).whole().await;
    answer.refused(404, "job_not_found");
}

#[tokio::test]
async fn after_a_fail_over_viewers_forget_what_was_lost_and_get_it_again() {
    let primary = RedisServer::start();
    let replica = RedisServer::options().replica_of(&primary).start();
    primary.wait_for_replicas(1);
    let road = Proxy::start(at(&primary)).await;
    let gateway = over(&format!("redis://{}", road.address())).await;
    let job = gateway.job("ana").await;
    append(&gateway, &job, 1, &["kept"]).await.unwrap();
    assert!(gateway.store.confirm(&job.job, &job.writer.id, 1).await.unwrap());
    // Cut off before these, the replica never hears of them.
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    append(&gateway, &job, 2, &["lost 2", "lost 3"]).await.unwrap();
    let mut watching = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "0")
        .events()
        .await;
    watching.expect("hello").await;
    assert_eq!(watching.ids_through(3).await, [1, 2, 3]);

    road.retarget(at(&replica));
    road.cut();
    // The first tries may meet the cut connections; asking again is safe.
    let again = within(async {
        loop {
            match append(&gateway, &job, 2, &["lost 2", "lost 3"]).await {
                Err(stream_store::Error::Unavailable { .. }) => tokio::task::yield_now().await,
                answer => return answer.unwrap(),
            }
        }
    })
    .await;
    assert_eq!(again.first.get(), 1_000_000);

    let rewind = loop {
        let event = watching.next().await.expect("it goes on");
        if event.event != "heartbeat" {
            break event;
        }
    };
    assert_eq!((rewind.event.as_str(), rewind.id), ("rewind", None));
    let expected = serde_json::json!({"from": 2, "to": 999_999, "reason": "store_changed"});
    assert_eq!(rewind.data, expected);
    assert_eq!(watching.ids_through(1_000_001).await, [1_000_000, 1_000_001]);

    // Whoever was away meanwhile is told the same on their return.
    let mut returning = gateway
        .get_as("ana", &job.stream())
        .header("last-event-id", "3")
        .events()
        .await;
    returning.expect("hello").await;
    assert_eq!(returning.expect("rewind").await.data, expected);
    assert_eq!(returning.ids_through(1_000_001).await, [1_000_000, 1_000_001]);
    let page = gateway.get_as("ana", &job.path("/logs")).whole().await.json();
    let texts: Vec<_> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["text"].clone())
        .collect();
    assert_eq!(texts, ["kept", "lost 2", "lost 3"]);
}
