//! How a name and its value are joined: `=`, `:`, quotes, tags, attributes, arguments, columns, sentences.
//!
//! Each look is bounded, or remembered in [`Seen`], so that a line of nothing but names stays linear.

use std::ops::Range;

use crate::names::{Open, Seen, Stops};
use crate::prefix;
use crate::value::{Strength, Written};

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

/// The longest text of an element, and the farthest that attributes are read.
const ELEMENT: usize = 4096;

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
    for visibility in [&b":protected]"[..], b":private]"] {
        if text[at..].starts_with(visibility) {
            at += visibility.len();
        }
    }
    if let Some(range) = typed_in(text, name, at) {
        return Beside::Value(range, Written::Stated);
    }
    if matches!(before, Some(b'<' | b':')) || quoted_name && matches!(text.get(at), Some(b'>' | b' ')) {
        match element(text, start, at, before, quoted_name) {
            Beside::Nothing => {}
            found => return found,
        }
    }
    // <key>password</key><string>value</string>
    if text[at..].starts_with(b"</") {
        return after_closing_tag(text, at);
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
        b',' if !quoted_name && (text[..start].ends_with(b"name: ") || text[..start].ends_with(b"key: ")) => {
            return match pair(text, joined, seen) {
                Some(found @ Beside::Value(..)) => found,
                _ => Beside::Nothing,
            };
        }
        // `{:password, "value"}`
        b',' if !quoted_name && before == Some(b':') && start > 1 && text[start - 2] == b'{' => {
            let at = skip_spaces(text, joined + 1, 4);
            return match quote_at(text, at) {
                Some(quote) => quoted(text, at, quote, name, Written::Stated, seen),
                None => Beside::Nothing,
            };
        }
        b',' if quoted_name => {
            return match argument(text, name, joined, before, seen) {
                Beside::Nothing => pair(text, joined, seen).unwrap_or(Beside::Nothing),
                found => found,
            };
        }
        b'v' | b'V' if quoted_name => return pair(text, joined, seen).unwrap_or(Beside::Nothing),
        b'(' if joined == end && !quoted_name => return call(text, name, seen),
        b'|' => return column(text, joined + 1, name, seen),
        // `password -> value`
        b'-' if text.get(joined + 1) == Some(&b'>') => return arrow(text, joined + 2, name, seen),
        0xe2 if text[joined..].starts_with("→".as_bytes()) => return arrow(text, joined + 3, name, seen),
        // `variable "db_password" { default = "value" }`
        b'{' if quoted_name => {
            return match pair(text, joined + 1, seen) {
                Some(found @ Beside::Value(..)) => found,
                _ => Beside::Nothing,
            };
        }
        // `Password .......: value`
        b'.' if text[joined..].starts_with(b"..") => {
            let dots = text[joined..].iter().take(64).take_while(|byte| **byte == b'.').count();
            let colon = skip_spaces(text, joined + dots, 4);
            if text.get(colon) != Some(&b':') {
                let end = seen.token_end(text, colon, Stops::Text);
                return if crate::login::is_made_up(&text[colon..end]) {
                    Beside::Value(colon..end, Written::Stated)
                } else {
                    Beside::Nothing
                };
            }
            at = colon + 1;
            Written::Stated
        }
        0xe2 if text[joined..].starts_with("│".as_bytes()) => return column(text, joined + 3, name, seen),
        b'\\' if dashes > 0 && joined + 1 == text.len() => return Beside::Below(Open::Word),
        // --password value; and in netrc: machine … login … password …
        _ if joined > end
            && (dashes > 0 && !quoted_name || strength == Strength::Password && is_netrc(text, start)) =>
        {
            at = joined;
            // "Using --password via the CLI is insecure": a flag that is spoken of.
            const PROSE: [&[u8]; 24] = [
                b"and",
                b"are",
                b"argument",
                b"as",
                b"at",
                b"by",
                b"can",
                b"flag",
                b"for",
                b"from",
                b"has",
                b"in",
                b"instead",
                b"is",
                b"must",
                b"not",
                b"on",
                b"option",
                b"or",
                b"parameter",
                b"to",
                b"via",
                b"was",
                b"with",
            ];
            let word = text[at..]
                .iter()
                .take(12)
                .take_while(|byte| byte.is_ascii_alphabetic())
                .count();
            // `-pPASSWORD DATABASE` in a tool's help.
            let shown = dashes == 1 && text[start + 1..end].iter().all(u8::is_ascii_uppercase);
            if shown
                || text.get(at) == Some(&b'-')
                || PROSE.contains(&&text[at..at + word])
                    && matches!(text.get(at + word), Some(b' ' | b'.' | b',') | None)
            {
                return Beside::Nothing;
            }
            Written::Assigned
        }
        _ if joined > end && !quoted_name => return stated(text, name, joined, seen),
        _ => return Beside::Nothing,
    };
    value_at(text, name, at, before, quoted_name, written, seen)
}

