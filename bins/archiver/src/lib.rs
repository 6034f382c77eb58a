//! The archiver as a program: one sweep, one every interval, a purge, or a check of what is archived.
//!
//! [`config`] is what it can be told. [`run`] does it and can be called from a test, with a future that stands for the
//! signal to stop.
#![forbid(unsafe_code)]

pub mod config;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use archiver::{Archive, Policy, Stop, Swept};
use log_model::Timestamp;
use redact::Redactor;
use settings::sentence;
use stream_store::LogStore;
use tracing::{error, info, warn};

use crate::config::{Args, Command};

/// What went wrong before or instead of the work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The recent store.
    #[error("the recent store cannot be used")]
    Store(#[from] stream_store::Error),
    /// The archive, or either side during the work.
    #[error(transparent)]
    Archive(#[from] archiver::Error),
    /// The redaction rules.
    #[error("the redaction rules cannot be used")]
    Rules(#[from] redact::Error),
}

impl Error {
    fn is_a_setting(&self) -> bool {
        matches!(
            self,
            Self::Store(stream_store::Error::Setting { .. }) | Self::Archive(archiver::Error::Setting { .. })
        )
    }
}

/// Does what it is told. `stop` asks it to finish the step it is at and end.
///
/// The answer is success only if nothing was left undone.
pub async fn run(args: Args, stop: impl Future<Output = ()> + Send + 'static) -> ExitCode {
    let asked = Stop::default();
    let asking = asked.clone();
    let listening = tokio::spawn(async move {
        stop.await;
        info!("asked to stop: finishing the current step");
        asking.ask();
    });
    let done = work(&args, &asked).await;
    listening.abort();
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            // Said plainly as well, because the log may be turned off.
            eprintln!("tailwater-archiver: {}", sentence(&problem));
            error!(error = &problem as &dyn std::error::Error, "nothing more could be done");
            ExitCode::from(if problem.is_a_setting() { 2 } else { 1 })
        }
    }
}

/// Ends when the process is asked to: SIGTERM, or SIGINT as from a terminal.
pub async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Without handlers the signals end the process at once, which every step survives.
        _ => std::future::pending().await,
    }
}

/// True when nothing was left undone.
async fn work(args: &Args, stop: &Stop) -> Result<bool, Error> {
    let store = stream_store::connect(&args.sides.store.store).await?;
    let archive = Archive::open(&args.sides.archive)?;
    for warning in store.warnings().await? {
        warn!("{warning}");
    }
    let redactor = Redactor::builder().build()?;
    let policy = args.policy();
    match &args.command {
        None => {
            if !archive.probe().await?.conditional_put {
                warn!(
                    "the archive has no conditional writes: the recent store's claim is the only lock between archivers"
                );
            }
            sweeps(&store, &archive, &redactor, &policy, args.sweep.every, stop).await
        }
        Some(Command::Verify { job, rescan }) => {
            let rescan = rescan.then_some(&redactor);
            let verified = archiver::verify(&*store, &archive, job.as_ref(), rescan, &policy, stop).await?;
            for (job, problem) in &verified.problems {
                println!("{job}: {problem}");
            }
            println!(
                "{} jobs, {} segments, {} lines read; {} compared with the recent store; {} masked; {} wrong",
                verified.jobs, verified.segments, verified.entries, verified.compared, verified.masked, verified.wrong
            );
            Ok(verified.is_right())
        }
        Some(purge @ Command::Purge { .. }) => {
            let Some(order) = purge.order() else { return Ok(false) };
            let purged = archiver::purge(&*store, Some(&archive), &order, now()).await?;
            info!(job = %order.job, entry = order.seq.map(tracing::field::display), revision = purged.revision, "purged");
            let sides = match (purged.recent, purged.archive) {
                (true, true) => "in the recent store and in the archive",
                (true, false) => "in the recent store",
                _ => "in the archive",
            };
            match order.seq {
                Some(seq) => println!("line {seq} of {} is masked {sides}", order.job),
                None => println!("{} is erased {sides}", order.job),
            }
            Ok(true)
        }
    }
}

/// One sweep, or one after the other until asked to stop.
async fn sweeps(
    store: &Arc<dyn LogStore>,
    archive: &Archive,
    redactor: &Redactor,
    policy: &Policy,
    every: Option<Duration>,
    stop: &Stop,
) -> Result<bool, Error> {
    loop {
        let started = std::time::Instant::now();
        let swept = archiver::sweep_until(&**store, archive, redactor, now(), policy, stop).await;
        match &swept {
            Ok(swept) => report(swept, started.elapsed()),
            // With an interval, the next sweep may find the store there again.
            Err(error) if every.is_some() => {
                error!(error = error as &dyn std::error::Error, "the sweep was broken off")
            }
            Err(_) => {}
        }
        let Some(every) = every else {
            return Ok(swept?.is_complete());
        };
        if !pause(every, stop).await {
            // Asked to stop between two sweeps, or within the one that was then left as it was.
            return Ok(swept.is_ok_and(|swept| swept.is_complete()));
        }
    }
}

/// False when asked to stop meanwhile.
async fn pause(length: Duration, stop: &Stop) -> bool {
    const LOOK: Duration = Duration::from_millis(100);
    let until = tokio::time::Instant::now() + length;
    while !stop.is_asked() {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            return true;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
    false
}

fn report(swept: &Swept, elapsed: Duration) {
    info!(
        jobs = swept.jobs,
        segments = swept.segments,
        lines = swept.entries,
        bytes = swept.bytes,
        masked = swept.masked,
        forgotten = swept.forgotten,
        elsewhere = swept.elsewhere,
        undone = swept.undone,
        elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        "swept"
    );
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
