//! What only a file can do: be something else, be shared by processes, keep what was erased.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use log_model::{
    JobId, LogEntry, LogEvent, Outcome, Owner, OwnerId, Recorded, SafeText, Seq, Source, Span, Timestamp, WriterId,
};
use stream_store::{Appended, Batch, Change, Ending, Error, LogStore, SqliteStore, Writer};

/// A folder that is gone when the test is.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("log.db")
    }
}

fn open(path: &Path) -> Arc<dyn LogStore> {
    Arc::new(SqliteStore::open(path).expect("the file opens"))
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn job(name: &str) -> JobId {
    JobId::new(name).expect("a job id")
}

fn ana() -> Owner {
    Owner::user(OwnerId::new("user_ana").expect("a name"))
}

fn seq(number: u64) -> Seq {
    Seq::new(number).expect("a small number")
}

fn span(first: u64, last: u64) -> Span {
    Span::new(seq(first), seq(last)).expect("first is not after last")
}

#[expect(clippy::disallowed_methods, reason = "a test's own words hold no secret")]
fn line(text: &str) -> Recorded {
    let text = SafeText::assume_redacted(text);
    let event = LogEvent::Line {
        source: Source::Stdout,
        text,
        class: None,
        cut: None,
        masked: Vec::new(),
    };
    Recorded {
        ts: now(),
        phase: None,
        event,
    }
}

async fn joined(store: &Arc<dyn LogStore>, job: &JobId) -> Writer {
    store.open(job, &ana(), now()).await.expect("the job opens");
    store
        .join(job, &WriterId::new("w").expect("a name"))
        .await
        .expect("it can be joined")
}

async fn append(store: &Arc<dyn LogStore>, job: &JobId, writer: &mut Writer, texts: &[&str]) -> Appended {
    let events = texts.iter().map(|text| line(text)).collect();
    let batch = Batch {
        writer: writer.id.clone(),
        fence: writer.fence,
        number: writer.next,
        events,
    };
    let landed = store.append(job, &batch).await.expect("a batch in turn lands");
    writer.next += 1;
    landed
}

/// How often `text` stands in the file and its companions.
fn occurrences(path: &Path, text: &str) -> usize {
    let name = path.file_name().expect("a file").to_str().expect("a plain name");
    let files = std::fs::read_dir(path.parent().expect("a folder")).expect("a folder can be listed");
    let ours = files.map(|file| file.expect("an entry").path()).filter(|file| {
        file.file_name()
            .and_then(|file| file.to_str())
            .is_some_and(|file| file.starts_with(name))
    });
    ours.map(|file| {
        let bytes = std::fs::read(file).expect("a file can be read");
        bytes
            .windows(text.len())
            .filter(|window| *window == text.as_bytes())
            .count()
    })
    .sum()
}

/// Waits until `text` is nowhere in the file, and what was noted about that is done.
async fn gone(path: &Path, text: &str) {
    let wait = async {
        while occurrences(path, text) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("it goes");
}

#[track_caller]
fn refused(path: &Path, words: &str) {
    match SqliteStore::open(path) {
        Err(Error::Setting { problem }) => assert!(problem.contains(words), "{problem}"),
        other => panic!("expected a setting's problem with {words:?}, got {other:?}"),
    }
}

#[test]
fn a_file_that_cannot_be_a_log_is_refused_with_a_sentence() {
    let folder = Folder::new();
    refused(Path::new(""), "needs a path");
    refused(folder.0.path(), "is a folder");
    refused(&folder.file().join("deeper").join("log.db"), "does not exist");
    let text = folder.0.path().join("notes.txt");
    std::fs::write(
        &text,
        "no database at all, and longer than a database's header is".repeat(20),
    )
    .expect("a file");
    refused(&text, "is not a log file of Tailwater");
    refused(&text.join("log.db"), "does not exist");
    assert!(
        std::fs::read_to_string(&text)
            .expect("still text")
            .starts_with("no database"),
        "it is left as it was"
    );
}

#[test]
fn another_programs_database_is_left_alone() {
    let folder = Folder::new();
    let theirs = rusqlite::Connection::open(folder.file()).expect("a database");
    theirs
        .execute_batch("CREATE TABLE recipes (name TEXT)")
        .expect("a table");
    drop(theirs);
    let before = std::fs::read(folder.file()).expect("a file can be read");
    refused(&folder.file(), "is not a log file of Tailwater");
    assert_eq!(std::fs::read(folder.file()).expect("a file can be read"), before);
}

#[test]
fn a_file_from_a_newer_version_is_refused_and_left_alone() {
    let folder = Folder::new();
    drop(open(&folder.file()));
    let newer = rusqlite::Connection::open(folder.file()).expect("a database");
    newer.pragma_update(None, "user_version", 2).expect("a number is set");
    drop(newer);
    refused(&folder.file(), "newer Tailwater");
    refused(&folder.file(), "its format is 2");
}

#[test]
fn many_may_start_on_the_same_new_file_at_once() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| SqliteStore::open(&folder.file()).map(drop)))
            .collect();
        for start in starts {
            start.join().expect("no panic").expect("each of them opens it");
        }
    });
}

