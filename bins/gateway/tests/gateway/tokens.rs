//! The tokens that are data, over HTTP and by both carriers.

use std::sync::Arc;

use auth_clerk::{JwksOptions, Keys, Policy, Verifier};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tailwater_gateway::ClerkGatekeeper;
use testkit::clerk::{Answer, Clerk, KeyServer};
use testkit::tokens::{Case, Verdict, cases, neighbours};
use tokio::net::TcpStream;

use crate::access::comparable;
use crate::common::{Gateway, Whole, clerk_gatekeeper, settings, until, within};

/// One connection for hundreds of requests.
struct Client(http1::SendRequest<Empty<Bytes>>);

impl Client {
    async fn of(gateway: &Gateway) -> Self {
        let stream = TcpStream::connect(gateway.address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn ask(&mut self, path: &str, name: &str, value: &str) -> Whole {
        within(self.0.ready()).await.unwrap();
        let request = Request::get(path).header("host", "gateway.test").header(name, value);
        let answer = within(self.0.send_request(request.body(Empty::new()).unwrap()))
            .await
            .unwrap();
        let (head, body) = answer.into_parts();
        Whole {
            status: head.status,
            headers: head.headers,
            body: within(body.collect()).await.unwrap().to_bytes(),
        }
    }
}

/// Whether a header can carry it unchanged: no white space to trim, nothing that ends a cookie.
fn fits_a_header(case: &Case) -> bool {
    case.token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';')
}

async fn every_verdict(gateway: &Gateway, expected: impl Fn(&Case) -> Verdict) {
    let job = gateway.job("ana").await;
    let mut client = Client::of(gateway).await;
    let refused = |code: &str| {
        let code = code.to_owned();
        move |answer: &Whole| answer.status == 401 && answer.json()["code"] == code.as_str()
    };
    let (missing, expired, invalid) = (
        refused("token_missing"),
        refused("token_expired"),
        refused("token_invalid"),
    );
    let (mut asked, mut faults, mut alike) = (0, Vec::new(), None);
    for case in cases(&gateway.clerk).iter().filter(|case| fits_a_header(case)) {
        for (name, value) in [
            ("authorization", format!("Bearer {}", case.token)),
            ("cookie", format!("a=b; __session={}", case.token)),
        ] {
            let answer = client.ask(&job.path("/logs"), name, &value).await;
            asked += 1;
            let fits = match expected(case) {
                Verdict::Good => answer.status == 200,
                Verdict::Refused("token-missing") => missing(&answer),
                Verdict::Refused("token-expired") => expired(&answer),
                Verdict::Refused(_) | Verdict::RefusedSomehow => {
                    // Which check it was is nobody's business: all these answers are one.
                    let alike = alike.get_or_insert_with(|| comparable(&answer));
                    invalid(&answer) && comparable(&answer) == *alike
                }
            };
            if !fits {
                faults.push(format!("{} by {name}: {} {}", case.name, answer.status, answer.text()));
            }
        }
    }
    assert!(asked >= 700, "{asked}");
    assert!(faults.is_empty(), "{faults:#?}");
}

#[tokio::test]
async fn hundreds_of_tokens_get_their_verdict_by_both_carriers_with_a_given_key() {
    let gateway = Gateway::start().await;
    every_verdict(&gateway, |case| case.expected_of_one_key).await;
}

#[tokio::test]
async fn hundreds_of_tokens_get_their_verdict_by_both_carriers_with_a_set_full_of_odd_neighbours() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let mut keys: Vec<_> = neighbours(&clerk).into_iter().map(|(_, key)| key).collect();
    keys.insert(0, clerk.jwk());
    server.answer(Answer::Body(json!({ "keys": keys }).to_string().into_bytes()));
    let policy = Policy {
        issuer: clerk.issuer().to_owned(),
        authorized_parties: vec![clerk.party().to_owned()],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, Keys::jwks(JwksOptions::new(server.url())).unwrap()).unwrap();
    let settings = settings();
    let keeper = Arc::new(ClerkGatekeeper::new(verifier, None, settings.origins.clone()));
    let gateway = Gateway::of(settings, |store| store, keeper, clerk).await;
    until("keys are there", async || {
        gateway.get("/readyz").whole().await.status == 200
    })
    .await;
    every_verdict(&gateway, |case| case.expected).await;
}

