//! Escapes undone: percent-encoding, backslash escapes and HTML entities, so that a secret in such a coat is still seen.
//!
//! One pass undoes all three kinds at once and remembers where each byte came from. The raw text is always searched as
//! well, because a secret may contain what looks like an escape. A second pass covers what was escaped twice.

/// A decoded text and where its bytes came from.
#[derive(Debug, Default)]
pub(crate) struct View {
    text: Vec<u8>,
    // `from[i]` is where byte i begins in the text this view was made of; one more at the end for its length.
    from: Vec<usize>,
}

impl View {
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The bounds of a decoded range in the text this view was made of.
    pub(crate) fn origin(&self, start: usize, end: usize) -> (usize, usize) {
        (self.from[start], self.from[end])
    }

    /// Decodes into this view, reusing its memory. False when nothing was escaped.
    pub(crate) fn decode(&mut self, raw: &[u8]) -> bool {
        self.text.clear();
        self.from.clear();
        let Some(first) = memchr::memchr3(b'%', b'\\', b'&', raw) else {
            return false;
        };
        let mut changed = false;
        self.text.extend_from_slice(&raw[..first]);
        self.from.extend(0..first);
        let mut at = first;
        while at < raw.len() {
            let decoded = match raw[at] {
                b'%' => percent(&raw[at..]),
                b'\\' => backslash(&raw[at..]),
                b'&' => entity(&raw[at..]),
                _ => None,
            };
            match decoded {
                Some((character, length)) => {
                    changed = true;
                    match character {
                        Decoded::Byte(byte) => self.push(byte, at),
                        Decoded::Char(character) => {
                            let mut buffer = [0; 4];
                            for byte in character.encode_utf8(&mut buffer).bytes() {
                                self.push(byte, at);
                            }
                        }
                    }
                    at += length;
                }
                None => {
                    self.push(raw[at], at);
                    at += 1;
                }
            }
        }
        self.from.push(raw.len());
        changed
    }

    /// Takes every run of white space as one space. False when the text is so already.
    pub(crate) fn squeeze(&mut self, raw: &[u8]) -> bool {
        self.text.clear();
        self.from.clear();
        let mut changed = false;
        for (at, byte) in raw.iter().enumerate() {
            if byte.is_ascii_whitespace() {
                if self.text.last() == Some(&b' ') {
                    changed = true;
                    continue;
                }
                changed |= *byte != b' ';
                self.push(b' ', at);
            } else {
                self.push(*byte, at);
            }
        }
        self.from.push(raw.len());
        changed
    }

    fn push(&mut self, byte: u8, from: usize) {
        self.text.push(byte);
        self.from.push(from);
    }
}

enum Decoded {
    Byte(u8),
    Char(char),
}

fn hex(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter()
        .try_fold(0u32, |value, byte| Some(value << 4 | char::from(*byte).to_digit(16)?))
}

fn percent(text: &[u8]) -> Option<(Decoded, usize)> {
    let byte = hex(text.get(1..3)?)?;
    Some((Decoded::Byte(u8::try_from(byte).ok()?), 3))
}

fn backslash(text: &[u8]) -> Option<(Decoded, usize)> {
    let plain = match text.get(1)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'f' => 12,
        escaped @ (b'"' | b'\'' | b'\\' | b'/' | b'$' | b'`') => *escaped,
        b'x' => return Some((Decoded::Byte(u8::try_from(hex(text.get(2..4)?)?).ok()?), 4)),
        b'u' => {
            let high = hex(text.get(2..6)?)?;
            if (0xd800..0xdc00).contains(&high) && text.get(6..8) == Some(b"\\u") {
                let low = hex(text.get(8..12)?)?;
                let code = 0x10000 + ((high - 0xd800) << 10) + low.checked_sub(0xdc00)?;
                return Some((Decoded::Char(char::from_u32(code)?), 12));
            }
            return Some((Decoded::Char(char::from_u32(high)?), 6));
        }
        _ => return None,
    };
    Some((Decoded::Byte(plain), 2))
}

const ENTITIES: [(&[u8], u8); 7] = [
    (b"&amp;", b'&'),
    (b"&lt;", b'<'),
    (b"&gt;", b'>'),
    (b"&quot;", b'"'),
    (b"&apos;", b'\''),
    (b"&sol;", b'/'),
    (b"&equals;", b'='),
];

fn entity(text: &[u8]) -> Option<(Decoded, usize)> {
    if text.get(1) == Some(&b'#') {
        let end = text.iter().take(10).position(|byte| *byte == b';')?;
        let code = match text.get(2)? {
            b'x' | b'X' => hex(text.get(3..end)?)?,
            _ => std::str::from_utf8(&text[2..end]).ok()?.parse().ok()?,
        };
        return Some((Decoded::Char(char::from_u32(code)?), end + 1));
    }
    ENTITIES
        .iter()
        .find(|(name, _)| text.starts_with(name))
        .map(|(name, byte)| (Decoded::Byte(*byte), name.len()))
}
