//! One pass over a text that finds where a gram of four bytes may stand, by two looks into small tables.
//!
//! A text is read as pairs of bytes at even offsets. Each pair has two masks: which buckets hold a gram that begins with it,
//! and which hold one that ends with it. Where the first mask of a pair and the second of the next have a bucket in common, a
//! gram of that bucket may stand. The masks of the pairs that build output is made of lie close together, so the tables stay
//! in the processor's nearest memory; and there is no hashing, which is what such a pass otherwise spends its time on.
//!
//! How many chance hits there are depends on which grams share a bucket: each goes where it makes the fewest likely.

use std::ops::Range;

use crate::typical;

const ALL: usize = 1 << 16;

/// The buckets that a set of grams is spread over.
const BUCKETS: Range<u32> = 0..28;

/// The buckets of the set that another is united with.
const APART_BUCKETS: Range<u32> = BUCKETS.end..31;

/// The same as a mask.
pub(crate) const APART: u32 = (1 << APART_BUCKETS.end) - (1 << APART_BUCKETS.start);

/// The bucket that every pair with one of [`ESCAPES`] begins and any pair ends, so that the pass tells of them on its way.
pub(crate) const ESCAPE: u32 = 1 << 31;

/// What an escape of some kind begins with: percent-encoding, a backslash, an HTML entity; and a soft hyphen, which nobody
/// sees.
const ESCAPES: [u8; 4] = *b"%\\&\xc2";

/// What may stand in each of a gram's four places.
pub(crate) type Gram = [Vec<u8>; 4];

/// The masks of every pair of bytes: which buckets hold a gram that ends with it in the low half, one that begins with it
/// in the high half. Side by side, because a pass asks for both.
#[derive(Clone)]
pub(crate) struct Pairs(Box<[u64; ALL]>);

/// What a pass is told of a pair; see [`Pairs`].
#[derive(Clone, Copy)]
enum Part {
    Begins,
    Ends,
}

impl Part {
    fn mask(self, buckets: u32) -> u64 {
        match self {
            Self::Begins => u64::from(buckets) << 32,
            Self::Ends => u64::from(buckets),
        }
    }
}

impl Pairs {
    fn empty() -> Self {
        let zeros = vec![0; ALL].into_boxed_slice();
        Self(zeros.try_into().expect("a slice of that length"))
    }

    fn add(&mut self, pair: [u8; 2], part: Part, buckets: u32) {
        self.0[index(pair)] |= part.mask(buckets);
    }

    fn has(&self, pair: [u8; 2], part: Part, bucket: u32) -> bool {
        self.0[index(pair)] & part.mask(1 << bucket) != 0
    }

