//! Values with a unit: `15s`, `8KiB`, `20/s`. A number without its unit is a mistake that is said, not guessed at.

use std::fmt;
use std::time::Duration;

/// Reads a duration: a whole number and its unit, `ms`, `s`, `m`, `h` or `d`, as in `15s` or `24h`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if !number.is_empty() => return Err("a duration needs its unit, as in 15s".to_owned()),
        _ => return Err("a duration is a whole number with its unit (ms, s, m, h or d), as in 15s".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a duration is a whole number with its unit, as in 15s".to_owned())?;
    number
        .checked_mul(millis)
        .filter(|millis| *millis <= 36_525 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(|| "a duration is at most 100 years".to_owned())
}

/// Reads a size in bytes: a whole number and its unit, `B`, `KiB`, `MiB` or `GiB`, as in `8KiB`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let bytes: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "" if !number.is_empty() => return Err("a size needs its unit, as in 8KiB".to_owned()),
        _ => return Err("a size is a whole number with its unit (B, KiB, MiB or GiB), as in 8KiB".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "a size is a whole number with its unit, as in 8KiB".to_owned())?;
    number
        .checked_mul(bytes)
        .ok_or_else(|| "a size is less than 2^64 bytes".to_owned())
}

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So many times in each second, at least 1.
    pub per_second: u32,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.per_second)
    }
}

/// Reads a rate: a whole number from 1 on and `/s`, as in `20/s`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn rate(text: &str) -> Result<Rate, String> {
    text.strip_suffix("/s")
        .and_then(|number| number.parse().ok())
        .filter(|per_second| *per_second > 0)
        .map(|per_second| Rate { per_second })
        .ok_or_else(|| "a rate is a whole number from 1 on, per second, as in 20/s".to_owned())
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_a_unit() {
        for (text, millis) in [
            ("0s", 0),
            ("250ms", 250),
            ("15s", 15_000),
            ("15m", 900_000),
            ("24h", 86_400_000),
            ("30d", 2_592_000_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for bad in [
            "",
            "15",
            "s",
            "-1s",
            "1.5s",
            "15 s",
            "15S",
            "15sec",
            "99999999999999999999s",
            "999999d",
        ] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn sizes_carry_a_unit() {
        for (text, bytes) in [("0B", 0), ("8KiB", 8192), ("4MiB", 4 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for bad in ["", "8", "8K", "8kb", "KiB", "99999999999GiB"] {
            assert!(size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rates_are_per_second_and_not_zero() {
        assert_eq!(rate("20/s"), Ok(Rate { per_second: 20 }));
        for bad in ["", "20", "0/s", "20/m", "-1/s"] {
            assert!(rate(bad).is_err(), "{bad:?}");
        }
    }
}
