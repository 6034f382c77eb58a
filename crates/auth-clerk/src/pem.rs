//! A public key in PEM, as people really paste it: with its lines, with `\n` spelled out, or all on one line. Pure.
//!
//! The DER inside is read here rather than by the crypto library, so that the same rules judge a pasted key and a
//! fetched one, and so that a private key pasted by mistake is refused by name.

use crate::rsa::{PublicNumbers, RsaKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest PEM text that is looked at, in bytes; an 8192-bit key needs about 1500.
const MAX_PEM_LEN: usize = 16 * 1024;

/// Reads one public key: `PUBLIC KEY`, `RSA PUBLIC KEY`, or the bare base64 of the former.
///
/// # Errors
/// A sentence that says what is wrong and quotes nothing of the text, which may be a secret pasted by mistake.
pub(crate) fn parse(text: &str) -> Result<RsaKey, &'static str> {
    if text.len() > MAX_PEM_LEN {
        return Err("it is too long to be a public key");
    }
    // Environment files keep quotes and spell line ends out.
    let text = text.trim().trim_matches(['"', '\'']).replace("\\r", "\r").replace("\\n", "\n");
    let (label, body) = unwrap_armour(text.trim())?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| "its base64 is broken")?;
    let (modulus, exponent) = match label {
        "PUBLIC KEY" => spki(&der),
        "RSA PUBLIC KEY" => pkcs1(&der),
        label if label.contains("PRIVATE KEY") => return Err("it is a private key, and only the public key belongs here"),
        "CERTIFICATE" => return Err("it is a certificate, not a public key"),
        _ => return Err("it is not labelled PUBLIC KEY"),
    }
    .ok_or("it is not an RSA public key")?;
    RsaKey::build(&PublicNumbers::new(modulus, exponent)?)
}

fn unwrap_armour(text: &str) -> Result<(&str, &str), &'static str> {
    if !text.contains("-----") {
        return Ok(("PUBLIC KEY", text));
    }
    let rest = text.strip_prefix("-----BEGIN ").ok_or("it does not begin with -----BEGIN PUBLIC KEY-----")?;
    let (label, rest) = rest.split_once("-----").ok_or("its first line is cut short")?;
    let (body, rest) = rest.split_once("-----END ").ok_or("its last line is missing")?;
    let end = rest.strip_prefix(label).and_then(|rest| rest.strip_prefix("-----")).ok_or("its first and last lines differ")?;
    if !end.trim().is_empty() {
        return Err("something follows its last line");
    }
    Ok((label, body))
}

/// 1.2.840.113549.1.1.1, rsaEncryption.
const RSA_ENCRYPTION: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// SubjectPublicKeyInfo: the algorithm's name, then the key in a bit string.
fn spki(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let info = whole(der, SEQUENCE)?;
    let (algorithm, rest) = take(info, SEQUENCE)?;
    let (name, parameters) = take(algorithm, OBJECT_IDENTIFIER)?;
    if name != RSA_ENCRYPTION || !(parameters.is_empty() || whole(parameters, NULL) == Some(&[])) {
        return None;
    }
    match whole(rest, BIT_STRING)? {
        [0, key @ ..] => pkcs1(key),
        _ => None,
    }
}

/// RSAPublicKey: modulus and exponent.
fn pkcs1(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (modulus, rest) = take(whole(der, SEQUENCE)?, INTEGER)?;
    let exponent = whole(rest, INTEGER)?;
    Some((natural(modulus)?, natural(exponent)?))
}

/// A DER integer's magnitude; `None` if it is negative or not in its shortest form.
fn natural(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [0, rest @ ..] if rest.first().is_some_and(|first| first & 0x80 != 0) => Some(rest),
        [first, ..] if (1..0x80).contains(first) => Some(bytes),
        _ => None,
    }
}

/// The content of the one element that fills `der` to its end.
fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (content, rest) = take(der, tag)?;
    rest.is_empty().then_some(content)
}

/// The content of the first element, and what follows it. Lengths must be in their shortest form, as DER demands.
fn take(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, short], rest) = der.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (len, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81 => match rest {
            [len @ 0x80.., rest @ ..] => (usize::from(*len), rest),
            _ => return None,
        },
        0x82 => match rest {
            [high @ 1.., low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
            _ => return None,
        },
        _ => return None,
    };
    rest.split_at_checked(len)
}
