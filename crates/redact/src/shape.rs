//! The shape of a credential: a small pattern language, and a check that is linear however often it is tried.
//!
//! A pattern is text as in `sk_live_[A-Za-z0-9]{16,}`: literals, classes with a count, groups of literal alternatives
//! `(a|b)`, `\K` where the hidden part begins, `\E` where it ends before what must follow, and `\b` at either end. There is no backtracking to speak of: a class takes
//! its whole run, or exactly as many as it must when what follows could belong to the run as well.
//!
//! A pattern that begins with a class, as in `[a-f0-9]{32}-us[0-9]{1,2}`, has its keyword in the middle: what stands before
//! it, at most 128 characters, is matched backwards from there, takes as much as it may, and must not be the end of a
//! longer run.
//!
//! In front of all may stand `(?…)` with words between commas: `i` when case means nothing, `mixed` when the hidden part
//! must look drawn by chance (so that words joined by hyphens are not taken for a token), and `base62:N` or `routable` for
//! the checksum that says where a token ends.

mod class;
mod compile;
mod runs;

pub(crate) use class::{Classes, Set};
pub(crate) use runs::Runs;

use crate::checksum::Checksum;
use crate::gate::after_escape;

/// How much of a hidden part is judged for being drawn by chance.
const JUDGED: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(Vec<u8>),
    Run { class: u8, least: usize, most: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Anything may stand before.
    Any,
    /// No letter, digit or `_`.
    Word,
}

/// What stands in front of a pattern.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    fold: bool,
    mixed: bool,
    checksum: Option<Checksum>,
}

/// One compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// What stands before the keyword, nearest first.
    lead: Vec<Part>,
    parts: Vec<Part>,
    left: Left,
    /// Whether the keyword is of letters that base64 holds, where any few of them appear by chance.
    chance: bool,
    exact: bool,
    hidden_from: usize,
    /// The part before which the hidden part ends; none of that number when it goes to the end.
    hidden_to: usize,
    flags: Flags,
    of_a_user: bool,
}

impl Shape {
    /// The literal every match begins with, and whether its case matters not.
    pub(crate) fn keyword(&self) -> (&[u8], bool) {
        match &self.parts[0] {
            Part::Literal(literal) => (literal, self.flags.fold),
            Part::Run { .. } => unreachable!("a shape begins with a literal"),
        }
    }

    /// What may follow the keyword, when that is a class.
    pub(crate) fn next<'c>(&self, classes: &'c Classes) -> Option<&'c Set> {
        match self.parts.get(1) {
            Some(Part::Run { class, least, .. }) if *least > 0 => Some(classes.set(*class)),
            _ => None,
        }
    }

    /// Whether it begins with a scheme and is about the user in an address, so that without an `@` it matches nothing.
    pub(crate) fn is_of_a_user(&self) -> bool {
        self.of_a_user
    }

    /// Whether only a non-word character may stand before.
    pub(crate) fn begins_word(&self) -> bool {
        self.left == Left::Word
    }

    /// Whether the text matches at `at`, where the keyword was already found: the hidden part.
    pub(crate) fn check(
        &self,
        classes: &Classes,
        runs: &mut Runs,
        text: &[u8],
        at: usize,
    ) -> Option<std::ops::Range<usize>> {
        match self.left {
            Left::Any => {}
            Left::Word => {
                let word = at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_');
                if word && !after_escape(text, at) {
                    return None;
                }
            }
        }
        if self.chance && runs.is_in_blob(text, at) {
            return None;
        }
        let mut here = at;
        let mut hidden = at;
        let mut shown = None;
        let mut ordinal = 0;
        let mut body = at;
        for (index, part) in self.parts.iter().enumerate() {
            if index == self.hidden_from {
                hidden = here;
            }
            if index == self.hidden_to {
                shown = Some(here);
            }
            match part {
                Part::Literal(literal) => {
                    let found = text.get(here..here + literal.len())?;
                    let same = if self.flags.fold {
                        found.eq_ignore_ascii_case(literal)
                    } else {
                        found == &literal[..]
                    };
                    if !same {
                        return None;
                    }
                    here += literal.len();
                    if index == 0 {
                        body = here;
                    }
                }
                Part::Run { class, least, most } => {
                    if here >= text.len() {
                        if *least == 0 {
                            continue;
                        }
                        return None;
                    }
                    let end = runs.end(classes, *class, ordinal, text, here);
                    ordinal += 1;
                    let length = end - here;
                    if length < *least {
                        return None;
                    }
                    here = match self.parts.get(index + 1) {
                        // The last run takes all there is: what is glued to a secret cannot be told from it.
                        None if self.exact && length > *most => return None,
                        None => end,
                        Some(Part::Literal(next)) if !classes.set(*class).holds(next[0]) => {
                            if length > *most {
                                return None;
                            }
                            end
                        }
                        Some(Part::Literal(_)) => here + least,
                        Some(Part::Run { .. }) => here + length.min(*most),
                    };
                }
            }
        }
        if self.exact
            && text
                .get(here)
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        {
            return None;
        }
        let begin = if self.lead.is_empty() {
            hidden
        } else {
            self.lead(classes, text, at)?
        };
        if let Some(end) = self.flags.checksum.and_then(|sum| sum.end(text, at, body, here)) {
            here = end;
        }
        here = shown.unwrap_or(here);
        // A full stop or a comma is the sentence's, not the token's.
        while here > body && matches!(text[here - 1], b'.' | b',') {
            here -= 1;
        }
        let judged = &text[body.max(hidden)..here];
        if self.flags.mixed && !is_mixed(&judged[..judged.len().min(JUDGED)]) {
            return None;
        }
        (!crate::value::is_filler(judged)).then_some(begin..here)
    }

    /// Where the match begins, when what should stand before the keyword does.
    fn lead(&self, classes: &Classes, text: &[u8], keyword: usize) -> Option<usize> {
        let mut here = keyword;
        for part in &self.lead {
            match part {
                Part::Literal(literal) => {
                    if !text[..here].ends_with(literal) {
                        return None;
                    }
                    here -= literal.len();
                }
                Part::Run { class, least, most } => {
                    let set = classes.set(*class);
                    let found = text[..here]
                        .iter()
                        .rev()
                        .take(*most)
                        .take_while(|byte| set.holds(**byte));
                    let mut length = found.count();
                    // The letter of an escaped line end is not the token's when the token can do without.
                    if length > *least && after_escape(text, here - length + 1) {
                        length -= 1;
                    }
                    if length < *least {
                        return None;
                    }
                    here -= length;
                }
            }
        }
        // The end of a longer run is not the beginning of a token.
        let Some(Part::Run { class, .. }) = self.lead.last() else {
            return Some(here);
        };
        (here == 0 || !classes.set(*class).holds(text[here - 1]) || after_escape(text, here)).then_some(here)
    }

    /// A text that matches, its runs filled by `pick` from the class's members.
    #[cfg(test)]
    pub(crate) fn example(&self, classes: &Classes, mut pick: impl FnMut(&[u8]) -> u8) -> Vec<u8> {
        let mut text = Vec::new();
        for part in self.lead.iter().rev().chain(&self.parts) {
            match part {
                Part::Literal(literal) => text.extend_from_slice(literal),
                Part::Run { class, least, most } => {
                    let members: Vec<u8> = classes.set(*class).bytes().collect();
                    let length = (*least).max(24.min(*most));
                    text.extend((0..length).map(|_| pick(&members)));
                    if self.flags.mixed && members.contains(&b'7') {
                        text.pop();
                        text.push(b'7');
                    }
                }
            }
        }
        text
    }
}

