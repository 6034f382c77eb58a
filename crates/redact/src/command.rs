//! Programs that take a secret as an argument without a name that says so: `mysql -pSECRET`, `curl -u user:SECRET`.

use crate::header;
use crate::rules;
use crate::span::Spans;
use crate::value::{self, Strength, Written};

/// Where a program's secret stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Glued to the flag: `-pSECRET`.
    Glued(&'static str),
    /// The word after the flag.
    Next(&'static str),
    /// Behind the colon of the word after the flag: `-u user:SECRET`.
    User(&'static str),
    /// Behind the percent sign: `-U user%SECRET`.
    Percent(&'static str),
    /// Behind the slash of the first word that has one: `user/SECRET@database`.
    Slash,
    /// The cookies after the flag.
    Cookies(&'static str),
    /// Behind the comma of the word after the flag: `-u user,SECRET`.
    Comma(&'static str),
    /// What follows the keyword itself, whose length this is.
    Here(usize),
    /// The second, third and fourth word from the end of the keyword on.
    Second(usize),
    Third(usize),
    Fourth(usize),
    /// What an `echo` before the keyword writes into it: `echo SECRET | docker login --password-stdin`.
    Echoed,
}

/// The keywords, lower case; case does not matter.
pub(crate) const KEYWORDS: &[(&str, Kind)] = &[
    ("mysql ", Kind::Glued("-p")),
    ("mysqldump ", Kind::Glued("-p")),
    ("mysqladmin ", Kind::Glued("-p")),
    ("mysqlimport ", Kind::Glued("-p")),
    ("mariadb ", Kind::Glued("-p")),
    ("mariadb-dump ", Kind::Glued("-p")),
    ("sshpass ", Kind::Glued("-p")),
    ("sshpass ", Kind::Next("-p")),
    ("redis-cli ", Kind::Next("-a")),
    ("valkey-cli ", Kind::Next("-a")),
    ("docker login ", Kind::Next("-p")),
    ("podman login ", Kind::Next("-p")),
    ("buildah login ", Kind::Next("-p")),
    ("skopeo login ", Kind::Next("-p")),
    ("registry login ", Kind::Next("-p")),
    ("az login ", Kind::Next("-p")),
    ("mongosh ", Kind::Next("-p")),
    ("mongodump ", Kind::Next("-p")),
    ("mongorestore ", Kind::Next("-p")),
    ("ldapsearch ", Kind::Next("-w")),
    ("ldapmodify ", Kind::Next("-w")),
    ("sqlcmd ", Kind::Next("-P")),
    ("sqlcmd ", Kind::Glued("-P")),
    ("bcp ", Kind::Next("-P")),
    ("mosquitto_pub ", Kind::Next("-P")),
    ("mosquitto_sub ", Kind::Next("-P")),
    ("influx ", Kind::Next("-t")),
    ("twine upload ", Kind::Next("-p")),
    ("smbclient ", Kind::Percent("-U")),
    ("curl ", Kind::User("-u")),
    ("curl ", Kind::User("--user")),
    ("curl ", Kind::User("-U")),
    ("curl ", Kind::User("--proxy-user")),
    ("curl ", Kind::Cookies("-b")),
    ("curl ", Kind::Cookies("--cookie")),
    ("sqlplus ", Kind::Slash),
    ("sqlldr ", Kind::Slash),
    ("expdp ", Kind::Slash),
    ("impdp ", Kind::Slash),
    ("openssl enc ", Kind::Next("-k")),
    ("openssl aes-256-cbc ", Kind::Next("-k")),
    ("security unlock-keychain ", Kind::Next("-p")),
    ("security create-keychain ", Kind::Next("-p")),
    ("security import ", Kind::Next("-P")),
    ("gh secret set ", Kind::Next("--body")),
    ("gh secret set ", Kind::Next("-b")),
    ("signtool sign ", Kind::Next("/p")),
    ("7za ", Kind::Glued("-p")),
    ("7z x ", Kind::Glued("-p")),
    ("7z a ", Kind::Glued("-p")),
    ("7z e ", Kind::Glued("-p")),
    ("unzip ", Kind::Next("-P")),
    ("zip -", Kind::Next("-P")),
    ("--password-stdin", Kind::Echoed),
    ("sudo -s ", Kind::Echoed),
    ("convertto-securestring ", Kind::Here(23)),
    ("cqlsh ", Kind::Next("-p")),
    ("crane auth login ", Kind::Next("-p")),
    ("oras login ", Kind::Next("-p")),
    ("cypher-shell ", Kind::Next("-p")),
    ("nuget push ", Kind::Next("-k")),
    ("nuget push ", Kind::Next("--api-key")),
    ("codecov ", Kind::Next("-t")),
    ("cargo login ", Kind::Here(12)),
    ("vault login ", Kind::Here(12)),
    ("ngrok authtoken ", Kind::Here(16)),
    ("add-authtoken ", Kind::Here(14)),
    ("activate-refresh-token ", Kind::Second(23)),
    ("add_user ", Kind::Second(9)),
    ("change_password ", Kind::Second(16)),
    ("http-basic.", Kind::Third(11)),
    ("pypi-token.", Kind::Second(11)),
    ("mc alias set ", Kind::Fourth(13)),
    ("mc config host add ", Kind::Fourth(19)),
    ("gem push --key ", Kind::Here(15)),
    ("useradd ", Kind::Next("-p")),
    ("usermod ", Kind::Next("-p")),
    ("lftp ", Kind::Comma("-u")),
    ("sonar.login=", Kind::Here(12)),
    ("chpasswd", Kind::Echoed),
    ("htpasswd -b", Kind::Fourth(9)),
    ("secret put ", Kind::Next("<<<")),
    ("identified by ", Kind::Here(14)),
    ("_password by ", Kind::Here(13)),
    ("clickhouse-client ", Kind::Next("--password")),
    ("snyk auth ", Kind::Here(10)),
    ("passin pass:", Kind::Here(12)),
    ("passout pass:", Kind::Here(13)),
    ("-pass pass:", Kind::Here(11)),
    ("requirepass ", Kind::Here(12)),
    ("masterauth ", Kind::Here(11)),
];

/// How far behind the program its flag is looked for: bounded, so that a line of program names stays linear.
const REACH: usize = 256;

/// Up to where the flag of each keyword was looked for in vain, so that a line of program names is read once for each.
pub(crate) struct Seen([usize; KEYWORDS.len()]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; KEYWORDS.len()])
    }
}

/// Reports the argument of the program whose name, by its place in [`KEYWORDS`], is at `at`.
pub(crate) fn find(text: &[u8], at: usize, keyword: u8, seen: &mut Seen, spans: &mut Spans) {
    let kind = KEYWORDS[usize::from(keyword)].1;
    if at > 0
        && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_')
        && !matches!(kind, Kind::Here(_) | Kind::Echoed)
    {
        return;
    }
    let flag = match kind {
        Kind::Here(length) => return report(text, at + length, spans),
        Kind::Second(length) => return nth(text, at + length, 1, spans),
        Kind::Third(length) => return nth(text, at + length, 2, spans),
        Kind::Fourth(length) => {
            nth(text, at + length, 2, spans);
            return nth(text, at + length, 3, spans);
        }
        Kind::Slash => return behind_slash(text, at, spans),
        Kind::Echoed => return echoed(text, at, spans),
        Kind::Glued(flag)
        | Kind::Cookies(flag)
        | Kind::Next(flag)
        | Kind::User(flag)
        | Kind::Comma(flag)
        | Kind::Percent(flag) => flag.as_bytes(),
    };
    let end = text.len().min(at + REACH);
    let vain = &mut seen.0[usize::from(keyword)];
    let mut from = at.max(vain.saturating_sub(1)).min(end);
    while let Some(found) = memchr::memchr(b' ', &text[from..end]) {
        from += found + 1;
        if !text[from..].starts_with(flag) {
            continue;
        }
        let after = from + flag.len();
        match (kind, text.get(after)) {
            (Kind::Glued(_), Some(byte)) if !byte.is_ascii_whitespace() => return report(text, after, spans),
            (Kind::Cookies(_), Some(b' ' | b'=')) => {
                let (word, stop) = word_at(text, after + 1);
                return header::cookies(text, word, stop, spans);
            }
            (Kind::Next(_), Some(b' ' | b'=')) => return report(text, after + 1, spans),
            (Kind::User(_) | Kind::Comma(_) | Kind::Percent(_), Some(byte)) => {
                let separator = match kind {
                    Kind::User(_) => b':',
                    Kind::Comma(_) => b',',
                    _ => b'%',
                };
                let word = if matches!(byte, b' ' | b'=') { after + 1 } else { after };
                let (word, stop) = word_at(text, word);
                if let Some(colon) = text[word..stop].iter().position(|byte| *byte == separator) {
                    return push(text, word + colon + 1, stop, spans);
                }
                return;
            }
            _ => {}
        }
    }
    *vain = end;
}

/// `sqlplus user/SECRET@database`: in the first word behind the program that is no flag and no path.
fn behind_slash(text: &[u8], at: usize, spans: &mut Spans) {
    let end = text.len().min(at + REACH);
    let line = &text[at..end];
    let mut from = 0;
    while let Some(space) = memchr::memchr(b' ', &line[from..]) {
        from += space + 1;
        let (start, stop) = word_at(text, at + from);
        let word = &text[start..stop];
        if let Some(slash) = word.iter().position(|byte| *byte == b'/')
            && slash > 0
            && !matches!(word[0], b'-' | b'@' | b'.')
        {
            let password = start + slash + 1;
            let sign = text[password..stop].iter().rposition(|byte| *byte == b'@');
            return push(text, password, sign.map_or(stop, |sign| password + sign), spans);
        }
    }
}

/// What an `echo` wrote through the pipe before the keyword.
fn echoed(text: &[u8], at: usize, spans: &mut Spans) {
    let start = at.saturating_sub(REACH);
    let lead = &text[start..at];
    let Some(echo) = memchr::memmem::rfind(lead, b"echo ") else {
        return;
    };
    let (mut from, mut end) = word_at(text, start + echo + 5);
    while matches!(&text[from..end], b"-n" | b"-e" | b"-en" | b"-ne") {
        (from, end) = word_at(text, end + 1);
    }
    let between = text.get(end..at).unwrap_or_default();
    if between.contains(&b'|') && value::is_secret(&text[from..end], Strength::Password, Written::Stated) {
        // `echo user:SECRET | chpasswd`
        let user = text[from..end]
            .iter()
            .position(|byte| *byte == b':')
            .filter(|_| text[at] == b'c');
        push(text, from + user.map_or(0, |colon| colon + 1), end, spans);
    }
}

/// The word that so many words stand before.
fn nth(text: &[u8], from: usize, before: usize, spans: &mut Spans) {
    let mut at = from;
    for _ in 0..before {
        let (_, end) = word_at(text, at);
        let quoted = usize::from(matches!(text.get(end), Some(b'"' | b'\'')));
        at = end + quoted;
        if text.get(at) != Some(&b' ') {
            return;
        }
        at += 1;
    }
    let (from, end) = word_at(text, at);
    if from < end && value::is_secret(&text[from..end], Strength::Password, Written::Stated) {
        push(text, from, end, spans);
    }
}

fn report(text: &[u8], from: usize, spans: &mut Spans) {
    let (from, end) = word_at(text, from);
    push(text, from, end, spans);
}

fn push(text: &[u8], from: usize, end: usize, spans: &mut Spans) {
    if from < end && end - from >= 3 && text[from] != b'-' && !value::is_placeholder(&text[from..end]) {
        spans.push(from..end, rules::COMMAND_LINE);
    }
}

/// The word of a command line at `from`, without its quotes.
fn word_at(text: &[u8], from: usize) -> (usize, usize) {
    let from = from.min(text.len());
    let limit = text.len().min(from + 4 * REACH);
    let (from, end) = match text.get(from) {
        Some(quote @ (b'"' | b'\'')) => {
            let from = from + 1;
            (from, text[from..limit].iter().position(|byte| byte == quote))
        }
        _ => (
            from,
            text[from..limit]
                .iter()
                .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'|' | b';')),
        ),
    };
    (from, end.map_or(limit.max(from), |length| from + length))
}
