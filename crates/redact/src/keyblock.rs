//! Private keys, which span lines: PEM, OpenSSH, PGP, SSH2 and PuTTY, prefixed, indented, quoted, or on one line.
//!
//! A key without an end fails closed: its lines are hidden as long as they can be a key's, and [`JUNK`] lines beyond that
//! in full. For [`WARY`] more lines, those that look like key material are still hidden, and nothing else.

use memchr::memmem;

use crate::prefix;
use crate::rules;
use crate::span::Spans;

/// How many lines that cannot be part of a key are hidden before the key is taken for ended.
const JUNK: u32 = 3;
/// How many lines after that key material is still hidden.
const WARY: u32 = 200;
/// The most lines of one key; an RSA key of 16,384 bits has some 200.
const LONGEST: u32 = 2000;

/// The most lines of the private part of a PuTTY key, whatever it says; an RSA key of 16,384 bits has some 120.
const PUTTY_LONGEST: u32 = 400;

/// The marker of the first line of a PuTTY key, up to its version.
const PUTTY: &[u8] = b"PuTTY-User-Key-File-";

/// Whether and how a stream is inside a key.
#[derive(Debug, Default, Clone)]
pub(crate) struct KeyBlock {
    state: State,
    /// What stood before the first line, as a log's prefix does; what follows has something of the same length.
    prefix: Vec<u8>,
    lines: u32,
    junk: u32,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    /// Up to `-----END`.
    Armoured,
    /// Up to `Private-MAC:`; only the so many lines that follow `Private-Lines:` are secret.
    Putty { left: u32 },
    /// The key was given up.
    Wary { left: u32 },
}

impl KeyBlock {
    /// Whether a key has begun and not ended.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Armoured | State::Putty { left: 1.. })
    }

    /// Whether a line in which no key begins is none of its business.
    pub(crate) fn is_outside(&self) -> bool {
        self.state == State::Outside
    }

    /// Reports what of this line belongs to a private key, and moves on. `begins` says whether one may begin in it.
    pub(crate) fn find(&mut self, line: &[u8], begins: bool, spans: &mut Spans) {
        match self.state {
            State::Outside => {}
            State::Armoured => return self.armoured(line, begins, spans),
            State::Putty { left } => return self.putty(line, left, begins, spans),
            State::Wary { left } => {
                if let Some(from) = material(line, &self.prefix).filter(|from| is_strong(&line[*from..])) {
                    spans.push(from..trimmed_end(line), rules::PRIVATE_KEY);
                }
                self.state = if left > 1 {
                    State::Wary { left: left - 1 }
                } else {
                    State::Outside
                };
            }
        }
        if begins {
            self.look_for_begin(line, 0, spans);
        }
    }

    /// Reports keys that begin in this text, without any state.
    pub(crate) fn find_inline(text: &[u8], spans: &mut Spans) {
        KeyBlock::default().look_for_begin(text, 0, spans);
    }

    fn look_for_begin(&mut self, line: &[u8], start: usize, spans: &mut Spans) {
        let mut from = start;
        // Once there is no end behind one beginning, there is none behind the next.
        let mut ends = true;
        while let Some((begin, after)) = find_begin(line, from) {
            let end = if ends { find_end(line, after) } else { None };
            ends = end.is_some();
            if let Some(end) = end {
                if is_material_between(&line[after..end.0]) {
                    spans.push(begin..end.1, rules::PRIVATE_KEY);
                }
                from = end.1;
                continue;
            }
            let body = body_end(line, after);
            let rest = &line[body..];
            let material =
                body - after >= 16 && line[after..body].iter().filter(|byte| is_base64(**byte)).count() >= 16;
            // `"-----BEGIN PRIVATE KEY-----" expected`: a sentence about keys, not one.
            let only_closers = rest.iter().all(|byte| {
                matches!(
                    byte,
                    b'"' | b'\'' | b'`' | b'+' | b',' | b' ' | b'\\' | b'|' | b'.' | b';' | b')'
                )
            });
            if !material && !only_closers {
                from = after;
                continue;
            }
            spans.push(begin..body.max(after), rules::PRIVATE_KEY);
            if only_closers {
                self.open(State::Armoured, &line[..begin]);
                break;
            }
            from = body.max(after);
        }
        // The first line's marker is hidden like that of the others, so that what was scrubbed opens nothing again.
        let mut at = start;
        while let Some(found) = memmem::find(&line[at..], PUTTY) {
            let marker = at + found;
            at = marker + PUTTY.len();
            spans.push(marker..at, rules::PRIVATE_KEY);
            if self.state == State::Outside || matches!(self.state, State::Wary { .. }) {
                self.open(State::Putty { left: 0 }, &line[..marker]);
            }
        }
    }

    fn open(&mut self, state: State, prefix: &[u8]) {
        self.state = state;
        self.lines = 0;
        self.junk = 0;
        self.prefix.clear();
        self.prefix.extend_from_slice(&prefix[..prefix.len().min(256)]);
    }

    fn armoured(&mut self, line: &[u8], begins: bool, spans: &mut Spans) {
        if let Some((end, after)) = find_end(line, 0) {
            let from = material(&line[..end], &self.prefix).unwrap_or(end);
            spans.push(from.min(end)..after, rules::PRIVATE_KEY);
            self.state = State::Outside;
            if begins {
                self.look_for_begin(line, 0, spans);
            }
            return;
        }
        self.inside(line, spans);
        if begins {
            self.look_for_begin(line, 0, spans);
        }
    }

    fn putty(&mut self, line: &[u8], left: u32, begins: bool, spans: &mut Spans) {
        let start = common_prefix(line, &self.prefix);
        let end = trimmed_end(line);
        if let Some(at) = memmem::find(line, b"Private-MAC:") {
            if !already_hidden(line) {
                spans.push((at + "Private-MAC: ".len()).min(end)..end, rules::PRIVATE_KEY);
            }
            self.state = State::Outside;
        } else if left > 0 {
            if !already_hidden(line) && start < end {
                spans.push(material(line, &self.prefix).unwrap_or(start)..end, rules::PRIVATE_KEY);
            }
            self.state = State::Putty { left: left - 1 };
        } else if let Some(at) = memmem::find(line, b"Private-Lines:") {
            let count = std::str::from_utf8(&line[at + "Private-Lines:".len()..])
                .ok()
                .and_then(|n| n.trim().parse().ok());
            self.state = State::Putty {
                left: count.unwrap_or(64).min(PUTTY_LONGEST),
            };
        } else {
            self.lines += 1;
            if self.lines > 64 {
                self.state = State::Outside;
            }
        }
        if begins {
            self.look_for_begin(line, 0, spans);
        }
    }

    fn inside(&mut self, line: &[u8], spans: &mut Spans) {
        self.lines += 1;
        if already_hidden(line) {
            return;
        }
        let end = trimmed_end(line);
        let start = common_prefix(line, &self.prefix);
        match material(line, &self.prefix) {
            Some(from) => {
                // Words are letters of base64 as well, but no line of a key is a sentence.
                if from - start < 80 && !is_prose(&line[start..end]) {
                    self.junk = 0;
                } else {
                    self.junk += 1;
                }
                spans.push(from..end, rules::PRIVATE_KEY);
            }
            None if start >= end || is_armour_header(&line[start..end]) => {}
            None => {
                self.junk += 1;
                spans.push(start..end, rules::PRIVATE_KEY);
            }
        }
        if self.junk >= JUNK || self.lines >= LONGEST {
            self.state = State::Wary { left: WARY };
        }
    }
}

