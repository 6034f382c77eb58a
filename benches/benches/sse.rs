//! What does event-stream framing cost, beside the JSON it frames? Encode against serde_json into one buffer, and decode.
//!
//! 10,000 lines of build output in one buffer, as a burst of a busy log leaves the gateway. Throughput counts the bytes
//! of the stream (of the JSON, for the floor).

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use log_model::{LogEntry, LogEvent, Phase, Recorded, SafeText, Seq, Source, Timestamp};
use serde_json::Value;
use sse_codec::{Decoder, EventName, Frame, Limits};

static LINE: EventName = EventName::from_static("line");

/// What build tools say, over and over.
const SAID: &[&str] = &[
    "npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory. Do not use it.",
    "added 182 packages, and audited 183 packages in 3s",
    "",
    "> vite-app@0.0.0 dev",
    "  VITE v8.3.8  ready in 159 ms",
    "  ➜  Local:   http://127.0.0.1:5173/",
    "dist/assets/index-DVoHNO1Y.js   143.43 kB │ gzip: 46.08 kB",
    "src/main.tsx(7,25): error TS2345: Argument of type 'HTMLElement | null' is not assignable to parameter of type 'Container'.",
    "    at Module._compile (node:internal/modules/cjs/loader:1554:14)",
    "\"./node_modules/.pnpm/react-dom@19.1.0_react@19.1.0/node_modules/react-dom/cjs/react-dom.production.js\"",
];

#[expect(clippy::disallowed_methods, reason = "there is no secret in the table above")]
fn lines() -> Vec<LogEntry> {
    let phase = Phase::new("install").expect("a word");
    (0..10_000u64)
        .map(|at| LogEntry {
            seq: Seq::new(at + 1).expect("small"),
            recorded: Recorded {
                ts: Timestamp::from_millis(1_771_754_400_000 + at * 3),
                phase: Some(phase.clone()),
                event: LogEvent::Line {
                    source: if at % 10 == 0 { Source::Stderr } else { Source::Stdout },
                    text: SafeText::assume_redacted(SAID[at as usize % SAID.len()]),
                    class: None,
                    cut: None,
                    masked: Vec::new(),
                },
            },
        })
        .collect()
}

/// The JSON alone, which is serde_json into the buffer it is given.
fn json(out: &mut Vec<u8>, line: &LogEntry) {
    line.write_event_json(out);
}

fn encode(c: &mut Criterion) {
    let lines = lines();
    let mut out = Vec::new();
    lines.iter().for_each(|line| json(&mut out, line));
    let ready: Vec<String> = lines
        .iter()
        .map(|line| {
            let mut out = Vec::new();
            json(&mut out, line);
            String::from_utf8(out).expect("JSON is UTF-8")
        })
        .collect();

    let mut group = c.benchmark_group("sse/encode");
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function("floor: serde_json alone", |b| {
        b.iter(|| {
            out.clear();
            lines.iter().for_each(|line| json(&mut out, line));
            black_box(&out);
        });
    });

    let framed = |out: &mut Vec<u8>| {
        out.clear();
        for line in &lines {
            Frame::new(&LINE)
                .id(line.seq.get())
                .write_with(out, |out| json(out, line));
        }
    };
    framed(&mut out);
    group.throughput(Throughput::Bytes(out.len() as u64));
    group.bench_function("frames around serde_json", |b| {
        b.iter(|| {
            framed(&mut out);
            black_box(&out);
        });
    });
    group.bench_function("frames around ready text", |b| {
        b.iter(|| {
            out.clear();
            for (seq, text) in (1u64..).zip(&ready) {
                Frame::new(&LINE).id(seq).write(&mut out, text);
            }
            black_box(&out);
        });
    });
    group.finish();
}

fn decode(c: &mut Criterion) {
    let mut stream = Vec::new();
    for line in &lines() {
        Frame::new(&LINE)
            .id(line.seq.get())
            .write_with(&mut stream, |out| json(out, line));
    }
    let mut group = c.benchmark_group("sse/decode");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for (name, piece) in [("pieces of 64 KiB", 64 << 10), ("pieces of 1,400 bytes", 1_400)] {
        let mut decoder = Decoder::new(Limits::default());
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut data = 0;
                for piece in stream.chunks(piece) {
                    decoder.push(piece);
                    while let Some(event) = decoder.next() {
                        data += event.expect("every line is small").data.len();
                    }
                }
                black_box(data)
            });
        });
    }
    group.bench_function("and its JSON read", |b| {
        let mut decoder = Decoder::new(Limits::default());
        b.iter(|| {
            let mut sum = 0;
            decoder.push(&stream);
            while let Some(event) = decoder.next() {
                let value: Value =
                    serde_json::from_str(event.expect("every line is small").data).expect("our own JSON");
                sum += value["seq"].as_u64().unwrap_or_default();
            }
            black_box(sum)
        });
    });
    group.finish();
}

criterion_group!(benches, encode, decode);
criterion_main!(benches);
