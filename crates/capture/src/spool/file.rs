//! A spool on a disk: written by a run, taken over by whoever delivers what a run left. Everything here blocks.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use log_model::Recorded;
use rustix::fs::{FlockOperation, flock, fstatvfs};
use stream_store::Ending;

use crate::outbox::memory_of;

use super::{BatchLine, Close, Closing, Missing, SpoolHeader, SpoolProgress, SpoolReader, SpoolRecord, Sum};

/// Kept free under the limit for the word on what was lost, and for the last lines.
pub(crate) const RESERVE: u64 = 2 * 1024 * 1024;

/// Why a batch could not be written.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It would go beyond the limit.
    Full,
    /// The disk says no.
    Disk(io::Error),
}

/// A spool being written by this process.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    path: PathBuf,
    file: File,
    /// Reads back what is not in memory.
    reader: SpoolReader<BufReader<File>>,
    /// Where reading goes on, when that is not where it stopped.
    read_from: Option<u64>,
    progress: SpoolProgress,
    /// Where the records begin.
    body: u64,
    len: u64,
    limit: u64,
    synced: u64,
    /// Stands in for a disk that takes its time: a write waits until this says something.
    #[cfg(test)]
    pub(crate) hold: Option<std::sync::mpsc::Receiver<()>>,
}

