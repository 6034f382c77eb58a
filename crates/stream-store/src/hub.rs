//! One follower per job, many listeners, gone when the last one leaves.
//!
//! A [`Hub`] turns every change of a followed job into a payload once (the bytes of an event stream, say) and shares it
//! with every listener. Nothing here depends on how fast a listener takes its share: a slow one is told to read again
//! from the store what it missed ([`Item::Reread`]).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use log_model::{JobId, LogEntry, LogEvent, Seq, Span};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::READ_LIMIT;
use crate::store::{Change, Error, LogStore, Result};

/// How a hub shares.
#[derive(Debug, Clone, Copy)]
pub struct HubOptions {
    /// Entries that come within this time of the last payload wait for its end and leave together. The first entry
    /// after a pause is never held.
    pub tick: Duration,
    /// How many payloads are kept for a listener that is behind; one that falls further behind reads again from the
    /// store. A payload that every listener has taken is dropped at once.
    pub backlog: usize,
}

impl Default for HubOptions {
    /// 20 ms and 64 payloads.
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(20),
            backlog: 64,
        }
    }
}

/// Shares one follower per job between all who listen to it.
pub struct Hub<T> {
    store: Arc<dyn LogStore>,
    encode: Arc<Encode<T>>,
    options: HubOptions,
    rooms: Mutex<HashMap<JobId, Weak<Room<T>>>>,
}

type Encode<T> = dyn Fn(&JobId, &Change) -> T + Send + Sync;

impl<T> fmt::Debug for Hub<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("rooms", &self.rooms.lock().len())
            .finish_non_exhaustive()
    }
}

/// Everyone who listens to one job. Dropped, and its follower with it, by the last subscription.
struct Room<T> {
    hub: Weak<Hub<T>>,
    job: JobId,
    /// Held until the follower starts and takes it: the follower's end is the channel's end.
    unstarted: Mutex<Option<broadcast::Sender<Published<T>>>>,
    sender: broadcast::WeakSender<Published<T>>,
    follower: OnceLock<Follower>,
}

struct Follower {
    /// Everything after this place is published.
    after: Seq,
    task: AbortHandle,
}

impl<T> Drop for Room<T> {
    fn drop(&mut self) {
        if let Some(follower) = self.follower.get() {
            follower.task.abort();
        }
        let Some(hub) = self.hub.upgrade() else { return };
        let mut rooms = hub.rooms.lock();
        // A new room may have taken the name meanwhile; only a dead one is taken away.
        if rooms.get(&self.job).is_some_and(|room| room.strong_count() == 0) {
            rooms.remove(&self.job);
        }
    }
}

#[derive(Clone)]
enum Published<T> {
    Frames { span: Option<Span>, last: bool, payload: T },
    Trouble(Arc<Error>),
    Recovered,
}

/// What a listener is given.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Item<T> {
    /// A payload to pass on.
    Frames {
        /// The entries in it, all above whatever this listener had before; none for a change that is no entry.
        span: Option<Span>,
        /// Whether it ends with the job's last entry; nothing follows.
        last: bool,
        /// What the hub's encoder made of the change.
        payload: T,
    },
    /// Entries that this listener has to read from the store itself, in parts of at most
    /// [`READ_LIMIT`](crate::READ_LIMIT), before it calls [`Subscription::next`] again: it was too slow, or it joined
    /// in the middle of a payload. The job's last entry may be among them.
    Reread(Span),
    /// This listener was so slow that it missed something: entries, which [`Item::Reread`] brings, or changes that are
    /// no entry, which nothing brings again: look at the job's record.
    Behind,
    /// The store is in trouble; what comes later follows on without a hole. [`Error::NoSuchJob`] and
    /// [`Error::Erased`] are the last item.
    Trouble(Arc<Error>),
    /// The store is back.
    Recovered,
}

