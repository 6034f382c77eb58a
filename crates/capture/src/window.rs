//! The bounded window of rows of a command on a pseudo-terminal: tools there move up and rewrite what they wrote.
//!
//! The window behaves as a terminal's screen does, and a log keeps what a terminal forgets: a row is final when it
//! leaves at the top, when the screen is cleared, and at the end. What goes out earlier, because it is settled, is
//! [`crate::settle`]'s to say.

use std::collections::VecDeque;

use crate::ansi::Sink;
use crate::row::Row;
use crate::settle::{Final, Joined, Reach, Shown};
use crate::width::width;

/// The rows a command can still reach, and the cursor.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) rows: VecDeque<Shown>,
    height: usize,
    columns: usize,
    pub(crate) row: usize,
    column: usize,
    /// The first and last row of what scrolls.
    region: (usize, usize),
    /// The cursor was sent to the first place by name, and nothing happened since.
    home: bool,
    saved: Saved,
    modes: Modes,
    tabs: Tabs,
    /// The rows of the first screen while the command draws on the other one.
    other: Option<Box<(VecDeque<Shown>, Saved)>>,
    /// The last character written: what a repetition repeats.
    last: Option<char>,
    pub(crate) joined: Joined,
    pub(crate) limit: usize,
    /// The rows before this one went out as they are.
    pub(crate) settled: usize,
    pub(crate) reach: Reach,
    pub(crate) finals: VecDeque<Final>,
}

/// Where the cursor stood, and which characters were meant.
#[derive(Debug, Clone, Copy, Default)]
struct Saved {
    row: usize,
    column: usize,
    charsets: Charsets,
    wraps: bool,
    within: bool,
}

/// Which of the two character sets draw lines, and which one is in use.
#[derive(Debug, Clone, Copy, Default)]
struct Charsets {
    lines: [bool; 2],
    second: bool,
}

impl Charsets {
    fn draws_lines(self) -> bool {
        self.lines[usize::from(self.second)]
    }

    /// What is shown for a character.
    fn shown(self, c: char) -> char {
        if self.draws_lines() { drawn(c) } else { c }
    }
}

/// How characters are put.
#[derive(Debug, Clone, Copy)]
struct Modes {
    /// Text goes on in the next row at the right margin.
    wraps: bool,
    /// What stands behind the cursor moves right.
    inserts: bool,
    /// Rows are counted from the first of what scrolls, and none outside of it can be named.
    within: bool,
    charsets: Charsets,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            wraps: true,
            inserts: false,
            within: false,
            charsets: Charsets::default(),
        }
    }
}

/// Where a tab stops: at every eighth column, until somebody sets stops of their own.
#[derive(Debug, Default)]
struct Tabs(Option<Vec<usize>>);

impl Tabs {
    /// The next stop behind `column`, or the `last` column.
    fn after(&self, column: usize, last: usize) -> usize {
        let next = match &self.0 {
            None => Some((column / 8 + 1) * 8),
            Some(stops) => stops.iter().copied().find(|stop| *stop > column),
        };
        next.map_or(last, |next| next.min(last))
    }

    /// The last stop before `column`, or the first column.
    fn before(&self, column: usize) -> usize {
        match &self.0 {
            None => column.saturating_sub(1) / 8 * 8,
            Some(stops) => stops.iter().copied().rfind(|stop| *stop < column).unwrap_or(0),
        }
    }

    fn own(&mut self) -> &mut Vec<usize> {
        /// No terminal is wider.
        const WIDEST: usize = u16::MAX as usize;
        self.0.get_or_insert_with(|| (8..WIDEST).step_by(8).collect())
    }

    fn set(&mut self, column: usize) {
        let stops = self.own();
        if let Err(at) = stops.binary_search(&column) {
            stops.insert(at, column);
        }
    }

    fn clear(&mut self, column: usize) {
        self.own().retain(|stop| *stop != column);
    }

    fn clear_all(&mut self) {
        self.0 = Some(Vec::new());
    }
}

