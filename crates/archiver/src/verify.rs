//! Reading everything that is archived, and comparing it with what is said of it.

use futures::TryStreamExt;
use log_model::{JobId, LogEntry};
use redact::Redactor;
use stream_store::{JobRecord, LogStore, READ_LIMIT, State};

use crate::archive::Archive;
use crate::claim::Held;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::purge::rewrite;
use crate::segment::{self, SegmentRecord};
use crate::sweep::{Policy, Stop, rescanned};
use crate::{old, places};

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// Jobs read.
    pub jobs: u64,
    /// Segments read.
    pub segments: u64,
    /// Entries in them.
    pub entries: u64,
    /// Entries that both sides hold, and hold alike.
    pub compared: u64,
    /// Archived lines that today's rules masked.
    pub masked: u64,
    /// How many things are not as they should be.
    pub wrong: u64,
    /// The first of them.
    pub problems: Vec<(JobId, String)>,
    /// Whether it was asked to stop before it had seen every job.
    pub stopped: bool,
}

impl Verified {
    /// Whether everything was read and found right.
    pub fn is_right(&self) -> bool {
        self.wrong == 0 && !self.stopped
    }

    fn note(&mut self, job: &JobId, what: String) {
        tracing::error!(%job, error = what, "not as it should be");
        self.wrong += 1;
        if self.problems.len() < PROBLEMS {
            self.problems.push((job.clone(), what));
        }
    }
}

const PROBLEMS: usize = 20;

/// Reads every segment of one job or of all, and compares: with its manifest (SHA-256, frames, count, that no place is
/// missing), and with what the recent store still holds of the same places. With a redactor, each line is also run
/// through its rules of today, and what they hide is masked on both sides.
///
/// Holds one segment at a time.
///
/// # Errors
/// [`Error::NoSuchJob`] for a job the archive does not hold; [`Error::Unavailable`], [`Error::Denied`],
/// [`Error::Store`] when a side does not answer. What is wrong with the data is no error but in the answer.
pub async fn verify(
    store: &dyn LogStore,
    archive: &Archive,
    job: Option<&JobId>,
    rescan: Option<&Redactor>,
    policy: &Policy,
    stop: &Stop,
) -> Result<Verified> {
    let mut verified = Verified::default();
    let checked = Check {
        store,
        archive,
        rescan,
        policy,
    };
    match job {
        Some(job) => {
            if !checked.job(job, &mut verified).await? {
                return Err(Error::NoSuchJob);
            }
        }
        None => {
            let mut jobs = std::pin::pin!(archive.jobs());
            while let Some(job) = jobs.try_next().await? {
                if stop.is_asked() {
                    verified.stopped = true;
                    break;
                }
                checked.job(&job, &mut verified).await?;
            }
        }
    }
    Ok(verified)
}

struct Check<'a> {
    store: &'a dyn LogStore,
    archive: &'a Archive,
    rescan: Option<&'a Redactor>,
    policy: &'a Policy,
}

