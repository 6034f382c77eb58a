//! The file of a spool: what was written is read back, and damage never does more than end the reading.

use capture::{SpoolHeader, SpoolReader, SpoolRecord};
use proptest::prelude::*;

fn read(bytes: &[u8]) -> Option<(SpoolHeader, Vec<SpoolRecord>)> {
    let (header, mut reader) = SpoolReader::open(bytes).expect("memory can be read")?;
    let mut records = Vec::new();
    while let Some(record) = reader.next_record().expect("memory can be read") {
        records.push(record);
    }
    Some((header, records))
}

/// The form on disk; a change of it needs a new number in the header.
const GOLDEN: &str = r#"{"spool":1,"job":"build-42","owner":{"kind":"user","id":"user_ana"},"phase":"install","writer":"w0123456789abcdef"}
{"batch":7,"entries":1,"bytes":61,"sum":"e7b7e90c1632c7a1"}
{"kind":"line","ts":1000,"source":"stdout","text":"added 3"}
{"closed":{"ending":{"outcome":"succeeded","exit_code":0}}}
"#;

#[test]
fn the_form_on_disk_is_read() {
    let (header, records) = read(GOLDEN.as_bytes()).expect("it has a header");
    assert_eq!(
        (header.job.as_str(), header.writer.as_str()),
        ("build-42", "w0123456789abcdef")
    );
    assert_eq!(records.len(), 2);
    let SpoolRecord::Batch { number, events, .. } = &records[0] else {
        panic!("a batch comes first")
    };
    assert_eq!((*number, events.len()), (7, 1));
}

#[test]
fn a_file_cut_anywhere_gives_what_came_before_the_cut() {
    let whole = read(GOLDEN.as_bytes()).expect("it has a header").1;
    for end in 0..GOLDEN.len() {
        if let Some((_, records)) = read(&GOLDEN.as_bytes()[..end]) {
            assert!(records.len() <= whole.len());
        }
    }
}

#[test]
fn a_file_of_another_form_is_left_alone() {
    assert!(read(b"").is_none());
    assert!(read(GOLDEN.replace("\"spool\":1", "\"spool\":2").as_bytes()).is_none());
    assert!(read(b"{}\n").is_none());
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>()) {
        let _ = read(&bytes);
        let mut damaged = GOLDEN.as_bytes().to_vec();
        let at = at.index(damaged.len());
        damaged.splice(at..at, bytes);
        let _ = read(&damaged);
    }
}
