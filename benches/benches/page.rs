//! What does "load earlier" cost: a page of 200 from the recent store, from a segment, and across the seam?

use std::sync::Arc;
use std::time::Duration;

use archiver::{Archive, ArchiveUrl, Cursor, History, PageSize, Policy, S3Options, sweep};
use criterion::{Criterion, criterion_group, criterion_main};
use log_model::{JobId, Recorded, Seq, Span, WriterId};
use redact::Redactor;
use stream_store::{Batch, LogStore, SqliteStore};
use testkit::builders::{T0, job, line_at, owner};
use testkit::redis::RedisServer;
use testkit::s3::{ACCESS_KEY_ID, REGION, S3Server, SECRET_ACCESS_KEY};

const LINES: u64 = 20_000;

fn lines(count: u64, ts: log_model::Timestamp) -> Vec<Recorded> {
    (0..count)
        .map(|n| {
            line_at(
                ts,
                &format!(
                    "npm http fetch GET 200 https://registry.example/package-{n} {}ms (cache miss)",
                    n % 997
                ),
            )
        })
        .collect()
}

async fn write(store: &dyn LogStore, name: &str, parts: Vec<Vec<Recorded>>) -> JobId {
    let job = job(name);
    store.open(&job, &owner("ana"), T0).await.expect("opened");
    let writer = store
        .join(&job, &WriterId::new("w").expect("a slot"))
        .await
        .expect("joined");
    let mut number = writer.next;
    for events in parts.iter().flat_map(|part| part.chunks(64)) {
        let batch = Batch {
            writer: writer.id.clone(),
            fence: writer.fence,
            number,
            events: events.to_vec(),
        };
        store.append(&job, &batch).await.expect("appended");
        number += 1;
    }
    store.confirm(&job, &writer.id, number - 1).await.expect("confirmed");
    job
}

fn pages(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    let limit = PageSize {
        entries: 200,
        bytes: 4 << 20,
    };
    let middle = Seq::new(LINES / 2 + 100).expect("small");
    let mut group = criterion.benchmark_group("page of 200");

    let sqlite: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&dir.path().join("log.db")).expect("a store"));
    let old = T0;
    let new = T0.plus(Duration::from_secs(30 * 3600));
    let id = runtime.block_on(write(
        &*sqlite,
        "page",
        vec![lines(LINES / 2, old), lines(LINES / 2, new)],
    ));
    let span = Span::new(middle.minus(199), middle).expect("a span");
    group.bench_function("SQLite, the store alone", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { sqlite.read(&id, span).await.expect("held") });
    });
    let recent = History::new(sqlite.clone(), None);
    group.bench_function("SQLite", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { recent.page(&id, Cursor::Newest, limit).await.expect("a page") });
    });

    let server = S3Server::start();
    let url: ArchiveUrl = server.url().parse().expect("an address");
    let options = S3Options {
        endpoint: Some(server.endpoint()),
        region: Some(REGION.to_owned()),
        access_key_id: Some(ACCESS_KEY_ID.to_owned()),
        secret_access_key: Some(SECRET_ACCESS_KEY.to_owned()),
    };
    let folder = ArchiveUrl::folder(&dir.path().join("archive")).expect("an absolute path");
    let archives = [
        ("S3 on loopback", Archive::open_with(&url, &options).expect("usable")),
        ("a folder", Archive::open(&folder).expect("usable")),
    ];
    let redactor = Redactor::builder().build().expect("the built-in rules");
    for (name, archive) in archives {
        let path = dir.path().join(format!("{}.db", name.len()));
        let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&path).expect("a store"));
        let id = runtime.block_on(write(
            &*store,
            "page",
            vec![lines(LINES / 2, old), lines(LINES / 2, new)],
        ));
        let swept = runtime.block_on(sweep(
            &*store,
            &archive,
            &redactor,
            new.plus(Duration::from_secs(3600)),
            &Policy::default(),
        ));
        assert!(swept.expect("both sides are there").forgotten == LINES / 2);
        let history = History::new(store, Some(Arc::new(archive)));
        let deep = Seq::new(LINES / 4).expect("small");
        group.bench_function(format!("a segment in {name}"), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(|| async { history.page(&id, Cursor::Before(deep), limit).await.expect("a page") });
        });
        group.bench_function(format!("the seam with {name}"), |bencher| {
            bencher
                .to_async(&runtime)
                .iter(|| async { history.page(&id, Cursor::Before(middle), limit).await.expect("a page") });
        });
    }

    let server = RedisServer::start();
    let redis = runtime
        .block_on(stream_store::connect(&server.url().parse().expect("an address")))
        .expect("connected");
    let id = runtime.block_on(write(&*redis, "page", vec![lines(LINES, new)]));
    group.bench_function("Redis, the store alone", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { redis.read(&id, span).await.expect("held") });
    });
    let recent = History::new(redis.clone(), None);
    group.bench_function("Redis", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { recent.page(&id, Cursor::Newest, limit).await.expect("a page") });
    });
    group.finish();
}

criterion_group!(benches, pages);
criterion_main!(benches);
