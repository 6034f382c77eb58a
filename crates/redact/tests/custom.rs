//! Rules of one's own.

use redact::{CustomRule, Error, Redactor};

#[test]
fn the_first_group_is_hidden_when_there_is_one() {
    let rule = CustomRule::new("acme-seat", "seat ", "seat ([0-9]{6})").unwrap();
    let redactor = Redactor::builder().rule(rule).build().unwrap();
    let clean = redactor.scrubber().scrub("seat 123456, seat 654321 and seat 1");
    assert_eq!(clean.text.as_str(), "seat [REDACTED], seat [REDACTED] and seat 1");
    assert_eq!((clean.masked[0].rule.as_str(), clean.masked[0].count), ("acme-seat", 2));
    assert!(redactor.rules().any(|rule| rule.id.as_str() == "acme-seat"));
}

#[track_caller]
fn refused(id: &str, literal: &str, pattern: &str, why: &str) {
    let error = CustomRule::new(id, literal, pattern).expect_err("a refusal");
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn rules_that_could_do_harm_are_refused_with_a_sentence() {
    refused("Acme", "acme", "acme", "not valid");
    refused("acme", "ac", "ac[0-9]+", "at least 3");
    refused("acme", "   ", "[0-9]{9}", "at least 3");
    refused("acme", "acme", "acme[", "does not parse");
    refused("acme", "acme", "(acme)?", "empty text");
    refused("acme", "acme", "acme_(?=x)[a-z]+", "look-around");
    refused("acme", "acme", r"(acme)_\1", "back-references");
    refused("acme", "acme", "[a-z]+", "plain words");
    refused("acme", "acme", "(?:acme|[a-z]{9})_[0-9]+", "holds its literal");
    refused("acme", "acme", "a[c]m+e_[0-9]+", "holds its literal");
    refused("acme", "acme_", "(?i)acme_[0-9]{9}", "letter for letter");
    refused("acme", "acme", "(?:acme)?[0-9]{9}", "holds its literal");
    refused("acme", "acme", "other_[0-9]{9}", "holds its literal");
    refused("acme", "build", "build", "plain words");
}

#[test]
fn a_literal_may_stand_anywhere_in_a_pattern() {
    for (literal, pattern) in [
        ("acme", "[0-9]{4}-acme-[0-9]+"),
        ("key_acme", "(?:key)_(acme[0-9]{4})"),
        ("acme", "(?:acme_[a-z]{9}|old_acme[0-9]{9})"),
        ("===", "={3}[0-9]{9}"),
        ("acme", "(?:acme[0-9]){2,4}"),
        ("acme", r"\bacme\b.[0-9]+"),
    ] {
        assert!(CustomRule::new("acme", literal, pattern).is_ok(), "{pattern}");
    }
}

#[test]
fn an_id_that_is_taken_is_refused() {
    let rule = || CustomRule::new("acme-key", "acme_", "acme_[0-9]{9}").unwrap();
    let twice = Redactor::builder().rule(rule()).rule(rule()).build();
    assert!(matches!(twice, Err(Error::DuplicateRule { .. })));
    let built_in = CustomRule::new("github-token", "acme_", "acme_[0-9]{9}").unwrap();
    assert!(matches!(
        Redactor::builder().rule(built_in).build(),
        Err(Error::DuplicateRule { .. })
    ));
}

#[test]
fn stored_text_is_scanned_again_with_the_rules_of_today() {
    let old = Redactor::builder().build().unwrap();
    let stored = old.scrubber().scrub("ticket acme_123456789").text;
    assert!(old.rescan(&stored).is_none());
    let rule = CustomRule::new("acme-key", "acme_", "acme_[0-9]{9}").unwrap();
    let new = Redactor::builder().rule(rule).build().unwrap();
    let clean = new.rescan(&stored).unwrap();
    assert_eq!(clean.text.as_str(), "ticket [REDACTED]");
    assert!(new.rescan(&clean.text).is_none());
}

#[test]
fn what_the_program_says_is_safe_whatever_it_is_given() {
    let secret = ["Tr0ub", "4dor3"].concat();
    let text = redact::system_text(format!("could not reach redis://:{secret}@cache:6379"));
    assert_eq!(text.as_str(), "could not reach redis://:[REDACTED]@cache:6379");
}

#[test]
fn a_line_with_more_places_than_are_counted_is_hidden_to_its_end() {
    let rule = CustomRule::new("acme-key", "acme_", "acme_[0-9](?:.*never)?").unwrap();
    let redactor = Redactor::builder().rule(rule).build().unwrap();
    let clean = redactor.scrubber().scrub(&"acme_1 ".repeat(5000));
    assert!(!clean.text.as_str().contains("acme"));
    assert!(clean.text.as_str().starts_with("[REDACTED] [REDACTED] "));
}

#[test]
fn a_pattern_that_grows_without_measure_is_refused() {
    refused("acme", "acme_", "acme_(?:[a-z]{1,900}-){1,900}", "1 MiB");
    assert!(CustomRule::new("acme", "acme_", "acme_(?:a|b|ab)+$").is_ok());
}
