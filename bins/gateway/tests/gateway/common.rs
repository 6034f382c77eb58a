//! A gateway on port 0 over a SQLite store of its own, and a client that sees every byte.
#![allow(unreachable_pub, reason = "one test program")]

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use log_model::{JobId, LogEntry, Outcome, Owner, Recorded, Seq, Span, Timestamp, WriterId};
use sse_codec::Decoder;
use stream_store::{
    Appended, Batch, Change, Claim, Ended, Ending, JobPage, JobRecord, Known, ListCursor, LogStore, Result, Silence,
    SqliteStore, State, Writer,
};
use tailwater_gateway::{App, ClerkGatekeeper, Gatekeeper, Origins, Parts, Settings};
use tempfile::TempDir;
use testkit::builders::owner;
use testkit::clerk::Clerk;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub const ORIGIN: &str = "https://app.example.com";
/// Every wait of these tests ends at the latest then.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Waits for something, with a limit.
#[track_caller]
pub fn within<T>(what: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = std::panic::Location::caller();
    async move {
        tokio::time::timeout(LIMIT, what)
            .await
            .unwrap_or_else(|_| panic!("nothing came for {LIMIT:?}, at {place}"))
    }
}

pub struct Gateway {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub store: Arc<dyn LogStore>,
    pub clerk: Clerk,
    stop: Option<oneshot::Sender<()>>,
    pub serving: JoinHandle<tailwater_gateway::Result<()>>,
    _directory: TempDir,
}

pub fn settings() -> Settings {
    Settings {
        origins: Origins::new([ORIGIN]).unwrap(),
        page_rate: 10_000.0,
        ..Settings::default()
    }
}

pub fn sqlite(directory: &TempDir) -> Arc<dyn LogStore> {
    Arc::new(SqliteStore::open(&directory.path().join("log.sqlite")).unwrap())
}

pub fn clerk_gatekeeper(clerk: &Clerk, origins: &Origins) -> Arc<dyn Gatekeeper> {
    let policy = auth_clerk::Policy {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        ..auth_clerk::Policy::default()
    };
    let keys = auth_clerk::Keys::pem(&clerk.pem()).unwrap();
    Arc::new(ClerkGatekeeper::new(
        auth_clerk::Verifier::new(policy, keys).unwrap(),
        None,
        origins.clone(),
    ))
}

impl Gateway {
    pub async fn start() -> Self {
        Self::with(settings()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Self::over(settings, |store| store).await
    }

    /// A gateway whose store is another one's wrapping; tests go on writing to the inner one.
    pub async fn over(settings: Settings, wrap: impl FnOnce(Arc<dyn LogStore>) -> Arc<dyn LogStore>) -> Self {
        let clerk = Clerk::new();
        let gatekeeper = clerk_gatekeeper(&clerk, &settings.origins);
        Self::of(settings, wrap, gatekeeper, clerk).await
    }

    pub async fn of(
        settings: Settings,
        wrap: impl FnOnce(Arc<dyn LogStore>) -> Arc<dyn LogStore>,
        gatekeeper: Arc<dyn Gatekeeper>,
        clerk: Clerk,
    ) -> Self {
        Self::beside(settings, wrap, gatekeeper, clerk, None).await
    }

    /// As `of`, with an archive beside the store.
    pub async fn beside(
        settings: Settings,
        wrap: impl FnOnce(Arc<dyn LogStore>) -> Arc<dyn LogStore>,
        gatekeeper: Arc<dyn Gatekeeper>,
        clerk: Clerk,
        archive: Option<Arc<archiver::Archive>>,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = sqlite(&directory);
        let parts = Parts {
            store: wrap(Arc::clone(&store)),
            archive,
            gatekeeper,
            settings,
        };
        let app = App::build(parts).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, admin_address) = (listener.local_addr().unwrap(), admin.local_addr().unwrap());
        let serving = tokio::spawn(tailwater_gateway::serve(app, listener, Some(admin), async {
            let _ = stopped.await;
        }));
        Self {
            address,
            admin: admin_address,
            store,
            clerk,
            stop: Some(stop),
            serving,
            _directory: directory,
        }
    }

