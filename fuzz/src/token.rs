//! Whatever comes as a token, as a request's headers or as a key set, is read or refused, in bounded time and without a
//! panic.

use auth_clerk::{Jwks, Jws, MAX_TOKEN_LEN, Rejection, SESSION_COOKIE, token_from_headers};
use http::{HeaderMap, HeaderValue, header};

/// Bytes as a token: only the known rejections, and a key id within its limits.
///
/// # Panics
/// If the parser breaks its promises.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Jws::parse(text) {
        Ok(jws) => {
            assert!(text.len() <= MAX_TOKEN_LEN);
            assert!((1..=128).contains(&jws.kid().len()));
            // A set without keys accounts for no token.
            assert_eq!(Jwks::default().check(&jws).err(), Some(Rejection::JwkKidMismatch));
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

/// Bytes as a key set: no more thumbprints than its limit, and the same ones when it is read again.
///
/// # Panics
/// If the parser breaks its promises.
pub fn key_set(bytes: &[u8]) {
    if let Ok(set) = Jwks::parse(bytes) {
        assert!(set.key_ids().len() <= 512);
        let again = Jwks::parse(bytes).expect("what was read once is read again");
        assert_eq!(set.key_ids(), again.key_ids());
    }
}

/// Bytes as the lines of a request's headers, `Authorization` lines beginning with `a`, all others being cookies.
///
/// # Panics
/// If a token is found that is empty or holds what no token can.
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
    if let Ok((found, _)) = token_from_headers(&headers, SESSION_COOKIE) {
        assert!(!found.expose().is_empty() && !found.expose().contains('\n'));
        token(found.expose().as_bytes());
    }
}

/// Bytes as a pasted public key.
pub fn pem(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = auth_clerk::Keys::pem(text);
    }
}
