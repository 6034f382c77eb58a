//! The cheap gate: which few places of a text deserve a closer look.
//!
//! A bitmap of hashed 4-grams is probed at every second byte. Every keyword enters it with two neighbouring grams, so that
//! one of them falls on an even offset wherever the keyword stands. Speed hangs on how full the bitmap is, not on how many
//! rules there are: hence grams of rare letters are preferred, and a short keyword brings what may stand beside it.

const BITS: u32 = 17;
const FOLD: u64 = 0x2020_2020_2020_2020;
/// Folds what is not ASCII onto ASCII, so that "whatever stands before" is few grams.
const SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;

/// A literal to look for, and what it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Keyword<T> {
    /// 3 bytes at least; lower case when `fold`.
    pub(crate) literal: Vec<u8>,
    /// Whether upper and lower case are the same.
    pub(crate) fold: bool,
    /// The bytes that may follow. Needed for literals under 5 bytes only; empty means any.
    pub(crate) next: Vec<u8>,
    /// Whether no letter, digit or `_` may stand before, which makes a literal of 3 bytes cheaper.
    pub(crate) begins_word: bool,
    pub(crate) means: T,
}

impl<T> Keyword<T> {
    fn stands_at(&self, text: &[u8], start: usize) -> bool {
        text.get(start..start + self.literal.len()).is_some_and(|candidate| {
            if self.fold {
                candidate.eq_ignore_ascii_case(&self.literal)
            } else {
                candidate == self.literal
            }
        })
    }
}

/// Where a gram's entries are. Small, because the whole table should stay near the processor.
struct Slot {
    gram: u32,
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
}

/// The gate over a set of keywords.
pub(crate) struct Gate<T> {
    bitmap: Box<[u64; 1 << (BITS - 6)]>,
    slots: Box<[Slot]>,
    entries: Vec<Entry>,
    keywords: Vec<Keyword<T>>,
}

impl<T> Gate<T> {
    pub(crate) fn new(keywords: Vec<Keyword<T>>) -> Self {
        let mut grams: Vec<(u32, u32, i8)> = Vec::new();
        for (index, keyword) in keywords.iter().enumerate() {
            let index = u32::try_from(index).expect("fewer than 2^32 keywords");
            for (gram, offset) in grams_of(&keyword.literal, &keyword.next, keyword.begins_word) {
                grams.push((gram, index, offset));
            }
        }
        grams.sort_unstable();
        grams.dedup();
        let mut bitmap = Box::new([0; 1 << (BITS - 6)]);
        let size = (grams.len() * 4).next_power_of_two().max(64);
        let mut slots: Box<[Slot]> = (0..size).map(|_| Slot { gram: 0, first: NONE }).collect();
        let mut entries = Vec::with_capacity(grams.len());
        for (at, (gram, keyword, offset)) in grams.iter().enumerate() {
            let hash = hash(*gram);
            bitmap[(hash >> 6) as usize] |= 1 << (hash & 63);
            let last = grams.get(at + 1).is_none_or(|(next, ..)| next != gram);
            if at == 0 || grams[at - 1].0 != *gram {
                let mut slot = hash as usize & (size - 1);
                while slots[slot].first != NONE {
                    slot = (slot + 1) & (size - 1);
                }
                slots[slot] = Slot {
                    gram: *gram,
                    first: u32::try_from(at).expect("fewer grams than 2^32"),
                };
            }
            entries.push(Entry {
                keyword: *keyword,
                offset: *offset,
                last,
            });
        }
        Self {
            bitmap,
            slots,
            entries,
            keywords,
        }
    }

    /// The share of the bitmap that is set.
    #[cfg(test)]
    pub(crate) fn fill(&self) -> f64 {
        let set: u32 = self.bitmap.iter().map(|word| word.count_ones()).sum();
        f64::from(set) / f64::from(1u32 << BITS)
    }

    #[inline(always)]
    fn may_hold(&self, gram: u32) -> bool {
        let hash = hash(gram);
        self.bitmap[(hash >> 6) as usize & ((1 << (BITS - 6)) - 1)] >> (hash & 63) & 1 == 1
    }

    /// Whether the text holds any of the keywords.
    pub(crate) fn any(&self, text: &[u8]) -> bool {
        let mut any = false;
        self.scan_until(text, |_, _| {
            any = true;
            true
        });
        any
    }

