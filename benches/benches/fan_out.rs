//! What does one line cost to deliver to everybody who watches, and how late is the last of them?
//!
//! One job, many viewers over loopback, so many lines a second; beside it, in the same run, the least that hyper can do:
//! ready frames from a broadcast channel, one write per line and viewer. CPU is that of every thread but the viewers'.
//! `VIEWERS`, `RATE` (lines a second) and `SECONDS` change the defaults, which end in a few seconds.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use log_model::{LogEntry, Recorded, Seq, WriterId};
use stream_store::{Batch, LogStore, SqliteStore};
use tailwater_gateway::{App, ClerkGatekeeper, Origins, Parts, Settings, StreamLimits, wire};
use testkit::builders::{T0, job, line, owner};
use testkit::clerk::Clerk;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{broadcast, mpsc};

#[derive(Debug, Clone, Copy)]
struct Load {
    viewers: usize,
    rate: u64,
    seconds: u64,
}

fn main() {
    let number = |name: &str, default: u64| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let load = Load {
        viewers: number("VIEWERS", 200) as usize,
        rate: number("RATE", 100),
        seconds: number("SECONDS", 3),
    };
    println!(
        "1 job x {} viewers x {} lines/s, {} s",
        load.viewers, load.rate, load.seconds
    );
    let floor = measure(load, Server::Floor);
    println!("hyper floor  {floor}");
    let gateway = measure(load, Server::Gateway);
    println!("gateway      {gateway}");
    println!(
        "CPU per event against the floor: {:.2}",
        gateway.micros_per_event() / floor.micros_per_event()
    );
}

enum Server {
    Floor,
    Gateway,
}

/// What one run showed.
struct Shown {
    events: usize,
    expected: usize,
    cpu: Duration,
    delays: Vec<u64>,
}

impl Shown {
    fn micros_per_event(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.events.max(1) as f64
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share: f64| {
            let at = ((self.delays.len() as f64 * share) as usize).min(self.delays.len().saturating_sub(1));
            self.delays.get(at).copied().unwrap_or_default() as f64 / 1000.0
        };
        let missing = self.expected as i64 - self.events as i64;
        write!(
            f,
            "{} events, {missing} missing, {:.2} us CPU per event, p50 {:.1} ms, p99 {:.1} ms",
            self.events,
            self.micros_per_event(),
            at(0.5),
            at(0.99)
        )
    }
}

fn measure(load: Load, server: Server) -> Shown {
    let start = Instant::now();
    // One thread for the server, one for the viewers: each has a core to itself where there are two.
    let serving = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("server")
        .enable_all()
        .build()
        .expect("threads");
    let (address, path, token, publish) = match server {
        Server::Floor => floor(&serving, load),
        Server::Gateway => gateway(&serving, load),
    };
    let (events, mut told) = mpsc::unbounded_channel();
    let open = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&open);
    let lines = load.rate * load.seconds;
    let viewing = std::thread::Builder::new()
        .name("viewers".to_owned())
        .spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().expect("a thread");
            runtime.block_on(async {
                let viewers =
                    (0..load.viewers).map(|_| view(address, &path, &token, start, lines, &counted, events.clone()));
                futures::future::join_all(viewers).await;
            });
        })
        .expect("a thread");
    while open.load(Ordering::SeqCst) < load.viewers {
        std::thread::sleep(Duration::from_millis(5));
    }
    let before = cpu();
    serving.block_on(async {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / load.rate as u32);
        for number in 1..=lines {
            ticks.tick().await;
            publish(number, start.elapsed().as_micros() as u64).await;
        }
    });
    // Everybody ends by themselves after the last line; a lost line shows as a viewer that is cut here.
    let limit = Instant::now() + Duration::from_secs(5);
    while open.load(Ordering::SeqCst) > 0 && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(5));
    }
    let spent = cpu() - before;
    serving.shutdown_timeout(Duration::from_secs(1));
    viewing.join().expect("viewers do not panic");
    let mut delays = Vec::new();
    let mut count = 0;
    while let Ok((met, mut some)) = told.try_recv() {
        count += met;
        delays.append(&mut some);
    }
    delays.sort_unstable();
    Shown {
        events: count,
        expected: load.viewers * lines as usize,
        cpu: spent,
        delays,
    }
}

/// The time every thread but the viewers' has spent on a processor.
fn cpu() -> Duration {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Duration::ZERO;
    };
    let mut nanos = 0;
    for task in tasks.flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        if read("comm").trim() != "viewers" {
            nanos += read("schedstat")
                .split(' ')
                .next()
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or_default();
        }
    }
    Duration::from_nanos(nanos)
}

