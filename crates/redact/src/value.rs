//! Whether a value is worth hiding: placeholders, references and plain words are not.

use std::sync::LazyLock;

/// How much a name says about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// The value must look random: `key`, `auth`, `session`.
    Weak,
    /// The value must not look like a word: `token`, `api_key`, `secret`.
    Token,
    /// Whatever is no placeholder: `password`.
    Password,
}

/// How a value is written, which says how much prose and code may be met in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// `NAME=value`, `--flag value`, `?name=value`: a value and nothing else.
    Assigned,
    /// In quotes.
    Quoted,
    /// `name: value`, where prose and code are met as well.
    Stated,
}

/// How much of a value is judged; what is longer is hidden or not by its beginning.
pub(crate) const JUDGED: usize = 64;

/// Words that stand where a value would. Lower case, sorted.
const WORDS: &[&str] = &[
    "any",
    "array",
    "aws",
    "bearer",
    "bool",
    "boolean",
    "buffer",
    "changeme",
    "char",
    "computed",
    "configured",
    "default",
    "defined",
    "disabled",
    "dummy",
    "empty",
    "enabled",
    "env",
    "error",
    "example",
    "expired",
    "fail",
    "failed",
    "false",
    "found",
    "function",
    "generated",
    "hidden",
    "ignored",
    "input",
    "int",
    "integer",
    "invalid",
    "loaded",
    "masked",
    "match",
    "mismatch",
    "missing",
    "nan",
    "never",
    "nil",
    "no",
    "none",
    "null",
    "number",
    "object",
    "off",
    "ok",
    "on",
    "optional",
    "passed",
    "password",
    "placeholder",
    "present",
    "private",
    "prompt",
    "provided",
    "public",
    "read",
    "redacted",
    "removed",
    "replaceme",
    "required",
    "secret",
    "set",
    "skipped",
    "str",
    "string",
    "test",
    "text",
    "todo",
    "token",
    "true",
    "type",
    "undefined",
    "unknown",
    "unset",
    "updated",
    "user",
    "valid",
    "value",
    "varchar",
    "void",
    "write",
    "yes",
];

/// Whether the variable part of a known format is filler, as in `ghp_xxxxxxxxxxxx` or `sk_live_****`.
pub(crate) fn is_filler(body: &[u8]) -> bool {
    if body.len() < 6 {
        return false;
    }
    // Judged by its beginning, so that a long run full of keywords is not read again at each.
    let body = &body[..body.len().min(JUDGED)];
    // A bit for each byte, and the longest run of one.
    let (mut seen, mut longest, mut run, mut before) = ([0u64; 4], 0, 0, 0);
    for byte in body.iter().map(u8::to_ascii_lowercase) {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
        run = if byte == before { run + 1 } else { 1 };
        longest = run.max(longest);
        before = byte;
    }
    let distinct: u32 = seen.iter().map(|bits| bits.count_ones()).sum();
    distinct < 3
        || longest >= 8 && longest * 2 >= body.len()
        || contains(body, b"your")
            && [&b"here"[..], b"token", b"key", b"secret"]
                .iter()
                .any(|word| contains(body, word))
}

/// Whether a text holds a word of lower-case letters, in whatever case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    let Some((first, rest)) = word.split_first() else {
        return true;
    };
    memchr::memchr2_iter(*first, first.to_ascii_uppercase(), text).any(|at| {
        text.get(at + 1..at + word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(rest))
    })
}

