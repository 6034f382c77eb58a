//! What a command asks of the window: text, controls and sequences, and what each does to rows and cursor.

use super::Window;
use super::cursor::{Modes, Tabs};
use crate::ansi::Sink;
use crate::row::Row;
use crate::settle::Shown;
use crate::width::width;

impl Window {
    /// Every place on the screen shows the same letter: a picture to adjust a tube by.
    fn fill(&mut self) {
        let (row, column) = (self.row, self.column);
        for at in 0..self.height {
            self.row = at;
            let columns = self.columns;
            self.edit().put_ascii(0, &"E".repeat(columns));
            self.break_line_before(at);
        }
        (self.row, self.column) = (row, column);
        self.home = false;
    }

    fn put(&mut self, c: char) {
        let width = width(c);
        if width == 0 && self.column == 0 {
            // Nothing stands before it that it could combine with.
            return;
        }
        if self.column + width > self.columns {
            if self.modes.wraps {
                let columns = self.columns;
                let row = self.edit();
                // A row that was blanked under a waiting cursor is not what the next one goes on with.
                row.wrapped = row.reaches(columns - (width - 1));
                self.column = 0;
                self.index();
                self.reach.newline(self.row);
            } else {
                self.column = self.columns - width;
            }
        }
        let (column, columns, inserts) = (self.column, self.columns, self.modes.inserts);
        let row = self.edit();
        if inserts && width > 0 {
            row.insert(column, width, columns);
        }
        self.column = row.put(column, c, columns);
    }

    /// Takes something from the cursor's row; left blank, it goes on with nothing from above.
    fn erase(&mut self, change: impl FnOnce(&mut Row)) {
        let row = self.edit();
        change(row);
        if row.is_erased() {
            row.erase_from(0);
            self.break_line_before(self.row);
        }
    }

    fn erase_display(&mut self, what: u16, column: usize) {
        match what {
            // Going to the first place and erasing all below it is how many tools clear the screen.
            0 if self.home => self.clear(),
            0 => {
                let row = self.row;
                if column < self.columns {
                    self.erase(|row| row.erase_from(column));
                }
                self.break_line_before(row + 1);
                self.rows.truncate(row + 1);
                self.reach.erased_below(row);
            }
            // Rows above the cursor are cleared away whole: they stay in the log.
            1 => {
                let row = self.row;
                for left in (0..row).rev() {
                    if left == 0 {
                        self.rows[0].row.wrapped = false;
                    }
                    self.leave(0);
                }
                for _ in 0..row {
                    self.rows.push_front(Shown::default());
                }
                self.settled = 0;
                self.erase(|row| row.erase(0, column.saturating_add(1)));
            }
            2 | 3 => self.clear(),
            _ => {}
        }
    }

    fn private(&mut self, mode: u16, on: bool) {
        match mode {
            6 => {
                self.modes.within = on;
                self.go_home();
            }
            7 => self.modes.wraps = on,
            // A tool that hides the cursor, or asks for its changes to be shown at once, is about to draw.
            25 if on => self.reach.ends_to_draw(),
            25 => self.reach.begins_to_draw(),
            2026 if on => self.reach.begins_to_draw(),
            47 | 1047 | 1049 if on => self.enter_other(),
            47 | 1047 | 1049 => self.leave_other(),
            _ => {}
        }
    }
}

impl Sink for Window {
    fn text(&mut self, text: &str) {
        self.home = false;
        self.reach.wrote();
        let plain = !self.modes.inserts && !self.modes.charsets.draws_lines();
        if plain && text.is_ascii() && self.column + text.len() <= self.columns {
            let column = self.column;
            self.edit().put_ascii(column, text);
            self.column += text.len();
            self.last = text.chars().next_back();
            return;
        }
        for c in text.chars() {
            self.put(self.modes.charsets.shown(c));
            if width(c) > 0 {
                self.last = Some(c);
            }
        }
    }

