//! How far the runs of a text go, remembered so that what repeats is measured once.

use super::class::Classes;

/// How far before a run that was measured another may begin for its end to be taken over.
const NEAR: usize = 8;

/// How many bytes two neighbouring runs of base64 may share before a keyword in them is taken for chance.
const BLOB: usize = 24;

/// The end of the last run seen, by class and by its ordinal in a shape.
///
/// Keywords may repeat inside one run (`eyJeyJeyJ…`), and each would measure the rest of it: remembering the end makes the
/// whole line linear. Two runs of one shape must not push each other out, hence the ordinal.
#[derive(Default)]
pub(crate) struct Runs {
    ends: Vec<(usize, usize)>,
    /// A stretch of base64: where it begins, and up to where it is known to go on.
    blob: (usize, usize),
}

const ORDINALS: usize = 4;

impl Runs {
    /// Forgets the text measured before.
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.blob = (0, 0);
    }

    /// Whether a place is in the middle of a long run of base64.
    pub(super) fn is_in_blob(&mut self, text: &[u8], at: usize) -> bool {
        let blob = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        let (begin, known) = self.blob;
        // Of what was read before, nothing is read again; of anything else, as much as says that the run is long.
        let from = if begin < known && known <= at {
            known
        } else {
            at.saturating_sub(BLOB)
        };
        let from = from.max(at.saturating_sub(BLOB));
        let back = text[from..at].iter().rev().take_while(|byte| blob(byte)).count();
        let begin = if back == at - from && from == known && begin < known {
            begin
        } else {
            at - back
        };
        self.blob = (begin, at);
        at - begin >= BLOB
    }

    pub(super) fn end(&mut self, classes: &Classes, class: u8, ordinal: usize, text: &[u8], from: usize) -> usize {
        let slot = usize::from(class) * ORDINALS + ordinal.min(ORDINALS - 1);
        if self.ends.len() <= slot {
            self.ends.resize(slot + 1, (1, 0));
        }
        let (start, end) = self.ends[slot];
        if start <= from && from < end {
            return end;
        }
        let set = classes.set(class);
        // Keywords come only roughly in order.
        if from < start && start - from <= NEAR && start < end && text[from..start].iter().all(|byte| set.holds(*byte))
        {
            self.ends[slot] = (from, end);
            return end;
        }
        let end = text[from..]
            .iter()
            .position(|byte| !set.holds(*byte))
            .map_or(text.len(), |length| from + length);
        self.ends[slot] = (from, end);
        end
    }
}
