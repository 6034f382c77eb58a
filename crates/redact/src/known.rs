//! Values that are secret because the job says so, in every coat they may wear.
//!
//! Percent-encoding, backslash escapes and HTML entities are undone in the text (see `view`); what cannot be undone there
//! is written out here as one more needle: base64 at its three shifts, hex, shell quoting, each line of a value of several
//! lines. Case never matters. A gate over eight rare bytes of each needle says whether a text is worth the automaton,
//! which then reports every occurrence, overlapping ones as well, in time linear in the text.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Bound;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::engine::Engine;
use crate::gate::{Gate, Keyword};
use crate::pairs::Pairs;
use crate::prefix;
use crate::span::Spans;
use crate::view::View;

/// What became of a value that was to be hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registered {
    /// It is hidden from the next line on.
    Hidden,
    /// It was known before.
    Already,
    /// It has fewer than 8 characters (6 for one that mixes letters, digits or signs as passwords do): hiding it would
    /// hide parts of ordinary words.
    TooShort,
    /// It is a word that stands in every log, such as `production`.
    TooCommon,
    /// All values together would take more than 4 MiB.
    Full,
}

const LIMIT: usize = 4 << 20;
const GATE: usize = 8;

/// Words that are no secret even when somebody sets a secret to them. Sorted.
const COMMON: &[&str] = &[
    "/bin/bash",
    "/bin/sh",
    "/bin/zsh",
    "/usr/bin/bash",
    "/usr/bin/zsh",
    "/usr/local/bin",
    "0.0.0.0",
    "127.0.0.1",
    "aarch64",
    "america/new_york",
    "c.utf-8",
    "changeme",
    "continuous-integration",
    "database",
    "default",
    "defaults",
    "dev-server",
    "development",
    "disabled",
    "en_gb.utf-8",
    "en_us.utf-8",
    "enabled",
    "europe/berlin",
    "europe/london",
    "example",
    "github-actions",
    "internal",
    "linux-gnu",
    "linux/amd64",
    "linux/arm64",
    "localhost",
    "location",
    "node_modules",
    "noninteractive",
    "optional",
    "password",
    "pipeline",
    "postgres",
    "postgresql",
    "preview",
    "production",
    "required",
    "secret",
    "staging",
    "test-token",
    "testing",
    "undefined",
    "username",
    "workspace",
    "x86_64",
    "xterm-256color",
    "xterm-color",
];

/// The values and their automaton. A new one is made whenever a value is added.
pub(crate) struct Known {
    values: BTreeSet<Box<str>>,
    bytes: usize,
    hunt: Option<Hunt>,
}

struct Hunt {
    gate: Gate<()>,
    /// The built-in rules' gate and this one's in one.
    united: Pairs,
    automaton: AhoCorasick,
    needles: BTreeSet<Vec<u8>>,
    /// What the patterns behind the needles are pieces of.
    encoded: Encoded,
    /// The lines of values of which some are too short to be hidden wherever they stand.
    short: Vec<Vec<Box<[u8]>>>,
    /// Whether some value holds what a shell quotes.
    quoted: bool,
    /// The length of the longest needle.
    longest: usize,
    /// Whether some value holds white space, which a text may show as other white space.
    spaced: bool,
    /// Whether some needle with white space holds no eight bytes without, so that the gate cannot know it by such.
    scattered: bool,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("values", &self.values.len())
            .finish_non_exhaustive()
    }
}

impl Known {
    /// Those of `values` that can be hidden, with what became of each.
    pub(crate) fn new(values: impl IntoIterator<Item = String>) -> (Self, Vec<Registered>) {
        let mut known = Self {
            values: BTreeSet::new(),
            bytes: 0,
            hunt: None,
        };
        let outcomes = values.into_iter().map(|value| known.admit(&value)).collect();
        known.hunt = Hunt::new(&known.values);
        (known, outcomes)
    }

    /// These and one more.
    pub(crate) fn with(&self, value: &str) -> Result<Self, Registered> {
        let mut known = Self {
            values: self.values.clone(),
            bytes: self.bytes,
            hunt: None,
        };
        match known.admit(value) {
            Registered::Hidden => {
                known.hunt = Hunt::new(&known.values);
                Ok(known)
            }
            other => Err(other),
        }
    }

    fn admit(&mut self, value: &str) -> Registered {
        let value = value.trim();
        if let Some(refused) = refuse(value) {
            return refused;
        }
        if self.values.contains(value) {
            return Registered::Already;
        }
        if self.bytes + value.len() > LIMIT {
            return Registered::Full;
        }
        self.bytes += value.len();
        self.values.insert(value.into());
        Registered::Hidden
    }

