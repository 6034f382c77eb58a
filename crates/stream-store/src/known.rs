//! What a writer remembers of its job, and what becomes of the job when the store remembers less. Pure.

use log_model::{Counts, Fence, Owner, Seq, Span, Timestamp};

use crate::record::{JobRecord, PhaseRecord};

/// The numbers after a loss begin at a multiple of this.
const ROUND: u64 = 1_000_000;

/// No one loses as many entries at once, so numbers just below a round one go to the one after.
const MARGIN: u64 = 100_000;

/// What a writer remembers of a job it has written to: enough for [`LogStore::rejoin`](crate::LogStore::rejoin) to
/// rebuild the job in a store that lost it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose job it is.
    pub owner: Owner,
    /// When it was opened, as its record said: the archive knows the job by it.
    pub opened: Timestamp,
    /// Its phases, as far as they are known.
    pub phases: Vec<PhaseRecord>,
    /// The fence this slot was last given; zero when it never had one.
    pub fence: Fence,
    /// The highest place of any entry this writer was told of; zero when there is none.
    pub highest: Seq,
    /// The place of the first entry that was acknowledged and will be sent again if the store lacks it;
    /// `highest + 1` when nothing is kept. What the job had from there on is told to be gone.
    pub resend_from: Seq,
    /// The number of the first batch that can still be sent.
    pub next: u64,
    /// What this writer had acknowledged and no longer keeps: what its batches before `next` held.
    pub counts: Counts,
}

impl Known {
    /// A job this writer has written nothing to yet.
    pub fn nothing_written(owner: Owner, opened: Timestamp) -> Self {
        Self {
            owner,
            opened,
            phases: Vec::new(),
            fence: Fence(0),
            highest: Seq::ZERO,
            resend_from: Seq::FIRST,
            next: 1,
            counts: Counts::default(),
        }
    }
}

/// The first place after a loss, above everything anybody may have seen.
fn above(highest: Seq) -> Seq {
    let first = ((highest.get() + MARGIN) / ROUND + 1) * ROUND;
    Seq::new(first).unwrap_or(Seq::MAX)
}

/// Brings a record up to what a writer knows of it. `forgotten` says that the store does not know the writer's slot.
/// Answers whether entries are lost that nobody sends again. Doing it again changes nothing.
pub(crate) fn rebuild(record: &mut JobRecord, forgotten: bool, known: &Known) -> bool {
    let resend_from = known.resend_from.max(Seq::FIRST);
    let raised = known.highest > record.head;
    if raised {
        let first = above(known.highest);
        let mut lost_from = record.head.next();
        if record.held().is_none() {
            if record.head == Seq::ZERO {
                record.opened = record.opened.min(known.opened);
            }
            if resend_from > lost_from {
                record.lost_through = resend_from.prev();
                lost_from = resend_from;
            }
            record.held_from = first;
        }
        record.unused.extend(Span::new(lost_from, first.prev()));
        record.head = first.prev();
    } else if forgotten && record.lost_through >= resend_from {
        // Another writer rebuilt the record, and had less of the end to send again.
        let next = record.lost_through.next();
        for span in &mut record.unused {
            if span.first() == next {
                *span = Span::new(resend_from, span.last()).unwrap_or(*span);
            }
        }
        record.lost_through = resend_from.prev();
    }
    if !forgotten {
        return false;
    }
    record.counts.lines += known.counts.lines;
    record.counts.redactions += known.counts.redactions;
    record.counts.gaps += known.counts.gaps;
    for phase in &known.phases {
        if record.phases.iter().all(|one| one.phase != phase.phase) {
            record.phases.push(phase.clone());
        }
    }
    known.next > 1 || raised && resend_from > Seq::FIRST
}

/// What a follower that has told everything up to `told` must now take back: of the spans that are unused `now`, what
/// was not `before`, as far as it may have been told. Without a `before` only what holds the last place told counts.
pub(crate) fn taken_back(before: Option<&[Span]>, now: &[Span], told: Seq) -> Vec<Span> {
    let Some(before) = before else {
        return now.iter().filter(|span| span.contains(told)).copied().collect();
    };
    let mut new = Vec::new();
    for span in now.iter().filter(|span| span.first() <= told) {
        match before.iter().find(|old| old.last() == span.last()) {
            None => new.push(*span),
            // Grown downwards: by a second writer's return.
            Some(old) => new.extend(Span::new(span.first(), old.first().prev())),
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).expect("small")
    }

    fn spans(text: &[&str]) -> Vec<Span> {
        text.iter().map(|text| text.parse().expect("a span")).collect()
    }

    #[track_caller]
    fn check(before: Option<&[&str]>, now: &[&str], told: u64, taken: &[&str]) {
        let before = before.map(spans);
        assert_eq!(taken_back(before.as_deref(), &spans(now), seq(told)), spans(taken));
    }

    #[test]
    fn what_was_told_and_is_unused_since_is_taken_back() {
        check(Some(&[]), &["41-999999"], 60, &["41-999999"]);
        check(Some(&[]), &["61-999999"], 60, &[]);
        check(Some(&["41-999999"]), &["41-999999"], 1_000_005, &[]);
        check(Some(&["41-999999"]), &["31-999999"], 1_000_005, &["31-40"]);
        check(
            Some(&["41-999999"]),
            &["41-999999", "1000005-1999999"],
            1_000_005,
            &["1000005-1999999"],
        );
        check(None, &["41-999999"], 1_000_005, &[]);
        check(None, &["41-999999"], 60, &["41-999999"]);
    }

    #[test]
    fn numbers_go_on_at_the_round_one_that_nobody_can_have_seen() {
        for (highest, first) in [
            (1, 1_000_000),
            (899_999, 1_000_000),
            (900_000, 2_000_000),
            (1_000_000, 2_000_000),
        ] {
            assert_eq!(above(seq(highest)), seq(first), "{highest}");
        }
    }
}
