//! A loopback proxy that passes bytes on until it is told to cut. Before a Redis server it can do finer harm, and knows
//! what harm it did: it understands as much of the protocol as it takes to count what was sent and is not answered.

mod resp;

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is done to a command that holds the mark, or to its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// The connection is cut before a byte of it leaves.
    CutBeforeRequest,
    /// Half of it leaves, then the connection is cut.
    CutInRequest,
    /// The server does it, and the connection is cut before a byte of the answer.
    CutBeforeAnswer,
    /// Half of the answer comes through, then the connection is cut.
    CutInAnswer,
    /// The answer comes this much later.
    Stall(Duration),
    /// No answer comes until [`Proxy::release`], or until the connection is gone.
    Hold,
}

/// Passes connections on to another address; gone when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    mark: Vec<u8>,
    cuts: watch::Sender<u64>,
    /// Harm that was done: how often, and the bytes that were sent and not answered when it was done last.
    done: watch::Sender<(u64, usize)>,
    holding: watch::Sender<bool>,
    /// Marked commands that came before, word for word: their sender gave up waiting.
    repeated: watch::Sender<u64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    target: SocketAddr,
    /// Harm for a marked command, after so many others.
    harm: Option<(usize, Harm)>,
    /// Bytes that may still pass from the next marked command on, in both directions, before a cut.
    cut_after: Option<u64>,
    counting: bool,
    /// Bytes that passed since counting began.
    passed: u64,
    /// Bytes of marked commands that are not answered.
    in_flight: usize,
    connections: u64,
    /// Marked commands since harm was planned last, by their hash.
    seen: HashSet<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn did_harm(&self) {
        let in_flight = self.state().in_flight;
        self.done.send_modify(|(times, bytes)| {
            *times += 1;
            *bytes = in_flight;
        });
    }
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub async fn start(target: SocketAddr) -> Self {
        Self::marking(target, b"").await
    }

    /// Before a Redis server, as [`start`](Self::start): commands with `mark` in them are counted and may be harmed.
    ///
    /// # Panics
    /// When the loopback interface has no free port.
    pub async fn marking(target: SocketAddr, mark: &[u8]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("the loopback interface has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            mark: mark.to_vec(),
            cuts: watch::Sender::new(0),
            done: watch::Sender::new((0, 0)),
            holding: watch::Sender::new(false),
            repeated: watch::Sender::new(0),
            state: Mutex::new(State {
                target,
                harm: None,
                cut_after: None,
                counting: false,
                passed: 0,
                in_flight: 0,
                connections: 0,
                seen: HashSet::new(),
            }),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection that is open now; new ones are passed on as before.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many connections it has taken so far.
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// From now on new connections go there.
    pub fn retarget(&self, target: SocketAddr) {
        self.shared.state().target = target;
    }

    /// The next marked command but `skip` is harmed like this.
    pub fn harm(&self, skip: usize, harm: Harm) {
        self.shared.holding.send_replace(harm == Harm::Hold);
        let mut state = self.shared.state();
        state.harm = Some((skip, harm));
        state.seen.clear();
    }

    /// Nothing is planned any more, and what was held goes on.
    pub fn release(&self) {
        self.shared.state().harm = None;
        self.shared.holding.send_replace(false);
    }

    /// How much harm was done so far, and how many bytes of marked commands were on their way, unanswered, the last time.
    pub fn harmed(&self) -> watch::Receiver<(u64, usize)> {
        self.shared.done.subscribe()
    }

    /// How often a marked command came again, word for word, since harm was planned: whoever sent it waits no longer for
    /// the answer to the first.
    pub fn repeated(&self) -> watch::Receiver<u64> {
        self.shared.repeated.subscribe()
    }

    /// Bytes of marked commands that came from a client and whose answers it does not have.
    pub fn in_flight(&self) -> usize {
        self.shared.state().in_flight
    }

    /// Counts bytes from the next marked command on, in both directions; cuts its connection when that many passed.
    pub fn cut_after(&self, bytes: Option<u64>) {
        let mut state = self.shared.state();
        state.cut_after = bytes;
        state.counting = false;
        state.passed = 0;
    }

    /// Counts bytes from now on, in both directions and over all connections; cuts the one they pass on when that many did.
    pub fn cut_after_all(&self, bytes: Option<u64>) {
        self.cut_after(bytes);
        self.shared.state().counting = true;
    }

    /// Bytes that passed since counting began after [`cut_after`](Self::cut_after) or
    /// [`cut_after_all`](Self::cut_after_all).
    pub fn passed(&self) -> u64 {
        self.shared.state().passed
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let target = {
            let mut state = shared.state();
            state.connections += 1;
            state.target
        };
        let mut cuts = shared.cuts.subscribe();
        cuts.mark_unchanged();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            tokio::select! {
                () = pass(client, target, shared) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

/// A command that is not answered.
#[derive(Debug)]
struct Asked {
    /// Its bytes, if it holds the mark.
    bytes: usize,
    harm: Option<Harm>,
}

/// What one connection has asked. What is left of it when it is gone counts no longer.
struct Asking {
    shared: Arc<Shared>,
    asked: Mutex<VecDeque<Asked>>,
}

impl Asking {
    fn asked(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let bytes: usize = self.asked().iter().map(|asked| asked.bytes).sum();
        self.shared.state().in_flight -= bytes;
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, shared: Arc<Shared>) {
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    // Without a mark it is anybody's protocol.
    if shared.mark.is_empty() {
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
        return;
    }
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let asking = Asking {
        shared,
        asked: Mutex::default(),
    };
    // Whichever side is over first takes the other with it.
    tokio::select! {
        _ = pump(Way::There, from_client, to_server, &asking) => {}
        _ = pump(Way::Back, from_server, to_client, &asking) => {}
    }
}

/// Over: the other side is gone, or harm was done.
struct Over;

/// Which way bytes go.
#[derive(Debug, Clone, Copy)]
enum Way {
    There,
    Back,
}

/// Passes on one value after the other, each once it is all there.
async fn pump(way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, asking: &Asking) -> Result<(), Over> {
    let mut held = Vec::new();
    loop {
        if from.read_buf(&mut held).await.unwrap_or(0) == 0 {
            return Err(Over);
        }
        while let Some(length) = resp::whole(&held) {
            let value: Vec<u8> = held.drain(..length).collect();
            match way {
                Way::There => asking.request(&value, &mut to).await?,
                Way::Back => asking.answer(&value, &mut to).await?,
            }
        }
    }
}

impl Asking {
    async fn request(&self, command: &[u8], to: &mut OwnedWriteHalf) -> Result<(), Over> {
        let shared = &self.shared;
        let marked = command.windows(shared.mark.len()).any(|part| part == shared.mark);
        let bytes = if marked { command.len() } else { 0 };
        let harm = if marked {
            let mut state = shared.state();
            let mut hasher = DefaultHasher::new();
            command.hash(&mut hasher);
            if !state.seen.insert(hasher.finish()) {
                shared.repeated.send_modify(|times| *times += 1);
            }
            state.meets(bytes)
        } else {
            None
        };
        self.asked().push_back(Asked { bytes, harm });
        match harm {
            Some(Harm::CutBeforeRequest) => cut(to, &[], shared).await,
            Some(Harm::CutInRequest) => cut(to, &command[..command.len() / 2], shared).await,
            // Whoever does harm to the server itself waits for this.
            Some(Harm::Hold) => {
                send(to, command, shared).await?;
                shared.did_harm();
                Ok(())
            }
            _ => send(to, command, shared).await,
        }
    }

    async fn answer(&self, answer: &[u8], to: &mut OwnedWriteHalf) -> Result<(), Over> {
        let shared = &self.shared;
        // What is pushed answers nothing.
        if answer.first() == Some(&b'>') {
            return send(to, answer, shared).await;
        }
        let harm = self.asked().front().and_then(|asked| asked.harm);
        match harm {
            Some(Harm::CutBeforeAnswer) => return cut(to, &[], shared).await,
            Some(Harm::CutInAnswer) => return cut(to, &answer[..answer.len() / 2], shared).await,
            Some(Harm::Stall(time)) => {
                shared.did_harm();
                tokio::time::sleep(time).await;
            }
            Some(Harm::Hold) => drop(shared.holding.subscribe().wait_for(|holding| !holding).await),
            _ => {}
        }
        send(to, answer, shared).await?;
        if let Some(asked) = self.asked().pop_front() {
            shared.state().in_flight -= asked.bytes;
        }
        Ok(())
    }
}

impl State {
    /// A marked command of so many bytes comes by: the harm that is planned for it.
    fn meets(&mut self, bytes: usize) -> Option<Harm> {
        self.in_flight += bytes;
        self.counting = true;
        let (skip, harm) = self.harm.as_mut()?;
        if *skip > 0 {
            *skip -= 1;
            return None;
        }
        let harm = *harm;
        self.harm = None;
        Some(harm)
    }
}

/// Lets a part through and no more.
async fn cut(to: &mut OwnedWriteHalf, part: &[u8], shared: &Shared) -> Result<(), Over> {
    send(to, part, shared).await?;
    shared.did_harm();
    Err(Over)
}

/// Passes bytes on, as far as a cut lets them.
async fn send(to: &mut OwnedWriteHalf, bytes: &[u8], shared: &Shared) -> Result<(), Over> {
    let (length, cut) = {
        let mut state = shared.state();
        let mut length = bytes.len();
        let mut cut = false;
        if state.counting {
            if let Some(left) = state.cut_after {
                cut = left < length as u64;
                length = length.min(usize::try_from(left).unwrap_or(usize::MAX));
                state.cut_after = (!cut).then(|| left - length as u64);
            }
            state.passed += length as u64;
        }
        (length, cut)
    };
    to.write_all(&bytes[..length]).await.map_err(|_| Over)?;
    if cut {
        shared.did_harm();
        return Err(Over);
    }
    Ok(())
}