impl SpoolFile {
    /// Makes the file and locks it. The folder is made too, for this user only. On an error there is no file.
    pub(crate) fn create(folder: &Path, header: &SpoolHeader, limit: u64) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("{}.{}.spool", header.job, header.writer));
        Self::create_at(&path, header, limit).inspect_err(|error| {
            // On a full disk a file can be made and not be written to.
            if error.kind() != io::ErrorKind::AlreadyExists {
                let _ = std::fs::remove_file(&path);
            }
        })
    }

    fn create_at(path: &Path, header: &SpoolHeader, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .read(true)
            .mode(0o600)
            .open(path)?;
        // Waits for one who looks at every spool in the folder and has this one open: it lets go of an empty one.
        flock(&file, FlockOperation::LockExclusive)?;
        let progress = SpoolProgress::default();
        let mut start = serde_json::to_vec(header)?;
        start.push(b'\n');
        let progress_at = start.len() as u64;
        start.extend_from_slice(progress.line().as_bytes());
        start.extend_from_slice(Close::Open.line().as_bytes());
        file.write_all_at(&start, 0)?;
        let body = start.len() as u64;
        let reader = SpoolReader {
            input: BufReader::new(File::open(path)?),
            line: Vec::new(),
            over: false,
            damaged: false,
            progress,
            progress_at,
            close: Close::Open,
            at: body,
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            reader,
            read_from: Some(body),
            progress,
            body,
            len: body,
            limit,
            synced: 0,
            #[cfg(test)]
            hold: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a batch under the store's number for it. `reserved` may use what is kept free for the end.
    pub(crate) fn append(&mut self, number: u64, events: &[Recorded], reserved: bool) -> Result<(), Refused> {
        #[cfg(test)]
        if let Some(hold) = self.hold.take() {
            let _ = hold.recv();
        }
        let mut entries = Vec::with_capacity(memory_of(events));
        let mut sum = Sum::default();
        for event in events {
            let line = entries.len();
            event.write_json(&mut entries);
            entries.push(b'\n');
            sum.add(&entries[line..]);
        }
        let announced = BatchLine {
            batch: number.saturating_add_signed(-self.progress.shift),
            entries: u32::try_from(events.len()).unwrap_or(u32::MAX),
            bytes: entries.len() as u64,
            sum: format!("{:016x}", sum.0),
        };
        let mut record = serde_json::to_vec(&announced).map_err(|error| Refused::Disk(error.into()))?;
        record.push(b'\n');
        record.extend_from_slice(&entries);
        let room = if reserved {
            self.limit.saturating_add(RESERVE)
        } else {
            self.limit
        };
        if self.len + record.len() as u64 > room {
            return Err(Refused::Full);
        }
        self.write(&record).map_err(Refused::Disk)
    }

    /// Appends batches, all of them or none.
    pub(crate) fn append_all<'a>(
        &mut self,
        batches: impl Iterator<Item = (u64, &'a [Recorded])>,
    ) -> Result<(), Refused> {
        let before = self.len;
        for (number, events) in batches {
            if let Err(refused) = self.append(number, events, false) {
                // Half of what waits would be taken for all of it.
                self.file.set_len(before).map_err(Refused::Disk)?;
                self.len = before;
                return Err(refused);
            }
        }
        Ok(())
    }

    /// Writes all of it or, as far as the disk allows, none of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all_at(bytes, self.len) {
            Ok(()) => {
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a record at the end would hide what may follow it.
                let _ = self.file.set_len(self.len);
                Err(error)
            }
        }
    }

    /// What was appended so far is in memory as well: reading goes on behind it.
    pub(crate) fn skip_to_end(&mut self) {
        self.read_from = Some(self.len);
    }

    /// The next batch that is not in memory, by the store's number for it, and whether it is all there and as it was
    /// written.
    pub(crate) fn read(&mut self) -> io::Result<Option<(u64, Vec<Recorded>, bool)>> {
        if let Some(at) = self.read_from.take() {
            self.reader.input.seek(SeekFrom::Start(at))?;
            self.reader.at = at;
            self.reader.over = false;
            self.reader.damaged = false;
        }
        Ok(match self.reader.next_record()? {
            Some(SpoolRecord::Batch { number, events, whole }) => Some((self.progress.in_store(number), events, whole)),
            _ => None,
        })
    }

    pub(crate) fn progress(&self) -> SpoolProgress {
        self.progress
    }

    /// Writes down how the numbers stand to the store's. A new shift is made to survive the machine before this
    /// returns. It counts in this process even when the disk does not take it.
    pub(crate) fn set_progress(&mut self, progress: SpoolProgress) -> io::Result<()> {
        let was = std::mem::replace(&mut self.progress, progress);
        if progress != was {
            self.file
                .write_all_at(progress.line().as_bytes(), self.reader.progress_at)?;
        }
        if progress.shift != was.shift {
            self.file.sync_data()?;
        }
        Ok(())
    }

    /// Makes what is written survive the machine.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.synced != self.len {
            self.file.sync_data()?;
            self.synced = self.len;
        }
        Ok(())
    }

    /// Nothing in it is needed any more: it begins again, with the numbers as the store has them.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        self.file.set_len(self.body)?;
        self.len = self.body;
        self.synced = 0;
        self.skip_to_end();
        self.set_progress(SpoolProgress {
            shift: 0,
            ..self.progress
        })
    }

    /// The writer ends by itself and leaves this file for later. What is `missing` was refused. Needs no more room than
    /// the file has already.
    pub(crate) fn close(&mut self, missing: Option<Missing>, ending: Option<Ending>) -> io::Result<()> {
        // First what it speaks of: a machine that dies between the two must not leave a word without it.
        self.sync()?;
        let at = self.len;
        let close = Close::Closed(Closing { at, missing, ending });
        let close_at = self.body - Close::LENGTH as u64;
        self.file.write_all_at(close.line().as_bytes(), close_at)?;
        self.file.sync_data()
    }

    /// How many bytes the disk has room for; as many as anybody asks for where it does not say.
    pub(crate) fn room(&self) -> u64 {
        fstatvfs(&self.file).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Everything was delivered and said: the file goes.
    pub(crate) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// A spool whose process is gone; locked, so that only one process delivers it.
#[derive(Debug)]
pub(crate) struct Leftover {
    pub(crate) path: PathBuf,
    pub(crate) header: SpoolHeader,
    pub(crate) reader: SpoolReader<BufReader<File>>,
    progress: SpoolProgress,
    /// Keeps the lock.
    file: File,
}

impl Leftover {
    /// Takes a spool over; none when its process lives, another one delivers it, or there is nothing in it.
    ///
    /// # Errors
    /// What the disk says, and [`io::ErrorKind::InvalidData`] for a file this code cannot read as a spool.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let lock = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        let found = lock.metadata()?;
        // Between opening and locking, the one who held it may have delivered and removed it.
        if found.nlink() == 0 {
            return Ok(None);
        }
        // Its process is about to lock it, or was killed before it wrote a word: nothing was numbered yet.
        if found.len() == 0 {
            return Ok(None);
        }
        let Some((header, reader)) = SpoolReader::open(BufReader::new(File::open(path)?))? else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it cannot be read as a spool: it is damaged, or of another version",
            ));
        };
        Ok(Some(Self {
            path: path.to_owned(),
            progress: reader.progress(),
            header,
            reader,
            file: lock,
        }))
    }

    pub(crate) fn progress(&self) -> SpoolProgress {
        self.progress
    }

    /// Writes down how the numbers stand to the store's, for whoever takes over from us; it survives the machine.
    pub(crate) fn set_progress(&mut self, progress: SpoolProgress) -> io::Result<()> {
        if progress != self.progress {
            self.file
                .write_all_at(progress.line().as_bytes(), self.reader.progress_at)?;
            self.file.sync_data()?;
            self.progress = progress;
        }
        Ok(())
    }

    /// Removes the file.
    pub(crate) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// The spools in a folder, oldest first; none when there is no folder.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let found = match std::fs::read_dir(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut spools = Vec::new();
    for entry in found {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "spool") {
            // Not when it was changed last: whoever delivers it writes down how far it came.
            let made = entry
                .metadata()
                .and_then(|found| found.created().or_else(|_| found.modified()))
                .ok();
            spools.push((made, entry.path()));
        }
    }
    spools.sort();
    Ok(spools.into_iter().map(|(_, path)| path).collect())
}
