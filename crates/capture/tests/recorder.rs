//! What becomes of a line between the screen and the store.

use std::time::Duration;

use capture::{DISPLAY_LIMIT, QUIET, Recorder, RecorderOptions, SCAN_LIMIT};
use log_model::{LogEvent, Recorded, Source, Timestamp};
use redact::Redactor;

const START: Timestamp = Timestamp::from_millis(1_000_000);

fn secret() -> String {
    ["correct", "horse", "battery", "staple"].join("-")
}

fn recorder() -> Recorder {
    let redactor = Redactor::builder()
        .known_secret(secret())
        .build()
        .expect("the rules are sound");
    Recorder::new(redactor.scrubber(), Source::Stderr, RecorderOptions::default())
}

/// Pieces, each after a pause, and the lines they make.
fn lines(pieces: &[(Duration, &str)]) -> Vec<String> {
    let mut recorder = recorder();
    let mut entries = Vec::new();
    let mut now = START;
    for (pause, piece) in pieces {
        now = now.plus(*pause);
        recorder.tick(now, &mut entries);
        recorder.push(piece.as_bytes(), now, &mut entries);
    }
    recorder.finish(now, &mut entries);
    entries.iter().map(|entry| text(entry).to_owned()).collect()
}

fn text(entry: &Recorded) -> &str {
    match &entry.event {
        LogEvent::Line { text, .. } => text.as_str(),
        other => panic!("a recorder makes lines, not {other:?}"),
    }
}

const NOW: Duration = Duration::ZERO;

#[test]
fn an_unfinished_line_waits_for_a_quiet_moment() {
    let mut recorder = recorder();
    let mut entries = Vec::new();
    recorder.push(b"Ok to proceed? (y) ", START, &mut entries);
    assert_eq!(recorder.due(), Some(START.plus(QUIET)));
    recorder.tick(START.plus(QUIET / 2), &mut entries);
    assert!(entries.is_empty());
    recorder.tick(START.plus(QUIET), &mut entries);
    assert_eq!(entries.iter().map(text).collect::<Vec<_>>(), ["Ok to proceed? (y) "]);
    assert_eq!(recorder.due(), None);
}

#[test]
fn what_may_be_half_a_secret_is_not_shown_before_its_end() {
    let whole = secret();
    let (first, rest) = whole.split_at(12);
    assert_eq!(lines(&[(NOW, first), (QUIET, rest), (NOW, "\n")]), ["[REDACTED]"]);
}

#[test]
fn a_value_after_a_flushed_name_is_still_that_names_value() {
    let value = ["Xk29", "vv01", "Lq88", "zR4t"].concat();
    let seen = lines(&[(NOW, "api_key: "), (QUIET, &value), (NOW, "\nnext\n")]);
    assert!(seen.iter().all(|line| !line.contains(&value)), "{seen:?}");
    assert_eq!(seen.last().map(String::as_str), Some("next"));
}

#[test]
fn nothing_inside_a_private_key_is_flushed() {
    let begin = ["-----BEGIN", "PRIVATE KEY-----\n"].join(" ");
    let body = ["MIIEvQIBADANBgkqhkiG", "9w0BAQEFAASCBKcwggSj", "AgEAAoIBAQC7VJTUt9Us"].concat();
    let (first, rest) = body.split_at(6);
    let seen = lines(&[(NOW, begin.as_str()), (NOW, first), (QUIET, rest), (NOW, "\n")]);
    assert!(
        seen.iter()
            .all(|line| !line.contains(first) && !line.contains(&rest[..8])),
        "{seen:?}"
    );
}

#[test]
fn a_secret_split_by_colours_and_rewrites_is_hidden() {
    let whole = secret();
    let (first, rest) = whole.split_at(5);
    assert_eq!(
        lines(&[(NOW, &format!("\x1b[31m{first}\x1b[0m\x1b[1m{rest}\x1b[0m\n"))]),
        ["[REDACTED]"]
    );
    assert_eq!(
        lines(&[(NOW, &format!("loading...\r\x1b[K{first}xx\x08\x08{rest}\n"))]),
        ["[REDACTED]"]
    );
}

#[test]
fn a_cut_never_reveals_half_a_secret() {
    let whole = secret();
    for before in [DISPLAY_LIMIT - 10, SCAN_LIMIT - 10, DISPLAY_LIMIT - whole.len()] {
        let seen = lines(&[(
            NOW,
            &format!("{}{whole}{}\n", "x ".repeat(before / 2), "y ".repeat(50_000)),
        )]);
        assert!(seen.iter().all(|line| !line.contains(&whole[..8])), "before {before}");
        assert!(seen.iter().all(|line| line.len() <= DISPLAY_LIMIT));
    }
}

#[test]
fn a_line_that_is_nothing_but_secrets_up_to_the_end_of_the_scan_shows_none() {
    // Hiding shrinks the line so much that the place where the scan ended comes close to what is shown.
    let whole = secret();
    let raw = format!("{whole} ").repeat(SCAN_LIMIT / (whole.len() + 1) + 10);
    for shift in 0..whole.len() {
        let seen = lines(&[(NOW, &format!("{}{raw}\n", "z".repeat(shift)))]);
        assert!(seen.iter().all(|line| !line.contains("correct")), "shift {shift}");
    }
}

