//! Cases, and what is found when the redactor is run over one.

use std::collections::BTreeMap;

use redact::{MASK, Redactor};

use crate::dice::{CLOSE, CLOSE_EITHER, OPEN, OPEN_EITHER};

/// How many characters of a secret in a row may never come through.
const WINDOW: usize = 8;

/// A log with marked secrets.
pub(crate) struct Case {
    /// What is in it, as in the name of a format.
    pub(crate) what: String,
    /// Where it stands.
    pub(crate) place: String,
    /// Its lines, with secrets between [`OPEN`] and [`CLOSE`].
    pub(crate) lines: Vec<String>,
    /// Values of the job, each with the line before which it is registered.
    pub(crate) known: Vec<(usize, String)>,
    /// Words, one of which the human name of some rule that hid something should hold.
    pub(crate) names: Vec<String>,
}

impl Case {
    pub(crate) fn new(what: impl Into<String>, place: impl Into<String>, lines: Vec<String>) -> Self {
        Self {
            what: what.into(),
            place: place.into(),
            lines,
            known: Vec::new(),
            names: Vec::new(),
        }
    }

    /// A case of one line.
    pub(crate) fn line(what: impl Into<String>, place: impl Into<String>, line: impl Into<String>) -> Self {
        Self::new(what, place, vec![line.into()])
    }

    /// A case of a text with several lines.
    pub(crate) fn text(what: impl Into<String>, place: impl Into<String>, text: &str) -> Self {
        Self::new(what, place, marked_lines(text))
    }

    pub(crate) fn knowing(mut self, value: impl Into<String>) -> Self {
        self.known.push((0, value.into()));
        self
    }
}

/// Splits a marked text into lines, so that a mark that goes over several is opened and closed in each.
fn marked_lines(text: &str) -> Vec<String> {
    let mut open = None;
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let mut out: String = open.into_iter().collect();
        for char in line.chars() {
            match char {
                OPEN | OPEN_EITHER => open = Some(char),
                CLOSE | CLOSE_EITHER => open = None,
                _ => {}
            }
            out.push(char);
        }
        match open {
            Some(OPEN) => out.push(CLOSE),
            Some(_) => out.push(CLOSE_EITHER),
            None => {}
        }
        lines.push(out);
    }
    lines
}

/// A line without its marks.
struct Unmarked {
    text: String,
    secrets: Vec<String>,
    /// What is neither secret nor left open, piece by piece.
    others: Vec<String>,
}

fn unmark(line: &str) -> Unmarked {
    let mut parts = Unmarked {
        text: String::new(),
        secrets: Vec::new(),
        others: Vec::new(),
    };
    let mut piece = String::new();
    let mut kind = CLOSE;
    for char in line.chars().chain([CLOSE]) {
        if ![OPEN, CLOSE, OPEN_EITHER, CLOSE_EITHER].contains(&char) {
            parts.text.push(char);
            piece.push(char);
            continue;
        }
        if !piece.is_empty() {
            let piece = std::mem::take(&mut piece);
            match kind {
                OPEN => parts.secrets.push(piece),
                OPEN_EITHER => {}
                _ => parts.others.push(piece),
            }
        }
        kind = char;
    }
    parts
}

/// What became of a case.
pub(crate) struct Verdict {
    /// A piece of a secret that came through.
    pub(crate) survived: Option<String>,
    /// Characters beside the secrets, and how many of them are gone.
    pub(crate) others: usize,
    pub(crate) lost: usize,
    /// Whether a rule's name says what it was; `None` when the case asks for no name.
    pub(crate) named: Option<bool>,
    /// The input and the output.
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) rules: Vec<String>,
}

