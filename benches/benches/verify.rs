//! What does strictness cost: a whole verification of a session token beside the bare RSA arithmetic in it?
//!
//! The aim is at most 25 µs a token with a 2048-bit key, with no key built on the way. `refused_by_header` is what a
//! flood of rubbish costs, `forged` what a flood of well-shaped forgeries costs.

use auth_clerk::{Jwks, Jws, Keys, Policy, Verifier};
use criterion::{Criterion, criterion_group, criterion_main};
use josekit::jws::{JwsVerifier as _, RS256};
use std::hint::black_box;
use std::time::SystemTime;
use testkit::clerk::{Clerk, ISSUER, PARTY};
use testkit::tokens::neighbours;

fn verify(c: &mut Criterion) {
    let clerk = Clerk::new();
    let policy = Policy {
        issuer: ISSUER.to_owned(),
        authorized_parties: vec![PARTY.to_owned()],
        ..Policy::default()
    };
    let keys = Keys::pem(&clerk.pem()).expect("the stand-in's key is one to verify with");
    let verifier = Verifier::new(policy, keys).expect("the policy is complete");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers starts");
    let now = SystemTime::now();
    let mut group = c.benchmark_group("verify");

    let whole = |token: &str| runtime.block_on(verifier.verify(black_box(token), now));
    let session = clerk
        .session("user_2GbDB4enHdCa5vS1zpC3Xzg9tK9")
        .org("org_2GIoQhbUpy0hX7B2cVkuTMinXoD", "admin");
    let good = session.token();
    assert!(whole(&good).is_ok());
    group.bench_function("session_token", |b| b.iter(|| whole(&good)));

    // The arithmetic alone, as the crypto library has it: what no verification can be cheaper than.
    let (input, _) = good.rsplit_once('.').expect("a token has a signature");
    let signature = clerk.sign(input);
    let mut jwk = josekit::jwk::Jwk::new("RSA");
    for name in ["n", "e"] {
        let number = clerk.jwk()[name].clone();
        jwk.set_parameter(name, Some(number)).expect("a number of a key");
    }
    let rsa = RS256
        .verifier_from_jwk(&jwk)
        .expect("the stand-in's key is one to verify with");
    assert!(rsa.verify(input.as_bytes(), &signature).is_ok());
    group.bench_function("josekit_rsa_alone", |b| {
        b.iter(|| rsa.verify(black_box(input.as_bytes()), black_box(&signature)).is_ok())
    });

    // A token that is taken apart already.
    let set = Jwks::parse(clerk.jwks().as_bytes()).expect("the stand-in serves a key set");
    let jws = Jws::parse(&good).expect("the token is well-formed");
    group.bench_function("signature_alone", |b| b.iter(|| set.check(black_box(&jws)).is_ok()));

    group.bench_function("parse_alone", |b| b.iter(|| Jws::parse(black_box(&good)).is_ok()));

    let forged = session.clone().signed_by(&clerk.rotated()).token();
    assert!(whole(&forged).is_err());
    group.bench_function("forged", |b| b.iter(|| whole(&forged)));

    let wrong = session.header("alg", "HS256").token();
    assert!(whole(&wrong).is_err());
    group.bench_function("refused_by_header", |b| b.iter(|| whole(&wrong)));

    // What a fetched set costs, off the path of any token: one key, and one among odd neighbours.
    let one = clerk.jwks();
    group.bench_function("key_set", |b| b.iter(|| Jwks::parse(black_box(one.as_bytes()))));
    let mut keys: Vec<_> = neighbours(&clerk).into_iter().map(|(_, key)| key).collect();
    keys.push(clerk.jwk());
    let odd = serde_json::json!({ "keys": keys }).to_string();
    group.bench_function("key_set_with_odd_neighbours", |b| {
        b.iter(|| Jwks::parse(black_box(odd.as_bytes())))
    });
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
