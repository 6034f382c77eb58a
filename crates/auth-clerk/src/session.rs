//! What a good token says: who is asking.

use crate::KeyId;

/// A verified session.
///
/// It speaks of the moment the token was verified. Tokens live about a minute; whoever keeps an answer open for longer
/// decides how long, and watches [`Verifier::keys`](crate::Verifier::keys).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The user, `user_` and 1 to 64 letters, digits or underscores.
    pub user: String,
    /// The organisation that is active in the session, if any.
    pub org: Option<Org>,
    /// The session's id, `sess_…`.
    pub session_id: String,
    /// The origin that the token was made for; one of the authorised parties.
    pub authorized_party: String,
    /// When the token was issued, in whole seconds since the Unix epoch.
    pub issued_at: u64,
    /// When the token expires, in whole seconds since the Unix epoch, rounded down. No more than 24 hours after `now`.
    pub expires_at: u64,
    /// The key that signed the token.
    pub key: KeyId,
}

/// An organisation, and what the user is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Org {
    /// The organisation, `org_` and 1 to 64 letters, digits or underscores.
    pub id: String,
    /// The user's role, such as `org:admin`; always with its prefix, which the newer claims leave out.
    pub role: Option<String>,
}
