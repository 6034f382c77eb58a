//! One pass over a text that finds where a gram of four bytes may stand, by two looks into small tables.
//!
//! A text is read as pairs of bytes at even offsets. Each pair has two masks: which buckets hold a gram that begins with it,
//! and which hold one that ends with it. Where the first mask of a pair and the second of the next have a bucket in common, a
//! gram of that bucket may stand. The masks of the pairs that build output is made of lie close together, so the tables stay
//! in the processor's nearest memory; and there is no hashing, which is what such a pass otherwise spends its time on.
//!
//! How many chance hits there are depends on which grams share a bucket: each goes where it makes the fewest likely.

use crate::typical;

const ALL: usize = 1 << 16;

/// How many buckets a set of grams is spread over; one of the two left is for the set it is united with.
const BUCKETS: u32 = 30;

/// The bucket of the set that another is united with.
pub(crate) const APART: u32 = 1 << BUCKETS;

/// The bucket that every pair with one of [`ESCAPES`] begins and any pair ends, so that the pass tells of them on its way.
const ESCAPE: u32 = 1 << 31;

/// What an escape of some kind begins with: percent-encoding, a backslash, an HTML entity.
const ESCAPES: [u8; 3] = *b"%\\&";

/// What may stand in each of a gram's four places.
pub(crate) type Gram = [Vec<u8>; 4];

/// The masks of every pair of bytes.
#[derive(Clone)]
pub(crate) struct Pairs {
    first: Box<[u32; ALL]>,
    second: Box<[u32; ALL]>,
}

impl Pairs {
    fn empty() -> Self {
        let zeros = || -> Box<[u32; ALL]> {
            vec![0; ALL]
                .into_boxed_slice()
                .try_into()
                .expect("a slice of that length")
        };
        Self {
            first: zeros(),
            second: zeros(),
        }
    }

    /// The table for a large set of grams, each in the bucket where it makes the fewest chance hits likely.
    pub(crate) fn spread(grams: &[Gram]) -> Self {
        let mut pairs = Self::empty();
        pairs.second.fill(ESCAPE);
        for escape in ESCAPES {
            for beside in 0..=u8::MAX {
                pairs.first[index([escape, beside])] = ESCAPE;
                pairs.first[index([beside, escape])] = ESCAPE;
            }
        }
        let mut weights = [(0u64, 0u64); BUCKETS as usize];
        // What is met most is placed first, while every bucket still has room for it.
        let met =
            |places: &[Vec<u8>]| -> u64 { each(places).map(|[first, second]| typical::pair(first, second)).sum() };
        let mut grams: Vec<(u64, &Gram)> = grams
            .iter()
            .map(|gram| (met(&gram[..2]).saturating_mul(met(&gram[2..])), gram))
            .collect();
        grams.sort_by_key(|(met, _)| std::cmp::Reverse(*met));
        for (_, gram) in grams {
            let added = |bucket: usize| {
                let weight = |masks: &[u32; ALL], gram: &[Vec<u8>]| -> u64 {
                    each(gram)
                        .filter(|pair| masks[index(*pair)] >> bucket & 1 == 0)
                        .map(|[first, second]| typical::pair(first, second))
                        .sum()
                };
                (weight(&pairs.first, &gram[..2]), weight(&pairs.second, &gram[2..]))
            };
            let (bucket, (first, second)) = (0..BUCKETS as usize)
                .map(|bucket| (bucket, added(bucket)))
                .min_by_key(|(bucket, (first, second))| {
                    let (old_first, old_second) = weights[*bucket];
                    (old_first + first) * (old_second + second) - old_first * old_second
                })
                .expect("there are buckets");
            weights[bucket].0 += first;
            weights[bucket].1 += second;
            pairs.put(gram, bucket as u32);
        }
        pairs
    }

    /// The table for a set of grams that is to be united with another.
    pub(crate) fn apart(grams: &[Gram]) -> Self {
        let mut pairs = Self::empty();
        for gram in grams {
            pairs.put(gram, BUCKETS);
        }
        pairs
    }

