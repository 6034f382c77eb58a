//! Escapes undone: percent-encoding, backslash escapes and HTML entities, so that a secret in such a coat is still seen.
//!
//! One pass undoes all three kinds at once and remembers where each byte came from. The raw text is always searched as
//! well, because a secret may contain what looks like an escape. A second pass covers what was escaped twice.

/// A decoded text and where its parts came from.
#[derive(Debug, Default)]
pub(crate) struct View {
    text: Vec<u8>,
    parts: Vec<Part>,
}

/// A part of the decoded text: either as it was, byte for byte, or what one escape stands for.
#[derive(Debug, Clone, Copy)]
struct Part {
    decoded: usize,
    raw: usize,
    verbatim: bool,
}

impl View {
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The bounds of a decoded range in the text this view was made of.
    pub(crate) fn origin(&self, start: usize, end: usize) -> (usize, usize) {
        (self.origin_of(start), self.origin_of(end))
    }

    fn origin_of(&self, at: usize) -> usize {
        let after = self.parts.partition_point(|part| part.decoded <= at);
        let Some(part) = after.checked_sub(1).map(|last| self.parts[last]) else {
            return at;
        };
        if part.verbatim {
            part.raw + (at - part.decoded)
        } else {
            part.raw
        }
    }

    fn begin(&mut self) {
        self.text.clear();
        self.parts.clear();
    }

    /// Takes over text that stands for itself.
    fn verbatim(&mut self, raw: &[u8], from: usize, to: usize) {
        self.parts.push(Part {
            decoded: self.text.len(),
            raw: from,
            verbatim: true,
        });
        self.text.extend_from_slice(&raw[from..to]);
    }

    /// Puts what an escape at `from` stands for.
    fn escape(&mut self, bytes: &[u8], from: usize) {
        self.parts.push(Part {
            decoded: self.text.len(),
            raw: from,
            verbatim: false,
        });
        self.text.extend_from_slice(bytes);
    }

    /// Decodes into this view, reusing its memory. False when nothing was escaped.
    pub(crate) fn decode(&mut self, raw: &[u8]) -> bool {
        self.begin();
        let mut copied = 0;
        let mut at = 0;
        while let Some(found) = memchr::memchr3(b'%', b'\\', b'&', &raw[at..]) {
            at += found;
            let decoded = match raw[at] {
                b'%' => percent(&raw[at..]),
                b'\\' => backslash(&raw[at..]),
                _ => entity(&raw[at..]),
            };
            let Some((character, length)) = decoded else {
                at += 1;
                continue;
            };
            if copied < at {
                self.verbatim(raw, copied, at);
            }
            match character {
                Decoded::Byte(byte) => self.escape(&[byte], at),
                Decoded::Char(character) => self.escape(character.encode_utf8(&mut [0; 4]).as_bytes(), at),
            }
            at += length;
            copied = at;
        }
        if self.parts.is_empty() {
            return false;
        }
        // The last part stands even when it is empty, because ranges may end there.
        self.verbatim(raw, copied, raw.len());
        true
    }

    /// Drops every quote and every backslash that quotes, as a shell does. False when there is no backslash: whatever puts
    /// a quote inside quotes writes one.
    pub(crate) fn unquote(&mut self, raw: &[u8]) -> bool {
        self.begin();
        if memchr::memchr(b'\\', raw).is_none() {
            return false;
        }
        let mut copied = 0;
        let mut at = 0;
        while let Some(found) = memchr::memchr3(b'\\', b'\'', b'"', &raw[at..]) {
            at += found;
            if copied < at {
                self.verbatim(raw, copied, at);
            }
            self.escape(b"", at);
            at += 1;
            copied = at;
        }
        self.verbatim(raw, copied, raw.len());
        true
    }

    /// Drops what no reader sees: joiners, soft hyphens, variation selectors, marks of direction. False when there is none.
    pub(crate) fn unveil(&mut self, raw: &[u8]) -> bool {
        self.begin();
        let mut copied = 0;
        let mut at = 0;
        // Their first bytes: everything else is ASCII or another character.
        while let Some(found) = memchr::memchr3(0xc2, 0xe2, 0xef, &raw[at..]) {
            at += found;
            let length = invisible(&raw[at..]);
            if length > 0 {
                if copied < at {
                    self.verbatim(raw, copied, at);
                }
                self.escape(b"", at);
                copied = at + length;
            }
            at += length.max(1);
        }
        if self.parts.is_empty() {
            return false;
        }
        self.verbatim(raw, copied, raw.len());
        true
    }

