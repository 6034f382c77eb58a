//! The live stream of one job to one viewer: subscribe, learn `after`; replay what the viewer has not seen up to there;
//! follow.
//!
//! The stream is *pulled*: [`Live::next`] runs only while the viewer's connection has room for more. A viewer who falls
//! behind is told by the hub which entries to read again, and goes round by the replay, at their own pace; so no line
//! is lost and what a viewer costs stays bounded: one frame being made, and what the hub keeps for all of them.

use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use archiver::{Cursor, Found, PageSize, Storage, Walk};
use bytes::Bytes;
use futures::{FutureExt, Stream, stream};
use log_model::{GapReason, JobId, LogEvent, Owner, Seq, Span, Timestamp};
use settings::sentence;
use stream_store::{Item, JobRecord, State, Subscription};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::answer::Refusal;
use crate::app::App;
use crate::chance;
use crate::limits::{Leave, Slot};
use crate::wire::{self, Farewell, Frames, Hello};

/// How much is put into one frame at most, where there is a choice: more would only lie about in buffers.
const FRAME_BYTES: usize = 64 * 1024;

/// What became of a request for a stream.
pub(crate) enum Opened {
    /// It flows.
    Stream(Box<Live>),
    /// The viewer has seen everything there is and will be.
    Complete,
}

/// One viewer's stream.
pub(crate) struct Live {
    app: Arc<App>,
    job: JobId,
    slot: Slot,
    step: Step,
    subscription: Option<Subscription<Frames>>,
    /// The last place this viewer has been taken to.
    at: Seq,
    /// The newest revision this viewer was told of.
    revision: u32,
    /// How many spans of ids were skipped when this viewer came.
    unused: usize,
    /// Whether this viewer was last told that the job is silent.
    silent: bool,
    /// Whether this viewer was told that the log was erased.
    erased: bool,
    timer: Pin<Box<Sleep>>,
    last_sent: Instant,
    lease_ends: Instant,
    leaves: Option<(Instant, Farewell)>,
    troubled_since: Option<Instant>,
}

enum Step {
    /// Say this, then replay or, with nothing to replay, go on.
    Say(Bytes, Option<Box<Walk>>, Then),
    /// Read what the viewer has not seen from whichever side holds it, then go on.
    Replay(Box<Walk>, Then),
    /// Find out where these are held, and replay them.
    Reread(Span),
    /// Find out whether more than entries was missed.
    Behind,
    /// Pass on what the hub shares.
    Follow,
    /// Nothing more to say.
    Done,
}

/// How a stream goes on once the viewer has what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Follow,
    Done,
}

impl From<Then> for Step {
    fn from(then: Then) -> Self {
        match then {
            Then::Follow => Self::Follow,
            Then::Done => Self::Done,
        }
    }
}

/// What a stream is opened with.
pub(crate) struct Request {
    pub(crate) job: JobId,
    pub(crate) owners: Vec<Owner>,
    pub(crate) found: Found,
    pub(crate) cursor: Option<Seq>,
    pub(crate) slot: Slot,
}

