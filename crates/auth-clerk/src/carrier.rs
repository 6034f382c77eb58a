//! Where a request carries its token: the `Authorization` header, else the session cookie.
//!
//! The query string is not looked at, ever: load balancers and proxies write it into their logs.

use crate::Rejection;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

/// The cookie that holds the session token, unless the application runs with a suffixed one.
pub const SESSION_COOKIE: &str = "__session";

/// A token as it came, not yet looked into.
///
/// It opens the door to whoever holds it, so it has neither `Debug` nor `Display`: it cannot slip into a log.
pub struct Token<'a>(&'a str);

impl<'a> Token<'a> {
    /// The token's text, to hand it to [`Verifier::verify`](crate::Verifier::verify).
    #[must_use]
    pub fn expose(&self) -> &'a str {
        self.0
    }
}

/// Which way a token came. A cookie is sent by the browser unasked, so it calls for a check of `Origin`; a bearer token
/// was put there by a script that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// The `Authorization: Bearer` header.
    Bearer,
    /// The session cookie.
    Cookie,
}

/// Finds the one token of a request.
///
/// If there is an `Authorization` header it decides, and the cookie is not looked at. `cookie_name` is compared
/// exactly; it is [`SESSION_COOKIE`], or `__session_` with the application's suffix.
///
/// # Errors
/// [`Rejection::TokenMissing`] if there is no token, or `Authorization` has another scheme than `Bearer`;
/// [`Rejection::TokenInvalid`] if the request does not say which token it means (two `Authorization` headers, two
/// session cookies with different values) or the header is not ASCII.
pub fn token_from_headers<'a>(headers: &'a HeaderMap, cookie_name: &str) -> Result<(Token<'a>, Carrier), Rejection> {
    if headers.contains_key(AUTHORIZATION) {
        return Ok((bearer(headers)?, Carrier::Bearer));
    }
    Ok((cookie(headers, cookie_name)?, Carrier::Cookie))
}

fn bearer(headers: &HeaderMap) -> Result<Token<'_>, Rejection> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Rejection::TokenInvalid);
    };
    let value = value.to_str().map_err(|_| Rejection::TokenInvalid)?;
    let (scheme, token) = value.split_once(' ').ok_or(Rejection::TokenMissing)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(Rejection::TokenMissing);
    }
    Ok(Token(token))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Result<Token<'a>, Rejection> {
    let mut found: Option<&[u8]> = None;
    // HTTP/2 may spread the cookies over several headers, so all of them are read as one list.
    for header in headers.get_all(COOKIE) {
        for pair in header.as_bytes().split(|&byte| byte == b';') {
            let Some(equals) = pair.iter().position(|&byte| byte == b'=') else {
                continue;
            };
            if pair[..equals].trim_ascii() != name.as_bytes() {
                continue;
            }
            let value = pair[equals + 1..].trim_ascii();
            match found {
                // A neighbour on a sibling domain can plant a second cookie of this name. Browsers do not say which
                // one is ours, so believing either would let the neighbour choose who is signed in.
                Some(other) if other != value => return Err(Rejection::TokenInvalid),
                _ => found = Some(value),
            }
        }
    }
    // Signing out empties the cookie before it removes it.
    let value = found.filter(|value| !value.is_empty()).ok_or(Rejection::TokenMissing)?;
    std::str::from_utf8(value)
        .map(Token)
        .map_err(|_| Rejection::TokenInvalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[track_caller]
    fn check(headers: &[(&str, &[u8])], expected: Result<(&str, Carrier), Rejection>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let found = token_from_headers(&map, SESSION_COOKIE).map(|(token, carrier)| (token.expose(), carrier));
        assert_eq!(found, expected);
    }

    const MISSING: Result<(&str, Carrier), Rejection> = Err(Rejection::TokenMissing);
    const INVALID: Result<(&str, Carrier), Rejection> = Err(Rejection::TokenInvalid);

    #[test]
    fn no_header_at_all_is_a_missing_token() {
        check(&[], MISSING);
        check(&[("accept", b"*/*")], MISSING);
    }

    #[test]
    fn the_bearer_scheme_is_read_in_any_case() {
        for value in [
            &b"Bearer a.b.c"[..],
            b"bearer a.b.c",
            b"BEARER a.b.c",
            b"bEaReR   a.b.c",
            b"Bearer a.b.c ",
        ] {
            check(&[("authorization", value)], Ok(("a.b.c", Carrier::Bearer)));
        }
    }

    #[test]
    fn an_authorization_header_without_a_bearer_token_is_a_missing_token() {
        for value in [
            &b""[..],
            b"Bearer",
            b"Bearer ",
            b"Bearer    ",
            b"Basic a.b.c",
            b"Bearera.b.c",
            b"a.b.c",
            b" ",
        ] {
            check(&[("authorization", value)], MISSING);
        }
    }

    #[test]
    fn the_authorization_header_decides_even_when_it_holds_no_token() {
        check(
            &[("authorization", b"Basic x"), ("cookie", b"__session=a.b.c")],
            MISSING,
        );
        check(
            &[("authorization", b"Bearer h.h.h"), ("cookie", b"__session=a.b.c")],
            Ok(("h.h.h", Carrier::Bearer)),
        );
    }

    #[test]
    fn two_authorization_headers_are_refused_even_when_equal() {
        check(
            &[("authorization", b"Bearer a.b.c"), ("authorization", b"Bearer a.b.c")],
            INVALID,
        );
    }

    #[test]
    fn a_header_that_is_not_ascii_is_refused() {
        check(&[("authorization", b"Bearer a.\xc3\xa4.c")], INVALID);
        check(&[("authorization", b"Bearer \xff")], INVALID);
        check(&[("cookie", b"__session=\xff")], INVALID);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        for value in [
            &b"__session=a.b.c"[..],
            b"x=1; __session=a.b.c; y=2",
            b"x=1;__session=a.b.c",
            b" __session = a.b.c ;",
            b";;=;novalue; __session=a.b.c",
            b"__session_abc=other; __session=a.b.c; __sessionx=other; x__session=other; __SESSION=other",
        ] {
            check(&[("cookie", value)], Ok(("a.b.c", Carrier::Cookie)));
        }
    }

    #[test]
    fn cookies_may_be_spread_over_several_headers() {
        check(
            &[("cookie", b"x=1"), ("cookie", b"__session=a.b.c")],
            Ok(("a.b.c", Carrier::Cookie)),
        );
    }

    #[test]
    fn two_session_cookies_with_different_values_are_refused() {
        check(&[("cookie", b"__session=a.b.c; __session=d.e.f")], INVALID);
        check(&[("cookie", b"__session=a.b.c"), ("cookie", b"__session=")], INVALID);
        check(
            &[("cookie", b"__session=a.b.c; __session=a.b.c")],
            Ok(("a.b.c", Carrier::Cookie)),
        );
    }

    #[test]
    fn an_emptied_cookie_is_a_missing_token() {
        check(&[("cookie", b"__session=")], MISSING);
        check(&[("cookie", b"__session=; x=1")], MISSING);
        check(&[("cookie", b"__session")], MISSING);
    }

    #[test]
    fn a_suffixed_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(
            COOKIE,
            HeaderValue::from_static("__session=old; __session_0aB-_9xY=a.b.c"),
        );
        let (token, carrier) = token_from_headers(&headers, "__session_0aB-_9xY").ok().unwrap();
        assert_eq!((token.expose(), carrier), ("a.b.c", Carrier::Cookie));
    }
}
