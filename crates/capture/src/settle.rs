//! Which rows of the window went out already, and which may: a log is live, and shows no state of a progress twice.
//!
//! A tool that never goes back to a row it left has finished each row with its newline. One that does shows how far
//! it goes back; rows beyond that reach are finished too. Within its reach a row is held until it stood still.

use std::collections::VecDeque;

use log_model::Class;

use crate::classify::classify;
use crate::row::Row;
use crate::under::Left;
use crate::window::Window;

/// One row and what of it was already shown.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) row: Row,
    /// What went out before the row left.
    text: Option<String>,
    /// Written to since it went out, or since it was made.
    pub(crate) changed: bool,
    /// What stood here when stillness was last asked about, and how many times before without a change.
    seen: Option<String>,
    still: u8,
    /// A newline went past it.
    pub(crate) passed: bool,
}

/// A line that is final.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Final {
    pub(crate) text: String,
    pub(crate) full: u64,
    /// What of the line went out before; its text goes on from there.
    pub(crate) before: Option<String>,
    /// What of the text is left of what stood there before.
    pub(crate) left: Vec<Left>,
}

/// Rows that left while their text went on in the next one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Joined {
    text: String,
    beyond: u64,
    left: Vec<Left>,
    shown: String,
    /// Some of it was shown.
    was_shown: bool,
    /// Something of it has not gone out.
    unended: bool,
}

impl Joined {
    fn add(&mut self, entry: &Shown, limit: usize) {
        let mut own = String::new();
        self.beyond += entry.row.write_to(&mut own);
        if let Some(text) = &entry.text {
            self.shown.push_str(text);
            self.was_shown = true;
        }
        self.add_left(entry, &own);
        let room = limit.saturating_sub(self.text.len());
        let end = own.floor_char_boundary(room.min(own.len()));
        self.text.push_str(&own[..end]);
        self.beyond += (own.len() - end) as u64;
        self.unended = true;
    }

    /// What is left on a row is judged with the rows before it, and goes on in the next one.
    fn add_left(&mut self, entry: &Shown, own: &str) {
        let length = self.text.len();
        for left in self.left.iter_mut().filter(|left| left.at + left.text.len() == length) {
            left.text.push_str(own);
        }
        for left in entry.row.left() {
            self.left.push(Left {
                at: length + left.at,
                before: self.text.clone() + &left.before,
                text: left.text,
            });
        }
    }

    /// The line, or what of it was not shown; none when all of it was.
    fn end(self) -> Option<Final> {
        let full = self.text.len() as u64 + self.beyond;
        if self.was_shown
            && let Some(rest) = self.text.strip_prefix(&self.shown)
        {
            if rest.is_empty() {
                return None;
            }
            // What was typed after a prompt, say: the prompt itself is stored once.
            if !self.shown.is_empty() {
                let text = rest.to_owned();
                let shown = self.shown.len();
                let left = self.left.into_iter().filter_map(|left| behind(left, shown)).collect();
                return Some(Final {
                    full: text.len() as u64 + self.beyond,
                    text,
                    before: Some(self.shown),
                    left,
                });
            }
        }
        Some(Final {
            text: self.text,
            full,
            before: None,
            left: self.left,
        })
    }
}

/// What of it stands behind the first bytes, which went out before.
fn behind(mut left: Left, shown: usize) -> Option<Left> {
    let Some(at) = left.at.checked_sub(shown) else {
        let rest = left.text.split_off((shown - left.at).min(left.text.len()));
        left.before.push_str(&left.text);
        (left.at, left.text) = (0, rest);
        return (!left.text.is_empty()).then_some(left);
    };
    left.at = at;
    Some(left)
}

/// How often a row within a tool's reach is found still before it goes out: a finished task at the head of a list.
const STILL_IN_REACH: u8 = 10;

/// A tool that did not go back for so many moments while rows waited is over, or draws no more.
const IDLE: u8 = 5;

/// How many of the last times a tool went back are remembered.
const REMEMBERED: usize = 8;

