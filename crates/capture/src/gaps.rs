//! What stands in the log where lines are missing, and how lines are counted for it.

use std::time::SystemTime;

use log_model::{GapReason, LogEvent, Recorded, Timestamp};

/// Stands in the log where lines are missing.
pub(crate) fn gap(lines: Option<u64>, reason: GapReason) -> Recorded {
    let ts: Timestamp = SystemTime::now().into();
    Recorded {
        ts,
        phase: None,
        event: LogEvent::Gap {
            lines,
            span: None,
            reason,
        },
    }
}

/// The lines in these events.
pub(crate) fn lines_of(events: &[Recorded]) -> u64 {
    events
        .iter()
        .filter(|event| matches!(event.event, LogEvent::Line { .. }))
        .count() as u64
}

/// The lines in these events, and those they say are missing already.
pub(crate) fn missing_of(events: &[Recorded]) -> u64 {
    let gaps = events.iter().map(|event| match event.event {
        LogEvent::Gap { lines, .. } => lines.unwrap_or(0),
        _ => 0,
    });
    lines_of(events) + gaps.sum::<u64>()
}
