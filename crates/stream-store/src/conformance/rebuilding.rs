//! A writer that comes back to a store that has forgotten some of its job, or all of it.

use log_model::{Counts, Fence, GapReason, LogEvent, Owner, Phase, Seq, Timestamp};

use super::Subject;
use super::fixtures::*;
use crate::{Change, Error, Known, PhaseRecord, State};

/// What a writer knows that was told of places up to `highest` and keeps what lies at `resend_from` and after it, from
/// its batch `next` on.
fn known(owner: Owner, highest: u64, resend_from: u64, next: u64) -> Known {
    Known {
        fence: Fence(3),
        highest: seq(highest),
        resend_from: seq(resend_from),
        next,
        ..Known::nothing_written(owner, OPENED)
    }
}

const OPENED: Timestamp = Timestamp::from_millis(1_771_754_400_000);

/// No place is given twice, the writer goes on with what it keeps, and what nobody keeps is told to be missing.
pub async fn a_job_the_store_forgot_is_rebuilt_above_what_its_writer_knew(subject: &dyn Subject) {
    let store = subject.store();
    let job = new_job();
    let install = PhaseRecord {
        phase: Phase::new("install").expect("a word"),
        started: OPENED,
        duration_ms: Some(70),
        exit_code: Some(0),
    };
    let counts = Counts {
        lines: 40,
        redactions: 2,
        gaps: 1,
    };
    let known = Known {
        phases: vec![install.clone()],
        counts,
        ..known(ana(), 60, 41, 7)
    };
    let mut writer = store.rejoin(&job, &slot("w"), &known, now()).await.expect("rebuilt");
    assert!(writer.fence > Fence(3), "{writer:?}");
    assert_eq!(writer.next, 7);
    let rebuilt = record(&store, &job).await;
    assert_eq!((&rebuilt.owner, rebuilt.opened), (&ana(), OPENED));
    assert_eq!(rebuilt.state, State::Running);
    assert_eq!(rebuilt.unused, [span(41, 999_999)]);
    assert_eq!((rebuilt.lost_through, rebuilt.held_from), (seq(40), seq(1_000_000)));
    assert_eq!(rebuilt.phases, [install]);
    let counts = Counts { gaps: 2, ..counts };
    assert_eq!(rebuilt.counts, counts, "with the gap that was added");

    write(&store, &job, &mut writer, 2).await;
    let held = read_all(&store, &job, 2_000_000).await;
    assert_eq!(numbers(&held), [1_000_000, 1_000_001, 1_000_002]);
    let reason = GapReason::StoreLost;
    assert_eq!(
        held[0].recorded.event,
        LogEvent::Gap {
            lines: None,
            span: None,
            reason
        }
    );
    assert_eq!(texts(&held), ["0 of batch 7", "1 of batch 7"]);
    let due = store.list(None, 100_000).await.expect("listed").jobs;
    assert!(due.iter().any(|due| due.job == job), "it is found again");
}

/// Whoever kept everything sends everything again, and nothing is missing.
pub async fn what_the_writer_kept_whole_comes_again_without_a_gap(subject: &dyn Subject) {
    let store = subject.store();
    let job = new_job();
    let mut writer = store
        .rejoin(&job, &slot("w"), &known(ana(), 2, 1, 1), now())
        .await
        .expect("rebuilt");
    write(&store, &job, &mut writer, 2).await;
    let rebuilt = record(&store, &job).await;
    assert_eq!((rebuilt.unused, rebuilt.lost_through), (vec![span(1, 999_999)], seq(0)));
    assert_eq!(
        numbers(&read_all(&store, &job, 2_000_000).await),
        [1_000_000, 1_000_001]
    );
}

