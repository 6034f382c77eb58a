//! What a store knows of a job beside its entries.

use std::collections::BTreeMap;

use log_model::{Counts, Fence, Outcome, Owner, Phase, Seq, Span, Timestamp, WriterId};
use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// It may still write.
    Running,
    /// A writer's lease lapsed without a leave; it may come back.
    Silent {
        /// When the lease lapsed.
        since: Timestamp,
    },
    /// Its last entry is written.
    Ended,
    /// Its text is gone for good, by somebody's will.
    Erased,
}

impl State {
    /// `running`, `silent`, `ended` or `erased`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Silent { .. } => "silent",
            Self::Ended => "ended",
            Self::Erased => "erased",
        }
    }
}

/// How a job ended or is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The outcome.
    pub outcome: Outcome,
    /// The deciding command's exit code, where there was one.
    pub exit_code: Option<i32>,
}

/// One writer of a job, as the store knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterRecord {
    /// The newest holder's fence.
    pub fence: Fence,
    /// The batch number the store expects next; the first is 1.
    pub next: u64,
    /// Until when its lease runs, by the store's clock; none once it left.
    pub lease_until: Option<Timestamp>,
}

/// One phase of a job, from its stage entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// Its name.
    pub phase: Phase,
    /// When its latest command started.
    pub started: Timestamp,
    /// How long that command ran, in milliseconds; none while it runs.
    pub duration_ms: Option<u64>,
    /// Its exit code, once it is over and known.
    pub exit_code: Option<i32>,
}

/// Who erased a job's text, when and why; the text itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// When.
    pub at: Timestamp,
    /// Who asked for it, as they named themselves.
    pub by: String,
    /// Why, in their words.
    pub why: String,
}

/// Everything a store knows of a job beside its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Who may read it.
    pub owner: Owner,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// The last entry's place; zero while there is none.
    pub head: Seq,
    /// The first place the store still holds, the only word on that; `head + 1` when it holds none.
    pub held_from: Seq,
    /// Places that no entry has and none will get: skipped after a fail-over. In order, apart from each other.
    pub unused: Vec<Span>,
    /// Set when a store that had lost the whole job got it back from its writers: of the places up to here only what
    /// the archive holds is anywhere. Zero otherwise.
    #[serde(default)]
    pub lost_through: Seq,
    /// Everything up to here is on the replicas that were asked to have it (see [`LogStore::confirm`](crate::LogStore::confirm)).
    pub confirmed: Seq,
    /// Everything up to here was copied to the archive, read back and found right.
    pub archived: Seq,
    /// Raised whenever an entry is masked after the fact or the job is erased.
    pub revision: u32,
    /// What the whole log holds, forgotten entries included.
    pub counts: Counts,
    /// Its phases, in the order they first started.
    pub phases: Vec<PhaseRecord>,
    /// Its writers; empty once the job is over and forgotten.
    pub writers: BTreeMap<WriterId, WriterRecord>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When something last happened to it: opened, joined, appended, left.
    pub touched: Timestamp,
    /// How it ended, or is to end once its last writer leaves.
    pub ending: Option<Ending>,
    /// When its last entry was written.
    pub ended: Option<Timestamp>,
    /// Set when it was erased.
    pub erased: Option<Erasure>,
}

impl JobRecord {
    /// A job just opened: nothing written, nobody joined.
    pub fn opened(owner: Owner, at: Timestamp) -> Self {
        Self {
            owner,
            state: State::Running,
            head: Seq::ZERO,
            held_from: Seq::FIRST,
            unused: Vec::new(),
            lost_through: Seq::ZERO,
            confirmed: Seq::ZERO,
            archived: Seq::ZERO,
            revision: 0,
            counts: Counts::default(),
            phases: Vec::new(),
            writers: BTreeMap::new(),
            opened: at,
            touched: at,
            ending: None,
            ended: None,
            erased: None,
        }
    }

    /// Whether its last entry is written or its text erased: nothing more will come.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Ended | State::Erased)
    }

    /// How it ended, once it has.
    pub fn outcome(&self) -> Option<Ending> {
        self.ending.filter(|_| self.state == State::Ended)
    }

    /// What the store still holds; none when it holds nothing.
    pub fn held(&self) -> Option<Span> {
        Span::new(self.held_from, self.head).ok()
    }

    /// Counts what the store lost and the archive, which ends at `archived`, does not hold as [unused](Self::unused).
    pub fn settle_loss(&mut self, archived: Seq) {
        let Some(lost) = Span::after(archived, self.lost_through) else {
            return;
        };
        let at = self.unused.partition_point(|span| span.first() < lost.first());
        match self.unused.get_mut(at) {
            Some(next) if next.first() <= lost.last().next() => {
                *next = Span::new(lost.first(), next.last()).unwrap_or(*next);
            }
            _ => self.unused.insert(at, lost),
        }
    }

    /// How many places of `span` no entry has.
    pub fn unused_in(&self, span: Span) -> u64 {
        self.unused
            .iter()
            .filter_map(|unused| unused.overlap(span))
            .map(Span::len)
            .sum()
    }
}
