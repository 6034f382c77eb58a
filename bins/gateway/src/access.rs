//! Who is asking, and what they may read.
//!
//! A [`Gatekeeper`] says who; whether a job is theirs is then a look-up that treats somebody else's job exactly as one
//! that does not exist.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;
use log_model::{Owner, OwnerId};

use crate::answer::Refusal;
use crate::body::Body;

/// The key a reader's credential was signed with, by its thumbprint.
pub type Key = auth_clerk::KeyId;

/// How fetching keys goes.
pub type KeyStatus = auth_clerk::KeyStatus;

/// Somebody who may ask.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Whose jobs they may read: their own, and those of the organisation they act for.
    pub owners: Vec<Owner>,
    /// Whom limits are counted for.
    pub user: OwnerId,
    /// What their credential was signed with: their streams end when it is no longer accepted.
    pub key: Option<Key>,
}

/// Why somebody may not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// They brought no credential.
    Missing,
    /// Its time is over.
    Expired,
    /// It is not accepted.
    Invalid,
    /// It came in a cookie, with a page from elsewhere.
    Origin,
    /// It cannot be checked right now.
    Unavailable,
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing => Self::TokenMissing,
            Denied::Expired => Self::TokenExpired,
            Denied::Invalid => Self::TokenInvalid,
            Denied::Origin => Self::OriginNotAllowed,
            Denied::Unavailable => Self::AuthUnavailable,
        }
    }
}

/// What a gatekeeper makes of a request before anybody else looks at it.
#[derive(Debug)]
pub enum Before {
    /// It is answered already.
    Answer(Response<Body>),
    /// It goes its way.
    Go(Request<Incoming>),
}

/// Decides who is asking.
#[async_trait]
pub trait Gatekeeper: std::fmt::Debug + Send + Sync + 'static {
    /// Who sent this request.
    ///
    /// # Errors
    /// [`Denied`] when that cannot be said.
    async fn identify(&self, head: &Parts) -> Result<Identity, Denied>;

    /// Looks at a request before it is routed; lets it go its way unless overridden. `request_id` is what the answer will
    /// be known by, for whoever writes one here.
    async fn before_routing(&self, request: Request<Incoming>, _request_id: &str) -> Before {
        Before::Go(request)
    }

    /// Whether credentials can be checked, for readiness.
    fn ready(&self) -> bool {
        true
    }

    /// Whether credentials signed with this key are accepted.
    fn accepts(&self, _key: &Key) -> bool {
        true
    }

    /// How often a credential was not accepted, by reason: labels from a closed list.
    fn rejections(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }

    /// How the keys that credentials are checked with are being fetched; none where nothing is fetched.
    fn key_status(&self) -> Option<KeyStatus> {
        None
    }

    /// An item whenever the accepted keys change. Never ends early; unless overridden, nothing ever comes.
    fn key_changes(&self) -> BoxStream<'static, ()> {
        stream::pending().boxed()
    }
}
