//! Names that say secret, and the values beside them: `NAME=value`, `"name": "value"`, YAML, XML, flags, headers, query
//! parameters, connection strings. The name stays, the value goes.
//!
//! A keyword says where a name may be; the name is then read whole and judged by its words, the value found by how the two
//! are joined, and judged in `value`.

use std::ops::Range;

use crate::name::{self, LONGEST};
use crate::rules;
use crate::span::Spans;
use crate::value::{self, Strength, Written};

/// What names of secrets hold, and what may follow where the word is short. All lower case; case does not matter.
pub(crate) const KEYWORDS: &[(&str, &str)] = &[
    ("passw", ""),
    ("passphrase", ""),
    ("passcode", ""),
    ("pass", "=:\"'>] _\\"),
    ("pwd", "=:\"'>] _\\"),
    ("_pw", "=:\"'> \\"),
    ("secret", ""),
    ("token", ""),
    ("apikey", ""),
    ("api_key", ""),
    ("api-key", ""),
    ("api.key", ""),
    ("access_key", ""),
    ("access-key", ""),
    ("accesskey", ""),
    ("private_key", ""),
    ("private-key", ""),
    ("privatekey", ""),
    ("key", "=:\"'>\\"),
    ("_key_", ""),
    ("auth", "=:\"'>\\"),
    ("credential", ""),
    ("creds", "=:\"'>"),
    ("bearer", ""),
    ("connectionstring", ""),
    ("connection_string", ""),
    ("mnemonic", ""),
    ("cookie", "=:\"'>"),
    ("jwt", "=:\"'>_"),
    ("_pat", "=:\"'>"),
    ("_dsn", "=:\"'>"),
    ("salt", "=:\"'>"),
    ("sig=", ""),
    ("signature", ""),
    ("session", "=:\"'>_"),
    ("sessid", ""),
    ("-sid", "=:\"'"),
    (".sid", "=:\"'"),
    ("otp=", ""),
    ("hmac", "=:\"'>"),
];

/// The last name that was judged, so that its second keyword costs nothing, and where values were found to end, so that
/// names inside a long value do not measure it again.
#[derive(Default)]
pub(crate) struct Seen {
    start: usize,
    end: usize,
    tokens: [(usize, usize); 3],
    unclosed: [Option<usize>; 3],
    /// Names judged before: a line that repeats them asks once.
    judged: [(usize, usize, Option<Strength>); 8],
    /// Where a long value that was not secret ends.
    dull: usize,
}

/// What may end a bare value beside white space.
#[derive(Clone, Copy)]
enum Stops {
    Nothing,
    Query,
    Text,
}

impl Stops {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Nothing => b"",
            Self::Query => b"&#\"'`<>;)",
            Self::Text => b"\"'`,;&<>)}]|",
        }
    }
}

impl Seen {
    fn strength(&mut self, text: &[u8], start: usize, end: usize) -> Option<Strength> {
        let name = &text[start..end];
        let (first, last) = (name.first()?, name.last()?);
        let slot = &mut self.judged[(name.len() + usize::from(first ^ last)) % 8];
        let (from, to, strength) = *slot;
        if from < to && text[from..to] == *name {
            return strength;
        }
        *slot = (start, end, name::strength(name));
        slot.2
    }

    fn token_end(&mut self, text: &[u8], from: usize, stops: Stops) -> usize {
        let (start, end) = self.tokens[stops as usize];
        if start <= from && from < end {
            return end;
        }
        let end = token_end(text, from, stops.bytes());
        self.tokens[stops as usize] = (from, end);
        end
    }

