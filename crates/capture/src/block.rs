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
    let is_control = |byte: u8| u8::from(byte < 0x20) & u8::from(byte != b'\n') | u8::from(byte == 0x7f);
    let mut from = 0;
    for stride in bytes.chunks(STRIDE) {
        // Without an early exit per byte the compiler makes this one vector loop.
        let mut odd = 0;
        for &byte in stride {
            odd |= is_control(byte);
        }
        if odd != 0 {
            let inside = stride.iter().position(|&byte| is_control(byte) != 0);
            return from + inside.unwrap_or(stride.len());
        }
        from += stride.len();
    }
    from
}

/// Whether a text may hold a [hidden](is_hidden) character, told by the bytes of such: never false when it does. Without an
/// early exit and without branches the compiler makes vector loops of it.
pub(crate) fn may_hide(text: &[u8]) -> bool {
    if text.is_ascii() {
        return false;
    }
    let is = |a: u8, b: u8| u8::from(a == b);
    let within = |a: u8, from: u8, to: u8| u8::from(a.wrapping_sub(from) <= to - from);
    let seconds = &text[1..];
    let thirds = seconds.get(1..).unwrap_or_default();
    let mut odd = 0;
    // U+0080 to U+009F and U+00AD; U+061C; what begins as U+180E and as U+E0000 does.
    for (&first, &second) in text.iter().zip(seconds) {
        odd |= is(first, 0xc2) & (within(second, 0x80, 0x9f) | is(second, 0xad));
        odd |= is(first, 0xd8) & is(second, 0x9c)
            | is(first, 0xe1) & is(second, 0xa0)
            | is(first, 0xf3) & is(second, 0xa0);
    }
    // U+200B, U+200E, U+200F, U+2028 to U+202E; U+2060 to U+206F; U+FEFF; U+FFF9 to U+FFFB.
    for ((&first, &second), &third) in text.iter().zip(seconds).zip(thirds) {
        let (e2, ef) = (is(first, 0xe2), is(first, 0xef));
        let marks = is(third, 0x8b) | within(third, 0x8e, 0x8f) | within(third, 0xa8, 0xae);
        odd |= e2 & (is(second, 0x80) & marks | is(second, 0x81) & within(third, 0xa0, 0xaf));
        odd |= ef & (is(second, 0xbb) & is(third, 0xbf) | is(second, 0xbf) & within(third, 0xb9, 0xbb));
    }
    odd != 0
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
            (
                "\u{2713} one\n│ two\nt\u{200b}hree\n".as_bytes(),
                "\u{2713} one\n│ two\n",
            ),
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
        for plain in [
            "",
            "a",
            "│ ✓ ━━━ 日本 é",
            "it’s… – ⚠\u{fe0f} 👩\u{200d}💻 “so”",
            "\u{2588}\u{2500}",
        ] {
            assert!(!may_hide(plain.as_bytes()), "{plain}");
        }
    }
}
