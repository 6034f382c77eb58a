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
    let text = text
        .trim()
        .trim_matches(['"', '\''])
        .replace("\\r", "\r")
        .replace("\\n", "\n");
    let text = text.trim();
    if let Some(fault) = mistaken(text) {
        return Err(fault);
    }
    let (label, body) = unwrap_armour(text)?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| "its base64 is broken")?;
    let (modulus, exponent) = match label {
        "PUBLIC KEY" => spki(&der),
        "RSA PUBLIC KEY" => pkcs1(&der),
        _ => return Err("it is not labelled PUBLIC KEY"),
    }
    .ok_or("it is not an RSA public key")?;
    RsaKey::build(&PublicNumbers::new(modulus, exponent)?)
}

/// What people really paste instead, by its first words. Said before anything is decoded: a private key may be
/// encrypted or wrapped in a comment, and is to be called a private key all the same.
fn mistaken(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.contains("PRIVATE KEY-----") {
        return Some("it is a private key, and only the public key belongs here");
    }
    if text.contains("-----BEGIN CERTIFICATE") || text.contains("-----BEGIN TRUSTED CERTIFICATE") {
        return Some("it is a certificate, not a public key");
    }
    if text.starts_with("sk_") {
        return Some("it is a secret key, and only the public key in PEM belongs here");
    }
    if text.starts_with("pk_") {
        return Some("it is a publishable key, and the public key in PEM belongs here");
    }
    if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
        return Some("it is an SSH key, and the public key in PEM belongs here");
    }
    text.starts_with('{')
        .then_some("it is JSON, and the public key in PEM belongs here")
}

