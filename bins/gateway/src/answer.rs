//! What is said when something is not given: every situation's status, code and calm sentence, in one place; and the
//! headers every answer has.
//!
//! Two audiences, two texts: the reader gets the sentence here, with a next step; the log gets the chain of causes.

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use serde::Serialize;

use crate::body::Body;
use crate::limits::Full;
use crate::route::Bad;

/// Why a request does not get what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No credential came with it.
    TokenMissing,
    /// The credential's time is over.
    TokenExpired,
    /// The credential is not accepted; why is nobody's business.
    TokenInvalid,
    /// A cookie came with a page from elsewhere.
    OriginNotAllowed,
    /// There is no such job, or it is somebody else's: nobody can tell which.
    JobNotFound,
    /// Nothing lives at this path.
    NotFound,
    /// Something lives there, and answers these methods.
    MethodNotAllowed(&'static str),
    /// A value that cannot be meant.
    Bad(Bad),
    /// A limit on open streams is met.
    TooManyStreams(Full),
    /// Pages came too fast: how many may, and when the next may come.
    RateLimited {
        /// How many a second.
        limit: u64,
        /// Until the next.
        wait: Duration,
    },
    /// The recent log cannot be reached.
    StoreUnavailable,
    /// The keys that tokens are checked with cannot be reached.
    AuthUnavailable,
    /// The archive cannot be reached.
    ArchiveUnavailable,
    /// The log was erased; said to its owner only.
    LogErased,
    /// A defect of this program.
    Internal,
}

/// What one situation is answered with.
struct Words {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: &'static str,
}

impl Refusal {
    /// Whether it is the kind of trouble that passes by itself. A stream says so in an event of a good answer, since
    /// a browser's `EventSource` never comes back after any other status.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::StoreUnavailable | Self::AuthUnavailable | Self::ArchiveUnavailable
        )
    }

    /// The code programs go by.
    pub fn code(self) -> &'static str {
        self.words().code
    }

    /// The status it is answered with.
    pub fn status(self) -> StatusCode {
        self.words().status
    }

    fn words(self) -> Words {
        let (status, code, title, detail) = match self {
            Self::TokenMissing => (
                StatusCode::UNAUTHORIZED,
                "token_missing",
                "Please sign in",
                "This log is for its owner. Sign in and try again; the session token goes in the Authorization header or the session cookie.",
            ),
            Self::TokenExpired => (
                StatusCode::UNAUTHORIZED,
                "token_expired",
                "The session has to be renewed",
                "Your session token's time is over. Get a fresh one and try again; nothing was lost.",
            ),
            Self::TokenInvalid => (
                StatusCode::UNAUTHORIZED,
                "token_invalid",
                "The session was not accepted",
                "Your session token was not accepted. Sign in again and try once more.",
            ),
            Self::OriginNotAllowed => (
                StatusCode::FORBIDDEN,
                "origin_not_allowed",
                "This page may not ask",
                "A page from this address may not use your session here. Open the log from the app, or add the address to the allowed origins.",
            ),
            Self::JobNotFound => (
                StatusCode::NOT_FOUND,
                "job_not_found",
                "There is no such log",
                "There is no log of this name for you. Check the link, or the account you are signed in with.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "There is nothing here",
                "Nothing lives at this address. Check the link.",
            ),
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "Logs are only read here",
                "This address answers the methods named in the Allow header.",
            ),
            Self::Bad(Bad::Cursor) => (
                StatusCode::BAD_REQUEST,
                "bad_cursor",
                "The place in the log was not understood",
                "A cursor is the id of an entry: a whole number from 0 to 9007199254740991. Leave it out to start at the newest entry.",
            ),
            Self::Bad(Bad::Limit) => (
                StatusCode::BAD_REQUEST,
                "bad_limit",
                "The limit was not understood",
                "A limit is a whole number from 1 to 1000. Leave it out for 200.",
            ),
            Self::Bad(Bad::BothCursors) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "Two directions at once",
                "A page goes back from before or forward from after. Send one of them.",
            ),
            Self::Bad(Bad::Twice) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The same value twice",
                "A name came twice, so it is unclear which value was meant. Send it once.",
            ),
            Self::Bad(Bad::Search) => (
                StatusCode::BAD_REQUEST,
                "bad_request",
                "Nothing to search for",
                "The words to search for go in q: at least one byte and at most 256.",
            ),
            Self::TooManyStreams(full) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                "Too many open views",
                match full {
                    Full::Job(_) => "This log is open in as many places as it can be. Close one and try again.",
                    Full::Owner(_) => "You have as many live logs open as you can have. Close one and try again.",
                    Full::Process(_) => "Many logs are being followed right now. Try again in a few seconds.",
                },
            ),
            Self::RateLimited { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "A little slower, please",
                "Pages were asked for faster than they are given. Wait as long as the Retry-After header says.",
            ),
            Self::StoreUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "store_unavailable",
                "The log cannot be reached right now",
                "The place where recent lines are kept does not answer. Nothing is lost; try again in a few seconds.",
            ),
            Self::AuthUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "auth_unavailable",
                "Sign-in cannot be checked right now",
                "Your session could not be checked, because the sign-in service does not answer. Try again in a few seconds.",
            ),
            Self::ArchiveUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "archive_unavailable",
                "Older lines cannot be reached right now",
                "The archive does not answer. Recent lines still work; try again in a few seconds for older ones.",
            ),
            Self::LogErased => (
                StatusCode::GONE,
                "log_erased",
                "This log was erased",
                "The text of this log was erased on request and cannot be brought back.",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong here",
                "This is a fault on our side. Try again; if it stays, report the request id.",
            ),
        };
        Words {
            status,
            code,
            title,
            detail,
        }
    }

    /// The whole answer, but for the headers every answer has.
    pub fn answer(self, request_id: &str) -> Response<Body> {
        #[derive(Serialize)]
        struct Problem<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            code: &'a str,
            detail: &'a str,
            request_id: &'a str,
        }
        let Words {
            status,
            code,
            title,
            detail,
        } = self.words();
        let problem = Problem {
            // A reference without a host, resolved against whatever host serves the API.
            r#type: format!("/problems/{}", code.replace('_', "-")),
            title,
            status: status.as_u16(),
            code,
            detail,
            request_id,
        };
        let mut response = json(status, &problem);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.extra_headers(headers);
        response
    }

    fn extra_headers(self, headers: &mut HeaderMap) {
        const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
        const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
        let rate = |headers: &mut HeaderMap, policy: &str, quota: String, wait: Duration| {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            headers.insert(RATE_LIMIT, text(format!("\"{policy}\";r=0;t={seconds}")));
            headers.insert(RATE_LIMIT_POLICY, text(format!("\"{policy}\";{quota}")));
        };
        match self {
            Self::TokenMissing => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"logs\""),
                );
            }
            Self::TokenExpired | Self::TokenInvalid => {
                let challenge = HeaderValue::from_static("Bearer realm=\"logs\", error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Self::MethodNotAllowed(methods) => {
                headers.insert(header::ALLOW, HeaderValue::from_static(methods));
            }
            Self::TooManyStreams(full) => {
                let (policy, limit) = match full {
                    Full::Job(limit) => ("streams-per-job", limit),
                    Full::Owner(limit) => ("streams-per-user", limit),
                    Full::Process(limit) => ("streams", limit),
                };
                rate(headers, policy, format!("q={limit}"), Duration::from_secs(5));
            }
            Self::RateLimited { limit, wait } => rate(headers, "pages", format!("q={limit};w=1"), wait),
            Self::StoreUnavailable | Self::AuthUnavailable | Self::ArchiveUnavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
    }
}