impl Check<'_> {
    /// False when the archive has no manifest of the job.
    async fn job(&self, job: &JobId, verified: &mut Verified) -> Result<bool> {
        let manifest = match self.archive.job(job).await {
            Ok(Some(manifest)) => manifest,
            Ok(None) => return Ok(false),
            Err(Error::Damaged { what }) => {
                verified.note(job, what);
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        verified.jobs += 1;
        let record = self.store.job(job).await?;
        if let Some(record) = &record {
            if record.owner != manifest.owner {
                verified.note(job, "the two sides name different owners".to_owned());
            }
            if record.archived > manifest.through && record.state != State::Erased {
                let (believed, held) = (record.archived, manifest.through);
                verified.note(
                    job,
                    format!("the store believes that everything up to {believed} is archived, it is up to {held}"),
                );
            }
        }
        let mut hits = Vec::new();
        let mut expected = None;
        for described in &manifest.segments {
            if let Some(expected) = expected.filter(|expected| *expected < described.first) {
                verified.note(
                    job,
                    format!("{expected} to {} are in no segment", described.first.prev()),
                );
            }
            expected = Some(segment::skip_unused(described.last.next(), &manifest.unused));
            match self
                .segment(&manifest, described, record.as_ref(), &mut hits, verified)
                .await
            {
                Ok(()) => {}
                Err(Error::Damaged { what }) => verified.note(job, what),
                // Gone or moved on while it was read: somebody purges or sweeps it, and the next check sees it whole.
                Err(Error::NoSuchJob | Error::Erased) => {}
                Err(error) => return Err(error),
            }
            if !hits.is_empty() {
                self.mask(job, &hits).await?;
                verified.masked += hits.len() as u64;
                hits.clear();
            }
        }
        Ok(true)
    }

    async fn segment(
        &self,
        manifest: &Manifest,
        described: &SegmentRecord,
        record: Option<&JobRecord>,
        hits: &mut Vec<LogEntry>,
        verified: &mut Verified,
    ) -> Result<()> {
        let job = &manifest.job;
        let Some(bytes) = self.archive.segment(job, described).await? else {
            // Replaced since the manifest was read, or missing.
            let now = self.archive.job(job).await?;
            let still = now.is_some_and(|now| now.segments.iter().any(|segment| segment == described));
            return if still {
                Err(Error::damaged(format!("segment {} is missing", described.first)))
            } else {
                Ok(())
            };
        };
        verified.segments += 1;
        segment::verify(described, &bytes, &manifest.unused, |raw| {
            for entry in self
                .rescan
                .into_iter()
                .flat_map(|redactor| segment::entries(raw).map(move |e| (redactor, e)))
            {
                hits.extend(rescanned(entry.0, &entry.1?));
            }
            Ok(())
        })?;
        verified.entries += described.entries;
        let Some(record) = record.filter(|record| record.state != State::Erased) else {
            return Ok(());
        };
        let (_, both) = old::split(described.span(), record.held_from);
        let Some(both) = both else { return Ok(()) };
        let mut after = both.first().prev();
        for index in described.frames_of(both) {
            let from = usize::try_from(described.frames[index].offset).unwrap_or(usize::MAX);
            let to = usize::try_from(described.frame_end(index)).unwrap_or(usize::MAX);
            let raw = segment::decode_frame(bytes.get(from..to).unwrap_or_default())?;
            let archived: Vec<LogEntry> = segment::entries(&raw).collect::<Result<_>>()?;
            let last = archived.last().map_or(after, |entry| entry.seq);
            for span in places::forward(after, last, READ_LIMIT, &record.unused) {
                for entry in self.store.read(job, span).await? {
                    let same = archived.binary_search_by_key(&entry.seq, |entry| entry.seq).ok();
                    let Some(same) = same.map(|at| &archived[at]) else {
                        continue;
                    };
                    if *same == entry {
                        verified.compared += 1;
                    } else if self.differs_still(job, &entry).await? {
                        verified.note(job, format!("entry {} differs between the two sides", entry.seq));
                    }
                }
            }
            after = last;
        }
        Ok(())
    }

    /// Whether an entry of the archive is not what the store has, read again: it may just be being masked.
    async fn differs_still(&self, job: &JobId, entry: &LogEntry) -> Result<bool> {
        let Some(manifest) = self.archive.job(job).await? else {
            return Ok(false);
        };
        let archived = crate::purge::archived_entry(self.archive, &manifest, entry.seq).await?;
        let stored = places::forward(entry.seq.prev(), entry.seq, 1, &[]);
        let Some(span) = stored.first() else { return Ok(false) };
        let stored = self.store.read(job, *span).await?;
        Ok(stored.first().is_some_and(|stored| archived.as_ref() != Some(stored)))
    }

    /// Masks archived lines: in the store where it holds them, then in the archive.
    async fn mask(&self, job: &JobId, hits: &[LogEntry]) -> Result<()> {
        let held = match Held::wait(self.store, job, &self.policy.holder, self.policy.claim_for).await {
            Ok(held) => Some(held),
            Err(Error::NoSuchJob) => None,
            Err(error) => return Err(error),
        };
        let done = async {
            let record = self.store.job(job).await?;
            let mut revision = 0;
            if let Some(held) = record.as_ref().and_then(JobRecord::held) {
                for entry in hits.iter().filter(|entry| held.contains(entry.seq)) {
                    revision = self.store.mask(job, entry).await?;
                }
            }
            let mut manifest = self.archive.job(job).await?.ok_or(Error::NoSuchJob)?;
            manifest.revision = revision.max(manifest.revision.saturating_add(1));
            rewrite(self.archive, &mut manifest, hits).await?;
            self.archive.drop_unnamed(&manifest).await?;
            self.archive.drop_older_manifests(&manifest).await
        };
        let done = done.await;
        if let Some(held) = held {
            held.release().await;
        }
        done
    }
}
