//! What every matcher reports, how reports are merged, and the one cut.

use std::ops::Range;

use log_model::{Masked, RuleId};

use crate::MASK;

/// One place to hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: u16,
}

/// The places to hide of one text.
#[derive(Debug, Default)]
pub(crate) struct Spans(Vec<Span>, usize);

impl Spans {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many were not kept, because they were part of the one before.
    pub(crate) fn swallowed(&self) -> usize {
        self.1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Span> {
        self.0.iter()
    }

    pub(crate) fn push(&mut self, range: Range<usize>, rule: u16) {
        if range.start < range.end {
            // Keywords come in rising order and often inside what was just found.
            if let Some(last) = self.0.last()
                && last.start <= range.start
                && range.end <= last.end
                && last.rule <= rule
            {
                self.1 += 1;
                return;
            }
            self.0.push(Span {
                start: range.start,
                end: range.end,
                rule,
            });
        }
    }

    /// Pushes the span at an index once more, so many bytes farther on; an end beyond `near` stays where it is.
    pub(crate) fn repeat(&mut self, index: usize, by: usize, near: usize) {
        let Some(span) = self.0.get(index).cloned() else { return };
        let end = if span.end + by <= near { span.end + by } else { span.end };
        self.push(span.start + by..end, span.rule);
    }

    /// Gives every span pushed since `mark` other bounds, as when they were found in a decoded view.
    pub(crate) fn map_since(&mut self, mark: usize, to: impl Fn(usize, usize) -> (usize, usize)) {
        for span in &mut self.0[mark..] {
            (span.start, span.end) = to(span.start, span.end);
        }
    }

    /// Merges what overlaps or touches. Of merged spans the one with the lowest rule, the most particular, gives its name.
    ///
    /// Hiding one after the other instead would leak: once the shorter of two nested values is gone, the longer is no
    /// longer there to be found, and its tail stays.
    pub(crate) fn merge(&mut self, text: &str) -> &[Span] {
        for span in &mut self.0 {
            span.start = text.floor_char_boundary(span.start);
            span.end = text.ceil_char_boundary(span.end);
        }
        self.0.sort_unstable_by_key(|span| (span.start, span.end, span.rule));
        self.0.dedup_by(|next, kept| {
            let together = next.start <= kept.end;
            if together {
                kept.end = kept.end.max(next.end);
                kept.rule = kept.rule.min(next.rule);
            }
            together
        });
        &self.0
    }
}

/// Where masks stand in a text, and what each of them hides, in order.
pub(crate) type Places = Vec<(usize, u16)>;

/// Cuts merged spans out of a text, in which masks of an earlier cut may stand. A mask that goes into a larger one lends it
/// its name when it is the more particular.
pub(crate) fn cut(text: &str, spans: &[Span], before: &Places) -> (String, Places) {
    let hidden: usize = spans.iter().map(|span| span.end - span.start).sum();
    let mut clean = String::with_capacity(text.len() - hidden + spans.len() * MASK.len());
    let mut places = Places::with_capacity(before.len() + spans.len());
    let mut earlier = before.iter().peekable();
    let mut from = 0;
    for span in spans {
        while let Some((at, rule)) = earlier.next_if(|(at, _)| at + MASK.len() <= span.start) {
            places.push((clean.len() + at - from, *rule));
        }
        clean.push_str(&text[from..span.start]);
        let mut rule = span.rule;
        while let Some((_, swallowed)) = earlier.next_if(|(at, _)| *at < span.end) {
            rule = rule.min(*swallowed);
        }
        places.push((clean.len(), rule));
        clean.push_str(MASK);
        from = span.end;
    }
    places.extend(earlier.map(|(at, rule)| (clean.len() + at - from, *rule)));
    clean.push_str(&text[from..]);
    (clean, places)
}

/// Counts masks by rule, in the order of their first appearance.
pub(crate) fn count<'r>(places: &Places, id: impl Fn(u16) -> &'r RuleId) -> Vec<Masked> {
    let mut masked: Vec<(u16, Masked)> = Vec::new();
    for (_, rule) in places {
        match masked.iter_mut().find(|(known, _)| known == rule) {
            Some((_, masked)) => masked.count = masked.count.saturating_add(1),
            None => masked.push((
                *rule,
                Masked {
                    rule: id(*rule).clone(),
                    count: 1,
                },
            )),
        }
    }
    masked.into_iter().map(|(_, masked)| masked).collect()
}
