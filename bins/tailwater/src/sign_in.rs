//! Who may look at the page of a single machine: whoever can read what this program printed.
//!
//! The printed address carries a random 256-bit code in its fragment, which no browser sends and no proxy logs. The
//! page posts it once and gets a cookie for this port. Requests under any other name than the loopback's are refused,
//! so that a page from elsewhere cannot reach in under a name of its own (DNS rebinding).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use log_model::{Owner, OwnerId};
use parking_lot::Mutex;
use serde_json::json;
use sha2::{Digest, Sha256};
use stream_store::LogStore;
use tailwater_gateway::{Before, Body, Denied, Gatekeeper, Identity};
use tokio::time::Instant;

use crate::data::local_owner;
use crate::jobs::{newest_first, status};

/// A browser unheard of for this long signs in again with the printed address.
const IDLE: Duration = Duration::from_secs(12 * 3600);

/// At most so many browsers are signed in; one more signs out the one unheard of for longest.
const SESSIONS: usize = 32;

/// A random 256-bit secret. Never printed but by [`Secret::reveal`], compared by its hash.
pub struct Secret(String);

impl Secret {
    /// Fresh from the operating system.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The secret itself, for the one place it is meant for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

type Hash = [u8; 32];

/// Comparing hashes tells an attacker's clock nothing about the secret.
fn hash(secret: &[u8]) -> Hash {
    Sha256::digest(secret).into()
}

/// Lets in browsers that know the printed code, on this machine, under the loopback's own names.
pub struct LocalGatekeeper {
    port: u16,
    code: Hash,
    sessions: Mutex<HashMap<Hash, Instant>>,
    store: Arc<dyn LogStore>,
}

impl std::fmt::Debug for LocalGatekeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalGatekeeper")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl LocalGatekeeper {
    /// A gatekeeper for the page on `port`, letting in who knows `code`.
    pub fn new(port: u16, code: &Secret, store: Arc<dyn LogStore>) -> Self {
        Self {
            port,
            code: hash(code.reveal().as_bytes()),
            sessions: Mutex::default(),
            store,
        }
    }

    fn cookie_name(&self) -> String {
        format!("__session_{}", self.port)
    }

