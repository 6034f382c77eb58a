//! The gateway put together: what it is made of, and the one way every request goes.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use archiver::{Archive, Found, History};
use futures::{FutureExt, StreamExt};
use http::request::Parts as Head;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use log_model::JobId;
use settings::sentence;
use stream_store::{Hub, HubOptions, LogStore, Silence, State};
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use crate::access::{Before, Gatekeeper, Identity};
use crate::admin::Metrics;
use crate::answer::{self, Origins, Refusal};
use crate::body::Body;
use crate::io::Deadlines;
use crate::limits::{PageRate, StreamLimits, Streams};
use crate::live::{self, Opened};
use crate::route::{self, Ask, NoRoute, Route};
use crate::wire::{self, Farewell, Frames};
use crate::{chance, pages, viewer};

/// How the gateway behaves; each field is the setting of the same name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// After how much silence a stream shows a sign of life.
    pub heartbeat: Duration,
    /// How long a stream lasts before its reader has to show a fresh credential; a tenth more or less for each.
    pub stream_lease: Duration,
    /// After how long a browser comes back when a stream broke.
    pub retry: Duration,
    /// How long new requests are still taken after the process was told to stop.
    pub drain_notice: Duration,
    /// After how long the process stops whatever is still going on.
    pub drain_deadline: Duration,
    /// Over how long the farewells of many streams are spread.
    pub spread: Duration,
    /// How long an open stream waits for a store that is away before it says goodbye.
    pub patience: Duration,
    /// How many streams may be open.
    pub streams: StreamLimits,
    /// How many pages one user may ask for in a second.
    pub page_rate: f64,
    /// The largest body of a page, in bytes, where it has more than one entry.
    pub page_max_bytes: usize,
    /// How long lines stay in the recent store; only told to readers here.
    pub retention: Duration,
    /// Which pages from elsewhere may ask.
    pub origins: Origins,
    /// Whether the viewer's page is served.
    pub viewer: bool,
    /// How long a peer may take.
    pub deadlines: Deadlines,
    /// When a followed job counts as silent, lost or abandoned.
    pub silence: Silence,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(15),
            stream_lease: Duration::from_secs(15 * 60),
            retry: Duration::from_secs(2),
            drain_notice: Duration::from_secs(10),
            drain_deadline: Duration::from_secs(25),
            spread: Duration::from_secs(5),
            patience: Duration::from_secs(30),
            streams: StreamLimits::default(),
            page_rate: 20.0,
            page_max_bytes: 4 << 20,
            retention: Duration::from_secs(24 * 3600),
            origins: Origins::default(),
            viewer: false,
            deadlines: Deadlines::default(),
            silence: Silence::default(),
        }
    }
}

impl Settings {
    /// Whether these can work together.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first that cannot.
    pub fn check(&self) -> Result<()> {
        let positive: [(&'static str, Duration); 4] = [
            ("--heartbeat", self.heartbeat),
            ("--stream-lease", self.stream_lease),
            ("--retry", self.retry),
            ("--send-timeout", self.deadlines.send),
        ];
        for (setting, value) in positive {
            if value.is_zero() {
                return Err(Error::Setting {
                    setting,
                    problem: "must be longer than nothing".to_owned(),
                });
            }
        }
        let places = [
            ("--max-streams-per-job", self.streams.per_job),
            ("--max-streams-per-owner", self.streams.per_owner),
            ("--max-streams", self.streams.process),
        ];
        for (setting, value) in places {
            if !(1..=MOST_STREAMS).contains(&value) {
                return Err(Error::Setting {
                    setting,
                    problem: format!("must be from 1 to {MOST_STREAMS}"),
                });
            }
        }
        if self.drain_notice > self.drain_deadline {
            let problem = "must not be longer than --drain-deadline".to_owned();
            return Err(Error::Setting {
                setting: "--drain-notice",
                problem,
            });
        }
        Ok(())
    }
}

/// More streams than one process could ever serve; a larger number is a slip of the hand.
const MOST_STREAMS: usize = 1_000_000;

/// What a gateway is built from.
#[derive(Debug)]
pub struct Parts {
    /// The recent log.
    pub store: Arc<dyn LogStore>,
    /// The old log, where there is one.
    pub archive: Option<Arc<Archive>>,
    /// Who decides who is asking.
    pub gatekeeper: Arc<dyn Gatekeeper>,
    /// How it behaves.
    pub settings: Settings,
}

/// The gateway, ready to [serve](crate::serve).
pub struct App {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) history: History,
    pub(crate) hub: Arc<Hub<Frames>>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) streams: Arc<Streams>,
    pub(crate) gatekeeper: Arc<dyn Gatekeeper>,
    page_rate: PageRate,
    draining: AtomicBool,
    store_answers: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What keeps a gateway from being built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting has a value that cannot work.
    #[error("{setting}: {problem}")]
    Setting {
        /// The setting's name, as on the command line.
        setting: &'static str,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// The address could not be listened on, or the listener failed for good.
    #[error("{what}")]
    Listen {
        /// What was tried.
        what: String,
        /// The system's own words.
        #[source]
        source: std::io::Error,
    },
}

