//! Batches in the store: one pair of the system's own namespace for each.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nexus_kernel::code;
use nexus_kernel::error::Error;
use nexus_kernel::id::Namespace;
use nexus_kernel::port::SharedStore;
use nexus_kernel::port::kv::{KvCheck, KvCommit, KvEntry, KvWrite};
use tokio::sync::{Notify, watch};

use crate::batch::Batch;
use crate::shard::taken_over;

/// What the keys begin with.
const PREFIX: &str = "batch/";

/// Pairs read at a time.
const PAGE_PAIRS: usize = 200;

/// The batches of a store.
pub(crate) struct Book {
    store: SharedStore,
    /// Held while a batch is changed: changes of one process follow each other.
    writing: tokio::sync::Mutex<()>,
    /// Batches that somebody works on, or is about to.
    taken: Mutex<HashSet<String>>,
    /// Batches that nobody works on yet.
    waiting: Mutex<Vec<String>>,
    arrived: Notify,
    changes: watch::Sender<()>,
}

impl Book {
    /// The batches of this store.
    pub(crate) fn new(store: SharedStore) -> Book {
        Book {
            store,
            writing: tokio::sync::Mutex::default(),
            taken: Mutex::default(),
            waiting: Mutex::default(),
            arrived: Notify::new(),
            changes: watch::Sender::new(()),
        }
    }

    /// A batch by its id.
    pub(crate) async fn read(&self, id: &str) -> Result<Option<Batch>, Error> {
        let entry = self.store.kv_get(&Namespace::system(), &format!("{PREFIX}{id}")).await?;
        entry.as_ref().map(decode).transpose()
    }

    /// Every batch, in order of ids.
    pub(crate) async fn all(&self) -> Result<Vec<Batch>, Error> {
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.store.kv_list(&Namespace::system(), PREFIX, after.as_deref(), PAGE_PAIRS).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.key.clone());
            for entry in &page {
                all.push(decode(entry)?);
            }
        }
    }

    /// Keeps a new batch, unless there is one of its id: then that is given back. `check` sees all the others.
    pub(crate) async fn add(
        &self,
        batch: &Batch,
        check: impl FnOnce(&[Batch]) -> Result<Vec<String>, Error>,
    ) -> Result<Option<Batch>, Error> {
        let guard = self.writing.lock().await;
        if let Some(found) = self.read(&batch.id).await? {
            return Ok(Some(found));
        }
        let dropped = check(&self.all().await?)?;
        let mut writes = vec![put(batch)?];
        writes.extend(dropped.iter().map(|id| KvWrite::Delete { key: format!("{PREFIX}{id}") }));
        self.commit(KvCheck { key: format!("{PREFIX}{}", batch.id), version: None }, writes).await?;
        drop(guard);
        self.offer(batch.id.clone());
        Ok(None)
    }

    /// Changes a batch; gives it as it is then, durably.
    pub(crate) async fn change(&self, id: &str, change: impl FnOnce(&mut Batch)) -> Result<Batch, Error> {
        let guard = self.writing.lock().await;
        let key = format!("{PREFIX}{id}");
        let found = self.store.kv_get(&Namespace::system(), &key).await?.ok_or_else(|| unknown(id))?;
        let before = decode(&found)?;
        let mut batch = before.clone();
        change(&mut batch);
        if batch != before {
            self.commit(KvCheck { key, version: Some(found.version) }, vec![put(&batch)?]).await?;
        }
        drop(guard);
        self.changes.send_replace(());
        Ok(batch)
    }

    async fn commit(&self, check: KvCheck, writes: Vec<KvWrite>) -> Result<(), Error> {
        match self.store.kv_commit(&Namespace::system(), vec![check], writes).await? {
            KvCommit::Committed { .. } => Ok(()),
            // Only another process can have changed it under this one's hands.
            KvCommit::Conflict { .. } => Err(taken_over()),
        }
    }

    /// Says that a batch wants to be worked on.
    pub(super) fn offer(&self, id: String) {
        if lock(&self.taken).insert(id.clone()) {
            lock(&self.waiting).push(id);
            self.arrived.notify_one();
        }
    }

    /// The batches that want to be worked on.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.waiting))
    }

    /// Waits until there is a batch that wants to be worked on.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Nobody works on a batch any more.
    pub(super) fn release(&self, id: &str) {
        lock(&self.taken).remove(id);
    }

    /// Hears of every change of a batch.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}

/// There is no such batch.
pub(super) fn unknown(id: &str) -> Error {
    Error::new(&code::BATCH_UNKNOWN, format!("there is no batch {id:?}"))
        .help("`nexus batch list` shows the batches")
}

fn put(batch: &Batch) -> Result<KvWrite, Error> {
    let value = serde_json::to_value(batch).map_err(|error| Error::internal(error.to_string()))?;
    Ok(KvWrite::Put { key: format!("{PREFIX}{}", batch.id), value })
}

fn decode(entry: &KvEntry) -> Result<Batch, Error> {
    serde_json::from_value(entry.value.clone()).map_err(|error| {
        Error::new(&code::DATA_DAMAGED, format!("the batch at {:?} cannot be read: {error}", entry.key))
            .help("restore the data folder from a backup")
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
