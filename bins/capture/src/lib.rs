//! The parts of `tailwater-capture`: its settings, its verbs, and the exit codes they end with.
//!
//! `run` ends with the command's own exit code: 128 + N after a death by signal N, 127 for a command that does not
//! exist, 126 for one that cannot be run. Wrong settings are 2; a verb that could not do what it was asked is 1.
#![forbid(unsafe_code)]

pub mod config;

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use capture::{Command, StoreSource};
use redact::Redactor;
use settings::sentence;
use stream_store::{Ended, Ending, Error as StoreError, LogStore, StoreUrl};

use crate::config::{Args, EndArgs, FlushArgs, OpenArgs, RunArgs, Verb};

/// Why a verb did not do what it was asked, in a sentence for the person at the terminal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// The store or the system said no.
    #[error("{0}")]
    Failed(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Setting { .. } => Self::Setting(sentence(&error)),
            error => Self::Failed(sentence(&error)),
        }
    }
}

impl From<capture::Error> for Error {
    fn from(error: capture::Error) -> Self {
        match error {
            capture::Error::Store(error) => error.into(),
            error => Self::Failed(sentence(&error)),
        }
    }
}

/// Does what the settings say, and returns the exit code.
pub fn main(args: Args) -> ExitCode {
    settings::start_tracing(args.log, "warn,fred=off");
    // One to read and one to deliver, on a machine of any size: each thread more is memory taken from the build.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Our two outputs may block for as long as nobody reads them, and a disk for as long as it likes; a few more for
        // a store that is a file.
        .max_blocking_threads(8)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::Failed(format!("the system gave no threads: {error}"))),
    };
    let done = runtime.block_on(run_verb(args.verb));
    // A write to a disk that does not answer must not keep the build from ending.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match done {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    say(&error.to_string());
    match error {
        Error::Setting(_) => ExitCode::from(2),
        Error::Failed(_) => ExitCode::FAILURE,
    }
}

/// Does one verb.
///
/// # Errors
/// [`Error`] when it could not; a command that fails is no error, its exit code is the answer.
pub async fn run_verb(verb: Verb) -> Result<ExitCode, Error> {
    match verb {
        Verb::Open(args) => open(args).await,
        Verb::Run(args) => run(*args).await,
        Verb::End(args) => end(args).await,
        Verb::Flush(args) => flush(args).await,
    }
}

async fn open(args: OpenArgs) -> Result<ExitCode, Error> {
    let owner = args
        .owner
        .owner()
        .ok_or_else(|| Error::Setting("a job needs an owner: give --owner, as in --owner user_2abc".to_owned()))?;
    let store = stream_store::connect(&args.store.store).await?;
    let job = &args.job.job;
    let record = store.open(job, &owner, SystemTime::now().into()).await?;
    for warning in store.warnings().await.unwrap_or_default() {
        tracing::warn!("{warning}");
    }
    if record.is_over() {
        return Err(Error::Failed(format!(
            "job {job} has already ended; nothing can be added to it"
        )));
    }
    Ok(ExitCode::SUCCESS)
}

async fn run(args: RunArgs) -> Result<ExitCode, Error> {
    let redactor = redactor(&args.secret_env, args.secret_file.as_deref())?;
    let source = source(&args.store.store).await?;
    let options = args.options();
    let mut command = args.command.into_iter();
    let program = command
        .next()
        .ok_or_else(|| Error::Setting("there is no command to run".to_owned()))?;
    let mut command = Command::new(program, command);
    command.env_remove = own_settings();
    let report = capture::run(source, redactor, options, command).await?;
    for sentence in report.problem.into_iter().chain(report.log.message()) {
        say(&sentence);
    }
    Ok(ExitCode::from(u8::try_from(report.exit.status()).unwrap_or(u8::MAX)))
}

