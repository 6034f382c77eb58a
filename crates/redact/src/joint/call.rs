//! Arguments of calls: `set("password", "value")`, `setPassword("value")`, `fill('#password', 'value')`.

use std::ops::Range;

use super::{Beside, Name, in_name, quote_at, skip_spaces};
use crate::names::{Open, Seen};
use crate::value::Written;

/// `set("password", "value")`, `["--password", "value"]`.
pub(super) fn argument(text: &[u8], name: Name, joined: usize, before: Option<u8>, seen: &mut Seen) -> Beside {
    let at = skip_spaces(text, joined + 1, 8);
    let flag = name.dashes == 2;
    if at >= text.len() && flag {
        return Beside::Below(Open::Word);
    }
    let opens = name.start.checked_sub(name.dashes + 2).map(|at| text[at]);
    let opened = opens == Some(b'(')
        || opens == Some(b' ') && name.start > name.dashes + 3 && text[name.start - name.dashes - 3] == b'(';
    // A pair in braces or a list may as well be two names.
    let listed = matches!(opens, Some(b'{' | b'['))
        || opens == Some(b' ')
            && name.start > name.dashes + 3
            && matches!(text[name.start - name.dashes - 3], b'{' | b'[');
    if !flag && !opened && !listed || before.is_none() {
        return Beside::Nothing;
    }
    let Some(quote) = quote_at(text, at) else {
        return Beside::Nothing;
    };
    let Some(close) = seen.closing(text, at + 1, quote) else {
        return Beside::Nothing;
    };
    // A list of names is no list of values.
    let value = &text[at + 1..close];
    if !flag && !opened && !crate::login::is_made_up(value) {
        return Beside::Nothing;
    }
    if crate::name::strength(&value[..value.len().min(64)]).is_some() && value.iter().all(|byte| in_name(*byte)) {
        return Beside::Nothing;
    }
    Beside::Value(at + 1..close, Written::Stated)
}

/// `setPassword("value")`, `PASSWORD('value')`.
pub(super) fn call(text: &[u8], name: Name, seen: &mut Seen) -> Beside {
    const ASKS: [&[u8]; 14] = [
        b"get", b"has", b"is", b"find", b"read", b"load", b"fetch", b"verify", b"check", b"use", b"delete", b"test",
        b"remove", b"hash",
    ];
    let word = &text[name.start..name.end];
    let asks = ASKS
        .iter()
        .any(|ask| word.len() > ask.len() && word[..ask.len()].eq_ignore_ascii_case(ask));
    let dotted = word.iter().rposition(|byte| *byte == b'.').map(|dot| &word[dot + 1..]);
    let asks = asks
        || dotted.is_some_and(|word| {
            ASKS.iter()
                .any(|ask| word.len() > ask.len() && word[..ask.len()].eq_ignore_ascii_case(ask))
        });
    let Some(quote) = quote_at(text, name.end + 1).filter(|_| !asks) else {
        return Beside::Nothing;
    };
    match seen.closing(text, name.end + 2, quote) {
        Some(close) if matches!(text.get(close + 1), Some(b')' | b',')) => {
            Beside::Value(name.end + 2..close, Written::Stated)
        }
        _ => Beside::Nothing,
    }
}

/// `fill('#password', 'value')`, `get('#password').type('value')`: what a test types into a field.
pub(super) fn typed_in(text: &[u8], name: Name, at: usize) -> Option<Range<usize>> {
    let before = *text.get(name.start.checked_sub(1)?)?;
    if !matches!(before, b'#' | b'=') {
        return None;
    }
    let at = at + usize::from(text.get(at) == Some(&b']'));
    let quote = quote_at(text, at)?;
    let rest = text.get(at + 1..text.len().min(at + 24))?;
    const LEADS: [&[u8]; 7] = [
        b", ",
        b",",
        b").type(",
        b").fill(",
        b").sendKeys(",
        b").send_keys(",
        b").setValue(",
    ];
    let lead = LEADS.iter().find(|lead| rest.starts_with(lead))?;
    let value = at + 1 + lead.len();
    quote_at(text, value).filter(|second| *second == quote)?;
    let length = text[value + 1..].iter().take(256).position(|byte| *byte == quote)?;
    let range = value + 1..value + 1 + length;
    crate::login::is_made_up(&text[range.clone()]).then_some(range)
}
