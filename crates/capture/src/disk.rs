//! The spool as the delivery's task sees it: every write has an end, and a disk that is slow or broken is a state.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use log_model::{JobId, Recorded};
use stream_store::{Batch, Ending};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::gaps::{lines_of, missing_of};
use crate::spool::{Missing, Refused, SpoolFile, SpoolHeader, SpoolProgress};
use crate::trouble::SpoolTrouble;

/// A write to the local disk that takes longer makes the spool count as unusable until it is done.
const SLOW_DISK: Duration = Duration::from_secs(1);

/// What a write to the spool comes back with.
type Written = (Box<SpoolFile>, Result<(), Refused>);

#[derive(Debug)]
enum State {
    /// There is none, or it broke.
    Unusable,
    Ready(Box<SpoolFile>),
    /// A write takes too long; the file comes back when it is done. With the lines that are written.
    Busy(JoinHandle<Written>, u64),
}

/// Where the file is to be, and how large it may get.
#[derive(Debug)]
struct Plan {
    folder: PathBuf,
    header: SpoolHeader,
    limit: u64,
}

/// A spool, if there is one. Its methods wait for the disk; [`write`](Self::write) for a second at most.
#[derive(Debug)]
pub(crate) struct Disk {
    job: JobId,
    plan: Option<Plan>,
    state: State,
    /// Why it did not take something the last time; none once it took something again.
    refusal: Option<SpoolTrouble>,
    patience: Duration,
    /// What is still to be written down, because a write was under way when it was said.
    unsaid: Option<SpoolProgress>,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    Yes,
    No,
    /// It takes too long. Whether it was done is told by [`Disk::settle`].
    Late,
}

/// A batch that was read back: its number, its events, and whether they are all there and as they were written.
pub(crate) type ReadBack = (u64, Vec<Recorded>, bool);

impl Disk {
    /// No spool.
    pub(crate) fn none(job: JobId) -> Self {
        Self {
            job,
            plan: None,
            state: State::Unusable,
            refusal: None,
            patience: SLOW_DISK,
            unsaid: None,
        }
    }

    /// Makes the file; without one, memory is all there is until [`again`](Self::again) can make it.
    pub(crate) async fn create(&mut self, folder: &Path, header: SpoolHeader, limit: u64) {
        self.plan = Some(Plan {
            folder: folder.to_owned(),
            header,
            limit,
        });
        self.again().await;
    }

    /// Makes the file if there is none.
    pub(crate) async fn again(&mut self) {
        let (State::Unusable, Some(plan)) = (&self.state, &self.plan) else {
            return;
        };
        let (folder, header, limit) = (plan.folder.clone(), plan.header.clone(), plan.limit);
        let made = spawn_blocking(move || SpoolFile::create(&folder, &header, limit)).await;
        match made.map_err(std::io::Error::from).flatten() {
            Ok(file) => self.state = State::Ready(Box::new(file)),
            Err(error) => self.refused(&Refused::Disk(error)),
        }
    }

    /// It did not take something. Said once, until it takes something again.
    fn refused(&mut self, refused: &Refused) {
        let Some(plan) = &self.plan else { return };
        let trouble = SpoolTrouble::of(refused, &plan.folder, plan.limit);
        if self.refusal.as_ref() != Some(&trouble) {
            tracing::warn!(job = %self.job, "{trouble}");
            self.refusal = Some(trouble);
        }
    }

    fn took(&mut self) {
        if self.refusal.take().is_some() {
            tracing::info!(job = %self.job, "lines are kept on disk again");
        }
    }

    /// Why it did not take something the last time; none once it took something again.
    pub(crate) fn refusal(&self) -> Option<&SpoolTrouble> {
        self.refusal.as_ref()
    }

    /// Appends batches, all of them or none; whether it did.
    pub(crate) async fn append_all(&mut self, batches: Vec<Arc<Batch>>, weight: usize) -> bool {
        let written = self.with(move |file| {
            // On a disk that cannot hold them, trying would take its last room from the build for a moment.
            if file.room() < weight as u64 {
                return Err(Refused::Disk(std::io::ErrorKind::StorageFull.into()));
            }
            let batches = batches.iter().map(|batch| (batch.number, batch.events.as_slice()));
            file.append_all(batches)?;
            file.sync().map_err(Refused::Disk)
        });
        match written.await {
            Some(Ok(())) => {
                self.took();
                true
            }
            Some(Err(refused)) => {
                self.refused(&refused);
                false
            }
            None => false,
        }
    }

