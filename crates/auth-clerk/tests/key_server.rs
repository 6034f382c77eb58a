//! The key server as an outage and as an adversary, over real sockets.

use auth_clerk::{Class, JwksOptions, KeySet, Keys, Policy, Rejection, Session, SetupError, Verifier};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use testkit::clerk::{Answer, Clerk, ISSUER, KeyServer, PARTY};
use tokio::task::JoinSet;

fn policy() -> Policy {
    Policy {
        issuer: ISSUER.to_owned(),
        authorized_parties: vec![PARTY.to_owned()],
        ..Policy::default()
    }
}

/// Nothing is fetched in the background while a test runs, and a failed fetch is soon forgiven.
fn options(server: &KeyServer) -> JwksOptions {
    JwksOptions {
        fresh: Duration::from_secs(3600),
        back_off: Duration::from_millis(10),
        ..JwksOptions::new(server.url())
    }
}

fn verifier_with(options: JwksOptions) -> Arc<Verifier> {
    let keys = Keys::jwks(options).expect("the options are in range");
    Arc::new(Verifier::new(policy(), keys).expect("the policy is complete"))
}

fn verifier(server: &KeyServer) -> Arc<Verifier> {
    verifier_with(options(server))
}

async fn verify(verifier: &Verifier, token: &str) -> Result<Session, Rejection> {
    within(verifier.verify(token, SystemTime::now())).await
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work)
        .await
        .expect("it ends in good time")
}

async fn until(verifier: &Verifier, met: impl Fn(&KeySet) -> bool) {
    let mut keys = verifier.keys();
    within(keys.wait_for(|keys| met(keys)))
        .await
        .expect("the verifier is still there");
}

