//! Bytes in, clean lines out: what a person would have seen, and nothing a terminal would have acted on.

use crate::ansi::{Ansi, coloured, plain};
use crate::editor::Editor;
use crate::settle::Settled;
use crate::under::Left;
use crate::window::Window;

/// How much of one line is looked at, in bytes: enough for any line a person reads, and for a secret in it to be
/// recognised whole. What lies beyond is counted and dropped.
pub const SCAN_LIMIT: usize = 64 * 1024;

/// A clean line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its text: valid, no control characters, none that only hide or reorder; at most [`SCAN_LIMIT`] bytes.
    pub text: &'a str,
    /// Its full length in bytes, when it was longer than that.
    pub cut: Option<u64>,
    /// It goes on where a [`Screen::flush`] broke off, or after what a window showed of it before.
    pub continues: bool,
    /// On a pseudo-terminal: what was shown of a line that goes on. Together they are the line.
    pub before: &'a str,
    /// Parts of the text that are left of what stood there before something shorter was written over it.
    pub(crate) left: &'a [Left],
}

/// One output stream's framing and cleaning. Pure: no clock, no I/O.
///
/// On a pipe every line is edited by itself: carriage returns, backspaces and movements along the line happen, colours
/// and titles are dropped, the text of a link stays. On a pseudo-terminal a bounded window of rows does the same for
/// tools that move up and rewrite several lines. Whatever the chunks the bytes come in, the lines are the same.
///
/// Memory is bounded by [`SCAN_LIMIT`] cells a line, or by the window.
///
/// ```
/// let mut lines = Vec::new();
/// let mut screen = capture::Screen::pipe();
/// screen.push(b"10%\r20%\r\n\x1b[32mdone\x1b[0m\n", &mut |line| lines.push(line.text.to_owned()));
/// assert_eq!(lines, ["20%", "done"]);
/// ```
#[derive(Debug)]
pub struct Screen {
    ansi: Ansi,
    shape: Shape,
    /// The current line's beginning was flushed.
    continues: bool,
    text: String,
}

#[derive(Debug)]
enum Shape {
    Line(Editor),
    Window(Box<Window>),
}

impl Screen {
    /// For a pipe: line by line.
    pub fn pipe() -> Self {
        Self::shaped(Shape::Line(Editor::new(SCAN_LIMIT)))
    }

    /// For a pseudo-terminal of this size; a size below 1 × 2 counts as that.
    pub fn pty(rows: u16, columns: u16) -> Self {
        Self::shaped(Shape::Window(Box::new(Window::new(
            rows.into(),
            columns.into(),
            SCAN_LIMIT,
        ))))
    }

    fn shaped(shape: Shape) -> Self {
        Self {
            ansi: Ansi::new(SCAN_LIMIT),
            shape,
            continues: false,
            text: String::new(),
        }
    }

