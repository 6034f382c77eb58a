//! Build output to measure with.

use std::fmt::Write;

use capture::Screen;
use testkit::recordings::{self, Stream};

/// Recordings that are hard cases made by a script rather than what a tool wrote.
const MADE: [&str; 6] = [
    "binary-random",
    "lines-200k",
    "one-line-1mib",
    "unicode-deep",
    "invalid-utf8",
    "interleaved-2000",
];

/// The bytes that real tools wrote to their pipes, over and over until they are `least` bytes.
pub fn recorded_bytes(least: usize) -> Vec<u8> {
    let once: Vec<u8> = recordings::names("pipe")
        .into_iter()
        .filter(|name| !MADE.iter().any(|made| name.starts_with(made)))
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
    let mut bytes = Vec::with_capacity(least + once.len());
    while bytes.len() < least {
        bytes.extend_from_slice(&once);
    }
    bytes
}

/// The same as a person would see it: lines without escapes, each with its newline.
pub fn recorded_lines(least: usize) -> String {
    let mut text = String::new();
    let mut screen = Screen::pipe();
    let mut emit = |line: capture::Line<'_>| {
        text.push_str(line.text);
        text.push('\n');
    };
    screen.push(&recorded_bytes(least), &mut emit);
    screen.finish(&mut emit);
    text
}

/// A burst of lines as a bundler writes them, some 90 bytes each, about `least` bytes.
pub fn burst(least: usize) -> String {
    let mut text = String::with_capacity(least + 100);
    let mut number = 0u32;
    while text.len() < least {
        let hash = number.wrapping_mul(0x9E37_79B1);
        writeln!(
            text,
            "[{number:06}] transforming src/components/module-{number}/index.tsx -> dist/assets/chunk-{hash:08x}.js"
        )
        .expect("a String takes writes");
        number += 1;
    }
    text
}