#[tokio::test]
async fn keys_are_fetched_at_the_start_and_once() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let verifier = verifier(&server);
    until(&verifier, |keys| keys.len() == 1).await;
    assert!(verifier.ready());
    for _ in 0..20 {
        let session = verify(&verifier, &clerk.session("user_ana").token()).await.unwrap();
        assert!(verifier.keys().borrow().contains(&session.key));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn twenty_cold_requests_share_one_fetch() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    server.hold();
    let verifier = verifier(&server);
    let mut waiting = JoinSet::new();
    for _ in 0..20 {
        let (verifier, token) = (Arc::clone(&verifier), clerk.session("user_ana").token());
        waiting.spawn(async move { verify(&verifier, &token).await });
    }
    server.wait_for_requests(1).await;
    assert!(!verifier.ready());
    server.release();
    while let Some(verdict) = waiting.join_next().await {
        assert_eq!(verdict.unwrap().unwrap().user, "user_ana");
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn fifty_unknown_key_ids_cause_one_fetch() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let verifier = verifier(&server);
    until(&verifier, |keys| keys.len() == 1).await;
    let mut waiting = JoinSet::new();
    for n in 0..50 {
        let (verifier, token) = (
            Arc::clone(&verifier),
            clerk.with_kid(format!("ins_{n}")).session("user_ana").token(),
        );
        waiting.spawn(async move { verify(&verifier, &token).await });
    }
    while let Some(verdict) = waiting.join_next().await {
        assert_eq!(verdict.unwrap().err(), Some(Rejection::JwkKidMismatch));
    }
    assert_eq!(server.requests(), 2);
    assert!(verify(&verifier, &clerk.session("user_ana").token()).await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_new_key_id_is_picked_up_at_once() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let verifier = verifier(&server);
    until(&verifier, |keys| keys.len() == 1).await;
    let next = clerk.rotated().with_kid("ins_next");
    server.serve(&next);
    assert!(verify(&verifier, &next.session("user_ana").token()).await.is_ok());
    assert_eq!(
        verify(&verifier, &clerk.session("user_ana").token()).await.err(),
        Some(Rejection::JwkKidMismatch)
    );
}

#[tokio::test]
async fn a_key_changed_under_its_id_is_picked_up_and_the_old_one_stops_at_once() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let verifier = verifier(&server);
    let old = verify(&verifier, &clerk.session("user_ana").token()).await.unwrap();
    server.serve(&clerk.rotated());
    let new = verify(&verifier, &clerk.rotated().session("user_ana").token())
        .await
        .unwrap();
    let keys = verifier.keys();
    assert!(!keys.borrow().contains(&old.key) && keys.borrow().contains(&new.key));
    let verdict = verify(&verifier, &clerk.session("user_ana").token()).await;
    assert_eq!(verdict.err(), Some(Rejection::TokenInvalidSignature));
}

#[tokio::test]
async fn bad_signatures_cause_one_fetch_and_impossible_ones_none() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let verifier = verifier(&server);
    until(&verifier, |keys| keys.len() == 1).await;
    for _ in 0..5 {
        let verdict = verify(&verifier, &clerk.session("user_ana").signature(vec![]).token()).await;
        assert_eq!(verdict.err(), Some(Rejection::TokenInvalidSignature));
    }
    assert_eq!(server.requests(), 1);
    for _ in 0..5 {
        let verdict = verify(
            &verifier,
            &clerk.session("user_ana").signed_by(&clerk.rotated()).token(),
        )
        .await;
        assert_eq!(verdict.err(), Some(Rejection::TokenInvalidSignature));
    }
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn an_emptied_set_refuses_everyone_and_says_so() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let verifier = verifier_with(JwksOptions {
        fresh: Duration::from_millis(40),
        ..options(&server)
    });
    until(&verifier, |keys| keys.len() == 1).await;
    server.answer(Answer::Body(br#"{"keys":[]}"#.to_vec()));
    until(&verifier, KeySet::is_empty).await;
    assert!(!verifier.ready());
    let verdict = verify(&verifier, &clerk.session("user_ana").token()).await;
    assert_eq!(verdict.err(), Some(Rejection::JwkKidMismatch));
}

fn misbehaviour() -> Vec<Answer> {
    vec![
        Answer::Status(500),
        Answer::Status(503),
        Answer::Status(404),
        Answer::Status(204),
        Answer::Status(206),
        Answer::Silent,
        Answer::HeadOnly,
        Answer::Endless,
        Answer::Huge(1024 * 1024 + 1),
        Answer::CutShort,
        Answer::HangUp,
        Answer::Garbage,
        // Never in time: nothing but a head that never ends, a body that never does, a chunk's length that never does.
        Answer::Trickle(""),
        Answer::Trickle("HTTP/1.1 200 OK\r\nx-slow: "),
        Answer::Trickle("HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n"),
        Answer::Trickle("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1"),
        Answer::Trickle("HTTP/1.1 200 OK\r\n\r\n{\"keys\":["),
        Answer::Trickle("HTTP/1.1 100 Continue\r\n\r\n"),
        // Asked for plain, sent compressed: not unpacked, since what unpacks to gigabytes fits into the limit.
        Answer::gzipped(Clerk::new().jwks().as_bytes()),
        Answer::Headed("content-encoding: br\r\n".to_owned(), vec![0x1b; 40]),
        Answer::Headed("location: http://127.0.0.1:1/\r\n".to_owned(), b"moved".to_vec()),
        Answer::Status(301),
        Answer::Status(304),
        Answer::Status(401),
        Answer::Status(429),
        Answer::Body(Vec::new()),
        Answer::Body(br#"{"keys":[],"keys":[]}"#.to_vec()),
        Answer::Body(format!("{{\"keys\":[]}}{}", "x").into_bytes()),
        Answer::Body(b"<html>sign in to the hotel's network</html>".to_vec()),
        Answer::Body(br#"{"errors":[{"message":"try again"}]}"#.to_vec()),
        Answer::Body(b"{\"keys\":[\xff]}".to_vec()),
        Answer::Body(format!("{{\"keys\":{}{}}}", "[".repeat(5000), "]".repeat(5000)).into_bytes()),
    ]
}

#[tokio::test]
async fn cold_and_badly_answered_is_unavailable_and_never_a_yes() {
    let clerk = Clerk::new();
    for answer in misbehaviour() {
        let server = KeyServer::start(&clerk);
        server.answer(answer.clone());
        let limited = JwksOptions {
            timeout: Duration::from_millis(300),
            back_off: Duration::from_secs(60),
            ..options(&server)
        };
        let verifier = verifier_with(limited);
        let rejection = verify(&verifier, &clerk.session("user_ana").token()).await.unwrap_err();
        assert_eq!(
            (rejection, rejection.class()),
            (Rejection::JwkUnavailable, Class::Unavailable),
            "{answer:?}"
        );
        assert!(!verifier.ready() && verifier.keys().borrow().is_empty(), "{answer:?}");
        let status = verifier.key_status();
        assert_eq!(
            (status.keys, status.age, status.fetched, status.failed),
            (0, None, 0, 1),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn keys_at_hand_outlive_every_misbehaviour() {
    let clerk = Clerk::new();
    for answer in misbehaviour() {
        let server = KeyServer::start(&clerk);
        let verifier = verifier_with(JwksOptions {
            timeout: Duration::from_millis(300),
            ..options(&server)
        });
        until(&verifier, |keys| keys.len() == 1).await;
        server.answer(answer.clone());
        // An unknown key id makes it fetch, in vain.
        let verdict = verify(&verifier, &clerk.with_kid("ins_x").session("user_ana").token()).await;
        assert_eq!(verdict.err(), Some(Rejection::JwkKidMismatch), "{answer:?}");
        assert!(verifier.key_status().failed >= 1, "{answer:?}");
        assert!(
            verify(&verifier, &clerk.session("user_ana").token()).await.is_ok(),
            "{answer:?}"
        );
        assert!(verifier.ready() && verifier.keys().borrow().len() == 1, "{answer:?}");
    }
}

#[tokio::test]
async fn a_good_set_is_taken_whatever_the_answer_calls_itself() {
    let clerk = Clerk::new();
    for headers in [
        "",
        "content-type: text/html\r\n",
        "content-type: application/jwk-set+json; charset=utf-8\r\n",
    ] {
        let server = KeyServer::start(&clerk);
        server.answer(Answer::Headed(headers.to_owned(), clerk.jwks().into_bytes()));
        let verdict = verify(&verifier(&server), &clerk.session("user_ana").token()).await;
        assert!(verdict.is_ok(), "{headers}: {verdict:?}");
    }
}

#[tokio::test]
async fn an_empty_set_at_the_start_lets_nobody_in_and_is_not_ready() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    server.answer(Answer::Body(br#"{"keys":[]}"#.to_vec()));
    let verifier = verifier(&server);
    let verdict = verify(&verifier, &clerk.session("user_ana").token()).await;
    assert_eq!(verdict.err(), Some(Rejection::JwkKidMismatch));
    assert!(!verifier.ready());
}

#[tokio::test]
async fn a_server_whose_certificate_nobody_vouches_for_is_unavailable() {
    let clerk = Clerk::new();
    let (server, _certificate) = KeyServer::start_tls(&clerk);
    let plain = KeyServer::start(&clerk);
    for url in [server.url(), plain.url().replace("http://", "https://")] {
        let verifier = verifier_with(JwksOptions {
            back_off: Duration::from_secs(60),
            ..JwksOptions::new(url)
        });
        let verdict = verify(&verifier, &clerk.session("user_ana").token()).await;
        assert_eq!(verdict.err(), Some(Rejection::JwkUnavailable));
    }
    assert_eq!((server.requests(), plain.requests()), (0, 0));
}

#[tokio::test]
async fn nobody_listening_is_unavailable_at_once() {
    let clerk = Clerk::new();
    let gone = KeyServer::start(&clerk).url();
    let verifier = verifier_with(JwksOptions {
        // Far longer than any wait of these tests: a refused connection is not waited for.
        timeout: Duration::from_secs(600),
        back_off: Duration::from_secs(60),
        ..JwksOptions::new(gone)
    });
    let verdict = verify(&verifier, &clerk.session("user_ana").token()).await;
    assert_eq!(verdict.err(), Some(Rejection::JwkUnavailable));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (clerk, evil) = (Clerk::new(), Clerk::new().rotated());
    let (server, elsewhere) = (KeyServer::start(&clerk), KeyServer::start(&evil));
    server.answer(Answer::Redirect(elsewhere.url()));
    let verifier = verifier_with(JwksOptions {
        back_off: Duration::from_secs(60),
        ..options(&server)
    });
    let verdict = verify(&verifier, &evil.session("user_ana").token()).await;
    assert_eq!(verdict.err(), Some(Rejection::JwkUnavailable));
    assert_eq!((server.requests(), elsewhere.requests()), (1, 0));
}

#[tokio::test]
async fn an_answer_as_large_as_the_limit_is_read() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let mut body = clerk.jwks().into_bytes();
    body.resize(1024 * 1024, b' ');
    server.answer(Answer::Body(body));
    assert!(
        verify(&verifier(&server), &clerk.session("user_ana").token())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_server_that_comes_up_late_is_found() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    server.answer(Answer::Status(503));
    let verifier = verifier_with(JwksOptions {
        back_off_limit: Duration::from_millis(20),
        ..options(&server)
    });
    server.wait_for_requests(3).await;
    server.serve(&clerk);
    until(&verifier, |keys| keys.len() == 1).await;
    assert!(verify(&verifier, &clerk.session("user_ana").token()).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_stop_the_fetch() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    server.hold();
    let verifier = verifier(&server);
    let caller = tokio::spawn({
        let (verifier, token) = (Arc::clone(&verifier), clerk.session("user_ana").token());
        async move { verify(&verifier, &token).await }
    });
    server.wait_for_requests(1).await;
    caller.abort();
    server.release();
    until(&verifier, |keys| keys.len() == 1).await;
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn nothing_is_fetched_once_the_verifier_is_gone() {
    let server = KeyServer::start(&Clerk::new());
    server.hold();
    let verifier = verifier(&server);
    let mut keys = verifier.keys();
    server.wait_for_requests(1).await;
    drop(verifier);
    // The watch ends, and the server sees its caller hang up.
    assert!(within(keys.changed()).await.is_err());
    server.release();
    server.wait_for_answers(1).await;
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_given_key_needs_no_network() {
    let clerk = Clerk::new();
    let verifier = Verifier::new(policy(), Keys::pem(&clerk.pem()).unwrap()).unwrap();
    assert!(verifier.ready());
    let session = verify(&verifier, &clerk.session("user_ana").token()).await.unwrap();
    assert!(verifier.keys().borrow().contains(&session.key));
}

#[test]
fn a_set_up_that_cannot_work_says_why() {
    let keys = || Keys::jwks(JwksOptions::new("http://127.0.0.1:1/")).unwrap();
    assert!(matches!(Verifier::new(policy(), keys()), Err(SetupError::NoRuntime)));
    assert!(matches!(
        Verifier::new(Policy::default(), keys()),
        Err(SetupError::NoIssuer)
    ));
    let never = JwksOptions {
        fresh: Duration::ZERO,
        ..JwksOptions::new("http://127.0.0.1:1/")
    };
    assert!(matches!(Keys::jwks(never), Err(SetupError::Options(_))));
    assert!(matches!(
        Keys::jwks(JwksOptions::new("http://clerk.example.com/")),
        Err(SetupError::Url(_))
    ));
    assert!(matches!(Keys::pem("nonsense!"), Err(SetupError::Pem(_))));
}