/// How far back a tool goes to rewrite rows it had left.
#[derive(Debug)]
pub(crate) struct Reach {
    /// The row the text has come to by newlines.
    low: usize,
    /// The highest row it changed, each of the last times it went back.
    tops: VecDeque<usize>,
    /// It moved up after it had written text: what it changes next is another time.
    again: bool,
    wrote: bool,
    /// Moments since the last time.
    idle: u8,
    /// It announced that it will draw, and has this many moments left to show how far it goes back.
    learning: u8,
    /// It had them.
    learned: bool,
}

impl Reach {
    pub(crate) fn new() -> Self {
        Self {
            low: 0,
            tops: VecDeque::with_capacity(REMEMBERED),
            again: true,
            wrote: false,
            idle: 0,
            learning: 0,
            learned: false,
        }
    }

    pub(crate) fn resize(&mut self, height: usize) {
        self.low = self.low.min(height - 1);
    }

    pub(crate) fn newline(&mut self, row: usize) {
        self.low = self.low.max(row);
    }

    /// A row left at the top; those below moved up.
    pub(crate) fn left(&mut self) {
        for top in &mut self.tops {
            *top = top.saturating_sub(1);
        }
    }

    pub(crate) fn moved_up(&mut self) {
        self.again |= std::mem::take(&mut self.wrote);
    }

    pub(crate) fn wrote(&mut self) {
        self.wrote = true;
    }

    pub(crate) fn edit(&mut self, row: usize) {
        if row >= self.low {
            return;
        }
        self.idle = 0;
        self.learning = 0;
        match self.tops.back_mut() {
            Some(top) if !self.again => *top = row.min(*top),
            _ => {
                if self.tops.len() == REMEMBERED {
                    self.tops.pop_front();
                }
                self.tops.push_back(row);
                self.again = false;
            }
        }
    }

    pub(crate) fn erased_below(&mut self, row: usize) {
        self.low = self.low.min(row);
    }

    pub(crate) fn clear(&mut self) {
        self.low = 0;
        self.tops.clear();
    }

    /// The cursor is hidden, or changes are to be shown at once.
    pub(crate) fn begins_to_draw(&mut self) {
        if self.tops.is_empty() && !self.learned {
            self.learning = 2;
        }
    }

    /// The cursor is back: whoever hides it next may be another tool.
    pub(crate) fn ends_to_draw(&mut self) {
        self.learned = false;
    }

    fn still_moment(&mut self) {
        if self.learning > 0 {
            self.learning -= 1;
            self.learned = self.learning == 0;
        }
        self.idle = self.idle.saturating_add(1);
        if self.idle > IDLE {
            self.tops.clear();
        }
    }

    fn draws(&self) -> bool {
        self.learning > 0 || !self.tops.is_empty()
    }

    /// The rows before this one are beyond its reach.
    fn end(&self) -> usize {
        if self.learning > 0 {
            return 0;
        }
        self.tops.iter().copied().min().unwrap_or(self.low)
    }
}

/// What is known of a line that may be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// How often it was found still.
    still: u8,
    /// A newline went past it.
    passed: bool,
}

/// What is asked to go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// Rows a newline went past that are beyond the tool's reach.
    Left,
    /// And those that stood still since the last time this was asked; within its reach, for long.
    Still,
    /// Everything that is no state of a progress display, the unfinished row included.
    Quiet,
    /// Everything.
    All,
}

impl Window {
    /// Shows what is settled, from the top, up to the first row that is not: a log keeps the order of the screen.
    pub(crate) fn settle(&mut self, what: Settled) {
        let draws = self.reach.draws();
        let beyond = self.reach.end();
        match what {
            Settled::All => self.show(self.rows.len(), |_, _, _| true),
            Settled::Left => self.show(beyond.min(self.row), |_, look, text| look.passed && !is_progress(text)),
            Settled::Quiet => {
                let cursor = self.row;
                self.show(self.rows.len(), |at, _, text| {
                    !is_progress(text) || at < cursor && !draws
                });
            }
            Settled::Still => {
                self.look_for_stillness();
                self.show(self.row, |_, look, text| {
                    look.passed
                        && if draws {
                            look.still >= STILL_IN_REACH && !is_progress(text)
                        } else {
                            look.still > 0
                        }
                });
                self.reach.still_moment();
            }
        }
    }

