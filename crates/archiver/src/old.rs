//! Reading from the archive: manifests remembered for a moment, entries fetched by the frame.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use log_model::{JobId, LogEntry, Seq, Span};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::archive::Archive;
use crate::digest::Digest;
use crate::error::Result;
use crate::manifest::Manifest;
use crate::segment::{self, SegmentRecord};

/// For how long a manifest is believed. Masked lines do not wait for that: what they replace is gone from the archive,
/// so whoever asks for it looks again at once.
const BELIEVED: Duration = Duration::from_secs(30);

/// How much memory the remembered manifests may take. Beyond, the one used longest ago goes.
const REMEMBERED_BYTES: usize = 16 << 20;

/// How many are remembered at most.
const REMEMBERED: usize = 1_024;

/// How much a reader that walks fetches at once.
const AHEAD: u64 = 512 << 10;

#[derive(Debug)]
pub(crate) struct Old {
    archive: Arc<Archive>,
    remembered: Mutex<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    manifests: HashMap<JobId, Known>,
    weight: usize,
    uses: u64,
}

#[derive(Debug)]
struct Known {
    manifest: Arc<Manifest>,
    at: Instant,
    /// The store's revision of the job when this was fetched, if the store knew the job.
    revision: Option<u32>,
    used: u64,
}

impl Old {
    pub(crate) fn new(archive: Arc<Archive>) -> Self {
        Self {
            archive,
            remembered: Mutex::default(),
        }
    }

    /// The manifest, as remembered; none when it is not, or no longer to be believed. `revision` is the store's, where the
    /// store knows the job: something may have been masked since.
    pub(crate) fn remembered(&self, job: &JobId, revision: Option<u32>) -> Option<Arc<Manifest>> {
        let mut remembered = self.remembered.lock();
        remembered.uses += 1;
        let uses = remembered.uses;
        let known = remembered.manifests.get_mut(job)?;
        let current = |revision| known.manifest.revision >= revision || known.revision == Some(revision);
        if known.at.elapsed() > BELIEVED || !revision.is_none_or(current) {
            return None;
        }
        known.used = uses;
        Some(Arc::clone(&known.manifest))
    }

    /// The manifest as it is now.
    pub(crate) async fn fresh(&self, job: &JobId, revision: Option<u32>) -> Result<Option<Arc<Manifest>>> {
        let manifest = self.archive.job(job).await?.map(Arc::new);
        let mut remembered = self.remembered.lock();
        remembered.lose(job);
        if let Some(manifest) = &manifest {
            remembered.keep(job, Arc::clone(manifest), revision);
        }
        Ok(manifest)
    }

    /// The manifest, remembered or fetched.
    pub(crate) async fn manifest(&self, job: &JobId, revision: Option<u32>) -> Result<Option<Arc<Manifest>>> {
        match self.remembered(job, revision) {
            Some(manifest) => Ok(Some(manifest)),
            None => self.fresh(job, revision).await,
        }
    }

