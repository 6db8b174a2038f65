//! Sessions: what a caller keeps between calls, whichever channel they come through.
//!
//! A session belongs to a principal and a namespace, holds a JSON object with a version, and ends when nobody has used
//! it for its time to live. Somebody else's session cannot be told from one that never was.
//!
//! Everything is kept in the system's namespace of the store, so a session survives a restart and any number of
//! processes in turn can serve it. A use costs a read; it is written down once a minute at most.

mod decide;
mod merge;
mod operations;
mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nexus_kernel::call::Caller;
use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Namespace, SessionId};
use nexus_kernel::port::StoreError;
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::port::rng::SharedRng;
use nexus_kernel::port::session::{SessionChange, SessionState, Sessions as SessionsPort};
use nexus_kernel::task::Shutdown;
use nexus_kernel::{BoxFuture, Json};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::limits::{SESSION_SWEEP_SECONDS, SESSIONS_PER_CALLER_MAX};
use crate::metrics::declared::ACTIVE_SESSIONS;
use crate::metrics::{Page, Source};
pub(crate) use crate::session::decide::unknown;
use crate::session::record::{Card, Content, card_key, cards_of, content_key, owner};

/// Sessions of which the sweep looks at once.
const SWEEP_CARDS: usize = 256;

/// How often a change is tried when others change the same session at the same time.
const TRIES_MAX: usize = 32;

/// The sessions of a node. Cheap to clone; clones are the same sessions.
#[derive(Clone)]
pub struct Sessions {
    parts: Arc<Parts>,
}

struct Parts {
    store: Arc<dyn Kv>,
    clock: SharedClock,
    rng: SharedRng,
    /// Makes counting and creating one step: a folder has one owner, which is this process.
    creating: Mutex<()>,
    live: AtomicUsize,
}

/// A session with its state.
struct Found {
    card: Card,
    content: Content,
}

/// A stored value with the version that a commit can check.
struct Versioned<T> {
    value: T,
    version: u64,
}

impl nexus_kernel::verb::Part for Sessions {}

impl Source for Sessions {
    fn show<'a>(&'a self, page: &'a mut Page) -> BoxFuture<'a, ()> {
        page.number(&ACTIVE_SESSIONS, &[], self.count());
        Box::pin(std::future::ready(()))
    }
}

impl Sessions {
    /// The sessions that are kept in this store.
    pub fn new(store: Arc<dyn Kv>, clock: SharedClock, rng: SharedRng) -> Sessions {
        let (creating, live) = (Mutex::default(), AtomicUsize::default());
        Sessions { parts: Arc::new(Parts { store, clock, rng, creating, live }) }
    }

    /// How many sessions there are: exact since the last sweep, but for those that have ended after it.
    pub fn count(&self) -> usize {
        self.parts.live.load(Ordering::Relaxed)
    }

    /// Says that a call of this caller belongs to a session, and where the session is. Whatever keeps the session from
    /// being used, it is unknown.
    pub async fn enter(&self, caller: &Caller, id: &SessionId) -> Result<Namespace, Error> {
        let card = self.card(&owner(&caller.identity), id).await?;
        let namespace = card.value.namespace.clone();
        self.touch(card).await?;
        Ok(namespace)
    }

    /// Clears ended sessions away until the shutdown begins.
    pub async fn sweep(self, shutdown: Shutdown) {
        loop {
            match self.sweep_once().await {
                Ok(live) => self.parts.live.store(live, Ordering::Relaxed),
                Err(error) => tracing::warn!(%error, "ended sessions could not be cleared away"),
            }
            let clock = &self.parts.clock;
            let next = clock.sleep_until(clock.now().plus(Duration::from_secs(SESSION_SWEEP_SECONDS)));
            tokio::select! {
                biased;
                () = shutdown.begun() => return,
                () = next => {}
            }
        }
    }

    /// Clears away what has ended, and counts the others.
    async fn sweep_once(&self) -> Result<usize, Error> {
        let (mut live, mut after) = (0, None);
        loop {
            let page = self.cards(record::OF, after.as_deref(), SWEEP_CARDS).await?;
            let Some(last) = page.last() else { return Ok(live) };
            after = Some(last.value.key());
            for card in &page {
                if card.value.is_live(self.parts.clock.now()) {
                    live += 1;
                } else {
                    self.remove(card).await?;
                }
            }
        }
    }

