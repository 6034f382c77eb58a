//! One GET of the key set, with the key server taken for an adversary: a deadline is set by the caller, the answer's
//! size is bounded, redirects are not followed.

use crate::{JwksError, SetupError};
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
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
    /// Believes the certificates that the machine trusts. Nothing is sent yet.
    pub(crate) fn new(url: &str, body_limit: usize) -> Result<Fetcher, SetupError> {
        let address = Address::parse(url)?;
        let tls = if address.secure {
            tls().with_native_roots().map_err(SetupError::Certificates)?
        } else {
            // There is nobody to believe on the loopback interface, so a machine without certificates will do.
            tls().with_root_certificates(RootCertStore::empty())
        };
        Ok(Fetcher::with_tls(address, body_limit, tls.with_no_client_auth()))
    }

    fn with_tls(address: Address, body_limit: usize, tls: ClientConfig) -> Fetcher {
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
        let connector = if address.secure {
            connector.https_only()
        } else {
            connector.https_or_http()
        };
        // One fetch in four minutes gains nothing from a kept connection, and a dead one would cost a time-out.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .retry_canceled_requests(false)
            .build(connector.enable_http1().build());
        Fetcher {
            client,
            uri: address.uri,
            body_limit,
        }
    }
}

/// An address that keys may be fetched from.
struct Address {
    uri: Uri,
    secure: bool,
}

impl Address {
    fn parse(url: &str) -> Result<Address, SetupError> {
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
        Ok(Address { uri, secure })
    }
}

fn tls() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    // Named here, because the process-wide default of rustls is the program's choice and not a library's.
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring offers what the default protocol versions need")
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
    use testkit::clerk::{Clerk, KeyServer};

    #[track_caller]
    fn check(url: &str, usable: bool) {
        assert_eq!(Address::parse(url).is_ok(), usable, "{url}");
    }

    async fn fetch_from(server: &KeyServer, trusted: &[Vec<u8>], host: &str) -> Result<Bytes, FetchError> {
        let mut roots = RootCertStore::empty();
        for certificate in trusted {
            roots.add(certificate.clone().into()).unwrap();
        }
        let url = server.url().replace("127.0.0.1", host);
        let tls = tls().with_root_certificates(roots).with_no_client_auth();
        let fetcher = Fetcher::with_tls(Address::parse(&url).unwrap(), 1024 * 1024, tls);
        let limit = std::time::Duration::from_secs(20);
        tokio::time::timeout(limit, fetcher.fetch())
            .await
            .expect("it ends in good time")
    }

    #[track_caller]
    fn check_disbelief(verdict: Result<Bytes, FetchError>, because: &str) {
        let Err(FetchError::Unreachable(error)) = verdict else {
            panic!("{verdict:?}")
        };
        assert!(format!("{error:?}").contains(because), "{error:?}");
    }

    #[tokio::test]
    async fn a_trusted_server_is_read_over_tls() {
        let clerk = Clerk::new();
        let (server, certificate) = KeyServer::start_tls(&clerk);
        let body = fetch_from(&server, &[certificate], "127.0.0.1").await.unwrap();
        assert_eq!(body, clerk.jwks());
    }

    #[tokio::test]
    async fn a_server_without_a_trusted_certificate_is_not_read() {
        let (server, _) = KeyServer::start_tls(&Clerk::new());
        let (_other, anothers) = KeyServer::start_tls(&Clerk::new().rotated());
        for trusted in [vec![], vec![anothers]] {
            let verdict = fetch_from(&server, &trusted, "127.0.0.1").await;
            check_disbelief(verdict, "InvalidCertificate");
        }
        assert_eq!(server.requests(), 0);
    }

    #[tokio::test]
    async fn a_certificate_for_another_name_is_not_believed() {
        let (server, certificate) = KeyServer::start_tls(&Clerk::new());
        let verdict = fetch_from(&server, &[certificate], "localhost").await;
        check_disbelief(verdict, "NotValidForName");
        assert_eq!(server.requests(), 0);
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
