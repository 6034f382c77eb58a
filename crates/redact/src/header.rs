//! Headers whose whole value is secret: `Authorization` and its like, cookies, and credentials with their scheme alone.

use crate::rules;
use crate::span::Spans;
use crate::value;

/// Which header a keyword begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Authorization,
    Cookie,
    Bearer,
    Basic,
    /// A private member of a JSON Web Key.
    Jwk,
    /// Base64 of user and password, as mail servers are given it.
    Plain,
}

/// The keywords, lower case; case does not matter.
pub(crate) const KEYWORDS: &[(&str, Kind)] = &[
    ("authorization", Kind::Authorization),
    ("cookie", Kind::Cookie),
    ("bearer ", Kind::Bearer),
    ("basic ", Kind::Basic),
    ("auth plain ", Kind::Plain),
    ("\"d\":", Kind::Jwk),
    ("\"dp\":", Kind::Jwk),
    ("\"dq\":", Kind::Jwk),
    ("\"qi\":", Kind::Jwk),
    ("\"p\":", Kind::Jwk),
    ("\"q\":", Kind::Jwk),
    ("\"k\":", Kind::Jwk),
];

/// What may follow a keyword where it is short.
pub(crate) fn next(kind: Kind) -> &'static str {
    match kind {
        Kind::Jwk => " \"",
        _ => "",
    }
}

/// How far a header's value is read; what follows is another matcher's business.
const LONGEST: usize = 16 * 1024;

/// Where the last header's value ended, so that a keyword inside it costs nothing.
#[derive(Default)]
pub(crate) struct Seen(usize);

/// Reports the secret part of the header at `at`.
pub(crate) fn find(text: &[u8], at: usize, kind: Kind, seen: &mut Seen, spans: &mut Spans) {
    if at < seen.0 {
        return;
    }
    let (_, length) = match kind {
        Kind::Authorization => ((), "authorization".len()),
        Kind::Cookie => ((), "cookie".len()),
        Kind::Bearer => return scheme_alone(text, at + "bearer ".len(), false, spans),
        Kind::Basic => return scheme_alone(text, at + "basic ".len(), true, spans),
        Kind::Plain => return plain(text, at + "auth plain ".len(), spans),
        Kind::Jwk => return jwk(text, at, spans),
    };
    let Some((from, to)) = header_value(text, at, at + length) else {
        return;
    };
    seen.0 = to;
    match kind {
        Kind::Cookie => cookies(text, from, to, spans),
        _ => authorization(text, from, to, spans),
    }
}

/// The value of a header written as such, or as a key of JSON, YAML, a shell argument or an assignment.
fn header_value(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let mut at = end;
    let mut name_start = start;
    while name_start > 0
        && start - name_start < 12
        && (text[name_start - 1].is_ascii_alphanumeric() || matches!(text[name_start - 1], b'-' | b'_'))
    {
        name_start -= 1;
    }
    let around = name_start
        .checked_sub(1)
        .map(|at| text[at])
        .filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let quoted_name = around.is_some() && text.get(at).copied() == around;
    if quoted_name {
        at += 1;
    }
    at = spaces(text, at);
    match text.get(at)? {
        b':' => at += 1,
        b'=' if text.get(at + 1) == Some(&b'>') => at += 2,
        b'=' if text.get(at + 1) != Some(&b'=') => at += 1,
        _ => return None,
    }
    at = spaces(text, at);
    let limit = text.len().min(at + LONGEST);
    let quote = match text.get(at)? {
        b'[' if text.get(at + 1).is_some_and(|byte| matches!(byte, b'"' | b'\'')) => {
            at += 2;
            Some(text[at - 1])
        }
        quote @ (b'"' | b'\'' | b'`') => {
            at += 1;
            Some(*quote)
        }
        // metadata: map[authorization:[Bearer …]]
        b'[' => {
            at += 1;
            Some(b']')
        }
        // curl -H 'Authorization: …'
        _ if !quoted_name => around,
        _ => None,
    };
    let mut end = at;
    while end < limit {
        let byte = text[end];
        if byte == b'\n' || byte == b'\r' || Some(byte) == quote {
            break;
        }
        if quote.is_none() && matches!(byte, b'"' | b'`') {
            // `username="ana"` is a parameter; any other quote ends what the header stands in.
            let parameter = text[end - 1] == b'=' && byte == b'"';
            match text[end + 1..limit]
                .iter()
                .position(|byte| *byte == b'"')
                .filter(|_| parameter)
            {
                Some(length) => end += length + 1,
                None => break,
            }
        }
        end += 1;
    }
    Some((at, end.min(limit)))
}

