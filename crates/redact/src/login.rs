//! Logging in, whatever the program: flags beside a user, the arguments of a call, what is piped into it.

use std::ops::Range;

use crate::chance;
use crate::rules;
use crate::span::Spans;
use crate::value::{self, Strength, Written};

/// How far a command or a call is read.
const REACH: usize = 256;

/// Flags that take a password or a token where somebody logs in.
const FLAGS: &[&[u8]] = &[b"-p", b"-P", b"-w", b"-pw", b"--pw", b"-pass", b"--pass"];
/// The same where the command itself says that it logs in.
const SURE_FLAGS: &[&[u8]] = &[
    b"-p", b"-P", b"-w", b"-pw", b"--pw", b"-pass", b"--pass", b"-t", b"-k", b"-a", b"-s", b"<<<",
];

/// Up to where flags were looked for, so that a line of nothing but users is read once.
#[derive(Default)]
pub(crate) struct Seen {
    flags: usize,
    calls: usize,
}

/// `TOOL -u USER -p VALUE`: a password beside a user, before it or behind it on the same command.
pub(crate) fn beside_user(text: &[u8], at: usize, seen: &mut Seen, spans: &mut Spans) {
    if text[at..].starts_with(b" -u ") {
        halves(text, at + 3, spans);
    }
    let mut from = at.saturating_sub(REACH / 2).max(seen.flags);
    // A multi-byte character may be cut, which is no harm: flags are ASCII.
    if let Some(ends) = text[from.min(at)..at]
        .iter()
        .rposition(|byte| matches!(byte, b';' | b'|' | b'\n'))
    {
        from += ends + 1;
    }
    flags(text, from, at + REACH, FLAGS, is_made_up, seen, spans);
}

/// `TOOL login -p VALUE`: what says that it logs in may have plainer values.
pub(crate) fn behind_login(text: &[u8], at: usize, seen: &mut Seen, spans: &mut Spans) {
    flags(text, at, at + REACH, SURE_FLAGS, is_likely, seen, spans);
}

fn flags(
    text: &[u8],
    from: usize,
    to: usize,
    flags: &[&[u8]],
    accepts: fn(&[u8]) -> bool,
    seen: &mut Seen,
    spans: &mut Spans,
) {
    let end = text.len().min(to);
    let mut at = from.max(seen.flags).min(end);
    while let Some(space) = memchr::memchr3(b' ', b'|', b'\n', &text[at..end]) {
        if text[at + space] != b' ' {
            break;
        }
        at += space + 1;
        // Every flag begins with one of these.
        let rest = &text[at..];
        if !matches!(rest.first(), Some(b'-' | b'/' | b'<')) {
            continue;
        }
        // Whatever the flag is called, a value drawn by chance beside a user is its password.
        if let Some(value) = behind_flag(text, at).and_then(|word| drawn_of(text, word)) {
            spans.push(value, rules::COMMAND_LINE);
            continue;
        }
        let ends = |byte: &u8| matches!(byte, b' ' | b'=');
        let Some(length) = rest.iter().take(8).position(ends) else {
            continue;
        };
        let Some(flag) = flags.iter().find(|flag| **flag == &rest[..length]) else {
            continue;
        };
        let range = word_at(text, at + flag.len() + 1);
        if accepts(&text[range.clone()]) {
            spans.push(range, rules::COMMAND_LINE);
        }
    }
    seen.flags = seen.flags.max(at);
}

/// The word behind a short flag that stands at `at`: `-ap VALUE`.
fn behind_flag(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let dash = matches!(rest.first(), Some(b'-' | b'/'));
    let letters = rest
        .iter()
        .skip(1)
        .take(4)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    (dash && (1..=4).contains(&letters) && rest.get(1 + letters) == Some(&b' '))
        .then(|| word_at(text, at + letters + 2))
}

/// `--user name:VALUE`, `--creds=name:VALUE`: the word behind the flag has two halves.
pub(crate) fn halves(text: &[u8], from: usize, spans: &mut Spans) {
    if !matches!(text.get(from), Some(b' ' | b'=')) {
        return;
    }
    parted(text, from + 1, spans);
}

/// The second half of the word at `from`: `name:VALUE`.
pub(crate) fn parted(text: &[u8], from: usize, spans: &mut Spans) {
    let word = word_at(text, from);
    if let Some(colon) = text[word.clone()].iter().position(|byte| *byte == b':')
        && colon > 0
        && memchr::memmem::find(&text[word.clone()], b"://").is_none()
        && is_made_up(&text[word.start + colon + 1..word.end])
    {
        spans.push(word.start + colon + 1..word.end, rules::COMMAND_LINE);
    }
}

/// The word at `from`, when it is made up.
pub(crate) fn worded(text: &[u8], from: usize, spans: &mut Spans) {
    let word = word_at(text, from);
    if is_made_up(&text[word.clone()]) {
        spans.push(word, rules::COMMAND_LINE);
    }
}

/// The word at `from`, or its second half behind the name of a user, when it is drawn by chance.
pub(crate) fn drawn(text: &[u8], from: usize, spans: &mut Spans) {
    if let Some(value) = drawn_of(text, word_at(text, from)) {
        spans.push(value, rules::COMMAND_LINE);
    }
}

