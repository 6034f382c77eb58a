//! Reading: a job's entries as they are held, from the stream and the patch, checked for holes.

use std::collections::BTreeMap;

use fred::types::Value;
use log_model::{JobId, LogEntry, Seq, Span, Timestamp};

use super::link::Link;
use super::record::{self, text};
use super::script::{Keys, unexpected};
use super::{entry, trouble};
use crate::READ_LIMIT;
use crate::record::State;
use crate::store::{Error, Result};

/// What of the record a reader needs to know.
#[derive(Debug, Clone)]
pub(super) struct Outline {
    pub(super) state: State,
    pub(super) head: Seq,
    pub(super) held_from: Seq,
    pub(super) revision: u32,
    pub(super) unused: Vec<Span>,
}

const OUTLINE: [&str; 6] = ["state", "since", "head", "held_from", "revision", "unused"];

/// # Errors
/// [`Error::NoSuchJob`].
pub(super) async fn outline(link: &Link, keys: &Keys) -> Result<Outline> {
    let mut call = Vec::with_capacity(7);
    call.push(keys.record.as_str().into());
    call.extend(OUTLINE.map(Value::from));
    let Value::Array(fields) = link.command("HMGET", keys.slot, call).await? else {
        return Err(unexpected("HMGET"));
    };
    let [word, since, head, held_from, revision, unused] = fields.as_slice() else {
        return Err(unexpected("HMGET"));
    };
    let Some(head) = text(head) else {
        return Err(Error::NoSuchJob);
    };
    let damaged = |field: &str| Error::Damaged {
        what: format!("a job's record, at {field}"),
    };
    let head: Seq = head.parse().map_err(|_| damaged("head"))?;
    let since = text(since)
        .and_then(|since| since.parse().ok())
        .map(Timestamp::from_millis);
    Ok(Outline {
        state: record::state(text(word), since)?,
        head,
        held_from: match text(held_from) {
            Some(held_from) => held_from.parse().map_err(|_| damaged("held_from"))?,
            None => head.next(),
        },
        revision: match text(revision) {
            Some(revision) => revision.parse().map_err(|_| damaged("revision"))?,
            None => 0,
        },
        unused: record::spans(text(unused).unwrap_or_default())?,
    })
}

/// What of `span` is held, at most [`READ_LIMIT`] entries, and the outline they were read with.
///
/// # Errors
/// [`Error::Damaged`] for a hole that no unused span, no masking and no forgetting explains.
pub(super) async fn entries(link: &Link, job: &JobId, span: Span) -> Result<(Outline, Vec<LogEntry>)> {
    let keys = Keys::of(job);
    // The two are sent together but are not one: between them an entry may be masked, forgotten or erased, which
    // looks like a hole and is none when the record is read again.
    let mut tries = 3;
    loop {
        let (outline, found) = futures::join!(outline(link, &keys), range(link, &keys, span));
        let outline = outline?;
        let Some(held) = Span::new(outline.held_from, outline.head)
            .ok()
            .and_then(|held| held.overlap(span))
        else {
            return Ok((outline, Vec::new()));
        };
        let mut found: Vec<_> = found?.into_iter().filter(|entry| held.contains(entry.seq)).collect();
        let full = found.len() as u64 >= READ_LIMIT;
        let checked = match (full, found.last()) {
            (true, Some(last)) => Span::new(held.first(), last.seq).unwrap_or(held),
            _ => held,
        };
        let missing = missing(&outline.unused, checked, &found);
        if missing.is_empty() {
            return Ok((outline, found));
        }
        let patch = patched(link, &keys, &missing).await?;
        if patch.len() == missing.len() {
            found.extend(patch);
            found.sort_unstable_by_key(|entry| entry.seq);
            found.truncate(READ_LIMIT as usize);
            return Ok((outline, found));
        }
        tries -= 1;
        if tries == 0 {
            let (first, last) = (missing[0], missing[missing.len() - 1]);
            return Err(Error::Damaged {
                what: format!("entries are missing between {first} and {last}"),
            });
        }
    }
}

async fn range(link: &Link, keys: &Keys, span: Span) -> Result<Vec<LogEntry>> {
    let call = vec![
        keys.log.as_str().into(),
        span.first().to_string().into(),
        span.last().to_string().into(),
        "COUNT".into(),
        Value::Integer(READ_LIMIT as i64),
    ];
    let Value::Array(found) = link.command("XRANGE", keys.slot, call).await? else {
        return Err(unexpected("XRANGE"));
    };
    found.iter().map(entry::read).collect()
}

