//! The name of a redaction rule, and how a person reads it.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::Invalid;

/// A redaction rule's id: `[a-z0-9-]{1,64}`, as in `stripe-live-key`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuleId(Cow<'static, str>);

impl RuleId {
    /// # Errors
    /// [`Invalid`] when `text` is not 1 to 64 lower-case letters, digits or hyphens.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if valid(text.as_bytes()) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(Invalid::new("a rule id", "1 to 64 lower-case letters, digits or '-'"))
        }
    }

    /// A rule named in the program itself. Costs no allocation.
    ///
    /// # Panics
    /// When `text` is no rule id; in a `const`, that is an error of compilation.
    pub const fn from_static(text: &'static str) -> Self {
        assert!(
            valid(text.as_bytes()),
            "a rule id is 1 to 64 lower-case letters, digits or '-'"
        );
        Self(Cow::Borrowed(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a person reads: the id's words, the first with a capital, known names in their usual spelling.
    ///
    /// The name is a function of the id, so that whoever reads a log back needs no table of rules.
    ///
    /// ```
    /// # use log_model::RuleId;
    /// assert_eq!(RuleId::from_static("stripe-live-key").human_name(), "Stripe live key");
    /// assert_eq!(RuleId::from_static("aws-secret-access-key").human_name(), "AWS secret access key");
    /// ```
    pub fn human_name(&self) -> String {
        let mut name = String::with_capacity(self.0.len() + 4);
        for (at, word) in self.0.split('-').filter(|word| !word.is_empty()).enumerate() {
            if at > 0 {
                name.push(' ');
            }
            match SPELLINGS.binary_search_by_key(&word, |(plain, _)| plain) {
                Ok(found) => name.push_str(SPELLINGS[found].1),
                Err(_) if at == 0 => {
                    let (first, rest) = word.split_at(1);
                    name.push_str(&first.to_ascii_uppercase());
                    name.push_str(rest);
                }
                Err(_) => name.push_str(word),
            }
        }
        name
    }
}

const fn valid(text: &[u8]) -> bool {
    if text.is_empty() || text.len() > 64 {
        return false;
    }
    let mut at = 0;
    while at < text.len() {
        if !(text[at].is_ascii_lowercase() || text[at].is_ascii_digit() || text[at] == b'-') {
            return false;
        }
        at += 1;
    }
    true
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl TryFrom<String> for RuleId {
    type Error = Invalid;
    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(&text)
    }
}

impl From<RuleId> for String {
    fn from(id: RuleId) -> String {
        id.0.into_owned()
    }
}

/// Words that are not spelt as they sound, sorted by their plain form.
const SPELLINGS: &[(&str, &str)] = &[
    ("1password", "1Password"),
    ("adafruit", "Adafruit"),
    ("adyen", "Adyen"),
    ("age", "age"),
    ("ai", "AI"),
    ("airtable", "Airtable"),
    ("aiven", "Aiven"),
    ("akamai", "Akamai"),
    ("algolia", "Algolia"),
    ("alibaba", "Alibaba"),
    ("anthropic", "Anthropic"),
    ("api", "API"),
    ("asana", "Asana"),
    ("atlas", "Atlas"),
    ("atlassian", "Atlassian"),
    ("aws", "AWS"),
    ("azure", "Azure"),
    ("basic", "Basic"),
    ("bedrock", "Bedrock"),
    ("bitbucket", "Bitbucket"),
    ("braintree", "Braintree"),
    ("buildkite", "Buildkite"),
    ("ca", "CA"),
    ("cal", "Cal.com"),
    ("ci", "CI"),
    ("circleci", "CircleCI"),
    ("clerk", "Clerk"),
    ("cli", "CLI"),
    ("clickhouse", "ClickHouse"),
    ("clickup", "ClickUp"),
    ("clojars", "Clojars"),
    ("cloudflare", "Cloudflare"),
    ("cohere", "Cohere"),
    ("coinbase", "Coinbase"),
    ("contentful", "Contentful"),
    ("cratesio", "crates.io"),
    ("databricks", "Databricks"),
    ("datadog", "Datadog"),
    ("datocms", "DatoCMS"),
    ("db", "DB"),
    ("dbt", "dbt"),
    ("deepseek", "DeepSeek"),
    ("devops", "DevOps"),
    ("digitalocean", "DigitalOcean"),
    ("discord", "Discord"),
    ("dns", "DNS"),
    ("docker", "Docker"),
    ("dsn", "DSN"),
    ("e2b", "E2B"),
    ("easypost", "EasyPost"),
    ("elevenlabs", "ElevenLabs"),
    ("facebook", "Facebook"),
    ("figma", "Figma"),
    ("firebase", "Firebase"),
    ("flyio", "Fly.io"),
    ("frameio", "Frame.io"),
    ("gcp", "GCP"),
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("gocardless", "GoCardless"),
    ("google", "Google"),
    ("grafana", "Grafana"),
    ("graphql", "GraphQL"),
    ("groq", "Groq"),
    ("hashicorp", "HashiCorp"),
    ("hec", "HEC"),
    ("heroku", "Heroku"),
    ("hmac", "HMAC"),
    ("http", "HTTP"),
    ("hubspot", "HubSpot"),
    ("huggingface", "Hugging Face"),
    ("ibm", "IBM"),
    ("id", "ID"),
    ("ifttt", "IFTTT"),
    ("jdbc", "JDBC"),
    ("jfrog", "JFrog"),
    ("json", "JSON"),
    ("jsr", "JSR"),
    ("jwt", "JWT"),
    ("langchain", "LangChain"),
    ("launchdarkly", "LaunchDarkly"),
    ("linkedin", "LinkedIn"),
    ("mailchimp", "Mailchimp"),
    ("mailersend", "MailerSend"),
    ("messagebird", "MessageBird"),
    ("mongodb", "MongoDB"),
    ("mws", "MWS"),
    ("mysql", "MySQL"),
    ("netlify", "Netlify"),
    ("newrelic", "New Relic"),
    ("npm", "npm"),
    ("npmrc", ".npmrc"),
    ("nuget", "NuGet"),
    ("nvidia", "NVIDIA"),
    ("oauth", "OAuth"),
    ("odbc", "ODBC"),
    ("okta", "Okta"),
    ("onesignal", "OneSignal"),
    ("openai", "OpenAI"),
    ("openrouter", "OpenRouter"),
    ("openssh", "OpenSSH"),
    ("openweather", "OpenWeather"),
    ("opsgenie", "Opsgenie"),
    ("pagerduty", "PagerDuty"),
    ("paypal", "PayPal"),
    ("pem", "PEM"),
    ("pgp", "PGP"),
    ("planetscale", "PlanetScale"),
    ("postgres", "Postgres"),
    ("posthog", "PostHog"),
    ("putty", "PuTTY"),
    ("pypi", "PyPI"),
    ("rapidapi", "RapidAPI"),
    ("readme", "ReadMe"),
    ("recaptcha", "reCAPTCHA"),
    ("rubygems", "RubyGems"),
    ("s3", "S3"),
    ("sas", "SAS"),
    ("scraperapi", "ScraperAPI"),
    ("sendgrid", "SendGrid"),
    ("sentry", "Sentry"),
    ("shopify", "Shopify"),
    ("sid", "SID"),
    ("sk", "sk-"),
    ("slack", "Slack"),
    ("smtp", "SMTP"),
    ("sonarqube", "SonarQube"),
    ("sql", "SQL"),
    ("ssh", "SSH"),
    ("sts", "STS"),
    ("sumologic", "Sumo Logic"),
    ("supabase", "Supabase"),
    ("tencent", "Tencent"),
    ("tls", "TLS"),
    ("twilio", "Twilio"),
    ("ui", "UI"),
    ("uri", "URI"),
    ("url", "URL"),
    ("v0", "v0"),
    ("vercel", "Vercel"),
    ("wakatime", "WakaTime"),
    ("workos", "WorkOS"),
    ("xai", "xAI"),
    ("xml", "XML"),
    ("yaml", "YAML"),
    ("yandex", "Yandex"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_sorted_so_that_the_search_finds_each() {
        assert!(SPELLINGS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_rule_without_letters_still_has_a_name() {
        assert_eq!(RuleId::from_static("--").human_name(), "");
        assert_eq!(RuleId::from_static("9").human_name(), "9");
    }

    #[test]
    fn ids_are_lower_case_words_joined_by_hyphens() {
        for bad in ["", "Stripe", "a b", "a_b", "é", &"x".repeat(65)] {
            assert!(RuleId::new(bad).is_err(), "{bad:?}");
        }
    }
}
