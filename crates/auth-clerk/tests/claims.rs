//! Every claim wrong in turn, on tokens that are otherwise perfect and rightly signed.

use auth_clerk::{Keys, Policy, Rejection, Session, Verifier};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use testkit::clerk::{Clerk, ISSUER, Mint, PARTY};

const NOW: u64 = 1_771_754_401;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn policy() -> Policy {
    Policy {
        issuer: ISSUER.to_owned(),
        authorized_parties: vec![PARTY.to_owned(), "http://localhost:3000".to_owned()],
        audience: Vec::new(),
    }
}

fn session() -> Mint {
    Clerk::new().session("user_ana").issued(at(NOW))
}

async fn judge_by(policy: Policy, token: &str, now: SystemTime) -> Result<Session, Rejection> {
    let keys = Keys::pem(&Clerk::new().pem()).expect("the stand-in's key is one to verify with");
    let verifier = Verifier::new(policy, keys).expect("the policy is complete");
    verifier.verify(token, now).await
}

async fn judge(mint: Mint) -> Result<Session, Rejection> {
    judge_by(policy(), &mint.token(), at(NOW)).await
}

async fn all(claim: &str, values: impl IntoIterator<Item = Value>, expected: Rejection) {
    for value in values {
        let verdict = judge(session().claim(claim, value.clone())).await;
        assert_eq!(verdict.err(), Some(expected), "{claim}: {value}");
    }
}

#[tokio::test]
async fn a_session_tells_who_is_asking() {
    let session = judge(session().org("org_team", "admin")).await.unwrap();
    assert_eq!(session.user, "user_ana");
    assert_eq!(session.session_id, "sess_2GbDB4enHdCa5vS1zpC3Xzg9tK9");
    assert_eq!(session.authorized_party, PARTY);
    assert_eq!((session.issued_at, session.expires_at), (NOW, NOW + 60));
    let org = session.org.unwrap();
    assert_eq!((org.id.as_str(), org.role.as_deref()), ("org_team", Some("org:admin")));
}

#[tokio::test]
async fn both_versions_of_the_claims_are_understood() {
    let v1 = judge(session().v1()).await.unwrap();
    assert_eq!((v1.user.as_str(), v1.org), ("user_ana", None));
    let v1 = judge(session().v1().org("org_team", "basic_member")).await.unwrap();
    let v2 = judge(session().org("org_team", "basic_member")).await.unwrap();
    assert_eq!(v1.org, v2.org);
    assert_eq!(v1.org.unwrap().role.as_deref(), Some("org:basic_member"));
}

#[tokio::test]
async fn an_unknown_version_is_refused() {
    all(
        "v",
        [json!(0), json!(3), json!(1.5), json!("2"), json!(null), json!([2])],
        Rejection::TokenInvalid,
    )
    .await;
    assert!(judge(session().v1().claim("v", 1)).await.is_ok());
}

#[tokio::test]
async fn a_version_does_not_believe_the_other_versions_organisation() {
    let v2 = judge(session().claim("org_id", "org_evil").claim("org_role", "org:admin"))
        .await
        .unwrap();
    assert_eq!(v2.org, None);
    let v1 = judge(session().v1().claim("o", json!({"id": "org_evil", "rol": "admin"})))
        .await
        .unwrap();
    assert_eq!(v1.org, None);
}

#[tokio::test]
async fn an_organisation_that_makes_no_sense_is_refused() {
    let odd = [
        json!(null),
        json!("org_x"),
        json!([]),
        json!({}),
        json!({"id": 1}),
        json!({"id": null}),
        json!({"id": "user_x"}),
        json!({"id": "org_"}),
        json!({"id": "org_a b"}),
        json!({"id": "org_x", "rol": 1}),
        json!({"id": "org_x", "rol": null}),
    ];
    all("o", odd, Rejection::TokenInvalid).await;
    for odd in [json!(null), json!(""), json!("team"), json!(1)] {
        let verdict = judge(session().v1().claim("org_id", odd.clone())).await;
        assert_eq!(verdict.err(), Some(Rejection::TokenInvalid), "{odd}");
    }
}

#[tokio::test]
async fn the_issuer_is_exact() {
    let wrong = [
        json!(""),
        json!("https://clerk.example.com/"),
        json!("https://CLERK.example.com"),
        json!("http://clerk.example.com"),
        json!("https://clerk.example.com.evil.example"),
        json!(" https://clerk.example.com"),
        json!(null),
        json!(1),
        json!([ISSUER]),
    ];
    all("iss", wrong, Rejection::TokenInvalidIssuer).await;
    assert_eq!(
        judge(session().without_claim("iss")).await.err(),
        Some(Rejection::TokenInvalidIssuer)
    );
}

