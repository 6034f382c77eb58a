//! Hiding what should not have been there.

use stream_store::State;
use testkit::builders::{line, text_of};

use super::kept::{objects, text};
use super::*;
use crate::{Error, Order, Stop, Storage, purge, verify};

/// A word that today's rules know; no scanner should find it in this file.
fn secret() -> String {
    ["hunter2", "correct", "horse"].join("-")
}

fn knowing() -> Redactor {
    Redactor::builder().known_secret(secret()).build().expect("a redactor")
}

fn order(job: &JobId, line: Option<u64>) -> Order {
    Order {
        job: job.clone(),
        seq: line.map(seq),
        by: "op".into(),
        why: "it was a password".into(),
    }
}

async fn nowhere_in(sides: &Sides, word: &str) {
    for object in objects(sides).await {
        assert!(!text(sides, &object).await.contains(word), "{object}");
    }
}

#[tokio::test]
async fn a_sweep_masks_in_the_store_first_what_todays_rules_know() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "rules").await;
    author
        .writes(vec![line("one"), line(&format!("pass {}", secret())), line("three")])
        .await;
    let job = author.ends().await;
    let swept = sweep(&*sides.store, &sides.archive, &knowing(), after(1), &policy())
        .await
        .expect("swept");
    assert_eq!(swept.masked, 1);
    nowhere_in(&sides, &secret()).await;
    let span = log_model::Span::new(seq(2), seq(2)).expect("one");
    let stored = sides.store.read(&job, span).await.expect("held");
    assert_eq!(text_of(&stored[0].recorded.event), "pass [REDACTED]");
    let verified = verify(&*sides.store, &sides.archive, None, None, &policy(), &Stop::default())
        .await
        .expect("read");
    assert!(verified.is_right(), "{verified:?}");
    assert_eq!(
        (verified.jobs, verified.segments, verified.entries, verified.compared),
        (1, 1, 4, 4)
    );
    assert_eq!(sides.history().lookup(&job).await.expect("found").record.revision, 1);
}

#[tokio::test]
async fn a_rescan_masks_what_was_archived_before_the_rule_was_known() {
    for hours in [1, 48] {
        let sides = Sides::new();
        let mut author = Author::opens(&sides.store, "rescan").await;
        author
            .writes(vec![line(&format!("pass {}", secret())), line("two")])
            .await;
        let job = author.ends().await;
        assert!(sides.sweep(after(hours)).await.is_complete());
        let history = sides.history();
        assert_eq!(walked_back(&history, &job, 10).await.len(), 3);
        let redactor = knowing();
        let stop = Stop::default();
        let verified = verify(
            &*sides.store,
            &sides.archive,
            Some(&job),
            Some(&redactor),
            &policy(),
            &stop,
        )
        .await;
        assert_eq!(verified.expect("read").masked, 1);
        nowhere_in(&sides, &secret()).await;
        // Also for a reader who remembers the old manifest.
        let all = walked_back(&history, &job, 10).await;
        assert_eq!(text_of(&all[0].recorded.event), "pass [REDACTED]");
        assert_whole(&all, 3);
        let clean = verify(
            &*sides.store,
            &sides.archive,
            Some(&job),
            Some(&redactor),
            &policy(),
            &stop,
        )
        .await
        .expect("read");
        assert!(clean.is_right() && clean.masked == 0, "{clean:?}");
    }
}

