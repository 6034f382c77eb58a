//! The sweep's side: masking, erasing, forgetting, claiming, finding jobs.

use std::collections::HashMap;

use log_model::{JobId, LogEntry, LogEvent, Seq, Timestamp};

use super::Subject;
use super::fixtures::*;
use crate::{Change, Due, Erasure, Error, JobRecord, Silence, State};

fn masked(place: u64, text: &str) -> LogEntry {
    LogEntry {
        seq: seq(place),
        recorded: masked_line(text, 1),
    }
}

/// Its place is kept, its neighbours are untouched, the revision says that something changed.
pub async fn a_masked_entry_takes_the_place_of_the_old_one(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 5).await;
    let mut expected = read_all(&store, &job, 5).await;
    assert_eq!(record(&store, &job).await.revision, 0);
    // Longer, shorter, the same one again, the first and the last.
    let long = format!("[REDACTED]{}", " and more".repeat(100));
    for (revision, (place, text)) in (1..).zip([(3, long.as_str()), (3, "[R]"), (1, "[REDACTED]"), (5, "")]) {
        let entry = masked(place, text);
        assert_eq!(store.mask(&job, &entry).await.expect("it is held"), revision);
        expected[place as usize - 1] = entry;
        assert_eq!(read_all(&store, &job, 5).await, expected);
        assert_eq!(record(&store, &job).await.revision, revision);
    }
    assert_eq!(
        subject
            .elsewhere()
            .await
            .read(&job, span(3, 3))
            .await
            .expect("a page is read"),
        [expected[2].clone()]
    );
    // Writing goes on, and so does masking once the job has ended.
    write(&store, &job, &mut writer, 1).await;
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    store.end(&job, succeeded(), now()).await.expect("nobody writes");
    store.mask(&job, &masked(6, "[REDACTED]")).await.expect("it is held");
    let all = read_all(&store, &job, 7).await;
    assert_eq!((&all[..5], numbers(&all)), (&expected[..], (1..=7).collect()));
    assert_eq!(all[5], masked(6, "[REDACTED]"));
}

/// Neither what was forgotten nor what was never written comes into being.
pub async fn masking_what_never_was_changes_nothing(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 5).await;
    store.archived(&job, seq(2)).await.expect("it is noted");
    store.forget(&job, seq(2), LONG).await.expect("it is forgotten");
    let before = read_all(&store, &job, 10).await;
    for place in [6, 1000] {
        let revision = store.mask(&job, &masked(place, "[REDACTED]")).await.expect("answered");
        assert_eq!(revision, 0, "{place}");
    }
    assert_eq!(read_all(&store, &job, 1000).await, before);
    assert_eq!(numbers(&before), [3, 4, 5]);
}

/// It was masked in the archive: whoever shows it must hear of it, and the store holds none of it again.
pub async fn masking_what_was_forgotten_is_announced(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 5).await;
    let mut following = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_through(&mut following, 5).await.len(), 5);
    store.archived(&job, seq(3)).await.expect("it is noted");
    store.forget(&job, seq(3), LONG).await.expect("it is forgotten");
    for (revision, place) in [(1, 2), (2, 1), (3, 2)] {
        let raised = store
            .mask(&job, &masked(place, "[REDACTED]"))
            .await
            .expect("it is noted");
        assert_eq!(raised, revision);
        let told = Change::Purged {
            seq: Some(seq(place)),
            revision,
        };
        match hear_change(&mut following).await {
            Some(Ok(change)) => assert_eq!(change, told),
            other => panic!("expected {told:?}, heard {other:?}"),
        }
    }
    assert_eq!(numbers(&read_all(&store, &job, 1000).await), [4, 5]);
    // It is no obstacle to what comes after.
    write(&store, &job, &mut writer, 1).await;
    store.archived(&job, seq(6)).await.expect("it is noted");
    store.forget(&job, seq(6), LONG).await.expect("it is forgotten");
    assert_eq!(record(&store, &job).await.held_from, seq(7));

    let over = finished(&store, 2).await;
    store.archived(&over, seq(3)).await.expect("it is noted");
    store.forget(&over, seq(3), LONG).await.expect("it is forgotten");
    let raised = store.mask(&over, &masked(1, "[REDACTED]")).await.expect("it is noted");
    assert_eq!((raised, record(&store, &over).await.revision), (1, 1));
}

