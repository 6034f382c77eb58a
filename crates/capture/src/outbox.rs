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

    /// Takes new events in: into memory, onto the disk, or, when both are full, into the tail.
    pub(crate) async fn accept(&mut self, events: Vec<Recorded>) {
        if events.is_empty() {
            return;
        }
        if self.overflowing {
            self.hold_in_tail(events);
            return;
        }
        let weight = memory_of(&events);
        if !self.spilling && self.waiting_weight + weight > MEMORY {
            self.spill().await;
            // Without a spool to use, memory is all there is.
            self.overflowing |= !self.spilling;
        }
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

    /// From now on the spool holds all that waits.
    pub(crate) async fn spill(&mut self) {
        let Some(mut file) = self.take_file() else {
            return;
        };
        let shift = self.shift;
        let waiting = std::mem::take(&mut self.waiting);
        let task = tokio::task::spawn_blocking(move || {
            let mut written = Ok(());
            for item in &waiting {
                written = file.append(item.number().saturating_add_signed(-shift), &item.batch.events, false);
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
        for (number, events) in batches {
            let item = self.item(number.saturating_add_signed(self.shift), events);
            self.on_disk -= 1;
            self.on_disk_lines -= lines_of(&item.batch.events).min(self.on_disk_lines);
            self.wait_last(item);
        }
    }

    /// What the disk does not give back is lost, and said to be.
    fn lose_disk(&mut self) {
        let number = self.next_number - self.on_disk;
        let lines = std::mem::take(&mut self.on_disk_lines);
        self.lost_for_good += lines;
        self.on_disk = 0;
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
        let (waiting, spilling, shift, mut number) = (self.waiting, self.spilling, self.shift, self.next_number);
        let written = tokio::task::spawn_blocking(move || {
            let mut written = Ok(());
            let mut append = |number: u64, events: &[Recorded]| {
                if written.is_ok() {
                    written = file.append(number.saturating_add_signed(-shift), events, true);
                }
            };
            if !spilling {
                for item in &waiting {
                    append(item.number(), &item.batch.events);
                }
            }
            for events in &tail {
                append(number, events);
                number += 1;
            }
            let all = written.is_ok();
            let closed = file.close(ending);
            all && closed.is_ok()
        })
        .await
        .unwrap_or(false);
        // What was spilled before is on disk whatever became of the rest.
        match (written, spilling) {
            (true, _) => Left {
                path,
                lines: waiting_lines + self.on_disk_lines + tail_lines,
                lost,
            },
            (false, true) => Left {
                path,
                lines: waiting_lines + self.on_disk_lines,
                lost: lost + tail_lines,
            },
            (false, false) => Left {
                path,
                lines: 0,
                lost: lost + waiting_lines + tail_lines,
            },
        }
    }
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

fn lines_of(events: &[Recorded]) -> u64 {
    events
        .iter()
        .filter(|event| matches!(event.event, LogEvent::Line { .. }))
        .count() as u64
}
