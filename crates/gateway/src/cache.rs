//! Answers from memory: a workflow that opted in is carried out once, and its answer given again while it is good.
//!
//! Three things keep an answer from where it must not be. Its key holds whose it is, what code made it and what was asked.
//! Every tag that it has, it has with the tag's generation at the moment when the work began, so that forgetting is one
//! number and an answer made before it is never given after it. And what is good is decided from the rule as it is now.
//!
//! What is in memory is found at once; what is not may be in Redis, where one is configured and other servers put it, or in
//! the store, which survives a restart. Calls that ask the same at the same time are one piece of work.

mod common;
mod decide;
mod entry;
mod flight;
mod key;
mod level;
mod memory;
mod operations;
mod record;
mod renewal;
mod replicas;
mod stored;
mod tags;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use nexus_kernel::cache::{CacheRule, CacheUse, Cached, Level};
use nexus_kernel::call::{Answer, CallContext, RunNote, Wait};
use nexus_kernel::error::Error;
use nexus_kernel::operation::{Effect, Operation};
use nexus_kernel::port::clock::SharedClock;
use nexus_kernel::port::kv::Kv;
use nexus_kernel::port::seal::Seal;
use nexus_kernel::task::Shutdown;
use nexus_kernel::{BoxFuture, Json, task};
use tokio::sync::{Semaphore, oneshot};

use crate::limits::{
    CACHE_ENTRY_BYTES_MAX, CACHE_JOINS_MAX, CACHE_MEMORY_MIB, CACHE_STORE_MIB, CACHE_SWEEP_MINUTES,
    CACHE_WRITES_MAX,
};
use crate::redis::Redis;
use common::{Agreement, Common, Standing};
use decide::State;
use entry::{Entry, Kept};
use flight::{Boarding, Flight, Flights, Lead};
use key::Key;
use level::CacheLevel;
use memory::Memory;
pub(crate) use renewal::Renewal;
use renewal::Renewals;
use replicas::Replicas;
use stored::Stored;
use tags::{Generations, TagId};
use tally::Tally;

/// How much is kept where. Nothing, where there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheOptions {
    /// Room in memory.
    pub memory_bytes_max: usize,
    /// Room in the store.
    pub store_bytes_max: u64,
}

impl Default for CacheOptions {
    fn default() -> CacheOptions {
        let memory_bytes_max = usize::try_from(CACHE_MEMORY_MIB << 20).unwrap_or(usize::MAX);
        CacheOptions { memory_bytes_max, store_bytes_max: CACHE_STORE_MIB << 20 }
    }
}

/// Answers that were made before. Cheap to clone.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    memory: Memory,
    /// What is slower and survives more, the fastest first.
    below: Vec<Arc<dyn CacheLevel>>,
    stored: Option<Arc<Stored>>,
    generations: Generations,
    /// What servers agree on; nothing where this one shares with nobody.
    agreement: Option<Agreement>,
    flights: Flights,
    renewals: Renewals,
    /// Answers on their way to the levels below.
    writes: Arc<Semaphore>,
    tally: Tally,
    clock: SharedClock,
}

/// What a call may be answered from, and with.
pub(crate) struct Asked {
    rule: Arc<CacheRule>,
    key: Key,
    wanted: CacheUse,
    wait: Wait,
}

/// Whether a call may be answered from memory.
pub(crate) enum Ask {
    /// It asks for work of its own.
    Pass,
    /// It may.
    Look(Asked),
}

/// What was found for a call.
pub(crate) enum Look {
    /// An answer, and leave to make a new one when it is past its time and nobody makes one yet.
    Found(Box<Answer>, Option<Renewal>),
    /// Nothing; the call is to do the work, for all who ask the same.
    Lead(Lead),
}

/// What a call that does work knows when it stops waiting.
enum Waited<T> {
    Over(T),
    /// The time is up, and the run goes on.
    Open(Box<Answer>),
}

impl Cache {
    /// Answers kept in memory and in this store.
    pub fn new(store: Arc<dyn Kv>, clock: SharedClock, options: CacheOptions) -> Cache {
        Cache::with(store, clock, options, None)
    }