/// No copy of it stays behind.
pub async fn a_masked_entry_is_forgotten_like_any_other(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 5).await;
    for place in [1, 2, 4] {
        store
            .mask(&job, &masked(place, "[REDACTED]"))
            .await
            .expect("it is held");
    }
    store.archived(&job, seq(3)).await.expect("it is noted");
    store.forget(&job, seq(3), LONG).await.expect("it is forgotten");
    let left = read_all(&store, &job, 5).await;
    assert_eq!(numbers(&left), [4, 5]);
    assert_eq!(left[0], masked(4, "[REDACTED]"));
}

/// The record says who, when and why; every other call says that it was erased.
pub async fn an_erased_job_keeps_its_record_and_nothing_else(subject: &dyn Subject) {
    let store = subject.store();
    let (running, writer) = written(&store, 1200).await;
    store
        .mask(&running, &masked(7, "[REDACTED]"))
        .await
        .expect("it is held");
    let over = finished(&store, 3).await;
    let at = now();
    for (job, head, revision) in [(running, 1200, 2), (over, 4, 1)] {
        assert_eq!(
            store
                .erase(&job, "ana", "it was a test", at)
                .await
                .expect("it can be erased"),
            revision
        );
        let known = record(&store, &job).await;
        assert_eq!(
            (known.owner.clone(), known.state, known.revision),
            (ana(), State::Erased, revision)
        );
        assert_eq!((known.head, known.held()), (seq(head), None));
        assert_eq!(
            known.erased,
            Some(Erasure {
                at,
                by: "ana".into(),
                why: "it was a test".into()
            })
        );
        assert_eq!((known.is_over(), known.outcome()), (true, None));
        refused!(store.read(&job, span(1, 10)).await, Error::Erased);
        refused!(store.open(&job, &ana(), now()).await, Error::Erased);
        refused!(store.join(&job, &writer.id).await, Error::Erased);
        refused!(store.renew(&job, &writer).await, Error::Erased);
        refused!(
            store.append(&job, &batch(&writer, vec![line("more")])).await,
            Error::Erased
        );
        refused!(store.end(&job, succeeded(), now()).await, Error::Erased);
        refused!(store.mask(&job, &masked(1, "[REDACTED]")).await, Error::Erased);
        store
            .forget(&job, seq(head), LONG)
            .await
            .expect("there is nothing to forget");
        assert_eq!(record(&store, &job).await, known);
    }
}

/// The first erasure stands.
pub async fn erasing_twice_is_no_error(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 3).await;
    let revision = store
        .erase(&job, "ana", "first", now())
        .await
        .expect("it can be erased");
    let known = record(&store, &job).await;
    let again = subject
        .elsewhere()
        .await
        .erase(&job, "ben", "second", now())
        .await
        .expect("no error");
    assert_eq!((again, record(&store, &job).await), (revision, known));
}

/// Not one more, not one less; and never what no archive has.
pub async fn forgetting_is_exact_and_only_of_what_is_archived(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 20).await;
    store
        .forget(&job, seq(10), LONG)
        .await
        .expect("nothing is archived, so nothing is forgotten");
    assert_eq!(record(&store, &job).await.held_from, Seq::FIRST);
    store.archived(&job, seq(12)).await.expect("it is noted");
    for (through, held_from) in [(3, 4), (3, 4), (1, 4), (4, 5), (12, 13), (20, 13)] {
        store.forget(&job, seq(through), LONG).await.expect("it is forgotten");
        assert_eq!(
            record(&store, &job).await.held_from,
            seq(held_from),
            "through {through}"
        );
        let left = read_all(&store, &job, 20).await;
        assert_eq!(
            numbers(&left),
            (held_from..=20).collect::<Vec<_>>(),
            "through {through}"
        );
    }
    let known = record(&store, &job).await;
    assert_eq!((known.head, known.archived, known.counts.lines), (seq(20), seq(12), 20));
}

