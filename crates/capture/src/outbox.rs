//! What waits to be sent: in memory, then on disk, and when both are full, the last lines and a count of the rest.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use log_model::{Fence, GapReason, JobId, LogEvent, Recorded, Timestamp, WriterId};
use stream_store::{Batch, Ending};

use crate::batcher::weight;
use crate::spool::{Refused, SpoolFile, SpoolHeader};

/// What waits in memory before the spool is used.
const MEMORY: usize = 8 * 1024 * 1024;

/// The last lines of an output whose spool is full.
const TAIL: usize = 1024 * 1024;

/// A write to the local disk that takes longer makes the spool count as unusable until it is done.
const SLOW_DISK: Duration = Duration::from_secs(1);

/// A batch under way. Shared with the call that sends it, so that a call given up loses nothing.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) batch: Arc<Batch>,
    /// What it takes of memory, roughly.
    pub(crate) weight: usize,
}

impl Item {
    pub(crate) fn number(&self) -> u64 {
        self.batch.number
    }

    /// No call shares the batch when this is used; if one did, it keeps what it was given.
    pub(crate) fn edit(&mut self) -> &mut Batch {
        Arc::make_mut(&mut self.batch)
    }
}

/// What events take of memory, roughly.
fn memory_of(events: &[Recorded]) -> usize {
    events.iter().map(|event| weight(event) + 96).sum()
}

/// What a write to the spool comes back with.
type Written = (Box<SpoolFile>, Result<(), Refused>);

/// The spool as this task sees it.
#[derive(Debug)]
enum Disk {
    /// There is none, or it broke.
    Unusable,
    Ready(Box<SpoolFile>),
    /// A write takes too long; the file comes back when it is done.
    Busy(tokio::task::JoinHandle<Written>, u64),
}

/// Everything that was taken in and is not on its way, in order: first `waiting`, then what is only on disk, then the
/// tail. Its methods wait for the local disk at most.
#[derive(Debug)]
pub(crate) struct Outbox {
    job: JobId,
    writer: WriterId,
    waiting: VecDeque<Item>,
    waiting_weight: usize,
    /// Everything in `waiting` is on disk as well, and so is what comes now.
    spilling: bool,
    /// Batches behind `waiting` that are only on disk, and the lines in them.
    on_disk: u64,
    on_disk_lines: u64,
    disk: Disk,
    /// The last events after the spool was full, in order.
    tail: VecDeque<Vec<Recorded>>,
    tail_weight: usize,
    overflowing: bool,
    /// Lines that fell out of the tail and stand in no gap yet, and those that do.
    lost: u64,
    lost_for_good: u64,
    next_number: u64,
    /// How far numbers lie above what stands in the spool, after a store that lost its memory counted anew.
    shift: i64,
}

/// What an outbox leaves when it is given up.
#[derive(Debug)]
pub(crate) struct Left {
    /// The file that holds what was not sent.
    pub(crate) path: Option<PathBuf>,
    /// Lines in it.
    pub(crate) lines: u64,
    /// Lines that are nowhere.
    pub(crate) lost: u64,
}

impl Outbox {
    pub(crate) fn new(job: JobId, writer: WriterId) -> Self {
        Self {
            job,
            writer,
            waiting: VecDeque::new(),
            waiting_weight: 0,
            spilling: false,
            on_disk: 0,
            on_disk_lines: 0,
            disk: Disk::Unusable,
            tail: VecDeque::new(),
            tail_weight: 0,
            overflowing: false,
            lost: 0,
            lost_for_good: 0,
            next_number: 1,
            shift: 0,
        }
    }

    /// Makes the spool; without one, memory is all there is.
    pub(crate) async fn create_spool(&mut self, folder: &Path, header: SpoolHeader, limit: u64) {
        let folder = folder.to_owned();
        let made = tokio::task::spawn_blocking(move || SpoolFile::create(&folder, &header, limit)).await;
        match made.map_err(std::io::Error::from).flatten() {
            Ok(file) => self.disk = Disk::Ready(Box::new(file)),
            Err(error) => tracing::warn!(job = %self.job, %error, "no spool can be made"),
        }
    }

