//! Names that say secret, and the values beside them: `NAME=value`, `"name": "value"`, YAML, XML, flags, headers, query
//! parameters, connection strings. The name stays, the value goes.
//!
//! A keyword says where a name may be; the name is then read whole and judged by its words, the value found by how the two
//! are joined, and judged in `value`.

use std::ops::Range;

use crate::chance;
use crate::joint::{self, Beside, Name, further, in_name, quote_at, skip_spaces};
use crate::name::{self, LONGEST};
use crate::rules;
use crate::span::Spans;
use crate::value::{self, Strength, Written};

/// What names of secrets hold, and what may follow where the word is short. All lower case; case does not matter.
pub(crate) const KEYWORDS: &[(&str, &str)] = &[
    ("passw", ""),
    ("passphrase", ""),
    ("passcode", ""),
    ("pass-word", ""),
    ("pass", "=:\"'>] _\\,()*"),
    ("pwd", "=:\"'>] _\\,()*"),
    ("_pw", "=:\"'> \\"),
    ("secret", ""),
    ("token", ""),
    ("apikey", ""),
    ("api_key", ""),
    ("api-key", ""),
    ("api.key", ""),
    ("access_key", ""),
    ("access-key", ""),
    ("accesskey", ""),
    ("private_key", ""),
    ("private-key", ""),
    ("privatekey", ""),
    ("key", "=:\"'><\\(*,"),
    ("_key", " "),
    ("-key ", ""),
    ("key =", ""),
    ("key :", ""),
    ("_keys=", ""),
    ("bundle_", ""),
    (" key", " :=<s"),
    ("_key_", ""),
    ("auth", "=:\"'> \\"),
    ("credential", ""),
    ("creds", "=:\"'>"),
    ("bearer", ""),
    ("connectionstring", ""),
    ("connection_string", ""),
    ("mnemonic", ""),
    ("cookie", "=:\"'>"),
    ("jwt", "=:\"'>_"),
    ("_auth", "= :"),
    ("-auth", " "),
    ("_pat", "=:\"'> ,"),
    ("_dsn", "=:\"'>"),
    ("salt", "=:\"'>"),
    ("sig=", ""),
    ("signature", ""),
    ("session", "=:\"'>_"),
    ("sessid", ""),
    ("-sid", "=:\"'"),
    (".sid", "=:\"'"),
    ("otp=", ""),
    ("code=", ""),
    ("session_id", ""),
    ("session-id", ""),
    ("sessionid", ""),
    ("apiversion", ""),
    ("hmac", "=:\"'>"),
    ("account-key", ""),
    ("storage-key", ""),
    ("license-key", ""),
    ("master-key", ""),
    ("encryption-key", ""),
    ("art-api:", ""),
    ("psk=\"", ""),
    ("psk", "=:\"'> "),
    ("_sk", "=:\"'>"),
    ("_community", ""),
    ("_license", ""),
    ("_licence", ""),
    ("_private", ""),
    ("_signing", ""),
    ("_authentication", ""),
    ("authident", ""),
    ("csrf", "=:\"'>"),
    ("_login", "=:\"' "),
    ("oidc-data", ""),
    ("_pin", "=:\"'> "),
    ("-pin", " =:"),
    (" pin", " =:"),
    ("pin=", ""),
    ("pin-value", ""),
    ("client_assertion", ""),
    ("dbroot", ""),
    ("-access:", ""),
    ("app_certificate", ""),
    ("auth_", ""),
    ("key-data", ""),
    ("clear-text", ""),
    ("cleartext", ""),
    ("authtok", ""),
    ("sapsso2", ""),
    (" pw", " =:"),
    ("protection-bypass", ""),
    ("auth.user.info", ""),
    ("account.key", ""),
    ("secretid", ""),
    ("rootpw", ""),
    ("_salt", "=:\"'>"),
    ("_salts", ""),
];

/// The last name that was judged, so that its second keyword costs nothing, and where values were found to end, so that
/// names inside a long value do not measure it again.
#[derive(Default)]
pub(crate) struct Seen {
    start: usize,
    end: usize,
    tokens: [(usize, usize); 4],
    unclosed: [Option<usize>; 3],
    /// Names judged before: a line that repeats them asks once.
    judged: [(usize, usize, Option<Strength>); 8],
    /// Where a long value that was not secret ends.
    dull: usize,
    /// Where a long value that was hidden ends: no name inside it matters any more.
    hidden: usize,
    further: further::Seen,
    /// What the text leaves open for the lines after it.
    pub(crate) open: Option<Open>,
}