    /// Answers kept in memory, in this Redis and in this store.
    pub fn shared(
        store: Arc<dyn Kv>,
        clock: SharedClock,
        options: CacheOptions,
        (redis, seal): (Redis, Option<Arc<dyn Seal>>),
    ) -> Cache {
        Cache::with(store, clock, options, Some((redis, seal)))
    }

    fn with(
        store: Arc<dyn Kv>,
        clock: SharedClock,
        options: CacheOptions,
        shared: Option<(Redis, Option<Arc<dyn Seal>>)>,
    ) -> Cache {
        let stored = (options.store_bytes_max > 0)
            .then(|| Arc::new(Stored::new(Arc::clone(&store), options.store_bytes_max)));
        let redis = shared.as_ref().map(|(redis, _)| redis.clone());
        let replicas = shared.map(|(redis, seal)| Replicas::new(redis, Arc::clone(&clock), seal));
        let levels = replicas.map(|replicas| Arc::new(replicas) as Arc<dyn CacheLevel>).into_iter();
        let below = levels.chain(stored.iter().map(|stored| Arc::clone(stored) as Arc<dyn CacheLevel>));
        Cache(Arc::new(Inner {
            memory: Memory::new(options.memory_bytes_max),
            below: below.collect(),
            stored,
            generations: Generations::new(store),
            agreement: redis.map(Agreement),
            flights: Flights::default(),
            renewals: Renewals::default(),
            writes: Arc::new(Semaphore::new(CACHE_WRITES_MAX)),
            tally: Tally::default(),
            clock,
        }))
    }

    /// Whether a call may be answered from memory. Nothing for operations that did not opt in.
    pub(crate) fn ask(&self, operation: &Operation, input: &Json, context: &CallContext) -> Option<Ask> {
        let rule = operation.contract.cache.as_ref().filter(|_| operation.effect != Effect::Write)?;
        let has_own = context.idempotency_key.is_some()
            || context.workflow_id.is_some()
            || context.session.is_some()
            || context.wait == Wait::Accepted
            || context.cache == CacheUse::Never;
        if has_own {
            self.0.tally.count(Cached::Passed);
            return Some(Ask::Pass);
        }
        Some(Ask::Look(Asked {
            rule: Arc::clone(rule),
            key: Key::of(operation, rule, &context.caller, input),
            wanted: context.cache,
            wait: context.wait,
        }))
    }

    /// Finds an answer, or makes the caller the one who does the work. Waits for somebody who does it already.
    pub(crate) async fn look(&self, asked: &Asked, operation: &Operation, input: &Json) -> Look {
        if let Some(found) = self.in_memory(asked, &Common::unasked(self.0.agreement.as_ref())).await {
            return found;
        }
        // What is in memory is found without them.
        let tags = tags::of(operation, &asked.rule, input);
        let common = match &self.0.agreement {
            Some(agreement) => agreement.read(tags.iter().map(TagId::shared)).await,
            None => Common::Alone,
        };
        let mut failed = 0;
        loop {
            let may_join = asked.wanted != CacheUse::Renew && failed < CACHE_JOINS_MAX;
            match self.0.flights.board(&asked.key, may_join, &common) {
                Boarding::Lead(lead) => return self.prepare(asked, &tags, lead).await,
                Boarding::Join(flight) => match self.ride(asked, &flight).await {
                    Some(answer) => return Look::Found(Box::new(answer), None),
                    None => failed += 1,
                },
            }
        }
    }

    async fn in_memory(&self, asked: &Asked, common: &Common) -> Option<Look> {
        if asked.wanted == CacheUse::Renew {
            return None;
        }
        let kept = self.0.memory.get(&asked.key)?;
        match self.standing(&kept, common).await {
            Standing::Good => self.given(asked, &kept, Level::Memory),
            Standing::Void => {
                self.0.memory.remove(&asked.key);
                None
            }
            Standing::Unknown => None,
        }
    }

