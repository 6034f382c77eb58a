//! Tags and attributes: `<password>value</password>`, `<key>password</key><string>value</string>`.

use std::ops::Range;

use super::pair::is_value_word;
use super::{Beside, quote_at, skip_spaces};
use crate::names::Open;
use crate::prefix;
use crate::value::Written;

/// The longest text of an element, and the farthest that attributes are read.
const ELEMENT: usize = 4096;

/// `<password>value</password>`, `<entry key="password">value</entry>`, `<meta name="csrf-token" content="value">`.
pub(super) fn element(text: &[u8], start: usize, end: usize, before: Option<u8>, quoted_name: bool) -> Beside {
    let limit = text.len().min(end + ELEMENT);
    let mut at = end;
    match text.get(at) {
        Some(b'>') => {}
        Some(b' ') => {
            // A tag name with attributes, or an attribute with more behind it.
            if !quoted_name && before == Some(b':') && !is_namespace(text, start) {
                return Beside::Nothing;
            }
            let reach = limit.min(end + 512);
            loop {
                at = skip_spaces(text, at, 64);
                let word = text[at.min(reach)..reach]
                    .iter()
                    .take(40)
                    .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.'))
                    .count();
                if word == 0 || text.get(at + word) != Some(&b'=') {
                    break;
                }
                let Some(quote) = quote_at(text, at + word + 1) else {
                    return Beside::Nothing;
                };
                let value = at + word + 2;
                let Some(length) = text[value.min(reach)..reach].iter().position(|byte| *byte == quote) else {
                    return Beside::Nothing;
                };
                if quoted_name && is_value_word(&text[at..at + word]) {
                    return Beside::Value(value..value + length, Written::Quoted);
                }
                at = value + length + 1;
            }
            if text.get(at) != Some(&b'>') {
                return Beside::Nothing;
            }
        }
        _ => return Beside::Nothing,
    }
    let mut value = at + 1;
    if text[value..].starts_with(b"<![CDATA[") {
        value += 9;
        let Some(length) = memchr::memmem::find(&text[value..limit.max(value)], b"]]>") else {
            return Beside::Nothing;
        };
        return Beside::Value(value..value + length, Written::Quoted);
    }
    if text[value..].len() > 7 && text[value..value + 7].eq_ignore_ascii_case(b"<value>") {
        value += 7;
    }
    if text[value..].trim_ascii().is_empty() {
        // `password: <token>` ends with a placeholder; an element over lines begins its own.
        return if text.get(prefix::text(text)) == Some(&b'<') {
            Beside::Below(Open::Element)
        } else {
            Beside::Nothing
        };
    }
    match text[value..limit.max(value)]
        .iter()
        .position(|byte| matches!(byte, b'<' | b'\n'))
    {
        Some(length) => Beside::Value(trim(text, value..value + length), Written::Quoted),
        None => Beside::Nothing,
    }
}

/// Whether the `:` before a name ends the namespace of a tag.
fn is_namespace(text: &[u8], start: usize) -> bool {
    let lead = &text[start.saturating_sub(32)..start - 1];
    let word = lead
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    word > 0 && word < lead.len() && lead[lead.len() - word - 1] == b'<'
}

/// `password</key><string>value</string>`.
pub(super) fn after_closing_tag(text: &[u8], at: usize) -> Beside {
    let Some(close) = text[at..].iter().take(64).position(|byte| *byte == b'>') else {
        return Beside::Nothing;
    };
    let tag = &text[at + 2..at + close];
    if !matches!(
        tag,
        b"key" | b"name" | b"Key" | b"Name" | b"th" | b"td" | b"dt" | b"id" | b"param-name" | b"string"
    ) {
        return Beside::Nothing;
    }
    let at = skip_spaces(text, at + close + 1, 64);
    match text.get(at) {
        None => Beside::Below(Open::Pair),
        Some(b'<') if text.get(at + 1) != Some(&b'/') => {
            let Some(open) = text[at..].iter().take(64).position(|byte| *byte == b'>') else {
                return Beside::Nothing;
            };
            let value = at + open + 1;
            let length = text[value..]
                .iter()
                .take(ELEMENT)
                .position(|byte| matches!(byte, b'<' | b'\n'));
            match length {
                Some(length) => Beside::Value(trim(text, value..value + length), Written::Quoted),
                None => Beside::Nothing,
            }
        }
        _ => Beside::Nothing,
    }
}

fn trim(text: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.start < range.end && text[range.start].is_ascii_whitespace() {
        range.start += 1;
    }
    while range.end > range.start && text[range.end - 1].is_ascii_whitespace() {
        range.end -= 1;
    }
    range
}
