//! The program as an orchestrator meets it: flags, exit codes, signals, what it writes.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log_model::{JobId, LogEvent, Seq, Span};
use stream_store::{LogStore, SqliteStore, State};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("log.sqlite")
    }

    fn program(&self, verb: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_tailwater-capture"));
        program.arg(verb).stdin(Stdio::null());
        program.env("TAILWATER_STORE", format!("sqlite:{}", self.file().display()));
        program
            .env("TAILWATER_JOB", "build-42")
            .env("TAILWATER_OWNER", "user_ana");
        program.env("TAILWATER_SPOOL_DIR", self.folder.path().join("spool"));
        program
    }

    fn run(&self, flags: &[&str], command: &[&str]) -> Output {
        self.program("run")
            .args(flags)
            .arg("--")
            .args(command)
            .output()
            .expect("the program is built")
    }

    fn ask<T>(&self, question: impl AsyncFnOnce(Arc<SqliteStore>, JobId) -> T) -> T {
        let store = Arc::new(SqliteStore::open(&self.file()).expect("the file is there"));
        let job = JobId::new("build-42").expect("it is an id");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("there are threads");
        runtime.block_on(question(store, job))
    }

    fn lines(&self) -> Vec<String> {
        self.ask(async |store, job| {
            let head = store
                .job(&job)
                .await
                .expect("it answers")
                .expect("the job is known")
                .head;
            let Some(span) = Span::after(Seq::ZERO, head) else {
                return Vec::new();
            };
            let entries = store.read(&job, span).await.expect("it answers");
            entries
                .into_iter()
                .filter_map(|entry| match entry.recorded.event {
                    LogEvent::Line { text, .. } => Some(text.as_str().to_owned()),
                    _ => None,
                })
                .collect()
        })
    }

    fn state(&self) -> State {
        self.ask(async |store, job| {
            store
                .job(&job)
                .await
                .expect("it answers")
                .expect("the job is known")
                .state
        })
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it is text")
}