    fn put(&mut self, gram: &Gram, bucket: u32) {
        for pair in each(&gram[..2]) {
            self.first[index(pair)] |= 1 << bucket;
        }
        for pair in each(&gram[2..]) {
            self.second[index(pair)] |= 1 << bucket;
        }
    }

    /// A table that finds what either finds.
    pub(crate) fn with(&self, other: &Self) -> Self {
        let mut union = self.clone();
        for (masks, others) in [(&mut union.first, &other.first), (&mut union.second, &other.second)] {
            for (mask, other) in masks.iter_mut().zip(others.iter()) {
                *mask |= other;
            }
        }
        union
    }

    /// Calls `visit` with every even offset at which a gram may stand and the buckets it may be of, in order, until it says that it has seen enough.
    #[inline(always)]
    pub(crate) fn pass(&self, text: &[u8], visit: &mut impl FnMut(usize, u32) -> bool) -> Passed {
        let mut at = 0;
        // What the pair before `at` may begin.
        let mut begun = 0;
        let mut passed = Passed::default();
        // Every byte's bits.
        let mut bits = 0;
        while let Some(window) = text.get(at..at + 8) {
            let word = u64::from_le_bytes(window.try_into().expect("eight bytes were asked for"));
            bits |= word;
            let hits = self.hits(word, begun);
            if hits[0] | hits[1] | hits[2] | hits[3] != 0 && passed.visit_each(hits, at, visit) {
                return passed;
            }
            begun = self.first[(word >> 48) as usize];
            at += 8;
        }
        if at < text.len() {
            let word = rest(text, at);
            bits |= word;
            let hits = self.hits(word, begun);
            if hits[0] | hits[1] | hits[2] | hits[3] != 0 && passed.visit_each(hits, at, visit) {
                return passed;
            }
            begun = self.first[(word >> 48) as usize];
        }
        passed.escaped |= begun & ESCAPE != 0;
        passed.wide = bits & 0x8080_8080_8080_8080 != 0;
        passed
    }

    #[inline(always)]
    fn hits(&self, word: u64, begun: u32) -> [u32; 4] {
        let [a, b, c, d] = [
            word as u16,
            (word >> 16) as u16,
            (word >> 32) as u16,
            (word >> 48) as u16,
        ]
        .map(usize::from);
        [
            begun & self.second[a],
            self.first[a] & self.second[b],
            self.first[b] & self.second[c],
            self.first[c] & self.second[d],
        ]
    }

    /// How likely a chance hit is at an offset of the text.
    #[cfg(test)]
    pub(crate) fn chance(&self, text: &[u8]) -> f64 {
        let mut hits = 0u32;
        let _ = self.pass(text, &mut |_, _| {
            hits += 1;
            false
        });
        f64::from(hits) * 2.0 / text.len() as f64
    }
}

/// What a pass says of a text as a whole.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Passed {
    /// Whether whoever was called had seen enough.
    pub(crate) enough: bool,
    /// Whether an escape may stand in what was passed.
    pub(crate) escaped: bool,
    /// Whether it holds anything but ASCII. Not told once somebody had seen enough.
    pub(crate) wide: bool,
}

impl Passed {
    /// Visits the grams that the window at `at` ends. Apart and never inlined, so that the pass itself stays small.
    #[inline(never)]
    fn visit_each(&mut self, hits: [u32; 4], at: usize, visit: &mut impl FnMut(usize, u32) -> bool) -> bool {
        let all = hits[0] | hits[1] | hits[2] | hits[3];
        self.escaped |= all & ESCAPE != 0;
        if all & !ESCAPE != 0 {
            // The first gram begins two bytes before the window, and at the text's beginning there is none.
            self.enough = hits
                .iter()
                .enumerate()
                .any(|(pair, hit)| hit & !ESCAPE != 0 && visit((at + 2 * pair).saturating_sub(2), *hit));
        }
        self.enough
    }
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
