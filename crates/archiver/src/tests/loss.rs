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

#[tokio::test]
async fn what_somebody_new_wrote_to_a_forgotten_job_is_not_taken_for_copied() {
    let mut sides = Sides::new();
    let mut author = Author::opens(&sides.store, "written-anew").await;
    author.writes_lines(100, T0).await;
    assert!(sides.sweep(after(2)).await.is_complete());
    let lost = std::mem::replace(&mut sides, Sides::new());
    (sides.objects, sides.archive) = (lost.objects.clone(), lost.archive.clone());

    // Before its writer is back, another opens it and writes, under places that the archive has.
    let (job, store) = (author.job, sides.store.clone());
    store.open(&job, &owner("ana"), after(2)).await.expect("opened");
    let slot = WriterId::new("new").expect("a slot");
    let writer = store.join(&job, &slot).await.expect("joined");
    let mut new = Author {
        store: store.clone(),
        job: job.clone(),
        writer,
    };
    new.writes_lines(5, after(2)).await;
    let known = Known {
        fence: Fence(1),
        highest: seq(100),
        resend_from: seq(101),
        next: 2,
        ..Known::nothing_written(owner("ana"), T0)
    };
    let old = store.rejoin(&job, &author.writer.id, &known, after(2)).await;
    store.leave(&job, &old.expect("joined"), T0).await.expect("left");
    let job = new.ends().await;

    for hours in [3, 48] {
        let swept = sides.sweep(after(hours)).await;
        assert_eq!(swept.undone, 1, "{swept:?}");
        assert!(swept.reasons[0].1.contains("earlier job of this name"), "{swept:?}");
        let manifest = sides.archive.job(&job).await.expect("answered").expect("there");
        assert_eq!((manifest.through, manifest.opened), (seq(100), T0));
        let log = store.read(&job, log_model::Span::new(seq(1), seq(2_000_000)).expect("in order"));
        let places: Vec<u64> = log
            .await
            .expect("no hole")
            .iter()
            .map(|entry| entry.seq.get())
            .collect();
        assert_eq!(
            places,
            [1, 2, 3, 4, 5, 1_000_000, 1_000_001],
            "all of it, the gap and the end"
        );
    }
}
