//! What waits on disk while the store is away: a file of redacted text that outlives its process.
//!
//! The file is lines of JSON. A header says whose log it is and which writer's. Two lines of fixed length follow, the
//! only ones that are ever written again, so that they can be on a disk that is full: `progress` says how its numbers
//! stand to the store's; `closed`, which is `open` until then, says that the writer ended by itself, which lines it could
//! not keep, and how the job was to end. Behind them a `batch` line announces how many lines of entries follow it, how
//! long they are, and their sum. Entries have the one JSON form they have everywhere. A file is locked while its process
//! lives; one that can be locked belongs to nobody any more, and while it is `open` its writer was killed.
//!
//! This file is the form; `file` is what is done with it on a disk.

mod file;

use std::io::{self, BufRead};

use log_model::{GapReason, JobId, Owner, Phase, Recorded, Seq, WriterId};
use serde::{Deserialize, Serialize};
use stream_store::Ending;

use crate::gaps::gap;

pub(crate) use self::file::{Leftover, Refused, SpoolFile, list};

/// The form this code writes and reads.
const VERSION: u32 = 4;

/// No line of a spool is longer: a batch line is some 100 bytes, an entry's text is bounded by the display limit.
const LONGEST_LINE: usize = 1024 * 1024;

/// No batch is longer, and none has more entries.
const LONGEST_BATCH: u64 = 16 * 1024 * 1024;
const MOST_ENTRIES: u32 = 65_536;

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

/// How a spool's numbers stand to the store's. Written down before anything is sent that depends on it, so that a
/// delivery broken off anywhere is taken up by the next process as this one would have gone on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpoolProgress {
    /// The highest place the writer knows of in its job's log: a record rebuilt in a store that lost it begins above.
    pub head: Seq,
    /// What to add to a number in the file to get the number it has in the store.
    pub shift: i64,
    /// The number in the store of the word on lines that are missing at the end; 0 while it was not sent.
    pub last_word: u64,
}

impl SpoolProgress {
    /// A file's number as the store counts.
    pub(crate) fn in_store(&self, number: u64) -> u64 {
        number.saturating_add_signed(self.shift)
    }

    /// Always as long: it is written over what it was before.
    fn line(&self) -> String {
        let (head, shift, word) = (self.head.get(), self.shift, self.last_word);
        format!("{{\"progress\":\"{head:020} {shift:+020} {word:020}\"}}\n")
    }

    fn read(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Line {
            progress: String,
        }
        let line: Line = serde_json::from_slice(line.strip_suffix(b"\n")?).ok()?;
        let mut words = line.progress.split(' ');
        let progress = Self {
            head: Seq::new(words.next()?.parse().ok()?).ok()?,
            shift: words.next()?.parse().ok()?,
            last_word: words.next()?.parse().ok()?,
        };
        words.next().is_none().then_some(progress)
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

/// Whether the writer ended by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Close {
    #[default]
    Open,
    Closed(Closing),
}

/// A writer's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Closing {
    /// How long the file is: one that is shorter lost its end with the machine.
    at: u64,
    /// What it could not keep.
    pub(crate) missing: Option<Missing>,
    /// How the job is to end.
    pub(crate) ending: Option<Ending>,
}

/// Lines at the end for which there was no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Missing {
    /// The number of the gap that stands for them.
    pub(crate) number: u64,
    pub(crate) lines: u64,
}

impl Close {
    /// Long enough for the largest numbers.
    const LENGTH: usize = 192;

    /// Always as long: it is written over what it was before.
    fn line(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("{json:<width$}\n", width = Self::LENGTH - 1)
    }
}

