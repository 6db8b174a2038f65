//! A pipeline with everything switched on: tokens signed with ES256, roles, limits, idempotency keys, the audit log, the list of metrics.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nexus_gateway::audit::{AuditLog, AuditOptions};
use nexus_gateway::identity::login::{Desk, Logins, Posted};
use nexus_gateway::identity::token::{
    Algorithm, Fetch, Fetched, IssuerSpec, KeySet, KeysAt, Mapping, Tokens,
};
use nexus_gateway::identity::{ApiKeys, Auth, Certificates, Proofs};
use nexus_gateway::limit::gcra::Rate;
use nexus_gateway::limit::policy::{Concurrent, Policy};
use nexus_gateway::limit::{Limiter, MemoryCounters};
use nexus_gateway::policy::{LiveRoles, Roles};
use nexus_gateway::{Keys, Pipeline};
use nexus_kernel::BoxFuture;
use nexus_kernel::memory::store::MemoryStore;
use nexus_kernel::port::clock::{Clock as _, SharedClock, SystemClock};
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::rng::{SharedRng, SystemRng};
use nexus_store::FileSegments;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value as Json, json};

const ISSUER: &str = "https://id.example.com";
const AUDIENCE: &str = "nexus";

/// Keys are here: nobody is asked for any.
struct Nobody;

impl Fetch for Nobody {
    fn fetch<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Fetched, String>> {
        Box::pin(std::future::ready(Err("nobody is asked".to_owned())))
    }
}

impl Desk for Nobody {
    fn post<'a>(&'a self, _: &'a str, _: String, _: Option<String>) -> BoxFuture<'a, Result<Posted, String>> {
        Box::pin(std::future::ready(Err("nobody is asked".to_owned())))
    }
}

/// An issuer whose tokens are good for a day.
pub(crate) struct Issuer {
    key: EcdsaKeyPair,
    chance: SystemRandom,
}

impl Issuer {
    pub(crate) fn new() -> Result<Issuer> {
        let chance = SystemRandom::new();
        let failed = |_| anyhow!("no key can be made");
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &chance).map_err(failed)?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &chance);
        Ok(Issuer { key: key.map_err(|_| anyhow!("a key cannot be read"))?, chance })
    }

    /// A token of a caller who may call everything.
    pub(crate) fn token(&self) -> Result<String> {
        let now = SystemClock.now().millis().div_euclid(1_000);
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "roles": ["clerk"], "iat": now, "exp": now + 86_400,
        });
        let part = |part: &Json| URL_SAFE_NO_PAD.encode(part.to_string());
        let text =
            format!("{}.{}", part(&json!({ "alg": "ES256", "typ": "JWT", "kid": "a" })), part(&claims));
        let signed =
            self.key.sign(&self.chance, text.as_bytes()).map_err(|_| anyhow!("a token cannot be signed"))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signed)))
    }

    fn keys(&self) -> Result<KeySet> {
        let point = self.key.public_key().as_ref();
        let (x, y) = point.get(1..).context("a point")?.split_at(32);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let key =
            json!({ "kty": "EC", "crv": "P-256", "kid": "a", "alg": "ES256", "use": "sig", "x": x, "y": y });
        KeySet::parse(&json!({ "keys": [key] })).map_err(anyhow::Error::msg)
    }

    fn spec(&self) -> Result<IssuerSpec> {
        Ok(IssuerSpec {
            name: "acme".to_owned(),
            issuer: ISSUER.to_owned(),
            audiences: vec![AUDIENCE.to_owned()],
            algorithms: vec![Algorithm::ES256],
            skew: Duration::from_secs(30),
            age_max: None,
            mapping: Mapping {
                role_names: BTreeMap::from([("clerk".to_owned(), vec!["caller".to_owned()])]),
                ..Mapping::default()
            },
            keys: KeysAt::Here(self.keys()?),
            client_id: None,
        })
    }
}

/// The same pipeline with everything switched on. The audit log is kept in this folder.
pub(crate) async fn guard(pipeline: Pipeline, issuer: &Issuer, folder: &Path) -> Result<Pipeline> {
    let clock: SharedClock = Arc::new(SystemClock);
    let store: Arc<dyn Kv> = Arc::new(MemoryStore::new());
    let roles = LiveRoles::new(Roles::new(&BTreeMap::new())?);
    let tokens = Tokens::new(Arc::new(Nobody), Arc::clone(&clock), roles.clone());
    tokens.follow(vec![issuer.spec()?]);
    let keys =
        ApiKeys::open(Arc::clone(&store), Arc::clone(&clock), Arc::new(SystemRng), roles.clone()).await?;
    let ports: (SharedClock, SharedRng) = (Arc::clone(&clock), Arc::new(SystemRng));
    let logins = Logins::new(Arc::clone(&store), Arc::new(Nobody), tokens.clone(), ports);
    let proofs = Proofs { keys, tokens, logins, certificates: Certificates::default(), owner: None, roles };
    let segments = Arc::new(FileSegments::new(folder.join("audit")));
    let audit =
        AuditLog::open(segments, Arc::clone(&store), Arc::clone(&clock), AuditOptions::default()).await?;
    let rate = Rate::new(1_000_000, Duration::from_secs(1), None);
    let policy = Policy {
        principal: rate,
        namespace: rate,
        operation: rate,
        concurrent: Concurrent { principal: Some(10_000), namespace: Some(10_000), operation: Some(10_000) },
        ..Policy::default()
    };
    let limiter = Limiter::new(Arc::new(MemoryCounters::default()), policy, Arc::clone(&clock), &SystemRng);
    let pipeline = pipeline.remembering(Keys::new(store, Arc::clone(&clock))).audited(audit).limited(limiter);
    Ok(pipeline.guarded(Auth::new(proofs, clock)))
}