    /// The end of a quoted value, past escaped quotes.
    fn closing(&mut self, text: &[u8], from: usize, quote: u8) -> Option<usize> {
        let slot = &mut self.unclosed[usize::from(quote == b'\'') + 2 * usize::from(quote == b'`')];
        if slot.is_some_and(|open| open <= from) {
            return None;
        }
        let close = closing(text, from, quote);
        if close.is_none() {
            *slot = Some(from);
        }
        close
    }
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Reports the value of the name at `at`, if it is one and has one.
pub(crate) fn find(text: &[u8], at: usize, seen: &mut Seen, spans: &mut Spans) {
    if seen.start <= at && at < seen.end {
        return;
    }
    let mut start = at;
    while start > seen.end && in_name(text[start - 1]) {
        start -= 1;
    }
    let mut end = at;
    while end < text.len() && in_name(text[end]) {
        end += 1;
    }
    (seen.start, seen.end) = (start, end);
    if end - start > LONGEST {
        start = end - LONGEST;
    }
    let whole = start;
    while start < end && matches!(text[start], b'-' | b'.') {
        start += 1;
    }
    let name = &text[start..end];
    let Some(strength) = seen.strength(text, start, end) else {
        return;
    };
    let dashes = start - whole;
    if let Some((range, written)) = value_after(text, start, end, dashes, strength, seen) {
        judge(text, range, strength, written, name, seen, spans);
    }
}

fn judge(
    text: &[u8],
    range: Range<usize>,
    strength: Strength,
    written: Written,
    name: &[u8],
    seen: &mut Seen,
    spans: &mut Spans,
) {
    let mut range = range;
    // `Bearer abc`: the scheme stays.
    for scheme in [&b"bearer "[..], b"basic ", b"token ", b"apikey "] {
        if text.len() >= range.start + scheme.len()
            && text[range.start..range.start + scheme.len()].eq_ignore_ascii_case(scheme)
        {
            range.start += scheme.len();
            if range.end <= range.start {
                range.end = token_end(text, range.start, b"\"'`,;<>)}]");
            }
        }
    }
    if range.start >= range.end {
        return;
    }
    let value = &text[range.clone()];
    // PWD and OLDPWD are where a shell stands.
    if name.len() >= 3
        && name[name.len() - 3..].eq_ignore_ascii_case(b"pwd")
        && (value[0] == b'/' || value.get(1) == Some(&b':'))
    {
        return;
    }
    // Of a long value without white space, every name in it would judge the rest: after the first, a short look must do.
    let long = value.len() > 4 * value::JUDGED;
    let value = if long && range.end == seen.dull {
        &value[..24]
    } else {
        value
    };
    // A variable of the environment is set to a value and to nothing else, however plain the value looks.
    let variable = name.len() >= 5 && name.contains(&b'_') && !name.iter().any(u8::is_ascii_lowercase);
    let set =
        written == Written::Assigned || written == Written::Quoted && range.start >= 2 && text[range.start - 2] == b'=';
    let plainly = strength == Strength::Token && variable && set && value.len() >= 8 && !value::is_filler(value);
    if value::is_secret(value, strength, written)
        || plainly && value::is_secret(value, Strength::Password, Written::Assigned)
    {
        let rule = match strength {
            Strength::Password => rules::PASSWORD,
            Strength::Token | Strength::Weak => rules::NAMED_SECRET,
        };
        spans.push(range, rule);
    } else if long {
        seen.dull = range.end;
    }
}

fn skip_spaces(text: &[u8], mut at: usize, most: usize) -> usize {
    let limit = (at + most).min(text.len());
    while at < limit && matches!(text[at], b' ' | b'\t') {
        at += 1;
    }
    at
}

fn quote_at(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))
}