fn spaces(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        at += 1;
    }
    at
}

fn authorization(text: &[u8], from: usize, to: usize, spans: &mut Spans) {
    let value = &text[from..to];
    let mut words = value.split(|byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    let scheme = !first.is_empty()
        && first.len() <= 20
        && first
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    const ONE_WORD: [&[u8]; 8] = [
        b"bearer",
        b"basic",
        b"token",
        b"apikey",
        b"bot",
        b"key",
        b"negotiate",
        b"ntlm",
    ];
    // `Authorization:Bearer\ value`, as a shell is told without quotes.
    let bare = first.strip_suffix(b"\\").unwrap_or(first);
    let bare = bare.strip_suffix(b":").unwrap_or(bare);
    let (start, whole) = if ONE_WORD.iter().any(|known| bare.eq_ignore_ascii_case(known)) {
        (spaces(text, from + first.len()), false)
    } else if scheme
        && (first.eq_ignore_ascii_case(b"digest") || value.contains(&b'=') && value.contains(&b','))
        && value.len() > first.len()
    {
        (spaces(text, from + first.len()), true)
    } else if first.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && (2..=20).contains(&first.len())
        && first[0].is_ascii_uppercase()
        && (first.iter().filter(|byte| byte.is_ascii_digit()).count() < 4 || first.contains(&b'-'))
        && words.next().is_some_and(|word| word.len() >= 8)
    {
        // A scheme of somebody's own.
        (spaces(text, from + first.len()), false)
    } else {
        (from, false)
    };
    if start >= to {
        return;
    }
    let end = if whole { to } else { word_end(text, start, to) };
    let secret = &text[start..end];
    // `MediaBrowser Client="x", Token="<redacted>"`
    if whole && memchr::memmem::find(secret, b"redacted").is_some() {
        return;
    }
    // `Basic realm="acme"`: what a server asks for.
    let hidden = memchr::memmem::find(secret, b"[REDACTED").is_some();
    if secret.starts_with(b"realm=")
        || secret.ends_with(b"=") && text.get(end) == Some(&b'<')
        || secret.ends_with(b"([")
        || hidden
    {
        return;
    }
    if secret.len() >= 6 && !value::is_placeholder(secret) && !value_is_plain(secret)
        || whole && !value::is_placeholder(secret)
    {
        spans.push(start..end, rules::AUTHORIZATION);
    }
}

/// A short word of letters only says something about the header, it is not in it.
fn value_is_plain(value: &[u8]) -> bool {
    value.len() < 12 && value.iter().all(u8::is_ascii_lowercase)
}

fn word_end(text: &[u8], from: usize, to: usize) -> usize {
    text[from..to]
        .iter()
        .position(|byte| {
            byte.is_ascii_whitespace()
                || matches!(
                    byte,
                    b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'>' | b')' | b'}' | b']' | b'\\'
                )
        })
        .map_or(to, |length| from + length)
}

pub(crate) fn cookies(text: &[u8], from: usize, to: usize, spans: &mut Spans) {
    // `Set-Cookie: id=…; Path=/` holds attributes, `Cookie: a=…; b=…` more cookies.
    let mut at = from;
    while at < to {
        let end = text[at..to]
            .iter()
            .position(|byte| *byte == b';')
            .map_or(to, |length| at + length);
        if let Some(equals) = text[at..end].iter().position(|byte| *byte == b'=') {
            let name = text[at..at + equals].trim_ascii();
            let value = at + equals + 1;
            const ATTRIBUTES: [&[u8]; 6] = [b"path", b"domain", b"expires", b"max-age", b"samesite", b"priority"];
            let named = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic());
            if !named {
                return;
            }
            // `theme=dark`
            let plain = end - value <= 10 && text[value..end].iter().all(u8::is_ascii_lowercase);
            if end - value >= 4
                && !plain
                && !ATTRIBUTES.iter().any(|known| name.eq_ignore_ascii_case(known))
                && !value::is_placeholder(&text[value..end])
            {
                spans.push(value..end, rules::COOKIE);
            }
        } else if at == from {
            return;
        }
        at = end + 1;
    }
}

