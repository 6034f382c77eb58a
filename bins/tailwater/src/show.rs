//! `tailwater show`: a log in the terminal.

use std::io::Write;

use archiver::{Cursor, History, PageSize};
use futures::StreamExt;
use log_model::{JobId, LogEntry, LogEvent, Seq, Span, StageState};
use stream_store::Change;

use crate::Error;
use crate::config::Show;
use crate::data::{Data, local_owner};

const PAGE: PageSize = PageSize {
    entries: 1000,
    bytes: 4 << 20,
};

/// Prints what there is, and with `--follow` what comes, until the job has ended.
///
/// # Errors
/// [`Error::NoSuchJob`], and whatever the store or the archive answers.
pub async fn show(args: &Show) -> Result<(), Error> {
    let data = Data::existing(&args.data.data)?;
    let history = data.history();
    if history.job(&args.job, &[local_owner()]).await?.is_none() {
        return Err(Error::NoSuchJob { job: args.job.clone() });
    }
    let after = print_after(&history, &args.job, Seq::ZERO).await?;
    if !args.follow {
        return Ok(());
    }
    if data.store.job(&args.job).await?.is_none_or(|record| record.is_over()) {
        // It may have ended since the last page was read.
        print_after(&history, &args.job, after).await?;
    } else {
        let mut changes = data.store.follow(&args.job, after);
        while let Some(change) = changes.next().await {
            match change {
                Ok(Change::Entries(entries)) => {
                    print(&entries)?;
                }
                Ok(_) => {}
                Err(error @ (stream_store::Error::NoSuchJob | stream_store::Error::Erased)) => return Err(error.into()),
                Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "waiting for the store"),
            }
        }
    }
    Ok(())
}

/// Prints everything there is after a place; returns the last one's.
async fn print_after(history: &History, job: &JobId, mut after: Seq) -> Result<Seq, Error> {
    loop {
        let page = history.page(job, Cursor::After(after), PAGE).await?;
        after = print(&page.entries)?.unwrap_or(after);
        if !page.has_more {
            return Ok(after);
        }
    }
}

/// Prints entries to standard output; returns the last one's place.
fn print(entries: &[LogEntry]) -> Result<Option<Seq>, Error> {
    let mut out = std::io::stdout().lock();
    for entry in entries {
        match &entry.recorded.event {
            LogEvent::Line { text, .. } => writeln!(out, "{text}")?,
            other => writeln!(out, "{}", mark(other, entry))?,
        }
    }
    out.flush()?;
    Ok(entries.last().map(|entry| entry.seq))
}

/// A line for what is no line of the command's.
fn mark(event: &LogEvent, entry: &LogEntry) -> String {
    let phase = entry.recorded.phase.as_ref().map_or("command", |phase| phase.as_str());
    match event {
        LogEvent::Stage {
            state: StageState::Started,
        } => format!("── {phase} started"),
        LogEvent::Stage {
            state: StageState::Finished { exit_code, duration_ms },
        } => {
            let code = exit_code.map_or_else(String::new, |code| format!(", exit code {code}"));
            format!(
                "── {phase} finished after {}.{} s{code}",
                duration_ms / 1000,
                duration_ms % 1000 / 100
            )
        }
        LogEvent::Gap { lines, span, reason } => {
            let lines = lines.or(span.map(Span::len));
            let lines = lines.map_or_else(|| "some lines".to_owned(), |lines| format!("{lines} lines"));
            format!("── {lines} are missing here ({reason})")
        }
        LogEvent::Ended { outcome, counts, .. } => {
            format!(
                "── {outcome}: {} lines, {} secrets hidden",
                counts.lines, counts.redactions
            )
        }
        _ => "── something this version does not know".to_owned(),
    }
}