/// Also when nothing is left, the next entry is the next one.
pub async fn forgetting_never_resets_ids(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 5).await;
    store.archived(&job, seq(5)).await.expect("it is noted");
    store.forget(&job, seq(5), LONG).await.expect("it is forgotten");
    let known = record(&store, &job).await;
    assert_eq!(
        (known.state, known.head, known.held_from),
        (State::Running, seq(5), seq(6))
    );
    assert_eq!((known.held(), read_all(&store, &job, 10).await), (None, Vec::new()));
    write(&store, &job, &mut writer, 2).await;
    assert_eq!(numbers(&read_all(&store, &job, 10).await), [6, 7]);
    assert_eq!(record(&store, &job).await.held_from, seq(6));
}

/// However many steps the store takes inside.
pub async fn a_long_log_is_forgotten_in_one_call(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 3500).await;
    store.archived(&job, seq(3400)).await.expect("it is noted");
    store.forget(&job, seq(3300), LONG).await.expect("it is forgotten");
    assert_eq!(record(&store, &job).await.held_from, seq(3301));
    assert_eq!(
        numbers(&read_all(&store, &job, 3500).await),
        (3301..=3500).collect::<Vec<_>>()
    );
}

/// What is left is small, and goes too when its time is over.
pub async fn an_ended_and_forgotten_job_shrinks_and_goes(subject: &dyn Subject) {
    let store = subject.store();
    let job = finished(&store, 4).await;
    store.mask(&job, &masked(2, "[REDACTED]")).await.expect("it is held");
    store.archived(&job, seq(5)).await.expect("it is noted");
    store.forget(&job, seq(4), LONG).await.expect("it is forgotten");
    assert!(!record(&store, &job).await.writers.is_empty(), "one entry is left");
    store.forget(&job, seq(5), LONG).await.expect("it is forgotten");
    let known = record(&store, &job).await;
    assert_eq!(
        (known.owner.clone(), known.state, known.outcome()),
        (ana(), State::Ended, Some(succeeded()))
    );
    assert_eq!((known.head, known.held_from, known.revision), (seq(5), seq(6), 1));
    assert!(known.writers.is_empty() && known.phases.is_empty());
    assert_eq!(store.read(&job, span(1, 5)).await.expect("an empty page"), []);
    refused!(store.join(&job, &slot("w")).await, Error::Ended);
    refused!(store.open(&job, &ben(), now()).await, Error::OtherOwner);
    assert!(
        hear(&mut store.follow(&job, Seq::ZERO)).await.is_none(),
        "there is nothing left to hear"
    );

    let job = finished(&store, 1).await;
    store.archived(&job, seq(2)).await.expect("it is noted");
    store.forget(&job, seq(2), SHORT).await.expect("it is forgotten");
    subject.pass(MOMENT).await;
    // A server may take its time to notice.
    soon(async {
        while store.job(&job).await.expect("the store answers").is_some() {
            subject.pass(MOMENT).await;
        }
    })
    .await;
    refused!(store.read(&job, span(1, 5)).await, Error::NoSuchJob);
    let fresh = store.open(&job, &ben(), now()).await.expect("the id is free again");
    assert_eq!((fresh.owner, fresh.head), (ben(), Seq::ZERO));
}

/// Said twice, in the wrong order, or of too much.
pub async fn the_archived_mark_neither_falls_nor_overtakes_the_head(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 5).await;
    for (through, mark) in [(3, 3), (2, 3), (3, 3), (99, 5)] {
        store.archived(&job, seq(through)).await.expect("it is noted");
        assert_eq!(record(&store, &job).await.archived, seq(mark), "through {through}");
    }
}

