//! Where the cursor is and goes, and what the characters put there mean.

use super::Window;

/// Where the cursor stood, and which characters were meant.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Saved {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) charsets: Charsets,
    pub(super) wraps: bool,
    pub(super) within: bool,
}

/// Which of the two character sets draw lines, and which one is in use.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Charsets {
    pub(super) lines: [bool; 2],
    pub(super) second: bool,
}

impl Charsets {
    pub(super) fn draws_lines(self) -> bool {
        self.lines[usize::from(self.second)]
    }

    /// What is shown for a character.
    pub(super) fn shown(self, c: char) -> char {
        if self.draws_lines() { drawn(c) } else { c }
    }
}

/// How characters are put.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modes {
    /// Text goes on in the next row at the right margin.
    pub(super) wraps: bool,
    /// What stands behind the cursor moves right.
    pub(super) inserts: bool,
    /// Rows are counted from the first of what scrolls, and none outside of it can be named.
    pub(super) within: bool,
    pub(super) charsets: Charsets,
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
pub(super) struct Tabs(Option<Vec<usize>>);

impl Tabs {
    /// The next stop behind `column`, or the `last` column.
    pub(super) fn after(&self, column: usize, last: usize) -> usize {
        let next = match &self.0 {
            None => Some((column / 8 + 1) * 8),
            Some(stops) => stops.iter().copied().find(|stop| *stop > column),
        };
        next.map_or(last, |next| next.min(last))
    }

    /// The last stop before `column`, or the first column.
    pub(super) fn before(&self, column: usize) -> usize {
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

    pub(super) fn set(&mut self, column: usize) {
        let stops = self.own();
        if let Err(at) = stops.binary_search(&column) {
            stops.insert(at, column);
        }
    }

    pub(super) fn clear(&mut self, column: usize) {
        self.own().retain(|stop| *stop != column);
    }

    pub(super) fn clear_all(&mut self) {
        self.0 = Some(Vec::new());
    }
}

impl Window {
    pub(super) fn go(&mut self, row: usize, column: usize) {
        self.home = false;
        if row < self.row {
            self.reach.moved_up();
        }
        self.row = row.min(self.height - 1);
        self.column = column.min(self.columns - 1);
        self.at_cursor();
    }

    /// To the first place by name.
    pub(super) fn go_home(&mut self) {
        self.go_to(0, 0);
        self.home = self.row == 0;
    }

    /// To a row by its number.
    pub(super) fn go_to(&mut self, row: usize, column: usize) {
        let (top, bottom) = self.region;
        let row = if self.modes.within {
            (top + row).min(bottom)
        } else {
            row
        };
        self.go(row, column);
    }

    /// Up or down by so many rows; a cursor inside of what scrolls stays there.
    pub(super) fn go_by(&mut self, rows: isize, column: usize) {
        let (top, bottom) = self.region;
        let first = if self.row >= top { top } else { 0 };
        let last = if self.row <= bottom { bottom } else { self.height - 1 };
        self.go(self.row.saturating_add_signed(rows).clamp(first, last), column);
    }

    pub(super) fn save(&mut self) {
        self.saved = Saved {
            row: self.row,
            column: self.column,
            charsets: self.modes.charsets,
            wraps: self.modes.wraps,
            within: self.modes.within,
        };
    }

    pub(super) fn restore(&mut self) {
        self.go(self.saved.row, 0);
        // The place behind the last column is one of its own: the next character wraps from there.
        self.column = self.saved.column.min(self.columns);
        self.modes.charsets = self.saved.charsets;
        self.modes.wraps |= self.saved.wraps;
        self.modes.within = self.saved.within;
    }

    pub(super) fn reverse_index(&mut self) {
        if self.row == self.region.0 {
            self.scroll_down(self.region.0, 1);
        } else {
            self.go(self.row.saturating_sub(1), self.column);
        }
    }
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
