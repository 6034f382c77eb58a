//! A service whose builds run elsewhere: output comes by callbacks, in pieces cut anywhere, and a secret is learned
//! while the build runs. `cargo run -p capture --example remote_sandbox` prints the log it makes.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use capture::{Capture, CaptureOptions};
use log_model::{LogEvent, Outcome, Owner, OwnerId, Seq, Source, Span, StageState};
use stream_store::{Ending, LogStore, SqliteStore};
use tokio::sync::mpsc;

/// What the sandbox calls back with.
enum Callback {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    /// It was given a secret, which its output may repeat.
    Secret(String),
    Exited(i32),
}

/// Stands for the sandbox: pieces end inside a line, a colour, a character, the secret.
async fn sandbox(secret: String, calls: mpsc::Sender<Callback>) {
    let (first, rest) = secret.split_at(secret.len() / 2);
    let script = [
        Callback::Stdout(b"\x1b[1mcloning\x1b[".to_vec()),
        Callback::Stdout(b"0m 10%\rcloning 100%\r\n".to_vec()),
        Callback::Secret(secret.clone()),
        Callback::Stderr(format!("using token {first}").into_bytes()),
        Callback::Stderr(format!("{rest}\n").into_bytes()),
        Callback::Stdout(b"built in 3 s \xe2\x9c".to_vec()),
        Callback::Stdout(b"\x93".to_vec()),
        Callback::Exited(0),
    ];
    for call in script {
        // The service is gone: nobody is left to call.
        if calls.send(call).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    for line in record_a_build().await? {
        println!("{line}");
    }
    Ok(())
}

/// Records what a sandbox calls back with, and returns the log as a person would read it.
pub(crate) async fn record_a_build() -> Result<Vec<String>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let store = Arc::new(SqliteStore::open(&folder.path().join("log.sqlite"))?);

    let mut options = CaptureOptions::new("build-42".parse()?);
    options.owner = Some(Owner::user(OwnerId::new("user_ana")?));
    options.spool_dir = folder.path().join("spool");
    options.flush_timeout = Duration::from_secs(10);
    let job = options.job.clone();
    let store_of_capture: Arc<dyn LogStore> = store.clone();
    let capture = Capture::start(store_of_capture, redact::Redactor::builder().build()?, options);

    // A channel between callbacks and capture: `write` may be dropped half-way (a deadline, a select) and has taken
    // nothing then, so that whoever holds the piece gives it again.
    let (calls, mut called) = mpsc::channel(16);
    let secret = ["opaque", "token", "7731"].join("-");
    let sandbox = tokio::spawn(sandbox(secret.clone(), calls));
    let began = std::time::Instant::now();
    capture.stage_started("build".parse()?).await;
    let mut exit_code = None;
    while let Some(call) = called.recv().await {
        match call {
            Callback::Stdout(piece) => capture.write(Source::Stdout, &piece).await,
            Callback::Stderr(piece) => capture.write(Source::Stderr, &piece).await,
            Callback::Secret(value) => {
                capture.redactor().register(&value);
            }
            Callback::Exited(code) => exit_code = Some(code),
        }
    }
    sandbox.await?;
    capture.stage_finished(exit_code, began.elapsed()).await;

    let outcome = match exit_code {
        Some(0) => Outcome::Succeeded,
        _ => Outcome::Failed,
    };
    let report = capture.finish(Some(Ending { outcome, exit_code })).await;
    if let Some(message) = report.message() {
        eprintln!("{message}");
    }

    let head = store.job(&job).await?.map_or(Seq::ZERO, |record| record.head);
    let mut log = Vec::new();
    if let Some(span) = Span::after(Seq::ZERO, head) {
        for entry in store.read(&job, span).await? {
            log.push(match entry.recorded.event {
                LogEvent::Line { source, text, .. } => format!("{source}: {}", text.as_str()),
                LogEvent::Stage {
                    state: StageState::Finished { exit_code, .. },
                } => format!("finished {exit_code:?}"),
                LogEvent::Stage { .. } => "started".to_owned(),
                LogEvent::Ended { outcome, .. } => format!("ended {outcome}"),
                other => format!("{other:?}"),
            });
        }
    }
    Ok(log)
}
