//! A set of fetched keys, read one by one so that an odd neighbour costs nobody their login. Pure.

use crate::Rejection;
use crate::json::{Json, Object};
use crate::keys::KeySet;
use crate::rsa::{KeyId, PublicNumbers, RsaKey};
use crate::token::{Jws, MAX_KID_LEN};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The most RSA keys a set may hold. Real sets hold one or two; building more than these would stall the program.
const MAX_KEYS: usize = 512;

/// The members of a key that decide whether it is taken.
const KEY_NAMES: [&str; 14] = [
    "kty", "use", "alg", "key_ops", "kid", "n", "e", "d", "p", "q", "dp", "dq", "qi", "oth",
];

/// The members that make a key private. A signing key must not lie about in public: whoever can read it can sign.
const PRIVATE_NAMES: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// The keys of one key set that are fit to check session tokens with, by key id.
#[derive(Clone, Default)]
pub struct Jwks {
    by_kid: HashMap<String, Slot>,
}

#[derive(Clone)]
enum Slot {
    Key(Arc<RsaKey>),
    /// Two different keys came under this id. Taking either would let the one be passed off as the other.
    Ambiguous,
}

/// Why an answer is not a key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// It is not a JSON object with one member `keys` that is a list.
    #[error("the answer is not a key set")]
    NotAKeySet,
    /// It holds more keys than any set needs.
    #[error("the key set holds more than 512 keys")]
    TooManyKeys,
}

/// What a token turned out to hold once its signature was found good.
pub struct Signed {
    pub(crate) payload: Vec<u8>,
    pub(crate) key: KeyId,
}

impl Signed {
    /// The payload's bytes, exactly as they were signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The key that signed.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key
    }
}

impl Jwks {
    /// Reads a key set, leaving out every key that is not understood or not fit.
    ///
    /// A key is taken if it is an object in which no telling name stands twice, `kty` is `RSA`, `use` is absent or
    /// `sig`, `alg` absent or `RS256`, `key_ops` absent or a list with `verify`, `kid` a string of 1 to 128 bytes, the
    /// modulus has 2048 to 8192 bits, the exponent is 65537, and there is no private part. If two different keys share
    /// a `kid`, neither is used; the same key twice is one key. The caller bounds the length of `body`.
    ///
    /// # Errors
    /// [`JwksError::NotAKeySet`] and [`JwksError::TooManyKeys`]; a set of which no key is taken is none.
    pub fn parse(body: &[u8]) -> Result<Jwks, JwksError> {
        Jwks::parse_after(body, &Jwks::default())
    }

    /// As [`Jwks::parse`], taking the verifiers of keys that `previous` holds already instead of building them anew.
    pub(crate) fn parse_after(body: &[u8], previous: &Jwks) -> Result<Jwks, JwksError> {
        let set = Object::parse(body).ok_or(JwksError::NotAKeySet)?;
        let Some(Json::List(keys)) = set.get("keys").filter(|_| set.has_each_at_most_once(&["keys"])) else {
            return Err(JwksError::NotAKeySet);
        };
        let built: HashMap<KeyId, &Arc<RsaKey>> = previous.keys().map(|key| (key.id(), key)).collect();
        let mut by_kid: HashMap<String, Slot> = HashMap::new();
        let mut taken = 0;
        for key in keys {
            let Some((kid, modulus, exponent)) = read(key) else {
                continue;
            };
            let Ok(numbers) = PublicNumbers::new(&modulus, &exponent) else {
                continue;
            };
            taken += 1;
            if taken > MAX_KEYS {
                return Err(JwksError::TooManyKeys);
            }
            match by_kid.get_mut(kid) {
                None => {
                    let id = numbers.id();
                    let key = match built.get(&id) {
                        Some(&key) => Arc::clone(key),
                        None => match RsaKey::build(&numbers) {
                            Ok(key) => Arc::new(key),
                            Err(_) => continue,
                        },
                    };
                    by_kid.insert(kid.to_owned(), Slot::Key(key));
                }
                Some(Slot::Key(key)) if key.id() == numbers.id() => {}
                Some(slot) => *slot = Slot::Ambiguous,
            }
        }
        Ok(Jwks { by_kid })
    }

    /// Checks a token's signature with the key that it names, and opens its payload.
    ///
    /// # Errors
    /// [`Rejection::JwkKidMismatch`], [`Rejection::JwkAmbiguous`] or [`Rejection::TokenInvalidSignature`].
    pub fn check(&self, jws: &Jws<'_>) -> Result<Signed, Rejection> {
        match self.by_kid.get(jws.kid()) {
            None => Err(Rejection::JwkKidMismatch),
            Some(Slot::Ambiguous) => Err(Rejection::JwkAmbiguous),
            Some(Slot::Key(key)) => check_with(key, jws),
        }
    }

