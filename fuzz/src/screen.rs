//! What holds for any bytes a command may write, and for any file found where spools are kept.

use std::io::Cursor;

use capture::{SCAN_LIMIT, Screen, SpoolReader};

/// Any chunking gives the same lines; none holds a control character or one that reorders; each is bounded.
pub fn lines_do_not_depend_on_chunks(data: &[u8]) {
    let (size, bytes) = match data.split_first() {
        Some((&size, bytes)) => (usize::from(size).max(1), bytes),
        None => return,
    };
    check(Screen::pipe, bytes, size);
    check(|| Screen::pty(5, 20), bytes, size);
}

fn check(screen: impl Fn() -> Screen, bytes: &[u8], size: usize) {
    let whole = lines(screen(), std::iter::once(bytes));
    let pieces = lines(screen(), bytes.chunks(size));
    assert_eq!(whole, pieces);
    for line in whole {
        assert!(line.len() <= SCAN_LIMIT);
        assert!(
            !line
                .chars()
                .any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
        );
    }
}

fn lines<'a>(mut screen: Screen, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut lines = Vec::new();
    for piece in pieces {
        screen.push(piece, &mut |line| lines.push(line.text.to_owned()));
    }
    screen.finish(&mut |line| lines.push(line.text.to_owned()));
    lines
}

/// The reader of spools ends, and never panics, whatever it finds.
pub fn a_spool_is_read_without_panic(data: &[u8]) {
    let header = br#"{"spool":4,"job":"j","owner":null,"phase":null,"writer":"w"}
{"progress":"00000000000000000000 +0000000000000000000 00000000000000000000"}"#;
    for bytes in [data.to_vec(), [header.as_slice(), b"\n", data].concat()] {
        let Ok(Some((_, mut reader))) = SpoolReader::open(Cursor::new(bytes)) else {
            continue;
        };
        let mut records = 0;
        while let Ok(Some(_)) = reader.next_record() {
            records += 1;
            assert!(records <= data.len() + 1, "each record takes at least a byte");
        }
    }
}
