//! Master keys: they come from outside, and seal nothing but the data keys of namespaces.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_kernel::port::rng::Rng;

use super::cipher::{Cipher, KEY_BYTES};

/// A master key.
#[derive(Debug, Clone)]
pub struct MasterKey {
    pub(super) id: String,
    pub(super) cipher: Cipher,
}

/// The master key that data keys are sealed with, and those that they were sealed with before.
#[derive(Debug, Clone)]
pub struct Masters {
    /// The one that is used from now on.
    pub current: MasterKey,
    /// What data keys are still opened with.
    pub previous: Vec<MasterKey>,
}

impl MasterKey {
    /// The text of a new one: 32 random bytes in base64.
    pub fn generate(rng: &dyn Rng) -> String {
        let mut key = [0; KEY_BYTES];
        rng.fill(&mut key);
        STANDARD.encode(key)
    }

    /// Reads a key: 32 bytes in base64, or as 64 hexadecimal digits. The error says what is wrong and nothing of the key.
    pub fn parse(text: &str) -> Result<MasterKey, &'static str> {
        let text = text.trim();
        let bytes = if text.len() == 2 * KEY_BYTES { from_hex(text) } else { STANDARD.decode(text).ok() };
        let bytes = bytes.ok_or("it is neither base64 nor 64 hexadecimal digits")?;
        let key: [u8; KEY_BYTES] = bytes.try_into().map_err(|_| "it has not 32 bytes")?;
        let is_weak = key.iter().all(|byte| Some(byte) == key.first());
        if is_weak {
            return Err("all of its bytes are the same");
        }
        let cipher = Cipher::new(&key);
        Ok(MasterKey { id: cipher.id(), cipher })
    }

    /// Its name, which says nothing about it.
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    pairs.iter().map(|[high, low]| Some((digit(high)? << 4) | digit(low)?)).collect()
}

impl Masters {
    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        [&self.current].into_iter().chain(&self.previous).find(|master| master.id == id)
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::rng::SeededRng;

    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_either_writing() {
        let text = MasterKey::generate(&SeededRng::new(1));
        let key = MasterKey::parse(&format!("{text}\n")).unwrap();
        let bytes = STANDARD.decode(&text).unwrap();
        let hex = bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(MasterKey::parse(&hex).unwrap().id(), key.id());
        let zeros = "0".repeat(64);
        for bad in ["", "sesame", &text[..40], &format!("{hex}00"), &hex.replace(&hex[..1], "g"), &zeros] {
            assert!(MasterKey::parse(bad).is_err(), "{bad}");
        }
        assert!(!format!("{key:?}").contains(&hex[..8]));
    }
}
