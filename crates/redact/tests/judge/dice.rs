//! Chance with a fixed start, and the small language in which formats are written down.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Opens a stretch that must be hidden, in the text of a case.
pub(crate) const OPEN: char = '\u{E000}';
/// Closes it.
pub(crate) const CLOSE: char = '\u{E001}';
/// Opens a stretch that may be hidden or not: it is no secret, and its loss is no loss.
pub(crate) const OPEN_EITHER: char = '\u{E002}';
/// Closes it.
pub(crate) const CLOSE_EITHER: char = '\u{E003}';

/// Marks a text as one that must be hidden.
pub(crate) fn secret(text: &str) -> String {
    format!("{OPEN}{text}{CLOSE}")
}

/// Marks a text as one that may be hidden or not.
pub(crate) fn either(text: &str) -> String {
    format!("{OPEN_EITHER}{text}{CLOSE_EITHER}")
}

/// A generator with a fixed start, so that every run judges the same cases.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `below`, not included.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        usize::try_from(self.next() % below.max(1) as u64).unwrap_or(0)
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Characters of a class of [`alphabet`]; not all alike, and never a number only where letters may stand.
    pub(crate) fn chars(&mut self, class: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet(class).chars().collect();
        (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    pub(crate) fn uuid(&mut self) -> String {
        format!(
            "{}-{}-4{}-a{}-{}",
            self.chars("h", 8),
            self.chars("h", 4),
            self.chars("h", 3),
            self.chars("h", 3),
            self.chars("h", 12)
        )
    }

    /// A password as people and generators make them: letters of both cases, digits, and signs that need no quoting.
    pub(crate) fn password(&mut self, length: usize) -> String {
        let mut word: Vec<char> = self.chars("w", length).chars().collect();
        word[1] = alphabet("A").chars().nth(self.below(26)).unwrap_or('Q');
        word[2] = char::from(b'2' + u8::try_from(self.below(8)).unwrap_or(0));
        word[length / 2] = *['!', '_', '-', '+', '.', '~', '^', '%']
            .get(self.below(8))
            .unwrap_or(&'!');
        word[length - 1] = alphabet("a").chars().nth(self.below(26)).unwrap_or('q');
        word.into_iter().collect()
    }

    pub(crate) fn jwt(&mut self) -> String {
        let header = [
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"typ":"JWT","alg":"RS256","kid":"k1"}"#,
        ];
        let payload = format!(
            r#"{{"sub":"{}","iat":17{},"role":"service"}}"#,
            self.chars("h", 12),
            self.chars("d", 8)
        );
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header[self.below(2)]),
            URL_SAFE_NO_PAD.encode(payload),
            self.chars("u", 43)
        )
    }

    /// A token of 30 characters and the base-62 CRC-32 of them.
    fn with_checksum(&mut self, prefix: &str) -> String {
        let body = self.chars("w", 30);
        let mut crc = !0_u32;
        for byte in body.bytes() {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xEDB8_8320 & (0_u32.wrapping_sub(crc & 1)));
            }
        }
        let (mut rest, mut digits) = (!crc, Vec::new());
        for _ in 0..6 {
            digits.push(char::from(
                b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[(rest % 62) as usize],
            ));
            rest /= 62;
        }
        format!("{prefix}{body}{}", digits.iter().rev().collect::<String>())
    }

    /// Draws one instance of a template; what stands between « and » comes out marked as the secret part, and everything
    /// does where nothing is marked so.
    pub(crate) fn draw(&mut self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            out.push_str(&rest[..at]);
            let end = rest[at..].find('}').expect("a template closes its braces") + at;
            out.push_str(&self.part(&rest[at + 1..end]));
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        if out.contains('«') {
            let marks = [('«', OPEN), ('»', CLOSE), ('⟨', OPEN_EITHER), ('⟩', CLOSE_EITHER)];
            marks
                .into_iter()
                .fold(out, |out, (written, mark)| out.replace(written, &mark.to_string()))
        } else {
            secret(&out)
        }
    }

    /// Draws one instance without marks.
    pub(crate) fn draw_plain(&mut self, template: &str) -> String {
        self.draw(template)
            .replace([OPEN, CLOSE, OPEN_EITHER, CLOSE_EITHER], "")
    }

    fn part(&mut self, part: &str) -> String {
        match part {
            "uuid" => return self.uuid(),
            "jwt" => return self.jwt(),
            words if words.contains('|') => {
                let words: Vec<&str> = words.split('|').collect();
                return self.pick(&words).to_owned();
            }
            _ => {}
        }
        let (class, length) = part.split_once(':').expect("a part has a class and a length");
        if class == "crc" {
            return self.with_checksum(length);
        }
        let length = match length.split_once('-') {
            Some((from, to)) => {
                let (from, to): (usize, usize) = (number(from), number(to));
                from + self.below(to - from + 1)
            }
            None => number(length),
        };
        if class == "id" {
            // An account's number in base64, as some tokens begin.
            return URL_SAFE_NO_PAD.encode(format!("1{}", self.chars("d", length - 1)));
        }
        if class == "pw" {
            return self.password(length);
        }
        let mut drawn = self.chars(class, length);
        if class == "b64pct" {
            // As a signature stands in a query: its signs percent-encoded.
            drawn = drawn.replace('+', "%2B").replace('/', "%2F");
        }
        drawn
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a length is a number")
}

fn alphabet(class: &str) -> &'static str {
    match class {
        "a" => "abcdefghijklmnopqrstuvwxyz",
        "A" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "l" => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "d" => "0123456789",
        "n" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "N" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "w" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "h" => "0123456789abcdef",
        "H" => "0123456789ABCDEF",
        "b" | "b64pct" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "u" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        "x" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "X" => "abcdefghijklmnopqrstuvwxyz234567",
        "ad" => "ABCD",
        "ap" => "ABCDEFGHIJKLMNOP",
        "d05" => "012345",
        "last" => "AQgw",
        "bech" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        "odd" => "abcdefghijklmnopqrstuvwxyz0123456789!@^*-_=+%",
        _ => panic!("no class {class}"),
    }
}