    /// The thumbprints of the keys that are in use.
    #[must_use]
    pub fn key_ids(&self) -> KeySet {
        self.keys().map(|key| key.id()).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &Arc<RsaKey>> {
        self.by_kid.values().filter_map(|slot| match slot {
            Slot::Key(key) => Some(key),
            Slot::Ambiguous => None,
        })
    }
}

/// A key's id, modulus and exponent, if it is a public RSA key meant for checking RS256 signatures.
fn read<'a>(key: &'a Json<'_>) -> Option<(&'a str, Vec<u8>, Vec<u8>)> {
    let Json::Object(key) = key else { return None };
    let text = |name| key.get(name).and_then(Json::as_text);
    let absent_or = |name, value| !key.has(name) || text(name) == Some(value);
    let for_verifying = match key.get("key_ops") {
        None => true,
        Some(Json::List(operations)) => operations.iter().any(|operation| operation.as_text() == Some("verify")),
        Some(_) => false,
    };
    let fits = key.has_each_at_most_once(&KEY_NAMES)
        && text("kty") == Some("RSA")
        && absent_or("use", "sig")
        && absent_or("alg", "RS256")
        && for_verifying
        && !PRIVATE_NAMES.iter().any(|name| key.has(name));
    let kid = text("kid").filter(|kid| (1..=MAX_KID_LEN).contains(&kid.len()))?;
    if !fits {
        return None;
    }
    // jose-jwk reads the key itself. It is given the two numbers and nothing else: it would accept private parts, other
    // uses and members that stand twice, and refuse a whole set for one odd neighbour.
    let numbers = serde_json::json!({ "n": text("n")?, "e": text("e")? });
    let rsa: jose_jwk::Rsa = serde_json::from_value(numbers).ok()?;
    Some((kid, rsa.n.to_vec(), rsa.e.to_vec()))
}

