//! Frames to bytes: one block per event, appended to a buffer the caller owns.
//!
//! The order of fields is `retry`, `event`, `data`, `id`, blank line. The id stands last because some clients take it as
//! they read it: cut in the middle of a block, they would come back with the id of an event they never delivered. There
//! is no way to write a block without an event and data, because several clients turn comment-only and retry-only
//! blocks into empty messages.

use std::time::Duration;

use crate::frame::{EventId, EventName, IdForm};

/// Longest reconnection time that is written; browsers keep it in a signed 32-bit count of milliseconds.
const LONGEST_RETRY: Duration = Duration::from_millis(i32::MAX as u64);

/// One event about to be written: everything but its data.
///
/// ```
/// use sse_codec::{EventName, Frame};
///
/// static LINE: EventName = EventName::from_static("line");
/// let mut out = Vec::new();
/// Frame::new(&LINE).id(813).write(&mut out, r#"{"seq":813}"#);
/// assert_eq!(out, b"event: line\ndata: {\"seq\":813}\nid: 813\n\n");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a frame does nothing until it is written"]
pub struct Frame<'a> {
    event: &'a EventName,
    id: Option<EventId<'a>>,
    retry: Option<Duration>,
}

impl<'a> Frame<'a> {
    /// A frame of this name, without id and retry.
    pub const fn new(event: &'a EventName) -> Self {
        Self {
            event,
            id: None,
            retry: None,
        }
    }

