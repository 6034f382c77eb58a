//! The whole way from a token to a session.

use crate::cache::Cache;
use crate::jwks::check_with;
use crate::keys::Mode;
use crate::rsa::RsaKey;
use crate::{Jws, KeySet, KeyStatus, Keys, Policy, Rejection, Session, SetupError, Signed, claims};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

/// Verifies session tokens. One serves a whole program; share it in an [`Arc`].
pub struct Verifier {
    policy: Policy,
    keys: Believed,
}

enum Believed {
    Fixed {
        key: Arc<RsaKey>,
        ids: watch::Sender<KeySet>,
    },
    Fetched(Cache),
}

impl Verifier {
    /// Sets a verifier up. With fetched keys, a task is started that makes the first fetch at once and goes on
    /// fetching until the verifier is dropped; [`Verifier::ready`] tells when there are keys.
    ///
    /// # Errors
    /// The [`SetupError`] of the first fault of the policy; [`SetupError::NoRuntime`] if keys are to be fetched and
    /// this is not called within a Tokio runtime.
    pub fn new(policy: Policy, keys: Keys) -> Result<Verifier, SetupError> {
        let policy = policy.checked()?;
        let keys = match keys.0 {
            Mode::Fixed(key) => {
                let ids = watch::Sender::new(KeySet::from_iter([key.id()]));
                Believed::Fixed { key, ids }
            }
            Mode::Fetched(options, fetcher) => {
                tokio::runtime::Handle::try_current().map_err(|_| SetupError::NoRuntime)?;
                Believed::Fetched(Cache::start(options, *fetcher))
            }
        };
        Ok(Verifier { policy, keys })
    }

    /// Verifies a token as of `now`.
    ///
    /// The checks are made in the order of [`Rejection`]'s variants, but for the key's: shape and header first, then
    /// the key, the signature, and only then what the token claims. Clocks may differ by 5 seconds.
    ///
    /// A good token under a key at hand is answered at once. A token whose key is not at hand, or whose signature that
    /// key did not make, may wait for a fetch of the key set, no longer than twice the limit of a fetch; so may any
    /// token while no keys were fetched yet. Cancel safe.
    ///
    /// # Errors
    /// The [`Rejection`] of the first check that fails.
    pub async fn verify(&self, token: &str, now: SystemTime) -> Result<Session, Rejection> {
        let jws = Jws::parse(token)?;
        let signed = self.signed(&jws).await?;
        claims::judge(&signed, &self.policy, now)
    }

    async fn signed(&self, jws: &Jws<'_>) -> Result<Signed, Rejection> {
        match &self.keys {
            Believed::Fixed { key, .. } => check_with(key, jws),
            Believed::Fetched(cache) => cache.check(jws).await,
        }
    }

    /// The keys that are believed, and every change of them.
    ///
    /// A key leaves the set only when a fetched set is without it (or has a rival under its id); a failed fetch removes
    /// nothing. Whoever keeps an answer open on the strength of a [`Session`] ends it when the set is without
    /// [`Session::key`].
    #[must_use]
    pub fn keys(&self) -> watch::Receiver<KeySet> {
        match &self.keys {
            Believed::Fixed { ids, .. } => ids.subscribe(),
            Believed::Fetched(cache) => cache.key_ids(),
        }
    }

    /// Whether there are keys to verify with that are not too old to be believed.
    #[must_use]
    pub fn ready(&self) -> bool {
        match &self.keys {
            Believed::Fixed { .. } => true,
            Believed::Fetched(cache) => cache.ready(),
        }
    }

    /// How fetching goes.
    #[must_use]
    pub fn key_status(&self) -> KeyStatus {
        match &self.keys {
            Believed::Fixed { .. } => KeyStatus {
                keys: 1,
                ..KeyStatus::default()
            },
            Believed::Fetched(cache) => cache.status(),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("policy", &self.policy)
            .field("keys", &self.key_status())
            .finish()
    }
}
