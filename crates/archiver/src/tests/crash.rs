//! Killed anywhere, the next run goes on.

use std::sync::atomic::{AtomicI64, Ordering};

use futures::FutureExt;
use futures::future::BoxFuture;
use proptest::prelude::*;

use super::double::{Doubled, Real, Step};
use super::*;
use crate::Order;
use crate::purge::purge_claiming;

/// Lets so many calls happen; from then on nothing answers, as if the sweeper had been killed. Whether the last call's
/// work was done before that is the test's choice.
struct Fuse {
    left: AtomicI64,
    done_before: bool,
}

impl Step for Fuse {
    fn before(&self) -> BoxFuture<'_, bool> {
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        futures::future::ready(left > 0 || left == 0 && self.done_before).boxed()
    }
    fn after(&self) -> BoxFuture<'_, bool> {
        futures::future::ready(self.left.load(Ordering::SeqCst) >= 0).boxed()
    }
}

/// Both sides, seen through a fuse.
fn fused(sides: &Sides, calls: i64, done_before: bool) -> (Arc<Fuse>, Doubled<Real>, Archive) {
    let fuse = Arc::new(Fuse {
        left: AtomicI64::new(calls),
        done_before,
    });
    let store = Doubled {
        inner: Arc::new(Real(sides.store.clone())),
        step: fuse.clone(),
    };
    let objects = Doubled {
        inner: sides.objects.clone(),
        step: fuse.clone(),
    };
    (fuse, store, Archive::over(Arc::new(objects)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_killed_after_any_step_is_finished_by_the_next() {
    for done_before in [false, true] {
        let mut calls = 0;
        loop {
            let sides = Sides::new();
            let mut author = Author::opens(&sides.store, "crash").await;
            author.writes_lines(2_600, T0).await;
            // A first segment by age, then the rest once it has ended: two segments, two manifests.
            assert!(sides.sweep(after(2)).await.is_complete());
            author.writes_lines(300, after(2)).await;
            let job = author.ends().await;
            let (fuse, store, archive) = fused(&sides, calls, done_before);
            let killed = sweep(&store, &archive, &plain(), after(48), &policy()).await;
            let whole = fuse.left.load(Ordering::SeqCst) >= 0;
            // Readers never notice.
            assert_whole(&walked_back(&sides.history(), &job, 700).await, 2_901);
            let next = sides.sweep(after(48)).await;
            assert!(next.is_complete(), "after {calls} calls: {:?}", next.reasons);
            assert_whole(&walked_back(&sides.history(), &job, 700).await, 2_901);
            let record = sides.store.job(&job).await.expect("there").expect("the small record");
            assert_eq!(record.held(), None, "after {calls} calls, everything is forgotten");
            let found = sides.history().lookup(&job).await.expect("found");
            assert_eq!((found.record.head, found.record.outcome()), (seq(2_901), Some(ENDING)));
            assert_eq!(found.record.counts.lines, 2_900);
            if whole {
                assert!(killed.expect("nothing was in its way").is_complete());
                assert!(calls > 15, "the sweep has many steps: {calls}");
                break;
            }
            calls += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_killed_after_any_step_is_finished_by_the_same_again() {
    for line in [None, Some(seq(7))] {
        let mut calls = 0;
        loop {
            let sides = Sides::new();
            let mut author = Author::opens(&sides.store, "purge").await;
            author.writes_lines(20, T0).await;
            let job = author.ends().await;
            assert!(sides.sweep(after(1)).await.is_complete());
            let order = Order {
                job: job.clone(),
                seq: line,
                by: "op".into(),
                why: "a test".into(),
            };
            let (fuse, store, archive) = fused(&sides, calls, calls % 2 == 0);
            let claim_for = policy().claim_for;
            let _ = purge_claiming(&store, Some(&archive), &order, after(1), claim_for).await;
            let whole = fuse.left.load(Ordering::SeqCst) >= 0;
            // A claim that was not given back is waited for.
            purge_claiming(&*sides.store, Some(&sides.archive), &order, after(1), claim_for)
                .await
                .expect("purged");
            for object in super::kept::objects(&sides).await {
                let text = super::kept::text(&sides, &object).await;
                assert!(!text.contains("line 7 at"), "{object} after {calls} calls");
            }
            if whole {
                break;
            }
            calls += 1;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn killed_again_and_again_a_sweep_still_gets_there(kills in proptest::collection::vec((0_i64..40, any::<bool>()), 1..5)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let sides = Sides::new();
            let mut author = Author::opens(&sides.store, "kills").await;
            author.writes_lines(1_500, T0).await;
            let job = author.ends().await;
            for (calls, done_before) in kills {
                let (_, store, archive) = fused(&sides, calls, done_before);
                let _ = sweep(&store, &archive, &plain(), after(48), &policy()).await;
            }
            assert!(sides.sweep(after(48)).await.is_complete());
            assert_whole(&walked_back(&sides.history(), &job, 400).await, 1_501);
        });
    }
}
