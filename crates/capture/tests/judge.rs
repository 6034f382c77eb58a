//! Secrets judged on the whole road, from the bytes a command writes to what is recorded: coloured, overwritten, erased,
//! linked, torn over any reads, printed on a terminal. Cases are drawn with a fixed start.

use capture::{QUIET, Recorder, RecorderOptions};
use log_model::{LogEvent, Recorded, Source, Timestamp};
use redact::Redactor;

const START: Timestamp = Timestamp::from_millis(1_000_000);

/// How many characters of a secret in a row may never come through.
const WINDOW: usize = 8;

/// A generator with a fixed start.
struct Dice(u64);

impl Dice {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }

    fn chars(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }

    fn word(&mut self, length: usize) -> String {
        self.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
    }
}

/// A line with a secret, and the secret.
struct Case {
    what: &'static str,
    before: String,
    secret: String,
    after: &'static str,
}

fn cases(dice: &mut Dice, known: &str) -> Vec<Case> {
    let digits = |dice: &mut Dice, length| dice.chars("0123456789", length);
    let case = |what, before: &str, secret, after| Case {
        what,
        before: before.to_owned(),
        secret,
        after,
    };
    let bot = format!("xoxb-{}-{}-{}", digits(dice, 12), digits(dice, 12), dice.word(24));
    vec![
        case("known value", "got ", known.to_owned(), " from the vault"),
        case(
            "GitHub token",
            "using ",
            format!("ghp_{}", dice.word(36)),
            " for deploy",
        ),
        case(
            "Stripe key",
            "using ",
            format!("sk_live_{}", dice.word(24)),
            " for deploy",
        ),
        case("Slack token", "using ", bot, " for deploy"),
        case(
            "AWS key",
            "using ",
            format!("AKIA{}", dice.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
            " for deploy",
        ),
        case(
            "named password",
            "DB_PASSWORD=",
            format!("{}!7{}", dice.word(7), dice.word(6)),
            "",
        ),
        case(
            "JSON password",
            "{\"password\": \"",
            format!("{}!7{}", dice.word(7), dice.word(6)),
            "\", \"port\": 1}",
        ),
        case(
            "address",
            "postgres://app:",
            format!("{}_4{}", dice.word(7), dice.word(6)),
            "@db.internal/shop",
        ),
        case("header", "Authorization: Bearer ", dice.word(40), ""),
    ]
}

/// What a terminal's writer may do to the same visible line; each gives bytes without the newline.
type Dress = (&'static str, fn(&mut Dice, &Case) -> String);

const DRESSES: &[Dress] = &[
    ("plain", |_, case| plain(case)),
    ("coloured whole", |_, case| format!("\x1b[32m{}\x1b[0m", plain(case))),
    ("coloured value", |_, case| {
        format!("{}\x1b[1;33m{}\x1b[39;22m{}", case.before, case.secret, case.after)
    }),
    ("colours within", |dice, case| {
        let secret = within(dice, &case.secret, 3, |dice, _| format!("\x1b[{}m", 30 + dice.below(8)));
        format!("{}{secret}\x1b[0m{}", case.before, case.after)
    }),
    ("a colour at each character", |_, case| {
        plain(case)
            .chars()
            .map(|char| format!("\x1b[38;5;42m{char}\x1b[m"))
            .collect()
    }),
    ("overwritten progress", |_, case| {
        format!("downloading 10%\rdownloading 90%\r\x1b[K{}", plain(case))
    }),
    ("overwritten in part", |_, case| {
        format!("{}\r{}", "x".repeat(case.before.len()), plain(case))
    }),
    ("printed, then overwritten by itself", |_, case| {
        format!("{0}\r{0}", plain(case))
    }),
    ("backspaces", |dice, case| {
        let secret = within(dice, &case.secret, 3, |dice, _| format!("{}\x08", dice.word(1)));
        format!("{}{secret}{}", case.before, case.after)
    }),
    ("titles within", |dice, case| {
        let secret = within(dice, &case.secret, 2, |_, _| "\x1b]0;build\x07".to_owned());
        format!("{}{secret}{}", case.before, case.after)
    }),
    ("a link's text", |_, case| {
        format!(
            "{}\x1b]8;;https://example.com\x1b\\{}\x1b]8;;\x1b\\{}",
            case.before, case.secret, case.after
        )
    }),
    ("a link's address", |_, case| {
        format!("\x1b]8;;https://example.com/?x={}\x1b\\here\x1b]8;;\x1b\\", case.secret)
    }),
    ("a title", |_, case| format!("\x1b]0;{}\x07ready", plain(case))),
    ("cursor moved back", |_, case| {
        format!("{}\x1b[1G{}", "x".repeat(case.before.len()), plain(case))
    }),
    ("zero bytes within", |dice, case| {
        let secret = within(dice, &case.secret, 2, |_, _| "\0".to_owned());
        format!("{}{secret}{}", case.before, case.after)
    }),
    ("hidden characters within", |dice, case| {
        let secret = within(dice, &case.secret, 2, |dice, _| {
            ["\u{200b}", "\u{feff}", "\u{ad}", "\u{2060}"][dice.below(4)].to_owned()
        });
        format!("{}{secret}{}", case.before, case.after)
    }),
    ("a return at its end", |_, case| format!("{}\r", plain(case))),
    ("after wide text", |_, case| format!("🔑 令牌 {}", plain(case))),
];

fn plain(case: &Case) -> String {
    format!("{}{}{}", case.before, case.secret, case.after)
}

/// Puts something between some of the secret's characters.
fn within(dice: &mut Dice, secret: &str, times: usize, mut put: impl FnMut(&mut Dice, char) -> String) -> String {
    let places: Vec<usize> = (0..times).map(|_| 1 + dice.below(secret.len() - 1)).collect();
    let mut out = String::new();
    for (at, char) in secret.chars().enumerate() {
        if places.contains(&at) {
            out.push_str(&put(dice, char));
        }
        out.push(char);
    }
    out
}

fn recorder(known: &[&str], pty: Option<(u16, u16)>) -> Recorder {
    let redactor = known
        .iter()
        .fold(Redactor::builder(), |builder, value| builder.known_secret(*value))
        .build()
        .expect("no custom rule, no mistake");
    let mut options = RecorderOptions::default();
    options.pty = pty;
    Recorder::new(redactor.scrubber(), Source::Stdout, options)
}

fn recorded<'a>(mut recorder: Recorder, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Recorded> {
    let mut entries = Vec::new();
    for piece in pieces {
        recorder.push(piece, START, &mut entries);
    }
    recorder.finish(START, &mut entries);
    entries
}

fn texts(entries: &[Recorded]) -> Vec<&str> {
    entries
        .iter()
        .filter_map(|entry| match &entry.event {
            LogEvent::Line { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// A window of the secret in anything that was recorded, text or not.
fn survivor(secret: &str, entries: &[Recorded]) -> Option<String> {
    let mut stored = Vec::new();
    for entry in entries {
        entry.write_json(&mut stored);
        stored.push(b'\n');
    }
    let stored = String::from_utf8(stored).expect("JSON is UTF-8");
    let chars: Vec<char> = secret.chars().collect();
    chars
        .windows(WINDOW.min(chars.len()))
        .map(|window| window.iter().collect::<String>())
        .find(|window| stored.contains(window.as_str()))
}

/// Cuts bytes at random places, some of them next to each other.
fn torn<'a>(dice: &mut Dice, bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + dice.below(12)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Judges bytes that hold secrets, read whole, byte by byte and torn: nothing survives, and all give the same.
fn check(
    dice: &mut Dice,
    what: &str,
    known: &[&str],
    pty: Option<(u16, u16)>,
    bytes: &[u8],
    secrets: &[&str],
) -> Vec<String> {
    let whole = recorded(recorder(known, pty), std::iter::once(bytes));
    let mut failures = Vec::new();
    for secret in secrets {
        if let Some(window) = survivor(secret, &whole) {
            failures.push(format!(
                "{what}: left «{window}» of {:?} in {:?}",
                String::from_utf8_lossy(bytes),
                texts(&whole)
            ));
        }
    }
    let singles = recorded(recorder(known, pty), bytes.chunks(1));
    let pieces = torn(dice, bytes);
    let pieces = recorded(recorder(known, pty), pieces.into_iter());
    for (how, other) in [("byte by byte", &singles), ("torn", &pieces)] {
        if texts(other) != texts(&whole) {
            failures.push(format!(
                "{what}: {how} {:?} differs from {:?}",
                texts(other),
                texts(&whole)
            ));
        }
    }
    failures
}

#[track_caller]
fn none(failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn no_dress_of_a_line_lets_a_secret_through() {
    let mut dice = Dice(11);
    let mut failures = Vec::new();
    for _ in 0..6 {
        let known = format!("{}!{}", dice.word(9), dice.word(9));
        for case in cases(&mut dice, &known) {
            for (dress, bytes) in DRESSES {
                for pty in [None, Some((24, 120))] {
                    let bytes = format!("before\r\n{}\r\nafter\r\n", bytes(&mut dice, &case));
                    let what = format!("{}, {dress}, {}", case.what, if pty.is_some() { "pty" } else { "pipe" });
                    failures.extend(check(
                        &mut dice,
                        &what,
                        &[&known],
                        pty,
                        bytes.as_bytes(),
                        &[&case.secret],
                    ));
                }
            }
        }
    }
    none(&failures);
}

/// Bytes that do something to a line whose secret begins at a column.
type Harm = fn(usize) -> String;

/// What is done to a line once it is there, so that the beginning of its secret goes and the end stays.
const HARMS: &[(&str, Harm)] = &[
    ("written over", |start| format!("\r{}", "x".repeat(start + 3))),
    ("written over in steps", |start| {
        (1..=start + 3).map(|end| format!("\r{}", "-".repeat(end))).collect()
    }),
    ("wiped", |start| format!("\r\x1b[{}X", start + 3)),
    ("wiped backwards", |start| format!("\r\x1b[{}C\x1b[1K", start + 2)),
    ("taken out", |start| format!("\r\x1b[{}P", start + 3)),
    ("taken out one by one", |start| {
        format!("\r{}", "\x1b[P".repeat(start + 3))
    }),
    ("parted", |start| format!("\r\x1b[{}C\x1b[4@", start + 3)),
    ("parted and filled", |start| format!("\r\x1b[{}C\x1b[4@ok, ", start + 3)),
    ("written over, then taken out", |start| {
        format!("\r{}\r\x1b[3P", "x".repeat(start + 3))
    }),
];

#[test]
fn the_end_of_a_secret_whose_beginning_is_gone_is_hidden() {
    let mut dice = Dice(17);
    let mut failures = Vec::new();
    for _ in 0..4 {
        let known = format!("{}!{}", dice.word(9), dice.word(9));
        for case in cases(&mut dice, &known) {
            for (harm, bytes) in HARMS {
                for pty in [None, Some((24, 400))] {
                    let line = plain(&case) + &bytes(case.before.len());
                    let bytes = format!("before\r\n{line}\r\nafter\r\n");
                    let what = format!("{}, {harm}, {}", case.what, if pty.is_some() { "pty" } else { "pipe" });
                    failures.extend(check(
                        &mut dice,
                        &what,
                        &[&known],
                        pty,
                        bytes.as_bytes(),
                        &[&case.secret],
                    ));
                }
            }
        }
    }
    none(&failures);
}

#[test]
fn the_end_of_a_secret_on_the_next_row_is_hidden_when_its_beginning_is_written_over() {
    let mut dice = Dice(18);
    let mut failures = Vec::new();
    for columns in [20, 33, 40] {
        let known = dice.word(70);
        for case in cases(&mut dice, &known) {
            let start = case.before.len() + 3;
            // To the row its beginning is on.
            let rows = (plain(&case).len() - 1) / columns;
            let up = if rows > 0 {
                format!("\x1b[{rows}A")
            } else {
                String::new()
            };
            let down = format!("\x1b[{}B", rows + 1);
            if start >= columns {
                continue;
            }
            let over = "x".repeat(start);
            let bytes = format!("before\r\n{}{up}\r{over}{down}\r\nafter\r\n", plain(&case));
            let what = format!("{}, over rows of {columns}", case.what);
            let pty = Some((24, u16::try_from(columns).expect("it is narrow")));
            failures.extend(check(
                &mut dice,
                &what,
                &[&known],
                pty,
                bytes.as_bytes(),
                &[&case.secret],
            ));
        }
    }
    none(&failures);
}

#[test]
fn text_around_a_secret_stays() {
    let mut dice = Dice(12);
    let known = dice.word(20);
    for case in cases(&mut dice, &known) {
        let bytes = format!("before\n\x1b[32m{}\x1b[0m\nafter\n", plain(&case));
        let entries = recorded(recorder(&[&known], None), std::iter::once(bytes.as_bytes()));
        let expected = format!("{}{}{}", case.before, redact::MASK, case.after);
        assert_eq!(texts(&entries), ["before", &expected, "after"], "{}", case.what);
    }
}

#[test]
fn a_private_key_is_hidden_in_any_dress() {
    let mut dice = Dice(13);
    let mut failures = Vec::new();
    let dashes = "-".repeat(5);
    for label in [
        "RSA PRIVATE KEY",
        "PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ] {
        let body: Vec<String> = (0..12).map(|_| dice.word(64)).collect();
        let mut lines = vec![format!("{dashes}BEGIN {label}{dashes}")];
        lines.extend(body.iter().cloned());
        lines.push(format!("{dashes}END {label}{dashes}"));
        let secrets: Vec<&str> = body.iter().map(String::as_str).collect();
        for (dress, before, after) in [
            ("newlines", "", "\n"),
            ("returns", "", "\r\n"),
            ("coloured", "\x1b[33m", "\x1b[0m\r\n"),
            ("docker step", "#9 0.3 ", "\n"),
            ("after progress", "10%\r90%\r\x1b[K", "\n"),
            ("blank lines", "", "\n\n"),
            ("indented", "\t", "\n"),
        ] {
            let mut bytes = "before\n".to_owned();
            for line in &lines {
                bytes.push_str(before);
                bytes.push_str(line);
                bytes.push_str(after);
            }
            for (end, bytes) in [
                ("whole", bytes.clone() + "after it\n"),
                ("without end", bytes.replace(&lines[13], "")),
            ] {
                for pty in [None, Some((24, 100))] {
                    failures.extend(check(
                        &mut dice,
                        &format!("{label}, {dress}, {end}"),
                        &[],
                        pty,
                        bytes.as_bytes(),
                        &secrets,
                    ));
                }
            }
            let entries = recorded(recorder(&[], None), std::iter::once((bytes + "after it\n").as_bytes()));
            assert_eq!(texts(&entries).last(), Some(&"after it"), "{label}, {dress}");
        }
    }
    none(&failures);
}

#[test]
fn a_secret_written_with_a_pause_within_is_hidden() {
    let mut dice = Dice(14);
    let mut failures = Vec::new();
    for pause in [QUIET / 8, QUIET, QUIET * 3] {
        for _ in 0..4 {
            let known = format!("{}!{}", dice.word(9), dice.word(9));
            for case in cases(&mut dice, &known) {
                let at = case.before.len() + 1 + dice.below(case.secret.len() - 1);
                let line = plain(&case);
                let (first, second) = line.split_at(at);
                let mut recorder = recorder(&[&known], None);
                let mut entries = Vec::new();
                recorder.push(first.as_bytes(), START, &mut entries);
                let later = START.plus(pause);
                recorder.tick(later, &mut entries);
                recorder.push(second.as_bytes(), later, &mut entries);
                recorder.push(b"\n", later, &mut entries);
                recorder.finish(later, &mut entries);
                if let Some(window) = survivor(&case.secret, &entries) {
                    failures.push(format!(
                        "{} after {pause:?}: left «{window}» of {first:?} {second:?} in {:?}",
                        case.what,
                        texts(&entries)
                    ));
                }
            }
        }
    }
    none(&failures);
}

#[test]
fn a_secret_at_a_length_limit_is_hidden() {
    let mut dice = Dice(15);
    let mut failures = Vec::new();
    for limit in [capture::DISPLAY_LIMIT, 16 << 10, capture::SCAN_LIMIT] {
        for back in [0, 3, 12, 30, 50] {
            let known = dice.word(24);
            for case in cases(&mut dice, &known) {
                let fill = limit - back - case.before.len() - 1;
                let bytes = format!(
                    "{} {}\nafter\n",
                    "a b.".repeat(fill / 4 + 1)[..fill].to_owned(),
                    plain(&case)
                );
                let what = format!("{}, {back} before {limit}", case.what);
                failures.extend(
                    check(&mut dice, &what, &[&known], None, bytes.as_bytes(), &[&case.secret])
                        .into_iter()
                        .map(|failure| failure.replace("a b.", "")),
                );
            }
        }
    }
    none(&failures);
}

#[test]
fn bytes_that_are_no_text_hide_nothing() {
    let mut dice = Dice(16);
    let mut failures = Vec::new();
    for _ in 0..3 {
        let known = dice.word(20);
        for case in cases(&mut dice, &known) {
            for odd in [&b"\xff"[..], b"\xc3", b"\xe2\x82", b"\x80", b"\xf0\x9f"] {
                let mut bytes = b"before\n".to_vec();
                bytes.extend(odd);
                bytes.extend(plain(&case).bytes());
                bytes.extend(odd);
                bytes.extend(b"\nafter\n");
                failures.extend(check(&mut dice, case.what, &[&known], None, &bytes, &[&case.secret]));
            }
        }
    }
    none(&failures);
}
