//! A follower: looks at its job, tells what is new, waits to be woken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use log_model::{JobId, LogEntry, Seq, Span, Timestamp};
use rusqlite::Connection;

use super::Inner;
use super::records;
use super::watching::Listening;
use crate::known::taken_back;
use crate::record::State;
use crate::store::{Change, Error, Result};

/// How long a follower waits without a wake-up before it looks for itself.
const POLL: Duration = Duration::from_secs(2);

/// How long it waits after trouble.
const PAUSE: Duration = Duration::from_millis(500);

/// What a follower has told so far.
struct Follower {
    store: Arc<Inner>,
    job: JobId,
    listening: Listening,
    /// The last entry told, or the place it was to start after.
    told: Seq,
    /// None until the first look: what was masked before is masked in what it reads.
    revision: Option<u32>,
    state: State,
    /// The places known to be unused; none until the first look.
    unused: Option<Vec<Span>>,
    ready: VecDeque<Result<Change>>,
    /// How long to wait before the next look.
    wait: Option<Duration>,
    over: bool,
}

/// What one look at a job found, all at the same instant.
struct Look {
    entries: Vec<LogEntry>,
    head: Seq,
    state: State,
    masked: Vec<(u32, Seq)>,
    revision: u32,
    unused: Vec<Span>,
}

pub(super) fn follow(store: Arc<Inner>, job: JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
    let listening = store.wakes.listen(&job);
    let follower = Follower {
        store,
        job,
        listening,
        told: after,
        revision: None,
        state: State::Running,
        unused: None,
        ready: VecDeque::new(),
        wait: None,
        over: false,
    };
    stream::unfold(follower, async |mut follower| {
        let item = follower.next().await?;
        Some((item, follower))
    })
    .boxed()
}

impl Follower {
    async fn next(&mut self) -> Option<Result<Change>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.over {
                return None;
            }
            if let Some(wait) = self.wait.take() {
                self.listening.changed(wait).await;
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let (job, told, revision) = (self.job.clone(), self.told, self.revision);
        match self
            .store
            .read(move |db, now| look(db, now, &job, told, revision))
            .await
        {
            Ok(look) => self.tell(look),
            Err(error) => {
                self.over = matches!(error, Error::NoSuchJob | Error::Erased);
                self.wait = Some(PAUSE);
                self.ready.push_back(Err(error));
            }
        }
    }

    fn tell(&mut self, look: Look) {
        let first_look = self.revision.is_none();
        if look.state == State::Erased {
            self.over = true;
            if !first_look {
                self.ready.push_back(Ok(Change::Purged {
                    seq: None,
                    revision: look.revision,
                }));
            }
            self.ready.push_back(Err(Error::Erased));
            return;
        }
        let masked_through = look.masked.last().map_or(look.revision, |(revision, _)| *revision);
        self.revision = Some(masked_through);
        for (revision, seq) in look.masked {
            self.ready.push_back(Ok(Change::Purged {
                seq: Some(seq),
                revision,
            }));
        }
        if let (State::Running | State::Silent { .. }, true) = (look.state, look.state != self.state) {
            self.state = look.state;
            self.ready.push_back(Ok(Change::State(look.state)));
        }
        // What was told of a place that now is unused was lost, and comes again further on.
        for lost in taken_back(self.unused.as_deref(), &look.unused, self.told) {
            self.told = self.told.max(lost.last());
            self.ready.push_back(Ok(Change::Rewound(lost)));
        }
        self.unused = Some(look.unused);
        if let Some(last) = look.entries.last() {
            self.told = last.seq;
            self.ready.push_back(Ok(Change::Entries(look.entries)));
        } else {
            // Nothing is held between here and the head: it was forgotten, or never used.
            self.told = self.told.max(look.head);
        }
        let more = self.told < look.head || masked_through < look.revision;
        // An ended job has told everything once its last entry is told, or forgotten.
        self.over = look.state == State::Ended && !more;
        self.wait = (!more).then_some(POLL);
    }
}

fn look(db: &Connection, now: Timestamp, job: &JobId, told: Seq, revision: Option<u32>) -> Result<Look> {
    let job = records::require(db, job, now)?;
    let (head, state) = (job.record.head, job.record.state);
    if state == State::Erased {
        return Ok(Look {
            entries: Vec::new(),
            head,
            state,
            masked: Vec::new(),
            revision: job.record.revision,
            unused: Vec::new(),
        });
    }
    let entries = Span::after(told, head).map_or(Ok(Vec::new()), |span| records::read(db, &job, span))?;
    let masked = match revision {
        Some(revision) if revision < job.record.revision => records::masks_since(db, job.number, revision)?,
        _ => Vec::new(),
    };
    Ok(Look {
        entries,
        head,
        state,
        masked,
        revision: job.record.revision,
        unused: job.record.unused,
    })
}
