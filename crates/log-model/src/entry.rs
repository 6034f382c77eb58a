//! Entries of a log, and the one JSON form they have in spools, SQLite, S3 and the browser.
//!
//! A [`Recorded`] is what a capture produced; a store gives it its place and makes it a [`LogEntry`]. Their JSON is one
//! flat object, `seq` and `kind` beside the rest; the event stream leaves `kind` out, because the event's name says it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::id::{Invalid, Phase};
use crate::rule::RuleId;
use crate::seq::{Seq, Span};
use crate::text::SafeText;
use crate::time::Timestamp;

/// An enum whose variants are single words: the same in JSON, Redis, SQLite and documentation.
macro_rules! word_enum {
    ($(#[$doc:meta])* $name:ident, $what:literal, $expected:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every variant, in the order of their declaration.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word it has in JSON, Redis, SQLite and documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                match text { $($word => Ok(Self::$variant),)+ _ => Err(Invalid::new($what, $expected)) }
            }
        }
    };
}

word_enum!(
    /// Where a line came from.
    Source, "a source", "stdout, stderr or system" {
        /// The command's standard output; also everything of a command run on a pseudo-terminal.
        Stdout = "stdout",
        /// The command's standard error. Many tools write ordinary output there.
        Stderr = "stderr",
        /// Tailwater itself, saying something the reader needs to know.
        System = "system",
    }
);

word_enum!(
    /// Known noise: stored like any line, folded by the page.
    Class, "a class", "deprecated, notice, funding, telemetry, progress or blank" {
        /// A package manager's deprecation warning.
        Deprecated = "deprecated",
        /// A package manager's notice, as of a newer version of itself.
        Notice = "notice",
        /// An appeal for funding.
        Funding = "funding",
        /// A tool's word on the usage data it collects.
        Telemetry = "telemetry",
        /// A state of a progress display.
        Progress = "progress",
        /// A line without a visible character.
        Blank = "blank",
    }
);

word_enum!(
    /// How a job ended.
    Outcome, "an outcome", "succeeded, failed, cancelled, timed_out, lost or abandoned" {
        /// It did what it was asked.
        Succeeded = "succeeded",
        /// A command failed.
        Failed = "failed",
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// It took longer than allowed.
        TimedOut = "timed_out",
        /// Its writer fell silent and did not come back.
        Lost = "lost",
        /// It was opened and nobody ever wrote, or nobody came back to write.
        Abandoned = "abandoned",
    }
);

word_enum!(
    /// Why lines are missing.
    GapReason, "a gap's reason", "spool_full, writer_killed, damaged, store_lost, unknown_cursor or archive_missing" {
        /// The store was away and the local spool was full or could not be written.
        SpoolFull = "spool_full",
        /// A writer ended without a word, and its spool is gone.
        WriterKilled = "writer_killed",
        /// What waited on the writer's disk did not read back as it was written.
        Damaged = "damaged",
        /// The store lost what it had acknowledged, and the writer no longer had all of it. What was archived is not
        /// missing.
        StoreLost = "store_lost",
        /// The reader's cursor lies above everything the store knows: the store lost data.
        UnknownCursor = "unknown_cursor",
        /// Entries that should be in the archive are not there.
        ArchiveMissing = "archive_missing",
    }
);

word_enum!(
    /// The kinds of entry; the names of the events that carry them.
    Kind, "a kind", "line, stage, gap or end" {
        /// One redacted line.
        Line = "line",
        /// A phase started or finished.
        Stage = "stage",
        /// Lines that really were lost.
        Gap = "gap",
        /// The job is over.
        End = "end",
    }
);

/// How much of one rule was hidden in a line.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Masked {
    /// The rule that hid it.
    pub rule: RuleId,
    /// In how many places, at least 1.
    pub count: u32,
}

/// The full length in bytes of a line that was shortened.
pub type Cut = u64;

