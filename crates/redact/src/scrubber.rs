//! The state of one output stream, and the road of one line through the matchers.

use std::fmt;
use std::sync::Arc;

use log_model::{Masked, SafeStr, SafeText};

use crate::carry::Carry;
use crate::custom::CustomRule;
use crate::engine::{Engine, Found, Scratch};
use crate::keyblock::KeyBlock;
use crate::known::{Known, Run};
use crate::names::Open;
use crate::redactor::Redactor;
use crate::rules;
use crate::span::{self, Span, Spans};
use crate::view::View;

/// A line that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed {
    /// The line, with every secret replaced by [`MASK`](crate::MASK).
    pub text: SafeText,
    /// Which rules hid something and in how many places; empty when nothing was hidden.
    pub masked: Vec<Masked>,
}

/// A line as [`Scrubber::scrub_lines`] gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScrubbedLine<'a> {
    /// Nothing was to be hidden: the line as it was given.
    Same(SafeStr<'a>),
    /// It was looked at closely; nothing may have been hidden all the same.
    Judged(Scrubbed),
}

impl ScrubbedLine<'_> {
    /// The line, with every secret replaced by [`MASK`](crate::MASK).
    pub fn text(&self) -> SafeStr<'_> {
        match self {
            Self::Same(text) => *text,
            Self::Judged(scrubbed) => scrubbed.text.as_safe_str(),
        }
    }

    /// The same, owned.
    pub fn into_scrubbed(self) -> Scrubbed {
        match self {
            Self::Same(text) => Scrubbed {
                text: text.to_safe_text(),
                masked: Vec::new(),
            },
            Self::Judged(scrubbed) => scrubbed,
        }
    }
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
    run: Run,
    work: Work,
    /// A place of each of some lines that must be looked at; kept for its memory.
    marks: Vec<usize>,
}

