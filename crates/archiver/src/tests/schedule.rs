//! When a sweep looks at a job again.

use super::*;

async fn looked_at(sides: &Sides, policy: &Policy, now: Timestamp) -> u64 {
    let swept = sweep(&*sides.store, &sides.archive, &plain(), now, policy).await;
    swept.expect("both sides are there").jobs
}

#[tokio::test]
async fn what_is_over_and_kept_is_looked_at_once_an_hour_and_when_it_is_old() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "kept").await;
    author.writes_lines(5, T0).await;
    let job = author.ends().await;
    let policy = Policy {
        retention: Duration::from_secs(90 * 60),
        ..Policy::default()
    };
    let minutes = |minutes: u64| T0.plus(Duration::from_secs(minutes * 60));
    for (at, jobs) in [
        // Copied, found to be copied, and left alone.
        (0, 1),
        (0, 1),
        (0, 0),
        (59, 0),
        (60, 1),
        (60, 0),
        (89, 0),
        // Forgotten, and nobody's business.
        (90, 1),
    ] {
        assert_eq!(
            looked_at(&sides, &policy, minutes(at)).await,
            jobs,
            "after {at} minutes"
        );
    }
    let record = sides.store.job(&job).await.expect("answered").expect("it shrank");
    assert_eq!(record.held(), None);
}

#[tokio::test]
async fn what_runs_is_looked_at_again_after_a_minute_or_at_its_end() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "running").await;
    author.writes_lines(5, T0).await;
    let policy = Policy::default();
    let seconds = |seconds| T0.plus(Duration::from_secs(seconds));
    for (at, jobs) in [(0, 1), (0, 0), (59, 0), (60, 1), (61, 0)] {
        assert_eq!(
            looked_at(&sides, &policy, seconds(at)).await,
            jobs,
            "after {at} seconds"
        );
    }
    let job = author.ends().await;
    assert_eq!(looked_at(&sides, &policy, seconds(61)).await, 1, "it ended");
    let record = sides.store.job(&job).await.expect("answered").expect("it is kept");
    assert_eq!(record.archived, record.head);
}

#[tokio::test]
async fn what_could_not_be_done_is_looked_at_by_the_next_sweep() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "undone").await;
    author.writes_lines(5, T0).await;
    let job = author.ends().await;
    let policy = Policy {
        claim_for: Duration::from_millis(10),
        ..Policy::default()
    };
    let long = Duration::from_secs(60);
    let claim = sides.store.claim(&job, "another", long).await.expect("claimed");
    assert_eq!(looked_at(&sides, &policy, T0).await, 1);
    sides.store.release(&claim).await.expect("given back");
    assert_eq!(looked_at(&sides, &policy, T0).await, 1);
    let record = sides.store.job(&job).await.expect("answered").expect("it is kept");
    assert_eq!(record.archived, record.head);
}
