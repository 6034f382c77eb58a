//! A job's life: opened, joined, left, ended, fallen silent.

use std::time::Duration;

use log_model::{Counts, LogEvent, Outcome, Owner, Seq};

use super::Subject;
use super::fixtures::*;
use crate::{Ended, Ending, Error, JobRecord, Silence, State};

/// Nothing is changed, whoever opened it first and however much was written since.
pub async fn opening_again_answers_the_same(subject: &dyn Subject) {
    let store = subject.store();
    let job = new_job();
    let at = now();
    let record = store.open(&job, &ana(), at).await.expect("a new job opens");
    assert_eq!(
        JobRecord {
            touched: at,
            ..record.clone()
        },
        JobRecord::opened(ana(), at)
    );
    let again = subject
        .elsewhere()
        .await
        .open(&job, &ana(), at.plus(LONG))
        .await
        .expect("it is hers");
    assert_eq!(again, record);
    let mut writer = store.join(&job, &slot("w")).await.expect("an open job can be joined");
    write(&store, &job, &mut writer, 3).await;
    let again = store.open(&job, &ana(), at).await.expect("it is hers");
    assert_eq!((again.head, again.opened, again.state), (seq(3), at, State::Running));
    assert_eq!(store.job(&job).await.expect("the store answers"), Some(again));
}

/// A person and an organisation are not the same, even by the same name.
pub async fn opening_for_another_owner_is_refused(subject: &dyn Subject) {
    let store = subject.store();
    let job = opened(&store).await;
    for other in [ben(), Owner::org(ana().id)] {
        refused!(store.open(&job, &other, now()).await, Error::OtherOwner);
    }
    assert_eq!(record(&store, &job).await.owner, ana());
}

/// Two orchestrators that choose the same id do not share a job.
pub async fn of_two_owners_who_open_at_once_one_wins(subject: &dyn Subject) {
    let store = subject.store();
    for _ in 0..10 {
        let job = new_job();
        let (ana, ben) = (ana(), ben());
        let (one, two) = tokio::join!(store.open(&job, &ana, now()), store.open(&job, &ben, now()));
        let winner = match (one, two) {
            (Ok(record), Err(Error::OtherOwner)) | (Err(Error::OtherOwner), Ok(record)) => record,
            other => panic!("expected one winner, got {other:?}"),
        };
        assert_eq!(record(&store, &job).await.owner, winner.owner);
    }
}

/// Whoever opens it again learns what became of it.
pub async fn an_ended_job_opens_with_its_record(subject: &dyn Subject) {
    let store = subject.store();
    let job = finished(&store, 2).await;
    let record = store.open(&job, &ana(), now()).await.expect("it is hers");
    assert_eq!(
        (record.state, record.head, record.outcome()),
        (State::Ended, seq(3), Some(succeeded()))
    );
    refused!(store.open(&job, &ben(), now()).await, Error::OtherOwner);
}

/// The record shows who writes.
pub async fn a_lease_runs_from_joining_to_leaving(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = joined(&store, "w").await;
    let known = |record: JobRecord| record.writers[&slot("w")];
    let seen = known(record(&store, &job).await);
    assert_eq!((seen.fence, seen.next), (writer.fence, 1));
    let until = seen.lease_until.expect("the lease runs");
    subject.pass(MOMENT).await;
    store.renew(&job, &writer).await.expect("the slot is ours");
    let renewed = known(record(&store, &job).await).lease_until.expect("the lease runs");
    assert!(renewed > until, "a renewed lease runs longer");
    subject.pass(MOMENT).await;
    store
        .append(&job, &batch(&writer, vec![line("hello")]))
        .await
        .expect("a batch in turn lands");
    let seen = known(record(&store, &job).await);
    assert!(
        seen.lease_until.expect("the lease runs") > renewed,
        "appending renews the lease"
    );
    assert_eq!(seen.next, 2);
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    assert_eq!(known(record(&store, &job).await).lease_until, None);
    assert_eq!(
        record(&store, &job).await.state,
        State::Running,
        "between two runs a job is running"
    );
}

