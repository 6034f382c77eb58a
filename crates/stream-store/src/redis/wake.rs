//! Wake-ups: one connection hears of every followed job and tells its followers to look.
//!
//! A wake-up is a hint and nothing more. What is published while the connection is down reaches nobody, so every
//! follower is also told to look whenever its channel was subscribed to, again or for the first time.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use fred::interfaces::{ClientLike as _, EventInterface as _, PubsubInterface as _};
use fred::types::Value;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;

use super::link::{Link, Settings};
use super::record::text;

/// How many channels one SUBSCRIBE names.
const AT_ONCE: usize = 512;

/// How long to wait before subscribing is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// All followers of a store. Its task ends with it.
pub(super) struct Wakes {
    shared: Arc<Shared>,
    settings: Settings,
    task: Mutex<Option<AbortHandle>>,
}

#[derive(Default)]
struct Shared {
    channels: Mutex<Channels>,
    /// Channels came or went.
    changed: Notify,
}

#[derive(Default)]
struct Channels {
    followers: HashMap<String, Vec<Weak<Wake>>>,
    /// Not subscribed to yet, as far as is known; at most one item per change the task has not taken.
    came: Vec<String>,
    went: Vec<String>,
}

/// One follower's alarm.
#[derive(Default)]
struct Wake {
    ring: Notify,
    look: AtomicBool,
    /// The highest head it was told of.
    head: AtomicU64,
}

/// What a follower was woken for.
pub(super) enum Hint {
    /// There are entries up to here.
    Head(u64),
    /// Something else may have changed.
    Look,
}

/// A follower's registration, ended by dropping it.
pub(super) struct Listening {
    shared: Arc<Shared>,
    channel: String,
    wake: Arc<Wake>,
}