    /// Whether what waits is on disk as well.
    pub(crate) fn is_spilling(&self) -> bool {
        self.spilling
    }

    /// Whether nothing waits anywhere but in the tail.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.on_disk == 0
    }

    /// The first batch that waits, without taking it.
    pub(crate) fn front(&self) -> Option<&Item> {
        self.waiting.front()
    }

    /// Takes the first batch that waits in memory; see [`refill`](Self::refill).
    pub(crate) fn pop(&mut self) -> Option<Item> {
        let item = self.waiting.pop_front()?;
        self.waiting_weight -= item.weight;
        Some(item)
    }

    /// Brings into memory what is to be sent next, from the disk or from the tail.
    pub(crate) async fn refill(&mut self) {
        if self.waiting.is_empty() && self.on_disk > 0 {
            self.read_back().await;
        }
        if self.is_empty() {
            self.drained().await;
        }
    }

    fn take_file(&mut self) -> Option<Box<SpoolFile>> {
        match std::mem::replace(&mut self.disk, Disk::Unusable) {
            Disk::Ready(file) => Some(file),
            other => {
                self.disk = other;
                None
            }
        }
    }

    /// Goes out before everything else.
    pub(crate) fn wait_first(&mut self, item: Item) {
        self.waiting_weight += item.weight;
        self.waiting.push_front(item);
    }

    fn wait_last(&mut self, item: Item) {
        self.waiting_weight += item.weight;
        self.waiting.push_back(item);
    }

    /// The next batch under its number.
    pub(crate) fn item(&self, number: u64, events: Vec<Recorded>) -> Item {
        let weight = memory_of(&events);
        Item {
            batch: Arc::new(Batch {
                writer: self.writer.clone(),
                fence: Fence(0),
                number,
                events,
            }),
            weight,
        }
    }

    /// The number of the first batch that waits, in memory or on disk; of the next one when none does.
    pub(crate) fn first_waiting(&self) -> u64 {
        self.waiting
            .front()
            .map_or(self.next_number - self.on_disk, Item::number)
    }

    /// Moves the numbers of everything that waits, so that the first becomes `first`.
    pub(crate) fn renumber(&mut self, was: u64, first: u64) {
        let by = first.wrapping_sub(was).cast_signed();
        for item in &mut self.waiting {
            let batch = item.edit();
            batch.number = batch.number.saturating_add_signed(by);
        }
        self.shift += by;
        self.next_number = self.next_number.saturating_add_signed(by);
    }

    /// Whether memory has no room for these events, so that [`spill`](Self::spill) is due before they are taken in.
    pub(crate) fn wants_spool(&self, events: &[Recorded]) -> bool {
        !self.spilling && !self.overflowing && self.waiting_weight + memory_of(events) > MEMORY
    }

    /// Takes new events in: into memory, onto the disk, or, when both are full, into the tail.
    pub(crate) async fn accept(&mut self, events: Vec<Recorded>) {
        if events.is_empty() {
            return;
        }
        if self.overflowing {
            self.hold_in_tail(events);
            return;
        }
        // Without a spool to use, memory is all there is.
        self.overflowing |= self.wants_spool(&events);
        if self.overflowing {
            self.hold_in_tail(events);
            return;
        }
        let item = self.item(self.next_number, events);
        if self.spilling {
            self.accept_on_disk(item).await;
        } else {
            self.next_number += 1;
            self.wait_last(item);
        }
    }

    async fn accept_on_disk(&mut self, item: Item) {
        let in_memory = self.on_disk == 0 && self.waiting_weight + item.weight <= MEMORY / 2;
        if !self.write(&item.batch).await {
            self.overflowing = true;
            self.hold_in_tail(Arc::unwrap_or_clone(item.batch).events);
            return;
        }
        self.next_number += 1;
        match &mut self.disk {
            // It is read back from the disk only if this process does not live to send it.
            Disk::Ready(file) if in_memory => {
                file.skip_to_end();
                self.wait_last(item);
            }
            _ => {
                self.on_disk += 1;
                self.on_disk_lines += lines_of(&item.batch.events);
            }
        }
    }

    /// Writes one batch to the spool. False when the disk did not take it.
    async fn write(&mut self, batch: &Arc<Batch>) -> bool {
        let Some(mut file) = self.take_file() else {
            return false;
        };
        let (batch, lines, shift) = (Arc::clone(batch), lines_of(&batch.events), self.shift);
        let mut task = tokio::task::spawn_blocking(move || {
            let written = file.append(batch.number.saturating_add_signed(-shift), &batch.events, false);
            (file, written)
        });
        match tokio::time::timeout(SLOW_DISK, &mut task).await {
            Ok(Ok((file, written))) => {
                self.disk = Disk::Ready(file);
                match written {
                    Ok(()) => true,
                    Err(Refused::Full) => {
                        tracing::warn!(job = %self.job, "the spool is full");
                        false
                    }
                    Err(Refused::Disk(error)) => {
                        tracing::warn!(job = %self.job, %error, "the spool cannot be written");
                        false
                    }
                }
            }
            // The task stopped with the file: there is no spool any more.
            Ok(Err(_)) => false,
            Err(_) => {
                tracing::warn!(job = %self.job, "the spool's disk is too slow");
                self.disk = Disk::Busy(task, lines);
                self.overflowing = true;
                true
            }
        }
    }

    /// From now on the spool holds all that waits, and before it `ahead`: what is on its way or may come back, in
    /// order.
    pub(crate) async fn spill(&mut self, ahead: Vec<Arc<Batch>>) {
        if self.spilling {
            return;
        }
        let Some(mut file) = self.take_file() else {
            return;
        };
        // The file is empty: its numbers start out as they are.
        self.shift = 0;
        let waiting = std::mem::take(&mut self.waiting);
        let task = tokio::task::spawn_blocking(move || {
            let mut written = Ok(());
            for batch in ahead.iter().chain(waiting.iter().map(|item| &item.batch)) {
                written = file.append(batch.number, &batch.events, false);
                if written.is_err() {
                    break;
                }
            }
            let written = written.and_then(|()| file.sync().map_err(Refused::Disk));
            match &written {
                Ok(()) => file.skip_to_end(),
                // All or nothing: half of what waits would be taken for all of it.
                Err(_) => drop(file.reset()),
            }
            (file, waiting, written)
        });
        if let Ok((file, waiting, written)) = task.await {
            self.waiting = waiting;
            self.disk = Disk::Ready(file);
            // What could not be written stays in memory and goes out from there.
            self.overflowing |= written.is_err();
            self.spilling = written.is_ok();
        }
    }

    /// Brings the next batches from the disk into memory.
    async fn read_back(&mut self) {
        let Some(mut file) = self.take_file() else {
            // One that still writes is waited for; one that broke gives nothing back.
            if matches!(self.disk, Disk::Unusable) {
                self.lose_disk();
            }
            return;
        };
        let most = self.on_disk.min(16);
        let task = tokio::task::spawn_blocking(move || {
            let mut batches = Vec::new();
            while (batches.len() as u64) < most {
                match file.read() {
                    Ok(Some(batch)) => batches.push(batch),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::warn!(%error, "the spool cannot be read back");
                        break;
                    }
                }
            }
            (file, batches)
        });
        let Ok((file, batches)) = task.await else {
            return self.lose_disk();
        };
        self.disk = Disk::Ready(file);
        if batches.is_empty() {
            return self.lose_disk();
        }
        for (number, mut events, whole) in batches {
            self.on_disk -= 1;
            self.on_disk_lines -= lines_of(&events).min(self.on_disk_lines);
            if !whole {
                tracing::warn!(job = %self.job, "the spool reads back damaged");
                // Its lines cannot be counted any more: they may be there and not be what was written.
                events.push(gap(None, GapReason::SpoolFull));
                if self.on_disk == 0 {
                    self.lost_for_good += std::mem::take(&mut self.on_disk_lines);
                    self.read_on_at_end();
                }
            }
            let item = self.item(number.saturating_add_signed(self.shift), events);
            self.wait_last(item);
        }
    }

    /// What stands on the disk so far is not read any more; what is written from now on is.
    fn read_on_at_end(&mut self) {
        if let Disk::Ready(file) = &mut self.disk {
            file.skip_to_end();
        }
    }

    /// What the disk does not give back is lost, and said to be.
    fn lose_disk(&mut self) {
        let number = self.next_number - self.on_disk;
        let lines = std::mem::take(&mut self.on_disk_lines);
        self.lost_for_good += lines;
        self.on_disk = 0;
        self.read_on_at_end();
        self.next_number = number + 1;
        let item = self.item(number, vec![gap(Some(lines), GapReason::SpoolFull)]);
        self.wait_last(item);
    }

    /// Nothing waits: the spool starts again from its beginning, and what overflowed it takes its place in the log.
    async fn drained(&mut self) {
        if self.spilling
            && let Some(mut file) = self.take_file()
        {
            let task = tokio::task::spawn_blocking(move || {
                let reset = file.reset();
                (file, reset)
            });
            if let Ok((file, reset)) = task.await {
                if reset.is_ok() {
                    self.disk = Disk::Ready(file);
                }
                self.spilling = false;
            }
        }
        if self.overflowing && !matches!(self.disk, Disk::Busy(..)) {
            self.overflowing = false;
            for events in self.take_tail() {
                let item = self.item(self.next_number, events);
                self.next_number += 1;
                self.wait_last(item);
            }
        }
    }

    /// What takes the place of the lines that were lost: the gap, then the last lines.
    fn take_tail(&mut self) -> Vec<Vec<Recorded>> {
        let mut batches = Vec::new();
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            self.lost_for_good += lost;
            batches.push(vec![gap(Some(lost), GapReason::SpoolFull)]);
        }
        self.tail_weight = 0;
        batches.extend(std::mem::take(&mut self.tail));
        batches
    }

    fn hold_in_tail(&mut self, events: Vec<Recorded>) {
        self.tail_weight += memory_of(&events);
        self.tail.push_back(events);
        while self.tail_weight > TAIL && self.tail.len() > 1 {
            let Some(events) = self.tail.pop_front() else { break };
            self.tail_weight -= memory_of(&events);
            self.lost += lines_of(&events);
        }
    }

    /// Makes what was spilled survive the machine.
    pub(crate) async fn sync(&mut self) {
        let Some(mut file) = self.take_file() else { return };
        let task = tokio::task::spawn_blocking(move || {
            let synced = file.sync();
            (file, synced)
        });
        if let Ok((file, synced)) = task.await {
            self.disk = Disk::Ready(file);
            if let Err(error) = synced {
                tracing::warn!(job = %self.job, %error, "the spool was not synced");
            }
        }
    }

    /// Looks whether a write that took too long is done; with `patience`, waits for it.
    pub(crate) async fn settle(&mut self, patience: Duration) {
        let Disk::Busy(task, lines) = &mut self.disk else {
            return;
        };
        let lines = *lines;
        if !task.is_finished() && patience.is_zero() {
            return;
        }
        let Ok(done) = tokio::time::timeout(patience.max(Duration::from_millis(1)), task).await else {
            return;
        };
        self.disk = match done {
            Ok((file, written)) => {
                if written.is_err() {
                    // It was the last one: since then everything went into the tail.
                    self.on_disk -= 1;
                    self.on_disk_lines -= lines;
                    self.next_number -= 1;
                    self.lost += lines;
                }
                Disk::Ready(file)
            }
            Err(_) => Disk::Unusable,
        };
    }

    /// Everything was sent and said: the spool goes. Returns how many lines were lost on the way.
    pub(crate) async fn remove(mut self) -> u64 {
        if let Some(file) = self.take_file() {
            let removed = tokio::task::spawn_blocking(move || file.remove()).await;
            if let Err(error) = removed.map_err(std::io::Error::from).flatten() {
                tracing::warn!(job = %self.job, %error, "the empty spool stays");
            }
        }
        self.lost_for_good + self.lost
    }

    /// Whether nothing is left to be sent, the tail included.
    pub(crate) fn has_nothing(&self) -> bool {
        self.is_empty() && self.tail.is_empty() && self.lost == 0
    }

    /// Puts what was not sent where the next run finds it.
    pub(crate) async fn leave_behind(mut self, ending: Option<Ending>) -> Left {
        self.settle(Duration::from_secs(5)).await;
        let waiting_lines = self
            .waiting
            .iter()
            .map(|item| lines_of(&item.batch.events))
            .sum::<u64>();
        let tail = self.take_tail();
        let tail_lines = tail.iter().map(|events| lines_of(events)).sum::<u64>();
        let lost = self.lost_for_good;
        let Some(mut file) = self.take_file() else {
            return Left {
                path: None,
                lines: 0,
                lost: lost + waiting_lines + tail_lines + self.on_disk_lines,
            };
        };
        let path = Some(file.path().to_owned());
        let (waiting, spilling, number) = (self.waiting, self.spilling, self.next_number);
        // A file that was not used yet takes the numbers as they are.
        let shift = if spilling { self.shift } else { 0 };
        let unwritten = tokio::task::spawn_blocking(move || {
            let waiting = waiting
                .iter()
                .filter(|_| !spilling)
                .map(|item| (item.number(), &item.batch.events));
            let tail = (number..).zip(&tail);
            let batches = waiting
                .chain(tail)
                .map(|(number, events)| (number.saturating_add_signed(-shift), events.as_slice()));
            write_last(&mut file, batches, ending)
        })
        .await
        // What was spilled before is on disk whatever became of the rest.
        .unwrap_or(if spilling {
            tail_lines
        } else {
            waiting_lines + tail_lines
        });
        Left {
            path,
            lines: waiting_lines + self.on_disk_lines + tail_lines - unwritten,
            lost: lost + unwritten,
        }
    }
}

