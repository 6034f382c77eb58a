//! What a name says about its value, by its words: `dbPassword` is a password, `passwordField` is not one.

use crate::value::Strength;

/// The longest name that is read; of a longer one, the end counts.
pub(crate) const LONGEST: usize = 120;

/// Whether a name, as of an environment variable, says that its value is secret.
///
/// ```
/// assert!(redact::names_a_secret("DATABASE_PASSWORD"));
/// assert!(redact::names_a_secret("npm_config__authToken"));
/// assert!(!redact::names_a_secret("PATH"));
/// assert!(!redact::names_a_secret("TOKEN_URL"));
/// ```
pub fn names_a_secret(name: &str) -> bool {
    let bytes = name.as_bytes();
    if matches!(name, "PWD" | "OLDPWD" | "INIT_CWD") || bytes.len() > LONGEST {
        return false;
    }
    strength(bytes).is_some()
        || name.ends_with("_URL")
            && ["DATABASE", "REDIS", "MONGO", "POSTGRES", "AMQP", "WEBHOOK"]
                .iter()
                .any(|w| name.contains(w))
        || ["DATABASE_URL", "REDIS_URL", "SENTRY_DSN"].contains(&name)
}

/// Words after which a name is about a secret rather than one. Sorted.
const ABOUT: &[&str] = &[
    "age",
    "algorithm",
    "arn",
    "class",
    "column",
    "count",
    "dir",
    "directory",
    "enabled",
    "encoder",
    "endpoint",
    "env",
    "error",
    "exists",
    "expiration",
    "expires",
    "expiry",
    "field",
    "file",
    "filename",
    "form",
    "format",
    "generator",
    "hasher",
    "hashers",
    "header",
    "hint",
    "id",
    "input",
    "issuer",
    "label",
    "len",
    "length",
    "limit",
    "manager",
    "max",
    "min",
    "mode",
    "name",
    "names",
    "path",
    "policy",
    "prefix",
    "provider",
    "ref",
    "regex",
    "required",
    "reset",
    "rotation",
    "rule",
    "scheme",
    "scope",
    "size",
    "source",
    "status",
    "store",
    "suffix",
    "ttl",
    "type",
    "types",
    "uri",
    "url",
    "usage",
    "validation",
    "validator",
    "validators",
    "version",
];

/// Words before `key` that make it a secret. Sorted.
const KEYS: &[&str] = &[
    "ably",
    "access",
    "account",
    "activation",
    "admin",
    "aes",
    "agent",
    "algolia",
    "algoliasearch",
    "analytics",
    "anon",
    "anthropic",
    "api",
    "apikey",
    "apns",
    "app",
    "application",
    "auth",
    "aws",
    "azure",
    "billing",
    "bootstrap",
    "bot",
    "cdn",
    "ci",
    "cipher",
    "client",
    "cloudinary",
    "cohere",
    "consumer",
    "contentful",
    "cookie",
    "cron",
    "crypt",
    "csp",
    "csrf",
    "datadog",
    "decrypt",
    "decryption",
    "deploy",
    "des",
    "discord",
    "edge",
    "encrypt",
    "encryption",
    "enrollment",
    "expo",
    "fcm",
    "fernet",
    "firebase",
    "function",
    "functions",
    "gemini",
    "geocoding",
    "gh",
    "ghost",
    "github",
    "gitlab",
    "google",
    "gpg",
    "grafana",
    "groq",
    "hmac",
    "host",
    "ingest",
    "ingestion",
    "instrumentation",
    "integration",
    "join",
    "jwt",
    "kafka",
    "kibana",
    "kms",
    "licence",
    "license",
    "magento",
    "mailgun",
    "mapbox",
    "master",
    "meili",
    "merchant",
    "mistral",
    "mongo",
    "mysql",
    "onesignal",
    "openai",
    "opensearch",
    "payment",
    "paypal",
    "personal",
    "pgp",
    "pinecone",
    "plivo",
    "plugin",
    "postgres",
    "priv",
    "private",
    "product",
    "project",
    "prometheus",
    "publisher",
    "purge",
    "push",
    "pusher",
    "qdrant",
    "rabbitmq",
    "rails",
    "recovery",
    "redis",
    "registry",
    "replicate",
    "resend",
    "restricted",
    "role",
    "root",
    "rsa",
    "sanity",
    "secret",
    "security",
    "seed",
    "segment",
    "sendgrid",
    "sentry",
    "serial",
    "server",
    "service",
    "session",
    "shared",
    "shopify",
    "sign",
    "signing",
    "slack",
    "smtp",
    "ssh",
    "storage",
    "strapi",
    "stripe",
    "sub",
    "subscription",
    "supabase",
    "telegram",
    "telemetry",
    "tls",
    "token",
    "tracking",
    "transit",
    "twilio",
    "typesense",
    "unseal",
    "upload",
    "user",
    "vapid",
    "vault",
    "vonage",
    "weather",
    "weaviate",
    "webhook",
    "wg",
    "wireguard",
    "woocommerce",
    "wordpress",
    "wrapping",
    "write",
];

