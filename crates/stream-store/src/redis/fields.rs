//! An entry as the fields of a stream entry. Pure.
//!
//! A line is `ts <ms> <source> <text>`, then `phase`, `class`, `cut` and `masked` where they apply. A stream keeps the
//! names of fields once for a run of entries that share them, so whole words cost nothing. The second field's name says
//! what an entry is: `stdout`, `stderr` or `system` (a line), `stage`, `gap` or `end`.

use log_model::{LogEvent, Recorded, StageState};

/// Decimal digits, without an allocation.
pub(super) struct Digits([u8; 20], usize);

impl Digits {
    pub(super) fn of(mut number: u64) -> Self {
        let mut digits = Self([b'0'; 20], 20);
        loop {
            digits.1 -= 1;
            digits.0[digits.1] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return digits;
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0[self.1..]).expect("digits are ASCII")
    }
}

/// The names and values of an entry, in order.
pub(super) fn fields(recorded: &Recorded, put: &mut dyn FnMut(&str, &str)) {
    put("ts", Digits::of(recorded.ts.as_millis()).as_str());
    match &recorded.event {
        LogEvent::Line {
            source,
            text,
            class,
            cut,
            masked,
        } => {
            put(source.as_str(), text.as_str());
            if let Some(phase) = &recorded.phase {
                put("phase", phase.as_str());
            }
            if let Some(class) = class {
                put("class", class.as_str());
            }
            if let Some(cut) = cut {
                put("cut", Digits::of(*cut).as_str());
            }
            if !masked.is_empty() {
                let masked: Vec<_> = masked.iter().map(|m| format!("{}:{}", m.rule, m.count)).collect();
                put("masked", &masked.join(","));
            }
            return;
        }
        LogEvent::Stage {
            state: StageState::Started,
        } => put("stage", "started"),
        LogEvent::Stage {
            state: StageState::Finished { exit_code, duration_ms },
        } => {
            put("stage", "finished");
            if let Some(code) = exit_code {
                put("exit_code", &code.to_string());
            }
            put("duration_ms", Digits::of(*duration_ms).as_str());
        }
        LogEvent::Gap { lines, reason, .. } => {
            put("gap", reason.as_str());
            if let Some(lines) = lines {
                put("lines", Digits::of(*lines).as_str());
            }
        }
        // Only the scripts write ends, with the counts they know; masked ones come by here.
        LogEvent::Ended {
            outcome,
            exit_code,
            counts,
        } => {
            put("end", outcome.as_str());
            if let Some(code) = exit_code {
                put("exit_code", &code.to_string());
            }
            put("lines", Digits::of(counts.lines).as_str());
            put("redactions", Digits::of(counts.redactions).as_str());
            put("gaps", Digits::of(counts.gaps).as_str());
        }
        _ => {}
    }
    if let Some(phase) = &recorded.phase {
        put("phase", phase.as_str());
    }
}

/// What the append script needs to keep the list of phases: `phase started duration exit;` per stage entry.
pub(super) fn stages(events: &[Recorded]) -> String {
    let mut stages = String::new();
    for recorded in events {
        let (Some(phase), LogEvent::Stage { state }) = (&recorded.phase, &recorded.event) else {
            continue;
        };
        stages.push_str(phase.as_str());
        match *state {
            StageState::Started => stages.push_str(&format!(" {} - -;", recorded.ts)),
            StageState::Finished { exit_code, duration_ms } => {
                let started = recorded.ts.as_millis().saturating_sub(duration_ms);
                let exit = exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string());
                stages.push_str(&format!(" {started} {duration_ms} {exit};"));
            }
        }
    }
    stages
}

#[cfg(test)]
mod tests {
    use log_model::{Phase, Timestamp};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stages_are_told_to_the_script_in_one_word_each() {
        let stage = |ts, state| Recorded {
            ts: Timestamp::from_millis(ts),
            phase: Some(Phase::new("build").expect("a word")),
            event: LogEvent::Stage { state },
        };
        let events = [
            stage(1000, StageState::Started),
            stage(
                4000,
                StageState::Finished {
                    exit_code: Some(2),
                    duration_ms: 3000,
                },
            ),
            stage(
                5000,
                StageState::Finished {
                    exit_code: None,
                    duration_ms: 9000,
                },
            ),
        ];
        assert_eq!(stages(&events), "build 1000 - -;build 1000 3000 2;build 0 9000 -;");
    }

    proptest! {
        #[test]
        fn numbers_have_their_usual_digits(number: u64) {
            let digits = Digits::of(number);
            prop_assert_eq!(digits.as_str(), number.to_string());
        }
    }
}