/// An answer may get lost, and two writers come back one after the other.
pub async fn coming_back_again_adds_nothing(subject: &dyn Subject) {
    let store = subject.store();
    let job = new_job();
    let (one, two) = (known(ana(), 60, 41, 7), known(ana(), 75, 31, 1));
    let first = store.rejoin(&job, &slot("one"), &one, now()).await.expect("rebuilt");
    let rebuilt = record(&store, &job).await;
    let again = subject
        .elsewhere()
        .await
        .rejoin(&job, &slot("one"), &one, now())
        .await
        .expect("again");
    assert!(again.fence > first.fence);
    assert_eq!(again.next, first.next);
    refused!(
        store.append(&job, &batch(&first, vec![line("late")])).await,
        Error::Fenced
    );
    let since = record(&store, &job).await;
    assert_eq!((since.head, since.counts), (rebuilt.head, rebuilt.counts));
    assert_eq!(
        (since.unused, since.lost_through),
        (rebuilt.unused, rebuilt.lost_through)
    );

    // The second has more of the end to send again, from its first batch on.
    let mut second = store.rejoin(&job, &slot("two"), &two, now()).await.expect("joined");
    let since = record(&store, &job).await;
    assert_eq!(since.head, rebuilt.head, "nothing of this writer's is missing");
    assert_eq!((since.unused, since.lost_through), (vec![span(31, 999_999)], seq(30)));
    let mut first = again;
    write(&store, &job, &mut second, 1).await;
    write(&store, &job, &mut first, 1).await;
    assert_eq!(
        numbers(&read_all(&store, &job, 2_000_000).await),
        [1_000_000, 1_000_001, 1_000_002]
    );
}

/// A third has been told of places that the rebuilt job already reaches: it goes on above those.
pub async fn whoever_knows_of_higher_places_raises_them_again(subject: &dyn Subject) {
    let store = subject.store();
    let job = new_job();
    let mut low = store
        .rejoin(&job, &slot("low"), &known(ana(), 60, 61, 7), now())
        .await
        .expect("rebuilt");
    write(&store, &job, &mut low, 1).await;
    let mut high = store
        .rejoin(&job, &slot("high"), &known(ana(), 1_500_000, 1_500_001, 9), now())
        .await
        .expect("joined");
    write(&store, &job, &mut high, 1).await;
    write(&store, &job, &mut low, 1).await;
    assert_eq!(
        numbers(&read_all(&store, &job, 3_000_000).await),
        [1_000_000, 1_000_001, 2_000_000, 2_000_001, 2_000_002]
    );
    assert_eq!(
        record(&store, &job).await.unused,
        [span(61, 999_999), span(1_000_002, 1_999_999)]
    );
}

/// An orchestrator opened it anew before any writer was back: the archive must still know it.
pub async fn a_job_opened_anew_is_the_one_its_writer_knew(subject: &dyn Subject) {
    let store = subject.store();
    let job = opened(&store).await;
    let mut writer = store
        .rejoin(&job, &slot("w"), &known(ana(), 60, 41, 1), now())
        .await
        .expect("rebuilt");
    write(&store, &job, &mut writer, 1).await;
    let rebuilt = record(&store, &job).await;
    assert_eq!(rebuilt.opened, OPENED);
    assert_eq!(rebuilt.unused, [span(41, 999_999)]);
    assert_eq!(
        numbers(&read_all(&store, &job, 2_000_000).await),
        [1_000_000, 1_000_001]
    );
}

/// The one case in which places are given twice, as far as it goes: somebody new opens the forgotten job and writes to it
/// before any of its writers is back. Nothing of either is lost, no place is given twice from the first return on, and
/// that lines are missing is said. Nor does it take the old job's opening time, by which the archive tells them apart.
pub async fn what_somebody_new_wrote_first_stays_and_later_places_are_above_all(subject: &dyn Subject) {
    let store = subject.store();
    for (new_lines, next) in [(3, 1_000_000), (70, 71)] {
        let (job, mut new) = written(&store, new_lines).await;
        let opened = record(&store, &job).await.opened;
        let mut following = store.follow(&job, Seq::ZERO);
        assert_eq!(hear_through(&mut following, new_lines).await.len() as u64, new_lines);
        let mut old = store
            .rejoin(&job, &slot("old"), &known(ana(), 60, 41, 7), now())
            .await
            .expect("joined");
        write(&store, &job, &mut old, 1).await;
        write(&store, &job, &mut new, 1).await;
        let held = read_all(&store, &job, 2_000_000).await;
        let expected: Vec<_> = (1..=new_lines).chain(next..next + 3).collect();
        assert_eq!(numbers(&held), expected);
        let reason = GapReason::StoreLost;
        let gap = LogEvent::Gap {
            lines: None,
            span: None,
            reason,
        };
        assert_eq!(held[new_lines as usize].recorded.event, gap);
        assert_eq!(record(&store, &job).await.opened, opened);
        // Whoever follows has every line that is there, and is told to forget none.
        assert_eq!(
            numbers(&hear_through(&mut following, next + 2).await),
            expected[new_lines as usize..]
        );
    }
}

