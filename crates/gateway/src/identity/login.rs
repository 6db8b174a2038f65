//! Logins of people in browsers: authorisation code with PKCE (RFC 7636), and a cookie that stands for the token.
//!
//! The token stays here, sealed with the cookie, and every request has it verified as if it had been shown: a login is
//! never good for more than its token is. What is in memory is what is stored, as with API keys.

mod begun;
mod finish;
mod origin;
mod provider;
mod record;
mod renew;
mod seal;
mod site;

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError, RwLock};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::call::{Caller, Proof};
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::blob::Hash;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvEntry, KvWrite};
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::task::Shutdown;
use nexus_kernel::time::Timestamp;
use tokio::sync::Mutex;

pub(crate) use finish::{Brought, LoggedIn};
pub(crate) use origin::{Asked, Standing};
pub use provider::{ClientSpec, Desk, Posted};
pub(crate) use provider::{encoded, is_short};
pub(crate) use site::{Cookie, Site};

use super::token::Tokens;
use crate::limits::{LOGIN_SWEEP_MINUTES, LOGINS_MAX, LOGINS_PER_CALLER_MAX};
use begun::Begun;
use provider::Client;
use record::{Kept, LoginRecord};

/// What the keys of the store begin with under which logins are kept.
const AT: &str = "login/";

/// How many are read from the store at a time.
const PAGE: usize = 500;

/// The logins of browsers. Cheap to clone; clones are the same logins.
#[derive(Clone)]
pub struct Logins(Arc<Parts>);

struct Parts {
    store: Arc<dyn Kv>,
    desk: Arc<dyn Desk>,
    tokens: Tokens,
    clock: SharedClock,
    rng: SharedRng,
    clients: RwLock<Arc<[Arc<Client>]>>,
    begun: Lock<Begun>,
    known: RwLock<HashMap<Hash, Known>>,
    /// Lets one login after the other be added.
    adding: Mutex<()>,
}

/// A login, and when it was tried in vain to renew it.
#[derive(Clone)]
struct Known {
    record: Arc<LoginRecord>,
    renewing: Arc<Mutex<Option<Timestamp>>>,
}

impl Logins {
    /// No logins, until providers are named and those of the store are read.
    pub fn new(
        store: Arc<dyn Kv>,
        desk: Arc<dyn Desk>,
        tokens: Tokens,
        (clock, rng): (SharedClock, SharedRng),
    ) -> Logins {
        let clients = RwLock::new(Arc::from([]));
        let (begun, known, adding) = (Lock::default(), RwLock::default(), Mutex::default());
        Logins(Arc::new(Parts { store, desk, tokens, clock, rng, clients, begun, known, adding }))
    }

