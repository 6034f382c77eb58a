//! What stands at a place of its own: behind a slash, as the second word, in what is echoed.

use super::{REACH, push, report, word_at};
use crate::login;
use crate::name;
use crate::span::Spans;
use crate::value::{self, Strength, Written};

/// `sqlplus user/SECRET@database`: in the first word behind the program that is no flag and no path.
pub(super) fn behind_slash(text: &[u8], at: usize, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    let line = &text[at..end];
    let mut from = 0;
    while let Some(space) = memchr::memchr(b' ', &line[from..]) {
        from += space + 1;
        let (start, stop) = word_at(text, at + from);
        let word = &text[start..stop];
        if let Some(slash) = word.iter().position(|byte| *byte == b'/')
            && slash > 0
            && !matches!(word[0], b'-' | b'@' | b'.')
        {
            let password = start + slash + 1;
            let sign = text[password..stop].iter().rposition(|byte| *byte == b'@');
            return push(text, password, sign.map_or(stop, |sign| password + sign), spans);
        }
    }
}

/// The password of a word with a colon, the last of the line: `config set host user:SECRET`.
pub(super) fn last(text: &[u8], from: usize, spans: &mut Spans) {
    let end = text.len().min(from + REACH);
    let words = text[from.min(end)..end].trim_ascii_end();
    let start = from
        + words
            .iter()
            .rposition(|byte| *byte == b' ')
            .map_or(0, |space| space + 1);
    let word = &text[start.min(end)..from + words.len()];
    if let Some(colon) = word.iter().position(|byte| *byte == b':')
        && login::is_made_up(&word[colon + 1..])
    {
        push(text, start + colon + 1, from + words.len(), spans);
    }
}

/// `user:SECRET@host`.
pub(super) fn repository(text: &[u8], from: usize, spans: &mut Spans) {
    let (from, end) = word_at(text, from);
    let word = &text[from..end];
    if let (Some(colon), Some(sign)) = (
        word.iter().position(|byte| *byte == b':'),
        word.iter().rposition(|byte| *byte == b'@'),
    ) && colon < sign
    {
        push(text, from + colon + 1, from + sign, spans);
    }
}

/// The first word that has a colon before an `@`.
pub(super) fn at_host(text: &[u8], at: usize, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    if let Some(sign) = memchr::memchr(b'@', &text[at..end]) {
        let start = memchr::memrchr(b' ', &text[at..at + sign]).map_or(at, |space| at + space + 1);
        if let Some(colon) = memchr::memchr(b':', &text[start..at + sign])
            && text.get(start + colon + 1) != Some(&b'/')
        {
            push(text, start + colon + 1, at + sign, spans);
        }
    }
}

/// `--value SECRET` beside `--type SecureString`.
pub(super) fn secure(text: &[u8], at: usize, spans: &mut Spans) {
    let line = &text[at..text.len().min(at + 2 * REACH)];
    if memchr::memmem::find(line, b"SecureString").is_some()
        && let Some(flag) = memchr::memmem::find(line, b"--value")
    {
        report(text, at + flag + "--value".len() + 1, spans);
    }
}

/// A flag with its value in one quoted word of a list.
pub(super) fn listed(text: &[u8], at: usize, flag: &str, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    let mut from = at;
    while let Some(found) = memchr::memmem::find(&text[from..end], flag.as_bytes()) {
        let value = from + found + flag.len();
        if let quote @ (b'"' | b'\'') = text[from + found - 1] {
            let length = text[value..end].iter().position(|byte| *byte == quote);
            return push(text, value, length.map_or(end, |length| value + length), spans);
        }
        from = value;
    }
}

/// The quoted text behind the next `=`.
pub(super) fn equated(text: &[u8], at: usize, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    if let Some(sign) = memchr::memmem::find(&text[at..end], b"= ")
        && matches!(text.get(at + sign + 2), Some(b'"' | b'\''))
    {
        report(text, at + sign + 2, spans);
    }
}

/// What a parser of arguments refused, when the flag it names is one of secrets.
pub(super) fn refused(text: &[u8], from: usize, spans: &mut Spans) {
    let end = text.len().min(from + 2 * REACH);
    let Some(quote) = from.checked_sub(1).and_then(|at| text.get(at)) else {
        return;
    };
    let Some(length) = text[from..end].iter().position(|byte| byte == quote) else {
        return;
    };
    let Some(flag) = text[from + length..end]
        .strip_prefix(b"' for '--")
        .or_else(|| text[from + length..end].strip_prefix(b"\" for \"--"))
    else {
        return;
    };
    let word = flag
        .iter()
        .take(name::LONGEST)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    if name::strength(&flag[..word]).is_some() {
        push(text, from, from + length, spans);
    }
}

