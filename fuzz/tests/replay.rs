//! Every kept input of every fuzz target, and a few thousand cheap variations of them.

use std::path::{Path, PathBuf};

use tailwater_fuzz::TARGETS;

fn corpus(name: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut inputs: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{} has no corpus: {error}", folder.display()))
        .map(|file| file.expect("a readable folder").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a readable file")))
        .collect();
    inputs.sort();
    inputs
}

/// A small generator with a fixed start, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below.max(1)
    }
}

/// The input with a few bytes changed, left out, doubled or cut off.
fn variation(input: &[u8], dice: &mut Dice) -> Vec<u8> {
    const ODD: &[u8] = b"\0\n\r\x1b\x7f\x80\xff\"\\{}[]:,=.-0 %";
    let mut bytes = input.to_vec();
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len() + 1);
        match dice.roll(5) {
            0 => bytes.insert(at, ODD[dice.roll(ODD.len())]),
            1 if at < bytes.len() => bytes[at] = ODD[dice.roll(ODD.len())],
            2 if at < bytes.len() => {
                bytes.remove(at);
            }
            3 => bytes.truncate(at),
            _ => {
                let part = bytes[at..(at + dice.roll(40)).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

/// Runs a property over its corpus and `variations` of each input; a failure names the input.
fn hold(name: &str, variations: usize) {
    let target = TARGETS
        .iter()
        .find(|target| target.name == name)
        .expect("each test names a target");
    let inputs = corpus(name);
    assert!(inputs.len() >= 2, "{name} has no kept inputs");
    let mut dice = Dice(7);
    for (path, input) in inputs {
        (target.property)(&input);
        for number in 0..variations {
            let bytes = variation(&input, &mut dice);
            let held = std::panic::catch_unwind(|| (target.property)(&bytes));
            assert!(
                held.is_ok(),
                "{name} does not hold for variation {number} of {}: {bytes:?}",
                path.display()
            );
        }
    }
}

#[test]
fn every_target_has_its_program_and_its_corpus() {
    for target in TARGETS {
        let program = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz_targets")
            .join(format!("{}.rs", target.name));
        assert!(program.is_file(), "{} is missing", program.display());
        assert!(!corpus(target.name).is_empty());
    }
}

macro_rules! replay {
    ($($name:ident),+ $(,)?) => {
        $(#[test]
        fn $name() {
            hold(stringify!($name), 150);
        })+

        #[test]
        fn every_target_is_replayed() {
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), [$(stringify!($name)),+]);
        }
    };
}

replay!(
    http_target,
    http_headers,
    redact,
    redact_known,
    redact_chunks,
    redact_order,
    redact_bounded,
    screen,
    spool,
    segment_frame,
    segment_lines,
    segment_seek_table,
    manifest,
    sse_pieces,
    sse_round_trip,
    token,
    key_set,
    token_headers,
    pem,
    entry
);
