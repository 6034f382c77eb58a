//! The built-in rules made ready: one gate over all their keywords, and what to do at each.

use std::sync::LazyLock;

use log_model::RuleId;

use crate::gate::{Gate, Hit, Keyword};
use crate::pairs::Pairs;
use crate::repeats::{Repeats, Turn};
use crate::rules::{self, Group};
use crate::shape::{Classes, Runs, Shape};
use crate::span::Spans;
use crate::{address, command, header, names, view};

/// What a keyword stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The beginning of a table rule's shape.
    Shape(u16),
    /// A word that names of secrets hold.
    Name,
    /// `://`, after which a password may stand.
    Address,
    /// A header whose whole value is secret.
    Header(header::Kind),
    /// What the first line of a private key holds.
    Block,
    /// A program that takes a secret as an argument.
    Command(u16),
    /// A character that no reader sees.
    Invisible,
}

/// What one search leaves for the next, so that it allocates nothing.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) runs: Runs,
    at_sign: AtSign,
    repeats: Repeats,
    pub(crate) names: names::Seen,
    pub(crate) header: header::Seen,
    pub(crate) command: command::Seen,
    commanded: bool,
}

impl Scratch {
    fn clear(&mut self) {
        self.repeats = Repeats::default();
        self.names.open = None;
        self.forget();
    }

    /// Forgets how far a text was read, and nothing of what it was found to leave open.
    fn forget(&mut self) {
        self.runs.clear();
        self.at_sign = AtSign::default();
        let open = self.names.open.take();
        self.names = names::Seen::default();
        self.names.open = open;
        self.header = header::Seen::default();
        // The largest by far, and seldom used.
        if std::mem::take(&mut self.commanded) {
            self.command = command::Seen::default();
        }
    }
}

/// Where the next `@` is. Without one there is no user in an address and no password.
#[derive(Default)]
struct AtSign {
    asked: usize,
    found: usize,
}

impl AtSign {
    /// How far behind `://` one is looked for.
    const REACH: usize = 2048;

    /// Whether there is one within reach of `from`. Each byte is read once however often this is asked in rising order.
    fn follows(&mut self, text: &[u8], from: usize) -> bool {
        if from < self.asked || self.found <= from {
            self.asked = from;
            let rest = text.get(from..).unwrap_or_default();
            self.found = memchr::memchr(b'@', rest).map_or(usize::MAX, |at| from + at);
        }
        self.found.saturating_sub(from) <= Self::REACH
    }
}

/// How often something is judged on a line while lines are marked.
const MOST_LOOKS: usize = 64;

/// Whether a user may stand in the address at `at`: what comes before its first slash holds one, or a colon.
fn may_hold_user(text: &[u8], at: usize) -> bool {
    let authority = &text[at + "://".len()..];
    let end = authority
        .iter()
        .find(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b':' | b'@'));
    matches!(end, Some(b':' | b'@'))
}

/// What a search says beside the spans it reports.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Found {
    /// Whether a private key may begin in the text.
    pub(crate) block: bool,
    /// Whether the text holds a keyword of the gate that was asked beside.
    pub(crate) beside: bool,
    /// Whether an escape may stand in the text, so that a decoded view of it may differ.
    pub(crate) escaped: bool,
    /// Whether a character that no reader sees may stand in the text.
    pub(crate) veiled: bool,
}

/// A rule as the rest of the crate sees it.
pub(crate) struct Info {
    pub(crate) id: RuleId,
    pub(crate) group: Group,
    pub(crate) source: &'static str,
}

/// All built-in rules.
pub(crate) struct Engine {
    gate: Gate<Means>,
    classes: Classes,
    shapes: Vec<(Shape, u16)>,
    /// Which of the shapes are about the user in an address, how long what stands before their `://` is, and its last byte.
    of_a_user: Vec<(u16, usize, u8)>,
    infos: Vec<Info>,
}

static BUILT_IN: LazyLock<Engine> = LazyLock::new(Engine::new);