#[test]
fn an_entry_says_when_where_and_for_what_a_line_was_written() {
    let options = {
        let mut options = RecorderOptions::default();
        options.phase = Some("install".parse().expect("it is a phase"));
        options
    };
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let mut recorder = Recorder::new(redactor.scrubber(), Source::Stderr, options);
    let mut entries = Vec::new();
    recorder.push(b"npm warn deprecated glob@7.1.3: old\n", START, &mut entries);
    let entry = &entries[0];
    assert_eq!(
        (entry.ts, entry.phase.as_ref().map(|phase| phase.as_str())),
        (START, Some("install"))
    );
    let LogEvent::Line { source, class, cut, .. } = &entry.event else {
        panic!("it is a line")
    };
    assert_eq!(
        (*source, *class, *cut),
        (Source::Stderr, Some(log_model::Class::Deprecated), None)
    );
}

/// A secret as a vendor makes it, of parts.
fn token() -> String {
    ["gh", "p_", "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2"].concat()
}

#[test]
fn what_escapes_hide_is_never_recorded() {
    let token = token();
    let (first, rest) = token.split_at(9);
    for line in [
        // Links, titles, the clipboard, strings: dropped whole.
        format!("\x1b]8;;https://ana:{token}@example.com/\x1b\\docs\x1b]8;;\x1b\\"),
        format!("\x1b]8;id={token};https://example.com/\x07docs\x1b]8;;\x07"),
        format!("\x1b]0;{token}\x07title"),
        format!("\x1b]52;c;{token}\x07copied"),
        format!("\x1bP{token}\x1b\\device"),
        format!("\x1b_{token}\x1b\\program"),
        // What has no end is shown as the text it is, and hidden as such.
        format!("\x1b]8;;https://example.com/?token={token}"),
        format!("\x1b]0;{token}"),
        // A link in the midst of the text, concealed text, marks that take no room.
        format!("use {first}\x1b]8;;https://example.com\x07{rest}\x1b]8;;\x07 now"),
        format!("use \x1b[8m{first}\x1b[28m{rest} now"),
        format!("use {first}\u{200b}{rest} now"),
    ] {
        let seen = lines(&[(NOW, &format!("{line}\n"))]).concat();
        let mut pieces = token.as_bytes().windows(8).map(|piece| String::from_utf8_lossy(piece));
        assert!(pieces.all(|piece| !seen.contains(piece.as_ref())), "{seen}");
    }
}

#[test]
fn an_answer_on_the_line_after_a_shown_prompt_is_hidden() {
    let value = ["Xk29", "vv01", "Lq88", "zR4t"].concat();
    let answer = format!("{value}\nnext\n");
    assert_eq!(
        lines(&[(NOW, "Password: "), (QUIET, "\n"), (NOW, &answer)]),
        ["Password: ", "[REDACTED]", "next"]
    );
    assert_eq!(
        lines(&[(NOW, "Password: "), (QUIET, &answer)]),
        ["Password: ", "[REDACTED]", "next"]
    );
    assert_eq!(
        lines(&[(NOW, "Name? "), (QUIET, "token? "), (QUIET, &answer)])
            .last()
            .map(String::as_str),
        Some("next")
    );
}

#[test]
fn half_a_token_waits_for_the_other_half() {
    let token = token();
    for at in 1..token.len() {
        let (first, rest) = token.split_at(at);
        assert_eq!(
            lines(&[(NOW, &format!("using {first}")), (QUIET, rest), (NOW, "\n")]),
            ["using [REDACTED]"]
        );
    }
}

#[test]
fn a_value_registered_while_its_line_is_unfinished_is_hidden_in_that_line() {
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let mut recorder = Recorder::new(redactor.scrubber(), Source::Stdout, RecorderOptions::default());
    let mut entries = Vec::new();
    recorder.push(b"session zebra-", START, &mut entries);
    redactor.register("zebra-crossing-7");
    recorder.push(b"crossing-7\n", START, &mut entries);
    assert_eq!(entries.iter().map(text).collect::<Vec<_>>(), ["session [REDACTED]"]);
}

/// What a pseudo-terminal's rows become: pieces at milliseconds, and the lines recorded by then.
fn on_a_terminal(pieces: &[(u64, &str)], until: u64) -> Vec<String> {
    let redactor = Redactor::builder().build().expect("the rules are sound");
    let mut options = RecorderOptions::default();
    options.pty = Some((24, 80));
    let mut recorder = Recorder::new(redactor.scrubber(), Source::Stdout, options);
    let mut entries = Vec::new();
    let at = |ms: u64| START.plus(Duration::from_millis(ms));
    let catch_up = |recorder: &mut Recorder, entries: &mut Vec<Recorded>, now: Timestamp| {
        while let Some(due) = recorder.due().filter(|due| *due <= now) {
            recorder.tick(due, entries);
        }
    };
    for &(ms, piece) in pieces {
        catch_up(&mut recorder, &mut entries, at(ms));
        recorder.push(piece.as_bytes(), at(ms), &mut entries);
    }
    catch_up(&mut recorder, &mut entries, at(until));
    entries.iter().map(|entry| text(entry).to_owned()).collect()
}

