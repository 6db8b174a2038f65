//! The keys that an issuer signs with (RFC 7517), and which of them a token means.

use std::collections::BTreeMap;

use jsonwebtoken::jwk::{Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use nexus_kernel::Json;

/// Most keys of one issuer that are looked at.
const KEYS_MAX: usize = 64;

/// Keys, by the ids that tokens name them by.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    named: BTreeMap<String, Key>,
    nameless: Vec<Key>,
}

#[derive(Debug, Clone)]
struct Key {
    decoding: DecodingKey,
    /// The one algorithm that it may be used with, where it says so.
    algorithm: Option<Algorithm>,
}

impl KeySet {
    /// One key without an id.
    pub fn of(decoding: DecodingKey) -> KeySet {
        KeySet { named: BTreeMap::new(), nameless: vec![Key { decoding, algorithm: None }] }
    }

    /// The public keys of a JWK set that signatures can be checked with; the others are passed over. Errors: it is none.
    pub fn parse(document: &Json) -> Result<KeySet, String> {
        let all =
            document.get("keys").and_then(Json::as_array).ok_or("it is no JWK set: it has no `keys`")?;
        let mut set = KeySet::default();
        for entry in all.iter().take(KEYS_MAX) {
            let Some((id, key)) = serde_json::from_value(entry.clone()).ok().and_then(usable) else {
                continue;
            };
            match id {
                Some(id) => drop(set.named.insert(id, key)),
                None => set.nameless.push(key),
            }
        }
        if set.named.is_empty() && set.nameless.is_empty() {
            return Err("none of its keys can be used to check signatures".to_owned());
        }
        Ok(set)
    }

    /// The key that a token means. One that names none means the only one that fits.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let fits = |key: &&Key| {
            key.decoding.family().algorithms().contains(&algorithm)
                && key.algorithm.is_none_or(|own| own == algorithm)
        };
        if let Some(id) = id {
            let named = self.named.get(id).filter(fits);
            return named.or_else(|| only(self.nameless.iter().filter(fits))).map(|key| &key.decoding);
        }
        only(self.named.values().chain(&self.nameless).filter(fits)).map(|key| &key.decoding)
    }
}

fn only<'a>(mut keys: impl Iterator<Item = &'a Key>) -> Option<&'a Key> {
    keys.next().filter(|_| keys.next().is_none())
}

/// The key of an entry, when it is public and signatures can be checked with it. A secret in a public document is known
/// to everybody, so it proves nothing.
fn usable(entry: Jwk) -> Option<(Option<String>, Key)> {
    let is_for_signatures = match &entry.common.public_key_use {
        Some(purpose) => *purpose == PublicKeyUse::Signature,
        None => true,
    };
    let may_verify =
        entry.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let algorithm = match entry.common.key_algorithm {
        Some(algorithm) => Some(algorithm.to_string().parse().ok()?),
        None => None,
    };
    let decoding = DecodingKey::from_jwk(&entry).ok().filter(|_| is_for_signatures && may_verify)?;
    let is_public = decoding.family() != AlgorithmFamily::Hmac;
    is_public.then_some((entry.common.key_id, Key { decoding, algorithm }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn ec(id: &str) -> Json {
        json!({ "kty": "EC", "crv": "P-256", "x": X, "y": Y, "kid": id })
    }

    #[test]
    fn a_key_is_found_by_its_id_and_the_only_one_without() {
        let one = KeySet::parse(&json!({ "keys": [ec("a")] })).unwrap();
        assert!(
            one.find(Some("a"), Algorithm::ES256).is_some() && one.find(None, Algorithm::ES256).is_some()
        );
        assert!(one.find(Some("b"), Algorithm::ES256).is_none());
        let two = KeySet::parse(&json!({ "keys": [ec("a"), ec("b")] })).unwrap();
        assert!(two.find(None, Algorithm::ES256).is_none(), "which of them is not known");
    }

    #[test]
    fn a_key_is_used_for_what_it_is_for() {
        let mut odd = ec("a");
        odd["alg"] = "ES256".into();
        let set = KeySet::parse(&json!({ "keys": [odd] })).unwrap();
        assert!(set.find(Some("a"), Algorithm::ES256).is_some());
        for algorithm in [Algorithm::RS256, Algorithm::ES384, Algorithm::HS256, Algorithm::EdDSA] {
            assert!(set.find(Some("a"), algorithm).is_none(), "{algorithm:?}");
        }
        for (field, value) in [("use", json!("enc")), ("key_ops", json!(["sign"])), ("alg", json!("ECDH-ES"))]
        {
            let mut other = ec("a");
            other[field] = value;
            assert!(KeySet::parse(&json!({ "keys": [other] })).is_err(), "{field}");
        }
    }

    #[test]
    fn secrets_in_public_and_strange_keys_are_passed_over() {
        let secret = json!({ "kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI", "kid": "s" });
        assert!(KeySet::parse(&json!({ "keys": [secret, { "kty": "new" }, 7] })).is_err());
        assert!(KeySet::parse(&json!({ "keys": [secret, ec("a")] })).is_ok());
        assert!(KeySet::parse(&json!([])).is_err());
    }
}
