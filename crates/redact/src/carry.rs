//! A name on one line and its value on the next: YAML blocks, pairs of keys, elements, lists, continued commands,
//! manifests of Kubernetes secrets.
//!
//! At most two things are remembered of the lines before, of fixed size. What is left open is given up after a bounded
//! number of lines; until then a line is hidden only when it can be the value, so that a log never goes dark because of
//! one name. Unlike a private key, which is hidden until it proves to have ended, a name says too little for that.

use crate::header;
use crate::joint::{self, in_name, quote_at, skip_spaces};
use crate::names::{self, Open};
use crate::prefix;
use crate::rules;
use crate::span::Spans;
use crate::value::{self, Strength, Written};

/// How many lines a value may be away from its name.
const NEAR: u8 = 5;
/// The longest block of one value.
const BLOCK: u16 = 400;
/// The longest manifest.
const MANIFEST: u16 = 1000;
/// The most lines that a quoted value goes on for.
const QUOTED: u16 = 40;

/// What a stream has left open.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Carry {
    state: State,
    manifest: Option<Manifest>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Nothing,
    Heredoc {
        left: u16,
    },
    Value {
        strength: Strength,
        indent: usize,
        left: u8,
    },
    Block {
        strength: Strength,
        indent: usize,
        left: u16,
    },
    Items {
        strength: Strength,
        indent: usize,
        left: u16,
    },
    List {
        strength: Strength,
        left: u16,
    },
    Word {
        left: u8,
    },
    Pair {
        left: u8,
    },
    Element {
        left: u8,
    },
    Quote {
        quote: u8,
        left: u16,
    },
}

/// A document that is or may be a Kubernetes secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Manifest {
    sure: bool,
    /// How far in the key is whose entries are the secrets, once it came.
    data: Option<Data>,
    left: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Data {
    indent: usize,
    /// Its values are not encoded, and it stands in secrets only.
    plain: bool,
    /// The entry that is being read goes on over lines which are further in.
    block: Option<usize>,
}

impl Carry {
    /// Whether the next line may be a value whole, so that an unfinished one must not be shown yet.
    pub(crate) fn is_open(&self) -> bool {
        self.state != State::Nothing || self.manifest.is_some_and(|manifest| manifest.data.is_some())
    }

    /// Whether nothing is open at all.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.state == State::Nothing && self.manifest.is_none()
    }

    /// Reports what of this line is the value of a name before it, and takes over what this line leaves open.
    pub(crate) fn find(&mut self, line: &[u8], opens: Option<Open>, spans: &mut Spans) {
        if self.state == State::Nothing && self.manifest.is_none() && opens.is_none() {
            return;
        }
        let base = prefix::length(line);
        let from = prefix::text(line);
        let end = line.trim_ascii_end().len().max(from);
        let text = &line[from..end];
        let indent = from - base;
        if self.state != State::Nothing {
            self.state = self.state.after(line, from, end, indent, spans);
        }
        if let Some(manifest) = self.manifest {
            self.manifest = manifest.after(line, from, end, indent, spans);
        }
        let Some(open) = opens else { return };
        let column = |column: usize| column.saturating_sub(base).max(indent);
        self.state = match open {
            Open::Value { strength, column: at } => State::Value {
                strength,
                indent: column(at),
                left: 2,
            },
            Open::Block { strength, column: at } => State::Block {
                strength,
                indent: if text.starts_with(b"- ") {
                    indent
                } else {
                    column(at).min(indent)
                },
                left: BLOCK,
            },
            Open::List { strength } => State::List { strength, left: 64 },
            Open::Word => State::Word { left: 1 },
            Open::Pair => State::Pair { left: NEAR },
            Open::Element => State::Element { left: 3 },
            Open::Heredoc => State::Heredoc { left: QUOTED },
            Open::Quote { quote } => State::Quote { quote, left: QUOTED },
            Open::Manifest { sure } => {
                let data = self.manifest.and_then(|manifest| manifest.data);
                self.manifest = Some(Manifest {
                    sure,
                    data: data.filter(|_| sure),
                    left: MANIFEST,
                });
                self.state
            }
        };
    }
}