/// Whether a line was scrubbed before: it ends with a mask, as no line of a key does.
fn already_hidden(line: &[u8]) -> bool {
    line.trim_ascii_end().ends_with(crate::MASK.as_bytes())
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

fn is_prose(text: &[u8]) -> bool {
    text.split(|byte| *byte == b' ')
        .filter(|word| word.len() > 2 && word.iter().all(u8::is_ascii_lowercase))
        .count()
        >= 2
}

fn is_armour_header(text: &[u8]) -> bool {
    [
        &b"Proc-Type:"[..],
        b"DEK-Info:",
        b"Version:",
        b"Comment:",
        b"Hash:",
        b"Charset:",
        b"MessageID:",
        b"Subject:",
    ]
    .iter()
    .any(|header| text.starts_with(header))
}

fn trimmed_end(line: &[u8]) -> usize {
    line.iter()
        .rposition(|byte| !byte.is_ascii_whitespace())
        .map_or(0, |last| last + 1)
}

/// How much of a line is the prefix the key's first line had, or white space.
fn common_prefix(line: &[u8], prefix: &[u8]) -> usize {
    let start = if line.starts_with(prefix) {
        prefix.len()
    } else {
        prefix::length(line)
    };
    start
        + line[start..]
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .unwrap_or(line.len() - start)
}

/// Where the key material of a line begins: at the first of its last words that are all base64, quotes and commas aside.
fn material(line: &[u8], prefix: &[u8]) -> Option<usize> {
    let start = common_prefix(line, prefix);
    let end = trimmed_end(line);
    let mut from = None;
    let mut at = end;
    while at > start {
        let word_start = line[start..at]
            .iter()
            .rposition(u8::is_ascii_whitespace)
            .map_or(start, |space| start + space + 1);
        let word = &line[word_start..at];
        let quotes = |byte: &u8| {
            matches!(
                byte,
                b'"' | b'\'' | b'`' | b',' | b'+' | b';' | b'\\' | b'|' | b'(' | b')'
            )
        };
        let lead = word.iter().take_while(|byte| quotes(byte)).count();
        let mut core = &word[lead..];
        while let Some((last, rest)) = core.split_last() {
            if quotes(last) && *last != b'+' {
                core = rest;
            } else if let Some(rest) = core.strip_suffix(b"\\n").or_else(|| core.strip_suffix(b"\\r")) {
                core = rest;
            } else {
                break;
            }
        }
        if !core.is_empty() && !core.iter().all(|byte| is_base64(*byte)) {
            // `key=MIIE…` and the like: the long run at the word's end.
            let run = core.iter().rev().take_while(|byte| is_base64(**byte)).count();
            if run >= 16 {
                from = Some(word_start + lead + core.len() - run);
            }
            break;
        }
        if !core.is_empty() {
            from = Some(word_start + lead);
        }
        at = word_start;
        while at > start && line[at - 1].is_ascii_whitespace() {
            at -= 1;
        }
    }
    from
}

/// Whether material is a full line of a key rather than a word: long, of mixed letters.
fn is_strong(text: &[u8]) -> bool {
    let run = text.iter().take_while(|byte| is_base64(**byte)).count();
    let run = &text[..run];
    run.len() >= 40
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_digit)
}

