//! Masking a line or erasing a job after the fact, on both sides.
//!
//! The store comes first, because that is what viewers see; then the archive gets a new segment and a new manifest, and
//! only then does the old segment go. Doing it again finishes what was interrupted.

use std::time::Duration;

use log_model::{JobId, LogEntry, LogEvent, Masked, RuleId, Seq, Span, Timestamp};
use stream_store::{Erasure, JobRecord, LogStore, State};

use crate::archive::Archive;
use crate::claim::Held;
use crate::error::{Error, Result};
use crate::manifest::{Manifest, Purge};
use crate::segment;
use crate::sweep::write_and_compare;

/// What is to be hidden, and on whose word.
#[derive(Debug, Clone)]
pub struct Order {
    /// The job.
    pub job: JobId,
    /// The line to mask; none erases the whole job.
    pub seq: Option<Seq>,
    /// Who asks for it, as they name themselves.
    pub by: String,
    /// Why, in their words.
    pub why: String,
}

/// Where it was found and hidden. Found in neither, [`purge`] has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// In the recent store.
    pub recent: bool,
    /// In the archive.
    pub archive: bool,
    /// The job's revision since then.
    pub revision: u32,
}

/// For how long a purge claims a job at a time.
const CLAIM: Duration = Duration::from_secs(30);

/// What a line masked by hand names as its rule.
const RULE: RuleId = RuleId::from_static("purged");

/// Masks a line, or erases a job, in the recent store and in the archive. May be repeated; repeating finishes what was
/// interrupted.
///
/// # Errors
/// [`Error::NoSuchJob`] when neither side knows the job; [`Error::Erased`] for a line of an erased job;
/// [`Error::Setting`] for an entry that is not there or is no line; [`Error::Store`] with
/// [`Claimed`](stream_store::Error::Claimed) when an archiver has been at work on the job for a minute; and whatever
/// either side's trouble is, after which it is to be repeated.
pub async fn purge(store: &dyn LogStore, archive: Option<&Archive>, order: &Order, now: Timestamp) -> Result<Purged> {
    purge_claiming(store, archive, order, now, CLAIM).await
}

/// As [`purge`], claiming the job for another time.
pub(crate) async fn purge_claiming(
    store: &dyn LogStore,
    archive: Option<&Archive>,
    order: &Order,
    now: Timestamp,
    claim_for: Duration,
) -> Result<Purged> {
    let holder = format!("purge-{}", crate::random_name());
    let held = match Held::wait(store, &order.job, &holder, claim_for).await {
        Ok(held) => Some(held),
        Err(Error::NoSuchJob) => None,
        Err(error) => return Err(error),
    };
    // Both are kept for as long as the log, and shown to nobody but operators; a secret in them would be no better off.
    let by = redact::system_text(order.by.as_str()).to_string();
    let why = redact::system_text(order.why.as_str()).to_string();
    let done = match order.seq {
        Some(seq) => mask(store, archive, &order.job, Purge { seq, at: now, by, why }).await,
        None => erase(store, archive, &order.job, Erasure { at: now, by, why }).await,
    };
    if let Some(held) = held {
        held.release().await;
    }
    done
}

async fn mask(store: &dyn LogStore, archive: Option<&Archive>, job: &JobId, purge: Purge) -> Result<Purged> {
    let seq = purge.seq;
    let record = store.job(job).await?;
    if record.as_ref().is_some_and(|record| record.state == State::Erased) {
        return Err(Error::Erased);
    }
    let mut purged = Purged {
        recent: false,
        archive: false,
        revision: record.as_ref().map_or(0, |r| r.revision),
    };
    let held = record
        .as_ref()
        .and_then(JobRecord::held)
        .filter(|held| held.contains(seq));
    let stored = match held {
        Some(_) => store.read(job, one(seq)?).await?.pop(),
        None => None,
    };
    if let Some(entry) = stored {
        purged.recent = true;
        if let Some(masked) = blank(&entry)? {
            purged.revision = store.mask(job, &masked).await?;
        }
    }
    let manifest = match archive {
        Some(archive) => archive.job(job).await?.map(|manifest| (archive, manifest)),
        None => None,
    };
    match manifest {
        None if record.is_none() => return Err(Error::NoSuchJob),
        None => {}
        Some((_, manifest)) if manifest.state == State::Erased => return Err(Error::Erased),
        Some((archive, mut manifest)) => {
            if let Some(entry) = archived_entry(archive, &manifest, seq).await? {
                purged.archive = true;
                if let Some(masked) = blank(&entry)? {
                    let news = u32::from(!purged.recent);
                    manifest.revision = purged.revision.max(manifest.revision).saturating_add(news);
                    manifest.note(purge);
                    rewrite(archive, &mut manifest, std::slice::from_ref(&masked)).await?;
                    // Whoever shows it is told once reading it again gives the masked one.
                    if record.is_some() && !purged.recent {
                        purged.revision = store.mask(job, &masked).await?;
                    }
                }
                // Also when nothing was left to mask: an interrupted purge may have left the old segment behind.
                archive.drop_unnamed(&manifest).await?;
                archive.drop_older_manifests(&manifest).await?;
                purged.revision = purged.revision.max(manifest.revision);
            }
        }
    }
    if purged.recent || purged.archive {
        Ok(purged)
    } else {
        Err(Error::Setting {
            problem: format!("the job has no entry {seq}"),
        })
    }
}

