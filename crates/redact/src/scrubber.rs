//! The state of one output stream, and the road of one line through the matchers.

use std::fmt;
use std::sync::Arc;

use log_model::{Masked, SafeText};

use crate::custom::CustomRule;
use crate::engine::{Engine, Scratch};
use crate::keyblock::KeyBlock;
use crate::known::Known;
use crate::redactor::Redactor;
use crate::rules;
use crate::span::{self, Spans};
use crate::view::View;

/// A line that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed {
    /// The line, with every secret replaced by [`MASK`](crate::MASK).
    pub text: SafeText,
    /// Which rules hid something and in how many places; empty when nothing was hidden.
    pub masked: Vec<Masked>,
}

/// Scrubs the lines of one output stream, in their order.
///
/// It belongs to one stream because a private key spans lines; two streams of a job need one each. It holds at most a few
/// kilobytes beside what the longest line needed.
pub struct Scrubber {
    redactor: Redactor,
    version: u64,
    known: Arc<Known>,
    block: KeyBlock,
    work: Work,
}

#[derive(Default)]
struct Work {
    spans: Spans,
    scratch: Scratch,
    decoded: View,
    twice: View,
    squeezed: View,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber").field("holds_open", &self.holds_open()).finish_non_exhaustive()
    }
}

impl Scrubber {
    pub(crate) fn new(redactor: Redactor) -> Self {
        let (version, known) = redactor.known();
        Self { redactor, version, known, block: KeyBlock::default(), work: Work::default() }
    }

    /// Hides every secret of one line, given without its newline and as a person would see it.
    ///
    /// Takes time linear in the line. What follows a private key's first line is hidden up to its last line; a key that
    /// never ends stops hiding after a few lines that cannot be part of one.
    pub fn scrub(&mut self, line: &str) -> Scrubbed {
        if self.version != self.redactor.version() {
            (self.version, self.known) = self.redactor.known();
        }
        self.work.spans.clear();
        let begins = self.work.find(line.as_bytes(), &self.known, self.redactor.custom());
        self.block.find(line.as_bytes(), begins, &mut self.work.spans);
        finish(line, &mut self.work.spans, |rule| self.redactor.rule_id(rule))
    }

    /// Whether a private key has begun and not ended, so that an unfinished line must not be shown yet.
    pub fn holds_open(&self) -> bool {
        self.block.is_open()
    }
}

impl Work {
    /// Looks at the text, at what its escapes stand for, and at what those stand for. Says whether a private key may begin
    /// in the text itself.
    fn find(&mut self, raw: &[u8], known: &Known, custom: &[CustomRule]) -> bool {
        let Self { spans, scratch, decoded, twice, squeezed } = self;
        let begins = look(raw, known, custom, scratch, squeezed, spans);
        if !decoded.decode(raw) {
            return begins;
        }
        let mark = spans.len();
        if look(decoded.text(), known, custom, scratch, squeezed, spans) {
            KeyBlock::find_inline(decoded.text(), spans);
        }
        if twice.decode(decoded.text()) {
            let inner = spans.len();
            if look(twice.text(), known, custom, scratch, squeezed, spans) {
                KeyBlock::find_inline(twice.text(), spans);
            }
            spans.map_since(inner, |start, end| twice.origin(start, end));
        }
        spans.map_since(mark, |start, end| decoded.origin(start, end));
        begins
    }
}

fn look(
    text: &[u8],
    known: &Known,
    custom: &[CustomRule],
    scratch: &mut Scratch,
    squeezed: &mut View,
    spans: &mut Spans,
) -> bool {
    let begins = Engine::built_in().find(text, scratch, spans);
    for (at, rule) in custom.iter().enumerate() {
        rule.find(text, rules::index_of_custom(at), spans);
    }
    if known.is_empty() {
        return begins;
    }
    known.find(text, rules::index_of_known(), spans);
    if known.has_several_lines() && squeezed.squeeze(text) {
        let mark = spans.len();
        known.find(squeezed.text(), rules::index_of_known(), spans);
        spans.map_since(mark, |start, end| squeezed.origin(start, end));
    }
    begins
}

#[expect(clippy::disallowed_methods, reason = "this is the redaction that the constructor asks for")]
fn finish<'r>(text: &str, spans: &mut Spans, id: impl Fn(u16) -> &'r log_model::RuleId) -> Scrubbed {
    if spans.is_empty() {
        return Scrubbed { text: SafeText::assume_redacted(text), masked: Vec::new() };
    }
    let merged = spans.merge(text);
    Scrubbed { text: SafeText::assume_redacted(span::cut(text, merged)), masked: span::count(merged, id) }
}

/// The built-in rules over a text that belongs to no stream.
pub(crate) fn scrub_alone(text: &str) -> SafeText {
    let mut work = Work::default();
    KeyBlock::find_inline(text.as_bytes(), &mut work.spans);
    work.find(text.as_bytes(), &Known::new([]).0, &[]);
    finish(text, &mut work.spans, |rule| &Engine::built_in().infos()[usize::from(rule)].id).text
}
