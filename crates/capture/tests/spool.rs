//! The file of a spool: what was written is read back, and damage never does more than end the reading.

use capture::{SpoolHeader, SpoolReader, SpoolRecord};
use log_model::{GapReason, LogEvent, Outcome};
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
const GOLDEN: &str = r#"{"spool":4,"job":"build-42","owner":{"kind":"user","id":"user_ana"},"phase":"install","writer":"w0123456789abcdef"}
{"progress":"00000000000000000815 -0000000000000000002 00000000000000000000"}
{"closed":{"at":507,"missing":{"number":8,"lines":3},"ending":{"outcome":"succeeded","exit_code":0}}}                                                                                          
{"batch":7,"entries":1,"bytes":61,"sum":"1470612f7982351b"}
{"kind":"line","ts":1000,"source":"stdout","text":"added 3"}
"#;

#[test]
fn the_form_on_disk_is_read() {
    let (header, records) = read(GOLDEN.as_bytes()).expect("it has a header");
    assert_eq!(
        (header.job.as_str(), header.writer.as_str()),
        ("build-42", "w0123456789abcdef")
    );
    let [
        SpoolRecord::Batch { number, events, .. },
        SpoolRecord::Batch {
            number: last,
            events: word,
            ..
        },
        SpoolRecord::Closed { ending: Some(ending) },
    ] = &records[..]
    else {
        panic!("a batch, the gap behind it, and that it was closed: {records:?}")
    };
    assert_eq!((*number, events.len()), (7, 1));
    let reason = GapReason::SpoolFull;
    let expected = LogEvent::Gap {
        lines: Some(3),
        span: None,
        reason,
    };
    assert_eq!((*last, &word[0].event), (8, &expected));
    assert_eq!((ending.outcome, ending.exit_code), (Outcome::Succeeded, Some(0)));
}

#[test]
fn a_file_that_is_not_closed_ends_with_its_last_batch() {
    let at = GOLDEN.find("{\"closed\"").expect("it is closed");
    let end = at + GOLDEN[at..].find('\n').expect("it is a line");
    for line in ["\"open\"", "what nobody can read"] {
        let open = format!("{}{line:<191}{}", &GOLDEN[..at], &GOLDEN[end..]);
        let records = read(open.as_bytes()).expect("it has a header").1;
        assert!(matches!(&records[..], [SpoolRecord::Batch { .. }]), "{records:?}");
    }
}

#[test]
fn how_its_numbers_stand_to_the_stores_is_read() {
    let (_, reader) = SpoolReader::open(GOLDEN.as_bytes())
        .expect("memory can be read")
        .expect("it has a header");
    let progress = reader.progress();
    assert_eq!((progress.head.get(), progress.shift, progress.last_word), (815, -2, 0));
    // Without it nobody can tell what the store has: such a file is no spool.
    assert!(read(GOLDEN.replace("{\"progress\"", "{\"progres\"").as_bytes()).is_none());
}

#[test]
fn an_end_that_is_cut_off_is_told_from_damage() {
    let check = |text: &[u8], damaged: bool| {
        let (_, mut reader) = SpoolReader::open(text)
            .expect("memory can be read")
            .expect("it has a header");
        while reader.next_record().expect("memory can be read").is_some() {}
        assert_eq!(reader.is_damaged(), damaged, "{}", String::from_utf8_lossy(text));
    };
    check(GOLDEN.as_bytes(), false);
    let body = GOLDEN.find("{\"batch\"").expect("there is a batch");
    let open = GOLDEN.replace(
        &GOLDEN[GOLDEN.find("{\"closed\"").expect("it is closed")..body - 1],
        &format!("{:<191}", "\"open\""),
    );
    for end in body..open.len() {
        check(&open.as_bytes()[..end], false);
    }
    // A closed file was longer: the machine died before its end was written.
    check(&GOLDEN.as_bytes()[..body], true);
    for (what, with) in [
        ("added 3", "added 4"),
        ("{\"batch\"", "#\"batch\""),
        ("{\"kind\":\"line", "#\"kind\":\"line"),
    ] {
        check(GOLDEN.replace(what, with).as_bytes(), true);
    }
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
    assert!(read(GOLDEN.replace("\"spool\":4", "\"spool\":3").as_bytes()).is_none());
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
