//! E-mail, telephony and customer messaging.

use super::{Group, Rule};

const fn row(id: &'static str, source: &'static str, patterns: &'static [&'static str]) -> Rule {
    Rule::new(id, Group::Mail, source, patterns)
}

pub(super) const ROWS: &[Rule] = &[
    row(
        "sendgrid-key",
        "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys",
        &[r"\bSG.[A-Za-z0-9_-]{16,}.[A-Za-z0-9_-]{32,}"],
    ),
    row(
        "mailgun-key",
        "https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt",
        &[
            r"\bkey-[a-f0-9]{32}\b",
            r"\bpubkey-[a-f0-9]{32}\b",
            r"[a-h0-9]{32}-[a-h0-9]{8}-[a-h0-9]{8}@api.mailgun.net",
        ],
    ),
    row(
        "mailchimp-key",
        "https://mailchimp.com/developer/marketing/docs/fundamentals",
        &[r"[a-f0-9]{32}-us[0-9]{1,2}\b"],
    ),
    row(
        "mailersend-token",
        "https://developers.mailersend.com/general.html#authentication",
        &[r"(?mixed)mlsn.[A-Za-z0-9]{30,}"],
    ),
    row(
        "resend-key",
        "https://resend.com/docs/api-reference/introduction",
        &[
            r"\bre_[A-Za-z0-9]{8,}_[A-Za-z0-9]{20,}",
            r"(?mixed)\bre_[A-Za-z0-9]{30,}",
        ],
    ),
    row(
        "brevo-key",
        "https://developers.brevo.com/docs/getting-started",
        &[
            r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
            r"xsmtpsib-[a-f0-9]{64}-[A-Za-z0-9]{16}",
        ],
    ),
    row(
        "mandrill-key",
        "https://mailchimp.com/developer/transactional/docs/fundamentals",
        &[r"(?mixed)\bmd-[A-Za-z0-9_-]{22}\b"],
    ),
    row(
        "twilio-key",
        "https://www.twilio.com/docs/iam/api-keys",
        &[r"\bSK(0|1|2|3|4|5|6|7|8|9|a|b|c|d|e|f)[a-f0-9]{31}\b"],
    ),
    row(
        "messagebird-key",
        "https://developers.messagebird.com/api",
        &[r"AccessKey \K[A-Za-z0-9]{25}"],
    ),
    row(
        "intercom-token",
        "https://developers.intercom.com/docs/build-an-integration/learn-more/authentication",
        &[r"\bdG9rOi[A-Za-z0-9+/=_]{40,}"],
    ),
    row(
        "klaviyo-key",
        "https://developers.klaviyo.com/en/docs/authenticate_",
        &[r"\bpk_[a-z0-9]{34}\b", r"(?mixed)\bpk_[A-Za-z0-9]{6}_[a-f0-9]{34}\b"],
    ),
    row(
        "hubspot-token",
        "https://developers.hubspot.com/docs/guides/apps/private-apps/overview",
        &[r"pat-(na|eu|ap)[0-9]-[a-f0-9-]{36}"],
    ),
    row(
        "zeptomail-key",
        "https://www.zoho.com/zeptomail/help/api-home.html",
        &[r"(?i)zoho-enczapikey \K[A-Za-z0-9+/=_-]{40,}"],
    ),
    row(
        "telnyx-key",
        "https://developers.telnyx.com/development/api-fundamentals/authentication",
        &[r"\bKEY(0|1|2|3|4|5|6|7|8|9|A|B|C|D|E|F)[0-9A-Z]{20,}_[A-Za-z0-9]{20,}"],
    ),
    row(
        "courier-key",
        "https://www.courier.com/docs/platform/workspaces/environments-api-keys",
        // `pk_test_` with small letters is a publishable key of Clerk or Stripe.
        &[r"\b(pk|dk)_prod_[A-Za-z0-9]{24,}", r"\b(pk|dk)_test_[A-Z0-9]{28}\b"],
    ),
    row(
        "customerio-key",
        "https://docs.customer.io/accounts-and-workspaces/managing-credentials",
        &[r"sa_live_[A-Za-z0-9]{20,}"],
    ),
    row(
        "knock-key",
        "https://docs.knock.app/developer-tools/api-keys",
        &[r"\bsk_(test|live)_[A-Za-z0-9_-]{30,}", r"\bknock_st_[A-Za-z0-9_-]{30,}"],
    ),
    row(
        "onesignal-key",
        "https://documentation.onesignal.com/docs/keys-and-ids",
        &[r"os_v2_(app|org)_[a-z0-9]{40,}"],
    ),
    row(
        "plunk-key",
        "https://docs.useplunk.com/api-reference/authentication",
        &[r"\bsk_[a-f0-9]{48}\b"],
    ),
    row(
        "pubnub-key",
        "https://www.pubnub.com/docs/general/setup/account-setup",
        &[r"\bsec-c-[A-Za-z0-9+/=-]{36,}", r"\bpub-c-[a-f0-9-]{36}"],
    ),
    row(
        "postmark-token-header",
        "https://postmarkapp.com/developer/api/overview",
        &[r"(?i)x-postmark-(server|account)-token: \K[a-f0-9-]{36}"],
    ),
    row(
        "nylas-key",
        "https://developer.nylas.com/docs/v3/getting-started",
        &[r"nyk_v[0-9]{1}_[A-Za-z0-9]{40,}"],
    ),
    row(
        "novu-key",
        "https://docs.novu.co/platform/additional-resources/security",
        &[r"(?i)authorization: apikey \K[A-Za-z0-9_=+/-]{24,}"],
    ),
    row(
        "gc-notify-key",
        "https://documentation.notification.canada.ca/en/start.html",
        &[r"(?mixed)gcntfy-[A-Za-z0-9_-]{60,}"],
    ),
    row(
        "smtp2go-key",
        "https://developers.smtp2go.com/docs/getting-started",
        &[r"(?mixed)\bapi-[A-F0-9]{32}\b"],
    ),
    row(
        "emailoctopus-key",
        "https://emailoctopus.com/api-documentation/v2",
        &[r"\beo_[a-f0-9]{60,}"],
    ),
    row(
        "close-key",
        "https://developer.close.com/topics/authentication",
        &[r"(?mixed)\bapi_[A-Za-z0-9]{20,24}.[A-Za-z0-9]{20,24}\b"],
    ),
];
