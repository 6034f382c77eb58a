//! One row of cells and a cursor in it: what both the one-line editor and the window are made of.

use crate::under::{Left, Under};
use crate::width::width;

/// The second half of a character two columns wide.
const HALF: char = '\0';

/// A column nothing was written to, or that was erased: a blank, except at the end of the row, where it is nothing.
const EMPTY: char = '\u{1}';

/// A row of at most `limit` columns. What is written beyond is counted, not kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    cells: Vec<char>,
    /// Combining marks by the column of what they combine with, in the order they came.
    marks: Vec<(usize, char)>,
    /// How many columns beyond the limit were written, and the bytes of what stood there.
    beyond_columns: usize,
    beyond_bytes: u64,
    /// What stood here before.
    under: Under,
    /// The window only: this row's text goes on in the next one, because it was too narrow.
    pub(crate) wrapped: bool,
}

impl Row {
    /// Forgets everything, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.cells.clear();
        self.marks.clear();
        self.beyond_columns = 0;
        self.beyond_bytes = 0;
        self.under.clear();
        self.wrapped = false;
    }

    /// Whether nothing was ever written to it.
    pub(crate) fn is_untouched(&self) -> bool {
        self.cells.is_empty() && self.beyond_bytes == 0
    }

    /// Puts a character at `column`, over whatever is there, and returns the column after it.
    pub(crate) fn put(&mut self, column: usize, c: char, limit: usize) -> usize {
        let width = width(c);
        if width == 0 && column > 0 {
            if column <= limit && self.marks.len() < limit {
                // On a place that nothing was written to, it combines with a blank.
                if self.cells.len() < column {
                    self.cells.resize(column, EMPTY);
                }
                if self.cells[column - 1] == EMPTY {
                    self.cells[column - 1] = ' ';
                }
                let half = usize::from(column > 1 && self.cells[column - 1] == HALF);
                self.marks.push((column - 1 - half, c));
            } else {
                self.beyond_bytes += c.len_utf8() as u64;
            }
            return column;
        }
        let width = width.max(1);
        if column + width > limit {
            // Only what extends the row counts as more text; what rewrites the unseen part is as long as before.
            if column + width > limit + self.beyond_columns {
                self.beyond_columns = column + width - limit;
                self.beyond_bytes += c.len_utf8() as u64;
            }
            return column + width;
        }
        if column == self.cells.len() {
            self.cells.push(c);
            if width == 2 {
                self.cells.push(HALF);
            }
            if !self.under.is_empty() {
                self.under.wrote(column + width);
            }
            return column + width;
        }
        self.under.before(&self.cells, column);
        if self.cells.len() < column + width {
            self.cells.resize(column + width, EMPTY);
        }
        self.break_pair(column);
        self.break_pair(column + width);
        if !self.marks.is_empty() {
            self.marks.retain(|&(at, _)| at < column || at >= column + width);
        }
        self.cells[column] = c;
        if width == 2 {
            self.cells[column + 1] = HALF;
        }
        self.under.wrote(column + width);
        column + width
    }

    /// Puts characters of one column each, all of them within the limit.
    pub(crate) fn put_ascii(&mut self, column: usize, text: &str) {
        let end = column + text.len();
        if column < self.cells.len() {
            self.under.before(&self.cells, column);
            self.break_pair(column);
            self.break_pair(end);
            if !self.marks.is_empty() {
                self.marks.retain(|&(at, _)| at < column || at >= end);
            }
            let over = (self.cells.len() - column).min(text.len());
            let (first, rest) = text.split_at(over);
            for (cell, byte) in self.cells[column..].iter_mut().zip(first.bytes()) {
                *cell = char::from(byte);
            }
            self.cells.extend(rest.bytes().map(char::from));
        } else {
            self.cells.resize(column, EMPTY);
            self.cells.extend(text.bytes().map(char::from));
        }
        if !self.under.is_empty() {
            self.under.wrote(end);
        }
    }

    /// A character two columns wide that is cut between them is gone, as on a terminal.
    fn break_pair(&mut self, column: usize) {
        if column > 0 && self.cells.get(column) == Some(&HALF) {
            self.cells[column - 1] = EMPTY;
            self.cells[column] = EMPTY;
            if !self.marks.is_empty() {
                self.marks.retain(|&(at, _)| at != column - 1);
            }
        }
    }

    /// Blanks the columns from `column` on.
    pub(crate) fn erase_from(&mut self, column: usize) {
        self.break_pair(column);
        self.cells.truncate(column);
        self.marks.retain(|&(at, _)| at < column);
        self.beyond_columns = 0;
        self.beyond_bytes = 0;
        self.wrapped = false;
    }

    /// Blanks the columns from `from` up to but not including `to`.
    pub(crate) fn erase(&mut self, from: usize, to: usize) {
        let to = to.min(self.cells.len());
        if from >= to {
            return;
        }
        if to < self.cells.len() {
            // What is left behind it is seen without its beginning, as if that had been written over.
            self.under.before(&self.cells, from);
            self.under.wrote(to);
        }
        self.break_pair(from);
        self.break_pair(to);
        self.cells[from..to].fill(EMPTY);
        self.marks.retain(|&(at, _)| at < from || at >= to);
    }

    /// Takes `count` columns out at `column`; what follows moves left.
    pub(crate) fn delete(&mut self, column: usize, count: usize) {
        let to = column.saturating_add(count).min(self.cells.len());
        if column >= to {
            return;
        }
        self.under.deletes(&self.cells, column, to - column);
        self.break_pair(column);
        self.break_pair(to);
        self.cells.drain(column..to);
        self.wrapped = false;
        self.marks.retain(|&(at, _)| at < column || at >= to);
        for (at, _) in self.marks.iter_mut().filter(|(at, _)| *at >= to) {
            *at -= to - column;
        }
    }

    /// Makes room for `count` blank columns at `column`; what follows moves right, and out at `limit`.
    pub(crate) fn insert(&mut self, column: usize, count: usize, limit: usize) {
        if column >= self.cells.len() {
            return;
        }
        self.break_pair(column);
        let count = count.min(limit.saturating_sub(column));
        self.under.inserts(&self.cells, column, count);
        self.cells.splice(column..column, std::iter::repeat_n(EMPTY, count));
        if self.cells.len() > limit {
            self.break_pair(limit);
            self.cells.truncate(limit);
        }
        for (at, _) in self.marks.iter_mut().filter(|(at, _)| *at >= column) {
            *at += count;
        }
        self.marks.retain(|&(at, _)| at < limit);
    }

    /// Whether a person sees nothing on it.
    pub(crate) fn is_blank(&self) -> bool {
        self.beyond_bytes == 0 && self.marks.is_empty() && self.cells.iter().all(|&c| matches!(c, EMPTY | ' '))
    }

    /// Whether it is written to up to `column`.
    pub(crate) fn reaches(&self, column: usize) -> bool {
        self.cells.len() >= column
    }

    /// What of the row's text is left of what stood there before. None where marks combine with it, which no credential's
    /// text has.
    pub(crate) fn left(&self) -> Vec<Left> {
        let mut all = Vec::new();
        if self.marks.is_empty() {
            self.under.left(&self.cells, |run| {
                all.push(Left {
                    at: text_of(&self.cells[..run.column]).len(),
                    before: text_of(run.before),
                    text: text_of(run.cells),
                });
            });
        }
        all
    }

    /// Whether nothing is left on it after something was erased.
    pub(crate) fn is_erased(&self) -> bool {
        self.cells.iter().all(|&c| c == EMPTY)
    }

    /// Appends the row's text to `out`, and returns the bytes of what was beyond the limit.
    pub(crate) fn write_to(&self, out: &mut String) -> u64 {
        let used = if self.wrapped {
            // Its text goes on at the margin, wherever it was erased.
            self.cells.len()
        } else {
            self.cells.iter().rposition(|&c| c != EMPTY).map_or(0, |last| last + 1)
        };
        let shown = |c: char| if c == EMPTY { ' ' } else { c };
        if self.marks.is_empty() {
            out.extend(self.cells[..used].iter().copied().filter(|&c| c != HALF).map(shown));
        } else {
            let mut marks = self.marks.clone();
            marks.sort_by_key(|&(at, _)| at);
            let mut marks = marks.into_iter().peekable();
            for (column, &c) in self.cells[..used].iter().enumerate() {
                if c != HALF {
                    out.push(shown(c));
                }
                while let Some((_, mark)) = marks.next_if(|&(at, _)| at <= column) {
                    out.push(mark);
                }
            }
        }
        self.beyond_bytes
    }
}

/// The text of cells, combining marks apart.
fn text_of(cells: &[char]) -> String {
    let shown = |c: char| if c == EMPTY { ' ' } else { c };
    cells.iter().copied().filter(|&c| c != HALF).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overwriting_half_of_a_wide_character_blanks_the_other_half() {
        let mut row = Row::default();
        let after = row.put(0, '✨', 80);
        row.put(after, 'x', 80);
        row.put(1, 'y', 80);
        let mut text = String::new();
        row.write_to(&mut text);
        assert_eq!(text, " yx");
    }

    #[test]
    fn a_mark_stays_with_what_it_marks() {
        let mut row = Row::default();
        let mut column = 0;
        for c in "e\u{301}a".chars() {
            column = row.put(column, c, 80);
        }
        let mut text = String::new();
        row.write_to(&mut text);
        assert_eq!((text.as_str(), column), ("e\u{301}a", 2));
    }
}