/// Whether a value is a reference, a placeholder or already hidden, whatever its name.
pub(crate) fn is_placeholder(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    if value.len() > 4 * JUDGED {
        return false;
    }
    // Where a bare value ends at `]`, the mask's own is cut off.
    const MASK: &[u8] = crate::MASK.as_bytes().split_last().expect("the mask is not empty").1;
    if memchr::memchr(b'[', value).is_some() && value.windows(MASK.len()).any(|window| window == MASK) {
        return true;
    }
    let name_like = |text: &[u8]| {
        text.iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
    };
    let last = value[value.len() - 1];
    match first {
        // $TOKEN, ${TOKEN}, $(command), $env:TOKEN, $1; a password may begin with $ as well.
        b'$' => {
            return match value.get(1) {
                None => true,
                Some(b'{' | b'(' | b'<') => true,
                _ if value[1..].starts_with(b"env:") => true,
                _ => name_like(&value[1..]) && !mixed(&value[1..]),
            };
        }
        b'%' if value.len() <= 3 || last == b'%' && name_like(&value[1..value.len() - 1]) => return true,
        b'%' if value.starts_with(b"%(") => return true,
        // `%BACKUP_KEY%`, whose beginning was taken for an escape.
        0x80.. if last == b'%' && name_like(&value[1..value.len() - 1]) => return true,
        // `(not set)`
        b'(' if value.len() > 1 && value[1..].iter().all(u8::is_ascii_alphabetic) => return true,
        // `@password`: a parameter of a statement, or a file.
        b'@' if value.len() > 1
            && value[1..]
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || *byte == b'_') =>
        {
            return true;
        }
        // Where a secret is kept.
        b'a' if value.starts_with(b"arn:") => return true,
        b'{' if value.ends_with(b"!r") || value.ends_with(b"!s") => return true,
        b'<' | b'{' | b'#' if matches!(last, b'>' | b'}') => return true,
        b'<' if value.len() > 1 && value[1].is_ascii_alphabetic() => return true,
        b'[' if value.len() > 1 && name_like(&value[1..]) => return true,
        // `{Type: String, NoEcho: true}`
        b'{' if value.len() > 2 && last == b':' && name_like(&value[1..value.len() - 1]) => return true,
        b'{' if value.starts_with(b"{{") || value.len() > 1 && name_like(&value[1..]) => return true,
        b'[' if last == b']' => return true,
        _ => {}
    }
    if is_mostly_one(value) || is_shortened(value) {
        return true;
    }
    // Rules of a validator: `required|min:8`.
    if value.contains(&b'|')
        && value.split(|byte| *byte == b'|').all(|rule| {
            let word = rule.split(|byte| *byte == b':').next().unwrap_or_default();
            !word.is_empty() && word.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
        })
    {
        return true;
    }
    if value.contains(&b'(') && last == b')' || value.ends_with(b"()") {
        return true;
    }
    let mut lower = [0; 4 * JUDGED];
    let lower = &mut lower[..value.len()];
    lower.copy_from_slice(value);
    lower.make_ascii_lowercase();
    let lower = &*lower;
    if is_said_to_be_hidden(lower) {
        return true;
    }
    if lower.len() <= 12 && WORDS.binary_search_by(|word| word.as_bytes().cmp(lower)).is_ok() {
        return true;
    }
    const BEGINS: [&[u8]; 25] = [
        b"vault:",
        b"ref+",
        b"op://",
        b"ssm:",
        b"secretsmanager:",
        b"keyvault:",
        b"process.env",
        b"os.environ",
        b"os.getenv",
        b"import.meta",
        b"secrets.",
        b"env.",
        b"env:",
        b"vars.",
        b"your_",
        b"your-",
        b"my_",
        b"my-",
        b"example",
        b"placeholder",
        b"redacted",
        b"change_me",
        b"change-me",
        b"insert",
        b"await",
    ];
    if BEGINS
        .iter()
        .any(|begin| begin[0] == lower[0] && lower.starts_with(begin) && (lower.len() > begin.len() || begin.len() > 6))
        && !digits_and_case(value)
    {
        return true;
    }
    memchr::memchr(b'y', lower).is_some()
        && contains(lower, b"your")
        && [&b"here"[..], b"token", b"key", b"secret", b"password"]
            .iter()
            .any(|word| contains(lower, word))
}

/// `**REDACTED**`, `[filtered]`, `(masked)`: what others put in the place of a secret.
fn is_said_to_be_hidden(lower: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] = [
        b"redacted",
        b"masked",
        b"hidden",
        b"filtered",
        b"removed",
        b"scrubbed",
        b"sanitized",
        b"omitted",
        b"obfuscated",
        b"censored",
    ];
    let Some(from) = lower.iter().take(8).position(u8::is_ascii_alphabetic) else {
        return false;
    };
    let rest = &lower[from..];
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    WORDS.contains(&&rest[..length]) && rest[length..].iter().all(|byte| !byte.is_ascii_alphanumeric())
}

