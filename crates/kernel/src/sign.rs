//! Signatures that only this server makes and reads: over what it gives away and wants back as it was.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Makes and checks signatures (HMAC with SHA-256, RFC 2104). Cheap to clone.
#[derive(Clone)]
pub struct Signer {
    key: Hmac<Sha256>,
}

impl Signer {
    /// A signer of this secret.
    pub fn new(secret: &[u8; 32]) -> Signer {
        // A key that is shorter than a block of the hash is filled up with zeros (RFC 2104, 2).
        let mut block = [0; 64];
        block.iter_mut().zip(secret).for_each(|(filled, byte)| *filled = *byte);
        Signer { key: Hmac::new(&block.into()) }
    }

    /// The signature of a text, as 64 digits.
    pub fn sign(&self, text: &str) -> String {
        let tag = self.key.clone().chain_update(text).finalize().into_bytes();
        tag.iter().fold(String::with_capacity(64), |mut digits, byte| {
            for half in [byte >> 4, byte & 15] {
                digits.push(char::from_digit(u32::from(half), 16).unwrap_or('0'));
            }
            digits
        })
    }

    /// Whether a signature is that of a text. How long it takes does not depend on where it is wrong.
    pub fn is_signed(&self, text: &str, signature: &str) -> bool {
        let digits: Option<Vec<u8>> = signature
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect();
        digits.is_some_and(|tag| self.key.clone().chain_update(text).verify_slice(&tag).is_ok())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_signs_the_same_text_so() {
        let (one, other) = (Signer::new(&[1; 32]), Signer::new(&[2; 32]));
        let signature = one.sign("a text");
        assert_eq!(signature.len(), 64);
        assert!(one.is_signed("a text", &signature));
        assert!(!one.is_signed("a texT", &signature) && !other.is_signed("a text", &signature));
        for wrong in ["", "zz", &signature[1..], &signature[2..], &format!("{signature}00")] {
            assert!(!one.is_signed("a text", wrong), "{wrong}");
        }
    }

    /// Test case 2 of RFC 4231 has a shorter key; a key of 32 bytes is one that was worked out elsewhere.
    #[test]
    fn signatures_are_those_of_everybody_else() {
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap_or(0));
        let signature = Signer::new(&key).sign("what do ya want for nothing?");
        assert_eq!(signature, EXPECTED);
    }

    const EXPECTED: &str = "099805f4ac310786968565c098db515cc50862b420ae31e20238312344bed36a";
}
