//! What no reader sees does not hide a secret.

#[test]
fn a_character_that_is_not_seen_does_not_break_a_secret() {
    let redactor = redact::Redactor::builder()
        .known_secret("correct-horse-battery-9")
        .build()
        .expect("no custom rule, no mistake");
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    for invisible in [
        '\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{2060}', '\u{fe0f}', '\u{feff}',
    ] {
        for secret in [token.as_str(), "correct-horse-battery-9"] {
            for at in [1, 4, 10, secret.len() - 1] {
                let (before, after) = secret.split_at(at);
                let line = format!("using {before}{invisible}{after} for deploy");
                let clean = redactor.scrubber().scrub(&line);
                assert_eq!(clean.text.as_str(), "using [REDACTED] for deploy", "{line:?}");
                assert_eq!(redactor.scrubber().scrub(clean.text.as_str()).text, clean.text);
            }
        }
    }
    for plain in [
        "👩\u{200d}💻 deployed ✔\u{fe0f}",
        "co\u{ad}operate on to\u{200b}ken handling",
        "\u{feff}{\"a\": 1}",
    ] {
        assert_eq!(redactor.scrubber().scrub(plain).text.as_str(), plain);
    }
}
