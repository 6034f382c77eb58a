//! What stands further on behind a name that nothing joins to a value: `fill_in 'Password', with: '…'`,
//! `initial password for user admin is …`, `expect(token).toBe('…')`, `credentials ci / …`.
//!
//! No grammar says here what the value is, so it must say so itself: only a word drawn by chance is taken for one.

use std::ops::Range;

use crate::chance;
use crate::value::Strength;

/// How far behind a name a value may stand.
const REACH: usize = 120;
/// How many words may stand between.
const WORDS: usize = 12;

/// Up to where the words behind names were looked at in vain, so that a line of nothing but names is read once.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    passwords: usize,
    tokens: usize,
}

/// The first word behind `from` that is drawn by chance.
pub(crate) fn find(text: &[u8], from: usize, strength: Strength, seen: &mut Seen) -> Option<Range<usize>> {
    let end = text.len().min(from + REACH);
    let seen = match strength {
        Strength::Password => &mut seen.passwords,
        _ => &mut seen.tokens,
    };
    let mut at = from.max(*seen).min(end);
    for _ in 0..WORDS {
        while at < end && is_between(text[at]) {
            if matches!(text[at], b'\n' | b';') {
                return None;
            }
            at += 1;
        }
        if at >= end {
            break;
        }
        let length = text[at..]
            .iter()
            .take(512)
            .take_while(|byte| !is_between(**byte))
            .count();
        let word = trimmed(text, at..at + length);
        at += length;
        *seen = at;
        if let Some(value) = value_in(text, word, strength, from) {
            return Some(value);
        }
    }
    None
}

/// What ends a word; `:` and `=` do not, since passwords hold them.
fn is_between(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(
            byte,
            b'"' | b'\'' | b'`' | b',' | b';' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'|'
        )
}

/// A word without the signs of a sentence behind it.
fn trimmed(text: &[u8], mut word: Range<usize>) -> Range<usize> {
    while word.start < word.end && matches!(text[word.end - 1], b'.' | b':' | b'!' | b'?' | b'\\') {
        word.end -= 1;
    }
    while word.start < word.end && matches!(text[word.start], b'.' | b':' | b'=' | b'\\') {
        word.start += 1;
    }
    word
}

/// The value that a word is, or that it holds behind the name of a user: `ci:…`.
fn value_in(text: &[u8], word: Range<usize>, strength: Strength, from: usize) -> Option<Range<usize>> {
    let value = &text[word.clone()];
    // What is escaped is looked at again without its escapes.
    let escaped = |three: &[u8]| three[0] == b'%' && three[1..].iter().all(u8::is_ascii_hexdigit);
    if is_named_else(text, word.start, from) || value.windows(3).any(escaped) {
        return None;
    }
    if strength == Strength::Password {
        let halves = value.iter().take(32).position(|byte| matches!(byte, b':' | b'='));
        if let Some(sign) = halves
            && value[..sign]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            && sign > 0
            && !value[sign + 1..].starts_with(b"//")
        {
            let second = word.start + sign + 1..word.end;
            let user = value[sign] == b':' || is_plain(&value[..sign]);
            if user && chance::is_drawn(&text[second.clone()]) {
                return Some(second);
            }
        }
        return (chance::is_drawn(value) && !value.contains(&b'=')).then_some(word);
    }
    let lead = text[from..word.start].trim_ascii_end();
    let joined = matches!(lead.last(), Some(b':' | b'=' | b'"' | b'\'' | b'`'));
    let flagged = lead
        .rsplit(|byte| *byte == b' ')
        .next()
        .is_some_and(|word| word.starts_with(b"-"));
    // `enable secret …`
    let next = lead.is_empty() && text[from] == b' ' && value.len() >= 10;
    ((joined || flagged) && chance::is_token(value) || next && chance::is_drawn(value)).then_some(word)
}

/// `assertEquals("…", user.getPassword())`, `with … as password`: a word drawn by chance just before a name.
pub(crate) fn before(text: &[u8], start: usize, strength: Strength) -> Option<Range<usize>> {
    let floor = start.saturating_sub(REACH);
    let owner = text[floor..start]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$' | b'>'))
        .count();
    let lead = text[floor..start - owner].trim_ascii_end();
    let lead = match lead.strip_suffix(b",") {
        Some(lead) => lead,
        None => lead.strip_suffix(b" as").or_else(|| lead.strip_suffix(b" as the"))?,
    };
    let lead = lead.trim_ascii_end();
    let lead = match lead.last() {
        Some(b'"' | b'\'' | b'`') => &lead[..lead.len() - 1],
        _ => lead,
    };
    let length = lead.iter().rev().take_while(|byte| !is_between(**byte)).count();
    let end = floor + lead.len();
    let value = &text[end - length..end];
    let drawn = match strength {
        Strength::Password => chance::is_drawn(value),
        _ => chance::is_token(value),
    };
    drawn.then_some(end - length..end)
}

/// Whether a key of its own stands before a word: `requestId: …`, `etag="…"`. What says `value`, `with` or the like is none.
fn is_named_else(text: &[u8], at: usize, from: usize) -> bool {
    const PLAIN: [&[u8]; 11] = [
        b"value", b"with", b"text", b"is", b"to", b"was", b"data", b"be", b"as", b"given", b"default",
    ];
    let lead = &text[from..at];
    let lead = lead
        .trim_ascii_end()
        .strip_suffix(b"\"")
        .or_else(|| lead.trim_ascii_end().strip_suffix(b"'"))
        .unwrap_or(lead.trim_ascii_end());
    let lead = lead.trim_ascii_end();
    let Some(lead) = lead.strip_suffix(b":").or_else(|| lead.strip_suffix(b"=")) else {
        return false;
    };
    let lead = lead
        .strip_suffix(b"\"")
        .or_else(|| lead.strip_suffix(b"'"))
        .unwrap_or(lead);
    let word = lead
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        .count();
    let key = &lead[lead.len() - word..];
    !key.is_empty() && !PLAIN.iter().any(|known| key.eq_ignore_ascii_case(known)) && !is_plain(key)
}

/// Whether a word names a user or a password rather than something else.
fn is_plain(key: &[u8]) -> bool {
    const KEYS: [&[u8]; 9] = [
        b"pass",
        b"pw",
        b"pwd",
        b"user",
        b"login",
        b"p",
        b"credentials",
        b"creds",
        b"admin",
    ];
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)) || crate::name::strength(key).is_some()
}