/// An answer may get lost.
pub async fn leaving_twice_is_no_error(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = written(&store, 1).await;
    for _ in 0..2 {
        store
            .leave(&job, &writer, now())
            .await
            .expect("a writer may leave, and say so again");
    }
    store.end(&job, succeeded(), now()).await.expect("nobody writes");
    store.leave(&job, &writer, now()).await.expect("also after the end");
    assert_eq!(record(&store, &job).await.head, seq(2));
}

/// It is still there to send again what it was told is safe; a moment later it would be gone.
pub async fn a_store_that_lost_batches_lets_nobody_leave(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = written(&store, 2).await;
    // As one says who had two more acknowledged.
    let knows_more = crate::Writer {
        next: writer.next + 2,
        ..writer.clone()
    };
    let before = record(&store, &job).await;
    for _ in 0..2 {
        refused!(
            store.leave(&job, &knows_more, now()).await,
            Error::Behind { expected: 2 }
        );
        refused!(
            store.finish(&job, &knows_more, succeeded(), now()).await,
            Error::Behind { expected: 2 }
        );
        assert_eq!(record(&store, &job).await, before, "nothing is changed");
    }
    let mut writer = writer;
    write(&store, &job, &mut writer, 1).await;
    write(&store, &job, &mut writer, 1).await;
    store.leave(&job, &knows_more, now()).await.expect("it has everything");
    assert_eq!(record(&store, &job).await.writers[&writer.id].lease_until, None);

    // Ended without them, they can no longer be sent, which is no reason to say that all is well.
    store.end(&job, succeeded(), now()).await.expect("nobody writes");
    store.leave(&job, &knows_more, now()).await.expect("it had everything");
    let knows_more = crate::Writer {
        next: writer.next + 1,
        ..writer
    };
    refused!(
        store.leave(&job, &knows_more, now()).await,
        Error::Behind { expected: 4 }
    );
    refused!(
        store.finish(&job, &knows_more, succeeded(), now()).await,
        Error::Behind { expected: 4 }
    );
    store.archived(&job, seq(5)).await.expect("it is noted");
    store.forget(&job, seq(5), LONG).await.expect("it is forgotten");
    store
        .leave(&job, &knows_more, now())
        .await
        .expect("nothing is left to compare");
}

/// Of the wish and the leave, neither is there without the other.
pub async fn a_writer_leaves_and_ends_its_job_in_one_step(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = written(&store, 2).await;
    let at = now();
    for _ in 0..2 {
        let ended = store.finish(&job, &writer, succeeded(), at).await;
        assert_eq!(ended.expect("it ends, and twice is no error"), Ended::At(seq(3)));
    }
    let known = record(&store, &job).await;
    assert_eq!((known.outcome(), known.ended), (Some(succeeded()), Some(at)));
    refused!(store.finish(&job, &writer, failed(), now()).await, Error::Ended);

    // Another is still writing: the end waits for it.
    let (job, one) = written(&store, 1).await;
    let mut two = store.join(&job, &slot("two")).await.expect("any number may join");
    for _ in 0..2 {
        let waits = store.finish(&job, &one, failed(), now()).await.expect("it may leave");
        assert_eq!(waits, Ended::WhenLastWriterLeaves);
    }
    let known = record(&store, &job).await;
    assert_eq!((known.is_over(), known.ending), (false, Some(failed())));
    assert_eq!(known.writers[&one.id].lease_until, None);
    write(&store, &job, &mut two, 1).await;
    // Of two wishes the first counts, and the job ends by it.
    let ended = store
        .finish(&job, &two, succeeded(), now())
        .await
        .expect("it may leave");
    assert_eq!(ended, Ended::At(seq(3)));
    assert_eq!(record(&store, &job).await.outcome(), Some(failed()));

    let (job, old) = written(&store, 1).await;
    store.join(&job, &old.id).await.expect("a slot can be taken over");
    refused!(store.finish(&job, &old, succeeded(), now()).await, Error::Fenced);
    assert_eq!(record(&store, &job).await.ending, None, "nothing is wished for");
    refused!(
        store.finish(&new_job(), &old, succeeded(), now()).await,
        Error::NoSuchJob
    );
    store
        .erase(&job, "ana", "a test", now())
        .await
        .expect("it can be erased");
    refused!(store.finish(&job, &old, succeeded(), now()).await, Error::Erased);
}

