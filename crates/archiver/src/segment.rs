//! A run of a job's entries as one object: lines of JSON in zstd's seekable format.
//!
//! ```text
//! frame | frame | … | seek table                 (plain `zstd -d` reads it: the table is a frame to be skipped)
//! ```
//! A frame holds up to 1,000 entries and is decompressed alone, so that a page costs one range request. Each ends with
//! zstd's own checksum, so that a damaged range is noticed without reading the rest. Encoding and decoding are pure.

use bytes::Bytes;
use log_model::{LogEntry, Seq, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, Result};

/// How many entries a frame holds at most.
pub const FRAME_ENTRIES: u64 = 1_000;

/// How many entries a segment holds at most.
pub const SEGMENT_ENTRIES: u64 = 50_000;

/// How many bytes a segment has at most, seek table included: one conditional put, comfortably retried.
pub const SEGMENT_BYTES: usize = 8 << 20;

/// A frame is closed before its lines are more than this, and no entry may be longer. A line's text is cut to some
/// kilobytes when it is captured, so only somebody else's entries could ever be.
const FRAME_TARGET: usize = 4 << 20;

/// No frame's lines are ever more than this: what a decoder is willing to hold. Twice the target, since masking may
/// make lines longer.
pub const FRAME_BYTES: usize = 8 << 20;

const LEVEL: i32 = 3;

/// Where a frame starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(Seq, u64)", into = "(Seq, u64)")]
pub struct Frame {
    /// The place of its first entry.
    pub first: Seq,
    /// Its first byte in the segment.
    pub offset: u64,
}

impl From<(Seq, u64)> for Frame {
    fn from((first, offset): (Seq, u64)) -> Self {
        Self { first, offset }
    }
}

impl From<Frame> for (Seq, u64) {
    fn from(frame: Frame) -> Self {
        (frame.first, frame.offset)
    }
}

/// What a manifest says of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// The place of its first entry.
    pub first: Seq,
    /// The place of its last entry.
    pub last: Seq,
    /// How many entries it holds: as many as there are places, less the unused ones.
    pub entries: u64,
    /// The latest capture time in it: once that is old enough, so is all of it.
    pub newest: Timestamp,
    /// Its length in bytes, seek table included.
    pub bytes: u64,
    /// The SHA-256 of all its bytes.
    pub sha256: Digest,
    /// Its frames, in order.
    pub frames: Vec<Frame>,
}

impl SegmentRecord {
    /// The places from its first entry to its last.
    pub(crate) fn span(&self) -> Span {
        Span::new(self.first, self.last).expect("a manifest's segments are checked when it is read")
    }

    /// Where the bytes of a frame end.
    pub(crate) fn frame_end(&self, index: usize) -> u64 {
        let end = self.bytes - table_length(self.frames.len()) as u64;
        self.frames.get(index + 1).map_or(end, |next| next.offset)
    }

    /// The frames that may hold places of `span`, as indexes.
    pub(crate) fn frames_of(&self, span: Span) -> std::ops::Range<usize> {
        let from = self
            .frames
            .partition_point(|frame| frame.first <= span.first())
            .saturating_sub(1);
        let to = self.frames.partition_point(|frame| frame.first <= span.last());
        from..to
    }

    /// Whether what it says of itself can be true; an `Err` says what cannot.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        Span::new(self.first, self.last).map_err(|_| "a segment ends before it begins")?;
        if self.bytes > SEGMENT_BYTES as u64 {
            return Err("a segment is too long");
        }
        let data = self
            .bytes
            .checked_sub(table_length(self.frames.len()) as u64)
            .ok_or("a segment is too short")?;
        if self.entries == 0 || self.entries > self.last.get() - self.first.get() + 1 {
            return Err("a segment's count cannot be");
        }
        let starts = self
            .frames
            .first()
            .is_some_and(|frame| frame.offset == 0 && frame.first == self.first);
        let rise = self
            .frames
            .windows(2)
            .all(|pair| pair[0].first < pair[1].first && pair[0].offset < pair[1].offset);
        let ends = self
            .frames
            .last()
            .is_some_and(|frame| frame.first <= self.last && frame.offset < data);
        if starts && rise && ends {
            Ok(())
        } else {
            Err("a segment's frames are out of order")
        }
    }
}

