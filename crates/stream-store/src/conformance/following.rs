//! Followers: what they hear, and when they end.

use log_model::{LogEntry, LogEvent, Seq};

use super::Subject;
use super::fixtures::*;
use crate::{Change, Error, State};

/// First what is there, then what comes, each once and in order.
pub async fn a_follower_hears_everything_from_its_place_on(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 5).await;
    let mut following = store.follow(&job, seq(2));
    assert_eq!(numbers(&hear_through(&mut following, 5).await), [3, 4, 5]);
    for round in 0..20 {
        write(&store, &job, &mut writer, 2).await;
        let last = 7 + round * 2;
        assert_eq!(numbers(&hear_through(&mut following, last).await), [last - 1, last]);
    }
}

/// Capture and gateway are two processes.
pub async fn a_follower_hears_what_another_process_writes(subject: &dyn Subject) {
    let (store, elsewhere) = (subject.store(), subject.elsewhere().await);
    let (job, mut writer) = joined(&elsewhere, "w").await;
    let mut following = store.follow(&job, Seq::ZERO);
    for round in 1..=20 {
        write(&elsewhere, &job, &mut writer, 1).await;
        assert_eq!(numbers(&hear_through(&mut following, round).await), [round]);
    }
    elsewhere
        .end(&job, succeeded(), now())
        .await
        .expect("the wish is remembered");
    elsewhere.leave(&job, &writer, now()).await.expect("a writer may leave");
    assert_eq!(numbers(&hear_through(&mut following, 21).await), [21]);
    assert!(hear(&mut following).await.is_none());
}

/// Whoever starts at the head hears nothing of the past.
pub async fn a_late_joiner_hears_only_what_comes_next(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 600).await;
    let mut following = store.follow(&job, seq(600));
    write(&store, &job, &mut writer, 1).await;
    assert_eq!(numbers(&hear_through(&mut following, 601).await), [601]);
}

/// The last entry is the last item.
pub async fn a_follower_ends_with_the_last_entry(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = written(&store, 3).await;
    let mut early = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_through(&mut early, 3).await.len(), 3);
    store.leave(&job, &writer, now()).await.expect("a writer may leave");
    store.end(&job, failed(), now()).await.expect("nobody writes");
    let mut late = store.follow(&job, Seq::ZERO);
    for (following, first) in [(&mut early, 4), (&mut late, 1)] {
        let heard = hear_through(following, 4).await;
        assert_eq!(numbers(&heard), (first..=4).collect::<Vec<_>>());
        assert!(matches!(
            heard.last().map(|entry| &entry.recorded.event),
            Some(LogEvent::Ended { .. })
        ));
        assert!(hear(following).await.is_none(), "nothing follows the last entry");
    }
}

/// There is nothing to wait for.
pub async fn following_what_is_over_and_told_ends_at_once(subject: &dyn Subject) {
    let store = subject.store();
    let job = finished(&store, 3).await;
    assert!(hear(&mut store.follow(&job, seq(4))).await.is_none());
    assert_eq!(numbers(&hear_through(&mut store.follow(&job, seq(3)), 4).await), [4]);
}

/// Many followers of many jobs do not mix.
pub async fn a_follower_of_one_job_hears_nothing_of_others(subject: &dyn Subject) {
    let store = subject.store();
    let mut jobs = Vec::new();
    for _ in 0..10 {
        let (job, writer) = joined(&store, "w").await;
        let following = [store.follow(&job, Seq::ZERO), store.follow(&job, Seq::ZERO)];
        jobs.push((job, writer, following));
    }
    for round in 0..5_u64 {
        for (index, (job, writer, _)) in (0_u64..).zip(&mut jobs) {
            let events = vec![line(&format!("job {index} round {round}"))];
            store
                .append(job, &batch(writer, events))
                .await
                .expect("a batch in turn lands");
            writer.next += 1;
        }
    }
    for (index, (_, _, following)) in jobs.iter_mut().enumerate() {
        for following in following {
            let heard = hear_through(following, 5).await;
            let expected: Vec<_> = (0..5).map(|round| format!("job {index} round {round}")).collect();
            assert_eq!(texts(&heard), expected);
        }
    }
}

/// It holds little and reads the rest when somebody listens again.
pub async fn a_follower_that_was_not_polled_misses_nothing(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 1).await;
    let mut following = store.follow(&job, Seq::ZERO);
    assert_eq!(hear_through(&mut following, 1).await.len(), 1);
    write(&store, &job, &mut writer, 3000).await;
    let heard = hear_through(&mut following, 3001).await;
    assert_eq!(numbers(&heard), (2..=3001).collect::<Vec<_>>());
}

