//! The built-in rules made ready: one gate over all their keywords, and what to do at each.

use std::sync::LazyLock;

use log_model::RuleId;

use crate::gate::{Gate, Keyword};
use crate::rules::{self, Group};
use crate::shape::{Classes, Runs, Shape};
use crate::span::Spans;
use crate::{address, command, header, names};

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
    Command(u8),
}

/// What one search leaves for the next, so that it allocates nothing.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) runs: Runs,
    pub(crate) names: names::Seen,
    pub(crate) header: header::Seen,
    pub(crate) command: command::Seen,
}

impl Scratch {
    fn clear(&mut self) {
        self.runs.clear();
        self.names = names::Seen::default();
        self.header = header::Seen::default();
        self.command = command::Seen::default();
    }
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
        for (at, (shape, _)) in shapes.iter().enumerate() {
            let (literal, fold) = shape.keyword();
            let next = shape
                .next(&classes)
                .map(|set| set.bytes().collect())
                .unwrap_or_default();
            let means = Means::Shape(u16::try_from(at).expect("a few hundred shapes"));
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
            command::KEYWORDS
                .iter()
                .zip(0..)
                .map(|((literal, _), keyword)| folded(literal, "", Means::Command(keyword))),
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
        Self {
            gate: Gate::new(keywords),
            classes,
            shapes,
            infos,
        }
    }

    pub(crate) fn infos(&self) -> &[Info] {
        &self.infos
    }

    /// Reports what the rules that need one line only find in a text, and says whether a private key may begin in it.
    pub(crate) fn find(&self, text: &[u8], scratch: &mut Scratch, spans: &mut Spans) -> bool {
        let mut fresh = false;
        let mut block = false;
        self.gate.scan(text, |at, means| {
            if !fresh {
                scratch.clear();
                fresh = true;
            }
            match means {
                Means::Shape(index) => {
                    let (shape, rule) = &self.shapes[usize::from(*index)];
                    if let Some(range) = shape.check(&self.classes, &mut scratch.runs, text, at) {
                        spans.push(range, *rule);
                    }
                }
                Means::Name => names::find(text, at, &mut scratch.names, spans),
                Means::Address => address::find(text, at, spans),
                Means::Header(kind) => header::find(text, at, *kind, &mut scratch.header, spans),
                Means::Block => block = true,
                Means::Command(keyword) => command::find(text, at, *keyword, &mut scratch.command, spans),
            }
        });
        block
    }

    #[cfg(test)]
    pub(crate) fn shapes(&self) -> (&[(Shape, u16)], &Classes) {
        (&self.shapes, &self.classes)
    }

    #[cfg(test)]
    pub(crate) fn fill(&self) -> f64 {
        self.gate.fill()
    }
}