/// Words that end a name without taking its meaning: `PASSWORD_2`, `API_KEY_PROD`, `TOKEN_BASE64`. Sorted.
const TAILS: &[&str] = &[
    "admin",
    "all",
    "b64",
    "backup",
    "base",
    "base64",
    "canary",
    "ci",
    "content",
    "contents",
    "current",
    "default",
    "dev",
    "development",
    "encoded",
    "eu",
    "json",
    "live",
    "local",
    "main",
    "new",
    "old",
    "pem",
    "plain",
    "prev",
    "preview",
    "previous",
    "primary",
    "prod",
    "production",
    "qa",
    "raw",
    "readonly",
    "ro",
    "root",
    "rotated",
    "rw",
    "sandbox",
    "secondary",
    "stage",
    "staging",
    "str",
    "string",
    "temp",
    "test",
    "text",
    "tmp",
    "uat",
    "us",
    "v1",
    "v2",
    "val",
    "value",
];

/// Words that end like passwords and are none.
const NOT_PASSWORDS: &[&[u8]] = &[
    b"bypass",
    b"compass",
    b"encompass",
    b"overpass",
    b"subpass",
    b"surpass",
    b"trespass",
    b"underpass",
    b"multipass",
    b"renderpass",
    b"onepass",
    b"twopass",
    b"prepass",
    b"askpass",
];

/// Whether a name is that of a place into which a password is typed: `passwordInput`, `password_field`.
pub(crate) fn is_of_a_field(name: &[u8]) -> bool {
    const FIELDS: [&[u8]; 17] = [
        b"command",
        b"cmd",
        b"file",
        b"stdin",
        b"source",
        b"input",
        b"field",
        b"box",
        b"label",
        b"element",
        b"el",
        b"textbox",
        b"locator",
        b"selector",
        b"control",
        b"text",
        b"entry",
    ];
    let words = Words::of(name);
    words.last().is_some_and(|last| FIELDS.contains(&last))
        && words.back(1).is_some_and(|word| {
            word.ends_with(b"password")
                || word.ends_with(b"passwd")
                || word.ends_with(b"passcode")
                || word.ends_with(b"passphrase")
        })
}

/// The last word of a name, as it is written: `Id` of `requestId`.
pub(crate) fn last_word(name: &[u8]) -> &[u8] {
    let length = Words::of(name).last().map_or(0, <[u8]>::len);
    let end = name.len()
        - name
            .iter()
            .rev()
            .take_while(|byte| !byte.is_ascii_alphanumeric())
            .count();
    &name[end.saturating_sub(length)..end]
}

/// Whether a word before `key` makes it a secret: `encryption`, `api`.
pub(crate) fn makes_a_key(word: &[u8]) -> bool {
    let mut lower = [0; 24];
    let Some(lower) = lower.get_mut(..word.len()) else {
        return false;
    };
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    listed(KEYS, lower)
}