/// Nobody is waited for.
pub async fn an_end_without_writers_is_written_at_once(subject: &dyn Subject) {
    let store = subject.store();
    let never_joined = opened(&store).await;
    assert_eq!(
        store.end(&never_joined, failed(), now()).await.expect("it ends"),
        Ended::At(seq(1))
    );
    let (job, writer) = written(&store, 2).await;
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    let at = now();
    assert_eq!(
        store.end(&job, succeeded(), at).await.expect("it ends"),
        Ended::At(seq(3))
    );
    let known = record(&store, &job).await;
    assert_eq!(
        (known.state, known.outcome(), known.ended),
        (State::Ended, Some(succeeded()), Some(at))
    );
    assert!(known.is_over());
    assert_eq!(known.writers[&writer.id].lease_until, None);
    let last = store.read(&job, span(3, 3)).await.expect("a page is read");
    assert_eq!(last[0].recorded.ts, at);
}

/// What a writer still has to say comes before the end.
pub async fn an_end_waits_for_the_last_writer(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut one) = written(&store, 2).await;
    let mut two = store
        .join(&job, &slot("two"))
        .await
        .expect("any number of writers may join");
    let answer = store.end(&job, failed(), now()).await.expect("the wish is remembered");
    assert_eq!(answer, Ended::WhenLastWriterLeaves);
    let known = record(&store, &job).await;
    assert_eq!(
        (known.state, known.ending, known.outcome()),
        (State::Running, Some(failed()), None)
    );
    write(&store, &job, &mut two, 1).await;
    store.leave(&job, &two, now()).await.expect("a writer may leave");
    assert!(!record(&store, &job).await.is_over());
    write(&store, &job, &mut one, 1).await;
    let at = now();
    store.leave(&job, &one, at).await.expect("a writer may leave");
    let known = record(&store, &job).await;
    assert_eq!(
        (known.state, known.head, known.outcome()),
        (State::Ended, seq(5), Some(failed()))
    );
    assert_eq!(known.ended, Some(at));
    let last = store.read(&job, span(5, 5)).await.expect("a page is read");
    assert!(matches!(
        last[0].recorded.event,
        LogEvent::Ended {
            outcome: Outcome::Failed,
            exit_code: Some(2),
            ..
        }
    ));
    assert_eq!(
        store.end(&job, failed(), now()).await.expect("it has ended"),
        Ended::At(seq(5))
    );
}

/// A writer that was killed does not keep a job open for ever.
pub async fn an_end_waits_no_longer_for_a_writer_that_lapsed(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 2).await;
    store
        .end(&job, succeeded(), now())
        .await
        .expect("the wish is remembered");
    assert_eq!(
        store.mark_silent(&job, &PATIENT, now()).await.expect("it is judged"),
        State::Running
    );
    subject.pass(MOMENT).await;
    assert_eq!(
        store.mark_silent(&job, &STRICT, now()).await.expect("it is judged"),
        State::Ended
    );
    let known = record(&store, &job).await;
    assert_eq!((known.head, known.outcome()), (seq(3), Some(succeeded())));
}

/// The first word on how it ended stands.
pub async fn the_same_end_again_is_no_error_and_another_is(subject: &dyn Subject) {
    let store = subject.store();
    let job = finished(&store, 1).await;
    assert_eq!(
        store.end(&job, succeeded(), now()).await.expect("the same again"),
        Ended::At(seq(2))
    );
    refused!(store.end(&job, failed(), now()).await, Error::Ended);
    let known = record(&store, &job).await;
    assert_eq!((known.head, known.outcome()), (seq(2), Some(succeeded())));
}

/// Also while the end is still awaited.
pub async fn of_two_wishes_to_end_the_first_counts(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = written(&store, 1).await;
    for wish in [failed(), failed(), succeeded()] {
        let answer = store.end(&job, wish, now()).await.expect("a wish is no error");
        assert_eq!(answer, Ended::WhenLastWriterLeaves);
    }
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    assert_eq!(record(&store, &job).await.outcome(), Some(failed()));
}