#[cfg(test)]
impl Shape {
    /// What of an example is to be hidden.
    pub(crate) fn hidden_part<'e>(&self, example: &'e str) -> &'e str {
        let lead: usize = self.parts[..self.hidden_from]
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => literal.len(),
                Part::Run { least, most, .. } => (*least).max(24.min(*most)),
            })
            .sum();
        let stays: usize = self.parts[self.hidden_to.min(self.parts.len())..]
            .iter()
            .map(|part| match part {
                Part::Literal(literal) => literal.len(),
                Part::Run { least, most, .. } => (*least).max(24.min(*most)),
            })
            .sum();
        &example[lead..example.len() - stays]
    }
}

/// Whether letters look drawn by chance: a digit among them, or many capitals among others. Of 24 random letters and digits
/// one in a thousand fails; words joined by hyphens, underscores or capitals have neither.
fn is_mixed(text: &[u8]) -> bool {
    if are_words(text) {
        return false;
    }
    let count = |kind: fn(&u8) -> bool| text.iter().filter(|byte| kind(byte)).count();
    let (upper, lower) = (count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let letters = upper + lower;
    count(u8::is_ascii_digit) > 0 || upper * 3 >= letters && lower * 6 >= letters
}

/// Whether these are words joined by hyphens or underscores, each perhaps with a small number behind it.
fn are_words(text: &[u8]) -> bool {
    let joint = |byte: &u8| matches!(byte, b'_' | b'-');
    let after =
        |letters: &[u8], of: fn(&u8) -> bool| letters.iter().position(|byte| !of(byte)).unwrap_or(letters.len());
    text.iter().any(joint)
        && text.split(joint).all(|word| {
            let letters = after(word, u8::is_ascii_lowercase).max(after(word, u8::is_ascii_uppercase));
            word.len() - letters <= 4 && word[letters..].iter().all(u8::is_ascii_digit)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn hides(pattern: &str, text: &str, expected: Option<&str>) {
        let mut classes = Classes::default();
        let shapes = Shape::compile(pattern, &mut classes).expect("a pattern");
        let found = shapes.iter().find_map(|shape| {
            let (keyword, _) = shape.keyword();
            (0..text.len())
                .filter(|at| text.as_bytes()[*at..].starts_with(keyword))
                .find_map(|at| shape.check(&classes, &mut Runs::default(), text.as_bytes(), at))
        });
        assert_eq!(found.map(|range| &text[range]), expected, "{pattern} in {text}");
    }

    #[test]
    fn what_stands_before_a_keyword_belongs_to_the_token() {
        const PATTERN: &str = "[a-f0-9]{8}-us[0-9]{1,2}\\b";
        hides(PATTERN, "key: 0a1b2c3d-us12", Some("0a1b2c3d-us12"));
        hides(PATTERN, "0a1b2c3d-us1 and more", Some("0a1b2c3d-us1"));
        hides(PATTERN, "a longer run: 990a1b2c3d-us1", None);
        hides(PATTERN, "too short: b2c3d-us1", None);
        hides(PATTERN, "0a1b2c3d-us123", None);
        hides(PATTERN, "0a1b2c3d-us1x", None);
        hides("[a-z]{2}_[0-9]{3}_abc\\b", "ab_123_abc", Some("ab_123_abc"));
        hides("[a-z]{2}_[0-9]{3}_abc\\b", "b_123_abc", None);
    }

    #[test]
    fn the_letter_of_an_escaped_line_end_is_not_the_tokens() {
        hides("[a-f0-9n]{4}-us[0-9]{2}", "x\\n0a1b-us12", Some("0a1b-us12"));
        hides("[a-z0-9]{2,9}-us[0-9]{2}", "x\\n0a1b-us12", Some("0a1b-us12"));
        hides("\\btok[0-9]{4}", "x\\ntok1234", Some("tok1234"));
        hides("\\btok[0-9]{4}", "xntok1234", None);
    }

    #[test]
    fn what_must_follow_the_hidden_part_stays() {
        hides(
            "acme://[a-z]{1,}:\\K[0-9]{4}\\E@acme",
            "acme://u:1234@acme.example",
            Some("1234"),
        );
        hides(
            "acme://[a-z]{1,}:\\K[0-9]{4}\\E@acme",
            "acme://u:1234@other.example",
            None,
        );
    }

    #[test]
    fn the_sign_that_ends_a_sentence_stays() {
        hides("tok_[a-z0-9.,]{4,}", "a tok_ab12.cd34., then", Some("tok_ab12.cd34"));
    }

    #[test]
    fn words_are_not_mixed() {
        hides("(?mixed)tok-[A-Za-z-]{6,}", "tok-placeholder-for-the-docs", None);
        hides("(?mixed)tok-[A-Za-z_-]{6,}", "tok-SOME_CONSTANT_NAME", None);
        hides("(?mixed)tok-[A-Za-z-]{6,}", "tok-getUserNameFromSession", None);
        hides("(?mixed)tok-[a-z0-9_-]{6,}", "tok-one_of_the_reports-2024_q1", None);
        hides("(?mixed)tok-[A-Z0-9_-]{6,}", "tok-SOME_CONSTANT_NAME_2", None);
        hides(
            "(?mixed)tok-[a-z0-9_-]{6,}",
            "tok-one_of9the_reports",
            Some("tok-one_of9the_reports"),
        );
        hides(
            "(?mixed)tok-[A-Za-z0-9-]{6,}",
            "tok-kQxWbTzPmRdY",
            Some("tok-kQxWbTzPmRdY"),
        );
        hides("(?mixed)tok-[A-Za-z0-9-]{6,}", "tok-abcdef7", Some("tok-abcdef7"));
    }

    #[test]
    fn a_keyword_of_letters_is_nothing_in_the_middle_of_base64() {
        let blob = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY";
        for pattern in ["ABCD[A-Z0-9]{4,}", "\\bABCD[A-Z0-9]{4,}"] {
            hides(pattern, "x=ABCD1234", Some("ABCD1234"));
            hides(pattern, &format!("{blob}/ABCD1234"), None);
        }
        hides("\\BABCD[A-Z0-9]{4,}", &format!("{blob}/ABCD1234"), Some("ABCD1234"));
    }

    #[test]
    fn a_pattern_that_cannot_be_checked_in_one_pass_is_refused() {
        for pattern in [
            "ab[a-z]{4}",
            "[a-z]{4,}-abc",
            "[a-z]{200}-abc",
            "[a-z]{4}-a",
            "abc[a-z]{2,}x",
            "abc[a-z]{2",
            "abc[a-z",
            "(?maybe)abc",
            "(?base62:x)abc[a-z]{9}",
            "abcé",
            "(abc|abd",
        ] {
            assert!(Shape::compile(pattern, &mut Classes::default()).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_run_of_keywords_costs_a_bounded_look_at_each() {
        let mut classes = Classes::default();
        let shapes = Shape::compile("[A-Za-z]{76}AzCa[A-Za-z]{6}[=]{2}", &mut classes).expect("a pattern");
        let text = "AzCa".repeat(4096);
        let found = (0..text.len()).step_by(4).filter(|at| {
            shapes[0]
                .check(&classes, &mut Runs::default(), text.as_bytes(), *at)
                .is_some()
        });
        assert_eq!(found.count(), 0);
    }
}
