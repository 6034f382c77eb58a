//! Deadlines on the wire: a peer that sends half a head, or takes nothing, does not keep its connection.
//!
//! hyper's own head time-out also closes idle keep-alive connections, which a load balancer answers with stray 502s,
//! and hyper-util's look at the protocol's first bytes never times out. So the connection's bytes pass through here:
//! - from the accept, and from the first byte of each later head, a request must be whole within [`Deadlines::head`];
//! - between two requests a connection may rest for [`Deadlines::idle`];
//! - while an answer is on its way there is no reading deadline, since a viewer has nothing to say;
//! - a write the peer takes nothing of for [`Deadlines::send`] ends the connection.
//!
//! Over HTTP/2 many requests share a connection, and a peer may also stop taking *one* stream by flow control, which
//! the socket does not show. [`Executor`] watches for that, stream by stream.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::task::TaskTracker;

/// How long a peer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For a request's head, counted from the accept or from the head's first byte.
    pub head: Duration,
    /// Between two requests. Above the 60 s after which an AWS load balancer closes its side, so that it never sends
    /// a request into a connection that is just being closed here.
    pub idle: Duration,
    /// To take anything at all of what is being sent.
    pub send: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            send: Duration::from_secs(30),
        }
    }
}

/// What a connection's two sides know of each other: how many requests are being answered.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    running: AtomicUsize,
    /// How many there have been: a short one may begin and end between two reads.
    begun: AtomicUsize,
    /// HTTP/2 keeps talking between requests (pings, windows, settings): there, a byte is no beginning of a head.
    multiplexed: AtomicBool,
    /// Wakes the reading side when an answer is over: it has a deadline again, which nothing else would tell it.
    over: AtomicWaker,
}

impl Requests {
    /// Notes that a request's head is whole; its answer is on its way until the guard is dropped.
    pub(crate) fn begin(self: &Arc<Self>, multiplexed: bool) -> InFlight {
        self.running.fetch_add(1, Ordering::AcqRel);
        self.begun.fetch_add(1, Ordering::AcqRel);
        if multiplexed {
            self.multiplexed.store(true, Ordering::Release);
        }
        InFlight(Arc::clone(self))
    }
}

/// A request being answered.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Requests>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
        self.0.over.wake();
    }
}

/// Which deadline the reading side is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A head is due.
    Head,
    /// A request is being answered.
    Answering,
    /// Nothing is going on.
    Idle,
}

/// A byte stream with deadlines; see the module.
#[derive(Debug)]
pub(crate) struct Deadlined<IO> {
    io: IO,
    deadlines: Deadlines,
    requests: Arc<Requests>,
    reading: Reading,
    /// How many requests had begun at the last look.
    seen: usize,
    read_by: Pin<Box<Sleep>>,
    /// Set while the peer takes nothing of a write.
    write_by: Option<Pin<Box<Sleep>>>,
}

impl<IO> Deadlined<IO> {
    pub(crate) fn new(io: IO, deadlines: Deadlines, requests: Arc<Requests>) -> Self {
        let read_by = Box::pin(sleep_until(Instant::now() + deadlines.head));
        Self {
            io,
            deadlines,
            requests,
            reading: Reading::Head,
            seen: 0,
            read_by,
            write_by: None,
        }
    }

    /// Moves to the state the connection is in, before a read.
    fn look(&mut self) {
        let begun = self.requests.begun.load(Ordering::Acquire);
        let running = self.requests.running.load(Ordering::Acquire) > 0;
        if running {
            self.reading = Reading::Answering;
        } else if self.reading == Reading::Answering || begun != self.seen {
            self.reading = Reading::Idle;
            self.read_by.as_mut().reset(Instant::now() + self.deadlines.idle);
        }
        self.seen = begun;
    }

    fn heard(&mut self) {
        if self.reading == Reading::Idle && !self.requests.multiplexed.load(Ordering::Acquire) {
            self.reading = Reading::Head;
            self.read_by.as_mut().reset(Instant::now() + self.deadlines.head);
        }
    }