/// `sk-...f3Qa`, `eyJh…`: a few characters of a value that somebody has shortened.
fn is_shortened(value: &[u8]) -> bool {
    let gap = [&b"..."[..], "…".as_bytes()]
        .iter()
        .find_map(|dots| memchr::memmem::find(value, dots).map(|at| (at, at + dots.len())));
    gap.is_some_and(|(from, to)| from <= 12 && value.len() - to <= 6 && !crate::chance::is_drawn(&value[..from]))
}

/// `****`, `xxxx`, `....`, `----`.
fn is_mostly_one(value: &[u8]) -> bool {
    let filler = |byte: u8| {
        matches!(
            byte,
            b'*' | b'.' | b'x' | b'X' | b'-' | b'_' | b'#' | b'?' | b'0' | b'=' | 0xe2 | 0x80 | 0xa2 | 0xa6
        )
    };
    value.iter().all(|byte| filler(*byte))
        || memchr::memchr(b'*', value).is_some() && value.windows(4).any(|window| window == b"****")
}

fn digits_and_case(value: &[u8]) -> bool {
    value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 2
        && value.iter().any(u8::is_ascii_uppercase)
        && value.iter().any(u8::is_ascii_lowercase)
}

/// Letters of both cases or letters and digits, so neither a constant's nor a variable's usual name.
fn mixed(value: &[u8]) -> bool {
    let lower = value.iter().any(u8::is_ascii_lowercase);
    let upper = value.iter().any(u8::is_ascii_uppercase);
    let digit = value.iter().any(u8::is_ascii_digit);
    value.len() >= 8 && digit && (lower && upper || value.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3)
}

/// n log2 n, for the counts of at most [`JUDGED`] bytes.
static WEIGHTS: LazyLock<[f32; JUDGED + 1]> = LazyLock::new(|| {
    std::array::from_fn(|count| {
        if count < 2 {
            0.0
        } else {
            count as f32 * (count as f32).log2()
        }
    })
});

/// Bits per byte of a value of at most [`JUDGED`] bytes.
fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0u8; 256];
    let mut weight = 0.0;
    for byte in value.iter().take(JUDGED) {
        let count = &mut counts[usize::from(*byte)];
        weight += WEIGHTS[usize::from(*count) + 1] - WEIGHTS[usize::from(*count)];
        *count += 1;
    }
    let length = value.len().clamp(1, JUDGED) as f32;
    length.log2() - weight / length
}

/// What a value is made of, counted in one pass.
#[derive(Default)]
struct Makeup {
    letters: usize,
    digits: usize,
    spaces: usize,
    /// Neither letters nor digits.
    others: usize,
    /// Signs that no sentence holds.
    odd: usize,
    capitals: usize,
    /// Where a lower-case letter is followed by a capital.
    turns: usize,
}

impl Makeup {
    fn of(value: &[u8]) -> Self {
        let mut makeup = Self::default();
        let mut lower = false;
        for byte in value {
            match byte {
                b'a'..=b'z' => makeup.letters += 1,
                b'A'..=b'Z' => {
                    makeup.letters += 1;
                    makeup.capitals += 1;
                    makeup.turns += usize::from(lower);
                }
                b'0'..=b'9' => makeup.digits += 1,
                b' ' => {
                    makeup.spaces += 1;
                    makeup.others += 1;
                }
                b'.' | b',' | b'\'' | b'!' | b'?' | b':' | b'-' | b'_' | b'/' => makeup.others += 1,
                _ => {
                    makeup.others += 1;
                    makeup.odd += 1;
                }
            }
            lower = byte.is_ascii_lowercase();
        }
        makeup
    }

    /// Letters and what stands between words.
    fn is_plain_words(&self) -> bool {
        self.digits == 0 && self.odd == 0
    }

    /// More capitals than at the front or at the joints of camelCase.
    fn mixes_cases(&self, length: usize) -> bool {
        let small = self.letters - self.capitals;
        self.turns >= 2 && (self.turns * 5 >= length || self.capitals * 3 >= self.letters && small * 4 >= self.letters)
    }
}

