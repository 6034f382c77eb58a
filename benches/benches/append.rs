//! How close do batches of 64 lines, each one script call on one connection, come to `redis-benchmark -P 64 XADD`?
//!
//! Both send lines of 100 bytes to the same server, one after the other and three times each; the ratio of their
//! medians is what counts, since the absolute figures are the machine's. Starts its own `redis-server`, without an
//! append-only file. `cargo bench -p tailwater-benches --bench append`.

#![expect(clippy::disallowed_methods, reason = "made-up lines")]

use std::process::Command;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use log_model::{JobId, LogEvent, Owner, OwnerId, Phase, Recorded, SafeText, Source, Timestamp, WriterId};
use stream_store::{Batch, LogStore, RedisStore, Writer};
use testkit::program;
use testkit::redis::RedisServer;

/// Lines in one call.
const BATCH: usize = 64;

/// How long each measurement lasts.
const LASTS: Duration = Duration::from_secs(3);

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = RedisServer::start();
    runtime.block_on(async {
        let store = RedisStore::connect(&server.url().parse().expect("a URL"))
            .await
            .expect("a connection");
        let (mut floor, mut awaited, mut ahead) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..3 {
            server.command(&["FLUSHALL"]);
            floor.push(redis_benchmark(&server));
            server.command(&["FLUSHALL"]);
            awaited.push(append(&store, &format!("awaited-{round}"), 1).await);
            server.command(&["FLUSHALL"]);
            ahead.push(append(&store, &format!("ahead-{round}"), 4).await);
        }
        let (floor, awaited, ahead) = (median(floor), median(awaited), median(ahead));
        println!("redis-benchmark XADD -P 64, one connection: {floor:>9.0} lines/s");
        println!(
            "append, each call awaited:                  {awaited:>9.0} lines/s  {:.2} x",
            awaited / floor
        );
        println!(
            "append, four calls under way:               {ahead:>9.0} lines/s  {:.2} x",
            ahead / floor
        );
    });
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Lines a second of one writer with `under_way` calls sent before the first is answered.
async fn append(store: &RedisStore, name: &str, under_way: usize) -> f64 {
    let job = JobId::new(name).expect("a name");
    let owner = Owner::user(OwnerId::new("user_bench").expect("a name"));
    store.open(&job, &owner, Timestamp::default()).await.expect("opened");
    let writer = store
        .join(&job, &WriterId::new("w").expect("a name"))
        .await
        .expect("joined");
    let began = Instant::now();
    let batches = (1..).take_while(|_| began.elapsed() < LASTS).map(|number| {
        let batch = batch(&writer, number);
        let job = &job;
        async move { store.append(job, &batch).await.expect("landed") }
    });
    let calls = futures::stream::iter(batches).buffered(under_way).count().await;
    (calls * BATCH) as f64 / began.elapsed().as_secs_f64()
}

fn batch(writer: &Writer, number: u64) -> Batch {
    let line = |at: usize| Recorded {
        ts: Timestamp::from_millis(1_771_754_400_123 + at as u64),
        phase: Some(Phase::new("install").expect("a word")),
        event: LogEvent::Line {
            source: Source::Stdout,
            text: SafeText::assume_redacted(format!(
                "{number:>10} {at:>3} {}",
                "added lines as long as most ".repeat(4).split_at(85).0
            )),
            class: None,
            cut: None,
            masked: Vec::new(),
        },
    };
    Batch {
        writer: writer.id.clone(),
        fence: writer.fence,
        number,
        events: (0..BATCH).map(line).collect(),
    }
}

/// Lines a second of the plain command, with the same three fields.
fn redis_benchmark(server: &RedisServer) -> f64 {
    let mut command = Command::new(program::find("redis-benchmark", None));
    command.args([
        "-p",
        &server.port().to_string(),
        "-c",
        "1",
        "-P",
        "64",
        "-n",
        "1500000",
        "--csv",
    ]);
    command.args([
        "XADD",
        "floor",
        "*",
        "ts",
        "1771754400123",
        "stdout",
        &"x".repeat(100),
        "phase",
        "install",
    ]);
    let said = command.output().expect("redis-benchmark starts");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let rate = said
        .lines()
        .last()
        .and_then(|line| line.rsplit("\",\"").nth(6)?.trim_matches('"').parse().ok());
    rate.unwrap_or_else(|| panic!("redis-benchmark said something else: {said}"))
}
