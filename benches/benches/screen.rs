//! How fast do a build's bytes become clean, redacted, classed lines, against merely splitting and copying them?

use std::hint::black_box;

use capture::{Recorder, RecorderOptions, Screen, classify};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log_model::{Source, Timestamp};
use redact::Redactor;
use testkit::recordings::{self, Stream};

/// Recorded output of real tools, over and over, until it is some 16 MiB; the synthetic hard cases stand apart.
fn build_output() -> Vec<u8> {
    const HARD: [&str; 5] = [
        "binary-random",
        "lines-200k",
        "one-line-1mib",
        "unicode-deep",
        "invalid-utf8",
    ];
    let once: Vec<u8> = recordings::names("pipe")
        .into_iter()
        .filter(|name| !HARD.iter().any(|hard| name.starts_with(hard)))
        .flat_map(|name| {
            let recording = recordings::load(&name);
            let mut bytes = recording.bytes_of(Stream::Out);
            bytes.extend(recording.bytes_of(Stream::Err));
            if bytes.last().is_some_and(|&last| last != b'\n') {
                bytes.push(b'\n');
            }
            bytes
        })
        .collect();
    let mut bytes = Vec::new();
    while bytes.len() < 16 << 20 {
        bytes.extend_from_slice(&once);
    }
    bytes
}

fn split_and_copy(bytes: &[u8]) -> usize {
    let lines: Vec<Box<[u8]>> = bytes.split(|&b| b == b'\n').map(Box::from).collect();
    lines.len()
}

fn road(bytes: &[u8], redactor: &Redactor) -> usize {
    let mut recorder = Recorder::new(redactor.scrubber(), Source::Stdout, RecorderOptions::default());
    let mut entries = Vec::new();
    let mut lines = 0;
    for piece in bytes.chunks(64 * 1024) {
        recorder.push(piece, Timestamp::from_millis(1), &mut entries);
        lines += entries.len();
        entries.clear();
    }
    lines
}

fn screen(c: &mut Criterion) {
    let redactor = Redactor::builder().build().expect("the built-in rules are sound");
    // Assembled from parts: what no scanner takes for a secret, and no line holds.
    let known = (0..20).map(|at| ["value", "known", "to", "this", "job"].join(&format!("{at}x")));
    let knowing = known.fold(Redactor::builder(), |builder, value| builder.known_secret(value));
    let knowing = knowing.build().expect("the built-in rules are sound");
    let burst = recordings::load("lines-200k.pipe").bytes_of(Stream::Out);
    for (name, bytes) in [("build output", build_output()), ("a burst of plain lines", burst)] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(10);
        group.bench_function("split and copy: the limit", |b| {
            b.iter(|| split_and_copy(black_box(&bytes)))
        });
        group.bench_function("screen alone", |b| {
            b.iter(|| {
                let mut length = 0;
                Screen::pipe().push(black_box(&bytes), &mut |line| length += line.text.len());
                length
            });
        });
        group.bench_function("screen and classify", |b| {
            b.iter(|| {
                let mut classed = 0;
                Screen::pipe().push(black_box(&bytes), &mut |line| {
                    classed += usize::from(classify(line.text).is_some())
                });
                classed
            });
        });
        group.bench_function("screen, redact, classify", |b| {
            b.iter(|| road(black_box(&bytes), &redactor))
        });
        group.bench_function("screen, redact, classify, 20 known values", |b| {
            b.iter(|| road(black_box(&bytes), &knowing))
        });
        group.bench_function("screen of a terminal alone", |b| {
            b.iter(|| {
                let mut length = 0;
                Screen::pty(24, 80).push(black_box(&bytes), &mut |line| length += line.text.len());
                length
            });
        });
        group.finish();
    }
}

criterion_group!(benches, screen);
criterion_main!(benches);
