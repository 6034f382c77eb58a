//! Random streams of what build tools write to a terminal.

use proptest::prelude::*;

pub(crate) const ROWS: u16 = 6;
pub(crate) const COLUMNS: u16 = 20;

fn fixed(pieces: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(pieces).prop_map(str::to_owned)
}

/// Words, and lines of all lengths: shorter than a row, as long as one, longer.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,12}",
        1 => "[a-z]{18,22}",
        1 => "[a-z ]{20,65}",
        // Wide ones at the left: where one wraps early and is overwritten, a joined line does not tell the width of its rows.
        1 => fixed(&["✔ done", "\r日本", "e\u{301}te\u{301}", "│ ├── x", "⠙ load", "━━━━ 40%", "\r🚀 go"]),
    ]
}

/// What moves along the row or changes it.
fn along() -> impl Strategy<Value = String> {
    prop_oneof![
        fixed(&["\r", "\x08", "\t", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[0K", "\x1b[G"]),
        (0..25u16, prop::sample::select(vec!['C', 'D', 'G', 'P', 'X', '@'])).prop_map(|(n, c)| format!("\x1b[{n}{c}")),
    ]
}

/// What moves between rows or changes several.
fn between() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..8u16, prop::sample::select(vec!['A', 'B', 'E', 'F'])).prop_map(|(n, c)| format!("\x1b[{n}{c}")),
        1 => (0..8u16, prop::sample::select(vec!['L', 'M', 'S', 'T', 'd'])).prop_map(|(n, c)| format!("\x1b[{n}{c}")),
        1 => (1..8u16, 1..25u16).prop_map(|(row, column)| format!("\x1b[{row};{column}H")),
        2 => fixed(&["\x1b[J", "\x1b[0J", "\x1bM", "\x1bD", "\x0b", "\x1b[H"]),
        1 => fixed(&["\x1b[2J\x1b[H", "\x1b[H\x1b[2J", "\x1b[1;1H\x1b[0J", "\x1b[3J", "\x1b[2J\x1b[3J\x1b[H", "\x1b[1J"]),
    ]
}

/// What a person does not see.
fn unseen() -> impl Strategy<Value = String> {
    fixed(&[
        "\x1b[0m",
        "\x1b[1;38;5;208m",
        "\x1b[m",
        "\x1b[?25l",
        "\x1b[?25h",
        "\x1b[?2026h",
        "\x1b[?2026l",
        "\x1b]0;title\x07",
        "\x1b]8;;https://example.com\x1b\\",
        "\x1b]8;;\x1b\\",
        "\x1b]9;4;1;50\x1b\\",
        "\x07",
        "\x1b(B",
    ])
}

/// A progress display of several rows, drawn again and again over itself.
fn frames() -> impl Strategy<Value = String> {
    (1..5usize, prop::collection::vec("[a-z]{1,10}", 1..4), any::<bool>()).prop_map(|(rows, states, erases)| {
        let mut out = String::new();
        for (at, state) in states.iter().enumerate() {
            if at > 0 {
                out.push_str(&format!("\x1b[{rows}A"));
                if erases {
                    out.push_str("\x1b[J");
                }
            }
            for row in 0..rows {
                out.push_str(&format!("\x1b[2K{row} {state}\r\n"));
            }
        }
        out
    })
}

/// A package manager that keeps its last row for a bar, by a region that scrolls above it.
fn bar_below() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-z]{1,18}", 1..8).prop_map(|lines| {
        let last = ROWS - 1;
        let mut out = format!("\r\n\x1b7\x1b[0;{last}r\x1b8\x1b[1A");
        for (at, line) in lines.iter().enumerate() {
            out.push_str(&format!("{line}\r\n\x1b7\x1b[{ROWS};0f[{at}0%]\x1b8"));
        }
        out.push_str(&format!("\x1b7\x1b[0;{ROWS}r\x1b8\x1b[1A\x1b[J"));
        out
    })
}

/// What programs that fill the screen set up: regions, tab stops, drawn lines.
fn set_up() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (1..6u16, 2..7u16).prop_map(|(top, bottom)| format!("\x1b[{top};{bottom}r")),
        2 => fixed(&["\x1b[r", "\x1b[?6h", "\x1b[?6l", "\x1bc", "\x1b#8", "\x1bE"]),
        2 => fixed(&["\x1bH", "\x1b[g", "\x1b[3g", "\t\t"]),
        2 => (0..9u16, prop::sample::select(vec!['b', 'I', 'Z'])).prop_map(|(n, c)| format!("\x1b[{n}{c}")),
        2 => fixed(&["\x1b(0lqqk\x1b(B", "\x1b)0\x0emqj\x0f", "\x1b(0", "\x0e", "\x0f", "\x1b)0"]),
    ]
}

pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => text(),
        6 => fixed(&["\r\n"]),
        4 => along(),
        3 => between(),
        2 => unseen(),
        1 => frames(),
        1 => bar_below(),
        2 => set_up(),
        1 => fixed(&["\r\x1b7", "\x1b8", "\r\x1b[s", "\x1b[u", "\x1b[?7l", "\x1b[?7h", "\x1b[4h", "\x1b[4l", "\n"]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}