#[tokio::test]
async fn the_authorised_party_is_required_and_on_the_list() {
    assert!(judge(session().claim("azp", "http://localhost:3000")).await.is_ok());
    let wrong = [
        json!(""),
        json!("https://app.example.com/"),
        json!("https://App.example.com"),
        json!("https://evil.example"),
        json!("null"),
        json!(null),
        json!(false),
        json!([PARTY]),
        json!({"0": PARTY}),
    ];
    all("azp", wrong, Rejection::TokenInvalidAuthorizedParties).await;
    assert_eq!(
        judge(session().without_claim("azp")).await.err(),
        Some(Rejection::TokenInvalidAuthorizedParties)
    );
}

#[tokio::test]
async fn an_audience_is_refused_unless_one_is_configured() {
    all(
        "aud",
        [json!("x"), json!(""), json!([]), json!(["x"]), json!(null), json!(1)],
        Rejection::TokenInvalidAudience,
    )
    .await;
}

#[tokio::test]
async fn a_configured_audience_is_required() {
    let policy = Policy {
        audience: vec!["logs".to_owned(), "more".to_owned()],
        ..policy()
    };
    for (aud, good) in [
        (json!("logs"), true),
        (json!("more"), true),
        (json!(["other", "logs"]), true),
        (json!(["logs"]), true),
        (json!("Logs"), false),
        (json!("other"), false),
        (json!(["other"]), false),
        (json!([]), false),
        (json!(["logs", 1]), false),
        (json!(null), false),
        (json!({"logs": 1}), false),
        (json!([["logs"]]), false),
    ] {
        let verdict = judge_by(policy.clone(), &session().claim("aud", aud.clone()).token(), at(NOW)).await;
        assert_eq!(
            verdict.err(),
            (!good).then_some(Rejection::TokenInvalidAudience),
            "{aud}"
        );
    }
    let verdict = judge_by(policy, &session().token(), at(NOW)).await;
    assert_eq!(verdict.err(), Some(Rejection::TokenInvalidAudience));
}

