//! The redactor, for any bytes: it never panics, hides what it was told to however it is dressed and torn, changes nothing
//! the second time, does not care for order, and comes back to itself.
//!
//! That its time is linear is measured by the benchmarks: a limit on the clock would say more of the machine than of the
//! code.

use capture::{Recorder, RecorderOptions};
use log_model::{LogEvent, Masked, Source, Timestamp};
use redact::{CustomRule, MASK, Redactor, Registered, Scrubbed};

/// The first line is a value, the rest a log.
fn value_and_log(data: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(data);
    let (value, log) = text.split_once('\n').unwrap_or(("", &text));
    (value.trim().to_owned(), log.to_owned())
}

fn knowing<'v>(values: impl IntoIterator<Item = &'v str>) -> Redactor {
    values
        .into_iter()
        .fold(Redactor::builder(), |builder, value| builder.known_secret(value))
        .build()
        .expect("no custom rule, no mistake")
}

/// A value that holds a part of the mask would be found in the mask itself; nobody's secret does.
fn overlaps_the_mask(value: &str) -> bool {
    // Brackets may also make up a window together with what stood before a mask.
    let value = value.to_ascii_uppercase();
    value.contains(['[', ']'])
        || MASK
            .as_bytes()
            .windows(3)
            .any(|part| value.as_bytes().windows(3).any(|window| window == part))
}

/// Scrubbing what was scrubbed changes nothing, and what was hidden is told.
///
/// # Panics
/// When it does not hold.
pub fn idempotent(data: &[u8]) {
    let (value, log) = value_and_log(data);
    let redactor = knowing([&*value]);
    let (mut first, mut second) = (redactor.scrubber(), redactor.scrubber());
    for line in log.lines() {
        let once = first.scrub(line);
        if overlaps_the_mask(&value) {
            continue;
        }
        let twice = second.scrub(once.text.as_str());
        assert_eq!(once.text, twice.text, "from {line:?}");
        assert_eq!(
            once.masked.is_empty(),
            !once.text.as_str().contains(MASK) || once.text.as_str() == line
        );
    }
}

/// Eight characters of a known value never come through, wherever it stands and whatever coat it wears, be it registered
/// before the stream began or by the time it is printed.
///
/// # Panics
/// When they do.
pub fn known(data: &[u8]) {
    let (value, log) = value_and_log(data);
    let early = Redactor::builder().build().expect("no custom rule, no mistake");
    if early.register(&value) != Registered::Hidden || overlaps_the_mask(&value) || !value.is_ascii() {
        return;
    }
    let late = Redactor::builder().build().expect("no custom rule, no mistake");
    let (mut from_the_start, mut in_between) = (early.scrubber(), late.scrubber());
    in_between.scrub("nothing yet");
    late.register(&value);
    for line in log.lines() {
        let around = format!("{line} {line}").to_ascii_lowercase();
        for coat in coats(&value) {
            let dressed = format!("{line} {coat} {line}");
            for scrubber in [&mut from_the_start, &mut in_between] {
                let clean = scrubber.scrub(&dressed).text.as_str().to_ascii_lowercase();
                for window in coat.to_ascii_lowercase().as_bytes().windows(8) {
                    let window = std::str::from_utf8(window).expect("a coat of ASCII is ASCII");
                    assert!(
                        around.contains(window) || !clean.contains(window),
                        "a part of a known value is left in {dressed:?}"
                    );
                }
            }
        }
    }
}

/// The value as it is, in other cases, as JSON once and twice, percent-encoded, and in hex.
fn coats(value: &str) -> Vec<String> {
    let json = |text: &str| {
        let quoted = serde_json::to_string(text).expect("a string is JSON");
        quoted[1..quoted.len() - 1].to_owned()
    };
    let percent = value
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect();
    vec![
        value.to_owned(),
        value.to_ascii_uppercase(),
        json(value),
        json(&json(value)),
        percent,
        value.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ]
}