#[tokio::test]
async fn nobody_else_may_read_the_file_or_its_companions() {
    let folder = Folder::new();
    let store = open(&folder.file());
    joined(&store, &job("a")).await;
    let files: Vec<_> = std::fs::read_dir(folder.0.path())
        .expect("a folder can be listed")
        .collect();
    assert_eq!(files.len(), 3, "the file and its two companions");
    for file in files {
        let file = file.expect("an entry");
        let mode = file.metadata().expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
    assert_eq!(store.warnings().await.expect("it answers"), Vec::<String>::new());
    std::fs::set_permissions(folder.file(), PermissionsExt::from_mode(0o644)).expect("it is ours");
    let warnings = store.warnings().await.expect("it answers");
    assert!(warnings.len() == 1 && warnings[0].contains("600"), "{warnings:?}");
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let folder = Folder::new();
    let (name, record) = {
        let store = open(&folder.file());
        let name = job("a");
        let mut writer = joined(&store, &name).await;
        append(&store, &name, &mut writer, &["one", "two"]).await;
        let record = store.job(&name).await.expect("it answers");
        (name, record)
    };
    let store = open(&folder.file());
    assert_eq!(store.job(&name).await.expect("it answers"), record);
    assert_eq!(store.read(&name, span(1, 9)).await.expect("a page is read").len(), 2);
}

/// Texts of many lengths, so that pages fill, split and overflow in every way.
fn long_text(mark: &str, n: usize) -> String {
    format!(
        "{mark} {}",
        "x".repeat((n * 7919) % 3000 + if n.is_multiple_of(37) { 9000 } else { 0 })
    )
}

#[tokio::test]
async fn an_erased_jobs_text_is_nowhere_in_the_file() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let names = ["gone", "kept", "also-gone"].map(job);
    let mut writers = Vec::new();
    for name in &names {
        writers.push((name.clone(), joined(&store, name).await));
    }
    for n in 0..400 {
        for (name, writer) in &mut writers {
            append(&store, name, writer, &[&long_text(&format!("text-of-{name}"), n)]).await;
        }
    }
    // Forgetting moves rows as well.
    store.archived(&names[2], seq(200)).await.expect("it is noted");
    store
        .forget(&names[2], seq(200), Duration::from_secs(60))
        .await
        .expect("it is forgotten");
    for name in ["gone", "also-gone"] {
        assert!(occurrences(&folder.file(), &format!("text-of-{name}")) >= 200);
        store
            .erase(&job(name), "ana", "a test", now())
            .await
            .expect("it can be erased");
        assert_eq!(occurrences(&folder.file(), &format!("text-of-{name}")), 0);
    }
    assert!(occurrences(&folder.file(), "text-of-kept") >= 400);
    assert_eq!(
        store.read(&names[1], span(1, 400)).await.expect("a page is read").len(),
        400
    );
    assert_eq!(store.warnings().await.expect("it answers"), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_masked_is_nowhere_in_the_file() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let name = job("a");
    let mut writer = joined(&store, &name).await;
    for n in 0..400 {
        let mark = format!("{}-{n:03}", if n % 5 == 0 { "leaked" } else { "harmless" });
        append(&store, &name, &mut writer, &[&long_text(&mark, n)]).await;
    }
    assert!(occurrences(&folder.file(), "leaked") >= 80);
    for n in (0..400).step_by(5) {
        // Shorter and longer than before.
        let entry = LogEntry {
            seq: seq(n + 1),
            recorded: line(&"*".repeat(usize::try_from(n * n % 5000).expect("small"))),
        };
        store.mask(&name, &entry).await.expect("it is held");
    }
    gone(&folder.file(), "leaked").await;
    assert!(occurrences(&folder.file(), "harmless") >= 320);
    assert_eq!(
        store.read(&name, span(1, 400)).await.expect("a page is read").len(),
        400
    );
}

#[tokio::test]
async fn a_store_that_is_dropped_takes_masked_text_with_it() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let name = job("a");
    let mut writer = joined(&store, &name).await;
    append(&store, &name, &mut writer, &["leaked"]).await;
    store
        .mask(
            &name,
            &LogEntry {
                seq: Seq::FIRST,
                recorded: line("*"),
            },
        )
        .await
        .expect("it is held");
    drop(store);
    assert_eq!(occurrences(&folder.file(), "leaked"), 0);
}

