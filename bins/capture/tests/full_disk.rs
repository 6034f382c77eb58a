//! A disk that is full: the command behaves as it does without us, what could not be kept is counted in a gap, the
//! program says what is full and what to do, and goes on when there is room again.
//!
//! The disk is a real one of a mebibyte or so, mounted where only a process of ours sees it, and reached through that
//! process; it is gone with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use log_model::{GapReason, JobId, LogEntry, LogEvent, Seq, Span};
use stream_store::{LogStore, RedisStore, SqliteStore};
use tempfile::TempDir;
use testkit::program::{free_port, wait_until};
use testkit::proxy::Proxy;
use testkit::redis::RedisServer;

const PATIENCE: Duration = Duration::from_secs(120);

/// A file system of its own.
struct Disk {
    holder: Child,
    _open: ChildStdin,
    path: PathBuf,
    mounted_on: TempDir,
    /// How to enter the holder's world.
    enter: Vec<String>,
}

impl Disk {
    /// # Panics
    /// When nobody here may mount one.
    fn of_kib(size: u64) -> Self {
        let mounted_on = tempfile::tempdir().expect("a folder can be made");
        let script = format!("mount -t tmpfs -o size={size}k,mode=700 tailwater \"$0\" && echo mounted && exec cat");
        // Root may; others may in a world of their own users, where the system lets them have one.
        for (flags, enter) in [("-m", &["-m"][..]), ("-rm", &["-m", "-U", "--preserve-credentials"])] {
            let mut holder = Command::new("unshare")
                .args([flags, "sh", "-c", &script])
                .arg(mounted_on.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("this test needs the program 'unshare' of util-linux");
            let mut said = String::new();
            let mut saying = BufReader::new(holder.stdout.take().expect("it is a pipe"));
            saying.read_line(&mut said).expect("it can be read");
            if said != "mounted\n" {
                holder.wait().expect("it ends");
                continue;
            }
            let seen_by_it = format!("/proc/{}/root", holder.id());
            let inside = mounted_on.path().strip_prefix("/").expect("it begins at the root");
            return Self {
                path: Path::new(&seen_by_it).join(inside),
                enter: enter.iter().map(|&flag| flag.to_owned()).collect(),
                _open: holder.stdin.take().expect("it is a pipe"),
                holder,
                mounted_on,
            };
        }
        panic!(
            "this test needs a small file system of its own, and nobody here may mount one: run it as root, or where \
             `unshare -rm` works"
        );
    }

    /// The same command where the disk is a folder like any other: SQLite asks for links, and follows them by their
    /// names.
    fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside
            .args(["-t", &self.holder.id().to_string()])
            .args(&self.enter)
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args())
            .stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            inside.env(name, value.expect("none is removed"));
        }
        inside
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path.join("filler")).expect("there are files left");
        let piece = [0; 4096];
        while file.write_all(&piece).is_ok() {}
    }

    fn make_room(&self) {
        std::fs::remove_file(self.path.join("filler")).expect("it was filled");
    }

    fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// The size of the spool, if there is one.
    fn spooled(&self) -> Option<u64> {
        let file = std::fs::read_dir(self.spool()).ok()?.next()?.ok()?;
        Some(file.metadata().ok()?.len())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn program(verb: &str, store: &str, spool: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tailwater-capture"));
    program
        .arg(verb)
        .env("TAILWATER_STORE", store)
        .env("TAILWATER_SPOOL_DIR", spool)
        .stdin(Stdio::null());
    program
}

fn run(store: &str, spool: &Path, script: &str) -> Command {
    let mut program = program("run", store, spool);
    program
        .env("TAILWATER_JOB", "build-42")
        .env("TAILWATER_OWNER", "user_ana")
        .args(["--flush-timeout", "300ms", "--", "sh", "-c", script]);
    program
}

/// A store that nobody reaches.
fn away() -> String {
    format!("redis://{}:{}", Ipv4Addr::LOCALHOST, free_port())
}

/// Numbered lines, as a script that writes them.
fn lines(first: u64, last: u64) -> String {
    format!("seq -f 'line %.0f of a build that has a lot to say, and says it at length' {first} {last}")
}

fn number(entry: &LogEntry) -> Option<u64> {
    match &entry.recorded.event {
        LogEvent::Line { text, .. } => text.as_str().strip_prefix("line ")?.split(' ').next()?.parse().ok(),
        _ => None,
    }
}

async fn entries(store: &dyn LogStore) -> Vec<LogEntry> {
    let job: JobId = "build-42".parse().expect("it is an id");
    let record = store.job(&job).await.expect("it answers").expect("it is known");
    let mut entries = Vec::new();
    let mut after = Seq::ZERO;
    while let Some(span) = Span::after(after, record.head) {
        let more = store.read(&job, span).await.expect("it answers");
        after = more.last().expect("there are more").seq;
        entries.extend(more);
    }
    entries
}

/// Checks that every line from 1 to `last` is there once and in order, or in the count of a gap where it would stand;
/// and returns the gaps' counts.
#[track_caller]
fn check(entries: &[LogEntry], last: u64) -> Vec<u64> {
    let (mut next, mut gaps) = (1, Vec::new());
    for entry in entries {
        match &entry.recorded.event {
            LogEvent::Gap { lines, reason, .. } => {
                let lines = lines.expect("how many are missing is known");
                assert_eq!(*reason, GapReason::SpoolFull);
                gaps.push(lines);
                next += lines;
            }
            _ => {
                if let Some(number) = number(entry) {
                    assert_eq!(number, next, "gaps: {gaps:?}");
                    next += 1;
                }
            }
        }
    }
    assert_eq!(next, last + 1, "gaps: {gaps:?}");
    gaps
}

/// That all output came through, and the exit code, and nothing else but sentences of ours.
#[track_caller]
fn unharmed(output: &Output, script: &str, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    let bare = Command::new("sh").args(["-c", script]).output().expect("it runs");
    assert!(output.stdout == bare.stdout, "standard output differs");
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn delivered(disk: &Disk, last: u64) -> Vec<u64> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("log.sqlite");
    let store = format!("sqlite:{}", file.display());
    let flushed = program("flush", &store, &disk.spool()).output().expect("it runs");
    assert!(flushed.status.success(), "{}", said(&flushed));
    check(&entries(&SqliteStore::open(&file).expect("it opens")).await, last)
}

#[tokio::test]
async fn what_a_full_disk_cannot_hold_is_counted_and_the_command_hears_nothing_of_it() {
    // More than memory and the disk hold.
    const LAST: u64 = 200_000;
    let disk = Disk::of_kib(1024);
    let script = format!("{}; exit 7", lines(1, LAST));
    let output = run(&away(), &disk.spool(), &script).output().expect("it runs");
    unharmed(&output, &script, 7);
    let said = said(&output);
    let sentence = format!("the disk with {} is full: make room on it", disk.spool().display());
    assert!(said.contains(&sentence), "{said}");
    assert!(said.contains("lines are lost"), "{said}");
    // Without any room that anybody could make: the gap needs none.
    disk.fill();
    let gaps = delivered(&disk, LAST).await;
    let told: u64 = said
        .rsplit_once(" lines are lost")
        .and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok())
        .expect("it says how many");
    assert_eq!(gaps.iter().sum::<u64>(), told);
    assert_eq!(disk.spooled(), None, "what was delivered is gone");
}

