//! One connection (in a cluster: one per node) to the server, as settings say, and commands over it.

use std::sync::Arc;
use std::time::Duration;

use fred::clients::Client;
use fred::error::Error as Fred;
use fred::interfaces::{ClientLike, EventInterface as _};
use fred::types::config::{
    Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, Server, ServerConfig, TlsConfig, TlsConnector,
};
use fred::types::{CustomCommand, RespVersion, Value};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::trouble;
use crate::store::Result;
use crate::url::{RedisUrl, Shape};

/// How long a command may take, waiting for a connection included.
const COMMAND: Duration = Duration::from_secs(5);

/// How long making a connection may take, TLS and log-in included.
const CONNECT: Duration = Duration::from_secs(5);

/// How long [`Link::connect`] waits for a server that does not answer before it goes on without.
const FIRST: Duration = Duration::from_secs(2);

/// How long a client that has ended by itself is left before it is started again.
const RESTART: Duration = Duration::from_millis(50);

/// How many commands wait in line; one more is refused as [`Error::Unavailable`].
const LINE: usize = 8192;

/// How many wake-ups wait to be taken; when more come, followers look for themselves.
const WAKES: usize = 16384;

/// How many notices of the library's own wait to be taken on a connection without subscriptions. Room for all of them is
/// made at once, of every kind: as many as wake-ups would take 12 MiB of memory for each connection.
const NOTICES: usize = 64;

/// A client that goes on reconnecting for ever, and ends when it is dropped.
pub(super) struct Link {
    client: Client,
    clustered: bool,
    task: JoinHandle<()>,
}

/// What clients are made from.
#[derive(Clone)]
pub(super) struct Settings {
    url: RedisUrl,
    tls: Option<TlsConfig>,
}

impl Settings {
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) when the certificate authorities cannot be read.
    pub(super) fn new(url: &RedisUrl) -> Result<Self> {
        let tls = if url.tls { Some(tls(url)?) } else { None };
        Ok(Self { url: url.clone(), tls })
    }

    pub(super) fn is_clustered(&self) -> bool {
        matches!(self.url.shape, Shape::Cluster)
    }

    fn config(&self, version: RespVersion) -> Config {
        let hosts: Vec<_> = self
            .url
            .hosts
            .iter()
            .map(|(host, port)| Server::new(host.as_str(), *port))
            .collect();
        let server = match &self.url.shape {
            Shape::Single => ServerConfig::Centralized {
                server: hosts[0].clone(),
            },
            Shape::Cluster => ServerConfig::Clustered {
                hosts,
                policy: fred::types::config::ClusterDiscoveryPolicy::UseCache,
            },
            Shape::Sentinel { service, login } => ServerConfig::Sentinel {
                hosts,
                service_name: service.clone(),
                username: login.user.clone(),
                password: login.password.clone(),
            },
        };
        Config {
            // A server that is away at start is like one that goes away later.
            fail_fast: false,
            server,
            username: self.url.login.user.clone(),
            password: self.url.login.password.clone(),
            version,
            database: self.url.database,
            tls: self.tls.clone(),
            ..Config::default()
        }
    }

    fn performance(notices: usize) -> PerformanceConfig {
        // Without a limit a server that stalls would be waited for without end.
        PerformanceConfig {
            default_command_timeout: COMMAND,
            broadcast_channel_capacity: notices,
            ..PerformanceConfig::default()
        }
    }

    fn connection() -> ConnectionConfig {
        let mut connection = ConnectionConfig {
            connection_timeout: CONNECT,
            internal_command_timeout: CONNECT,
            // A command is sent once. The library's own repetitions after a cut would run it again, and whether that
            // is right only its caller knows.
            max_command_attempts: 1,
            max_command_buffer_len: LINE,
            ..ConnectionConfig::default()
        };
        connection.tcp.nodelay = Some(true);
        // A server that takes commands and answers nothing is left for another connection.
        connection.unresponsive.max_timeout = Some(COMMAND * 2);
        connection
    }

    fn policy() -> ReconnectPolicy {
        let mut policy = ReconnectPolicy::new_exponential(0, 50, 2000, 2);
        policy.set_jitter(100);
        policy
    }

    fn client(&self, version: RespVersion, notices: usize) -> Client {
        let (performance, connection, policy) = (Self::performance(notices), Self::connection(), Self::policy());
        Client::new(self.config(version), Some(performance), Some(connection), Some(policy))
    }

    /// A further connection, which is not waited for.
    pub(super) fn link(&self) -> Link {
        Link::start(self.client(RespVersion::RESP2, NOTICES), self.is_clustered())
    }

    /// A connection for subscriptions, in RESP3, which lets it answer commands beside them.
    pub(super) fn subscriber(&self) -> Link {
        Link::start(self.client(RespVersion::RESP3, WAKES), self.is_clustered())
    }

    /// The main connection: waited for, so that a wrong password is told at once, but not for long.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) when the server refuses what the URL says. A server that cannot be reached is no error.
    pub(super) async fn connect(&self) -> Result<Link> {
        let client = self.client(RespVersion::RESP2, NOTICES);
        let (mut errors, waiting) = (client.error_rx(), client.clone());
        let link = Link::start(client, self.is_clustered());
        let met = timeout(FIRST, async {
            tokio::select! {
                _ = waiting.wait_for_connect() => None,
                error = errors.recv() => error.ok(),
            }
        });
        match met.await {
            Ok(Some((error, _))) => trouble::on_connecting(&error, &self.url).map_or(Ok(link), Err),
            _ => Ok(link),
        }
    }
}

