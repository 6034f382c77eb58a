//! Recorded build output through the whole pure road: screen, scrub, cut, classify.

use capture::{Recorder, RecorderOptions, Screen};
use log_model::{Class, LogEvent, Recorded, Source, Timestamp};
use redact::Redactor;
use testkit::recordings::{self, Stream};

fn redactor() -> Redactor {
    Redactor::builder().build().expect("the built-in rules are sound")
}

fn record(bytes: &[u8], piece: usize) -> Vec<Recorded> {
    let mut recorder = Recorder::new(redactor().scrubber(), Source::Stdout, RecorderOptions::default());
    let mut entries = Vec::new();
    let now = Timestamp::from_millis(1);
    for piece in bytes.chunks(piece) {
        recorder.push(piece, now, &mut entries);
    }
    recorder.finish(now, &mut entries);
    entries
}

fn text_of(entry: &Recorded) -> &str {
    match &entry.event {
        LogEvent::Line { text, .. } => text.as_str(),
        other => panic!("a recorder makes lines, not {other:?}"),
    }
}

fn class_of(entry: &Recorded) -> Option<Class> {
    match &entry.event {
        LogEvent::Line { class, .. } => *class,
        _ => None,
    }
}

#[test]
fn the_lines_of_a_recording_do_not_depend_on_how_it_is_read() {
    for name in recordings::names("pipe") {
        let recording = recordings::load(&name);
        for stream in [Stream::Out, Stream::Err] {
            let bytes = recording.bytes_of(stream);
            if bytes.len() > 2_000_000 {
                continue;
            }
            assert_eq!(record(&bytes, 1 << 16), record(&bytes, 7), "{name}");
        }
    }
}

#[test]
fn no_line_of_a_recording_is_lost_or_made_up() {
    for name in recordings::names("pipe") {
        let recording = recordings::load(&name);
        for stream in [Stream::Out, Stream::Err] {
            let bytes = recording.bytes_of(stream);
            let ended = bytes.iter().filter(|&&b| b == b'\n').count();
            let lines = record(&bytes, 1 << 16).len();
            assert!(
                lines == ended || lines == ended + 1,
                "{name}: {ended} newlines, {lines} lines"
            );
        }
    }
}

#[test]
fn every_line_of_a_burst_is_its_own() {
    let bytes = recordings::load("lines-200k.pipe").bytes_of(Stream::Out);
    let entries = record(&bytes, 1 << 16);
    assert_eq!(entries.len(), 200_000);
    for (entry, raw) in entries.iter().zip(bytes.split(|&b| b == b'\n')) {
        assert_eq!(text_of(entry).as_bytes(), raw);
    }
}

#[test]
fn a_line_of_a_mebibyte_is_cut_and_says_how_long_it_was() {
    let entries = record(&recordings::load("one-line-1mib.pipe").bytes_of(Stream::Out), 1 << 16);
    let cut: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            LogEvent::Line {
                text, cut: Some(full), ..
            } => Some((text.len(), *full)),
            _ => None,
        })
        .collect();
    assert_eq!(cut.len(), 1);
    assert!(cut[0].0 <= capture::DISPLAY_LIMIT && cut[0].1 >= 1_048_576, "{cut:?}");
}

#[test]
fn binary_garbage_comes_out_readable() {
    for name in ["binary-random.pipe", "invalid-utf8.pipe"] {
        let recording = recordings::load(name);
        for entry in record(&recording.bytes_of(Stream::Out), 4096) {
            assert!(!text_of(&entry).chars().any(char::is_control), "{name}");
        }
    }
}

#[test]
fn progress_is_one_line_in_its_last_state() {
    let entries = record(&recordings::load("git-clone.pipe").bytes_of(Stream::Err), 1 << 16);
    let progress: Vec<&str> = entries
        .iter()
        .filter(|entry| class_of(entry) == Some(Class::Progress))
        .map(text_of)
        .collect();
    assert!(
        progress
            .iter()
            .any(|text| text.starts_with("Receiving objects: 100% (1906/1906)")),
        "{progress:?}"
    );
    assert!(entries.len() < 20, "404 states, {} lines", entries.len());
}

#[test]
fn noise_is_classed_and_errors_never_are() {
    let noise = recordings::load("npm-install-deprecated-audit.pipe");
    let entries = record(&noise.bytes_of(Stream::Err), 1 << 16);
    assert!(
        entries
            .iter()
            .filter(|entry| class_of(entry) == Some(Class::Deprecated))
            .count()
            > 20
    );
    assert!(entries.iter().any(|entry| class_of(entry) == Some(Class::Notice)));
    for name in [
        "npm-ci.pipe",
        "npm-install-404.pipe",
        "cargo-build-fail.pipe",
        "npm-run-missing-script.pipe",
    ] {
        for entry in record(&recordings::load(name).bytes_of(Stream::Err), 1 << 16) {
            assert!(
                matches!(class_of(&entry), None | Some(Class::Blank)),
                "{name}: {}",
                text_of(&entry)
            );
        }
    }
}

#[test]
fn a_window_brings_out_every_line_of_a_burst() {
    let bytes = recordings::load("lines-200k.pipe").bytes_of(Stream::Out);
    let bytes: Vec<u8> = bytes
        .split_inclusive(|&b| b == b'\n')
        .flat_map(|line| [line.trim_ascii_end(), b"\r\n"].concat())
        .collect();
    let mut lines = 0;
    let mut screen = Screen::pty(24, 80);
    // Rows wider than the terminal are joined again.
    screen.push(&bytes, &mut |_| lines += 1);
    screen.finish(&mut |_| lines += 1);
    assert_eq!(lines, 200_000);
}
