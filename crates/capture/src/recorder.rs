//! One output stream's road from bytes to entries: screen, then scrub, then cut, then classify. Pure: time is given.

use std::time::Duration;

use log_model::{Class, LogEvent, Masked, Phase, Recorded, SafeText, Source, Timestamp};
use redact::{Scrubbed, ScrubbedLine, Scrubber};

use crate::classify::{Words, classify};
use crate::moments::Moments;
use crate::screen::{Line, Piece, SCAN_LIMIT, Screen};
use crate::settle::Settled;

/// How much of a line is stored, in bytes: more than a person reads, and little enough for a page of 200 lines.
pub const DISPLAY_LIMIT: usize = 8 * 1024;

/// How long an unfinished line waits before it is shown as it stands.
pub const QUIET: Duration = Duration::from_secs(2);

/// The longest secret that could stand cut in half where the scan ended.
const SCAN_EDGE: usize = 4 * 1024;

/// How much text of plain lines is put together before it is scrubbed.
const TOGETHER: usize = 256 * 1024;

/// How a [`Recorder`] works.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RecorderOptions {
    /// What the command is run for; stands in every entry.
    pub phase: Option<Phase>,
    /// The bytes of a line that are stored; at least one character always is. Values above
    /// [`SCAN_LIMIT`] count as that; of a line that is longer still, the last 4 KiB that were scanned are not stored, because
    /// a secret could stand cut in half there.
    pub display_limit: usize,
    /// How long an unfinished line waits.
    pub quiet: Duration,
    /// Set for a pseudo-terminal: its size, as rows and columns.
    pub pty: Option<(u16, u16)>,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            phase: None,
            display_limit: DISPLAY_LIMIT,
            quiet: QUIET,
            pty: None,
        }
    }
}

/// Turns one stream's bytes into entries. Whatever the chunks, the lines are the same, except where a pause of
/// [`RecorderOptions::quiet`] falls between two of them.
#[derive(Debug)]
pub struct Recorder {
    screen: Screen,
    lines: Lines,
    /// When the last bytes came, while some of them wait for a quiet moment.
    waiting_since: Option<Timestamp>,
    quiet: Duration,
    moments: Moments,
}

/// What happens to a clean line; apart from the screen, because the screen lends its line while this works on it.
#[derive(Debug)]
struct Lines {
    scrubber: Scrubber,
    entries: Entries,
    /// Whether rows are rewritten, so that other lines may come between a flushed row and its end.
    pty: bool,
    /// What of the current line was already recorded, so that what follows is judged in its light.
    flushed: String,
    /// Lines without anything to them but their texts, each with its newline, which are scrubbed together: one pass over
    /// many costs less than one for each. Empty between calls.
    plain: String,
}

impl Recorder {
    /// A stream of its own: `scrubber` must not be shared with another stream, because a private key spans lines.
    pub fn new(scrubber: Scrubber, source: Source, options: RecorderOptions) -> Self {
        Self {
            screen: options
                .pty
                .map_or_else(Screen::pipe, |(rows, columns)| Screen::pty(rows, columns)),
            lines: Lines {
                scrubber,
                entries: Entries {
                    source,
                    phase: options.phase,
                    display_limit: options.display_limit.clamp(4, SCAN_LIMIT),
                },
                pty: options.pty.is_some(),
                flushed: String::new(),
                plain: String::new(),
            },
            waiting_since: None,
            quiet: options.quiet,
            moments: Moments::default(),
        }
    }

    /// Another phase begins; what is unfinished belongs to it.
    pub fn set_phase(&mut self, phase: Option<Phase>) {
        self.lines.entries.phase = phase;
    }

    /// Feeds bytes as they were read at `now`; complete lines are appended to `out`.
    pub fn push(&mut self, bytes: &[u8], now: Timestamp, out: &mut Vec<Recorded>) {
        self.settle(now, out);
        let lines = &mut self.lines;
        self.screen.push_blocks(bytes, &mut |piece| lines.take(piece, now, out));
        lines.record_plain(now, out);
        if !bytes.is_empty() {
            self.waiting_since = Some(now);
            if self.screen.is_window() {
                self.moments.pushed(now, self.quiet, self.screen.waits());
            }
        }
    }

