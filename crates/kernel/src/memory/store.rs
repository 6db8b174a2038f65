//! A store in memory. It keeps every promise of the ports but the one about power cuts.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::BoxFuture;
use crate::id::{Key, Namespace, Partition, RunId};
use crate::port::StoreError;
use crate::port::blob::{Blobs, Hash};
use crate::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use crate::port::log::{Append, Epoch, LiveKey, Log, Refused, Stored};
use crate::port::runs::{RunFilter, RunRow, Runs};

/// The store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<Key, KeyLog>,
    owners: HashMap<u16, Epoch>,
    epoch: u64,
    runs: BTreeMap<RunId, RunRow>,
    kv: BTreeMap<(Namespace, String), KvEntry>,
    kv_version: u64,
    blobs: HashMap<Hash, Vec<u8>>,
}

#[derive(Debug)]
struct KeyLog {
    cursor: u64,
    live: bool,
    records: Vec<Stored>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Every key that has records, in order of creation.
    pub fn keys(&self) -> Vec<Key> {
        let inner = self.lock();
        let mut keys: Vec<_> = inner.keys.iter().map(|(key, log)| (log.cursor, key.clone())).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Inner {
    fn append(&mut self, append: Append) -> Result<u64, Refused> {
        let Partition(partition) = append.key.partition();
        if self.owners.get(&partition).is_some_and(|owner| *owner > append.epoch) {
            return Err(Refused::StaleEpoch);
        }
        let created = self.keys.len() as u64 + 1;
        let actual = self.keys.get(&append.key).map_or(0, |log| log.records.len() as u64);
        if actual != append.expected {
            return Err(Refused::Conflict { actual });
        }
        let empty = || KeyLog { cursor: created, live: false, records: Vec::new() };
        let log = self.keys.entry(append.key).or_insert_with(empty);
        let sequence = actual + 1;
        log.records.push(Stored { sequence, record: append.record });
        log.live = append.live;
        for row in append.rows {
            self.runs.insert(row.run_id.clone(), row);
        }
        Ok(sequence)
    }

    fn kv_commit(&mut self, namespace: &Namespace, checks: &[KvCheck], writes: Vec<KvWrite>) -> KvCommit {
        let version_of = |key: &str| self.kv.get(&(namespace.clone(), key.to_owned())).map(|e| e.version);
        if let Some(failed) = checks.iter().find(|check| version_of(&check.key) != check.version) {
            return KvCommit::Conflict { key: failed.key.clone() };
        }
        self.kv_version += 1;
        let version = self.kv_version;
        for write in writes {
            match write {
                KvWrite::Put { key, value } => {
                    let entry = KvEntry { key: key.clone(), value, version };
                    self.kv.insert((namespace.clone(), key), entry);
                }
                KvWrite::Delete { key } => {
                    self.kv.remove(&(namespace.clone(), key));
                }
            }
        }
        KvCommit::Committed { version }
    }
}

impl Log for MemoryStore {
    fn acquire(&self, partitions: Range<u16>, _owner: &str) -> BoxFuture<'_, Result<Epoch, StoreError>> {
        let mut inner = self.lock();
        inner.epoch += 1;
        let epoch = Epoch(inner.epoch);
        inner.owners.extend(partitions.map(|partition| (partition, epoch)));
        ready(epoch)
    }

    fn append(&self, batch: Vec<Append>) -> BoxFuture<'_, Result<Vec<Result<u64, Refused>>, StoreError>> {
        let mut inner = self.lock();
        ready(batch.into_iter().map(|append| inner.append(append)).collect())
    }

    fn read(&self, key: &Key, after: u64) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        let inner = self.lock();
        let records = inner.keys.get(key).map(|log| log.records.as_slice()).unwrap_or_default();
        ready(records.iter().filter(|stored| stored.sequence > after).cloned().collect())
    }

    fn live(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<LiveKey>, StoreError>> {
        let inner = self.lock();
        let waiting = inner.keys.iter().filter(|(_, log)| log.live && log.cursor > after);
        let mut keys: Vec<_> = waiting
            .map(|(key, log)| LiveKey { cursor: log.cursor, key: key.clone(), records: log.records.clone() })
            .collect();
        keys.sort_by_key(|live| live.cursor);
        keys.truncate(limit);
        ready(keys)
    }
}

impl Runs for MemoryStore {
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        ready(self.lock().runs.get(run_id).cloned())
    }

    fn runs(&self, filter: RunFilter) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        let inner = self.lock();
        let fits = |row: &&RunRow| {
            filter.namespace.as_ref().is_none_or(|namespace| row.key.namespace == *namespace)
                && filter.workflow.as_ref().is_none_or(|workflow| row.workflow == *workflow)
                && filter.status.is_none_or(|status| row.status == status)
                && filter.before.as_ref().is_none_or(|before| row.run_id < *before)
        };
        ready(inner.runs.values().rev().filter(fits).take(filter.limit).cloned().collect())
    }
}

impl Kv for MemoryStore {
    fn kv_get(&self, namespace: &Namespace, key: &str) -> BoxFuture<'_, Result<Option<KvEntry>, StoreError>> {
        ready(self.lock().kv.get(&(namespace.clone(), key.to_owned())).cloned())
    }

    fn kv_list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>, StoreError>> {
        let inner = self.lock();
        let begin = (namespace.clone(), prefix.to_owned());
        let within = |entry: &&KvEntry| after.is_none_or(|after| entry.key.as_str() > after);
        let entries = inner
            .kv
            .range(begin..)
            .take_while(|((owner, key), _)| owner == namespace && key.starts_with(prefix))
            .map(|(_, entry)| entry)
            .filter(within)
            .take(limit)
            .cloned()
            .collect();
        ready(entries)
    }

    fn kv_commit(
        &self,
        namespace: &Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> BoxFuture<'_, Result<KvCommit, StoreError>> {
        ready(self.lock().kv_commit(namespace, &checks, writes))
    }
}

impl Blobs for MemoryStore {
    fn blob_put(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Hash, StoreError>> {
        let hash = Hash::of(&bytes);
        self.lock().blobs.insert(hash.clone(), bytes);
        ready(hash)
    }

    fn blob_get(&self, hash: &Hash) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        ready(self.lock().blobs.get(hash).cloned())
    }
}
