//! What the archive says of a job: whose it is, how it went, and where its entries are.
//!
//! A manifest is never changed: the next one gets the next number, and the highest number counts. It is the only word
//! on what the archive holds; a segment that no manifest names does not exist.

use log_model::{Counts, JobId, Owner, Seq, Span, Timestamp};
use serde::{Deserialize, Serialize};
use stream_store::{Ending, Erasure, JobRecord, PhaseRecord, State};

use crate::error::{Error, Result};
use crate::segment::SegmentRecord;

/// The longest manifest a reader takes, in bytes. At some 30 bytes a frame, that is more than 500 million lines.
pub const MANIFEST_BYTES: usize = 16 << 20;

/// The form described here.
const FORMAT: u32 = 1;

/// What the archive holds of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form's number; readers refuse one they do not know.
    pub format: u32,
    /// Which of the job's manifests this is, from 1 on.
    pub number: u64,
    /// The job.
    pub job: JobId,
    /// Who may read it.
    pub owner: Owner,
    /// Where it stood when this was written: running, ended or erased.
    #[serde(flatten)]
    pub state: State,
    /// Everything up to here is in the segments; zero while that is nothing.
    pub through: Seq,
    /// Raised whenever an entry is masked after the fact or the job is erased.
    pub revision: u32,
    /// What the whole log held.
    pub counts: Counts,
    /// Its phases, in the order they first started.
    pub phases: Vec<PhaseRecord>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When something last happened to it.
    pub touched: Timestamp,
    /// How it ended.
    pub ending: Option<Ending>,
    /// When its last entry was written.
    pub ended: Option<Timestamp>,
    /// Who erased it, when and why.
    pub erased: Option<Erasure>,
    /// Places that no entry has; should a segment hold one all the same, that entry is not part of the log.
    pub unused: Vec<Span>,
    /// Which lines were masked by hand, by whom and why; the last 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purges: Vec<Purge>,
    /// Its segments, in order.
    pub segments: Vec<SegmentRecord>,
}

/// Who masked a line, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purge {
    /// The line.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Who asked for it, as they named themselves.
    pub by: String,
    /// Why, in their words.
    pub why: String,
}

/// How many of the latest purges a manifest keeps.
pub(crate) const PURGES: usize = 1_000;

impl Manifest {
    /// The first manifest of a job the store knows; nothing archived, number 0 until it is written.
    pub(crate) fn new(job: &JobId, record: &JobRecord) -> Self {
        let mut manifest = Self {
            format: FORMAT,
            number: 0,
            job: job.clone(),
            owner: record.owner.clone(),
            state: State::Running,
            through: Seq::ZERO,
            revision: 0,
            counts: record.counts,
            phases: Vec::new(),
            opened: record.opened,
            touched: record.touched,
            ending: None,
            ended: None,
            erased: None,
            unused: Vec::new(),
            purges: Vec::new(),
            segments: Vec::new(),
        };
        manifest.learn(record);
        manifest
    }

    /// Takes over what the store says of the job; true when that was news.
    pub(crate) fn learn(&mut self, record: &JobRecord) -> bool {
        let before = self.clone_head();
        self.state = match record.state {
            // Silence is about the moment, and a manifest is about good.
            State::Silent { .. } => State::Running,
            // As long as the end is not copied, readers must not take this for the whole log.
            State::Ended if self.through < record.head => State::Running,
            state => state,
        };
        self.revision = self.revision.max(record.revision);
        self.counts = record.counts;
        self.phases.clone_from(&record.phases);
        self.touched = record.touched;
        self.ending = record.ending;
        self.ended = record.ended;
        self.erased.clone_from(&record.erased);
        self.unused.clone_from(&record.unused);
        self.clone_head() != before
    }

    /// Where the copies end that were made before the store lost the job, if it ever did.
    pub(crate) fn through_before_loss(&self, record: &JobRecord) -> Seq {
        let before = |segment: &&SegmentRecord| segment.first <= record.lost_through;
        self.segments
            .iter()
            .rev()
            .find(before)
            .map_or(Seq::ZERO, |segment| segment.last)
    }

    /// Everything but the segments and the time of the last word, to tell whether a new manifest would say anything.
    fn clone_head(&self) -> Self {
        Self {
            segments: Vec::new(),
            touched: Timestamp::default(),
            ..self.clone_shallow()
        }
    }

