//! Private keys over lines.

use redact::{MASK, Redactor, Scrubber};

fn body(lines: usize) -> Vec<String> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    let mut line = |length: usize| {
        (0..length)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                char::from(letters[(state >> 20) as usize % letters.len()])
            })
            .collect::<String>()
    };
    let mut all: Vec<String> = (1..lines).map(|_| line(64)).collect();
    all.push(format!("{}=", line(23)));
    all
}

fn key(kind: &str, lines: usize) -> Vec<String> {
    let mut all = vec![format!("-----{} {kind}-----", "BEGIN")];
    all.extend(body(lines));
    all.push(format!("-----{} {kind}-----", "END"));
    all
}

fn scrubber() -> Scrubber {
    Redactor::builder().build().expect("a redactor").scrubber()
}

const KINDS: [&str; 7] = [
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
    "ENCRYPTED PRIVATE KEY",
    "OPENSSH PRIVATE KEY",
    "DSA PRIVATE KEY",
    "PGP PRIVATE KEY BLOCK",
];

#[test]
fn every_line_of_a_key_is_hidden_and_its_prefix_stays() {
    for kind in KINDS {
        for prefix in ["", "    ", "#9 0.312 ", "2026-01-02T03:04:05Z ", "+ ", "[web] ", "> "] {
            let mut scrubber = scrubber();
            for line in key(kind, 12) {
                let clean = scrubber.scrub(&format!("{prefix}{line}"));
                assert_eq!(clean.text.as_str(), format!("{prefix}{MASK}"), "{kind}: {prefix}{line}");
            }
            assert!(!scrubber.holds_open());
            assert_eq!(scrubber.scrub("Done in 2.31s.").text.as_str(), "Done in 2.31s.");
        }
    }
}

#[test]
fn a_prefix_that_changes_from_line_to_line_leaks_nothing() {
    let mut scrubber = scrubber();
    for (at, line) in key("RSA PRIVATE KEY", 12).iter().enumerate() {
        let clean = scrubber.scrub(&format!("#9 {}.{at} {line}", at * 7));
        assert_eq!(clean.text.as_str(), format!("#9 {}.{at} {MASK}", at * 7));
    }
}

#[test]
fn a_key_on_one_line_is_hidden_however_its_newlines_are_written() {
    for newline in ["\\n", "\\\\n", "\\r\\n", " ", "%0A", "&#10;", "\\u000a"] {
        for kind in KINDS {
            let line = format!("{{\"key\": \"{}\"}}", key(kind, 6).join(newline));
            let clean = scrubber().scrub(&line);
            for part in body(6) {
                assert!(
                    !clean.text.as_str().contains(&part[..8]),
                    "{newline} {kind}: {}",
                    clean.text
                );
            }
            assert!(clean.text.as_str().starts_with("{\"key\": \""), "{}", clean.text);
            assert!(clean.text.as_str().ends_with("\"}"), "{newline} {kind}: {}", clean.text);
        }
    }
}

#[test]
fn sentences_after_a_beginning_are_no_key_for_long() {
    let begin = ["-----BEGIN OPENSSH PRIVATE", " KEY-----"].concat();
    let plain = "Compiling 12 modules, none of them with a secret";
    let mut scrubber = redact::Redactor::builder().build().expect("a redactor").scrubber();
    scrubber.scrub(&begin);
    let hidden = (0..100)
        .take_while(|_| scrubber.scrub(plain).text.as_str() != plain)
        .count();
    assert!(hidden < 5, "{hidden} lines are gone");
}

#[test]
fn a_key_without_an_end_is_hidden_and_the_log_comes_back() {
    let mut scrubber = scrubber();
    for line in &key("RSA PRIVATE KEY", 20)[..15] {
        assert_eq!(scrubber.scrub(line).text.as_str(), MASK);
        assert!(scrubber.holds_open());
    }
    let rest: Vec<_> = (0..10)
        .map(|n| {
            scrubber
                .scrub(&format!("Compiling module {n} of the shop, please wait..."))
                .text
        })
        .collect();
    assert!(!scrubber.holds_open());
    assert_eq!(rest[9].as_str(), "Compiling module 9 of the shop, please wait...");
    // Were it to go on after all, its full lines are still hidden.
    assert_eq!(scrubber.scrub(&body(2)[0]).text.as_str(), MASK);
}

#[test]
fn a_line_that_is_cut_after_the_beginning_opens_a_key() {
    let mut scrubber = scrubber();
    let all = key("PRIVATE KEY", 6);
    scrubber.scrub(&format!("KEY=\"{}", all[0]));
    for line in &all[1..] {
        assert!(!scrubber.scrub(line).text.as_str().contains(&line[..8]), "{line}");
    }
    assert!(!scrubber.holds_open());
}

#[test]
fn headers_of_an_encrypted_key_do_not_let_it_through() {
    let mut scrubber = scrubber();
    let mut all = key("RSA PRIVATE KEY", 6);
    all.splice(
        1..1,
        [
            "Proc-Type: 4,ENCRYPTED".to_owned(),
            "DEK-Info: AES-128-CBC,ABCDEF0123456789".to_owned(),
            String::new(),
        ],
    );
    for line in &all {
        let clean = scrubber.scrub(line);
        assert!(
            line.len() < 30 || !clean.text.as_str().contains(&line[line.len() - 16..]),
            "{line}"
        );
    }
}

#[test]
fn the_private_lines_of_a_putty_key_are_hidden_and_the_rest_stays() {
    let mut scrubber = scrubber();
    let material = body(4);
    let mut lines = vec![
        format!("PuTTY-User-Key-{}-3: ssh-ed25519", "File"),
        "Encryption: none".to_owned(),
        "Comment: ana@laptop".to_owned(),
        "Public-Lines: 1".to_owned(),
        "AAAAC3NzaC1lZDI1NTE5AAAAIJ8Qm2uJ2l4u1X6yLQ0F2m8Jk0q7".to_owned(),
        format!("Private-{}: 4", "Lines"),
    ];
    let before = lines.len();
    lines.extend(material.iter().cloned());
    lines.push(format!("Private-MAC: {}", "0a1b2c3d".repeat(8)));
    for (at, line) in lines.iter().enumerate() {
        let clean = scrubber.scrub(line);
        if at == 0 {
            assert_eq!(clean.text.as_str(), format!("{MASK}3: ssh-ed25519"));
        } else if at < before {
            assert_eq!(clean.text.as_str(), line);
        } else {
            assert!(clean.text.as_str().ends_with(MASK), "{}", clean.text);
        }
    }
    assert!(!scrubber.holds_open());
}

#[test]
fn two_streams_of_one_redactor_do_not_share_a_key() {
    let redactor = Redactor::builder().build().unwrap();
    let (mut out, mut err) = (redactor.scrubber(), redactor.scrubber());
    out.scrub(&key("PRIVATE KEY", 3)[0]);
    assert!(out.holds_open() && !err.holds_open());
    assert_eq!(err.scrub("plain").text.as_str(), "plain");
}
