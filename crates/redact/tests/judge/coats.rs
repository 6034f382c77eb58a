//! How a value may be dressed before it is printed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use crate::dice::{Dice, either, secret};

pub(crate) fn json(value: &str) -> String {
    let quoted = serde_json::to_string(value).expect("a string is JSON");
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON for a page: signs that mean something in HTML, and all beyond ASCII, as `\u` escapes.
pub(crate) fn json_for_html(value: &str, upper: bool) -> String {
    let mut out = String::new();
    for char in json(value).chars() {
        if char.is_ascii() && !"<>&'=+".contains(char) {
            out.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                out.push_str(&if upper {
                    format!("\\u{unit:04X}")
                } else {
                    format!("\\u{unit:04x}")
                });
            }
        }
    }
    out
}

pub(crate) fn unicode_escaped(value: &str) -> String {
    value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

pub(crate) fn percent(value: &str, upper: bool, form: bool) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            b'~' if !form => out.push('~'),
            b' ' if form => out.push('+'),
            _ if upper => out.push_str(&format!("%{byte:02X}")),
            _ => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// Every byte percent-encoded.
pub(crate) fn percent_all(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(crate) fn hex(value: &str, upper: bool) -> String {
    value
        .bytes()
        .map(|byte| {
            if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            }
        })
        .collect()
}

pub(crate) fn html(value: &str, numeric: bool) -> String {
    let mut out = String::new();
    for char in value.chars() {
        match char {
            '&' => out.push_str(if numeric { "&#38;" } else { "&amp;" }),
            '<' => out.push_str(if numeric { "&#60;" } else { "&lt;" }),
            '>' => out.push_str(if numeric { "&#62;" } else { "&gt;" }),
            '"' => out.push_str(if numeric { "&#34;" } else { "&quot;" }),
            '\'' => out.push_str(if numeric { "&#x27;" } else { "&#39;" }),
            _ => out.push(char),
        }
    }
    out
}

/// `'…'`, a quote within as `'\''`.
pub(crate) fn single_quoted(value: &str) -> String {
    value.replace('\'', r"'\''")
}

/// Within `"…"`.
pub(crate) fn double_quoted(value: &str) -> String {
    escaped(value, "\\\"$`")
}

/// A backslash before each sign that means something to a shell, as `printf %q` prints it.
pub(crate) fn backslashed(value: &str) -> String {
    escaped(value, "\\\"'$`&|;<>()[]{}*?#!^, ")
}

/// Within `$'…'`.
pub(crate) fn ansi_c(value: &str) -> String {
    escaped(value, "\\'").replace('\n', "\\n").replace('\t', "\\t")
}

fn escaped(value: &str, signs: &str) -> String {
    let mut out = String::new();
    for char in value.chars() {
        if signs.contains(char) {
            out.push('\\');
        }
        out.push(char);
    }
    out
}

/// Base64 of `before value after`, of which the characters that stand for the value alone are marked.
pub(crate) fn base64_within(before: &str, value: &str, after: &str, url: bool) -> String {
    let all = format!("{before}{value}{after}");
    let encoded = if url {
        URL_SAFE.encode(&all)
    } else {
        STANDARD.encode(&all)
    };
    // A character holds six bits; those of the value begin and end here.
    let (start, end) = (before.len() * 8, (before.len() + value.len()) * 8);
    let (from, to) = (start.div_ceil(6), end / 6);
    format!(
        "{}{}{}",
        either(&encoded[..from]),
        secret(&encoded[from..to]),
        either(&encoded[to..])
    )
}

/// A few characters beside a value that shift its base64.
pub(crate) fn neighbour(dice: &mut Dice, length: usize) -> String {
    dice.chars("w", length)
}