/// The last entry is the last one.
pub async fn nothing_follows_the_end(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = written(&store, 2).await;
    store
        .end(&job, succeeded(), now())
        .await
        .expect("the wish is remembered");
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    let late = crate::Batch {
        number: writer.next,
        ..batch(&writer, vec![line("too late")])
    };
    refused!(store.append(&job, &late).await, Error::Ended);
    refused!(store.join(&job, &slot("w")).await, Error::Ended);
    refused!(store.join(&job, &slot("another")).await, Error::Ended);
    refused!(store.renew(&job, &writer).await, Error::Ended);
    store.leave(&job, &writer, now()).await.expect("leaving is no error");
    assert_eq!(record(&store, &job).await.head, seq(3));
    assert_eq!(numbers(&read_all(&store, &job, 10).await), [1, 2, 3]);
}

/// A writer whose answer was lost on the way does not take its lines for refused.
pub async fn a_batch_that_landed_before_the_end_still_answers_the_same(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = joined(&store, "w").await;
    let last = batch(&writer, vec![line("goodbye")]);
    let answer = store.append(&job, &last).await.expect("a batch in turn lands");
    store
        .end(&job, succeeded(), now())
        .await
        .expect("the wish is remembered");
    subject.pass(MOMENT).await;
    store.mark_silent(&job, &STRICT, now()).await.expect("it is judged");
    assert!(record(&store, &job).await.is_over());
    assert_eq!(store.append(&job, &last).await.expect("a repeat is answered"), answer);
}

/// The outcome, the exit code and the counts of the whole log.
pub async fn the_last_entry_says_how_and_how_much(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = joined(&store, "w").await;
    let reason = log_model::GapReason::SpoolFull;
    let events = vec![
        line("one"),
        masked_line("[REDACTED] [REDACTED]", 2),
        event(LogEvent::Gap {
            lines: Some(4),
            span: None,
            reason,
        }),
    ];
    store
        .append(&job, &batch(&writer, events))
        .await
        .expect("a batch in turn lands");
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    let ending = Ending {
        outcome: Outcome::TimedOut,
        exit_code: None,
    };
    store.end(&job, ending, now()).await.expect("nobody writes");
    let last = store.read(&job, span(4, 4)).await.expect("a page is read");
    let counts = Counts {
        lines: 2,
        redactions: 2,
        gaps: 1,
    };
    assert_eq!(
        last[0].recorded.event,
        LogEvent::Ended {
            outcome: Outcome::TimedOut,
            exit_code: None,
            counts
        }
    );
    assert_eq!(last[0].recorded.phase, None);
    assert_eq!(record(&store, &job).await.counts, counts);
}

/// Any word from a writer clears the silence.
pub async fn a_job_falls_silent_and_comes_back(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 1).await;
    for way in ["renew", "append", "join", "leave"] {
        subject.pass(MOMENT).await;
        assert_eq!(
            store.mark_silent(&job, &PATIENT, now()).await.expect("it is judged"),
            State::Running,
            "{way}"
        );
        let state = store.mark_silent(&job, &STRICT, now()).await.expect("it is judged");
        assert!(matches!(state, State::Silent { .. }), "{way}: {state:?}");
        assert_eq!(record(&store, &job).await.state, state, "{way}");
        let again = store.mark_silent(&job, &STRICT, now()).await.expect("it is judged");
        assert_eq!(again, state, "{way}: a silence begins once");
        match way {
            "renew" => store.renew(&job, &writer).await.expect("the slot is ours"),
            "append" => write(&store, &job, &mut writer, 1).await,
            "join" => writer = store.join(&job, &writer.id).await.expect("a slot can be taken over"),
            _ => store.leave(&job, &writer, now()).await.expect("a writer may leave"),
        }
        assert_eq!(record(&store, &job).await.state, State::Running, "{way}");
    }
    // Nobody is there to fall silent now.
    subject.pass(MOMENT).await;
    assert_eq!(
        store.mark_silent(&job, &STRICT, now()).await.expect("it is judged"),
        State::Running
    );
}

/// Of two writers, one that died does not make the job silent.
pub async fn a_job_with_one_living_writer_is_not_silent(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _dead) = written(&store, 1).await;
    let two_seconds = Silence {
        silent_after: Duration::from_secs(2),
        ..PATIENT
    };
    subject.pass(Duration::from_millis(2010)).await;
    store
        .join(&job, &slot("alive"))
        .await
        .expect("any number of writers may join");
    assert_eq!(
        store
            .mark_silent(&job, &two_seconds, now())
            .await
            .expect("it is judged"),
        State::Running
    );
}

