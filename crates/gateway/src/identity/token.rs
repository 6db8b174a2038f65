//! Tokens of identity providers (JWT): from the text of one to whom it is about, and what they may do here.

mod claims;
mod issuer;
mod key_set;
pub(crate) mod provider;
mod source;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::decode_header;
use nexus_kernel::access::Entitlement;
use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;
use serde_json::{Map, Value};

pub use claims::{Mapping, Namespaces};
pub use issuer::IssuerSpec;
pub use jsonwebtoken::{Algorithm, DecodingKey};
pub use key_set::KeySet;
pub use source::{Fetch, Fetched, KeySource, KeysAt};

use crate::limits::TOKENS_KEPT_MAX;
use crate::policy::LiveRoles;
use claims::EXPIRED;
use source::NoKey;

/// Those whose tokens are accepted. Cheap to clone.
#[derive(Clone)]
pub struct Tokens(Arc<Parts>);

struct Parts {
    issuers: RwLock<Arc<[Issuer]>>,
    fetch: Arc<dyn Fetch>,
    clock: SharedClock,
    roles: LiveRoles,
    /// Tokens whose signatures were checked, by their hashes.
    checked: RwLock<HashMap<Hash, Checked>>,
}

struct Issuer {
    spec: IssuerSpec,
    keys: KeySource,
}

/// A token whose signature fits, while these are the issuers and those their keys.
#[derive(Clone)]
struct Checked {
    caller: Caller,
    expires: Timestamp,
    issuers: Arc<[Issuer]>,
    source: KeySource,
    keys: u64,
}

impl Tokens {
    /// Tokens of nobody, until issuers are named.
    pub fn new(fetch: Arc<dyn Fetch>, clock: SharedClock, roles: LiveRoles) -> Tokens {
        provider::install();
        let (issuers, checked) = (RwLock::new(Arc::from([])), RwLock::default());
        Tokens(Arc::new(Parts { issuers, fetch, clock, roles, checked }))
    }

