//! Moving logs from the recent store to the archive: copy, read back and compare, write the manifest, only then forget.
//!
//! Every step may be repeated, and a sweep killed between any two of them loses nothing: what the archive holds is said
//! by the newest manifest alone, and the store forgets only what a manifest names. The next sweep begins from there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log_model::{JobId, LogEntry, LogEvent, Masked, Seq, Timestamp};
use redact::Redactor;
use stream_store::{JobRecord, LogStore, READ_LIMIT, Silence, State};
use tokio::time::Instant;

use crate::archive::Archive;
use crate::claim::Held;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::places;
use crate::segment::{self, Encoder, SEGMENT_BYTES, SEGMENT_ENTRIES, Segment};

/// How a sweep decides.
#[derive(Debug, Clone)]
pub struct Policy {
    /// A job is copied whole once it has ended for this long.
    pub archive_after: Duration,
    /// An entry stays in the recent store for this long after it was captured, archived or not.
    pub retention: Duration,
    /// What a running job has had uncopied for this long is copied, however little it is.
    pub segment_age: Duration,
    /// For how long the small record of a forgotten job is kept.
    pub record_retention: Duration,
    /// When a job without a word is silent, lost, abandoned.
    pub silence: Silence,
    /// A job that still runs is looked at again after this long at the earliest, however often there is a sweep.
    pub look_again: Duration,
    /// Who sweeps, as the claims name them; nobody else's name.
    pub holder: String,
    /// For how long a claim holds unless it is renewed; a sweep that was killed blocks a job for that long.
    pub claim_for: Duration,
}

impl Default for Policy {
    /// At once, a day, an hour, thirty days; a minute; a random name; claims of thirty seconds.
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            archive_after: Duration::ZERO,
            retention: DAY,
            segment_age: Duration::from_secs(3600),
            record_retention: DAY * 30,
            silence: Silence::default(),
            look_again: Duration::from_secs(60),
            holder: format!("archiver-{}", crate::random_name()),
            claim_for: Duration::from_secs(30),
        }
    }
}

/// Asks a sweep to stop after the step it is at. Clones ask the same sweep.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs looked at.
    pub jobs: u64,
    /// Segments written.
    pub segments: u64,
    /// Entries in them.
    pub entries: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Lines that today's rules masked on the way.
    pub masked: u64,
    /// Entries the recent store no longer holds, where a sweep before this one had not got to it.
    pub forgotten: u64,
    /// Jobs that were claimed all the while by another archiver that is at work.
    pub elsewhere: u64,
    /// Jobs for which something is left to do that should have been done.
    pub undone: u64,
    /// The first of them, with the reason.
    pub reasons: Vec<(JobId, String)>,
    /// Whether it was asked to stop before it had seen every job.
    pub stopped: bool,
}

impl Swept {
    /// Whether nothing was left undone.
    pub fn is_complete(&self) -> bool {
        self.undone == 0 && !self.stopped
    }

    fn leave(&mut self, job: &JobId, error: &Error) {
        tracing::error!(%job, error = error as &dyn std::error::Error, "left undone");
        self.undone += 1;
        if self.reasons.len() < REASONS {
            self.reasons.push((job.clone(), error.to_string()));
        }
    }
}

/// How many reasons a report lists.
const REASONS: usize = 20;
/// How many jobs are looked at before the next are asked for.
const JOBS: usize = 100;
/// How many jobs that somebody else has claimed are looked at again; what is beyond that counts as left undone.
const LATER: usize = 1_000;
/// A job that is over is looked at again after this long at the latest, so that another policy takes effect soon.
const OVER: Duration = Duration::from_secs(3600);

/// Sweeps once over every job that is to be looked at. See [`sweep_until`].
///
/// # Errors
/// As [`sweep_until`].
pub async fn sweep(
    store: &dyn LogStore,
    archive: &Archive,
    redactor: &Redactor,
    now: Timestamp,
    policy: &Policy,
) -> Result<Swept> {
    sweep_until(store, archive, redactor, now, policy, &Stop::default()).await
}

