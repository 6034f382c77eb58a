//! How long a value of the Redis protocol is.

/// The length of the first whole value in `bytes`; none while it is not all there. A value of an unknown kind is one
/// line.
pub(super) fn whole(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<i64>().ok();
    let inside = match bytes[0] {
        b'$' | b'=' | b'!' => {
            // A null has no length.
            let Ok(length) = usize::try_from(count()?) else {
                return Some(line);
            };
            let end = line + length + 2;
            return (bytes.len() >= end).then_some(end);
        }
        b'*' | b'~' | b'>' => count()?,
        b'%' | b'|' => count()? * 2,
        _ => 0,
    };
    let mut end = line;
    for _ in 0..inside {
        end += whole(&bytes[end..])?;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8]) {
        for end in 0..bytes.len() {
            assert_eq!(
                whole(&bytes[..end]),
                None,
                "{end} of {}",
                String::from_utf8_lossy(bytes)
            );
        }
        let more = [bytes, b"+more\r\n"].concat();
        assert_eq!(whole(&more), Some(bytes.len()));
    }

    #[test]
    fn every_kind_of_value_ends_where_it_ends() {
        check(b"+OK\r\n");
        check(b":-12\r\n");
        check(b"$5\r\na\r\nbc\r\n");
        check(b"$-1\r\n");
        check(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        check(b"*-1\r\n");
        check(b"*2\r\n*1\r\n:1\r\n$0\r\n\r\n");
        check(b"%1\r\n+a\r\n:1\r\n");
        check(b">2\r\n+message\r\n+x\r\n");
    }
}