#[tokio::test]
async fn masked_text_goes_as_soon_as_a_reader_in_its_way_is_done() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let name = job("a");
    let mut writer = joined(&store, &name).await;
    append(&store, &name, &mut writer, &["leaked"]).await;
    let mut reader = rusqlite::Connection::open(folder.file()).expect("another connection");
    let tx = reader.transaction().expect("a transaction");
    let seen: i64 = tx
        .query_row("SELECT count(*) FROM entries", [], |row| row.get(0))
        .expect("it reads");
    assert_eq!(seen, 1);
    store
        .mask(
            &name,
            &LogEntry {
                seq: Seq::FIRST,
                recorded: line("*"),
            },
        )
        .await
        .expect("it is held");
    assert!(
        occurrences(&folder.file(), "leaked") > 0,
        "the reader may still ask for it"
    );
    let warnings = store.warnings().await.expect("it answers");
    assert!(
        warnings.len() == 1 && warnings[0].contains("erased text"),
        "{warnings:?}"
    );
    drop(tx);
    gone(&folder.file(), "leaked").await;
}

#[tokio::test]
async fn an_erasure_cut_short_is_finished_at_the_next_start() {
    let folder = Folder::new();
    let name = job("a");
    {
        let store = open(&folder.file());
        joined(&store, &name).await;
        store
            .erase(&name, "ana", "a test", now())
            .await
            .expect("it can be erased");
    }
    let raw = rusqlite::Connection::open(folder.file()).expect("a database");
    raw.execute_batch("INSERT INTO entries SELECT number, 1, 'leaked' FROM jobs; INSERT INTO residue DEFAULT VALUES")
        .expect("rows");
    drop(raw);
    let store = open(&folder.file());
    gone(&folder.file(), "leaked").await;
    assert!(matches!(store.read(&name, span(1, 1)).await, Err(Error::Erased)));
}

