//! What a person sees of a line, and that it does not depend on how the bytes were cut.

use capture::{SCAN_LIMIT, Screen};
use proptest::prelude::*;

fn lines(mut screen: Screen, pieces: &[&[u8]]) -> Vec<String> {
    let mut lines = Vec::new();
    for piece in pieces {
        screen.push(piece, &mut |line| lines.push(line.text.to_owned()));
    }
    screen.finish(&mut |line| lines.push(line.text.to_owned()));
    lines
}

#[track_caller]
fn check(raw: &[u8], expected: &[&str]) {
    assert_eq!(lines(Screen::pipe(), &[raw]), expected);
    let bytes: Vec<&[u8]> = raw.chunks(1).collect();
    assert_eq!(lines(Screen::pipe(), &bytes), expected, "a byte at a time");
}

#[track_caller]
fn check_pty(raw: &[u8], expected: &[&str]) {
    assert_eq!(lines(Screen::pty(24, 80), &[raw]), expected);
    let bytes: Vec<&[u8]> = raw.chunks(1).collect();
    assert_eq!(lines(Screen::pty(24, 80), &bytes), expected, "a byte at a time");
}

#[test]
fn lines_end_at_newlines_and_the_last_one_at_the_end() {
    check(b"", &[]);
    check(b"\n", &[""]);
    check(b"one\ntwo\r\n\nfour", &["one", "two", "", "four"]);
}

#[test]
fn blanks_at_the_end_of_a_plain_line_stay() {
    check(b"a  \n", &["a  "]);
    check(b"\x1b[1ma  \x1b[0m\n", &["a  "]);
}

#[test]
fn a_carriage_return_overwrites_the_line() {
    check(b"10%\r20%\r\n", &["20%"]);
    check(b"downloading 100%\rdone\n", &["doneloading 100%"]);
    check(b"downloading 100%\r\x1b[Kdone\n", &["done"]);
}

#[test]
fn backspaces_and_tabs_move_the_cursor() {
    check(b"abc\x08\x08X\n", &["aXc"]);
    check(b"\x08\x08a\n", &["a"]);
    check(b"a\tb\n12345678\tc\n", &["a       b", "12345678        c"]);
    check(b"a\t\n", &["a"]);
}

#[test]
fn movements_along_the_line_happen() {
    check(b"abcdef\x1b[3DX\n", &["abcXef"]);
    check(b"a\x1b[3Cb\n", &["a   b"]);
    check(b"\xe2\xa0\x99\x1b[1G\x1b[0Knpm warn\n", &["npm warn"]);
    check(b"abcdef\x1b[4G\x1b[1KX\n", &["   Xef"]);
    check(b"abcdef\x1b[2K\n", &[""]);
    check(b"abcdef\r\x1b[2Pxy\n", &["xyef"]);
}

#[test]
fn colours_and_titles_are_dropped_and_the_text_of_a_link_stays() {
    check(b"\x1b[1;38;5;208mv\x1b[0m\x1b[32mi\x1b[39mte\n", &["vite"]);
    check(b"\x1b]0;title\x07text\n", &["text"]);
    check(b"\x1b]8;;https://example.com/?a=b\x1b\\docs\x1b]8;;\x1b\\\n", &["docs"]);
    check(b"\x1bP1$r0m\x1b\\ok\n", &["ok"]);
    check(b"\x1b(Bplain\x1b>\n", &["plain"]);
    check(b"\x1b[?25lhidden cursor\x1b[?25h\n", &["hidden cursor"]);
}

#[test]
fn an_unfinished_escape_costs_its_own_line_only() {
    check(b"\x1b]0;x\nok\n", &["]0;x", "ok"]);
    check(b"a\x1b[3\nok\n", &["a[3", "ok"]);
    check(b"a\x1bP payload\nok\n", &["aP payload", "ok"]);
    check(b"a\x1b\nok\n", &["a", "ok"]);
}

#[test]
fn clearing_the_screen_erases_nothing_from_the_log() {
    check(b"kept\n\x1b[2J\x1b[3J\x1b[Hnext\n", &["kept", "next"]);
    check_pty(b"kept\r\n\x1b[2J\x1b[3J\x1b[Hnext\r\n", &["kept", "next"]);
    check_pty(b"kept\r\n\x1b[H\x1b[Jnext\r\n", &["kept", "next"]);
}