/// Whether capitals stand in a value as chance would put them, not as words would.
pub(crate) fn mixes_cases(value: &[u8]) -> bool {
    let head = &value[..value.len().min(JUDGED)];
    Makeup::of(head).mixes_cases(head.len())
}

/// Whether the value of a name of this strength is to be hidden.
///
/// What costs little is asked first: a line may hold thousands of names.
pub(crate) fn is_secret(value: &[u8], strength: Strength, written: Written) -> bool {
    let head = &value[..value.len().min(JUDGED)];
    let made = Makeup::of(head);
    let length = head.len();
    let likely = match strength {
        Strength::Password => match written {
            Written::Assigned => length >= 3 && !is_reference(head) || length >= 2 && made.digits + made.others > 0,
            // A sentence such as "Password must have 8 characters" is none.
            Written::Quoted => {
                let sentence = made.spaces >= 2 && made.letters + made.spaces + 4 > length;
                let words = made.spaces > 0 && made.is_plain_words();
                length >= 3 && !sentence && !words && !is_title(head)
            }
            Written::Stated => {
                length >= 4
                    && !is_call(head)
                    && (!made.is_plain_words() || made.mixes_cases(length))
                    && !is_reference(head)
                    && !is_mail(head)
            }
        },
        Strength::Token => {
            length >= 8
                && made.spaces == 0
                && (made.digits > 0 && made.letters > 0
                    || made.mixes_cases(length) && made.others * 6 <= length
                    || made.odd >= 2
                        && made.capitals >= 2
                        && made.letters > made.capitals + 1
                        && written != Written::Stated
                    || made.digits >= 12 && written != Written::Stated
                    || crate::chance::is_token(head)
                    || made.letters >= 20 && !made.is_plain_words()
                    || made.letters == length && length >= 16 && written == Written::Assigned)
                && !is_reference(head)
                && !is_code(head)
                && !(written == Written::Stated && is_word_like(head))
                && entropy(head) >= if length >= 16 { 2.8 } else { 2.2 }
        }
        Strength::Weak if written == Written::Assigned && crate::chance::is_drawn(head) => true,
        Strength::Weak => {
            length >= 16
                && made.spaces == 0
                && (made.digits >= 2
                    || length >= 20 && crate::chance::is_drawn(head)
                    || length >= 20 && made.digits > 0 && made.capitals > 0 && head.ends_with(b"="))
                && made.letters >= 4
                && !is_reference(head)
                && !is_code(head)
                && !is_word_like(head)
                && entropy(head) >= if length >= 32 { 3.0 } else { 3.3 }
        }
    };
    likely
        && (strength == Strength::Password || !is_algorithm(head))
        && !is_placeholder(value)
        && !is_path_or_link(head)
        && !(written != Written::Assigned && (is_word_about(head) || is_constant(head)))
        && (strength == Strength::Password || !is_filler(head))
}

/// `req.headers.token`, `config.apiKey`, `this.secret`: words joined by dots, no digits.
fn is_reference(value: &[u8]) -> bool {
    value.contains(&b'.')
        && value[0].is_ascii_alphabetic()
        && !mixes_cases(value)
        && value.split(|byte| *byte == b'.').all(|part| {
            let part = part.strip_suffix(b"()").unwrap_or(part);
            !part.is_empty() && part.len() < 24 && part.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        })
}