    /// Whether a kept answer is still good, here and for all servers.
    async fn standing(&self, kept: &Kept, common: &Common) -> Standing {
        let standing = match &self.0.agreement {
            Some(agreement) => agreement.stands(&kept.entry, common).await,
            // Others may have forgotten it while this server shared with them.
            None if kept.entry.shared().next().is_some() => Standing::Void,
            None => Standing::Good,
        };
        if standing == Standing::Good && !kept.is_current() { Standing::Void } else { standing }
    }

    /// The answer that something kept is for this call; nothing when it is too old for it.
    fn given(&self, asked: &Asked, kept: &Kept, level: Level) -> Option<Look> {
        let state = decide::state(kept.entry.made, self.0.clock.now(), &asked.rule, asked.wanted);
        let (cached, renewal) = match state {
            State::Gone => return None,
            State::Fresh { age, left } => (Cached::Hit { level, age, left }, None),
            State::Stale { age, late } => {
                (Cached::Stale { level, age, late }, self.0.renewals.begin(&asked.key))
            }
        };
        self.0.tally.count(cached);
        Some(Look::Found(Box::new(kept.entry.answer(cached)), renewal))
    }

    /// What whoever leads does before the work: looks once more, and below.
    async fn prepare(&self, asked: &Asked, tags: &[TagId], lead: Lead) -> Look {
        if let Some(found) = self.in_memory(asked, lead.common()).await {
            return found;
        }
        match self.0.generations.stamps(tags).await {
            Ok(stamps) => lead.begin(stamps),
            // Without them nobody could tell later whether the answer is still good: it is not kept.
            Err(error) => {
                tracing::warn!(%error, "the tags of an answer could not be read");
                return Look::Lead(lead);
            }
        }
        if asked.wanted == CacheUse::Renew {
            return Look::Lead(lead);
        }
        for (index, below) in self.0.below.iter().enumerate() {
            let Some(kept) = self.find_below(asked, &**below, lead.common()).await else { continue };
            let kept = Arc::new(kept);
            let Some(found) = self.given(asked, &kept, below.level()) else { continue };
            for above in self.0.below.iter().take(index) {
                above.put(&asked.key, &kept.entry, decide::ends(kept.entry.made, &asked.rule)).await;
            }
            self.land(asked, lead, Some(&kept));
            return found;
        }
        Look::Lead(lead)
    }

    async fn find_below(&self, asked: &Asked, below: &dyn CacheLevel, common: &Common) -> Option<Kept> {
        // While Redis is away nobody can tell whether what is kept is still good.
        let entry = if common.is_known() { below.get(&asked.key).await? } else { return None };
        let tags: Vec<TagId> = entry.own().map(|(tag, _)| tag.clone()).collect();
        let stamps = self.0.generations.stamps(&tags).await.ok()?;
        let kept = Kept::of(entry, stamps)?;
        (self.standing(&kept, common).await == Standing::Good).then_some(kept)
    }

    /// Waits for work that somebody else does. Nothing when it fails, or when what it gives is not for this call.
    async fn ride(&self, asked: &Asked, flight: &Arc<Flight>) -> Option<Answer> {
        let mut answer = match self.wait(asked.wait, flight.landed(), flight.run()).await {
            Waited::Over(landed) => {
                let kept = landed?;
                let now = self.0.clock.now();
                if decide::state(kept.entry.made, now, &asked.rule, asked.wanted) == State::Gone {
                    return None;
                }
                kept.entry.answer(Cached::Joined)
            }
            Waited::Open(answer) => *answer,
        };
        self.0.tally.count(Cached::Joined);
        answer.cached = Some(Cached::Joined);
        Some(answer)
    }

