//! Where an entry stands in its job's log, and checked ranges of such places.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::Invalid;

/// The number of an entry within its job: 1, 2, 3 … without holes, except for spans a record lists as unused.
///
/// Zero is "before the first entry": the head of an empty log, the cursor of one who has seen nothing. At most
/// 2⁵³ − 1, so that a browser holds it exactly. One integer is the cursor in Redis, SQLite, S3, SSE and links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Seq(u64);

impl Seq {
    /// Before the first entry.
    pub const ZERO: Seq = Seq(0);
    /// The first entry.
    pub const FIRST: Seq = Seq(1);
    /// The greatest number a browser holds exactly.
    pub const MAX: Seq = Seq((1 << 53) - 1);

    /// # Errors
    /// [`Invalid`] above [`Seq::MAX`].
    pub fn new(number: u64) -> Result<Self, Invalid> {
        if number <= Self::MAX.0 {
            Ok(Self(number))
        } else {
            Err(Invalid::new(
                "a sequence number",
                "a whole number of at most 9007199254740991",
            ))
        }
    }

    /// The number itself.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The place after this one; [`Seq::MAX`] stays where it is.
    pub const fn next(self) -> Seq {
        self.plus(1)
    }

    /// The place before this one; zero stays where it is.
    pub const fn prev(self) -> Seq {
        Seq(self.0.saturating_sub(1))
    }

    /// `count` places further, at most [`Seq::MAX`].
    pub const fn plus(self, count: u64) -> Seq {
        let sum = self.0.saturating_add(count);
        Seq(if sum > Self::MAX.0 { Self::MAX.0 } else { sum })
    }

    /// `count` places back, at least zero.
    pub const fn minus(self, count: u64) -> Seq {
        Seq(self.0.saturating_sub(count))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seq {
    type Err = Invalid;

    /// Plain decimal digits only: no sign, no blanks, no more than 16 digits.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bad = Invalid::new("a sequence number", "a whole number of at most 9007199254740991");
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad);
        }
        Self::new(text.parse().map_err(|_| bad)?)
    }
}

impl TryFrom<u64> for Seq {
    type Error = Invalid;
    fn try_from(number: u64) -> Result<Self, Invalid> {
        Self::new(number)
    }
}

impl From<Seq> for u64 {
    fn from(seq: Seq) -> u64 {
        seq.0
    }
}

/// A range of places, both ends included, never empty, starting at 1 or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(Seq, Seq)", into = "(Seq, Seq)")]
pub struct Span {
    first: Seq,
    last: Seq,
}

impl Span {
    /// # Errors
    /// [`Invalid`] when `first` is zero or after `last`.
    pub fn new(first: Seq, last: Seq) -> Result<Self, Invalid> {
        if first >= Seq::FIRST && first <= last {
            Ok(Self { first, last })
        } else {
            Err(Invalid::new(
                "a span",
                "two sequence numbers from 1 on, the first not after the last",
            ))
        }
    }

    /// The places after `after` up to and including `last`; none when there are none.
    pub fn after(after: Seq, last: Seq) -> Option<Self> {
        Self::new(after.next(), last).ok()
    }

    /// The first place of the range.
    pub const fn first(self) -> Seq {
        self.first
    }

    /// The last place of the range.
    pub const fn last(self) -> Seq {
        self.last
    }

    /// How many places it covers; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a span is never empty")]
    pub const fn len(self) -> u64 {
        self.last.get() - self.first.get() + 1
    }

    /// Whether `seq` lies in it.
    pub fn contains(self, seq: Seq) -> bool {
        self.first <= seq && seq <= self.last
    }

    /// What both ranges cover.
    pub fn overlap(self, other: Span) -> Option<Span> {
        Self::new(self.first.max(other.first), self.last.min(other.last)).ok()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for Span {
    type Err = Invalid;

    /// The form [`Display`](fmt::Display) writes: `first-last`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (first, last) = text
            .split_once('-')
            .ok_or(Invalid::new("a span", "two sequence numbers joined by '-'"))?;
        Self::new(first.parse()?, last.parse()?)
    }
}

impl TryFrom<(Seq, Seq)> for Span {
    type Error = Invalid;
    fn try_from((first, last): (Seq, Seq)) -> Result<Self, Invalid> {
        Self::new(first, last)
    }
}

impl From<Span> for (Seq, Seq) {
    fn from(span: Span) -> (Seq, Seq) {
        (span.first, span.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimal_digits_are_a_cursor() {
        for (text, number) in [("0", 0), ("7", 7), ("007", 7), ("9007199254740991", Seq::MAX.get())] {
            assert_eq!(text.parse::<Seq>().map(Seq::get), Ok(number), "{text}");
        }
        for bad in [
            "",
            " 1",
            "+1",
            "-1",
            "1.0",
            "1e3",
            "9007199254740992",
            "99999999999999999999",
            "٣",
        ] {
            assert!(bad.parse::<Seq>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_span_is_never_empty_and_never_starts_at_zero() {
        assert!(Span::new(Seq::ZERO, Seq::FIRST).is_err());
        assert!(Span::new(Seq(5), Seq(4)).is_err());
        assert_eq!(Span::after(Seq(4), Seq(4)), None);
        assert_eq!(Span::after(Seq(4), Seq(6)).map(Span::len), Some(2));
    }

    #[test]
    fn a_span_reads_back_what_it_writes() {
        let span = Span::new(Seq(3), Seq(999_999)).expect("3 is before 999999");
        assert_eq!(span.to_string().parse(), Ok(span));
    }
}