/// Sweeps once over every job that is to be looked at by `now`: ends those that fell silent for too long, copies what is due, forgets what is old enough
/// and in the archive, takes away what an interrupted opening left a day ago. Any number of archivers may sweep the same
/// store; a claim on each job keeps them apart. A job with nothing to do is noted to be looked at later: one that runs after
/// [`Policy::look_again`], one that is over when there may be something, at least once an hour. One with something left
/// undone is looked at by the next sweep.
///
/// One job's trouble does not keep the others from their turn: it is logged and counted as undone. While the archive is
/// away, jobs are still marked silent or ended. Holds about a segment twice (some 25 MiB at most), whatever a log's
/// size. Dropping the future is like being killed: the next sweep goes on.
///
/// # Errors
/// [`Error::Store`] when the recent store does not answer.
pub async fn sweep_until(
    store: &dyn LogStore,
    archive: &Archive,
    redactor: &Redactor,
    now: Timestamp,
    policy: &Policy,
    stop: &Stop,
) -> Result<Swept> {
    let mut sweep = Sweep {
        store,
        archive,
        redactor,
        now,
        policy,
        stop,
        swept: Swept::default(),
        archive_away: false,
    };
    let (mut cursor, mut later) = (None, Vec::new());
    loop {
        let page = store.due(now, cursor.take(), JOBS).await?;
        for due in page.jobs {
            if stop.is_asked() {
                sweep.swept.stopped = true;
                return Ok(sweep.swept);
            }
            let Some(record) = due.record else {
                sweep.drop_unopened(&due.job).await?;
                continue;
            };
            sweep.swept.jobs += 1;
            if !sweep.attend(&due.job, record).await? {
                if later.len() < LATER {
                    later.push(due.job);
                } else {
                    sweep.swept.undone += 1;
                }
            }
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    sweep.attend_later(later).await?;
    Ok(sweep.swept)
}

struct Sweep<'a> {
    store: &'a dyn LogStore,
    archive: &'a Archive,
    redactor: &'a Redactor,
    now: Timestamp,
    policy: &'a Policy,
    stop: &'a Stop,
    swept: Swept,
    /// Set once the archive did not answer, so that the jobs after that do not wait for it again.
    archive_away: bool,
}

impl Sweep<'_> {
    /// Takes an index entry away that no record followed in a day: `open` was interrupted between its two steps.
    async fn drop_unopened(&self, job: &JobId) -> Result<()> {
        match self.store.forget(job, Seq::ZERO, Duration::ZERO).await {
            Ok(()) | Err(stream_store::Error::NoSuchJob) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Jobs that another archiver had claimed: it has done them by now, or it was killed and its claim lapses.
    async fn attend_later(&mut self, mut later: Vec<JobId>) -> Result<()> {
        let until = Instant::now() + self.policy.claim_for + Duration::from_secs(1);
        while !later.is_empty() {
            let mut still = Vec::new();
            for job in later {
                let Some(record) = self.store.job(&job).await? else {
                    continue;
                };
                if !self.attend(&job, record).await? {
                    still.push(job);
                }
            }
            later = still;
            if later.is_empty() {
                break;
            }
            if self.stop.is_asked() {
                self.swept.stopped = true;
                break;
            }
            if Instant::now() >= until {
                // Claimed for longer than a claim lasts: its holder is at work and renews it.
                self.swept.elsewhere += later.len() as u64;
                break;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        Ok(())
    }

    /// Does for one job what is to be done; false when somebody else has claimed it.
    async fn attend(&mut self, job: &JobId, record: JobRecord) -> Result<bool> {
        match self.attend_job(job, record).await {
            Ok(None) => Ok(true),
            Ok(Some(at)) => {
                self.store.look_again(job, at).await?;
                Ok(true)
            }
            Err(Error::Store(stream_store::Error::Claimed)) => Ok(false),
            Err(error @ Error::Store(stream_store::Error::Unavailable { .. })) => Err(error),
            // It went while it was looked at: nothing is left to do for it.
            Err(Error::NoSuchJob) => Ok(true),
            Err(error) => {
                self.archive_away |= matches!(error, Error::Unavailable { .. } | Error::Denied { .. });
                self.swept.leave(job, &error);
                Ok(true)
            }
        }
    }

    /// Answers until when there is nothing to do for the job; none when there was something, or is.
    async fn attend_job(&mut self, job: &JobId, mut record: JobRecord) -> Result<Option<Timestamp>> {
        if !record.is_over() {
            let state = self.store.mark_silent(job, &self.policy.silence, self.now).await?;
            if state != record.state {
                record = self.store.job(job).await?.ok_or(Error::NoSuchJob)?;
            }
        }
        if record.state == State::Erased {
            return self.erase_copy(job, &record).await;
        }
        if let Some(at) = self.nothing_until(job, &record).await? {
            return Ok(Some(at));
        }
        if self.archive_away {
            self.swept.undone += 1;
            return Ok(None);
        }
        let mut held = Held::take(self.store, job, &self.policy.holder, self.policy.claim_for).await?;
        let done = self.move_job(job, &mut held).await;
        held.release().await;
        done.map(|()| None)
    }

    /// An erasure that was interrupted between the two sides is finished here.
    async fn erase_copy(&mut self, job: &JobId, record: &JobRecord) -> Result<Option<Timestamp>> {
        if self.archive_away {
            return Ok(None);
        }
        let manifest = self.archive.job(job).await?;
        if manifest.is_some_and(|manifest| manifest.state != State::Erased) {
            let held = Held::take(self.store, job, &self.policy.holder, self.policy.claim_for).await?;
            let done = crate::purge::erase_archived(self.archive, job, record).await;
            held.release().await;
            done?;
        }
        Ok(Some(self.now.plus(OVER)))
    }

    /// Until when there is surely nothing to copy or to forget, found out without claiming the job; none when there may be
    /// something now.
    async fn nothing_until(&self, job: &JobId, record: &JobRecord) -> Result<Option<Timestamp>> {
        let ended = record.state == State::Ended;
        let mut until = self.now.plus(if ended { OVER } else { self.policy.look_again });
        if self.copy_limit(record) > record.archived {
            if self.copies_whole(record) {
                return Ok(None);
            }
            let mut encoder = Encoder::new()?;
            if self
                .is_worth_a_segment(job, record, record.archived, &mut encoder)
                .await?
            {
                return Ok(None);
            }
            if ended {
                until = until.min(ended_at(record).plus(self.policy.archive_after));
            }
        }
        let Some(span) = record.held().filter(|span| span.first() <= record.archived) else {
            // All forgotten, but interrupted before the record shrank.
            let shrunk = record.phases.is_empty() && record.writers.is_empty() && record.counts.lines == 0;
            let all_forgotten = ended && record.held().is_none() && !shrunk;
            return Ok((!all_forgotten).then_some(until));
        };
        let first = places::forward(span.first().prev(), span.last(), 1, &record.unused);
        let Some(first) = first.first() else {
            return Ok(Some(until));
        };
        let oldest = self.store.read(job, *first).await?;
        let old = oldest.first().map(|entry| self.old_at(entry.recorded.ts, record));
        Ok(old.filter(|old| *old > self.now).map(|old| old.min(until)))
    }

    /// Up to where a job may be copied now.
    fn copy_limit(&self, record: &JobRecord) -> Seq {
        if record.state == State::Ended {
            record.head
        } else {
            record.confirmed.min(record.head)
        }
    }

    /// Whether all of it is to be copied, however little is left.
    fn copies_whole(&self, record: &JobRecord) -> bool {
        record.state == State::Ended && ended_at(record).plus(self.policy.archive_after) <= self.now
    }

    /// When the store no longer needs an entry captured at `ts`. Nothing can have been captured after the job was
    /// last touched, so a clock that was ahead does not keep a log for ever.
    fn old_at(&self, ts: Timestamp, record: &JobRecord) -> Timestamp {
        ts.min(record.touched).plus(self.policy.retention)
    }

    fn is_old(&self, ts: Timestamp, record: &JobRecord) -> bool {
        self.old_at(ts, record) <= self.now
    }

    async fn move_job(&mut self, job: &JobId, held: &mut Held<'_>) -> Result<()> {
        let mut record = self.store.job(job).await?.ok_or(Error::NoSuchJob)?;
        let known = self.archive.job(job).await?;
        let mut manifest = known.unwrap_or_else(|| Manifest::new(job, &record));
        record.settle_loss(manifest.through_before_loss(&record));
        if manifest.owner != record.owner {
            return Err(Error::damaged(
                "the archive holds a job of this name that belongs to somebody else",
            ));
        }
        // An expired record forgets a job's name, the archive does not. Going on would take the old job's entries for
        // copies of the new one's, and forget the new ones.
        if manifest.opened != record.opened {
            return Err(Error::damaged(
                "the archive holds an earlier job of this name; the new one stays in the recent store",
            ));
        }
        if manifest.state == State::Erased {
            return Err(Error::damaged(
                "the archive says that this job was erased, the store holds it still",
            ));
        }
        // The last sweep may have been killed right after its manifest.
        if manifest.through > record.archived {
            self.store.archived(job, manifest.through.min(record.head)).await?;
        }
        self.copy(job, &mut record, &mut manifest, held).await?;
        if self.stop.is_asked() {
            return Ok(());
        }
        self.forget(job, &mut record, &mut manifest, held).await
    }

    async fn copy(
        &mut self,
        job: &JobId,
        record: &mut JobRecord,
        manifest: &mut Manifest,
        held: &mut Held<'_>,
    ) -> Result<()> {
        let mut encoder = Encoder::new()?;
        while !self.stop.is_asked() {
            let first = segment::skip_unused(manifest.through.next(), &record.unused);
            if first < record.held_from && first <= record.head {
                return Err(Error::damaged(format!(
                    "the archive ends at {}, but the store holds nothing before {}",
                    manifest.through, record.held_from
                )));
            }
            let worth = self.copies_whole(record) && manifest.through < record.head
                || self
                    .is_worth_a_segment(job, record, manifest.through, &mut encoder)
                    .await?;
            encoder.clear();
            if !worth {
                return Ok(());
            }
            let Some(segment) = self.cut(job, record, manifest.through, &mut encoder, held).await? else {
                return Ok(());
            };
            self.keep(job, record, manifest, segment, held).await?;
        }
        Ok(())
    }

    /// Whether a running job has enough after `after` for a segment: by count, by age, or by size as its beginning lets
    /// expect. An expectation that is wrong costs nothing but waiting for the age.
    async fn is_worth_a_segment(
        &self,
        job: &JobId,
        record: &JobRecord,
        after: Seq,
        encoder: &mut Encoder,
    ) -> Result<bool> {
        let limit = self.copy_limit(record);
        if limit <= after {
            return Ok(false);
        }
        let places = limit.get() - after.get();
        let unused = log_model::Span::after(after, limit).map_or(0, |span| record.unused_in(span));
        let waiting = places.saturating_sub(unused);
        if waiting >= SEGMENT_ENTRIES {
            return Ok(true);
        }
        for span in places::forward(after, limit, READ_LIMIT, &record.unused) {
            for entry in self.store.read(job, span).await? {
                if entry.recorded.ts.plus(self.policy.segment_age) <= self.now {
                    return Ok(true);
                }
                encoder.push(&entry)?;
            }
        }
        Ok(encoder.entries() > 0 && encoder.bytes_an_entry()? * waiting >= SEGMENT_BYTES as u64)
    }

    /// Encodes what comes after `after`, until a segment is full or there is no more; none when asked to stop.
    async fn cut(
        &mut self,
        job: &JobId,
        record: &mut JobRecord,
        mut after: Seq,
        encoder: &mut Encoder,
        held: &mut Held<'_>,
    ) -> Result<Option<Segment>> {
        let limit = self.copy_limit(record);
        loop {
            if self.stop.is_asked() {
                return Ok(None);
            }
            held.keep().await?;
            let spans = places::forward(after, limit, READ_LIMIT, &record.unused);
            if spans.is_empty() {
                return encoder.finish();
            }
            for span in spans {
                let entries = self.store.read(job, span).await?;
                if entries.len() as u64 != span.len() {
                    return Err(Error::damaged(format!("the store does not hold all of {span}")));
                }
                for entry in entries {
                    let entry = self.masked(job, entry).await?;
                    after = entry.seq;
                    if let Some(segment) = encoder.push(&entry)? {
                        return Ok(Some(segment));
                    }
                }
            }
        }
    }

    /// The entry as today's rules would have it; masked in the store first, so that both sides always agree.
    async fn masked(&mut self, job: &JobId, entry: LogEntry) -> Result<LogEntry> {
        match rescanned(self.redactor, &entry) {
            None => Ok(entry),
            Some(masked) => {
                self.store.mask(job, &masked).await?;
                self.swept.masked += 1;
                Ok(masked)
            }
        }
    }

    /// Writes a segment, reads it back, compares, and writes the manifest that names it; then tells the store.
    async fn keep(
        &mut self,
        job: &JobId,
        record: &mut JobRecord,
        manifest: &mut Manifest,
        segment: Segment,
        held: &mut Held<'_>,
    ) -> Result<()> {
        held.keep().await?;
        let Segment {
            record: described,
            bytes,
        } = segment;
        write_and_compare(
            self.archive,
            job,
            Segment {
                record: described.clone(),
                bytes,
            },
            &record.unused,
        )
        .await?;
        *record = self.store.job(job).await?.ok_or(Error::NoSuchJob)?;
        record.settle_loss(manifest.through_before_loss(record));
        if record.state == State::Erased {
            return Err(Error::Erased);
        }
        let mut next = manifest.clone();
        self.swept.segments += 1;
        self.swept.entries += described.entries;
        self.swept.bytes += described.bytes;
        next.add(described);
        next.learn(record);
        held.keep().await?;
        self.archive.put_manifest(&mut next).await?;
        *manifest = next;
        self.store.archived(job, manifest.through).await?;
        self.archive.tidy(manifest).await;
        Ok(())
    }

    async fn forget(
        &mut self,
        job: &JobId,
        record: &mut JobRecord,
        manifest: &mut Manifest,
        held: &mut Held<'_>,
    ) -> Result<()> {
        *record = self.store.job(job).await?.ok_or(Error::NoSuchJob)?;
        record.settle_loss(manifest.through_before_loss(record));
        let through = self.old_through(job, record, manifest).await?;
        let last_goes = record.state == State::Ended && through.is_some_and(|through| through >= record.head);
        let none_left = record.state == State::Ended && record.held().is_none();
        if last_goes || none_left {
            // From here on the manifest is the only full word on the job.
            if manifest.through >= record.head && !none_left && manifest.learn(record) {
                self.archive.put_manifest(manifest).await?;
                self.archive.tidy(manifest).await;
            }
        }
        if none_left {
            return Ok(self
                .store
                .forget(job, record.head, self.policy.record_retention)
                .await?);
        }
        let Some(through) = through else { return Ok(()) };
        let mut after = record.held_from.prev();
        while after < through && !self.stop.is_asked() {
            held.keep().await?;
            let step = places::forward(after, through, READ_LIMIT, &record.unused);
            let last = step.last().map_or(through, |span| span.last());
            self.store.forget(job, last, self.policy.record_retention).await?;
            self.swept.forgotten += step.iter().map(|span| span.len()).sum::<u64>();
            after = last;
        }
        Ok(())
    }

    /// Up to where the store's entries are archived and old enough. Where a whole segment is, its manifest says so, and
    /// nothing has to be read.
    async fn old_through(&self, job: &JobId, record: &JobRecord, manifest: &Manifest) -> Result<Option<Seq>> {
        let Some(held) = record.held() else { return Ok(None) };
        let archived = record.archived.min(manifest.through);
        let mut through = None;
        for segment in manifest.segments.iter().filter(|segment| segment.last >= held.first()) {
            if self.is_old(segment.newest, record) && segment.last <= archived {
                through = Some(segment.last);
                continue;
            }
            let mut after = segment.first.max(held.first()).prev();
            loop {
                let spans = places::forward(after, segment.last.min(archived), READ_LIMIT, &record.unused);
                if spans.is_empty() {
                    break;
                }
                for span in spans {
                    for entry in self.store.read(job, span).await? {
                        if !self.is_old(entry.recorded.ts, record) {
                            return Ok(through);
                        }
                        through = Some(entry.seq);
                    }
                    after = span.last();
                }
            }
        }
        Ok(through)
    }
}

fn ended_at(record: &JobRecord) -> Timestamp {
    record.ended.unwrap_or(record.touched)
}

/// Writes a segment, reads it back and compares: SHA-256, count, and that no place is missing.
pub(crate) async fn write_and_compare(
    archive: &Archive,
    job: &JobId,
    segment: Segment,
    unused: &[log_model::Span],
) -> Result<()> {
    archive.put_segment(job, &segment).await?;
    let Segment { record, bytes } = segment;
    // Its bytes are not needed beside those read back.
    drop(bytes);
    let read = archive.segment(job, &record).await?;
    let read = read.ok_or_else(|| Error::damaged("a segment that was just written is not there"))?;
    segment::verify(&record, &read, unused, |_| Ok(()))
}

/// The entry as the redactor's rules of today would have it; none when they hide nothing more in it.
pub(crate) fn rescanned(redactor: &Redactor, entry: &LogEntry) -> Option<LogEntry> {
    let LogEvent::Line {
        source,
        text,
        class,
        cut,
        masked,
    } = &entry.recorded.event
    else {
        return None;
    };
    let scrubbed = redactor.rescan(text)?;
    let mut all: Vec<Masked> = masked.clone();
    for new in scrubbed.masked {
        match all.iter_mut().find(|known| known.rule == new.rule) {
            Some(known) => known.count = known.count.saturating_add(new.count),
            None => all.push(new),
        }
    }
    let event = LogEvent::Line {
        source: *source,
        text: scrubbed.text,
        class: *class,
        cut: *cut,
        masked: all,
    };
    let mut entry = entry.clone();
    entry.recorded.event = event;
    Some(entry)
}
