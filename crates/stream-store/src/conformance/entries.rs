//! Appending and reading.

use std::collections::BTreeMap;

use log_model::{Class, Fence, GapReason, LogEvent, Masked, Recorded, RuleId, Seq, Source, StageState, Timestamp};

use super::Subject;
use super::fixtures::*;
use crate::{Appended, Claim, Error, READ_LIMIT, Writer};

/// The first entry is 1, and there are no holes.
pub async fn ids_are_dense_from_one(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = joined(&store, "w").await;
    assert_eq!(record(&store, &job).await.head, Seq::ZERO);
    let sizes = [1, 3, 1, 64, 2];
    let mut head = 0;
    for size in sizes {
        let events = (0..size).map(|n| line(&format!("line {n}"))).collect();
        let landed = store
            .append(&job, &batch(&writer, events))
            .await
            .expect("a batch in turn lands");
        assert_eq!(
            landed,
            Appended {
                first: seq(head + 1),
                last: seq(head + size)
            }
        );
        writer.next += 1;
        head += size;
    }
    assert_eq!(
        numbers(&read_all(&store, &job, head).await),
        (1..=head).collect::<Vec<_>>()
    );
    let record = record(&store, &job).await;
    assert_eq!((record.head, record.held_from), (seq(head), Seq::FIRST));
}

/// Nothing of an entry is lost or changed on its way through the store, however strange its text.
pub async fn every_kind_of_entry_reads_back_as_it_was_written(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = joined(&store, "w").await;
    let full = LogEvent::Line {
        source: Source::System,
        text: safe("[REDACTED] and [REDACTED]"),
        class: Some(Class::Deprecated),
        cut: Some(70_000),
        masked: vec![
            Masked {
                rule: RuleId::from_static("known-secret"),
                count: 1,
            },
            Masked {
                rule: RuleId::from_static("stripe-live-key"),
                count: u32::MAX,
            },
        ],
    };
    let mut events = vec![
        stage("install", StageState::Started),
        Recorded {
            phase: stage("install", StageState::Started).phase,
            ..event(full)
        },
        event(LogEvent::Gap {
            lines: None,
            span: None,
            reason: GapReason::WriterKilled,
        }),
        event(LogEvent::Gap {
            lines: Some(u64::from(u32::MAX)),
            span: None,
            reason: GapReason::SpoolFull,
        }),
        stage(
            "install",
            StageState::Finished {
                exit_code: None,
                duration_ms: 0,
            },
        ),
        stage(
            "install",
            StageState::Finished {
                exit_code: Some(-1),
                duration_ms: 1 << 40,
            },
        ),
    ];
    for class in Class::ALL {
        events.push(event(LogEvent::Line {
            source: Source::Stderr,
            text: safe("noise"),
            class: Some(*class),
            cut: None,
            masked: Vec::new(),
        }));
    }
    for text in [
        "",
        " ",
        "\"\\",
        "\u{0}\u{1}\u{7f}",
        "a\r\nb\tc",
        "é✓👍🏽\u{2028}\u{feff}",
        "'; DROP TABLE entries; --",
        "12",
    ] {
        events.push(line(text));
    }
    events.push(line(&"x✓".repeat(16 * 1024)));
    events.push(Recorded {
        ts: Timestamp::from_millis(0),
        ..line("at the epoch")
    });
    let landed = store
        .append(&job, &batch(&writer, events.clone()))
        .await
        .expect("any entry lands");
    let read = read_all(&store, &job, landed.last.get()).await;
    assert_eq!(read.len(), events.len());
    for (read, written) in read.into_iter().zip(events) {
        assert_eq!(read.recorded, written, "entry {}", read.seq);
    }
}

/// A batch is not cut, even when it holds more than one read returns.
pub async fn a_large_batch_lands_whole(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = joined(&store, "w").await;
    let lines = READ_LIMIT + 500;
    let events: Vec<_> = (1..=lines).map(|n| line(&format!("line {n}"))).collect();
    let landed = store
        .append(&job, &batch(&writer, events))
        .await
        .expect("a large batch lands");
    assert_eq!(
        landed,
        Appended {
            first: Seq::FIRST,
            last: seq(lines)
        }
    );
    let read = read_all(&store, &job, lines).await;
    assert_eq!(
        texts(&read),
        (1..=lines).map(|n| format!("line {n}")).collect::<Vec<_>>()
    );
}