    /// Calls `found` with the place and meaning of every keyword in the text, roughly in the order of their places.
    pub(crate) fn scan(&self, text: &[u8], mut found: impl FnMut(usize, &T)) {
        self.scan_until(text, |at, means| {
            found(at, means);
            false
        });
    }

    /// The same, until `found` says that it has seen enough.
    #[inline]
    fn scan_until(&self, text: &[u8], mut found: impl FnMut(usize, &T) -> bool) {
        let mut at = 0;
        while let Some(window) = text.get(at..at + 8) {
            let word = u64::from_le_bytes(window.try_into().expect("eight bytes were asked for")) & SEVEN | FOLD;
            let (a, b, c) = (word as u32, (word >> 16) as u32, (word >> 32) as u32);
            if self.may_hold(a) | self.may_hold(b) | self.may_hold(c) {
                let enough = self.look(text, at, a, &mut found)
                    || self.look(text, at + 2, b, &mut found)
                    || self.look(text, at + 4, c, &mut found);
                if enough {
                    return;
                }
            }
            at += 6;
        }
        while let Some(window) = text.get(at..at + 4) {
            let gram = u32::from_le_bytes(window.try_into().expect("four bytes were asked for"));
            let gram = gram & SEVEN as u32 | FOLD as u32;
            if self.look(text, at, gram, &mut found) {
                return;
            }
            at += 2;
        }
    }

    #[inline(never)]
    fn look(&self, text: &[u8], at: usize, gram: u32, found: &mut impl FnMut(usize, &T) -> bool) -> bool {
        if !self.may_hold(gram) {
            return false;
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash(gram) as usize & mask;
        loop {
            let here = &self.slots[slot];
            if here.first == NONE {
                return false;
            }
            if here.gram == gram {
                break;
            }
            slot = (slot + 1) & mask;
        }
        for entry in &self.entries[self.slots[slot].first as usize..] {
            let keyword = &self.keywords[entry.keyword as usize];
            if let Some(start) = at.checked_add_signed(-isize::from(entry.offset))
                && keyword.stands_at(text, start)
                && found(start, &keyword.means)
            {
                return true;
            }
            if entry.last {
                break;
            }
        }
        false
    }
}

#[inline(always)]
fn hash(gram: u32) -> u32 {
    gram.wrapping_mul(0x9E37_79B1) >> (32 - BITS)
}

/// Two neighbouring grams of a keyword and their offsets, or all that a short one may be part of.
fn grams_of(literal: &[u8], next: &[u8], begins_word: bool) -> Vec<(u32, i8)> {
    let gram = |bytes: [u8; 4]| u32::from_le_bytes(bytes) & SEVEN as u32 | FOLD as u32;
    let any: Vec<u8> = (0x20..=0x7f).collect();
    let next: &[u8] = if next.is_empty() { &any } else { next };
    let mut grams = Vec::new();
    if literal.len() >= 5 {
        let best = (0..=(literal.len() - 5).min(100))
            .max_by_key(|at| {
                (
                    literal[*at..*at + 5].iter().map(|byte| rarity(*byte)).sum::<u32>(),
                    std::cmp::Reverse(*at),
                )
            })
            .expect("a literal of 5 bytes has a first gram");
        for at in [best, best + 1] {
            let bytes = [literal[at], literal[at + 1], literal[at + 2], literal[at + 3]];
            grams.push((gram(bytes), i8::try_from(at).expect("capped above")));
        }
    } else if literal.len() == 4 {
        grams.push((gram([literal[0], literal[1], literal[2], literal[3]]), 0));
        grams.extend(
            next.iter()
                .map(|byte| (gram([literal[1], literal[2], literal[3], *byte]), 1)),
        );
    } else {
        // Control bytes and what is not ASCII fold onto these, so this covers whatever stands before.
        let before = (0x20..=0x7fu8).filter(|byte| !begins_word || !byte.is_ascii_alphabetic());
        grams.extend(before.map(|byte| (gram([byte, literal[0], literal[1], literal[2]]), -1)));
        grams.extend(
            next.iter()
                .map(|byte| (gram([literal[0], literal[1], literal[2], *byte]), 0)),
        );
    }
    grams
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
