//! One log, whichever side holds it.
//!
//! The store's `held_from` says where the seam is. A sweep copies before it forgets, so the two sides overlap: what the
//! store no longer gives is in the archive, and a page that comes back short is read again with the seam looked up anew.

use std::sync::Arc;

use log_model::{GapReason, JobId, LogEntry, LogEvent, Owner, Recorded, Seq, Span, Timestamp};
use stream_store::{JobRecord, LogStore, READ_LIMIT, State};

use crate::archive::Archive;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::old::{self, Ahead, Direction, Old};
use crate::places;

/// How often a read starts again because a sweep moved the seam under it. Each time, the sweep must have forgotten
/// something, so this many in one read means that something is wrong.
const TRIES: usize = 32;

/// Where what was read is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In the recent store.
    Recent,
    /// In the archive.
    Archive,
    /// Some here, some there.
    Mixed,
}

impl Storage {
    /// `recent`, `archive` or `mixed`, as pages say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recent => "recent",
            Self::Archive => "archive",
            Self::Mixed => "mixed",
        }
    }
}

/// A job that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is known of it.
    pub record: JobRecord,
    /// Which side says so: recent, or archive once the store has forgotten the last entry.
    pub storage: Storage,
}

/// Where a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// At the end of what there is.
    Newest,
    /// Right before this place.
    Before(Seq),
    /// Right after this place.
    After(Seq),
}

/// How much a page may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize {
    /// So many entries; more than [`READ_LIMIT`] counts as that.
    pub entries: u64,
    /// So many bytes of their JSON, commas included; one entry is always given.
    pub bytes: usize,
}

/// Some entries in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Oldest first.
    pub entries: Vec<LogEntry>,
    /// Where they came from.
    pub storage: Storage,
    /// The cursor for the page before this one; none at the beginning of the log.
    pub next_before: Option<Seq>,
    /// The cursor for what comes after; none when the page shows nothing and there is nothing.
    pub next_after: Option<Seq>,
    /// Whether there is more in the direction that was asked for (backwards, unless the cursor was `After`).
    pub has_more: bool,
}

/// Reads logs across the seam. Cheap to clone; clones share what they remember of manifests (at most 16 MiB).
#[derive(Debug, Clone)]
pub struct History {
    store: Arc<dyn LogStore>,
    old: Option<Arc<Old>>,
}

impl History {
    /// Without an archive, what the store does not hold does not exist.
    pub fn new(store: Arc<dyn LogStore>, archive: Option<Arc<Archive>>) -> Self {
        Self {
            store,
            old: archive.map(|archive| Arc::new(Old::new(archive))),
        }
    }

    /// Looks a job up for somebody who may read what belongs to any of `owners`.
    ///
    /// A job of somebody else's answers like one that does not exist, after the same work: both look into the store,
    /// then, past everything remembered, into the archive. An erased job is found, with a record that says so.
    ///
    /// # Errors
    /// [`Error::Store`] when the store did not answer and the archive does not hold the whole log;
    /// [`Error::Unavailable`] and the archive's other errors when it had to be asked.
    pub async fn job(&self, job: &JobId, owners: &[Owner]) -> Result<Option<Found>> {
        let stored = self.store.job(job).await.map_err(Error::from);
        let mine = |owner: &Owner| owners.contains(owner);
        let theirs = match stored {
            Ok(Some(record)) if mine(&record.owner) => return self.completed(job, record).await.map(Some),
            Ok(record) => Ok(record.is_some()),
            Err(error) => Err(error),
        };
        let archived = match &self.old {
            None => None,
            Some(old) => match old.remembered(job, None).filter(|manifest| mine(&manifest.owner)) {
                Some(manifest) => Some(manifest),
                None => old.fresh(job, None).await?.filter(|manifest| mine(&manifest.owner)),
            },
        };
        match theirs {
            // One job has one owner, and the store's word on who that is comes first.
            Ok(true) => Ok(None),
            Ok(false) => Ok(archived.map(|manifest| found_archived(&manifest, 0))),
            Err(error) => match archived.filter(|manifest| is_whole(manifest)) {
                Some(manifest) => Ok(Some(found_archived(&manifest, 0))),
                None => Err(error),
            },
        }
    }

