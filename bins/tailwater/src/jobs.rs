//! `tailwater jobs`: what was captured here, newest first.

use std::io::Write;

use jiff::Timestamp as Instant;
use log_model::JobId;
use stream_store::{JobRecord, ListCursor, LogStore};

use crate::Error;
use crate::config::DataArgs;
use crate::data::Data;

/// How many jobs a list shows at most; older ones are still there under their names.
pub const LIST_LIMIT: usize = 1000;

/// Prints the list.
///
/// # Errors
/// When the folder or its store cannot be read, or standard output takes no more.
pub async fn jobs(args: &DataArgs) -> Result<(), Error> {
    let data = Data::existing(&args.data)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<20}  {:<10}  {:>9}  JOB", "OPENED (UTC)", "STATUS", "LINES")?;
    for (job, record) in newest_first(&*data.store).await? {
        let opened = i64::try_from(record.opened.as_millis())
            .ok()
            .and_then(|ms| Instant::from_millisecond(ms).ok());
        let opened = opened.map_or_else(String::new, |t| t.strftime("%Y-%m-%d %H:%M:%S").to_string());
        writeln!(
            out,
            "{opened:<20}  {:<10}  {:>9}  {job}",
            status(&record),
            record.counts.lines
        )?;
    }
    Ok(())
}

/// The last [`LIST_LIMIT`] jobs of a store, newest first.
///
/// # Errors
/// Whatever the store answers.
pub async fn newest_first(store: &dyn LogStore) -> Result<Vec<(JobId, JobRecord)>, stream_store::Error> {
    let (mut jobs, mut cursor) = (Vec::new(), None::<ListCursor>);
    loop {
        let page = store.list(cursor, 500).await?;
        jobs.extend(page.jobs.into_iter().filter_map(|due| Some((due.job, due.record?))));
        jobs.sort_by_key(|(_, record)| std::cmp::Reverse(record.opened));
        jobs.truncate(LIST_LIMIT);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(jobs),
        }
    }
}

/// How a job stands, in one word.
pub fn status(record: &JobRecord) -> &'static str {
    record
        .outcome()
        .map_or(record.state.as_str(), |ending| ending.outcome.as_str())
}
