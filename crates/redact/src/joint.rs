//! How a name and its value are joined.
//!
//! Each room below knows one way: `assigned` signs and quotes, `flag` arguments of commands, `markup` tags and attributes,
//! `pair` a name under one key and its value under another, `call` arguments of calls, `dump` tables and arrows, `sentence`
//! words, `further` what none of them knows. Each look is bounded, or remembered in [`Seen`], so that a line of nothing but names stays linear.

mod assigned;
mod call;
mod dump;
mod flag;
pub(crate) mod further;
mod markup;
mod pair;
mod sentence;

use std::ops::Range;

use crate::names::{Open, Seen, Stops};
use crate::value::{Strength, Written};

pub(crate) use self::pair::is_value_word;

/// A name, as it was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// How many `-` or `.` stand before it.
    pub(crate) dashes: usize,
    pub(crate) strength: Strength,
    /// Whether it has the form of a variable of the environment: capitals and `_`.
    pub(crate) variable: bool,
}

/// What stands behind a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing that is a value.
    Nothing,
    /// A value.
    Value(Range<usize>, Written),
    /// Several values in brackets; the range is what is between them.
    List(Range<usize>),
    /// The value is on one of the next lines.
    Below(Open),
}

/// Where the value of a name stands and how it is written.
pub(crate) fn beside(text: &[u8], name: Name, seen: &mut Seen) -> Beside {
    let Name {
        start,
        end,
        dashes,
        strength,
        ..
    } = name;
    let before = start.checked_sub(dashes + 1).map(|at| text[at]);
    let mut at = end;
    let quoted_name = quote_at(text, at).is_some_and(|quote| {
        before == Some(quote) || matches!(text.get(at + 1), Some(b':' | b'=')) && before != Some(b'=')
    });
    if quoted_name || text.get(at) == Some(&b']') && matches!(before, Some(b'[' | b'"' | b'\'')) {
        at += 1;
        if text.get(at) == Some(&b']') {
            at += 1;
        }
    }
    // `**API_KEY**: value`
    if before == Some(b'*') {
        at += text[at..].iter().take(2).take_while(|byte| **byte == b'*').count();
    }
    for visibility in [&b":protected]"[..], b":private]"] {
        if text[at..].starts_with(visibility) {
            at += visibility.len();
        }
    }
    if let Some(range) = call::typed_in(text, name, at) {
        return Beside::Value(range, Written::Stated);
    }
    if matches!(before, Some(b'<' | b':')) || quoted_name && matches!(text.get(at), Some(b'>' | b' ')) {
        match markup::element(text, start, at, before, quoted_name) {
            Beside::Nothing => {}
            found => return found,
        }
    }
    // <key>password</key><string>value</string>
    if text[at..].starts_with(b"</") {
        return markup::after_closing_tag(text, at);
    }
    let joined = skip_spaces(text, at, 64);
    let Some(sign) = text.get(joined) else {
        return if dashes == 2 && !quoted_name {
            Beside::Below(Open::Word)
        } else {
            Beside::Nothing
        };
    };
    let written = match sign {
        b'=' => match text.get(joined + 1) {
            // `SECRET_KEY==value`: a value that begins with the sign itself.
            Some(b'=')
                if name.variable
                    && joined == end
                    && !quoted_name
                    && text
                        .get(joined + 2)
                        .is_some_and(|byte| byte.is_ascii_graphic() && !b"\"'`=$".contains(byte)) =>
            {
                at = joined + 1;
                Written::Assigned
            }
            Some(b'=') => return Beside::Nothing,
            Some(b'>') => {
                at = joined + 2;
                Written::Stated
            }
            _ => {
                at = joined + 1;
                if joined > end || text.get(at) == Some(&b' ') {
                    Written::Stated
                } else {
                    Written::Assigned
                }
            }
        },
        b'?' | b'+' if text.get(joined + 1) == Some(&b'=') => {
            at = joined + 2;
            Written::Stated
        }
        // `//apikey:…@host`: the user of an address, which is another matcher's business.
        b':' if start > 1 && text[start - 2..start] == *b"//" => return Beside::Nothing,
        // `arn:aws:secretsmanager:eu-west-1:123456789012:secret:name-AbCdEf`: a name, too.
        b':' if start > 1 && text[start - 1] == b':' && text[start - 2].is_ascii_digit() => return Beside::Nothing,
        // `io.jsonwebtoken:jjwt-impl:0.12.6`: a library and its version.
        b':' if strength != Strength::Password && joined == end && text[start..end].contains(&b'.') && {
            let rest = &text[end + 1..text.len().min(end + 64)];
            let word = rest.iter().take_while(|byte| in_name(**byte)).count();
            word > 0 && rest.get(word) == Some(&b':') && rest.get(word + 1).is_some_and(u8::is_ascii_digit)
        } =>
        {
            return Beside::Nothing;
        }
        // `registry.example.com/auth:1.4`: a tag.
        b':' if strength != Strength::Password
            && joined == end
            && before == Some(b'/')
            && text.get(end + 1) != Some(&b' ') =>
        {
            return Beside::Nothing;
        }
        b':' => {
            at = joined + 1;
            match text.get(at) {
                Some(b'=') => at += 1,
                // `userPassword:: value`, as directories are written down; `name=token::value`, as steps tell of outputs.
                Some(b':') if text.get(at + 1) == Some(&b' ') || text[..start].ends_with(b" name=") => at += 1,
                // Rust and C++ paths, `token://`.
                Some(b':') | Some(b'/') if strength != Strength::Password => return Beside::Nothing,
                _ => {}
            }
            Written::Stated
        }
        b',' if dashes == 2 && !quoted_name => {
            at = skip_spaces(text, joined + 1, 8);
            let stop = seen.token_end(text, at, Stops::Text);
            return if at > joined + 1 && text.get(at) != Some(&b'-') && quote_at(text, at).is_none() {
                Beside::Value(at..stop, Written::Assigned)
            } else {
                Beside::Nothing
            };
        }
        // `{ name: API_TOKEN, value: "…" }`
        b',' if !quoted_name
            && ["name: ", "key: ", "Key=", "Name=", "key=", "name="]
                .iter()
                .any(|key| text[..start].ends_with(key.as_bytes())) =>
        {
            return match pair::pair(text, joined, seen) {
                Some(found @ Beside::Value(..)) => found,
                _ => Beside::Nothing,
            };
        }
        // `{:password, "value"}`
        b',' if !quoted_name && before == Some(b':') && start > 1 && text[start - 2] == b'{' => {
            let at = skip_spaces(text, joined + 1, 4);
            return match quote_at(text, at) {
                Some(quote) => assigned::quoted(text, at, quote, name, Written::Stated, seen),
                None => Beside::Nothing,
            };
        }
        b',' if quoted_name => {
            return match call::argument(text, name, joined, before, seen) {
                Beside::Nothing => pair::pair(text, joined, seen).unwrap_or(Beside::Nothing),
                found => found,
            };
        }
        b'v' | b'V' if quoted_name => return pair::pair(text, joined, seen).unwrap_or(Beside::Nothing),
        b'(' if joined == end && !quoted_name => return call::call(text, name, seen),
        b'|' => return dump::column(text, joined + 1, name, seen),
        // `password -> value`
        b'-' if text.get(joined + 1) == Some(&b'>') => return dump::arrow(text, joined + 2, name, seen),
        0xe2 if text[joined..].starts_with("→".as_bytes()) => return dump::arrow(text, joined + 3, name, seen),
        // `s:8:"password";s:12:"value";`, as PHP keeps values.
        b';' if quoted_name && text[joined..].starts_with(b";s:") => {
            let digits = text[joined + 3..]
                .iter()
                .take(8)
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let quote = joined + 3 + digits + 1;
            return match quote_at(text, quote) {
                Some(sign) if digits > 0 => assigned::quoted(text, quote, sign, name, Written::Stated, seen),
                _ => Beside::Nothing,
            };
        }
        // `##vso[task.setvariable variable=dbPassword;]value`
        b';' if text[..start].ends_with(b"variable=") => {
            let Some(close) = text[joined..].iter().take(64).position(|byte| *byte == b']') else {
                return Beside::Nothing;
            };
            at = joined + close + 1;
            Written::Assigned
        }
        // `public string Password { get; set; } = "value"`
        b'{' if text[joined..].starts_with(b"{ get") => {
            let close = text[joined..].iter().take(64).position(|byte| *byte == b'}');
            let sign = close.map_or(joined, |close| skip_spaces(text, joined + close + 1, 4));
            let at = skip_spaces(text, sign + 1, 4);
            return match quote_at(text, at) {
                Some(quote) if text[sign] == b'=' => assigned::quoted(text, at, quote, name, Written::Stated, seen),
                _ => Beside::Nothing,
            };
        }
        // `variable "db_password" { default = "value" }`
        b'{' if quoted_name => {
            return match pair::pair(text, joined + 1, seen) {
                Some(found @ Beside::Value(..)) => found,
                _ => Beside::Nothing,
            };
        }
        // `Password .......: value`
        b'.' if text[joined..].starts_with(b"..") => match dump::dotted(text, joined, seen) {
            Ok(colon) => {
                at = colon + 1;
                Written::Stated
            }
            Err(found) => return found,
        },
        // Any of the lines that boxes are drawn with.
        0xe2 if matches!(text.get(joined + 1), Some(0x94 | 0x95)) => return dump::column(text, joined + 3, name, seen),
        b'\\' if dashes > 0 && joined + 1 == text.len() => return Beside::Below(Open::Word),
        // --password value; and in netrc: machine … login … password …
        _ if joined > end
            && (dashes > 0 && !quoted_name || strength == Strength::Password && flag::is_netrc(text, start)) =>
        {
            if flag::is_spoken_of(text, name, joined) {
                return Beside::Nothing;
            }
            at = joined;
            Written::Assigned
        }
        _ if joined > end && !quoted_name => return sentence::stated(text, name, joined, seen),
        _ => return Beside::Nothing,
    };
    assigned::value_at(text, name, at, before, quoted_name, written, seen)
}

pub(crate) fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

pub(crate) fn skip_spaces(text: &[u8], mut at: usize, most: usize) -> usize {
    let limit = (at + most).min(text.len());
    while at < limit && matches!(text[at], b' ' | b'\t') {
        at += 1;
    }
    at
}

pub(crate) fn quote_at(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))
}
