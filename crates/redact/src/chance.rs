//! Whether a word was drawn by chance, as generated passwords and tokens are, or made by people of words and numbers.
//!
//! From each character to the next a word of a language takes a usual step: a letter that often follows, a digit after a
//! digit. Chance takes unusual ones, some four of five; identifiers, versions and file names at most two of five.

/// Which letters often follow each letter of the alphabet: nine of ten steps in the words of this repository's own text.
const USUAL: [&[u8]; 26] = [
    b"abcdgiklmnprstuvy",
    b"aeilorsu",
    b"acehiklortu",
    b"adeiorsu",
    b"abcdefgilmnprstvwxy",
    b"aefiloru",
    b"aehinorsu",
    b"aeiortu",
    b"abcdefglmnoprstvz",
    b"",
    b"eis",
    b"adeilostuy",
    b"abeimops",
    b"acdefgiknostuv",
    b"abcdgiklmnoprstuvw",
    b"aehiloprstu",
    b"u",
    b"acdegikmnorstuvy",
    b"acehikopstuwy",
    b"acehilorstuy",
    b"abcdeilmnprst",
    b"aei",
    b"aehinor",
    b"ept",
    b"ps",
    b"e",
];

/// [`USUAL`] as bits.
static STEPS: [u32; 26] = {
    let mut steps = [0; 26];
    let mut letter = 0;
    while letter < 26 {
        let mut at = 0;
        while at < USUAL[letter].len() {
            steps[letter] |= 1 << (USUAL[letter][at] - b'a');
            at += 1;
        }
        letter += 1;
    }
    steps
};

/// How much of a word is judged.
const JUDGED: usize = 64;

/// Signs that join words, so that a step over them says nothing.
fn joins(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b',' | b'=')
}

/// Of the steps of a word, how many are unusual, and how many there are that say something.
fn steps(word: &[u8]) -> (usize, usize) {
    let (mut odd, mut all) = (0, 0);
    for pair in word[..word.len().min(JUDGED)].windows(2) {
        let [first, second] = [pair[0], pair[1]];
        let usual = match (first, second) {
            _ if joins(first) || joins(second) => continue,
            (b'0'..=b'9', b'0'..=b'9') => continue,
            (b'a'..=b'z', b'A'..=b'Z') => false,
            _ if first.is_ascii_alphabetic() && second.is_ascii_alphabetic() => {
                STEPS[usize::from((first | 0x20) - b'a')] >> ((second | 0x20) - b'a') & 1 == 1
            }
            _ => false,
        };
        all += 1;
        odd += usize::from(!usual);
    }
    (odd, all)
}

/// Whether a word is a password drawn by chance: 8 characters or more, letters of both cases and digits among them, and most
/// steps unusual. No hash and no UUID is one, since these know one case; no path, no version and no file's name.
pub(crate) fn is_drawn(word: &[u8]) -> bool {
    is_mixed(word) && {
        let (odd, all) = steps(word);
        // Of a short one with signs, fewer steps are left to tell by.
        let short = word.len() <= 14 && word.iter().any(|byte| !byte.is_ascii_alphanumeric());
        all >= 4 && (odd * 2 >= all || short && odd * 5 >= all * 2)
    }
}

/// The same of a long word without signs, as tokens are, for which a few unusual steps less will do.
pub(crate) fn is_token(word: &[u8]) -> bool {
    let padding = word.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let word = &word[..word.len() - padding];
    word.len() >= 16
        && word
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        && is_drawn(word)
}

/// Whether a word holds what a generator draws from, and is not a path, a file, a version or a hash.
pub(crate) fn is_mixed(word: &[u8]) -> bool {
    if !(8..=512).contains(&word.len()) {
        return false;
    }
    let count = |kind: fn(&u8) -> bool| word.iter().take(JUDGED).filter(|byte| kind(byte)).count();
    let (small, capitals, digits) = (
        count(u8::is_ascii_lowercase),
        count(u8::is_ascii_uppercase),
        count(u8::is_ascii_digit),
    );
    let signs = count(|byte| b"!^~%#$&*+?@=".contains(byte));
    let slashes = count(|byte| *byte == b'/');
    small > 0
        && capitals > 0
        && (digits > 0 || signs > 1 || word.len() >= 20)
        && (slashes == 0 || signs > 1 && slashes == 1)
        && word
            .iter()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'{' | b'}' | b'<' | b'>' | b'`'))
        && !is_file(word)
        && !is_version(word)
        && !is_minified(word)
        && !word.split(|byte| joins(*byte)).any(is_hash)
}

/// `n&&n.isPresent===!1`: code of which spaces and names were taken.
fn is_minified(word: &[u8]) -> bool {
    let padding = word.iter().rev().take_while(|byte| **byte == b'=').count();
    word[..word.len() - padding]
        .windows(2)
        .any(|two| matches!(two, b"&&" | b"==" | b"=>" | b"?." | b":!"))
}

/// A hash within a word: `Linux-node-3fa9…`.
fn is_hash(part: &[u8]) -> bool {
    part.len() >= 16 && part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `PyJWT-2.9.0`: a number, a dot and a number, from the beginning or behind a joint on.
fn is_version(word: &[u8]) -> bool {
    word.windows(3).enumerate().any(|(at, three)| {
        let dotted = three[1] == b'.' && three[0].is_ascii_digit() && three[2].is_ascii_digit();
        let digits = word[..=at]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        dotted
            && word[..at + 1 - digits]
                .last()
                .is_none_or(|before| matches!(before, b'-' | b'_' | b'@' | b'/' | b'v' | b':'))
    })
}

/// `index-B3xKq7Z2.js`: a short word of small letters behind the last dot.
pub(crate) fn is_file(word: &[u8]) -> bool {
    word.iter().rposition(|byte| *byte == b'.').is_some_and(|dot| {
        let ending = &word[dot + 1..];
        (1..=4).contains(&ending.len()) && ending.iter().all(u8::is_ascii_lowercase)
            || matches!(
                ending,
                b"jsonl" | b"proto" | b"swift" | b"scala" | b"class" | b"ipynb" | b"plist" | b"patch"
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, drawn: bool) {
        assert_eq!(is_drawn(word.as_bytes()), drawn, "{word} {:?}", steps(word.as_bytes()));
    }

    #[test]
    fn what_people_name_is_not_drawn_by_chance() {
        for word in [
            "OAuth2Client",
            "testPassword2Reset",
            "Base64UrlEncoder",
            "my-app-Database3",
            "index-B3xKq7Z2.js",
            "AES-256-GCM",
            "x86_64-pc-windows-MSVC",
            "ES2022Target",
            "iOS17Simulator",
            "PasswordResetV2Controller",
            "sha256:3fa9c1e07b",
            "3fa9c1e07b5d4a8896f0c2d1",
            "Ubuntu-22.04-LTS",
            "Node20Runtime",
            "com.example.Auth0Client",
            "2026-11-23T14:58:05Z",
            "Chrome/119.0.0.0",
            "PyJWT-2.9.0",
            "v1.2.3-Beta4",
            "n&&n.isPresent===!1",
            "Release-2024-Q3",
        ] {
            check(word, false);
        }
    }

    #[test]
    fn what_a_generator_makes_is() {
        for parts in [
            ["qU9xKe", "!yvt3we"],
            ["hX50zi", "_arolYa"],
            ["1D4kX", "_g9Av"],
            ["7K3Z8", "^m6S8q"],
        ] {
            check(&parts.concat(), true);
        }
    }
}