/// Whether a name stands for user and password together.
pub(crate) fn is_of_a_login(name: &[u8]) -> bool {
    matches!(
        Words::of(name).last(),
        Some(b"credential" | b"credentials" | b"creds" | b"auth" | b"login")
    )
}

/// How much a name says about its value; `None` when it says nothing.
pub(crate) fn strength(name: &[u8]) -> Option<Strength> {
    let mut words = Words::of(name);
    while let Some(last) = words.last() {
        let tail = last.iter().all(u8::is_ascii_digit)
            || listed(TAILS, last) && !(last == b"text" && words.back(1) == Some(b"clear"));
        if !tail || words.len == 1 {
            break;
        }
        words.len -= 1;
    }
    // `PASSWORD_FILE_CONTENT` is the password again.
    if words.len > 2 && matches!(words.last(), Some(b"content" | b"contents")) && words.back(1) == Some(b"file") {
        words.len -= 2;
    }
    // `APIKEY_PRIVATE`: what kind of key it is stands behind it.
    if words.len > 1 && words.last() == Some(b"private") && words.back(1).is_some_and(|word| word.ends_with(b"key")) {
        return Some(Strength::Token);
    }
    let last = words.last()?;
    // `password1`
    let digits = last.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let last = if digits > 0
        && digits <= 2
        && (last.len() >= digits + 5 || last.starts_with(b"key") && last.len() == digits + 3)
    {
        &last[..last.len() - digits]
    } else {
        last
    };
    let before = words.back(1).unwrap_or_default();
    // `pw=n(978)`: in code that was made short, any two letters are a name.
    if last == b"pw" && words.len == 1 {
        return Some(Strength::Token);
    }
    if last == b"word" && before == b"pass" {
        return Some(Strength::Password);
    }
    if last == b"id" && before == b"session" {
        return Some(Strength::Weak);
    }
    if last == b"id" && before == b"key" && words.back(2) == Some(b"private") {
        return Some(Strength::Token);
    }
    if last == b"bypass" && before == b"protection" {
        return Some(Strength::Token);
    }
    // `X-HA-Access`
    if last == b"access" && words.len > 1 && words.back(words.len - 1) == Some(b"x") {
        return Some(Strength::Token);
    }
    if last == b"certificate" && before == b"app" {
        return Some(Strength::Weak);
    }
    // `id_token_hint`, `client_assertion`
    if last == b"assertion" && before == b"client" || last == b"pin" || last == b"value" && before == b"pin" {
        return Some(Strength::Token);
    }
    // `client-key-data` of a kubeconfig.
    if last == b"data" && before == b"key" && words.back(2) == Some(b"client") {
        return Some(Strength::Token);
    }
    if last == b"hash" && before == b"token" {
        return Some(Strength::Weak);
    }
    if last == b"data" && before == b"oidc" {
        return Some(Strength::Token);
    }
    if last == b"hint" && before == b"token" {
        return Some(Strength::Token);
    }
    // `user.signingkey` of git says which key, not what it is.
    if last == b"signingkey" && before == b"user" {
        return None;
    }
    // `SecretID`, half of what logs in to a vault.
    if last == b"id" && before == b"secret" {
        return Some(Strength::Token);
    }
    if last == b"info" && before == b"user" && words.back(2) == Some(b"auth") {
        return Some(Strength::Token);
    }
    if listed(ABOUT, last) {
        return None;
    }
    let ends = |end: &str| last.ends_with(end.as_bytes());
    if ends("password")
        || ends("passwort")
        || ends("contrasena")
        || ends("wachtwoord")
        || ends("passwd") && last != b"htpasswd"
        || ends("passphrase")
        || ends("passcode")
        || ends("pwd") && !ends("oldpwd")
        || last == b"pw"
        || ends("authtok")
        || last == b"dbroot"
        || last == b"cleartext"
        || last == b"text" && before == b"clear"
        || ["rootpw", "bindpw", "userpw", "adminpw", "dbpw"]
            .iter()
            .any(|end| ends(end))
        || last == b"community" && before == b"snmp"
        || ends("pass") && !NOT_PASSWORDS.contains(&last)
        || ends("passwords")
        || last == b"psk"
    {
        return (![
            &b"no"[..],
            b"forgot",
            b"reset",
            b"disabled",
            b"disable",
            b"without",
            b"ask",
            b"prompt",
            b"update",
        ]
        .contains(&before))
        .then_some(Strength::Password);
    }
    if ends("secret") || last == b"secrets" || ends("secretkey") || ends("clientsecret") {
        return Some(Strength::Token);
    }
    // `PublicKeyToken=b77a…` of an assembly.
    if ends("token") && before == b"key" && words.back(2) == Some(b"public") {
        return None;
    }
    if ends("sapsso") || ends("ssotoken") {
        return Some(Strength::Token);
    }
    if ends("token") {
        const COUNTED: [&[u8]; 12] = [
            b"max",
            b"num",
            b"unexpected",
            b"next",
            b"page",
            b"continuation",
            b"pad",
            b"eos",
            b"bos",
            b"stop",
            b"special",
            b"design",
        ];
        return (!COUNTED.contains(&before)).then_some(Strength::Token);
    }
    if ends("apikey")
        || ends("accesskey")
        || ends("authkey")
        || ends("privatekey")
        || ends("masterkey")
        || ends("accountkey")
        || ends("encryptionkey")
        || ends("signingkey")
        || ends("sharedaccesskey")
        || ends("servicekey")
        || ends("appkey")
        || ends("licensekey")
        || ends("privkey")
        || ends("cryptkey")
        || ends("cipherkey")
        || ends("deploykey")
        || ends("sshkey")
        || ends("hmackey")
        || ends("jwtkey")
        || ends("adminkey")
        || ends("clientkey")
        || ends("sessionkey")
    {
        return Some(Strength::Token);
    }
    if last == b"key" || last == b"keys" {
        const OPEN: [&[u8]; 16] = [
            b"public",
            b"publishable",
            b"cache",
            b"restore",
            b"partition",
            b"sort",
            b"row",
            b"foreign",
            b"unique",
            b"composite",
            b"group",
            b"idempotency",
            b"dedup",
            b"range",
            b"lock",
            b"object",
        ];
        return if words.len == 1 || OPEN.contains(&before) || before.ends_with(b"cache") {
            None
        } else if listed(KEYS, before)
            || KEYS
                .iter()
                .any(|word| word.len() >= 6 && before.ends_with(word.as_bytes()))
        {
            Some(Strength::Token)
        } else {
            Some(Strength::Weak)
        };
    }
    // The kind of value alone, behind whose it is: `STRIPE_SK`, `YANDEX_OAUTH`, `npmAuthIdent`.
    if words.len > 1
        && (last == b"pat" || last == b"sk" || words.last() == Some(b"oauth") || last == b"ident" && before == b"auth")
        || last == b"credential"
        || last == b"credentials"
        || last == b"creds"
        || ends("connectionstring")
        || last == b"mnemonic"
        || last == b"api" && before == b"art"
        || last == b"bearer"
        || last == b"jwt"
        || last == b"signature" && before == b"access"
        || last == b"dsn"
        || last == b"otp"
        || ends("sessid")
        || ends("sessionid")
        || last == b"sid" && before == b"connect"
    {
        return Some(Strength::Token);
    }
    if words.len > 1
        && [
            &b"authentication"[..],
            b"licence",
            b"license",
            b"private",
            b"priv",
            b"signing",
            b"salts",
        ]
        .contains(&last)
    {
        return Some(Strength::Weak);
    }
    // `PASSWORD_DB`, `POETRY_PYPI_TOKEN_PYPI`, `TF_TOKEN_app_terraform_io`: whose it is stands behind it.
    let capitals = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    let inner = |steps: usize| {
        matches!(
            words.back(steps),
            Some(b"password" | b"passwd" | b"passphrase" | b"token" | b"secret" | b"apikey")
        )
    };
    if words.len <= 6 && (name.iter().all(capitals) || name.starts_with(b"TF_TOKEN_")) && (1..words.len).any(inner)
        || words.len > 1 && last == b"login" && name.iter().all(capitals)
    {
        return Some(Strength::Weak);
    }
    let weak: [&[u8]; 10] = [
        b"csrf",
        b"xsrf",
        b"auth",
        b"session",
        b"cookie",
        b"salt",
        b"sig",
        b"signature",
        b"hmac",
        b"sid",
    ];
    // These are headers, which `header` reads.
    let header = last == b"cookie" && (words.len == 1 || before == b"set");
    let counted: [&[u8]; 8] = [
        b"max",
        b"min",
        b"num",
        b"total",
        b"input",
        b"output",
        b"prompt",
        b"completion",
    ];
    let several = last == b"tokens" && !counted.contains(&before);
    ((weak.contains(&last) || several) && !header).then_some(Strength::Weak)
}

