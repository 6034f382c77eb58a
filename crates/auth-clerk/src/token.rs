//! The strict parts of a signed token, up to and including its header. Pure.
//!
//! Everything here happens before a key is looked up, and nothing of the payload is read: its bytes stay shut in
//! [`Jws`] until the signature is found good.

use crate::Rejection;
use crate::json::{Json, Object};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest token that is looked into, in bytes. Session tokens stay under 4 kB, because a cookie must.
pub const MAX_TOKEN_LEN: usize = 8192;

/// The longest key id, in bytes.
pub(crate) const MAX_KID_LEN: usize = 128;

/// The values of `cat` that session tokens carry. Other kinds of token are signed by the same key and have their own.
const SESSION_CATEGORIES: [&str; 2] = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];

/// The header's members that decide something. `jku`, `jwk`, `x5u` and `x5c` are not among them: a key or its address
/// never comes from the token.
const HEADER_NAMES: [&str; 6] = ["alg", "kid", "typ", "cat", "crit", "b64"];

/// A token in compact form whose shape and header are in order, and whose signature is still to be checked.
///
/// It has no `Debug`: it holds the token. There is no way to its payload but [`Jwks::check`](crate::Jwks::check).
pub struct Jws<'a> {
    pub(crate) signing_input: &'a str,
    pub(crate) payload: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    kid: String,
}

impl<'a> Jws<'a> {
    /// Takes a token apart and checks all that can be checked without a key.
    ///
    /// In this order: at most [`MAX_TOKEN_LEN`] bytes; three parts; each strict base64url, unpadded and canonical; the
    /// header a JSON object with none of the names it is judged by twice; neither `crit` nor `b64`; `typ` absent or
    /// `JWT`; `alg` `RS256`; `cat` absent or a session's; `kid` a string of 1 to 128 bytes. The whole costs no more
    /// than a few copies of the token.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails.
    pub fn parse(token: &'a str) -> Result<Jws<'a>, Rejection> {
        if token.is_empty() {
            return Err(Rejection::TokenMissing);
        }
        if token.len() > MAX_TOKEN_LEN {
            return Err(Rejection::TokenTooLarge);
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Rejection::TokenInvalid);
        };
        let signing_input = &token[..header.len() + 1 + payload.len()];
        let (header, payload, signature) = (decode(header)?, decode(payload)?, decode(signature)?);
        let kid = judge_header(&header)?;
        Ok(Jws {
            signing_input,
            payload,
            signature,
            kid,
        })
    }

    /// The key id that the token names. It is whatever the token's maker wrote: compare it, do not print it.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether the signature is as long as that of some key we would take (2048 to 8192 bits).
    pub(crate) fn may_be_signed(&self) -> bool {
        (256..=1024).contains(&self.signature.len())
    }
}

/// Strict base64url: no padding, no white space, no second spelling of the same bytes.
fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Rejection::TokenInvalid)
}

