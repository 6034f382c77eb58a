//! The program's settings: flags and environment variables, read once and checked before anything starts.
#![allow(rustdoc::bare_urls, reason = "these comments are the help that a terminal shows")]

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use archiver::Archive;
use auth_clerk::{JwksOptions, Keys, Policy, Verifier};
use clap::Parser;
use settings::{ArchiveArgs, LogArgs, Rate, SilenceArgs, StoreArgs, duration, rate, sentence, size, start_tracing};
use tokio::signal::unix::{SignalKind, signal};

use crate::answer::Origins;
use crate::app::{App, Error, Parts, Result, Settings};
use crate::clerk::ClerkGatekeeper;
use crate::io::Deadlines;
use crate::limits::StreamLimits;
use crate::server;

/// Serves build logs to their owners: live by an event stream, earlier lines by pages
#[derive(Debug, Parser)]
#[command(name = "tailwater-gateway", version)]
pub struct Config {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    archive: ArchiveArgs,
    /// Where readers are served
    #[arg(
        long,
        env = "TAILWATER_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    listen: SocketAddr,
    /// Where the operator is: /healthz, /readyz and /metrics
    #[arg(
        long,
        env = "TAILWATER_ADMIN_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9090"
    )]
    admin_listen: SocketAddr,

    /// Clerk's Frontend API, as tokens name it in iss: https://clerk.example.com
    #[arg(long, env = "TAILWATER_CLERK_ISSUER", value_name = "URL")]
    clerk_issuer: String,
    /// Where Clerk's keys are fetched [default: ISSUER/.well-known/jwks.json]
    #[arg(
        long,
        env = "TAILWATER_CLERK_JWKS_URL",
        value_name = "URL",
        conflicts_with = "clerk_jwt_key"
    )]
    clerk_jwks_url: Option<String>,
    /// Clerk's public key in PEM, or the file that holds it, instead of fetched keys; no network is needed then
    // PEM begins with dashes, which would otherwise be taken for a flag, and be repeated as an unknown one.
    #[arg(
        long,
        env = "TAILWATER_CLERK_JWT_KEY",
        value_name = "PEM",
        hide_env_values = true,
        allow_hyphen_values = true
    )]
    clerk_jwt_key: Option<String>,
    /// The applications whose tokens are accepted, as tokens name them in azp: https://app.example.com,…
    #[arg(
        long,
        env = "TAILWATER_CLERK_AUTHORIZED_PARTIES",
        value_name = "ORIGINS",
        value_delimiter = ',',
        required = true
    )]
    clerk_authorized_parties: Vec<String>,
    /// What tokens must name in aud; without it, a token with aud is refused
    #[arg(long, env = "TAILWATER_CLERK_AUDIENCE", value_name = "NAMES", value_delimiter = ',')]
    clerk_audience: Vec<String>,
    /// The suffix of the session cookie, for applications whose cookie is __session_SUFFIX
    #[arg(long, env = "TAILWATER_CLERK_COOKIE_SUFFIX", value_name = "SUFFIX", value_parser = cookie_suffix)]
    clerk_cookie_suffix: Option<String>,
    /// Other origins whose pages may ask: https://app.example.com,…
    #[arg(
        long,
        env = "TAILWATER_ALLOWED_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    allowed_origins: Vec<String>,

    /// The longest silence of a stream; a heartbeat breaks it
    #[arg(long, env = "TAILWATER_HEARTBEAT", value_name = "DURATION", value_parser = duration, default_value = "15s")]
    heartbeat: Duration,
    /// How long a stream lasts before its reader shows a fresh token
    #[arg(long, env = "TAILWATER_STREAM_LEASE", value_name = "DURATION", value_parser = duration, default_value = "15m")]
    stream_lease: Duration,
    /// After how long a browser comes back when its stream broke
    #[arg(long, env = "TAILWATER_RETRY", value_name = "DURATION", value_parser = duration, default_value = "2s")]
    retry: Duration,
    /// How long new requests are still taken after SIGTERM, until load balancers have noticed
    #[arg(long, env = "TAILWATER_DRAIN_NOTICE", value_name = "DURATION", value_parser = duration, default_value = "10s")]
    drain_notice: Duration,
    /// How long after SIGTERM the process ends, whatever still goes on
    #[arg(long, env = "TAILWATER_DRAIN_DEADLINE", value_name = "DURATION", value_parser = duration, default_value = "25s")]
    drain_deadline: Duration,
    /// A connection that takes nothing for this long is closed
    #[arg(long, env = "TAILWATER_SEND_TIMEOUT", value_name = "DURATION", value_parser = duration, default_value = "30s")]
    send_timeout: Duration,

    /// How many streams one job may have
    #[arg(
        long,
        env = "TAILWATER_MAX_STREAMS_PER_JOB",
        value_name = "COUNT",
        default_value_t = 10
    )]
    max_streams_per_job: usize,
    /// How many streams one user may have
    #[arg(
        long,
        env = "TAILWATER_MAX_STREAMS_PER_OWNER",
        value_name = "COUNT",
        default_value_t = 20
    )]
    max_streams_per_owner: usize,
    /// How many streams this process takes
    #[arg(long, env = "TAILWATER_MAX_STREAMS", value_name = "COUNT", default_value_t = 25_000)]
    max_streams: usize,
    /// How many pages one user may ask for
    #[arg(long, env = "TAILWATER_PAGE_RATE", value_name = "RATE", value_parser = rate, default_value = "20/s")]
    page_rate: Rate,
    /// The largest body of a page; what does not fit is on the next one
    #[arg(long, env = "TAILWATER_PAGE_MAX_BYTES", value_name = "SIZE", value_parser = size, default_value = "4MiB")]
    page_max_bytes: u64,

    /// How long lines stay in the recent store, as the archiver is told; here it is only passed on to readers
    #[arg(long, env = "TAILWATER_RETENTION", value_name = "DURATION", value_parser = duration, default_value = "24h")]
    retention: Duration,
    /// Serves the viewer's page at / and /jobs/JOB
    #[arg(long, env = "TAILWATER_VIEWER", value_parser = clap::builder::FalseyValueParser::new())]
    viewer: bool,

    #[command(flatten)]
    silence: SilenceArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// A suffix that can stand in a cookie's name.
