//! One row of cells and a cursor in it: what both the one-line editor and the window are made of.

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
            if column <= self.cells.len() && self.marks.len() < limit {
                self.marks.push((column - 1, c));
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
            return column + width;
        }
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
        column + width
    }

    /// Puts characters of one column each, all of them within the limit.
    pub(crate) fn put_ascii(&mut self, column: usize, text: &str) {
        let end = column + text.len();
        if column < self.cells.len() {
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
    }

    /// A character two columns wide that is cut between them is gone, as on a terminal.
    fn break_pair(&mut self, column: usize) {
        if column > 0 && self.cells.get(column) == Some(&HALF) {
            self.cells[column - 1] = EMPTY;
            self.cells[column] = EMPTY;
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
        self.beyond_bytes == 0 && self.cells.iter().all(|&c| matches!(c, EMPTY | ' '))
    }

    /// Whether it is written to up to `column`.
    pub(crate) fn reaches(&self, column: usize) -> bool {
        self.cells.len() >= column
    }

    /// How many columns are written to, those erased since included.
    pub(crate) fn columns(&self) -> usize {
        self.cells.len()
    }

    /// The cells of these columns, as far as there are any.
    pub(crate) fn cells(&self, from: usize, to: usize) -> &[char] {
        let to = to.min(self.cells.len());
        &self.cells[from.min(to)..to]
    }

    /// The text of cells, combining marks apart.
    pub(crate) fn text_of(cells: &[char]) -> String {
        let shown = |c: char| if c == EMPTY { ' ' } else { c };
        cells.iter().copied().filter(|&c| c != HALF).map(shown).collect()
    }

    /// Whether marks combine with what is on it, so that its text is not that of its cells alone.
    pub(crate) fn has_marks(&self) -> bool {
        !self.marks.is_empty()
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

/// How many columns a character takes: 0 for marks that combine with the one before, 2 for wide ones, else 1.
pub(crate) fn width(c: char) -> usize {
    if c < '\u{300}' {
        return 1;
    }
    if in_table(ZERO, c) {
        0
    } else if c >= '\u{1100}' && in_table(WIDE, c) {
        2
    } else {
        1
    }
}

fn in_table(table: &[(u32, u32)], c: char) -> bool {
    let c = u32::from(c);
    let at = table.partition_point(|&(_, last)| last < c);
    table.get(at).is_some_and(|&(first, _)| first <= c)
}

/// Combining marks, joiners and variation selectors, as ranges in order.
const ZERO: &[(u32, u32)] = &[
    (0x300, 0x36f),
    (0x483, 0x489),
    (0x591, 0x5bd),
    (0x610, 0x61a),
    (0x64b, 0x65f),
    (0x1ab0, 0x1aff),
    (0x1dc0, 0x1dff),
    (0x200c, 0x200d),
    (0x20d0, 0x20ff),
    (0xfe00, 0xfe0f),
    (0xfe20, 0xfe2f),
];

/// East Asian wide characters and emoji shown as pictures by default, as ranges in order.
const WIDE: &[(u32, u32)] = &[
    (0x1100, 0x115f),
    (0x231a, 0x231b),
    (0x2329, 0x232a),
    (0x23e9, 0x23ec),
    (0x23f0, 0x23f0),
    (0x23f3, 0x23f3),
    (0x25fd, 0x25fe),
    (0x2614, 0x2615),
    (0x2648, 0x2653),
    (0x267f, 0x267f),
    (0x2693, 0x2693),
    (0x26a1, 0x26a1),
    (0x26aa, 0x26ab),
    (0x26bd, 0x26be),
    (0x26c4, 0x26c5),
    (0x26ce, 0x26ce),
    (0x26d4, 0x26d4),
    (0x26ea, 0x26ea),
    (0x26f2, 0x26f3),
    (0x26f5, 0x26f5),
    (0x26fa, 0x26fa),
    (0x26fd, 0x26fd),
    (0x2705, 0x2705),
    (0x270a, 0x270b),
    (0x2728, 0x2728),
    (0x274c, 0x274c),
    (0x274e, 0x274e),
    (0x2753, 0x2755),
    (0x2757, 0x2757),
    (0x2795, 0x2797),
    (0x27b0, 0x27b0),
    (0x27bf, 0x27bf),
    (0x2b1b, 0x2b1c),
    (0x2b50, 0x2b50),
    (0x2b55, 0x2b55),
    (0x2e80, 0x303e),
    (0x3041, 0x4dbf),
    (0x4e00, 0xa4cf),
    (0xa960, 0xa97f),
    (0xac00, 0xd7a3),
    (0xf900, 0xfaff),
    (0xfe10, 0xfe19),
    (0xfe30, 0xfe6f),
    (0xff00, 0xff60),
    (0xffe0, 0xffe6),
    (0x1f004, 0x1f004),
    (0x1f0cf, 0x1f0cf),
    (0x1f18e, 0x1f18e),
    (0x1f191, 0x1f19a),
    (0x1f200, 0x1f320),
    (0x1f32d, 0x1f335),
    (0x1f337, 0x1f37c),
    (0x1f37e, 0x1f393),
    (0x1f3a0, 0x1f3ca),
    (0x1f3cf, 0x1f3d3),
    (0x1f3e0, 0x1f3f0),
    (0x1f3f4, 0x1f3f4),
    (0x1f3f8, 0x1f43e),
    (0x1f440, 0x1f440),
    (0x1f442, 0x1f4fc),
    (0x1f4ff, 0x1f53d),
    (0x1f54b, 0x1f54e),
    (0x1f550, 0x1f567),
    (0x1f57a, 0x1f57a),
    (0x1f595, 0x1f596),
    (0x1f5a4, 0x1f5a4),
    (0x1f5fb, 0x1f64f),
    (0x1f680, 0x1f6c5),
    (0x1f6cc, 0x1f6cc),
    (0x1f6d0, 0x1f6d2),
    (0x1f6d5, 0x1f6d7),
    (0x1f6dc, 0x1f6df),
    (0x1f6eb, 0x1f6ec),
    (0x1f6f4, 0x1f6fc),
    (0x1f7e0, 0x1f7eb),
    (0x1f7f0, 0x1f7f0),
    (0x1f90c, 0x1f93a),
    (0x1f93c, 0x1f945),
    (0x1f947, 0x1f9ff),
    (0x1fa70, 0x1faff),
    (0x20000, 0x3fffd),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order() {
        for table in [ZERO, WIDE] {
            assert!(table.iter().all(|&(first, last)| first <= last));
            assert!(table.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }

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
