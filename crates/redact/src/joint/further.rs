//! What stands further on behind a name that nothing joins to a value: `fill_in 'Password', with: '…'`,
//! `initial password for user admin is …`, `expect(token).toBe('…')`, `credentials ci / …`.
//!
//! No grammar says here what the value is, so it must say so itself: only a word drawn by chance is taken for one.

use std::ops::Range;

use crate::chance;
use crate::name;
use crate::value::Strength;

/// How far behind a name a value may stand.
const REACH: usize = 120;
/// How far before a name a value may stand.
const BACK: usize = 72;
/// How many words may stand between.
const WORDS: usize = 12;

/// Words that lead to a value as names do, and say nothing else of it.
const PLAIN: [&[u8]; 16] = [
    b"old",
    b"new",
    b"current",
    b"previous",
    b"value",
    b"with",
    b"text",
    b"is",
    b"to",
    b"was",
    b"data",
    b"be",
    b"as",
    b"given",
    b"default",
    b"content",
];

/// Up to where the words behind names were looked at in vain, so that a line of nothing but names is read once.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Seen {
    passwords: usize,
    tokens: usize,
    /// Up to where words before names were looked at.
    back: usize,
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
            // A statement of code ends; a sentence goes on.
            if text[at] == b'\n' || text[at] == b';' && !matches!(text.get(at + 1..at + 3), Some([b' ', b'a'..=b'z'])) {
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
    // What is written in another script stands beside a value without a space.
    byte.is_ascii_whitespace()
        || !byte.is_ascii()
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
    let mut word = word;
    // `old=…`
    let key = text[word.clone()]
        .iter()
        .take(10)
        .take_while(|byte| byte.is_ascii_lowercase())
        .count();
    if text.get(word.start + key) == Some(&b'=') && PLAIN.contains(&&text[word.start..word.start + key]) {
        word.start += key + 1;
    }
    let value = &text[word.clone()];
    // What is escaped is looked at again without its escapes.
    let query = value.contains(&b'&') && value.contains(&b'=');
    if query || is_named_else(text, word.start, from) || is_escaped(value) {
        return None;
    }
    if strength == Strength::Password {
        let halves = value
            .iter()
            .take(32)
            .position(|byte| matches!(byte, b':' | b'=' | b'/'));
        if let Some(sign) = halves
            && value[..sign]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@'))
            && sign > 0
            && !value[sign + 1..].starts_with(b"//")
        {
            // `scott/…@ORCL`
            let host = value[sign + 1..]
                .iter()
                .rposition(|byte| *byte == b'@')
                .filter(|_| value[sign] == b'/');
            let second = word.start + sign + 1..host.map_or(word.end, |host| word.start + sign + 1 + host);
            let user = value[sign] != b'=' || is_plain(&value[..sign]);
            if user && chance::is_drawn(&text[second.clone()]) {
                return Some(second);
            }
        }
        // `requestId=…`
        let key = value
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
            .count();
        let named = key > 1 && matches!(value.get(key), Some(b'=' | b':'));
        return (chance::is_drawn(value) && !named).then_some(word);
    }
    let lead = text[from..word.start].trim_ascii();
    let joined = matches!(lead.last(), Some(b':' | b'=' | b'"' | b'\'' | b'`'))
        || [&b" is"[..], b" to", b" was", b" as", b" with"]
            .iter()
            .any(|word| lead.ends_with(word));
    let flagged = lead
        .rsplit(|byte| *byte == b' ')
        .next()
        .is_some_and(|word| word.starts_with(b"-"));
    // `enable secret …`
    let hex = lead.is_empty() && matches!(value.len(), 32 | 40 | 64) && value.iter().all(u8::is_ascii_hexdigit);
    let next = matches!(lead, b"" | b"," | b"0" | b"5" | b"7") && matches!(text[from], b' ' | b',') && value.len() >= 8;
    // Tokens are met in every log; what no sign joins to the name must be as long as they are made.
    let long = value.len() >= 28;
    if hex || (joined || flagged || long) && chance::is_token(value) || next && chance::is_drawn(value) {
        return Some(word);
    }
    // `[base64:…]`
    let colon = value.iter().take(10).position(|byte| *byte == b':')?;
    let second = word.start + colon + 1..word.end;
    (value[..colon] == *b"base64" && chance::is_token(&text[second.clone()])).then_some(second)
}