impl From<Bad> for Refusal {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

impl From<archiver::Error> for Refusal {
    fn from(error: archiver::Error) -> Self {
        match error {
            archiver::Error::Store(error) => error.into(),
            archiver::Error::Unavailable { .. } | archiver::Error::Denied { .. } => Self::ArchiveUnavailable,
            archiver::Error::NoSuchJob => Self::JobNotFound,
            archiver::Error::Erased => Self::LogErased,
            _ => Self::Internal,
        }
    }
}

impl From<stream_store::Error> for Refusal {
    fn from(error: stream_store::Error) -> Self {
        match error {
            stream_store::Error::Unavailable { .. } | stream_store::Error::Full => Self::StoreUnavailable,
            stream_store::Error::NoSuchJob => Self::JobNotFound,
            stream_store::Error::Erased => Self::LogErased,
            _ => Self::Internal,
        }
    }
}

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        Self::TooManyStreams(full)
    }
}

fn text(value: String) -> HeaderValue {
    HeaderValue::try_from(value).expect("made of printable ASCII")
}

/// An answer that is one JSON value.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(value).expect("plain structures always have a JSON form");
    let mut response = Response::new(Body::whole(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer of some bytes.
pub(crate) fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::whole(body));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Which pages from elsewhere may ask: an exact list.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// The given origins, each as a browser writes it: `https://app.example.com`, no path, no closing slash.
    ///
    /// # Errors
    /// The first that has another form; `*` and `null` are such.
    pub fn new<S: AsRef<str>>(origins: impl IntoIterator<Item = S>) -> Result<Self, BadOrigin> {
        let mut list = Vec::new();
        for origin in origins {
            list.push(parse_origin(origin.as_ref()).ok_or_else(|| BadOrigin(origin.as_ref().to_owned()))?);
        }
        Ok(Self(list))
    }

    /// Whether a page of this origin may ask.
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }
}

