//! Tokens as data: several hundred, each with its verdict. Good ones in every form that Clerk gives them; and forged,
//! malformed, mistyped and misdated ones, other kinds of token by the same key, and what stands beside a key in its set.
//!
//! All times have at least an hour to spare, so that a verdict does not depend on how fast a test runs.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};
use serde_json::{Value, json};

use crate::clerk::{Clerk, ISSUER, Mint, PARTY, SESSION_CATEGORY};

/// The user whom every good token is about.
pub const USER: &str = "user_ana";

/// A token and what has to become of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is special about it.
    pub name: String,
    /// The token.
    pub token: String,
    /// The verdict when keys are found by their id.
    pub expected: Verdict,
    /// The verdict when one given key is the key for every id.
    pub expected_of_one_key: Verdict,
}

/// What has to become of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is a session of [`USER`].
    Good,
    /// It is refused for this reason, as metrics name it.
    Refused(&'static str),
    /// It is refused, for whatever reason comes first.
    RefusedSomehow,
}

use Verdict::{Good, Refused, RefusedSomehow};

const INVALID: Verdict = Refused("token-invalid");
const OF_ANOTHER_TYPE: Verdict = Refused("token-type-mismatch");
const OF_ANOTHER_ALGORITHM: Verdict = Refused("token-invalid-algorithm");
const WRONGLY_SIGNED: Verdict = Refused("token-invalid-signature");

/// Every case, for tokens of this instance.
#[must_use]
pub fn cases(clerk: &Clerk) -> Vec<Case> {
    let mut table = Table {
        clerk: clerk.clone(),
        now: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
        cases: Vec::new(),
    };
    table.good();
    table.shapes();
    table.headers();
    table.key_ids();
    table.signatures();
    table.spoilt();
    table.claims();
    table.times();
    table.payloads();
    table.other_kinds();
    table.cases
}

const HOUR: u64 = 3600;

struct Table {
    clerk: Clerk,
    now: u64,
    cases: Vec<Case>,
}

impl Table {
    /// A session token with an hour to spare on either side.
    fn session(&self) -> Mint {
        self.clerk.session(USER).claim("exp", self.now + HOUR)
    }

    fn add(&mut self, name: impl Into<String>, token: impl Into<String>, expected: Verdict) {
        self.add_two(name, token, expected, expected);
    }

    fn add_two(&mut self, name: impl Into<String>, token: impl Into<String>, by_id: Verdict, one_key: Verdict) {
        self.cases.push(Case {
            name: name.into(),
            token: token.into(),
            expected: by_id,
            expected_of_one_key: one_key,
        });
    }

