//! The parts of a frame that could be malformed, each a type that cannot be.
//!
//! They stand apart from the encoder so that a name or id is checked once, where it comes from, and never again where
//! it is written a million times.

use std::borrow::Cow;
use std::fmt;

/// A text that cannot stand in an event-stream field.
///
/// The text itself is not repeated: it may be long or hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} must not contain {forbidden}")]
pub struct Malformed {
    what: &'static str,
    forbidden: &'static str,
}

const BAD_NAME: &str = "an event name is not empty and has no line break";
const BAD_ID: &str = "an event id has no line break and no NUL";

/// An event's name: at least one character, no line break.
///
/// Empty is refused because a reader cannot tell an empty name from none.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventName(Cow<'static, str>);

impl EventName {
    /// Checks a name that is known only at run time.
    ///
    /// # Errors
    /// [`Malformed`] when `name` is empty or contains a carriage return or line feed.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, Malformed> {
        let name = name.into();
        if valid_name(name.as_bytes()) {
            Ok(Self(name))
        } else {
            Err(Malformed {
                what: "an event name",
                forbidden: "a line break, nor be empty",
            })
        }
    }

    /// A name from the program itself, for a `static`. Costs no allocation.
    ///
    /// # Panics
    /// When `name` is malformed; in a `static`, that is an error of compilation.
    pub const fn from_static(name: &'static str) -> Self {
        assert!(valid_name(name.as_bytes()), "{}", BAD_NAME);
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// An event's id, which a browser sends back as `Last-Event-ID`: a number, or text without line break and NUL.
///
/// NUL is refused because readers ignore an id that contains one, and would come back with an older id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventId<'a>(pub(crate) IdForm<'a>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum IdForm<'a> {
    Number(u64),
    Text(&'a str),
}

impl<'a> EventId<'a> {
    /// Checks an id that is text. The empty id is allowed: it tells the reader to forget the last one.
    ///
    /// # Errors
    /// [`Malformed`] when `id` contains a carriage return, a line feed or NUL.
    pub fn new(id: &'a str) -> Result<Self, Malformed> {
        if valid_id(id.as_bytes()) {
            Ok(Self(IdForm::Text(id)))
        } else {
            Err(Malformed {
                what: "an event id",
                forbidden: "a line break or NUL",
            })
        }
    }

    /// An id from the program itself, for a `const`.
    ///
    /// # Panics
    /// When `id` is malformed; in a `const`, that is an error of compilation.
    pub const fn from_static(id: &'static str) -> EventId<'static> {
        assert!(valid_id(id.as_bytes()), "{}", BAD_ID);
        EventId(IdForm::Text(id))
    }
}

/// A number is always a well-formed id; it is written in decimal.
impl From<u64> for EventId<'_> {
    fn from(number: u64) -> Self {
        Self(IdForm::Number(number))
    }
}

const fn valid_name(name: &[u8]) -> bool {
    !name.is_empty() && without(name, false)
}

const fn valid_id(id: &[u8]) -> bool {
    without(id, true)
}

/// No line break and, if asked, no NUL. A loop by hand, because iterators are not const.
const fn without(text: &[u8], nul_too: bool) -> bool {
    let mut at = 0;
    while at < text.len() {
        if matches!(text[at], b'\r' | b'\n') || (nul_too && text[at] == 0) {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_and_not_empty() {
        for bad in ["", "\n", "li\nne", "line\r", "\r\n"] {
            assert!(EventName::new(bad).is_err(), "{bad:?}");
        }
        for good in ["line", " line", "a:b", "zeile-ü", "\0"] {
            assert_eq!(EventName::new(good).expect("one line").as_str(), good);
        }
    }

    #[test]
    fn an_id_is_one_line_without_nul_and_may_be_empty() {
        for bad in ["\n", "8\r", "8\n13", "8\0"] {
            assert!(EventId::new(bad).is_err(), "{bad:?}");
        }
        for good in ["", "813", "ü", " 1"] {
            assert!(EventId::new(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn the_error_names_the_part_and_not_the_text() {
        let error = EventId::new("hunter2\n").expect_err("a line break");
        assert_eq!(error.to_string(), "an event id must not contain a line break or NUL");
    }
}
