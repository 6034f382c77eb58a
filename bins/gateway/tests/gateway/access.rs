//! Who may read what.

use std::time::{Duration, SystemTime};

use auth_clerk::{JwksOptions, Keys, Policy, Verifier};
use log_model::{Owner, OwnerId};
use tailwater_gateway::{ClerkGatekeeper, Denied, Gatekeeper, Identity, Key, Settings};
use testkit::builders::{T0, unique_job};
use testkit::clerk::{Answer, Clerk, KeyServer};

use crate::common::{Gateway, Whole, settings, until};

pub(crate) const ASKS: [&str; 5] = ["", "/logs", "/logs/stream", "/logs/raw", "/logs/search?q=x"];

#[tokio::test]
async fn a_bearer_token_and_a_cookie_both_let_the_owner_in() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let token = gateway.token("ana");
    for (name, value) in [
        ("authorization", format!("Bearer {token}")),
        ("authorization", format!("bEARER {token}")),
        ("cookie", format!("a=b; __session={token}; c=d")),
    ] {
        for ask in ASKS {
            let answer = gateway.get(&job.path(ask)).header(name, &value).send().await;
            assert_eq!(answer.status(), 200, "{name} {ask}");
        }
    }
}

#[tokio::test]
async fn without_a_good_token_nobody_learns_anything() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let old = gateway
        .clerk
        .session("user_ana")
        .issued(SystemTime::now() - Duration::from_secs(600))
        .token();
    let other = Clerk::of(2048, 65537, 7).session("user_ana").token();
    for path in [
        job.path("/logs"),
        "/v1/jobs/nothing/logs".to_owned(),
        "/v1/jobs/a%20b/logs".to_owned(),
    ] {
        let bearer = |token: &str| format!("Bearer {token}");
        gateway.get(&path).whole().await.refused(401, "token_missing");
        gateway
            .get(&path)
            .header("authorization", "Basic eA==")
            .whole()
            .await
            .refused(401, "token_missing");
        gateway
            .get(&path)
            .header("authorization", &bearer(&old))
            .whole()
            .await
            .refused(401, "token_expired");
        gateway
            .get(&path)
            .header("authorization", &bearer(&other))
            .whole()
            .await
            .refused(401, "token_invalid");
        gateway
            .get(&path)
            .header("authorization", "Bearer x.y.z")
            .whole()
            .await
            .refused(401, "token_invalid");
        let answer = gateway.get(&path).whole().await;
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
    }
}

#[tokio::test]
async fn a_token_in_the_query_is_no_token() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let token = gateway.token("ana");
    for name in ["token", "access_token", "__session", "authorization"] {
        let path = format!("{}?{name}={token}", job.path("/logs"));
        gateway.get(&path).whole().await.refused(401, "token_missing");
    }
}

#[tokio::test]
async fn a_cookie_with_a_page_from_elsewhere_is_refused() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let token = gateway.token("ana");
    let cookie = format!("__session={token}");
    for (origin, good) in [
        (crate::common::ORIGIN, true),
        ("https://evil.example", false),
        ("null", false),
    ] {
        let answer = gateway
            .get(&job.path("/logs"))
            .header("cookie", &cookie)
            .header("origin", origin)
            .whole()
            .await;
        if good {
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("access-control-allow-origin"), origin);
        } else {
            answer.refused(403, "origin_not_allowed");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
        let bearer = format!("Bearer {token}");
        let ask = gateway
            .get(&job.path("/logs"))
            .header("authorization", &bearer)
            .header("origin", origin);
        assert_eq!(ask.whole().await.status, 200, "a bearer token is not sent unasked");
    }
}

/// An answer without what differs from request to request.
pub(crate) fn comparable(answer: &Whole) -> (u16, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").to_owned();
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "date" && *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.sort();
    (answer.status.as_u16(), headers, answer.text().replace(&id, "ID"))
}