/// A name whose value is on one of the next lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    /// It is the next line, or the items of a list below: `password:`. The name stands at this column.
    Value { strength: Strength, column: usize },
    /// It is every line that is further in: `private_key: |`.
    Block { strength: Strength, column: usize },
    /// It is in quotes up to a bracket: `"tokens": [`.
    List { strength: Strength },
    /// It is the next word: `--password \\`.
    Word,
    /// It is under a key such as `value`: `- name: DB_PASSWORD`.
    Pair,
    /// It is the text of an element: `<password>`.
    Element,
    /// It goes on up to a word that stands alone: `secret = <<EOT`.
    Heredoc,
    /// It goes on up to this quote.
    Quote { quote: u8 },
    /// A manifest begins, which may be that of a Kubernetes secret; `sure` when it says that it is one.
    Manifest { sure: bool },
}

/// What may end a bare value beside white space.
#[derive(Clone, Copy)]
pub(crate) enum Stops {
    Nothing,
    Query,
    Text,
    Quotes,
}

impl Stops {
    const ALL: [Self; 4] = [Self::Nothing, Self::Query, Self::Text, Self::Quotes];

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Nothing => b"",
            Self::Quotes => b"\"'`",
            Self::Query => b"&#\"'`<>;)",
            Self::Text => b"\"'`,;&<>)}]|",
        }
    }
}

/// For every byte, a bit for each kind of [`Stops`] that it is one of, white space for all of them.
static STOPS: [u8; 256] = {
    let mut table = [0; 256];
    let mut kind = 0;
    while kind < Stops::ALL.len() {
        let stops = Stops::ALL[kind];
        let bytes = stops.bytes();
        let mut at = 0;
        while at < bytes.len() {
            table[bytes[at] as usize] |= 1 << stops as u8;
            at += 1;
        }
        kind += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_whitespace() {
            table[byte] = 0b1111;
        }
        byte += 1;
    }
    table
};

impl Seen {
    fn strength(&mut self, text: &[u8], start: usize, end: usize) -> Option<Strength> {
        let name = &text[start..end];
        let (first, last) = (name.first()?, name.last()?);
        let slot = &mut self.judged[(name.len() + usize::from(first ^ last)) % 8];
        let (from, to, strength) = *slot;
        if from < to && text[from..to] == *name {
            return strength;
        }
        *slot = (start, end, name::strength(name));
        slot.2
    }

    pub(crate) fn token_end(&mut self, text: &[u8], from: usize, stops: Stops) -> usize {
        let (start, end) = self.tokens[stops as usize];
        if start <= from && from < end {
            return end;
        }
        let end = token_end(text, from, stops);
        self.tokens[stops as usize] = (from, end);
        end
    }

    /// The end of a quoted value, past escaped quotes.
    pub(crate) fn closing(&mut self, text: &[u8], from: usize, quote: u8) -> Option<usize> {
        let slot = &mut self.unclosed[usize::from(quote == b'\'') + 2 * usize::from(quote == b'`')];
        if slot.is_some_and(|open| open <= from) {
            return None;
        }
        let close = closing(text, from, quote);
        if close.is_none() {
            *slot = Some(from);
        }
        close
    }
}