    /// Whether a text must be looked at with its white space made even, as some value has such. `beside` is what the gate
    /// said of it as it is.
    pub(crate) fn wants_even_space(&self, beside: bool) -> bool {
        self.hunt
            .as_ref()
            .is_some_and(|hunt| hunt.spaced && (beside || hunt.scattered))
    }

    /// Whether the gate alone does not tell which lines are to be looked at.
    pub(crate) fn wants_every_line(&self) -> bool {
        self.hunt
            .as_ref()
            .is_some_and(|hunt| hunt.scattered || !hunt.short.is_empty())
    }

    /// What the built-in rules' search asks beside their own gate.
    pub(crate) fn beside(&self) -> Option<(&Gate<()>, &Pairs)> {
        self.hunt.as_ref().map(|hunt| (&hunt.gate, &hunt.united))
    }

    /// Whether the text may hold a needle.
    pub(crate) fn may_stand_in(&self, text: &[u8]) -> bool {
        self.hunt.as_ref().is_some_and(|hunt| hunt.gate.any(text))
    }

    /// Reports every occurrence of every needle.
    pub(crate) fn find(&self, text: &[u8], rule: u16, spans: &mut Spans) {
        let Some(hunt) = &self.hunt else { return };
        for found in hunt.automaton.find_overlapping_iter(text) {
            let piece = found.pattern().as_usize().checked_sub(hunt.needles.len());
            match piece {
                None => spans.push(found.start()..found.end(), rule),
                Some(piece) => spans.push(hunt.encoded.around(piece, text, found.start()), rule),
            }
        }
    }

    /// Whether some value holds what a shell quotes.
    pub(crate) fn is_quoted(&self) -> bool {
        self.hunt.as_ref().is_some_and(|hunt| hunt.quoted)
    }
}

impl Known {
    /// Whether a text ends with the beginning of a needle, so that what follows may make it a known value.
    pub(crate) fn may_go_on(&self, text: &[u8]) -> bool {
        let Some(hunt) = &self.hunt else { return false };
        let (mut squeezed, mut decoded) = (View::default(), View::default());
        hunt.may_go_on(text)
            || squeezed.squeeze(text) && hunt.may_go_on(squeezed.text())
            || decoded.decode(text)
                && (hunt.may_go_on(decoded.text())
                    || squeezed.squeeze(decoded.text()) && hunt.may_go_on(squeezed.text()))
    }
}

/// Texts of base64 that may be broken over lines anywhere, and their pieces: enough of them that no eleven characters
/// hold none. What is beside a piece that was met is compared in place.
#[derive(Default)]
struct Encoded {
    texts: Vec<Vec<u8>>,
    /// Where each piece is from: a text, and the offset in it.
    pieces: Vec<(u32, u32)>,
}

/// The length of a piece, and how far the next begins behind it.
const PIECE: usize = 8;
const STEP: usize = 4;
/// The longest value that is looked for in pieces.
const PIECED: usize = 16 * 1024;

impl Encoded {
    /// The pieces of these texts, each once.
    fn new(texts: BTreeSet<Vec<u8>>, needles: &BTreeSet<Vec<u8>>) -> (Self, BTreeSet<Vec<u8>>) {
        let mut encoded = Self::default();
        let mut literals = std::collections::BTreeMap::new();
        for text in texts {
            let index = encoded.texts.len() as u32;
            let last = text.len().saturating_sub(PIECE);
            for offset in (0..last).step_by(STEP).chain([last]) {
                let piece = &text[offset..(offset + PIECE).min(text.len())];
                if piece.len() == PIECE && !needles.contains(piece) {
                    literals.entry(piece.to_vec()).or_insert((index, offset as u32));
                }
            }
            encoded.texts.push(text);
        }
        encoded.pieces = literals.values().copied().collect();
        (encoded, literals.into_keys().collect())
    }

    /// How far the text that a piece is from goes on around it.
    fn around(&self, piece: usize, text: &[u8], at: usize) -> std::ops::Range<usize> {
        let Some(&(index, offset)) = self.pieces.get(piece) else {
            return at..at + PIECE;
        };
        let (whole, offset) = (&self.texts[index as usize], offset as usize);
        let same = |a: &u8, b: &u8| a.eq_ignore_ascii_case(b);
        let before = text[..at]
            .iter()
            .rev()
            .zip(whole[..offset].iter().rev())
            .take_while(|(a, b)| same(a, b))
            .count();
        let after = text[at + PIECE..]
            .iter()
            .zip(&whole[offset + PIECE..])
            .take_while(|(a, b)| same(a, b))
            .count();
        at - before..at + PIECE + after
    }
}

/// Which line of which value the line before was, so that lines too short to be hidden anywhere are hidden in their place.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Run(Option<(usize, usize)>);