    /// Looks a job up, whoever asks: for those who checked that before.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], and those of [`job`](History::job).
    pub async fn lookup(&self, job: &JobId) -> Result<Found> {
        match self.store.job(job).await.map_err(Error::from) {
            Ok(Some(record)) => self.completed(job, record).await,
            Ok(None) => match &self.old {
                None => Err(Error::NoSuchJob),
                Some(old) => {
                    let manifest = old.manifest(job, None).await?.ok_or(Error::NoSuchJob)?;
                    Ok(found_archived(&manifest, 0))
                }
            },
            Err(error) => match &self.old {
                None => Err(error),
                Some(old) => match old.manifest(job, None).await {
                    Ok(Some(manifest)) if is_whole(&manifest) => Ok(found_archived(&manifest, 0)),
                    _ => Err(error),
                },
            },
        }
    }

    /// Once the store has forgotten a job's last entry, it keeps a small record, and the manifest says the rest. Should
    /// the archive be away, the small record has to do: it still tells whose job it was and how it ended.
    async fn completed(&self, job: &JobId, record: JobRecord) -> Result<Found> {
        let forgotten = record.state == State::Ended && record.held().is_none() && record.head > Seq::ZERO;
        let Some(old) = self.old.as_ref().filter(|_| forgotten) else {
            return Ok(Found {
                record,
                storage: Storage::Recent,
            });
        };
        match old.manifest(job, Some(record.revision)).await {
            Ok(Some(manifest)) if manifest.owner == record.owner => Ok(found_archived(&manifest, record.revision)),
            Ok(_) => Ok(Found {
                record,
                storage: Storage::Archive,
            }),
            Err(error) => {
                tracing::warn!(%job, error = &error as &dyn std::error::Error, "answering from the small record");
                Ok(Found {
                    record,
                    storage: Storage::Archive,
                })
            }
        }
    }

    /// A page of a job's log.
    ///
    /// Walking back meets each entry once, whatever arrives and whatever a sweep moves meanwhile. Entries that should be
    /// in the archive and are not there are one [gap](GapReason::ArchiveMissing) in the place of the last of them. It
    /// does not ask who reads: [`job`](History::job) does.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Erased`]; [`Error::Store`] and [`Error::Unavailable`] for the side the page needs:
    /// while the archive is away, pages of what the store holds are still given.
    pub async fn page(&self, job: &JobId, cursor: Cursor, limit: PageSize) -> Result<Page> {
        let found = self.lookup(job).await?;
        self.page_of(job, found, cursor, limit).await
    }

    /// As [`page`](History::page), for a job that was just looked up: spares the second look.
    ///
    /// # Errors
    /// As [`page`](History::page).
    pub async fn page_of(&self, job: &JobId, found: Found, cursor: Cursor, limit: PageSize) -> Result<Page> {
        let mut view = View { found };
        let record = view.readable()?;
        let (head, count) = (record.head, limit.entries.clamp(1, READ_LIMIT));
        let (spans, kept) = match cursor {
            Cursor::After(after) => (places::forward(after, head, count, &record.unused), Kept::Oldest),
            Cursor::Before(before) => (
                places::back(before.prev().min(head), count, &record.unused),
                Kept::Newest,
            ),
            Cursor::Newest => (places::back(head, count, &record.unused), Kept::Newest),
        };
        let mut gathered = self.gather(job, &mut view, &spans, &mut Ahead::default()).await?;
        fit(&mut gathered.entries, limit.bytes, kept);
        let unused = &view.found.record.unused;
        let (first, last) = (
            gathered.entries.first().map(|e| e.seq),
            gathered.entries.last().map(|e| e.seq),
        );
        let older =
            first.filter(|first| !places::back(before_of(*first, &gathered.entries).prev(), 1, unused).is_empty());
        let newer = |last: Seq| !places::forward(last, head, 1, unused).is_empty();
        let (next_after, has_more) = match cursor {
            Cursor::After(after) => {
                let reached = last.unwrap_or(after.min(head));
                (Some(reached), newer(reached))
            }
            _ => (last, older.is_some()),
        };
        let next_before = older.map(|first| before_of(first, &gathered.entries));
        Ok(Page {
            storage: gathered.storage(view.found.storage),
            entries: gathered.entries,
            next_before,
            next_after,
            has_more,
        })
    }