/// Reports the value of the name at `at`, if it is one and has one.
pub(crate) fn find(text: &[u8], at: usize, seen: &mut Seen, spans: &mut Spans) {
    // Where a space is part of the keyword, the name begins behind it.
    let at = at + usize::from(text[at] == b' ');
    if seen.start <= at && at < seen.end || at < seen.hidden {
        return;
    }
    let mut start = at;
    while start > seen.end && in_name(text[start - 1]) {
        start -= 1;
    }
    let mut end = at;
    while end < text.len() && in_name(text[end]) {
        end += 1;
    }
    (seen.start, seen.end) = (start, end);
    if end - start > LONGEST {
        start = end - LONGEST;
    }
    let whole = start;
    while start < end && matches!(text[start], b'-' | b'.') {
        start += 1;
    }
    if text[start..end] == *b"AUTH" {
        return database_login(text, end, spans);
    }
    if let Some(sure) = manifest(text, start, end) {
        seen.open = Some(Open::Manifest { sure });
        return;
    }
    // `pkcs11:token=build`: the name of a device.
    let lead = &text[start.saturating_sub(64)..start];
    if text[start..end] == *b"token" && memchr::memmem::find(lead, b"pkcs11:").is_some() {
        return;
    }
    // `Signature: …`, as of a transaction or a file, which anyone may read.
    if text[start..end].eq_ignore_ascii_case(b"signature") && text[end..].starts_with(b": ") {
        return;
    }
    // `checksum/secret: …`: what is made of a secret to see whether it changes.
    if text[..whole].ends_with(b"checksum/") || text[..whole].ends_with(b"hash/") {
        return;
    }
    let dashes = start - whole;
    let (start, strength) = match spaced(text, start, end) {
        Some((word, strength)) => (word, Some(strength)),
        // `BUNDLE_GEMS__EXAMPLE__COM=user:password`
        None if text[start..end].starts_with(b"BUNDLE_") && text[start..end].windows(2).any(|two| two == b"__") => {
            (start, Some(Strength::Token))
        }
        None if text[start..end].starts_with(b"pypi-token.") => (start, Some(Strength::Token)),
        // `fs.azure.account.key.NAME.dfs.core.windows.net`
        None if memchr::memmem::find(&text[start..end], b".account.key.").is_some() => (start, Some(Strength::Token)),
        None if is_query(text, start, end) => (start, Some(Strength::Weak)),
        None if dashes == 2 && text[start..end] == *b"key" => (start, Some(Strength::Weak)),
        None => match seen.strength(text, start, end) {
            None if is_key_within(text, start, end) => (start, Some(Strength::Weak)),
            strength => (start, strength),
        },
    };
    let Some(strength) = strength else {
        if is_key_of_something(text, start, end)
            && let Some(range) = further::find(text, end, Strength::Token, &mut seen.further)
        {
            spans.push(range, rules::NAMED_SECRET);
        }
        // `passwordInput`, `password_field`: no value is joined to it, but what is typed into it may follow.
        if name::is_of_a_field(&text[start..end])
            && let Some(range) = further::find(text, end, Strength::Password, &mut seen.further)
        {
            spans.push(range, rules::PASSWORD);
        }
        return;
    };
    let word = &text[start..end];
    let name = Name {
        start,
        end,
        dashes,
        strength: if strength == Strength::Weak
            && (dashes == 2
                || word.len() > 4 && word[..2].eq_ignore_ascii_case(b"x-")
                || word == b"_auth"
                || word.to_ascii_lowercase().ends_with(b"signature")
                    && start > 0
                    && matches!(text[start - 1], b'?' | b'&'))
        {
            Strength::Token
        } else {
            strength
        },
        variable: word.len() >= 5 && word.contains(&b'_') && !word.iter().any(u8::is_ascii_lowercase),
    };
    match joint::beside(text, name, seen) {
        Beside::Nothing => {
            if names_a_pair(text, name) {
                match further::before(text, start, Strength::Password, &mut seen.further) {
                    Some(range) => spans.push(range, rule_of(strength)),
                    None => seen.open = Some(Open::Pair),
                }
            } else if let Some(range) = value_before(text, name) {
                judge(text, range, name, Written::Quoted, seen, spans);
            } else if strength != Strength::Weak
                && (!text[..start].ends_with(b"$") || word[0].is_ascii_lowercase())
                && !text[..start].ends_with(b"${")
            {
                further_on(text, end, name, seen, spans);
            }
        }
        Beside::Below(open) => {
            // `<value>…</value><name>DB_PASSWORD</name>`
            let before = match open {
                Open::Pair => further::before(text, start, Strength::Password, &mut seen.further),
                _ => None,
            };
            match before {
                Some(range) => spans.push(range, rule_of(strength)),
                None => seen.open = Some(open),
            }
        }
        Beside::Value(range, written) => {
            let end = range.end;
            // `Default credentials: admin / …`: what stands next is none, but may lead to one.
            if !judge(text, range, name, written, seen, spans) && strength != Strength::Weak {
                further_on(text, end, name, seen, spans);
            }
            // A change shows both: `~ password = "old" -> "new"`.
            if written == Written::Quoted && text.get(end + 1..end + 5) == Some(b" -> ") {
                let at = end + 5;
                if let Some(quote) = quote_at(text, at)
                    && let Some(close) = seen.closing(text, at + 1, quote)
                {
                    judge(text, at + 1..close, name, written, seen, spans);
                }
            }
        }
        Beside::List(range) => items(text, range, strength, spans),
    }
}

