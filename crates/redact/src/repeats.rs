//! What repeats itself is judged once: a long line of nothing but `password='password='…` would otherwise cost a look at
//! each of thousands of keywords, all of them with the same outcome.
//!
//! Where a line repeats itself with a short period, for [`NEAR`] bytes on both sides of a keyword, one of its places is looked at
//! afresh, as if nothing had been read before. What is to be hidden at each place behind it is then the same, so many
//! periods farther on. Matchers look farther than that only for the end of a value, and an end that lies farther is the same
//! for all.

use std::ops::Range;

use crate::engine::Means;
use crate::span::Spans;

/// How far on both sides a line must repeat itself.
const NEAR: usize = 512;
/// The longest period.
const LONGEST: usize = 64;
/// How many kinds of keywords are remembered.
const KINDS: usize = 8;
/// How often a text is looked at afresh. Each time, what matchers had read is read again; beyond that every keyword is
/// looked at.
const AFRESH: usize = 12;

/// What is to be done at a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing: what was found one period before was reported for it too.
    Done,
    /// It is to be looked at.
    Look,
    /// It is to be looked at as if nothing had been read before.
    LookAfresh,
}

/// The last place of each of a few kinds of keywords, and which spans it was given.
#[derive(Default)]
pub(crate) struct Repeats {
    last: [Option<Seen>; KINDS],
    /// Which of them is given up for another kind.
    next: usize,
    /// How often the text was looked at afresh.
    afresh: usize,
}

struct Seen {
    means: Means,
    at: usize,
    /// What was found there afresh; none when it was not looked at so.
    spans: Option<Range<usize>>,
    /// The line is known to repeat itself with this period up to this place.
    period: usize,
    up_to: usize,
    /// Whether looking afresh said nothing of the next place.
    vain: bool,
}

impl Repeats {
    /// Whether the keyword at `at` must be looked at; [`Repeats::looked`] is to be told when it was.
    pub(crate) fn turn(&mut self, means: Means, text: &[u8], at: usize, spans: &mut Spans) -> Turn {
        if at < NEAR + LONGEST || text.len() < at + NEAR || self.afresh >= AFRESH {
            return Turn::Look;
        }
        let Some(seen) = self.last.iter_mut().flatten().find(|seen| seen.means == means) else {
            return Turn::Look;
        };
        // Keywords come only roughly in order.
        let period = at.saturating_sub(seen.at);
        if period == 0 || period > LONGEST {
            return Turn::Look;
        }
        // What was compared for the place before need not be again.
        let known = seen.period == period;
        let begin = if known { seen.up_to } else { at - NEAR };
        let end = at + NEAR;
        if text[begin..end] != text[begin - period..end - period] {
            return Turn::Look;
        }
        (seen.period, seen.up_to) = (period, end);
        match seen.spans.clone().filter(|_| known) {
            Some(found) => {
                seen.at = at;
                let from = spans.len();
                for index in found {
                    spans.repeat(index, period, end);
                }
                seen.spans = Some(from..spans.len());
                Turn::Done
            }
            None if known && seen.vain => Turn::Look,
            None => Turn::LookAfresh,
        }
    }

    /// All that was read before is forgotten.
    pub(crate) fn begin_afresh(&mut self) {
        self.afresh += 1;
    }

    /// What was found at a keyword that was looked at: spans of these numbers, and whether there were others that are part of
    /// one before and say nothing of the next place.
    pub(crate) fn looked(
        &mut self,
        turn: Turn,
        means: Means,
        text: &[u8],
        at: usize,
        found: Range<usize>,
        others: bool,
    ) {
        // Short lines repeat nothing that matters.
        if text.len() < 2 * NEAR {
            return;
        }
        let known = self.last.iter_mut().flatten().find(|seen| seen.means == means);
        let (period, up_to) = known.as_ref().map_or((0, 0), |seen| (seen.period, seen.up_to));
        let vain = known.as_ref().is_some_and(|seen| seen.vain);
        let seen = match turn {
            Turn::LookAfresh => Seen {
                means,
                at,
                spans: (!others).then_some(found),
                period,
                up_to,
                vain: others,
            },
            // Where it was compared up to here, it still is.
            _ if up_to == at + NEAR => Seen {
                means,
                at,
                spans: None,
                period,
                up_to,
                vain,
            },
            _ => Seen {
                means,
                at,
                spans: None,
                period: 0,
                up_to: 0,
                vain: false,
            },
        };
        match known {
            Some(known) => *known = seen,
            None => {
                self.last[self.next % KINDS] = Some(seen);
                self.next += 1;
            }
        }
    }
}