/// Text that is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no origin: expected scheme and host, as in https://app.example.com")]
pub struct BadOrigin(String);

fn parse_origin(text: &str) -> Option<HeaderValue> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return None;
    }
    HeaderValue::from_str(text).ok()
}

/// Adds what every answer has: the request's id, and what a browser needs to let an allowed page read it.
pub(crate) fn finish(
    response: &mut Response<Body>,
    request_id: &HeaderValue,
    origin: Option<&HeaderValue>,
    origins: &Origins,
) {
    const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, request_id.clone());
    // Always, also where the origin is not allowed: the answer differs by it.
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(origin) = origin.filter(|origin| origins.allows(origin)) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
        let exposed = HeaderValue::from_static("retry-after, x-request-id, link");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// The answer to a preflight; a page that is not allowed gets no word of what would be.
pub(crate) fn preflight(origin: Option<&HeaderValue>, origins: &Origins) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if origin.is_some_and(|origin| origins.allows(origin)) {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
        let allowed = HeaderValue::from_static("authorization, last-event-id, cache-control, traceparent");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Refusal] = &[
        Refusal::TokenMissing,
        Refusal::TokenExpired,
        Refusal::TokenInvalid,
        Refusal::OriginNotAllowed,
        Refusal::JobNotFound,
        Refusal::NotFound,
        Refusal::MethodNotAllowed("GET"),
        Refusal::Bad(Bad::Cursor),
        Refusal::Bad(Bad::Limit),
        Refusal::Bad(Bad::BothCursors),
        Refusal::Bad(Bad::Twice),
        Refusal::Bad(Bad::Search),
        Refusal::TooManyStreams(Full::Job(10)),
        Refusal::TooManyStreams(Full::Owner(20)),
        Refusal::TooManyStreams(Full::Process(25_000)),
        Refusal::RateLimited {
            limit: 20,
            wait: Duration::from_millis(50),
        },
        Refusal::StoreUnavailable,
        Refusal::AuthUnavailable,
        Refusal::ArchiveUnavailable,
        Refusal::LogErased,
        Refusal::Internal,
    ];

    #[test]
    fn every_refusal_is_a_calm_sentence_with_a_code() {
        for refusal in ALL {
            let Words {
                code, title, detail, ..
            } = refusal.words();
            assert!(
                code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{code}"
            );
            assert!(!title.ends_with('.') && detail.ends_with('.'), "{code}");
            assert!(
                !detail.contains('!') && !detail.to_lowercase().contains("error"),
                "{code}"
            );
            let response = refusal.answer("r1");
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        }
    }

    #[test]
    fn who_must_wait_is_told_how_long() {
        for refusal in ALL {
            let waits = matches!(refusal.status().as_u16(), 429 | 503);
            let headers = refusal.answer("r1").headers().clone();
            assert_eq!(headers.contains_key(header::RETRY_AFTER), waits, "{}", refusal.code());
            assert_eq!(
                headers.contains_key("ratelimit"),
                refusal.status() == 429,
                "{}",
                refusal.code()
            );
            assert_eq!(
                headers.contains_key("ratelimit-policy"),
                refusal.status() == 429,
                "{}",
                refusal.code()
            );
            let challenged = headers.contains_key(header::WWW_AUTHENTICATE);
            assert_eq!(challenged, refusal.status() == 401, "{}", refusal.code());
        }
        let limited = Refusal::RateLimited {
            limit: 20,
            wait: Duration::from_millis(50),
        }
        .answer("r1");
        assert_eq!(limited.headers()["retry-after"], "1");
        assert_eq!(limited.headers()["ratelimit"], "\"pages\";r=0;t=1");
        assert_eq!(limited.headers()["ratelimit-policy"], "\"pages\";q=20;w=1");
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        assert!(Origins::new(["https://app.example.com", "http://localhost:3000", "http://[::1]:80"]).is_ok());
        for bad in [
            "*",
            "null",
            "",
            "https://",
            "https://a.com/",
            "https://a.com/x",
            "a.com",
            "https://A.com",
            "ftp://a",
        ] {
            assert!(Origins::new([bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_an_allowed_origin_is_echoed() {
        let origins = Origins::new(["https://a.com"]).expect("an origin");
        for (origin, allowed) in [
            ("https://a.com", true),
            ("https://a.com.evil.com", false),
            ("null", false),
        ] {
            let mut response = Response::new(Body::empty());
            let origin = HeaderValue::from_static(origin);
            finish(&mut response, &HeaderValue::from_static("r1"), Some(&origin), &origins);
            assert_eq!(response.headers()[header::VARY], "Origin");
            assert_eq!(
                response.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN),
                allowed
            );
            assert_eq!(preflight(Some(&origin), &origins).headers().is_empty(), !allowed);
        }
    }
}
