//! Bytes of one output stream into what a terminal would do with them: text, controls, sequences.
//!
//! Where a sequence begins and ends is decided here; what a CSI sequence says is read by vte, which gets each one with
//! a fresh parser. vte alone would wait for the end of an unterminated string for ever and swallow all that follows;
//! here the end of the line ends every sequence, and one that was not complete is shown as the text it is.

use vte::{Params, Parser, Perform};

use crate::block::may_hide;

/// What the bytes ask for. Text never holds a control character, nor one that only hides or reorders what is seen.
pub(crate) trait Sink {
    /// Visible characters.
    fn text(&mut self, text: &str);
    /// A C0 control other than newline and escape.
    fn control(&mut self, byte: u8);
    /// A complete CSI sequence without intermediates; `private` when it began with `?` or the like.
    fn csi(&mut self, first: u16, second: u16, private: bool, action: u8);
    /// A complete two-byte escape.
    fn escape(&mut self, byte: u8);
    /// The character set of a slot is another one; only a screen minds.
    fn charset(&mut self, _slot: u8, _set: u8) {}
    /// So many bytes of text were beyond what is kept.
    fn beyond(&mut self, bytes: u64);
}

/// Turns bytes into calls on a [`Sink`]; any chunking of the same bytes gives the same characters and calls.
///
/// Newlines do not belong in here: the caller frames lines and calls [`Ansi::end_line`].
#[derive(Debug)]
pub(crate) struct Ansi {
    /// The beginning of a character whose other bytes have not come yet; at most 3 bytes.
    character: Vec<u8>,
    /// The bytes of an unfinished sequence from its ESC on; empty on the ground.
    sequence: Vec<u8>,
    kind: Kind,
    /// Bytes of the unfinished sequence that did not fit.
    beyond: u64,
    limit: usize,
}

/// What an unfinished sequence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Only its ESC was seen.
    Escape,
    /// ESC and one or more intermediates.
    Intermediate,
    /// A control sequence: ESC [.
    Csi,
    /// A string that ends with BEL or ESC \: OSC.
    Osc,
    /// A string that ends with ESC \ only: DCS, SOS, PM, APC.
    String,
}