fn drawn_of(text: &[u8], word: Range<usize>) -> Option<Range<usize>> {
    let user = text[word.clone()]
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@' | b'\\'))
        .count();
    let colon = word.start + user;
    // `/p:Version=1.4.0+3fa9`: a name of its own, which is asked itself.
    let letters = text[word.clone()]
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    if letters >= 3 && text.get(word.start + letters) == Some(&b'=') {
        return None;
    }
    let parted = match text.get(colon).filter(|_| user > 0 && colon < word.end) {
        Some(b':') => true,
        // `-U name%VALUE`, but passwords hold the sign as well.
        Some(b'%') => !chance::is_mixed(&text[word.start..colon]) && user < 24,
        _ => false,
    };
    let value = if parted { colon + 1..word.end } else { word };
    chance::is_drawn(&text[value.clone()]).then_some(value)
}

/// `name=VALUE` at `from`, whatever the name.
pub(crate) fn entry(text: &[u8], from: usize, spans: &mut Spans) {
    let word = word_at(text, from);
    if let Some(sign) = text[word.clone()].iter().position(|byte| *byte == b'=')
        && is_made_up(&text[word.start + sign + 1..word.end])
        && (crate::name::strength(&text[word.start..word.start + sign]).is_some()
            || chance::is_drawn(&text[word.start + sign + 1..word.end]))
    {
        spans.push(word.start + sign + 1..word.end, rules::COMMAND_LINE);
    }
}

/// The word at `from`, when it may be a password.
pub(crate) fn stated(text: &[u8], from: usize, spans: &mut Spans) {
    let word = word_at(text, from);
    if is_likely(&text[word.clone()]) {
        spans.push(word, rules::COMMAND_LINE);
    }
}

/// `login("name", "VALUE")`: a later quoted argument of a call that logs in. `from` is behind the bracket.
pub(crate) fn called(text: &[u8], from: usize, seen: &mut Seen, spans: &mut Spans) {
    let end = text.len().min(from + REACH);
    let mut at = from.max(seen.calls).min(end);
    let mut commas = 0;
    while at < end {
        match text[at] {
            b',' => commas += 1,
            b')' | b'\n' => break,
            quote @ (b'"' | b'\'' | b'`') => {
                let Some(length) = text[at + 1..end].iter().position(|byte| *byte == quote) else {
                    break;
                };
                let range = at + 1..at + 1 + length;
                let value = &text[range.clone()];
                if commas > 0 && is_made_up(value) || value.len() >= 20 && chance::is_token(value) {
                    spans.push(range, rules::COMMAND_LINE);
                    break;
                }
                at += length + 1;
            }
            _ => {}
        }
        at += 1;
    }
    seen.calls = at;
}

/// A value that nobody writes for anything but a secret: letters and digits with capitals among them or with odd signs, or
/// a long run of digits and letters.
pub(crate) fn is_made_up(value: &[u8]) -> bool {
    let count = |kind: fn(&u8) -> bool| value.iter().filter(|byte| kind(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let (small, capitals) = (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
    let odd = count(|byte| b"!^~%#@$&*?+=".contains(byte));
    let long = value.len() >= 16 && digits >= 3 && small + capitals >= 3;
    is_likely(value) && (small > 0 && capitals > 0 && digits > 0 || odd > 0 && digits > 0 || long)
}

/// A value that may be a password where one is expected.
fn is_likely(value: &[u8]) -> bool {
    let count = |kind: fn(&u8) -> bool| value.iter().filter(|byte| kind(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let letters = count(u8::is_ascii_alphabetic);
    (6..=4096).contains(&value.len())
        && digits > 0
        && letters > 1
        && !matches!(value[0], b'-' | b'/' | b'.' | b'(')
        && !value.contains(&b' ')
        && !is_version_or_port(value)
        && value::is_secret(value, Strength::Password, Written::Stated)
}

/// `1.2.3-rc1`, `8080:80/tcp`, `127.0.0.1:80:80`.
fn is_version_or_port(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"v").unwrap_or(value);
    let first = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    first > 0
        && matches!(value.get(first), Some(b'.' | b':'))
        && value.get(first + 1).is_some_and(u8::is_ascii_digit)
        && value[first + 1..]
            .iter()
            .filter(|byte| byte.is_ascii_uppercase())
            .count()
            < 3
}

/// The word of a command line at `from`, without its quotes.
fn word_at(text: &[u8], from: usize) -> Range<usize> {
    let from = super::joint::skip_spaces(text, from.min(text.len()), 4);
    let limit = text.len().min(from + 4 * REACH);
    let (from, ends): (usize, fn(&u8, u8) -> bool) = match text.get(from) {
        Some(b'"' | b'\'') => (from + 1, |byte, quote| *byte == quote),
        _ => (from, |byte, _| {
            byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'|' | b';')
        }),
    };
    let quote = from.checked_sub(1).map_or(0, |at| text[at]);
    let from = from.min(limit);
    let length = text[from..limit].iter().position(|byte| ends(byte, quote));
    from..length.map_or(limit, |length| from + length)
}
