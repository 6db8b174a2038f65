//! A store that fails when it is told to: before a call has happened, after it, or half-way.
//!
//! After its first failure it answers nothing more, as the contract of the ports asks: a failed write stops the world.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::BoxFuture;
use crate::id::{Key, Namespace, RunId};
use crate::port::blob::{Blobs, Hash};
use crate::port::event::{Appended, Event, EventPage, EventQuery, Events, Fact, Prune};
use crate::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use crate::port::log::{Append, Epoch, LiveKey, Log, Refused, Stored, Trim};
use crate::port::runs::{RunRow, Runs, UsedAttribute};
use crate::port::usage::Usage;
use crate::port::{SharedStore, StoreError};
use crate::visibility::{Group, RunCount, RunQuery};

/// A call of a store's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A claim.
    Acquire,
    /// An append of so many records.
    Append(usize),
    /// Records of a key.
    Read,
    /// Keys with work to do.
    Live,
    /// Rows of the list of runs.
    Runs,
    /// Anything about key-value pairs.
    Kv,
    /// Anything about events.
    Events,
    /// Bytes kept.
    BlobPut,
    /// Bytes read.
    BlobGet,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Works,
    /// Nothing of it happens, and it fails.
    FailsBefore,
    /// It happens, and it fails: the acknowledgement is lost.
    FailsAfter,
    /// Of an append the records happen whose bits are set; it fails. Other calls fail before.
    FailsTorn(u64),
    /// Nothing of an append happens, and it answers as if it had: what no store may do. Other calls work.
    Lies,
}

/// The fate of one call.
pub struct Fate {
    /// What the call waits for before anything happens.
    pub before: Option<BoxFuture<'static, ()>>,
    /// What happens.
    pub verdict: Verdict,
    /// What the answer waits for.
    pub after: Option<BoxFuture<'static, ()>>,
}

impl Fate {
    /// It works at once.
    pub const WORKS: Fate = Fate::at_once(Verdict::Works);

    /// This verdict at once.
    pub const fn at_once(verdict: Verdict) -> Fate {
        Fate { before: None, verdict, after: None }
    }
}

/// Decides the fate of every call.
pub trait Faults: Send + Sync {
    /// The fate of the call that comes now.
    fn fate(&self, call: Call) -> Fate;
}

/// The store.
pub struct FaultyStore {
    inner: SharedStore,
    faults: Arc<dyn Faults>,
    failed: AtomicBool,
}

impl FaultyStore {
    /// A store on another one, which keeps what has happened.
    pub fn new(inner: SharedStore, faults: Arc<dyn Faults>) -> FaultyStore {
        FaultyStore { inner, faults, failed: AtomicBool::new(false) }
    }

    /// Whether it has failed, and answers nothing more.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    fn fail<T>(&self) -> Result<T, StoreError> {
        self.failed.store(true, Ordering::SeqCst);
        Err(StoreError::Failed("the test says so".to_owned()))
    }

    /// A call that is not an append.
    fn around<'a, T: Send + 'a>(
        &'a self,
        call: Call,
        work: impl FnOnce() -> BoxFuture<'a, Result<T, StoreError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let fate = self.faults.fate(call);
        Box::pin(async move {
            if let Some(before) = fate.before {
                before.await;
            }
            if self.has_failed() {
                return Err(StoreError::Closed);
            }
            let answer = match fate.verdict {
                Verdict::Works | Verdict::Lies => work().await?,
                Verdict::FailsBefore | Verdict::FailsTorn(_) => return self.fail(),
                Verdict::FailsAfter => {
                    let _ = work().await?; // it has happened; nobody hears of it
                    return self.fail();
                }
            };
            if let Some(after) = fate.after {
                after.await;
            }
            if self.has_failed() { Err(StoreError::Closed) } else { Ok(answer) }
        })
    }
}

