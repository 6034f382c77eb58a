//! How long does a line take to a follower when 10,000 jobs are followed, and does Redis work more for 10,000 than for 1,000?
//!
//! One writer's connection appends 5,000 single lines a second to jobs taken in turn by a fixed stride; one other store follows
//! every job. The time runs from just before the append is sent to when the follower has the entry. Redis' CPU is what its
//! process used over the same seconds. Starts its own `redis-server`. `cargo bench -p tailwater-benches --bench follow`.

#![expect(clippy::disallowed_methods, reason = "made-up lines")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use log_model::{JobId, LogEvent, Owner, OwnerId, Recorded, SafeText, Seq, Source, Timestamp, WriterId};
use stream_store::{Batch, Change, LogStore, RedisStore, Writer};
use tailwater_benches::redis::cpu;
use testkit::redis::RedisServer;
use tokio::sync::mpsc;

/// Lines a second, over all jobs.
const RATE: u64 = 5000;

/// How long each measurement lasts, in seconds.
const LASTS: u64 = 10;

/// Appends under way at once.
const UNDER_WAY: usize = 64;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    println!(
        "{:>7} {:>9} {:>9} {:>9} {:>14} {:>14} {:>8} {:>8}",
        "jobs", "p50 ms", "p99 ms", "max ms", "Redis CPU", "idle", "missing", "doubled"
    );
    for jobs in [1000, 10_000] {
        runtime.block_on(measure(jobs));
    }
}

/// What the followers saw.
struct Seen {
    job: usize,
    seq: Seq,
    after: Duration,
}

async fn measure(jobs: usize) {
    let server = RedisServer::start();
    let url = server.url().parse().expect("a URL");
    let (writing, following) = (RedisStore::connect(&url).await, RedisStore::connect(&url).await);
    let (writing, following) = (
        Arc::new(writing.expect("a connection")),
        following.expect("a connection"),
    );
    let writers: Vec<_> = futures::stream::iter(0..jobs)
        .map(|number| joined(&writing, number))
        .buffered(256)
        .collect()
        .await;
    let writers = Arc::new(writers);

    let (began, (seen, mut heard)) = (Instant::now(), mpsc::unbounded_channel::<Seen>());
    let sent: Arc<Vec<AtomicU64>> = Arc::new((0..RATE * LASTS).map(|_| AtomicU64::new(0)).collect());
    for (number, (job, _)) in writers.iter().enumerate() {
        let (mut changes, seen, sent) = (following.follow(job, Seq::ZERO), seen.clone(), Arc::clone(&sent));
        tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                let Ok(Change::Entries(entries)) = change else { continue };
                for entry in entries {
                    let LogEvent::Line { text, .. } = &entry.recorded.event else {
                        continue;
                    };
                    let line: usize = text
                        .as_str()
                        .split(' ')
                        .next()
                        .and_then(|line| line.parse().ok())
                        .expect("its number");
                    let after = began.elapsed() - Duration::from_nanos(sent[line].load(Ordering::Relaxed));
                    let told = Seen {
                        job: number,
                        seq: entry.seq,
                        after,
                    };
                    if seen.send(told).is_err() {
                        return;
                    }
                }
            }
        });
    }
    // Every channel is subscribed to and every first look is over.
    while server.command(&["PUBSUB", "CHANNELS"]).words().len() < jobs {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;

    let before = server_cpu(&server);
    tokio::time::sleep(Duration::from_secs(LASTS)).await;
    let idle = server_cpu(&server) - before;

    let before = server_cpu(&server);
    let start = tokio::time::Instant::now();
    let mut numbers = vec![0_u64; jobs];
    let appends = (0..RATE * LASTS).map(|line| {
        // A stride that meets every job.
        let job = (line as usize).wrapping_mul(7919) % jobs;
        numbers[job] += 1;
        let (number, writers, writing, sent) = (
            numbers[job],
            Arc::clone(&writers),
            Arc::clone(&writing),
            Arc::clone(&sent),
        );
        async move {
            tokio::time::sleep_until(start + Duration::from_micros(line * 1_000_000 / RATE)).await;
            let (job, writer) = &writers[job];
            let batch = batch(writer, number, line);
            sent[line as usize].store(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
            writing.append(job, &batch).await.expect("landed");
        }
    });
    futures::stream::iter(appends)
        .buffer_unordered(UNDER_WAY)
        .for_each(|()| async {})
        .await;
    let used = server_cpu(&server) - before;

    let (mut times, mut last, mut doubled) = (Vec::new(), vec![0; jobs], 0);
    while times.len() < (RATE * LASTS) as usize {
        let Ok(Some(one)) = tokio::time::timeout(Duration::from_secs(10), heard.recv()).await else {
            break;
        };
        doubled += usize::from(one.seq.get() <= last[one.job]);
        last[one.job] = one.seq.get();
        times.push(one.after);
    }
    times.sort_unstable();
    let at = |part: f64| {
        times
            .get((times.len() as f64 * part) as usize)
            .or(times.last())
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    };
    println!(
        "{jobs:>7} {:>9.2} {:>9.2} {:>9.2} {:>10.1} ms/s {:>10.1} ms/s {:>8} {doubled:>8}",
        at(0.5),
        at(0.99),
        at(1.0),
        used.as_secs_f64() * 1000.0 / LASTS as f64,
        idle.as_secs_f64() * 1000.0 / LASTS as f64,
        (RATE * LASTS) as usize - times.len(),
    );
}

async fn joined(store: &RedisStore, number: usize) -> (JobId, Writer) {
    let job = JobId::new(&format!("followed-{number}")).expect("a name");
    let owner = Owner::user(OwnerId::new("user_bench").expect("a name"));
    store.open(&job, &owner, Timestamp::default()).await.expect("opened");
    let writer = store
        .join(&job, &WriterId::new("w").expect("a name"))
        .await
        .expect("joined");
    (job, writer)
}

fn batch(writer: &Writer, number: u64, line: u64) -> Batch {
    let text = SafeText::assume_redacted(format!("{line} {}", "added lines as long as most ".repeat(3)));
    let event = LogEvent::Line {
        source: Source::Stdout,
        text,
        class: None,
        cut: None,
        masked: Vec::new(),
    };
    Batch {
        writer: writer.id.clone(),
        fence: writer.fence,
        number,
        events: vec![Recorded {
            ts: Timestamp::from_millis(1_771_754_400_123),
            phase: None,
            event,
        }],
    }
}

fn server_cpu(server: &RedisServer) -> Duration {
    cpu(server.process_id()).expect("the server runs")
}