    async fn create(
        &self,
        caller: &Caller,
        namespace: Namespace,
        ttl_ms: u64,
        state: Json,
    ) -> Result<Found, Error> {
        let owner = owner(&caller.identity);
        let _alone = self.parts.creating.lock().await;
        self.make_room(&owner).await?;
        let (id, now) = (SessionId::generate(&*self.parts.rng), self.parts.clock.now());
        let content = Content { owner: owner.clone(), version: 1, state };
        let card = Card { id, owner, namespace, ttl_ms, created: now, used: now, version: 1 };
        let absent = KvCheck { key: content_key(&card.id), version: None };
        if !self.commit(vec![absent], vec![put_card(&card)?, put_content(&card.id, &content)?]).await? {
            return Err(Error::internal("chance made one session id twice"));
        }
        self.parts.live.fetch_add(1, Ordering::Relaxed);
        Ok(Found { card, content })
    }

    /// Refuses a principal who has as many sessions as anybody may have. Ended ones make room at once.
    async fn make_room(&self, owner: &str) -> Result<(), Error> {
        let mut live = 0;
        let cards = self.cards(&cards_of(owner), None, SESSIONS_PER_CALLER_MAX).await?;
        let is_full = cards.len() >= SESSIONS_PER_CALLER_MAX;
        for card in cards.iter().filter(|_| is_full) {
            if card.value.is_live(self.parts.clock.now()) {
                live += 1;
            } else {
                self.remove(card).await?;
            }
        }
        if live < SESSIONS_PER_CALLER_MAX {
            return Ok(());
        }
        let message = format!("there are {live} sessions already, as many as anybody may have");
        Err(Error::new(&code::SESSIONS_MAX, message)
            .help("delete some with `session.delete`, or give new ones a shorter `ttl`"))
    }

    async fn show(&self, caller: &Caller, id: &SessionId) -> Result<Found, Error> {
        let card = self.card(&owner(&caller.identity), id).await?;
        let content = self.content(id).await?;
        let card = self.touch(card).await?;
        Ok(Found { card, content: content.value })
    }

    /// The live sessions of a caller, those used last first.
    async fn list(&self, caller: &Caller) -> Result<Vec<Card>, Error> {
        let owner = owner(&caller.identity);
        let now = self.parts.clock.now();
        let cards = self.cards(&cards_of(&owner), None, SESSIONS_PER_CALLER_MAX).await?;
        let mut cards: Vec<Card> = cards.into_iter().map(|card| card.value).collect();
        cards.retain(|card| card.is_live(now));
        cards.sort_by(|left, right| (right.used, &right.id).cmp(&(left.used, &left.id)));
        Ok(cards)
    }

    async fn update(&self, owner: &str, id: &SessionId, update: &Update) -> Result<Found, Error> {
        for _ in 0..TRIES_MAX {
            let mut card = self.card(owner, id).await?.value;
            let before = self.content(id).await?;
            let content = match &update.change {
                Some(change) => decide::changed(before.value, change, update.version)?,
                None => decide::checked(before.value, update.version)?,
            };
            card.used = self.parts.clock.now();
            card.version = content.version;
            card.ttl_ms = update.ttl_ms.unwrap_or(card.ttl_ms);
            let unchanged = KvCheck { key: content_key(id), version: Some(before.version) };
            if self.commit(vec![unchanged], vec![put_card(&card)?, put_content(id, &content)?]).await? {
                return Ok(Found { card, content });
            }
        }
        Err(Error::new(&code::SESSION_CHANGED, "others change the session all the time")
            .help("try again; with a `version` you learn what it holds meanwhile"))
    }

    async fn delete(&self, caller: &Caller, id: &SessionId) -> Result<(), Error> {
        let card = self.card(&owner(&caller.identity), id).await?;
        if self.remove_whatever(&card.value).await? {
            self.forget_one();
        }
        Ok(())
    }

