//! The handle: the ports over the threads.

use std::ops::Range;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nexus_kernel::BoxFuture;
use nexus_kernel::error::Error;
use nexus_kernel::id::{Key, Namespace, RunId};
use nexus_kernel::port::StoreError;
use nexus_kernel::port::blob::{Blobs, Hash};
use nexus_kernel::port::kv::{Kv, KvCheck, KvCommit, KvEntry, KvWrite};
use nexus_kernel::port::log::{Append, Epoch, LiveKey, Log, Refused, Stored, Trim};
use nexus_kernel::port::runs::{RunRow, Runs, UsedAttribute};
use nexus_kernel::visibility::{Group, RunCount, RunQuery};
use tokio::sync::oneshot;

use super::checkpoint::Wake;
use super::health::Health;
use super::job::{Answer, Job};
use super::kv::{Begin, Change};
use super::lock::FolderLock;
use super::readers::Readers;
use super::stats::{Counters, Stats};
use super::{Options, attributes, blobs, kv, log, open, runs};

/// Largest record, value or blob in bytes. SQLite's own limit is about twice that, and meeting it would stop the store.
pub(crate) const ITEM_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A store in one SQLite file. Clones share it; it closes when the last clone is dropped, or by [`SqliteStore::close`].
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pub(super) inner: Arc<Inner>,
}

/// What the clones share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) health: Arc<Health>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) jobs: Sender<Job>,
    pub(crate) wake: Sender<Wake>,
    pub(crate) readers: Readers,
    pub(crate) running: Mutex<Option<Running>>,
}

/// The threads, and the lock that they work under.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) readers: Vec<JoinHandle<()>>,
    pub(crate) checkpointer: JoinHandle<()>,
    pub(crate) writer: JoinHandle<()>,
    pub(crate) lock: FolderLock,
}

impl SqliteStore {
    /// Opens the store of a data folder, or creates it where there is none. Blocks for some milliseconds.
    ///
    /// Errors: `DATA_IN_USE` when another process has it open, `DATA_DAMAGED` and `DATA_NEWER` when the file is not one
    /// this version wrote (nothing is changed then), `STORE_FAILED` when the folder cannot be used.
    pub fn open(options: &Options) -> Result<SqliteStore, Error> {
        open::open(options)
    }

    pub(crate) fn new(inner: Inner) -> SqliteStore {
        SqliteStore { inner: Arc::new(inner) }
    }

    /// What the store has done since it was opened.
    pub fn stats(&self) -> Stats {
        self.inner.counters.read()
    }

    /// Finishes what was asked before, moves everything into the one file and lets go of the folder. Later calls are
    /// answered with [`StoreError::Closed`]. Blocks for as long as a checkpoint takes; a second call does nothing.
    pub fn close(&self) {
        self.inner.close();
    }

    pub(super) async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        let health = &self.inner.health;
        health.check()?;
        let (answer, answered) = oneshot::channel();
        if self.inner.jobs.send(job(answer)).is_err() {
            return Err(health.reason());
        }
        answered.await.unwrap_or_else(|_| Err(health.reason()))
    }
}

impl Inner {
    /// Readers end first, the writer last: its checkpoint needs the file to itself.
    fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Running { readers, checkpointer, writer, lock }) = running else { return };
        self.health.stop(StoreError::Closed);
        for _ in &readers {
            self.readers.end_one();
        }
        readers.into_iter().for_each(join);
        // A thread that is gone already needs no telling.
        let _ = self.wake.send(Wake::Stop);
        join(checkpointer);
        let _ = self.jobs.send(Job::Stop);
        join(writer);
        drop(lock);
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the store panicked");
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

/// Refuses what no file can hold before it reaches the writer, where it would stop everybody.
pub(super) fn check_size(bytes: usize) -> Result<(), StoreError> {
    if bytes <= ITEM_BYTES_MAX {
        return Ok(());
    }
    Err(StoreError::Failed(format!(
        "{bytes} bytes are too many for one item; at most {ITEM_BYTES_MAX} are kept"
    )))
}

