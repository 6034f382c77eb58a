//! How long a line is held between the command and the store, by a clock that the test turns: nothing here takes time.

use std::time::{Duration, Instant};

use capture::{BatchLimits, Batcher, Recorder, RecorderOptions};
use log_model::{LogEvent, Recorded, Source, Timestamp};
use redact::Redactor;

/// The longest any line is held, of the 80 ms it may take to be seen.
const HELD: u64 = 31;

/// A command's output at given milliseconds, and the road of its lines until they leave in a batch.
struct Road {
    recorder: Recorder,
    batcher: Batcher,
    began: Instant,
    now: u64,
    left: Vec<(String, u64)>,
}

impl Road {
    fn new(pty: bool) -> Self {
        let redactor = Redactor::builder().build().expect("the rules are sound");
        let mut options = RecorderOptions::default();
        options.pty = pty.then_some((24, 80));
        Self {
            recorder: Recorder::new(redactor.scrubber(), Source::Stdout, options),
            batcher: Batcher::new(BatchLimits::default()),
            began: Instant::now(),
            now: 0,
            left: Vec::new(),
        }
    }

    fn instant(&self) -> Instant {
        self.began + Duration::from_millis(self.now)
    }

    fn take(&mut self, entries: Vec<Recorded>) {
        for entry in entries {
            let full = self.batcher.push(entry, self.instant());
            self.leave(full.unwrap_or_default());
        }
        if self.batcher.due().is_some_and(|due| due <= self.instant()) {
            let due = self.batcher.take(self.instant());
            self.leave(due);
        }
    }

    fn leave(&mut self, batch: Vec<Recorded>) {
        for entry in batch {
            if let LogEvent::Line { text, .. } = entry.event {
                self.left.push((text.as_str().to_owned(), self.now));
            }
        }
    }

    /// Turns the clock to `to`, and does on the way what is due.
    fn pass(&mut self, to: u64) {
        loop {
            let row = self.recorder.due().map(Timestamp::as_millis);
            let batch = self.batcher.due().map(|due| {
                let due = due.saturating_duration_since(self.began);
                u64::try_from(due.as_nanos().div_ceil(1_000_000)).expect("it is near")
            });
            let due = [row, batch].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= to) else { break };
            self.now = due.max(self.now);
            let mut entries = Vec::new();
            self.recorder.tick(Timestamp::from_millis(self.now), &mut entries);
            self.take(entries);
        }
        self.now = to;
    }

    fn write(&mut self, bytes: &str) {
        let mut entries = Vec::new();
        self.recorder
            .push(bytes.as_bytes(), Timestamp::from_millis(self.now), &mut entries);
        self.take(entries);
    }
}

/// Writes a line at each of these moments, with what the command writes before it; each leaves within the time.
#[track_caller]
fn check(pty: bool, before: &str, at: impl Iterator<Item = u64>) {
    let mut road = Road::new(pty);
    let mut written = Vec::new();
    for at in at {
        road.pass(at);
        let line = format!("line {}", written.len());
        road.write(&format!("{before}{line}\r\n"));
        written.push((line, at));
    }
    road.pass(road.now + 1000);
    assert_eq!(road.left.len(), written.len());
    for ((line, at), (left, then)) in written.iter().zip(&road.left) {
        assert_eq!(line, left);
        assert!(then - at <= HELD, "{line}, written at {at}, left at {then}");
    }
}

#[test]
fn a_line_is_held_for_a_moment_however_often_they_come() {
    for pty in [false, true] {
        for every in [1, 3, 7, 15, 19, 20, 21, 40, 49, 50, 51, 100, 1000] {
            check(pty, "", (0..200).map(|line| line * every));
            check(
                pty,
                "\x1b[33m",
                (0..200).map(|line| 1 + line * line % (every + 1) + line * every),
            );
        }
        // Two at once, then a pause.
        check(pty, "", (0..100).map(|line| line / 2 * 60 + line % 2));
    }
}

#[test]
fn rows_of_a_tool_that_rewrites_its_own_row_are_held_no_longer() {
    check(true, "10%\r\x1b[K50%\r\x1b[K", (0..100).map(|line| line * 33));
}

#[test]
fn on_a_pipe_the_first_line_after_a_pause_leaves_at_once() {
    let mut road = Road::new(false);
    for at in [0, 20, 500, 10_000] {
        road.pass(at);
        road.write("line\n");
        assert_eq!(road.left.last(), Some(&("line".to_owned(), at)));
    }
}
