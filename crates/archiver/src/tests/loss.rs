//! A store that lost everything, and the archive of a job that its writer brought back.

use log_model::{Counts, Fence, GapReason, LogEvent};
use stream_store::Known;

use super::*;

#[tokio::test]
async fn a_job_brought_back_goes_on_in_the_same_archive() {
    let mut sides = Sides::new();
    let mut author = Author::opens(&sides.store, "brought-back").await;
    author.writes_lines(100, T0).await;
    assert!(sides.sweep(after(2)).await.is_complete());
    author.writes_lines(30, after(2)).await;
    author.writes_lines(20, after(2)).await;

    // Of what was not archived, the writer still has its last batch.
    let lost = std::mem::replace(&mut sides, Sides::new());
    (sides.objects, sides.archive) = (lost.objects.clone(), lost.archive.clone());
    let known = Known {
        fence: Fence(1),
        highest: seq(150),
        resend_from: seq(131),
        next: 3,
        counts: Counts {
            lines: 130,
            ..Counts::default()
        },
        ..Known::nothing_written(owner("ana"), T0)
    };
    let writer = sides
        .store
        .rejoin(&author.job, &author.writer.id, &known, after(2))
        .await
        .expect("rebuilt");
    let mut author = Author {
        store: sides.store.clone(),
        job: author.job,
        writer,
    };
    author.writes_lines(20, after(2)).await;
    let job = author.ends().await;
    for hours in [3, 48] {
        let swept = sides.sweep(after(hours)).await;
        assert!(swept.is_complete(), "{swept:?}");
        let log = walked_back(&sides.history(), &job, 40).await;
        let places: Vec<u64> = log.iter().map(|entry| entry.seq.get()).collect();
        assert!(places.starts_with(&(1..=100).collect::<Vec<_>>()), "{places:?}");
        assert!(
            places.ends_with(&(1_000_000..=1_000_021).collect::<Vec<_>>()),
            "{places:?}"
        );
        let lines = log
            .iter()
            .filter(|entry| matches!(entry.recorded.event, LogEvent::Line { .. }))
            .count();
        assert_eq!(lines, 120);
        let told = |entry: &&LogEntry| {
            matches!(
                entry.recorded.event,
                LogEvent::Gap {
                    reason: GapReason::StoreLost,
                    ..
                }
            )
        };
        assert_eq!(log.iter().filter(told).count(), 1, "what is missing is said");
    }
}