/// Opens a stream.
///
/// # Errors
/// A [`Refusal`]; a passing one becomes an event of a good answer.
pub(crate) async fn open(app: &Arc<App>, request: Request) -> Result<Opened, Refusal> {
    let Request {
        job,
        owners,
        mut found,
        cursor,
        slot,
    } = request;
    let mut subscription = None;
    if !found.record.is_over() && found.storage != Storage::Archive {
        let listening = app.hub.subscribe(&job).await?;
        // The record once more: what was read before this viewer was registered may have been raised since by
        // something that is no entry (a mask, silence), or the job may be over.
        found = app.history.job(&job, &owners).await?.ok_or(Refusal::JobNotFound)?;
        if !found.record.is_over() {
            subscription = Some(listening);
        }
    }
    let record = &found.record;
    if record.state == State::Erased {
        return Err(Refusal::LogErased);
    }
    let head = subscription
        .as_ref()
        .map_or(record.head, |subscription| subscription.after);
    let over = subscription.is_none();
    if over && cursor.is_some_and(|cursor| cursor >= head) {
        return Ok(Opened::Complete);
    }
    let mut out = Vec::with_capacity(512);
    let hello = Hello {
        job: &job,
        status: record.state.as_str(),
        head,
        resumed_from: cursor,
        revision: record.revision,
        heartbeat_s: app.settings.heartbeat.as_secs(),
        retention_s: app.settings.retention.as_secs(),
    };
    wire::hello(&mut out, &hello, app.settings.retry);
    let replay = match cursor {
        Some(cursor) => catch_up(&mut out, record, cursor, head),
        None => {
            if over {
                last_entry(app, &mut out, &job, &found).await;
            }
            None
        }
    };
    let (revision, unused, silent) = (
        found.record.revision,
        found.record.unused.len(),
        matches!(found.record.state, State::Silent { .. }),
    );
    let (at, replay) = match replay {
        None => (head, None),
        Some(from) => {
            // What came after `head` comes by the subscription.
            found.record.head = head;
            (from, Some(Box::new(app.history.walk(&job, found, from))))
        }
    };
    let then = if over { Then::Done } else { Then::Follow };
    let now = Instant::now();
    let lease_ends = now + chance::around(app.settings.stream_lease);
    Ok(Opened::Stream(Box::new(Live {
        app: Arc::clone(app),
        job,
        slot,
        step: Step::Say(out.into(), replay, then),
        subscription,
        at,
        revision,
        unused,
        silent,
        erased: false,
        timer: Box::pin(sleep_until((now + app.settings.heartbeat).min(lease_ends))),
        last_sent: now,
        lease_ends,
        leaves: None,
        troubled_since: None,
    })))
}

/// What a returning viewer is told before anything else; returns after which entry they have to be taken along, if they have.
fn catch_up(out: &mut Vec<u8>, record: &JobRecord, cursor: Seq, head: Seq) -> Option<Seq> {
    // A cursor that no entry has and none will get: the viewer holds lines that a fail-over lost, and that came, or
    // will come, again under later ids.
    if let Some(unused) = record.unused.iter().find(|unused| unused.contains(cursor)) {
        wire::rewind(out, *unused);
    }
    if let Some(lost) = Span::after(head, cursor) {
        wire::gap(out, now(), GapReason::UnknownCursor, lost);
    }
    (cursor < head).then_some(cursor)
}

/// Adds the last entry of a job that is over: as stored, or from the record when it cannot be read.
async fn last_entry(app: &App, out: &mut Vec<u8>, job: &JobId, found: &Found) {
    let record = &found.record;
    let size = PageSize {
        entries: 1,
        bytes: FRAME_BYTES,
    };
    let read = Box::pin(app.history.page_of(job, found.clone(), Cursor::Newest, size)).await;
    let stored = read.ok().and_then(|page| page.entries.into_iter().next_back());
    let ended = stored.filter(|entry| matches!(entry.recorded.event, LogEvent::Ended { .. }));
    if let Some(entry) = ended.or_else(|| wire::end_from_record(record)) {
        wire::end(out, &entry, record.revision);
    }
}

impl Live {
    /// The stream as a body's frames.
    pub(crate) fn frames(self: Box<Self>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::unfold(self, |mut live| async move {
            let bytes = match AssertUnwindSafe(live.next()).catch_unwind().await {
                Ok(bytes) => bytes?,
                // A defect of ours must not look like the end of the log.
                Err(_) => live.leave(Farewell::Unavailable(Refusal::Internal.code())),
            };
            Some((Ok(bytes), live))
        })
    }