/// The next first line of a private key: where it begins and ends.
fn find_begin(text: &[u8], lower: usize) -> Option<(usize, usize)> {
    let mut from = lower;
    while let Some(found) = memmem::find(&text[from..], b"BEGIN ") {
        let word = from + found;
        from = word + 6;
        let label_end = label_end(text, from);
        let label = &text[from..label_end];
        let private = memmem::find(label, b"PRIVATE KEY").is_some();
        let dashes = text[lower..word]
            .iter()
            .rev()
            .take(8)
            .take_while(|byte| **byte == b'-' || **byte == b' ')
            .count();
        let after = text[label_end..]
            .iter()
            .take(5)
            .take_while(|byte| **byte == b'-')
            .count();
        if private && dashes >= 2 && after >= 2 {
            let lead = text[word - dashes..word]
                .iter()
                .take_while(|byte| **byte == b' ')
                .count();
            return Some((word - dashes + lead, label_end + after));
        }
    }
    None
}

/// The next last line of a private key.
fn find_end(text: &[u8], lower: usize) -> Option<(usize, usize)> {
    let mut from = lower;
    while let Some(found) = memmem::find(&text[from..], b"END ") {
        let word = from + found;
        from = word + 4;
        let label_end = label_end(text, from);
        let dashes = text[lower..word]
            .iter()
            .rev()
            .take(8)
            .take_while(|byte| **byte == b'-' || **byte == b' ')
            .count();
        let after = text[label_end..]
            .iter()
            .take(5)
            .take_while(|byte| **byte == b'-')
            .count();
        if memmem::find(&text[from..label_end], b"PRIVATE KEY").is_some() && dashes >= 2 && after >= 2 {
            let lead = text[word - dashes..word]
                .iter()
                .take_while(|byte| **byte == b' ')
                .count();
            return Some((word - dashes + lead, label_end + after));
        }
    }
    None
}

fn label_end(text: &[u8], from: usize) -> usize {
    let label = text[from..]
        .iter()
        .take(48)
        .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b' ')
        .count();
    from + label
}

/// Whether what stands between the first and the last line is a key: not empty, not dots or a placeholder.
fn is_material_between(text: &[u8]) -> bool {
    text.len() >= 8
        && text.iter().filter(|byte| is_base64(**byte)).count() >= 8
        && memmem::find(text, b"...").is_none_or(|_| text.len() > 64)
        && memmem::find(text, crate::MASK.as_bytes()).is_none()
}

/// The end of key material on the line of its beginning: base64, white space, and newlines however they are escaped.
fn body_end(text: &[u8], from: usize) -> usize {
    // Words after a space are no key: `-----BEGIN PRIVATE KEY----- marker is missing`. Judged first and on little, so that
    // a line of such sentences is not read again for each.
    let head = &text[from..text.len().min(from + 64)];
    if head.first() == Some(&b' ') && is_prose(head) {
        return from;
    }
    let mut at = from;
    while at < text.len() {
        match text[at] {
            byte if is_base64(byte) || byte.is_ascii_whitespace() => at += 1,
            b'\\' if matches!(text.get(at + 1), Some(b'n' | b'r' | b'\\')) => at += 2,
            b':' | b',' => at += 1,
            _ => break,
        }
    }
    at
}