/// The value behind a sign.
fn value_at(
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
    // Tags and types of YAML: `password: !!str value`.
    if text[at..].starts_with(b"!!str ") {
        at += 6;
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
    at = unwrap(text, at);
    if let Some(quote) = quote_at(text, at) {
        return quoted(text, at, quote, name, written, seen);
    }
    if text.get(at) == Some(&b'[') {
        let inner = at + 1;
        let close = text[inner..]
            .iter()
            .take(ELEMENT)
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
fn quoted(text: &[u8], at: usize, quote: u8, name: Name, written: Written, seen: &mut Seen) -> Beside {
    let value = at + 1;
    match seen.closing(text, value, quote) {
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
    const WRAPS: [&[u8]; 18] = [
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

/// `<password>value</password>`, `<entry key="password">value</entry>`, `<meta name="csrf-token" content="value">`.
fn element(text: &[u8], start: usize, end: usize, before: Option<u8>, quoted_name: bool) -> Beside {
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
    if text[value..].starts_with(b"<value>") {
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
fn after_closing_tag(text: &[u8], at: usize) -> Beside {
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

/// What a key or attribute is called that holds the value of a name.
pub(crate) fn is_value_word(word: &[u8]) -> bool {
    [
        &b"value"[..],
        b"content",
        b"default",
        b"stringvalue",
        b"parametervalue",
        b"outputvalue",
        b"secretstring",
        b"string_value",
        b"plaintext",
    ]
    .iter()
    .any(|known| word.eq_ignore_ascii_case(known))
}

/// `"name": "DB_PASSWORD", "value": "…"` and `<add key="Password" value="…">`: up to three other keys may stand between.
fn pair(text: &[u8], joined: usize, seen: &mut Seen) -> Option<Beside> {
    let limit = text.len().min(joined + 256);
    let mut at = joined;
    for _ in 0..4 {
        while at < limit && matches!(text[at], b',' | b' ' | b'\n' | b'"' | b'\'') {
            at += 1;
        }
        let word = text[at..limit]
            .iter()
            .take(40)
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
            .count();
        if word == 0 {
            break;
        }
        let is_value = is_value_word(&text[at..at + word]);
        at += word;
        if quote_at(text, at).is_some() {
            at += 1;
        }
        at = skip_spaces(text, at, 8);
        if !matches!(text.get(at), Some(b':' | b'=')) {
            return None;
        }
        at = skip_spaces(text, at + 1, 8);
        let quote = quote_at(text, at);
        let (value, end) = match quote {
            Some(quote) => (at + 1, seen.closing(text, at + 1, quote)?),
            None => (at, seen.token_end(text, at, Stops::Text)),
        };
        if is_value {
            let written = if quote.is_some() {
                Written::Quoted
            } else {
                Written::Stated
            };
            return Some(Beside::Value(value..end, written));
        }
        at = end + usize::from(quote.is_some());
        if at >= limit || !matches!(text[at], b',' | b' ') {
            return None;
        }
    }
    text[at.min(text.len())..]
        .trim_ascii()
        .is_empty()
        .then_some(Beside::Below(Open::Pair))
}

/// `set("password", "value")`, `["--password", "value"]`.
fn argument(text: &[u8], name: Name, joined: usize, before: Option<u8>, seen: &mut Seen) -> Beside {
    let at = skip_spaces(text, joined + 1, 8);
    let flag = name.dashes == 2;
    if at >= text.len() && flag {
        return Beside::Below(Open::Word);
    }
    let opens = name.start.checked_sub(name.dashes + 2).map(|at| text[at]);
    let opened = opens == Some(b'(')
        || opens == Some(b' ') && name.start > name.dashes + 3 && text[name.start - name.dashes - 3] == b'(';
    // A pair in braces or a list may as well be two names.
    let listed = matches!(opens, Some(b'{' | b'['))
        || opens == Some(b' ')
            && name.start > name.dashes + 3
            && matches!(text[name.start - name.dashes - 3], b'{' | b'[');
    if !flag && !opened && !listed || before.is_none() {
        return Beside::Nothing;
    }
    let Some(quote) = quote_at(text, at) else {
        return Beside::Nothing;
    };
    let Some(close) = seen.closing(text, at + 1, quote) else {
        return Beside::Nothing;
    };
    // A list of names is no list of values.
    let value = &text[at + 1..close];
    if !flag && !opened && !crate::login::is_made_up(value) {
        return Beside::Nothing;
    }
    if crate::name::strength(&value[..value.len().min(64)]).is_some() && value.iter().all(|byte| in_name(*byte)) {
        return Beside::Nothing;
    }
    Beside::Value(at + 1..close, Written::Stated)
}

/// What an arrow leads to; code has arrows too, so a token must show that it is none of it.
fn arrow(text: &[u8], from: usize, name: Name, seen: &mut Seen) -> Beside {
    let at = skip_spaces(text, from, 8);
    let quote = quote_at(text, at);
    let at = at + usize::from(quote.is_some());
    let end = match quote {
        Some(quote) => match seen.closing(text, at, quote) {
            Some(close) => close,
            None => return Beside::Nothing,
        },
        None => seen.token_end(text, at, Stops::Text),
    };
    if name.strength == Strength::Password || crate::login::is_made_up(&text[at..end]) && end - at >= 16 {
        Beside::Value(at..end, Written::Stated)
    } else {
        Beside::Nothing
    }
}

/// `setPassword("value")`, `PASSWORD('value')`.
fn call(text: &[u8], name: Name, seen: &mut Seen) -> Beside {
    const ASKS: [&[u8]; 14] = [
        b"get", b"has", b"is", b"find", b"read", b"load", b"fetch", b"verify", b"check", b"use", b"delete", b"test",
        b"remove", b"hash",
    ];
    let word = &text[name.start..name.end];
    let asks = ASKS
        .iter()
        .any(|ask| word.len() > ask.len() && word[..ask.len()].eq_ignore_ascii_case(ask));
    let dotted = word.iter().rposition(|byte| *byte == b'.').map(|dot| &word[dot + 1..]);
    let asks = asks
        || dotted.is_some_and(|word| {
            ASKS.iter()
                .any(|ask| word.len() > ask.len() && word[..ask.len()].eq_ignore_ascii_case(ask))
        });
    let Some(quote) = quote_at(text, name.end + 1).filter(|_| !asks) else {
        return Beside::Nothing;
    };
    match seen.closing(text, name.end + 2, quote) {
        Some(close) if matches!(text.get(close + 1), Some(b')' | b',')) => {
            Beside::Value(name.end + 2..close, Written::Stated)
        }
        _ => Beside::Nothing,
    }
}

/// The next column of a table.
fn column(text: &[u8], from: usize, name: Name, seen: &mut Seen) -> Beside {
    let at = skip_spaces(text, from, 128);
    let end = seen.token_end(text, at, Stops::Text);
    // A column of words is a description; a lone word is a value.
    let rest = skip_spaces(text, end, 512);
    let ends = matches!(text.get(rest), None | Some(b'|' | 0xe2));
    if end - at < 6 || !ends && !name.variable {
        return Beside::Nothing;
    }
    Beside::Value(at..end, Written::Stated)
}

/// A name in a sentence or in front of its value: `your password is x7…`, `PASSWORD 'x7…'`, `token x7… is invalid`.
fn stated(text: &[u8], name: Name, joined: usize, seen: &mut Seen) -> Beside {
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
    (length >= 10 && crate::login::is_made_up(&text[at..at + length])).then_some(at..at + length)
}

/// `fill('#password', 'value')`, `get('#password').type('value')`: what a test types into a field.
fn typed_in(text: &[u8], name: Name, at: usize) -> Option<Range<usize>> {
    let before = *text.get(name.start.checked_sub(1)?)?;
    if !matches!(before, b'#' | b'=') {
        return None;
    }
    let at = at + usize::from(text.get(at) == Some(&b']'));
    let quote = quote_at(text, at)?;
    let rest = text.get(at + 1..text.len().min(at + 24))?;
    const LEADS: [&[u8]; 7] = [
        b", ",
        b",",
        b").type(",
        b").fill(",
        b").sendKeys(",
        b").send_keys(",
        b").setValue(",
    ];
    let lead = LEADS.iter().find(|lead| rest.starts_with(lead))?;
    let value = at + 1 + lead.len();
    quote_at(text, value).filter(|second| *second == quote)?;
    let length = text[value + 1..].iter().take(256).position(|byte| *byte == quote)?;
    let range = value + 1..value + 1 + length;
    crate::login::is_made_up(&text[range.clone()]).then_some(range)
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
        if !matches!(byte, b',' | b';' | b'&') {
            continue;
        }
        let word = head[at + 1..]
            .iter()
            .take(32)
            .take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b'-'))
            .count();
        if word >= 2 && head.get(at + 1 + word) == Some(&b'=') && head.get(at + 2 + word).is_some() {
            return from + at;
        }
    }
    stop
}

fn is_netrc(text: &[u8], start: usize) -> bool {
    let from = start.saturating_sub(200);
    let lead = &text[from..start];
    if !text[start..].starts_with(b"password ") {
        return false;
    }
    if memchr::memmem::find(lead, b"machine ").is_some() || memchr::memmem::find(lead, b"login ").is_some() {
        return true;
    }
    let mut rest = text.get(start + 9..).unwrap_or_default().iter();
    lead.trim_ascii().is_empty()
        && rest.len() < 200
        && rest
            .clone()
            .any(|byte| byte.is_ascii_digit() || byte.is_ascii_punctuation())
        && rest.all(|byte| !byte.is_ascii_whitespace())
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

fn trim(text: &[u8], mut range: Range<usize>) -> Range<usize> {
    while range.start < range.end && text[range.start].is_ascii_whitespace() {
        range.start += 1;
    }
    while range.end > range.start && text[range.end - 1].is_ascii_whitespace() {
        range.end -= 1;
    }
    range
}
