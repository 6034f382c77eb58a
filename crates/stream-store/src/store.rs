//! What every store promises. The promises are tests too: see `conformance`.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use log_model::{Fence, JobId, LogEntry, Owner, Recorded, Seq, Span, Timestamp, WriterId};

use crate::known::Known;
use crate::record::{Ending, JobRecord, State};

/// What went wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be reached or did not answer in time; asking again is safe.
    #[error("the log store did not answer")]
    Unavailable {
        /// The client's own words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store has no room (`maxmemory`, a full disk): keep what you have and try again later.
    #[error("the log store has no room left")]
    Full,
    /// Nobody opened this job.
    #[error("there is no such job")]
    NoSuchJob,
    /// The job was opened for somebody else.
    #[error("the job belongs to another owner")]
    OtherOwner,
    /// The job's last entry is written; nothing can follow it.
    #[error("the job has ended")]
    Ended,
    /// The job was erased; nothing can be added to it or read from it.
    #[error("the job's log was erased")]
    Erased,
    /// Somebody else has taken this writer's slot.
    #[error("another process has taken over as this writer")]
    Fenced,
    /// The store expects another batch: it lost some it had acknowledged, or one was left out. Send again from there.
    #[error("the log store expects batch {expected}")]
    Behind {
        /// The number of the batch to continue with.
        expected: u64,
    },
    /// Somebody else is working on this job's archive.
    #[error("another archiver has claimed the job")]
    Claimed,
    /// What the store holds contradicts itself: a hole that is no unused span, bytes that are no entry.
    #[error("the log store's data is damaged: {what}")]
    Damaged {
        /// What was found, without any text of the log.
        what: String,
    },
    /// The store cannot be used as it was set up.
    #[error("{problem}")]
    Setting {
        /// What is wrong and what was expected, fit for the person who set it.
        problem: String,
    },
}

/// The result of asking a store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a writer sends at once: 1 or more events, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Who writes.
    pub writer: WriterId,
    /// The fence it was given when it joined.
    pub fence: Fence,
    /// This writer's batches are 1, 2, 3 …
    pub number: u64,
    /// What it says; never [`LogEvent::Ended`](log_model::LogEvent::Ended), which only [`LogStore::end`] writes.
    pub events: Vec<Recorded>,
}

/// Where a batch landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The place of its first event.
    pub first: Seq,
    /// The place of its last event.
    pub last: Seq,
}

/// A writer's place in a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// Its slot.
    pub id: WriterId,
    /// Valid until somebody joins under the same slot.
    pub fence: Fence,
    /// The number its next batch must have.
    pub next: u64,
}

/// What became of a wish to end a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The last entry is written, here.
    At(Seq),
    /// It will be written when the last writer leaves or its lease lapses.
    WhenLastWriterLeaves,
}

/// Something that happened to a followed job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// New entries, in order, following on from what came before.
    Entries(Vec<LogEntry>),
    /// It fell silent or came back.
    State(State),
    /// An entry was masked after the fact, or (with `seq` none) the job was erased.
    Purged {
        /// The masked entry.
        seq: Option<Seq>,
        /// The job's revision since then.
        revision: u32,
    },
    /// After a fail-over: what was seen under these ids is gone, and comes again under new ones.
    Rewound(Span),
}

/// How long a job may be without a word, by the store's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// A lease unrenewed for this long makes the job silent.
    pub silent_after: Duration,
    /// A job silent for this long has ended as lost.
    pub lost_after: Duration,
    /// A job that nobody joined or came back to for this long has ended as abandoned.
    pub abandon_after: Duration,
}

impl Default for Silence {
    /// One minute, one hour, one day.
    fn default() -> Self {
        Self {
            silent_after: Duration::from_secs(60),
            lost_after: Duration::from_secs(3600),
            abandon_after: Duration::from_secs(24 * 3600),
        }
    }
}

/// A job as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The job.
    pub job: JobId,
    /// Its record; none when only the index knows it (`open` was interrupted between its two steps).
    pub record: Option<JobRecord>,
}

/// Where a listing goes on; opaque to the caller.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListCursor(pub String);

/// A part of the list of jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobPage {
    /// Jobs with their records, in no promised order; each job once in a whole walk.
    pub jobs: Vec<Due>,
    /// Where to go on; none at the end.
    pub next: Option<ListCursor>,
}

/// A lease on a job's archive work. Let it lapse or [`release`](LogStore::release) it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job: JobId,
    /// The holder's name.
    pub holder: String,
}