/// What a job's log is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Lines stored.
    pub lines: u64,
    /// Secrets hidden in them.
    pub redactions: u64,
    /// Gap entries stored.
    pub gaps: u64,
}

impl Counts {
    /// Counts one more entry.
    pub fn add(&mut self, event: &LogEvent) {
        match event {
            LogEvent::Line { masked, .. } => {
                self.lines += 1;
                self.redactions += masked.iter().map(|m| u64::from(m.count)).sum::<u64>();
            }
            LogEvent::Gap { .. } => self.gaps += 1,
            LogEvent::Stage { .. } | LogEvent::Ended { .. } => {}
        }
    }
}

/// Whether a phase began or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StageState {
    /// The phase's command was started.
    Started,
    /// The phase's command is over.
    Finished {
        /// Its exit code; none when it never ran or nobody knows. A death by signal N is 128 + N.
        exit_code: Option<i32>,
        /// How long it ran, in milliseconds.
        duration_ms: u64,
    },
}

/// What one entry says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogEvent {
    /// One line, redacted.
    Line {
        /// Which output it was written to.
        source: Source,
        /// What a person would see, without secrets.
        text: SafeText,
        /// Set when the line is known noise.
        class: Option<Class>,
        /// The line's full length in bytes; only when it was shortened.
        cut: Option<Cut>,
        /// What was hidden in it, by rule; empty when nothing was.
        masked: Vec<Masked>,
    },
    /// A phase started or finished; which one stands in [`Recorded::phase`].
    Stage {
        /// Started, or finished and how.
        state: StageState,
    },
    /// Lines were lost here.
    Gap {
        /// How many; none when nobody can know.
        lines: Option<u64>,
        /// The entries that are missing, when they have numbers: set in gaps a reader's side makes up, never stored.
        span: Option<Span>,
        /// Why.
        reason: GapReason,
    },
    /// The job is over: every job's last entry, exactly once.
    Ended {
        /// How.
        outcome: Outcome,
        /// The deciding command's exit code, where there was one.
        exit_code: Option<i32>,
        /// What the log holds.
        counts: Counts,
    },
}

impl LogEvent {
    /// The kind of entry this makes.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Line { .. } => Kind::Line,
            Self::Stage { .. } => Kind::Stage,
            Self::Gap { .. } => Kind::Gap,
            Self::Ended { .. } => Kind::End,
        }
    }
}

/// What a capture produced: everything about an entry but its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recorded {
    /// When it was captured.
    pub ts: Timestamp,
    /// The phase it belongs to, if the command was run for one.
    pub phase: Option<Phase>,
    /// What it says.
    pub event: LogEvent,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogEntry {
    /// Its place in the job's log.
    pub seq: Seq,
    /// What was captured.
    pub recorded: Recorded,
}

/// Bytes that are not the JSON of an entry. The bytes themselves are not repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not JSON, or not an object with the fields an entry has.
    #[error("not the JSON of an entry (column {column}: {category})")]
    Json {
        /// Where in the line the parser stopped.
        column: usize,
        /// `syntax`, `data` or `eof`.
        category: &'static str,
    },
    /// An object whose fields do not fit its kind.
    #[error("an entry of kind {kind} lacks its {field}")]
    Missing {
        /// The entry's kind.
        kind: Kind,
        /// The field that should be there.
        field: &'static str,
    },
}

impl From<serde_json::Error> for DecodeError {
    fn from(error: serde_json::Error) -> Self {
        let category = match error.classify() {
            serde_json::error::Category::Syntax => "syntax",
            serde_json::error::Category::Eof => "eof",
            serde_json::error::Category::Data | serde_json::error::Category::Io => "data",
        };
        Self::Json {
            column: error.column(),
            category,
        }
    }
}

impl LogEntry {
    /// Appends the object an event of the stream carries: no `kind`, because the event's name says it; no line break.
    pub fn write_event_json(&self, out: &mut Vec<u8>) {
        write(out, &Wire::of(&self.recorded, Some(self.seq), false));
    }

