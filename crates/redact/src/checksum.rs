//! Checksums that some vendors build into a token, used to find where it ends.
//!
//! A wrong checksum never unmasks anything. A prefix such as `ghp_` followed by enough fitting characters is hidden
//! whether its checksum is right or not: formats drift, generators of test tokens compute none, and a benign text that is
//! hidden costs far less than a token that is not. A right checksum says where the token ends when more letters follow
//! it, so that what is glued to it stays readable. Where no checksum fits, the whole run goes.

/// How a token carries its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// The CRC-32 of the token without its prefix, as its last six characters in base 62. The number is the documented
    /// length of both together.
    Base62(usize),
    /// The CRC-32 of all that stands before, as the last seven characters in base 36, after a full stop, a version or
    /// nothing, and two characters of length.
    Routable,
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The longest routable token that is looked at.
const ROUTABLE: usize = 400;

impl Checksum {
    /// The end of the token whose prefix begins at `start` and is followed by `body`, when a right checksum says it ends
    /// before `end`.
    pub(crate) fn end(self, text: &[u8], start: usize, body: usize, end: usize) -> Option<usize> {
        match self {
            Self::Base62(length) => {
                let close = body.checked_add(length).filter(|close| *close < end)?;
                let (token, sum) = text.get(body..close)?.split_at(length.checked_sub(6)?);
                (written::<6>(crc32(token), 62) == *sum).then_some(close)
            }
            Self::Routable => {
                let judged = end.min(start + ROUTABLE);
                let stops = (body..judged).rev().filter(|at| text[*at] == b'.').take(3);
                stops.map(|stop| stop + 10).find(|close| {
                    *close < end && written::<7>(crc32(&text[start..*close - 7]), 36) == text[*close - 7..*close]
                })
            }
        }
    }
}

/// The checksum that ZIP and PNG use, bit by bit: it is computed for a token or two, not for a log.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// A number in a fixed width, filled with zeros. Base 36 is lower case.
fn written<const WIDTH: usize>(mut number: u32, base: u32) -> [u8; WIDTH] {
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        let byte = BASE62[(number % base) as usize];
        *digit = if base == 36 { byte.to_ascii_lowercase() } else { byte };
        number /= base;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_archives_use() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_right_checksum_says_where_the_token_ends_and_a_wrong_one_says_nothing() {
        let token = format!("zQWBuTSOoRi4A9spHcVY5ncns{}", "DkxkJ");
        let sum: [u8; 6] = written(crc32(token.as_bytes()), 62);
        let sum = std::str::from_utf8(&sum).unwrap();
        for (glued, expected) in [("", None), ("Next", Some(36)), ("_", Some(36))] {
            let text = format!("{token}{sum}{glued}");
            assert_eq!(
                Checksum::Base62(36).end(text.as_bytes(), 0, 0, text.len()),
                expected,
                "{glued}"
            );
        }
        let wrong = format!("{token}000000Next");
        assert_eq!(Checksum::Base62(36).end(wrong.as_bytes(), 0, 0, wrong.len()), None);
    }

    #[test]
    fn a_routable_token_ends_after_its_checksum() {
        let token = format!("{}-vSY1cyL948aAB440qB6L4zlu9OzsUmEV.01.0w", "glpat");
        let sum: [u8; 7] = written(crc32(token.as_bytes()), 36);
        let text = format!("{token}{}.tail", std::str::from_utf8(&sum).unwrap());
        assert_eq!(
            Checksum::Routable.end(text.as_bytes(), 0, 6, text.len()),
            Some(token.len() + 7)
        );
        assert_eq!(Checksum::Routable.end(token.as_bytes(), 0, 6, token.len()), None);
    }
}
