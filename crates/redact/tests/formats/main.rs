//! Credentials as their vendors describe them, in the places where build output shows them, and what looks like them.
//!
//! The descriptions are independent of the rules: prefix, alphabet and length as documented, written down once more, so
//! that a rule with a wrong alphabet or length fails here. Every example is made when the test runs.

mod described;
mod lookalikes;

use redact::{MASK, Redactor, Scrubber};

/// A small generator: examples differ, and are the same in every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize
    }
}

fn letters(alphabet: &str) -> &'static str {
    match alphabet {
        "dec" => "0123456789",
        "hex" => "0123456789abcdef",
        "HEX" => "0123456789ABCDEF",
        "az" => "abcdefghijklmnopqrstuvwxyz",
        "AZ" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "aZ" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "low" => "abcdefghijklmnopqrstuvwxyz0123456789",
        "up" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "b32" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "b32low" => "abcdefghijklmnopqrstuvwxyz234567",
        "bech32" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        "a62" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "w63" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_",
        "w64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
        "d63" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-",
        "b64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        other => panic!("no alphabet is named {other}"),
    }
}

/// Makes an example of a description: `<hex:40>` is forty hexadecimal digits, `<uuid>` a UUID, all else stands for itself.
/// Its last part does not end in a hyphen, which a token may but a sentence would hide.
fn example(description: &str, dice: &mut Dice) -> String {
    let mut text = String::new();
    let mut rest = description;
    while let Some((before, after)) = rest.split_once('<') {
        let (run, after) = after.split_once('>').expect("a run is closed");
        text.push_str(before);
        let mut draw = |alphabet: &str, count: usize| {
            let letters = letters(alphabet).as_bytes();
            for _ in 0..count {
                text.push(char::from(letters[dice.next() % letters.len()]));
            }
        };
        match run.split_once(':') {
            Some((alphabet, count)) => draw(alphabet, count.parse().expect("a count")),
            None => {
                for (at, count) in [8, 4, 4, 4, 12].into_iter().enumerate() {
                    if at > 0 {
                        text.push('-');
                    }
                    let letters = letters("hex").as_bytes();
                    for _ in 0..count {
                        text.push(char::from(letters[dice.next() % letters.len()]));
                    }
                }
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// Where build output shows a credential.
const PLACES: &[&str] = &[
    "§",
    "  §  ",
    "\"§\"",
    "'§',",
    "`§`",
    "(§)",
    "[§]",
    "<b>§</b>",
    "value: §",
    "X=§",
    "export DEPLOY_WITH=§",
    "+ DEPLOY_WITH=\"§\" make",
    "{\"v\":\"§\",\"n\":1}",
    "\"{\\\"v\\\":\\\"§\\\"}\"",
    "#12 0.345 using § now",
    "2026-01-02T03:04:05Z deploying with §, then waiting",
    "It is §.",
    "Is it §?",
    "line\\n§\\nline",
    "é§é",
    "→§←",
    "https://api.example.com/v1/things?page=1&v=§&size=2",
    "a;§;b",
    "a|§|b",
];

fn scrubber() -> Scrubber {
    Redactor::builder().build().expect("the built-in rules").scrubber()
}

/// A description may have a part that stays in front of a `§`.
fn parts(description: &str) -> (&str, &str) {
    description.split_once('§').unwrap_or(("", description))
}

/// Whether a line is as expected. Where the format has a name of its own in front, as in `session=`, the value is read
/// by its name as well, which may take the sign after it along.
fn same(clean: &str, expected: &str, stays: &str, secret: &str) -> bool {
    clean == expected
        || (stays.ends_with('=') || stays.ends_with("= ") || secret.contains("_KEY:"))
            && clean.contains(&format!("{stays}{MASK}"))
            && secret
                .as_bytes()
                .windows(8)
                .all(|part| !clean.as_bytes().windows(8).any(|seen| seen == part))
}

#[test]
fn what_a_vendor_describes_is_hidden_wherever_it_stands() {
    let mut scrubber = scrubber();
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let mut wrong = Vec::new();
    for (vendor, description) in described::FORMATS {
        let (stays, goes) = parts(description);
        let mut first = None;
        let mut failures = 0;
        for _ in 0..12 {
            let (stays, secret) = (example(stays, &mut dice), example(goes, &mut dice));
            for place in PLACES {
                let line = place.replace('§', &format!("{stays}{secret}"));
                let clean = scrubber.scrub(&line);
                let expected = place.replace('§', &format!("{stays}{MASK}"));
                if !same(clean.text.as_str(), &expected, &stays, &secret) {
                    failures += 1;
                    first.get_or_insert_with(|| format!("{line}\n      -> {}", clean.text));
                }
            }
        }
        if let Some(first) = first {
            wrong.push(format!(
                "{vendor}: {failures} of {}, as\n         {first}",
                12 * PLACES.len()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} formats:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn more_than_two_hundred_and_fifty_formats_are_described() {
    assert!(described::FORMATS.len() > 250, "{}", described::FORMATS.len());
}

#[test]
fn what_only_looks_like_a_credential_stays() {
    let mut scrubber = scrubber();
    let mut changed = Vec::new();
    for line in lookalikes::LINES {
        let clean = scrubber.scrub(line);
        if clean.text.as_str() != *line {
            changed.push(format!("{line}\n   -> {} {:?}", clean.text, clean.masked));
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
fn what_is_drawn_by_chance_but_is_no_credential_stays() {
    let mut scrubber = scrubber();
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut changed = Vec::new();
    for description in lookalikes::DRAWN {
        for _ in 0..200 {
            let line = example(description, &mut dice);
            let clean = scrubber.scrub(&line);
            if clean.text.as_str() != line {
                changed.push(format!("{line}\n   -> {} {:?}", clean.text, clean.masked));
            }
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
fn a_token_with_a_right_checksum_ends_where_it_ends() {
    // Samples that were published with their checksums, so that the generator cannot agree with a mistake in the check.
    for (prefix, body, sum) in [
        ("ghp", "sbUsUmRNn8X74dFU0DJ9Fm1mvdCgtH", "474T38"),
        ("gho", "vr0nUtGPA6FMaUb56n4uJwJAoWuVfV", "4OdycX"),
        ("vcp", "35UYJwYZDigYATKhxJUAhPqRhit2Xe3dtiG60LsUTHeklEXDQ9", "4Jafpu"),
    ] {
        let clean = scrubber().scrub(&format!("{prefix}_{body}{sum}NextToken"));
        assert_eq!(clean.text.as_str(), format!("{MASK}NextToken"));
        let wrong = scrubber().scrub(&format!("{prefix}_{body}000000NextToken"));
        assert_eq!(wrong.text.as_str(), MASK, "a wrong checksum unmasks nothing");
    }
}