/// Where the value of the name at `start..end` stands and how it is written.
fn value_after(
    text: &[u8],
    start: usize,
    end: usize,
    dashes: usize,
    strength: Strength,
    seen: &mut Seen,
) -> Option<(Range<usize>, Written)> {
    let before = start.checked_sub(dashes + 1).map(|at| text[at]);
    let mut at = end;
    let quoted_name = quote_at(text, at).is_some_and(|quote| before == Some(quote));
    if quoted_name || text.get(at) == Some(&b']') && matches!(before, Some(b'[' | b'"' | b'\'')) {
        at += 1;
        if text.get(at) == Some(&b']') {
            at += 1;
        }
    }
    // <password>value</password>
    if text.get(at) == Some(&b'>') && matches!(before, Some(b'<' | b':')) {
        let value = at + 1;
        let length = text[value..]
            .iter()
            .take(4096)
            .position(|byte| matches!(byte, b'<' | b'\n'))?;
        return Some((trim(text, value..value + length), Written::Quoted));
    }
    let joined = skip_spaces(text, at, 64);
    let written = match text.get(joined)? {
        b'=' => match text.get(joined + 1) {
            Some(b'=') => return None,
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
        b':' => {
            at = joined + 1;
            match text.get(at) {
                Some(b'=') => at += 1,
                // Rust and C++ paths, `token://`.
                Some(b':') | Some(b'/') if strength != Strength::Password => return None,
                _ => {}
            }
            Written::Stated
        }
        // {"name": "DB_PASSWORD", "value": "…"} and <add key="Password" value="…">
        b',' | b'v' | b'V' if quoted_name => {
            let mut next = joined;
            while next < text.len() && next < joined + 16 && matches!(text[next], b',' | b' ' | b'\n' | b'"' | b'\'') {
                next += 1;
            }
            if !text
                .get(next..next + 5)
                .is_some_and(|word| word.eq_ignore_ascii_case(b"value"))
            {
                return None;
            }
            next += 5;
            if quote_at(text, next).is_some() {
                next += 1;
            }
            next = skip_spaces(text, next, 8);
            if !matches!(text.get(next), Some(b':' | b'=')) {
                return None;
            }
            at = next + 1;
            Written::Stated
        }
        // --password value; and in netrc: machine … login … password …
        _ if joined > end
            && (dashes > 0 && !quoted_name || strength == Strength::Password && is_netrc(text, start)) =>
        {
            at = joined;
            if text.get(at) == Some(&b'-') {
                return None;
            }
            Written::Assigned
        }
        // "your password is x7…"
        b'i' if joined > end && strength != Strength::Weak && text[joined..].starts_with(b"is ") => {
            let value = joined + 3;
            let stop = seen.token_end(text, value, Stops::Text);
            let stop = if stop > value && matches!(text[stop - 1], b'.' | b'!') {
                stop - 1
            } else {
                stop
            };
            let digits = text[value..stop].iter().any(u8::is_ascii_digit);
            return (digits && stop - value >= 6).then_some((value..stop, Written::Stated));
        }
        _ => return None,
    };
    let spaced = at;
    at = skip_spaces(text, at, 64);
    // Tags and types of YAML: `password: !!str value`.
    if text[at..].starts_with(b"!!str ") {
        at += 6;
    }
    if let Some(quote) = quote_at(text, at) {
        let value = at + 1;
        return match seen.closing(text, value, quote) {
            Some(close) => Some((value..close, Written::Quoted)),
            // The quote closes on another line, or never: the word after it goes.
            None => Some((value..seen.token_end(text, value, Stops::Nothing), Written::Quoted)),
        };
    }
    if at > spaced && written == Written::Assigned {
        return None;
    }
    let query = matches!(before, Some(b'?' | b'&'));
    // A line of `env` or of a dotenv file: whatever stands behind `=` belongs to the value.
    let alone = written == Written::Assigned && dashes == 0 && begins_line(text, start);
    let stops = if query {
        Stops::Query
    } else if alone {
        Stops::Nothing
    } else {
        Stops::Text
    };
    let mut stop = seen.token_end(text, at, stops);
    if alone && at < stop && matches!(text[stop - 1], b'"' | b'\'') {
        stop -= 1;
    }
    Some((at..stop, written))
}

/// Whether a name is the first thing in its line, but for `export` and its like or a prompt.
fn begins_line(text: &[u8], start: usize) -> bool {
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

fn is_netrc(text: &[u8], start: usize) -> bool {
    let from = start.saturating_sub(200);
    let lead = &text[from..start];
    memchr::memmem::find(lead, b"machine ").is_some()
        || memchr::memmem::find(lead, b"login ").is_some()
        || lead.trim_ascii().is_empty()
            && text.get(start..start + 9).is_some_and(|word| word == b"password ")
            && text[start + 9..]
                .iter()
                .take(200)
                .all(|byte| !byte.is_ascii_whitespace())
}

/// Where a bare value ends: at white space, at one of `stops`, or at an escaped newline or quote.
fn token_end(text: &[u8], from: usize, stops: &[u8]) -> usize {
    let mut at = from;
    while at < text.len() {
        let byte = text[at];
        if byte.is_ascii_whitespace() || stops.contains(&byte) {
            break;
        }
        if byte == b'\\' && matches!(text.get(at + 1), Some(b'n' | b'r' | b'"' | b'\'')) {
            break;
        }
        at += 1;
    }
    at
}

fn closing(text: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from;
    while at < text.len() {
        match text[at] {
            byte if byte == quote => return Some(at),
            b'\\' => at += 2,
            b'\n' => return None,
            _ => at += 1,
        }
    }
    None
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
