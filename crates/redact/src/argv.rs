//! Commands as lists of their arguments: `["redis-cli", "-a", "…"]`, `spawn('curl', ['-u', 'ci:…'])`.
//!
//! What is known of commands is known of them as a shell is told. So a list is written down as a line, once for a text that
//! has one, and the built-in rules look at that.

use crate::engine::{Engine, Scratch};
use crate::rules;
use crate::span::Spans;

/// The longest text that is written down again; of a longer one, its beginning.
const LONGEST: usize = 16 * 1024;

/// Reports what commands take as secrets in the lists of a text.
pub(crate) fn find(text: &[u8], spans: &mut Spans) {
    let text = &text[..text.len().min(LONGEST)];
    let (line, origins) = written_down(text);
    let mut found = Spans::default();
    // What is written down holds no quotes, and so no list: this goes one step deep.
    Engine::built_in().find(&line, None, &mut Scratch::default(), &mut found);
    for span in found.iter().filter(|span| span.rule == rules::COMMAND_LINE) {
        let (from, last) = (origins[span.start], origins[span.end - 1]);
        spans.push(from as usize..last as usize + 1, rules::COMMAND_LINE);
    }
}

/// The text without quotes and what stands between two of them, and where each of its bytes came from.
fn written_down(text: &[u8]) -> (Vec<u8>, Vec<u32>) {
    let mut line = Vec::with_capacity(text.len());
    let mut origins = Vec::with_capacity(text.len());
    let mut put = |byte, at: usize| {
        line.push(byte);
        origins.push(u32::try_from(at).unwrap_or(u32::MAX));
    };
    let mut at = 0;
    while at < text.len() {
        if !matches!(text[at], b'"' | b'\'') {
            put(text[at], at);
            at += 1;
            continue;
        }
        put(b' ', at);
        let between = text[at + 1..]
            .iter()
            .take(16)
            .take_while(|byte| matches!(byte, b',' | b' ' | b'[' | b']' | b'(' | b')' | b'{'))
            .count();
        let listed = text[at + 1..at + 1 + between].contains(&b',');
        at += 1;
        if listed && matches!(text.get(at + between), Some(b'"' | b'\'')) {
            at += between + 1;
        }
    }
    (line, origins)
}
