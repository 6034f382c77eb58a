//! Programs that take a secret as an argument without a name that says so: `mysql -pSECRET`, `curl -u user:SECRET`.

mod flags;
mod places;
mod table;

use std::sync::LazyLock;

use self::flags::{MOST_FLAGS, behind_flags};
use self::places::*;
use self::table::{KEYWORDS, Kind};

use crate::address;
use crate::argv;
use crate::hashed;
use crate::joint::further;
use crate::login;
use crate::rules;
use crate::span::Spans;
use crate::value::{self, Strength};

/// How far behind the program its flag is looked for: bounded, so that a line of program names stays linear.
const REACH: usize = 256;

/// Up to where the flag of each keyword was looked for in vain, so that a line of program names is read once for each.
pub(crate) struct Seen {
    vain: [u32; KEYWORDS.len()],
    login: login::Seen,
    further: further::Seen,
    /// Whether the lists of the text were looked at.
    listed: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            vain: [0; KEYWORDS.len()],
            login: login::Seen::default(),
            further: further::Seen::default(),
            listed: false,
        }
    }
}

/// The rows of the table that begin with one keyword.
struct Program {
    literal: &'static str,
    /// What it takes behind flags, each with its place in [`KEYWORDS`].
    flags: Vec<(usize, &'static [u8], Kind)>,
    /// Its other rows.
    others: Vec<Kind>,
}

/// The table by keyword, so that a program which takes a secret in many ways is met once.
static PROGRAMS: LazyLock<Vec<Program>> = LazyLock::new(|| {
    let mut programs: Vec<Program> = Vec::new();
    for (index, (literal, kind)) in KEYWORDS.iter().enumerate() {
        let known = programs.iter().position(|program| program.literal == *literal);
        let at = known.unwrap_or(programs.len());
        if known.is_none() {
            programs.push(Program {
                literal,
                flags: Vec::new(),
                others: Vec::new(),
            });
        }
        match kind {
            Kind::Glued(flag)
            | Kind::Cookies(flag)
            | Kind::Next(flag)
            | Kind::User(flag)
            | Kind::Comma(flag)
            | Kind::Percent(flag) => programs[at].flags.push((index, flag.as_bytes(), *kind)),
            other => programs[at].others.push(*other),
        }
    }
    debug_assert!(programs.iter().all(|program| program.flags.len() <= MOST_FLAGS));
    programs
});

/// The keywords, each once, in the order of their numbers.
pub(crate) fn keywords() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|program| program.literal)
}

/// Reports the arguments of the program whose name, by its number in [`keywords`], is at `at`.
pub(crate) fn find(text: &[u8], at: usize, program: u16, seen: &mut Seen, spans: &mut Spans) {
    let program = &PROGRAMS[usize::from(program)];
    for kind in &program.others {
        one(text, at, *kind, seen, spans);
    }
    if !program.flags.is_empty() && !ends_a_word(text, at) {
        behind_flags(text, at, &program.flags, seen, spans);
    }
}

/// Whether what stands at `at` is the end of a longer word.
fn ends_a_word(text: &[u8], at: usize) -> bool {
    at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_')
}

