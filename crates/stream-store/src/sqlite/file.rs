//! Opening the file: who may read it, how SQLite is to treat it, and the tables in it.

use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::trouble;
use crate::store::{Error, Result};

/// How long a statement waits for another process's lock before it gives up. Nobody holds one for longer than a batch
/// takes, so only a stopped process or a failing disk is ever met with this.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// Marks the file as ours ("tail"), so that another program's database is never written to.
const APPLICATION: i64 = 0x7461_696c;

/// The version of the tables below; raised with every change an older program could not live with.
const VERSION: i64 = 1;

/// `entries` is clustered by its key, so a page of a log is one walk over neighbouring rows. Jobs have a number, since
/// their name would otherwise stand in every row. `record` is the JSON of a `JobRecord` without its writers, who change
/// with every batch and have a table; `landed` holds the answers a writer may ask for again; `masks` which entry each
/// revision masked; `residue` has a row as long as masked or erased text may still lie between the live rows.
///
/// `due` says when a job is to be looked at. Programs that do not know it used `touched` and `visited`, and still can.
const TABLES: &str = "
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL,
    over INTEGER NOT NULL,
    held INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    visited INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL DEFAULT 0,
    holder TEXT,
    held_until INTEGER,
    expires INTEGER
) STRICT;
CREATE INDEX jobs_due ON jobs (due);
CREATE TABLE writers (
    job INTEGER NOT NULL,
    writer TEXT NOT NULL,
    fence INTEGER NOT NULL,
    next INTEGER NOT NULL,
    renewed INTEGER,
    PRIMARY KEY (job, writer)
) STRICT, WITHOUT ROWID;
CREATE TABLE landed (
    job INTEGER NOT NULL,
    writer TEXT NOT NULL,
    number INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (job, writer, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE masks (
    job INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (job, revision)
) STRICT, WITHOUT ROWID;
CREATE TABLE residue (
    number INTEGER PRIMARY KEY AUTOINCREMENT
) STRICT;
CREATE TABLE entries (
    job INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (job, seq)
) STRICT, WITHOUT ROWID;
";

/// What a file lacks that was made before jobs were looked at by a schedule. Programs of that time can live with it.
const SCHEDULE: &str = "
ALTER TABLE jobs ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_due ON jobs (due);
";

/// Opens the file for the first time in this process: creates it for its user alone, checks that it is ours, and brings
/// its tables up to date.
pub(super) fn open(path: &Path) -> Result<Connection> {
    create(path)?;
    set_up(path).map_err(|error| trouble::on_opening(path, error))
}

/// One more connection to a file that [`open`] found in order.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    // No SQLITE_OPEN_URI: a path is a path, whatever it begins with. No SQLITE_OPEN_CREATE: a file that was taken away
    // is trouble, not a fresh start.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Deleted text is overwritten with zeros where it stood; what that does not reach, `cleaning` does. NORMAL: a power
    // cut may cost the last moments (which `confirm` is for), never the file's soundness.
    connection.execute_batch("PRAGMA secure_delete = ON; PRAGMA synchronous = NORMAL;")?;
    Ok(connection)
}

/// Whether somebody other than the file's user may read it.
pub(super) fn others_may_read(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

fn create(path: &Path) -> Result<()> {
    if path.as_os_str().is_empty() {
        return Err(trouble::setting(
            "the log file needs a path, as in sqlite:/var/lib/tailwater/log.db".to_owned(),
        ));
    }
    if path.is_dir() {
        return Err(trouble::setting(format!(
            "{} is a folder: the log needs a file",
            path.display()
        )));
    }
    // SQLite gives its two companion files the mode of this one.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    file.map(drop).map_err(|error| trouble::file_system(path, error))
}

fn set_up(path: &Path) -> Result<Connection> {
    let mut connection = connect(path)?;
    let new = {
        // One moment's view: another process may be setting the file up between two of the questions.
        let tx = connection.transaction()?;
        let new = check(&tx, path)?;
        tx.commit()?;
        new
    };
    write_ahead(&connection, path)?;
    if !new && !has_schedule(&connection)? {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been quicker.
        if !has_schedule(&tx)? {
            tx.execute_batch(SCHEDULE)?;
        }
        tx.commit()?;
    }
    if new {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have been quicker.
        if check(&tx, path)? {
            tx.execute_batch(TABLES)?;
            tx.pragma_update(None, "application_id", APPLICATION)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        tx.commit()?;
    }
    Ok(connection)
}

fn has_schedule(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT count(*) > 0 FROM pragma_table_info('jobs') WHERE name = 'due'",
        [],
        |row| row.get(0),
    )
}

/// Whether the file is still empty; an error when it is not ours, or from a newer program.
fn check(connection: &Connection, path: &Path) -> Result<bool> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(true),
        (APPLICATION, VERSION, _) => Ok(false),
        (APPLICATION, newer, _) if newer > VERSION => Err(trouble::setting(format!(
            "the log file {} was written by a newer Tailwater (its format is {newer}, this one knows {VERSION}): \
             use that version, or another file",
            path.display()
        ))),
        _ => Err(trouble::not_a_log(path)),
    }
}

/// Switches to the write-ahead log, in which readers and the writer do not wait for each other.
fn write_ahead(connection: &Connection, path: &Path) -> Result<()> {
    // The switch needs the file to itself for a moment and does not wait for it, whatever the time-out says; two
    // processes that start together meet here.
    let deadline = Instant::now() + BUSY;
    loop {
        let mode = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(_) => {
                return Err(trouble::setting(format!(
                    "the log file {} lies on a file system without shared memory: use a local disk",
                    path.display()
                )));
            }
            Err(error) => {
                let error = trouble::in_use(error);
                let busy = matches!(&error, Error::Unavailable { source } if is_busy(source.as_ref()));
                if !busy || Instant::now() >= deadline {
                    return Err(error);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn is_busy(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let code = source
        .downcast_ref::<rusqlite::Error>()
        .and_then(rusqlite::Error::sqlite_error_code);
    matches!(
        code,
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}
