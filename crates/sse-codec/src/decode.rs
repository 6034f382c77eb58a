//! Bytes to events, as the WHATWG HTML standard's "event stream interpretation" has it.
//!
//! Pure: bytes are pushed in any pieces, events are taken out, and a reader that was cut asks for
//! [`Decoder::last_event_id`]. Events borrow from the decoder, so that none of them costs an allocation.

use std::borrow::Cow;
use std::time::Duration;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a line can hold beside a field's value: the mark, the longest name that matters, a colon, a space. Rounded up.
const BESIDE_VALUE: usize = 16;

/// How much a decoder is willing to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest data, name and id of one event, in bytes, each by itself. 1 MiB unless said otherwise.
    pub field_bytes: usize,
}

impl Limits {
    /// The same limit for an event's data, its name and its id, in bytes.
    pub const fn field_bytes(field_bytes: usize) -> Self {
        Self { field_bytes }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::field_bytes(1 << 20)
    }
}

/// An event was longer than the decoder's limit. It is lost as a whole; the next ones are read as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {limit} bytes")]
pub struct Oversized {
    limit: usize,
}

/// One event, lent by the decoder until the next call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Its name; `message` when the block had none.
    pub event: &'a str,
    /// Its data, the block's `data` lines joined by line feeds.
    pub data: &'a str,
    /// The id in this very block, if it had one. [`Decoder::last_event_id`] is what a browser would send back.
    pub id: Option<&'a str>,
    /// The reconnection time in this very block, if it had one.
    pub retry: Option<Duration>,
}

/// Reads an event stream.
///
/// It holds what was pushed and not yet read, and of an unfinished event at most [`Limits::field_bytes`] each of data,
/// name, id and unfinished line (times three where invalid UTF-8 had to be replaced). So a caller that takes all
/// events after each push holds a few limits and its own largest piece, whatever the other side sends.
///
/// ```
/// use sse_codec::{Decoder, Limits};
///
/// let mut decoder = Decoder::new(Limits::default());
/// for piece in ["event: li", "ne\ndata: {}\r", "\nid: 813\n\n"] {
///     decoder.push(piece.as_bytes());
///     while let Some(event) = decoder.next() {
///         let event = event?;
///         assert_eq!((event.event, event.data, event.id), ("line", "{}", Some("813")));
///     }
/// }
/// assert_eq!(decoder.last_event_id(), "813");
/// # Ok::<(), sse_codec::Oversized>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    limits: Limits,
    input: Input,
    block: Block,
    /// The id of the last finished block that had one.
    last_id: String,
    retry: Option<Duration>,
    /// The block that was handed out is emptied on the next call, since the caller may still look at it.
    handed_out: bool,
}

/// The bytes that wait, and how far they have been looked at.
#[derive(Debug, Clone, Default)]
struct Input {
    bytes: Vec<u8>,
    /// The start of the line being read.
    line: usize,
    /// No line ends before here, so that a line that comes byte by byte is not searched from its start each time.
    searched: usize,
    /// The last line ended with CR: a LF right after it belongs to it.
    after_cr: bool,
    /// The line being read is too long and its rest is passed over.
    passing: bool,
    /// The first line is behind us, and with it the place where a byte order mark may stand.
    begun: bool,
}

