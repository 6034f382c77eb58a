//! The redactor, for any bytes: it never panics, hides what it was told to, and changes nothing the second time.

use std::time::{Duration, Instant};

use redact::{MASK, Redactor};

/// Far above what a linear scan of a fuzzer's input takes, far below what a quadratic one of a long input does.
const LIMIT: Duration = Duration::from_secs(2);

/// Takes the input apart into a known value and lines, and checks every property on them.
///
/// # Panics
/// When a property does not hold.
pub fn properties(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (value, log) = text.split_once('\n').unwrap_or(("", &text));
    idempotent(value, log);
    no_window_of_a_known_value_survives(value, log);
    linear(log);
}

/// Scrubbing what was scrubbed changes nothing.
fn idempotent(value: &str, log: &str) {
    let redactor = Redactor::builder()
        .known_secret(value)
        .build()
        .expect("no custom rule, no mistake");
    let (mut first, mut second) = (redactor.scrubber(), redactor.scrubber());
    for line in log.lines() {
        let once = first.scrub(line);
        if value_overlaps_the_mask(value) {
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

/// A value that holds a part of the mask would be found in the mask itself; nobody's secret does.
fn value_overlaps_the_mask(value: &str) -> bool {
    // Brackets may also make up a window together with what stood before a mask.
    let value = value.to_ascii_uppercase();
    value.contains(['[', ']'])
        || MASK
            .as_bytes()
            .windows(3)
            .any(|part| value.as_bytes().windows(3).any(|window| window == part))
}

/// Eight characters of a known value never come through, wherever it stands.
fn no_window_of_a_known_value_survives(value: &str, log: &str) {
    let value = value.trim();
    let redactor = Redactor::builder().build().expect("no custom rule, no mistake");
    let hidden = redactor.register(value) == redact::Registered::Hidden;
    if !hidden || value_overlaps_the_mask(value) || !value.is_ascii() {
        return;
    }
    let mut scrubber = redactor.scrubber();
    for line in log.lines() {
        let clean = scrubber.scrub(&format!("{line} {value} {line}"));
        let around = format!("{line} {line}").to_ascii_lowercase();
        let clean = clean.text.as_str().to_ascii_lowercase();
        for window in value.to_ascii_lowercase().as_bytes().windows(8) {
            let window = std::str::from_utf8(window).expect("the value is ASCII");
            assert!(
                around.contains(window) || !clean.contains(window),
                "a part of a known value is left"
            );
        }
    }
}

/// A long line of the input over and over takes no more than linear time.
fn linear(log: &str) {
    let Some(line) = log.lines().next().filter(|line| !line.is_empty()) else {
        return;
    };
    let long = line.repeat((64 << 10) / line.len() + 1);
    let mut scrubber = Redactor::builder()
        .build()
        .expect("no custom rule, no mistake")
        .scrubber();
    let start = Instant::now();
    scrubber.scrub(&long);
    let took = start.elapsed();
    assert!(took < LIMIT, "{} bytes took {took:?}", long.len());
}