    /// What SIGTERM does.
    pub fn terminate(&mut self) {
        self.stop.take().expect("terminated once").send(()).expect("it serves");
    }

    pub fn token(&self, name: &str) -> String {
        self.clerk.session(format!("user_{name}")).token()
    }

    pub fn get(&self, path: &str) -> Ask {
        Ask {
            address: self.address,
            request: Request::get(path).header("host", "gateway.test"),
        }
    }

    /// As a user of this name.
    pub fn get_as(&self, name: &str, path: &str) -> Ask {
        self.get(path)
            .header("authorization", &format!("Bearer {}", self.token(name)))
    }

    pub fn get_admin(&self, path: &str) -> Ask {
        Ask {
            address: self.admin,
            request: Request::get(path).header("host", "gateway.test"),
        }
    }

    /// A job of a user, with a writer.
    pub async fn job(&self, name: &str) -> Job {
        let job = testkit::builders::unique_job("job");
        let at = testkit::builders::T0;
        self.store.open(&job, &owner(name), at).await.unwrap();
        let writer = self.store.join(&job, &WriterId::new("w1").unwrap()).await.unwrap();
        Job::written(Arc::clone(&self.store), job, writer)
    }
}

/// A job being written.
pub struct Job {
    pub store: Arc<dyn LogStore>,
    pub job: JobId,
    pub writer: Writer,
    next: std::sync::atomic::AtomicU64,
}

impl Job {
    /// A job that a test opened and joined itself.
    pub fn written(store: Arc<dyn LogStore>, job: JobId, writer: Writer) -> Self {
        Self {
            store,
            next: std::sync::atomic::AtomicU64::new(writer.next),
            job,
            writer,
        }
    }

    pub async fn append(&self, events: Vec<Recorded>) -> Appended {
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let batch = Batch {
            writer: self.writer.id.clone(),
            fence: self.writer.fence,
            number,
            events,
        };
        self.store.append(&self.job, &batch).await.unwrap()
    }

    /// `line FIRST` to `line LAST`.
    pub async fn lines(&self, numbers: std::ops::RangeInclusive<u64>) -> Appended {
        self.append(testkit::builders::lines(numbers)).await
    }

    pub async fn end(&self) {
        let at = Timestamp::from_millis(testkit::builders::T0.as_millis() + 1000);
        self.store.leave(&self.job, &self.writer, at).await.unwrap();
        let ending = Ending {
            outcome: Outcome::Succeeded,
            exit_code: Some(0),
        };
        self.store.end(&self.job, ending, at).await.unwrap();
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/v1/jobs/{}{rest}", self.job)
    }

    pub fn stream(&self) -> String {
        self.path("/logs/stream")
    }
}

/// A request being put together.
pub struct Ask {
    pub address: SocketAddr,
    pub request: http::request::Builder,
}

impl Ask {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub fn method(mut self, method: &str) -> Self {
        self.request = self.request.method(method);
        self
    }

