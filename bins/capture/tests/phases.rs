//! A job of several commands, one after the other and at once: opened and ended by an orchestrator, on both stores.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use log_model::{JobId, LogEvent, Recorded, Seq, Span, StageState};
use stream_store::State;
use tempfile::TempDir;
use testkit::redis::RedisServer;

struct Place {
    folder: TempDir,
    store: String,
}

impl Place {
    fn new(store: impl FnOnce(&TempDir) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let store = store(&folder);
        Self { folder, store }
    }

    fn program(&self, verb: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tailwater-capture"));
        program
            .arg(verb)
            .env("TAILWATER_STORE", &self.store)
            .env("TAILWATER_JOB", "build-42")
            .env("TAILWATER_SPOOL_DIR", self.folder.path().join("spool"))
            .stdin(Stdio::null());
        program
    }

    fn start(&self, phase: &str, script: &str) -> Child {
        self.program("run")
            .args(["--quiet", "--phase", phase, "--", "sh", "-c", script])
            .spawn()
            .expect("the program is built")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn wait_for(&self, name: &str) {
        let began = Instant::now();
        while !self.file(name).exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "{name} does not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_until_said(&self, lines: &[&str]) {
        let began = Instant::now();
        let is_said = |entries: &[Recorded], line: &str| {
            entries
                .iter()
                .any(|entry| matches!(&entry.event, LogEvent::Line { text, .. } if text.as_str() == line))
        };
        loop {
            let (_, entries) = self.log();
            if lines.iter().all(|line| is_said(&entries, line)) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{lines:?} do not come");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The job's state and everything in its log.
    fn log(&self) -> (State, Vec<Recorded>) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("there are threads").block_on(async {
            let url = self.store.parse().expect("it is a store");
            let store = stream_store::connect(&url).await.expect("it is there");
            let job = JobId::new("build-42").expect("it is an id");
            let record = store.job(&job).await.expect("it answers").expect("the job is known");
            let mut entries = Vec::new();
            let mut after = Seq::ZERO;
            while let Some(span) = Span::after(after, record.head) {
                let more = store.read(&job, span).await.expect("it answers");
                after = more.last().expect("nothing is missing").seq;
                entries.extend(more.into_iter().map(|entry| entry.recorded));
            }
            (record.state, entries)
        })
    }
}

/// What a phase's entries say, durations apart.
fn said(entries: &[Recorded], phase: &str) -> Vec<String> {
    entries
        .iter()
        .filter(|entry| entry.phase.as_ref().is_some_and(|own| own.as_str() == phase))
        .map(|entry| match &entry.event {
            LogEvent::Line { text, .. } => text.as_str().to_owned(),
            LogEvent::Stage {
                state: StageState::Started,
            } => "started".to_owned(),
            LogEvent::Stage {
                state: StageState::Finished { exit_code, .. },
            } => format!("finished {exit_code:?}"),
            other => format!("{other:?}"),
        })
        .collect()
}

fn duration(entries: &[Recorded], phase: &str) -> Option<u64> {
    entries.iter().find_map(|entry| match entry.event {
        LogEvent::Stage {
            state: StageState::Finished { duration_ms, .. },
        } if entry.phase.as_ref()?.as_str() == phase => Some(duration_ms),
        _ => None,
    })
}

fn a_job_of_several_commands(place: &Place) {
    let opened = place.program("open").env("TAILWATER_OWNER", "user_ana").status();
    assert!(opened.expect("it runs").success());
    let (state, entries) = place.log();
    assert!(
        state != State::Ended && entries.is_empty(),
        "opened before any worker exists"
    );

    // The workers are told the job alone: whose it is was said when it was opened.
    assert!(
        place
            .start("install", "echo installing; sleep 0.05")
            .wait()
            .expect("it ends")
            .success()
    );
    let server = |name: &str, code: i32| {
        format!(
            "echo {name} listens; touch {}; while ! [ -e {} ]; do sleep 0.02; done; echo {name} stops; exit {code}",
            place.file(name).display(),
            place.file("stop").display()
        )
    };
    let mut api = place.start("api", &server("api", 0));
    let mut web = place.start("web", &server("web", 3));
    place.wait_for("api");
    place.wait_for("web");
    // The end waits for commands that have reached the store, and for no others.
    place.wait_until_said(&["api listens", "web listens"]);

    let ended = place
        .program("end")
        .args(["--outcome", "succeeded"])
        .output()
        .expect("it runs");
    assert!(ended.status.success(), "{ended:?}");
    std::fs::write(place.file("stop"), "").expect("it can be written");
    assert_eq!(api.wait().expect("it ends").code(), Some(0));
    assert_eq!(web.wait().expect("it ends").code(), Some(3));

    let (state, entries) = place.log();
    assert_eq!(state, State::Ended);
    assert_eq!(said(&entries, "install"), ["started", "installing", "finished Some(0)"]);
    assert_eq!(
        said(&entries, "api"),
        ["started", "api listens", "api stops", "finished Some(0)"]
    );
    assert_eq!(
        said(&entries, "web"),
        ["started", "web listens", "web stops", "finished Some(3)"]
    );
    assert!(
        duration(&entries, "install").is_some_and(|ms| ms >= 50),
        "it slept for 50 ms"
    );
    assert!(
        matches!(entries.last().map(|entry| &entry.event), Some(LogEvent::Ended { outcome, .. }) if outcome.to_string() == "succeeded"),
        "the end is the last word"
    );
}

#[test]
fn several_commands_are_one_job_on_a_file() {
    a_job_of_several_commands(&Place::new(|folder| {
        format!("sqlite:{}", folder.path().join("log.sqlite").display())
    }));
}

#[test]
fn several_commands_are_one_job_on_redis() {
    let redis = RedisServer::start();
    a_job_of_several_commands(&Place::new(|_| redis.url()));
}

#[test]
fn the_worker_that_is_told_to_ends_the_job() {
    let place = Place::new(|folder| format!("sqlite:{}", folder.path().join("log.sqlite").display()));
    for (flags, code) in [(&["--phase", "install"][..], 0), (&["--phase", "build", "--end"], 5)] {
        let status = place
            .program("run")
            .env("TAILWATER_OWNER", "user_ana")
            .args(flags)
            .args(["--", "sh", "-c", &format!("exit {code}")])
            .status();
        assert_eq!(status.expect("it runs").code(), Some(code));
    }
    let (state, entries) = place.log();
    assert_eq!(state, State::Ended);
    assert_eq!(said(&entries, "install"), ["started", "finished Some(0)"]);
    assert_eq!(said(&entries, "build"), ["started", "finished Some(5)"]);
    let last = entries.last().map(|entry| &entry.event);
    assert!(
        matches!(last, Some(LogEvent::Ended { outcome, exit_code: Some(5), .. }) if outcome.to_string() == "failed"),
        "{last:?}"
    );
}
