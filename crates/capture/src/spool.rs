//! What waits on disk while the store is away: a file of redacted text that outlives its process.
//!
//! The file is lines of JSON. A header says whose log it is and which writer's; a `batch` line announces how many lines
//! of entries follow it, how long they are, and their sum; a `closed` line says that the writer ended by itself, and
//! how the job was to end. Entries have the one JSON form they have everywhere. A file is locked while its process
//! lives; one that can be locked belongs to nobody any more, and without a `closed` line its writer was killed.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use log_model::{JobId, Owner, Phase, Recorded, WriterId};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use stream_store::Ending;

/// The form this code writes and reads.
const VERSION: u32 = 1;

/// No line of a spool is longer: a batch line is some 100 bytes, an entry's text is bounded by the display limit.
const LONGEST_LINE: usize = 1024 * 1024;

/// No batch is longer, and none has more entries.
const LONGEST_BATCH: u64 = 16 * 1024 * 1024;
const MOST_ENTRIES: u32 = 65_536;

/// Kept free under the limit for the word on what was lost, and for the last lines.
pub(crate) const RESERVE: u64 = 2 * 1024 * 1024;

/// Whose log a spool holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpoolHeader {
    /// The form of the file.
    spool: u32,
    /// The job.
    pub job: JobId,
    /// Who owns it, when the run was told: enough to open the job again in a store that lost it.
    pub owner: Option<Owner>,
    /// The phase the run was for.
    pub phase: Option<Phase>,
    /// The slot its batches are numbered under.
    pub writer: WriterId,
}

impl SpoolHeader {
    /// A header of the form this code writes.
    pub fn new(job: JobId, owner: Option<Owner>, phase: Option<Phase>, writer: WriterId) -> Self {
        Self {
            spool: VERSION,
            job,
            owner,
            phase,
            writer,
        }
    }
}

/// One thing a spool holds after its header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolRecord {
    /// A batch under its number.
    Batch {
        /// The writer's number for it.
        number: u64,
        /// Its entries; fewer than were written when the process died while writing.
        events: Vec<Recorded>,
        /// Whether it is all there and as it was written.
        whole: bool,
    },
    /// The writer ended by itself.
    Closed {
        /// How the job is to end once this spool is delivered, if it is.
        ending: Option<Ending>,
    },
}

#[derive(Serialize, Deserialize)]
struct BatchLine {
    batch: u64,
    entries: u32,
    bytes: u64,
    sum: String,
}

#[derive(Serialize, Deserialize)]
struct ClosedLine {
    closed: Closing,
}

#[derive(Serialize, Deserialize)]
struct Closing {
    ending: Option<Ending>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Announced {
    Batch(BatchLine),
    Closed(ClosedLine),
}

/// Reads a spool: first its header, then record by record. Damage ends the reading, it never panics; memory is
/// bounded by one batch.
#[derive(Debug)]
pub struct SpoolReader<R> {
    input: R,
    line: Vec<u8>,
    over: bool,
}

impl<R: BufRead> SpoolReader<R> {
    /// Reads the header. None when there is none that this code understands.
    ///
    /// # Errors
    /// What reading the input says.
    pub fn open(mut input: R) -> io::Result<Option<(SpoolHeader, Self)>> {
        let mut line = Vec::new();
        read_line(&mut input, &mut line)?;
        let header = line
            .strip_suffix(b"\n")
            .and_then(|line| serde_json::from_slice::<SpoolHeader>(line).ok());
        Ok(header.filter(|header| header.spool == VERSION).map(|header| {
            (
                header,
                Self {
                    input,
                    line,
                    over: false,
                },
            )
        }))
    }

    /// The next record; none at the end, and after anything that is not as it was written.
    ///
    /// # Errors
    /// What reading the input says.
    pub fn next_record(&mut self) -> io::Result<Option<SpoolRecord>> {
        if self.over {
            return Ok(None);
        }
        read_line(&mut self.input, &mut self.line)?;
        let announced = self
            .line
            .strip_suffix(b"\n")
            .and_then(|line| serde_json::from_slice(line).ok());
        match announced {
            None => {
                self.over = true;
                Ok(None)
            }
            Some(Announced::Closed(ClosedLine { closed })) => Ok(Some(SpoolRecord::Closed { ending: closed.ending })),
            Some(Announced::Batch(batch)) if batch.bytes > LONGEST_BATCH || batch.entries > MOST_ENTRIES => {
                self.over = true;
                Ok(None)
            }
            Some(Announced::Batch(batch)) => {
                let (events, bytes, sum) = self.entries(&batch)?;
                let whole = events.len() == batch.entries as usize
                    && bytes == batch.bytes
                    && format!("{:016x}", sum.0) == batch.sum;
                // A batch that is not whole was the last thing its process did, or the disk's doing: what can be
                // read of it is used, and nothing after it is trusted.
                self.over = !whole;
                Ok(Some(SpoolRecord::Batch {
                    number: batch.batch,
                    events,
                    whole,
                }))
            }
        }
    }

