//! The bounded window of rows of a command on a pseudo-terminal: tools there move up and rewrite what they wrote.
//!
//! A row is final when it leaves the window at the top, when the screen is cleared (a log keeps what a terminal
//! forgets), after a quiet moment, and at the end. A row shown after a quiet moment and changed later is shown again.

use std::collections::VecDeque;

use crate::ansi::Sink;
use crate::row::{Row, width};

/// One row and what of it was already shown.
#[derive(Debug, Default)]
struct Shown {
    row: Row,
    /// The text that went out after a quiet moment.
    text: Option<String>,
    /// A newline went past it: blank or not, it is a line. Rows the cursor only jumped over are none.
    passed: bool,
}

impl Shown {
    fn is_a_line(&self) -> bool {
        self.passed || self.row.wrapped || !self.row.is_untouched()
    }
}

/// A line that is final.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Final {
    pub(crate) text: String,
    pub(crate) full: u64,
    pub(crate) continues: bool,
}

/// The rows a command can still reach, and the cursor.
#[derive(Debug)]
pub(crate) struct Window {
    rows: VecDeque<Shown>,
    height: usize,
    columns: usize,
    row: usize,
    column: usize,
    /// The cursor was sent to the first place by name, and nothing happened since.
    home: bool,
    saved: (usize, usize),
    /// Rows that left while their text went on in the next one: joined here, at most `limit` bytes.
    joined: String,
    joined_beyond: u64,
    joined_shown: String,
    joining: bool,
    /// Something is joined that has not gone out.
    unended: bool,
    limit: usize,
    finals: VecDeque<Final>,
}

impl Window {
    /// A window of `height` rows of `columns`; a line joined of wrapped rows keeps `limit` bytes.
    pub(crate) fn new(height: usize, columns: usize, limit: usize) -> Self {
        let mut rows = VecDeque::with_capacity(height.max(1));
        rows.push_back(Shown::default());
        Self {
            rows,
            height: height.max(1),
            columns: columns.max(2),
            row: 0,
            column: 0,
            home: false,
            saved: (0, 0),
            joined: String::new(),
            joined_beyond: 0,
            joined_shown: String::new(),
            joining: false,
            unended: false,
            limit,
            finals: VecDeque::new(),
        }
    }

    /// The next line that is final, in the order they became so.
    pub(crate) fn next_final(&mut self) -> Option<Final> {
        self.finals.pop_front()
    }

    /// The cursor goes to the next row; the first one leaves when there is no room.
    pub(crate) fn newline(&mut self) {
        let current = self.current();
        current.row.wrapped = false;
        current.passed = true;
        self.home = false;
        self.row_down();
        // The kernel writes CR LF for a newline; a bare LF keeps its column, as on a terminal.
    }

    fn row_down(&mut self) {
        if self.row + 1 < self.height {
            self.row += 1;
            while self.rows.len() <= self.row {
                self.rows.push_back(Shown::default());
            }
        } else {
            self.leave();
            self.rows.push_back(Shown::default());
        }
    }

