//! What stood on a line before something shorter was written over it.
//!
//! A program prints a key, goes back to the line's beginning and writes less than stood there: a person sees the key's end
//! behind the new text, and alone it is like no key. So the line as it stood is remembered until all of it is written over.

use crate::row::Row;

/// How much of what stands before the place that is written over is remembered, in columns: enough for the name beside a
/// value.
const CONTEXT: usize = 512;
/// The most states of one line that are remembered at once; of more, the later ones are not.
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

/// An earlier state of the line, of which the columns from `reach` to `end` are left.
#[derive(Debug)]
struct State {
    row: Vec<char>,
    from: usize,
    reach: usize,
    end: usize,
}

/// The earlier states of one line, the longest first. Each copies what was written since the one before, and a little in
/// front of it, so that all of them together cost little more than the line.
#[derive(Debug, Default)]
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
    pub(crate) fn before(&mut self, row: &Row, column: usize) {
        let length = row.columns();
        if column >= length {
            return;
        }
        // Of what was there before the last state was left, only what was written since is new.
        let end = match self.states.last() {
            Some(_) if column >= self.pen => return,
            Some(last) => last.reach,
            None => length,
        };
        if column < end && self.states.len() < MOST {
            let from = column.saturating_sub(CONTEXT);
            self.states.push(State {
                row: row.cells(from, end).to_vec(),
                from,
                reach: column,
                end,
            });
        }
    }

    /// It was written up to `column`.
    pub(crate) fn wrote(&mut self, column: usize) {
        self.pen = column;
        for state in &mut self.states {
            state.reach = state.reach.max(column);
        }
        self.states.retain(|state| state.reach < state.end);
    }

    /// Whether nothing of an earlier state is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// What is left of earlier states in the row as it stands, from left to right.
    pub(crate) fn left(&self, row: &Row) -> Vec<Left> {
        let mut all = Vec::new();
        for state in self.states.iter().rev() {
            let border = state.reach - state.from;
            let (before, rest) = state.row.split_at(border.min(state.row.len()));
            // What was erased or moved since is not left.
            let same = row
                .cells(state.reach, state.end)
                .iter()
                .zip(rest)
                .take_while(|(now, then)| now == then)
                .count();
            if same > 0 {
                all.push(Left {
                    at: Row::text_of(row.cells(0, state.reach)).len(),
                    before: Row::text_of(before),
                    text: Row::text_of(&rest[..same]),
                });
            }
        }
        all
    }
}