fn one(text: &[u8], at: usize, kind: Kind, seen: &mut Seen, spans: &mut Spans) {
    match kind {
        Kind::BesideUser => return login::beside_user(text, at, &mut seen.login, spans),
        Kind::Halves(length) => return login::halves(text, at + length, spans),
        Kind::Called(length) => return login::called(text, at + length, &mut seen.login, spans),
        Kind::Hashed(length) => return hashed::find(text, at + length, spans),
        Kind::PasswordFile => return address::password_file(text, at, spans),
        Kind::Worded(length) => return login::worded(text, at + length, spans),
        Kind::Parted(length) => return login::parted(text, at + length, spans),
        Kind::Identified(length) => {
            return if matches!(text.get(at + length), Some(b'"' | b'\'')) {
                report(text, at + length, spans);
            } else {
                login::stated(text, at + length, spans);
            };
        }
        Kind::Repository(length) => return repository(text, at + length, spans),
        Kind::Equated => return equated(text, at, spans),
        Kind::Refused(length) => return refused(text, at + length, spans),
        Kind::Section(length) => return section(text, at + length, spans),
        Kind::Argv if std::mem::replace(&mut seen.listed, true) => return,
        Kind::Argv => return argv::find(text, spans),
        Kind::Among(length) => {
            let found = further::find(text, at + length, Strength::Password, &mut seen.further);
            if let Some(range) = found {
                spans.push(range, rules::COMMAND_LINE);
            }
            return;
        }
        Kind::Flagged(length) => return login::drawn(text, at + length, spans),
        Kind::Sent(length) => {
            let (from, end) = word_at(text, at + length);
            if let Some(typed) = text[from..end]
                .strip_suffix(b"\\r")
                .or_else(|| text[from..end].strip_suffix(b"\\n"))
                && login::is_made_up(typed)
            {
                push(text, from, from + typed.len(), spans);
            }
            return;
        }
        Kind::Parameter(length) => {
            let from = at + length;
            let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'`');
            let length = text[from..].iter().take(REACH).take_while(|byte| !ends(byte)).count();
            if crate::chance::is_drawn(&text[from..from + length]) {
                push(text, from, from + length, spans);
            }
            return;
        }
        Kind::Segment(before) => return segment(text, at, before, spans),
        Kind::Literal(length) => return login::entry(text, at + length, spans),
        _ => {}
    }
    if ends_a_word(text, at) && !matches!(kind, Kind::Here(_) | Kind::Echoed) {
        return;
    }
    match kind {
        Kind::Here(length) => report(text, at + length, spans),
        Kind::Second(length) => nth(text, at + length, 1, spans),
        Kind::Third(length) => nth(text, at + length, 2, spans),
        Kind::Fourth(length) => {
            nth(text, at + length, 2, spans);
            nth(text, at + length, 3, spans)
        }
        Kind::Slash => behind_slash(text, at, spans),
        Kind::AtHost => at_host(text, at, spans),
        Kind::Last(length) => last(text, at + length, spans),
        Kind::Secure => secure(text, at, spans),
        Kind::Listed(flag) => listed(text, at, flag, spans),
        Kind::Login if at > 0 && matches!(text[at - 1], b' ' | b'+') => {
            echoed(text, at, spans);
            login::behind_login(text, at, &mut seen.login, spans);
            if let Some(range) = further::find(text, at + "login ".len(), Strength::Password, &mut seen.further) {
                spans.push(range, rules::COMMAND_LINE);
            }
        }
        Kind::Echoed => echoed(text, at + usize::from(text[at] == b'|'), spans),
        // Those are done, or belong to the flags.
        _ => {}
    }
}

fn report(text: &[u8], from: usize, spans: &mut Spans) {
    const PROSE: [&[u8]; 10] = [
        b"returned",
        b"was",
        b"not",
        b"set",
        b"for",
        b"and",
        b"has",
        b"failed",
        b"empty",
        b"changed",
    ];
    let (from, end) = word_at(text, from);
    if PROSE.contains(&&text[from..end]) {
        return;
    }
    push(text, from, end, spans);
}

fn push(text: &[u8], from: usize, end: usize, spans: &mut Spans) {
    if from < end && end - from >= 3 && text[from] != b'-' && !is_stand_in(&text[from..end]) {
        spans.push(from..end, rules::COMMAND_LINE);
    }
}

/// A placeholder, the parameter of a statement included: `:password`; or where a secret is kept: `arn:aws:…`.
fn is_stand_in(value: &[u8]) -> bool {
    value::is_placeholder(value)
        || value.starts_with(b"arn:")
        || value[0] == b':'
            && value[1..]
                .iter()
                .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b';'))
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