/// `assertEquals("…", user.getPassword())`, `… is the password`: a word drawn by chance before a name, when it is quoted or
/// what follows it leads to the name.
pub(crate) fn before(text: &[u8], start: usize, strength: Strength, seen: &mut Seen) -> Option<Range<usize>> {
    const LEADS: [&[u8]; 13] = [
        b", ->",
        b"</value>",
        b", name:",
        b", key:",
        b" as ",
        b" is ",
        b" (",
        b" |",
        b" #",
        b" //",
        b" secrets.",
        b" > ",
        b"' ",
    ];
    let floor = start.saturating_sub(BACK).max(seen.back).min(start);
    seen.back = start;
    let mut at = floor;
    // The beginning may be in the middle of a word.
    if at > 0 {
        at += text[at - 1..start]
            .iter()
            .take_while(|byte| !is_between(**byte))
            .count();
    }
    let mut found = None;
    while at < start {
        if is_between(text[at]) {
            if matches!(text[at], b'\n' | b';') {
                found = None;
            }
            at += 1;
            continue;
        }
        let length = text[at..start].iter().take_while(|byte| !is_between(**byte)).count();
        let word = trimmed(text, at..at + length);
        at += length;
        let quoted = matches!(text[..word.start].last(), Some(b'"' | b'\'' | b'`')) && at < start;
        let rest = &text[word.end..];
        let spaces = rest.iter().take(8).take_while(|byte| **byte == b' ').count().max(1) - 1;
        let leads = LEADS
            .iter()
            .any(|lead| rest.starts_with(lead) || rest[spaces.min(rest.len())..].starts_with(lead));
        if !quoted && !leads {
            continue;
        }
        match strength {
            Strength::Password => found = value_in(text, word, strength, floor).or(found),
            _ if word.len() >= 28
                && chance::is_token(&text[word.clone()])
                && !is_named_else(text, word.start, floor) =>
            {
                found = Some(word);
            }
            _ => {}
        }
    }
    found
}

/// Whether signs that join names and values are written as escapes in a word.
fn is_escaped(word: &[u8]) -> bool {
    let percent = |three: &[u8]| {
        [
            &b"%22"[..],
            b"%27",
            b"%3a",
            b"%3d",
            b"%26",
            b"%2c",
            b"%7b",
            b"%7d",
            b"%20",
        ]
        .iter()
        .any(|sign| three.eq_ignore_ascii_case(sign))
    };
    word.windows(3).any(percent) || memchr::memmem::find(word, b"\\u00").is_some()
}

/// Whether a key of its own stands before a word, which says that it is something else: `requestId: …`, `etag="…"`.
fn is_named_else(text: &[u8], at: usize, from: usize) -> bool {
    const IDS: [&[u8]; 34] = [
        b"id",
        b"ids",
        b"uid",
        b"hash",
        b"sha",
        b"sha1",
        b"sha256",
        b"digest",
        b"commit",
        b"etag",
        b"version",
        b"build",
        b"trace",
        b"span",
        b"request",
        b"nonce",
        b"fingerprint",
        b"checksum",
        b"integrity",
        b"file",
        b"path",
        b"url",
        b"uri",
        b"ref",
        b"revision",
        b"tag",
        b"name",
        b"src",
        b"href",
        b"cursor",
        b"image",
        b"chunk",
        b"instance",
        b"pod",
    ];
    const OWNERS: [&[u8]; 12] = [
        b"user",
        b"account",
        b"member",
        b"customer",
        b"tenant",
        b"org",
        b"project",
        b"workspace",
        b"device",
        b"job",
        b"session",
        b"deployment",
    ];
    let unquoted = |lead: &'_ [u8]| lead.len() - usize::from(matches!(lead.last(), Some(b'"' | b'\'' | b'`')));
    let lead = text[from..at].trim_ascii_end();
    let lead = lead[..unquoted(lead)].trim_ascii_end();
    let (lead, assigned) = match lead.split_last() {
        Some((b':', lead)) => (lead, false),
        Some((b'=', lead)) => (lead, true),
        // `(request …`, `user …`: what it is stands before it.
        _ => {
            let spaced = text[..at].ends_with(b" ");
            let word = lead
                .rsplit(|byte| !byte.is_ascii_alphanumeric())
                .next()
                .unwrap_or_default();
            // `auth sha …`: how, not what.
            return spaced && !word.starts_with(b"sha") && (is_of(&IDS, word) || is_of(&OWNERS, word));
        }
    };
    let lead = &lead[..unquoted(lead)];
    let word = lead
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        .count();
    let key = &lead[lead.len() - word..];
    if assigned {
        let last = name::last_word(key);
        let plain = PLAIN.iter().any(|known| last.eq_ignore_ascii_case(known));
        return !key.is_empty() && !plain && !is_plain(key);
    }
    is_of(&IDS, name::last_word(key))
}

fn is_of(list: &[&[u8]], word: &[u8]) -> bool {
    list.iter().any(|known| word.eq_ignore_ascii_case(known))
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
    KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)) || name::strength(key).is_some()
}
