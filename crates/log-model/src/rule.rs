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
    ("adobe", "Adobe"),
    ("adyen", "Adyen"),
    ("age", "age"),
    ("agora", "Agora"),
    ("ai", "AI"),
    ("aikido", "Aikido"),
    ("airtable", "Airtable"),
    ("aiven", "Aiven"),
    ("akamai", "Akamai"),
    ("alchemy", "Alchemy"),
    ("algolia", "Algolia"),
    ("alibaba", "Alibaba"),
    ("amazon", "Amazon"),
    ("amp", "Amp"),
    ("anthropic", "Anthropic"),
    ("anyscale", "Anyscale"),
    ("api", "API"),
    ("apify", "Apify"),
    ("apollo", "Apollo"),
    ("appsync", "AppSync"),
    ("appwrite", "Appwrite"),
    ("arcjet", "Arcjet"),
    ("arize", "Arize"),
    ("asaas", "Asaas"),
    ("asana", "Asana"),
    ("atlas", "Atlas"),
    ("atlassian", "Atlassian"),
    ("atuin", "Atuin"),
    ("authress", "Authress"),
    ("aws", "AWS"),
    ("axiom", "Axiom"),
    ("azure", "Azure"),
    ("backblaze", "Backblaze"),
    ("baidu", "Baidu"),
    ("bannerbear", "Bannerbear"),
    ("basic", "Basic"),
    ("bedrock", "Bedrock"),
    ("bitbucket", "Bitbucket"),
    ("bitrise", "Bitrise"),
    ("bitwarden", "Bitwarden"),
    ("braintree", "Braintree"),
    ("braintrust", "Braintrust"),
    ("brave", "Brave"),
    ("brevo", "Brevo"),
    ("browserbase", "Browserbase"),
    ("browserstack", "BrowserStack"),
    ("buf", "Buf"),
    ("builderio", "Builder.io"),
    ("buildkite", "Buildkite"),
    ("bundler", "Bundler"),
    ("ca", "CA"),
    ("cal", "Cal.com"),
    ("canva", "Canva"),
    ("cartesia", "Cartesia"),
    ("cashfree", "Cashfree"),
    ("cerebras", "Cerebras"),
    ("cfx", "Cfx.re"),
    ("chargebee", "Chargebee"),
    ("checkly", "Checkly"),
    ("checkout", "Checkout.com"),
    ("chief", "Chief"),
    ("chromatic", "Chromatic"),
    ("ci", "CI"),
    ("circleci", "CircleCI"),
    ("clarifai", "Clarifai"),
    ("clerk", "Clerk"),
    ("cli", "CLI"),
    ("clickhouse", "ClickHouse"),
    ("clickup", "ClickUp"),
    ("clojars", "Clojars"),
    ("close", "Close"),
    ("cloudflare", "Cloudflare"),
    ("cloudfront", "CloudFront"),
    ("cloudinary", "Cloudinary"),
    ("cloudsmith", "Cloudsmith"),
    ("cockroachdb", "CockroachDB"),
    ("codeclimate", "Code Climate"),
    ("codefresh", "Codefresh"),
    ("coderabbit", "CodeRabbit"),
    ("cohere", "Cohere"),
    ("coinbase", "Coinbase"),
    ("composio", "Composio"),
    ("configcat", "ConfigCat"),
    ("confluent", "Confluent"),
    ("contentful", "Contentful"),
    ("convex", "Convex"),
    ("coralogix", "Coralogix"),
    ("courier", "Courier"),
    ("covalent", "Covalent"),
    ("coze", "Coze"),
    ("cratesio", "crates.io"),
    ("crossmint", "Crossmint"),
    ("cursor", "Cursor"),
    ("customerio", "Customer.io"),
    ("dagster", "Dagster"),
    ("databento", "Databento"),
    ("databricks", "Databricks"),
    ("datadog", "Datadog"),
    ("datastax", "DataStax"),
    ("datocms", "DatoCMS"),
    ("daytona", "Daytona"),
    ("db", "DB"),
    ("dbt", "dbt"),
    ("deepseek", "DeepSeek"),
    ("deno", "Deno"),
    ("depot", "Depot"),
    ("devcycle", "DevCycle"),
    ("devin", "Devin"),
    ("devops", "DevOps"),
    ("digitalocean", "DigitalOcean"),
    ("dingtalk", "DingTalk"),
    ("discord", "Discord"),
    ("dns", "DNS"),
    ("docker", "Docker"),
    ("doppler", "Doppler"),
    ("dropbox", "Dropbox"),
    ("dsn", "DSN"),
    ("duffel", "Duffel"),
    ("dynatrace", "Dynatrace"),
    ("e2b", "E2B"),
    ("easypost", "EasyPost"),
    ("ebay", "eBay"),
    ("elastic", "Elastic"),
    ("elevenlabs", "ElevenLabs"),
    ("emailoctopus", "EmailOctopus"),
    ("endorlabs", "Endor Labs"),
    ("entra", "Entra"),
    ("exa", "Exa"),
    ("exoscale", "Exoscale"),
    ("expo", "Expo"),
    ("facebook", "Facebook"),
    ("factory", "Factory"),
    ("fauna", "Fauna"),
    ("figma", "Figma"),
    ("firebase", "Firebase"),
    ("firecrawl", "Firecrawl"),
    ("firehydrant", "FireHydrant"),
    ("fireworks", "Fireworks"),
    ("flagsmith", "Flagsmith"),
    ("flutterwave", "Flutterwave"),
    ("flyio", "Fly.io"),
    ("frameio", "Frame.io"),
    ("friendli", "Friendli"),
    ("gc", "GC"),
    ("gcp", "Google Cloud"),
    ("git", "Git"),
    ("gitbook", "GitBook"),
    ("gitguardian", "GitGuardian"),
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("gocardless", "GoCardless"),
    ("google", "Google"),
    ("grafana", "Grafana"),
    ("graphql", "GraphQL"),
    ("groq", "Groq"),
    ("growthbook", "GrowthBook"),
    ("gumroad", "Gumroad"),
    ("harness", "Harness"),
    ("hashicorp", "HashiCorp"),
    ("hec", "HEC"),
    ("helicone", "Helicone"),
    ("heroku", "Heroku"),
    ("hmac", "HMAC"),
    ("honeybadger", "Honeybadger"),
    ("honeycomb", "Honeycomb"),
    ("http", "HTTP"),
    ("hub", "Hub"),
    ("hubspot", "HubSpot"),
    ("huggingface", "Hugging Face"),
    ("hyperbrowser", "Hyperbrowser"),
    ("ibm", "IBM"),
    ("id", "ID"),
    ("ifttt", "IFTTT"),
    ("imagekit", "ImageKit"),
    ("inception", "Inception"),
    ("infisical", "Infisical"),
    ("influxdb", "InfluxDB"),
    ("infracost", "Infracost"),
    ("infura", "Infura"),
    ("inngest", "Inngest"),
    ("instagram", "Instagram"),
    ("intercom", "Intercom"),
    ("intra42", "42"),
    ("ionic", "Ionic"),
    ("jdbc", "JDBC"),
    ("jenkins", "Jenkins"),
    ("jetbrains", "JetBrains"),
    ("jfrog", "JFrog"),
    ("jina", "Jina"),
    ("jitpack", "JitPack"),
    ("json", "JSON"),
    ("jsr", "JSR"),
    ("jwt", "JWT"),
    ("k3s", "K3s"),
    ("kaggle", "Kaggle"),
    ("klaviyo", "Klaviyo"),
    ("knock", "Knock"),
    ("kong", "Kong"),
    ("koyeb", "Koyeb"),
    ("langchain", "LangChain"),
    ("langfuse", "Langfuse"),
    ("langwatch", "LangWatch"),
    ("lark", "Lark"),
    ("launchdarkly", "LaunchDarkly"),
    ("letta", "Letta"),
    ("lichess", "Lichess"),
    ("lightdash", "Lightdash"),
    ("linear", "Linear"),
    ("linkedin", "LinkedIn"),
    ("linode", "Linode"),
    ("liveblocks", "Liveblocks"),
    ("llamacloud", "LlamaCloud"),
    ("lob", "Lob"),
    ("localstack", "LocalStack"),
    ("logfire", "Logfire"),
    ("logicmonitor", "LogicMonitor"),
    ("luma", "Luma"),
    ("mailchimp", "Mailchimp"),
    ("mailersend", "MailerSend"),
    ("mailgun", "Mailgun"),
    ("mandrill", "Mandrill"),
    ("mapbox", "Mapbox"),
    ("matrix", "Matrix"),
    ("mattermost", "Mattermost"),
    ("maxmind", "MaxMind"),
    ("mem0", "Mem0"),
    ("mercadopago", "Mercado Pago"),
    ("mercury", "Mercury"),
    ("mergify", "Mergify"),
    ("messagebird", "MessageBird"),
    ("metabase", "Metabase"),
    ("midtrans", "Midtrans"),
    ("minimax", "MiniMax"),
    ("mintlify", "Mintlify"),
    ("miro", "Miro"),
    ("modal", "Modal"),
    ("modrinth", "Modrinth"),
    ("mollie", "Mollie"),
    ("mongodb", "MongoDB"),
    ("motherduck", "MotherDuck"),
    ("mws", "MWS"),
    ("mysql", "MySQL"),
    ("n8n", "n8n"),
    ("nats", "NATS"),
    ("neon", "Neon"),
    ("netbird", "NetBird"),
    ("netlify", "Netlify"),
    ("newrelic", "New Relic"),
    ("nocodb", "NocoDB"),
    ("nomic", "Nomic"),
    ("northflank", "Northflank"),
    ("notion", "Notion"),
    ("novita", "Novita"),
    ("novu", "Novu"),
    ("npm", "npm"),
    ("npmrc", ".npmrc"),
    ("ntfy", "ntfy"),
    ("nuget", "NuGet"),
    ("nvidia", "NVIDIA"),
    ("nylas", "Nylas"),
    ("oauth", "OAuth"),
    ("octopus", "Octopus"),
    ("odbc", "ODBC"),
    ("okta", "Okta"),
    ("omise", "Omise"),
    ("onesignal", "OneSignal"),
    ("onfido", "Onfido"),
    ("openai", "OpenAI"),
    ("openpipe", "OpenPipe"),
    ("openrouter", "OpenRouter"),
    ("openshift", "OpenShift"),
    ("openssh", "OpenSSH"),
    ("openweather", "OpenWeather"),
    ("opsgenie", "Opsgenie"),
    ("ory", "Ory"),
    ("packagist", "Packagist"),
    ("paddle", "Paddle"),
    ("pagerduty", "PagerDuty"),
    ("pangea", "Pangea"),
    ("particle", "Particle"),
    ("paseto", "PASETO"),
    ("payjp", "PAY.JP"),
    ("paymongo", "PayMongo"),
    ("paypal", "PayPal"),
    ("pem", "PEM"),
    ("percy", "Percy"),
    ("permit", "Permit.io"),
    ("perplexity", "Perplexity"),
    ("persona", "Persona"),
    ("pgp", "PGP"),
    ("phoenix", "Phoenix"),
    ("phylum", "Phylum"),
    ("pinecone", "Pinecone"),
    ("pinterest", "Pinterest"),
    ("pipedream", "Pipedream"),
    ("plaid", "Plaid"),
    ("planetscale", "PlanetScale"),
    ("plunk", "Plunk"),
    ("poetry", "Poetry"),
    ("polar", "Polar"),
    ("portainer", "Portainer"),
    ("postgres", "Postgres"),
    ("posthog", "PostHog"),
    ("postman", "Postman"),
    ("postmark", "Postmark"),
    ("prefect", "Prefect"),
    ("prisma", "Prisma"),
    ("prismic", "Prismic"),
    ("proof", "Proof"),
    ("proxmox", "Proxmox"),
    ("pterodactyl", "Pterodactyl"),
    ("pubnub", "PubNub"),
    ("pulumi", "Pulumi"),
    ("pusher", "Pusher"),
    ("putty", "PuTTY"),
    ("pypi", "PyPI"),
    ("pyx", "pyx"),
    ("qovery", "Qovery"),
    ("quicknode", "QuickNode"),
    ("ramp", "Ramp"),
    ("rancher", "Rancher"),
    ("rapidapi", "RapidAPI"),
    ("rapyd", "Rapyd"),
    ("razorpay", "Razorpay"),
    ("readme", "ReadMe"),
    ("recaptcha", "reCAPTCHA"),
    ("recharge", "Recharge"),
    ("replicate", "Replicate"),
    ("resend", "Resend"),
    ("retell", "Retell"),
    ("retool", "Retool"),
    ("riot", "Riot"),
    ("roblox", "Roblox"),
    ("rocketchat", "Rocket.Chat"),
    ("rootly", "Rootly"),
    ("rubygems", "RubyGems"),
    ("runpod", "Runpod"),
    ("runway", "Runway"),
    ("s3", "S3"),
    ("saladcloud", "SaladCloud"),
    ("salesforce", "Salesforce"),
    ("samsara", "Samsara"),
    ("sas", "SAS"),
    ("scaleway", "Scaleway"),
    ("scalingo", "Scalingo"),
    ("scraperapi", "ScraperAPI"),
    ("scrapfly", "Scrapfly"),
    ("sendgrid", "SendGrid"),
    ("sentry", "Sentry"),
    ("settlemint", "SettleMint"),
    ("shippo", "Shippo"),
    ("shopify", "Shopify"),
    ("sid", "SID"),
    ("sk", "sk-"),
    ("slack", "Slack"),
    ("smtp", "SMTP"),
    ("smtp2go", "SMTP2GO"),
    ("snowflake", "Snowflake"),
    ("snyk", "Snyk"),
    ("sonarqube", "SonarQube"),
    ("sourcegraph", "Sourcegraph"),
    ("spacelift", "Spacelift"),
    ("spaces", "Spaces"),
    ("spectralops", "SpectralOps"),
    ("splunk", "Splunk"),
    ("sql", "SQL"),
    ("square", "Square"),
    ("ssh", "SSH"),
    ("stackhawk", "StackHawk"),
    ("statsig", "Statsig"),
    ("steam", "Steam"),
    ("storyblok", "Storyblok"),
    ("stripe", "Stripe"),
    ("sts", "STS"),
    ("stytch", "Stytch"),
    ("sumologic", "Sumo Logic"),
    ("supabase", "Supabase"),
    ("svix", "Svix"),
    ("swarm", "Swarm"),
    ("tableau", "Tableau"),
    ("tailscale", "Tailscale"),
    ("tavily", "Tavily"),
    ("teamcity", "TeamCity"),
    ("telegram", "Telegram"),
    ("telnyx", "Telnyx"),
    ("tencent", "Tencent"),
    ("terraform", "Terraform"),
    ("thunderstore", "Thunderstore"),
    ("tickettailor", "TicketTailor"),
    ("tigris", "Tigris"),
    ("tiktok", "TikTok"),
    ("tinybird", "Tinybird"),
    ("tls", "TLS"),
    ("trello", "Trello"),
    ("trufflehog", "TruffleHog"),
    ("turnstile", "Turnstile"),
    ("twilio", "Twilio"),
    ("twitch", "Twitch"),
    ("twitter", "Twitter"),
    ("typeform", "Typeform"),
    ("ubidots", "Ubidots"),
    ("ui", "UI"),
    ("unity", "Unity"),
    ("unkey", "Unkey"),
    ("unleash", "Unleash"),
    ("upcloud", "UpCloud"),
    ("uploadthing", "UploadThing"),
    ("upstage", "Upstage"),
    ("upstash", "Upstash"),
    ("uri", "URI"),
    ("url", "URL"),
    ("v0", "v0"),
    ("valtown", "Val Town"),
    ("vault", "Vault"),
    ("vercel", "Vercel"),
    ("vk", "VK"),
    ("voiceflow", "Voiceflow"),
    ("volcengine", "Volcengine"),
    ("voyage", "Voyage"),
    ("vrchat", "VRChat"),
    ("vsx", "VSX"),
    ("wakatime", "WakaTime"),
    ("wandb", "Weights & Biases"),
    ("warp", "Warp"),
    ("wasmer", "Wasmer"),
    ("wecom", "WeCom"),
    ("wireguard", "WireGuard"),
    ("woocommerce", "WooCommerce"),
    ("workato", "Workato"),
    ("workos", "WorkOS"),
    ("wundergraph", "WunderGraph"),
    ("xai", "xAI"),
    ("xata", "Xata"),
    ("xendit", "Xendit"),
    ("xml", "XML"),
    ("yaml", "YAML"),
    ("yandex", "Yandex"),
    ("you", "You.com"),
    ("zapi", "ZAPI"),
    ("zapier", "Zapier"),
    ("zendesk", "Zendesk"),
    ("zoho", "Zoho"),
    ("zuplo", "Zuplo"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_sorted_so_that_the_search_finds_each() {
        assert!(SPELLINGS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn vendors_are_spelt_as_they_spell_themselves() {
        for (id, name) in [
            ("stripe-live-key", "Stripe live key"),
            ("hashicorp-vault-token", "HashiCorp Vault token"),
            ("digitalocean-spaces-key", "DigitalOcean Spaces key"),
            ("aws-cloudfront-signed-url", "AWS CloudFront signed URL"),
            ("ebay-key", "eBay key"),
            ("wandb-key", "Weights & Biases key"),
            ("n8n-key", "n8n key"),
            ("1password-secret-key", "1Password secret key"),
            (
                "cratesio-trusted-publishing-token",
                "crates.io trusted publishing token",
            ),
        ] {
            assert_eq!(RuleId::from_static(id).human_name(), name);
        }
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