/// Hides what stands further on, or just before, and is drawn by chance.
fn further_on(text: &[u8], end: usize, name: Name, seen: &mut Seen, spans: &mut Spans) {
    let word = &text[name.start..name.end];
    let strength = if name::is_of_a_login(word) || word.ends_with(b"-secrets") {
        Strength::Password
    } else {
        name.strength
    };
    let mut found = further::find(text, end, strength, &mut seen.further);
    // `rotated, old=… new=…`
    for _ in 0..3 {
        let Some(range) = found.clone() else { break };
        let Some(next) = further::find(text, range.end, strength, &mut seen.further) else {
            break;
        };
        spans.push(range, rule_of(strength));
        found = Some(next);
    }
    if let Some(range) = found.or_else(|| further::before(text, name.start, strength, &mut seen.further)) {
        spans.push(range, rule_of(strength));
    }
}

/// `AUTH password` and `AUTH user password` at the end of a line, as key-value stores are told and as they show it.
fn database_login(text: &[u8], end: usize, spans: &mut Spans) {
    let rest = &text[end..text.len().min(end + 256)];
    if end + rest.len() < text.len() {
        return;
    }
    let mut words = rest
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty() && *word != b"\"");
    let (first, second, third) = (words.next(), words.next(), words.next());
    let (Some(last), None) = (second.or(first), third) else {
        return;
    };
    let at = last.as_ptr() as usize - text.as_ptr() as usize;
    let quotes = last.iter().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
    let tail = last
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'"' | b'\''))
        .count();
    if quotes + tail < last.len() {
        let range = at + quotes..at + last.len() - tail;
        if value::is_secret(&text[range.clone()], Strength::Password, Written::Stated) {
            spans.push(range, rules::PASSWORD);
        }
    }
}

/// `kind: Secret` says that a Kubernetes secret is here, `apiVersion: v1` that one may be.
fn manifest(text: &[u8], start: usize, end: usize) -> Option<bool> {
    match &text[start..end] {
        b"Secret" => {
            let lead = text[start.saturating_sub(12)..start]
                .strip_suffix(b"\"")
                .unwrap_or(&text[start.saturating_sub(12)..start]);
            let lead = lead.trim_ascii_end();
            (lead.ends_with(b"kind:") || lead.ends_with(b"\"kind\":")).then_some(true)
        }
        b"apiVersion" => Some(false),
        _ => None,
    }
}

/// Names of two words with a space between, as people write them: `API key`, `Unseal Key 1`.
fn spaced(text: &[u8], start: usize, end: usize) -> Option<(usize, Strength)> {
    let word = &text[start..end];
    if !(word.eq_ignore_ascii_case(b"key") || word.eq_ignore_ascii_case(b"keys")) || start < 4 {
        return None;
    }
    if text[start - 1] != b' ' {
        return None;
    }
    const FIRST: [&[u8]; 32] = [
        b"app",
        b"virtual",
        b"application",
        b"decryption",
        b"deploy",
        b"deployment",
        b"ssh",
        b"storage",
        b"webhook",
        b"session",
        b"registration",
        b"ingestion",
        b"stream",
        b"product",
        b"activation",
        b"security",
        b"backup",
        b"root",
        b"api",
        b"access",
        b"secret",
        b"private",
        b"encryption",
        b"signing",
        b"master",
        b"auth",
        b"admin",
        b"account",
        b"license",
        b"unseal",
        b"recovery",
        b"shared",
    ];
    let length = text[..start - 1]
        .iter()
        .rev()
        .take(12)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let first = start - 1 - length;
    FIRST
        .iter()
        .any(|known| text[first..start - 1].eq_ignore_ascii_case(known))
        .then_some((first, Strength::Token))
}