/// One listener of one job. Dropping it is leaving.
pub struct Subscription<T> {
    /// The job's head, read once *after* this listener was registered: every later entry is delivered, none up to it.
    pub after: Seq,
    position: Seq,
    lagged: bool,
    held: Option<Published<T>>,
    receiver: broadcast::Receiver<Published<T>>,
    // Keeps the follower alive.
    _room: Arc<Room<T>>,
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("after", &self.after)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<T: Clone + Send + Sync + 'static> Hub<T> {
    /// A hub over `store`. `encode` is called once per change, on the follower's task: it should not block.
    pub fn new(
        store: Arc<dyn LogStore>,
        encode: impl Fn(&JobId, &Change) -> T + Send + Sync + 'static,
        options: HubOptions,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            encode: Arc::new(encode),
            options,
            rooms: Mutex::default(),
        })
    }

    /// Starts listening to a job. A job that is over can be listened to: nothing comes.
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], and whatever [`LogStore::job`] answers.
    pub async fn subscribe(self: &Arc<Self>, job: &JobId) -> Result<Subscription<T>> {
        let (room, receiver) = self.register(job);
        // Registered first, the head read second: what is appended between the two is counted in the head and skipped
        // in the frames; the other way round it would be in neither.
        let record = self.store.job(job).await?.ok_or(Error::NoSuchJob)?;
        let follower = room.follower.get_or_init(|| self.start(&room, record.head));
        // Two first listeners may race: the follower starts at the head that one of them read. Both were registered by
        // then, so starting there is as right for the other, and leaves no hole.
        let after = record.head.max(follower.after);
        Ok(Subscription {
            after,
            position: after,
            lagged: false,
            held: None,
            receiver,
            _room: room,
        })
    }

    /// The job's room and a place in it; a new room when there is none, or when its follower has come to its end.
    fn register(self: &Arc<Self>, job: &JobId) -> (Arc<Room<T>>, broadcast::Receiver<Published<T>>) {
        let mut rooms = self.rooms.lock();
        // A room found here may be let go by its last listener at any moment; it must not be dropped under this lock,
        // which its end takes too, so it is handed out of this function in every case.
        let found = rooms.get(job).and_then(Weak::upgrade);
        if let Some(room) = &found
            && let Some(sender) = room.sender.upgrade()
        {
            let receiver = sender.subscribe();
            return (Arc::clone(room), receiver);
        }
        let (sender, receiver) = broadcast::channel(self.options.backlog.max(1));
        let room = Arc::new(Room {
            hub: Arc::downgrade(self),
            job: job.clone(),
            sender: sender.downgrade(),
            unstarted: Mutex::new(Some(sender)),
            follower: OnceLock::new(),
        });
        rooms.insert(job.clone(), Arc::downgrade(&room));
        drop(rooms);
        drop(found);
        (room, receiver)
    }

    fn start(&self, room: &Room<T>, after: Seq) -> Follower {
        let sender = room.unstarted.lock().take().expect("a room's follower is started once");
        let publisher = Publisher {
            job: room.job.clone(),
            encode: Arc::clone(&self.encode),
            tick: self.options.tick,
            last_sent: None,
            sender,
        };
        let changes = self.store.follow(&room.job, after);
        Follower {
            after,
            task: tokio::spawn(publisher.run(changes)).abort_handle(),
        }
    }

    /// How many jobs are followed.
    pub fn jobs(&self) -> usize {
        self.rooms.lock().len()
    }
}

/// A follower's side of a room: from the store's changes to what listeners are given.
struct Publisher<T> {
    job: JobId,
    encode: Arc<Encode<T>>,
    tick: Duration,
    last_sent: Option<Instant>,
    sender: broadcast::Sender<Published<T>>,
}