/// Writes the last batches and closes the spool. When the disk does not take all of them, a gap stands for the rest;
/// when it does not take that either, the spool stays open like that of a process that was killed, so that whoever
/// delivers it says that lines are missing. Returns how many lines were not written. Blocks.
fn write_last<'a>(
    file: &mut SpoolFile,
    batches: impl Iterator<Item = (u64, &'a [Recorded])>,
    ending: Option<Ending>,
) -> u64 {
    let mut refused = None;
    let (mut unwritten, mut missing) = (0, 0);
    for (number, events) in batches {
        if refused.is_none() && file.append(number, events, true).is_err() {
            refused = Some(number);
        }
        if refused.is_some() {
            unwritten += lines_of(events);
            missing += missing_of(events);
        }
    }
    let told = match refused {
        None => true,
        Some(number) => file
            .append(number, &[gap(Some(missing), GapReason::SpoolFull)], true)
            .is_ok(),
    };
    let kept = if told { file.close(ending) } else { file.sync() };
    if let Err(error) = kept {
        tracing::warn!(%error, "the spool was not closed");
    }
    unwritten
}

/// Stands in the log where lines are missing.
pub(crate) fn gap(lines: Option<u64>, reason: GapReason) -> Recorded {
    let ts: Timestamp = SystemTime::now().into();
    Recorded {
        ts,
        phase: None,
        event: LogEvent::Gap {
            lines,
            span: None,
            reason,
        },
    }
}

