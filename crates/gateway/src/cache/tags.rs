//! Tags and their generations.
//!
//! A generation is a number that only grows. Forgetting the answers of a tag is to give it a new one, durably; nothing is
//! searched for. An answer has its tags with the generations that they had when its work began, and is good as long as they are
//! the same. So work that was begun before is never taken for an answer after, whatever the order in which things happen.
//!
//! The number of a tag is the version of the commit that changed it, plus one; the store never gives a version twice. A tag that
//! was never changed has 1.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nexus_kernel::Json;
use nexus_kernel::cache::CacheRule;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::operation::Operation;
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvWrite};
use nexus_kernel::time::Timestamp;
use ring::digest::{SHA256, digest};

use super::key::hex;
use super::record::Renewed;
use crate::limits::{CACHE_DAYS_MAX, CACHE_SWEPT_MAX, CACHE_TAGS_KNOWN_MAX};

const TAGS: &str = "cache/tag/";

/// What the ids of tags begin with whose generation servers agree on, so that nobody takes it for one of the store.
const SHARED: &str = "redis/";

/// The generation of a tag that was never changed. Zero is one that is not known yet.
const FIRST: u64 = 1;

/// A tag of a namespace, as it is stored: of one length, whatever was written in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TagId(Arc<str>);

impl TagId {
    fn new(text: &str) -> TagId {
        let hash = digest(&SHA256, text.as_bytes());
        let (half, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
        TagId(hex(half).into())
    }

    /// The tag of all answers.
    pub(super) fn of_all() -> TagId {
        TagId::new("all")
    }

    /// The tag of a namespace's answers.
    pub(super) fn of_namespace(namespace: &Namespace) -> TagId {
        TagId::new(&format!("namespace/{namespace}"))
    }

    /// The tag of an operation's answers.
    pub(super) fn of_operation(id: &str) -> TagId {
        TagId::new(&format!("operation/{id}"))
    }

    /// A tag that an author has given, in a namespace.
    pub(super) fn of_tag(namespace: &Namespace, tag: &str) -> TagId {
        TagId::new(&format!("tag/{namespace}/{tag}"))
    }

    /// One that was stored.
    pub(super) fn stored(text: &str) -> TagId {
        TagId(text.into())
    }

    /// The same tag, as servers agree on it.
    pub(super) fn shared(&self) -> TagId {
        TagId(format!("{SHARED}{}", self.0).into())
    }

    /// What stands for the life of Redis, which is a tag of every answer that servers share.
    pub(super) fn of_life() -> TagId {
        TagId(format!("{SHARED}life").into())
    }

    /// Whether servers agree on it.
    pub(super) fn is_shared(&self) -> bool {
        self.0.starts_with(SHARED)
    }

    /// Without what says that servers agree on it.
    pub(super) fn bare(&self) -> &str {
        self.0.strip_prefix(SHARED).unwrap_or(&self.0)
    }

    /// As it is stored.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tags of the answer to a call.
pub(super) fn of(operation: &Operation, rule: &CacheRule, input: &Json) -> Vec<TagId> {
    let namespace = operation.namespace.clone().unwrap_or_default();
    let own = [TagId::of_all(), TagId::of_namespace(&namespace), TagId::of_operation(&operation.id())];
    let declared = rule.tags.iter().filter_map(|tag| tag.fill(input));
    own.into_iter().chain(declared.map(|tag| TagId::of_tag(&namespace, &tag))).collect()
}

/// A tag with the generation that it had at some moment.
#[derive(Clone)]
pub(crate) struct Stamp {
    pub(super) tag: TagId,
    pub(super) generation: u64,
    now: Arc<AtomicU64>,
}

impl Stamp {
    /// Whether the tag still has it.
    pub(super) fn is_current(&self) -> bool {
        self.now.load(Ordering::Acquire) == self.generation
    }
}

type Cells = HashMap<TagId, Arc<AtomicU64>>;

/// The generations of tags: in the store, and in memory as far as they were asked for.
pub(super) struct Generations {
    store: Arc<dyn Kv>,
    cells: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    cells: Cells,
    /// With so many the ones that nobody uses are dropped.
    cells_max: usize,
}

impl Known {
    fn cell(&mut self, tag: &TagId) -> Arc<AtomicU64> {
        if let Some(cell) = self.cells.get(tag) {
            return Arc::clone(cell);
        }
        if self.cells.len() >= self.cells_max.max(CACHE_TAGS_KNOWN_MAX) {
            self.cells.retain(|_, cell| Arc::strong_count(cell) > 1);
            self.cells_max = 2 * self.cells.len();
        }
        Arc::clone(self.cells.entry(tag.clone()).or_default())
    }
}

impl Generations {
    pub(super) fn new(store: Arc<dyn Kv>) -> Generations {
        Generations { store, cells: Mutex::default() }
    }

    fn cell(&self, tag: &TagId) -> Arc<AtomicU64> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).cell(tag)
    }