#[test]
fn what_is_no_character_becomes_one_that_says_so() {
    check(b"a\xffb\n", &["a\u{fffd}b"]);
    check(b"a\xe2\x82\n\xacb\n", &["a\u{fffd}", "\u{fffd}b"]);
    check(b"\xe2\x82\x1b[31mx\n", &["\u{fffd}x"]);
    check(b"\xc2\x85next\n", &["next"]);
}

#[test]
fn what_hides_or_reorders_never_reaches_a_reader() {
    check("a\0b\u{202e}c\u{200b}d\u{feff}e\u{7f}\n".as_bytes(), &["abcde"]);
    check("👩\u{200d}💻 e\u{301}\n".as_bytes(), &["👩\u{200d}💻 e\u{301}"]);
}

#[test]
fn a_character_whose_bytes_a_colour_parts_is_none() {
    check(b"\xe2\x1b[31m\x94\x80 x\n", &["\u{fffd}\u{fffd}\u{fffd} x"]);
    check("\u{2500}\x1b[31m\u{2500}\x1b[0m\n".as_bytes(), &["\u{2500}\u{2500}"]);
}

#[test]
fn a_long_line_is_cut_where_the_scan_ends_and_says_how_long_it_was() {
    let mut raw = vec![b'x'; 3_000_000];
    raw.push(b'\n');
    let mut seen = Vec::new();
    let mut screen = Screen::pipe();
    for piece in raw.chunks(60_000) {
        screen.push(piece, &mut |line| seen.push((line.text.len(), line.cut)));
    }
    assert_eq!(seen, [(SCAN_LIMIT, Some(3_000_000))]);
}

#[test]
fn a_line_rewritten_many_times_is_not_long() {
    let mut raw = Vec::new();
    for percent in 0..100_000 {
        raw.extend_from_slice(format!("\r{percent} of 100000").as_bytes());
    }
    raw.push(b'\n');
    check(&raw, &["99999 of 100000"]);
}

#[test]
fn an_endless_sequence_is_bounded_and_shown_as_the_text_it_is() {
    let mut raw = b"\x1b]0;".to_vec();
    raw.resize(1_000_000, b'y');
    raw.extend_from_slice(b"\nnext\n");
    let mut seen = Vec::new();
    Screen::pipe().push(&raw, &mut |line| seen.push((line.text.len(), line.cut)));
    assert_eq!(seen, [(SCAN_LIMIT - 1, Some(999_999)), (4, None)]);
}

#[test]
fn a_flushed_prompt_is_said_once_and_its_answer_starts_a_new_line() {
    let mut seen = Vec::new();
    let mut screen = Screen::pipe();
    let mut emit = |line: capture::Line<'_>| seen.push((line.text.to_owned(), line.continues));
    screen.push(b"Ok to proceed? (y) ", &mut emit);
    screen.flush(&mut emit);
    screen.flush(&mut emit);
    screen.push(b"\n", &mut emit);
    screen.push(b"Name: ", &mut emit);
    screen.flush(&mut emit);
    screen.push(b"ana\nnext\n", &mut emit);
    let expected = [
        ("Ok to proceed? (y) ", false),
        ("Name: ", false),
        ("ana", true),
        ("next", false),
    ]
    .map(|(t, c)| (t.to_owned(), c));
    assert_eq!(seen, expected);
}

#[test]
fn a_window_shows_the_last_state_of_rows_that_are_rewritten() {
    check_pty(
        b"1/2\r\n2/2\r\n\x1b[2A\x1b[Jdone 1\r\ndone 2\r\n",
        &["done 1", "done 2"],
    );
    check_pty(b"a\r\nb\r\nc\x1b[1A\x1b[2K\rB\r\n\r\n", &["a", "B", "c"]);
}

#[test]
fn a_window_joins_what_was_too_wide_for_a_row() {
    let long = "0123456789".repeat(20);
    check_pty(format!("{long}\r\nnext\r\n").as_bytes(), &[&long, "next"]);
    let many = format!("{long}\r\n").repeat(30);
    assert_eq!(lines(Screen::pty(5, 80), &[many.as_bytes()]), vec![long; 30]);
}

#[test]
fn rows_leave_a_window_in_order() {
    let raw: String = (0..200).map(|n| format!("line {n}\r\n")).collect();
    let expected: Vec<String> = (0..200).map(|n| format!("line {n}")).collect();
    assert_eq!(lines(Screen::pty(24, 80), &[raw.as_bytes()]), expected);
}