impl Log for SqliteStore {
    fn acquire(&self, partitions: Range<u16>, owner: &str) -> BoxFuture<'_, Result<Epoch, StoreError>> {
        let owner = owner.to_owned();
        Box::pin(self.ask(move |answer| Job::Acquire { partitions, owner, answer }))
    }

    fn append(&self, batch: Vec<Append>) -> BoxFuture<'_, Result<Vec<Result<u64, Refused>>, StoreError>> {
        Box::pin(async move {
            check_size(batch.iter().map(|append| append.record.len()).max().unwrap_or(0))?;
            self.ask(move |answer| Job::Append { batch, answer }).await
        })
    }

    fn read(&self, key: &Key, after: u64) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        let key = key.clone();
        Box::pin(self.inner.readers.read(move |connection| log::read(connection, &key, after)))
    }

    fn live(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<LiveKey>, StoreError>> {
        Box::pin(self.inner.readers.read(move |connection| log::live(connection, after, limit)))
    }

    fn trim(&self, trim: Trim) -> BoxFuture<'_, Result<Result<(), Refused>, StoreError>> {
        Box::pin(self.ask(move |answer| Job::Trim { trim, answer }))
    }
}

impl Runs for SqliteStore {
    fn run(&self, run_id: &RunId) -> BoxFuture<'_, Result<Option<RunRow>, StoreError>> {
        let run_id = run_id.clone();
        Box::pin(self.inner.readers.read(move |connection| runs::get(connection, &run_id)))
    }

    fn runs(&self, query: RunQuery) -> BoxFuture<'_, Result<Vec<RunRow>, StoreError>> {
        Box::pin(self.inner.readers.read(move |connection| runs::list(connection, &query)))
    }

    fn count(&self, count: RunCount) -> BoxFuture<'_, Result<Vec<Group>, StoreError>> {
        Box::pin(self.inner.readers.read(move |connection| runs::count(connection, &count)))
    }

    fn attribute_types(&self) -> BoxFuture<'_, Result<Vec<UsedAttribute>, StoreError>> {
        Box::pin(self.inner.readers.read(attributes::types))
    }
}

impl Kv for SqliteStore {
    fn kv_get(&self, namespace: &Namespace, key: &str) -> BoxFuture<'_, Result<Option<KvEntry>, StoreError>> {
        let (namespace, key) = (namespace.clone(), key.to_owned());
        Box::pin(self.inner.readers.read(move |connection| kv::get(connection, &namespace, &key)))
    }

    fn kv_list(
        &self,
        namespace: &Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<KvEntry>, StoreError>> {
        let (namespace, prefix, after) = (namespace.clone(), prefix.to_owned(), after.map(str::to_owned));
        Box::pin(self.inner.readers.read(move |connection| {
            let begin = Begin { prefix: &prefix, after: after.as_deref() };
            kv::list(connection, &namespace, begin, limit)
        }))
    }

    fn kv_commit(
        &self,
        namespace: &Namespace,
        checks: Vec<KvCheck>,
        writes: Vec<KvWrite>,
    ) -> BoxFuture<'_, Result<KvCommit, StoreError>> {
        let namespace = namespace.clone();
        Box::pin(async move {
            let changes: Vec<_> = writes.into_iter().map(Change::from).collect();
            check_size(changes.iter().map(Change::bytes).max().unwrap_or(0))?;
            self.ask(move |answer| Job::Kv { namespace, checks, changes, answer }).await
        })
    }
}

impl Blobs for SqliteStore {
    fn blob_put(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<Hash, StoreError>> {
        Box::pin(async move {
            check_size(bytes.len())?;
            // Hashing takes long enough to keep it from the asynchronous threads and from the writer.
            let look = move |connection: &rusqlite::Connection| {
                let hash = Hash::of(&bytes);
                let is_there = blobs::has(connection, &hash)?;
                Ok((hash, (!is_there).then_some(bytes)))
            };
            let (hash, missing) = self.inner.readers.read(look).await?;
            if let Some(bytes) = missing {
                let hash = hash.clone();
                self.ask(move |answer| Job::Blob { hash, bytes, answer }).await?;
            }
            Ok(hash)
        })
    }

    fn blob_get(&self, hash: &Hash) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let hash = hash.clone();
        Box::pin(self.inner.readers.read(move |connection| blobs::get(connection, &hash)))
    }

    fn blob_release(&self, hashes: Vec<Hash>) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            // Whether anybody uses them takes long to find out: not on the writer's time.
            let look = move |connection: &rusqlite::Connection| blobs::unused(connection, hashes);
            let hashes = self.inner.readers.read(look).await?;
            if hashes.is_empty() {
                return Ok(0);
            }
            self.ask(move |answer| Job::Release { hashes, answer }).await
        })
    }
}