impl Run {
    /// Whether the line before was none of a value's.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.0.is_none()
    }

    /// Reports the line when it is one of a value's, and moves on.
    pub(crate) fn find(&mut self, known: &Known, line: &[u8], rule: u16, spans: &mut Spans) {
        let before = self.0.take();
        let Some(hunt) = known.hunt.as_ref().filter(|hunt| !hunt.short.is_empty()) else {
            return;
        };
        let from = prefix::text(line);
        let end = line.trim_ascii_end().len().max(from);
        let same = |text: &[u8], of: &[u8]| text.eq_ignore_ascii_case(of);
        if let Some((value, at)) = before
            && let Some(next) = hunt.short.get(value).and_then(|lines| lines.get(at + 1))
        {
            // Quotes that the value was put in may stand around its last line.
            let text = &line[from..end];
            if text.len() >= next.len() && same(&text[..next.len()], next) && text.len() <= next.len() + 2 {
                spans.push(from..from + next.len(), rule);
                self.0 = Some((value, at + 1));
                return;
            }
        }
        for (value, lines) in hunt.short.iter().enumerate() {
            if let Some(at) = lines.iter().position(|known| same(&line[from..end], known)) {
                if stands_alone(&lines[at]) {
                    spans.push(from..end, rule);
                }
                self.0 = Some((value, at));
                return;
            }
            // `KEY="first line`
            if let Some(first) = lines.first()
                && end - from > first.len()
                && same(&line[end - first.len()..end], first)
                && !line[end - first.len() - 1].is_ascii_alphanumeric()
            {
                if stands_alone(first) {
                    spans.push(end - first.len()..end, rule);
                }
                self.0 = Some((value, 0));
                return;
            }
        }
    }
}

/// Whether a short line says enough to be hidden where nothing of the value was before it.
fn stands_alone(line: &[u8]) -> bool {
    line.len() >= 4
        && line.iter().any(u8::is_ascii_alphanumeric)
        && !line
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_punctuation())
}

impl Hunt {
    fn may_go_on(&self, text: &[u8]) -> bool {
        let tail = text[text.len().saturating_sub(self.longest.min(TAIL))..].to_ascii_lowercase();
        (0..tail.len()).any(|from| {
            let end = &tail[from..];
            let next = self
                .needles
                .range::<[u8], _>((Bound::Included(end), Bound::Unbounded))
                .next();
            next.is_some_and(|needle| needle.starts_with(end) && needle.len() > end.len())
        })
    }
}

/// How much of an unfinished line is compared with the beginnings of the needles.
const TAIL: usize = 4096;

/// Why a value is not to be hidden.
fn refuse(value: &str) -> Option<Registered> {
    let kinds = [
        value.bytes().any(|byte| byte.is_ascii_lowercase()),
        value.bytes().any(|byte| byte.is_ascii_uppercase()),
        value.bytes().any(|byte| byte.is_ascii_digit()),
        value.bytes().any(|byte| !byte.is_ascii_alphanumeric()),
    ];
    let least = if kinds.iter().filter(|kind| **kind).count() >= 2 {
        6
    } else {
        8
    };
    if is_region(value)
        || COMMON.binary_search(&value.to_ascii_lowercase().as_str()).is_ok()
        || value.contains(crate::MASK)
    {
        Some(Registered::TooCommon)
    } else if value.chars().count() < least {
        Some(Registered::TooShort)
    } else {
        None
    }
}

/// `eu-west-1`, `us-central1`, `southeastasia`: where something runs.
fn is_region(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let mut rest = lower.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    if lower.len() > 24 || lower.len() - rest.len() > 2 || rest.is_empty() {
        return false;
    }
    const PARTS: [&str; 22] = [
        "northeast",
        "northwest",
        "southeast",
        "southwest",
        "northamerica",
        "southamerica",
        "north",
        "south",
        "east",
        "west",
        "central",
        "europe",
        "asia",
        "australia",
        "africa",
        "me",
        "us",
        "eu",
        "ap",
        "sa",
        "ca",
        "af",
    ];
    let mut parts = 0;
    while let Some(part) = PARTS.iter().find(|part| rest.starts_with(**part)) {
        rest = rest[part.len()..].trim_start_matches('-');
        parts += 1;
    }
    rest.is_empty() && parts >= 2
}

