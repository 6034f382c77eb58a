//! The state of one output stream, and the road of one line through the matchers.

use std::fmt;
use std::sync::Arc;

use log_model::{Masked, SafeText};

use crate::carry::Carry;
use crate::custom::CustomRule;
use crate::engine::{Engine, Scratch};
use crate::keyblock::KeyBlock;
use crate::known::Known;
use crate::names::Open;
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
    carry: Carry,
    work: Work,
}

#[derive(Default)]
struct Work {
    spans: Spans,
    scratch: Scratch,
    decoded: View,
    twice: View,
    squeezed: View,
    /// What the text itself, not a view of it, leaves open for the lines after it.
    open: Option<Open>,
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scrubber")
            .field("holds_open", &self.holds_open())
            .finish_non_exhaustive()
    }
}

impl Scrubber {
    pub(crate) fn new(redactor: Redactor) -> Self {
        let (version, known) = redactor.known();
        Self {
            redactor,
            version,
            known,
            block: KeyBlock::default(),
            carry: Carry::default(),
            work: Work::default(),
        }
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
        let open = self.work.open.take();
        self.carry.find(line.as_bytes(), open, &mut self.work.spans);
        {
            let redactor = &self.redactor;
            self.work
                .finish(line, &self.known, redactor.custom(), |rule| redactor.rule_id(rule))
        }
    }

    /// Whether a private key or the value of a name has begun on a line before and not ended, so that an unfinished line
    /// must not be shown yet.
    pub fn holds_open(&self) -> bool {
        self.block.is_open() || self.carry.is_open()
    }
}

impl Work {
    /// Looks at the text, at what its escapes stand for, and at what those stand for. Says whether a private key may begin
    /// in the text itself.
    fn find(&mut self, raw: &[u8], known: &Known, custom: &[CustomRule]) -> bool {
        let Self {
            spans,
            scratch,
            decoded,
            twice,
            squeezed,
            open,
        } = self;
        let begins = look(raw, known, custom, scratch, squeezed, spans);
        *open = scratch.names.open.take();
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

    /// Cuts out what was found, and looks again at what is left until nothing more is found.
    ///
    /// A mask changes what stands around it: a quote that closed elsewhere may now close here. Looking again makes the
    /// result final, so that scrubbing stored text once more, as the sweep does, changes nothing without need. Only lines
    /// with a secret pay for it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the redaction that the constructor asks for"
    )]
    fn finish<'r>(
        &mut self,
        line: &str,
        known: &Known,
        custom: &[CustomRule],
        id: impl Fn(u16) -> &'r log_model::RuleId,
    ) -> Scrubbed {
        if self.spans.is_empty() {
            return Scrubbed {
                text: SafeText::assume_redacted(line),
                masked: Vec::new(),
            };
        }
        let (mut text, mut places) = span::cut(line, self.spans.merge(line), &span::Places::new());
        if text == line {
            return Scrubbed {
                text: SafeText::assume_redacted(line),
                masked: Vec::new(),
            };
        }
        for _ in 0..ROUNDS {
            self.spans.clear();
            if self.find(text.as_bytes(), known, custom) {
                KeyBlock::find_inline(text.as_bytes(), &mut self.spans);
            }
            if self.spans.is_empty() {
                break;
            }
            let (more, more_places) = span::cut(&text, self.spans.merge(&text), &places);
            if more == text {
                break;
            }
            (text, places) = (more, more_places);
        }
        Scrubbed {
            text: SafeText::assume_redacted(text),
            masked: span::count(&places, id),
        }
    }
}

/// How often a line with a secret is looked at again; each time is linear, and the second is nearly always the last.
const ROUNDS: usize = 4;

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

/// The built-in rules over a text that belongs to no stream.
pub(crate) fn scrub_alone(text: &str) -> SafeText {
    let mut work = Work::default();
    KeyBlock::find_inline(text.as_bytes(), &mut work.spans);
    let known = Known::new([]).0;
    work.find(text.as_bytes(), &known, &[]);
    work.finish(text, &known, &[], |rule| {
        &Engine::built_in().infos()[usize::from(rule)].id
    })
    .text
}
