//! How many megabytes of build output a second does the redactor take, next to merely copying the lines, and next to the
//! loop over patterns that it replaces? And what does it make of a line of nothing but keywords?

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redact::Redactor;

/// Lines as package managers, bundlers, compilers and test runners write them; `#` becomes a digit.
const TEMPLATES: &[&str] = &[
    "npm http fetch GET 200 https://registry.npmjs.org/@babel%2fhelper-plugin-utils ##ms (cache hit)",
    "npm warn deprecated inflight@1.0.#: This module is not supported, and leaks memory. Do not use it.",
    "added ### packages, and audited ### packages in #s",
    "vite v5.#.## building for production...",
    "transforming (###) src/components/dashboard/RevenueChart.tsx",
    "dist/assets/index-B#x#Kq#Z.js                 ###.## kB │ gzip: ##.## kB",
    "src/lib/session.ts(##,#): error TS2339: Property 'password' does not exist on type 'User'.",
    "   Compiling regex-automata v0.4.#",
    "warning: unused variable: `token` --> crates/app/src/main.rs:###:##",
    "Get:## http://deb.example.org/debian bookworm/main amd64 libfiglet#:amd64 2.2.5-# [### kB]",
    "  resolved \"https://registry.yarnpkg.com/lodash/-/lodash-4.17.##.tgz#679591c564c3bffaae8454cf0b3df370c3d6911c\"",
    "  integrity sha512-v2kDEe57lecTulaDIuNTPy3Ry4gLGJ6Z1O3vE1krgXZNrsQ+LFTGHVxVjcXPs17LhbZVGedAJv8XZ1tvj5FvSg==",
    " ✓ src/components/Button.test.tsx (## tests) ###ms",
    "   ✓ renders the label and calls back once when it is clicked ##ms",
    "#9 #.### Step ##/## : RUN npm ci --omit=dev --no-audit --no-fund",
    "[webpack-dev-middleware] asset main.#f#e##b#c###a##d.js ### KiB [emitted] [immutable] [minimized] (name: main)",
    "  ➜  Local:   http://localhost:517#/",
    "INFO  request completed method=GET path=/api/projects/### status=200 duration=##ms",
    "    at Module._compile (node:internal/modules/cjs/loader:1###:14)",
    "    at /app/node_modules/express/lib/router/layer.js:##:#",
    "",
];

/// About 4 MB of such lines.
fn build_output() -> String {
    let mut text = String::new();
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    while text.len() < 4_000_000 {
        for template in TEMPLATES {
            for character in template.chars() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if character == '#' {
                    text.push(char::from(b'0' + (state >> 60) as u8 % 10));
                } else {
                    text.push(character);
                }
            }
            text.push('\n');
        }
    }
    text
}

/// The patterns that a first attempt has, tried one after the other on every line.
fn naive() -> Vec<fancy_regex::Regex> {
    [
        r"AKIA[A-Z2-7]{16}",
        r"gh[pousr]_[A-Za-z0-9]{30,}",
        r"glpat-[\w-]{20,}",
        r"xox[bpars]-[A-Za-z0-9-]{10,}",
        r"sk_(live|test)_[A-Za-z0-9]{10,}",
        r"sk-ant-[\w-]{20,}",
        r"npm_[A-Za-z0-9]{30,}",
        r"SG\.[\w-]{16,}\.[\w-]{32,}",
        r"AIza[\w-]{35}",
        r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*",
        r"(?i)(?<=bearer )[A-Za-z0-9._~+/-]{16,}=*",
        r"(?i)(?<![\w-])(password|passwd|secret|token|api_key)\s*[=:]\s*(?!\$)\S{6,}",
        r"\w+://[^\s:/]+:[^\s@]+@",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    ]
    .iter()
    .map(|pattern| fancy_regex::Regex::new(pattern).expect("a pattern that compiles"))
    .collect()
}

fn redact(criterion: &mut Criterion) {
    let text = build_output();
    let mut group = criterion.benchmark_group("redact");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(3))
        .warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Bytes(text.len() as u64));

    group.bench_function("split and copy", |bencher| {
        bencher.iter(|| {
            for line in text.split('\n') {
                black_box(Box::<str>::from(line));
            }
        });
    });

    let mut scrubber = Redactor::builder()
        .build()
        .expect("no custom rule, no mistake")
        .scrubber();
    group.bench_function("all rules", |bencher| {
        bencher.iter(|| {
            for line in text.split('\n') {
                black_box(scrubber.scrub(line));
            }
        });
    });

    let mut builder = Redactor::builder();
    for number in 0..20u64 {
        builder = builder.known_secret(format!(
            "{:016x}-value-{number}",
            number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ));
    }
    let mut scrubber = builder.build().expect("no custom rule, no mistake").scrubber();
    group.bench_function("all rules and 20 known values", |bencher| {
        bencher.iter(|| {
            for line in text.split('\n') {
                black_box(scrubber.scrub(line));
            }
        });
    });

    let patterns = naive();
    let part = &text[..text.floor_char_boundary(200_000)];
    group.throughput(Throughput::Bytes(part.len() as u64));
    group.bench_function("a loop over 14 patterns", |bencher| {
        bencher.iter(|| {
            for line in part.split('\n') {
                let mut line = line.to_owned();
                for pattern in &patterns {
                    if pattern.is_match(line.as_str()).unwrap_or(false) {
                        line = pattern.replace_all(&line, redact::MASK).into_owned();
                    }
                }
                black_box(line);
            }
        });
    });
    group.finish();
}

fn worst(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redact worst 16 KiB line");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(1))
        .warm_up_time(Duration::from_millis(200));
    for keyword in [
        "eyJ",
        "password",
        "token=",
        "secret:\"",
        "://a:b@",
        "key=",
        "curl -u ",
        "Bearer ",
        "%41",
        "-----BEGIN PRIVATE KEY-----",
    ] {
        let line = keyword.repeat(16 * 1024 / keyword.len());
        let mut scrubber = Redactor::builder()
            .build()
            .expect("no custom rule, no mistake")
            .scrubber();
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(keyword, |bencher| bencher.iter(|| black_box(scrubber.scrub(&line))));
    }
    group.finish();
}

criterion_group!(benches, redact, worst);
criterion_main!(benches);