/// First silent, then over.
pub async fn a_job_silent_for_long_is_lost(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = written(&store, 2).await;
    subject.pass(MOMENT).await;
    let state = store.mark_silent(&job, &STRICT, now()).await.expect("it is judged");
    assert!(matches!(state, State::Silent { .. }));
    let at = now();
    subject.pass(MOMENT).await;
    let short = Silence {
        lost_after: SHORT,
        ..STRICT
    };
    assert_eq!(
        store.mark_silent(&job, &short, at).await.expect("it is judged"),
        State::Ended
    );
    let known = record(&store, &job).await;
    let lost = Ending {
        outcome: Outcome::Lost,
        exit_code: None,
    };
    assert_eq!(
        (known.head, known.outcome(), known.ended),
        (seq(3), Some(lost), Some(at))
    );
    refused!(store.renew(&job, &writer).await, Error::Ended);
}

/// Never joined, or left and not come back to.
pub async fn a_job_nobody_comes_to_is_abandoned(subject: &dyn Subject) {
    let store = subject.store();
    let never = opened(&store).await;
    let (left, writer) = written(&store, 2).await;
    store.leave(&left, &writer, now()).await.expect("a writer may leave");
    subject.pass(MOMENT).await;
    let abandoned = Ending {
        outcome: Outcome::Abandoned,
        exit_code: None,
    };
    for (job, last) in [(never, 1), (left, 3)] {
        assert_eq!(
            store.mark_silent(&job, &STRICT, now()).await.expect("it is judged"),
            State::Running
        );
        let short = Silence {
            abandon_after: SHORT,
            ..PATIENT
        };
        assert_eq!(
            store.mark_silent(&job, &short, now()).await.expect("it is judged"),
            State::Ended
        );
        let known = record(&store, &job).await;
        assert_eq!((known.head, known.outcome()), (seq(last), Some(abandoned)));
    }
    // Somebody who writes, however slowly, has not abandoned it.
    let (job, _) = written(&store, 1).await;
    subject.pass(MOMENT).await;
    let short = Silence {
        abandon_after: SHORT,
        ..PATIENT
    };
    assert_eq!(
        store.mark_silent(&job, &short, now()).await.expect("it is judged"),
        State::Running
    );
}

/// What is over stays as it is.
pub async fn an_ended_job_is_not_judged_again(subject: &dyn Subject) {
    let store = subject.store();
    let job = finished(&store, 1).await;
    let before = record(&store, &job).await;
    subject.pass(MOMENT).await;
    let all_short = Silence {
        silent_after: SHORT,
        lost_after: SHORT,
        abandon_after: SHORT,
    };
    assert_eq!(
        store.mark_silent(&job, &all_short, now()).await.expect("it is judged"),
        State::Ended
    );
    assert_eq!(record(&store, &job).await, before);
    assert_eq!(before.head, seq(2));
    store
        .erase(&job, "ana", "a test", now())
        .await
        .expect("it can be erased");
    assert_eq!(
        store.mark_silent(&job, &all_short, now()).await.expect("it is judged"),
        State::Erased
    );
}

/// What was acknowledged is safe; what was not sent yet is not.
pub async fn what_was_acknowledged_can_be_confirmed(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = joined(&store, "w").await;
    assert_eq!(record(&store, &job).await.confirmed, Seq::ZERO);
    write(&store, &job, &mut writer, 2).await;
    write(&store, &job, &mut writer, 3).await;
    assert!(
        !store.confirm(&job, &writer.id, 3).await.expect("it is answered"),
        "batch 3 was never sent"
    );
    assert!(store.confirm(&job, &writer.id, 2).await.expect("it is answered"));
    assert_eq!(record(&store, &job).await.confirmed, seq(5));
    assert!(
        store.confirm(&job, &writer.id, 1).await.expect("it is answered"),
        "what was safe is still safe"
    );
    assert_eq!(record(&store, &job).await.confirmed, seq(5));
}
