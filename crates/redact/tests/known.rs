//! Known values and their coats.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use redact::{MASK, Redactor, Registered};

fn secret() -> String {
    ["corr3ct", "H0rse", "batt\"ery's", "st&ple+/"].join("-")
}

#[track_caller]
fn gone(secret: &str, line: &str) {
    let redactor = Redactor::builder().known_secret(secret).build().expect("a redactor");
    let clean = redactor.scrubber().scrub(line);
    assert!(
        clean.text.as_str().contains(MASK),
        "{line} came through as {}",
        clean.text
    );
    assert_eq!(redactor.scrubber().scrub(clean.text.as_str()).text, clean.text);
}

#[track_caller]
fn exactly(secret: &str, line: &str, expected: &str) {
    let redactor = Redactor::builder().known_secret(secret).build().expect("a redactor");
    assert_eq!(redactor.scrubber().scrub(line).text.as_str(), expected);
}

#[test]
fn a_known_value_is_hidden_as_it_stands_and_in_any_case() {
    exactly("zebra-crossing-7", "at zebra-crossing-7 now", "at [REDACTED] now");
    exactly("zebra-crossing-7", "at ZEBRA-Crossing-7 now", "at [REDACTED] now");
    exactly("zebra-crossing-7", "xzebra-crossing-7y", "x[REDACTED]y");
    exactly("zebra-crossing-7", "日本zebra-crossing-7語", "日本[REDACTED]語");
}

#[test]
fn a_known_value_is_hidden_in_every_coat() {
    let value = secret();
    let json = serde_json::to_string(&value).unwrap();
    gone(&value, &format!("{{\"v\":{json}}}"));
    gone(&value, &format!("{{\"v\":{}}}", serde_json::to_string(&json).unwrap()));
    let percent: String = value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    gone(&value, &percent);
    gone(&value, &percent.to_lowercase());
    gone(&value, &value.bytes().map(|b| format!("%{b:02x}")).collect::<String>());
    gone(&value, &value.bytes().map(|b| format!("{b:02x}")).collect::<String>());
    gone(&value, &value.bytes().map(|b| format!("{b:02X}")).collect::<String>());
    for before in ["", "x", "xy", "user:"] {
        let whole = format!("{before}{value}tail");
        gone(&value, &STANDARD.encode(&whole));
        gone(&value, &URL_SAFE.encode(&whole));
    }
    gone(
        &value,
        &value
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"),
    );
    gone(&value, &format!("'{}'", value.replace('\'', "'\\''")));
    gone(&value, &format!("\"{}\"", value.replace('"', "\\\"")));
}

#[test]
fn every_line_of_a_value_of_several_is_hidden_and_so_is_the_whole_on_one_line() {
    let value = "first-line-of-it\nsecond-line-of-it\nx9";
    exactly(value, "a first-line-of-it", "a [REDACTED]");
    exactly(value, "b second-line-of-it", "b [REDACTED]");
    exactly(value, "c first-line-of-it \t second-line-of-it  x9 d", "c [REDACTED] d");
    exactly(
        value,
        r#"{"v":"first-line-of-it\nsecond-line-of-it\nx9"}"#,
        r#"{"v":"[REDACTED]"}"#,
    );
}

#[test]
fn overlapping_and_nested_values_leave_nothing() {
    let redactor = Redactor::builder()
        .known_secret("aabaabaab")
        .known_secret("aabaabaab-tail")
        .build()
        .unwrap();
    let clean = |line: &str| redactor.scrubber().scrub(line).text.to_string();
    assert_eq!(clean("xaabaabaabaaby"), "x[REDACTED]y");
    assert_eq!(clean("aabaabaab-tail"), MASK);
    assert_eq!(clean("aabaabaabaabaab-tail!"), "[REDACTED]!");
}

#[test]
fn a_value_registered_while_a_stream_runs_is_hidden_from_its_next_line_on() {
    let redactor = Redactor::builder().build().unwrap();
    let mut scrubber = redactor.scrubber();
    assert_eq!(scrubber.scrub("sandy-dunes-42").text.as_str(), "sandy-dunes-42");
    assert_eq!(redactor.clone().register(" sandy-dunes-42\n"), Registered::Hidden);
    assert_eq!(scrubber.scrub("sandy-dunes-42").text.as_str(), MASK);
    assert_eq!(redactor.register("sandy-dunes-42"), Registered::Already);
}

#[test]
fn words_that_stand_in_every_log_are_refused() {
    let redactor = Redactor::builder().build().unwrap();
    for common in ["production", "DEVELOPMENT", "localhost", "postgres"] {
        assert_eq!(redactor.register(common), Registered::TooCommon, "{common}");
    }
    for short in ["true", "a1", "abcdefg", "", "12345"] {
        assert_eq!(redactor.register(short), Registered::TooShort, "{short}");
    }
    assert_eq!(redactor.register("pa55w!"), Registered::Hidden);
}

#[test]
fn debug_shows_no_value() {
    let redactor = Redactor::builder().known_secret("zebra-crossing-7");
    assert!(!format!("{redactor:?}").contains("zebra"));
    let redactor = redactor.build().unwrap();
    assert!(!format!("{redactor:?} {:?}", redactor.scrubber()).contains("zebra"));
}

#[test]
fn other_white_space_than_the_values_own_hides_it_from_nobody() {
    // The first has words that tell it, the second none of eight letters.
    for value in ["correct-horse battery stapled9", "a1 b2 c3 d4 e5 f6"] {
        let redactor = redact::Redactor::builder().known_secret(value).build().unwrap();
        let shown = value.replace(' ', " \t ");
        let line = format!("set to {shown}!");
        assert_eq!(
            redactor.scrubber().scrub(&line).text.as_str(),
            "set to [REDACTED]!",
            "{value}"
        );
        let mut many = Vec::new();
        let lines = format!("before\n{line}\nbehind\n");
        redactor
            .scrubber()
            .scrub_lines(&lines, |_, line| many.push(line.text().as_str().to_owned()));
        assert_eq!(many, ["before", "set to [REDACTED]!", "behind"], "{value}");
    }
}