fn judge_header(bytes: &[u8]) -> Result<String, Rejection> {
    let header = Object::parse(bytes).ok_or(Rejection::TokenInvalid)?;
    if !header.has_each_at_most_once(&HEADER_NAMES) {
        return Err(Rejection::TokenInvalid);
    }
    // Both change what is signed or what must be understood. We understand neither, so their mere presence refuses.
    if header.has("crit") || header.has("b64") {
        return Err(Rejection::TokenInvalid);
    }
    if header.get("typ").is_some_and(|typ| typ.as_text() != Some("JWT")) {
        return Err(Rejection::TokenTypeMismatch);
    }
    if header.get("alg").and_then(Json::as_text) != Some("RS256") {
        return Err(Rejection::TokenInvalidAlgorithm);
    }
    if let Some(cat) = header.get("cat")
        && !cat.as_text().is_some_and(|cat| SESSION_CATEGORIES.contains(&cat))
    {
        return Err(Rejection::TokenTypeMismatch);
    }
    match header.get("kid").and_then(Json::as_text) {
        Some(kid) if (1..=MAX_KID_LEN).contains(&kid.len()) => Ok(kid.to_owned()),
        _ => Err(Rejection::TokenInvalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(header: impl AsRef<[u8]>) -> String {
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode("{}"),
            URL_SAFE_NO_PAD.encode("s")
        )
    }

    #[track_caller]
    fn check(token: &str, expected: Result<&str, Rejection>) {
        let found = Jws::parse(token).map(|jws| jws.kid().to_owned());
        assert_eq!(found.as_deref().map_err(|rejection| *rejection), expected, "{token}");
    }

    #[test]
    fn a_plain_header_gives_its_key_id() {
        check(&token(r#"{"alg":"RS256","kid":"ins_1","typ":"JWT"}"#), Ok("ins_1"));
        check(&token(r#"{"alg":"RS256","kid":"ins_1"}"#), Ok("ins_1"));
        check(&token(" {\"kid\" : \"ins_1\",\n\"alg\":\"RS256\"} "), Ok("ins_1"));
    }

    #[test]
    fn the_length_is_judged_first() {
        check("", Err(Rejection::TokenMissing));
        check(&"a".repeat(MAX_TOKEN_LEN + 1), Err(Rejection::TokenTooLarge));
        check(&"a".repeat(MAX_TOKEN_LEN), Err(Rejection::TokenInvalid));
        check(&".".repeat(MAX_TOKEN_LEN + 1), Err(Rejection::TokenTooLarge));
    }

    #[test]
    fn a_token_has_three_parts() {
        let good = token(r#"{"alg":"RS256","kid":"k"}"#);
        let (two, _) = good.rsplit_once('.').unwrap();
        for bad in [
            two,
            &format!("{good}."),
            &format!(".{good}"),
            &format!("{good}.e.f"),
            ".",
            "..",
            "...",
            "a",
            "{}",
        ] {
            check(bad, Err(Rejection::TokenInvalid));
        }
    }

    #[test]
    fn base64url_is_strict() {
        let good = token(r#"{"alg":"RS256","kid":"k"}"#);
        let (header, rest) = good.split_once('.').unwrap();
        // The header is 25 bytes, so its last character has four bits that must be zero.
        assert!(header.ends_with("Q") && header.len() % 4 == 2);
        let twin = format!("{}R.{rest}", &header[..header.len() - 1]);
        for bad in [
            twin,
            format!("{header}==.{rest}"),
            format!("{header}=.{rest}"),
            format!("{header} .{rest}"),
            format!("{header}\n.{rest}"),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}="),
            format!("{header}A.{rest}"),
            good.replacen('e', "+", 1),
            good.replacen('e', "/", 1),
            good.replacen('e', "é", 1),
            good.replacen('e', "\0", 1),
            good.replacen('e', "%65", 1),
        ] {
            check(&bad, Err(Rejection::TokenInvalid));
        }
    }

    #[test]
    fn the_header_is_one_json_object_in_utf8() {
        for bad in [
            &b""[..],
            b"null",
            b"[]",
            b"[\"RS256\",\"k\"]",
            b"\"RS256\"",
            b"{\"alg\":\"RS256\",\"kid\":\"k\"",
            b"{\"alg\":\"RS256\",\"kid\":\"k\"}{}",
            b"{\"alg\":\"RS256\",\"kid\":\"k\"}\0",
            b"\xef\xbb\xbf{\"alg\":\"RS256\",\"kid\":\"k\"}",
            b"{\"alg\":\"RS256\",\"kid\":\"k\",\"x\":\"\xff\"}",
            b"{\"alg\":\"RS256\",\"kid\":\"\xc0\x80\"}",
            b"{\"alg\":\"RS256\",\"kid\":\"k\",}",
        ] {
            check(&token(bad), Err(Rejection::TokenInvalid));
        }
    }

    #[test]
    fn a_name_that_decides_something_stands_once() {
        for bad in [
            r#"{"alg":"none","alg":"RS256","kid":"k"}"#,
            r#"{"alg":"RS256","alg":"RS256","kid":"k"}"#,
            r#"{"alg":"RS256","\u0061lg":"RS256","kid":"k"}"#,
            r#"{"alg":"RS256","kid":"k","kid":"l"}"#,
            r#"{"alg":"RS256","kid":"k","typ":"JWT","typ":"JWT"}"#,
            r#"{"alg":"RS256","kid":"k","cat":"cl_B7d4PD111AAA","cat":"cl_B7d4PD111AAA"}"#,
        ] {
            check(&token(bad), Err(Rejection::TokenInvalid));
        }
        check(&token(r#"{"alg":"RS256","kid":"k","x":1,"x":2}"#), Ok("k"));
    }

    #[test]
    fn extensions_that_must_be_understood_are_refused() {
        for extension in [
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""crit":null"#,
            r#""b64":false"#,
            r#""b64":true"#,
            r#""b64":null"#,
        ] {
            check(
                &token(format!(r#"{{"alg":"RS256","kid":"k",{extension}}}"#)),
                Err(Rejection::TokenInvalid),
            );
        }
    }

    #[test]
    fn another_type_of_token_is_refused() {
        for typ in [
            r#""jwt""#,
            r#""at+jwt""#,
            r#""JWT ""#,
            r#""JOSE""#,
            r#""dpop+jwt""#,
            r#""""#,
            "null",
            "1",
            r#"["JWT"]"#,
        ] {
            let header = format!(r#"{{"alg":"RS256","kid":"k","typ":{typ}}}"#);
            check(&token(header), Err(Rejection::TokenTypeMismatch));
        }
    }

    #[test]
    fn only_rs256_is_taken() {
        for alg in [
            "none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256", "RS256 ", "",
        ] {
            let header = format!(r#"{{"alg":"{alg}","kid":"k"}}"#);
            check(&token(header), Err(Rejection::TokenInvalidAlgorithm));
        }
        for header in [
            r#"{"kid":"k"}"#,
            r#"{"alg":null,"kid":"k"}"#,
            r#"{"alg":["RS256"],"kid":"k"}"#,
            r#"{"Alg":"RS256","kid":"k"}"#,
        ] {
            check(&token(header), Err(Rejection::TokenInvalidAlgorithm));
        }
    }

    #[test]
    fn only_the_session_categories_are_taken() {
        for cat in SESSION_CATEGORIES {
            check(&token(format!(r#"{{"alg":"RS256","kid":"k","cat":"{cat}"}}"#)), Ok("k"));
        }
        for cat in [r#""cl_B7d4PD222AAA""#, r#""cl_b7d4pd111aaa""#, r#""""#, "null", "{}"] {
            let header = format!(r#"{{"alg":"RS256","kid":"k","cat":{cat}}}"#);
            check(&token(header), Err(Rejection::TokenTypeMismatch));
        }
    }

    #[test]
    fn a_key_id_is_a_string_of_1_to_128_bytes() {
        for kid in [r#""""#, "null", "1", r#"["k"]"#, &format!("\"{}\"", "k".repeat(129))] {
            check(
                &token(format!(r#"{{"alg":"RS256","kid":{kid}}}"#)),
                Err(Rejection::TokenInvalid),
            );
        }
        check(&token(r#"{"alg":"RS256"}"#), Err(Rejection::TokenInvalid));
        let longest = "k".repeat(128);
        check(&token(format!(r#"{{"alg":"RS256","kid":"{longest}"}}"#)), Ok(&longest));
    }

    #[test]
    fn the_first_fault_names_the_rejection() {
        check(
            &token(r#"{"crit":[],"typ":"x","alg":"none","cat":"x"}"#),
            Err(Rejection::TokenInvalid),
        );
        check(
            &token(r#"{"typ":"x","alg":"none","cat":"x"}"#),
            Err(Rejection::TokenTypeMismatch),
        );
        check(
            &token(r#"{"alg":"none","cat":"x"}"#),
            Err(Rejection::TokenInvalidAlgorithm),
        );
        check(
            &token(r#"{"alg":"RS256","cat":"x"}"#),
            Err(Rejection::TokenTypeMismatch),
        );
    }

    #[test]
    fn addresses_of_keys_in_the_header_are_ignored() {
        check(
            &token(r#"{"alg":"RS256","kid":"k","jku":"https://evil.example/jwks","x5c":["MII"],"jwk":{"kty":"RSA"}}"#),
            Ok("k"),
        );
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,400}") {
            let _ = Jws::parse(&text);
        }

        #[test]
        fn any_header_is_judged_without_a_panic(header in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Jws::parse(&token(header));
        }

        #[test]
        fn any_string_survives_as_a_key_id(kid in "\\PC{1,32}") {
            let header = serde_json::json!({"alg": "RS256", "kid": kid}).to_string();
            prop_assert_eq!(Jws::parse(&token(header)).map(|jws| jws.kid().to_owned()), Ok(kid));
        }
    }
}