    fn control(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            0x08 => {
                self.home = false;
                self.column = self.column.min(self.columns - 1).saturating_sub(1);
            }
            b'\t' => {
                self.home = false;
                self.column = self.tabs.after(self.column, self.columns - 1);
            }
            0x0b | 0x0c => self.newline(),
            0x0e => self.modes.charsets.second = true,
            0x0f => self.modes.charsets.second = false,
            _ => {}
        }
    }

    fn csi(&mut self, first: u16, second: u16, private: bool, action: u8) {
        if private {
            if matches!(action, b'h' | b'l') {
                self.private(first, action == b'h');
                self.private(second, action == b'h');
            }
            return;
        }
        let count = usize::from(first.max(1));
        let step = isize::try_from(count).unwrap_or(isize::MAX);
        let (row, columns) = (self.row, self.columns);
        // Behind the last column stands nothing: what erases from there on erases nothing.
        let behind = self.column;
        let column = behind.min(columns - 1);
        match action {
            b'A' => self.go_by(-step, column),
            b'B' | b'e' => self.go_by(step, column),
            b'C' | b'a' => self.go(row, column + count),
            b'D' => self.go(row, column.saturating_sub(count)),
            b'E' => self.go_by(step, 0),
            b'F' => self.go_by(-step, 0),
            b'G' | b'`' => self.go(row, count - 1),
            b'I' => {
                let after = (0..count.min(columns)).fold(column, |at, _| self.tabs.after(at, columns - 1));
                self.go(row, after);
            }
            b'Z' => {
                let before = (0..count.min(columns)).fold(column, |at, _| self.tabs.before(at));
                self.go(row, before);
            }
            b'g' => match first {
                0 => self.tabs.clear(column),
                3 => self.tabs.clear_all(),
                _ => {}
            },
            b'd' => self.go_to(count - 1, column),
            b'H' | b'f' => {
                self.go_to(count - 1, usize::from(second.max(1)) - 1);
                self.home = (self.row, self.column) == (0, 0);
            }
            b'J' => self.erase_display(first, behind),
            b'K' => match first {
                0 if behind < columns => self.erase(|row| row.erase_from(column)),
                1 => self.erase(|row| row.erase(0, column + 1)),
                2 => self.erase(|row| row.erase_from(0)),
                _ => {}
            },
            b'P' if behind < columns => self.erase(|row| row.delete(column, count)),
            b'X' if behind < columns => self.erase(|row| row.erase(column, column + count)),
            b'@' if behind < columns => self.erase(|row| row.insert(column, count, columns)),
            b'b' => {
                if let Some(c) = self.last {
                    self.home = false;
                    for _ in 0..count.min(columns * self.height) {
                        self.put(self.modes.charsets.shown(c));
                    }
                }
            }
            b'L' if (self.region.0..=self.region.1).contains(&row) => {
                self.scroll_down(row, count);
                self.column = 0;
            }
            b'M' if (self.region.0..=self.region.1).contains(&row) => {
                let bottom = self.region.1;
                self.break_line_before(row);
                self.break_line_before(bottom + 1);
                self.settled = self.settled.min(row);
                for _ in 0..count.min(bottom + 1 - row) {
                    if row < self.rows.len() {
                        self.rows.remove(row);
                    }
                    if bottom < self.rows.len() {
                        self.rows.insert(bottom, Shown::default());
                    }
                }
                self.reach.edit(row);
                self.at_cursor();
                self.column = 0;
            }
            b'S' => self.scroll_up(count),
            b'T' => self.scroll_down(self.region.0, count),
            b'r' => {
                let bottom = match second {
                    0 => self.height,
                    row => usize::from(row).min(self.height),
                };
                if count < bottom {
                    self.region = (count - 1, bottom - 1);
                    self.go_home();
                }
            }
            b'h' if first == 4 => self.modes.inserts = true,
            b'l' if first == 4 => self.modes.inserts = false,
            b's' => self.save(),
            b'u' => self.restore(),
            _ => {}
        }
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'7' => self.save(),
            b'8' => self.restore(),
            b'c' => {
                self.clear();
                self.modes = Modes::default();
                self.tabs = Tabs::default();
                self.region = (0, self.height - 1);
                self.go_home();
            }
            b'D' => {
                self.column = self.column.min(self.columns - 1);
                self.newline();
            }
            b'E' => {
                self.newline();
                self.column = 0;
            }
            b'H' => self.tabs.set(self.column.min(self.columns - 1)),
            b'M' => self.reverse_index(),
            _ => {}
        }
    }

    fn charset(&mut self, slot: u8, set: u8) {
        match slot {
            b'(' => self.modes.charsets.lines[0] = set == b'0',
            b')' => self.modes.charsets.lines[1] = set == b'0',
            b'#' if set == b'8' => self.fill(),
            _ => {}
        }
    }

    fn beyond(&mut self, _bytes: u64) {}
}