    /// The generations of tags as they are now.
    pub(super) async fn stamps(&self, tags: &[TagId]) -> Result<Vec<Stamp>, Error> {
        let mut stamps = Vec::with_capacity(tags.len());
        for tag in tags {
            // Whoever changes the tag meanwhile finds this cell, because it is held here; and what is later wins.
            let cell = self.cell(tag);
            if cell.load(Ordering::Acquire) == 0 {
                let found =
                    self.store.kv_get(&Namespace::system(), &format!("{TAGS}{}", tag.as_str())).await?;
                let stored = found.map_or(FIRST, |entry| entry.version.saturating_add(1));
                cell.fetch_max(stored, Ordering::AcqRel);
            }
            let generation = cell.load(Ordering::Acquire);
            stamps.push(Stamp { tag: tag.clone(), generation, now: cell });
        }
        Ok(stamps)
    }

    /// Gives tags new generations.
    pub(super) async fn renew(&self, tags: &[TagId], now: Timestamp) -> Result<(), Error> {
        let cells: Vec<_> = tags.iter().map(|tag| self.cell(tag)).collect();
        let put = |tag: &TagId| KvWrite::Put {
            key: format!("{TAGS}{}", tag.as_str()),
            value: Renewed { at: now }.to_json(),
        };
        let writes = tags.iter().map(put).collect();
        match self.store.kv_commit(&Namespace::system(), Vec::new(), writes).await? {
            KvCommit::Committed { version } => {
                for cell in cells {
                    cell.fetch_max(version.saturating_add(1), Ordering::AcqRel);
                }
                Ok(())
            }
            KvCommit::Conflict { key } => Err(Error::internal(format!("{key} conflicts without a check"))),
        }
    }

    /// Drops changes that nothing can be older than any more: no answer is given for so long.
    pub(super) async fn clean(&self, now: Timestamp) -> Result<(), Error> {
        let system = Namespace::system();
        let life = Duration::from_hours(2 * 24 * CACHE_DAYS_MAX);
        let mut after = None;
        loop {
            let page = self.store.kv_list(&system, TAGS, after.as_deref(), CACHE_SWEPT_MAX).await?;
            let Some(last) = page.last().map(|entry| entry.key.clone()) else { return Ok(()) };
            after = Some(last);
            let is_over = |value: &Json| Renewed::read(value).is_none_or(|it| now.since(it.at) > life);
            for entry in page.into_iter().filter(|entry| is_over(&entry.value)) {
                let check = KvCheck { key: entry.key.clone(), version: Some(entry.version) };
                // One that was changed meanwhile stays.
                self.store.kv_commit(&system, vec![check], vec![KvWrite::Delete { key: entry.key }]).await?;
            }
        }
    }

    /// How many are known in memory.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.cells.lock().unwrap().cells.len()
    }
}