    /// Reads those that were made before this server was started.
    pub async fn load(&self) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let page = self.0.store.kv_list(&Namespace::system(), AT, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.key.clone());
            let read = page.into_iter().filter_map(read);
            self.write().extend(read.map(|(hash, record)| (hash, Known::of(record))));
        }
    }

    /// Lets people log in at these providers, from now on and nowhere else.
    pub fn follow(&self, specs: Vec<ClientSpec>) {
        let clients = specs.into_iter().map(|spec| Arc::new(Client::new(spec))).collect();
        *self.0.clients.write().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    fn clients(&self) -> Arc<[Arc<Client>]> {
        Arc::clone(&self.0.clients.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn client(&self, name: &str) -> Option<Arc<Client>> {
        self.clients().iter().find(|client| client.spec.name == name).cloned()
    }

    /// What the providers are called.
    pub(crate) fn names(&self) -> Vec<String> {
        self.clients().iter().map(|client| client.spec.name.clone()).collect()
    }

    /// Whether there is any.
    pub(crate) fn is_offered(&self) -> bool {
        !self.clients().is_empty()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Hash, Known>> {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The login under a hash, while it may be good for something.
    fn live(&self, hash: &Hash) -> Option<Known> {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()?;
        let is_live = known.record.is_live(self.0.clock.now());
        (is_live && self.client(&known.record.issuer).is_some()).then_some(known)
    }

    /// Whether a cookie is one of a login.
    pub(crate) fn knows(&self, secret: &str) -> bool {
        self.live(&Hash::of(secret.as_bytes())).is_some()
    }

    /// Whether the login that somebody came with is still there.
    pub(super) fn vouches(&self, login: &str) -> bool {
        Hash::parse(login).is_some_and(|hash| self.live(&hash).is_some())
    }

    /// Who a cookie proves its browser to be of. Nobody when it is of no login: browsers show what they have, whether or
    /// not it is good for anything.
    pub(super) async fn caller(&self, secret: &str) -> Result<Option<Caller>, Error> {
        let hash = Hash::of(secret.as_bytes());
        let Some(known) = self.live(&hash) else { return Ok(None) };
        let Some(record) = self.renewed(&hash, secret, known).await? else { return Ok(None) };
        let Some(kept) = opened(secret, &hash, &record) else { return Ok(None) };
        match self.0.tokens.caller(&kept.token).await {
            Ok(caller) => {
                Ok(Some(caller).filter(|it| *it.identity == *record.who).map(|it| logged_in(it, &hash)))
            }
            Err(error) if error.code() == &code::CREDENTIAL_INVALID => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ends a login. It is good for nothing as soon as this is answered.
    pub(crate) async fn end(&self, login: &str) -> Result<(), Error> {
        let Some(hash) = Hash::parse(login) else { return Ok(()) };
        self.write().remove(&hash);
        self.delete([hash]).await
    }

    /// The same for the login of a cookie.
    pub(crate) async fn end_of(&self, secret: &str) -> Result<(), Error> {
        self.end(Hash::of(secret.as_bytes()).as_str()).await
    }

    async fn delete(&self, hashes: impl IntoIterator<Item = Hash>) -> Result<(), Error> {
        let writes: Vec<_> = hashes.into_iter().map(|hash| KvWrite::Delete { key: key_of(&hash) }).collect();
        if !writes.is_empty() {
            self.0.store.kv_commit(&Namespace::system(), Vec::new(), writes).await?;
        }
        Ok(())
    }

    async fn put(&self, hash: &Hash, record: &LoginRecord) -> Result<(), Error> {
        let value = serde_json::to_value(record).map_err(|error| Error::internal(error.to_string()))?;
        let writes = vec![KvWrite::Put { key: key_of(hash), value }];
        self.0.store.kv_commit(&Namespace::system(), Vec::new(), writes).await?;
        Ok(())
    }

    /// Makes room for one more login of somebody. Tells whose room it is.
    async fn make_room(&self, who: &str) -> Result<(), Error> {
        self.forget().await?;
        let (oldest, is_full) = {
            let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
            let theirs = known.iter().filter(|(_, known)| known.record.who == who);
            let mut theirs: Vec<_> =
                theirs.map(|(hash, known)| (known.record.created, hash.clone())).collect();
            theirs.sort();
            let surplus = (theirs.len() + 1).saturating_sub(LOGINS_PER_CALLER_MAX);
            let oldest: Vec<Hash> = theirs.into_iter().take(surplus).map(|(_, hash)| hash).collect();
            (oldest, known.len() >= LOGINS_MAX)
        };
        if is_full && oldest.is_empty() {
            return Err(Error::new(&code::OVERLOADED, format!("{LOGINS_MAX} people are logged in already"))
                .help("try again when some have logged out"));
        }
        self.write().retain(|hash, _| !oldest.contains(hash));
        self.delete(oldest).await
    }

    /// Removes those that are over, until the shutdown.
    pub async fn sweep(self, shutdown: Shutdown) {
        loop {
            if let Err(error) = self.forget().await {
                tracing::warn!(%error, "logins that are over could not be removed");
            }
            let next = self.0.clock.now().plus(Duration::from_secs(LOGIN_SWEEP_MINUTES * 60));
            tokio::select! {
                biased;
                () = shutdown.begun() => return,
                () = self.0.clock.sleep_until(next) => {}
            }
        }
    }

    async fn forget(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let over: Vec<Hash> = {
            let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
            let over = known.iter().filter(|(_, known)| !known.record.is_live(now));
            over.map(|(hash, _)| hash.clone()).collect()
        };
        self.write().retain(|_, known| known.record.is_live(now));
        self.delete(over).await
    }
}

impl Known {
    fn of(record: LoginRecord) -> Known {
        Known { record: Arc::new(record), renewing: Arc::default() }
    }
}

fn key_of(hash: &Hash) -> String {
    format!("{AT}{hash}")
}

/// A login of the store. What cannot be read is none: whoever had it logs in again.
fn read(entry: KvEntry) -> Option<(Hash, LoginRecord)> {
    let hash = Hash::parse(entry.key.strip_prefix(AT)?)?;
    Some((hash, serde_json::from_value(entry.value).ok()?))
}

/// The tokens of a login.
fn opened(secret: &str, hash: &Hash, record: &LoginRecord) -> Option<Kept> {
    let text = seal::open(secret, hash.as_str(), &record.sealed)?;
    serde_json::from_str(&text).ok()
}

/// A caller who came with a login.
fn logged_in(mut caller: Caller, hash: &Hash) -> Caller {
    if let Proof::Token { login, .. } = &mut caller.proof {
        *login = Some(hash.as_str().into());
    }
    caller
}

/// Whose token it is, among issuers, and when it ends.
fn source_of(caller: &Caller) -> Option<(&str, Timestamp)> {
    match &caller.proof {
        Proof::Token { expires, entitled, .. } => Some((&entitled.given.source, *expires)),
        _ => None,
    }
}

/// Tokens as they are kept.
fn sealed(secret: &str, hash: &Hash, kept: &Kept, rng: &SharedRng) -> Result<String, Error> {
    let text = serde_json::to_value(kept).map(|value: Json| value.to_string());
    let text = text.map_err(|error| Error::internal(error.to_string()))?;
    seal::seal(secret, hash.as_str(), &text, &**rng)
        .ok_or_else(|| Error::internal("the tokens of a login could not be sealed"))
}
