//! `tailwater run`: a command, its log and its page, in one process.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use capture::{Command, RunOptions};
use log_model::{JobId, Timestamp};
use stream_store::LogStore;

use crate::Error;
use crate::config::Run;
use crate::data::{Data, local_owner};
use crate::page::Page;
use crate::serve::sweep_now_and_then;

/// Runs the command, shows its log on a page as it comes, and ends as the command ended.
///
/// # Errors
/// When the folder or the port cannot be used, or the job has ended before. What the command does is no error.
pub async fn run(args: Run) -> Result<ExitCode, Error> {
    let redactor = tailwater_capture::redactor(&args.secret_env, args.secret_file.as_deref())?;
    let data = Data::open(&args.data.data)?;
    let job = match args.job {
        Some(job) => job,
        None => unused_name(&*data.store).await?,
    };
    let record = data
        .store
        .open(&job, &local_owner(), Timestamp::from(SystemTime::now()))
        .await?;
    if record.is_over() {
        return Err(Error::JobEnded { job });
    }
    let page = Page::open(&data, args.port).await?;
    // On standard error, so that the command's own output stays what it is.
    eprintln!("tailwater: follow {job} at {}", page.address_of(&job));

    let sweeping = tokio::spawn(sweep_now_and_then(data.clone(), redactor.clone()));
    let mut options = RunOptions::new(job.clone());
    options.owner = Some(local_owner());
    options.phase = Some(args.phase);
    options.pty = args.pty;
    options.end = true;
    options.quiet = args.quiet;
    options.spool_dir = data.spools();
    let mut words = args.command.into_iter();
    let mut command = Command::new(words.next().unwrap_or_default(), words);
    command.env_remove = tailwater_capture::own_settings();
    let done = capture::run(Arc::clone(&data.store), redactor, options, command).await;
    sweeping.abort();
    page.close().await?;
    let report = done?;

    if let Some(problem) = &report.problem {
        eprintln!("tailwater: {problem}");
    }
    if let Some(message) = report.log.message() {
        eprintln!("tailwater: {message}");
    }
    let hidden = match report.log.redactions {
        0 => String::new(),
        1 => ", 1 secret hidden".to_owned(),
        hidden => format!(", {hidden} secrets hidden"),
    };
    let lines = report.log.lines;
    let lines = if lines == 1 {
        "1 line".to_owned()
    } else {
        format!("{lines} lines")
    };
    eprintln!("tailwater: {lines} kept{hidden}; see them again with: tailwater serve");
    Ok(ExitCode::from(u8::try_from(report.exit.status()).unwrap_or(1)))
}

/// A name by the time of day, as in `job-20261123-101500`; with a number behind it when that is taken.
async fn unused_name(store: &dyn LogStore) -> Result<JobId, Error> {
    let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let mut name = format!("job-{now}");
    for number in 2_u32.. {
        let job = JobId::new(&name).map_err(|error| Error::Setting {
            problem: error.to_string(),
        })?;
        if store.job(&job).await?.is_none() {
            return Ok(job);
        }
        name = format!("job-{now}-{number}");
    }
    Err(Error::Setting {
        problem: "no free name for the job is left; name one with --job".to_owned(),
    })
}
