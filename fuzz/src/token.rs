//! Whatever comes as a token, as a request's headers, as a key set or as a pasted key is read or refused, in bounded
//! time and without a panic; and what is read is what a second reader, written apart from the first, makes of it.

use auth_clerk::{Jwks, Jws, Keys, MAX_TOKEN_LEN, Policy, Rejection, SESSION_COOKIE, Verifier, token_from_headers};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header};
use openssl::rsa::Rsa;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The one token here that somebody signed, with its public key: the example of RFC 7520, section 4.1.
struct Signed {
    public: Value,
    set: Jwks,
    token: String,
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let examples = include_str!("../../crates/auth-clerk/tests/vectors/rfc_rs256.json");
        let examples: Value = serde_json::from_str(examples).expect("the examples are JSON");
        let example = &examples["tests"][0];
        let parts = example["jws"].as_array().expect("a token's parts");
        let public = example["public"].clone();
        Signed {
            set: Jwks::parse(json!({ "keys": [public] }).to_string().as_bytes()).expect("a key set of one key"),
            token: parts
                .iter()
                .map(|part| part.as_str().expect("text"))
                .collect::<Vec<_>>()
                .join("."),
            public,
        }
    })
}

/// Bytes as a token: read exactly if a second reader reads the same key id, refused with a known rejection otherwise;
/// and nothing is found to be signed but the one token that is.
///
/// # Panics
/// If that does not hold.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = Jws::parse(text);
    assert_eq!(read.as_ref().ok().map(|jws| jws.kid().to_owned()), second_reading(text));
    match read {
        Ok(jws) => {
            // A set without keys accounts for no token.
            assert_eq!(Jwks::default().check(&jws).err(), Some(Rejection::JwkKidMismatch));
            let verdict = signed().set.check(&jws);
            assert_eq!(
                verdict.is_ok(),
                text == signed().token,
                "one token is signed, and no other"
            );
            match verdict {
                Ok(good) => assert!(good.payload().ends_with(b"swept off to.")),
                Err(rejection) => assert!(matches!(
                    rejection,
                    Rejection::JwkKidMismatch | Rejection::TokenInvalidSignature
                )),
            }
        }
        Err(rejection) => assert!(matches!(
            rejection,
            Rejection::TokenMissing
                | Rejection::TokenTooLarge
                | Rejection::TokenInvalid
                | Rejection::TokenTypeMismatch
                | Rejection::TokenInvalidAlgorithm
        )),
    }
}

/// The key id of a token in order, found another way: its own base64, and JSON by `serde_json`'s tree.
fn second_reading(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > MAX_TOKEN_LEN {
        return None;
    }
    let parts: Vec<Vec<u8>> = text.split('.').map(base64url).collect::<Option<_>>()?;
    let [header, _payload, _signature] = parts.as_slice() else {
        return None;
    };
    let Members(members) = serde_json::from_str(std::str::from_utf8(header).ok()?).ok()?;
    let all = |name: &str| {
        members
            .iter()
            .filter(|(member, _)| member == name)
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    let is = |name: &str, values: &[&str]| match all(name).as_slice() {
        [] => None,
        [value] => Some(values.iter().any(|known| **value == **known)),
        _ => Some(false),
    };
    let session = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];
    let in_order = all("crit").is_empty()
        && all("b64").is_empty()
        && is("typ", &["JWT"]).unwrap_or(true)
        && is("alg", &["RS256"]).unwrap_or(false)
        && is("cat", &session).unwrap_or(true);
    match all("kid").as_slice() {
        [Value::String(kid)] if in_order && (1..=128).contains(&kid.len()) => Some(kid.clone()),
        _ => None,
    }
}

/// Base64url without padding, bit by bit; only the one spelling.
fn base64url(part: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for byte in part.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // A whole character left over, or bits that say nothing, would be a second spelling.
    (bits < 6 && held == 0).then_some(bytes)
}

/// A JSON object's members, each as often as it stands there.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Bytes as a key set: each key believed stands in it, public, with exponent 65537 and for signatures; reading it again
/// gives the same; and whatever stands in it costs a fit key beside it nothing.
///
/// # Panics
/// If that does not hold.
pub fn key_set(bytes: &[u8]) {
    let Ok(set) = Jwks::parse(bytes) else { return };
    assert!(set.key_ids().len() <= 512);
    let again = Jwks::parse(bytes).expect("what was read once is read again");
    assert_eq!(set.key_ids(), again.key_ids());

    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
        panic!("a key set that is not JSON");
    };
    let keys = value["keys"].as_array_mut().expect("a key set has a list of keys");
    let candidates: BTreeSet<String> = keys.iter().filter_map(fit).collect();
    for id in set.key_ids().iter() {
        assert!(candidates.contains(&id.to_string()), "{id} is no fit key of the set");
    }
    if keys.len() < 500 {
        let mut beside = signed().public.clone();
        beside["kid"] = json!("beside all others");
        let id = fit(&beside).expect("the example's key is fit");
        keys.push(beside);
        let set = Jwks::parse(value.to_string().as_bytes()).expect("it was a key set before");
        assert!(set.key_ids().iter().any(|known| known.to_string() == id));
    }
}

