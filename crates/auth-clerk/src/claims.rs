//! What a session token must claim, check by check. Pure: the time is passed in.
//!
//! Only a payload whose signature was found good comes here. It is still judged strictly, because the same key signs
//! other things than session tokens, some of them with content of the application's choosing.

use crate::json::{Json, Object};
use crate::{Org, Policy, Rejection, Session, Signed};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the issuer's clock and ours may be apart, in seconds.
const SKEW: f64 = 5.0;

/// The furthest `exp` that is believed, in seconds from now. Session tokens live for 60.
const MAX_LIFETIME: f64 = 24.0 * 60.0 * 60.0;

/// The claims that decide something.
const CLAIM_NAMES: [&str; 13] = [
    "iss", "azp", "aud", "exp", "iat", "nbf", "sid", "sub", "sts", "v", "o", "org_id", "org_role",
];

/// Judges the claims in the order of [`Rejection`]'s variants.
pub(crate) fn judge(signed: &Signed, policy: &Policy, now: SystemTime) -> Result<Session, Rejection> {
    let claims = Object::parse(&signed.payload).ok_or(Rejection::TokenInvalid)?;
    if !claims.has_each_at_most_once(&CLAIM_NAMES) {
        return Err(Rejection::TokenInvalid);
    }
    let text = |name| claims.get(name).and_then(Json::as_text);

    if text("iss") != Some(&policy.issuer) {
        return Err(Rejection::TokenInvalidIssuer);
    }
    let authorized_party = text("azp")
        .filter(|azp| policy.authorized_parties.iter().any(|party| party == azp))
        .ok_or(Rejection::TokenInvalidAuthorizedParties)?;
    if !audience_fits(claims.get("aud"), &policy.audience) {
        return Err(Rejection::TokenInvalidAudience);
    }
    let (issued_at, expires_at) = judge_times(&claims, seconds(now))?;

    // Tokens made from templates, by machines or for other audiences are signed by the same key. They have no session.
    let session_id = text("sid")
        .filter(|sid| is_id(sid, "sess_"))
        .ok_or(Rejection::TokenTypeMismatch)?;
    let user = text("sub")
        .filter(|sub| is_id(sub, "user_"))
        .ok_or(Rejection::TokenNotAUser)?;
    if claims.has("sts") && text("sts") != Some("active") {
        return Err(Rejection::SessionNotActive);
    }
    Ok(Session {
        user: user.to_owned(),
        org: org(&claims)?,
        session_id: session_id.to_owned(),
        authorized_party: authorized_party.to_owned(),
        issued_at: issued_at as u64,
        expires_at: expires_at as u64,
        key: signed.key,
    })
}

/// Absent if none is configured; otherwise one of the configured ones, alone or in a list of strings.
fn audience_fits(aud: Option<&Json<'_>>, configured: &[String]) -> bool {
    let known = |aud: &Json<'_>| {
        aud.as_text()
            .is_some_and(|aud| configured.iter().any(|known| known == aud))
    };
    match aud {
        None => configured.is_empty(),
        Some(Json::List(list)) => list.iter().all(|aud| aud.as_text().is_some()) && list.iter().any(known),
        Some(aud) => known(aud),
    }
}

/// Compares as f64 all the way: 1e300 is a number too, and a `SystemTime` made of it would panic.
fn judge_times(claims: &Object<'_>, now: f64) -> Result<(f64, f64), Rejection> {
    let number = |name| match claims.get(name) {
        Some(Json::Number(number)) => Ok(Some(*number)),
        None => Ok(None),
        Some(_) => Err(Rejection::TokenInvalid),
    };
    let expires = number("exp")?.ok_or(Rejection::TokenInvalid)?;
    let issued = number("iat")?.ok_or(Rejection::TokenInvalid)?;
    let not_before = number("nbf")?;
    if expires + SKEW <= now {
        return Err(Rejection::TokenExpired);
    }
    if not_before.is_some_and(|not_before| not_before - SKEW > now) {
        return Err(Rejection::TokenNotActiveYet);
    }
    if issued - SKEW > now {
        return Err(Rejection::TokenIatInTheFuture);
    }
    if expires > now + MAX_LIFETIME {
        return Err(Rejection::TokenLifetimeTooLong);
    }
    Ok((issued, expires))
}

/// The active organisation: `o` in version 2, `org_id` and `org_role` before.
///
/// Each version reads its own claims only, since the application may add further claims with content that its users
/// choose, and those must not make anyone a member of anything.
fn org(claims: &Object<'_>) -> Result<Option<Org>, Rejection> {
    let (id, role) = match claims.get("v") {
        None => (claims.get("org_id"), claims.get("org_role")),
        Some(Json::Number(1.0)) => (claims.get("org_id"), claims.get("org_role")),
        Some(Json::Number(2.0)) => match claims.get("o") {
            None => (None, None),
            Some(Json::Object(o)) if o.has_each_at_most_once(&["id", "rol"]) => {
                (Some(o.get("id").ok_or(Rejection::TokenInvalid)?), o.get("rol"))
            }
            Some(_) => return Err(Rejection::TokenInvalid),
        },
        Some(_) => return Err(Rejection::TokenInvalid),
    };
    let Some(id) = id else { return Ok(None) };
    let id = id
        .as_text()
        .filter(|id| is_id(id, "org_"))
        .ok_or(Rejection::TokenInvalid)?;
    let role = match role
        .map(|role| role.as_text().ok_or(Rejection::TokenInvalid))
        .transpose()?
    {
        None => None,
        Some(role) if role.starts_with("org:") => Some(role.to_owned()),
        Some(role) => Some(format!("org:{role}")),
    };
    Ok(Some(Org {
        id: id.to_owned(),
        role,
    }))
}

/// The prefix, then 1 to 64 letters, digits or underscores.
fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (1..=64).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn seconds(now: SystemTime) -> f64 {
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}
