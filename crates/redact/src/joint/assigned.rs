//! A value behind a sign: `NAME=value`, `name: "value"`, wrapped as languages wrap it, or on the next line.

use std::ops::Range;

use super::{Beside, Name, quote_at, skip_spaces};
use crate::chance;
use crate::names::{Open, Seen, Stops};
use crate::value::{Strength, Written};

/// How far the end of a list is looked for.
const LIST: usize = 4096;

/// The value behind a sign.
pub(super) fn value_at(
    text: &[u8],
    name: Name,
    from: usize,
    before: Option<u8>,
    quoted_name: bool,
    written: Written,
    seen: &mut Seen,
) -> Beside {
    let mut at = skip_spaces(text, from, 64);
    let spaced = at > from;
    // Tags of YAML that say how a value is read, not where from: `password: !!str value`.
    for tag in [&b"!!str "[..], b"!!binary ", b"!unsafe ", b"!str ", b"!binary "] {
        if text[at..].starts_with(tag) {
            at += tag.len();
        }
    }
    // And anchors: `password: &pw value`.
    if spaced && text.get(at) == Some(&b'&') {
        let word = text[at + 1..]
            .iter()
            .take(24)
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        if word > 0 && text.get(at + 1 + word) == Some(&b' ') && text.get(at + 2 + word) != Some(&b'=') {
            at += word + 2;
        }
    }
    if let Some(below) = below(text, name, at, quoted_name, written)
        && (name.strength != Strength::Weak || matches!(below, Open::List { .. }))
    {
        return Beside::Below(below);
    }
    // `<b>Password:</b> value`
    if text[at..].starts_with(b"</")
        && let Some(close) = text[at..].iter().take(16).position(|byte| *byte == b'>')
    {
        at = skip_spaces(text, at + close + 1, 8);
    }
    // `log("key:", "value")`
    for between in [&b"\", \""[..], b"', '"] {
        if text[at..].starts_with(between) {
            at += between.len() - 1;
        }
    }
    // `password: <value>`, where a placeholder has no such value.
    if text.get(at) == Some(&b'<') {
        let inner = text[at + 1..]
            .iter()
            .take(128)
            .position(|byte| *byte == b'>' || byte.is_ascii_whitespace());
        if let Some(inner) = inner
            && text[at + 1 + inner] == b'>'
            && chance::is_drawn(&text[at + 1..at + 1 + inner])
        {
            return Beside::Value(at + 1..at + 1 + inner, Written::Quoted);
        }
    }
    // `password: <code>value</code>`
    if text.get(at) == Some(&b'<')
        && let Some(inner) = in_tags(text, at)
    {
        return Beside::Value(inner, Written::Quoted);
    }
    at = unwrap(text, at);
    if let Some(literal) = of_perl(text, at) {
        return Beside::Value(literal, Written::Quoted);
    }
    if let Some(literal) = in_call(text, at) {
        return Beside::Value(literal, Written::Quoted);
    }
    if let Some(quote) = quote_at(text, at) {
        return quoted(text, at, quote, name, written, seen);
    }
    if text.get(at) == Some(&b'[') {
        let inner = at + 1;
        let close = text[inner..]
            .iter()
            .take(LIST)
            .position(|byte| matches!(byte, b']' | b'\n' | b'['));
        if let Some(close) = close
            && text[inner + close] == b']'
            && close > 0
            && quote_at(text, skip_spaces(text, inner, 8)).is_some()
        {
            return Beside::List(inner..inner + close);
        }
        // `pwd=[value]`, `X-Api-Key:[[value]]`
        let inner = inner + usize::from(text.get(inner) == Some(&b'['));
        let close = text[inner..]
            .iter()
            .take(512)
            .position(|byte| matches!(byte, b']' | b'[') || byte.is_ascii_whitespace());
        if let Some(close) = close
            && text[inner + close] == b']'
            && quote_at(text, inner).is_none()
            && close > 0
        {
            return Beside::Value(inner..inner + close, Written::Stated);
        }
    }
    if spaced && written == Written::Assigned && name.dashes == 0 {
        return Beside::Nothing;
    }
    // `token: string = "…"`: a type stands between.
    if written == Written::Stated && spaced {
        let word = text[at..]
            .iter()
            .take(24)
            .take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'&' | b'\'' | b'*' | b'|' | b' '))
            .count();
        if word > 2
            && text.get(at + word) == Some(&b'=')
            && let Some(quote) = quote_at(text, skip_spaces(text, at + word + 1, 4))
        {
            return quoted(text, skip_spaces(text, at + word + 1, 4), quote, name, written, seen);
        }
    }
    let query = matches!(before, Some(b'?' | b'&'));
    // A line of `env` or of a dotenv file: whatever stands behind `=` belongs to the value.
    let alone = written == Written::Assigned && name.dashes == 0 && begins_line(text, name.start);
    let file = written == Written::Assigned && name.dashes == 0 && text.get(name.end) == Some(&b' ');
    let stops = if query {
        Stops::Query
    } else if file {
        Stops::Quotes
    } else if alone {
        Stops::Nothing
    } else {
        Stops::Text
    };
    // So does what follows the name of a variable, wherever it stands.
    let stops = if name.variable && matches!(stops, Stops::Text) && !matches!(before, Some(b'{' | b'(')) {
        Stops::Quotes
    } else {
        stops
    };
    if text.get(at) == Some(&b'{') && text[name.start..name.end].eq_ignore_ascii_case(b"pwd") {
        let close = text[at..].iter().take(256).position(|byte| *byte == b'}');
        if let Some(close) = close.filter(|close| matches!(text.get(at + close + 1), None | Some(b';'))) {
            return Beside::Value(at + 1..at + close, Written::Quoted);
        }
    }
    let mut stop = seen.token_end(text, at, stops);
    if matches!(stops, Stops::Quotes) && !file {
        stop = next_assignment(text, at, stop);
        while at < stop && matches!(text[stop - 1], b',' | b';' | b'"' | b'\'' | b'`' | b')' | b'}' | b']') {
            stop -= 1;
        }
    }
    if alone {
        stop = next_assignment(text, at, stop);
        // `password=args.password,`: an argument of a call over several lines.
        let refers = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.');
        if stop > at + 1
            && text[stop - 1] == b','
            && text[at..stop].contains(&b'.')
            && text[at..stop - 1].iter().take(64).all(refers)
        {
            return Beside::Nothing;
        }
        if at < stop && matches!(text[stop - 1], b'"' | b'\'') {
            stop -= 1;
        }
    }
    Beside::Value(at..stop, written)
}

