//! Which jobs there are, and when to look at them: 64 sorted sets, each in a slot of its own, of job names by when they
//! came, and beside each another of the same names by when somebody is to look at them.
//!
//! A script may touch one slot only, so a job's index entry and its record are made one after the other, the entry
//! first: an interruption leaves an entry without a record, which is found, never a record that nobody can find. For
//! the same reason a job's end and its being due are two steps; the second only makes a look come earlier.
//!
//! The first set is the truth. A name that only it has, as from a version that knew no other, is put into the second
//! when due jobs are asked for.

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

/// Runs a script for one set and its schedule. These free memory, or need next to none.
async fn script(link: &Link, set: u16, source: &'static str, arguments: Vec<Value>) -> Result<Value> {
    let (key, slot) = key(set);
    let schedule = format!("{key}:due");
    let mut call = vec![source.into(), Value::Integer(2), key.into(), schedule.into()];
    call.extend(arguments);
    link.command("EVAL", slot, call).await
}

fn set_of(job: &JobId) -> u16 {
    fred::util::redis_keyslot(job.as_str().as_bytes()) % SETS
}

/// Entries are a day apart from being judged, so the clocks of their writers may differ a little.
fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Whether the entry is a new one. A new one is due `at` once.
pub(super) async fn add(link: &Link, job: &JobId, at: Timestamp) -> Result<bool> {
    const SCRIPT: &str = "#!lua\n\
        redis.call('ZADD', KEYS[2], 'NX', ARGV[3], ARGV[1])\n\
        return redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])";
    let call = vec![job.as_str().into(), now().to_string().into(), at.to_string().into()];
    Ok(script(link, set_of(job), SCRIPT, call).await?.as_u64() == Some(1))
}

/// Makes an entry young again, or anew: its record was created just now, and somebody may be about to take it away.
pub(super) async fn refresh(link: &Link, job: &JobId, at: Timestamp) -> Result<()> {
    const SCRIPT: &str = "#!lua\n\
        redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])\n\
        return redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])";
    let call = vec![job.as_str().into(), now().to_string().into(), at.to_string().into()];
    script(link, set_of(job), SCRIPT, call).await.map(drop)
}

/// Somebody should look at the job at `at`, if not earlier. Only a hint: without it the job is looked at when it was to
/// be looked at anyway, so that trouble here is no trouble of whatever brought it about.
pub(super) async fn sooner(link: &Link, job: &JobId, at: Timestamp) {
    if let Err(error) = schedule(link, job, at, "LT").await {
        tracing::debug!(%job, %error, "not told to be due");
    }
}

/// Nobody need look at the job before `at`.
pub(super) async fn later(link: &Link, job: &JobId, at: Timestamp) -> Result<()> {
    schedule(link, job, at, "GT").await
}

async fn schedule(link: &Link, job: &JobId, at: Timestamp, way: &'static str) -> Result<()> {
    const SCRIPT: &str = "#!lua flags=allow-oom\n\
        return redis.call('ZADD', KEYS[2], 'XX', ARGV[3], ARGV[2], ARGV[1])";
    let call = vec![job.as_str().into(), at.to_string().into(), way.into()];
    script(link, set_of(job), SCRIPT, call).await.map(drop)
}

pub(super) async fn remove(link: &Link, job: &JobId) -> Result<()> {
    const SCRIPT: &str = "#!lua flags=allow-oom\n\
        redis.call('ZREM', KEYS[2], ARGV[1])\n\
        return redis.call('ZREM', KEYS[1], ARGV[1])";
    let call = vec![job.as_str().into()];
    script(link, set_of(job), SCRIPT, call).await.map(drop)
}

/// Takes an entry away that has no record, unless it is young.
pub(super) async fn remove_old(link: &Link, job: &JobId) -> Result<()> {
    const SCRIPT: &str = "#!lua flags=allow-oom\n\
        local score = redis.call('ZSCORE', KEYS[1], ARGV[1])\n\
        if not score or tonumber(score) < tonumber(ARGV[2]) then\n\
          redis.call('ZREM', KEYS[1], ARGV[1])\n\
          redis.call('ZREM', KEYS[2], ARGV[1])\n\
        end\n\
        return 0";
    let call = vec![job.as_str().into(), now().minus(YOUNG).to_string().into()];
    script(link, set_of(job), SCRIPT, call).await.map(drop)
}

/// Whether an entry came less than a day ago.
pub(super) async fn is_young(link: &Link, job: &JobId) -> Result<bool> {
    let (key, slot) = key(set_of(job));
    let score = link
        .command("ZSCORE", slot, vec![key.into(), job.as_str().into()])
        .await?;
    let since = text(&score)
        .and_then(|score| score.parse::<f64>().ok())
        .or_else(|| score.as_f64());
    Ok(since.is_some_and(|since| now().since(Timestamp::from_millis(since as u64)) < YOUNG))
}

/// An entry, with its place in the set it was found in.
pub(super) struct Indexed {
    pub(super) job: JobId,
    since: Timestamp,
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

/// Which entries a walk meets.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// All of them.
    All,
    /// Those to be looked at by then.
    DueBy(Timestamp),
}

impl Which {
    /// The first entries of a place's set that come no earlier, `count` at most.
    async fn entries(self, link: &Link, place: &Place, count: usize) -> Result<Vec<Indexed>> {
        // What is in both keeps the later time, which is the second set's.
        const DUE: &str = "#!lua flags=allow-oom\n\
            if redis.call('ZCARD', KEYS[1]) ~= redis.call('ZCARD', KEYS[2]) then\n\
              redis.call('ZUNIONSTORE', KEYS[2], 2, KEYS[1], KEYS[2], 'AGGREGATE', 'MAX')\n\
            end\n\
            return redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[1], ARGV[2], 'WITHSCORES', 'LIMIT', 0, ARGV[3])";
        let (since, count) = (place.since.to_string().into(), count.to_string().into());
        indexed(match self {
            Self::All => {
                let (key, slot) = key(place.set);
                let call = vec![
                    key.into(),
                    since,
                    "+inf".into(),
                    "WITHSCORES".into(),
                    "LIMIT".into(),
                    "0".into(),
                    count,
                ];
                link.command("ZRANGEBYSCORE", slot, call).await?
            }
            Self::DueBy(by) => script(link, place.set, DUE, vec![since, by.to_string().into(), count]).await?,
        })
    }
}

/// Up to `limit` entries of all sets, and where to go on.
pub(super) async fn walk(
    link: &Link,
    which: Which,
    cursor: Option<ListCursor>,
    limit: usize,
) -> Result<(Vec<Indexed>, Option<ListCursor>)> {
    let limit = limit.max(1);
    let mut place = Place::read(cursor)?;
    let mut jobs: Vec<Indexed> = Vec::new();
    while place.set < SETS {
        // Of those that came in the same millisecond as the last one met, some were met before. They are passed over
        // here and not by the server's counting: what others take away meanwhile would shift the rest.
        let mut count = limit - jobs.len() + 1;
        loop {
            let found = which.entries(link, &place, count).await?;
            let end = found.len() < count;
            let after = |one: &Indexed| (one.since.as_millis(), one.job.as_str()) > (place.since, place.job.as_str());
            let new = found.into_iter().filter(after).take(limit - jobs.len());
            let before = jobs.len();
            jobs.extend(new);
            if let Some(last) = jobs[before..].last() {
                (place.since, place.job) = (last.since.as_millis(), last.job.to_string());
                count = limit - jobs.len() + 1;
            } else {
                count *= 2;
            }
            if jobs.len() == limit {
                let next = format!("{} {} {}", place.set, place.since, place.job);
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
