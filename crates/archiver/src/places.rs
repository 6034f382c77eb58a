//! The arithmetic of paging: which places a page covers, when some places have no entry. Pure.

use log_model::{LogEntry, Seq, Span};

/// The last `count` used places up to `top`, as spans without an unused place in them, in order.
pub(crate) fn back(top: Seq, count: u64, unused: &[Span]) -> Vec<Span> {
    let (mut at, mut left, mut spans) = (top, count, Vec::new());
    for hole in unused.iter().rev().map(Some).chain([None]) {
        if left == 0 || at == Seq::ZERO {
            break;
        }
        let floor = hole.map_or(Seq::ZERO, |hole| hole.last());
        if hole.is_some_and(|hole| hole.first() > at) {
            continue;
        }
        if let Some(used) = Span::after(floor.max(at.minus(left)), at) {
            left -= used.len();
            spans.push(used);
        }
        at = hole.map_or(Seq::ZERO, |hole| hole.first().prev());
    }
    spans.reverse();
    spans
}

/// The first `count` used places from after `after` up to `last`, as spans without an unused place in them, in order.
pub(crate) fn forward(after: Seq, last: Seq, count: u64, unused: &[Span]) -> Vec<Span> {
    let (mut at, mut left, mut spans) = (after, count, Vec::new());
    for hole in unused.iter().map(Some).chain([None]) {
        if left == 0 || at >= last {
            break;
        }
        if hole.is_some_and(|hole| hole.last() <= at) {
            continue;
        }
        let ceiling = hole.map_or(last, |hole| hole.first().prev().min(last));
        if let Some(used) = Span::after(at, ceiling.min(at.plus(left))) {
            left -= used.len();
            spans.push(used);
        }
        at = hole.map_or(last, |hole| hole.last());
    }
    spans
}

/// The parts of `span` that none of `entries` stands for. Entries are in order and lie in it.
pub(crate) fn missing(span: Span, entries: &[LogEntry]) -> Vec<Span> {
    let mut holes = Vec::new();
    let mut before = span.first().prev();
    for seq in entries.iter().map(|entry| entry.seq).chain([span.last().next()]) {
        holes.extend(Span::after(before, seq.prev()));
        before = seq;
    }
    holes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(first: u64, last: u64) -> Span {
        Span::new(Seq::new(first).expect("small"), Seq::new(last).expect("small")).expect("in order")
    }

    fn places(spans: &[Span]) -> Vec<u64> {
        spans
            .iter()
            .flat_map(|span| span.first().get()..=span.last().get())
            .collect()
    }

    fn holes() -> impl Strategy<Value = Vec<Span>> {
        proptest::collection::vec((1_u64..6, 1_u64..6), 0..5).prop_map(|steps| {
            let mut at = 0;
            steps
                .into_iter()
                .map(|(skip, length)| {
                    let hole = span(at + skip, at + skip + length - 1);
                    // Two unused spans may touch: a fail-over right after a fail-over.
                    at = hole.last().get();
                    hole
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn a_page_is_the_nearest_used_places(unused in holes(), at in 0_u64..40, last in 0_u64..40, count in 0_u64..12) {
            let used: Vec<u64> =
                (1..=40).filter(|place| !unused.iter().any(|hole| hole.contains(Seq::new(*place).expect("small")))).collect();
            let count_usize = usize::try_from(count).expect("small");
            let below: Vec<u64> = used.iter().copied().filter(|place| *place <= at).collect();
            let newest = below[below.len().saturating_sub(count_usize)..].to_vec();
            prop_assert_eq!(places(&back(Seq::new(at).expect("small"), count, &unused)), newest);
            let above: Vec<u64> = used.iter().copied().filter(|place| *place > at && *place <= last).take(count_usize).collect();
            let forward = forward(Seq::new(at).expect("small"), Seq::new(last).expect("small"), count, &unused);
            prop_assert_eq!(places(&forward), above);
        }
    }
}