/// Reads one stream until its last line; tells how many lines came and how late each was, in microseconds.
async fn view(
    address: std::net::SocketAddr,
    path: &str,
    token: &str,
    start: Instant,
    lines: u64,
    open: &AtomicUsize,
    told: mpsc::UnboundedSender<(usize, Vec<u64>)>,
) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let head = format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let mut buffer = Vec::with_capacity(64 * 1024);
    let (mut delays, mut next, mut opened) = (Vec::new(), 1, false);
    while next <= lines {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if !std::mem::replace(&mut opened, true) {
            open.fetch_add(1, Ordering::SeqCst);
        }
        let now = start.elapsed().as_micros() as u64;
        let mut from = 0;
        // Each line says its number and when it was written.
        while let Some(at) = find(&buffer[from..], b"\"text\":\"n=") {
            let rest = &buffer[from + at + 10..];
            let Some(end) = rest.iter().position(|byte| *byte == b'.') else {
                break;
            };
            let mut numbers = std::str::from_utf8(&rest[..end]).expect("digits").split(" t=");
            let mut number = || {
                numbers
                    .next()
                    .and_then(|text| text.parse::<u64>().ok())
                    .expect("a number")
            };
            assert_eq!(number(), next, "in order, none missing, none twice");
            delays.push(now.saturating_sub(number()));
            next += 1;
            from += at + 10 + end;
        }
        let keep = buffer.len().min(1024).min(buffer.len() - from);
        buffer.drain(..buffer.len() - keep);
    }
    open.fetch_sub(1, Ordering::SeqCst);
    let _ = told.send((delays.len(), delays));
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// 120 characters, with a number and a time.
fn text(number: u64, micros: u64) -> Recorded {
    let text = format!("n={number} t={micros}. ");
    line(&format!("{text}{:x<width$}", "", width = 120 - text.len()))
}

type Publish = Box<dyn Fn(u64, u64) -> futures::future::BoxFuture<'static, ()>>;
type Served = (std::net::SocketAddr, String, String, Publish);

fn floor(runtime: &Runtime, load: Load) -> Served {
    let (sender, _) = broadcast::channel::<Bytes>(4096);
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let listening = sender.clone();
    let _ = load;
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = listening.clone();
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let service = service_fn(move |_: Request<Incoming>| {
                    let receiver = sender.subscribe();
                    let hello = stream::iter([Bytes::from_static(b"event: hello\ndata: {}\n\n")]);
                    let lines = stream::unfold(receiver, |mut receiver| async move {
                        receiver.recv().await.ok().map(|bytes| (bytes, receiver))
                    });
                    let frames = futures::StreamExt::chain(hello, lines);
                    let frames = futures::StreamExt::map(frames, |bytes| Ok::<_, Infallible>(Frame::data(bytes)));
                    async move { Ok::<_, Infallible>(Response::new(StreamBody::new(frames))) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    let publish: Publish = Box::new(move |number, micros| {
        let entry = LogEntry {
            seq: Seq::new(number).expect("small"),
            recorded: text(number, micros),
        };
        let mut out = Vec::new();
        wire::entry(&mut out, &entry);
        let _ = sender.send(out.into());
        Box::pin(std::future::ready(()))
    });
    (address, "/".to_owned(), "none".to_owned(), publish)
}

fn gateway(runtime: &Runtime, load: Load) -> Served {
    let _inside = runtime.enter();
    let directory = tempfile::tempdir().expect("a directory").keep();
    let store: Arc<dyn LogStore> = Arc::new(SqliteStore::open(&directory.join("log.sqlite")).expect("a file"));
    let clerk = Clerk::new();
    let policy = auth_clerk::Policy {
        issuer: clerk.issuer().to_owned(),
        authorized_parties: vec![clerk.party().to_owned()],
        ..auth_clerk::Policy::default()
    };
    let keys = auth_clerk::Keys::pem(&clerk.pem()).expect("a key");
    let verifier = auth_clerk::Verifier::new(policy, keys).expect("a policy");
    let streams = StreamLimits {
        per_job: load.viewers,
        per_owner: load.viewers,
        process: load.viewers,
    };
    let parts = Parts {
        store: Arc::clone(&store),
        archive: None,
        gatekeeper: Arc::new(ClerkGatekeeper::new(verifier, None, Origins::default())),
        settings: Settings {
            streams,
            ..Settings::default()
        },
    };
    let app = App::build(parts).expect("settings that work");
    let listener = tailwater_gateway::listen("127.0.0.1:0".parse().expect("an address")).expect("a port");
    let address = listener.local_addr().expect("it is bound");
    runtime.spawn(tailwater_gateway::serve(app, listener, None, std::future::pending()));
    let job = job("fan-out");
    let writer = runtime.block_on(async {
        store.open(&job, &owner("ana"), T0).await.expect("a store");
        store
            .join(&job, &WriterId::new("bench").expect("a name"))
            .await
            .expect("a store")
    });
    let path = format!("/v1/jobs/{job}/logs/stream");
    let token = clerk.session("user_ana").token();
    let publish: Publish = Box::new(move |number, micros| {
        let (store, job) = (Arc::clone(&store), job.clone());
        let batch = Batch {
            writer: writer.id.clone(),
            fence: writer.fence,
            number,
            events: vec![text(number, micros)],
        };
        Box::pin(async move {
            store.append(&job, &batch).await.expect("a store");
        })
    });
    (address, path, token, publish)
}