    /// Takes every run of white space as one space. False when the text is so already.
    pub(crate) fn squeeze(&mut self, raw: &[u8]) -> bool {
        self.begin();
        let mut copied = 0;
        let mut at = 0;
        while let Some(found) = raw[at..].iter().position(u8::is_ascii_whitespace) {
            at += found;
            let run = raw[at..]
                .iter()
                .position(|byte| !byte.is_ascii_whitespace())
                .unwrap_or(raw.len() - at);
            if run > 1 || raw[at] != b' ' {
                self.verbatim(raw, copied, at);
                self.escape(b" ", at);
                copied = at + run;
            }
            at += run;
        }
        if self.parts.is_empty() {
            return false;
        }
        self.verbatim(raw, copied, raw.len());
        true
    }
}

/// Where an escape, or a soft hyphen, may begin: at `at` or one byte on; see [`View::decode`]. It says so more often than it
/// is true, and looks at a few bytes only.
pub(crate) fn may_escape(text: &[u8], at: usize) -> Option<usize> {
    let begins = |text: &[u8]| match text {
        [b'%', high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [b'\\', ..] => true,
        [b'&', b'#', ..] => true,
        [b'&', letter, rest @ ..] => letter.is_ascii_alphabetic() && rest.iter().take(8).any(|byte| *byte == b';'),
        [0xc2, 0xad, ..] => true,
        _ => false,
    };
    [at, at + 1].into_iter().find(|at| text.get(*at..).is_some_and(begins))
}

/// The invisible characters of three bytes, one after the other; the soft hyphen has two.
pub(crate) fn invisible_characters() -> impl Iterator<Item = char> {
    INVISIBLE.into_iter().flatten()
}

/// Joiners and marks of direction, isolates, variation selectors, the byte order mark.
const INVISIBLE: [std::ops::RangeInclusive<char>; 5] = [
    '\u{200b}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
];

/// How many bytes the invisible character that begins a text takes, if one does.
fn invisible(text: &[u8]) -> usize {
    match text {
        // U+00AD
        [0xc2, 0xad, ..] => 2,
        // U+200B to U+200F, U+202A to U+202E, U+2060 to U+206F
        [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa0..=0xaf, ..] => 3,
        // U+FE00 to U+FE0F, U+FEFF
        [0xef, 0xb8, 0x80..=0x8f, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
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
        // As `$'…'` and `printf` write any byte.
        b'0'..=b'3' => {
            let digits = text.get(1..4)?;
            let octal = digits.iter().all(|byte| (b'0'..=b'7').contains(byte));
            let value = digits.iter().fold(0u32, |value, byte| value << 3 | u32::from(byte & 7));
            return octal.then_some((Decoded::Byte(u8::try_from(value).ok()?), 4));
        }
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

const ENTITIES: [(&[u8], u8); 36] = [
    (b"&amp;", b'&'),
    (b"&lt;", b'<'),
    (b"&gt;", b'>'),
    (b"&quot;", b'"'),
    (b"&apos;", b'\''),
    (b"&sol;", b'/'),
    (b"&equals;", b'='),
    (b"&num;", b'#'),
    (b"&dollar;", b'$'),
    (b"&percnt;", b'%'),
    (b"&lpar;", b'('),
    (b"&rpar;", b')'),
    (b"&plus;", b'+'),
    (b"&comma;", b','),
    (b"&period;", b'.'),
    (b"&excl;", b'!'),
    (b"&quest;", b'?'),
    (b"&colon;", b':'),
    (b"&semi;", b';'),
    (b"&commat;", b'@'),
    (b"&lowbar;", b'_'),
    (b"&lsqb;", b'['),
    (b"&lbrack;", b'['),
    (b"&rsqb;", b']'),
    (b"&rbrack;", b']'),
    (b"&lcub;", b'{'),
    (b"&lbrace;", b'{'),
    (b"&rcub;", b'}'),
    (b"&rbrace;", b'}'),
    (b"&bsol;", b'\\'),
    (b"&grave;", b'`'),
    (b"&Hat;", b'^'),
    (b"&verbar;", b'|'),
    (b"&ast;", b'*'),
    (b"&Tab;", b'\t'),
    (b"&nbsp;", b' '),
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
