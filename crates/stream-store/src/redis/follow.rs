//! A follower: looks at its job, tells what is new, waits to be woken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use log_model::{JobId, Seq, Span};
use tokio::time::{Instant, timeout};

use super::Inner;
use super::read;
use super::script::Keys;
use super::trouble;
use super::wake::{Hint, Listening};
use crate::known::taken_back;
use crate::record::State;
use crate::store::{Change, Error, Result, Silence};

/// The shortest and the longest wait between two looks.
const POLL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// How long a follower waits after trouble.
const PAUSE: Duration = Duration::from_millis(500);

/// What a follower has told so far.
struct Follower {
    store: Arc<Inner>,
    job: JobId,
    keys: Keys,
    listening: Listening,
    /// The last entry told, or the place it was to start after.
    told: Seq,
    /// None until the first look: what was masked before is masked in what it reads.
    revision: Option<u32>,
    state: State,
    /// The places known to be unused; none until the first look.
    unused: Option<Vec<Span>>,
    /// Since when the record of a job that was there is not.
    missing: Option<Instant>,
    ready: VecDeque<Result<Change>>,
    next: Next,
}

/// What to do once everything found so far is told.
enum Next {
    /// There is more.
    Look,
    /// Wait to be woken, but not for long.
    Wait,
    /// Something went wrong a moment ago.
    Pause,
    /// There is nothing left to follow.
    Over,
}

pub(super) fn follow(store: Arc<Inner>, job: JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
    // Registered when it is first polled, since that is when it is sure to be inside a runtime.
    stream::once(async move { Follower::new(store, job, after) })
        .flat_map(Follower::into_stream)
        .boxed()
}

impl Follower {
    fn new(store: Arc<Inner>, job: JobId, after: Seq) -> Self {
        let keys = Keys::of(&job);
        let listening = store.wakes.listen(keys.wake.clone());
        Self {
            store,
            job,
            keys,
            listening,
            told: after,
            revision: None,
            state: State::Running,
            unused: None,
            missing: None,
            ready: VecDeque::new(),
            next: Next::Look,
        }
    }

    fn into_stream(self) -> BoxStream<'static, Result<Change>> {
        stream::unfold(self, async |mut follower| {
            let item = follower.next().await?;
            Some((item, follower))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Result<Change>> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let hint = match self.next {
                Next::Over => return None,
                Next::Look => Some(Hint::Head(u64::MAX)),
                Next::Wait => timeout(self.poll(), self.listening.woken()).await.ok(),
                Next::Pause => {
                    tokio::time::sleep(PAUSE).await;
                    None
                }
            };
            if matches!(hint, Some(Hint::Head(head)) if head <= self.told.get()) {
                continue;
            }
            let news = matches!(hint, Some(Hint::Head(_)));
            match self.look(news).await {
                Ok(()) => self.missing = None,
                Err(error) => {
                    let error = self.judge(error);
                    self.next = match error {
                        Error::NoSuchJob | Error::Erased => Next::Over,
                        _ => Next::Pause,
                    };
                    self.ready.push_back(Err(error));
                }
            }
        }
    }

    /// A job that was there and has no record any more went with all the server held. Its writer brings it back, or
    /// its lease runs out.
    fn judge(&mut self, error: Error) -> Error {
        match error {
            Error::NoSuchJob if self.revision.is_some() => {
                let since = *self.missing.get_or_insert_with(Instant::now);
                if since.elapsed() < Silence::default().silent_after {
                    trouble::forgotten()
                } else {
                    error
                }
            }
            error => error,
        }
    }

    /// One to five seconds, the longer the more jobs are followed, so that looking in vain costs the server no more
    /// than about a thousand small commands a second.
    fn poll(&self) -> Duration {
        let longest = Duration::from_millis(self.store.wakes.followed() as u64).clamp(POLL.0, POLL.1);
        // Spread, so that not all come at once.
        longest.mul_f64(0.7 + 0.3 * f64::from(self.keys.slot % 16) / 16.0)
    }

    /// `news`: whether entries are expected, so that the record need not be asked first.
    async fn look(&mut self, news: bool) -> Result<()> {
        let store = self.store.clone();
        let _turn = store.looks.acquire().await;
        let unread = Span::after(self.told, Seq::MAX);
        let (outline, entries) = match unread {
            Some(unread) if news => read::entries(&store.link, &self.job, unread).await?,
            _ => {
                let outline = read::outline(&store.link, &self.keys).await?;
                match Span::after(self.told, outline.head) {
                    Some(unread) if outline.state != State::Erased => {
                        read::entries(&store.link, &self.job, unread).await?
                    }
                    _ => (outline, Vec::new()),
                }
            }
        };
        if outline.state == State::Erased {
            if self.revision.is_some() {
                self.ready.push_back(Ok(Change::Purged {
                    seq: None,
                    revision: outline.revision,
                }));
            }
            return Err(Error::Erased);
        }
        if let Some(revision) = self.revision
            && revision < outline.revision
        {
            for (revision, seq) in read::masked_since(&store.link, &self.job, revision).await? {
                self.ready.push_back(Ok(Change::Purged {
                    seq: Some(seq),
                    revision,
                }));
            }
        }
        self.revision = Some(outline.revision);
        if let (State::Running | State::Silent { .. }, true) = (outline.state, outline.state != self.state) {
            self.state = outline.state;
            self.ready.push_back(Ok(Change::State(outline.state)));
        }
        // What was told of a place that now is unused was lost with a primary, and comes again further on.
        for lost in taken_back(self.unused.as_deref(), &outline.unused, self.told) {
            self.told = self.told.max(lost.last());
            self.ready.push_back(Ok(Change::Rewound(lost)));
        }
        self.unused = Some(outline.unused);
        if let Some(last) = entries.last() {
            self.told = last.seq;
            self.ready.push_back(Ok(Change::Entries(entries)));
        }
        // What was forgotten before it could be told is found in the archive.
        self.told = self.told.max(outline.held_from.prev());
        self.next = if self.told < outline.head {
            Next::Look
        } else if outline.state == State::Ended {
            // Everything is told, or forgotten before it could be.
            Next::Over
        } else {
            Next::Wait
        };
        Ok(())
    }
}