/// What has been read of the block that is not finished.
#[derive(Debug, Clone, Default)]
struct Block {
    event: String,
    data: String,
    /// Whether there was a `data` line: one empty line is data, none is not.
    has_data: bool,
    id: Option<String>,
    retry: Option<Duration>,
    oversized: bool,
    /// The room of `id` between blocks.
    spare: String,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes the next bytes, in any pieces: copies them behind what waits. Call [`Decoder::next`] until it is `None`
    /// before pushing more, else what waits grows by what is pushed.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.compact();
        self.input.bytes.extend_from_slice(bytes);
    }

    /// The next event, or `None` when there is none in what was pushed. An event ends with its blank line; what stands
    /// unfinished when a stream ends is no event, by the standard.
    ///
    /// # Errors
    /// [`Oversized`] in place of an event that was longer than the limits. The decoder goes on behind it; its id,
    /// unless that was too long itself, counts like any other, so whoever wants the event again keeps the id before.
    #[expect(clippy::should_implement_trait, reason = "an iterator cannot lend what it holds")]
    pub fn next(&mut self) -> Option<Result<Event<'_>, Oversized>> {
        if self.handed_out {
            self.block.clear();
            self.handed_out = false;
        }
        loop {
            let line = self.input.next_line(self.limits.field_bytes)?;
            match line {
                Line::Whole([]) => {
                    if self.finish_block() {
                        break;
                    }
                }
                Line::Whole(line) => {
                    let (name, value) = split(line);
                    self.block.field(name, value, self.limits.field_bytes);
                }
                Line::TooLong(line) => {
                    let (name, _) = split(line);
                    self.block.oversized |= matches!(name, b"data" | b"event" | b"id");
                }
            }
        }
        if self.block.oversized {
            return Some(Err(Oversized {
                limit: self.limits.field_bytes,
            }));
        }
        let event = if self.block.event.is_empty() {
            "message"
        } else {
            &self.block.event
        };
        Some(Ok(Event {
            event,
            data: &self.block.data,
            id: self.block.id.as_deref(),
            retry: self.block.retry,
        }))
    }

    /// The id to come back with: of the last finished block that had one, whether it was an event or not. Empty at first.
    pub fn last_event_id(&self) -> &str {
        &self.last_id
    }

    /// The reconnection time last heard, whether its block was an event or not.
    pub fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Whether the finished block is something to hand out; one that is not is emptied.
    fn finish_block(&mut self) -> bool {
        if let Some(id) = &self.block.id {
            self.last_id.clone_from(id);
        }
        self.retry = self.block.retry.or(self.retry);
        if self.block.has_data || self.block.oversized {
            self.handed_out = true;
        } else {
            self.block.clear();
        }
        self.handed_out
    }
}

enum Line<'a> {
    Whole(&'a [u8]),
    /// The start of a line no field of which can be within the limit; its rest will be passed over.
    TooLong(&'a [u8]),
}

impl Input {
    /// Moves what waits to the front, when that costs less than has been read.
    fn compact(&mut self) {
        if self.line == self.bytes.len() {
            self.bytes.clear();
        } else if self.line >= self.bytes.len() / 2 {
            self.bytes.drain(..self.line);
        } else {
            return;
        }
        self.searched -= self.line;
        self.line = 0;
    }

    fn next_line(&mut self, limit: usize) -> Option<Line<'_>> {
        loop {
            if self.after_cr && self.line < self.bytes.len() {
                self.after_cr = false;
                if self.bytes[self.line] == b'\n' {
                    self.line += 1;
                    self.searched = self.line;
                }
            }
            let Some(at) = memchr::memchr2(b'\r', b'\n', &self.bytes[self.searched..]) else {
                self.searched = self.bytes.len();
                return self.unfinished(limit);
            };
            let (start, end) = (self.line, self.searched + at);
            self.line = end + 1;
            self.searched = self.line;
            self.after_cr = self.bytes[end] == b'\r';
            if self.passing {
                self.passing = false;
                continue;
            }
            let mut line = &self.bytes[start..end];
            if !self.begun {
                self.begun = true;
                line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            }
            return Some(Line::Whole(line));
        }
    }

    /// A line that has not ended: waited for, unless it is too long for any field, or already being passed over.
    fn unfinished(&mut self, limit: usize) -> Option<Line<'_>> {
        let start = self.line;
        if self.passing {
            self.line = self.bytes.len();
            return None;
        }
        if self.bytes.len() - start <= limit.saturating_add(BESIDE_VALUE) {
            return None;
        }
        self.passing = true;
        self.line = self.bytes.len();
        let mut line = &self.bytes[start..];
        if !self.begun {
            self.begun = true;
            line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
        }
        Some(Line::TooLong(line))
    }
}

impl Block {
    fn field(&mut self, name: &[u8], value: &[u8], limit: usize) {
        match name {
            b"data" => {
                let joint = usize::from(self.has_data);
                if self.oversized || self.data.len() + joint + value.len() > limit {
                    self.oversized = true;
                    return;
                }
                if self.has_data {
                    self.data.push('\n');
                }
                self.has_data = true;
                self.data.push_str(&text(value));
            }
            b"event" if value.len() > limit => self.oversized = true,
            b"event" => {
                self.event.clear();
                self.event.push_str(&text(value));
            }
            // The standard has an id with NUL ignored, however long it is; a line too long to be held whole cannot be
            // searched for one, so length comes first everywhere.
            b"id" if value.len() > limit => self.oversized = true,
            b"id" if memchr::memchr(0, value).is_none() => {
                let id = self.id.get_or_insert_with(|| std::mem::take(&mut self.spare));
                id.clear();
                id.push_str(&text(value));
            }
            b"retry" => self.retry = milliseconds(value, limit).or(self.retry),
            // Comments have an empty name; what nobody knows is passed over.
            _ => {}
        }
    }