fn cookie_suffix(text: &str) -> std::result::Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("a suffix is 1 to 64 letters, digits, '-' or '_'".to_owned())
    }
}

impl Config {
    fn settings(&self) -> Result<Settings> {
        let origins = Origins::new(self.allowed_origins.iter().filter(|origin| !origin.is_empty()))
            .map_err(|error| setting("--allowed-origins", &error))?;
        Ok(Settings {
            heartbeat: self.heartbeat,
            stream_lease: self.stream_lease,
            retry: self.retry,
            drain_notice: self.drain_notice,
            drain_deadline: self.drain_deadline,
            streams: StreamLimits {
                per_job: self.max_streams_per_job,
                per_owner: self.max_streams_per_owner,
                process: self.max_streams,
            },
            page_rate: f64::from(self.page_rate.per_second),
            page_max_bytes: usize::try_from(self.page_max_bytes).unwrap_or(usize::MAX),
            retention: self.retention,
            origins,
            viewer: self.viewer,
            deadlines: Deadlines {
                send: self.send_timeout,
                ..Deadlines::default()
            },
            silence: self.silence.into(),
            ..Settings::default()
        })
    }

    fn gatekeeper(&self, origins: Origins) -> Result<ClerkGatekeeper> {
        let issuer = self.clerk_issuer.trim_end_matches('/');
        let keys = match &self.clerk_jwt_key {
            Some(value) => {
                let pem = key_text(value).map_err(|error| setting("--clerk-jwt-key", &error))?;
                Keys::pem(&pem).map_err(|error| setting("--clerk-jwt-key", &error))?
            }
            None => {
                let url = self
                    .clerk_jwks_url
                    .clone()
                    .unwrap_or_else(|| format!("{issuer}/.well-known/jwks.json"));
                Keys::jwks(JwksOptions::new(url)).map_err(|error| setting("--clerk-jwks-url", &error))?
            }
        };
        let policy = Policy {
            issuer: issuer.to_owned(),
            authorized_parties: self.clerk_authorized_parties.clone(),
            audience: self.clerk_audience.clone(),
        };
        let verifier = Verifier::new(policy, keys).map_err(|error| {
            let name = match error {
                auth_clerk::SetupError::NoIssuer | auth_clerk::SetupError::Issuer(_) => "--clerk-issuer",
                auth_clerk::SetupError::Audience => "--clerk-audience",
                _ => "--clerk-authorized-parties",
            };
            setting(name, &error)
        })?;
        Ok(ClerkGatekeeper::new(
            verifier,
            self.clerk_cookie_suffix.as_deref(),
            origins,
        ))
    }
}

