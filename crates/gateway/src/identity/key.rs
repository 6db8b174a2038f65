//! API keys: `nxk_<id>.<secret>`. The id finds the record, the secret proves that the caller has the key.
//!
//! A secret is 256 bits of chance, so its SHA-256 can be stored as it is: there is nothing to guess that a slow hash would
//! make slower.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::rng::Rng;

/// What every key begins with, so that scanners of source code know one when they see it.
pub(super) const PREFIX: &str = "nxk_";

/// Letters of an id: people write it in command lines and say it to each other.
const ID_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ID_CHARS: usize = 12;

/// Bytes of chance in the secret.
const SECRET_BYTES: usize = 32;

/// A key as its owner has it. It is shown once and not by mistake.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({}, …)", self.id)
    }
}

impl ApiKey {
    /// A new key.
    pub fn generate(rng: &dyn Rng) -> ApiKey {
        let mut chance = [0; ID_CHARS];
        rng.fill(&mut chance);
        let letter =
            |byte: &u8| ID_LETTERS.get(usize::from(*byte) % ID_LETTERS.len()).copied().map(char::from);
        ApiKey { id: chance.iter().filter_map(letter).collect(), secret: secret(rng) }
    }

    /// The same key with another secret.
    #[must_use]
    pub fn renewed(id: &str, rng: &dyn Rng) -> ApiKey {
        ApiKey { id: id.to_owned(), secret: secret(rng) }
    }

    /// Reads what a caller presents as a key.
    pub fn parse(text: &str) -> Option<ApiKey> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('.')?;
        let is_id = id.len() == ID_CHARS && id.bytes().all(|byte| ID_LETTERS.contains(&byte));
        let is_secret =
            BASE64_URL_SAFE_NO_PAD.decode(secret).is_ok_and(|decoded| decoded.len() == SECRET_BYTES);
        (is_id && is_secret).then(|| ApiKey { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// What the record is found by. It may be shown.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole text, for whoever it was made for.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}.{}", self.id, self.secret)
    }

    /// What is stored instead of the secret.
    pub fn hash(&self) -> Hash {
        Hash::of(self.secret.as_bytes())
    }
}

/// What the owner's credential begins with.
pub(super) const OWNER_PREFIX: &str = "nxo_";

/// A new credential of a server's owner.
pub fn owner_credential(rng: &dyn Rng) -> String {
    format!("{OWNER_PREFIX}{}", secret(rng))
}

fn secret(rng: &dyn Rng) -> String {
    let mut bytes = [0; SECRET_BYTES];
    rng.fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::rng::SeededRng;

    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_shown_and_nothing_else_is_one() {
        let rng = SeededRng::new(7);
        let key = ApiKey::generate(&rng);
        let text = key.reveal();
        assert!(text.starts_with("nxk_") && text.len() == 4 + 12 + 1 + 43, "{text}");
        assert_eq!(ApiKey::parse(&text), Some(key.clone()));
        for bad in [&text[1..], &text[..text.len() - 1], "nxk_", "nxk_.", "nxk_a.b", &format!("{text}=")] {
            assert_eq!(ApiKey::parse(bad), None, "{bad}");
        }
        assert!(!format!("{key:?}").contains(&text[17..]));
    }
}