#[derive(Default)]
struct Work {
    spans: Spans,
    scratch: Scratch,
    decoded: View,
    twice: View,
    squeezed: View,
    unveiled: View,
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
            run: Run::default(),
            work: Work::default(),
            marks: Vec::new(),
        }
    }

    /// Hides every secret of several lines, each of which ends with a newline, the last perhaps without; `each` gets them in
    /// their order, with the place where each began. It is the same as [`scrub`](Self::scrub) for each, and several times as fast, because one pass over all
    /// of them finds the few that deserve a look. A value that is registered meanwhile is hidden from the next call on.
    ///
    /// Where the redactor has rules of one's own, or known values that hang together over lines, every line is looked at.
    ///
    /// Beside the lines it holds 8 bytes for each of them that is looked at.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the redaction that the constructor asks for"
    )]
    pub fn scrub_lines(&mut self, lines: &str, mut each: impl FnMut(usize, ScrubbedLine<'_>)) {
        self.refresh();
        let all = !self.redactor.custom().is_empty() || self.known.wants_every_line();
        let mut marks = std::mem::take(&mut self.marks);
        marks.clear();
        if !all {
            Engine::built_in().mark(
                lines.as_bytes(),
                self.known.beside(),
                &mut self.work.scratch,
                &mut marks,
            );
        }
        let mut next = marks.iter().copied().peekable();
        let mut at_rest = self.is_at_rest();
        let mut from = 0;
        while from < lines.len() {
            let end = memchr::memchr(b'\n', &lines.as_bytes()[from..]).map_or(lines.len(), |at| from + at);
            let line = &lines[from..end];
            let marked = next.next_if(|mark| *mark <= end).is_some();
            if at_rest && !marked && !all {
                each(from, ScrubbedLine::Same(SafeStr::assume_redacted(line)));
            } else {
                each(from, ScrubbedLine::Judged(self.scrub(line)));
                at_rest = self.is_at_rest();
            }
            from = end + 1;
        }
        self.marks = marks;
    }

    /// Whether nothing that was before this line has a say in it.
    fn is_at_rest(&self) -> bool {
        self.block.is_outside() && self.carry.is_at_rest() && self.run.is_at_rest()
    }

    /// Hides every secret of one line, given without its newline and as a person would see it.
    ///
    /// Takes time linear in the line. What follows a private key's first line is hidden up to its last line; a key that
    /// never ends stops hiding after a few lines that cannot be part of one.
    pub fn scrub(&mut self, line: &str) -> Scrubbed {
        self.refresh();
        self.work.spans.clear();
        let begins = self.work.find(line.as_bytes(), &self.known, self.redactor.custom());
        self.block.find(line.as_bytes(), begins, &mut self.work.spans);
        let open = self.work.open.take();
        self.carry.find(line.as_bytes(), open, &mut self.work.spans);
        self.run.find(
            &self.known,
            line.as_bytes(),
            rules::index_of_known(),
            &mut self.work.spans,
        );
        let redactor = &self.redactor;
        self.work
            .finish(line, &self.known, redactor.custom(), |rule| redactor.rule_id(rule))
    }

    /// Hides every secret of what follows on a line whose beginning was shown before its end was there: `rest` is judged
    /// as the end of `shown` and `rest` together, and only it is given back. The line is over with it.
    pub fn scrub_after(&mut self, shown: &str, rest: &str) -> Scrubbed {
        self.refresh();
        let whole = [shown, rest].concat();
        let hidden = hidden_of(
            &mut self.work,
            &whole,
            &self.known,
            self.redactor.custom(),
            (&mut self.block, &mut self.carry, &mut self.run),
        );
        self.finish_after(shown, rest, hidden)
    }

    /// Hides every secret of `left`, which is all that is left of a line that began with `before` and was then written over:
    /// the end of a key whose beginning is gone is like no key by itself. It changes nothing of what is known about the
    /// stream.
    pub fn scrub_left(&mut self, before: &str, left: &str) -> Scrubbed {
        self.refresh();
        let (mut block, mut carry, mut run) = (self.block.clone(), self.carry, self.run);
        let hidden = hidden_of(
            &mut self.work,
            &[before, left].concat(),
            &self.known,
            self.redactor.custom(),
            (&mut block, &mut carry, &mut run),
        );
        self.finish_after(before, left, hidden)
    }

    /// What may be shown of a line that has no end yet, after `shown` was: `rest` with its secrets hidden, or `None` when
    /// any of it may still become part of a secret. It changes nothing of what is known about the stream; when the line
    /// goes on, give all that was shown of it to [`scrub_after`](Self::scrub_after).
    ///
    /// A prompt may be shown: text that ends with a space or a sign that no credential ends in, that no known value
    /// begins with, and that stays as it is whatever is put behind it.
    pub fn scrub_unfinished(&mut self, shown: &str, rest: &str) -> Option<Scrubbed> {
        self.refresh();
        let whole = [shown, rest].concat();
        if self.block.is_open() || !ends_like_a_prompt(&whole) || self.known.may_go_on(whole.as_bytes()) {
            return None;
        }
        let mut probed = |line: &str| {
            let (mut block, mut carry, mut run) = (self.block.clone(), self.carry, self.run);
            let custom = self.redactor.custom();
            let hidden = hidden_of(
                &mut self.work,
                line,
                &self.known,
                custom,
                (&mut block, &mut carry, &mut run),
            );
            (hidden, block.is_open())
        };
        let (now, opens) = probed(&whole);
        if opens {
            return None;
        }
        for probe in PROBES {
            let (later, opens) = probed(&format!("{whole}{probe}"));
            let grows = later.iter().any(|span| {
                span.start < whole.len()
                    && !now
                        .iter()
                        .any(|known| known.start <= span.start && span.end.min(whole.len()) <= known.end)
            });
            if grows || opens {
                return None;
            }
        }
        Some(self.finish_after(shown, rest, now))
    }

    fn refresh(&mut self) {
        if self.version != self.redactor.version() {
            (self.version, self.known) = self.redactor.known();
        }
    }

    /// Cuts what is hidden out of `rest`, which stands behind `shown`, and looks again as [`Work::finish`] does.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the redaction that the constructor asks for"
    )]
    fn finish_after(&mut self, shown: &str, rest: &str, mut hidden: Vec<Span>) -> Scrubbed {
        let (mut shown, mut rest) = (shown.to_owned(), rest.to_owned());
        let mut places = span::Places::new();
        for _ in 0..=ROUNDS {
            let border = shown.len();
            let part = |from: usize, to: usize| -> Vec<Span> {
                let inside = hidden.iter().filter(|span| span.start < to && span.end > from);
                inside
                    .map(|span| Span {
                        start: span.start.max(from) - from,
                        end: span.end.min(to) - from,
                        rule: span.rule,
                    })
                    .collect()
            };
            let (before, _) = span::cut(&shown, &part(0, border), &span::Places::new());
            let (after, after_places) = span::cut(&rest, &part(border, border + rest.len()), &places);
            let same = after == rest && before == shown;
            (shown, rest, places) = (before, after, after_places);
            if same {
                break;
            }
            let whole = [shown.as_str(), rest.as_str()].concat();
            self.work.spans.clear();
            if self.work.find(whole.as_bytes(), &self.known, self.redactor.custom()) {
                KeyBlock::find_inline(whole.as_bytes(), &mut self.work.spans);
            }
            hidden = self.work.spans.merge(&whole).to_vec();
            if hidden.is_empty() {
                break;
            }
        }
        let redactor = &self.redactor;
        Scrubbed {
            text: SafeText::assume_redacted(rest),
            masked: span::count(&places, |rule| redactor.rule_id(rule)),
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
            unveiled,
            open,
        } = self;
        let plain = look(raw, known, custom, scratch, squeezed, spans);
        *open = scratch.names.open.take();
        if plain.veiled && unveiled.unveil(raw) {
            let mark = spans.len();
            if look(unveiled.text(), known, custom, scratch, squeezed, spans).block {
                KeyBlock::find_inline(unveiled.text(), spans);
            }
            // What is dropped behind the last byte is not part of it.
            spans.map_since(mark, |start, end| {
                let (start, last) = unveiled.origin(start, end - 1);
                (start, last + 1)
            });
        }
        if !plain.escaped || !decoded.decode(raw) {
            return plain.block;
        }
        let mark = spans.len();
        let once = look(decoded.text(), known, custom, scratch, squeezed, spans);
        if once.block {
            KeyBlock::find_inline(decoded.text(), spans);
        }
        if once.escaped && twice.decode(decoded.text()) {
            let inner = spans.len();
            if look(twice.text(), known, custom, scratch, squeezed, spans).block {
                KeyBlock::find_inline(twice.text(), spans);
            }
            spans.map_since(inner, |start, end| twice.origin(start, end));
        }
        spans.map_since(mark, |start, end| decoded.origin(start, end));
        plain.block
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

/// What is put behind an unfinished line to see whether it could become part of a secret: a value, one that ends a quote,
/// the host of an address, the end of an element, the rest of a key's first line.
const PROBES: &[&str] = &[
    "Xk29vv01Lq88zR4t",
    "Xk29vv01Lq88zR4t\" ",
    "Xk29vv01Lq88zR4t' ",
    "Xk29vv01Lq88zR4t` ",
    "Xk29vv01@host.example.com/",
    "Xk29vv01</x>",
    "PRIVATE KEY-----",
    "BEGIN PRIVATE KEY-----",
];

/// Whether a line ends as a prompt does: with a space, or with a sign after a word that is no credential's beginning.
fn ends_like_a_prompt(line: &str) -> bool {
    let Some(last) = line.chars().next_back() else {
        return false;
    };
    let word = line.rsplit(char::is_whitespace).next().unwrap_or_default();
    let plain = |word: &str| word.len() <= 24 && word.chars().all(char::is_alphabetic);
    match last {
        _ if last.is_whitespace() => true,
        '.' => word.strip_suffix("...").is_some_and(plain),
        ':' => plain(&word[..word.len() - 1]),
        '?' | '>' | ')' | ']' | '}' | '!' | '$' | '#' => {
            let stem = word.trim_end_matches(|c: char| !c.is_alphanumeric());
            plain(stem.trim_start_matches(['(', '[', '{', '<', '/']))
                || stem.len() <= 8 && word.starts_with(['(', '[', '{', '<'])
        }
        '%' => word[..word.len() - 1].chars().all(|c| c.is_ascii_digit() || c == '.'),
        _ => !last.is_ascii() && !last.is_alphanumeric(),
    }
}

/// What every matcher hides of a line, merged; what is known of the lines before moves on.
fn hidden_of(
    work: &mut Work,
    line: &str,
    known: &Known,
    custom: &[CustomRule],
    (block, carry, run): (&mut KeyBlock, &mut Carry, &mut Run),
) -> Vec<Span> {
    work.spans.clear();
    let begins = work.find(line.as_bytes(), known, custom);
    block.find(line.as_bytes(), begins, &mut work.spans);
    let open = work.open.take();
    carry.find(line.as_bytes(), open, &mut work.spans);
    run.find(known, line.as_bytes(), rules::index_of_known(), &mut work.spans);
    work.spans.merge(line).to_vec()
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
) -> Found {
    let found = Engine::built_in().find(text, known.beside(), scratch, spans);
    for (at, rule) in custom.iter().enumerate() {
        rule.find(text, rules::index_of_custom(at), spans);
    }
    if found.beside {
        known.find(text, rules::index_of_known(), spans);
    }
    // Whatever puts a quote inside quotes writes a backslash.
    if found.escaped && known.is_quoted() && squeezed.unquote(text) && known.may_stand_in(squeezed.text()) {
        let mark = spans.len();
        known.find(squeezed.text(), rules::index_of_known(), spans);
        // What is dropped behind the last byte is not part of it.
        spans.map_since(mark, |start, end| {
            let (start, last) = squeezed.origin(start, end - 1);
            (start, last + 1)
        });
    }
    if known.wants_even_space(found.beside) && squeezed.squeeze(text) && known.may_stand_in(squeezed.text()) {
        let mark = spans.len();
        known.find(squeezed.text(), rules::index_of_known(), spans);
        spans.map_since(mark, |start, end| squeezed.origin(start, end));
    }
    found
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