/// One archiver at a time; one's own claim can be extended.
pub async fn a_claim_keeps_others_away_until_it_is_given_back(subject: &dyn Subject) {
    let (store, elsewhere) = (subject.store(), subject.elsewhere().await);
    let job = opened(&store).await;
    let claim = store.claim(&job, "one", LONG).await.expect("nobody has it");
    assert_eq!((claim.job.clone(), claim.holder.as_str()), (job.clone(), "one"));
    refused!(elsewhere.claim(&job, "two", LONG).await, Error::Claimed);
    store.claim(&job, "one", LONG).await.expect("it is our own");
    elsewhere
        .release(&crate::Claim {
            job: job.clone(),
            holder: "two".into(),
        })
        .await
        .expect("no error");
    refused!(elsewhere.claim(&job, "two", LONG).await, Error::Claimed);
    store.release(&claim).await.expect("it is given back");
    store.release(&claim).await.expect("twice is no error");
    elsewhere.claim(&job, "two", LONG).await.expect("nobody has it");
    refused!(store.claim(&job, "one", LONG).await, Error::Claimed);
    store
        .release(&claim)
        .await
        .expect("what went to somebody else is left alone");
    refused!(store.claim(&job, "one", LONG).await, Error::Claimed);
}

/// An archiver that was killed does not keep a job for ever.
pub async fn a_claim_lapses_by_itself(subject: &dyn Subject) {
    let store = subject.store();
    let job = opened(&store).await;
    store.claim(&job, "one", SHORT).await.expect("nobody has it");
    subject.pass(MOMENT).await;
    store.claim(&job, "two", SHORT).await.expect("the first one lapsed");
    store.claim(&job, "two", LONG).await.expect("it can be extended");
    subject.pass(MOMENT).await;
    refused!(store.claim(&job, "one", LONG).await, Error::Claimed);
}

