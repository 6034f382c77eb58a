//! One GET of the key set, with the key server taken for an adversary: a deadline is set by the caller, the answer's
//! size is bounded, redirects are not followed.

use crate::{JwksError, SetupError};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;
use url::{Host, Url};

/// Where key sets come from. A trait so that the cache's timing is proved without sockets.
pub(crate) trait Source: Send + Sync + 'static {
    /// Fetches the set once. The caller drops the future at its deadline.
    fn fetch(&self) -> impl Future<Output = Result<Bytes, FetchError>> + Send;
}

/// Why a fetch gave no key set. Only logs see it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the key server cannot be reached")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    #[error("the key server did not answer in time")]
    TimedOut,
    #[error("the key server answered {0}")]
    Status(StatusCode),
    #[error("the key server's answer is too large")]
    TooLarge,
    #[error("the key server's answer broke off")]
    BrokenOff(#[source] Box<dyn StdError + Send + Sync>),
    #[error("the key server's answer is of no use")]
    NotKeys(#[source] JwksError),
}

/// Fetches over HTTP/1.1 and TLS by ring.
pub(crate) struct Fetcher {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    uri: Uri,
    body_limit: usize,
}

impl Fetcher {
    pub(crate) fn new(url: &str, body_limit: usize) -> Result<Fetcher, SetupError> {
        let url = Url::parse(url).map_err(|_| SetupError::Url("it is not an address"))?;
        let secure = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&url) => false,
            "http" => {
                return Err(SetupError::Url(
                    "it must begin with https://, except on the loopback interface",
                ));
            }
            _ => return Err(SetupError::Url("it must begin with https://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SetupError::Url("it must not carry a user name or a password"));
        }
        if url.fragment().is_some() {
            return Err(SetupError::Url("it must not have a fragment"));
        }
        let uri = Uri::try_from(url.as_str()).map_err(|_| SetupError::Url("it is not an address"))?;
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring offers what the default protocol versions need");
        let connector = if secure {
            let tls = tls
                .with_native_roots()
                .map_err(SetupError::Certificates)?
                .with_no_client_auth();
            HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_only()
                .enable_http1()
                .build()
        } else {
            // Nobody's certificate is believed, and the scheme is http, so there is nobody to believe.
            let tls = tls
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
            HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_or_http()
                .enable_http1()
                .build()
        };
        // One fetch in four minutes gains nothing from a kept connection, and a dead one would cost a time-out.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector);
        Ok(Fetcher {
            client,
            uri,
            body_limit,
        })
    }
}

impl Source for Fetcher {
    async fn fetch(&self) -> Result<Bytes, FetchError> {
        let request = Request::get(self.uri.clone())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("auth-clerk/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .expect("an address that was parsed and constant headers make a request");
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| FetchError::Unreachable(error.into()))?;
        // Also refuses redirects: whoever can answer for the key server's address decides, and nobody it points to.
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        match Limited::new(answer.into_body(), self.body_limit).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLarge),
            Err(error) => Err(FetchError::BrokenOff(error)),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // RFC 6761 keeps the name for the loopback interface.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, usable: bool) {
        match Fetcher::new(url, 1) {
            // A machine may have no certificates; that says nothing of the address.
            Ok(_) | Err(SetupError::Certificates(_)) => assert!(usable, "{url}"),
            Err(SetupError::Url(_)) => assert!(!usable, "{url}"),
            Err(other) => panic!("{url}: {other}"),
        }
    }

    #[test]
    fn the_address_is_https_or_on_the_loopback_interface() {
        check("https://clerk.example.com/.well-known/jwks.json", true);
        check("https://127.0.0.1:8443/", true);
        check("http://127.0.0.1:1/jwks", true);
        check("http://127.9.9.9/jwks", true);
        check("http://[::1]:1/jwks", true);
        check("http://localhost:1/jwks", true);
        check("http://clerk.example.com/", false);
        check("http://localhost.example.com/", false);
        check("http://10.0.0.1/", false);
        check("http://169.254.169.254/", false);
        check("http://[::ffff:10.0.0.1]/", false);
        check("ftp://127.0.0.1/", false);
        check("file:///etc/passwd", false);
        check("clerk.example.com", false);
        check("", false);
    }

    #[test]
    fn an_address_with_a_password_is_refused_and_not_repeated() {
        let password = ["hun", "ter2"].concat();
        let error = Fetcher::new(&format!("https://me:{password}@clerk.example.com/"), 1)
            .err()
            .unwrap();
        assert!(matches!(error, SetupError::Url(_)));
        assert!(!format!("{error} {error:?}").contains(&password));
        check("https://me@clerk.example.com/", false);
        check("https://clerk.example.com/#x", false);
    }
}