    /// Gives it an id: the reader comes back with it.
    pub fn id(mut self, id: impl Into<EventId<'a>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Tells the reader how long to wait before it comes back: whole milliseconds, at most 2³¹ − 1 of them, about 24
    /// days; longer is shortened to that.
    pub const fn retry(mut self, after: Duration) -> Self {
        self.retry = Some(after);
        self
    }

    /// Appends the frame with this data, one `data:` line per line of it.
    ///
    /// A reader gets the data back as it was, except that CR and CRLF come back as LF: the format cannot carry them.
    /// Nothing is allocated but what `out` needs to grow.
    pub fn write(self, out: &mut Vec<u8>, data: &str) {
        // Prefixes, id, retry and line breaks fit in 96 bytes whatever the numbers; a long text id grows once more.
        out.reserve(96 + self.event.as_str().len() + data.len());
        self.write_with(out, |out| out.extend_from_slice(data.as_bytes()));
    }

    /// Appends the frame with the data that `data` appends, straight into `out`: no copy in between.
    ///
    /// What is written may contain line breaks; that costs a copy of the data, and none where there are none (as in
    /// JSON on one line). It should be UTF-8: a reader replaces what is not.
    ///
    /// # Panics
    /// When `data` leaves `out` shorter than it was given: it may append, and nothing else.
    pub fn write_with(self, out: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>)) {
        if let Some(after) = self.retry {
            out.extend_from_slice(b"retry: ");
            // Shortened to 31 bits, so the conversion cannot lose anything.
            write_number(out, after.min(LONGEST_RETRY).as_millis() as u64);
            out.push(b'\n');
        }
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(self.event.as_str().as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let start = out.len();
        data(out);
        assert!(
            out.len() >= start,
            "the data of a frame is appended; what stands before it stays"
        );
        if memchr::memchr2(b'\r', b'\n', &out[start..]).is_some() {
            split_lines(out, start);
        }
        match self.id {
            None => out.extend_from_slice(b"\n\n"),
            Some(EventId(form)) => {
                out.extend_from_slice(b"\nid: ");
                match form {
                    IdForm::Number(number) => write_number(out, number),
                    IdForm::Text(text) => out.extend_from_slice(text.as_bytes()),
                }
                out.extend_from_slice(b"\n\n");
            }
        }
    }
}

/// Rewrites the data from `start` on so that each of its lines has its own field.
fn split_lines(out: &mut Vec<u8>, start: usize) {
    let data = out.split_off(start);
    let mut rest = &data[..];
    while let Some(at) = memchr::memchr2(b'\r', b'\n', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(b"\ndata: ");
        let width = if rest[at..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = &rest[at + width..];
    }
    out.extend_from_slice(rest);
}

fn write_number(out: &mut Vec<u8>, mut number: u64) {
    // 2⁶⁴ has 20 digits.
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    static LINE: EventName = EventName::from_static("line");

    #[track_caller]
    fn check(frame: Frame<'_>, data: &str, golden: &str) {
        let mut out = b"before|".to_vec();
        frame.write(&mut out, data);
        assert_eq!(String::from_utf8_lossy(&out), format!("before|{golden}"));
    }

    #[test]
    fn the_least_frame_is_a_name_and_data() {
        check(Frame::new(&LINE), "{}", "event: line\ndata: {}\n\n");
    }

    #[test]
    fn the_id_stands_last() {
        check(Frame::new(&LINE).id(813), "{}", "event: line\ndata: {}\nid: 813\n\n");
        check(
            Frame::new(&LINE).id(u64::MAX),
            "{}",
            "event: line\ndata: {}\nid: 18446744073709551615\n\n",
        );
        check(Frame::new(&LINE).id(0), "{}", "event: line\ndata: {}\nid: 0\n\n");
    }

    #[test]
    fn an_id_may_be_text_or_empty() {
        check(
            Frame::new(&LINE).id(EventId::from_static("a b")),
            "x",
            "event: line\ndata: x\nid: a b\n\n",
        );
        check(
            Frame::new(&LINE).id(EventId::from_static("")),
            "x",
            "event: line\ndata: x\nid: \n\n",
        );
    }

    #[test]
    fn retry_stands_first_in_whole_milliseconds() {
        let frame = Frame::new(&LINE).id(1).retry(Duration::from_micros(2_000_900));
        check(frame, "{}", "retry: 2000\nevent: line\ndata: {}\nid: 1\n\n");
    }

    #[test]
    fn a_retry_beyond_what_browsers_hold_is_shortened() {
        check(
            Frame::new(&LINE).retry(Duration::MAX),
            "{}",
            "retry: 2147483647\nevent: line\ndata: {}\n\n",
        );
    }

    #[test]
    fn each_line_of_the_data_has_its_own_field() {
        check(
            Frame::new(&LINE),
            "a\nb\r\nc\rd",
            "event: line\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
        );
        check(Frame::new(&LINE), "\n", "event: line\ndata: \ndata: \n\n");
        check(Frame::new(&LINE), "a\n\rb", "event: line\ndata: a\ndata: \ndata: b\n\n");
    }

    #[test]
    fn a_field_hidden_in_the_data_stays_data() {
        check(
            Frame::new(&LINE),
            "x\n\nid: 9",
            "event: line\ndata: x\ndata: \ndata: id: 9\n\n",
        );
    }

    #[test]
    fn empty_data_is_still_an_event() {
        check(Frame::new(&LINE), "", "event: line\ndata: \n\n");
    }

    #[test]
    fn a_leading_space_of_the_data_survives_the_one_that_readers_take_away() {
        check(Frame::new(&LINE), " x", "event: line\ndata:  x\n\n");
    }

    #[test]
    fn a_buffer_that_is_large_enough_is_not_grown() {
        let mut out = Vec::with_capacity(4096);
        let room = out.as_ptr();
        for seq in 1..20u64 {
            Frame::new(&LINE)
                .id(seq)
                .write_with(&mut out, |out| out.extend_from_slice(br#"{"text":"ok"}"#));
        }
        assert_eq!((out.as_ptr(), out.capacity()), (room, 4096));
    }

    #[test]
    #[should_panic(expected = "the data of a frame is appended")]
    fn a_writer_that_takes_away_is_a_mistake() {
        Frame::new(&LINE).write_with(&mut Vec::new(), Vec::clear);
    }
}