    fn wrote(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if result.is_ready() {
            self.write_by = None;
            return result;
        }
        let send = self.deadlines.send;
        let write_by = self
            .write_by
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + send)));
        ready!(write_by.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer took nothing for too long",
        )))
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Deadlined<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Registered before the look, so that an answer which ends in between is not missed.
        this.requests.over.register(cx.waker());
        this.look();
        let before = buf.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut this.io).poll_read(cx, buf) {
            if buf.filled().len() > before {
                this.heard();
                // A peer that sends a byte a second is never waited for, so the deadline is looked at here as well.
                if this.reading == Reading::Answering || this.read_by.deadline() > Instant::now() {
                    return Poll::Ready(result);
                }
                return Poll::Ready(Err(late()));
            }
            return Poll::Ready(result);
        }
        if this.reading == Reading::Answering {
            return Poll::Pending;
        }
        ready!(this.read_by.as_mut().poll(cx));
        Poll::Ready(Err(late()))
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the request's head came too slowly")
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Deadlined<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(cx, result)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.wrote(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

thread_local! {
    /// Whether the body polled last, within the poll now running on this thread, gave a frame away.
    static GAVE: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Notes that a body was polled, and whether it gave a frame.
pub(crate) fn taken(gave: bool) {
    GAVE.set(Some(gave));
}

/// Runs HTTP/2 streams, each with a deadline: one that was given a frame and did not come back for the next within
/// the send time-out is reset. The other streams of its connection go on.
#[derive(Debug, Clone)]
pub(crate) struct Executor {
    tasks: TaskTracker,
    send: Duration,
}

impl Executor {
    pub(crate) fn new(tasks: TaskTracker, send: Duration) -> Self {
        Self { tasks, send }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.tasks.spawn(TakenInTime {
            stream: Box::pin(stream),
            send: self.send,
            by: None,
        });
    }
}

struct TakenInTime<F> {
    stream: Pin<Box<F>>,
    send: Duration,
    by: Option<Pin<Box<Sleep>>>,
}

impl<F: Future<Output = ()>> Future for TakenInTime<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        GAVE.set(None);
        if this.stream.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match GAVE.take() {
            // The body has nothing to give: the wait is ours, not the peer's.
            Some(false) => this.by = None,
            Some(true) => this.by = Some(Box::pin(sleep_until(Instant::now() + this.send))),
            // Not asked for a frame: the wait for the peer goes on as it was.
            None => {}
        }
        match &mut this.by {
            Some(by) => by.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn wrapped(io: tokio::io::DuplexStream) -> (Deadlined<tokio::io::DuplexStream>, Arc<Requests>) {
        let requests = Arc::new(Requests::default());
        (
            Deadlined::new(io, Deadlines::default(), Arc::clone(&requests)),
            requests,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_speaks_is_left_after_ten_seconds() {
        let (_peer, ours) = duplex(64);
        let (mut io, _) = wrapped(ours);
        let start = Instant::now();
        let error = io.read_u8().await.expect_err("nothing came");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_is_no_head() {
        let (mut peer, ours) = duplex(64);
        let (mut io, _) = wrapped(ours);
        let start = Instant::now();
        let slow = tokio::spawn(async move {
            while peer.write_u8(b'x').await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        while io.read_u8().await.is_ok() {}
        assert!((10..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        drop(io);
        slow.await.expect("it ends with the connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_rests_a_hundred_seconds_and_is_still_good() {
        let (mut peer, ours) = duplex(64);
        let (mut io, requests) = wrapped(ours);
        peer.write_u8(b'1').await.expect("room");
        io.read_u8().await.expect("a byte");
        drop(requests.begin(false));
        let reader = tokio::spawn(async move {
            let byte = io.read_u8().await;
            (byte, io)
        });
        tokio::time::sleep(Duration::from_secs(100)).await;
        peer.write_u8(b'2').await.expect("room");
        let (byte, mut io) = reader.await.expect("no panic");
        assert_eq!(byte.expect("still open"), b'2');
        // And the second head has its own ten seconds.
        let start = Instant::now();
        io.read_u8().await.expect_err("half a head");
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn while_an_answer_is_on_its_way_silence_is_welcome() {
        let (mut peer, ours) = duplex(64);
        let (mut io, requests) = wrapped(ours);
        let answering = requests.begin(false);
        let reader = tokio::spawn(async move { io.read_u8().await });
        tokio::time::sleep(Duration::from_secs(3600)).await;
        peer.write_u8(b'2').await.expect("room");
        assert_eq!(reader.await.expect("no panic").expect("still open"), b'2');
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_for_thirty_seconds_is_left() {
        let (_peer, ours) = duplex(4);
        let (mut io, _) = wrapped(ours);
        let start = Instant::now();
        let error = io.write_all(b"more than fits").await.expect_err("nobody takes it");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
