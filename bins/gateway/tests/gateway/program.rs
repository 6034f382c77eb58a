//! The program itself: its settings and how it ends.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailwater-gateway"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TAILWATER_")) {
        command.env_remove(name);
    }
    command.args(arguments).output().unwrap()
}

const NEEDED: [&str; 6] = [
    "--store",
    "sqlite:/dev/null/nowhere/log.sqlite",
    "--clerk-issuer",
    "https://clerk.example.com",
    "--clerk-authorized-parties",
    "https://app.example.com",
];

#[track_caller]
fn check(arguments: &[&str], sentence: &str) {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(sentence), "{said}");
}

#[test]
fn there_is_no_start_without_a_store_an_issuer_and_parties() {
    check(&[], "--store");
    check(&NEEDED[..2], "--clerk-issuer");
    check(&NEEDED[..4], "--clerk-authorized-parties");
}

#[test]
fn a_wrong_setting_is_named_with_what_was_expected() {
    let with = |more: &[&'static str]| [&NEEDED[..], more].concat();
    check(&with(&["--heartbeat", "15"]), "a duration needs its unit, as in 15s");
    check(&with(&["--page-rate", "20"]), "per second, as in 20/s");
    check(&with(&["--allowed-origins", "*"]), "--allowed-origins");
    check(&with(&["--clerk-cookie-suffix", "a b"]), "a suffix is");
    check(
        &with(&["--clerk-jwks-url", "http://keys.example.com/jwks"]),
        "--clerk-jwks-url",
    );
    check(&with(&["--clerk-jwt-key", "not a key"]), "--clerk-jwt-key");
    check(&with(&["--drain-notice", "1m"]), "--drain-notice");
    check(&with(&["--max-streams", "0"]), "--max-streams: must be from 1 to");
    check(&with(&["--max-streams", "9223372036854775807"]), "--max-streams");
    check(&with(&["--max-streams-per-job", "0"]), "--max-streams-per-job");
}

#[test]
fn a_key_or_password_is_never_repeated() {
    let password = ["hunter", "2", "hunter", "2"].concat();
    let store = format!("redis://user:{password}@/not a place");
    let output = run(&["--store", &store]);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains(&password), "{said}");
}
