//! Why a token was refused: stable labels for logs and metrics, and the few classes that a client may hear of.
//!
//! A rejection carries nothing of the token. What it says is a label from a closed list, so it can be counted, logged
//! and compared without a thought for what an attacker put into the token.

/// Why no session came out of a request.
///
/// The variants are in the order in which the checks are made: a token with several faults is refused for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// There was no token where one is looked for.
    #[error("no session token")]
    TokenMissing,
    /// The token is longer than [`MAX_TOKEN_LEN`](crate::MAX_TOKEN_LEN).
    #[error("the token is too large")]
    TokenTooLarge,
    /// The token is not built as a signed token is: its parts, its encoding, its JSON, or a claim's type.
    #[error("the token is malformed")]
    TokenInvalid,
    /// The header's `typ` or `cat`, or the lack of a session id, says that this is another kind of token.
    #[error("the token is not a session token")]
    TokenTypeMismatch,
    /// The header's `alg` is not `RS256`.
    #[error("the token's algorithm is not RS256")]
    TokenInvalidAlgorithm,
    /// No key is known under the token's `kid`.
    #[error("no key is known by the token's key id")]
    JwkKidMismatch,
    /// The key set holds two different keys under the token's `kid`, so neither is believed.
    #[error("two keys share the token's key id")]
    JwkAmbiguous,
    /// There are no keys to check with: none fetched yet, or the last fetch that worked is too long ago.
    #[error("the signing keys are not available")]
    JwkUnavailable,
    /// The signature is not the key's signature over this token.
    #[error("the token's signature is wrong")]
    TokenInvalidSignature,
    /// `iss` is not the configured issuer.
    #[error("the token's issuer is wrong")]
    TokenInvalidIssuer,
    /// `azp` is not one of the authorised parties.
    #[error("the token's authorised party is wrong")]
    TokenInvalidAuthorizedParties,
    /// `aud` is there although none is configured, or is not one of those that are.
    #[error("the token's audience is wrong")]
    TokenInvalidAudience,
    /// `exp` has passed.
    #[error("the token has expired")]
    TokenExpired,
    /// `nbf` has not come yet.
    #[error("the token is not active yet")]
    TokenNotActiveYet,
    /// `iat` lies in the future.
    #[error("the token was issued in the future")]
    TokenIatInTheFuture,
    /// `exp` is further away than any session token's.
    #[error("the token lives too long")]
    TokenLifetimeTooLong,
    /// `sub` does not name a user.
    #[error("the token's subject is not a user")]
    TokenNotAUser,
    /// `sts` says that the session is not active: the user has yet to finish signing in.
    #[error("the session is not active")]
    SessionNotActive,
}

/// What a client may be told of a [`Rejection`], and what decides the answer's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// No token came with the request.
    Missing,
    /// The token was good until it expired; a fresh one will do.
    Expired,
    /// The token is refused. Which check refused it is not the client's business.
    Invalid,
    /// Nothing can be said about the token now; the same token may be accepted in a moment.
    Unavailable,
}

impl Rejection {
    /// Every rejection, in the order of the checks; to announce a metric's labels before they occur.
    pub const ALL: [Rejection; 18] = [
        Rejection::TokenMissing,
        Rejection::TokenTooLarge,
        Rejection::TokenInvalid,
        Rejection::TokenTypeMismatch,
        Rejection::TokenInvalidAlgorithm,
        Rejection::JwkKidMismatch,
        Rejection::JwkAmbiguous,
        Rejection::JwkUnavailable,
        Rejection::TokenInvalidSignature,
        Rejection::TokenInvalidIssuer,
        Rejection::TokenInvalidAuthorizedParties,
        Rejection::TokenInvalidAudience,
        Rejection::TokenExpired,
        Rejection::TokenNotActiveYet,
        Rejection::TokenIatInTheFuture,
        Rejection::TokenLifetimeTooLong,
        Rejection::TokenNotAUser,
        Rejection::SessionNotActive,
    ];

    /// The stable label for logs and metrics, such as `token-expired`.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Rejection::TokenMissing => "token-missing",
            Rejection::TokenTooLarge => "token-too-large",
            Rejection::TokenInvalid => "token-invalid",
            Rejection::TokenTypeMismatch => "token-type-mismatch",
            Rejection::TokenInvalidAlgorithm => "token-invalid-algorithm",
            Rejection::JwkKidMismatch => "jwk-kid-mismatch",
            Rejection::JwkAmbiguous => "jwk-ambiguous",
            Rejection::JwkUnavailable => "jwk-unavailable",
            Rejection::TokenInvalidSignature => "token-invalid-signature",
            Rejection::TokenInvalidIssuer => "token-invalid-issuer",
            Rejection::TokenInvalidAuthorizedParties => "token-invalid-authorized-parties",
            Rejection::TokenInvalidAudience => "token-invalid-audience",
            Rejection::TokenExpired => "token-expired",
            Rejection::TokenNotActiveYet => "token-not-active-yet",
            Rejection::TokenIatInTheFuture => "token-iat-in-the-future",
            Rejection::TokenLifetimeTooLong => "token-lifetime-too-long",
            Rejection::TokenNotAUser => "token-not-a-user",
            Rejection::SessionNotActive => "session-not-active",
        }
    }

    /// What the client may hear.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Rejection::TokenMissing => Class::Missing,
            Rejection::TokenExpired => Class::Expired,
            Rejection::JwkUnavailable => Class::Unavailable,
            _ => Class::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rejection_has_a_label_of_its_own() {
        let labels: BTreeSet<_> = Rejection::ALL.iter().map(|rejection| rejection.reason()).collect();
        assert_eq!(labels.len(), Rejection::ALL.len());
    }

    #[test]
    fn a_client_hears_only_the_class() {
        for rejection in Rejection::ALL {
            let class = match rejection.reason() {
                "token-missing" => Class::Missing,
                "token-expired" => Class::Expired,
                "jwk-unavailable" => Class::Unavailable,
                _ => Class::Invalid,
            };
            assert_eq!(rejection.class(), class, "{rejection}");
        }
    }
}