/// `'crypt' => ['key' => '…']`, `"username":"…","key":"…"`: a key without a word of its own, of something that has secret ones.
fn is_key_within(text: &[u8], start: usize, end: usize) -> bool {
    if !text[start..end].eq_ignore_ascii_case(b"key") || start < 4 {
        return false;
    }
    let lead = &text[start.saturating_sub(64)..start];
    let between = lead
        .iter()
        .rev()
        .take(12)
        .take_while(|byte| !byte.is_ascii_alphanumeric())
        .count();
    let lead = &lead[..lead.len() - between];
    let word = lead
        .iter()
        .rev()
        .take(24)
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let outer = &lead[lead.len() - word..];
    let joined = text[start - between..start]
        .iter()
        .any(|byte| matches!(byte, b':' | b'{' | b'['));
    joined && name::makes_a_key(outer)
        || text[start - between..start].contains(&b',') && memchr::memmem::find(lead, b"user").is_some()
}

/// `OpenAI key loaded: …`, `Stripe key …`: a key of somebody's, but for those that open nothing.
fn is_key_of_something(text: &[u8], start: usize, end: usize) -> bool {
    const OPEN: [&[u8]; 27] = [
        b"public",
        b"publishable",
        b"cache",
        b"restore",
        b"partition",
        b"sort",
        b"row",
        b"primary",
        b"foreign",
        b"unique",
        b"composite",
        b"group",
        b"idempotency",
        b"dedup",
        b"range",
        b"lock",
        b"object",
        b"s3",
        b"routing",
        b"message",
        b"translation",
        b"i18n",
        b"host",
        b"index",
        b"lookup",
        b"query",
        b"registry",
    ];
    let word = &text[start..end];
    if !(word.eq_ignore_ascii_case(b"key") || word.eq_ignore_ascii_case(b"keys"))
        || start < 3
        || text[start - 1] != b' '
    {
        return false;
    }
    let length = text[..start - 1]
        .iter()
        .rev()
        .take(24)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        .count();
    let first = &text[start - 1 - length..start - 1];
    length > 1 && !OPEN.iter().any(|open| first.eq_ignore_ascii_case(open))
}

/// `?key=` and `&code=`: a plain word, which as a parameter of an address holds a key.
fn is_query(text: &[u8], start: usize, end: usize) -> bool {
    matches!(&text[start..end], b"key" | b"code")
        && start > 0
        && matches!(text[start - 1], b'?' | b'&')
        && text.get(end) == Some(&b'=')
}

/// Whether a name is itself the value of a key such as `name`, and ends its line, so that its value follows.
fn names_a_pair(text: &[u8], name: Name) -> bool {
    let mut rest = &text[name.end..text.len().min(name.end + 4)];
    if text.len() > name.end + 4 {
        return false;
    }
    let mut lead = &text[name.start.saturating_sub(32)..name.start];
    for quote in [b'"', b'\''] {
        if let (Some(inner), [first, more @ ..]) = (lead.strip_suffix(&[quote]), rest)
            && *first == quote
        {
            (lead, rest) = (inner, more);
        }
    }
    if !matches!(rest.trim_ascii(), b"" | b",") {
        return false;
    }
    // The name may be the end of a path: `Name:  /prod/db/password`.
    let path = lead
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.'))
        .count();
    let lead = if lead[lead.len() - path..].contains(&b'/') {
        &lead[..lead.len() - path]
    } else {
        lead
    };
    let lead = lead.trim_ascii_end();
    let Some(lead) = lead.strip_suffix(b":").or_else(|| lead.strip_suffix(b"=")) else {
        return false;
    };
    let lead = lead.trim_ascii_end();
    let lead = lead.strip_suffix(b"\"").unwrap_or(lead);
    let word = lead
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    [
        &b"name"[..],
        b"key",
        b"id",
        b"variable",
        b"field",
        b"parameterkey",
        b"outputkey",
        b"parametername",
    ]
    .iter()
    .any(|known| lead[lead.len() - word..].eq_ignore_ascii_case(known))
}