#[tokio::test]
async fn times_are_numbers() {
    for claim in ["exp", "iat", "nbf"] {
        let wrong = [json!(null), json!("1771754401"), json!(true), json!([NOW]), json!({})];
        all(claim, wrong, Rejection::TokenInvalid).await;
    }
    for claim in ["exp", "iat"] {
        assert_eq!(
            judge(session().without_claim(claim)).await.err(),
            Some(Rejection::TokenInvalid),
            "{claim}"
        );
    }
    assert!(judge(session().without_claim("nbf")).await.is_ok());
    assert!(
        judge(session().claim("exp", NOW as f64 + 0.5).claim("iat", NOW as f64 - 0.5))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn five_seconds_of_skew_and_not_one_more() {
    let off = |by: i64| json!(NOW as i64 + by);
    for (claim, by, expected) in [
        ("exp", -4, None),
        ("exp", -5, Some(Rejection::TokenExpired)),
        ("exp", -3600, Some(Rejection::TokenExpired)),
        ("nbf", 5, None),
        ("nbf", 6, Some(Rejection::TokenNotActiveYet)),
        ("iat", 5, None),
        ("iat", 6, Some(Rejection::TokenIatInTheFuture)),
        ("exp", 24 * 3600, None),
        ("exp", 24 * 3600 + 1, Some(Rejection::TokenLifetimeTooLong)),
    ] {
        assert_eq!(
            judge(session().claim(claim, off(by))).await.err(),
            expected,
            "{claim} {by}"
        );
    }
}

#[tokio::test]
async fn no_time_is_too_absurd_to_compare() {
    for text in [
        "1e300",
        "-1e300",
        "9223372036854775808",
        "18446744073709551616",
        "-9223372036854775809",
        "1e-300",
        "-0.0",
    ] {
        for claim in ["exp", "iat", "nbf"] {
            let odd = session().without_claim(claim).claims_json();
            let odd = format!("{{\"{claim}\":{text},{}", &odd[1..]);
            // None of them may panic; which of them pass follows from plain comparison.
            let passes = judge(session().raw_claims(odd)).await.is_ok();
            let past = text.starts_with('-') || text == "1e-300";
            assert_eq!(passes, past && claim != "exp", "{claim} {text}");
        }
    }
    assert_eq!(
        judge(session().claim("exp", 1e300)).await.err(),
        Some(Rejection::TokenLifetimeTooLong)
    );
    let not_even_a_number = session().claims_json().replace(&format!("{}", NOW + 60), "1e999");
    assert_eq!(
        judge(session().raw_claims(not_even_a_number)).await.err(),
        Some(Rejection::TokenInvalid)
    );
}

#[tokio::test]
async fn a_clock_before_the_epoch_refuses_and_does_not_panic() {
    let verdict = judge_by(policy(), &session().token(), UNIX_EPOCH - Duration::from_secs(10)).await;
    assert_eq!(verdict.err(), Some(Rejection::TokenNotActiveYet));
}

#[tokio::test]
async fn a_token_without_a_session_is_of_another_kind() {
    let wrong = [
        json!(""),
        json!("sess_"),
        json!("Sess_1"),
        json!("sess_a b"),
        json!("oat_123"),
        json!(null),
        json!(1),
        json!(["sess_1"]),
    ];
    all("sid", wrong, Rejection::TokenTypeMismatch).await;
    assert_eq!(
        judge(session().without_claim("sid")).await.err(),
        Some(Rejection::TokenTypeMismatch)
    );
}

#[tokio::test]
async fn the_subject_is_a_user() {
    let long = "x".repeat(64);
    assert!(judge(session().claim("sub", format!("user_{long}"))).await.is_ok());
    let wrong = [
        json!(""),
        json!("user_"),
        json!("mch_1"),
        json!("User_1"),
        json!("user-1"),
        json!("user_a/b"),
        json!("user_a\n"),
        json!("user_\u{e9}"),
        json!(format!("user_{long}x")),
        json!("xuser_1"),
        json!(null),
        json!(1),
        json!(["user_1"]),
    ];
    all("sub", wrong, Rejection::TokenNotAUser).await;
    assert_eq!(
        judge(session().without_claim("sub")).await.err(),
        Some(Rejection::TokenNotAUser)
    );
}

#[tokio::test]
async fn a_pending_session_is_signed_out() {
    all(
        "sts",
        [json!("pending"), json!("Active"), json!(""), json!(null), json!(1)],
        Rejection::SessionNotActive,
    )
    .await;
    assert!(judge(session().without_claim("sts")).await.is_ok());
}

#[tokio::test]
async fn the_payload_is_one_json_object_with_each_deciding_name_once() {
    let good = session().claims_json();
    let with = |text: &str| format!("{{{text},{}", &good[1..]).into_bytes();
    for bad in [
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"x\"".to_vec(),
        good.as_bytes()[..good.len() - 1].to_vec(),
        format!("{good}x").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        [b"{\"x\":\"\xff\",", &good.as_bytes()[1..]].concat(),
        with(r#""sub":"user_ben""#),
        with(r#""\u0073ub":"user_ben""#),
        with(r#""exp":1"#),
        with(r#""iss":"x""#),
        with(r#""azp":"x""#),
        with(r#""sid":"x""#),
        with(r#""sts":"active""#),
        with(r#""v":2"#),
    ] {
        assert_eq!(
            judge(session().raw_claims(bad.clone())).await.err(),
            Some(Rejection::TokenInvalid),
            "{}",
            String::from_utf8_lossy(&bad)
        );
    }
    assert!(judge(session().raw_claims(with(r#""mine":1,"mine":2"#))).await.is_ok());
}

#[tokio::test]
async fn the_first_fault_names_the_rejection() {
    let ladder: [(&str, Value, Rejection); 9] = [
        ("iss", json!("x"), Rejection::TokenInvalidIssuer),
        ("azp", json!("x"), Rejection::TokenInvalidAuthorizedParties),
        ("aud", json!("x"), Rejection::TokenInvalidAudience),
        ("exp", json!(1), Rejection::TokenExpired),
        ("nbf", json!(NOW + 99), Rejection::TokenNotActiveYet),
        ("iat", json!(NOW + 99), Rejection::TokenIatInTheFuture),
        ("sid", json!("x"), Rejection::TokenTypeMismatch),
        ("sub", json!("x"), Rejection::TokenNotAUser),
        ("sts", json!("x"), Rejection::SessionNotActive),
    ];
    for from in 0..ladder.len() {
        let faulty = ladder[from..]
            .iter()
            .fold(session(), |mint, (claim, value, _)| mint.claim(claim, value.clone()));
        assert_eq!(judge(faulty).await.err(), Some(ladder[from].2), "{}", ladder[from].0);
    }
}

#[tokio::test]
async fn nothing_is_read_before_the_signature() {
    let forged = session()
        .claim("iss", "x")
        .claim("exp", 1)
        .signed_by(&Clerk::new().rotated());
    assert_eq!(judge(forged).await.err(), Some(Rejection::TokenInvalidSignature));
    let forged = session().raw_claims("not json").signed_by(&Clerk::new().rotated());
    assert_eq!(judge(forged).await.err(), Some(Rejection::TokenInvalidSignature));
}
