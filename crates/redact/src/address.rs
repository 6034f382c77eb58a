//! Passwords in addresses: `scheme://user:password@host` of any scheme, with whatever odd characters a password may hold.

use crate::rules;
use crate::span::Spans;
use crate::value;

/// How far behind `://` an `@` is looked for.
const LONGEST: usize = 2048;

/// What beside `://` says that a password may be near: addresses that drivers and programs write in ways of their own.
/// Lower case; case does not matter.
pub(crate) const KEYWORDS: &[&str] = &["@tcp(", "@unix(", "jdbc:oracle:"];

/// Reports the password, or a token in the place of a user, of the address whose keyword is at `at`.
pub(crate) fn find(text: &[u8], at: usize, spans: &mut Spans) {
    match text[at] {
        b'@' => return before_protocol(text, at, spans),
        b'j' | b'J' => return oracle(text, at, spans),
        _ => {}
    }
    let from = at + 3;
    let end = address_end(text, from);
    if from >= end {
        return;
    }
    let address = &text[from..end];
    let Some(at_sign) = at_sign(address) else { return };
    let userinfo = &address[..at_sign];
    match userinfo.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let (user, password) = (&userinfo[..colon], &userinfo[colon + 1..]);
            if password.is_empty() {
                // https://TOKEN:@host
                if is_token(user) {
                    spans.push(from..from + colon, rules::URL_TOKEN);
                }
                return;
            }
            // `jdbc:sqlserver://host:1433;database=…;user=me@host`: a port, and what follows it.
            let port = password.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if port > 0 && password.get(port) == Some(&b';') && password.contains(&b'=') {
                return;
            }
            if !is_stand_in(user, password) {
                spans.push(from + colon + 1..from + at_sign, rules::URL_PASSWORD);
            }
            if is_token(user) {
                spans.push(from..from + colon, rules::URL_TOKEN);
            }
        }
        None => {
            if is_token(userinfo) {
                spans.push(from..from + at_sign, rules::URL_TOKEN);
            }
        }
    }
}

/// `user:password@tcp(host)`, as drivers of Go and their like write it.
fn before_protocol(text: &[u8], at: usize, spans: &mut Spans) {
    let length = text[..at]
        .iter()
        .rev()
        .take(256)
        .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b'(' | b'='))
        .count();
    let word = &text[at - length..at];
    if let Some(colon) = word.iter().position(|byte| *byte == b':')
        && !word.contains(&b'/')
        && colon > 0
        && colon + 1 < word.len()
        && !is_stand_in(&word[..colon], &word[colon + 1..])
    {
        spans.push(at - length + colon + 1..at, rules::URL_PASSWORD);
    }
}

/// `jdbc:oracle:thin:user/password@host`.
fn oracle(text: &[u8], at: usize, spans: &mut Spans) {
    let from = at + "jdbc:oracle:".len();
    let end = address_end(text, from);
    let word = &text[from..end];
    let Some(colon) = word.iter().position(|byte| *byte == b':') else {
        return;
    };
    let Some(at_sign) = word.iter().rposition(|byte| *byte == b'@') else {
        return;
    };
    let Some(slash) = word[colon + 1..at_sign.max(colon + 1)]
        .iter()
        .position(|byte| *byte == b'/')
        .map(|slash| colon + 1 + slash)
    else {
        return;
    };
    if slash + 1 < at_sign && slash > colon + 1 && !is_stand_in(&word[colon + 1..slash], &word[slash + 1..at_sign]) {
        spans.push(from + slash + 1..from + at_sign, rules::URL_PASSWORD);
    }
}

/// `host:5432:database:user:password`, a line of the password file of PostgreSQL.
pub(crate) fn password_file(text: &[u8], at: usize, spans: &mut Spans) {
    let from = at + ":5432:".len();
    let host = at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'*');
    let end = from
        + text[from..]
            .iter()
            .take(256)
            .take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`'))
            .count();
    let mut fields = text[from..end].splitn(3, |byte| *byte == b':');
    if let (true, Some(database), Some(user), Some(password)) = (host, fields.next(), fields.next(), fields.next())
        && !database.is_empty()
        && !user.is_empty()
        && password.len() >= 4
        && !is_stand_in(user, password)
    {
        spans.push(end - password.len()..end, rules::URL_PASSWORD);
    }
}

/// The end of the word, or of what comes before the next address in it: so the addresses of a line are read once each.
fn address_end(text: &[u8], from: usize) -> usize {
    let word = &text[from.min(text.len())..];
    let word = &word[..word.len().min(LONGEST)];
    let mut end = 0;
    while let Some(byte) = word.get(end) {
        match byte {
            b'"' | b'`' | b'<' | b'>' => break,
            b':' if word[end..].starts_with(b"://") => break,
            byte if byte.is_ascii_whitespace() => break,
            _ => end += 1,
        }
    }
    from + end
}