/// Whoever lost the answer simply asks again.
pub async fn the_same_batch_again_changes_nothing_and_answers_the_same(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = joined(&store, "w").await;
    write(&store, &job, &mut writer, 3).await;
    let again = batch(&writer, vec![line("a"), line("b")]);
    let first = store.append(&job, &again).await.expect("a batch in turn lands");
    assert_eq!(
        first,
        Appended {
            first: seq(4),
            last: seq(5)
        }
    );
    let before = record(&store, &job).await;
    for store in [store.clone(), subject.elsewhere().await] {
        assert_eq!(store.append(&job, &again).await.expect("a repeat is answered"), first);
    }
    let after = record(&store, &job).await;
    assert_eq!((after.head, after.counts), (before.head, before.counts));
    // Also once somebody has taken over and asks with the new fence: the batch is the slot's, not the process's.
    let heir = store.join(&job, &writer.id).await.expect("a slot can be taken over");
    let inherited = crate::Batch {
        fence: heir.fence,
        ..again
    };
    assert_eq!(
        store.append(&job, &inherited).await.expect("a repeat is answered"),
        first
    );
    assert_eq!(record(&store, &job).await.head, seq(5));
}

/// An answer from long ago may be forgotten; that the batch landed is not.
pub async fn an_older_batch_again_changes_nothing(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = joined(&store, "w").await;
    let old = batch(&writer, vec![line("a"), line("b")]);
    let answer = store.append(&job, &old).await.expect("a batch in turn lands");
    writer.next += 1;
    for _ in 0..200 {
        write(&store, &job, &mut writer, 1).await;
    }
    match store.append(&job, &old).await {
        Ok(again) => assert_eq!(again, answer),
        Err(Error::Behind { expected }) => assert_eq!(expected, writer.next),
        other => panic!("expected the same answer, or what comes next, got {other:?}"),
    }
    assert_eq!(record(&store, &job).await.head, seq(202));
}

/// A caller that grows impatient and asks on another connection does no harm.
pub async fn one_batch_sent_many_times_at_once_lands_once(subject: &dyn Subject) {
    let store = subject.store();
    let (job, writer) = joined(&store, "w").await;
    let same = batch(&writer, vec![line("a"), line("b"), line("c")]);
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (store, job, same) = (store.clone(), job.clone(), same.clone());
            tokio::spawn(async move { store.append(&job, &same).await })
        })
        .collect();
    for call in calls {
        let landed = soon(call).await.expect("no panic").expect("each is answered");
        assert_eq!(
            landed,
            Appended {
                first: seq(1),
                last: seq(3)
            }
        );
    }
    assert_eq!(record(&store, &job).await.head, seq(3));
}

/// A number left out means lines left out: the store says where to go on, and nothing of the batch lands.
pub async fn a_batch_out_of_turn_is_told_which_is_expected(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = written(&store, 1).await;
    for number in [3, 4, 1000] {
        let early = crate::Batch {
            number,
            ..batch(&writer, vec![line("too early")])
        };
        refused!(store.append(&job, &early).await, Error::Behind { expected: 2 });
    }
    assert_eq!(record(&store, &job).await.head, seq(1));
    write(&store, &job, &mut writer, 1).await;
    assert_eq!(record(&store, &job).await.head, seq(2));
}

/// Each writer's lines keep their order, each batch stays together, and no id is given twice.
pub async fn two_writers_share_one_sequence(subject: &dyn Subject) {
    const BATCHES: u64 = 40;
    let store = subject.store();
    let job = opened(&store).await;
    let mut calls = Vec::new();
    for (name, store) in [("one", store.clone()), ("two", subject.elsewhere().await)] {
        let job = job.clone();
        calls.push(tokio::spawn(async move {
            let mut writer = store
                .join(&job, &slot(name))
                .await
                .expect("any number of writers may join");
            let mut landed = Vec::new();
            for number in 1..=BATCHES {
                assert_eq!(writer.next, number);
                let events = (0..3)
                    .map(|n| line(&format!("{name} {:04}", (number - 1) * 3 + n)))
                    .collect();
                landed.push(
                    store
                        .append(&job, &batch(&writer, events))
                        .await
                        .expect("a batch in turn lands"),
                );
                writer.next += 1;
            }
            landed
        }));
    }
    let mut spans = Vec::new();
    for call in calls {
        let landed = soon(call).await.expect("no panic");
        assert!(
            landed.windows(2).all(|pair| pair[0].last < pair[1].first),
            "a writer's batches keep their order"
        );
        spans.extend(landed);
    }
    spans.sort_by_key(|landed| landed.first);
    let mut head = Seq::ZERO;
    for landed in spans {
        assert_eq!((landed.first, landed.last), (head.next(), head.plus(3)));
        head = landed.last;
    }
    let read = read_all(&store, &job, head.get()).await;
    assert_eq!(numbers(&read), (1..=BATCHES * 6).collect::<Vec<_>>());
    let mut by_writer: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for text in texts(&read) {
        let (name, number) = text.split_once(' ').expect("two words");
        by_writer.entry(name).or_default().push(number);
    }
    for (name, numbers) in by_writer {
        assert_eq!(numbers.len() as u64, BATCHES * 3, "{name}");
        assert!(numbers.is_sorted(), "{name}");
    }
}