#[test]
fn a_row_of_a_tool_that_never_goes_back_is_recorded_at_once() {
    assert_eq!(on_a_terminal(&[(0, "one\r\ntwo\r\nthr")], 20), ["one", "two"]);
    // A spinner on its own row holds nothing above it back.
    let spinner = [
        (0, "one\r\n"),
        (5, "\u{280b} x\r"),
        (10, "\u{2819} x\r"),
        (15, "\u{2839} x\r"),
    ];
    assert_eq!(on_a_terminal(&spinner, 30), ["one"]);
}

#[test]
fn rows_within_a_tools_reach_are_held_and_those_beyond_it_are_not() {
    let frames = [
        (0, "\x1b[?25lhead\r\n\u{280b} a\r\n\u{280b} b\r\n"),
        (80, "\x1b[2A\x1b[J\u{2819} a\r\n\u{2819} b\r\n"),
        (160, "\x1b[2A\x1b[J\u{2839} a\r\n\u{2839} b\r\n"),
    ];
    assert_eq!(on_a_terminal(&frames, 200), ["head"]);
}

#[test]
fn a_display_that_is_stuck_is_shown_in_the_end() {
    let bar = [(0, "copying 45%|####    |")];
    assert_eq!(on_a_terminal(&bar, 3_000), [""; 0], "it may go on");
    assert_eq!(on_a_terminal(&bar, 10_000), ["copying 45%|####    |"]);
}

#[test]
fn a_prompt_below_finished_rows_is_recorded_after_a_quiet_moment() {
    let prompt = [(0, "create an app\r\nName: ")];
    assert_eq!(on_a_terminal(&prompt, 100), ["create an app"]);
    assert_eq!(on_a_terminal(&prompt, 2_000), ["create an app", "Name: "]);
}

#[test]
fn a_value_written_behind_a_row_that_was_shown_is_judged_with_it() {
    let value = ["Xk29", "vv01", "Lq88", "zR4t"].concat();
    let raw = format!("\x1b[A\x1b[10C{value}\r\n");
    let seen = on_a_terminal(&[(0, "api_key: \r\n"), (100, &raw), (200, "next\r\n")], 20_000);
    assert!(seen.iter().all(|line| !line.contains(&value)), "{seen:?}");
}

#[test]
fn a_row_the_cursor_was_only_moved_away_from_is_not_shown_early() {
    let whole = secret();
    let (first, rest) = whole.split_at(8);
    let pieces = [
        (0, format!("token {first}\x1b[B")),
        (100, format!("\x1b[A\x1b[{}G{rest}\r\n", 7 + first.len())),
        (200, "next\r\n".to_owned()),
    ];
    let pieces: Vec<(u64, &str)> = pieces.iter().map(|(at, piece)| (*at, piece.as_str())).collect();
    let redactor = Redactor::builder()
        .known_secret(whole.clone())
        .build()
        .expect("the rules are sound");
    let mut options = RecorderOptions::default();
    options.pty = Some((24, 80));
    let mut recorder = Recorder::new(redactor.scrubber(), Source::Stdout, options);
    let mut entries = Vec::new();
    for (at, piece) in pieces {
        let now = START.plus(Duration::from_millis(at));
        recorder.tick(now, &mut entries);
        recorder.push(piece.as_bytes(), now, &mut entries);
    }
    recorder.finish(START.plus(Duration::from_millis(300)), &mut entries);
    assert_eq!(
        entries.iter().map(text).collect::<Vec<_>>(),
        ["token [REDACTED]", "next"]
    );
}

#[test]
fn the_end_of_a_secret_stays_hidden_when_its_beginning_is_written_over() {
    let token = token();
    for (raw, shown) in [
        (format!("{token}\rDone\n"), "Done[REDACTED]"),
        (format!("key {token} is set\rok\n"), "oky [REDACTED] is set"),
        (
            format!("api_key={}\rapi_key=****\n", secret()),
            "api_key=****[REDACTED]",
        ),
        (format!("{token}\r1\r2\r3\n"), "3[REDACTED]"),
        (
            format!("{}\r{token}\rDone\n", "-".repeat(60)),
            "Done[REDACTED]--------------------",
        ),
        // Nothing is left of it.
        (format!("{token}\r\x1b[KDone\n"), "Done"),
        (format!("{token}\r{}\n", "=".repeat(60)), &"=".repeat(60)),
        // Nothing was secret.
        ("downloading 100%\rdone\n".to_owned(), "doneloading 100%"),
    ] {
        assert_eq!(lines(&[(NOW, &raw)]), [shown], "{raw:?}");
    }
}
