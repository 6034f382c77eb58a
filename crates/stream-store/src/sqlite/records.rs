//! Rows and values: a job's record, its writers and its entries, in and out of the tables.

use log_model::{Fence, JobId, LogEntry, Recorded, Seq, Span, Timestamp, WriterId};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::trouble;
use crate::READ_LIMIT;
use crate::record::{JobRecord, State, WriterRecord};
use crate::store::{Error, Result, Silence};

/// A job's row. The record's writers stay empty in here: see [`with_writers`].
pub(super) struct Job {
    pub(super) number: i64,
    pub(super) record: JobRecord,
}

/// A writer's row.
pub(super) struct Slot {
    pub(super) id: WriterId,
    pub(super) fence: Fence,
    pub(super) next: u64,
    /// When it last gave a sign of life; none once it left.
    pub(super) renewed: Option<Timestamp>,
}

impl Slot {
    /// Until when its lease runs, for those who do not say how long one lasts.
    pub(super) fn lease_until(&self) -> Option<Timestamp> {
        self.renewed
            .map(|renewed| renewed.plus(Silence::default().silent_after))
    }
}

/// SQLite's integers are signed; nothing counted here comes near the limit, and what is without limit stays there.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn time(at: Timestamp) -> i64 {
    int(at.as_millis())
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| number.try_into().unwrap_or(0))
}

fn seq(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    unsigned(row, column).map(|number| Seq::new(number).unwrap_or(Seq::MAX))
}

/// The job's row, unless its record's time is over.
pub(super) fn find(db: &Connection, job: &JobId, now: Timestamp) -> Result<Option<Job>> {
    let row = db
        .prepare_cached("SELECT number, record FROM jobs WHERE job = ?1 AND (expires IS NULL OR expires > ?2)")?
        .query_row(params![job.as_str(), time(now)], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?))
        })
        .optional()?;
    row.map(|(number, json)| {
        Ok(Job {
            number,
            record: parse(&json)?,
        })
    })
    .transpose()
}

pub(super) fn require(db: &Connection, job: &JobId, now: Timestamp) -> Result<Job> {
    find(db, job, now)?.ok_or(Error::NoSuchJob)
}

pub(super) fn parse(json: &str) -> Result<JobRecord> {
    serde_json::from_str(json).map_err(trouble::bad_record)
}

/// The columns of a row that are there to be searched: over, held, touched.
fn searched(record: &JobRecord) -> (bool, i64, i64) {
    (
        record.is_over(),
        record.held().map_or(0, |span| int(span.len())),
        time(record.touched),
    )
}

fn to_json(record: &JobRecord) -> String {
    serde_json::to_string(record).expect("strings, numbers and lists always have a JSON form")
}

/// A new job, which is to be looked at `due` first.
pub(super) fn insert(db: &Connection, job: &JobId, record: &JobRecord, due: Timestamp) -> Result<()> {
    let (over, held, touched) = searched(record);
    db.prepare_cached("INSERT INTO jobs (job, record, over, held, touched, due) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![job.as_str(), to_json(record), over, held, touched, time(due)])?;
    Ok(())
}

pub(super) fn save(db: &Connection, job: &Job) -> Result<()> {
    let (over, held, touched) = searched(&job.record);
    db.prepare_cached("UPDATE jobs SET record = ?2, over = ?3, held = ?4, touched = ?5 WHERE number = ?1")?
        .execute(params![job.number, to_json(&job.record), over, held, touched])?;
    Ok(())
}

/// The whole record, for callers.
pub(super) fn with_writers(db: &Connection, job: Job) -> Result<JobRecord> {
    let mut record = job.record;
    record.writers = slots(db, job.number)?
        .into_iter()
        .map(|slot| {
            let known = WriterRecord {
                fence: slot.fence,
                next: slot.next,
                lease_until: slot.lease_until(),
            };
            (slot.id, known)
        })
        .collect();
    Ok(record)
}

fn read_slot(row: &Row<'_>) -> rusqlite::Result<(String, Fence, u64, Option<Timestamp>)> {
    let renewed = row
        .get::<_, Option<i64>>(3)?
        .map(|at| Timestamp::from_millis(at.try_into().unwrap_or(0)));
    Ok((row.get(0)?, Fence(unsigned(row, 1)?), unsigned(row, 2)?, renewed))
}

pub(super) fn slots(db: &Connection, job: i64) -> Result<Vec<Slot>> {
    let mut statement =
        db.prepare_cached("SELECT writer, fence, next, renewed FROM writers WHERE job = ?1 ORDER BY writer")?;
    statement
        .query_map([job], read_slot)?
        .map(|row| {
            let (id, fence, next, renewed) = row?;
            let id = WriterId::new(&id).map_err(|_| Error::Damaged {
                what: "a writer's name has no name's form".into(),
            })?;
            Ok(Slot {
                id,
                fence,
                next,
                renewed,
            })
        })
        .collect()
}

pub(super) fn slot(db: &Connection, job: i64, id: &WriterId) -> Result<Option<Slot>> {
    let row = db
        .prepare_cached("SELECT writer, fence, next, renewed FROM writers WHERE job = ?1 AND writer = ?2")?
        .query_row(params![job, id.as_str()], read_slot)
        .optional()?;
    Ok(row.map(|(_, fence, next, renewed)| Slot {
        id: id.clone(),
        fence,
        next,
        renewed,
    }))
}

pub(super) fn save_slot(db: &Connection, job: i64, slot: &Slot) -> Result<()> {
    db.prepare_cached("REPLACE INTO writers (job, writer, fence, next, renewed) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            job,
            slot.id.as_str(),
            int(slot.fence.0),
            int(slot.next),
            slot.renewed.map(time)
        ])?;
    Ok(())
}