    /// Sends it; the body is still to come.
    pub async fn send(self) -> http::Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        within(sender.send_request(self.request.body(Empty::<Bytes>::new()).unwrap()))
            .await
            .unwrap()
    }

    /// Sends it and reads the whole answer.
    pub async fn whole(self) -> Whole {
        let (head, body) = self.send().await.into_parts();
        let body = within(body.collect()).await.unwrap().to_bytes();
        Whole {
            status: head.status,
            headers: head.headers,
            body,
        }
    }

    /// Sends it and reads events.
    pub async fn events(self) -> Events {
        Events::of(self.send().await)
    }

    /// As `events`, over HTTP/2.
    pub async fn events_over_http2(self) -> Events {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = self.request.body(Empty::<Bytes>::new()).unwrap();
        let target = format!("http://gateway.test{}", request.uri());
        *request.uri_mut() = target.parse().unwrap();
        request.headers_mut().remove("host");
        Events::of(within(sender.send_request(request)).await.unwrap())
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Whole {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Whole {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub event: String,
    pub id: Option<u64>,
    pub data: serde_json::Value,
}

/// A stream being read.
pub struct Events {
    pub headers: HeaderMap,
    pub retry: Option<Duration>,
    body: Incoming,
    decoder: Decoder,
    last_id: String,
    /// Everything that came, as it came.
    pub raw: Vec<u8>,
}

impl Events {
    pub fn of(response: http::Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        assert_eq!(head.status, 200, "a stream was expected");
        let decoder = Decoder::default();
        Self {
            headers: head.headers,
            retry: None,
            body,
            decoder,
            last_id: String::new(),
            raw: Vec::new(),
        }
    }

    /// The next event; none once the stream is over.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.decoder.next() {
                let event = event.unwrap();
                let event = Event {
                    event: event.event.to_owned(),
                    id: None,
                    data: serde_json::from_str(event.data).unwrap(),
                };
                self.retry = self.decoder.retry();
                let id = self.decoder.last_event_id();
                let id = (id != self.last_id).then(|| id.to_owned());
                if let Some(id) = &id {
                    self.last_id.clone_from(id);
                }
                return Some(Event {
                    id: id.map(|id| id.parse().unwrap()),
                    ..event
                });
            }
            let frame = within(self.body.frame()).await?.unwrap();
            let mut data = frame.into_data().unwrap();
            let data = data.copy_to_bytes(data.remaining());
            // Larger frames may be read in parts; what comes first and is small was one frame.
            assert!(
                data.is_empty() || self.raw.len() + data.len() > 4096 || data.ends_with(b"\n\n"),
                "a frame holds whole blocks"
            );
            self.raw.extend_from_slice(&data);
            self.decoder.push(&data);
        }
    }

    /// The next event, which must have this name.
    #[track_caller]
    pub fn expect(&mut self, name: &str) -> impl Future<Output = Event> + use<'_> {
        let (name, place) = (name.to_owned(), std::panic::Location::caller());
        async move {
            let event = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the stream ended before {name}, at {place}"));
            assert_eq!(event.event, name, "{event:?}, at {place}");
            event
        }
    }

    /// The ids of the entries up to and including this one.
    pub async fn ids_through(&mut self, last: u64) -> Vec<u64> {
        let mut ids = Vec::new();
        while ids.last() != Some(&last) {
            let event = self.next().await.expect("more entries");
            if let Some(seq) = event.data["seq"].as_u64() {
                assert_eq!(event.id, Some(seq));
                ids.push(seq);
            }
        }
        ids
    }

    pub async fn closed(&mut self) {
        assert_eq!(self.next().await, None, "the stream should be over");
    }
}

/// Waits until something is so, looking again and again.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = tokio::time::Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What happens before and after a call of a store, told its name: an `Err` is the call's answer.
pub type Hook = Arc<dyn Fn(&'static str) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A store with something happening around its calls.
pub struct Hooked {
    pub inner: Arc<dyn LogStore>,
    pub hook: Hook,
}

impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooked")
    }
}

impl Hooked {
    async fn around<T>(&self, name: &'static str, call: impl Future<Output = Result<T>>) -> Result<T> {
        (self.hook)(name).await?;
        let answer = call.await;
        (self.hook)(name).await?;
        answer
    }
}

pub fn away() -> stream_store::Error {
    stream_store::Error::Unavailable {
        source: "switched off".into(),
    }
}