/// `{"value":"…","name":"DB_PASSWORD"}`: the value of a name that comes after it.
fn value_before(text: &[u8], name: Name) -> Option<Range<usize>> {
    let lead = &text[name.start.saturating_sub(512)..name.start];
    let lead = [
        "\"name\":\"",
        "\"name\": \"",
        "\"key\":\"",
        "\"key\": \"",
        "\"Key\":\"",
        "\"Key\": \"",
    ]
    .iter()
    .find_map(|key| lead.strip_suffix(key.as_bytes()))?;
    let value = memchr::memmem::rfind(lead, b"\"value\":").or_else(|| memchr::memmem::rfind(lead, b"\"Value\":"))?;
    if lead[value..].contains(&b'{') {
        return None;
    }
    let from = name.start.saturating_sub(512);
    let at = skip_spaces(text, from + value + 8, 4);
    let quote = quote_at(text, at)?;
    let close = closing(&text[..name.start], at + 1, quote)?;
    Some(at + 1..close)
}

/// The quoted values of a list.
pub(crate) fn items(text: &[u8], range: Range<usize>, strength: Strength, spans: &mut Spans) {
    let mut at = range.start;
    while at < range.end {
        at = skip_spaces(text, at, 64);
        let Some(quote) = quote_at(text, at) else {
            at += 1;
            continue;
        };
        let Some(close) = closing(&text[..range.end], at + 1, quote) else {
            return;
        };
        let value = &text[at + 1..close];
        if value::is_secret(value, strength, Written::Stated) || chance::is_drawn(value) {
            spans.push(at + 1..close, rule_of(strength));
        }
        at = close + 1;
    }
}

pub(crate) fn rule_of(strength: Strength) -> u16 {
    match strength {
        Strength::Password => rules::PASSWORD,
        Strength::Token | Strength::Weak => rules::NAMED_SECRET,
    }
}

