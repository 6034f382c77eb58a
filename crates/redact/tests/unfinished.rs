//! What may be shown of a line before its end, and what is made of the end then.

use proptest::prelude::*;
use redact::{Redactor, Scrubber};

fn known() -> String {
    ["correct", "horse", "battery 7"].join(" ")
}

fn scrubber() -> Scrubber {
    let redactor = Redactor::builder().known_secret(known()).build();
    redactor.expect("a redactor").scrubber()
}

#[test]
fn prompts_are_shown() {
    for prompt in [
        "Ok to proceed? (y) ",
        "? Project name: › ",
        "Password: ",
        "Password:",
        "[sudo] password for ana: ",
        "Continue? [y/N]",
        "Installing...",
        "$ ",
        "mysql> ",
    ] {
        let shown = scrubber().scrub_unfinished("", prompt);
        assert_eq!(shown.expect("it is a prompt").text.as_str(), prompt);
    }
}

#[test]
fn what_could_become_a_secret_is_not_shown() {
    let token = ["gh", "p_abc"].concat();
    for beginning in [
        token.as_str(),
        "sk",
        "password: \"abc ",
        "https://ana:secret?",
        "using correct ",
        "CORRECT  horse ",
        "-----BEGIN RSA ",
        "AKIA",
        "Authorization: Bearer",
    ] {
        assert_eq!(scrubber().scrub_unfinished("", beginning), None, "{beginning}");
    }
}

#[test]
fn what_follows_a_prompt_is_its_answer() {
    let value = ["Xk29", "vv01", "Lq88"].concat();
    let mut scrubber = scrubber();
    assert!(scrubber.scrub_unfinished("", "Password: ").is_some());
    assert_eq!(scrubber.scrub_after("Password: ", &value).text.as_str(), redact::MASK);
    assert_eq!(scrubber.scrub(&value).text.as_str(), value);
    // Answered on the next line, the prompt's line being over.
    scrubber.scrub_after("Password: ", "");
    assert_eq!(scrubber.scrub(&value).text.as_str(), redact::MASK);
}

#[test]
fn a_value_registered_while_a_line_is_unfinished_is_hidden_in_it() {
    let redactor = Redactor::builder().build().expect("a redactor");
    let mut scrubber = redactor.scrubber();
    assert!(scrubber.scrub_unfinished("", "answer: zebra ").is_some());
    redactor.register("zebra crossing 7");
    assert_eq!(scrubber.scrub_unfinished("", "answer: zebra "), None);
    assert_eq!(
        scrubber.scrub_after("answer: ", "zebra crossing 7").text.as_str(),
        redact::MASK
    );
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,8}",
        prop::sample::select(vec![
            "password: ",
            "token=",
            "api_key: ",
            "\"",
            "'",
            "? ",
            ": ",
            "://",
            "ana:",
            "@host.example.com ",
            "Bearer ",
            "Authorization: ",
            "Cookie: a=",
            "correct ",
            "horse ",
            "battery 7",
            "-----BEGIN ",
            "RSA ",
            "PRIVATE KEY-----",
            "--password ",
            "> ",
            "...",
        ])
        .prop_map(str::to_owned),
        "[A-Za-z0-9]{8,24}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_line_shown_in_two_parts_shows_nothing_that_the_whole_hides(pieces in prop::collection::vec(piece(), 1..8), at in 0usize..120) {
        let line = pieces.concat();
        let at = line.floor_char_boundary(at.min(line.len()));
        let (shown, rest) = line.split_at(at);
        let Some(first) = scrubber().scrub_unfinished("", shown) else { return Ok(()) };
        let mut two = scrubber();
        let second = two.scrub_after(shown, rest);
        let whole = scrubber().scrub(&line);
        // Every stretch of eight characters that the whole hides is hidden in the parts.
        let parts = format!("{}\u{0}{}", first.text, second.text);
        for window in line.as_bytes().windows(8) {
            let window = String::from_utf8_lossy(window).into_owned();
            prop_assert!(whole.text.as_str().contains(&window) || !parts.contains(&window), "{window} in {parts}, not in {}", whole.text);
        }
    }
}
