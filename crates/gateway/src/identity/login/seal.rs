//! Tokens of a login as they are kept: only the cookie opens them, and the cookie is not kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_kernel::port::rng::Rng;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;

/// What the key is made for, so that it is no other key of the same cookie.
const PURPOSE: &[u8] = b"nexus login tokens 1";

/// A secret that nobody can guess: 256 bits, in letters that cookies and addresses take.
pub(super) fn chance(rng: &dyn Rng) -> String {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The key that a cookie is.
fn key(secret: &str) -> Option<LessSafeKey> {
    let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), PURPOSE);
    UnboundKey::new(&AES_256_GCM, derived.as_ref()).ok().map(LessSafeKey::new)
}

/// Seals a text for whoever has this secret, at this place.
pub(super) fn seal(secret: &str, place: &str, text: &str, rng: &dyn Rng) -> Option<String> {
    let mut nonce = [0; NONCE_LEN];
    rng.fill(&mut nonce);
    let mut bytes = text.as_bytes().to_vec();
    let (aad, once) = (Aad::from(place.as_bytes()), Nonce::assume_unique_for_key(nonce));
    key(secret)?.seal_in_place_append_tag(once, aad, &mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode([&nonce[..], &bytes].concat()))
}

/// What was sealed, when it was with this secret and for this place.
pub(super) fn open(secret: &str, place: &str, sealed: &str) -> Option<String> {
    let mut bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (nonce, rest) = bytes.split_first_chunk_mut::<NONCE_LEN>()?;
    let (aad, once) = (Aad::from(place.as_bytes()), Nonce::assume_unique_for_key(*nonce));
    let opened = key(secret)?.open_in_place(once, aad, rest).ok()?;
    String::from_utf8(opened.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::rng::SeededRng;

    use super::*;

    #[test]
    fn only_the_cookie_opens_what_is_kept_and_only_at_its_place() {
        let rng = SeededRng::new(7);
        let (mine, other) = (chance(&rng), chance(&rng));
        assert_ne!(mine, other);
        let sealed = seal(&mine, "here", "a token", &rng).unwrap();
        assert!(!sealed.contains("token"));
        assert_eq!(open(&mine, "here", &sealed).as_deref(), Some("a token"));
        assert_eq!(open(&other, "here", &sealed), None);
        assert_eq!(open(&mine, "there", &sealed), None);
        assert_eq!(open(&mine, "here", "AAAA"), None);
        assert_ne!(seal(&mine, "here", "a token", &rng).unwrap(), sealed, "the same text twice");
    }
}
