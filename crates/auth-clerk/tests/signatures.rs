//! Forged, spoilt and swapped signatures, all under a key that is known.

use auth_clerk::{Keys, Policy, Rejection, Verifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use std::time::SystemTime;
use testkit::clerk::{Clerk, ISSUER, Mint, PARTY};

fn verifier() -> Verifier {
    let policy = Policy {
        issuer: ISSUER.to_owned(),
        authorized_parties: vec![PARTY.to_owned()],
        ..Policy::default()
    };
    let keys = Keys::pem(&Clerk::new().pem()).expect("the stand-in's key is one to verify with");
    Verifier::new(policy, keys).expect("the policy is complete")
}

fn session() -> Mint {
    Clerk::new().session("user_ana")
}

async fn check(token: &str, expected: Rejection) {
    assert_eq!(
        verifier().verify(token, SystemTime::now()).await.err(),
        Some(expected),
        "{token}"
    );
}

#[tokio::test]
async fn a_good_token_is_let_in_under_any_key_id_when_the_key_is_given() {
    for token in [
        session().token(),
        session().header("kid", "ins_other").token(),
        session().without_header("typ").without_header("cat").token(),
    ] {
        assert_eq!(
            verifier().verify(&token, SystemTime::now()).await.unwrap().user,
            "user_ana"
        );
    }
}

#[tokio::test]
async fn a_signature_by_anyone_else_is_refused() {
    check(
        &session().signed_by(&Clerk::new().rotated()).token(),
        Rejection::TokenInvalidSignature,
    )
    .await;
    check(
        &session().signed_by(&Clerk::of(3072, 65537, 0)).token(),
        Rejection::TokenInvalidSignature,
    )
    .await;
    check(
        &session().signed_by(&Clerk::of(1024, 65537, 0)).token(),
        Rejection::TokenInvalidSignature,
    )
    .await;
}

#[tokio::test]
async fn a_signature_of_another_token_is_refused() {
    let ana = session().token();
    let (_, signature) = ana.rsplit_once('.').unwrap();
    let ben = Clerk::new().session("user_ben").signing_input();
    check(&format!("{ben}.{signature}"), Rejection::TokenInvalidSignature).await;
}

#[tokio::test]
async fn a_signature_of_the_wrong_shape_is_refused() {
    let good = Clerk::new().sign(session().signing_input());
    let cut = &good[1..];
    for signature in [
        vec![],
        vec![0],
        vec![0; 256],
        vec![0xff; 256],
        vec![1; 4096],
        cut.to_vec(),
        [&[0], &good[..]].concat(),
        [&good[..], &[0]].concat(),
    ] {
        check(
            &session().signature(signature).token(),
            Rejection::TokenInvalidSignature,
        )
        .await;
    }
}

#[tokio::test]
async fn the_public_key_is_no_shared_secret() {
    // The old trick: an HMAC with the public key's text as its secret, under an algorithm the token chooses.
    for alg in ["HS256", "none", "PS256", "RS512"] {
        let forged = session().header("alg", alg);
        check(
            &forged.clone().signature(vec![0; 32]).token(),
            Rejection::TokenInvalidAlgorithm,
        )
        .await;
        check(
            &forged.clone().signature(vec![]).token(),
            Rejection::TokenInvalidAlgorithm,
        )
        .await;
        check(&forged.token(), Rejection::TokenInvalidAlgorithm).await;
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_along_is_not_looked_at() {
    let other = Clerk::new().rotated();
    let forged = session()
        .header("jwk", other.jwk())
        .header("jku", "http://127.0.0.1:1/")
        .header("x5u", "http://127.0.0.1:1/");
    check(&forged.signed_by(&other).token(), Rejection::TokenInvalidSignature).await;
}

#[tokio::test]
async fn other_kinds_of_token_by_the_same_key_are_refused() {
    check(&session().header("typ", "at+jwt").token(), Rejection::TokenTypeMismatch).await;
    check(
        &session().header("cat", "cl_B7d4PD222AAA").token(),
        Rejection::TokenTypeMismatch,
    )
    .await;
    check(
        &session().header("crit", serde_json::json!([])).token(),
        Rejection::TokenInvalid,
    )
    .await;
    check(&session().header("b64", false).token(), Rejection::TokenInvalid).await;
    check(
        &session().without_claim("sid").without_claim("v").token(),
        Rejection::TokenTypeMismatch,
    )
    .await;
}

#[tokio::test]
async fn an_encrypted_token_or_the_json_form_is_refused() {
    check(&format!("{}.a.b", session().token()), Rejection::TokenInvalid).await;
    check(r#"{"payload":"e30","signatures":[]}"#, Rejection::TokenInvalid).await;
}

#[test]
fn a_rejection_repeats_nothing_of_the_token() {
    let token = session().header("kid", "ins_tell").token();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let rejection = runtime
        .block_on(verifier().verify(&token[..token.len() - 4], SystemTime::now()))
        .unwrap_err();
    let said = format!("{rejection} {rejection:?} {} {:?}", rejection.reason(), verifier());
    assert!(
        !said.contains("ins_tell") && !token.split('.').any(|part| said.contains(part)),
        "{said}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_token_with_one_bit_changed_is_refused(part in 0usize..3, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let token = session().token();
        let mut parts: Vec<Vec<u8>> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        let at = at.index(parts[part].len());
        parts[part][at] ^= 1 << bit;
        let spoilt: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(verifier().verify(&spoilt.join("."), SystemTime::now())).is_err());
    }

    #[test]
    fn a_token_with_one_character_changed_is_refused(at in any::<prop::sample::Index>(), with in "\\PC") {
        let token = session().token();
        let mut changed: Vec<char> = token.chars().collect();
        let at = at.index(changed.len());
        changed[at] = with.chars().next().unwrap();
        let changed: String = changed.into_iter().collect();
        prop_assume!(changed != token);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(verifier().verify(&changed, SystemTime::now())).is_err());
    }

    #[test]
    fn any_text_is_refused(text in "\\PC{0,300}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(verifier().verify(&text, SystemTime::now())).is_err());
    }
}