/// What stands between tags, when they close: `<b><code>value</code></b>`.
fn in_tags(text: &[u8], at: usize) -> Option<Range<usize>> {
    let mut at = at;
    for _ in 0..3 {
        if text.get(at) != Some(&b'<') || !text.get(at + 1)?.is_ascii_alphabetic() {
            break;
        }
        at += text[at..].iter().take(64).position(|byte| *byte == b'>')? + 1;
    }
    let length = text[at..].iter().take(512).position(|byte| *byte == b'<')?;
    (length > 0 && text.get(at + length + 1) == Some(&b'/')).then_some(at..at + length)
}

/// `q(value)`, `qq{value}`, `%q(value)`: quotes of Perl and Ruby.
fn of_perl(text: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let sign = [&b"qq"[..], b"q", b"%q", b"%Q", b"%"].iter().find_map(|sign| {
        let open = *rest.get(sign.len())?;
        (rest.starts_with(sign) && matches!(open, b'(' | b'{' | b'[' | b'|')).then_some((sign.len(), open))
    });
    let (length, open) = sign?;
    let close = match open {
        b'(' => b')',
        b'{' => b'}',
        b'[' => b']',
        other => other,
    };
    let from = at + length + 1;
    let length = text[from..].iter().take(256).position(|byte| *byte == close)?;
    (text.get(at..at + 2) != Some(b"%{") && length > 0).then_some(from..from + length)
}

