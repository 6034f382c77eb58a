//! The cheap gate: which few places of a text deserve a closer look.
//!
//! Every keyword is known by two neighbouring grams of four bytes, so that one of them falls on an even offset wherever the
//! keyword stands; `pairs` finds where one may be. Speed hangs on how often that is, not on how many keywords there are:
//! hence grams that build output is not made of are preferred, and a short keyword brings what may stand beside it.

use crate::pairs::{APART, ESCAPE, Gram, Pairs};
use crate::typical;

const BITS: u32 = 17;
const FOLD: u32 = 0x2020_2020;
/// Keys of grams whose last, or first, byte may be any of several.
const ANY_LAST: u32 = 0x00ff_ffff;
const ANY_FIRST: u32 = 0xffff_ff00;

/// A literal to look for, and what it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Keyword<T> {
    /// 3 bytes at least; lower case when `fold`.
    pub(crate) literal: Vec<u8>,
    /// Whether upper and lower case are the same.
    pub(crate) fold: bool,
    /// The bytes of which one must follow; empty means any, or the end of the text.
    pub(crate) next: Vec<u8>,
    /// Whether no letter, digit or `_` may stand before, which makes a literal of 3 bytes cheaper.
    pub(crate) begins_word: bool,
    pub(crate) means: T,
}

impl<T> Keyword<T> {
    #[inline]
    fn stands_at(&self, text: &[u8], start: usize) -> bool {
        let end = start + self.literal.len();
        let Some(candidate) = text.get(start..end) else {
            return false;
        };
        if self.begins_word && start > 0 && in_word(text[start - 1]) && !after_escape(text, start) {
            return false;
        }
        if self.fold {
            candidate.eq_ignore_ascii_case(&self.literal)
        } else {
            candidate == self.literal
        }
    }

    /// What may stand in the place of one of the literal's bytes.
    fn place(&self, at: usize) -> Vec<u8> {
        let byte = self.literal[at];
        if self.fold && byte.is_ascii_alphabetic() {
            vec![byte, byte.to_ascii_uppercase()]
        } else {
            vec![byte]
        }
    }

    /// The gram of four bytes of the literal.
    fn gram(&self, at: usize) -> Gram {
        [at, at + 1, at + 2, at + 3].map(|at| self.place(at))
    }

    /// What may stand before the keyword: an escaped line end or tab ends in a letter and is no word.
    fn before(&self) -> Vec<u8> {
        (0..=u8::MAX)
            .filter(|byte| !self.begins_word || !in_word(*byte) || matches!(byte, b'n' | b'r' | b't'))
            .collect()
    }

    /// Two neighbouring grams and how far into the keyword they begin; for a short literal, one may begin a byte before it.
    fn grams(&self) -> [(i8, Gram); 2] {
        let next = || {
            if self.next.is_empty() {
                (0..=u8::MAX).collect()
            } else {
                self.next.clone()
            }
        };
        match self.literal.len() {
            3 => {
                let [a, b, c] = [0, 1, 2].map(|at| self.place(at));
                [
                    (-1, [self.before(), a.clone(), b.clone(), c.clone()]),
                    (0, [a, b, c, next()]),
                ]
            }
            4 => {
                let [a, b, c, d] = [0, 1, 2, 3].map(|at| self.place(at));
                let before = [self.before(), a, b.clone(), c.clone()];
                let behind = [b, c, d, next()];
                if often(&before) < often(&behind) {
                    [(-1, before), (0, self.gram(0))]
                } else {
                    [(0, self.gram(0)), (1, behind)]
                }
            }
            longer => {
                // An offset is kept in a byte.
                let best = (0..=(longer - 5).min(100))
                    .min_by_key(|at| {
                        let ((fours, pairs), (more_fours, more_pairs)) = (self.met(*at), self.met(*at + 1));
                        (fours + more_fours, pairs + more_pairs)
                    })
                    .expect("a literal of 5 bytes has a first gram");
                let offset = |at| i8::try_from(at).expect("capped above");
                [(offset(best), self.gram(best)), (offset(best + 1), self.gram(best + 1))]
            }
        }
    }

    /// How often the gram at `at` is met in build output: as such, and else by its pairs.
    fn met(&self, at: usize) -> (u64, u64) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|place| self.literal[at + place]);
        (typical::four([a, b, c, d]), typical::pair(a, b) * typical::pair(c, d))
    }
}