#[tokio::test]
async fn a_suffixed_cookie_is_read_where_one_is_configured_and_no_other() {
    let clerk = Clerk::new();
    let settings = settings();
    let policy = Policy {
        issuer: clerk.issuer().to_owned(),
        authorized_parties: vec![clerk.party().to_owned()],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, Keys::pem(&clerk.pem()).unwrap()).unwrap();
    let keeper = Arc::new(ClerkGatekeeper::new(
        verifier,
        Some("0aB-_9xY"),
        settings.origins.clone(),
    ));
    let gateway = Gateway::of(settings, |store| store, keeper, clerk).await;
    let job = gateway.job("ana").await;
    let (ana, bob) = (gateway.token("ana"), gateway.token("bob"));
    let ask = |cookie: String| gateway.get(&job.path("/logs")).header("cookie", &cookie).whole();
    assert_eq!(
        ask(format!("__session={bob}; __session_0aB-_9xY={ana}")).await.status,
        200
    );
    ask(format!("__session={ana}")).await.refused(401, "token_missing");
    ask(format!("__session={ana}; __session_0aB-_9xY={bob}"))
        .await
        .refused(404, "job_not_found");
}

#[tokio::test]
async fn whatever_the_headers_say_a_request_means_one_token_or_none() {
    let gateway = Gateway::start().await;
    let job = gateway.job("ana").await;
    let (ana, bob) = (gateway.token("ana"), gateway.token("bob"));
    let (for_ana, for_bob) = (format!("Bearer {ana}"), format!("Bearer {bob}"));
    let cookie = format!("__session={ana}");
    let both = format!("__session={ana}; __session={bob}");
    // The header decides when it is there, two tokens are none, and the query is never looked at.
    for (headers, status, code) in [
        (
            vec![("authorization", &*for_bob), ("cookie", &*cookie)],
            404,
            "job_not_found",
        ),
        (
            vec![("authorization", "Bearer"), ("cookie", &*cookie)],
            401,
            "token_missing",
        ),
        (
            vec![("authorization", "Basic eA=="), ("cookie", &*cookie)],
            401,
            "token_missing",
        ),
        (
            vec![("authorization", &*for_ana), ("authorization", &*for_ana)],
            401,
            "token_invalid",
        ),
        (vec![("cookie", &*both)], 401, "token_invalid"),
        (vec![("proxy-authorization", &*for_ana)], 401, "token_missing"),
        (vec![("x-authorization", &*for_ana)], 401, "token_missing"),
    ] {
        for query in ["", "?limit=1"] {
            let ask = gateway.get(&format!("{}{query}", job.path("/logs")));
            let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
            ask.whole().await.refused(status, code);
        }
    }
    let path = format!("{}?token={ana}&access_token={ana}&__session={ana}", job.path("/logs"));
    let answer = gateway.get(&path).whole().await;
    answer.refused(401, "token_missing");
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("Authorization header") && detail.contains("session cookie"),
        "{detail}"
    );
    // One beside a good token changes nothing; it is not read.
    let path = format!("{}?token={bob}", job.path("/logs"));
    assert_eq!(
        gateway
            .get(&path)
            .header("authorization", &for_ana)
            .whole()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn nobody_is_looked_up_for_who_has_no_good_token() {
    let called = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let calls = Arc::clone(&called);
    let wrap = move |inner| {
        let hook = move |name: &'static str| -> futures::future::BoxFuture<'static, stream_store::Result<()>> {
            calls.lock().push(name);
            Box::pin(async { Ok(()) })
        };
        Arc::new(crate::common::Hooked {
            inner,
            hook: Arc::new(hook),
        }) as Arc<dyn stream_store::LogStore>
    };
    let settings = settings();
    let clerk = Clerk::new();
    let keeper = clerk_gatekeeper(&clerk, &settings.origins);
    let gateway = Gateway::of(settings, wrap, keeper, clerk).await;
    let job = gateway.job("ana").await;
    for ask in crate::access::ASKS {
        for path in [
            job.path(ask),
            format!("/v1/jobs/no-such-job{ask}"),
            format!("/v1/jobs/a%20b{ask}"),
        ] {
            gateway.get(&path).whole().await.refused(401, "token_missing");
            let cookie = format!("__session={}", gateway.token("ana"));
            let foreign = gateway
                .get(&path)
                .header("cookie", &cookie)
                .header("origin", "https://evil.example");
            foreign.whole().await.refused(403, "origin_not_allowed");
            let forged = gateway
                .clerk
                .session("user_ana")
                .signed_by(&gateway.clerk.rotated())
                .token();
            let forged = gateway.get(&path).header("authorization", &format!("Bearer {forged}"));
            forged.whole().await.refused(401, "token_invalid");
        }
    }
    assert_eq!(*called.lock(), [""; 0]);
}