/// What is due by `by`, in one walk.
async fn due(store: &Store, by: Timestamp, limit: usize) -> HashMap<JobId, Option<JobRecord>> {
    let (mut found, mut cursor) = (HashMap::new(), None);
    loop {
        let page = soon(store.due(by, cursor, limit)).await.expect("the store answers");
        assert!(page.jobs.len() <= limit);
        for Due { job, record } in page.jobs {
            let again = found.insert(job.clone(), record);
            assert!(again.is_none(), "{job} came twice");
        }
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

/// Somebody looks at it first when it is new, and then when it was said.
pub async fn a_job_is_due_until_it_was_looked_at(subject: &dyn Subject) {
    let store = subject.store();
    let (job, at) = (new_job(), now());
    store.open(&job, &ana(), at).await.expect("a new job opens");
    assert_eq!(due(&store, at.minus(SHORT), 1000).await.get(&job), None, "not yet");
    let known = record(&store, &job).await;
    for _ in 0..2 {
        assert_eq!(due(&store, at, 1000).await.get(&job), Some(&Some(known.clone())));
    }
    let elsewhere = subject.elsewhere().await;
    let again = at.plus(LONG);
    elsewhere.look_again(&job, again).await.expect("it is noted");
    assert_eq!(due(&store, again.minus(SHORT), 1000).await.get(&job), None);
    assert!(due(&store, again, 1000).await.contains_key(&job));
    elsewhere.look_again(&job, at).await.expect("a later time stands");
    assert!(!due(&store, again.minus(SHORT), 1000).await.contains_key(&job));
    // Opened again, joined and written to, it is still only looked at when it was said.
    store.open(&job, &ana(), at).await.expect("it is hers");
    let mut writer = store.join(&job, &slot("w")).await.expect("an open job can be joined");
    write(&store, &job, &mut writer, 3).await;
    assert!(!due(&store, again.minus(SHORT), 1000).await.contains_key(&job));
    let nobody = new_job();
    store.look_again(&nobody, at).await.expect("no error");
    assert!(!due(&store, again, 1000).await.contains_key(&nobody));
}

/// There is something to do for it now, whatever was said before.
pub async fn what_ends_or_is_erased_is_due_at_once(subject: &dyn Subject) {
    let store = subject.store();
    for way in ["end", "leave", "finish", "lost", "erased"] {
        let (job, writer) = written(&store, 2).await;
        let at = now();
        store.look_again(&job, at.plus(LONG)).await.expect("it is noted");
        let judged = Silence {
            silent_after: SHORT,
            lost_after: SHORT,
            ..PATIENT
        };
        match way {
            "end" => {
                store.leave(&job, &writer, at).await.expect("a writer may leave");
                assert!(!due(&store, at, 1000).await.contains_key(&job), "it goes on");
                store.end(&job, succeeded(), at).await.map(drop)
            }
            "leave" => {
                store.end(&job, succeeded(), at).await.expect("the wish is remembered");
                assert!(!due(&store, at, 1000).await.contains_key(&job), "it goes on");
                store.leave(&job, &writer, at).await
            }
            "finish" => store.finish(&job, &writer, succeeded(), at).await.map(drop),
            "lost" => {
                subject.pass(MOMENT).await;
                store.mark_silent(&job, &judged, at).await.map(drop)
            }
            _ => store.erase(&job, "ana", "a test", at).await.map(drop),
        }
        .expect("it is over");
        let found = due(&store, at, 1000).await.remove(&job).flatten();
        assert!(found.is_some_and(|record| record.is_over()), "{way}");
    }
    // What was forgotten is nobody's business any more.
    let job = finished(&store, 1).await;
    store.archived(&job, seq(2)).await.expect("it is noted");
    store.forget(&job, seq(2), LONG).await.expect("it is forgotten");
    let left = due(&store, now().plus(LONG), 1000).await.remove(&job).flatten();
    assert!(
        left.is_none_or(|record| record.held().is_none()),
        "nothing is left to do"
    );
}

/// Also when each is put off on the way.
pub async fn a_walk_over_due_jobs_meets_each_once(subject: &dyn Subject) {
    let store = subject.store();
    let (mut mine, at) = (Vec::new(), now());
    for _ in 0..10 {
        mine.push(opened(&store).await);
    }
    let by = now();
    for (limit, again) in [(1, at), (3, by.plus(LONG)), (1000, by.plus(LONG))] {
        let mut met: HashMap<JobId, u32> = HashMap::new();
        let mut cursor = None;
        loop {
            let page = soon(store.due(by, cursor, limit)).await.expect("the store answers");
            for due in page.jobs.into_iter().filter(|due| mine.contains(&due.job)) {
                assert!(due.record.is_some_and(|record| record.opened >= at));
                store.look_again(&due.job, again).await.expect("it is noted");
                *met.entry(due.job).or_default() += 1;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        let expected = u32::from(limit < 1000);
        for job in &mine {
            assert_eq!(
                met.get(job).copied().unwrap_or_default(),
                expected,
                "in parts of {limit}"
            );
        }
    }
}

/// In parts of any size.
pub async fn a_walk_over_the_list_meets_each_job_once(subject: &dyn Subject) {
    let store = subject.store();
    let mut mine = vec![finished(&store, 1).await];
    for _ in 0..10 {
        mine.push(opened(&store).await);
    }
    for limit in [1, 3, 1000] {
        let mut met: HashMap<JobId, u32> = HashMap::new();
        let mut cursor = None;
        loop {
            let page = soon(store.list(cursor, limit)).await.expect("the store answers");
            for due in page.jobs {
                if let Some(place) = mine.iter().position(|job| *job == due.job) {
                    let known = due.record.expect("it was opened");
                    assert_eq!((known.owner, known.state == State::Ended), (ana(), place == 0));
                }
                *met.entry(due.job).or_default() += 1;
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        for job in &mine {
            assert_eq!(met.get(job), Some(&1), "in parts of {limit}");
        }
    }
}

/// For readiness, and for an operator who starts it.
pub async fn a_store_that_is_there_answers(subject: &dyn Subject) {
    let store = subject.store();
    store.ping().await.expect("it is there");
    for warning in store.warnings().await.expect("it is there") {
        assert!(warning.contains(' '), "a warning is a sentence: {warning}");
    }
    // The whole of a job's life in one look, since every part of it may be kept in a place of its own.
    let job = finished(&store, 2).await;
    let all = read_all(&store, &job, 3).await;
    assert!(matches!(all[2].recorded.event, LogEvent::Ended { .. }));
}