/// `"Jwt": { "Key": "SECRET"`.
pub(super) fn section(text: &[u8], from: usize, spans: &mut Spans) {
    let end = text.len().min(from + REACH);
    let found = text[from.min(end)..end]
        .windows(6)
        .position(|window| window.eq_ignore_ascii_case(b"\"key\":"));
    if let Some(found) = found {
        let mut at = from + found + 6;
        while text.get(at) == Some(&b' ') {
            at += 1;
        }
        if text.get(at) == Some(&b'"') {
            report(text, at, spans);
        }
    }
}

/// A part of a path, when it is drawn by chance.
pub(super) fn segment(text: &[u8], at: usize, before: &str, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    let Some(found) = memchr::memmem::find(&text[at..end], before.as_bytes()) else {
        return;
    };
    let from = at + found + before.len();
    let length = text[from..]
        .iter()
        .take(REACH)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    if crate::chance::is_token(&text[from..from + length]) {
        push(text, from, from + length, spans);
    }
}

/// What an `echo` wrote through the pipe before the keyword.
pub(super) fn echoed(text: &[u8], at: usize, spans: &mut Spans) {
    let start = at.saturating_sub(REACH);
    let lead = &text[start..at];
    // The pipe stands close before, and most keywords have none.
    if memchr::memrchr(b'|', &lead[lead.len().saturating_sub(64)..]).is_none() {
        return;
    }
    let Some(echo) = memchr::memmem::rfind(lead, b"echo ") else {
        return printed(text, start, at, spans);
    };
    let (mut from, mut end) = word_at(text, start + echo + 5);
    while matches!(&text[from..end], b"-n" | b"-e" | b"-en" | b"-ne") {
        (from, end) = word_at(text, end + 1);
    }
    let between = text.get(end..at).unwrap_or_default();
    if between.contains(&b'|') && value::is_secret(&text[from..end], Strength::Password, Written::Stated) {
        // `echo user:SECRET | chpasswd`
        let user = text[from..end]
            .iter()
            .position(|byte| *byte == b':')
            .filter(|_| text[at] == b'c');
        push(text, from + user.map_or(0, |colon| colon + 1), end, spans);
    }
}

/// What a `printf` wrote through the pipe: its last word.
pub(super) fn printed(text: &[u8], start: usize, at: usize, spans: &mut Spans) {
    let lead = &text[start..at];
    let Some(printf) = memchr::memmem::rfind(lead, b"printf ") else {
        return;
    };
    let Some(bar) = lead[printf..].iter().rposition(|byte| *byte == b'|') else {
        return;
    };
    let words = lead[printf..printf + bar].trim_ascii_end();
    let (words, ends): (&[u8], u8) = match words.split_last() {
        Some((quote @ (b'"' | b'\''), words)) => (words, *quote),
        _ => (words, b' '),
    };
    let Some(before) = words.iter().rposition(|byte| *byte == ends) else {
        return;
    };
    // The same once more, as who sets one is asked twice.
    let mut at = printf + 7;
    for word in words[7..].split(|byte| *byte == b' ') {
        if crate::chance::is_drawn(word) {
            push(text, start + at, start + at + word.len(), spans);
        }
        at += word.len() + 1;
    }
    if value::is_secret(&words[before + 1..], Strength::Password, Written::Stated) {
        push(text, start + printf + before + 1, start + printf + words.len(), spans);
    }
}

/// The word that so many words stand before.
pub(super) fn nth(text: &[u8], from: usize, before: usize, spans: &mut Spans) {
    let mut at = from;
    for _ in 0..before {
        let (_, end) = word_at(text, at);
        let quoted = usize::from(matches!(text.get(end), Some(b'"' | b'\'')));
        at = end + quoted;
        if text.get(at) != Some(&b' ') {
            return;
        }
        at += 1;
    }
    let (from, end) = word_at(text, at);
    // A share of a network stands in its place: `net use Z: \\\\files\\share`.
    let value = &text[from..end];
    if from < end && !matches!(value[0], b'\\' | b'/') && value::is_secret(value, Strength::Password, Written::Stated) {
        push(text, from, end, spans);
    }
}