/// The lines in these events, and those they say are missing already.
fn missing_of(events: &[Recorded]) -> u64 {
    let gaps = events.iter().map(|event| match event.event {
        LogEvent::Gap { lines, .. } => lines.unwrap_or(0),
        _ => 0,
    });
    lines_of(events) + gaps.sum::<u64>()
}

fn lines_of(events: &[Recorded]) -> u64 {
    events
        .iter()
        .filter(|event| matches!(event.event, LogEvent::Line { .. }))
        .count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use log_model::Source;

    use super::*;
    use crate::spool::{Leftover, SpoolRecord};

    fn line(text: &str) -> Recorded {
        Recorded {
            ts: Timestamp::from_millis(1000),
            phase: None,
            event: LogEvent::Line {
                source: Source::Stdout,
                text: redact::system_text(text),
                class: None,
                cut: None,
                masked: Vec::new(),
            },
        }
    }

    fn header() -> SpoolHeader {
        let writer = WriterId::new("w0123456789abcdef").expect("it is an id");
        SpoolHeader::new(JobId::new("build-42").expect("it is an id"), None, None, writer)
    }

    fn said(events: &[Recorded]) -> Vec<String> {
        events
            .iter()
            .map(|event| match &event.event {
                LogEvent::Line { text, .. } => text.as_str().to_owned(),
                LogEvent::Gap { lines, .. } => format!("gap {lines:?}"),
                _ => "?".to_owned(),
            })
            .collect()
    }

    /// What whoever delivers the spool finds: the last batch that matters, and whether the spool was closed.
    fn last_of(path: &Path) -> (Option<(u64, Vec<String>)>, bool) {
        let mut spool = Leftover::take(path).expect("it can be read").expect("nobody holds it");
        let (mut last, mut closed) = (None, false);
        while let Some(record) = spool.reader.next_record().expect("it can be read") {
            match record {
                SpoolRecord::Batch { number, events, .. } => last = Some((number, said(&events))),
                SpoolRecord::Closed { .. } => closed = true,
            }
        }
        (last, closed)
    }

    #[test]
    fn what_the_last_room_cannot_hold_is_counted_in_a_gap() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut file = SpoolFile::create(folder.path(), &header(), 0).expect("a spool can be made");
        let path = file.path().to_owned();
        let wide = "x".repeat(100_000);
        let batches = [
            vec![line("first")],
            (0..30).map(|_| line(&wide)).collect(),
            vec![gap(Some(5), GapReason::SpoolFull), line("last")],
        ];
        let unwritten = write_last(&mut file, (1..).zip(batches.iter().map(Vec::as_slice)), None);
        drop(file);
        assert_eq!(unwritten, 31);
        assert_eq!(last_of(&path), (Some((2, vec!["gap Some(36)".to_owned()])), true));
    }

    #[test]
    fn a_spool_without_room_for_the_gap_stays_open() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut file = SpoolFile::create(folder.path(), &header(), 0).expect("a spool can be made");
        let path = file.path().to_owned();
        let mut number = 0;
        for wide in [10_000, 1] {
            let event = [line(&"x".repeat(wide))];
            while file.append(number + 1, &event, true).is_ok() {
                number += 1;
            }
        }
        let last = [line("one more")];
        let unwritten = write_last(&mut file, std::iter::once((number + 1, last.as_slice())), None);
        drop(file);
        assert_eq!(unwritten, 1);
        assert_eq!(last_of(&path), (Some((number, vec!["x".to_owned()])), false));
    }

    #[tokio::test]
    async fn a_batch_that_reads_back_damaged_is_followed_by_a_gap() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let header = header();
        let mut out = Outbox::new(header.job.clone(), header.writer.clone());
        out.create_spool(folder.path(), header, 1024 * 1024).await;
        out.spill(Vec::new()).await;
        // As if memory were full, so that it is only on disk.
        out.waiting_weight = MEMORY;
        out.accept(vec![line("sound"), line("harmed")]).await;
        out.waiting_weight = 0;
        let Disk::Ready(file) = &out.disk else {
            panic!("the disk took it");
        };
        let path = file.path().to_owned();
        let held = std::fs::read_to_string(&path).expect("it can be read");
        let at = held.rfind("{\"kind\"").expect("there are two entries");
        let mut harm = std::fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("it can be written");
        harm.seek(SeekFrom::Start(at as u64)).expect("it is long enough");
        harm.write_all(b"#").expect("it can be written");
        out.refill().await;
        let item = out.pop().expect("what is left of it");
        assert_eq!(said(&item.batch.events), ["sound", "gap None"]);
        assert_eq!(out.remove().await, 1);
    }
}
