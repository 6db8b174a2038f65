//! Where an issuer's keys come from, and when they are asked for anew.
//!
//! Keys that are known are used while fresh ones are fetched; a provider that is down does no harm for a day. Tokens with
//! unknown keys make one request in half a minute at most, however many of them come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::time::Timestamp;
use nexus_kernel::{BoxFuture, Json, json, task};
use tokio::sync::Mutex;

use super::key_set::KeySet;

/// How long keys are used before fresh ones are fetched, where their server does not say.
const FRESH: Duration = Duration::from_hours(1);

/// The shortest and the longest such time, whatever the server says.
const FRESH_MIN: Duration = Duration::from_mins(5);
const FRESH_MAX: Duration = Duration::from_hours(24);

/// How long keys are used when no fresh ones can be had.
const STALE_MAX: Duration = Duration::from_hours(24);

/// The shortest time between two requests for keys.
const PAUSE: Duration = Duration::from_secs(30);

/// The same while there are no keys at all: nobody can be let in.
const PAUSE_WITHOUT: Duration = Duration::from_secs(2);

/// Asks identity providers for public documents.
pub trait Fetch: Send + Sync {
    /// The document at this address. Errors: in words, for the log.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Fetched, String>>;
}

/// A public document.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its bytes.
    pub body: Vec<u8>,
    /// How long it may be kept, where that was said.
    pub fresh: Option<Duration>,
}

/// Where keys are.
#[derive(Debug, Clone)]
pub enum KeysAt {
    /// Here.
    Here(KeySet),
    /// In the JWK set at this address.
    Url(String),
    /// Where the issuer's metadata say (`OpenID` Connect Discovery 1.0, 4).
    Discovered,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// The issuer has none that the token could mean.
    Unknown,
    /// The issuer's keys cannot be had.
    Unavailable,
}

/// The keys of one issuer. Cheap to clone; clones are the same keys.
#[derive(Clone)]
pub struct KeySource(Arc<Parts>);

struct Parts {
    issuer: String,
    at: KeysAt,
    fetch: Arc<dyn Fetch>,
    clock: SharedClock,
    held: RwLock<Held>,
    /// Grows whenever the keys change.
    version: AtomicU64,
    /// One request at a time.
    fetching: Mutex<()>,
}

#[derive(Clone, Default)]
struct Held {
    keys: Option<Arc<KeySet>>,
    document: Json,
    fetched: Option<Timestamp>,
    fresh: Duration,
    asked: Option<Timestamp>,
}

impl KeySource {
    /// Keys of this issuer.
    pub fn new(issuer: &str, at: KeysAt, fetch: Arc<dyn Fetch>, clock: SharedClock) -> KeySource {
        let held = match &at {
            KeysAt::Here(keys) => Held { keys: Some(Arc::new(keys.clone())), ..Held::default() },
            KeysAt::Url(_) | KeysAt::Discovered => Held::default(),
        };
        KeySource(Arc::new(Parts {
            issuer: issuer.to_owned(),
            at,
            fetch,
            clock,
            held: RwLock::new(held),
            version: AtomicU64::default(),
            fetching: Mutex::default(),
        }))
    }

    /// Which keys these are: another number, other keys. Asks for fresh ones in the background when it is time. `None` when
    /// they are too old to be used.
    pub fn version(&self) -> Option<u64> {
        let (held, now) = (self.held(), self.0.clock.now());
        if self.is_due(&held, now) {
            let source = self.clone();
            drop(task::spawn(async move { source.refresh().await }));
        }
        self.is_usable(&held, now).then(|| self.0.version.load(Ordering::Acquire))
    }

    /// The key that a token means.
    pub async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, NoKey> {
        if let Ok(key) = self.find(id, algorithm) {
            self.version();
            return Ok(key);
        }
        if !matches!(self.0.at, KeysAt::Here(_)) {
            self.refresh().await;
        }
        self.find(id, algorithm)
    }

    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, NoKey> {
        let held = self.held();
        let keys = held.keys.as_ref().filter(|_| self.is_usable(&held, self.0.clock.now()));
        keys.ok_or(NoKey::Unavailable)?.find(id, algorithm).cloned().ok_or(NoKey::Unknown)
    }

    fn held(&self) -> Held {
        self.0.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_usable(&self, held: &Held, now: Timestamp) -> bool {
        match (&self.0.at, held.fetched) {
            (KeysAt::Here(_), _) => true,
            (_, Some(fetched)) => now.since(fetched) < held.fresh + STALE_MAX,
            (_, None) => false,
        }
    }

    fn is_due(&self, held: &Held, now: Timestamp) -> bool {
        let is_old = held.fetched.is_some_and(|at| has_passed(at, held.fresh, now));
        is_old && may_ask(held, now) && !matches!(self.0.at, KeysAt::Here(_))
    }

    /// Fetches the keys, unless that was tried a moment ago.
    async fn refresh(&self) {
        let _alone = self.0.fetching.lock().await;
        let now = self.0.clock.now();
        if !may_ask(&self.held(), now) {
            return;
        }
        self.0.held.write().unwrap_or_else(PoisonError::into_inner).asked = Some(now);
        match self.fetch().await {
            Ok((document, keys, fresh)) => self.keep(document, keys, fresh),
            Err(why) => {
                tracing::warn!(issuer = self.0.issuer, why, "the keys of an issuer of tokens cannot be had");
            }
        }
    }

    fn keep(&self, document: Json, keys: KeySet, fresh: Duration) {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        (held.fetched, held.fresh) = (Some(self.0.clock.now()), fresh);
        if held.keys.is_none() || held.document != document {
            (held.keys, held.document) = (Some(Arc::new(keys)), document);
            self.0.version.fetch_add(1, Ordering::AcqRel);
        }
    }

    async fn fetch(&self) -> Result<(Json, KeySet, Duration), String> {
        let url = match &self.0.at {
            KeysAt::Url(url) => url.clone(),
            KeysAt::Discovered | KeysAt::Here(_) => self.discover().await?,
        };
        let fetched = self.0.fetch.fetch(&url).await?;
        let document = read(&fetched.body)?;
        let keys = KeySet::parse(&document)?;
        let fresh = fetched.fresh.unwrap_or(FRESH).clamp(FRESH_MIN, FRESH_MAX);
        Ok((document, keys, fresh))
    }

    async fn discover(&self) -> Result<String, String> {
        let url = format!("{}/.well-known/openid-configuration", self.0.issuer.trim_end_matches('/'));
        let metadata = read(&self.0.fetch.fetch(&url).await?.body)?;
        if metadata.get("issuer").and_then(Json::as_str) != Some(&self.0.issuer) {
            return Err(format!("{url} is about another issuer"));
        }
        let keys = metadata.get("jwks_uri").and_then(Json::as_str);
        keys.map(ToOwned::to_owned).ok_or_else(|| format!("{url} names no jwks_uri"))
    }
}

fn read(bytes: &[u8]) -> Result<Json, String> {
    json::read(bytes).map_err(|error| format!("what it sent is no JSON: {error}"))
}

/// Whether keys may be asked for now: not twice in a moment. A clock that was set back does not make that moment longer.
fn may_ask(held: &Held, now: Timestamp) -> bool {
    let pause = if held.keys.is_some() { PAUSE } else { PAUSE_WITHOUT };
    held.asked.is_none_or(|asked| has_passed(asked, pause, now))
}

fn has_passed(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    now < since || now.since(since) >= time
}