    /// What the archive holds of `span`, in order. Entries that are not there are left out.
    pub(crate) async fn read(
        &self,
        job: &JobId,
        span: Span,
        revision: Option<u32>,
        ahead: &mut Ahead,
    ) -> Result<Vec<LogEntry>> {
        if let Some(manifest) = self
            .remembered(job, revision)
            .filter(|manifest| manifest.through >= span.last())
        {
            match self.read_by(&manifest, span, ahead).await {
                Ok(Some(entries)) => return Ok(entries),
                // A segment has been replaced, or the manifest remembered was wrong about it: look again.
                Ok(None) | Err(crate::Error::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut entries = Vec::new();
        for _ in 0..2 {
            let Some(manifest) = self.fresh(job, revision).await? else {
                return Ok(Vec::new());
            };
            match self.read_by(&manifest, span, ahead).await? {
                Some(read) => return Ok(read),
                None => entries = self.what_is_left(&manifest, span, ahead).await?,
            }
        }
        Ok(entries)
    }

    /// None when a segment that the manifest names is not there.
    async fn read_by(&self, manifest: &Manifest, span: Span, ahead: &mut Ahead) -> Result<Option<Vec<LogEntry>>> {
        let mut entries = Vec::new();
        for segment in manifest.segments_of(span) {
            if !self.read_segment(manifest, segment, span, ahead, &mut entries).await? {
                return Ok(None);
            }
        }
        Ok(Some(entries))
    }

    /// Whatever can still be read where a segment is missing for good.
    async fn what_is_left(&self, manifest: &Manifest, span: Span, ahead: &mut Ahead) -> Result<Vec<LogEntry>> {
        let mut entries = Vec::new();
        for segment in manifest.segments_of(span) {
            self.read_segment(manifest, segment, span, ahead, &mut entries).await?;
        }
        Ok(entries)
    }

    async fn read_segment(
        &self,
        manifest: &Manifest,
        segment: &SegmentRecord,
        span: Span,
        ahead: &mut Ahead,
        entries: &mut Vec<LogEntry>,
    ) -> Result<bool> {
        let frames = segment.frames_of(span);
        let Some(range) = range_of(segment, &frames) else {
            return Ok(true);
        };
        let Some(bytes) = self.fetch(&manifest.job, segment, range.clone(), ahead).await? else {
            return Ok(false);
        };
        for index in frames {
            let from = segment.frames[index].offset - range.start;
            let to = segment.frame_end(index) - range.start;
            let compressed = usize::try_from(from).ok().zip(usize::try_from(to).ok());
            let compressed = compressed.and_then(|(from, to)| bytes.get(from..to));
            let raw =
                segment::decode_frame(compressed.ok_or_else(|| crate::Error::damaged("a segment is too short"))?)?;
            decode_span(&raw, span, &manifest.unused, entries)?;
        }
        Ok(true)
    }

    async fn fetch(
        &self,
        job: &JobId,
        segment: &SegmentRecord,
        range: Range<u64>,
        ahead: &mut Ahead,
    ) -> Result<Option<Bytes>> {
        if let Some(bytes) = ahead.held(segment, &range) {
            return Ok(Some(bytes));
        }
        let wide = ahead.widened(segment, &range);
        let Some(bytes) = self.archive.segment_range(job, segment, wide.clone()).await? else {
            return Ok(None);
        };
        if bytes.len() as u64 != wide.end - wide.start {
            return Err(crate::Error::damaged("a segment is shorter than its manifest says"));
        }
        ahead.block = Some((segment.sha256, wide.start, bytes));
        Ok(ahead.held(segment, &range))
    }
}

/// Decodes the lines of a frame that lie in `span`. In a frame the places rise, so the lines before it are passed over
/// without building their entries.
fn decode_span(raw: &[u8], span: Span, unused: &[Span], entries: &mut Vec<LogEntry>) -> Result<()> {
    let lines: Vec<&[u8]> = segment::lines(raw).collect();
    let mut failed = None;
    let start = lines.partition_point(|line| match segment::place_of(line) {
        Ok(seq) => seq < span.first(),
        Err(error) => {
            failed = Some(error);
            false
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    for line in &lines[start..] {
        let entry = segment::decode_line(line)?;
        if entry.seq > span.last() {
            break;
        }
        if !segment::is_unused(entry.seq, unused) && entries.last().is_none_or(|last: &LogEntry| last.seq < entry.seq) {
            entries.push(entry);
        }
    }
    Ok(())
}

fn range_of(segment: &SegmentRecord, frames: &Range<usize>) -> Option<Range<u64>> {
    let last = frames.end.checked_sub(1).filter(|last| *last >= frames.start)?;
    Some(segment.frames.get(frames.start)?.offset..segment.frame_end(last))
}

/// What a reader that walks has fetched beyond what it asked for: at most some 512 KiB, or the frames asked for.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    direction: Direction,
    block: Option<(Digest, u64, Bytes)>,
}

/// Where a reader goes next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Direction {
    /// Nowhere: fetch what is asked for.
    #[default]
    Stay,
    Forward,
    Back,
}

impl Ahead {
    pub(crate) fn towards(direction: Direction) -> Self {
        Self { direction, block: None }
    }

    fn held(&self, segment: &SegmentRecord, range: &Range<u64>) -> Option<Bytes> {
        let (digest, start, bytes) = self.block.as_ref()?;
        let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
        (*digest == segment.sha256 && to <= bytes.len()).then(|| bytes.slice(from..to))
    }

    fn widened(&self, segment: &SegmentRecord, range: &Range<u64>) -> Range<u64> {
        let end = segment.frame_end(segment.frames.len() - 1);
        match self.direction {
            Direction::Stay => range.clone(),
            Direction::Forward => range.start..range.end.max(end.min(range.start + AHEAD)),
            Direction::Back => range.start.min(range.end.saturating_sub(AHEAD))..range.end,
        }
    }
}

impl Remembered {
    fn lose(&mut self, job: &JobId) {
        if let Some(known) = self.manifests.remove(job) {
            self.weight -= known.manifest.weight();
        }
    }

    fn keep(&mut self, job: &JobId, manifest: Arc<Manifest>, revision: Option<u32>) {
        if manifest.weight() > REMEMBERED_BYTES / 2 {
            return;
        }
        self.uses += 1;
        self.weight += manifest.weight();
        self.manifests.insert(
            job.clone(),
            Known {
                manifest,
                at: Instant::now(),
                revision,
                used: self.uses,
            },
        );
        while self.weight > REMEMBERED_BYTES || self.manifests.len() > REMEMBERED {
            let oldest = self
                .manifests
                .iter()
                .min_by_key(|(_, known)| known.used)
                .map(|(job, _)| job.clone());
            match oldest {
                Some(oldest) => self.lose(&oldest),
                None => break,
            }
        }
    }
}

/// The first place of the archive's that a store which holds from `held_from` no longer has.
pub(crate) fn split(span: Span, held_from: Seq) -> (Option<Span>, Option<Span>) {
    let old = Span::new(span.first(), span.last().min(held_from.prev())).ok();
    let new = Span::new(span.first().max(held_from), span.last()).ok();
    (old, new)
}