    /// Does the work of a call that leads. It goes on when the caller goes away: others may wait for it. Its run is noted
    /// at the lead; the caller's own note is told of it.
    pub(crate) async fn carry_out(
        &self,
        asked: Asked,
        lead: Lead,
        own: &RunNote,
        work: BoxFuture<'static, Result<Answer, Error>>,
    ) -> Result<Answer, Error> {
        let (sender, done) = oneshot::channel();
        let (cache, wait, run) = (self.clone(), asked.wait, lead.run().clone());
        drop(task::spawn(async move {
            let result = work.await;
            let kept = result.as_ref().ok().and_then(|answer| cache.kept(answer, &lead));
            let is_kept = cache.land(&asked, lead, kept.as_ref());
            let result = result.map(|answer| Answer { cached: Some(Cached::Miss { is_kept }), ..answer });
            cache.0.tally.count(Cached::Miss { is_kept });
            let _ = sender.send(result); // a caller who has gone away needs no answer
            if let Some(kept) = kept.filter(|_| is_kept) {
                cache.keep_below(&asked, &kept.entry).await;
            }
        }));
        let telling = async {
            own.note(run.noted().await);
            std::future::pending().await
        };
        let waited = tokio::select! {
            biased;
            waited = self.wait(wait, done, &run) => waited,
            never = telling => never,
        };
        match waited {
            Waited::Over(result) => {
                result.unwrap_or_else(|_| Err(Error::internal("the work of a call ended without an answer")))
            }
            Waited::Open(answer) => Ok(Answer { cached: Some(Cached::Miss { is_kept: false }), ..*answer }),
        }
    }

    /// What others may be given of an answer: nothing, unless the work ended well.
    fn kept(&self, answer: &Answer, lead: &Lead) -> Option<Arc<Kept>> {
        let stamps = lead.stamps().filter(|_| decide::is_answer(answer))?;
        let entry = Entry::of(answer, self.0.clock.now(), stamps, lead.common());
        Some(Arc::new(Kept { entry, stamps: stamps.to_vec() }))
    }

    /// Gives those who wait what the work gave, and keeps it when it is still good and nobody has begun anew.
    fn land(&self, asked: &Asked, lead: Lead, kept: Option<&Arc<Kept>>) -> bool {
        let is_small = |kept: &Kept| kept.entry.bytes <= CACHE_ENTRY_BYTES_MAX;
        let is_known = lead.common().is_known();
        let to_keep = kept.filter(|kept| is_known && kept.is_current() && is_small(kept));
        let memory = &self.0.memory;
        lead.land(kept.cloned(), || to_keep.map(|kept| memory.put(asked.key, Arc::clone(kept))).is_some())
    }

    async fn keep_below(&self, asked: &Asked, entry: &Entry) {
        let Ok(_permit) = self.0.writes.try_acquire() else { return };
        for below in &self.0.below {
            below.put(&asked.key, entry, decide::ends(entry.made, &asked.rule)).await;
        }
    }

    /// Waits as long as a caller wants to. When that is over the run is their answer so far.
    async fn wait<T>(&self, wait: Wait, over: impl Future<Output = T>, run: &RunNote) -> Waited<T> {
        let Wait::AtMost(limit) = wait else { return Waited::Over(over.await) };
        let deadline = self.0.clock.sleep_until(self.0.clock.now().plus(limit));
        tokio::pin!(over);
        tokio::select! {
            biased;
            over = over.as_mut() => return Waited::Over(over),
            () = deadline => {}
        }
        tokio::select! {
            biased;
            over = over => Waited::Over(over),
            run = run.noted() => {
                Waited::Open(Box::new(Answer { run: Some(run.clone()), ..Answer::of(Json::Null) }))
            }
        }
    }

    /// Forgets all answers that have one of these tags, on all servers. Those that are being made now are not kept either.
    async fn forget(&self, tags: &[TagId]) -> Result<(), Error> {
        self.0.generations.renew(tags, self.0.clock.now()).await?;
        match &self.0.agreement {
            Some(agreement) => agreement.renew(tags).await,
            None => Ok(()),
        }
    }

    /// Removes what is over from the store, until the shutdown.
    pub async fn sweep(self, shutdown: Shutdown) {
        loop {
            self.clean().await;
            let next = self.0.clock.now().plus(Duration::from_mins(CACHE_SWEEP_MINUTES));
            tokio::select! {
                biased;
                () = shutdown.begun() => return,
                () = self.0.clock.sleep_until(next) => {}
            }
        }
    }

    async fn clean(&self) {
        let now = self.0.clock.now();
        if let Some(stored) = &self.0.stored {
            stored.clean(now).await;
        }
        if let Err(error) = self.0.generations.clean(now).await {
            tracing::warn!(%error, "old tags of answers could not be forgotten");
        }
    }
}
