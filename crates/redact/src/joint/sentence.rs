//! A name in a sentence: `your password is x7…`, `token x7… is invalid`.

use std::ops::Range;

use super::assigned::quoted;
use super::{Beside, Name, in_name, quote_at, skip_spaces};
use crate::names::{Seen, Stops};
use crate::value::{Strength, Written};

/// Words that lead from a name to its value in a sentence. Lower case, sorted.
const LEADS: &[&[u8]] = &[
    b"TO",
    b"are",
    b"as",
    b"been",
    b"changed",
    b"created",
    b"for",
    b"generated",
    b"has",
    b"is",
    b"now",
    b"provided",
    b"reset",
    b"root",
    b"set",
    b"to",
    b"updated",
    b"user",
    b"was",
];

/// A name in a sentence or in front of its value: `your password is x7…`, `PASSWORD 'x7…'`, `token x7… is invalid`.
pub(super) fn stated(text: &[u8], name: Name, joined: usize, seen: &mut Seen) -> Beside {
    // `-p $DB_PASSWORD registry.example.com`: a reference.
    if name.start > 0 && matches!(text[name.start - 1], b'$' | b'{') {
        return Beside::Nothing;
    }
    if text[name.start..name.end].ends_with(b"_auth") {
        let end = seen.token_end(text, joined, Stops::Text);
        if crate::header::is_basic(&text[joined..end]) {
            return Beside::Value(joined..end, Written::Stated);
        }
    }
    if name.strength == Strength::Weak {
        return Beside::Nothing;
    }
    if let Some(quote) = quote_at(text, joined) {
        return match seen.closing(text, joined + 1, quote) {
            // `secret "regcred2" already exists`
            Some(close) if name.strength == Strength::Token && !crate::login::is_made_up(&text[joined + 1..close]) => {
                Beside::Nothing
            }
            Some(close) if close - joined > 6 => Beside::Value(joined + 1..close, Written::Stated),
            _ => Beside::Nothing,
        };
    }
    // `var password string = "…"`: the type stands behind the name.
    let typed = text[joined..]
        .iter()
        .take(24)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let equals = skip_spaces(text, joined + typed, 2);
    if typed > 1 && text.get(equals) == Some(&b'=') && text.get(equals + 1) != Some(&b'=') {
        let at = skip_spaces(text, equals + 1, 2);
        return match quote_at(text, at) {
            Some(quote) => quoted(text, at, quote, name, Written::Stated, seen),
            None => Beside::Nothing,
        };
    }
    if let Some(range) = behind_remark(text, joined) {
        return Beside::Value(range, Written::Stated);
    }
    let mut at = joined;
    let mut led = false;
    // `password for ci: value`: whom or what it is for stands before the colon.
    let mut whose = false;
    for _ in 0..6 {
        let word = text[at..]
            .iter()
            .take(64)
            .take_while(|byte| !byte.is_ascii_whitespace())
            .count();
        let here = &text[at..at + word];
        let (core, colon) = match here.strip_suffix(b":") {
            Some(core) => (core, true),
            None => (here, false),
        };
        let leads = LEADS.binary_search(&core).is_ok()
            // `for Office-5G is …`
            || whose
                && [&b" is "[..], b" to ", b" was "].iter().any(|next| text[at + word..].starts_with(next))
            || whose && (colon || matches!(core, b"key" | b"user" | b"account" | b"keystore"))
            || (led || colon) && core.contains(&b'@')
            || colon && core.len() <= 3 && core.iter().all(u8::is_ascii_digit);
        if !leads {
            if !led && word < 6 {
                return Beside::Nothing;
            }
            break;
        }
        led = true;
        whose |= core == b"for";
        at = skip_spaces(text, at + word, 8);
        if colon {
            break;
        }
    }
    if at >= text.len() {
        return Beside::Nothing;
    }
    let quote = quote_at(text, at).filter(|_| led);
    let from = at + usize::from(quote.is_some());
    let stop = match quote {
        Some(quote) => match seen.closing(text, from, quote) {
            Some(close) => close,
            None => return Beside::Nothing,
        },
        // A password may hold any sign; a token ends at the first that none has.
        None if name.strength == Strength::Password => seen.token_end(text, from, Stops::Quotes),
        None => seen.token_end(text, from, Stops::Text),
    };
    let mut stop = stop;
    while stop > from && matches!(text[stop - 1], b'.' | b'!' | b',' | b';' | b')') {
        stop -= 1;
    }
    let value = &text[from..stop];
    let head = &value[..value.len().min(64)];
    // `secrets set API_TOKEN=…`: the name that counts comes now.
    let word = head.iter().take_while(|byte| in_name(**byte)).count();
    if word > 1 && head.get(word) == Some(&b'=') && head.get(word + 1).is_some_and(|byte| *byte != b'=') {
        return Beside::Nothing;
    }
    // A column of digests, with more columns behind it.
    if head.len() <= 16 && head.iter().all(u8::is_ascii_hexdigit) && text[stop..].starts_with(b"  ") {
        return Beside::Nothing;
    }
    let digits = head.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = head.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let likely = if led || name.variable {
        value.len() >= 6 && digits > 0 && letters > 0 && !head.contains(&b'(')
    } else {
        // Nothing but a space between: what follows must speak for itself.
        value.len() >= 16
            && (digits >= 2 || digits == 1 && value.len() >= 24)
            && letters >= 4
            && head
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'='))
            && !head.starts_with(b"sha")
            && (head.iter().any(u8::is_ascii_uppercase) && head.iter().any(u8::is_ascii_lowercase) || digits >= 4)
    };
    let capitals = head.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let made = name.strength == Strength::Password
        && value.len() >= 8
        && digits > 0
        && capitals > 0
        && letters > capitals
        && !(head.contains(&b'/') && crate::chance::is_file(head))
        && !matches!(head[0], b'(' | b'/' | b'<' | b'$' | b'[' | b'{')
        && !head.contains(&b'(');
    if likely || made {
        Beside::Value(from..stop, Written::Stated)
    } else {
        Beside::Nothing
    }
}

/// `API key not valid: value`, `passphrase (empty for none): value`: a few words up to a colon, then what is made up.
fn behind_remark(text: &[u8], from: usize) -> Option<Range<usize>> {
    let reach = &text[from..text.len().min(from + 40)];
    let colon = reach
        .iter()
        .position(|byte| !(byte.is_ascii_lowercase() || matches!(byte, b' ' | b'(' | b')')))?;
    if colon < 3 || reach[colon] != b':' || reach.get(colon + 1) != Some(&b' ') {
        return None;
    }
    let at = from + colon + 2;
    let at = at + usize::from(quote_at(text, at).is_some());
    let length = text[at..]
        .iter()
        .take(256)
        .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`'))
        .count();
    let word = text[at..at + length].iter().take_while(|byte| in_name(**byte)).count();
    let named = word > 1 && text.get(at + word) == Some(&b'=') && word + 1 < length && text[at + word + 1] != b'=';
    (length >= 10 && !named && crate::login::is_made_up(&text[at..at + length])).then_some(at..at + length)
}
