//! What stood on a row before something shorter was written over it, or part of it was taken out.
//!
//! A program prints a key, goes back to the line's beginning and writes less than stood there: a person sees the key's end
//! behind the new text, and alone it is like no key. So the row as it stood is remembered until all of it is written over.

/// How much of what stands before the place that is written over is remembered, in columns: enough for the name beside a
/// value.
const CONTEXT: usize = 512;
/// The most states of one row that are remembered at once; of more, the later ones are not.
const MOST: usize = 16;

/// A part of a line that is left of an earlier state of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Left {
    /// Where it begins in the line's text, in bytes.
    pub(crate) at: usize,
    /// What stood before it then.
    pub(crate) before: String,
    /// Its text.
    pub(crate) text: String,
}

/// An earlier state of the row, of which some cells are left.
#[derive(Debug, Clone)]
struct State {
    /// The cells as they were: first those before, then those that are left.
    cells: Vec<char>,
    /// How many stand before.
    border: usize,
    /// The column where those that are left begin now.
    at: usize,
}

impl State {
    /// The column behind what is left.
    fn end(&self) -> usize {
        self.at + self.cells.len() - self.border
    }

    /// Parts it at a column: the second half is given back.
    fn part(&mut self, column: usize) -> Self {
        let border = self.border + column - self.at;
        let from = border.saturating_sub(CONTEXT);
        let second = Self {
            cells: self.cells[from..].to_vec(),
            border: border - from,
            at: column,
        };
        self.cells.truncate(border);
        second
    }
}

/// A run of cells that are left of an earlier state: where it begins now, the cells before it then, and its own.
pub(crate) struct Run<'a> {
    pub(crate) column: usize,
    pub(crate) before: &'a [char],
    pub(crate) cells: &'a [char],
}

/// The earlier states of one row. Each copies what was written since the one before, and a little in front of it, so
/// that all of them together cost little more than the row.
#[derive(Debug, Default, Clone)]
pub(crate) struct Under {
    states: Vec<State>,
    /// The column after what was written last.
    pen: usize,
}

impl Under {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.states.clear();
        self.pen = 0;
    }

    /// Something is about to be written at `column`.
    pub(crate) fn before(&mut self, cells: &[char], column: usize) {
        if column >= cells.len() {
            return;
        }
        // Of what was there before the last state was left, only what was written since is new.
        let end = match self.states.last() {
            Some(_) if column >= self.pen => return,
            Some(last) => last.at.min(cells.len()),
            None => cells.len(),
        };
        if column < end {
            self.remember(&cells[..end], column, column);
        }
    }

    /// What of `cells` stands from `border` on is left, from column `at` on.
    fn remember(&mut self, cells: &[char], border: usize, at: usize) {
        if border < cells.len() && self.states.len() < MOST {
            let from = border.saturating_sub(CONTEXT);
            self.states.push(State {
                cells: cells[from..].to_vec(),
                border: border - from,
                at,
            });
        }
    }

    /// It was written up to `column`.
    pub(crate) fn wrote(&mut self, column: usize) {
        self.pen = column;
        for state in &mut self.states {
            let over = column.saturating_sub(state.at);
            state.border += over;
            state.at += over;
        }
        self.states.retain(|state| state.border < state.cells.len());
    }

    /// What is left on both sides of a column will not stand together any more.
    fn part(&mut self, column: usize) {
        let mut at = 0;
        while let Some(state) = self.states.get_mut(at) {
            if state.at < column && column < state.end() {
                let second = state.part(column);
                if self.states.len() < MOST {
                    self.states.push(second);
                }
            }
            at += 1;
        }
    }

    /// So many columns are about to be taken out, and what follows them moves left.
    pub(crate) fn deletes(&mut self, cells: &[char], column: usize, count: usize) {
        let to = column + count;
        self.part(column);
        for state in self.states.iter_mut().filter(|state| state.at >= column) {
            let gone = to.saturating_sub(state.at);
            state.border += gone;
            state.at = (state.at + gone).saturating_sub(count).max(column);
        }
        self.states.retain(|state| state.border < state.cells.len());
        self.remember(cells, to, column);
        self.pen = column;
    }

    /// So many blank columns are about to be put in, and what follows moves right.
    pub(crate) fn inserts(&mut self, cells: &[char], column: usize, count: usize) {
        self.part(column);
        for state in self.states.iter_mut().filter(|state| state.at >= column) {
            state.at += count;
        }
        self.remember(cells, column, column + count);
        self.pen = column;
    }

    /// Whether nothing of an earlier state is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// What is left of earlier states in the cells as they stand, from left to right. What was erased since is not left.
    pub(crate) fn left(&self, now: &[char], mut each: impl FnMut(Run<'_>)) {
        let mut states: Vec<_> = self.states.iter().collect();
        states.sort_by_key(|state| state.at);
        for state in states {
            let then = &state.cells[state.border..];
            let stands = |at: &usize| now.get(state.at + at) == Some(&then[*at]);
            let mut from = 0;
            while let Some(begin) = (from..then.len()).find(stands) {
                let end = (begin..then.len()).find(|at| !stands(at)).unwrap_or(then.len());
                each(Run {
                    column: state.at + begin,
                    before: &state.cells[..state.border + begin],
                    cells: &then[begin..end],
                });
                from = end;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[track_caller]
    fn check(under: &Under, now: &str, left: &[(usize, &str, &str)]) {
        let mut found = Vec::new();
        under.left(&cells(now), |run| {
            found.push((run.column, String::from_iter(run.before), String::from_iter(run.cells)));
        });
        let left: Vec<_> = left
            .iter()
            .map(|&(at, before, text)| (at, before.to_owned(), text.to_owned()))
            .collect();
        assert_eq!(found, left);
    }

    #[test]
    fn what_is_not_written_over_is_left_until_it_is() {
        let mut under = Under::default();
        under.before(&cells("abcdefgh"), 0);
        under.wrote(3);
        check(&under, "XYZdefgh", &[(3, "abc", "defgh")]);
        check(&under, "XYZd  gh", &[(3, "abc", "d"), (6, "abcdef", "gh")]);
        under.before(&cells("XYZdefgh"), 3);
        under.wrote(8);
        assert!(under.is_empty());
    }

    #[test]
    fn what_moves_is_found_where_it_moved() {
        let mut under = Under::default();
        under.deletes(&cells("abcdefgh"), 1, 3);
        check(&under, "aefgh", &[(1, "abcd", "efgh")]);
        under.inserts(&cells("aefgh"), 2, 2);
        check(
            &under,
            "ae  fgh",
            &[(1, "abcd", "e"), (4, "abcde", "fgh"), (4, "ae", "fgh")],
        );
    }
}
