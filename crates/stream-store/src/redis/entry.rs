//! An entry of a stream, read back. Pure.
//!
//! What the fields are is said in `fields`, which writes them.

use fred::types::Value;
use log_model::{
    Counts, GapReason, LogEntry, LogEvent, Masked, Outcome, Phase, Recorded, RuleId, SafeText, Seq, Source, StageState,
    Timestamp,
};

use crate::store::{Error, Result};

/// An entry as XRANGE answers it.
pub(super) fn read(entry: &Value) -> Result<LogEntry> {
    let Value::Array(entry) = entry else {
        return Err(damaged("is no list"));
    };
    let [id, Value::Array(fields)] = entry.as_slice() else {
        return Err(damaged("is no pair"));
    };
    let id = id
        .as_bytes()
        .and_then(|id| std::str::from_utf8(id).ok())
        .unwrap_or_default();
    let seq: Option<Seq> = id.strip_suffix("-0").and_then(|seq| seq.parse().ok());
    let recorded = recorded(fields)?;
    Ok(LogEntry {
        seq: seq.ok_or_else(|| damaged("has an id that is no place"))?,
        recorded,
    })
}

fn damaged(what: &str) -> Error {
    Error::Damaged {
        what: format!("an entry of the stream {what}"),
    }
}

/// What one entry's fields said, before its kind is known to be complete.
#[derive(Default)]
struct Fields<'a> {
    ts: Option<u64>,
    line: Option<(Source, &'a str)>,
    stage: Option<&'a str>,
    gap: Option<GapReason>,
    end: Option<Outcome>,
    phase: Option<Phase>,
    class: Option<log_model::Class>,
    cut: Option<u64>,
    masked: Vec<Masked>,
    exit_code: Option<i32>,
    duration_ms: Option<u64>,
    lines: Option<u64>,
    redactions: Option<u64>,
    gaps: Option<u64>,
}

fn recorded(flat: &[Value]) -> Result<Recorded> {
    fn number<T: std::str::FromStr>(text: &str) -> Result<Option<T>> {
        text.parse()
            .map(Some)
            .map_err(|_| damaged("has a word where a number belongs"))
    }
    fn word<T: std::str::FromStr>(text: &str) -> Result<Option<T>> {
        text.parse()
            .map(Some)
            .map_err(|_| damaged("has a word that is not known"))
    }
    let mut read = Fields::default();
    for pair in flat.chunks_exact(2) {
        let text = |value: &'_ Value| -> Option<()> { value.as_bytes().map(drop) };
        if text(&pair[0]).is_none() || text(&pair[1]).is_none() {
            return Err(damaged("has a field without a value"));
        }
        let name = pair[0].as_bytes().unwrap_or_default();
        let value = std::str::from_utf8(pair[1].as_bytes().unwrap_or_default()).map_err(|_| damaged("is no UTF-8"))?;
        match name {
            b"ts" => read.ts = number(value)?,
            b"stdout" => read.line = Some((Source::Stdout, value)),
            b"stderr" => read.line = Some((Source::Stderr, value)),
            b"system" => read.line = Some((Source::System, value)),
            b"stage" => read.stage = Some(value),
            b"gap" => read.gap = word(value)?,
            b"end" => read.end = word(value)?,
            b"phase" => read.phase = word(value)?,
            b"class" => read.class = word(value)?,
            b"cut" => read.cut = number(value)?,
            b"masked" => read.masked = masked(value).ok_or_else(|| damaged("has masks that are none"))?,
            b"exit_code" => read.exit_code = number(value)?,
            b"duration_ms" => read.duration_ms = number(value)?,
            b"lines" => read.lines = number(value)?,
            b"redactions" => read.redactions = number(value)?,
            b"gaps" => read.gaps = number(value)?,
            // A newer version may add some.
            _ => {}
        }
    }
    let event = match read {
        Fields {
            line: Some((source, text)),
            ..
        } => LogEvent::Line {
            source,
            text: trusted(text),
            class: read.class,
            cut: read.cut,
            masked: read.masked,
        },
        Fields {
            stage: Some("started"), ..
        } => LogEvent::Stage {
            state: StageState::Started,
        },
        Fields {
            stage: Some("finished"),
            duration_ms: Some(duration_ms),
            exit_code,
            ..
        } => LogEvent::Stage {
            state: StageState::Finished { exit_code, duration_ms },
        },
        Fields {
            gap: Some(reason),
            lines,
            ..
        } => LogEvent::Gap {
            lines,
            span: None,
            reason,
        },
        Fields {
            end: Some(outcome),
            exit_code,
            lines,
            redactions,
            gaps,
            ..
        } => LogEvent::Ended {
            outcome,
            exit_code,
            counts: Counts {
                lines: lines.unwrap_or_default(),
                redactions: redactions.unwrap_or_default(),
                gaps: gaps.unwrap_or_default(),
            },
        },
        _ => return Err(damaged("is of no known kind")),
    };
    let ts = read.ts.ok_or_else(|| damaged("has no time"))?;
    Ok(Recorded {
        ts: Timestamp::from_millis(ts),
        phase: read.phase,
        event,
    })
}

