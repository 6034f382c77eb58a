//! What holds for any line.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use redact::{MASK, Redactor};

/// Pieces that rules look for, mixed with what surrounds them: random text alone would hardly ever meet a rule.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[ -~]{0,12}",
        1 => "\\PC{0,6}",
        3 => prop::sample::select(vec![
            "password", "PASSWORD=", "token", "secret: ", "api_key=\"", "\"", "'", "=", ": ", " ", "\\n", "\\\"", "%22", "&quot;",
            "://", "user:", "@", "@host", "Authorization: ", "Bearer ", "Basic ", "Cookie: ", "Set-Cookie: a=", ";", "mysql -p",
            "curl -u ", "eyJ", "AKIA", "ghp_", "sk_live_", "xoxb-", "npm_", "SG.", ".", "[REDACTED]", "[", "]", "-----", "BEGIN ",
            "END ", "PRIVATE KEY", "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "<password>", "</password>",
            "<", ">", "</", "=\"", "|", "│", "(", ")", ",", ", ", "- ", "name: ", "\"name\":\"", "value: ", "\"value\":\"", "\\", "<<EOT",
            "kind: Secret", "apiVersion: v1", "data:", "AUTH ", "API key ", "var password string = ", "jdbc:oracle:thin:a/", "@tcp(",
            ":5432:", "\"d\":\"", "echo x | chpasswd", "curl -b ", "sqlplus a/", "string(4) ", "#9 0.3 ", "   12 | ", "BUNDLE_A__B=",
            "--token ", "is ", "PuTTY-User-Key-File-2: x", "Private-Lines: 3", "é", "日", "${", "}", "\t",
            "pass-", "pass-word=", "auth", "key", "pwd", "db-", "sk-", "pat-", "\u{200b}", "\u{ad}", "%", "&", "\\", "x",
        ]).prop_map(str::to_owned),
        2 => "[A-Za-z0-9_-]{8,48}",
        1 => "[a-f0-9]{32,64}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..14).prop_map(|pieces| pieces.concat().replace(['\n', '\r'], " "))
}

/// A value as people and generators make them; at least 8 characters, not of one letter.
fn value() -> impl Strategy<Value = String> {
    "[ -~]{4,20}[A-Za-z][0-9][!-~]{2,20}"
        .prop_map(|value| value.trim().to_owned())
        .prop_filter("long enough", |v| {
            v.len() >= 8 && !v.contains("REDACTED") && !v.contains("[R") && !v.contains("D]")
        })
}

fn escaped(value: &str) -> String {
    let json = serde_json::to_string(value).expect("text has a JSON form");
    json[1..json.len() - 1].to_owned()
}

fn percent(value: &str) -> String {
    value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_was_scrubbed_is_left_alone_when_it_is_scanned_again(lines in prop::collection::vec(line(), 1..6)) {
        let redactor = Redactor::builder().known_secret("zebra-crossing-7").build().unwrap();
        let mut scrubber = redactor.scrubber();
        for line in &lines {
            let once = scrubber.scrub(line).text;
            // As the sweep does, each line by itself: what a key or a name left open before is not known any more.
            prop_assert!(redactor.rescan(&once).is_none(), "{} from {}", once, line);
        }
    }

    #[test]
    fn a_line_that_is_not_changed_names_no_rule_and_one_that_is_names_some(line in line()) {
        let clean = Redactor::builder().build().unwrap().scrubber().scrub(&line);
        if clean.text.as_str() == line {
            prop_assert!(clean.masked.is_empty() || line.contains(MASK), "{:?}", clean.masked);
        } else {
            prop_assert!(!clean.masked.is_empty());
            prop_assert!(clean.masked.iter().map(|m| m.count as usize).sum::<usize>() <= clean.text.as_str().matches(MASK).count());
        }
    }

    #[test]
    fn no_window_of_a_known_value_survives_in_any_coat(value in value(), before in line(), after in line(), coat in 0usize..6) {
        let redactor = Redactor::builder().known_secret(value.clone()).build().unwrap();
        let dressed = match coat {
            0 => value.clone(),
            1 => escaped(&value),
            2 => escaped(&escaped(&value)),
            3 => percent(&value),
            4 => value.replace('\'', "'\\''"),
            _ => value.to_uppercase(),
        };
        let clean = redactor.scrubber().scrub(&format!("{before} {dressed} {after}"));
        // What the surroundings hold of it anyway is not the value's doing.
        let around = format!("{before} {MASK} {after}").to_lowercase();
        for window in dressed.to_lowercase().as_bytes().windows(8) {
            let window = String::from_utf8_lossy(window).into_owned();
            prop_assert!(around.contains(&window) || !clean.text.as_str().to_lowercase().contains(&window), "{} left {}", window, clean.text);
        }
    }

    #[test]
    fn a_scrubber_that_saw_other_lines_before_hides_no_less(before in line(), line in line()) {
        let redactor = Redactor::builder().build().unwrap();
        let mut used = redactor.scrubber();
        used.scrub(&before);
        if used.holds_open() || before.contains("BEGIN") || before.contains("PuTTY") {
            return Ok(());
        }
        prop_assert_eq!(used.scrub(&line), redactor.scrubber().scrub(&line));
    }
}

