//! A cut after every single byte of a short exchange.

use std::sync::Arc;

use capture::{Capture, CaptureOptions};
use log_model::{Seq, Source, Span};
use redact::Redactor;
use stream_store::LogStore;
use testkit::proxy::Proxy;

use crate::oracle;
use crate::world::{LIMIT, MARK, World, job, owner, soon};

/// The first batch and its answer are less than this; what follows (another batch, confirming, leaving) is like it or
/// carries no line.
const APPENDS: u64 = 320;

/// Two batches, the second once the first was answered; with a cut after so many bytes from the first one on.
async fn exchange(world: &World, proxy: &Proxy, store: &Arc<dyn LogStore>, name: &str, cut_after: Option<u64>) {
    proxy.cut_after(cut_after);
    let job = job(name);
    let mut options = CaptureOptions::new(job.clone());
    options.owner = Some(owner());
    options.spool_dir = world.place("spool");
    options.flush_timeout = LIMIT;
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let capture = Capture::start(Arc::clone(store), redactor, options);
    for number in 1..=2 {
        let line = format!("{MARK}{number} of a short exchange\n");
        capture.write(Source::Stdout, line.as_bytes()).await;
    }
    let report = soon("the end", capture.finish(None)).await;
    assert!(report.delivered, "{report:?}");
    let head = store.job(&job).await.expect("it answers").expect("it is known").head;
    let span = Span::after(Seq::ZERO, head).expect("there are lines");
    let entries = store.read(&job, span).await.expect("it answers");
    assert_eq!(oracle::check(&entries, 2), 0);
    assert_eq!(entries.len(), 2, "cut after {cut_after:?}: {entries:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_after_any_byte_of_an_exchange_loses_and_doubles_nothing() {
    let world = World::new().await;
    // Each cut costs a new connection and a pause: some go on at once, each through a proxy of its own.
    let shares = 64;
    let bytes = {
        let store = world.store().await;
        // The first one teaches the server its scripts.
        exchange(&world, &world.proxy, &store, "first-0000", None).await;
        let store = world.store().await;
        exchange(&world, &world.proxy, &store, "whole-0000", None).await;
        world.proxy.passed()
    };
    assert!(bytes > APPENDS, "an exchange is longer than its appends: {bytes}");
    let share = |at: u64| {
        let world = &world;
        async move {
            let proxy = world.another_proxy().await;
            let mut cuts = 0;
            for cut_after in (at..APPENDS).step_by(shares) {
                // A client that lost a connection before waits longer for the next one.
                let store = world.store_behind(&proxy).await;
                let name = format!("share-{cut_after:04}");
                exchange(world, &proxy, &store, &name, Some(cut_after)).await;
                cuts += 1;
            }
            assert_eq!(proxy.harmed().borrow().0, cuts, "every cut took effect");
        }
    };
    futures::future::join_all((0..shares as u64).map(share)).await;
}