pub(crate) fn judge(case: &Case) -> Verdict {
    let redactor = &redactor_of(case);
    let mut scrubber = redactor.scrubber();
    let mut verdict = Verdict {
        survived: None,
        others: 0,
        lost: 0,
        named: None,
        input: String::new(),
        output: String::new(),
        rules: Vec::new(),
    };
    let mut secrets = Vec::new();
    let mut around = String::new();
    for (number, line) in case.lines.iter().enumerate() {
        for (_, value) in case.known.iter().filter(|(before, _)| *before == number && number > 0) {
            redactor.register(value);
        }
        let parts = unmark(line);
        let clean = scrubber.scrub(&parts.text);
        let output = clean.text.as_str();
        let kept: usize = output.split(MASK).map(|piece| piece.chars().count()).sum();
        let others: usize = parts.others.iter().map(|piece| piece.chars().count()).sum();
        verdict.others += others;
        verdict.lost += others.saturating_sub(kept);
        for piece in &parts.others {
            around.push_str(piece);
            around.push('\0');
        }
        verdict.input.push_str(&parts.text);
        verdict.input.push('\n');
        verdict.output.push_str(output);
        verdict.output.push('\n');
        secrets.extend(parts.secrets);
        verdict.rules.extend(
            clean
                .masked
                .iter()
                .map(|masked| format!("{} ({})", masked.rule.human_name(), masked.rule.as_str())),
        );
    }
    verdict.survived = secrets
        .iter()
        .find_map(|secret| window_of(secret, &verdict.output, &around));
    if !case.names.is_empty() {
        let rules = verdict.rules.join("\n").to_lowercase();
        verdict.named = Some(case.names.iter().any(|name| rules.contains(name.as_str())));
    }
    verdict
}

/// A redactor that knows what the case knows from the start; the one of the case before, when that knew the same.
fn redactor_of(case: &Case) -> Redactor {
    static LAST: std::sync::Mutex<Option<(Vec<String>, Redactor)>> = std::sync::Mutex::new(None);
    if case.known.is_empty() {
        return shared().clone();
    }
    let known: Vec<String> = case
        .known
        .iter()
        .filter(|(before, _)| *before == 0)
        .map(|(_, value)| value.clone())
        .collect();
    let late = known.len() < case.known.len();
    let mut last = LAST.lock().expect("no case panics");
    if let Some((values, redactor)) = &*last
        && *values == known
        && !late
    {
        return redactor.clone();
    }
    let redactor = known
        .iter()
        .fold(Redactor::builder(), |builder, value| builder.known_secret(value))
        .build()
        .expect("no custom rule, no mistake");
    if !late {
        *last = Some((known, redactor.clone()));
    }
    redactor
}

/// The redactor of every case without values of its own.
pub(crate) fn shared() -> &'static Redactor {
    static SHARED: std::sync::OnceLock<Redactor> = std::sync::OnceLock::new();
    SHARED.get_or_init(|| Redactor::builder().build().expect("no custom rule, no mistake"))
}

/// A window of the secret that stands in the output and did not stand around the secret in the input.
fn window_of(secret: &str, output: &str, around: &str) -> Option<String> {
    let chars: Vec<char> = secret.chars().collect();
    let width = WINDOW.min(chars.len());
    // A window of one and the same character tells nothing.
    chars
        .windows(width.max(1))
        .filter(|window| chars.len() < WINDOW || window.iter().any(|char| *char != window[0]))
        .map(|window| window.iter().collect::<String>())
        .find(|window| output.contains(window.as_str()) && !around.contains(window.as_str()))
}

/// One kind of failure, and how often it was seen.
#[derive(Default)]
pub(crate) struct Failure {
    pub(crate) times: usize,
    pub(crate) example: String,
}