/// Puts entries in the place of those with their numbers, in as many segments as they lie in, and writes the manifest.
/// What was replaced stays until [`Archive::drop_unnamed`].
pub(crate) async fn rewrite(archive: &Archive, manifest: &mut Manifest, masked: &[LogEntry]) -> Result<()> {
    for described in manifest.segments.clone() {
        let (first, last) = (described.first, described.last);
        let within: Vec<_> = masked
            .iter()
            .filter(|entry| (first..=last).contains(&entry.seq))
            .cloned()
            .collect();
        if within.is_empty() {
            continue;
        }
        let bytes = archive.segment(&manifest.job, &described).await?;
        let bytes = bytes.ok_or_else(|| Error::damaged("a segment that the manifest names is not there"))?;
        let replaced = segment::replace(&described, &bytes, &within)?;
        drop(bytes);
        let record = replaced.record.clone();
        write_and_compare(archive, &manifest.job, replaced, &manifest.unused).await?;
        manifest.swap(record);
    }
    archive.put_manifest(manifest).await
}

async fn erase(store: &dyn LogStore, archive: Option<&Archive>, job: &JobId, erasure: Erasure) -> Result<Purged> {
    let mut purged = Purged {
        recent: false,
        archive: false,
        revision: 0,
    };
    match store.erase(job, &erasure.by, &erasure.why, erasure.at).await {
        Ok(revision) => {
            purged = Purged {
                recent: true,
                revision,
                ..purged
            }
        }
        Err(stream_store::Error::NoSuchJob) => {}
        Err(error) => return Err(error.into()),
    }
    let archived = match archive {
        Some(archive) => erase_manifest(archive, job, erasure, purged.revision).await?,
        None => None,
    };
    if let Some(revision) = archived {
        (purged.archive, purged.revision) = (true, revision);
    }
    if purged.recent || purged.archive {
        Ok(purged)
    } else {
        Err(Error::NoSuchJob)
    }
}

/// Brings the archive up with a store that says a job was erased.
pub(crate) async fn erase_archived(archive: &Archive, job: &JobId, record: &JobRecord) -> Result<()> {
    let nobody = || Erasure {
        at: record.touched,
        by: String::new(),
        why: String::new(),
    };
    let erasure = record.erased.clone().unwrap_or_else(nobody);
    erase_manifest(archive, job, erasure, record.revision).await?;
    Ok(())
}

/// Writes the manifest that names nothing, then takes the text away; none when the archive does not know the job.
async fn erase_manifest(archive: &Archive, job: &JobId, erasure: Erasure, revision: u32) -> Result<Option<u32>> {
    let Some(mut manifest) = archive.job(job).await? else {
        return Ok(None);
    };
    if manifest.state != State::Erased {
        manifest.erase(erasure, revision);
        archive.put_manifest(&mut manifest).await?;
    }
    archive.drop_unnamed(&manifest).await?;
    archive.drop_older_manifests(&manifest).await?;
    Ok(Some(manifest.revision))
}

pub(crate) async fn archived_entry(archive: &Archive, manifest: &Manifest, seq: Seq) -> Result<Option<LogEntry>> {
    let span = one(seq)?;
    let Some(described) = manifest.segments_of(span).first() else {
        return Ok(None);
    };
    let bytes = archive.segment(&manifest.job, described).await?;
    let bytes = bytes.ok_or_else(|| Error::damaged("a segment that the manifest names is not there"))?;
    let mut found = None;
    segment::verify(described, &bytes, &manifest.unused, |raw| {
        for line in segment::lines(raw) {
            if segment::place_of(line)? == seq {
                found = Some(segment::decode_line(line)?);
            }
        }
        Ok(())
    })?;
    Ok(found.filter(|_| !segment::is_unused(seq, &manifest.unused)))
}

/// The line without its text; none when it is without already.
fn blank(entry: &LogEntry) -> Result<Option<LogEntry>> {
    let LogEvent::Line {
        source,
        text,
        class,
        masked,
        ..
    } = &entry.recorded.event
    else {
        return Err(Error::Setting {
            problem: format!("entry {} is not a line: it has no text", entry.seq),
        });
    };
    let blanked = redact::system_text("[REDACTED]");
    if *text == blanked && masked.iter().any(|masked| masked.rule == RULE) {
        return Ok(None);
    }
    let mut masked = masked.clone();
    masked.push(Masked { rule: RULE, count: 1 });
    // The full length goes as well: it says something about what was there.
    let event = LogEvent::Line {
        source: *source,
        text: blanked,
        class: *class,
        cut: None,
        masked,
    };
    let mut entry = entry.clone();
    entry.recorded.event = event;
    Ok(Some(entry))
}

fn one(seq: Seq) -> Result<Span> {
    Span::new(seq, seq).map_err(|_| Error::Setting {
        problem: "entries are numbered from 1 on".to_owned(),
    })
}