fn masked(text: &str) -> Option<Vec<Masked>> {
    text.split(',')
        .map(|one| {
            let (rule, count) = one.split_once(':')?;
            Some(Masked {
                rule: RuleId::new(rule).ok()?,
                count: count.parse().ok()?,
            })
        })
        .collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the stream holds only what was redacted before it was appended"
)]
fn trusted(text: &str) -> SafeText {
    SafeText::assume_redacted(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "made-up text")]
    use super::super::fields::fields;
    use super::*;
    use log_model::Class;

    fn flat(recorded: &Recorded) -> Vec<String> {
        let mut flat = Vec::new();
        fields(recorded, &mut |name, value| {
            flat.extend([name.to_owned(), value.to_owned()])
        });
        flat
    }

    #[track_caller]
    fn check(phase: Option<&str>, event: LogEvent, stored: &str) {
        let phase = phase.map(|phase| Phase::new(phase).expect("a word"));
        let recorded = Recorded {
            ts: Timestamp::from_millis(1_771_754_400_123),
            phase,
            event,
        };
        let fields = flat(&recorded);
        assert_eq!(fields.join("|"), stored);
        let entry = Value::Array(vec![
            Value::from("813-0"),
            Value::Array(fields.into_iter().map(Value::from).collect()),
        ]);
        assert_eq!(
            read(&entry).expect("what was written"),
            LogEntry {
                seq: Seq::new(813).expect("small"),
                recorded
            }
        );
    }

    fn line(source: Source, text: &str) -> LogEvent {
        LogEvent::Line {
            source,
            text: SafeText::assume_redacted(text),
            class: None,
            cut: None,
            masked: Vec::new(),
        }
    }

    #[test]
    fn a_line_is_two_fields_and_what_applies() {
        check(
            None,
            line(Source::Stdout, "added 3 packages"),
            "ts|1771754400123|stdout|added 3 packages",
        );
        check(
            Some("install"),
            line(Source::Stderr, ""),
            "ts|1771754400123|stderr||phase|install",
        );
        let masked = |rule, count| Masked {
            rule: RuleId::from_static(rule),
            count,
        };
        check(
            Some("dev_server"),
            LogEvent::Line {
                source: Source::System,
                text: SafeText::assume_redacted("[REDACTED] é"),
                class: Some(Class::Deprecated),
                cut: Some(70_000),
                masked: vec![masked("stripe-live-key", 1), masked("jwt", 2)],
            },
            "ts|1771754400123|system|[REDACTED] é|phase|dev_server|class|deprecated|cut|70000|masked|stripe-live-key:1,jwt:2",
        );
    }

    #[test]
    fn other_entries_say_what_they_are_in_their_second_field() {
        check(
            Some("build"),
            LogEvent::Stage {
                state: StageState::Started,
            },
            "ts|1771754400123|stage|started|phase|build",
        );
        check(
            Some("build"),
            LogEvent::Stage {
                state: StageState::Finished {
                    exit_code: Some(-1),
                    duration_ms: 31_000,
                },
            },
            "ts|1771754400123|stage|finished|exit_code|-1|duration_ms|31000|phase|build",
        );
        check(
            None,
            LogEvent::Stage {
                state: StageState::Finished {
                    exit_code: None,
                    duration_ms: 0,
                },
            },
            "ts|1771754400123|stage|finished|duration_ms|0",
        );
        check(
            None,
            LogEvent::Gap {
                lines: Some(9),
                span: None,
                reason: GapReason::SpoolFull,
            },
            "ts|1771754400123|gap|spool_full|lines|9",
        );
        check(
            None,
            LogEvent::Gap {
                lines: None,
                span: None,
                reason: GapReason::WriterKilled,
            },
            "ts|1771754400123|gap|writer_killed",
        );
        check(
            None,
            LogEvent::Ended {
                outcome: Outcome::TimedOut,
                exit_code: Some(137),
                counts: Counts {
                    lines: 5,
                    redactions: 1,
                    gaps: 0,
                },
            },
            "ts|1771754400123|end|timed_out|exit_code|137|lines|5|redactions|1|gaps|0",
        );
    }

    #[test]
    fn what_is_no_entry_is_damage_and_not_repeated() {
        for fields in [
            vec!["ts", "x", "stdout", "secret"],
            vec!["stdout", "secret"],
            vec!["ts", "1"],
            vec!["ts", "1", "stage", "secret"],
            vec!["ts", "1", "stdout", "secret", "masked", "secret"],
        ] {
            let fields = Value::Array(fields.into_iter().map(Value::from).collect());
            let error = read(&Value::Array(vec![Value::from("1-0"), fields])).expect_err("it is no entry");
            assert!(
                matches!(error, Error::Damaged { .. }) && !error.to_string().contains("secret"),
                "{error}"
            );
        }
    }
}
