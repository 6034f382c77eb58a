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

/// How many buckets a set of grams is spread over; one more is left for the set it is united with.
const BUCKETS: u32 = 15;

/// What may stand in each of a gram's four places.
pub(crate) type Gram = [Vec<u8>; 4];

/// The masks of every pair of bytes.
#[derive(Clone)]
pub(crate) struct Pairs {
    first: Box<[u16; ALL]>,
    second: Box<[u16; ALL]>,
}

impl Pairs {
    fn empty() -> Self {
        let zeros = || -> Box<[u16; ALL]> {
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
        let mut weights = [(0u64, 0u64); BUCKETS as usize];
        for gram in grams {
            let added = |bucket: usize| {
                let weight = |masks: &[u16; ALL], gram: &[Vec<u8>]| -> u64 {
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

    /// Calls `visit` with every even offset at which a gram may stand, in order, until it says that it has seen enough.
    /// Whether it did.
    #[inline(always)]
    pub(crate) fn pass(&self, text: &[u8], visit: &mut impl FnMut(usize) -> bool) -> bool {
        let mut at = 0;
        // What the pair before `at` may begin.
        let mut begun = 0;
        while let Some(window) = text.get(at..at + 8) {
            let word = u64::from_le_bytes(window.try_into().expect("eight bytes were asked for"));
            let any = self.hits(word, begun);
            if any[0] | any[1] | any[2] | any[3] != 0 && visit_each(any, at, visit) {
                return true;
            }
            begun = self.first[(word >> 48) as usize];
            at += 8;
        }
        if text.len() == at {
            return false;
        }
        // What lies behind the end is zeros: a gram that would need them is refused by whoever looks closer.
        let mut window = [0; 8];
        window[..text.len() - at].copy_from_slice(&text[at..]);
        let any = self.hits(u64::from_le_bytes(window), begun);
        any[0] | any[1] | any[2] | any[3] != 0 && visit_each(any, at, visit)
    }

    #[inline(always)]
    fn hits(&self, word: u64, begun: u16) -> [u16; 4] {
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
        self.pass(text, &mut |_| {
            hits += 1;
            false
        });
        f64::from(hits) * 2.0 / text.len() as f64
    }
}

/// Visits the grams that the window at `at` ends. Apart and never inlined, so that the pass itself stays small.
#[inline(never)]
fn visit_each(hits: [u16; 4], at: usize, visit: &mut impl FnMut(usize) -> bool) -> bool {
    // The first gram begins two bytes before the window, and at the text's beginning there is none.
    hits.iter()
        .enumerate()
        .any(|(pair, hit)| *hit != 0 && visit(at + 2 * pair - 2))
}

fn index([first, second]: [u8; 2]) -> usize {
    usize::from(u16::from_le_bytes([first, second]))
}

fn each(places: &[Vec<u8>]) -> impl Iterator<Item = [u8; 2]> {
    places[0]
        .iter()
        .flat_map(|first| places[1].iter().map(|second| [*first, *second]))
}