fn unwrap_armour(text: &str) -> Result<(&str, &str), &'static str> {
    if !text.contains("-----") {
        return Ok(("PUBLIC KEY", text));
    }
    let rest = text
        .strip_prefix("-----BEGIN ")
        .ok_or("it does not begin with -----BEGIN PUBLIC KEY-----")?;
    let (label, rest) = rest.split_once("-----").ok_or("its first line is cut short")?;
    let (body, rest) = rest.split_once("-----END ").ok_or("its last line is missing")?;
    let end = rest
        .strip_prefix(label)
        .and_then(|rest| rest.strip_prefix("-----"))
        .ok_or("its first and last lines differ")?;
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
            [len @ 0x80..=0xff, rest @ ..] => (usize::from(*len), rest),
            _ => return None,
        },
        0x82 => match rest {
            [high @ 1..=0xff, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
            _ => return None,
        },
        _ => return None,
    };
    rest.split_at_checked(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::clerk::Clerk;

    fn id(clerk: &Clerk) -> String {
        crate::Jwks::parse(clerk.jwks().as_bytes())
            .unwrap()
            .key_ids()
            .iter()
            .next()
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_key_is_the_same_however_it_is_pasted() {
        let clerk = Clerk::new();
        let pem = clerk.pem();
        let one_line = pem.replace('\n', " ");
        let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        for text in [
            pem.clone(),
            clerk.pem_pkcs1(),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\\n"),
            pem.replace('\n', "\\r\\n"),
            one_line.clone(),
            pem.replace('\n', ""),
            format!("\"{}\"", pem.replace('\n', "\\n")),
            format!("'{one_line}'"),
            format!("\n\n  {pem}\n "),
            pem.trim_end().to_owned(),
            bare,
        ] {
            let key = parse(&text).unwrap_or_else(|fault| panic!("{fault}: {text}"));
            assert_eq!(key.id().to_string(), id(&clerk), "{text}");
        }
    }

    #[track_caller]
    fn check(text: &str, fault: &str) {
        assert_eq!(parse(text).err(), Some(fault));
    }

    #[test]
    fn what_is_not_a_public_key_is_named_and_not_repeated() {
        let clerk = Clerk::new();
        let pem = clerk.pem();
        check(
            &clerk.private_pem(),
            "it is a private key, and only the public key belongs here",
        );
        check(
            &pem.replace("PUBLIC KEY", "CERTIFICATE"),
            "it is a certificate, not a public key",
        );
        check(
            &pem.replace("PUBLIC KEY", "DH PARAMETERS"),
            "it is not labelled PUBLIC KEY",
        );
        check(
            &pem.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
            "it is not an RSA public key",
        );
        check(
            &pem.replace("END PUBLIC", "END RSA PUBLIC"),
            "its first and last lines differ",
        );
        check(&pem.replace("-----END PUBLIC KEY-----", ""), "its last line is missing");
        check(&format!("{pem}{pem}"), "something follows its last line");
        check(&format!("x{pem}"), "it does not begin with -----BEGIN PUBLIC KEY-----");
        check(&pem.replacen("MII", "M*I", 1), "its base64 is broken");
        for nothing in ["", "\"\"", " \n ", "\\n"] {
            check(nothing, "it is empty");
        }
        let secret = ["sk", "test", "abcd"].join("_");
        check(
            &secret,
            "it is a secret key, and only the public key in PEM belongs here",
        );
        check(
            "pk_test_abcd",
            "it is a publishable key, and the public key in PEM belongs here",
        );
        check(
            "ssh-rsa AAAA me@here",
            "it is an SSH key, and the public key in PEM belongs here",
        );
        check(&clerk.jwks(), "it is JSON, and the public key in PEM belongs here");
        let dashes = "-".repeat(5);
        for private in [
            clerk.private_pem().replace('\n', "\\n"),
            clerk.private_pem().replace('\n', "\r\n"),
            clerk.private_pem().replace('\n', " "),
            format!("Bag Attributes\n    friendlyName: signing\n{}", clerk.private_pem()),
            format!("{pem}{}", clerk.private_pem()),
            format!(
                "{dashes}BEGIN RSA PRIVATE KEY{dashes}\nProc-Type: 4,ENCRYPTED\n\nAAAA\n{dashes}END RSA PRIVATE KEY{dashes}"
            ),
            format!("{dashes}BEGIN EC PRIVATE KEY{dashes}\nAAAA\n{dashes}END EC PRIVATE KEY{dashes}"),
            format!("{dashes}BEGIN ENCRYPTED PRIVATE KEY{dashes}\nAAAA"),
        ] {
            check(&private, "it is a private key, and only the public key belongs here");
        }
        check(&"A".repeat(MAX_PEM_LEN + 1), "it is too long to be a public key");
        check(&Clerk::of(1024, 65537, 0).pem(), "it has fewer than 2048 bits");
        check(&Clerk::of(2048, 3, 0).pem(), "its exponent is not 65537");
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        // An Ed25519 key: the name of its algorithm is 1.3.101.112.
        let der = [
            &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..],
            &[7; 32],
        ]
        .concat();
        check(&STANDARD.encode(der), "it is not an RSA public key");
        // A key on the curve P-256: 1.2.840.10045.2.1 with 1.2.840.10045.3.1.7.
        let der = [
            &[
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
            ][..],
            &[
                0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
            ],
            &[7; 64],
        ]
        .concat();
        let body = STANDARD.encode(der);
        let dashes = "-".repeat(5);
        check(
            &format!("{dashes}BEGIN PUBLIC KEY{dashes}\n{body}\n{dashes}END PUBLIC KEY{dashes}\n"),
            "it is not an RSA public key",
        );
    }

    #[test]
    fn der_is_taken_in_its_one_spelling_only() {
        let read = |bytes: &[u8]| take(bytes, SEQUENCE).map(|(content, rest)| (content.len(), rest.len()));
        assert_eq!(read(&[0x30, 0x01, 9, 8]), Some((1, 1)));
        assert_eq!(read(&[0x30, 0x02, 9]), None);
        assert_eq!(read(&[0x30, 0x81, 0x01, 9]), None);
        assert_eq!(read(&[0x30, 0x82, 0x00, 0x80]), None);
        assert_eq!(read(&[0x30, 0x80, 9, 0, 0]), None);
        assert_eq!(read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(read(&[0x31, 0x00]), None);
        assert_eq!(read(&[0x30]), None);
        for (bytes, magnitude) in [
            (&[][..], None),
            (&[0], None),
            (&[0x80], None),
            (&[0, 0x7f], None),
            (&[0, 0x80], Some(&[0x80][..])),
            (&[5], Some(&[5])),
        ] {
            assert_eq!(natural(bytes), magnitude, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_a_fault(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_spoilt_key_is_another_key_or_a_fault(at in 0usize..294, bit in 0u8..8) {
            let pem = Clerk::new().pem();
            let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            let mut der = STANDARD.decode(body).unwrap();
            der[at] ^= 1 << bit;
            if let Ok(key) = parse(&STANDARD.encode(der)) {
                prop_assert_ne!(key.id().to_string(), id(&Clerk::new()));
            }
        }
    }
}
