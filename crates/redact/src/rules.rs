//! The table of rules: what vendors document about the shape of their credentials, one row each.
//!
//! A row is an id (whose words are the human name), a group, where the format is documented, and patterns in the language
//! of `shape`. A dot in a pattern is a dot. Examples are made from the patterns by the tests, never written down.
//!
//! A run's lower bound is often below what the vendor issues today: lengths change without notice, and a keyword this
//! particular followed by that many fitting characters is never anything else. What has no literal of its own (a bare
//! 32-digit hexadecimal key) is found by the name beside it; see `names`.

use std::fmt;

/// What kind of service a rule belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Group {
    /// Clouds and networks.
    Cloud,
    /// Where code is kept.
    CodeHost,
    /// Chat, and addresses that post to it.
    Chat,
    /// Payments and commerce.
    Payment,
    /// Models and what is built on them.
    Ai,
    /// E-mail, telephony and customer messaging.
    Mail,
    /// Authentication, vaults and signed tokens.
    Identity,
    /// Hosting and deployment.
    Hosting,
    /// Databases and content as a service.
    Database,
    /// Package registries.
    Registry,
    /// Monitoring, analytics and flags.
    Observability,
    /// Continuous integration and automation.
    Automation,
    /// Social networks and tools for work.
    Social,
    /// Rules that are no vendor's: private keys, addresses, headers, names, known values.
    Structure,
    /// Rules added by the service.
    Custom,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cloud => "cloud",
            Self::CodeHost => "code host",
            Self::Chat => "chat",
            Self::Payment => "payment",
            Self::Ai => "ai",
            Self::Mail => "mail",
            Self::Identity => "identity",
            Self::Hosting => "hosting",
            Self::Database => "database",
            Self::Registry => "registry",
            Self::Observability => "observability",
            Self::Automation => "automation",
            Self::Social => "social",
            Self::Structure => "structure",
            Self::Custom => "custom",
        })
    }
}

/// One row.
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) group: Group,
    pub(crate) source: &'static str,
    pub(crate) patterns: &'static [&'static str],
}

const fn rule(id: &'static str, group: Group, source: &'static str, patterns: &'static [&'static str]) -> Rule {
    Rule {
        id,
        group,
        source,
        patterns,
    }
}

const fn structure(id: &'static str, source: &'static str) -> Rule {
    rule(id, Group::Structure, source, &[])
}

/// All built-in rules. Where several hide the same place, the first of them gives its name.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    TABLE.iter().chain(STRUCTURE)
}

const fn structural(index: usize) -> u16 {
    (TABLE.len() + index) as u16
}

pub(crate) const PRIVATE_KEY: u16 = structural(0);
pub(crate) const URL_PASSWORD: u16 = structural(1);
pub(crate) const URL_TOKEN: u16 = structural(2);
pub(crate) const AUTHORIZATION: u16 = structural(3);
pub(crate) const COOKIE: u16 = structural(4);
pub(crate) const COMMAND_LINE: u16 = structural(5);
pub(crate) const PASSWORD: u16 = structural(6);
pub(crate) const NAMED_SECRET: u16 = structural(7);

/// The rule that known values are hidden by.
pub(crate) const fn index_of_known() -> u16 {
    structural(STRUCTURE.len() - 1)
}

/// The rule of the custom rule at this place.
pub(crate) fn index_of_custom(at: usize) -> u16 {
    u16::try_from(TABLE.len() + STRUCTURE.len() + at).unwrap_or(u16::MAX)
}

const STRUCTURE: &[Rule] = &[
    structure("private-key", "https://www.rfc-editor.org/rfc/rfc7468"),
    structure("url-password", "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"),
    structure("url-token", "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"),
    structure(
        "authorization-header",
        "https://www.rfc-editor.org/rfc/rfc9110#section-11",
    ),
    structure("cookie", "https://www.rfc-editor.org/rfc/rfc6265"),
    structure("command-line-password", "the programs' own manuals"),
    structure("password", "a name that says password, with its value"),
    structure("named-secret", "a name that says secret, token or key, with its value"),
    structure("known-value", "given by the job or registered while it runs"),
];