/// The result of building or running a gateway.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl App {
    /// Puts a gateway together. Asks nobody anything: a store that is away may come later.
    ///
    /// # Errors
    /// [`Error::Setting`] for values that cannot work together.
    pub fn build(parts: Parts) -> Result<Arc<App>> {
        let Parts {
            store,
            archive,
            gatekeeper,
            settings,
        } = parts;
        settings.check()?;
        // Half of what a person could notice: a line waits for others at most this long, and a busy log costs each viewer
        // a hundred writes a second.
        let options = HubOptions {
            tick: Duration::from_millis(10),
            ..HubOptions::default()
        };
        let metrics = Metrics::default();
        let counted = metrics.clone();
        let encode = move |_: &_, change: &_| {
            counted.redacted(change);
            wire::frames(change)
        };
        let hub = Hub::new(Arc::clone(&store), encode, options);
        Ok(Arc::new(Self {
            history: History::new(Arc::clone(&store), archive),
            streams: Streams::new(settings.streams),
            page_rate: PageRate::new(settings.page_rate),
            metrics,
            draining: AtomicBool::new(false),
            store_answers: tokio::sync::Mutex::new(None),
            store,
            hub,
            gatekeeper,
            settings,
        }))
    }

    /// Answers one request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let origin = request.headers().get(header::ORIGIN).cloned();
        let request_id = route::request_id(request.headers()).map_or_else(chance::request_id, str::to_owned);
        let request = match self.gatekeeper.before_routing(request, &request_id).await {
            Before::Go(request) => request,
            Before::Answer(mut response) => {
                self.finish(&mut response, &request_id, origin.as_ref());
                return response;
            }
        };
        let (head, _body) = request.into_parts();
        let route = route::route(&head.method, head.uri.path());
        let name = route.as_ref().map_or("none", Route::name);
        let span = tracing::info_span!(
            "request",
            route = name,
            request = %request_id,
            trace = route::trace_id(&head.headers),
            job = tracing::field::Empty,
            owner = tracing::field::Empty,
        );
        let answering = AssertUnwindSafe(self.routed(route, &head))
            .catch_unwind()
            .instrument(span.clone());
        let answer = answering.await.unwrap_or(Err(Refusal::Internal));
        let mut response = answer.unwrap_or_else(|refusal| refusal.answer(&request_id));
        self.finish(&mut response, &request_id, origin.as_ref());
        let (status, elapsed) = (response.status(), started.elapsed());
        self.metrics.answered(name, status, elapsed);
        span.in_scope(|| {
            tracing::debug!(
                status = status.as_u16(),
                elapsed_ms = elapsed.as_millis() as u64,
                "answered"
            )
        });
        response
    }

    fn finish(&self, response: &mut Response<Body>, request_id: &str, origin: Option<&HeaderValue>) {
        let request_id = HeaderValue::from_str(request_id).expect("a request id is plain ASCII");
        answer::finish(response, &request_id, origin, &self.settings.origins);
    }

    async fn routed(self: &Arc<Self>, route: std::result::Result<Route, NoRoute>, head: &Head) -> Answer {
        match route {
            Err(NoRoute::Path) => Err(Refusal::NotFound),
            Err(NoRoute::Method(methods)) => Err(Refusal::MethodNotAllowed(methods)),
            Ok(Route::Preflight) => Ok(answer::preflight(
                head.headers.get(header::ORIGIN),
                &self.settings.origins,
            )),
            Ok(Route::Health) => Ok(self.health()),
            Ok(Route::Ready) => Ok(self.readiness().await),
            Ok(Route::Viewer | Route::ViewerCss | Route::ViewerJs) if !self.settings.viewer => Err(Refusal::NotFound),
            Ok(Route::Viewer) => Ok(viewer::page()),
            Ok(Route::ViewerCss) => Ok(viewer::css()),
            Ok(Route::ViewerJs) => Ok(viewer::js()),
            Ok(Route::Job(Ask::Stream, job)) => match self.stream(head, job).await {
                Err(refusal) if refusal.is_passing() => Ok(self.passing(refusal.code())),
                answer => answer,
            },
            Ok(Route::Job(ask, job)) => self.past(ask, head, job).await,
        }
    }

    async fn identify(&self, head: &Head) -> std::result::Result<Identity, Refusal> {
        let identity = self.gatekeeper.identify(head).await?;
        tracing::Span::current().record("owner", identity.user.as_str());
        Ok(identity)
    }

    /// The job, if it is one of theirs.
    async fn find(&self, identity: &Identity, job: &JobId) -> std::result::Result<Found, Refusal> {
        tracing::Span::current().record("job", job.as_str());
        match self.history.job(job, &identity.owners).await {
            Ok(Some(found)) if found.record.state == State::Erased => Err(Refusal::LogErased),
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(Refusal::JobNotFound),
            Err(error) => {
                tracing::warn!(error = %sentence(&error), "look-up failed");
                Err(error.into())
            }
        }
    }

    async fn stream(self: &Arc<Self>, head: &Head, job: Option<JobId>) -> Answer {
        let identity = self.identify(head).await?;
        let cursor = route::last_event_id(&head.headers, head.uri.query())?;
        if self.is_draining() {
            return Ok(self.passing("draining"));
        }
        let found = match &job {
            Some(job) => self.find(&identity, job).await,
            None => Err(Refusal::JobNotFound),
        };
        // Guessing names costs what asking for pages costs.
        if found.as_ref().is_err_and(|refusal| *refusal == Refusal::JobNotFound) {
            self.charge(&identity)?;
        }
        let (Some(job), found) = (job, found?) else {
            return Err(Refusal::JobNotFound);
        };
        let slot = self.streams.take(&job, &identity.user, identity.key)?;
        // The key may have been removed since it was checked, before there was a stream to end for it.
        if identity.key.is_some_and(|key| !self.gatekeeper.accepts(&key)) {
            return Err(Refusal::TokenInvalid);
        }
        let request = live::Request {
            job,
            owners: identity.owners,
            found,
            cursor,
            slot,
        };
        match live::open(self, request).await? {
            Opened::Stream(live) => Ok(event_stream(Body::frames(live.frames()))),
            Opened::Complete => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
                    .headers_mut()
                    .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                Ok(response)
            }
        }
    }

    /// A good answer that says what is wrong for now, and when to come back.
    fn passing(&self, reason: &'static str) -> Response<Body> {
        let mut out = Vec::new();
        wire::farewell(
            &mut out,
            Farewell::Unavailable(reason),
            chance::around(self.settings.retry),
        );
        // Not as a body of known length: the head of a stream is the same whatever it says.
        event_stream(Body::frames(futures::stream::iter([Ok(out.into())])))
    }

    /// Everything that is asked about a job but its stream.
    async fn past(self: &Arc<Self>, ask: Ask, head: &Head, job: Option<JobId>) -> Answer {
        let identity = self.identify(head).await?;
        self.charge(&identity)?;
        let query = head.uri.query();
        // What cannot be meant is said before anything is looked up, so that it says nothing of the job.
        let question = pages::Question::read(ask, query)?;
        let job = job.ok_or(Refusal::JobNotFound)?;
        let found = self.find(&identity, &job).await?;
        pages::answer(self, job, found, question).await
    }

    fn charge(&self, identity: &Identity) -> std::result::Result<(), Refusal> {
        let limit = self.page_rate.burst();
        let now = Instant::now().into_std();
        self.page_rate
            .take(&identity.user, now)
            .map_err(|wait| Refusal::RateLimited { limit, wait })
    }

    pub(crate) fn health(&self) -> Response<Body> {
        answer::json(StatusCode::OK, &serde_json::json!({"status": "up"}))
    }

    /// Whether requests should be sent here: 200, or 503 with what is missing.
    pub(crate) async fn readiness(&self) -> Response<Body> {
        let mut missing = Vec::new();
        if self.is_draining() {
            missing.push("draining");
        }
        if !self.gatekeeper.ready() {
            missing.push("keys");
        }
        if !self.store_answers().await {
            missing.push("store");
        }
        let status = if missing.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let mut response = answer::json(
            status,
            &serde_json::json!({"ready": missing.is_empty(), "missing": missing}),
        );
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    /// Asks the store at most once a second, however often readiness is asked for.
    pub(crate) async fn store_answers(&self) -> bool {
        const FRESH: Duration = Duration::from_secs(1);
        const PATIENCE: Duration = Duration::from_secs(2);
        let mut known = self.store_answers.lock().await;
        match *known {
            Some((at, answers)) if at.elapsed() < FRESH => answers,
            _ => {
                let answers = matches!(timeout(PATIENCE, self.store.ping()).await, Ok(Ok(())));
                *known = Some((Instant::now(), answers));
                answers
            }
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// From now on this process is about to stop.
    pub(crate) fn start_draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// What goes on beside the requests, for as long as the process serves: removed keys end their streams, and the
    /// jobs that somebody follows are looked after.
    pub(crate) async fn attend(self: Arc<Self>) {
        let keys = async {
            let mut changes = self.gatekeeper.key_changes();
            while changes.next().await.is_some() {
                let ended = self.streams.keep_keys(|key| self.gatekeeper.accepts(key));
                if ended > 0 {
                    tracing::warn!(streams = ended, "a key was removed");
                }
            }
        };
        let silence = async {
            // Often enough that silence is seen soon after it is due, seldom enough to cost nothing.
            let every =
                (self.settings.silence.silent_after / 4).clamp(Duration::from_millis(250), Duration::from_secs(10));
            loop {
                tokio::time::sleep(every).await;
                for job in self.streams.jobs() {
                    let at = std::time::SystemTime::now().into();
                    if let Err(error) = self.store.mark_silent(&job, &self.settings.silence, at).await {
                        tracing::debug!(%job, error = %sentence(&error), "silence not looked at");
                    }
                }
            }
        };
        futures::join!(keys, silence);
    }
}

type Answer = std::result::Result<Response<Body>, Refusal>;

fn event_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    // Chromium refuses a stream of another character set.
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-store, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