#[tokio::test]
async fn a_stranger_and_a_guess_get_the_same_bytes() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    job.lines(1..=3).await;
    let ended = gateway.job("ana").await;
    ended.end().await;
    let erased = gateway.job("ana").await;
    gateway.store.erase(&erased.job, "ops", "asked", T0).await.unwrap();
    for ask in ASKS {
        let guess = gateway
            .get_as("bob", &format!("/v1/jobs/no-such-job{ask}"))
            .whole()
            .await;
        guess.refused(404, "job_not_found");
        for path in [
            job.path(ask),
            ended.path(ask),
            erased.path(ask),
            format!("/v1/jobs/a%20b{ask}"),
        ] {
            let stranger = gateway.get_as("bob", &path).whole().await;
            assert_eq!(comparable(&stranger), comparable(&guess), "{path}");
        }
    }
}

#[tokio::test]
async fn a_job_of_an_organisation_is_read_by_whoever_acts_for_it() {
    let gateway = Gateway::start().await;
    let job = unique_job("org");
    gateway
        .store
        .open(&job, &Owner::org(OwnerId::new("org_acme").unwrap()), T0)
        .await
        .unwrap();
    let ask = |token: String| {
        gateway
            .get(&format!("/v1/jobs/{job}"))
            .header("authorization", &format!("Bearer {token}"))
    };
    let member = gateway.clerk.session("user_ana").org("org_acme", "org:member").token();
    assert_eq!(ask(member).whole().await.status, 200);
    let elsewhere = gateway.clerk.session("user_ana").org("org_other", "org:member").token();
    ask(elsewhere).whole().await.refused(404, "job_not_found");
    ask(gateway.token("ana")).whole().await.refused(404, "job_not_found");
}

#[tokio::test]
async fn guessing_and_paging_are_counted_together() {
    let gateway = Gateway::with(Settings {
        page_rate: 3.0,
        ..settings()
    })
    .await;
    let job = gateway.job("ana").await;
    gateway
        .get_as("ana", "/v1/jobs/guess/logs")
        .whole()
        .await
        .refused(404, "job_not_found");
    gateway
        .get_as("ana", "/v1/jobs/guess/logs/stream")
        .whole()
        .await
        .refused(404, "job_not_found");
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(gateway.get_as("ana", &job.path("/logs")).whole().await);
    }
    let limited = answers.last().unwrap();
    limited.refused(429, "rate_limited");
    assert_eq!(limited.header("retry-after"), "1");
    assert_eq!(limited.header("ratelimit-policy"), "\"pages\";q=3;w=1");
    gateway
        .get_as("bob", &job.path("/logs"))
        .whole()
        .await
        .refused(404, "job_not_found");
    assert_eq!(
        gateway.get_as("ana", &job.stream()).send().await.status(),
        200,
        "streams have limits of their own"
    );
}

#[tokio::test]
async fn streams_of_a_removed_key_are_asked_to_sign_in_again() {
    let clerk = Clerk::new();
    let keys = KeyServer::start(&clerk);
    let mut options = JwksOptions::new(keys.url());
    options.fresh = Duration::from_millis(50);
    let policy = Policy {
        issuer: clerk.issuer().to_owned(),
        authorized_parties: vec![clerk.party().to_owned()],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, Keys::jwks(options).unwrap()).unwrap();
    let settings = Settings {
        spread: Duration::from_millis(100),
        ..settings()
    };
    let keeper = std::sync::Arc::new(ClerkGatekeeper::new(verifier, None, settings.origins.clone()));
    let gateway = Gateway::of(settings, |store| store, keeper, clerk.clone()).await;
    until("keys are there", async || {
        gateway.get("/readyz").whole().await.status == 200
    })
    .await;
    let job = gateway.job("ana").await;
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    keys.serve(&clerk.rotated());
    assert_eq!(events.expect("reauth").await.data["reason"], "key_removed");
    events.closed().await;
    gateway
        .get_as("ana", &job.path("/logs"))
        .whole()
        .await
        .refused(401, "token_invalid");
}

