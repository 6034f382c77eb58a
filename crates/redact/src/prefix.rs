//! What stands before the text of a line in a log: time stamps, step numbers, names in brackets, marks of a shell.

/// Where the text of a line begins, its indentation included.
pub(crate) fn length(line: &[u8]) -> usize {
    let mut at = 0;
    // A few of them may stand together: `#9 0.312 2026-01-02T03:04:05Z [web] `.
    for _ in 0..4 {
        let Some(length) = one(&line[at..]) else { break };
        at += length;
    }
    at
}

/// Where the text of a line begins behind its indentation.
pub(crate) fn text(line: &[u8]) -> usize {
    let at = length(line);
    at + line[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn one(line: &[u8]) -> Option<usize> {
    if let Some(length) = line_number(line) {
        return Some(length);
    }
    let word = line.iter().take(64).position(|byte| *byte == b' ')?;
    let (first, spaced) = (&line[..word], word + 1);
    let length = match *first.first()? {
        // `#9 0.312 `
        b'#' if first.len() > 1 && first[1..].iter().all(u8::is_ascii_digit) => spaced,
        b'0'..=b'9' if is_time(first) => spaced,
        // `[web] `, `[12:00:01] `, `[2026-01-02 03:04:05] `
        b'[' => {
            if line.starts_with(crate::MASK.as_bytes()) {
                return None;
            }
            let close = line.iter().take(64).position(|byte| *byte == b']')?;
            (line.get(close + 1) == Some(&b' ') && close > 1 && line[1..close].iter().all(|byte| *byte != b'"'))
                .then_some(close + 2)?
        }
        b'+' | b'>' | b'<' | b'|' if first.iter().all(|byte| *byte == first[0]) => spaced,
        // `web-1  | `
        _ if first
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/')) =>
        {
            let bar = word + line[word..].iter().take(40).take_while(|byte| **byte == b' ').count();
            (line.get(bar) == Some(&b'|') && matches!(line.get(bar + 1), Some(b' ') | None)).then_some(bar + 2)?
        }
        _ => return None,
    };
    Some(length.min(line.len()))
}

/// `0.312`, `12:00:01`, `2026-01-02`, `2026-01-02T03:04:05.678Z`.
fn is_time(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let joints = word.iter().filter(|byte| matches!(byte, b':' | b'.' | b'-')).count();
    joints > 0
        && digits >= 2
        && word.len() <= 40
        && word
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-' | b'T' | b'Z' | b'+' | b',' | b's'))
}

/// `   12 | `, `> 12 | `, as a tool shows where in a file something is.
fn line_number(line: &[u8]) -> Option<usize> {
    let lead = line
        .iter()
        .take(8)
        .take_while(|byte| matches!(byte, b' ' | b'>' | b'\t'))
        .count();
    let digits = line[lead..]
        .iter()
        .take(6)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let mut at = lead + digits;
    if digits > 0 && lead > 0 && line.get(at) == Some(&b'\t') {
        return Some(at + 1);
    }
    let spaces = line[at..].iter().take(4).take_while(|byte| **byte == b' ').count();
    at += spaces;
    let bar = line[at..].starts_with(b"|") || line[at..].starts_with("│".as_bytes());
    if digits == 0 || !bar {
        return None;
    }
    at += if line[at] == b'|' { 1 } else { 3 };
    Some(at + usize::from(line.get(at) == Some(&b' ')))
}