impl Ansi {
    /// `limit` bounds what is kept of an unfinished sequence.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            character: Vec::with_capacity(4),
            sequence: Vec::new(),
            kind: Kind::Escape,
            beyond: 0,
            limit,
        }
    }

    /// Whether the next byte stands alone: neither a character nor a sequence is unfinished.
    pub(crate) fn on_ground(&self) -> bool {
        self.character.is_empty() && self.sequence.is_empty()
    }

    /// Feeds bytes that hold no newline.
    pub(crate) fn push(&mut self, mut bytes: &[u8], sink: &mut impl Sink) {
        while let Some(&byte) = bytes.first() {
            if !self.sequence.is_empty() {
                if byte >= 0x80 && !matches!(self.kind, Kind::Osc | Kind::String) {
                    // No sequence holds such a byte: this one is over, and the byte is text.
                    self.drop_sequence();
                    continue;
                }
                self.in_sequence(byte, sink);
                bytes = &bytes[1..];
                continue;
            }
            if !self.character.is_empty() {
                if self.complete_character(byte, sink) {
                    bytes = &bytes[1..];
                }
                continue;
            }
            let run = bytes.iter().position(|&b| b < 0x20 || b == 0x7f).unwrap_or(bytes.len());
            let run = control_character(&bytes[..run]).unwrap_or(run);
            let (text, rest) = bytes.split_at(run);
            self.decode(text, rest.is_empty(), sink);
            if let [0xc2, second, rest @ ..] = rest {
                self.control_character(*second, sink);
                bytes = rest;
                continue;
            }
            let Some(&byte) = rest.first() else { return };
            if let Some(length) = colour(rest) {
                bytes = &rest[length..];
                continue;
            }
            if byte == 0x1b {
                self.sequence.push(byte);
                self.kind = Kind::Escape;
            } else {
                sink.control(byte);
            }
            bytes = &rest[1..];
        }
    }

    /// The line is over: what is unfinished becomes text, and the next line starts fresh.
    pub(crate) fn end_line(&mut self, sink: &mut impl Sink) {
        if !self.character.is_empty() {
            self.character.clear();
            sink.text("\u{fffd}");
        }
        if self.sequence.is_empty() {
            return;
        }
        let sequence = std::mem::take(&mut self.sequence);
        let beyond = std::mem::take(&mut self.beyond);
        // It holds no second ESC, because that would have begun another sequence: this cannot recurse further.
        self.push(&sequence[1..], sink);
        if !self.character.is_empty() {
            self.character.clear();
            sink.text("\u{fffd}");
        }
        if beyond > 0 {
            sink.beyond(beyond);
        }
        self.sequence = sequence;
        self.sequence.clear();
    }

    /// One more byte of an unfinished character; false when the byte belongs to what follows.
    fn complete_character(&mut self, byte: u8, sink: &mut impl Sink) -> bool {
        self.character.push(byte);
        match std::str::from_utf8(&self.character) {
            Ok(_) if control_character(&self.character).is_some() => {
                self.character.clear();
                self.control_character(byte, sink);
                true
            }
            Ok(text) => {
                visible(text, sink);
                self.character.clear();
                true
            }
            Err(error) if error.error_len().is_none() => true,
            Err(_) => {
                self.character.clear();
                sink.text("\u{fffd}");
                false
            }
        }
    }

    /// A control character beyond ASCII, by its second byte: the two that begin a control sequence and a title.
    /// The others do nothing on most terminals, and are not shown.
    fn control_character(&mut self, second: u8, sink: &mut impl Sink) {
        if matches!(second, 0x9b | 0x9d) {
            self.sequence.push(0x1b);
            self.kind = Kind::Escape;
            self.in_sequence(second - 0x40, sink);
        }
    }

    /// Decodes a run without controls. `open` when more bytes may follow it directly.
    fn decode(&mut self, mut run: &[u8], open: bool, sink: &mut impl Sink) {
        while !run.is_empty() {
            match std::str::from_utf8(run) {
                Ok(text) => return visible(text, sink),
                Err(error) => {
                    let (valid, rest) = run.split_at(error.valid_up_to());
                    visible(std::str::from_utf8(valid).unwrap_or_default(), sink);
                    match error.error_len() {
                        Some(length) => {
                            sink.text("\u{fffd}");
                            run = &rest[length..];
                        }
                        None if open => {
                            self.character.extend_from_slice(rest);
                            return;
                        }
                        None => return sink.text("\u{fffd}"),
                    }
                }
            }
        }
    }

    fn in_sequence(&mut self, byte: u8, sink: &mut impl Sink) {
        match (byte, self.kind) {
            // ESC begins a sequence wherever it stands; before it, OSC and the other strings are over.
            (0x1b, _) => {
                self.sequence.clear();
                self.sequence.push(byte);
                self.beyond = 0;
                self.kind = Kind::Escape;
                return;
            }
            // CAN and SUB end any sequence without effect.
            (0x18 | 0x1a, _) => return self.drop_sequence(),
            (0x07, Kind::Osc) => return self.drop_sequence(),
            (_, Kind::Osc | Kind::String) => {}
            // Controls inside a sequence act at once and do not belong to it.
            (0x00..=0x1f, _) => return sink.control(byte),
            (b'[', Kind::Escape) => self.kind = Kind::Csi,
            (b']', Kind::Escape) => self.kind = Kind::Osc,
            (b'P' | b'X' | b'^' | b'_', Kind::Escape) => self.kind = Kind::String,
            (0x20..=0x2f, Kind::Escape) => self.kind = Kind::Intermediate,
            (0x30..=0x7e, Kind::Escape) => {
                self.drop_sequence();
                return sink.escape(byte);
            }
            (0x30..=0x7e, Kind::Intermediate) => {
                if let [_, slot] = *self.sequence {
                    sink.charset(slot, byte);
                }
                return self.drop_sequence();
            }
            // Colours are most of what is written, and change no text.
            (b'm', Kind::Csi) => return self.drop_sequence(),
            (0x40..=0x7e, Kind::Csi) => {
                let mut csi = Csi(None);
                let mut parser = Parser::new();
                parser.advance(&mut csi, &self.sequence);
                parser.advance(&mut csi, &[byte]);
                self.drop_sequence();
                if let Csi(Some((first, second, private))) = csi {
                    sink.csi(first, second, private, byte);
                }
                return;
            }
            _ => {}
        }
        // A string may be as long as it likes; a control sequence of this length is none, but costs its line only.
        if self.sequence.len() < self.limit {
            self.sequence.push(byte);
        } else {
            self.beyond += 1;
        }
    }

    fn drop_sequence(&mut self) {
        self.sequence.clear();
        self.beyond = 0;
    }
}