    /// Everything from after `after` up to what is the end now, oldest first, a part at a time: for a download.
    ///
    /// Holds at most a part and some 512 KiB read ahead.
    pub fn walk(&self, job: &JobId, found: Found, after: Seq) -> Walk {
        let head = found.record.head;
        Walk {
            history: self.clone(),
            job: job.clone(),
            view: View { found },
            after,
            head,
            ahead: Ahead::towards(Direction::Forward),
        }
    }

    /// The entries of `spans`, which hold at most [`READ_LIMIT`] places and none that is unused.
    pub(crate) async fn gather(
        &self,
        job: &JobId,
        view: &mut View,
        spans: &[Span],
        ahead: &mut Ahead,
    ) -> Result<Gathered> {
        let mut gathered = Gathered::default();
        for span in spans {
            self.gather_span(job, view, *span, ahead, &mut gathered).await?;
        }
        Ok(gathered)
    }

    async fn gather_span(
        &self,
        job: &JobId,
        view: &mut View,
        span: Span,
        ahead: &mut Ahead,
        gathered: &mut Gathered,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let held_from = view.held_from();
            let (older, newer) = old::split(span, held_from);
            // The store first: what it forgets after this is in the archive already.
            let recent = match newer {
                None => Vec::new(),
                Some(newer) => {
                    let recent = match self.store.read(job, newer).await {
                        Ok(recent) => recent,
                        Err(stream_store::Error::NoSuchJob) => Vec::new(),
                        Err(error) => return Err(error.into()),
                    };
                    if recent.len() as u64 != newer.len() {
                        view.found = self.lookup(job).await?;
                        let unused = view.readable()?.unused.clone();
                        if view.held_from() > held_from {
                            continue;
                        }
                        // After a fail-over, places just seen may turn out to be unused.
                        if places::missing(newer, &recent)
                            .iter()
                            .any(|hole| unused_in(*hole, &unused) != hole.len())
                        {
                            return Err(Error::damaged(format!("the store does not hold all of {newer}")));
                        }
                    }
                    recent
                }
            };
            if let Some(older) = older {
                gathered.archive = true;
                let revision = view.stored_revision();
                let mut entries = match &self.old {
                    Some(old) => match old.read(job, older, revision, ahead).await {
                        Err(Error::Damaged { what }) => {
                            tracing::error!(%job, what, "the archive does not hold what it should");
                            Vec::new()
                        }
                        read => read?,
                    },
                    None => Vec::new(),
                };
                let ts = entries
                    .first()
                    .or(recent.first())
                    .map_or(view.found.record.touched, |entry| entry.recorded.ts);
                let unused = &view.found.record.unused;
                let holes = places::missing(older, &entries);
                entries.extend(
                    holes
                        .into_iter()
                        .filter(|hole| unused_in(*hole, unused) == 0)
                        .map(|hole| gap(hole, ts)),
                );
                entries.sort_by_key(|entry| entry.seq);
                gathered.entries.append(&mut entries);
            }
            gathered.recent |= !recent.is_empty();
            gathered.entries.extend(recent);
            return Ok(());
        }
        Err(Error::damaged(
            "what the store holds changes faster than it can be read",
        ))
    }
}

/// A download in progress: see [`History::walk`].
#[derive(Debug)]
pub struct Walk {
    history: History,
    job: JobId,
    view: View,
    after: Seq,
    head: Seq,
    ahead: Ahead,
}

impl Walk {
    /// The next entries, at most [`READ_LIMIT`]; none at the end. After an error, asking again goes on where it was.
    ///
    /// # Errors
    /// As [`History::page`].
    pub async fn next(&mut self) -> Result<Option<Vec<LogEntry>>> {
        let unused = &self.view.readable()?.unused;
        // Frames mostly begin at 1, 1001, 2001 …: a part that ends there is one frame.
        let count = READ_LIMIT - self.after.get() % READ_LIMIT;
        let spans = places::forward(self.after, self.head, count, unused);
        let Some(last) = spans.last().map(|span| span.last()) else {
            return Ok(None);
        };
        let gathered = self
            .history
            .gather(&self.job, &mut self.view, &spans, &mut self.ahead)
            .await?;
        self.after = last;
        Ok(Some(gathered.entries))
    }
}