    fn clone_shallow(&self) -> Self {
        Self {
            owner: self.owner.clone(),
            job: self.job.clone(),
            phases: self.phases.clone(),
            erased: self.erased.clone(),
            unused: self.unused.clone(),
            purges: Vec::new(),
            segments: Vec::new(),
            ..*self
        }
    }

    /// Adds a segment that follows on from what is there.
    pub(crate) fn add(&mut self, segment: SegmentRecord) {
        self.through = segment.last;
        self.segments.push(segment);
    }

    /// The job as a store would describe it, were everything in it forgotten there.
    pub fn record(&self) -> JobRecord {
        let mut record = JobRecord::opened(self.owner.clone(), self.opened);
        record.state = self.state;
        record.head = self.through;
        record.held_from = self.through.next();
        record.confirmed = self.through;
        record.archived = self.through;
        record.unused.clone_from(&self.unused);
        record.revision = self.revision;
        record.counts = self.counts;
        record.phases.clone_from(&self.phases);
        record.touched = self.touched;
        record.ending = self.ending;
        record.ended = self.ended;
        record.erased.clone_from(&self.erased);
        record
    }

    /// Its JSON.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("words, numbers and lists always have a JSON form")
    }

    /// Puts a segment in the place of the one with the same entries.
    pub(crate) fn swap(&mut self, segment: SegmentRecord) {
        if let Some(place) = self.segments.iter_mut().find(|old| old.first == segment.first) {
            *place = segment;
        }
    }

    /// Notes who masked a line.
    pub(crate) fn note(&mut self, purge: Purge) {
        self.purges.push(purge);
        let surplus = self.purges.len().saturating_sub(PURGES);
        self.purges.drain(..surplus);
    }

    /// What stays of an erased job: whose it was, and who erased it, when and why.
    pub(crate) fn erase(&mut self, erasure: Erasure, revision: u32) {
        self.state = State::Erased;
        self.revision = revision.max(self.revision.saturating_add(1));
        self.erased = Some(erasure);
        self.phases.clear();
        self.purges.clear();
        self.segments.clear();
    }

    /// Reads back what [`encode`](Manifest::encode) wrote, for this job. Any bytes give a manifest whose segments are in
    /// order and within the bounds of this crate, or an error.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is not that; nothing of the bytes is repeated.
    pub fn decode(job: &JobId, json: &[u8]) -> Result<Self> {
        if json.len() > MANIFEST_BYTES {
            return Err(Error::damaged("a manifest is too long"));
        }
        let manifest: Self = serde_json::from_slice(json).map_err(|error| {
            Error::damaged(format!(
                "a manifest is not one (line {}, column {})",
                error.line(),
                error.column()
            ))
        })?;
        if manifest.format != FORMAT {
            return Err(Error::damaged(format!(
                "a manifest has the form {}, this program reads {FORMAT}",
                manifest.format
            )));
        }
        if manifest.job != *job {
            return Err(Error::damaged("a manifest belongs to another job"));
        }
        for segment in &manifest.segments {
            segment.check().map_err(Error::damaged)?;
        }
        let in_order = manifest.segments.windows(2).all(|pair| pair[0].last < pair[1].first);
        let unused_in_order = manifest.unused.windows(2).all(|pair| pair[0].last() < pair[1].first());
        let last = manifest.segments.last().map_or(Seq::ZERO, |segment| segment.last);
        if !in_order || !unused_in_order || (manifest.through != last && manifest.state != State::Erased) {
            return Err(Error::damaged("a manifest's segments are out of order"));
        }
        Ok(manifest)
    }

    /// The segments that may hold places of `span`.
    pub(crate) fn segments_of(&self, span: Span) -> &[SegmentRecord] {
        let from = self.segments.partition_point(|segment| segment.last < span.first());
        let to = self.segments.partition_point(|segment| segment.first <= span.last());
        &self.segments[from.min(to)..to]
    }

    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        let frames: usize = self.segments.iter().map(|segment| segment.frames.len()).sum();
        1024 + self.segments.len() * size_of::<SegmentRecord>() + frames * 16 + self.purges.len() * 256
    }
}