/// Reads a spool: first its header, then record by record. Damage ends the reading, it never panics; memory is
/// bounded by one batch.
#[derive(Debug)]
pub struct SpoolReader<R> {
    input: R,
    line: Vec<u8>,
    over: bool,
    damaged: bool,
    progress: SpoolProgress,
    /// Where the progress line stands.
    progress_at: u64,
    close: Close,
    /// Where reading has come to.
    at: u64,
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
            .and_then(|line| serde_json::from_slice::<SpoolHeader>(line).ok())
            .filter(|header| header.spool == VERSION);
        let Some(header) = header else { return Ok(None) };
        let progress_at = line.len() as u64;
        read_line(&mut input, &mut line)?;
        // Without it nobody can tell which of its batches the store has.
        let Some(progress) = SpoolProgress::read(&line) else {
            return Ok(None);
        };
        let close_at = progress_at + line.len() as u64;
        read_line(&mut input, &mut line)?;
        // What cannot be read is no word that it was closed.
        let close = serde_json::from_slice(&line).unwrap_or_default();
        let reader = Self {
            at: close_at + line.len() as u64,
            input,
            line,
            over: false,
            damaged: false,
            progress,
            progress_at,
            close,
        };
        Ok(Some((header, reader)))
    }

    /// How the numbers stood to the store's when the file was opened.
    pub fn progress(&self) -> SpoolProgress {
        self.progress
    }

    /// Whether reading ended before the end, at something that is not as it was written. A record that the end cuts off
    /// is no damage: whoever wrote it was stopped there.
    pub fn is_damaged(&self) -> bool {
        self.damaged
    }

    /// The next record; none at the end, and after anything that is not as it was written.
    ///
    /// # Errors
    /// What reading the input says.
    pub fn next_record(&mut self) -> io::Result<Option<SpoolRecord>> {
        if self.over {
            return Ok(None);
        }
        self.next_line()?;
        if self.line.is_empty() {
            return Ok(self.last_word());
        }
        let announced = self
            .line
            .strip_suffix(b"\n")
            .and_then(|line| serde_json::from_slice::<BatchLine>(line).ok());
        match announced {
            None => {
                self.over = true;
                self.damaged = self.line.ends_with(b"\n");
                Ok(None)
            }
            Some(batch) if batch.bytes > LONGEST_BATCH || batch.entries > MOST_ENTRIES => {
                self.over = true;
                self.damaged = true;
                Ok(None)
            }
            Some(batch) => {
                let (events, bytes, sum) = self.entries(&batch)?;
                let whole = events.len() == batch.entries as usize
                    && bytes == batch.bytes
                    && format!("{:016x}", sum.0) == batch.sum;
                // A batch that is not whole was the last thing its process did, or the disk's doing: what can be
                // read of it is used, and nothing after it is trusted.
                self.over = !whole;
                self.damaged = !whole && self.line.ends_with(b"\n");
                Ok(Some(SpoolRecord::Batch {
                    number: batch.batch,
                    events,
                    whole,
                }))
            }
        }
    }

    /// What stands behind the last batch: the gap of a closed file, if it has one, then that it was closed.
    fn last_word(&mut self) -> Option<SpoolRecord> {
        let Close::Closed(closing) = &mut self.close else {
            self.over = true;
            return None;
        };
        if closing.at != self.at {
            self.over = true;
            self.damaged = true;
            return None;
        }
        if let Some(Missing { number, lines }) = closing.missing.take() {
            return Some(SpoolRecord::Batch {
                number,
                events: vec![gap(Some(lines), GapReason::SpoolFull)],
                whole: true,
            });
        }
        self.over = true;
        Some(SpoolRecord::Closed { ending: closing.ending })
    }

    fn next_line(&mut self) -> io::Result<()> {
        read_line(&mut self.input, &mut self.line)?;
        self.at += self.line.len() as u64;
        Ok(())
    }

    fn entries(&mut self, batch: &BatchLine) -> io::Result<(Vec<Recorded>, u64, Sum)> {
        let mut events = Vec::new();
        let mut bytes = 0;
        let mut sum = Sum::default();
        for _ in 0..batch.entries {
            self.next_line()?;
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
    reason = "only `SpoolFile::append` writes there, and it writes entries whose text is safe by its type"
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

/// A sum over a batch's lines: finds a torn write, which is all it is for. It takes eight bytes at a time, because every
/// byte of a burst passes through it twice.
struct Sum(u64);

impl Default for Sum {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Sum {
    /// Adds a line, its newline included.
    fn add(&mut self, line: &[u8]) {
        let (words, rest) = line.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.word(u64::from_le_bytes(last));
        }
        self.word(line.len() as u64);
    }

    /// Two words that differ never give the same sum: each step can be undone.
    fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(lines: &[&[u8]]) -> u64 {
        let mut sum = Sum::default();
        for line in lines {
            sum.add(line);
        }
        sum.0
    }

    #[test]
    fn a_sum_tells_any_byte_the_length_and_the_lines() {
        let line = b"{\"text\":\"added 211 packages\"}\n";
        for at in 0..line.len() {
            for bit in 0..8 {
                let mut other = line.to_vec();
                other[at] ^= 1 << bit;
                assert_ne!(sum(&[line]), sum(&[&other]), "byte {at}, bit {bit}");
            }
            assert_ne!(sum(&[line]), sum(&[&line[..at]]), "cut at {at}");
            assert_ne!(sum(&[line]), sum(&[&line[..at], &line[at..]]), "parted at {at}");
        }
        assert_ne!(sum(&[b"a\n"]), sum(&[b"a\n\0"]));
    }
}
