//! The stand-in for a recorded command writes what it wrote, where it wrote it, and ends as it did.

use std::process::Command;

use testkit::recordings::{Stream, folder, load};

#[test]
fn a_recording_is_played_byte_for_byte_and_ends_as_the_command_did() {
    for (name, code) in [
        ("vite-build.pipe", 0),
        ("npm-install-404.pipe", 1),
        ("vite-dev.pipe", 143),
        ("binary-random.pipe", 0),
    ] {
        let plain = folder().join(format!("{name}.rec"));
        let file = if plain.exists() {
            plain
        } else {
            folder().join(format!("{name}.rec.gz"))
        };
        let played = Command::new(env!("CARGO_BIN_EXE_replay"))
            .arg(file)
            .output()
            .expect("it was built for this test");
        let recorded = load(name);
        assert_eq!(played.stdout, recorded.bytes_of(Stream::Out), "{name}");
        assert_eq!(played.stderr, recorded.bytes_of(Stream::Err), "{name}");
        assert_eq!(played.status.code(), Some(code), "{name}");
    }
}

#[test]
fn without_a_recording_it_says_how_it_is_used() {
    let said = Command::new(env!("CARGO_BIN_EXE_replay"))
        .output()
        .expect("it was built for this test");
    assert_eq!(said.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&said.stderr).starts_with("usage: replay"));
}