/// Where the `@` between user and host stands, if there is one.
fn at_sign(address: &[u8]) -> Option<usize> {
    let first = address.iter().position(|byte| *byte == b'@')?;
    let authority = address
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(address.len());
    let colon = address[..authority].iter().position(|byte| *byte == b':');
    if first < authority {
        let last = address[..authority]
            .iter()
            .rposition(|byte| *byte == b'@')
            .unwrap_or(first);
        // A password with both `@` and `/`: what follows a later `@` must then be a host beyond doubt.
        if colon.is_some_and(|colon| colon < first) {
            let later = (authority..address.len())
                .rev()
                .find(|at| address[*at] == b'@' && is_host(&address[at + 1..], true));
            if let Some(later) = later
                && !is_host(&address[last + 1..authority], true)
                && memchr::memchr3(b'/', b'?', b'#', &address[last + 1..later]).is_some_and(|slash| slash < 64)
            {
                return Some(later);
            }
        }
        return Some(last);
    }
    // No `@` before the first slash: a password that holds a slash, or a path that holds an `@`.
    let colon = colon?;
    let port = &address[colon + 1..authority];
    if port.iter().all(u8::is_ascii_digit) || address[..colon] == b"localhost"[..] {
        return None;
    }
    // What looks like a host before the colon makes it less likely.
    let sure = address[..colon].contains(&b'.') && !address[..colon].contains(&b'%');
    (authority..address.len())
        .rev()
        .find(|at| address[*at] == b'@' && is_host(&address[at + 1..], sure))
}

/// Whether a text begins with a host: letters, digits, dots and hyphens up to a port, a path or the end.
fn is_host(text: &[u8], sure: bool) -> bool {
    // `[::1]`
    if text.first() == Some(&b'[') {
        let inner = text[1..].iter().take(48).position(|byte| *byte == b']');
        return inner.is_some_and(|length| {
            length > 1
                && text[1..=length]
                    .iter()
                    .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        });
    }
    let length = text
        .iter()
        .take(254)
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')))
        .unwrap_or(text.len().min(254));
    let host = &text[..length];
    if host.is_empty()
        || !matches!(
            text.get(length),
            None | Some(b':' | b'/' | b'?' | b'#' | b',' | b'\'' | b')')
        )
    {
        return false;
    }
    // `react@18.2.0` is a version, `db@10.0.0.7` a host.
    let version = host[0].is_ascii_digit() && host.iter().filter(|byte| **byte == b'.').count() != 3;
    if version {
        return false;
    }
    let port = text.get(length) == Some(&b':') && text.get(length + 1).is_some_and(u8::is_ascii_digit);
    let several = text.get(length) == Some(&b',');
    !sure || port || several || host.contains(&b'.')
}

/// A user's place that holds a token: long, with letters and digits.
fn is_token(user: &[u8]) -> bool {
    user.len() >= 20
        && user
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~' | b'%' | b'='))
        && (user.iter().filter(|byte| byte.is_ascii_digit()).count() >= 3 || crate::chance::is_token(user))
        && user.iter().any(u8::is_ascii_alphabetic)
        && !value::is_placeholder(user)
}

/// `user:password@` and what else documentation writes.
fn is_stand_in(user: &[u8], password: &[u8]) -> bool {
    const USERS: [&[u8]; 8] = [
        b"user",
        b"username",
        b"login",
        b"name",
        b"myuser",
        b"youruser",
        b"your_user",
        b"usr",
    ];
    const PASSWORDS: [&[u8]; 8] = [
        b"password",
        b"pass",
        b"passwd",
        b"pwd",
        b"mypassword",
        b"yourpassword",
        b"your_password",
        b"secret",
    ];
    let is = |list: &[&[u8]], word: &[u8]| list.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is(&USERS, user) && is(&PASSWORDS, password) {
        return true;
    }
    if password == crate::MASK.as_bytes() || password.windows(4).any(|window| window == b"****") {
        return true;
    }
    match password[0] {
        b'$' if password.len() > 1
            && (password[1] == b'{' || password[1..].iter().all(|b| b.is_ascii_uppercase() || *b == b'_')) =>
        {
            true
        }
        b'<' | b'{' | b'[' if matches!(password[password.len() - 1], b'>' | b'}' | b']') => true,
        b'%' if password == b"%s" || password == b"%v" => true,
        _ => {
            password.iter().all(|byte| *byte == b'*')
                || password.len() >= 3 && password.iter().all(|byte| matches!(byte, b'x' | b'X' | b'.'))
        }
    }
}