    /// Appends the object of pages, SQLite and segments: with `kind`; no line break.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write(out, &Wire::of(&self.recorded, Some(self.seq), true));
    }
}

impl Recorded {
    /// Appends the object a spool keeps: with `kind`, without `seq`; no line break.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        write(out, &Wire::of(self, None, true));
    }
}

impl Serialize for LogEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire::of(&self.recorded, Some(self.seq), true).serialize(serializer)
    }
}

fn write(out: &mut Vec<u8>, wire: &Wire<'_>) {
    serde_json::to_writer(out, wire).expect("strings and numbers always have a JSON form, and a Vec takes every write");
}

/// Reads back an entry that was redacted before it was stored.
///
/// Trusted means: `json` comes from a place only [`LogEntry::write_json`] writes to. Only the decoders of stores and
/// segments may call it, and the workspace's lints hold everyone else to that.
///
/// # Errors
/// [`DecodeError`] when the bytes are not an entry; nothing of them is repeated in it.
pub fn decode_trusted(json: &[u8]) -> Result<LogEntry, DecodeError> {
    let wire: Read = serde_json::from_slice(json)?;
    let seq = wire.seq.ok_or(DecodeError::Missing {
        kind: wire.kind,
        field: "seq",
    })?;
    Ok(LogEntry {
        seq,
        recorded: wire.recorded()?,
    })
}

/// Reads back what [`Recorded::write_json`] wrote, as [`decode_trusted`] does for entries: for a spool's decoder.
///
/// # Errors
/// [`DecodeError`] when the bytes are not a recorded event.
pub fn decode_trusted_recorded(json: &[u8]) -> Result<Recorded, DecodeError> {
    serde_json::from_slice::<Read>(json)?.recorded()
}

/// The one JSON form, for writing. Fields stand in the order a person reads them.
#[derive(Serialize, Default)]
struct Wire<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<Seq>,
    ts: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'a Phase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<Option<i32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<GapReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redactions: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<Class>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<Cut>,
    #[serde(skip_serializing_if = "<[Masked]>::is_empty", serialize_with = "masked_with_names")]
    masked: &'a [Masked],
}

impl<'a> Wire<'a> {
    fn of(recorded: &'a Recorded, seq: Option<Seq>, with_kind: bool) -> Self {
        let mut wire = Wire {
            kind: with_kind.then(|| recorded.event.kind()),
            seq,
            ts: recorded.ts,
            phase: recorded.phase.as_ref(),
            ..Wire::default()
        };
        match &recorded.event {
            LogEvent::Line {
                source,
                text,
                class,
                cut,
                masked,
            } => {
                wire.source = Some(*source);
                wire.text = Some(text.as_str());
                wire.class = *class;
                wire.cut = *cut;
                wire.masked = masked;
            }
            LogEvent::Stage {
                state: StageState::Started,
            } => wire.state = Some("started"),
            LogEvent::Stage {
                state: StageState::Finished { exit_code, duration_ms },
            } => {
                wire.state = Some("finished");
                wire.exit_code = Some(*exit_code);
                wire.duration_ms = Some(*duration_ms);
            }
            LogEvent::Gap { lines, span, reason } => {
                wire.reason = Some(*reason);
                wire.lines = Some(*lines);
                wire.from = span.map(Span::first);
                wire.to = span.map(Span::last);
            }
            LogEvent::Ended {
                outcome,
                exit_code,
                counts,
            } => {
                wire.outcome = Some(*outcome);
                wire.exit_code = Some(*exit_code);
                wire.lines = Some(Some(counts.lines));
                wire.redactions = Some(counts.redactions);
                wire.gaps = Some(counts.gaps);
            }
        }
        wire
    }
}

fn masked_with_names<S: Serializer>(masked: &[Masked], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named<'a> {
        rule: &'a RuleId,
        name: String,
        count: u32,
    }
    serializer.collect_seq(masked.iter().map(|m| Named {
        rule: &m.rule,
        name: m.rule.human_name(),
        count: m.count,
    }))
}

