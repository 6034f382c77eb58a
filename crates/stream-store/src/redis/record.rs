//! A job's record, out of the hash the scripts keep. Pure.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::str::FromStr;

use fred::types::Value;
use log_model::{Counts, Fence, Owner, OwnerId, OwnerKind, Phase, Seq, Span, Timestamp, WriterId};

use crate::record::{Ending, Erasure, JobRecord, PhaseRecord, State, WriterRecord};
use crate::store::{Error, Result, Silence};

/// The owner as the record holds it: `user:ID` or `org:ID`.
pub(super) fn owner_field(owner: &Owner) -> String {
    format!("{}:{}", owner.kind.as_str(), owner.id)
}

fn damaged(field: &str) -> Error {
    Error::Damaged {
        what: format!("a job's record, at {field}"),
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// The hash's fields by name.
struct Hash<'a>(HashMap<&'a str, &'a str>);

impl<'a> Hash<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.0.get(field).copied()
    }

    fn parse<T: FromStr>(&self, field: &'static str) -> Result<Option<T>> {
        self.text(field)
            .map(|text| text.parse().map_err(|_| damaged(field)))
            .transpose()
    }

    fn number(&self, field: &'static str) -> Result<u64> {
        Ok(self.parse(field)?.unwrap_or_default())
    }

    fn time(&self, field: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.parse(field)?.map(Timestamp::from_millis))
    }

    fn seq(&self, field: &'static str) -> Result<Option<Seq>> {
        self.parse(field)
    }
}

/// Reads a record back from HGETALL's answer; none when there was no such key.
pub(super) fn read(flat: &[Value]) -> Result<Option<JobRecord>> {
    if flat.is_empty() {
        return Ok(None);
    }
    let mut hash = Hash(HashMap::with_capacity(flat.len() / 2));
    for pair in flat.chunks_exact(2) {
        let (Some(name), Some(value)) = (text(&pair[0]), text(&pair[1])) else {
            return Err(damaged("a field"));
        };
        hash.0.insert(name, value);
    }
    let (kind, id) = hash
        .text("owner")
        .and_then(|owner| owner.split_once(':'))
        .ok_or_else(|| damaged("owner"))?;
    let kind: OwnerKind = kind.parse().map_err(|_| damaged("owner"))?;
    let owner = Owner {
        kind,
        id: OwnerId::new(id).map_err(|_| damaged("owner"))?,
    };
    let head = hash.seq("head")?.ok_or_else(|| damaged("head"))?;
    let state = state(hash.text("state"), hash.time("since")?)?;
    // A shrunk record says nothing of these: whatever there was is in the archive.
    let shrunk = hash.text("lines").is_none();
    let at_least = if shrunk { head } else { Seq::ZERO };
    let mut record = JobRecord::opened(owner, hash.time("opened")?.unwrap_or_default());
    record.state = state;
    record.head = head;
    record.held_from = hash.seq("held_from")?.unwrap_or(head.next());
    record.unused = spans(hash.text("unused").unwrap_or_default())?;
    record.lost_through = hash.seq("lost_through")?.unwrap_or(Seq::ZERO);
    record.confirmed = hash.seq("confirmed")?.unwrap_or(at_least);
    record.archived = hash.seq("archived")?.unwrap_or(at_least);
    record.revision = hash.parse("revision")?.unwrap_or_default();
    record.counts = Counts {
        lines: hash.number("lines")?,
        redactions: hash.number("redactions")?,
        gaps: hash.number("gaps")?,
    };
    record.phases = phases(hash.text("phases").unwrap_or_default())?;
    record.writers = writers(&hash.0)?;
    record.touched = hash.time("touched")?.unwrap_or_default();
    if let Some(outcome) = hash.parse("ending")? {
        record.ending = Some(Ending {
            outcome,
            exit_code: hash.parse("exit_code")?,
        });
    }
    record.ended = hash.time("ended")?;
    if let Some(at) = hash.time("erased_at")? {
        let word = |field| hash.text(field).unwrap_or_default().to_owned();
        record.erased = Some(Erasure {
            at,
            by: word("erased_by"),
            why: word("erased_why"),
        });
    }
    Ok(Some(record))
}

/// A record's state, from its field and the time beside it.
pub(super) fn state(word: Option<&str>, since: Option<Timestamp>) -> Result<State> {
    match word {
        Some("running") => Ok(State::Running),
        Some("silent") => Ok(State::Silent {
            since: since.unwrap_or_default(),
        }),
        Some("ended") => Ok(State::Ended),
        Some("erased") => Ok(State::Erased),
        _ => Err(damaged("state")),
    }
}

/// `first-last,first-last`, in order.
pub(super) fn spans(text: &str) -> Result<Vec<Span>> {
    text.split(',')
        .filter(|span| !span.is_empty())
        .map(|span| span.parse().map_err(|_| damaged("unused")))
        .collect()
}

/// The phases as the record holds them.
pub(super) fn phases_field(phases: &[PhaseRecord]) -> String {
    fn word(number: Option<impl ToString>) -> String {
        number.map_or_else(|| "-".to_owned(), |number| number.to_string())
    }
    let of = |one: &PhaseRecord| {
        let (duration, exit) = (word(one.duration_ms), word(one.exit_code));
        format!("{} {} {duration} {exit};", one.phase, one.started)
    };
    phases.iter().map(of).collect()
}