    /// The table for a set of grams.
    pub(crate) fn spread(grams: &[Gram]) -> Self {
        let mut pairs = Self::empty();
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                pairs.add([first, second], Part::Ends, ESCAPE);
                if ESCAPES.contains(&first) || ESCAPES.contains(&second) {
                    pairs.add([first, second], Part::Begins, ESCAPE);
                }
            }
        }
        pairs.place(grams, BUCKETS);
        pairs
    }

    /// The table for a set of grams that is to be united with another.
    pub(crate) fn apart(grams: &[Gram]) -> Self {
        let mut pairs = Self::empty();
        pairs.place(grams, APART_BUCKETS);
        pairs
    }

    /// Puts each gram into the bucket where it makes the fewest chance hits likely.
    fn place(&mut self, grams: &[Gram], buckets: Range<u32>) {
        let mut weights = [(0u64, 0u64); 32];
        // What is met most is placed first, while every bucket still has room for it.
        let met =
            |places: &[Vec<u8>]| -> u64 { each(places).map(|[first, second]| typical::pair(first, second)).sum() };
        let mut grams: Vec<(u64, &Gram)> = grams
            .iter()
            .map(|gram| (met(&gram[..2]).saturating_mul(met(&gram[2..])), gram))
            .collect();
        grams.sort_by_key(|(met, _)| std::cmp::Reverse(*met));
        for (_, gram) in grams {
            let added = |bucket: u32| {
                let weight = |part: Part, gram: &[Vec<u8>]| -> u64 {
                    each(gram)
                        .filter(|pair| !self.has(*pair, part, bucket))
                        .map(|[first, second]| typical::pair(first, second))
                        .sum()
                };
                (weight(Part::Begins, &gram[..2]), weight(Part::Ends, &gram[2..]))
            };
            let (bucket, (first, second)) = buckets
                .clone()
                .map(|bucket| (bucket, added(bucket)))
                .min_by_key(|(bucket, (first, second))| {
                    let (old_first, old_second) = weights[*bucket as usize];
                    (old_first + first) * (old_second + second) - old_first * old_second
                })
                .expect("there are buckets");
            weights[bucket as usize].0 += first;
            weights[bucket as usize].1 += second;
            self.put(gram, bucket);
        }
    }

    fn put(&mut self, gram: &Gram, bucket: u32) {
        for pair in each(&gram[..2]) {
            self.add(pair, Part::Begins, 1 << bucket);
        }
        for pair in each(&gram[2..]) {
            self.add(pair, Part::Ends, 1 << bucket);
        }
    }

    /// A table that finds what either finds.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let mut union = self.clone();
        for (masks, others) in union.0.iter_mut().zip(other.0.iter()) {
            *masks |= others;
        }
        union
    }

    /// Calls `visit` with every even offset at which a gram may stand, or an escape there or one byte on, and the buckets it
    /// may be of, in order, until it says that it has seen enough. True when it did.
    #[inline(always)]
    pub(crate) fn pass(&self, text: &[u8], visit: &mut impl FnMut(usize, u32) -> bool) -> bool {
        let (windows, left) = text.as_chunks::<8>();
        // What the pair before may begin.
        let mut begun = 0;
        for (number, window) in windows.iter().enumerate() {
            let masks = self.masks(u64::from_le_bytes(*window));
            if any(hits(begun, masks)) && visit_each(begun, masks, 8 * number, visit) {
                return true;
            }
            begun = (masks[3] >> 32) as u32;
        }
        let mut end = 8 * windows.len();
        if !left.is_empty() {
            let masks = self.masks(rest(text, end));
            if any(hits(begun, masks)) && visit_each(begun, masks, end, visit) {
                return true;
            }
            begun = (masks[3] >> 32) as u32;
            end += 8;
        }
        begun & ESCAPE != 0 && visit(end - 2, ESCAPE)
    }

    #[inline(always)]
    fn masks(&self, word: u64) -> [u64; 4] {
        [word, word >> 16, word >> 32, word >> 48].map(|pair| self.0[usize::from(pair as u16)])
    }

    /// How likely a chance hit is at an offset of the text.
    #[cfg(test)]
    pub(crate) fn chance(&self, text: &[u8]) -> f64 {
        let mut hits = 0u32;
        let _ = self.pass(text, &mut |_, buckets| {
            hits += u32::from(buckets != ESCAPE);
            false
        });
        f64::from(hits) * 2.0 / text.len() as f64
    }
}

/// The buckets of which each of four pairs ends a gram that the one before it begins.
#[inline(always)]
fn hits(begun: u32, masks: [u64; 4]) -> [u32; 4] {
    let begins = masks.map(|mask| (mask >> 32) as u32);
    let ends = masks.map(|mask| mask as u32);
    [
        begun & ends[0],
        begins[0] & ends[1],
        begins[1] & ends[2],
        begins[2] & ends[3],
    ]
}

#[inline(always)]
fn any(hits: [u32; 4]) -> bool {
    hits[0] | hits[1] | hits[2] | hits[3] != 0
}

/// Visits the grams that the window at `at` ends. Apart and never inlined, so that the pass itself stays small.
#[inline(never)]
fn visit_each(begun: u32, masks: [u64; 4], at: usize, visit: &mut impl FnMut(usize, u32) -> bool) -> bool {
    let hits = hits(begun, masks);
    // The first gram begins two bytes before the window, and at the text's beginning there is none.
    let mut here = at.saturating_sub(2);
    for (pair, hit) in hits.iter().enumerate() {
        if *hit != 0 && visit(here, *hit) {
            return true;
        }
        here = at + 2 * pair;
    }
    false
}

/// The less than eight bytes from `at` to the end, and zeros behind them: a gram that would need those is refused by whoever
/// looks closer.
#[inline(always)]
fn rest(text: &[u8], at: usize) -> u64 {
    let left = text.len() - at;
    match text.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last) >> (8 * (8 - left)),
        None => text[at..]
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

fn index([first, second]: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes([first, second]))
}

fn each(places: &[Vec<u8>]) -> impl Iterator<Item = [u8; 2]> {
    places[0]
        .iter()
        .flat_map(|first| places[1].iter().map(|second| [*first, *second]))
}