/// The variables that are this program's settings. The command does not get them: they tell how to reach everybody's
/// logs, and whoever's build it is may read only their own.
pub fn own_settings() -> Vec<OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names
        .filter(|name| name.as_encoded_bytes().starts_with(b"TAILWATER_"))
        .collect()
}

/// The store, or a way to it. A file on this machine opens at once or never will; a server may come back, and the
/// build does not wait for it.
async fn source(url: &StoreUrl) -> Result<StoreSource, Error> {
    if url.to_string().starts_with("sqlite:") {
        match stream_store::connect(url).await {
            Ok(store) => return Ok(store.into()),
            Err(error @ StoreError::Setting { .. }) => return Err(error.into()),
            Err(_) => {}
        }
    }
    // A connection is kept once made; the stores reconnect by themselves.
    let made: Arc<tokio::sync::OnceCell<Arc<dyn LogStore>>> = Arc::default();
    let url = url.clone();
    Ok(StoreSource::connecting(move || {
        let (made, url) = (Arc::clone(&made), url.clone());
        async move { made.get_or_try_init(|| stream_store::connect(&url)).await.cloned() }
    }))
}

/// A redactor that knows everything a run is not to show: the values of environment variables whose names say secret,
/// of those in `secret_env`, and what stands in `secret_file`.
///
/// # Errors
/// [`Error::Setting`] when the file cannot be read.
pub fn redactor(secret_env: &[String], secret_file: Option<&Path>) -> Result<Redactor, Error> {
    let redactor = Redactor::builder()
        .build()
        .map_err(|error| Error::Failed(sentence(&error)))?;
    for (name, value) in std::env::vars_os() {
        let (Some(name), value) = (name.to_str(), value.to_string_lossy()) else {
            continue;
        };
        if redact::names_a_secret(name) || secret_env.iter().any(|secret| secret == name) {
            redactor.register(&value);
        }
    }
    if let Some(path) = secret_file {
        register_file(&redactor, path)?;
    }
    Ok(redactor)
}

fn register_file(redactor: &Redactor, path: &Path) -> Result<(), Error> {
    /// More is no list of secrets.
    const LIMIT: u64 = 1024 * 1024;

    let unreadable =
        |error: std::io::Error| Error::Setting(format!("--secret-file: {} cannot be read: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // Read, not measured: a pipe has no length to tell.
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(Error::Setting(format!(
            "--secret-file: {} is larger than 1 MiB",
            path.display()
        )));
    }
    let text = String::from_utf8_lossy(&bytes);
    // A key of many lines is one secret; so is every line, and the value in a NAME=value line.
    redactor.register(text.trim());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        redactor.register(line);
        if let Some((name, value)) = line.split_once('=')
            && name
                .trim_start_matches("export ")
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        {
            redactor.register(value.trim().trim_matches(['"', '\'']));
        }
    }
    Ok(())
}

async fn end(args: EndArgs) -> Result<ExitCode, Error> {
    let store = stream_store::connect(&args.store.store).await?;
    let ending = Ending {
        outcome: args.outcome,
        exit_code: args.exit_code,
    };
    match store.end(&args.job.job, ending, SystemTime::now().into()).await {
        Ok(Ended::At(_)) => {}
        Ok(Ended::WhenLastWriterLeaves) => say("a command is still being recorded; the job ends when it does"),
        Err(StoreError::Ended) => {
            return Err(Error::Failed(format!(
                "job {} has already ended, with another outcome",
                args.job.job
            )));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(ExitCode::SUCCESS)
}

async fn flush(args: FlushArgs) -> Result<ExitCode, Error> {
    let store = stream_store::connect(&args.store.store).await?;
    let flushed = capture::flush(&store, &args.spool.folder(), args.job.as_ref()).await?;
    for (path, error) in &flushed.left {
        say(&format!("{} stays: {}", path.display(), sentence(error)));
    }
    Ok(if flushed.left.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn say(sentence: &str) {
    eprintln!("tailwater-capture: {sentence}");
}