proptest! {
    // Each case makes redactors of its own, with the needles of their values.
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn lines_are_scrubbed_many_at_a_time_as_they_are_one_by_one(
        lines in prop::collection::vec(line(), 0..12),
        cut in 0usize..12,
        values in prop::collection::vec(value(), 0..3),
        ended in any::<bool>(),
    ) {
        // Among plain lines, some hold a known value, whole or after an escape that hides it.
        let lines: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(at, line)| match values.get(at % 4) {
                Some(value) if at % 2 == 0 => format!("{line} {value}"),
                Some(value) => format!("{line} {}", percent(value)),
                None => line.clone(),
            })
            .collect();
        let redactor = values.iter().fold(Redactor::builder(), |builder, value| builder.known_secret(value.clone()));
        let redactor = redactor.build().unwrap();
        let (mut single, mut many) = (redactor.scrubber(), redactor.scrubber());
        let expected: Vec<_> = lines.iter().map(|line| single.scrub(line)).collect();
        let mut found = Vec::new();
        let (first, second) = lines.split_at(cut.min(lines.len()));
        for part in [first, second] {
            let mut text = part.join("\n");
            // The last line need not have its newline, unless it is empty.
            if ended || part.last().is_some_and(String::is_empty) {
                text.extend((!part.is_empty()).then_some('\n'));
            }
            let mut next = 0;
            many.scrub_lines(&text, |at, line| {
                assert_eq!(at, next);
                let length = text[at..].find('\n').unwrap_or(text.len() - at);
                next = at + length + 1;
                found.push(line.into_scrubbed());
            });
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(many.holds_open(), single.holds_open());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_repeats_itself_is_hidden_each_time(
        unit in prop::collection::vec(piece(), 1..6),
        tail in prop::sample::select(vec!["", " password=Zk4TqW9xLm", " curl -u ci:Zk4TqW9xLm", "' token: Zk4TqW9xLm"]),
    ) {
        let unit: String = unit.concat().replace(['\n', '\r'], " ").chars().take(60).collect::<String>() + " ";
        let scrub = |line: &str| Redactor::builder().build().unwrap().scrubber().scrub(line).text.as_str().to_owned();
        // Few enough that each is looked at.
        let few = 960 / unit.len().max(60);
        let short = scrub(&unit.repeat(few));
        let one = &short[..short.floor_char_boundary(short.len() / few)];
        let long = scrub(&(unit.repeat(100 * few) + tail));
        // What stands at the end may be read together with the tail.
        if one.repeat(few) == short {
            prop_assert!(long.starts_with(&one.repeat(99 * few)), "{:?} became {:?}", unit, one);
        }
        prop_assert!(tail.is_empty() || !long.contains("Zk4TqW9xLm") || short.contains('"') || short.contains('\'') || short.contains('`'));
    }
}

#[test]
fn lines_of_nothing_but_keywords_take_linear_time() {
    let redactor = Redactor::builder()
        .known_secret("aaaaaaaaaaaaaaab")
        .known_secret("abababababababac")
        .build()
        .unwrap();
    let keywords = [
        "eyJ",
        "password",
        "token=",
        "secret:\"",
        "://",
        "://a:b",
        "AKIA",
        "ghp_",
        "SG.",
        "sk_live_",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- the cat sat ",
        "mysql ",
        "mysql -",
        "curl -u ",
        "Authorization: ",
        "Bearer ",
        "Cookie: a=",
        "a",
        "ab",
        "%41",
        "\\\"",
        "&amp;",
        "&#",
        "key=",
        "password='",
        "token=\"",
        "<password>",
        "@",
        "://a:b@",
        "://x:y/@h",
        "BEGIN ",
        "PuTTY-User-Key-File-",
        "x-amz-signature=",
        "_secret_",
        "xoxb-",
        "eyJaaaaaaaaaaaa.",
        "password is ",
        "--password ",
        "{\"name\":\"password\",",
        "machine x password ",
    ];
    let mut slow = Vec::new();
    for keyword in keywords {
        let line = keyword.repeat((256 << 10) / keyword.len());
        let mut scrubber = redactor.scrubber();
        let start = Instant::now();
        scrubber.scrub(&line);
        let took = start.elapsed();
        // Quadratic work on a line of this length takes minutes; the limit is generous for a busy machine.
        if took > Duration::from_millis(500) {
            slow.push(format!("{keyword:?}: {took:?}"));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

#[test]
fn a_line_of_three_megabytes_is_scrubbed_whole() {
    let secret = format!("sk_{}_{}", "live", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7");
    let line = format!(
        "{}{secret}{}",
        "lorem ipsum ".repeat(125_000),
        " dolor sit amet".repeat(100_000)
    );
    let clean = Redactor::builder().build().unwrap().scrubber().scrub(&line);
    assert_eq!(clean.text.as_str(), line.replace(&secret, MASK));
}
