//! `tailwater serve`: the page for what was captured before.

use std::time::Duration;

use ::redact::Redactor;
use archiver::Policy;
use log_model::Timestamp;
use std::time::SystemTime;

use crate::Error;
use crate::config::Serve;
use crate::data::Data;
use crate::page::Page;

/// How often old lines are moved to the archive folder while a program of ours runs.
const SWEEP_EVERY: Duration = Duration::from_secs(15 * 60);

/// Serves the page until the process is told to stop.
///
/// # Errors
/// When the folder cannot be used, or the port is taken.
pub async fn serve(args: &Serve) -> Result<(), Error> {
    let data = Data::existing(&args.data.data)?;
    let page = Page::open(&data, args.port).await?;
    println!("tailwater: open {}", page.address());
    let sweeping = tokio::spawn(sweep_now_and_then(data, Redactor::builder().build()?));
    asked_to_stop().await?;
    sweeping.abort();
    page.close().await
}

/// Moves what is old to the archive folder, now and every quarter of an hour. Trouble is logged and tried again.
pub async fn sweep_now_and_then(data: Data, redactor: Redactor) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        let now = Timestamp::from(SystemTime::now());
        match archiver::sweep(&*data.store, &data.archive, &redactor, now, &Policy::default()).await {
            Ok(swept) => tracing::debug!(?swept, "swept"),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the sweep will be tried again"
            ),
        }
    }
}

/// Comes back when the process is interrupted or asked to end.
async fn asked_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