    /// The next frame: whole events, at least one; none once the stream is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let bytes = match std::mem::replace(&mut self.step, Step::Done) {
                Step::Done => return None,
                Step::Say(bytes, replay, then) => {
                    self.step = replay.map_or(then.into(), |walk| Step::Replay(walk, then));
                    bytes
                }
                Step::Replay(walk, then) => Box::pin(self.replay(walk, then)).await,
                Step::Reread(span) => Box::pin(self.reread(span)).await,
                Step::Behind => Box::pin(self.behind()).await,
                Step::Follow => {
                    self.step = Step::Follow;
                    self.follow().await
                }
            };
            if !bytes.is_empty() {
                self.last_sent = Instant::now();
                self.app.metrics.sent(bytes.len());
                return Some(bytes);
            }
        }
    }

    /// One part of what the viewer has not seen.
    async fn replay(&mut self, mut walk: Box<Walk>, then: Then) -> Bytes {
        if let Some(farewell) = self.due() {
            return self.leave(farewell);
        }
        let entries = match walk.next().await {
            Ok(Some(entries)) => entries,
            Ok(None) => {
                self.step = then.into();
                return Bytes::new();
            }
            Err(error) => return self.unreadable(error),
        };
        let mut out = Vec::with_capacity(entries.len() * 256);
        let mut ended = false;
        for entry in &entries {
            if matches!(entry.recorded.event, LogEvent::Ended { .. }) {
                wire::end(&mut out, entry, self.revision);
                ended = true;
            } else {
                wire::entry(&mut out, entry);
            }
            self.at = self.at.max(entry.seq);
        }
        self.app
            .metrics
            .events(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        self.step = if ended { Step::Done } else { Step::Replay(walk, then) };
        out.into()
    }

    /// The hub could not keep everything for this viewer. Entries will be read again; what was masked or rewound
    /// meanwhile is not known any more, and has to be looked for before later changes hide that it is missing.
    async fn behind(&mut self) -> Bytes {
        match self.app.history.lookup(&self.job).await {
            Ok(found) if found.record.revision > self.revision || found.record.unused.len() > self.unused => {
                self.leave(Farewell::Unavailable("behind"))
            }
            Ok(_) => {
                self.step = Step::Follow;
                Bytes::new()
            }
            Err(error) => self.unreadable(error),
        }
    }

    /// Goes round by the replay: the hub could not keep these for this viewer.
    async fn reread(&mut self, span: Span) -> Bytes {
        let mut found = match self.app.history.lookup(&self.job).await {
            Ok(found) => found,
            Err(error) => return self.unreadable(error),
        };
        let record = &mut found.record;
        if record.revision > self.revision {
            // Changes that are no entries may have been missed as well, and which entries were masked is not known any
            // more. The next stream's opening says that some were.
            return self.leave(Farewell::Unavailable("behind"));
        }
        let mut out = Vec::new();
        let silent = matches!(record.state, State::Silent { .. });
        if silent != self.silent {
            self.silent = silent;
            wire::status(&mut out, record.state);
        }
        let after = self.at.max(span.first().prev());
        record.head = span.last();
        let walk = Box::new(self.app.history.walk(&self.job, found, after));
        self.step = Step::Replay(walk, Then::Follow);
        out.into()
    }

    fn unreadable(&mut self, error: archiver::Error) -> Bytes {
        if matches!(error, archiver::Error::Erased) {
            return self.erased();
        }
        tracing::warn!(job = %self.job, error = %sentence(&error), "replay stopped");
        self.leave(Farewell::Unavailable(Refusal::from(error).code()))
    }

    /// What comes next on the job, or is due on this stream.
    async fn follow(&mut self) -> Bytes {
        let Some(subscription) = &mut self.subscription else {
            self.step = Step::Done;
            return Bytes::new();
        };
        let asked = self.leaves.is_none();
        let slot = &self.slot;
        tokio::select! {
            biased;
            item = subscription.next() => match item {
                None => {
                    self.step = Step::Done;
                    Bytes::new()
                }
                Some(item) => self.take(item),
            },
            leave = std::future::poll_fn(|cx| slot.poll_asked_to_leave(cx)), if asked => {
                self.asked_to(leave);
                Bytes::new()
            }
            () = &mut self.timer => {
                self.look_for_the_store().await;
                match self.due() {
                    Some(farewell) => self.leave(farewell),
                    None => self.heartbeat(),
                }
            }
        }
    }

    /// What an item of the hub is to this viewer. Items that are there already need no gathering here: the connection
    /// asks on until there is nothing, and sends what it got in one write.
    fn take(&mut self, item: Item<Frames>) -> Bytes {
        match item {
            Item::Frames { span, last, payload } => {
                self.troubled_since = None;
                self.app.metrics.events(payload.events);
                if let Some(span) = span {
                    self.at = self.at.max(span.last());
                }
                if let Some(revision) = payload.revision {
                    self.revision = self.revision.max(revision);
                }
                self.silent = payload.silent.unwrap_or(self.silent);
                self.erased |= payload.erased;
                let Some(end) = payload.end.filter(|_| last) else {
                    return payload.bytes;
                };
                let mut out = Vec::with_capacity(payload.bytes.len() + 256);
                out.extend_from_slice(&payload.bytes);
                wire::end(&mut out, &end, self.revision);
                self.app.metrics.events(1);
                self.step = Step::Done;
                out.into()
            }
            Item::Reread(span) => {
                self.step = Step::Reread(span);
                Bytes::new()
            }
            Item::Behind => {
                self.step = Step::Behind;
                Bytes::new()
            }
            Item::Trouble(error) => match &*error {
                stream_store::Error::Erased => self.erased(),
                stream_store::Error::NoSuchJob => self.leave(Farewell::Unavailable(Refusal::StoreUnavailable.code())),
                _ => {
                    self.troubled_since.get_or_insert_with(Instant::now);
                    self.arm();
                    Bytes::new()
                }
            },
            Item::Recovered => {
                self.troubled_since = None;
                Bytes::new()
            }
            // Whatever a newer hub may say besides is no entry: nothing is lost by passing it over.
            _ => Bytes::new(),
        }
    }

    /// On a quiet job nothing says that the store is back, so before giving up on it, it is asked.
    async fn look_for_the_store(&mut self) {
        let patience = self.app.settings.patience;
        if self
            .troubled_since
            .is_some_and(|since| since + patience <= Instant::now())
            && self.app.store_answers().await
        {
            self.troubled_since = None;
        }
    }

    /// Why this stream has to end now, if it has to. Sets the timer to when to look again.
    fn due(&mut self) -> Option<Farewell> {
        if self.leaves.is_none() {
            let slot = &self.slot;
            if let Some(leave) = slot.asked_to_leave() {
                self.asked_to(leave);
            }
        }
        let now = Instant::now();
        if let Some((at, farewell)) = self.leaves
            && at <= now
        {
            return Some(farewell);
        }
        if self.lease_ends <= now {
            return Some(Farewell::Reauth("lease"));
        }
        if self
            .troubled_since
            .is_some_and(|since| since + self.app.settings.patience <= now)
        {
            return Some(Farewell::Unavailable(Refusal::StoreUnavailable.code()));
        }
        None
    }

    /// Says goodbye at some moment of the next seconds, not at the same one as everybody else.
    fn asked_to(&mut self, leave: Leave) {
        let farewell = match leave {
            Leave::Draining => Farewell::Unavailable("draining"),
            Leave::KeyRemoved => Farewell::Reauth("key_removed"),
        };
        self.leaves = Some((Instant::now() + chance::below(self.app.settings.spread), farewell));
        self.arm();
    }

    fn leave(&mut self, farewell: Farewell) -> Bytes {
        self.step = Step::Done;
        self.subscription = None;
        self.app.metrics.left(farewell);
        let retry = match farewell {
            Farewell::Unavailable(_) => chance::around(self.app.settings.retry),
            Farewell::Reauth(_) => chance::below(Duration::from_millis(500)) + Duration::from_millis(100),
        };
        let mut out = Vec::new();
        wire::farewell(&mut out, farewell, retry);
        out.into()
    }

    fn erased(&mut self) -> Bytes {
        self.step = Step::Done;
        self.subscription = None;
        let mut out = Vec::new();
        if !self.erased {
            wire::purge(&mut out, None, self.revision.saturating_add(1));
        }
        out.into()
    }

    /// A sign of life, if the stream has been quiet for long enough; else nothing.
    fn heartbeat(&mut self) -> Bytes {
        let mut out = Vec::new();
        if self.last_sent + self.app.settings.heartbeat <= Instant::now() {
            wire::heartbeat(&mut out, now(), self.at);
            self.last_sent = Instant::now();
        }
        self.arm();
        out.into()
    }

    /// Sets the timer to whatever is due first. Sending a line does not move it: it finds out when it fires, which
    /// costs one wake-up per heartbeat and not one change of the timer per line.
    fn arm(&mut self) {
        let mut at = (self.last_sent + self.app.settings.heartbeat).min(self.lease_ends);
        if let Some((leaves, _)) = self.leaves {
            at = at.min(leaves);
        }
        if let Some(since) = self.troubled_since {
            at = at.min(since + self.app.settings.patience);
        }
        self.timer.as_mut().reset(at);
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