fn listed(list: &[&str], word: &[u8]) -> bool {
    list.binary_search_by(|listed| listed.as_bytes().cmp(word)).is_ok()
}

/// The words of a name in lower case: `dbPassword`, `DB_PASSWORD` and `db-password` are the same two.
struct Words {
    letters: [u8; LONGEST],
    ends: [u8; 24],
    len: usize,
}

impl Words {
    fn of(name: &[u8]) -> Self {
        let mut words = Self {
            letters: [0; LONGEST],
            ends: [0; 24],
            len: 0,
        };
        // The meaning is at the end: of a long name, the beginning is passed over.
        let name = &name[name.len().saturating_sub(LONGEST)..];
        let mut used = 0usize;
        let mut word = 0usize;
        for (at, byte) in name.iter().enumerate() {
            let joint = byte.is_ascii_uppercase()
                && at > 0
                && (name[at - 1].is_ascii_lowercase()
                    || name[at - 1].is_ascii_uppercase() && name.get(at + 1).is_some_and(u8::is_ascii_lowercase));
            if (joint || !byte.is_ascii_alphanumeric()) && used > word {
                words.close(used);
                word = used;
            }
            if byte.is_ascii_alphanumeric() {
                words.letters[used] = byte.to_ascii_lowercase();
                used += 1;
            }
        }
        if used > word {
            words.close(used);
        }
        words
    }