/// Whoever lost the slot can do nothing more with it.
pub async fn a_writer_whose_slot_was_taken_over_is_fenced(subject: &dyn Subject) {
    let store = subject.store();
    let (job, old) = written(&store, 2).await;
    let heir = subject
        .elsewhere()
        .await
        .join(&job, &old.id)
        .await
        .expect("a slot can be taken over");
    assert!(heir.fence > old.fence);
    refused!(
        store.append(&job, &batch(&old, vec![line("too late")])).await,
        Error::Fenced
    );
    refused!(store.renew(&job, &old).await, Error::Fenced);
    refused!(store.leave(&job, &old, now()).await, Error::Fenced);
    assert_eq!(record(&store, &job).await.head, seq(2));
    assert!(
        record(&store, &job).await.writers[&heir.id].lease_until.is_some(),
        "the heir's lease still runs"
    );
    store
        .append(&job, &batch(&heir, vec![line("in time")]))
        .await
        .expect("the heir writes on");
}

/// What the predecessor had acknowledged is not sent again.
pub async fn whoever_takes_a_slot_over_goes_on_with_its_next_batch(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = joined(&store, "w").await;
    assert_eq!(writer.next, 1);
    for _ in 0..3 {
        write(&store, &job, &mut writer, 2).await;
    }
    let mut heir = store.join(&job, &writer.id).await.expect("a slot can be taken over");
    assert_eq!(heir.next, 4);
    write(&store, &job, &mut heir, 2).await;
    store.leave(&job, &heir, now()).await.expect("a writer may leave");
    let back = store
        .join(&job, &writer.id)
        .await
        .expect("a slot that was left can be taken again");
    assert_eq!((back.next, record(&store, &job).await.head), (5, seq(8)));
}

/// A slot that nobody took has no fence.
pub async fn nobody_writes_without_having_joined(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = joined(&store, "w").await;
    let stranger = Writer {
        id: slot("stranger"),
        fence: Fence(1),
        next: 1,
    };
    refused!(
        store.append(&job, &batch(&stranger, vec![line("hello")])).await,
        Error::Fenced
    );
    refused!(store.renew(&job, &stranger).await, Error::Fenced);
    refused!(store.leave(&job, &stranger, now()).await, Error::Fenced);
    assert_eq!(record(&store, &job).await.head, Seq::ZERO);
}

/// No call brings a job into being but `open`.
pub async fn a_job_nobody_opened_is_unknown_to_every_call(subject: &dyn Subject) {
    let store = subject.store();
    let job = new_job();
    let writer = Writer {
        id: slot("w"),
        fence: Fence(1),
        next: 1,
    };
    let entry = log_model::LogEntry {
        seq: Seq::FIRST,
        recorded: line("hello"),
    };
    assert_eq!(store.job(&job).await.expect("the store answers"), None);
    refused!(store.join(&job, &writer.id).await, Error::NoSuchJob);
    refused!(store.renew(&job, &writer).await, Error::NoSuchJob);
    refused!(store.leave(&job, &writer, now()).await, Error::NoSuchJob);
    refused!(store.end(&job, succeeded(), now()).await, Error::NoSuchJob);
    refused!(
        store.append(&job, &batch(&writer, vec![line("hello")])).await,
        Error::NoSuchJob
    );
    refused!(store.confirm(&job, &writer.id, 0).await, Error::NoSuchJob);
    refused!(store.read(&job, span(1, 10)).await, Error::NoSuchJob);
    refused!(store.mark_silent(&job, &PATIENT, now()).await, Error::NoSuchJob);
    refused!(store.claim(&job, "sweep", LONG).await, Error::NoSuchJob);
    refused!(store.archived(&job, Seq::FIRST).await, Error::NoSuchJob);
    refused!(store.forget(&job, Seq::FIRST, LONG).await, Error::NoSuchJob);
    refused!(store.mask(&job, &entry).await, Error::NoSuchJob);
    refused!(store.erase(&job, "ana", "a test", now()).await, Error::NoSuchJob);
    store
        .release(&Claim {
            job: job.clone(),
            holder: "sweep".into(),
        })
        .await
        .expect("nothing to give back");
    assert_eq!(store.job(&job).await.expect("the store answers"), None);
}

