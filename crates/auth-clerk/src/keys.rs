//! Which keys are believed: one that is given, or a set that is fetched. A key never comes from a token.

use crate::fetch::Fetcher;
use crate::rsa::{KeyId, RsaKey};
use crate::{SetupError, pem};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The keys to verify with, checked and ready for [`Verifier::new`](crate::Verifier::new).
pub struct Keys(pub(crate) Mode);

pub(crate) enum Mode {
    Fixed(Arc<RsaKey>),
    Fetched(JwksOptions, Box<Fetcher>),
}

impl Keys {
    /// One public key in PEM; no network is used, ever.
    ///
    /// The text may have its line ends spelled `\n`, stand on one line, be in quotes, or be the bare base64. It is the
    /// key for every `kid`.
    ///
    /// # Errors
    /// [`SetupError::Pem`] if it is not a public RSA key of 2048 to 8192 bits with exponent 65537.
    pub fn pem(text: &str) -> Result<Keys, SetupError> {
        let key = pem::parse(text).map_err(SetupError::Pem)?;
        Ok(Keys(Mode::Fixed(Arc::new(key))))
    }

    /// A key set that is fetched and kept fresh; see [`JwksOptions`].
    ///
    /// # Errors
    /// [`SetupError::Url`], [`SetupError::Options`] or [`SetupError::Certificates`]. Nothing is fetched yet.
    pub fn jwks(options: JwksOptions) -> Result<Keys, SetupError> {
        let options = options.checked()?;
        let fetcher = Fetcher::new(&options.url, options.body_limit)?;
        Ok(Keys(Mode::Fetched(options, Box::new(fetcher))))
    }
}

/// How a key set is fetched and for how long it is believed. [`JwksOptions::new`] has the values to run with.
#[derive(Clone, Debug)]
pub struct JwksOptions {
    /// Where the set is: `https://`, or `http://` on the loopback interface. Redirects are not followed.
    pub url: String,
    /// How long a fetched set counts as fresh. It is fetched anew in the background after about four fifths of this.
    /// 5 minutes; at least 10 milliseconds.
    pub fresh: Duration,
    /// How long a fetched set is believed while every further fetch fails. 24 hours; at least `fresh`.
    pub keep: Duration,
    /// The limit of one fetch, from connecting to the last byte. 3 seconds; more than nothing.
    pub timeout: Duration,
    /// The largest answer that is read, in bytes. 1 MiB.
    pub body_limit: usize,
    /// The least time between two fetches that tokens cause: by a key id not in the set, or a signature that the key
    /// under their id did not make. 30 seconds.
    pub cool_down: Duration,
    /// The first wait after a failed fetch; it doubles with every further failure. 1 second; at least 10 milliseconds.
    pub back_off: Duration,
    /// The longest wait after a failed fetch. 60 seconds; at least `back_off`.
    pub back_off_limit: Duration,
}

impl JwksOptions {
    /// The options to run with, for the set at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> JwksOptions {
        JwksOptions {
            url: url.into(),
            fresh: Duration::from_secs(5 * 60),
            keep: Duration::from_secs(24 * 60 * 60),
            timeout: Duration::from_secs(3),
            body_limit: 1024 * 1024,
            cool_down: Duration::from_secs(30),
            back_off: Duration::from_secs(1),
            back_off_limit: Duration::from_secs(60),
        }
    }

    pub(crate) fn checked(self) -> Result<JwksOptions, SetupError> {
        // Shorter ones would turn a key server's outage into a flood of requests from here.
        const SHORTEST: Duration = Duration::from_millis(10);
        if self.fresh < SHORTEST || self.back_off < SHORTEST {
            return Err(SetupError::Options("keys are fetched at most every 10ms"));
        }
        if self.back_off_limit < self.back_off || self.keep < self.fresh || self.timeout.is_zero() {
            return Err(SetupError::Options("the times for fetching keys contradict each other"));
        }
        Ok(self)
    }
}

/// The thumbprints of the keys that are believed at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet(Arc<BTreeSet<KeyId>>);

impl KeySet {
    /// Whether this key is believed.
    #[must_use]
    pub fn contains(&self, key: &KeyId) -> bool {
        self.0.contains(key)
    }

    /// The keys, in no telling order.
    pub fn iter(&self) -> impl Iterator<Item = &KeyId> {
        self.0.iter()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no key is believed, so every token is refused.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<KeyId> for KeySet {
    fn from_iter<I: IntoIterator<Item = KeyId>>(keys: I) -> KeySet {
        KeySet(Arc::new(keys.into_iter().collect()))
    }
}

/// How fetching goes, for metrics and for a person's eyes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// How many keys are believed.
    pub keys: usize,
    /// The time since the set was fetched; `None` if none was, or the key was given.
    pub age: Option<Duration>,
    /// Whether an outdated set is being served because fetches fail. Worth a warning: after `keep` it is worth a call.
    pub stale: bool,
    /// The fetches that gave a set.
    pub fetched: u64,
    /// The fetches that failed.
    pub failed: u64,
}
