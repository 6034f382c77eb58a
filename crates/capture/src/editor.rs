//! The one-line editor: what a line shows once its carriage returns, backspaces and cursor movements have happened.

use crate::ansi::Sink;
use crate::row::Row;
use crate::under::Left;

/// One line being written. Movements up and down have no place on one line and are passed over.
#[derive(Debug)]
pub(crate) struct Editor {
    row: Row,
    column: usize,
    beyond: u64,
    limit: usize,
}

impl Editor {
    /// A line of at most `limit` columns and bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            row: Row::default(),
            column: 0,
            beyond: 0,
            limit,
        }
    }

    /// Whether nothing has happened on this line yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.column == 0 && self.beyond == 0 && self.row.is_untouched()
    }

    /// Writes the line's text to `out`, and returns its full length in bytes.
    pub(crate) fn render(&self, out: &mut String) -> u64 {
        out.clear();
        let beyond = self.row.write_to(out) + self.beyond;
        let full = out.len() as u64 + beyond;
        if out.len() > self.limit {
            out.truncate(out.floor_char_boundary(self.limit));
        }
        full
    }

    /// What of the line is left of what stood there before something was written over it.
    pub(crate) fn left(&self) -> Vec<Left> {
        self.row.left()
    }

    /// Starts the next line.
    pub(crate) fn reset(&mut self) {
        self.row.clear();
        self.column = 0;
        self.beyond = 0;
    }

    /// The cursor may stand a screen's width beyond the limit, never at a place that would overflow.
    fn go(&mut self, column: usize) {
        self.column = column.min(self.limit);
    }
}

impl Sink for Editor {
    fn text(&mut self, text: &str) {
        if self.column + text.len() <= self.limit && text.is_ascii() {
            self.row.put_ascii(self.column, text);
            self.column += text.len();
        } else {
            for c in text.chars() {
                self.column = self.row.put(self.column, c, self.limit);
            }
        }
    }

    fn control(&mut self, byte: u8) {
        match byte {
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            // The cursor moves, nothing is written: blanks appear once something follows.
            b'\t' => self.go((self.column / 8 + 1) * 8),
            // A page feed or vertical tab parts words as well as a blank does.
            0x0b | 0x0c => self.text(" "),
            _ => {}
        }
    }

    fn csi(&mut self, first: u16, _second: u16, private: bool, action: u8) {
        if private {
            return;
        }
        let count = usize::from(first.max(1));
        match action {
            b'C' => self.go(self.column.saturating_add(count)),
            b'D' => self.column = self.column.saturating_sub(count),
            b'G' | b'`' => self.go(count - 1),
            b'K' => match first {
                0 => self.row.erase_from(self.column),
                1 => self.row.erase(0, self.column.saturating_add(1)),
                2 => self.row.erase_from(0),
                _ => {}
            },
            b'@' => self.row.insert(self.column, count, self.limit),
            b'P' => self.row.delete(self.column, count),
            b'X' => self.row.erase(self.column, self.column.saturating_add(count)),
            _ => {}
        }
    }

    fn escape(&mut self, _byte: u8) {}

    fn beyond(&mut self, bytes: u64) {
        self.beyond += bytes;
    }
}
