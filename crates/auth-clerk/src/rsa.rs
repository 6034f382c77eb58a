//! One public RSA key: what is fit to be one, its thumbprint, and its verifier, built once.

use crate::token::Jws;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use josekit::jws::{JwsVerifier as _, RS256, alg::rsassa::RsassaJwsVerifier};
use sha2::{Digest, Sha256};
use std::fmt;

/// A key's SHA-256 thumbprint (RFC 7638): the same for the same key, whatever id or file it came under.
///
/// It prints as 43 characters of base64url, and is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The numbers of a public key that passed the rules, before the costly step of building its verifier.
pub(crate) struct PublicNumbers<'a> {
    modulus: &'a [u8],
}

/// 65537, the only exponent taken. With exponent 1, which libraries accept, every signature is a forgery.
const EXPONENT: [u8; 3] = [1, 0, 1];

impl<'a> PublicNumbers<'a> {
    /// Takes modulus and exponent, both big-endian without leading zeros, as RFC 7518 has them.
    ///
    /// # Errors
    /// A sentence if the modulus is not odd and of 2048 to 8192 bits, or the exponent is not 65537.
    pub(crate) fn new(modulus: &'a [u8], exponent: &[u8]) -> Result<PublicNumbers<'a>, &'static str> {
        let (Some(&first), Some(&last)) = (modulus.first(), modulus.last()) else {
            return Err("its modulus is empty");
        };
        if first == 0 {
            return Err("its modulus begins with a zero");
        }
        let bits = modulus.len() * 8 - first.leading_zeros() as usize;
        if bits < 2048 {
            return Err("it has fewer than 2048 bits");
        }
        if bits > 8192 {
            return Err("it has more than 8192 bits");
        }
        if last & 1 == 0 {
            return Err("its modulus is even");
        }
        if exponent != EXPONENT {
            return Err("its exponent is not 65537");
        }
        Ok(PublicNumbers { modulus })
    }

    pub(crate) fn id(&self) -> KeyId {
        let modulus = URL_SAFE_NO_PAD.encode(self.modulus);
        // The thumbprint's text is fixed by RFC 7638: these members, in this order, without white space.
        let text = format!(r#"{{"e":"AQAB","kty":"RSA","n":"{modulus}"}}"#);
        KeyId(Sha256::digest(text).into())
    }
}

/// A public key ready to verify with. Building one costs as much as several verifications, so it is built once.
pub(crate) struct RsaKey {
    id: KeyId,
    signature_len: usize,
    verifier: RsassaJwsVerifier,
}

impl RsaKey {
    /// # Errors
    /// A sentence if the crypto library does not take the key.
    pub(crate) fn build(numbers: &PublicNumbers<'_>) -> Result<RsaKey, &'static str> {
        let mut jwk = josekit::jwk::Jwk::new("RSA");
        let set = jwk
            .set_parameter("n", Some(URL_SAFE_NO_PAD.encode(numbers.modulus).into()))
            .and_then(|()| jwk.set_parameter("e", Some(URL_SAFE_NO_PAD.encode(EXPONENT).into())));
        let verifier = set
            .and_then(|()| RS256.verifier_from_jwk(&jwk))
            .map_err(|_| "the crypto library refused it")?;
        Ok(RsaKey {
            id: numbers.id(),
            signature_len: numbers.modulus.len(),
            verifier,
        })
    }

    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn signed(&self, jws: &Jws<'_>) -> bool {
        // A signature is exactly as long as the modulus; anything else is not worth the arithmetic.
        jws.signature.len() == self.signature_len
            && self
                .verifier
                .verify(jws.signing_input.as_bytes(), &jws.signature)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modulus(bits: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] = 0xff >> (bytes.len() * 8 - bits);
        bytes
    }

    #[test]
    fn the_modulus_has_2048_to_8192_bits() {
        for (bits, fits) in [
            (512, false),
            (1024, false),
            (2047, false),
            (2048, true),
            (2049, true),
            (4096, true),
            (8192, true),
            (8193, false),
        ] {
            assert_eq!(
                PublicNumbers::new(&modulus(bits), &[1, 0, 1]).is_ok(),
                fits,
                "{bits} bits"
            );
        }
        assert!(PublicNumbers::new(&[], &[1, 0, 1]).is_err());
    }

    #[test]
    fn a_modulus_that_is_even_or_padded_is_refused() {
        let mut even = modulus(2048);
        even[255] = 0xfe;
        assert!(PublicNumbers::new(&even, &[1, 0, 1]).is_err());
        let padded: Vec<u8> = [vec![0], modulus(2048)].concat();
        assert!(PublicNumbers::new(&padded, &[1, 0, 1]).is_err());
    }

    #[test]
    fn the_exponent_is_65537() {
        for exponent in [
            &[][..],
            &[1],
            &[3],
            &[17],
            &[1, 0, 0],
            &[0, 1, 0, 1],
            &[1, 0, 1, 0],
            &[1, 0, 0, 0, 1],
        ] {
            assert!(PublicNumbers::new(&modulus(2048), exponent).is_err(), "{exponent:?}");
        }
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // The worked example of RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let modulus = URL_SAFE_NO_PAD.decode(n).unwrap();
        let numbers = PublicNumbers::new(&modulus, &[1, 0, 1]).unwrap();
        assert_eq!(numbers.id().to_string(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(RsaKey::build(&numbers).ok().unwrap().id(), numbers.id());
    }
}