/// Hides a value when it is one. Says whether it did, or whether nothing further on is to be asked.
fn judge(text: &[u8], range: Range<usize>, name: Name, written: Written, seen: &mut Seen, spans: &mut Spans) -> bool {
    let mut range = range;
    let strength = name.strength;
    // Of a long value without white space, every name in it would judge the rest: after the first, a short look must do.
    let dull = range.len() > 4 * value::JUDGED && range.end == seen.dull;
    if dull {
        // A name of its own stands first, which is the one that counts.
        let head = &text[range.start..range.start + 24];
        let word = head.iter().take_while(|byte| in_name(**byte)).count();
        if word > 1 && matches!(head.get(word), Some(b'=' | b':')) {
            return true;
        }
    }
    // `Bearer abc`: the scheme stays.
    for scheme in [&b"bearer "[..], b"basic ", b"token ", b"apikey "] {
        if text.len() >= range.start + scheme.len()
            && text[range.start..range.start + scheme.len()].eq_ignore_ascii_case(scheme)
        {
            range.start += scheme.len();
            if range.end <= range.start {
                range.end = token_end(text, range.start, Stops::Text);
            }
        }
    }
    // `pass:value`, as programs are told where a password comes from.
    for source in [&b"pass:"[..], b"password:"] {
        if text[range.start..range.end.max(range.start)].starts_with(source) {
            range.start += source.len();
        }
    }
    if range.start >= range.end {
        return true;
    }
    let value = &text[range.clone()];
    // `Auth: password=…`: another name stands here, which is asked itself.
    let inner = value
        .iter()
        .take(name::LONGEST)
        .take_while(|byte| in_name(**byte))
        .count();
    let other = value.get(inner + 1..).unwrap_or_default();
    if inner >= 2
        && value.get(inner) == Some(&b'=')
        && memchr::memmem::find(&other[..other.len().min(24)], b"://").is_some()
    {
        return true;
    }
    if inner >= 4
        && value.len() <= 4 * value::JUDGED
        && value.get(inner) == Some(&b'=')
        && value.get(inner + 1).is_some_and(|next| *next != b'=')
        && name::strength(&value[..inner]).is_some()
    {
        return true;
    }
    // `SharedAccessSignature=sv=…&sig=…`: of its parts, one is secret.
    if value.starts_with(b"sv=") && memchr::memmem::find(&value[..value.len().min(512)], b"&sig=").is_some() {
        return true;
    }
    // `CREDENTIALS 'aws_access_key_id=…;aws_secret_access_key=…'`: the same.
    if name::is_of_a_login(&text[name.start..name.end])
        && value.contains(&b';')
        && inner > 2
        && value.get(inner) == Some(&b'=')
    {
        return true;
    }
    // PWD and OLDPWD are where a shell stands.
    let word = &text[name.start..name.end];
    if word.len() >= 3
        && word[word.len() - 3..].eq_ignore_ascii_case(b"pwd")
        && (value[0] == b'/' || value.get(1) == Some(&b':'))
    {
        return true;
    }
    // `pass=12 fail=0`: a count.
    if word.eq_ignore_ascii_case(b"pass")
        && value.len() <= 8
        && value
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'/' | b'%' | b'.'))
    {
        return true;
    }
    // `password=args.password`: handed on under the same name.
    if value.len() > word.len() + 1
        && value[value.len() - word.len()..].eq_ignore_ascii_case(word)
        && value[value.len() - word.len() - 1] == b'.'
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.'))
    {
        return true;
    }
    // `LIVEKIT_KEYS="name: secret"`, `AuthIdent: "name:secret"`
    if strength != Strength::Password
        && let Some(colon) = value.iter().take(64).position(|byte| *byte == b':')
        && colon > 0
        && value[..colon]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !chance::is_mixed(&value[..colon])
    {
        let second = skip_spaces(text, range.start + colon + 1, 2);
        if second < range.end && chance::is_drawn(&text[second..range.end]) {
            spans.push(second..range.end, rule_of(strength));
            return true;
        }
    }
    // `basicAuth: user:password`
    if word.len() >= 4
        && word[word.len() - 4..].eq_ignore_ascii_case(b"auth")
        && let Some(colon) = value.iter().take(64).position(|byte| *byte == b':')
        && colon > 0
        && crate::login::is_made_up(&value[colon + 1..value.len().min(colon + 1 + 4 * value::JUDGED)])
    {
        spans.push(range.start + colon + 1..range.end, rules::PASSWORD);
        return true;
    }
    // An address is judged as one: its host is no secret.
    if strength != Strength::Password
        && let Some(scheme) = memchr::memmem::find(&value[..value.len().min(24)], b"://")
        && value[..scheme]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && scheme > 1
        && memchr::memchr(b'@', &value[..value.len().min(2048)]).is_some()
    {
        return true;
    }
    let long = value.len() > 4 * value::JUDGED;
    let value = if long && dull { &value[..24] } else { value };
    // A variable of the environment is set to a value and to nothing else, however plain the value looks.
    let set =
        written == Written::Assigned || written == Written::Quoted && range.start >= 2 && text[range.start - 2] == b'=';
    let plainly = strength == Strength::Token && name.variable && set && value.len() >= 8 && !value::is_filler(value);
    // The variables of a page of YAML or JSON are set as well, though spaces stand between.
    let letters = name.variable
        && written != Written::Assigned
        && value.len() >= 12
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !value::is_filler(value)
        && (strength == Strength::Password && value.contains(&b'-') || value::mixes_cases(value));
    // What is set in quotes is seldom a sentence, least of all one with digits.
    let phrase = strength == Strength::Password
        && set
        && value.len() >= 8
        && (name.variable || value.iter().any(u8::is_ascii_digit))
        && !value::is_placeholder(value);
    if value::is_secret(value, strength, written)
        || phrase
        || letters && !value::is_placeholder(value)
        || plainly && value::is_secret(value, Strength::Password, Written::Assigned)
        || word.ends_with(b"auth") && crate::header::is_basic(value)
    {
        if long {
            seen.hidden = range.end;
        }
        spans.push(range, rule_of(strength));
        return true;
    }
    if long {
        seen.dull = range.end;
    }
    long
}

/// Where a bare value ends: at white space, at one of `stops`, or at an escaped newline or quote.
fn token_end(text: &[u8], from: usize, stops: Stops) -> usize {
    let mut at = from;
    while at < text.len() {
        let byte = text[at];
        if STOPS[usize::from(byte)] >> stops as u8 & 1 == 1 {
            break;
        }
        if byte == b'\\' && matches!(text.get(at + 1), Some(b'n' | b'r' | b'"' | b'\'')) {
            break;
        }
        at += 1;
    }
    at
}

fn closing(text: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut at = from;
    while at < text.len() {
        match text[at] {
            byte if byte == quote => return Some(at),
            b'\\' => at += 2,
            b'\n' => return None,
            _ => at += 1,
        }
    }
    None
}