impl State {
    /// The state after a line whose text is `from..end`, with what it hides reported.
    fn after(self, line: &[u8], from: usize, end: usize, indent: usize, spans: &mut Spans) -> Self {
        let text = &line[from..end];
        let mut hide = |from: usize, to: usize, strength| {
            if line[from..to] != *crate::MASK.as_bytes() {
                spans.push(from..to, names::rule_of(strength));
            }
        };
        match self {
            Self::Nothing => self,
            Self::Value {
                strength,
                indent: outer,
                left,
            } => {
                if text.is_empty() {
                    return match left {
                        0 | 1 => Self::Nothing,
                        _ => Self::Value {
                            strength,
                            indent: outer,
                            left: left - 1,
                        },
                    };
                }
                if text.starts_with(b"- ") && indent >= outer {
                    let items = Self::Items {
                        strength,
                        indent,
                        left: 64,
                    };
                    return items.after(line, from, end, indent, spans);
                }
                if let Some((start, stop)) = lone_value(line, from, end) {
                    let value = &line[start..stop];
                    let further = indent > outer;
                    let quoted = start > from;
                    let likely = if further || quoted {
                        value::is_secret(value, strength, Written::Stated)
                    } else {
                        // At the margin anything may follow a prompt: only what looks made is taken for its answer.
                        value::is_secret(value, Strength::Token, Written::Stated)
                            && value.len() < 256
                            && !is_hash(value)
                    };
                    if likely {
                        hide(start, stop, strength);
                    }
                }
                Self::Nothing
            }
            Self::Items {
                strength,
                indent: at,
                left,
            } => {
                if left == 0 || indent != at || !text.starts_with(b"- ") {
                    return Self::Nothing;
                }
                let item = skip_spaces(line, from + 2, 8);
                if let Some((start, stop)) = lone_value(line, item, end)
                    && value::is_secret(&line[start..stop], strength, Written::Stated)
                {
                    hide(start, stop, strength);
                }
                Self::Items {
                    strength,
                    indent: at,
                    left: left - 1,
                }
            }
            Self::Block {
                strength,
                indent: outer,
                left,
            } => {
                if text.is_empty() && left > 0 {
                    return Self::Block {
                        strength,
                        indent: outer,
                        left: left - 1,
                    };
                }
                if left == 0 || indent <= outer {
                    return Self::Nothing;
                }
                if !value::is_placeholder(text) {
                    hide(from, end, strength);
                }
                Self::Block {
                    strength,
                    indent: outer,
                    left: left - 1,
                }
            }
            Self::List { strength, left } => {
                names::items(line, from..end, strength, spans);
                if left == 0 || text.contains(&b']') || text.contains(&b'{') {
                    return Self::Nothing;
                }
                Self::List {
                    strength,
                    left: left - 1,
                }
            }
            Self::Word { left } => {
                let item = if text.starts_with(b"- ") {
                    skip_spaces(line, from + 2, 8)
                } else {
                    from
                };
                let quote = quote_at(line, item);
                let start = item + usize::from(quote.is_some());
                let stop = line[start..end]
                    .iter()
                    .position(|byte| match quote {
                        Some(quote) => *byte == quote,
                        None => byte.is_ascii_whitespace(),
                    })
                    .map_or(end, |length| start + length);
                // `error: …` or a command on the next line is no value of a flag that ends its own.
                let alone = quote.is_some() || item > from || stop == end || line[stop..end].trim_ascii() == b"\\";
                if start < stop && line[start] != b'-' {
                    let written = if alone { Written::Assigned } else { Written::Stated };
                    if value::is_secret(&line[start..stop], Strength::Password, written) {
                        hide(start, stop, Strength::Password);
                    }
                } else if text.is_empty() && left > 0 {
                    return Self::Word { left: left - 1 };
                }
                Self::Nothing
            }
            Self::Pair { left } => {
                if text.is_empty() || text.starts_with(b"}") || text.starts_with(b"- ") || left == 0 {
                    return Self::Nothing;
                }
                match value_of_pair(line, from, end) {
                    Some((start, stop)) => {
                        if value::is_secret(&line[start..stop], Strength::Password, Written::Stated) {
                            hide(start, stop, Strength::Token);
                        }
                        Self::Nothing
                    }
                    None => Self::Pair { left: left - 1 },
                }
            }
            Self::Element { left } => {
                if text.is_empty() && left > 0 {
                    return Self::Element { left: left - 1 };
                }
                if !text.is_empty() && !text.starts_with(b"<") {
                    let stop = memchr::memmem::find(text, b"</").map_or(end, |length| from + length);
                    if value::is_secret(&line[from..stop], Strength::Password, Written::Quoted) {
                        hide(from, stop, Strength::Password);
                    }
                    return match (left, stop == end) {
                        (1.., true) => Self::Element { left: left - 1 },
                        _ => Self::Nothing,
                    };
                }
                Self::Nothing
            }
            Self::Heredoc { left } => {
                let tag = text.len() <= 16 && text.iter().all(u8::is_ascii_uppercase) && !text.is_empty();
                if tag || left == 0 {
                    return Self::Nothing;
                }
                if !value::is_placeholder(text) {
                    hide(from, end, Strength::Token);
                }
                Self::Heredoc { left: left - 1 }
            }
            Self::Quote { quote, left } => {
                let close = text.iter().position(|byte| *byte == quote);
                let stop = close.map_or(end, |length| from + length);
                if from < stop {
                    hide(from, stop, Strength::Token);
                }
                match close {
                    None if left > 0 => Self::Quote { quote, left: left - 1 },
                    _ => Self::Nothing,
                }
            }
        }
    }
}

