//! A command behaves with us as it would without us, and every line it writes is in the log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::Shaky;
use capture::{Command, RunOptions, RunReport, run};
use log_model::{JobId, Owner, OwnerId};
use redact::Redactor;
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

    fn options(&self) -> RunOptions {
        let mut options = RunOptions::new(self.job.clone());
        options.owner = Some(Owner::user(OwnerId::new("user_ana").expect("it is an owner")));
        options.phase = Some("build".parse().expect("it is a phase"));
        options.quiet = true;
        options.end = true;
        options.spool_dir = self.folder.path().join("spool");
        options
    }

    async fn run(&self, options: RunOptions, command: Command) -> RunReport {
        let redactor = Redactor::builder().build().expect("the rules are sound");
        let report = run(Arc::clone(&self.store), redactor, options, command)
            .await
            .expect("it runs");
        assert!(report.log.delivered, "{report:?}");
        report
    }

    async fn sh(&self, script: &str) -> RunReport {
        self.run(self.options(), sh(script)).await
    }

    async fn texts(&self) -> Vec<String> {
        self.store.texts(&self.job).await
    }
}

fn sh(script: &str) -> Command {
    Command::new("sh", ["-c", script])
}

#[tokio::test(flavor = "multi_thread")]
async fn both_outputs_and_the_exit_code_are_recorded() {
    let place = Place::new();
    let report = place
        .sh("echo out; sleep 0.1; echo err >&2; sleep 0.1; printf unfinished; exit 3")
        .await;
    assert_eq!(report.exit.status(), 3);
    assert_eq!(
        place.texts().await,
        [
            "started",
            "stdout: out",
            "stderr: err",
            "stdout: unfinished",
            "finished Some(3)",
            "ended failed Some(3)"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_by_signal_is_128_and_the_signal() {
    let place = Place::new();
    let report = place.sh("kill -9 $$").await;
    assert_eq!((report.exit.signal, report.exit.status()), (Some(9), 137));
    assert_eq!(
        place.texts().await,
        ["started", "finished Some(137)", "ended failed Some(137)"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_exist_is_127_and_is_said_calmly() {
    let place = Place::new();
    let report = place
        .run(place.options(), Command::new("no-such-program-here", [""; 0]))
        .await;
    assert_eq!(report.exit.status(), 127);
    let problem = "the command `no-such-program-here` was not found; is it installed, and on the PATH?";
    assert_eq!(report.problem.as_deref(), Some(problem));
    let said = format!("system: {problem}");
    assert_eq!(
        place.texts().await,
        ["started", said.as_str(), "finished Some(127)", "ended failed Some(127)"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_run_is_126() {
    let place = Place::new();
    let file = place.folder.path().join("notes.txt");
    std::fs::write(&file, "no program").expect("it can be written");
    let report = place.run(place.options(), Command::new(&file, [""; 0])).await;
    assert_eq!(report.exit.status(), 126);
    assert!(report.problem.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_whole_and_in_order() {
    let place = Place::new();
    let report = place.sh("seq 1 200000").await;
    assert_eq!(report.log.lines, 200_000);
    let lines = place.store.lines(&place.job).await;
    assert!(lines.iter().enumerate().all(|(at, line)| *line == (at + 1).to_string()));
    assert_eq!(lines.len(), 200_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_left_behind_with_the_pipe_does_not_hold_the_end_up() {
    let place = Place::new();
    let began = Instant::now();
    let report = place.sh("(sleep 300; echo never) & echo done").await;
    assert_eq!(report.exit.status(), 0);
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(place.store.lines(&place.job).await, ["done"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_closes_its_output_early_is_waited_for() {
    let place = Place::new();
    let report = place.sh("echo last words; exec >&- 2>&-; sleep 0.3; exit 5").await;
    assert_eq!(report.exit.status(), 5);
    assert_eq!(place.store.lines(&place.job).await, ["last words"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_does_not_hold_the_command_up() {
    let place = Place::new();
    place.store.go_away(true);
    let marker = place.folder.path().join("done");
    let mut options = place.options();
    options.flush_timeout = Duration::from_secs(30);
    let command = sh(&format!("seq 1 5000; touch {}", marker.display()));
    let back = {
        let store = Arc::clone(&place.store);
        async move {
            while !marker.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            store.go_away(false);
        }
    };
    let (report, ()) = tokio::join!(place.run(options, command), back);
    assert_eq!(report.log.lines, 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_pseudo_terminal_the_command_sees_one_and_lines_are_its_last_state() {
    let place = Place::new();
    let mut options = place.options();
    options.pty = true;
    let script = r"test -t 1 && echo terminal; printf 'one\ntwo\n'; printf '\033[2A\033[Jone done\ntwo done\n'; exit 4";
    let report = place.run(options, sh(script)).await;
    assert_eq!(report.exit.status(), 4);
    assert_eq!(
        place.store.lines(&place.job).await,
        ["terminal", "one done", "two done"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_phases_one_after_the_other_are_one_log() {
    let place = Place::new();
    let mut options = place.options();
    options.end = false;
    place.run(options, sh("echo installing")).await;
    let mut options = place.options();
    options.phase = Some("dev_server".parse().expect("it is a phase"));
    place.run(options, sh("echo serving")).await;
    let texts = place.texts().await;
    assert_eq!(
        texts,
        [
            "started",
            "stdout: installing",
            "finished Some(0)",
            "started",
            "stdout: serving",
            "finished Some(0)",
            "ended succeeded Some(0)"
        ]
    );
}