    fn good(&mut self) {
        let session = self.session();
        let now = self.now;
        for (name, mint) in [
            ("version 2", session.clone()),
            ("version 1", session.clone().v1()),
            ("version 1 by its number", session.clone().v1().claim("v", 1)),
            ("an organisation", session.clone().org("org_acme", "admin")),
            (
                "an organisation in version 1",
                session.clone().v1().org("org_acme", "admin"),
            ),
            ("no typ", session.clone().without_header("typ")),
            ("no cat", session.clone().without_header("cat")),
            ("the other category", session.clone().header("cat", "cl_I7d4PD111III")),
            ("no nbf", session.clone().without_claim("nbf")),
            ("no sts", session.clone().without_claim("sts")),
            ("no jti", session.clone().without_claim("jti")),
            ("an actor", session.clone().claim("act", json!({"sub": "user_support"}))),
            (
                "a claim of the application's",
                session.clone().claim("plan", json!({"seats": [1, 2]})),
            ),
            (
                "fractions of seconds",
                session
                    .clone()
                    .claim("iat", now as f64 - 0.5)
                    .claim("exp", now as f64 + 1800.5),
            ),
            ("a day to live, almost", session.clone().claim("exp", now + 23 * HOUR)),
            (
                "issued long ago",
                session.clone().claim("iat", now - 48 * HOUR).claim("nbf", 0),
            ),
            (
                "a header member nobody knows",
                session.clone().header("x-app", json!({"a": [1]})),
            ),
            (
                "a header member nobody knows, twice",
                session
                    .clone()
                    .raw_header(format!(r#"{{"x":1,"alg":"RS256","kid":"{}","x":2}}"#, self.clerk.kid())),
            ),
            (
                "white space in its JSON",
                session.clone().raw_header(format!(
                    " {{ \"kid\" :\t\"{}\" ,\r\n \"alg\" : \"RS256\" }} ",
                    self.clerk.kid()
                )),
            ),
            (
                "escapes in a header's name and value",
                session
                    .clone()
                    .raw_header(format!(r#"{{"\u0061lg":"RS\u003256","kid":"{}"}}"#, self.clerk.kid())),
            ),
            ("a user with the longest id", session.clone().claim("sub", USER)),
            (
                "addresses of keys in the header",
                session
                    .clone()
                    .header("jku", "https://evil.example/jwks")
                    .header("x5u", "x"),
            ),
        ] {
            self.add(name, mint.token(), Good);
        }
    }

    fn shapes(&mut self) {
        let good = self.session().token();
        let parts: Vec<&str> = good.split('.').collect();
        let [header, payload, signature] = [parts[0], parts[1], parts[2]];
        self.add("nothing", "", Refused("token-missing"));
        for (name, token) in [
            ("one part", header.to_owned()),
            ("two parts", format!("{header}.{payload}")),
            ("four parts", format!("{good}.{signature}")),
            (
                "five parts, as encrypted ones have",
                format!("{good}.{payload}.{signature}"),
            ),
            ("a full stop behind", format!("{good}.")),
            ("a full stop before", format!(".{good}")),
            ("only full stops", "..".to_owned()),
            ("no header", format!(".{payload}.{signature}")),
            ("padding", format!("{header}.{payload}.{signature}==")),
            ("padding of the header", format!("{header}=.{payload}.{signature}")),
            ("white space behind", format!("{good} ")),
            ("white space before", format!(" {good}")),
            ("white space within", format!("{header} .{payload}.{signature}")),
            ("a line end", format!("{good}\n")),
            ("a line end within", format!("{header}.{payload}.\r\n{signature}")),
            ("a zero byte", format!("{good}\0")),
            (
                "a letter of another script",
                format!("{header}.{payload}.\u{43e}{signature}"),
            ),
            (
                "the other base64's plus",
                format!("{header}.{payload}.+{}", &signature[1..]),
            ),
            (
                "the other base64's slash",
                format!("{header}.{payload}./{}", &signature[1..]),
            ),
            ("percent escapes", good.replacen('e', "%65", 1)),
            ("quotes around", format!("\"{good}\"")),
            ("the scheme twice", format!("Bearer {good}")),
            ("two tokens", format!("{good},{good}")),
            (
                "the JSON form",
                json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
            ),
            (
                "the flattened JSON form",
                json!({"payload": payload, "protected": header, "signature": signature}).to_string(),
            ),
            ("a key instead", ["sk", "test", "YWJjZGVmZ2hpams"].join("_")),
            ("a user's id instead", USER.to_owned()),
        ] {
            self.add(name, token, INVALID);
        }
        // 2048 bits make 342 characters, whose last holds four bits that must be zero: three other spellings of it.
        for last in ["R", "S", "x"] {
            let cut = &good[..good.len() - 1];
            if !good.ends_with(last) {
                self.add(
                    format!("a second spelling, ending in {last}"),
                    format!("{cut}{last}"),
                    RefusedSomehow,
                );
            }
        }
        self.add("nothing but a header", format!("{header}.."), WRONGLY_SIGNED);
        self.add(
            "too long",
            format!("{header}.{}.{signature}", "A".repeat(8192)),
            Refused("token-too-large"),
        );
        self.add("far too long", "e".repeat(40_000), Refused("token-too-large"));
        let long = self.session().claim("plan", "x".repeat(6000)).token();
        self.add("too long, and rightly signed", long, Refused("token-too-large"));
        self.add("as long as may be, of nothing", ".".repeat(8192), INVALID);
    }

    /// Headers as JSON text, each rightly signed.
    fn headers(&mut self) {
        let kid = self.clerk.kid().to_owned();
        let with = |more: &str| format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"JWT"{more}}}"#);
        let mut headers: Vec<(Vec<u8>, Verdict)> = Vec::new();
        let mut add = |header: String, verdict| headers.push((header.into_bytes(), verdict));
        for more in [
            r#","crit":["exp"]"#,
            r#","crit":[]"#,
            r#","crit":null"#,
            r#","crit":"b64""#,
            r#","b64":false"#,
            r#","b64":true"#,
            r#","b64":null"#,
            r#","crit":["b64"],"b64":false"#,
            r#","\u0063rit":["exp"]"#,
            r#","alg":"RS256""#,
            r#","alg":"none""#,
            r#","\u0061lg":"none""#,
            r#","kid":"other""#,
            r#","typ":"JWT""#,
            r#","cat":"cl_B7d4PD111AAA","cat":"cl_B7d4PD111AAA""#,
        ] {
            add(with(more), INVALID);
        }
        for typ in [
            r#""jwt""#,
            r#""JWT ""#,
            r#""JOSE""#,
            r#""at+jwt""#,
            r#""application/jwt""#,
            r#""dpop+jwt""#,
            r#""logout+jwt""#,
            r#""secevent+jwt""#,
            r#""""#,
            "null",
            "1",
            "true",
            r#"["JWT"]"#,
            r#"{"JWT":1}"#,
        ] {
            add(
                format!(r#"{{"alg":"RS256","kid":"{kid}","typ":{typ}}}"#),
                OF_ANOTHER_TYPE,
            );
        }
        for cat in [
            r#""cl_B7d4PD222AAA""#,
            r#""cl_B7d4PD333AAA""#,
            r#""cl_b7d4pd111aaa""#,
            r#""cl_B7d4PD111AAA ""#,
            r#""""#,
            "null",
            "0",
            r#"["cl_B7d4PD111AAA"]"#,
            "{}",
        ] {
            add(
                format!(r#"{{"alg":"RS256","kid":"{kid}","cat":{cat}}}"#),
                OF_ANOTHER_TYPE,
            );
        }
        for alg in [
            r#""none""#,
            r#""None""#,
            r#""NONE""#,
            r#""""#,
            r#""rs256""#,
            r#""RS256 ""#,
            r#""RS384""#,
            r#""RS512""#,
            r#""PS256""#,
            r#""ES256""#,
            r#""EdDSA""#,
            r#""HS256""#,
            r#""RSA-OAEP""#,
            "null",
            "256",
            r#"["RS256"]"#,
            r#"{"RS256":1}"#,
        ] {
            add(
                format!(r#"{{"alg":{alg},"kid":"{kid}","typ":"JWT"}}"#),
                OF_ANOTHER_ALGORITHM,
            );
        }
        add(format!(r#"{{"kid":"{kid}","typ":"JWT"}}"#), OF_ANOTHER_ALGORITHM);
        add(format!(r#"{{"Alg":"RS256","kid":"{kid}"}}"#), OF_ANOTHER_ALGORITHM);
        for bad in [
            String::new(),
            "null".to_owned(),
            "1".to_owned(),
            "[]".to_owned(),
            format!(r#"["RS256","{kid}","JWT"]"#),
            format!(r#""{kid}""#),
            with("}"),
            with("")[..20].to_owned(),
            format!("{}{{}}", with("")),
            format!("{}\0", with("")),
            format!("\u{feff}{}", with("")),
            format!(r#"{{'alg':'RS256','kid':'{kid}'}}"#),
            format!(r#"{{"alg":"RS256","kid":"{kid}",}}"#),
            format!("{{\"alg\":\"RS256\",\"kid\":\"{kid}\"/**/}}"),
            format!(r#"{{"alg":"RS256","kid":"{kid}","x":NaN}}"#),
            format!(r#"{{"alg":"RS256","kid":"{kid}","x":1e999}}"#),
            format!(r#"{{"alg":"RS256","kid":"{kid}","x":"\ud800"}}"#),
            format!(
                r#"{{"alg":"RS256","kid":"{kid}","x":{}{}}}"#,
                "[".repeat(2000),
                "]".repeat(2000)
            ),
        ] {
            add(bad, INVALID);
        }
        for tail in [&b"\"\xff\""[..], b"\"\xc0\x80\"", b"\"\xed\xa0\x80\""] {
            let header = [format!(r#"{{"alg":"RS256","kid":"{kid}","x":"#).as_bytes(), tail, b"}"].concat();
            headers.push((header, INVALID));
        }
        for (header, verdict) in headers {
            let name = format!(
                "header {}",
                String::from_utf8_lossy(&header).chars().take(90).collect::<String>()
            );
            let token = self.session().raw_header(header).token();
            self.add(name, token, verdict);
        }
    }

    fn key_ids(&mut self) {
        let no_such_key = Refused("jwk-kid-mismatch");
        for kid in [
            "ins_other",
            "../../etc/passwd",
            "' OR 1=1 --",
            "\u{1b}[31m",
            "\u{0}",
            " ",
            &"k".repeat(128),
        ] {
            let token = self.session().header("kid", kid).token();
            self.add_two(format!("key id {kid:?}"), token, no_such_key, Good);
        }
        let upper = self.clerk.kid().to_uppercase();
        let token = self.session().header("kid", upper).token();
        self.add_two("the key id in capitals", token, no_such_key, Good);
        let long = "k".repeat(129);
        for kid in [
            json!(""),
            json!(null),
            json!(1),
            json!(["k"]),
            json!({}),
            json!(true),
            json!(long),
        ] {
            let token = self.session().header("kid", kid.clone()).token();
            self.add(
                format!("key id {}", kid.to_string().chars().take(20).collect::<String>()),
                token,
                INVALID,
            );
        }
        let token = self.session().without_header("kid").token();
        self.add("no key id", token, INVALID);
    }

    fn signatures(&mut self) {
        let session = self.session();
        let input = session.signing_input();
        let good = self.clerk.sign(&input);
        for (name, other) in [
            ("the next key", self.clerk.rotated()),
            ("a larger key", Clerk::of(3072, 65537, 0)),
            ("a smaller key", Clerk::of(1024, 65537, 0)),
            ("a key with a small exponent", Clerk::of(2048, 3, 0)),
        ] {
            self.add(
                format!("signed by {name}"),
                session.clone().signed_by(&other).token(),
                WRONGLY_SIGNED,
            );
        }
        let (front, back) = (&good[1..], &good[..good.len() - 1]);
        let mut backwards = good.clone();
        backwards.reverse();
        for (name, signature) in [
            ("empty", vec![]),
            ("one byte", vec![0]),
            ("zeroes", vec![0; 256]),
            ("a one", [vec![0; 255], vec![1]].concat()),
            ("all ones", vec![0xff; 256]),
            ("without its first byte", front.to_vec()),
            ("without its last byte", back.to_vec()),
            ("with a byte before", [&[0], &good[..]].concat()),
            ("with a byte behind", [&good[..], &[0]].concat()),
            ("twice", [&good[..], &good[..]].concat()),
            ("backwards", backwards),
            ("as long as the longest key's", vec![7; 1024]),
            (
                "of another token",
                self.clerk.sign(self.clerk.session("user_ben").signing_input()),
            ),
            (
                "of the payload alone",
                self.clerk
                    .sign(input.split_once('.').map_or("", |(_, payload)| payload)),
            ),
            ("of the input and a full stop", self.clerk.sign(format!("{input}."))),
            ("of the decoded JSON", self.clerk.sign(session.claims_json())),
            ("with SHA-384", by(&self.clerk, MessageDigest::sha384(), false, &input)),
            ("with SHA-512", by(&self.clerk, MessageDigest::sha512(), false, &input)),
            ("with SHA-1", by(&self.clerk, MessageDigest::sha1(), false, &input)),
            ("with PSS", by(&self.clerk, MessageDigest::sha256(), true, &input)),
            ("of the bare digest", bare(&self.clerk, &input)),
            (
                "an HMAC by the public key's text",
                hmac(self.clerk.pem().as_bytes(), &input),
            ),
            ("an HMAC by nothing", hmac(b"\0", &input)),
        ] {
            self.add(
                format!("signature {name}"),
                session.clone().signature(signature).token(),
                WRONGLY_SIGNED,
            );
        }
        for alg in ["HS256", "HS512", "none"] {
            let forged = session.clone().header("alg", alg);
            let mac = hmac(self.clerk.pem().as_bytes(), &forged.signing_input());
            for signature in [vec![], mac] {
                self.add(
                    format!("{alg}, {} bytes of signature", signature.len()),
                    forged.clone().signature(signature).token(),
                    OF_ANOTHER_ALGORITHM,
                );
            }
        }
        let evil = self.clerk.rotated();
        for (name, value) in [
            ("jwk", evil.jwk()),
            ("jku", json!("http://127.0.0.1:1/jwks")),
            ("x5u", json!("http://127.0.0.1:1/cert")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
            ("iss", json!("https://evil.example")),
        ] {
            let token = session.clone().header(name, value).signed_by(&evil).token();
            self.add(format!("a forger's {name} in the header"), token, WRONGLY_SIGNED);
        }
        for (claim, value) in [
            ("sub", "user_root"),
            ("azp", "https://evil.example"),
            ("iss", "https://evil.example"),
        ] {
            let token = session.clone().claim(claim, value).signature(good.clone()).token();
            self.add(format!("{claim} changed after signing"), token, WRONGLY_SIGNED);
        }
        let unread = session.raw_claims("not JSON").signed_by(&evil).token();
        self.add("a payload that is not JSON, wrongly signed", unread, WRONGLY_SIGNED);
    }

    /// One bit changed here and there.
    fn spoilt(&mut self) {
        let good = self.session().token();
        let parts: Vec<Vec<u8>> = good
            .split('.')
            .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap_or_default())
            .collect();
        for part in 0..3 {
            for step in 0..16 {
                let mut parts = parts.clone();
                let at = step * (parts[part].len() - 1) / 15;
                parts[part][at] ^= 1 << (step % 8);
                let spoilt: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
                self.add(
                    format!("part {part} with byte {at} changed"),
                    spoilt.join("."),
                    RefusedSomehow,
                );
            }
        }
        for cut in [1, 2, 3, 4, 5, 100, 341, 342, 343, 344, 400] {
            self.add(
                format!("{cut} characters short"),
                &good[..good.len() - cut],
                RefusedSomehow,
            );
        }
    }

    fn claims(&mut self) {
        let long = "x".repeat(65);
        let issuer = Refused("token-invalid-issuer");
        let party = Refused("token-invalid-authorized-parties");
        let audience = Refused("token-invalid-audience");
        let no_user = Refused("token-not-a-user");
        let inactive = Refused("session-not-active");
        let wrong: Vec<(&str, Verdict, Vec<Value>)> = vec![
            (
                "iss",
                issuer,
                vec![
                    json!(""),
                    json!(format!("{ISSUER}/")),
                    json!(ISSUER.to_uppercase()),
                    json!(ISSUER.replace("https", "http")),
                    json!(format!("{ISSUER}.evil.example")),
                    json!(format!(" {ISSUER}")),
                    json!(format!("{ISSUER}\n")),
                    json!(null),
                    json!(0),
                    json!([ISSUER]),
                    json!({"0": ISSUER}),
                    json!(true),
                ],
            ),
            (
                "azp",
                party,
                vec![
                    json!(""),
                    json!(format!("{PARTY}/")),
                    json!(PARTY.to_uppercase()),
                    json!(format!("{PARTY}:443")),
                    json!(format!("{PARTY}.evil.example")),
                    json!("https://evil.example"),
                    json!("null"),
                    json!("*"),
                    json!(null),
                    json!(0),
                    json!([PARTY]),
                    json!({"0": PARTY}),
                    json!(false),
                ],
            ),
            (
                "aud",
                audience,
                vec![
                    json!(""),
                    json!("x"),
                    json!(PARTY),
                    json!([]),
                    json!([PARTY]),
                    json!(null),
                    json!(0),
                    json!({}),
                ],
            ),
            (
                "sid",
                OF_ANOTHER_TYPE,
                vec![
                    json!(""),
                    json!("sess_"),
                    json!("sess"),
                    json!("Sess_1"),
                    json!("sess_a b"),
                    json!("sess_a/b"),
                    json!("sess_\u{e9}"),
                    json!(format!("sess_{long}")),
                    json!("oat_1"),
                    json!(null),
                    json!(1),
                    json!(["sess_1"]),
                    json!({}),
                ],
            ),
            (
                "sub",
                no_user,
                vec![
                    json!(""),
                    json!("user_"),
                    json!("user"),
                    json!("User_1"),
                    json!("user-1"),
                    json!("mch_1"),
                    json!("user_a b"),
                    json!("user_a/../b"),
                    json!("user_a\n"),
                    json!("user_\u{430}na"),
                    json!("user_*"),
                    json!(format!("user_{long}")),
                    json!(" user_1"),
                    json!(null),
                    json!(1),
                    json!(["user_ana"]),
                    json!({"id": "user_ana"}),
                    json!(true),
                ],
            ),
            (
                "sts",
                inactive,
                vec![
                    json!("pending"),
                    json!("Active"),
                    json!(""),
                    json!("active "),
                    json!(null),
                    json!(1),
                    json!(["active"]),
                ],
            ),
            (
                "v",
                INVALID,
                vec![
                    json!(0),
                    json!(3),
                    json!(-1),
                    json!(1.5),
                    json!("2"),
                    json!(null),
                    json!([2]),
                    json!(true),
                ],
            ),
            (
                "o",
                INVALID,
                vec![
                    json!(null),
                    json!("org_x"),
                    json!([]),
                    json!({}),
                    json!({"id": null}),
                    json!({"id": 1}),
                    json!({"id": ""}),
                    json!({"id": "org_"}),
                    json!({"id": "user_x"}),
                    json!({"id": "org_a b"}),
                    json!({"id": ["org_x"]}),
                    json!({"id": "org_x", "rol": null}),
                    json!({"id": "org_x", "rol": 1}),
                    json!({"id": format!("org_{long}")}),
                ],
            ),
        ];
        for (claim, verdict, values) in wrong {
            for value in values {
                let token = self.session().claim(claim, value.clone()).token();
                self.add(format!("{claim} {value}"), token, verdict);
            }
        }
        for (claim, verdict) in [
            ("iss", issuer),
            ("azp", party),
            ("sid", OF_ANOTHER_TYPE),
            ("sub", no_user),
            ("exp", INVALID),
            ("iat", INVALID),
        ] {
            let token = self.session().without_claim(claim).token();
            self.add(format!("no {claim}"), token, verdict);
        }
        for value in [json!(null), json!(""), json!("acme"), json!(1), json!(["org_x"])] {
            let token = self.session().v1().claim("org_id", value.clone()).token();
            self.add(format!("org_id {value}"), token, INVALID);
        }
    }

    fn times(&mut self) {
        let now = self.now;
        for (claim, value, verdict) in [
            ("exp", json!(now - HOUR), Refused("token-expired")),
            ("exp", json!(1), Refused("token-expired")),
            ("exp", json!(0), Refused("token-expired")),
            ("exp", json!(-1), Refused("token-expired")),
            ("exp", json!(-1e300), Refused("token-expired")),
            ("exp", json!(now + 25 * HOUR), Refused("token-lifetime-too-long")),
            ("exp", json!((now + HOUR) * 1000), Refused("token-lifetime-too-long")),
            ("exp", json!(1e300), Refused("token-lifetime-too-long")),
            ("exp", json!(u64::MAX), Refused("token-lifetime-too-long")),
            ("exp", json!(i64::MAX), Refused("token-lifetime-too-long")),
            ("nbf", json!(now + HOUR), Refused("token-not-active-yet")),
            ("nbf", json!(1e300), Refused("token-not-active-yet")),
            ("nbf", json!(u64::MAX), Refused("token-not-active-yet")),
            ("iat", json!(now + HOUR), Refused("token-iat-in-the-future")),
            ("iat", json!(now * 1000), Refused("token-iat-in-the-future")),
            ("iat", json!(1e300), Refused("token-iat-in-the-future")),
            ("iat", json!(-1e300), Good),
            ("nbf", json!(-1e300), Good),
            ("nbf", json!(i64::MIN), Good),
        ] {
            let token = self.session().claim(claim, value.clone()).token();
            self.add(format!("{claim} {value}"), token, verdict);
        }
        for claim in ["exp", "iat", "nbf"] {
            for value in [
                json!(null),
                json!(""),
                json!(now.to_string()),
                json!("1e3"),
                json!(true),
                json!([now]),
                json!({}),
            ] {
                let token = self.session().claim(claim, value.clone()).token();
                self.add(format!("{claim} {value}"), token, INVALID);
            }
            for number in [
                "1e999", "-1e999", "0x10", "1_000", "+1", ".5", "1.", "NaN", "Infinity", "01",
            ] {
                let rest = self.session().without_claim(claim).claims_json();
                let claims = format!("{{\"{claim}\":{number},{}", &rest[1..]);
                let token = self.session().raw_claims(claims).token();
                self.add(format!("{claim} {number}"), token, INVALID);
            }
        }
    }

    fn payloads(&mut self) {
        let good = self.session().claims_json();
        let with = |text: &str| format!("{{{text},{}", &good[1..]).into_bytes();
        let mut payloads = vec![
            Vec::new(),
            b"null".to_vec(),
            b"[]".to_vec(),
            b"\"x\"".to_vec(),
            b"1".to_vec(),
            format!("[{good}]").into_bytes(),
            good.as_bytes()[..good.len() - 1].to_vec(),
            format!("{good}x").into_bytes(),
            format!("{good}{good}").into_bytes(),
            format!("\u{feff}{good}").into_bytes(),
            format!("{good}\0").into_bytes(),
            [b"{\"x\":\"\xff\",", &good.as_bytes()[1..]].concat(),
            with(&format!("\"x\":{}{}", "[".repeat(1500), "]".repeat(1500))),
        ];
        for name in ["iss", "azp", "exp", "iat", "nbf", "sid", "sub", "sts", "v"] {
            payloads.push(with(&format!("\"{name}\":1")));
            let escaped = format!("\\u{:04x}{}", u32::from(name.as_bytes()[0]), &name[1..]);
            payloads.push(with(&format!("\"{escaped}\":1")));
        }
        payloads.push(with(r#""o":{"id":"org_a"},"o":{"id":"org_b"}"#));
        payloads.push(with(r#""o":{"id":"org_a","id":"org_b"}"#));
        payloads.push(with(r#""aud":"x","aud":"y""#));
        for payload in payloads {
            let name = format!(
                "payload {}",
                String::from_utf8_lossy(&payload).chars().take(60).collect::<String>()
            );
            let token = self.session().raw_claims(payload).token();
            self.add(name, token, INVALID);
        }
    }

    /// What the same key signs besides session tokens.
    fn other_kinds(&mut self) {
        let (now, clerk) = (self.now, self.clerk.clone());
        let bare = |claims: Value| clerk.session(USER).without_header("cat").raw_claims(claims.to_string());
        let base = json!({"iss": ISSUER, "azp": PARTY, "iat": now, "nbf": now, "exp": now + HOUR, "sub": USER});
        let with = |more: Value| {
            let mut claims = base.clone();
            for (name, value) in more.as_object().into_iter().flatten() {
                claims[name] = value.clone();
            }
            claims
        };
        let no_party = Refused("token-invalid-authorized-parties");
        self.add(
            "a template's token",
            bare(with(json!({"role": "authenticated"}))).token(),
            OF_ANOTHER_TYPE,
        );
        let audience = Refused("token-invalid-audience");
        self.add(
            "a template's token for a database",
            bare(with(json!({"aud": "authenticated"}))).token(),
            audience,
        );
        self.add(
            "an OIDC id token",
            bare(json!({"iss": ISSUER, "aud": "client", "sub": USER, "iat": now, "exp": now + HOUR, "nonce": "n"}))
                .token(),
            no_party,
        );
        let access = json!({"iss": ISSUER, "sub": USER, "client_id": "c", "scope": "openid", "iat": now, "exp": now + HOUR, "jti": "oat_1"});
        self.add(
            "an OAuth access token",
            bare(access).header("typ", "at+jwt").token(),
            OF_ANOTHER_TYPE,
        );
        let machine =
            json!({"iss": ISSUER, "sub": "mch_1", "scopes": "mch_2", "iat": now, "exp": now + HOUR, "jti": "mt_1"});
        self.add("a machine's token", bare(machine).token(), no_party);
        self.add(
            "a machine's token with a party",
            bare(with(json!({"sub": "mch_1"}))).token(),
            OF_ANOTHER_TYPE,
        );
        self.add(
            "a machine with a session",
            bare(with(json!({"sub": "mch_1", "sid": "sess_1"}))).token(),
            Refused("token-not-a-user"),
        );
        self.add(
            "a handshake",
            bare(json!({"handshake": ["__session=x; Path=/", "__client_uat=1"]})).token(),
            Refused("token-invalid-issuer"),
        );
        let ticket =
            json!({"iss": ISSUER, "sid": "sess_1", "sub": USER, "st": "sign_in_token", "eis": 600, "exp": now + HOUR});
        self.add("a sign-in ticket", bare(ticket).token(), no_party);
        for category in ["cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_B7d4PD444AAA"] {
            assert_ne!(category, SESSION_CATEGORY);
            self.add(
                format!("category {category}, otherwise a session"),
                self.session().header("cat", category).token(),
                OF_ANOTHER_TYPE,
            );
        }
        let elsewhere = self
            .clerk
            .with_issuer("https://other.example")
            .session(USER)
            .claim("exp", now + HOUR);
        self.add(
            "another instance's, by the same key",
            elsewhere.token(),
            Refused("token-invalid-issuer"),
        );
        let neighbour = self
            .clerk
            .with_party("https://neighbour.example")
            .session(USER)
            .claim("exp", now + HOUR);
        self.add("another application's of this instance", neighbour.token(), no_party);
    }
}

fn by(clerk: &Clerk, digest: MessageDigest, pss: bool, input: &str) -> Vec<u8> {
    let mut signer = Signer::new(digest, &clerk.key).expect("an RSA key signs with any digest");
    if pss {
        signer
            .set_rsa_padding(Padding::PKCS1_PSS)
            .expect("an RSA key has this padding");
        signer
            .set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)
            .expect("PSS has a salt");
    }
    signer
        .sign_oneshot_to_vec(input.as_bytes())
        .expect("a generated key signs")
}

/// The digest padded and signed without the name of its algorithm.
fn bare(clerk: &Clerk, input: &str) -> Vec<u8> {
    let rsa = clerk.key.rsa().expect("the key is an RSA key");
    let digest = openssl::sha::sha256(input.as_bytes());
    let mut signature = vec![0; rsa.size() as usize];
    rsa.private_encrypt(&digest, &mut signature, Padding::PKCS1)
        .expect("a digest is short enough");
    signature
}

fn hmac(secret: &[u8], input: &str) -> Vec<u8> {
    let key = PKey::hmac(secret).expect("any bytes are a secret");
    let mut signer = Signer::new(MessageDigest::sha256(), &key).expect("a secret signs with SHA-256");
    signer.sign_oneshot_to_vec(input.as_bytes()).expect("a secret signs")
}

/// What may stand beside a key in its set without costing anybody anything, with a name each.
#[must_use]
pub fn neighbours(clerk: &Clerk) -> Vec<(&'static str, Value)> {
    let with = |clerk: &Clerk, name: &str, value: Value| {
        let mut jwk = clerk.jwk();
        jwk[name] = value;
        jwk
    };
    let other = clerk.rotated();
    let kid = clerk.kid();
    vec![
        ("null", json!(null)),
        ("a number", json!(1)),
        ("text", json!("key")),
        ("a list", json!([clerk.jwk()])),
        ("nothing", json!({})),
        ("only a kind", json!({"kty": "RSA"})),
        ("a kind that is no text", json!({"kty": 7, "kid": kid})),
        (
            "a kind of the future",
            json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": kid, "pub": "AAAA"}),
        ),
        (
            "an EC key",
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": kid, "use": "sig"}),
        ),
        (
            "an Ed25519 key",
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": kid}),
        ),
        (
            "a shared secret",
            json!({"kty": "oct", "k": "AAAA", "kid": kid, "alg": "HS256"}),
        ),
        (
            "broken base64",
            json!({"kty": "RSA", "kid": kid, "n": "!!", "e": "AQAB"}),
        ),
        (
            "an empty modulus",
            json!({"kty": "RSA", "kid": kid, "n": "", "e": "AQAB"}),
        ),
        ("no id", with(&other, "kid", json!(null))),
        ("an id that is no text", with(&other, "kid", json!(1))),
        ("an endless id", with(&other, "kid", json!("k".repeat(5000)))),
        ("a key to encrypt with", with(&other, "use", json!("enc"))),
        ("a key of another algorithm", with(&other, "alg", json!("RS512"))),
        ("a key not for verifying", with(&other, "key_ops", json!(["encrypt"]))),
        ("a private key", with(&other, "d", json!("AQAB"))),
        ("a key with exponent one", with(&other, "e", json!("AQ"))),
        ("a key with exponent three", Clerk::of(2048, 3, 0).with_kid(kid).jwk()),
        ("a small key", Clerk::of(1024, 65537, 0).with_kid(kid).jwk()),
        (
            "an even modulus",
            with(&other, "n", json!(URL_SAFE_NO_PAD.encode([0xfe; 256]))),
        ),
        (
            "a modulus with a zero before",
            with(
                &other,
                "n",
                json!(URL_SAFE_NO_PAD.encode([&[0][..], &[0xff; 256]].concat())),
            ),
        ),
        (
            "an enormous modulus",
            with(&other, "n", json!(URL_SAFE_NO_PAD.encode(vec![0xff; 20_000]))),
        ),
        ("the same key again", clerk.jwk()),
        ("another fit key under its own id", other.with_kid("ins_next").jwk()),
    ]
}
