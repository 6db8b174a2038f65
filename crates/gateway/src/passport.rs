//! Passports: tokens in which this server says in whose name it calls an operation elsewhere.
//!
//! They are JSON Web Tokens (RFC 7519) signed with `EdDSA` (RFC 8037) by a key that this server has made for itself. Whoever
//! trusts the server names it as an issuer of tokens and finds its key at [`KEY_SET_PATH`]; nobody else need understand them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_kernel::Json;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvWrite};
use nexus_kernel::port::rng::Rng;
use nexus_kernel::time::Timestamp;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

/// Where the public key is.
pub const KEY_SET_PATH: &str = "/.well-known/nexus-jwks.json";

/// How long a passport is good: as long as a request and the difference of two clocks.
const LIFE: Duration = Duration::from_mins(1);

/// Where the key lies.
const SEED_KEY: &str = "nexus/passport-seed";

/// What is said in a passport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passport<'a> {
    /// Who says so: the address of this server.
    pub issuer: &'a str,
    /// For whom: the origin of the server that is called.
    pub audience: &'a str,
    /// The endpoint that is called through.
    pub endpoint: &'a str,
    /// The namespace that calls.
    pub namespace: &'a Namespace,
    /// The workflow id of the run that does.
    pub workflow_id: &'a str,
    /// The run.
    pub run_id: &'a str,
}

/// Signs passports.
pub struct Passports {
    pair: Ed25519KeyPair,
    id: String,
}

impl Passports {
    /// The key that was made before, or a new one.
    pub async fn open(kept: &dyn Kv, rng: &dyn Rng) -> Result<Passports, Error> {
        let system = Namespace::system();
        loop {
            if let Some(found) = kept.kv_get(&system, SEED_KEY).await? {
                let seed: Vec<u8> = serde_json::from_value(found.value)
                    .map_err(|error| Error::internal(format!("the key of passports: {error}")))?;
                return Passports::of_seed(&seed);
            }
            let mut seed = [0; 32];
            rng.fill(&mut seed);
            let key = SEED_KEY.to_owned();
            let check = KvCheck { key: key.clone(), version: None };
            let write = KvWrite::Put { key, value: seed.to_vec().into() };
            if let KvCommit::Committed { .. } = kept.kv_commit(&system, vec![check], vec![write]).await? {
                return Passports::of_seed(&seed);
            }
        }
    }

    fn of_seed(seed: &[u8]) -> Result<Passports, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| Error::internal("the key of passports is damaged"))?;
        let id = Hash::of(pair.public_key().as_ref()).short().to_owned();
        Ok(Passports { pair, id })
    }

    /// The token of a passport.
    pub fn sign(&self, passport: &Passport<'_>, now: Timestamp) -> String {
        let head = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.id });
        let seconds = now.millis() / 1_000;
        let claims = json!({
            "iss": passport.issuer,
            "aud": passport.audience,
            "sub": format!("{}/{}", passport.namespace, passport.workflow_id),
            "iat": seconds,
            "exp": seconds + i64::try_from(LIFE.as_secs()).unwrap_or_default(),
            "endpoint": passport.endpoint,
            "namespace": passport.namespace,
            "workflow_id": passport.workflow_id,
            "run_id": passport.run_id,
        });
        let part = |part: &Json| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", part(&head), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(text.as_bytes()));
        format!("{text}.{signature}")
    }

    /// The public key as a JWK set (RFC 7517).
    pub fn key_set(&self) -> Json {
        let key = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.id, "x": key }] })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};
    use nexus_kernel::memory::rng::SeededRng;
    use nexus_kernel::memory::store::MemoryStore;

    use super::*;

    fn passport(namespace: &Namespace) -> Passport<'_> {
        Passport {
            issuer: "https://shop.example",
            audience: "https://bank.example",
            endpoint: "payments",
            namespace,
            workflow_id: "order-7",
            run_id: "run_1",
        }
    }

    #[tokio::test]
    async fn whoever_has_the_key_set_reads_them_before_and_after_a_restart() {
        let (store, shop) = (MemoryStore::default(), Namespace::new("shop").unwrap());
        let first = Passports::open(&store, &SeededRng::new(1)).await.unwrap();
        let again = Passports::open(&store, &SeededRng::new(2)).await.unwrap();
        assert_eq!(first.key_set(), again.key_set());
        let keys: JwkSet = serde_json::from_value(first.key_set()).unwrap();
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        crate::identity::token::provider::install();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&["https://bank.example"]);
        validation.validate_exp = false;
        let token = again.sign(&passport(&shop), Timestamp::from_millis(5_000));
        let read = jsonwebtoken::decode::<Json>(&token, &key, &validation).unwrap();
        assert_eq!((&read.claims["namespace"], &read.claims["exp"]), (&json!("shop"), &json!(65)));
        assert_eq!(read.header.kid, Some(again.id.clone()));
    }
}
