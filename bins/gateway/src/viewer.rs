//! The viewer's page: three files, carried in the program, so that there is nothing to install and nothing to build.
//!
//! The page asks for the log itself with the reader's own credential; these files hold nothing of anybody's.

use http::{HeaderValue, Response, header};

use crate::answer::bytes;
use crate::body::Body;

/// Nothing but this page's own script and style, nothing from elsewhere, nothing inline, in nobody's frame: a line of a
/// log that looks like a script stays a line.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

pub(crate) fn page() -> Response<Body> {
    let mut response = asset("text/html; charset=utf-8", include_bytes!("viewer/index.html"));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

pub(crate) fn css() -> Response<Body> {
    asset("text/css; charset=utf-8", include_bytes!("viewer/viewer.css"))
}

pub(crate) fn js() -> Response<Body> {
    asset("text/javascript; charset=utf-8", include_bytes!("viewer/viewer.js"))
}

fn asset(content_type: &'static str, content: &'static [u8]) -> Response<Body> {
    let mut response = bytes(content_type, content);
    // Asked for again each time: after an update the page and its script must be of one make.
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
