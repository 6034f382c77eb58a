//! Rules that a service adds to the built-in ones.

use fancy_regex::{Expr, Regex, RegexBuilder};
use log_model::RuleId;
use memchr::memmem;

use crate::error::Error;
use crate::span::Spans;

/// A rule of one's own: a literal that every match contains, and a pattern.
///
/// The literal is the gate: the pattern is tried only on lines that hold it. A pattern that could take more than linear
/// time, could match nothing at all or would match ordinary words is refused when the rule is made.
///
/// ```
/// let rule = redact::CustomRule::new("acme-token", "acme_", "acme_[a-z0-9]{12}")?;
/// let redactor = redact::Redactor::builder().rule(rule).build()?;
/// let line = redactor.scrubber().scrub("using acme_0123456789ab now");
/// assert_eq!(line.text.as_str(), "using [REDACTED] now");
/// # Ok::<(), redact::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct CustomRule {
    id: RuleId,
    gate: memmem::Finder<'static>,
    pattern: Regex,
    group: usize,
}

impl CustomRule {
    /// A rule named `id`, tried on lines that hold `literal`, hiding what `pattern` matches: its first group when it has
    /// one, else the whole match.
    ///
    /// # Errors
    /// [`Error::RuleId`], [`Error::Literal`] for a literal under 3 characters or not of ASCII, [`Error::Pattern`] when it
    /// does not parse, and [`Error::Refused`] for look-around, back-references and the like, for a pattern that matches the
    /// empty text or grows too large, for one that matches a plain word, and for one of which not every match holds the
    /// literal.
    pub fn new(id: &str, literal: &str, pattern: &str) -> Result<Self, Error> {
        let rule_id = RuleId::new(id).map_err(|_| Error::RuleId { id: id.to_owned() })?;
        let id = || id.to_owned();
        if literal.len() < 3 || !literal.is_ascii() || literal.trim().is_empty() {
            return Err(Error::Literal { id: id() });
        }
        let tree = Expr::parse_tree(pattern).map_err(|source| Error::Pattern {
            id: id(),
            source: Box::new(source),
        })?;
        if needs_backtracking(&tree.expr) {
            let why = "look-around, back-references and atomic groups can take time without bound";
            return Err(Error::Refused { id: id(), why });
        }
        let pattern = RegexBuilder::new(pattern)
            .backtrack_limit(1)
            .delegate_size_limit(1 << 20)
            .build()
            .map_err(|_| Error::Refused {
                id: id(),
                why: "it takes more than 1 MiB when it is made ready",
            })?;
        if pattern.is_match("").unwrap_or(true) {
            return Err(Error::Refused {
                id: id(),
                why: "it matches the empty text, which is everywhere",
            });
        }
        if ["a", "the", "1", " ", "build"]
            .iter()
            .any(|word| pattern.is_match(word).unwrap_or(true))
        {
            return Err(Error::Refused {
                id: id(),
                why: "it matches plain words",
            });
        }
        if !always_holds(&tree.expr, literal) {
            let why = "not every match holds its literal, letter for letter, so that some would never be looked for";
            return Err(Error::Refused { id: id(), why });
        }
        let group = usize::from(pattern.captures_len() > 1);
        Ok(Self {
            id: rule_id,
            gate: memmem::Finder::new(literal).into_owned(),
            pattern,
            group,
        })
    }

    /// Its id.
    pub fn id(&self) -> &RuleId {
        &self.id
    }

    pub(crate) fn find(&self, text: &[u8], rule: u16, spans: &mut Spans) {
        if self.gate.find(text).is_none() {
            return;
        }
        let Ok(text) = std::str::from_utf8(text) else { return };
        let mut last = 0;
        for (count, found) in self.pattern.captures_iter(text).enumerate() {
            // Each search is linear, but may read on to the end of the line for a match of a few characters; so many of
            // them would not be.
            if count == MOST {
                spans.push(last..text.len(), rule);
                return;
            }
            // Nothing in the pattern backtracks, so the limit is never met; were it met, all that is left is hidden.
            match found {
                Ok(found) => {
                    last = found.get(0).map_or(last, |whole| whole.end());
                    if let Some(part) = found.get(self.group).or_else(|| found.get(0)) {
                        spans.push(part.start()..part.end(), rule);
                    }
                }
                Err(_) => {
                    spans.push(0..text.len(), rule);
                    return;
                }
            }
        }
    }
}

/// The most places of one line that a rule hides one by one; of a line with more, all that follows is hidden.
const MOST: usize = 1000;

/// Whether the literal stands in whatever the expression matches.
fn always_holds(expr: &Expr, literal: &str) -> bool {
    match expr {
        Expr::Concat(all) => {
            let mut run = String::new();
            let in_a_run = all.iter().any(|part| match exactly(part) {
                Some(text) => {
                    run.push_str(&text);
                    run.contains(literal)
                }
                None => {
                    run.push_str(&edge(part, true));
                    let held = run.contains(literal);
                    run = edge(part, false);
                    held
                }
            });
            in_a_run || all.iter().any(|part| always_holds(part, literal))
        }
        Expr::Alt(all) => all.iter().all(|one| always_holds(one, literal)),
        Expr::Group(inner) => always_holds(inner, literal),
        Expr::Repeat { child, lo, .. } => *lo > 0 && always_holds(child, literal),
        other => exactly(other).is_some_and(|text| text.contains(literal)),
    }
}

/// What every match begins with, or ends with.
fn edge(expr: &Expr, first: bool) -> String {
    match expr {
        Expr::Group(inner) => edge(inner, first),
        Expr::Concat(all) => {
            let mut text = String::new();
            let mut parts: Vec<&Expr> = all.iter().collect();
            if !first {
                parts.reverse();
            }
            for part in parts {
                let exact = exactly(part);
                let piece = exact.clone().unwrap_or_else(|| edge(part, first));
                text = if first { text + &piece } else { piece + &text };
                if exact.is_none() {
                    break;
                }
            }
            text
        }
        other => exactly(other).unwrap_or_default(),
    }
}

/// The one text that an expression matches, when there is but one.
fn exactly(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Empty | Expr::Assertion(_) => Some(String::new()),
        Expr::Literal { val, casei } if !casei || !val.bytes().any(|byte| byte.is_ascii_alphabetic()) => {
            Some(val.clone())
        }
        Expr::Concat(all) => all.iter().map(exactly).collect(),
        Expr::Group(inner) => exactly(inner),
        Expr::Repeat { child, lo, hi, .. } if lo == hi && *lo <= 64 => Some(exactly(child)?.repeat(*lo)),
        _ => None,
    }
}

fn needs_backtracking(expr: &Expr) -> bool {
    match expr {
        Expr::Concat(all) | Expr::Alt(all) => all.iter().any(needs_backtracking),
        Expr::Group(inner) => needs_backtracking(inner),
        Expr::Repeat { child, .. } => needs_backtracking(child),
        Expr::Empty | Expr::Any { .. } | Expr::Assertion(_) | Expr::Literal { .. } | Expr::Delegate { .. } => false,
        _ => true,
    }
}
