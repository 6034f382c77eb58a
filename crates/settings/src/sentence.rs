//! An error in one sentence.

use std::error::Error;

/// An error with what led to it, in one line: each cause behind a colon, as in
/// `the log store did not answer: connection refused`.
///
/// A cause that repeats the end of what was said already is left out. Nothing is hidden here: what may be secret must not
/// be in an error in the first place.
pub fn sentence(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !words.is_empty() && !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Told(&'static str, Option<Box<Told>>);

    impl std::fmt::Display for Told {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Told {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as &(dyn Error + 'static))
        }
    }

    #[track_caller]
    fn check(words: &[&'static str], expected: &str) {
        let told = words
            .iter()
            .rev()
            .fold(None, |cause, words| Some(Box::new(Told(words, cause))));
        assert_eq!(sentence(&*told.expect("some words")), expected);
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        check(&["it did not start"], "it did not start");
        check(
            &["it did not start", "the port is taken"],
            "it did not start: the port is taken",
        );
        check(&["a", "b", "c"], "a: b: c");
    }

    #[test]
    fn what_was_said_is_not_said_twice() {
        check(&["it did not start: no room", "no room"], "it did not start: no room");
        check(&["no room", "no room", "really"], "no room: really");
        check(&["it did not start", ""], "it did not start");
    }
}
