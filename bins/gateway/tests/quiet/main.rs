//! Nothing of a token leaves: not in the program's own log at its most talkative, not in a metric, not in an answer and
//! not in a panic's message.
//!
//! A program of its own, since it listens to everything: tests beside it that do not listen would make `tracing` believe
//! that nobody does.

#![allow(clippy::unwrap_used, reason = "in a test, what cannot be is a failure")]

#[allow(dead_code, reason = "shared with the other test program")]
#[path = "../gateway/common.rs"]
mod common;

use std::io;
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth_clerk::{JwksOptions, Keys, Policy, Verifier};
use parking_lot::Mutex;
use stream_store::LogStore;
use tailwater_gateway::ClerkGatekeeper;
use testkit::clerk::{Answer, Clerk, KeyServer};
use testkit::tokens::{Case, cases};
use tracing_subscriber::filter::LevelFilter;

use crate::common::{Ask, Gateway, Hooked, away, settings, until};

const ASKS: [&str; 5] = ["", "/logs", "/logs/stream", "/logs/raw", "/logs/search?q=x"];

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Heard {
    fn say(&self, text: impl AsRef<[u8]>) {
        self.0.lock().extend_from_slice(text.as_ref());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }

    /// Sends it, and keeps what comes back: status, headers and body.
    async fn hear(&self, ask: Ask) {
        let answer = ask.whole().await;
        self.say(format!("{} {:?}\n", answer.status, answer.headers));
        self.say(&answer.body);
    }
}

/// What must be nowhere: the whole, and each part that is not common to all tokens.
fn needles(token: &str) -> impl Iterator<Item = String> {
    let parts: Vec<&str> = token.split('.').skip(1).collect();
    let whole = std::iter::once(token.to_owned());
    whole
        .chain(parts.into_iter().map(str::to_owned))
        .filter(|needle| needle.len() >= 24)
        // What only begins the same is as telling: half a signature, and half a payload.
        .flat_map(|needle| {
            [
                needle[..needle.len() / 2].to_owned(),
                needle[needle.len() / 2..].to_owned(),
            ]
        })
        .filter(|needle| needle.is_ascii() && needle.len() >= 16)
}

#[tokio::test]
async fn nothing_of_a_token_is_said_anywhere() {
    let heard = Heard::default();
    let log = heard.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || log.clone())
        .finish();
    // For this thread alone, which this test's gateway and client share.
    let _listening = tracing::subscriber::set_default(subscriber);
    let panics = heard.clone();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        panics.say(format!("{info}\n"));
        before(info);
    }));

    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let policy = Policy {
        issuer: clerk.issuer().to_owned(),
        authorized_parties: vec![clerk.party().to_owned()],
        ..Policy::default()
    };
    let options = JwksOptions {
        back_off: Duration::from_millis(10),
        cool_down: Duration::ZERO,
        ..JwksOptions::new(server.url())
    };
    let verifier = Verifier::new(policy, Keys::jwks(options).unwrap()).unwrap();
    let settings = settings();
    let keeper = Arc::new(ClerkGatekeeper::new(verifier, None, settings.origins.clone()));
    let trouble = Arc::new(Mutex::new("none"));
    let switch = Arc::clone(&trouble);
    let wrap = move |inner| {
        let hook = move |name: &'static str| -> futures::future::BoxFuture<'static, stream_store::Result<()>> {
            let trouble = *switch.lock();
            Box::pin(async move {
                match trouble {
                    "away" => Err(away()),
                    "panic" if name == "job" => panic!("a defect that a test put there"),
                    _ => Ok(()),
                }
            })
        };
        Arc::new(Hooked {
            inner,
            hook: Arc::new(hook),
        }) as Arc<dyn LogStore>
    };
    let gateway = Gateway::of(settings, wrap, keeper, clerk.clone()).await;
    until("keys are there", async || {
        gateway.get("/readyz").whole().await.status == 200
    })
    .await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    job.end().await;
    let mut tokens = vec![
        gateway.token("ana"),
        clerk.session("user_bob").org("org_acme", "admin").token(),
        clerk
            .session("user_ana")
            .issued(SystemTime::now() - Duration::from_secs(900))
            .token(),
    ];
    let carried = |case: &Case| case.token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
    let all = cases(&clerk);
    tokens.extend(all.into_iter().filter(carried).map(|case| case.token).step_by(2));
    assert!(tokens.len() >= 180, "{}", tokens.len());

    for token in &tokens {
        let bearer = format!("Bearer {token}");
        let cookie = format!("__session={token}");
        heard
            .hear(gateway.get(&job.path("/logs")).header("authorization", &bearer))
            .await;
        heard
            .hear(gateway.get(&job.path("/logs")).header("cookie", &cookie))
            .await;
        if token.len() < 4000
            && token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            heard
                .hear(gateway.get(&format!("{}?token={token}", job.path("/logs"))))
                .await;
        }
    }
    // The owner's, through every road, also while the store is away and while it panics.
    let bearer = format!("Bearer {}", tokens[0]);
    let cookie = format!("a=b; __session={}", tokens[0]);
    for state in ["none", "away", "panic"] {
        *trouble.lock() = state;
        for ask in ASKS {
            heard
                .hear(gateway.get(&job.path(ask)).header("authorization", &bearer))
                .await;
            heard.hear(gateway.get(&job.path(ask)).header("cookie", &cookie)).await;
            let foreign = gateway.get(&job.path(ask)).header("cookie", &cookie);
            heard.hear(foreign.header("origin", "https://evil.example")).await;
            heard
                .hear(
                    gateway
                        .get(&job.path(ask))
                        .header("authorization", &bearer)
                        .method("POST"),
                )
                .await;
        }
    }
    *trouble.lock() = "none";
    server.answer(Answer::Body(b"<html>".to_vec()));
    let unknown = clerk.with_kid("ins_unknown").session("user_ana").token();
    heard
        .hear(
            gateway
                .get(&job.path("/logs"))
                .header("authorization", &format!("Bearer {unknown}")),
        )
        .await;
    tokens.push(unknown);
    heard.hear(gateway.get_admin("/metrics")).await;

    let said = heard.text();
    // The listening worked: refusals with their reasons, answers, failed fetches, the defect and the metrics were heard.
    for sign in [
        "credential not accepted",
        "token-invalid-signature",
        "answered",
        "could not be fetched",
        "a defect that a test put there",
        "tailwater_gateway_rejections_total",
        "TRACE",
    ] {
        assert!(said.contains(sign), "{sign} was not heard");
    }
    for token in &tokens {
        for needle in needles(token) {
            if let Some(at) = said.find(&needle) {
                let line = said[..at].rfind('\n').map_or(0, |end| end + 1);
                panic!("of a token was said: {}", &said[line..(at + 24).min(said.len())]);
            }
        }
    }
}