impl Log for FaultyStore {
    fn acquire(&self, partitions: Range<u16>, owner: &str) -> BoxFuture<'_, Result<Epoch, StoreError>> {
        let owner = owner.to_owned();
        self.around(Call::Acquire, move || {
            Box::pin(async move { self.inner.acquire(partitions, &owner).await })
        })
    }

    fn append(&self, batch: Vec<Append>) -> BoxFuture<'_, Result<Vec<Result<u64, Refused>>, StoreError>> {
        let fate = self.faults.fate(Call::Append(batch.len()));
        Box::pin(async move {
            if let Some(before) = fate.before {
                before.await;
            }
            if self.has_failed() {
                return Err(StoreError::Closed);
            }
            let kept = match fate.verdict {
                Verdict::Works | Verdict::FailsAfter => batch,
                Verdict::FailsBefore => Vec::new(),
                Verdict::Lies => return Ok(batch.iter().map(|append| Ok(append.expected + 1)).collect()),
                Verdict::FailsTorn(bits) => {
                    let chosen = |at: usize| bits >> (at % 64) & 1 == 1;
                    batch.into_iter().enumerate().filter(|(at, _)| chosen(*at)).map(|(_, one)| one).collect()
                }
            };
            let answer = if kept.is_empty() { Vec::new() } else { self.inner.append(kept).await? };
            if fate.verdict != Verdict::Works {
                return self.fail();
            }
            if let Some(after) = fate.after {
                after.await;
            }
            if self.has_failed() { Err(StoreError::Closed) } else { Ok(answer) }
        })
    }

    fn read(&self, key: &Key, after: u64) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        let key = key.clone();
        self.around(Call::Read, move || Box::pin(async move { self.inner.read(&key, after).await }))
    }

    fn live(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<LiveKey>, StoreError>> {
        self.around(Call::Live, move || self.inner.live(after, limit))
    }

    fn trim(&self, trim: Trim) -> BoxFuture<'_, Result<Result<(), Refused>, StoreError>> {
        self.around(Call::Append(1), move || self.inner.trim(trim))
    }
}

impl Runs for FaultyStore {
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        let run_id = run_id.clone();
        self.around(Call::Runs, move || Box::pin(async move { self.inner.run(&run_id).await }))
    }

    fn runs(&self, query: RunQuery) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        self.around(Call::Runs, move || self.inner.runs(query))
    }

    fn count(&self, count: RunCount) -> BoxFuture<'_, Result<Vec<Group>, StoreError>> {
        self.around(Call::Runs, move || self.inner.count(count))
    }

    fn attribute_types(&self) -> BoxFuture<'_, Result<Vec<UsedAttribute>, StoreError>> {
        self.around(Call::Runs, move || self.inner.attribute_types())
    }
}

impl Usage for FaultyStore {
    fn used_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        let namespace = namespace.clone();
        self.around(Call::Runs, move || Box::pin(async move { self.inner.used_bytes(&namespace).await }))
    }
}

impl Kv for FaultyStore {
    fn kv_get(&self, namespace: &Namespace, key: &str) -> BoxFuture<'_, Result<Option<KvEntry>, StoreError>> {
        let (namespace, key) = (namespace.clone(), key.to_owned());
        self.around(Call::Kv, move || Box::pin(async move { self.inner.kv_get(&namespace, &key).await }))
    }

    fn kv_list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>, StoreError>> {
        let (namespace, prefix) = (namespace.clone(), prefix.to_owned());
        let after = after.map(str::to_owned);
        self.around(Call::Kv, move || {
            Box::pin(async move { self.inner.kv_list(&namespace, &prefix, after.as_deref(), limit).await })
        })
    }

    fn kv_commit(
        &self,
        namespace: &Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> BoxFuture<'_, Result<KvCommit, StoreError>> {
        let namespace = namespace.clone();
        self.around(Call::Kv, move || {
            Box::pin(async move { self.inner.kv_commit(&namespace, checks, writes).await })
        })
    }
}

impl Blobs for FaultyStore {
    fn blob_put(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Hash, StoreError>> {
        self.around(Call::BlobPut, move || self.inner.blob_put(bytes))
    }

    fn blob_get(&self, hash: &Hash) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let hash = hash.clone();
        self.around(Call::BlobGet, move || Box::pin(async move { self.inner.blob_get(&hash).await }))
    }

    fn blob_release(&self, hashes: Vec<Hash>) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.around(Call::BlobPut, move || self.inner.blob_release(hashes))
    }
}

impl Events for FaultyStore {
    fn event_append(
        &self,
        namespace: &Namespace,
        facts: Vec<Fact>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, StoreError>> {
        let namespace = namespace.clone();
        self.around(Call::Events, move || {
            Box::pin(async move { self.inner.event_append(&namespace, facts).await })
        })
    }

    fn event_read(&self, query: EventQuery) -> BoxFuture<'_, Result<EventPage, StoreError>> {
        self.around(Call::Events, move || self.inner.event_read(query))
    }

    fn event_get(&self, namespace: &Namespace, id: &str) -> BoxFuture<'_, Result<Option<Event>, StoreError>> {
        let (namespace, id) = (namespace.clone(), id.to_owned());
        self.around(Call::Events, move || {
            Box::pin(async move { self.inner.event_get(&namespace, &id).await })
        })
    }

    fn event_prune(&self, namespace: &Namespace, prune: Prune) -> BoxFuture<'_, Result<u64, StoreError>> {
        let namespace = namespace.clone();
        self.around(Call::Events, move || {
            Box::pin(async move { self.inner.event_prune(&namespace, prune).await })
        })
    }

    fn event_namespaces(&self) -> BoxFuture<'_, Result<Vec<Namespace>, StoreError>> {
        // Looked at in passing, when there may be no events at all: no world hangs on it.
        self.inner.event_namespaces()
    }
}