/// What keeps a key's file from being read. Its name is not repeated: it may be a key after all.
#[derive(Debug, thiserror::Error)]
#[error("the file that it names cannot be read")]
struct Unreadable(#[from] std::io::Error);

/// The text of a key: the value itself, or what is in the file of that name.
///
/// A public key in base64 begins with `M` and one in PEM with dashes, so what begins like a path is meant as one; any
/// other value is a file's name only if there is such a file.
fn key_text(value: &str) -> std::result::Result<Cow<'_, str>, Unreadable> {
    /// Far more than a key needs; a larger file is read so far and then found to be too long.
    const ENOUGH: u64 = 64 * 1024;
    let name = value.trim();
    let is_path = ["/", "./", "../", "~"].iter().any(|start| name.starts_with(start)) || name.ends_with(".pem");
    if !is_path && !Path::new(name).is_file() {
        return Ok(Cow::Borrowed(value));
    }
    let mut text = Vec::new();
    File::open(name)?.take(ENOUGH).read_to_end(&mut text)?;
    Ok(Cow::Owned(String::from_utf8_lossy(&text).into_owned()))
}

fn setting(setting: &'static str, error: &dyn std::error::Error) -> Error {
    Error::Setting {
        setting,
        problem: sentence(error),
    }
}

/// The program: settings, tracing, build, serve, drain.
///
/// Ends with 0 after a drain, 1 when it could not go on, 2 for settings that cannot work.
pub fn main() -> ExitCode {
    let config: Config = match settings::read() {
        Ok(config) => config,
        Err(code) => return code,
    };
    start_tracing(config.log, "info");
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error, 1),
    };
    match runtime.block_on(run(config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::Setting { .. }) => failed(&error, 2),
        Err(error) => failed(&error, 1),
    }
}

fn failed(error: &dyn std::error::Error, code: u8) -> ExitCode {
    eprintln!("error: {}", sentence(error));
    ExitCode::from(code)
}

async fn run(config: Config) -> Result<()> {
    let settings = config.settings()?;
    settings.check()?;
    let gatekeeper = Arc::new(config.gatekeeper(settings.origins.clone())?);
    let archive = match &config.archive.archive {
        Some(url) => Some(Arc::new(
            Archive::open(url).map_err(|error| setting("--archive", &error))?,
        )),
        None => None,
    };
    // A store that is away is no reason not to start: /readyz says so, streams wait, and it may come any moment.
    let store = stream_store::connect(&config.store.store)
        .await
        .map_err(|error| setting("--store", &error))?;
    // Asked for a moment only: a store that is away is no reason to wait.
    if let Ok(Ok(warnings)) = tokio::time::timeout(Duration::from_secs(2), store.warnings()).await {
        for warning in warnings {
            tracing::warn!("{warning}");
        }
    }
    let app = App::build(Parts {
        store,
        archive,
        gatekeeper,
        settings,
    })?;
    let listener = server::listen(config.listen)?;
    let admin = server::listen(config.admin_listen)?;
    let at = |listener: &tokio::net::TcpListener| {
        listener
            .local_addr()
            .map_or_else(|_| String::new(), |at| at.to_string())
    };
    tracing::info!(listen = at(&listener), admin = at(&admin), "serving");
    server::serve(app, listener, Some(admin), told_to_stop()).await
}

async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without signals there is nothing to wait for; the process is then ended from outside.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Config::command().debug_assert();
    }

    #[test]
    fn every_flag_has_its_environment_variable() {
        for argument in Config::command().get_arguments() {
            let Some(long) = argument.get_long().filter(|long| !matches!(*long, "help" | "version")) else {
                continue;
            };
            let expected = format!("TAILWATER_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(
                argument.get_env().and_then(|name| name.to_str()),
                Some(&*expected),
                "--{long}"
            );
        }
    }
}
