//! Fixtures that say only what matters.

#![expect(clippy::disallowed_methods, reason = "the words of tests are no secrets")]

use log_model::{GapReason, JobId, LogEvent, Owner, OwnerId, Phase, Recorded, SafeText, Source, StageState, Timestamp};

/// A user's id as an owner: `owner("ana")` is `user_ana`.
///
/// # Panics
/// When `name` has other marks than letters, digits and `_`.
pub fn owner(name: &str) -> Owner {
    Owner::user(OwnerId::new(&format!("user_{name}")).expect("a plain name"))
}

/// A job's id.
///
/// # Panics
/// When `name` is no job id.
pub fn job(name: &str) -> JobId {
    JobId::new(name).expect("a plain name")
}

/// A job id that no other test has: `name`, then the process and a number.
pub fn unique_job(name: &str) -> JobId {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    job(&format!(
        "{name}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    ))
}

/// The time all fixtures have unless they say otherwise.
pub const T0: Timestamp = Timestamp::from_millis(1_771_754_400_000);

/// A line of standard output.
pub fn line(text: &str) -> Recorded {
    line_at(T0, text)
}

/// A line of standard output, at a time.
pub fn line_at(ts: Timestamp, text: &str) -> Recorded {
    let text = SafeText::assume_redacted(text);
    Recorded {
        ts,
        phase: None,
        event: LogEvent::Line {
            source: Source::Stdout,
            text,
            class: None,
            cut: None,
            masked: Vec::new(),
        },
    }
}

/// `line 1` to `line count`, or from another number on.
pub fn lines(numbers: impl IntoIterator<Item = u64>) -> Vec<Recorded> {
    numbers.into_iter().map(|n| line(&format!("line {n}"))).collect()
}

/// A phase's start.
///
/// # Panics
/// When `phase` is no phase.
pub fn started(phase: &str) -> Recorded {
    stage(phase, StageState::Started)
}

/// A phase's end.
///
/// # Panics
/// When `phase` is no phase.
pub fn finished(phase: &str, exit_code: i32, duration_ms: u64) -> Recorded {
    stage(
        phase,
        StageState::Finished {
            exit_code: Some(exit_code),
            duration_ms,
        },
    )
}

fn stage(phase: &str, state: StageState) -> Recorded {
    Recorded {
        ts: T0,
        phase: Some(Phase::new(phase).expect("a phase")),
        event: LogEvent::Stage { state },
    }
}

/// So many lines were lost.
pub fn gap(lines: Option<u64>) -> Recorded {
    Recorded {
        ts: T0,
        phase: None,
        event: LogEvent::Gap {
            lines,
            span: None,
            reason: GapReason::SpoolFull,
        },
    }
}

/// The text of a line, or the kind of what is none.
pub fn text_of(event: &LogEvent) -> String {
    match event {
        LogEvent::Line { text, .. } => text.as_str().to_owned(),
        other => format!("<{}>", other.kind()),
    }
}
