//! Values for properties.

#![expect(clippy::disallowed_methods, reason = "the words of tests are no secrets")]

use log_model::{
    Class, GapReason, LogEntry, LogEvent, Masked, Phase, Recorded, RuleId, SafeText, Seq, Source, StageState, Timestamp,
};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

/// Any event a capture may send.
pub fn event() -> impl Strategy<Value = LogEvent> {
    let masked = ("[a-z][a-z0-9-]{0,20}", 1..100_u32).prop_map(|(rule, count)| Masked {
        rule: RuleId::new(&rule).expect("the pattern is the form"),
        count,
    });
    prop_oneof![
        8 => (select(Source::ALL), any::<String>(), of(select(Class::ALL)), of(any::<u64>()), vec(masked, 0..3)).prop_map(
            |(source, text, class, cut, masked)| LogEvent::Line {
                source,
                text: SafeText::assume_redacted(text),
                class,
                cut,
                masked,
            }
        ),
        1 => Just(LogEvent::Stage { state: StageState::Started }),
        1 => (of(any::<i32>()), any::<u64>()).prop_map(|(exit_code, duration_ms)| LogEvent::Stage {
            state: StageState::Finished { exit_code, duration_ms }
        }),
        1 => of(any::<u64>()).prop_map(|lines| LogEvent::Gap { lines, span: None, reason: GapReason::SpoolFull }),
    ]
}

/// Anything a capture may send.
pub fn recorded() -> impl Strategy<Value = Recorded> {
    (any::<u64>(), "[a-z0-9_]{1,32}", event()).prop_map(|(ts, phase, event)| {
        // A stage without its phase says nothing, so every event has one here.
        Recorded {
            ts: Timestamp::from_millis(ts),
            phase: Phase::new(&phase).ok(),
            event,
        }
    })
}

/// A log: entries 1 to n.
pub fn log(longest: usize) -> impl Strategy<Value = Vec<LogEntry>> {
    vec(recorded(), 0..=longest).prop_map(|all| {
        (1..)
            .zip(all)
            .map(|(n, recorded)| LogEntry {
                seq: Seq::new(n).expect("a short log"),
                recorded,
            })
            .collect()
    })
}

/// Some bytes, and a way to cut them into chunks.
pub fn chunked(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> {
    bytes.prop_flat_map(|bytes| {
        let cuts = vec(0..=bytes.len(), 0..12).prop_map(|mut cuts| {
            cuts.sort_unstable();
            cuts
        });
        (Just(bytes), cuts)
    })
}

/// The pieces that `cuts` make of `bytes`; some may be empty.
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::with_capacity(cuts.len() + 1);
    let mut from = 0;
    for &cut in cuts {
        pieces.push(&bytes[from..cut]);
        from = cut;
    }
    pieces.push(&bytes[from..]);
    pieces
}