    /// Whether a write takes too long.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.state, State::Busy(..))
    }

    /// The file, where no write is under way.
    pub(crate) fn file(&mut self) -> Option<&mut SpoolFile> {
        match &mut self.state {
            State::Ready(file) => Some(file),
            _ => None,
        }
    }

    /// Does something with the file, off the runtime's threads. None when there is no file to be had; one that is lost
    /// on the way makes the disk unusable.
    pub(crate) async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut SpoolFile) -> T + Send + 'static,
    ) -> Option<T> {
        let mut file = self.take()?;
        let done = spawn_blocking(move || {
            let done = work(&mut file);
            (file, done)
        });
        let (file, done) = done.await.ok()?;
        self.state = State::Ready(file);
        Some(done)
    }

    fn take(&mut self) -> Option<Box<SpoolFile>> {
        match std::mem::replace(&mut self.state, State::Unusable) {
            State::Ready(file) => Some(file),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Appends one batch.
    pub(crate) async fn write(&mut self, batch: &Arc<Batch>) -> Wrote {
        let Some(mut file) = self.take() else {
            return Wrote::No;
        };
        let (batch, lines) = (Arc::clone(batch), lines_of(&batch.events));
        let mut task = spawn_blocking(move || {
            let written = file.append(batch.number, &batch.events, false);
            (file, written)
        });
        match tokio::time::timeout(self.patience, &mut task).await {
            Ok(Ok((file, written))) => {
                self.state = State::Ready(file);
                match written {
                    Ok(()) => Wrote::Yes,
                    Err(refused) => {
                        self.refused(&refused);
                        Wrote::No
                    }
                }
            }
            // The task stopped with the file: there is no spool any more.
            Ok(Err(_)) => Wrote::No,
            Err(_) => {
                self.refused(&Refused::Disk(std::io::ErrorKind::TimedOut.into()));
                self.state = State::Busy(task, lines);
                Wrote::Late
            }
        }
    }

    /// Looks whether a write that took too long is done; with `patience`, waits for it. The lines it was to write,
    /// when it did not write them.
    pub(crate) async fn settle(&mut self, patience: Duration) -> Option<u64> {
        let State::Busy(task, lines) = &mut self.state else {
            return None;
        };
        let lines = *lines;
        if !task.is_finished() && patience.is_zero() {
            return None;
        }
        let done = tokio::time::timeout(patience.max(Duration::from_millis(1)), task).await;
        let mut unwritten = None;
        self.state = match done.ok()? {
            Ok((file, written)) => {
                unwritten = written.is_err().then_some(lines);
                State::Ready(file)
            }
            Err(_) => State::Unusable,
        };
        if let Some(progress) = self.unsaid.take() {
            self.set_progress(progress).await;
        }
        unwritten
    }

    /// Reads back up to `most` batches; fewer at damage and at the end.
    pub(crate) async fn read(&mut self, most: u64) -> Vec<ReadBack> {
        let job = self.job.clone();
        let read = self.with(move |file| {
            let mut batches: Vec<ReadBack> = Vec::new();
            while (batches.len() as u64) < most && batches.last().is_none_or(|(.., whole)| *whole) {
                match file.read() {
                    Ok(Some(batch)) => batches.push(batch),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%job, %error, "the spool cannot be read back");
                        break;
                    }
                }
            }
            batches
        });
        read.await.unwrap_or_default()
    }

    /// Empties the file. One that cannot be emptied is removed and not used any more: what stands in it would be taken
    /// for something that waits.
    pub(crate) async fn reset(&mut self) {
        match self.with(SpoolFile::reset).await {
            Some(Ok(())) | None => {}
            Some(Err(error)) => {
                tracing::warn!(job = %self.job, %error, "the spool cannot be used any more");
                self.remove().await;
            }
        }
    }

    /// Makes what was written survive the machine.
    pub(crate) async fn sync(&mut self) {
        if let Some(Err(error)) = self.with(SpoolFile::sync).await {
            tracing::warn!(job = %self.job, %error, "the spool was not synced");
        }
    }

    /// How the numbers in the file stand to the store's.
    pub(crate) async fn set_progress(&mut self, progress: SpoolProgress) {
        if self.is_busy() {
            self.unsaid = Some(progress);
            return;
        }
        if let Some(Err(error)) = self.with(move |file| file.set_progress(progress)).await {
            tracing::warn!(job = %self.job, %error, "the spool does not take how far it was delivered");
        }
    }

    /// The progress that stands in the file, or will.
    pub(crate) fn progress(&mut self) -> Option<SpoolProgress> {
        self.unsaid.or_else(|| self.file().map(|file| file.progress()))
    }

    /// Removes the file.
    pub(crate) async fn remove(&mut self) {
        if let Some(file) = self.take() {
            let removed = spawn_blocking(move || file.remove()).await;
            if let Err(error) = removed.map_err(std::io::Error::from).flatten() {
                tracing::warn!(job = %self.job, %error, "the empty spool stays");
            }
        }
    }

    /// Writes the last batches, closes the file and lets go of it. Returns where it is, and how many lines it did not
    /// take; none when there is no file.
    pub(crate) async fn leave(&mut self, batches: Vec<Arc<Batch>>, ending: Option<Ending>) -> Option<(PathBuf, u64)> {
        self.again().await;
        let path = self.file()?.path().to_owned();
        let lines = batches.iter().map(|batch| lines_of(&batch.events)).sum();
        let last = move |file: &mut SpoolFile| {
            let batches = batches.iter().map(|batch| (batch.number, batch.events.as_slice()));
            write_last(file, batches, ending)
        };
        let (unwritten, why) = self.with(last).await.unwrap_or((lines, None));
        if let Some(refused) = why {
            self.refused(&refused);
        }
        Some((path, unwritten))
    }

    #[cfg(test)]
    pub(crate) fn patience(&mut self, patience: Duration) {
        self.patience = patience;
    }
}

/// Writes the last batches and closes the spool. What the disk does not take of them is counted where it is closed; when
/// even that cannot be written, the spool stays open like that of a process that was killed, so that whoever delivers it
/// says that lines are missing. Returns how many lines were not written, and why. Blocks.
pub(crate) fn write_last<'a>(
    file: &mut SpoolFile,
    batches: impl Iterator<Item = (u64, &'a [Recorded])>,
    ending: Option<Ending>,
) -> (u64, Option<Refused>) {
    let mut why = None;
    let mut unwritten = 0;
    let mut missing: Option<Missing> = None;
    for (number, events) in batches {
        if why.is_none() {
            why = file.append(number, events, true).err();
        }
        if why.is_some() {
            unwritten += lines_of(events);
            missing.get_or_insert(Missing { number, lines: 0 }).lines += missing_of(events);
        }
    }
    if let Err(error) = file.close(missing, ending) {
        tracing::warn!(%error, "the spool was not closed");
    }
    (unwritten, why)
}
