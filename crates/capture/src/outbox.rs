//! What waits to be sent: in memory, then on disk, and when both are full, the last lines and a count of the rest.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use log_model::{Fence, GapReason, JobId, Recorded, Seq, WriterId};
use stream_store::{Batch, Ending};

use crate::batcher::weight;
use crate::disk::{Disk, Wrote};
use crate::gaps::{gap, lines_of};
use crate::spool::SpoolHeader;
use crate::tail::Tail;
use crate::trouble::SpoolTrouble;

/// What waits in memory before the spool is used.
const MEMORY: usize = 4 * 1024 * 1024;

/// Batches read back from the disk at once: while they are read, fewer are on their way than usual.
const READ_BACK: u64 = 8;

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
pub(crate) fn memory_of(events: &[Recorded]) -> usize {
    events.iter().map(|event| weight(event) + 96).sum()
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
    /// What came since there was no room; none while there is.
    tail: Tail,
    overflowing: bool,
    /// Lines that are nowhere, and stand in a gap.
    lost: u64,
    /// Why there was no room for them.
    trouble: Option<SpoolTrouble>,
    next_number: u64,
    /// The highest place known in the job's log.
    head: Seq,
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
    /// Why.
    pub(crate) trouble: Option<SpoolTrouble>,
}

impl Outbox {
    pub(crate) fn new(job: JobId, writer: WriterId) -> Self {
        Self {
            disk: Disk::none(job.clone()),
            job,
            writer,
            waiting: VecDeque::new(),
            waiting_weight: 0,
            spilling: false,
            on_disk: 0,
            on_disk_lines: 0,
            tail: Tail::default(),
            overflowing: false,
            lost: 0,
            trouble: None,
            next_number: 1,
            head: Seq::ZERO,
        }
    }