impl Window {
    /// A window of `height` rows of `columns`; a line joined of wrapped rows keeps `limit` bytes.
    pub(crate) fn new(height: usize, columns: usize, limit: usize) -> Self {
        let height = height.max(1);
        let mut rows = VecDeque::with_capacity(height);
        rows.push_back(Shown::default());
        Self {
            rows,
            height,
            columns: columns.max(2),
            row: 0,
            column: 0,
            region: (0, height - 1),
            home: false,
            saved: Saved::default(),
            modes: Modes::default(),
            tabs: Tabs::default(),
            other: None,
            last: None,
            joined: Joined::default(),
            limit,
            settled: 0,
            reach: Reach::new(),
            finals: VecDeque::new(),
        }
    }

    /// The terminal has another size. Rows that have no room any more leave at the top; no row is broken anew.
    pub(crate) fn resize(&mut self, height: usize, columns: usize) {
        self.height = height.max(1);
        self.columns = columns.max(2);
        self.region = (0, self.height - 1);
        self.reach.resize(self.height);
        while self.row >= self.height {
            self.leave(0);
            self.row -= 1;
        }
        self.rows.truncate(self.height);
        self.column = self.column.min(self.columns);
        self.saved.row = self.saved.row.min(self.height - 1);
        self.saved.column = self.saved.column.min(self.columns - 1);
    }

    /// The next line that is final, in the order they became so.
    pub(crate) fn next_final(&mut self) -> Option<Final> {
        self.finals.pop_front()
    }

    /// The cursor goes to the next row; the first one leaves when there is no room. A bare newline keeps the column,
    /// as on a terminal: the kernel writes CR LF for those of the command.
    pub(crate) fn newline(&mut self) {
        let current = self.at_cursor();
        if current.row.wrapped {
            current.row.wrapped = false;
            current.changed = true;
        }
        current.passed = true;
        self.home = false;
        self.index();
        self.reach.newline(self.row);
    }

    /// One row down; at the end of what scrolls, that scrolls.
    fn index(&mut self) {
        if self.row == self.region.1 {
            self.scroll_up(1);
        } else if self.row + 1 < self.height {
            self.row += 1;
        }
        self.at_cursor();
    }

    /// What scrolls moves up; what is moved out at its top is final.
    fn scroll_up(&mut self, count: usize) {
        let (top, bottom) = self.region;
        if (top, bottom) != (0, self.height - 1) {
            self.break_line_before(top);
            self.break_line_before(bottom + 1);
        }
        for _ in 0..count.min(bottom + 1 - top) {
            while self.rows.len() <= top {
                self.rows.push_back(Shown::default());
            }
            self.leave(top);
            if bottom < self.rows.len() {
                self.rows.insert(bottom, Shown::default());
            }
        }
        self.at_cursor();
    }

    /// What scrolls moves down; what is moved out at its end is overwritten, as an erased row is.
    fn scroll_down(&mut self, top: usize, count: usize) {
        let bottom = self.region.1;
        self.break_line_before(top);
        self.break_line_before(bottom + 1);
        self.settled = self.settled.min(top);
        for _ in 0..count.min(bottom + 1 - top) {
            if bottom < self.rows.len() {
                self.rows.remove(bottom);
            }
            if top <= self.rows.len() {
                self.rows.insert(top, Shown::default());
            }
        }
        // The last one may have gone on in what was moved out.
        self.break_line_before(bottom + 1);
        self.reach.edit(top);
        self.at_cursor();
    }

    /// The screen is cleared: everything on it leaves. The cursor keeps its place on an empty window.
    ///
    /// Blank rows below what is written were there to push it out of sight, and are no lines.
    fn clear(&mut self) {
        self.leave_all(self.last_written().map_or(0, |last| last + 1));
    }

    fn leave_all(&mut self, used: usize) {
        for left in (0..used).rev() {
            if left == 0 {
                self.rows[0].row.wrapped = false;
            }
            self.leave(0);
        }
        // A line whose next row never came.
        self.end_joined();
        self.rows.clear();
        self.rows.resize_with(self.row + 1, Shown::default);
        self.settled = 0;
        self.reach.clear();
    }

    /// The end: what stands on either screen is final.
    pub(crate) fn finish(&mut self) {
        self.leave_other();
        let passed = self.rows.iter().rposition(|entry| entry.passed);
        self.leave_all(self.last_written().max(passed).map_or(0, |last| last + 1));
    }

