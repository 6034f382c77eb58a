//! Reading while a sweep runs, the two taking turns call by call.

use std::collections::VecDeque;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use proptest::prelude::*;
use tokio::sync::Notify;

use super::double::{Doubled, Real, Step};
use super::*;

/// Says whose call is next: true is the sweep's. Once the plan is used up or the other one is done, everybody's is.
#[derive(Default)]
struct Turns {
    plan: Mutex<VecDeque<bool>>,
    changed: Notify,
}

impl Turns {
    async fn wait(&self, sweeper: bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut plan = self.plan.lock();
                if plan.front().is_none_or(|next| *next == sweeper) {
                    plan.pop_front();
                    self.changed.notify_waiters();
                    return;
                }
            }
            changed.await;
        }
    }

    fn no_more(&self) {
        self.plan.lock().clear();
        self.changed.notify_waiters();
    }
}

struct Turn {
    turns: Arc<Turns>,
    sweeper: bool,
}

impl Step for Turn {
    fn before(&self) -> BoxFuture<'_, bool> {
        self.turns.wait(self.sweeper).map(|()| true).boxed()
    }
    fn after(&self) -> BoxFuture<'_, bool> {
        futures::future::ready(true).boxed()
    }
}

fn seen_by(sides: &Sides, turns: &Arc<Turns>, sweeper: bool) -> (Arc<dyn LogStore>, Arc<Archive>) {
    let step = Arc::new(Turn {
        turns: turns.clone(),
        sweeper,
    });
    let store = Doubled {
        inner: Arc::new(Real(sides.store.clone())),
        step: step.clone(),
    };
    let objects = Doubled {
        inner: sides.objects.clone(),
        step,
    };
    (Arc::new(store), Arc::new(Archive::over(Arc::new(objects))))
}

async fn pages_while_sweeping(plan: Vec<bool>, page: u64) {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "turns").await;
    author.writes_lines(2_300, T0).await;
    assert!(sides.sweep(after(2)).await.is_complete());
    author.writes_lines(450, after(2)).await;
    let job = author.ends().await;
    let turns = Arc::new(Turns {
        plan: Mutex::new(plan.into()),
        ..Turns::default()
    });
    let (store, archive) = seen_by(&sides, &turns, true);
    let over = turns.clone();
    let sweeping = tokio::spawn(async move {
        let swept = sweep(&*store, &archive, &plain(), after(72), &policy()).await;
        over.no_more();
        swept
    });
    let (store, archive) = seen_by(&sides, &turns, false);
    let all = walked_back(&History::new(store, Some(archive)), &job, page).await;
    turns.no_more();
    assert!(sweeping.await.expect("no panic").expect("swept").is_complete());
    assert_whole(&all, 2_751);
    assert_whole(&walked_back(&sides.history(), &job, page).await, 2_751);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_sweep_between_any_two_calls_of_a_reader_changes_nothing() {
    for calls in 0..24 {
        let mut plan = vec![false; calls];
        plan.extend([true; 120]);
        pages_while_sweeping(plan, 300).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn walking_back_meets_each_entry_once_whoever_is_next(
        plan in proptest::collection::vec(any::<bool>(), 0..150),
        page in 100_u64..1_000,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(pages_while_sweeping(plan, page));
    }
}