    /// Makes the spool; without one, memory is all there is.
    pub(crate) async fn create_spool(&mut self, folder: &Path, header: SpoolHeader, limit: u64) {
        self.disk.create(folder, header, limit).await;
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

    /// Brings into memory what is to be sent next, from the disk or from the tail. While something is `on_its_way`,
    /// the disk keeps what it holds of it.
    pub(crate) async fn refill(&mut self, on_its_way: bool) {
        if self.waiting.is_empty() && self.on_disk > 0 {
            self.read_back().await;
        }
        if self.is_empty() && !on_its_way {
            self.drained().await;
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

    /// A batch under a number.
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

    /// Moves the numbers of everything that waits, so that the first becomes `first`. The spool knows before this
    /// returns: whoever delivers it goes on with these numbers.
    pub(crate) async fn renumber(&mut self, was: u64, first: u64) {
        let by = first.wrapping_sub(was).cast_signed();
        for item in &mut self.waiting {
            let batch = item.edit();
            batch.number = batch.number.saturating_add_signed(by);
        }
        self.next_number = self.next_number.saturating_add_signed(by);
        if self.spilling
            && let Some(mut progress) = self.disk.progress()
        {
            progress.shift += by;
            self.disk.set_progress(progress).await;
        }
    }

    /// The job's log is known to reach this far.
    pub(crate) fn reached(&mut self, head: Seq) {
        self.head = self.head.max(head);
    }

    /// The highest place known in the job's log.
    pub(crate) fn head(&self) -> Seq {
        self.head
    }

    /// Writes down how far the job's log is known to reach.
    pub(crate) async fn write_down_head(&mut self) {
        let head = self.head;
        if let Some(progress) = self.disk.progress().filter(|progress| progress.head < head) {
            self.disk
                .set_progress(crate::spool::SpoolProgress { head, ..progress })
                .await;
        }
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
        // Without a spool to use, memory is all there is.
        self.overflowing |= self.wants_spool(&events);
        if self.overflowing {
            self.hold(events);
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

    /// There is no room: the last lines are held, and those before them are lost.
    fn hold(&mut self, events: Vec<Recorded>) {
        self.tail.hold(events);
        if let Some(trouble) = self.disk.refusal() {
            self.trouble.get_or_insert_with(|| trouble.clone());
        }
    }

    async fn accept_on_disk(&mut self, item: Item) {
        let in_memory = self.on_disk == 0 && self.waiting_weight + item.weight <= MEMORY / 2;
        let wrote = self.disk.write(&item.batch).await;
        if wrote == Wrote::No {
            self.overflowing = true;
            self.hold(Arc::unwrap_or_clone(item.batch).events);
            return;
        }
        self.overflowing |= wrote == Wrote::Late;
        self.next_number += 1;
        match self.disk.file() {
            // It is read back from the disk only if this process does not live to send it.
            Some(file) if in_memory => {
                file.skip_to_end();
                self.wait_last(item);
            }
            _ => {
                self.on_disk += 1;
                self.on_disk_lines += lines_of(&item.batch.events);
            }
        }
    }

    /// From now on the spool holds all that waits, and before it `ahead`: what is on its way or may come back, in
    /// order. When the disk does not take it, everything stays in memory and goes out from there.
    pub(crate) async fn spill(&mut self, ahead: Vec<Arc<Batch>>) {
        if self.spilling {
            return;
        }
        self.disk.again().await;
        self.write_down_head().await;
        let waiting = self.waiting.iter().map(|item| Arc::clone(&item.batch));
        let batches: Vec<_> = ahead.into_iter().chain(waiting).collect();
        let weight = batches.iter().map(|batch| memory_of(&batch.events)).sum();
        if self.disk.append_all(batches, weight).await {
            self.spilling = true;
            if let Some(file) = self.disk.file() {
                file.skip_to_end();
            }
        }
    }

    /// Whether lines are being lost for a reason that may pass, so that [`resume`](Self::resume) is worth a try.
    pub(crate) fn may_resume(&self) -> bool {
        self.overflowing && self.disk.refusal().is_none_or(SpoolTrouble::may_pass)
    }

    /// The disk may have room again: what overflowed goes there, behind what waits, and so does what comes.
    pub(crate) async fn resume(&mut self) {
        if !self.may_resume() || !self.spilling || self.disk.is_busy() {
            return;
        }
        let batches: Vec<_> = (self.next_number..)
            .zip(self.tail.all())
            .map(|(number, events)| self.item(number, events))
            .collect();
        let weight = batches.iter().map(|item| item.weight).sum();
        let shared = batches.iter().map(|item| Arc::clone(&item.batch)).collect();
        if self.disk.append_all(shared, weight).await {
            self.overflowing = false;
            self.lost += std::mem::take(&mut self.tail).lost();
            self.on_disk += batches.len() as u64;
            self.on_disk_lines += batches.iter().map(|item| lines_of(&item.batch.events)).sum::<u64>();
            self.next_number += batches.len() as u64;
        }
    }

    /// Brings the next batches from the disk into memory.
    async fn read_back(&mut self) {
        // One that still writes is waited for; one that broke gives nothing back.
        if self.disk.is_busy() {
            return;
        }
        let most = self.on_disk.min(READ_BACK);
        let batches = self.disk.read(most).await;
        let fewer = (batches.len() as u64) < most;
        for (number, events, whole) in batches {
            if !whole || number != self.next_number - self.on_disk {
                return self.lose_disk(if whole { Vec::new() } else { events }).await;
            }
            self.on_disk -= 1;
            self.on_disk_lines -= lines_of(&events);
            let item = self.item(number, events);
            self.wait_last(item);
        }
        if fewer {
            // Found at once: what would be written behind it now would be lost as well.
            self.lose_disk(Vec::new()).await;
        }
    }

    /// What the disk does not give back is lost, and said to be where it stood, behind what could be `read` of it. The
    /// file begins again: whatever is written behind damage, nobody would read.
    async fn lose_disk(&mut self, read: Vec<Recorded>) {
        tracing::warn!(job = %self.job, "the spool reads back damaged");
        let number = self.next_number - self.on_disk;
        let lines = std::mem::take(&mut self.on_disk_lines).saturating_sub(lines_of(&read));
        self.on_disk = 0;
        self.lost += lines;
        let mut events = read;
        // With every line there, one of them is not what it was, and nobody knows which.
        events.push(gap((lines > 0).then_some(lines), GapReason::Damaged));
        let item = self.item(number, events);
        self.wait_last(item);
        self.next_number = number + 1;
        self.disk.reset().await;
        self.spilling = false;
    }

    /// Nothing waits: the spool starts again from its beginning, and what overflowed it takes its place in the log.
    async fn drained(&mut self) {
        if self.disk.is_busy() {
            return;
        }
        if self.spilling {
            self.disk.reset().await;
            self.spilling = false;
        }
        if self.overflowing {
            self.overflowing = false;
            self.lost += self.tail.lost();
            for events in std::mem::take(&mut self.tail).into_all() {
                let item = self.item(self.next_number, events);
                self.next_number += 1;
                self.wait_last(item);
            }
        }
    }

    /// Makes what was spilled survive the machine.
    pub(crate) async fn sync(&mut self) {
        self.disk.sync().await;
    }

    /// Looks whether a write that took too long is done; with `patience`, waits for it.
    pub(crate) async fn settle(&mut self, patience: Duration) {
        if let Some(lines) = self.disk.settle(patience).await {
            // It was the last one: since then everything went into the tail.
            self.on_disk -= 1;
            self.on_disk_lines -= lines;
            self.next_number -= 1;
            self.tail.lose(lines);
        }
    }

    /// Everything was sent and said: the spool goes. Returns how many lines were lost on the way, and why.
    pub(crate) async fn remove(mut self) -> (u64, Option<SpoolTrouble>) {
        self.disk.remove().await;
        (self.lost + self.tail.lost(), self.trouble)
    }

    /// Whether nothing is left to be sent, the tail included.
    pub(crate) fn has_nothing(&self) -> bool {
        self.is_empty() && self.tail.is_empty()
    }

    /// Puts what was not sent where the next run finds it.
    pub(crate) async fn leave_behind(mut self, ending: Option<Ending>) -> Left {
        self.settle(Duration::from_secs(5)).await;
        self.write_down_head().await;
        let waiting_lines: u64 = self.waiting.iter().map(|item| lines_of(&item.batch.events)).sum();
        self.lost += self.tail.lost();
        let tail: Vec<_> = (self.next_number..)
            .zip(std::mem::take(&mut self.tail).into_all())
            .map(|(number, events)| self.item(number, events).batch)
            .collect();
        let lines = waiting_lines + self.on_disk_lines + tail.iter().map(|batch| lines_of(&batch.events)).sum::<u64>();
        let waiting = self.waiting.iter().map(|item| Arc::clone(&item.batch));
        // What was spilled is there already.
        let batches = waiting.filter(|_| !self.spilling).chain(tail).collect();
        let left = self.disk.leave(batches, ending).await;
        let trouble = self.trouble.or_else(|| self.disk.refusal().cloned());
        match left {
            Some((path, unwritten)) => Left {
                path: Some(path),
                lines: lines - unwritten,
                lost: self.lost + unwritten,
                trouble,
            },
            None => Left {
                path: None,
                lines: 0,
                lost: self.lost + lines,
                trouble,
            },
        }
    }
}

#[cfg(test)]
mod tests;
