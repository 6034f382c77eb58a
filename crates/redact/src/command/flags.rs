//! What stands behind the flags of a program.

use super::table::Kind;
use super::{REACH, Seen, push, report, word_at};
use crate::header;
use crate::span::Spans;

/// Reports what stands behind the flags of a program, each at its first place. All are looked for on one way along the words.
pub(super) fn behind_flags(
    text: &[u8],
    at: usize,
    flags: &[(usize, &'static [u8], Kind)],
    seen: &mut Seen,
    spans: &mut Spans,
) {
    let end = text.len().min(at + REACH);
    // From where on each is still looked for: where it was looked for in vain before, it need not be again, and once it was
    // met it is not looked for at all.
    let mut begins = [end; MOST_FLAGS];
    for (begin, (index, ..)) in begins.iter_mut().zip(flags) {
        *begin = at.max(seen.vain[*index].saturating_sub(1) as usize).min(end);
    }
    let begins = &mut begins[..flags.len()];
    let mut met = 0u32;
    let mut from = begins.iter().copied().min().unwrap_or(end);
    while from < end
        && let Some(found) = memchr::memchr(b' ', &text[from..end])
    {
        from += found + 1;
        let Some((first, rest)) = text[from..].split_first() else {
            break;
        };
        let before = met;
        for (number, (_, flag, kind)) in flags.iter().enumerate() {
            // Most words are told from a flag by their first two bytes.
            if flag[0] == *first
                && flag.get(1).is_none_or(|second| rest.first() == Some(second))
                && from > begins[number]
                && text[from..].starts_with(flag)
                && argument(text, from + flag.len(), *kind, spans)
            {
                met |= 1 << number;
                begins[number] = end;
            }
        }
        if met != before {
            from = begins.iter().copied().min().unwrap_or(end).max(from);
        }
    }
    for (number, (index, ..)) in flags.iter().enumerate() {
        if met >> number & 1 == 0 {
            // A line is far shorter than that; were it not, its end would be read again.
            seen.vain[*index] = u32::try_from(end).unwrap_or(0);
        }
    }
}

/// The most flags of one program.
pub(super) const MOST_FLAGS: usize = 16;

/// Reports what a flag that ends at `after` takes. False when the flag only begins as this one does.
fn argument(text: &[u8], after: usize, kind: Kind, spans: &mut Spans) -> bool {
    match (kind, text.get(after)) {
        (Kind::Glued(_), Some(byte)) if !byte.is_ascii_whitespace() => report(text, after, spans),
        (Kind::Cookies(_), Some(b' ' | b'=')) => {
            let (word, stop) = word_at(text, after + 1);
            header::cookies(text, word, stop, spans);
        }
        (Kind::Next(_), Some(b' ' | b'=')) => report(text, after + 1, spans),
        (Kind::User(_) | Kind::Comma(_) | Kind::Percent(_), Some(byte)) => {
            let separator = match kind {
                Kind::User(_) => b':',
                Kind::Comma(_) => b',',
                _ => b'%',
            };
            let word = if matches!(byte, b' ' | b'=') { after + 1 } else { after };
            let (word, stop) = word_at(text, word);
            // `-u TOKEN:`: no password, and so the user is the secret.
            if text[word..stop].ends_with(b":") && crate::chance::is_token(&text[word..stop - 1]) {
                push(text, word, stop - 1, spans);
            } else if let Some(colon) = text[word..stop].iter().position(|byte| *byte == separator) {
                push(text, word + colon + 1, stop, spans);
            }
        }
        _ => return false,
    }
    true
}
