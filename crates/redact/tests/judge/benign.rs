//! What a build prints that holds no secret: not one byte of it may change.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::dice::Dice;
use crate::verdict::{Failure, shared, short};

const LINES: &str = include_str!("benign.txt");
const SECOND: &str = include_str!("benign_second.txt");
const THIRD: &str = include_str!("benign_third.txt");
const FOURTH: &str = include_str!("benign_fourth.txt");

/// What is changed among so many lines.
#[derive(Default)]
pub(crate) struct Benign {
    pub(crate) lines: usize,
    /// By place, and the rules that did it.
    changed: BTreeMap<(String, String), Failure>,
}

impl Benign {
    pub(crate) fn changes(&self) -> usize {
        self.changed.values().map(|change| change.times).sum()
    }

    /// A line for each kind of change.
    pub(crate) fn report(&self) -> Vec<String> {
        self.changed
            .iter()
            .map(|((place, rules), change)| {
                format!(
                    "benign | changed | {place} | {} times | by {rules} | {}",
                    change.times, change.example
                )
            })
            .collect()
    }

    fn check(&mut self, place: &str, scrubber: &mut redact::Scrubber, line: &str) {
        self.lines += 1;
        let clean = scrubber.scrub(line);
        if clean.text.as_str() != line {
            let rules: Vec<String> = clean.masked.iter().map(|masked| masked.rule.human_name()).collect();
            let change = self.changed.entry((place.to_owned(), rules.join(", "))).or_default();
            change.times += 1;
            if change.times == 1 {
                change.example = format!("{:?} -> {:?}", short(line), short(clean.text.as_str()));
            }
        }
    }
}

/// Lines from lists, drawn several times where they hold something to draw, also behind what tools put before a line.
pub(crate) fn from_lists(benign: &mut Benign) {
    let mut dice = lists(benign, &[LINES, SECOND, THIRD, FOURTH]);
    blocks(benign, &mut dice);
    common_values(benign);
}

