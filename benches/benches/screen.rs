//! How fast do a build's bytes become clean, redacted, classed lines, against merely splitting and copying them?

use std::hint::black_box;
use std::time::Duration;

use capture::{Line, Recorder, RecorderOptions, Screen, classify};
use log_model::{Source, Timestamp};
use redact::Redactor;
use tailwater_benches::output;
use tailwater_benches::race::{Runner, race};

fn split_and_copy(bytes: &[u8]) {
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for end in memchr::memchr_iter(b'\n', bytes) {
        out.extend_from_slice(&bytes[from..=end]);
        from = end + 1;
    }
    black_box(out);
}

fn screen(mut screen: Screen, bytes: &[u8], mut each: impl FnMut(Line<'_>) -> usize) {
    let mut sum = 0;
    screen.push(bytes, &mut |line| sum += each(line));
    black_box(sum);
}

/// All that happens to a line before it is stored.
fn road(bytes: &[u8], redactor: &Redactor) {
    let mut recorder = Recorder::new(redactor.scrubber(), Source::Stdout, RecorderOptions::default());
    let mut entries = Vec::new();
    for piece in bytes.chunks(64 * 1024) {
        recorder.push(piece, Timestamp::from_millis(1), &mut entries);
        black_box(&entries);
        entries.clear();
    }
}

fn main() {
    let rules = Redactor::builder().build().expect("the built-in rules are sound");
    // Assembled from parts: what no scanner takes for a secret, and no line holds.
    let known = (0..20).map(|at| ["value", "known", "to", "this", "job"].join(&format!("{at}x")));
    let knowing = known.fold(Redactor::builder(), |builder, value| builder.known_secret(value));
    let knowing = knowing.build().expect("the built-in rules are sound");
    for (title, bytes) in [
        ("recorded build output", output::recorded_bytes(4 << 20)),
        ("a burst of plain lines", output::burst(4 << 20).into_bytes()),
    ] {
        let runners = vec![
            Runner::new("split and copy: the limit", || split_and_copy(&bytes)),
            Runner::new("screen", || screen(Screen::pipe(), &bytes, |line| line.text.len())),
            Runner::new("screen and class", || {
                screen(Screen::pipe(), &bytes, |line| {
                    usize::from(classify(line.text).is_some())
                });
            }),
            Runner::new("screen, redaction and class", || road(&bytes, &rules)),
            Runner::new("the same with 20 known values", || road(&bytes, &knowing)),
            Runner::new("the screen of a terminal", || {
                screen(Screen::pty(24, 80), &bytes, |line| line.text.len());
            }),
        ];
        race(title, bytes.len(), Duration::from_secs(10), runners);
    }
}