/// Nothing is rebuilt that is there.
pub async fn in_a_store_that_remembers_coming_back_is_joining(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 5).await;
    let before = record(&store, &job).await;
    let known = Known {
        fence: writer.fence,
        counts: before.counts,
        ..known(ana(), 5, 6, writer.next)
    };
    let back = store.rejoin(&job, &writer.id, &known, now()).await.expect("joined");
    assert!(back.fence > writer.fence);
    assert_eq!(back.next, writer.next);
    let since = record(&store, &job).await;
    assert_eq!(
        (since.head, since.unused, since.counts, since.opened),
        (before.head, before.unused, before.counts, before.opened)
    );
    writer = back;
    write(&store, &job, &mut writer, 1).await;
    assert_eq!(numbers(&read_all(&store, &job, 100).await), [1, 2, 3, 4, 5, 6]);
    // Nor for one who has nothing to remember.
    let fresh = Known::nothing_written(ana(), OPENED);
    let other = store.rejoin(&job, &slot("other"), &fresh, now()).await.expect("joined");
    assert_eq!((other.fence, other.next), (Fence(1), 1));
    assert_eq!(record(&store, &job).await.head, seq(6));
}

/// What is over or another's is not rebuilt.
pub async fn coming_back_is_refused_as_joining_is(subject: &dyn Subject) {
    let store = subject.store();
    let ended = finished(&store, 2).await;
    let before = record(&store, &ended).await;
    for (owner, ended_for) in [(ana(), true), (ben(), false)] {
        let answer = store.rejoin(&ended, &slot("w"), &known(owner, 60, 41, 7), now()).await;
        match answer {
            Err(Error::Ended) if ended_for => {}
            Err(Error::OtherOwner) if !ended_for => {}
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
    assert_eq!(record(&store, &ended).await, before);
    store.erase(&ended, "ana", "a test", now()).await.expect("erased");
    refused!(
        store.rejoin(&ended, &slot("w"), &known(ana(), 60, 41, 7), now()).await,
        Error::Erased
    );
}

/// What a viewer saw of it and what comes again do not stand beside each other.
pub async fn a_follower_hears_what_a_rebuilt_job_takes_back(subject: &dyn Subject) {
    let store = subject.store();
    let job = opened(&store).await;
    // It has seen 60 entries of the job that was lost.
    let mut following = store.follow(&job, seq(60));
    let mut writer = store
        .rejoin(&job, &slot("w"), &known(ana(), 60, 41, 7), now())
        .await
        .expect("rebuilt");
    match hear_change(&mut following).await {
        Some(Ok(Change::Rewound(gone))) => assert_eq!(gone, span(41, 999_999)),
        other => panic!("expected to forget, heard {other:?}"),
    }
    write(&store, &job, &mut writer, 1).await;
    assert_eq!(
        numbers(&hear_through(&mut following, 1_000_001).await),
        [1_000_000, 1_000_001]
    );
    let mut other = store
        .rejoin(&job, &slot("other"), &known(ana(), 60, 31, 1), now())
        .await
        .expect("joined");
    match hear_change(&mut following).await {
        Some(Ok(Change::Rewound(gone))) => assert_eq!(gone, span(31, 40)),
        other => panic!("expected to forget more, heard {other:?}"),
    }
    write(&store, &job, &mut other, 1).await;
    assert_eq!(numbers(&hear_through(&mut following, 1_000_002).await), [1_000_002]);
}