    /// Shows every row that was not shown as it is now, without moving anything: for a quiet moment.
    pub(crate) fn show(&mut self) {
        let last = self.last_used();
        let mut at = 0;
        let mut text = std::mem::take(&mut self.joined);
        let mut shown = std::mem::take(&mut self.joined_shown);
        let mut beyond = std::mem::take(&mut self.joined_beyond);
        let mut joining = std::mem::take(&mut self.joining);
        while at <= last {
            let entry = &mut self.rows[at];
            if !entry.is_a_line() {
                at += 1;
                continue;
            }
            let mut own = String::new();
            beyond += entry.row.write_to(&mut own);
            if let Some(before) = entry.text.replace(own.clone()) {
                shown.push_str(&before);
                joining = true;
            }
            append(&mut text, &own, self.limit, &mut beyond);
            if !(entry.row.wrapped && at < last) {
                push(
                    &mut self.finals,
                    std::mem::take(&mut text),
                    beyond,
                    joining.then_some(shown.as_str()),
                );
                text.clear();
                shown.clear();
                beyond = 0;
                joining = false;
            }
            at += 1;
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
        let last = self.last_used();
        let mut own = String::new();
        self.rows.iter().take(last + 1).any(|entry| {
            own.clear();
            entry.row.write_to(&mut own);
            match &entry.text {
                Some(text) => *text != own,
                None => entry.is_a_line(),
            }
        })
    }

    /// Everything leaves: the end, or a cleared screen. The cursor keeps its place on an empty window.
    pub(crate) fn leave_all(&mut self) {
        let last = self.last_used();
        for at in 0..=last {
            if at == last {
                self.rows[0].row.wrapped = false;
            }
            self.leave();
        }
        // A line whose next row never came.
        self.end_joined();
        self.rows.clear();
        self.rows.resize_with(self.row + 1, Shown::default);
    }

    /// The first row leaves for good.
    fn leave(&mut self) {
        let Some(entry) = self.rows.pop_front() else { return };
        if !entry.is_a_line() {
            return self.end_joined();
        }
        let Shown { row, text, .. } = entry;
        let mut own = String::new();
        self.joined_beyond += row.write_to(&mut own);
        if let Some(text) = &text {
            self.joined_shown.push_str(text);
            self.joining = true;
        }
        append(&mut self.joined, &own, self.limit, &mut self.joined_beyond);
        self.unended = true;
        if !row.wrapped {
            self.end_joined();
        }
    }

    /// What was joined is a line.
    fn end_joined(&mut self) {
        if !std::mem::take(&mut self.unended) {
            return;
        }
        let shown = std::mem::take(&mut self.joined_shown);
        let was_shown = std::mem::take(&mut self.joining).then_some(shown.as_str());
        push(
            &mut self.finals,
            std::mem::take(&mut self.joined),
            std::mem::take(&mut self.joined_beyond),
            was_shown,
        );
    }

    /// The last row something was written to or that a newline went past; the cursor's row at least.
    fn last_used(&self) -> usize {
        let used = self
            .rows
            .iter()
            .rposition(|entry| !entry.row.is_untouched())
            .unwrap_or(0);
        used.max(self.row).min(self.rows.len() - 1)
    }

    fn current(&mut self) -> &mut Shown {
        while self.rows.len() <= self.row {
            self.rows.push_back(Shown::default());
        }
        &mut self.rows[self.row]
    }

    fn go(&mut self, row: usize, column: usize) {
        self.home = false;
        self.row = row.min(self.height - 1);
        self.column = column.min(self.columns - 1);
        self.current();
    }

    fn clear(&mut self) {
        self.leave_all();
    }
}

/// Joins wrapped rows up to the limit.
fn append(line: &mut String, more: &str, limit: usize, beyond: &mut u64) {
    let room = limit.saturating_sub(line.len());
    let end = more.floor_char_boundary(room.min(more.len()));
    line.push_str(&more[..end]);
    *beyond += (more.len() - end) as u64;
}

/// Hands a line out, or what of it was not shown after a quiet moment.
fn push(finals: &mut VecDeque<Final>, text: String, beyond: u64, shown: Option<&str>) {
    let full = text.len() as u64 + beyond;
    match shown {
        None => finals.push_back(Final {
            text,
            full,
            continues: false,
        }),
        Some(shown) => match text.strip_prefix(shown) {
            Some("") => {}
            // What was typed after a prompt, say: the prompt itself is stored once.
            Some(rest) if !shown.is_empty() => {
                finals.push_back(Final {
                    text: rest.to_owned(),
                    full: rest.len() as u64 + beyond,
                    continues: true,
                });
            }
            _ => finals.push_back(Final {
                text,
                full,
                continues: false,
            }),
        },
    }
}

impl Sink for Window {
    fn text(&mut self, text: &str) {
        self.home = false;
        for c in text.chars() {
            if self.column + width(c) > self.columns {
                self.current().row.wrapped = true;
                self.column = 0;
                self.row_down();
            }
            let (column, columns) = (self.column, self.columns);
            self.column = self.current().row.put(column, c, columns);
        }
    }

    fn control(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.min(self.columns - 1).saturating_sub(1),
            b'\t' => self.column = ((self.column / 8 + 1) * 8).min(self.columns - 1),
            0x0b | 0x0c => self.newline(),
            _ => {}
        }
    }

    fn csi(&mut self, first: u16, second: u16, private: bool, action: u8) {
        if private {
            // Entering and leaving the other screen: what stood here stays in the log, and the window starts empty.
            if matches!((first, action), (47 | 1047 | 1049, b'h' | b'l')) {
                self.clear();
            }
            return;
        }
        let count = usize::from(first.max(1));
        let (row, column, columns) = (self.row, self.column.min(self.columns - 1), self.columns);
        match action {
            b'A' => self.go(row.saturating_sub(count), column),
            b'B' | b'e' => self.go(row + count, column),
            b'C' | b'a' => self.go(row, column + count),
            b'D' => self.go(row, column.saturating_sub(count)),
            b'E' => self.go(row + count, 0),
            b'F' => self.go(row.saturating_sub(count), 0),
            b'G' | b'`' => self.go(row, count - 1),
            b'd' => self.go(count - 1, column),
            b'H' | b'f' => {
                self.go(count - 1, usize::from(second.max(1)) - 1);
                self.home = count == 1 && second <= 1;
            }
            b'J' => match first {
                // Going to the first place and erasing all below it is how many tools clear the screen.
                0 if self.home => self.clear(),
                0 => {
                    self.current().row.erase_from(column);
                    self.rows.truncate(row + 1);
                }
                2 | 3 => self.clear(),
                _ => {}
            },
            b'K' => {
                let current = &mut self.current().row;
                match first {
                    0 => current.erase_from(column),
                    1 => current.erase(0, column + 1),
                    2 => current.erase_from(0),
                    _ => {}
                }
            }
            b'P' => self.current().row.delete(column, count),
            b'X' => self.current().row.erase(column, column + count),
            b'@' => self.current().row.insert(column, count, columns),
            b'L' => {
                for _ in 0..count.min(self.height - row) {
                    self.rows.insert(row, Shown::default());
                }
                self.rows.truncate(self.height);
            }
            b'M' => {
                let end = (row + count).min(self.rows.len());
                self.rows.drain(row..end);
                self.current();
            }
            b's' => self.saved = (row, column),
            b'u' => self.go(self.saved.0, self.saved.1),
            _ => {}
        }
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'7' => self.saved = (self.row, self.column),
            b'8' => self.go(self.saved.0, self.saved.1),
            b'c' => {
                self.clear();
                self.go(0, 0);
            }
            b'D' => self.newline(),
            b'E' => {
                self.newline();
                self.column = 0;
            }
            b'M' => self.row = self.row.saturating_sub(1),
            _ => {}
        }
    }

    fn beyond(&mut self, _bytes: u64) {}
}
