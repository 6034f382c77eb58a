//! Text that passed redaction.

use std::fmt;

use serde::Serialize;

/// The only text an entry can hold: it has passed redaction, so it may be stored and shown.
///
/// There is one constructor, [`SafeText::assume_redacted`], and deliberately no `Deserialize`, no `From<String>` and no
/// `FromStr`: "redacted before storage" is a fact of the types. The workspace's lints forbid calling the constructor
/// outside `redact`; stored entries come back through [`entry::decode_trusted`](crate::entry::decode_trusted).
///
/// (The idea of a type that marks text as fit to be shown, as in uv's `uv-redacted` crate.)
#[derive(Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(transparent)]
pub struct SafeText(Box<str>);

impl SafeText {
    /// Vouches that `text` holds no secret. Only the redactor and code that writes its own constant words may.
    pub fn assume_redacted(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, borrowed.
    pub fn as_safe_str(&self) -> SafeStr<'_> {
        SafeStr(&self.0)
    }

    /// Its length in bytes of UTF-8.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all, as on a blank line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The longest beginning of at most `limit` bytes that ends between two characters.
    ///
    /// A part of safe text is safe: redaction came first, so a cut cannot reveal half a secret.
    pub fn shortened(self, limit: usize) -> Self {
        if self.0.len() <= limit {
            return self;
        }
        self.as_safe_str().shortened(limit).to_safe_text()
    }
}

/// Borrowed text that passed redaction, as [`SafeText`] is when it is owned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SafeStr<'a>(&'a str);

impl<'a> SafeStr<'a> {
    /// Vouches that `text` holds no secret; see [`SafeText::assume_redacted`].
    pub fn assume_redacted(text: &'a str) -> Self {
        Self(text)
    }

    /// The text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The longest beginning of at most `limit` bytes that ends between two characters.
    pub fn shortened(self, limit: usize) -> Self {
        if self.0.len() <= limit {
            return self;
        }
        Self(&self.0[..self.0.floor_char_boundary(limit)])
    }

    /// The same, owned.
    pub fn to_safe_text(self) -> SafeText {
        SafeText(self.0.into())
    }
}

impl fmt::Debug for SafeStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SafeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for SafeText {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "the type's own tests")]
    use super::*;

    #[test]
    fn shortening_never_splits_a_character() {
        let text = SafeText::assume_redacted("aé✓");
        for (limit, left) in [
            (0, ""),
            (1, "a"),
            (2, "a"),
            (3, "aé"),
            (5, "aé"),
            (6, "aé✓"),
            (99, "aé✓"),
        ] {
            assert_eq!(text.clone().shortened(limit).as_str(), left, "limit {limit}");
        }
    }
}
