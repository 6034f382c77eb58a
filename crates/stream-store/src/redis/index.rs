//! Which jobs there are: 64 sorted sets, each in a slot of its own, of job names by when they came.
//!
//! A script may touch one slot only, so a job's index entry and its record are made one after the other, the entry
//! first: an interruption leaves an entry without a record, which is found, never a record that nobody can find.

use std::time::SystemTime;

use fred::types::Value;
use log_model::{JobId, Timestamp};

use super::link::Link;
use super::record::text;
use super::script::unexpected;
use super::trouble;
use crate::store::{Error, ListCursor, Result};

/// How many sets there are.
pub(super) const SETS: u16 = 64;

/// How long an entry without a record is left alone: its `open` may still be on the way.
pub(super) const YOUNG: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

fn key(set: u16) -> (String, u16) {
    let tag = format!("tailwater:jobs:{set:02}");
    let slot = fred::util::redis_keyslot(tag.as_bytes());
    (format!("{{{tag}}}"), slot)
}

fn set_of(job: &JobId) -> u16 {
    fred::util::redis_keyslot(job.as_str().as_bytes()) % SETS
}

/// Entries are a day apart from being judged, so the clocks of their writers may differ a little.
fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Whether the entry is a new one.
pub(super) async fn add(link: &Link, job: &JobId) -> Result<bool> {
    let (key, slot) = key(set_of(job));
    let call = vec![key.into(), "NX".into(), now().to_string().into(), job.as_str().into()];
    Ok(link.command("ZADD", slot, call).await?.as_u64() == Some(1))
}

/// Makes an entry young again, or anew: its record was created just now, and somebody may be about to take it away.
pub(super) async fn refresh(link: &Link, job: &JobId) -> Result<()> {
    let (key, slot) = key(set_of(job));
    link.command(
        "ZADD",
        slot,
        vec![key.into(), now().to_string().into(), job.as_str().into()],
    )
    .await
    .map(drop)
}

pub(super) async fn remove(link: &Link, job: &JobId) -> Result<()> {
    let (key, slot) = key(set_of(job));
    link.command("ZREM", slot, vec![key.into(), job.as_str().into()])
        .await
        .map(drop)
}

/// Takes an entry away that has no record, unless it is young.
pub(super) async fn remove_old(link: &Link, job: &JobId) -> Result<()> {
    const SCRIPT: &str = "local score = redis.call('ZSCORE', KEYS[1], ARGV[1])\n\
        if score and tonumber(score) < tonumber(ARGV[2]) then redis.call('ZREM', KEYS[1], ARGV[1]) end\n\
        return 0";
    let (key, slot) = key(set_of(job));
    let call = vec![
        SCRIPT.into(),
        Value::Integer(1),
        key.into(),
        job.as_str().into(),
        now().minus(YOUNG).to_string().into(),
    ];
    link.command("EVAL", slot, call).await.map(drop)
}

/// An entry.
pub(super) struct Indexed {
    pub(super) job: JobId,
    pub(super) since: Timestamp,
}

impl Indexed {
    pub(super) fn is_young(&self) -> bool {
        now().since(self.since) < YOUNG
    }
}

/// A part of a set, by rank: at most `count` entries from `from` on.
pub(super) async fn part(link: &Link, set: u16, from: usize, count: usize) -> Result<Vec<Indexed>> {
    let (key, slot) = key(set);
    let last = from + count - 1;
    let call = vec![
        key.into(),
        Value::Integer(from as i64),
        Value::Integer(last as i64),
        "WITHSCORES".into(),
    ];
    indexed(link.command("ZRANGE", slot, call).await?)
}

fn indexed(answer: Value) -> Result<Vec<Indexed>> {
    let Value::Array(flat) = answer else {
        return Err(unexpected("ZRANGE"));
    };
    flat.chunks_exact(2)
        .map(|pair| {
            let job = text(&pair[0]).and_then(|job| JobId::new(job).ok());
            let since = text(&pair[1])
                .and_then(|score| score.parse::<f64>().ok())
                .or_else(|| pair[1].as_f64());
            let (Some(job), Some(since)) = (job, since) else {
                return Err(Error::Damaged {
                    what: "the index of jobs".to_owned(),
                });
            };
            Ok(Indexed {
                job,
                since: Timestamp::from_millis(since as u64),
            })
        })
        .collect()
}

/// Where a walk stands: in a set, after an entry. Entries do not move while they are walked, whatever comes and goes.
struct Place {
    set: u16,
    since: u64,
    job: String,
}

impl Place {
    fn read(cursor: Option<ListCursor>) -> Result<Self> {
        let Some(ListCursor(text)) = cursor else {
            return Ok(Self {
                set: 0,
                since: 0,
                job: String::new(),
            });
        };
        let mut parts = text.splitn(3, ' ');
        let place = (|| {
            let set = parts.next()?.parse().ok().filter(|set| *set < SETS)?;
            Some(Self {
                set,
                since: parts.next()?.parse().ok()?,
                job: parts.next()?.to_owned(),
            })
        })();
        place.ok_or_else(|| trouble::setting("that is no place in the list of jobs".to_owned()))
    }
}

/// Up to `limit` entries of all sets, and where to go on.
pub(super) async fn walk(
    link: &Link,
    cursor: Option<ListCursor>,
    limit: usize,
) -> Result<(Vec<Indexed>, Option<ListCursor>)> {
    let limit = limit.max(1);
    let mut place = Place::read(cursor)?;
    let mut jobs: Vec<Indexed> = Vec::new();
    while place.set < SETS {
        let (key, slot) = key(place.set);
        let mut passed = 0;
        loop {
            let count = limit - jobs.len();
            let call = vec![
                key.as_str().into(),
                place.since.to_string().into(),
                "+inf".into(),
                "WITHSCORES".into(),
                "LIMIT".into(),
                Value::Integer(passed as i64),
                Value::Integer(count as i64),
            ];
            let found = indexed(link.command("ZRANGEBYSCORE", slot, call).await?)?;
            let end = found.len() < count;
            passed += found.len();
            // Of those that came in the same millisecond, some were passed already.
            let after = |one: &Indexed| (one.since.as_millis(), one.job.as_str()) > (place.since, place.job.as_str());
            jobs.extend(found.into_iter().filter(after));
            if jobs.len() == limit {
                let last = &jobs[jobs.len() - 1];
                let next = format!("{} {} {}", place.set, last.since, last.job);
                return Ok((jobs, Some(ListCursor(next))));
            }
            if end {
                break;
            }
        }
        place = Place {
            set: place.set + 1,
            since: 0,
            job: String::new(),
        };
    }
    Ok((jobs, None))
}
