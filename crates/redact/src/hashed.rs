//! Passwords as systems keep them: `$2b$12$…`, `$6$salt$…`, `$argon2id$…`, `{SSHA}…`. Guessing needs nothing else.

use crate::rules;
use crate::span::Spans;

/// The longest that is read.
const LONGEST: usize = 512;

/// Reports salt and hash behind a scheme whose name ends at `from`; its parameters stay.
pub(crate) fn find(text: &[u8], from: usize, spans: &mut Spans) {
    let from = from.min(text.len());
    // `SCRAM-SHA-256$4096:…` and `scrypt:32768:8:1$…`
    let scram = from > 4
        && (text[from - 4..from].eq_ignore_ascii_case(b"256$")
            || text[from - 1] == b':' && text[from - 2].is_ascii_digit());
    let length = text[from..]
        .iter()
        .take(LONGEST)
        .take_while(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'/' | b'$' | b'=' | b',' | b'+' | b'_' | b'-')
                || scram && **byte == b':'
        })
        .count();
    let end = from + length;
    let mut start = from;
    // Cost, version and memory: `12$`, `v=19$`, `m=65536,t=3,p=4$`, `rounds=5000$`, `4096:`.
    while let Some(sign) = text[start..end]
        .iter()
        .take(40)
        .position(|byte| matches!(byte, b'$' | b':'))
    {
        let part = &text[start..start + sign];
        let parameter = !part.is_empty()
            && (part.len() <= 7 && part.iter().all(u8::is_ascii_digit)
                || part.contains(&b'=') && part[part.len() - 1] != b'=');
        if !parameter && !part.is_empty() {
            break;
        }
        start += sign + 1;
    }
    let body = &text[start..end];
    if body.len() >= 20 && body.iter().any(u8::is_ascii_digit) | body.iter().any(u8::is_ascii_uppercase) {
        spans.push(start..end, rules::PASSWORD);
    }
}
