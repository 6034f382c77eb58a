//! Programs that take a secret as an argument without a name that says so: `mysql -pSECRET`, `curl -u user:SECRET`.

use crate::rules;
use crate::span::Spans;
use crate::value;

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
    /// What follows the keyword itself.
    Here(usize),
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
    if at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_') && !matches!(kind, Kind::Here(_)) {
        return;
    }
    let flag = match kind {
        Kind::Here(length) => return report(text, at + length, spans),
        Kind::Glued(flag) | Kind::Next(flag) | Kind::User(flag) | Kind::Percent(flag) => flag.as_bytes(),
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
            (Kind::Next(_), Some(b' ' | b'=')) => return report(text, after + 1, spans),
            (Kind::User(_) | Kind::Percent(_), Some(byte)) => {
                let separator = if matches!(kind, Kind::User(_)) { b':' } else { b'%' };
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
