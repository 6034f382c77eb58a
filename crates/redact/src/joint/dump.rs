//! What programs print for people to look at: columns of tables, arrows, rows of dots.

use super::{Beside, Name, quote_at, skip_spaces};
use crate::names::{Seen, Stops};
use crate::value::{Strength, Written};

/// What an arrow leads to; code has arrows too, so a token must show that it is none of it.
pub(super) fn arrow(text: &[u8], from: usize, name: Name, seen: &mut Seen) -> Beside {
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

/// The next column of a table.
pub(super) fn column(text: &[u8], from: usize, name: Name, seen: &mut Seen) -> Beside {
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

/// `Password .......: value`: where the colon behind the dots is, or what stands there without one.
pub(super) fn dotted(text: &[u8], from: usize, seen: &mut Seen) -> Result<usize, Beside> {
    let dots = text[from..].iter().take(64).take_while(|byte| **byte == b'.').count();
    let colon = skip_spaces(text, from + dots, 4);
    if text.get(colon) == Some(&b':') {
        return Ok(colon);
    }
    let end = seen.token_end(text, colon, Stops::Text);
    Err(if crate::login::is_made_up(&text[colon..end]) {
        Beside::Value(colon..end, Written::Stated)
    } else {
        Beside::Nothing
    })
}
