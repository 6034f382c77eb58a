//! The bounded window of rows of a command on a pseudo-terminal: tools there move up and rewrite what they wrote.
//!
//! The window behaves as a terminal's screen does, and a log keeps what a terminal forgets: a row is final when it
//! leaves at the top, when the screen is cleared, and at the end. What goes out earlier, because it is settled, is
//! [`crate::settle`]'s to say.

mod asked;
mod cursor;

use std::collections::VecDeque;

use self::cursor::{Modes, Saved, Tabs};
use crate::row::Row;
use crate::settle::{Final, Joined, Reach, Shown};

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
}
