//! Every line reaches the store once and in order, whatever the store does meanwhile, or waits on disk until it can.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::common::{Fault, Shaky};
use capture::{Capture, CaptureOptions, Report, StoreSource, flush};
use log_model::{JobId, Outcome, Owner, OwnerId, Source};
use proptest::prelude::*;
use redact::Redactor;
use stream_store::{Ending, Error, LogStore, State};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
    store: Arc<Shaky>,
    job: JobId,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = Shaky::open(&folder.path().join("log.sqlite"));
        Self {
            folder,
            store,
            job: JobId::new("build-42").expect("it is an id"),
        }
    }

    fn spools(&self) -> PathBuf {
        self.folder.path().join("spool")
    }

    fn spool_files(&self) -> usize {
        std::fs::read_dir(self.spools()).map_or(0, Iterator::count)
    }

    fn options(&self) -> CaptureOptions {
        let mut options = CaptureOptions::new(self.job.clone());
        options.owner = Some(Owner::user(OwnerId::new("user_ana").expect("it is an owner")));
        options.spool_dir = self.spools();
        options.flush_timeout = Duration::from_secs(20);
        options
    }

    fn capture(&self) -> Capture {
        self.capture_with(self.options())
    }

    fn capture_with(&self, options: CaptureOptions) -> Capture {
        Capture::start(Arc::clone(&self.store), redactor(), options)
    }

    fn as_store(&self) -> Arc<dyn LogStore> {
        Arc::clone(&self.store) as Arc<dyn LogStore>
    }
}

fn redactor() -> Redactor {
    Redactor::builder().build().expect("the built-in rules are sound")
}

fn succeeded() -> Option<Ending> {
    Some(Ending {
        outcome: Outcome::Succeeded,
        exit_code: Some(0),
    })
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|n| format!("line number {n}")).collect()
}

async fn write(capture: &Capture, numbers: std::ops::Range<usize>) {
    for line in numbered(numbers) {
        capture.write(Source::Stdout, format!("{line}\n").as_bytes()).await;
    }
}