/// Both are told, and entries go on in between.
pub async fn a_follower_hears_of_silence_and_return(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 1).await;
    let mut following = store.follow(&job, Seq::ZERO);
    hear_through(&mut following, 1).await;
    subject.pass(MOMENT).await;
    store.mark_silent(&job, &STRICT, now()).await.expect("it is judged");
    match hear(&mut following).await {
        Some(Ok(Change::State(State::Silent { .. }))) => {}
        other => panic!("expected silence, heard {other:?}"),
    }
    write(&store, &job, &mut writer, 1).await;
    let (mut came_back, mut heard) = (false, Vec::new());
    while !came_back || heard.is_empty() {
        match hear(&mut following).await {
            Some(Ok(Change::State(State::Running))) => came_back = true,
            Some(Ok(Change::Entries(entries))) => heard.extend(entries),
            other => panic!("expected its return and a line, heard {other:?}"),
        }
    }
    assert_eq!(numbers(&heard), [2]);
}

/// Which entry, and at which revision.
pub async fn a_follower_hears_what_was_masked(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 5).await;
    let mut following = store.follow(&job, Seq::ZERO);
    hear_through(&mut following, 5).await;
    for (place, revision) in [(2, 1), (4, 2)] {
        let entry = LogEntry {
            seq: seq(place),
            recorded: masked_line("[REDACTED]", 1),
        };
        assert_eq!(store.mask(&job, &entry).await.expect("it is held"), revision);
        let told = hear_change(&mut following)
            .await
            .expect("the job goes on")
            .expect("no trouble");
        assert_eq!(
            told,
            Change::Purged {
                seq: Some(seq(place)),
                revision
            }
        );
    }
    // Several at once are each told.
    for place in [1, 2, 3] {
        let entry = LogEntry {
            seq: seq(place),
            recorded: masked_line("[REDACTED]", 1),
        };
        store.mask(&job, &entry).await.expect("it is held");
    }
    for (place, revision) in [(1, 3), (2, 4), (3, 5)] {
        let told = hear_change(&mut following)
            .await
            .expect("the job goes on")
            .expect("no trouble");
        assert_eq!(
            told,
            Change::Purged {
                seq: Some(seq(place)),
                revision
            }
        );
    }
}

/// It is told that everything is gone, and that is the end.
pub async fn a_follower_hears_of_an_erasure_and_ends(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 5).await;
    let mut following = store.follow(&job, Seq::ZERO);
    hear_through(&mut following, 5).await;
    let revision = store
        .erase(&job, "ana", "a test", now())
        .await
        .expect("it can be erased");
    let told = hear_change(&mut following)
        .await
        .expect("it is told")
        .expect("no trouble");
    assert_eq!(told, Change::Purged { seq: None, revision });
    ends_erased(&mut following).await;
}

/// An error once, then the end.
pub async fn following_what_is_not_there_says_so_and_ends(subject: &dyn Subject) {
    let store = subject.store();
    let mut following = store.follow(&new_job(), Seq::ZERO);
    refused!(hear(&mut following).await.expect("it is told"), Error::NoSuchJob);
    assert!(hear(&mut following).await.is_none());
    let (job, _) = written(&store, 1).await;
    store
        .erase(&job, "ana", "a test", now())
        .await
        .expect("it can be erased");
    let mut following = store.follow(&job, Seq::ZERO);
    refused!(hear(&mut following).await.expect("it is told"), Error::Erased);
    assert!(hear(&mut following).await.is_none());
}

/// Nothing is left behind, and nothing is missed.
pub async fn a_follower_can_be_dropped_and_another_takes_up(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = joined(&store, "w").await;
    let mut heard = Vec::new();
    for round in 1..=10 {
        let mut following = store.follow(&job, seq(heard.len() as u64));
        write(&store, &job, &mut writer, 3).await;
        heard.extend(hear_through(&mut following, round * 3).await);
    }
    assert_eq!(numbers(&heard), (1..=30).collect::<Vec<_>>());
}

/// What lies in the archive is not the store's to tell.
pub async fn a_follower_starts_with_what_is_still_held(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 10).await;
    store.archived(&job, seq(8)).await.expect("it is noted");
    store.forget(&job, seq(8), LONG).await.expect("it is forgotten");
    let mut following = store.follow(&job, Seq::ZERO);
    assert_eq!(numbers(&hear_through(&mut following, 10).await), [9, 10]);
    write(&store, &job, &mut writer, 1).await;
    assert_eq!(numbers(&hear_through(&mut following, 11).await), [11]);
}