    fn clear(&mut self) {
        self.event.clear();
        self.data.clear();
        self.has_data = false;
        if let Some(id) = self.id.take() {
            self.spare = id;
        }
        self.retry = None;
        self.oversized = false;
    }
}

/// A field's name and value: parted by the first colon and one space, if there is one.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    // The names that matter end within eight bytes; a loop over those costs less than a search of the line.
    let near = line.iter().take(8).position(|byte| *byte == b':');
    match near.or_else(|| memchr::memchr(b':', line)) {
        None => (line, b""),
        Some(at) => {
            let value = &line[at + 1..];
            (&line[..at], value.strip_prefix(b" ").unwrap_or(value))
        }
    }
}

/// What is not UTF-8 is replaced, as the standard decodes the whole stream: a line break never continues a sequence, so
/// value by value gives the same.
fn text(value: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(value)
}

/// Digits only, else it is no reconnection time and is passed over; more than fit are as many as fit.
fn milliseconds(value: &[u8], limit: usize) -> Option<Duration> {
    if value.is_empty() || value.len() > limit || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let millis = value.iter().fold(0u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    Some(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Result<(String, String, Option<String>, Option<u64>), Oversized>;

    fn told(event: Result<Event<'_>, Oversized>) -> Told {
        event.map(|e| {
            (
                e.event.into(),
                e.data.into(),
                e.id.map(Into::into),
                e.retry.map(|retry| retry.as_millis() as u64),
            )
        })
    }

    fn read(decoder: &mut Decoder, pieces: &[&[u8]]) -> Vec<Told> {
        let mut all = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(event) = decoder.next() {
                all.push(told(event));
            }
        }
        all
    }

    /// Whole, byte by byte, and in pieces of seven: the same events each time.
    #[track_caller]
    fn check(stream: &[u8], events: &[(&str, &str, Option<&str>)]) {
        let expected: Vec<_> = events
            .iter()
            .map(|(e, d, i)| (e.to_string(), d.to_string(), i.map(Into::into)))
            .collect();
        for size in [stream.len().max(1), 1, 7] {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            let got: Vec<_> = read(&mut Decoder::new(Limits::default()), &pieces)
                .into_iter()
                .map(|event| {
                    event
                        .map(|(event, data, id, _)| (event, data, id))
                        .expect("small events")
                })
                .collect();
            assert_eq!(got, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_block_is_an_event() {
        check(b"event: line\ndata: {}\nid: 813\n\n", &[("line", "{}", Some("813"))]);
    }

    #[test]
    fn without_a_name_it_is_a_message() {
        check(b"data: x\n\n", &[("message", "x", None)]);
        check(b"event:\ndata: x\n\n", &[("message", "x", None)]);
    }

    #[test]
    fn lines_end_with_cr_lf_or_both() {
        check(
            b"data: a\r\rdata: b\n\ndata: c\r\n\r\n",
            &[("message", "a", None), ("message", "b", None), ("message", "c", None)],
        );
        check(
            b"data: a\r\n\ndata: b\n\r\n",
            &[("message", "a", None), ("message", "b", None)],
        );
    }

    #[test]
    fn lines_of_data_are_joined_and_an_empty_one_counts() {
        check(b"data: a\ndata:\ndata: b\n\n", &[("message", "a\n\nb", None)]);
        check(b"data\n\n", &[("message", "", None)]);
        check(b"data:\ndata\n\n", &[("message", "\n", None)]);
    }

    #[test]
    fn a_block_without_data_is_no_event_but_its_id_counts() {
        check(
            b"event: x\nid: 7\n\nretry: 5\n\n: comment\n\n\n\ndata: y\n\n",
            &[("message", "y", None)],
        );
        let mut decoder = Decoder::new(Limits::default());
        assert_eq!(read(&mut decoder, &[b"id: 7\n\nretry: 5\n\n"]), []);
        assert_eq!(
            (decoder.last_event_id(), decoder.retry()),
            ("7", Some(Duration::from_millis(5)))
        );
    }

    #[test]
    fn an_unfinished_block_is_no_event_and_its_id_does_not_count() {
        let mut decoder = Decoder::new(Limits::default());
        assert_eq!(read(&mut decoder, &[b"id: 1\ndata: a\n\nid: 2\ndata: b\n"]).len(), 1);
        assert_eq!(decoder.last_event_id(), "1");
    }

    #[test]
    fn an_empty_id_forgets_and_one_with_nul_is_ignored() {
        check(
            b"id: 1\ndata: a\n\nid\ndata: b\n\nid: 2\0\ndata: c\n\n",
            &[
                ("message", "a", Some("1")),
                ("message", "b", Some("")),
                ("message", "c", None),
            ],
        );
    }

    #[test]
    fn only_one_space_after_the_colon_is_taken_away() {
        check(
            b"data:  x\n\ndata:x\n\ndata:\tx\n\n",
            &[
                ("message", " x", None),
                ("message", "x", None),
                ("message", "\tx", None),
            ],
        );
    }

    #[test]
    fn fields_nobody_knows_are_passed_over() {
        check(
            b":data: no\nDATA: no\ndata : no\nnothing\n data: no\ndata: yes: b\n\n",
            &[("message", "yes: b", None)],
        );
    }

    #[test]
    fn one_byte_order_mark_at_the_start_is_taken_away() {
        check(
            b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n",
            &[("message", "a", None), ("message", "c", None)],
        );
        check(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", &[]);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        check(
            b"data: a\xffb\xe2\x82\nid: \xc3\n\n",
            &[("message", "a\u{fffd}b\u{fffd}", Some("\u{fffd}"))],
        );
    }

    #[test]
    fn a_retry_is_digits_only() {
        let mut decoder = Decoder::new(Limits::default());
        let events = read(
            &mut decoder,
            &[b"retry: 2000\nretry: -1\nretry: 3 \nretry:\nretry: 1e3\ndata: x\n\n"],
        );
        assert_eq!(events, [Ok(("message".into(), "x".into(), None, Some(2000)))]);
        read(&mut decoder, &[b"retry: 99999999999999999999999\n\n"]);
        assert_eq!(decoder.retry(), Some(Duration::from_millis(u64::MAX)));
    }

    /// Which of the events survive a limit of eight bytes, in every chunking.
    #[track_caller]
    fn check_limit(stream: &[u8], survive: &[Option<&str>]) {
        for size in [stream.len(), 1, 7] {
            let pieces: Vec<&[u8]> = stream.chunks(size).collect();
            let got = read(&mut Decoder::new(Limits::field_bytes(8)), &pieces);
            let got: Vec<_> = got.iter().map(|e| e.as_ref().ok().map(|e| e.1.as_str())).collect();
            assert_eq!(got, survive, "in pieces of {size}");
        }
    }

    #[test]
    fn an_event_at_the_limit_is_read_and_one_beyond_it_is_told_and_passed_over() {
        check_limit(
            b"data: 12345678\n\ndata: 123456789\n\ndata: ok\n\n",
            &[Some("12345678"), None, Some("ok")],
        );
        check_limit(
            b"data: 1234\ndata: 678\n\ndata: 1234\ndata: 6789\n\n",
            &[Some("1234\n678"), None],
        );
    }

    #[test]
    fn one_endless_line_is_told_once_and_an_endless_comment_never() {
        let long = "x".repeat(1000);
        check_limit(format!("data: {long}\n\ndata: ok\n\n").as_bytes(), &[None, Some("ok")]);
        check_limit(
            format!(": {long}\n{long}\nretry: 1{}\ndata: ok\n\n", "0".repeat(99)).as_bytes(),
            &[Some("ok")],
        );
        check_limit(
            format!("id: {long}\ndata: a\n\nevent: {long}\ndata: b\n\ndata: c\n\n").as_bytes(),
            &[None, None, Some("c")],
        );
    }

    #[test]
    fn an_endless_stream_is_held_in_bounded_memory() {
        for endless in [
            &b"data: x\n"[..],
            b"data: x",
            b":",
            b"id: 9",
            b"event: e\n",
            b"\r",
            b"\xff",
        ] {
            let mut decoder = Decoder::new(Limits::field_bytes(1000));
            let piece = endless.repeat(500);
            for _ in 0..200 {
                read(&mut decoder, &[&piece]);
            }
            let (block, input) = (&decoder.block, &decoder.input);
            let held = block.data.capacity() + block.event.capacity() + block.spare.capacity() + input.bytes.capacity();
            assert!(
                held < 8 * 1000 + 4 * piece.len(),
                "{held} bytes held of endless {endless:?}"
            );
        }
    }
}