/// Bytes read in any pieces, on a pipe and on a terminal, are recorded as if they had been read at once.
///
/// # Panics
/// When they are not.
pub fn chunks(data: &[u8]) {
    let Some((&size, data)) = data.split_first() else {
        return;
    };
    let value_end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let value = String::from_utf8_lossy(&data[..value_end]);
    let redactor = knowing([&*value]);
    for pty in [None, Some((5, 20))] {
        let whole = recorded(&redactor, pty, std::iter::once(data));
        let pieces = recorded(&redactor, pty, data.chunks(usize::from(size).max(1)));
        assert_eq!(whole, pieces);
    }
}

fn recorded<'d>(
    redactor: &Redactor,
    pty: Option<(u16, u16)>,
    pieces: impl Iterator<Item = &'d [u8]>,
) -> Vec<(String, Vec<Masked>)> {
    let mut options = RecorderOptions::default();
    options.pty = pty;
    let mut recorder = Recorder::new(redactor.scrubber(), Source::Stdout, options);
    let mut entries = Vec::new();
    let now = Timestamp::from_millis(1);
    for piece in pieces {
        recorder.push(piece, now, &mut entries);
    }
    recorder.finish(now, &mut entries);
    entries
        .into_iter()
        .filter_map(|entry| match entry.event {
            LogEvent::Line { text, masked, .. } => Some((text.as_str().to_owned(), masked)),
            _ => None,
        })
        .collect()
}

/// In whatever order values are registered and rules are added, the same is hidden.
///
/// # Panics
/// When it is not.
pub fn order(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (values, log) = text.split_once('\n').unwrap_or(("", &text));
    let mut values: Vec<&str> = values.split('\t').take(8).collect();
    let forwards = with_rules([0, 1], &values);
    values.reverse();
    let backwards = with_rules([1, 0], &values);
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    let registered = with_rules([0, 1], &[]);
    for value in &values {
        registered.register(value);
    }
    let mut scrubbers = [forwards.scrubber(), backwards.scrubber(), registered.scrubber()];
    for line in log.lines() {
        let [one, other, third] = scrubbers.each_mut().map(|scrubber| scrubber.scrub(line));
        assert_eq!(one.text, other.text, "from {line:?}");
        assert_eq!(one.text, third.text, "from {line:?}");
        assert_eq!(one.masked, third.masked, "from {line:?}");
    }
}

/// Two rules of one's own that overlap, in this order, and values.
fn with_rules(order: [usize; 2], values: &[&str]) -> Redactor {
    const RULES: [(&str, &str); 2] = [("acme-long", "acme_[a-z0-9]{12}"), ("acme-digits", "acme_[0-9]{4,}")];
    let builder = order.iter().fold(Redactor::builder(), |builder, number| {
        let (id, pattern) = RULES[*number];
        builder.rule(CustomRule::new(id, "acme_", pattern).expect("a sound rule"))
    });
    values
        .iter()
        .fold(builder, |builder, value| builder.known_secret(*value))
        .build()
        .expect("two rules of two names")
}

/// More than any key's lines, and than what is hidden after one that never ends.
const PATIENCE: usize = 2_000;

/// A line grows by its masks and by nothing else, and whatever came before, plain text comes through again.
///
/// # Panics
/// When it does not.
pub fn bounded(data: &[u8]) {
    let log = String::from_utf8_lossy(data);
    let mut scrubber = Redactor::builder()
        .build()
        .expect("no custom rule, no mistake")
        .scrubber();
    for line in log.lines() {
        let Scrubbed { text, masked, .. } = scrubber.scrub(line);
        let places: usize = masked
            .iter()
            .map(|masked| usize::try_from(masked.count).unwrap_or(usize::MAX))
            .sum();
        assert!(text.as_str().len() <= line.len() + places * MASK.len(), "from {line:?}");
        assert!(places <= line.len() + 1, "from {line:?}");
    }
    let plain = "Compiling 12 modules, none of them with a secret";
    let comes_back = (0..PATIENCE).any(|_| scrubber.scrub(plain).text.as_str() == plain && !scrubber.holds_open());
    assert!(comes_back, "nothing is shown after {log:?}");
    assert_eq!(scrubber.scrub(plain).text.as_str(), plain);
}
