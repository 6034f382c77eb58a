//! How close do batches of 64 lines, each one script call on one connection, come to `redis-benchmark -P 64 XADD`?
//!
//! Both send lines of 100 bytes to the same server, one after the other and three times each; the ratio of their
//! medians is what counts, since the absolute figures are the machine's. Beside them stands what the server itself says
//! that a line costs it, which other work on the machine disturbs least; and what a line of 87 bytes takes of its memory.
//! Starts its own `redis-server`, without an append-only file. `cargo bench -p tailwater-benches --bench append`.

#![expect(clippy::disallowed_methods, reason = "made-up lines")]

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use log_model::{JobId, LogEvent, Owner, OwnerId, Phase, Recorded, SafeText, Source, Timestamp, WriterId};
use stream_store::{Batch, LogStore, RedisStore, Writer};
use tailwater_benches::redis::{in_server, median, plain_xadd};
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
        let mut cost = Vec::new();
        let text = "x".repeat(100);
        let fields = ["ts", "1771754400123", "stdout", &text, "phase", "install"];
        for round in 0..3 {
            server.command(&["FLUSHALL"]);
            floor.push(plain_xadd(&server, 1_500_000, &fields));
            server.command(&["FLUSHALL"]);
            awaited.push(append(&store, &format!("awaited-{round}"), 1).await);
            server.command(&["FLUSHALL"]);
            server.command(&["CONFIG", "RESETSTAT"]);
            ahead.push(append(&store, &format!("ahead-{round}"), 4).await);
            cost.push((in_server(&server, "evalsha") / BATCH as f64, in_server(&server, "xadd")));
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
        let (script, xadd) = cost
            .into_iter()
            .min_by(|one, two| one.0.total_cmp(&two.0))
            .expect("three rounds");
        println!("a line in the server: {script:.2} µs in the script, of which XADD {xadd:.2} µs");
        println!(
            "a line of 87 bytes in the server's memory: {:.1} bytes",
            memory(&server, &store).await
        );
    });
}

/// Lines a second of one writer with `under_way` calls sent before the first is answered.
async fn append(store: &RedisStore, name: &str, under_way: usize) -> f64 {
    let (job, writer) = opened(store, name).await;
    let began = Instant::now();
    let batches = (1..).take_while(|_| began.elapsed() < LASTS).map(|number| {
        let batch = batch(&writer, number);
        let job = &job;
        async move { store.append(job, &batch).await.expect("landed") }
    });
    let calls = futures::stream::iter(batches).buffered(under_way).count().await;
    (calls * BATCH) as f64 / began.elapsed().as_secs_f64()
}

async fn opened(store: &RedisStore, name: &str) -> (JobId, Writer) {
    let job = JobId::new(name).expect("a name");
    let owner = Owner::user(OwnerId::new("user_bench").expect("a name"));
    store.open(&job, &owner, Timestamp::default()).await.expect("opened");
    let writer = store.join(&job, &WriterId::new("w").expect("a name")).await;
    (job, writer.expect("joined"))
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

/// Bytes of the stream for each line of 87 bytes without a phase, the record not counted.
async fn memory(server: &RedisServer, store: &RedisStore) -> f64 {
    server.command(&["FLUSHALL"]);
    let (job, writer) = opened(store, "memory").await;
    for number in 1..=500 {
        let mut batch = batch(&writer, number);
        for recorded in &mut batch.events {
            recorded.phase = None;
            if let LogEvent::Line { text, .. } = &mut recorded.event {
                *text = SafeText::assume_redacted(&text.as_str()[..87]);
            }
        }
        store.append(&job, &batch).await.expect("landed");
    }
    let used = server
        .command(&["MEMORY", "USAGE", "{memory}:log", "SAMPLES", "0"])
        .text();
    used.parse::<f64>().expect("a number") / (500 * BATCH) as f64
}
