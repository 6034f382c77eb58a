//! What every store must do, as functions named by behaviour (feature `conformance`).
//!
//! Each takes a [`Subject`]: a store and a way to let time pass by its clock. Each makes jobs of its own, so that all
//! of them may run at once against one server that holds other jobs as well. A behaviour a caller relies on is added
//! here first, and then every store has it.
//!
//! [`conformance_tests!`](crate::conformance_tests) makes each behaviour a test of its own:
//!
//! ```ignore
//! async fn store() -> Arc<dyn LogStore> { … }
//!
//! stream_store::conformance_tests!(store);
//! ```

mod entries;
mod fixtures;
mod following;
mod keeping;
mod life;
mod model;
mod rebuilding;

pub use entries::*;
pub use following::*;
pub use keeping::*;
pub use life::*;
pub use model::*;
pub use rebuilding::*;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::LocalBoxFuture;

use crate::LogStore;

/// A store under test. It may hold whatever must outlive the store: a server, a directory.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The store.
    fn store(&self) -> Arc<dyn LogStore>;

    /// Another handle on the same data, as another process would have one; by default the same.
    async fn elsewhere(&self) -> Arc<dyn LogStore> {
        self.store()
    }

    /// Lets at least this much time pass by the store's clock. A store whose clock is a server's can only wait; no
    /// behaviour asks for more than two seconds.
    async fn pass(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}

#[async_trait]
impl Subject for Arc<dyn LogStore> {
    fn store(&self) -> Arc<dyn LogStore> {
        Arc::clone(self)
    }
}

/// A behaviour, for those who run it in a way of their own.
pub type Behaviour = for<'a> fn(&'a dyn Subject) -> LocalBoxFuture<'a, ()>;

/// Every behaviour by its name, in the order of the list.
pub fn behaviours() -> Vec<(&'static str, Behaviour)> {
    crate::conformance_tests! { @named }
}

/// Makes every behaviour a test. `$make` is an async function without arguments that returns a
/// [`Subject`](crate::conformance::Subject).
#[macro_export]
macro_rules! conformance_tests {
    ($make:path) => {
        $crate::conformance_tests! { @list each ($make) }
    };
    (@named) => {
        $crate::conformance_tests! { @list named () }
    };
    (@list $then:ident $make:tt) => {
        $crate::conformance_tests! { @$then $make;
            ids_are_dense_from_one
            every_kind_of_entry_reads_back_as_it_was_written
            a_large_batch_lands_whole
            the_same_batch_again_changes_nothing_and_answers_the_same
            an_older_batch_again_changes_nothing
            one_batch_sent_many_times_at_once_lands_once
            a_batch_out_of_turn_is_told_which_is_expected
            two_writers_share_one_sequence
            a_writer_whose_slot_was_taken_over_is_fenced
            whoever_takes_a_slot_over_goes_on_with_its_next_batch
            nobody_writes_without_having_joined
            a_job_nobody_opened_is_unknown_to_every_call
            a_page_is_read_by_its_bounds
            what_is_not_there_is_left_out_of_a_page
            one_read_returns_only_so_many
            counts_and_phases_follow_the_entries
            opening_again_answers_the_same
            opening_for_another_owner_is_refused
            of_two_owners_who_open_at_once_one_wins
            an_ended_job_opens_with_its_record
            a_lease_runs_from_joining_to_leaving
            leaving_twice_is_no_error
            a_store_that_lost_batches_lets_nobody_leave
            a_writer_leaves_and_ends_its_job_in_one_step
            an_end_without_writers_is_written_at_once
            an_end_waits_for_the_last_writer
            an_end_waits_no_longer_for_a_writer_that_lapsed
            the_same_end_again_is_no_error_and_another_is
            of_two_wishes_to_end_the_first_counts
            nothing_follows_the_end
            a_batch_that_landed_before_the_end_still_answers_the_same
            the_last_entry_says_how_and_how_much
            a_job_falls_silent_and_comes_back
            a_job_with_one_living_writer_is_not_silent
            a_job_silent_for_long_is_lost
            a_job_nobody_comes_to_is_abandoned
            an_ended_job_is_not_judged_again
            what_was_acknowledged_can_be_confirmed
            a_follower_hears_everything_from_its_place_on
            a_follower_hears_what_another_process_writes
            a_late_joiner_hears_only_what_comes_next
            a_follower_ends_with_the_last_entry
            following_what_is_over_and_told_ends_at_once
            a_follower_of_one_job_hears_nothing_of_others
            a_follower_that_was_not_polled_misses_nothing
            a_follower_hears_of_silence_and_return
            a_follower_hears_what_was_masked
            a_follower_hears_of_an_erasure_and_ends
            following_what_is_not_there_says_so_and_ends
            a_follower_can_be_dropped_and_another_takes_up
            a_follower_starts_with_what_is_still_held
            a_masked_entry_takes_the_place_of_the_old_one
            masking_what_never_was_changes_nothing
            masking_what_was_forgotten_is_announced
            a_masked_entry_is_forgotten_like_any_other
            an_erased_job_keeps_its_record_and_nothing_else
            erasing_twice_is_no_error
            forgetting_is_exact_and_only_of_what_is_archived
            forgetting_never_resets_ids
            a_long_log_is_forgotten_in_one_call
            an_ended_and_forgotten_job_shrinks_and_goes
            the_archived_mark_neither_falls_nor_overtakes_the_head
            a_claim_keeps_others_away_until_it_is_given_back
            a_claim_lapses_by_itself
            a_job_is_due_until_it_was_looked_at
            what_ends_or_is_erased_is_due_at_once
            a_walk_over_due_jobs_meets_each_once
            a_walk_over_the_list_meets_each_job_once
            a_job_the_store_forgot_is_rebuilt_above_what_its_writer_knew
            what_the_writer_kept_whole_comes_again_without_a_gap
            coming_back_again_adds_nothing
            whoever_knows_of_higher_places_raises_them_again
            a_job_opened_anew_is_the_one_its_writer_knew
            what_somebody_new_wrote_first_stays_and_later_places_are_above_all
            in_a_store_that_remembers_coming_back_is_joining
            coming_back_is_refused_as_joining_is
            a_follower_hears_what_a_rebuilt_job_takes_back
            a_store_that_is_there_answers
            any_sequence_of_calls_does_what_a_plain_list_would
        }
    };
    (@each ($make:path); $($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                let subject = $make().await;
                $crate::conformance::$name(&subject).await;
            }
        )*
    };
    (@named (); $($name:ident)*) => {
        vec![$((stringify!($name), (|subject| Box::pin($name(subject))) as Behaviour)),*]
    };
}

#[cfg(test)]
mod tests {
    /// A behaviour that is no test would prove nothing.
    #[test]
    fn every_behaviour_is_in_the_list() {
        let list = include_str!("conformance.rs");
        let files = [
            include_str!("conformance/entries.rs"),
            include_str!("conformance/following.rs"),
            include_str!("conformance/keeping.rs"),
            include_str!("conformance/life.rs"),
            include_str!("conformance/model.rs"),
            include_str!("conformance/rebuilding.rs"),
        ];
        for line in files.iter().flat_map(|file| file.lines()) {
            if let Some((name, _)) = line.strip_prefix("pub async fn ").and_then(|rest| rest.split_once('(')) {
                assert!(list.lines().any(|listed| listed.trim() == name), "{name} is not listed");
            }
        }
    }
}