/// What vte read in a control sequence: its first two numbers, and whether it is a private one.
struct Csi(Option<(u16, u16, bool)>);

impl Perform for Csi {
    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, _action: char) {
        let mut numbers = params.iter().map(|param| param.first().copied().unwrap_or(0));
        let private = matches!(intermediates, [b'?' | b'>' | b'<' | b'=']);
        if !ignore && (private || intermediates.is_empty()) {
            self.0 = Some((numbers.next().unwrap_or(0), numbers.next().unwrap_or(0), private));
        }
    }
}

/// Where in a run the first control character beyond ASCII stands (U+0080 to U+009F).
fn control_character(run: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xc2, run).find(|&at| matches!(run.get(at + 1), Some(0x80..=0x9f)))
}

/// The length of the colour sequence that `bytes` begin with, if it is whole.
pub(crate) fn colour(bytes: &[u8]) -> Option<usize> {
    /// Longer ones take the long road.
    const LONGEST: usize = 64;
    let rest = bytes.strip_prefix(b"\x1b[")?;
    let length = rest
        .iter()
        .take(LONGEST)
        .position(|&b| !matches!(b, b'0'..=b'9' | b';' | b':'))?;
    (rest[length] == b'm').then_some(length + 3)
}

/// Passes on what a person can see of `text`.
fn visible(text: &str, sink: &mut impl Sink) {
    if text.is_empty() {
        return;
    }
    if !may_hide(text.as_bytes()) || !text.chars().any(is_hidden) {
        return sink.text(text);
    }
    for part in text.split(is_hidden) {
        if !part.is_empty() {
            sink.text(part);
        }
    }
}

/// Characters that show nothing themselves and change how their neighbours are read: C1 controls, marks that reorder
/// text (they can make a line read as its opposite), and zero-width ones that would split a secret unseen.
///
/// Joiners stay: emoji and many scripts need them.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Whether a whole line is just what it says: no controls, valid UTF-8, nothing hidden. The road of most lines.
pub(crate) fn plain(line: &[u8]) -> Option<&str> {
    // Without an early exit per byte the compiler makes this one vector loop.
    let mut odd = 0u8;
    let mut high = 0u8;
    for &byte in line {
        odd |= u8::from(byte < 0x20) | u8::from(byte == 0x7f);
        high |= byte;
    }
    if odd != 0 {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    (high < 0x80 || !may_hide(line) || !text.chars().any(is_hidden)).then_some(text)
}

/// Writes to `out` what a line of text and colours says; false when there is more to it than that.
pub(crate) fn coloured(mut line: &[u8], out: &mut String) -> bool {
    let mut text = std::mem::take(out).into_bytes();
    text.clear();
    let said = loop {
        let at = memchr::memchr(0x1b, line).unwrap_or(line.len());
        text.extend_from_slice(&line[..at]);
        if at == line.len() {
            break true;
        }
        let Some(length) = colour(&line[at..]) else {
            break false;
        };
        line = &line[at + length..];
        // A character whose bytes a colour parts is none.
        if line.first().is_some_and(|byte| byte & 0xc0 == 0x80) {
            break false;
        }
    };
    // The pieces are plain when the whole is, because none begins inside a character.
    if !said || plain(&text).is_none() {
        text.clear();
        *out = String::from_utf8(text).unwrap_or_default();
        return false;
    }
    *out = String::from_utf8(text).unwrap_or_default();
    true
}
