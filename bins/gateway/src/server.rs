//! Connections: accepting them, their deadlines, and letting them go when the process has to stop.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::app::{App, Error, Result};
use crate::body::Body;
use crate::io::{Deadlined, Executor, Requests};

/// How many connections may wait to be accepted. The system's usual 128 makes a crowd that connects at once wait a
/// second for its second try.
const BACKLOG: u32 = 4096;
/// The largest head of a request; hyper answers a larger one with 431.
const HEAD_BYTES: usize = 64 * 1024;
/// How many connections there may be beside those of streams: pages, look-ups, load balancers' spares.
const SPARE_CONNECTIONS: usize = 5000;

/// Listens on an address with a queue long enough for a crowd.
///
/// # Errors
/// [`Error::Listen`] when the address cannot be had.
pub fn listen(address: SocketAddr) -> Result<TcpListener> {
    let open = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // Lets a new process listen while connections of an old one are still being forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|source| Error::Listen {
        what: format!("cannot listen on {address}"),
        source,
    })
}

/// Serves until `shutdown` is done, and then drains: says so on `/readyz` at once, goes on taking requests for
/// `drain_notice`, then asks every stream to leave within `spread` and stops listening. Returns once everything is
/// over, at the latest `drain_deadline` after `shutdown`: what still goes on then is cut.
///
/// Dropping the future stops listening and cuts everything at once.
///
/// # Errors
/// None today: a listener that fails is tried again.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    admin: Option<TcpListener>,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let stop = Stop::default();
    // Cuts everything when this future is dropped in the middle.
    let cut = stop.cut.clone().drop_guard();
    let main = accept(Arc::clone(&app), listener, stop.clone(), Side::Main);
    // The operator is answered to the end, and whoever asks there holds nothing up.
    let admin_stop = Stop {
        listening: stop.cut.clone(),
        cut: stop.cut.clone(),
        connections: TaskTracker::new(),
    };
    let admin = async {
        match admin {
            Some(listener) => accept(Arc::clone(&app), listener, admin_stop, Side::Admin).await,
            None => std::future::pending().await,
        }
    };
    let attend = Arc::clone(&app).attend();
    let (mut main, mut admin, mut attend) = (pin!(main), pin!(admin), pin!(attend));
    tokio::select! {
        () = &mut main => {}
        () = &mut admin => {}
        () = &mut attend => {}
        () = shutdown => {}
    }
    let settings = &app.settings;
    let deadline = Instant::now() + settings.drain_deadline;
    tracing::info!(streams = app.streams.len(), "draining");
    app.start_draining();
    let drain = async {
        sleep(settings.drain_notice).await;
        app.streams.drain();
        stop.listening.cancel();
        stop.connections.close();
        stop.connections.wait().await;
    };
    // The listeners go on while this drains; the main one ends when it is told to.
    let go_on = async {
        tokio::join!(main, admin, attend);
    };
    let done = tokio::select! {
        done = timeout_at(deadline, drain) => done.is_ok(),
        () = go_on => true,
    };
    if !done {
        tracing::warn!(streams = app.streams.len(), "drain deadline reached");
    }
    drop(cut);
    // What was cut ends at its next look at the token, which is at once.
    let _ = timeout_at(Instant::now() + Duration::from_secs(1), stop.connections.wait()).await;
    Ok(())
}

/// How the parts of a server are told to stop.
#[derive(Clone)]
struct Stop {
    /// No new connections, and those that are there end with what they are doing.
    listening: CancellationToken,
    /// Everything ends now.
    cut: CancellationToken,
    connections: TaskTracker,
}

impl Default for Stop {
    fn default() -> Self {
        let cut = CancellationToken::new();
        Self {
            listening: cut.child_token(),
            cut,
            connections: TaskTracker::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Main,
    Admin,
}

async fn accept(app: Arc<App>, listener: TcpListener, stop: Stop, side: Side) {
    let places = Arc::new(Semaphore::new(app.settings.streams.process + SPARE_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.listening.cancelled() => return,
        };
        let stream = match accepted {
            Ok((stream, _peer)) => stream,
            Err(error) if is_of_the_peer(&error) => continue,
            Err(error) => {
                // Out of descriptors or memory: those who are here may leave soon, so wait instead of spinning.
                tracing::warn!(%error, "not accepted");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            app.metrics.refused_connections.inc();
            continue;
        };
        // A line should leave when it is written, not when a packet is full.
        let _ = stream.set_nodelay(true);
        let connection = connection(Arc::clone(&app), stream, stop.clone(), side, place);
        stop.connections.spawn(connection);
    }
}

fn is_of_the_peer(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

async fn connection(app: Arc<App>, stream: TcpStream, stop: Stop, side: Side, _place: OwnedSemaphorePermit) {
    app.metrics.connections.inc();
    let counted = Counted(&app);
    let requests = Arc::new(Requests::default());
    let deadlines = app.settings.deadlines;
    let io = TokioIo::new(Deadlined::new(stream, deadlines, Arc::clone(&requests)));
    let answering = Arc::clone(&app);
    let service = service_fn(move |request: Request<Incoming>| {
        let app = Arc::clone(&answering);
        let in_flight = requests.begin(request.version() == http::Version::HTTP_2);
        async move {
            let response = match side {
                Side::Main => app.answer(request).await,
                Side::Admin => admin::answer(app, request).await,
            };
            Ok::<Response<Body>, Infallible>(response.map(|body| body.holding(in_flight)))
        }
    });
    let mut builder = auto::Builder::new(Executor::new(stop.connections.clone(), deadlines.send));
    // `header_read_timeout` stays off: it also closes connections that rest between two requests. The wrapper knows
    // the difference.
    builder.http1().header_read_timeout(None).max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .max_header_list_size(HEAD_BYTES as u32)
        .max_concurrent_streams(256)
        .max_send_buf_size(HEAD_BYTES);
    let mut connection = pin!(builder.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.listening.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                ended = connection => ended,
                () = stop.cut.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        // Peers leave in many ways, and none of them is news.
        tracing::trace!(%error, "connection ended");
    }
    drop(counted);
}

struct Counted<'a>(&'a App);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}