/// The one JSON form, for reading. Fields it does not know are passed over, so that a newer writer can add some.
#[derive(Deserialize)]
struct Read {
    kind: Kind,
    seq: Option<Seq>,
    ts: Timestamp,
    source: Option<Source>,
    phase: Option<Phase>,
    state: Option<String>,
    outcome: Option<Outcome>,
    exit_code: Option<i32>,
    duration_ms: Option<u64>,
    reason: Option<GapReason>,
    from: Option<Seq>,
    to: Option<Seq>,
    lines: Option<u64>,
    redactions: Option<u64>,
    gaps: Option<u64>,
    text: Option<String>,
    class: Option<Class>,
    cut: Option<Cut>,
    #[serde(default)]
    masked: Vec<ReadMasked>,
}

#[derive(Deserialize)]
struct ReadMasked {
    rule: RuleId,
    count: u32,
}

impl Read {
    fn recorded(self) -> Result<Recorded, DecodeError> {
        let kind = self.kind;
        let missing = |field| DecodeError::Missing { kind, field };
        let event = match kind {
            Kind::Line => LogEvent::Line {
                source: self.source.ok_or(missing("source"))?,
                text: trusted(self.text.ok_or(missing("text"))?),
                class: self.class,
                cut: self.cut,
                masked: self
                    .masked
                    .into_iter()
                    .map(|m| Masked {
                        rule: m.rule,
                        count: m.count,
                    })
                    .collect(),
            },
            Kind::Stage => LogEvent::Stage {
                state: match self.state.as_deref() {
                    Some("started") => StageState::Started,
                    Some("finished") => StageState::Finished {
                        exit_code: self.exit_code,
                        duration_ms: self.duration_ms.ok_or(missing("duration_ms"))?,
                    },
                    _ => return Err(missing("state")),
                },
            },
            Kind::Gap => LogEvent::Gap {
                lines: self.lines,
                span: match (self.from, self.to) {
                    (Some(from), Some(to)) => Some(Span::new(from, to).map_err(|_| missing("span"))?),
                    _ => None,
                },
                reason: self.reason.ok_or(missing("reason"))?,
            },
            Kind::End => LogEvent::Ended {
                outcome: self.outcome.ok_or(missing("outcome"))?,
                exit_code: self.exit_code,
                counts: Counts {
                    lines: self.lines.unwrap_or_default(),
                    redactions: self.redactions.unwrap_or_default(),
                    gaps: self.gaps.unwrap_or_default(),
                },
            },
        };
        Ok(Recorded {
            ts: self.ts,
            phase: self.phase,
            event,
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the text was redacted before it was written in this form"
)]
fn trusted(text: String) -> SafeText {
    SafeText::assume_redacted(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the form's own tests")]
    use proptest::prelude::*;

    use super::*;

    fn entry(event: LogEvent) -> LogEntry {
        let phase = Some(Phase::new("install").expect("a word"));
        let recorded = Recorded {
            ts: Timestamp::from_millis(1_771_754_400_123),
            phase,
            event,
        };
        LogEntry {
            seq: Seq::new(813).expect("small"),
            recorded,
        }
    }

    fn line(text: &str) -> LogEvent {
        LogEvent::Line {
            source: Source::Stderr,
            text: SafeText::assume_redacted(text),
            class: None,
            cut: None,
            masked: Vec::new(),
        }
    }

    #[track_caller]
    fn check(event: LogEvent, golden: &str) {
        let entry = entry(event);
        let mut json = Vec::new();
        entry.write_json(&mut json);
        assert_eq!(String::from_utf8_lossy(&json), golden);
        assert_eq!(decode_trusted(&json).expect("it was written by us"), entry);
    }

    #[test]
    fn a_plain_line() {
        check(
            line("npm warn \"x\""),
            r#"{"kind":"line","seq":813,"ts":1771754400123,"source":"stderr","phase":"install","text":"npm warn \"x\""}"#,
        );
    }

    #[test]
    fn a_line_with_everything() {
        let masked = vec![Masked {
            rule: RuleId::from_static("stripe-live-key"),
            count: 2,
        }];
        let LogEvent::Line { source, text, .. } = line("x") else {
            unreachable!("line makes lines")
        };
        check(
            LogEvent::Line {
                source,
                text,
                class: Some(Class::Deprecated),
                cut: Some(9000),
                masked,
            },
            r#"{"kind":"line","seq":813,"ts":1771754400123,"source":"stderr","phase":"install","text":"x","class":"deprecated","cut":9000,"masked":[{"rule":"stripe-live-key","name":"Stripe live key","count":2}]}"#,
        );
    }

    #[test]
    fn a_stage() {
        check(
            LogEvent::Stage {
                state: StageState::Started,
            },
            r#"{"kind":"stage","seq":813,"ts":1771754400123,"phase":"install","state":"started"}"#,
        );
        check(
            LogEvent::Stage {
                state: StageState::Finished {
                    exit_code: None,
                    duration_ms: 12,
                },
            },
            r#"{"kind":"stage","seq":813,"ts":1771754400123,"phase":"install","state":"finished","exit_code":null,"duration_ms":12}"#,
        );
    }

    #[test]
    fn a_gap_says_null_when_nobody_can_know() {
        check(
            LogEvent::Gap {
                lines: None,
                span: None,
                reason: GapReason::WriterKilled,
            },
            r#"{"kind":"gap","seq":813,"ts":1771754400123,"phase":"install","reason":"writer_killed","lines":null}"#,
        );
        let span = Span::new(Seq::FIRST, Seq::new(9).expect("small")).ok();
        check(
            LogEvent::Gap {
                lines: Some(9),
                span,
                reason: GapReason::ArchiveMissing,
            },
            r#"{"kind":"gap","seq":813,"ts":1771754400123,"phase":"install","reason":"archive_missing","from":1,"to":9,"lines":9}"#,
        );
    }

    #[test]
    fn an_end() {
        let counts = Counts {
            lines: 893,
            redactions: 2,
            gaps: 0,
        };
        check(
            LogEvent::Ended {
                outcome: Outcome::Succeeded,
                exit_code: Some(0),
                counts,
            },
            r#"{"kind":"end","seq":813,"ts":1771754400123,"phase":"install","outcome":"succeeded","exit_code":0,"lines":893,"redactions":2,"gaps":0}"#,
        );
    }

    #[test]
    fn an_event_of_the_stream_has_no_kind_and_a_spooled_one_no_seq() {
        let entry = entry(line("x"));
        let (mut event, mut spooled) = (Vec::new(), Vec::new());
        entry.write_event_json(&mut event);
        entry.recorded.write_json(&mut spooled);
        assert!(event.starts_with(br#"{"seq":813,"ts":"#));
        assert!(spooled.starts_with(br#"{"kind":"line","ts":"#));
        assert_eq!(
            decode_trusted_recorded(&spooled).expect("it was written by us"),
            entry.recorded
        );
    }

    #[test]
    fn an_error_tells_the_place_and_never_the_text() {
        let error = decode_trusted(br#"{"kind":"line","seq":1,"ts":1,"source":"secret-word","text":"x"}"#)
            .expect_err("there is no such source");
        assert!(!error.to_string().contains("secret-word"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text: String, seq in 1..=Seq::MAX.get()) {
            let mut entry = entry(line(&text));
            entry.seq = Seq::new(seq).expect("within the limit");
            let mut json = Vec::new();
            entry.write_json(&mut json);
            prop_assert!(!json.contains(&b'\n'), "an entry is one line");
            prop_assert_eq!(decode_trusted(&json).expect("it was written by us"), entry);
        }

        #[test]
        fn any_bytes_are_an_entry_or_an_error(bytes: Vec<u8>) {
            let _ = decode_trusted(&bytes);
        }
    }
}