#[tokio::test]
async fn a_disk_that_is_full_from_the_beginning_is_used_once_it_has_room() {
    const LAST: u64 = 150_000;
    let disk = Disk::of_kib(64 * 1024);
    std::fs::create_dir(disk.spool()).expect("there is room yet");
    disk.fill();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (ready, go) = (folder.path().join("ready"), folder.path().join("go"));
    let script = format!(
        "{}; touch {}; while ! [ -e {} ]; do sleep 0.02; done; {}; exit 7",
        lines(1, 100_000),
        ready.display(),
        go.display(),
        lines(100_001, LAST)
    );
    let running = run(&away(), &disk.spool(), &script)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let running = std::thread::spawn(move || running.wait_with_output().expect("it ends"));
    wait_until("the first lines", PATIENCE, || ready.exists().then_some(()));
    disk.make_room();
    // All that waits in memory goes there, some 4 MiB, and the last lines behind the gap.
    wait_until("the spool", PATIENCE, || {
        disk.spooled().filter(|bytes| *bytes > 2 << 20)
    });
    std::fs::write(&go, "").expect("it can be written");
    let output = running.join().expect("it ends");
    unharmed(&output, &script, 7);
    let said = said(&output);
    assert!(said.contains(" is full: make room on it"), "{said}");
    let gaps = delivered(&disk, LAST).await;
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0] < 100_000, "what came when there was room is kept: {gaps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_comes_back_gets_everything_a_full_disk_left() {
    const LAST: u64 = 120_000;
    let disk = Disk::of_kib(1024);
    let server = RedisServer::start();
    let proxy = Proxy::start((Ipv4Addr::LOCALHOST, free_port()).into()).await;
    let url = format!("redis://{}", proxy.address());
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (ready, go) = (folder.path().join("ready"), folder.path().join("go"));
    let script = format!(
        "{}; touch {}; while ! [ -e {} ]; do sleep 0.02; done; {}; exit 7",
        lines(1, 100_000),
        ready.display(),
        go.display(),
        lines(100_001, LAST)
    );
    let running = run(&url, &disk.spool(), &script)
        .args(["--", "unused"])
        .env("TAILWATER_FLUSH_TIMEOUT", "90s")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let running = tokio::task::spawn_blocking(move || running.wait_with_output().expect("it ends"));
    let url = server.url().parse().expect("it is an address");
    let store: Arc<dyn LogStore> = Arc::new(RedisStore::connect(&url).await.expect("it answers"));
    tokio::task::block_in_place(|| wait_until("the first lines", PATIENCE, || ready.exists().then_some(())));
    proxy.retarget((Ipv4Addr::LOCALHOST, server.port()).into());
    // Once the gap is in the log, nothing waits any more.
    let job: JobId = "build-42".parse().expect("it is an id");
    let told = async {
        loop {
            if let Ok(Some(record)) = store.job(&job).await
                && record.counts.gaps > 0
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("the gap comes");
    std::fs::write(&go, "").expect("it can be written");
    let output = running.await.expect("it ends");
    unharmed(&output, &script, 7);
    let gaps = check(&entries(store.as_ref()).await, LAST);
    assert!(gaps[0] < 100_000, "{gaps:?}");
}

#[test]
fn a_store_and_a_spool_on_the_same_full_disk_cost_the_command_nothing() {
    const LAST: u64 = 50_000;
    for full_before in [false, true] {
        let disk = Disk::of_kib(1024);
        if full_before {
            disk.fill();
        }
        let folder = disk.mounted_on.path();
        let store = format!("sqlite:{}", folder.join("log.sqlite").display());
        let script = format!("{}; echo err >&2; exit 3", lines(1, LAST));
        let run = run(&store, &folder.join("spool"), &script);
        let output = disk.inside(&run).output().expect("it runs");
        unharmed(&output, &script, 3);
        let said = said(&output);
        assert!(
            said.contains("err\n") && said.contains(" is full: make room on it"),
            "{said}"
        );
    }
}

#[test]
fn our_own_output_on_a_full_disk_goes_on_once_it_has_room() {
    let disk = Disk::of_kib(256);
    let folder = tempfile::tempdir().expect("a folder can be made");
    let (ready, go) = (folder.path().join("ready"), folder.path().join("go"));
    let store = format!("sqlite:{}", folder.path().join("log.sqlite").display());
    let script = format!(
        "{}; touch {}; while ! [ -e {} ]; do sleep 0.02; done; echo the last line",
        lines(1, 20_000),
        ready.display(),
        go.display()
    );
    let out = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(disk.path.join("out"));
    let mut running = run(&store, &folder.path().join("spool"), &script)
        .stdout(out.expect("there is room yet"))
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_until("the first lines", PATIENCE, || ready.exists().then_some(()));
    let file = std::fs::OpenOptions::new().write(true).open(disk.path.join("out"));
    file.and_then(|file| file.set_len(1024))
        .expect("it can be made shorter");
    std::fs::write(&go, "").expect("it can be written");
    assert!(running.wait().expect("it ends").success());
    let held = std::fs::read_to_string(disk.path.join("out")).expect("it is there");
    assert!(held.ends_with("the last line\n"), "{held:?}");
    let mut said = String::new();
    running
        .stderr
        .take()
        .expect("it is a pipe")
        .read_to_string(&mut said)
        .expect("it is text");
    assert!(
        said.contains("could not be written to ours: No space left on device"),
        "{said}"
    );
}
