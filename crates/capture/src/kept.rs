//! What the store acknowledged and may still lose: kept for a while, and after that remembered by its number of lines.

use std::collections::VecDeque;
use std::sync::Arc;

use log_model::{Counts, Seq};
use stream_store::Batch;

use crate::gaps::missing_of;
use crate::outbox::Item;

/// What was acknowledged but not confirmed is kept up to this much, for a store that lost it in a fail-over.
const KEPT: usize = 2 * 1024 * 1024;

/// So many batches that are not kept any more can be counted one by one.
const REMEMBERED: usize = 4096;

/// Acknowledged batches, in order.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// With the place of each batch's first event.
    items: VecDeque<(Item, Seq)>,
    weight: usize,
    /// What all that was let go of held.
    counts: Counts,
    /// Numbers and lines of what was let go of last, and behind them the sum of all before.
    gone: VecDeque<(u64, u64)>,
    long_gone: (u64, u64),
}

impl Kept {
    /// The last batch's number.
    pub(crate) fn last(&self) -> Option<u64> {
        self.items.back().map(|(item, _)| item.number())
    }

    /// The first batch's number, and the place of its first event.
    pub(crate) fn first(&self) -> Option<(u64, Seq)> {
        self.items.front().map(|(item, place)| (item.number(), *place))
    }

    /// What all that was let go of held.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Keeps a batch whose first event stands at `place`. True when that filled half of the room, so that the store is to be asked to confirm.
    pub(crate) fn keep(&mut self, item: Item, place: Seq) -> bool {
        let half_was_free = self.weight <= KEPT / 2;
        self.weight += item.weight;
        self.items.push_back((item, place));
        while self.weight > KEPT && self.items.len() > 1 {
            self.let_go();
        }
        half_was_free && self.weight > KEPT / 2
    }

    /// Everything up to this number is safe with the store.
    pub(crate) fn confirmed(&mut self, number: u64) {
        while self.items.front().is_some_and(|(item, _)| item.number() <= number) {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        let Some((item, _)) = self.items.pop_front() else {
            return;
        };
        self.weight -= item.weight;
        for event in &item.batch.events {
            self.counts.add(&event.event);
        }
        self.gone.push_back((item.number(), missing_of(&item.batch.events)));
        if self.gone.len() > REMEMBERED
            && let Some((number, lines)) = self.gone.pop_front()
        {
            self.long_gone = (number, self.long_gone.1 + lines);
        }
    }

    /// Gives back the last batch if its number is `from` or higher.
    pub(crate) fn take_back(&mut self, from: u64) -> Option<Item> {
        let (item, _) = self.items.pop_back_if(|(item, _)| item.number() >= from)?;
        self.weight -= item.weight;
        Some(item)
    }

    /// The store lost what was let go of, from this number on: how many lines that is, as far as it can be known. They
    /// are not counted again.
    pub(crate) fn lost(&mut self, from: u64) -> Option<u64> {
        let mut lines = 0;
        while let Some((_, more)) = self.gone.pop_back_if(|(number, _)| *number >= from) {
            lines += more;
        }
        let (last, more) = self.long_gone;
        if from > last {
            return Some(lines);
        }
        self.long_gone = (0, 0);
        (from <= 1).then_some(lines + more)
    }

    /// What is kept, in order.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Arc<Batch>> {
        self.items.iter().map(|(item, _)| Arc::clone(&item.batch))
    }
}

#[cfg(test)]
mod tests {
    use log_model::{Fence, GapReason, WriterId};

    use super::*;
    use crate::gaps::gap;

    fn item(number: u64, lines: u64, weight: usize) -> Item {
        let batch = Batch {
            writer: WriterId::new("w").expect("it is an id"),
            fence: Fence(0),
            number,
            events: vec![gap(Some(lines), GapReason::StoreLost)],
        };
        Item {
            batch: Arc::new(batch),
            weight,
        }
    }

    #[test]
    fn what_was_let_go_of_is_counted_from_any_number_on() {
        let mut kept = Kept::default();
        for number in 1..=10 {
            kept.keep(item(number, number, 1), Seq::FIRST);
        }
        kept.confirmed(6);
        assert_eq!(kept.lost(5), Some(5 + 6));
        assert_eq!(kept.lost(1), Some(1 + 2 + 3 + 4));
        assert_eq!(kept.lost(1), Some(0), "they are counted once");
        assert_eq!(kept.take_back(10).map(|item| item.number()), Some(10));
        assert!(kept.take_back(10).is_none());
    }

    #[test]
    fn what_went_long_ago_is_counted_as_a_whole_or_not_at_all() {
        let numbers = REMEMBERED as u64 + 100;
        let fresh = || {
            let mut kept = Kept::default();
            for number in 1..=numbers {
                kept.keep(item(number, 1, 1), Seq::FIRST);
            }
            kept.confirmed(numbers);
            kept
        };
        assert_eq!(fresh().lost(1), Some(numbers));
        assert_eq!(fresh().lost(50), None);
        assert_eq!(fresh().lost(101), Some(REMEMBERED as u64));
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_store_is_asked_in_time() {
        let mut kept = Kept::default();
        assert!(!kept.keep(item(1, 1, KEPT / 2), Seq::FIRST));
        assert!(kept.keep(item(2, 1, KEPT / 4), Seq::FIRST));
        assert!(!kept.keep(item(3, 1, KEPT / 4), Seq::FIRST), "it was asked");
        assert!(!kept.keep(item(4, 1, KEPT / 4), Seq::FIRST));
        assert_eq!(kept.batches().map(|batch| batch.number).collect::<Vec<_>>(), [2, 3, 4]);
    }
}