#[test]
fn output_and_exit_code_pass_through_and_lines_are_recorded() {
    let place = Place::new();
    let output = place.run(&["--end"], &["sh", "-c", "printf 'a\\r\\nb'; echo c >&2; exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("a\r\nb", "c\n"));
    let mut lines = place.lines();
    lines.sort();
    assert_eq!(lines, ["a", "b", "c"]);
    assert_eq!(place.state(), State::Ended);
}

#[test]
fn quiet_keeps_the_commands_output_to_the_log() {
    let place = Place::new();
    let output = place.run(&["--quiet"], &["echo", "hello"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("", ""));
    assert_eq!(place.lines(), ["hello"]);
}

#[test]
fn secrets_of_the_environment_and_of_a_file_are_hidden() {
    let place = Place::new();
    let known = ["zq7", "Lm2", "xW9", "kP4"].concat();
    let listed = ["opaque", "value", "7731"].join("x");
    let file = place.folder.path().join("secrets");
    std::fs::write(&file, format!("# ours\nPLAIN_NAME='{listed}'\n")).expect("it can be written");
    let output = place
        .program("run")
        .env("DEPLOY_TOKEN", &known)
        .args(["--secret-file", file.to_str().expect("it is text")])
        .args([
            "--",
            "sh",
            "-c",
            &format!("echo one $DEPLOY_TOKEN two; echo three {listed}"),
        ])
        .output()
        .expect("the program is built");
    assert!(output.status.success());
    assert_eq!(place.lines(), ["one [REDACTED] two", "three [REDACTED]"]);
}

#[test]
fn the_command_does_not_learn_how_to_reach_the_store() {
    let place = Place::new();
    let output = place.run(&[], &["sh", "-c", "env | grep TAILWATER_ || echo none"]);
    assert_eq!(text(&output.stdout), "none\n");
}

#[test]
fn a_command_that_does_not_exist_is_127_with_a_calm_sentence() {
    let place = Place::new();
    let output = place.run(&[], &["no-such-program-here"]);
    assert_eq!(output.status.code(), Some(127));
    assert!(
        text(&output.stderr).contains("was not found; is it installed"),
        "{output:?}"
    );
}

#[test]
fn wrong_settings_are_2_and_nothing_is_run() {
    let place = Place::new();
    let marker = place.folder.path().join("ran");
    let script = format!("touch {}", marker.display());
    for flags in [
        ["--flush-timeout", "15"],
        ["--phase", "Dev Server"],
        ["--store", "ftp://x"],
        ["--secret-file", "/nowhere"],
    ] {
        let output = place.run(&flags, &["sh", "-c", &script]);
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {output:?}");
    }
    assert!(!marker.exists());
}

#[test]
fn standard_input_reaches_the_command() {
    let place = Place::new();
    let mut child = place
        .program("run")
        .args(["--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program is built");
    child
        .stdin
        .take()
        .expect("it is a pipe")
        .write_all(b"typed\n")
        .expect("it takes input");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stdout), "typed\n");
    assert_eq!(place.lines(), ["typed"]);
}

#[test]
fn a_signal_is_passed_on_and_the_command_has_the_last_word() {
    let place = Place::new();
    let ready = place.folder.path().join("ready");
    let script = format!(
        "trap 'echo stopping; exit 9' TERM; touch {}; while :; do sleep 0.05; done",
        ready.display()
    );
    let mut child = place
        .program("run")
        .args(["--end", "--quiet", "--", "sh", "-c", &script])
        .spawn()
        .expect("the program is built");
    let began = Instant::now();
    while !ready.exists() {
        assert!(began.elapsed() < Duration::from_secs(30), "the command starts");
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .expect("kill is there");
    assert!(killed.success());
    assert_eq!(child.wait().expect("it ends").code(), Some(9));
    // The shell may add on its other output that what it waited for was stopped too.
    assert!(place.lines().contains(&"stopping".to_owned()));
}

#[test]
fn open_run_and_end_are_one_job() {
    let place = Place::new();
    assert!(place.program("open").status().expect("it runs").success());
    assert!(
        place
            .run(&["--phase", "install"], &["echo", "installed"])
            .status
            .success()
    );
    assert_eq!(place.state(), State::Running);
    assert!(
        place
            .program("end")
            .args(["--outcome", "succeeded"])
            .status()
            .expect("it runs")
            .success()
    );
    assert_eq!(place.state(), State::Ended);
    // The same again is no error; another outcome is.
    assert!(
        place
            .program("end")
            .args(["--outcome", "succeeded"])
            .status()
            .expect("it runs")
            .success()
    );
    let other = place
        .program("end")
        .args(["--outcome", "failed"])
        .output()
        .expect("it runs");
    assert_eq!(other.status.code(), Some(1));
    assert!(text(&other.stderr).contains("has already ended"), "{other:?}");
}

#[test]
fn a_job_that_has_ended_does_not_stop_the_build_and_its_lines_wait_in_a_named_file() {
    let place = Place::new();
    assert!(place.run(&["--end"], &["true"]).status.success());
    let output = place.run(&["--flush-timeout", "2s"], &["sh", "-c", "echo late; exit 3"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(text(&output.stdout), "late\n");
    assert!(text(&output.stderr).contains("1 line waits in"), "{output:?}");
    let flushed = place.program("flush").output().expect("it runs");
    assert_eq!(flushed.status.code(), Some(1));
    assert!(text(&flushed.stderr).contains("the job has ended"), "{flushed:?}");
}

#[test]
fn a_store_that_is_away_does_not_stop_the_build_and_flush_delivers() {
    let place = Place::new();
    let away = place
        .program("run")
        .env(
            "TAILWATER_STORE",
            format!("redis://127.0.0.1:{}", testkit::program::free_port()),
        )
        .args([
            "--flush-timeout",
            "300ms",
            "--end",
            "--",
            "sh",
            "-c",
            "echo kept; exit 4",
        ])
        .output()
        .expect("the program is built");
    assert_eq!(away.status.code(), Some(4));
    assert!(text(&away.stderr).contains("1 line waits in"), "{away:?}");
    assert!(place.program("flush").status().expect("it runs").success());
    assert_eq!(place.lines(), ["kept"]);
    assert_eq!(place.state(), State::Ended);
}
