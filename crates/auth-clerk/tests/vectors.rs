//! The published examples of RS256 signatures: a public test suite's and those of the standards.

use auth_clerk::{Jwks, Jws, Rejection};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Suite {
    public: Option<Value>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    comment: String,
    public: Option<Value>,
    /// The token's parts; what is between them stands between them in the token as a full stop.
    jws: Vec<String>,
    result: String,
}

fn payload(public: &Value, token: &str) -> Result<Vec<u8>, Rejection> {
    let set = Jwks::parse(json!({ "keys": [public] }).to_string().as_bytes()).expect("a key set of one key");
    assert_eq!(set.key_ids().len(), 1, "the suite's key is one to verify with");
    Ok(set.check(&Jws::parse(token)?)?.payload().to_vec())
}

/// Runs a suite; returns how many of its tokens were good and how many were not.
fn check(suite: &str) -> (usize, usize) {
    let suite: Suite = serde_json::from_str(suite).expect("a suite");
    let mut counts = (0, 0);
    for case in &suite.tests {
        let public = case
            .public
            .as_ref()
            .or(suite.public.as_ref())
            .expect("a key to check with");
        let verdict = payload(public, &case.jws.join("."));
        assert_eq!(verdict.is_ok(), case.result == "valid", "{}: {verdict:?}", case.comment);
        match verdict {
            Ok(_) => counts.0 += 1,
            Err(_) => counts.1 += 1,
        }
    }
    counts
}

#[test]
fn the_public_suite_is_judged_as_it_says() {
    assert_eq!(check(include_str!("vectors/wycheproof_rs256.json")), (1, 27));
}

#[test]
fn the_examples_of_the_standards_are_judged_by_their_signature_and_their_key_id() {
    assert_eq!(check(include_str!("vectors/rfc_rs256.json")), (1, 1));
}

#[test]
fn a_good_signature_gives_exactly_the_bytes_that_were_signed() {
    let suite: Suite = serde_json::from_str(include_str!("vectors/rfc_rs256.json")).expect("a suite");
    let case = &suite.tests[0];
    let payload = payload(case.public.as_ref().unwrap(), &case.jws.join(".")).unwrap();
    let text = String::from_utf8(payload).unwrap();
    assert!(
        text.starts_with("It\u{2019}s a dangerous business") && text.ends_with("swept off to."),
        "{text}"
    );
}

#[test]
fn a_wrong_padding_is_refused_for_its_signature_and_not_before() {
    let suite: Suite = serde_json::from_str(include_str!("vectors/wycheproof_rs256.json")).expect("a suite");
    let public = suite.public.as_ref().unwrap();
    let padded: Vec<_> = suite.tests.iter().skip(13).collect();
    assert_eq!(padded.len(), 15);
    for case in padded {
        assert_eq!(
            payload(public, &case.jws.join(".")).err(),
            Some(Rejection::TokenInvalidSignature),
            "{}",
            case.comment
        );
    }
}
