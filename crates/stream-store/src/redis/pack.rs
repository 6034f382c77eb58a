//! A batch as the append script takes it: one MessagePack array, in which lines that are alike say only once what they
//! share. Pure.
//!
//! The array is flat. A run of plain lines is their number, their source, their phase (empty where there is none) and
//! then the time and the text of each; any other entry is 0, how many names and values it has, and these. Every string
//! that is not sent again is one the server need not take out of the array, hash and compare.

use log_model::{LogEvent, Phase, Recorded, Source};

use super::fields::{Digits, fields};

/// The array under construction.
struct Pack {
    bytes: Vec<u8>,
    items: u32,
}

/// A batch's events, packed.
pub(super) fn pack(events: &[Recorded]) -> Vec<u8> {
    let text: usize = events.iter().map(|one| 32 + text_of(one).map_or(128, str::len)).sum();
    let mut pack = Pack {
        bytes: Vec::with_capacity(text + 5),
        items: 0,
    };
    // An array whose length is put in last.
    pack.bytes.extend_from_slice(&[0xdd, 0, 0, 0, 0]);
    for run in events.chunk_by(|one, next| shared(one).is_some() && shared(one) == shared(next)) {
        match shared(&run[0]) {
            Some((source, phase)) => pack.run(run, source, phase),
            None => pack.entry(&run[0]),
        }
    }
    let items = pack.items.to_be_bytes();
    pack.bytes[1..5].copy_from_slice(&items);
    pack.bytes
}

/// What a plain line has beside its time and its text; none for anything else.
fn shared(recorded: &Recorded) -> Option<(Source, Option<&Phase>)> {
    match &recorded.event {
        LogEvent::Line {
            source,
            class: None,
            cut: None,
            masked,
            ..
        } if masked.is_empty() => Some((*source, recorded.phase.as_ref())),
        _ => None,
    }
}

fn text_of(recorded: &Recorded) -> Option<&str> {
    match &recorded.event {
        LogEvent::Line { text, .. } => Some(text.as_str()),
        _ => None,
    }
}

impl Pack {
    fn run(&mut self, run: &[Recorded], source: Source, phase: Option<&Phase>) {
        self.number(run.len());
        self.text(source.as_str());
        self.text(phase.map_or("", Phase::as_str));
        for recorded in run {
            self.text(Digits::of(recorded.ts.as_millis()).as_str());
            self.text(text_of(recorded).unwrap_or_default());
        }
    }

    fn entry(&mut self, recorded: &Recorded) {
        self.number(0);
        let mut count = 0;
        fields(recorded, &mut |_, _| count += 2);
        self.number(count);
        fields(recorded, &mut |name, value| {
            self.text(name);
            self.text(value);
        });
    }

    fn number(&mut self, number: usize) {
        self.items += 1;
        match u8::try_from(number) {
            // A number below 128 is its own form.
            Ok(small @ 0..128) => self.bytes.push(small),
            _ => {
                let number = u32::try_from(number).expect("a batch has far fewer than four billion entries");
                self.bytes.push(0xce);
                self.bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.items += 1;
        let length = text.len();
        match length {
            0..32 => self.bytes.push(0xa0 | length as u8),
            32..256 => self.bytes.extend_from_slice(&[0xd9, length as u8]),
            256..65536 => {
                self.bytes.push(0xda);
                self.bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                self.bytes.push(0xdb);
                let length = u32::try_from(length).expect("a line is cut long before it has four billion bytes");
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "made-up text")]
    use log_model::{Class, SafeText, Timestamp};

    use super::*;

    fn line(phase: Option<&str>, source: Source, class: Option<Class>, text: &str) -> Recorded {
        let text = SafeText::assume_redacted(text);
        Recorded {
            ts: Timestamp::from_millis(7),
            phase: phase.map(|phase| Phase::new(phase).expect("a word")),
            event: LogEvent::Line {
                source,
                text,
                class,
                cut: None,
                masked: Vec::new(),
            },
        }
    }

    /// The array's items, numbers as their digits.
    fn items(mut bytes: &[u8]) -> Vec<String> {
        let mut take = |count: usize| {
            let (taken, rest) = bytes.split_at(count);
            bytes = rest;
            taken.iter().fold((0_usize, Vec::new()), |(number, mut all), byte| {
                all.push(*byte);
                (number << 8 | usize::from(*byte), all)
            })
        };
        assert_eq!(take(1).0, 0xdd);
        let count = take(4).0;
        let items = (0..count)
            .map(|_| {
                let length = match take(1).0 {
                    small @ 0..128 => return small.to_string(),
                    0xce => return take(4).0.to_string(),
                    short @ 0xa0..0xc0 => short & 0x1f,
                    0xd9 => take(1).0,
                    0xda => take(2).0,
                    0xdb => take(4).0,
                    other => panic!("{other:x}"),
                };
                String::from_utf8(take(length).1).expect("text")
            })
            .collect();
        assert!(bytes.is_empty(), "{bytes:?}");
        items
    }

    #[track_caller]
    fn check(events: &[Recorded], packed: &str) {
        assert_eq!(items(&pack(events)).join("|"), packed);
    }

    #[test]
    fn lines_that_are_alike_say_once_what_they_share() {
        let (out, err) = (Source::Stdout, Source::Stderr);
        let plain = |text| line(Some("build"), out, None, text);
        check(&[plain("a"), plain("b")], "2|stdout|build|7|a|7|b");
        check(
            &[
                plain("a"),
                line(None, out, None, "b"),
                line(None, err, None, "c"),
                plain("d"),
            ],
            "1|stdout|build|7|a|1|stdout||7|b|1|stderr||7|c|1|stdout|build|7|d",
        );
        let noise = line(None, out, Some(Class::Deprecated), "b");
        check(
            &[plain("a"), noise.clone(), noise, plain("c")],
            "1|stdout|build|7|a|0|6|ts|7|stdout|b|class|deprecated|0|6|ts|7|stdout|b|class|deprecated|1|stdout|build|7|c",
        );
    }

    #[test]
    fn every_length_of_run_and_text_is_said() {
        for count in [1, 127, 128, 300] {
            for length in [0, 31, 32, 255, 256, 65_535, 65_536] {
                let text = "x".repeat(length);
                let packed = items(&pack(&vec![line(None, Source::Stdout, None, &text); count]));
                assert_eq!(packed[0], count.to_string());
                assert_eq!(packed.len(), 3 + 2 * count);
                assert!(
                    packed[4..].iter().step_by(2).all(|one| *one == text),
                    "{count} × {length}"
                );
            }
        }
    }
}
