//! What the tokens of this application look like, and what is wrong with a set-up that cannot work.

/// Which tokens are ours.
///
/// Every value is compared exactly: no patterns, no case folding, no trailing slashes forgiven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The one value of `iss`, such as `https://clerk.example.com`.
    pub issuer: String,
    /// The values of `azp` that are let in: the origins of the applications that make the tokens, such as
    /// `https://app.example.com`. At least one.
    pub authorized_parties: Vec<String>,
    /// The values of `aud` of which a token must carry one. Empty, as it is by default: a token must carry no `aud`.
    pub audience: Vec<String>,
}

/// Why a [`Verifier`](crate::Verifier) cannot be set up. The texts are for the person who writes the settings, and
/// quote no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No issuer is set.
    #[error("no issuer is set; it is the Frontend API's address, as in https://clerk.example.com")]
    NoIssuer,
    /// The issuer is not an address as tokens carry it.
    #[error("the issuer {0:?} is not an address as tokens carry it, as in https://clerk.example.com")]
    Issuer(String),
    /// No authorised party is set, so a token made for any other application of the instance would be let in.
    #[error("no authorised party is set; name each origin that may sign in, as in https://app.example.com")]
    NoAuthorizedParties,
    /// An authorised party is not an origin.
    #[error("the authorised party {0:?} is not an origin, as in https://app.example.com, without a slash at its end")]
    AuthorizedParty(String),
    /// An audience is empty.
    #[error("an audience is empty")]
    Audience,
    /// The text is not a public key that tokens can be checked with.
    #[error("the key is not usable: {0}")]
    Pem(&'static str),
    /// The key set's address is not usable.
    #[error("the key set's address is not usable: {0}")]
    Url(&'static str),
    /// A setting of [`JwksOptions`](crate::JwksOptions) is out of range.
    #[error("{0}")]
    Options(&'static str),
    /// The machine's certificate store could not be read, so no https server could be believed.
    #[error("the machine's trusted certificates cannot be read")]
    Certificates(#[source] std::io::Error),
    /// Fetched keys are kept fresh by a task, and there is no Tokio runtime to run it.
    #[error("fetching keys needs a running Tokio runtime")]
    NoRuntime,
}

impl Policy {
    pub(crate) fn checked(self) -> Result<Policy, SetupError> {
        if self.issuer.is_empty() {
            return Err(SetupError::NoIssuer);
        }
        if !self.issuer.contains("://") || !is_plain(&self.issuer) {
            return Err(SetupError::Issuer(self.issuer));
        }
        if self.authorized_parties.is_empty() {
            return Err(SetupError::NoAuthorizedParties);
        }
        // An origin with a slash at its end matches no token ever, which is better said now than as a refused login.
        let broken =
            |party: &&String| !party.contains("://") || party.ends_with('/') || party.contains('*') || !is_plain(party);
        if let Some(party) = self.authorized_parties.iter().find(broken) {
            return Err(SetupError::AuthorizedParty(party.clone()));
        }
        if self.audience.iter().any(String::is_empty) {
            return Err(SetupError::Audience);
        }
        Ok(self)
    }
}

fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(issuer: &str, parties: &[&str]) -> Policy {
        Policy {
            issuer: issuer.to_owned(),
            authorized_parties: parties.iter().map(|party| (*party).to_owned()).collect(),
            audience: Vec::new(),
        }
    }

    #[test]
    fn there_is_no_start_without_an_issuer_and_a_party() {
        let party = &["https://app.example.com"][..];
        assert!(policy("https://clerk.example.com", party).checked().is_ok());
        assert!(
            policy("https://c.example", &["http://localhost:3000", "https://b.example"])
                .checked()
                .is_ok()
        );
        assert!(matches!(policy("", party).checked(), Err(SetupError::NoIssuer)));
        assert!(matches!(
            policy("clerk.example.com", party).checked(),
            Err(SetupError::Issuer(_))
        ));
        assert!(matches!(
            policy("https://clerk.example.com ", party).checked(),
            Err(SetupError::Issuer(_))
        ));
        assert!(matches!(
            policy("https://c.example", &[]).checked(),
            Err(SetupError::NoAuthorizedParties)
        ));
    }

    #[test]
    fn a_party_that_no_token_could_carry_is_named() {
        for party in [
            "",
            "*",
            "https://*.example.com",
            "https://app.example.com/",
            "app.example.com",
            "https://a b.example",
        ] {
            let error = policy("https://c.example", &["https://good.example", party])
                .checked()
                .unwrap_err();
            assert!(error.to_string().contains(&format!("{party:?}")), "{error}");
        }
    }

    #[test]
    fn an_empty_audience_is_a_mistake() {
        let policy = Policy {
            audience: vec![String::new()],
            ..policy("https://c.example", &["https://a.example"])
        };
        assert!(matches!(policy.checked(), Err(SetupError::Audience)));
    }
}