/// `Buffer.from('…', 'hex')`: the literal that a call is about, when it is drawn by chance.
fn in_call(text: &[u8], at: usize) -> Option<Range<usize>> {
    let callee = text[at..]
        .iter()
        .take(48)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':'))
        .count();
    if callee == 0 || text.get(at + callee) != Some(&b'(') {
        return None;
    }
    let Some(quote) = quote_at(text, at + callee + 1) else {
        // `Str(…)`
        let from = at + callee + 1;
        let length = text[from..].iter().take(256).position(|byte| *byte == b')')?;
        return chance::is_token(&text[from..from + length]).then_some(from..from + length);
    };
    let from = at + callee + 2;
    let length = text[from..].iter().take(512).position(|byte| *byte == quote)?;
    chance::is_drawn(&text[from..from + length]).then_some(from..from + length)
}

/// What a value would be, were it on the next line.
fn below(text: &[u8], name: Name, at: usize, quoted_name: bool, written: Written) -> Option<Open> {
    let rest = text[at..].trim_ascii_end();
    if rest.len() > 16 {
        return None;
    }
    let strength = name.strength;
    match rest {
        b"" if written == Written::Stated => Some(Open::Value {
            strength,
            column: name.start - usize::from(quoted_name),
        }),
        b"\\" => Some(Open::Word),
        [b'<', b'<', tag @ ..] => {
            let tag = tag.strip_prefix(b"-").or_else(|| tag.strip_prefix(b"~")).unwrap_or(tag);
            let tag = tag.trim_ascii();
            let tag = tag
                .strip_prefix(b"'")
                .or_else(|| tag.strip_prefix(b"\""))
                .unwrap_or(tag);
            (!tag.is_empty() && tag[0].is_ascii_alphabetic()).then_some(Open::Heredoc)
        }
        b"[" => Some(Open::List { strength }),
        [b'|' | b'>', ..] => rest[1..]
            .iter()
            .all(|byte| matches!(byte, b'-' | b'+' | b'1'..=b'9'))
            .then_some(Open::Block {
                strength,
                column: name.start - usize::from(quoted_name),
            }),
        _ => None,
    }
}

/// A quoted value, past what the language writes around it.
pub(super) fn quoted(text: &[u8], at: usize, quote: u8, name: Name, written: Written, seen: &mut Seen) -> Beside {
    let value = at + 1;
    match seen.closing(text, value, quote) {
        // `PASSWORD=`openssl rand -hex 16``: what a command prints.
        Some(close) if quote == b'`' && written == Written::Assigned && text[value..close].contains(&b' ') => {
            Beside::Nothing
        }
        Some(mut close) => {
            // `'it''s'`: a doubled quote stands for one.
            while close > value && quote == b'\'' && text.get(close + 1) == Some(&quote) {
                match seen.closing(text, close + 2, quote) {
                    Some(next) => close = next,
                    None => break,
                }
            }
            Beside::Value(value..close, Written::Quoted)
        }
        // The quote closes on another line, or never: the word after it goes.
        None => {
            let end = seen.token_end(text, value, Stops::Nothing);
            let set = written == Written::Assigned && name.dashes == 0 && begins_line(text, name.start);
            if set && value == text.trim_ascii_end().len() {
                return Beside::Below(Open::Quote { quote });
            }
            if set && end == text.len() {
                seen.open = Some(Open::Quote { quote });
            }
            Beside::Value(value..end, Written::Quoted)
        }
    }
}

