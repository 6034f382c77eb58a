//! The gatekeeper of production: Clerk session tokens.

use std::collections::BTreeMap;
use std::time::SystemTime;

use async_trait::async_trait;
use auth_clerk::{Carrier, Class, Rejection, SESSION_COOKIE, Verifier, token_from_headers};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::header;
use http::request::Parts;
use log_model::{Owner, OwnerId};
use parking_lot::Mutex;

use crate::access::{Denied, Gatekeeper, Identity, Key, KeyStatus};
use crate::answer::Origins;

/// Lets in whoever shows a good Clerk session token: as a bearer token or, with a page of an allowed origin, as a
/// cookie. A token anywhere else, as in the query, is no token.
#[derive(Debug)]
pub struct ClerkGatekeeper {
    verifier: Verifier,
    cookie: String,
    origins: Origins,
    rejections: Mutex<BTreeMap<&'static str, u64>>,
}

impl ClerkGatekeeper {
    /// A gatekeeper who believes `verifier`. `cookie_suffix` is that of the application's session cookie, if it has
    /// one: `__session_<suffix>`.
    pub fn new(verifier: Verifier, cookie_suffix: Option<&str>, origins: Origins) -> Self {
        let cookie = cookie_suffix.map_or(SESSION_COOKIE.to_owned(), |suffix| format!("{SESSION_COOKIE}_{suffix}"));
        Self {
            verifier,
            cookie,
            origins,
            rejections: Mutex::default(),
        }
    }

    /// Counts a rejection under its reason; the reader hears no more than its class.
    fn denied(&self, rejection: Rejection) -> Denied {
        self.count(rejection.reason());
        match rejection.class() {
            Class::Missing => Denied::Missing,
            Class::Expired => Denied::Expired,
            Class::Unavailable => Denied::Unavailable,
            Class::Invalid => Denied::Invalid,
        }
    }

    fn count(&self, reason: &'static str) {
        tracing::debug!(reason, "credential not accepted");
        *self.rejections.lock().entry(reason).or_default() += 1;
    }
}

#[async_trait]
impl Gatekeeper for ClerkGatekeeper {
    async fn identify(&self, head: &Parts) -> Result<Identity, Denied> {
        let (token, carrier) =
            token_from_headers(&head.headers, &self.cookie).map_err(|rejection| self.denied(rejection))?;
        if carrier == Carrier::Cookie {
            // A browser sends the cookie whoever asks for it, so who asks has to be looked at. Two origins are none.
            let mut origins = head.headers.get_all(header::ORIGIN).iter();
            let foreign = origins.any(|origin| !self.origins.allows(origin));
            if foreign {
                self.count("origin-not-allowed");
                return Err(Denied::Origin);
            }
        }
        let session = self
            .verifier
            .verify(token.expose(), SystemTime::now())
            .await
            .map_err(|rejection| self.denied(rejection))?;
        let user = OwnerId::new(&session.user).map_err(|_| Denied::Invalid)?;
        let mut owners = vec![Owner::user(user.clone())];
        if let Some(org) = &session.org {
            owners.push(Owner::org(OwnerId::new(&org.id).map_err(|_| Denied::Invalid)?));
        }
        Ok(Identity {
            owners,
            user,
            key: Some(session.key),
        })
    }

    fn ready(&self) -> bool {
        self.verifier.ready()
    }

    fn rejections(&self) -> Vec<(&'static str, u64)> {
        self.rejections
            .lock()
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .collect()
    }

    fn key_status(&self) -> Option<KeyStatus> {
        Some(self.verifier.key_status())
    }

    fn accepts(&self, key: &Key) -> bool {
        self.verifier.keys().borrow().contains(key)
    }

    fn key_changes(&self) -> BoxStream<'static, ()> {
        let keys = self.verifier.keys();
        stream::unfold(keys, |mut keys| async move {
            if keys.changed().await.is_err() {
                // The verifier is gone, and with it everything that could change.
                std::future::pending::<()>().await;
            }
            Some(((), keys))
        })
        .boxed()
    }
}