fn scheme_alone(text: &[u8], from: usize, basic: bool, spans: &mut Spans) {
    let limit = text.len().min(from + LONGEST);
    let in_token =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    // A word of a sentence ends soon; only a token is read further.
    let end = text[from.min(limit)..limit]
        .iter()
        .position(|byte| !in_token(byte))
        .map_or(limit, |length| from + length);
    let Some(token) = text.get(from..end) else { return };
    let secret = if basic {
        is_basic(token)
    } else {
        token.len() >= 16
            && token.iter().any(u8::is_ascii_digit)
            && token.iter().any(u8::is_ascii_alphabetic)
            && !value::is_placeholder(token)
            && !value::is_filler(token)
    };
    if secret {
        spans.push(from..end, rules::AUTHORIZATION);
    }
}

/// A private member of a JSON Web Key: a long run of base64url under a name of one or two letters.
fn jwk(text: &[u8], at: usize, spans: &mut Spans) {
    let Some(colon) = text[at..].iter().take(6).position(|byte| *byte == b':') else {
        return;
    };
    let quote = spaces(text, at + colon + 1);
    if text.get(quote) != Some(&b'"') {
        return;
    }
    let from = quote + 1;
    let length = text[from..]
        .iter()
        .take(LONGEST)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        .count();
    let head = &text[from..from + length.min(64)];
    let many = |kind: fn(&u8) -> bool| head.iter().filter(|byte| kind(byte)).count() >= 2;
    if length >= 22
        && text.get(from + length) == Some(&b'"')
        && many(u8::is_ascii_digit)
        && many(u8::is_ascii_uppercase)
        && many(u8::is_ascii_lowercase)
    {
        spans.push(from..from + length, rules::NAMED_SECRET);
    }
}

/// `AUTH PLAIN` of mail: base64 of two or three texts, each after a zero.
fn plain(text: &[u8], from: usize, spans: &mut Spans) {
    use base64::Engine as _;
    let length = text[from..]
        .iter()
        .take(1024)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
        .count();
    let body = text[from..from + length]
        .split(|byte| *byte == b'=')
        .next()
        .unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD_NO_PAD.decode(body);
    if length >= 8 && decoded.is_ok_and(|plain| plain.contains(&0)) {
        spans.push(from..from + length, rules::AUTHORIZATION);
    }
}

/// Base64 of `user:password`.
pub(crate) fn is_basic(token: &[u8]) -> bool {
    use base64::Engine as _;
    let body = token.trim_ascii_end();
    let body = &body[..body.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1)];
    if body.len() < 6 || body.len() > 1024 {
        return false;
    }
    let engine = base64::engine::general_purpose::STANDARD_NO_PAD;
    engine.decode(body).is_ok_and(|plain| {
        plain.contains(&b':') && std::str::from_utf8(&plain).is_ok_and(|text| !text.chars().any(char::is_control))
    })
}