#[track_caller]
fn assert_complete(report: &Report) {
    assert!(
        report.delivered && report.spool_left.is_none() && report.lines_lost == 0,
        "{report:?}"
    );
    assert_eq!(report.message(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_arrive_in_order_and_the_job_ends() {
    let place = Place::new();
    let capture = place.capture();
    write(&capture, 0..1000).await;
    let report = capture.finish(succeeded()).await;
    assert_complete(&report);
    assert_eq!(report.lines, 1000);
    assert_eq!(place.store.lines(&place.job).await, numbered(0..1000));
    assert_eq!(
        place.store.texts(&place.job).await.last().map(String::as_str),
        Some("ended succeeded Some(0)")
    );
    assert_eq!(place.store.record(&place.job).await.state, State::Ended);
    assert_eq!(place.spool_files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_registered_while_it_runs_is_hidden_from_then_on() {
    let place = Place::new();
    let capture = place.capture();
    let secret = ["correct", "horse", "battery"].join("-");
    capture.redactor().register(&secret);
    let (first, second) = secret.split_at(9);
    capture.write(Source::Stderr, format!("token {first}").as_bytes()).await;
    capture.write(Source::Stderr, format!("{second}!\n").as_bytes()).await;
    let report = capture.finish(None).await;
    assert_complete(&report);
    assert_eq!(report.redactions, 1);
    assert_eq!(place.store.texts(&place.job).await, ["stderr: token [REDACTED]!"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_log_is_live() {
    let place = Place::new();
    let capture = place.capture();
    for n in 1..=3 {
        capture.write(Source::Stdout, b"a line\n").await;
        place.store.wait_for(&place.job, n).await;
    }
    assert_complete(&capture.finish(None).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_without_a_newline_is_shown_after_a_while() {
    let place = Place::new();
    let capture = place.capture();
    capture.write(Source::Stdout, b"Ok to proceed? (y) ").await;
    place.store.wait_for(&place.job, 1).await;
    capture.write(Source::Stdout, b"\nproceeding\n").await;
    assert_complete(&capture.finish(None).await);
    assert_eq!(
        place.store.lines(&place.job).await,
        ["Ok to proceed? (y) ", "proceeding"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_late_gets_everything() {
    let place = Place::new();
    place.store.go_away(true);
    let capture = place.capture();
    write(&capture, 0..500).await;
    place.store.go_away(false);
    assert_complete(&capture.finish(succeeded()).await);
    assert_eq!(place.store.lines(&place.job).await, numbered(0..500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_connected_to_yet_is_tried_again() {
    let place = Place::new();
    let tries = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let source = {
        let (store, tries) = (place.as_store(), Arc::clone(&tries));
        StoreSource::connecting(move || {
            let (store, tries) = (Arc::clone(&store), Arc::clone(&tries));
            async move {
                if tries.fetch_add(1, Ordering::SeqCst) < 3 {
                    return Err(Error::Unavailable {
                        source: "refused".into(),
                    });
                }
                Ok(store)
            }
        })
    };
    let capture = Capture::start(source, redactor(), place.options());
    write(&capture, 0..10).await;
    assert_complete(&capture.finish(None).await);
    assert_eq!(place.store.lines(&place.job).await, numbered(0..10));
    assert_eq!(tries.load(Ordering::SeqCst), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_taken_is_taken_back() {
    let place = Place::new();
    place.store.plan([None, Some(Fault::Taken), Some(Fault::Taken)]);
    let capture = place.capture();
    write(&capture, 0..300).await;
    assert_complete(&capture.finish(succeeded()).await);
    assert_eq!(place.store.lines(&place.job).await, numbered(0..300));
    assert_eq!(place.store.hit.lock().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_asks_for_again_is_sent_again_and_known_again() {
    let place = Place::new();
    let capture = place.capture();
    write(&capture, 0..1000).await;
    place.store.wait_for(&place.job, 640).await;
    place.store.ask_again(3);
    write(&capture, 1000..1200).await;
    assert_complete(&capture.finish(succeeded()).await);
    assert_eq!(place.store.lines(&place.job).await, numbered(0..1200));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_delivered_in_time_waits_on_disk_for_the_next_flush() {
    let place = Place::new();
    let mut options = place.options();
    options.flush_timeout = Duration::from_millis(200);
    place.store.go_away(true);
    let capture = place.capture_with(options);
    write(&capture, 0..700).await;
    let report = capture.finish(succeeded()).await;
    assert!(!report.delivered);
    assert_eq!((report.lines_left, report.lines_lost), (700, 0));
    let message = report.message().expect("there is something to say");
    assert!(
        message.contains("700 lines wait in") && message.contains("flush"),
        "{message}"
    );

    place.store.go_away(false);
    let flushed = flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("the store is back");
    assert_eq!((flushed.delivered, flushed.entries), (1, 700));
    assert_eq!(place.store.lines(&place.job).await, numbered(0..700));
    assert_eq!(
        place.store.texts(&place.job).await.last().map(String::as_str),
        Some("ended succeeded Some(0)")
    );
    assert_eq!(place.spool_files(), 0);
}

/// Waits until the one spool in the folder says this.
async fn wait_for_spool(place: &Place, text: &str) {
    let written = async {
        loop {
            let file = std::fs::read_dir(place.spools())
                .ok()
                .and_then(|mut files| files.next());
            let held = file.and_then(|file| std::fs::read_to_string(file.ok()?.path()).ok());
            if held.is_some_and(|held| held.contains(text)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), written)
        .await
        .expect("the spool is written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_on_its_way_when_the_spool_is_used_waits_there_too() {
    let place = Place::new();
    let mut options = place.options();
    options.flush_timeout = Duration::from_millis(100);
    place
        .store
        .plan(std::iter::once(Some(Fault::Before)).chain(std::iter::repeat_n(Some(Fault::Silence), 100)));
    let capture = place.capture_with(options);
    write(&capture, 0..10).await;
    let silent = async {
        while !place.store.hit.lock().contains(&Fault::Silence) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), silent)
        .await
        .expect("the batch is tried again");
    write(&capture, 10..50).await;
    wait_for_spool(&place, "line number 49").await;
    let report = capture.finish(succeeded()).await;
    assert!(!report.delivered);
    assert_eq!((report.lines_left, report.lines_lost), (50, 0));

    place.store.heal();
    flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("the store is back");
    assert_eq!(place.store.lines(&place.job).await, numbered(0..50));
    assert!(
        place
            .store
            .texts(&place.job)
            .await
            .iter()
            .all(|text| !text.starts_with("gap"))
    );
}

/// Puts a spool in the folder whose first batch is not the store's first: what came before was lost.
fn leave_a_spool(place: &Place, numbers: std::ops::Range<usize>, ended: bool) -> PathBuf {
    let head = r#"{"spool":4,"job":"build-42","owner":{"kind":"user","id":"user_ana"},"phase":null,"writer":"w0123456789abcdef"}
{"progress":"00000000000000000000 +0000000000000000000 00000000000000000000"}
"#;
    let mut body = String::new();
    for number in numbers {
        let entry =
            format!("{{\"kind\":\"line\",\"ts\":1000,\"source\":\"stdout\",\"text\":\"line number {number}\"}}\n");
        let length = (entry.len() as u64).to_le_bytes();
        let words = entry.as_bytes().chunks(8).chain([length.as_slice()]).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        });
        let sum = words.fold(0xcbf2_9ce4_8422_2325_u64, |sum, word| {
            (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        });
        let bytes = entry.len();
        body += &format!("{{\"batch\":{number},\"entries\":1,\"bytes\":{bytes},\"sum\":\"{sum:016x}\"}}\n{entry}");
    }
    std::fs::create_dir_all(place.spools()).expect("a folder can be made");
    let path = place.spools().join("build-42.w0123456789abcdef.spool");
    let close = match ended {
        true => format!("{{\"closed\":{{\"at\":{}}}}}", head.len() + 192 + body.len()),
        false => "\"open\"".to_owned(),
    };
    std::fs::write(&path, format!("{head}{close:<191}\n{body}")).expect("it can be written");
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_whose_beginning_the_store_lost_is_delivered_once_however_often_it_is_broken_off() {
    for broken_off_at in 0..4 {
        let place = Place::new();
        leave_a_spool(&place, 5..8, true);
        // The store knows the writer, but none of its batches.
        let owner = Owner::user(OwnerId::new("user_ana").expect("it is an owner"));
        let writer = "w0123456789abcdef".parse().expect("it is an id");
        let opened = place
            .store
            .open(&place.job, &owner, log_model::Timestamp::from_millis(1));
        opened.await.expect("it answers");
        place.store.join(&place.job, &writer).await.expect("it answers");
        // Not answered in time, and then not at all: the next attempt is another process's.
        let unanswered = std::iter::repeat_n(None, broken_off_at).chain([Some(Fault::After), Some(Fault::Taken)]);
        place.store.plan(unanswered);
        let first = flush(&place.as_store(), &place.spools(), None)
            .await
            .expect("it answers");
        assert_eq!((first.delivered, first.left.len()), (0, 1), "{first:?}");
        place.store.heal();
        flush(&place.as_store(), &place.spools(), None)
            .await
            .expect("it answers");
        let expected = [
            "gap None store_lost",
            "stdout: line number 5",
            "stdout: line number 6",
            "stdout: line number 7",
        ];
        assert_eq!(
            place.store.texts(&place.job).await,
            expected,
            "broken off at {broken_off_at}"
        );
        assert_eq!(place.spool_files(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_writers_gap_is_said_once_however_often_its_spool_is_broken_off() {
    let place = Place::new();
    leave_a_spool(&place, 1..3, false);
    place.store.plan([None, None, Some(Fault::After), Some(Fault::Taken)]);
    let first = flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("it answers");
    assert_eq!(first.left.len(), 1, "{first:?}");
    place.store.heal();
    flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("it answers");
    let expected = [
        "stdout: line number 1",
        "stdout: line number 2",
        "gap None writer_killed",
    ];
    assert_eq!(place.store.texts(&place.job).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_is_damaged_in_the_middle_says_so() {
    let place = Place::new();
    let path = leave_a_spool(&place, 1..5, true);
    let held = std::fs::read_to_string(&path).expect("it can be read");
    std::fs::write(&path, held.replace("line number 3", "line Number 3")).expect("it can be written");
    flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("it answers");
    let texts = place.store.texts(&place.job).await;
    assert_eq!(texts[..2], ["stdout: line number 1", "stdout: line number 2"]);
    assert_eq!(texts.last().map(String::as_str), Some("gap None damaged"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_spool_is_named_and_stays() {
    let place = Place::new();
    std::fs::create_dir_all(place.spools()).expect("a folder can be made");
    let path = place.spools().join("build-42.w1.spool");
    std::fs::write(&path, "{\"spool\":1}\n").expect("it can be written");
    let flushed = flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("it answers");
    assert!(
        matches!(&flushed.left[..], [(left, capture::Error::Spool(_))] if *left == path),
        "{flushed:?}"
    );
    assert!(path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_for_a_job_that_is_somebody_elses_now_stays_and_is_named() {
    let place = Place::new();
    let mut options = place.options();
    options.flush_timeout = Duration::from_millis(100);
    place.store.go_away(true);
    let capture = place.capture_with(options);
    write(&capture, 0..3).await;
    let left = capture.finish(None).await.spool_left.expect("it could not be sent");
    place.store.go_away(false);
    let other = Owner::user(OwnerId::new("user_bob").expect("it is an owner"));
    place
        .store
        .open(&place.job, &other, log_model::Timestamp::from_millis(1))
        .await
        .expect("it answers");
    let flushed = flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("the store is back");
    assert_eq!(flushed.delivered, 0);
    assert!(
        matches!(&flushed.left[..], [(path, capture::Error::Store(Error::OtherOwner))] if *path == left),
        "{flushed:?}"
    );
    assert!(left.exists());
    assert!(place.store.lines(&place.job).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_cannot_be_read_does_not_hold_up_the_others() {
    let place = Place::new();
    let unreadable = place.spools().join("a-folder.spool");
    std::fs::create_dir_all(&unreadable).expect("a folder can be made");
    let mut options = place.options();
    options.flush_timeout = Duration::from_millis(100);
    place.store.go_away(true);
    let capture = place.capture_with(options);
    write(&capture, 0..3).await;
    assert!(!capture.finish(None).await.delivered);
    place.store.go_away(false);
    let flushed = flush(&place.as_store(), &place.spools(), None)
        .await
        .expect("the folder can be read");
    assert_eq!(flushed.delivered, 1);
    assert!(
        matches!(&flushed.left[..], [(path, capture::Error::Spool(_))] if *path == unreadable),
        "{flushed:?}"
    );
    assert_eq!(place.store.lines(&place.job).await, numbered(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_that_never_pauses_is_confirmed_meanwhile() {
    let place = Place::new();
    let capture = place.capture();
    let wide = "x".repeat(500);
    // Far more than is kept unconfirmed; all of it is taken in before the end confirms once more.
    for n in 0..10_000 {
        capture.write(Source::Stdout, format!("{n} {wide}\n").as_bytes()).await;
    }
    place.store.wait_for(&place.job, 9_000).await;
    assert!(place.store.confirms.load(Ordering::SeqCst) >= 1);
    assert_complete(&capture.finish(succeeded()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_delivers_what_the_last_one_left_before_its_own() {
    let place = Place::new();
    let mut options = place.options();
    options.flush_timeout = Duration::from_millis(100);
    place.store.go_away(true);
    let first = place.capture_with(options);
    write(&first, 0..100).await;
    assert!(!first.finish(None).await.delivered);
    place.store.go_away(false);

    let second = place.capture();
    write(&second, 100..200).await;
    assert_complete(&second.finish(succeeded()).await);
    assert_eq!(place.store.lines(&place.job).await, numbered(0..200));
    assert_eq!(place.spool_files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_before_the_end_does_not_double_a_line() {
    let place = Place::new();
    let mut options = place.options();
    options.flush_timeout = Duration::from_millis(300);
    let first = place.capture_with(options);
    write(&first, 0..64).await;
    place.store.wait_for(&place.job, 64).await;
    // The batch lands, its answer does not, and then nothing answers any more.
    place.store.plan(std::iter::repeat_n(Some(Fault::After), 1000));
    write(&first, 64..100).await;
    place.store.wait_for(&place.job, 100).await;
    place.store.go_away(true);
    let report = first.finish(None).await;
    assert!(!report.delivered && report.spool_left.is_some());
    place.store.go_away(false);
    flush(&place.as_store(), &place.spools(), Some(&place.job))
        .await
        .expect("the store is back");
    assert_eq!(place.store.lines(&place.job).await, numbered(0..100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_killed_leaves_a_gap_that_says_so() {
    let place = Place::new();
    let killed = place.capture();
    write(&killed, 0..10).await;
    place.store.wait_for(&place.job, 10).await;
    drop(killed);
    let second = place.capture();
    write(&second, 10..20).await;
    assert_complete(&second.finish(succeeded()).await);
    let texts = place.store.texts(&place.job).await;
    assert_eq!(texts[10], "gap None writer_killed");
    assert_eq!(place.store.lines(&place.job).await, numbered(0..20));
    assert_eq!(place.spool_files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_for_an_ended_job_stay_in_their_file_and_are_counted() {
    let place = Place::new();
    let first = place.capture();
    write(&first, 0..5).await;
    assert_complete(&first.finish(succeeded()).await);
    let second = place.capture();
    write(&second, 5..8).await;
    let report = second.finish(None).await;
    assert_eq!((report.delivered, report.lines_left), (false, 3));
    assert!(matches!(report.trouble, Some(Error::Ended)), "{report:?}");
    assert!(
        report
            .message()
            .expect("there is something to say")
            .starts_with("the job has ended; 3 lines wait in")
    );
    assert_eq!(place.store.lines(&place.job).await, numbered(0..5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_somebody_else_takes_no_lines() {
    let place = Place::new();
    let other = Owner::user(OwnerId::new("user_bob").expect("it is an owner"));
    place
        .store
        .open(&place.job, &other, log_model::Timestamp::from_millis(1))
        .await
        .expect("it answers");
    let capture = place.capture();
    write(&capture, 0..3).await;
    let report = capture.finish(None).await;
    assert!(matches!(report.trouble, Some(Error::OtherOwner)), "{report:?}");
    assert!(place.store.lines(&place.job).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_output_larger_than_memory_waits_on_disk() {
    let place = Place::new();
    place.store.go_away(true);
    let capture = place.capture();
    let wide = "x".repeat(500);
    for n in 0..40_000 {
        capture.write(Source::Stdout, format!("{n} {wide}\n").as_bytes()).await;
    }
    place.store.go_away(false);
    let report = capture.finish(succeeded()).await;
    assert_complete(&report);
    let lines = place.store.lines(&place.job).await;
    assert_eq!(lines.len(), 40_000);
    assert!(
        lines
            .iter()
            .enumerate()
            .all(|(n, line)| line.starts_with(&format!("{n} ")))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_spool_keeps_head_and_tail_and_says_how_many_lines_are_missing() {
    let place = Place::new();
    place.store.go_away(true);
    let mut options = place.options();
    options.spool_limit = 12 * 1024 * 1024;
    let capture = place.capture_with(options);
    let wide = "x".repeat(500);
    for n in 0..60_000 {
        capture.write(Source::Stdout, format!("{n} {wide}\n").as_bytes()).await;
    }
    place.store.go_away(false);
    let report = capture.finish(succeeded()).await;
    assert!(report.delivered && report.lines_lost > 0, "{report:?}");
    assert!(
        report
            .message()
            .expect("there is something to say")
            .contains("lines are lost")
    );
    let entries = place.store.entries(&place.job).await;
    let texts: Vec<String> = entries.iter().map(crate::common::said).collect();
    let gap = texts
        .iter()
        .position(|text| text.starts_with("gap"))
        .expect("there is a gap");
    assert_eq!(texts[gap], format!("gap Some({}) spool_full", report.lines_lost));
    let numbers: Vec<usize> = place
        .store
        .lines(&place.job)
        .await
        .iter()
        .map(|line| {
            line.split(' ')
                .next()
                .expect("it begins with a number")
                .parse()
                .expect("it is a number")
        })
        .collect();
    assert_eq!(numbers.len() as u64 + report.lines_lost, 60_000);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    assert_eq!((numbers[0], *numbers.last().expect("there are lines")), (0, 59_999));
    assert_eq!(
        numbers[gap - 1] as u64 + 1 + report.lines_lost,
        numbers[gap] as u64,
        "the gap stands where they are missing"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_faults_leave_every_line_once_and_in_order(
        faults in prop::collection::vec(prop::option::of(prop::sample::select(vec![Fault::Before, Fault::After, Fault::Full, Fault::Taken])), 3..12),
        again in prop::option::of(1_usize..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("there are threads");
        runtime.block_on(async {
            let place = Place::new();
            place.store.plan(faults);
            let capture = place.capture();
            write(&capture, 0..300).await;
            if let Some(batches) = again {
                place.store.ask_again(batches);
            }
            write(&capture, 300..700).await;
            assert_complete(&capture.finish(succeeded()).await);
            assert_eq!(place.store.lines(&place.job).await, numbered(0..700));
            assert!(place.store.hit.lock().len() <= place.store.appends.load(Ordering::SeqCst));
        });
    }
}