    fn entries(&mut self, batch: &BatchLine) -> io::Result<(Vec<Recorded>, u64, Sum)> {
        let mut events = Vec::new();
        let mut bytes = 0;
        let mut sum = Sum::default();
        for _ in 0..batch.entries {
            read_line(&mut self.input, &mut self.line)?;
            let Some(line) = self.line.strip_suffix(b"\n") else {
                break;
            };
            let Ok(event) = trusted(line) else { break };
            sum.add(&self.line);
            bytes += self.line.len() as u64;
            events.push(event);
        }
        Ok((events, bytes, sum))
    }
}

/// Reads back an entry this module wrote.
#[expect(
    clippy::disallowed_methods,
    reason = "only `SpoolFile::append` writes here, and it writes entries whose text is safe by its type"
)]
fn trusted(line: &[u8]) -> Result<Recorded, log_model::entry::DecodeError> {
    log_model::entry::decode_trusted_recorded(line)
}

/// One line with its newline, or what there is of it; never more than [`LONGEST_LINE`].
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    io::Read::take(&mut *input, LONGEST_LINE as u64).read_until(b'\n', line)?;
    Ok(())
}

/// FNV-1a: finds a torn write, which is all it is for.
struct Sum(u64);

impl Default for Sum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// Why a batch could not be written.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It would go beyond the limit.
    Full,
    /// The disk says no.
    Disk(io::Error),
}

/// A spool being written by this process. Every method blocks.
#[derive(Debug)]
pub(crate) struct SpoolFile {
    path: PathBuf,
    file: File,
    /// Reads back what is not in memory.
    reader: SpoolReader<BufReader<File>>,
    /// Where reading goes on, when that is not where it stopped.
    read_from: Option<u64>,
    header_len: u64,
    len: u64,
    limit: u64,
    synced: u64,
}

impl SpoolFile {
    /// Makes the file and locks it. The folder is made too, for this user only.
    pub(crate) fn create(folder: &Path, header: &SpoolHeader, limit: u64) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("{}.{}.spool", header.job, header.writer));
        let mut file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .read(true)
            .mode(0o600)
            .open(&path)?;
        // Waits for one who looks at every spool in the folder and has this one open: it lets go of an empty one.
        flock(&file, FlockOperation::LockExclusive)?;
        let mut line = serde_json::to_vec(header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        let header_len = line.len() as u64;
        let reader = SpoolReader {
            input: BufReader::new(File::open(&path)?),
            line: Vec::new(),
            over: false,
        };
        let read_from = Some(header_len);
        Ok(Self {
            path,
            file,
            reader,
            read_from,
            header_len,
            len: header_len,
            limit,
            synced: 0,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a batch. `reserved` may use what is kept free for the end.
    pub(crate) fn append(&mut self, number: u64, events: &[Recorded], reserved: bool) -> Result<(), Refused> {
        let mut entries = Vec::new();
        for event in events {
            event.write_json(&mut entries);
            entries.push(b'\n');
        }
        let mut sum = Sum::default();
        sum.add(&entries);
        let announced = BatchLine {
            batch: number,
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

    /// Writes all of it or, as far as the disk allows, none of it.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.file.write_all(bytes) {
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

    /// The next batch that is not in memory, and whether it is all there and as it was written.
    pub(crate) fn read(&mut self) -> io::Result<Option<(u64, Vec<Recorded>, bool)>> {
        if let Some(at) = self.read_from.take() {
            self.reader.input.seek(SeekFrom::Start(at))?;
            self.reader.over = false;
        }
        Ok(match self.reader.next_record()? {
            Some(SpoolRecord::Batch { number, events, whole }) => Some((number, events, whole)),
            _ => None,
        })
    }

    /// Makes what is written survive the machine.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.synced != self.len {
            self.file.sync_data()?;
            self.synced = self.len;
        }
        Ok(())
    }

    /// Everything was delivered: only the header stays.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        self.file.set_len(self.header_len)?;
        self.len = self.header_len;
        self.skip_to_end();
        Ok(())
    }

    /// The writer ends by itself and leaves this file for later.
    pub(crate) fn close(&mut self, ending: Option<Ending>) -> io::Result<()> {
        let mut line = serde_json::to_vec(&ClosedLine {
            closed: Closing { ending },
        })?;
        line.push(b'\n');
        self.write(&line)?;
        self.sync()
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
    /// Keeps the lock.
    _lock: File,
}

impl Leftover {
    /// Takes a spool over; none when its process lives, another one delivers it, or it is no spool. Blocks.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        let lock = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(None);
        }
        // Between opening and locking, the one who held it may have delivered and removed it.
        if lock.metadata()?.nlink() == 0 {
            return Ok(None);
        }
        let found = SpoolReader::open(BufReader::new(File::open(path)?))?;
        Ok(found.map(|(header, reader)| Self {
            path: path.to_owned(),
            header,
            reader,
            _lock: lock,
        }))
    }

    /// Removes the file.
    pub(crate) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// The spools in a folder, oldest first; none when there is no folder. Blocks.
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
            let made = entry.metadata().and_then(|metadata| metadata.modified()).ok();
            spools.push((made, entry.path()));
        }
    }
    spools.sort();
    Ok(spools.into_iter().map(|(_, path)| path).collect())
}
