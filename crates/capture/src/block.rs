//! Whole lines that are just what they say, taken many at a time: most of what most tools write.

use crate::ansi::is_hidden;

/// How many bytes are looked at in one go. Where one line in them needs more care, those before it are taken and the rest is
/// looked at again, so this bounds what is looked at twice.
const REACH: usize = 4 * 1024;

/// How many bytes are judged together.
const STRIDE: usize = 256;

/// The whole lines at the beginning of `bytes`, each with its newline, up to the first that is not plain: no controls, valid
/// UTF-8, nothing hidden, at most 4 KiB of them together.
pub(crate) fn plain_lines(bytes: &[u8]) -> &str {
    let bytes = &bytes[..bytes.len().min(REACH)];
    let bytes = &bytes[..controls_from(bytes)];
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
    };
    let end = if may_hide(text.as_bytes()) {
        text.find(is_hidden).unwrap_or(text.len())
    } else {
        text.len()
    };
    let whole = memchr::memrchr(b'\n', &text.as_bytes()[..end]).map_or(0, |newline| newline + 1);
    &text[..whole]
}

/// Where the first control character is, other than a newline.
fn controls_from(bytes: &[u8]) -> usize {
    let is_control = |byte: u8| (byte < 0x20) & (byte != b'\n') | (byte == 0x7f);
    let mut from = 0;
    for stride in bytes.chunks(STRIDE) {
        // Without an early exit per byte the compiler makes this one vector loop.
        if stride.iter().fold(false, |odd, &byte| odd | is_control(byte)) {
            let inside = stride.iter().position(|&byte| is_control(byte));
            return from + inside.unwrap_or(stride.len());
        }
        from += stride.len();
    }
    from
}

/// Whether a text may hold a [hidden](is_hidden) character, told by the first bytes of such: never false when it does.
pub(crate) fn may_hide(text: &[u8]) -> bool {
    let first = |byte: u8| (byte == 0xc2) | (byte == 0xd8) | (byte == 0xe1) | (byte == 0xef) | (byte == 0xf3);
    let alone = text.iter().fold(false, |odd, &byte| odd | first(byte));
    let next = text.get(1..).unwrap_or_default();
    // U+2000 to U+207F, among box drawing and dingbats with the same first byte.
    let pairs = text.iter().zip(next);
    alone | pairs.fold(false, |odd, (&byte, &next)| odd | ((byte == 0xe2) & (next < 0x82)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_are_taken_up_to_the_first_that_needs_care() {
        for (bytes, taken) in [
            (&b""[..], ""),
            (b"no end yet", ""),
            (b"one\n", "one\n"),
            (b"one\n\ntwo\nthree", "one\n\ntwo\n"),
            (b"one\n\x1b[31mtwo\n", "one\n"),
            (b"one\ntwo\r\nthree\n", "one\n"),
            (b"one\nt\xffo\nthree\n", "one\n"),
            ("\u{2713} one\n│ two\nt\u{200b}hree\n".as_bytes(), "\u{2713} one\n│ two\n"),
            ("caf\u{e9}\nd\u{85}\n".as_bytes(), "caf\u{e9}\n"),
        ] {
            assert_eq!(plain_lines(bytes), taken, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_long_run_is_taken_in_parts_that_end_with_a_line() {
        let text = "a line of some length\n".repeat(1000);
        let taken = plain_lines(text.as_bytes());
        assert!(taken.len() <= REACH && taken.len() > REACH - 30 && taken.ends_with('\n'));
        assert_eq!(plain_lines(&vec![b'x'; 3 * REACH]), "");
    }

    #[test]
    fn no_hidden_character_is_missed() {
        for code in 0x80..=0x0e_0100u32 {
            let Some(c) = char::from_u32(code).filter(|c| is_hidden(*c)) else {
                continue;
            };
            assert!(may_hide(format!("a{c}b").as_bytes()), "U+{code:04X}");
            assert!(may_hide(c.encode_utf8(&mut [0; 4]).as_bytes()), "U+{code:04X}");
        }
        for plain in ["", "a", "│ ✓ ━━━ 日本 é", "\u{2588}\u{2500}"] {
            assert!(!may_hide(plain.as_bytes()), "{plain}");
        }
    }
}