    /// The command draws on a screen of its own; what stands on the first one stays, and goes out before.
    fn enter_other(&mut self) {
        if self.other.is_some() {
            return;
        }
        self.show(self.rows.len(), |_, _, _| true);
        let rows = std::mem::take(&mut self.rows);
        let cursor = Saved {
            row: self.row,
            column: self.column,
            charsets: self.modes.charsets,
            wraps: self.modes.wraps,
            within: self.modes.within,
        };
        self.other = Some(Box::new((rows, cursor)));
        self.settled = 0;
        self.reach.clear();
        self.at_cursor();
    }

    /// Back on the first screen. A terminal forgets what stood on the other one; a log keeps its last state.
    fn leave_other(&mut self) {
        let Some(other) = self.other.take() else { return };
        self.clear();
        let (rows, cursor) = *other;
        self.rows = rows;
        self.rows.truncate(self.height);
        self.settled = 0;
        self.row = cursor.row.min(self.height - 1);
        self.column = cursor.column.min(self.columns);
        self.modes.charsets = cursor.charsets;
        self.at_cursor();
    }

    /// The last row that is not blank.
    pub(crate) fn last_written(&self) -> Option<usize> {
        self.rows.iter().rposition(|entry| !entry.row.is_blank())
    }

    fn at_cursor(&mut self) -> &mut Shown {
        while self.rows.len() <= self.row {
            self.rows.push_back(Shown::default());
        }
        &mut self.rows[self.row]
    }

    /// The cursor's row, about to be changed.
    fn edit(&mut self) -> &mut Row {
        self.settled = self.settled.min(self.row);
        self.reach.edit(self.row);
        let current = self.at_cursor();
        current.changed = true;
        &mut current.row
    }

    /// What stands at row `at` is no longer what the row above it went on with.
    fn break_line_before(&mut self, at: usize) {
        if at == 0 {
            self.end_joined();
        }
        if let Some(above) = at.checked_sub(1).and_then(|above| self.rows.get_mut(above))
            && above.row.wrapped
        {
            above.row.wrapped = false;
            above.changed = true;
            self.settled = self.settled.min(at - 1);
        }
    }

    fn go(&mut self, row: usize, column: usize) {
        self.home = false;
        if row < self.row {
            self.reach.moved_up();
        }
        self.row = row.min(self.height - 1);
        self.column = column.min(self.columns - 1);
        self.at_cursor();
    }

    /// To the first place by name.
    fn go_home(&mut self) {
        self.go_to(0, 0);
        self.home = self.row == 0;
    }

    /// To a row by its number.
    fn go_to(&mut self, row: usize, column: usize) {
        let (top, bottom) = self.region;
        let row = if self.modes.within {
            (top + row).min(bottom)
        } else {
            row
        };
        self.go(row, column);
    }

    /// Up or down by so many rows; a cursor inside of what scrolls stays there.
    fn go_by(&mut self, rows: isize, column: usize) {
        let (top, bottom) = self.region;
        let first = if self.row >= top { top } else { 0 };
        let last = if self.row <= bottom { bottom } else { self.height - 1 };
        self.go(self.row.saturating_add_signed(rows).clamp(first, last), column);
    }

    fn save(&mut self) {
        self.saved = Saved {
            row: self.row,
            column: self.column,
            charsets: self.modes.charsets,
            wraps: self.modes.wraps,
            within: self.modes.within,
        };
    }

    fn restore(&mut self) {
        self.go(self.saved.row, 0);
        // The place behind the last column is one of its own: the next character wraps from there.
        self.column = self.saved.column.min(self.columns);
        self.modes.charsets = self.saved.charsets;
        self.modes.wraps |= self.saved.wraps;
        self.modes.within = self.saved.within;
    }

    fn reverse_index(&mut self) {
        if self.row == self.region.0 {
            self.scroll_down(self.region.0, 1);
        } else {
            self.go(self.row.saturating_sub(1), self.column);
        }
    }

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

/// The line drawing characters a terminal shows in place of some letters.
fn drawn(c: char) -> char {
    const FROM_BACKTICK: [char; 31] = [
        '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├', '┤',
        '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
    ];
    match c {
        '_' => ' ',
        '`'..='~' => FROM_BACKTICK[c as usize - '`' as usize],
        c => c,
    }
}
