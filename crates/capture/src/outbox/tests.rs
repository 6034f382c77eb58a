//! What waits survives what a disk can do.

use std::os::unix::fs::FileExt;

use log_model::{LogEvent, Source, Timestamp};

use super::*;
use crate::disk::write_last;
use crate::spool::{Leftover, SpoolFile, SpoolRecord};

fn line(text: &str) -> Recorded {
    Recorded {
        ts: Timestamp::from_millis(1000),
        phase: None,
        event: LogEvent::Line {
            source: Source::Stdout,
            text: redact::system_text(text),
            class: None,
            cut: None,
            masked: Vec::new(),
        },
    }
}

fn header() -> SpoolHeader {
    let writer = WriterId::new("w0123456789abcdef").expect("it is an id");
    SpoolHeader::new(JobId::new("build-42").expect("it is an id"), None, None, writer)
}

fn said(events: &[Recorded]) -> Vec<String> {
    events
        .iter()
        .map(|event| match &event.event {
            LogEvent::Line { text, .. } => text.as_str().to_owned(),
            LogEvent::Gap { lines, reason, .. } => format!("gap {lines:?} {reason}"),
            _ => "?".to_owned(),
        })
        .collect()
}

/// What whoever delivers the spool finds: its batches, and whether it was closed.
fn all_of(path: &Path) -> (Vec<(u64, Vec<String>)>, bool) {
    let mut spool = Leftover::take(path).expect("it can be read").expect("nobody holds it");
    let (mut all, mut closed) = (Vec::new(), false);
    while let Some(record) = spool.reader.next_record().expect("it can be read") {
        match record {
            SpoolRecord::Batch { number, events, .. } => all.push((number, said(&events))),
            SpoolRecord::Closed { .. } => closed = true,
        }
    }
    (all, closed)
}

fn lines(numbers: std::ops::Range<usize>) -> Vec<Recorded> {
    numbers.map(|n| line(&n.to_string())).collect()
}

/// An outbox whose spool is in use, and where that is.
async fn spilling(folder: &Path) -> (Outbox, std::path::PathBuf) {
    let header = header();
    let mut out = Outbox::new(header.job.clone(), header.writer.clone());
    out.create_spool(folder, header, 1024 * 1024).await;
    out.spill(Vec::new()).await;
    let path = out.disk.file().expect("it is ready").path().to_owned();
    (out, path)
}

/// Takes events in as if memory were full, so that they are only on disk.
async fn accept_on_disk(out: &mut Outbox, events: Vec<Recorded>) {
    out.waiting_weight += MEMORY;
    out.accept(events).await;
    out.waiting_weight -= MEMORY;
}

/// Everything that waits, in order.
async fn drain(out: &mut Outbox) -> Vec<(u64, Vec<String>)> {
    let mut all = Vec::new();
    loop {
        out.refill(false).await;
        let Some(item) = out.pop() else { return all };
        all.push((item.number(), said(&item.batch.events)));
    }
}

/// Harms the file where this stands last.
fn harm(path: &Path, what: &str) {
    let held = std::fs::read_to_string(path).expect("it can be read");
    let at = held.rfind(what).expect("it stands there");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("it can be written");
    file.write_all_at(b"#", at as u64).expect("it can be written");
}

#[tokio::test]
async fn a_batch_that_reads_back_damaged_is_followed_by_a_gap() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut out, path) = spilling(folder.path()).await;
    accept_on_disk(&mut out, vec![line("sound"), line("harmed")]).await;
    harm(&path, "{\"kind\"");
    let expected = vec!["sound".to_owned(), "gap Some(1) damaged".to_owned()];
    assert_eq!(drain(&mut out).await, [(1, expected)]);
    assert_eq!(out.remove().await.0, 1);
}

#[tokio::test]
async fn what_stands_behind_damage_is_counted_and_what_comes_later_is_whole() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut out, path) = spilling(folder.path()).await;
    for at in 0..5 {
        accept_on_disk(&mut out, lines(at * 10..at * 10 + 10)).await;
    }
    harm(&path, "{\"batch\":3,");
    out.refill(false).await;
    // The spool is used again from its beginning: a process that is killed now leaves nothing unreadable.
    accept_on_disk(&mut out, lines(50..52)).await;
    out.spill(Vec::new()).await;
    accept_on_disk(&mut out, lines(52..53)).await;
    let all = drain(&mut out).await;
    let numbers: Vec<_> = all.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5], "numbers have no hole");
    assert_eq!(all[2].1, ["gap Some(30) damaged"]);
    assert_eq!(
        (&all[3].1[..], &all[4].1[..]),
        (&["50".to_owned(), "51".to_owned()][..], &["52".to_owned()][..])
    );
}