/// The recent log of many jobs.
///
/// Every method may be repeated after an error: what had happened stays, what had not happens. Dropping a future
/// leaves the same doubt as [`Error::Unavailable`]: the change may or may not have been made. Times named `at` are
/// the caller's; leases, claims and silence are judged by the store's own clock.
#[async_trait]
pub trait LogStore: Debug + Send + Sync + 'static {
    /// Opens a job for its owner. Opening again, for the same owner, changes nothing and answers the same.
    ///
    /// # Errors
    /// [`Error::OtherOwner`], and [`Error::Erased`] for a job that was erased. An ended job answers with its record.
    async fn open(&self, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord>;

    /// A job's record, with whatever is known of it; none when nobody opened it or its record's time is over.
    async fn job(&self, job: &JobId) -> Result<Option<JobRecord>>;

    /// Takes a slot as a writer, or takes it over: whoever held it before is fenced from now on. Starts its lease.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Ended`], [`Error::Erased`].
    async fn join(&self, job: &JobId, slot: &WriterId) -> Result<Writer>;

    /// Takes a slot again as a writer that has written before, in a store that may have forgotten some of the job, or
    /// all of it: what is missing is rebuilt from `known`. In a store that has forgotten nothing it is [`join`](Self::join).
    ///
    /// A job without a record is opened for its owner. Where the store's head lies below `known.highest`, places go on
    /// at the next multiple of 1,000,000 above that, so that none is given twice; from `known.resend_from` on the places
    /// in between are [unused](JobRecord::unused) and followers are told [`Change::Rewound`]. A slot the store does not
    /// know goes on with batch `known.next`; when that is not its first, or when the job had entries before
    /// `known.resend_from`, a [gap](log_model::GapReason::StoreLost) of the time `at` says that some may be missing.
    /// Asking again changes nothing but the fence.
    ///
    /// Not promised: that a place is not given twice when somebody else opens and writes to the forgotten job before
    /// any of its writers is back. What they wrote keeps its places and the record its new opening time; what is appended
    /// from then on stands above everything that either was told of.
    ///
    /// # Errors
    /// [`Error::OtherOwner`], [`Error::Ended`], [`Error::Erased`], and [`Error::Full`] when there is no room for a record.
    async fn rejoin(&self, job: &JobId, slot: &WriterId, known: &Known, at: Timestamp) -> Result<Writer>;

    /// Renews a writer's lease, and clears the job's silence. Due every [`LEASE_RENEWAL`](crate::LEASE_RENEWAL).
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Fenced`], [`Error::Ended`], [`Error::Erased`].
    async fn renew(&self, job: &JobId, writer: &Writer) -> Result<()>;

    /// Says that a writer has no more to say. When it was the last one and an end is wished for, the end is written.
    /// Leaving twice, or leaving a job that has ended, is no error.
    ///
    /// `writer.next` says what its next batch would be: a store that expects an earlier one has lost some that it had
    /// acknowledged, refuses, and changes nothing; also when the job has ended without them. So whoever keeps its batches
    /// until it has left loses none.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Fenced`], [`Error::Behind`].
    async fn leave(&self, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()>;

    /// [Leaves](Self::leave), and wishes for the job's [end](Self::end), in one step: between two, a store that lost the
    /// last batches could also have lost that there is a writer to wait for. Done twice, it is no error.
    ///
    /// # Errors
    /// As both have; of [`Error::Ended`] and [`Error::Erased`] nothing is left to be done.
    async fn finish(&self, job: &JobId, writer: &Writer, ending: Ending, at: Timestamp) -> Result<Ended>;

    /// Ends a job: writes its last entry now, or when the last writer leaves or lapses. The same ending again is no
    /// error; of two different ones, the first counts.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Erased`], and [`Error::Ended`] when it has ended with another outcome.
    async fn end(&self, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended>;

    /// Appends a batch and returns where it landed.
    ///
    /// It lands whole or not at all, in order. The same `(writer, number)` again changes nothing and returns the same
    /// answer, so a caller that lost the answer simply asks again. Renews the writer's lease.
    ///
    /// # Errors
    /// [`Error::Behind`] when `number` is not the one the store expects; [`Error::Fenced`], [`Error::Ended`],
    /// [`Error::Erased`], [`Error::NoSuchJob`]; [`Error::Full`] and [`Error::Unavailable`], after which the batch is
    /// sent again later.
    async fn append(&self, job: &JobId, batch: &Batch) -> Result<Appended>;

    /// Asks whether everything this writer has had acknowledged up to batch `number` would survive the loss of the
    /// primary, and records it. A store without replicas answers as soon as its own disk is as safe as it gets.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Unavailable`].
    async fn confirm(&self, job: &JobId, writer: &WriterId, number: u64) -> Result<bool>;

    /// The entries of `span` that the store holds, in order: what lies below `held_from`, above the head or in an
    /// unused span is left out. Ask for at most [`READ_LIMIT`](crate::READ_LIMIT) at once: only so many are returned.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Erased`], [`Error::Damaged`] for a hole that nothing explains.
    async fn read(&self, job: &JobId, span: Span) -> Result<Vec<LogEntry>>;

    /// Follows a job from after `after` on, until its last entry, which is also the stream's last item.
    ///
    /// Items come as soon as a wake-up does, else at the next poll (at most 5 s later). Trouble is an `Err` item, after
    /// which the stream goes on where it was once the store is back; it never ends because of trouble, except for
    /// [`Error::NoSuchJob`] and [`Error::Erased`], after which there is nothing to follow. A stream that is not polled
    /// holds at most one read's worth of entries. Dropping it stops following.
    fn follow(&self, job: &JobId, after: Seq) -> BoxStream<'static, Result<Change>>;

    /// Looks at a job's leases: marks it silent, clears that, or ends it as lost or abandoned, as `silence` says; and
    /// writes an end that was wished for once no writer holds a lease any more. Returns the job's state afterwards.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    async fn mark_silent(&self, job: &JobId, silence: &Silence, at: Timestamp) -> Result<State>;

    /// The jobs that somebody should look at by `by`, a part at a time: each from when it was opened, until
    /// [`look_again`](Self::look_again) says later; from its end or erasure on again. Also index entries without a record
    /// that are older than a day. What is told to be looked at after `by` during a walk does not move others out of it.
    ///
    /// What is asked of the store grows with the jobs that are found, not with all there are. Each `at` counts as its
    /// caller said it, so clocks that differ move a look by as much. An end tells of itself in a step of its own, which
    /// may get lost with a connection: then the job is found when it was to be looked at anyway.
    async fn due(&self, by: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage>;

    /// Says that a job need not be looked at before `at`. One that is not there is no error.
    async fn look_again(&self, job: &JobId, at: Timestamp) -> Result<()>;

    /// All jobs, a part at a time; jobs opened meanwhile may or may not appear.
    async fn list(&self, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage>;

    /// Claims a job's archive work for `ttl`, or extends one's own claim.
    ///
    /// # Errors
    /// [`Error::Claimed`] while somebody else's claim runs; [`Error::NoSuchJob`].
    async fn claim(&self, job: &JobId, holder: &str, ttl: Duration) -> Result<Claim>;

    /// Gives a claim back; a claim that lapsed or went to somebody else is left alone.
    async fn release(&self, claim: &Claim) -> Result<()>;

    /// Records that everything up to `through` is in the archive and was found right.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    async fn archived(&self, job: &JobId, through: Seq) -> Result<()>;

    /// Forgets every entry up to `through`, exactly, at most what is [archived](LogStore::archived), and moves
    /// `held_from`. Ids are never reset. Once an ended job's last entry is forgotten, its record shrinks to who owns
    /// it, its head, its ending and its revision; `keep_record` later that may go too.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    async fn forget(&self, job: &JobId, through: Seq, keep_record: Duration) -> Result<()>;

    /// Puts a masked entry in the place of one that is held, raises the revision and tells followers. The new one
    /// keeps the old one's place; masking the same entry again replaces it again. For an entry that is no longer held
    /// the revision is raised and followers are told all the same: whoever masked it in the archive says so with this.
    /// A place that no entry has or had changes nothing.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::Erased`].
    async fn mask(&self, job: &JobId, entry: &LogEntry) -> Result<u32>;

    /// Erases a job's text: every entry goes, a record of state [`State::Erased`] stays. Followers are told.
    /// Erasing twice is no error.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`].
    async fn erase(&self, job: &JobId, by: &str, why: &str, at: Timestamp) -> Result<u32>;

    /// Whether the store answers: for readiness.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn ping(&self) -> Result<()>;

    /// What an operator should be warned of at start, in a sentence each: an eviction policy, no persistence.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn warnings(&self) -> Result<Vec<String>>;
}
