//! A cut after every single byte of a short exchange, from the first byte of its first connection to the last answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use capture::{Capture, CaptureOptions, StoreSource};
use log_model::{LogEvent, Outcome, Seq, Source, Span};
use redact::Redactor;
use stream_store::{Ending, LogStore, RedisStore};
use testkit::proxy::Proxy;

use crate::oracle;
use crate::world::{LIMIT, MARK, World, job, owner, soon};

/// Exchanges under way at once: most of their time is waiting for the next attempt.
const AT_ONCE: u64 = 48;

/// A capture connects, opens its job, joins, appends a line, ends the job and leaves; its connection is cut after so many
/// bytes. Afterwards the log is as if it had not been.
async fn exchange(
    world: &World,
    proxy: &Proxy,
    redactor: &Redactor,
    reader: &dyn LogStore,
    name: &str,
    cut_after: Option<u64>,
) {
    proxy.cut_after_all(cut_after);
    let job = job(name);
    let mut options = CaptureOptions::new(job.clone());
    options.owner = Some(owner());
    options.spool_dir = world.place("spool");
    options.flush_timeout = LIMIT;
    let url = format!("redis://{}", proxy.address());
    let source = StoreSource::connecting(move || {
        let url = url.parse().expect("it is an address");
        async move { Ok(Arc::new(RedisStore::connect(&url).await?) as Arc<dyn LogStore>) }
    });
    let capture = Capture::start(source, redactor.clone(), options);
    let line = format!("{MARK}1 of a short exchange\n");
    capture.write(Source::Stdout, line.as_bytes()).await;
    let ending = Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    };
    let report = soon("the end", capture.finish(Some(ending))).await;
    assert!(report.delivered, "cut after {cut_after:?}: {report:?}");
    let head = reader.job(&job).await.expect("it answers").expect("it is known").head;
    let span = Span::after(Seq::ZERO, head).expect("there are lines");
    let entries = reader.read(&job, span).await.expect("it answers");
    assert_eq!(oracle::check(&entries, 1), 0);
    let ends = entries.last().map(|entry| &entry.recorded.event);
    assert!(
        entries.len() == 2 && matches!(ends, Some(LogEvent::Ended { .. })),
        "cut after {cut_after:?}: {entries:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_after_any_byte_of_an_exchange_loses_and_doubles_nothing() {
    let world = World::new().await;
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let reader = world.store().await;
    let bytes = {
        let proxy = world.another_proxy().await;
        // The first one teaches the server its scripts.
        for name in ["first-00000", "whole-00000"] {
            exchange(&world, &proxy, &redactor, reader.as_ref(), name, None).await;
        }
        proxy.passed()
    };
    let (next, cuts) = (AtomicU64::new(0), AtomicU64::new(0));
    let share = |_| async {
        let proxy = world.another_proxy().await;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= bytes {
                break;
            }
            let name = format!("share-{at:05}");
            exchange(&world, &proxy, &redactor, reader.as_ref(), &name, Some(at)).await;
        }
        cuts.fetch_add(proxy.harmed().borrow().0, Ordering::Relaxed);
    };
    futures::future::join_all((0..AT_ONCE).map(share)).await;
    assert_eq!(cuts.into_inner(), bytes, "every cut took effect");
}
