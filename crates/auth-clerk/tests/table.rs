//! Several hundred tokens, each with its verdict: with one given key, and with a fetched set full of odd neighbours.

use auth_clerk::{JwksOptions, Keys, Policy, Rejection, Session, Verifier};
use serde_json::json;
use std::time::{Duration, SystemTime};
use testkit::clerk::{Answer, Clerk, ISSUER, KeyServer, PARTY};
use testkit::tokens::{USER, Verdict, cases, neighbours};

fn policy() -> Policy {
    Policy {
        issuer: ISSUER.to_owned(),
        authorized_parties: vec![PARTY.to_owned()],
        ..Policy::default()
    }
}

async fn verify(verifier: &Verifier, token: &str) -> Result<Session, Rejection> {
    tokio::time::timeout(Duration::from_secs(30), verifier.verify(token, SystemTime::now()))
        .await
        .expect("it ends in good time")
}

/// What is wrong with what was found, if anything is.
fn fault(name: &str, found: &Result<Session, Rejection>, expected: Verdict) -> Option<String> {
    let fits = match (found, expected) {
        (Ok(session), Verdict::Good) => session.user == USER,
        (Err(rejection), Verdict::Refused(reason)) => rejection.reason() == reason,
        (found, Verdict::RefusedSomehow) => found.is_err(),
        _ => false,
    };
    (!fits).then(|| format!("{name}: {found:?} instead of {expected:?}"))
}

#[track_caller]
fn check(name: &str, found: &Result<Session, Rejection>, expected: Verdict) {
    assert_eq!(fault(name, found, expected), None);
}

#[tokio::test]
async fn every_token_gets_its_verdict_by_a_given_key() {
    let clerk = Clerk::new();
    let verifier = Verifier::new(policy(), Keys::pem(&clerk.pem()).unwrap()).unwrap();
    let cases = cases(&clerk);
    assert!(cases.len() >= 400, "{} cases", cases.len());
    let mut faults = Vec::new();
    for case in cases {
        faults.extend(fault(
            &case.name,
            &verify(&verifier, &case.token).await,
            case.expected_of_one_key,
        ));
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

fn set(keys: &[serde_json::Value]) -> Answer {
    Answer::Body(json!({ "keys": keys }).to_string().into_bytes())
}

fn fetching(server: &KeyServer) -> Verifier {
    let options = JwksOptions {
        fresh: Duration::from_secs(3600),
        ..JwksOptions::new(server.url())
    };
    let keys = Keys::jwks(options).expect("the options are in range");
    Verifier::new(policy(), keys).expect("the policy is complete")
}

#[tokio::test]
async fn every_token_gets_its_verdict_by_a_set_full_of_odd_neighbours() {
    let clerk = Clerk::new();
    let server = KeyServer::start(&clerk);
    let mut keys: Vec<_> = neighbours(&clerk).into_iter().map(|(_, key)| key).collect();
    keys.insert(keys.len() / 2, clerk.jwk());
    server.answer(set(&keys));
    let verifier = fetching(&server);
    let mut faults = Vec::new();
    for case in cases(&clerk) {
        faults.extend(fault(&case.name, &verify(&verifier, &case.token).await, case.expected));
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // One at the start, and one for the first token that the keys did not account for.
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_neighbour_costs_nobody_anything_on_either_side_and_signs_for_nobody() {
    let clerk = Clerk::new();
    let good = clerk.session(USER).token();
    let forged: Vec<String> = [clerk.rotated(), Clerk::of(2048, 3, 0), Clerk::of(1024, 65537, 0)]
        .iter()
        .map(|other| clerk.session(USER).signed_by(other).token())
        .collect();
    for (name, neighbour) in neighbours(&clerk) {
        for keys in [[neighbour.clone(), clerk.jwk()], [clerk.jwk(), neighbour.clone()]] {
            let server = KeyServer::start(&clerk);
            server.answer(set(&keys));
            let verifier = fetching(&server);
            check(name, &verify(&verifier, &good).await, Verdict::Good);
            for forged in &forged {
                check(
                    name,
                    &verify(&verifier, forged).await,
                    Verdict::Refused("token-invalid-signature"),
                );
            }
        }
    }
}
