//! API keys as they are stored.

use std::collections::BTreeSet;
use std::time::Duration;

use nexus_kernel::id::Namespace;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::key::ApiKey;

/// A key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: Hash,
    /// The secret before the last rotation, and until when it is good.
    pub previous: Option<(Hash, Timestamp)>,
    /// Roles of whoever has it.
    pub roles: Vec<String>,
    /// Permissions beside those of the roles.
    pub permissions: Vec<String>,
    /// Where they hold; everywhere when absent.
    pub namespaces: Option<BTreeSet<Namespace>>,
    /// Where its caller may be, as ranges of addresses; anywhere when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// When it was made, and by whom.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// From when on it is good for nothing.
    pub expires: Option<Timestamp>,
    /// When somebody took it back.
    pub revoked: Option<Timestamp>,
    /// When it was used last, within a minute.
    pub used: Option<Timestamp>,
}

impl KeyRecord {
    /// Whether a presented key is this one and good for something. Takes as long whether or not it is.
    pub fn fits(&self, given: &ApiKey, now: Timestamp) -> bool {
        let hash = given.hash();
        let is = |stored: &Hash| bool::from(stored.as_str().as_bytes().ct_eq(hash.as_str().as_bytes()));
        let is_current = is(&self.hash);
        let is_previous = self.previous.as_ref().is_some_and(|(stored, until)| is(stored) && now < *until);
        (is_current | is_previous) && self.is_live(now)
    }

    /// Whether it is good for something at all.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }

    /// The record with a new secret. The old one stays good for a while, so that whoever has it can be told.
    #[must_use]
    pub fn rotated(self, fresh: &ApiKey, now: Timestamp, overlap: Duration) -> KeyRecord {
        let previous = (overlap > Duration::ZERO).then(|| (self.hash, now.plus(overlap)));
        KeyRecord { hash: fresh.hash(), previous, ..self }
    }
}

#[cfg(test)]
mod tests {
    use nexus_kernel::memory::rng::SeededRng;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn record(key: &ApiKey) -> KeyRecord {
        KeyRecord {
            id: key.id().to_owned(),
            name: "a test".to_owned(),
            hash: key.hash(),
            previous: None,
            roles: Vec::new(),
            permissions: Vec::new(),
            namespaces: None,
            addresses: Vec::new(),
            created: NOW,
            created_by: "local".to_owned(),
            expires: None,
            revoked: None,
            used: None,
        }
    }

    #[test]
    fn a_rotated_key_is_good_under_both_secrets_for_a_while() {
        let rng = SeededRng::new(7);
        let old = ApiKey::generate(&rng);
        let new = ApiKey::renewed(old.id(), &rng);
        let rotated = record(&old).rotated(&new, NOW, Duration::from_mins(1));
        let (before, after) = (NOW.plus(Duration::from_secs(59)), NOW.plus(Duration::from_mins(1)));
        assert!(rotated.fits(&new, before) && rotated.fits(&old, before));
        assert!(rotated.fits(&new, after) && !rotated.fits(&old, after));
        let at_once = record(&old).rotated(&new, NOW, Duration::ZERO);
        assert!(!at_once.fits(&old, NOW));
    }

    #[test]
    fn what_has_expired_or_was_taken_back_fits_no_more() {
        let key = ApiKey::generate(&SeededRng::new(7));
        let good = record(&key);
        assert!(good.fits(&key, NOW));
        assert!(!good.fits(&ApiKey::renewed(key.id(), &SeededRng::new(8)), NOW));
        assert!(!KeyRecord { expires: Some(NOW), ..good.clone() }.fits(&key, NOW));
        assert!(!KeyRecord { revoked: Some(NOW), ..good }.fits(&key, NOW));
    }
}