impl Hunt {
    fn new(values: &BTreeSet<Box<str>>) -> Option<Self> {
        let mut needles = BTreeSet::new();
        for value in values {
            coats(value, &mut needles);
        }
        if needles.is_empty() {
            return None;
        }
        let mut texts = BTreeSet::new();
        let mut short = Vec::new();
        for value in values {
            if value.len() <= PIECED {
                texts.extend(encoded(value.as_bytes()).map(|text| text.to_ascii_lowercase()));
            }
            let lines: Vec<Box<[u8]>> = value
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(|line| line.as_bytes().into())
                .collect();
            let odd = |line: &[u8]| std::str::from_utf8(line).is_ok_and(|line| refuse(line).is_some());
            if lines.len() > 1 && lines.iter().any(|line| odd(line)) {
                short.push(lines);
            }
        }
        let (encoded, pieces) = Encoded::new(texts, &needles);
        let quoted = values.iter().any(|value| {
            value
                .bytes()
                .any(|byte| !byte.is_ascii_alphanumeric() && !b"_-./".contains(&byte))
        });
        let has_space = |text: &[u8]| text.iter().any(u8::is_ascii_whitespace);
        let spaced = values.iter().any(|value| has_space(value.as_bytes()));
        let scattered = needles.iter().any(|needle| has_space(rarest(needle)));
        let patterns = || needles.iter().chain(&pieces);
        let keywords = patterns()
            .map(|needle| Keyword {
                literal: rarest(needle).to_ascii_lowercase(),
                fold: true,
                next: Vec::new(),
                begins_word: false,
                means: (),
            })
            .collect();
        let automaton = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(patterns())
            // The values are capped at 4 MiB and their coats at some ten times that.
            .or_else(|_| AhoCorasickBuilder::new().ascii_case_insensitive(true).build(patterns()))
            .expect("an automaton over a bounded set of needles");
        let longest = needles.iter().map(Vec::len).max().unwrap_or(0);
        let gate = Gate::beside(keywords);
        Some(Self {
            encoded,
            short,
            quoted,
            longest,
            united: Engine::built_in().united(&gate),
            gate,
            automaton,
            spaced,
            scattered,
            needles,
        })
    }
}

/// The eight bytes of a needle that are met least by chance; without white space where there are such.
fn rarest(needle: &[u8]) -> &[u8] {
    needle
        .windows(GATE)
        .max_by_key(|window| {
            let even = !window.iter().any(u8::is_ascii_whitespace);
            (even, window.iter().map(|byte| crate::gate::rarity(*byte)).sum::<u32>())
        })
        .unwrap_or(needle)
}

fn coats(value: &str, needles: &mut BTreeSet<Vec<u8>>) {
    let mut add = |needle: Vec<u8>| {
        if needle.len() >= 6 {
            // The automaton ignores case; telling cases apart would only make it larger.
            needles.insert(needle.to_ascii_lowercase());
        }
    };
    add(value.into());
    if value.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let words: Vec<&str> = value.split_ascii_whitespace().collect();
        add(words.join(" ").into());
        add(words.join("+").into());
    }
    if value.contains(['\n', '\r']) {
        for line in value
            .lines()
            .map(str::trim)
            .filter(|line| refuse(line).is_none() && !line.starts_with("-----"))
        {
            add(line.into());
        }
        // Some tools write the newlines of a value as the two characters that stand for one; others drop them.
        add(value.lines().collect::<String>().into());
    }
    if value.contains('\'') {
        add(value.replace('\'', "'\\''").into());
        add(value.replace('\'', "'\"'\"'").into());
        add(value.replace('\'', "''").into());
    }
    add(shell_escaped(value).into());
    // Views undo these as well; but a value that holds an escape of one kind and wears a coat of another is undone too far.
    let once = json_escaped(value);
    add(json_escaped(&once).into());
    add(once.into());
    add(percent_encoded(value).into());
    let bytes = value.as_bytes();
    add(bytes
        .iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect());
    let stripped: Vec<u8> = value
        .bytes()
        .filter(|byte| !matches!(byte, b'\\' | b'\'' | b'"'))
        .collect();
    if stripped.len() >= 6 {
        add(stripped);
    }
    if !value.is_ascii() {
        // The automaton knows the cases of ASCII alone.
        add(value.to_lowercase().into());
        add(value.to_uppercase().into());
    }
    for text in encoded(bytes) {
        // A secret in a file that is itself put into a variable is encoded twice.
        if value.len() <= PIECED {
            encoded(&text).for_each(&mut add);
        }
        add(text);
    }
}

/// Base64 of a value at its three shifts, in both alphabets: what does not depend on what stands around it.
fn encoded(value: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..3).flat_map(move |shift| {
        let mut padded = vec![0; shift];
        padded.extend_from_slice(value);
        // The first characters depend on what stands before the value and the last on what follows it.
        let from = [0, 2, 3][shift];
        let to = (padded.len() / 3 * 4 + [0, 1, 2][padded.len() % 3]).max(from);
        [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)]
            .map(|text| text.as_bytes()[from..to].to_vec())
    })
}

fn json_escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            control if control < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text
}

fn percent_encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// As `printf %q` writes it.
fn shell_escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if character.is_ascii() && !character.is_ascii_alphanumeric() && !"_-./:=@%+,\n".contains(character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stop_list_is_sorted_so_that_the_search_finds_each() {
        assert!(COMMON.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