impl Engine {
    /// The one engine of the process; the first call compiles the table.
    pub(crate) fn built_in() -> &'static Self {
        &BUILT_IN
    }

    fn new() -> Self {
        let mut classes = Classes::default();
        let mut shapes = Vec::new();
        let mut infos = Vec::new();
        for rule in rules::all() {
            let index = u16::try_from(infos.len()).expect("a few hundred rules");
            for pattern in rule.patterns {
                let compiled = Shape::compile(pattern, &mut classes);
                shapes.extend(
                    compiled
                        .expect("every pattern of the table compiles")
                        .into_iter()
                        .map(|s| (s, index)),
                );
            }
            infos.push(Info {
                id: RuleId::from_static(rule.id),
                group: rule.group,
                source: rule.source,
            });
        }
        let mut keywords: Vec<Keyword<Means>> = Vec::new();
        let mut of_a_user = Vec::new();
        for (at, (shape, _)) in shapes.iter().enumerate() {
            let (literal, fold) = shape.keyword();
            let next = shape
                .next(&classes)
                .map(|set| set.bytes().collect())
                .unwrap_or_default();
            let number = u16::try_from(at).expect("a few hundred shapes");
            if shape.is_of_a_user() {
                let scheme = literal.len() - "://".len();
                of_a_user.push((number, scheme, literal[scheme - 1]));
                continue;
            }
            let means = Means::Shape(number);
            keywords.push(Keyword {
                literal: literal.to_vec(),
                fold,
                next,
                begins_word: shape.begins_word(),
                means,
            });
        }
        let folded = |literal: &str, next: &str, means| Keyword {
            literal: literal.as_bytes().to_vec(),
            fold: true,
            next: next.as_bytes().to_vec(),
            begins_word: false,
            means,
        };
        keywords.extend(
            names::KEYWORDS
                .iter()
                .map(|(literal, next)| folded(literal, next, Means::Name)),
        );
        keywords.extend(
            header::KEYWORDS
                .iter()
                .map(|(literal, kind)| folded(literal, header::next(*kind), Means::Header(*kind))),
        );
        keywords.extend(
            command::keywords()
                .zip(0..)
                .map(|(literal, program)| folded(literal, "", Means::Command(program))),
        );
        keywords.push(folded("://", "", Means::Address));
        keywords.extend(
            address::KEYWORDS
                .iter()
                .map(|literal| folded(literal, "", Means::Address)),
        );
        let block = |literal: &[u8]| Keyword {
            literal: literal.to_vec(),
            fold: false,
            next: Vec::new(),
            begins_word: false,
            means: Means::Block,
        };
        keywords.extend([block(b"BEGIN "), block(b"PuTTY-User-Key-File-")]);
        keywords.extend(view::invisible_characters().map(|character| Keyword {
            literal: character.encode_utf8(&mut [0; 4]).as_bytes().to_vec(),
            fold: false,
            next: Vec::new(),
            begins_word: false,
            means: Means::Invisible,
        }));
        Self {
            gate: Gate::new(keywords),
            classes,
            shapes,
            of_a_user,
            infos,
        }
    }

    pub(crate) fn infos(&self) -> &[Info] {
        &self.infos
    }

    /// One pass for this gate and another; see [`Gate::united`].
    pub(crate) fn united(&self, other: &Gate<()>) -> Pairs {
        self.gate.united(other)
    }

    /// Reports what the rules that need one line only find in a text.
    pub(crate) fn find(
        &self,
        text: &[u8],
        beside: Option<(&Gate<()>, &Pairs)>,
        scratch: &mut Scratch,
        spans: &mut Spans,
    ) -> Found {
        // A view that was looked at last may have left something open.
        scratch.names.open = None;
        let (mut fresh, mut skipped) = (false, false);
        let mut said = Found::default();
        self.gate.scan(text, beside, |at, hit| {
            let means = match hit {
                Hit::Keyword(means) => means,
                Hit::Beside => {
                    said.beside = true;
                    return 0;
                }
                Hit::Escape => {
                    if let Some(at) = view::may_escape(text, at) {
                        said.escaped |= text[at].is_ascii();
                        said.veiled |= !text[at].is_ascii();
                    }
                    return 0;
                }
            };
            if !fresh {
                scratch.clear();
                fresh = true;
            }
            let turn = scratch.repeats.turn(*means, text, at, spans);
            if turn == Turn::Done {
                skipped = true;
                return 0;
            }
            // What matchers remember is how far they came, and they were not asked for a while.
            if std::mem::take(&mut skipped) || turn == Turn::LookAfresh {
                scratch.forget();
                scratch.repeats.begin_afresh();
            }
            let (from, swallowed) = (spans.len(), spans.swallowed());
            self.look(*means, text, at, scratch, spans, &mut said);
            let others = spans.swallowed() != swallowed;
            scratch
                .repeats
                .looked(turn, *means, text, at, from..spans.len(), others);
            0
        });
        said
    }

    /// What a keyword's matcher finds.
    fn look(&self, means: Means, text: &[u8], at: usize, scratch: &mut Scratch, spans: &mut Spans, said: &mut Found) {
        match means {
            Means::Shape(index) => self.check(index, text, at, &mut scratch.runs, spans),
            Means::Name => names::find(text, at, &mut scratch.names, spans),
            Means::Address => {
                if text[at] == b':' && !(may_hold_user(text, at) && scratch.at_sign.follows(text, at)) {
                    return;
                }
                address::find(text, at, spans);
                if text[at] == b':' && at > 0 {
                    for (index, scheme, last) in &self.of_a_user {
                        if text[at - 1] == *last
                            && let Some(at) = at.checked_sub(*scheme)
                        {
                            self.check(*index, text, at, &mut scratch.runs, spans);
                        }
                    }
                }
            }
            Means::Header(kind) => header::find(text, at, kind, &mut scratch.header, spans),
            Means::Block => said.block = true,
            Means::Command(keyword) => {
                scratch.commanded = true;
                command::find(text, at, keyword, &mut scratch.command, spans);
            }
            Means::Invisible => said.veiled = true,
        }
    }

    /// Puts a place of every line of `text` in which [`find`](Self::find) has something to look at into `marks`, in rising
    /// order, at most one for each line. What takes little to judge is judged here, so that a line with an address is none.
    pub(crate) fn mark(
        &self,
        text: &[u8],
        beside: Option<(&Gate<()>, &Pairs)>,
        scratch: &mut Scratch,
        marks: &mut Vec<usize>,
    ) {
        // The line that was last asked about; it is marked already when it counts as over.
        let (mut line, mut over) = (0..0, 0);
        // How often something was judged on it in vain; a line that asks for more is left to `find`.
        let mut looks = 0;
        let (mut at_sign, mut spans) = (AtSign::default(), Spans::default());
        self.gate.scan(text, beside, |at, hit| {
            if at < over {
                return over;
            }
            let place = match hit {
                // Most addresses hold no user, which is told at once.
                Hit::Keyword(Means::Address)
                    if text[at] == b':' && !(may_hold_user(text, at) && at_sign.follows(text, at)) =>
                {
                    None
                }
                Hit::Keyword(means @ (Means::Shape(_) | Means::Address)) => {
                    if at >= line.end {
                        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end);
                        let start =
                            memchr::memrchr(b'\n', &text[line.end..at]).map_or(line.end, |start| line.end + start + 1);
                        line = start..end;
                        looks = 0;
                        scratch.clear();
                    }
                    looks += 1;
                    spans.clear();
                    let from = line.start;
                    let line = &text[from..line.end];
                    self.look(*means, line, at - from, scratch, &mut spans, &mut Found::default());
                    (!spans.is_empty() || looks > MOST_LOOKS).then_some(at)
                }
                Hit::Keyword(_) | Hit::Beside => Some(at),
                Hit::Escape => view::may_escape(text, at),
            };
            if let Some(at) = place {
                marks.push(at);
                over = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end);
            }
            over
        });
    }

    fn check(&self, shape: u16, text: &[u8], at: usize, runs: &mut Runs, spans: &mut Spans) {
        let (shape, rule) = &self.shapes[usize::from(shape)];
        if let Some(range) = shape.check(&self.classes, runs, text, at) {
            spans.push(range, *rule);
        }
    }

    #[cfg(test)]
    pub(crate) fn shapes(&self) -> (&[(Shape, u16)], &Classes) {
        (&self.shapes, &self.classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines as tools write them, with a few keywords in them.
    const OUTPUT: &str = "\
        npm http fetch GET 200 https://registry.npmjs.org/@babel%2fhelper-plugin-utils 42ms (cache hit)\n\
        added 312 packages, and audited 313 packages in 9s\n\
        dist/assets/index-B3xKq7Z2.js                 143.21 kB | gzip: 46.10 kB\n\
        src/lib/session.ts(14,7): error TS2339: Property 'name' does not exist on type 'User'.\n\
        Get:12 http://deb.example.org/debian bookworm/main amd64 libfiglet0 amd64 2.2.5-3 [120 kB]\n\
          integrity sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==\n\
         \u{2713} renders the label and calls back once when it is clicked 12ms\n\
            at Module._compile (node:internal/modules/cjs/loader:1364:14)\n\
        warning: unused variable `index` --> crates/app/src/main.rs:118:13\n";

    #[test]
    fn the_gate_takes_a_closer_look_at_few_places_of_build_output() {
        let chance = Engine::built_in().gate.chance(OUTPUT.as_bytes());
        assert!(chance < 0.06, "{chance}");
    }
}