impl Wakes {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            shared: Arc::default(),
            settings,
            task: Mutex::new(None),
        }
    }

    /// How many jobs are followed.
    pub(super) fn followed(&self) -> usize {
        self.shared.channels.lock().followers.len()
    }

    /// Registers a follower. The first one starts the connection.
    pub(super) fn listen(&self, channel: String) -> Listening {
        let wake = Arc::new(Wake::default());
        {
            let mut channels = self.shared.channels.lock();
            let followers = channels.followers.entry(channel.clone()).or_default();
            followers.push(Arc::downgrade(&wake));
            if followers.len() == 1 {
                channels.came.push(channel.clone());
            }
        }
        self.task
            .lock()
            .get_or_insert_with(|| tokio::spawn(serve(self.shared.clone(), self.settings.clone())).abort_handle());
        self.shared.changed.notify_one();
        Listening {
            shared: self.shared.clone(),
            channel,
            wake,
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

impl Listening {
    /// Waits to be woken. A wake-up that came before is not lost. Cancel safe.
    pub(super) async fn woken(&self) -> Hint {
        self.wake.ring.notified().await;
        if self.wake.look.swap(false, Ordering::AcqRel) {
            Hint::Look
        } else {
            Hint::Head(self.wake.head.load(Ordering::Acquire))
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut channels = self.shared.channels.lock();
        let Some(followers) = channels.followers.get_mut(&self.channel) else {
            return;
        };
        followers.retain(|wake| !std::ptr::eq(wake.as_ptr(), Arc::as_ptr(&self.wake)));
        if followers.is_empty() {
            channels.followers.remove(&self.channel);
            channels.went.push(std::mem::take(&mut self.channel));
            drop(channels);
            self.shared.changed.notify_one();
        }
    }
}

impl Wake {
    fn hint(&self, head: Option<u64>) {
        match head {
            Some(head) => drop(self.head.fetch_max(head, Ordering::AcqRel)),
            None => self.look.store(true, Ordering::Release),
        }
        self.ring.notify_one();
    }
}

impl Shared {
    fn wake(&self, channel: &str, head: Option<u64>) {
        let followers = self.channels.lock().followers.get(channel).cloned();
        for wake in followers.into_iter().flatten().filter_map(|wake| wake.upgrade()) {
            wake.hint(head);
        }
    }

    fn wake_all(&self) {
        let followers: Vec<_> = self.channels.lock().followers.values().flatten().cloned().collect();
        for wake in followers.into_iter().filter_map(|wake| wake.upgrade()) {
            wake.hint(None);
        }
    }
}

async fn serve(shared: Arc<Shared>, settings: Settings) {
    let link = settings.subscriber();
    tokio::join!(hear(&shared, &link), subscribe(&shared, &link));
}

/// Passes messages on.
async fn hear(shared: &Shared, link: &Link) {
    let mut messages = link.client().message_rx();
    loop {
        match messages.recv().await {
            Ok(message) => shared.wake(&message.channel, head_in(&message.value)),
            // Too many at once to tell whom they were for.
            Err(RecvError::Lagged(_)) => shared.wake_all(),
            Err(RecvError::Closed) => return,
        }
    }
}

fn head_in(payload: &Value) -> Option<u64> {
    payload.as_u64().or_else(|| text(payload)?.parse().ok())
}

/// Keeps the server's list of subscriptions equal to ours.
async fn subscribe(shared: &Shared, link: &Link) {
    let (mut connected, mut moved) = (link.client().reconnect_rx(), link.client().cluster_change_rx());
    let mut subscribed: HashSet<String> = HashSet::new();
    loop {
        let failed = reconcile(shared, link, &mut subscribed).await.is_err();
        let anew = tokio::select! {
            event = connected.recv() => !matches!(event, Err(RecvError::Closed)),
            event = moved.recv() => !matches!(event, Err(RecvError::Closed)),
            () = shared.changed.notified() => false,
            () = tokio::time::sleep(AGAIN), if failed => false,
        };
        if anew {
            // A new connection, or slots on other nodes: nothing is subscribed to any more.
            subscribed.clear();
            let mut channels = shared.channels.lock();
            channels.came = channels.followers.keys().cloned().collect();
        }
    }
}

async fn reconcile(shared: &Shared, link: &Link, subscribed: &mut HashSet<String>) -> Result<(), fred::error::Error> {
    let (came, went) = {
        let mut channels = shared.channels.lock();
        let (came, went) = (std::mem::take(&mut channels.came), std::mem::take(&mut channels.went));
        let followed = |channel: &String| channels.followers.contains_key(channel);
        let came: Vec<_> = came
            .into_iter()
            .filter(|c| followed(c) && !subscribed.contains(c))
            .collect();
        let went: Vec<_> = went
            .into_iter()
            .filter(|c| !followed(c) && subscribed.remove(c))
            .collect();
        (came, went)
    };
    // On a cluster each channel has a slot, and so perhaps a node, of its own.
    let at_once = if link.is_clustered() { 1 } else { AT_ONCE };
    let mut left = came.as_slice();
    while let Some((some, rest)) = left
        .split_at_checked(at_once.min(left.len()))
        .filter(|(some, _)| !some.is_empty())
    {
        let done = if link.is_clustered() {
            link.client().ssubscribe(some.to_vec()).await
        } else {
            // The library does not wait for the server's word on subscriptions; the PING behind them does.
            match link.client().subscribe(some.to_vec()).await {
                Ok(()) => link.client().ping::<Value>(None).await.map(drop),
                error => error,
            }
        };
        if let Err(error) = done {
            shared.channels.lock().came.extend(left.iter().cloned());
            return Err(error);
        }
        for channel in some {
            subscribed.insert(channel.clone());
            shared.wake(channel, None);
        }
        left = rest;
    }
    for some in went.chunks(at_once) {
        // A subscription too many costs a message that nobody hears.
        drop(if link.is_clustered() {
            link.client().sunsubscribe(some.to_vec()).await
        } else {
            link.client().unsubscribe(some.to_vec()).await
        });
    }
    Ok(())
}
