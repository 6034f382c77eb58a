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

/// What the program says of this key, by its flag and by its variable; it must be the same.
fn said_of_key(value: &str) -> String {
    let by_flag = run(&[&NEEDED[..], &["--clerk-jwt-key", value]].concat());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailwater-gateway"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TAILWATER_")) {
        command.env_remove(name);
    }
    let by_variable = command
        .args(NEEDED)
        .env("TAILWATER_CLERK_JWT_KEY", value)
        .output()
        .unwrap();
    assert_eq!((by_flag.status.code(), by_variable.status.code()), (Some(2), Some(2)));
    let said = |output: &Output| {
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    };
    assert_eq!(said(&by_flag), said(&by_variable));
    said(&by_flag)
}

#[test]
fn a_given_key_is_taken_as_a_value_or_a_file_however_it_was_pasted() {
    let clerk = testkit::clerk::Clerk::new();
    let folder = tempfile::tempdir().unwrap();
    let pem = clerk.pem();
    let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let forms = [
        pem.clone(),
        clerk.pem_pkcs1(),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\\n"),
        pem.replace('\n', " "),
        format!("\"{}\"", pem.replace('\n', "\\n")),
        format!("'{pem}'"),
        bare,
    ];
    for (number, form) in forms.iter().enumerate() {
        let file = folder.path().join(format!("key-{number}.pem"));
        std::fs::write(&file, form).unwrap();
        for value in [form.as_str(), file.to_str().unwrap()] {
            // The key is good, so the first thing to complain of is the store, which was never going to be there.
            let said = said_of_key(value);
            assert!(
                said.contains("--store") && !said.contains("--clerk-jwt-key"),
                "{value}: {said}"
            );
        }
    }
}

#[test]
fn what_is_not_clerks_public_key_is_said_calmly_and_never_repeated() {
    use testkit::clerk::Clerk;
    let clerk = Clerk::new();
    let folder = tempfile::tempdir().unwrap();
    let secret = ["sk", "test", "cGFzc3dvcmRwYXNzd29yZA"].join("_");
    for (value, sentence) in [
        (
            clerk.private_pem(),
            "it is a private key, and only the public key belongs here",
        ),
        (clerk.private_pem().replace('\n', "\\n"), "it is a private key"),
        (
            clerk.pem().replace("PUBLIC KEY", "CERTIFICATE"),
            "it is a certificate, not a public key",
        ),
        (Clerk::of(1024, 65537, 0).pem(), "it has fewer than 2048 bits"),
        (Clerk::of(2048, 3, 0).pem(), "its exponent is not 65537"),
        (secret, "it is a secret key"),
        (clerk.jwks(), "it is JSON"),
        (clerk.pem().replace("MII", "M*I"), "its base64 is broken"),
        (String::new(), "it is empty"),
        ("x".repeat(70_000), "it is too long to be a public key"),
    ] {
        let file = folder.path().join("key");
        std::fs::write(&file, &value).unwrap();
        for given in [value.as_str(), file.to_str().unwrap()] {
            let said = said_of_key(given);
            assert!(
                said.starts_with("error: --clerk-jwt-key: the key is not usable: "),
                "{said}"
            );
            assert!(said.contains(sentence) && said.lines().count() == 1, "{said}");
            let parts = value
                .split(['\n', '"', '_', '\\'])
                .filter(|part| part.len() > 20 && !part.contains("-----"));
            for part in parts {
                assert!(!said.contains(part), "{said}");
            }
        }
    }
    for nowhere in [
        "/no/such/file",
        "./no-such-key",
        "no-such-key.pem",
        folder.path().to_str().unwrap(),
    ] {
        let said = said_of_key(nowhere);
        assert!(
            said.contains("--clerk-jwt-key: the file that it names cannot be read"),
            "{said}"
        );
        assert!(!said.contains(nowhere), "{said}");
    }
}

#[test]
fn a_store_that_may_lose_lines_is_named_at_start() {
    let server = testkit::redis::RedisServer::options()
        .set("maxmemory-policy", "allkeys-lru")
        .start();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailwater-gateway"));
    command.args(["--store", &server.url()]).args(&NEEDED[2..]);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    let running = testkit::program::Running::start(&mut command, &folder.path().join("output"));
    testkit::program::wait_until("both warnings", testkit::program::READY, || {
        let said = running.output();
        (said.contains("evicts keys") && said.contains("keeps nothing on disk")).then_some(())
    });
}