    /// Records the rows of a pseudo-terminal that are settled by now.
    fn settle(&mut self, now: Timestamp, out: &mut Vec<Recorded>) {
        while let Some(what) = self.moments.next(now) {
            if what == Settled::All {
                let unfinished = self.screen.unfinished();
                let harmless = unfinished.trim().is_empty() || classify(unfinished) == Some(Class::Progress);
                if !harmless && self.lines.scrubber.scrub_unfinished("", unfinished).is_none() {
                    continue;
                }
            }
            let lines = &mut self.lines;
            self.screen.settle(what, &mut |line| lines.record(line, now, out));
            self.moments.looked(now, self.screen.waits());
        }
    }

    /// The pseudo-terminal has another size.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        self.screen.resize(rows, columns);
    }

    /// When [`tick`](Self::tick) has something to do, unless more bytes come first.
    pub fn due(&self) -> Option<Timestamp> {
        let quiet = self.quiet_due();
        [quiet, self.moments.due()].into_iter().flatten().min()
    }

    fn quiet_due(&self) -> Option<Timestamp> {
        self.waiting_since.map(|since| since.plus(self.quiet))
    }

    /// After a quiet moment, records an unfinished line as it stands: a prompt somebody is asked to answer.
    ///
    /// What could still become part of a secret stays until its newline; see [`Scrubber::scrub_unfinished`].
    pub fn tick(&mut self, now: Timestamp, out: &mut Vec<Recorded>) {
        self.settle(now, out);
        if self.quiet_due().is_none_or(|due| now < due) {
            return;
        }
        self.waiting_since = None;
        let unfinished = self.screen.unfinished();
        // Complete rows of a window may wait above an empty one.
        let rows_only = unfinished == "\n";
        if unfinished.trim().is_empty() && !rows_only {
            return;
        }
        // A window tells its row whole, a pipe what came after the last flush.
        let rest = unfinished
            .strip_prefix(self.lines.flushed.as_str())
            .unwrap_or(unfinished);
        let lines = &mut self.lines;
        let safe = if rows_only {
            None
        } else {
            match lines.scrubber.scrub_unfinished(&lines.flushed, rest) {
                None => return,
                safe => safe,
            }
        };
        let (rest, mut safe) = (rest.to_owned(), safe);
        self.screen
            .flush(&mut |line| match safe.take_if(|_| line.text == rest) {
                Some(safe) => {
                    lines.store_unfinished(line, safe, now, out);
                    lines.flushed.push_str(&rest);
                }
                None => lines.record(line, now, out),
            });
        // Of a line that goes on for ever, the end counts.
        if lines.flushed.len() > SCAN_LIMIT {
            let from = lines.flushed.ceil_char_boundary(lines.flushed.len() - SCAN_LIMIT / 2);
            lines.flushed.drain(..from);
        }
    }

    /// The stream is over: what is unfinished is recorded as it stands.
    pub fn finish(&mut self, now: Timestamp, out: &mut Vec<Recorded>) {
        self.waiting_since = None;
        let lines = &mut self.lines;
        self.screen.finish(&mut |line| lines.record(line, now, out));
    }
}

impl Lines {
    fn take(&mut self, piece: Piece<'_>, now: Timestamp, out: &mut Vec<Recorded>) {
        match piece {
            Piece::Lines(lines) if self.flushed.is_empty() => self.plain.push_str(lines),
            Piece::Line(line) if self.flushed.is_empty() && line.is_plain() => {
                self.plain.push_str(line.text);
                self.plain.push('\n');
            }
            Piece::Line(line) => {
                self.record_plain(now, out);
                self.record(line, now, out);
            }
            Piece::Lines(lines) => {
                self.record_plain(now, out);
                for text in lines.split_terminator('\n') {
                    self.record(Line::plain(text), now, out);
                }
            }
        }
        if self.plain.len() > TOGETHER {
            self.record_plain(now, out);
        }
    }

    /// Records the plain lines that were put together.
    fn record_plain(&mut self, now: Timestamp, out: &mut Vec<Recorded>) {
        if self.plain.is_empty() {
            return;
        }
        let mut words = Words::of(&self.plain);
        let entries = &self.entries;
        self.scrubber.scrub_lines(&self.plain, |at, line| match line {
            ScrubbedLine::Same(text) => {
                let full = text.as_str().len();
                let text = text.shortened(entries.display_limit);
                let class = words.classify(at, text.as_str());
                let cut = (text.as_str().len() < full).then_some(full as u64);
                out.push(entries.line(text.to_safe_text(), class, cut, Vec::new(), now));
            }
            ScrubbedLine::Judged(scrubbed) => entries.store(scrubbed, None, now, out),
        });
        self.plain.clear();
    }