#[test]
fn after_a_quiet_moment_a_window_shows_what_is_new() {
    let mut seen = Vec::new();
    let mut screen = Screen::pty(24, 80);
    let mut emit = |line: capture::Line<'_>| seen.push(line.text.to_owned());
    screen.push(b"one\r\ntwo\r\nname: ", &mut emit);
    screen.flush(&mut emit);
    screen.flush(&mut emit);
    screen.push(b"ana\r\n\x1b[3A\x1b[2KONE\r\x1b[3B", &mut emit);
    screen.flush(&mut emit);
    screen.finish(&mut emit);
    assert_eq!(seen, ["one", "two", "name: ", "ONE", "ana"]);
}

/// Bytes that look like terminal output: text, controls and sequences, whole and broken.
fn terminal_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[a-z é✓✨\u{202e}]{0,12}".prop_map(String::into_bytes),
        2 => prop::sample::select(vec!["\n", "\r", "\r\n", "\x08", "\t", "\x1b", "\x07", "\0"]).prop_map(|s| s.as_bytes().to_vec()),
        2 => "\x1b\\[[0-9;?]{0,4}[A-HJKPXm@LMsu]".prop_map(String::into_bytes),
        1 => "\x1b\\][0-9];[a-z]{0,8}(\x07|\x1b\\\\|)".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_lines(bytes in terminal_bytes(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20)) {
        let pieces = cut(&bytes, &cuts);
        prop_assert_eq!(lines(Screen::pipe(), &[&bytes]), lines(Screen::pipe(), &pieces));
        prop_assert_eq!(lines(Screen::pty(5, 20), &[&bytes]), lines(Screen::pty(5, 20), &pieces));
    }

    #[test]
    fn no_control_character_comes_out(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        for screen in [Screen::pipe(), Screen::pty(4, 10)] {
            for line in lines(screen, &[&bytes]) {
                prop_assert!(!line.chars().any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)), "{:?}", line);
            }
        }
    }

    #[test]
    fn plain_text_comes_out_as_it_went_in(text in "[ -~éß✓日本]{0,200}") {
        prop_assert_eq!(lines(Screen::pipe(), &[format!("{text}\n").as_bytes()]), vec![text.clone()]);
        // The same by the slow road, which a colour at its beginning makes it take.
        prop_assert_eq!(lines(Screen::pipe(), &[format!("\x1b[m{text}\n").as_bytes()]), vec![text]);
    }
}

#[test]
fn a_screen_of_its_own_keeps_its_last_state_and_gives_the_first_one_back() {
    check_pty(
        b"before\r\n\x1b[?1049h\x1b[Hmenu 1\x1b[Hmenu 2\x1b[?1049lafter\r\n",
        &["before", "menu 2", "after"],
    );
}

#[test]
fn letters_of_the_line_drawing_set_are_lines() {
    check_pty(b"\x1b(0lqqk\x1b(B ok\r\n", &["┌──┐ ok"]);
    check_pty(b"\x1b)0\x0exqx\x0f q\r\n", &["│─│ q"]);
}

#[test]
fn a_character_is_repeated() {
    check_pty(b"a\x1b[3b-\r\n", &["aaaa-"]);
}

#[test]
fn a_bar_below_a_region_that_scrolls_is_one_line() {
    let mut raw = b"\n\x1b7\x1b[0;23r\x1b8\x1b[1A".to_vec();
    for at in 1..=40 {
        raw.extend_from_slice(format!("Unpacking {at}\r\n\x1b7\x1b[24;0fProgress: [{at:3}%]\x1b8").as_bytes());
    }
    raw.extend_from_slice(b"\n\x1b7\x1b[0;24r\x1b8\x1b[1A\x1b[J");
    let seen = lines(Screen::pty(24, 80), &[&raw]);
    let unpacked = seen.iter().filter(|line| line.starts_with("Unpacking")).count();
    let bars = seen.iter().filter(|line| line.starts_with("Progress")).count();
    assert_eq!((unpacked, bars), (40, 0), "{seen:?}");
}

#[test]
fn control_characters_beyond_ascii_begin_sequences_too() {
    check("a\u{9b}31mb\u{9d}0;title\u{7}c\n".as_bytes(), &["abc"]);
}

#[test]
fn a_terminal_that_shrinks_loses_no_row() {
    let mut seen = Vec::new();
    let mut screen = Screen::pty(24, 80);
    let mut emit = |line: capture::Line<'_>| seen.push(line.text.to_owned());
    screen.push(b"1\r\n2\r\n3\r\n4\r\n5", &mut emit);
    screen.resize(2, 40);
    screen.push(b"\r\n6", &mut emit);
    screen.finish(&mut emit);
    assert_eq!(seen, ["1", "2", "3", "4", "5", "6"]);
}
