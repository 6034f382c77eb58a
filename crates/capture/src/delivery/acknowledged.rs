//! What the store has, by what it says: what it acknowledged is kept for a while, and what it lost goes out again.

use std::sync::Arc;

use log_model::{GapReason, Seq};
use stream_store::{Appended, Batch, Error};
use tokio::time::Instant;

use super::{Delivery, Standing};
use crate::gaps::gap;
use crate::outbox::Item;
use crate::store::is_passing;

impl Delivery {
    /// The store has this batch, and so every one before it.
    pub(super) fn landed(&mut self, number: u64, landed: Appended) {
        self.well();
        while self.sending.front().is_some_and(|item| item.number() <= number) {
            if let Some(item) = self.sending.pop_front() {
                // Of one whose own answer never came it is only known that it stands behind all that was known of.
                let place = if item.number() == number {
                    landed.first
                } else {
                    self.out.head().next()
                };
                self.keep(item, place);
            }
        }
        self.out.reached(landed.last);
        self.failed.take_if(|(failed, _)| *failed <= number);
    }

    /// What was being sent waits again.
    pub(super) fn take_back_sending(&mut self) {
        while let Some(item) = self.sending.pop_back() {
            self.out.wait_first(item);
        }
    }

    /// The store answered.
    pub(super) fn well(&mut self) {
        if self.trouble.take().is_some() {
            tracing::info!(job = %self.options.job, "the store takes lines again");
        }
        self.trouble_since = None;
        self.pauses.over();
    }

    /// The store did not take something: what to do about it.
    pub(super) fn unwell(&mut self, error: Error) {
        match &error {
            error if !is_passing(error) => {
                self.standing = Standing::Refused;
            }
            // The slot has to be taken again, or the job opened again.
            Error::Fenced | Error::NoSuchJob => self.standing = Standing::Outside,
            // A connection that was never made is tried from the start.
            _ => {}
        }
        if self.trouble.is_none() {
            tracing::warn!(job = %self.options.job, %error, "the store takes no lines; they wait here");
        }
        self.trouble_since.get_or_insert_with(Instant::now);
        self.trouble = Some(error);
        self.pauses.pause();
    }

    /// A batch was acknowledged: kept a while longer, in case the store loses it.
    pub(super) fn keep(&mut self, item: Item, place: Seq) {
        self.acknowledged = self.acknowledged.max(item.number());
        // Asked for once: a store that cannot confirm yet is not asked again after every batch.
        if self.kept.keep(item, place) {
            self.confirm_due = self.confirm_due.min(Instant::now());
        }
    }

    /// The store expects this batch next: refill what it lost, or pass over what it has.
    pub(super) async fn go_on_with(&mut self, expected: u64) {
        // It has more than we knew of: answers that never came.
        let known = expected.min(self.sent + 1);
        while self.out.front().is_some_and(|item| item.number() < known) {
            if let Some(item) = self.out.pop() {
                self.keep(item, self.out.head().next());
            }
        }
        // It has less: what was acknowledged goes out again.
        while let Some(item) = self.kept.take_back(expected) {
            self.out.wait_first(item);
        }
        self.acknowledged = self.acknowledged.min(expected.saturating_sub(1));
        let first = self.out.first_waiting();
        if expected > first {
            // It counts higher than we ever did, which only a slot used by two could bring about.
            self.renumber(first, expected).await;
        } else if expected < first {
            // What it expects is no longer kept: a gap takes that number, and what is kept goes out behind it.
            let lost = self.kept.lost(expected);
            self.renumber(first, expected + 1).await;
            let gap = self.out.item(expected, vec![gap(lost, GapReason::StoreLost)]);
            self.out.wait_first(gap);
            self.sent = self.sent.min(expected.saturating_sub(1));
        }
    }

    pub(super) async fn renumber(&mut self, was: u64, first: u64) {
        self.out.renumber(was, first).await;
        self.sent = self.sent.min(first.saturating_sub(1));
    }

    /// What was sent and may have to be sent again, in order.
    pub(super) fn ahead(&self) -> Vec<Arc<Batch>> {
        let sending = self.sending.iter().map(|item| Arc::clone(&item.batch));
        self.kept.batches().chain(sending).collect()
    }
}