    /// Accepts tokens of these issuers, from now on and of nobody else.
    pub fn follow(&self, specs: Vec<IssuerSpec>) {
        let issuer = |spec: IssuerSpec| {
            let (fetch, clock) = (Arc::clone(&self.0.fetch), Arc::clone(&self.0.clock));
            Issuer { keys: KeySource::new(&spec.issuer, spec.keys.clone(), fetch, clock), spec }
        };
        let issuers = specs.into_iter().map(issuer).collect();
        *self.0.issuers.write().unwrap_or_else(PoisonError::into_inner) = issuers;
        self.0.checked.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn issuers(&self) -> Arc<[Issuer]> {
        Arc::clone(&self.0.issuers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is any.
    pub(crate) fn is_offered(&self) -> bool {
        !self.issuers().is_empty()
    }

    /// The issuers whom people can go to for a token, and what command lines are known as there.
    pub fn offered(&self) -> Vec<(String, Option<String>)> {
        let all = self.issuers();
        all.iter().map(|issuer| (issuer.spec.issuer.clone(), issuer.spec.client_id.clone())).collect()
    }

    /// Whether what a token has given is still vouched for.
    pub(super) fn vouches(&self, given: &Entitlement) -> bool {
        self.issuers().iter().any(|issuer| issuer.spec.source() == *given.source)
    }

    /// Who a token proves its caller to be.
    pub async fn caller(&self, token: &str) -> Result<Caller, Error> {
        let hash = Hash::of(token.as_bytes());
        match self.known(&hash) {
            Some(checked) => Ok(checked),
            None => self.check(token, hash).await.map_err(Refused::told),
        }
    }

    /// The same for whoever administrates the server: they are told what is wrong with it.
    pub(super) async fn examine(&self, token: &str) -> Result<Caller, Error> {
        self.check(token, Hash::of(token.as_bytes())).await.map_err(Refused::explained)
    }

    async fn check(&self, token: &str, hash: Hash) -> Result<Caller, Refused> {
        let (issuers, named) = (self.issuers(), named_issuer(token)?);
        let mut all = issuers.iter();
        let issuer = all
            .find(|issuer| issuer.spec.issuer == named)
            .ok_or(Refused::Not("nobody here knows its issuer"))?;
        let header = decode_header(token).map_err(|_| Refused::Not("it cannot be read"))?;
        let algorithm = issuer.spec.algorithm(&header).map_err(Refused::Not)?;
        let key = issuer.keys.key(header.kid.as_deref(), algorithm).await.map_err(|none| match none {
            NoKey::Unknown => Refused::Not("it is signed with a key that its issuer does not have"),
            NoKey::Unavailable => Refused::NoKeys(issuer.spec.name.clone()),
        })?;
        // The version before the check: keys that change in between are seen at the next call.
        let keys = issuer.keys.version().unwrap_or_default();
        let proven = issuer.spec.check(token, algorithm, &key, self.0.clock.now()).map_err(Refused::Not)?;
        let (grants, entitled) = self.0.roles.entitle(&Arc::new(proven.entitlement));
        let proof = Proof::Token { expires: proven.expires, entitled, login: None };
        let identity = format!("token:{}:{}", issuer.spec.name, proven.subject).into();
        let caller = Caller { identity, grants, proof, address: None };
        let source = issuer.keys.clone();
        let (kept, expires) = (caller.clone(), proven.expires);
        self.keep(hash, Checked { caller: kept, expires, issuers: Arc::clone(&issuers), source, keys });
        Ok(caller)
    }

    fn known(&self, hash: &Hash) -> Option<Caller> {
        let checked = self.0.checked.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()?;
        let is_good = Arc::ptr_eq(&checked.issuers, &self.issuers())
            && checked.source.version()? == checked.keys
            && self.0.clock.now() < checked.expires;
        is_good.then_some(checked.caller)
    }

    fn keep(&self, hash: Hash, token: Checked) {
        let mut checked = self.0.checked.write().unwrap_or_else(PoisonError::into_inner);
        if checked.len() >= TOKENS_KEPT_MAX {
            let now = self.0.clock.now();
            checked.retain(|_, known| now < known.expires);
        }
        if checked.len() >= TOKENS_KEPT_MAX {
            checked.clear();
        }
        checked.insert(hash, token);
    }
}

/// The issuer that a token says it is of. Nothing of that is believed yet.
fn named_issuer(token: &str) -> Result<String, Refused> {
    let claims = insecure_decode_claims::<Map<String, Value>>(token);
    let claims = claims.map_err(|_| Refused::Not("it cannot be read"))?;
    Ok(claims.get("iss").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Why a token is not accepted.
enum Refused {
    /// It is not good.
    Not(&'static str),
    /// Nobody knows: the keys of this issuer cannot be had.
    NoKeys(String),
}

impl Refused {
    /// As its bearer is told: what is wrong is for the log of the server, and whoever made it up learns nothing. Only that
    /// it has expired is said, because then its signature fits.
    fn told(self) -> Error {
        let Refused::Not(why) = self else { return self.explained() };
        tracing::debug!(why, "a token was refused");
        if why == EXPIRED {
            return Error::new(&code::CREDENTIAL_INVALID, "the token has expired")
                .help("ask its issuer for another one");
        }
        Error::new(&code::CREDENTIAL_INVALID, "the token is not accepted").help(
            "it may be of another issuer or for another server; `nexus auth explain --token` says more to who runs this one",
        )
    }

    fn explained(self) -> Error {
        match self {
            Refused::Not(why) => {
                Error::new(&code::CREDENTIAL_INVALID, format!("the token is not accepted: {why}"))
                    .help("`[auth.issuers]` in nexus.toml says whose tokens are")
            }
            Refused::NoKeys(issuer) => Error::new(
                &code::ISSUER_UNAVAILABLE,
                format!("the keys of {issuer} cannot be had, so its tokens cannot be checked"),
            )
            .help("try again in a moment; API keys are accepted meanwhile"),
        }
    }
}

#[cfg(test)]
mod tests;
