//! One key, and what it seals: AES-256-GCM under a key of its own for every piece.
//!
//! Nonces of GCM must never repeat under one key, and random ones may be used for too few pieces for a store that grows for
//! years. So the key of a piece is derived from its salt of 128 bits (HMAC-SHA256), and its nonce is always the same one.

use nexus_kernel::port::rng::Rng;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// Bytes of a salt.
pub(super) const SALT_BYTES: usize = 16;

/// Bytes that a sealed piece has more.
pub(super) const MORE_BYTES: usize = SALT_BYTES + 16;

/// A key that seals.
#[derive(Debug, Clone)]
pub(super) struct Cipher(hmac::Key);

/// Where the salt of a piece comes from.
#[derive(Clone, Copy)]
pub(super) enum Salt<'a> {
    /// From chance: equal pieces look different.
    Random(&'a dyn Rng),
    /// From the piece: equal pieces of one place look alike, to whoever has the key or not.
    Content,
}

impl Cipher {
    /// The key of these bytes.
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Cipher {
        Cipher(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// A name for the key that says nothing about it.
    pub(super) fn id(&self) -> String {
        use std::fmt::Write as _;
        let tag = hmac::sign(&self.0, b"nexus key id");
        tag.as_ref().iter().take(4).fold(String::new(), |mut id, byte| {
            let _ = write!(id, "{byte:02x}"); // writing to a string cannot fail
            id
        })
    }

    /// A key of its own for another use, which says nothing about this one.
    pub(super) fn derived(&self, usage: &[u8]) -> Cipher {
        Cipher(hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&self.0, usage).as_ref()))
    }

    /// Appends what a piece becomes at its place. Nothing when it is too long, which is some 64 GiB.
    pub(super) fn seal(&self, salt: Salt<'_>, place: &[u8], piece: &[u8], into: &mut Vec<u8>) -> Option<()> {
        let salt = self.salt(salt, place, piece);
        into.extend(salt);
        let begin = into.len();
        into.extend(piece);
        let tag = self.of_piece(&salt)?.seal_in_place_separate_tag(
            nonce(),
            Aad::from(place),
            into.get_mut(begin..)?,
        );
        into.extend(tag.ok()?.as_ref());
        Some(())
    }

    /// What was sealed at this place with this key. Nothing when it was not, or was changed since.
    pub(super) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (salt, sealed) = sealed.split_first_chunk::<SALT_BYTES>()?;
        let mut piece = sealed.to_vec();
        let length = self.of_piece(salt)?.open_in_place(nonce(), Aad::from(place), &mut piece).ok()?.len();
        piece.truncate(length);
        Some(piece)
    }

    fn salt(&self, salt: Salt<'_>, place: &[u8], piece: &[u8]) -> [u8; SALT_BYTES] {
        let mut bytes = [0; SALT_BYTES];
        match salt {
            Salt::Random(rng) => rng.fill(&mut bytes),
            Salt::Content => {
                let mut tag = hmac::Context::with_key(&self.0);
                for part in
                    [b"nexus content salt".as_slice(), &(place.len() as u64).to_be_bytes(), place, piece]
                {
                    tag.update(part);
                }
                let tag = tag.sign();
                bytes.iter_mut().zip(tag.as_ref()).for_each(|(byte, from)| *byte = *from);
            }
        }
        bytes
    }

    fn of_piece(&self, salt: &[u8; SALT_BYTES]) -> Option<LessSafeKey> {
        let mut derived = hmac::Context::with_key(&self.0);
        derived.update(b"nexus piece key");
        derived.update(salt);
        UnboundKey::new(&AES_256_GCM, derived.sign().as_ref()).ok().map(LessSafeKey::new)
    }
}

/// The same for every piece, because no two have the same key.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::rng::SeededRng;
    use proptest::prelude::*;

    use super::*;

    fn sealed(cipher: &Cipher, salt: Salt<'_>, place: &[u8], piece: &[u8]) -> Vec<u8> {
        let mut into = Vec::new();
        cipher.seal(salt, place, piece, &mut into).unwrap();
        into
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_at_its_place_only(piece: Vec<u8>, place: Vec<u8>, at: prop::sample::Index, seed: u64) {
            let (cipher, other) = (Cipher::new(&[7; KEY_BYTES]), Cipher::new(&[8; KEY_BYTES]));
            let rng = SeededRng::new(seed);
            for salt in [Salt::Random(&rng), Salt::Content] {
                let mut bytes = sealed(&cipher, salt, &place, &piece);
                prop_assert_eq!(bytes.len(), piece.len() + MORE_BYTES);
                prop_assert_eq!(cipher.open(&place, &bytes), Some(piece.clone()));
                prop_assert_eq!(other.open(&place, &bytes), None);
                prop_assert_eq!(cipher.open(&[&place[..], b"x"].concat(), &bytes), None);
                let at = at.index(bytes.len());
                bytes[at] ^= 1;
                prop_assert_eq!(cipher.open(&place, &bytes), None);
                bytes.truncate(at);
                prop_assert_eq!(cipher.open(&place, &bytes), None);
            }
        }
    }

    #[test]
    fn only_what_is_to_look_alike_does() {
        let (cipher, rng) = (Cipher::new(&[7; KEY_BYTES]), SeededRng::new(1));
        let random = || sealed(&cipher, Salt::Random(&rng), b"here", b"hello");
        assert_ne!(random(), random());
        let alike = |place| sealed(&cipher, Salt::Content, place, b"hello");
        assert_eq!(alike(b"here"), alike(b"here"));
        assert_ne!(alike(b"here"), alike(b"there"));
        assert_eq!(cipher.id(), Cipher::new(&[7; KEY_BYTES]).id());
        assert_ne!(cipher.id(), Cipher::new(&[8; KEY_BYTES]).id());
    }
}