/// The first places of `span` that are neither found nor known to be unused, at most [`READ_LIMIT`].
fn missing(unused: &[Span], span: Span, found: &[LogEntry]) -> Vec<Seq> {
    let mut missing = Vec::new();
    let mut hole = |from: Seq, to: Seq| {
        let mut at = from;
        while at <= to && (missing.len() as u64) < READ_LIMIT {
            match unused.iter().find(|unused| unused.contains(at)) {
                Some(unused) => at = unused.last().next(),
                None => {
                    missing.push(at);
                    at = at.next();
                }
            }
        }
    };
    let mut expected = span.first();
    for entry in found {
        if expected < entry.seq {
            hole(expected, entry.seq.prev());
        }
        expected = entry.seq.next();
    }
    if expected <= span.last() {
        hole(expected, span.last());
    }
    missing
}

async fn patched(link: &Link, keys: &Keys, places: &[Seq]) -> Result<Vec<LogEntry>> {
    let mut call: Vec<Value> = Vec::with_capacity(places.len() + 1);
    call.push(keys.patch.as_str().into());
    call.extend(places.iter().map(|seq| Value::from(seq.to_string())));
    let Value::Array(found) = link.command("HMGET", keys.slot, call).await? else {
        return Err(unexpected("HMGET"));
    };
    found.iter().filter_map(text).map(patch_entry).collect()
}

/// The entries masked since `revision`, by the revision that masked each.
pub(super) async fn masked_since(link: &Link, job: &JobId, revision: u32) -> Result<Vec<(u32, Seq)>> {
    let keys = Keys::of(job);
    let Value::Array(flat) = link.command("HGETALL", keys.slot, vec![keys.patch.into()]).await? else {
        return Err(unexpected("HGETALL"));
    };
    let mut masked = BTreeMap::new();
    for pair in flat.chunks_exact(2) {
        let seq = text(&pair[0]).and_then(|seq| seq.parse().ok());
        let since = text(&pair[1]).and_then(|patch| patch.split_once(' ')?.0.parse().ok());
        let (Some(seq), Some(since)) = (seq, since) else {
            return Err(damaged_patch());
        };
        if since > revision {
            masked.insert(since, seq);
        }
    }
    Ok(masked.into_iter().collect())
}

/// A patch as `mask.lua` keeps it: the revision, a blank, and the entry's JSON, or nothing where the store no longer
/// holds the entry.
fn patch_entry(text: &str) -> Result<LogEntry> {
    let entry = text.split_once(' ').and_then(|(_, json)| decode(json));
    entry.ok_or_else(damaged_patch)
}

fn damaged_patch() -> Error {
    Error::Damaged {
        what: "a masked entry".to_owned(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the patch holds only what `mask` wrote there")]
fn decode(json: &str) -> Option<LogEntry> {
    log_model::entry::decode_trusted(json.as_bytes()).ok()
}

/// The whole record; none when there is none.
pub(super) async fn record(link: &Link, job: &JobId) -> Result<Option<crate::record::JobRecord>> {
    let keys = Keys::of(job);
    match link
        .send("HGETALL", keys.slot, vec![keys.record.into()])
        .await
        .map_err(trouble::in_use)?
    {
        Value::Array(flat) => record::read(&flat),
        _ => Err(unexpected("HGETALL")),
    }
}

#[cfg(test)]
mod tests {
    use log_model::{GapReason, LogEvent, Recorded};

    use super::*;

    fn entry(seq: u64) -> LogEntry {
        let event = LogEvent::Gap {
            lines: None,
            span: None,
            reason: GapReason::SpoolFull,
        };
        let recorded = Recorded {
            ts: Timestamp::default(),
            phase: None,
            event,
        };
        LogEntry {
            seq: Seq::new(seq).expect("small"),
            recorded,
        }
    }

    fn span(text: &str) -> Span {
        text.parse().expect("a span")
    }

    #[track_caller]
    fn check(unused: &[&str], asked: &str, found: &[u64], gone: &[u64]) {
        let unused: Vec<_> = unused.iter().map(|text| span(text)).collect();
        let found: Vec<_> = found.iter().copied().map(entry).collect();
        let missing = missing(&unused, span(asked), &found);
        assert_eq!(missing.into_iter().map(Seq::get).collect::<Vec<_>>(), gone);
    }

    #[test]
    fn a_hole_is_a_place_nothing_explains() {
        check(&[], "1-3", &[1, 2, 3], &[]);
        check(&[], "1-5", &[2, 4], &[1, 3, 5]);
        check(&["3-9"], "1-11", &[1, 2, 10, 11], &[]);
        check(&["3-9"], "1-11", &[1, 11], &[2, 10]);
        check(&["3-9", "12-20"], "4-22", &[], &[10, 11, 21, 22]);
    }

    #[test]
    fn a_vast_hole_is_not_counted_out() {
        let missing = missing(&[], span("1-9007199254740991"), &[]);
        assert_eq!(missing.len() as u64, READ_LIMIT);
    }
}
