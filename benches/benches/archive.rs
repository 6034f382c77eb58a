//! Does a sweep keep up: how fast are segments made and read, against zstd -3 alone on the same lines, and how many lines
//! a second does a whole sweep move?

use std::sync::Arc;
use std::time::{Duration, Instant};

use archiver::segment::{Encoder, Segment, decode_frame, entries};
use archiver::{Archive, ArchiveUrl, Policy, sweep};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log_model::{LogEntry, Recorded, Seq, WriterId};
use redact::Redactor;
use stream_store::{Batch, LogStore, SqliteStore};
use testkit::builders::{T0, job, line_at, owner};

const LINES: u64 = 50_000;

fn recorded(n: u64) -> Recorded {
    let text = match n % 4 {
        0 => format!(
            "npm http fetch GET 200 https://registry.example/@scope/package-{} {}ms (cache miss)",
            n * 7 % 1013,
            n % 997
        ),
        1 => format!(
            "npm warn deprecated glob@7.{}.{}: versions prior to v9 are no longer supported",
            n % 7,
            n % 11
        ),
        2 => format!(
            "vite v5.4.{} building for production... transforming ({n}) src/components/View{}.tsx",
            n % 9,
            n * 31 % 2003
        ),
        _ => format!(
            "dist/assets/index-{:08x}.js   {:>6}.{:02} kB | gzip: {:>5} kB",
            n.wrapping_mul(2_654_435_761) % (1 << 32),
            n % 900,
            n % 97,
            n % 300
        ),
    };
    line_at(T0.plus(Duration::from_millis(n * 3)), &text)
}

fn log() -> Vec<LogEntry> {
    (1..=LINES)
        .map(|n| LogEntry {
            seq: Seq::new(n).expect("small"),
            recorded: recorded(n),
        })
        .collect()
}

fn encoded(encoder: &mut Encoder, log: &[LogEntry]) -> Segment {
    let full = log.iter().find_map(|entry| encoder.push(entry).expect("in order"));
    full.or_else(|| encoder.finish().expect("in order")).expect("not empty")
}

fn segments(criterion: &mut Criterion) {
    let log = log();
    let mut plain = Vec::new();
    for entry in &log {
        entry.write_json(&mut plain);
        plain.push(b'\n');
    }
    let mut encoder = Encoder::new().expect("memory");
    let segment = encoded(&mut encoder, &log);
    println!(
        "{:.1} bytes of JSON a line, {:.1} archived",
        plain.len() as f64 / LINES as f64,
        segment.bytes.len() as f64 / LINES as f64
    );
    let mut group = criterion.benchmark_group("segment");
    group.sample_size(10).throughput(Throughput::Bytes(plain.len() as u64));
    group.bench_function("encode", |bencher| bencher.iter(|| encoded(&mut encoder, &log)));
    group.bench_function("write the JSON alone", |bencher| {
        let mut out = Vec::with_capacity(plain.len());
        bencher.iter(|| {
            out.clear();
            log.iter().for_each(|entry| entry.write_json(&mut out));
            out.len()
        });
    });
    group.bench_function("zstd -3 alone", |bencher| {
        let mut compressor = zstd::bulk::Compressor::new(3).expect("memory");
        let mut out = Vec::with_capacity(zstd::zstd_safe::compress_bound(plain.len()));
        bencher.iter(|| {
            out.clear();
            compressor.compress_to_buffer(&plain, &mut out).expect("room")
        });
    });
    group.bench_function("decode", |bencher| {
        let offsets: Vec<usize> = segment
            .record
            .frames
            .iter()
            .map(|frame| frame.offset as usize)
            .collect();
        let end = segment.bytes.len() - 17 - 8 * offsets.len();
        bencher.iter(|| {
            let ends = offsets.iter().skip(1).copied().chain([end]);
            offsets
                .iter()
                .zip(ends)
                .map(|(from, to)| {
                    let raw = decode_frame(&segment.bytes[*from..to]).expect("sound");
                    entries(&raw).filter(Result::is_ok).count()
                })
                .sum::<usize>()
        });
    });
    group.finish();
}

/// One sweep of a whole job; printed, because a log can be swept only once.
fn whole(_: &mut Criterion) {
    let count: u64 = std::env::var("SWEEP_LINES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(500_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&dir.path().join("log.db")).expect("a store"));
        let job = job("long");
        store.open(&job, &owner("ana"), T0).await.expect("opened");
        let writer = store
            .join(&job, &WriterId::new("w").expect("a slot"))
            .await
            .expect("joined");
        let (mut number, mut n) = (writer.next, 0);
        while n < count {
            let events = (n + 1..=(n + 1_000).min(count)).map(recorded).collect();
            let batch = Batch {
                writer: writer.id.clone(),
                fence: writer.fence,
                number,
                events,
            };
            store.append(&job, &batch).await.expect("appended");
            (number, n) = (number + 1, n + 1_000);
        }
        store.leave(&job, &writer, T0).await.expect("left");
        let ending = stream_store::Ending {
            outcome: log_model::Outcome::Succeeded,
            exit_code: Some(0),
        };
        store.end(&job, ending, T0).await.expect("ended");
        let archive = ArchiveUrl::folder(&dir.path().join("archive")).expect("an absolute path");
        let archive = Archive::open(&archive).expect("usable");
        let redactor = Redactor::builder().build().expect("the built-in rules");
        drop(store);
        let store = SqliteStore::open(&dir.path().join("log.db")).expect("a store");
        for (what, hours) in [("copied and compared", 1_u64), ("forgotten", 24 * 30)] {
            let before = peak_after_reset();
            let (started, now) = (Instant::now(), T0.plus(Duration::from_secs(hours * 3600)));
            let swept = sweep(&store, &archive, &redactor, now, &Policy::default())
                .await
                .expect("both sides are there");
            assert!(swept.is_complete());
            let moved = swept.entries.max(swept.forgotten);
            let speed = moved as f64 / started.elapsed().as_secs_f64();
            println!(
                "sweep: {moved} lines {what}, {speed:.0} lines/s, resident {before} KiB before, {} KiB at most",
                peak()
            );
        }
    });
}

/// The most memory this process has had resident, in KiB; zero where nobody says.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
        .unwrap_or(0)
}

/// Begins to count anew, from what is resident now.
fn peak_after_reset() -> u64 {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    peak()
}

criterion_group!(benches, segments, whole);
criterion_main!(benches);