/// What a scan meets.
pub(crate) enum Hit<'a, T> {
    /// A keyword stands here.
    Keyword(&'a T),
    /// A keyword of the gate that was asked beside stands here.
    Beside,
    /// An escape may begin here, or one byte on.
    Escape,
}

/// Where a gram's entries are. Small, because the whole table should stay near the processor.
struct Slot {
    key: u32,
    /// The first of its entries, or [`NONE`].
    first: u32,
}

const NONE: u32 = u32::MAX;

/// A keyword that holds a gram.
struct Entry {
    keyword: u32,
    /// How far into the keyword the gram begins.
    offset: i8,
    /// Whether it is the gram's last.
    last: bool,
    /// The keyword's first byte, in lower case: it tells most chance hits before the keyword is fetched.
    first: u8,
}

/// A bit for every byte that may follow a keyword.
#[derive(Clone, Copy)]
struct Follows([u64; 4]);

impl Follows {
    fn of(next: &[u8]) -> Option<Self> {
        let mut bits = [0; 4];
        for byte in next {
            bits[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        (!next.is_empty()).then_some(Self(bits))
    }

    fn holds(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }
}

/// The gate over a set of keywords.
pub(crate) struct Gate<T> {
    pairs: Pairs,
    /// A bit for every hash of a gram. Most hits of the pass are chance, and asking here spares them the table, which is too
    /// large to stay near the processor.
    sieve: Box<[u64; 1 << (BITS - 6)]>,
    slots: Box<[Slot]>,
    entries: Vec<Entry>,
    keywords: Vec<(Keyword<T>, Option<Follows>)>,
}

impl<T> Gate<T> {
    /// A gate of its own.
    pub(crate) fn new(keywords: Vec<Keyword<T>>) -> Self {
        Self::with(keywords, Pairs::spread)
    }

    /// A gate to be asked together with another; see [`Gate::scan_both`].
    pub(crate) fn beside(keywords: Vec<Keyword<T>>) -> Self {
        Self::with(keywords, Pairs::apart)
    }

    fn with(keywords: Vec<Keyword<T>>, pairs: impl Fn(&[Gram]) -> Pairs) -> Self {
        let mut places: Vec<Gram> = Vec::with_capacity(2 * keywords.len());
        let mut grams: Vec<(u32, u32, i8)> = Vec::new();
        for (index, keyword) in keywords.iter().enumerate() {
            let index = u32::try_from(index).expect("fewer than 2^32 keywords");
            for (offset, gram) in keyword.grams() {
                grams.push((key(&gram), index, offset));
                places.push(gram);
            }
        }
        grams.sort_unstable();
        grams.dedup();
        let mut sieve = Box::new([0; 1 << (BITS - 6)]);
        let size = (grams.len() * 4).next_power_of_two().max(64);
        let mut slots: Box<[Slot]> = (0..size).map(|_| Slot { key: 0, first: NONE }).collect();
        let mut entries = Vec::with_capacity(grams.len());
        for (at, (gram, keyword, offset)) in grams.iter().enumerate() {
            let (word, bit) = in_sieve(*gram);
            sieve[word] |= 1 << bit;
            let last = grams.get(at + 1).is_none_or(|(next, ..)| next != gram);
            if at == 0 || grams[at - 1].0 != *gram {
                let mut slot = hash(*gram) as usize & (size - 1);
                while slots[slot].first != NONE {
                    slot = (slot + 1) & (size - 1);
                }
                slots[slot] = Slot {
                    key: *gram,
                    first: u32::try_from(at).expect("fewer grams than 2^32"),
                };
            }
            entries.push(Entry {
                keyword: *keyword,
                offset: *offset,
                last,
                first: keywords[*keyword as usize].literal[0] | 0x20,
            });
        }
        Self {
            pairs: pairs(&places),
            sieve,
            slots,
            entries,
            keywords: keywords
                .into_iter()
                .map(|keyword| {
                    let follows = Follows::of(&keyword.next);
                    (keyword, follows)
                })
                .collect(),
        }
    }

    /// What one pass for both gates needs. `other` is made by [`Gate::beside`].
    pub(crate) fn united<U>(&self, other: &Gate<U>) -> Pairs {
        self.pairs.with(&other.pairs)
    }

    /// Whether the text holds any of the keywords.
    pub(crate) fn any(&self, text: &[u8]) -> bool {
        self.pairs
            .pass(text, &mut |at, _| self.look(text, at, &mut |_, _| true))
    }

    /// Calls `found` with the place and meaning of every keyword in the text, with every place at which a keyword of the
    /// gate beside stands, and with every even offset at which, or one byte on, an escape may begin. Roughly in the order of
    /// their places. What it returns is the place before which nothing more is wanted. A gate beside comes with what is
    /// [united](Self::united) of the two.
    #[inline]
    pub(crate) fn scan<U>(
        &self,
        text: &[u8],
        beside: Option<(&Gate<U>, &Pairs)>,
        mut found: impl FnMut(usize, Hit<'_, T>) -> usize,
    ) {
        let mut wanted = 0;
        let pairs = beside.map_or(&self.pairs, |(_, united)| united);
        pairs.pass(text, &mut |at, buckets| {
            if at < wanted {
                return false;
            }
            if buckets & ESCAPE != 0 {
                wanted = found(at, Hit::Escape);
            }
            if buckets & APART != 0
                && let Some((gate, _)) = beside
            {
                gate.look(text, at, &mut |at, _| {
                    wanted = found(at, Hit::Beside);
                    true
                });
            }
            if buckets & !(APART | ESCAPE) != 0 {
                self.look(text, at, &mut |at, means| {
                    wanted = found(at, Hit::Keyword(means));
                    false
                });
            }
            false
        });
    }

    /// Reports the keywords that hold the gram that stands at `at`, until `found` says that it has seen enough.
    #[inline]
    fn look(&self, text: &[u8], at: usize, found: &mut impl FnMut(usize, &T) -> bool) -> bool {
        // A short keyword may end the text; what stands behind it is then zero, for whom nothing is required there.
        let gram = match text.get(at..at + 4) {
            Some(gram) => u32::from_le_bytes(gram.try_into().expect("four bytes were asked for")),
            None => text
                .get(at..)
                .unwrap_or_default()
                .iter()
                .rev()
                .fold(0, |gram, byte| gram << 8 | u32::from(*byte)),
        } | FOLD;
        self.may_hold(gram) && self.look_up(gram, text, at, found)
            || self.may_hold(gram & ANY_LAST) && self.look_up(gram & ANY_LAST, text, at, found)
            || self.may_hold(gram & ANY_FIRST) && self.look_up(gram & ANY_FIRST, text, at, found)
    }

    #[inline]
    fn may_hold(&self, key: u32) -> bool {
        let (word, bit) = in_sieve(key);
        self.sieve[word] >> bit & 1 != 0
    }

    /// The same for one key.
    #[inline(never)]
    fn look_up(&self, key: u32, text: &[u8], at: usize, found: &mut impl FnMut(usize, &T) -> bool) -> bool {
        let mask = self.slots.len() - 1;
        let mut slot = hash(key) as usize & mask;
        loop {
            let here = &self.slots[slot];
            if here.first == NONE {
                return false;
            }
            if here.key == key {
                break;
            }
            slot = (slot + 1) & mask;
        }
        for entry in &self.entries[self.slots[slot].first as usize..] {
            if let Some(start) = at.checked_add_signed(-isize::from(entry.offset))
                && text.get(start).is_some_and(|byte| byte | 0x20 == entry.first)
            {
                let (keyword, follows) = &self.keywords[entry.keyword as usize];
                // By the gram alone, what follows would be asked or not as the offset is even or odd.
                let followed = || text.get(start + keyword.literal.len()).copied();
                if follows.is_none_or(|follows| followed().is_some_and(|next| follows.holds(next)))
                    && keyword.stands_at(text, start)
                    && found(start, &keyword.means)
                {
                    return true;
                }
            }
            if entry.last {
                break;
            }
        }
        false
    }

    /// The share of offsets in a text at which a closer look is taken.
    #[cfg(test)]
    pub(crate) fn chance(&self, text: &[u8]) -> f64 {
        self.pairs.chance(text)
    }
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether an escaped line end or tab, as in `\n`, stands before: its letter is not the beginning of a word.
pub(crate) fn after_escape(text: &[u8], at: usize) -> bool {
    at >= 2 && text[at - 2] == b'\\' && matches!(text[at - 1], b'n' | b'r' | b't')
}

/// How often a gram of which a place may hold several bytes is met, by its pairs.
fn often(gram: &Gram) -> u64 {
    let pairs = |first: &[u8], second: &[u8]| -> u64 {
        let of = |first: &u8| -> u64 { second.iter().map(|second| typical::pair(*first, *second)).sum() };
        first.iter().map(of).sum()
    };
    pairs(&gram[0], &gram[1]).saturating_mul(pairs(&gram[2], &gram[3]))
}

/// A gram's key: its four bytes, folded. Where a place may hold more than one letter, as what stands beside a short keyword
/// may, its byte is zero, which no folded byte is.
fn key(places: &Gram) -> u32 {
    u32::from_le_bytes(places.each_ref().map(|place| {
        let mut folded = place.iter().map(|byte| byte | 0x20);
        let first = folded.next().unwrap_or(0);
        if folded.all(|byte| byte == first) { first } else { 0 }
    }))
}

fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1) >> 8
}

/// The word and the bit of a gram in the sieve.
fn in_sieve(gram: u32) -> (usize, u32) {
    let hash = gram.wrapping_mul(0x85EB_CA6B) >> (32 - BITS);
    ((hash >> 6) as usize, hash & 63)
}

/// How seldom a byte is met in build output: the more, the better it serves as a gate.
pub(crate) fn rarity(byte: u8) -> u32 {
    match byte | 0x20 {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' | b'/' | b'.' => 1,
        b'l' | b'c' | b'd' | b'm' | b'u' | b'p' | b'-' => 2,
        b'h' | b'f' | b'g' | b'b' | b'v' | b'y' | b'k' | b'w' | b'0'..=b'9' | b':' => 4,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keyword() -> impl Strategy<Value = Keyword<usize>> {
        ("[abAB_]{3,9}", any::<bool>(), "[abA_ ]{0,2}").prop_map(|(literal, fold, next)| Keyword {
            literal: if fold { literal.to_ascii_lowercase() } else { literal }.into_bytes(),
            fold,
            next: next.into_bytes(),
            begins_word: false,
            means: 0,
        })
    }

    fn stands(keyword: &Keyword<usize>, text: &[u8], at: usize) -> bool {
        let next = text.get(at + keyword.literal.len());
        keyword.stands_at(text, at) && (keyword.next.is_empty() || next.is_some_and(|next| keyword.next.contains(next)))
    }

    fn every_place(keywords: &[Keyword<usize>], text: &[u8]) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        for keyword in keywords {
            for at in 0..text.len() {
                if stands(keyword, text, at) {
                    places.push((at, keyword.means));
                }
            }
        }
        places.sort_unstable();
        places
    }

    proptest! {
        #[test]
        fn every_keyword_is_found_where_it_stands(
            mut keywords in proptest::collection::vec(keyword(), 1..12),
            // Few letters, so that keywords begin, overlap and almost stand all the time; two of them are escapes.
            text in "[abAB_%\\\\ é]{0,60}",
        ) {
            for (number, keyword) in keywords.iter_mut().enumerate() {
                keyword.means = number;
            }
            let text = text.as_bytes();
            let expected = every_place(&keywords, text);
            let all_of = |gate: &Gate<usize>, beside: Option<(&Gate<usize>, &Pairs)>| {
                let (mut mine, mut others, mut escapes) = (Vec::new(), false, Vec::new());
                gate.scan(text, beside, |at, hit| {
                    match hit {
                        Hit::Keyword(means) => mine.push((at, *means)),
                        Hit::Beside => others = true,
                        Hit::Escape => escapes.push(at),
                    }
                    0
                });
                (mine, others, escapes)
            };
            let (mut found, _, escapes) = all_of(&Gate::new(keywords.clone()), None);
            found.sort_unstable();
            let all = found.clone();
            found.retain(|place| expected.contains(place));
            found.dedup();
            prop_assert_eq!(&found, &expected);
            prop_assert!(all.iter().all(|(at, means)| stands(&keywords[*means], text, *at)));
            for (at, _) in text.iter().enumerate().filter(|(_, byte)| b"%\\&\xc2".contains(byte)) {
                prop_assert!(escapes.contains(&(at & !1)), "{at} in {escapes:?}");
            }
            prop_assert_eq!(Gate::beside(keywords.clone()).any(text), !all.is_empty());
            let other = Gate::beside(keywords.split_off(keywords.len() / 2));
            let gate = Gate::new(keywords);
            let (mine, others, mine_escapes) = all_of(&gate, Some((&other, &gate.united(&other))));
            let (alone, _, _) = all_of(&gate, None);
            prop_assert_eq!(mine, alone);
            prop_assert_eq!(mine_escapes, escapes);
            prop_assert_eq!(others, other.any(text));
        }
    }
}
