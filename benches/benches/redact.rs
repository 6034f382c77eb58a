//! How many megabytes of build output a second does the redactor take, next to splitting the output into lines and copying
//! them out, and next to the loop over patterns that it replaces? And what does it make of a line of nothing but keywords?

use std::hint::black_box;
use std::time::Duration;

use redact::{Redactor, Scrubber};
use tailwater_benches::output;
use tailwater_benches::race::{Runner, race};

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

/// Calls `each` with every line, without its newline.
fn lines(text: &str, mut each: impl FnMut(&str)) {
    let mut from = 0;
    for end in memchr::memchr_iter(b'\n', text.as_bytes()) {
        each(&text[from..end]);
        from = end + 1;
    }
}

/// Copies every line out, as it is or as `clean` makes it.
fn copy_out(text: &str, mut clean: impl FnMut(&str, &mut String)) {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    lines(text, |line| {
        clean(line, &mut out);
        out.push('\n');
    });
    black_box(out);
}

/// Copies every line out as the redactor leaves it.
fn copy_scrubbed(text: &str, scrubber: &mut Scrubber) {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    scrubber.scrub_lines(text, |_, line| {
        out.push_str(line.text().as_str());
        out.push('\n');
    });
    black_box(out);
}

fn scrubber(known: u64) -> Scrubber {
    let mut builder = Redactor::builder();
    for number in 0..known {
        let random = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        builder = builder.known_secret(format!("{random:016x}-value-{number}"));
    }
    builder.build().expect("no custom rule, no mistake").scrubber()
}

fn build_output(title: &str, text: &str) {
    let mut rules = scrubber(0);
    let mut known = scrubber(20);
    let mut single = scrubber(0);
    let runners = vec![
        Runner::new("split and copy: the limit", || {
            copy_out(text, |line, out| out.push_str(line))
        }),
        Runner::new("all rules", || copy_scrubbed(text, &mut rules)),
        Runner::new("all rules and 20 known values", || copy_scrubbed(text, &mut known)),
        Runner::new("all rules, line by line", || {
            copy_out(text, |line, out| out.push_str(single.scrub(line).text.as_str()));
        }),
    ];
    race(title, text.len(), Duration::from_secs(10), runners);

    let patterns = naive();
    let part = &text[..text.floor_char_boundary(200_000)];
    let loop_over_patterns = Runner::new("a loop over 14 patterns", || {
        copy_out(part, |line, out| {
            let mut line = line.to_owned();
            for pattern in &patterns {
                if pattern.is_match(line.as_str()).unwrap_or(false) {
                    line = pattern.replace_all(&line, redact::MASK).into_owned();
                }
            }
            out.push_str(&line);
        });
    });
    let limit = Runner::new("split and copy: the limit", || {
        copy_out(part, |line, out| out.push_str(line))
    });
    race(
        "  a part of it",
        part.len(),
        Duration::from_secs(2),
        vec![limit, loop_over_patterns],
    );
}

fn worst() {
    const LENGTH: usize = 16 * 1024;
    for keyword in [
        "eyJ",
        "password",
        "token=",
        "secret:\"",
        "password='",
        "://a:b@",
        "key=",
        "curl -u ",
        "Bearer ",
        "%41",
        "-----BEGIN PRIVATE KEY-----",
    ] {
        let line = keyword.repeat(LENGTH / keyword.len());
        let text = format!("{line}\n").repeat(16);
        let mut rules = scrubber(0);
        let runners = vec![
            Runner::new("split and copy: the limit", || {
                copy_out(&text, |line, out| out.push_str(line))
            }),
            Runner::new("all rules", || copy_scrubbed(&text, &mut rules)),
        ];
        race(
            &format!("16 KiB lines of {keyword:?}"),
            text.len(),
            Duration::from_millis(700),
            runners,
        );
    }
}

fn main() {
    build_output("recorded build output", &output::recorded_lines(4 << 20));
    build_output("a burst of plain lines", &output::burst(4 << 20));
    worst();
}