impl Link {
    fn start(client: Client, clustered: bool) -> Self {
        let task = tokio::spawn(run(client.clone()));
        Self {
            client,
            clustered,
            task,
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn is_clustered(&self) -> bool {
        self.clustered
    }

    /// The command that wakes followers: on a cluster only the node of the job's slot has to hear it.
    pub(super) fn publish(&self) -> &'static str {
        if self.clustered { "SPUBLISH" } else { "PUBLISH" }
    }

    /// Sends a command to the node of `slot`, as nothing but bytes: the library neither waits for it nor repeats it.
    pub(super) async fn send(&self, name: &'static str, slot: u16, arguments: Vec<Value>) -> Result<Value, Fred> {
        self.client
            .custom(CustomCommand::new_static(name, Some(slot), false), arguments)
            .await
    }

    pub(super) async fn command(&self, name: &'static str, slot: u16, arguments: Vec<Value>) -> Result<Value> {
        self.send(name, slot, arguments).await.map_err(trouble::in_use)
    }
}

/// Runs the client. The library's own task ends for good when a cluster answers ASK to a command that may be sent only
/// once: then it is started again, and whoever waited for it asks again.
async fn run(client: Client) {
    struct Task(JoinHandle<Result<(), Fred>>);
    impl Drop for Task {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    loop {
        let mut task = Task(client.connect());
        drop((&mut task.0).await);
        tokio::time::sleep(RESTART).await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Its connections and its reconnecting end with its task. A QUIT would need a task of its own, which nobody
        // waits for: at the runtime's end it may find that the client is gone already, and says so.
        self.task.abort();
    }
}

fn tls(url: &RedisUrl) -> Result<TlsConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let Some(path) = &url.ca else {
        // The library's own default takes the process's provider, of which there may be none yet.
        drop(rustls::crypto::CryptoProvider::install_default(Arc::unwrap_or_clone(
            provider,
        )));
        let system = TlsConnector::default_rustls();
        return system.map(TlsConfig::from).map_err(|_| {
            trouble::setting(
                "the system's certificate authorities cannot be read: name a file with ?ca=PATH".to_owned(),
            )
        });
    };
    let unreadable = || {
        trouble::setting(format!(
            "{} holds no certificate authorities in PEM form",
            path.display()
        ))
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|_| unreadable())? {
        roots
            .add(certificate.map_err(|_| unreadable())?)
            .map_err(|_| unreadable())?;
    }
    if roots.is_empty() {
        return Err(unreadable());
    }
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| trouble::setting(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConfig::from(TlsConnector::from(config)))
}
