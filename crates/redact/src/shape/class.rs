//! The classes of characters that patterns are made of.

/// The set of bytes a class holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Set([u64; 4]);

impl Set {
    pub(super) const EMPTY: Self = Self([0; 4]);

    pub(super) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    pub(crate) fn holds(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// Its bytes, in order.
    pub(crate) fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=255u8).filter(|byte| self.holds(*byte))
    }
}

/// All classes of a rule book, so that a run already measured is not measured again.
#[derive(Default)]
pub(crate) struct Classes(Vec<Set>);

impl Classes {
    pub(super) fn id(&mut self, set: Set) -> u8 {
        let at = self.0.iter().position(|known| *known == set).unwrap_or_else(|| {
            self.0.push(set);
            self.0.len() - 1
        });
        u8::try_from(at).expect("the built-in rules use a few dozen classes")
    }

    pub(crate) fn set(&self, id: u8) -> &Set {
        &self.0[usize::from(id)]
    }
}

/// The characters of a class, written as between `[` and `]`.
pub(super) fn members(text: &str) -> Result<Set, &'static str> {
    let mut set = Set::EMPTY;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if bytes.get(at + 1) == Some(&b'w') => {
                set_range(&mut set, b'A', b'Z');
                set_range(&mut set, b'a', b'z');
                set_range(&mut set, b'0', b'9');
                set.insert(b'_');
                at += 2;
            }
            from if bytes.get(at + 1) == Some(&b'-') && at + 2 < bytes.len() => {
                let to = bytes[at + 2];
                if from > to {
                    return Err("a range that runs backwards");
                }
                set_range(&mut set, from, to);
                at += 3;
            }
            one => {
                set.insert(one);
                at += 1;
            }
        }
    }
    Ok(set)
}

fn set_range(set: &mut Set, from: u8, to: u8) {
    for byte in from..=to {
        set.insert(byte);
    }
}
