//! The real set-up for a test: a Redis server, an S3 server, a key server, and the programs as processes of their own.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a module of several test files, each of which uses its own part"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use sse_codec::{Decoder, Limits};
use tempfile::TempDir;
use testkit::clerk::{Clerk, KeyServer};
use testkit::program::{READY, Running, free_port, wait_until};
use testkit::redis::RedisServer;
use testkit::s3::S3Server;
use testkit::workspace::built;
use tokio::time::timeout;

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Everything a job's log passes through.
pub struct Road {
    pub redis: RedisServer,
    pub s3: S3Server,
    pub clerk: Clerk,
    pub keys: KeyServer,
    pub gateway: Option<Running>,
    pub address: SocketAddr,
    pub folder: TempDir,
}

impl Road {
    /// Starts the servers and a gateway, with further settings for it.
    pub async fn open(gateway_settings: &[&str]) -> Self {
        let redis = RedisServer::options().append_only().start();
        let s3 = S3Server::start();
        let clerk = Clerk::new();
        let keys = KeyServer::start(&clerk);
        let folder = tempfile::tempdir().expect("a folder of the test's own");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut road = Self {
            redis,
            s3,
            clerk,
            keys,
            gateway: None,
            address,
            folder,
        };
        road.start_gateway(gateway_settings);
        road
    }

    fn start_gateway(&mut self, settings: &[&str]) {
        let admin = free_port();
        let mut command = self.program("tailwater-gateway");
        command
            .args([
                "--listen",
                &self.address.to_string(),
                "--admin-listen",
                &format!("127.0.0.1:{admin}"),
            ])
            .args([
                "--clerk-issuer",
                self.clerk.issuer(),
                "--clerk-jwks-url",
                &self.keys.url(),
            ])
            .args(["--clerk-authorized-parties", self.clerk.party(), "--heartbeat", "500ms"])
            .args(settings);
        self.gateway = Some(Running::start(&mut command, &self.folder.path().join("gateway.log")));
        let address = self.address;
        wait_until("the gateway is ready", READY, || {
            let mut socket = std::net::TcpStream::connect(address).ok()?;
            std::io::Write::write_all(
                &mut socket,
                b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
            )
            .ok()?;
            let mut answer = String::new();
            std::io::Read::read_to_string(&mut socket, &mut answer).ok()?;
            answer.starts_with("HTTP/1.1 200").then_some(())
        });
    }

    /// A program of the workspace with the stores' settings in its environment, and nothing of this test's own.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(built(name));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("TAILWATER_") || variable.to_string_lossy().starts_with("AWS_") {
                command.env_remove(variable);
            }
        }
        command
            .env("TAILWATER_STORE", self.redis.url())
            .env("TAILWATER_ARCHIVE", self.s3.url())
            .env("TAILWATER_SPOOL_DIR", self.folder.path().join("spool"))
            .envs(self.s3.env());
        if name != "tailwater-archiver" && name != "tailwater-gateway" {
            command.env_remove("TAILWATER_ARCHIVE");
        }
        if name == "tailwater-archiver" || name == "tailwater-gateway" {
            command.env_remove("TAILWATER_SPOOL_DIR");
        }
        command
    }

    /// Runs a program of the workspace to its end.
    pub async fn done(&self, name: &str, args: &[&str]) -> Output {
        let mut command = self.program(name);
        command.args(args).stdin(Stdio::null());
        let running = tokio::process::Command::from(command).kill_on_drop(true).output();
        timeout(PATIENCE, running)
            .await
            .expect("it ends within a minute")
            .expect("it starts")
    }

    /// A request for a path, with a user's token, fresh as a browser's.
    pub fn ask(&self, path: &str, user: Option<&str>) -> Request<Empty<Bytes>> {
        let mut request = Request::get(format!("http://{}{path}", self.address));
        if let Some(user) = user {
            request = request.header(
                header::AUTHORIZATION,
                format!("Bearer {}", self.clerk.session(user).token()),
            );
        }
        request.body(Empty::new()).expect("a plain request")
    }

    /// Asks for JSON.
    pub async fn json(&self, path: &str, user: Option<&str>) -> (StatusCode, HeaderMap, Value) {
        let answer = self.send(self.ask(path, user)).await;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).expect("JSON")
        };
        (head.status, head.headers, body)
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Empty<Bytes>>) -> http::Response<Incoming> {
        let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
        timeout(PATIENCE, client.request(request))
            .await
            .expect("an answer within a minute")
            .expect("an answer")
    }

    /// Opens the live stream, resuming after an entry if one is named.
    pub async fn stream(&self, job: &str, user: &str, last_event_id: Option<u64>) -> Stream {
        let mut request = self.ask(&format!("/v1/jobs/{job}/logs/stream"), Some(user));
        if let Some(id) = last_event_id {
            request.headers_mut().insert("last-event-id", id.into());
        }
        Stream::new(self.send(request).await)
    }
}

/// One event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub name: String,
    pub data: Value,
    pub id: Option<u64>,
}

impl Event {
    /// The event as an entry of a page is: with its kind.
    pub fn as_entry(&self) -> Value {
        let mut entry = self.data.clone();
        entry["kind"] = Value::from(self.name.as_str());
        entry
    }
}

/// A followed stream.
pub struct Stream {
    pub head: http::response::Parts,
    body: Incoming,
    decoder: Decoder,
}

impl Stream {
    pub fn new(answer: http::Response<Incoming>) -> Self {
        let (head, body) = answer.into_parts();
        Self {
            head,
            body,
            decoder: Decoder::new(Limits::default()),
        }
    }

    /// The next event; none when the stream was closed.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.decoder.next() {
                let event = event.expect("events are short");
                return Some(Event {
                    name: event.event.to_string(),
                    data: serde_json::from_str(event.data).expect("every event's data is JSON"),
                    id: event.id.map(|id| id.parse().expect("ids are whole numbers")),
                });
            }
            let frame = timeout(PATIENCE, self.body.frame())
                .await
                .expect("a sign of life within a minute")?;
            if let Ok(bytes) = frame.expect("the stream is not cut").into_data() {
                self.decoder.push(&bytes);
            }
        }
    }

    /// The next event of this name, whatever else comes before.
    pub async fn wait_for(&mut self, name: &str) -> Event {
        loop {
            let event = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the stream was closed before {name}"));
            if event.name == name {
                return event;
            }
        }
    }

    /// All entries up to and with the one that `last` picks.
    pub async fn entries_until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut entries = Vec::new();
        loop {
            let event = self.next().await.expect("the stream goes on");
            let done = last(&event);
            if event.id.is_some() {
                entries.push(event);
            }
            if done {
                return entries;
            }
        }
    }
}

/// A recording as a command: the program that plays it, and its arguments.
pub fn replay(name: &str, options: &[&str]) -> Vec<String> {
    let file = recording(name);
    let mut words = vec![built("replay").display().to_string()];
    words.extend(options.iter().map(|word| (*word).to_owned()));
    words.push(file.display().to_string());
    words
}

fn recording(name: &str) -> PathBuf {
    let plain = testkit::recordings::folder().join(format!("{name}.rec"));
    if plain.exists() {
        plain
    } else {
        testkit::recordings::folder().join(format!("{name}.rec.gz"))
    }
}

/// What a process said, for a failed assertion.
pub fn said(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether a file below `folder` holds these bytes.
pub fn any_file_holds(folder: &Path, needle: &[u8]) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            any_file_holds(&path, needle)
        } else {
            std::fs::read(&path).is_ok_and(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
        }
    })
}