impl Manifest {
    fn after(mut self, line: &[u8], from: usize, end: usize, indent: usize, spans: &mut Spans) -> Option<Self> {
        let text = &line[from..end];
        if self.left == 0 || text.starts_with(b"---") {
            return None;
        }
        self.left -= 1;
        if text.is_empty() {
            return Some(self);
        }
        if let Some(kind) = text.strip_prefix(b"kind:").or_else(|| text.strip_prefix(b"\"kind\":")) {
            let kind = kind.trim_ascii();
            self.sure = kind == b"Secret" || kind.starts_with(b"\"Secret\"");
            return (self.sure || kind.starts_with(b"List") || kind.starts_with(b"\"List")).then_some(self);
        }
        if let Some(data) = self.data {
            if let Some(block) = data.block {
                if indent > block {
                    if self.sure || data.plain || is_encoded(text) {
                        hide_value(line, from, end, spans);
                    }
                    return Some(self);
                }
                self.data = Some(Data { block: None, ..data });
            }
            if indent > data.indent && !text.starts_with(b"}") {
                let entry = entry(line, from, end);
                if let Some((start, stop)) = entry {
                    let value = &line[start..stop];
                    if matches!(value.first(), Some(b'|' | b'>')) && value.len() <= 3 {
                        self.data = Some(Data {
                            block: Some(indent),
                            ..data
                        });
                    } else if (self.sure || data.plain || is_encoded(value)) && !value::is_placeholder(value) {
                        hide_value(line, start, stop, spans);
                    }
                }
                return Some(self);
            }
            self.data = None;
        }
        let plain = text.starts_with(b"stringData:") || text.starts_with(b"\"stringData\":");
        if plain || text.starts_with(b"data:") || text.starts_with(b"\"data\":") {
            self.data = Some(Data {
                indent,
                plain,
                block: None,
            });
        }
        Some(self)
    }
}

fn hide_value(line: &[u8], from: usize, to: usize, spans: &mut Spans) {
    if from < to && line[from..to] != *crate::MASK.as_bytes() {
        spans.push(from..to, rules::NAMED_SECRET);
    }
}

