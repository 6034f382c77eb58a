//! Arguments of commands: `--password value`, and `password value` of a netrc.

use super::Name;

/// `Using --password via the CLI is insecure`: words that follow a flag which is spoken of.
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

/// Whether what stands at `from`, behind a flag, is no value of it.
pub(super) fn is_spoken_of(text: &[u8], name: Name, from: usize) -> bool {
    let word = text[from..]
        .iter()
        .take(12)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    // `-pPASSWORD DATABASE` in a tool's help.
    let shown = name.dashes == 1 && text[name.start + 1..name.end].iter().all(u8::is_ascii_uppercase);
    shown
        // `-Password (ConvertTo-SecureString …)`: an expression.
        || matches!(text.get(from), Some(b'-' | b'('))
        || PROSE.contains(&&text[from..from + word]) && matches!(text.get(from + word), Some(b' ' | b'.' | b',') | None)
}

/// Whether a password stands in a netrc: behind `machine` or `login`, or alone with its value.
pub(super) fn is_netrc(text: &[u8], start: usize) -> bool {
    let from = start.saturating_sub(200);
    let lead = &text[from..start];
    if !text[start..].starts_with(b"password ") {
        return false;
    }
    // `machine host login name password value`: each key has one word.
    let mut words = lead.rsplit(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if words.next().is_some() && matches!(words.next(), Some(b"login" | b"machine" | b"account" | b"default")) {
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