/// The thumbprint of a key that may be believed.
fn fit(key: &Value) -> Option<String> {
    let text = |name: &str| key.get(name).map(|value| value.as_str().unwrap_or("\0"));
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth"]
        .iter()
        .any(|name| key.get(name).is_some());
    let fits = text("kty") == Some("RSA")
        && text("use").is_none_or(|purpose| purpose == "sig")
        && text("alg").is_none_or(|alg| alg == "RS256")
        && text("e") == Some("AQAB")
        && !private;
    let modulus = base64url(text("n").filter(|_| fits)?)?;
    thumbprint(&modulus)
}

/// RFC 7638, for a modulus of 2048 to 8192 bits.
fn thumbprint(modulus: &[u8]) -> Option<String> {
    let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
    let n = URL_SAFE_NO_PAD.encode(modulus);
    let text = format!("{{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"{n}\"}}");
    (2048..=8192)
        .contains(&bits)
        .then(|| URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
}

/// Bytes as the lines of a request's headers, `Authorization` lines beginning with `a`, all others being cookies: the
/// token found is the one that a second reader finds, or both find none.
///
/// # Panics
/// If that does not hold.
pub fn headers(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|&byte| byte == b'\n').take(64) {
        let (name, value) = match line {
            [b'a', value @ ..] => (header::AUTHORIZATION, value),
            value => (header::COOKIE, value),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let found = token_from_headers(&headers, SESSION_COOKIE)
        .ok()
        .map(|(token, _)| token.expose().to_owned());
    assert_eq!(found, second_finding(&headers));
    if let Some(found) = found {
        assert!(!found.is_empty() && !found.contains('\n'));
        token(found.as_bytes());
    }
}

fn second_finding(headers: &HeaderMap) -> Option<String> {
    let authorizations: Vec<&[u8]> = headers
        .get_all(header::AUTHORIZATION)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    let value = match authorizations.as_slice() {
        [] => {
            let all: Vec<&[u8]> = headers
                .get_all(header::COOKIE)
                .iter()
                .map(HeaderValue::as_bytes)
                .collect();
            let all = all.join(&b';');
            let values: BTreeSet<&[u8]> = all
                .split(|byte| *byte == b';')
                .filter_map(|pair| {
                    let mut halves = pair.splitn(2, |byte| *byte == b'=');
                    let (name, value) = (halves.next()?.trim_ascii(), halves.next()?.trim_ascii());
                    (name == SESSION_COOKIE.as_bytes()).then_some(value)
                })
                .collect();
            let mut values = values.into_iter();
            values.next().filter(|_| values.next().is_none())?.to_vec()
        }
        [one] => {
            let plain = one.iter().all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte));
            let (scheme, token) = one.split_at_checked(7).filter(|_| plain)?;
            let token = std::str::from_utf8(token).ok()?.trim_matches(' ');
            scheme
                .eq_ignore_ascii_case(b"bearer ")
                .then(|| token.as_bytes().to_vec())?
        }
        _ => return None,
    };
    String::from_utf8(value).ok().filter(|value| !value.is_empty())
}

/// Bytes as a pasted public key: what is taken, OpenSSL reads as the same RSA key, of 2048 to 8192 bits, with exponent
/// 65537.
///
/// # Panics
/// If that does not hold.
pub fn pem(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(keys) = Keys::pem(text) else { return };
    assert!(!text.contains("PRIVATE KEY"), "a private key was taken");
    let policy = Policy {
        issuer: "https://clerk.example.com".to_owned(),
        authorized_parties: vec!["https://app.example.com".to_owned()],
        ..Policy::default()
    };
    let verifier = Verifier::new(policy, keys).expect("the policy is complete");
    let believed = verifier
        .keys()
        .borrow()
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>();

    let unescaped = text.replace("\\r", "").replace("\\n", " ");
    // Outside of what stands between dashes is the base64, and nothing but.
    let base64: String = unescaped.split("-----").step_by(2).collect();
    let base64: String = base64
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '"' && *c != '\'')
        .collect();
    let der = STANDARD.decode(base64).expect("what was taken is base64");
    let key = Rsa::public_key_from_der(&der)
        .or_else(|_| Rsa::public_key_from_der_pkcs1(&der))
        .expect("OpenSSL reads what was taken");
    assert_eq!(key.e().to_vec(), [1, 0, 1]);
    let id = thumbprint(&key.n().to_vec()).expect("its size is one that is taken");
    assert_eq!(believed, [id]);
}