/// What a reader knows of the job while it reads.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) found: Found,
}

impl View {
    pub(crate) fn readable(&self) -> Result<&JobRecord> {
        if self.found.record.state == State::Erased {
            Err(Error::Erased)
        } else {
            Ok(&self.found.record)
        }
    }

    /// From where on the store is asked.
    fn held_from(&self) -> Seq {
        match self.found.storage {
            Storage::Archive => self.found.record.head.next(),
            Storage::Recent | Storage::Mixed => self.found.record.held_from,
        }
    }

    /// The revision the store tells, which a manifest fetched before a line was masked does not know.
    fn stored_revision(&self) -> Option<u32> {
        match self.found.storage {
            Storage::Archive => None,
            Storage::Recent | Storage::Mixed => Some(self.found.record.revision),
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) entries: Vec<LogEntry>,
    recent: bool,
    archive: bool,
}

impl Gathered {
    /// Where the entries came from; an empty page came from where the job is.
    pub(crate) fn storage(&self, home: Storage) -> Storage {
        match (self.recent, self.archive) {
            (true, true) => Storage::Mixed,
            (true, false) => Storage::Recent,
            (false, true) => Storage::Archive,
            (false, false) => home,
        }
    }

    pub(crate) fn met(&mut self, other: &Gathered) {
        self.recent |= other.recent;
        self.archive |= other.archive;
    }
}

fn found_archived(manifest: &Manifest, revision: u32) -> Found {
    let mut record = manifest.record();
    record.revision = record.revision.max(revision);
    Found {
        record,
        storage: Storage::Archive,
    }
}

/// Whether a manifest tells the whole log, so that the store need not be asked.
fn is_whole(manifest: &Manifest) -> bool {
    matches!(manifest.state, State::Ended | State::Erased)
}

fn unused_in(span: Span, unused: &[Span]) -> u64 {
    unused
        .iter()
        .filter_map(|unused| unused.overlap(span))
        .map(Span::len)
        .sum()
}

/// Says that entries are missing, in the place of the last of them.
fn gap(span: Span, ts: Timestamp) -> LogEntry {
    let event = LogEvent::Gap {
        lines: None,
        span: Some(span),
        reason: GapReason::ArchiveMissing,
    };
    LogEntry {
        seq: span.last(),
        recorded: Recorded { ts, phase: None, event },
    }
}

/// Where the page before one that begins with `first` ends: a gap stands for all the places it covers.
fn before_of(first: Seq, entries: &[LogEntry]) -> Seq {
    match entries.first().map(|entry| &entry.recorded.event) {
        Some(LogEvent::Gap { span: Some(span), .. }) => span.first(),
        _ => first,
    }
}

/// Which end of too long a page stays.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept {
    Oldest,
    Newest,
}

/// Takes entries away until their JSON fits; one always stays.
pub(crate) fn fit(entries: &mut Vec<LogEntry>, bytes: usize, kept: Kept) {
    // Escaping makes a byte six at most. Mostly that bound is enough, and nothing has to be written to be measured.
    let bound = |entry: &LogEntry| match &entry.recorded.event {
        LogEvent::Line { text, masked, .. } => 320 + text.len() * 6 + masked.len() * 256,
        _ => 400,
    };
    if entries.iter().map(bound).sum::<usize>() <= bytes {
        return;
    }
    let mut scratch = Vec::new();
    let mut left = bytes;
    let mut fits = |entry: &LogEntry| {
        scratch.clear();
        entry.write_json(&mut scratch);
        let room = left.checked_sub(scratch.len() + 1);
        left = room.unwrap_or(0);
        room.is_some()
    };
    match kept {
        Kept::Oldest => {
            let count = entries.iter().take_while(|entry| fits(entry)).count();
            entries.truncate(count.max(1));
        }
        Kept::Newest => {
            let count = entries.iter().rev().take_while(|entry| fits(entry)).count();
            entries.drain(..entries.len().saturating_sub(count.max(1)));
        }
    }
}