const TABLE: &[Rule] = &[
    // Cloud
    rule(
        "aws-access-key-id",
        Group::Cloud,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
        &[r"(AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z2-7]{16}"],
    ),
    rule(
        "aws-bedrock-api-key",
        Group::Cloud,
        "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html",
        &[
            r"ABSKQmVkcm9ja0FQSUtleS[A-Za-z0-9+/=]{20,}",
            r"bedrock-api-key-[A-Za-z0-9+/=_-]{20,}",
        ],
    ),
    rule(
        "aws-mws-key",
        Group::Cloud,
        "https://developer-docs.amazon.com/sp-api",
        &[r"amzn.mws.[a-f0-9-]{36}"],
    ),
    rule(
        "aws-presigned-url",
        Group::Cloud,
        "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html",
        &[
            r"(?i)x-amz-signature=\K[a-f0-9]{64}",
            r"(?i)x-amz-security-token=\K[A-Za-z0-9%+/=_-]{40,}",
            r"(?i)x-amz-credential=\K[A-Za-z0-9%/_-]{16,}",
        ],
    ),
    rule(
        "amazon-oauth-client-secret",
        Group::Cloud,
        "https://developer.amazon.com/docs/login-with-amazon/security-profile.html",
        &[r"amzn1.oa2-cs.v1.[a-f0-9]{64}"],
    ),
    rule(
        "gcp-api-key",
        Group::Cloud,
        "https://cloud.google.com/docs/authentication/api-keys",
        &[r"AIza[A-Za-z0-9_-]{35}"],
    ),
    rule(
        "gcp-oauth-access-token",
        Group::Cloud,
        "https://cloud.google.com/docs/authentication/token-types",
        &[r"ya29.[A-Za-z0-9_.-]{20,}"],
    ),
    rule(
        "gcp-oauth-client-secret",
        Group::Cloud,
        "https://developers.google.com/identity/protocols/oauth2",
        &[r"GOCSPX-[A-Za-z0-9_-]{20,}"],
    ),
    rule(
        "gcp-oauth-refresh-token",
        Group::Cloud,
        "https://developers.google.com/identity/protocols/oauth2",
        &[r"\b1//0[A-Za-z0-9_-]{30,}"],
    ),
    rule(
        "gcp-signed-url",
        Group::Cloud,
        "https://cloud.google.com/storage/docs/access-control/signed-urls",
        &[
            r"(?i)x-goog-signature=\K[a-f0-9]{64,}",
            r"(?i)googleaccessid=\K[A-Za-z0-9@%._-]{20,}",
        ],
    ),
    rule(
        "gcp-storage-hmac-key",
        Group::Cloud,
        "https://cloud.google.com/storage/docs/authentication/hmackeys",
        &[r"GOOG1E[A-Z0-9]{55}", r"\bGOOG[A-Z0-9]{20}\b"],
    ),
    rule(
        "azure-storage-key",
        Group::Cloud,
        "https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string",
        &[
            r"(?i)accountkey=\K[A-Za-z0-9+/%]{20,}[=]{0,2}",
            r"(?i)sharedaccesskey=\K[A-Za-z0-9+/%]{20,}[=]{0,2}",
        ],
    ),
    rule(
        "azure-sas-signature",
        Group::Cloud,
        "https://learn.microsoft.com/rest/api/storageservices/create-service-sas",
        &[r"&sig=\K[A-Za-z0-9%+/=_-]{20,}", r"?sig=\K[A-Za-z0-9%+/=_-]{20,}"],
    ),
    rule(
        "azure-client-secret",
        Group::Cloud,
        "https://learn.microsoft.com/entra/identity-platform/quickstart-register-app",
        &[r"8Q~[A-Za-z0-9_.~-]{31,}", r"7Q~[A-Za-z0-9_.~-]{31,}"],
    ),
    rule(
        "azure-service-key",
        Group::Cloud,
        "https://learn.microsoft.com/purview/sit-defn-azure-storage-account-key",
        &[
            r"+ASt[A-Za-z0-9+/]{6,}[=]{0,2}",
            r"+ARm[A-Za-z0-9+/]{6,}[=]{0,2}",
            r"AzSeA[A-Za-z0-9+/]{6,}[=]{0,2}",
            r"AzCa[A-Za-z0-9+/]{5,}[=]{0,2}",
        ],
    ),
    rule(
        "azure-function-key",
        Group::Cloud,
        "https://learn.microsoft.com/azure/azure-functions/function-keys-how-to",
        &[r"AzFu[A-Za-z0-9_-]{8,}[=]{0,2}"],
    ),
    rule(
        "digitalocean-token",
        Group::Cloud,
        "https://docs.digitalocean.com/reference/api",
        &[r"do(o|p|r)_v1_[a-f0-9]{64}"],
    ),
    rule(
        "digitalocean-spaces-key",
        Group::Cloud,
        "https://docs.digitalocean.com/products/spaces/how-to/manage-access",
        &[r"\bDO00[A-Z0-9]{16}\b"],
    ),
    rule(
        "alibaba-access-key",
        Group::Cloud,
        "https://www.alibabacloud.com/help/ram",
        &[r"LTAI[A-Za-z0-9]{12,24}"],
    ),
    rule(
        "tencent-secret-id",
        Group::Cloud,
        "https://cloud.tencent.com/document/product/598",
        &[r"AKID[A-Za-z0-9]{32}"],
    ),
    rule(
        "linode-token",
        Group::Cloud,
        "https://techdocs.akamai.com/linode-api",
        &[r"lin_pat_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "scaleway-access-key",
        Group::Cloud,
        "https://www.scaleway.com/en/docs/iam",
        &[r"\bSCW[A-Z0-9]{17}\b"],
    ),
    rule(
        "yandex-cloud-key",
        Group::Cloud,
        "https://yandex.cloud/docs/iam/concepts/authorization",
        &[
            r"AQVN[A-Za-z0-9_-]{35,38}",
            r"YCAJE[A-Za-z0-9_-]{20}",
            r"YCM[A-Za-z0-9_-]{37}",
            r"t1.9euelZ[A-Za-z0-9_.-]{30,}",
        ],
    ),
    rule(
        "akamai-token",
        Group::Cloud,
        "https://techdocs.akamai.com/developer/docs/edgegrid",
        &[r"akab-[a-z0-9]{16}-[a-z0-9]{16}"],
    ),
    rule(
        "cloudflare-origin-ca-key",
        Group::Cloud,
        "https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys",
        &[r"v1.0-[a-f0-9]{24}-[a-f0-9]{100,}"],
    ),
    rule(
        "cloudflare-token",
        Group::Cloud,
        "https://developers.cloudflare.com/fundamentals/api",
        &[r"cf(k|ut|at)_[A-Za-z0-9]{40,}"],
    ),
    // CodeHost
    rule(
        "github-token",
        Group::CodeHost,
        "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats",
        &[r"gh(p|o|u|s|r)_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "github-fine-grained-token",
        Group::CodeHost,
        "https://docs.github.com/authentication/keeping-your-account-and-data-secure",
        &[r"github_pat_[A-Za-z0-9_]{22,}"],
    ),
    rule(
        "github-actions-token",
        Group::CodeHost,
        "https://docs.github.com/actions/security-for-github-actions",
        &[r"ghs_[0-9]{1,9}_[A-Za-z0-9_.-]{30,}"],
    ),
    rule(
        "gitlab-token",
        Group::CodeHost,
        "https://docs.gitlab.com/security/tokens",
        &[r"gl(pat|dt|rt|rtr|ft|imt|agent|oas|soat|ffct|cbt|ptt)-[A-Za-z0-9_.-]{16,}"],
    ),
    rule(
        "gitlab-runner-token",
        Group::CodeHost,
        "https://docs.gitlab.com/security/tokens",
        &[r"GR1348941[A-Za-z0-9_-]{20,}", r"glwt-[A-Za-z0-9_.-]{16,}"],
    ),
    rule(
        "gitlab-feed-token",
        Group::CodeHost,
        "https://docs.gitlab.com/security/tokens",
        &[r"_gitlab_session=\K[a-f0-9]{32}", r"feed_token=\K[A-Za-z0-9_-]{16,}"],
    ),
    rule(
        "bitbucket-token",
        Group::CodeHost,
        "https://support.atlassian.com/bitbucket-cloud/docs/access-tokens",
        &[r"ATCTT3[A-Za-z0-9+/=_-]{20,}", r"ATBB[A-Za-z0-9]{24,}"],
    ),
    rule(
        "atlassian-api-token",
        Group::CodeHost,
        "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account",
        &[r"ATATT3[A-Za-z0-9+/=_-]{20,}"],
    ),
    rule(
        "sourcegraph-token",
        Group::CodeHost,
        "https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token",
        &[
            r"sgp_[a-f0-9]{40}",
            r"sgp_[A-Za-z0-9]{16}_[a-f0-9]{40}",
            r"slk_[a-f0-9]{64}",
        ],
    ),
    // Chat
    rule(
        "slack-token",
        Group::Chat,
        "https://api.slack.com/concepts/token-types",
        &[
            r"xox(b|p|a|r|s|o|e)-[A-Za-z0-9-]{10,}",
            r"xoxe.xox(b|p)-[A-Za-z0-9-]{10,}",
        ],
    ),
    rule(
        "slack-app-token",
        Group::Chat,
        "https://api.slack.com/concepts/token-types",
        &[r"xapp-[A-Za-z0-9-]{10,}"],
    ),
    rule(
        "slack-cookie",
        Group::Chat,
        "https://api.slack.com/concepts/token-types",
        &[r"xoxd-[A-Za-z0-9%+/=_-]{20,}"],
    ),
    rule(
        "slack-webhook-url",
        Group::Chat,
        "https://api.slack.com/messaging/webhooks",
        &[
            r"hooks.slack.com/services/\K[A-Za-z0-9/]{20,}",
            r"hooks.slack.com/workflows/\K[A-Za-z0-9/]{20,}",
            r"hooks.slack.com/triggers/\K[A-Za-z0-9/]{20,}",
        ],
    ),
    rule(
        "discord-webhook-url",
        Group::Chat,
        "https://discord.com/developers/docs/resources/webhook",
        &[
            r"discord.com/api/webhooks/\K[0-9]{10,}/[A-Za-z0-9_-]{30,}",
            r"discordapp.com/api/webhooks/\K[0-9]{10,}/[A-Za-z0-9_-]{30,}",
        ],
    ),
    rule(
        "discord-bot-token",
        Group::Chat,
        "https://discord.com/developers/docs/reference",
        &[r"Bot \K[MNO][A-Za-z0-9_-]{22,27}.[A-Za-z0-9_-]{6}.[A-Za-z0-9_-]{25,}"],
    ),
    rule(
        "telegram-bot-token",
        Group::Chat,
        "https://core.telegram.org/bots/api",
        &[
            r"api.telegram.org/bot\K[0-9]{6,12}:[A-Za-z0-9_-]{30,}",
            r":AA[A-Za-z0-9_-]{33}\b",
        ],
    ),
    rule(
        "teams-webhook-url",
        Group::Chat,
        "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors",
        &[
            r"webhook.office.com/webhookb2/\K[A-Za-z0-9@/-]{40,}",
            r"outlook.office.com/webhook/\K[A-Za-z0-9@/-]{40,}",
        ],
    ),
    rule(
        "google-chat-webhook-url",
        Group::Chat,
        "https://developers.google.com/workspace/chat/quickstart/webhooks",
        &[r"chat.googleapis.com/v1/spaces/\K[A-Za-z0-9_-]{6,}/messages?key=[A-Za-z0-9_%&=-]{20,}"],
    ),
    rule(
        "zapier-webhook-url",
        Group::Chat,
        "https://help.zapier.com",
        &[r"hooks.zapier.com/hooks/catch/\K[A-Za-z0-9/]{10,}"],
    ),
    rule(
        "ifttt-webhook-url",
        Group::Chat,
        "https://ifttt.com/maker_webhooks",
        &[r"/with/key/\K[A-Za-z0-9_-]{20,}"],
    ),
    rule(
        "make-webhook-url",
        Group::Chat,
        "https://www.make.com/en/help/tools/webhooks",
        &[r"make.com/\K[a-z0-9]{32}\b"],
    ),
    rule(
        "mattermost-webhook-url",
        Group::Chat,
        "https://developers.mattermost.com/integrate/webhooks",
        &[r"/hooks/\K[a-z0-9]{26}\b"],
    ),
    // Payment
    rule(
        "stripe-live-key",
        Group::Payment,
        "https://docs.stripe.com/keys",
        &[r"sk_live_[A-Za-z0-9]{10,}"],
    ),
    rule(
        "stripe-test-key",
        Group::Payment,
        "https://docs.stripe.com/keys",
        &[r"sk_test_[A-Za-z0-9]{10,}"],
    ),
    rule(
        "stripe-restricted-key",
        Group::Payment,
        "https://docs.stripe.com/keys",
        &[r"rk_(live|test)_[A-Za-z0-9]{10,}"],
    ),
    rule(
        "stripe-webhook-secret",
        Group::Payment,
        "https://docs.stripe.com/webhooks",
        &[r"whsec_[A-Za-z0-9+/=]{20,}"],
    ),
    rule(
        "stripe-client-secret",
        Group::Payment,
        "https://docs.stripe.com/payments/payment-intents",
        &[r"_secret_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "square-access-token",
        Group::Payment,
        "https://developer.squareup.com/docs/build-basics/access-tokens",
        &[
            r"EAAA[A-Za-z0-9_-]{60}",
            r"sq0atp-[A-Za-z0-9_-]{22,}",
            r"sq0csp-[A-Za-z0-9_-]{40,}",
            r"sq0idp-[A-Za-z0-9_-]{22,}",
        ],
    ),
    rule(
        "paypal-braintree-token",
        Group::Payment,
        "https://developer.paypal.com/braintree/docs",
        &[r"access_token$(production|sandbox)$[a-z0-9]{16}$[a-f0-9]{32}"],
    ),
    rule(
        "paypal-client-secret",
        Group::Payment,
        "https://developer.paypal.com/api/rest/authentication",
        &[r"\bA21AA[A-Za-z0-9_-]{60,}"],
    ),
    rule(
        "adyen-api-key",
        Group::Payment,
        "https://docs.adyen.com/development-resources/api-credentials",
        &[r"AQE[a-z]h[A-Za-z0-9+/=]{60,}"],
    ),
    rule(
        "razorpay-key",
        Group::Payment,
        "https://razorpay.com/docs/api/authentication",
        &[r"rzp_(live|test)_[A-Za-z0-9]{14}"],
    ),
    rule(
        "shopify-token",
        Group::Payment,
        "https://shopify.dev/docs/apps/build/authentication-authorization",
        &[r"shp(at|ca|pa|ss|tka|ua|rt)_[a-fA-F0-9]{32}"],
    ),
    rule(
        "flutterwave-key",
        Group::Payment,
        "https://developer.flutterwave.com/docs/authentication",
        &[r"FLW(SECK|PUBK)_TEST-[A-Za-z0-9]{12,}", r"FLWSECK-[A-Za-z0-9-]{12,}"],
    ),
    rule(
        "paystack-key",
        Group::Payment,
        "https://paystack.com/docs/api/authentication",
        &[r"sk_(live|test)_[a-f0-9]{40}"],
    ),
    rule(
        "mollie-key",
        Group::Payment,
        "https://docs.mollie.com/reference/authentication",
        &[r"\blive_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "gocardless-token",
        Group::Payment,
        "https://developer.gocardless.com/api-reference",
        &[r"live_[A-Za-z0-9_=-]{40,}"],
    ),
    rule(
        "plaid-token",
        Group::Payment,
        "https://plaid.com/docs/api/tokens",
        &[
            r"access-(sandbox|development|production)-[a-f0-9-]{36}",
            r"link-(sandbox|development|production)-[a-f0-9-]{36}",
        ],
    ),
    rule(
        "paddle-key",
        Group::Payment,
        "https://developer.paddle.com/api-reference/about/authentication",
        &[
            r"pdl_(live|sdbx)_apikey_[A-Za-z0-9_]{20,}",
            r"pdl_ntfset_[A-Za-z0-9_+/]{20,}",
        ],
    ),
    rule(
        "polar-token",
        Group::Payment,
        "https://docs.polar.sh",
        &[r"polar_(oat|pat|at_u|at_o|rt_u|whs)_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "duffel-token",
        Group::Payment,
        "https://duffel.com/docs/api",
        &[r"duffel_(test|live)_[A-Za-z0-9_-]{40,}"],
    ),
    rule(
        "easypost-key",
        Group::Payment,
        "https://docs.easypost.com/docs/authentication",
        &[r"EZ(A|T)K[a-zA-Z0-9]{54}"],
    ),
    rule(
        "shippo-token",
        Group::Payment,
        "https://docs.goshippo.com",
        &[r"shippo_(live|test)_[a-f0-9]{40}"],
    ),
    rule(
        "coinbase-key",
        Group::Payment,
        "https://docs.cdp.coinbase.com",
        &[r"organizations/[a-f0-9-]{36}/apiKeys/\K[a-f0-9-]{36}"],
    ),
    // Ai
    rule(
        "anthropic-api-key",
        Group::Ai,
        "https://docs.anthropic.com/en/api/getting-started",
        &[r"sk-ant-[A-Za-z0-9_-]{20,}"],
    ),
    rule(
        "openai-api-key",
        Group::Ai,
        "https://platform.openai.com/docs/api-reference/authentication",
        &[
            r"sk-(proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}",
            r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20,}",
            r"sess-[A-Za-z0-9]{40}",
        ],
    ),
    rule(
        "openrouter-key",
        Group::Ai,
        "https://openrouter.ai/docs/api-reference/authentication",
        &[r"sk-or-v1-[a-f0-9]{20,}"],
    ),
    rule(
        "deepseek-key",
        Group::Ai,
        "https://api-docs.deepseek.com",
        &[r"\bsk-[a-f0-9]{32}\b"],
    ),
    rule(
        "sk-key",
        Group::Ai,
        "openai-compatible services",
        &[r"\bsk-[A-Za-z0-9]{40,}"],
    ),
    rule(
        "groq-key",
        Group::Ai,
        "https://console.groq.com/docs/quickstart",
        &[r"gsk_[A-Za-z0-9]{40,}"],
    ),
    rule("xai-key", Group::Ai, "https://docs.x.ai", &[r"xai-[A-Za-z0-9]{40,}"]),
    rule(
        "perplexity-key",
        Group::Ai,
        "https://docs.perplexity.ai",
        &[r"pplx-[A-Za-z0-9]{40,}"],
    ),
    rule(
        "huggingface-token",
        Group::Ai,
        "https://huggingface.co/docs/hub/security-tokens",
        &[r"hf_[A-Za-z0-9]{30,}", r"api_org_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "replicate-token",
        Group::Ai,
        "https://replicate.com/docs/reference/http",
        &[r"r8_[A-Za-z0-9]{37,}"],
    ),
    rule(
        "fireworks-key",
        Group::Ai,
        "https://docs.fireworks.ai",
        &[r"fw_[A-Za-z0-9]{22,}"],
    ),
    rule(
        "nvidia-key",
        Group::Ai,
        "https://docs.nvidia.com/nim",
        &[r"nvapi-[A-Za-z0-9_-]{40,}"],
    ),
    rule(
        "langchain-key",
        Group::Ai,
        "https://docs.smith.langchain.com",
        &[r"lsv2_(pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}", r"ls__[a-f0-9]{32}"],
    ),
    rule(
        "elevenlabs-key",
        Group::Ai,
        "https://elevenlabs.io/docs/api-reference/authentication",
        &[r"\bsk_[a-f0-9]{48}\b"],
    ),
    rule(
        "voyage-key",
        Group::Ai,
        "https://docs.voyageai.com",
        &[r"\bpa-[A-Za-z0-9_-]{40,}"],
    ),
    rule(
        "jina-key",
        Group::Ai,
        "https://jina.ai/reader",
        &[r"jina_[A-Za-z0-9_-]{50,}"],
    ),
    rule(
        "tavily-key",
        Group::Ai,
        "https://docs.tavily.com",
        &[r"tvly-[A-Za-z0-9_-]{20,}"],
    ),
    rule(
        "firecrawl-key",
        Group::Ai,
        "https://docs.firecrawl.dev",
        &[r"fc-[a-f0-9]{32}\b"],
    ),
    rule(
        "pinecone-key",
        Group::Ai,
        "https://docs.pinecone.io/guides/projects/manage-api-keys",
        &[r"pcsk_[A-Za-z0-9_]{40,}"],
    ),
    rule(
        "langfuse-key",
        Group::Ai,
        "https://langfuse.com/docs",
        &[r"sk-lf-[a-f0-9-]{36}"],
    ),
    rule(
        "cerebras-key",
        Group::Ai,
        "https://inference-docs.cerebras.ai",
        &[r"csk-[a-z0-9]{40,}"],
    ),
    rule(
        "together-key",
        Group::Ai,
        "https://docs.together.ai",
        &[r"tgp_v1_[A-Za-z0-9_-]{40,}"],
    ),
    rule(
        "e2b-key",
        Group::Ai,
        "https://e2b.dev/docs/api-key",
        &[r"e2b_[a-f0-9]{40}"],
    ),
    rule(
        "modal-token",
        Group::Ai,
        "https://modal.com/docs/reference/modal.config",
        &[r"a(k|s)-[A-Za-z0-9]{22}\b"],
    ),
    rule(
        "v0-key",
        Group::Ai,
        "https://v0.app/docs/api",
        &[r"v1:team_[A-Za-z0-9]{20,}"],
    ),
    // Mail
    rule(
        "sendgrid-key",
        Group::Mail,
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
        &[r"SG.[A-Za-z0-9_-]{16,}.[A-Za-z0-9_-]{32,}"],
    ),
    rule(
        "mailgun-key",
        Group::Mail,
        "https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt",
        &[r"\bkey-[a-f0-9]{32}\b", r"\bpubkey-[a-f0-9]{32}\b"],
    ),
    rule(
        "mailersend-token",
        Group::Mail,
        "https://developers.mailersend.com",
        &[r"mlsn.[a-f0-9]{64}"],
    ),
    rule(
        "resend-key",
        Group::Mail,
        "https://resend.com/docs/api-reference/introduction",
        &[r"\bre_[A-Za-z0-9]{8,}_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "brevo-key",
        Group::Mail,
        "https://developers.brevo.com/docs/getting-started",
        &[
            r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
            r"xsmtpsib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        ],
    ),
    rule(
        "mandrill-key",
        Group::Mail,
        "https://mailchimp.com/developer/transactional",
        &[r"md-[A-Za-z0-9_-]{22}\b"],
    ),
    rule(
        "twilio-account-key",
        Group::Mail,
        "https://www.twilio.com/docs/iam/api-keys",
        &[r"\bSK(0|1|2|3|4|5|6|7|8|9|a|b|c|d|e|f)[a-f0-9]{31}\b"],
    ),
    rule(
        "messagebird-key",
        Group::Mail,
        "https://developers.messagebird.com",
        &[r"AccessKey \K[A-Za-z0-9]{25}"],
    ),
    rule(
        "intercom-token",
        Group::Mail,
        "https://developers.intercom.com/docs/build-an-integration/learn-more/authentication",
        &[r"dG9rOi[A-Za-z0-9+/=_]{40,}"],
    ),
    rule(
        "klaviyo-key",
        Group::Mail,
        "https://developers.klaviyo.com/en/docs/authenticate_",
        &[r"pk_[a-f0-9]{34}"],
    ),
    rule(
        "hubspot-token",
        Group::Mail,
        "https://developers.hubspot.com/docs/guides/apps/private-apps",
        &[r"pat-(na|eu|ap)[0-9]-[a-f0-9-]{36}"],
    ),
    // Identity
    rule(
        "clerk-secret-key",
        Group::Identity,
        "https://clerk.com/docs/deployments/clerk-environment-variables",
        &[r"sk_(live|test)_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "clerk-api-key",
        Group::Identity,
        "https://clerk.com/docs/machine-auth/api-keys",
        &[r"ak_[A-Za-z0-9]{32,}", r"mt_[A-Za-z0-9]{32,}"],
    ),
    rule(
        "okta-token",
        Group::Identity,
        "https://developer.okta.com/docs/guides/create-an-api-token",
        &[r"SSWS \K[A-Za-z0-9_-]{30,}"],
    ),
    rule(
        "workos-key",
        Group::Identity,
        "https://workos.com/docs/reference/api-keys",
        &[r"sk_(live|test)_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "stytch-secret",
        Group::Identity,
        "https://stytch.com/docs/api",
        &[r"secret-(live|test)-[A-Za-z0-9_=-]{36,}"],
    ),
    rule(
        "1password-token",
        Group::Identity,
        "https://developer.1password.com/docs/service-accounts",
        &[r"ops_eyJ[A-Za-z0-9_-]{100,}"],
    ),
    rule(
        "1password-secret-key",
        Group::Identity,
        "https://support.1password.com/secret-key",
        &[
            r"\bA3-[A-Z0-9]{6}-[A-Z0-9]{11}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
            r"\bA3-[A-Z0-9]{6}-[A-Z0-9]{6}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5}",
        ],
    ),
    rule(
        "hashicorp-vault-token",
        Group::Identity,
        "https://developer.hashicorp.com/vault/docs/concepts/tokens",
        &[r"hv(s|b|r).[A-Za-z0-9_-]{24,}"],
    ),
    rule(
        "hashicorp-terraform-token",
        Group::Identity,
        "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens",
        &[r".atlasv1.[A-Za-z0-9_=-]{60,}"],
    ),
    rule(
        "doppler-token",
        Group::Identity,
        "https://docs.doppler.com/docs/service-tokens",
        &[
            r"dp.(pt|st|sa|ct|scim|audit).[A-Za-z0-9]{40,}",
            r"dp.st.[a-z0-9_-]{2,35}.[A-Za-z0-9]{40,}",
        ],
    ),
    rule(
        "infisical-token",
        Group::Identity,
        "https://infisical.com/docs/documentation/platform/token",
        &[r"st.[a-f0-9]{24}.[a-f0-9]{32}.[a-f0-9]{32}"],
    ),
    rule(
        "age-secret-key",
        Group::Identity,
        "https://age-encryption.org/v1",
        &[r"AGE-SECRET-KEY-1[A-Z0-9]{50,}", r"AGE-SECRET-KEY-PQ-1[A-Z0-9]{50,}"],
    ),
    rule(
        "jwt",
        Group::Identity,
        "https://www.rfc-editor.org/rfc/rfc7519",
        &[
            r"eyJ[A-Za-z0-9_-]{10,}.[A-Za-z0-9_-]{10,}.[A-Za-z0-9_.-]{0,}",
            r"eyJ[A-Za-z0-9_-]{10,}.eyJ[A-Za-z0-9_-]{10,}",
        ],
    ),
    rule(
        "encoded-private-key",
        Group::Identity,
        "https://www.rfc-editor.org/rfc/rfc7468",
        &[
            r"LS0tLS1CRUdJTiBSU0EgUFJJVkFURS[A-Za-z0-9+/=]{20,}",
            r"LS0tLS1CRUdJTiBQUklWQVRFIEtFWS[A-Za-z0-9+/=]{20,}",
            r"LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVE[A-Za-z0-9+/=]{20,}",
            r"LS0tLS1CRUdJTiBFQyBQUklWQVRF[A-Za-z0-9+/=]{20,}",
            r"LS0tLS1CRUdJTiBFTkNSWVBURUQg[A-Za-z0-9+/=]{20,}",
            r"LS0tLS1CRUdJTiBQR1AgUFJJVkFURS[A-Za-z0-9+/=]{20,}",
            r"LS0tLS1CRUdJTiBEU0EgUFJJVkFURS[A-Za-z0-9+/=]{20,}",
        ],
    ),
    // Hosting
    rule(
        "vercel-token",
        Group::Hosting,
        "https://vercel.com/docs/rest-api",
        &[r"vc(p|i|a|r|k)_[A-Za-z0-9]{24,}", r"vercel_blob_rw_[A-Za-z0-9_]{20,}"],
    ),
    rule(
        "netlify-token",
        Group::Hosting,
        "https://docs.netlify.com/api/get-started",
        &[r"nfp_[A-Za-z0-9]{30,}", r"nf(o|c|b|u)_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "heroku-key",
        Group::Hosting,
        "https://devcenter.heroku.com/articles/authentication",
        &[r"HRKU-[A-Za-z0-9_-]{36,}"],
    ),
    rule(
        "flyio-token",
        Group::Hosting,
        "https://fly.io/docs/security/tokens",
        &[
            r"fo1_[A-Za-z0-9_-]{40,}",
            r"fm1(a|r)_[A-Za-z0-9+/=_-]{60,}",
            r"fm2_[A-Za-z0-9+/=_-]{60,}",
        ],
    ),
    rule(
        "render-key",
        Group::Hosting,
        "https://render.com/docs/api",
        &[r"rnd_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "expo-token",
        Group::Hosting,
        "https://docs.expo.dev/accounts/programmatic-access",
        &[r"expo_[A-Za-z0-9_-]{30,}"],
    ),
    rule(
        "deno-token",
        Group::Hosting,
        "https://docs.deno.com/deploy/manual",
        &[r"dd(p|w|o)_[A-Za-z0-9]{36}"],
    ),
    rule(
        "pulumi-token",
        Group::Hosting,
        "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens",
        &[r"pul-[a-f0-9]{40}"],
    ),
    rule(
        "tailscale-key",
        Group::Hosting,
        "https://tailscale.com/kb/1085/auth-keys",
        &[r"tskey-[A-Za-z0-9-]{16,}"],
    ),
    rule(
        "supabase-token",
        Group::Hosting,
        "https://supabase.com/docs/guides/api/api-keys",
        &[
            r"sbp_[a-f0-9]{40}",
            r"sbp_oauth_[a-f0-9]{40}",
            r"sb_secret_[A-Za-z0-9_-]{20,}",
        ],
    ),
    rule(
        "firebase-messaging-key",
        Group::Hosting,
        "https://firebase.google.com/docs/cloud-messaging",
        &[r"AAAA[A-Za-z0-9_-]{7}:APA91b[A-Za-z0-9_-]{100,}"],
    ),
    rule(
        "convex-deploy-key",
        Group::Hosting,
        "https://docs.convex.dev/cli/deploy-key-types",
        &[
            r"prod:[a-z0-9-]{6,40}|\K[A-Za-z0-9+/=]{30,}",
            r"dev:[a-z0-9-]{6,40}|\K[A-Za-z0-9+/=]{30,}",
        ],
    ),
    rule(
        "trigger-key",
        Group::Hosting,
        "https://trigger.dev/docs/apikeys",
        &[r"tr_(dev|prod|stg|pat)_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "inngest-key",
        Group::Hosting,
        "https://www.inngest.com/docs/events/creating-an-event-key",
        &[r"signkey-(prod|test|branch|dev)-[a-f0-9]{32,}"],
    ),
    rule(
        "svix-key",
        Group::Hosting,
        "https://docs.svix.com",
        &[r"testsk_[A-Za-z0-9_.-]{30,}", r"sk_[A-Za-z0-9]{32}.(us|eu)\b"],
    ),
    rule(
        "upstash-token",
        Group::Hosting,
        "https://upstash.com/docs/redis/features/restapi",
        &[r"UPSTASH_REDIS_REST_TOKEN=\K[A-Za-z0-9_=-]{30,}"],
    ),
    // Database
    rule(
        "planetscale-token",
        Group::Database,
        "https://planetscale.com/docs/api/reference/service-tokens",
        &[r"pscale_(tkn|oauth|pw)_[A-Za-z0-9_.=-]{30,}"],
    ),
    rule(
        "neon-key",
        Group::Database,
        "https://neon.com/docs/manage/api-keys",
        &[r"napi_[a-z0-9]{40,}", r"npg_[A-Za-z0-9]{10,}"],
    ),
    rule(
        "databricks-token",
        Group::Database,
        "https://docs.databricks.com/dev-tools/auth/pat",
        &[r"dapi[a-f0-9]{32}", r"dose[a-f0-9]{32}"],
    ),
    rule(
        "mongodb-atlas-key",
        Group::Database,
        "https://www.mongodb.com/docs/atlas/api/service-accounts-overview",
        &[r"mdb_sa_sk_[A-Za-z0-9_-]{30,}"],
    ),
    rule(
        "tinybird-token",
        Group::Database,
        "https://www.tinybird.co/docs/api-reference",
        &[r"p.eyJ[A-Za-z0-9_-]{20,}.[A-Za-z0-9_-]{20,}"],
    ),
    rule(
        "prisma-key",
        Group::Database,
        "https://www.prisma.io/docs/accelerate",
        &[
            r"prisma://accelerate.prisma-data.net/?api_key=\K[A-Za-z0-9_.-]{20,}",
            r"prisma+postgres://accelerate.prisma-data.net/?api_key=\K[A-Za-z0-9_.-]{20,}",
        ],
    ),
    rule(
        "xata-key",
        Group::Database,
        "https://xata.io/docs/platform/access/api-keys",
        &[r"xau_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "algolia-admin-key",
        Group::Database,
        "https://www.algolia.com/doc/guides/security/api-keys",
        &[r"(?i)x-algolia-api-key=\K[a-f0-9]{32}"],
    ),
    rule(
        "aiven-token",
        Group::Database,
        "https://aiven.io/docs/platform/concepts/authentication-tokens",
        &[r"aivenv1[A-Za-z0-9+/=]{100,}"],
    ),
    rule(
        "contentful-token",
        Group::Database,
        "https://www.contentful.com/developers/docs/references/authentication",
        &[r"CFPAT-[A-Za-z0-9_-]{43}"],
    ),
    rule(
        "dropbox-token",
        Group::Database,
        "https://developers.dropbox.com/oauth-guide",
        &[r"\bsl.[A-Za-z0-9_.-]{100,}"],
    ),
    rule(
        "airtable-token",
        Group::Database,
        "https://airtable.com/developers/web/guides/personal-access-tokens",
        &[r"pat[A-Za-z0-9]{14}.[a-f0-9]{64}"],
    ),
    rule(
        "notion-token",
        Group::Database,
        "https://developers.notion.com/docs/authorization",
        &[r"ntn_[A-Za-z0-9]{40,}", r"secret_[A-Za-z0-9]{43}"],
    ),
    rule(
        "snowflake-token",
        Group::Database,
        "https://docs.snowflake.com",
        &[r"ver:1-hint:[0-9]{3,}-\K[A-Za-z0-9+/=-]{60,}"],
    ),
    // Registry
    rule(
        "npm-token",
        Group::Registry,
        "https://docs.npmjs.com/about-access-tokens",
        &[r"npm_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "npm-legacy-token",
        Group::Registry,
        "https://docs.npmjs.com/about-access-tokens",
        &[r"_authToken=\K[A-Za-z0-9_=/+.-]{20,}"],
    ),
    rule(
        "pypi-token",
        Group::Registry,
        "https://pypi.org/help/#apitoken",
        &[r"pypi-[A-Za-z0-9_-]{50,}"],
    ),
    rule(
        "docker-hub-token",
        Group::Registry,
        "https://docs.docker.com/security/for-developers/access-tokens",
        &[r"dckr_(pat|oat)_[A-Za-z0-9_-]{20,}"],
    ),
    rule(
        "rubygems-key",
        Group::Registry,
        "https://guides.rubygems.org/api-key-scopes",
        &[r"rubygems_[a-f0-9]{40,}"],
    ),
    rule(
        "cratesio-token",
        Group::Registry,
        "https://crates.io/docs",
        &[r"cio[A-Za-z0-9]{32}\b"],
    ),
    rule(
        "nuget-key",
        Group::Registry,
        "https://learn.microsoft.com/nuget/nuget-org/scoped-api-keys",
        &[r"oy2[a-z0-9]{43}"],
    ),
    rule(
        "jfrog-api-key",
        Group::Registry,
        "https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens",
        &[r"AKCp[A-Za-z0-9]{60,}", r"cmVmdGtuOj[A-Za-z0-9]{40,}"],
    ),
    rule(
        "clojars-token",
        Group::Registry,
        "https://github.com/clojars/clojars-web",
        &[r"CLOJARS_[a-f0-9]{60}"],
    ),
    rule(
        "composer-token",
        Group::Registry,
        "https://getcomposer.org/doc/articles/authentication-for-private-packages.md",
        &[r"packagist_(out|uut|ort|ack)_[A-Za-z0-9]{20,}"],
    ),
    rule(
        "yarn-token",
        Group::Registry,
        "https://yarnpkg.com/configuration/yarnrc",
        &[r#"npmAuthToken: \K[A-Za-z0-9_."-]{20,}"#],
    ),
    rule(
        "jsr-token",
        Group::Registry,
        "https://jsr.io/docs",
        &[r"jsr(d|p)_[A-Za-z0-9]{30,}"],
    ),
    rule(
        "terraform-registry-token",
        Group::Registry,
        "https://developer.hashicorp.com/terraform",
        &[r"TF_TOKEN_[a-z_]{4,40}=\K[A-Za-z0-9_.-]{20,}"],
    ),
    // Observability
    rule(
        "sentry-token",
        Group::Observability,
        "https://docs.sentry.io/account/auth-tokens",
        &[r"sntry(s|u)_[A-Za-z0-9+/=_-]{40,}"],
    ),
    rule(
        "sentry-dsn",
        Group::Observability,
        "https://docs.sentry.io/concepts/key-terms/dsn-explainer",
        &[
            r"https://\K[a-f0-9]{32}@[a-z0-9.-]{4,}/[0-9]{1,}",
            r"https://\K[a-f0-9]{32}:[a-f0-9]{32}@[a-z0-9.-]{4,}",
        ],
    ),
    rule(
        "datadog-key",
        Group::Observability,
        "https://docs.datadoghq.com/account_management/api-app-keys",
        &[
            r"dd(pat|app)_[A-Za-z0-9]{30,}",
            r"(?i)dd-api-key: \K[a-f0-9]{32}",
            r"(?i)dd-application-key: \K[a-f0-9]{40}",
            r"http-intake.logs.datadoghq.com/v1/input/\K[a-f0-9]{32}",
        ],
    ),
    rule(
        "newrelic-key",
        Group::Observability,
        "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys",
        &[
            r"NRAK-[A-Z0-9]{20,}",
            r"NRII-[A-Za-z0-9_-]{30,}",
            r"NRRA-[a-f0-9]{40,}",
            r"NRJS-[a-f0-9]{15,}",
            r"NRAA-[a-f0-9]{20,}",
            r"NRIQ-[A-Za-z0-9_-]{30,}",
        ],
    ),
    rule(
        "grafana-token",
        Group::Observability,
        "https://grafana.com/docs/grafana/latest/administration/service-accounts",
        &[
            r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}",
            r"glc_[A-Za-z0-9+/=_]{30,}",
            r"eyJrIjoi[A-Za-z0-9+/=_-]{50,}",
        ],
    ),
    rule(
        "honeycomb-key",
        Group::Observability,
        "https://docs.honeycomb.io/configure/environments/manage-api-keys",
        &[r"hc(aik|bik|xik|amk|bmk|xmk)_[A-Za-z0-9]{40,}"],
    ),
    rule(
        "posthog-key",
        Group::Observability,
        "https://posthog.com/docs/api",
        &[r"ph(x|r|a|s)_[A-Za-z0-9_-]{30,}"],
    ),
    rule(
        "dynatrace-token",
        Group::Observability,
        "https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens",
        &[
            r"dt0(c01|s01|s02|s08|s16).[A-Z0-9]{24}.[A-Z0-9]{64}",
            r"dt0c01.[A-Z0-9]{8,}.[A-Z0-9]{40,}",
        ],
    ),
    rule(
        "pagerduty-token",
        Group::Observability,
        "https://support.pagerduty.com/main/docs/api-access-keys",
        &[r"Token token=\K[A-Za-z0-9_+-]{20}"],
    ),
    rule(
        "opsgenie-key",
        Group::Observability,
        "https://docs.opsgenie.com/docs/api-key-management",
        &[r"GenieKey \K[a-f0-9-]{36}"],
    ),
    rule(
        "sumologic-url",
        Group::Observability,
        "https://help.sumologic.com/docs/send-data/hosted-collectors/http-source",
        &[r"receiver/v1/http/\K[A-Za-z0-9+/=_-]{40,}"],
    ),
    rule(
        "splunk-hec-token",
        Group::Observability,
        "https://docs.splunk.com/Documentation/Splunk/latest/Data/UsetheHTTPEventCollector",
        &[r"Splunk \K[a-fA-F0-9]{8}-[a-fA-F0-9-]{27}"],
    ),
    rule(
        "snyk-token",
        Group::Observability,
        "https://docs.snyk.io/snyk-api/authentication-for-api",
        &[r"snyk_(uat|sat).[a-f0-9]{8}.[A-Za-z0-9_.-]{30,}"],
    ),
    rule(
        "sonarqube-token",
        Group::Observability,
        "https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens",
        &[r"sq(u|p|a)_[a-f0-9]{40}"],
    ),
    rule(
        "launchdarkly-key",
        Group::Observability,
        "https://launchdarkly.com/docs/home/account/environment/keys",
        &[r"(sdk|api|mob)-[a-f0-9]{8}-[a-f0-9-]{27}"],
    ),
    rule(
        "statsig-key",
        Group::Observability,
        "https://docs.statsig.com/sdk-keys/api-keys",
        &[r"secret-[A-Za-z0-9]{40,}"],
    ),
    // Automation
    rule(
        "circleci-token",
        Group::Automation,
        "https://circleci.com/docs/managing-api-tokens",
        &[r"CCI(PAT|PRJ)_[A-Za-z0-9]{20,}_[a-f0-9]{40}"],
    ),
    rule(
        "buildkite-token",
        Group::Automation,
        "https://buildkite.com/docs/apis/managing-api-tokens",
        &[r"bkua_[a-f0-9]{40}", r"bk(aa|at|ct|pt)_[A-Za-z0-9_-]{30,}"],
    ),
    rule(
        "travis-token",
        Group::Automation,
        "https://docs.travis-ci.com",
        &[r"travis-[A-Za-z0-9]{22}\b"],
    ),
    rule(
        "harness-token",
        Group::Automation,
        "https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys",
        &[r"(pat|sat).[A-Za-z0-9_-]{22}.[a-f0-9]{24}.[A-Za-z0-9]{20}"],
    ),
    rule(
        "octopus-key",
        Group::Automation,
        "https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key",
        &[r"\bAPI-[A-Z0-9]{25,32}\b"],
    ),
    rule(
        "postman-key",
        Group::Automation,
        "https://learning.postman.com/docs/developer/postman-api",
        &[r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", r"PMAT-[A-Z0-9]{26}"],
    ),
    rule(
        "prefect-key",
        Group::Automation,
        "https://docs.prefect.io",
        &[r"pn(u|b)_[A-Za-z0-9]{36}"],
    ),
    rule(
        "dbt-token",
        Group::Automation,
        "https://docs.getdbt.com/docs/dbt-cloud-apis/authentication",
        &[r"dbt(u|c)_[A-Za-z0-9_-]{36,}"],
    ),
    // Social
    rule(
        "facebook-access-token",
        Group::Social,
        "https://developers.facebook.com/docs/facebook-login/guides/access-tokens",
        &[r"EAA[A-Za-z][A-Za-z0-9]{80,}"],
    ),
    rule(
        "facebook-app-token",
        Group::Social,
        "https://developers.facebook.com/docs/facebook-login/guides/access-tokens",
        &[r"access_token=\K[0-9]{13,17}|[A-Za-z0-9_-]{20,}"],
    ),
    rule(
        "instagram-token",
        Group::Social,
        "https://developers.facebook.com/docs/instagram-platform",
        &[r"IGQ[A-Za-z][A-Za-z0-9_-]{80,}"],
    ),
    rule(
        "twitter-bearer-token",
        Group::Social,
        "https://docs.x.com/resources/fundamentals/authentication",
        &[r"AAAAAAAAAAAAAAAAAAAAA[A-Za-z0-9%]{50,}"],
    ),
    rule(
        "linkedin-token",
        Group::Social,
        "https://learn.microsoft.com/linkedin/shared/authentication",
        &[r"WPL_AP1.[A-Za-z0-9=.]{10,}", r"\bAQ(U|V|W|X)[A-Za-z0-9_-]{100,}"],
    ),
    rule(
        "twitch-token",
        Group::Social,
        "https://dev.twitch.tv/docs/authentication",
        &[r"oauth:\K[a-z0-9]{30}"],
    ),
    rule(
        "figma-token",
        Group::Social,
        "https://www.figma.com/developers/api",
        &[r"fig(d|u|o|or|oh)_[A-Za-z0-9_-]{36,}"],
    ),
    rule(
        "linear-key",
        Group::Social,
        "https://linear.app/developers/graphql",
        &[
            r"lin_api_[A-Za-z0-9]{30,}",
            r"lin_oauth_[a-f0-9]{40,}",
            r"lin_wh_[A-Za-z0-9]{30,}",
        ],
    ),
    rule(
        "clickup-token",
        Group::Social,
        "https://developer.clickup.com/docs/authentication",
        &[r"pk_[0-9]{6,9}_[A-Z0-9]{32}"],
    ),
    rule(
        "typeform-token",
        Group::Social,
        "https://www.typeform.com/developers/get-started/personal-access-token",
        &[r"tfp_[A-Za-z0-9_.-]{40,}"],
    ),
    rule(
        "zendesk-token",
        Group::Social,
        "https://developer.zendesk.com/api-reference/introduction/security-and-auth",
        &[r"/token:\K[A-Za-z0-9]{40}"],
    ),
    rule(
        "mapbox-secret-token",
        Group::Social,
        "https://docs.mapbox.com/help/dive-deeper/access-tokens",
        &[
            r"sk.eyJ[A-Za-z0-9_-]{20,}.[A-Za-z0-9_-]{16,}",
            r"tk.eyJ[A-Za-z0-9_-]{20,}.[A-Za-z0-9_-]{16,}",
        ],
    ),
    rule(
        "adafruit-key",
        Group::Social,
        "https://io.adafruit.com/api/docs",
        &[r"aio_[A-Za-z0-9]{28}"],
    ),
    rule(
        "wakatime-key",
        Group::Social,
        "https://wakatime.com/developers",
        &[r"waka_[a-f0-9]{8}-[a-f0-9-]{27}"],
    ),
    rule(
        "frameio-token",
        Group::Social,
        "https://developer.frame.io",
        &[r"fio-u-[A-Za-z0-9_=-]{60,}"],
    ),
    rule(
        "readme-key",
        Group::Social,
        "https://docs.readme.com",
        &[r"rdme_[a-z0-9]{60,}"],
    ),
    rule(
        "onesignal-key",
        Group::Social,
        "https://documentation.onesignal.com/docs/keys-and-ids",
        &[r"os_v2_(app|org)_[a-z0-9]{40,}"],
    ),
    rule(
        "lob-key",
        Group::Social,
        "https://docs.lob.com",
        &[r"(live|test)_[a-f0-9]{35}\b"],
    ),
    rule(
        "cal-key",
        Group::Social,
        "https://cal.com/docs/api-reference",
        &[r"cal_live_[a-f0-9]{30,}"],
    ),
    rule(
        "ubidots-token",
        Group::Social,
        "https://docs.ubidots.com",
        &[r"BBFF-[A-Za-z0-9]{30,}"],
    ),
    rule(
        "openweather-key",
        Group::Social,
        "https://openweathermap.org/appid",
        &[r"?appid=\K[a-f0-9]{32}", r"&appid=\K[a-f0-9]{32}"],
    ),
    rule(
        "scraperapi-key",
        Group::Social,
        "https://docs.scraperapi.com",
        &[r"api.scraperapi.com/?api_key=\K[a-f0-9]{32}"],
    ),
    rule(
        "unkey-key",
        Group::Social,
        "https://www.unkey.com/docs",
        &[r"unkey_[A-Za-z0-9]{16,}"],
    ),
    rule(
        "liveblocks-key",
        Group::Social,
        "https://liveblocks.io/docs/authentication",
        &[r"sk_(prod|dev)_[A-Za-z0-9_-]{30,}"],
    ),
    rule(
        "pusher-url",
        Group::Social,
        "https://pusher.com/docs",
        &[r"pusher.com/apps/[0-9]{4,}/events?auth_key=\K[a-f0-9]{20}"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::{MASK, Redactor};

    /// A small generator: examples differ, and are the same in every run.
    struct Dice(u64);

    impl Dice {
        fn next(&mut self) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0
        }

        fn pick(&mut self, members: &[u8]) -> u8 {
            members[(self.next() >> 16) as usize % members.len()]
        }
    }

    #[test]
    fn there_are_two_hundred_rules_and_each_has_a_source() {
        assert!(TABLE.len() >= 200, "{}", TABLE.len());
        assert!(all().all(|rule| !rule.source.is_empty() && !rule.id.is_empty()));
    }

    #[test]
    fn no_two_rules_share_an_id() {
        let mut ids: Vec<_> = all().map(|rule| rule.id).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
    }

    #[test]
    fn every_pattern_compiles() {
        let mut classes = crate::shape::Classes::default();
        let mut wrong = Vec::new();
        for rule in TABLE {
            for pattern in rule.patterns {
                if let Err(why) = crate::shape::Shape::compile(pattern, &mut classes) {
                    wrong.push(format!("{}: {pattern}: {why}", rule.id));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn an_example_of_every_shape_is_hidden_wherever_it_stands() {
        let engine = Engine::built_in();
        let (shapes, classes) = engine.shapes();
        let redactor = Redactor::builder().build().unwrap();
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut missed = Vec::new();
        for (shape, rule) in shapes {
            for round in 0..20 {
                let example = String::from_utf8(shape.example(classes, |members| dice.pick(members))).unwrap();
                let hidden = shape.hidden_part(&example).to_owned();
                for (before, after) in [
                    ("", ""),
                    ("token: ", ""),
                    ("x=\"", "\","),
                    ("é", "é"),
                    ("  - ", " (active)"),
                    ("\\n", "\\n"),
                ] {
                    let line = format!("{before}{example}{after}");
                    let clean = redactor.scrubber().scrub(&line);
                    if clean.text.as_str().contains(&hidden) || clean.masked.is_empty() {
                        missed.push(format!(
                            "{} round {round}: {line} -> {}",
                            engine.infos()[usize::from(*rule)].id,
                            clean.text
                        ));
                    }
                    assert!(!clean.text.as_str().contains(&format!("{MASK}{MASK}")), "{line}");
                }
            }
        }
        assert!(
            missed.is_empty(),
            "{} missed, as {:#?}",
            missed.len(),
            &missed[..missed.len().min(20)]
        );
    }
}