/// A finished segment.
#[derive(Debug, Clone)]
pub struct Segment {
    /// What the manifest will say of it.
    pub record: SegmentRecord,
    /// The object.
    pub bytes: Bytes,
}

/// Makes segments out of entries pushed in order.
///
/// Holds at most one segment's bytes and one frame's lines, whatever is pushed.
pub struct Encoder {
    compressor: zstd::bulk::Compressor<'static>,
    /// The open frame's lines.
    raw: Vec<u8>,
    open: Option<Run>,
    /// The closed frames.
    out: Vec<u8>,
    closed: Option<Run>,
    frames: Vec<Frame>,
    sizes: Vec<(u32, u32)>,
    scratch: Vec<u8>,
}

/// What is known of entries in a row.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: Seq,
    last: Seq,
    entries: u64,
    newest: Timestamp,
}

impl Run {
    fn of(entry: &LogEntry) -> Self {
        Self {
            first: entry.seq,
            last: entry.seq,
            entries: 1,
            newest: entry.recorded.ts,
        }
    }

    fn and(self, later: Run) -> Self {
        Self {
            first: self.first,
            last: later.last,
            entries: self.entries + later.entries,
            newest: self.newest.max(later.newest),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("bytes", &self.out.len())
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// An empty one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no memory for a compressor.
    pub fn new() -> Result<Self> {
        let compressor = compressor().map_err(|source| Error::Unavailable {
            source: Box::new(source),
        })?;
        Ok(Self {
            compressor,
            raw: Vec::new(),
            open: None,
            out: Vec::new(),
            closed: None,
            frames: Vec::new(),
            sizes: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// Adds an entry; returns a segment when one is full. The entry may then be in it or in the next one.
    ///
    /// # Errors
    /// [`Error::Damaged`] when an entry does not come after the one before, or is longer than a frame may be.
    pub fn push(&mut self, entry: &LogEntry) -> Result<Option<Segment>> {
        let before = self.open.or(self.closed).map(|run| run.last);
        if before.is_some_and(|before| entry.seq <= before) || entry.seq == Seq::ZERO {
            return Err(Error::damaged(format!("entry {} is out of order", entry.seq)));
        }
        let start = self.raw.len();
        entry.write_json(&mut self.raw);
        self.raw.push(b'\n');
        if self.raw.len() - start > FRAME_TARGET {
            self.raw.truncate(start);
            return Err(Error::damaged(format!(
                "entry {} is longer than {FRAME_TARGET} bytes",
                entry.seq
            )));
        }
        let mut full = None;
        if start > 0 && self.raw.len() > FRAME_TARGET {
            let line = self.raw.split_off(start);
            full = self.close_frame()?;
            self.raw = line;
        }
        let run = Run::of(entry);
        self.open = Some(self.open.map_or(run, |open| open.and(run)));
        if self.open.is_some_and(|open| open.entries >= FRAME_ENTRIES) && full.is_none() {
            full = self.close_frame()?;
        }
        if full.is_none() && self.entries() >= SEGMENT_ENTRIES {
            full = self.finish()?;
        }
        Ok(full)
    }

    /// What is in it so far, as a segment; none when that is nothing. The encoder is empty afterwards, or holds the
    /// one frame that would have made the segment too long: ask until there is none.
    ///
    /// # Errors
    /// As [`push`](Encoder::push).
    pub fn finish(&mut self) -> Result<Option<Segment>> {
        if let Some(full) = self.close_frame()? {
            return Ok(Some(full));
        }
        Ok(self.take())
    }

    /// How many entries it holds.
    pub fn entries(&self) -> u64 {
        self.open.map_or(0, |run| run.entries) + self.closed.map_or(0, |run| run.entries)
    }

    /// Compresses the open frame; returns what was there before when both together would be too long.
    fn close_frame(&mut self) -> Result<Option<Segment>> {
        let Some(run) = self.open.take() else { return Ok(None) };
        let raw = std::mem::take(&mut self.raw);
        self.scratch.clear();
        self.scratch.reserve(zstd::zstd_safe::compress_bound(raw.len()));
        let written = self
            .compressor
            .compress_to_buffer(&raw, &mut self.scratch)
            .map_err(|source| Error::Unavailable {
                source: Box::new(source),
            })?;
        let full = if self.out.len() + written + table_length(self.frames.len() + 1) > SEGMENT_BYTES {
            self.take()
        } else {
            None
        };
        self.frames.push(Frame {
            first: run.first,
            offset: self.out.len() as u64,
        });
        self.sizes.push((small(written), small(raw.len())));
        self.out.extend_from_slice(&self.scratch[..written]);
        self.closed = Some(self.closed.map_or(run, |closed| closed.and(run)));
        self.raw = raw;
        self.raw.clear();
        Ok(full)
    }

    /// Throws away what is in it.
    pub(crate) fn clear(&mut self) {
        (self.open, self.closed) = (None, None);
        self.raw.clear();
        self.out.clear();
        self.frames.clear();
        self.sizes.clear();
    }

    /// About how many bytes an entry of those in it will take, compressed.
    pub(crate) fn bytes_an_entry(&mut self) -> Result<u64> {
        let entries = self.entries().max(1);
        self.close_frame()?;
        Ok((self.out.len() as u64).div_ceil(entries))
    }

    fn take(&mut self) -> Option<Segment> {
        let run = self.closed.take()?;
        let mut bytes = std::mem::take(&mut self.out);
        write_table(&mut bytes, &self.sizes);
        self.sizes.clear();
        let frames = std::mem::take(&mut self.frames);
        Some(finished(run, bytes, frames))
    }
}

fn finished(run: Run, bytes: Vec<u8>, frames: Vec<Frame>) -> Segment {
    let record = SegmentRecord {
        first: run.first,
        last: run.last,
        entries: run.entries,
        newest: run.newest,
        bytes: bytes.len() as u64,
        sha256: Digest::of(&bytes),
        frames,
    };
    Segment {
        record,
        bytes: bytes.into(),
    }
}

fn compressor() -> std::io::Result<zstd::bulk::Compressor<'static>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    Ok(compressor)
}

/// The same segment with some entries put in the place of those with their numbers. Frames without any are kept byte
/// for byte.
///
/// # Errors
/// [`Error::Damaged`] when the segment is not what its record says, or would become too long.
pub fn replace(record: &SegmentRecord, bytes: &[u8], masked: &[LogEntry]) -> Result<Segment> {
    let mut compressor = compressor().map_err(|source| Error::Unavailable {
        source: Box::new(source),
    })?;
    let (mut out, mut frames, mut sizes) = (Vec::with_capacity(bytes.len()), Vec::new(), Vec::new());
    for (index, frame) in record.frames.iter().enumerate() {
        let compressed = frame_bytes(record, bytes, index)?;
        let last = record
            .frames
            .get(index + 1)
            .map_or(record.last, |next| next.first.prev());
        frames.push(Frame {
            first: frame.first,
            offset: out.len() as u64,
        });
        let raw = decode_frame(compressed)?;
        if !masked.iter().any(|entry| (frame.first..=last).contains(&entry.seq)) {
            out.extend_from_slice(compressed);
            sizes.push((small(compressed.len()), small(raw.len())));
            continue;
        }
        let mut lines = Vec::with_capacity(raw.len());
        for entry in entries(&raw) {
            let entry = entry?;
            masked
                .iter()
                .find(|masked| masked.seq == entry.seq)
                .unwrap_or(&entry)
                .write_json(&mut lines);
            lines.push(b'\n');
        }
        let compressed = compressor.compress(&lines).map_err(|source| Error::Unavailable {
            source: Box::new(source),
        })?;
        if lines.len() > FRAME_BYTES {
            return Err(Error::damaged("a frame would become too long"));
        }
        out.extend_from_slice(&compressed);
        sizes.push((small(compressed.len()), small(lines.len())));
    }
    write_table(&mut out, &sizes);
    if out.len() > SEGMENT_BYTES {
        return Err(Error::damaged("a segment would become too long"));
    }
    let run = Run {
        first: record.first,
        last: record.last,
        entries: record.entries,
        newest: record.newest,
    };
    Ok(finished(run, out, frames))
}

const SKIPPABLE: u32 = 0x184D_2A5E;
const SEEKABLE: u32 = 0x8F92_EAB1;
const TABLE_HEAD: usize = 8;
const TABLE_ROW: usize = 8;
const TABLE_FOOT: usize = 9;

fn table_length(frames: usize) -> usize {
    TABLE_HEAD + frames * TABLE_ROW + TABLE_FOOT
}

fn small(length: usize) -> u32 {
    u32::try_from(length).expect("frames are bounded to some megabytes")
}

/// The seek table, without checksums of its own: each frame carries one.
fn write_table(out: &mut Vec<u8>, sizes: &[(u32, u32)]) {
    out.extend_from_slice(&SKIPPABLE.to_le_bytes());
    out.extend_from_slice(&small(table_length(sizes.len()) - TABLE_HEAD).to_le_bytes());
    for (compressed, raw) in sizes {
        out.extend_from_slice(&compressed.to_le_bytes());
        out.extend_from_slice(&raw.to_le_bytes());
    }
    out.extend_from_slice(&small(sizes.len()).to_le_bytes());
    out.push(0);
    out.extend_from_slice(&SEEKABLE.to_le_bytes());
}

/// The seek table at the end of a segment: per frame its compressed and its plain length.
///
/// # Errors
/// [`Error::Damaged`] when there is none, or it does not account for every byte. Costs no more memory than the table
/// has bytes.
pub fn seek_table(bytes: &[u8]) -> Result<Vec<(u32, u32)>> {
    let bad = || Error::damaged("a segment's seek table is not one");
    let word = |at: usize| -> Result<u32> {
        let four = bytes
            .get(at..at + 4)
            .and_then(|four| four.try_into().ok())
            .ok_or_else(bad)?;
        Ok(u32::from_le_bytes(four))
    };
    let foot = bytes.len().checked_sub(TABLE_FOOT).ok_or_else(bad)?;
    if word(foot + 5)? != SEEKABLE || bytes[foot + 4] != 0 {
        return Err(bad());
    }
    let count = word(foot)? as usize;
    let length = count
        .checked_mul(TABLE_ROW)
        .and_then(|rows| rows.checked_add(TABLE_HEAD + TABLE_FOOT));
    let start = length
        .and_then(|length| bytes.len().checked_sub(length))
        .ok_or_else(bad)?;
    if word(start)? != SKIPPABLE || word(start + 4)? as usize != table_length(count) - TABLE_HEAD {
        return Err(bad());
    }
    let rows: Vec<_> = (0..count)
        .map(|row| {
            let at = start + TABLE_HEAD + row * TABLE_ROW;
            Ok((word(at)?, word(at + 4)?))
        })
        .collect::<Result<_>>()?;
    let total: u64 = rows.iter().map(|(compressed, _)| u64::from(*compressed)).sum();
    if total == start as u64 { Ok(rows) } else { Err(bad()) }
}

/// One frame's bytes within the whole segment.
fn frame_bytes<'a>(record: &SegmentRecord, bytes: &'a [u8], index: usize) -> Result<&'a [u8]> {
    let from = record.frames.get(index).map(|frame| frame.offset).unwrap_or(u64::MAX);
    let range = usize::try_from(from)
        .ok()
        .zip(usize::try_from(record.frame_end(index)).ok());
    range
        .and_then(|(from, to)| bytes.get(from..to))
        .ok_or_else(|| Error::damaged("a segment is shorter than it says"))
}

/// A frame's lines. Holds at most [`FRAME_BYTES`], whatever the frame claims.
///
/// # Errors
/// [`Error::Damaged`] when it is no frame, its checksum does not fit, or it claims to be longer.
pub fn decode_frame(compressed: &[u8]) -> Result<Vec<u8>> {
    let claimed = zstd::zstd_safe::get_frame_content_size(compressed).ok().flatten();
    let claimed = claimed
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| *size <= FRAME_BYTES);
    let size = claimed.ok_or_else(|| Error::damaged("a frame's length is missing or too great"))?;
    let raw = zstd::bulk::decompress(compressed, size).map_err(|_| Error::damaged("a frame does not decompress"))?;
    if raw.len() == size {
        Ok(raw)
    } else {
        Err(Error::damaged("a frame is shorter than it says"))
    }
}

/// The entries of a frame's lines, one at a time.
pub fn entries(raw: &[u8]) -> impl Iterator<Item = Result<LogEntry>> + '_ {
    lines(raw).map(decode_line)
}