#[async_trait]
impl LogStore for Hooked {
    async fn open(&self, job: &JobId, owner: &Owner, at: Timestamp) -> Result<JobRecord> {
        self.around("open", self.inner.open(job, owner, at)).await
    }
    async fn job(&self, job: &JobId) -> Result<Option<JobRecord>> {
        self.around("job", self.inner.job(job)).await
    }
    async fn join(&self, job: &JobId, slot: &WriterId) -> Result<Writer> {
        self.around("join", self.inner.join(job, slot)).await
    }
    async fn rejoin(&self, job: &JobId, slot: &WriterId, known: &Known, at: Timestamp) -> Result<Writer> {
        self.around("rejoin", self.inner.rejoin(job, slot, known, at)).await
    }
    async fn renew(&self, job: &JobId, writer: &Writer) -> Result<()> {
        self.around("renew", self.inner.renew(job, writer)).await
    }
    async fn leave(&self, job: &JobId, writer: &Writer, at: Timestamp) -> Result<()> {
        self.around("leave", self.inner.leave(job, writer, at)).await
    }
    async fn finish(&self, job: &JobId, writer: &Writer, ending: Ending, at: Timestamp) -> Result<Ended> {
        self.around("finish", self.inner.finish(job, writer, ending, at)).await
    }
    async fn end(&self, job: &JobId, ending: Ending, at: Timestamp) -> Result<Ended> {
        self.around("end", self.inner.end(job, ending, at)).await
    }
    async fn append(&self, job: &JobId, batch: &Batch) -> Result<Appended> {
        self.around("append", self.inner.append(job, batch)).await
    }
    async fn confirm(&self, job: &JobId, writer: &WriterId, number: u64) -> Result<bool> {
        self.around("confirm", self.inner.confirm(job, writer, number)).await
    }
    async fn read(&self, job: &JobId, span: Span) -> Result<Vec<LogEntry>> {
        self.around("read", self.inner.read(job, span)).await
    }
    fn follow(&self, job: &JobId, after: Seq) -> BoxStream<'static, Result<Change>> {
        let (hook, inner, job) = (Arc::clone(&self.hook), Arc::clone(&self.inner), job.clone());
        let each = Arc::clone(&hook);
        let start = async move {
            let _ = hook("follow").await;
            inner.follow(&job, after)
        };
        futures::stream::once(start)
            .flatten()
            .then(move |change| {
                let hook = Arc::clone(&each);
                async move { hook("change").await.and(change) }
            })
            .boxed()
    }
    async fn mark_silent(&self, job: &JobId, silence: &Silence, at: Timestamp) -> Result<State> {
        self.around("mark_silent", self.inner.mark_silent(job, silence, at))
            .await
    }
    async fn due(&self, by: Timestamp, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        self.around("due", self.inner.due(by, cursor, limit)).await
    }
    async fn look_again(&self, job: &JobId, at: Timestamp) -> Result<()> {
        self.around("look_again", self.inner.look_again(job, at)).await
    }
    async fn list(&self, cursor: Option<ListCursor>, limit: usize) -> Result<JobPage> {
        self.around("list", self.inner.list(cursor, limit)).await
    }
    async fn claim(&self, job: &JobId, holder: &str, ttl: Duration) -> Result<Claim> {
        self.around("claim", self.inner.claim(job, holder, ttl)).await
    }
    async fn release(&self, claim: &Claim) -> Result<()> {
        self.around("release", self.inner.release(claim)).await
    }
    async fn archived(&self, job: &JobId, through: Seq) -> Result<()> {
        self.around("archived", self.inner.archived(job, through)).await
    }
    async fn forget(&self, job: &JobId, through: Seq, keep_record: Duration) -> Result<()> {
        self.around("forget", self.inner.forget(job, through, keep_record))
            .await
    }
    async fn mask(&self, job: &JobId, entry: &LogEntry) -> Result<u32> {
        self.around("mask", self.inner.mask(job, entry)).await
    }
    async fn erase(&self, job: &JobId, by: &str, why: &str, at: Timestamp) -> Result<u32> {
        self.around("erase", self.inner.erase(job, by, why, at)).await
    }
    async fn ping(&self) -> Result<()> {
        self.around("ping", self.inner.ping()).await
    }
    async fn warnings(&self) -> Result<Vec<String>> {
        self.around("warnings", self.inner.warnings()).await
    }
}