    fn close(&mut self, end: usize) {
        if self.len == self.ends.len() {
            self.ends.rotate_left(1);
            self.len -= 1;
        }
        self.ends[self.len] = end as u8;
        self.len += 1;
    }

    fn back(&self, steps: usize) -> Option<&[u8]> {
        let index = self.len.checked_sub(steps + 1)?;
        let start = if index == 0 {
            0
        } else {
            usize::from(self.ends[index - 1])
        };
        Some(&self.letters[start..usize::from(self.ends[index])])
    }

    fn last(&self) -> Option<&[u8]> {
        self.back(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_so_that_the_search_finds_each() {
        for list in [ABOUT, KEYS, TAILS] {
            assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "{list:?}");
        }
    }

    #[test]
    fn a_name_is_judged_by_its_last_words() {
        let names = [
            ("password", Some(Strength::Password)),
            ("DB_PASSWORD_2", Some(Strength::Password)),
            ("userPassword", Some(Strength::Password)),
            ("passwordField", None),
            ("PASSWORD_FILE", None),
            ("githubToken", Some(Strength::Token)),
            ("max_tokens", None),
            ("next_token", None),
            ("tokenType", None),
            ("publicKey", None),
            ("STRIPE_SECRET_KEY", Some(Strength::Token)),
            ("cacheKey", None),
            ("partnerKey", Some(Strength::Weak)),
            ("key", None),
            ("secretName", None),
            ("AWS_SECRET_ACCESS_KEY", Some(Strength::Token)),
            ("keyboard", None),
            ("author", None),
        ];
        for (name, expected) in names {
            assert_eq!(strength(name.as_bytes()), expected, "{name}");
        }
    }
}
