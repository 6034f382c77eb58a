//! The sweep's side: what is due, who works on it, what is forgotten, masked or erased. Each function is one
//! transaction's work.

use std::time::Duration;

use log_model::{JobId, LogEntry, Seq, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use super::cleaning;
use super::records::{self, int, time};
use crate::record::{Erasure, JobRecord, State};
use crate::store::{Due, Error, JobPage, ListCursor, Result};

/// How many rows one transaction takes away, so that a writer waiting for its turn never waits for long.
pub(super) const STEP: u64 = 1000;

/// Records whose time is over go; the archive knows those jobs.
pub(super) fn drop_expired(db: &Connection, now: Timestamp) -> Result<()> {
    db.prepare_cached("DELETE FROM jobs WHERE expires <= ?1")?
        .execute([time(now)])?;
    Ok(())
}

/// A part of the jobs that are to be looked at by `by`.
pub(super) fn due(
    db: &Connection,
    now: Timestamp,
    by: Timestamp,
    cursor: Option<ListCursor>,
    limit: usize,
) -> Result<JobPage> {
    let (since, after) = match &cursor {
        None => (i64::MIN, 0),
        Some(ListCursor(text)) => {
            let place = text.split_once(' ');
            place
                .and_then(|(since, after)| Some((since.parse().ok()?, after.parse().ok()?)))
                .ok_or_else(no_place)?
        }
    };
    let limit = limit.max(1);
    let mut statement = db.prepare_cached(
        "SELECT number, job, record, due FROM jobs
         WHERE (due, number) > (?1, ?2) AND due <= ?3 AND (expires IS NULL OR expires > ?4)
         ORDER BY due, number LIMIT ?5",
    )?;
    let rows = statement
        .query_map(params![since, after, time(by), time(now), limit_of(limit)], |row| {
            Ok((row_of(row)?, row.get::<_, i64>(3)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let next = rows
        .last()
        .filter(|_| rows.len() == limit)
        .map(|((number, ..), due)| ListCursor(format!("{due} {number}")));
    let jobs = rows
        .into_iter()
        .map(|(row, _)| to_due(db, row))
        .collect::<Result<_>>()?;
    Ok(JobPage { jobs, next })
}

/// Nobody need look at the job before `at`.
pub(super) fn look_again(db: &Connection, job: &JobId, at: Timestamp) -> Result<()> {
    db.prepare_cached("UPDATE jobs SET due = max(due, ?2) WHERE job = ?1")?
        .execute(params![job.as_str(), time(at)])?;
    Ok(())
}

/// Somebody should look at the job at `at`, if not earlier.
pub(super) fn look_sooner(db: &Connection, job: i64, at: Timestamp) -> Result<()> {
    db.prepare_cached("UPDATE jobs SET due = min(due, ?2) WHERE number = ?1")?
        .execute(params![job, time(at)])?;
    Ok(())
}

fn no_place() -> Error {
    super::trouble::setting("that is no place in the list of jobs".to_owned())
}

pub(super) fn list(db: &Connection, now: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
    let after: i64 = match cursor {
        None => 0,
        Some(ListCursor(text)) => text.parse().map_err(|_| no_place())?,
    };
    let limit = limit.max(1);
    let mut statement = db.prepare_cached(
        "SELECT number, job, record FROM jobs
         WHERE number > ?1 AND (expires IS NULL OR expires > ?2) ORDER BY number LIMIT ?3",
    )?;
    let rows = statement
        .query_map(params![after, time(now), limit_of(limit)], row_of)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let next = rows
        .last()
        .filter(|_| rows.len() == limit)
        .map(|(number, ..)| ListCursor(number.to_string()));
    let jobs = rows.into_iter().map(|row| to_due(db, row)).collect::<Result<_>>()?;
    Ok(JobPage { jobs, next })
}

type Listed = (i64, String, String);

fn row_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<Listed> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn to_due(db: &Connection, (number, job, json): Listed) -> Result<Due> {
    let job = JobId::new(&job).map_err(|_| Error::Damaged {
        what: "a job's name has no name's form".into(),
    })?;
    let record = records::with_writers(
        db,
        records::Job {
            number,
            record: records::parse(&json)?,
        },
    )?;
    Ok(Due {
        job,
        record: Some(record),
    })
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(super) fn claim(db: &Connection, now: Timestamp, job: &JobId, holder: &str, ttl: Duration) -> Result<()> {
    let job = records::require(db, job, now)?;
    let taken: Option<String> = db
        .prepare_cached("SELECT holder FROM jobs WHERE number = ?1 AND held_until > ?2")?
        .query_row(params![job.number, time(now)], |row| row.get(0))
        .optional()?
        .flatten();
    if taken.is_some_and(|taken| taken != holder) {
        return Err(Error::Claimed);
    }
    db.prepare_cached("UPDATE jobs SET holder = ?2, held_until = ?3 WHERE number = ?1")?
        .execute(params![job.number, holder, time(now.plus(ttl))])?;
    Ok(())
}

pub(super) fn release(db: &Connection, job: &JobId, holder: &str) -> Result<()> {
    db.prepare_cached("UPDATE jobs SET holder = NULL, held_until = NULL WHERE job = ?1 AND holder = ?2")?
        .execute(params![job.as_str(), holder])?;
    Ok(())
}

pub(super) fn archived(db: &Connection, now: Timestamp, job: &JobId, through: Seq) -> Result<()> {
    let mut job = records::require(db, job, now)?;
    let through = through.min(job.record.head);
    if job.record.archived < through {
        job.record.archived = through;
        records::save(db, &job)?;
    }
    Ok(())
}

/// Forgets at most [`STEP`] entries; true while there are more.
pub(super) fn forget(db: &Connection, now: Timestamp, job: &JobId, through: Seq, keep: Duration) -> Result<bool> {
    let mut job = records::require(db, job, now)?;
    let through = through.min(job.record.archived);
    if through >= job.record.held_from {
        let last = through.min(job.record.held_from.plus(STEP - 1));
        delete_through(db, job.number, last)?;
        job.record.held_from = last.next();
        records::save(db, &job)?;
        if last < through {
            return Ok(true);
        }
    }
    if job.record.state == State::Ended && job.record.held().is_none() {
        shrink(db, &mut job, now.plus(keep))?;
    }
    Ok(false)
}

fn delete_through(db: &Connection, job: i64, last: Seq) -> Result<()> {
    db.prepare_cached("DELETE FROM entries WHERE job = ?1 AND seq <= ?2")?
        .execute(params![job, int(last.get())])?;
    Ok(())
}

/// Leaves of a record what the archive's manifest does not say better.
fn shrink(db: &Connection, job: &mut records::Job, expires: Timestamp) -> Result<()> {
    let full = &job.record;
    job.record = JobRecord {
        state: State::Ended,
        head: full.head,
        held_from: full.held_from,
        confirmed: full.head,
        archived: full.head,
        revision: full.revision,
        touched: full.touched,
        ending: full.ending,
        ended: full.ended,
        ..JobRecord::opened(full.owner.clone(), full.opened)
    };
    records::save(db, job)?;
    records::drop_companions(db, job.number)?;
    // Asked again, the record's time does not begin anew.
    db.prepare_cached("UPDATE jobs SET expires = ifnull(expires, ?2) WHERE number = ?1")?
        .execute(params![job.number, time(expires)])?;
    Ok(())
}

pub(super) fn mask(db: &Connection, now: Timestamp, job: &JobId, entry: &LogEntry) -> Result<u32> {
    let mut job = records::require(db, job, now)?;
    records::not_erased(&job)?;
    let written = entry.seq >= Seq::FIRST && entry.seq <= job.record.head;
    if written && job.record.unused.iter().all(|unused| !unused.contains(entry.seq)) {
        let held = job.record.held();
        if held.is_some_and(|held| held.contains(entry.seq)) {
            records::replace(db, job.number, entry)?;
            cleaning::note(db)?;
        }
        job.record.revision += 1;
        // A record that has shrunk has no followers to be told.
        if job.record.state != State::Ended || held.is_some() {
            db.prepare_cached("INSERT INTO masks (job, revision, seq) VALUES (?1, ?2, ?3)")?
                .execute(params![job.number, job.record.revision, int(entry.seq.get())])?;
        }
        records::save(db, &job)?;
    }
    Ok(job.record.revision)
}

pub(super) fn erase(
    db: &Connection,
    now: Timestamp,
    job: &JobId,
    by: &str,
    why: &str,
    at: Timestamp,
) -> Result<(i64, u32)> {
    let mut job = records::require(db, job, now)?;
    if job.record.state != State::Erased {
        job.record.state = State::Erased;
        job.record.revision += 1;
        job.record.held_from = job.record.head.next();
        job.record.erased = Some(Erasure {
            at,
            by: by.to_owned(),
            why: why.to_owned(),
        });
        records::save(db, &job)?;
        records::drop_companions(db, job.number)?;
        look_sooner(db, job.number, at)?;
        db.prepare_cached("UPDATE jobs SET expires = NULL WHERE number = ?1")?
            .execute([job.number])?;
    }
    cleaning::note(db)?;
    Ok((job.number, job.record.revision))
}

/// Takes away what is left of an erased job's entries, at most [`STEP`]; true while there are more.
pub(super) fn erase_entries(db: &Connection, job: i64) -> Result<bool> {
    let gone = db
        .prepare_cached(
            "DELETE FROM entries WHERE job = ?1 AND seq <= (
                SELECT max(seq) FROM (SELECT seq FROM entries WHERE job = ?1 ORDER BY seq LIMIT ?2))",
        )?
        .execute(params![job, int(STEP)])?;
    Ok(gone > 0)
}