    fn forget_one(&self) {
        let less = |live: usize| Some(live.saturating_sub(1));
        let _ = self.parts.live.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less); // never refused
    }

    /// Removes a session unless it was used meanwhile.
    async fn remove(&self, card: &Versioned<Card>) -> Result<bool, Error> {
        let unused = KvCheck { key: card.value.key(), version: Some(card.version) };
        self.commit(vec![unused], removal(&card.value)).await
    }

    /// Removes a session, used or not.
    async fn remove_whatever(&self, card: &Card) -> Result<bool, Error> {
        self.commit(Vec::new(), removal(card)).await
    }

    /// Writes a use down when it is worth it. Whoever was faster has written down the same.
    async fn touch(&self, card: Versioned<Card>) -> Result<Card, Error> {
        let (now, unchanged) = (self.parts.clock.now(), card.version);
        let mut card = card.value;
        if !card.is_touch_due(now) {
            return Ok(card);
        }
        card.used = now;
        let check = KvCheck { key: card.key(), version: Some(unchanged) };
        self.commit(vec![check], vec![put_card(&card)?]).await?;
        Ok(card)
    }

    /// A live session of a principal.
    async fn card(&self, owner: &str, id: &SessionId) -> Result<Versioned<Card>, Error> {
        let entry = self.parts.store.kv_get(&Namespace::system(), &card_key(owner, id)).await?;
        let card: Option<Versioned<Card>> = entry.map(read).transpose()?;
        card.filter(|card| card.value.is_live(self.parts.clock.now())).ok_or_else(|| decide::unknown(id))
    }

    async fn content(&self, id: &SessionId) -> Result<Versioned<Content>, Error> {
        let entry = self.parts.store.kv_get(&Namespace::system(), &content_key(id)).await?;
        entry.map(read).transpose()?.ok_or_else(|| decide::unknown(id))
    }

    async fn cards(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Versioned<Card>>, Error> {
        let page = self.parts.store.kv_list(&Namespace::system(), prefix, after, limit).await?;
        page.into_iter().map(read).collect()
    }

    /// Whether the checks held and everything was written.
    async fn commit(&self, checks: Vec<KvCheck>, writes: Vec<KvWrite>) -> Result<bool, Error> {
        match self.parts.store.kv_commit(&Namespace::system(), checks, writes).await? {
            KvCommit::Committed { .. } => Ok(true),
            KvCommit::Conflict { .. } => Ok(false),
        }
    }

    /// The session that a run carries, and whose it is.
    async fn carried(&self, namespace: &Namespace, id: &SessionId) -> Result<Found, Error> {
        let content = self.content(id).await?.value;
        let card = self.card(&content.owner, id).await?;
        if card.value.namespace != *namespace {
            return Err(decide::unknown(id));
        }
        Ok(Found { card: self.touch(card).await?, content })
    }
}

/// What is to become of a session.
struct Update {
    change: Option<SessionChange>,
    version: Option<u64>,
    ttl_ms: Option<u64>,
}

impl SessionsPort for Sessions {
    fn get(
        &self,
        namespace: &Namespace,
        session: &SessionId,
    ) -> BoxFuture<'static, Result<SessionState, Error>> {
        let (sessions, namespace, id) = (self.clone(), namespace.clone(), session.clone());
        Box::pin(async move { Ok(sessions.carried(&namespace, &id).await?.into()) })
    }

    fn update(
        &self,
        namespace: &Namespace,
        session: &SessionId,
        change: SessionChange,
        version: Option<u64>,
    ) -> BoxFuture<'static, Result<SessionState, Error>> {
        let (sessions, namespace, id) = (self.clone(), namespace.clone(), session.clone());
        Box::pin(async move {
            let owner = sessions.carried(&namespace, &id).await?.card.owner;
            let update = Update { change: Some(change), version, ttl_ms: None };
            Ok(Sessions::update(&sessions, &owner, &id, &update).await?.into())
        })
    }
}

impl From<Found> for SessionState {
    fn from(found: Found) -> SessionState {
        SessionState { state: found.content.state, version: found.content.version }
    }
}

fn read<T: DeserializeOwned>(entry: KvEntry) -> Result<Versioned<T>, Error> {
    let KvEntry { key, value, version } = entry;
    let value = serde_json::from_value(value)
        .map_err(|error| StoreError::Damaged(format!("the session under {key} cannot be read: {error}")))?;
    Ok(Versioned { value, version })
}

fn put_card(card: &Card) -> Result<KvWrite, Error> {
    let value = serde_json::to_value(card).map_err(|error| Error::internal(error.to_string()))?;
    Ok(KvWrite::Put { key: card.key(), value })
}

fn put_content(id: &SessionId, content: &Content) -> Result<KvWrite, Error> {
    let value = serde_json::to_value(content).map_err(|error| Error::internal(error.to_string()))?;
    Ok(KvWrite::Put { key: content_key(id), value })
}

fn removal(card: &Card) -> Vec<KvWrite> {
    vec![KvWrite::Delete { key: card.key() }, KvWrite::Delete { key: content_key(&card.id) }]
}