    /// Feeds bytes as they were read; `emit` gets each line that became final, in order.
    pub fn push(&mut self, mut bytes: &[u8], emit: &mut impl FnMut(Line<'_>)) {
        while let Some(at) = memchr::memchr(b'\n', bytes) {
            self.line(&bytes[..at], emit);
            bytes = &bytes[at + 1..];
        }
        match &mut self.shape {
            Shape::Line(editor) => self.ansi.push(bytes, editor),
            Shape::Window(window) => {
                self.ansi.push(bytes, window.as_mut());
                drain(window, emit);
            }
        }
    }

    /// The rest of a line, without its newline.
    fn line(&mut self, bytes: &[u8], emit: &mut impl FnMut(Line<'_>)) {
        match &mut self.shape {
            Shape::Line(editor) => {
                if bytes.len() <= SCAN_LIMIT && !self.continues && self.ansi.on_ground() && editor.is_fresh() {
                    let line = bytes.strip_suffix(b"\r").unwrap_or(bytes);
                    if let Some(text) = plain(line) {
                        return emit(Line {
                            text,
                            cut: None,
                            continues: false,
                            before: "",
                            left: &[],
                        });
                    }
                    if coloured(line, &mut self.text) {
                        return emit(Line {
                            text: &self.text,
                            cut: None,
                            continues: false,
                            before: "",
                            left: &[],
                        });
                    }
                }
                self.ansi.push(bytes, editor);
                self.end_line(emit);
            }
            Shape::Window(window) => {
                self.ansi.push(bytes, window.as_mut());
                self.ansi.end_line(window.as_mut());
                window.newline();
                drain(window, emit);
            }
        }
    }

    fn end_line(&mut self, emit: &mut impl FnMut(Line<'_>)) {
        let Shape::Line(editor) = &mut self.shape else { return };
        self.ansi.end_line(editor);
        let full = editor.render(&mut self.text);
        let left = editor.left();
        editor.reset();
        let continues = std::mem::take(&mut self.continues);
        // The newline after a flushed prompt ends the prompt's line; it is not a blank line of its own.
        if continues && self.text.is_empty() {
            return;
        }
        let cut = (full > self.text.len() as u64).then_some(full);
        emit(Line {
            text: &self.text,
            cut,
            continues,
            before: "",
            left: &left,
        });
    }

    /// What [`flush`](Self::flush) would bring out last: the text of the line the cursor stands on, empty when there
    /// is nothing to flush.
    pub fn unfinished(&mut self) -> &str {
        match &self.shape {
            Shape::Line(editor) => {
                editor.render(&mut self.text);
            }
            Shape::Window(window) => {
                self.text.clear();
                if window.has_unshown() {
                    self.text = window.current_text();
                    if self.text.is_empty() {
                        // Rows above wait to be shown, and they are complete.
                        self.text.push('\n');
                    }
                }
            }
        }
        &self.text
    }

    /// After a quiet moment: the unfinished line goes out as it stands, and what follows starts a new one.
    pub fn flush(&mut self, emit: &mut impl FnMut(Line<'_>)) {
        match &mut self.shape {
            Shape::Line(editor) => {
                editor.render(&mut self.text);
                if self.text.is_empty() {
                    return;
                }
                self.end_line(emit);
                self.continues = true;
            }
            Shape::Window(window) => {
                window.settle(Settled::Quiet);
                drain(window, emit);
            }
        }
    }

    /// The rows of a pseudo-terminal that are settled go out; on a pipe there are none, a line goes out by its newline.
    ///
    /// Which rows those are can be known of the past only: should the command go back and change one, it goes out again.
    pub(crate) fn settle(&mut self, what: Settled, emit: &mut impl FnMut(Line<'_>)) {
        if let Shape::Window(window) = &mut self.shape {
            window.settle(what);
            drain(window, emit);
        }
    }

    /// Whether complete rows wait to be settled.
    pub(crate) fn waits(&self) -> bool {
        matches!(&self.shape, Shape::Window(window) if window.waits())
    }

    /// Whether it shows a pseudo-terminal.
    pub(crate) fn is_window(&self) -> bool {
        matches!(self.shape, Shape::Window(_))
    }

    /// The pseudo-terminal has another size. What is on the screen is not broken anew.
    pub fn resize(&mut self, rows: u16, columns: u16) {
        if let Shape::Window(window) = &mut self.shape {
            window.resize(rows.into(), columns.into());
        }
    }

    /// The stream is over: what is unfinished goes out as it stands.
    pub fn finish(&mut self, emit: &mut impl FnMut(Line<'_>)) {
        match &mut self.shape {
            Shape::Line(editor) => {
                self.ansi.end_line(editor);
                if !editor.is_fresh() || self.continues {
                    editor.render(&mut self.text);
                    if self.text.is_empty() {
                        editor.reset();
                        self.continues = false;
                    } else {
                        self.end_line(emit);
                    }
                }
            }
            Shape::Window(window) => {
                self.ansi.end_line(window.as_mut());
                window.finish();
                drain(window, emit);
            }
        }
    }
}

fn drain(window: &mut Window, emit: &mut impl FnMut(Line<'_>)) {
    while let Some(line) = window.next_final() {
        let cut = (line.full > line.text.len() as u64).then_some(line.full);
        emit(Line {
            text: &line.text,
            cut,
            continues: line.before.is_some(),
            before: line.before.as_deref().unwrap_or_default(),
            left: &line.left,
        });
    }
}
