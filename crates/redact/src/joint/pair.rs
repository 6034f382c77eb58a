//! A name under one key and its value under another: `name: DB_PASSWORD, value: …`.

use super::{Beside, quote_at, skip_spaces};
use crate::names::{Open, Seen, Stops};
use crate::value::Written;

/// What a key or attribute is called that holds the value of a name.
pub(crate) fn is_value_word(word: &[u8]) -> bool {
    [
        &b"value"[..],
        b"content",
        b"default",
        b"stringvalue",
        b"parametervalue",
        b"outputvalue",
        b"secretstring",
        b"string_value",
        b"plaintext",
    ]
    .iter()
    .any(|known| word.eq_ignore_ascii_case(known))
}

/// `"name": "DB_PASSWORD", "value": "…"` and `<add key="Password" value="…">`: up to three other keys may stand between.
pub(super) fn pair(text: &[u8], joined: usize, seen: &mut Seen) -> Option<Beside> {
    let limit = text.len().min(joined + 256);
    let mut at = joined;
    for _ in 0..4 {
        while at < limit && matches!(text[at], b',' | b' ' | b'\n' | b'"' | b'\'') {
            at += 1;
        }
        let word = text[at..limit]
            .iter()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count();
        if word == 0 {
            break;
        }
        let is_value = is_value_word(&text[at..at + word]);
        at += word;
        if quote_at(text, at).is_some() {
            at += 1;
        }
        at = skip_spaces(text, at, 8);
        if !matches!(text.get(at), Some(b':' | b'=')) {
            return None;
        }
        at = skip_spaces(text, at + 1, 8);
        let quote = quote_at(text, at);
        let (value, end) = match quote {
            Some(quote) => (at + 1, seen.closing(text, at + 1, quote)?),
            None => (at, seen.token_end(text, at, Stops::Text)),
        };
        if is_value {
            let written = if quote.is_some() {
                Written::Quoted
            } else {
                Written::Stated
            };
            return Some(Beside::Value(value..end, written));
        }
        at = end + usize::from(quote.is_some());
        if at >= limit || !matches!(text[at], b',' | b' ') {
            return None;
        }
    }
    text[at.min(text.len())..]
        .trim_ascii()
        .is_empty()
        .then_some(Beside::Below(Open::Pair))
}
