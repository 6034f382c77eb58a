//! The example for services with a remote sandbox, run: what it shows is true. And what a dropped future loses.

#[path = "../examples/remote_sandbox.rs"]
#[allow(dead_code, reason = "the example's own main is not called here")]
mod example;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use capture::{Capture, CaptureOptions};
use log_model::{JobId, LogEvent, Owner, OwnerId, Seq, Source, Span};
use redact::Redactor;
use stream_store::{LogStore, SqliteStore};

#[tokio::test(flavor = "multi_thread")]
async fn the_example_records_what_a_sandbox_calls_back_with() {
    let mut log = example::record_a_build().await.expect("it runs");
    assert_eq!(log.first().map(String::as_str), Some("started"));
    assert_eq!(log.last().map(String::as_str), Some("ended succeeded"));
    // Two outputs carry no common order.
    log.sort_unstable();
    assert_eq!(
        log,
        [
            "ended succeeded",
            "finished Some(0)",
            "started",
            "stderr: using token [REDACTED]",
            "stdout: built in 3 s ✓",
            "stdout: cloning 100%",
        ]
    );
}

/// Polled once and dropped if it is not ready: what a deadline or a select does to a future.
fn once(future: impl Future<Output = ()>) -> bool {
    matches!(
        pin!(future).poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(())
    )
}

#[tokio::test]
async fn a_write_that_is_dropped_took_nothing_and_one_that_returned_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let store = Arc::new(SqliteStore::open(&folder.path().join("log.sqlite")).expect("it can be made"));
    let job = JobId::new("build-42").expect("it is an id");
    let mut options = CaptureOptions::new(job.clone());
    options.owner = Some(Owner::user(OwnerId::new("user_ana").expect("it is an owner")));
    options.spool_dir = folder.path().join("spool");
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let held: Arc<dyn LogStore> = store.clone();
    let capture = Capture::start(held, redactor, options);

    // This test's one thread runs nobody else meanwhile, so that the queue fills up and writes have to wait.
    let mut taken = Vec::new();
    let mut dropped = 0;
    for line in 0..500 {
        let text = format!("line {line}");
        if once(capture.write(Source::Stdout, format!("{text}\n").as_bytes())) {
            taken.push(text);
        } else {
            dropped += 1;
            tokio::task::yield_now().await;
        }
    }
    assert!(
        dropped > 0 && taken.len() > 100,
        "{dropped} dropped, {} taken",
        taken.len()
    );
    let report = capture.finish(None).await;
    assert!(report.delivered, "{report:?}");

    let head = store.job(&job).await.expect("it answers").expect("it is known").head;
    let span = Span::after(Seq::ZERO, head).expect("there are entries");
    let mut lines = Vec::new();
    for entry in store.read(&job, span).await.expect("it answers") {
        if let LogEvent::Line { text, .. } = entry.recorded.event {
            lines.push(text.as_str().to_owned());
        }
    }
    assert_eq!(lines, taken);
}
