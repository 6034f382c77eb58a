//! A job's life: opened, joined, written to, left, fallen silent, ended. Each function is one transaction's work.

use log_model::{
    Fence, GapReason, JobId, LogEvent, Outcome, Owner, Phase, Recorded, Seq, StageState, Timestamp, WriterId,
};
use rusqlite::{Connection, params};

use super::keeping;
use super::records::{self, Job, Slot, time};
use super::trouble;
use crate::known::{self, Known};
use crate::record::{Ending, JobRecord, PhaseRecord, State};
use crate::store::{Appended, Batch, Ended, Error, Result, Silence, Writer};

pub(super) fn open(db: &Connection, now: Timestamp, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord> {
    if let Some(known) = records::find(db, job, now)? {
        // Whose it is comes first: somebody else is not told what became of it.
        if known.record.owner != *owner {
            return Err(Error::OtherOwner);
        }
        records::not_erased(&known)?;
        return records::with_writers(db, known);
    }
    // A record whose time is over makes room.
    db.prepare_cached("DELETE FROM jobs WHERE job = ?1 AND expires <= ?2")?
        .execute(params![job.as_str(), time(now)])?;
    let mut record = JobRecord::opened(owner.clone(), at);
    record.touched = now;
    records::insert(db, job, &record, at)?;
    Ok(record)
}

pub(super) fn join(db: &Connection, now: Timestamp, job: &JobId, slot: &WriterId) -> Result<Writer> {
    let mut job = still_running(db, now, job)?;
    let known = records::slot(db, job.number, slot)?;
    let (fence, next) = known.map_or((Fence(1), 1), |known| (Fence(known.fence.0 + 1), known.next));
    let taken = Slot {
        id: slot.clone(),
        fence,
        next,
        renewed: Some(now),
    };
    records::save_slot(db, job.number, &taken)?;
    job.record.touched = now;
    job.record.state = State::Running;
    records::save(db, &job)?;
    Ok(Writer {
        id: taken.id,
        fence,
        next,
    })
}

pub(super) fn rejoin(
    db: &Connection,
    now: Timestamp,
    id: &JobId,
    slot: &WriterId,
    known: &Known,
    at: Timestamp,
) -> Result<Writer> {
    open(db, now, id, &known.owner, known.opened)?;
    let mut job = still_running(db, now, id)?;
    let held = records::slot(db, job.number, slot)?;
    if known::rebuild(&mut job.record, held.is_none(), known) {
        let lost = LogEvent::Gap {
            lines: None,
            span: None,
            reason: GapReason::StoreLost,
        };
        job.record.counts.add(&lost);
        let lost = Recorded {
            ts: at,
            phase: None,
            event: lost,
        };
        records::push(db, &mut job, [lost])?;
    }
    let (fence, next) = held.map_or((known.fence, known.next.max(1)), |held| {
        (held.fence.max(known.fence), held.next)
    });
    let taken = Slot {
        id: slot.clone(),
        fence: Fence(fence.0 + 1),
        next,
        renewed: Some(now),
    };
    records::save_slot(db, job.number, &taken)?;
    job.record.touched = now;
    job.record.state = State::Running;
    records::save(db, &job)?;
    Ok(Writer {
        id: taken.id,
        fence: taken.fence,
        next,
    })
}

pub(super) fn renew(db: &Connection, now: Timestamp, job: &JobId, writer: &Writer) -> Result<()> {
    let mut job = still_running(db, now, job)?;
    let mut slot = holder(db, &job, &writer.id, writer.fence)?;
    slot.renewed = Some(now);
    records::save_slot(db, job.number, &slot)?;
    if job.record.state != State::Running {
        job.record.state = State::Running;
        records::save(db, &job)?;
    }
    Ok(())
}

pub(super) fn leave(db: &Connection, now: Timestamp, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()> {
    let mut job = records::require(db, job, now)?;
    let slot = holder(db, &job, &writer.id, writer.fence);
    // A file put back from a copy lacks batches that were acknowledged since; they are still kept.
    match &slot {
        Ok(slot) if slot.next < writer.next && job.record.state != State::Erased => {
            return Err(Error::Behind { expected: slot.next });
        }
        _ if job.record.is_over() => return Ok(()),
        _ => {}
    }
    let mut slot = slot?;
    if slot.renewed.is_none() {
        return Ok(());
    }
    slot.renewed = None;
    records::save_slot(db, job.number, &slot)?;
    job.record.touched = now;
    job.record.state = State::Running;
    if let Some(ending) = job.record.ending
        && !anybody_writes(db, &job, now)?
    {
        write_end(db, &mut job, ending, at)?;
    }
    records::save(db, &job)
}

/// Both in one transaction. The wish comes first, so that leaving grants it.
pub(super) fn finish(
    db: &Connection,
    now: Timestamp,
    id: &JobId,
    writer: &Writer,
    ending: Ending,
    at: Timestamp,
) -> Result<Ended> {
    let mut job = records::require(db, id, now)?;
    if job.record.is_over() {
        leave(db, now, id, writer, at)?;
        return end(db, now, id, ending, at);
    }
    let first = *job.record.ending.get_or_insert(ending);
    records::save(db, &job)?;
    leave(db, now, id, writer, at)?;
    end(db, now, id, first, at)
}

pub(super) fn end(db: &Connection, now: Timestamp, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended> {
    let mut job = records::require(db, job, now)?;
    records::not_erased(&job)?;
    if job.record.state == State::Ended {
        let same = job.record.ending.is_some_and(|first| first.outcome == ending.outcome);
        return if same {
            Ok(Ended::At(job.record.head))
        } else {
            Err(Error::Ended)
        };
    }
    let ending = *job.record.ending.get_or_insert(ending);
    // Whoever judged the job silent found every lease lapsed.
    let silent = matches!(job.record.state, State::Silent { .. });
    let answer = if !silent && anybody_writes(db, &job, now)? {
        Ended::WhenLastWriterLeaves
    } else {
        write_end(db, &mut job, ending, at)?;
        Ended::At(job.record.head)
    };
    records::save(db, &job)?;
    Ok(answer)
}

pub(super) fn append(db: &Connection, now: Timestamp, job: &JobId, batch: Batch) -> Result<Appended> {
    if batch.events.is_empty()
        || batch
            .events
            .iter()
            .any(|recorded| matches!(recorded.event, LogEvent::Ended { .. }))
    {
        return Err(trouble::setting(
            "a batch holds one event or more, and never a job's end".to_owned(),
        ));
    }
    let mut job = records::require(db, job, now)?;
    records::not_erased(&job)?;
    let mut slot = match holder(db, &job, &batch.writer, batch.fence) {
        // Writers go with what an ended job's record shrinks by, so that it is the end they are told of.
        Err(Error::Fenced) if job.record.is_over() => return Err(Error::Ended),
        slot => slot?,
    };
    if batch.number < slot.next
        && let Some((first, last)) = records::landed(db, job.number, &slot.id, batch.number)?
    {
        return Ok(Appended { first, last });
    }
    if job.record.is_over() {
        return Err(Error::Ended);
    }
    if batch.number != slot.next {
        return Err(Error::Behind { expected: slot.next });
    }
    for recorded in &batch.events {
        job.record.counts.add(&recorded.event);
        note_phase(&mut job.record.phases, recorded);
    }
    let first = job.record.head.next();
    records::push(db, &mut job, batch.events)?;
    let last = job.record.head;
    records::remember(db, job.number, &slot.id, batch.number, first, last)?;
    slot.next += 1;
    slot.renewed = Some(now);
    records::save_slot(db, job.number, &slot)?;
    job.record.touched = now;
    job.record.state = State::Running;
    records::save(db, &job)?;
    Ok(Appended { first, last })
}

/// What `confirm` may promise once the disk has everything: the head, if the writer's batches up to `number` are here.
pub(super) fn acknowledged(
    db: &Connection,
    now: Timestamp,
    job: &JobId,
    writer: &WriterId,
    number: u64,
) -> Result<Option<Seq>> {
    let job = records::require(db, job, now)?;
    let here = records::slot(db, job.number, writer)?.is_some_and(|slot| number < slot.next);
    Ok(here.then_some(job.record.head))
}

pub(super) fn confirmed(db: &Connection, now: Timestamp, job: &JobId, through: Seq) -> Result<()> {
    let mut job = records::require(db, job, now)?;
    if job.record.confirmed < through {
        job.record.confirmed = through;
        records::save(db, &job)?;
    }
    Ok(())
}

pub(super) fn mark_silent(
    db: &Connection,
    now: Timestamp,
    job: &JobId,
    silence: &Silence,
    at: Timestamp,
) -> Result<State> {
    let mut job = records::require(db, job, now)?;
    let before = job.record.state;
    match judge(&job.record, &records::slots(db, job.number)?, silence, now) {
        Verdict::Stands(state) => job.record.state = state,
        Verdict::Ends(ending) => write_end(db, &mut job, ending, at)?,
    }
    if job.record.state != before {
        records::save(db, &job)?;
    }
    Ok(job.record.state)
}

enum Verdict {
    Stands(State),
    Ends(Ending),
}

fn judge(record: &JobRecord, slots: &[Slot], silence: &Silence, now: Timestamp) -> Verdict {
    if record.is_over() {
        return Verdict::Stands(record.state);
    }
    // As long as one of several writers is alive, the job is not silent.
    let lapses = slots
        .iter()
        .filter_map(|slot| slot.renewed)
        .max()
        .map(|renewed| renewed.plus(silence.silent_after));
    match (lapses, record.ending) {
        (Some(lapses), _) if now < lapses => Verdict::Stands(State::Running),
        (_, Some(ending)) => Verdict::Ends(ending),
        (Some(since), None) if now >= since.plus(silence.lost_after) => Verdict::Ends(without_a_word(Outcome::Lost)),
        (Some(since), None) => Verdict::Stands(State::Silent { since }),
        (None, None) if now >= record.touched.plus(silence.abandon_after) => {
            Verdict::Ends(without_a_word(Outcome::Abandoned))
        }
        (None, None) => Verdict::Stands(State::Running),
    }
}

fn without_a_word(outcome: Outcome) -> Ending {
    Ending {
        outcome,
        exit_code: None,
    }
}

fn still_running(db: &Connection, now: Timestamp, job: &JobId) -> Result<Job> {
    let job = records::require(db, job, now)?;
    match job.record.state {
        State::Erased => Err(Error::Erased),
        State::Ended => Err(Error::Ended),
        State::Running | State::Silent { .. } => Ok(job),
    }
}

fn holder(db: &Connection, job: &Job, id: &WriterId, fence: Fence) -> Result<Slot> {
    records::slot(db, job.number, id)?
        .filter(|slot| slot.fence == fence)
        .ok_or(Error::Fenced)
}

fn anybody_writes(db: &Connection, job: &Job, now: Timestamp) -> Result<bool> {
    Ok(records::slots(db, job.number)?
        .iter()
        .filter_map(Slot::lease_until)
        .any(|until| now < until))
}

fn write_end(db: &Connection, job: &mut Job, ending: Ending, at: Timestamp) -> Result<()> {
    let event = LogEvent::Ended {
        outcome: ending.outcome,
        exit_code: ending.exit_code,
        counts: job.record.counts,
    };
    records::push(
        db,
        job,
        [Recorded {
            ts: at,
            phase: None,
            event,
        }],
    )?;
    db.prepare_cached("UPDATE writers SET renewed = NULL WHERE job = ?1")?
        .execute([job.number])?;
    keeping::look_sooner(db, job.number, at)?;
    job.record.ending = Some(ending);
    job.record.ended = Some(at);
    job.record.state = State::Ended;
    Ok(())
}

/// Keeps the list of phases by what stage entries say: the latest command of each counts.
fn note_phase(phases: &mut Vec<PhaseRecord>, recorded: &Recorded) {
    let (Some(phase), LogEvent::Stage { state }) = (&recorded.phase, &recorded.event) else {
        return;
    };
    let known = |phases: &mut Vec<PhaseRecord>, phase: &Phase, started| {
        phases
            .iter()
            .position(|known| known.phase == *phase)
            .unwrap_or_else(|| {
                phases.push(PhaseRecord {
                    phase: phase.clone(),
                    started,
                    duration_ms: None,
                    exit_code: None,
                });
                phases.len() - 1
            })
    };
    match *state {
        StageState::Started => {
            let index = known(phases, phase, recorded.ts);
            let phase = phase.clone();
            phases[index] = PhaseRecord {
                phase,
                started: recorded.ts,
                duration_ms: None,
                exit_code: None,
            };
        }
        StageState::Finished { exit_code, duration_ms } => {
            let started = recorded.ts.minus(std::time::Duration::from_millis(duration_ms));
            let index = known(phases, phase, started);
            phases[index].duration_ms = Some(duration_ms);
            phases[index].exit_code = exit_code;
        }
    }
}