    /// Whether a host, as a browser sends it, is this machine's own loopback name with the page's port.
    fn is_own_host(&self, host: &str) -> bool {
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
            host.len() > name.len()
                && host.is_char_boundary(name.len())
                && host[..name.len()].eq_ignore_ascii_case(name)
                && host[name.len()..] == format!(":{}", self.port)
                // Browsers leave out the port that http has anyway.
                || self.port == 80 && host.eq_ignore_ascii_case(name)
        })
    }

    fn is_own_origin(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => origin
                .to_str()
                .ok()
                .and_then(|origin| origin.strip_prefix("http://"))
                .is_some_and(|host| self.is_own_host(host)),
            (Some(_), Some(_)) => false,
        }
    }

    /// Whether the request's cookie is a session's; being used keeps it alive.
    fn is_signed_in(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let value = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .find_map(|cookies| {
                cookies
                    .split(';')
                    .find_map(|cookie| cookie.trim().strip_prefix(&name)?.strip_prefix('='))
            });
        let Some(value) = value else { return false };
        let mut sessions = self.sessions.lock();
        let now = Instant::now();
        sessions.retain(|_, used| now.duration_since(*used) < IDLE);
        sessions
            .get_mut(&hash(value.as_bytes()))
            .map(|used| *used = now)
            .is_some()
    }

    fn sign_in(&self) -> std::io::Result<Secret> {
        let session = Secret::random()?;
        let mut sessions = self.sessions.lock();
        if sessions.len() >= SESSIONS
            && let Some(oldest) = sessions
                .iter()
                .min_by_key(|(_, used)| **used)
                .map(|(session, _)| *session)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(hash(session.reveal().as_bytes()), Instant::now());
        Ok(session)
    }

    /// `POST /v1/dev/session`, the body being the code.
    async fn answer_sign_in(&self, request: Request<Incoming>, request_id: &str) -> Response<Body> {
        if request.method() != Method::POST {
            let mut answer = problem(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Signing in is a POST.",
                request_id,
            );
            answer
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static("POST"));
            return answer;
        }
        if !self.is_own_origin(request.headers()) {
            return problem(
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                "Open the address that tailwater printed.",
                request_id,
            );
        }
        let code = match Limited::new(request.into_body(), 256).collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => {
                return problem(
                    StatusCode::BAD_REQUEST,
                    "bad_request",
                    "The body is the code and nothing else.",
                    request_id,
                );
            }
        };
        if hash(code.trim_ascii()) != self.code {
            return problem(
                StatusCode::UNAUTHORIZED,
                "token_invalid",
                "This address is no longer good. Open the one that tailwater printed last.",
                request_id,
            );
        }
        let Ok(session) = self.sign_in() else {
            return problem(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The system gave no randomness; try again.",
                request_id,
            );
        };
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie_name(),
            session.reveal()
        );
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let cookie = HeaderValue::try_from(cookie).expect("a name, hexadecimal digits and constant attributes");
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
        answer
            .headers_mut()
            .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    /// `GET /v1/jobs`, which only a single machine has: everything here belongs to one person.
    async fn answer_jobs(&self, headers: &HeaderMap, request_id: &str) -> Response<Body> {
        if !self.is_signed_in(headers) || !self.is_own_origin(headers) {
            return problem(
                StatusCode::UNAUTHORIZED,
                "token_missing",
                "Open the address that tailwater printed.",
                request_id,
            );
        }
        match newest_first(&*self.store).await {
            Ok(jobs) => {
                let jobs: Vec<_> = jobs
                    .iter()
                    .map(|(job, record)| {
                        json!({
                            "job": job, "status": record.state.as_str(), "outcome": record.outcome().map(|e| e.outcome),
                            "summary": status(record), "opened": record.opened, "lines": record.counts.lines,
                        })
                    })
                    .collect();
                answer(StatusCode::OK, "application/json", json!({ "jobs": jobs }).to_string())
            }
            Err(_) => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "The log cannot be read right now.",
                request_id,
            ),
        }
    }
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut answer = Response::new(Body::whole(body));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn problem(status: StatusCode, code: &str, detail: &str, request_id: &str) -> Response<Body> {
    let body = json!({
        "type": "about:blank", "title": status.canonical_reason().unwrap_or_default(), "status": status.as_u16(),
        "code": code, "detail": detail, "request_id": request_id,
    });
    answer(status, "application/problem+json", body.to_string())
}

#[async_trait]
impl Gatekeeper for LocalGatekeeper {
    async fn identify(&self, head: &Parts) -> Result<Identity, Denied> {
        if !self.is_signed_in(&head.headers) {
            return Err(Denied::Missing);
        }
        if !self.is_own_origin(&head.headers) {
            return Err(Denied::Origin);
        }
        let owner: Owner = local_owner();
        let user: OwnerId = owner.id.clone();
        Ok(Identity {
            owners: vec![owner],
            user,
            key: None,
        })
    }

    async fn before_routing(&self, request: Request<Incoming>, request_id: &str) -> Before {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
        if !host.is_some_and(|host| self.is_own_host(host)) {
            return Before::Answer(problem(
                StatusCode::MISDIRECTED_REQUEST,
                "misdirected_request",
                "This page answers under 127.0.0.1, localhost and [::1] only.",
                request_id,
            ));
        }
        match request.uri().path() {
            "/v1/dev/session" => Before::Answer(self.answer_sign_in(request, request_id).await),
            "/v1/jobs" if request.method() == Method::GET => {
                Before::Answer(self.answer_jobs(request.headers(), request_id).await)
            }
            _ => Before::Go(request),
        }
    }
}