#[tokio::test]
async fn damage_is_said_without_the_text_and_followers_go_on_once_it_is_mended() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let name = job("a");
    let mut writer = joined(&store, &name).await;
    append(&store, &name, &mut writer, &["one", "two", "three"]).await;
    let raw = rusqlite::Connection::open(folder.file()).expect("a database");
    raw.execute_batch("CREATE TEMP TABLE aside AS SELECT * FROM entries")
        .expect("a copy");
    for damage in [
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries WHERE seq = 3",
        "DELETE FROM entries",
        "UPDATE entries SET json = 'hunter2' WHERE seq = 2",
        "UPDATE entries SET json = replace(json, '\"seq\":2', '\"seq\":7')",
    ] {
        raw.execute_batch(damage).expect("damage is done");
        let mut following = store.follow(&name, Seq::ZERO);
        for answer in [
            store.read(&name, span(1, 3)).await.map(drop),
            following.next().await.expect("an item").map(drop),
        ] {
            match answer {
                Err(error @ Error::Damaged { .. }) => assert!(!error.to_string().contains("hunter2"), "{error}"),
                other => panic!("expected damage after {damage}, got {other:?}"),
            }
        }
        raw.execute_batch("REPLACE INTO entries SELECT * FROM aside")
            .expect("it is mended");
        loop {
            match following
                .next()
                .await
                .expect("a follower does not end because of trouble")
            {
                Ok(Change::Entries(entries)) => break assert_eq!(entries.len(), 3),
                Err(Error::Damaged { .. }) => {}
                other => panic!("expected entries, heard {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_batch_without_events_or_with_an_end_in_it_is_refused() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let writer = joined(&store, &job("a")).await;
    let end = LogEvent::Ended {
        outcome: Outcome::Succeeded,
        exit_code: None,
        counts: log_model::Counts::default(),
    };
    for events in [Vec::new(), vec![Recorded { event: end, ..line("") }]] {
        let batch = Batch {
            writer: writer.id.clone(),
            fence: writer.fence,
            number: 1,
            events,
        };
        assert!(matches!(
            store.append(&job("a"), &batch).await,
            Err(Error::Setting { .. })
        ));
    }
    assert_eq!(
        store
            .job(&job("a"))
            .await
            .expect("it answers")
            .expect("it is there")
            .head,
        Seq::ZERO
    );
}

#[tokio::test]
async fn a_file_from_before_the_schedule_is_taken_over() {
    let folder = Folder::new();
    let name = job("a");
    let store = open(&folder.file());
    joined(&store, &name).await;
    drop(store);
    let old = rusqlite::Connection::open(folder.file()).expect("it is a database");
    old.execute_batch("DROP INDEX jobs_due; ALTER TABLE jobs DROP COLUMN due;")
        .expect("as it was");
    drop(old);
    // Two programs may come upon it at once.
    let stores = [open(&folder.file()), open(&folder.file())];
    let due = stores[1].due(now(), None, 10).await.expect("it answers").jobs;
    assert_eq!(due.iter().map(|due| &due.job).collect::<Vec<_>>(), [&name]);
    let later = now().plus(Duration::from_secs(60));
    stores[0].look_again(&name, later).await.expect("it is noted");
    assert_eq!(stores[1].due(now(), None, 10).await.expect("it answers").jobs, []);
}

/// What the other process does, when the variable says where: it writes until it is told to end, or killed.
const OTHER: &str = "TAILWATER_TEST_OTHER_PROCESS";

#[tokio::test]
async fn the_other_process() {
    let Some(path) = std::env::var_os(OTHER) else { return };
    let store = open(Path::new(&path));
    let name = job("shared");
    let mut writer = joined(&store, &name).await;
    loop {
        let landed = append(&store, &name, &mut writer, &["from", "the other", "process"]).await;
        println!("acknowledged {}", landed.last);
    }
}

struct OtherProcess {
    child: std::process::Child,
    said: std::io::BufReader<std::process::ChildStdout>,
}

impl OtherProcess {
    fn start(path: &Path) -> Self {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test has a file"))
            .args(["--exact", "the_other_process", "--nocapture"])
            .env(OTHER, path)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("this test starts again");
        let said = std::io::BufReader::new(child.stdout.take().expect("its output is piped"));
        Self { child, said }
    }

    /// The next place it says was acknowledged; none once it is dead.
    fn acknowledged(&mut self) -> Option<u64> {
        use std::io::BufRead as _;
        let mut line = String::new();
        while self.said.read_line(&mut line).expect("its output can be read") > 0 {
            if let Some((_, number)) = line.trim_end().rsplit_once("acknowledged ") {
                return number.parse().ok();
            }
            line.clear();
        }
        None
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_acknowledged_and_another_one_heard_it_all() {
    let folder = Folder::new();
    let store = open(&folder.file());
    let name = job("shared");
    store.open(&name, &ana(), now()).await.expect("a new job opens");
    let mut following = store.follow(&name, Seq::ZERO);
    let mut other = OtherProcess::start(&folder.file());
    let mut heard = Vec::new();
    while heard.len() < 300 {
        match tokio::time::timeout(Duration::from_secs(30), following.next())
            .await
            .expect("it writes")
        {
            Some(Ok(Change::Entries(entries))) => heard.extend(entries),
            other => panic!("expected entries, heard {other:?}"),
        }
    }
    other.child.kill().expect("it is ours to kill");
    let mut last = 0;
    while let Some(acknowledged) = other.acknowledged() {
        last = acknowledged;
    }
    let head = store
        .job(&name)
        .await
        .expect("it answers")
        .expect("it is there")
        .head
        .get();
    assert!(
        head >= last && head.is_multiple_of(3),
        "batches land whole: head {head}, acknowledged {last}"
    );
    // This process goes on where the other one was cut off, under the same slot.
    let mut writer = joined(&store, &name).await;
    assert_eq!(writer.next, head / 3 + 1);
    append(&store, &name, &mut writer, &["goodbye"]).await;
    store.leave(&name, &writer, now()).await.expect("a writer may leave");
    let ending = Ending {
        outcome: Outcome::Succeeded,
        exit_code: None,
    };
    store.end(&name, ending, now()).await.expect("nobody writes");
    while let Some(change) = following.next().await {
        match change {
            Ok(Change::Entries(entries)) => heard.extend(entries),
            other => panic!("expected entries, heard {other:?}"),
        }
    }
    let numbers: Vec<_> = heard.iter().map(|entry| entry.seq.get()).collect();
    assert_eq!(numbers, (1..=head + 2).collect::<Vec<_>>());
}