#[tokio::test]
async fn a_write_that_takes_too_long_holds_nobody_up_and_is_in_its_place_once_it_is_done() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut out, _) = spilling(folder.path()).await;
    let (go, hold) = std::sync::mpsc::channel();
    out.disk.patience(Duration::from_millis(5));
    out.accept(lines(0..1)).await;
    out.disk.file().expect("it is ready").hold = Some(hold);
    out.accept(lines(1..3)).await;
    assert!(out.disk.is_busy());
    // What comes meanwhile waits in memory; nothing overtakes what is being written.
    out.accept(lines(3..4)).await;
    assert_eq!(out.pop().map(|item| item.number()), Some(1));
    out.refill(false).await;
    assert!(out.pop().is_none());
    assert!(!out.is_empty());
    go.send(()).expect("the disk waits for it");
    out.settle(Duration::from_secs(60)).await;
    let expected = [(2, vec!["1".to_owned(), "2".to_owned()]), (3, vec!["3".to_owned()])];
    assert_eq!(drain(&mut out).await, expected);
    assert_eq!(out.remove().await.0, 0);
}

#[tokio::test]
async fn a_late_write_that_failed_is_counted() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let header = header();
    let mut out = Outbox::new(header.job.clone(), header.writer.clone());
    out.create_spool(folder.path(), header, 0).await;
    let (go, hold) = std::sync::mpsc::channel();
    out.disk.patience(Duration::from_millis(5));
    out.spilling = true;
    out.disk.file().expect("it is ready").hold = Some(hold);
    out.accept(lines(0..3)).await;
    out.accept(lines(3..4)).await;
    go.send(()).expect("the disk waits for it");
    out.settle(Duration::from_secs(60)).await;
    let expected = [
        (1, vec!["gap Some(3) spool_full".to_owned()]),
        (2, vec!["3".to_owned()]),
    ];
    assert_eq!(drain(&mut out).await, expected);
    let (lost, trouble) = out.remove().await;
    assert_eq!(
        (lost, trouble),
        (
            3,
            Some(SpoolTrouble::Unusable(
                folder.path().to_owned(),
                std::io::ErrorKind::TimedOut
            ))
        )
    );
}

#[tokio::test]
async fn what_came_while_the_disk_took_nothing_is_written_down_once_it_does() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut out, path) = spilling(folder.path()).await;
    let (go, hold) = std::sync::mpsc::channel();
    out.disk.patience(Duration::from_millis(5));
    out.disk.file().expect("it is ready").hold = Some(hold);
    out.accept(lines(0..2)).await;
    out.accept(lines(2..3)).await;
    out.tail.lose(4);
    assert!(out.may_resume());
    out.resume().await;
    assert!(out.overflowing, "it still writes");
    go.send(()).expect("the disk waits for it");
    out.settle(Duration::from_secs(60)).await;
    out.disk.patience(Duration::from_secs(60));
    out.resume().await;
    out.accept(lines(3..4)).await;
    let expected = [
        (1, vec!["0", "1"]),
        (2, vec!["gap Some(4) spool_full"]),
        (3, vec!["2"]),
        (4, vec!["3"]),
    ];
    let expected = expected.map(|(number, said)| (number, said.into_iter().map(str::to_owned).collect::<Vec<_>>()));
    assert_eq!(drain(&mut out).await, expected);
    drop(out);
    assert_eq!(all_of(&path), (Vec::new(), false), "what was sent is not kept");
}

#[tokio::test]
async fn a_spool_that_reached_its_limit_is_not_tried_again_before_it_is_empty() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut out, _) = spilling(folder.path()).await;
    accept_on_disk(&mut out, (0..11).map(|_| line(&"x".repeat(100_000))).collect()).await;
    assert!(out.overflowing && !out.may_resume());
    assert_eq!(out.trouble, Some(SpoolTrouble::Limit(1024 * 1024)));
    drain(&mut out).await;
    assert!(!out.overflowing);
}