/// `input("…`, `z.string(`, `(sensitive`: what begins as a call or a remark, where a value might stand.
fn is_call(value: &[u8]) -> bool {
    value
        .iter()
        .position(|byte| !(byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.')))
        .is_some_and(|at| value[at] == b'(' || value[at..].starts_with(b"::") || value[at..].starts_with(b"=>"))
}

/// `AES-256-GCM`, `RS256`, `HMAC-SHA256`: how something is encrypted, not with what.
fn is_algorithm(value: &[u8]) -> bool {
    const BEGINS: [&[u8]; 14] = [
        b"aes",
        b"rsa",
        b"hmac",
        b"sha",
        b"ed25519",
        b"ecdsa",
        b"hs256",
        b"hs512",
        b"rs256",
        b"es256",
        b"argon2",
        b"chacha20",
        b"md5",
        b"pbkdf2",
    ];
    value.len() <= 24
        && BEGINS
            .iter()
            .any(|begin| value.len() >= begin.len() && value[..begin.len()].eq_ignore_ascii_case(begin))
        && value
            .split(|byte| matches!(byte, b'-' | b'_' | b'/' | b':'))
            .all(|part| part.len() <= 8)
}

/// `Passwort`, `Contraseña`, `Mot de passe`: what a page calls the field, in whatever language.
fn is_title(value: &[u8]) -> bool {
    let first = value[0].is_ascii_uppercase() || value[0] >= 0x80;
    first
        && value[1..]
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || *byte >= 0x80 || matches!(byte, b' ' | b'*' | b':' | b'?'))
}

/// `getToken(request`, `tokens[index`, `async {`, `!token`, `value =>`.
fn is_code(value: &[u8]) -> bool {
    let opens = value.iter().position(|byte| matches!(byte, b'(' | b'[' | b'{'));
    opens.is_some_and(|at| {
        let callee = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b'$' | b':');
        // `bin2hex(`
        let numbered = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        value[..at].iter().all(callee) || value[0].is_ascii_lowercase() && value[..at].iter().all(numbered)
    }) || value.ends_with(b"=>")
        || value.starts_with(b"!")
}

/// `kubernetes.io/service-account-token`, `my-registry-secret-2`, `v1.2.3`: lower-case words with joints.
fn is_word_like(value: &[u8]) -> bool {
    if value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase) {
        return false;
    }
    let parts = value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@'));
    let mut words = 0;
    for part in parts {
        let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
        if part.len() > 14 || digits > 0 && digits < part.len() && part.len() > 6 {
            return false;
        }
        words += usize::from(!part.is_empty());
    }
    words >= 2
}

/// `ana@example.com`: whom a password is sent to.
fn is_mail(value: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-' | b'_' | b'+');
    value.iter().position(|byte| *byte == b'@').is_some_and(|at| {
        at > 0 && value[..at].iter().all(plain) && value[at + 1..].iter().all(plain) && value[at + 1..].contains(&b'.')
    })
}

/// `VALUE_SPECIFIED_IN_NO_LOG_PARAMETER`: a constant's name of several words.
fn is_constant(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_')
        && value.iter().filter(|byte| **byte == b'_').count() >= 3
}

/// `auth/wrong-password`, `invalid_token`: words of small letters about secrets, as errors and keys of texts are called.
fn is_word_about(value: &[u8]) -> bool {
    let joint = |byte: &u8| matches!(byte, b'-' | b'_' | b'/' | b'.' | b':');
    value.iter().all(|byte| byte.is_ascii_lowercase() || joint(byte))
        && value.iter().any(joint)
        && [
            &b"password"[..],
            b"token",
            b"secret",
            b"credential",
            b"api-key",
            b"api_key",
        ]
        .iter()
        .any(|word| contains(value, word))
}

fn is_path_or_link(value: &[u8]) -> bool {
    if value.starts_with(b"http://") || value.starts_with(b"https://") {
        return true;
    }
    let path_like = |text: &[u8]| {
        text.contains(&b'/')
            && text.iter().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'@' | b'+' | b'~')
            })
            && text
                .split(|byte| *byte == b'/')
                .all(|part| part.len() <= 24 && !is_random(part))
    };
    // `projects/12/secrets/db/versions/3`: where a secret is kept.
    if memchr::memmem::find(value, b"/secrets/").is_some() && path_like(value) {
        return true;
    }
    (value.starts_with(b"./") || value.starts_with(b"../") || value.starts_with(b"~/")) && path_like(value)
        || value.first() == Some(&b'/') && path_like(&value[1..]) && !value.ends_with(b"=")
        || value.len() > 3 && value[1] == b':' && value[2] == b'\\' && value[0].is_ascii_alphabetic()
}

/// A part of a path that no person named: long, of letters of both cases with digits among them.
fn is_random(part: &[u8]) -> bool {
    let made = Makeup::of(part);
    part.len() >= 12 && made.digits > 0 && made.capitals >= 3 && made.letters - made.capitals >= 3 && made.turns >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_so_that_the_search_finds_each() {
        assert!(WORDS.windows(2).all(|pair| pair[0] < pair[1]), "{WORDS:?}");
    }
}