/// Past what may stand between a sign and a quote: `Some(`, `String::from(`, `b`, `$`, `string(10) `.
fn unwrap(text: &[u8], mut at: usize) -> usize {
    const WRAPS: [&[u8]; 20] = [
        b"[]byte(",
        b"[]rune(",
        b"Some(",
        b"Ok(",
        b"Just(",
        b"Just ",
        b"Some ",
        b"Secret(",
        b"SecretStr(",
        b"SecretString(",
        b"Password(",
        b"String(",
        b"String::from(",
        b"Optional(",
        b"Optional[",
        b"new String(",
        b"str(",
        b"string(",
        b"Text(",
        b"StringLiteral(",
    ];
    for _ in 0..2 {
        let Some(wrap) = WRAPS.iter().find(|wrap| text[at..].starts_with(wrap)) else {
            break;
        };
        let mut next = at + wrap.len();
        if *wrap == b"string(" {
            let digits = text[next..].iter().take(8).take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 || text.get(next + digits) != Some(&b')') {
                break;
            }
            next = skip_spaces(text, next + digits + 1, 2);
        }
        at = next;
    }
    // `<<"value">>`, `q(value)`, `%q{value}`, `r#"value"#`
    for wrap in [&b"<<"[..], b"r#", b"R\"(", b"E", b"x", b"Q", b"%w"] {
        if text[at..].starts_with(wrap) && quote_at(text, at + wrap.len()).is_some() {
            at += wrap.len();
        }
    }
    // `"""value"""`
    if let Some(quote) = quote_at(text, at)
        && text.get(at..at + 3) == Some(&[quote; 3])
        && text.get(at + 3).is_some_and(|byte| *byte != quote)
    {
        at += 2;
    }
    // `string 'value' (length=5)`
    if text[at..].starts_with(b"string ") && quote_at(text, at + 7).is_some() {
        at += 7;
    }
    let escaped = usize::from(text.get(at) == Some(&b'\\'));
    if escaped == 0
        && matches!(
            text.get(at),
            Some(b'b' | b'u' | b'r' | b'f' | b'N' | b'L' | b'@' | b'$' | b'&')
        )
        && quote_at(text, at + 1).is_some()
    {
        at += 1;
    }
    at
}

/// Whether a name is the first thing in its line, but for `export` and its like or a prompt.
fn begins_line(text: &[u8], start: usize) -> bool {
    if start > 0 && !text[start - 1].is_ascii_whitespace() {
        return false;
    }
    let from = text[..start]
        .iter()
        .rev()
        .take(64)
        .position(|byte| *byte == b'\n')
        .map_or(start.saturating_sub(64), |back| start - back);
    let lead = text[from..start].trim_ascii();
    lead.is_empty()
        || [
            &b"export"[..],
            b"set",
            b"declare -x",
            b"ENV",
            b"ARG",
            b"+",
            b"$",
            b"+ export",
            b"$ export",
            b"setenv",
        ]
        .contains(&lead)
        || lead.first() == Some(&b'#') && !lead.contains(&b'=')
}

/// Where the next `,name=` or `;name=` begins in a value, which is then a list of several.
fn next_assignment(text: &[u8], from: usize, stop: usize) -> usize {
    let head = &text[from..stop.min(from + 256)];
    for (at, byte) in head.iter().enumerate().skip(1) {
        if !matches!(byte, b',' | b';' | b'&' | b'|') {
            continue;
        }
        // `user%5Bpassword%5D=`
        let bracketed = memchr::memmem::find(&head[at + 1..head.len().min(at + 33)], b"%5B").is_some();
        let word = head[at + 1..]
            .iter()
            .take(32)
            .take_while(|byte| {
                byte.is_ascii_alphabetic()
                    || matches!(byte, b'_' | b'.' | b'-')
                    || bracketed && (byte.is_ascii_digit() || **byte == b'%')
            })
            .count();
        if word >= 2 && head.get(at + 1 + word) == Some(&b'=') && head.get(at + 2 + word).is_some() {
            return from + at;
        }
    }
    stop
}