#[tokio::test]
async fn outdated_keys_go_on_serving_and_the_metrics_say_so() {
    let clerk = Clerk::new();
    let keys = KeyServer::start(&clerk);
    let options = JwksOptions {
        fresh: Duration::from_millis(50),
        back_off: Duration::from_millis(10),
        back_off_limit: Duration::from_millis(20),
        ..JwksOptions::new(keys.url())
    };
    let policy = Policy {
        issuer: clerk.issuer().to_owned(),
        authorized_parties: vec![clerk.party().to_owned()],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, Keys::jwks(options).unwrap()).unwrap();
    let settings = settings();
    let keeper = std::sync::Arc::new(ClerkGatekeeper::new(verifier, None, settings.origins.clone()));
    let gateway = Gateway::of(settings, |store| store, keeper, clerk.clone()).await;
    until("keys are there", async || {
        gateway.get("/readyz").whole().await.status == 200
    })
    .await;
    let job = gateway.job("ana").await;
    let metric = async |line: &str| gateway.get_admin("/metrics").whole().await.text().contains(line);
    keys.answer(Answer::Status(503));
    until("they are outdated", async || {
        metric("tailwater_gateway_keys_stale 1\n").await
    })
    .await;
    assert!(metric("tailwater_gateway_keys 1\n").await);
    assert!(!metric("tailwater_gateway_key_fetches_total{outcome=\"failed\"} 0\n").await);
    assert_eq!(gateway.get_as("ana", &job.path("/logs")).whole().await.status, 200);
    assert_eq!(
        gateway.get("/readyz").whole().await.status,
        200,
        "outdated keys are keys"
    );
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    events.expect("hello").await;
    keys.serve(&clerk);
    until("they are fresh again", async || {
        metric("tailwater_gateway_keys_stale 0\n").await
    })
    .await;
    job.lines(1..=1).await;
    events.expect("line").await;
}

#[tokio::test]
async fn without_any_key_pages_are_unavailable_and_streams_say_so_in_a_good_answer() {
    let clerk = Clerk::new();
    let keys = KeyServer::start(&clerk);
    keys.answer(Answer::Status(503));
    let policy = Policy {
        issuer: clerk.issuer().to_owned(),
        authorized_parties: vec![clerk.party().to_owned()],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, Keys::jwks(JwksOptions::new(keys.url())).unwrap()).unwrap();
    let settings = settings();
    let keeper = std::sync::Arc::new(ClerkGatekeeper::new(verifier, None, settings.origins.clone()));
    let gateway = Gateway::of(settings, |store| store, keeper, clerk.clone()).await;
    let job = gateway.job("ana").await;
    let answer = gateway.get_as("ana", &job.path("/logs")).whole().await;
    answer.refused(503, "auth_unavailable");
    assert_eq!(answer.header("retry-after"), "5");
    let mut events = gateway.get_as("ana", &job.stream()).events().await;
    assert_eq!(events.expect("unavailable").await.data["reason"], "auth_unavailable");
    events.closed().await;
    assert_eq!(gateway.get("/readyz").whole().await.json()["missing"][0], "keys");
    // A token that no key could make good is refused all the same.
    let shapeless = gateway.get(&job.path("/logs")).header("authorization", "Bearer x.y.z");
    shapeless.whole().await.refused(401, "token_invalid");
}

/// A key that is removed right after it was checked, before the stream it lets in is there to be ended.
#[derive(Debug)]
struct Fickle(std::sync::Arc<dyn Gatekeeper>);

#[async_trait::async_trait]
impl Gatekeeper for Fickle {
    async fn identify(&self, head: &http::request::Parts) -> Result<Identity, Denied> {
        self.0.identify(head).await
    }

    fn accepts(&self, _key: &Key) -> bool {
        false
    }
}

#[tokio::test]
async fn a_key_removed_while_a_stream_is_being_opened_opens_none() {
    let (settings, clerk) = (settings(), Clerk::new());
    let keeper = crate::common::clerk_gatekeeper(&clerk, &settings.origins);
    let gateway = Gateway::of(settings, |store| store, std::sync::Arc::new(Fickle(keeper)), clerk).await;
    let job = gateway.job("ana").await;
    gateway
        .get_as("ana", &job.stream())
        .whole()
        .await
        .refused(401, "token_invalid");
    let metrics = gateway.get_admin("/metrics").whole().await;
    assert!(
        metrics.text().contains("tailwater_gateway_streams 0\n"),
        "its place is free again"
    );
}