/// Both ends are included.
pub async fn a_page_is_read_by_its_bounds(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, 700).await;
    for (first, last) in [(1, 1), (1, 700), (700, 700), (250, 449), (500, 501)] {
        let page = store.read(&job, span(first, last)).await.expect("a page is read");
        assert_eq!(numbers(&page), (first..=last).collect::<Vec<_>>());
    }
}

/// Asking for more than there is, is no error.
pub async fn what_is_not_there_is_left_out_of_a_page(subject: &dyn Subject) {
    let store = subject.store();
    let (empty, _) = joined(&store, "w").await;
    assert_eq!(store.read(&empty, span(1, 100)).await.expect("an empty page"), []);
    let (job, _) = written(&store, 5).await;
    let all = log_model::Span::new(Seq::FIRST, Seq::MAX).expect("one is before the last");
    assert_eq!(
        numbers(&store.read(&job, all).await.expect("a page is read")),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(
        numbers(&store.read(&job, span(4, 100)).await.expect("a page is read")),
        [4, 5]
    );
    assert_eq!(store.read(&job, span(6, 100)).await.expect("an empty page"), []);
}

/// A caller that asks for everything gets the beginning of it, and memory stays bounded.
pub async fn one_read_returns_only_so_many(subject: &dyn Subject) {
    let store = subject.store();
    let (job, _) = written(&store, READ_LIMIT + 7).await;
    let page = store.read(&job, span(1, READ_LIMIT + 7)).await.expect("a page is read");
    assert_eq!(numbers(&page), (1..=READ_LIMIT).collect::<Vec<_>>());
    let page = store.read(&job, span(3, READ_LIMIT + 7)).await.expect("a page is read");
    assert_eq!(numbers(&page), (3..=READ_LIMIT + 2).collect::<Vec<_>>());
}

/// The record says what the log holds, and how its phases stand.
pub async fn counts_and_phases_follow_the_entries(subject: &dyn Subject) {
    let store = subject.store();
    let (job, mut writer) = joined(&store, "w").await;
    let at = |recorded: Recorded, millis| Recorded {
        ts: Timestamp::from_millis(millis),
        ..recorded
    };
    let events = vec![
        at(stage("install", StageState::Started), 1000),
        line("plain"),
        masked_line("[REDACTED]", 2),
        event(LogEvent::Gap {
            lines: Some(9),
            span: None,
            reason: GapReason::SpoolFull,
        }),
        at(
            stage(
                "install",
                StageState::Finished {
                    exit_code: Some(1),
                    duration_ms: 500,
                },
            ),
            1500,
        ),
        at(stage("dev_server", StageState::Started), 2000),
    ];
    store
        .append(&job, &batch(&writer, events))
        .await
        .expect("a batch in turn lands");
    writer.next += 1;
    let known = record(&store, &job).await;
    assert_eq!(
        (known.counts.lines, known.counts.redactions, known.counts.gaps),
        (2, 2, 1)
    );
    let phases = |record: &crate::JobRecord| -> Vec<_> {
        let row = |p: &crate::PhaseRecord| (p.phase.to_string(), p.started.as_millis(), p.duration_ms, p.exit_code);
        record.phases.iter().map(row).collect()
    };
    let install = ("install".to_owned(), 1000, Some(500), Some(1));
    assert_eq!(phases(&known), [install, ("dev_server".to_owned(), 2000, None, None)]);
    // Run again, a phase keeps its place and shows its latest command.
    let again = vec![
        at(stage("install", StageState::Started), 3000),
        masked_line("[REDACTED]", 1),
    ];
    store
        .append(&job, &batch(&writer, again))
        .await
        .expect("a batch in turn lands");
    let known = record(&store, &job).await;
    assert_eq!(
        (known.counts.lines, known.counts.redactions, known.counts.gaps),
        (3, 3, 1)
    );
    let install = ("install".to_owned(), 3000, None, None);
    assert_eq!(phases(&known), [install, ("dev_server".to_owned(), 2000, None, None)]);
}