/// `phase started duration exit;` for each, a hyphen for what is not known.
fn phases(text: &str) -> Result<Vec<PhaseRecord>> {
    fn known<T: FromStr>(word: &str) -> Result<Option<T>> {
        if word == "-" {
            Ok(None)
        } else {
            word.parse().map(Some).map_err(|_| damaged("phases"))
        }
    }
    text.split_terminator(';')
        .map(|phase| {
            let words: Vec<_> = phase.split(' ').collect();
            let [name, started, duration, exit] = words[..] else {
                return Err(damaged("phases"));
            };
            Ok(PhaseRecord {
                phase: Phase::new(name).map_err(|_| damaged("phases"))?,
                started: Timestamp::from_millis(started.parse().map_err(|_| damaged("phases"))?),
                duration_ms: known(duration)?,
                exit_code: known(exit)?,
            })
        })
        .collect()
}

/// `w:WRITER` is `fence next renewed`, with a renewal of 0 for one who has left.
fn writers(hash: &HashMap<&str, &str>) -> Result<BTreeMap<WriterId, WriterRecord>> {
    let mut writers = BTreeMap::new();
    for (field, value) in hash {
        let Some(id) = field.strip_prefix("w:") else { continue };
        let id = WriterId::new(id).map_err(|_| damaged("a writer"))?;
        let mut numbers = value.split(' ').map(str::parse::<u64>);
        let (Some(Ok(fence)), Some(Ok(next)), Some(Ok(renewed))) = (numbers.next(), numbers.next(), numbers.next())
        else {
            return Err(damaged("a writer"));
        };
        let lease_until = (renewed > 0).then(|| Timestamp::from_millis(renewed).plus(Silence::default().silent_after));
        writers.insert(
            id,
            WriterRecord {
                fence: Fence(fence),
                next,
                lease_until,
            },
        );
    }
    Ok(writers)
}

#[cfg(test)]
mod tests {
    use log_model::Outcome;

    use super::*;

    fn hash(text: &str) -> Vec<Value> {
        text.split('|').map(Value::from).collect()
    }

    #[test]
    fn a_record_reads_as_the_scripts_wrote_it() {
        let record = read(&hash(
            "owner|org:org_1|state|silent|since|70|head|1000002|held_from|5|unused|8-999999|confirmed|7|archived|4\
             |revision|2|lines|9|redactions|1|gaps|0|opened|1|touched|2|replid|x|w:a-b|3 7 10|w:c|1 1 0|a:5:a-b|6 1 2\
             |phases|install 5 70 0;build 90 - -;|ending|failed|exit_code|-2",
        ));
        let record = record.expect("a good record").expect("there is one");
        assert_eq!(record.owner, Owner::org(OwnerId::new("org_1").expect("a name")));
        assert_eq!(
            record.state,
            State::Silent {
                since: Timestamp::from_millis(70)
            }
        );
        assert_eq!(
            record.unused.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["8-999999"]
        );
        assert_eq!(
            (record.head.get(), record.held_from.get(), record.revision),
            (1_000_002, 5, 2)
        );
        assert_eq!((record.confirmed.get(), record.archived.get()), (7, 4));
        assert_eq!(
            record.counts,
            Counts {
                lines: 9,
                redactions: 1,
                gaps: 0
            }
        );
        assert_eq!(
            record.ending,
            Some(Ending {
                outcome: Outcome::Failed,
                exit_code: Some(-2)
            })
        );
        assert_eq!((record.ended, record.erased), (None, None));
        let phases: Vec<_> = record
            .phases
            .iter()
            .map(|p| (p.phase.as_str(), p.duration_ms, p.exit_code))
            .collect();
        assert_eq!(phases, [("install", Some(70), Some(0)), ("build", None, None)]);
        let writers: Vec<_> = record
            .writers
            .iter()
            .map(|(id, w)| (id.as_str(), w.fence.0, w.next, w.lease_until))
            .collect();
        assert_eq!(
            writers,
            [("a-b", 3, 7, Some(Timestamp::from_millis(60_010))), ("c", 1, 1, None)]
        );
    }

    #[test]
    fn a_shrunk_record_says_that_everything_is_archived() {
        let record = read(&hash(
            "owner|user:u|state|ended|head|7|ending|succeeded|revision|1|ended|9",
        ));
        let record = record.expect("a good record").expect("there is one");
        assert_eq!(
            (record.held(), record.archived.get(), record.is_over()),
            (None, 7, true)
        );
    }

    #[test]
    fn an_erased_record_says_who_and_why() {
        let record = read(&hash(
            "owner|user:u|state|erased|head|7|lines|3|erased_at|9|erased_by|ana|erased_why|a key",
        ));
        let erased = record
            .expect("a good record")
            .and_then(|record| record.erased)
            .expect("it was erased");
        assert_eq!((erased.at.as_millis(), &*erased.by, &*erased.why), (9, "ana", "a key"));
    }

    #[test]
    fn nonsense_is_damage() {
        for text in [
            "state|running|head|1",
            "owner|user:u|state|x|head|1",
            "owner|user:u|state|running|head|1|w:a|1",
        ] {
            assert!(matches!(read(&hash(text)), Err(Error::Damaged { .. })), "{text}");
        }
        assert!(matches!(read(&[]), Ok(None)));
    }
}