/// The lines of a frame.
pub(crate) fn lines(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    (!raw.is_empty())
        .then(|| raw.split(|byte| *byte == b'\n'))
        .into_iter()
        .flatten()
}

/// The entry on one line of a frame.
#[expect(
    clippy::disallowed_methods,
    reason = "a segment holds what a store held, and that was redacted"
)]
pub(crate) fn decode_line(line: &[u8]) -> Result<LogEntry> {
    log_model::entry::decode_trusted(line).map_err(|error| Error::damaged(format!("in a segment, {error}")))
}

/// Reads a whole segment and compares it with what is said of it: length, SHA-256, seek table, and that each frame
/// holds the places it should, without a hole but for `unused`. Calls `each` with every frame's lines.
///
/// # Errors
/// [`Error::Damaged`] naming the first thing that is not so; whatever `each` returns.
pub(crate) fn verify(
    record: &SegmentRecord,
    bytes: &[u8],
    unused: &[Span],
    mut each: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    if bytes.len() as u64 != record.bytes || Digest::of(bytes) != record.sha256 {
        return Err(Error::damaged(format!(
            "segment {} is not what was written",
            record.first
        )));
    }
    let table = seek_table(bytes)?;
    let offsets = table.iter().scan(0_u64, |at, (compressed, _)| {
        let offset = *at;
        *at += u64::from(*compressed);
        Some(offset)
    });
    if !offsets.eq(record.frames.iter().map(|frame| frame.offset)) {
        return Err(Error::damaged(format!(
            "segment {} has other frames than its manifest says",
            record.first
        )));
    }
    let (mut expected, mut count) = (record.first, 0);
    for (index, frame) in record.frames.iter().enumerate() {
        let raw = decode_frame(frame_bytes(record, bytes, index)?)?;
        for (at, line) in lines(&raw).enumerate() {
            let seq = place_of(line)?;
            if at == 0 && seq != frame.first {
                return Err(Error::damaged(format!(
                    "a frame begins with {seq}, not {}",
                    frame.first
                )));
            }
            if seq != expected && seq != skip_unused(expected, unused) && !is_unused(seq, unused) {
                return Err(Error::damaged(format!(
                    "segment {} has {seq} where {expected} should be",
                    record.first
                )));
            }
            (expected, count) = (seq.next(), count + 1);
        }
        each(&raw)?;
    }
    if count != record.entries || expected != record.last.next() {
        return Err(Error::damaged(format!(
            "segment {} does not hold what it says",
            record.first
        )));
    }
    Ok(())
}

/// The place on a line, without building the entry.
pub(crate) fn place_of(line: &[u8]) -> Result<Seq> {
    #[derive(Deserialize)]
    struct Place {
        seq: Seq,
    }
    serde_json::from_slice::<Place>(line)
        .map(|place| place.seq)
        .map_err(|_| Error::damaged("a segment holds a line that is no entry"))
}

/// The first place from `seq` on that is not unused.
pub(crate) fn skip_unused(mut seq: Seq, unused: &[Span]) -> Seq {
    for span in unused {
        if span.contains(seq) {
            seq = span.last().next();
        }
    }
    seq
}

pub(crate) fn is_unused(seq: Seq, unused: &[Span]) -> bool {
    unused.iter().any(|span| span.contains(seq))
}
