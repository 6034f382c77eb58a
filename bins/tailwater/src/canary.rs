//! `tailwater canary`: known lines with known fake secrets down the whole road, counted.
//!
//! A child process writes numbered lines on both outputs, some with secrets made up on the spot. They are captured,
//! redacted, stored, and read back over HTTP as a browser would: live from the event stream, and as pages. Every line
//! has to arrive once, in its output's order, and no secret may.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::redact::Redactor;
use bytes::Bytes;
use capture::{Command, RunOptions};
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use log_model::{JobId, Timestamp};
use serde_json::Value;
use sse_codec::{Decoder, Limits};

use crate::Error;
use crate::data::{Data, local_owner};
use crate::page::Page;
use crate::sign_in::Secret;

/// How many lines the child writes; each [`EVERY`]th holds a secret.
const LINES: u64 = 2000;
const EVERY: u64 = 10;

/// How long the whole may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The variable that hands the child the secret that no format gives away.
const KNOWN: &str = "TAILWATER_CANARY_TOKEN";

/// Fake secrets in real formats, put together here so that no scanner takes this file for a leak.
fn secrets(known: &str) -> Vec<String> {
    let letters = |length: usize| -> String {
        "Zk4TqW9xLm2VbN8cRf6YhJ3sDg7PaQe5UwXiKo1Ml0Bt"
            .chars()
            .cycle()
            .take(length)
            .collect()
    };
    vec![
        known.to_owned(),
        format!("{}_{}_{}", "sk", "live", letters(24)),
        format!("{}{}", "AKIA", "Q7RZ4TKW2XNB6YHD"),
        format!("{}-{}-{}-{}", "xoxb", "273849506172", "384950617283", letters(24)),
        format!("{}_{}", "glpat", letters(20)).replace('_', "-"),
    ]
}