#[tokio::test]
async fn a_spool_that_could_not_be_made_is_made_later() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let place = folder.path().join("spool");
    std::fs::write(&place, "in its way").expect("it can be written");
    let header = header();
    let mut out = Outbox::new(header.job.clone(), header.writer.clone());
    out.create_spool(&place, header, 1024 * 1024).await;
    out.accept(lines(0..1)).await;
    out.spill(Vec::new()).await;
    assert!(!out.is_spilling());
    out.accept(lines(1..2)).await;
    assert!(!out.overflowing, "memory has room");
    std::fs::remove_file(&place).expect("it is there");
    out.spill(Vec::new()).await;
    assert!(out.is_spilling());
    let path = out.disk.file().expect("it is ready").path().to_owned();
    drop(out);
    assert_eq!(all_of(&path).0, [(1, vec!["0".to_owned()]), (2, vec!["1".to_owned()])]);
}

#[tokio::test]
async fn what_is_left_behind_is_what_waits_in_memory_on_disk_and_in_the_tail() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut out, path) = spilling(folder.path()).await;
    out.accept(lines(0..2)).await;
    accept_on_disk(&mut out, lines(2..5)).await;
    accept_on_disk(&mut out, lines(5..6)).await;
    out.overflowing = true;
    out.accept(lines(6..7)).await;
    out.tail.lose(4);
    let left = out.leave_behind(None).await;
    assert_eq!(
        (left.lines, left.lost, left.path.as_deref()),
        (7, 4, Some(path.as_path()))
    );
    let expected = [
        (1, vec!["0", "1"]),
        (2, vec!["2", "3", "4"]),
        (3, vec!["5"]),
        (4, vec!["gap Some(4) spool_full"]),
        (5, vec!["6"]),
    ];
    let expected = expected.map(|(number, said)| (number, said.into_iter().map(str::to_owned).collect()));
    assert_eq!(all_of(&path), (expected.to_vec(), true));
}

#[tokio::test]
async fn whoever_takes_over_counts_as_the_writer_did() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (mut out, path) = spilling(folder.path()).await;
    for at in 0..3 {
        out.accept(lines(at..at + 1)).await;
    }
    out.reached(Seq::new(815).expect("it is a place"));
    out.renumber(1, 8).await;
    out.accept(lines(3..4)).await;
    out.write_down_head().await;
    drop(out);
    let spool = Leftover::take(&path).expect("it can be read").expect("nobody holds it");
    let progress = spool.progress();
    assert_eq!((progress.head.get(), progress.shift), (815, 7));
    drop(spool);
    let numbers: Vec<_> = all_of(&path)
        .0
        .into_iter()
        .map(|(number, _)| progress.in_store(number))
        .collect();
    assert_eq!(numbers, [8, 9, 10, 11]);
}

#[test]
fn what_the_last_room_cannot_hold_is_counted_in_a_gap() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut file = SpoolFile::create(folder.path(), &header(), 0).expect("a spool can be made");
    let path = file.path().to_owned();
    let wide = "x".repeat(100_000);
    let batches = [
        vec![line("first")],
        (0..30).map(|_| line(&wide)).collect(),
        vec![gap(Some(5), GapReason::SpoolFull), line("last")],
    ];
    let (unwritten, _) = write_last(&mut file, (1..).zip(batches.iter().map(Vec::as_slice)), None);
    drop(file);
    assert_eq!(unwritten, 31);
    let (all, closed) = all_of(&path);
    let last = (2, vec!["gap Some(36) spool_full".to_owned()]);
    assert_eq!((all.last(), closed), (Some(&last), true));
}

#[test]
fn a_spool_without_any_room_says_how_many_lines_it_did_not_take() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut file = SpoolFile::create(folder.path(), &header(), 0).expect("a spool can be made");
    let path = file.path().to_owned();
    let mut number = 0;
    for wide in [10_000, 1] {
        let event = [line(&"x".repeat(wide))];
        while file.append(number + 1, &event, true).is_ok() {
            number += 1;
        }
    }
    let last = [line("one more")];
    let (unwritten, _) = write_last(&mut file, std::iter::once((number + 1, last.as_slice())), None);
    drop(file);
    assert_eq!(unwritten, 1);
    let (all, closed) = all_of(&path);
    let last = (number + 1, vec!["gap Some(1) spool_full".to_owned()]);
    assert_eq!((all.last(), closed), (Some(&last), true));
}
