//! Taking masked and erased text out of the file for good.
//!
//! SQLite's `secure_delete` overwrites a row where it stood. It does not reach copies that stayed behind, in what is now
//! free space, when rows moved to another page to make room for others; nor the write-ahead log. So the file is written
//! anew from its live rows, and the log cut to nothing. That takes as long as copying the file does and keeps writers
//! waiting meanwhile, which is why it is done after erasures and masked lines only, and once for many of the latter.

use rusqlite::Connection;

use super::keeping;
use crate::store::{Error, Result};

/// Says, in the transaction that takes text away, that traces of it may remain. A crash does not forget it.
pub(super) fn note(db: &Connection) -> Result<()> {
    db.prepare_cached("INSERT INTO residue DEFAULT VALUES")?.execute([])?;
    Ok(())
}

/// Whether there may be traces.
pub(super) fn is_due(db: &Connection) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM residue)")?
        .query_row([], |row| row.get(0))?)
}

/// Removes all traces there may be. Must not be called inside a transaction.
pub(super) fn clean(db: &Connection) -> Result<()> {
    let noted: Option<i64> = db.query_row("SELECT max(number) FROM residue", [], |row| row.get(0))?;
    let Some(noted) = noted else { return Ok(()) };
    finish_erasures(db)?;
    db.execute_batch("VACUUM")?;
    let hindered: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if hindered != 0 {
        return Err(Error::Unavailable {
            source: "a reader kept the write-ahead log from being emptied".into(),
        });
    }
    // What was noted since then is the next one's work.
    db.execute("DELETE FROM residue WHERE number <= ?1", [noted])?;
    Ok(())
}

/// An erasure that a crash cut short: its record says erased, and rows are left.
fn finish_erasures(db: &Connection) -> Result<()> {
    let unfinished: Vec<i64> = db
        .prepare(
            "SELECT number FROM jobs WHERE over AND held = 0
             AND EXISTS (SELECT 1 FROM entries WHERE entries.job = jobs.number)",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for job in unfinished {
        while keeping::erase_entries(db, job)? {}
    }
    Ok(())
}