/// The child's side: numbered lines on both outputs.
///
/// # Errors
/// When nobody takes them.
pub fn write_lines() -> Result<ExitCode, Error> {
    let secrets = secrets(&std::env::var(KNOWN).unwrap_or_default());
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    for number in 1..=LINES {
        let secret = (number / EVERY) as usize % secrets.len();
        let said = if number % EVERY == 0 {
            format!("token is {} .", secrets[secret])
        } else {
            "all is well".to_owned()
        };
        let line = format!("canary {number} {said}\n");
        if number % 2 == 0 {
            out.write_all(line.as_bytes())?
        } else {
            err.write_all(line.as_bytes())?
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What came out at one end of the road.
#[derive(Debug, Default, PartialEq)]
struct Arrived {
    /// The lines' own numbers, by output, in the order they came.
    numbers: BTreeMap<String, Vec<u64>>,
    /// Secrets said to be hidden.
    hidden: u64,
    /// Lines in which a secret is still to be read.
    leaked: u64,
    ended: bool,
}

impl Arrived {
    fn add(&mut self, kind: &str, entry: &Value, secrets: &[String]) {
        match kind {
            "line" => {
                let text = entry["text"].as_str().unwrap_or_default();
                self.leaked += u64::from(secrets.iter().any(|secret| text.contains(secret.as_str())));
                let hidden = entry["masked"].as_array().into_iter().flatten();
                self.hidden += hidden.filter_map(|masked| masked["count"].as_u64()).sum::<u64>();
                let number = text
                    .strip_prefix("canary ")
                    .and_then(|rest| rest.split(' ').next()?.parse().ok());
                if let Some(number) = number {
                    let source = entry["source"].as_str().unwrap_or_default().to_owned();
                    self.numbers.entry(source).or_default().push(number);
                }
            }
            "end" => self.ended = true,
            _ => {}
        }
    }

    fn is_whole(&self) -> bool {
        let of = |rest: u64| (1..=LINES).filter(|n| n % 2 == rest).collect::<Vec<_>>();
        self.ended
            && self.leaked == 0
            && self.hidden == LINES / EVERY
            && self.numbers.get("stdout") == Some(&of(0))
            && self.numbers.get("stderr") == Some(&of(1))
    }

    fn say(&self, way: &str) {
        let lines: usize = self.numbers.values().map(Vec::len).sum();
        let end = if self.ended { "and the end" } else { "but not the end" };
        println!(
            "{way}: {lines} of {LINES} lines, {end}; {} of {} secrets hidden, {} lines leak",
            self.hidden,
            LINES / EVERY,
            self.leaked
        );
    }
}

/// Sends the lines down the road and says what arrived.
///
/// # Errors
/// When a part of the road cannot be set up at all.
pub async fn canary() -> Result<ExitCode, Error> {
    let folder = tempfile::tempdir()?;
    let data = Data::open(folder.path())?;
    let page = Page::open(&data, 0).await?;
    let job = JobId::new("canary").map_err(|error| Error::Setting {
        problem: error.to_string(),
    })?;
    data.store
        .open(&job, &local_owner(), Timestamp::from(SystemTime::now()))
        .await?;

    let known = Secret::random()?;
    let redactor = Redactor::builder().known_secret(known.reveal()).build()?;
    let mut command = Command::new(std::env::current_exe()?, ["canary-lines"]);
    command.env.push((KNOWN.into(), known.reveal().into()));
    let mut options = RunOptions::new(job.clone());
    options.end = true;
    options.quiet = true;
    options.spool_dir = data.spools();

    let secrets = secrets(known.reveal());
    let reader = Reader::sign_in(&page).await?;
    // Connected before the first line is written, so that every line is a live one.
    let stream = reader.get(&format!("/v1/jobs/{job}/logs/stream")).await?;
    let walk = async {
        let running = capture::run(Arc::clone(&data.store), redactor, options, command);
        let (live, ran) = tokio::join!(live(stream, &secrets), running);
        ran?;
        let pages = pages(&reader, &job, &secrets).await?;
        Ok::<_, Error>((live?, pages))
    };
    let (live, paged) = tokio::time::timeout(PATIENCE, walk)
        .await
        .map_err(|_| road("the lines did not arrive within a minute"))??;
    page.close().await?;
    live.say("live");
    paged.say("pages");
    Ok(if live.is_whole() && paged.is_whole() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn road(problem: impl std::fmt::Display) -> Error {
    Error::Setting {
        problem: format!("the road is broken: {problem}"),
    }
}

/// A browser's side: signed in, asking.
struct Reader {
    client: Client<HttpConnector, Full<Bytes>>,
    origin: String,
    cookie: HeaderValue,
}

impl Reader {
    async fn sign_in(page: &Page) -> Result<Self, Error> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let origin = page.origin().to_owned();
        let code = Full::new(Bytes::copy_from_slice(page.code().reveal().as_bytes()));
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{origin}/v1/dev/session"))
            .body(code);
        let answer = client.request(request.map_err(road)?).await.map_err(road)?;
        let cookie = answer
            .headers()
            .get(header::SET_COOKIE)
            .and_then(|cookie| HeaderValue::try_from(cookie.to_str().ok()?.split(';').next()?).ok())
            .ok_or_else(|| road("signing in gave no cookie"))?;
        Ok(Self { client, origin, cookie })
    }

    async fn get(&self, path: &str) -> Result<Incoming, Error> {
        let request = Request::builder()
            .uri(format!("{}{path}", self.origin))
            .header(header::COOKIE, &self.cookie)
            .body(Full::default())
            .map_err(road)?;
        let answer = self.client.request(request).await.map_err(road)?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(road(format!("{path} is answered with {status}"))),
        }
    }
}

async fn live(mut body: Incoming, secrets: &[String]) -> Result<Arrived, Error> {
    let mut arrived = Arrived::default();
    let mut decoder = Decoder::new(Limits::default());
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(road)?.into_data() else {
            continue;
        };
        decoder.push(&bytes);
        while let Some(event) = decoder.next() {
            let event = event.map_err(road)?;
            let data: Value = serde_json::from_str(event.data).map_err(road)?;
            arrived.add(event.event, &data, secrets);
        }
    }
    Ok(arrived)
}

async fn pages(reader: &Reader, job: &JobId, secrets: &[String]) -> Result<Arrived, Error> {
    let mut arrived = Arrived::default();
    let mut after = 0;
    loop {
        let body = reader
            .get(&format!("/v1/jobs/{job}/logs?after={after}&limit=700"))
            .await?;
        let body = Limited::new(body, 16 << 20).collect().await.map_err(road)?.to_bytes();
        let page: Value = serde_json::from_slice(&body).map_err(road)?;
        for entry in page["entries"].as_array().into_iter().flatten() {
            arrived.add(entry["kind"].as_str().unwrap_or_default(), entry, secrets);
        }
        match page["next_after"].as_u64() {
            Some(next) if page["has_more"] == true => after = next,
            _ => return Ok(arrived),
        }
    }
}