/// What a category came to.
#[derive(Default)]
pub(crate) struct Score {
    pub(crate) name: &'static str,
    pub(crate) cases: usize,
    pub(crate) leaked: usize,
    /// Cases with other text, and the sum of the shares of it that they lost.
    beside: usize,
    lost: f64,
    asked_for_name: usize,
    named: usize,
    /// By kind, what it is in, and where it stands.
    pub(crate) failures: BTreeMap<(&'static str, String, String), Failure>,
    cases_of: BTreeMap<String, usize>,
}

impl Score {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, case: &Case) {
        let verdict = judge(case);
        self.cases += 1;
        *self.cases_of.entry(case.what.clone()).or_default() += 1;
        if verdict.others >= WINDOW {
            // By case, not by character: one long line must not outweigh a thousand short ones.
            self.beside += 1;
            self.lost += share(verdict.lost, verdict.others);
        }
        if let Some(window) = &verdict.survived {
            self.leaked += 1;
            self.fail("leaked", case, format!("left «{window}» of"), &verdict);
        } else if verdict.lost * 10 > verdict.others && verdict.lost > 8 {
            self.fail(
                "over-masked",
                case,
                format!("{} characters lost of", verdict.lost),
                &verdict,
            );
        }
        if let Some(named) = verdict.named {
            self.asked_for_name += 1;
            self.named += usize::from(named);
            if !named && verdict.survived.is_none() {
                self.fail(
                    "misnamed",
                    case,
                    format!("named {} in", verdict.rules.join(", ")),
                    &verdict,
                );
            }
        }
    }

    fn fail(&mut self, kind: &'static str, case: &Case, finding: String, verdict: &Verdict) {
        let failure = self
            .failures
            .entry((kind, case.what.clone(), case.place.clone()))
            .or_default();
        failure.times += 1;
        if failure.times == 1 {
            failure.example = format!("{finding} {:?} -> {:?}", short(&verdict.input), short(&verdict.output));
        }
    }

    pub(crate) fn recall(&self) -> f64 {
        share(self.cases - self.leaked, self.cases)
    }

    pub(crate) fn lost_share(&self) -> f64 {
        self.lost / f64::from(u32::try_from(self.beside.max(1)).unwrap_or(u32::MAX))
    }

    /// How often a rule's name held the vendor's; nothing when no case asked for a name.
    pub(crate) fn named_share(&self) -> Option<f64> {
        (self.asked_for_name > 0).then(|| share(self.named, self.asked_for_name))
    }

    pub(crate) fn row(&self, goal: f64) -> String {
        let named = self
            .named_share()
            .map_or_else(|| "–".to_owned(), |named| format!("{:.2} %", 100.0 * named));
        format!(
            "| {} | {} | {:.1} % | {:.2} % | {:.2} % | {named} |",
            self.name,
            self.cases,
            100.0 * goal,
            100.0 * self.recall(),
            100.0 * self.lost_share()
        )
    }

    /// A line for each kind of failure, the worst first: by what it is in, with the places where.
    pub(crate) fn report(&self) -> Vec<String> {
        let mut by_what: BTreeMap<(&'static str, &str), (usize, Vec<&str>, &str)> = BTreeMap::new();
        for ((kind, what, place), failure) in &self.failures {
            let entry = by_what.entry((kind, what)).or_insert((0, Vec::new(), &failure.example));
            entry.0 += failure.times;
            entry.1.push(place);
        }
        let mut rows: Vec<_> = by_what.into_iter().collect();
        rows.sort_by_key(|((kind, _), (times, ..))| (rank(kind), std::cmp::Reverse(*times)));
        rows.iter()
            .map(|((kind, what), (times, places, example))| {
                format!(
                    "{} | {kind} | {what} | {times} of {} | in: {} | {example}",
                    self.name,
                    self.cases_of.get(*what).copied().unwrap_or_default(),
                    places.join("; ")
                )
            })
            .collect()
    }
}

fn rank(kind: &str) -> usize {
    ["leaked", "over-masked", "misnamed"]
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(9)
}

#[expect(clippy::cast_precision_loss, reason = "counts of cases are far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The first and the last of a long text.
pub(crate) fn short(text: &str) -> String {
    let chars: Vec<char> = text.trim_end().chars().collect();
    if chars.len() <= 420 {
        return chars.iter().collect();
    }
    let (head, tail): (String, String) = (
        chars[..280].iter().collect(),
        chars[chars.len() - 120..].iter().collect(),
    );
    format!("{head} … {tail}")
}
