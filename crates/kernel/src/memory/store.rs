//! A store in memory. It keeps every promise of the ports but the one about power cuts.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::event::EventLogs;
use super::object::Keeping;
use crate::BoxFuture;
use crate::id::{Key, Namespace, Partition, RunId};
use crate::port::StoreError;
use crate::port::blob::{Blobs, Hash};
use crate::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use crate::port::log::{Append, Epoch, LiveKey, Log, Refused, Stored, Trim};
use crate::port::runs::{RunRow, Runs, UsedAttribute};
use crate::port::usage::Usage;
use crate::visibility::filter::{Filter, scalars};
use crate::visibility::query::GROUPS_MAX;
use crate::visibility::{AttributeType, Group, RunCount, RunQuery, Scalar};

/// The store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    keeping: Mutex<Keeping>,
    events: Mutex<EventLogs>,
}

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<Key, KeyLog>,
    owners: HashMap<u16, Epoch>,
    epoch: u64,
    cursor: u64,
    runs: BTreeMap<RunId, RunRow>,
    attribute_types: BTreeMap<(Namespace, String), AttributeType>,
    kv: BTreeMap<(Namespace, String), KvEntry>,
    kv_version: u64,
    blobs: HashMap<Hash, Vec<u8>>,
}

#[derive(Debug)]
struct KeyLog {
    cursor: u64,
    live: bool,
    head: u64,
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

    pub(super) fn keeping(&self) -> MutexGuard<'_, Keeping> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn event_logs(&self) -> MutexGuard<'_, EventLogs> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
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
        let actual = self.keys.get(&append.key).map_or(0, |log| log.head);
        if actual != append.expected {
            return Err(Refused::Conflict { actual });
        }
        let cursor = &mut self.cursor;
        let log = self.keys.entry(append.key).or_insert_with(|| {
            *cursor += 1;
            KeyLog { cursor: *cursor, live: false, head: 0, records: Vec::new() }
        });
        let sequence = actual + 1;
        log.records.push(Stored { sequence, record: append.record });
        log.head = sequence;
        log.live = append.live;
        for row in append.rows {
            for (name, value) in row.attributes.iter() {
                let name = (row.key.namespace.clone(), name.to_owned());
                self.attribute_types.entry(name).or_insert_with(|| value.kind());
            }
            self.runs.insert(row.run_id.clone(), row);
        }
        Ok(sequence)
    }

    fn trim(&mut self, trim: &Trim) -> Result<(), Refused> {
        let Partition(partition) = trim.key.partition();
        if self.owners.get(&partition).is_some_and(|owner| *owner > trim.epoch) {
            return Err(Refused::StaleEpoch);
        }
        for run in &trim.runs {
            self.runs.remove(run);
        }
        if let Some(log) = self.keys.get_mut(&trim.key) {
            log.records.retain(|stored| !trim.sequences.contains(&stored.sequence));
            if log.records.is_empty() {
                self.keys.remove(&trim.key);
                // Numbers of keys are given out again from the last one on, as the embedded store does.
                self.cursor = self.keys.values().map(|log| log.cursor).max().unwrap_or(0);
            }
        }
        Ok(())
    }

    fn list(&self, query: &RunQuery) -> Vec<RunRow> {
        let order = &query.order;
        let mut found: Vec<_> = fitting(&self.runs, query.namespace.as_ref(), query.filter.as_ref())
            .map(|row| (order.cursor(row), row))
            .filter(|(place, _)| query.after.as_ref().is_none_or(|after| order.compare(after, place).is_lt()))
            .collect();
        found.sort_by(|(left, _), (right, _)| order.compare(left, right));
        found.into_iter().take(query.limit).map(|(_, row)| row.clone()).collect()
    }

    fn count(&self, count: &RunCount) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for row in fitting(&self.runs, count.namespace.as_ref(), count.filter.as_ref()) {
            let value = count.group.as_ref().and_then(|by| scalars(row, by)).and_then(|mut all| all.pop());
            match groups.iter_mut().find(|group| group.value == value) {
                Some(group) => group.count += 1,
                None => groups.push(Group { value, count: 1 }),
            }
        }
        if groups.is_empty() && count.group.is_none() {
            groups.push(Group { value: None, count: 0 });
        }
        groups.sort_by(|left, right| right.count.cmp(&left.count).then_with(|| by_value(left, right)));
        groups.truncate(GROUPS_MAX + 1);
        groups
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

/// Groups of one size are in the order of their values, runs without one first.
fn by_value(left: &Group, right: &Group) -> std::cmp::Ordering {
    match (&left.value, &right.value) {
        (Some(left), Some(right)) => Scalar::order(left, right),
        (left, right) => left.is_some().cmp(&right.is_some()),
    }
}

fn fitting<'a>(
    runs: &'a BTreeMap<RunId, RunRow>,
    namespace: Option<&Namespace>,
    filter: Option<&Filter>,
) -> impl Iterator<Item = &'a RunRow> {
    runs.values().filter(move |row| {
        namespace.is_none_or(|namespace| row.key.namespace == *namespace)
            && filter.is_none_or(|filter| filter.fits(row))
    })
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

    fn trim(&self, trim: Trim) -> BoxFuture<'_, Result<Result<(), Refused>, StoreError>> {
        ready(self.lock().trim(&trim))
    }
}

impl Runs for MemoryStore {
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        ready(self.lock().runs.get(run_id).cloned())
    }

    fn runs(&self, query: RunQuery) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        ready(self.lock().list(&query))
    }

    fn count(&self, count: RunCount) -> BoxFuture<'_, Result<Vec<Group>, StoreError>> {
        ready(self.lock().count(&count))
    }

    fn attribute_types(&self) -> BoxFuture<'_, Result<Vec<UsedAttribute>, StoreError>> {
        let inner = self.lock();
        let used = inner.attribute_types.iter();
        ready(used.map(|((owner, name), kind)| (owner.clone(), name.clone(), *kind)).collect())
    }
}

impl Usage for MemoryStore {
    fn used_bytes(&self, namespace: &Namespace) -> BoxFuture<'_, Result<u64, StoreError>> {
        let inner = self.lock();
        let logs = inner.keys.iter().filter(|(key, _)| key.namespace == *namespace);
        let records: usize = logs.flat_map(|(_, log)| &log.records).map(|stored| stored.record.len()).sum();
        let values = inner.kv.iter().filter(|((owner, _), _)| owner == namespace);
        let values: usize = values.map(|(_, entry)| entry.value.to_string().len()).sum();
        drop(inner);
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).bytes(namespace);
        let objects = self.keeping.lock().unwrap_or_else(PoisonError::into_inner).bytes(namespace);
        ready((records + values + events) as u64 + objects)
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

    fn blob_release(&self, hashes: Vec<Hash>) -> BoxFuture<'_, Result<u64, StoreError>> {
        let mut inner = self.lock();
        let used = |hash: &Hash| inner.runs.values().any(|row| row.definition.as_ref() == Some(hash));
        let free: Vec<_> = hashes.into_iter().filter(|hash| !used(hash)).collect();
        let released = free.iter().filter(|hash| inner.blobs.remove(hash).is_some()).count();
        ready(released as u64)
    }
}