/// Checks a token's signature with this key, whatever key id the token names.
pub(crate) fn check_with(key: &RsaKey, jws: &Jws<'_>) -> Result<Signed, Rejection> {
    if !key.signed(jws) {
        return Err(Rejection::TokenInvalidSignature);
    }
    Ok(Signed {
        payload: jws.payload.clone(),
        key: key.id(),
    })
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks")
            .field("keys", &self.key_ids())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use testkit::clerk::Clerk;

    #[track_caller]
    fn check(keys: Value, clerk: &Clerk, expected: Result<(), Rejection>) {
        let set = Jwks::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
        let token = clerk.session("user_ana").token();
        let jws = Jws::parse(&token).ok().unwrap();
        assert_eq!(set.check(&jws).map(|_| ()), expected);
    }

    fn with(clerk: &Clerk, name: &str, value: Value) -> Value {
        let mut jwk = clerk.jwk();
        jwk[name] = value;
        jwk
    }

    fn without(clerk: &Clerk, name: &str) -> Value {
        let mut jwk = clerk.jwk();
        jwk.as_object_mut().unwrap().remove(name);
        jwk
    }

    const UNKNOWN: Result<(), Rejection> = Err(Rejection::JwkKidMismatch);

    #[test]
    fn a_key_of_the_set_verifies() {
        let clerk = Clerk::new();
        check(json!([clerk.jwk()]), &clerk, Ok(()));
        for name in ["use", "alg"] {
            check(json!([without(&clerk, name)]), &clerk, Ok(()));
        }
        check(json!([with(&clerk, "key_ops", json!(["verify"]))]), &clerk, Ok(()));
        check(json!([with(&clerk, "x5c", json!(["not looked at"]))]), &clerk, Ok(()));
    }

    #[test]
    fn odd_neighbours_cost_nothing() {
        let clerk = Clerk::new();
        let neighbours = json!([
            null, 1, "key", [], {}, {"kty": "RSA"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "ec"},
            {"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {"kty": "oct", "k": "AA", "kid": clerk.kid()},
            {"kty": "RSA", "kid": clerk.kid(), "n": "!!", "e": "AQAB"}, {"kty": 7, "kid": {}},
            with(&clerk, "use", json!("enc")), clerk.jwk(),
        ]);
        check(neighbours, &clerk, Ok(()));
    }

    #[test]
    fn a_key_that_is_not_fit_is_left_out() {
        let clerk = Clerk::new();
        let n = clerk.jwk()["n"].as_str().unwrap().to_owned();
        for unfit in [
            with(&clerk, "use", json!("enc")),
            with(&clerk, "use", json!(null)),
            with(&clerk, "use", json!(["sig"])),
            with(&clerk, "alg", json!("RS512")),
            with(&clerk, "alg", json!("HS256")),
            with(&clerk, "alg", json!(null)),
            with(&clerk, "key_ops", json!(["sign"])),
            with(&clerk, "key_ops", json!([])),
            with(&clerk, "key_ops", json!("verify")),
            with(&clerk, "kty", json!("rsa")),
            with(&clerk, "kty", json!("oct")),
            with(&clerk, "kid", json!("")),
            with(&clerk, "kid", json!(1)),
            with(&clerk, "e", json!("AQ")),
            with(&clerk, "e", json!("Aw")),
            with(&clerk, "e", json!("AAEAAQ")),
            with(&clerk, "e", json!(65537)),
            with(&clerk, "n", json!(format!("{n}="))),
            with(&clerk, "n", json!(format!("{n}\n"))),
            with(&clerk, "n", json!(&n[..n.len() - 8])),
            with(&clerk, "d", json!("AQ")),
            with(&clerk, "d", json!(null)),
            with(&clerk, "p", json!("AQ")),
            with(&clerk, "oth", json!([])),
            without(&clerk, "kid"),
            without(&clerk, "kty"),
            without(&clerk, "n"),
            without(&clerk, "e"),
        ] {
            check(json!([unfit]), &clerk, UNKNOWN);
        }
    }

    #[test]
    fn small_keys_and_small_exponents_are_left_out() {
        for clerk in [Clerk::of(1024, 65537, 0), Clerk::of(2048, 3, 0)] {
            check(json!([clerk.jwk()]), &clerk, UNKNOWN);
        }
        let large = Clerk::of(3072, 65537, 0);
        check(json!([large.jwk()]), &large, Ok(()));
    }

    #[test]
    fn a_telling_name_that_stands_twice_spoils_its_key_only() {
        let clerk = Clerk::new();
        let twice = clerk.jwk().to_string().replacen('{', r#"{"kid":"other","#, 1);
        let other = clerk.with_kid("ins_other");
        let body = format!(r#"{{"keys":[{twice},{}]}}"#, other.jwk());
        let set = Jwks::parse(body.as_bytes()).unwrap();
        assert_eq!(set.by_kid.keys().collect::<Vec<_>>(), ["ins_other"]);
    }

    #[test]
    fn two_different_keys_under_one_id_are_both_refused() {
        let clerk = Clerk::new();
        let rotated = clerk.rotated();
        for keys in [
            json!([clerk.jwk(), rotated.jwk()]),
            json!([rotated.jwk(), clerk.jwk(), clerk.jwk()]),
        ] {
            check(keys.clone(), &clerk, Err(Rejection::JwkAmbiguous));
            check(keys.clone(), &rotated, Err(Rejection::JwkAmbiguous));
            let set = Jwks::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap();
            assert_eq!(set.key_ids(), KeySet::default());
        }
        check(json!([clerk.jwk(), clerk.jwk()]), &clerk, Ok(()));
    }

    #[test]
    fn what_is_not_a_key_set_is_an_error_and_an_empty_one_is_not() {
        for bad in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"keys":{}}"#,
            r#"{"keys":null}"#,
            r#"{"keys":[],"keys":[]}"#,
            "<html>",
            r#"{"keys":[}"#,
            r#"{"keys":[]}x"#,
        ] {
            assert_eq!(Jwks::parse(bad.as_bytes()).err(), Some(JwksError::NotAKeySet), "{bad}");
        }
        assert_eq!(Jwks::parse(br#"{"keys":[]}"#).unwrap().key_ids(), KeySet::default());
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let clerk = Clerk::new();
        let keys = |count: usize| {
            let keys: Vec<Value> = (0..count)
                .map(|n| with(&clerk, "kid", json!(format!("k{n}"))))
                .collect();
            json!({ "keys": keys }).to_string()
        };
        // All are one key under many ids, taken over from the set before, so that the test builds a single verifier.
        let previous = Jwks::parse(keys(1).as_bytes()).unwrap();
        assert!(Jwks::parse_after(keys(512).as_bytes(), &previous).is_ok());
        assert_eq!(
            Jwks::parse_after(keys(513).as_bytes(), &previous).err(),
            Some(JwksError::TooManyKeys)
        );
    }

    #[test]
    fn a_verifier_is_built_once_per_key() {
        let clerk = Clerk::new();
        let first = Jwks::parse(clerk.jwks().as_bytes()).unwrap();
        let second = Jwks::parse_after(clerk.jwks().as_bytes(), &first).unwrap();
        assert!(Arc::ptr_eq(first.keys().next().unwrap(), second.keys().next().unwrap()));
    }

    #[test]
    fn debug_shows_thumbprints_only() {
        let clerk = Clerk::new().with_kid("ins_\u{1b}[31m");
        let shown = format!("{:?}", Jwks::parse(clerk.jwks().as_bytes()).unwrap());
        assert!(shown.contains("KeyId(") && !shown.contains("ins_"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_set_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Jwks::parse(&bytes);
        }

        #[test]
        fn any_value_of_any_member_is_survived(name in "kty|use|alg|key_ops|kid|n|e|d", value in "\\PC{0,20}") {
            let clerk = Clerk::new();
            let odd = with(&clerk, &name, json!(value));
            let set = Jwks::parse(json!({ "keys": [odd] }).to_string().as_bytes()).unwrap();
            prop_assert!(set.key_ids().len() <= 1);
        }
    }
}
