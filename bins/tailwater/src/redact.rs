//! `tailwater redact`: the capture's own screen and redaction as a filter, so that anyone can try it on their logs.

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::process::ExitCode;

use ::redact::Redactor;
use capture::{Recorder, RecorderOptions, SCAN_LIMIT};
use log_model::{LogEvent, Masked, Recorded, RuleId, Source, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::config::Redact;

/// How much of standard input is read at once.
const CHUNK: usize = 64 * 1024;

/// Filters standard input to standard output, or prints the table of rules.
///
/// # Errors
/// When a named variable is not set, a record is no record, or reading or writing fails.
pub fn redact(args: &Redact) -> Result<ExitCode, Error> {
    let value_of = |name: &String| {
        std::env::var(name).map_err(|_| Error::Setting {
            problem: format!("--known-env {name}: there is no such environment variable, or it is no text"),
        })
    };
    let known = args.known_env.iter().map(value_of).collect::<Result<Vec<_>, _>>()?;
    let redactor = knowing(&known)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    if args.list_rules {
        list_rules(&redactor, &mut out)?;
    } else if args.jsonl {
        records(&redactor, &known, std::io::stdin().lock(), &mut out)?;
    } else {
        filter(&redactor, std::io::stdin().lock(), &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn knowing<'a>(known: impl IntoIterator<Item = &'a String>) -> Result<Redactor, ::redact::Error> {
    let builder = known
        .into_iter()
        .fold(Redactor::builder(), |builder, value| builder.known_secret(value));
    builder.build()
}

fn list_rules(redactor: &Redactor, out: &mut impl Write) -> std::io::Result<()> {
    for rule in redactor.rules() {
        write!(
            out,
            "{:<44}  {:<44}  {:<14}  {}",
            rule.id.as_str(),
            rule.name,
            rule.group,
            rule.source
        )?;
        if rule.checksum.is_empty() {
            writeln!(out)?;
        } else {
            writeln!(out, "  checksum: {}", rule.checksum)?;
        }
    }
    Ok(())
}

/// One stream through the capture's own recorder: what a capture does to one output of a command, but for shortening.
struct Stream {
    recorder: Recorder,
    entries: Vec<Recorded>,
}

impl Stream {
    fn new(redactor: &Redactor) -> Self {
        let mut options = RecorderOptions::default();
        options.display_limit = SCAN_LIMIT;
        Self {
            recorder: Recorder::new(redactor.scrubber(), Source::Stdout, options),
            entries: Vec::new(),
        }
    }

    fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(&str, Vec<Masked>)) {
        self.recorder.push(bytes, Timestamp::from_millis(0), &mut self.entries);
        self.pass_on(emit);
    }

    fn finish(mut self, emit: &mut impl FnMut(&str, Vec<Masked>)) {
        self.recorder.finish(Timestamp::from_millis(0), &mut self.entries);
        self.pass_on(emit);
    }

    fn pass_on(&mut self, emit: &mut impl FnMut(&str, Vec<Masked>)) {
        for entry in self.entries.drain(..) {
            if let LogEvent::Line { text, masked, .. } = entry.event {
                emit(text.as_str(), masked);
            }
        }
    }
}

fn filter(redactor: &Redactor, mut input: impl Read, out: &mut impl Write) -> Result<(), Error> {
    let mut stream = Stream::new(redactor);
    let mut chunk = vec![0; CHUNK];
    loop {
        let mut written = Ok(());
        let mut emit = |text: &str, _: Vec<Masked>| {
            if written.is_ok() {
                written = writeln!(out, "{text}");
            }
        };
        match input.read(&mut chunk) {
            Ok(0) => {
                stream.finish(&mut emit);
                return Ok(written?);
            }
            Ok(read) => {
                stream.push(&chunk[..read], &mut emit);
                written?;
                // What is complete is passed on at once: somebody may be watching.
                out.flush()?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The longest record, in bytes.
const RECORD: u64 = 64 << 20;

/// A record to redact, on a line of its own.
#[derive(Deserialize)]
struct Record {
    id: serde_json::Value,
    text: String,
    #[serde(default)]
    known: Vec<String>,
}

/// What became of it.
#[derive(Serialize)]
struct Redacted {
    id: serde_json::Value,
    text: String,
    masked: Vec<Hidden>,
}

#[derive(Serialize)]
struct Hidden {
    rule: RuleId,
    name: String,
    count: u32,
}

fn records(redactor: &Redactor, known: &[String], mut input: impl BufRead, out: &mut impl Write) -> Result<(), Error> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        // One byte more than allowed tells a record that is too long from one that just fits.
        if input.by_ref().take(RECORD + 1).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 > RECORD {
            let problem = format!("line {number} of standard input is longer than 64 MiB");
            return Err(Error::Setting { problem });
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        // The parser's own words could repeat a part of the record.
        let record: Record = serde_json::from_slice(&line).map_err(|error| Error::Setting {
            problem: format!(
                "line {number} of standard input is no record of the form {{\"id\",\"text\",\"known\":[…]}} (column {})",
                error.column()
            ),
        })?;
        let redacted = if record.known.is_empty() {
            one(redactor, record)
        } else {
            one(&knowing(known.iter().chain(&record.known))?, record)
        };
        serde_json::to_writer(&mut *out, &redacted).map_err(std::io::Error::from)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn one(redactor: &Redactor, record: Record) -> Redacted {
    let mut lines: Vec<String> = Vec::new();
    let mut hidden: BTreeMap<RuleId, u32> = BTreeMap::new();
    let mut emit = |text: &str, masked: Vec<Masked>| {
        lines.push(text.to_owned());
        for mask in masked {
            *hidden.entry(mask.rule).or_default() += mask.count;
        }
    };
    let mut stream = Stream::new(redactor);
    stream.push(record.text.as_bytes(), &mut emit);
    stream.finish(&mut emit);
    let masked = hidden
        .into_iter()
        .map(|(rule, count)| Hidden {
            name: rule.human_name(),
            rule,
            count,
        })
        .collect();
    Redacted {
        id: record.id,
        text: lines.join("\n"),
        masked,
    }
}
