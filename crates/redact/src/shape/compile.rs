//! From a pattern's text to its shapes.

use super::class::{Classes, members};
use super::{Flags, Left, Part, Shape};
use crate::checksum::Checksum;

/// How far before its keyword a match may begin.
const LEAD: usize = 128;

impl Flags {
    pub(super) fn of(pattern: &str) -> Result<(Self, &str), &'static str> {
        let mut flags = Self::default();
        let Some((words, rest)) = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')')) else {
            return Ok((flags, pattern));
        };
        for word in words.split(',') {
            match word.split_once(':') {
                None if word == "i" => flags.fold = true,
                None if word == "mixed" => flags.mixed = true,
                None if word == "routable" => flags.checksum = Some(Checksum::Routable),
                Some(("base62", length)) => {
                    let length = length.parse().map_err(|_| "a length that is no number")?;
                    flags.checksum = Some(Checksum::Base62(length));
                }
                _ => return Err("a word in front that means nothing"),
            }
        }
        Ok((flags, rest))
    }
}

impl Shape {
    /// Compiles a pattern into one shape per combination of its alternatives.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub(crate) fn compile(pattern: &str, classes: &mut Classes) -> Result<Vec<Self>, &'static str> {
        let (flags, pattern) = Flags::of(pattern)?;
        expand(pattern)?
            .iter()
            .map(|one| Self::compile_one(one, flags, classes))
            .collect()
    }

    fn compile_one(pattern: &str, flags: Flags, classes: &mut Classes) -> Result<Self, &'static str> {
        let mut parts: Vec<Part> = Vec::new();
        let mut literal = Vec::new();
        let mut left = None;
        let mut exact = false;
        let mut hidden_from = 0;
        let mut hidden_to = usize::MAX;
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let mut class = None;
            match first {
                '\\' => {
                    let escaped = rest[1..].chars().next().ok_or("ends in a backslash")?;
                    rest = &rest[1 + escaped.len_utf8()..];
                    match escaped {
                        'b' if parts.is_empty() && literal.is_empty() => left = Some(Left::Word),
                        'B' if parts.is_empty() && literal.is_empty() => left = Some(Left::Any),
                        'b' if rest.is_empty() => exact = true,
                        'K' => {
                            if !literal.is_empty() {
                                parts.push(Part::Literal(std::mem::take(&mut literal)));
                            }
                            hidden_from = parts.len();
                        }
                        'E' => {
                            if !literal.is_empty() {
                                parts.push(Part::Literal(std::mem::take(&mut literal)));
                            }
                            hidden_to = parts.len();
                        }
                        'w' => class = Some(members("A-Za-z0-9_")?),
                        'd' => class = Some(members("0-9")?),
                        other if other.is_ascii_punctuation() => literal.push(other as u8),
                        _ => return Err("an escape that means nothing here"),
                    }
                }
                '[' => {
                    let close = rest.find(']').ok_or("a class without its ]")?;
                    class = Some(members(&rest[1..close])?);
                    rest = &rest[close + 1..];
                }
                other if other.is_ascii() => {
                    literal.push(if flags.fold {
                        other.to_ascii_lowercase() as u8
                    } else {
                        other as u8
                    });
                    rest = &rest[1..];
                }
                _ => return Err("only ASCII"),
            }
            if let Some(set) = class {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                let (least, most, after) = count(rest)?;
                rest = after;
                parts.push(Part::Run {
                    class: classes.id(set),
                    least,
                    most,
                });
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        let mut lead = Vec::new();
        if matches!(parts.first(), Some(Part::Run { .. })) {
            let keyword = |part: &Part| matches!(part, Part::Literal(literal) if literal.len() >= 3);
            let at = parts.iter().position(keyword).ok_or("has no literal of 3 characters")?;
            lead = parts.drain(..at).rev().collect();
            if hidden_from != 0 || hidden_to != usize::MAX {
                return Err("hides all that stands before its keyword");
            }
        }
        let Some(Part::Literal(keyword)) = parts.first() else {
            return Err("must hold a literal");
        };
        if keyword.len() < 3 {
            return Err("needs a literal of at least 3 characters first");
        }
        let longest = lead.iter().map(|part| match part {
            Part::Literal(literal) => literal.len(),
            Part::Run { most, .. } => *most,
        });
        if longest.fold(0, usize::saturating_add) > LEAD {
            return Err("begins too far before its keyword");
        }
        // Base64 holds letters and digits only, so a keyword with a separator never appears in it by chance. What has a
        // lead has a beginning of its own.
        let chance = lead.is_empty()
            && left != Some(Left::Any)
            && keyword
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        let left = left.filter(|_| lead.is_empty()).unwrap_or(Left::Any);
        for pair in parts.windows(2) {
            if let [Part::Run { class, least, most }, Part::Literal(next)] = pair
                && classes.set(*class).holds(next[0])
                && least != most
            {
                return Err("a run followed by a literal of its own class needs an exact count");
            }
        }
        let of_a_user = keyword.ends_with(b"://")
            && parts
                .iter()
                .any(|part| matches!(part, Part::Literal(literal) if literal.starts_with(b"@")));
        Ok(Self {
            of_a_user,
            lead,
            parts,
            left,
            chance,
            exact,
            hidden_from,
            hidden_to,
            flags,
        })
    }
}

/// Writes out the groups: `a(b|c)d` becomes `abd` and `acd`.
fn expand(pattern: &str) -> Result<Vec<String>, &'static str> {
    let Some(open) = pattern.find('(').filter(|at| !pattern[..*at].ends_with('\\')) else {
        return Ok(vec![pattern.to_owned()]);
    };
    let close = open + pattern[open..].find(')').ok_or("a group without its )")?;
    let tails = expand(&pattern[close + 1..])?;
    let mut all = Vec::new();
    for choice in pattern[open + 1..close].split('|') {
        for tail in &tails {
            all.push(format!("{}{choice}{tail}", &pattern[..open]));
        }
    }
    Ok(all)
}

/// `{n}`, `{n,}`, `{n,m}` or nothing, which is one.
fn count(rest: &str) -> Result<(usize, usize, &str), &'static str> {
    let Some(inner) = rest.strip_prefix('{') else {
        return Ok((1, 1, rest));
    };
    let close = inner.find('}').ok_or("a count without its }")?;
    let number = |text: &str| text.parse::<usize>().map_err(|_| "a count that is no number");
    let (least, most) = match inner[..close].split_once(',') {
        None => (number(&inner[..close])?, number(&inner[..close])?),
        Some((least, "")) => (number(least)?, usize::MAX),
        Some((least, most)) => (number(least)?, number(most)?),
    };
    Ok((least, most, &inner[close + 1..]))
}