/// Writes entries behind the head and moves it.
pub(super) fn push(db: &Connection, job: &mut Job, events: impl IntoIterator<Item = Recorded>) -> Result<()> {
    let mut statement = db.prepare_cached("INSERT INTO entries (job, seq, json) VALUES (?1, ?2, ?3)")?;
    let mut json = Vec::with_capacity(256);
    for recorded in events {
        let entry = LogEntry {
            seq: job.record.head.next(),
            recorded,
        };
        json.clear();
        entry.write_json(&mut json);
        statement.execute(params![job.number, int(entry.seq.get()), text(&json)])?;
        job.record.head = entry.seq;
    }
    Ok(())
}

/// Puts an entry in the place of the one that has its seq.
pub(super) fn replace(db: &Connection, job: i64, entry: &LogEntry) -> Result<()> {
    let mut json = Vec::with_capacity(256);
    entry.write_json(&mut json);
    db.prepare_cached("UPDATE entries SET json = ?3 WHERE job = ?1 AND seq = ?2")?
        .execute(params![job, int(entry.seq.get()), text(&json)])?;
    Ok(())
}

/// JSON is UTF-8, which SQLite takes on trust.
fn text(json: &[u8]) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(ValueRef::Text(json))
}

/// What of `span` the store holds, at most [`READ_LIMIT`] entries; a hole that no unused span explains is damage.
pub(super) fn read(db: &Connection, job: &Job, span: Span) -> Result<Vec<LogEntry>> {
    let Some(span) = job.record.held().and_then(|held| held.overlap(span)) else {
        return Ok(Vec::new());
    };
    let mut statement =
        db.prepare_cached("SELECT seq, json FROM entries WHERE job = ?1 AND seq BETWEEN ?2 AND ?3 LIMIT ?4")?;
    let bounds = params![
        job.number,
        int(span.first().get()),
        int(span.last().get()),
        int(READ_LIMIT)
    ];
    let mut rows = statement.query(bounds)?;
    let mut entries = Vec::new();
    let mut expected = span.first();
    while let Some(row) = rows.next()? {
        let json = row.get_ref(1)?.as_bytes().map_err(|_| Error::Damaged {
            what: "an entry that is no text".into(),
        })?;
        let entry = decode(json)?;
        if entry.seq != seq(row, 0)? {
            return Err(Error::Damaged {
                what: "an entry in another one's place".into(),
            });
        }
        explain(&job.record, expected, entry.seq.prev())?;
        expected = entry.seq.next();
        entries.push(entry);
    }
    if entries.len() < usize::try_from(READ_LIMIT).unwrap_or(usize::MAX) {
        explain(&job.record, expected, span.last())?;
    }
    Ok(entries)
}

/// Whether `first` to `last`, where no entry was found, is known to be empty.
fn explain(record: &JobRecord, first: Seq, last: Seq) -> Result<()> {
    match Span::new(first, last) {
        Ok(hole) if record.unused_in(hole) < hole.len() => Err(Error::Damaged {
            what: format!("entries {hole} are missing"),
        }),
        _ => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the table holds only what push and replace wrote there"
)]
fn decode(json: &[u8]) -> Result<LogEntry> {
    log_model::entry::decode_trusted(json).map_err(trouble::bad_entry)
}

/// Where a batch landed, if it is one of the last few of its writer.
pub(super) fn landed(db: &Connection, job: i64, writer: &WriterId, number: u64) -> Result<Option<(Seq, Seq)>> {
    let row = db
        .prepare_cached("SELECT first, last FROM landed WHERE job = ?1 AND writer = ?2 AND number = ?3")?
        .query_row(params![job, writer.as_str(), int(number)], |row| {
            Ok((seq(row, 0)?, seq(row, 1)?))
        })
        .optional()?;
    Ok(row)
}

/// How many answers a writer may ask for again. A writer sends its next batch when the last one is answered, or a few
/// ahead; what lies further back was answered long ago.
const ANSWERS: u64 = 64;

pub(super) fn remember(db: &Connection, job: i64, writer: &WriterId, number: u64, first: Seq, last: Seq) -> Result<()> {
    db.prepare_cached("INSERT INTO landed (job, writer, number, first, last) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            job,
            writer.as_str(),
            int(number),
            int(first.get()),
            int(last.get())
        ])?;
    db.prepare_cached("DELETE FROM landed WHERE job = ?1 AND writer = ?2 AND number <= ?3")?
        .execute(params![job, writer.as_str(), int(number) - int(ANSWERS)])?;
    Ok(())
}

/// What followers need to know of the masked entries since `revision`.
pub(super) fn masks_since(db: &Connection, job: i64, revision: u32) -> Result<Vec<(u32, Seq)>> {
    let mut statement = db.prepare_cached(
        "SELECT revision, seq FROM masks WHERE job = ?1 AND revision > ?2 ORDER BY revision LIMIT 1000",
    )?;
    let masks = statement
        .query_map(params![job, revision], |row| Ok((row.get(0)?, seq(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(masks)
}

/// Takes away what only a job that still writes needs: writers, their answers, the masks' list.
pub(super) fn drop_companions(db: &Connection, job: i64) -> Result<()> {
    for table in ["writers", "landed", "masks"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE job = ?1"))?
            .execute([job])?;
    }
    Ok(())
}

/// Refuses a job whose text was erased.
pub(super) fn not_erased(job: &Job) -> Result<()> {
    if job.record.state == State::Erased {
        Err(Error::Erased)
    } else {
        Ok(())
    }
}