#[tokio::test]
async fn a_line_is_masked_on_whichever_side_holds_it() {
    for (hours, recent, archive) in [(0, true, false), (1, true, true), (48, false, true)] {
        let sides = Sides::new();
        let mut author = Author::opens(&sides.store, "line").await;
        author.writes_lines(1_200, T0).await;
        author.writes(vec![line(&secret())]).await;
        let job = author.ends().await;
        if hours > 0 {
            assert!(sides.sweep(after(hours)).await.is_complete());
        }
        let history = sides.history();
        assert_eq!(
            text_of(&walked_back(&history, &job, 900).await[1_200].recorded.event),
            secret()
        );
        let purged = purge(
            &*sides.store,
            Some(&sides.archive),
            &order(&job, Some(1_201)),
            after(48),
        )
        .await
        .expect("purged");
        assert_eq!((purged.recent, purged.archive, purged.revision), (recent, archive, 1));
        nowhere_in(&sides, &secret()).await;
        let all = walked_back(&history, &job, 900).await;
        assert_eq!(text_of(&all[1_200].recorded.event), "[REDACTED]");
        assert_whole(&all, 1_202);
        let again = purge(
            &*sides.store,
            Some(&sides.archive),
            &order(&job, Some(1_201)),
            after(48),
        )
        .await
        .expect("purged");
        assert_eq!(again.revision, 1, "the second time there is nothing left to mask");
        for wrong in [0, 1_202, 1_203, 9_999_999] {
            let refused = purge(
                &*sides.store,
                Some(&sides.archive),
                &order(&job, Some(wrong)),
                after(48),
            )
            .await;
            assert!(matches!(refused, Err(Error::Setting { .. })), "{wrong}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn an_erased_job_leaves_who_when_and_why() {
    for hours in [0, 1, 48] {
        let sides = Sides::new();
        let mut author = Author::opens(&sides.store, "erase").await;
        author.writes(vec![line(&secret())]).await;
        let job = author.ends().await;
        if hours > 0 {
            assert!(sides.sweep(after(hours)).await.is_complete());
        }
        let history = sides.history();
        walked_back(&history, &job, 10).await;
        for _ in 0..2 {
            purge(&*sides.store, Some(&sides.archive), &order(&job, None), after(50))
                .await
                .expect("erased");
        }
        nowhere_in(&sides, &secret()).await;
        let page = history.page(&job, Cursor::Newest, size(10)).await;
        assert!(matches!(page, Err(Error::Erased)), "{page:?}");
        let found = history
            .job(&job, &[owner("ana")])
            .await
            .expect("an answer")
            .expect("found");
        let erased = found.record.erased.expect("said by whom");
        assert_eq!(
            (found.record.state, erased.by.as_str(), erased.at),
            (State::Erased, "op", after(50))
        );
        assert!(sides.sweep(after(51)).await.is_complete());
        let refused = purge(&*sides.store, Some(&sides.archive), &order(&job, Some(1)), after(50)).await;
        assert!(matches!(refused, Err(Error::Erased)), "{refused:?}");
        if hours > 0 {
            // The archive alone says so as well.
            let empty = Sides::new();
            let alone = History::new(empty.store.clone(), Some(sides.archive.clone()));
            let found = alone
                .job(&job, &[owner("ana")])
                .await
                .expect("an answer")
                .expect("found");
            assert_eq!((found.record.state, found.storage), (State::Erased, Storage::Archive));
        }
    }
}

#[tokio::test]
async fn a_job_that_nobody_knows_cannot_be_purged() {
    let sides = Sides::new();
    for line in [None, Some(1)] {
        let refused = purge(
            &*sides.store,
            Some(&sides.archive),
            &order(&job("nobodys"), line),
            after(1),
        )
        .await;
        assert!(matches!(refused, Err(Error::NoSuchJob)), "{refused:?}");
    }
}

#[tokio::test]
async fn an_erasure_the_archive_missed_is_made_up_by_the_next_sweep() {
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "missed").await;
    author.writes(vec![line(&secret())]).await;
    let job = author.ends().await;
    assert!(sides.sweep(after(1)).await.is_complete());
    sides.store.erase(&job, "op", "why", after(1)).await.expect("erased");
    assert!(sides.sweep(after(1)).await.is_complete());
    nowhere_in(&sides, &secret()).await;
}

#[tokio::test]
async fn whoever_follows_is_told_of_a_line_that_was_masked_in_the_archive_alone() {
    use futures::StreamExt as _;
    let sides = Sides::new();
    let mut author = Author::opens(&sides.store, "announced").await;
    author
        .writes(vec![line("one"), line(&format!("pass {}", secret()))])
        .await;
    assert!(sides.sweep(after(48)).await.is_complete());
    let record = sides.store.job(&author.job).await.expect("there").expect("known");
    assert_eq!((record.held(), record.revision), (None, 0));
    let mut following = sides.store.follow(&author.job, record.head);
    author.writes(vec![line("three")]).await;
    let told = following.next().await.expect("it goes on").expect("no trouble");
    assert!(matches!(told, stream_store::Change::Entries(_)), "{told:?}");

    let purged = purge(
        &*sides.store,
        Some(&sides.archive),
        &order(&author.job, Some(2)),
        after(48),
    )
    .await;
    let purged = purged.expect("purged");
    assert_eq!((purged.recent, purged.archive, purged.revision), (false, true, 1));
    let told = following.next().await.expect("it goes on").expect("no trouble");
    let masked = stream_store::Change::Purged {
        seq: Some(seq(2)),
        revision: 1,
    };
    assert_eq!(told, masked);
    nowhere_in(&sides, &secret()).await;
    assert_eq!(
        sides
            .history()
            .lookup(&author.job)
            .await
            .expect("found")
            .record
            .revision,
        1
    );
}
