//! What an operator's machines ask: is it up, may it be sent requests, what does it count.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use log_model::LogEvent;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use stream_store::Change;

use crate::answer::{self, Refusal};
use crate::app::App;
use crate::body::Body;
use crate::chance;
use crate::wire::Farewell;

type Labels<const N: usize> = [(&'static str, String); N];

/// What the gateway counts. No label holds a job, an owner or anything of a line.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    requests: Family<Labels<2>, Counter>,
    latency: Family<Labels<1>, Histogram, fn() -> Histogram>,
    events: Counter,
    bytes: Counter,
    farewells: Family<Labels<2>, Counter>,
    redactions: Family<Labels<1>, Counter>,
    pub(crate) connections: Gauge,
    pub(crate) refused_connections: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        // From what a look-up in memory takes to what a reader gives up at.
        let buckets = || Histogram::new([0.0005, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0]);
        Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(buckets),
            events: Counter::default(),
            bytes: Counter::default(),
            farewells: Family::default(),
            redactions: Family::default(),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn answered(&self, route: &'static str, status: StatusCode, elapsed: Duration) {
        let labels = [("route", route.to_owned()), ("status", status.as_str().to_owned())];
        self.requests.get_or_create(&labels).inc();
        self.latency
            .get_or_create(&[("route", route.to_owned())])
            .observe(elapsed.as_secs_f64());
    }

    pub(crate) fn events(&self, count: u32) {
        self.events.inc_by(u64::from(count));
    }

    /// Counts what was hidden in entries that a job's followers were told of, once however many follow.
    pub(crate) fn redacted(&self, change: &Change) {
        let Change::Entries(entries) = change else { return };
        for entry in entries {
            let LogEvent::Line { masked, .. } = &entry.recorded.event else {
                continue;
            };
            for masked in masked {
                self.redactions
                    .get_or_create(&[("rule", masked.rule.to_string())])
                    .inc_by(u64::from(masked.count));
            }
        }
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.inc_by(bytes as u64);
    }

    pub(crate) fn left(&self, farewell: Farewell) {
        let (event, reason) = match farewell {
            Farewell::Unavailable(reason) => ("unavailable", reason),
            Farewell::Reauth(reason) => ("reauth", reason),
        };
        self.farewells
            .get_or_create(&[("event", event.to_owned()), ("reason", reason.to_owned())])
            .inc();
    }

    fn registry(&self, app: &App) -> Registry {
        let mut registry = Registry::with_prefix("tailwater_gateway");
        let now = |value: usize| {
            let gauge: Gauge = Gauge::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge
        };
        registry.register(
            "requests",
            "Requests answered, by route and status",
            self.requests.clone(),
        );
        let help = "Time to the answer's head, by route";
        registry.register_with_unit("answer", help, Unit::Seconds, self.latency.clone());
        registry.register("streams", "Streams open now", now(app.streams.len()));
        registry.register("followed_jobs", "Jobs followed now", now(app.hub.jobs()));
        registry.register("events", "Events of job logs handed to streams", self.events.clone());
        let help = "Bytes of streams and downloads handed to connections";
        registry.register_with_unit("sent", help, Unit::Bytes, self.bytes.clone());
        registry.register(
            "farewells",
            "Streams ended before their job, by event and reason",
            self.farewells.clone(),
        );
        let help = "Places hidden in lines of followed jobs, by redaction rule";
        registry.register("redactions", help, self.redactions.clone());
        let rejections: Family<Labels<1>, Counter> = Family::default();
        for (reason, count) in app.gatekeeper.rejections() {
            rejections.get_or_create(&[("reason", reason.to_owned())]).inc_by(count);
        }
        registry.register("rejections", "Credentials not accepted, by reason", rejections);
        if let Some(keys) = app.gatekeeper.key_status() {
            registry.register("keys", "Signing keys that are believed", now(keys.keys));
            let help = "Whether outdated signing keys are in use because fresh ones cannot be had";
            registry.register("keys_stale", help, now(usize::from(keys.stale)));
            let fetches: Family<Labels<1>, Counter> = Family::default();
            for (outcome, count) in [("good", keys.fetched), ("failed", keys.failed)] {
                fetches.get_or_create(&[("outcome", outcome.to_owned())]).inc_by(count);
            }
            registry.register("key_fetches", "Fetches of the signing keys, by outcome", fetches);
        }
        registry.register("connections", "Connections open now", self.connections.clone());
        let help = "Connections closed at once because there were too many";
        registry.register("refused_connections", help, self.refused_connections.clone());
        registry.register(
            "draining",
            "Whether the process is about to stop",
            now(usize::from(app.is_draining())),
        );
        registry
    }
}

/// Answers a request on the admin listener.
pub(crate) async fn answer(app: Arc<App>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path();
    let known = matches!(path, "/healthz" | "/readyz" | "/metrics");
    match path {
        _ if !known => Refusal::NotFound.answer(&chance::request_id()),
        _ if request.method() != Method::GET => Refusal::MethodNotAllowed("GET").answer(&chance::request_id()),
        "/healthz" => app.health(),
        "/readyz" => app.readiness().await,
        _ => metrics(&app),
    }
}

fn metrics(app: &App) -> Response<Body> {
    let mut text = String::new();
    if encode(&mut text, &app.metrics.registry(app)).is_err() {
        return Refusal::Internal.answer(&chance::request_id());
    }
    let mut response = answer::bytes("application/openmetrics-text; version=1.0.0; charset=utf-8", text);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