    fn look_for_stillness(&mut self) {
        let mut text = String::new();
        for entry in self.rows.iter_mut().skip(self.settled) {
            text.clear();
            entry.row.write_to(&mut text);
            if entry.seen.as_deref() == Some(text.as_str()) {
                entry.still = entry.still.saturating_add(1);
            } else {
                entry.still = 0;
                entry.seen = Some(text.clone());
            }
        }
    }

    /// Whether rows above the cursor wait to be settled.
    pub(crate) fn waits(&self) -> bool {
        self.rows
            .iter()
            .take(self.row)
            .skip(self.settled)
            .any(|entry| !entry.row.is_untouched())
    }

    /// Shows lines from the top that end before row `end` and were not shown as they are now, as long as `may` says
    /// so of a line's last row, what is known of it, and its text.
    pub(crate) fn show(&mut self, end: usize, may: impl Fn(usize, Look, &str) -> bool) {
        // Blank rows wait for what follows them: they may only be there to push the screen away.
        let Some(last) = self.last_written() else { return };
        let mut at = self.settled;
        // A line that begins before: all of it is judged and shown again.
        while at > 0 && self.rows[at - 1].row.wrapped {
            at -= 1;
        }
        while at < end && at <= last {
            let first = at;
            let mut line = if first == 0 {
                self.joined.clone()
            } else {
                Joined::default()
            };
            let mut changed = line.unended;
            let mut look = Look {
                still: u8::MAX,
                passed: false,
            };
            loop {
                let entry = &self.rows[at];
                changed |= entry.changed || entry.text.is_none();
                look.still = look.still.min(entry.still);
                // One the cursor was only moved away from may be half of a word; there is none on a blank one.
                look.passed = entry.passed || entry.row.is_blank();
                line.add(entry, self.limit);
                if !entry.row.wrapped || at >= last {
                    break;
                }
                at += 1;
            }
            if at >= end || changed && !may(at, look, &line.text) {
                return;
            }
            at += 1;
            self.settled = at;
            if !changed {
                continue;
            }
            if first == 0 {
                self.joined = Joined::default();
            }
            for entry in self.rows.range_mut(first..at) {
                let mut own = entry.text.take().unwrap_or_default();
                own.clear();
                entry.row.write_to(&mut own);
                entry.text = Some(own);
                entry.changed = false;
            }
            self.finals.extend(line.end());
        }
    }

    /// The text of the row the cursor stands on: what a quiet moment would show last.
    pub(crate) fn current_text(&self) -> String {
        let mut text = String::new();
        if let Some(entry) = self.rows.get(self.row) {
            entry.row.write_to(&mut text);
        }
        text
    }

    /// Whether a quiet moment would show anything new.
    pub(crate) fn has_unshown(&self) -> bool {
        let used = self.last_written().map_or(0, |last| last + 1);
        let mut own = String::new();
        self.rows.iter().take(used).skip(self.settled).any(|entry| {
            own.clear();
            entry.row.write_to(&mut own);
            match &entry.text {
                Some(text) => *text != own,
                None => !own.is_empty(),
            }
        })
    }

    /// A row leaves for good.
    pub(crate) fn leave(&mut self, at: usize) {
        let Some(entry) = self.rows.remove(at) else { return };
        self.reach.left();
        if at < self.settled {
            self.settled -= 1;
        }
        if at > 0 {
            // Scrolled out from below rows that stay: a line of its own, after all that left before.
            self.end_joined();
            if entry.changed || entry.text.is_none() {
                let mut joined = Joined::default();
                joined.add(&entry, self.limit);
                self.finals.extend(joined.end());
            }
            return;
        }
        if !entry.changed && entry.text.is_some() && !entry.row.wrapped && !self.joined.unended {
            return;
        }
        self.joined.add(&entry, self.limit);
        if !entry.row.wrapped {
            self.end_joined();
        }
    }

    /// What was joined is a line.
    pub(crate) fn end_joined(&mut self) {
        if self.joined.unended {
            let joined = std::mem::take(&mut self.joined);
            self.finals.extend(joined.end());
        }
    }
}

fn is_progress(text: &str) -> bool {
    classify(text) == Some(Class::Progress)
}