/// The lines of some lists, each in a stream of its own and all in one.
pub(crate) fn lists(benign: &mut Benign, lists: &[&'static str]) -> Dice {
    let mut dice = Dice::new(6);
    let mut seen = BTreeSet::new();
    for template in templates(lists) {
        let times = if template.contains('⟦') { 6 } else { 1 };
        for _ in 0..times {
            seen.insert((drawn(&mut dice, template), template));
        }
        for prefix in [
            "#12 0.345 ",
            "2026-11-23T14:58:05.123Z ",
            "web-1  | ",
            "    ",
            "+ ",
            "remote: ",
        ] {
            seen.insert((format!("{prefix}{}", drawn(&mut dice, template)), template));
        }
    }
    for (line, template) in &seen {
        benign.check(&format!("list: {template}"), &mut shared().scrubber(), line);
    }
    // All in one stream as well: nothing may depend on what came before, public keys and certificates included.
    let mut scrubber = shared().scrubber();
    for template in templates(lists) {
        let line = drawn(&mut dice, template);
        benign.check(&format!("one stream: {template}"), &mut scrubber, &line);
    }
    dice
}

fn templates(lists: &[&'static str]) -> impl Iterator<Item = &'static str> {
    lists
        .iter()
        .flat_map(|list| list.lines())
        .filter(|line| !line.starts_with("# ") && !line.starts_with("## "))
}

fn drawn(dice: &mut Dice, template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('⟦') {
        let (part, after) = after.split_once('⟧').expect("a part is closed");
        out.push_str(before);
        out.push_str(&dice.draw_plain(&format!("{{{part}}}")));
        rest = after;
    }
    out + rest
}

/// Public keys, certificates and signatures with their bodies.
fn blocks(benign: &mut Benign, dice: &mut Dice) {
    for label in [
        "PUBLIC KEY",
        "RSA PUBLIC KEY",
        "CERTIFICATE",
        "TRUSTED CERTIFICATE",
        "CERTIFICATE REQUEST",
        "X509 CRL",
        "DH PARAMETERS",
        "EC PARAMETERS",
        "PGP PUBLIC KEY BLOCK",
        "PGP SIGNATURE",
        "SSH SIGNATURE",
    ] {
        for prefix in ["", "    ", "#9 0.3 ", "2026-11-23T14:58:05.123Z ", "+ ", "> "] {
            let mut scrubber = shared().scrubber();
            let dashes = "-".repeat(5);
            let mut lines = vec![format!("{dashes}BEGIN {label}{dashes}")];
            lines.extend((0..12).map(|_| dice.chars("b", 64)));
            lines.push(format!("{dashes}END {label}{dashes}"));
            lines.push("done in 4s".to_owned());
            for line in lines {
                benign.check(label, &mut scrubber, &format!("{prefix}{line}"));
            }
        }
        let body = dice.chars("b", 200);
        let dashes = "-".repeat(5);
        let line = format!(r#"  "pem": "{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}\n","#);
        benign.check(label, &mut shared().scrubber(), &line);
    }
}

/// Values that stand in every log are not hidden although the job has them in its environment.
fn common_values(benign: &mut Benign) {
    let redactor = redact::Redactor::builder().build().expect("no custom rule, no mistake");
    for value in [
        "true",
        "false",
        "production",
        "development",
        "staging",
        "localhost",
        "127.0.0.1",
        "enabled",
        "disabled",
        "undefined",
        "null",
        "none",
        "default",
        "public",
        "info",
        "debug",
        "eu-west-1",
        "us-east-1",
        "12345",
        "3000",
        "",
        " ",
        "a",
        "0",
        "1",
        "yes",
        "no",
        "node",
        "npm",
        "en_US.UTF-8",
        "UTF-8",
        "/bin/sh",
        "/bin/bash",
        "xterm-256color",
        "password",
        "secret",
        "token",
        "changeme",
        "linux",
        "x86_64",
        "master",
        "main",
    ] {
        redactor.register(value);
    }
    let mut scrubber = redactor.scrubber();
    for line in [
        "NODE_ENV is production, development or staging",
        "listening on localhost:3000 (127.0.0.1)",
        "feature enabled: true, disabled: false",
        "value is undefined or null or none",
        "using the default public endpoint in eu-west-1, not us-east-1",
        "log level info, not debug",
        "node and npm found; LANG=en_US.UTF-8, SHELL=/bin/bash, TERM=xterm-256color",
        "reset your password with the token; this is no secret",
        "On branch master, up to date with origin/main",
        "linux-x86_64 build with the default options",
    ] {
        benign.check("common values", &mut scrubber, line);
    }
}

/// Every line of the recorded builds, but of those that were made to hold secrets.
pub(crate) fn from_recordings(benign: &mut Benign) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/recordings");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the recordings are part of the repository")
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| {
            let name = path.to_string_lossy();
            (name.ends_with(".rec") || name.ends_with(".rec.gz")) && !name.contains("fake-secrets")
        })
        .collect();
    names.sort();
    assert!(names.len() > 80, "the recordings are part of the repository");
    let mut seen = BTreeSet::new();
    for path in names {
        let place = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        // Random bytes may look like anything.
        if place.starts_with("binary-random") {
            continue;
        }
        for line in lines_of(&path) {
            // A few of the recorded programs print the address of a database with an invented password.
            if ["FAKEfake", "hunter2fake"].iter().any(|fake| line.contains(fake)) {
                continue;
            }
            if seen.insert(line.clone()) {
                benign.check(&place, &mut shared().scrubber(), &line);
            }
        }
    }
}

/// The lines of a recording, without the escape sequences that colour them and without control characters.
fn lines_of(path: &Path) -> Vec<String> {
    let mut file = std::fs::read(path).expect("a readable file");
    if path.extension().is_some_and(|extension| extension == "gz") {
        let packed = std::mem::take(&mut file);
        flate2::read::GzDecoder::new(&*packed)
            .read_to_end(&mut file)
            .expect("a recording is gzip of JSON lines");
    }
    let mut streams: [Vec<u8>; 2] = [Vec::new(), Vec::new()];
    for row in String::from_utf8(file).expect("JSON lines are UTF-8").lines() {
        let row: serde_json::Value = serde_json::from_str(row).expect("each line of a recording is JSON");
        let bytes = STANDARD
            .decode(row["b64"].as_str().expect("bytes"))
            .expect("bytes in base64");
        streams[usize::from(row["s"] == "err")].extend(bytes);
    }
    let mut lines = Vec::new();
    for stream in streams {
        for line in String::from_utf8_lossy(&stream).split(['\n', '\r']) {
            lines.push(without_escapes(line));
        }
    }
    lines
}

fn without_escapes(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char != '\u{1b}' {
            if !char.is_control() || char == '\t' {
                out.push(char);
            }
            continue;
        }
        match chars.next() {
            Some('[') => {
                chars.by_ref().find(|char| ('\u{40}'..='\u{7e}').contains(char));
            }
            Some(']') => {
                chars.by_ref().find(|char| *char == '\u{7}' || *char == '\\');
            }
            _ => {}
        }
    }
    out
}