    fn record(&mut self, line: Line<'_>, now: Timestamp, out: &mut Vec<Recorded>) {
        let mut masked = Vec::new();
        let uncovered = self.uncover(line, &mut masked);
        let line = Line {
            text: uncovered.as_deref().unwrap_or(line.text),
            ..line
        };
        let mut scrubbed = if line.continues {
            let flushed = std::mem::take(&mut self.flushed);
            // A window tells what of a row was shown, a pipe leaves it to be remembered.
            let before = if line.before.is_empty() { &flushed } else { line.before };
            self.scrubber.scrub_after(before, line.text)
        } else {
            if !self.flushed.is_empty() && !self.pty {
                // The flushed line ended where it was.
                let flushed = std::mem::take(&mut self.flushed);
                self.scrubber.scrub_after(&flushed, "");
            }
            self.scrubber.scrub(line.text)
        };
        add(&mut scrubbed.masked, masked);
        self.entries.store(scrubbed, line.cut, now, out);
    }

    /// An unfinished line that is `safe`, but for what is left on it of an earlier state.
    fn store_unfinished(&mut self, line: Line<'_>, safe: Scrubbed, now: Timestamp, out: &mut Vec<Recorded>) {
        let mut masked = Vec::new();
        let safe = match self.uncover(line, &mut masked) {
            None => safe,
            Some(text) => {
                let mut scrubbed = self.scrubber.scrub_left(&self.flushed, &text);
                add(&mut scrubbed.masked, masked);
                scrubbed
            }
        };
        self.entries.store(safe, line.cut, now, out);
    }

    /// The line's text with the ends of secrets hidden whose beginnings were written over. None when there are none.
    fn uncover(&mut self, line: Line<'_>, masked: &mut Vec<Masked>) -> Option<String> {
        let mut text = String::new();
        let mut from = 0;
        for left in line.left {
            let scrubbed = self.scrubber.scrub_left(&left.before, &left.text);
            let end = left.at + left.text.len();
            if scrubbed.masked.is_empty() || left.at < from || line.text.get(left.at..end) != Some(&left.text) {
                continue;
            }
            text.push_str(&line.text[from..left.at]);
            text.push_str(scrubbed.text.as_str());
            masked.extend(scrubbed.masked);
            from = end;
        }
        (from > 0).then(|| text + &line.text[from..])
    }
}

/// What every entry of the stream has.
#[derive(Debug)]
struct Entries {
    source: Source,
    phase: Option<Phase>,
    display_limit: usize,
}

impl Entries {
    fn store(&self, scrubbed: Scrubbed, beyond: Option<u64>, now: Timestamp, out: &mut Vec<Recorded>) {
        let full = beyond.unwrap_or(scrubbed.text.len() as u64);
        // Redact first, shorten second: half a key matches no rule. Where the scan itself ended inside the line, a
        // secret may stand cut there, so that the end of what was scanned is never shown.
        let limit = match beyond {
            Some(_) => self.display_limit.min(scrubbed.text.len().saturating_sub(SCAN_EDGE)),
            None => self.display_limit,
        };
        let cut = (beyond.is_some() || scrubbed.text.len() > limit).then_some(full);
        let text = scrubbed.text.shortened(limit);
        let class = classify(text.as_str());
        out.push(self.line(text, class, cut, scrubbed.masked, now));
    }

    fn line(
        &self,
        text: SafeText,
        class: Option<Class>,
        cut: Option<u64>,
        masked: Vec<Masked>,
        now: Timestamp,
    ) -> Recorded {
        Recorded {
            ts: now,
            phase: self.phase.clone(),
            event: LogEvent::Line {
                source: self.source,
                text,
                class,
                cut,
                masked,
            },
        }
    }
}

fn add(masked: &mut Vec<Masked>, more: Vec<Masked>) {
    for hidden in more {
        match masked.iter_mut().find(|known| known.rule == hidden.rule) {
            Some(known) => known.count = known.count.saturating_add(hidden.count),
            None => masked.push(hidden),
        }
    }
}