/// The value of `key: value` or `"key": "value",`.
fn entry(line: &[u8], from: usize, end: usize) -> Option<(usize, usize)> {
    let quote = quote_at(line, from);
    let mut at = from + usize::from(quote.is_some());
    while at < end && (in_name(line[at]) || line[at] == b'/') {
        at += 1;
    }
    if let Some(quote) = quote {
        if line.get(at) != Some(&quote) {
            return None;
        }
        at += 1;
    }
    if line.get(at) != Some(&b':') {
        return None;
    }
    let start = skip_spaces(line, at + 1, 16);
    (start < end).then(|| unquoted(line, start, end))
}

fn unquoted(line: &[u8], start: usize, end: usize) -> (usize, usize) {
    match quote_at(line, start) {
        Some(quote) => {
            let stop = line[start + 1..end]
                .iter()
                .rposition(|byte| *byte == quote)
                .map_or(end, |length| start + 1 + length);
            (start + 1, stop)
        }
        None => (start, end),
    }
}

/// The one word, or the one quoted text, that a line consists of.
fn lone_value(line: &[u8], from: usize, end: usize) -> Option<(usize, usize)> {
    let text = &line[from..end];
    // `string(10) "value"`, as PHP shows a variable.
    if let Some(at) = text.strip_prefix(b"string(").and_then(|_| memchr::memchr(b'"', text)) {
        return Some(unquoted(line, from + at, end));
    }
    if quote_at(line, from).is_some() {
        let (start, stop) = unquoted(line, from, end);
        let rest = &line[stop.min(end)..end];
        return (rest.len() <= 2 && start < stop).then_some((start, stop));
    }
    let word = text.strip_suffix(b",").unwrap_or(text);
    let plain = !word.is_empty()
        && word.iter().all(|byte| !byte.is_ascii_whitespace())
        && !word.ends_with(b":")
        && !word.ends_with(b"{")
        && !matches!(word[0], b'<' | b'{' | b'[' | b'(' | b'}' | b']')
        && memchr::memmem::find(word, b"://").is_none();
    plain.then_some((from, from + word.len()))
}

/// The value of a line such as `value: s3cret`, `"value": "s3cret",` or `<string>s3cret</string>`.
fn value_of_pair(line: &[u8], from: usize, end: usize) -> Option<(usize, usize)> {
    let text = &line[from..end];
    if text.starts_with(b"<") {
        let open = text.iter().position(|byte| *byte == b'>')?;
        let tag = &text[1..open];
        if !(tag == b"string" || tag == b"data" || tag == b"td" || joint::is_value_word(tag)) {
            return None;
        }
        let length = text[open + 1..].iter().position(|byte| *byte == b'<')?;
        return Some((from + open + 1, from + open + 1 + length));
    }
    let quote = quote_at(line, from);
    let at = from + usize::from(quote.is_some());
    let word = line[at..end].iter().take_while(|byte| in_name(**byte)).count();
    if !joint::is_value_word(&line[at..at + word]) {
        return None;
    }
    let mut at = at + word + usize::from(quote.is_some());
    at = skip_spaces(line, at, 16);
    if !matches!(line.get(at), Some(b':' | b'=')) {
        return None;
    }
    let start = skip_spaces(line, at + 1, 16);
    let (start, stop) = if start < end {
        unquoted(line, start, end)
    } else {
        (end, end)
    };
    let stop = if stop > start && line[stop - 1] == b',' {
        stop - 1
    } else {
        stop
    };
    Some((start, stop))
}

/// Base64 of readable text, as the values of a Kubernetes secret are.
fn is_encoded(value: &[u8]) -> bool {
    use base64::Engine as _;
    header::is_basic(value)
        || value.len() >= 8
            && value.len().is_multiple_of(4)
            && base64::engine::general_purpose::STANDARD
                .decode(&value[..value.len().min(4096)])
                .is_ok_and(|plain| {
                    std::str::from_utf8(&plain).is_ok_and(|text| {
                        !text.is_empty() && text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
                    })
                })
}

/// A digest in hexadecimal, as a line of its own may well be.
fn is_hash(value: &[u8]) -> bool {
    matches!(value.len(), 40 | 64 | 128) && value.iter().all(u8::is_ascii_hexdigit)
}