impl<T: Clone + Send + Sync + 'static> Publisher<T> {
    async fn run(mut self, mut changes: BoxStream<'static, Result<Change>>) {
        let mut troubled = false;
        let mut next = changes.next().await;
        while let Some(change) = next.take() {
            match change {
                Err(error) => {
                    troubled = true;
                    self.publish(Published::Trouble(Arc::new(error)));
                }
                Ok(change) => {
                    if std::mem::take(&mut troubled) {
                        self.publish(Published::Recovered);
                    }
                    match change {
                        Change::Entries(entries) => {
                            let (entries, following) = self.gather(entries, &mut changes).await;
                            self.last_sent = Some(Instant::now());
                            self.entries(entries);
                            next = following;
                        }
                        change => self.encoded(None, false, &change),
                    }
                }
            }
            if next.is_none() {
                next = changes.next().await;
            }
        }
    }

    /// Adds what else comes before the tick is over, at most one read's worth; and hands on what ended the wait.
    async fn gather(
        &self,
        mut entries: Vec<LogEntry>,
        changes: &mut BoxStream<'static, Result<Change>>,
    ) -> (Vec<LogEntry>, Option<Result<Change>>) {
        let Some(due) = self
            .last_sent
            .map(|sent| sent + self.tick)
            .filter(|due| *due > Instant::now())
        else {
            return (entries, None);
        };
        while !ends(&entries) {
            match timeout_at(due, changes.next()).await {
                Ok(Some(Ok(Change::Entries(more)))) => {
                    if (entries.len() + more.len()) as u64 > READ_LIMIT {
                        return (entries, Some(Ok(Change::Entries(more))));
                    }
                    entries.extend(more);
                }
                Ok(other) => return (entries, other),
                Err(_elapsed) => break,
            }
        }
        (entries, None)
    }

    fn entries(&self, entries: Vec<LogEntry>) {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        // A store that hands out entries in another order than theirs has broken its promise; there is no span to give.
        let Ok(span) = Span::new(first.seq, last.seq) else {
            return;
        };
        let ended = ends(&entries);
        self.encoded(Some(span), ended, &Change::Entries(entries));
    }

    fn encoded(&self, span: Option<Span>, last: bool, change: &Change) {
        let payload = (self.encode)(&self.job, change);
        self.publish(Published::Frames { span, last, payload });
    }

    fn publish(&self, published: Published<T>) {
        // No receiver is no error: the last listener is leaving, and takes this task with it.
        let _ = self.sender.send(published);
    }
}

fn ends(entries: &[LogEntry]) -> bool {
    matches!(
        entries.last().map(|entry| &entry.recorded.event),
        Some(LogEvent::Ended { .. })
    )
}

impl<T: Clone> Subscription<T> {
    /// The next thing to pass on or to do; none after the job's last entry, or once there is nothing to follow.
    ///
    /// Cancel safe: dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Item<T>> {
        loop {
            let published = match self.held.take() {
                Some(held) => held,
                None => match self.receiver.recv().await {
                    Ok(published) => published,
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.lagged = true;
                        return Some(Item::Behind);
                    }
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            };
            match published {
                Published::Frames {
                    span: Some(span),
                    last,
                    payload,
                } => {
                    if let Some(item) = self.place(span, last, payload) {
                        return Some(item);
                    }
                }
                Published::Frames {
                    span: None,
                    last,
                    payload,
                } => {
                    return Some(Item::Frames {
                        span: None,
                        last,
                        payload,
                    });
                }
                Published::Trouble(error) => return Some(Item::Trouble(error)),
                Published::Recovered => return Some(Item::Recovered),
            }
        }
    }

    /// Fits a payload to what this listener has: passed over, passed on, or to be read again in part.
    fn place(&mut self, span: Span, last: bool, payload: T) -> Option<Item<T>> {
        if span.last() <= self.position {
            return None;
        }
        if span.first() <= self.position {
            // It straddles the place this listener starts from, and a payload cannot be cut.
            let rest = Span::after(self.position, span.last())?;
            self.position = span.last();
            return Some(Item::Reread(rest));
        }
        if std::mem::take(&mut self.lagged)
            && let Some(missed) = Span::after(self.position, span.first().prev())
        {
            self.position = missed.last();
            self.held = Some(Published::Frames {
                span: Some(span),
                last,
                payload,
            });
            return Some(Item::Reread(missed));
        }
        self.position = span.last();
        Some(Item::Frames {
            span: Some(span),
            last,
            payload,
        })
    }
}
